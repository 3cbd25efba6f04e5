//! Which undo commands a run owes, and in which order: steps in reverse, only where something may have happened.
//!
//! Where undoing means going back to what a rollback left, that is said: it is never the first thing to offer.

use super::event::{Unit, UnitRole};
use super::state::{CommandPhase, Run};
use crate::runbook::Effect;

impl Run {
    /// The undo commands of this run in the order in which they must run.
    #[must_use]
    pub fn undo_units(&self) -> Vec<Unit> {
        let mut units = Vec::new();
        for (step, planned) in self.plan.steps.iter().enumerate().rev() {
            let happened = planned.commands.iter().enumerate().any(|(index, command)| {
                let unit = Unit { step, role: UnitRole::Main, index };
                command.effect != Effect::Read && self.may_have_happened(unit)
            });
            if happened {
                units.extend((0..planned.undo.len()).map(|index| Unit { step, role: UnitRole::Undo, index }));
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

    /// What a failed run, or its failed undo, stopped at.
    #[must_use]
    pub fn next_of_failed(&self) -> Option<Unit> {
        if self.undoing { self.next_undo() } else { self.next_unit() }
    }

    /// The first undo command that has not been settled.
    #[must_use]
    pub fn next_undo(&self) -> Option<Unit> {
        self.undo_units()
            .into_iter()
            .find(|unit| !self.commands.get(unit).is_some_and(CommandPhase::is_settled))
    }
}
