//! Events API v2: alerts, and change events, which page nobody.
//!
//! An alert's `dedup_key` makes a repetition fall away. A change event has no such key, so that after an unknown outcome the ones
//! that PagerDuty has are looked through first (`rest/changes.rs`). 202 means that an event was taken, not that it was applied.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use http::StatusCode;
use runbook_core::ports::{EventAction, PagerError};
use serde_json::{Value, json};
use url::Url;

use crate::Secret;
use crate::rest::{Health, Purpose, chain, permanent};

/// Longest summary, in characters.
const SUMMARY: usize = 1_024;
/// Longest `dedup_key`, in characters.
const KEY: usize = 255;
/// Largest body, in bytes.
const BODY: usize = 512 * 1024;
/// How much of an answer is read, in bytes.
const REPLY: usize = 64 * 1024;
/// The longest text of PagerDuty's that is repeated, in characters.
const MESSAGE: usize = 300;
/// The field of `custom_details` by which one of ours is known again.
pub(crate) const KEY_FIELD: &str = "blocks_key";

/// Where events go, and as whose.
#[derive(Debug, Clone)]
pub struct EventsConfig {
    /// `pagerduty.events_url`.
    pub events_url: Url,
    /// `PAGERDUTY_ROUTING_KEY`.
    pub routing_key: Secret,
    /// Time for one request.
    pub timeout: Duration,
}

/// The way to the Events API.
#[derive(Debug)]
pub(crate) struct EventsClient {
    http: reqwest::Client,
    config: EventsConfig,
    pub(crate) health: Health,
}

/// A change of ours.
pub(crate) struct Change<'a> {
    pub(crate) key: &'a str,
    pub(crate) summary: &'a str,
    pub(crate) source: &'a str,
    pub(crate) at: DateTime<Utc>,
    pub(crate) details: &'a BTreeMap<String, String>,
    pub(crate) links: &'a [(String, String)],
}

impl EventsClient {
    pub(crate) fn new(http: reqwest::Client, config: EventsConfig) -> EventsClient {
        EventsClient { http, config, health: Health::default() }
    }

    /// Triggers, acknowledges or resolves the alert with this key. Safe to repeat.
    pub(crate) async fn alert(&self, key: &str, action: &EventAction) -> Result<(), PagerError> {
        if key.is_empty() || key.chars().count() > KEY {
            return Err(permanent(format!("an event's key has 1 to {KEY} characters")));
        }
        let mut event = json!({ "event_action": action.word(), "dedup_key": key });
        if let EventAction::Trigger { summary, source, severity } = action {
            event["payload"] = json!({
                "summary": bounded(summary), "source": bounded(source), "severity": severity.word(),
            });
            event["client"] = json!("Blocks");
        }
        self.post(&["v2", "enqueue"], event, "send an event").await
    }

    /// Tells of a change.
    pub(crate) async fn change(&self, change: &Change<'_>) -> Result<(), PagerError> {
        let mut details: BTreeMap<&str, &str> =
            change.details.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        details.insert(KEY_FIELD, change.key);
        let links: Vec<Value> =
            change.links.iter().map(|(href, text)| json!({ "href": href, "text": text })).collect();
        let event = json!({
            "payload": {
                "summary": bounded(change.summary),
                "source": bounded(change.source),
                "timestamp": change.at.to_rfc3339_opts(SecondsFormat::Millis, true),
                "custom_details": details,
            },
            "links": links,
        });
        self.post(&["v2", "change", "enqueue"], event, "send a change event").await
    }

    async fn post(&self, path: &[&str], mut event: Value, doing: &str) -> Result<(), PagerError> {
        self.health.may(Purpose::Change)?;
        event["routing_key"] = json!(self.config.routing_key.expose());
        let body = event.to_string();
        if body.len() > BODY {
            return Err(permanent(format!(
                "an event may have {BODY} bytes, and this one has {}",
                body.len()
            )));
        }
        let mut url = self.config.events_url.clone();
        url.path_segments_mut()
            .map_err(|()| permanent("pagerduty.events_url cannot have a path; hint: check it".to_owned()))?
            .pop_if_empty()
            .extend(path);
        let call = self.health.begins();
        let asked = self.http.post(url).header(http::header::CONTENT_TYPE, "application/json").body(body);
        let answered = async {
            let mut response = asked.timeout(self.config.timeout).send().await?;
            let (status, headers) = (response.status(), response.headers().clone());
            let mut bytes = Vec::new();
            while let Some(chunk) = response.chunk().await? {
                bytes.extend_from_slice(&chunk);
                if bytes.len() > REPLY {
                    break;
                }
            }
            Ok::<_, reqwest::Error>((status, headers, bytes))
        };
        let (status, headers, bytes) = match answered.await {
            Ok(answered) => answered,
            Err(error) => {
                call.failed();
                let why = chain(&error.without_url());
                return Err(PagerError::Retry {
                    after_ms: None,
                    reason: self
                        .without_key(&format!("pagerduty gave no answer to the request to {doing}: {why}")),
                });
            }
        };
        let after_ms = call.answered(status.as_u16(), &headers, &bytes);
        match status {
            StatusCode::ACCEPTED => Ok(()),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => Err(PagerError::Retry {
                after_ms,
                reason: format!("pagerduty has no room now for the request to {doing} ({status})"),
            }),
            _ if status.is_server_error() || status.is_success() => Err(PagerError::Retry {
                after_ms,
                reason: format!("pagerduty answered the request to {doing} with {status}"),
            }),
            _ => Err(permanent(self.without_key(&format!(
                "pagerduty refused to {doing} with {}{}; hint: check PAGERDUTY_ROUTING_KEY and pagerduty.events_url",
                status.as_u16(),
                said(&bytes)
            )))),
        }
    }

    /// Whatever the other side repeats, the key does not get into a text.
    fn without_key(&self, text: &str) -> String {
        text.replace(self.config.routing_key.expose(), "[routing key]")
    }
}

fn bounded(text: &str) -> String {
    if text.chars().count() <= SUMMARY {
        return text.to_owned();
    }
    let kept: String = text.chars().take(SUMMARY - 1).collect();
    format!("{kept}…")
}

/// `message` and `errors` of a refusal in one bounded line.
pub(crate) fn said(bytes: &[u8]) -> String {
    let Ok(answer) = serde_json::from_slice::<Value>(bytes) else { return String::new() };
    let errors = answer.get("errors").and_then(Value::as_array).into_iter().flatten();
    let parts = answer.get("message").into_iter().chain(errors).filter_map(Value::as_str);
    let line = parts.collect::<Vec<_>>().join(": ");
    let line: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MESSAGE).collect();
    if line.is_empty() { line } else { format!(": {line}") }
}
