//! What the ways in over HTTP have in common, below every adapter that takes webhooks: secrets that do not show themselves and are
//! compared in constant time, a body that is read up to a limit, one set of answers, and a lenient reading of JSON.
//!
//! This crate knows no sender and decides nothing: what a message has to prove, and what it means, are its adapter's.

mod bearer;
mod door;
pub mod loose;
mod secret;

pub use bearer::{credentials, matches};
pub use door::Door;
pub use secret::Secret;
