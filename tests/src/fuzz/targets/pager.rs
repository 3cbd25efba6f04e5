//! What PagerDuty sends and answers: whatever comes is read or said to be unreadable, twice the same, and what is read can be
//! decided about.

use chrono::{DateTime, Datelike as _, TimeDelta, Utc};
use pagerduty_hook::{PagerDutyTranslator, answers};
use runbook_core::ids::{IncidentId, IncidentNumber};
use runbook_core::incident::{Before, OpenIncident, PagerRef, drift, open};
use runbook_core::ports::{
    InboxItem, PagerError, PagerEventKind, PagerIncident, SeenIncident, Signal, Translated, Translator,
};
use runbook_core::rules::{LONGEST_FACT, MOST_FACTS};
use serde_json::Value;

/// Its webhooks.
pub fn pager_webhook(data: &[u8]) {
    let now = now();
    let item = InboxItem {
        source: PagerDutyTranslator.source().to_owned(),
        id: "1".to_owned(),
        kind: "webhook".to_owned(),
        body: data.to_vec(),
        received_at: now,
    };
    let meaning = PagerDutyTranslator.translate(&item);
    assert_eq!(PagerDutyTranslator.translate(&item), meaning, "read twice, understood in two ways");
    let event = match meaning {
        Translated::Signal(Signal::Pager(event)) => event,
        Translated::Unreadable { reason } => return assert!(!reason.is_empty()),
        Translated::Ignored { kind } => return assert!(!kind.is_empty()),
        Translated::Signal(other) => panic!("it is nothing of a pager: {other:?}"),
    };
    check_time(Some(event.occurred_at));
    check_incident(&event.incident, event.occurred_at);
    match &event.kind {
        PagerEventKind::MergedInto { other } => assert!(!other.is_empty(), "{event:?}"),
        PagerEventKind::Told { what, text } => {
            assert!(!what.is_empty() && text.as_ref().is_none_or(|text| !text.is_empty()), "{event:?}");
        }
        _ => {}
    }
}

/// What its REST API answers.
pub fn pager_answers(data: &[u8]) {
    for status in [200, 201, 400, 429, 503] {
        match answers::answer(status, data) {
            Ok(answer) => {
                assert!(status < 300 && answer.is_object(), "{status} {answer}");
                read(&answer);
            }
            Err(PagerError::Retry { reason, .. } | PagerError::Permanent { reason }) => {
                assert!(!reason.is_empty() && !reason.contains(char::is_control), "{reason:?}");
                assert!(reason.chars().count() < 600, "{reason}");
            }
        }
    }
    assert_eq!(answers::answer(204, b"").ok(), Some(Value::Null));
}

fn read(answer: &Value) {
    for seen in answers::incidents(answer).iter().chain(answers::incident(answer).iter()) {
        check_seen(seen);
    }
    for note in answers::notes(answer) {
        assert!(!note.id.is_empty() && !note.text.is_empty(), "{note:?}");
        check_time(note.at);
        assert!(note.by.is_none_or(|by| !by.id.is_empty()));
    }
    for (policy, turn) in answers::turns(answer) {
        assert!(!policy.is_empty() && (turn.email.is_some() || turn.name.is_some()), "{policy} {turn:?}");
        check_time(turn.until);
    }
    let details = answers::alerts(answer);
    for facts in [details.labels, details.details] {
        let is_short = |text: &String| text.chars().count() <= LONGEST_FACT;
        assert!(facts.len() <= MOST_FACTS && facts.keys().chain(facts.values()).all(is_short), "{facts:?}");
    }
    for change in answers::seen_changes(answer) {
        assert!(!change.text.trim().is_empty() && !change.text.contains(char::is_control), "{change:?}");
        assert!(change.url.is_none_or(|url| url.starts_with("http")));
        check_time(change.at);
    }
    for id in answers::pages(answer, "blocks/1").iter().chain(answers::policy(answer).iter()) {
        check_id(id);
    }
    assert!(answers::service_name(answer).is_none_or(|name| !name.is_empty() && !name.contains('\n')));
    for subscription in answers::subscriptions(answer) {
        check_id(&subscription.id);
    }
    assert!(answers::secret(answer).is_none_or(|secret| !secret.is_empty()));
    assert!(answers::email(answer).is_none_or(|email| !email.is_empty()));
    // whether there is one: what it is called is for `checked` to say, when it is used
    let _ = (
        answers::status(answer),
        answers::user(answer, "ana@example.com"),
        answers::priority(answer, "P1"),
        answers::is_responder(answer, "PANA"),
        answers::has_note(answer, "it is slow"),
        answers::has_change(answer, "blocks/1"),
    );
}

/// What its Events API says of a refusal.
pub fn pager_events(data: &[u8]) {
    let said = answers::event_refusal(data);
    assert!(said.chars().count() <= 302 && !said.contains(char::is_control), "{said:?}");
    assert!(said.is_empty() || said.starts_with(": "), "{said:?}");
}

fn check_seen(seen: &SeenIncident) {
    check_id(&seen.incident.id);
    check_time(seen.since);
    assert!(seen.key.as_ref().is_none_or(|key| !key.is_empty()), "{seen:?}");
    check_incident(&seen.incident, seen.since.unwrap_or(now()));
    for drifted in drift(None, Before::default(), seen, now()) {
        check_time(Some(drifted.at));
    }
}

/// What is read of an incident opens one here.
fn check_incident(incident: &PagerIncident, at: DateTime<Utc>) {
    assert!(!incident.id.is_empty(), "{incident:?}");
    check_time(incident.created_at);
    let request = OpenIncident {
        id: an_id(),
        number: IncidentNumber(1),
        severity: "P1".to_owned(),
        severity_reason: "it is".to_owned(),
        service: incident.service_name.clone().unwrap_or_default(),
        title: incident.title.clone().unwrap_or_default(),
        pager: Some(PagerRef { id: incident.id.clone(), url: incident.url.clone(), key: None }),
        detected_at: incident.created_at.unwrap_or(at),
        target_s: Some(u32::MAX),
        triage: true,
        chosen: None,
        private: false,
        severity_guessed: false,
        tells_pager: false,
        note: None,
    };
    assert!(!open(&request, now()).events.is_empty());
}

fn an_id() -> IncidentId {
    let Ok(id) = serde_json::from_str("\"00000001-0000-0000-0000-000000000000\"") else {
        panic!("it is one")
    };
    id
}

fn check_id(id: &str) {
    assert!(
        !id.is_empty()
            && id.len() <= 64
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)),
        "{id:?}"
    );
}

/// Anything can be added to it.
fn check_time(at: Option<DateTime<Utc>>) {
    assert!(at.is_none_or(|at| (1970..=9999).contains(&at.year())), "{at:?}");
}

fn now() -> DateTime<Utc> {
    DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(20_000)
}
