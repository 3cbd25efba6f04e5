//! Faults and crashes: nothing is lost, nothing is doubled, nothing is claimed that is not known.

use std::sync::atomic::Ordering;

use runbook_core::incident::{IncidentEvent, Status};
use runbook_core::ports::PagerEventKind;
use runbook_core::request::Request;
use runbook_core::run::RunEvent;

use crate::testkit::{Act, Bench, Course, Doubt, Sabotage, check, locked, page, play};

const NONE: Vec<String> = Vec::new();

/// The disk is full while a command ends: its outcome waits in memory, and is kept once there is room.
#[tokio::test(start_paused = true)]
async fn an_outcome_survives_a_minute_without_the_store() {
    let mut bench = Bench::new().await;
    bench.world.will("roll-back", &[Act::Ends(10_000, 0, "rolled back\n")]);
    bench.paged().await;
    bench
        .ask("rollback", "ana", Request::RunbookRollback { service: None, params: [].into(), incident: None })
        .await;
    let run = bench.asked_runs()[0];
    let yes = bench.approval(run);
    bench.ask("yes", "ben", yes).await;
    bench.pass(1_000).await;
    assert_eq!(bench.world.started("roll-back"), 1);
    bench.faults.down.store(true, Ordering::SeqCst);
    bench.pass(60_000).await;
    assert_eq!(bench.status(run), "running");
    bench.faults.down.store(false, Ordering::SeqCst);
    bench.pass(15_000).await;
    assert_eq!(bench.status(run), "succeeded");
    assert_eq!((bench.world.started("roll-back"), bench.world.started("look-at-it")), (1, 1));
    let (_, events) = bench.run(run).await;
    assert_eq!(events.iter().filter(|event| matches!(event, RunEvent::CommandEnded { .. })).count(), 2);
    assert_eq!(check(&bench), NONE);
    assert_eq!(locked(&bench.data).backlog(), NONE);
}

/// Looking for what an earlier process left does not touch what this one has begun: not before its command lives, not
/// while it does.
#[tokio::test(start_paused = true)]
async fn what_this_process_has_begun_is_not_taken_for_what_another_left() {
    for wait_ms in [0, 1, 1_000] {
        let mut bench = Bench::new().await;
        bench.world.will("roll-back", &[Act::Ends(10_000, 0, "rolled back\n")]);
        bench.paged().await;
        bench
            .ask(
                "rollback",
                "ana",
                Request::RunbookRollback { service: None, params: [].into(), incident: None },
            )
            .await;
        let run = bench.asked_runs()[0];
        let yes = bench.approval(run);
        bench.says("yes", "ben", yes).await;
        bench.pass(wait_ms).await;
        bench.engine.recover_runs().await.unwrap();
        bench.pass(60_000).await;
        assert_eq!(bench.status(run), "succeeded", "after {wait_ms} ms");
        assert_eq!((bench.world.started("roll-back"), bench.world.started("look-at-it")), (1, 1));
        assert_eq!(check(&bench), NONE);
    }
}

/// A page that comes while the store is away is the sender's to repeat, and is acted on once.
#[tokio::test(start_paused = true)]
async fn commits_that_fail_or_lose_a_race_are_decided_again() {
    for (fails, conflicts) in [(1, 0), (7, 0), (0, 1), (0, 20), (3, 3)] {
        let mut bench = Bench::new().await;
        bench.faults.fail_commits.store(fails, Ordering::SeqCst);
        bench.faults.conflicts.store(conflicts, Ordering::SeqCst);
        play(&mut bench, Course::Helps, Doubt::Look).await;
        assert_eq!(check(&bench), NONE, "{fails} failures, {conflicts} conflicts");
        assert_eq!(bench.incident().await.status, Status::Resolved);
    }
}

/// What is written and not heard of goes on all the same, and nothing is done twice for it.
#[tokio::test(start_paused = true)]
async fn a_run_goes_on_when_the_stores_answers_are_lost() {
    for lost in [1, 2, 3, 5, 8] {
        let mut bench = Bench::new().await;
        bench.paged().await;
        bench
            .ask(
                "rollback",
                "ana",
                Request::RunbookRollback { service: None, params: [].into(), incident: None },
            )
            .await;
        let run = bench.asked_runs()[0];
        let yes = bench.approval(run);
        bench.faults.lose_answers.store(lost, Ordering::SeqCst);
        bench.says("yes", "ben", yes).await;
        bench.pass(120_000).await;
        assert_eq!(bench.status(run), "succeeded", "{lost} answers are lost");
        assert_eq!((bench.world.started("roll-back"), bench.world.started("look-at-it")), (1, 1));
        assert_eq!(check(&bench), NONE, "{lost} answers are lost");
    }
}

/// Diagnostics and reviews that a passing fault kept from beginning begin later, without a restart.
#[tokio::test(start_paused = true)]
async fn what_a_fault_kept_from_beginning_begins_later() {
    let mut bench = Bench::new().await;
    bench.pager_says("page", PagerEventKind::Triggered, page("Q1"), None).await;
    bench.until("the incident is open", |bench| !locked(&bench.data).incidents.is_empty()).await;
    bench.faults.down.store(true, Ordering::SeqCst);
    bench.pass(20_000).await;
    bench.faults.down.store(false, Ordering::SeqCst);
    bench
        .until("triage ended", |bench| {
            let card = locked(&bench.world.chat).card();
            card.and_then(|card| card.triage).is_some_and(|triage| triage.contains("passed"))
        })
        .await;
    assert_eq!(check(&bench), NONE);
}

/// What a story came to.
struct Told {
    lives: usize,
    doubted: bool,
}

/// Plays the story with lives that end at these points.
async fn story(ends: &[u64], course: Course, doubt: Doubt) -> Told {
    story_where(false, ends, course, doubt).await
}

/// The same, where commands outlive the engine or do not.
async fn story_where(survive: bool, ends: &[u64], course: Course, doubt: Doubt) -> Told {
    let mut bench = Bench::with(ends, |_| {}).await;
    bench.world.supervisors_survive.store(survive, Ordering::SeqCst);
    let doubted = play(&mut bench, course, doubt).await;
    let lives = bench.lives;
    let how = format!("lives that end at {ends:?}, {course:?}, {doubt:?}");
    assert_eq!(check(&bench), NONE, "{how}");
    let incident = bench.incident().await;
    assert_eq!(incident.status, Status::Resolved, "{how}");
    {
        let chat = locked(&bench.world.chat);
        assert_eq!((chat.channels.len(), chat.of("card/").len()), (1, 1), "{how}");
        assert_eq!((chat.of("plan/").len(), chat.of("progress/").len()), (1, 1), "{how}");
        assert_eq!(chat.of("review/").len(), 1, "{how}");
        let card = chat.card().unwrap();
        assert_eq!(card.status, "resolved", "{how}: the last edit shows the last state");
    }
    let (_, events) = bench.incident_events(incident.id).await;
    let drafted = events.iter().filter(|event| matches!(event, IncidentEvent::ReviewDrafted { .. })).count();
    assert_eq!(drafted, 1, "{how}");
    assert_eq!(bench.reviews().len(), 1, "{how}: {:?}", bench.reviews());
    let verified = bench.engine.store().verify().await.unwrap();
    assert_eq!(verified.problems, NONE, "{how}");
    Told { lives, doubted }
}

/// The process ends at each point of the story in turn, from `first` on: just before and just after every outside
/// effect. Where that leaves a command in doubt, people once look, and once order it again.
async fn sweep(course: Course, first: u64) {
    let (mut point, mut doubts) = (first, 0);
    loop {
        let told = story(&[point], course, Doubt::Look).await;
        if told.lives == 1 {
            break;
        }
        if told.doubted {
            doubts += 1;
            story(&[point], course, Doubt::Repeat).await;
        }
        point += 1;
    }
    assert!(point > first + 100, "the story ends at point {point}: it does not reach what it should");
    assert!(course == Course::IsUndone || doubts > 0, "no crash left a command in doubt");
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_point_of_a_rollback_that_helps() {
    sweep(Course::Helps, 1).await;
}

/// Until the rollback has run, this story is the one before it.
#[tokio::test(start_paused = true)]
async fn a_crash_at_any_point_of_a_rollback_that_is_undone() {
    sweep(Course::IsUndone, 120).await;
}

/// Where commands outlive the engine, their end is heard by the next one: no crash of it alone leaves a doubt.
#[tokio::test(start_paused = true)]
async fn a_crash_at_any_point_where_commands_go_on() {
    for (course, first) in [(Course::Helps, 1), (Course::IsUndone, 120)] {
        let mut point = first;
        loop {
            let told = story_where(true, &[point], course, Doubt::Look).await;
            assert!(!told.doubted, "{course:?}, a life that ends at {point}");
            if told.lives == 1 {
                break;
            }
            if point % 11 == 0 {
                let told = story_where(true, &[point, 3], course, Doubt::Look).await;
                assert!(!told.doubted, "{course:?}, lives that end at {point} and 3");
            }
            point += 3;
        }
        assert!(point > first + 100, "the story ends at point {point}: it does not reach what it should");
    }
}

/// Two crashes: the second one while the first is being recovered from, or soon after.
#[tokio::test(start_paused = true)]
async fn a_second_crash_during_recovery() {
    for first in (5..200).step_by(13) {
        for second in [1, 2, 7] {
            story(&[first, second], Course::Helps, Doubt::Repeat).await;
        }
    }
}

/// The checker is worth something only if it can fail.
#[tokio::test(start_paused = true)]
async fn the_checker_finds_what_is_broken_on_purpose() {
    for (sabotage, ends, wanted) in [
        (Sabotage::DoubleEffect, None, "started 2 times"),
        (Sabotage::ForgetIntents, None, "without an intent"),
        (Sabotage::PostBlindly, Some("channel/"), "is there 2 times"),
        (Sabotage::PostBlindly, Some("card/"), "is there 2 times"),
    ] {
        let mut bench = Bench::new().await;
        *locked(&bench.world.sabotage) = Some(sabotage);
        if let Some(prefix) = ends {
            locked(&bench.world.chat).faults = vec![(prefix, crate::testkit::ChatFault::AnswerLost)];
        }
        play(&mut bench, Course::Helps, Doubt::Look).await;
        let wrong = check(&bench);
        assert!(wrong.iter().any(|line| line.contains(wanted)), "{sabotage:?}: {wrong:?}");
    }
    let mut bench = Bench::new().await;
    bench.paged().await;
    assert_eq!(check(&bench), NONE);
    *locked(&bench.world.sabotage) = Some(Sabotage::ForgetRows);
    bench.pager_says("ack", PagerEventKind::Acknowledged, page("Q1"), Some("P-ana")).await;
    bench.pass(5_000).await;
    let wrong = check(&bench);
    assert!(wrong.iter().any(|line| line.contains("its row is not what its events say")), "{wrong:?}");
}
