//! Expectations: what a command's output must show, and whether it does.
//!
//! [`classify()`] gives the text of a `# Expected:` line its typed meaning once, when the runbook is read;
//! [`judge()`] compares it with what a command did. The rule above all others: never a false pass. Text that is not
//! fully understood is for a person, and so is output that could be read in two ways.

mod classify;
mod contains;
mod count;
mod http;
mod judge;
mod model;
mod number;
mod pairs;
mod phrase;
mod ratio;
mod rows;
#[cfg(test)]
mod table_tests;

pub use classify::classify;
pub use judge::{judge, judge_command};
pub use model::*;
