//! What the workspace remembers: channels, messages with every version, ephemerals, files, urls, and all calls.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::iso;
use crate::config::{SlackConfig, SlackUser};
use crate::ids;

/// The workspace's fixed ids.
pub(super) const TEAM_ID: &str = "T0SANDBOX";
pub(super) const TEAM_DOMAIN: &str = "sandbox";
pub(super) const APP_ID: &str = "A0BLOCKS";
pub(super) const BOT_ID: &str = "B0BLOCKS";

/// One version of a message; the first is the post itself.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Version {
    pub(super) at: String,
    pub(super) text: String,
    pub(super) blocks: Value,
    pub(super) metadata: Value,
}

/// An emoji that somebody put on a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Reaction {
    pub(super) name: String,
    pub(super) user: String,
}

#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) ts: String,
    pub(super) thread_ts: Option<String>,
    pub(super) broadcast: bool,
    pub(super) user: String,
    pub(super) text: String,
    pub(super) blocks: Value,
    pub(super) attachments: Value,
    pub(super) metadata: Value,
    pub(super) files: Vec<String>,
    pub(super) reactions: Vec<Reaction>,
    pub(super) posted_at: DateTime<Utc>,
    pub(super) edited_ts: Option<String>,
    pub(super) versions: Vec<Version>,
}

impl Message {
    /// Each emoji on it once, with who put it there.
    pub(super) fn marks(&self) -> Vec<(&str, Vec<&str>)> {
        let mut marks: Vec<(&str, Vec<&str>)> = Vec::new();
        for one in &self.reactions {
            match marks.iter_mut().find(|(name, _)| *name == one.name) {
                Some((_, users)) => users.push(&one.user),
                None => marks.push((&one.name, vec![&one.user])),
            }
        }
        marks
    }

    /// Replaces what is shown and keeps the version.
    pub(super) fn edit(
        &mut self,
        text: String,
        blocks: Value,
        metadata: Value,
        ts: String,
        at: DateTime<Utc>,
    ) {
        self.text = text;
        self.blocks = blocks;
        self.metadata = metadata;
        self.edited_ts = Some(ts);
        self.versions.push(self.version(at));
    }

    fn version(&self, at: DateTime<Utc>) -> Version {
        Version {
            at: iso(at),
            text: self.text.clone(),
            blocks: self.blocks.clone(),
            metadata: self.metadata.clone(),
        }
    }
}

/// What a new message holds; the workspace adds `ts` and times.
#[derive(Debug, Clone, Default)]
pub(super) struct Draft {
    pub(super) text: String,
    pub(super) blocks: Value,
    pub(super) attachments: Value,
    pub(super) metadata: Value,
    pub(super) thread_ts: Option<String>,
    pub(super) broadcast: bool,
    pub(super) files: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Channel {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) topic: String,
    pub(super) purpose: String,
    pub(super) created: DateTime<Utc>,
    pub(super) creator: String,
    pub(super) is_private: bool,
    pub(super) is_im: bool,
    pub(super) is_archived: bool,
    pub(super) members: BTreeSet<String>,
    pub(super) messages: Vec<Message>,
    pub(super) pins: Vec<String>,
    pub(super) bookmarks: Vec<Value>,
}

impl Channel {
    pub(super) fn message(&self, ts: &str) -> Option<&Message> {
        self.messages.iter().find(|m| m.ts == ts)
    }

    pub(super) fn message_mut(&mut self, ts: &str) -> Option<&mut Message> {
        self.messages.iter_mut().find(|m| m.ts == ts)
    }
}

/// A message that one user saw and that Slack does not keep. We do.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Ephemeral {
    pub(super) ts: String,
    pub(super) channel: String,
    pub(super) user: String,
    pub(super) text: String,
    pub(super) blocks: Value,
    pub(super) thread_ts: Option<String>,
    /// `chat.postEphemeral`, `command_ack` or `response_url`.
    pub(super) source: &'static str,
    pub(super) response_url_token: Option<String>,
    pub(super) posted_at: String,
    pub(super) deleted: bool,
    pub(super) edits: Vec<Version>,
}

impl Ephemeral {
    /// Replaces what is shown and keeps the version.
    pub(super) fn show(&mut self, text: String, blocks: Value, at: DateTime<Utc>) {
        self.text = text;
        self.blocks = blocks;
        let (text, blocks) = (self.text.clone(), self.blocks.clone());
        self.edits.push(Version { at: iso(at), text, blocks, metadata: Value::Null });
    }
}

/// What a response_url belongs to.
#[derive(Debug, Clone)]
pub(super) struct ResponseUrl {
    pub(super) channel: String,
    pub(super) user: String,
    pub(super) issued: DateTime<Utc>,
    pub(super) uses: u32,
    /// The message that `replace_original` replaces.
    pub(super) original: Option<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Trigger {
    pub(super) user: String,
    pub(super) issued: DateTime<Utc>,
    pub(super) used: bool,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct File {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) title: String,
    pub(super) announced_bytes: u64,
    pub(super) upload_token: String,
    /// UTF-8 as far as it is that; the sandbox's files are texts.
    pub(super) content: Option<String>,
    pub(super) channel: Option<String>,
    pub(super) thread_ts: Option<String>,
    pub(super) completed: bool,
    pub(super) at: String,
}

/// One call of the Web API, of an upload URL or of a response_url.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Call {
    pub(super) method: String,
    pub(super) at: String,
    pub(super) ok: bool,
    pub(super) error: Option<String>,
    pub(super) http_status: u16,
    pub(super) channel: Option<String>,
    /// Whether a bearer token came along; on a response_url that is a leak.
    pub(super) token_sent: bool,
}

/// A command or click that the sandbox sent to Blocks.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Sent {
    pub(super) kind: &'static str,
    pub(super) user: String,
    pub(super) what: String,
    pub(super) at: String,
    pub(super) http_status: u16,
    pub(super) ack_ms: u64,
    pub(super) timed_out: bool,
    pub(super) body: String,
}

/// A modal that somebody has before them.
#[derive(Debug, Clone)]
pub(super) struct OpenView {
    pub(super) user: String,
    pub(super) view: Value,
    /// What the app found wrong with it, by block.
    pub(super) errors: Value,
}

#[derive(Debug, Default)]
pub(super) struct Bucket {
    pub(super) tokens: f64,
    pub(super) at_ms: i64,
}

/// The whole workspace.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(super) config: SlackConfig,
    /// Where upload and response URLs point: `http://127.0.0.1:PORT`.
    pub(super) base_url: String,
    pub(super) channels: Vec<Channel>,
    pub(super) ephemerals: Vec<Ephemeral>,
    pub(super) files: Vec<File>,
    pub(super) views: Vec<Value>,
    /// The modals that are open, by the user before whom they are, the topmost last.
    pub(super) open_views: Vec<OpenView>,
    pub(super) response_urls: BTreeMap<String, ResponseUrl>,
    pub(super) triggers: BTreeMap<String, Trigger>,
    pub(super) calls: Vec<Call>,
    pub(super) sent: Vec<Sent>,
    pub(super) buckets: BTreeMap<String, Bucket>,
    pub(super) tier_calls: BTreeMap<String, VecDeque<i64>>,
    last_ts: i64,
    /// How far this Slack's clock is ahead of the machine's.
    clock_ahead: TimeDelta,
    /// So many calls more are answered with what is no JSON.
    garbage: u32,
}

/// `POST /control/slack/setup`: what it names is changed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetupRequest {
    /// The scopes of the bot's token from now on.
    scopes: Option<Vec<String>>,
    /// User groups, with the ids of those who are in them from now on.
    #[serde(default)]
    groups: BTreeMap<String, Vec<String>>,
    /// Names of channels.
    #[serde(default)]
    archive: Vec<String>,
    /// Seconds by which Slack's clock is ahead of this machine's.
    clock_ahead_s: Option<i32>,
    /// The bot's token from now on: the one before is revoked.
    bot_token: Option<String>,
    /// Ids of people who are gone.
    #[serde(default)]
    gone: Vec<String>,
    /// Names of channels that somebody else makes.
    #[serde(default)]
    channels: Vec<String>,
    /// Messages that an administrator deletes, by `ts`.
    #[serde(default)]
    delete: Vec<String>,
    /// So many calls are made, and answered with what is no JSON.
    garbage: Option<u32>,
}

impl Workspace {
    pub(crate) fn new(config: SlackConfig, base_url: String, now: DateTime<Utc>) -> Self {
        let members: BTreeSet<String> =
            config.users.iter().map(|u| u.id.clone()).chain([config.bot_user_id.clone()]).collect();
        let channels = config
            .channels
            .iter()
            .map(|c| Channel {
                members: members.clone(),
                ..new_channel(c.id.clone(), c.name.clone(), config.bot_user_id.clone(), now)
            })
            .collect();
        Self {
            config,
            base_url,
            channels,
            ephemerals: Vec::new(),
            files: Vec::new(),
            views: Vec::new(),
            open_views: Vec::new(),
            response_urls: BTreeMap::new(),
            triggers: BTreeMap::new(),
            calls: Vec::new(),
            sent: Vec::new(),
            buckets: BTreeMap::new(),
            tier_calls: BTreeMap::new(),
            last_ts: 0,
            clock_ahead: TimeDelta::zero(),
            garbage: 0,
        }
    }

    /// Changes what an administrator could: what the token may do, and channels that are archived; and Slack's clock.
    pub(crate) fn set_up(&mut self, wanted: &SetupRequest, now: DateTime<Utc>) {
        if let Some(scopes) = &wanted.scopes {
            self.config.scopes.clone_from(scopes);
        }
        self.config.groups.extend(wanted.groups.clone());
        for name in &wanted.archive {
            for channel in self.channels.iter_mut().filter(|channel| channel.name == *name) {
                channel.is_archived = true;
            }
        }
        if let Some(token) = &wanted.bot_token {
            self.config.bot_token.clone_from(token);
        }
        self.config.users.retain(|user| !wanted.gone.contains(&user.id));
        for name in &wanted.channels {
            let channel = new_channel(format!("C{}", ids::upper(10)), name.clone(), String::new(), now);
            self.channels.push(channel);
        }
        for channel in &mut self.channels {
            channel.messages.retain(|message| !wanted.delete.contains(&message.ts));
        }
        self.garbage = wanted.garbage.unwrap_or(self.garbage);
        if let Some(seconds) = wanted.clock_ahead_s {
            self.clock_ahead = TimeDelta::seconds(i64::from(seconds));
        }
    }

    /// Whether the answer to a call that was made gets lost in what is no JSON.
    pub(super) fn is_garbled(&mut self) -> bool {
        let is_garbled = self.garbage > 0;
        self.garbage = self.garbage.saturating_sub(1);
        is_garbled
    }

    /// The time that an answer is dated with.
    pub(super) fn date(&self, now: DateTime<Utc>) -> String {
        (now + self.clock_ahead).format("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }

    /// A message id: unix seconds with microseconds, always later than the last one.
    pub(super) fn next_ts(&mut self, now: DateTime<Utc>) -> String {
        self.last_ts = now.timestamp_micros().max(self.last_ts + 1);
        format!("{}.{:06}", self.last_ts / 1_000_000, self.last_ts % 1_000_000)
    }

    pub(super) fn channel(&self, id: &str) -> Option<&Channel> {
        self.channels.iter().find(|c| c.id == id)
    }

    pub(super) fn channel_mut(&mut self, id: &str) -> Option<&mut Channel> {
        self.channels.iter_mut().find(|c| c.id == id)
    }

    /// A channel by id, or by name with or without `#`.
    pub(super) fn channel_id(&self, given: &str) -> Option<String> {
        let name = given.trim_start_matches('#');
        self.channels.iter().find(|c| c.id == given || c.name == name).map(|c| c.id.clone())
    }

    /// A person by id or name.
    pub(super) fn user(&self, given: &str) -> Option<&SlackUser> {
        let name = given.trim_start_matches('@');
        self.config.users.iter().find(|u| u.id == given || u.name == name)
    }

    /// The direct-message channel with a user, opened when needed.
    pub(super) fn im(&mut self, user: &str, now: DateTime<Utc>) -> String {
        let id = format!("D{}", user.trim_start_matches('U'));
        if self.channel(&id).is_none() {
            let bot = self.config.bot_user_id.clone();
            let mut channel = new_channel(id.clone(), String::new(), bot.clone(), now);
            channel.is_im = true;
            channel.is_private = true;
            channel.members = [user.to_owned(), bot].into();
            self.channels.push(channel);
        }
        id
    }

    /// Adds a message by the bot. `None` if the channel does not exist.
    pub(super) fn post(&mut self, channel: &str, draft: Draft, now: DateTime<Utc>) -> Option<Message> {
        let bot = self.config.bot_user_id.clone();
        self.post_as(channel, &bot, draft, now)
    }

    /// Adds a message by that user.
    pub(super) fn post_as(
        &mut self,
        channel: &str,
        user: &str,
        draft: Draft,
        now: DateTime<Utc>,
    ) -> Option<Message> {
        let ts = self.next_ts(now);
        let user = user.to_owned();
        let mut message = Message {
            ts,
            thread_ts: draft.thread_ts,
            broadcast: draft.broadcast,
            user,
            text: draft.text,
            blocks: draft.blocks,
            attachments: draft.attachments,
            metadata: draft.metadata,
            files: draft.files,
            reactions: Vec::new(),
            posted_at: now,
            edited_ts: None,
            versions: Vec::new(),
        };
        message.versions.push(message.version(now));
        self.channel_mut(channel)?.messages.push(message.clone());
        Some(message)
    }

    /// Adds a message that only `user` sees; returns its `ts`.
    pub(super) fn whisper(
        &mut self,
        to: (&str, &str),
        shown: (String, Value),
        thread_ts: Option<String>,
        source: (&'static str, Option<String>),
        now: DateTime<Utc>,
    ) -> String {
        let ts = self.next_ts(now);
        let mut ephemeral = Ephemeral {
            ts: ts.clone(),
            channel: to.0.to_owned(),
            user: to.1.to_owned(),
            text: String::new(),
            blocks: Value::Null,
            thread_ts,
            source: source.0,
            response_url_token: source.1,
            posted_at: iso(now),
            deleted: false,
            edits: Vec::new(),
        };
        ephemeral.show(shown.0, shown.1, now);
        self.ephemerals.push(ephemeral);
        ts
    }

    /// A fresh trigger id of something that a user did: single use, three seconds.
    pub(super) fn trigger(&mut self, user: &str, now: DateTime<Utc>) -> String {
        let id = format!("{}.{}.{}", now.timestamp_micros(), 10_000_000_000_u64, ids::lower(32));
        self.triggers.insert(id.clone(), Trigger { user: user.to_owned(), issued: now, used: false });
        id
    }

    /// A fresh response_url token.
    pub(super) fn response_url(
        &mut self,
        channel: &str,
        user: &str,
        original: Option<String>,
        now: DateTime<Utc>,
    ) -> String {
        let token = ids::lower(24);
        let url = ResponseUrl { channel: channel.into(), user: user.into(), issued: now, uses: 0, original };
        self.response_urls.insert(token.clone(), url);
        token
    }
}

/// An empty public channel without members.
pub(super) fn new_channel(id: String, name: String, creator: String, now: DateTime<Utc>) -> Channel {
    Channel {
        id,
        name,
        topic: String::new(),
        purpose: String::new(),
        created: now,
        creator,
        is_private: false,
        is_im: false,
        is_archived: false,
        members: BTreeSet::new(),
        messages: Vec::new(),
        pins: Vec::new(),
        bookmarks: Vec::new(),
    }
}
