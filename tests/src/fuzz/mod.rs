//! Fuzzing on the stable toolchain: functions that hold for any bytes, and a runner that feeds them.
//!
//! The functions are in [`targets`], which needs little but `runbook-core`, so that cargo-fuzz uses them too (`fuzz/`).

mod mutate;
mod random;
mod runner;
pub mod targets;

pub use runner::{Failure, Plan, Replayed, Settings, run};
