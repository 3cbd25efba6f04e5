//! What a run changes is told to the pager: when it begins to, and how it ends; each once, and nothing of what is private.

use runbook_core::ports::PagerCall;
use runbook_core::request::Request;

use crate::testkit::{Act, Bench, check, locked};

fn changes(bench: &Bench) -> Vec<String> {
    let calls = locked(&bench.world.pager).calls.clone();
    let told = calls.into_iter().filter_map(|call| match call {
        PagerCall::Change { summary, details, .. } => Some(format!("{}: {summary}", details["status"])),
        _ => None,
    });
    told.collect()
}

async fn rolled_back(bench: &mut Bench) {
    let request = Request::RunbookRollback { service: None, params: [].into(), incident: None };
    bench.ask("rollback", "ana", request).await;
    bench.pass(10_000).await;
    assert_eq!(changes(bench), Vec::<String>::new(), "nothing has changed yet");
    let run = bench.asked_runs()[0];
    let yes = bench.approval(run);
    bench.ask("yes", "ben", yes).await;
    bench.until("it is over", |bench| !["running", "planned"].contains(&bench.status(run).as_str())).await;
    bench.pass(60_000).await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_changes_something_is_told_of_when_it_begins_and_when_it_ends() {
    let mut bench = Bench::with(&[], |settings| settings.tells_changes = true).await;
    bench.paged().await;
    assert_eq!(changes(&bench), Vec::<String>::new(), "diagnostics change nothing");
    rolled_back(&mut bench).await;
    let told = changes(&bench);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("begun: ") && told[0].ends_with("on flowengine: begun for ana"), "{told:?}");
    assert!(told[1].starts_with("succeeded: ") && told[1].contains("on flowengine: succeeded, "), "{told:?}");
    assert_eq!(check(&bench), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_and_is_undone_has_another_end() {
    let mut bench = Bench::with(&[], |settings| settings.tells_changes = true).await;
    bench.world.will("look-at-it", &[Act::Ends(1_000, 0, "broken\n")]);
    bench.paged().await;
    rolled_back(&mut bench).await;
    let run = bench.asked_runs()[0];
    let words =
        || changes(&bench).iter().map(|one| one.split(':').next().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(words(), ["begun", "failed"]);
    bench.ask("undo", "ana", Request::RunbookUndo { run: Some(run.to_string()), reason: None }).await;
    bench.pass(60_000).await;
    if bench.status(run) == "waiting_for_approval" {
        let yes = bench.approval(run);
        bench.ask("yes again", "ben", yes).await;
        bench.pass(60_000).await;
    }
    let words: Vec<String> =
        changes(&bench).iter().map(|one| one.split(':').next().unwrap().to_owned()).collect();
    assert_eq!(words, ["begun", "failed", bench.status(run).as_str()]);
    assert_eq!(bench.status(run), "undone");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_told_of_what_is_private_nor_where_nobody_asked_for_it() {
    for (is_private, tells) in [(true, true), (false, false)] {
        let mut bench = Bench::with(&[], |settings| {
            settings.tells_changes = tells;
            settings.services.iter_mut().for_each(|service| service.private = is_private);
        })
        .await;
        bench.paged().await;
        rolled_back(&mut bench).await;
        assert_eq!(bench.status(bench.asked_runs()[0]), "succeeded");
        assert_eq!(changes(&bench), Vec::<String>::new(), "private: {is_private}");
    }
}
