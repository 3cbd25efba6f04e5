//! What people do here reaches the pager once, in their name, and is no news when it comes back.

use super::kit::*;
use crate::incident::{
    AskAtPager, Decision, Effect, IncidentCommand, IncidentEvent, OpenIncident, RunOutcome, Word,
};
use crate::message::Outgoing;
use crate::people::{Actor, Role};
use crate::ports::{Answer, PagerCall};

fn calls(decision: &Decision) -> Vec<&PagerCall> {
    let call = |effect| match effect {
        &Effect::Send(Outgoing::Pager { ref call, .. }) => Some(call),
        _ => None,
    };
    decision.effects.iter().filter_map(call).collect()
}

fn here(to: &str) -> IncidentCommand {
    let word = Word::Here { email: Some("ana@example.com".to_owned()) };
    IncidentCommand::ChangeSeverity { to: to.to_owned(), target_s: None, word }
}

/// The pager says it, so many seconds after the start of the day.
fn there(to: &str, second: i64) -> IncidentCommand {
    let word = Word::Pager { occurred_at: start_of_day() + chrono::Duration::seconds(second) };
    IncidentCommand::ChangeSeverity { to: to.to_owned(), target_s: None, word }
}

/// A look shows it, long after.
fn seen(to: &str) -> IncidentCommand {
    seen_at(to, start_of_day() + chrono::Duration::days(30))
}

fn seen_at(to: &str, looked_at: chrono::DateTime<chrono::Utc>) -> IncidentCommand {
    IncidentCommand::ChangeSeverity { to: to.to_owned(), target_s: None, word: Word::Seen { looked_at } }
}

/// What is said here while somebody looks there is the later word: how it was then says nothing of it.
#[test]
fn what_is_said_during_a_look_stands() {
    for (after_s, is_late) in [(0, true), (1, false)] {
        let mut bench = Bench::paged();
        bench.learns(&here("P3"));
        let said_at = bench.now;
        let looked_at = said_at + chrono::Duration::seconds(after_s);
        let decision = bench.learns(&seen_at("P2", looked_at));
        assert_eq!(decision == Decision::default(), is_late, "{decision:?}");
        assert_eq!(bench.incident.severity, if is_late { "P3" } else { "P2" });
    }
}

#[test]
fn a_severity_is_told_in_the_name_of_whoever_said_it() {
    let mut bench = Bench::paged();
    let decision = bench.learns(&here("P2"));
    let [PagerCall::Severity { incident, from, severity, priority: None }] = calls(&decision)[..] else {
        panic!("{decision:?}");
    };
    assert_eq!((incident.as_str(), severity.as_str()), ("Q1", "P2"));
    assert_eq!(from.as_deref(), Some("ana@example.com"));
    assert_eq!(bench.learns(&here("P2")), Decision::default(), "it is so");

    // that it is as a rule had made it is news to the pager, too
    let guessed = OpenIncident { severity_guessed: true, ..request(true) };
    let (mut bench, _) = Bench::open(&guessed, start_of_day());
    assert_eq!(calls(&bench.learns(&here("P1"))).len(), 1);

    // what the pager says itself, what is private, what is nowhere, and what is over is not told
    let private = OpenIncident { private: true, ..request(true) };
    let rows = [
        (request(true), there("P2", 60), 0),
        (private, here("P2"), 0),
        (request(false), here("P2"), 0),
        (request(true), here("P2"), 1),
    ];
    for (request, command, expected) in rows {
        let (mut bench, _) = Bench::open(&request, start_of_day());
        assert_eq!(calls(&bench.learns(&command)).len(), expected, "{command:?}");
    }
    let mut bench = Bench::paged();
    bench.learns(&pager_ends(60));
    assert_eq!(calls(&bench.learns(&here("P2"))).len(), 0);
}

/// What the severity is after each of these, and how many events each came to.
#[test]
fn the_pagers_word_counts_unless_it_is_an_echo_or_older() {
    type Row<'a> = (&'a str, &'a [(i64, IncidentCommand, &'a str, usize)]);
    let rows: &[Row<'_>] = &[
        ("its own word", &[(60, there("P2", 60), "P2", 1), (70, there("P1", 70), "P1", 1)]),
        (
            "the echo is a receipt, once",
            &[(60, here("P2"), "P2", 1), (61, there("P2", 61), "P2", 1), (62, there("P2", 61), "P2", 0)],
        ),
        (
            "two words, and both echoes",
            &[
                (60, here("P2"), "P2", 1),
                (61, here("P3"), "P3", 1),
                (62, there("P2", 62), "P3", 0),
                (63, there("P3", 63), "P3", 1),
                // and now it is somebody's there
                (70, there("P2", 70), "P2", 1),
            ],
        ),
        (
            "the first echo comes after the second",
            &[
                (60, here("P2"), "P2", 1),
                (61, here("P3"), "P3", 1),
                (63, there("P3", 63), "P3", 1),
                (64, there("P2", 59), "P3", 0),
            ],
        ),
        (
            "said there before it was said here, and told late",
            &[(60, here("P2"), "P2", 1), (90, there("P4", 30), "P2", 0)],
        ),
        ("said there after it was said here", &[(60, here("P2"), "P2", 1), (90, there("P4", 80), "P4", 1)]),
        (
            "its word takes what was told before for answered",
            &[(60, here("P2"), "P2", 1), (61, there("P4", 61), "P4", 1), (62, there("P2", 62), "P2", 1)],
        ),
        (
            "an hour later it is no echo",
            &[(60, here("P2"), "P2", 1), (61, here("P3"), "P3", 1), (3_600, there("P2", 3_600), "P2", 1)],
        ),
        (
            "a look sees what it was told, once, and then what somebody said there",
            &[
                (60, here("P3"), "P3", 1),
                (300, here("P2"), "P2", 1),
                (301, seen("P2"), "P2", 1),
                (302, seen("P2"), "P2", 0),
                (480, seen("P3"), "P3", 1),
            ],
        ),
        (
            "a look sees what was said there, although the echo of the same never came",
            &[(60, here("P3"), "P3", 1), (61, here("P2"), "P2", 1), (90, seen("P3"), "P3", 1)],
        ),
        (
            "what a look has seen is no news when it is told late",
            &[
                (60, here("P3"), "P3", 1),
                (61, here("P2"), "P2", 1),
                (70, seen("P2"), "P2", 1),
                (80, there("P3", 60), "P2", 0),
                (81, there("P2", 62), "P2", 0),
            ],
        ),
    ];
    for (name, steps) in rows {
        let mut bench = Bench::paged();
        for (second, command, severity, events) in *steps {
            bench.now = start_of_day() + chrono::Duration::seconds(second - 1);
            let decision = bench.learns(command);
            assert_eq!(decision.events.len(), *events, "{name}: {command:?}");
            assert_eq!(bench.incident.severity, *severity, "{name}: {command:?}");
        }
    }
}

#[test]
fn a_note_is_kept_there_and_does_not_come_back() {
    let mut bench = Bench::paged();
    let note = |by: Actor| IncidentCommand::AddNote {
        by,
        email: Some("ana@example.com".to_owned()),
        text: "the queue is full".to_owned(),
    };
    let decision = bench.learns(&note(person("ana")));
    let [PagerCall::Note { from, text, .. }] = calls(&decision)[..] else { panic!("{decision:?}") };
    assert_eq!(
        (from.as_deref(), text.as_str()),
        (Some("ana@example.com"), "ana, in INC-1: the queue is full")
    );
    let told = |text: &str| IncidentCommand::NotePager {
        what: "note".to_owned(),
        text: Some(text.to_owned()),
        id: Some(format!("N-{text}")),
    };
    assert_eq!(bench.learns(&told("ana, in INC-1: the queue is full")), Decision::default());
    assert_eq!(bench.learns(&told("the queue is full")).events.len(), 1, "that is somebody else's");
    // what a program writes down, or what is private, is not told
    assert_eq!(calls(&bench.learns(&note(Actor::system("triage")))).len(), 0);
    let (mut bench, _) = Bench::open(&OpenIncident { private: true, ..request(true) }, start_of_day());
    assert_eq!(calls(&bench.learns(&note(person("ana")))).len(), 0);
}

#[test]
fn a_responder_is_asked_once_and_that_is_no_news() {
    let give = |by: &str, role, to: &str| IncidentCommand::GiveRole {
        by: person(by),
        role,
        to: person(to),
        ask: Some(Box::new(AskAtPager {
            from: Some(format!("{by}@example.com")),
            to: format!("{to}@example.com"),
        })),
    };
    let mut bench = Bench::paged();
    let decision = bench.learns(&give("ana", Role::Responder, "ben"));
    let [PagerCall::AskResponder { incident, from, to, message }] = calls(&decision)[..] else {
        panic!("{decision:?}");
    };
    assert_eq!(
        (incident.as_str(), from.as_deref(), to.as_str()),
        ("Q1", Some("ana@example.com"), "ben@example.com")
    );
    assert_eq!(message, "INC-1: ana asks you to come. More than 10 % of the flows fail");
    let hears = |who: &str, answer| IncidentCommand::HearResponder { text: None, who: person(who), answer };
    assert_eq!(bench.learns(&hears("ben", Answer::Asked)), Decision::default());
    assert_eq!(bench.learns(&hears("ben", Answer::Declines)).events.len(), 1);
    let comes = bench.learns(&hears("ben", Answer::Comes));
    assert!(matches!(comes.events[..], [IncidentEvent::PagerNoted { .. }]), "he has the role");
    assert_eq!(bench.learns(&hears("cora", Answer::Asked)).events.len(), 1);
    // whoever takes it themselves is there, another role asks nobody to come, and private is private
    assert_eq!(calls(&bench.learns(&give("cora", Role::Responder, "cora"))).len(), 0);
    assert_eq!(calls(&bench.learns(&give("ana", Role::Scribe, "cora"))).len(), 0);
    let (mut bench, _) = Bench::open(&OpenIncident { private: true, ..request(true) }, start_of_day());
    assert_eq!(calls(&bench.learns(&give("ana", Role::Responder, "ben"))).len(), 0);
    // that nobody asks them has to be said to whoever counts on it
    let failed =
        IncidentCommand::RecordDeliveryFailure { what: "pager ask".to_owned(), reason: "no".to_owned() };
    let notes = Bench::paged().learns(&failed).effects;
    assert!(matches!(&notes[..], [Effect::Send(Outgoing::Note { text, .. })] if text.contains("escalate")));
}

/// One that is told late takes nothing back that somebody has taken since.
#[test]
fn an_acknowledgement_that_ran_out_before_is_no_news() {
    let mut bench = Bench::paged();
    bench.learns(&acknowledge("ana", "blocks"));
    bench.now = start_of_day() + chrono::Duration::seconds(600);
    assert_eq!(bench.learns(&ran_out(2)), Decision::default());
    assert_eq!(bench.learns(&ran_out(590)).events, [IncidentEvent::Unacknowledged]);
    let again = bench.learns(&acknowledge("ana", "blocks"));
    let [PagerCall::Acknowledge { .. }] = calls(&again)[..] else { panic!("{again:?}") };
    assert_eq!(bench.learns(&ran_out(595)), Decision::default());
}

/// Of a private one nobody reads there what people said of it: neither why it is over or open again, nor what is half undone.
#[test]
fn of_a_private_incident_the_pager_hears_no_reason() {
    let (mut bench, _) = Bench::open(&OpenIncident { private: true, ..request(true) }, start_of_day());
    bench.learns(&link(RUN, true));
    let failed = IncidentCommand::EndRun {
        run: RUN,
        outcome: RunOutcome::UndoFailed,
        reason: Some("the key of billing".to_owned()),
    };
    let decision = bench.learns(&failed);
    let [PagerCall::Page { title, text, .. }] = calls(&decision)[..] else { panic!("{decision:?}") };
    assert_eq!((title.as_str(), text.as_str()), ("INC-1: UNDO FAILED", "INC-1 says what it is about"));
    let (mut bench, _) = Bench::open(&OpenIncident { private: true, ..request(true) }, start_of_day());
    let none =
        IncidentCommand::EndAsNone { by: person("ana"), email: None, reason: "the key was ours".to_owned() };
    let decision = bench.learns(&none);
    assert!(matches!(calls(&decision)[..], [PagerCall::Resolve { .. }]), "it stops ringing: {decision:?}");
    let again = IncidentCommand::Reopen { by: person("ana"), reason: "it was not".to_owned() };
    assert_eq!(calls(&bench.learns(&again)), Vec::<&PagerCall>::new());
}

/// Whoever the call is made as is not who has it.
#[test]
fn the_answer_to_our_own_acknowledgement_is_awaited_for_a_while() {
    let mut bench = Bench::paged();
    let at = |second| start_of_day() + chrono::Duration::seconds(second);
    assert!(!bench.incident.awaits_echo_of_taking(None, at(10)));
    bench.learns(&acknowledge("ana", "blocks"));
    assert!(bench.incident.awaits_echo_of_taking(None, at(60)));
    assert!(!bench.incident.awaits_echo_of_taking(None, at(3_600)));
    assert!(bench.incident.awaits_echo_of_taking(Some(at(3_500)), at(3_600)), "it was told so late");
    assert!(!bench.incident.awaits_echo_of_taking(Some(at(3_500)), at(7_200)));
    bench.learns(&ran_out(4_000));
    assert!(!bench.incident.awaits_echo_of_taking(Some(at(3_500)), at(3_600)), "nobody has it any more");
    let mut bench = Bench::paged();
    bench.learns(&acknowledge("ana", "pagerduty"));
    assert!(!bench.incident.awaits_echo_of_taking(None, at(60)));
}

/// Whoever says that they have it stops it from ringing, however far it is, unless that is known there.
#[test]
fn an_acknowledgement_is_told_wherever_it_is_not_known() {
    let acks = |decision: &Decision| {
        calls(decision).iter().filter(|call| matches!(call, PagerCall::Acknowledge { .. })).count()
    };
    let refused =
        IncidentCommand::RecordDeliveryFailure { what: "pager ack".to_owned(), reason: "no".to_owned() };
    let mitigating = || {
        let mut bench = Bench::paged();
        bench.learns(&link(RUN, true));
        bench.learns(&IncidentCommand::StartMitigation { run: RUN });
        bench
    };
    let succeeded = IncidentCommand::EndRun { run: RUN, outcome: RunOutcome::Succeeded, reason: None };
    type Row<'a> = (&'a str, &'a [IncidentCommand], usize);
    let rows: &[Row<'_>] = &[
        ("nobody has it", &[], 1),
        ("it has stopped", std::slice::from_ref(&succeeded), 1),
        ("told before", &[acknowledge("ana", "blocks")], 0),
        ("taken there", &[acknowledge("ben", "pagerduty")], 0),
        ("refused there", &[acknowledge("ana", "blocks"), refused.clone()], 1),
        ("over there", &[pager_ends(60)], 0),
        ("over on both sides", &[succeeded.clone(), pager_ends(60)], 0),
    ];
    for (what, before, wanted) in rows {
        let mut bench = mitigating();
        for command in *before {
            bench.learns(command);
        }
        let status = bench.incident.status;
        assert_eq!(acks(&bench.learns(&acknowledge("ana", "blocks"))), *wanted, "{what}");
        assert_eq!(bench.incident.status, status, "{what}");
        assert_eq!(acks(&bench.learns(&acknowledge("ana", "blocks"))), 0, "{what}: it is known by now");
        assert_eq!(bench.replayed(), bench.incident);
    }
    // its own word is the record's, once
    let mut bench = mitigating();
    assert!(!bench.learns(&acknowledge("ben", "pagerduty")).events.is_empty());
    assert_eq!(bench.learns(&acknowledge("ben", "pagerduty")), Decision::default());
}

/// An acknowledgement that is told late says nothing of whoever has it by now.
#[test]
fn an_acknowledgement_from_before_it_ran_out_is_lost() {
    let mut bench = Bench::paged();
    let at = |second| start_of_day() + chrono::Duration::seconds(second);
    bench.learns(&acknowledge("ana", "pagerduty"));
    assert!(!bench.incident.has_lost_taking_of(at(1)), "it never ran out");
    bench.now = at(600);
    bench.learns(&ran_out(590));
    for (second, is_lost) in [(3, true), (589, true), (590, false), (700, false)] {
        assert_eq!(bench.incident.has_lost_taking_of(at(second)), is_lost, "{second}");
    }
    bench.learns(&pager_ends(800));
    bench.learns(&pager_reopens(900));
    for (second, is_lost) in [(700, true), (899, true), (900, false)] {
        assert_eq!(bench.incident.has_lost_taking_of(at(second)), is_lost, "{second}");
    }
    assert_eq!(bench.replayed(), bench.incident);
}
