//! Fuzzing on the stable toolchain: functions that hold for any bytes, and a runner that feeds them.
//!
//! The functions are in [`targets`], which needs nothing but `runbook-core`, so that cargo-fuzz can use them too.

mod mutate;
mod random;
mod runner;
pub mod targets;

pub use runner::{Failure, Plan, Replayed, Settings, run};
