//! Stored Slack messages into what they mean. Pure.

use blocks_grammar::{ChatParse, parse_chat};
use runbook_core::message::Answer;
use runbook_core::ports::{ChatSignal, InboxItem, Signal, Translated, Translator};
use runbook_core::request::Request;

use crate::card_button;
use crate::hosts::AllowedHosts;
use crate::wire::{Action, ButtonValue, Interaction, SlashCommand, payload_field};

/// The source name of everything that comes from Slack.
pub(crate) const SOURCE: &str = "slack";
/// [`InboxItem::kind`] of a slash command.
pub(crate) const COMMAND: &str = "command";
/// [`InboxItem::kind`] of a pressed button and its like.
pub(crate) const INTERACTION: &str = "interaction";
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
            return Translated::Ignored { kind: interaction.kind };
        }
        let ours = interaction.actions.iter().flatten().find_map(|action| {
            let id = action.action_id.as_deref()?.strip_prefix(ACTION_PREFIX)?;
            Some((id, action))
        });
        let Some((id, action)) = ours else { return Translated::Ignored { kind: interaction.kind } };
        let reason = interaction.state.as_ref().and_then(|state| state.text(REASON));
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
        }))
    }

    fn reply_to(&self, response_url: Option<&str>) -> Option<String> {
        response_url.and_then(|url| self.hosts.check(url)).map(String::from)
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
