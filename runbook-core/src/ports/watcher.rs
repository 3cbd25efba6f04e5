//! Somebody outside who notices when Blocks is silent.

use super::BoxFuture;

/// A dead man's switch: it calls somebody when it has heard nothing for a while.
pub trait Watcher: Send + Sync {
    /// Says that Blocks works.
    ///
    /// # Errors
    /// Why it was not heard, in lowercase and without secrets.
    fn beat(&self) -> BoxFuture<'_, Result<(), String>>;
}
