//! Whole worlds from one number: the real core and the real engine in virtual time, with everything outside made up.
//!
//! A seed decides everything that happens: which webhook comes when, twice or late; who types what; what commands come to;
//! where the store fails and the process dies. The judge sees every event and every process, and says what must never be.
//! One thread, no wall clock: the same seed gives the same trace, byte for byte.
#![expect(
    clippy::expect_used,
    reason = "a support crate of tests: what cannot be is said and ends the world"
)]

mod disk;
mod judge;
mod life;
mod organisation;
mod outside;
mod play;
mod random;
mod report;
mod runbooks;
mod script;
mod shrink;
mod sides;
mod stage;
mod told;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use play::{Outcome, World};
pub use report::{Failure, Kept, Options, Report, kept, run};

/// A lock that a panic elsewhere does not poison.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
