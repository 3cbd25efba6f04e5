//! The Events API v2: alerts in, and change events, which page nobody.

use chrono::{DateTime, Utc};
use http::Method;
use serde_json::{Value, json};

use super::account::{Account, Agent, Opening, Status};
use crate::clock::iso_seconds;
use crate::ids;
use crate::shared::{Reply, Request};

const BODY_MAX: usize = 512 * 1024;
const SUMMARY_MAX: usize = 1_024;
/// Events per minute and integration.
const PER_MINUTE: usize = 120;

fn invalid(errors: &[String]) -> Reply {
    Reply::json(
        400,
        &json!({"status": "invalid event", "message": "Event object is invalid", "errors": errors}),
    )
}

/// Answers `enqueue` and `change/enqueue`.
pub(super) fn route(account: &mut Account, rest: &[&str], request: &Request, now: DateTime<Utc>) -> Reply {
    if request.method != Method::POST {
        return Reply::text(405, "use POST\n");
    }
    if request.body.len() > BODY_MAX {
        return Reply::text(413, "body over 512 KB\n");
    }
    let Ok(event) = serde_json::from_slice::<Value>(&request.body) else {
        return invalid(&["JSON is invalid".to_owned()]);
    };
    let mut errors = Vec::new();
    let key = event["routing_key"].as_str().unwrap_or_default();
    if key.len() != 32 {
        errors.push("Length of 'routing_key' is incorrect (should be 32 characters)".to_owned());
    }
    let service = account.config.services.iter().find(|s| s.routing_key == key).map(|s| s.id.clone());
    let needed = |errors: &mut Vec<String>, name: &str| {
        if event["payload"][name].as_str().is_none_or(str::is_empty) {
            errors.push(format!("'payload.{name}' is missing or blank"));
        }
    };
    if errors.is_empty() && is_too_fast(account, key, now) {
        return Reply::text(429, "Requests throttled\n");
    }
    match rest {
        ["enqueue"] => {
            let action = event["event_action"].as_str().unwrap_or_default();
            let dedup = event["dedup_key"].as_str();
            if dedup.is_some_and(|d| d.len() > 255) {
                errors.push("'dedup_key' is too long (maximum is 255 characters)".into());
            }
            match action {
                "trigger" => {
                    needed(&mut errors, "summary");
                    needed(&mut errors, "source");
                    let severity = event["payload"]["severity"].as_str().unwrap_or_default();
                    if !["critical", "error", "warning", "info"].contains(&severity) {
                        errors.push(
                            "'payload.severity' is invalid (must be one of: critical, error, warning, info)"
                                .into(),
                        );
                    }
                }
                "acknowledge" | "resolve" if dedup.is_none() => {
                    errors.push("'dedup_key' is missing or blank".into());
                }
                "acknowledge" | "resolve" => {}
                _ => errors
                    .push("'event_action' is invalid (must be one of: trigger, acknowledge, resolve)".into()),
            }
            if !errors.is_empty() {
                return invalid(&errors);
            }
            let dedup = dedup.map_or_else(|| ids::lower(32), str::to_owned);
            // A key that belongs to no service is accepted and goes nowhere: 202 does not mean applied.
            if let Some(service) = service {
                apply(account, &service, action, &dedup, &event, now);
            }
            Reply::json(202, &json!({"status": "success", "message": "Event processed", "dedup_key": dedup}))
        }
        ["change", "enqueue"] => {
            needed(&mut errors, "summary");
            let payload = &event["payload"];
            if payload["summary"].as_str().is_some_and(|summary| summary.chars().count() > SUMMARY_MAX) {
                errors.push(format!("'payload.summary' is too long (maximum is {SUMMARY_MAX} characters)"));
            }
            let timestamp = &payload["timestamp"];
            if !timestamp.is_null()
                && timestamp.as_str().is_none_or(|text| DateTime::parse_from_rfc3339(text).is_err())
            {
                errors.push("'payload.timestamp' is not an ISO 8601 time".to_owned());
            }
            if !payload["custom_details"].is_null() && !payload["custom_details"].is_object() {
                errors.push("'payload.custom_details' must be an object".to_owned());
            }
            let links = event["links"].as_array().cloned().unwrap_or_default();
            if links.iter().any(|link| link["href"].as_str().is_none_or(str::is_empty)) {
                errors.push("'links.href' is missing or blank".to_owned());
            }
            if !errors.is_empty() {
                return invalid(&errors);
            }
            if let Some(service) = service {
                let change = json!({
                    "id": format!("01{}", ids::upper(24)),
                    "type": "change_event",
                    "summary": event["payload"]["summary"],
                    "source": event["payload"]["source"],
                    "timestamp": event["payload"]["timestamp"].as_str().map_or_else(|| iso_seconds(now), str::to_owned),
                    "custom_details": event["payload"]["custom_details"],
                    "links": event["links"],
                    "services": [{"id": service, "type": "service_reference"}],
                });
                account.change_events.push(change);
            }
            Reply::json(202, &json!({"status": "success", "message": "Change event processed"}))
        }
        _ => Reply::text(404, "not found\n"),
    }
}

/// Counts an event of this integration; whether there were too many in the last minute.
fn is_too_fast(account: &mut Account, key: &str, now: DateTime<Utc>) -> bool {
    let now_ms = now.timestamp_millis();
    let recent = account.recent_events.entry(key.to_owned()).or_default();
    while recent.front().is_some_and(|at| now_ms - at >= 60_000) {
        recent.pop_front();
    }
    recent.push_back(now_ms);
    recent.len() > PER_MINUTE
}

fn apply(account: &mut Account, service: &str, action: &str, dedup: &str, event: &Value, now: DateTime<Utc>) {
    let agent = Agent::Service(service.to_owned());
    let open = account
        .incidents
        .iter()
        .position(|i| i.service == service && i.key == dedup && i.status != Status::Resolved);
    match (action, open) {
        ("trigger", None) => {
            let payload = &event["payload"];
            let high = matches!(payload["severity"].as_str(), Some("critical" | "error"));
            let mut summary = payload["summary"].as_str().unwrap_or_default().to_owned();
            summary = summary.chars().take(1024).collect();
            let alert = json!({
                "id": format!("Q{}", ids::upper(13)),
                "type": "alert",
                "status": "triggered",
                "alert_key": dedup,
                "severity": payload["severity"],
                "created_at": iso_seconds(now),
                "body": {
                    "type": "alert_body",
                    "details": payload["custom_details"],
                    "contexts": event["links"],
                    "cef_details": payload,
                },
            });
            let opening = Opening {
                title: summary,
                details: None,
                service: service.to_owned(),
                urgency: if high { "high" } else { "low" }.to_owned(),
                priority: None,
                key: Some(dedup.to_owned()),
                alert: Some(alert),
            };
            account.open(opening, &agent, now);
        }
        ("acknowledge", Some(at)) if account.incidents[at].status == Status::Triggered => {
            account.acknowledge(at, &agent, now);
        }
        ("resolve", Some(at)) => {
            for alert in &mut account.incidents[at].alerts {
                alert["status"] = json!("resolved");
            }
            account.resolve(at, &agent, None, now);
        }
        // The same alert again is counted on the open incident; acknowledge and resolve without one do nothing.
        _ => {}
    }
}
