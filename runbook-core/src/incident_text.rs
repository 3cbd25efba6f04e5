//! An incident as text: how it stands, what somebody who joins now needs, what makes sense to type next.

use chrono::{DateTime, Utc};

use crate::duration::for_people;
use crate::expectation::Outcome;
use crate::incident::{ActionItem, Incident, IncidentEvent, Status, Update, note_words};
use crate::journal::Envelope;
use crate::message::CardView;
use crate::people::Role;
use crate::run::Run;
use crate::view;

/// Lines of one kind in what somebody reads who has no time.
const FEW: usize = 3;
/// Characters of one line of it.
const LINE_MAX: usize = 240;

/// Roles beside the commander, one line for each role.
#[must_use]
pub fn roles(incident: &Incident) -> Vec<String> {
    [Role::CommunicationsLead, Role::Scribe, Role::Responder]
        .into_iter()
        .filter_map(|role| {
            let held = incident.roles.iter().filter(|(known, _)| *known == role);
            let names: Vec<String> = held.map(|(_, who)| who.to_string()).collect();
            (!names.is_empty()).then(|| format!("{}: {}", role.words(), names.join(", ")))
        })
        .collect()
}

pub(crate) fn update_line(update: &Update) -> String {
    format!("{} by {}: {}", clock(update.at), update.by, update.text)
}

/// What the card says, as text. `now` tells how much of its times is left.
#[must_use]
pub fn status(view: &CardView, now: DateTime<Utc>) -> String {
    let mut lines = vec![
        format!("{} {} {}: {}", view.severity, view.number, view.status, view.title),
        format!("service {}{}", view.service, phase(view)),
        target(view, now),
        format!("commander: {}", view.commander.as_deref().unwrap_or("nobody yet")),
    ];
    lines.extend(view.ended.iter().map(|ended| format!("ended: {ended}")));
    lines.extend(view.private.then(|| "private: nothing of it stands in a public channel".to_owned()));
    lines.extend(view.roles.iter().cloned());
    lines.extend(view.bridge.iter().map(|bridge| format!("bridge: {bridge}")));
    lines.extend((!view.dial.is_empty()).then(|| format!("call: {}", view.dial.join(", "))));
    lines.extend(view.update.iter().map(|update| format!("last update: {update}")));
    lines.extend(view.update_due.map(|due| next_update(due, now)));
    lines.extend(view.reminders.iter().map(|reminders| format!("reminders: {reminders}")));
    if let Some(alerts) = &view.alerts {
        lines.push(format!("alerts: {} ({})", alerts.count, alerts.sources.join(", ")));
        lines.extend(alerts.shown.iter().map(|shown| format!("  {shown}:")));
        lines.extend(alerts.first.iter().map(|first| format!("  {first}")));
        lines.extend(alerts.links.iter().map(|(what, url)| format!("  {what}: {url}")));
        lines.extend(alerts.damped.iter().map(|damped| format!("  comes and goes, and is damped: {damped}")));
    }
    lines.extend(view.triage.iter().map(|triage| format!("diagnostics: {triage}")));
    lines.extend(view.evidence.iter().map(|line| {
        let detail = if line.detail.is_empty() { String::new() } else { format!(" ({})", line.detail) };
        format!("  {}: {}{detail}", view::outcome_word(line.outcome), line.title)
    }));
    lines.extend(view.changes.iter().map(|change| format!("changed: {change}")));
    lines.extend(view.runs.iter().map(|run| format!("run: {run}")));
    lines.extend(view.suggestions.iter().map(|next| format!("next: {next}")));
    joined(&lines)
}

/// What somebody needs who joins now, in about a dozen lines.
#[must_use]
pub fn catch_up(
    incident: &Incident,
    events: &[Envelope<IncidentEvent>],
    runs: &[Run],
    view: &CardView,
    now: DateTime<Utc>,
) -> String {
    let mut lines = vec![
        format!("{} {}: {}", view.number, view.severity, view.title),
        format!("{}{}, {} since it was detected", view.status, phase(view), since(incident.detected_at, now)),
        target(view, now),
        format!("commander: {}", view.commander.as_deref().unwrap_or("nobody yet; `/blocks ack` takes it")),
    ];
    lines.extend(view.ended.iter().map(|ended| format!("ended: {ended}")));
    lines.push(format!("known: {}", known(incident)));
    lines.extend(incident.changes.first().map(|change| format!("changed lately: {}", change.text)));
    lines.push(format!("done: {}", done(runs)));
    let waits = waits(runs);
    lines.push(if waits.is_empty() {
        "waits: for nobody".to_owned()
    } else {
        format!("waits: {}", few(&waits))
    });
    lines.extend(view.update.iter().map(|update| format!("people outside were told: {update}")));
    lines.extend(view.update_due.map(|due| next_update(due, now)));
    let notes = notes(events);
    lines.extend((!notes.is_empty()).then(|| format!("noted: {}", few(&notes))));
    let open: Vec<String> =
        incident.actions.iter().filter(|item| item.done_at.is_none()).map(action_line).collect();
    lines.extend((!open.is_empty()).then(|| format!("to do: {}", few(&open))));
    joined(&lines)
}

/// What makes sense to type next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Menu {
    /// A line for each, with what it does.
    pub text: String,
    /// Those that need nothing more, without the command's name: one press can type them.
    pub offers: Vec<String>,
}

/// What makes sense to type next, with what it does, the most useful first. `None`: no incident is meant here.
#[must_use]
pub fn menu(incident: Option<(&Incident, &[Run], Option<&str>)>, others: &[String]) -> Menu {
    let (mut lines, mut offers) = (Vec::new(), Vec::new());
    let mut add = |command: &str, means: &str| {
        lines.push(format!("`/blocks {command}`: {means}"));
        // what is written in capitals, or behind an @, has to be filled in
        let is_whole = |word: &str| !word.starts_with('@') && !word.chars().all(|c| c.is_ascii_uppercase());
        if command.split(' ').all(is_whole) {
            offers.push(command.to_owned());
        }
    };
    match incident {
        None => {
            add("declare TITLE", "opens an incident");
            add("incident list", "the open incidents");
            add("oncall", "whom to ask");
            add("runbook list", "the runbooks");
        }
        Some((incident, runs, rollback)) => {
            if !incident.status.is_open() {
                add("catch-up", "what happened");
                add("action list", "what is left to do");
                add("action add TEXT", "one thing more to do");
                add("reopen REASON", "it is not over");
                if incident.end.is_none() {
                    add("pir draft", "drafts the review again");
                }
            } else {
                if incident.commander.is_none() {
                    add("ack", "takes it: nobody commands yet");
                }
                for run in runs.iter().filter(|run| view::waits_for_people(run)).take(FEW) {
                    add(
                        &format!("runbook status {}", run.id),
                        &format!("{}: {}", run.plan.title, view::state_words(run)),
                    );
                }
                if incident.status < Status::Monitoring && rollback.is_some() {
                    add("runbook rollback", &format!("plans the rollback of {}", incident.service));
                }
                if incident.status == Status::Monitoring {
                    add("resolve", "it is over, and you have seen that it holds");
                }
                add("status", "how it stands");
                add("catch-up", "what you need when you join now");
                add("update TEXT", "what people outside are told");
                add("role commander @NAME", "passes command on");
                add("severity LEVEL", "changes the severity");
                if incident.status < Status::Monitoring {
                    add("not-an-incident REASON", "ends it without a review");
                }
            }
        }
    }
    add("help", "everything else");
    let head = match incident {
        Some((incident, ..)) => {
            format!(
                "{} {} {}: {}",
                incident.number,
                incident.severity,
                incident.status.word(),
                incident.title
            )
        }
        None if others.is_empty() => "No incident is open.".to_owned(),
        None => format!(
            "No single incident is meant here; open: {}. Name one, as in `/blocks status {}`.",
            others.join(", "),
            others.first().map_or("INC-1", String::as_str)
        ),
    };
    Menu { text: joined(&std::iter::once(head).chain(lines).collect::<Vec<_>>()), offers }
}

/// An action in one line.
#[must_use]
pub fn action_line(item: &ActionItem) -> String {
    let owner = item.owner.as_deref().unwrap_or("nobody yet");
    let due = item.due.map_or_else(|| "no date yet".to_owned(), |due| format!("due {due}"));
    let done = if item.done_at.is_some() { ", done" } else { "" };
    format!("{}. {} ({owner}, {due}{done})", item.number, item.text)
}

fn known(incident: &Incident) -> String {
    let unmet: Vec<String> = incident
        .evidence
        .iter()
        .filter(|line| line.outcome != Outcome::Pass)
        .map(|line| format!("{} ({})", line.title, view::verdict_text(&line.expected, &line.reason)))
        .collect();
    match (incident.triage, unmet.as_slice()) {
        (_, [_, ..]) => few(&unmet),
        (Some(triage), []) => format!("{} diagnostics ran, and nothing was amiss", triage.commands),
        (None, []) if incident.triage_impossible => {
            "the diagnostics could not start: nobody looked".to_owned()
        }
        (None, []) if incident.runs.iter().any(|run| run.triage) => "diagnostics are running".to_owned(),
        (None, []) => "nothing yet: no diagnostics ran".to_owned(),
    }
}

fn done(runs: &[Run]) -> String {
    let lines: Vec<String> = runs
        .iter()
        .rev()
        .filter(|run| !run.unasked)
        .map(|run| format!("{}: {}", run.plan.title, view::state_words(run)))
        .collect();
    if lines.is_empty() { "no runbook was run by people".to_owned() } else { few(&lines) }
}

fn waits(runs: &[Run]) -> Vec<String> {
    let waiting = runs.iter().filter(|run| view::waits_for_people(run));
    waiting
        .map(|run| {
            format!("{} {} (`/blocks runbook status {}`)", run.plan.title, view::state_words(run), run.id)
        })
        .collect()
}

/// Notes of people, the newest first.
fn notes(events: &[Envelope<IncidentEvent>]) -> Vec<String> {
    let text = |envelope: &Envelope<IncidentEvent>| match &envelope.event {
        IncidentEvent::NoteAdded { text, source: None } => {
            Some(format!("{} {}: {text}", clock(envelope.at), envelope.actor))
        }
        event => Some(format!("{} {}", clock(envelope.at), note_words(event)?)),
    };
    events.iter().rev().filter_map(text).collect()
}

/// The first few, and how many more there are.
fn few(lines: &[String]) -> String {
    let shown = lines.iter().take(FEW).cloned().collect::<Vec<_>>().join("; ");
    match lines.len().saturating_sub(FEW) {
        0 => shown,
        more => format!("{shown}; and {more} more"),
    }
}

fn phase(view: &CardView) -> String {
    view.phase.as_ref().map_or_else(String::new, |phase| format!(", should be in {phase}"))
}

pub(crate) fn target(view: &CardView, now: DateTime<Utc>) -> String {
    let detected = format!("detected {}", clock(view.detected_at));
    let ended = view.resolved_at.map_or_else(String::new, |at| format!(", over at {}", clock(at)));
    let allowed = view.target_s.map(i64::from);
    match (view.mitigated_at, allowed) {
        (Some(at), _) => {
            let of = allowed.map_or_else(String::new, |s| format!(" of {}", for_people(s.unsigned_abs())));
            format!("{detected}, mitigated after {}{of}{ended}", since(view.detected_at, at))
        }
        (None, Some(allowed)) if view.resolved_at.is_none() => {
            let due = view.detected_at + chrono::Duration::seconds(allowed);
            let left = view::until_target((due - now).num_milliseconds());
            format!("{detected}, mitigate by {}: {left}", clock(due))
        }
        _ => format!("{detected}{ended}"),
    }
}

fn next_update(due: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let span = for_people((due - now).num_seconds().unsigned_abs());
    if due < now {
        format!("update for people outside: was due at {}, {span} ago", clock(due))
    } else {
        format!("next update for people outside: by {}, in {span}", clock(due))
    }
}

fn since(from: DateTime<Utc>, to: DateTime<Utc>) -> String {
    for_people((to - from).num_seconds().max(0).unsigned_abs())
}

fn clock(at: DateTime<Utc>) -> String {
    at.format("%H:%M UTC").to_string()
}

/// Each line on one line, and no longer than a glance.
fn joined(lines: &[String]) -> String {
    let short = |line: &String| {
        let indent = if line.starts_with("  ") { "  " } else { "" };
        let folded = line.split_whitespace().collect::<Vec<_>>().join(" ");
        let cut = folded.chars().count() > LINE_MAX;
        let kept: String = folded.chars().take(LINE_MAX).collect();
        format!("{indent}{kept}{}", if cut { "…" } else { "" })
    };
    lines.iter().map(short).collect::<Vec<_>>().join("\n")
}
