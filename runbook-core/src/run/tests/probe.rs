//! What a probe settles, and what it leaves to people.

use super::kit::*;
use super::*;
use crate::plan::PlanStep;

/// One step with a change and its probe, and one that looks.
fn probed(commands: Vec<PlannedCommand>) -> Vec<PlanStep> {
    let probe = Some(command("has-it-happened", READ));
    vec![
        PlanStep { probe, ..step("1", commands, vec![command("back", AGAIN)]) },
        step("2", vec![command("look", READ)], vec![]),
    ]
}

fn lost(attempt: u32) -> RunCommand {
    RunCommand::Lost { attempt, reason: "gone".to_owned() }
}

/// In doubt about the first command, with its probe under way.
fn probing(commands: Vec<PlannedCommand>) -> (Bench, u32) {
    let mut bench = Bench::approved(probed(commands));
    let attempt = bench.starts();
    assert_eq!(words(&bench.engine(&lost(attempt))), ["command_in_doubt", "probe_ordered"]);
    assert_eq!(bench.status(), "running");
    let probe = bench.starts();
    assert_eq!(started_ids(&bench).last(), Some(&"has-it-happened"));
    (bench, probe)
}

fn question(bench: &Bench) -> String {
    match &bench.run.status {
        Status::Paused { question: Question::Doubt { unit, reason } } => {
            assert_eq!((unit.step, unit.role), (0, UnitRole::Main));
            reason.clone()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_probe_that_sees_the_effect_settles_the_doubt() {
    let (mut bench, probe) = probing(vec![command("do", ONCE), command("see", READ)]);
    assert_eq!(words(&bench.engine(&ok(probe))), ["command_ended", "doubt_settled"]);
    assert_eq!(bench.run.probing, None);
    bench.runs_through();
    assert_eq!(bench.status(), "succeeded");
    assert_eq!(started_ids(&bench), ["do", "has-it-happened", "see", "look"], "nothing is done twice");
    // What has happened can be undone.
    bench.give("ana", &RunCommand::Undo).unwrap();
    bench.runs_through();
    assert_eq!(started_ids(&bench).last(), Some(&"back"));
    laws::check(&bench);
}

#[test]
fn whatever_else_a_probe_says_people_hear_and_decide() {
    let capturing_once = PlannedCommand { effect: ONCE, ..capturing("do") };
    let two_changes = vec![command("do", ONCE), command("do-more", AGAIN)];
    let cut_off = |attempt| finish(attempt, finished(Exit::TimedOut));
    let not_started = |attempt| RunCommand::NotStarted { attempt, reason: "no bash".to_owned() };
    let change = || vec![command("do", ONCE)];
    type Ends = fn(u32) -> RunCommand;
    let table: [(Vec<_>, Ends, &str); 5] = [
        (change(), fails, "the probe says that it has not happened: expected exit status 0"),
        (change(), cut_off, "the probe could not tell"),
        (change(), not_started, "the probe could not be run: no bash"),
        (two_changes, ok, "does not speak of this command alone"),
        (vec![capturing_once], ok, "does not speak of this command alone"),
    ];
    for (commands, ends, says) in table {
        let (mut bench, probe) = probing(commands);
        bench.engine(&ends(probe));
        let reason = question(&bench);
        assert!(reason.starts_with("gone; ") && reason.contains(says), "{reason}");
        assert_eq!(bench.engine(&RunCommand::Advance), [], "{says}: nothing goes on by itself");
        // Repeating it wants a yes of its own, whatever the probe said.
        let retry = bench.give("ana", &RunCommand::Retry).unwrap();
        assert_eq!(words(&retry.events), ["retry_ordered", "approval_asked"], "{says}");
        bench.give("ben", &approve("ben")).unwrap();
        let again = bench.starts();
        assert_eq!(started_ids(&bench).last(), Some(&"do"), "{says}");
        // In doubt again, the probe is asked again.
        assert_eq!(words(&bench.engine(&lost(again))), ["command_in_doubt", "probe_ordered"], "{says}");
        laws::check(&bench);
    }
}

#[test]
fn a_crash_while_the_probe_runs_asks_it_again() {
    for crash in [RunCommand::Recover, lost(2)] {
        let (mut bench, _) = probing(vec![command("do", ONCE)]);
        assert_eq!(words(&bench.engine(&crash)), ["command_in_doubt", "retry_ordered"]);
        let again = bench.starts();
        assert_eq!(started_ids(&bench), ["do", "has-it-happened", "has-it-happened"]);
        bench.engine(&ok(again));
        bench.runs_through();
        assert_eq!(bench.status(), "succeeded");
        laws::check(&bench);
    }
}

#[test]
fn a_run_that_is_cancelled_while_its_probe_runs_stays_in_doubt() {
    let (mut bench, probe) = probing(vec![command("do", ONCE)]);
    bench.give("ana", &RunCommand::Cancel { reason: None }).unwrap();
    assert_eq!(bench.status(), "cancelled");
    assert_eq!(bench.engine(&ok(probe)), [], "it is too late to be told");
    let unit = Unit { step: 0, role: UnitRole::Main, index: 0, item: None };
    assert!(matches!(bench.run.commands.get(&unit), Some(CommandPhase::InDoubt { .. })));
    laws::check(&bench);
}

#[test]
fn nothing_but_a_main_command_that_may_not_be_repeated_is_probed() {
    for effect in [READ, AGAIN] {
        let mut bench = Bench::approved(probed(vec![command("do", effect), command("more", ONCE)]));
        let attempt = bench.starts();
        assert_eq!(words(&bench.engine(&lost(attempt))), ["command_in_doubt", "retry_ordered"]);
    }
    // A probe that would change something is none.
    let mut steps = probed(vec![command("do", ONCE)]);
    steps[0].probe = Some(command("not-a-probe", AGAIN));
    let mut bench = Bench::approved(steps);
    let attempt = bench.starts();
    assert_eq!(words(&bench.engine(&lost(attempt))), ["command_in_doubt", "asked"]);
}
