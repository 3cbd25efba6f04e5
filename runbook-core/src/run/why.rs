//! Why a person ordered something, where the order itself has no place for it: it stands right before what follows.

use super::command::{Rejection, RunCommand};
use super::decide::{Decision, decide};
use super::event::RunEvent;
use super::state::Run;
use chrono::{DateTime, Utc};

/// Decides about an order that was given with a reason.
pub(super) fn because(
    state: &Run,
    verb: &str,
    reason: &str,
    order: &RunCommand,
    now: DateTime<Utc>,
) -> Result<Decision, Rejection> {
    let mut decision = decide(state, order, now)?;
    let reason = reason.trim();
    if !reason.is_empty() && !decision.events.is_empty() {
        let said = RunEvent::ReasonGiven { verb: verb.to_owned(), reason: reason.to_owned() };
        decision.events.insert(0, said);
    }
    Ok(decision)
}
