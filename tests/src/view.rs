//! Finding things in what the sandbox and `incident show` say.

use serde_json::Value;

/// A JSON string's text; empty for anything else.
#[must_use]
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn each<'a>(value: &'a Value) -> impl Iterator<Item = &'a Value> + use<'a> {
    value.as_array().into_iter().flatten()
}

/// Every message (with its channel's id) whose outbox key begins so.
#[must_use]
pub fn messages_with_key(state: &Value, prefix: &str) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for channel in each(&state["slack"]["channels"]) {
        for message in each(&channel["messages"]) {
            let key = message.pointer("/metadata/event_payload/key").and_then(Value::as_str);
            if key.is_some_and(|key| key.starts_with(prefix)) {
                found.push((text(&channel["id"]), message.clone()));
            }
        }
    }
    found
}

/// The names of the channels that are not there from the start.
#[must_use]
pub fn channels_of_incidents(state: &Value) -> Vec<String> {
    let channels = each(&state["slack"]["channels"]).filter(|channel| channel["is_im"] != true);
    channels.map(|channel| text(&channel["name"])).filter(|name| name != "incidents").collect()
}

/// What Slack showed to one person alone.
#[must_use]
pub fn ephemerals(state: &Value, user: &str) -> Vec<String> {
    each(&state["slack"]["ephemerals"])
        .filter(|one| one["user"] == user)
        .map(|one| text(&one["text"]))
        .collect()
}

/// A button of a message: its block's id, and the element.
#[must_use]
pub fn button(message: &Value, action_id: &str) -> Option<(String, Value)> {
    each(&message["blocks"]).find_map(|block| {
        let element = each(&block["elements"]).find(|element| element["action_id"] == action_id)?;
        Some((text(&block["block_id"]), element.clone()))
    })
}

/// The run that people asked for; `null` when there is none.
#[must_use]
pub fn rollback_of(shown: &Value) -> Value {
    each(&shown["runs"]).find(|run| run["unasked"] == false).cloned().unwrap_or(Value::Null)
}

/// The status word of the run that people asked for.
#[must_use]
pub fn run_status(shown: &Value) -> String {
    text(&rollback_of(shown)["status"])
}

/// The types of an incident's events, in order.
#[must_use]
pub fn timeline_types(shown: &Value) -> Vec<String> {
    each(&shown["timeline"]).map(|entry| text(&entry["event"]["type"])).collect()
}

/// Calls that Slack did not take, but for those that a careful client may make (`name_taken` is how it finds a
/// channel of its own again, and `already_in_channel` that somebody is there); and tokens that were sent to an answer's address, where none belongs.
#[must_use]
pub fn faulty_slack_calls(state: &Value) -> Vec<String> {
    let calls = each(&state["slack"]["calls"]);
    let faulty = calls.filter(|call| {
        // Slack says so of whoever is invited and there already: nobody can ask before without a second call
        let is_there = call["method"] == "conversations.invite" && call["error"] == "already_in_channel";
        let is_refused = call["ok"] != true && call["error"] != "name_taken" && !is_there;
        let is_leak = call["method"] == "response_url" && call["token_sent"] == true;
        is_refused || is_leak
    });
    faulty.map(Value::to_string).collect()
}
