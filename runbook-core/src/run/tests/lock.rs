//! Taking a target, taking it over, and what is left of a run's time.

use super::*;

fn take_over(name: &str) -> RunCommand {
    RunCommand::TakeOver { by: person(name), reason: "ana is not reachable".to_owned() }
}

fn pause() -> RunCommand {
    RunCommand::Pause { reason: None }
}

/// Applies a command as the engine does: with the lock where it is due.
fn takes(bench: &Bench, name: &str, command: &RunCommand) -> bool {
    let mut command = command.clone();
    if let RunCommand::Approve { fingerprint: Some(named), .. } = &mut command {
        *named = bench.run.fingerprint.code();
    }
    let _ = name;
    decide(&bench.run, &command, bench.now).is_ok_and(|decision| takes_target(&bench.run, &decision))
}

#[test]
fn a_run_takes_its_target_when_it_is_set_going() {
    let mut bench = Bench::of(one(ONCE), 1);
    assert!(takes(&bench, "ben", &approve("ben")), "by the yes");
    bench.give("ben", &approve("ben")).unwrap();
    assert!(!takes(&bench, "ana", &pause()), "it holds it");
    let attempt = bench.starts();
    bench.engine(&fails(attempt));
    assert!(!bench.run.holds_target());
    assert!(takes(&bench, "ana", &RunCommand::Undo));
    assert!(!takes(&bench, "ana", &RunCommand::Retry), "a yes of its own comes first");
    let looks = Bench::approved(vec![step("1", vec![command("look", READ)], vec![])]);
    assert!(!looks.run.holds_target());
}

/// A run that waits for a fresh yes, after what.
fn asked_afresh(how: &str) -> Bench {
    let mut bench = match how {
        "planned" => return Bench::of(one(ONCE), 1),
        "in doubt" | "in doubt, paused" => in_doubt(),
        _ => Bench::approved(two()),
    };
    match how {
        "in doubt" => drop(bench.give("ana", &RunCommand::Retry).unwrap()),
        "in doubt, paused" => {
            bench.give("ana", &pause()).unwrap();
            bench.give("ana", &RunCommand::Retry).unwrap();
        }
        "passed over" => {
            bench.give("ana", &pause()).unwrap();
            bench.give("ana", &RunCommand::PassOver { rest: false, reason: "why".to_owned() }).unwrap();
        }
        "failed" | "failed and passed over" => {
            let attempt = bench.starts();
            bench.engine(&fails(attempt));
            assert!(!bench.run.holds_target(), "what ended holds nothing");
            let skip = RunCommand::PassOver { rest: false, reason: "why".to_owned() };
            bench.give("ana", if how == "failed" { &RunCommand::Retry } else { &skip }).unwrap();
        }
        other => panic!("{other}"),
    }
    bench
}

#[test]
fn what_has_begun_keeps_its_target_while_it_waits_for_a_fresh_yes() {
    // how it was asked, whether it holds its target then, and where it stands without the yes
    for (how, holds, stands) in [
        ("planned", false, "cancelled"),
        ("in doubt", true, "in_doubt"),
        ("in doubt, paused", true, "in_doubt"),
        ("passed over", true, "paused"),
        ("failed", false, "failed"),
        ("failed and passed over", false, "failed"),
    ] {
        let mut bench = asked_afresh(how);
        assert_eq!((bench.status(), bench.run.holds_target()), ("waiting_for_approval", holds), "{how}");
        assert_eq!(bench.replayed().holds_target(), holds, "{how}");
        assert_eq!(takes(&bench, "ben", &approve("ben")), !holds, "{how}: it takes what it has not");
        assert_eq!(bench.give("eva", &take_over("eva")).is_ok(), holds, "{how}: only a holder is taken over");
        for ends in ["refused", "expired", "cancelled"] {
            let mut bench = asked_afresh(how);
            match ends {
                "refused" => drop(bench.give("ben", &refuse("ben")).unwrap()),
                "cancelled" => drop(bench.give("ana", &RunCommand::Cancel { reason: None }).unwrap()),
                _ => {
                    bench.now += Duration::hours(1);
                    bench.engine(&RunCommand::Expire);
                }
            }
            let after = if ends == "cancelled" { ("cancelled", false) } else { (stands, holds) };
            assert_eq!((bench.run.word(), bench.run.holds_target()), after, "{how}, {ends}");
            assert_eq!(bench.replayed().holds_target(), after.1, "{how}, {ends}");
        }
        let mut bench = asked_afresh(how);
        bench.give("ben", &approve("ben")).unwrap();
        assert!(bench.run.holds_target(), "{how}");
        if bench.run.hold.is_some() {
            bench.give("ana", &RunCommand::Resume { reason: None }).unwrap();
        }
        bench.runs_through();
        assert_eq!((bench.status(), bench.run.holds_target()), ("succeeded", false), "{how}");
        laws::check(&bench);
    }
}

#[test]
fn the_number_of_the_taking_stands_in_the_intent() {
    let mut bench = Bench::of(one(ONCE), 1);
    let approve = RunCommand::Approve {
        by: person("ben"),
        may_approve: true,
        fingerprint: Some(bench.run.fingerprint.code()),
        reason: None,
    };
    let mut decision = decide(&bench.run, &approve, bench.now).unwrap();
    take_target(&mut decision, 7);
    assert_eq!(taken_epoch(&decision), Some(7));
    bench.give_decided(&person("ben"), &decision);
    bench.engine(&RunCommand::Advance);
    let RunEvent::CommandStarted { effect, fingerprint, lock_epoch, .. } =
        &bench.events.last().unwrap().event
    else {
        panic!("it starts")
    };
    assert_eq!((*effect, *lock_epoch), (Some(ONCE), Some(7)));
    assert_eq!(fingerprint.as_ref(), Some(&bench.run.fingerprint));
}

/// What an earlier release wrote has no such words, and reads.
#[test]
fn an_intent_of_before_reads() {
    let old = serde_json::json!({
        "type": "command_started",
        "unit": { "step": 0, "role": "main", "index": 0 },
        "attempt": 1,
        "idempotency_key": "r/1/1",
    });
    let event: RunEvent = serde_json::from_value(old.clone()).unwrap();
    assert!(matches!(event, RunEvent::CommandStarted { effect: None, lock_epoch: None, .. }));
    assert_eq!(serde_json::to_value(&event).unwrap(), old, "and is written as it was");
}

#[test]
fn only_a_holder_that_waits_is_taken_over() {
    let mut going = Bench::approved(two());
    assert!(going.give("eva", &take_over("eva")).is_err(), "between two commands");
    let attempt = going.starts();
    assert!(going.give("eva", &take_over("eva")).is_err(), "its command is under way");
    going.give("ana", &pause()).unwrap();
    assert!(going.give("eva", &take_over("eva")).is_err(), "and still is");
    going.engine(&ok(attempt));
    let unreasoned = RunCommand::TakeOver { by: person("eva"), reason: String::new() };
    assert!(going.give("eva", &unreasoned).is_err());
    assert_eq!(words(&going.give("eva", &take_over("eva")).unwrap().events), ["taken_over"]);
    assert_eq!((going.status(), going.run.holds_target()), ("cancelled", false));
    assert_eq!(going.engine(&RunCommand::Advance), [], "it starts nothing more");
    going.give("eva", &RunCommand::Undo).unwrap();
    going.runs_through();
    assert_eq!(going.status(), "undone", "what it did can be undone");
    let mut doubted = in_doubt();
    doubted.give("eva", &take_over("eva")).unwrap();
    assert!(doubted.run.commands.values().any(|phase| matches!(phase, CommandPhase::InDoubt { .. })));
    let mut waiting = Bench::of(one(ONCE), 1);
    assert!(waiting.give("eva", &take_over("eva")).is_err(), "it holds nothing");
    let mut failed_undo = Bench::approved(one(ONCE));
    let attempt = failed_undo.starts();
    failed_undo.engine(&fails(attempt));
    failed_undo.give("ana", &RunCommand::Undo).unwrap();
    let attempt = failed_undo.starts();
    failed_undo.engine(&fails(attempt));
    assert_eq!(failed_undo.status(), "undo_failed");
    let refused = failed_undo.give("eva", &take_over("eva")).unwrap_err().to_string();
    assert!(refused.contains("mark-done"), "{refused}");
    assert!(failed_undo.run.holds_target());
}

fn boxed() -> Vec<crate::plan::PlanStep> {
    let mut steps = two();
    for step in &mut steps {
        step.timebox_s = Some(60);
    }
    steps
}

#[test]
fn what_is_left_of_its_time() {
    let mut request = request(plan(boxed()), 1);
    request.deadline = Some(start_of_day() + Duration::seconds(150));
    let (mut bench, _) = Bench::plan(&request, start_of_day());
    let at = |bench: &Bench, s: i64| bench.run.budget(start_of_day() + Duration::seconds(s));
    let before = at(&bench, 0);
    assert_eq!((before.boxes_s, before.boxes_left_s, before.box_left_ms), (120, 120, None));
    assert_eq!((before.deadline_left_ms, before.exceeds_deadline), (Some(150_000), false));
    assert!(at(&bench, 40).exceeds_deadline);
    bench.give("ben", &approve("ben")).unwrap();
    bench.starts();
    // begun at second 2
    let during = at(&bench, 32);
    assert_eq!((during.box_left_ms, during.boxes_left_s), (Some(30_000), 90));
    assert_eq!(at(&bench, 72).box_left_ms, Some(-10_000));
}

#[test]
fn a_box_that_is_over_ends_nothing_and_asks_before_the_next_change() {
    for (answer, goes_on) in [
        (RunCommand::Answer { yes: true, reason: None }, true),
        (RunCommand::Retry, true),
        (RunCommand::Resume { reason: None }, true),
        (RunCommand::Answer { yes: false, reason: None }, false),
    ] {
        let mut bench = Bench::approved(boxed());
        let attempt = bench.starts();
        bench.now += Duration::seconds(90);
        assert_eq!(bench.engine(&RunCommand::Advance), [], "what runs goes on");
        bench.engine(&ok(attempt));
        let reads = bench.starts();
        bench.engine(&ok(reads));
        let asked = bench.engine(&RunCommand::Advance);
        assert_eq!(words(&asked), ["asked"], "the next one changes something");
        assert_eq!(bench.status(), "paused");
        let said = crate::view::state_words(&bench.run);
        assert!(said.contains("the box of Step 1 (1 min) is over by"), "{said}");
        assert_eq!(bench.engine(&RunCommand::Advance), [], "waiting on is doing nothing");
        bench.give("ana", &answer).unwrap();
        assert_eq!(bench.status(), if goes_on { "running" } else { "failed" }, "{answer:?}");
        if goes_on {
            bench.runs_through();
            assert_eq!(bench.status(), "succeeded");
            assert_eq!(started_ids(&bench), ["a", "b", "c"]);
        }
        laws::check(&bench);
    }
}

#[test]
fn a_target_that_passes_meanwhile_is_asked_about_once() {
    for (deadline_s, asks) in [(1, false), (60, true), (600, false)] {
        let mut request = request(plan(two()), 1);
        request.deadline = Some(start_of_day() + Duration::seconds(deadline_s));
        let (mut bench, _) = Bench::plan(&request, start_of_day());
        bench.now += Duration::seconds(5);
        bench.give("ben", &approve("ben")).unwrap();
        let attempt = bench.starts();
        bench.now += Duration::seconds(90);
        bench.engine(&ok(attempt));
        bench.runs_through();
        assert_eq!(bench.status(), if asks { "paused" } else { "succeeded" }, "{deadline_s}");
        if asks {
            bench.give("ana", &RunCommand::Answer { yes: true, reason: None }).unwrap();
            bench.runs_through();
            assert_eq!(bench.status(), "succeeded");
        }
        laws::check(&bench);
    }
}

#[test]
fn a_repetition_wants_its_code_named_even_by_its_own_requester() {
    let mut request = request(plan(one(AGAIN)), 0);
    request.repeats = Some(crate::ids::RunId(uuid::Uuid::from_u128(9)));
    let (mut bench, _) = Bench::plan(&request, start_of_day());
    let bare = RunCommand::Approve { by: person("ana"), may_approve: true, fingerprint: None, reason: None };
    assert_eq!(words(&bench.give("ana", &bare).unwrap().events), ["approval_refused"]);
    let by = person("ana");
    let reason = Some("the first did not help".to_owned());
    let fingerprint = Some(bench.run.fingerprint.code());
    bench.give("ana", &RunCommand::Approve { by, may_approve: true, fingerprint, reason }).unwrap();
    assert_eq!(bench.status(), "running");
}
