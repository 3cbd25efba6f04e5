//! A PagerDuty account: REST, Events v2, and the sender of signed v3 webhooks.

mod account;
mod acts;
mod body;
mod events;
mod responders;
mod rest;
mod subscriptions;
mod webhooks;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::clock;
use crate::server::App;
use crate::shared::{Reply, Request, lock};
pub(crate) use account::Account;
use account::{Agent, Opening, RestCall, Status};
pub(crate) use acts::act_as;

/// Answers everything under `/pagerduty/`.
pub(crate) fn rest(app: &Arc<App>, rest: &[&str], request: &Request, now: DateTime<Utc>) -> Reply {
    let reply = {
        let mut account = lock(&app.pagerduty);
        let reply = rest::route(&mut account, rest, request, now);
        note_call(&mut account, request, &reply, now);
        reply
    };
    webhooks::dispatch(app);
    reply
}

/// Answers everything under `/events/v2/`.
pub(crate) fn events(app: &Arc<App>, rest: &[&str], request: &Request, now: DateTime<Utc>) -> Reply {
    let reply = {
        let mut account = lock(&app.pagerduty);
        let reply = events::route(&mut account, rest, request, now);
        note_call(&mut account, request, &reply, now);
        reply
    };
    webhooks::dispatch(app);
    reply
}

/// Answers a call while PagerDuty is down: nothing works, and the call is noted. Webhooks wait meanwhile.
pub(crate) fn down(app: &App, request: &Request, now: DateTime<Utc>) -> Reply {
    let reply = Reply::text(503, "upstream connect error\n");
    note_call(&mut lock(&app.pagerduty), request, &reply, now);
    reply
}

fn note_call(account: &mut Account, request: &Request, reply: &Reply, now: DateTime<Utc>) {
    let answer: Value = serde_json::from_str(&reply.body).unwrap_or(Value::Null);
    let call = RestCall {
        method: request.method.to_string(),
        path: request.path.clone(),
        from: request.header("from").map(str::to_owned),
        status: reply.status,
        code: answer["error"]["code"].as_u64(),
        at: clock::iso(now),
    };
    account.rest_calls.push(call);
}

/// `POST /control/pagerduty/disable`: PagerDuty switches the subscriptions off that were made over REST.
pub(crate) fn disable(app: &App) -> Reply {
    subscriptions::disable(&mut lock(&app.pagerduty));
    Reply::json(200, &json!({}))
}

/// `POST /control/pagerduty/trigger`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TriggerRequest {
    service_id: String,
    title: String,
    /// Id or name; absent = none.
    #[serde(default)]
    priority: Option<String>,
    /// `high` unless said otherwise.
    #[serde(default)]
    urgency: Option<String>,
}

impl TriggerRequest {
    /// A page from the page.
    pub(crate) fn on_page(service_id: String, title: String, priority: Option<String>) -> Self {
        Self { service_id, title, priority, urgency: None }
    }
}

/// `POST /control/pagerduty/incidents/{id}/acknowledge` and `/resolve`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ActRequest {
    /// Id, name or e-mail.
    pub(crate) user: String,
}

fn refuse(status: u16, error: &str) -> Reply {
    Reply::json(status, &json!({"error": error}))
}

/// Opens an incident as a monitoring service would, and sends its webhook.
pub(crate) fn trigger(app: &Arc<App>, wanted: TriggerRequest, now: DateTime<Utc>) -> Reply {
    let reply = {
        let mut account = lock(&app.pagerduty);
        if account.service(&wanted.service_id).is_none() {
            return refuse(404, "service not found");
        }
        let priority = match wanted.priority.as_deref() {
            None => None,
            Some(given) => match account.priority(given) {
                Some(p) => Some(p.id.clone()),
                None => return refuse(404, "priority not found"),
            },
        };
        let urgency = wanted.urgency.unwrap_or_else(|| "high".into());
        if urgency != "high" && urgency != "low" {
            return refuse(400, "urgency must be high or low");
        }
        let agent = Agent::Service(wanted.service_id.clone());
        let opening = Opening {
            title: wanted.title,
            details: None,
            service: wanted.service_id,
            urgency,
            priority,
            key: None,
            alert: None,
        };
        let at = account.open(opening, &agent, now);
        let incident = &account.incidents[at];
        Reply::json(
            200,
            &json!({"id": incident.id, "number": incident.number, "created_at": clock::iso(now)}),
        )
    };
    webhooks::dispatch(app);
    reply
}

/// Acknowledges or resolves as a person would in PagerDuty's own app.
pub(crate) fn act(app: &Arc<App>, id: &str, action: &str, wanted: &ActRequest, now: DateTime<Utc>) -> Reply {
    let reply = {
        let mut account = lock(&app.pagerduty);
        let Some(user) = account.user(&wanted.user).map(|u| u.id.clone()) else {
            return refuse(404, "user not found");
        };
        let Some(at) = account.position(id) else { return refuse(404, "incident not found") };
        if account.incidents[at].status == Status::Resolved {
            return refuse(409, "incident is already resolved");
        }
        let agent = Agent::User(user);
        if action == "resolve" {
            account.resolve(at, &agent, None, now);
        } else {
            account.acknowledge(at, &agent, now);
        }
        Reply::json(200, &json!({"id": id, "status": account.incidents[at].status.word()}))
    };
    webhooks::dispatch(app);
    reply
}

#[cfg(test)]
mod tests;
