//! The step kinds that are not shell: what their text means before anything runs.
//!
//! One file per kind. Each tells the fence's commands apart, says what they do to the world, and what is wrong.

pub mod http;
pub mod include;
pub mod promql;
pub mod sql;

use super::diagnostic::Diagnostic;
use super::model::{CommandKind, Effect, EffectSource, Include};
use crate::expectation::Expectation;

/// One command of a fence of another kind than shell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Piece {
    /// 1-based line in the file.
    pub(crate) line: u32,
    /// The comment just above.
    pub(crate) title: Option<String>,
    /// What is carried out.
    pub(crate) text: String,
    /// What must hold afterwards.
    pub(crate) expectations: Vec<Expectation>,
    /// What it does to the world, and how that is known.
    pub(crate) effect: (Effect, EffectSource),
    /// For an include: which runbook, with which values.
    pub(crate) include: Option<Include>,
    /// Why it cannot run.
    pub(crate) blocked: Option<String>,
}

/// A fence's commands, and what was noticed.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Pieces {
    pub(crate) pieces: Vec<Piece>,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// Reads a fence's text whose first line is `first_line` of the file. `None` for shell, which has its own reader.
pub(crate) fn read(kind: CommandKind, text: &str, first_line: u32) -> Option<Pieces> {
    match kind {
        CommandKind::Shell => None,
        CommandKind::Http => Some(http::read(text, first_line)),
        CommandKind::Promql => Some(promql::read(text, first_line)),
        CommandKind::Sql => Some(sql::read(text, first_line)),
        CommandKind::Include => Some(include::read(text, first_line)),
    }
}
