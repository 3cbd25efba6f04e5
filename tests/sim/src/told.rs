//! Something that is said once, and heard by whoever waits for it, in the order in which they began to wait: a `watch` wakes
//! its receivers in an order by chance, and the same seed must go the same way.

use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use crate::locked;

struct Slot<T> {
    /// What was said, and whether anybody is left to say it.
    said: Mutex<(Option<T>, bool)>,
    news: Notify,
}

/// The one who says it. Dropped without a word, nobody will.
pub(crate) struct Says<T>(Arc<Slot<T>>);

/// Those who wait for it.
#[derive(Clone)]
pub(crate) struct Hears<T>(Arc<Slot<T>>);

/// Both ends.
pub(crate) fn told<T>() -> (Says<T>, Hears<T>) {
    let slot = Arc::new(Slot { said: Mutex::new((None, true)), news: Notify::new() });
    (Says(Arc::clone(&slot)), Hears(slot))
}

impl<T> Says<T> {
    pub(crate) fn say(&self, what: T) {
        locked(&self.0.said).0 = Some(what);
        self.0.news.notify_waiters();
    }
}

impl<T> Drop for Says<T> {
    fn drop(&mut self) {
        locked(&self.0.said).1 = false;
        self.0.news.notify_waiters();
    }
}

impl<T: Clone> Hears<T> {
    /// What was said, once it was; `None` when nobody is left to say it.
    pub(crate) async fn heard(&self) -> Option<T> {
        loop {
            let news = self.0.news.notified();
            tokio::pin!(news);
            news.as_mut().enable();
            match locked(&self.0.said).clone() {
                (Some(what), _) => return Some(what),
                (None, false) => return None,
                (None, true) => {}
            }
            news.await;
        }
    }
}
