//! What a monitoring system tells, in our words.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// One message of a monitoring system: some alerts that it sends together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertNotice {
    /// Who sends it: `alertmanager`, `grafana`, `json/NAME`.
    pub source: String,
    /// Which of those that are called so, by its own account: two may have groups of the same names.
    pub sender: Option<String>,
    /// What the sender calls the group that these alerts are of.
    pub group: Option<String>,
    /// At least one alert that the message holds fires, by the sender's account: that says nothing of those that are left out.
    pub firing: bool,
    /// Alerts of the group that were left out of the message, or could not be read, and may fire.
    pub left_out: u64,
    /// Why some of the message could not be read, where the rest could: then it is kept, and is acted on as far as it goes.
    pub unread: Option<String>,
    /// The alerts, in the sender's order.
    pub alerts: Vec<SentAlert>,
}

/// One alert as it was sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentAlert {
    /// What it is known by while it comes and goes.
    pub fingerprint: String,
    /// It fires.
    pub firing: bool,
    /// What it is about, where the sender's mapping says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Its service, where the sender's mapping says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Its severity in the sender's words, where the mapping says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// What it is known by, name by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// What is said of it, name by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// When it began, by the sender's account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<DateTime<Utc>>,
    /// When it ended, by the sender's account; `None` while it has not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<DateTime<Utc>>,
    /// Where a person can look.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<AlertLink>,
}

/// An address that an alert names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AlertLink {
    /// What is there: `runbook`, `source`, `dashboard`, `panel`, `silence`.
    pub what: String,
    /// The address.
    pub url: String,
}
