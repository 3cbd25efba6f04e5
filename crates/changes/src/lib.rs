//! Changes of services in, told by whoever makes them: `POST /hooks/change`, as plain JSON or as CloudEvents 1.0, those of CDEvents
//! among them. Their wire types stay here.
//!
//! - [`router`] takes the messages: checks who sends them and that they can be read, hands them to the intake, answers.
//! - [`ChangeTranslator`] says what a stored message means. Pure.
//!
//! This crate keeps no state, decides nothing about incidents, and reads no clock but the intake's.

mod cloud;
mod inbound;
mod plain;
mod translate;

pub use blocks_hooks::Secret;
pub use inbound::{BODY_LIMIT, SOURCE, router};
pub use translate::ChangeTranslator;
