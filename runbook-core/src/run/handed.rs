//! What the latest attempt of each command handed on. What an earlier one gave is no longer what the command gives.

use std::collections::BTreeSet;

use super::event::{RunEvent, Unit};

/// The commands whose latest attempt handed something on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Handed {
    values: BTreeSet<Unit>,
    shells: BTreeSet<Unit>,
    /// A person said no to what it came to.
    denied: BTreeSet<Unit>,
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

    /// Whether a person looked at what it came to, and said no.
    pub(super) fn is_denied(&self, unit: Unit) -> bool {
        self.denied.contains(&unit)
    }

    pub(super) fn apply(&mut self, event: &RunEvent) {
        match event {
            RunEvent::CommandStarted { unit, .. }
            | RunEvent::RetryOrdered { unit }
            | RunEvent::RetryScheduled { unit, .. } => {
                self.values.remove(unit);
                self.shells.remove(unit);
                self.denied.remove(unit);
            }
            RunEvent::CommandEnded { unit, state_written: true, .. } => {
                self.shells.insert(*unit);
            }
            // its shell is what it is; neither the value nor what the shell set is what it was to be
            RunEvent::AnsweredNo { unit, .. } => {
                self.values.remove(unit);
                self.denied.insert(*unit);
            }
            RunEvent::ValueCaptured { unit, .. } => {
                self.values.insert(*unit);
            }
            _ => {}
        }
    }
}
