//! The way in: `/hooks/alertmanager`, `/hooks/grafana`, `/hooks/json/NAME`.
//!
//! Senders repeat after a 5xx and drop a message for good after any other 4xx. So: what does not prove who sent it gets a 401, what
//! we cannot store now gets a 503, and everything proved is stored and answered 202, whether or not anybody can read it.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use http::{StatusCode, header};
use runbook_core::ports::{Accepted, InboxItem, Intake};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::auth::{Proof, Signed};
use crate::translate::Kind;

/// The largest body taken, in bytes: some thousand alerts. `max_alerts` of a receiver keeps it below that.
pub const BODY_LIMIT: usize = 2 * 1024 * 1024;

/// Seconds after which a sender may try again when nothing could be stored.
const RETRY_AFTER_S: &str = "5";

/// The same bytes within one of these spans, in seconds, are a redelivery of Alertmanager or Grafana; later they say that it still is
/// so.
const REDELIVERY_S: i64 = 300;

/// One address that takes alerts.
#[derive(Debug, Clone)]
pub struct Hook {
    /// Who sends there.
    pub kind: Kind,
    /// How they prove it.
    pub proof: Proof,
}

/// The addresses of these senders, handing verified messages to `intake`.
///
/// 202 once the message is durable, 401 without a proof, 413 over [`BODY_LIMIT`], 503 when it could not be stored.
pub fn router(hooks: Vec<Hook>, intake: &Arc<dyn Intake>) -> Router {
    hooks.into_iter().fold(Router::new(), |router, hook| {
        let path = hook.kind.path();
        let way = Arc::new(Way { hook, intake: Arc::clone(intake) });
        // Grafana may be told to PUT
        let method = post(receive).put(receive).layer(DefaultBodyLimit::max(BODY_LIMIT)).with_state(way);
        router.route(&path, method)
    })
}

struct Way {
    hook: Hook,
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

async fn receive(State(way): State<Arc<Way>>, request: Request) -> Response {
    let headers = request.headers().clone();
    if !way.hook.proof.came(&headers) {
        // before the body is read
        return way.refuse(StatusCode::UNAUTHORIZED, crate::Refusal::Missing.reason());
    }
    let body = match Bytes::from_request(request, &()).await {
        Ok(body) => body,
        Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            tracing::warn!(
                source = way.hook.kind.source(),
                "alerts refused: more than {BODY_LIMIT} bytes; set max_alerts of the receiver"
            );
            return way.refuse(StatusCode::PAYLOAD_TOO_LARGE, "too_large");
        }
        Err(_) => return way.refuse(StatusCode::BAD_REQUEST, "unreadable_body"),
    };
    let now = way.intake.now();
    let signed = match way.hook.proof.check(&headers, &body, now) {
        Ok(signed) => signed,
        Err(refusal) => {
            tracing::warn!(
                bytes = body.len(),
                source = way.hook.kind.source(),
                reason = refusal.reason(),
                "alerts refused"
            );
            return way.refuse(StatusCode::UNAUTHORIZED, refusal.reason());
        }
    };
    let item = InboxItem {
        source: way.hook.kind.source().to_owned(),
        id: way.hook.kind.message_id(&signed, &body, now),
        kind: way.hook.kind.name().to_owned(),
        body: body.into(),
        received_at: now,
    };
    match way.intake.accept(item).await {
        Ok(accepted) => {
            let duplicate = accepted == Accepted::Duplicate;
            (StatusCode::ACCEPTED, Json(Taken { accepted: true, duplicate })).into_response()
        }
        Err(error) => {
            tracing::error!("alerts not stored, the sender will send them again: {error}");
            let body = Json(Refused { accepted: false, error: "not_stored" });
            (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, RETRY_AFTER_S)], body).into_response()
        }
    }
}

impl Way {
    fn refuse(&self, status: StatusCode, reason: &'static str) -> Response {
        self.intake.refused(self.hook.kind.source(), reason);
        (status, Json(Refused { accepted: false, error: reason })).into_response()
    }
}

impl Kind {
    /// What makes a redelivery fall away. A sender repeats what it told hours ago byte for byte to say that it still is so, and the
    /// two of a pair tell the same: so the same bytes are the same message only for a while, and what they say is taken over by
    /// alert, however often it is said. Anything else may say `down`, `up`, `down` in bytes that tell no time, and the second `down` is
    /// news: each receipt counts, and a redelivery changes nothing in the row. What was signed for all times counts once: it may be
    /// somebody's who has listened.
    fn message_id(&self, signed: &Signed, body: &[u8], now: DateTime<Utc>) -> String {
        let hash = hex::encode(
            Sha256::new_with_prefix(self.name()).chain_update(b"\n").chain_update(body).finalize(),
        );
        match (signed, self) {
            (Signed::Token, Kind::Json(_)) => format!("{hash}:{}ms", now.timestamp_millis()),
            (Signed::Token, Kind::Alertmanager | Kind::Grafana) => {
                format!("{hash}:{}", now.timestamp().div_euclid(REDELIVERY_S))
            }
            (Signed::Body, _) => hash,
            (Signed::At(at), _) => format!("{hash}@{at}"),
        }
    }
}

#[cfg(test)]
mod tests;
