//! The HTTP side: a request is verified, made durable, acknowledged. What it means is found out afterwards.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use runbook_core::ports::Intake;
use tokio::time::Instant;

use crate::command_word::CommandWord;
use crate::signature::{Secret, SignatureError, verify};
use crate::take;
use crate::translate::SOURCE;
use crate::wire::{EventEnvelope, SlashCommand};

/// Largest body that is read, in bytes.
pub const BODY_LIMIT: usize = 256 * 1024;

/// What the inbound side needs to know.
#[derive(Debug, Clone)]
pub struct InboundConfig {
    /// `SLACK_SIGNING_SECRET`.
    pub signing_secret: Secret,
    /// How the slash command is called in answers; any is taken.
    pub command: CommandWord,
}

struct Inbound {
    config: InboundConfig,
    intake: Arc<dyn Intake>,
}

/// The routes `/slack/commands`, `/slack/interactions` and `/slack/events`.
///
/// A request without a valid signature gets 401 and leaves no trace but a count. Time is the intake's.
pub fn router(config: InboundConfig, intake: Arc<dyn Intake>) -> Router {
    Router::new()
        .route("/slack/commands", post(command))
        .route("/slack/interactions", post(interaction))
        .route("/slack/events", post(event))
        .with_state(Arc::new(Inbound { config, intake }))
}

async fn command(State(inbound): State<Arc<Inbound>>, headers: HeaderMap, body: Body) -> Response {
    let body = match inbound.read(body).await {
        Ok(body) => body,
        Err(status) => return status.into_response(),
    };
    // Slack's certificate check comes without a signature, and asks for nothing.
    if SlashCommand::parse(&body).is_ssl_check {
        return StatusCode::OK.into_response();
    }
    if let Err(status) = inbound.verified(&headers, &body) {
        return status.into_response();
    }
    axum::Json(take::command(&*inbound.intake, &inbound.config.command, body.to_vec(), Instant::now()).await)
        .into_response()
}

async fn interaction(State(inbound): State<Arc<Inbound>>, headers: HeaderMap, body: Body) -> Response {
    let body = match inbound.read(body).await {
        Ok(body) => body,
        Err(status) => return status.into_response(),
    };
    if let Err(status) = inbound.verified(&headers, &body) {
        return status.into_response();
    }
    match take::interaction(&*inbound.intake, &inbound.config.command, body.to_vec(), Instant::now()).await {
        Ok(None) => StatusCode::OK.into_response(),
        Ok(Some(shown)) => axum::Json(shown).into_response(),
        // The person sees that the press did not work.
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

async fn event(State(inbound): State<Arc<Inbound>>, headers: HeaderMap, body: Body) -> Response {
    let body = match inbound.read(body).await {
        Ok(body) => body,
        Err(status) => return status.into_response(),
    };
    if let Err(status) = inbound.verified(&headers, &body) {
        return status.into_response();
    }
    match serde_json::from_slice::<EventEnvelope>(&body) {
        Ok(EventEnvelope { kind: Some(kind), challenge: Some(challenge) }) if kind == "url_verification" => {
            ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], challenge).into_response()
        }
        // What does not read is no event of use; a refusal would make Slack repeat it and in the end switch the app off.
        _ => match take::event(&*inbound.intake, body.to_vec(), Instant::now()).await {
            Ok(()) => StatusCode::OK.into_response(),
            // Slack tells it again.
            Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        },
    }
}

impl Inbound {
    async fn read(&self, body: Body) -> Result<Bytes, StatusCode> {
        to_bytes(body, BODY_LIMIT).await.map_err(|_| {
            self.intake.refused(SOURCE, "too_large");
            StatusCode::PAYLOAD_TOO_LARGE
        })
    }

    fn verified(&self, headers: &HeaderMap, body: &[u8]) -> Result<(), StatusCode> {
        let text = |name: &str| {
            let mut values = headers.get_all(name).iter();
            // Two values would leave open which of them was checked.
            values.next().filter(|_| values.next().is_none()).and_then(|value| value.to_str().ok())
        };
        let (timestamp, signature) = (text("x-slack-request-timestamp"), text("x-slack-signature"));
        verify(&self.config.signing_secret, timestamp, signature, body, self.intake.now()).map_err(
            |error: SignatureError| {
                self.intake.refused(SOURCE, error.reason());
                tracing::warn!(reason = error.reason(), "slack request refused");
                StatusCode::UNAUTHORIZED
            },
        )
    }
}

#[cfg(test)]
#[path = "inbound_tests.rs"]
mod tests;
