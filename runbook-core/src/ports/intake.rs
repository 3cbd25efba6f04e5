//! The way in: raw messages are stored durably first, understood afterwards.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::{BoxFuture, CallPage, ChatMark, StoreError};
use crate::alert::AlertNotice;
use crate::change::ToldChange;
use crate::message::ReplyTo;
use crate::request::Request;
use crate::trigger::TriggerNotice;

/// A message from outside whose authenticity has been checked, as raw as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxItem {
    /// `pagerduty` or `slack`.
    pub source: String,
    /// The id that makes a redelivery fall away (unique within the source).
    pub id: String,
    /// What the adapter needs to know about the body: `webhook`, `command`, `interaction`, `event`.
    pub kind: String,
    /// The body.
    pub body: Vec<u8>,
    /// When it came.
    pub received_at: DateTime<Utc>,
}

/// What storing a message came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// Stored now.
    New,
    /// It had been stored before; nothing changed.
    Duplicate,
}

/// Where an adapter hands a verified message in. Returns only after the message is durable.
pub trait Intake: Send + Sync {
    /// Stores the message.
    ///
    /// The error means that nothing is promised: the sender must be told to try again.
    fn accept(&self, item: InboxItem) -> BoxFuture<'_, Result<Accepted, StoreError>>;

    /// Counts a message that was refused before it could be stored (`bad_signature`, `too_large`, ...).
    fn refused(&self, source: &'static str, reason: &'static str);

    /// What is wrong with a form that is about to be sent in, by field: whoever filled it in sees it there, and it is not
    /// taken. Nothing is decided by this; the request is checked again when it is acted on.
    fn form_faults<'a>(
        &'a self,
        user_id: &'a str,
        request: &'a Request,
    ) -> BoxFuture<'a, BTreeMap<String, String>> {
        let _ = (user_id, request);
        Box::pin(async { BTreeMap::new() })
    }

    /// Our clock: adapters check time-bound signatures against it.
    fn now(&self) -> DateTime<Utc>;
}

/// Turns a stored message into what it means. Pure, so that it can be done again after a restart.
pub trait Translator: Send + Sync {
    /// The [`InboxItem::source`] that this one understands.
    fn source(&self) -> &'static str;

    /// What the message means.
    fn translate(&self, item: &InboxItem) -> Translated;
}

/// What a stored message means.
#[expect(clippy::large_enum_variant, reason = "one value lives per message, and is taken apart at once")]
#[derive(Debug, Clone, PartialEq)]
pub enum Translated {
    /// Something to act on.
    Signal(Signal),
    /// Understood, and of no consequence (a ping, an event type of no concern). Kept.
    Ignored {
        /// Its type, as the sender names it.
        kind: String,
    },
    /// Verified but not understood: kept as a dead letter.
    Unreadable {
        /// Why, in lowercase.
        reason: String,
    },
}

/// A message from outside, in our words.
#[derive(Debug, Clone, PartialEq)]
pub enum Signal {
    /// Something happened to an incident at the pager.
    Pager(PagerEvent),
    /// Somebody asked for something in chat.
    Chat(ChatSignal),
    /// Somebody in chat is told something: help, or what was meant instead.
    Answer(ChatAnswer),
    /// A trigger of ours has something to tell.
    Trigger(TriggerNotice),
    /// A monitoring system tells of alerts.
    Alerts(AlertNotice),
    /// Somebody tells what they have changed.
    Change(Box<ToldChange>),
    /// A message in chat was marked for a timeline, or one that may be on it has changed.
    Mark(ChatMark),
}

/// Something happened to an incident at the pager.
#[derive(Debug, Clone, PartialEq)]
pub struct PagerEvent {
    /// What.
    pub kind: PagerEventKind,
    /// The pager's incident.
    pub incident: PagerIncident,
    /// The pager's id of the user who did it; `None` when a service or nobody did.
    pub agent_id: Option<String>,
    /// That user's display name.
    pub agent_name: Option<String>,
    /// When the pager says it happened.
    pub occurred_at: DateTime<Utc>,
}

/// What happened at the pager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PagerEventKind {
    /// Somebody is being paged.
    Triggered,
    /// Somebody took it.
    Acknowledged,
    /// Somebody acknowledged a page by which Blocks had called them: the incident of the event is that page, and no incident here.
    CallAnswered(CallPage),
    /// The acknowledgement ran out.
    Unacknowledged,
    /// It is over, by the pager's account.
    Resolved,
    /// It is open again.
    Reopened,
    /// It was merged into another of the pager's incidents.
    MergedInto {
        /// The pager's id of the other.
        other: String,
    },
    /// Its priority changed.
    PriorityChanged,
    /// Somebody wrote a note.
    Note {
        /// The pager's id of it: it may be told of and seen.
        id: Option<String>,
        /// The note.
        text: String,
    },
    /// It belongs to another service now; the incident says to which.
    ServiceChanged,
    /// Where people talk about it.
    BridgeChanged {
        /// The address; nowhere any more when absent.
        url: Option<String>,
        /// Telephone numbers, each with what it is called.
        numbers: Vec<String>,
    },
    /// Somebody more is asked for, or has answered that.
    Responder {
        /// The pager's id of the user; `None` where it is whoever is on call.
        id: Option<String>,
        /// The name for people.
        name: Option<String>,
        /// What they say.
        answer: Answer,
        /// What was said with it.
        message: Option<String>,
    },
    /// People outside the incident were told how it stands.
    UpdateGiven {
        /// What they were told.
        text: String,
    },
    /// Something else of it, for the record.
    Told {
        /// What, in a few words of ours.
        what: String,
        /// What there is to say of it.
        text: Option<String>,
    },
}

/// What a responder says to being asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Nothing yet.
    Asked,
    /// They come.
    Comes,
    /// They do not.
    Declines,
}

/// The pager's incident, as far as an event tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PagerIncident {
    /// The pager's id.
    pub id: String,
    /// Where a person can look at it.
    pub url: Option<String>,
    /// What it says.
    pub title: Option<String>,
    /// The pager's id of the service.
    pub service_id: Option<String>,
    /// The service's name.
    pub service_name: Option<String>,
    /// Name of the priority, such as `P1`.
    pub priority: Option<String>,
    /// The pager's id of the priority.
    pub priority_id: Option<String>,
    /// `true` for high urgency.
    pub high_urgency: Option<bool>,
    /// When it was opened.
    pub created_at: Option<DateTime<Utc>>,
    /// What whoever paged calls it.
    pub key: Option<String>,
}

/// Somebody asked for something in chat.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatSignal {
    /// The chat's id of the person.
    pub user_id: String,
    /// The channel that it came from.
    pub channel: String,
    /// What is asked.
    pub request: Request,
    /// Where an answer for this person alone goes: never logged or journaled.
    pub reply_to: Option<ReplyTo>,
    /// What opens a form before this person, for a few seconds and once.
    pub trigger: Option<String>,
    /// The short name of the question that it answers, where a button was pressed ([`crate::choices::asked`]).
    pub asked: Option<String>,
}

/// Something to tell somebody in chat at once: nothing is asked of Blocks.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatAnswer {
    /// Where it goes.
    pub reply_to: ReplyTo,
    /// The answer.
    pub text: String,
    /// Lines that one press types.
    pub offers: Vec<String>,
}
