//! What people do in PagerDuty's own app, beyond taking and ending an incident.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::json;

use super::account::{Account, Agent, Status};
use super::{body, refuse, webhooks};
use crate::server::App;
use crate::shared::{Reply, lock};

/// `POST /control/pagerduty/incidents/{id}/do`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DoRequest {
    /// Id, name or e-mail.
    user: String,
    /// What.
    act: Act,
}

/// One thing.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Act {
    /// As when the acknowledgement runs out.
    Unacknowledge,
    Reopen,
    /// Id or name.
    Priority(String),
    Note(String),
    /// Id.
    Service(String),
    /// Id of the incident that goes on.
    MergeInto(String),
    /// The address; none where it is empty.
    Bridge(String),
    /// `joined` or `declined`.
    Reply(String),
    /// What people outside are told.
    Update(String),
}

/// Does it as this user, and sends the webhook.
pub(crate) fn act_as(app: &Arc<App>, id: &str, wanted: &DoRequest, now: DateTime<Utc>) -> Reply {
    let reply = {
        let mut account = lock(&app.pagerduty);
        let Some(user) = account.user(&wanted.user).map(|user| user.id.clone()) else {
            return refuse(404, "user not found");
        };
        let Some(at) = account.position(id) else { return refuse(404, "incident not found") };
        match account.act(at, &user, &wanted.act, now) {
            Ok(()) => Reply::json(200, &json!({"id": id, "status": account.incidents[at].status.word()})),
            Err((status, why)) => refuse(status, why),
        }
    };
    webhooks::dispatch(app);
    reply
}

impl Account {
    fn act(
        &mut self,
        at: usize,
        user: &str,
        act: &Act,
        now: DateTime<Utc>,
    ) -> Result<(), (u16, &'static str)> {
        let agent = Agent::User(user.to_owned());
        match act {
            Act::Unacknowledge if self.incidents[at].status == Status::Acknowledged => {
                let service = Agent::Service(self.incidents[at].service.clone());
                self.unacknowledge(at, &service, now);
            }
            Act::Unacknowledge => return Err((409, "incident is not acknowledged")),
            Act::Reopen if self.incidents[at].status == Status::Resolved => {
                let incident = &mut self.incidents[at];
                (incident.status, incident.resolved, incident.merged_into) = (Status::Triggered, None, None);
                incident.acknowledgers.clear();
                self.log(at, "reopen", "Reopened".into(), &agent, now);
                self.emit_incident(at, "incident.reopened", &agent, now);
            }
            Act::Reopen => return Err((409, "incident is not resolved")),
            Act::Priority(given) => {
                let known = self.priority(given).map(|priority| priority.id.clone());
                self.set_priority(at, Some(known.ok_or((404, "priority not found"))?), &agent, now);
            }
            Act::Note(text) => {
                self.annotate(at, user, text, now);
            }
            Act::Service(id) => {
                self.service(id).ok_or((404, "service not found"))?;
                self.incidents[at].service.clone_from(id);
                self.log(at, "service_change", "Service changed".into(), &agent, now);
                self.emit_incident(at, "incident.service_updated", &agent, now);
            }
            Act::MergeInto(other) => {
                let target = self.position(other).ok_or((404, "incident not found"))?;
                if target == at || self.incidents[target].status == Status::Resolved {
                    return Err((409, "the target must be another open incident"));
                }
                if self.incidents[at].status == Status::Resolved {
                    return Err((409, "incident is already resolved"));
                }
                self.incidents[at].merged_into = Some(other.clone());
                let alerts = std::mem::take(&mut self.incidents[at].alerts);
                self.incidents[target].alerts.extend(alerts);
                self.resolve(at, &agent, None, now);
            }
            Act::Bridge(url) => {
                self.incidents[at].bridge = Some(url.clone()).filter(|url| !url.is_empty());
                self.incidents[at].updated = now;
                let data = json!({
                    "incident": body::incident_ref(&self.incidents[at]),
                    "conference_numbers": [],
                    "conference_url": self.incidents[at].bridge,
                    "type": "incident_conference_bridge",
                });
                self.emit(at, "incident.conference_bridge.updated", &agent, &data, now);
            }
            Act::Reply(state) => {
                let state = match state.as_str() {
                    "joined" => "joined",
                    "declined" => "declined",
                    _ => return Err((400, "a responder has joined or declined")),
                };
                if !self.reply(at, user, state, now) {
                    return Err((409, "that user was not asked"));
                }
            }
            Act::Update(text) => {
                let data = json!({
                    "incident": body::incident_ref(&self.incidents[at]),
                    "id": crate::ids::uuid(),
                    "message": text,
                    "trimmed": false,
                    "type": "incident_status_update",
                });
                self.emit(at, "incident.status_update_published", &agent, &data, now);
            }
        }
        Ok(())
    }
}
