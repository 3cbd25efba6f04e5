//! Triggers: a question that is asked again and again, and what comes of its answer when it is bad for long enough.
//!
//! [`step()`] is the whole of it: from where a trigger stands, what was read and the time, to where it stands then and what is to be
//! told. What is missing is never taken for healthy, and a question that fails is a state of its own.

mod model;
pub mod number;
mod step;
#[cfg(test)]
mod tests;

pub use model::{
    Ask, Comparison, Counted, Is, Reading, Sample, Standing, Trigger, TriggerNotice, Turn, removed, shown,
};
pub use step::step;
