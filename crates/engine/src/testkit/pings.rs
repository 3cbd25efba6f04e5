//! What makes a telephone ring: counted where messages are posted.
//!
//! An edit notifies nobody in Slack, also when it adds a mention, so edits are not counted. An answer that only the person
//! sees who asked for it calls nobody either. Being invited to the incident's channel is not counted.

use runbook_core::message::ChatMessage;
use runbook_core::ports::PagerCall;
use serde_json::Value;

use super::{World, locked};

/// How Slack writes a mention of a person, of whoever is there, of a channel, of a group.
const MENTIONS: [&str; 5] = ["<@", "<!here", "<!channel", "<!everyone", "<!subteam"];

/// Why posting this message calls somebody; `None` when it does not.
pub(crate) fn ping(message: &ChatMessage) -> Option<String> {
    if matches!(
        message,
        ChatMessage::Reply { .. } | ChatMessage::OpenChannel { .. } | ChatMessage::Invite { .. }
    ) {
        return None;
    }
    let value = serde_json::to_value(message).expect("our own message serialises");
    calls(&value).map(|why| format!("{why}: {value}"))
}

fn calls(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => {
            MENTIONS.iter().find(|mention| text.contains(**mention)).map(|found| format!("it holds {found}"))
        }
        Value::Array(items) => items.iter().find_map(calls),
        Value::Object(fields) => fields.iter().find_map(|(name, value)| match (name.as_str(), value) {
            // whom the adapter is to mention
            ("mention", Value::String(who)) => Some(format!("it mentions {who}")),
            ("channel", Value::String(place)) if place.starts_with(['D', 'U']) => {
                Some(format!("it is for {place} directly"))
            }
            _ => calls(value),
        }),
        _ => None,
    }
}

/// Every ping so far: of the chat, and pages of ours through the pager.
pub(crate) fn pings(world: &World) -> Vec<String> {
    let pages = locked(&world.pager).calls.clone().into_iter().filter_map(|call| match call {
        PagerCall::Page { title, .. } => Some(format!("a page: {title}")),
        _ => None,
    });
    let mut all = locked(&world.chat).pings.clone();
    all.extend(pages);
    all
}
