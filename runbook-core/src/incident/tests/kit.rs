//! An incident on the test bench: every decision is sealed, stored and applied, as the engine does it.

use chrono::{DateTime, Duration, Utc};
use uuid::Uuid;

use crate::ids::{IncidentId, IncidentNumber, RunId};
use crate::incident::{
    Decision, Incident, IncidentCommand, IncidentEvent, OpenIncident, PagerRef, Rejection, Word, decide,
    evolve, open,
};
use crate::journal::{Cause, Envelope, Head, Stamp, StoredEvent, StreamId, open as unseal, seal};
use crate::people::Actor;
use crate::update::UpdateCommand;

pub(crate) const RUN: RunId = RunId(Uuid::from_u128(0x21));
pub(crate) const OTHER: RunId = RunId(Uuid::from_u128(0x22));

pub(crate) fn start_of_day() -> DateTime<Utc> {
    "2025-12-09T14:02:11Z".parse().unwrap()
}

pub(crate) fn person(name: &str) -> Actor {
    Actor::Person(name.to_owned())
}

pub(crate) fn request(paged: bool) -> OpenIncident {
    OpenIncident {
        id: IncidentId(Uuid::from_u128(0x11)),
        number: IncidentNumber(1),
        severity: "P1".to_owned(),
        severity_reason: "high urgency".to_owned(),
        target_s: Some(900),
        service: "flowengine".to_owned(),
        title: "More than 10 % of the flows fail".to_owned(),
        pager: paged.then(|| PagerRef { id: "Q1".to_owned(), url: None, key: None }),
        detected_at: start_of_day(),
        triage: true,
        private: false,
        severity_guessed: false,
        tells_pager: false,
        note: None,
        chosen: None,
    }
}

pub(crate) fn link(run: RunId, mutating: bool) -> IncidentCommand {
    IncidentCommand::LinkRun { run, runbook: "rollback".to_owned(), mutating, triage: !mutating }
}

pub(crate) fn acknowledge(name: &str, via: &str) -> IncidentCommand {
    IncidentCommand::Acknowledge { by: person(name), via: via.to_owned(), email: None }
}

/// The pager's word, at the start of the day.
pub(crate) fn said() -> Word {
    Word::Pager { occurred_at: start_of_day() }
}

/// The acknowledgement runs out, so many seconds after the start of the day.
pub(crate) fn ran_out(second: i64) -> IncidentCommand {
    IncidentCommand::Unacknowledge { occurred_at: start_of_day() + Duration::seconds(second) }
}

pub(crate) fn resolve(name: &str) -> IncidentCommand {
    IncidentCommand::Resolve { by: person(name), email: None }
}

/// The pager ends it, so many seconds after the start of the day.
pub(crate) fn pager_ends(second: i64) -> IncidentCommand {
    IncidentCommand::PagerResolved { occurred_at: start_of_day() + Duration::seconds(second) }
}

/// The pager opens it again.
pub(crate) fn pager_reopens(second: i64) -> IncidentCommand {
    IncidentCommand::PagerReopened { occurred_at: start_of_day() + Duration::seconds(second) }
}

/// One incident, live, with everything that was stored about it.
pub(crate) struct Bench {
    pub(crate) incident: Incident,
    pub(crate) stored: Vec<StoredEvent>,
    pub(crate) events: Vec<Envelope<IncidentEvent>>,
    pub(crate) now: DateTime<Utc>,
    head: Head,
}

impl Bench {
    pub(crate) fn open(request: &OpenIncident, now: DateTime<Utc>) -> (Bench, Decision) {
        let decision = open(request, now);
        let stream = StreamId::Incident(request.id);
        let by = Actor::system("pagerduty");
        let (mut stored, mut events, mut head) = (Vec::new(), Vec::new(), Head::EMPTY);
        let stamp = Stamp { now, occurred_at: None, actor: by, cause: Cause::Engine };
        let incident = store(stream, None, &mut head, &mut stored, &mut events, &stamp, &decision);
        (Bench { incident: incident.unwrap(), stored, events, now, head }, decision)
    }

    /// Opened by a page, two seconds after the detection.
    pub(crate) fn paged() -> Bench {
        Bench::open(&request(true), start_of_day() + Duration::seconds(2)).0
    }

    /// One command a second later.
    pub(crate) fn give(&mut self, command: &IncidentCommand) -> Result<Decision, Rejection> {
        let by = match command {
            IncidentCommand::Acknowledge { by, .. }
            | IncidentCommand::Resolve { by, .. }
            | IncidentCommand::Reopen { by, .. }
            | IncidentCommand::EndAsNone { by, .. }
            | IncidentCommand::MergeInto { by, .. }
            | IncidentCommand::GiveRole { by, .. }
            | IncidentCommand::GiveUpdate { by, .. }
            | IncidentCommand::AddNote { by, .. }
            | IncidentCommand::Update(UpdateCommand::Send { by, .. }) => by.clone(),
            _ => Actor::system("engine"),
        };
        self.now += Duration::seconds(1);
        self.give_as(by, command)
    }

    /// One command of somebody, now.
    pub(crate) fn give_as(&mut self, by: Actor, command: &IncidentCommand) -> Result<Decision, Rejection> {
        let decision = decide(&self.incident, command, self.now)?;
        let stream = StreamId::Incident(self.incident.id);
        let occurred_at = match command {
            IncidentCommand::PagerResolved { occurred_at }
            | IncidentCommand::PagerMerged { occurred_at, .. }
            | IncidentCommand::PagerReopened { occurred_at }
            | IncidentCommand::Unacknowledge { occurred_at }
            | IncidentCommand::ChangeSeverity { word: Word::Pager { occurred_at }, .. } => Some(*occurred_at),
            _ => None,
        };
        let stamp = Stamp { now: self.now, occurred_at, actor: by, cause: Cause::Engine };
        let (stored, events) = (&mut self.stored, &mut self.events);
        let before = Some(self.incident.clone());
        self.incident = store(stream, before, &mut self.head, stored, events, &stamp, &decision).unwrap();
        Ok(decision)
    }

    /// A command that may not be refused.
    pub(crate) fn learns(&mut self, command: &IncidentCommand) -> Decision {
        self.give(command).unwrap_or_else(|refusal| panic!("{command:?}: {refusal}"))
    }

    pub(crate) fn status(&self) -> &'static str {
        self.incident.status.word()
    }

    /// The incident as recovery would see it.
    pub(crate) fn replayed(&self) -> Incident {
        let mut incident = None;
        for stored in &self.stored {
            incident = Some(evolve(incident, &unseal(stored).unwrap()).unwrap());
        }
        incident.unwrap()
    }
}

/// Seals the events, and applies what was decided, not what was stored: replay has to come to the same.
fn store(
    stream: StreamId,
    mut incident: Option<Incident>,
    head: &mut Head,
    stored: &mut Vec<StoredEvent>,
    events: &mut Vec<Envelope<IncidentEvent>>,
    stamp: &Stamp,
    decision: &Decision,
) -> Option<Incident> {
    let (sealed, next) = seal(stream, *head, stamp, &decision.events).unwrap();
    *head = next;
    for (one, event) in sealed.into_iter().zip(&decision.events) {
        let one = StoredEvent { seq: one.seq, bytes: one.bytes, hash: one.hash };
        let envelope: Envelope<IncidentEvent> = unseal(&one).unwrap();
        let live = Envelope { event: event.clone(), ..envelope };
        incident = Some(evolve(incident, &live).unwrap());
        stored.push(one);
        events.push(live);
    }
    incident
}
