//! What a run does about everything that can be asked of it.

mod flow;
mod hold;
pub(crate) mod kit;
pub(crate) mod laws;
mod lock;
mod probe;
pub(crate) mod random;
mod said;
mod several;
mod stood;
mod strict;
mod undo;
mod vouch;

use chrono::Duration;

use self::kit::*;
use super::*;
use crate::expectation::{Check, Outcome};
use crate::incident::{IncidentCommand, RunOutcome};
use crate::message::Outgoing;
use crate::people::Actor;
use crate::plan::{Plan, PlannedCommand};
use crate::ports::{Exit, Finished, Output, StateOutcome};
use crate::runbook::{Effect as CommandEffect, Flow};

const READ: CommandEffect = CommandEffect::Read;
const AGAIN: CommandEffect = CommandEffect::Idempotent;
const ONCE: CommandEffect = CommandEffect::Once;

fn refuse(name: &str) -> RunCommand {
    RunCommand::Refuse { by: person(name), may_approve: true, reason: None }
}

/// One step that runs one command.
fn one(effect: CommandEffect) -> Vec<crate::plan::PlanStep> {
    vec![step("1", vec![command("do", effect)], vec![command("back", AGAIN)])]
}

/// Two steps that both change something and can be undone.
fn two() -> Vec<crate::plan::PlanStep> {
    vec![
        step(
            "1",
            vec![command("a", ONCE), command("b", READ)],
            vec![command("undo-a", ONCE), command("see-a", READ)],
        ),
        step("2", vec![command("c", AGAIN)], vec![command("undo-c", ONCE)]),
    ]
}

fn words(events: &[RunEvent]) -> Vec<String> {
    events
        .iter()
        .map(|event| serde_json::to_value(event).unwrap()["type"].as_str().unwrap().to_owned())
        .collect()
}

fn started_ids(bench: &Bench) -> Vec<&str> {
    bench
        .events
        .iter()
        .filter_map(|envelope| match &envelope.event {
            RunEvent::CommandStarted { unit, .. } => Some(bench.run.command(*unit).unwrap().id.as_str()),
            _ => None,
        })
        .collect()
}

#[test]
fn a_mutating_plan_waits_and_a_reading_one_starts() {
    for (effect, needed, unasked, expected) in [
        (READ, 0, false, "running"),
        (READ, 0, true, "running"),
        (READ, 1, false, "waiting_for_approval"),
        (READ, 1, true, "running"),
        (AGAIN, 0, false, "waiting_for_approval"),
        (ONCE, 1, false, "waiting_for_approval"),
        (ONCE, 1, true, "running"), // but nothing that changes anything will start
    ] {
        let request = NewRun { unasked, ..request(plan(one(effect)), needed) };
        let (bench, _) = Bench::plan(&request, start_of_day());
        assert_eq!(bench.status(), expected, "{effect:?} {needed} {unasked}");
        laws::check(&bench);
    }
}

#[test]
fn whose_yes_counts() {
    let local = Actor::Local("root".to_owned());
    let outside = Actor::Outside("slack:U0X".to_owned());
    let service = Actor::Service("api".to_owned());
    // needed, who, may they, what they saw: what the refusal says, or nothing
    for (needed, by, may_approve, named, refused) in [
        (1, person("ben"), true, Some(AS_SHOWN), None),
        (1, person("ben"), true, None, Some("a yes names what it is a yes to")),
        (1, person("ana"), true, Some(AS_SHOWN), Some("another person must approve it")),
        (1, person("ben"), false, None, Some("no role")),
        (1, local.clone(), true, None, Some("not a person in blocks.toml")),
        (1, outside.clone(), true, None, Some("not a person in blocks.toml")),
        (1, service, true, None, Some("not a person in blocks.toml")),
        (1, Actor::system("triage"), true, None, Some("not a person in blocks.toml")),
        (1, person("ben"), true, Some("ffff"), Some("names another plan")),
        (1, person("ben"), true, Some(""), Some("names another plan")),
        (0, person("ana"), true, None, None),
        (0, person("ana"), false, None, Some("no role")),
        (0, person("ben"), true, None, None),
        (0, local, true, None, Some("not a person in blocks.toml")),
        (0, outside, true, None, Some("not a person in blocks.toml")),
    ] {
        let mut bench = Bench::of(one(ONCE), needed);
        let place = format!("{needed} {by} {may_approve} {named:?}");
        let command = RunCommand::Approve {
            by: by.clone(),
            may_approve,
            fingerprint: named.map(str::to_owned),
            reason: Some("error budget is gone".to_owned()),
        };
        let decision = bench.give_as(&by, &command).unwrap();
        match refused {
            None => {
                assert_eq!(words(&decision.events), ["approved", "started"], "{place}");
                assert_eq!(decision.refusal, None, "{place}");
            }
            Some(why) => {
                assert_eq!(words(&decision.events), ["approval_refused"], "{place}");
                assert!(decision.refusal.unwrap().to_string().contains(why), "{place}");
                assert_eq!(bench.status(), "waiting_for_approval", "{place}");
                assert_eq!(bench.run.refused_approvals.len(), 1, "{place}");
                assert!(decision.effects.is_empty(), "{place}");
            }
        }
        laws::check(&bench);
    }
}

#[test]
fn a_machine_user_confirms_their_own_run_where_nobody_else_is_needed() {
    let local = Actor::Local("root".to_owned());
    let asked = NewRun { requester: local.clone(), ..request(plan(one(AGAIN)), 0) };
    let (mut bench, _) = Bench::plan(&asked, start_of_day());
    let yes = |reason: Option<&str>| RunCommand::Approve {
        by: local.clone(),
        may_approve: false,
        fingerprint: None,
        reason: reason.map(str::to_owned),
    };
    // whoever acts alone says why
    for nothing in [None, Some(""), Some(" \n")] {
        let refused = bench.give_as(&local, &yes(nothing)).unwrap().refusal.unwrap();
        assert!(refused.to_string().contains("say why"), "{refused}");
    }
    bench.give_as(&local, &yes(Some("the disk is full"))).unwrap();
    assert_eq!(bench.status(), "running");
    laws::check(&bench);
}

#[test]
fn an_unknown_hand_takes_one_more_yes_because_it_may_be_anybodys() {
    let root = Actor::Local("root".to_owned());
    for (needed, due) in [(0, 0), (1, 2), (2, 3), (u8::MAX, u8::MAX)] {
        let asked = NewRun { requester: root.clone(), ..request(plan(one(ONCE)), needed) };
        assert_eq!(Bench::plan(&asked, start_of_day()).0.run.yeses_due(), due, "{needed}");
    }
    let asked = NewRun { requester: root.clone(), ..request(plan(one(ONCE)), 1) };
    let (mut bench, _) = Bench::plan(&asked, start_of_day());
    assert_eq!(words(&bench.give("ana", &approve("ana")).unwrap().events), ["approved"]);
    assert_eq!(bench.status(), "waiting_for_approval", "ana may be root");
    assert_eq!(words(&bench.give("ben", &approve("ben")).unwrap().events), ["approved", "started"]);

    // the same for an order to repeat: ana asked, and ben may be root
    let mut bench = Bench::approved(one(ONCE));
    let attempt = bench.starts();
    bench.engine(&fails(attempt));
    bench.give_as(&root, &RunCommand::Retry).unwrap();
    assert_eq!((bench.status(), bench.run.yeses_due()), ("waiting_for_approval", 2));
    bench.give("ben", &approve("ben")).unwrap();
    assert_eq!(bench.status(), "waiting_for_approval");
    bench.give("eva", &approve("eva")).unwrap();
    assert_eq!(bench.status(), "running");
    laws::check(&bench);
}

#[test]
fn a_plan_that_is_not_the_one_of_its_code_is_neither_approved_nor_started() {
    let mut planned = plan(one(ONCE));
    planned.format = crate::plan::PLAN_FORMAT;
    let planned = request(planned, 1);
    // a byte of the plan that is kept is changed by another hand, and it is read again
    let text = |planned: &mut Plan| planned.steps[0].commands[0].text.push('x');
    let timeout = |planned: &mut Plan| planned.steps[0].commands[0].timeout_ms += 1;
    let mut bench = Bench::plan(&planned, start_of_day()).0;
    bench.tampered(text);
    let refused = bench.give("ben", &approve("ben")).unwrap().refusal.unwrap();
    assert!(refused.to_string().contains("not the one that this run's code stands for"), "{refused}");

    let mut bench = Bench::plan(&planned, start_of_day()).0;
    bench.give("ben", &approve("ben")).unwrap();
    bench.tampered(timeout);
    assert_eq!(words(&bench.engine(&RunCommand::Advance)), ["failed"]);

    let mut bench = Bench::plan(&planned, start_of_day()).0;
    bench.give("ben", &approve("ben")).unwrap();
    bench.runs_through();
    assert_eq!(bench.status(), "succeeded", "as it was planned");
}

#[test]
fn the_code_that_people_compare_names_the_plan() {
    for typed in ["code", "whole", "lower"] {
        let mut bench = Bench::of(one(ONCE), 1);
        let fingerprint = &bench.run.fingerprint;
        let text = match typed {
            "code" => fingerprint.code(),
            "whole" => fingerprint.as_str().to_owned(),
            _ => fingerprint.code().to_ascii_lowercase(),
        };
        let command = RunCommand::Approve {
            by: person("ben"),
            may_approve: true,
            fingerprint: Some(text),
            reason: None,
        };
        bench.give("ben", &command).unwrap();
        assert_eq!(bench.status(), "running", "{typed}");
    }
}

#[test]
fn two_other_people_are_two_people() {
    let mut bench = Bench::of(one(ONCE), 2);
    assert_eq!(words(&bench.give("ben", &approve("ben")).unwrap().events), ["approved"]);
    assert_eq!(words(&bench.give("ben", &approve("ben")).unwrap().events), ["approval_refused"]);
    assert_eq!(bench.status(), "waiting_for_approval");
    assert_eq!(words(&bench.give("eva", &approve("eva")).unwrap().events), ["approved", "started"]);
    assert!(matches!(bench.give("eva", &approve("eva")), Err(Rejection::WrongStatus { .. })));
    let started = IncidentCommand::StartMitigation { run: bench.run.id };
    assert_eq!(bench.told.iter().filter(|told| **told == started).count(), 1);
    laws::check(&bench);
}

/// Its progress may be on its way, from before the yes: it leaves once more.
#[test]
fn how_many_have_said_yes_to_a_repetition_is_shown_with_its_progress() {
    let mut bench = Bench::of(one(ONCE), 2);
    let plan_alone = bench.give("ben", &approve("ben")).unwrap();
    let progress = Effect::Send(Outgoing::Progress { run: bench.run.id });
    assert!(!plan_alone.effects.contains(&progress), "nothing has begun");
    bench.give("eva", &approve("eva")).unwrap();
    let attempt = bench.starts();
    bench.engine(&fails(attempt));
    bench.give("ana", &RunCommand::Retry).unwrap();
    assert_eq!((bench.status(), &bench.run.progress_message), ("waiting_for_approval", &None));
    assert!(bench.give("ben", &approve("ben")).unwrap().effects.contains(&progress));
    laws::check(&bench);
}

#[test]
fn an_approval_that_comes_too_late_is_none() {
    let mut bench = Bench::of(one(ONCE), 1);
    assert_eq!(bench.engine(&RunCommand::Expire), [], "before its time");
    bench.now += Duration::seconds(900);
    assert_eq!(bench.give("ben", &approve("ben")), Err(Rejection::Expired));
    assert_eq!(words(&bench.engine(&RunCommand::Expire)), ["approval_expired"]);
    assert_eq!(bench.engine(&RunCommand::Expire), [], "a second time");
    assert_eq!(bench.status(), "cancelled");
    assert!(matches!(
        bench.told.last(),
        Some(IncidentCommand::EndRun { outcome: RunOutcome::Cancelled, .. })
    ));
    laws::check(&bench);
}

#[test]
fn who_may_say_no() {
    for (name, may_approve, ends) in [("ben", true, true), ("ana", false, true), ("eva", false, false)] {
        let mut bench = Bench::of(one(ONCE), 1);
        let no = RunCommand::Refuse { by: person(name), may_approve, reason: Some("not now".to_owned()) };
        assert_eq!(bench.give(name, &no).is_ok(), ends, "{name}");
        assert_eq!(bench.status(), if ends { "cancelled" } else { "waiting_for_approval" }, "{name}");
    }
}

#[test]
fn a_run_goes_through_its_commands_in_order_and_succeeds() {
    let mut steps = two();
    steps[0].baselines = vec![capturing("revision")];
    let mut bench = Bench::approved(steps);
    bench.runs_through();
    assert_eq!(bench.status(), "succeeded");
    assert_eq!(started_ids(&bench), ["revision", "a", "b", "c"]);
    assert_eq!(bench.run.values["REVISION"], "42");
    assert_eq!(bench.run.carry, Some(4), "baselines hand nothing on, main commands do");
    assert!(matches!(
        bench.told.last(),
        Some(IncidentCommand::EndRun { outcome: RunOutcome::Succeeded, .. })
    ));
    laws::check(&bench);
}

#[test]
fn repeated_and_outdated_messages_decide_to_nothing() {
    let mut bench = Bench::approved(two());
    let attempt = bench.starts();
    assert_eq!(bench.engine(&RunCommand::Advance), [], "it is under way");
    assert_eq!(bench.engine(&ok(attempt + 1)), [], "an attempt that does not exist");
    assert_ne!(bench.engine(&ok(attempt)), []);
    for stale in [
        ok(attempt),
        fails(attempt),
        RunCommand::NotStarted { attempt, reason: "no bash".to_owned() },
        RunCommand::Lost { attempt, reason: "gone".to_owned() },
        RunCommand::Expire,
    ] {
        assert_eq!(bench.engine(&stale), [], "{stale:?}");
    }
    let next = bench.starts();
    assert_eq!(bench.engine(&ok(attempt)), [], "the first attempt again, while the second runs");
    bench.engine(&ok(next));
    let next = bench.starts();
    bench.engine(&fails(next));
    for late in [RunCommand::Advance, RunCommand::Recover, RunCommand::Expire, ok(next)] {
        assert_eq!(bench.engine(&late), [], "{late:?} after the end");
    }
    let posted =
        RunCommand::RecordMessage { kind: MessageKind::Plan, channel: "C1".to_owned(), ts: "1.2".to_owned() };
    assert_eq!(bench.engine(&posted).len(), 1);
    assert_eq!(bench.engine(&posted), []);
    laws::check(&bench);
}

/// What one end of one command does to the run.
#[test]
fn how_a_command_ends_and_what_follows() {
    let person_looks = || vec![expectation("looks fine", Check::Person, None)];
    let in_time = || vec![expectation("within 45s", Check::ExitZero, Some(45_000))];
    let ends = |exit| finished(exit);
    let missing = Finished { state: StateOutcome::Missing, ..ends(Exit::Code { code: 0 }) };
    for (name, effect, expectations, finished, status) in [
        ("passes", ONCE, vec![], ends(Exit::Code { code: 0 }), "running"),
        ("fails", ONCE, vec![], ends(Exit::Code { code: 2 }), "failed"),
        ("looking fails", READ, vec![], ends(Exit::Code { code: 2 }), "running"),
        ("a check fails", READ, person_looks(), ends(Exit::Code { code: 2 }), "paused"),
        ("asks", AGAIN, person_looks(), ends(Exit::Code { code: 0 }), "paused"),
        ("is late", AGAIN, in_time(), Finished { elapsed_ms: 60_000, ..ends(Exit::TimedOut) }, "paused"),
        ("a cut-off effect", ONCE, vec![], ends(Exit::TimedOut), "in_doubt"),
        ("a killed effect", ONCE, in_time(), ends(Exit::Signal { signal: 9 }), "in_doubt"),
        ("an ended effect", ONCE, person_looks(), ends(Exit::Cancelled), "in_doubt"),
        ("a killed repeatable", AGAIN, vec![], ends(Exit::Signal { signal: 9 }), "failed"),
        ("no shell state", AGAIN, vec![], missing, "paused"),
    ] {
        let mut first = command("first", effect);
        first.expectations = expectations;
        let steps = vec![step("1", vec![first, command("second", AGAIN)], vec![])];
        let mut bench = Bench::approved(steps);
        let attempt = bench.starts();
        let decision = bench.give_as(&Actor::system("exec"), &finish(attempt, finished)).unwrap();
        assert_eq!(bench.status(), status, "{name}: {:?}", decision.events);
        let goes_on = decision.effects.contains(&Effect::Continue(ResumePoint::Next));
        assert_eq!(goes_on, status == "running", "{name}");
        if status != "running" {
            assert_eq!(bench.engine(&RunCommand::Advance), [], "{name}: it waits for a person");
        }
        laws::check(&bench);
    }
}

#[test]
fn output_is_stored_apart_by_its_hash() {
    let mut bench = Bench::approved(one(ONCE));
    let attempt = bench.starts();
    let decision = bench.give_as(&Actor::system("exec"), &ok(attempt)).unwrap();
    assert_eq!(decision.blobs.len(), 1, "an empty stderr is nothing");
    assert_eq!(decision.blobs[0].bytes, b"42\n");
    let RunEvent::CommandEnded { stdout_sha256, stderr_sha256, .. } = &decision.events[0] else { panic!() };
    assert_eq!(stdout_sha256.as_ref(), Some(&decision.blobs[0].sha256));
    assert_eq!(*stderr_sha256, None);
}

#[test]
fn a_captured_value_must_match_whole() {
    for (text, dropped_bytes, fits) in
        [("42\n", 0, true), ("  7 \n", 0, true), ("v42", 0, false), ("", 0, false), ("1\n2", 0, false)]
            .into_iter()
            .chain([("[redacted]", 0, false), ("123456789", 0, false), ("42", 1, false)])
    {
        let mut bench =
            Bench::approved(vec![step("1", vec![capturing("revision"), command("go", ONCE)], vec![])]);
        let attempt = bench.starts();
        let output = Output { text: text.to_owned(), dropped_bytes };
        bench.engine(&finish(attempt, Finished { stdout: output, ..finished(Exit::Code { code: 0 }) }));
        assert_eq!(
            bench.run.values.get("REVISION").map(String::as_str),
            fits.then_some(text.trim()),
            "{text:?}"
        );
        if !fits {
            assert!(!matches!(bench.status(), "running" | "succeeded"), "{text:?}: {}", bench.status());
        }
        laws::check(&bench);
    }
}

#[test]
fn a_failed_command_gives_no_value() {
    let mut bench =
        Bench::approved(vec![step("1", vec![capturing("revision"), command("go", ONCE)], vec![])]);
    let attempt = bench.starts();
    bench.engine(&fails(attempt));
    assert!(bench.run.values.is_empty());
    assert_eq!(bench.status(), "failed");
}

/// What an earlier attempt captured is no value any more once the command has begun again, for commands of any kind.
#[test]
fn a_value_is_that_of_the_latest_attempt() {
    use crate::runbook::CommandKind::{Http, Shell, Sql};
    let reads = [
        (Http, "GET /kill/{{REVISION}}"),
        (Sql, "select :'REVISION'"),
        (Shell, "echo $REVISION"),
        (Http, "GET /kill"),
    ];
    for (kind, text) in reads {
        let uses = PlannedCommand { kind, text: text.to_owned(), ..command("go", ONCE) };
        let first = PlannedCommand { id: "first".to_owned(), ..capturing("first") };
        let looked_at = vec![expectation("it is the one", Check::Person, None)];
        let second = PlannedCommand { expectations: looked_at, ..capturing("second") };
        let mut bench = Bench::approved(vec![step("1", vec![first, second, uses], vec![])]);
        let give = |bench: &mut Bench, text: &str, code| {
            let attempt = bench.starts();
            let stdout = Output { text: text.to_owned(), dropped_bytes: 0 };
            bench.engine(&finish(attempt, Finished { stdout, ..finished(Exit::Code { code }) }));
        };
        give(&mut bench, "41\n", 0);
        let unit = Unit { step: 0, role: UnitRole::Main, index: 2, item: None };
        assert_eq!(bench.run.value(unit, "REVISION"), Some("41"));
        give(&mut bench, "42\n", 0);
        assert_eq!((bench.status(), bench.run.value(unit, "REVISION")), ("paused", Some("42")), "{text}");
        bench.give("ana", &RunCommand::Retry).unwrap();
        give(&mut bench, "nothing\n", 1);
        assert_eq!(bench.run.value(unit, "REVISION"), Some("41"), "what the command before it gave: {text}");
        let skip = RunCommand::PassOver { rest: false, reason: "go on".to_owned() };
        let is_read = text.contains("REVISION");
        assert_eq!(bench.give("ana", &skip).is_err(), is_read, "{text}");
        laws::check(&bench);
    }
}

#[test]
fn a_crash_under_way_repeats_what_may_be_repeated_and_asks_about_the_rest() {
    for by_recovery in [true, false] {
        for (effect, again) in [(READ, true), (AGAIN, true), (ONCE, false)] {
            let place = format!("{effect:?} {by_recovery}");
            let mut bench =
                Bench::approved(vec![step("1", vec![command("do", effect), command("x", ONCE)], vec![])]);
            let attempt = bench.starts();
            let command = if by_recovery {
                RunCommand::Recover
            } else {
                RunCommand::Lost { attempt, reason: "gone".to_owned() }
            };
            let events = bench.engine(&command);
            let next = bench.engine(&RunCommand::Advance);
            if again {
                assert_eq!(words(&events), ["command_in_doubt", "retry_ordered"], "{place}");
                assert_eq!(words(&next), ["command_started"], "{place}");
            } else {
                assert_eq!(words(&events), ["command_in_doubt", "asked"], "{place}");
                assert_eq!(bench.status(), "in_doubt", "{place}");
                assert_eq!(next, [], "{place}");
                assert_eq!(bench.engine(&RunCommand::Recover), [], "{place}: a second crash");
                assert_eq!(bench.engine(&ok(attempt)), [], "{place}: an outcome that comes after the doubt");
            }
            laws::check(&bench);
        }
    }
}

/// A command that is known never to have begun begins now, and still only once.
#[test]
fn what_was_never_begun_begins_under_the_yes_that_it_had() {
    for effect in [READ, ONCE] {
        let mut bench = Bench::approved(vec![step("1", vec![command("do", effect)], vec![])]);
        let attempt = bench.starts();
        let never = RunCommand::NeverBegun { attempt, reason: "nobody began it".to_owned() };
        assert_eq!(words(&bench.engine(&never)), ["command_not_started", "retry_ordered"]);
        assert_eq!(bench.engine(&never), [], "told twice");
        assert_eq!(bench.status(), "running");
        let next = bench.starts();
        assert_eq!(next, attempt + 1);
        bench.engine(&ok(next));
        bench.engine(&RunCommand::Advance);
        assert_eq!(bench.status(), "succeeded");
        laws::check(&bench);
    }
}

#[test]
fn recovery_goes_on_between_two_commands() {
    let mut bench = Bench::approved(two());
    let attempt = bench.starts();
    bench.engine(&ok(attempt));
    let decision = bench.give_as(&Actor::system("recovery"), &RunCommand::Recover).unwrap();
    assert_eq!(decision.events, []);
    assert_eq!(decision.effects, [Effect::Continue(ResumePoint::Next)]);
}

fn in_doubt() -> Bench {
    let mut bench = Bench::approved(one(ONCE));
    bench.starts();
    bench.engine(&RunCommand::Recover);
    assert_eq!(bench.status(), "in_doubt");
    bench
}

#[test]
fn doubt_ends_by_a_person_alone() {
    for yes in [true, false] {
        let mut bench = in_doubt();
        assert!(bench.give("ana", &RunCommand::Answer { yes, reason: None }).is_err(), "{yes}");
        assert_eq!(bench.status(), "in_doubt");
    }
    let mut bench = in_doubt();
    let done = RunCommand::MarkDone { reason: Some("seen in the console".to_owned()) };
    assert_eq!(words(&bench.give("ana", &done).unwrap().events), ["answered_yes"]);
    bench.runs_through();
    assert_eq!(bench.status(), "succeeded");
    assert_eq!(started_ids(&bench), ["do"], "marked as done is not done again");
    assert!(bench.give("ana", &done).is_err());
    laws::check(&bench);
}

#[test]
fn repeating_an_effect_wants_a_yes_of_its_own_from_another_person() {
    let mut bench = in_doubt();
    let events = bench.give("ana", &RunCommand::Retry).unwrap().events;
    assert_eq!(words(&events), ["retry_ordered", "approval_asked"]);
    assert_eq!(bench.engine(&RunCommand::Advance), [], "the yes of the first time is spent");
    assert_eq!(words(&bench.give("ana", &approve("ana")).unwrap().events), ["approval_refused"]);
    assert_eq!(words(&bench.give("ben", &approve("ben")).unwrap().events), ["approved", "started"]);
    bench.runs_through();
    assert_eq!(started_ids(&bench), ["do", "do"]);
    assert_eq!(bench.status(), "succeeded");
    laws::check(&bench);
}

/// The message left while somebody decided: its buttons go once it is known where it is.
#[test]
fn a_plan_that_was_decided_about_while_it_left_is_shown_again() {
    let posted =
        RunCommand::RecordMessage { kind: MessageKind::Plan, channel: "C1".to_owned(), ts: "1.2".to_owned() };
    for (decided, shown_again) in [(None, 0), (Some(approve("ben")), 1), (Some(refuse("ben")), 1)] {
        let mut bench = Bench::of(one(ONCE), 1);
        if let Some(command) = &decided {
            bench.give("ben", command).unwrap();
        }
        let decision = bench.give("ben", &posted).unwrap();
        let again = Effect::Send(Outgoing::Plan { run: bench.run.id });
        let count = decision.effects.iter().filter(|effect| **effect == again).count();
        assert_eq!(count, shown_again, "{decided:?}");
    }
}

#[test]
fn whoever_orders_the_repetition_does_not_approve_it() {
    let mut bench = in_doubt();
    bench.give("ben", &RunCommand::Retry).unwrap();
    assert_eq!(words(&bench.give("ben", &approve("ben")).unwrap().events), ["approval_refused"]);
    assert_eq!(words(&bench.give("eva", &approve("eva")).unwrap().events), ["approved", "started"]);
}

#[test]
fn a_repetition_that_nobody_approves_leaves_the_first_attempt_in_doubt() {
    let mut bench = in_doubt();
    bench.give("ana", &RunCommand::Retry).unwrap();
    bench.now += Duration::hours(1);
    bench.engine(&RunCommand::Expire);
    assert_eq!(bench.status(), "in_doubt");
    let unit = bench.run.next_unit().unwrap();
    let doubt = matches!(bench.run.commands.get(&unit), Some(CommandPhase::InDoubt { .. }));
    assert!(doubt, "nobody said what became of the first attempt, so the doubt stays on the record");
    bench.give("ana", &RunCommand::Undo).unwrap();
    bench.runs_through();
    assert_eq!(bench.status(), "undone");
    laws::check(&bench);
}

#[test]
fn a_repetition_that_did_not_start_asks_again() {
    let mut bench = in_doubt();
    bench.give("ana", &RunCommand::Retry).unwrap();
    bench.give("ben", &approve("ben")).unwrap();
    let attempt = bench.starts();
    bench.engine(&RunCommand::NotStarted { attempt, reason: "no bash".to_owned() });
    assert_eq!(bench.status(), "failed");
    bench.give("ana", &RunCommand::Retry).unwrap();
    assert_eq!(bench.status(), "waiting_for_approval");
    laws::check(&bench);
}

#[test]
fn a_question_is_answered_yes_or_no() {
    let ask = || {
        let mut first = command("first", ONCE);
        first.expectations = vec![expectation("looks fine", Check::Person, None)];
        let mut bench = Bench::approved(vec![step("1", vec![first], vec![command("back", AGAIN)])]);
        let attempt = bench.starts();
        bench.engine(&ok(attempt));
        assert_eq!(bench.status(), "paused");
        bench
    };
    let mut bench = ask();
    bench.give("ana", &RunCommand::Answer { yes: true, reason: None }).unwrap();
    bench.runs_through();
    assert_eq!(bench.status(), "succeeded");
    assert!(bench.give("ana", &RunCommand::Answer { yes: true, reason: None }).is_err());
    let mut bench = ask();
    bench.give("ana", &RunCommand::Answer { yes: false, reason: Some("it is red".to_owned()) }).unwrap();
    assert_eq!(bench.run.status, Status::Failed { reason: "it is red".to_owned() });
    assert!(bench.give("ana", &RunCommand::Answer { yes: true, reason: None }).is_err());
    laws::check(&bench);
}

#[test]
fn a_failed_run_is_retried_where_it_stopped() {
    for (effect, status) in [(READ, "running"), (AGAIN, "running"), (ONCE, "waiting_for_approval")] {
        let mut second = command("b", effect);
        second.expectations = vec![expectation("exit code 0", Check::ExitZero, None)];
        let mut bench = Bench::approved(vec![step("1", vec![command("a", AGAIN), second], vec![])]);
        let first = bench.starts();
        bench.engine(&ok(first));
        let second = bench.starts();
        bench.engine(&fails(second));
        bench.give("ana", &RunCommand::Retry).unwrap();
        assert_eq!(bench.status(), status, "{effect:?}");
        let run = bench.run.id;
        let started = IncidentCommand::StartMitigation { run };
        if status == "waiting_for_approval" {
            let taken_up = Some(&IncidentCommand::TakeUpRun { run });
            assert_eq!(bench.told.last(), taken_up, "nothing of it happens before the yes");
            bench.give("ben", &approve("ben")).unwrap();
        }
        assert_eq!(bench.told.last(), Some(&started), "{effect:?}: the incident knows that it goes on");
        assert_eq!(bench.run.ended_at, None, "{effect:?}");
        bench.runs_through();
        assert_eq!(started_ids(&bench), ["a", "b", "b"], "{effect:?}");
        assert_eq!(bench.status(), "succeeded", "{effect:?}");
        laws::check(&bench);
    }
}

#[test]
fn what_was_not_started_changed_nothing() {
    let mut bench = Bench::approved(one(ONCE));
    let attempt = bench.starts();
    bench.engine(&RunCommand::NotStarted { attempt, reason: "no bash".to_owned() });
    assert_eq!(bench.status(), "failed");
    assert!(matches!(bench.give("ana", &RunCommand::Undo), Err(Rejection::NothingToUndo { .. })));
    bench.give("ana", &RunCommand::Retry).unwrap();
    assert_eq!(bench.status(), "running", "no second yes: the first attempt never was");
    laws::check(&bench);
}

#[test]
fn undo_runs_in_reverse_and_once_each() {
    let mut bench = Bench::approved(two());
    bench.runs_through();
    assert_eq!(bench.status(), "succeeded");
    bench.give("ana", &RunCommand::Undo).unwrap();
    assert_eq!(bench.status(), "undoing");
    assert_eq!(bench.told.last(), Some(&IncidentCommand::StartMitigation { run: bench.run.id }));
    assert!(bench.give("ana", &RunCommand::Undo).is_err());
    bench.runs_through();
    assert_eq!(bench.status(), "undone");
    assert_eq!(started_ids(&bench)[3..], ["undo-c", "undo-a", "see-a"]);
    for no_more in [RunCommand::Undo, RunCommand::Retry] {
        assert!(bench.give("ana", &no_more).is_err(), "{no_more:?}");
    }
    assert!(matches!(bench.told.last(), Some(IncidentCommand::EndRun { outcome: RunOutcome::Undone, .. })));
    laws::check(&bench);
}

#[test]
fn only_steps_that_began_are_undone() {
    let mut bench = Bench::approved(two());
    let attempt = bench.starts();
    bench.engine(&fails(attempt));
    bench.give("ana", &RunCommand::Undo).unwrap();
    bench.runs_through();
    assert_eq!(started_ids(&bench), ["a", "undo-a", "see-a"]);
    laws::check(&bench);
}

#[test]
fn an_undo_whose_shell_hands_nothing_on_is_an_undo_all_the_same() {
    let mut bench = Bench::approved(two());
    let attempt = bench.starts();
    bench.engine(&fails(attempt));
    bench.give("ana", &RunCommand::Undo).unwrap();
    let attempt = bench.starts();
    let missing = Finished { state: StateOutcome::Missing, ..finished(Exit::Code { code: 0 }) };
    bench.engine(&finish(attempt, missing));
    assert_eq!(bench.status(), "undoing");
}

#[test]
fn an_undo_that_fails_is_loud_and_nothing_follows_by_itself() {
    for (name, event) in [
        ("fails", fails(2)),
        ("is not started", RunCommand::NotStarted { attempt: 2, reason: "no bash".to_owned() }),
    ] {
        let mut bench = Bench::approved(two());
        let attempt = bench.starts();
        bench.engine(&fails(attempt));
        bench.give("ana", &RunCommand::Undo).unwrap();
        assert_eq!(bench.starts(), 2);
        bench.engine(&event);
        assert_eq!(bench.status(), "undo_failed", "{name}");
        for no_more in [RunCommand::Undo, RunCommand::Cancel { reason: None }] {
            assert!(bench.give("ana", &no_more).is_err(), "{name}: {no_more:?}");
        }
        assert_eq!(bench.engine(&RunCommand::Advance), [], "{name}");
        let told = bench.told.last();
        assert!(
            matches!(told, Some(IncidentCommand::EndRun { outcome: RunOutcome::UndoFailed, .. })),
            "{name}"
        );
        laws::check(&bench);
    }
}

#[test]
fn cancelling_ends_the_processes_and_leaves_doubt_about_what_ran() {
    let mut bench = Bench::approved(two());
    let attempt = bench.starts();
    let decision = bench.give("ana", &RunCommand::Cancel { reason: None }).unwrap();
    assert_eq!(words(&decision.events), ["command_in_doubt", "cancelled"]);
    assert!(decision.effects.contains(&Effect::EndProcesses));
    assert_eq!(bench.status(), "cancelled");
    assert_eq!(
        bench.engine(&finish(attempt, finished(Exit::Cancelled))),
        [],
        "what its end reports comes after"
    );
    bench.give("ana", &RunCommand::Undo).unwrap();
    bench.runs_through();
    assert_eq!(bench.status(), "undone");
    laws::check(&bench);

    let mut waiting = Bench::of(two(), 1);
    waiting.give("ana", &RunCommand::Cancel { reason: Some("not needed".to_owned()) }).unwrap();
    assert_eq!(waiting.status(), "cancelled");
    assert!(waiting.give("ana", &RunCommand::Undo).is_err(), "nothing began");
    assert!(waiting.give("ben", &approve("ben")).is_err());
}

#[test]
fn diagnostics_run_unasked_read_only_and_whatever_they_show() {
    let mut reads = command("what-changed", READ);
    reads.expectations = vec![expectation("exit 0", Check::ExitZero, None)];
    let steps = vec![step("1", vec![command("a", READ), command("b", ONCE), reads], vec![])];
    let asked = NewRun { unasked: true, requester: Actor::system("triage"), ..request(plan(steps), 0) };
    let (mut bench, _) = Bench::plan(&asked, start_of_day());
    let attempt = bench.starts();
    bench.engine(&fails(attempt));
    assert_eq!(words(&bench.engine(&RunCommand::Advance)), ["command_skipped"]);
    let attempt = bench.starts();
    bench.engine(&ok(attempt));
    bench.engine(&RunCommand::Advance);
    assert_eq!(bench.status(), "succeeded");
    assert_eq!(started_ids(&bench), ["a", "what-changed"]);
    let evidence: Vec<_> = bench
        .told
        .iter()
        .filter_map(|told| match told {
            IncidentCommand::AddEvidence { verdicts, changes, .. } => Some((verdicts[0].1, changes.len())),
            _ => None,
        })
        .collect();
    assert_eq!(evidence, [(Outcome::Fail, 0), (Outcome::Pass, 1)]);
    assert!(bench.told.iter().any(|told| matches!(told, IncidentCommand::EndTriage { commands: 2, .. })));
    laws::check(&bench);
}

#[test]
fn what_may_be_repeated_is_tried_again_by_itself_as_often_as_it_says() {
    let mut retried = PlannedCommand { retries: 2, ..command("look", READ) };
    retried.expectations = vec![expectation("exit code 0", Check::ExitZero, None)];
    let asked = request(plan(vec![step("1", vec![retried, command("then", READ)], vec![])]), 0);
    let (mut bench, _) = Bench::plan(&asked, start_of_day());
    for _ in 0..2 {
        let attempt = bench.starts();
        assert_eq!(words(&bench.engine(&fails(attempt))), ["command_ended", "retry_scheduled"]);
        assert_eq!(bench.status(), "running");
        assert_eq!(bench.engine(&RunCommand::Advance), [], "its time has not come");
        assert_eq!(bench.engine(&RunCommand::Recover), [], "and a restart does not bring it nearer");
        bench.now = bench.run.waits_until().unwrap();
    }
    let attempt = bench.starts();
    assert_eq!(words(&bench.engine(&fails(attempt))), ["command_ended", "failed"]);
    assert_eq!(started_ids(&bench), ["look", "look", "look"]);
    laws::check(&bench);

    // a person's order counts anew, and success goes on
    bench.give("ana", &RunCommand::Retry).unwrap();
    let attempt = bench.starts();
    bench.engine(&ok(attempt));
    let attempt = bench.starts();
    bench.engine(&ok(attempt));
    bench.engine(&RunCommand::Advance);
    assert_eq!(bench.status(), "succeeded");
    laws::check(&bench);
}

#[test]
fn a_cancelled_wait_starts_nothing() {
    let retried = PlannedCommand { retries: 9, ..command("look", READ) };
    let asked = request(plan(vec![step("1", vec![retried], vec![])]), 0);
    let (mut bench, _) = Bench::plan(&asked, start_of_day());
    let attempt = bench.starts();
    bench.engine(&fails(attempt));
    bench.give("ana", &RunCommand::Cancel { reason: None }).unwrap();
    bench.now += Duration::hours(1);
    assert_eq!(bench.engine(&RunCommand::Advance), []);
    laws::check(&bench);
}

#[test]
fn a_condition_passes_a_command_over() {
    let when = |id: &str, text: &str| {
        let flow = Flow { when: Some(text.to_owned()), ..Flow::default() };
        PlannedCommand { flow, ..command(id, READ) }
    };
    let commands = vec![
        capturing("revision"),
        when("production", "namespace == production"),
        when("staging", "namespace == staging"),
        when("old", "REVISION != 42"),
        when("new", "REVISION == 42"),
    ];
    let asked = request(plan(vec![step("1", commands, vec![])]), 0);
    asked.plan.check_runnable().unwrap();
    let (mut bench, _) = Bench::plan(&asked, start_of_day());
    for skipped in [0, 0, 2] {
        for _ in 0..skipped {
            assert_eq!(words(&bench.engine(&RunCommand::Advance)), ["command_skipped"]);
        }
        let attempt = bench.starts();
        bench.engine(&ok(attempt));
    }
    bench.engine(&RunCommand::Advance);
    assert_eq!(bench.status(), "succeeded");
    assert_eq!(started_ids(&bench), ["revision", "production", "new"]);
    laws::check(&bench);

    let unknown = plan(vec![step("1", vec![when("late", "REVISION == 42"), capturing("revision")], vec![])]);
    assert_eq!(unknown.check_runnable().unwrap_err().code(), "RB0042");
}
