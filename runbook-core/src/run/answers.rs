//! What a person says to a run that asks or has stopped: yes, no, done, again, stop, undo.

use chrono::{DateTime, Utc};

use super::approvals::{ask_for_fresh_yes, stopped};
use super::command::Rejection;
use super::decide::{Decision, Effect, ResumePoint, carry_on, ended, fail, merge, refresh, wrong_status};
use super::event::{Question, RunEvent, Unit};
use super::state::{Run, Status};
use super::stood::{drop_order, unordered};
use super::{budget, hold, several, vouch};
use crate::incident::{IncidentCommand, RunOutcome};
use crate::runbook::Effect as CommandEffect;

pub(super) fn answer(
    state: &Run,
    yes: bool,
    reason: Option<&String>,
    now: DateTime<Utc>,
) -> Result<Decision, Rejection> {
    let Status::Paused { question } = &state.status else {
        let held = state.hold.is_some();
        return Err(wrong_status(state, if held { hold::GO_ON } else { "it asks nothing" }));
    };
    match (question, yes) {
        (Question::Doubt { .. }, _) => Err(wrong_status(
            state,
            "say `mark-done` when it has happened, `retry` to run it again, or `cancel`",
        )),
        (Question::Overrun { what, .. }, true) => budget::go_on(state, *what, reason),
        // going on without a check is what `skip` is, with the same yes of another person
        (Question::Guard { .. }, true) => hold::pass_over(
            state,
            false,
            reason.map_or("it failed, and the answer was to go on", String::as_str),
            now,
        ),
        // the plan that others said yes to has the first item seen before the rest
        (Question::Canary { unit }, true) => Ok(go_past(state, *unit, reason, now)),
        // what was awaited, and seen not to be so at the last look, is as good as failed
        (Question::Late { unit }, true) if state.was_missed(*unit) && !state.undoing => {
            vouch::refused(state, *unit)?;
            Ok(go_past(state, *unit, reason, now))
        }
        // its time is over, and nothing of it was there to be seen
        (Question::Overrun { .. }, false) => {
            let why = reason.cloned().unwrap_or_else(|| "a person says not to go on".to_owned());
            Ok(fail(state, question.unit(), &why, Decision::default()))
        }
        (other, true) => {
            // a yes brings nothing there that was not handed on
            vouch::refused(state, other.unit())?;
            Ok(go_on(state, other.unit(), reason))
        }
        (other, false) => {
            let why = reason.cloned().unwrap_or_else(|| {
                match other {
                    Question::Canary { .. } => "a person says not to run the others",
                    _ => "a person says it is not as expected",
                }
                .to_owned()
            });
            let unit = other.unit();
            let events = vec![RunEvent::AnsweredNo { unit, reason: reason.cloned() }];
            if state.would_tolerate(unit) {
                return Ok(carry_on(state, events));
            }
            Ok(fail(state, unit, &why, Decision { events, ..Decision::default() }))
        }
    }
}

fn go_on(state: &Run, unit: Unit, reason: Option<&String>) -> Decision {
    carry_on(state, vec![RunEvent::AnsweredYes { unit, reason: reason.cloned() }])
}

/// By one person's word, so whatever it lets begin needs another person's.
fn go_past(state: &Run, unit: Unit, reason: Option<&String>, now: DateTime<Utc>) -> Decision {
    let events = vec![RunEvent::AnsweredYes { unit, reason: reason.cloned() }];
    let mut decision = Decision { events, ..Decision::default() };
    hold::go_on_to_what_is_left(state, &[unit], &mut decision, now);
    decision.effects.extend(refresh(state));
    decision
}

pub(super) fn mark_done(
    state: &Run,
    reason: Option<&String>,
    now: DateTime<Utc>,
) -> Result<Decision, Rejection> {
    match &state.status {
        Status::Paused { question: Question::Doubt { unit, .. } } => {
            vouch::refused(state, *unit)?;
            Ok(go_on(state, *unit, reason))
        }
        // Its status says no, and somebody has seen that it happened all the same.
        Status::Failed { .. } => {
            let effect = |unit: &Unit| {
                state.may_have_happened(*unit)
                    && state.command(*unit).is_some_and(|command| command.effect != CommandEffect::Read)
            };
            let Some(unit) = state.stopped_at().filter(effect) else {
                return Err(wrong_status(state, "what it stopped at changes nothing, or never began"));
            };
            vouch::refused(state, unit)?;
            let mut decision = Decision {
                events: vec![RunEvent::AnsweredYes { unit, reason: reason.cloned() }],
                ..Decision::default()
            };
            // One person's word against what was seen: whatever it lets begin needs another person's, as for `skip`.
            hold::go_on_to_what_is_left(state, &[unit], &mut decision, now);
            open_again(state, &mut decision);
            decision.effects.extend(refresh(state));
            Ok(decision)
        }
        Status::UndoFailed { .. } => Ok(put_right(state, reason)),
        _ => Err(wrong_status(
            state,
            "only a step that failed or is in doubt, or a failed undo, can be marked as done",
        )),
    }
}

/// Somebody looked, and put right what this one undo left. What is still owed is undone then, and nobody's word is taken for
/// it; where nothing is, the target is free again.
fn put_right(state: &Run, reason: Option<&String>) -> Decision {
    let unit = state.next_undo();
    let mut events: Vec<RunEvent> =
        unit.map(|unit| RunEvent::AnsweredYes { unit, reason: reason.cloned() }).into_iter().collect();
    if unit.is_some_and(|unit| state.owes_undo_beside(unit)) {
        let mut decision = carry_on(state, events);
        open_again(state, &mut decision);
        return decision;
    }
    events.push(RunEvent::Undone);
    ended(state, events, RunOutcome::Undone, reason.cloned())
}

pub(super) fn retry(state: &Run, now: DateTime<Utc>) -> Result<Decision, Rejection> {
    let units = match &state.status {
        // it has not begun: running it is going on
        Status::Paused { question: Question::Overrun { what, .. } } => {
            return budget::go_on(state, *what, None);
        }
        Status::Paused { question } => vec![question.unit()],
        Status::Failed { .. } | Status::UndoFailed { .. } => match several::again(state) {
            units if units.is_empty() => return Err(wrong_status(state, "nothing is left to run")),
            units => units,
        },
        Status::Running if state.hold.is_some() => return Err(wrong_status(state, hold::GO_ON)),
        _ => return Err(wrong_status(state, "only a failed or paused step can be retried")),
    };
    let events = units.iter().map(|unit| RunEvent::RetryOrdered { unit: *unit }).collect();
    let mut decision = Decision { events, ..Decision::default() };
    let is_once = |unit: &Unit| {
        state.command(*unit).is_some_and(|command| command.effect == CommandEffect::Once)
            && state.may_have_happened(*unit)
    };
    if units.iter().any(is_once) {
        // Running it again may double the effect, so it wants a yes of its own (design section 7.8).
        ask_for_fresh_yes(&mut decision, state, now);
    } else {
        decision.effects.push(Effect::Continue(ResumePoint::Next));
    }
    open_again(state, &mut decision);
    decision.effects.extend(refresh(state));
    Ok(decision)
}

/// A run that had ended goes on, or is to: its incident may not be resolved meanwhile. What waits for a yes has changed
/// nothing yet.
pub(super) fn open_again(state: &Run, decision: &mut Decision) {
    if state.incident.is_none() || !state.plan.is_mutating() || state.status.is_open() {
        return;
    }
    let waits = decision.events.iter().any(|event| matches!(event, RunEvent::ApprovalAsked { .. }));
    let command = match waits {
        true => IncidentCommand::TakeUpRun { run: state.id },
        false => IncidentCommand::StartMitigation { run: state.id },
    };
    decision.effects.insert(0, Effect::TellIncident(command));
}

pub(super) fn cancel(state: &Run, reason: Option<&String>) -> Result<Decision, Rejection> {
    if !state.status.is_open() {
        return Err(wrong_status(state, "it has ended"));
    }
    let why = reason.cloned().unwrap_or_else(|| "cancelled".to_owned());
    // an undo that had failed before the order has failed as it did
    if matches!(state.stands_again(), Some(Status::UndoFailed { .. })) {
        return drop_order(state, &why).ok_or_else(|| wrong_status(state, "it has ended"));
    }
    let mut decision = Decision { effects: vec![Effect::EndProcesses], ..Decision::default() };
    decision.events.extend(several::cut_off(state, "cancelled while it ran"));
    decision.events.extend(unordered(state, &why));
    Ok(merge(decision, stopped(state, Vec::new(), &why)))
}

pub(super) fn undo(state: &Run) -> Result<Decision, Rejection> {
    let fits = matches!(
        state.status,
        Status::Failed { .. } | Status::Cancelled | Status::Succeeded | Status::Paused { .. }
    ) || hold::rests(state);
    if !fits || state.undoing {
        return Err(wrong_status(
            state,
            "only a run that has stopped, and is not being undone, can be undone",
        ));
    }
    if state.next_undo().is_none() {
        return Err(Rejection::NothingToUndo { run: state.id });
    }
    let mut effects = refresh(state);
    effects.push(Effect::Continue(ResumePoint::Next));
    let mut decision = Decision { events: vec![RunEvent::UndoStarted], effects, ..Decision::default() };
    open_again(state, &mut decision);
    Ok(decision)
}
