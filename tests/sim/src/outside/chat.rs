//! A chat that keeps what it is sent, as a channel does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use runbook_core::ids::RunId;
use runbook_core::message::{CardView, ChatMessage, PlanView, ProgressView};
use runbook_core::ports::{Attempt, BoxFuture, Chat, ChatReceipt, SendError};

use super::Outside;
use crate::life::Life;
use crate::locked;

/// What the chat holds, and what it does wrong next.
#[derive(Default)]
pub(crate) struct Room {
    /// Channels by key, in order of opening: `C1`, `C2`, ...
    channels: Vec<String>,
    /// Messages in order of posting; their position is their id.
    messages: Vec<(String, ChatMessage)>,
    pub(crate) busy: u32,
    pub(crate) refuses: u32,
    pub(crate) loses_answers: u32,
    /// Messages that were refused for good: nobody will see them.
    pub(crate) refused: Vec<String>,
}

impl Room {
    /// Keys that are there more than once: as a channel, or as messages. Where the chat refused for good the words that are to
    /// stand in a shared channel, what was a card there stays one: then only those of the incident's own channel count.
    pub(crate) fn doubles(&self) -> Vec<String> {
        let mut seen = BTreeMap::new();
        for key in &self.channels {
            *seen.entry(key).or_insert(0) += 1;
        }
        for (key, message) in &self.messages {
            let incident = key.strip_prefix("card/");
            let is_kept = incident.is_some_and(|id| self.refused.contains(&format!("brief/{id}")));
            let own = incident.and_then(|id| self.opened(&format!("channel/{id}")));
            if !is_kept || message.channel() == own.as_deref() {
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
        self.messages.iter().rev().find_map(|(_, message)| match message {
            ChatMessage::Plan { view, .. } if view.run == run => Some(view),
            _ => None,
        })
    }

    /// The progress of a run, as it is shown.
    pub(crate) fn progress(&self, run: RunId) -> Option<&ProgressView> {
        self.messages.iter().rev().find_map(|(_, message)| match message {
            ChatMessage::Progress { view, .. } if view.run == run => Some(view),
            _ => None,
        })
    }

    /// The card of an incident, as it is shown.
    pub(crate) fn card(&self, number: &str) -> Option<&CardView> {
        self.messages.iter().rev().find_map(|(_, message)| match message {
            ChatMessage::Card { view, .. } if view.number == number => Some(view),
            _ => None,
        })
    }

    fn put(&mut self, key: &str, attempt: Attempt<'_>, message: &ChatMessage) -> ChatReceipt {
        let (channel, ts) = match message {
            ChatMessage::OpenChannel { .. } => {
                // its name is taken: the adapter looks whose it is, also at the first attempt
                if self.opened(key).is_none() {
                    self.channels.push(key.to_owned());
                }
                return ChatReceipt { channel: self.opened(key), ..ChatReceipt::default() };
            }
            ChatMessage::Reply { .. } | ChatMessage::Form { .. } | ChatMessage::Invite { .. } => {
                return ChatReceipt::default();
            }
            ChatMessage::Look { channel, ts, given } => {
                let (channel, ts) = (Some(channel.clone()), Some(ts.clone()));
                return ChatReceipt { channel, ts, seen: given.clone() };
            }
            ChatMessage::Card { channel, ts, .. }
            | ChatMessage::Brief { channel, ts, .. }
            | ChatMessage::Plan { channel, ts, .. }
            | ChatMessage::Draft { channel, ts, .. }
            | ChatMessage::Progress { channel, ts, .. } => (channel, ts.as_deref()),
            ChatMessage::Note { channel, .. }
            | ChatMessage::Ask { channel, .. }
            | ChatMessage::Offer { channel, .. }
            | ChatMessage::Upload { channel, .. } => (channel, None),
        };
        let named = ts.and_then(|ts| ts.parse::<usize>().ok());
        let mut channel = channel.clone();
        let known = named.or_else(|| {
            // as the adapter looks: wherever an earlier attempt went
            let spot = message.spot()?;
            attempt.may_be_at(&spot).find_map(|spot| {
                let is_it = |(known, there): &(String, ChatMessage)| {
                    known == key && there.spot().as_ref() == Some(spot)
                };
                let index = self.messages.iter().position(is_it)?;
                channel.clone_from(&spot.channel);
                Some(index)
            })
        });
        let index = match known {
            // what is said stays as it was said
            Some(index) if named.is_none() && !is_live(message) => index,
            Some(index) => {
                // an edit carries the key of what it shows
                self.messages[index] = (key.to_owned(), placed(message, &channel));
                index
            }
            None => {
                self.messages.push((key.to_owned(), message.clone()));
                self.messages.len() - 1
            }
        };
        ChatReceipt { channel: Some(channel), ts: Some(index.to_string()), seen: None }
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
        let receipt = self.put(key, attempt, message);
        if super::take(&mut self.loses_answers) {
            return retry(None, "the connection broke");
        }
        Ok(receipt)
    }
}

/// Whether it shows how things stand.
fn is_live(message: &ChatMessage) -> bool {
    !matches!(
        message,
        ChatMessage::Note { .. }
            | ChatMessage::Ask { .. }
            | ChatMessage::Offer { .. }
            | ChatMessage::Upload { .. }
    )
}

/// The message as it stands where it was found.
fn placed(message: &ChatMessage, at: &str) -> ChatMessage {
    let mut message = message.clone();
    if let ChatMessage::Card { channel, .. }
    | ChatMessage::Brief { channel, .. }
    | ChatMessage::Plan { channel, .. }
    | ChatMessage::Draft { channel, .. }
    | ChatMessage::Progress { channel, .. } = &mut message
    {
        at.clone_into(channel);
    }
    message
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
