//! The step kinds that are not shell: what their text means before anything runs.
//!
//! One file per kind. Each tells the fence's commands apart, says what they do to the world, what is wrong, and how
//! the run's values get into the text without ever becoming syntax of it.

pub mod http;
pub mod include;
pub mod promql;
mod split;
pub mod sql;

use std::collections::BTreeMap;

use super::diagnostic::{Code, Diagnostic};
use super::lines::to_u32;
use super::model::{CommandKind, Effect, EffectSource, Include};
use super::{codes, names};
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

/// The names of the values that a command's text asks for, each with the 1-based line of the text where it first
/// stands. Nothing for shell, whose values are environment variables, and for an include.
#[must_use]
pub fn variables(kind: CommandKind, text: &str) -> Vec<(String, u32)> {
    match kind {
        CommandKind::Http => http::variables(text),
        CommandKind::Promql => promql::variables(text),
        CommandKind::Sql => sql::variables(text),
        CommandKind::Shell | CommandKind::Include => Vec::new(),
    }
}

/// A value, or the text around it, that must not be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct Refused {
    /// 1-based line of the command's text.
    pub line: u32,
    /// Why, in lowercase; never with the value in it.
    pub reason: String,
}

impl Refused {
    pub(crate) fn new(line: u32, reason: impl Into<String>) -> Self {
        Self { line, reason: reason.into() }
    }
}

/// What is wrong with a text, at a byte of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) at: usize,
    pub(crate) message: String,
    pub(crate) hint: &'static str,
}

impl Problem {
    pub(crate) fn new(at: usize, message: impl Into<String>, hint: &'static str) -> Self {
        Self { at, message: message.into(), hint }
    }

    /// As a finding of a fence whose first line is `first_line` of the file.
    pub(crate) fn finding(&self, code: Code, places: &mut Places<'_>, first_line: u32) -> Diagnostic {
        let (line, column) = places.of(self.at);
        codes::finding(code, (first_line.saturating_add(line - 1), column), self.message.clone(), self.hint)
    }

    /// As a reason for not sending.
    pub(crate) fn refused(&self, text: &str) -> Refused {
        Refused::new(position(text, self.at).0, self.message.clone())
    }
}

/// 1-based line and column in characters.
pub(crate) fn position(text: &str, at: usize) -> (u32, u32) {
    Places::new(text).of(at)
}

/// Lines and columns of offsets that come in order, so that a text with many of them is counted through once.
pub(crate) struct Places<'a> {
    text: &'a str,
    at: usize,
    line: u32,
    column: u32,
}

impl<'a> Places<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0, line: 1, column: 1 }
    }

    /// 1-based line and column in characters.
    pub(crate) fn of(&mut self, at: usize) -> (u32, u32) {
        if at < self.at {
            *self = Self::new(self.text);
        }
        let at = self.text.floor_char_boundary(at);
        let between = self.text.get(self.at..at).unwrap_or_default();
        match between.rfind('\n') {
            Some(last) => {
                self.line = self.line.saturating_add(to_u32(between.matches('\n').count()));
                self.column = to_u32(between[last + 1..].chars().count() + 1);
            }
            None => self.column = self.column.saturating_add(to_u32(between.chars().count())),
        }
        self.at = at;
        (self.line, self.column)
    }
}

/// Says once per fence that it holds no command, or where an expectation stands before any.
pub(crate) fn remarks(
    pieces: &mut Pieces,
    code: Code,
    stray: &[usize],
    text: &str,
    first_line: u32,
    what: &str,
) {
    let mut places = Places::new(text);
    for &at in stray {
        let problem = Problem::new(
            at,
            "this expectation stands before any command of its block, so nothing is judged by it",
            "put it below the command that it is about",
        );
        pieces.diagnostics.push(problem.finding(codes::STRAY_EXPECTATION, &mut places, first_line));
    }
    if pieces.pieces.is_empty() && pieces.diagnostics.iter().all(|found| found.code != code) {
        let problem =
            Problem::new(0, format!("this block holds no {what}"), "write one, or tag the block as text");
        pieces.diagnostics.push(problem.finding(code, &mut places, first_line));
    }
}

/// The value of a name.
pub(crate) fn value<'a>(
    values: &'a BTreeMap<String, String>,
    name: &str,
    line: u32,
) -> Result<&'a str, Refused> {
    let value = values.get(name).ok_or_else(|| {
        Refused::new(line, format!("there is no value `{name}`; declare it under `params`"))
    })?;
    if value.contains('\0') {
        return Err(Refused::new(line, format!("the value of `{name}` has a NUL byte in it")));
    }
    Ok(value)
}

/// Each name once, with the first line where it stands.
pub(crate) fn first_uses<'a>(text: &str, uses: impl Iterator<Item = (&'a str, usize)>) -> Vec<(String, u32)> {
    let lines = super::lines::Lines::new(text);
    let mut seen = std::collections::BTreeSet::new();
    uses.filter(|(name, _)| seen.insert((*name).to_owned()))
        .map(|(name, at)| (name.to_owned(), lines.line(at)))
        .collect()
}

/// How many bytes at the start of a text are a variable's name.
pub(crate) fn name_length(text: &str) -> usize {
    let length = text.bytes().take_while(|b| *b == b'_' || b.is_ascii_alphanumeric()).count();
    if text.get(..length).is_some_and(names::is_identifier) { length } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_the_same_in_any_order() {
        let text = "a\nbé c\r\n\n  d";
        let rows =
            [(0, (1, 1)), (2, (2, 1)), (5, (2, 3)), (9, (3, 1)), (12, (4, 3)), (99, (4, 4)), (3, (2, 2))];
        let mut places = Places::new(text);
        for (at, place) in rows {
            assert_eq!((places.of(at), position(text, at)), (place, place), "{at}");
        }
    }

    #[test]
    fn many_findings_of_one_fence_end() {
        for (kind, line) in [
            (CommandKind::Sql, "-- Expected: 1 row\n"),
            (CommandKind::Sql, "/* Expected: 1 row */ "),
            (CommandKind::Sql, "begin;\n-- Expected: 1 row\n"),
            (CommandKind::Promql, "# Expected: 1\n"),
            (CommandKind::Promql, "up(\n\n"),
            (CommandKind::Promql, "up\n# Expected: 1\n"),
            (CommandKind::Http, "# Expected: 200\n###\n"),
        ] {
            let text = line.repeat(400_000 / line.len());
            let read = read(kind, &text, 1).unwrap_or_default();
            assert!(!read.pieces.is_empty() || !read.diagnostics.is_empty(), "{line}");
        }
    }
}
