//! Waiting until something is as expected (`until=`): when it is looked at again, and when it is late.
//!
//! The deadline counts from the first look. A look that ends after it decides: what is not as expected by then is late,
//! which is a question and no failure, since it may still come.

use chrono::{DateTime, Duration, Utc};

use super::event::{Unit, Verdict};
use super::state::Run;
use crate::expectation::Outcome;
use crate::ports::{Exit, Finished};
use crate::runbook::{Effect, Until};

/// Seconds before the second look when nothing is said; doubled each time, up to the longest.
const FIRST_S: i64 = 1;
const LONGEST_S: i64 = 30;

impl Run {
    /// The next command does not start before; `None` when nothing waits.
    #[must_use]
    pub fn waits_until(&self) -> Option<DateTime<Utc>> {
        self.waits.values().min().copied()
    }

    /// When a command that is waited for is late; `None` for any other, and before its first look.
    #[must_use]
    pub fn deadline(&self, unit: Unit) -> Option<DateTime<Utc>> {
        let until = self.command(unit)?.flow.until?;
        self.since.get(&unit).map(|since| *since + milliseconds(until.deadline_ms))
    }
}

/// When a command that ended is looked at again; `None` when it is not. What has missed its deadline is late, not failed.
pub(super) fn after(
    state: &Run,
    unit: Unit,
    finished: &Finished,
    verdicts: &mut [Verdict],
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let command = state.command(unit)?;
    let until = command.flow.until?;
    let misses = |verdict: &&mut Verdict| matches!(verdict.outcome, Outcome::Fail | Outcome::Late);
    // whatever a plan says: what must not be repeated is not
    if finished.exit == Exit::Cancelled || command.effect == Effect::Once {
        return None;
    }
    let missed: Vec<_> = verdicts.iter_mut().filter(misses).collect();
    if missed.is_empty() {
        return None;
    }
    let deadline = state.deadline(unit)?;
    if now < deadline {
        let looks = state.tries.get(&unit).copied().unwrap_or_default();
        // the last look is at the deadline itself
        return Some((now + interval(until, looks)).min(deadline));
    }
    for verdict in missed {
        verdict.outcome = Outcome::Late;
        let waited = crate::duration::for_people(until.deadline_ms / 1_000);
        verdict.reason = format!("not so after {waited}: {}", verdict.reason);
    }
    None
}

fn interval(until: Until, looks: u32) -> Duration {
    let growing = FIRST_S.checked_shl(looks).filter(|wait| (FIRST_S..LONGEST_S).contains(wait));
    until.every_ms.map_or_else(|| Duration::seconds(growing.unwrap_or(LONGEST_S)), milliseconds)
}

fn milliseconds(ms: u64) -> Duration {
    Duration::milliseconds(i64::try_from(ms).unwrap_or(i64::MAX / 2))
}
