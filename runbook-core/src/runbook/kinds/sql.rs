//! The `sql` step kind: PostgreSQL statements, carried out in one transaction.

mod lex;
mod reads;

use std::collections::BTreeMap;

use self::lex::{Kind, Token, lex};
use super::split::{Item, split};
use super::{Piece, Pieces, Problem, Refused, first_uses, position, remarks, value};
use crate::runbook::codes;
use crate::runbook::effects::sql_names_credentials;
use crate::runbook::model::{Effect, EffectSource};

/// What begins a statement that steers the transaction or the session, or that cannot stand in a transaction.
const REFUSED: &[&str] = &[
    "abort",
    "begin",
    "checkpoint",
    "close",
    "commit",
    "copy",
    "deallocate",
    "declare",
    "discard",
    "end",
    "execute",
    "fetch",
    "listen",
    "load",
    "move",
    "prepare",
    "release",
    "reset",
    "rollback",
    "savepoint",
    "set",
    "start",
    "unlisten",
    "vacuum",
];

/// What else begins a statement.
const KNOWN: &[&str] = &[
    "alter", "analyze", "analyse", "call", "cluster", "comment", "create", "delete", "do", "drop", "explain",
    "grant", "import", "insert", "lock", "merge", "notify", "reassign", "refresh", "reindex", "revoke",
    "security", "select", "show", "table", "truncate", "update", "values", "with",
];

/// What is created, dropped or altered outside of transactions only.
const NOT_IN_TRANSACTIONS: &[&str] = &["database", "tablespace", "system", "subscription"];

/// A text as understood.
struct Script {
    tokens: Vec<Token>,
}

impl Script {
    fn read(text: &str) -> Result<Self, Problem> {
        let script = Script { tokens: lex(text)? };
        script.statements().try_for_each(|statement| check(text, &statement))?;
        Ok(script)
    }

    /// The statements' tokens without comments and semicolons; none is empty.
    fn statements(&self) -> impl Iterator<Item = Vec<Token>> {
        self.tokens
            .split(|token| token.kind == Kind::Semicolon && token.depth == 0)
            .map(|part| part.iter().filter(|token| token.kind != Kind::Comment).copied().collect())
            .filter(|part: &Vec<Token>| !part.is_empty())
    }
}

/// Whether a statement may run in a transaction that it does not steer.
fn check(text: &str, statement: &[Token]) -> Result<(), Problem> {
    let begins = statement.iter().find(|token| token.of(text) != "(");
    let Some(first) = begins else { return Ok(()) };
    let word = lower(first.of(text));
    if first.kind == Kind::Word && REFUSED.contains(&word.as_str()) {
        return Err(Problem::new(
            first.start,
            format!(
                "`{}` steers the transaction or the session, or cannot stand in a transaction",
                first.of(text)
            ),
            "leave it out: the statements of a block already run in one transaction of their own",
        ));
    }
    if first.kind != Kind::Word || !KNOWN.contains(&word.as_str()) {
        return Err(Problem::new(
            first.start,
            format!("`{}` begins no statement", shown(first.of(text))),
            "end the statement before it with a semicolon, or put its expectation behind its end",
        ));
    }
    let changes_schema = ["create", "drop", "alter", "reindex", "refresh"].contains(&word.as_str());
    let outside = statement.iter().enumerate().skip(1).find(|(index, token)| {
        let word = lower(token.of(text));
        token.kind == Kind::Word
            && (word == "concurrently" || *index == 1 && NOT_IN_TRANSACTIONS.contains(&word.as_str()))
    });
    match outside.filter(|_| changes_schema) {
        Some((_, token)) => Err(Problem::new(
            token.start,
            format!("`{}` cannot run in a transaction", token.of(text)),
            "run it with psql from a shell block",
        )),
        None => Ok(()),
    }
}

fn lower(word: &str) -> String {
    word.to_ascii_lowercase()
}

fn shown(word: &str) -> String {
    word.chars().take(40).collect()
}

/// Reads a fence's text: one command for the statements up to each expectation.
pub(crate) fn read(text: &str, first_line: u32) -> Pieces {
    let mut pieces = Pieces::default();
    let tokens = match lex(text) {
        Ok(tokens) => tokens,
        Err(problem) => return blocked(text, first_line, &problem),
    };
    let (groups, stray) = split(text, &items(text, &tokens), first_line);
    for group in groups {
        let written = text.get(group.start..group.end).unwrap_or_default();
        let script = Script::read(written);
        if script.as_ref().is_ok_and(|script| script.statements().next().is_none()) {
            // a semicolon below the expectation of its statement
            if let Some(before) = pieces.pieces.last_mut() {
                before.expectations.extend(group.expectations);
            }
            continue;
        }
        let problem = script.err();
        if let Some(problem) = &problem {
            let problem = Problem { at: problem.at + group.start, ..problem.clone() };
            pieces.diagnostics.push(problem.finding(codes::SQL_TEXT, text, first_line));
        }
        pieces.pieces.push(Piece {
            line: first_line.saturating_add(position(text, group.start).0 - 1),
            title: group.title,
            text: format!("{written}\n"),
            expectations: group.expectations,
            effect: effect(written),
            include: None,
            blocked: problem.map(|problem| problem.message),
        });
    }
    remarks(&mut pieces, codes::SQL_TEXT, &stray, text, first_line, "statement");
    pieces
}

/// A fence that cannot be told apart is one command that does not run.
fn blocked(text: &str, first_line: u32, problem: &Problem) -> Pieces {
    let piece = Piece {
        line: first_line,
        title: None,
        text: format!("{}\n", text.trim_end_matches('\n')),
        expectations: Vec::new(),
        effect: (Effect::Once, EffectSource::Unknown),
        include: None,
        blocked: Some(problem.message.clone()),
    };
    Pieces { pieces: vec![piece], diagnostics: vec![problem.finding(codes::SQL_TEXT, text, first_line)] }
}

fn items(text: &str, tokens: &[Token]) -> Vec<Item> {
    let mut items = Vec::new();
    let mut ended = true;
    for (index, token) in tokens.iter().enumerate() {
        let (start, end) = (token.start, token.end);
        match token.kind {
            Kind::Comment => {
                let written = token.of(text);
                let inner = written.strip_prefix("/*").and_then(|rest| rest.strip_suffix("*/"));
                let inner = inner.unwrap_or_else(|| written.trim_start_matches('-'));
                let inner = inner.lines().map(str::trim).collect::<Vec<_>>().join(" ");
                // an expectation ends a statement with or without its semicolon, but never inside brackets
                let inside = token.depth > 0 || !ended && goes_on(text, tokens.get(index + 1..));
                items.push(Item::Comment { start, end, written: format!("# {}", inner.trim()), inside });
            }
            Kind::Semicolon => {
                ended = token.depth == 0;
                items.push(Item::Code { start, end });
            }
            _ => {
                ended = false;
                items.push(Item::Code { start, end });
            }
        }
    }
    items
}

/// What follows is no new statement.
fn goes_on(text: &str, after: Option<&[Token]>) -> bool {
    let next = after.into_iter().flatten().find(|token| token.kind != Kind::Comment);
    next.is_some_and(|token| {
        let word = lower(token.of(text));
        token.kind != Kind::Semicolon
            && !(token.kind == Kind::Word
                && (KNOWN.contains(&word.as_str()) || REFUSED.contains(&word.as_str())))
    })
}

/// What the statements do: read when each only reads and calls nothing but known functions.
#[must_use]
pub fn effect(text: &str) -> (Effect, EffectSource) {
    let reads = Script::read(text).is_ok_and(|script| {
        let mut statements = script.statements().peekable();
        statements.peek().is_some() && statements.all(|statement| reads::only_reads(text, &statement))
    });
    if reads && !sql_names_credentials(text) {
        (Effect::Read, EffectSource::Table)
    } else {
        (Effect::Once, EffectSource::Unknown)
    }
}

/// Why a block that says `effect=read` does not, if it is known not to: a statement that changes something, or a
/// function whose effect no read-only transaction stops.
#[must_use]
pub fn known_change(text: &str) -> Option<String> {
    let script = Script::read(text).ok()?;
    script.statements().find_map(|statement| reads::change(text, &statement))
}

/// Every statement by itself, without comments before it, for sending one after the other.
///
/// # Errors
/// Text that may not run, or a value that it must not get.
pub fn statements(text: &str, values: &BTreeMap<String, String>) -> Result<Vec<Statement>, Refused> {
    let script = Script::read(text).map_err(|problem| problem.refused(text))?;
    script
        .statements()
        .map(|tokens| {
            let mut filled = String::new();
            let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else {
                return Err(Refused::new(1, "there is no statement"));
            };
            let mut at = first.start;
            for token in tokens.iter().filter(|token| token.kind == Kind::Variable) {
                filled.push_str(text.get(at..token.start).unwrap_or_default());
                let value = value(values, token.variable(text), position(text, token.start).0)?;
                filled.push_str(&literal(value));
                at = token.end;
            }
            filled.push_str(text.get(at..last.end).unwrap_or_default());
            Ok(Statement {
                verb: reads::verb(text, &tokens),
                line: position(text, first.start).0,
                text: filled,
            })
        })
        .collect()
}

/// One statement, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Its key word in capitals: `SELECT`, `UPDATE`, `CREATE TABLE`; the one behind a `WITH` list.
    pub verb: String,
    /// 1-based line of the command's text.
    pub line: u32,
    /// The statement with every value in it as a literal, without a semicolon.
    pub text: String,
}

/// The names that the text asks for, each with the line where it first stands.
#[must_use]
pub fn variables(text: &str) -> Vec<(String, u32)> {
    let tokens = lex(text).unwrap_or_default();
    let uses = tokens.iter().filter(|token| token.kind == Kind::Variable);
    first_uses(text, uses.map(|token| (token.variable(text), token.start)))
}

/// A value as a string literal, spelled as libpq does: whatever is in the value, it is one literal with that value.
///
/// The blank in front keeps the literal from becoming part of a word or string before it. A NUL byte cannot be in a
/// literal; [`statements`] refuses it.
#[must_use]
pub fn literal(value: &str) -> String {
    let quoted = value.replace('\'', "''");
    if quoted.contains('\\') {
        format!(" E'{}'", quoted.replace('\\', "\\\\"))
    } else {
        format!(" '{quoted}'")
    }
}

#[cfg(test)]
mod tests;
