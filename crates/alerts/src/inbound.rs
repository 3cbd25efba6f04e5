//! The way in: `/hooks/alertmanager`, `/hooks/grafana`, `/hooks/json/NAME`.
//!
//! Everything proved is stored and answered 202, whether or not anybody can read it.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use blocks_hooks::Door;
use chrono::{DateTime, Utc};
use http::StatusCode;
use runbook_core::ports::{InboxItem, Intake};
use sha2::{Digest, Sha256};

use crate::auth::{Proof, Refusal, Signed};
use crate::translate::Kind;

/// The largest body taken, in bytes: some thousand alerts. `max_alerts` of a receiver keeps it below that.
pub const BODY_LIMIT: usize = 2 * 1024 * 1024;

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
        let door = Door {
            source: hook.kind.source(),
            limit: BODY_LIMIT,
            limit_hint: "set max_alerts of the receiver",
            intake: Arc::clone(intake),
        };
        // Grafana may be told to PUT
        let methods = door.limited(post(receive).put(receive));
        router.route(&path, methods.with_state(Arc::new(Way { hook, door })))
    })
}

struct Way {
    hook: Hook,
    door: Door,
}

async fn receive(State(way): State<Arc<Way>>, request: Request) -> Response {
    let (door, kind) = (&way.door, &way.hook.kind);
    let headers = request.headers().clone();
    let refuse = |refusal: Refusal| {
        tracing::warn!(source = kind.source(), reason = refusal.reason(), "alerts refused");
        door.refuse(StatusCode::UNAUTHORIZED, refusal.reason())
    };
    // before anything of it is read
    if let Err(refusal) = way.hook.proof.check_head(&headers) {
        return refuse(refusal);
    }
    let body = match door.body(request).await {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    let now = door.intake.now();
    let signed = match way.hook.proof.check(&headers, &body, now) {
        Ok(signed) => signed,
        Err(refusal) => return refuse(refusal),
    };
    let item = InboxItem {
        source: kind.source().to_owned(),
        id: kind.message_id(&signed, &body, now),
        kind: kind.name().to_owned(),
        body: body.into(),
        received_at: now,
    };
    door.keep(item).await
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
