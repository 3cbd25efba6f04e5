//! What a command that only reads and fails does to a run that people asked for.
//!
//! A failed read never stops a mitigation by itself. One that only looks is noted, and the run goes on. One that guards
//! what comes after it, or was to leave what later commands need, asks a person. Where nothing that changes anything is left, and where a value is missing that
//! nobody can vouch for, the run stops: what it should have shown was not seen. Items of a loop and members of a group are
//! weighed alike, once nothing of their stage is alive and the loop's budget does not cover the failure.

use super::decide::{Decision, ask, carry_on};
use super::event::{Question, RunEvent, Unit, UnitRole};
use super::hold;
use super::state::Run;
use crate::runbook::{CommandKind, Effect as CommandEffect, answers_by_status};

/// What hangs on a command that only reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    /// Nothing: it is there to be looked at.
    Nothing,
    /// A later command that changes something, or the other items of a loop that tries this one alone first.
    Effect,
    /// The run's own end, or a value that must be there.
    End,
}

fn weight(state: &Run, unit: Unit) -> Weight {
    let Some(command) = state.command(unit) else { return Weight::End };
    let forward = matches!(unit.role, UnitRole::Baseline | UnitRole::Main);
    if !forward || state.undoing || command.effect != CommandEffect::Read || command.capture.is_some() {
        return Weight::End;
    }
    let is_shell = command.kind == CommandKind::Shell;
    let is_check = !command.expectations.is_empty() || is_shell && answers_by_status(&command.text);
    let gives = state.missed_without_its_shell(unit).is_some();
    if !(is_check || gives) {
        if state.tries_alone(unit) { Weight::Effect } else { Weight::Nothing }
    } else if hold::changes_more(state, &[unit]) {
        Weight::Effect
    } else {
        Weight::End
    }
}

/// What follows from a read that failed or could not be started; `None` when the run ends by it.
pub(super) fn after_failure(state: &Run, unit: Unit, reason: &str) -> Option<Decision> {
    let reason = reason.to_owned();
    match weight(state, unit) {
        Weight::Nothing => Some(carry_on(state, vec![RunEvent::FailureNoted { unit, reason }])),
        Weight::Effect => Some(ask(state, Question::Guard { unit, reason })),
        Weight::End => None,
    }
}
