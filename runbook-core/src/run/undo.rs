//! Which undo commands a run owes, and in which order: steps in reverse, only where something may have happened.

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

    /// The first undo command that has not been settled.
    #[must_use]
    pub fn next_undo(&self) -> Option<Unit> {
        self.undo_units()
            .into_iter()
            .find(|unit| !self.commands.get(unit).is_some_and(CommandPhase::is_settled))
    }
}
