//! Pages by which Blocks called people: whose acknowledgement takes the incident, and which have to end.
//!
//! Where monitoring or a person opened the incident, such a page is all that rings: its acknowledgement is the incident's. And a
//! page that nobody needs any more must not ring again, as the pager has one do that nobody acknowledged, or whose acknowledgement
//! ran out.

use chrono::{DateTime, Utc};

use super::decide::{CALL, Decision, Effect, acknowledge};
use super::event::IncidentEvent;
use super::state::Incident;
use crate::journal::Envelope;
use crate::people::Actor;
use crate::ports::CallPage;

/// Who calls people by the clock.
pub const ESCALATION: &str = "escalation";

/// Everybody who was called, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calls(Vec<Call>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Call {
    /// The event that called them.
    seq: u64,
    /// Who was called.
    to: Actor,
    /// The pager was asked to ring; by a message alone otherwise.
    paged: bool,
    /// The clock or a trigger called them because nobody had the incident: whoever takes it is all that is needed.
    for_anybody: bool,
    /// Since then somebody has to take the incident anew: what was acknowledged before it says nothing of that.
    void_before: Option<DateTime<Utc>>,
    /// The event since which nobody needs it.
    over: Option<u64>,
}

/// Somebody has acknowledged a page by which they were called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallAnswer {
    /// The event that called them.
    pub call: u64,
    /// Who acknowledged it.
    pub by: Actor,
    /// Their e-mail at the pager, when known.
    pub email: Option<String>,
    /// When, by the pager's account.
    pub occurred_at: DateTime<Utc>,
}

impl Incident {
    /// Whether an acknowledgement of this page, made then, is news.
    #[must_use]
    pub fn hears_answer(&self, call: u64, occurred_at: DateTime<Utc>) -> bool {
        self.calls.0.iter().any(|one| {
            one.seq == call
                && one.paged
                && one.over.is_none()
                && one.void_before.is_none_or(|void_before| occurred_at >= void_before)
        })
    }

    /// Whether nobody needs this call any more.
    #[must_use]
    pub fn is_call_over(&self, call: u64) -> bool {
        self.calls.0.iter().any(|one| one.seq == call && one.over.is_some())
    }

    /// The pages that are over since the events behind this one.
    pub fn pages_over_since(&self, seq: u64) -> impl Iterator<Item = CallPage> {
        let is_new = move |call: &&Call| call.paged && call.over.is_some_and(|over| over > seq);
        self.calls.0.iter().filter(is_new).map(|call| CallPage { incident: self.id, seq: call.seq })
    }

    /// That somebody says here that they are there, where somebody else has it: the pages that called them are answered.
    pub(super) fn come(&self, who: &Actor) -> Vec<IncidentEvent> {
        let theirs = self.calls.0.iter().filter(|call| call.paged && call.over.is_none() && call.to == *who);
        theirs.map(|call| IncidentEvent::CallAnswered { call: call.seq }).collect()
    }

    /// Applies one event, when everything else of the incident has heard it.
    pub(super) fn hear_of_calls(&mut self, envelope: &Envelope<IncidentEvent>) {
        match &envelope.event {
            IncidentEvent::Escalated { to, paged, .. } => self.calls.0.push(Call {
                seq: envelope.seq,
                to: to.clone(),
                paged: *paged,
                // what comes to an incident that somebody has is news for whom it calls
                for_anybody: matches!(envelope.actor, Actor::System(_)) && self.waits_for_somebody(),
                void_before: None,
                over: None,
            }),
            IncidentEvent::Unacknowledged | IncidentEvent::Reopened { .. } => {
                for call in &mut self.calls.0 {
                    call.void_before = Some(envelope.at);
                }
            }
            _ => {}
        }
        let answered = match &envelope.event {
            IncidentEvent::CallAnswered { call } => Some(*call),
            _ => None,
        };
        let (is_open, waits) = (self.status.is_open(), self.waits_for_somebody());
        for call in self.calls.0.iter_mut().filter(|call| call.over.is_none()) {
            // whom a person or news ask for is needed beside whoever has it
            if !is_open || (call.for_anybody && !waits) || answered == Some(call.seq) {
                call.over = Some(envelope.seq);
            }
        }
    }
}

/// Whoever acknowledges a page by which they were called comes, and has the incident where nobody else has.
pub(super) fn answered(state: &Incident, answer: &CallAnswer, card: Effect) -> Decision {
    let CallAnswer { call, by, email, occurred_at } = answer;
    if !state.hears_answer(*call, *occurred_at) {
        return Decision::default();
    }
    let mut decision = acknowledge(state, by, (CALL, email.as_ref()), card);
    decision.events.push(IncidentEvent::CallAnswered { call: *call });
    decision
}
