//! What answers a trigger's question, as the engine sees it.

use super::BoxFuture;
use crate::trigger::Sample;

/// A place that keeps numbers.
pub trait Meter: Send + Sync {
    /// One query, as of now.
    ///
    /// # Errors
    /// Why there is no answer, in lowercase and without secrets.
    fn ask<'a>(
        &'a self,
        connection: Option<&'a str>,
        query: &'a str,
    ) -> BoxFuture<'a, Result<Vec<Sample>, String>>;
}
