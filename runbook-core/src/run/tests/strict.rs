//! What a command starts from, and without what it does not begin, when something before it did not come to a good end.

use super::kit::*;
use super::{AGAIN, ONCE, READ};
use crate::plan::PlannedCommand;
use crate::ports::{Exit, Finished, Output};
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
fn what_a_command_reads_and_may_miss_must_have_a_value() {
    for (functions, before, after, needed) in [
        ("true", "DIR=work", "rm -rf \"/srv/$DIR\"", "DIR"),
        ("true", "DIR=work", "rm -rf \"/srv/$(basename \"$DIR\")\"", "DIR"),
        ("true", "DIR=work", "sh -c 'rm -rf /srv/$DIR'", "DIR"),
        ("true", "DIR=work", "DIR=other; rm -rf \"/srv/$DIR\"", ""),
        // set itself, and too late or somewhere else
        ("true", "DIR=work", "DIR=\"$DIR/cache\"; rm -rf \"/srv/$DIR\"", "DIR"),
        ("true", "DIR=work", "rm -rf \"/srv/$DIR\"; DIR=", "DIR"),
        ("true", "DIR=work", "rm -rf \"/srv/$DIR\"; for DIR in a b; do echo \"$DIR\"; done", "DIR"),
        ("true", "DIR=work", "( DIR=q ); rm -rf \"/srv/$DIR\"", "DIR"),
        ("true", "DIR=work", "DIR=q true; rm -rf \"/srv/$DIR\"", "DIR"),
        ("true", "DIR=work", "f() { local DIR=q; }; rm -rf \"/srv/$DIR\"", "DIR"),
        ("true", "DIR=work", "echo q | read -r DIR; rm -rf \"/srv/$DIR\"", "DIR"),
        ("true", "DIR=work", "[ -e x ] && DIR=zz; rm -rf \"/srv/$DIR\"", "DIR"),
        ("true", "DIR=work", "while read -r DIR; do :; done < list; rm -rf \"/srv/$DIR\"", "DIR"),
        ("true", "DIR=work", "wipe() { rm -rf \"/srv/$DIR\"; }; wipe; DIR=q", "DIR"),
        ("wipe() { echo \"/srv/$DIR\"; }", "DIR=work", "wipe; DIR=q", "DIR"),
        ("true", "DIR=work", "read -r -p DIR name; rm -rf \"/srv/$DIR\"", "DIR"),
        // and in time
        ("true", "DIR=work", "for DIR in a b; do rm -rf \"/srv/$DIR\"; done", ""),
        ("true", "DIR=work", "while read -r DIR; do rm -rf \"/srv/$DIR\"; done < list", ""),
        ("true", "DIR=work", "read -r -t 5 DIR <<< web; rm -rf \"/srv/$DIR\"", ""),
        ("true", "DIR=work", "printf -v DIR %s web; rm -rf \"/srv/$DIR\"", ""),
        ("true", "DIR=work", "mapfile -t DIR <<< web; rm -rf \"/srv/$DIR\"", ""),
        // the file may not be there
        ("true", "DIR=work", "mapfile -t DIR < list; rm -rf \"/srv/$DIR\"", "DIR"),
        ("true", "DIR=work", "wipe() { rm -rf \"/srv/$DIR\"; }; DIR=q; wipe", ""),
        ("wipe() { echo \"/srv/$DIR\"; }", "DIR=work", "DIR=q; wipe", ""),
        ("true", "DIR=work", "f() { local DIR=q; echo \"$DIR\"; }; f", ""),
        ("true", "DIR=work", "[ -n \"$DIR\" ] && rm -rf \"/srv/$DIR\"", ""),
        ("true", "name=web", "[ -n \"$DEBUG\" ] && set -x; echo name", ""),
        ("true", "DIR=work", "kubectl $FLAGS get pods", ""),
        ("true", "true", "rm -rf \"/srv/$DIR\"", ""),
        ("true", "if true; then export CTX=1; fi", "echo $((CTX + 1))", "CTX"),
        ("true", "read -r <<< web", "echo ${REPLY}", "REPLY"),
        ("wipe() { echo \"/srv/$DIR\"; }", "DIR=work", "wipe", "DIR"),
        ("wipe() { echo \"/srv/$DIR\"; }", "DIR=work", "echo no call", ""),
        ("choose() { DIR=blue; }", "choose", "rm -rf \"/srv/$DIR\"", "DIR"),
        ("choose() { DIR=blue; }", "true", "rm -rf \"/srv/$DIR\"", ""),
        ("choose-dir() { DIR=blue; }", "choose-dir", "rm -rf \"/srv/$DIR\"", "DIR"),
        ("dir::choose() { DIR=blue; }", "dir::choose || true", "rm -rf \"/srv/$DIR\"", "DIR"),
        ("choose-dir() { DIR=blue; }", "choose", "rm -rf \"/srv/$DIR\"", ""),
    ] {
        let place = format!("{functions}; {before}; {after}");
        let mut good = bench(functions, before, after);
        goes_well(&mut good);
        goes_well(&mut good);
        assert!(good.run.must_be_set(main(2)).is_empty(), "{place}: all went well");
        for phase in [
            CommandPhase::Skipped { reason: "when".to_owned() },
            CommandPhase::Probed,
            CommandPhase::MarkedDone,
        ] {
            let mut passed = bench(functions, before, after);
            goes_well(&mut passed);
            passed.run.commands.insert(main(1), phase);
            let names: Vec<String> = passed.run.must_be_set(main(2)).into_iter().collect();
            assert_eq!(names.join(" "), needed, "{place}");
            assert!(passed.run.may_be_missing(main(2)).values().all(|from| *from == main(1)), "{place}");
        }
    }
}

/// Each function may stand in a command of its own.
#[test]
fn what_a_function_calls_elsewhere_may_be_missing_too() {
    for (find, pick, needed) in [
        ("find-dir() { DIR=blue; }", "pick() { find-dir; }", "DIR"),
        ("find_dir() { DIR=blue; }", "pick() { find_dir; }", "DIR"),
        ("find_dir() { DIR=blue; pick; }", "pick() { find_dir; }", "DIR"),
        ("find_dir() { DIR=blue; }", "pick() { true; }", ""),
    ] {
        let texts = [find, pick, "pick", "rm -rf \"/srv/$DIR\""];
        let steps = texts.iter().zip(["f", "p", "b", "a"]);
        let steps = steps.map(|(of, id)| step(id, vec![text(id, of, AGAIN)], vec![]));
        let mut passed = Bench::approved(steps.collect());
        goes_well(&mut passed);
        goes_well(&mut passed);
        passed.run.commands.insert(main(2), CommandPhase::Skipped { reason: "when".to_owned() });
        let missing = passed.run.may_be_missing(main(3));
        assert_eq!(
            missing.keys().map(String::as_str).collect::<Vec<_>>().join(" "),
            needed,
            "{find}; {pick}"
        );
        assert!(missing.values().all(|from| *from == main(2)), "{find}; {pick}");
    }
}

#[test]
fn what_a_person_could_only_tell_went_well() {
    use crate::expectation::{Check, Outcome};
    let verify = |outcomes: &[Outcome], vouch: bool, noted: bool, missed: bool| {
        let mut bench = bench("true", "DIR=work", "rm -rf \"/srv/$DIR\"");
        bench.tampered(|plan| {
            let looks = outcomes.iter().map(|_| expectation("it looks nice", Check::Person, None));
            plan.steps[1].commands[0].expectations = looks.collect();
        });
        goes_well(&mut bench);
        goes_well(&mut bench);
        let Some(CommandPhase::Ended { verdicts, vouched, noted: n, missed: m, .. }) =
            bench.run.commands.get_mut(&main(1))
        else {
            panic!("it ended")
        };
        (*vouched, *n, *m) = (vouch, noted, missed);
        assert!(!verdicts.is_empty());
        verdicts.resize(outcomes.len(), verdicts[0].clone());
        for (verdict, outcome) in verdicts.iter_mut().zip(outcomes) {
            verdict.outcome = *outcome;
        }
        bench.run.must_be_set(main(2)).is_empty()
    };
    for (outcomes, vouched, noted, missed, is_good) in [
        (&[Outcome::Ask][..], true, false, false, true),
        (&[Outcome::Pass, Outcome::Ask], true, false, false, true),
        (&[Outcome::Pass], true, false, false, true),
        // nobody said yes
        (&[Outcome::Ask], false, false, false, false),
        // seen to fail, or not seen to end in time
        (&[Outcome::Fail], true, false, false, false),
        (&[Outcome::Ask, Outcome::Fail], true, false, false, false),
        (&[Outcome::Late], true, false, false, false),
        (&[Outcome::Ask], true, false, true, false),
        (&[Outcome::Ask], true, true, false, false),
        (&[Outcome::Fail], false, true, false, false),
    ] {
        assert_eq!(
            verify(outcomes, vouched, noted, missed),
            is_good,
            "{outcomes:?} {vouched} {noted} {missed}"
        );
    }
}

#[test]
fn whoever_looks_reads_which_command_was_to_bring_it() {
    let mut passed = bench("true", "DIR=work", "rm -rf \"/srv/$DIR\"");
    goes_well(&mut passed);
    passed.run.commands.insert(main(1), CommandPhase::MarkedDone);
    let attempt = passed.starts();
    passed.engine(&RunCommand::NotStarted { attempt, reason: "DIR has no value".to_owned() });
    assert_eq!(passed.status(), "failed");
    let question = crate::choices::question(&passed.run).unwrap();
    let line = "DIR was to come from b; running this one again does not bring it".to_owned();
    assert!(question.evidence.contains(&line), "{question:?}");
}

#[test]
fn what_several_at_once_set_is_missed_by_nobody() {
    let mut group = text("g", "DIR=work", AGAIN);
    group.flow.parallel = Some("both".to_owned());
    let after = text("a", "echo \"/srv/$DIR\"", AGAIN);
    let bench = Bench::approved(vec![step("1", vec![group], vec![]), step("2", vec![after], vec![])]);
    assert!(bench.run.must_be_set(main(1)).is_empty());
}

#[test]
fn an_undo_is_given_what_its_own_step_captured_and_nothing_else() {
    let give = |id| PlannedCommand { effect: ONCE, ..capturing(id) };
    let undo = || text("back", "rm -rf \"/srv/$REVISION\"", ONCE);
    let steps = vec![step("1", vec![give("a")], vec![undo()]), step("2", vec![give("b")], vec![undo()])];
    let mut bench = Bench::approved(steps);
    let undo_of = |step| Unit { step, role: UnitRole::Undo, index: 0, item: None };
    let says = |bench: &mut Bench, value: &str, exit| {
        let attempt = bench.starts();
        let stdout = Output { text: value.to_owned(), dropped_bytes: 0 };
        bench.engine(&finish(attempt, Finished { stdout, ..finished(exit) }));
    };
    assert!(bench.run.must_be_set(undo_of(0)).contains("REVISION"), "nothing is captured so far");
    says(&mut bench, "1\n", Exit::Code { code: 0 });
    says(&mut bench, "2\n", Exit::Code { code: 3 });
    let given = |step| bench.run.variables(undo_of(step)).get("REVISION").cloned();
    assert_eq!((given(0).as_deref(), given(1)), (Some("1"), None), "the second one's value is not known");
    assert!(bench.run.must_be_set(undo_of(0)).is_empty());
    assert!(bench.run.must_be_set(undo_of(1)).contains("REVISION"));
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
