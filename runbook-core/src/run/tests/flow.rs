//! Waiting, loops and groups.

use chrono::Duration;

use super::super::*;
use super::kit::*;
use super::laws;
use super::{ONCE, READ, words};
use crate::expectation::Outcome;
use crate::plan::PlannedCommand;
use crate::ports::Exit;
use crate::runbook::{Flow, Until};
use crate::view;

fn waits(id: &str, deadline_s: u64, every_s: Option<u64>) -> PlannedCommand {
    let until = Until { deadline_ms: deadline_s * 1_000, every_ms: every_s.map(|s| s * 1_000) };
    PlannedCommand { flow: Flow { until: Some(until), ..Flow::default() }, ..command(id, READ) }
}

fn asked_for(commands: Vec<PlannedCommand>) -> Bench {
    Bench::plan(&request(plan(vec![step("1", commands, vec![])]), 0), start_of_day()).0
}

#[test]
fn a_wait_looks_again_until_it_is_as_expected() {
    // the bench's clock goes on by a second with whatever is given to the run
    for (every, looks_at) in [(Some(10), [1, 12, 23, 34]), (None, [1, 3, 6, 11])] {
        let mut bench = asked_for(vec![waits("ready", 600, every), command("then", READ)]);
        let mut starts = Vec::new();
        for look in 0..4 {
            let attempt = bench.starts();
            starts.push((bench.now - start_of_day()).num_seconds());
            if look == 3 {
                assert_eq!(words(&bench.engine(&ok(attempt))), ["command_ended"]);
                break;
            }
            assert_eq!(words(&bench.engine(&fails(attempt))), ["command_ended", "retry_scheduled"]);
            assert_eq!(bench.status(), "running");
            assert_eq!(bench.engine(&RunCommand::Recover), [], "a restart brings nothing nearer");
            assert_eq!(view::step_state(&bench.run, 0), "waiting for it");
            let detail = view::step_detail(&bench.run, 0).unwrap();
            assert_eq!(detail, "waits for exit status 0, until 14:12:12 UTC");
            bench.now = bench.run.waits_until().unwrap() - Duration::seconds(1);
        }
        assert_eq!(starts, looks_at, "{every:?}");
        let attempt = bench.starts();
        bench.engine(&ok(attempt));
        bench.engine(&RunCommand::Advance);
        assert_eq!(bench.status(), "succeeded");
        laws::check(&bench);
    }
}

#[test]
fn a_deadline_that_is_missed_is_late_and_a_person_says_how_to_go_on() {
    let late = || {
        let mut bench = asked_for(vec![waits("ready", 30, Some(20)), command("then", READ)]);
        let mut looks = 0;
        loop {
            let attempt = bench.starts();
            looks += 1;
            let events = bench.engine(&fails(attempt));
            if words(&events) == ["command_ended", "asked"] {
                assert!(matches!(&events[1], RunEvent::Asked { question: Question::Late { .. } }));
                let RunEvent::CommandEnded { verdicts, .. } = &events[0] else { panic!("{events:?}") };
                assert_eq!(verdicts[0].outcome, Outcome::Late);
                assert!(verdicts[0].reason.starts_with("not so after 30 s: "), "{}", verdicts[0].reason);
                break;
            }
            bench.now = bench.run.waits_until().unwrap() - Duration::seconds(1);
        }
        assert_eq!((looks, bench.status()), (3, "paused"), "at once, after 20 s, and at the deadline");
        assert_eq!(view::step_state(&bench.run, 0), "late");
        bench
    };
    // go on
    let mut bench = late();
    bench.give("ana", &RunCommand::Answer { yes: true, reason: None }).unwrap();
    bench.runs_through();
    assert_eq!(bench.status(), "succeeded");
    laws::check(&bench);
    // wait on: the whole time anew, from the next look
    let mut bench = late();
    bench.give("ana", &RunCommand::Retry).unwrap();
    let attempt = bench.starts();
    let now = bench.now;
    assert_eq!(words(&bench.engine(&fails(attempt))), ["command_ended", "retry_scheduled"]);
    let unit = bench.run.next_unit().unwrap();
    assert_eq!(bench.run.deadline(unit), Some(now + Duration::seconds(30)));
    laws::check(&bench);
    // end it
    let mut bench = late();
    bench.give("ana", &RunCommand::Answer { yes: false, reason: None }).unwrap();
    assert_eq!(bench.status(), "failed");
    laws::check(&bench);
}

#[test]
fn a_wait_can_be_cancelled_and_survives_what_is_cut_off() {
    let mut bench = asked_for(vec![waits("ready", 600, None)]);
    let attempt = bench.starts();
    bench.engine(&fails(attempt));
    bench.now = bench.run.waits_until().unwrap();
    let attempt = bench.starts();
    let since = bench.run.since.clone();
    // the supervisor went away with a look: it is looked again, and the deadline stays where it is
    bench.engine(&RunCommand::Lost { attempt, reason: "gone".to_owned() });
    let attempt = bench.starts();
    assert_eq!(bench.run.since, since);
    let timed_out = finish(attempt, finished(Exit::TimedOut));
    assert_eq!(words(&bench.engine(&timed_out)), ["command_ended", "retry_scheduled"]);
    bench.give("ana", &RunCommand::Cancel { reason: None }).unwrap();
    bench.now += Duration::hours(1);
    assert_eq!(bench.engine(&RunCommand::Advance), []);
    assert_eq!(bench.status(), "cancelled");
    laws::check(&bench);
}

#[test]
fn what_must_not_be_repeated_is_not_waited_for() {
    let once = PlannedCommand { effect: ONCE, ..waits("go", 600, None) };
    let mut bench = Bench::approved(vec![step("1", vec![once], vec![])]);
    let attempt = bench.starts();
    assert_eq!(words(&bench.engine(&fails(attempt))), ["command_ended", "failed"]);
    laws::check(&bench);
}
