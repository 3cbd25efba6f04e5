//! The chat system, as the engine sees it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{BoxFuture, Quote};
use crate::message::ChatMessage;

/// A chat system.
pub trait Chat: Send + Sync {
    /// Sends one message.
    ///
    /// `key` names it for ever; when an earlier try may have arrived, the adapter looks for it before it sends again.
    fn send<'a>(
        &'a self,
        key: &'a str,
        attempt: Attempt<'a>,
        message: &'a ChatMessage,
    ) -> BoxFuture<'a, Result<ChatReceipt, SendError>>;

    /// How long the chat's limits hold back the opening of a channel; `None` when one may be opened.
    fn channel_delay(&self) -> Option<Duration> {
        None
    }

    /// The ids of those who are in a group of the chat.
    ///
    /// # Errors
    /// When the chat does not tell; one without groups never does.
    fn members<'a>(&'a self, group: &'a str) -> BoxFuture<'a, Result<Vec<String>, SendError>> {
        let reason = format!("this chat knows no group '{group}'");
        Box::pin(async { Err(SendError::Permanent { reason }) })
    }

    /// How long this message has to wait before it is tried, because the chat system said so or its rules say so.
    ///
    /// Asked before each attempt, so that waiting is none. `None` when it may leave now: whoever is told so has the turn.
    fn not_before(&self, message: &ChatMessage) -> Option<Duration> {
        let _ = message;
        None
    }
}

/// Which try of a message it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt<'a> {
    /// Counted from 1; above 1 an earlier one may have arrived.
    pub number: u32,
    /// Where the earlier ones may have put it. Where a message belongs may change while nobody knows whether it is there: an
    /// incident is given a channel of its own, or another severity.
    pub tried: &'a [Spot],
}

impl Attempt<'_> {
    /// One whose earlier ones, if any, went where this one goes.
    #[must_use]
    pub fn number(number: u32) -> Attempt<'static> {
        Attempt { number, tried: &[] }
    }

    /// Where it may be already, when it belongs to `spot`: nowhere, for a first try.
    pub fn may_be_at<'s>(&'s self, spot: &'s Spot) -> impl Iterator<Item = &'s Spot> {
        let others = self.tried.iter().filter(move |tried| *tried != spot);
        std::iter::once(spot).chain(others).filter(|_| self.number > 1)
    }
}

/// A place for messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spot {
    /// The channel's id or, where it is only configured, its name.
    pub channel: String,
    /// The thread within it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<String>,
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
