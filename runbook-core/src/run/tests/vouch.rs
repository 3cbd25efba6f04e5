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

/// It ran well, and only a person can tell whether it is as expected.
fn looked_at(command: PlannedCommand) -> PlannedCommand {
    let expectations = vec![expectation("the error rate is down", Check::Person, None)];
    PlannedCommand { expectations, ..command }
}

fn no() -> RunCommand {
    RunCommand::Answer { yes: false, reason: Some("it is UP".to_owned()) }
}

/// A person's no is what a failed check is: whoever says later that it is done says so against it, in one's own name.
#[test]
fn a_no_is_seen_as_a_failed_check_is() {
    for then in [READ, ONCE] {
        let commands = vec![looked_at(command("deploy", ONCE))];
        let mut bench = Bench::approved(vec![
            step("1", commands, vec![]),
            step("2", vec![command("then", then)], vec![]),
        ]);
        let attempt = bench.starts();
        let unit = bench.run.live_unit().unwrap().0;
        bench.engine(&ok(attempt));
        assert_eq!(bench.status(), "paused");
        let said = bench.give("ben", &no()).unwrap();
        assert_eq!(words(&said.events), ["answered_no", "failed"]);
        assert_eq!((bench.run.stopped_at(), bench.run.was_seen_to_fail(unit)), (Some(unit), true));
        bench.give("ana", &mark_done()).unwrap();
        let done_by = bench.run.rests_on(unit).map(|word| word.by.clone());
        assert_eq!(done_by, Some(person("ana")));
        if then == ONCE {
            // whoever is asked for a yes reads whose word it is, and against what
            let told = view::state_words(&bench.run);
            assert!(told.contains("ana says") && told.contains("done"), "{told}");
            bench.give("ben", &approve("ben")).unwrap();
        }
        bench.runs_through();
        assert_eq!(bench.status(), "succeeded");
        let Some(IncidentCommand::EndRun { outcome: RunOutcome::Vouched, reason: Some(why), .. }) =
            bench.told.last()
        else {
            panic!("nobody saw it help: {:?}", bench.told.last())
        };
        assert!(why.contains("ana"), "{why}");
        let Some(CommandPhase::Ended { verdicts, .. }) = bench.run.commands.get(&unit) else { panic!() };
        assert!(verdicts.iter().any(|verdict| verdict.reason == "ben says no (it is UP)"), "{verdicts:?}");
        laws::check(&bench);
    }
}

/// What it gave is not used: neither its value, nor what its shell computed.
#[test]
fn what_somebody_said_no_to_gives_nothing() {
    for (first, then, missed) in [
        (gives("make"), "echo [$REVISION]", Some("read REVISION, which it gives")),
        (text("DIR=$(pick)", ONCE), "rm -rf /srv/$DIR", Some("read $DIR")),
        // what anybody could have read in the plan, and was not what it was to be
        (text("NS=\"shop-prod\"", ONCE), "drain $NS", Some("read $NS")),
        (text("deploy", ONCE), "kubectl get pods", None),
    ] {
        let place = format!("{}, then {then}", first.text.trim());
        let mut bench = Bench::approved(vec![
            step("1", vec![looked_at(first)], vec![]),
            step("2", vec![text(then, ONCE)], vec![]),
        ]);
        let attempt = bench.starts();
        bench.engine(&finish(attempt, shown("7")));
        bench.give("ben", &no()).unwrap();
        let unit = bench.run.stopped_at().unwrap();
        assert_eq!(bench.run.value(unit, "REVISION"), None, "{place}");
        for order in [skip(), mark_done()] {
            let refused = bench.clone().give("ana", &order).err().map(|error| error.to_string());
            assert_eq!(refused.is_some(), missed.is_some(), "{place}: {refused:?}");
            assert!(refused.unwrap_or_default().contains(missed.unwrap_or_default()), "{place}");
        }
        // again, and seen to be good
        bench.give("ana", &RunCommand::Retry).unwrap();
        bench.give("ben", &approve("ben")).unwrap();
        let attempt = bench.starts();
        bench.engine(&finish(attempt, shown("8")));
        bench.give("ben", &yes()).unwrap();
        bench.runs_through();
        assert_eq!(bench.status(), "succeeded", "{place}");
        laws::check(&bench);
    }
}

fn shown(output: &str) -> Finished {
    let mut finished = finished(Exit::Code { code: 0 });
    finished.stdout.text = format!("{output}\n");
    finished
}

fn skip() -> RunCommand {
    RunCommand::PassOver { rest: false, reason: "no".to_owned() }
}

/// Its shell handed on what is there, and nobody knows how far it came, or with what.
#[test]
fn a_failure_hands_on_plain_values_and_nothing_that_was_computed() {
    for (before, first, then, missed) in [
        ("true", "DIR=$(cat /nonexistent/file)", "rm -rf /srv/work/$DIR", Some("read $DIR")),
        ("true", "DIR=`cat /nonexistent/file`", "rm -rf /srv/work/$DIR", Some("read $DIR")),
        ("true", "read -r DIR < f", "rm -rf /srv/work/$DIR", Some("read $DIR")),
        ("true", "mapfile -t < f", "rm -rf \"${MAPFILE[@]}\"", Some("read $MAPFILE")),
        ("true", "N=$((M / 0))", "scale $N", Some("read $N")),
        ("true", "BASE=$(find base); DIR=$BASE/x", "rm -rf $DIR", Some("read $DIR")),
        ("true", "set -e; deploy; NS=prod", "kubectl -n $NS get pods", Some("read $NS")),
        ("true", "export CTX=$(cat f)", "sh deploy.sh", Some("begin with CTX")),
        ("true", "cd /srv/web && make", "make clean", Some("folder")),
        ("true", ". ./env.sh; deploy", "make clean", Some("what it loads")),
        ("pick() { DIR=$(cat f); }", "pick", "rm -rf /srv/$DIR", Some("read $DIR")),
        ("true", "DIR=$(cat f)", "DIR=web; rm -rf /srv/$DIR", None),
        ("true", "X=prod; deploy", "make $X", None),
        ("true", "set -euo pipefail\nexport NS=prod\ndeploy", "sh deploy.sh", None),
        ("BASE=/srv", "DIR=$BASE/web; deploy", "rm -rf $DIR", None),
        ("true", "DIR=$namespace/web; deploy", "rm -rf $DIR", None),
        ("true", "OUT=$(deploy); echo \"$OUT\"", "make", None),
    ] {
        let place = format!("{before}; {first}, then {then}");
        let commands =
            [(before, AGAIN), (first, ONCE), (then, ONCE)].map(|(line, effect)| text(line, effect));
        let mut bench = Bench::approved(vec![step("1", commands.to_vec(), vec![])]);
        let attempt = bench.starts();
        bench.engine(&ok(attempt));
        let attempt = bench.starts();
        bench.engine(&fails(attempt));
        assert_eq!(bench.status(), "failed", "{place}");
        assert_eq!(answers(&bench).contains(&Answer::MarkDone), missed.is_none(), "{place}");
        assert_eq!(bench.run.would_pass_over(false).is_empty(), missed.is_some(), "{place}");
        match missed {
            Some(missed) => {
                for order in [skip(), mark_done()] {
                    let refused = bench.give("ana", &order).unwrap_err().to_string();
                    assert!(refused.contains(missed) && refused.contains("`retry`"), "{place}: {refused}");
                }
                let asked = question(&bench.run).unwrap();
                let says =
                    |line: &String| line.contains(missed) && line.contains("nobody knows what is there");
                assert!(asked.evidence.iter().any(says), "{place}: {asked:?}");
                bench.give("ana", &RunCommand::Retry).unwrap();
            }
            None => drop(bench.give("ana", &skip()).unwrap()),
        }
        bench.give("ben", &approve("ben")).unwrap();
        bench.runs_through();
        assert_eq!(bench.status(), "succeeded", "{place}");
        laws::check(&bench);
    }
}

/// What comes after it is begun by nobody's yes, whatever else a person is asked to look at.
#[test]
fn a_yes_brings_nothing_that_was_not_handed_on() {
    let looks = |command: PlannedCommand| PlannedCommand {
        expectations: vec![expectation("the dashboard is fine", Check::Person, None)],
        ..command
    };
    let slow = |command: PlannedCommand| PlannedCommand {
        expectations: vec![expectation("exit code 0", Check::ExitZero, Some(1))],
        ..command
    };
    for (first, then, is_needed, asks_other) in [
        (text("TARGET=web; trap 'echo bye' EXIT", ONCE), "rm -rf /srv/$TARGET", true, false),
        (looks(text("TARGET=web; trap 'echo bye' EXIT", ONCE)), "rm -rf /srv/$TARGET", true, false),
        (slow(text("TARGET=web; trap 'echo bye' EXIT", AGAIN)), "rm -rf /srv/$TARGET", true, false),
        (text("exec true", ONCE), "make", false, false),
        (looks(text("exec true", ONCE)), "make", false, true),
        (slow(text("exec true", AGAIN)), "make", false, true),
    ] {
        let place = format!("{} {:?}, then {then}", first.text, first.expectations);
        let mut bench = Bench::approved(vec![step("1", vec![first, text(then, ONCE)], vec![])]);
        let attempt = bench.starts();
        bench.engine(&ends(attempt, Exit::Code { code: 0 }));
        let is_blocked = matches!(bench.run.status, Status::Paused { question: Question::Blocked { .. } });
        assert_eq!((bench.status(), is_blocked), ("paused", !asks_other), "{place}");
        let asked = question(&bench.run).unwrap();
        let evidence = asked.evidence.join("\n");
        assert!(evidence.contains("without handing on its variables"), "{place}: {evidence}");
        assert_eq!(asked.answers.contains(&Answer::Yes), !is_needed, "{place}");
        if !is_needed {
            bench.give("ana", &yes()).unwrap();
            bench.runs_through();
            assert_eq!(bench.status(), "succeeded", "{place}");
            laws::check(&bench);
            continue;
        }
        assert!(asked.answers.contains(&Answer::Retry), "{place}");
        assert!(evidence.contains("read $TARGET"), "{place}: {evidence}");
        for order in [yes(), skip()] {
            let refused = bench.give("ana", &order).unwrap_err().to_string();
            assert!(refused.contains("read $TARGET"), "{place}: {refused}");
        }
        // "again" after a no is about it, and not about what comes after it
        let blocked = bench.run.next_unit();
        bench.give("ana", &RunCommand::Answer { yes: false, reason: None }).unwrap();
        assert_eq!((bench.status(), bench.run.next_unit()), ("failed", blocked), "{place}");
        assert!(bench.give("ana", &mark_done()).is_err() && bench.give("ana", &skip()).is_err(), "{place}");
        bench.give("ana", &RunCommand::Retry).unwrap();
        if bench.status() == "waiting_for_approval" {
            bench.give("ben", &approve("ben")).unwrap();
        }
        bench.runs_through();
        if bench.status() == "paused" {
            bench.give("ana", &yes()).unwrap();
            bench.runs_through();
        }
        assert_eq!(bench.status(), "succeeded", "{place}");
        laws::check(&bench);
    }
}

/// What an earlier attempt, or another command, gave under the same name is not what this one was to give.
#[test]
fn an_older_value_stands_for_nothing() {
    let gives = |id: &str| PlannedCommand { text: format!("echo {id}"), ..capturing(id) };
    let odd = |attempt| {
        let mut end = finished(Exit::Code { code: 0 });
        end.stdout.text = "none".to_owned();
        finish(attempt, end)
    };
    // of two that give the same
    let steps = vec![
        step("1", vec![gives("a"), text("rm pod-$REVISION", ONCE)], vec![]),
        step("2", vec![gives("b"), text("rm pod-$REVISION", ONCE)], vec![]),
    ];
    let mut bench = Bench::approved(steps);
    for end in [ok as fn(u32) -> RunCommand, ok, odd] {
        let attempt = bench.starts();
        bench.engine(&end(attempt));
    }
    assert_eq!(bench.status(), "failed");
    let refused = bench.give("ana", &skip()).unwrap_err().to_string();
    assert!(refused.contains("read REVISION"), "{refused}");
    laws::check(&bench);
    // of two attempts
    let mut look = gives("a");
    look.expectations = vec![expectation("the broken one", Check::Person, None)];
    let mut bench = Bench::approved(vec![step("1", vec![look, text("rm pod-$REVISION", ONCE)], vec![])]);
    let attempt = bench.starts();
    bench.engine(&ok(attempt));
    bench.give("ana", &RunCommand::Retry).unwrap();
    let attempt = bench.starts();
    bench.engine(&odd(attempt));
    assert_eq!(bench.status(), "failed");
    assert!(bench.give("ana", &skip()).unwrap_err().to_string().contains("read REVISION"));
    assert_eq!(bench.replayed().handed, bench.run.handed);
    laws::check(&bench);
    // a function reads it
    let mut look = gives("a");
    look.effect = READ;
    let del = text("del() { rm -rf /srv/$REVISION; }", AGAIN);
    let mut bench = Bench::approved(vec![step("1", vec![del, look, text("del", ONCE)], vec![])]);
    for end in [ok as fn(u32) -> RunCommand, odd] {
        let attempt = bench.starts();
        bench.engine(&end(attempt));
    }
    assert!(bench.give("ana", &skip()).unwrap_err().to_string().contains("read REVISION"));
    laws::check(&bench);
}

/// A failed look is passed over by itself only where nothing needs what it was to leave.
#[test]
fn a_failed_look_that_was_to_leave_something_asks() {
    for (before, look, then, status) in [
        ("true", "APP=$(cat f) && export APP", "sh deploy.sh", "paused"),
        ("true", "export APP\nAPP=$(cat f)", "sh deploy.sh", "paused"),
        ("del() { rm -rf /srv/$TARGET; }", "TARGET=$(cat f)", "del", "paused"),
        ("pick() { TARGET=$(cat f); }", "pick", "rm -rf /srv/$TARGET", "paused"),
        ("true", "cd /nonexistent", "make", "paused"),
        ("true", "kubectl get pods", "make", "running"),
        ("true", "OUT=$(kubectl get pods); echo \"$OUT\"", "make", "running"),
        ("true", "cd /nonexistent", "cd /srv; make", "running"),
    ] {
        let commands = [(before, AGAIN), (look, READ), (then, ONCE)].map(|(line, effect)| text(line, effect));
        let mut bench = Bench::approved(vec![step("1", commands.to_vec(), vec![])]);
        for end in [ok as fn(u32) -> RunCommand, fails] {
            let attempt = bench.starts();
            bench.engine(&end(attempt));
        }
        assert_eq!(bench.status(), status, "{before}; {look}, then {then}");
        if status == "paused" {
            assert!(!answers(&bench).contains(&Answer::GoOn), "{look}");
            assert!(bench.give("ana", &yes()).is_err(), "{look}");
        }
        laws::check(&bench);
    }
}

/// A probe sees the effect, and not what the shell was to hand on.
#[test]
fn a_probe_does_not_settle_what_later_commands_would_miss() {
    let helpers = "choose() { NS=blue; }\nwipe() { rm -rf /srv/$NS; }";
    for (first, then, status) in [
        ("deploy", "echo $NS", "running"),
        ("NS=prod; deploy", "echo $NS", "in_doubt"),
        ("cd /srv; deploy", "echo $NS", "in_doubt"),
        ("choose; deploy", "wipe", "in_doubt"),
        ("if true; then export NS=prod; fi; deploy", "sh wipe.sh", "in_doubt"),
        ("export NS=prod; deploy", "export NS=prod; sh wipe.sh", "running"),
    ] {
        let mut steps = vec![
            step("0", vec![text(helpers, AGAIN)], vec![]),
            step("1", vec![text(first, ONCE)], vec![]),
            step("2", vec![text(then, AGAIN)], vec![]),
        ];
        steps[1].probe = Some(command("probe", READ));
        let mut bench = Bench::approved(steps);
        let attempt = bench.starts();
        bench.engine(&ok(attempt));
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
