//! Expectations: what a command's output must show, and whether it does.
//!
//! [`classify()`] gives the text of a `# Expected:` line its typed meaning once, when the runbook is read;
//! [`judge()`] compares it with what a command did. The rule above all others: never a false pass. Text that is not
//! fully understood is for a person, and so is output that could be read in two ways.

mod block;
#[cfg(test)]
mod captured;
mod classify;
mod contains;
mod count;
#[cfg(test)]
mod eighteen;
mod http;
mod json;
mod judge;
#[cfg(test)]
mod judge_table;
mod model;
mod number;
mod output;
mod pairs;
mod phrase;
mod prometheus;
#[cfg(test)]
mod properties;
mod ratio;
mod rows;
mod scan;
#[cfg(test)]
mod table_tests;
mod units;
mod values;
mod want;

pub use classify::classify;
pub use judge::{judge, judge_command};
pub use model::*;
pub use values::{Value, references, with_values};
