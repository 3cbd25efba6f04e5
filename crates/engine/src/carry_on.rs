//! What a run does next, decided together with what has just ended and written in the same transaction.
//!
//! The outcome of a command stays before the intents of the next ones in the journal, and nothing starts before all of them
//! are on disk: one wait for the disk is as good as two.

use chrono::{DateTime, Utc};
use runbook_core::journal::{Head, StreamId};
use runbook_core::ports::Append;
use runbook_core::run::{Decision, Effect, Run, RunCommand, decide, evolve};

use crate::error::EngineError;
use crate::origin::Origin;
use crate::streams::apply;

/// How often it goes on in one transaction: each time it may pass commands over. More of them are for the next one.
const MOST: usize = 64;

/// Adds to a decision, and to its append, what follows from it by itself. Gives the run and its stream's end after that.
///
/// # Errors
/// When an event does not fit its stream.
pub(crate) fn carry_on(
    (mut run, mut end): (Run, Head),
    append: &mut Append,
    decision: &mut Decision,
    (origin, now): (&Origin, DateTime<Utc>),
) -> Result<(Run, Head), EngineError> {
    let is_call = |effect: &Effect| matches!(effect, Effect::Continue(_));
    for _ in 0..MOST {
        if !decision.effects.iter().any(is_call) {
            break;
        }
        // left to a transaction of its own, which says what is wrong
        let Ok(next) = decide(&run, &RunCommand::Advance, now) else { break };
        decision.effects.retain(|effect| !is_call(effect));
        if !next.events.is_empty() {
            let (more, after, at) =
                apply(StreamId::Run(run.id), Some(run), end, &next.events, (origin, now), evolve)?;
            (run, end) = (after, at);
            append.events.extend(more.events);
            decision.events.extend(next.events);
        }
        decision.blobs.extend(next.blobs);
        for effect in next.effects {
            // A message shows the run as it is when it leaves: once is enough.
            if !(matches!(effect, Effect::Send(_)) && decision.effects.contains(&effect)) {
                decision.effects.push(effect);
            }
        }
    }
    Ok((run, end))
}
