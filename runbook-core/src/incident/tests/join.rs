//! A page for what is open here already.

use chrono::Duration;

use super::kit::{Bench, acknowledge, link, pager_ends, request, resolve, start_of_day};
use crate::ids::RunId;
use crate::incident::{
    Effect, IncidentCommand, IncidentEvent, Joining, OpenIncident, PageSeverity, PagerRef, Rejection, Status,
    Word,
};
use crate::message::Outgoing;
use crate::ports::PagerCall;

fn opened(change: impl FnOnce(&mut OpenIncident)) -> Bench {
    let mut wish = request(false);
    change(&mut wish);
    Bench::open(&wish, start_of_day()).0
}

fn page(severity: Option<(&str, Option<&str>)>) -> Joining {
    Joining {
        pager: PagerRef { id: "Q7".to_owned(), url: None, key: None },
        why: "it is the same".to_owned(),
        severity: severity.map(|(to, rule)| PageSeverity {
            to: to.to_owned(),
            target_s: Some(3_600),
            rule: rule.map(str::to_owned),
        }),
        tells_pager: false,
        email: Some("ana@example.com".to_owned()),
    }
}

fn joins(page: Joining) -> IncidentCommand {
    IncidentCommand::JoinPager(Box::new(page))
}

fn calls(effects: &[Effect]) -> Vec<&PagerCall> {
    let mut all = Vec::new();
    for effect in effects {
        if let Effect::Send(Outgoing::Pager { call, .. }) = effect {
            all.push(call);
        }
    }
    all
}

#[test]
fn it_is_the_pagers_from_then_on() {
    let mut bench = opened(|_| ());
    let decision = bench.learns(&joins(page(None)));
    assert!(calls(&decision.effects).is_empty(), "nobody has it: {decision:?}");
    assert_eq!(bench.incident.pager.as_ref().map(|pager| pager.id.as_str()), Some("Q7"));
    assert_eq!(bench.incident.row().pager_id.as_deref(), Some("Q7"));
    assert!(bench.incident.pager_rings());
    // another page is not this one's, and neither is the same once more
    for id in ["Q7", "Q8"] {
        let pager = PagerRef { id: id.to_owned(), url: None, key: None };
        assert!(bench.learns(&joins(Joining { pager, ..page(None) })).events.is_empty(), "{id}");
    }
    bench.learns(&pager_ends(600));
    assert_eq!(bench.incident.status, Status::Resolved);
    assert!(matches!(bench.give(&joins(page(None))), Err(Rejection::NotOpen { .. })));
}

#[test]
fn whoever_has_it_is_told_there() {
    let mut bench = opened(|_| ());
    bench.learns(&acknowledge("ana", "blocks"));
    let decision = bench.learns(&joins(page(None)));
    let from = Some("ana@example.com".to_owned());
    assert_eq!(
        calls(&decision.effects),
        [&PagerCall::Acknowledge { incident: "Q7".to_owned(), from }],
        "the pager wakes nobody"
    );
    // its word for that is an echo, and a look finds that it was told
    assert!(bench.incident.awaits_echo_of_taking(None, bench.now + Duration::minutes(1)));
    assert_eq!(bench.incident.taken_seq, bench.incident.seq);
}

/// A person's word before the page's, the page's before the alert's, and a guess confirms nothing.
#[test]
fn whose_severity_counts() {
    let by_hand = IncidentCommand::ChangeSeverity {
        to: "P3".to_owned(),
        target_s: None,
        word: Word::Here { email: None },
    };
    for (by_person, private, its, wanted, told) in [
        (false, false, Some(("P2", None)), "P2", false),
        (false, false, Some(("P1", None)), "P1", false),
        (false, false, Some(("P2", Some("a rule says so"))), "P2", false),
        (false, false, None, "P1", false),
        (true, false, Some(("P2", None)), "P3", true),
        // more people read there than a private one is for
        (true, true, Some(("P2", None)), "P3", false),
    ] {
        let mut bench = opened(|wish| wish.private = private);
        if by_person {
            bench.give_as(super::kit::person("ana"), &by_hand).unwrap();
        }
        let decision = bench.learns(&joins(page(its)));
        assert_eq!(bench.incident.severity, wanted, "{its:?}");
        let tells = calls(&decision.effects).iter().any(|call| matches!(call, PagerCall::Severity { .. }));
        assert_eq!((tells, bench.incident.told.said_here().is_some()), (told, told), "{its:?} {private}");
        let changed =
            decision.events.iter().any(|event| matches!(event, IncidentEvent::SeverityChanged { .. }));
        assert_eq!(changed, wanted == "P2", "{its:?}");
    }
    // what was a guess is one no more when the page names it
    let mut bench = opened(|wish| wish.severity_guessed = true);
    bench.learns(&joins(page(Some(("P1", Some("a rule"))))));
    assert!(bench.incident.reminders.is_severity_guessed);
    let mut bench = opened(|wish| wish.severity_guessed = true);
    bench.learns(&joins(page(Some(("P1", None)))));
    assert!(!bench.incident.reminders.is_severity_guessed);
}

/// What the diagnostics had found before is noted there, where it is to be.
#[test]
fn the_pager_has_what_was_found_before() {
    let mut bench = opened(|_| ());
    let run = RunId(uuid::Uuid::from_u128(5));
    bench.learns(&link(run, false));
    bench.learns(&IncidentCommand::EndTriage { run, commands: 3 });
    let decision = bench.learns(&joins(Joining { tells_pager: true, ..page(None) }));
    let all = calls(&decision.effects);
    let [PagerCall::Note { text, .. }] = &all[..] else { panic!("{all:?}") };
    assert!(bench.incident.wrote_at_pager(text), "it is no news when it comes back: {text}");
    bench.learns(&resolve("ana"));
    assert_eq!(bench.incident.status, Status::Monitoring, "the pager has the last word");
}
