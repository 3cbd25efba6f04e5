//! Block Kit's limits. Source: Slack's block reference and the constants of its official SDKs.
//!
//! Characters are counted as Slack stores them: a bare `&` counts as `&amp;`.

use std::collections::BTreeSet;

use serde_json::Value;

use super::ApiError;
pub(super) use super::filled::{choose, fields, initial};
use crate::ids;

/// All text of one message; undocumented, measured between 9,597 (accepted) and 11,341 (refused).
const MESSAGE_TEXT_MAX: usize = 11_000;
const BLOCKS_MAX: usize = 50;
const VIEW_BLOCKS_MAX: usize = 100;

/// Gathers complaints with JSON pointers, in Slack's wording.
struct Check {
    messages: Vec<String>,
    text_total: usize,
}

/// Checks a message's blocks and fills in the `block_id`s and `action_id`s that Slack would make up.
pub(super) fn check_message(blocks: Value) -> Result<Value, ApiError> {
    check(blocks, BLOCKS_MAX, true)
}

/// Checks the blocks of a modal.
pub(super) fn check_view(blocks: Value) -> Result<Value, ApiError> {
    check(blocks, VIEW_BLOCKS_MAX, false)
}

fn check(blocks: Value, most: usize, message: bool) -> Result<Value, ApiError> {
    let Value::Array(mut blocks) = blocks else { return Err(ApiError::new("invalid_blocks_format")) };
    let mut check = Check { messages: Vec::new(), text_total: 0 };
    if blocks.len() > most {
        check.add(format!("no more than {most} items allowed"), "/blocks");
    }
    let mut ids_seen = BTreeSet::new();
    for (index, block) in blocks.iter_mut().enumerate() {
        check.block(block, &format!("/blocks/{index}"), &mut ids_seen);
    }
    if !check.messages.is_empty() {
        return Err(ApiError { messages: check.messages, ..ApiError::new("invalid_blocks") });
    }
    if message && check.text_total > MESSAGE_TEXT_MAX {
        return Err(ApiError::new("msg_blocks_too_long"));
    }
    Ok(Value::Array(blocks))
}

impl Check {
    fn add(&mut self, what: impl Into<String>, pointer: &str) {
        self.messages.push(format!("[ERROR] {} [json-pointer:{pointer}]", what.into()));
    }

    fn block(&mut self, block: &mut Value, at: &str, ids_seen: &mut BTreeSet<String>) {
        let Some(kind) = block.get("type").and_then(Value::as_str).map(str::to_owned) else {
            return self.add("missing required field: type", at);
        };
        match block.get("block_id") {
            None | Some(Value::Null) => block["block_id"] = Value::String(ids::upper(5)),
            Some(Value::String(id)) if id.chars().count() > 255 => {
                self.add("must be less than 256 characters", &format!("{at}/block_id"));
            }
            Some(Value::String(_)) => {}
            Some(_) => self.add("must be a string", &format!("{at}/block_id")),
        }
        if let Some(id) = block["block_id"].as_str()
            && !ids_seen.insert(id.to_owned())
        {
            self.add(format!("`block_id` {id} already exists"), &format!("{at}/block_id"));
        }
        let mut actions = BTreeSet::new();
        match kind.as_str() {
            "section" => {
                let fields = block.get("fields").and_then(Value::as_array).cloned();
                if block.get("text").is_none() && fields.is_none() {
                    self.add("missing required field: text", at);
                }
                if let Some(text) = block.get("text") {
                    self.text(text, &format!("{at}/text"), 3000, false);
                }
                if let Some(fields) = fields {
                    self.count(fields.len(), 10, &format!("{at}/fields"));
                    for (i, field) in fields.iter().enumerate() {
                        self.text(field, &format!("{at}/fields/{i}"), 2000, false);
                    }
                }
                if let Some(accessory) = block.get_mut("accessory") {
                    self.element(accessory, &format!("{at}/accessory"), &mut actions);
                }
            }
            "header" => match block.get("text") {
                Some(text) => self.text(text, &format!("{at}/text"), 150, true),
                None => self.add("missing required field: text", at),
            },
            "context" => self.elements(block, at, 10, &mut actions),
            "actions" => self.elements(block, at, 25, &mut actions),
            "context_actions" => self.elements(block, at, 5, &mut actions),
            "input" => {
                match block.get("label") {
                    Some(label) => self.text(label, &format!("{at}/label"), 2000, true),
                    None => self.add("missing required field: label", at),
                }
                match block.get_mut("element") {
                    Some(element) => self.element(element, &format!("{at}/element"), &mut actions),
                    None => self.add("missing required field: element", at),
                }
            }
            "markdown" => match block.get("text").and_then(Value::as_str) {
                Some(text) => self.length(text, &format!("{at}/text"), 12_000),
                None => self.add("missing required field: text", at),
            },
            "image" => {
                for (field, most) in [("image_url", 3000), ("alt_text", 2000)] {
                    match block.get(field).and_then(Value::as_str) {
                        Some(text) => self.length(text, &format!("{at}/{field}"), most),
                        None if field == "image_url" && block.get("slack_file").is_some() => {}
                        None => self.add(format!("missing required field: {field}"), at),
                    }
                }
            }
            "divider" | "rich_text" | "table" | "video" | "file" | "call" | "plan" | "task_card" | "card" => {
            }
            other => self.add(format!("unsupported type: {other}"), &format!("{at}/type")),
        }
    }

    fn elements(&mut self, block: &mut Value, at: &str, most: usize, actions: &mut BTreeSet<String>) {
        let at = format!("{at}/elements");
        let Some(elements) = block.get_mut("elements").and_then(Value::as_array_mut) else {
            return self.add("missing required field: elements", &at);
        };
        if elements.is_empty() {
            self.add("must have at least 1 item", &at);
        }
        self.count(elements.len(), most, &at);
        for (i, element) in elements.iter_mut().enumerate() {
            self.element(element, &format!("{at}/{i}"), actions);
        }
    }

    fn element(&mut self, element: &mut Value, at: &str, actions: &mut BTreeSet<String>) {
        let kind = element.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        match kind.as_str() {
            "" => return self.add("missing required field: type", at),
            // In a context block texts and images stand as elements.
            "mrkdwn" | "plain_text" => return self.text(element, at, 3000, false),
            "image" => return,
            _ => {}
        }
        match element.get("action_id") {
            None | Some(Value::Null) => element["action_id"] = Value::String(ids::upper(5)),
            Some(Value::String(id)) => {
                self.length_only(id, &format!("{at}/action_id"), 255);
                if !actions.insert(id.clone()) {
                    self.add(format!("`action_id` {id} already exists"), &format!("{at}/action_id"));
                }
            }
            Some(_) => self.add("must be a string", &format!("{at}/action_id")),
        }
        if let Some(confirm) = element.get("confirm") {
            for (field, most) in [("title", 100), ("text", 300), ("confirm", 30), ("deny", 30)] {
                match confirm.get(field) {
                    Some(text) => self.text(text, &format!("{at}/confirm/{field}"), most, field != "text"),
                    None => self.add(format!("missing required field: {field}"), &format!("{at}/confirm")),
                }
            }
        }
        if kind == "button" {
            match element.get("text") {
                Some(text) => self.text(text, &format!("{at}/text"), 75, true),
                None => self.add("missing required field: text", at),
            }
            match element.get("value") {
                None | Some(Value::Null) => {}
                Some(Value::String(value)) => self.length_only(value, &format!("{at}/value"), 2000),
                Some(_) => self.add("must be a string", &format!("{at}/value")),
            }
            if let Some(url) = element.get("url").and_then(Value::as_str) {
                self.length_only(url, &format!("{at}/url"), 3000);
            }
            if let Some(style) = element.get("style")
                && style != "primary"
                && style != "danger"
            {
                self.add("must be one of: primary, danger", &format!("{at}/style"));
            }
        }
        if kind.ends_with("static_select")
            || matches!(kind.as_str(), "overflow" | "radio_buttons" | "checkboxes")
        {
            let most = match kind.as_str() {
                "overflow" => 5,
                "radio_buttons" | "checkboxes" => 10,
                _ => 100,
            };
            let options = element.get("options").and_then(Value::as_array).cloned().unwrap_or_default();
            if options.is_empty() && element.get("option_groups").is_none() {
                self.add("missing required field: options", at);
            }
            self.count(options.len(), most, &format!("{at}/options"));
            for (i, option) in options.iter().enumerate() {
                let at = format!("{at}/options/{i}");
                match option.get("text") {
                    Some(text) => self.text(text, &format!("{at}/text"), 75, false),
                    None => self.add("missing required field: text", &at),
                }
                match option.get("value").and_then(Value::as_str) {
                    Some(value) => self.length_only(value, &format!("{at}/value"), 75),
                    None => self.add("missing required field: value", &at),
                }
            }
        }
    }

    fn count(&mut self, have: usize, most: usize, at: &str) {
        if have > most {
            self.add(format!("no more than {most} items allowed"), at);
        }
    }

    /// A text object.
    fn text(&mut self, text: &Value, at: &str, most: usize, plain_only: bool) {
        match text.get("type").and_then(Value::as_str) {
            Some("plain_text") => {}
            Some("mrkdwn") if !plain_only => {}
            Some("mrkdwn") => self.add("unsupported type: mrkdwn", &format!("{at}/type")),
            Some(other) => self.add(format!("unsupported type: {other}"), &format!("{at}/type")),
            None => self.add("missing required field: type", at),
        }
        match text.get("text").and_then(Value::as_str) {
            Some("") => self.add("must be more than 0 characters", &format!("{at}/text")),
            Some(inner) => self.length(inner, &format!("{at}/text"), most),
            None => self.add("missing required field: text", at),
        }
    }

    fn length(&mut self, text: &str, at: &str, most: usize) {
        self.text_total += escaped_length(text);
        self.length_only(text, at, most);
    }

    fn length_only(&mut self, text: &str, at: &str, most: usize) {
        if escaped_length(text) > most {
            self.add(format!("must be less than {} characters", most + 1), at);
        }
    }
}

/// Characters after escaping: a bare ampersand becomes five. `<` and `>` are left, because they may be markup.
fn escaped_length(text: &str) -> usize {
    let mut length = 0;
    for (at, c) in text.char_indices() {
        let rest = &text[at..];
        let escaped = ["&amp;", "&lt;", "&gt;"].iter().any(|e| rest.starts_with(e));
        length += if c == '&' && !escaped { 5 } else { 1 };
    }
    length
}

/// A button found in a message.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) block_id: String,
    pub(super) element: Value,
}

/// Finds a clickable element by `action_id`, in the block `block_id` if that is given.
pub(super) fn find(blocks: &Value, action_id: &str, block_id: Option<&str>) -> Option<Found> {
    for block in blocks.as_array()? {
        let this = block["block_id"].as_str().unwrap_or_default();
        if block_id.is_some_and(|wanted| wanted != this) {
            continue;
        }
        let listed = block.get("elements").and_then(Value::as_array).into_iter().flatten();
        for element in listed.chain(block.get("accessory")) {
            if element["action_id"] == action_id {
                return Some(Found { block_id: this.to_owned(), element: element.clone() });
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn section(text: &str) -> Value {
        json!({"type": "section", "text": {"type": "mrkdwn", "text": text}})
    }

    fn button(extra: &Value) -> Value {
        let mut button =
            json!({"type": "button", "action_id": "a", "text": {"type": "plain_text", "text": "ok"}});
        for (k, v) in extra.as_object().unwrap() {
            button[k] = v.clone();
        }
        json!({"type": "actions", "elements": [button]})
    }

    #[test]
    fn every_limit_refuses_one_more_than_it_allows() {
        let bad: Vec<(Value, &str)> = vec![
            (
                json!([section(&"x".repeat(3001))]),
                "must be less than 3001 characters [json-pointer:/blocks/0/text/text]",
            ),
            (json!([section(&"&".repeat(601))]), "must be less than 3001 characters"),
            (json!([section("")]), "must be more than 0 characters"),
            (
                Value::Array(vec![json!({"type": "divider"}); 51]),
                "no more than 50 items allowed [json-pointer:/blocks]",
            ),
            (json!([{"type": "section"}]), "missing required field: text"),
            (
                json!([{"type": "header", "text": {"type": "plain_text", "text": "x".repeat(151)}}]),
                "less than 151",
            ),
            (
                json!([{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}]),
                "unsupported type: mrkdwn",
            ),
            (
                json!([{"type": "section", "fields": vec![json!({"type": "mrkdwn", "text": "x"}); 11]}]),
                "no more than 10 items",
            ),
            (json!([{"type": "surprise"}]), "unsupported type: surprise"),
            (json!([{"text": 1}]), "missing required field: type"),
            (
                json!([button(&json!({"text": {"type": "plain_text", "text": "x".repeat(76)}}))]),
                "less than 76",
            ),
            (json!([button(&json!({"value": "x".repeat(2001)}))]), "less than 2001"),
            (json!([button(&json!({"style": "warning"}))]), "primary, danger"),
            (json!([button(&json!({"action_id": "x".repeat(256)}))]), "less than 256"),
            (json!([{"type": "actions", "elements": []}]), "at least 1 item"),
            (
                json!([{"type": "actions", "elements": [button(&json!({}))["elements"][0], button(&json!({}))["elements"][0]]}]),
                "`action_id` a already exists",
            ),
            (
                json!([{"type": "divider", "block_id": "b"}, {"type": "divider", "block_id": "b"}]),
                "`block_id` b already exists",
            ),
        ];
        for (blocks, expected) in bad {
            let error = check_message(blocks).unwrap_err();
            assert_eq!(error.error, "invalid_blocks");
            assert!(error.messages.iter().any(|m| m.contains(expected)), "{expected}: {:?}", error.messages);
        }
        for good in [
            json!([section(&"x".repeat(3000))]),
            json!([section(&"&".repeat(600))]),
            json!([section(&"&amp;".repeat(600))]),
            Value::Array(vec![json!({"type": "divider"}); 50]),
            json!([button(&json!({"value": "x".repeat(2000), "style": "danger"}))]),
        ] {
            check_message(good).unwrap();
        }
        let long = Value::Array((0..4).map(|_| section(&"x".repeat(2900))).collect());
        assert_eq!(check_message(long).unwrap_err().error, "msg_blocks_too_long");
        assert_eq!(check_message(json!({})).unwrap_err().error, "invalid_blocks_format");
    }

    #[test]
    fn ids_are_made_up_and_buttons_are_found() {
        let blocks = check_message(json!([button(&json!({}))])).unwrap();
        assert!(!blocks[0]["block_id"].as_str().unwrap().is_empty());
        let block_id = blocks[0]["block_id"].as_str().unwrap();
        assert_eq!(find(&blocks, "a", None).unwrap().block_id, block_id);
        assert!(find(&blocks, "a", Some("other")).is_none());
        assert!(find(&blocks, "b", None).is_none());
    }
}
