//! What a command starts from when something before it did not come to a good end.

use super::kit::*;
use super::{AGAIN, ONCE, READ};
use crate::plan::PlannedCommand;
use crate::run::event::{Unit, UnitRole};
use crate::run::{CommandPhase, RunCommand};
use crate::runbook::Effect;

fn text(id: &str, text: &str, effect: Effect) -> PlannedCommand {
    PlannedCommand { text: text.to_owned(), ..command(id, effect) }
}

fn main(step: usize) -> Unit {
    Unit { step, role: UnitRole::Main, index: 0, item: None }
}

/// Runs the next command, and it succeeds.
fn goes_well(bench: &mut Bench) {
    let attempt = bench.starts();
    bench.engine(&ok(attempt));
}

/// Three steps: functions, then the command that is passed over or not, then the one that is asked about.
fn bench(functions: &str, before: &str, after: &str) -> Bench {
    let steps = [("f", functions), ("b", before), ("a", after)];
    let steps = steps.map(|(id, of)| step(id, vec![text(id, of, AGAIN)], vec![]));
    Bench::approved(steps.into())
}

#[test]
fn a_command_that_names_what_may_be_missing_ends_at_a_variable_without_a_value() {
    for (functions, before, after, strict) in [
        ("true", "DIR=work", "rm -rf \"/srv/$DIR\"", true),
        ("true", "DIR=work", "kubectl $FLAGS get pods", false),
        ("true", "true", "rm -rf \"/srv/$DIR\"", false),
        ("true", "source ./env.sh", "rm -rf \"/srv/$DIR\"", true),
        ("true", "if true; then export CTX=prod; fi", "echo $((CTX + 1))", true),
        ("true", "read -r <<< web", "echo ${REPLY}", true),
        ("wipe() { echo \"/srv/$DIR\"; }", "DIR=work", "wipe", true),
        ("wipe() { echo \"/srv/$DIR\"; }", "DIR=work", "echo no call", false),
        ("choose() { DIR=blue; }", "choose", "rm -rf \"/srv/$DIR\"", true),
        ("choose() { DIR=blue; }", "true", "rm -rf \"/srv/$DIR\"", false),
    ] {
        let place = format!("{functions}; {before}; {after}");
        let mut good = bench(functions, before, after);
        goes_well(&mut good);
        goes_well(&mut good);
        assert!(!good.run.ends_at_unset(main(2)), "{place}: all went well");
        for phase in [
            CommandPhase::Skipped { reason: "when".to_owned() },
            CommandPhase::Probed,
            CommandPhase::MarkedDone,
        ] {
            let mut passed = bench(functions, before, after);
            goes_well(&mut passed);
            passed.run.commands.insert(main(1), phase);
            assert_eq!(passed.run.ends_at_unset(main(2)), strict, "{place}");
        }
    }
}

#[test]
fn what_several_at_once_set_is_missed_by_nobody() {
    let mut group = text("g", "DIR=work", AGAIN);
    group.flow.parallel = Some("both".to_owned());
    let after = text("a", "echo \"/srv/$DIR\"", AGAIN);
    let bench = Bench::approved(vec![step("1", vec![group], vec![]), step("2", vec![after], vec![])]);
    assert!(!bench.run.ends_at_unset(main(1)));
}

#[test]
fn an_undo_without_the_value_that_its_command_was_to_give_ends_there() {
    let give = PlannedCommand { effect: ONCE, ..capturing("make") };
    let undo = text("back", "rm -rf \"/srv/$REVISION\"", ONCE);
    let mut bench = Bench::approved(vec![step("1", vec![give], vec![undo])]);
    let undo = Unit { step: 0, role: UnitRole::Undo, index: 0, item: None };
    let attempt = bench.starts();
    assert!(bench.run.ends_at_unset(undo), "nothing is captured so far");
    bench.engine(&ok(attempt));
    assert_eq!(bench.run.values.get("REVISION").map(String::as_str), Some("42"));
    assert!(!bench.run.ends_at_unset(undo));
}

#[test]
fn a_repetition_starts_where_the_first_attempt_did() {
    let mut bench = Bench::approved(vec![
        step("1", vec![command("a", AGAIN)], vec![]),
        step("2", vec![command("b", AGAIN), command("c", READ)], vec![]),
    ]);
    goes_well(&mut bench);
    assert_eq!(bench.run.carry, Some(1));
    let attempt = bench.starts();
    bench.engine(&fails(attempt));
    assert_eq!(bench.run.carry, Some(2), "what follows starts where it ended, should somebody pass it over");
    bench.give("ana", &RunCommand::Retry).unwrap();
    let attempt = bench.starts();
    assert_eq!((attempt, bench.run.carry), (3, Some(1)), "and not where it failed");
    bench.engine(&ok(3));
    assert_eq!(bench.run.carry, Some(3));
    assert_eq!(bench.replayed().carry, Some(3));
}
