//! What is said when somebody is asked: short, what to do, and the command that does it.

use chrono::{DateTime, Utc};

use super::look::{Look, missing_roles};
use super::topic::Topic;
use crate::duration::for_people;
use crate::incident::state::Incident;
use crate::people::{Actor, Role};

/// The message about a topic.
pub(super) fn text(state: &Incident, look: &Look, about: &Topic, now: DateTime<Utc>) -> String {
    let number = state.number;
    let since = for_people((now - state.detected_at).num_minutes().max(0).unsigned_abs() * 60);
    let severity = &state.severity;
    let said = match about {
        Topic::Approval { run, .. } => {
            let (title, what) = of_run(look, about);
            format!(
                "{title} ({what}) waits for your yes: its plan is above, and `/blocks runbook status {run}` shows it."
            )
        }
        Topic::Question { run, .. } => {
            let (title, what) = of_run(look, about);
            format!("{title} waits for an answer: {what} `/blocks runbook status {run}` shows what is known.")
        }
        Topic::RollbackRequested { number } => {
            let index = usize::try_from(*number).ok().and_then(|number| number.checked_sub(1));
            let request = index.and_then(|index| state.reminders.rollback_requests.get(index));
            let (by, reason) = request.map_or_else(
                || ("somebody".to_owned(), String::new()),
                |request| (request.by.to_string(), format!(": {}", request.reason)),
            );
            format!("{by} asks for a rollback{reason}. {}", roll_back(state, look))
        }
        Topic::RollbackAtStake => {
            format!(
                "data or security may be at stake (`{}`). {}",
                plain(&state.title),
                roll_back(state, look)
            )
        }
        Topic::RollbackOverdue => {
            format!("not mitigated {since} after detection. {}", roll_back(state, look))
        }
        Topic::MitigationFailed { run } => {
            let runbook = state.runs.iter().find(|link| link.run == *run).map(|link| link.runbook.as_str());
            let name = runbook.unwrap_or("a runbook");
            let of_run = format!("`/blocks runbook status {run}` shows why, and what can be done with it.");
            match look.rules.rollback.as_deref() {
                Some(rollback) if rollback != name => {
                    format!("{name} failed, the impact goes on. {} {of_run}", roll_back(state, look))
                }
                _ => format!("{name} failed, the impact goes on. {of_run}"),
            }
        }
        Topic::Commander => {
            format!("nobody commands yet, {since} after detection. `/blocks ack {number}` takes it.")
        }
        Topic::Target { target_s } => format!(
            "the {} to mitigate a {severity} have passed since detection. `/blocks status {number}` shows where it stands.",
            for_people(u64::from(*target_s))
        ),
        Topic::NoRunbook { .. } => without_runbook(state, look),
        Topic::Update => {
            let due = match &state.update {
                None => format!("nobody outside has been told anything, {since} after detection"),
                Some(update) => format!("people outside were told last at {}", update.at.format("%H:%M UTC")),
            };
            format!("{due}. `/blocks update TEXT` records what they are told.")
        }
        Topic::Severity => format!(
            "is it {severity}? Nobody has said so. `/blocks severity {severity} {number}` confirms it, another level changes it."
        ),
        Topic::Roles => {
            let missing = missing_roles(state);
            let words: Vec<&str> = missing.iter().map(|role| role.words()).collect();
            let commands: Vec<String> =
                missing.iter().map(|role| format!("`/blocks role {} @NAME`", typed(*role))).collect();
            format!("nobody is {}. {} gives it.", words.join(" or "), commands.join(" or "))
        }
    };
    format!("{number}: {said}")
}

fn of_run(look: &Look, about: &Topic) -> (String, String) {
    let waiting = look.waiting.iter().find(|waiting| waiting.topic == *about);
    waiting.map_or_else(
        || ("a run".to_owned(), String::new()),
        |waiting| (waiting.title.clone(), waiting.what.clone()),
    )
}

/// The decision, with what carries it out.
fn roll_back(state: &Incident, look: &Look) -> String {
    match look.rules.rollback {
        Some(_) => format!(
            "Roll back? `/blocks runbook rollback {}` plans it; nothing starts before it is approved.",
            state.service
        ),
        None => format!(
            "Roll back? {} names no rollback; `/blocks runbook list` shows what there is.",
            state.service
        ),
    }
}

fn without_runbook(state: &Incident, look: &Look) -> String {
    let is_first = !state.reminders.asked.keys().any(|topic| matches!(topic, Topic::NoRunbook { .. }));
    let names: Vec<String> = look.rules.without_runbook.iter().map(Actor::to_string).collect();
    let roles = look.rules.severity.as_ref().map(|severity| severity.ask_without_runbook.join(" and "));
    let roles = roles.unwrap_or_default();
    if !is_first {
        return format!(
            "no runbook is there to act with at {}: the question above is for you too.",
            state.service
        );
    }
    let whom = if names.is_empty() { "nobody in blocks.toml".to_owned() } else { names.join(" and ") };
    format!(
        "no runbook is there to act with at {} ({roles}: {whom}). What stops the impact? `/blocks runbook list` shows what there is, `/blocks timeline add TEXT` writes down what you know.",
        state.service
    )
}

fn typed(role: Role) -> &'static str {
    match role {
        Role::Commander => "commander",
        Role::CommunicationsLead => "communications",
        Role::Scribe => "scribe",
        Role::Responder => "responder",
    }
}

/// Outside text between our backticks.
fn plain(text: &str) -> String {
    text.replace('`', "'")
}

impl Topic {
    /// The topic in a few words, for the timeline.
    #[must_use]
    pub fn words(&self) -> &'static str {
        match self {
            Topic::Approval { .. } => "an approval",
            Topic::Question { .. } => "an answer to a run's question",
            Topic::RollbackRequested { .. } => "the rollback that somebody wants",
            Topic::RollbackAtStake => "a rollback, because data or security may be at stake",
            Topic::MitigationFailed { .. } => "what to do after a failed run",
            Topic::RollbackOverdue => "a rollback, because it lasts too long",
            Topic::Commander => "a commander",
            Topic::Target { .. } => "what to do after the target has passed",
            Topic::NoRunbook { .. } => "what to do without a runbook",
            Topic::Update => "an update for people outside",
            Topic::Severity => "the severity",
            Topic::Roles => "people for the missing roles",
        }
    }
}
