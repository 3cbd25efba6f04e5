//! The lock of a target: one run that may change it at a time, under a number that only grows.
//!
//! A run takes its target in the transaction that sets it going; the number of that taking (the epoch) stands in every
//! intent from then on. Taking over ends the holder in the holder's own stream: whatever it decided meanwhile collides
//! with that and is decided again, by a run that has ended and starts nothing.

use super::command::Rejection;
use super::decide::{Decision, Effect, ended, wrong_status};
use super::event::RunEvent;
use super::state::{Run, Status};
use super::stood::unordered;
use crate::incident::RunOutcome;
use crate::people::Actor;

/// The counter whose values are epochs.
pub const LOCK_COUNTER: &str = "lock";

impl Run {
    /// It keeps others from its target: it has begun and may still change it, or left it in a state nobody knows.
    #[must_use]
    pub fn holds_target(&self) -> bool {
        let mutating = self.plan.is_mutating() && !self.unasked;
        mutating
            && match self.status {
                Status::Running | Status::Paused { .. } | Status::Undoing | Status::UndoFailed { .. } => true,
                // What has begun keeps it while it waits for a fresh yes. Half an undo is there as well, and without the yes
                // it is a failed one again.
                Status::WaitingForApproval { .. } => self.is_under_way || self.undoing,
                _ => false,
            }
    }

    /// The part of an event that is about whether the run has begun. What an earlier release wrote took no number.
    pub(super) fn apply_lock(&mut self, event: &RunEvent) {
        if matches!(event, RunEvent::Started | RunEvent::LockTaken { .. } | RunEvent::CommandStarted { .. }) {
            self.is_under_way = true;
        }
        self.is_under_way &= self.status.is_open();
    }

    /// Only a person can carry it on: nothing of it is under way.
    #[must_use]
    pub fn waits_for_person(&self) -> bool {
        let asks = matches!(self.status, Status::Paused { .. } | Status::WaitingForApproval { .. });
        (asks || (self.hold.is_some() && self.status.is_open())) && self.live_unit().is_none()
    }
}

/// Whether a decision sets a run going that did not hold its target.
#[must_use]
pub fn takes_target(state: &Run, decision: &Decision) -> bool {
    let mutating = state.plan.is_mutating() && !state.unasked;
    let is = |wanted: fn(&RunEvent) -> bool| decision.events.iter().any(wanted);
    let goes = is(|event| {
        matches!(
            event,
            RunEvent::Started
                | RunEvent::UndoStarted
                | RunEvent::RetryOrdered { .. }
                | RunEvent::PassedOver { .. }
                | RunEvent::AnsweredYes { .. }
        )
    });
    let asks_first = is(|event| matches!(event, RunEvent::ApprovalAsked { .. }));
    mutating && !state.holds_target() && goes && !asks_first
}

/// Takes the target under this number, in the transaction that raises the counter to it.
pub fn take_target(decision: &mut Decision, epoch: u64) {
    decision.events.push(RunEvent::LockTaken { epoch });
}

/// The number under which a decision takes its target.
#[must_use]
pub fn taken_epoch(decision: &Decision) -> Option<u64> {
    decision.events.iter().find_map(|event| match event {
        RunEvent::LockTaken { epoch } => Some(*epoch),
        _ => None,
    })
}

/// Ends a holder that only waits, so that its target is free.
pub(super) fn take_over(state: &Run, by: &Actor, reason: &str) -> Result<Decision, Rejection> {
    if matches!(state.status, Status::UndoFailed { .. }) {
        return Err(wrong_status(
            state,
            "a failed undo holds its target until a person has looked: `mark-done`",
        ));
    }
    if state.undoing && state.status.is_open() {
        return Err(wrong_status(
            state,
            "it is half undone and holds its target until a person has looked; `resume` or `cancel` it, then `mark-done`",
        ));
    }
    if !state.holds_target() {
        return Err(wrong_status(state, "it does not hold its target"));
    }
    if !state.waits_for_person() {
        return Err(wrong_status(
            state,
            "it goes on by itself and is not gone; wait for it, `pause` it, or `cancel` it",
        ));
    }
    if reason.trim().is_empty() {
        return Err(wrong_status(state, "the record needs a reason for taking over"));
    }
    let why = format!("taken over by {by}: {}", reason.trim());
    let event = RunEvent::TakenOver { by: by.clone(), reason: reason.trim().to_owned() };
    let events = unordered(state, &why).into_iter().chain([event]).collect();
    let mut decision = ended(state, events, RunOutcome::Cancelled, Some(why));
    decision.effects.insert(0, Effect::EndProcesses);
    Ok(decision)
}
