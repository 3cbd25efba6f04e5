//! What people put on an incident's record: how it ended, roles, updates, actions, and what the pager was told of it.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::decide::{HERE, PAGER_ENDED};
use super::event::IncidentEvent;
use super::state::{Incident, Status};
use crate::ids::IncidentNumber;
use crate::journal::{Envelope, millis};
use crate::people::{Actor, Role};

/// What the pager puts behind a note that it cuts for its webhook.
const CUT: &str = "[...]";

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
            IncidentEvent::RoleGiven { role, to } => {
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

    /// Whether the pager has to be asked to end it too.
    pub(super) fn asks_pager_to_end(&self) -> bool {
        self.pager.is_some() && !self.pager_over && !self.pager_refused
    }

    /// Keeps whether it is over for the pager.
    pub(super) fn hear_of_pager(&mut self, envelope: &Envelope<IncidentEvent>) {
        match &envelope.event {
            IncidentEvent::Resolved { via } if via != HERE => self.pager_over = true,
            IncidentEvent::ResolveHeld { .. } => self.pager_over = true,
            IncidentEvent::PagerNoted { what, .. } if what == PAGER_ENDED => {
                self.pager_over = true;
                if self.pager_asked && self.status.is_open() {
                    // It has ended what a person took back meanwhile.
                    self.pager_resolved = true;
                }
            }
            IncidentEvent::ShiftHandedOver { text, .. } => {
                self.pager_notes.push(text.clone());
                return;
            }
            IncidentEvent::Reopened { via, .. } if via != HERE => self.pager_over = false,
            IncidentEvent::Reopened { reason, .. } => {
                let reason = reason.as_deref().unwrap_or_default();
                self.pager_notes.push(reopened_note(self.number, &envelope.actor, reason));
                return;
            }
            _ => return,
        }
        self.pager_asked = false;
    }

    /// Whether this end of the pager's is one that a person has taken back here: it was asked for before that, or is told
    /// once more. Where a person has vouched for the fix since then, it is the end.
    pub(super) fn is_taken_back(&self, occurred_at: DateTime<Utc>) -> bool {
        let told_before = self.pager_said_at.is_some_and(|said_at| said_at >= occurred_at);
        self.status < Status::Monitoring && (self.pager_asked || (self.pager_resolved && told_before))
    }

    /// Whether this note at the pager is one of ours.
    pub(super) fn wrote_at_pager(&self, text: &str) -> bool {
        let text = text.trim();
        let begun = text.strip_suffix(CUT).map(str::trim_end).filter(|begun| !begun.is_empty());
        self.pager_notes.iter().any(|note| note == text || begun.is_some_and(|begun| note.starts_with(begun)))
    }
}

/// What the pager is told when it is opened again here.
pub(super) fn reopened_note(number: IncidentNumber, by: &Actor, reason: &str) -> String {
    format!("{number} is open again in Blocks, by {by}: {reason}")
}

/// What the pager is told when it was no incident.
pub(super) fn no_incident_note(number: IncidentNumber, by: &Actor, reason: &str) -> String {
    format!("{number} is closed in Blocks as no incident, by {by}: {reason}")
}

/// What the pager is told when it is part of another.
pub(super) fn merged_note(number: IncidentNumber, by: &Actor, other: IncidentNumber) -> String {
    format!("{number} is merged into {other} in Blocks, by {by}")
}
