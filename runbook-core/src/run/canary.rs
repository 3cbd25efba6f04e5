//! The first item of a loop that is tried alone: the others run once it was seen to be good.

use super::event::{Unit, UnitRole};
use super::state::Run;

impl Run {
    /// Whether this is the item that its loop tries alone, and others are to follow.
    pub(super) fn tries_alone(&self, unit: Unit) -> bool {
        let foreach = self.command(unit).and_then(|command| command.flow.foreach.as_ref());
        unit.role == UnitRole::Main
            && unit.item == Some(0)
            && foreach.is_some_and(|foreach| foreach.canary)
            && self.items(unit).is_some_and(|items| items.len() > 1)
    }
}
