//! How a message gets from a request into the inbox, and what its sender hears.
//!
//! Senders repeat after a 5xx and drop a message for good after any other 4xx. So: what does not prove who sent it gets a 401, what
//! we cannot store now gets a 503, and what was proved is stored before it is answered 202.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use http::{StatusCode, header};
use runbook_core::ports::{Accepted, InboxItem, Intake};
use serde::Serialize;

/// Seconds after which a sender may try again when nothing could be stored.
const RETRY_AFTER_S: &str = "5";

/// One way in: who sends there, how much of it is read, and where it is handed in.
pub struct Door {
    /// The [`InboxItem::source`] of what comes in here.
    pub source: &'static str,
    /// The largest body taken, in bytes.
    pub limit: usize,
    /// What a sender whose body is larger can do about it, for our own log.
    pub limit_hint: &'static str,
    /// Where messages are handed in.
    pub intake: Arc<dyn Intake>,
}

/// What a stored message is answered with.
#[derive(Serialize)]
struct Taken {
    accepted: bool,
    duplicate: bool,
}

/// What a refused message is answered with: a word, never what was expected.
#[derive(Serialize)]
struct Refused<'a> {
    accepted: bool,
    error: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl Door {
    /// Methods whose bodies are read up to the limit of this door.
    pub fn limited<S: Clone + Send + Sync + 'static>(&self, methods: MethodRouter<S>) -> MethodRouter<S> {
        methods.layer(DefaultBodyLimit::max(self.limit))
    }

    /// The body of a request.
    ///
    /// # Errors
    /// The answer, when it is larger than the limit, or breaks off or comes too slowly: the latter is no fault of the message, which
    /// may be sent again.
    pub async fn body(&self, request: Request) -> Result<Bytes, Response> {
        Bytes::from_request(request, &()).await.map_err(|rejection| {
            if rejection.status() != StatusCode::PAYLOAD_TOO_LARGE {
                return self.refuse(StatusCode::SERVICE_UNAVAILABLE, "unreadable_body");
            }
            let (source, limit, hint) = (self.source, self.limit, self.limit_hint);
            tracing::warn!(source, hint, "a message of more than {limit} bytes was refused");
            self.refuse(StatusCode::PAYLOAD_TOO_LARGE, "too_large")
        })
    }

    /// Refuses a message and counts it.
    pub fn refuse(&self, status: StatusCode, error: &'static str) -> Response {
        self.refuse_because(status, error, None)
    }

    /// The same, and says what is wrong with what the sender itself has written.
    pub fn refuse_because(&self, status: StatusCode, error: &'static str, reason: Option<&str>) -> Response {
        self.intake.refused(self.source, error);
        (status, Json(Refused { accepted: false, error, reason })).into_response()
    }

    /// Stores a message and answers after that: 202, also for one that is known; 503 where it could not be stored.
    pub async fn keep(&self, item: InboxItem) -> Response {
        match self.intake.accept(item).await {
            Ok(accepted) => {
                let duplicate = accepted == Accepted::Duplicate;
                (StatusCode::ACCEPTED, Json(Taken { accepted: true, duplicate })).into_response()
            }
            Err(error) => {
                let source = self.source;
                tracing::error!(
                    source,
                    "a message was not stored, its sender is told to send it again: {error}"
                );
                let body = Json(Refused { accepted: false, error: "not_stored", reason: None });
                (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, RETRY_AFTER_S)], body)
                    .into_response()
            }
        }
    }
}
