//! One life of the process: it ends at a chosen point, and then nothing of it ever answers again.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

/// A life that counts its points: the moments just before and just after every outside effect.
#[derive(Clone)]
pub(crate) struct Life {
    inner: Arc<Inner>,
}

struct Inner {
    seen: AtomicU64,
    ends_at: Option<u64>,
    over: watch::Sender<bool>,
}

impl Life {
    /// A life that ends at its `ends_at`th point, counted from 1; `None` never.
    pub(crate) fn new(ends_at: Option<u64>) -> Life {
        Life { inner: Arc::new(Inner { seen: AtomicU64::new(0), ends_at, over: watch::Sender::new(false) }) }
    }

    /// A moment at which the process may die.
    pub(crate) async fn point(&self) {
        self.alive().await;
        let seen = self.inner.seen.fetch_add(1, Ordering::SeqCst) + 1;
        if Some(seen) == self.inner.ends_at {
            self.inner.over.send_replace(true);
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
        *self.inner.over.borrow()
    }

    /// Returns when it is over.
    pub(crate) async fn over(&self) {
        let mut over = self.inner.over.subscribe();
        let _ = over.wait_for(|over| *over).await;
    }
}
