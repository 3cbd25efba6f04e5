//! What is said when somebody is asked: short, what to do, and the command that does it.

use chrono::{DateTime, Utc};

use super::look::{Look, missing_roles};
use super::topic::Topic;
use crate::duration::for_people;
use crate::ids::RunId;
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
            if look.waiting.iter().any(|waiting| waiting.topic == *about && waiting.who.is_empty()) {
                return format!("{number}: {title} ({what}) {}", nobody_may(state, *run));
            }
            format!(
                "{title} ({what}) waits for your yes: its plan is above, and `/blocks runbook status {run}` shows it."
            )
        }
        Topic::Question { run, .. } => {
            let (title, what) = of_run(look, about);
            format!("{title} waits for an answer: {what} `/blocks runbook status {run}` shows what is known.")
        }
        Topic::RollbackRequested { number } => {
            format!("{}. {}", requests(state, *number), roll_back(state, look))
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
        Topic::NoRunbook { .. } => without_runbook(state, look, about),
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

/// Who asked for a rollback since whoever decides was last asked about it, and why.
fn requests(state: &Incident, last: u32) -> String {
    let earlier = state.reminders.asked.keys().filter_map(|topic| match topic {
        Topic::RollbackRequested { number } if *number < last => Some(*number),
        _ => None,
    });
    let index = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let (from, to) = (index(earlier.max().unwrap_or(0)), index(last));
    let all = state.reminders.rollback_requests.iter().take(to).skip(from);
    let each: Vec<_> = all.map(|request| format!("{}: {}", request.by, request.reason)).collect();
    match each.as_slice() {
        [] => "somebody asks for a rollback".to_owned(),
        [one] => format!("a rollback is asked for by {one}"),
        more => format!("a rollback is asked for by {}; {}", more.len(), more.join("; ")),
    }
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

/// A plan waits, and there is nobody to say yes to it.
fn nobody_may(state: &Incident, run: RunId) -> String {
    let mend = if state.private {
        "nobody who sees this private incident may give it: `/blocks role responder @NAME` lets somebody in"
    } else {
        "nobody may give it"
    };
    format!("waits for a yes, and {mend}. `/blocks runbook status {run}` shows why.")
}

fn without_runbook(state: &Incident, look: &Look, about: &Topic) -> String {
    let asked = &state.reminders.asked;
    let is_before = |at: &DateTime<Utc>| asked.get(about).is_none_or(|own| at < own);
    let mut others =
        asked.iter().filter(|(topic, _)| matches!(topic, Topic::NoRunbook { .. }) && *topic != about);
    let is_first = !others.any(|(_, at)| is_before(at));
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
