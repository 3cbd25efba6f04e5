//! One life of the process: it ends at a chosen point, and then nothing of it ever answers again.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::Notify;

/// A life that counts its points: the moments just before and just after every outside effect.
#[derive(Clone)]
pub(crate) struct Life {
    inner: Arc<Inner>,
}

struct Inner {
    seen: AtomicU64,
    ends_at: AtomicU64,
    takes_machine: AtomicBool,
    over: AtomicBool,
    /// Wakes in the order of waiting: the same seed must go the same way.
    ended: Notify,
}

impl Life {
    pub(crate) fn new() -> Life {
        Life {
            inner: Arc::new(Inner {
                seen: AtomicU64::new(0),
                ends_at: AtomicU64::new(u64::MAX),
                takes_machine: AtomicBool::new(false),
                over: AtomicBool::new(false),
                ended: Notify::new(),
            }),
        }
    }

    /// It ends at the `after`th point from now; with the machine, every process goes too.
    pub(crate) fn arm(&self, after: u64, takes_machine: bool) {
        self.inner.ends_at.store(self.inner.seen.load(Ordering::SeqCst) + after.max(1), Ordering::SeqCst);
        self.inner.takes_machine.store(takes_machine, Ordering::SeqCst);
    }

    /// It does not end by itself any more.
    pub(crate) fn disarm(&self) {
        self.inner.ends_at.store(u64::MAX, Ordering::SeqCst);
    }

    /// It ends now.
    pub(crate) fn end(&self) {
        self.inner.over.store(true, Ordering::SeqCst);
        self.inner.ended.notify_waiters();
    }

    /// A moment at which the process may die.
    pub(crate) async fn point(&self) {
        self.alive().await;
        let seen = self.inner.seen.fetch_add(1, Ordering::SeqCst) + 1;
        if seen >= self.inner.ends_at.load(Ordering::SeqCst) {
            self.end();
        }
        self.alive().await;
    }

    /// Returns only while it lasts.
    pub(crate) async fn alive(&self) {
        if self.is_over() {
            pending::<()>().await;
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.inner.over.load(Ordering::SeqCst)
    }

    pub(crate) fn takes_machine(&self) -> bool {
        self.inner.takes_machine.load(Ordering::SeqCst)
    }

    /// Returns when it is over.
    pub(crate) async fn over(&self) {
        let ended = self.inner.ended.notified();
        tokio::pin!(ended);
        ended.as_mut().enable();
        if !self.is_over() {
            ended.await;
        }
    }
}
