//! Triggers: asked by timers in the store, told through the inbox, so that a turn is acted on once whatever ends the process.

mod act;
mod alert;
mod look;
mod read;
mod validate;

pub(crate) use alert::severity_of_trigger;
pub(crate) use look::{TRIGGER, TriggerTranslator};
pub use read::list;
pub(crate) use validate::is_of_a_past_test;
