//! Runs that people ask for: approval, refusal, the target's lock, doubt, the end.

use std::time::Duration;

use runbook_core::ids::RunId;
use runbook_core::incident::{IncidentEvent, Status};
use runbook_core::message::ChatMessage;
use runbook_core::people::Actor;
use runbook_core::ports::{PagerEventKind, PagerIncident};
use runbook_core::request::Request;
use runbook_core::run::{RunEvent, Status as RunStatus};

use crate::error::EngineError;
use crate::origin::Asker;
use crate::testkit::{Act, Bench, ROLLBACK, check, locked, page};

fn rollback() -> Request {
    Request::RunbookRollback { service: None, params: [].into(), incident: None }
}

fn restart() -> Request {
    Request::RunbookRun { name: "restart".to_owned(), params: [].into(), section: None, incident: None }
}

fn asker(name: &str) -> Asker {
    Asker { actor: Actor::Person(name.to_owned()), channel: None }
}

/// A paged bench with a rollback that waits for a yes.
async fn waiting() -> (Bench, RunId) {
    let mut bench = Bench::new().await;
    bench.paged().await;
    let answer = bench.ask("rollback", "ana", rollback()).await;
    assert!(answer.contains("waits for approval by 1 other person"), "{answer}");
    let run = bench.asked_runs()[0];
    (bench, run)
}

#[tokio::test(start_paused = true)]
async fn a_rollback_runs_after_another_persons_yes() {
    let (mut bench, run) = waiting().await;
    bench.pass(60_000).await;
    assert_eq!(bench.world.started("roll-back"), 0, "nothing starts before the yes");
    let (state, _) = bench.run(run).await;
    let code = state.fingerprint.code();
    let request = Request::RunbookApprove {
        run: None,
        fingerprint: Some(code),
        reason: Some("v1.2 is bad".to_owned()),
    };
    bench.ask("approve", "ben", request).await;
    bench.pass(10_000).await;
    let (state, events) = bench.run(run).await;
    assert_eq!(state.status, RunStatus::Succeeded);
    assert_eq!(state.approvals.len(), 1);
    assert_eq!(state.approvals[0].by, Actor::Person("ben".to_owned()));
    assert_eq!(state.approvals[0].reason.as_deref(), Some("v1.2 is bad"));
    assert!(matches!(events.last(), Some(RunEvent::Succeeded | RunEvent::MessagePosted { .. })));
    assert_eq!((bench.world.started("roll-back"), bench.world.started("look-at-it")), (1, 1));
    let incident = bench.incident().await;
    assert_eq!(incident.status, Status::Monitoring);
    let chat = locked(&bench.world.chat);
    assert_eq!((chat.of("plan/").len(), chat.of("progress/").len()), (1, 1));
    let ChatMessage::Plan { view, .. } = &chat.of("plan/")[0].message else { panic!("a plan") };
    assert!(view.state.contains("approved by ben; succeeded"), "{}", view.state);
    assert!(!view.waiting, "no buttons are left");
    drop(chat);
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// With several open, a button of one incident's card means that one, and so does a line that names it.
#[tokio::test(start_paused = true)]
async fn a_rollback_serves_the_incident_that_it_names() {
    let mut bench = Bench::new().await;
    let first = bench.paged().await;
    bench.pager_says("page 2", PagerEventKind::Triggered, page("Q2"), None).await;
    bench.pass(10_000).await;
    // from a shell, which is in no incident's channel
    let ask = |incident: Option<&str>| Request::RunbookRollback {
        service: Some("flowengine".to_owned()),
        params: [].into(),
        incident: incident.map(str::to_owned),
    };
    for (named, wanted) in [(None, None), (Some("INC-1"), Some(first.id))] {
        bench.engine.request(&ask(named), &asker("ana")).await.unwrap();
        bench.pass(1_000).await;
        let run = *bench.asked_runs().last().unwrap();
        let (state, _) = bench.run(run).await;
        assert_eq!(state.incident, wanted, "{named:?}");
        bench
            .engine
            .request(&Request::RunbookRefuse { run: None, reason: None }, &asker("ben"))
            .await
            .unwrap();
        bench.pass(1_000).await;
    }
    let unknown = bench.engine.request(&ask(Some("INC-9")), &asker("ana")).await;
    assert!(matches!(unknown, Err(EngineError::NotFound(_))), "{unknown:?}");
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// Whoever may not say yes is told why, and the run still waits.
#[tokio::test(start_paused = true)]
async fn every_refused_yes_is_answered_and_recorded() {
    let (mut bench, run) = waiting().await;
    let no_code = Request::RunbookApprove { run: Some(run.to_string()), fingerprint: None, reason: None };
    let other_code =
        Request::RunbookApprove { run: None, fingerprint: Some("0000".to_owned()), reason: None };
    let table = [
        ("ana", bench.approval(run), "another person must approve it"),
        ("cora", bench.approval(run), "no role that may approve"),
        ("zoe", bench.approval(run), "not a person in blocks.toml"),
        ("ben", no_code, "a yes names what it is a yes to"),
        ("ben", other_code, "the approval names another plan"),
        (
            "ben",
            Request::RunbookApprove { run: Some("ffff".to_owned()), fingerprint: None, reason: None },
            "there is no run 'ffff'",
        ),
        ("cora", Request::RunbookRefuse { run: None, reason: None }, "no role that may decide"),
        ("zoe", Request::RunbookCancel { run: None, reason: None }, "is not known here"),
        ("cora", Request::RunbookCancel { run: None, reason: None }, "may not"),
        (
            "ana",
            Request::RunbookRun {
                name: "rolback".to_owned(),
                params: [].into(),
                section: None,
                incident: None,
            },
            "no runbook 'rolback'",
        ),
        (
            "ana",
            Request::RunbookAnswer { run: None, yes: true, reason: None, step: None },
            "no run for that now",
        ),
        (
            "ana",
            Request::RunbookRollback {
                service: Some("billing".to_owned()),
                params: [].into(),
                incident: None,
            },
            "names no rollback",
        ),
        ("ana", Request::IncidentResolve { incident: None }, "INC-1 stays open: run"),
    ];
    for (n, (user, request, wanted)) in table.into_iter().enumerate() {
        let answer = bench.ask(&format!("no {n}"), user, request).await;
        assert!(answer.contains(wanted), "{n}: {answer}");
        assert_eq!(bench.status(run), "waiting_for_approval", "{n}");
    }
    let (state, _) = bench.run(run).await;
    assert_eq!(state.refused_approvals.len(), 5, "{:?}", state.refused_approvals);
    assert_eq!(bench.world.started("roll-back"), 0);
    assert_eq!(locked(&bench.data).pending(), 0);
    bench.ask("refuse", "ben", Request::RunbookRefuse { run: None, reason: None }).await;
    assert_eq!(bench.status(run), "cancelled");
    let yes = bench.approval(run);
    let answer = bench.ask("too late", "ben", yes).await;
    assert!(answer.contains("is cancelled"), "{answer}");
    assert_eq!(check(&bench), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_target_has_one_run_at_a_time_and_the_holder_is_named() {
    let (mut bench, first) = waiting().await;
    bench.world.will("roll-back", &[Act::Hangs]);
    bench.ask("restart", "ana", restart()).await;
    let second = bench.asked_runs()[1];
    let yes = bench.approval(first);
    bench.ask("approve", "ben", yes).await;
    let yes = bench.approval(second);
    let answer = bench.ask("approve too", "ben", yes).await;
    assert!(answer.contains(&format!("flowengine is locked by run {first} (rollback, running)")), "{answer}");
    assert_eq!(bench.status(second), "waiting_for_approval");
    bench.ask("cancel", "ana", Request::RunbookCancel { run: Some(first.to_string()), reason: None }).await;
    bench.pass(5_000).await;
    let yes = bench.approval(second);
    bench.ask("approve now", "ben", yes).await;
    bench.pass(5_000).await;
    assert_eq!((bench.status(first).as_str(), bench.status(second).as_str()), ("cancelled", "succeeded"));
    assert_eq!(check(&bench), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn of_two_yeses_at_once_one_starts() {
    let (mut bench, first) = waiting().await;
    bench.world.will("roll-back", &[Act::Hangs]);
    bench.world.will("restart-it", &[Act::Hangs]);
    bench.ask("restart", "ana", restart()).await;
    let second = bench.asked_runs()[1];
    let ben = asker("ben");
    let (one, two) = (bench.approval(first), bench.approval(second));
    let (one, two) = tokio::join!(bench.engine.request(&one, &ben), bench.engine.request(&two, &ben));
    assert_eq!(usize::from(one.is_ok()) + usize::from(two.is_ok()), 1, "{one:?} {two:?}");
    let (holder, refused) = if one.is_ok() { (first, two) } else { (second, one) };
    let refused = refused.unwrap_err();
    assert!(matches!(refused, EngineError::Locked(_)));
    assert!(refused.to_string().contains(&holder.to_string()), "{refused}");
    bench.pass(5_000).await;
    assert_eq!(bench.world.started("roll-back") + bench.world.started("restart-it"), 1);
}

/// A button answers what stood beside it: pressed when that is decided, or when the same is asked of a later attempt, it does
/// nothing.
#[tokio::test(start_paused = true)]
async fn a_press_that_comes_late_answers_nothing_else() {
    let (mut bench, run) = waiting().await;
    bench.world.will("look-at-it", &[Act::Ends(100, 0, "broken\n")]);
    let asked = |bench: &Bench| locked(&bench.world.chat).progress_asked(run).expect("it asks something");
    let (state, _) = bench.run(run).await;
    let offered = runbook_core::choices::asked(&state).expect("a yes is asked for");
    let yes = bench.approval(run);
    bench.presses("approve", "ben", yes, &offered).await;
    bench.pass(10_000).await;
    assert_eq!(bench.status(run), "failed");
    let first = asked(&bench);
    let retry = || Request::RunbookRetry { run: Some(run.to_string()), reason: None, step: None };
    let undo = || Request::RunbookUndo { run: Some(run.to_string()), reason: None };
    bench.presses("retry", "ana", retry(), &first).await;
    bench.pass(10_000).await;
    assert_eq!(bench.status(run), "failed", "it failed again");
    let second = asked(&bench);
    assert_ne!(first, second);
    let said = bench.presses("late", "ben", undo(), &first).await;
    assert!(said.contains("what this button answers is decided, and nothing was done"), "{said}");
    assert_eq!((bench.status(run).as_str(), bench.world.started("roll-forward")), ("failed", 0));
    // whoever is not known here learns nothing of how it stands
    let said = bench.presses("stranger", "stranger", undo(), &first).await;
    assert!(said.contains("is not known here") && !said.contains("Roll back"), "{said}");
    bench.presses("in time", "ben", undo(), &second).await;
    bench.pass(10_000).await;
    assert_eq!(bench.world.started("roll-forward"), 1);
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// Edits that only show how a run goes on wait for the chat's limits; the one that asks something does not wait behind them.
#[tokio::test(start_paused = true)]
async fn a_question_does_not_wait_behind_its_own_progress() {
    let (mut bench, run) = waiting().await;
    bench.world.will("roll-back", &[Act::Ends(10_000, 0, "done\n")]);
    bench.world.will("look-at-it", &[Act::Ends(100, 0, "broken\n")]);
    let yes = bench.approval(run);
    bench.ask("approve", "ben", yes).await;
    bench.pass(3_000).await;
    let tries = |bench: &Bench| {
        let tries = &locked(&bench.world.chat).tries;
        tries.iter().filter(|(_, key, _)| key.starts_with("progress/")).count()
    };
    locked(&bench.world.chat).routine_delay = Some(Duration::from_secs(55));
    let before = tries(&bench);
    bench.pass(5_000).await;
    assert_eq!(tries(&bench), before);
    bench.pass(8_000).await;
    assert_eq!(bench.status(run), "failed");
    assert!(locked(&bench.world.chat).progress_asked(run).is_some(), "what it asks is shown");
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// A run that stopped gave its target back: going on with it needs the target again.
#[tokio::test(start_paused = true)]
async fn a_stopped_run_does_not_go_on_while_another_holds_its_target() {
    for request in [
        |run: RunId| Request::RunbookRetry { run: Some(run.to_string()), reason: None, step: None },
        |run: RunId| Request::RunbookUndo { run: Some(run.to_string()), reason: None },
    ] {
        let (mut bench, first) = waiting().await;
        bench.world.will("look-at-it", &[Act::Ends(100, 0, "broken\n")]);
        bench.world.will("restart-it", &[Act::Hangs]);
        let yes = bench.approval(first);
        bench.ask("approve", "ben", yes).await;
        bench.pass(10_000).await;
        assert_eq!(bench.status(first), "failed");
        bench.ask("restart", "ana", restart()).await;
        let second = bench.asked_runs()[1];
        let yes = bench.approval(second);
        bench.ask("approve the other", "ben", yes).await;
        assert_eq!(bench.status(second), "running");
        let before = bench.world.started("");
        let answer = bench.ask("go on", "ana", request(first)).await;
        bench.pass(5_000).await;
        assert_eq!(bench.world.started(""), before, "two runs at once on one target: {answer}");
        assert!(answer.contains(&format!("locked by run {second}")), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_approval_expires_by_its_timer() {
    let (mut bench, run) = waiting().await;
    bench.pass(14 * 60_000).await;
    assert_eq!(bench.status(run), "waiting_for_approval");
    bench.pass(2 * 60_000).await;
    assert_eq!(bench.status(run), "cancelled");
    let (_, events) = bench.run(run).await;
    assert!(events.contains(&RunEvent::ApprovalExpired));
    let yes = bench.approval(run);
    let answer = bench.ask("too late", "ben", yes).await;
    assert!(answer.contains("is cancelled"), "{answer}");
    assert_eq!(bench.world.started("roll-back"), 0);
    let chat = locked(&bench.world.chat);
    let ChatMessage::Plan { view, .. } = &chat.of("plan/")[0].message else { panic!("a plan") };
    assert!(!view.waiting, "no buttons are left: {}", view.state);
}

/// What was shown is what runs: a changed document voids the plan.
#[tokio::test(start_paused = true)]
async fn a_document_that_changed_since_it_was_planned_voids_the_plan() {
    let (mut bench, run) = waiting().await;
    bench.rewrite("rollback", &ROLLBACK.replace("roll-back", "roll-back --harder"));
    let yes = bench.approval(run);
    let answer = bench.ask("approve", "ben", yes).await;
    assert!(answer.contains("rollback has changed since it was planned"), "{answer}");
    assert_eq!(bench.status(run), "cancelled");
    bench.pass(5_000).await;
    assert_eq!(bench.world.started("roll-back"), 0);
    let answer = bench.ask("again", "ana", rollback()).await;
    assert!(answer.contains("waits for approval"), "{answer}");
}

/// An order that waits when a document changes is dropped, and only by a yes that would have counted: the run can still be
/// brought to an end.
#[tokio::test(start_paused = true)]
async fn a_document_that_changed_drops_an_order_and_leaves_the_run_where_it_stood() {
    let (mut bench, run) = waiting().await;
    bench.world.will("roll-back", &[Act::Lost]);
    let yes = bench.approval(run);
    bench.ask("approve", "ben", yes).await;
    bench.pass(10_000).await;
    assert_eq!(bench.status(run), "in_doubt");
    bench.ask("again", "ana", Request::RunbookRetry { run: None, reason: None, step: None }).await;
    bench.rewrite("rollback", &ROLLBACK.replace("roll-back", "roll-back --harder"));
    let yes = bench.approval(run);
    let wrong = Request::RunbookApprove { run: None, fingerprint: Some("0000".to_owned()), reason: None };
    for (n, (user, said)) in
        [("ana", yes.clone()), ("cora", yes.clone()), ("ben", wrong)].into_iter().enumerate()
    {
        let answer = bench.ask(&format!("no {n}"), user, said).await;
        assert!(!answer.contains("has changed"), "{answer}");
        assert_eq!(bench.status(run), "waiting_for_approval", "{user}");
    }
    let answer = bench.ask("yes", "ben", yes).await;
    assert!(
        answer.contains("rollback has changed since it was planned") && answer.contains("stands where"),
        "{answer}"
    );
    assert_eq!(bench.status(run), "in_doubt");
    let done = Request::RunbookMarkDone { run: None, reason: Some("it is back".to_owned()), step: None };
    bench.ask("done", "ana", done).await;
    bench.pass(10_000).await;
    assert_eq!((bench.status(run).as_str(), bench.world.started("roll-back")), ("succeeded", 1));
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// Whoever presses twice has one plan before them.
#[tokio::test(start_paused = true)]
async fn a_plan_that_waits_is_not_made_again() {
    let (mut bench, run) = waiting().await;
    let again = bench.ask("again", "ana", rollback()).await;
    assert!(again.contains("waits already") && again.contains(&bench.code(run)), "{again}");
    assert_eq!(bench.asked_runs(), [run]);
    // somebody else's plan, and another one, are others
    bench.ask("other", "ben", rollback()).await;
    bench.ask("restart", "ana", restart()).await;
    assert_eq!(bench.asked_runs().len(), 3);
    // in one moment, before either is written
    let (restart, ben) = (restart(), asker("ben"));
    let (first, second) =
        tokio::join!(bench.engine.request(&restart, &ben), bench.engine.request(&restart, &ben));
    assert_eq!(first.unwrap().data["id"], second.unwrap().data["id"]);
    assert_eq!(bench.asked_runs().len(), 4);
    assert_eq!(check(&bench), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn what_is_not_as_expected_stops_and_can_be_undone() {
    let (mut bench, run) = waiting().await;
    bench.world.will("look-at-it", &[Act::Ends(1_000, 0, "broken\n")]);
    let yes = bench.approval(run);
    bench.ask("approve", "ben", yes).await;
    bench.pass(10_000).await;
    assert_eq!(bench.status(run), "failed");
    bench.ask("undo", "ana", Request::RunbookUndo { run: Some(run.to_string()), reason: None }).await;
    bench.pass(10_000).await;
    assert_eq!(bench.status(run), "undone");
    assert_eq!(bench.world.started("roll-forward"), 1);
    let answer = bench
        .ask("undo twice", "ana", Request::RunbookUndo { run: Some(run.to_string()), reason: None })
        .await;
    assert!(answer.contains("is undone"), "{answer}");
    assert_eq!(bench.world.started("roll-forward"), 1);
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// A command whose end nobody saw is not repeated and not forgotten.
#[tokio::test(start_paused = true)]
async fn a_lost_command_is_in_doubt_until_a_person_says() {
    let (mut bench, run) = waiting().await;
    bench.world.will("roll-back", &[Act::Lost, Act::Ends(500, 0, "rolled back\n")]);
    let yes = bench.approval(run);
    bench.ask("approve", "ben", yes).await;
    bench.pass(10_000).await;
    assert_eq!(bench.status(run), "in_doubt");
    bench.reboot().await;
    bench.pass(10_000).await;
    assert_eq!((bench.status(run).as_str(), bench.world.started("roll-back")), ("in_doubt", 1));
    bench.ask("again", "ana", Request::RunbookRetry { run: None, reason: None, step: None }).await;
    assert_eq!(bench.status(run), "waiting_for_approval", "repeating it wants a yes of its own");
    let yes = bench.approval(run);
    let answer = bench.ask("own yes", "ana", yes).await;
    assert!(answer.contains("another person"), "{answer}");
    let yes = bench.approval(run);
    bench.ask("yes", "ben", yes).await;
    bench.pass(10_000).await;
    assert_eq!((bench.status(run).as_str(), bench.world.started("roll-back")), ("succeeded", 2));
    assert_eq!(check(&bench), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_command_that_was_never_started_fails_without_doubt() {
    let (mut bench, run) = waiting().await;
    bench.world.will("roll-back", &[Act::NotStarted, Act::Ends(500, 0, "rolled back\n")]);
    let yes = bench.approval(run);
    bench.ask("approve", "ben", yes).await;
    bench.pass(5_000).await;
    assert_eq!((bench.status(run).as_str(), bench.world.started("roll-back")), ("failed", 0));
    bench
        .ask("again", "ana", Request::RunbookRetry { run: Some(run.to_string()), reason: None, step: None })
        .await;
    bench.pass(10_000).await;
    assert_eq!((bench.status(run).as_str(), bench.world.started("roll-back")), ("succeeded", 1));
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// The pager's word does not close an incident under a run.
#[tokio::test(start_paused = true)]
async fn a_resolution_is_held_while_a_run_is_open() {
    let (mut bench, run) = waiting().await;
    bench.pager_says("resolved", PagerEventKind::Resolved, page("Q1"), None).await;
    bench.pass(5_000).await;
    let incident = bench.incident().await;
    assert_eq!(incident.status, Status::Monitoring);
    assert!(locked(&bench.world.chat).notes()[0].contains("It stays in monitoring"));
    assert_eq!(bench.reviews(), Vec::<String>::new());
    bench.ask("refuse", "ana", Request::RunbookRefuse { run: Some(run.to_string()), reason: None }).await;
    bench.ask("resolve", "ana", Request::IncidentResolve { incident: None }).await;
    bench.pass(5_000).await;
    let incident = bench.incident().await;
    assert_eq!(incident.status, Status::Resolved);
    assert_eq!(bench.reviews().len(), 1);
    assert_eq!(locked(&bench.world.chat).of("review/").len(), 1);
    let (_, events) = bench.incident_events(incident.id).await;
    assert_eq!(events.iter().filter(|e| matches!(e, IncidentEvent::ReviewDrafted { .. })).count(), 1);
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// An engine that drains ends what it has begun, starts nothing, and the next one goes on.
#[tokio::test(start_paused = true)]
async fn a_draining_engine_starts_no_new_command() {
    let (mut bench, run) = waiting().await;
    bench.world.will("roll-back", &[Act::Ends(20_000, 0, "rolled back\n")]);
    let yes = bench.approval(run);
    bench.ask("approve", "ben", yes).await;
    assert_eq!(bench.world.started("roll-back"), 1);
    bench.engine.drain(Duration::from_secs(60)).await;
    let (_, events) = bench.run(run).await;
    assert!(
        events.iter().any(|event| matches!(event, RunEvent::CommandEnded { .. })),
        "what had begun is waited for, and recorded"
    );
    // A page that comes now is kept for the next process.
    let other = PagerIncident { service_id: Some("PBILL".to_owned()), ..page("Q2") };
    bench.pager_says("late page", PagerEventKind::Triggered, other, None).await;
    bench.pass(60_000).await;
    assert_eq!(bench.world.started("look-at-it"), 0, "nothing new is started");
    assert_eq!((bench.status(run).as_str(), locked(&bench.data).pending()), ("running", 1));
    bench.reboot().await;
    bench.pass(10_000).await;
    assert_eq!(bench.status(run), "succeeded");
    assert_eq!((bench.world.started("roll-back"), bench.world.started("look-at-it")), (1, 1));
    assert_eq!(locked(&bench.data).incidents.len(), 2);
    assert_eq!(locked(&bench.data).pending(), 0);
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// A drain that runs out of patience leaves a command behind: the next process says that it does not know.
#[tokio::test(start_paused = true)]
async fn a_command_that_outlasts_the_drain_is_in_doubt_afterwards() {
    let (mut bench, run) = waiting().await;
    bench.world.will("roll-back", &[Act::Hangs]);
    let yes = bench.approval(run);
    bench.ask("approve", "ben", yes).await;
    bench.engine.drain(Duration::from_secs(5)).await;
    bench.reboot().await;
    bench.pass(5_000).await;
    assert_eq!((bench.status(run).as_str(), bench.world.started("roll-back")), ("in_doubt", 1));
}
