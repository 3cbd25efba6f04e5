use super::*;

/// `git` in a repository, as somebody, at a time in seconds.
fn ask(folder: &Path, at: i64, words: &[&str]) {
    let mut command = git(folder, Reach::Here);
    for who in ["GIT_AUTHOR", "GIT_COMMITTER"] {
        command.env(format!("{who}_NAME"), "Ana").env(format!("{who}_EMAIL"), "ana@example.com");
        command.env(format!("{who}_DATE"), format!("@{at} +0000"));
    }
    command.args(words);
    run(command, Bounds { time: Duration::from_secs(60), output: OUTPUT, folder: None }).unwrap();
}

fn repository() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    ask(folder.path(), 0, &["init", "--quiet", "--template=", "--initial-branch=main", "."]);
    folder
}

/// A commit that writes a file.
fn commit(folder: &Path, at: i64, file: &str, subject: &str) {
    let path = folder.join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, at.to_string()).unwrap();
    ask(folder, at, &["add", "."]);
    ask(folder, at, &["commit", "--quiet", "--allow-empty-message", "-m", subject]);
}

fn of(folder: &Path, tags: Option<&str>, branch: Option<&str>, within: Option<&str>) -> GitDeployments {
    GitDeployments::new(folder.to_owned(), tags, branch, within).unwrap()
}

fn time(at: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(at, 0).unwrap()
}

/// What is seen since then, by words and seconds.
fn seen(deployments: &GitDeployments, since: i64) -> Vec<(String, i64)> {
    let all = deployments.since(time(since)).unwrap();
    all.into_iter().map(|one| (one.text, one.at.unwrap().timestamp())).collect()
}

const DAY: i64 = 1_700_000_000;

#[test]
fn tags_of_a_pattern_by_when_they_were_made() {
    let folder = repository();
    commit(folder.path(), DAY, "a", "first");
    ask(folder.path(), DAY + 300, &["tag", "-a", "v1.1", "-m", "what is new <!channel> `rm`\n\nmore"]);
    commit(folder.path(), DAY + 100, "b", "second");
    ask(folder.path(), DAY + 999, &["tag", "v1.2"]);
    ask(folder.path(), DAY + 999, &["tag", "-a", "nightly-7", "-m", "no deployment"]);
    let tags = of(folder.path(), Some("v*"), None, None);
    let wanted = [
        ("tag v1.1: what is new <!channel> `rm` by Ana".to_owned(), DAY + 300),
        // a name alone has the time of its commit
        ("tag v1.2: second".to_owned(), DAY + 100),
    ];
    assert_eq!(seen(&tags, DAY), wanted);
    assert_eq!(seen(&tags, DAY + 101), wanted[..1]);
    let newest = tags.newest().unwrap().unwrap();
    assert_eq!((newest.version.as_deref(), newest.source.as_deref()), (Some("v1.1"), Some("Git")));
    assert!(seen(&of(folder.path(), Some("release/*"), None, None), 0).is_empty());
}

#[test]
fn commits_of_a_branch_as_the_branch_itself_goes() {
    let folder = repository();
    let path = folder.path();
    commit(path, DAY, "shop/a", "old");
    commit(path, DAY + 10, "shop/b", "shop: faster");
    ask(path, DAY + 10, &["checkout", "--quiet", "-b", "topic"]);
    commit(path, DAY + 20, "shop/c", "only of the topic");
    ask(path, DAY + 20, &["checkout", "--quiet", "main"]);
    commit(path, DAY + 30, "billing/a", "billing: a fix");
    ask(path, DAY + 40, &["merge", "--quiet", "--no-ff", "-m", "merge the topic", "topic"]);
    let words = |deployments: &GitDeployments, since| -> Vec<String> {
        let cut = |text: String| text.split_once(": ").unwrap().1.to_owned();
        seen(deployments, since).into_iter().map(|(text, _)| cut(text)).collect()
    };
    let main = of(path, None, Some("main"), None);
    let all = ["merge the topic by Ana", "billing: a fix by Ana", "shop: faster by Ana", "old by Ana"];
    assert_eq!(words(&main, DAY), all);
    assert_eq!(words(&main, DAY + 11), all[..2]);
    let shop = of(path, None, Some("main"), Some("shop"));
    assert_eq!(words(&shop, DAY), ["merge the topic by Ana", "shop: faster by Ana", "old by Ana"]);
    let commit = main.newest().unwrap().unwrap().version.unwrap();
    assert!(commit.len() == 40 && main.newest().unwrap().unwrap().text.contains(&commit[..7]));
    // a branch that is known of another repository
    ask(path, DAY, &["update-ref", "refs/remotes/origin/live", "refs/heads/topic"]);
    assert_eq!(words(&of(path, None, Some("origin/live"), None), DAY + 11), ["only of the topic by Ana"]);
    let reason = of(path, None, Some("gone"), None).since(time(0)).unwrap_err();
    assert!(reason.contains("refs/remotes/gone"), "{reason}");
}

#[test]
fn what_is_seen_is_bounded_and_a_wrong_place_is_told() {
    let folder = repository();
    for n in 0..25 {
        commit(folder.path(), DAY + n, "a", &"long ".repeat(200));
    }
    let found = of(folder.path(), None, Some("main"), None).since(time(0)).unwrap();
    assert_eq!(found.len(), MOST);
    assert!(found.iter().all(|one| one.text.chars().count() < SUBJECT_MAX + 50));
    let other = tempfile::tempdir().unwrap();
    let reason = of(other.path(), Some("v*"), None, None).since(time(0)).unwrap_err();
    assert!(reason.contains("not a git repository"), "{reason}");
    let reason = of(&other.path().join("gone"), Some("v*"), None, None).since(time(0)).unwrap_err();
    assert!(reason.contains("gone"), "{reason}");
}

/// What the repository's own configuration would start is not started.
#[test]
fn nothing_of_the_repository_runs() {
    let folder = repository();
    let path = folder.path();
    commit(path, DAY, "a", "first");
    let program = path.join("program");
    let ran = path.join("ran");
    std::fs::write(&program, format!("#!/bin/sh\ntouch {}\ncat\n", ran.display())).unwrap();
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let shown = program.display().to_string();
    for (name, value) in [
        ("log.showSignature", "true"),
        ("gpg.program", shown.as_str()),
        ("core.fsmonitor", &shown),
        ("core.pager", &shown),
        ("diff.external", &shown),
        ("filter.x.smudge", &shown),
        ("filter.x.clean", &shown),
        ("diff.x.textconv", &shown),
        ("alias.rev-list", &format!("!{shown}")),
        ("core.hooksPath", &path.display().to_string()),
    ] {
        ask(path, DAY, &["config", name, value]);
    }
    std::fs::write(path.join(".gitattributes"), "* filter=x diff=x\n").unwrap();
    ask(path, DAY, &["tag", "v1"]);
    assert_eq!(seen(&of(path, Some("v*"), None, None), 0).len(), 1);
    assert_eq!(seen(&of(path, None, Some("main"), Some("a")), 0).len(), 1);
    assert!(!ran.exists());
}

#[test]
fn what_git_would_take_for_something_else_is_refused() {
    let wrong = |tags, branch, folder| {
        GitDeployments::new(PathBuf::from("/r"), tags, branch, folder).err().map(|(key, ..)| key)
    };
    for tags in ["v*", "release/[0-9]*", "*", "v1.2"] {
        assert_eq!(wrong(Some(tags), None, None), None, "{tags}");
    }
    for tags in ["", "--exec=x", "a b", "a..b", "/v", "v\n*", "v^{}"] {
        assert_eq!(wrong(Some(tags), None, None), Some("tags"), "{tags:?}");
    }
    assert_eq!(wrong(None, Some("main"), Some("services/shop")), None);
    for branch in ["", "-x", "main..topic", "main:a", "^main"] {
        assert_eq!(wrong(None, Some(branch), None), Some("branch"), "{branch:?}");
    }
    for folder in ["..", "/etc", "", ".git/hooks"] {
        assert_eq!(wrong(None, Some("main"), Some(folder)), Some("folder"), "{folder:?}");
    }
    assert_eq!(wrong(Some("v*"), None, Some("a")), Some("folder"));
    assert_eq!(
        (wrong(None, None, None), wrong(Some("v*"), Some("main"), None)),
        (Some("tags"), Some("tags"))
    );
}
