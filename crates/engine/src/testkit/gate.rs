//! What stands between the engine and the store in memory: the end of a life, and faults to switch.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use blocks_store::memory::{Data, Gate, MemoryStore};
use runbook_core::ports::{BoxFuture, Commit, CommitError, StoreError};

use super::{Life, Sabotage, World};

/// Faults that a test switches on.
#[derive(Default)]
pub(crate) struct Faults {
    /// So many of the next commits find the store unavailable.
    pub(crate) fail_commits: AtomicU32,
    /// So many of the next commits are written, and nobody learns of it.
    pub(crate) lose_answers: AtomicU32,
    /// So many of the next commits find that somebody else was faster.
    pub(crate) conflicts: AtomicU32,
    /// Nothing can be read or written.
    pub(crate) down: AtomicBool,
    /// So many reads have been asked for.
    pub(crate) reads: AtomicU32,
}

impl Faults {
    fn takes(counter: &AtomicU32) -> bool {
        counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
    }
}

fn unavailable() -> StoreError {
    StoreError::Unavailable("the disk is full".to_owned())
}

/// The gate of one life.
pub(crate) struct LifeGate {
    pub(crate) faults: Arc<Faults>,
    pub(crate) world: Arc<World>,
    pub(crate) life: Life,
}

pub(crate) type MemStore = MemoryStore<LifeGate>;

impl LifeGate {
    fn up(&self) -> Result<(), StoreError> {
        if self.faults.down.load(Ordering::SeqCst) { Err(unavailable()) } else { Ok(()) }
    }
}

impl Gate for LifeGate {
    fn before_read(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async {
            self.faults.reads.fetch_add(1, Ordering::SeqCst);
            self.life.alive().await;
            // As a real store does, it answers later: whatever can come between, does.
            tokio::task::yield_now().await;
            self.up()
        })
    }

    fn before_write(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async {
            self.life.point().await;
            tokio::task::yield_now().await;
            self.up()
        })
    }

    fn before_commit<'a>(&'a self, commit: &'a mut Commit) -> BoxFuture<'a, Result<(), CommitError>> {
        Box::pin(async {
            if Faults::takes(&self.faults.fail_commits) {
                return Err(unavailable().into());
            }
            if Faults::takes(&self.faults.conflicts) {
                return Err(CommitError::Conflict("a stream, says the test".to_owned()));
            }
            if self.world.is_sabotaged(Sabotage::ForgetRows) {
                commit.rows.clear();
            }
            Ok(self.before_write().await?)
        })
    }

    fn wrote(&self, _: &Data) {}

    fn after_write(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async {
            self.life.point().await;
            if Faults::takes(&self.faults.lose_answers) { Err(unavailable()) } else { Ok(()) }
        })
    }
}
