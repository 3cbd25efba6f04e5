//! What a template is filled with: the incident's journal, and nothing else. What is not there is [`UNKNOWN`].

use chrono::{DateTime, Duration, NaiveDateTime, NaiveTime, TimeZone, Utc};
use serde::Serialize;

use super::clean::one_line;
use super::template::UNKNOWN;
use crate::duration::{for_people, parse_seconds};
use crate::handing::next_at;
use crate::incident::{Incident, IncidentEvent, RunOutcome};
use crate::journal::Envelope;
use crate::severity::Severity;

/// Longest value, in characters.
const VALUE_MAX: usize = 500;
/// Most lines about what was done.
const DONE_MAX: usize = 10;
/// Furthest end that is believed.
const ETA_MAX_S: i64 = 30 * 24 * 3_600;
/// What can be written.
const ETA_FORMS: &str =
    "write `30 min`, `2 h`, `1 h 30 min`, `14:30` (by the clocks of [time] zone), `14:30 UTC`, or words";

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
    /// When it will be over, by whoever drafts, as [`eta`] has read it.
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
            eta: known.eta.map_or_else(|| UNKNOWN.to_owned(), said),
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

/// When it will be over, in words that are read anywhere and at any time: a length of time becomes the time that it ends at
/// (`30 min` is wrong a minute later), and a time of day one with its date in UTC. `zone` is whose clocks are meant.
///
/// # Errors
/// When it looks like a time or a length, and is none that anybody can read; the text says what to write.
pub fn eta<Z: TimeZone>(text: &str, now: DateTime<Utc>, zone: &Z) -> Result<String, String> {
    let text = one_line(text);
    let shown: String = text.chars().take(40).collect();
    let no = |why: &str| Err(format!("--eta '{shown}' {why}; hint: {ETA_FORMS}"));
    let about = |at: DateTime<Utc>| Ok(format!("about {}", full(at)));
    if let Some(length) = length(&text) {
        return match length.filter(|s| (1..=ETA_MAX_S).contains(s)) {
            Some(seconds) => match now.checked_add_signed(Duration::seconds(seconds)) {
                Some(at) => about(at),
                None => no("is too far away"),
            },
            None => no("is no length of time up to 30 days with its unit"),
        };
    }
    let (bare, is_utc) = match text.strip_suffix("UTC").or_else(|| text.strip_suffix("utc")) {
        Some(bare) => (bare.trim_end(), true),
        None => (text.as_str(), false),
    };
    let next = |at| if is_utc { next_at(&Utc, at, now) } else { next_at(zone, at, now) };
    let moment = |local: &NaiveDateTime| match is_utc {
        true => Some(local.and_utc()),
        false => zone.from_local_datetime(local).earliest().map(|at| at.with_timezone(&Utc)),
    };
    if let Ok(at) = NaiveTime::parse_from_str(bare, "%H:%M") {
        return next(at).map_or_else(|| no("is no time of the coming days"), about);
    }
    if let Ok(local) = NaiveDateTime::parse_from_str(bare, "%Y-%m-%d %H:%M") {
        return match moment(&local).filter(|at| *at > now && *at <= now + Duration::seconds(ETA_MAX_S)) {
            Some(at) => about(at),
            None => no("is no time of the coming 30 days"),
        };
    }
    if names_a_time(&text) && !names_a_zone(&text) {
        return no("names a time of day and not whose clock is meant");
    }
    Ok(text)
}

/// `Some` where the text is a number, or numbers with units of time, and nothing else; the seconds where they are a length.
fn length(text: &str) -> Option<Option<i64>> {
    let is_minus = |c: char| matches!(c, '-' | '\u{2212}' | '\u{2013}');
    let mut rest = text.trim_start_matches('+').trim_start();
    let is_negative = rest.starts_with(is_minus);
    rest = rest.trim_start_matches(is_minus).trim_start();
    if !rest.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let mut seconds = (!is_negative).then_some(0_i64);
    while !rest.is_empty() {
        let is_number = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',');
        let number = rest.find(|c: char| !is_number(c)).unwrap_or(rest.len());
        let (number, behind) = rest.split_at(number);
        let behind = behind.trim_start();
        let unit = behind.find(|c: char| !c.is_alphabetic()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(unit);
        if number.is_empty() || !(unit.is_empty() || parse_seconds(&format!("1 {unit}")).is_some()) {
            return None;
        }
        let part = parse_seconds(&format!("{number} {unit}")).map(i64::from);
        seconds = seconds.zip(part).map(|(sum, part)| sum + part);
        rest = behind.trim_start();
    }
    Some(seconds)
}

/// Whether one of its words is a time of day, or looks like one.
fn names_a_time(text: &str) -> bool {
    text.split_whitespace().any(|word| {
        let word = word.trim_matches(|c: char| !c.is_ascii_digit());
        let is_short = |part: &str| matches!(part.len(), 1 | 2) && part.chars().all(|c| c.is_ascii_digit());
        let mut parts = word.split(':');
        parts.next().is_some_and(is_short) && parts.next().is_some_and(is_short)
    })
}

/// Whether one of its words may be the name of a zone: `CET`, `Europe/Madrid`, `+02:00`.
fn names_a_zone(text: &str) -> bool {
    text.split_whitespace().any(|word| {
        let word = word.trim_matches(|c: char| matches!(c, '(' | ')' | ',' | '.'));
        let is_short = (2..=5).contains(&word.len()) && word.chars().all(|c| c.is_ascii_uppercase());
        is_short || word.contains('/') || word.starts_with('+')
    })
}

fn full(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}
