//! The bodies of PagerDuty's v3 webhooks, as its documentation and samples have them; and what each says, in the words of a timeline.

use chrono::DateTime;
use serde_json::{Value, json};

use super::life::{Agent, Event, Life, Reply, What};

/// What only belongs on the record: the event's type, what is noted, and how.
pub(super) const TOLD: [(&str, &str); 14] = [
    ("incident.reassigned", "reassigned"),
    ("incident.delegated", "delegated"),
    ("incident.escalated", "escalated"),
    ("incident.incident_type.changed", "its type changed"),
    ("incident.custom_field_values.updated", "fields changed"),
    ("incident.role.assigned", "a role changed"),
    ("incident.task.created", "a task was added"),
    ("incident.task.updated", "a task changed"),
    ("incident.task.completed", "a task is done"),
    ("incident.workflow.started", "a workflow started"),
    ("incident.workflow.completed", "a workflow ended"),
    ("incident.action_invocation.created", "an action was invoked"),
    ("incident.action_invocation.updated", "an action goes on"),
    ("incident.action_invocation.terminated", "an action ended"),
];

/// What is about no incident, and whether anybody can read it.
pub(super) const APART: [(&str, bool); 10] = [
    ("service.created", true),
    ("service.updated", true),
    ("service.deleted", true),
    ("service.custom_field_values.updated", true),
    ("pagey.ping", true),
    ("incident.praised", true),       // a type that PagerDuty may add one day
    ("incident.triggered", true),     // of a page that Blocks made itself
    ("incident.annotated", false),    // without its text
    ("", false),                      // no event at all
    ("incident.acknowledged", false), // of an incident without an id
];

/// The text of what only belongs on the record.
pub(super) fn told_text(which: usize, x: u64) -> String {
    match which {
        0 => format!("to Turn {x}"),
        1 => format!("by the escalation policy Policy {x}"),
        2 => format!("to Turn {x}, by the escalation policy Policy {x}"),
        3 => format!("Type {x}"),
        4 => format!("region: {x} (was nothing)"),
        5 => format!("Scribe: Turn {x}"),
        6..=8 => format!("Task {x}, now todo"),
        9 | 10 => format!("Flow {x}, by hand"),
        11 => format!("Action {x}"),
        12 => format!("Action {x}, running"),
        _ => format!("Action {x}, done"),
    }
}

impl Event {
    /// Its type.
    pub(super) fn kind(&self) -> &'static str {
        match &self.what {
            What::Triggered => "incident.triggered",
            What::Acknowledged => "incident.acknowledged",
            What::Unacknowledged => "incident.unacknowledged",
            What::Resolved | What::Merged { .. } => "incident.resolved",
            What::Reopened => "incident.reopened",
            What::PriorityUpdated => "incident.priority_updated",
            What::ServiceUpdated => "incident.service_updated",
            What::Note { .. } => "incident.annotated",
            What::Responder { reply: Reply::Added, .. } => "incident.responder.added",
            What::Responder { .. } => "incident.responder.replied",
            What::Bridge { .. } => "incident.conference_bridge.updated",
            What::StatusUpdate { .. } => "incident.status_update_published",
            What::Told { which, .. } => TOLD.get(*which).map_or("", |(kind, _)| kind),
            What::Apart { which } => APART.get(*which).map_or("", |(kind, _)| kind),
        }
    }

    /// By which id it is told apart from all others: the event's own, or the delivery's where it has none.
    pub(super) fn message_id(&self) -> &str {
        match self.what {
            What::Apart { which: 8 } => &self.webhook,
            _ => &self.id,
        }
    }

    /// The request's body.
    pub(super) fn body(&self, life: &Life) -> String {
        if let What::Apart { which: 8 } = self.what {
            return json!({ "messages": [], "at": self.at, "n": self.webhook }).to_string();
        }
        let resource = match self.kind().split_once('.') {
            Some(("pagey", _)) => "pagey",
            Some(("service", _)) => "service",
            _ => "incident",
        };
        let event = json!({ "event": {
            "id": self.id,
            "event_type": self.kind(),
            "resource_type": resource,
            "occurred_at": time(self.at),
            "agent": agent(self.agent, self.service),
            "client": null,
            "data": self.data(life),
        } });
        event.to_string()
    }

    fn data(&self, life: &Life) -> Value {
        let of = |more: Value| {
            let mut data = json!({ "incident": reference(&life.pager, "incident_reference", &life.title) });
            merge(&mut data, more);
            data
        };
        let whole = |more: Value| {
            let mut data = self.incident(life);
            merge(&mut data, more);
            data
        };
        match &self.what {
            What::Note { id, text } => {
                of(json!({ "id": id, "content": text, "trimmed": false, "type": "incident_note" }))
            }
            What::Responder { who, reply } => of(json!({
                "user": agent(*who, self.service),
                "escalation_policy": null,
                "message": "Please come\n",
                "state": match reply { Reply::Added => "pending", Reply::Accepted => "accepted", Reply::Declined => "declined" },
                "type": "incident_responder",
            })),
            What::Bridge { url } => of(json!({
                "conference_numbers": [{ "label": "desk", "number": "+1 555 0100" }],
                "conference_url": url,
                "type": "incident_conference_bridge",
            })),
            What::StatusUpdate { text } => of(json!({
                "id": "PUPDATE", "message": text, "trimmed": false, "type": "incident_status_update",
            })),
            What::Merged { into } => whole(json!({ "resolve_reason": {
                "type": "merge_resolve_reason", "incident": reference(into, "incident_reference", "the other"),
            } })),
            What::Told { which, x } => self.told(life, *which, *x),
            What::Apart { which } => match which {
                0..=3 => json!({ "id": "PSHOP01", "type": "service", "summary": "shop" }),
                4 => json!({ "message": "Hello from your friend Pagey!", "type": "ping" }),
                6 => whole(json!({ "incident_key": format!("blocks/{}", self.id) })),
                7 => of(json!({ "id": "PNONE", "content": null, "type": "incident_note" })),
                9 => whole(json!({ "id": null })),
                _ => json!({ "id": "PPRAISE", "type": "incident_praise" }),
            },
            _ => whole(json!({})),
        }
    }

    /// The incident as it stands.
    fn incident(&self, life: &Life) -> Value {
        let (service, name) = self.service;
        let priority =
            self.priority.map(|n| reference(&format!("PPRIO{n}"), "priority_reference", &format!("P{n}")));
        json!({
            "id": life.pager,
            "type": "incident",
            "self": format!("https://api.pagerduty.com/incidents/{}", life.pager),
            "html_url": format!("https://example.pagerduty.com/incidents/{}", life.pager),
            "number": life.number,
            "status": self.status,
            "incident_key": format!("key-{}", life.number),
            "created_at": time(life.created),
            "title": life.title,
            "service": reference(service, "service_reference", name),
            "assignees": [reference("PANA001", "user_reference", "Ana")],
            "escalation_policy": reference("PPOLICY", "escalation_policy_reference", "Default"),
            "teams": [],
            "priority": priority,
            "urgency": "low",
            "conference_bridge": null,
            "resolve_reason": null,
        })
    }

    fn told(&self, life: &Life, which: usize, x: u64) -> Value {
        let turn = reference("PTURN01", "user_reference", &format!("Turn {x}"));
        let policy = reference("PPOLX01", "escalation_policy_reference", &format!("Policy {x}"));
        let mut data = match which {
            0..=3 => self.incident(life),
            5 => json!({}),
            _ => json!({ "incident": reference(&life.pager, "incident_reference", &life.title) }),
        };
        let action = json!({ "action": { "summary": format!("Action {x}") } });
        merge(
            &mut data,
            match which {
                0 => json!({ "assignees": [turn] }),
                1 => json!({ "escalation_policy": policy }),
                2 => json!({ "assignees": [turn], "escalation_policy": policy }),
                3 => json!({ "incident_type": { "name": format!("Type {x}") } }),
                4 => json!({
                    "custom_fields": [{ "id": "F1", "name": "region", "value": x, "type": "field_value" }],
                    "changed_custom_fields": [{ "id": "F1", "name": "region", "value": null }],
                    "type": "incident_field_values",
                }),
                5 => json!({
                    "incident_role_assignments": [{
                        "incident": reference(&life.pager, "incident_reference", &life.title),
                        "role": { "summary": "Scribe" }, "assignee": turn, "old_assignee": null,
                    }],
                    "type": "incident_role_assignment",
                }),
                6..=8 => {
                    json!({ "id": "PTASK", "name": format!("Task {x}"), "status": "todo", "assignees": [] })
                }
                9 | 10 => json!({
                    "id": "PFLOW", "summary": "by hand", "incident_workflow": { "summary": format!("Flow {x}") },
                }),
                11 => action,
                12 => with(action, "running"),
                _ => with(action, "done"),
            },
        );
        data
    }
}

fn with(mut action: Value, state: &str) -> Value {
    merge(&mut action, json!({ "state": state }));
    action
}

fn merge(into: &mut Value, more: Value) {
    if let (Some(into), Value::Object(more)) = (into.as_object_mut(), more) {
        into.extend(more);
    }
}

fn reference(id: &str, kind: &str, summary: &str) -> Value {
    json!({ "id": id, "type": kind, "summary": summary, "self": null, "html_url": null })
}

fn agent(agent: Agent, (service, name): (&str, &str)) -> Value {
    match agent {
        Agent::Ana => reference("PANA001", "user_reference", "Ana at the pager"),
        Agent::Ben => reference("PBEN001", "user_reference", "Ben at the pager"),
        Agent::Zed => reference("PZED001", "user_reference", "Zed"),
        Agent::Service => reference(service, "service_reference", name),
        Agent::Nobody => Value::Null,
    }
}

/// As PagerDuty writes times.
fn time(ms: i64) -> String {
    let time = DateTime::from_timestamp_millis(ms).unwrap_or_default();
    time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}
