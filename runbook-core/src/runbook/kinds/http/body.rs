//! A request's body: what a value may be in it depends on its type.

use std::collections::BTreeMap;

use super::request::{Hole, Parsed, check_percent, fill as fill_holes, holes};
use super::{percent_encode, value};
use crate::runbook::kinds::{Problem, Refused, position};

/// How a body is read, by its `Content-Type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyKind {
    /// No type is said.
    Unsaid,
    /// `application/json` and its relatives.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `text/plain`.
    Plain,
    /// Anything else: sent as written, without values.
    Other,
}

impl BodyKind {
    /// By the header's value.
    #[must_use]
    pub fn of(content_type: Option<&str>) -> Self {
        let Some(written) = content_type else { return BodyKind::Unsaid };
        let media = written.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match media.as_str() {
            "application/json" => BodyKind::Json,
            "application/x-www-form-urlencoded" => BodyKind::Form,
            "text/plain" => BodyKind::Plain,
            other if other.ends_with("+json") => BodyKind::Json,
            _ => BodyKind::Other,
        }
    }
}

/// Whether a body can be sent, whatever the values are.
pub(super) fn check(text: &str, parsed: &Parsed<'_>) -> Result<(), Problem> {
    if parsed.body.is_empty() {
        return Ok(());
    }
    let at = parsed.body_at;
    if parsed.body.trim_start().starts_with("< ") {
        let hint = "write the body into the block";
        return Err(Problem::new(at, "a body from a file does not run here", hint));
    }
    if parsed.body_kind == BodyKind::Unsaid {
        let hint = "add `Content-Type: application/json`, or what it is";
        return Err(Problem::new(at, "the request has a body and says no Content-Type", hint));
    }
    let holes = holes(text, parsed.body, at)?;
    match (parsed.body_kind, holes.first()) {
        (BodyKind::Json, _) => check_json(text, parsed, &holes),
        (BodyKind::Form, _) => {
            check_percent(text, &holes)?;
            let joined = form(parsed.body);
            match joined.char_indices().find(|(_, c)| c.is_whitespace() || c.is_control()) {
                Some(_) => {
                    let hint = "write it as a=b&c=d, percent-encoded";
                    Err(Problem::new(at, "there is a blank or a line break in the form", hint))
                }
                None => Ok(()),
            }
        }
        (BodyKind::Other, Some(hole)) => {
            let hint = "values go into JSON, forms and text/plain only";
            Err(Problem::new(
                hole.start,
                "a value in a body of this type could become a part of its syntax",
                hint,
            ))
        }
        _ => Ok(()),
    }
}

/// A form may begin a line with each `&`.
fn form(body: &str) -> String {
    body.lines().map(str::trim).collect::<Vec<_>>().join("\n").replace("\n&", "&")
}

fn check_json(text: &str, parsed: &Parsed<'_>, holes: &[Hole<'_>]) -> Result<(), Problem> {
    let inside = inside_strings(text, parsed, holes);
    for (hole, in_string) in holes.iter().zip(&inside) {
        let edge = |c: Option<char>| c.is_none_or(|c| c.is_ascii_whitespace() || "{}[],:".contains(c));
        let before = text.get(..hole.start).and_then(|before| before.chars().next_back());
        let after = text.get(hole.end..).and_then(|after| after.chars().next());
        let alone = edge(before) && edge(after);
        if !in_string && !alone {
            let hint = "put it into a string, or let it stand alone";
            return Err(Problem::new(hole.start, "this value stands right beside other characters", hint));
        }
    }
    let mut index = 0;
    let filled = fill_holes(text, parsed.body_at, parsed.body, holes, |_| {
        index += 1;
        Ok(if inside.get(index - 1).copied().unwrap_or(false) { "x" } else { "0" }.to_owned())
    });
    let filled = filled.unwrap_or_default();
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&filled) {
        let line_start =
            filled.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum::<usize>();
        // without values the place is exact; with values on the same line its line is
        let at = if holes.is_empty() {
            line_start + error.column().saturating_sub(1)
        } else {
            parsed.body.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum()
        };
        let mut at = at.min(parsed.body.len());
        while !parsed.body.is_char_boundary(at) {
            at -= 1;
        }
        let said = error.to_string();
        let said = said.split(" at line ").next().unwrap_or_default();
        return Err(Problem::new(
            parsed.body_at + at,
            format!("the body is not JSON: {said}"),
            "mend it, or say another Content-Type",
        ));
    }
    Ok(())
}

/// For each hole whether it stands inside a string.
fn inside_strings(text: &str, parsed: &Parsed<'_>, holes: &[Hole<'_>]) -> Vec<bool> {
    let mut inside = Vec::new();
    let (mut in_string, mut escaped) = (false, false);
    let mut from = parsed.body_at;
    for hole in holes {
        for byte in text.get(from..hole.start).unwrap_or_default().bytes() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if in_string => escaped = true,
                b'"' => in_string = !in_string,
                _ => {}
            }
        }
        from = hole.end;
        inside.push(in_string && !escaped);
        escaped = false;
    }
    inside
}

/// The body with every value in its place.
pub(super) fn fill(
    text: &str,
    parsed: &Parsed<'_>,
    values: &BTreeMap<String, String>,
) -> Result<String, Refused> {
    let holes = holes(text, parsed.body, parsed.body_at).map_err(|problem| problem.refused(text))?;
    let inside = inside_strings(text, parsed, &holes);
    let mut inside = inside.into_iter();
    let filled = fill_holes(text, parsed.body_at, parsed.body, &holes, |hole| {
        let line = position(text, hole.start).0;
        let value = value(values, hole.name, line)?;
        let in_string = inside.next().unwrap_or(false);
        match parsed.body_kind {
            BodyKind::Json if in_string => Ok(json_escape(value)),
            BodyKind::Json => plain_json(value).ok_or_else(|| {
                let reason =
                    format!("`{}` stands outside quotes, so it must be a number, true or false", hole.name);
                Refused::new(line, reason)
            }),
            BodyKind::Form => Ok(percent_encode(value)),
            BodyKind::Plain | BodyKind::Other | BodyKind::Unsaid => Ok(value.to_owned()),
        }
    })?;
    Ok(if parsed.body_kind == BodyKind::Form { form(&filled) } else { filled })
}

/// A value as the inside of a JSON string.
#[must_use]
fn json_escape(value: &str) -> String {
    let quoted = serde_json::Value::from(value).to_string();
    quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
}

/// A value that is a number, `true` or `false` as JSON writes them.
fn plain_json(value: &str) -> Option<String> {
    let parsed: serde_json::Value = serde_json::from_str(value).ok()?;
    let plain = parsed.is_number() || parsed.is_boolean();
    (plain && value.trim() == value).then(|| value.to_owned())
}
