//! What `blocks doctor` asks of Slack: whose token it is, what it may do, whether both clocks agree, and whether the
//! channels that are written to are there. Nothing is changed by any of it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use runbook_core::ports::SendError;
use serde::Deserialize;
use serde_json::Value;

use super::call::CallError;
use super::names::{EVERY_KIND, PAGES};
use super::{Method, SlackChat, read};

/// The header with the token's scopes, on every answer (docs.slack.dev, "Working with scopes").
const SCOPES: &str = "x-oauth-scopes";

/// What Slack says of a bot token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// The bot and its workspace, for people.
    pub who: String,
    /// The scopes that the token has; `None` where something in between has taken the header away.
    pub scopes: Option<BTreeSet<String>>,
    /// Seconds by which this machine's clock is ahead of Slack's; `None` where its answer has no date.
    pub ahead_s: Option<i64>,
}

/// How a channel that is written to stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelHealth {
    /// Messages can be posted there.
    Ready,
    /// It is public, and the bot is no member: the scope `chat:write.public` lets it write.
    NotIn,
    /// It is archived.
    Archived,
    /// There is none of that name, or it is private and the bot is not in it.
    Unknown,
}

impl SlackChat {
    /// Asks whose token this is. `now` is this machine's clock.
    ///
    /// # Errors
    /// When Slack does not take the token, or does not answer.
    pub async fn health(&self, now: impl Fn() -> DateTime<Utc>) -> Result<Health, SendError> {
        let method = Method::AuthTest;
        // the library hides the headers of an answer
        let asked = async {
            let answer = self.plain.post(format!("{}/{method}", self.api_url));
            let answer = answer.bearer_auth(&self.token.token_value.0).send().await?;
            let (status, headers) = (answer.status(), answer.headers().clone());
            let at = now();
            Ok::<_, reqwest::Error>((status, headers, at, answer.json::<Value>().await.ok()))
        };
        let silent = |_| CallError::Unreachable("the connection failed").into_send(method);
        let (status, headers, at, answer) = match tokio::time::timeout(self.limit, asked).await {
            Ok(asked) => asked.map_err(silent)?,
            Err(_) => return Err(CallError::Unreachable("no answer in time").into_send(method)),
        };
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let answer = match answer {
            Some(answer) if status.is_success() => answer,
            _ if status.is_success() => return Err(CallError::Unreadable.into_send(method)),
            _ => return Err(CallError::Status(status.as_u16()).into_send(method)),
        };
        if answer["ok"] != true {
            let word = super::call::word(answer["error"].as_str().unwrap_or("no reason"));
            return Err(CallError::Refused { word, detail: None }.into_send(method));
        }
        let named = |field: &str| answer[field].as_str().unwrap_or("?").to_owned();
        let scopes = text(SCOPES).map(|scopes| {
            scopes.split(',').map(|scope| scope.trim().to_owned()).filter(|scope| !scope.is_empty()).collect()
        });
        let date = text("date").and_then(|date| DateTime::parse_from_rfc2822(date).ok());
        Ok(Health {
            who: format!("the bot {} of {} is let in", named("user"), named("team")),
            scopes,
            ahead_s: date.map(|date| (at - date.with_timezone(&Utc)).num_seconds()),
        })
    }

    /// The ids of those who are in a user group.
    ///
    /// # Errors
    /// When there is none of that id, the scope is missing, or Slack does not answer.
    pub async fn group_members(&self, group: &str) -> Result<Vec<String>, SendError> {
        let (method, group) = (Method::GroupMembers, group.to_owned());
        let members = self.get(method, &vec![("usergroup", Some(&group))]).await.and_then(read::<Members>);
        members.map(|members| members.users).map_err(|error| error.into_send(method))
    }

    /// Looks for channels by their names, without `#`.
    ///
    /// # Errors
    /// When Slack does not list them: without `channels:read` it refuses.
    pub async fn channels(
        &self,
        names: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, ChannelHealth>, SendError> {
        let mut found: BTreeMap<String, ChannelHealth> =
            names.iter().map(|name| (name.clone(), ChannelHealth::Unknown)).collect();
        let mut cursor: Option<String> = None;
        for _ in 0..PAGES {
            let page = self.channel_page::<ListedChannel>((EVERY_KIND, false), cursor.as_ref()).await;
            let (channels, next) = page.map_err(|error| error.into_send(Method::ListChannels))?;
            for channel in channels {
                // an id may stand where a name does
                for name in [Some(&channel.id), channel.name.as_ref()].into_iter().flatten() {
                    if let Some(known) = found.get_mut(name) {
                        *known = channel.health();
                    }
                }
            }
            cursor = next;
            if cursor.is_none() {
                break;
            }
        }
        Ok(found)
    }
}

#[derive(Deserialize)]
struct Members {
    users: Vec<String>,
}

#[derive(Deserialize)]
struct ListedChannel {
    id: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    is_archived: bool,
    #[serde(default)]
    is_member: bool,
}

impl ListedChannel {
    fn health(&self) -> ChannelHealth {
        match (self.is_archived, self.is_member) {
            (true, _) => ChannelHealth::Archived,
            (false, true) => ChannelHealth::Ready,
            (false, false) => ChannelHealth::NotIn,
        }
    }
}
