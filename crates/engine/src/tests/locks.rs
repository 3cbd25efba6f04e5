//! One run that may change a target at a time, also while the one that has begun waits for people.

use std::collections::BTreeMap;

use runbook_core::ids::RunId;
use runbook_core::people::Actor;
use runbook_core::request::Request;

use crate::origin::Asker;
use crate::testkit::{Act, Bench};

fn asker(name: &str) -> Asker {
    Asker { actor: Actor::Person(name.to_owned()), channel: None }
}

/// A runbook that changes the one target, with a command of its own.
async fn asked(bench: &Bench, name: &str) -> RunId {
    let text = format!(
        "---\nservice: flowengine\n---\n# {name}\n\n## Do\n\n```bash {{name=do effect=once timeout=60s}}\n{name}-it\n```\n"
    );
    bench.rewrite(name, &text);
    let request =
        Request::RunbookRun { name: name.to_owned(), params: BTreeMap::new(), section: None, incident: None };
    let reply = bench.engine.request(&request, &asker("ana")).await.unwrap();
    reply.data["id"].as_str().unwrap().parse().unwrap()
}

async fn yes(bench: &Bench, run: RunId) -> Result<(), String> {
    let fingerprint = Some(bench.run(run).await.0.fingerprint.to_string());
    let request = Request::RunbookApprove { run: Some(run.to_string()), fingerprint, reason: None };
    bench.engine.request(&request, &asker("ben")).await.map(|_| ()).map_err(|error| error.to_string())
}

#[tokio::test(start_paused = true)]
async fn a_run_that_has_begun_keeps_its_target_while_its_repetition_waits_for_a_yes() {
    for goes_on in [true, false] {
        let mut bench = Bench::new().await;
        bench.world.will("drain-it", &[Act::Lost, Act::Ends(10, 0, "")]);
        bench.world.will("other-it", &[Act::Ends(10, 0, "")]);
        let first = asked(&bench, "drain").await;
        yes(&bench, first).await.unwrap();
        bench.pass(1_000).await;
        assert_eq!(bench.status(first), "in_doubt");
        let retry = Request::RunbookRetry { run: Some(first.to_string()), reason: None, step: None };
        bench.engine.request(&retry, &asker("ana")).await.unwrap();
        assert_eq!(bench.status(first), "waiting_for_approval");
        let epoch = bench.run(first).await.0.epoch;
        let second = asked(&bench, "other").await;
        let refused = yes(&bench, second).await.unwrap_err();
        for said in [&*format!("locked by run {first}"), "waits for a fresh yes", "runbook take-over"] {
            assert!(refused.contains(said), "{said}: {refused}");
        }
        if goes_on {
            yes(&bench, first).await.unwrap();
            bench.pass(1_000).await;
            assert_eq!(bench.status(first), "succeeded");
            assert_eq!(bench.run(first).await.0.epoch, epoch, "it had its target all the time");
        } else {
            // without a name: the one that only waits for its first yes holds nothing, and is not meant
            let gone = Request::RunbookTakeOver { run: None, reason: "ben is not reachable".to_owned() };
            bench.engine.request(&gone, &asker("ben")).await.unwrap();
            assert_eq!(bench.status(first), "cancelled");
        }
        yes(&bench, second).await.unwrap();
        bench.pass(1_000).await;
        assert_eq!(bench.status(second), "succeeded");
        assert_eq!(bench.world.started("other-it"), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_asked_of_a_run_is_said_whoever_holds_its_target() {
    let mut bench = Bench::new().await;
    bench.world.will("drain-it", &[Act::Hangs]);
    let first = asked(&bench, "drain").await;
    yes(&bench, first).await.unwrap();
    bench.pass(1_000).await;
    let second = asked(&bench, "other").await;
    let run = || Some(second.to_string());
    for request in [
        Request::RunbookUndo { run: run(), reason: None },
        Request::RunbookRetry { run: run(), reason: None, step: None },
        Request::RunbookMarkDone { run: run(), reason: None, step: None },
        Request::RunbookSkip { run: run(), reason: "why".to_owned(), rest: false, step: None },
    ] {
        let refused = bench.engine.request(&request, &asker("ana")).await.unwrap_err().to_string();
        assert!(!refused.contains("locked") && refused.contains("wait"), "{refused}");
    }
    let cancel = Request::RunbookCancel { run: Some(second.to_string()), reason: None };
    bench.engine.request(&cancel, &asker("ana")).await.unwrap();
    // the beginning of both: what is printed to be typed fits the run
    let both = second.to_string()[..4].to_owned();
    for (request, fits) in [
        (Request::RunbookCancel { run: Some(both.clone()), reason: None }, "cancel"),
        (
            Request::RunbookMarkDone { run: Some(both.clone()), reason: None, step: Some("do".to_owned()) },
            "attach",
        ),
    ] {
        let told = bench.engine.request(&request, &asker("ana")).await.unwrap_err().to_string();
        assert!(told.contains(&format!("blocks runbook {fits} {first}")), "{told}");
        assert!(told.contains(&format!("blocks runbook status {second}")), "{told}");
        assert!(!told.contains("mark-done") && !told.contains(&format!("cancel {second}")), "{told}");
    }
    // one that is paused over its command says how to let it go on
    let pause = Request::RunbookPause { run: Some(first.to_string()), reason: None };
    bench.engine.request(&pause, &asker("ana")).await.unwrap();
    let third = asked(&bench, "third").await;
    let refused = yes(&bench, third).await.unwrap_err();
    assert!(refused.contains(&format!("blocks runbook resume {first}")), "{refused}");
}
