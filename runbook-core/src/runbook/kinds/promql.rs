//! The `promql` step kind: instant queries of Prometheus.

mod lex;

use std::collections::BTreeMap;

use self::lex::{Kind, Token, lex, use_at, uses_in};
use super::split::{Item, split};
use super::{Piece, Pieces, Places, Problem, Refused, first_uses, position, remarks, value};
use crate::runbook::codes;
use crate::runbook::model::{Effect, EffectSource};

/// Operators that stand between two operands. `-` and `+` may also begin a query.
const BINARY: &[&str] =
    &["*", "/", "%", "^", "==", "!=", "<", ">", "<=", ">=", "and", "or", "unless", "=~", "!~", "=", ","];
const BETWEEN: &[&str] = &["+", "-", "by", "without", "on", "ignoring", "offset", "bool", "@", "atan2"];

/// Reads a fence's text: queries separated by empty lines or expectations.
pub(crate) fn read(text: &str, first_line: u32) -> Pieces {
    let mut pieces = Pieces::default();
    let tokens = match lex(text) {
        Ok(tokens) => tokens,
        Err(problem) => return blocked(text, first_line, &problem),
    };
    let (groups, stray) = split(text, &items(text, &tokens), first_line);
    let mut places = Places::new(text);
    for group in groups {
        let line = first_line.saturating_add(places.of(group.start).0 - 1);
        let written = text.get(group.start..group.end).unwrap_or_default();
        let problem = check(written).err();
        if let Some(problem) = &problem {
            let problem = Problem { at: problem.at + group.start, ..problem.clone() };
            pieces.diagnostics.push(problem.finding(codes::PROMQL_TEXT, &mut places, first_line));
        }
        pieces.pieces.push(Piece {
            line,
            title: group.title,
            text: format!("{written}\n"),
            expectations: group.expectations,
            effect: (Effect::Read, EffectSource::Table),
            include: None,
            blocked: problem.map(|problem| problem.message),
        });
    }
    remarks(&mut pieces, codes::PROMQL_TEXT, &stray, text, first_line, "query");
    pieces
}

/// A fence that cannot be told apart is one query that does not run.
fn blocked(text: &str, first_line: u32, problem: &Problem) -> Pieces {
    let piece = Piece {
        line: first_line,
        title: None,
        text: format!("{}\n", text.trim_end_matches('\n')),
        expectations: Vec::new(),
        effect: (Effect::Read, EffectSource::Table),
        include: None,
        blocked: Some(problem.message.clone()),
    };
    let found = problem.finding(codes::PROMQL_TEXT, &mut Places::new(text), first_line);
    Pieces { pieces: vec![piece], diagnostics: vec![found] }
}

fn items(text: &str, tokens: &[Token]) -> Vec<Item> {
    let item = |token: &Token| match token.kind {
        Kind::Gap => Item::Break,
        Kind::Comment => Item::Comment {
            start: token.start,
            end: token.end,
            written: token.of(text).to_owned(),
            inside: token.depth > 0,
        },
        _ => Item::Code { start: token.start, end: token.end },
    };
    // an empty line between a query and its expectation separates nothing
    let mut items: Vec<Item> = Vec::with_capacity(tokens.len());
    for (index, token) in tokens.iter().enumerate() {
        let next = tokens.get(index + 1).map(|next| next.kind);
        if token.kind == Kind::Gap
            && matches!(next, Some(Kind::Comment))
            && gap_before_check(text, tokens, index + 1)
        {
            continue;
        }
        items.push(item(token));
    }
    items
}

fn gap_before_check(text: &str, tokens: &[Token], comment: usize) -> bool {
    use crate::runbook::comments::{Comment, read};
    tokens.get(comment).is_some_and(|token| matches!(read(token.of(text)), Comment::Expected(_)))
}

/// Whether a text is one query, as far as that can be told without Prometheus.
fn check(text: &str) -> Result<Vec<Token>, Problem> {
    let tokens = lex(text)?;
    let code = || tokens.iter().filter(|token| !matches!(token.kind, Kind::Comment | Kind::Gap));
    let hint = "keep a query together: an empty line ends it";
    if let Some(first) = code().next().filter(|first| BINARY.contains(&first.of(text))) {
        return Err(Problem::new(first.start, "the query begins in its middle", hint));
    }
    let ends = |last: &&Token| BINARY.contains(&last.of(text)) || BETWEEN.contains(&last.of(text));
    if let Some(last) = code().next_back().filter(ends) {
        return Err(Problem::new(last.start, "the query is not finished", hint));
    }
    for token in code().filter(|token| matches!(token.kind, Kind::Text { .. })) {
        let behind_backslash =
            |at: usize| at.checked_sub(1).and_then(|at| text.as_bytes().get(at)) == Some(&b'\\');
        if let Some(found) = uses_in(text, token).iter().find(|found| behind_backslash(found.start)) {
            let hint = "take the backslash out; a `$` that is meant stands at the end, or as [$]";
            return Err(Problem::new(
                found.start,
                "a parameter behind a backslash would be read by it",
                hint,
            ));
        }
        if token.in_matchers {
            continue;
        }
        if let Some(found) = uses_in(text, token).first() {
            let hint = "use it in a matcher, as {name=\"$NAME\"}; a group of a pattern is written $1";
            let message = "a parameter in a function's text could become a part of a pattern";
            return Err(Problem::new(found.start, message, hint));
        }
    }
    Ok(tokens)
}

/// The names that the text asks for, each with the line where it first stands.
#[must_use]
pub fn variables(text: &str) -> Vec<(String, u32)> {
    let tokens = lex(text).unwrap_or_default();
    let uses = tokens.iter().flat_map(|token| match token.kind {
        Kind::Variable => use_at(text, token.start).into_iter().collect(),
        Kind::Text { .. } => uses_in(text, token),
        _ => Vec::new(),
    });
    first_uses(text, uses.map(|found| (found.name, found.start)))
}

/// The query with every value in its place: inside quotes as that very text, outside as a number or a duration.
///
/// # Errors
/// Text that is no query, a name without a value, or a value that its place cannot hold.
pub fn fill(text: &str, values: &BTreeMap<String, String>) -> Result<String, Refused> {
    let tokens = check(text).map_err(|problem| problem.refused(text))?;
    let mut filled = String::with_capacity(text.len());
    let mut at = 0;
    for token in &tokens {
        let uses = match token.kind {
            Kind::Variable => use_at(text, token.start).into_iter().collect(),
            Kind::Text { .. } => uses_in(text, token),
            _ => continue,
        };
        for found in uses {
            filled.push_str(text.get(at..found.start).unwrap_or_default());
            at = found.end;
            let line = position(text, found.start).0;
            let value = value(values, found.name, line)?;
            let refused =
                |reason: &str| Refused::new(line, format!("the value of `{}` {reason}", found.name));
            let written = match token.kind {
                Kind::Text { quote, pattern } => {
                    let exact = if pattern { quote_pattern(value) } else { value.to_owned() };
                    in_quotes(&exact, quote)
                        .ok_or_else(|| refused("cannot stand between backticks; use double quotes"))?
                }
                _ => plain(value).ok_or_else(|| {
                    refused("stands outside quotes, so it must be a number or a duration like 5m")
                })?,
            };
            filled.push_str(&written);
        }
    }
    filled.push_str(text.get(at..).unwrap_or_default());
    Ok(filled.trim().to_owned())
}

/// A value as the inside of a string; `None` when this kind of string cannot hold it.
fn in_quotes(value: &str, quote: u8) -> Option<String> {
    if quote == b'`' {
        return (!value.contains(|c: char| c == '`' || c.is_control())).then(|| value.to_owned());
    }
    let mut escaped = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            c if u32::from(c) == u32::from(quote) => escaped.extend(['\\', c]),
            c if c.is_control() => escaped.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => escaped.push(c),
        }
    }
    Some(escaped)
}

/// A value as a pattern that matches just that value, in RE2's syntax.
fn quote_pattern(value: &str) -> String {
    let mut quoted = String::with_capacity(value.len());
    for c in value.chars() {
        if "\\.+*?()|[]{}^$-".contains(c) {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted
}

/// A number or a duration; a negative number in brackets, so that no operator before it binds to its sign.
fn plain(value: &str) -> Option<String> {
    let digits = value.strip_prefix('-').unwrap_or(value);
    if is_number(digits) {
        return Some(if digits.len() == value.len() { value.to_owned() } else { format!("({value})") });
    }
    is_duration(value).then(|| value.to_owned())
}

/// `12`, `0.5`, `1e-3`.
fn is_number(text: &str) -> bool {
    let (base, exponent) = match text.split_once(['e', 'E']) {
        Some((base, exponent)) => (base, Some(exponent)),
        None => (text, None),
    };
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (whole, part) = base.split_once('.').map_or((base, None), |(whole, part)| (whole, Some(part)));
    all_digits(whole)
        && part.is_none_or(all_digits)
        && exponent.is_none_or(|text| all_digits(text.strip_prefix(['+', '-']).unwrap_or(text)))
}

/// `5m`, `1h30m`.
fn is_duration(text: &str) -> bool {
    let mut rest = text;
    while !rest.is_empty() {
        let unit = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        if unit.len() == rest.len() {
            return false;
        }
        let Some(after) =
            ["ms", "s", "m", "h", "d", "w", "y"].iter().find_map(|known| unit.strip_prefix(known))
        else {
            return false;
        };
        rest = after;
    }
    !text.is_empty()
}

#[cfg(test)]
mod tests;
