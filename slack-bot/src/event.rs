//! Events: mentions that are commands, pushpins, and what becomes of messages afterwards.
//!
//! Slack tells of every message in every channel of the bot. What is of no use is acknowledged and not kept: what people
//! say to each other is none of ours.

use runbook_core::incident::Via;
use runbook_core::message::ReplyTo;
use runbook_core::ports::{ChatMark, Marking};
use serde_json::Value;

use crate::PUSHPIN;
use crate::manifest::Tier;
use crate::quote::{files, said};

/// An event that the app asks Slack to be told of, with the least tier and the scope that it needs.
///
/// Source: the pages of the events at docs.slack.dev (November 2026).
pub(crate) const SUBSCRIBED: [(&str, Tier, &str); 5] = [
    ("app_mention", Tier::Read, "app_mentions:read"),
    ("reaction_added", Tier::Respond, "reactions:read"),
    ("reaction_removed", Tier::Respond, "reactions:read"),
    // Messages of channels are read for one thing: what was changed or deleted after it was marked.
    ("message.channels", Tier::Respond, "channels:history"),
    ("message.groups", Tier::Respond, "groups:history"),
];

/// What an event means.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    /// A line that begins with the bot's name: the rest is a command.
    Mention(Mention),
    /// A message was marked, or changed.
    Mark(ChatMark),
    /// Nothing that is acted on, by its type.
    Other(String),
}

/// A line that begins with the bot's name.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mention {
    pub(crate) user: String,
    pub(crate) channel: String,
    /// The thread that it stands in.
    pub(crate) thread: Option<String>,
    /// What follows the name.
    pub(crate) words: String,
}

/// The id that makes a redelivery fall away.
pub(crate) fn id(body: &[u8]) -> String {
    let envelope: Value = serde_json::from_slice(body).unwrap_or_default();
    text(&envelope, "/event_id").chars().take(100).collect()
}

/// Reads an event's body. Total: what does not read is of no use.
pub(crate) fn read(body: &[u8]) -> Event {
    let Ok(envelope) = serde_json::from_slice::<Value>(body) else {
        return Event::Other("no JSON".to_owned());
    };
    let event = envelope.get("event").unwrap_or(&Value::Null);
    let kind = text(event, "/type");
    let bot = text(&envelope, "/authorizations/0/user_id");
    let useful = match kind {
        "app_mention" => mention(event, bot).map(Event::Mention),
        "reaction_added" | "reaction_removed" => reaction(event, kind, bot).map(Event::Mark),
        "message" => followed(event, text(&envelope, "/api_app_id")).map(Event::Mark),
        _ => None,
    };
    useful.unwrap_or_else(|| Event::Other(kind.chars().take(60).collect()))
}

/// Only what a person wrote, and only as it was written first: an edit is no second command.
fn mention(event: &Value, bot: &str) -> Option<Mention> {
    let is_there = |name: &str| event.get(name).is_some_and(|value| !value.is_null());
    let user = text(event, "/user");
    if is_there("bot_id") || is_there("subtype") || is_there("edited") || user.is_empty() || user == bot {
        return None;
    }
    // Somebody who speaks of the bot in the middle of a sentence asks nothing of it.
    let line = text(event, "/text").trim_start().strip_prefix("<@")?;
    let (mentioned, words) = line.split_once('>')?;
    let mentioned = mentioned.split('|').next().unwrap_or_default();
    if !bot.is_empty() && mentioned != bot {
        return None;
    }
    let thread = text(event, "/thread_ts");
    Some(Mention {
        user: user.to_owned(),
        channel: text(event, "/channel").to_owned(),
        thread: (!thread.is_empty()).then(|| thread.to_owned()),
        words: words.trim().trim_start_matches([',', ':']).trim().to_owned(),
    })
}

fn reaction(event: &Value, kind: &str, bot: &str) -> Option<ChatMark> {
    let (user, channel, ts) = (text(event, "/user"), text(event, "/item/channel"), text(event, "/item/ts"));
    let is_ours = text(event, "/reaction") == PUSHPIN && text(event, "/item/type") == "message";
    if !is_ours || user.is_empty() || user == bot || channel.is_empty() || ts.is_empty() {
        return None;
    }
    let what = match kind {
        "reaction_added" => Marking::Mark { via: Via::Pushpin, given: None },
        _ => Marking::Unmark,
    };
    Some(ChatMark {
        user_id: user.to_owned(),
        channel: channel.to_owned(),
        ts: ts.to_owned(),
        what,
        reply_to: Some(whisper(user, channel)),
    })
}

/// A message that was changed or deleted, unless it is one of ours: cards are edited all the time.
fn followed(event: &Value, app: &str) -> Option<ChatMark> {
    let (message, before) = (event.get("message").unwrap_or(&Value::Null), event.get("previous_message"));
    let channel = text(event, "/channel");
    let is_ours = |message: &Value| !app.is_empty() && text(message, "/app_id") == app;
    if channel.is_empty() || is_ours(message) || before.is_some_and(is_ours) {
        return None;
    }
    let (ts, user, what) = match text(event, "/subtype") {
        "message_deleted" => (text(event, "/deleted_ts"), "", Marking::Deleted),
        // What began a thread leaves a stone in its place.
        "message_changed" if text(message, "/subtype") == "tombstone" => {
            (text(message, "/ts"), "", Marking::Deleted)
        }
        "message_changed" => {
            (text(message, "/ts"), text(message, "/edited/user"), edited(event, message, before)?)
        }
        _ => return None,
    };
    (!ts.is_empty()).then(|| ChatMark {
        user_id: user.to_owned(),
        channel: channel.to_owned(),
        ts: ts.to_owned(),
        what,
        reply_to: None,
    })
}

fn edited(event: &Value, message: &Value, before: Option<&Value>) -> Option<Marking> {
    // Slack says the same of a link that it unfolds, or of a thread that grows; when a file is taken away, the time of the
    // last edit stays as it was.
    let times = [text(message, "/edited/ts"), text(event, "/event_ts"), text(event, "/ts")];
    let version = times.into_iter().max().unwrap_or_default();
    let (words, files) = (said(message), files(message));
    let is_same = before.is_some_and(|before| said(before) == words && self::files(before) == files);
    let is_news = !version.is_empty() && !is_same;
    is_news.then(|| Marking::Edited { text: words, files, version: version.to_owned() })
}

/// To that person alone, in that channel.
pub(crate) fn whisper(user: &str, channel: &str) -> ReplyTo {
    ReplyTo::Person { user: user.to_owned(), channel: channel.to_owned(), thread: None }
}

/// A text by its place, empty where there is none.
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;
