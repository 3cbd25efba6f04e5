//! What must hold of an incident, event by event.

use chrono::{DateTime, Duration, Utc};
use runbook_core::ids::IncidentId;
use runbook_core::incident::{Incident, IncidentEvent, evolve};
use runbook_core::journal::Envelope;

use super::Judge;

/// An incident as its events say.
pub(super) struct IncidentWatch {
    pub(super) incident: Incident,
    reviews: u32,
    /// When somebody was last mentioned, by the judge's own book.
    mentioned_at: Option<DateTime<Utc>>,
}

/// Nobody is mentioned so soon after a mention.
const QUIET_S: i64 = 60;

impl Judge {
    pub(super) fn incident_event(&mut self, id: IncidentId, envelope: &Envelope<IncidentEvent>) {
        let before = self.incidents.remove(&id);
        let (state, mut reviews, mut mentioned_at) = match before {
            Some(watch) => (Some(watch.incident), watch.reviews, watch.mentioned_at),
            None => (None, 0, None),
        };
        match &envelope.event {
            IncidentEvent::ReviewDrafted { .. } => {
                reviews += 1;
                if reviews > 1 {
                    self.accuse(
                        "duplicate-message",
                        format!("incident {id}: its review was drafted {reviews} times"),
                    );
                }
            }
            IncidentEvent::Opened { pager: Some(pager), .. } => {
                let known =
                    |watch: &IncidentWatch| watch.incident.pager.as_ref().map(|p| &p.id) == Some(&pager.id);
                if self.incidents.values().any(known) {
                    self.accuse("duplicate-message", format!("two incidents for {} of the pager", pager.id));
                }
            }
            IncidentEvent::Asked { about, to, mention: true } => {
                if mentioned_at.is_some_and(|last| envelope.at - last < Duration::seconds(QUIET_S)) {
                    self.accuse("loud", format!("incident {id}: {about:?} mentions {to:?} less than a minute after the last mention"));
                }
                if to.is_none() {
                    self.accuse("loud", format!("incident {id}: {about:?} mentions nobody in particular"));
                }
                mentioned_at = Some(envelope.at);
            }
            _ => {}
        }
        match evolve(state, envelope) {
            Ok(incident) => {
                drop(self.incidents.insert(id, IncidentWatch { incident, reviews, mentioned_at }));
            }
            Err(error) => self.accuse("replay", error.to_string()),
        }
    }
}
