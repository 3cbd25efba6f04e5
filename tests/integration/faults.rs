//! Every step of each shipped runbook failed in turn and run twice, in the sandbox's world; and proof that a runbook
//! that does not clean up is caught.

use blocks_tests::faults::{Case, Fault, Way, play};
use blocks_tests::repository;

/// Worlds at the same time: most of a play is waiting for time limits.
const WORLDS: usize = 4;

fn shipped(name: &str) -> (String, String) {
    let path = repository().join(format!("runbooks/{name}.md"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    (name.to_owned(), text)
}

/// The runbook with one text in place of another, which must be there.
fn with(name: &str, old: &str, new: &str) -> Vec<(String, String)> {
    let (name, text) = shipped(name);
    assert!(text.contains(old), "{old:?} is not in {name}");
    vec![(name, text.replacen(old, new, 1))]
}

#[tokio::test]
async fn every_step_of_the_shipped_runbooks_fails_and_runs_twice_and_the_world_is_clean() {
    let folder = std::fs::read_dir(repository().join("runbooks")).unwrap();
    let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter_map(|name| name.strip_suffix(".md").map(str::to_owned)).collect();
    names.sort();
    assert!(names.len() >= 4, "{names:?}");
    let runbooks: Vec<_> = names.iter().map(|name| shipped(name)).collect();
    let table = play(&runbooks, WORLDS, |_| true).await;
    println!("{}", table.text());
    assert_eq!(table.dirty(), Vec::<&str>::new());
    for row in &table.rows {
        assert_eq!(row.no_return, 0, "{}: a shipped runbook has no point of no return", row.runbook);
        assert!(row.failed >= row.commands / 2, "{row:?}");
    }
}

/// An example with what its `echo`s say done to something, names for its commands, and little time.
fn example(name: &str, replaced: &[(&str, &str)]) -> (String, String) {
    let path = repository().join(format!("docs/examples/{name}.md"));
    let mut text =
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    for (old, new) in replaced {
        assert!(text.contains(old), "{old:?} is not in {name}");
        text = text.replace(old, new);
    }
    (name.to_owned(), text)
}

/// `slow_checkout` and `check_database` are not played: what they change goes through connections (`http`, `sql`) that the
/// engine itself talks to, where no tool on the commands' `PATH` can be made to fail. `examples.rs` runs and undoes them against
/// real servers.
#[tokio::test]
async fn every_step_of_the_examples_that_run_commands_fails_and_the_world_is_clean() {
    let folder = std::fs::read_dir(repository().join("docs/examples")).unwrap();
    let mut names: Vec<_> = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name.ends_with(".md"));
    names.sort();
    assert_eq!(
        names,
        ["check_database.md", "flow.md", "slow_checkout.md"],
        "a new one is played, or said why not"
    );
    let flow = example(
        "flow",
        &[
            ("echo \"", "say \""),
            (
                "{effect=read parallel=look}\nuptime",
                "{name=load timeout=20s effect=read parallel=look}\nuptime",
            ),
            ("{effect=read parallel=look}\ndf", "{name=disk timeout=20s effect=read parallel=look}\ndf"),
            ("{effect=idempotent when=", "{name=drain timeout=20s effect=idempotent when="),
            ("{effect=idempotent foreach=", "{name=restart effect=idempotent foreach="),
            ("{undo effect=idempotent}", "{undo timeout=20s effect=idempotent}"),
            ("{effect=read until=2m every=5s", "{name=wait effect=read until=6s every=1s"),
        ],
    );
    let (name, text) = flow.clone();
    let careless = text.replace("say \"filling eu\"", "say \"leaving eu\"");
    let undone = |case: &Case| case.way == Way::Undo && case.fault == Some(Fault::ExitAfter);
    is_noticed(vec![(name, careless)], undone, "it is as it was before").await;
    // its undo says what it is without having looked before, so the undo of a second run is not where the first had come to
    let table = play(&[flow], WORLDS, |case| case.way != Way::Twice).await;
    println!("{}", table.text());
    assert_eq!(table.dirty(), Vec::<&str>::new());
    assert_eq!((table.rows[0].steps, table.rows[0].commands), (4, 7));
    assert!(table.rows[0].failed > 20, "{:?}", table.rows[0]);
}

/// Whether a broken copy is noticed in the cases that are picked.
async fn is_noticed(runbooks: Vec<(String, String)>, wanted: impl Fn(&Case) -> bool, why: &str) {
    let table = play(&runbooks, 1, wanted).await;
    let dirty = table.dirty();
    assert!(dirty.iter().any(|what| what.contains(why)), "{why}: {dirty:?}");
}

#[tokio::test]
async fn a_runbook_that_does_not_clean_up_is_caught() {
    let undone = |case: &Case| {
        case.way == Way::Undo && matches!(case.fault, Some(Fault::ExitAfter)) && case.command == "stop-portal"
    };
    // the undo of one step is not there
    let undo = "```bash {undo effect=idempotent timeout=30s}\nkubectl scale deployment/onboarding-portal";
    let removed = with("rollback_to_pilot", undo, &undo.replace("```bash {undo ", "```text\n# {"));
    is_noticed(removed, undone, "it is as it was before").await;
    // it is there and does something else
    let wrong = with("rollback_to_pilot", "--replicas=\"$portal_replicas\"", "--replicas=1");
    is_noticed(wrong, undone, "it is as it was before").await;
}

#[tokio::test]
async fn what_must_not_be_repeated_and_says_otherwise_is_caught() {
    let again = |case: &Case| {
        case.way == Way::Again && case.fault == Some(Fault::ExitAfter) && case.command == "rollback"
    };
    let (name, text) = shipped("rollback_to_previous_version");
    let careless =
        text.replacen("{name=rollback effect=once", "{name=rollback effect=idempotent", 1).replacen(
            " --to-revision=\"$previous_revision\"\n# Expected: \"deployment",
            "\n# Expected: \"deployment",
            1,
        );
    assert_ne!(careless, text);
    is_noticed(vec![(name, careless)], again, "does not get through").await;
}
