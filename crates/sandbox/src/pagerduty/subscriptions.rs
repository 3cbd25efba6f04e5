//! Webhook subscriptions over REST. Source: PagerDuty's OpenAPI document.
//!
//! Those that are made here are sent pings only; the account's events go to the one that the sandbox was started with.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::account::{Account, Target};
use super::body;
use super::rest::{Answer, RestError, json_body, not_found, page};
use crate::ids;
use crate::shared::Request;

/// Most subscriptions of an account.
const MOST: usize = 10;
const FILTERS: [&str; 3] = ["account_reference", "service_reference", "team_reference"];

/// A subscription that was made over REST.
#[derive(Debug, Clone)]
pub(super) struct Made {
    id: String,
    url: String,
    secret: String,
    description: String,
    events: Vec<String>,
    filter: Value,
    active: bool,
    disabled: bool,
}

impl Made {
    /// As REST shows it; the secret in the answer to its making alone.
    fn shown(&self, with_secret: bool) -> Value {
        let secret = if with_secret { json!(self.secret) } else { Value::Null };
        json!({
            "id": self.id,
            "type": "webhook_subscription",
            "active": self.active,
            "description": self.description,
            "events": self.events,
            "filter": self.filter,
            "delivery_method": {
                "id": format!("PDM{}", &self.id),
                "type": "http_delivery_method",
                "url": self.url,
                "secret": secret,
                "temporarily_disabled": self.disabled,
                "custom_headers": [],
            },
        })
    }
}

/// The one that the sandbox was started with.
fn first(account: &Account) -> Value {
    json!({
        "id": account.subscription_id,
        "type": "webhook_subscription",
        "active": true,
        "description": "the sandbox's own",
        "events": ["incident.triggered"],
        "filter": {"type": "account_reference"},
        "delivery_method": {
            "type": "http_delivery_method",
            "url": "https://sandbox.invalid/blocks",
            "secret": null,
            "temporarily_disabled": account.subscription_disabled,
        },
    })
}

/// What a control of a test has done to one: switched off by PagerDuty.
pub(crate) fn disable(account: &mut Account) {
    account.made.iter_mut().for_each(|one| one.disabled = true);
}

/// Answers everything below `/webhook_subscriptions`.
pub(super) fn route(account: &mut Account, rest: &[&str], request: &Request, now: DateTime<Utc>) -> Answer {
    match (request.method.as_str(), rest) {
        ("GET", []) => {
            let mut all = vec![first(account)];
            all.extend(account.made.iter().map(|one| one.shown(false)));
            page(request, "webhook_subscriptions", all)
        }
        ("POST", []) => {
            let sent = json_body(request)?;
            let wanted = asked(&sent)?;
            let url = wanted["delivery_method"]["url"].as_str().unwrap_or_default();
            if wanted["delivery_method"]["type"] != "http_delivery_method" || !url.starts_with("http") {
                return Err(RestError::invalid("Delivery method must be an http_delivery_method with a url"));
            }
            let mut one = Made {
                id: format!("P{}", ids::upper(6)),
                url: url.to_owned(),
                secret: ids::lower(64),
                description: String::new(),
                events: Vec::new(),
                filter: Value::Null,
                active: true,
                disabled: false,
            };
            put(&mut one, wanted)?;
            if account.made.len() >= MOST {
                return Err(RestError::invalid("Maximum number of webhook subscriptions reached"));
            }
            let shown = one.shown(true);
            account.made.push(one);
            Ok((201, json!({"webhook_subscription": shown})))
        }
        ("POST", [id, action]) if *id == account.subscription_id => of_the_first(account, action, now),
        (_, [id, tail @ ..]) => {
            let at = account.made.iter().position(|one| one.id == **id).ok_or_else(not_found)?;
            match (request.method.as_str(), tail) {
                ("GET", []) => Ok((200, json!({"webhook_subscription": account.made[at].shown(false)}))),
                ("PUT", []) => {
                    let sent = json_body(request)?;
                    let wanted = asked(&sent)?;
                    if wanted.get("delivery_method").is_some() {
                        return Err(RestError::invalid("Delivery method cannot be changed"));
                    }
                    let mut changed = account.made[at].clone();
                    put(&mut changed, wanted)?;
                    account.made[at] = changed;
                    Ok((200, json!({"webhook_subscription": account.made[at].shown(false)})))
                }
                ("DELETE", []) => {
                    account.made.remove(at);
                    Ok((204, Value::Null))
                }
                ("POST", ["enable"]) => {
                    account.made[at].disabled = false;
                    Ok((200, json!({"webhook_subscription": account.made[at].shown(false)})))
                }
                ("POST", ["ping"]) => {
                    let one = &account.made[at];
                    let target =
                        Target { url: one.url.clone(), secret: one.secret.clone(), id: one.id.clone() };
                    send_ping(account, Some(target), now);
                    Ok((202, json!({})))
                }
                _ => Err(not_found()),
            }
        }
        _ => Err(not_found()),
    }
}

fn of_the_first(account: &mut Account, action: &str, now: DateTime<Utc>) -> Answer {
    match action {
        "enable" => {
            account.subscription_disabled = false;
            account.drops_in_a_row = 0;
            Ok((200, json!({"webhook_subscription": first(account)})))
        }
        "ping" => {
            send_ping(account, None, now);
            Ok((202, json!({})))
        }
        _ => Err(not_found()),
    }
}

fn send_ping(account: &mut Account, target: Option<Target>, now: DateTime<Utc>) {
    let user = account.config.users.first().map(|u| u.id.clone()).unwrap_or_default();
    let mut ping = body::ping(account, &user, now);
    ping.target = target;
    account.queues.entry(ping.incident.clone()).or_default().push_back(ping);
}

fn asked(sent: &Value) -> Result<&Value, RestError> {
    let wanted = sent.get("webhook_subscription").filter(|wanted| wanted.is_object());
    let wanted = wanted.ok_or_else(|| RestError::invalid("Webhook subscription cannot be empty"))?;
    if wanted["type"] != "webhook_subscription" {
        return Err(RestError::invalid("Type must be webhook_subscription"));
    }
    Ok(wanted)
}

/// Everything is checked before anything changes.
fn put(one: &mut Made, wanted: &Value) -> Result<(), RestError> {
    let events = wanted["events"].as_array().filter(|events| !events.is_empty());
    let events = events.ok_or_else(|| RestError::invalid("Events cannot be empty"))?;
    let is_known = |event: &&str| event.starts_with("incident.") || event.starts_with("service.");
    let names: Vec<String> =
        events.iter().filter_map(Value::as_str).filter(is_known).map(str::to_owned).collect();
    if names.len() != events.len() {
        return Err(RestError::invalid("Events contain an unknown type"));
    }
    let filter = &wanted["filter"];
    let kind = filter["type"].as_str().unwrap_or_default();
    let needs_id = kind != "account_reference";
    if !FILTERS.contains(&kind) || needs_id != filter["id"].is_string() {
        return Err(RestError::invalid("Filter is invalid"));
    }
    one.events = names;
    one.filter = filter.clone();
    one.description = wanted["description"].as_str().unwrap_or_default().to_owned();
    one.active = wanted["active"].as_bool().unwrap_or(true);
    Ok(())
}
