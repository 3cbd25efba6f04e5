//! Which undo commands a run owes, and in which order: steps in reverse, only where something may have happened.
//!
//! Where undoing means going back to what a rollback left, that is said: it is never the first thing to offer.

use std::collections::BTreeSet;

use super::event::{Unit, UnitRole};
use super::state::{CommandPhase, Run};
use crate::runbook::Effect;

impl Run {
    /// The undo commands of this run in the order in which they must run.
    #[must_use]
    pub fn undo_units(&self) -> Vec<Unit> {
        let mut units = Vec::new();
        for (step, planned) in self.plan.steps.iter().enumerate().rev() {
            let happened: Vec<Unit> = self.happened(step);
            if happened.is_empty() {
                continue;
            }
            let mut undo = planned.undo.iter().enumerate().peekable();
            while let Some((index, command)) = undo.next() {
                let unit = Unit { step, role: UnitRole::Undo, index, item: None };
                let Some(foreach) = &command.flow.foreach else {
                    units.push(unit);
                    continue;
                };
                // what is about the same item belongs together: an item is undone whole before the one before it
                let mut together = vec![unit];
                while let Some((index, _)) = undo
                    .next_if(|(_, next)| next.flow.foreach.as_ref().is_some_and(|of| of.name == foreach.name))
                {
                    together.push(Unit { index, ..unit });
                }
                let of_loop = |unit: &&Unit| {
                    let flow = self.command(**unit).and_then(|command| command.flow.foreach.as_ref());
                    flow.is_some_and(|of| of.name == foreach.name)
                };
                let items: BTreeSet<u32> =
                    happened.iter().filter(of_loop).filter_map(|unit| unit.item).collect();
                for item in items.into_iter().rev() {
                    units.extend(together.iter().map(|unit| Unit { item: Some(item), ..*unit }));
                }
            }
        }
        units
    }

    /// A value that the step's baselines were to capture and never did: its undo would run without it.
    #[must_use]
    pub fn missing_baseline(&self, unit: Unit) -> Option<&str> {
        let step = self.plan.steps.get(unit.step).filter(|_| unit.role == UnitRole::Undo)?;
        let captures = step.baselines.iter().filter_map(|baseline| baseline.capture.as_ref());
        captures
            .map(|capture| capture.name.as_str())
            .find(|name| !self.baselines.get(&unit.step).is_some_and(|values| values.contains_key(*name)))
    }

    /// Whether undoing now would go back to what was rolled back: the bad version.
    #[must_use]
    pub fn undo_goes_back(&self) -> bool {
        self.undo_units().iter().any(|unit| self.plan.undo_goes_back(unit.step))
    }

    /// The commands of a step that may have changed something.
    fn happened(&self, step: usize) -> Vec<Unit> {
        let main = Unit { step, role: UnitRole::Main, index: 0, item: None };
        let next = Unit { step: step + 1, role: UnitRole::Baseline, ..main };
        let known = self.commands.range(main..next).map(|(unit, _)| *unit);
        let known: BTreeSet<Unit> = known.chain(self.repeated.range(main..next).copied()).collect();
        let changes = |unit: &Unit| {
            unit.role == UnitRole::Main
                && self.command(*unit).is_some_and(|command| command.effect != Effect::Read)
                && self.may_have_happened(*unit)
        };
        known.into_iter().filter(changes).collect()
    }

    /// The first undo command that has not been settled.
    #[must_use]
    pub fn next_undo(&self) -> Option<Unit> {
        self.undo_units()
            .into_iter()
            .find(|unit| !self.commands.get(unit).is_some_and(CommandPhase::is_settled))
    }
    /// Whether an undo command besides this one has not been settled.
    pub(super) fn owes_undo_beside(&self, unit: Unit) -> bool {
        let is_settled = |other: &Unit| self.commands.get(other).is_some_and(CommandPhase::is_settled);
        self.undo_units().iter().any(|other| *other != unit && !is_settled(other))
    }
}
