//! The moments around a run's commit that a test build can end at.

use blocks_crash::{Point, at};
use runbook_core::run::{Decision, RunEvent, UnitRole};

/// A decision is about to be written.
pub(crate) fn before(decision: &Decision) {
    for event in &decision.events {
        match event {
            RunEvent::Approved { .. } => at(Point::BeforeApproval),
            RunEvent::CommandStarted { unit, .. } if unit.role == UnitRole::Undo => {
                at(Point::BeforeUndoIntent);
            }
            RunEvent::CommandStarted { .. } => at(Point::BeforeIntent),
            RunEvent::CommandEnded { .. } => at(Point::BeforeOutcome),
            _ => {}
        }
    }
}

/// It is on disk, and nothing has come of it.
pub(crate) fn after(decision: &Decision) {
    for event in &decision.events {
        match event {
            RunEvent::Approved { .. } => at(Point::AfterApproval),
            RunEvent::CommandStarted { unit, .. } if unit.role == UnitRole::Undo => {
                at(Point::AfterUndoIntent);
            }
            RunEvent::CommandStarted { .. } => at(Point::AfterIntent),
            RunEvent::CommandEnded { .. } => at(Point::AfterOutcome),
            _ => {}
        }
    }
}
