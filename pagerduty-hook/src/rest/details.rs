//! What an incident's alerts tell: the webhook carries neither details nor links.

use std::collections::BTreeMap;

use runbook_core::ports::{PageDetails, PagerError};
use runbook_core::rules::{LONGEST_FACT, MOST_FACTS};
use serde_json::Value;

use super::pace::Purpose;
use super::{PagerDutyClient, checked, list};

/// So many alerts of an incident are read: the first of it, and what came right after.
const ALERTS: &str = "25";
/// What lies deeper than this is not told by name.
const DEEPEST: usize = 6;

impl PagerDutyClient {
    /// Labels and details of an incident's alerts. Where several tell the same name, the first counts.
    pub(super) async fn details_of(&self, incident: &str) -> Result<PageDetails, PagerError> {
        let incident = checked(incident)?;
        let url = self.url(&["incidents", incident, "alerts"], &[("limit", ALERTS)])?;
        let answer = {
            let _turn = self.turn.lock().await;
            self.health.may(Purpose::Look)?;
            self.get(url, "read the incident's alerts").await?
        };
        Ok(details(&answer))
    }
}

/// Reads the answer; what is not as documented is left out.
pub(crate) fn details(answer: &Value) -> PageDetails {
    let mut all = PageDetails::default();
    for alert in list(answer, "alerts") {
        if let Some(severity) = alert.get("severity").filter(|severity| severity.is_string()).and_then(word) {
            put(&mut all.labels, "severity", &severity);
        }
        let Some(details) = alert.pointer("/body/details") else { continue };
        for name in ["labels", "commonLabels"] {
            for (key, value) in details.get(name).and_then(Value::as_object).into_iter().flatten() {
                if let Some(value) = word(value) {
                    put(&mut all.labels, key, &value);
                }
            }
        }
        flatten(&mut all.details, "", details, DEEPEST);
    }
    all
}

/// Everything that has a value, by a name with dots; a text alone is called `details`.
fn flatten(all: &mut BTreeMap<String, String>, name: &str, value: &Value, left: usize) {
    if let Some(value) = word(value) {
        return put(all, if name.is_empty() { "details" } else { name }, &value);
    }
    let Some(left) = left.checked_sub(1) else { return };
    let under = |key: &str| if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| flatten(all, &under(key), value, left));
        }
        Value::Array(items) => {
            let named = items.iter().take(MOST_FACTS).enumerate();
            named.for_each(|(index, value)| flatten(all, &under(&index.to_string()), value, left));
        }
        _ => {}
    }
}

/// A value that is no object, no list and not absent.
fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.chars().take(LONGEST_FACT).collect()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(so) => Some(so.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn put(all: &mut BTreeMap<String, String>, name: &str, value: &str) {
    if all.len() < MOST_FACTS && name.len() <= LONGEST_FACT {
        all.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_lies_deeper_has_a_name_with_dots_and_the_first_counts() {
        let answer = json!({ "alerts": [
            { "severity": "critical", "body": { "details": {
                "pool": { "used": 200, "waits": [3, null, true] },
                "labels": { "team": "data", "deep": { "no": "label" } },
                "none": null,
            } } },
            { "severity": "warning", "body": { "details": "pool is full" } },
            { "body": { "details": { "pool": { "used": 1 } } } },
        ] });
        let told = details(&answer);
        let of = |all: &BTreeMap<String, String>| {
            all.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>()
        };
        assert_eq!(of(&told.labels), ["severity=critical", "team=data"]);
        assert_eq!(
            of(&told.details),
            [
                "details=pool is full",
                "labels.deep.no=label",
                "labels.team=data",
                "pool.used=200",
                "pool.waits.0=3",
                "pool.waits.2=true",
            ]
        );
    }

    #[test]
    fn what_is_not_as_documented_is_left_out_and_what_is_too_much_too() {
        for answer in [
            json!(null),
            json!({ "alerts": null }),
            json!({ "alerts": [null, 5, "x", {}, { "body": null }, { "body": { "details": null } }] }),
            json!({ "alerts": [{ "severity": 5, "body": { "details": { "labels": "none" , "x": {} } } }] }),
        ] {
            assert!(details(&answer).labels.is_empty(), "{answer}");
        }
        let mut deep = json!("at the bottom");
        for _ in 0..100 {
            deep = json!({ "a": deep });
        }
        assert_eq!(details(&json!({ "alerts": [{ "body": { "details": deep } }] })), PageDetails::default());
        let many: serde_json::Map<String, Value> =
            (0..10_000).map(|n| (format!("k{n}"), json!("é".repeat(10_000)))).collect();
        let long = json!({ "alerts": [{ "severity": "s".repeat(10_000), "body": { "details": many } }] });
        let told = details(&long);
        assert!(told.labels.values().all(|value| value.len() == LONGEST_FACT));
        assert_eq!(told.details.len(), MOST_FACTS);
        assert!(told.details.values().all(|value| value.chars().count() == LONGEST_FACT));
    }
}
