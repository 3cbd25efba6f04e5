//! Alerts of monitoring systems: notices become rows and incidents, many of them in one commit.

mod around;
mod batch;
mod explain;
mod look;
mod tell;

pub use explain::{explain, explain_loose};

pub(crate) use batch::{Handed, facts_of};

/// What a timer is called that tells of alerts which came in a hurry.
pub(crate) const TELL: &str = "alerts";
