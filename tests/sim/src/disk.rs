//! The store of a world: in memory, with a life that can end before and after each write, and faults that the script
//! switches on.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use blocks_store::memory::{Data, Gate, MemoryStore};
use runbook_core::ports::{BoxFuture, Commit, CommitError, StoreError};

use crate::life::Life;
use crate::locked;
use crate::outside::Outside;
use crate::random::Random;

/// What the store does wrong next.
#[derive(Default)]
pub(crate) struct Faults {
    pub(crate) refuses: AtomicU32,
    pub(crate) loses_answers: AtomicU32,
    pub(crate) conflicts: AtomicU32,
    pub(crate) away: AtomicBool,
    /// It answers late, so many times in a hundred.
    pub(crate) slow: AtomicU64,
    calls: AtomicU64,
}

impl Faults {
    fn takes(counter: &AtomicU32) -> bool {
        counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
    }

    /// From now on it works.
    pub(crate) fn mend(&self) {
        for counter in [&self.refuses, &self.loses_answers, &self.conflicts] {
            counter.store(0, Ordering::SeqCst);
        }
        self.away.store(false, Ordering::SeqCst);
    }
}

/// The gate of one life.
pub(crate) struct LifeGate {
    pub(crate) seed: u64,
    pub(crate) faults: Arc<Faults>,
    pub(crate) outside: Arc<Mutex<Outside>>,
    pub(crate) life: Life,
}

pub(crate) type Disk = MemoryStore<LifeGate>;

fn unavailable() -> StoreError {
    StoreError::Unavailable("the disk is full".to_owned())
}

impl LifeGate {
    /// It answers later: whatever can come between, does.
    async fn answers(&self) -> Result<(), StoreError> {
        let slow = self.faults.slow.load(Ordering::SeqCst);
        if slow > 0 {
            let mut random = Random::of(self.seed, "store", self.faults.calls.fetch_add(1, Ordering::SeqCst));
            if random.percent(slow) {
                tokio::time::sleep(Duration::from_millis(random.between(1, 40))).await;
            }
        }
        tokio::task::yield_now().await;
        self.life.alive().await;
        if self.faults.away.load(Ordering::SeqCst) { Err(unavailable()) } else { Ok(()) }
    }
}

impl Gate for LifeGate {
    fn before_read(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async {
            self.life.alive().await;
            self.answers().await
        })
    }

    fn before_write(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async {
            self.life.point().await;
            self.answers().await
        })
    }

    fn before_commit<'a>(&'a self, _: &'a mut Commit) -> BoxFuture<'a, Result<(), CommitError>> {
        Box::pin(async {
            self.before_write().await?;
            if Faults::takes(&self.faults.refuses) {
                return Err(unavailable().into());
            }
            if Faults::takes(&self.faults.conflicts) {
                return Err(CommitError::Conflict("somebody else was faster".to_owned()));
            }
            Ok(())
        })
    }

    fn wrote(&self, data: &Data) {
        locked(&self.outside).wrote(data);
    }

    fn after_write(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async {
            self.life.point().await;
            if Faults::takes(&self.faults.loses_answers) { Err(unavailable()) } else { Ok(()) }
        })
    }
}
