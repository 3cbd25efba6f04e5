//! Named points at which a test build ends itself, as `kill -9` would.
//!
//! Some moments are too short to be hit from outside: between a commit and the process that it allows, between a status
//! on disk and its record in the journal. Code that passes such a moment says so with [`at`]. Without the feature
//! `crash-points`, which nothing but the crash harness's build has, that is nothing at all.
//!
//! With it, the file that the environment variable `BLOCKS_CRASH_FILE` names says where to end: a point's name, how
//! often it is passed before, for how many milliseconds it stands still there, and a number that tells one order from the
//! next. Whoever gets there takes the file away, so that one order ends one process, and kills itself.

mod point;

#[cfg(feature = "crash-points")]
mod armed;

pub use point::{Place, Point};

/// Names the file with the order.
pub const FILE: &str = "BLOCKS_CRASH_FILE";
/// Names the defect to switch on.
pub const SABOTAGE: &str = "BLOCKS_SABOTAGE";

#[cfg(feature = "crash-points")]
pub use armed::{arm, at, handed_on};

/// This point is passed.
#[cfg(not(feature = "crash-points"))]
#[inline]
pub fn at(_: Point) {}

/// Switches on what the environment asks for; for the beginning of a program.
#[cfg(not(feature = "crash-points"))]
#[inline]
pub fn arm() {}

/// Variables that a supervisor needs in order to end at its points.
#[cfg(not(feature = "crash-points"))]
#[inline]
#[must_use]
pub fn handed_on() -> Vec<(&'static str, std::ffi::OsString)> {
    Vec::new()
}
