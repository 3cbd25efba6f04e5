//! What a template is filled with: the incident's journal, and nothing else. What is not there is [`UNKNOWN`].

use chrono::{DateTime, Duration, Utc};
use serde::Serialize;

use super::clean::one_line;
use super::template::UNKNOWN;
use crate::duration::{for_people, parse_seconds};
use crate::incident::{Incident, IncidentEvent, RunOutcome};
use crate::journal::Envelope;
use crate::severity::Severity;

/// Longest value, in characters.
const VALUE_MAX: usize = 500;
/// Most lines about what was done.
const DONE_MAX: usize = 10;

/// The values of every template, as they are printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Values {
    number: String,
    title: String,
    service: String,
    severity: String,
    severity_name: String,
    status: String,
    commander: String,
    detected: String,
    acknowledged: String,
    mitigated: String,
    resolved: String,
    duration: String,
    time_to_mitigate: String,
    done: Vec<String>,
    last_update: String,
    next_update: String,
    eta: String,
    now: String,
    date: String,
}

/// What a person gives beside the parameters, and what is read elsewhere.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Its events, in order.
    pub events: &'a [Envelope<IncidentEvent>],
    /// What the severity means.
    pub severity: Option<&'a Severity>,
    /// When it will be over, by whoever drafts.
    pub eta: Option<&'a str>,
    /// When it is drafted.
    pub now: DateTime<Utc>,
}

impl Values {
    /// Nothing is known.
    #[must_use]
    pub fn unknown() -> Values {
        let unknown = || UNKNOWN.to_owned();
        Values {
            number: unknown(),
            title: unknown(),
            service: unknown(),
            severity: unknown(),
            severity_name: unknown(),
            status: unknown(),
            commander: unknown(),
            detected: unknown(),
            acknowledged: unknown(),
            mitigated: unknown(),
            resolved: unknown(),
            duration: unknown(),
            time_to_mitigate: unknown(),
            done: Vec::new(),
            last_update: unknown(),
            next_update: unknown(),
            eta: unknown(),
            now: unknown(),
            date: unknown(),
        }
    }

    /// What is known of an incident.
    #[must_use]
    pub fn of(incident: &Incident, known: Known<'_>) -> Values {
        let said = |text: &str| {
            let text: String = one_line(text).chars().take(VALUE_MAX).collect();
            if text.is_empty() { UNKNOWN.to_owned() } else { text }
        };
        let at = |time: Option<DateTime<Utc>>| time.map_or_else(|| UNKNOWN.to_owned(), full);
        let since = |end: Option<DateTime<Utc>>| {
            let seconds = end.map(|end| (end - incident.detected_at).num_seconds());
            let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok());
            seconds.map_or_else(|| UNKNOWN.to_owned(), for_people)
        };
        let interval = known.severity.and_then(|severity| severity.update_interval_s);
        // This update is the last one: the next is due an interval after it.
        let next = interval
            .filter(|_| incident.status.is_open())
            .and_then(|s| known.now.checked_add_signed(Duration::seconds(i64::from(s))));
        Values {
            number: incident.number.to_string(),
            title: said(&incident.title),
            service: said(&incident.service),
            severity: said(&incident.severity),
            severity_name: said(known.severity.map_or("", |severity| severity.name.as_str())),
            status: incident.status.word().to_owned(),
            commander: said(&incident.commander.as_ref().map_or(String::new(), |one| one.who.to_string())),
            detected: full(incident.detected_at),
            acknowledged: at(incident.acknowledged_at),
            mitigated: at(incident.mitigated_at),
            resolved: at(incident.resolved_at),
            duration: since(incident.resolved_at),
            time_to_mitigate: since(incident.mitigated_at),
            done: done(known.events),
            last_update: said(incident.update.as_ref().map_or("", |update| update.text.as_str())),
            next_update: at(next),
            eta: known.eta.map_or_else(|| UNKNOWN.to_owned(), |eta| said(&eta_words(eta, known.now))),
            now: full(known.now),
            date: known.now.format("%Y-%m-%d").to_string(),
        }
    }
}

/// The runs that have ended, as far as they changed something, oldest first.
fn done(events: &[Envelope<IncidentEvent>]) -> Vec<String> {
    let changes = |id| {
        events.iter().any(|envelope| {
            matches!(&envelope.event, IncidentEvent::RunPlanned { run, mutating: true, .. } if *run == id)
        })
    };
    let lines = events.iter().filter_map(|envelope| match &envelope.event {
        IncidentEvent::RunEnded { run, runbook, outcome, .. } if changes(*run) => {
            Some(format!("{}: {}, {}", one_line(runbook), ended(*outcome), full(envelope.at)))
        }
        _ => None,
    });
    let mut lines: Vec<String> = lines.collect();
    let first = lines.len().saturating_sub(DONE_MAX);
    lines.split_off(first)
}

fn ended(outcome: RunOutcome) -> &'static str {
    match outcome {
        RunOutcome::Succeeded => "succeeded",
        RunOutcome::Incomplete => "ended, not all of it was done",
        RunOutcome::Vouched => "ended, a part of it by a person's word",
        RunOutcome::Failed => "failed",
        RunOutcome::Cancelled => "stopped",
        RunOutcome::Undone => "undone",
        RunOutcome::UndoFailed => "half undone",
    }
}

/// A length of time is said as the time that it ends at: `30 min` is wrong a minute later.
fn eta_words(eta: &str, now: DateTime<Utc>) -> String {
    let after = parse_seconds(eta).and_then(|s| now.checked_add_signed(Duration::seconds(i64::from(s))));
    after.map_or_else(|| eta.to_owned(), |at| format!("about {}", full(at)))
}

fn full(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}
