//! Messages in chat that somebody marks for an incident's timeline, and what becomes of them afterwards.

use serde::{Deserialize, Serialize};

use crate::incident::{FileLink, Via};
use crate::message::ReplyTo;

/// A message was marked, or changed.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatMark {
    /// The chat's id of who did it; empty where the chat does not tell.
    pub user_id: String,
    /// The message's channel.
    pub channel: String,
    /// The message's id within it.
    pub ts: String,
    /// What was done.
    pub what: Marking,
    /// Where an answer for this person alone goes.
    pub reply_to: Option<ReplyTo>,
}

/// What was done to a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Marking {
    /// It belongs on the timeline.
    Mark {
        /// How that was said.
        via: Via,
        /// The message, where it came along.
        given: Option<Box<Quote>>,
    },
    /// The mark was taken off.
    Unmark,
    /// Its author changed it.
    Edited {
        /// The text now.
        text: String,
        /// Its files now.
        files: Vec<FileLink>,
        /// The chat's id of this version: later ones compare greater.
        version: String,
    },
    /// It is gone.
    Deleted,
}

/// A message as the chat tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// The thread that it belongs to; its own id when it began one.
    pub thread: Option<String>,
    /// The chat's id of its author, where a person wrote it.
    pub author_id: Option<String>,
    /// The name under which it was written, where a program wrote it.
    pub author_name: Option<String>,
    /// The text as people read it; mentions as the chat marks them.
    pub text: String,
    /// Its files.
    #[serde(default)]
    pub files: Vec<FileLink>,
    /// Where a person can look at it.
    pub permalink: Option<String>,
    /// The chat's id of this version, where it was changed.
    pub version: Option<String>,
    /// Whether it still bears the mark; `None` where the chat does not tell.
    #[serde(default)]
    pub is_marked: Option<bool>,
}
