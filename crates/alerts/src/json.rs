//! Plain JSON of whatever can send it, read by pointers that the configuration names.

use std::collections::BTreeMap;

use blocks_hooks::loose::{text, time, url};
use runbook_core::alert::{AlertLink, AlertNotice, SentAlert};
use serde_json::Value;

use crate::notice::{short, unread_of};

/// Alerts of one message that are read.
const ALERTS_MAX: usize = 10_000;

/// A JSON pointer (RFC 6901): empty, or beginning with a slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer(String);

impl Pointer {
    /// Reads one.
    ///
    /// # Errors
    /// When it is none, and why.
    pub fn new(text: &str) -> Result<Pointer, String> {
        if text.is_empty() || text.starts_with('/') {
            return Ok(Pointer(text.to_owned()));
        }
        Err(format!("'{text}' is no JSON pointer: it begins with a slash, as /alert/status does"))
    }

    fn at<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        value.pointer(&self.0)
    }
}

/// Where the parts of an alert stand in a sender's JSON.
#[derive(Debug, Clone)]
pub struct JsonMapping {
    /// The sender's name: the last part of its address.
    pub name: String,
    /// The list of alerts; the whole body is one alert when absent.
    pub alerts: Option<Pointer>,
    /// What it is known by while it comes and goes.
    pub fingerprint: Pointer,
    /// Whether it fires.
    pub status: Option<Pointer>,
    /// What stands there when it has ended, in any case of letters.
    pub resolved: Vec<String>,
    /// What it is about.
    pub title: Option<Pointer>,
    /// Its service.
    pub service: Option<Pointer>,
    /// Its severity.
    pub severity: Option<Pointer>,
    /// The group that it is of.
    pub group: Option<Pointer>,
    /// When it began.
    pub starts_at: Option<Pointer>,
    /// An object of names and values.
    pub labels: Option<Pointer>,
    /// Addresses, by what is there.
    pub links: BTreeMap<String, Pointer>,
}

impl JsonMapping {
    /// Reads a message.
    ///
    /// # Errors
    /// Why it cannot be one, in lowercase.
    pub(crate) fn read(&self, body: &[u8]) -> Result<AlertNotice, String> {
        let value: Value =
            serde_json::from_slice(body).map_err(|error| format!("the body is not json: {error}"))?;
        let sent: Vec<&Value> = match &self.alerts {
            None => vec![&value],
            Some(pointer) => match pointer.at(&value) {
                Some(Value::Array(list)) => list.iter().collect(),
                _ => return Err(format!("there is no list of alerts at '{}'", pointer.0)),
            },
        };
        let (mut alerts, mut unread, mut why) = (Vec::new(), 0, None);
        for alert in sent.iter().take(ALERTS_MAX) {
            match self.alert(alert) {
                Ok(alert) => alerts.push(alert),
                Err(error) => {
                    unread += 1;
                    why.get_or_insert(error);
                }
            }
        }
        let unread = unread_of(&alerts, unread, why)?;
        let left_out = (sent.len() - alerts.len()) as u64;
        let group = self.group.as_ref().and_then(|group| {
            text(group.at(&value)).or_else(|| sent.first().and_then(|first| text(group.at(first))))
        });
        Ok(AlertNotice {
            source: format!("json/{}", self.name),
            group,
            // what is left out may fire
            firing: left_out > 0 || alerts.iter().any(|alert| alert.firing),
            left_out,
            unread,
            sender: None,
            alerts,
        })
    }

    fn alert(&self, alert: &Value) -> Result<SentAlert, String> {
        let fingerprint = text(self.fingerprint.at(alert))
            .ok_or_else(|| format!("there is no fingerprint at '{}'", self.fingerprint.0))?;
        let at = |pointer: &Option<Pointer>| pointer.as_ref().and_then(|pointer| pointer.at(alert));
        let firing = match &self.status {
            None => true,
            // what says nothing is better looked at
            Some(status) => text(status.at(alert)).is_none_or(|status| {
                !self.resolved.iter().any(|word| word.eq_ignore_ascii_case(status.trim()))
            }),
        };
        let labels = at(&self.labels).and_then(Value::as_object);
        let labels =
            labels.into_iter().flatten().filter_map(|(name, value)| Some((name.clone(), text(Some(value))?)));
        let links = self.links.iter().filter_map(|(what, pointer)| {
            Some(AlertLink { what: what.clone(), url: url(pointer.at(alert))? })
        });
        Ok(SentAlert {
            fingerprint: short(fingerprint),
            firing,
            title: text(at(&self.title)),
            service: text(at(&self.service)),
            severity: text(at(&self.severity)),
            labels: labels.take(64).collect(),
            annotations: BTreeMap::new(),
            starts_at: time(at(&self.starts_at)),
            ends_at: None,
            links: links.collect(),
        })
    }
}
