//! The way in: `POST /hooks/pagerduty`.
//!
//! PagerDuty waits 5 s for an answer, repeats after a 5xx for 48 h, and drops the message for good after any
//! other 4xx. So: what is not proven to be PagerDuty's gets a 401, what we cannot store now gets a 503, and
//! everything verified is stored and answered 202, whether or not anybody can read it.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use http::{HeaderMap, StatusCode, header};
use runbook_core::ports::{Accepted, InboxItem, Intake};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::signature::{self, verify};
use crate::wire::Envelope;
use crate::{Secret, SignatureError};

/// The [`InboxItem::source`] of everything from PagerDuty.
pub const SOURCE: &str = "pagerduty";

/// The largest body taken, in bytes. PagerDuty guarantees 55 KB and sends up to 256 KB.
pub const BODY_LIMIT: usize = 256 * 1024;

/// The longest message id taken from a header, in bytes.
const MAX_ID: usize = 128;

/// Seconds after which PagerDuty may try again when nothing could be stored.
const RETRY_AFTER_S: &str = "5";

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
    let hook = Arc::new(Hook { secrets: config.secrets, intake });
    Router::new()
        .route("/hooks/pagerduty", post(receive))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(hook)
}

struct Hook {
    secrets: Vec<Secret>,
    intake: Arc<dyn Intake>,
}

/// What a stored message is answered with.
#[derive(Serialize)]
struct Taken {
    accepted: bool,
    duplicate: bool,
}

/// What a refused message is answered with: a word, never what was expected.
#[derive(Serialize)]
struct Refused {
    accepted: bool,
    error: &'static str,
}

async fn receive(State(hook): State<Arc<Hook>>, request: Request) -> Response {
    let headers = request.headers().clone();
    if !headers.contains_key(signature::HEADER) {
        // Before the body is read: nobody unproven makes us take 256 KiB.
        return hook.refuse(StatusCode::UNAUTHORIZED, SignatureError::Missing.reason());
    }
    let body = match Bytes::from_request(request, &()).await {
        Ok(body) => body,
        Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            return hook.refuse(StatusCode::PAYLOAD_TOO_LARGE, "too_large");
        }
        Err(_) => return hook.refuse(StatusCode::BAD_REQUEST, "unreadable_body"),
    };
    if let Err(error) = verify(&hook.secrets, Some(&signatures(&headers)), &body) {
        tracing::warn!(bytes = body.len(), reason = error.reason(), "webhook refused: {error}");
        return hook.refuse(StatusCode::UNAUTHORIZED, error.reason());
    }
    let item = InboxItem {
        source: SOURCE.to_owned(),
        id: message_id(&headers, &body),
        kind: "webhook".to_owned(),
        body: body.into(),
        received_at: hook.intake.now(),
    };
    match hook.intake.accept(item).await {
        Ok(accepted) => {
            let duplicate = accepted == Accepted::Duplicate;
            (StatusCode::ACCEPTED, Json(Taken { accepted: true, duplicate })).into_response()
        }
        Err(error) => {
            tracing::error!("webhook not stored, PagerDuty will send it again: {error}");
            let body = Json(Refused { accepted: false, error: "not_stored" });
            (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, RETRY_AFTER_S)], body).into_response()
        }
    }
}

impl Hook {
    fn refuse(&self, status: StatusCode, reason: &'static str) -> Response {
        self.intake.refused(SOURCE, reason);
        (status, Json(Refused { accepted: false, error: reason })).into_response()
    }
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
