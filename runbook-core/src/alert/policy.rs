//! How alerts become incidents: windows, limits and names, all of them data.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::about::About;

/// Everything configurable about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertPolicy {
    /// A further alert of a service joins its open incident within this time of the incident's opening, or of the last alert that
    /// came to it.
    pub storm: TimeDelta,
    /// An incident that ended so lately is opened again when its alert fires again.
    pub reopen: TimeDelta,
    /// An alert that begins or ends to fire so often within [`AlertPolicy::flap`] is damped; 0: none is.
    pub flap_turns: usize,
    /// See there.
    pub flap: TimeDelta,
    /// A damped alert is steady when nothing has changed for so long.
    pub steady: TimeDelta,
    /// An alert that has ended is forgotten when nobody has told of it for so long, and its incident has been over for as long.
    pub keep: TimeDelta,
    /// Labels that name the service; the first that is there counts.
    pub service_labels: Vec<String>,
    /// Labels that name the severity; the first that is there counts.
    pub severity_labels: Vec<String>,
    /// What a value of these means: a severity's id, or `none` for what opens no incident. Lowercase.
    pub severities: BTreeMap<String, String>,
    /// Services that are known by other labels.
    pub services: Vec<ServiceMatch>,
    /// When alerts are expected.
    pub maintenance: Vec<Maintenance>,
}

impl Default for AlertPolicy {
    fn default() -> Self {
        AlertPolicy {
            storm: TimeDelta::minutes(10),
            reopen: TimeDelta::minutes(30),
            flap_turns: 6,
            flap: TimeDelta::minutes(30),
            steady: TimeDelta::minutes(10),
            keep: TimeDelta::days(30),
            service_labels: vec!["service".to_owned()],
            severity_labels: vec!["severity".to_owned(), "priority".to_owned()],
            severities: BTreeMap::new(),
            services: Vec::new(),
            maintenance: Vec::new(),
        }
    }
}

impl AlertPolicy {
    /// What was told last before then is asked for by none of the windows any more.
    #[must_use]
    pub fn kept_since(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let windows = [self.storm, self.reopen, self.flap, self.steady];
        let longest = windows.into_iter().fold(self.keep, TimeDelta::max);
        now.checked_sub_signed(longest).unwrap_or(DateTime::<Utc>::MIN_UTC)
    }
}

/// A service whose alerts carry these labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceMatch {
    /// Its name.
    pub service: String,
    /// All of them, each with this value; never empty.
    pub labels: BTreeMap<String, String>,
}

impl ServiceMatch {
    /// Whether an alert with these labels is of it.
    #[must_use]
    pub fn fits(&self, labels: &BTreeMap<String, String>) -> bool {
        !self.labels.is_empty() && has_all(labels, &self.labels)
    }
}

/// A time in which alerts are expected and open nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Maintenance {
    /// Of this service; of any when absent.
    pub service: Option<String>,
    /// With all of these labels.
    pub labels: BTreeMap<String, String>,
    /// From then on; always so when absent.
    pub from: Option<DateTime<Utc>>,
    /// Not any more from then on.
    pub until: DateTime<Utc>,
    /// What is done.
    pub reason: String,
}

impl Maintenance {
    /// Whether this alert is expected at that time.
    #[must_use]
    pub fn covers(&self, about: &About, labels: &BTreeMap<String, String>, at: DateTime<Utc>) -> bool {
        self.from.is_none_or(|from| at >= from)
            && at < self.until
            && self.service.as_ref().is_none_or(|service| *service == about.service)
            && has_all(labels, &self.labels)
    }
}

fn has_all(labels: &BTreeMap<String, String>, wanted: &BTreeMap<String, String>) -> bool {
    wanted.iter().all(|(name, value)| labels.get(name) == Some(value))
}
