//! Request bodies that their receiver refuses.

use serde_json::Value;

use super::super::codes;
use super::super::diagnostic::Diagnostic;
use super::super::lines::to_u32;
use super::super::model::CommandKind;
use super::calls::Call;
use super::script::Script;

/// Bodies that curl sends, and those of http blocks.
pub(super) fn incomplete(script: &Script<'_>, found: &mut Vec<Diagnostic>) {
    let note = |line: u32, needle: &str, problem: &str| {
        script.at(
            codes::BODY_INCOMPLETE,
            line,
            needle,
            format!("{problem}: it is refused with status 400, and curl without -f ends with exit status 0 all the same"),
            "add the missing part, and -f so that a refusal is seen",
        )
    };
    for (_, call) in script.all_calls().filter(|(_, call)| call.program == "curl") {
        let Some(receiver) = call.args.iter().find_map(|word| receiver(&word.value)) else { continue };
        if let Some(body) = bodies(call).into_iter().find_map(parse)
            && let Some(problem) = problem(receiver, &body)
        {
            found.push(note(call.line, &call.program, &problem));
        }
    }
    for fence in script.fences.iter().filter(|fence| fence.kind == CommandKind::Http) {
        let first = fence
            .text
            .lines()
            .position(|line| !line.trim().is_empty() && !line.starts_with('#'))
            .unwrap_or(0);
        let body = fence
            .text
            .find('{')
            .zip(fence.text.rfind('}'))
            .and_then(|(from, to)| parse(fence.text.get(from..=to)?));
        let receiver = fence.text.lines().nth(first).and_then(receiver);
        if let (Some(body), Some(receiver)) = (body, receiver)
            && let Some(problem) = problem(receiver, &body)
        {
            found.push(note(fence.line.saturating_add(1 + to_u32(first)), "", &problem));
        }
    }
}

/// Interfaces whose bodies are known.
#[derive(Clone, Copy)]
enum Receiver {
    PagerDutyEvents,
    SlackPost,
    SlackHook,
}

fn receiver(text: &str) -> Option<Receiver> {
    if !text.contains(".com/") {
        return None;
    }
    if text.contains("events.pagerduty.com/v2/enqueue") || text.contains("events.eu.pagerduty.com/v2/enqueue")
    {
        Some(Receiver::PagerDutyEvents)
    } else if text.contains("slack.com/api/chat.postMessage") {
        Some(Receiver::SlackPost)
    } else if text.contains("hooks.slack.com/services") {
        Some(Receiver::SlackHook)
    } else {
        None
    }
}

fn bodies<'c>(call: &'c Call<'_>) -> Vec<&'c str> {
    let mut args = call.args.iter().map(|word| &*word.value);
    let mut bodies = Vec::new();
    while let Some(arg) = args.next() {
        match arg {
            "-d" | "--data" | "--data-raw" | "--data-binary" | "--data-ascii" | "--json" => {
                bodies.extend(args.next());
            }
            _ => bodies.extend(
                arg.split_once('=')
                    .filter(|(name, _)| name.starts_with("--data") || *name == "--json")
                    .map(|(_, body)| body),
            ),
        }
    }
    bodies
}

/// JSON as it is, or as it was written in double quotes; `None` for what only the shell can tell.
fn parse(body: &str) -> Option<Value> {
    serde_json::from_str(body).or_else(|_| serde_json::from_str(&body.replace("\\\"", "\""))).ok()
}

fn problem(receiver: Receiver, body: &Value) -> Option<String> {
    let missing = |of: &Value, wanted: &[&str]| -> Vec<String> {
        wanted
            .iter()
            .filter(|key| of.get(**key).is_none_or(Value::is_null))
            .map(|key| format!("`{key}`"))
            .collect()
    };
    let has_any = |wanted: &[&str]| wanted.iter().any(|key| body.get(*key).is_some());
    let lacks = |what: &str, missing: &[String]| format!("{what} lacks {}", missing.join(" and "));
    match receiver {
        Receiver::PagerDutyEvents => {
            let top = missing(body, &["routing_key", "event_action"]);
            if !top.is_empty() {
                return Some(lacks("the event for PagerDuty", &top));
            }
            if body.get("event_action").and_then(Value::as_str) != Some("trigger") {
                let gone = missing(body, &["dedup_key"]);
                return (!gone.is_empty()).then(|| lacks("the event for PagerDuty", &gone));
            }
            match body.get("payload").filter(|payload| !payload.is_null()) {
                None => Some(
                    "the trigger for PagerDuty lacks `payload` with `summary`, `source` and `severity`"
                        .to_owned(),
                ),
                Some(payload) => {
                    let gone = missing(payload, &["summary", "source", "severity"]);
                    (!gone.is_empty()).then(|| lacks("the trigger's `payload`", &gone))
                }
            }
        }
        Receiver::SlackPost => {
            let mut gone = missing(body, &["channel"]);
            if !has_any(&["text", "blocks", "attachments"]) {
                gone.push("`text`".to_owned());
            }
            (!gone.is_empty()).then(|| lacks("the message for Slack", &gone))
        }
        Receiver::SlackHook => (body.is_object() && !has_any(&["text", "blocks", "attachments"]))
            .then(|| "the message for Slack lacks `text`".to_owned()),
    }
}
