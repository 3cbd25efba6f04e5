//! Opening an incident's channel, once.

use runbook_core::message::Bookmark;
use runbook_core::ports::{ChatReceipt, SendError};
use serde::Deserialize;
use serde_json::json;
use slack_morphism::prelude::{
    SlackApiConversationsCreateRequest, SlackApiConversationsSetPurposeRequest,
    SlackApiConversationsSetTopicRequest,
};

use super::call::CallError;
use super::names::PAGES;
use super::{Method, SlackChat, read};
use crate::render::text::{line, prose};

/// Longest channel name.
const NAME_MAX: usize = 80;
/// Longest topic and purpose.
const TOPIC_MAX: usize = 250;
/// Slack takes so many people in one call.
const INVITED_AT_ONCE: usize = 100;
/// Longest title of a bookmark; Slack cuts what is longer.
const BOOKMARK_MAX: usize = 60;
/// How many suffixes are tried for a name that is taken.
const SUFFIXES: u32 = 20;

/// The channel that is to be there.
pub(super) struct Wanted<'a> {
    pub(super) name: &'a str,
    pub(super) topic: &'a str,
    pub(super) private: bool,
    pub(super) bookmarks: &'a [Bookmark],
}

impl SlackChat {
    /// Opens the channel, or finds the one that an earlier attempt opened. Its purpose carries the key.
    pub(super) async fn open_channel(
        &self,
        key: &str,
        attempt: u32,
        wanted: &Wanted<'_>,
        invite: &[String],
    ) -> Result<ChatReceipt, SendError> {
        // what Slack refused for its limits alone opened nothing, and looking is dear
        let is_clean = self.certain.nothing_before(key, attempt);
        let existing = if is_clean { None } else { self.find_channel(key, wanted).await? };
        let channel = match existing {
            Some(channel) => channel,
            None => self.create_channel(key, attempt, wanted).await?,
        };
        self.certain.forget(key);
        // The purpose first: from then on the channel can be recognised.
        let purpose = line(&format!("Opened by Blocks ({key})"), TOPIC_MAX);
        let request = SlackApiConversationsSetPurposeRequest::new(channel.as_str().into(), purpose);
        let set = self.post(Method::SetPurpose, &request).await;
        go_on(Method::SetPurpose, set.map(drop))?;
        let request = SlackApiConversationsSetTopicRequest::new(
            channel.as_str().into(),
            prose(&self.word, wanted.topic, TOPIC_MAX),
        );
        let set = self.post(Method::SetTopic, &request).await;
        go_on(Method::SetTopic, set.map(drop))?;
        self.invite(&channel, invite).await?;
        self.bookmark(&channel, attempt, wanted.bookmarks).await;
        Ok(ChatReceipt { channel: Some(channel), ..ChatReceipt::default() })
    }

    /// Puts links at the top; those that an earlier attempt put there are not put there again. A channel without them is a
    /// channel, and nobody waits for them: what cannot be at once is said in the log.
    async fn bookmark(&self, channel: &str, attempt: u32, wanted: &[Bookmark]) {
        let not_there = |method: Method, error: CallError| {
            tracing::warn!(%method, reason = %error.into_send(method), "the channel is open, without its bookmarks");
        };
        let mut there = Vec::new();
        if attempt > 1 && !wanted.is_empty() {
            let id = channel.to_owned();
            let listed = self.get(Method::ListBookmarks, &vec![("channel_id", Some(&id))]).await;
            match listed.and_then(read::<Bookmarks>) {
                Ok(listed) => there = listed.bookmarks.into_iter().filter_map(|one| one.link).collect(),
                // without a look they might stand there twice
                Err(error) => return not_there(Method::ListBookmarks, error),
            }
        }
        for one in wanted.iter().filter(|one| !there.contains(&one.url)) {
            let title = line(&one.title, BOOKMARK_MAX);
            let body = json!({"channel_id": channel, "title": title, "type": "link", "link": one.url});
            if let Err(error) = self.post(Method::AddBookmark, &body).await {
                not_there(Method::AddBookmark, error);
            }
        }
    }

    async fn create_channel(
        &self,
        key: &str,
        attempt: u32,
        wanted: &Wanted<'_>,
    ) -> Result<String, SendError> {
        let (method, name) = (Method::CreateChannel, wanted.name);
        for suffix in 1..=SUFFIXES {
            let mut request = SlackApiConversationsCreateRequest::new(suffixed(name, suffix));
            if wanted.private {
                request = request.with_is_private(true);
            }
            let created = self.post(method, &request).await.and_then(read::<Created>);
            match created {
                Ok(created) => return Ok(created.channel.id),
                Err(error) if error.is_one_of(&["name_taken"]) => {
                    // It may be ours, from an attempt whose answer was lost.
                    if suffix == 1
                        && let Some(found) = self.find_channel(key, wanted).await?
                    {
                        return Ok(found);
                    }
                }
                Err(error) => {
                    if error.is_limit() && self.certain.nothing_before(key, attempt) {
                        self.certain.refused(key, attempt);
                    }
                    return Err(error.into_send(method));
                }
            }
        }
        let reason = format!(
            "slack has channels `{name}` to `{name}-{SUFFIXES}` already\nhint: rename or delete old ones: archived channels keep their names"
        );
        Err(SendError::Permanent { reason })
    }

    /// The channel that carries the key, or one of these names that we made and that carries nothing yet.
    async fn find_channel(&self, key: &str, wanted: &Wanted<'_>) -> Result<Option<String>, SendError> {
        let (method, name) = (Method::ListChannels, wanted.name);
        let kind = if wanted.private { "private_channel" } else { "public_channel" };
        let me =
            self.post(Method::AuthTest, &json!({})).await.and_then(read::<Me>).ok().and_then(|me| me.user_id);
        let names: Vec<String> = (1..=SUFFIXES).map(|suffix| suffixed(name, suffix)).collect();
        let mut cursor: Option<String> = None;
        let mut unmarked = None;
        for _ in 0..PAGES {
            let page = self.channel_page::<Channel>((kind, true), cursor.as_ref()).await;
            let (channels, next) = match page {
                Ok(page) => page,
                Err(error) => match error.into_send(method) {
                    SendError::Permanent { reason } => {
                        tracing::warn!(reason, "cannot look for an earlier channel; opening one");
                        return Ok(None);
                    }
                    retry => return Err(retry),
                },
            };
            for channel in channels {
                if channel.carries(key) {
                    return Ok(Some(channel.id));
                }
                let ours = me.is_some() && channel.creator == me;
                if ours && channel.is_bare() && channel.name.as_ref().is_some_and(|name| names.contains(name))
                {
                    unmarked.get_or_insert(channel.id);
                }
            }
            cursor = next;
            if cursor.is_none() {
                break;
            }
        }
        Ok(unmarked)
    }

    /// Invites one person, who may be there already.
    pub(super) async fn let_in(&self, channel: &str, who: &str) -> Result<ChatReceipt, SendError> {
        let one = json!({"channel": channel, "users": who});
        match self.post(Method::Invite, &one).await {
            Err(error) if !error.is_one_of(&["already_in_channel", "cant_invite_self"]) => {
                Err(error.into_send(Method::Invite))
            }
            _ => Ok(ChatReceipt::default()),
        }
    }

    /// Invites everybody at once, or, when one of them stands in the way, one by one.
    async fn invite(&self, channel: &str, people: &[String]) -> Result<(), SendError> {
        for some in people.chunks(INVITED_AT_ONCE) {
            self.invite_some(channel, some).await?;
        }
        Ok(())
    }

    async fn invite_some(&self, channel: &str, people: &[String]) -> Result<(), SendError> {
        let method = Method::Invite;
        let all = json!({"channel": channel, "users": people.join(","), "force": true});
        match self.post(method, &all).await {
            Ok(_) => return Ok(()),
            Err(error) if people.len() == 1 => return go_on(method, Err(error)),
            Err(error @ CallError::Refused { .. }) => {
                if let retry @ SendError::Retry { .. } = error.into_send(method) {
                    return Err(retry);
                }
            }
            Err(error) => return Err(error.into_send(method)),
        }
        for person in people {
            let one = json!({"channel": channel, "users": person});
            go_on(method, self.post(method, &one).await.map(drop))?;
        }
        Ok(())
    }
}

/// A channel without topic, or without one of its people, is a channel: what cannot be is said in the log, and only
/// what may work later makes the message try again.
fn go_on(method: Method, outcome: Result<(), CallError>) -> Result<(), SendError> {
    let Err(error) = outcome else { return Ok(()) };
    if error.is_one_of(&["already_in_channel", "cant_invite_self"]) {
        return Ok(());
    }
    match error.into_send(method) {
        SendError::Permanent { reason } => {
            tracing::warn!(%method, reason, "the channel is open, but not as it should be");
            Ok(())
        }
        retry => Err(retry),
    }
}

/// The wanted name, or its n-th variant, within Slack's length.
fn suffixed(name: &str, suffix: u32) -> String {
    let suffix = if suffix == 1 { String::new() } else { format!("-{suffix}") };
    let kept: String = name.chars().take(NAME_MAX - suffix.len()).collect();
    format!("{kept}{suffix}")
}

#[derive(Deserialize)]
struct Created {
    channel: CreatedChannel,
}

#[derive(Deserialize)]
struct CreatedChannel {
    id: String,
}

#[derive(Deserialize)]
struct Bookmarks {
    #[serde(default)]
    bookmarks: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    #[serde(default)]
    link: Option<String>,
}

#[derive(Deserialize)]
struct Me {
    #[serde(default)]
    user_id: Option<String>,
}

#[derive(Deserialize)]
struct Channel {
    id: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    creator: Option<String>,
    #[serde(default)]
    purpose: Option<Described>,
    #[serde(default)]
    topic: Option<Described>,
}

#[derive(Deserialize)]
struct Described {
    #[serde(default)]
    value: String,
}

impl Channel {
    /// In parentheses, so that no key is part of another one.
    fn carries(&self, key: &str) -> bool {
        let marked = format!("({})", line(key, TOPIC_MAX));
        self.purpose.iter().chain(&self.topic).any(|text| text.value.contains(&marked))
    }

    fn is_bare(&self) -> bool {
        self.purpose.iter().chain(&self.topic).all(|text| text.value.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_within_the_limit() {
        assert_eq!(suffixed("inc-1-flowengine", 1), "inc-1-flowengine");
        assert_eq!(suffixed("inc-1-flowengine", 3), "inc-1-flowengine-3");
        assert_eq!(suffixed(&"x".repeat(90), 12).len(), NAME_MAX);
    }
}
