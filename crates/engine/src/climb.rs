//! Escalation by the clock: the timers of the severity's steps, and who stands for their names now. The core decides whom one tells.

use chrono::{DateTime, Duration, Utc};
use runbook_core::ids::IncidentId;
use runbook_core::incident::{Callee, Incident, IncidentCommand, IncidentEvent, Rung, StandIns, decide};
use runbook_core::journal::{Cause, StreamId};
use runbook_core::people::{Actor, Person};
use runbook_core::ports::{Commit, ESCALATE_KEY, Timer, TimerChange};
use runbook_core::severity::EscalationStep;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::incidents::{MAX_TRIES, load_incident};
use crate::origin::Origin;
use crate::sees::may_see;
use crate::streams::Loaded;

/// The timer's word for the next step.
pub(crate) const CLIMB: &str = "climb";
/// Who calls people by the clock.
const ESCALATION: &str = "escalation";
/// After a start, what the pager knows of its incidents is looked at before anybody is told: somebody may have taken one.
const LOOK_FIRST: Duration = Duration::seconds(60);

impl Engine {
    /// Tells the people of the step that is due. Whether the timer of the next one was set with that.
    pub(crate) async fn climb(&self, id: IncidentId) -> Result<bool, EngineError> {
        let origin = Origin::system(ESCALATION, Cause::Timer);
        for _ in 0..MAX_TRIES {
            let now = self.now();
            let Some(loaded) = load_incident(self.store(), id).await? else { return Ok(false) };
            let command = IncidentCommand::Climb(self.rungs(&loaded.state));
            let decision = decide(&loaded.state, &command, now)?;
            let next = |commit: &mut Commit, state: &Incident| {
                commit.timers.extend(self.climb_timer(state, now));
            };
            if self.commit_guarded(loaded, &decision, (&origin, now), next).await? {
                return Ok(true);
            }
        }
        Err(EngineError::Contended(format!("incident {id}")))
    }

    /// The timer of the next step, or that none is due any more.
    pub(crate) fn climb_timer(&self, state: &Incident, now: DateTime<Utc>) -> Option<TimerChange> {
        // never the time of the one that has just fired
        self.climb_timer_from(state, now + Duration::milliseconds(1))
    }

    fn climb_timer_from(&self, state: &Incident, soonest: DateTime<Utc>) -> Option<TimerChange> {
        let key = format!("{CLIMB}/{}", state.id);
        Some(match state.next_step_at(self.steps_of(state)) {
            Some(due) => TimerChange::Set(Timer {
                key,
                due: due.max(soonest),
                stream: StreamId::Incident(state.id),
                what: CLIMB.to_owned(),
            }),
            None => TimerChange::Clear(key),
        })
    }

    /// A process begins: the next step is still due when it was, whatever became of the timer, but of the pager's incidents what
    /// happened there meanwhile is looked at first.
    pub(crate) async fn wind_the_clock(&self, state: &Incident) -> Result<(), EngineError> {
        if state.next_step_at(self.steps_of(state)).is_none() {
            return Ok(());
        }
        let pause = if state.pager.is_some() && self.settings().pager_look.is_some() {
            LOOK_FIRST
        } else {
            Duration::milliseconds(1)
        };
        let timers = self.climb_timer_from(state, self.now() + pause).into_iter().collect();
        Ok(self.store().commit(Commit { timers, ..Commit::default() }).await?)
    }

    fn steps_of(&self, state: &Incident) -> &[EscalationStep] {
        let severity = self.settings().severities.default_scheme().get(&state.severity);
        severity.map_or(&[][..], |severity| severity.escalation.as_slice())
    }

    /// The severity's steps with who stands for their names now; of a private incident only who may see it.
    fn rungs(&self, state: &Incident) -> Vec<Rung> {
        let roster = self.roster(&state.service);
        let callee = |name: &str, person: &Person| Callee {
            to: Actor::Person(person.name.clone()),
            // whoever is on call for the service is somebody else's step
            page: self.page_for(state, person).filter(|page| page.email.is_some()),
            pager_rings: state.pager.is_some() && roster.pager_rings(name, person),
        };
        let who = |name: &String| StandIns {
            name: name.clone(),
            people: roster
                .stand_for(name, self.directory())
                .into_iter()
                .filter(|person| !state.private || may_see(person, state))
                .map(|person| callee(name, person))
                .collect(),
        };
        let rung =
            |step: &EscalationStep| Rung { after_s: step.after_s, who: step.who.iter().map(who).collect() };
        self.steps_of(state).iter().map(rung).collect()
    }
}

/// Whether this page was the clock's, and somebody has taken the incident since.
pub(crate) fn is_answered(loaded: &Loaded<Incident, IncidentEvent>, key: &str) -> bool {
    let is_the_clocks = loaded.events.iter().any(|one| {
        matches!(one.event, IncidentEvent::Escalated { .. })
            && one.actor == Actor::system(ESCALATION)
            && key == format!("{ESCALATE_KEY}{}/{}", loaded.state.id, one.seq)
    });
    is_the_clocks && !loaded.state.waits_for_somebody()
}

/// Whether it was the clock that called somebody last, and somebody has taken the incident since.
pub(crate) fn clock_stopped(loaded: &Loaded<Incident, IncidentEvent>, who: &Actor) -> bool {
    let last = loaded
        .events
        .iter()
        .rev()
        .find(|one| matches!(&one.event, IncidentEvent::Escalated { to, .. } if to == who));
    last.is_some_and(|one| one.actor == Actor::system(ESCALATION)) && !loaded.state.waits_for_somebody()
}
