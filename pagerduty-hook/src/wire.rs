//! What PagerDuty sends in a v3 webhook, as far as we read it.
//!
//! Every field may be missing, null, or of another shape than expected: it is then `None`, and never makes the
//! rest unreadable. Unknown fields are passed over. Old samples lack `created_at`; a ping's agent has only id and
//! type; `priority` is null in most accounts; a conference number is a string or a number.

use chrono::{DateTime, Datelike as _, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

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
    #[serde(default, deserialize_with = "moment")]
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

/// `data` of all events about incidents. Of an incident itself `id` is its own; of everything else (`incident`) it is that
/// thing's, and the incident is a reference.
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
    #[serde(default, deserialize_with = "moment")]
    pub(crate) created_at: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "loose")]
    pub(crate) resolve_reason: Option<ResolveReason>,
    #[serde(default, deserialize_with = "loose")]
    pub(crate) incident: Option<Reference>,
    /// A note's.
    #[serde(default, deserialize_with = "loose")]
    pub(crate) content: Option<String>,
    /// A note's or a status update's.
    #[serde(default, deserialize_with = "loose")]
    pub(crate) trimmed: Option<bool>,
    /// Of a status update, of a responder's request or of the answer to it.
    #[serde(default, deserialize_with = "loose")]
    pub(crate) message: Option<String>,
    #[serde(default, deserialize_with = "loose_list")]
    pub(crate) assignees: Vec<Reference>,
    #[serde(default, deserialize_with = "loose")]
    pub(crate) escalation_policy: Option<Reference>,
    #[serde(default, deserialize_with = "loose")]
    pub(crate) incident_type: Option<Named>,
    /// The responder who was asked, or answers.
    #[serde(default, deserialize_with = "loose")]
    pub(crate) user: Option<Reference>,
    /// Of a responder or of an action.
    #[serde(default, deserialize_with = "loose")]
    pub(crate) state: Option<String>,
    #[serde(default, deserialize_with = "loose")]
    pub(crate) conference_url: Option<String>,
    #[serde(default, deserialize_with = "loose_list")]
    pub(crate) conference_numbers: Vec<ConferenceNumber>,
    #[serde(default, deserialize_with = "loose_list")]
    pub(crate) custom_fields: Vec<Field>,
    /// What the changed ones were before.
    #[serde(default, deserialize_with = "loose_list")]
    pub(crate) changed_custom_fields: Vec<Field>,
    #[serde(default, deserialize_with = "loose_list")]
    pub(crate) incident_role_assignments: Vec<RoleAssignment>,
    /// A task's.
    #[serde(default, deserialize_with = "loose")]
    pub(crate) name: Option<String>,
    /// A task's.
    #[serde(default, deserialize_with = "loose")]
    pub(crate) status: Option<String>,
    /// A workflow's instance or a service says so itself.
    #[serde(default, deserialize_with = "loose")]
    pub(crate) summary: Option<String>,
    #[serde(default, deserialize_with = "loose")]
    pub(crate) incident_workflow: Option<Reference>,
    #[serde(default, deserialize_with = "loose")]
    pub(crate) action: Option<Reference>,
}

/// Something that has only a name.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Named {
    #[serde(default, deserialize_with = "loose")]
    pub(crate) name: Option<String>,
}

/// A number of a conference, written as text or as a number.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ConferenceNumber {
    #[serde(default, deserialize_with = "loose")]
    pub(crate) label: Option<String>,
    #[serde(default)]
    pub(crate) number: Value,
}

/// A custom field of an incident.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Field {
    #[serde(default, deserialize_with = "loose")]
    pub(crate) id: Option<String>,
    #[serde(default, deserialize_with = "loose")]
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) value: Value,
}

/// Who has a role of an incident now, and who had it.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct RoleAssignment {
    #[serde(default, deserialize_with = "loose")]
    pub(crate) role: Option<Reference>,
    /// `None` where nobody has it any more.
    #[serde(default, deserialize_with = "loose")]
    pub(crate) assignee: Option<Reference>,
    #[serde(default, deserialize_with = "loose")]
    pub(crate) old_assignee: Option<Reference>,
    #[serde(default, deserialize_with = "loose")]
    pub(crate) incident: Option<Reference>,
}

/// Why it was resolved, where that is not a person's plain doing.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ResolveReason {
    #[serde(default, rename = "type", deserialize_with = "loose")]
    pub(crate) kind: Option<String>,
    #[serde(default, deserialize_with = "loose")]
    pub(crate) incident: Option<Reference>,
}

/// `None` for what is missing, null or not of this shape. No struct of these is a list, and serde would take a list for a
/// struct's fields in order.
pub(crate) fn loose<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(if value.is_array() { None } else { serde_json::from_value(value).ok() })
}

/// A moment that can be reckoned with: nothing can be added to one at the end of what there is.
pub(crate) fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    let at: Option<DateTime<Utc>> = loose(deserializer)?;
    Ok(at.filter(is_usual))
}

/// Whether a moment is one that people write: the ends of what a computer can tell are far from it.
pub(crate) fn is_usual(at: &DateTime<Utc>) -> bool {
    (1970..=9999).contains(&at.year())
}

/// An object of this shape; `None` for anything else, a list of what would be its fields among it.
pub(crate) fn object<T: DeserializeOwned>(value: &Value) -> Option<T> {
    if value.is_object() { serde_json::from_value(value.clone()).ok() } else { None }
}

/// Of a list what has this shape; nothing where there is none.
pub(crate) fn loose_list<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let Value::Array(items) = Value::deserialize(deserializer)? else { return Ok(Vec::new()) };
    let items = items.into_iter().filter(|item| !item.is_array());
    Ok(items.filter_map(|item| serde_json::from_value(item).ok()).collect())
}
