//! Loops and groups: what starts when, what one outcome means for the others, and what is undone.

use std::collections::BTreeSet;

use super::super::*;
use super::kit::*;
use super::laws;
use super::{AGAIN, ONCE, READ, words};
use crate::expectation::Check;
use crate::plan::{PlanStep, PlannedCommand};
use crate::ports::Exit;
use crate::runbook::{Flow, Foreach};
use crate::view;

fn list(source: &str, items: Option<&[&str]>) -> Foreach {
    Foreach {
        name: "host".to_owned(),
        source: source.to_owned(),
        items: items.map(|items| items.iter().map(|item| (*item).to_owned()).collect()),
        concurrency: 1,
        canary: false,
        budget: 0,
        places: BTreeSet::new(),
    }
}

fn looping(command: PlannedCommand, foreach: Foreach) -> PlannedCommand {
    PlannedCommand { flow: Flow { foreach: Some(foreach), ..Flow::default() }, ..command }
}

fn member(id: &str, effect: crate::runbook::Effect) -> PlannedCommand {
    let flow = Flow { parallel: Some("checks".to_owned()), ..Flow::default() };
    PlannedCommand { flow, ..command(id, effect) }
}

const HOSTS: Option<&[&str]> = Some(&["a", "b", "c", "d"]);

/// What was started, by the item or the command's id.
fn starts(bench: &Bench) -> Vec<String> {
    let started = bench.events.iter().filter_map(|envelope| match &envelope.event {
        RunEvent::CommandStarted { unit, .. } => Some(*unit),
        _ => None,
    });
    started
        .map(|unit| match bench.run.item(unit) {
            Some((_, item)) if unit.role == UnitRole::Main => item.to_owned(),
            Some((_, item)) => format!("{} {item}", bench.run.command(unit).unwrap().id),
            None => bench.run.command(unit).unwrap().id.clone(),
        })
        .collect()
}

/// The attempts that are alive, by their items.
fn alive(bench: &Bench) -> Vec<(u32, String)> {
    let live = bench.run.live_units();
    live.map(|(unit, attempt)| {
        let item = bench.run.item(unit).map(|(_, item)| item.to_owned());
        (attempt.number, item.unwrap_or_else(|| bench.run.command(unit).unwrap().id.clone()))
    })
    .collect()
}

fn names(bench: &Bench) -> String {
    alive(bench).into_iter().map(|(_, name)| name).collect::<Vec<_>>().join(" ")
}

/// Ends the one that is alive of this name, and carries on.
fn end(bench: &mut Bench, name: &str, exit: Exit) {
    let attempt = alive(bench).into_iter().find(|(_, alive)| alive == name).unwrap().0;
    bench.engine(&finish(attempt, finished(exit)));
    bench.engine(&RunCommand::Advance);
}

const GOOD: Exit = Exit::Code { code: 0 };
const BAD: Exit = Exit::Code { code: 1 };

/// A step with this loop and an undo and a probe for each item, then a command.
fn loop_of(effect: crate::runbook::Effect, change: impl FnOnce(&mut Foreach)) -> Vec<PlanStep> {
    let mut foreach = list("hosts", HOSTS);
    change(&mut foreach);
    let undo = looping(command("back", AGAIN), foreach.clone());
    let then = looping(command("and", AGAIN), foreach.clone());
    let first = step("1", vec![looping(command("do", effect), foreach)], vec![undo, then]);
    vec![first, step("2", vec![command("then", READ)], vec![])]
}

fn begun(steps: Vec<PlanStep>) -> Bench {
    let mut bench = Bench::approved(steps);
    bench.engine(&RunCommand::Advance);
    bench
}

#[test]
fn items_go_one_after_the_other_or_as_many_at_once_as_may_be() {
    let mut bench = begun(loop_of(ONCE, |_| {}));
    assert_eq!(names(&bench), "a");
    assert_eq!(view::step_detail(&bench.run, 0).as_deref(), Some("0 of 4"));
    for host in ["a", "b", "c", "d", "then"] {
        assert_eq!(names(&bench), host);
        end(&mut bench, host, GOOD);
    }
    assert_eq!(bench.status(), "succeeded");
    laws::check(&bench);

    let mut bench = begun(loop_of(ONCE, |foreach| foreach.concurrency = 3));
    assert_eq!(names(&bench), "a b c");
    end(&mut bench, "b", GOOD);
    assert_eq!(names(&bench), "a c d");
    assert_eq!(bench.engine(&RunCommand::Advance), [], "no more at once than may be");
    assert_eq!(view::step_detail(&bench.run, 0).as_deref(), Some("1 of 4"));
    for host in ["c", "d", "a"] {
        end(&mut bench, host, GOOD);
    }
    assert_eq!(names(&bench), "then");
    laws::check(&bench);
}

#[test]
fn the_first_is_tried_alone_and_its_failure_is_in_no_budget() {
    let canary = |foreach: &mut Foreach| {
        foreach.canary = true;
        foreach.concurrency = 4;
        foreach.budget = 2;
    };
    let mut bench = begun(loop_of(AGAIN, canary));
    assert_eq!(names(&bench), "a");
    end(&mut bench, "a", GOOD);
    assert_eq!(names(&bench), "b c d");
    laws::check(&bench);

    let mut bench = begun(loop_of(AGAIN, canary));
    end(&mut bench, "a", BAD);
    assert_eq!(bench.status(), "failed");
    let Status::Failed { reason } = &bench.run.status else { panic!() };
    assert!(reason.starts_with("the first item, which is tried alone, failed: Step 1 [a]: "), "{reason}");
    assert_eq!(starts(&bench), ["a"]);
    bench.give("ana", &RunCommand::Retry).unwrap();
    bench.engine(&RunCommand::Advance);
    assert_eq!(names(&bench), "a");
    laws::check(&bench);
}

fn skip(rest: bool) -> RunCommand {
    RunCommand::PassOver { rest, reason: "it is drained".to_owned() }
}

const MARK_DONE: RunCommand = RunCommand::MarkDone { reason: None };

fn answer(yes: bool) -> RunCommand {
    RunCommand::Answer { yes, reason: None }
}

/// A loop that tries its first item alone, in a run that `needed` others approve, its first item under way.
fn canary(effect: crate::runbook::Effect, needed: u8) -> Bench {
    let alone = |foreach: &mut Foreach| (foreach.canary, foreach.concurrency) = (true, 4);
    let mut bench = Bench::of(loop_of(effect, alone), needed);
    let reason = Some("it has to be".to_owned());
    let RunCommand::Approve { by, may_approve, fingerprint, .. } = approve("ben") else { panic!() };
    let yes = RunCommand::Approve { by, may_approve, fingerprint, reason };
    // what only reads is not asked about
    assert_eq!(bench.give("ben", &yes).is_ok(), effect != READ);
    bench.engine(&RunCommand::Advance);
    bench
}

fn asked(bench: &Bench) -> crate::message::QuestionView {
    crate::choices::question(&bench.run).unwrap()
}

/// Nothing showed that the first is good, whatever a person says of it: the others wait for an answer that tells what runs.
#[test]
fn a_first_item_that_nobody_saw_to_be_good_releases_the_others_only_by_a_word() {
    let lost = |bench: &mut Bench| {
        let attempt = alive(bench)[0].0;
        bench.engine(&RunCommand::Lost { attempt, reason: "gone".to_owned() });
        bench.engine(&RunCommand::Advance);
    };
    let failed = |bench: &mut Bench| end(bench, "a", BAD);
    type Way<'a> = (&'a dyn Fn(&mut Bench), RunCommand);
    let ways: [Way<'_>; 3] = [(&failed, skip(false)), (&failed, MARK_DONE), (&lost, MARK_DONE)];
    for (how, (happens, word)) in ways.iter().enumerate() {
        for needed in [0, 1] {
            let mut bench = canary(ONCE, needed);
            happens(&mut bench);
            bench.give("ana", word).unwrap();
            let mut waits = bench.status() == "waiting_for_approval";
            assert_eq!(waits, needed == 1 && how < 2, "{how}");
            if waits {
                let told = view::state_words(&bench.run);
                assert!(told.contains("run do [b, c, d], although [a] was not seen to be good"), "{told}");
            } else {
                bench.engine(&RunCommand::Advance);
                let question = Question::Canary { unit: bench.run.untried().unwrap().0 };
                assert_eq!(bench.run.status, Status::Paused { question }, "{how}");
                let asked = asked(&bench);
                assert!(asked.text.contains("run do [b, c, d], although [a]"), "{asked:?}");
                assert_eq!(asked.answers[..2], [crate::message::Answer::No, crate::message::Answer::GoOn]);
                assert_eq!(bench.engine(&RunCommand::Advance), []);
                bench.give("ana", &answer(true)).unwrap();
                waits = needed == 1;
            }
            assert_eq!(bench.status() == "waiting_for_approval", waits, "{how}");
            if waits {
                assert!(bench.give("ana", &approve("ana")).unwrap().refusal.is_some());
                bench.give("ben", &approve("ben")).unwrap();
            }
            bench.engine(&RunCommand::Advance);
            assert_eq!(names(&bench), "b c d", "{how} {needed}");
            laws::check(&bench);
        }
    }
    // no, again, and the rest of the loop
    for (word, status, then) in [
        (answer(false), "failed", ""),
        (RunCommand::Retry, "running", "a"),
        (skip(false), "running", "then"),
        (skip(true), "running", "then"),
    ] {
        let mut bench = canary(AGAIN, 0);
        end(&mut bench, "a", BAD);
        bench.give("ana", &skip(false)).unwrap();
        bench.engine(&RunCommand::Advance);
        bench.give("ana", &word).unwrap();
        bench.engine(&RunCommand::Advance);
        assert_eq!((bench.status(), names(&bench).as_str()), (status, then), "{word:?}");
        laws::check(&bench);
    }
    // a person who looked at it saw that it is good
    let mut steps = loop_of(ONCE, |foreach| foreach.canary = true);
    steps[0].commands[0].expectations = vec![expectation("a person looks", Check::Person, None)];
    let mut bench = begun(steps);
    end(&mut bench, "a", GOOD);
    bench.give("ana", &answer(true)).unwrap();
    bench.engine(&RunCommand::Advance);
    assert_eq!(names(&bench), "b");
    laws::check(&bench);
}

/// A look that is tried alone is no look that may simply fail, and the question about it is the only one.
#[test]
fn a_first_look_that_fails_is_asked_about_once() {
    let mut bench = canary(READ, 0);
    end(&mut bench, "a", BAD);
    assert!(asked(&bench).text.contains("the others wait for it"), "{:?}", asked(&bench));
    bench.give("ana", &answer(true)).unwrap();
    bench.engine(&RunCommand::Advance);
    assert_eq!(names(&bench), "b c d");
    laws::check(&bench);
}

#[test]
fn a_skip_says_what_it_passes_over_and_what_runs_then() {
    // what is skipped of the loop, what runs next, and what was told before
    for (rest, then, lines) in [
        (false, "d", "`skip` goes on without do [b, c]; then do [d] runs, and after that then"),
        (true, "then", "`skip --rest` goes on without do [b, c, d]; then comes then"),
    ] {
        let mut bench = begun(loop_of(AGAIN, |foreach| foreach.concurrency = 3));
        end(&mut bench, "b", BAD);
        end(&mut bench, "c", BAD);
        end(&mut bench, "a", GOOD);
        assert_eq!(bench.status(), "failed");
        assert!(asked(&bench).evidence.iter().any(|line| line == lines), "{:?}", asked(&bench).evidence);
        let passed = bench.give("ana", &skip(rest)).unwrap().events;
        let count = if rest { 3 } else { 2 };
        assert_eq!(words(&passed).iter().filter(|word| *word == "passed_over").count(), count);
        if !rest {
            assert_eq!(bench.status(), "waiting_for_approval", "d changes something");
            let told = view::state_words(&bench.run);
            assert!(told.contains("do [b, c], which ana passed over (it is drained)"), "{told}");
            bench.give("ben", &approve("ben")).unwrap();
        }
        bench.engine(&RunCommand::Advance);
        assert_eq!(names(&bench), then);
        bench.runs_through();
        assert_eq!(bench.status(), "succeeded");
        laws::check(&bench);
    }
    // alone, there is no rest
    let mut bench = Bench::approved(vec![step("1", vec![command("do", AGAIN)], vec![])]);
    let attempt = bench.starts();
    bench.engine(&fails(attempt));
    assert!(bench.give("ana", &skip(true)).is_err());
    assert!(bench.give("ana", &skip(false)).is_ok());
}

/// The loop's condition is looked at before its first item that runs, also where the first was passed over.
#[test]
fn passing_over_the_first_item_does_not_pass_over_the_condition() {
    let mut command = looping(command("do", ONCE), list("hosts", HOSTS));
    command.flow.when = Some("namespace == staging".to_owned());
    let mut bench = Bench::approved(vec![step("1", vec![command], vec![])]);
    bench.give("ana", &RunCommand::Pause { reason: None }).unwrap();
    bench.give("ana", &skip(false)).unwrap();
    bench.give("ben", &approve("ben")).unwrap();
    bench.give("ana", &RunCommand::Resume { reason: None }).unwrap();
    bench.engine(&RunCommand::Advance);
    bench.engine(&RunCommand::Advance);
    assert_eq!((bench.status(), starts(&bench).len()), ("succeeded", 0));
    laws::check(&bench);
}

#[test]
fn a_budget_covers_so_many_failures_and_no_more() {
    for (budget, fails, status) in
        [(1, "b", "running"), (1, "b c", "failed"), (0, "b", "failed"), (3, "a b c", "running")]
    {
        let mut bench = begun(loop_of(AGAIN, |foreach| foreach.budget = budget));
        for host in ["a", "b", "c", "d"] {
            if names(&bench) == host {
                end(&mut bench, host, if fails.contains(host) { BAD } else { GOOD });
            }
        }
        assert_eq!(bench.status(), status, "{budget}: {fails}");
        if status == "running" {
            assert_eq!(view::step_state(&bench.run, 0), "passed");
            let failed = fails.split(' ').count();
            assert_eq!(view::step_detail(&bench.run, 0), Some(format!("4 of 4, {failed} failed")));
            end(&mut bench, "then", GOOD);
            assert_eq!(bench.status(), "succeeded");
        } else {
            assert_eq!(view::step_state(&bench.run, 0), "failed");
            // what failed runs again, and what was not reached follows
            bench.give("ana", &RunCommand::Retry).unwrap();
            bench.engine(&RunCommand::Advance);
            while let Some((_, name)) = alive(&bench).into_iter().next() {
                end(&mut bench, &name, GOOD);
            }
            assert_eq!(bench.status(), "succeeded");
            let starts = starts(&bench);
            assert_eq!(starts.iter().filter(|host| *host == "a").count(), 1);
            let again = fails.split(' ').filter(|host| starts.iter().filter(|one| one == host).count() == 2);
            assert_eq!(again.count(), fails.split(' ').count(), "{starts:?}");
        }
        laws::check(&bench);
    }
}

#[test]
fn what_is_alive_is_awaited_before_a_failure_ends_the_run() {
    let mut bench = begun(loop_of(ONCE, |foreach| foreach.concurrency = 3));
    end(&mut bench, "b", BAD);
    assert_eq!((bench.status(), names(&bench).as_str()), ("running", "a c"), "no more starts");
    end(&mut bench, "a", GOOD);
    assert_eq!(bench.status(), "running");
    end(&mut bench, "c", GOOD);
    assert_eq!((bench.status(), starts(&bench)), ("failed", vec!["a".into(), "b".into(), "c".into()]));
    // undone item by item, the last one first
    bench.give("ana", &RunCommand::Undo).unwrap();
    bench.runs_through();
    assert_eq!(bench.status(), "undone");
    assert_eq!(starts(&bench)[3..], ["back c", "and c", "back b", "and b", "back a", "and a"]);
    laws::check(&bench);
}

#[test]
fn a_doubt_about_one_item_does_not_lose_the_others_and_nothing_runs_twice() {
    let mut bench = begun(loop_of(ONCE, |foreach| foreach.concurrency = 3));
    let attempts = alive(&bench);
    bench.engine(&RunCommand::Lost { attempt: attempts[1].0, reason: "gone".to_owned() });
    bench.engine(&RunCommand::Advance);
    assert_eq!((bench.status(), names(&bench).as_str()), ("running", "a c"));
    end(&mut bench, "a", GOOD);
    end(&mut bench, "c", GOOD);
    assert_eq!(bench.status(), "in_doubt");
    assert_eq!(bench.engine(&RunCommand::Advance), []);
    bench.give("ana", &RunCommand::MarkDone { reason: None }).unwrap();
    bench.engine(&RunCommand::Advance);
    assert_eq!(names(&bench), "d");
    end(&mut bench, "d", GOOD);
    end(&mut bench, "then", GOOD);
    assert_eq!((bench.status(), starts(&bench).len()), ("succeeded", 5));
    laws::check(&bench);
}

#[test]
fn a_crash_goes_on_with_the_items_that_are_open() {
    for (effect, status) in [(AGAIN, "running"), (ONCE, "in_doubt")] {
        let mut bench = begun(loop_of(effect, |foreach| foreach.concurrency = 2));
        end(&mut bench, "a", GOOD);
        assert_eq!(names(&bench), "b c");
        bench.engine(&RunCommand::Recover);
        bench.engine(&RunCommand::Advance);
        assert_eq!(bench.status(), status);
        if effect == AGAIN {
            assert_eq!(names(&bench), "b c", "both again, and no other");
            end(&mut bench, "b", GOOD);
            assert_eq!(names(&bench), "c d");
        } else {
            assert_eq!(names(&bench), "", "nothing by itself");
            bench.give("ana", &RunCommand::MarkDone { reason: None }).unwrap();
            bench.engine(&RunCommand::Advance);
            assert_eq!(bench.status(), "in_doubt", "the other one is asked about as well");
            bench.give("ana", &RunCommand::Retry).unwrap();
            assert_eq!(bench.status(), "waiting_for_approval");
            bench.give("eva", &approve("eva")).unwrap();
            bench.engine(&RunCommand::Advance);
            assert_eq!(names(&bench), "c d");
        }
        laws::check(&bench);
    }
}

#[test]
fn nothing_new_is_alive_while_what_was_cut_off_is_found_out() {
    let mut bench = begun(loop_of(READ, |foreach| foreach.concurrency = 2));
    let attempts = alive(&bench);
    bench.engine(&RunCommand::Lost { attempt: attempts[0].0, reason: "gone".to_owned() });
    assert_eq!(bench.engine(&RunCommand::Advance), [], "b may be cut off too");
    bench.engine(&RunCommand::Lost { attempt: attempts[1].0, reason: "gone".to_owned() });
    bench.engine(&RunCommand::Advance);
    assert_eq!(names(&bench), "a b");
    laws::check(&bench);
}

#[test]
fn the_probe_is_asked_about_the_item_in_doubt() {
    let mut steps = loop_of(ONCE, |_| {});
    let foreach = steps[0].commands[0].flow.foreach.clone().unwrap();
    steps[0].probe = Some(looping(command("seen", READ), foreach));
    let mut bench = begun(steps.clone());
    end(&mut bench, "a", GOOD);
    let attempt = alive(&bench)[0].0;
    bench.engine(&RunCommand::Lost { attempt, reason: "gone".to_owned() });
    assert_eq!(words(&bench.engine(&RunCommand::Advance)), ["probe_ordered"]);
    bench.engine(&RunCommand::Advance);
    assert_eq!(starts(&bench).last().unwrap(), "seen b");
    let attempt = alive(&bench)[0].0;
    assert_eq!(words(&bench.engine(&ok(attempt))), ["command_ended", "doubt_settled"]);
    bench.engine(&RunCommand::Advance);
    assert_eq!(names(&bench), "c");
    laws::check(&bench);

    // one that does not say which item it means settles nothing
    steps[0].probe = Some(command("seen", READ));
    let mut bench = begun(steps);
    let attempt = alive(&bench)[0].0;
    bench.engine(&RunCommand::Lost { attempt, reason: "gone".to_owned() });
    bench.engine(&RunCommand::Advance);
    bench.engine(&RunCommand::Advance);
    let attempt = alive(&bench)[0].0;
    assert_eq!(words(&bench.engine(&ok(attempt))), ["command_ended", "asked"]);
    laws::check(&bench);
}

#[test]
fn lines_that_appear_at_run_time_are_asked_about_before_they_change_anything() {
    let lines = |effect| {
        let mut capture = capturing("hosts");
        let made = capture.capture.as_mut().unwrap();
        (made.pattern, made.lines) = ("[a-z0-9]+".to_owned(), true);
        let foreach = list("REVISION", None);
        vec![step("1", vec![capture, looping(command("do", effect), foreach)], vec![])]
    };
    let prints = |text: &str| {
        let mut ended = finished(GOOD);
        ended.stdout.text = text.to_owned();
        ended
    };
    for (effect, asks) in [(READ, false), (ONCE, true)] {
        let mut bench = begun(lines(effect));
        let before = bench.run.fingerprint.clone();
        let attempt = alive(&bench)[0].0;
        bench.engine(&finish(attempt, prints("a\nb\n")));
        let bound = bench.engine(&RunCommand::Advance);
        if asks {
            assert_eq!(words(&bound), ["items_bound", "approval_asked"]);
            assert_ne!(bench.run.fingerprint, before, "a yes to the plan is none to the list");
            assert_eq!(bench.engine(&RunCommand::Advance), []);
            assert!(bench.run.holds_target(), "it has begun");
            let stale = RunCommand::Approve {
                by: person("ben"),
                may_approve: true,
                fingerprint: Some(before.to_string()),
                reason: None,
            };
            assert!(bench.give("ben", &stale).unwrap().refusal.is_some());
            let plan = view::plan(&bench.run);
            assert!(plan.steps[0].commands[1].contains("2 in all: a, b"), "{:?}", plan.steps[0].commands);
            bench.give("ben", &approve("ben")).unwrap();
        } else {
            assert_eq!(words(&bound), ["items_bound"]);
        }
        bench.engine(&RunCommand::Advance);
        for host in ["a", "b"] {
            assert_eq!(names(&bench), host);
            end(&mut bench, host, GOOD);
        }
        assert_eq!(bench.status(), "succeeded");
        laws::check(&bench);
    }
    // a line twice, one that does not match, and no line at all
    for (text, status) in [("a\na\n", "failed"), ("a\nB\n", "failed"), ("", "running")] {
        let mut bench = begun(lines(ONCE));
        let attempt = alive(&bench)[0].0;
        bench.engine(&finish(attempt, prints(text)));
        bench.engine(&RunCommand::Advance);
        assert_eq!(bench.status(), status, "{text:?}");
        laws::check(&bench);
    }
}

#[test]
fn an_empty_list_and_a_condition_pass_the_whole_loop_over() {
    let empty = looping(command("do", ONCE), list("hosts", Some(&[])));
    let mut other = looping(command("do", ONCE), list("hosts", HOSTS));
    other.flow.when = Some("namespace == staging".to_owned());
    for command in [empty, other] {
        let mut bench = Bench::approved(vec![step("1", vec![command], vec![])]);
        assert_eq!(words(&bench.engine(&RunCommand::Advance)), ["command_skipped"]);
        bench.engine(&RunCommand::Advance);
        assert_eq!((bench.status(), view::step_state(&bench.run, 0)), ("succeeded", "skipped"));
        laws::check(&bench);
    }
    // an empty list is no work that was done, and a list that a command gave is told of at the end too
    let given = looping(command("do", ONCE), list("hosts", Some(&[])));
    let mut capture = capturing("hosts");
    let made = capture.capture.as_mut().unwrap();
    (made.pattern, made.lines) = ("[a-z0-9]+".to_owned(), true);
    let captured = looping(command("do", ONCE), list("REVISION", None));
    for (commands, source, end) in [
        (vec![given], "hosts", "succeeded"),
        (vec![capture, captured], "REVISION", "succeeded; do had nothing to do: its list is empty"),
    ] {
        let mut bench = Bench::approved(vec![step("1", commands, vec![])]);
        bench.engine(&RunCommand::Advance);
        if let Some((attempt, _)) = alive(&bench).into_iter().next() {
            let mut nothing = finished(GOOD);
            nothing.stdout.text = String::new();
            bench.engine(&finish(attempt, nothing));
        }
        // the list, then the loop, then the end
        for _ in 0..3 {
            bench.engine(&RunCommand::Advance);
        }
        let detail = format!("nothing to do: the list is empty ({source})");
        assert_eq!(view::step_detail(&bench.run, 0), Some(detail));
        assert_eq!(view::state_words(&bench.run), end);
        laws::check(&bench);
    }
}

#[test]
fn members_of_a_group_run_at_once_and_all_are_awaited() {
    let steps = || {
        let members = vec![member("x", AGAIN), member("y", ONCE), member("z", READ)];
        vec![step("1", members, vec![command("back", AGAIN)]), step("2", vec![command("then", READ)], vec![])]
    };
    let mut bench = begun(steps());
    assert_eq!(names(&bench), "x y z");
    let carry = bench.run.carry;
    for id in ["z", "x", "y"] {
        assert_eq!(bench.status(), "running");
        end(&mut bench, id, GOOD);
    }
    assert_eq!(bench.run.carry, carry, "a member hands nothing on");
    assert_eq!(names(&bench), "then");
    laws::check(&bench);

    // one fails, the others are heard to their end
    let mut bench = begun(steps());
    end(&mut bench, "x", BAD);
    assert_eq!((bench.status(), names(&bench).as_str()), ("running", "y z"));
    end(&mut bench, "y", GOOD);
    end(&mut bench, "z", GOOD);
    assert_eq!(bench.status(), "failed");
    bench.give("ana", &RunCommand::Retry).unwrap();
    bench.engine(&RunCommand::Advance);
    assert_eq!(names(&bench), "x", "what failed runs again, and nothing else");
    laws::check(&bench);

    // one is in doubt, one fails: the doubt is asked about first
    let mut bench = begun(steps());
    let doubted = alive(&bench)[1].0;
    bench.engine(&RunCommand::Lost { attempt: doubted, reason: "gone".to_owned() });
    end(&mut bench, "x", BAD);
    end(&mut bench, "z", GOOD);
    assert_eq!(bench.status(), "in_doubt");
    bench.give("ana", &RunCommand::MarkDone { reason: None }).unwrap();
    bench.engine(&RunCommand::Advance);
    assert_eq!(bench.status(), "failed");
    laws::check(&bench);

    // cancelled while they run
    let mut bench = begun(steps());
    let events = bench.give("ana", &RunCommand::Cancel { reason: None }).unwrap().events;
    assert_eq!(words(&events), ["command_in_doubt", "command_in_doubt", "command_in_doubt", "cancelled"]);
    laws::check(&bench);
}

/// One member fails for good while another waits for its repetition: what people say is about the one that failed, and what
/// still waits is a change that is left.
#[test]
fn a_failed_group_is_about_what_failed_and_not_about_what_waits_for_its_repetition() {
    let group = |order: [&str; 2]| {
        let one = |id: &str| match id {
            "waits" => PlannedCommand { retries: 3, ..member(id, AGAIN) },
            _ => member(id, ONCE),
        };
        let steps =
            vec![step("1", order.map(one).to_vec(), vec![]), step("2", vec![command("then", READ)], vec![])];
        let mut bench = begun(steps);
        end(&mut bench, "waits", BAD);
        end(&mut bench, "fails", BAD);
        assert_eq!(bench.status(), "failed");
        bench
    };
    for order in [["waits", "fails"], ["fails", "waits"]] {
        let asked = crate::next::in_question(&group(order).run).unwrap();
        assert_eq!(crate::next::name_of(&group(order).run, asked).as_deref(), Some("fails"), "{order:?}");
        let orders = [
            RunCommand::PassOver { rest: false, reason: "not now".to_owned() },
            RunCommand::MarkDone { reason: Some("looked".to_owned()) },
            RunCommand::Retry,
        ];
        for said in orders {
            let mut bench = group(order);
            bench.give("ana", &said).unwrap();
            // what waits may change the target, so another person's yes is due
            assert_eq!(bench.status(), "waiting_for_approval", "{order:?} {said:?}");
            let repeated: Vec<_> = bench.run.to_repeat();
            let repeated = repeated.iter().map(|unit| crate::next::name_of(&bench.run, *unit).unwrap());
            let wanted: &[&str] = if matches!(said, RunCommand::Retry) { &["fails"] } else { &[] };
            assert_eq!(repeated.collect::<Vec<_>>(), wanted, "{order:?} {said:?}");
            bench.give("cas", &approve("cas")).unwrap();
            bench.now += chrono::Duration::minutes(1);
            bench.engine(&RunCommand::Advance);
            assert!(names(&bench).contains("waits"), "{order:?} {said:?}: {}", names(&bench));
            laws::check(&bench);
        }
    }
}

/// What hangs on a read decides what its failure comes to, wherever it stands.
#[test]
fn a_failed_read_in_a_loop_or_a_group_ends_no_mitigation() {
    let check = |mut command: PlannedCommand| {
        command.expectations = vec![expectation("exit code 0", Check::ExitZero, None)];
        command
    };
    let of_loop =
        |budget| looping(command("look", READ), Foreach { budget, concurrency: 2, ..list("hosts", HOSTS) });
    let group = |one: PlannedCommand| vec![one, member("y", READ)];
    // what fails, what comes after it, and what follows
    for (commands, fails, then, status, last) in [
        (vec![of_loop(0)], "b", ONCE, "running", "failure_noted"),
        (vec![of_loop(1)], "b c", ONCE, "running", "failure_noted"),
        (vec![check(of_loop(0))], "b", ONCE, "paused", "asked"),
        (vec![check(of_loop(1))], "b", ONCE, "running", "command_started"),
        (vec![check(of_loop(1))], "b c", ONCE, "paused", "asked"),
        (vec![check(of_loop(0))], "b", READ, "failed", "failed"),
        (vec![of_loop(0)], "b", READ, "running", "failure_noted"),
        (group(member("x", READ)), "x", ONCE, "running", "failure_noted"),
        (group(check(member("x", READ))), "x", ONCE, "paused", "asked"),
        (group(check(member("x", READ))), "x", READ, "failed", "failed"),
        (group(member("x", AGAIN)), "x", ONCE, "failed", "failed"),
    ] {
        let what = format!("{}: {fails} before {then:?}", commands[0].id);
        let mut bench =
            begun(vec![step("1", commands, vec![]), step("2", vec![command("then", then)], vec![])]);
        while bench.status() == "running" && names(&bench) != "then" {
            let Some((_, name)) = alive(&bench).into_iter().next() else {
                bench.engine(&RunCommand::Advance);
                continue;
            };
            end(&mut bench, &name, if fails.contains(&name) { BAD } else { GOOD });
        }
        assert_eq!(bench.status(), status, "{what}");
        let events = words(&bench.events.iter().map(|one| one.event.clone()).collect::<Vec<_>>());
        assert!(events.iter().any(|event| event == last), "{what}: {events:?}");
        if status == "running" {
            let failed = fails.split(' ').count();
            let shown = view::step_detail(&bench.run, 0);
            assert!(shown.is_none_or(|shown| shown == format!("4 of 4, {failed} failed")), "{what}");
        }
        if status == "paused" {
            bench.give("ana", &RunCommand::Retry).unwrap();
            bench.runs_through();
            assert_eq!(bench.status(), "succeeded", "{what}");
        }
        laws::check(&bench);
    }
    // a look that could not be begun at all
    let mut bench = begun(vec![step("1", vec![of_loop(0)], vec![])]);
    let attempt = alive(&bench)[0].0;
    bench.engine(&RunCommand::NotStarted { attempt, reason: "no bash".to_owned() });
    end(&mut bench, "b", GOOD);
    bench.runs_through();
    assert_eq!(view::step_detail(&bench.run, 0).as_deref(), Some("4 of 4, 1 failed"));
    laws::check(&bench);
}

/// What is said of a group is about the change that ended it: not about a look, nor about what never began, that is written
/// before it.
#[test]
fn a_failed_group_is_about_the_change_that_may_have_happened() {
    let check = |id: &str| {
        let mut check = member(id, READ);
        check.expectations = vec![expectation("exit code 0", Check::ExitZero, None)];
        check
    };
    let not_started = |bench: &mut Bench| {
        let attempt = alive(bench)[0].0;
        bench.engine(&RunCommand::NotStarted { attempt, reason: "no value".to_owned() });
    };
    type Happens<'a> = &'a dyn Fn(&mut Bench);
    let ways: [(PlannedCommand, Happens<'_>); 2] =
        [(check("look"), &|bench| end(bench, "look", BAD)), (member("look", ONCE), &not_started)];
    for (n, (first, happens)) in ways.into_iter().enumerate() {
        let mut bench = begun(vec![step("1", vec![first, member("change", ONCE)], vec![])]);
        happens(&mut bench);
        end(&mut bench, "change", BAD);
        assert_eq!(bench.status(), "failed", "{n}");
        let asked = crate::next::in_question(&bench.run).unwrap();
        assert_eq!(crate::next::name_of(&bench.run, asked).as_deref(), Some("change"), "{n}");
        bench.give("ana", &RunCommand::MarkDone { reason: Some("it is there".to_owned()) }).unwrap();
        bench.engine(&RunCommand::Advance);
        assert!(bench.run.commands.get(&asked).is_some_and(CommandPhase::is_settled), "{n}");
        laws::check(&bench);
    }
}

/// A "no" is about the member that it was said of.
#[test]
fn a_no_to_a_member_or_to_the_others_of_a_loop_is_about_what_was_looked_at() {
    let mut flip = member("flip", ONCE);
    flip.expectations = vec![expectation("a person looks", Check::Person, None)];
    let drain = PlannedCommand { retries: 3, ..member("drain", AGAIN) };
    let mut bench = begun(vec![step("1", vec![drain, flip], vec![])]);
    end(&mut bench, "flip", GOOD);
    end(&mut bench, "drain", GOOD);
    bench.give("cas", &answer(false)).unwrap();
    let named = |bench: &Bench| {
        let asked = crate::next::in_question(&bench.run).unwrap();
        (crate::next::name_of(&bench.run, asked).unwrap(), asked.item)
    };
    assert_eq!((bench.status(), named(&bench)), ("failed", ("flip".to_owned(), None)));
    laws::check(&bench);
    // in a loop that may fail once, it is one failure of its budget
    let mut steps = loop_of(ONCE, |foreach| foreach.budget = 1);
    steps[0].commands[0].expectations = vec![expectation("a person looks", Check::Person, None)];
    let mut bench = begun(steps);
    for (item, status) in [("a", "running"), ("b", "failed")] {
        end(&mut bench, item, GOOD);
        assert_eq!(bench.status(), "paused", "{item}");
        bench.give("cas", &answer(false)).unwrap();
        assert_eq!(bench.status(), status, "{item}");
        bench.engine(&RunCommand::Advance);
    }
    assert_eq!(named(&bench).1, Some(1), "it ended with that one");
    laws::check(&bench);
    // a no to the others of a first item that nobody saw is no word about it: it rests on the word that it had
    let mut bench = canary(ONCE, 0);
    let attempt = alive(&bench)[0].0;
    bench.engine(&RunCommand::Lost { attempt, reason: "gone".to_owned() });
    bench.engine(&RunCommand::Advance);
    bench.give("ana", &MARK_DONE).unwrap();
    bench.engine(&RunCommand::Advance);
    let first = bench.run.untried().unwrap().0;
    bench.give("cas", &answer(false)).unwrap();
    assert_eq!(bench.status(), "failed");
    assert_eq!(bench.run.rests_on(first).map(|word| word.by.clone()), Some(person("ana")));
    laws::check(&bench);
    // a first item that somebody said is done, and to whose others somebody said no
    let mut bench = canary(ONCE, 0);
    end(&mut bench, "a", BAD);
    bench.give("ana", &MARK_DONE).unwrap();
    bench.engine(&RunCommand::Advance);
    bench.give("cas", &answer(false)).unwrap();
    assert_eq!((bench.status(), named(&bench).1), ("failed", Some(0)), "it is about the first");
    bench.give("ana", &MARK_DONE).unwrap();
    bench.engine(&RunCommand::Advance);
    assert!(matches!(bench.run.status, Status::Paused { question: Question::Canary { .. } }));
    laws::check(&bench);
}

/// A failed change ends the run anyway: nobody is asked about the look that failed beside it.
#[test]
fn a_failed_change_comes_before_a_failed_check_of_its_group() {
    let mut check = member("x", READ);
    check.expectations = vec![expectation("exit code 0", Check::ExitZero, None)];
    let mut bench = begun(vec![step("1", vec![check, member("y", AGAIN)], vec![])]);
    end(&mut bench, "x", BAD);
    end(&mut bench, "y", BAD);
    assert_eq!(bench.status(), "failed");
    laws::check(&bench);
}

#[test]
fn a_group_ends_where_its_neighbours_end_and_what_no_run_carries_out_is_refused() {
    let mut far = member("far", READ);
    let steps = |commands| plan(vec![step("1", commands, vec![])]);
    assert!(steps(vec![member("x", READ), member("y", READ), command("z", READ)]).check_runnable().is_ok());
    let apart = steps(vec![member("x", READ), command("z", READ), far.clone()]);
    assert_eq!(apart.check_runnable().unwrap_err().code(), "RB0042");
    far.flow.when = Some("REVISION == 42".to_owned());
    let mut gives = capturing("gives");
    gives.flow.parallel = Some("checks".to_owned());
    let looks = steps(vec![gives.clone(), far]);
    assert_eq!(looks.check_runnable().unwrap_err().code(), "RB0042");
    let mut reads = member("reads", READ);
    reads.text = "echo $REVISION\n".to_owned();
    assert_eq!(steps(vec![gives.clone(), reads]).check_runnable().unwrap_err().code(), "RB0042");
    assert_eq!(steps(vec![gives.clone(), gives]).check_runnable().unwrap_err().code(), "RB0042");
    let nothing = steps(vec![looping(command("do", READ), list("HOSTS", None))]);
    assert_eq!(nothing.check_runnable().unwrap_err().code(), "RB0042");
}

/// In a loop with a budget a no is one of its failures, and people are told so before they say it: what stops the others is
/// offered beside it.
#[test]
fn a_no_that_lets_the_others_go_on_says_so() {
    for budget in [0, 1] {
        let mut steps = loop_of(ONCE, |foreach| foreach.budget = budget);
        steps[0].commands[0].expectations = vec![expectation("it looks nice", Check::Person, None)];
        let mut bench = Bench::approved(steps);
        bench.engine(&RunCommand::Advance);
        end(&mut bench, "a", GOOD);
        let question = crate::choices::question(&bench.run).expect("a person has to look");
        let goes_on = budget > 0;
        assert_eq!(question.answers.contains(&crate::message::Answer::Cancel), goes_on, "{question:?}");
        assert_eq!(question.evidence.iter().any(|line| line.contains("the others go on")), goes_on);
        let lines = crate::next::next(&bench.run);
        let no = lines.iter().find(|line| line.command.contains(" no ")).expect("a no can be said");
        assert_eq!(no.means.contains("the others go on"), goes_on, "{no:?}");
        bench.give("ana", &RunCommand::Answer { yes: false, reason: None }).unwrap();
        bench.engine(&RunCommand::Advance);
        assert_eq!((names(&bench) == "b"), goes_on, "{:?}", bench.run.status);
    }
}
