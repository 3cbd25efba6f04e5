//! What is known of one alert.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::notice::SentAlert;
use crate::ids::IncidentId;
use crate::journal::millis;

/// One alert as it stands: the newest word of it, its incident, and why it is there. One row, however often it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertRow {
    /// Who sends it.
    pub source: String,
    /// What it is called, unique within its source.
    pub fingerprint: String,
    /// Which of the senders of that name told of it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// The sender's group that it came in last.
    #[serde(default)]
    pub group: Option<String>,
    /// The alert as it was told last.
    pub alert: SentAlert,
    /// What it is about, in one line.
    pub title: String,
    /// The service's name.
    pub service: String,
    /// Its service is led privately: only named people see it.
    #[serde(default)]
    pub private: bool,
    /// It counts as firing. A damped one does until it is steady.
    pub firing: bool,
    /// The incident that it belongs to, or belonged to last.
    #[serde(default)]
    pub incident: Option<IncidentId>,
    /// When it came to that incident.
    #[serde(default, with = "millis::option")]
    pub joined_at: Option<DateTime<Utc>>,
    /// Nobody has named its end: it ended with its group.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ended_unnamed: bool,
    /// When it last began or ended to fire, by our clock.
    #[serde(with = "millis")]
    pub turned_at: DateTime<Utc>,
    /// When the newest word of it was received.
    #[serde(with = "millis")]
    pub seen_at: DateTime<Utc>,
    /// When it began or ended to fire lately, oldest first.
    #[serde(default)]
    pub turns: Vec<DateTime<Utc>>,
    /// It comes and goes too often: nothing changes by it until it is steady.
    #[serde(default)]
    pub damped: bool,
    /// Silenced by maintenance: nothing was opened for it.
    #[serde(default)]
    pub silenced: bool,
    /// What became of it lately, oldest first.
    #[serde(default)]
    pub decisions: Vec<AlertDecision>,
}

/// What became of an alert, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertDecision {
    /// In a word: `opened`, `joined`, `fires_again`, `reopened`, `ended`, `silenced`, `no_incident`, `damped`, `steady`, `told_late`,
    /// `followed`.
    pub became: String,
    /// Why.
    pub why: String,
    /// When that was decided.
    #[serde(with = "millis")]
    pub at: DateTime<Utc>,
}

/// Decisions that are kept of one alert.
const DECISIONS_KEPT: usize = 6;

/// What Alertmanager and Grafana call a group of alerts at the pager.
#[must_use]
pub fn pager_key(group: &str) -> String {
    hex::encode(Sha256::digest(group))
}

impl AlertRow {
    /// The word of the newest decision; empty where there is none.
    #[must_use]
    pub fn became(&self) -> &str {
        self.decisions.last().map_or("", |decision| decision.became.as_str())
    }

    /// Keeps a decision; of many the newest stay.
    pub(super) fn decide(&mut self, became: &str, why: String, at: DateTime<Utc>) {
        let surplus = (self.decisions.len() + 1).saturating_sub(DECISIONS_KEPT);
        self.decisions.drain(..surplus);
        self.decisions.push(AlertDecision { became: became.to_owned(), why, at });
    }

    /// Nobody says any more whether it fires: it ends, and what it is in is told nothing of that.
    pub fn give_up(&mut self, why: String, now: DateTime<Utc>) {
        (self.alert.firing, self.firing, self.damped, self.silenced) = (false, false, false, false);
        self.turned_at = now;
        self.decide("ended", why, now);
    }

    /// Whether the pager knows a page about that service by this key, which whoever told both of it made: Alertmanager's and Grafana's
    /// is the SHA-256 of the name of the group. Others take their own name of the alert, which another sender may have for something
    /// else: that holds for the same service alone.
    #[must_use]
    pub fn is_known_as(&self, key: &str, service: &str) -> bool {
        let hashed = |group: &String| pager_key(group).eq_ignore_ascii_case(key);
        let is_named = self.fingerprint == key || self.group.as_deref() == Some(key);
        let is_hash = key.len() == 64 && self.group.as_ref().is_some_and(hashed);
        is_hash || (!key.is_empty() && is_named && self.service == service)
    }

    /// Whether it has to be looked at again without being told of: maintenance ends, and what comes and goes gets steady.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        self.damped || (self.silenced && self.alert.firing)
    }
}
