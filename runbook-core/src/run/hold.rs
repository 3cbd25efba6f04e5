//! A person's hand on a run: pause, resume, and going on without a command.
//!
//! A pause stands beside what the run waits for: whoever answers a question meanwhile answers it, and nothing starts
//! before the run is resumed. A command that was passed over counts neither as done nor as failed: what it may have
//! changed is still owed its undo, and the incident does not take such an end for a mitigation.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::answers::open_again;
use super::approvals::ask_for_fresh_yes;
use super::budget;
use super::command::Rejection;
use super::decide::{Decision, Effect, ResumePoint, carry_on, refresh, title_of, wrong_status};
use super::event::{Question, RunEvent, Unit, UnitRole};
use super::needs::ways_left;
use super::several;
use super::stage::Stage;
use super::state::{CommandPhase, Run, Status};
use crate::going_on;
use crate::incident::RunOutcome;
use crate::people::Actor;
use crate::runbook::Effect as CommandEffect;

/// What is said to an answer where nothing is asked.
pub(super) const GO_ON: &str = "it asks nothing; `resume` lets it go on";

/// Who paused a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hold {
    /// Who.
    pub by: Actor,
    /// When.
    pub at: DateTime<Utc>,
    /// Why, when they said.
    pub reason: Option<String>,
}

impl Run {
    /// The word in JSON for where it stands, a pause taken into account.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self.status {
            Status::Running | Status::Undoing if self.hold.is_some() => "paused",
            ref status => status.word(),
        }
    }

    /// `true` while it starts its next command by itself.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        self.hold.is_none() && matches!(self.status, Status::Running | Status::Undoing)
    }

    /// Why the run cannot go on without this command; `None` when it can.
    #[must_use]
    pub fn why_not_passed_over(&self, unit: Unit) -> Option<String> {
        objection(self, unit)
    }

    /// Commands that a person has passed over, with who and why.
    pub fn passed_over(&self) -> impl Iterator<Item = (Unit, &Actor, &str)> {
        self.commands.iter().filter_map(|(unit, phase)| match phase {
            CommandPhase::PassedOver { by, reason, .. } => Some((*unit, by, reason.as_str())),
            _ => None,
        })
    }

    /// What `skip` would pass over now, and with `rest` what `skip --rest` would; nothing where it would be refused.
    #[must_use]
    pub fn would_pass_over(&self, rest: bool) -> Vec<Unit> {
        let units = in_question(self).map(|unit| what_is_passed(self, unit, rest)).unwrap_or_default();
        let is_refused = units.iter().any(|unit| objection(self, *unit).is_some());
        if is_refused { Vec::new() } else { units }
    }

    /// The part of an event that is about who gave it.
    pub(super) fn apply_hold(&mut self, event: &RunEvent, by: &Actor, at: DateTime<Utc>) {
        match event {
            RunEvent::PauseOrdered { reason } => {
                self.hold = Some(Hold { by: by.clone(), at, reason: reason.clone() });
            }
            RunEvent::ResumeOrdered { .. } | RunEvent::UndoStarted => self.hold = None,
            RunEvent::PassedOver { unit, reason } => {
                // the question said that the others run then
                if matches!(self.status, Status::Paused { question: Question::Guard { .. } })
                    && self.tries_alone(*unit)
                {
                    self.release(*unit);
                }
                let happened = self.may_have_happened(*unit);
                let phase = CommandPhase::PassedOver { by: by.clone(), reason: reason.clone(), happened };
                self.commands.insert(*unit, phase);
                self.status = Status::Running;
            }
            _ => {}
        }
        if !self.status.is_open() {
            self.hold = None;
        }
    }
}

/// Nothing more starts.
pub(super) fn pause(state: &Run, reason: Option<&String>) -> Result<Decision, Rejection> {
    if state.hold.is_some() {
        return Err(wrong_status(state, "it is paused already; `resume` lets it go on"));
    }
    if !matches!(state.status, Status::Running | Status::Undoing | Status::Paused { .. }) {
        return Err(wrong_status(state, "only a run that goes on can be paused"));
    }
    let events = vec![RunEvent::PauseOrdered { reason: reason.cloned() }];
    Ok(Decision { events, effects: refresh(state), ..Decision::default() })
}

/// Nothing is under way, and nothing starts by itself, because a person said so.
pub(super) fn rests(state: &Run) -> bool {
    state.hold.is_some() && state.status == Status::Running && state.live_unit().is_none()
}

/// It may go on.
pub(super) fn resume(state: &Run, reason: Option<&String>) -> Result<Decision, Rejection> {
    if let (None, Status::Paused { question: Question::Overrun { what, .. } }) = (&state.hold, &state.status)
    {
        return budget::go_on(state, *what, reason);
    }
    if state.hold.is_none() {
        let wanted = match state.status {
            Status::Paused { question: Question::Doubt { .. } } => {
                "nobody paused it; say `mark-done` when it has happened, `retry`, `undo` or `cancel`"
            }
            Status::Paused { .. } => "nobody paused it; it waits for an `answer`",
            Status::Failed { .. } => "nobody paused it; `retry`, `skip` or `undo` what failed",
            _ => "nobody paused it",
        };
        return Err(wrong_status(state, wanted));
    }
    Ok(carry_on(state, vec![RunEvent::ResumeOrdered { reason: reason.cloned() }]))
}

/// Goes on without the commands in question.
pub(super) fn pass_over(
    state: &Run,
    rest: bool,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<Decision, Rejection> {
    let unit = in_question(state)?;
    let refused = |unit: Unit, why: String| {
        let title = state.command(unit).map_or_else(String::new, |command| title_of(state, unit, command));
        Rejection::NotPassedOver { run: state.id, title, reason: why }
    };
    if reason.trim().is_empty() {
        return Err(refused(unit, "the record needs a reason".to_owned()));
    }
    let units = what_is_passed(state, unit, rest);
    if units.is_empty() {
        return Err(refused(unit, "it is part of no loop and no group; leave --rest out".to_owned()));
    }
    if let Some((unit, why)) = units.iter().find_map(|unit| Some((*unit, objection(state, *unit)?))) {
        return Err(refused(unit, why));
    }
    let passed = |unit: &Unit| RunEvent::PassedOver { unit: *unit, reason: reason.trim().to_owned() };
    let mut decision = Decision { events: units.iter().map(passed).collect(), ..Decision::default() };
    go_on_to_what_is_left(state, &units, &mut decision, now);
    open_again(state, &mut decision);
    decision.effects.extend(refresh(state));
    Ok(decision)
}

/// Goes on past a command by a person's word alone. Others said yes to a plan in which this command has its say before
/// the next change, so a change that is left waits for their yes.
pub(super) fn go_on_to_what_is_left(state: &Run, past: &[Unit], decision: &mut Decision, now: DateTime<Utc>) {
    if state.approvals_needed > 0 && changes_more(state, past) {
        ask_for_fresh_yes(decision, state, now);
    } else {
        decision.effects.push(Effect::Continue(ResumePoint::Next));
    }
}

/// The command that a person means who passes one over.
fn in_question(state: &Run) -> Result<Unit, Rejection> {
    const DOUBT: &str = "a command in doubt is not passed over: say `mark-done` when it has happened, `retry`, `undo` or `cancel`";
    match &state.status {
        Status::Paused { question: Question::Doubt { .. } } => Err(wrong_status(state, DOUBT)),
        Status::Paused { question } => Ok(question.unit()),
        Status::Running if state.live_unit().is_some() => {
            Err(wrong_status(state, "the command under way is waited for, or ended by `cancel`"))
        }
        Status::Running if rests(state) && state.probing.is_none() => {
            state.next_unit().ok_or_else(|| wrong_status(state, "nothing is left to pass over"))
        }
        Status::Failed { .. } => {
            state.stopped_at().ok_or_else(|| wrong_status(state, "nothing is left to pass over"))
        }
        _ => Err(wrong_status(state, "no command is in question; `pause` it to pass over the next one")),
    }
}

/// What is passed over with the command in question: what failed beside it, or all that is left of its loop or group;
/// nothing where that is asked of a command that stands alone.
fn what_is_passed(state: &Run, unit: Unit, rest: bool) -> Vec<Unit> {
    let is_left = |unit: &Unit| {
        !state.commands.get(unit).is_some_and(CommandPhase::is_settled) && !state.is_tolerated(*unit)
    };
    if rest || state.asks_for_others() {
        let stage = state.stage().filter(|stage| !matches!(stage, Stage::One(_)));
        let members = stage.map(|stage| state.members(&stage)).unwrap_or_default();
        return members.into_iter().filter(is_left).collect();
    }
    match &state.status {
        Status::Failed { .. } | Status::Paused { question: Question::Guard { .. } } => several::again(state),
        _ => vec![unit],
    }
}

/// Why the run cannot go on without this command.
fn objection(state: &Run, unit: Unit) -> Option<String> {
    if unit.role != UnitRole::Main {
        return Some("what is to be undone later needs its value; `retry` it".to_owned());
    }
    let phase = state.commands.get(&unit);
    let was_seen = matches!(phase, Some(CommandPhase::Ended { .. }));
    if matches!(phase, Some(CommandPhase::InDoubt { .. })) || (state.repeated.contains(&unit) && !was_seen) {
        return Some("an earlier attempt may have had its effect; `retry` or `undo` it".to_owned());
    }
    state.missed_later(unit).map(|missed| format!("{missed}; {}", ways_left(state)))
}

/// Whether something that is still to come after these may change the target.
pub(super) fn changes_more(state: &Run, past: &[Unit]) -> bool {
    state.units().filter(|other| !past.contains(other)).any(|other| {
        let is_over = state.commands.get(&other).is_some_and(CommandPhase::is_settled);
        state.changes_something(other) && !is_over && !state.is_tolerated(other)
    })
}

/// How a run ends whose commands are all settled: without what was to change the target, or where that is done by a person's
/// word alone, it is not known to have helped.
pub(super) fn outcome_of_success(state: &Run) -> (RunOutcome, Option<String>) {
    let changes =
        |unit: Unit| state.command(unit).is_some_and(|command| command.effect != CommandEffect::Read);
    if let Some((unit, by, reason)) = state.passed_over().find(|(unit, ..)| changes(*unit)) {
        let title = state.command(unit).map_or_else(String::new, |command| title_of(state, unit, command));
        return (RunOutcome::Incomplete, Some(format!("{by} passed over {title}: {reason}")));
    }
    let rests = state.vouched_for().any(|(unit, _)| changes(unit));
    let outcome = if rests { RunOutcome::Vouched } else { RunOutcome::Succeeded };
    (outcome, going_on::vouched_words(state))
}
