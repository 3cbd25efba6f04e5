//! What PagerDuty tells of an incident beside its own life: who is asked, what was agreed, what somebody's automation did.
//!
//! Most of it changes nothing here and belongs on the record, in one line that says what there was to say.

use runbook_core::ports::{Answer, PagerEventKind};
use serde_json::Value;

use crate::translate::{CUT, filled};
use crate::wire::{ConferenceNumber, Data, Field, Reference, RoleAssignment};

/// The longest line that is made of what others wrote, in characters.
const MAX_LINE: usize = 1_000;

/// What an event of this type means for its incident; `None` where the type is none of these.
pub(crate) fn told(event_type: &str, data: &Data) -> Option<PagerEventKind> {
    let line = |what: &str, text: Option<String>| PagerEventKind::Told {
        what: what.to_owned(),
        text: filled(text).map(cut),
    };
    let state = || filled(data.state.clone());
    Some(match event_type {
        "incident.reassigned" => line("reassigned", to(&data.assignees)),
        "incident.delegated" => line("delegated", policy(data)),
        "incident.escalated" => line("escalated", both(to(&data.assignees), policy(data))),
        "incident.incident_type.changed" => {
            line("its type changed", data.incident_type.as_ref().and_then(|kind| kind.name.clone()))
        }
        "incident.custom_field_values.updated" => line("fields changed", fields(data)),
        "incident.role.assigned" => line("a role changed", roles(&data.incident_role_assignments)),
        "incident.task.created" => line("a task was added", task(data)),
        "incident.task.updated" => line("a task changed", task(data)),
        "incident.task.completed" => line("a task is done", task(data)),
        "incident.workflow.started" => line("a workflow started", workflow(data)),
        "incident.workflow.completed" => line("a workflow ended", workflow(data)),
        "incident.action_invocation.created" => line("an action was invoked", name(data.action.as_ref())),
        "incident.action_invocation.updated" => {
            line("an action goes on", both(name(data.action.as_ref()), state()))
        }
        "incident.action_invocation.terminated" => {
            line("an action ended", both(name(data.action.as_ref()), state()))
        }
        "incident.responder.added" => responder(data, Answer::Asked),
        "incident.responder.replied" => responder(
            data,
            match data.state.as_deref() {
                Some("accepted" | "joined") => Answer::Comes,
                Some("declined") => Answer::Declines,
                _ => Answer::Asked,
            },
        ),
        "incident.conference_bridge.updated" => PagerEventKind::BridgeChanged {
            url: filled(data.conference_url.clone()),
            numbers: data.conference_numbers.iter().filter_map(number).map(cut).collect(),
        },
        "incident.status_update_published" => {
            let mut text = cut(data.message.clone().unwrap_or_default());
            if data.trimmed == Some(true) {
                text.push_str(CUT);
            }
            PagerEventKind::UpdateGiven { text }
        }
        _ => return None,
    })
}

/// Whether an event of this type carries the incident itself.
pub(crate) fn carries_incident(event_type: &str) -> bool {
    matches!(
        event_type,
        "incident.reassigned"
            | "incident.delegated"
            | "incident.escalated"
            | "incident.incident_type.changed"
    )
}

/// The incident to which an event refers.
pub(crate) fn about(data: &mut Data) -> Option<Reference> {
    let of_roles = || data.incident_role_assignments.iter_mut().find_map(|one| one.incident.take());
    data.incident.take().or_else(of_roles)
}

fn responder(data: &Data, answer: Answer) -> PagerEventKind {
    let (id, user) =
        data.user.as_ref().map_or((None, None), |user| (filled(user.id.clone()), name(Some(user))));
    PagerEventKind::Responder {
        id,
        name: user.or_else(|| policy(data)).map(cut),
        answer,
        message: filled(data.message.clone()).map(|text| cut(text.trim().to_owned())),
    }
}

fn name(of: Option<&Reference>) -> Option<String> {
    of.and_then(|of| filled(of.summary.clone()).or_else(|| filled(of.id.clone())))
}

fn to(people: &[Reference]) -> Option<String> {
    let names: Vec<_> = people.iter().filter_map(|one| name(Some(one))).collect();
    (!names.is_empty()).then(|| format!("to {}", names.join(", ")))
}

fn policy(data: &Data) -> Option<String> {
    name(data.escalation_policy.as_ref()).map(|policy| format!("by the escalation policy {policy}"))
}

fn both(first: Option<String>, second: Option<String>) -> Option<String> {
    match (first, second) {
        (Some(first), Some(second)) => Some(format!("{first}, {second}")),
        (first, second) => first.or(second),
    }
}

/// The changed fields as they are now, each with what it was.
fn fields(data: &Data) -> Option<String> {
    let is = |field: &Field| {
        data.custom_fields
            .iter()
            .find(|now| now.id == field.id && now.name == field.name)
            .map(|now| value(&now.value))
    };
    let line = |before: &Field| {
        let name = filled(before.name.clone())?;
        Some(format!("{name}: {} (was {})", is(before).unwrap_or_else(nothing), value(&before.value)))
    };
    let lines: Vec<_> = data.changed_custom_fields.iter().filter_map(line).collect();
    (!lines.is_empty()).then(|| lines.join("; "))
}

fn nothing() -> String {
    "nothing".to_owned()
}

/// A field's value as a person reads it.
fn value(of: &Value) -> String {
    match of {
        Value::Null => nothing(),
        Value::String(text) if text.is_empty() => nothing(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => nothing(),
        Value::Array(items) => items.iter().map(value).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

fn roles(assignments: &[RoleAssignment]) -> Option<String> {
    let line = |one: &RoleAssignment| {
        let role = name(one.role.as_ref())?;
        let now = name(one.assignee.as_ref()).unwrap_or_else(|| "nobody".to_owned());
        let before = name(one.old_assignee.as_ref()).map(|before| format!(" (was {before})"));
        Some(format!("{role}: {now}{}", before.unwrap_or_default()))
    };
    let lines: Vec<_> = assignments.iter().filter_map(line).collect();
    (!lines.is_empty()).then(|| lines.join("; "))
}

fn task(data: &Data) -> Option<String> {
    let status = filled(data.status.clone()).map(|status| format!("now {status}"));
    both(both(filled(data.name.clone()), status), to(&data.assignees))
}

fn workflow(data: &Data) -> Option<String> {
    both(name(data.incident_workflow.as_ref()), filled(data.summary.clone()))
}

fn number(of: &ConferenceNumber) -> Option<String> {
    let number = match &of.number {
        Value::String(text) => filled(Some(text.clone()))?,
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    Some(match filled(of.label.clone()) {
        Some(label) => format!("{label}: {number}"),
        None => number,
    })
}

fn cut(text: String) -> String {
    match text.char_indices().nth(MAX_LINE) {
        Some((end, _)) => format!("{}{CUT}", &text[..end]),
        None => text,
    }
}
