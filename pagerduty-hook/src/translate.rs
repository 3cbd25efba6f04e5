//! What a stored webhook means.

use chrono::{DateTime, Utc};
use runbook_core::ports::{
    CallPage, InboxItem, PAGE_KEY_PREFIX, PagerEvent, PagerEventKind, PagerIncident, Signal, Translated,
    Translator,
};

use crate::SOURCE;
use crate::told::{about, carries_incident, told};
use crate::wire::{Data, Envelope, Event, Reference, ResolveReason};

/// Turns PagerDuty's v3 webhooks into signals. Pure: the same item always means the same.
#[derive(Debug, Clone, Copy, Default)]
pub struct PagerDutyTranslator;

impl Translator for PagerDutyTranslator {
    fn source(&self) -> &'static str {
        SOURCE
    }

    /// Every event type is understood; those of incidents become signals, all others (of services, a ping, types that
    /// PagerDuty adds later) are kept as ignored.
    fn translate(&self, item: &InboxItem) -> Translated {
        match read(&item.body) {
            Ok(event) => meaning(event, item.received_at),
            Err(reason) => Translated::Unreadable { reason },
        }
    }
}

/// The longest event type that is repeated in what we keep, in characters.
const MAX_KIND: usize = 100;

/// Somebody has it.
const ACKNOWLEDGED: &str = "incident.acknowledged";

/// The reason of a resolution that is a merge.
const MERGED: &str = "merge_resolve_reason";

/// Marks a text that was cut: by PagerDuty for its webhook, or here.
pub(crate) const CUT: &str = " [...]";

fn read(body: &[u8]) -> Result<Event, String> {
    let value: serde_json::Value =
        serde_json::from_slice(body).map_err(|error| format!("the body is not json: {error}"))?;
    if !value.is_object() {
        return Err("the body is not a json object".to_owned());
    }
    let is_v2 = value.get("messages").is_some();
    let envelope: Envelope =
        serde_json::from_value(value).map_err(|error| format!("the body is not an envelope: {error}"))?;
    envelope.event.ok_or_else(|| {
        let hint = if is_v2 { "; it looks like a v2 webhook, use a v3 webhook subscription" } else { "" };
        format!("the body has no event object{hint}")
    })
}

fn meaning(event: Event, received_at: DateTime<Utc>) -> Translated {
    let Some(event_type) = filled(event.event_type) else {
        return Translated::Unreadable { reason: "the event has no event_type".to_owned() };
    };
    let data = event.data.unwrap_or_default();
    // a page that Blocks itself made is about an incident that is there already
    let ours = data.incident_key.as_deref().filter(|key| key.starts_with(PAGE_KEY_PREFIX));
    let answered = ours.and_then(CallPage::of_key).filter(|_| event_type == ACKNOWLEDGED);
    if ours.is_some() && answered.is_none() {
        return Translated::Ignored { kind: format!("{event_type} of a page by blocks") };
    }
    let read = match event_type.as_str() {
        "incident.triggered" => incident(PagerEventKind::Triggered, data),
        ACKNOWLEDGED => match answered {
            Some(page) => incident(PagerEventKind::CallAnswered(page), data),
            None => incident(PagerEventKind::Acknowledged, data),
        },
        "incident.unacknowledged" => incident(PagerEventKind::Unacknowledged, data),
        "incident.resolved" => resolved(data),
        "incident.reopened" => incident(PagerEventKind::Reopened, data),
        "incident.priority_updated" => incident(PagerEventKind::PriorityChanged, data),
        "incident.service_updated" => incident(PagerEventKind::ServiceChanged, data),
        "incident.annotated" => note(data),
        other => match told(other, &data) {
            Some(kind) if carries_incident(other) => incident(kind, data),
            Some(kind) => referring(kind, data),
            None => return Translated::Ignored { kind: event_type.chars().take(MAX_KIND).collect() },
        },
    };
    let (kind, incident) = match read {
        Ok(read) => read,
        Err(missing) => return Translated::Unreadable { reason: format!("{event_type} without {missing}") },
    };
    let agent = event.agent.filter(is_user).unwrap_or_default();
    Translated::Signal(Signal::Pager(PagerEvent {
        kind,
        incident,
        agent_id: filled(agent.id),
        agent_name: filled(agent.summary),
        occurred_at: event.occurred_at.unwrap_or(received_at),
    }))
}

/// An event that carries the incident itself; the error names what is missing.
fn incident(kind: PagerEventKind, data: Data) -> Result<(PagerEventKind, PagerIncident), &'static str> {
    Ok((kind, PagerIncident::try_from(data)?))
}

impl TryFrom<Data> for PagerIncident {
    type Error = &'static str;

    /// The error names what is missing.
    fn try_from(data: Data) -> Result<PagerIncident, &'static str> {
        let (service_id, service_name) =
            data.service.map_or((None, None), |service| (filled(service.id), filled(service.summary)));
        let (priority_id, priority) =
            data.priority.map_or((None, None), |priority| (filled(priority.id), filled(priority.summary)));
        Ok(PagerIncident {
            id: filled(data.id).ok_or("the incident's id")?,
            url: filled(data.html_url),
            title: filled(data.title),
            service_id,
            service_name,
            priority,
            priority_id,
            high_urgency: data.urgency.as_deref().and_then(|urgency| match urgency {
                "high" => Some(true),
                "low" => Some(false),
                _ => None,
            }),
            created_at: data.created_at,
            key: filled(data.incident_key),
        })
    }
}

impl Data {
    /// The id of the incident that it was merged into; the reason is taken.
    pub(crate) fn merged_into(&mut self) -> Option<String> {
        match self.resolve_reason.take()? {
            ResolveReason { kind: Some(kind), incident: Some(target) } if kind == MERGED => filled(target.id),
            _ => None,
        }
    }
}

/// A merge comes as a resolution of the source with a reason that names the target. The target stays open.
fn resolved(mut data: Data) -> Result<(PagerEventKind, PagerIncident), &'static str> {
    let is_merged = data.resolve_reason.as_ref().is_some_and(|reason| reason.kind.as_deref() == Some(MERGED));
    let kind = match data.merged_into() {
        Some(other) => PagerEventKind::MergedInto { other },
        None if is_merged => return Err("the id of the incident it was merged into"),
        None => PagerEventKind::Resolved,
    };
    incident(kind, data)
}

/// A note: `data.id` is the note's own, the incident is a reference.
fn note(mut data: Data) -> Result<(PagerEventKind, PagerIncident), &'static str> {
    let reference = data.incident.take().ok_or("the incident's reference")?;
    let id = filled(data.id);
    let mut text = data.content.ok_or("the note's content")?;
    if data.trimmed == Some(true) {
        text.push_str(CUT);
    }
    Ok((PagerEventKind::Note { id, text }, of_reference(reference)?))
}

/// Something of an incident: `data.id` is its own, the incident is a reference.
fn referring(kind: PagerEventKind, mut data: Data) -> Result<(PagerEventKind, PagerIncident), &'static str> {
    Ok((kind, of_reference(about(&mut data).ok_or("the incident's reference")?)?))
}

fn of_reference(reference: Reference) -> Result<PagerIncident, &'static str> {
    Ok(PagerIncident {
        id: filled(reference.id).ok_or("the incident's id")?,
        url: filled(reference.html_url),
        title: filled(reference.summary),
        ..PagerIncident::default()
    })
}

/// `true` for a person of the account; services and integrations act too, and are nobody's id.
pub(crate) fn is_user(agent: &Reference) -> bool {
    matches!(agent.kind.as_deref(), Some("user_reference" | "user"))
}

/// Empty text says nothing.
pub(crate) fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests;
