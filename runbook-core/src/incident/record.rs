//! What people put on an incident's record: how it ended, roles, updates and actions.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::event::IncidentEvent;
use super::pager::{merged_note, no_incident_note};
use super::state::{Incident, Status};
use crate::ids::IncidentNumber;
use crate::journal::{Envelope, millis};
use crate::people::{Actor, Role};

/// An end that is not a resolution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "as", rename_all = "snake_case")]
pub enum End {
    /// It never was one.
    NotAnIncident {
        /// Why.
        reason: String,
    },
    /// It is part of another.
    Merged {
        /// The other.
        into: IncidentNumber,
    },
}

impl End {
    /// The end in words.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            End::NotAnIncident { reason } => format!("not an incident: {reason}"),
            End::Merged { into } => format!("merged into {into}"),
        }
    }
}

/// What people outside the incident were told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Update {
    /// When.
    #[serde(with = "millis")]
    pub at: DateTime<Utc>,
    /// By whom.
    pub by: Actor,
    /// The text.
    pub text: String,
}

/// Something that is to be done because of the incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionItem {
    /// Counted from 1 in the incident.
    pub number: u32,
    /// What.
    pub text: String,
    /// Who does it.
    pub owner: Option<String>,
    /// By when.
    pub due: Option<NaiveDate>,
    /// When it was done.
    #[serde(with = "millis::option")]
    pub done_at: Option<DateTime<Utc>>,
}

impl Incident {
    /// When people outside are to be told next: so long after the last update, or after the detection.
    #[must_use]
    pub fn update_due(&self, interval_s: Option<u32>) -> Option<DateTime<Utc>> {
        let interval = chrono::Duration::seconds(i64::from(interval_s?));
        let since = self.update.as_ref().map_or(self.detected_at, |update| update.at);
        self.status.is_open().then(|| since.checked_add_signed(interval)).flatten()
    }

    /// Whether a review of it is to be written: of what was no incident by itself, none is.
    #[must_use]
    pub fn is_reviewed(&self) -> bool {
        !self.status.is_open() && self.end.is_none()
    }

    /// Applies one of the events that people put on the record.
    pub(super) fn record(&mut self, envelope: &Envelope<IncidentEvent>) {
        let at = envelope.at;
        match &envelope.event {
            IncidentEvent::NotAnIncident { reason } => {
                self.close(at, End::NotAnIncident { reason: reason.clone() });
                self.pager_notes.push(no_incident_note(self.number, &envelope.actor, reason));
            }
            IncidentEvent::MergedInto { other, .. } => {
                self.close(at, End::Merged { into: *other });
                self.pager_notes.push(merged_note(self.number, &envelope.actor, *other));
            }
            IncidentEvent::MergedFrom { other, .. } if !self.merged.contains(other) => {
                self.merged.push(*other);
            }
            IncidentEvent::RoleGiven { role, to, .. } => {
                // There is one of each, but any number of responders.
                self.roles.retain(|(known, who)| known != role || (*role == Role::Responder && who != to));
                self.roles.push((*role, to.clone()));
            }
            IncidentEvent::UpdateGiven { text } | IncidentEvent::UpdateSent { text, .. } => {
                self.update = Some(Update { at, by: envelope.actor.clone(), text: text.clone() });
            }
            IncidentEvent::ActionAdded { number, text, owner, due } => self.actions.push(ActionItem {
                number: *number,
                text: text.clone(),
                owner: owner.clone(),
                due: *due,
                done_at: None,
            }),
            IncidentEvent::ActionDone { number } => {
                if let Some(item) = self.actions.iter_mut().find(|item| item.number == *number) {
                    item.done_at = Some(at);
                }
            }
            _ => {}
        }
    }

    fn close(&mut self, at: DateTime<Utc>, end: End) {
        self.pager_asked = self.asks_pager_to_end();
        self.resolved_at = Some(at);
        self.status = Status::Closed;
        self.end = Some(end);
    }
}
