//! Every step of a runbook failed in turn, and every step run twice, in the sandbox's world.
//!
//! The runbook runs as it always does: the real binary, real processes, the sandbox's service and its `kubectl`. Before
//! that `kubectl`, and before `curl`, stands a few lines of bash ([`Tools`]) that fail when they are told to: before the
//! effect, after it, with an answer that is no answer, or not at all until the time is up. Then a person takes what is
//! offered ([`Way`]), and the service must be as it was before, or as one clean run leaves it.

mod cases;
mod report;
mod tools;
mod world;

pub use cases::{Case, Fault, Way, cases_of};
pub use report::{Row, Table, play};
pub use tools::{Seen, Tools};
pub use world::{Shape, World};
