//! Slack out: messages through slack-morphism, each at most once as far as Slack lets us know.

mod call;
mod certain;
mod channel;
mod health;
mod look;
mod method;
mod names;
mod pace;
mod upload;
mod whisper;

use std::fmt;
use std::time::Duration;

use runbook_core::message::{ChatMessage, ReplyTo};
use runbook_core::ports::{Attempt, BoxFuture, Chat, ChatReceipt, SendError, Spot};
use serde::Deserialize;
use serde_json::{Value, json};
use slack_morphism::prelude::{
    SlackApiChatPostMessageRequest, SlackApiChatUpdateRequest, SlackApiToken, SlackClient,
    SlackClientHyperConnector, SlackClientHyperHttpsConnector, SlackMessageContent, SlackMessageMetadata,
};

use self::call::CallError;
use self::certain::Certain;
use self::channel::Wanted;
pub use self::health::{ChannelHealth, Health};
pub(crate) use self::method::Method;
use self::names::Names;
use self::pace::Pace;
use crate::command_word::CommandWord;
use crate::hosts::AllowedHosts;
use crate::render::text::prose;
use crate::render::{self, Rendered};
use crate::signature::Secret;

/// How long one call may take.
const CALL_LIMIT: Duration = Duration::from_secs(10);
/// `event_type` of the metadata that makes our messages recognisable.
const METADATA_TYPE: &str = "blocks";
/// Longest line of text, escaped; Slack advises less than 4000.
const NOTE_MAX: usize = 3_500;
/// How far back a message is looked for: pages of this many.
const LOOK_PAGE: usize = 200;
const LOOK_PAGES: usize = 2;

/// The Slack workspace that the bot token belongs to.
pub struct SlackChat {
    client: SlackClient<SlackClientHyperHttpsConnector>,
    token: SlackApiToken,
    api_url: String,
    /// For the one answer whose headers say something.
    plain: reqwest::Client,
    hosts: AllowedHosts,
    limit: Duration,
    pace: Pace,
    certain: Certain,
    names: Names,
    word: CommandWord,
}

impl fmt::Debug for SlackChat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlackChat").field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

/// The client cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// `slack.api_url` is no URL.
    #[error(
        "slack.api_url is not a URL: {0}\nhint: it is https://slack.com/api unless something stands in between"
    )]
    Url(url::ParseError),
    /// The token is empty.
    #[error("the Slack bot token is empty\nhint: set SLACK_BOT_TOKEN")]
    NoToken,
    /// This machine has no certificates to trust.
    #[error("cannot read this machine's root certificates: {0}\nhint: install the package ca-certificates")]
    Certificates(std::io::Error),
    /// TLS cannot be set up.
    #[error("no client for slack can be made\nhint: install the package ca-certificates")]
    Client,
}

impl SlackChat {
    /// A client for the API at `api_url` (`slack.api_url`, usually `https://slack.com/api`).
    ///
    /// # Errors
    /// When the URL is none, the token is empty, or the machine has no root certificates (which plain `http` does not
    /// need).
    pub fn new(api_url: &str, token: &Secret) -> Result<SlackChat, SetupError> {
        // Two providers in one program make TLS panic: whoever comes first decides, and all of ours decide alike.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = url::Url::parse(api_url).map_err(SetupError::Url)?;
        if token.expose().is_empty() {
            return Err(SetupError::NoToken);
        }
        let builder = hyper_rustls::HttpsConnectorBuilder::new();
        let connector = if url.scheme() == "http" {
            let nothing = rustls::RootCertStore::empty();
            let tls = rustls::ClientConfig::builder().with_root_certificates(nothing).with_no_client_auth();
            builder.with_tls_config(tls).https_or_http().enable_all_versions().build()
        } else {
            builder
                .with_native_roots()
                .map_err(SetupError::Certificates)?
                .https_or_http()
                .enable_all_versions()
                .build()
        };
        // No rate control of the library's: it would share one budget between all channels.
        let api_url = api_url.trim_end_matches('/').to_owned();
        let connector = SlackClientHyperConnector::from(connector).with_slack_api_url(&api_url);
        let plain = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
        Ok(SlackChat {
            client: SlackClient::new(connector),
            token: SlackApiToken::new(token.expose().to_owned().into()),
            hosts: AllowedHosts::new(&api_url),
            plain: plain.build().map_err(|_| SetupError::Client)?,
            api_url,
            limit: CALL_LIMIT,
            pace: Pace::default(),
            certain: Certain::default(),
            names: Names::default(),
            word: CommandWord::default(),
        })
    }

    /// Names the slash command that people type here, where it is not `/blocks`.
    #[must_use]
    pub fn with_command(self, word: CommandWord) -> SlackChat {
        SlackChat { word, ..self }
    }

    /// Asks for the address of a connection; the token must be the app's (`xapp-...`). The address is a secret.
    ///
    /// # Errors
    /// When Slack does not take the token, or does not answer.
    pub(crate) async fn open_connection(&self) -> Result<String, SendError> {
        let method = Method::OpenConnection;
        let answer = self.post(method, &json!({})).await.map_err(|error| error.into_send(method))?;
        answer.get("url").and_then(Value::as_str).map(str::to_owned).ok_or_else(|| SendError::Retry {
            after_ms: None,
            reason: format!("the answer to {method} is not understood"),
        })
    }

    /// Asks Slack whether this token may open connections: what `blocks doctor` shows. Opens none.
    ///
    /// # Errors
    /// When Slack does not take the token, or does not answer.
    pub async fn check_socket_mode(&self) -> Result<String, SendError> {
        self.open_connection().await.map(|_| "connections may be opened".to_owned())
    }

    async fn deliver(
        &self,
        key: &str,
        attempt: Attempt<'_>,
        message: &ChatMessage,
    ) -> Result<ChatReceipt, SendError> {
        let word = &self.word;
        let place = Place::of(message);
        match message {
            ChatMessage::OpenChannel { name, topic, invite, private, bookmarks } => {
                let wanted = Wanted { name, topic, private: *private, bookmarks };
                self.open_channel(key, attempt.number, &wanted, invite).await
            }
            ChatMessage::Invite { channel, who } => self.let_in(channel, who).await,
            ChatMessage::Card { view, .. } => self.show(key, attempt, place, render::card(word, view)).await,
            ChatMessage::Brief { view, .. } => self.show(key, attempt, place, render::brief(view)).await,
            ChatMessage::Plan { view, .. } => self.show(key, attempt, place, render::plan(word, view)).await,
            ChatMessage::Progress { view, .. } => {
                self.show(key, attempt, place, render::progress(word, view)).await
            }
            ChatMessage::Draft { view, .. } => {
                self.show(key, attempt, place, render::draft(word, view)).await
            }
            ChatMessage::Note { text, .. } => {
                let rendered = Rendered { text: prose(word, text, NOTE_MAX), blocks: Vec::new() };
                self.show(key, attempt, place, rendered).await
            }
            ChatMessage::Ask { mention, text, snooze, .. } => {
                let rendered = render::ask(word, mention.as_deref(), text, snooze.as_deref());
                self.show(key, attempt, place, rendered).await
            }
            ChatMessage::Offer { mention, text, incident, run, .. } => {
                let rendered = render::offer(word, mention.as_deref(), text, incident, *run);
                self.show(key, attempt, place, rendered).await
            }
            ChatMessage::Upload { channel, thread, filename, title, comment, content } => {
                let file = upload::File { filename, title, comment, content };
                let spot = Spot { channel: channel.clone(), thread: thread.clone() };
                self.upload(attempt, &spot, &file).await
            }
            ChatMessage::Reply { to: ReplyTo::Address(to), text, offers } => {
                self.reply(to, text, offers).await
            }
            ChatMessage::Reply { to: ReplyTo::Person { user, channel, thread }, text, offers } => {
                self.whisper(key, attempt, (user, channel, thread.as_deref()), (text, offers)).await
            }
            ChatMessage::Form { trigger, form } => self.open_form(attempt.number, trigger, form).await,
            ChatMessage::Look { channel, ts, given } => self.look(channel, ts, given.as_deref()).await,
        }
    }

    /// Edits the message when there is one, else posts it, once.
    async fn show(
        &self,
        key: &str,
        attempt: Attempt<'_>,
        place: Option<Place<'_>>,
        rendered: Rendered,
    ) -> Result<ChatReceipt, SendError> {
        let Some(Place { spot, edits, is_live }) = place else {
            return Err(SendError::Permanent { reason: "the message has no channel".to_owned() });
        };
        let content = content(key, rendered);
        if let Some(ts) = edits {
            // edits take ids alone
            let channel = self.channel_id(&spot.channel).await?.unwrap_or_else(|| spot.channel.clone());
            if self.edit(&channel, ts, &content).await? {
                return Ok(receipt(&channel, Some(ts)));
            }
        }
        let is_clean = self.certain.nothing_before(key, attempt.number);
        if !is_clean {
            // the copy that cannot be edited any more is not what is looked for
            let is_it = |past: &PastMessage| past.has_key(key) && edits != Some(past.ts.as_str());
            if let Some((channel, ts)) = self.find(attempt, &spot, is_it).await? {
                // what an earlier attempt showed may have changed since
                if !is_live || self.edit(&channel, &ts, &content).await? {
                    return Ok(receipt(&channel, Some(&ts)));
                }
            }
        }
        let mut request = SlackApiChatPostMessageRequest::new(spot.channel.as_str().into(), content)
            .with_link_names(false)
            .with_parse("none".to_owned())
            .with_unfurl_links(false)
            .with_unfurl_media(false);
        if let Some(thread) = &spot.thread {
            request = request.with_thread_ts(thread.as_str().into());
        }
        let answer = self.post(Method::PostMessage, &request).await;
        let paced = self.names.id(&spot.channel).unwrap_or_else(|| spot.channel.clone());
        let limited = match &answer {
            Err(CallError::Limited { after }) => Some(*after),
            Err(error) if error.is_limit() => Some(None),
            _ => None,
        };
        match limited {
            Some(after) => self.pace.hold(Method::PostMessage, &paced, after),
            // Slack counts those that it refuses for another reason, too.
            None => self.pace.post(&paced),
        }
        match limited {
            Some(_) if is_clean => self.certain.refused(key, attempt.number),
            _ => self.certain.forget(key),
        }
        let answer = answer.map_err(|error| error.into_send(Method::PostMessage))?;
        let posted: Posted = read(answer).map_err(|error| error.into_send(Method::PostMessage))?;
        let channel = posted.channel.as_deref().unwrap_or(&spot.channel);
        self.names.learn(&spot.channel, channel);
        Ok(receipt(channel, Some(&posted.ts)))
    }

    /// Edits a message; `false` where somebody deleted it, or it may not be edited any more: people still need to see it.
    async fn edit(&self, channel: &str, ts: &str, content: &SlackMessageContent) -> Result<bool, SendError> {
        let request = SlackApiChatUpdateRequest::new(channel.into(), content.clone(), ts.into())
            .with_link_names(false)
            .with_parse("none".to_owned());
        match self.post(Method::UpdateMessage, &request).await {
            Ok(_) => Ok(true),
            Err(error)
                if error.is_one_of(&["message_not_found", "cant_update_message", "edit_window_closed"]) =>
            {
                Ok(false)
            }
            Err(error) => Err(error.into_send(Method::UpdateMessage)),
        }
    }

    /// Channel and `ts` of the message that `wanted` recognises, wherever an earlier attempt may have put it.
    async fn find(
        &self,
        attempt: Attempt<'_>,
        at: &Spot,
        wanted: impl Fn(&PastMessage) -> bool,
    ) -> Result<Option<(String, String)>, SendError> {
        for spot in attempt.may_be_at(at) {
            let Some(channel) = self.channel_id(&spot.channel).await? else { continue };
            if let Some(ts) = self.posted(&channel, spot.thread.as_deref(), &wanted).await? {
                return Ok(Some((channel, ts)));
            }
        }
        Ok(None)
    }

    /// The `ts` of the message that `wanted` recognises, among the newest of the channel or thread.
    async fn posted(
        &self,
        channel: &str,
        thread: Option<&str>,
        wanted: impl Fn(&PastMessage) -> bool,
    ) -> Result<Option<String>, SendError> {
        let method = if thread.is_some() { Method::Replies } else { Method::History };
        let (channel, thread) = (channel.to_owned(), thread.map(str::to_owned));
        let (limit, yes) = (LOOK_PAGE.to_string(), "true".to_owned());
        let mut cursor: Option<String> = None;
        for _ in 0..LOOK_PAGES {
            let params = vec![
                ("channel", Some(&channel)),
                ("ts", thread.as_ref()),
                ("limit", Some(&limit)),
                ("include_all_metadata", Some(&yes)),
                ("cursor", cursor.as_ref()),
            ];
            let page = match self.get(method, &params).await.and_then(read::<History>) {
                Ok(page) => page,
                Err(error) => match error.into_send(method) {
                    // Not allowed to look: a message twice is better than none.
                    SendError::Permanent { reason } => {
                        tracing::warn!(%method, reason, "cannot look for an earlier message; posting");
                        return Ok(None);
                    }
                    retry => return Err(retry),
                },
            };
            if let Some(found) = page.messages.into_iter().find(&wanted) {
                return Ok(Some(found.ts));
            }
            cursor = page.response_metadata.and_then(|next| next.next_cursor).filter(|next| !next.is_empty());
            if cursor.is_none() {
                break;
            }
        }
        Ok(None)
    }

    /// Answers one person at the address that their request carried.
    async fn reply(&self, to: &str, text: &str, offers: &[String]) -> Result<ChatReceipt, SendError> {
        let (method, word) = ("response_url", &self.word);
        let url = self.hosts.check(to).ok_or_else(|| SendError::Permanent {
            reason: "the address for the answer is not one of Slack's; the answer is dropped".to_owned(),
        })?;
        let mut body = json!({"response_type": "ephemeral", "replace_original": false, "text": prose(word, text, NOTE_MAX)});
        if let Some(blocks) = render::offers(word, text, offers) {
            body["blocks"] = json!(blocks);
        }
        match self.post_without_token(url, &body).await {
            Ok(_) => Ok(ChatReceipt::default()),
            Err(error) => Err(error.into_send(method)),
        }
    }
}

impl Chat for SlackChat {
    fn send<'a>(
        &'a self,
        key: &'a str,
        attempt: Attempt<'a>,
        message: &'a ChatMessage,
    ) -> BoxFuture<'a, Result<ChatReceipt, SendError>> {
        Box::pin(self.deliver(key, attempt, message))
    }

    fn channel_delay(&self) -> Option<Duration> {
        self.pace.delay(Method::CreateChannel)
    }

    fn members<'a>(&'a self, group: &'a str) -> BoxFuture<'a, Result<Vec<String>, SendError>> {
        Box::pin(self.group_members(group))
    }

    fn not_before(&self, message: &ChatMessage) -> Option<Duration> {
        // a channel that is configured by its name is the same one
        let id = message.channel().and_then(|channel| self.names.id(channel));
        self.pace.turn(message, id.as_deref())
    }
}

/// Where a message belongs.
struct Place<'a> {
    spot: Spot,
    /// The message that is edited.
    edits: Option<&'a str>,
    /// Whether it shows how things stand, and is edited when they change.
    is_live: bool,
}

impl<'a> Place<'a> {
    fn of(message: &'a ChatMessage) -> Option<Place<'a>> {
        let place = |spot| Place { spot, edits: message.edits(), is_live: message.is_live() };
        message.spot().map(place)
    }

    /// What one person is told directly.
    fn direct(user: &str) -> Place<'a> {
        Place { spot: Spot { channel: user.to_owned(), thread: None }, edits: None, is_live: false }
    }
}

fn content(key: &str, rendered: Rendered) -> SlackMessageContent {
    // Strings only: anything else in it would make later messages about this one unreadable to the library.
    let payload = [("key".to_owned(), key.to_owned())].into_iter().collect();
    let metadata = SlackMessageMetadata::new(METADATA_TYPE.to_owned()).with_event_payload(payload);
    let content = SlackMessageContent::new().with_text(rendered.text).with_metadata(metadata);
    if rendered.blocks.is_empty() { content } else { content.with_blocks(rendered.blocks) }
}

fn receipt(channel: &str, ts: Option<&str>) -> ChatReceipt {
    ChatReceipt { channel: Some(channel.to_owned()), ts: ts.map(str::to_owned), seen: None }
}

/// The part of an answer that we need.
fn read<T: for<'de> Deserialize<'de>>(answer: Value) -> Result<T, CallError> {
    serde_json::from_value(answer).map_err(|_| CallError::Unreadable)
}

#[derive(Deserialize)]
struct Posted {
    ts: String,
    #[serde(default)]
    channel: Option<String>,
}

#[derive(Deserialize)]
struct History {
    #[serde(default)]
    messages: Vec<PastMessage>,
    #[serde(default)]
    response_metadata: Option<NextPage>,
}

#[derive(Deserialize)]
struct NextPage {
    #[serde(default)]
    next_cursor: Option<String>,
}

/// A message that is there already; of other programs' messages nothing is expected.
#[derive(Deserialize)]
struct PastMessage {
    #[serde(default)]
    ts: String,
    #[serde(default)]
    metadata: Value,
    #[serde(default)]
    files: Value,
}

impl PastMessage {
    fn has_key(&self, key: &str) -> bool {
        let text = |pointer: &str| self.metadata.pointer(pointer).and_then(Value::as_str);
        text("/event_type") == Some(METADATA_TYPE) && text("/event_payload/key") == Some(key)
    }
}

#[cfg(test)]
mod tests;
