//! The way in: `POST /hooks/pagerduty`.
//!
//! PagerDuty waits 5 s for an answer, repeats after a 5xx for 48 h, and drops the message for good after any
//! other 4xx. So: what is not proven to be PagerDuty's gets a 401, what we cannot store now gets a 503, and
//! everything verified is stored and answered 202, whether or not anybody can read it.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use blocks_hooks::{Door, Secret};
use http::{HeaderMap, StatusCode};
use runbook_core::ports::{InboxItem, Intake};
use sha2::{Digest, Sha256};

use crate::SignatureError;
use crate::signature::{self, verify};
use crate::wire::Envelope;

/// The [`InboxItem::source`] of everything from PagerDuty.
pub const SOURCE: &str = "pagerduty";

/// The largest body taken, in bytes. PagerDuty guarantees 55 KB and sends up to 256 KB.
pub const BODY_LIMIT: usize = 256 * 1024;

/// The longest message id taken from a header, in bytes.
const MAX_ID: usize = 128;

/// How webhooks are checked.
#[derive(Debug, Clone)]
pub struct HookConfig {
    /// The subscription's secret, and the one before it while rotating. Without any, everything is refused.
    pub secrets: Vec<Secret>,
}

/// `POST /hooks/pagerduty`, handing verified messages to `intake`.
///
/// 202 once the message is durable, 401 without a good signature, 413 over [`BODY_LIMIT`], 503 when it could not
/// be stored.
pub fn router(config: HookConfig, intake: Arc<dyn Intake>) -> Router {
    let limit_hint = "PagerDuty sends no more than this";
    let door = Door { source: SOURCE, limit: BODY_LIMIT, limit_hint, intake };
    let methods = door.limited(post(receive));
    let hook = Arc::new(Hook { secrets: config.secrets, door });
    Router::new().route("/hooks/pagerduty", methods).with_state(hook)
}

struct Hook {
    secrets: Vec<Secret>,
    door: Door,
}

async fn receive(State(hook): State<Arc<Hook>>, request: Request) -> Response {
    let door = &hook.door;
    let headers = request.headers().clone();
    if !headers.contains_key(signature::HEADER) {
        // Before the body is read: nobody unproven makes us take 256 KiB.
        return door.refuse(StatusCode::UNAUTHORIZED, SignatureError::Missing.reason());
    }
    let body = match door.body(request).await {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    if let Err(error) = verify(&hook.secrets, Some(&signatures(&headers)), &body) {
        tracing::warn!(bytes = body.len(), reason = error.reason(), "webhook refused: {error}");
        return door.refuse(StatusCode::UNAUTHORIZED, error.reason());
    }
    let item = InboxItem {
        source: SOURCE.to_owned(),
        id: message_id(&headers, &body),
        kind: "webhook".to_owned(),
        body: body.into(),
        received_at: door.intake.now(),
    };
    door.keep(item).await
}

/// The signature header; one that came in several lines is one list. Lines that are not text prove nothing.
fn signatures(headers: &HeaderMap) -> String {
    let lines: Vec<&str> =
        headers.get_all(signature::HEADER).iter().filter_map(|line| line.to_str().ok()).collect();
    lines.join(",")
}

/// What makes a redelivery fall away: PagerDuty's id of the event, else of the delivery, else the bytes' own hash.
///
/// The event's id comes first because the signature covers it: a captured body that is sent again under a new delivery
/// id is still the same event.
fn message_id(headers: &HeaderMap, body: &[u8]) -> String {
    let event = serde_json::from_slice::<Envelope>(body).ok().and_then(|envelope| envelope.event);
    if let Some(id) = event.and_then(|event| event.id).filter(|id| !id.is_empty() && id.len() <= MAX_ID) {
        return id;
    }
    let header = headers
        .get("x-webhook-id")
        .and_then(|value| value.to_str().ok())
        .map(str::trim)
        .filter(|id| !id.is_empty() && id.len() <= MAX_ID);
    header.map_or_else(|| format!("sha256:{}", hex::encode(Sha256::digest(body))), str::to_owned)
}

#[cfg(test)]
mod tests;
