//! Yeses that do not count are written down, and whoever gives one after the other fills no journal with them: the first few
//! of a person stand there as they come, those after them are counted, and the count is written with the next one after a
//! minute, and before the run leaves its question. What was counted since is lost when the engine ends.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Duration, Utc};
use runbook_core::ids::RunId;
use runbook_core::people::Actor;
use runbook_core::run::{Decision, Run, RunEvent};

/// So many of one person for one run are written down one by one.
const ONE_BY_ONE: usize = 3;
/// The count of those after them is written at most that often, in seconds.
const WINDOW_S: i64 = 60;

/// Those of one person that are not written yet.
#[derive(Debug, Clone)]
struct Count {
    written_at: DateTime<Utc>,
    more: u32,
    reason: String,
}

/// The counts, by run and person. A run leaves with its question, which always ends.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<BTreeMap<RunId, BTreeMap<Actor, Count>>>);

/// What becomes of the counts once the decision is written.
#[derive(Debug)]
pub(crate) enum Then {
    /// Nothing.
    Nothing,
    /// This person's is one more.
    More(Actor, String),
    /// This person's is written, with this reason.
    Written(Actor, String),
    /// Everybody's is written.
    All,
}

impl Refusals {
    /// Takes a refusal out of a decision that is only counted, and puts counts in that are to be written with it.
    pub(crate) fn bound(&self, run: &Run, decision: &mut Decision, now: DateTime<Utc>) -> Then {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = known.get(&run.id);
        if let [RunEvent::ApprovalRefused { by, reason, times }] = decision.events.as_mut_slice() {
            let (by, reason) = (by.clone(), reason.clone());
            if run.refused_approvals.iter().filter(|(who, _)| *who == by).count() < ONE_BY_ONE {
                return Then::Nothing;
            }
            let Some(count) = counts.and_then(|counts| counts.get(&by)) else {
                return Then::Written(by, reason);
            };
            if now - count.written_at >= Duration::seconds(WINDOW_S) || now < count.written_at {
                *times = count.more.saturating_add(1);
                return Then::Written(by, reason);
            }
            decision.events.clear();
            return Then::More(by, reason);
        }
        if !decision.events.iter().any(RunEvent::changes_status) {
            return Then::Nothing;
        }
        let counted = counts.into_iter().flatten().filter(|(_, count)| count.more > 0);
        let counted = counted.map(|(by, count)| RunEvent::ApprovalRefused {
            by: by.clone(),
            reason: count.reason.clone(),
            times: count.more,
        });
        decision.events.splice(0..0, counted.collect::<Vec<_>>());
        Then::All
    }

    /// The decision is written.
    pub(crate) fn settle(&self, run: RunId, then: Then, now: DateTime<Utc>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match then {
            Then::Nothing => {}
            Then::More(by, reason) => {
                if let Some(count) = known.get_mut(&run).and_then(|counts| counts.get_mut(&by)) {
                    count.more = count.more.saturating_add(1);
                    count.reason = reason;
                }
            }
            Then::Written(by, reason) => {
                known.entry(run).or_default().insert(by, Count { written_at: now, more: 0, reason });
            }
            Then::All => {
                known.remove(&run);
            }
        }
    }
}
