//! Alerts of monitoring systems: notices become rows and incidents, many of them in one commit.

mod along;
mod around;
mod batch;
mod beside;
mod explain;
mod left_out;
mod look;
mod open;
mod tell;
mod with_group;

pub use explain::{explain, explain_loose};

pub(crate) use along::Along;
pub(crate) use batch::{Handed, Kinds, facts_of};
pub(crate) use look::PRUNE;
pub(crate) use tell::tell_timer;

/// What a timer is called that tells of alerts which came in a hurry.
pub(crate) const TELL: &str = "alerts";
