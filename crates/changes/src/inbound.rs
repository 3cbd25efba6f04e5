//! The way in: `POST /hooks/change`.
//!
//! Whoever deploys wants to hear at once what is wrong with the message: so it is read before it is stored, and what cannot be a
//! change is answered 400 with the reason. What is stored is understood anew from its bytes.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use blocks_hooks::{Door, Secret, credentials, matches};
use chrono::{DateTime, Utc};
use http::{StatusCode, header};
use runbook_core::ports::{InboxItem, Intake};
use sha2::{Digest, Sha256};

use crate::cloud::{self, Mode};
use crate::translate::{Read, read};

/// The [`InboxItem::source`] of what comes in here.
pub const SOURCE: &str = "change";
/// The largest body taken, in bytes. Four times what every intermediary of CloudEvents has to hand on.
pub const BODY_LIMIT: usize = 256 * 1024;

/// The [`InboxItem::kind`] of a change in our own words.
const PLAIN: &str = "change";
/// The same, of an event.
pub(crate) const EVENT: &str = "cloudevent";

/// The same bytes without an id and a time within one of these spans, in seconds, are a redelivery; later they tell of another
/// change.
const REDELIVERY_S: i64 = 300;

/// `POST /hooks/change`, handing verified messages to `intake`. Without a token everything is refused.
///
/// 202 once the message is durable, 400 for what cannot be read, 401 without one of the tokens, 413 over [`BODY_LIMIT`], 503 when it
/// could not be stored.
pub fn router(tokens: Vec<Secret>, intake: Arc<dyn Intake>) -> Router {
    let door = Door { source: SOURCE, limit: BODY_LIMIT, limit_hint: "a change is a few lines", intake };
    let methods = door.limited(post(receive));
    Router::new().route("/hooks/change", methods).with_state(Arc::new(Way { tokens, door }))
}

struct Way {
    tokens: Vec<Secret>,
    door: Door,
}

async fn receive(State(way): State<Arc<Way>>, request: Request) -> Response {
    let door = &way.door;
    let headers = request.headers().clone();
    // before the body is read
    if !headers.contains_key(header::AUTHORIZATION) {
        return door.refuse(StatusCode::UNAUTHORIZED, "missing_proof");
    }
    let is_known =
        credentials(&headers, "Bearer").is_some_and(|token| matches(&way.tokens, token, str::to_owned));
    if !is_known {
        tracing::warn!(source = SOURCE, "a change refused: its token is not ours");
        return door.refuse(StatusCode::UNAUTHORIZED, "bad_proof");
    }
    let mode = match cloud::mode(&headers) {
        Ok(mode) => mode,
        Err(reason) => return way.unreadable(&reason),
    };
    let body = match door.body(request).await {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    let body: Vec<u8> = match mode {
        Mode::Plain | Mode::Structured => body.into(),
        Mode::Binary => match cloud::structured(&headers, &body) {
            Ok(body) => body,
            Err(reason) => return way.unreadable(&reason),
        },
    };
    let read = match read(&body, mode != Mode::Plain) {
        Ok(read) => read,
        Err(reason) => return way.unreadable(&reason),
    };
    let now = door.intake.now();
    let kind = if mode == Mode::Plain { PLAIN } else { EVENT }.to_owned();
    door.keep(InboxItem {
        source: SOURCE.to_owned(),
        id: id(&read, &body, now),
        kind,
        body,
        received_at: now,
    })
    .await
}

impl Way {
    fn unreadable(&self, reason: &str) -> Response {
        tracing::warn!(source = SOURCE, reason, "a change refused");
        self.door.refuse_because(StatusCode::BAD_REQUEST, "unreadable", Some(reason))
    }
}

/// What makes a repetition fall away: its sender's own id; without one the bytes, for ever where they say when it was, else for a
/// while.
fn id(read: &Read, body: &[u8], now: DateTime<Utc>) -> String {
    let hash = |parts: [&[u8]; 2]| {
        // lengths, so that no text can stand for two
        let mut all = Sha256::new();
        for part in parts {
            all.update((part.len() as u64).to_be_bytes());
            all.update(part);
        }
        hex::encode(all.finalize())
    };
    match &read.identity {
        Some((within, id)) => format!("id:{}", hash([within.as_bytes(), id.as_bytes()])),
        None if read.is_timed => format!("body:{}", hash([body, b""])),
        None => {
            let span = now.timestamp().div_euclid(REDELIVERY_S).to_string();
            format!("body:{}", hash([body, span.as_bytes()]))
        }
    }
}

#[cfg(test)]
mod tests;
