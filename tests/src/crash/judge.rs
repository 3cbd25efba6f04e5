//! What must hold of a run, by its journal and by the ledger that its commands wrote.

use std::collections::BTreeMap;

use serde_json::Value;

use super::facts::{count, started_keys, vouched_steps};
use super::ledger::Entry;
use super::play::RunLog;

/// What is wrong with one run; empty when nothing is.
#[derive(Debug, Default)]
pub(super) struct Judged {
    /// Acknowledged, and not in the journal.
    pub(super) lost: Vec<String>,
    /// Done twice.
    pub(super) duplicated: Vec<String>,
    /// Success that nobody saw.
    pub(super) false_success: Vec<String>,
    /// Begun without an intent in the journal.
    pub(super) without_intent: Vec<String>,
}

/// Steps with a change, by their number and the beginning of their id.
const CHANGES: [(u64, &str); 3] = [(1, "step-1-"), (2, "step-2-"), (4, "step-4-")];

pub(super) fn judge(log: &RunLog, events: &[Value], entries: &[Entry]) -> Judged {
    let mut judged = Judged::default();
    let Some(run) = &log.id else { return judged };
    if count(events, "planned") != 1 {
        judged.lost.push(format!("run {run}"));
    }
    let mut asked = BTreeMap::<&str, usize>::new();
    for event in &log.acknowledged {
        *asked.entry(event).or_default() += 1;
    }
    for (event, times) in asked {
        let found = count(events, event);
        if found < times {
            judged.lost.push(format!("{event}: {times} acknowledged, {found} in the journal"));
        }
    }
    judged.without_intent.extend(log.without_intent.iter().cloned());
    let known = started_keys(events);
    judged
        .without_intent
        .extend(entries.iter().map(|entry| &entry.key).filter(|key| !known.contains(*key)).cloned());
    judged.without_intent.sort();
    judged.without_intent.dedup();
    let mut effects = BTreeMap::<(&str, &str), usize>::new();
    for entry in entries.iter().filter(|entry| matches!(entry.what.as_str(), "effect" | "undo")) {
        *effects.entry((entry.what.as_str(), entry.step())).or_default() += 1;
    }
    for ((what, step), times) in &effects {
        if *times > 1 {
            judged.duplicated.push(format!("{what} of {step} {times} times"));
        }
    }
    if count(events, "succeeded") > 0 {
        let vouched = vouched_steps(events);
        for (number, step) in CHANGES {
            let has = |what: &str| {
                entries.iter().any(|entry| {
                    entry.what == what
                        && entry
                            .step()
                            .strip_prefix(run.as_str())
                            .is_some_and(|rest| rest.trim_start_matches('/').starts_with(step))
                })
            };
            if !has("effect") {
                judged.false_success.push(format!("{step} has no effect"));
            } else if !has("end") && !vouched.contains(&number) {
                judged.false_success.push(format!("{step} never ended well, and nobody vouched for it"));
            }
        }
    }
    judged
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entries(lines: &[(&str, &str)]) -> Vec<Entry> {
        lines.iter().map(|(what, key)| Entry { what: (*what).to_owned(), key: (*key).to_owned() }).collect()
    }

    fn started(key: &str, attempt: u64) -> Value {
        json!({ "type": "command_started", "attempt": attempt, "idempotency_key": key })
    }

    #[test]
    fn what_is_wrong_is_seen() {
        let log = RunLog {
            id: Some("r".to_owned()),
            acknowledged: vec!["approved", "approved"],
            ..RunLog::default()
        };
        let whole = |step: &str, attempt: u64| {
            let key = format!("r/{step}/{attempt}");
            ["begin", "effect", "end"].map(|what| Entry { what: what.to_owned(), key: key.clone() })
        };
        let mut good = vec![
            json!({ "type": "planned" }),
            json!({ "type": "approved" }),
            json!({ "type": "approved" }),
            started("r/step-1-a/1", 1),
            started("r/step-2-b/2", 2),
            started("r/step-4-c/3", 3),
            json!({ "type": "succeeded" }),
        ];
        let all: Vec<_> = [whole("step-1-a", 1), whole("step-2-b", 2), whole("step-4-c", 3)]
            .into_iter()
            .flatten()
            .collect();
        let judged = judge(&log, &good, &all);
        assert!(judged.lost.is_empty() && judged.duplicated.is_empty(), "{judged:?}");
        assert!(judged.false_success.is_empty() && judged.without_intent.is_empty(), "{judged:?}");

        let mut twice = all.clone();
        twice.extend(entries(&[("effect", "r/step-1-a/9")]));
        let judged = judge(&log, &good, &twice);
        assert_eq!(
            (judged.duplicated.len(), judged.without_intent.as_slice()),
            (1, &["r/step-1-a/9".to_owned()][..])
        );
        assert_eq!(judge(&log, &good, &all[..8]).false_success.len(), 1);
        assert_eq!(judge(&log, &good, &all[..3]).false_success.len(), 2);
        good.remove(1);
        assert_eq!(judge(&log, &good, &all).lost.len(), 1);
        good.clear();
        assert_eq!(judge(&log, &good, &all).lost.len(), 2);
    }
}
