//! What a trigger is, where it stands, and what it reads.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::number;
use crate::ids::IncidentId;
use crate::journal::millis;

/// A question with a limit.
#[derive(Debug, Clone, PartialEq)]
pub struct Trigger {
    /// Unique, a short word.
    pub name: String,
    /// In a few words, for titles: `failure rate over 10 %`.
    pub says: String,
    /// What is asked.
    pub ask: Ask,
    /// When the answer is bad.
    pub when: Comparison,
    /// The limit.
    pub limit: f64,
    /// Seconds for which it has to be bad without a break.
    pub for_s: u32,
    /// Seconds between two questions.
    pub every_s: u32,
    /// Of which severity its incident is; none is opened when absent.
    pub severity: Option<String>,
    /// The service that it is about.
    pub service: Option<String>,
    /// The chat channel that is told, without `#`.
    pub channel: Option<String>,
    /// Who is paged when its incident opens: a name of the severities' steps.
    pub page: Option<String>,
    /// The runbook that is planned by itself.
    pub plan: Option<String>,
    /// The runbook that is proposed.
    pub propose: Option<String>,
    /// Seconds within which a plan starts by itself once at most.
    pub window_s: u32,
}

impl Trigger {
    /// What it asks and when the answer is bad, in short: another question, limit or time under the same name has another mark.
    #[must_use]
    pub fn mark(&self) -> String {
        let mut hash = Sha256::new();
        match &self.ask {
            Ask::Query { connection, query } => {
                hash.update(connection.as_deref().unwrap_or_default());
                // no name of a connection has one
                hash.update([0]);
                hash.update(query);
            }
            Ask::Count { what, within_s } => {
                hash.update([1, u8::from(*what == Counted::Incidents)]);
                hash.update(within_s.to_le_bytes());
            }
        }
        hash.update([0]);
        hash.update(self.when.sign());
        hash.update(self.limit.to_le_bytes());
        hash.update(self.for_s.to_le_bytes());
        hex::encode(&hash.finalize()[..8])
    }
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// A query of Prometheus.
    Query {
        /// The name of a connection; the only one when absent.
        connection: Option<String>,
        /// The query.
        query: String,
    },
    /// What Blocks itself has counted.
    Count {
        /// What.
        what: Counted,
        /// In so many seconds until now.
        within_s: u32,
    },
}

/// What Blocks counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counted {
    /// Runs that have failed, or whose undo has.
    FailedRuns,
    /// Incidents that were opened; private ones are not counted.
    Incidents,
}

/// How an answer is held against the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Comparison {
    /// More is bad.
    #[serde(rename = ">")]
    Above,
    /// As much, or more.
    #[serde(rename = ">=")]
    AtLeast,
    /// Less is bad.
    #[serde(rename = "<")]
    Below,
    /// As little, or less.
    #[serde(rename = "<=")]
    AtMost,
}

impl Comparison {
    /// Whether a value is bad.
    #[must_use]
    pub fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Comparison::Above => value > limit,
            Comparison::AtLeast => value >= limit,
            Comparison::Below => value < limit,
            Comparison::AtMost => value <= limit,
        }
    }

    /// The sign.
    #[must_use]
    pub fn sign(self) -> &'static str {
        match self {
            Comparison::Above => ">",
            Comparison::AtLeast => ">=",
            Comparison::Below => "<",
            Comparison::AtMost => "<=",
        }
    }

    /// The worse of two values.
    #[must_use]
    pub fn worse(self, one: f64, other: f64) -> f64 {
        match self {
            Comparison::Above | Comparison::AtLeast => one.max(other),
            Comparison::Below | Comparison::AtMost => one.min(other),
        }
    }
}

/// One value of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// What it is of.
    pub labels: BTreeMap<String, String>,
    /// The value.
    pub value: f64,
}

/// What came back.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// Values; none of them may be a number.
    Values(Vec<Sample>),
    /// No answer: why.
    Failed(String),
}

/// What a trigger is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Is {
    /// Nothing is bad, by the last answer.
    #[default]
    Quiet,
    /// It is bad, and not for long enough.
    Pending {
        /// Since then.
        #[serde(with = "millis")]
        since: DateTime<Utc>,
    },
    /// It is bad.
    Firing {
        /// Since then.
        #[serde(with = "millis")]
        since: DateTime<Utc>,
    },
}

/// Where a trigger stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// What it is, by the last answer.
    #[serde(default)]
    pub is: Is,
    /// When it was asked last.
    #[serde(default, with = "millis::option")]
    pub asked_at: Option<DateTime<Utc>>,
    /// The worst value of the last answer.
    #[serde(default, with = "number::option")]
    pub value: Option<f64>,
    /// The answer has had no number since then.
    #[serde(default, with = "millis::option")]
    pub missing_since: Option<DateTime<Utc>>,
    /// There has been no answer since then.
    #[serde(default, with = "millis::option")]
    pub failing_since: Option<DateTime<Utc>>,
    /// Why.
    #[serde(default)]
    pub failure: Option<String>,
    /// It was told that there is no number, or no answer.
    #[serde(default)]
    pub told: bool,
    /// [`Trigger::mark`] of what was asked last; empty where that was before it was kept.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mark: String,
}

/// What is to be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "turn", rename_all = "snake_case")]
pub enum Turn {
    /// It has been bad for long enough.
    Fires {
        /// Since when it is bad.
        #[serde(with = "millis")]
        since: DateTime<Utc>,
        /// The worst value.
        #[serde(with = "number")]
        value: f64,
        /// What is bad, where the answer has names for it.
        over: Vec<String>,
    },
    /// It is not bad any more.
    Resolves {
        /// Since when it was.
        #[serde(with = "millis")]
        since: DateTime<Utc>,
        /// The worst value now.
        #[serde(with = "number")]
        value: f64,
    },
    /// The answer has no number: nobody knows how it stands.
    NoNumber {
        /// Since then.
        #[serde(with = "millis")]
        since: DateTime<Utc>,
    },
    /// There is no answer: nobody knows how it stands.
    NoAnswer {
        /// Since then.
        #[serde(with = "millis")]
        since: DateTime<Utc>,
        /// Why.
        reason: String,
    },
    /// There are numbers again.
    Answers {
        /// The worst value.
        #[serde(with = "number")]
        value: f64,
    },
    /// It fired last, and is configured no more: nobody would ever say that it is over.
    Removed {
        /// When it was asked last.
        #[serde(with = "millis")]
        asked_at: DateTime<Utc>,
    },
    /// It fires on, and the incident where it was ended so long ago that this one is not opened again.
    FiresOn {
        /// Since when it is bad.
        #[serde(with = "millis")]
        since: DateTime<Utc>,
        /// The worst value.
        #[serde(with = "number")]
        value: f64,
        /// That incident.
        incident: IncidentId,
        /// When it ended.
        #[serde(with = "millis")]
        ended_at: DateTime<Utc>,
    },
    /// What maintenance or damping had held back counts from now on.
    Counts {
        /// It fires.
        firing: bool,
        /// Since when it does, or does not.
        #[serde(with = "millis")]
        since: DateTime<Utc>,
        /// When that it is held back was decided.
        #[serde(with = "millis")]
        held_at: DateTime<Utc>,
    },
}

impl Standing {
    /// The word for it, as in the JSON output.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match (&self.is, self.failing_since, self.missing_since, self.asked_at) {
            (_, Some(_), ..) => "no_answer",
            (_, _, Some(_), _) => "no_number",
            (.., None) => "not_asked",
            (Is::Quiet, ..) => "quiet",
            (Is::Pending { .. }, ..) => "pending",
            (Is::Firing { .. }, ..) => "firing",
        }
    }
}

/// A value for people: whole where it is whole, else with four digits that say something.
#[must_use]
pub fn shown(value: f64) -> String {
    if !value.is_finite() || value == value.trunc() && value.abs() < 1e15 {
        return format!("{value}");
    }
    let digits = if value.abs() >= 100.0 {
        1
    } else if value.abs() >= 1.0 {
        2
    } else {
        4
    };
    format!("{value:.digits$}")
}

/// A turn of a trigger on its way to what comes of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TriggerNotice {
    /// The trigger's name.
    pub trigger: String,
    /// What happened.
    #[serde(flatten)]
    pub turn: Turn,
}

impl TriggerNotice {
    /// What it is known by: the same turn has the same name, whoever comes to it twice.
    #[must_use]
    pub fn key(&self, now: DateTime<Utc>) -> String {
        let (word, at) = match &self.turn {
            Turn::Fires { since, .. } => ("fires", *since),
            Turn::Resolves { since, .. } => ("resolves", *since),
            Turn::NoNumber { since } => ("no-number", *since),
            Turn::NoAnswer { since, .. } => ("no-answer", *since),
            Turn::Answers { .. } => ("answers", now),
            Turn::Removed { asked_at } => ("removed", *asked_at),
            // each end of an incident is held against it once
            Turn::FiresOn { ended_at, .. } => ("fires-on", *ended_at),
            // held back once, it may have turned again since, and is steady later than that
            Turn::Counts { since, held_at, .. } => ("counts", (*held_at).max(*since)),
        };
        format!("{}/{}/{word}", self.trigger, at.timestamp_millis())
    }

    /// What is told, in one line.
    #[must_use]
    pub fn words(&self, trigger: &Trigger) -> String {
        let limit = format!("{} {}", trigger.when.sign(), shown(trigger.limit));
        let time = |at: &DateTime<Utc>| at.format("%Y-%m-%d %H:%M UTC").to_string();
        match &self.turn {
            Turn::Fires { since, value, over } => {
                let over = if over.is_empty() { String::new() } else { format!(": {}", over.join(", ")) };
                format!(
                    "trigger {} fires: {}: {} {limit} since {}{over}",
                    self.trigger,
                    trigger.says,
                    shown(*value),
                    time(since)
                )
            }
            Turn::Resolves { since, value } => format!(
                "trigger {} is quiet again: {} is no more {limit}, as it was since {}",
                self.trigger,
                shown(*value),
                time(since)
            ),
            Turn::NoNumber { since } => format!(
                "trigger {}: nobody knows whether {}: its query has had no number since {}",
                self.trigger,
                trigger.says,
                time(since)
            ),
            Turn::NoAnswer { since, reason } => format!(
                "trigger {}: nobody knows whether {}: it has had no answer since {}: {reason}",
                self.trigger,
                trigger.says,
                time(since)
            ),
            Turn::Answers { value } => {
                format!(
                    "trigger {}: there are numbers again: {} (fires {limit})",
                    self.trigger,
                    shown(*value)
                )
            }
            Turn::Removed { .. } => removed(&self.trigger),
            Turn::FiresOn { since, value, ended_at, .. } => format!(
                "trigger {} fires on: {}: {} {limit} since {}; the incident where it was ended at {}",
                self.trigger,
                trigger.says,
                shown(*value),
                time(since),
                time(ended_at)
            ),
            Turn::Counts { firing: true, since, .. } => {
                format!("trigger {} fires still: {}, since {}", self.trigger, trigger.says, time(since))
            }
            Turn::Counts { firing: false, since, .. } => {
                format!("trigger {} is steady: it is quiet since {}", self.trigger, time(since))
            }
        }
    }
}

/// What is told of a trigger that is configured no more.
#[must_use]
pub fn removed(name: &str) -> String {
    format!(
        "trigger {name} is in blocks.toml no more: nobody asks whether it is over, and who knows resolves it"
    )
}
