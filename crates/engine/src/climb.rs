//! Escalation by the clock: the timers of the severity's steps, and who stands for their names now. The core decides whom one tells.

use chrono::{DateTime, Duration, Utc};
use runbook_core::ids::IncidentId;
use runbook_core::incident::{
    Callee, ESCALATION, Incident, IncidentCommand, IncidentEvent, Rung, StandIns, decide,
};
use runbook_core::journal::{Cause, StreamId};
use runbook_core::oncall::{Roster, ToCall};
use runbook_core::people::Actor;
use runbook_core::ports::{Commit, Timer, TimerChange};
use runbook_core::severity::EscalationStep;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::incidents::{MAX_TRIES, load_incident};
use crate::origin::Origin;
use crate::ringing::Ringing;
use crate::sees::may_see;
use crate::streams::Loaded;
use crate::triggers::TRIGGER;

/// The timer's word for the next step.
pub(crate) const CLIMB: &str = "climb";
/// A step that waits for the pager's policy is looked at again after so long.
const LOOK_AGAIN: Duration = Duration::seconds(5);
/// So many timers are looked through.
const LOOK: usize = 10_000;
/// After a start, what the pager knows of its incidents is looked at before anybody is told: somebody may have taken one.
const LOOK_FIRST: Duration = Duration::seconds(60);

impl Engine {
    /// Tells the people of the step that is due. Whether the timer of the next one was set with that.
    pub(crate) async fn climb(&self, id: IncidentId) -> Result<bool, EngineError> {
        let origin = Origin::system(ESCALATION, Cause::Timer);
        let mut ringing: Option<Ringing> = None;
        for _ in 0..MAX_TRIES {
            let now = self.now();
            let Some(loaded) = load_incident(self.store(), id).await? else { return Ok(false) };
            let is_due =
                loaded.state.next_step_at(self.steps_of(&loaded.state)).is_some_and(|due| due <= now);
            if is_due && ringing.is_none() {
                // whose turn has ended is not on call any more, and who is now, only the pager knows
                let service = self.settings().service(&loaded.state.service);
                let is_there = service.is_some_and(|service| service.pagerduty_id.is_some());
                if is_there && self.roster(&loaded.state.service).is_outdated() {
                    self.refresh_on_call().await;
                }
                ringing = Some(self.who_rings(&loaded.state).await);
                continue; // it took its time
            }
            let ringing = ringing.clone().unwrap_or_default();
            let command = IncidentCommand::Climb(self.rungs(&loaded.state, &ringing));
            let decision = decide(&loaded.state, &command, now)?;
            let pause = if is_due { LOOK_AGAIN } else { Duration::milliseconds(1) };
            let next = |commit: &mut Commit, state: &Incident| {
                commit.timers.extend(self.climb_timer_from(state, now + pause));
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
        let key = climb_key(state.id);
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
    /// happened there meanwhile is looked at first. That pause is not begun anew by each start, so that it ends however often one comes.
    pub(crate) async fn wind_the_clock(&self, state: &Incident) -> Result<(), EngineError> {
        let Some(due) = state.next_step_at(self.steps_of(state)) else { return Ok(()) };
        let (now, key) = (self.now(), climb_key(state.id));
        let soon = self.store().timers_due(now + LOOK_FIRST, LOOK).await?;
        // such a pause was made before; when the step's turn comes, the pager is asked all the same
        if soon.iter().any(|timer| timer.key == key && timer.due > due) {
            return Ok(());
        }
        let pause = if state.pager.is_some() && self.settings().pager_look.is_some() {
            LOOK_FIRST
        } else {
            Duration::milliseconds(1)
        };
        let timers = self.climb_timer_from(state, now + pause).into_iter().collect();
        Ok(self.store().commit(Commit { timers, ..Commit::default() }).await?)
    }

    fn steps_of(&self, state: &Incident) -> &[EscalationStep] {
        let severity = self.settings().severities.default_scheme().get(&state.severity);
        severity.map_or(&[][..], |severity| severity.escalation.as_slice())
    }

    /// The severity's steps with who stands for their names now.
    fn rungs(&self, state: &Incident, ringing: &Ringing) -> Vec<Rung> {
        let who = |name: &String| self.stand_ins(state, name, ringing);
        let rung =
            |step: &EscalationStep| Rung { after_s: step.after_s, who: step.who.iter().map(who).collect() };
        self.steps_of(state).iter().map(rung).collect()
    }

    /// Who stands for a name now, and how they are paged; of a private incident only who may see it.
    pub(crate) fn stand_ins(&self, state: &Incident, name: &str, ringing: &Ringing) -> StandIns {
        let roster = self.roster(&state.service);
        let callee = |to: Actor, email: Option<String>, over: bool| Callee {
            rings: ringing.rings_for(email.as_deref(), &roster),
            to,
            page: self.page_unasked(state, email).filter(|_| over),
        };
        // a level of the pager's is paged there also where no e-mail is known; of any other name that is somebody else's step
        let is_level = Roster::is_level(name) && !state.private;
        let called = |one: ToCall<'_>| match one {
            ToCall::Person(person) => {
                let (to, email) = (Actor::Person(person.name.clone()), person.pagerduty_email.clone());
                let over = email.is_some() || is_level;
                callee(to, email, over)
            }
            ToCall::Stranger(turn) => {
                let name = turn.name.as_ref().or(turn.email.as_ref()).map_or("somebody", String::as_str);
                callee(Actor::Outside(format!("pagerduty:{name}")), turn.email.clone(), true)
            }
        };
        let may_be_told = |one: &ToCall<'_>| match one {
            _ if !state.private => true,
            ToCall::Person(person) => may_see(person, state),
            ToCall::Stranger(_) => false,
        };
        let all = roster.to_call(name, self.directory()).into_iter();
        let mut people: Vec<Callee> = all.filter(may_be_told).map(called).collect();
        if people.is_empty() && is_level {
            // where nobody stands for it, the pager's policy knows somebody
            let anybody = callee(Actor::Outside("pagerduty:whoever is on call".to_owned()), None, true);
            people.extend(Some(anybody).filter(|one| one.page.is_some()));
        }
        StandIns { name: name.to_owned(), people }
    }
}

fn climb_key(id: IncidentId) -> String {
    format!("{CLIMB}/{id}")
}

/// Whether nobody but the clock or a trigger called somebody last, and nobody needs that any more: where nobody had the incident,
/// somebody has taken it since.
pub(crate) fn clock_stopped(loaded: &Loaded<Incident, IncidentEvent>, who: &Actor) -> bool {
    let last = loaded
        .events
        .iter()
        .rev()
        .find(|one| matches!(&one.event, IncidentEvent::Escalated { to, .. } if to == who));
    last.is_some_and(|one| {
        [ESCALATION, TRIGGER].map(Actor::system).contains(&one.actor) && loaded.state.is_call_over(one.seq)
    })
}
