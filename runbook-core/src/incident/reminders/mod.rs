//! Whom an incident asks for what, and when: reminders, prompts, and the rule that keeps them quiet.
//!
//! Nothing is queued. What is asked for follows from the state whenever somebody looks, so a reminder whose cause is gone
//! is not asked, a restart forgets nothing, and what had to wait for the minute to pass is found again when it has.

mod look;
mod state;
mod topic;
mod words;

pub(super) use look::look;
pub use look::{Asking, Look, next_look, next_look_after_change};
pub use state::{Reminders, RollbackRequest};
pub use topic::{Rules, Topic, Urgency, Waiting, waiting};
