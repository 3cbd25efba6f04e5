//! What begins next when a run is carried on, and whether it may.

use chrono::{DateTime, Utc};

use super::decide::{Decision, Effect, ResumePoint, ask, ended, fail, merge, refresh, title_of};
use super::event::{Question, RunEvent, Unit, UnitRole};
use super::stage::Turn;
use super::state::{Run, Status};
use super::{budget, hold, several};
use crate::incident::{IncidentCommand, RunOutcome};
use crate::plan::PlannedCommand;
use crate::runbook::{Effect as CommandEffect, condition};

pub(super) fn advance(state: &Run, now: DateTime<Utc>) -> Decision {
    if state.hold.is_some() {
        return Decision::default();
    }
    let is_alive = state.live_unit().is_some();
    match state.status {
        Status::Running => match state.next_probe() {
            Some(_) if is_alive => Decision::default(),
            Some(probe) => start(state, &[probe]),
            None => next(state, now),
        },
        Status::Undoing if is_alive => Decision::default(),
        Status::Undoing => match state.next_probe().or_else(|| state.next_undo()) {
            Some(unit) if state.waits.get(&unit).is_some_and(|due| now < *due) => Decision::default(),
            Some(unit) => start(state, &[unit]),
            None => ended(state, vec![RunEvent::Undone], RunOutcome::Undone, None),
        },
        _ => Decision::default(),
    }
}

fn next(state: &Run, now: DateTime<Utc>) -> Decision {
    match state.turn(now) {
        Turn::Wait => Decision::default(),
        Turn::Start(units) => {
            match units.iter().find_map(|unit| budget::question_before(state, *unit, now)) {
                // people are asked when nothing is under way any more
                Some(_) if state.live_unit().is_some() => Decision::default(),
                Some(question) => ask(state, question),
                None => start(state, &units),
            }
        }
        Turn::Raise(unit) => several::raise(state, unit),
        Turn::Begin(of) => {
            if let Some(question) = budget::question_before(state, of, now) {
                return ask(state, question);
            }
            several::begin(state, of, now).unwrap_or_else(|| match state.first_turn(of, now) {
                Turn::Start(units) => start(state, &units),
                Turn::Release(first) => ask(state, Question::Canary { unit: first }),
                _ => Decision::default(),
            })
        }
        Turn::Release(first) => ask(state, Question::Canary { unit: first }),
        Turn::Through => {
            let (outcome, reason) = hold::outcome_of_success(state);
            ended(state, vec![RunEvent::Succeeded], outcome, reason).with_triage_end(state)
        }
    }
}

impl Decision {
    fn with_triage_end(mut self, state: &Run) -> Decision {
        if state.unasked && state.incident.is_some() {
            let ran = state.commands.values().filter(|phase| phase.may_have_happened()).count();
            let commands = u32::try_from(ran).unwrap_or(u32::MAX);
            self.effects
                .insert(0, Effect::TellIncident(IncidentCommand::EndTriage { run: state.id, commands }));
        }
        self
    }
}

/// Starts commands at once. One that does not have its turn is passed over, on the record.
pub(super) fn start(state: &Run, units: &[Unit]) -> Decision {
    let mut decision = Decision::default();
    if let Some(first) = units.first().filter(|_| !state.is_as_planned()) {
        let reason =
            "the plan on disk is not the one that this run's code stands for, so nothing of it is started";
        return fail(state, *first, reason, decision);
    }
    let mut attempt = state.attempts;
    for unit in units.iter().copied() {
        let Some(command) = state.command(unit) else { continue };
        if let Some(name) = state.missing_baseline(unit) {
            let title = title_of(state, unit, command);
            let reason = format!("{title}: nothing captured {name}, which its undo goes back to");
            return fail(state, unit, &reason, decision);
        }
        // a loop's own turn was decided about when it began
        let condition = match unit.item {
            _ if state.unasked && command.effect != CommandEffect::Read => {
                Ok(Some("only read-only commands run unasked".to_owned()))
            }
            Some(_) => Ok(None),
            None => condition_of(state, unit, command),
        };
        match condition {
            Ok(None) => {
                attempt += 1;
                let step = state.plan.steps.get(unit.step).map_or("", |step| step.id.as_str());
                decision.effects.push(Effect::Execute { unit, attempt });
                decision.events.push(RunEvent::CommandStarted {
                    unit,
                    attempt,
                    idempotency_key: format!("{}/{step}/{attempt}", state.id),
                    effect: Some(command.effect),
                    fingerprint: Some(state.fingerprint.clone()),
                    lock_epoch: state.epoch.filter(|_| state.holds_target()),
                });
            }
            Ok(Some(reason)) => decision = merge(decision, skip(unit, reason)),
            Err(reason) if state.unasked => decision = merge(decision, skip(unit, reason)),
            // what has begun is awaited before the run ends because of this
            Err(_) if attempt > state.attempts || state.live_unit().is_some() => {}
            Err(reason) => return fail(state, unit, &reason, decision),
        }
    }
    if attempt > state.attempts {
        decision.effects.extend(refresh(state));
    }
    decision
}

pub(super) fn skip(unit: Unit, reason: String) -> Decision {
    Decision {
        events: vec![RunEvent::CommandSkipped { unit, reason }],
        effects: vec![Effect::Continue(ResumePoint::Next)],
        ..Decision::default()
    }
}

/// Why a command's condition passes it over; `None` when it is to run.
pub(super) fn condition_of(
    state: &Run,
    unit: Unit,
    command: &PlannedCommand,
) -> Result<Option<String>, String> {
    let Some(text) = command.flow.when.as_ref().filter(|_| unit.role != UnitRole::Probe) else {
        return Ok(None);
    };
    let title = title_of(state, unit, command);
    let condition =
        condition(text).map_err(|reason| format!("{title}: its condition does not read: {reason}"))?;
    match state.value(unit, &condition.name) {
        Some(value) if condition.holds(value) => Ok(None),
        Some(value) => Ok(Some(format!("when {text}: {} is '{value}'", condition.name))),
        None => Err(format!(
            "{title}: whether {text} holds is not known, because nothing gave {} a value",
            condition.name
        )),
    }
}
