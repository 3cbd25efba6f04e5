//! The shapes of PagerDuty's JSON: references, webhook envelopes, REST objects.
//! Source: PagerDuty's webhook overview and its published OpenAPI document.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::account::{Account, Agent, Incident, LogEntry, Note, Status, Webhook};
use crate::clock::{iso, iso_seconds};
use crate::ids;

const API: &str = "https://api.pagerduty.com";
const SITE: &str = "https://sandbox.pagerduty.com";
const POLICY: &str = "PESCAL1";

/// A reference to something: `kind` is singular (`user`), the URL's word plural.
fn reference(kind: &str, plural: &str, id: &str, summary: &str) -> Value {
    json!({
        "id": id,
        "type": format!("{kind}_reference"),
        "summary": summary,
        "self": format!("{API}/{plural}/{id}"),
        "html_url": format!("{SITE}/{plural}/{id}"),
    })
}

pub(super) fn user_ref(account: &Account, id: &str) -> Value {
    reference("user", "users", id, account.user(id).map_or("", |u| &u.name))
}

fn service_ref(account: &Account, id: &str) -> Value {
    reference("service", "services", id, account.service(id).map_or("", |s| &s.name))
}

pub(super) fn incident_ref(incident: &Incident) -> Value {
    reference("incident", "incidents", &incident.id, &incident.title)
}

fn policy_ref() -> Value {
    reference("escalation_policy", "escalation_policies", POLICY, "Default")
}

fn priority_ref(account: &Account, id: Option<&str>) -> Value {
    match id.and_then(|id| account.priority(id)) {
        Some(p) => json!({
            "id": p.id,
            "type": "priority_reference",
            "summary": p.name,
            "self": format!("{API}/priorities/{}", p.id),
            "html_url": format!("{SITE}/account/settings/incidents"),
        }),
        None => Value::Null,
    }
}

pub(super) fn agent(account: &Account, agent: &Agent) -> Value {
    match agent {
        Agent::User(id) => user_ref(account, id),
        Agent::Service(id) => service_ref(account, id),
    }
}

fn bridge(incident: &Incident) -> Value {
    incident
        .bridge
        .as_ref()
        .map_or(Value::Null, |url| json!({"conference_number": null, "conference_url": url}))
}

fn resolve_reason(account: &Account, incident: &Incident) -> Value {
    let other = incident.merged_into.as_deref().and_then(|id| account.position(id));
    other.map_or(
        Value::Null,
        |at| json!({"type": "merge_resolve_reason", "incident": incident_ref(&account.incidents[at])}),
    )
}

/// `data` of the webhooks about an incident itself. It has no description, no alerts and no log: those need REST.
pub(super) fn incident_webhook(account: &Account, incident: &Incident) -> Value {
    json!({
        "id": incident.id,
        "type": "incident",
        "self": format!("{API}/incidents/{}", incident.id),
        "html_url": format!("{SITE}/incidents/{}", incident.id),
        "number": incident.number,
        "status": incident.status.word(),
        "incident_key": incident.key,
        "created_at": iso_seconds(incident.created),
        "reopened_at": null,
        "title": incident.title,
        "service": service_ref(account, &incident.service),
        "assignees": incident.assignees.iter().map(|u| user_ref(account, u)).collect::<Vec<_>>(),
        "escalation_policy": policy_ref(),
        "teams": [],
        "priority": priority_ref(account, incident.priority.as_deref()),
        "urgency": incident.urgency,
        "conference_bridge": bridge(incident),
        "resolve_reason": resolve_reason(account, incident),
        "incident_type": {"name": "incident_default"},
    })
}

/// `data` of `incident.annotated`: here the incident is a reference.
pub(super) fn note_webhook(incident: &Incident, note: &Note) -> Value {
    json!({
        "incident": incident_ref(incident),
        "id": note.id,
        "content": note.content,
        "trimmed": false,
        "type": "incident_note",
    })
}

/// The envelope, and the ids of the delivery.
pub(super) fn webhook(
    account: &Account,
    event_type: &str,
    by: Option<&Agent>,
    data: &Value,
    incident: &str,
    now: DateTime<Utc>,
) -> Webhook {
    let event_id = format!("01{}", ids::upper(24));
    let resource = event_type.split('.').next().unwrap_or_default();
    let envelope = json!({"event": {
        "id": event_id,
        "event_type": event_type,
        "resource_type": resource,
        "occurred_at": iso(now),
        "agent": by.map_or(Value::Null, |a| agent(account, a)),
        "client": null,
        "data": data,
    }});
    Webhook {
        event_id,
        webhook_id: ids::uuid(),
        event_type: event_type.to_owned(),
        incident: incident.to_owned(),
        body: envelope.to_string(),
        target: None,
    }
}

/// The ping that `POST /webhook_subscriptions/{id}/ping` causes; its agent is a bare reference.
pub(super) fn ping(account: &Account, user: &str, now: DateTime<Utc>) -> Webhook {
    let data = json!({"message": "Hello from your friend Pagey!", "type": "ping"});
    let mut webhook = webhook(account, "pagey.ping", None, &data, "ping", now);
    let mut envelope: Value = serde_json::from_str(&webhook.body).unwrap_or(Value::Null);
    envelope["event"]["agent"] = json!({"id": user, "type": "user_reference"});
    webhook.body = envelope.to_string();
    webhook
}

/// An incident as REST shows it.
pub(super) fn incident(account: &Account, incident: &Incident) -> Value {
    let assignments: Vec<Value> = incident
        .assignees
        .iter()
        .map(|u| json!({"at": iso_seconds(incident.created), "assignee": user_ref(account, u)}))
        .collect();
    let acknowledgements: Vec<Value> = incident
        .acknowledgers
        .iter()
        .map(|(u, at)| json!({"at": iso_seconds(*at), "acknowledger": user_ref(account, u)}))
        .collect();
    let changes_status = ["trigger", "acknowledge", "unacknowledge", "resolve"];
    let last_change = incident.log.iter().rev().find(|l| changes_status.contains(&l.kind));
    let counts = |status: &str| incident.alerts.iter().filter(|a| a["status"] == status).count();
    json!({
        "id": incident.id,
        "type": "incident",
        "summary": format!("[#{}] {}", incident.number, incident.title),
        "self": format!("{API}/incidents/{}", incident.id),
        "html_url": format!("{SITE}/incidents/{}", incident.id),
        "incident_number": incident.number,
        "title": incident.title,
        "description": incident.title,
        "created_at": iso_seconds(incident.created),
        "updated_at": iso_seconds(incident.updated),
        "resolved_at": incident.resolved.map(iso_seconds),
        "status": incident.status.word(),
        "incident_key": incident.key,
        "service": service_ref(account, &incident.service),
        "assignments": assignments,
        "assigned_via": "escalation_policy",
        "acknowledgements": acknowledgements,
        // of one that is neither acknowledged nor resolved PagerDuty gives `updated_at`
        "last_status_change_at": match (incident.status, last_change) {
            (Status::Acknowledged | Status::Resolved, Some(change)) => iso_seconds(change.at),
            _ => iso_seconds(incident.updated),
        },
        "last_status_change_by": last_change.map(|l| agent(account, &l.agent)),
        "first_trigger_log_entry": incident.log.first().map(|l| reference("trigger_log_entry", "log_entries", &l.id, &l.summary)),
        "escalation_policy": policy_ref(),
        "teams": [],
        "pending_actions": [],
        "alert_grouping": null,
        "is_mergeable": true,
        "incidents_responders": account.responders(&incident.responders),
        "responder_requests": [],
        "subscriber_requests": [],
        "priority": priority_ref(account, incident.priority.as_deref()),
        "urgency": incident.urgency,
        "conference_bridge": bridge(incident),
        "resolve_reason": resolve_reason(account, incident),
        "alert_counts": {"all": incident.alerts.len(), "triggered": counts("triggered"), "resolved": counts("resolved")},
        "body": {"type": "incident_body", "details": incident.details},
        "incident_type": {"name": "incident_default"},
    })
}

pub(super) fn note(account: &Account, note: &Note) -> Value {
    json!({
        "id": note.id,
        "user": user_ref(account, &note.user),
        "channel": {"summary": "The PagerDuty website or APIs"},
        "content": note.content,
        "created_at": iso_seconds(note.at),
    })
}

pub(super) fn log_entry(account: &Account, incident: &Incident, entry: &LogEntry) -> Value {
    json!({
        "id": entry.id,
        "type": format!("{}_log_entry", entry.kind),
        "summary": entry.summary,
        "self": format!("{API}/log_entries/{}", entry.id),
        "html_url": null,
        "created_at": iso_seconds(entry.at),
        "agent": agent(account, &entry.agent),
        "channel": {"type": "api"},
        "service": service_ref(account, &incident.service),
        "incident": incident_ref(incident),
        "teams": [],
        "contexts": [],
    })
}

pub(super) fn users(account: &Account) -> Vec<Value> {
    account
        .config
        .users
        .iter()
        .map(|u| {
            let mut user = user_ref(account, &u.id);
            user["type"] = json!("user");
            user["name"] = json!(u.name);
            user["email"] = json!(u.email);
            user["time_zone"] = json!("Etc/UTC");
            user["role"] = json!("user");
            user["teams"] = json!([]);
            user
        })
        .collect()
}

pub(super) fn services(account: &Account) -> Vec<Value> {
    account
        .config
        .services
        .iter()
        .map(|s| {
            let mut service = service_ref(account, &s.id);
            let open = account.incidents.iter().any(|i| i.service == s.id && i.status != Status::Resolved);
            service["type"] = json!("service");
            service["name"] = json!(s.name);
            service["description"] = Value::Null;
            service["status"] = json!(if open { "critical" } else { "active" });
            service["created_at"] = json!(iso_seconds(account.created));
            service["auto_resolve_timeout"] = json!(14_400);
            service["acknowledgement_timeout"] = json!(1_800);
            service["escalation_policy"] = policy_ref();
            service["incident_urgency_rule"] = json!({"type": "constant", "urgency": "severity_based"});
            service["teams"] = json!([]);
            service
        })
        .collect()
}

pub(super) fn priorities(account: &Account) -> Vec<Value> {
    account
        .config
        .priorities
        .iter()
        .enumerate()
        .map(|(order, p)| {
            json!({
                "id": p.id, "type": "priority", "summary": p.name, "name": p.name, "description": "",
                "self": format!("{API}/priorities/{}", p.id), "html_url": null, "order": order, "color": "a8171c",
            })
        })
        .collect()
}

/// The escalation policy's levels: every user, in order, with no end. A user is a reference, which has no e-mail, unless whole
/// users are asked for.
pub(super) fn oncalls(account: &Account, with_users: bool) -> Vec<Value> {
    let whole = users(account);
    let user = |id: &str| match whole.iter().find(|one| with_users && one["id"] == id) {
        Some(user) => user.clone(),
        None => user_ref(account, id),
    };
    account
        .config
        .users
        .iter()
        .enumerate()
        .map(|(level, u)| {
            json!({
                "escalation_policy": policy_ref(),
                "escalation_level": level + 1,
                "schedule": null,
                "user": user(&u.id),
                "start": null,
                "end": null,
            })
        })
        .collect()
}
