//! The `http` step kind: one request as in an `.http` file.

mod body;
mod request;

use std::collections::BTreeMap;

pub use self::body::BodyKind;
use self::request::Parsed;
use super::{Piece, Pieces, Problem, Refused, first_uses, position, remarks, value};
use crate::expectation::{Check, Expectation, classify};
use crate::runbook::codes;
use crate::runbook::comments::{self, Comment};
use crate::runbook::lines::Lines;
use crate::runbook::model::{Effect, EffectSource};

/// The variable that stands for the connection's address at the start of a target.
pub const BASE_URL: &str = "BASE_URL";

/// A request ready to be sent: no value in it can have become anything but a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// In capitals.
    pub method: String,
    /// An absolute `http` or `https` address, or a path that begins with `/` and is the connection's.
    pub target: String,
    /// In order, without those that the client sets itself.
    pub headers: Vec<(String, String)>,
    /// Empty without one.
    pub body: String,
}

/// One request of a fence with the comments around it.
struct Block {
    /// Bytes of the request without the comments before and behind it.
    start: usize,
    end: usize,
    title: Option<String>,
    expectations: Vec<Expectation>,
}

/// Reads a fence's text: requests separated by `###`.
pub(crate) fn read(text: &str, first_line: u32) -> Pieces {
    let mut pieces = Pieces::default();
    let mut stray = Vec::new();
    let lines = Lines::new(text);
    for part in parts(text) {
        let Some(block) = block(text, &lines, part, first_line, &mut stray) else { continue };
        let written = text.get(block.start..block.end).unwrap_or_default();
        let parsed = Parsed::read(written);
        let problem = parsed.as_ref().err();
        if let Some(problem) = problem {
            let problem = Problem { at: problem.at + block.start, ..problem.clone() };
            let place = (first_line.saturating_add(lines.line(problem.at) - 1), lines.column(problem.at));
            pieces.diagnostics.push(codes::finding(
                codes::HTTP_REQUEST,
                place,
                problem.message,
                problem.hint,
            ));
        }
        pieces.pieces.push(Piece {
            line: first_line.saturating_add(lines.line(block.start) - 1),
            title: block.title,
            text: format!("{written}\n"),
            expectations: block.expectations,
            effect: effect(written),
            include: None,
            blocked: problem.map(|problem| problem.message.clone()),
        });
    }
    remarks(&mut pieces, codes::HTTP_REQUEST, &stray, text, first_line, "request");
    pieces
}

/// The parts between `###` lines, as bytes, each with the text behind its `###`.
fn parts(text: &str) -> Vec<(usize, usize, &str)> {
    let mut parts = Vec::new();
    let (mut start, mut name, mut at) = (0, "", 0);
    for line in text.split_inclusive('\n') {
        if let Some(rest) = line.strip_prefix("###") {
            parts.push((start, at, name));
            (start, name) = (at + line.len(), rest.trim_start_matches('#').trim());
        }
        at += line.len();
    }
    parts.push((start, at, name));
    parts
}

/// A line with where it begins.
type Line<'a> = (usize, &'a str);

fn comment(line: &str) -> Option<String> {
    let line = line.trim();
    let inner = line.strip_prefix('#').or_else(|| line.strip_prefix("//"))?;
    Some(format!("#{inner}"))
}

/// Takes a part's comments off its request. `None` when there is no request in it.
fn block(
    text: &str,
    index: &Lines<'_>,
    (start, end, name): (usize, usize, &str),
    first_line: u32,
    stray: &mut Vec<usize>,
) -> Option<Block> {
    let mut at = start;
    let mut lines: Vec<Line<'_>> = Vec::new();
    for line in text.get(start..end).unwrap_or_default().split_inclusive('\n') {
        lines.push((at, line));
        at += line.len();
    }
    let is_request = |(_, line): &Line<'_>| !line.trim().is_empty() && comment(line).is_none();
    let first = lines.iter().position(is_request);
    let (before, request) = lines.split_at(first.unwrap_or(lines.len()));
    let mut title = (!name.is_empty()).then(|| name.to_owned());
    let mut expectations = Vec::new();
    let mut says_something_else = true;
    for (at, line) in before {
        let line_number = first_line.saturating_add(index.line(*at) - 1);
        match comment(line).map(|written| (comments::read(&written), written)) {
            Some((Comment::Expected(_), _)) if first.is_none() => stray.push(*at),
            Some((Comment::Expected(said), _)) => {
                expectations.push(Expectation { line: line_number, ..classify(&said) });
            }
            Some((Comment::Perhaps(said) | Comment::Plain(said) | Comment::Shows(said), written)) => {
                // `# @name x` is for other programs
                let directive = written.trim_start_matches('#').trim_start().starts_with('@');
                if says_something_else && !said.is_empty() && !directive {
                    title = Some(said);
                }
                says_something_else = false;
            }
            // a blank line: what stood above was about something else
            None => says_something_else = true,
        }
    }
    let (start, _) = *request.first()?;
    let kept = trailing(request);
    let mut goes_on = 0;
    for (at, line) in request.iter().skip(kept) {
        let Some(written) = comment(line) else { continue };
        let line_number = first_line.saturating_add(index.line(*at) - 1);
        match comments::read(&written) {
            Comment::Expected(said) | Comment::Perhaps(said) | Comment::Shows(said) => {
                goes_on = 0;
                let mut expectation = Expectation { line: line_number, ..classify(&said) };
                if comments::is_request(&said) || comments::is_mere_word(&written, &expectation) {
                    expectation.check = Check::Person;
                }
                expectations.push(expectation);
            }
            Comment::Plain(said) => {
                let Some(last) = expectations
                    .last_mut()
                    .filter(|last| last.line.saturating_add(goes_on).saturating_add(1) == line_number)
                else {
                    continue;
                };
                // it goes on below
                goes_on += 1;
                if goes_on == 1 {
                    *last =
                        Expectation { line: last.line, ..classify(format!("{} {said}", last.text).trim()) };
                } else if !said.is_empty() {
                    last.text = format!("{}\n{said}", last.text);
                    last.check = Check::Person;
                }
            }
        }
    }
    let last = request.get(..kept).unwrap_or_default().iter().rfind(|(_, line)| !line.trim().is_empty());
    let end = last.map_or(start, |(at, line)| at + line.trim_end().len());
    Some(Block { start, end, title, expectations })
}

/// How many lines are the request: the comments behind it, from the first expectation among them on, are not. Without
/// a body all comments behind it are none of it.
fn trailing(request: &[Line<'_>]) -> usize {
    let behind = request
        .iter()
        .rev()
        .take_while(|(_, line)| line.trim().is_empty() || comment(line).is_some())
        .count();
    let from = request.len() - behind;
    let says = |(_, line): &Line<'_>| {
        comment(line).is_some_and(|written| !matches!(comments::read(&written), Comment::Plain(_)))
    };
    let head = request.get(..from).unwrap_or_default();
    let has_body = head.iter().any(|(_, line)| line.trim().is_empty());
    let comments = request.get(from..).unwrap_or_default();
    if !has_body {
        return from;
    }
    comments.iter().position(says).map_or(request.len(), |at| from + at)
}

/// What a request does by its method alone: GET, HEAD and OPTIONS read.
#[must_use]
pub fn effect(text: &str) -> (Effect, EffectSource) {
    let reads = Parsed::read(text).is_ok_and(|parsed| {
        let overrides = |name: &str| name.to_ascii_lowercase().contains("method");
        matches!(parsed.method, "GET" | "HEAD" | "OPTIONS")
            && !parsed.headers.iter().any(|header| overrides(header.name))
    });
    if reads { (Effect::Read, EffectSource::Table) } else { (Effect::Once, EffectSource::Unknown) }
}

/// Why a block that says `effect=read` does not, if it is known not to: its method changes something. A POST may be a
/// search, when its address says so.
#[must_use]
pub fn known_change(text: &str) -> Option<String> {
    const ASKS: &[&str] = &["search", "query", "queries", "count", "graphql", "explain", "validate"];
    let parsed = Parsed::read(text).ok()?;
    let asks = || {
        let path = parsed.target.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
        path.split(['/', '_', '-', ':', '.']).any(|word| ASKS.contains(&word) || word.ends_with("search"))
    };
    match parsed.method {
        "GET" | "HEAD" | "OPTIONS" => None,
        "POST" if asks() => None,
        method => Some(format!("{method} changes something")),
    }
}

/// Whether the target is a path of a connection, so that one must be named or there must be just one.
#[must_use]
pub fn needs_connection(text: &str) -> bool {
    Parsed::read(text).is_ok_and(|parsed| parsed.target.starts_with('/'))
}

/// The names that the text asks for, each with the line where it first stands.
#[must_use]
pub fn variables(text: &str) -> Vec<(String, u32)> {
    let Ok(parsed) = Parsed::read(text) else { return Vec::new() };
    let mut uses = request::holes(text, parsed.target, parsed.target_at).unwrap_or_default();
    for header in &parsed.headers {
        uses.extend(request::holes(text, header.value, header.value_at).unwrap_or_default());
    }
    uses.extend(request::holes(text, parsed.body, parsed.body_at).unwrap_or_default());
    first_uses(text, uses.into_iter().map(|hole| (hole.name, hole.start)))
}

/// The request with every value in its place.
///
/// # Errors
/// Text that is not one request, a name without a value, or a value that its place cannot hold.
pub fn fill(text: &str, values: &BTreeMap<String, String>) -> Result<Request, Refused> {
    let refuse = |problem: Problem| problem.refused(text);
    let parsed = Parsed::read(text).map_err(refuse)?;
    let target = fill_target(text, &parsed, values)?;
    let mut headers = Vec::new();
    for header in &parsed.headers {
        let line = position(text, header.value_at).0;
        let holes = request::holes(text, header.value, header.value_at).map_err(refuse)?;
        let filled = request::fill(text, header.value_at, header.value, &holes, |hole| {
            Ok(value(values, hole.name, line)?.to_owned())
        })?;
        if !filled.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t')) {
            let reason =
                format!("the header `{}` would hold something else than plain characters", header.name);
            return Err(Refused::new(line, reason));
        }
        headers.push((header.name.to_owned(), filled.trim().to_owned()));
    }
    let body = body::fill(text, &parsed, values)?;
    Ok(Request { method: parsed.method.to_owned(), target, headers, body })
}

fn fill_target(
    text: &str,
    parsed: &Parsed<'_>,
    values: &BTreeMap<String, String>,
) -> Result<String, Refused> {
    let line = position(text, parsed.target_at).0;
    let holes =
        request::holes(text, parsed.target, parsed.target_at).map_err(|problem| problem.refused(text))?;
    let filled = request::fill(text, parsed.target_at, parsed.target, &holes, |hole| {
        Ok(percent_encode(value(values, hole.name, line)?))
    })?;
    let filled: String = filled.chars().filter(|c| !c.is_whitespace()).collect();
    let path = filled.split(['?', '#']).next().unwrap_or_default();
    let before = parsed.target.split(['?', '#']).next().unwrap_or_default();
    for (now, was) in path.split('/').zip(before.split('/')) {
        let plain = now.replace("%2e", ".").replace("%2E", ".");
        if was.contains("{{") && (now.is_empty() || plain == "." || plain == "..") {
            let reason = "a value would leave out a part of the path, or step out of it";
            return Err(Refused::new(line, reason));
        }
    }
    Ok(filled)
}

/// RFC 3986: everything but the unreserved characters escaped.
#[must_use]
pub fn percent_encode(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let digit =
                |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0').to_ascii_uppercase();
            text.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    text
}

#[cfg(test)]
mod tests;
