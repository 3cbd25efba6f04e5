//! The optional YAML block between two `---` lines at the top of a document.

use std::collections::BTreeMap;

use super::codes::{self, finding};
use super::diagnostic::Diagnostic;
use super::lines::Lines;
use super::model::{FrontMatter, Param};
use super::names::check_variable;
use super::titles::parse_span_s;
use crate::pattern::Pattern;

/// Front matter, where the rest of the document begins, and findings.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    pub(crate) front: FrontMatter,
    /// Byte offset of the first line after the front matter.
    pub(crate) body: usize,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// Reads the front matter of a document, if it begins with one.
pub(crate) fn parse(text: &str, lines: &Lines<'_>) -> Parsed {
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut parsed = Parsed { body: start, ..Parsed::default() };
    let mut rest = text[start..].split_inclusive('\n');
    let Some(first) = rest.next().filter(|line| line.trim_end() == "---") else { return parsed };
    let yaml_start = start + first.len();
    let mut at = yaml_start;
    let mut close = None;
    for line in rest {
        if matches!(line.trim_end(), "---" | "...") {
            close = Some((at, at + line.len()));
            break;
        }
        at += line.len();
    }
    let Some((yaml_end, body)) = close else {
        // a lone `---` is a thematic break; with a key below it, it is front matter that somebody forgot to close
        if looks_like_key(lines.text_of(2)) {
            parsed.diagnostics.push(finding(
                codes::FRONT_MATTER,
                (1, 1),
                "the front matter has no closing `---`, so nothing of it is understood",
                "add a line `---` below the last key",
            ));
        }
        return parsed;
    };
    parsed.body = body;
    let yaml = &text[yaml_start..yaml_end];
    if yaml.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return parsed;
    }
    match serde_saphyr::from_str::<FrontMatter>(yaml) {
        Ok(front) => {
            check(&front, yaml_start, yaml_end, lines, &mut parsed.diagnostics);
            parsed.front = front;
        }
        Err(error) => parsed.diagnostics.push(explain(&error)),
    }
    parsed
}

fn looks_like_key(line: &str) -> bool {
    line.split_once(':').is_some_and(|(key, _)| {
        !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
    })
}

/// Turns the YAML reader's error into a finding that points into the file.
fn explain(error: &serde_saphyr::Error) -> Diagnostic {
    let error = error.without_snippet();
    let at = error.location().map_or((1, 1), |location| {
        // the YAML begins on the file's second line
        let line = u32::try_from(location.line()).unwrap_or(u32::MAX).saturating_add(1);
        (line, u32::try_from(location.column()).unwrap_or(u32::MAX).max(1))
    });
    if let serde_saphyr::Error::SerdeUnknownField { field, expected, .. } = error {
        let message = format!("unknown front matter key `{field}`");
        let hint =
            format!("known here are {}; put other data elsewhere in the document", expected.join(", "));
        return finding(codes::FRONT_MATTER_KEY, at, message, &hint);
    }
    let text = error.to_string();
    let reason = text.lines().next().unwrap_or_default();
    finding(
        codes::FRONT_MATTER,
        at,
        format!("the front matter cannot be read: {reason}"),
        "correct the YAML between the two `---` lines; docs/reference/runbook-format.md lists the keys",
    )
}

/// Checks what the types alone do not say.
fn check(front: &FrontMatter, start: usize, end: usize, lines: &Lines<'_>, found: &mut Vec<Diagnostic>) {
    let (first, last) = (lines.line(start), lines.line(end.saturating_sub(1)));
    let at = |key: &str| {
        let starts =
            |line: &u32| lines.text_of(*line).trim_start().trim_start_matches(['"', '\'']).starts_with(key);
        let line = (first..=last).find(starts).unwrap_or(first);
        (line, lines.column_of(line, key))
    };
    if let Some(timebox) = &front.timebox
        && parse_span_s(timebox).is_none()
    {
        found.push(finding(
            codes::FRONT_MATTER_VALUE,
            at("timebox"),
            format!("`timebox: {timebox}` is not a length of time"),
            "write a number and a unit: 15 min, 45 s, 1 h",
        ));
    }
    check_params(&front.params, &at, found);
}

fn check_params(
    params: &BTreeMap<String, Param>,
    at: &dyn Fn(&str) -> (u32, u32),
    found: &mut Vec<Diagnostic>,
) {
    for (name, param) in params {
        if let Err(reason) = check_variable(name) {
            found.push(finding(codes::VARIABLE_NAME, at(name), reason, "rename the parameter"));
        }
        let Some(source) = &param.pattern else { continue };
        match Pattern::new(source) {
            Err(error) => found.push(finding(
                codes::FRONT_MATTER_VALUE,
                at(name),
                format!("the pattern of `{name}` is refused: {error}"),
                "a pattern is literals, classes such as [a-z0-9-] and quantifiers",
            )),
            Ok(pattern) => {
                if param.default.as_deref().is_some_and(|default| !pattern.is_match(default)) {
                    found.push(finding(
                        codes::FRONT_MATTER_VALUE,
                        at(name),
                        format!("the default of `{name}` does not match its own pattern"),
                        "correct the default or the pattern",
                    ));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::diagnostic::Code;
    use super::*;

    fn read(text: &str) -> (Parsed, Vec<(Code, u32)>) {
        let parsed = parse(text, &Lines::new(text));
        let found = parsed.diagnostics.iter().map(|d| (d.code, d.line)).collect();
        (parsed, found)
    }

    #[test]
    fn every_key_is_read() {
        let text = "---\ntitle: Go back\nservice: web\nkind: rollback\nseverity: [P1, P2]\nmatch: [error rate]\n\
                    params:\n  NAMESPACE: { default: prod, pattern: '[a-z-]+' }\napprovals: 1\nlock: web\n\
                    timebox: 15 min\nowner: sre\n---\n# Title\n";
        let (parsed, found) = read(text);
        assert_eq!(found, []);
        assert_eq!(parsed.front.title.as_deref(), Some("Go back"));
        assert_eq!(parsed.front.severity, ["P1", "P2"]);
        assert_eq!(parsed.front.match_terms, ["error rate"]);
        assert_eq!(parsed.front.approvals, Some(1));
        assert_eq!(parsed.front.params["NAMESPACE"].default.as_deref(), Some("prod"));
        assert_eq!(&text[parsed.body..], "# Title\n");
    }

    #[test]
    fn mistakes_point_at_their_line() {
        let rows = [
            ("# no front matter\n", vec![]),
            ("---\n\n# only a line\n", vec![]),
            ("---\n# a comment\n---\n", vec![]),
            ("\u{feff}---\ntitle: x\n---\n", vec![]),
            ("---\r\ntitle: x\r\n---\r\nbody", vec![]),
            ("---\ntitle: x\n", vec![(codes::FRONT_MATTER, 1)]),
            ("---\ntitle: x\nlayout: y\n---\n", vec![(codes::FRONT_MATTER_KEY, 3)]),
            ("---\nparams:\n  A:\n    colour: red\n---\n", vec![(codes::FRONT_MATTER_KEY, 4)]),
            ("---\ntitle: [x\n---\n", vec![(codes::FRONT_MATTER, 2)]),
            ("---\nseverity: P1\n---\n", vec![(codes::FRONT_MATTER, 2)]),
            ("---\napprovals: many\n---\n", vec![(codes::FRONT_MATTER, 2)]),
            ("---\ntitle: x\ntimebox: soon\n---\n", vec![(codes::FRONT_MATTER_VALUE, 3)]),
            ("---\nparams:\n  PATH: {}\n---\n", vec![(codes::VARIABLE_NAME, 3)]),
            ("---\nparams:\n  A: { pattern: '(a)' }\n---\n", vec![(codes::FRONT_MATTER_VALUE, 3)]),
            (
                "---\nparams:\n  A: { pattern: '[0-9]+', default: x }\n---\n",
                vec![(codes::FRONT_MATTER_VALUE, 3)],
            ),
        ];
        for (text, expected) in rows {
            let (_, found) = read(text);
            assert_eq!(found, expected, "{text}");
        }
    }
}
