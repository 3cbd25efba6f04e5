//! What every way in does with a message: usage is answered at once, everything else is durable before it is
//! acknowledged.

use std::time::Duration;

use blocks_grammar::{ChatParse, parse_chat};
use runbook_core::ports::{InboxItem, Intake};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use tokio::time::Instant;

use crate::command_word::CommandWord;
use crate::event::{self, Event, text};
use crate::render::offers;
use crate::render::text::{line, prose};
use crate::submission::Submission;
use crate::translate::{COMMAND, EVENT, INTERACTION, SOURCE};
use crate::wire::{SlashCommand, payload_field};

/// Slack waits three seconds for an acknowledgement, from when it sent the message. A store that is slower than this is told
/// to the person, who would otherwise see Slack's own error and nothing of ours.
const STORE_LIMIT: Duration = Duration::from_millis(2_500);

/// How long looking at a form may take, from when it came: it is to be stored after that.
const FORM_LIMIT: Duration = Duration::from_millis(1_500);

/// How much of a typed line is shown back, in characters.
const ECHO_MAX: usize = 200;

/// Longest answer, escaped, in characters.
const ANSWER_MAX: usize = 3_500;

/// Why a message is not stored, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// The store said no.
    Refused,
    /// The store did not answer in time: it may still have been stored.
    Late,
}

/// The answer to a slash command, form-encoded, that asks for nothing to be done: help, or what was meant instead.
pub(crate) fn usage(word: &CommandWord, body: &[u8]) -> Option<Value> {
    match parse_chat(&SlashCommand::parse(body).text) {
        ChatParse::Usage { text, offer } => {
            let mut shown = ephemeral(&prose(word, &text, ANSWER_MAX));
            if let Some(blocks) = offers(word, &text, offer.as_slice()) {
                shown["blocks"] = json!(blocks);
            }
            Some(shown)
        }
        ChatParse::Request(_) => None,
    }
}

/// Takes a slash command, form-encoded, that came at `received`, and returns the message that its acknowledgement carries.
pub(crate) async fn command(
    intake: &dyn Intake,
    word: &CommandWord,
    body: Vec<u8>,
    received: Instant,
) -> Value {
    if let Some(usage) = usage(word, &body) {
        return usage;
    }
    let command = SlashCommand::parse(&body);
    match store(intake, command.trigger_id, COMMAND, body, received).await {
        Ok(()) if command.text.trim().is_empty() => ephemeral("Looking what makes sense here..."),
        Ok(()) => ephemeral(&format!("Working on `{}`...", line(&command.text, ECHO_MAX))),
        // Slack never repeats a slash command: only the person can.
        Err(NotTaken::Refused) => ephemeral(
            "That could not be taken: Blocks cannot write to its store at the moment. Nothing was started. Please try again shortly.",
        ),
        Err(NotTaken::Late) => ephemeral(
            "Blocks' store is slow at the moment, and it is not known whether that was taken. Look with `status` before you repeat it.",
        ),
    }
}

/// Takes an interaction: a form whose field `payload` holds the JSON. Returns what its acknowledgement carries: what is
/// wrong with a form that was filled in, which is then not taken.
pub(crate) async fn interaction(
    intake: &dyn Intake,
    word: &CommandWord,
    body: Vec<u8>,
    received: Instant,
) -> Result<Option<Value>, NotTaken> {
    let payload = payload_field(&body).unwrap_or_default();
    let json: Value = serde_json::from_str(&payload).unwrap_or_default();
    let id = match Submission::read(&json) {
        Some(Ok(sent)) => {
            let left = FORM_LIMIT.saturating_sub(received.elapsed());
            let faults = tokio::time::timeout(left, intake.form_faults(&sent.user, &sent.request)).await;
            // Not looked at in time is no fault: it is looked at again when it is acted on.
            if let Some(shown) = faults.ok().and_then(|faults| sent.faults(word, &faults)) {
                return Ok(Some(shown));
            }
            sent.id
        }
        _ => text(&json, "/trigger_id").to_owned(),
    };
    store(intake, id, INTERACTION, body, received).await.map(|()| None)
}

/// Whether an event is of any use; the others are acknowledged and not kept.
pub(crate) fn is_of_use(body: &[u8]) -> bool {
    !matches!(event::read(body), Event::Other(_))
}

/// Takes an event, as JSON.
pub(crate) async fn event(intake: &dyn Intake, body: Vec<u8>, received: Instant) -> Result<(), NotTaken> {
    if !is_of_use(&body) {
        return Ok(());
    }
    store(intake, event::id(&body), EVENT, body, received).await
}

/// Keeps what this version has no use for, as it came: nothing is lost, and somebody may look at it.
pub(crate) async fn unknown(
    intake: &dyn Intake,
    kind: &str,
    body: Vec<u8>,
    received: Instant,
) -> Result<(), NotTaken> {
    store(intake, String::new(), kind, body, received).await
}

/// Makes the message durable. Without an id of Slack's, the body is its own.
async fn store(
    intake: &dyn Intake,
    id: String,
    kind: &str,
    body: Vec<u8>,
    received: Instant,
) -> Result<(), NotTaken> {
    let left = STORE_LIMIT.saturating_sub(received.elapsed());
    if left.is_zero() {
        tracing::error!(kind, "slack message not taken: it waited too long");
        return Err(NotTaken::Refused);
    }
    let id = if id.is_empty() { hex::encode(Sha256::digest(&body)) } else { id };
    let item =
        InboxItem { source: SOURCE.to_owned(), id, kind: kind.to_owned(), body, received_at: intake.now() };
    match tokio::time::timeout(left, intake.accept(item)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => {
            tracing::error!(%error, kind, "slack message not stored");
            Err(NotTaken::Refused)
        }
        Err(_) => {
            tracing::error!(kind, "slack message not stored in time");
            Err(NotTaken::Late)
        }
    }
}

/// A message for the one person who asked.
fn ephemeral(text: &str) -> Value {
    json!({"response_type": "ephemeral", "text": text})
}
