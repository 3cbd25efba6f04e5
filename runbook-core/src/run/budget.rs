//! What is left of a run's time: of the step's box, of all boxes, and until the incident's target.
//!
//! A box that is over stops nothing that runs. Before the next change the run pauses and asks: waiting on is doing
//! nothing, going on and undoing are a person's to say.

use chrono::{DateTime, Duration, Utc};
use serde::Serialize;

use super::command::Rejection;
use super::decide::{Decision, carry_on};
use super::event::{Overrun, Question, RunEvent, Unit, UnitRole};
use super::state::{Run, Status};
use crate::duration::for_people;
use crate::runbook::Effect as CommandEffect;

/// A run's time at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Budget {
    /// Sum of all boxes in seconds.
    pub boxes_s: u32,
    /// What is left of them: of the step that runs, and of those that have not begun.
    pub boxes_left_s: i64,
    /// The step that runs, by id, when it has a box.
    pub step: Option<String>,
    /// What is left of its box; negative when it is over.
    pub box_left_ms: Option<i64>,
    /// What is left until the target; negative when it has passed.
    pub deadline_left_ms: Option<i64>,
    /// The boxes that are left need more than what is left until the target.
    pub exceeds_deadline: bool,
}

impl Run {
    /// What is left of its time.
    #[must_use]
    pub fn budget(&self, now: DateTime<Utc>) -> Budget {
        let runs =
            self.goes_on() || self.live_unit().is_some() || matches!(self.status, Status::Paused { .. });
        let current = self.begun.last_key_value().filter(|_| runs).and_then(|(step, at)| {
            let planned = self.plan.steps.get(*step)?;
            let left = (*at + Duration::seconds(i64::from(planned.timebox_s?)) - now).num_milliseconds();
            Some((planned.id.clone(), left))
        });
        let to_come = self.plan.steps.iter().enumerate().filter(|(step, _)| !self.begun.contains_key(step));
        let to_come: i64 = to_come.filter_map(|(_, step)| step.timebox_s).map(i64::from).sum();
        let boxes_left_s = to_come + current.as_ref().map_or(0, |(_, left)| left.max(&0) / 1_000);
        let deadline_left_ms = self.deadline.map(|deadline| (deadline - now).num_milliseconds());
        Budget {
            boxes_s: self.plan.boxes_s(),
            boxes_left_s,
            exceeds_deadline: deadline_left_ms.is_some_and(|left| boxes_left_s * 1_000 > left.max(0)),
            step: current.as_ref().map(|(step, _)| step.clone()),
            box_left_ms: current.map(|(_, left)| left),
            deadline_left_ms,
        }
    }
}

/// The question that comes before this command, because time is over and nobody has said what then.
pub(super) fn question_before(state: &Run, unit: Unit, now: DateTime<Utc>) -> Option<Question> {
    let changes = state.command(unit).is_some_and(|command| command.effect != CommandEffect::Read);
    if state.unasked || unit.role != UnitRole::Main || !changes {
        return None;
    }
    let over = |end: DateTime<Utc>| (now > end).then(|| for_people((now - end).num_seconds().unsigned_abs()));
    // the step at hand, or the one before it where this one has not begun
    let (step, at) = state.begun.range(..=unit.step).next_back()?;
    let boxed = state.plan.steps.get(*step).and_then(|planned| Some((planned, planned.timebox_s?)));
    if let Some((planned, box_s)) = boxed
        && !state.overruns.contains(&Overrun::Box { step: *step })
        && let Some(over) = over(*at + Duration::seconds(i64::from(box_s)))
    {
        let reason =
            format!("the box of {} ({}) is over by {over}", planned.title, for_people(u64::from(box_s)));
        return Some(Question::Overrun { unit, what: Overrun::Box { step: *step }, reason });
    }
    // whoever approves a run after its target has passed knows that
    let deadline = state.deadline.filter(|deadline| state.started_at.is_some_and(|at| at < *deadline))?;
    if state.overruns.contains(&Overrun::Deadline) {
        return None;
    }
    let reason = format!("the target has passed by {}", over(deadline)?);
    Some(Question::Overrun { unit, what: Overrun::Deadline, reason })
}

/// A person says to go on.
pub(super) fn go_on(state: &Run, what: Overrun, reason: Option<&String>) -> Result<Decision, Rejection> {
    Ok(carry_on(state, vec![RunEvent::OverrunAccepted { what, reason: reason.cloned() }]))
}
