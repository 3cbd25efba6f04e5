//! What is offered when a run stops, what a failed read does, and how an undo is held to its word.

use super::kit::*;
use super::laws;
use super::{AGAIN, ONCE, READ, words};
use crate::choices::{noted_failures, question};
use crate::expectation::Check;
use crate::incident::{IncidentCommand, RunOutcome};
use crate::message::Answer;
use crate::plan::{PlanStep, PlannedCommand, Reversal};
use crate::ports::{Exit, Finished, Output};
use crate::run::{Rejection, RunCommand, RunEvent, Status, Unit, UnitRole};
use crate::runbook::{CommandKind, Effect};

fn text(text: &str, effect: Effect) -> PlannedCommand {
    PlannedCommand { text: text.to_owned(), ..command("c", effect) }
}

fn expecting(mut command: PlannedCommand) -> PlannedCommand {
    command.expectations = vec![expectation("exit code 0", Check::ExitZero, None)];
    command
}

fn answers(bench: &Bench) -> Vec<Answer> {
    question(&bench.run).map(|question| question.answers).unwrap_or_default()
}

#[test]
fn a_failed_read_is_noted_or_asked_about_and_stops_nothing_by_itself() {
    let look = || text("kubectl get pods", READ);
    let guard = || text("pg_isready", READ);
    let sets = || text("POD=$(kubectl get pod -o name)", READ);
    let uses = || text("kubectl delete \"$POD\"", ONCE);
    let query = || PlannedCommand { kind: CommandKind::Promql, ..text("up", READ) };
    let effect = || text("kubectl scale deployment/web --replicas=3", AGAIN);
    // the command that fails, what follows, and what the run is then
    for (failing, later, status) in [
        (look(), vec![effect()], "running"),
        (look(), vec![], "running"),
        (query(), vec![effect()], "running"),
        (text("for a in 1 2; do curl -f x; done", READ), vec![effect()], "running"),
        (expecting(look()), vec![effect()], "paused"),
        (expecting(query()), vec![effect()], "paused"),
        (guard(), vec![effect()], "paused"),
        (sets(), vec![uses()], "paused"),
        (text("cd /srv/web", READ), vec![effect()], "paused"),
        (sets(), vec![effect()], "running"),
        // nothing is left that it could guard: what was to be seen was not
        (expecting(look()), vec![look()], "failed"),
        (guard(), vec![], "failed"),
        // a value that is not there is nothing that a person can vouch for
        (capturing("revision"), vec![effect()], "failed"),
        (effect(), vec![effect()], "failed"),
    ] {
        for (how, event) in [
            ("fails", fails(1)),
            ("times out", finish(1, finished(Exit::TimedOut))),
            ("is not started", RunCommand::NotStarted { attempt: 1, reason: "no bash".to_owned() }),
        ] {
            let place = format!("{} {how}, then {}", failing.text.trim(), later.len());
            let commands: Vec<_> = std::iter::once(failing.clone()).chain(later.clone()).collect();
            let mut bench = Bench::approved(vec![step("1", commands, vec![])]);
            assert_eq!(bench.starts(), 1);
            bench.engine(&event);
            assert_eq!(bench.status(), status, "{place}");
            match status {
                "paused" => {
                    // what comes after it would run without the value that it computes, or in another folder
                    let is_missing = ["POD=", "cd "].iter().any(|gives| failing.text.contains(gives));
                    let mut offered = vec![Answer::Retry, Answer::No];
                    offered.extend((!is_missing).then_some(Answer::GoOn));
                    assert_eq!(answers(&bench), offered, "{place}");
                    let go_on = RunCommand::Answer { yes: true, reason: None };
                    if let Err(refused) = bench.give("ana", &go_on) {
                        assert!(is_missing, "{place}: {refused}");
                        continue;
                    }
                    bench.give("ben", &approve("ben")).unwrap();
                    bench.runs_through();
                    assert_eq!(bench.status(), "succeeded", "{place}: a person says to go on");
                }
                "running" => {
                    bench.runs_through();
                    assert_eq!(bench.status(), "succeeded", "{place}");
                    let noted = noted_failures(&bench.run).len();
                    assert_eq!(noted, usize::from(how != "is not started"), "{place}");
                }
                _ => {}
            }
            laws::check(&bench);
        }
    }
}

#[test]
fn a_guard_that_is_refused_ends_the_run_and_one_that_is_retried_looks_again() {
    let guarded = || {
        let commands = vec![expecting(text("curl -f x", READ)), text("kubectl apply -f x", AGAIN)];
        let mut bench = Bench::approved(vec![step("1", commands, vec![])]);
        bench.starts();
        bench.engine(&fails(1));
        bench
    };
    let mut bench = guarded();
    bench.give("ana", &RunCommand::Answer { yes: false, reason: None }).unwrap();
    assert_eq!(bench.status(), "failed");
    let mut bench = guarded();
    bench.give("ana", &RunCommand::Retry).unwrap();
    assert_eq!(bench.status(), "running");
    bench.runs_through();
    assert_eq!((bench.status(), bench.run.attempts), ("succeeded", 3));
}

fn late(effect: Effect) -> Bench {
    let mut slow = command("slow", effect);
    slow.expectations = vec![expectation("within 5s", Check::ExitZero, Some(5_000))];
    let steps = vec![step("1", vec![command("do", AGAIN), slow], vec![command("back", AGAIN)])];
    let mut bench = Bench::approved(steps);
    bench.starts();
    bench.engine(&ok(1));
    bench.starts();
    bench.engine(&finish(2, Finished { elapsed_ms: 9_000, ..finished(Exit::Code { code: 0 }) }));
    bench
}

#[test]
fn the_safe_choices_come_first_and_undoing_last() {
    let stopped = |steps: Vec<PlanStep>, rolls_back: bool| {
        let mut request = request(plan(steps), 1);
        request.plan.rolls_back = rolls_back;
        request.fingerprint = request.plan.fingerprint().unwrap();
        let (mut bench, _) = Bench::plan(&request, start_of_day());
        bench.give("ben", &approve("ben")).unwrap();
        bench.starts();
        bench
    };
    let undoable = || vec![step("1", vec![command("do", AGAIN)], vec![command("back", AGAIN)])];
    let no_return = || vec![step("1", vec![command("do", ONCE)], vec![])];
    let mut bench = stopped(undoable(), false);
    bench.engine(&fails(1));
    assert_eq!(answers(&bench), [Answer::Retry, Answer::MarkDone, Answer::Undo]);
    let mut bench = stopped(undoable(), true);
    bench.engine(&fails(1));
    assert_eq!(
        answers(&bench),
        [Answer::Retry, Answer::MarkDone, Answer::GoBack],
        "a rollback's undo is called what it is"
    );
    let mut earlier = undoable();
    earlier[0].commands[0].text = "kubectl rollout undo deployment/web --to-revision=7".to_owned();
    let mut bench = stopped(earlier, false);
    bench.engine(&fails(1));
    assert_eq!(answers(&bench), [Answer::Retry, Answer::MarkDone, Answer::GoBack]);
    assert_eq!(bench.run.plan.reversal(0), Reversal::GoesBack);

    let mut bench = stopped(no_return(), false);
    bench.engine(&fails(1));
    let asked = question(&bench.run).unwrap();
    assert_eq!(asked.answers, [Answer::Retry, Answer::MarkDone]);
    assert!(asked.evidence.iter().any(|known| known.contains("point of no return")), "{asked:?}");
    assert_eq!(bench.run.plan.reversal(0), Reversal::NoReturn);

    let mut bench = stopped(undoable(), false);
    bench.give("ana", &RunCommand::Cancel { reason: None }).unwrap();
    let asked = question(&bench.run).unwrap();
    assert_eq!(asked.answers, [Answer::Undo], "a cancelled run is not simply over");
    assert!(asked.evidence[0].contains("look what it did"), "{asked:?}");

    assert_eq!(answers(&late(READ)), [Answer::WaitOn, Answer::Yes, Answer::No, Answer::Undo]);
    // what changes something is not repeated in order to wait
    assert_eq!(answers(&late(AGAIN)), [Answer::Yes, Answer::No, Answer::Retry, Answer::Undo]);
    let mut bench = Bench::approved(vec![step("1", vec![command("look", READ)], vec![])]);
    bench.runs_through();
    assert_eq!(question(&bench.run), None);
}

/// A run that failed, and whose undo has begun.
fn undoing(undo: PlannedCommand, probed: bool) -> Bench {
    let mut steps = vec![step("1", vec![command("do", ONCE)], vec![undo])];
    steps[0].probe = probed.then(|| command("probe", READ));
    let mut bench = Bench::approved(steps);
    bench.starts();
    bench.engine(&fails(1));
    bench.give("ana", &RunCommand::Undo).unwrap();
    bench.starts();
    bench
}

#[test]
fn an_undo_in_doubt_is_probed_or_asked_about_and_never_repeated_by_itself() {
    let plain = || command("back", ONCE);
    // what the undo is, its probe, how that ends: what comes of it
    for (undo, probe, status) in [
        (plain(), None, "in_doubt"),
        (plain(), Some(Exit::Code { code: 1 }), "undone"),
        (plain(), Some(Exit::Code { code: 0 }), "in_doubt"),
        (plain(), Some(Exit::Code { code: 2 }), "in_doubt"),
        (plain(), Some(Exit::TimedOut), "in_doubt"),
        // that it is gone is not all that was expected of it
        (expecting(plain()), Some(Exit::Code { code: 1 }), "in_doubt"),
    ] {
        for event in [
            finish(2, finished(Exit::TimedOut)),
            RunCommand::Lost { attempt: 2, reason: "gone".to_owned() },
            RunCommand::Recover,
        ] {
            let place = format!("{probe:?} {} {event:?}", undo.expectations.len());
            let mut bench = undoing(undo.clone(), probe.is_some());
            bench.engine(&event);
            if let Some(exit) = probe {
                assert_eq!(bench.status(), "undoing", "{place}");
                assert_eq!(bench.starts(), 3, "{place}");
                assert_eq!(bench.run.live_unit().unwrap().0.role, UnitRole::Probe, "{place}");
                bench.engine(&finish(3, finished(exit)));
                bench.engine(&RunCommand::Advance);
            }
            assert_eq!(bench.status(), status, "{place}");
            assert_eq!(bench.run.live_unit(), None, "{place}");
            laws::check(&bench);
            if status == "in_doubt" {
                assert_eq!(answers(&bench), [Answer::MarkDone, Answer::Retry, Answer::Cancel], "{place}");
                assert!(bench.give("ana", &RunCommand::Undo).is_err(), "{place}");
                ends_of_a_doubt(&undo, &event, probe);
            }
        }
    }
}

/// What a person can make of an undo in doubt.
fn ends_of_a_doubt(undo: &PlannedCommand, event: &RunCommand, probe: Option<Exit>) {
    let doubt = || {
        let mut bench = undoing(undo.clone(), probe.is_some());
        bench.engine(event);
        if let Some(exit) = probe {
            let attempt = bench.starts();
            bench.engine(&finish(attempt, finished(exit)));
        }
        bench
    };
    let mut bench = doubt();
    bench.give("ana", &RunCommand::MarkDone { reason: Some("looked".to_owned()) }).unwrap();
    bench.runs_through();
    assert_eq!(bench.status(), "undone");
    laws::check(&bench);

    let mut bench = doubt();
    bench.give("ana", &RunCommand::Retry).unwrap();
    assert_eq!(bench.status(), "waiting_for_approval", "a yes of its own");
    bench.give("ben", &approve("ben")).unwrap();
    assert_eq!(bench.status(), "undoing");
    bench.runs_through();
    assert_eq!(bench.status(), "undone");
    laws::check(&bench);

    for stops in 0..3 {
        let mut bench = doubt();
        match stops {
            0 => {
                bench.give("ana", &RunCommand::Cancel { reason: None }).unwrap();
            }
            1 => {
                bench.give("ana", &RunCommand::Retry).unwrap();
                bench.give("ben", &super::refuse("ben")).unwrap();
            }
            _ => {
                bench.give("ana", &RunCommand::Retry).unwrap();
                bench.now += chrono::Duration::hours(1);
                bench.engine(&RunCommand::Expire);
            }
        }
        if stops > 0 {
            // the repetition is not done, and the doubt is asked about as before
            assert_eq!((bench.status(), bench.run.holds_target()), ("in_doubt", true));
            bench.give("ana", &RunCommand::Cancel { reason: None }).unwrap();
        }
        assert_eq!(bench.status(), "undo_failed", "half an undo is no end");
        assert!(matches!(
            bench.told.last(),
            Some(IncidentCommand::EndRun { outcome: RunOutcome::UndoFailed, .. })
        ));
        laws::check(&bench);
    }
}

#[test]
fn an_undo_is_verified_and_a_late_one_is_waited_for() {
    let mut slow = command("back", AGAIN);
    slow.expectations = vec![expectation("within 5s", Check::ExitZero, Some(5_000))];
    let mut bench = undoing(slow, false);
    bench.engine(&finish(2, Finished { elapsed_ms: 9_000, ..finished(Exit::Code { code: 0 }) }));
    assert_eq!(bench.status(), "paused");
    assert_eq!(answers(&bench), [Answer::Yes, Answer::No, Answer::Retry]);
    bench.give("ana", &RunCommand::Answer { yes: true, reason: None }).unwrap();
    bench.runs_through();
    assert_eq!(bench.status(), "undone");

    let mut looks = command("back", AGAIN);
    looks.expectations = vec![expectation("looks fine", Check::Person, None)];
    let mut bench = undoing(looks, false);
    bench.engine(&ok(2));
    assert_eq!(bench.status(), "paused");
    bench.give("ana", &RunCommand::Answer { yes: false, reason: Some("it is not".to_owned()) }).unwrap();
    assert_eq!(bench.status(), "undo_failed");
    laws::check(&bench);
}

#[test]
fn a_failed_undo_is_ordered_again_by_a_person_alone() {
    for (effect, status) in [(AGAIN, "undoing"), (ONCE, "waiting_for_approval")] {
        let mut bench = undoing(command("back", effect), false);
        bench.engine(&fails(2));
        assert_eq!(bench.status(), "undo_failed", "{effect:?}");
        assert_eq!(answers(&bench), [Answer::Retry, Answer::PutRight], "{effect:?}");
        assert_eq!(bench.engine(&RunCommand::Advance), [], "{effect:?}: not by itself");
        bench.give("ana", &RunCommand::Retry).unwrap();
        assert_eq!(bench.status(), status, "{effect:?}");
        assert!(bench.run.holds_target(), "{effect:?}: half an undo is there, whatever people say next");
        if status == "waiting_for_approval" {
            let over = RunCommand::TakeOver { by: person("ben"), reason: "ana is not reachable".to_owned() };
            let refused = bench.give("ben", &over).unwrap_err().to_string();
            assert!(refused.contains("half undone"), "{refused}");
            bench.give("ben", &approve("ben")).unwrap();
        }
        bench.runs_through();
        assert_eq!(bench.status(), "undone", "{effect:?}");
        laws::check(&bench);
    }
}

#[test]
fn an_undo_goes_back_to_what_its_own_step_captured_and_to_nothing_else() {
    let baselined = |id| PlanStep {
        baselines: vec![capturing("before")],
        ..step(id, vec![command("do", AGAIN)], vec![command("back", AGAIN)])
    };
    let mut bench = Bench::approved(vec![baselined("1"), baselined("2")]);
    for value in ["7\n", "", "9\n", ""] {
        let attempt = bench.starts();
        let stdout = Output { text: value.to_owned(), dropped_bytes: 0 };
        bench.engine(&finish(attempt, Finished { stdout, ..finished(Exit::Code { code: 0 }) }));
    }
    bench.engine(&RunCommand::Advance);
    assert_eq!(bench.status(), "succeeded");
    let undo = |step| Unit { step, role: UnitRole::Undo, index: 0, item: None };
    for (step, value) in [(0, "7"), (1, "9")] {
        assert_eq!(bench.run.value(undo(step), "REVISION"), Some(value));
        assert_eq!(bench.run.variables(undo(step))["REVISION"], value);
    }
    laws::check(&bench);
    // a value of another step is no value
    bench.run.baselines.remove(&1);
    let begun = crate::run::decide(&bench.run, &RunCommand::Undo, bench.now).unwrap();
    assert_eq!(words(&begun.events), ["undo_started"]);
    bench.run.undoing = true;
    bench.run.status = Status::Undoing;
    let decision = crate::run::decide(&bench.run, &RunCommand::Advance, bench.now).unwrap();
    let [RunEvent::UndoFailed { reason }] = decision.events.as_slice() else { panic!("{decision:?}") };
    assert!(reason.contains("nothing captured REVISION"), "{reason}");
}

#[test]
fn an_effect_that_failed_and_happened_is_marked_as_done() {
    let steps =
        vec![step("1", vec![command("do", ONCE), command("then", AGAIN)], vec![command("back", AGAIN)])];
    let mut bench = Bench::approved(steps);
    bench.starts();
    bench.engine(&fails(1));
    bench.give("ana", &RunCommand::MarkDone { reason: Some("it is there".to_owned()) }).unwrap();
    let run = bench.run.id;
    assert_eq!(bench.told.last(), Some(&IncidentCommand::TakeUpRun { run }));
    // what comes after it was agreed to with this one's own end before it
    bench.give("ben", &approve("ben")).unwrap();
    assert_eq!(bench.told.last(), Some(&IncidentCommand::StartMitigation { run }));
    bench.runs_through();
    assert_eq!((bench.status(), bench.run.attempts), ("succeeded", 2), "it was not run again");
    laws::check(&bench);
    // what only reads, and what never began, is nothing that can have happened
    for (first, event) in [
        (expecting(command("look", READ)), fails(1)),
        (command("do", ONCE), RunCommand::NotStarted { attempt: 1, reason: "no bash".to_owned() }),
    ] {
        let mut bench = Bench::approved(vec![step("1", vec![first], vec![])]);
        bench.starts();
        bench.engine(&event);
        assert_eq!(bench.status(), "failed");
        assert!(bench.give("ana", &RunCommand::MarkDone { reason: None }).is_err());
    }
}

#[test]
fn a_run_with_nothing_to_undo_says_so() {
    let mut bench = Bench::approved(vec![step("1", vec![command("do", ONCE)], vec![])]);
    bench.runs_through();
    let refused = bench.give("ana", &RunCommand::Undo);
    assert!(matches!(refused, Err(Rejection::NothingToUndo { .. })), "{refused:?}");
}

/// A run of three steps whose undo is due, that of step 3 first.
fn undoing_three() -> Bench {
    let one = |n: &str| step(n, vec![command("do", AGAIN)], vec![command("back", AGAIN)]);
    let mut bench = Bench::approved(vec![one("1"), one("2"), one("3")]);
    bench.runs_through();
    assert_eq!(bench.status(), "succeeded");
    bench.give("ana", &RunCommand::Undo).unwrap();
    bench
}

const PUT_RIGHT: RunCommand = RunCommand::MarkDone { reason: None };

#[test]
fn marking_a_failed_undo_as_done_is_about_that_one_and_the_others_are_undone() {
    for (how, words_of_it) in [
        ("fails", "its undo failed, and a person says that it is put right: Step 3"),
        ("is not started", "its undo was not run, and a person says that it is put right: Step 3"),
        ("is cancelled", "nobody saw the end of its undo, and a person says that it is done: Step 3"),
        (
            "is cancelled before it begins",
            "its undo was not run, and a person says that it is put right: Step 3",
        ),
    ] {
        let mut bench = undoing_three();
        if how != "is cancelled before it begins" {
            assert_eq!(bench.starts(), 4);
        }
        match how {
            "fails" => drop(bench.engine(&fails(4))),
            "is not started" => {
                bench.engine(&RunCommand::NotStarted { attempt: 4, reason: "no bash".to_owned() });
            }
            _ => drop(bench.give("ana", &RunCommand::Cancel { reason: None }).unwrap()),
        }
        assert_eq!(bench.status(), "undo_failed", "{how}");
        assert!(bench.run.holds_target(), "{how}");
        let said = bench.give("ben", &PUT_RIGHT).unwrap();
        assert_eq!(words(&said.events), ["answered_yes"], "{how}");
        assert_eq!(bench.status(), "undoing", "{how}");
        assert!(bench.run.holds_target(), "{how}");
        assert!(matches!(bench.told.last(), Some(IncidentCommand::StartMitigation { .. })), "{how}");
        assert_eq!(crate::view::step_state(&bench.run, 2), "put right", "{how}");
        // the next one fails as well, and is a word of its own
        let attempt = bench.starts();
        assert_eq!(bench.run.live_unit().unwrap().0.step, 1, "{how}");
        bench.engine(&fails(attempt));
        bench.give("ben", &PUT_RIGHT).unwrap();
        bench.runs_through();
        assert_eq!(bench.status(), "undone", "{how}");
        let stays = crate::stays::what_stays(&bench.run);
        let second = "its undo failed, and a person says that it is put right: Step 2";
        assert_eq!(
            stays,
            [second, words_of_it],
            "{how}: nobody said anything about step 1, which was undone"
        );
        laws::check(&bench);
    }
    // where nothing is left, it is undone
    let mut bench = undoing(command("back", AGAIN), false);
    bench.engine(&fails(2));
    let said = bench.give("ben", &PUT_RIGHT).unwrap();
    assert_eq!(words(&said.events), ["answered_yes", "undone"]);
    assert_eq!(bench.status(), "undone");
    assert!(!bench.run.holds_target());
    laws::check(&bench);
}

#[test]
fn an_undo_that_waits_for_its_next_try_is_cancelled_for_good() {
    let mut bench = undoing(PlannedCommand { retries: 3, ..command("back", AGAIN) }, false);
    bench.engine(&fails(2));
    assert_eq!(bench.status(), "undoing");
    bench.give("ana", &RunCommand::Cancel { reason: None }).unwrap();
    assert_eq!((bench.status(), bench.run.waits_until()), ("undo_failed", None));
    bench.now += chrono::Duration::hours(1);
    assert_eq!(bench.engine(&RunCommand::Advance), []);
}

#[test]
fn an_undo_that_hangs_is_cancelled_and_is_a_failed_one_then() {
    for effect in [AGAIN, ONCE] {
        for how in ["", "paused", "probed"] {
            let place = format!("{effect:?} {how}");
            let mut bench = undoing(command("back", effect), how == "probed");
            match how {
                "paused" => drop(bench.give("ana", &RunCommand::Pause { reason: None }).unwrap()),
                "probed" if effect == ONCE => {
                    bench.engine(&RunCommand::Lost { attempt: 2, reason: "gone".to_owned() });
                    assert_eq!(bench.starts(), 3);
                }
                _ => {}
            }
            let attempt = bench.run.live_unit().unwrap().1.number;
            let why = Some("cancelled by ana: it hangs".to_owned());
            let decision = bench.give("ana", &RunCommand::Cancel { reason: why }).unwrap();
            assert_eq!(words(&decision.events), ["command_in_doubt", "undo_failed"], "{place}");
            assert!(decision.effects.contains(&crate::run::Effect::EndProcesses), "{place}");
            assert_eq!((bench.status(), bench.run.holds_target()), ("undo_failed", true), "{place}");
            let said = crate::view::state_words(&bench.run);
            assert!(said.contains("undoing was stopped: cancelled by ana: it hangs"), "{place}: {said}");
            let told = bench.told.last();
            let paged = matches!(told, Some(IncidentCommand::EndRun { outcome: RunOutcome::UndoFailed, .. }));
            assert!(paged, "{place}");
            assert_eq!(bench.engine(&finish(attempt, finished(Exit::Cancelled))), [], "{place}");
            assert_eq!(bench.engine(&RunCommand::Advance), [], "{place}");
            assert_eq!(answers(&bench), [Answer::Retry, Answer::PutRight], "{place}");
            bench.give("ana", &RunCommand::Retry).unwrap();
            if effect == ONCE {
                assert_eq!(bench.status(), "waiting_for_approval", "{place}: nobody knows what it did");
                bench.give("ben", &approve("ben")).unwrap();
            }
            bench.runs_through();
            assert_eq!(bench.status(), "undone", "{place}");
            laws::check(&bench);
        }
    }
}
