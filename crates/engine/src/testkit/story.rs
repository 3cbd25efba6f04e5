//! One incident from the page to the review, played by people who go on whatever the engine survives.

use runbook_core::ids::RunId;
use runbook_core::ports::PagerEventKind;
use runbook_core::request::Request;

use super::samples::page;
use super::{Act, Bench, locked};

/// How the rollback goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Course {
    /// It helps.
    Helps,
    /// What it comes to is not healthy, and it is undone.
    IsUndone,
}

/// What people do about a command in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// They look, and say whether it has happened.
    Look,
    /// They order it again, with a yes of the other person.
    Repeat,
}

/// Plays it to its end; `true` when a command was in doubt on the way.
pub(crate) async fn play(bench: &mut Bench, course: Course, doubt: Doubt) -> bool {
    if course == Course::IsUndone {
        bench.world.will("look-at-it", &[Act::Ends(1_000, 0, "broken\n")]);
    }
    bench.pager_says("page", PagerEventKind::Triggered, page("Q1"), None).await;
    bench
        .until("the card shows how triage ended", |bench| {
            let card = locked(&bench.world.chat).card();
            card.and_then(|card| card.triage).is_some_and(|triage| triage.contains("passed"))
        })
        .await;
    bench.pager_says("page-again", PagerEventKind::Triggered, page("Q1"), None).await;
    bench.pager_says("ack", PagerEventKind::Acknowledged, page("Q1"), Some("P-ana")).await;
    bench
        .says(
            "rollback",
            "ana",
            Request::RunbookRollback { service: None, params: [].into(), incident: None },
        )
        .await;
    bench.until("the plan is shown", |bench| !locked(&bench.world.chat).of("plan/").is_empty()).await;
    let run = bench.asked_runs()[0];
    approve(bench, run, "approve").await;
    let doubted = carry_on(bench, run, course, doubt).await;
    bench.says("resolve", "ana", Request::IncidentResolve { incident: None }).await;
    bench
        .until("the pager is asked to resolve", |bench| locked(&bench.world.pager).was_asked_to_resolve())
        .await;
    bench.pager_says("resolved", PagerEventKind::Resolved, page("Q1"), None).await;
    bench
        .until("the review is in the channel, and nothing is left to do", |bench| {
            let data = locked(&bench.data);
            let quiet = data.backlog().is_empty() && data.pending() == 0;
            quiet && !locked(&bench.world.chat).of("review/").is_empty()
        })
        .await;
    doubted
}

/// The other person reads the plan in chat, and says yes to it.
async fn approve(bench: &mut Bench, run: RunId, id: &str) {
    let request = bench.approval(run);
    bench.says(id, "ben", request).await;
}

/// Answers what the run asks, until it is over; `true` when a command was in doubt.
async fn carry_on(bench: &mut Bench, run: RunId, course: Course, doubt: Doubt) -> bool {
    let mut doubted = false;
    for round in 0..50 {
        bench
            .until("the run stops", |bench| !matches!(bench.status(run).as_str(), "running" | "undoing"))
            .await;
        // An answer that is under way is dealt with before the next one is given.
        bench.until("the answers are dealt with", |bench| locked(&bench.data).pending() == 0).await;
        let named = Some(run.to_string());
        match bench.status(run).as_str() {
            "in_doubt" => {
                doubted = true;
                let undoing = bench.run(run).await.0.undoing;
                let happened = bench.world.started(if undoing { "roll-forward" } else { "roll-back" }) > 0;
                let request = match doubt {
                    Doubt::Look if happened => {
                        Request::RunbookMarkDone { run: named, reason: None, step: None }
                    }
                    _ => Request::RunbookRetry { run: named, reason: None, step: None },
                };
                bench.says(&format!("answer {round}"), "ana", request).await;
            }
            "waiting_for_approval" => approve(bench, run, &format!("yes {round}")).await,
            "failed" if course == Course::IsUndone => {
                bench
                    .says(&format!("undo {round}"), "ana", Request::RunbookUndo { run: named, reason: None })
                    .await;
            }
            "succeeded" if course == Course::Helps => return doubted,
            "undone" | "undo_failed" if course == Course::IsUndone => return doubted,
            "running" | "undoing" => {}
            other => panic!("the run is {other}, which the story does not know"),
        }
        bench.until("the answer is dealt with", |bench| locked(&bench.data).pending() == 0).await;
    }
    panic!("the run never ends");
}
