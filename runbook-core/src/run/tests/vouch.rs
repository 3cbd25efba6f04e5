//! A person's word: what it stands for, what it cannot bring, and how long it stays one.

use super::kit::*;
use super::laws;
use super::{AGAIN, ONCE, READ, words};
use crate::choices::question;
use crate::expectation::Check;
use crate::incident::{IncidentCommand, RunOutcome};
use crate::message::Answer;
use crate::people::Actor;
use crate::plan::PlannedCommand;
use crate::ports::{Exit, Finished, StateOutcome};
use crate::run::{CommandPhase, Question, RunCommand, Status};
use crate::runbook::{Effect, Flow, Foreach, Until};
use crate::view;

fn text(text: &str, effect: Effect) -> PlannedCommand {
    PlannedCommand { text: text.to_owned(), ..command("c", effect) }
}

fn gives(id: &str) -> PlannedCommand {
    PlannedCommand { effect: ONCE, ..capturing(id) }
}

fn mark_done() -> RunCommand {
    RunCommand::MarkDone { reason: Some("it is in the console".to_owned()) }
}

fn yes() -> RunCommand {
    RunCommand::Answer { yes: true, reason: None }
}

/// Ends it without the state of its shell.
fn ends(attempt: u32, exit: Exit) -> RunCommand {
    finish(attempt, Finished { state: StateOutcome::Missing, ..finished(exit) })
}

fn answers(bench: &Bench) -> Vec<Answer> {
    question(&bench.run).unwrap().answers
}

#[test]
fn nobody_vouches_for_what_was_not_handed_on() {
    let (time_is_up, failed) = (Exit::TimedOut, Exit::Code { code: 1 });
    // the command, the one after it, and what that would miss
    for (first, then, missed) in [
        (gives("make"), "echo deleting [$REVISION]", Some("read REVISION, which it gives")),
        (gives("make"), "echo no value", None),
        (text("TMP=$(mktemp -d)", ONCE), "rm -rf $TMP/*", Some("read $TMP, which it sets")),
        (text("NS=prod; cd /usr", ONCE), "kubectl -n $NS delete pod x", Some("read $NS")),
        (text("cd /usr", ONCE), "make clean", Some("the folder that it goes to")),
        (text("cd /usr", ONCE), "cd /srv && make clean", None),
        (text("target() { echo web; }; deploy", ONCE), "kubectl delete $(target)", Some("call target")),
        (text("deploy", ONCE), "kubectl delete pod x", None),
    ] {
        for exit in [time_is_up, failed] {
            let place = format!("{} {exit:?}, then {then}", first.text.trim());
            let steps =
                || vec![step("1", vec![first.clone()], vec![]), step("2", vec![text(then, ONCE)], vec![])];
            let mut bench = Bench::approved(steps());
            let attempt = bench.starts();
            bench.engine(&ends(attempt, exit));
            assert_eq!(bench.status(), if exit == failed { "failed" } else { "in_doubt" }, "{place}");
            assert_eq!(answers(&bench).contains(&Answer::MarkDone), missed.is_none(), "{place}");
            let asked = question(&bench.run).unwrap();
            let done = bench.give("ana", &mark_done());
            if let Some(missed) = missed {
                let refused = done.unwrap_err().to_string();
                assert!(refused.contains(missed) && refused.contains("`retry` it"), "{place}: {refused}");
                assert!(asked.evidence.iter().any(|line| line.contains(missed)), "{place}: {asked:?}");
                assert!(bench.engine(&RunCommand::Advance).is_empty(), "{place}");
                if exit == failed {
                    // skip refuses the same
                    let skip = RunCommand::PassOver { rest: false, reason: "no".to_owned() };
                    let refused = bench.give("ana", &skip).unwrap_err().to_string();
                    assert!(refused.contains(missed), "{place}: {refused}");
                }
                bench.give("ana", &RunCommand::Retry).unwrap();
                bench.give("ben", &approve("ben")).unwrap();
            } else {
                done.unwrap();
                if exit == failed {
                    bench.give("ben", &approve("ben")).unwrap();
                }
            }
            bench.runs_through();
            assert_eq!(bench.status(), "succeeded", "{place}");
            laws::check(&bench);
        }
    }
    // its end was seen, and what it left was handed on
    let steps = vec![step("1", vec![text("NS=prod; cd /usr; false", ONCE), text("make $NS", ONCE)], vec![])];
    let mut bench = Bench::approved(steps);
    let attempt = bench.starts();
    bench.engine(&fails(attempt));
    bench.give("ana", &mark_done()).unwrap();
    assert_eq!(bench.status(), "waiting_for_approval");
    laws::check(&bench);
}

/// A probe sees the effect, and not what the shell was to hand on.
#[test]
fn a_probe_does_not_settle_what_later_commands_would_miss() {
    for (first, status) in
        [("deploy", "running"), ("NS=prod; deploy", "in_doubt"), ("cd /srv; deploy", "in_doubt")]
    {
        let mut steps = vec![
            step("1", vec![text(first, ONCE)], vec![]),
            step("2", vec![text("echo $NS", AGAIN)], vec![]),
        ];
        steps[0].probe = Some(command("probe", READ));
        let mut bench = Bench::approved(steps);
        let attempt = bench.starts();
        bench.engine(&RunCommand::Lost { attempt, reason: "gone".to_owned() });
        let probe = bench.starts();
        bench.engine(&ok(probe));
        assert_eq!(bench.status(), status, "{first}");
        laws::check(&bench);
    }
}

/// The next command of a paused run.
#[test]
fn a_folder_or_a_function_is_not_skipped() {
    for (first, then, is_refused) in [
        ("cd /srv", "make", true),
        ("popd", "make", true),
        ("target() { echo web; }", "echo $(target)", true),
        ("target() { echo web; }", "echo targets", false),
        ("(cd /srv && make)", "make", false),
    ] {
        let commands = vec![text("true", READ), text(first, AGAIN), text(then, AGAIN)];
        let mut bench = Bench::approved(vec![step("1", commands, vec![])]);
        let attempt = bench.starts();
        bench.give("ana", &RunCommand::Pause { reason: None }).unwrap();
        bench.engine(&ok(attempt));
        let skip = RunCommand::PassOver { rest: false, reason: "no".to_owned() };
        assert_eq!(bench.give("ana", &skip).is_err(), is_refused, "{first}, then {then}");
        laws::check(&bench);
    }
}

fn until(command: PlannedCommand) -> PlannedCommand {
    let until = Until { deadline_ms: 2_000, every_ms: Some(1_000) };
    PlannedCommand { flow: Flow { until: Some(until), ..command.flow }, ..command }
}

/// Looks until it asks, each look ending so.
fn late(bench: &mut Bench, end: &dyn Fn(u32) -> RunCommand) {
    while bench.status() == "running" {
        let attempt = bench.starts();
        bench.engine(&end(attempt));
        bench.engine(&RunCommand::Advance);
        bench.now = bench.run.waits_until().unwrap_or(bench.now);
    }
}

#[test]
fn going_on_after_a_wait_that_failed_is_as_after_a_failure() {
    let check = |within_ms| {
        let expectations = vec![expectation("exit code 0", Check::ExitZero, within_ms)];
        PlannedCommand { expectations, ..command("look", READ) }
    };
    let slow = |attempt| finish(attempt, Finished { elapsed_ms: 900, ..finished(Exit::Code { code: 0 }) });
    let time_is_up = |attempt| finish(attempt, finished(Exit::TimedOut));
    let ask: &[Answer] = &[Answer::WaitOn, Answer::No, Answer::GoOn];
    let looks: &[Answer] = &[Answer::WaitOn, Answer::Yes, Answer::No];
    type End<'a> = &'a dyn Fn(u32) -> RunCommand;
    // how each look ends, what comes after it, what is offered, and whether another person is asked
    for (how, end, then, offered, asks) in [
        ("failed", &fails as End<'_>, ONCE, ask, true),
        ("time is up", &time_is_up, ONCE, ask, true),
        ("failed", &fails, READ, ask, false),
        ("only slow", &slow, ONCE, looks, false),
    ] {
        let look = until(check((how == "only slow").then_some(500)));
        let mut bench = Bench::approved(vec![step("1", vec![look, command("then", then)], vec![])]);
        if then == READ {
            bench = Bench::plan(&request(bench.run.plan.clone(), 0), start_of_day()).0;
        }
        late(&mut bench, end);
        assert!(matches!(bench.run.status, Status::Paused { question: Question::Late { .. } }), "{how}");
        assert_eq!(answers(&bench), offered, "{how}");
        bench.give("ana", &yes()).unwrap();
        assert_eq!(bench.status() == "waiting_for_approval", asks, "{how} {then:?}");
        if asks {
            assert_eq!(bench.engine(&RunCommand::Advance), []);
            let refused = bench.give("ana", &approve("ana")).unwrap();
            assert_eq!(words(&refused.events), ["approval_refused"]);
            bench.give("ben", &approve("ben")).unwrap();
        }
        bench.runs_through();
        assert_eq!(bench.status(), "succeeded", "{how}");
        let told = view::state_words(&bench.run);
        let says = "succeeded, and ana says that \"Step 1: look\" is done, which nobody saw: it failed";
        assert_eq!(told, if how == "only slow" { "succeeded" } else { says }, "{how}");
        laws::check(&bench);
    }
    // a value that was awaited in vain
    let mut capture = until(capturing("find"));
    capture.expectations = check(None).expectations;
    let mut bench = Bench::approved(vec![step("1", vec![capture, text("rm $REVISION", ONCE)], vec![])]);
    late(&mut bench, &fails);
    assert_eq!(answers(&bench), [Answer::WaitOn, Answer::No]);
    assert!(bench.give("ana", &yes()).unwrap_err().to_string().contains("REVISION"));
    laws::check(&bench);
}

/// One item fails at every look: the others do not run by the word of whoever asked for it.
#[test]
fn a_first_item_that_was_awaited_in_vain_was_not_seen_to_be_good() {
    for needed in [0, 1] {
        let foreach = Foreach {
            name: "host".to_owned(),
            source: "[a, b]".to_owned(),
            items: Some(vec!["a".to_owned(), "b".to_owned()]),
            concurrency: 1,
            canary: true,
            budget: 0,
            places: std::collections::BTreeSet::new(),
        };
        let flow = Flow { foreach: Some(foreach), ..Flow::default() };
        let all = until(PlannedCommand { flow, ..command("do", AGAIN) });
        let mut bench = Bench::of(vec![step("1", vec![all], vec![])], needed);
        let RunCommand::Approve { by, may_approve, fingerprint, .. } = approve("ben") else { panic!() };
        let reason = Some("it has to be".to_owned());
        bench.give("ben", &RunCommand::Approve { by, may_approve, fingerprint, reason }).unwrap();
        late(&mut bench, &fails);
        assert_eq!(answers(&bench), [Answer::WaitOn, Answer::No, Answer::GoOn]);
        bench.give("ana", &yes()).unwrap();
        bench.engine(&RunCommand::Advance);
        if needed == 0 {
            assert!(matches!(bench.run.status, Status::Paused { question: Question::Canary { .. } }));
            let means = crate::next::next(&bench.run).into_iter().map(|next| next.means).collect::<Vec<_>>();
            assert!(
                means.contains(&"run the others, although the first was not seen to be good"),
                "{means:?}"
            );
            bench.give("ana", &yes()).unwrap();
        } else {
            let told = view::state_words(&bench.run);
            assert!(told.contains("run do [b], although [a] was not seen to be good"), "{told}");
            assert!(bench.give("ana", &approve("ana")).unwrap().refusal.is_some());
            bench.give("ben", &approve("ben")).unwrap();
        }
        bench.runs_through();
        assert_eq!(bench.status(), "succeeded");
        assert!(view::state_words(&bench.run).contains("ana says that \"do [a]\" is done, which nobody saw"));
        laws::check(&bench);
    }
}

/// Whose word it is, and why, goes with the run to its end.
#[test]
fn a_success_by_a_word_says_so() {
    let lost = |attempt| RunCommand::Lost { attempt, reason: "gone".to_owned() };
    type End<'a> = &'a dyn Fn(u32) -> RunCommand;
    for (end, seen) in [(&fails as End<'_>, "which nobody saw: it failed"), (&lost, "which nobody saw")] {
        let mut bench = Bench::approved(vec![step("1", vec![command("do", ONCE)], vec![])]);
        let attempt = bench.starts();
        bench.engine(&end(attempt));
        bench.give("ana", &mark_done()).unwrap();
        bench.runs_through();
        let said = format!("ana says that \"Step 1\" is done (it is in the console), {seen}");
        assert_eq!(bench.status(), "succeeded");
        assert_eq!(view::state_words(&bench.run), format!("succeeded, and {said}"));
        assert_eq!(view::step_state(&bench.run, 0), "vouched for");
        assert_eq!(bench.run.row().note.as_deref(), Some(said.as_str()));
        let told = bench.told.last().unwrap();
        let IncidentCommand::EndRun { outcome, reason, .. } = told else { panic!("{told:?}") };
        assert_eq!((*outcome, reason.as_deref()), (RunOutcome::Vouched, Some(said.as_str())));
        laws::check(&bench);
    }
    // a person who looked, as the runbook asks, saw it
    let mut looks = command("do", ONCE);
    looks.expectations = vec![expectation("looks fine", Check::Person, None)];
    let mut bench = Bench::approved(vec![step("1", vec![looks], vec![])]);
    let attempt = bench.starts();
    bench.engine(&ok(attempt));
    bench.give("ana", &yes()).unwrap();
    bench.runs_through();
    assert_eq!((view::state_words(&bench.run).as_str(), bench.run.row().note), ("succeeded", None));
    assert!(matches!(
        bench.told.last(),
        Some(IncidentCommand::EndRun { outcome: RunOutcome::Succeeded, reason: None, .. })
    ));
    // what was run again after all is no word any more
    let mut bench =
        Bench::approved(vec![step("1", vec![command("do", ONCE), command("more", ONCE)], vec![])]);
    let attempt = bench.starts();
    bench.engine(&fails(attempt));
    bench.give("ana", &mark_done()).unwrap();
    assert_eq!(bench.run.vouched_for().count(), 1);
    laws::check(&bench);
}

#[test]
fn the_words_name_what_was_done() {
    let user = Actor::Local("root".to_owned());
    let steps = || vec![step("1", vec![command("do", ONCE), command("more", ONCE)], vec![])];
    let failed = || {
        let mut bench = Bench::approved(steps());
        let attempt = bench.starts();
        bench.engine(&fails(attempt));
        bench
    };
    // who went past something did not order a repetition
    for (order, said) in
        [(mark_done(), "ben went past a command"), (RunCommand::Retry, "ben ordered the repetition")]
    {
        let mut bench = failed();
        bench.give("ben", &order).unwrap();
        let refused = bench.give("ben", &approve("ben")).unwrap().refusal.unwrap().to_string();
        assert!(refused.contains(said), "{refused}");
    }
    // and did not ask for the run
    for (order, said) in
        [(mark_done(), "does not name went past a command"), (RunCommand::Retry, "ordered the rep")]
    {
        let mut bench = failed();
        bench.give_as(&user, &order).unwrap();
        let told = view::state_words(&bench.run);
        assert!(told.contains("one more than usual") && told.contains(said), "{told}");
        assert!(!told.contains("asked for it"), "{told}");
    }
    // an undo in doubt did not fail
    let mut bench = Bench::approved(vec![step("1", vec![command("do", ONCE)], vec![command("back", ONCE)])]);
    let attempt = bench.starts();
    bench.engine(&fails(attempt));
    bench.give("ana", &RunCommand::Undo).unwrap();
    let attempt = bench.starts();
    bench.engine(&RunCommand::Lost { attempt, reason: "gone".to_owned() });
    bench.give("ana", &mark_done()).unwrap();
    bench.runs_through();
    assert_eq!(bench.status(), "undone");
    assert!(bench.run.commands.values().any(|phase| *phase == CommandPhase::MarkedDone));
    let told = view::state_words(&bench.run);
    assert!(told.contains("nobody saw the end of its undo") && !told.contains("failed"), "{told}");
    laws::check(&bench);
}
