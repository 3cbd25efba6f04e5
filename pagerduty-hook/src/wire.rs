//! What PagerDuty sends in a v3 webhook, as far as we read it.
//!
//! Every field may be missing, null, or of another shape than expected: it is then `None`, and never makes the
//! rest unreadable. Unknown fields are passed over. Old samples lack `created_at`; a ping's agent has only id and
//! type; `priority` is null in most accounts; a conference number is a string or a number (not read at all).

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

/// The body: one event per request.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Envelope {
    #[serde(default, deserialize_with = "loose")]
    pub(crate) event: Option<Event>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Event {
    #[serde(default, deserialize_with = "loose")]
    pub(crate) id: Option<String>,
    #[serde(default, deserialize_with = "loose")]
    pub(crate) event_type: Option<String>,
    #[serde(default, deserialize_with = "loose")]
    pub(crate) occurred_at: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "loose")]
    pub(crate) agent: Option<Reference>,
    #[serde(default, deserialize_with = "loose")]
    pub(crate) data: Option<Data>,
}

/// A pointer to another thing of the account: `user_reference`, `incident_reference`, ...
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Reference {
    #[serde(default, deserialize_with = "loose")]
    pub(crate) id: Option<String>,
    #[serde(default, rename = "type", deserialize_with = "loose")]
    pub(crate) kind: Option<String>,
    #[serde(default, deserialize_with = "loose")]
    pub(crate) summary: Option<String>,
    #[serde(default, deserialize_with = "loose")]
    pub(crate) html_url: Option<String>,
}

/// `data` of the events that we act on: an incident's own fields, or (`incident`, `content`, `trimmed`) a note's.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Data {
    #[serde(default, deserialize_with = "loose")]
    pub(crate) id: Option<String>,
    #[serde(default, deserialize_with = "loose")]
    pub(crate) html_url: Option<String>,
    #[serde(default, deserialize_with = "loose")]
    pub(crate) title: Option<String>,
    #[serde(default, deserialize_with = "loose")]
    pub(crate) incident_key: Option<String>,
    #[serde(default, deserialize_with = "loose")]
    pub(crate) service: Option<Reference>,
    #[serde(default, deserialize_with = "loose")]
    pub(crate) priority: Option<Reference>,
    #[serde(default, deserialize_with = "loose")]
    pub(crate) urgency: Option<String>,
    #[serde(default, deserialize_with = "loose")]
    pub(crate) created_at: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "loose")]
    pub(crate) resolve_reason: Option<ResolveReason>,
    #[serde(default, deserialize_with = "loose")]
    pub(crate) incident: Option<Reference>,
    #[serde(default, deserialize_with = "loose")]
    pub(crate) content: Option<String>,
    #[serde(default, deserialize_with = "loose")]
    pub(crate) trimmed: Option<bool>,
}

/// Why it was resolved, where that is not a person's plain doing.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ResolveReason {
    #[serde(default, rename = "type", deserialize_with = "loose")]
    pub(crate) kind: Option<String>,
    #[serde(default, deserialize_with = "loose")]
    pub(crate) incident: Option<Reference>,
}

/// `None` for what is missing, null or not of this shape. Nothing that we read is a list, and serde would take a
/// list for a struct's fields in order.
fn loose<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(if value.is_array() { None } else { serde_json::from_value(value).ok() })
}
