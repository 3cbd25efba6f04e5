//! Slack's inbound messages, as much of them as we read. Everything else is tolerated: a null team, a new field.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A slash command, form-encoded.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct SlashCommand {
    pub(crate) user_id: String,
    pub(crate) channel_id: String,
    pub(crate) text: String,
    pub(crate) response_url: String,
    pub(crate) trigger_id: String,
    pub(crate) is_ssl_check: bool,
}

impl SlashCommand {
    /// Reads the form; absent fields are empty.
    pub(crate) fn parse(body: &[u8]) -> SlashCommand {
        let mut command = SlashCommand::default();
        for (name, value) in url::form_urlencoded::parse(body) {
            let value = value.into_owned();
            match name.as_ref() {
                "user_id" => command.user_id = value,
                "channel_id" => command.channel_id = value,
                "text" => command.text = value,
                "response_url" => command.response_url = value,
                "trigger_id" => command.trigger_id = value,
                "ssl_check" => command.is_ssl_check = value == "1",
                _ => {}
            }
        }
        command
    }
}

/// The form field that carries an interaction.
pub(crate) fn payload_field(body: &[u8]) -> Option<String> {
    url::form_urlencoded::parse(body).find(|(name, _)| name == "payload").map(|(_, value)| value.into_owned())
}

/// An interaction: a pressed button, a sent form, a shortcut.
#[derive(Debug, Deserialize)]
pub(crate) struct Interaction {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) user: Option<Id>,
    #[serde(default)]
    pub(crate) channel: Option<Id>,
    #[serde(default)]
    pub(crate) container: Option<Container>,
    #[serde(default)]
    pub(crate) trigger_id: Option<String>,
    #[serde(default)]
    pub(crate) response_url: Option<String>,
    #[serde(default)]
    pub(crate) actions: Option<Vec<Action>>,
    #[serde(default)]
    pub(crate) state: Option<Filled>,
}

/// What is filled in on the message, by block and element.
#[derive(Debug, Deserialize)]
pub(crate) struct Filled {
    #[serde(default)]
    pub(crate) values: BTreeMap<String, BTreeMap<String, Field>>,
}

/// One field. Slack sends `null` for an empty one.
#[derive(Debug, Deserialize)]
pub(crate) struct Field {
    #[serde(default)]
    pub(crate) value: Option<String>,
}

impl Filled {
    /// What stands in the field with this action id.
    pub(crate) fn text(&self, action_id: &str) -> Option<&str> {
        let text = self.values.values().find_map(|block| block.get(action_id)?.value.as_deref())?.trim();
        (!text.is_empty()).then_some(text)
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Id {
    #[serde(default)]
    pub(crate) id: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Container {
    #[serde(default)]
    pub(crate) channel_id: Option<String>,
}

/// What was pressed. Legacy attachments have neither field.
#[derive(Debug, Deserialize)]
pub(crate) struct Action {
    #[serde(default)]
    pub(crate) action_id: Option<String>,
    #[serde(default)]
    pub(crate) value: Option<String>,
}

/// What our buttons carry. Untrusted when it comes back: it only names what the server then reads for itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ButtonValue {
    pub(crate) run: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fingerprint: Option<String>,
    /// What was in question when the button was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) step: Option<String>,
    /// The short name of the question that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) asked: Option<String>,
}

/// An event's outermost part.
#[derive(Debug, Deserialize)]
pub(crate) struct EventEnvelope {
    #[serde(rename = "type", default)]
    pub(crate) kind: Option<String>,
    #[serde(default)]
    pub(crate) challenge: Option<String>,
}
