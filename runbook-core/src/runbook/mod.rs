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
mod parse;
mod placeholders;
mod shell;
mod steps;
#[cfg(test)]
mod tests;
mod titles;

pub use diagnostic::*;
pub use lints::check_links;
pub use model::*;
pub use names::check_variable;
pub use outline::{Coverage, Outline};
pub use parse::{MAX_DOCUMENT_BYTES, parse};
