//! Runbooks in Git: the commit of a plan, what is not as committed, and repositories that are fetched. The system's git, real
//! repositories on this disk, no network.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use blocks_tests::{Finished, base_environment, blocks, run_in, text};
use serde_json::{Value, json};

const ONCE: &str =
    "# Restart\n\n## Step 1: Restart it\n\n```bash {effect=once}\necho ran >> \"$HOME/effects\"\n```\n";
const LOOKS: &str = "# Look\n\n## Step 1: Look\n\n```bash\nuptime\n```\n";

/// A home with a repository that is pushed to (`remote.git`), a work tree of it (`work`), and a folder for Blocks (`blocks`).
struct World {
    home: tempfile::TempDir,
}

impl World {
    async fn new() -> World {
        let world = World { home: tempfile::tempdir().unwrap() };
        std::fs::create_dir(world.at("blocks")).unwrap();
        world.shell("git init -q --bare -b main remote.git && git init -q -b main work").await;
        world.shell("git -C work remote add origin ../remote.git").await;
        world.put("restart.md", ONCE);
        world.put("look.md", LOOKS);
        world.commit().await;
        world
    }

    fn at(&self, path: &str) -> PathBuf {
        self.home.path().join(path)
    }

    fn environment(&self) -> BTreeMap<String, String> {
        let mut environment = base_environment(None, self.home.path());
        for name in ["AUTHOR", "COMMITTER"] {
            environment.insert(format!("GIT_{name}_NAME"), "ana".to_owned());
            environment.insert(format!("GIT_{name}_EMAIL"), "ana@example.com".to_owned());
        }
        environment
    }

    async fn shell(&self, script: &str) -> String {
        let words = ["-e", "-o", "pipefail", "-c", script];
        let done = run_in(Path::new("bash"), &words, &self.environment(), self.home.path()).await;
        assert_eq!(done.code, 0, "{script}: {done:?}");
        done.stdout.trim().to_owned()
    }

    fn put(&self, name: &str, content: &str) {
        std::fs::write(self.at("work").join(name), content).unwrap();
    }

    /// Commits and pushes everything, and gives the commit.
    async fn commit(&self) -> String {
        self.shell(
            "cd work && git add -A && git commit -q --allow-empty -m change && git push -q origin main",
        )
        .await;
        self.shell("git -C work rev-parse HEAD").await
    }

    /// `blocks.toml` with one person who may decide alone, and these lines in `[runbooks]`.
    fn configure(&self, runbooks: &str) {
        let file = format!("[runbooks]\n{runbooks}\n[approvals]\nirreversible = 0\n");
        std::fs::write(self.at("blocks/blocks.toml"), file).unwrap();
    }

    async fn blocks(&self, words: &[&str]) -> Finished {
        run_in(&blocks(), words, &self.environment(), &self.at("blocks")).await
    }

    async fn plan(&self, name: &str) -> Value {
        let planned = self.blocks(&["runbook", "plan", name, "-o", "json"]).await;
        assert_eq!(planned.code, 0, "{planned:?}");
        planned.json()
    }

    fn effects(&self) -> usize {
        std::fs::read_to_string(self.at("effects")).map_or(0, |text| text.lines().count())
    }
}

fn reasons(plan: &Value) -> String {
    plan["risk_reasons"].to_string()
}

#[tokio::test]
async fn a_folder_in_a_work_tree_knows_its_commit_and_what_is_not_as_committed() {
    let world = World::new().await;
    world.configure("paths = [\"../work\"]");
    let commit = world.shell("git -C work rev-parse HEAD").await;
    let clean = world.plan("restart").await;
    assert_eq!((&clean["commit"], &clean["provenance"]["path"]), (&json!(commit), &json!("restart.md")));
    assert_eq!(clean["changed_since_drilled"], json!(null));
    assert!(!reasons(&clean).contains("commit"), "{clean}");
    let said = world.blocks(&["runbook", "plan", "restart"]).await.stdout;
    assert!(said.contains(&format!("commit {} (restart.md)", &commit[..12])), "{said}");
    assert!(said.contains("changed since last drilled"), "{said}");

    // another commit is another fingerprint, even of the same bytes
    world.put("other.md", LOOKS);
    world.commit().await;
    assert_ne!(world.plan("restart").await["fingerprint"], clean["fingerprint"]);

    // modified, staged, untracked
    let spoil = [
        (ONCE.replace("ran", "walked"), "true", "restart.md is modified"),
        (ONCE.replace("ran", "flew"), "git -C work add restart.md", "restart.md is modified"),
        (
            ONCE.to_owned(),
            "git -C work rm -q -f --cached restart.md && git -C work commit -q -m gone",
            "restart.md is untracked",
        ),
    ];
    for (content, script, reason) in spoil {
        world.put("restart.md", &content);
        world.shell(script).await;
        let plan = world.plan("restart").await;
        assert_eq!(plan["risk"], "irreversible", "{plan}");
        assert!(reasons(&plan).contains(reason), "{reason}: {plan}");
        assert!(plan["provenance"]["dirty"].to_string().contains(reason), "{plan}");
    }
    // what only reads by the table stays what it is; by its own word it does not
    world.put("look.md", &LOOKS.replace("uptime", "uptime -p"));
    assert_eq!(world.plan("look").await["risk"], "read-only");
    world.put("look.md", &LOOKS.replace("```bash\n", "```bash {effect=read}\n"));
    let own_word = world.plan("look").await;
    assert_eq!(own_word["risk"], "irreversible");
    assert!(reasons(&own_word).contains("look.md is modified"), "{own_word}");
}

#[tokio::test]
async fn what_is_included_counts_and_a_folder_outside_git_has_no_commit() {
    let world = World::new().await;
    world.configure("paths = [\"../work\"]");
    world.put("outer.md", "# Outer\n\n## Step 1: In\n\n```include\nrunbook: restart\n```\n");
    world.commit().await;
    assert!(!reasons(&world.plan("outer").await).contains("restart.md"));
    world.put("restart.md", &ONCE.replace("ran", "walked"));
    let plan = world.plan("outer").await;
    assert!(reasons(&plan).contains("restart.md is modified"), "{plan}");
    assert!(!reasons(&plan).contains("outer.md"), "{plan}");

    std::fs::create_dir(world.at("plain")).unwrap();
    std::fs::write(world.at("plain/restart.md"), ONCE).unwrap();
    world.configure("paths = [\"../plain\"]");
    let plain = world.plan("restart").await;
    assert_eq!((&plain["provenance"], &plain["commit"]), (&json!(null), &json!(null)));
    // a tracked link to another tracked file is as committed; a link of one's own is not
    world.configure("paths = [\"../work\"]");
    world.put("restart.md", ONCE);
    world.shell("cd work && ln -s restart.md tracked.md && git add tracked.md && git commit -q -m link && ln -s restart.md own.md").await;
    assert!(!reasons(&world.plan("tracked").await).contains(".md"));
    assert!(reasons(&world.plan("own").await).contains("own.md is untracked"));
}

#[tokio::test]
async fn looking_at_a_work_tree_starts_nothing_of_it() {
    let world = World::new().await;
    world.configure("paths = [\"../work\"]");
    let touch = format!("touch {}", world.at("started").display());
    world
        .shell(&format!(
            "cd work && git config core.fsmonitor '{touch}' && git config filter.x.clean '{touch}' && \
             git config core.sshCommand '{touch}' && git config core.pager '{touch}' && \
             git config diff.external '{touch}' && echo '* filter=x' > .gitattributes && \
             for hook in post-index-change pre-auto-gc reference-transaction; do \
             printf '#!/bin/sh\\n{touch}\\n' > .git/hooks/$hook; chmod +x .git/hooks/$hook; done"
        ))
        .await;
    std::fs::remove_file(world.at("started")).unwrap_or_default();
    let mut environment = world.environment();
    // variables of the caller's shell do not lead to another repository
    environment.insert("GIT_DIR".to_owned(), "/nowhere".to_owned());
    environment.insert("GIT_EXTERNAL_DIFF".to_owned(), touch);
    let words = ["runbook", "plan", "restart", "-o", "json"];
    let planned = run_in(&blocks(), &words, &environment, &world.at("blocks")).await;
    assert_eq!(planned.json()["commit"].as_str().map(str::len), Some(40), "{planned:?}");
    assert!(!world.at("started").exists(), "something of the repository was started");
    // one whose commit cannot be told is no reason to trust the file
    world.shell("rm work/.git/HEAD").await;
    let broken = world.plan("restart").await;
    assert!(reasons(&broken).contains("its commit cannot be told"), "{broken}");
}

#[tokio::test]
async fn a_repository_is_fetched_and_its_branch_followed() {
    let world = World::new().await;
    let commit = world.shell("git -C work rev-parse HEAD").await;
    world.configure("git = \"../remote.git\"\nbranch = \"main\"");
    let plan = world.plan("restart").await;
    assert_eq!(plan["commit"], json!(commit));
    assert_eq!(plan["provenance"]["branch"], "main");
    assert!(text(&plan["provenance"]["repository"]).ends_with("/remote.git"), "{plan}");
    assert!(!reasons(&plan).contains(".md"), "{plan}");
    let ran = world.blocks(&["runbook", "run", "restart", "--yes", "-o", "json"]).await;
    assert_eq!((ran.code, world.effects()), (0, 1), "{ran:?}");
    assert_eq!(ran.json()["provenance"]["commit"], json!(commit));
    let verified = world.blocks(&["journal", "verify", "-o", "json"]).await;
    assert_eq!(verified.json()["verified"], true);
    let doctor = world.blocks(&["doctor"]).await;
    assert!(doctor.stdout.contains(&format!("at commit {commit}")), "{doctor:?}");

    world.put("restart.md", &ONCE.replace("Restart it", "Restart it gently"));
    let moved = world.commit().await;
    let doctor = world.blocks(&["doctor"]).await;
    assert_eq!(doctor.code, 0, "{doctor:?}");
    let plan = world.plan("restart").await;
    assert_eq!(plan["commit"], json!(moved));
    assert_eq!(plan["steps"][0]["title"], "Step 1: Restart it gently");
}

/// Whoever renames a runbook in the repository takes nothing else along: rules and triggers that name it are told of by `doctor`.
#[tokio::test]
async fn a_runbook_that_is_renamed_in_the_repository_stops_nothing_else() {
    let world = World::new().await;
    let rest = "[[service]]\nname = \"flowengine\"\n[[rule]]\nname = \"slow\"\ntitle = \".*slow.*\"\nsuggest = [\"look\"]\n[[trigger]]\nname = \"many\"\n                says = \"many incidents\"\ncount = \"incidents\"\nwhen = \">\"\nlimit = 5\nseverity = \"P3\"\npropose = \"restart\"\n";
    let file = format!("[runbooks]\ngit = \"../remote.git\"\n{rest}");
    std::fs::write(world.at("blocks/blocks.toml"), &file).unwrap();
    let named = |doctor: &Finished| {
        ["runbook of the trigger many", "runbook of the rule slow"].map(|what| doctor.stdout.contains(what))
    };
    let doctor = world.blocks(&["doctor"]).await;
    assert!(doctor.code == 0 && named(&doctor) == [false; 2], "{doctor:?}");
    world.shell("cd work && git mv restart.md again.md && git mv look.md see.md").await;
    world.commit().await;
    let doctor = world.blocks(&["doctor"]).await;
    assert!(doctor.code == 1 && named(&doctor) == [true; 2], "{doctor:?}");
    let listed = world.blocks(&["runbook", "list", "-o", "json"]).await;
    assert_eq!(listed.code, 0, "{listed:?}");
    // in a folder of this machine it is a mistake of the file
    let here = file.replace("git = \"../remote.git\"", "paths = [\"../work\"]");
    std::fs::write(world.at("blocks/blocks.toml"), here).unwrap();
    let listed = world.blocks(&["runbook", "list", "-o", "json"]).await;
    assert!(listed.code == 2 && listed.stderr.contains("there is no runbook"), "{listed:?}");
}

#[tokio::test]
async fn a_pin_stays_while_the_branch_moves_and_needs_no_repository_once_it_is_here() {
    let world = World::new().await;
    let pinned = world.shell("git -C work rev-parse HEAD").await;
    world.put("restart.md", &ONCE.replace("Restart it", "Something else"));
    world.commit().await;
    world.configure(&format!("git = \"../remote.git\"\npin = \"{pinned}\""));
    let plan = world.plan("restart").await;
    assert_eq!((&plan["commit"], &plan["provenance"]["pinned"]), (&json!(pinned), &json!(true)));
    assert_eq!(plan["steps"][0]["title"], "Step 1: Restart it");
    std::fs::rename(world.at("remote.git"), world.at("gone.git")).unwrap();
    let again = world.blocks(&["runbook", "plan", "restart", "-o", "json"]).await;
    assert_eq!((again.code, again.stderr.as_str()), (0, ""), "{again:?}");
    assert_eq!(again.json()["fingerprint"], plan["fingerprint"]);

    std::fs::rename(world.at("gone.git"), world.at("remote.git")).unwrap();
    let elsewhere = world.shell("cd work && git checkout -q --orphan side && git commit -q -m side && git push -q origin side && git rev-parse HEAD").await;
    world.configure(&format!("git = \"../remote.git\"\nbranch = \"main\"\npin = \"{elsewhere}\""));
    let refused = world.blocks(&["runbook", "plan", "restart"]).await;
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains("RB0050") && refused.stderr.contains("is not on main"), "{refused:?}");
}

#[tokio::test]
async fn a_branch_that_moves_between_plan_and_approval_voids_the_plan() {
    let world = World::new().await;
    world.configure("git = \"../remote.git\"\nbranch = \"main\"");
    let asked = async || {
        let waits = world.blocks(&["runbook", "run", "restart", "-o", "json"]).await;
        assert_eq!(waits.code, 3, "{waits:?}");
        let list = world.blocks(&["runbook", "status", "-o", "json"]).await.json();
        (text(&list["id"]), text(&list["code"]))
    };
    let approve = async |run: &str, code: &str| {
        world.blocks(&["runbook", "approve", run, "--fingerprint", code, "--reason", "it has to be"]).await
    };
    // a commit that leaves the document as it is changes nothing
    let (run, code) = asked().await;
    world.put("look.md", &LOOKS.replace("Look", "Look again"));
    world.commit().await;
    let approved = approve(&run, &code).await;
    assert_eq!((approved.code, world.effects()), (0, 1), "{approved:?}");

    let (run, code) = asked().await;
    world.put("restart.md", &ONCE.replace("echo ran", "echo twice"));
    world.commit().await;
    let refused = approve(&run, &code).await;
    assert_eq!((refused.code, world.effects()), (3, 1), "{refused:?}");
    assert!(refused.stderr.contains("has changed since it was planned"), "{refused:?}");

    // the files that were laid out are hashed again too
    let (run, code) = asked().await;
    let found =
        world.shell("ls -d blocks/blocks-data/git/*/commits/$(git -C work rev-parse HEAD)/restart.md").await;
    world.shell(&format!("chmod u+w {found} && echo >> {found}")).await;
    let refused = approve(&run, &code).await;
    assert_eq!((refused.code, world.effects()), (3, 1), "{refused:?}");
    let plan = world.plan("restart").await;
    assert!(reasons(&plan).contains("restart.md is modified"), "{plan}");
}

#[tokio::test]
async fn the_last_good_commit_is_used_while_the_repository_is_gone_and_that_is_said() {
    let world = World::new().await;
    world.configure("git = \"../remote.git\"");
    let plan = world.plan("restart").await;
    std::fs::rename(world.at("remote.git"), world.at("gone.git")).unwrap();
    let doctor = world.blocks(&["doctor"]).await;
    assert!(
        doctor.code == 1 && doctor.stdout.contains("RB0050") && doctor.stdout.contains("last good commit"),
        "{doctor:?}"
    );
    let stale = world.blocks(&["runbook", "plan", "restart"]).await;
    assert_eq!(stale.code, 0, "{stale:?}");
    assert!(stale.stdout.contains("this is the last good commit"), "{stale:?}");
    assert!(stale.stderr.contains("cannot be fetched"), "{stale:?}");
    let stale = world.plan("restart").await;
    assert_eq!(stale["commit"], plan["commit"]);
    assert!(stale["provenance"]["unreached_since"].is_string(), "{stale}");
    let ran = world.blocks(&["runbook", "run", "restart", "--yes"]).await;
    assert_eq!((ran.code, world.effects()), (0, 1), "{ran:?}");
    std::fs::rename(world.at("gone.git"), world.at("remote.git")).unwrap();
    assert_eq!(world.blocks(&["doctor"]).await.code, 0);
    assert_eq!(world.plan("restart").await["fingerprint"], plan["fingerprint"]);

    // nothing was ever fetched: no name is looked up elsewhere in its place
    world.configure("git = \"../nowhere.git\"");
    let none = world.blocks(&["runbook", "plan", "rollback_to_previous_version"]).await;
    assert!(none.code == 1 && none.stderr.contains("RB0050"), "{none:?}");
    assert!(none.stderr.contains("hint: "), "{none:?}");
}

#[tokio::test]
async fn a_hostile_repository_leads_nowhere() {
    let world = World::new().await;
    std::fs::write(world.at("secret.md"), ONCE).unwrap();
    let secret = world.at("secret.md").display().to_string();
    world.put("-x.md", ONCE);
    world.put("evil\nname.md", ONCE);
    let touch = format!("touch {}", world.at("started").display());
    world
        .shell(&format!(
            "cd work && mkdir sub && ln -s '{secret}' absolute.md && ln -s ../../../../../../secret.md climbs.md && \
             ln -s .. up && ln -s up/../../../../../../secret.md chained.md && ln -s restart.md fine.md && \
             ln -s '{0}' outside && ln -s /proc/self/environ environ.md && \
             printf '[submodule \"s\"]\\n path = s\\n url = ext::{touch}\\n' > .gitmodules && \
             git update-index --add --cacheinfo 160000,{1},s && \
             for hook in post-checkout post-merge pre-receive; do \
             printf '#!/bin/sh\\n{touch}\\n' > ../remote.git/hooks/$hook; done; \
             git -C ../remote.git config uploadpack.packObjectsHook '{touch}'",
            world.home.path().display(),
            "a1".repeat(20),
        ))
        .await;
    world.commit().await;
    world.shell("chmod +x remote.git/hooks/*").await;
    world.configure("git = \"../remote.git\"");
    for name in ["absolute", "climbs", "chained", "environ", "evil\nname", "-x"] {
        let planned = world.blocks(&["runbook", "plan", "--", name]).await;
        let is_plain = name == "-x";
        assert_eq!(planned.code == 0, is_plain, "{name:?}: {planned:?}");
    }
    assert_eq!(world.plan("fine").await["title"], "Restart");
    assert!(!world.at("started").exists(), "something of the repository was started");
    let laid_out = world.shell("cd blocks/blocks-data/git/*/commits/* && find . -type l | sort").await;
    assert_eq!(laid_out, "./fine.md", "links that lead out are not there");
    let listed = world.blocks(&["runbook", "list", "-o", "json"]).await;
    assert!(!listed.stdout.contains("evil"), "{listed:?}");
    let doctor = world.blocks(&["doctor"]).await;
    assert!(doctor.stdout.contains("left out"), "{doctor:?}");

    // a tree that no honest git would write: a way out as a name
    let commit = world
        .shell(
            "cd work && blob=$(git hash-object -w restart.md) && \
             tree=$( (printf '100644 ../../escaped.md\\0'; printf \"$(echo $blob | sed 's/../\\\\x&/g')\"; \
             printf '100644 restart.md\\0'; printf \"$(echo $blob | sed 's/../\\\\x&/g')\") | \
             git hash-object -t tree -w --literally --stdin) && \
             git commit-tree -m evil $tree && true",
        )
        .await;
    world.shell(&format!("git -C work push -q -f origin {commit}:refs/heads/main")).await;
    assert_eq!(world.blocks(&["doctor"]).await.code, 0);
    assert_eq!(world.plan("restart").await["commit"], json!(commit));
    assert_eq!(world.shell("find blocks -name 'escaped*'").await, "");
}

#[tokio::test]
async fn what_was_drilled_is_compared_with_what_is_planned() {
    let world = World::new().await;
    let drilled = world.shell("git -C work rev-parse HEAD").await;
    let lines = format!("git = \"../remote.git\"\ndrilled = {{ restart = \"{drilled}\" }}");
    world.configure(&lines);
    let same = world.plan("restart").await;
    assert_eq!((&same["changed_since_drilled"], &same["risk"]), (&json!(false), &json!("irreversible")));
    world.put("restart.md", &ONCE.replace("ran", "walked"));
    world.commit().await;
    assert_eq!(world.blocks(&["doctor"]).await.code, 0);
    let changed = world.plan("restart").await;
    assert_eq!(changed["changed_since_drilled"], json!(true));
    assert_ne!(changed["fingerprint"], same["fingerprint"]);
    let said = world.blocks(&["runbook", "plan", "restart"]).await.stdout;
    assert!(said.contains(&format!("changed since last drilled (commit {})", &drilled[..12])), "{said}");
    assert_eq!(world.plan("look").await["changed_since_drilled"], json!(null));
}
