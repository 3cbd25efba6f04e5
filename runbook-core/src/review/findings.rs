//! What the record shows by itself: observations, what went well and wrong, and what is left to do.

use chrono::{DateTime, Duration, NaiveDate, Utc};

use std::collections::BTreeMap;

use super::cite::{Book, EventRef, Said};
use super::escape::escape_markdown as md;
use super::moments::{Moments, full, place};
use super::runs::Told;
use super::view::ActionRow;
use super::words;
use crate::duration::for_people;
use crate::expectation::Outcome;
use crate::incident::{ChangeNoted, IncidentEvent};
use crate::journal::Envelope;
use crate::run::{RunEvent, Status};

/// What changed, and which diagnostics were not as expected.
pub(super) fn observations(book: &mut Book, events: &[Envelope<IncidentEvent>]) -> Vec<Said> {
    let mut said = changes(book, events);
    for envelope in events {
        let here = [place(envelope)];
        match &envelope.event {
            IncidentEvent::EvidenceFound { title, expected, outcome, reason, .. }
                if *outcome != Outcome::Pass =>
            {
                let text = format!(
                    "{}: expected {}: {} ({})",
                    md(title),
                    words::expected(expected),
                    words::outcome(*outcome),
                    md(reason)
                );
                said.push(book.say(text, &here));
            }
            _ => {}
        }
    }
    said
}

/// What changed, newest first. Each list holds what was found before, too, and words that a later one has in other words are not
/// said: of each service the last list counts, and each of its lines is proved by the first event that has it.
fn changes(book: &mut Book, events: &[Envelope<IncidentEvent>]) -> Vec<Said> {
    let (mut found, mut last, mut lists) = (BTreeMap::new(), Vec::new(), Vec::new());
    for envelope in events {
        match &envelope.event {
            IncidentEvent::ChangesFound { changes } => {
                last = changes.iter().map(ChangeNoted::words).collect();
                for words in &last {
                    found.entry(words.clone()).or_insert_with(|| place(envelope));
                }
            }
            IncidentEvent::ServiceChanged { .. } => lists.push(std::mem::take(&mut last)),
            _ => {}
        }
    }
    lists.push(last);
    let mut said = Vec::new();
    for words in lists.into_iter().flatten() {
        if let Some(here) = found.remove(&words) {
            said.push(book.say(format!("what changed: {}", md(&words)), &[here]));
        }
    }
    said
}

/// What the record shows to have gone as it should.
pub(super) fn went_well(book: &mut Book, moments: &Moments, runs: &[Told<'_>]) -> Vec<Said> {
    let mut said = Vec::new();
    if let (Some(true), Some((mitigated, _)), Some(target)) =
        (moments.met_target(), &moments.mitigated, moments.target_s)
    {
        let text = format!("the impact stopped within the target of {}", for_people(u64::from(target)));
        said.push(book.say(text, &[moments.detected.event, mitigated.event, moments.severity]));
    }
    for told in runs.iter().filter(|told| !told.run.unasked && told.run.status == Status::Succeeded) {
        let verdicts = || {
            told.events.iter().filter_map(|envelope| match &envelope.event {
                RunEvent::CommandEnded { verdicts, .. } => Some((place(envelope), verdicts)),
                _ => None,
            })
        };
        let all_pass =
            verdicts().all(|(_, verdicts)| verdicts.iter().all(|one| one.outcome == Outcome::Pass));
        if all_pass && verdicts().next().is_some() {
            let evidence: Vec<_> = verdicts().map(|(event, _)| event).chain(told.ended).collect();
            let text = format!("every expectation of {} was met", md(&told.run.plan.runbook));
            said.push(book.say(text, &evidence));
        }
    }
    said
}

/// What the record shows to have gone wrong.
pub(super) fn went_wrong(
    book: &mut Book,
    moments: &Moments,
    events: &[Envelope<IncidentEvent>],
    runs: &[Told<'_>],
) -> Vec<Said> {
    let mut said = Vec::new();
    if let Some((text, evidence)) = missed_target(moments, events) {
        said.push(book.say(text, &evidence));
    }
    for envelope in events {
        if matches!(
            envelope.event,
            IncidentEvent::DeliveryFailed { .. }
                | IncidentEvent::TriageFailed { .. }
                | IncidentEvent::ResolveHeld { .. }
                | IncidentEvent::Reopened { .. }
                | IncidentEvent::Unacknowledged
        ) {
            said.push(book.say(words::incident_event(&envelope.event), &[place(envelope)]));
        }
    }
    for told in runs {
        let name = md(&told.run.plan.runbook);
        for envelope in told.events {
            let wrong = matches!(
                envelope.event,
                RunEvent::ApprovalRefused { .. }
                    | RunEvent::ApprovalExpired
                    | RunEvent::CommandInDoubt { .. }
                    | RunEvent::CommandNotStarted { .. }
                    | RunEvent::Failed { .. }
                    | RunEvent::UndoFailed { .. }
            );
            if let (true, Some(text)) = (wrong, words::run_event(told.run, &envelope.event)) {
                said.push(book.say(format!("{name}: {text}"), &[place(envelope)]));
            }
        }
    }
    said
}

/// The missed target, by the measured time or by the timer that said so.
fn missed_target(moments: &Moments, events: &[Envelope<IncidentEvent>]) -> Option<(String, Vec<EventRef>)> {
    let timer = events
        .iter()
        .rfind(|envelope| matches!(envelope.event, IncidentEvent::TargetMissed { .. }))
        .map(|envelope| (envelope, place(envelope)));
    match (moments.met_target(), &moments.mitigated, moments.target_s) {
        (Some(false), Some((mitigated, _)), Some(target)) => {
            let text =
                format!("the impact did not stop within the target of {}", for_people(u64::from(target)));
            let mut evidence = vec![moments.detected.event, mitigated.event, moments.severity];
            evidence.extend(timer.map(|(_, event)| event));
            Some((text, evidence))
        }
        _ => timer.map(|(envelope, event)| (words::incident_event(&envelope.event), vec![event])),
    }
}

/// What is left to do. Owners and dates that nobody set stay open.
pub(super) fn actions(
    book: &mut Book,
    moments: &Moments,
    events: &[Envelope<IncidentEvent>],
    runs: &[Told<'_>],
    review_due: Option<DateTime<Utc>>,
) -> Vec<ActionRow> {
    let mut rows = Vec::new();
    let mut add = |text: String, owner: Option<String>, due: Option<DateTime<Utc>>, evidence: &[EventRef]| {
        let refs = book.cite(&text, evidence);
        rows.push(ActionRow { text, owner, due: due.map(full), refs });
    };
    if let (Some(due), Some((resolved, _))) = (review_due, &moments.resolved) {
        let owner = moments.commander.as_ref();
        let mut evidence = vec![resolved.event];
        evidence.extend(owner.map(|(_, _, event)| *event));
        let owner = owner.map(|(who, _, _)| md(&who.to_string()));
        add("hold the review".to_owned(), owner, Some(due), &evidence);
    }
    for (item, evidence) in asked_for(events) {
        let done = if item.done { " (done)" } else { "" };
        let refs = book.cite(&item.text, &evidence);
        let owner = item.owner.map(md);
        let due = item.due.map(|due| due.to_string());
        rows.push(ActionRow { text: format!("{}{done}", item.text), owner, due, refs });
    }
    let mut add = |text: String, owner: Option<String>, due: Option<DateTime<Utc>>, evidence: &[EventRef]| {
        let refs = book.cite(&text, evidence);
        rows.push(ActionRow { text, owner, due: due.map(full), refs });
    };
    for told in runs.iter().filter(|told| told.acted()) {
        let ended_at = told.ended.and(told.run.ended_at);
        for step in &told.run.plan.steps {
            let Some(due_s) = step.due_s else { continue };
            let items: Vec<_> = step.manual_items.iter().map(|item| md(&item.text)).collect();
            let what = if items.is_empty() { String::new() } else { format!(": {}", items.join("; ")) };
            let due = ended_at.and_then(|at| at.checked_add_signed(Duration::seconds(i64::from(due_s))));
            add(
                format!("{}{what} (of {})", md(&step.title), md(&told.run.plan.runbook)),
                None,
                due,
                &told.frame(),
            );
        }
    }
    if let Some((_, evidence)) = missed_target(moments, events) {
        add("find out why the target was missed".to_owned(), None, None, &evidence);
    }
    for told in runs {
        for (unit, event) in told.in_doubt() {
            let text = format!("find out whether {} happened", words::command(told.run, unit));
            add(text, None, None, &[event]);
        }
        if let (Status::UndoFailed { .. }, Some(ended)) = (&told.run.status, told.ended) {
            add(format!("look at {}: its undo failed", md(&told.run.plan.target)), None, None, &[ended]);
        }
    }
    for envelope in events {
        if let IncidentEvent::DeliveryFailed { what, .. } = &envelope.event {
            let text = format!("find out why {} could not be delivered", md(what));
            add(text, None, None, &[place(envelope)]);
        }
    }
    rows
}

/// An action that somebody put on the record.
struct Asked<'a> {
    number: u32,
    text: String,
    owner: Option<&'a str>,
    due: Option<NaiveDate>,
    done: bool,
}

/// These, each with the events that it rests on.
fn asked_for(events: &[Envelope<IncidentEvent>]) -> Vec<(Asked<'_>, Vec<EventRef>)> {
    let mut items: Vec<(Asked<'_>, Vec<EventRef>)> = Vec::new();
    for envelope in events {
        match &envelope.event {
            IncidentEvent::ActionAdded { number, text, owner, due } => {
                let item = Asked {
                    number: *number,
                    text: md(text),
                    owner: owner.as_deref(),
                    due: *due,
                    done: false,
                };
                items.push((item, vec![place(envelope)]));
            }
            IncidentEvent::ActionDone { number } => {
                if let Some((item, evidence)) = items.iter_mut().find(|(item, _)| item.number == *number) {
                    item.done = true;
                    evidence.push(place(envelope));
                }
            }
            _ => {}
        }
    }
    items
}
