//! What an incident keeps about whom it asked, and what people said about being asked.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::topic::{Topic, Urgency};
use crate::incident::event::IncidentEvent;
use crate::journal::Envelope;
use crate::people::Actor;

/// Whom it asked, when, and who wants not to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reminders {
    /// What was asked for, and when last.
    pub asked: BTreeMap<Topic, DateTime<Utc>>,
    /// When somebody was last mentioned.
    pub pinged_at: Option<DateTime<Utc>>,
    /// When something was last asked for, with or without a mention.
    pub said_at: Option<DateTime<Utc>>,
    /// Reminders are held until then.
    pub snoozed_until: Option<DateTime<Utc>>,
    /// People who want none.
    pub off: BTreeSet<Actor>,
    /// Nobody gets one.
    pub all_off: bool,
    /// The severity is what a rule made of it: nobody has named one.
    pub is_severity_guessed: bool,
    /// Who asked for a rollback.
    pub rollback_requests: Vec<RollbackRequest>,
}

/// Somebody wants it rolled back, and asks whoever commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollbackRequest {
    /// Who.
    pub by: Actor,
    /// Why.
    pub reason: String,
}

impl Reminders {
    /// Applies one event.
    pub(in crate::incident) fn hear(&mut self, envelope: &Envelope<IncidentEvent>) {
        match &envelope.event {
            IncidentEvent::Opened { severity_guessed, .. } => self.is_severity_guessed = *severity_guessed,
            IncidentEvent::SeverityChanged { .. } | IncidentEvent::SeverityConfirmed { .. } => {
                self.is_severity_guessed = false;
            }
            IncidentEvent::Asked { about, mention, .. } => {
                self.asked.insert(about.clone(), envelope.at);
                self.said_at = Some(envelope.at);
                if *mention {
                    self.pinged_at = Some(envelope.at);
                }
            }
            // A mention of the incident's, too: reminders keep their distance from it.
            IncidentEvent::HandoverOffered { .. } | IncidentEvent::Escalated { .. } => {
                self.pinged_at = Some(envelope.at);
            }
            IncidentEvent::RemindersSnoozed { until } => {
                self.snoozed_until = Some(*until);
                // To snooze is to want to be asked later: what was asked for counts as not asked.
                self.asked.retain(|topic, _| topic.urgency() != Urgency::Reminder);
            }
            IncidentEvent::RemindersSet { on, all: true } => {
                self.all_off = !on;
                self.wake(*on);
            }
            IncidentEvent::RemindersSet { on: false, .. } => {
                self.off.insert(envelope.actor.clone());
            }
            IncidentEvent::RemindersSet { on: true, .. } => {
                self.off.remove(&envelope.actor);
                self.wake(true);
            }
            IncidentEvent::RollbackRequested { reason } => self
                .rollback_requests
                .push(RollbackRequest { by: envelope.actor.clone(), reason: reason.clone() }),
            // It may fail again, and is asked about again then.
            IncidentEvent::MitigationStarted { run } => {
                self.asked.remove(&Topic::MitigationFailed { run: *run });
            }
            // What was asked for before its end was about what was then.
            IncidentEvent::Reopened { .. } => {
                self.asked.clear();
                self.rollback_requests.clear();
            }
            _ => {}
        }
    }

    /// Whoever turns reminders on wants no snooze either.
    fn wake(&mut self, on: bool) {
        if on {
            self.snoozed_until = None;
        }
    }

    /// That reminders are held or off, for people; `None` while they come.
    #[must_use]
    pub fn words(&self, now: DateTime<Utc>) -> Option<String> {
        if self.all_off {
            return Some("off; `/blocks reminders on --all` turns them on".to_owned());
        }
        let held = self.held_until(now)?;
        Some(format!("held until {}; `/blocks reminders on` ends it", held.format("%H:%M UTC")))
    }

    /// Until when reminders are held; `None` when they are not.
    #[must_use]
    pub fn held_until(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.snoozed_until.filter(|until| *until > now)
    }
}
