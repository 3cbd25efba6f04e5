//! Runbooks: Markdown documents whose commands can be run and judged.
//!
//! [`parse()`] turns any text into a [`Document`]. It never fails: what is wrong becomes a [`Diagnostic`], and a
//! command that would run wrongly says why it is not runnable. The language is described in
//! `docs/reference/runbook-format.md`.

mod blocks;
pub mod codes;
mod commands;
mod comments;
mod console;
mod diagnostic;
mod effects;
mod flow;
mod frontmatter;
pub mod hash;
mod info;
pub mod kinds;
mod lines;
mod lints;
mod model;
mod mojibake;
mod names;
mod outline;
mod params;
mod parse;
pub mod placeholders;
mod schema;
mod shell;
mod steps;
#[cfg(test)]
mod tests;
mod titles;
mod yaml;

pub use diagnostic::*;
pub use flow::{Condition, condition};
pub use info::{Info, InfoProblem, Role, read_info};
pub(crate) use kinds::include::reference;
pub use model::*;
pub use names::check_variable;
pub(crate) use names::is_identifier_byte;
pub use outline::{Coverage, Outline};
pub(crate) use params::parameter_of;
pub use params::{MAX_VALUE_BYTES, check_value};
pub use parse::{MAX_DOCUMENT_BYTES, parse};
pub use schema::front_matter_schema;
