//! What an incident does about everything that can be asked of it.

mod calls;
mod clock;
mod drift;
mod handover;
mod join;
pub(crate) mod kit;
mod outputs;
pub(crate) mod random;
mod reminders;
mod tell;
mod triage_note;
mod verbs;

use chrono::Duration;

use self::kit::*;
use super::*;
use crate::expectation::Outcome;
use crate::message::Outgoing;
use crate::people::Actor;
use crate::ports::PagerCall;

fn words(decision: &Decision) -> Vec<String> {
    decision
        .events
        .iter()
        .map(|event| serde_json::to_value(event).unwrap()["type"].as_str().unwrap().to_owned())
        .collect()
}

fn drafts(decision: &Decision) -> usize {
    decision.effects.iter().filter(|effect| matches!(effect, Effect::DraftReview { .. })).count()
}

fn pager_calls(decision: &Decision) -> Vec<&PagerCall> {
    decision
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Send(Outgoing::Pager { call, .. }) => Some(call),
            _ => None,
        })
        .collect()
}

fn end(run: crate::ids::RunId, outcome: RunOutcome) -> IncidentCommand {
    IncidentCommand::EndRun { run, outcome, reason: None }
}

/// Acknowledged by `ana`, with a rollback under way.
fn mitigating() -> Bench {
    let mut bench = Bench::paged();
    bench.learns(&acknowledge("ana", "blocks"));
    bench.learns(&link(RUN, true));
    bench.learns(&IncidentCommand::StartMitigation { run: RUN });
    assert_eq!(bench.status(), "mitigating");
    bench
}

/// What waits for a yes has changed nothing: the impact is still over, and without the yes all is as it was.
#[test]
fn a_run_that_is_taken_up_keeps_its_incident_open_and_takes_nothing_back() {
    let mut bench = mitigating();
    bench.learns(&end(RUN, RunOutcome::Failed));
    bench.learns(&link(OTHER, true));
    bench.learns(&IncidentCommand::StartMitigation { run: OTHER });
    bench.learns(&end(OTHER, RunOutcome::Succeeded));
    let before = bench.incident.clone();
    assert_eq!((bench.status(), before.mitigated_at.is_some()), ("monitoring", true));
    let taken_up = bench.learns(&IncidentCommand::TakeUpRun { run: RUN });
    assert_eq!(words(&taken_up), ["run_taken_up"]);
    assert!(taken_up.effects.iter().all(|effect| !matches!(effect, Effect::TargetTimer { .. })));
    assert_eq!((bench.status(), bench.incident.mitigated_at), ("monitoring", before.mitigated_at));
    assert!(bench.give(&resolve("ana")).is_err(), "nobody resolves it meanwhile");
    assert_eq!(words(&bench.learns(&IncidentCommand::TakeUpRun { run: RUN })), [""; 0], "told once");
    let reason = "not now".to_owned();
    bench.learns(&IncidentCommand::StandAgain { run: RUN, outcome: RunOutcome::Failed, reason });
    let after = Incident { seq: before.seq, reminders: before.reminders.clone(), ..bench.incident.clone() };
    assert_eq!(after, before);
    // what helps while the other waits has helped
    bench.learns(&IncidentCommand::StartMitigation { run: OTHER });
    bench.learns(&IncidentCommand::TakeUpRun { run: RUN });
    assert_eq!(words(&bench.learns(&end(OTHER, RunOutcome::Succeeded))), ["run_ended", "mitigated"]);
    let reason = "not now".to_owned();
    bench.learns(&IncidentCommand::StandAgain { run: RUN, outcome: RunOutcome::Failed, reason });
    assert_eq!((bench.status(), bench.incident.mitigated_at.is_some()), ("monitoring", true));
    // with the yes it goes on, and what had helped no longer counts
    bench.learns(&IncidentCommand::TakeUpRun { run: RUN });
    bench.learns(&IncidentCommand::StartMitigation { run: RUN });
    assert_eq!((bench.status(), bench.incident.mitigated_at), ("mitigating", None));
}

#[test]
fn opening_posts_the_card_and_starts_the_clock_at_detection() {
    let (bench, decision) = Bench::open(&request(true), start_of_day() + Duration::seconds(2));
    let incident = bench.incident.id;
    assert_eq!(words(&decision), ["opened"]);
    for effect in [
        Effect::Send(Outgoing::Channel { incident }),
        Effect::Send(Outgoing::Card { incident }),
        Effect::TargetTimer { incident, due: start_of_day() + Duration::seconds(900) },
        Effect::StartTriage { incident },
    ] {
        assert!(decision.effects.contains(&effect), "{effect:?}");
    }
    // A page that was on its way for an hour: the target has passed already.
    let late = start_of_day() + Duration::hours(1);
    let (_, decision) = Bench::open(&request(true), late);
    assert!(decision.effects.contains(&Effect::TargetTimer { incident, due: late }));
    let (_, decision) = Bench::open(&OpenIncident { target_s: None, triage: false, ..request(true) }, late);
    assert_eq!(decision.effects.len(), 2, "no timer and no diagnostics where none are asked for");
}

#[test]
fn the_first_to_acknowledge_commands() {
    let outside = Actor::Outside("pagerduty:x@example.com".to_owned());
    // who, where, what happens, how many calls to the pager
    for (by, via, events, calls) in [
        (person("ana"), "blocks", vec!["acknowledged", "commander_taken"], 1),
        (person("ana"), "pagerduty", vec!["acknowledged", "commander_taken"], 0),
        (outside, "pagerduty", vec!["acknowledged", "commander_taken"], 0),
        (Actor::Local("root".to_owned()), "blocks", vec!["acknowledged"], 1),
        (Actor::Service("api".to_owned()), "blocks", vec!["acknowledged"], 1),
    ] {
        let mut bench = Bench::paged();
        let command = IncidentCommand::Acknowledge { by: by.clone(), via: via.to_owned(), email: None };
        let decision = bench.learns(&command);
        assert_eq!(words(&decision), events, "{by} {via}");
        assert_eq!(pager_calls(&decision).len(), calls, "{by} {via}");
        assert_eq!(bench.learns(&command), Decision::default(), "{by} {via} again");
        assert_eq!(bench.status(), "acknowledged");
    }
    let mut bench = Bench::paged();
    bench.learns(&acknowledge("ana", "pagerduty"));
    assert_eq!(
        bench.learns(&acknowledge("ben", "blocks")),
        Decision::default(),
        "the second changes nothing"
    );
    assert_eq!(bench.incident.commander.as_ref().map(|one| one.who.clone()), Some(person("ana")));
    assert_eq!(words(&bench.learns(&ran_out(600))), ["unacknowledged"]);
    assert_eq!(bench.status(), "triggered");
    assert_eq!(bench.learns(&ran_out(600)), Decision::default());
    assert_eq!(words(&bench.learns(&acknowledge("ben", "pagerduty"))), ["acknowledged"]);
}

#[test]
fn an_acknowledgement_that_runs_out_does_not_stop_a_mitigation() {
    let mut bench = mitigating();
    assert_eq!(bench.learns(&ran_out(600)), Decision::default());
    assert_eq!(bench.status(), "mitigating");
}

#[test]
fn facts_are_noted_once() {
    let mut bench = Bench::paged();
    for (command, events) in [
        (IncidentCommand::RecordChannel { channel: "C1".to_owned() }, vec!["channel_opened"]),
        (IncidentCommand::RecordCard { channel: "C1".to_owned(), ts: "1.2".to_owned() }, vec!["card_posted"]),
        (link(RUN, false), vec!["run_planned"]),
        (IncidentCommand::EndTriage { run: RUN, commands: 4 }, vec!["triage_ended"]),
        (end(RUN, RunOutcome::Succeeded), vec!["run_ended"]),
        (
            IncidentCommand::ChangeSeverity { to: "P2".to_owned(), target_s: Some(1_800), word: said() },
            vec!["severity_changed"],
        ),
        (pager_ends(60), vec!["resolved"]),
    ] {
        assert_eq!(words(&bench.learns(&command)), events, "{command:?}");
        assert_eq!(bench.learns(&command), Decision::default(), "{command:?} again");
    }
    assert_eq!(
        bench.learns(&end(OTHER, RunOutcome::Succeeded)),
        Decision::default(),
        "a run of somebody else"
    );
    assert_eq!(bench.replayed(), bench.incident);
}

#[test]
fn a_new_severity_moves_the_target() {
    for (target_s, due) in [(Some(1_800), Some(1_800)), (None, None)] {
        let mut bench = Bench::paged();
        let incident = bench.incident.id;
        let decision =
            bench.learns(&IncidentCommand::ChangeSeverity { to: "P2".to_owned(), target_s, word: said() });
        let wanted = match due {
            Some(due) => Effect::TargetTimer { incident, due: start_of_day() + Duration::seconds(due) },
            None => Effect::ClearTargetTimer { incident },
        };
        assert!(decision.effects.contains(&wanted), "{target_s:?}: {:?}", decision.effects);
        assert_eq!(bench.incident.target_s, target_s);
    }
}

#[test]
fn the_target_is_missed_once_and_only_when_its_time_has_come() {
    let mut bench = Bench::paged();
    assert_eq!(bench.learns(&IncidentCommand::TargetPassed), Decision::default(), "too early");
    // each command comes a second after the one before
    bench.now = start_of_day() + Duration::seconds(898);
    assert_eq!(bench.learns(&IncidentCommand::TargetPassed), Decision::default(), "a second too early");
    assert_eq!(words(&bench.learns(&IncidentCommand::TargetPassed)), ["target_missed"]);
    assert_eq!(bench.learns(&IncidentCommand::TargetPassed), Decision::default(), "the timer fires twice");
    bench.learns(&IncidentCommand::ChangeSeverity {
        to: "P2".to_owned(),
        target_s: Some(1_800),
        word: said(),
    });
    assert_eq!(bench.learns(&IncidentCommand::TargetPassed), Decision::default(), "the old timer");
    bench.now = start_of_day() + Duration::seconds(1_800);
    assert_eq!(words(&bench.learns(&IncidentCommand::TargetPassed)), ["target_missed"]);

    let mut met = mitigating();
    met.learns(&end(RUN, RunOutcome::Succeeded));
    met.now = start_of_day() + Duration::hours(1);
    assert_eq!(met.learns(&IncidentCommand::TargetPassed), Decision::default(), "mitigated in time");
}

#[test]
fn evidence_is_counted_when_the_diagnostics_end() {
    let mut bench = Bench::paged();
    bench.learns(&link(RUN, false));
    for outcome in [Outcome::Pass, Outcome::Pass, Outcome::Fail, Outcome::Late, Outcome::Ask] {
        let decision = bench.learns(&IncidentCommand::AddEvidence {
            run: RUN,
            command: "replicas".to_owned(),
            title: "ready replicas".to_owned(),
            verdicts: vec![("5/5".to_owned(), outcome, "as seen".to_owned())],
            output_sha256: None,
            is_long: false,
            changes: vec![ChangeNoted { text: "v1.2 rolled out".to_owned(), ..ChangeNoted::default() }],
        });
        assert_eq!(words(&decision), ["evidence_found", "changes_found"]);
    }
    bench.learns(&IncidentCommand::EndTriage { run: RUN, commands: 5 });
    assert_eq!(bench.incident.triage, Some(Triage { commands: 5, passed: 2, failed: 2, ask: 1 }));
    assert_eq!(bench.incident.changes.len(), 1, "the newest list stands");
}

#[test]
fn a_run_that_helps_mitigates_once_no_other_is_open() {
    // mutating, outcome, another one open: mitigated
    for (mutating, outcome, other_open, mitigated) in [
        (true, RunOutcome::Succeeded, false, true),
        (true, RunOutcome::Succeeded, true, false),
        (false, RunOutcome::Succeeded, false, false),
        (true, RunOutcome::Failed, false, false),
        (true, RunOutcome::Cancelled, false, false),
        (true, RunOutcome::Undone, false, false),
        (true, RunOutcome::UndoFailed, false, false),
    ] {
        let mut bench = Bench::paged();
        bench.learns(&link(RUN, mutating));
        if other_open {
            bench.learns(&link(OTHER, true));
        }
        let decision = bench.learns(&end(RUN, outcome));
        let place = format!("{mutating} {outcome:?} {other_open}");
        assert_eq!(words(&decision).contains(&"mitigated".to_owned()), mitigated, "{place}");
        assert_eq!(bench.incident.mitigated_at.is_some(), mitigated, "{place}");
        assert_eq!(bench.status() == "monitoring", mitigated, "{place}");
    }
}

#[test]
fn nobody_resolves_while_a_run_is_open_and_strangers_never() {
    let mut bench = mitigating();
    assert!(matches!(bench.give(&resolve("ana")), Err(Rejection::RunOpen { run: RUN, .. })));
    bench.learns(&end(RUN, RunOutcome::Failed));
    for stranger in
        [Actor::Outside("slack:U0X".to_owned()), Actor::Service("api".to_owned()), Actor::system("timer")]
    {
        let command = IncidentCommand::Resolve { by: stranger, email: None };
        assert!(matches!(bench.give(&command), Err(Rejection::UnknownPerson { .. })));
    }
    // The failed run is retried: it is open again.
    bench.learns(&IncidentCommand::StartMitigation { run: RUN });
    assert!(matches!(bench.give(&resolve("ana")), Err(Rejection::RunOpen { .. })));
    // Half an undo is no end.
    bench.learns(&end(RUN, RunOutcome::UndoFailed));
    let refused = bench.give(&resolve("ana")).unwrap_err();
    assert!(refused.to_string().contains("is half undone"), "{refused}");
    assert_eq!(words(&bench.learns(&pager_ends(60))), ["resolve_held"]);
    bench.learns(&end(RUN, RunOutcome::Undone));
    bench.give(&resolve("ana")).unwrap();
}

/// A run that goes on after the incident's end opens nothing again, and a reopened incident knows that it has not ended.
#[test]
fn what_went_on_after_the_end_keeps_a_reopened_incident_open() {
    for order in [IncidentCommand::TakeUpRun { run: RUN }, IncidentCommand::StartMitigation { run: RUN }] {
        let mut bench = mitigating();
        bench.learns(&end(RUN, RunOutcome::Failed));
        bench.give(&resolve("ana")).unwrap();
        bench.learns(&pager_ends(900));
        bench.learns(&order);
        bench.learns(&order);
        assert_eq!(bench.status(), "resolved", "{order:?}");
        assert!(bench.incident.mitigated_at.is_some() && bench.incident.resolved_at.is_some());
        let reason = "it fails again".to_owned();
        bench.give(&IncidentCommand::Reopen { by: person("ana"), reason }).unwrap();
        let refused = bench.give(&resolve("ana"));
        assert!(matches!(refused, Err(Rejection::RunOpen { run: RUN, .. })), "{order:?}: {refused:?}");
        bench.learns(&end(RUN, RunOutcome::Failed));
        bench.give(&resolve("ana")).unwrap();
        assert_eq!(bench.replayed(), bench.incident);
    }
}

#[test]
fn the_pager_has_the_last_word_and_the_review_is_drafted_once() {
    let mut bench = mitigating();
    bench.learns(&end(RUN, RunOutcome::Succeeded));
    let asked = bench
        .learns(&IncidentCommand::Resolve { by: person("ana"), email: Some("ana@example.com".to_owned()) });
    assert_eq!(words(&asked), ["resolve_requested"]);
    let call = PagerCall::Resolve { incident: "Q1".to_owned(), from: Some("ana@example.com".to_owned()) };
    assert_eq!(pager_calls(&asked), [&call]);
    assert_eq!(drafts(&asked), 0);
    assert_eq!(bench.status(), "monitoring", "until the pager says so");
    let done = bench.learns(&pager_ends(60));
    assert_eq!(words(&done), ["resolved"]);
    assert_eq!(drafts(&done), 1);
    assert_eq!(bench.learns(&pager_ends(60)), Decision::default());
    assert!(matches!(bench.give(&resolve("ana")), Err(Rejection::NotOpen { .. })));
}

#[test]
fn without_a_pager_a_person_is_enough() {
    let (mut bench, _) = Bench::open(&request(false), start_of_day());
    let done = bench.learns(&resolve("ana"));
    assert_eq!(words(&done), ["resolve_requested", "mitigated", "resolved"]);
    assert_eq!(drafts(&done), 1);
    assert_eq!(bench.incident.mitigated_at, bench.incident.resolved_at);
}

#[test]
fn resolved_at_the_pager_while_a_run_is_open_is_held_until_a_person_decides() {
    let mut bench = mitigating();
    let held = bench.learns(&pager_ends(60));
    assert_eq!(words(&held), ["resolve_held"]);
    assert_eq!(drafts(&held), 0);
    assert_eq!(bench.status(), "monitoring");
    assert_eq!(bench.learns(&pager_ends(60)), Decision::default(), "said again, by a poll");
    bench.learns(&end(RUN, RunOutcome::Succeeded));
    assert_eq!(bench.status(), "monitoring");
    // The pager has said its word already and will not say it again.
    let done = bench.learns(&resolve("ana"));
    assert_eq!(words(&done), ["resolve_requested", "resolved"]);
    assert_eq!(drafts(&done), 1);
    assert_eq!(pager_calls(&done).len(), 0);
}

#[test]
fn reopening_voids_the_end() {
    let mut bench = mitigating();
    bench.learns(&end(RUN, RunOutcome::Succeeded));
    bench.learns(&pager_ends(60));
    assert_eq!(words(&bench.learns(&pager_reopens(90))), ["reopened"]);
    // it waits there, and so it does here, whoever had it before its end
    assert!(bench.status() == "triggered" && bench.incident.waits_for_somebody());
    assert_eq!((bench.incident.mitigated_at, bench.incident.resolved_at), (None, None));
    assert_eq!(bench.replayed(), bench.incident);
}

/// Nothing of an incident is shown before its own channel is open: a new severity may be the first that has one.
#[test]
fn a_new_severity_asks_for_the_channel_until_there_is_one() {
    let mut bench = Bench::paged();
    let asks = |decision: &Decision| {
        let wanted = |effect: &Effect| matches!(effect, Effect::Send(Outgoing::Channel { .. }));
        decision.effects.iter().any(wanted)
    };
    let change =
        |to: &str| IncidentCommand::ChangeSeverity { to: to.to_owned(), target_s: None, word: said() };
    assert!(asks(&bench.learns(&change("P3"))));
    bench.learns(&IncidentCommand::RecordChannel { channel: "C1".to_owned() });
    assert!(!asks(&bench.learns(&change("P2"))));
}

#[test]
fn the_target_counts_again_for_what_is_reopened() {
    let mut bench = Bench::paged();
    bench.learns(&pager_ends(60));
    let decision = bench.learns(&pager_reopens(90));
    let due = start_of_day() + Duration::seconds(i64::from(bench.incident.target_s.unwrap()));
    let timer = Effect::TargetTimer { incident: bench.incident.id, due };
    assert!(decision.effects.contains(&timer), "{:?}", decision.effects);
}

/// Each order in which the pager's words can come tells the same in the end.
#[test]
fn what_the_pager_tells_late_changes_nothing() {
    for (told, status) in [
        (vec![pager_ends(60), pager_reopens(90)], "triggered"),
        (vec![pager_reopens(90), pager_ends(60)], "triggered"),
        (vec![pager_ends(60), pager_reopens(90), pager_ends(120)], "resolved"),
        (vec![pager_ends(60), pager_ends(120), pager_reopens(90)], "resolved"),
        (vec![pager_reopens(90), pager_ends(60), pager_ends(120)], "resolved"),
        (vec![pager_reopens(90), pager_ends(120), pager_ends(60)], "resolved"),
        (vec![pager_ends(120), pager_ends(60), pager_reopens(90)], "resolved"),
        (vec![pager_ends(120), pager_reopens(90), pager_ends(60)], "resolved"),
    ] {
        let mut bench = Bench::paged();
        for command in &told {
            bench.learns(command);
        }
        assert_eq!(bench.status(), status, "{told:?}");
        assert_eq!(bench.replayed(), bench.incident);
    }
}

/// A look sees the second alone: what happened in the same one as the word before it is not late. Two webhooks have their milliseconds.
#[test]
fn of_two_words_of_one_second_the_newer_counts_where_no_more_is_known() {
    let (ends, reopens) = (
        |ms: i64| IncidentCommand::PagerResolved { occurred_at: start_of_day() + Duration::milliseconds(ms) },
        |ms: i64| IncidentCommand::PagerReopened { occurred_at: start_of_day() + Duration::milliseconds(ms) },
    );
    for (told, status) in [
        (vec![reopens(60_500), ends(60_000)], "resolved"),
        (vec![reopens(60_500), ends(60_499)], "triggered"),
        (vec![reopens(60_500), ends(60_501)], "resolved"),
        (vec![reopens(60_500), ends(59_000)], "triggered"),
        (vec![ends(60_500), reopens(60_000)], "triggered"),
        (vec![ends(60_000), reopens(60_900), ends(60_950)], "resolved"),
    ] {
        let mut bench = Bench::paged();
        for command in &told {
            bench.learns(command);
        }
        assert_eq!(bench.status(), status, "{told:?}");
    }
}

#[test]
fn a_review_is_recorded_and_posted_where_there_is_a_channel() {
    for post in [true, false] {
        let mut bench = Bench::paged();
        let command = IncidentCommand::RecordReview {
            file: "PIR_2025-12-09_INC-1.md".to_owned(),
            sha256: "00".repeat(32),
            post,
        };
        let decision = bench.learns(&command);
        assert_eq!(words(&decision), ["review_drafted"]);
        let review = Effect::Send(Outgoing::Review { incident: bench.incident.id });
        assert_eq!(decision.effects.contains(&review), post);
        assert_eq!(bench.incident.review_file.as_deref(), Some("PIR_2025-12-09_INC-1.md"));
    }
}

#[test]
fn a_journal_of_something_else_is_refused() {
    let mut bench = Bench::paged();
    bench.learns(&acknowledge("ana", "blocks"));
    let first = bench.events[0].clone();
    let second = bench.events[1].clone();
    assert!(evolve(None, &second).is_err(), "no opening");
    assert!(evolve(Some(bench.incident.clone()), &first).is_err(), "two openings");
    let mut elsewhere = first;
    elsewhere.stream = crate::journal::StreamId::Run(RUN);
    assert!(evolve(None, &elsewhere).is_err(), "another kind of stream");
}

/// Where an incident was led before is its own still; a private one has no thread in a shared channel, whatever stands there.
#[test]
fn a_thread_is_that_of_the_card_or_of_the_two_lines() {
    for private in [false, true] {
        let request = OpenIncident { private, ..request(true) };
        let mut bench = Bench::open(&request, start_of_day()).0;
        let place = |channel: &str, ts: &str| (channel.to_owned(), ts.to_owned());
        let (channel, ts) = place("C0", "1.0");
        bench.learns(&IncidentCommand::RecordCard { channel, ts });
        assert!(bench.incident.is_thread("C0", "1.0"));
        bench.learns(&IncidentCommand::RecordChannel { channel: "C1".to_owned() });
        let (channel, ts) = place("C1", "2.0");
        bench.learns(&IncidentCommand::RecordCard { channel, ts });
        let incident = &bench.incident;
        assert!(incident.is_thread("C1", "2.0") && !incident.is_thread("C0", "2.0"));
        assert_eq!((incident.is_thread("C0", "1.0"), incident.row().brief.is_some()), (!private, !private));
    }
}
