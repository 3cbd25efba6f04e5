//! Commands whose outcome nobody saw, and those that never began.

use super::decide::{Decision, Effect, ResumePoint, ask, carry_on, fail, live, merge, refresh};
use super::event::{Question, RunEvent, Unit, UnitRole};
use super::state::{Run, Status};
use super::{probe, reads, several};
use crate::runbook::Effect as CommandEffect;
use crate::sabotage::{self, Sabotage};

pub(super) fn doubt(state: &Run, unit: Unit, attempt: u32, reason: &str, decision: Decision) -> Decision {
    let doubt = Decision {
        events: vec![RunEvent::CommandInDoubt { unit, attempt, reason: reason.to_owned() }],
        ..Decision::default()
    };
    let next = probe::order(state, unit)
        .unwrap_or_else(|| ask(state, Question::Doubt { unit, reason: reason.to_owned() }));
    merge(decision, merge(doubt, next))
}

pub(super) fn not_started(state: &Run, attempt: u32, reason: &str) -> Decision {
    let Some((unit, _)) = live(state, attempt) else { return Decision::default() };
    let decision = Decision {
        events: vec![RunEvent::CommandNotStarted { unit, attempt, reason: reason.to_owned() }],
        ..Decision::default()
    };
    if state.unasked {
        let next = Decision { effects: vec![Effect::Continue(ResumePoint::Next)], ..Decision::default() };
        return merge(decision, next);
    }
    if let (UnitRole::Probe, Some(doubted)) = (unit.role, state.probing) {
        let says = format!("the probe could not be run: {reason}");
        return merge(decision, probe::ask(state, doubted, &says));
    }
    if state.is_of_several(unit) {
        return merge(decision, carry_on(state, Vec::new()));
    }
    let reason = format!("not started: {reason}");
    if let Some(next) = reads::after_failure(state, unit, &reason) {
        return merge(decision, next);
    }
    fail(state, unit, &reason, decision)
}

pub(super) fn lost(state: &Run, attempt: u32, reason: &str) -> Decision {
    let Some((unit, command)) = live(state, attempt) else { return Decision::default() };
    // Reading or repeating again harms nobody; anything else is for a person to decide.
    if command.effect != CommandEffect::Once || sabotage::is_on(Sabotage::RerunOnce) {
        return Decision {
            events: vec![
                RunEvent::CommandInDoubt { unit, attempt, reason: reason.to_owned() },
                RunEvent::RetryOrdered { unit },
            ],
            effects: again_when_it_goes_on(state),
            ..Decision::default()
        };
    }
    if state.is_of_several(unit) {
        let event = RunEvent::CommandInDoubt { unit, attempt, reason: reason.to_owned() };
        return carry_on(state, vec![event]);
    }
    doubt(state, unit, attempt, reason, Decision::default())
}

/// The yes that it had still stands, and nothing happened: it is started now, as a new attempt.
pub(super) fn never_begun(state: &Run, attempt: u32, reason: &str) -> Decision {
    let Some((unit, _)) = live(state, attempt) else { return Decision::default() };
    Decision {
        events: vec![
            RunEvent::CommandNotStarted { unit, attempt, reason: reason.to_owned() },
            RunEvent::RetryOrdered { unit },
        ],
        effects: again_when_it_goes_on(state),
        ..Decision::default()
    }
}

/// The command starts again by itself, which tells people. Not while somebody has paused the run: then nothing is under way
/// any more, and that must be seen.
fn again_when_it_goes_on(state: &Run) -> Vec<Effect> {
    let mut effects = if state.hold.is_some() { refresh(state) } else { Vec::new() };
    effects.push(Effect::Continue(ResumePoint::Next));
    effects
}

pub(super) fn recover(state: &Run) -> Decision {
    const CUT_OFF: &str = "blocks ended while the command was under way; what was left of it has been ended";
    let attempts: Vec<u32> = state.live_units().map(|(_, attempt)| attempt.number).collect();
    match attempts.as_slice() {
        [] if matches!(state.status, Status::Running | Status::Undoing) => {
            Decision { effects: vec![Effect::Continue(ResumePoint::Next)], ..Decision::default() }
        }
        attempts => several::together(attempts.iter().map(|attempt| lost(state, *attempt, CUT_OFF))),
    }
}
