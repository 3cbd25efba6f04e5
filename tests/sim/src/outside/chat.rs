//! A chat that keeps what it is sent, as a channel does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use runbook_core::ids::RunId;
use runbook_core::message::{CardView, ChatMessage, PlanView, ProgressView};
use runbook_core::ports::{Attempt, BoxFuture, Chat, ChatReceipt, SendError, Spot};

use super::Outside;
use crate::life::Life;
use crate::locked;

/// What the chat holds, and what it does wrong next.
#[derive(Default)]
pub(crate) struct Room {
    /// Channels by key, in order of opening: `C1`, `C2`, ...
    channels: Vec<String>,
    /// Messages in order of posting; their position is their id.
    messages: Vec<Posted>,
    pub(crate) busy: u32,
    pub(crate) refuses: u32,
    pub(crate) loses_answers: u32,
    /// Messages that were refused for good: nobody will see them.
    pub(crate) refused: Vec<String>,
}

struct Posted {
    key: String,
    /// Where it stands, by the channel's id.
    at: Spot,
    message: ChatMessage,
}

impl Room {
    /// Keys that are there more than once: as a channel, or as messages. Where the chat refused for good the words that are to
    /// stand in a shared channel, what was a card there stays one: then only those of the incident's own channel count.
    pub(crate) fn doubles(&self) -> Vec<String> {
        let mut seen = BTreeMap::new();
        for key in &self.channels {
            *seen.entry(key).or_insert(0) += 1;
        }
        for Posted { key, at, .. } in &self.messages {
            let incident = key.strip_prefix("card/");
            let is_kept = incident.is_some_and(|id| self.refused.contains(&format!("brief/{id}")));
            let own = incident.and_then(|id| self.opened(&format!("channel/{id}")));
            if !is_kept || Some(&at.channel) == own.as_ref() {
                *seen.entry(key).or_insert(0) += 1;
            }
        }
        seen.into_iter().filter(|(_, count)| *count > 1).map(|(key, _)| key.clone()).collect()
    }

    /// The id of the channel that was opened with this key.
    fn opened(&self, key: &str) -> Option<String> {
        self.channels.iter().position(|known| known == key).map(|index| format!("C{}", index + 1))
    }

    /// The plan of a run, as it is shown.
    pub(crate) fn plan(&self, run: RunId) -> Option<&PlanView> {
        self.messages.iter().rev().find_map(|posted| match &posted.message {
            ChatMessage::Plan { view, .. } if view.run == run => Some(view),
            _ => None,
        })
    }

    /// The progress of a run, as it is shown.
    pub(crate) fn progress(&self, run: RunId) -> Option<&ProgressView> {
        self.messages.iter().rev().find_map(|posted| match &posted.message {
            ChatMessage::Progress { view, .. } if view.run == run => Some(view),
            _ => None,
        })
    }

    /// The card of an incident, as it is shown.
    pub(crate) fn card(&self, number: &str) -> Option<&CardView> {
        self.messages.iter().rev().find_map(|posted| match &posted.message {
            ChatMessage::Card { view, .. } if view.number == number => Some(view),
            _ => None,
        })
    }

    fn put(
        &mut self,
        key: &str,
        attempt: Attempt<'_>,
        message: &ChatMessage,
    ) -> Result<ChatReceipt, SendError> {
        match message {
            ChatMessage::OpenChannel { .. } => {
                // its name is taken: the adapter looks whose it is, also at the first attempt
                if self.opened(key).is_none() {
                    self.channels.push(key.to_owned());
                }
                return Ok(ChatReceipt { channel: self.opened(key), ..ChatReceipt::default() });
            }
            ChatMessage::Reply { .. } | ChatMessage::Form { .. } | ChatMessage::Invite { .. } => {
                return Ok(ChatReceipt::default());
            }
            ChatMessage::Look { channel, ts, given } => {
                let (channel, ts) = (Some(channel.clone()), Some(ts.clone()));
                return Ok(ChatReceipt { channel, ts, seen: given.clone() });
            }
            _ => {}
        }
        let Some(spot) = message.spot() else { return Ok(ChatReceipt::default()) };
        let named = message.edits().and_then(|ts| ts.parse::<usize>().ok());
        let known = named.or_else(|| {
            // as the adapter looks: wherever an earlier attempt went
            attempt.may_be_at(&spot).find_map(|spot| {
                self.messages.iter().position(|posted| posted.key == key && posted.at == place_of(spot))
            })
        });
        let index = match known {
            // what is said stays as it was said
            Some(index) if named.is_none() && !message.is_live() => index,
            Some(index) => {
                let posted = &mut self.messages[index];
                if named.is_some() && posted.at.channel != id_of(&spot.channel) {
                    return Err(SendError::Permanent { reason: "message_not_found".to_owned() });
                }
                // an edit carries the key of what it shows
                (posted.key, posted.message) = (key.to_owned(), message.clone());
                index
            }
            None => {
                let at = place_of(&spot);
                self.messages.push(Posted { key: key.to_owned(), at, message: message.clone() });
                self.messages.len() - 1
            }
        };
        let channel = Some(self.messages[index].at.channel.clone());
        Ok(ChatReceipt { channel, ts: Some(index.to_string()), seen: None })
    }

    fn send(
        &mut self,
        key: &str,
        attempt: Attempt<'_>,
        message: &ChatMessage,
    ) -> Result<ChatReceipt, SendError> {
        let retry = |after_ms, reason: &str| Err(SendError::Retry { after_ms, reason: reason.to_owned() });
        if super::take(&mut self.busy) {
            return retry(Some(3_000), "rate limited");
        }
        if super::take(&mut self.refuses) {
            self.refused.push(key.to_owned());
            return Err(SendError::Permanent { reason: "channel_not_found".to_owned() });
        }
        let receipt = self.put(key, attempt, message)?;
        if super::take(&mut self.loses_answers) {
            return retry(None, "the connection broke");
        }
        Ok(receipt)
    }
}

/// The channel's id, by which the chat answers whatever name it was called by: names are lowercase, and ids are not.
fn id_of(channel: &str) -> String {
    let is_id = !channel.contains(|c: char| c.is_ascii_lowercase());
    if is_id { channel.to_owned() } else { format!("C{}", channel.to_ascii_uppercase()) }
}

/// Where a message stands that is to stand there.
fn place_of(spot: &Spot) -> Spot {
    Spot { channel: id_of(&spot.channel), thread: spot.thread.clone() }
}

/// The way to the chat; one per life.
pub(crate) struct ChatRoom {
    pub(crate) outside: Arc<Mutex<Outside>>,
    pub(crate) life: Life,
}

impl Chat for ChatRoom {
    fn send<'a>(
        &'a self,
        key: &'a str,
        attempt: Attempt<'a>,
        message: &'a ChatMessage,
    ) -> BoxFuture<'a, Result<ChatReceipt, SendError>> {
        Box::pin(async move {
            self.life.point().await;
            let result = {
                let mut outside = locked(&self.outside);
                outside.count("message");
                let result = outside.chat.send(key, attempt, message);
                outside.tell(|| format!("message {key} attempt {} {message:?}: {result:?}", attempt.number));
                result
            };
            self.life.point().await;
            result
        })
    }
}
