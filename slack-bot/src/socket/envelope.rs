//! What comes over a socket, read with as few demands as possible: a null team or a new field loses no click.
//!
//! slack-morphism reads these frames into its full models and acknowledges what does not fit them, unheard.

use serde::Deserialize;
use serde_json::{Value, json};
use url::form_urlencoded::Serializer;

/// One frame.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Frame {
    /// The connection is ready.
    Hello,
    /// Slack is about to close the connection, with its reason.
    Disconnect {
        /// `warning`, `refresh_requested`, `link_disabled`, `too_many_websockets`, or a word that is new.
        reason: String,
    },
    /// Something to take, and to acknowledge by this id.
    Envelope {
        /// What the acknowledgement names.
        id: String,
        /// What it holds.
        content: Content,
    },
    /// Neither: nothing that could be acknowledged.
    Other,
}

/// What an envelope holds, as the same bytes that Slack would send over HTTP.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    /// A slash command, form-encoded.
    Command(Vec<u8>),
    /// A button, a form, a shortcut: a form with the field `payload`.
    Interaction(Vec<u8>),
    /// An event, as JSON.
    Event(Vec<u8>),
    /// A type that this version does not know, and its payload.
    Unknown(String, Vec<u8>),
}

#[derive(Deserialize)]
struct Raw {
    #[serde(rename = "type", default)]
    kind: Value,
    #[serde(default)]
    envelope_id: Value,
    #[serde(default)]
    payload: Value,
    #[serde(default)]
    reason: Value,
}

/// Reads one text frame. Total: whatever it is, there is an answer.
pub(super) fn read(text: &str) -> Frame {
    let Ok(raw) = serde_json::from_str::<Raw>(text) else { return Frame::Other };
    let kind = raw.kind.as_str().unwrap_or_default();
    match kind {
        "hello" => return Frame::Hello,
        "disconnect" => {
            // Shown in a log: a word and nothing else.
            let reason: String = raw.reason.as_str().unwrap_or("unknown").chars().take(40).collect();
            return Frame::Disconnect {
                reason: reason.replace(|c: char| !c.is_ascii_alphanumeric() && c != '_', "_"),
            };
        }
        _ => {}
    }
    let Some(id) = raw.envelope_id.as_str().filter(|id| !id.is_empty()) else { return Frame::Other };
    let content = match kind {
        "slash_commands" => Content::Command(command_form(&raw.payload)),
        "interactive" => Content::Interaction(
            Serializer::new(String::new())
                .append_pair("payload", &raw.payload.to_string())
                .finish()
                .into_bytes(),
        ),
        "events_api" => Content::Event(raw.payload.to_string().into_bytes()),
        other => {
            let kind: String = other.chars().take(40).collect();
            Content::Unknown(kind, raw.payload.to_string().into_bytes())
        }
    };
    Frame::Envelope { id: id.to_owned(), content }
}

/// A slash command's fields as the form that HTTP has: what is stored reads alike, whichever way it came.
fn command_form(payload: &Value) -> Vec<u8> {
    let mut form = Serializer::new(String::new());
    for (name, value) in payload.as_object().into_iter().flatten() {
        match value {
            Value::String(text) => form.append_pair(name, text),
            Value::Bool(_) | Value::Number(_) => form.append_pair(name, &value.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => &mut form,
        };
    }
    form.finish().into_bytes()
}

/// The acknowledgement of an envelope, with a message when there is one.
pub(super) fn acknowledgement(id: &str, message: Option<&Value>) -> String {
    match message {
        Some(message) => json!({"envelope_id": id, "payload": message}).to_string(),
        None => json!({"envelope_id": id}).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::{SlashCommand, payload_field};

    #[test]
    fn frames() {
        let envelope = |id: &str, content| Frame::Envelope { id: id.to_owned(), content };
        let goodbye = |reason: &str| Frame::Disconnect { reason: reason.to_owned() };
        let table = [
            (r#"{"type":"hello","num_connections":1}"#, Frame::Hello),
            (r#"{"type":"disconnect","reason":"warning"}"#, goodbye("warning")),
            (r#"{"type":"disconnect","reason":"a b\nc"}"#, goodbye("a_b_c")),
            (r#"{"type":"disconnect"}"#, goodbye("unknown")),
            (
                r#"{"type":"events_api","envelope_id":"E1","payload":{}}"#,
                envelope("E1", Content::Event(b"{}".to_vec())),
            ),
            (
                r#"{"type":"of_tomorrow","envelope_id":"E2","payload":[1]}"#,
                envelope("E2", Content::Unknown("of_tomorrow".to_owned(), b"[1]".to_vec())),
            ),
            (r#"{"type":"interactive","envelope_id":""}"#, Frame::Other),
            (r#"{"type":["hello"]}"#, Frame::Other),
            ("", Frame::Other),
            ("null", Frame::Other),
        ];
        for (text, frame) in table {
            assert_eq!(read(text), frame, "{text}");
        }
    }

    #[test]
    fn a_command_reads_as_over_http() {
        let text = r#"{"type":"slash_commands","envelope_id":"E","payload":{"user_id":"U1","channel_id":"C1",
            "text":"runbook run a&b=c é","trigger_id":"1.2","is_enterprise_install":false,"team_id":null}}"#;
        let Frame::Envelope { content: Content::Command(body), .. } = read(text) else { panic!("a command") };
        let command = SlashCommand::parse(&body);
        assert_eq!(
            (command.user_id.as_str(), command.channel_id.as_str(), command.text.as_str()),
            ("U1", "C1", "runbook run a&b=c é")
        );
        assert_eq!(command.trigger_id, "1.2");
    }

    #[test]
    fn an_interaction_keeps_every_field_that_came() {
        let text = r#"{"type":"interactive","envelope_id":"E","payload":{"type":"block_actions","team":null,"new":[1,{"a":"&="}]}}"#;
        let Frame::Envelope { content: Content::Interaction(body), .. } = read(text) else { panic!("one") };
        let payload: Value = serde_json::from_str(&payload_field(&body).unwrap()).unwrap();
        assert_eq!(payload, json!({"type": "block_actions", "team": null, "new": [1, {"a": "&="}]}));
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in ".{0,200}") {
            let _ = read(&text);
        }
    }
}
