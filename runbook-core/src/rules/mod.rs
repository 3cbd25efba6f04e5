//! Which severity a page has and which runbooks look at it: rules of the team, asked in their order.
//!
//! The first rule that matches wins, and what it does not say is as it would be without it. Nothing here asks anybody: what is known
//! of the page comes in, and every choice goes out with its reason.

mod choose;
mod rule;
#[cfg(test)]
mod tests;

pub(crate) use choose::words;
pub use choose::{Choice, Chosen, Defaults, choose};
pub use rule::{Facts, Rule, Say, TriedPage, When};

/// The most labels or details that are looked at.
pub const MOST_FACTS: usize = 128;
/// The longest value of one, in characters; what is longer is cut.
pub const LONGEST_FACT: usize = 500;
