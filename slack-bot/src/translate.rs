//! Stored Slack messages into what they mean. Pure.

use std::collections::BTreeMap;

use blocks_grammar::{ChatParse, parse_chat};
use runbook_core::form::FormFor;
use runbook_core::incident::Via;
use runbook_core::message::{Answer, ReplyTo};
use runbook_core::ports::{
    ChatAnswer, ChatMark, ChatSignal, InboxItem, Marking, Quote, Signal, Translated, Translator,
};
use runbook_core::request::Request;
use serde_json::Value;

use crate::card_button;
use crate::draft_button;
use crate::event::{self, Event, Mention, text, whisper};
use crate::hosts::AllowedHosts;
use crate::offer_button;
use crate::offer_line;
use crate::quote::quote;
use crate::snooze;
use crate::submission::Submission;
use crate::wire::{Action, ButtonValue, Interaction, SlashCommand, payload_field};

/// The source name of everything that comes from Slack.
pub(crate) const SOURCE: &str = "slack";
/// [`InboxItem::kind`] of a slash command.
pub(crate) const COMMAND: &str = "command";
/// [`InboxItem::kind`] of a pressed button and its like.
pub(crate) const INTERACTION: &str = "interaction";
/// [`InboxItem::kind`] of an event.
pub(crate) const EVENT: &str = "event";
/// The entry of the workspace's menu that opens the form of a declaration.
pub(crate) const SHORTCUT_DECLARE: &str = "blocks:declare";
/// The entry of a message's menu that puts it on the timeline.
pub(crate) const SHORTCUT_TIMELINE: &str = "blocks:timeline";
/// What our buttons' action ids start with.
pub(crate) const ACTION_PREFIX: &str = "blocks:";

/// The field in which whoever acts alone says why.
pub(crate) const REASON: &str = "blocks:reason";

/// Says what a stored Slack message means.
#[derive(Debug, Clone)]
pub struct SlackTranslator {
    hosts: AllowedHosts,
}

impl SlackTranslator {
    /// A translator that lets answers go to Slack, and to the place where `api_url` (`slack.api_url`) is.
    #[must_use]
    pub fn new(api_url: &str) -> SlackTranslator {
        SlackTranslator { hosts: AllowedHosts::new(api_url) }
    }

    fn command(&self, body: &[u8]) -> Translated {
        let command = SlashCommand::parse(body);
        if command.user_id.is_empty() {
            return unreadable("a slash command without a user");
        }
        match parse_chat(&command.text) {
            ChatParse::Request(request) => Translated::Signal(Signal::Chat(ChatSignal {
                user_id: command.user_id,
                channel: command.channel_id,
                request,
                reply_to: self.reply_to(Some(&command.response_url)),
                trigger: Some(command.trigger_id).filter(|trigger| !trigger.is_empty()),
                asked: None,
            })),
            // Such a line is answered at once and not stored; one from an earlier version's inbox may still be.
            ChatParse::Usage { .. } => Translated::Ignored { kind: "usage".to_owned() },
        }
    }

    fn interaction(&self, body: &[u8]) -> Translated {
        let Some(payload) = payload_field(body) else {
            return unreadable("an interaction without a payload");
        };
        let interaction: Interaction = match serde_json::from_str(&payload) {
            Ok(interaction) => interaction,
            // The position, not the text: a payload holds bearer addresses.
            Err(error) => {
                return unreadable(&format!(
                    "an interaction that does not read: line {} column {}",
                    error.line(),
                    error.column()
                ));
            }
        };
        if interaction.kind != "block_actions" {
            let payload: Value = serde_json::from_str(&payload).unwrap_or_default();
            return match Submission::read(&payload) {
                Some(submission) => submitted(submission),
                None => self.shortcut(&payload),
            };
        }
        let ours = interaction.actions.iter().flatten().find_map(|action| {
            let id = action.action_id.as_deref()?.strip_prefix(ACTION_PREFIX)?;
            Some((id, action))
        });
        let Some((id, action)) = ours else { return Translated::Ignored { kind: interaction.kind } };
        let reason = interaction.state.as_ref().and_then(|state| state.text(REASON));
        if let Some(line) = offer_line::line(id, action.value.as_deref()) {
            return self.pressed_line(&line, interaction);
        }
        let asked = action.value.as_deref().and_then(|value| serde_json::from_str::<ButtonValue>(value).ok());
        let asked = asked.and_then(|value| value.asked);
        let request = match pressed(id, action, reason) {
            Ok(request) => request,
            Err(reason) => return unreadable(&reason),
        };
        let Some(user) = interaction.user.filter(|user| !user.id.is_empty()) else {
            return unreadable("a button without a user");
        };
        let channel = interaction
            .container
            .and_then(|container| container.channel_id)
            .or(interaction.channel.map(|channel| channel.id))
            .unwrap_or_default();
        Translated::Signal(Signal::Chat(ChatSignal {
            user_id: user.id,
            channel,
            request,
            reply_to: self.reply_to(interaction.response_url.as_deref()),
            trigger: interaction.trigger_id,
            asked,
        }))
    }

    /// A line that one press types: the same as if that person had typed it there.
    fn pressed_line(&self, line: &str, interaction: Interaction) -> Translated {
        let Some(user) = interaction.user.filter(|user| !user.id.is_empty()) else {
            return unreadable("a button without a user");
        };
        let channel = interaction.container.and_then(|container| container.channel_id);
        let channel = channel.or(interaction.channel.map(|channel| channel.id)).unwrap_or_default();
        let reply_to = self.reply_to(interaction.response_url.as_deref());
        match (parse_chat(line), reply_to) {
            (ChatParse::Request(request), reply_to) => Translated::Signal(Signal::Chat(ChatSignal {
                user_id: user.id,
                channel,
                request,
                reply_to,
                trigger: interaction.trigger_id,
                asked: None,
            })),
            (ChatParse::Usage { text, offer }, Some(reply_to)) => {
                let offers = offer.into_iter().collect();
                Translated::Signal(Signal::Answer(ChatAnswer { reply_to, text, offers }))
            }
            (ChatParse::Usage { .. }, None) => unreadable("a line that does not read, and nowhere to say so"),
        }
    }

    fn reply_to(&self, response_url: Option<&str>) -> Option<ReplyTo> {
        response_url.and_then(|url| self.hosts.check(url)).map(|url| ReplyTo::Address(url.into()))
    }

    /// An entry of a menu: of the workspace, or of one message.
    fn shortcut(&self, payload: &Value) -> Translated {
        let (user, callback) = (text(payload, "/user/id"), text(payload, "/callback_id"));
        match (text(payload, "/type"), callback) {
            ("shortcut", SHORTCUT_DECLARE) | ("message_action", SHORTCUT_TIMELINE) if user.is_empty() => {
                unreadable("a menu's entry without a user")
            }
            ("shortcut", SHORTCUT_DECLARE) => Translated::Signal(Signal::Chat(ChatSignal {
                user_id: user.to_owned(),
                channel: String::new(),
                request: FormFor::Declare.request(BTreeMap::new()),
                reply_to: Some(whisper(user, "")),
                trigger: Some(text(payload, "/trigger_id").to_owned()).filter(|trigger| !trigger.is_empty()),
                asked: None,
            })),
            ("message_action", SHORTCUT_TIMELINE) => {
                let message = payload.get("message").unwrap_or(&Value::Null);
                let given_ts = text(payload, "/message_ts");
                let ts = if given_ts.is_empty() { text(message, "/ts") } else { given_ts };
                let channel = text(payload, "/channel/id");
                if ts.is_empty() || channel.is_empty() {
                    return unreadable("a message's menu entry without a message");
                }
                // What a menu shows of its message knows no reactions.
                let given = Quote { is_marked: None, ..quote(message) };
                Translated::Signal(Signal::Mark(ChatMark {
                    user_id: user.to_owned(),
                    channel: channel.to_owned(),
                    ts: ts.to_owned(),
                    what: Marking::Mark { via: Via::Shortcut, given: Some(Box::new(given)) },
                    reply_to: self
                        .reply_to(Some(text(payload, "/response_url")))
                        .or(Some(whisper(user, channel))),
                }))
            }
            (kind, _) => Translated::Ignored { kind: kind.to_owned() },
        }
    }

    fn event(body: &[u8]) -> Translated {
        match event::read(body) {
            Event::Mention(Mention { user, channel, thread, words }) => {
                let reply_to = ReplyTo::Person { user: user.clone(), channel: channel.clone(), thread };
                Translated::Signal(match parse_chat(&words) {
                    ChatParse::Request(request) => Signal::Chat(ChatSignal {
                        user_id: user,
                        channel,
                        request,
                        reply_to: Some(reply_to),
                        trigger: None,
                        asked: None,
                    }),
                    ChatParse::Usage { text, offer } => {
                        Signal::Answer(ChatAnswer { reply_to, text, offers: offer.into_iter().collect() })
                    }
                })
            }
            Event::Mark(mark) => Translated::Signal(Signal::Mark(mark)),
            Event::Other(kind) => Translated::Ignored { kind },
        }
    }
}

/// The request of a form that was sent in.
fn submitted(submission: Result<Submission, String>) -> Translated {
    match submission {
        Ok(sent) => {
            let reply_to = Some(sent.reply_to());
            let Submission { user: user_id, channel, request, .. } = sent;
            Translated::Signal(Signal::Chat(ChatSignal {
                user_id,
                channel,
                request,
                reply_to,
                trigger: None,
                asked: None,
            }))
        }
        Err(reason) => unreadable(&reason),
    }
}

impl Translator for SlackTranslator {
    fn source(&self) -> &'static str {
        SOURCE
    }

    fn translate(&self, item: &InboxItem) -> Translated {
        match item.kind.as_str() {
            COMMAND => self.command(&item.body),
            INTERACTION => self.interaction(&item.body),
            EVENT => SlackTranslator::event(&item.body),
            other => Translated::Ignored { kind: other.to_owned() },
        }
    }
}

fn unreadable(reason: &str) -> Translated {
    Translated::Unreadable { reason: reason.to_owned() }
}

/// The request behind one of our buttons.
fn pressed(id: &str, action: &Action, reason: Option<&str>) -> Result<Request, String> {
    if let Some(button) = card_button::named(id) {
        return card_button::pressed(button, action.value.as_deref());
    }
    if let Some(request) = snooze::pressed(id, action.value.as_deref()) {
        return request;
    }
    if let Some(request) = draft_button::pressed(id, action.value.as_deref()) {
        return request;
    }
    if let Some(request) = offer_button::pressed(id, action.value.as_deref()) {
        return request;
    }
    let known = answers().into_iter().find(|(_, word)| *word == id);
    let Some((answer, _)) = known else {
        return Err("a button of ours that this version does not know".to_owned());
    };
    let value: ButtonValue = action
        .value
        .as_deref()
        .and_then(|value| serde_json::from_str(value).ok())
        .ok_or("a button of ours without a run")?;
    let run = Some(value.run).filter(|run| !run.is_empty());
    if run.is_none() {
        return Err("a button of ours without a run".to_owned());
    }
    Ok(match answer {
        Answer::Approve => {
            // A yes is to one fingerprint: without it, it would be a yes to whatever waits.
            let fingerprint = value.fingerprint.filter(|fingerprint| !fingerprint.is_empty());
            if fingerprint.is_none() {
                return Err("an approval without a fingerprint".to_owned());
            }
            Request::RunbookApprove { run, fingerprint, reason: reason.map(str::to_owned) }
        }
        Answer::Refuse => Request::RunbookRefuse { run, reason: None },
        Answer::Yes | Answer::GoOn => {
            Request::RunbookAnswer { run, yes: true, reason: None, step: value.step }
        }
        Answer::No => Request::RunbookAnswer { run, yes: false, reason: None, step: value.step },
        Answer::MarkDone | Answer::PutRight => {
            Request::RunbookMarkDone { run, reason: None, step: value.step }
        }
        Answer::Retry | Answer::WaitOn => Request::RunbookRetry { run, reason: None, step: value.step },
        Answer::Resume => Request::RunbookResume { run, reason: None },
        Answer::Cancel => Request::RunbookCancel { run, reason: None },
        Answer::Undo | Answer::GoBack => Request::RunbookUndo { run, reason: None },
    })
}

/// Every answer with its word in an action id.
fn answers() -> [(Answer, &'static str); 13] {
    [
        Answer::Approve,
        Answer::Refuse,
        Answer::Yes,
        Answer::No,
        Answer::MarkDone,
        Answer::Resume,
        Answer::Retry,
        Answer::Cancel,
        Answer::Undo,
        Answer::WaitOn,
        Answer::GoOn,
        Answer::GoBack,
        Answer::PutRight,
    ]
    .map(|answer| (answer, answer_word(answer)))
}

/// An answer's word in an action id.
pub(crate) fn answer_word(answer: Answer) -> &'static str {
    match answer {
        Answer::Approve => "approve",
        Answer::Refuse => "refuse",
        Answer::Yes => "yes",
        Answer::No => "no",
        Answer::MarkDone => "mark_done",
        Answer::Resume => "resume",
        Answer::Retry => "retry",
        Answer::Cancel => "cancel",
        Answer::Undo => "undo",
        Answer::WaitOn => "wait_on",
        Answer::GoOn => "go_on",
        Answer::GoBack => "go_back",
        Answer::PutRight => "put_right",
    }
}

#[cfg(test)]
#[path = "translate_tests.rs"]
mod tests;
