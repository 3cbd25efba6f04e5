//! Channels are configured by name, and most of Slack's methods know them by id alone.
//!
//! Posting takes both, and its answer tells the id; other than that the list of channels does. What is known is kept: a channel
//! keeps its id for ever, and one whose name has gone to another channel is found again in the list after a restart.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use runbook_core::ports::SendError;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::call::CallError;
use super::{Method, NextPage, SlackChat, read};

/// Channels of one page, and how many pages are looked through.
const PAGE: &str = "1000";
pub(super) const PAGES: usize = 20;
/// Both kinds of channels.
pub(super) const EVERY_KIND: &str = "public_channel,private_channel";
/// Beyond so many names all are forgotten.
const MANY: usize = 1_024;
/// So long a name that the list did not have is not looked for again: reading all of it costs most of a minute's calls.
const MISSED: Duration = Duration::from_secs(300);

/// Ids by name, without `#`.
#[derive(Debug, Default)]
pub(super) struct Names(Mutex<HashMap<String, Known>>);

#[derive(Debug, Clone)]
enum Known {
    Id(String),
    /// There was none when the list was read.
    Missed(Instant),
}

impl Names {
    /// This is where a message for `channel` went.
    pub(super) fn learn(&self, channel: &str, id: &str) {
        if !is_id(channel) && is_id(id) {
            self.keep(channel, Known::Id(id.to_owned()));
        }
    }

    fn keep(&self, channel: &str, what: Known) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MANY {
            known.clear();
        }
        known.insert(bare(channel).to_owned(), what);
    }

    /// The id, as far as it is known.
    pub(super) fn id(&self, channel: &str) -> Option<String> {
        self.known(channel).flatten()
    }

    /// What is known of it; `None` where the list is to be read.
    fn known(&self, channel: &str) -> Option<Option<String>> {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).get(bare(channel))? {
            Known::Id(id) => Some(Some(id.clone())),
            Known::Missed(at) => (at.elapsed() < MISSED).then_some(None),
        }
    }
}

/// Names are lowercase, and ids are not.
fn is_id(channel: &str) -> bool {
    channel.starts_with(['C', 'D', 'G', 'U', 'W']) && !channel.contains(|c: char| c.is_ascii_lowercase())
}

/// The name as Slack has it.
pub(super) fn bare(name: &str) -> &str {
    name.trim_start_matches('#')
}

#[derive(Deserialize)]
struct Named {
    id: String,
    #[serde(default)]
    name: Option<String>,
}

#[derive(Deserialize)]
struct Channels<T> {
    channels: Vec<T>,
    #[serde(default)]
    response_metadata: Option<NextPage>,
}

impl SlackChat {
    /// The channel's id; `None` where there is none of that name, or the list may not be read.
    ///
    /// # Errors
    /// When it may be known later.
    pub(super) async fn channel_id(&self, channel: &str) -> Result<Option<String>, SendError> {
        if is_id(channel) {
            return Ok(Some(channel.to_owned()));
        }
        if let Some(known) = self.names.known(channel) {
            return Ok(known);
        }
        let mut cursor = None;
        for _ in 0..PAGES {
            let page = self.channel_page::<Named>((EVERY_KIND, true), cursor.as_ref());
            let (channels, next) = match page.await.map_err(|error| error.into_send(Method::ListChannels)) {
                Ok(page) => page,
                Err(SendError::Permanent { reason }) => {
                    tracing::warn!(channel, reason, "the channel's id cannot be found out");
                    return Ok(None);
                }
                Err(retry) => return Err(retry),
            };
            for one in channels {
                if one.name.as_deref() == Some(bare(channel)) {
                    self.names.learn(channel, &one.id);
                    return Ok(Some(one.id));
                }
            }
            cursor = next;
            if cursor.is_none() {
                break;
            }
        }
        self.names.keep(channel, Known::Missed(Instant::now()));
        Ok(None)
    }

    /// One page of the channels of these kinds, without the archived ones where `open` says so, and where the next begins.
    pub(super) async fn channel_page<T: DeserializeOwned>(
        &self,
        (kinds, open): (&str, bool),
        cursor: Option<&String>,
    ) -> Result<(Vec<T>, Option<String>), CallError> {
        let (kinds, open, limit) = (kinds.to_owned(), open.then(|| "true".to_owned()), PAGE.to_owned());
        let params = vec![
            ("types", Some(&kinds)),
            ("exclude_archived", open.as_ref()),
            ("limit", Some(&limit)),
            ("cursor", cursor),
        ];
        let page: Channels<T> = self.get(Method::ListChannels, &params).await.and_then(read)?;
        let next = page.response_metadata.and_then(|next| next.next_cursor).filter(|next| !next.is_empty());
        Ok((page.channels, next))
    }
}
