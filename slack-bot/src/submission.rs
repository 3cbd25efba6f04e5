//! Forms that come back: what they are about, and what is filled in.

use std::collections::BTreeMap;

use runbook_core::form::{FormFor, YES};
use runbook_core::message::ReplyTo;
use runbook_core::request::Request;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::command_word::CommandWord;
use crate::event::{text, whisper};

/// `callback_id` of our forms.
pub(crate) const FORM: &str = "blocks:form";
/// What the block and action ids of a form's fields begin with.
pub(crate) const FIELD: &str = "blocks:field:";

/// Longest fault that is shown, in characters.
const FAULT_MAX: usize = 250;

/// What a form carries about itself. Untrusted when it comes back: it names things and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Carried {
    pub(crate) about: FormFor,
    pub(crate) channel: String,
}

/// A form that was sent in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Submission {
    pub(crate) user: String,
    pub(crate) channel: String,
    pub(crate) request: Request,
    /// What makes a second delivery fall away.
    pub(crate) id: String,
    /// The fields that it has, in order.
    fields: Vec<String>,
}

impl Submission {
    /// Reads a `view_submission`; `None` when it is no form of ours.
    ///
    /// # Errors
    /// When it is one of ours and does not read.
    pub(crate) fn read(payload: &Value) -> Option<Result<Submission, String>> {
        let is_ours =
            text(payload, "/type") == "view_submission" && text(payload, "/view/callback_id") == FORM;
        is_ours.then(|| Submission::of(payload))
    }

    fn of(payload: &Value) -> Result<Submission, String> {
        let user = text(payload, "/user/id");
        if user.is_empty() {
            return Err("a form without a user".to_owned());
        }
        let carried: Carried = serde_json::from_str(text(payload, "/view/private_metadata"))
            .map_err(|_| "a form of ours that does not say what it is about".to_owned())?;
        let values = payload.pointer("/view/state/values").and_then(Value::as_object);
        let filled: BTreeMap<String, String> = values
            .into_iter()
            .flatten()
            .filter_map(|(block, actions)| {
                let name = block.strip_prefix(FIELD)?;
                Some((name.to_owned(), filled_in(actions.get(block)?)?))
            })
            .collect();
        let blocks = payload.pointer("/view/blocks").and_then(Value::as_array);
        let fields =
            blocks.into_iter().flatten().filter_map(|block| text(block, "/block_id").strip_prefix(FIELD));
        let id: String = [text(payload, "/view/id"), text(payload, "/view/hash")].join("/");
        Ok(Submission {
            user: user.to_owned(),
            channel: carried.channel,
            request: carried.about.request(filled),
            id: if id == "/" {
                String::new()
            } else {
                format!("view/{}", id.chars().take(200).collect::<String>())
            },
            fields: fields.map(str::to_owned).collect(),
        })
    }

    /// Where its answer goes.
    pub(crate) fn reply_to(&self) -> ReplyTo {
        whisper(&self.user, &self.channel)
    }

    /// The acknowledgement that shows what is wrong, each at its field; `None` when there is nothing to show. A fault of
    /// no field that the form has stands at the first one: Slack shows none elsewhere.
    pub(crate) fn faults(&self, word: &CommandWord, faults: &BTreeMap<String, String>) -> Option<Value> {
        let mut shown: Map<String, Value> = Map::new();
        for (name, fault) in faults {
            let field = self.fields.iter().find(|field| *field == name).or(self.fields.first())?;
            let fault = word.said(fault);
            let fault: String =
                fault.chars().filter(|c| !c.is_control() || *c == '\n').take(FAULT_MAX).collect();
            shown.entry(format!("{FIELD}{field}")).or_insert(json!(fault));
        }
        (!shown.is_empty()).then(|| json!({"response_action": "errors", "errors": shown}))
    }
}

/// What stands in one field, wherever Slack keeps it.
fn filled_in(state: &Value) -> Option<String> {
    if let Some(ticked) = state.get("selected_options").and_then(Value::as_array) {
        return Some(if ticked.is_empty() { String::new() } else { YES.to_owned() });
    }
    let value = state.get("value").and_then(Value::as_str);
    value.or_else(|| state.pointer("/selected_option/value")?.as_str()).map(str::to_owned)
}
