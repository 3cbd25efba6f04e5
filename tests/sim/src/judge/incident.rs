//! What must hold of an incident, event by event.

use runbook_core::ids::IncidentId;
use runbook_core::incident::{Incident, IncidentEvent, evolve};
use runbook_core::journal::Envelope;

use super::Judge;

/// An incident as its events say.
pub(super) struct IncidentWatch {
    pub(super) incident: Incident,
    reviews: u32,
}

impl Judge {
    pub(super) fn incident_event(&mut self, id: IncidentId, envelope: &Envelope<IncidentEvent>) {
        let before = self.incidents.remove(&id);
        let (state, mut reviews) = match before {
            Some(watch) => (Some(watch.incident), watch.reviews),
            None => (None, 0),
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
            _ => {}
        }
        match evolve(state, envelope) {
            Ok(incident) => drop(self.incidents.insert(id, IncidentWatch { incident, reviews })),
            Err(error) => self.accuse("replay", error.to_string()),
        }
    }
}
