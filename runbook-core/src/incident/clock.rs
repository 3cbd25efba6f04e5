//! Escalation by the clock: whom the severity's steps tell while nobody has acknowledged.
//!
//! Nothing is queued. Which step is due follows from the state whenever somebody looks, so that a restart forgets none, and an
//! acknowledgement, an end or a merge stops them all. One step at a time, and a minute between two: what is overdue, because
//! nothing ran or the severity was raised, is made up for in order, and no two are woken in the same breath.

use std::collections::BTreeSet;

use chrono::{DateTime, Duration, Utc};

use super::calls::ESCALATION;
use super::decide::{Decision, Effect, LEFT_OPEN};
use super::event::{IncidentEvent, RunOutcome};
use super::handover::{Escalate, PagedOver, escalate};
use super::state::{Incident, Status};
use crate::ids::RunId;
use crate::journal::Envelope;
use crate::message::Outgoing;
use crate::people::Actor;
use crate::severity::EscalationStep;

/// Between two steps, and after an incident of the pager's was found.
const BETWEEN_S: i64 = 60;
/// So long a step waits for the pager's own policy to come to whom it would tell.
const POLICY_S: i64 = 20;
/// So long what opens an incident by itself has for calling somebody.
const OPENS_S: i64 = 5;

/// Whether somebody has taken the incident, and whom the clock has told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clock {
    /// When the steps are counted from.
    pub since: Option<DateTime<Utc>>,
    /// Somebody has it: nobody else is told.
    pub is_answered: bool,
    /// Runs that a person has planned or begun, and that have not ended: whoever acts on it is there for so long.
    pub acting: BTreeSet<RunId>,
    /// The names of the steps that are done.
    pub told: BTreeSet<String>,
    /// Those whose people were paged with low urgency: done as long as it is as severe as it was.
    pub told_low: BTreeSet<String>,
    /// An alert of ours fires in it.
    pub fires: bool,
    /// When the last of them was.
    pub last_at: Option<DateTime<Utc>>,
    /// When Blocks opened it.
    pub opened_at: Option<DateTime<Utc>>,
    /// What opened it has called somebody.
    pub has_called: bool,
    /// It was told that the pager cannot be reached.
    pub knows_pager_away: bool,
    /// It was left open at the pager for days before Blocks looked: nobody is called until something comes to it.
    pub was_left_open: bool,
    /// The pager has it for a service that is not in blocks.toml: nobody is called until it belongs to one that is, or an alert of ours
    /// fires in it.
    pub is_of_others: bool,
}

/// A name of the severity's steps, with the people who stand for it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandIns {
    /// The name, such as `secondary`.
    pub name: String,
    /// Who stands for it, whom to ask first first.
    pub people: Vec<Callee>,
}

/// Somebody who may be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callee {
    /// Who.
    pub to: Actor,
    /// How they are paged; not at all when absent.
    pub page: Option<PagedOver>,
    /// Whether the pager itself rings for them about this incident: Blocks does not page them a second time.
    pub rings: PagerRings,
}

/// Whether the pager itself rings for somebody about its incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PagerRings {
    /// Not that anybody knows.
    No,
    /// It may begin to in this very moment: its policy comes to them.
    Soon,
    /// Somebody has taken or ended it there, and that is about to be known here.
    Taken,
    /// The incident is theirs there now, and it is urgent.
    Now,
}

/// One step of the severity, with whom it would tell now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rung {
    /// Seconds from the page.
    pub after_s: u32,
    /// Its names.
    pub who: Vec<StandIns>,
}

impl Clock {
    /// Applies one event.
    pub(super) fn hear(&mut self, envelope: &Envelope<IncidentEvent>) {
        if matches!(envelope.event, IncidentEvent::Opened { .. }) {
            self.opened_at = Some(envelope.at);
        }
        let is_of_others = match &envelope.event {
            IncidentEvent::Opened { chosen, .. } | IncidentEvent::ServiceChanged { chosen, .. } => {
                !self.fires && chosen.as_ref().is_some_and(|chosen| chosen.is_unlisted)
            }
            IncidentEvent::AlertsChanged { tally, .. } => {
                self.fires = tally.firing > 0;
                self.is_of_others && !self.fires
            }
            // it has a part that may be ours
            IncidentEvent::MergedFrom { .. } => false,
            _ => self.is_of_others,
        };
        // what passed before it was ours nobody here has missed
        if self.is_of_others && !is_of_others {
            self.since = Some(envelope.at);
        }
        self.is_of_others = is_of_others;
        let by_person = matches!(envelope.actor, Actor::Person(_) | Actor::Local(_));
        match &envelope.event {
            // nobody was paged before it was known here
            IncidentEvent::Opened { alerted: true, .. } => self.since = Some(envelope.at),
            IncidentEvent::Opened { detected_at, .. } => self.since = Some((*detected_at).min(envelope.at)),
            IncidentEvent::Acknowledged { .. } | IncidentEvent::CommanderTaken { .. } => {
                (self.is_answered, self.was_left_open) = (true, false);
            }
            // nobody has looked at it for days
            IncidentEvent::PagerNoted { what, .. } if what == LEFT_OPEN => {
                (self.is_answered, self.was_left_open) = (true, true);
            }
            // and what fires in it now is of today
            IncidentEvent::AlertsChanged { tally, .. } if self.was_left_open && tally.firing > 0 => {
                self.begin(envelope.at);
            }
            // Whoever acts on it is there, whatever they have said, as long as they do.
            IncidentEvent::RunPlanned { run, triage: false, .. }
            | IncidentEvent::MitigationStarted { run }
            | IncidentEvent::RunTakenUp { run }
                if by_person =>
            {
                self.acting.insert(*run);
            }
            IncidentEvent::RunEnded { run, outcome, .. } => {
                let was_acting = self.acting.remove(run);
                if was_acting && *outcome == RunOutcome::Succeeded {
                    self.is_answered = true;
                } else if was_acting && !self.is_taken() {
                    // called off, never approved, or no help: what is left of that is nobody
                    self.begin(envelope.at);
                }
            }
            IncidentEvent::Unacknowledged | IncidentEvent::Reopened { anew: true, .. } => {
                self.begin(envelope.at);
            }
            IncidentEvent::Reopened { .. } => {
                self.told.clear();
                self.told_low.clear();
                self.last_at = None;
                self.since = Some(envelope.at);
            }
            IncidentEvent::StepDue { who, .. } => {
                self.told.extend(who.iter().cloned());
                self.last_at = Some(envelope.at);
            }
            // whom somebody asks for later, or the clock calls, is not whom the first step names; and a message alone rings for nobody
            IncidentEvent::Escalated { paged, low, step, .. }
                if matches!(envelope.actor, Actor::System(_))
                    && envelope.actor != Actor::system(ESCALATION)
                    && self.opened_at.is_some_and(|at| envelope.at - at <= Duration::seconds(OPENS_S)) =>
            {
                self.has_called |= *paged && !low;
                // whoever stands for that name knows of it
                self.told.extend(step.clone().filter(|_| !paged));
            }
            IncidentEvent::Escalated { low: true, step: Some(step), .. } if self.told.remove(step) => {
                self.told_low.insert(step.clone());
            }
            IncidentEvent::SeverityChanged { .. } => self.told_low.clear(),
            IncidentEvent::PagerAway => self.knows_pager_away = true,
            _ => {}
        }
    }

    /// Whether somebody has it, or acts on it.
    fn is_taken(&self) -> bool {
        self.is_answered || !self.acting.is_empty()
    }

    /// Whether the step of that name is done.
    fn is_told(&self, name: &String) -> bool {
        self.told.contains(name) || self.told_low.contains(name)
    }

    /// From the beginning, at this moment.
    fn begin(&mut self, at: DateTime<Utc>) {
        *self = Clock {
            since: Some(at),
            opened_at: self.opened_at,
            knows_pager_away: self.knows_pager_away,
            is_of_others: self.is_of_others,
            fires: self.fires,
            ..Clock::default()
        };
    }
}

impl IncidentEvent {
    /// Whether the time of the next step may be another one after it.
    #[must_use]
    pub fn moves_the_clock(&self) -> bool {
        self.changes_status()
            || matches!(
                self,
                IncidentEvent::StepDue { .. }
                    | IncidentEvent::PagerJoined { .. }
                    | IncidentEvent::AlertsChanged { .. }
                    | IncidentEvent::ServiceChanged { .. }
                    | IncidentEvent::MergedFrom { .. }
                    | IncidentEvent::RunPlanned { .. }
                    | IncidentEvent::RunTakenUp { .. }
                    | IncidentEvent::RunEnded { .. }
                    | IncidentEvent::Escalated { .. }
            )
    }
}

impl Incident {
    /// Whether it waits for somebody to take it.
    #[must_use]
    pub fn waits_for_somebody(&self) -> bool {
        self.status.is_open()
            && self.status < Status::Monitoring
            && self.mitigated_at.is_none()
            && !self.clock.is_taken()
    }

    /// Whether it is a page of a service that is not in blocks.toml, in which no alert of ours fires: by itself nobody is called for it.
    #[must_use]
    pub fn is_of_others(&self) -> bool {
        self.clock.is_of_others
    }

    /// Whether an acknowledgement of it can run out: somebody has it, and no run of theirs is under way.
    #[must_use]
    pub fn may_run_out(&self) -> bool {
        let left_alone = self.status == Status::Mitigating && self.unfinished_runs().next().is_none();
        self.status == Status::Acknowledged || (left_alone && !self.waits_for_somebody())
    }

    /// When the next of these steps is due; `None` when none is any more.
    #[must_use]
    pub fn next_step_at(&self, steps: &[EscalationStep]) -> Option<DateTime<Utc>> {
        let step = self.next_step(steps.iter().map(|step| (step.after_s, step.who.as_slice())))?;
        self.due_at(step)
    }

    fn next_step<'a>(&self, steps: impl Iterator<Item = (u32, &'a [String])>) -> Option<u32> {
        if !self.waits_for_somebody() || self.is_of_others() {
            return None;
        }
        let is_left = |who: &[String]| who.iter().any(|name| !self.clock.is_told(name));
        let mut steps = steps.filter(|(after_s, who)| !self.is_called(*after_s) && is_left(who));
        steps.next().map(|(after_s, _)| after_s)
    }

    /// Whoever is on call when it begins, the pager has called; or whoever opened it has called somebody.
    fn is_called(&self, after_s: u32) -> bool {
        // what is not urgent rings for nobody
        let is_urgent = self.chosen.as_ref().is_none_or(|chosen| chosen.high_urgency != Some(false));
        let pager_has = self.pager_rings() && is_urgent;
        after_s == 0 && (pager_has || self.clock.has_called)
    }

    fn due_at(&self, after_s: u32) -> Option<DateTime<Utc>> {
        let pause = Duration::seconds(BETWEEN_S);
        let since = self.clock.since?;
        let due = since + Duration::seconds(i64::from(after_s));
        // What the pager has had for a while may be somebody's there by now, and that is about to be told.
        let found = self.pager.as_ref().map(|_| self.opened_at + pause);
        // What opens it by itself, or again, may call somebody of its own.
        let by_itself = matches!(self.opened_by, Actor::System(_))
            || self.alerts.as_ref().is_some_and(|alerts| alerts.again);
        let opens_itself = by_itself && !self.pager_rings();
        let begun = opens_itself.then(|| since.max(self.opened_at) + Duration::seconds(OPENS_S));
        let after_last = self.clock.last_at.map(|at| at + pause);
        Some([found, begun, after_last].into_iter().flatten().fold(due, DateTime::max))
    }
}

/// Tells the people of the step that is due, if one is.
pub(super) fn climb(state: &Incident, rungs: &[Rung], now: DateTime<Utc>) -> Decision {
    let mut decision = Decision::default();
    let named: Vec<(u32, Vec<String>)> = rungs
        .iter()
        .map(|rung| (rung.after_s, rung.who.iter().map(|who| who.name.clone()).collect()))
        .collect();
    let next = state.next_step(named.iter().map(|(after_s, who)| (*after_s, who.as_slice())));
    let due = next.and_then(|after_s| Some((after_s, state.due_at(after_s)?)));
    let Some((after_s, due)) = due.filter(|(_, due)| *due <= now) else { return decision };
    let Some(rung) = rungs.iter().find(|rung| rung.after_s == after_s) else { return decision };
    let waited_s = state.clock.since.map_or(0, |since| (now - since).num_seconds());
    let (mut told, mut nobody, mut rings) = (Vec::<&Actor>::new(), Vec::new(), Vec::new());
    let mut calls = Vec::new();
    for names in &rung.who {
        if state.clock.is_told(&names.name) {
            continue;
        }
        let is_new = |callee: &&Callee| {
            !state.passed.escalated.contains_key(&callee.to)
                && !told.contains(&&callee.to)
                && callee.to != state.opened_by
        };
        let Some(callee) = names.people.iter().find(is_new) else {
            // somebody who stands for two names of one step is told once
            if !names.people.iter().any(|callee| told.contains(&&callee.to)) {
                nobody.push(names.name.clone());
            }
            continue;
        };
        told.push(&callee.to);
        match callee.rings {
            PagerRings::Now => rings.push(callee.to.clone()),
            PagerRings::Soon if now < due + Duration::seconds(POLICY_S) => return decision,
            PagerRings::Taken => return decision,
            PagerRings::Soon | PagerRings::No => {}
        }
        calls.push(Escalate {
            by: Actor::system(ESCALATION),
            to: callee.to.clone(),
            step: Some(names.name.clone()),
            reason: None,
            page: callee.page.clone().filter(|_| callee.rings != PagerRings::Now),
            shown: false,
            unanswered_min: u32::try_from(waited_s / 60).ok(),
        });
    }
    decision.events.push(IncidentEvent::StepDue {
        after_s,
        who: rung.who.iter().map(|names| names.name.clone()).collect(),
        nobody: nobody.clone(),
        rings,
    });
    for (seq, call) in (state.seq + 2..).zip(calls) {
        let Decision { events, effects } = escalate(state, &call, seq);
        decision.events.extend(events);
        decision.effects.extend(effects);
    }
    let incident = state.id;
    if !nobody.is_empty() {
        let text = format!(
            "{0}: nobody is called for {1}: nobody is left who stands for it. `/blocks escalate {0} to @NAME` calls somebody.",
            state.number,
            nobody.join(", ")
        );
        decision.effects.push(Effect::Send(Outgoing::Note { incident, text }));
    }
    decision.effects.push(Effect::Send(Outgoing::Card { incident }));
    decision
}

/// The pager takes no page about it: whom to call is shown, once.
pub(super) fn pager_away(state: &Incident) -> Decision {
    if !state.status.is_open() || state.clock.knows_pager_away {
        return Decision::default();
    }
    let incident = state.id;
    Decision {
        events: vec![IncidentEvent::PagerAway],
        effects: vec![Effect::Send(Outgoing::WhomToCall { incident })],
    }
}
