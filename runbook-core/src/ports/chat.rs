//! The chat system, as the engine sees it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{BoxFuture, Quote};
use crate::message::ChatMessage;

/// A chat system.
pub trait Chat: Send + Sync {
    /// Sends one message.
    ///
    /// `key` names it for ever; when `attempt` is above 1 an earlier try may have arrived, so the adapter looks
    /// before it sends again.
    fn send<'a>(
        &'a self,
        key: &'a str,
        attempt: u32,
        message: &'a ChatMessage,
    ) -> BoxFuture<'a, Result<ChatReceipt, SendError>>;

    /// How long this message has to wait before it is tried, because the chat system said so or its rules say so.
    ///
    /// Asked before each attempt, so that waiting is none. `None` when it may leave now: whoever is told so has the turn.
    fn not_before(&self, message: &ChatMessage) -> Option<Duration> {
        let _ = message;
        None
    }
}

/// Where a message ended up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatReceipt {
    /// The channel's id.
    pub channel: Option<String>,
    /// The message's id within it.
    pub ts: Option<String>,
    /// The message that was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Box<Quote>>,
}

/// A message did not leave. Texts hold no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// It may work later.
    #[error("{reason}")]
    Retry {
        /// What the other side asks us to wait, in milliseconds.
        after_ms: Option<u64>,
        /// Why, in lowercase.
        reason: String,
    },
    /// It never will as it is.
    #[error("{reason}")]
    Permanent {
        /// Why, in lowercase.
        reason: String,
    },
}
