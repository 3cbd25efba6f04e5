//! An order that gets no yes: the run stands where it stood, and nothing that could be said of it is lost.

use chrono::Duration;

use super::kit::*;
use super::{AGAIN, ONCE, READ, laws, refuse, two, words};
use crate::expectation::Check;
use crate::incident::{IncidentCommand, RunOutcome};
use crate::people::Actor;
use crate::plan::PlannedCommand;
use crate::ports::{Exit, Finished, StateOutcome};
use crate::run::{CommandPhase, Question, Run, RunCommand, RunEvent, Status, Unit, UnitRole};

const DONE: RunCommand = RunCommand::MarkDone { reason: None };

fn skip() -> RunCommand {
    RunCommand::PassOver { rest: false, reason: "not needed".to_owned() }
}

fn why() -> Option<String> {
    Some("seen by hand".to_owned())
}

/// The second of three commands fails; what changes something comes after it.
fn failed() -> Bench {
    let text = |id: &str, text: &str, effect| PlannedCommand { text: text.to_owned(), ..command(id, effect) };
    // what it sets first is there although it failed, so it can be vouched for
    let sets = text("b", "NS=prod\nroll back", ONCE);
    let commands = vec![command("a", AGAIN), sets, text("c", "look \"$NS\"", AGAIN)];
    let mut bench = Bench::approved(vec![step("1", commands, vec![command("back", AGAIN)])]);
    let first = bench.starts();
    bench.engine(&ok(first));
    let second = bench.starts();
    let state = StateOutcome::Written;
    bench.engine(&finish(second, Finished { state, ..finished(Exit::Code { code: 1 }) }));
    assert_eq!(bench.status(), "failed");
    bench
}

/// It is in doubt whether the second of three commands happened.
fn in_doubt() -> Bench {
    let commands = vec![command("a", AGAIN), command("b", ONCE), command("c", AGAIN)];
    let mut bench = Bench::approved(vec![step("1", commands, vec![command("back", AGAIN)])]);
    let first = bench.starts();
    bench.engine(&ok(first));
    let attempt = bench.starts();
    bench.engine(&RunCommand::Lost { attempt, reason: "nobody knows".to_owned() });
    assert_eq!(bench.status(), "in_doubt");
    bench
}

/// A check fails before a change.
fn at_a_guard() -> Bench {
    let mut look = command("look", READ);
    look.expectations = vec![expectation("exit status 0", Check::ExitZero, None)];
    let mut bench = Bench::approved(vec![step("1", vec![look, command("do", ONCE)], vec![])]);
    let attempt = bench.starts();
    bench.engine(&fails(attempt));
    assert!(matches!(bench.run.status, Status::Paused { question: Question::Guard { .. } }));
    bench
}

#[test]
fn without_the_yes_everything_is_as_before() {
    type Make = fn() -> Bench;
    let cases: [(&str, Make, RunCommand); 6] = [
        ("retry of a failure", failed, RunCommand::Retry),
        ("skip of a failure", failed, skip()),
        ("a failure that is said to be done", failed, DONE),
        ("retry of a doubt", in_doubt, RunCommand::Retry),
        ("past a check", at_a_guard, RunCommand::Answer { yes: true, reason: None }),
        ("skip of a check", at_a_guard, skip()),
    ];
    for (case, make, order) in cases {
        for expires in [false, true] {
            let mut bench = make();
            let before = bench.run.clone();
            let told = bench.told.len();
            bench.give("ben", &order).unwrap_or_else(|error| panic!("{case}: {error}"));
            assert_eq!(bench.status(), "waiting_for_approval", "{case}");
            assert_eq!(bench.run.stands_again(), Some(&before.status), "{case}");
            let asked = bench.run.fingerprint.clone();
            let events = if expires {
                bench.now += Duration::minutes(15);
                bench.engine(&RunCommand::Expire)
            } else {
                bench.give("cas", &refuse("cas")).unwrap().events
            };
            assert_eq!(words(&events), ["order_dropped"], "{case}");
            // nothing but its number, and when it ended, is another
            let after = bench.run.clone();
            let (seq, ended_at, orders) = (before.seq, before.ended_at, before.orders.clone());
            assert_eq!(Run { seq, ended_at, orders, ..after }, before, "{case}");
            assert_eq!(bench.run.stands_again(), None, "{case}");
            assert_eq!(crate::choices::question(&bench.run), crate::choices::question(&before), "{case}");
            // the incident knows again how it ended
            let is_failed = matches!(before.status, Status::Failed { .. });
            let ended = |command: &IncidentCommand| {
                matches!(command, IncidentCommand::StandAgain { outcome: RunOutcome::Failed, .. })
            };
            assert_eq!(bench.told[told..].last().is_some_and(ended), is_failed, "{case}");
            laws::check(&bench);
            // what was ordered can be ordered again, and the yes to the first order is none to the second
            bench.give("ben", &order).unwrap_or_else(|error| panic!("{case}: {error}"));
            assert_ne!(bench.run.fingerprint, asked, "{case}");
            bench.give("cas", &approve("cas")).unwrap();
            bench.runs_through();
            assert_eq!(bench.status(), "succeeded", "{case}");
            laws::check(&bench);
        }
    }
}

#[test]
fn whoever_refuses_a_repetition_can_say_that_it_is_done() {
    for make in [failed, in_doubt] {
        let mut bench = make();
        bench.give("ben", &RunCommand::Retry).unwrap();
        bench.give("cas", &refuse("cas")).unwrap();
        let unit = Unit { step: 0, role: UnitRole::Main, index: 1, item: None };
        assert!(bench.run.commands.contains_key(&unit));
        bench.give("cas", &RunCommand::MarkDone { reason: why() }).unwrap();
        if bench.status() == "waiting_for_approval" {
            // cas cannot agree to their own word; ben's order was another one
            assert_eq!(bench.run.whose_yes_counts(&["ana", "ben", "cas", "eva"]), ["ben", "eva"]);
            bench.give("ben", &approve("ben")).unwrap();
        }
        bench.runs_through();
        assert_eq!(bench.status(), "succeeded");
        laws::check(&bench);
    }
}

#[test]
fn a_whole_group_stands_where_it_stood() {
    let member = |id: &str| {
        let mut member = command(id, ONCE);
        member.flow.parallel = Some("group".to_owned());
        member
    };
    let commands = vec![member("a"), member("b"), member("c"), command("d", AGAIN)];
    for order in [RunCommand::Retry, RunCommand::PassOver { rest: true, reason: "enough".to_owned() }] {
        let mut bench = Bench::approved(vec![step("1", commands.clone(), vec![])]);
        bench.engine(&RunCommand::Advance);
        for attempt in 1..=3 {
            bench.engine(&finish(attempt, finished(Exit::Code { code: i32::from(attempt > 1) })));
        }
        bench.engine(&RunCommand::Advance);
        assert_eq!(bench.status(), "failed");
        let before = bench.run.commands.clone();
        bench.give("ben", &order).unwrap();
        assert_ne!(bench.run.commands, before);
        bench.give("cas", &refuse("cas")).unwrap();
        assert_eq!((bench.status(), &bench.run.commands), ("failed", &before), "{order:?}");
        laws::check(&bench);
    }
}

#[test]
fn a_failed_undo_without_the_yes_to_its_repetition_fails_for_the_reason_that_it_had() {
    let mut bench = Bench::approved(two());
    bench.runs_through();
    bench.give("ben", &RunCommand::Undo).unwrap();
    let attempt = bench.starts();
    bench.engine(&fails(attempt));
    assert_eq!(bench.status(), "undo_failed");
    let before = bench.run.status.clone();
    bench.give("ben", &RunCommand::Retry).unwrap();
    let stops: [fn() -> RunCommand; 3] = [
        || refuse("cas"),
        || RunCommand::Cancel { reason: why() },
        || RunCommand::VoidPlan { reason: "it has changed".to_owned() },
    ];
    for (n, stop) in stops.into_iter().enumerate() {
        if n > 0 {
            bench.give("ben", &RunCommand::Retry).unwrap();
        }
        let no = bench.give("cas", &stop()).unwrap();
        assert!(matches!(no.events.as_slice(), [RunEvent::OrderDropped { .. }]), "{n}");
        assert_eq!((&bench.run.status, bench.run.holds_target()), (&before, true), "{n}");
        // people were told, and paged, when it failed
        let stands = |command: &IncidentCommand| {
            matches!(command, IncidentCommand::StandAgain { outcome: RunOutcome::UndoFailed, .. })
        };
        assert!(bench.told.last().is_some_and(stands), "{n}");
    }
    bench.give("ben", &RunCommand::MarkDone { reason: why() }).unwrap();
    laws::check(&bench);
}

#[test]
fn whoever_resumes_meanwhile_lets_nothing_begin_by_itself() {
    let commands = vec![command("a", AGAIN), command("b", AGAIN), command("c", AGAIN)];
    for resumes in [false, true] {
        let mut bench = Bench::approved(vec![step("1", commands.clone(), vec![])]);
        let first = bench.starts();
        bench.give("ben", &RunCommand::Pause { reason: None }).unwrap();
        bench.engine(&ok(first));
        bench.give("ben", &skip()).unwrap();
        assert_eq!(bench.status(), "waiting_for_approval");
        if resumes {
            bench.give("ben", &RunCommand::Resume { reason: None }).unwrap();
        }
        bench.give("cas", &refuse("cas")).unwrap();
        assert_eq!(bench.replayed(), bench.run);
        assert_eq!(bench.run.word(), "paused");
        assert_eq!(bench.engine(&RunCommand::Advance), []);
        let is_passed = |phase: &CommandPhase| matches!(phase, CommandPhase::PassedOver { .. });
        assert!(!bench.run.commands.values().any(is_passed));
        laws::check(&bench);
    }
}

#[test]
fn a_question_is_asked_again_also_where_the_pause_beside_it_was_lifted() {
    let mut bench = in_doubt();
    let before = bench.run.status.clone();
    bench.give("ana", &RunCommand::Pause { reason: None }).unwrap();
    bench.give("ben", &RunCommand::Retry).unwrap();
    bench.give("ana", &RunCommand::Resume { reason: None }).unwrap();
    bench.give("cas", &refuse("cas")).unwrap();
    assert_eq!((&bench.run.status, &bench.run.hold), (&before, &None));
    bench.give("cas", &RunCommand::MarkDone { reason: why() }).unwrap();
    laws::check(&bench);
}

#[test]
fn what_is_ended_while_an_order_waits_ends_as_it_stood() {
    let failed_again = |phase: &CommandPhase| matches!(phase, CommandPhase::Ended { .. });
    let in_doubt_again = |phase: &CommandPhase| matches!(phase, CommandPhase::InDoubt { .. });
    let unit = Unit { step: 0, role: UnitRole::Main, index: 1, item: None };
    type Is = fn(&CommandPhase) -> bool;
    for (make, is) in [(failed as fn() -> Bench, failed_again as Is), (in_doubt, in_doubt_again)] {
        let mut bench = make();
        let before = bench.run.commands.clone();
        bench.give("ben", &RunCommand::Retry).unwrap();
        if bench.run.holds_target() {
            let over = RunCommand::TakeOver { by: person("eva"), reason: "gone".to_owned() };
            bench.give("eva", &over).unwrap();
        } else {
            bench.give("eva", &RunCommand::Cancel { reason: None }).unwrap();
        }
        assert_eq!((bench.status(), &bench.run.commands), ("cancelled", &before));
        assert!(is(&bench.run.commands[&unit]));
        laws::check(&bench);
    }
}

#[test]
fn whoever_ordered_may_take_it_back() {
    let mut bench = failed();
    let no = |by: &Actor| RunCommand::Refuse { by: by.clone(), may_approve: false, reason: None };
    let (root, other) = (Actor::Local("root".to_owned()), Actor::Local("other".to_owned()));
    bench.give_as(&root, &RunCommand::Retry).unwrap();
    assert!(bench.give_as(&other, &no(&other)).is_err());
    bench.give_as(&root, &no(&root)).unwrap();
    assert_eq!(bench.status(), "failed");
}
