//! The account's memory: incidents with notes and log, change events, calls, webhooks waiting and sent.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};

use super::body;
use super::responders::Responder;
use super::subscriptions::Made;
use crate::clock::{iso, iso_seconds};
use crate::config::{PagerDutyConfig, PagerDutyPriority, PagerDutyService, PagerDutyUser};
use crate::ids;

/// Who did something.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Agent {
    User(String),
    Service(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Triggered,
    Acknowledged,
    Resolved,
}

impl Status {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Triggered => "triggered",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Note {
    pub(super) id: String,
    pub(super) user: String,
    pub(super) content: String,
    pub(super) at: DateTime<Utc>,
}

#[derive(Debug, Clone)]
pub(super) struct LogEntry {
    pub(super) id: String,
    /// Without `_log_entry`.
    pub(super) kind: &'static str,
    pub(super) summary: String,
    pub(super) agent: Agent,
    pub(super) at: DateTime<Utc>,
}

#[derive(Debug)]
pub(super) struct Incident {
    pub(super) id: String,
    pub(super) number: u64,
    pub(super) title: String,
    pub(super) details: Option<String>,
    pub(super) status: Status,
    pub(super) urgency: String,
    pub(super) priority: Option<String>,
    pub(super) service: String,
    pub(super) key: String,
    pub(super) created: DateTime<Utc>,
    pub(super) updated: DateTime<Utc>,
    pub(super) resolved: Option<DateTime<Utc>>,
    pub(super) assignees: Vec<String>,
    pub(super) acknowledgers: Vec<(String, DateTime<Utc>)>,
    pub(super) notes: Vec<Note>,
    pub(super) log: Vec<LogEntry>,
    pub(super) alerts: Vec<Value>,
    pub(super) responders: Vec<Responder>,
    pub(super) bridge: Option<String>,
    pub(super) merged_into: Option<String>,
}

/// What opens an incident.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) title: String,
    pub(super) details: Option<String>,
    pub(super) service: String,
    pub(super) urgency: String,
    pub(super) priority: Option<String>,
    pub(super) key: Option<String>,
    pub(super) alert: Option<Value>,
}

/// A webhook on its way. The body is made once: retries send, and sign, the same bytes.
#[derive(Debug, Clone)]
pub(super) struct Webhook {
    pub(super) event_id: String,
    pub(super) webhook_id: String,
    pub(super) event_type: String,
    pub(super) incident: String,
    pub(super) body: String,
    /// Where it goes, if not where the account's own subscription sends.
    pub(super) target: Option<Target>,
}

/// Where a subscription that was made over REST sends to.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) url: String,
    pub(super) secret: String,
    pub(super) id: String,
}

/// One attempt to deliver a webhook.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Delivery {
    pub(super) event_id: String,
    pub(super) webhook_id: String,
    #[serde(rename = "type")]
    pub(super) event_type: String,
    pub(super) incident_id: String,
    pub(super) attempt: u32,
    /// HTTP status; null when nothing was answered.
    pub(super) status: Option<u16>,
    /// `delivered`, `retry`, `dropped`, or `lost` (a fault).
    pub(super) outcome: &'static str,
    pub(super) error: Option<String>,
    pub(super) elapsed_ms: u64,
    pub(super) at: String,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct RestCall {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) from: Option<String>,
    pub(super) status: u16,
    pub(super) code: Option<u64>,
    pub(super) at: String,
}

/// The whole account.
#[derive(Debug)]
pub(crate) struct Account {
    pub(super) config: PagerDutyConfig,
    pub(super) incidents: Vec<Incident>,
    pub(super) change_events: Vec<Value>,
    pub(super) rest_calls: Vec<RestCall>,
    pub(super) deliveries: Vec<Delivery>,
    pub(super) recent_calls: VecDeque<i64>,
    /// When events came, by integration.
    pub(super) recent_events: BTreeMap<String, VecDeque<i64>>,
    /// Webhooks by incident, in order; the front one is being delivered while its incident is `busy`.
    pub(super) queues: BTreeMap<String, VecDeque<Webhook>>,
    pub(super) busy: BTreeSet<String>,
    pub(super) drops_in_a_row: u32,
    pub(super) subscription_disabled: bool,
    pub(super) subscription_id: String,
    /// Subscriptions that were made over REST.
    pub(super) made: Vec<Made>,
    pub(super) created: DateTime<Utc>,
}

impl Account {
    pub(crate) fn new(config: PagerDutyConfig, now: DateTime<Utc>) -> Self {
        Self {
            config,
            incidents: Vec::new(),
            change_events: Vec::new(),
            rest_calls: Vec::new(),
            deliveries: Vec::new(),
            recent_calls: VecDeque::new(),
            recent_events: BTreeMap::new(),
            queues: BTreeMap::new(),
            busy: BTreeSet::new(),
            drops_in_a_row: 0,
            subscription_disabled: false,
            subscription_id: format!("PWH{}", ids::upper(4)),
            made: Vec::new(),
            created: now,
        }
    }

    pub(super) fn user(&self, id_name_or_email: &str) -> Option<&PagerDutyUser> {
        let wanted = id_name_or_email;
        self.config
            .users
            .iter()
            .find(|u| u.id == wanted || u.name == wanted || u.email.eq_ignore_ascii_case(wanted))
    }

    pub(super) fn service(&self, id: &str) -> Option<&PagerDutyService> {
        self.config.services.iter().find(|s| s.id == id)
    }

    /// A priority by id or name.
    pub(super) fn priority(&self, id_or_name: &str) -> Option<&PagerDutyPriority> {
        self.config.priorities.iter().find(|p| p.id == id_or_name || p.name == id_or_name)
    }

    pub(super) fn position(&self, id: &str) -> Option<usize> {
        self.incidents.iter().position(|i| i.id == id)
    }

    pub(super) fn log(
        &mut self,
        at: usize,
        kind: &'static str,
        summary: String,
        agent: &Agent,
        now: DateTime<Utc>,
    ) {
        let entry =
            LogEntry { id: format!("R{}", ids::upper(25)), kind, summary, agent: agent.clone(), at: now };
        let incident = &mut self.incidents[at];
        incident.log.push(entry);
        incident.updated = now;
    }

    /// Queues a webhook for an incident's event.
    pub(super) fn emit(
        &mut self,
        at: usize,
        event_type: &str,
        agent: &Agent,
        data: &Value,
        now: DateTime<Utc>,
    ) {
        if self.subscription_disabled {
            return;
        }
        let incident = self.incidents[at].id.clone();
        let webhook = body::webhook(self, event_type, Some(agent), data, &incident, now);
        self.queues.entry(incident).or_default().push_back(webhook);
    }

    pub(super) fn emit_incident(&mut self, at: usize, event_type: &str, agent: &Agent, now: DateTime<Utc>) {
        let data = body::incident_webhook(self, &self.incidents[at]);
        self.emit(at, event_type, agent, &data, now);
    }

    /// Opens an incident, assigned to whoever is on call (the first user), and tells the subscription.
    pub(super) fn open(&mut self, opening: Opening, agent: &Agent, now: DateTime<Utc>) -> usize {
        let incident = Incident {
            id: format!("Q{}", ids::upper(13)),
            number: self.incidents.len() as u64 + 1,
            title: opening.title,
            details: opening.details,
            status: Status::Triggered,
            urgency: opening.urgency,
            priority: opening.priority,
            service: opening.service,
            key: opening.key.unwrap_or_else(|| ids::lower(32)),
            created: now,
            updated: now,
            resolved: None,
            assignees: self.config.users.first().map(|u| u.id.clone()).into_iter().collect(),
            acknowledgers: Vec::new(),
            notes: Vec::new(),
            log: Vec::new(),
            alerts: opening.alert.into_iter().collect(),
            responders: Vec::new(),
            bridge: None,
            merged_into: None,
        };
        self.incidents.push(incident);
        let at = self.incidents.len() - 1;
        self.log(at, "trigger", "Triggered".into(), agent, now);
        let who = self.config.users.first().map(|u| u.name.clone()).unwrap_or_default();
        self.log(at, "assign", format!("Assigned to {who}"), agent, now);
        self.emit_incident(at, "incident.triggered", agent, now);
        at
    }

    pub(super) fn acknowledge(&mut self, at: usize, agent: &Agent, now: DateTime<Utc>) {
        if let Agent::User(user) = agent {
            self.incidents[at].acknowledgers.push((user.clone(), now));
        }
        self.incidents[at].status = Status::Acknowledged;
        self.log(at, "acknowledge", "Acknowledged".into(), agent, now);
        self.emit_incident(at, "incident.acknowledged", agent, now);
    }

    pub(super) fn unacknowledge(&mut self, at: usize, agent: &Agent, now: DateTime<Utc>) {
        self.incidents[at].acknowledgers.clear();
        self.incidents[at].status = Status::Triggered;
        self.log(at, "unacknowledge", "Unacknowledged".into(), agent, now);
        self.emit_incident(at, "incident.unacknowledged", agent, now);
    }

    /// Resolves. A resolution text becomes a note of its own, with its own webhook.
    pub(super) fn resolve(&mut self, at: usize, agent: &Agent, resolution: Option<&str>, now: DateTime<Utc>) {
        let incident = &mut self.incidents[at];
        incident.status = Status::Resolved;
        incident.resolved = Some(now);
        incident.assignees.clear();
        self.log(at, "resolve", "Resolved".into(), agent, now);
        self.emit_incident(at, "incident.resolved", agent, now);
        if let (Some(text), Agent::User(user)) = (resolution, agent) {
            let user = user.clone();
            self.annotate(at, &user, &format!("Resolution Note: {text}"), now);
        }
    }

    /// Adds a note; returns its index.
    pub(super) fn annotate(&mut self, at: usize, user: &str, content: &str, now: DateTime<Utc>) -> usize {
        let note = Note {
            id: format!("P{}", ids::upper(6)),
            user: user.to_owned(),
            content: content.to_owned(),
            at: now,
        };
        let agent = Agent::User(user.to_owned());
        let data = body::note_webhook(&self.incidents[at], &note);
        self.incidents[at].notes.push(note);
        self.log(at, "annotate", content.to_owned(), &agent, now);
        self.emit(at, "incident.annotated", &agent, &data, now);
        self.incidents[at].notes.len() - 1
    }

    pub(super) fn set_priority(
        &mut self,
        at: usize,
        priority: Option<String>,
        agent: &Agent,
        now: DateTime<Utc>,
    ) {
        if self.incidents[at].priority != priority {
            self.incidents[at].priority = priority;
            self.log(at, "priority_change", "Priority changed".into(), agent, now);
            self.emit_incident(at, "incident.priority_updated", agent, now);
        }
    }

    pub(super) fn set_urgency(&mut self, at: usize, urgency: &str, agent: &Agent, now: DateTime<Utc>) {
        if self.incidents[at].urgency != urgency {
            urgency.clone_into(&mut self.incidents[at].urgency);
            // A change of urgency has a log entry and no webhook of its own.
            self.log(at, "urgency_change", format!("Urgency changed to {urgency}"), agent, now);
        }
    }

    pub(super) fn reassign(&mut self, at: usize, users: Vec<String>, agent: &Agent, now: DateTime<Utc>) {
        self.incidents[at].assignees = users;
        self.log(at, "assign", "Reassigned".into(), agent, now);
        self.emit_incident(at, "incident.reassigned", agent, now);
    }

    /// What the control API shows.
    pub(crate) fn state(&self) -> Value {
        let incidents: Vec<Value> = self.incidents.iter().map(|i| self.incident_state(i)).collect();
        let queued: usize = self.queues.values().map(VecDeque::len).sum();
        json!({
            "incidents": incidents,
            "deliveries": self.deliveries,
            "rest_calls": self.rest_calls,
            "change_events": self.change_events,
            "webhooks_queued": queued,
            "subscription": {"id": self.subscription_id, "disabled": self.subscription_disabled, "drops_in_a_row": self.drops_in_a_row},
        })
    }

    /// The incidents, newest first, as many as a page has room for; and how many there are.
    pub(crate) fn newest(&self, most: usize) -> (Vec<Value>, usize) {
        (
            self.incidents.iter().rev().take(most).map(|i| self.incident_state(i)).collect(),
            self.incidents.len(),
        )
    }

    /// Services, id and name.
    pub(crate) fn services(&self) -> Vec<(String, String)> {
        self.config.services.iter().map(|s| (s.id.clone(), s.name.clone())).collect()
    }

    /// Priorities, id and name.
    pub(crate) fn priorities(&self) -> Vec<(String, String)> {
        self.config.priorities.iter().map(|p| (p.id.clone(), p.name.clone())).collect()
    }

    /// A person's name.
    pub(crate) fn name_of(&self, id: &str) -> String {
        self.user(id).map_or_else(|| id.to_owned(), |user| user.name.clone())
    }

    /// Webhooks that have not arrived yet.
    pub(crate) fn webhooks_waiting(&self) -> usize {
        self.queues.values().map(VecDeque::len).sum()
    }

    fn incident_state(&self, incident: &Incident) -> Value {
        let notes: Vec<Value> = incident
            .notes
            .iter()
            .map(|n| json!({"id": n.id, "user": n.user, "content": n.content, "at": iso(n.at)}))
            .collect();
        let log: Vec<Value> = incident
            .log
            .iter()
            .map(|l| json!({"id": l.id, "type": format!("{}_log_entry", l.kind), "summary": l.summary, "at": iso(l.at)}))
            .collect();
        let priority = incident.priority.as_deref().and_then(|id| self.priority(id)).map(|p| p.name.clone());
        json!({
            "id": incident.id,
            "number": incident.number,
            "title": incident.title,
            "status": incident.status.word(),
            "urgency": incident.urgency,
            "priority": priority,
            "service_id": incident.service,
            "incident_key": incident.key,
            "created_at": iso(incident.created),
            "resolved_at": incident.resolved.map(iso),
            "assignees": incident.assignees,
            "acknowledgers": incident.acknowledgers.iter().map(|(u, at)| json!({"user": u, "at": iso_seconds(*at)})).collect::<Vec<_>>(),
            "notes": notes,
            "responders": incident.responders.iter().map(|one| json!({"user": one.user, "by": one.by, "state": one.state, "message": one.message})).collect::<Vec<_>>(),
            "log_entries": log,
        })
    }
}
