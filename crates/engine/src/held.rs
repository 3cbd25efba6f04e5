//! Runs under way, as they are after the last change that this process has made: what replay would give, without replaying.
//!
//! A run's stream grows with each command. Read from its beginning for each change, a run would take time by the square of
//! its length. So what a change has led to is kept for the next one. It is never a second truth: what is decided from it
//! counts only once the store has taken the events that follow, and the store takes them only at the end of the stream
//! that they were decided for. Whoever makes a change takes what is kept away first and puts back what came of it: a
//! change that the store refuses, or whose answer is lost, leaves nothing behind, and the next one replays. Changes of one
//! run wait for each other here, so that what is kept is never older than what this process has written.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runbook_core::ids::RunId;
use runbook_core::journal::Head;
use runbook_core::run::Run;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// Runs of which this much is kept. Those above it are read.
const MOST: usize = 1_024;

/// A run and where its stream ends.
pub(crate) type Kept = (Arc<Run>, Head);

type Slot = Arc<AsyncMutex<Option<Kept>>>;

/// A place for each run that is being changed or goes on.
#[derive(Default)]
pub(crate) struct HeldRuns {
    slots: Mutex<BTreeMap<RunId, Slot>>,
}

/// One run's place, for as long as nobody else may change it.
pub(crate) struct Turn<'a> {
    all: &'a HeldRuns,
    id: RunId,
    /// `None` only while it is dropped.
    slot: Option<OwnedMutexGuard<Option<Kept>>>,
}

impl HeldRuns {
    /// Waits until it is this one's turn to look at a run or change it.
    pub(crate) async fn turn(&self, id: RunId) -> Turn<'_> {
        let slot = Arc::clone(self.slots().entry(id).or_default());
        Turn { all: self, id, slot: Some(slot.lock_owned().await) }
    }

    fn slots(&self) -> MutexGuard<'_, BTreeMap<RunId, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn<'_> {
    /// What is kept. It is gone until it is put back.
    pub(crate) fn take(&mut self) -> Option<Kept> {
        self.slot.as_mut()?.take()
    }

    /// Looks at what is kept.
    pub(crate) fn look(&self) -> Option<Arc<Run>> {
        self.slot.as_ref()?.as_ref().map(|(run, _)| Arc::clone(run))
    }

    /// Keeps a run as it is on disk, if it goes on by itself.
    pub(crate) fn keep(&mut self, run: &Arc<Run>, head: Head) {
        if let (true, Some(slot)) = (run.goes_on() && self.all.slots().len() <= MOST, &mut self.slot) {
            **slot = Some((Arc::clone(run), head));
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut slots = self.all.slots();
        let is_empty = self.slot.take().is_some_and(|slot| slot.is_none());
        // The one in the map is the last: nobody waits for their turn, and nobody can begin to while the map is locked.
        if is_empty && slots.get(&self.id).is_some_and(|slot| Arc::strong_count(slot) == 1) {
            slots.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[tokio::test]
    async fn changes_of_one_run_wait_for_each_other_and_leave_nothing_behind() {
        let all = HeldRuns::default();
        let (one, other) = (RunId(Uuid::from_u128(1)), RunId(Uuid::from_u128(2)));
        let first = all.turn(one).await;
        assert!(first.look().is_none());
        let mut second = Box::pin(all.turn(one));
        tokio::select! {
            biased;
            _ = &mut second => panic!("it is not its turn"),
            () = std::future::ready(()) => {}
        }
        drop(all.turn(other).await);
        assert_eq!(all.slots().len(), 1, "nothing is kept of the other");
        drop(first);
        drop(second.await);
        assert!(all.slots().is_empty());
    }
}
