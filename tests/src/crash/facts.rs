//! What a run's events say about its attempts.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

fn of_kind<'a>(events: &'a [Value], kinds: &'a [&str]) -> impl Iterator<Item = &'a Value> {
    events.iter().filter(move |event| kinds.iter().any(|kind| event["type"] == *kind))
}

/// Each attempt's key.
fn keys(events: &[Value]) -> BTreeMap<u64, String> {
    let started = of_kind(events, &["command_started"]);
    let key =
        |event: &Value| Some((event["attempt"].as_u64()?, event["idempotency_key"].as_str()?.to_owned()));
    started.filter_map(key).collect()
}

/// What says how an attempt ended, or that nobody knows.
const SETTLED: [&str; 3] = ["command_ended", "command_not_started", "command_in_doubt"];

/// `run/step/attempt` of everything that has an intent.
pub(super) fn started_keys(events: &[Value]) -> BTreeSet<String> {
    keys(events).into_values().collect()
}

/// The same of everything that nothing is left of.
pub(super) fn settled_keys(events: &[Value]) -> BTreeSet<String> {
    let keys = keys(events);
    let settled = of_kind(events, &SETTLED).filter_map(|event| event["attempt"].as_u64());
    settled.filter_map(|attempt| keys.get(&attempt).cloned()).collect()
}

/// The attempt that has an intent and no end.
pub(super) fn live(events: &[Value]) -> Option<u64> {
    let last = events.iter().rev().find(|event| event["attempt"].is_u64())?;
    if last["type"] == "command_started" { last["attempt"].as_u64() } else { None }
}

/// `run/step` of the command that people are asked about.
pub(super) fn in_question(events: &[Value]) -> Option<String> {
    let doubt = of_kind(events, &["command_in_doubt"]).last()?["attempt"].as_u64()?;
    Some(keys(events).get(&doubt)?.rsplit_once('/')?.0.to_owned())
}

/// Whether an attempt's end came to be known without a person: heard of, or known never to have begun, or repeated
/// because that harms nobody, or seen to have happened by the probe of its step.
pub(super) fn is_settled_alone(events: &[Value], attempt: u64) -> bool {
    let is_it = |event: &&Value| event["attempt"] == attempt;
    if of_kind(events, &["command_ended", "command_not_started"]).any(|event| is_it(&event)) {
        return true;
    }
    let position = events.iter().position(|event| event["type"] == "command_in_doubt" && is_it(&event));
    let Some((doubt, after)) = position.and_then(|position| events.get(position..)?.split_first()) else {
        return false;
    };
    match after.first().map(|next| &next["type"]) {
        Some(next) if next == "retry_ordered" => true,
        // The probe of the step says that it has happened, before people are asked.
        Some(next) if next == "probe_ordered" => {
            let mut after = of_kind(after, &["doubt_settled", "asked", "cancelled"]);
            after
                .next()
                .is_some_and(|event| event["type"] == "doubt_settled" && event["unit"] == doubt["unit"])
        }
        _ => false,
    }
}

/// How often something was recorded.
pub(super) fn count(events: &[Value], kind: &str) -> usize {
    of_kind(events, &[kind]).count()
}

/// Steps (from 1) of which a person or a probe said that they have happened.
pub(super) fn vouched_steps(events: &[Value]) -> BTreeSet<u64> {
    of_kind(events, &["answered_yes", "doubt_settled"])
        .filter_map(|event| Some(event["unit"]["step"].as_u64()? + 1))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn events_say_what_lives_and_what_is_known() {
        let started = |attempt: u64| json!({ "type": "command_started", "attempt": attempt, "idempotency_key": format!("r/s/{attempt}") });
        let doubt = json!({ "type": "command_in_doubt", "attempt": 1 });
        let mut events = vec![json!({ "type": "started" }), started(1)];
        assert_eq!((live(&events), is_settled_alone(&events, 1)), (Some(1), false));
        events.push(doubt);
        events.push(json!({ "type": "asked" }));
        assert_eq!((live(&events), is_settled_alone(&events, 1)), (None, false));
        assert_eq!(in_question(&events).as_deref(), Some("r/s"));
        let mut probed = events.clone();
        probed.pop();
        probed.push(json!({ "type": "probe_ordered", "unit": null }));
        probed.push(json!({ "type": "command_started", "attempt": 2, "idempotency_key": "r/s/2" }));
        assert!(!is_settled_alone(&probed, 1));
        probed.push(json!({ "type": "doubt_settled", "unit": null }));
        assert!(is_settled_alone(&probed, 1));
        events.push(json!({ "type": "answered_yes", "unit": { "step": 3 } }));
        events.push(started(2));
        events.push(json!({ "type": "command_ended", "attempt": 2 }));
        assert!(is_settled_alone(&events, 2));
        assert_eq!(settled_keys(&events), started_keys(&events));
        assert_eq!(vouched_steps(&events), BTreeSet::from([4]));
        assert_eq!(count(&events, "command_started"), 2);
    }
}
