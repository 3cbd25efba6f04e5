//! The HTTP side: a request is verified, made durable, acknowledged. What it means is found out afterwards.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use blocks_grammar::{ChatParse, parse_chat};
use runbook_core::ports::{Accepted, InboxItem, Intake, StoreError};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::render::text::{clip, escape, line};
use crate::signature::{Secret, SignatureError, verify};
use crate::translate::{COMMAND, INTERACTION, SOURCE};
use crate::wire::{EventEnvelope, Interaction, SlashCommand, payload_field};

/// Largest body that is read, in bytes.
pub const BODY_LIMIT: usize = 256 * 1024;

/// How much of a typed line is shown back, in characters.
const ECHO_MAX: usize = 200;

/// What the inbound side needs to know.
#[derive(Debug, Clone)]
pub struct InboundConfig {
    /// `SLACK_SIGNING_SECRET`.
    pub signing_secret: Secret,
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
    let command = SlashCommand::parse(&body);
    // Slack's certificate check comes without a signature, and asks for nothing.
    if command.is_ssl_check {
        return StatusCode::OK.into_response();
    }
    if let Err(status) = inbound.verified(&headers, &body) {
        return status.into_response();
    }
    if let ChatParse::Usage { text } = parse_chat(&command.text) {
        return ephemeral(&clip(&escape(&text), 3_500));
    }
    let id = command.trigger_id.clone();
    match inbound.accept(id, COMMAND, body).await {
        Ok(_) => ephemeral(&format!("Working on `{}`...", line(&command.text, ECHO_MAX))),
        // Slack never repeats a slash command: only the person can.
        Err(_) => ephemeral(
            "That could not be taken: Blocks cannot write to its store at the moment. Nothing was started. Please try again shortly.",
        ),
    }
}

async fn interaction(State(inbound): State<Arc<Inbound>>, headers: HeaderMap, body: Body) -> Response {
    let body = match inbound.read(body).await {
        Ok(body) => body,
        Err(status) => return status.into_response(),
    };
    if let Err(status) = inbound.verified(&headers, &body) {
        return status.into_response();
    }
    let trigger = payload_field(&body)
        .and_then(|payload| serde_json::from_str::<Interaction>(&payload).ok())
        .and_then(|interaction| interaction.trigger_id);
    match inbound.accept(trigger.unwrap_or_default(), INTERACTION, body).await {
        Ok(_) => StatusCode::OK.into_response(),
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
        // No event is acted on so far; a refusal would make Slack repeat it and in the end switch the app off.
        _ => StatusCode::OK.into_response(),
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

    /// Makes the message durable. Without an id of Slack's, the body is its own.
    async fn accept(&self, id: String, kind: &str, body: Bytes) -> Result<Accepted, StoreError> {
        let id = if id.is_empty() { hex::encode(Sha256::digest(&body)) } else { id };
        let received_at = self.intake.now();
        let item = InboxItem {
            source: SOURCE.to_owned(),
            id,
            kind: kind.to_owned(),
            body: body.to_vec(),
            received_at,
        };
        self.intake
            .accept(item)
            .await
            .inspect_err(|error| tracing::error!(%error, kind, "slack message not stored"))
    }
}

/// A message for the one person who asked.
fn ephemeral(text: &str) -> Response {
    axum::Json(json!({"response_type": "ephemeral", "text": text})).into_response()
}

#[cfg(test)]
#[path = "inbound_tests.rs"]
mod tests;
