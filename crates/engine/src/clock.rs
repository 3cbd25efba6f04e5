//! The one place where Blocks reads the clock and makes identifiers.

use chrono::{DateTime, SubsecRound as _, Utc};
use uuid::Uuid;

/// What time it is.
pub trait Clock: Send + Sync {
    /// Now, in UTC.
    fn now(&self) -> DateTime<Utc>;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is given")]
    fn now(&self) -> DateTime<Utc> {
        // The journal keeps milliseconds: deciding with finer times would differ from what a replay sees.
        Utc::now().trunc_subsecs(3)
    }
}

/// Where identifiers come from.
pub trait Ids: Send + Sync {
    /// A fresh identifier.
    fn fresh(&self) -> Uuid;
}

/// UUIDv7: sorts by time.
#[derive(Debug, Clone, Copy, Default)]
pub struct UuidV7;

impl Ids for UuidV7 {
    #[expect(clippy::disallowed_methods, reason = "this is where identifiers come from")]
    fn fresh(&self) -> Uuid {
        Uuid::now_v7()
    }
}
