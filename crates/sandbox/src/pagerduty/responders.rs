//! Who is asked to come to an incident, and what they say.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::account::{Account, Agent};
use super::body;

/// Somebody who was asked.
#[derive(Debug, Clone)]
pub(super) struct Responder {
    pub(super) user: String,
    pub(super) by: String,
    pub(super) message: String,
    /// `pending`, `joined`, `declined`.
    pub(super) state: &'static str,
    pub(super) at: DateTime<Utc>,
}

impl Account {
    /// Asks a user to come; whoever was asked before is not asked again.
    pub(super) fn ask(&mut self, at: usize, user: &str, (by, message): (&str, &str), now: DateTime<Utc>) {
        if self.incidents[at].responders.iter().any(|one| one.user == user) {
            return;
        }
        self.incidents[at].responders.push(Responder {
            user: user.to_owned(),
            by: by.to_owned(),
            message: message.to_owned(),
            state: "pending",
            at: now,
        });
        self.tell_of_responder(at, user, "incident.responder.added", by, now);
    }

    /// A user who was asked says whether they come; `false` where they were not asked.
    pub(super) fn reply(&mut self, at: usize, user: &str, state: &'static str, now: DateTime<Utc>) -> bool {
        let Some(one) = self.incidents[at].responders.iter_mut().find(|one| one.user == user) else {
            return false;
        };
        one.state = state;
        self.tell_of_responder(at, user, "incident.responder.replied", user, now);
        true
    }

    fn tell_of_responder(&mut self, at: usize, user: &str, event: &str, by: &str, now: DateTime<Utc>) {
        let incident = &self.incidents[at];
        let Some(one) = incident.responders.iter().find(|one| one.user == user) else { return };
        let data = json!({
            "incident": body::incident_ref(incident),
            "user": body::user_ref(self, user),
            "escalation_policy": null,
            "message": one.message,
            "state": one.state,
            "type": "incident_responder",
        });
        self.emit(at, event, &Agent::User(by.to_owned()), &data, now);
    }

    /// The responders of an incident as REST shows them.
    pub(super) fn responders(&self, at: &[Responder]) -> Vec<Value> {
        let one = |one: &Responder| {
            json!({
                "state": one.state,
                "user": body::user_ref(self, &one.user),
                "requester": body::user_ref(self, &one.by),
                "message": one.message,
                "requested_at": crate::clock::iso_seconds(one.at),
            })
        };
        at.iter().map(one).collect()
    }
}
