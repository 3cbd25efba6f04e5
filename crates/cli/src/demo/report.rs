//! The report: every field read back from the sandbox's state, the target's request log, or the journal.

use blocks_engine::{Clock as _, SystemClock};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::act::{Failure, blocks, deliveries, find_message, incident, rollback_of};
use super::world::World;

/// Reads everything back.
pub(crate) async fn collect(world: &World, failure: Option<&Failure>, began: DateTime<Utc>) -> Value {
    let state = world.control.state().await.unwrap_or_default();
    let shown = incident(world).await.unwrap_or_default();
    let journal = blocks(world, &["journal", "verify"]).await.unwrap_or_default();
    let log = world.control.target_log().await.unwrap_or_default();
    let run = rollback_of(&shown);
    let webhook = deliveries(&state, "incident.triggered").find(|one| one["status"] == 202);
    let ack_ms = webhook.map_or(Value::Null, |one| one["elapsed_ms"].clone());
    let path = shown["review_file"].as_str().map(|file| world.dir.join("incidents").join(file));
    let path = path.filter(|path| path.is_file());
    json!({
        "ok": failure.is_none() && journal["verified"] == true && path.is_some(),
        "failed_at": failure.map(|failure| failure.at),
        "error": failure.map(|failure| &failure.error),
        "hint": failure.map(|failure| &failure.hint),
        "incident": pick(&shown, &[
            ("id", "/number"), ("severity", "/severity"), ("status", "/status"),
            ("opened_at", "/opened_at"), ("resolved_at", "/resolved_at"),
        ]),
        "webhook_ack_ms": ack_ms,
        "page_to_card_ms": page_to_card_ms(&state, webhook),
        "triage": shown["triage"],
        "run": if run.is_null() {
            Value::Null
        } else {
            json!({
                "id": run["id"], "fingerprint": run["fingerprint"], "status": run["status"],
                "steps": steps(run),
            })
        },
        "approvals": pick_each(&run["approvals"], &[("by", "/by"), ("at", "/at")]),
        "refused_approvals": pick_each(&run["refused_approvals"], &[("by", "/by"), ("reason", "/reason")]),
        "target": target(world, &log).await,
        "pir_path": path,
        "journal": pick(&journal, &[("events", "/events"), ("verified", "/verified")]),
        "duration_ms": (SystemClock.now() - began).num_milliseconds(),
    })
}

fn pick(value: &Value, fields: &[(&str, &str)]) -> Value {
    if value.is_null() {
        return Value::Null;
    }
    fields
        .iter()
        .map(|(name, pointer)| ((*name).to_owned(), value.pointer(pointer).cloned().unwrap_or(Value::Null)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn pick_each(list: &Value, fields: &[(&str, &str)]) -> Value {
    list.as_array().into_iter().flatten().map(|one| pick(one, fields)).collect()
}

fn steps(run: &Value) -> Value {
    let steps = run["steps"].as_array().into_iter().flatten();
    steps
        .map(|step| {
            json!({
                "id": step["id"], "title": step["title"], "status": step["status"],
                "expectations": pick_each(&step["expectations"], &[("text", "/text"), ("outcome", "/outcome")]),
            })
        })
        .collect()
}

/// From the moment PagerDuty sent its webhook to the moment Slack had the card, both by the sandbox's clock.
fn page_to_card_ms(state: &Value, webhook: Option<&Value>) -> Value {
    let time = |value: &Value| value.as_str().and_then(|text| text.parse::<DateTime<Utc>>().ok());
    let sent = webhook.and_then(|one| time(&one["at"]));
    let posted = find_message(state, "card/").and_then(|(_, message)| time(&message["posted_at"]));
    match (sent, posted) {
        (Some(sent), Some(posted)) => json!((posted - sent).num_milliseconds()),
        _ => Value::Null,
    }
}

/// What the target ran before the rollback and what it runs now: by its own request log, history and word.
async fn target(world: &World, log: &Value) -> Value {
    let stats = world.control.target_stats().await.unwrap_or_default();
    let rollouts = world.control.target_rollouts().await.unwrap_or_default();
    let requests = log["requests"].as_array().into_iter().flatten();
    let rolled_back =
        requests.filter_map(|one| one["command"].as_str()).any(|command| command.contains("rollout undo"));
    let mut revisions: Vec<_> = rollouts["rollouts"].as_array().into_iter().flatten().collect();
    revisions.sort_by_key(|one| one["revision"].as_u64());
    // The rollback made the newest revision, so what ran before it is the one before.
    let before = if rolled_back { revisions.iter().rev().nth(1) } else { revisions.last() };
    json!({ "before": before.map_or(Value::Null, |one| one["version"].clone()), "after": stats["version"] })
}
