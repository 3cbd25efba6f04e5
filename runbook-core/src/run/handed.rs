//! What the latest attempt of each command handed on. What an earlier one gave is no longer what the command gives.

use std::collections::BTreeSet;

use super::event::{RunEvent, Unit};

/// The commands whose latest attempt handed something on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Handed {
    values: BTreeSet<Unit>,
    shells: BTreeSet<Unit>,
}

impl Handed {
    /// Whether it gave the value that it was to give.
    pub(super) fn value(&self, unit: Unit) -> bool {
        self.values.contains(&unit)
    }

    /// Whether its shell wrote down the state that it ended in.
    pub(super) fn shell(&self, unit: Unit) -> bool {
        self.shells.contains(&unit)
    }

    pub(super) fn apply(&mut self, event: &RunEvent) {
        match event {
            RunEvent::CommandStarted { unit, .. }
            | RunEvent::RetryOrdered { unit }
            | RunEvent::RetryScheduled { unit, .. } => {
                self.values.remove(unit);
                self.shells.remove(unit);
            }
            RunEvent::CommandEnded { unit, state_written: true, .. } => {
                self.shells.insert(*unit);
            }
            // its shell is what it is; the value is not what it was to be
            RunEvent::AnsweredNo { unit, .. } => {
                self.values.remove(unit);
            }
            RunEvent::ValueCaptured { unit, .. } => {
                self.values.insert(*unit);
            }
            _ => {}
        }
    }
}
