//! A chat that keeps what it is sent, as a channel does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use runbook_core::form::Form;
use runbook_core::ids::RunId;
use runbook_core::message::{CardView, ChatMessage, PlanView, ReplyTo};
use runbook_core::ports::{Attempt, BoxFuture, Chat, ChatReceipt, Quote, SendError, Spot};
use tokio::time::Instant;

use super::pings::ping;
use super::{Life, Sabotage, World, locked};

/// How a send goes wrong.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ChatFault {
    /// Refused for now; the other side may say for how long, in milliseconds.
    Retry(Option<u64>),
    /// Refused for good.
    Permanent,
    /// It arrives, and the answer is lost.
    AnswerLost,
    /// It arrives after so many milliseconds.
    Slow(u64),
    /// It arrives, and is answered after so many milliseconds.
    AnswerLate(u64),
}

/// What the chat system holds.
#[derive(Default)]
pub(crate) struct ChatState {
    /// Channels by key, in order of opening; `C1`, `C2`, ...
    pub(crate) channels: Vec<(String, String)>,
    /// Who was let in where, later than all.
    pub(crate) let_in: Vec<(String, String)>,
    /// Messages in order of posting; their position is their id.
    pub(crate) messages: Vec<Posted>,
    /// Answers for single people: address and text.
    pub(crate) replies: Vec<(String, String)>,
    /// How long its limits hold back the opening of a channel.
    pub(crate) channel_delay: Option<std::time::Duration>,
    /// How long the chat's limits hold back edits that show nothing that somebody waits for.
    pub(crate) routine_delay: Option<std::time::Duration>,
    /// Who is in which group; of others nothing is told.
    pub(crate) groups: BTreeMap<String, Vec<String>>,
    /// Forms that were opened, in order.
    pub(crate) forms: Vec<Form>,
    /// What people have written, by the message's id.
    pub(crate) said: BTreeMap<String, Quote>,
    /// Every try, refused ones included: when, key, attempt.
    pub(crate) tries: Vec<(Instant, String, u32)>,
    /// Messages that called somebody when they were posted, and why.
    pub(crate) pings: Vec<String>,
    /// Messages that cannot be edited any more, by their position: deleted, or too old for the workspace.
    pub(crate) frozen: BTreeSet<usize>,
    /// What goes wrong next with keys that begin so.
    pub(crate) faults: Vec<(&'static str, ChatFault)>,
}

/// One message and how often it was edited.
#[derive(Debug, Clone)]
pub(crate) struct Posted {
    pub(crate) key: String,
    pub(crate) edits: usize,
    /// Where it stands, by the channel's id.
    pub(crate) at: Spot,
    pub(crate) message: ChatMessage,
}

impl ChatState {
    /// The messages of one kind, by how their key begins.
    pub(crate) fn of(&self, prefix: &str) -> Vec<&Posted> {
        self.messages.iter().filter(|posted| posted.key.starts_with(prefix)).collect()
    }

    /// What can still be edited, by position.
    pub(crate) fn editable(&self) -> impl Iterator<Item = (usize, &Posted)> {
        self.messages.iter().enumerate().filter(|(index, _)| !self.frozen.contains(index))
    }

    /// What the newest card shows.
    pub(crate) fn card(&self) -> Option<CardView> {
        self.messages.iter().rev().find_map(|posted| match &posted.message {
            ChatMessage::Card { view, .. } => Some(view.clone()),
            _ => None,
        })
    }

    /// The plan of a run, as it is shown.
    pub(crate) fn plan(&self, id: RunId) -> Option<PlanView> {
        self.messages.iter().find_map(|posted| match &posted.message {
            ChatMessage::Plan { view, .. } if view.run == id => Some(view.clone()),
            _ => None,
        })
    }

    /// What the buttons of a run's progress answer, as it is shown.
    pub(crate) fn progress_asked(&self, id: RunId) -> Option<String> {
        self.messages.iter().rev().find_map(|posted| match &posted.message {
            ChatMessage::Progress { view, .. } if view.run == id => view.asked.clone(),
            _ => None,
        })
    }

    /// The answer that went to this address.
    pub(crate) fn answer(&self, to: &str) -> Option<String> {
        self.replies.iter().rev().find(|(address, _)| address == to).map(|(_, text)| text.clone())
    }

    /// Notes in the order in which they came.
    pub(crate) fn notes(&self) -> Vec<String> {
        let text = |posted: &Posted| match &posted.message {
            ChatMessage::Note { text, .. } => Some(text.clone()),
            _ => None,
        };
        self.messages.iter().filter_map(text).collect()
    }

    /// Who was mentioned with what, in the order in which it came.
    pub(crate) fn asks(&self) -> Vec<(Option<String>, String)> {
        let ask = |posted: &Posted| match &posted.message {
            ChatMessage::Ask { mention, text, .. } | ChatMessage::Offer { mention, text, .. } => {
                Some((mention.clone(), text.clone()))
            }
            _ => None,
        };
        self.messages.iter().filter_map(ask).collect()
    }

    fn put(
        &mut self,
        key: &str,
        attempt: Attempt<'_>,
        message: &ChatMessage,
    ) -> Result<ChatReceipt, SendError> {
        match message {
            ChatMessage::OpenChannel { name, .. } => {
                let known = self.channels.iter().position(|(known, _)| known == key);
                let known = known.filter(|_| attempt.number > 1);
                let index = known.unwrap_or_else(|| {
                    self.channels.push((key.to_owned(), name.clone()));
                    self.channels.len() - 1
                });
                return Ok(ChatReceipt {
                    channel: Some(format!("C{}", index + 1)),
                    ..ChatReceipt::default()
                });
            }
            ChatMessage::Invite { channel, who } => {
                self.let_in.push((channel.clone(), who.clone()));
                return Ok(ChatReceipt::default());
            }
            ChatMessage::Reply { to, text, .. } => {
                let to = match to {
                    ReplyTo::Address(address) => address.clone(),
                    ReplyTo::Person { user, channel, thread } => {
                        format!("{user} in {channel} {}", thread.as_deref().unwrap_or("-"))
                    }
                };
                self.replies.push((to, text.clone()));
                return Ok(ChatReceipt::default());
            }
            ChatMessage::Form { trigger, form } => {
                if trigger == "expired" {
                    return Err(SendError::Permanent { reason: "expired_trigger_id".to_owned() });
                }
                self.forms.push((**form).clone());
                return Ok(ChatReceipt::default());
            }
            ChatMessage::Look { channel, ts, given } => {
                let said = self.said.get(ts).cloned().or_else(|| given.as_deref().cloned());
                let Some(said) = said else {
                    return Err(SendError::Permanent {
                        reason: "the message is not there any more".to_owned(),
                    });
                };
                let (channel, ts) = (Some(channel.clone()), Some(ts.clone()));
                return Ok(ChatReceipt { channel, ts, seen: Some(Box::new(said)) });
            }
            _ => {}
        }
        let Some(spot) = message.spot() else { return Ok(ChatReceipt::default()) };
        let named = message.edits().map(|ts| ts.parse::<usize>().unwrap());
        let editable = named.filter(|index| !self.frozen.contains(index));
        let index = editable.or_else(|| {
            // as the adapter looks: wherever an earlier attempt went, but for the copy that cannot be edited
            attempt.may_be_at(&spot).find_map(|spot| {
                self.messages.iter().enumerate().position(|(index, posted)| {
                    posted.key == key && posted.at == place_of(spot) && named != Some(index)
                })
            })
        });
        let index = match index {
            // what is said stays as it was said
            Some(index) if editable.is_none() && !message.is_live() => index,
            Some(index) => {
                let posted = self.messages.get_mut(index).expect("an edit names a message that is there");
                if editable.is_some() && posted.at.channel != id_of(&spot.channel) {
                    return Err(SendError::Permanent { reason: "message_not_found".to_owned() });
                }
                posted.edits += 1;
                key.clone_into(&mut posted.key);
                posted.message = message.clone();
                index
            }
            None => {
                self.pings.extend(ping(message));
                let at = place_of(&spot);
                self.messages.push(Posted { key: key.to_owned(), edits: 0, at, message: message.clone() });
                self.messages.len() - 1
            }
        };
        let channel = Some(self.messages[index].at.channel.clone());
        Ok(ChatReceipt { channel, ts: Some(index.to_string()), seen: None })
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
pub(crate) struct FakeChat {
    pub(crate) world: Arc<World>,
    pub(crate) life: Life,
}

impl Chat for FakeChat {
    fn channel_delay(&self) -> Option<std::time::Duration> {
        locked(&self.world.chat).channel_delay
    }

    fn not_before(&self, message: &ChatMessage) -> Option<std::time::Duration> {
        let is_routine = match message {
            ChatMessage::Progress { ts: Some(_), view, .. } => view.question.is_none() && !view.is_over,
            _ => false,
        };
        locked(&self.world.chat).routine_delay.filter(|_| is_routine)
    }

    fn members<'a>(&'a self, group: &'a str) -> BoxFuture<'a, Result<Vec<String>, SendError>> {
        let known = locked(&self.world.chat).groups.get(group).cloned();
        let silent = || SendError::Retry { after_ms: None, reason: "the connection broke".to_owned() };
        Box::pin(async move { known.ok_or_else(silent) })
    }

    fn send<'a>(
        &'a self,
        key: &'a str,
        attempt: Attempt<'a>,
        message: &'a ChatMessage,
    ) -> BoxFuture<'a, Result<ChatReceipt, SendError>> {
        Box::pin(async move {
            self.life.point().await;
            let slow = {
                let mut chat = locked(&self.world.chat);
                let slow = chat.faults.iter().position(|(prefix, fault)| {
                    key.starts_with(prefix) && matches!(fault, ChatFault::Slow(_))
                });
                slow.map(|index| chat.faults.remove(index).1)
            };
            if let Some(ChatFault::Slow(ms)) = slow {
                tokio::time::sleep(std::time::Duration::from_millis(ms)).await;
            }
            let (mut late, number) = (0, attempt.number);
            let blind = self.world.is_sabotaged(Sabotage::PostBlindly);
            let attempt = if blind { Attempt::number(1) } else { attempt };
            let result = {
                let mut chat = locked(&self.world.chat);
                chat.tries.push((Instant::now(), key.to_owned(), number));
                let fault = chat.faults.iter().position(|(prefix, _)| key.starts_with(prefix));
                match fault.map(|index| chat.faults.remove(index).1) {
                    Some(ChatFault::Retry(after_ms)) => {
                        Err(SendError::Retry { after_ms, reason: "rate limited".to_owned() })
                    }
                    Some(ChatFault::Permanent) => {
                        Err(SendError::Permanent { reason: "channel_not_found".to_owned() })
                    }
                    Some(ChatFault::Slow(_)) | None => chat.put(key, attempt, message),
                    Some(ChatFault::AnswerLate(ms)) => {
                        late = ms;
                        chat.put(key, attempt, message)
                    }
                    Some(ChatFault::AnswerLost) => chat.put(key, attempt, message).and_then(|_| {
                        Err(SendError::Retry { after_ms: None, reason: "the connection broke".to_owned() })
                    }),
                }
            };
            if late > 0 {
                tokio::time::sleep(std::time::Duration::from_millis(late)).await;
            }
            self.life.point().await;
            result
        })
    }
}
