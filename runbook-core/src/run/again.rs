//! When a failed command is tried again by itself.
//!
//! Two policies. `safe`, for what may be repeated (`read`, `idempotent`): as often as `retries=` says, after 1, 2, 4, ...
//! seconds, at most 30, each up to a quarter longer so that many runs do not ask at the same moment. `unsafe`, for `once`:
//! never; a person decides, with a fresh yes.

use chrono::{DateTime, Duration, Utc};
use sha2::{Digest, Sha256};

use super::event::Unit;
use super::state::Run;
use crate::ids::RunId;
use crate::runbook::Effect;

/// Milliseconds before the first repetition.
const FIRST_MS: i64 = 1_000;
/// Milliseconds between two attempts at most, before what is added.
const LONGEST_MS: i64 = 30_000;

/// When the command is tried again after an attempt that failed; `None` when it is not.
pub(super) fn due(state: &Run, unit: Unit, attempt: u32, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let command = state.command(unit)?;
    let used = state.tries.get(&unit).copied().unwrap_or_default();
    let policy_allows = command.effect != Effect::Once;
    (policy_allows && used < u32::from(command.retries)).then(|| now + wait(state.id, attempt, used))
}

/// How long to wait after `used` repetitions. What is added comes from the run and the attempt, so that the same facts
/// always give the same time.
fn wait(run: RunId, attempt: u32, used: u32) -> Duration {
    let base =
        FIRST_MS.checked_shl(used).filter(|wait| (FIRST_MS..LONGEST_MS).contains(wait)).unwrap_or(LONGEST_MS);
    let digest = Sha256::digest(format!("{run}/{attempt}").as_bytes());
    let share = digest.first().copied().map_or(0, i64::from);
    Duration::milliseconds(base + base * share / (4 * 255))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_limit_and_differ_from_run_to_run() {
        let run = RunId(uuid::Uuid::from_u128(7));
        let mut all = Vec::new();
        for used in 0..40 {
            let base = if used < 5 { 1_000 << used } else { 30_000 };
            let wait = wait(run, 3, used).num_milliseconds();
            assert!((base..=base + base / 4).contains(&wait), "{used}: {wait}");
            all.push(wait);
        }
        assert_eq!(wait(run, 3, 2).num_milliseconds(), all[2], "the same facts give the same time");
        let others: std::collections::BTreeSet<i64> =
            (0..50).map(|n| wait(RunId(uuid::Uuid::from_u128(n)), 1, 0).num_milliseconds()).collect();
        assert!(others.len() > 25, "{others:?}");
    }
}
