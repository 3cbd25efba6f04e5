//! What Alertmanager and Grafana send: one shape, to which Grafana adds.

use std::collections::BTreeMap;

use blocks_hooks::loose::{text, time, url};
use runbook_core::alert::{AlertLink, AlertNotice, SentAlert};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// Names of one alert that are kept.
const NAMES_MAX: usize = 64;
/// Longest name.
const NAME_MAX: usize = 200;
/// Where an alert names addresses: its own keys, with what is there.
const LINKS: &[(&str, &str)] = &[
    ("generatorURL", "source"),
    ("dashboardURL", "dashboard"),
    ("panelURL", "panel"),
    ("silenceURL", "silence"),
];

/// Reads a notice.
///
/// # Errors
/// Why it cannot be one, in lowercase.
pub(crate) fn read(source: &str, body: &[u8]) -> Result<AlertNotice, String> {
    let value: Value =
        serde_json::from_slice(body).map_err(|error| format!("the body is not json: {error}"))?;
    let Value::Object(notice) = value else { return Err("the body is not a json object".to_owned()) };
    let Some(Value::Array(sent)) = notice.get("alerts") else {
        let hint = "; hint: the receiver's payload may have a template of its own";
        return Err(format!("the body has no list of alerts{hint}"));
    };
    let alerts: Vec<SentAlert> = sent.iter().filter_map(|alert| alert.as_object().map(read_alert)).collect();
    let unread = sent.len() - alerts.len();
    if alerts.is_empty() && unread > 0 {
        return Err("none of its alerts is an object".to_owned());
    }
    let why = (unread > 0).then(|| "one of them is no object".to_owned());
    let left_out = notice.get("truncatedAlerts").and_then(Value::as_u64).unwrap_or_default();
    let any_fires = alerts.iter().any(|alert| alert.firing);
    let status = text(notice.get("status"));
    // The sender cuts first and looks afterwards: its word about all of them is about those that the message holds. So it counts for what
    // we cannot read, and not for what was cut away.
    let has_ended = status.as_deref() == Some("resolved");
    let may_fire = if has_ended { 0 } else { unread as u64 };
    Ok(AlertNotice {
        source: source.to_owned(),
        group: text(notice.get("groupKey")),
        firing: status.map_or(any_fires, |_| !has_ended),
        left_out: left_out.saturating_add(may_fire),
        unread: unread_of(&alerts, unread, why)?,
        sender: sender(&notice),
        alerts,
    })
}

/// Which of the senders it is: two Alertmanagers with one configuration have groups of the same names, and so have two organisations
/// of one Grafana.
fn sender(notice: &Map<String, Value>) -> Option<String> {
    let named = [text(notice.get("externalURL")), text(notice.get("orgId"))];
    if named.iter().all(Option::is_none) {
        return None;
    }
    let named = named.map(Option::unwrap_or_default).join("\n");
    Some(hex::encode(&Sha256::digest(named)[..8]))
}

/// What is said of alerts that could not be read, and the first reason. Where none could, that is all there is.
pub(crate) fn unread_of(
    read: &[SentAlert],
    unread: usize,
    why: Option<String>,
) -> Result<Option<String>, String> {
    match why {
        Some(why) if read.is_empty() => Err(why),
        why => {
            Ok(why.map(|why| {
                format!("{unread} of its {} alerts could not be read: {why}", read.len() + unread)
            }))
        }
    }
}

fn read_alert(alert: &Map<String, Value>) -> SentAlert {
    let labels = names(alert.get("labels"));
    let annotations = names(alert.get("annotations"));
    let runbook = annotations.get("runbook_url").or_else(|| labels.get("runbook_url"));
    let runbook = runbook.and_then(|address| url(Some(&Value::String(address.clone()))));
    let mut links: Vec<AlertLink> =
        runbook.map(|url| AlertLink { what: "runbook".to_owned(), url }).into_iter().collect();
    links.extend(
        LINKS.iter().filter_map(|(key, what)| {
            Some(AlertLink { what: (*what).to_owned(), url: url(alert.get(*key))? })
        }),
    );
    let ends_at = time(alert.get("endsAt"));
    let firing = match text(alert.get("status")).as_deref() {
        Some("resolved") => false,
        // what says nothing, or something new, is better looked at
        Some(_) => true,
        None => ends_at.is_none(),
    };
    SentAlert {
        fingerprint: text(alert.get("fingerprint")).map_or_else(|| of_labels(&labels), short),
        firing,
        title: None,
        service: None,
        severity: None,
        labels,
        annotations,
        starts_at: time(alert.get("startsAt")),
        ends_at: ends_at.filter(|_| !firing),
        links,
    }
}

/// What an alert is known by that names no fingerprint: its labels.
fn of_labels(labels: &BTreeMap<String, String>) -> String {
    let text = serde_json::to_string(labels).unwrap_or_default();
    format!("labels-{}", &hex::encode(Sha256::digest(text.as_bytes()))[..32])
}

/// A fingerprint is a key of ours: a long one is hashed.
pub(crate) fn short(fingerprint: String) -> String {
    if fingerprint.len() <= 128 {
        return fingerprint;
    }
    format!("long-{}", &hex::encode(Sha256::digest(fingerprint.as_bytes()))[..32])
}

fn names(value: Option<&Value>) -> BTreeMap<String, String> {
    let all = value.and_then(Value::as_object).into_iter().flatten();
    let named = all.filter_map(|(name, value)| {
        (!name.is_empty() && name.len() <= NAME_MAX).then_some((name.clone(), text(Some(value))?))
    });
    named.take(NAMES_MAX).collect()
}

/// Whether this is what Grafana's button sends to try the way.
pub(crate) fn is_a_test(notice: &AlertNotice) -> bool {
    let is_test = |alert: &SentAlert| {
        alert.labels.get("alertname").is_some_and(|name| name == "TestAlert")
            && alert.labels.get("instance").is_none_or(|instance| instance == "Grafana")
    };
    !notice.alerts.is_empty() && notice.alerts.iter().all(is_test)
}
