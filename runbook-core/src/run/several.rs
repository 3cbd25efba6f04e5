//! What is decided where several commands may be alive at once: how a loop begins, and what follows when its items or
//! a group's members have ended.

use chrono::{DateTime, Utc};

use super::approvals::ask_for_fresh_yes;
use super::decide::{Decision, Effect, ResumePoint, ask, carry_on, fail, merge, refresh, title_of};
use super::event::{Question, RunEvent, Unit, Verdict};
use super::outcome::exit_words;
use super::probe;
use super::reads;
use super::start::{condition_of, skip};
use super::state::{CommandPhase, Run, Status};
use crate::expectation::Outcome;
use crate::plan::PlannedCommand;
use crate::ports::{Exit, Finished};
use crate::runbook::{Effect as CommandEffect, check_items, lines_of};

/// What comes first when a loop has its turn; `None` when its items are to start.
pub(super) fn begin(state: &Run, of: Unit, now: DateTime<Utc>) -> Option<Decision> {
    let command = state.command(of)?;
    if state.unasked && command.effect != CommandEffect::Read {
        return Some(skip(of, "only read-only commands run unasked".to_owned()));
    }
    match condition_of(state, of, command) {
        Ok(None) => {}
        Ok(Some(reason)) => return Some(skip(of, reason)),
        Err(reason) if state.unasked => return Some(skip(of, reason)),
        Err(reason) => return Some(fail(state, of, &reason, Decision::default())),
    }
    match state.items(of) {
        Some([]) => {
            let source = command.flow.foreach.as_ref().map_or("", |foreach| foreach.source.as_str());
            let mut passed = skip(of, format!("nothing to do: the list is empty ({source})"));
            passed.effects.extend(refresh(state));
            Some(passed)
        }
        Some(_) => None,
        None => Some(bind(state, of, now)),
    }
}

/// The lines of a captured value become the loop's list, on the record before the first use. Where they say what is
/// changed, people say yes to them first.
fn bind(state: &Run, of: Unit, now: DateTime<Utc>) -> Decision {
    let Some((command, foreach)) =
        state.command(of).and_then(|command| Some((command, command.flow.foreach.as_ref()?)))
    else {
        return Decision::default();
    };
    let title = title_of(state, of, command);
    let refuse = |reason: String| match state.unasked {
        true => skip(of, reason),
        false => fail(state, of, &format!("{title}: {reason}"), Decision::default()),
    };
    let Some(value) = state.value(of, &foreach.source) else {
        return refuse(format!("nothing gave {} a value to go through", foreach.source));
    };
    let items = lines_of(value);
    if let Err(reason) = check_items(&items, &foreach.places) {
        return refuse(format!("the lines of {} cannot be gone through: {reason}", foreach.source));
    }
    let asks = command.effect != CommandEffect::Read && !items.is_empty();
    let fingerprint = asks.then(|| state.fingerprint.with_list(&command.id, &items));
    let mut decision = Decision {
        events: vec![RunEvent::ItemsBound { unit: of, items, fingerprint }],
        ..Decision::default()
    };
    if asks {
        ask_for_fresh_yes(&mut decision, state, now);
    } else {
        decision.effects.push(Effect::Continue(ResumePoint::Next));
    }
    decision.effects.extend(refresh(state));
    decision
}

/// One of several has ended. What follows is decided when it is known how the others stand.
pub(super) fn ended(
    state: &Run,
    unit: Unit,
    attempt: u32,
    effect: CommandEffect,
    finished: &Finished,
    mut decision: Decision,
) -> Decision {
    if !matches!(finished.exit, Exit::Code { .. }) && effect == CommandEffect::Once {
        let reason = format!("it was ended before it finished ({})", exit_words(finished.exit));
        decision.events.push(RunEvent::CommandInDoubt { unit, attempt, reason });
    }
    merge(decision, carry_on(state, Vec::new()))
}

/// Nothing is alive, and this one stands in the way: what is asked or said about it.
pub(super) fn raise(state: &Run, unit: Unit) -> Decision {
    let Some((command, phase)) = state.command(unit).zip(state.commands.get(&unit)) else {
        return Decision::default();
    };
    let title = of_group(command, title_of(state, unit, command));
    let failed = |why: &str| {
        let reason = format!("{}{title}: {why}", of_how_many(state, unit));
        reads::after_failure(state, unit, &reason)
            .unwrap_or_else(|| fail(state, unit, &reason, Decision::default()))
    };
    match phase {
        CommandPhase::InDoubt { reason, .. } => probe::order(state, unit)
            .unwrap_or_else(|| ask(state, Question::Doubt { unit, reason: reason.clone() })),
        CommandPhase::NotStarted { reason } => failed(&format!("not started: {reason}")),
        CommandPhase::Ended { verdicts, .. } => {
            let find = |wanted: Outcome| verdicts.iter().find(|verdict| verdict.outcome == wanted);
            match (find(Outcome::Fail), find(Outcome::Late)) {
                (Some(verdict), _) => failed(&expected(verdict)),
                (None, Some(_)) => ask(state, Question::Late { unit }),
                (None, None) => ask(state, Question::Check { unit }),
            }
        }
        _ => Decision::default(),
    }
}

/// Members of a group may have one title: each is told by its id as well.
pub(crate) fn of_group(command: &PlannedCommand, title: String) -> String {
    if command.flow.parallel.is_some() { format!("{title} ({})", command.id) } else { title }
}

/// `3 of 12 failed, and 1 may: ` for a loop that has used up its budget.
fn of_how_many(state: &Run, unit: Unit) -> String {
    let count = unit.item.and_then(|_| state.loop_count(unit));
    let foreach = state.command(unit).and_then(|command| command.flow.foreach.as_ref());
    match count.zip(foreach) {
        Some((_, foreach)) if foreach.canary && unit.item == Some(0) => {
            "the first item, which is tried alone, failed: ".to_owned()
        }
        Some((count, foreach)) if foreach.budget > 0 => {
            format!("{} of {} failed, and {} may: ", count.failed, count.items, foreach.budget)
        }
        _ => String::new(),
    }
}

pub(super) fn expected(failed: &Verdict) -> String {
    let what = if failed.text.is_empty() { "exit status 0" } else { failed.text.as_str() };
    format!("expected {what}: {}", failed.reason)
}

impl Run {
    /// The commands that a person ordered to run again, where a yes to that is waited for.
    #[must_use]
    pub fn to_repeat(&self) -> Vec<Unit> {
        if !matches!(self.status, Status::WaitingForApproval { .. }) {
            return Vec::new();
        }
        // each has its outcome again as soon as it has been started again; what policy repeats waits for its time
        let is_due = |unit: &&Unit| {
            !self.waits.contains_key(unit)
                && (!self.commands.contains_key(unit) || self.ordered.contains(unit))
        };
        self.repeated.iter().filter(is_due).copied().collect()
    }

    /// The command that a failed run stopped at: of a group what ended it, not one that waits for its repetition.
    #[must_use]
    pub fn stopped_at(&self) -> Option<Unit> {
        self.foremost(&again(self))
    }
}

/// What a person's "again" means after a failure: everything of the stage that failed, where that is why it ended.
pub(super) fn again(state: &Run) -> Vec<Unit> {
    if state.undoing {
        return state.next_undo().into_iter().collect();
    }
    let members = state.stage().map(|stage| state.members(&stage)).unwrap_or_default();
    let failed: Vec<Unit> = members.into_iter().filter(|unit| state.has_failed(*unit)).collect();
    match failed.as_slice() {
        [first, ..] if state.is_of_several(*first) && !state.is_tolerated(*first) => failed,
        _ => state.next_unit().into_iter().collect(),
    }
}

/// Every command that is alive is in doubt from here on: it was told to end, and nobody waits for it.
pub(super) fn cut_off(state: &Run, reason: &str) -> Vec<RunEvent> {
    let doubt = |(unit, attempt): (Unit, &super::state::Attempt)| RunEvent::CommandInDoubt {
        unit,
        attempt: attempt.number,
        reason: reason.to_owned(),
    };
    state.live_units().map(doubt).collect()
}

/// Several decisions about one state, none of which changes what the next is decided by.
pub(super) fn together(decisions: impl Iterator<Item = Decision>) -> Decision {
    decisions.fold(Decision::default(), merge)
}
