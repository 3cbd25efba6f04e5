//! Reads `severities.toml`: the file's own shape, its checks, and the way to seconds.

use std::collections::BTreeSet;
use std::ops::Range;

use serde::Deserialize;
use thiserror::Error;
use toml::Spanned;

use super::{EscalationStep, Phase, Response, Severities, Severity, SeverityScheme};

/// The spelling of [`Response::NextSprint`] in the file.
const NEXT_SPRINT: &str = "next sprint";

/// Why a severity file was refused. The line is 1-based.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SeverityError {
    /// Not TOML, an unknown or missing key, or a value of the wrong type.
    #[error("severities, line {line}: {message}")]
    Syntax {
        /// Where.
        line: usize,
        /// What the TOML reader says.
        message: String,
    },
    /// Two schemes, or two severities of one scheme, have the same id.
    #[error("severities, line {line}: `{id}` is there twice; give each its own id")]
    Duplicate {
        /// Where the second one is.
        line: usize,
        /// The id.
        id: String,
    },
    /// `default` names no scheme of the file.
    #[error("severities, line {line}: default scheme `{id}` does not exist; write one of {known}")]
    UnknownDefault {
        /// Where.
        line: usize,
        /// What it names.
        id: String,
        /// What it could name.
        known: String,
    },
    /// A scheme or severity breaks a rule of its own.
    #[error("severities, line {line}: `{id}`: {reason}")]
    Invalid {
        /// Where the scheme, severity or phase begins.
        line: usize,
        /// Its id or name.
        id: String,
        /// The rule and what to do.
        reason: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    default: Spanned<String>,
    #[serde(rename = "scheme", default)]
    schemes: Vec<FileScheme>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileScheme {
    id: Spanned<String>,
    name: String,
    #[serde(rename = "severity", default)]
    severities: Vec<FileSeverity>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileSeverity {
    id: Spanned<String>,
    name: String,
    definition: String,
    mttr_target_min: Option<u32>,
    response_time_min: Option<u32>,
    response: Option<String>,
    decision_authority: Option<String>,
    #[serde(default)]
    response_team: Vec<String>,
    #[serde(default = "yes")]
    opens_incident: bool,
    #[serde(default)]
    page: Vec<String>,
    #[serde(default)]
    channels: Vec<String>,
    #[serde(default)]
    phases: Vec<FilePhase>,
    #[serde(default)]
    escalation: Vec<FileEscalation>,
    commander_rotation: Option<String>,
    update_interval_min: Option<u32>,
    propose_rollback_after_min: Option<u32>,
    #[serde(default)]
    rollback_at_once: Vec<String>,
    #[serde(default)]
    may_ask_rollback: Vec<String>,
    #[serde(default)]
    ask_without_runbook: Vec<String>,
    remind_commander_after_min: Option<u32>,
    remind_severity_after_min: Option<u32>,
    remind_roles_after_min: Option<u32>,
    pir_due_h: Option<u32>,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FilePhase {
    name: Spanned<String>,
    from_min: u32,
    to_min: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileEscalation {
    after_min: Spanned<u32>,
    who: Vec<String>,
}

/// Reads and checks a severity file.
///
/// # Errors
/// [`SeverityError`], with the line, for anything that is not exactly as the types here ask for: unknown keys, ids that
/// are there twice, phases or escalation steps out of order, a default that does not exist.
pub fn parse(text: &str) -> Result<Severities, SeverityError> {
    let file: File = toml::from_str(text).map_err(|error| SeverityError::Syntax {
        line: error.span().map_or(1, |span| line_of(text, &span)),
        message: error.message().to_owned(),
    })?;
    unique(text, file.schemes.iter().map(|scheme| &scheme.id))?;
    let named = file.schemes.iter().position(|scheme| scheme.id.as_ref() == file.default.as_ref());
    let default = named.ok_or_else(|| {
        let known: Vec<&str> = file.schemes.iter().map(|scheme| scheme.id.as_ref().as_str()).collect();
        SeverityError::UnknownDefault {
            line: line_of(text, &file.default.span()),
            id: file.default.as_ref().clone(),
            known: if known.is_empty() { "the schemes that you add".to_owned() } else { known.join(", ") },
        }
    })?;
    let schemes =
        file.schemes.into_iter().map(|scheme| checked_scheme(text, scheme)).collect::<Result<_, _>>()?;
    Ok(Severities { default, schemes })
}

fn checked_scheme(text: &str, scheme: FileScheme) -> Result<SeverityScheme, SeverityError> {
    if scheme.severities.is_empty() {
        return Err(invalid(text, &scheme.id, "a scheme needs at least one [[scheme.severity]]"));
    }
    // Ids are compared without case everywhere, so that `p1` typed in chat finds `P1`.
    unique(text, scheme.severities.iter().map(|severity| &severity.id))?;
    let severities = scheme
        .severities
        .into_iter()
        .map(|severity| checked_severity(text, severity))
        .collect::<Result<_, _>>()?;
    Ok(SeverityScheme { id: scheme.id.into_inner(), name: scheme.name, severities })
}

fn checked_severity(text: &str, raw: FileSeverity) -> Result<Severity, SeverityError> {
    let response = match (raw.response_time_min, raw.response.as_deref()) {
        (None, None) => None,
        (Some(minutes), None) => Some(Response::WithinS(seconds(text, &raw.id, minutes, MINUTE_S)?)),
        (None, Some(NEXT_SPRINT)) => Some(Response::NextSprint),
        (None, Some(_)) => {
            return Err(invalid(
                text,
                &raw.id,
                "response is \"next sprint\"; for a time write response_time_min",
            ));
        }
        (Some(_), Some(_)) => {
            return Err(invalid(text, &raw.id, "write response or response_time_min, not both"));
        }
    };
    let to_seconds = |value: Option<u32>, unit_s: u32| {
        value.map(|value| seconds(text, &raw.id, value, unit_s)).transpose()
    };
    if raw.mttr_target_min == Some(0) || raw.update_interval_min == Some(0) {
        return Err(invalid(
            text,
            &raw.id,
            "a target or interval of 0 can never be met; leave it out instead",
        ));
    }
    if raw.rollback_at_once.iter().any(|word| word.trim().is_empty()) {
        return Err(invalid(text, &raw.id, "an empty word in rollback_at_once is in every title"));
    }
    Ok(Severity {
        remind_commander_after_s: to_seconds(raw.remind_commander_after_min, MINUTE_S)?,
        remind_severity_after_s: to_seconds(raw.remind_severity_after_min, MINUTE_S)?,
        remind_roles_after_s: to_seconds(raw.remind_roles_after_min, MINUTE_S)?,
        mttr_target_s: to_seconds(raw.mttr_target_min, MINUTE_S)?,
        update_interval_s: to_seconds(raw.update_interval_min, MINUTE_S)?,
        propose_rollback_after_s: to_seconds(raw.propose_rollback_after_min, MINUTE_S)?,
        pir_due_s: to_seconds(raw.pir_due_h, HOUR_S)?,
        phases: checked_phases(text, raw.phases)?,
        escalation: checked_escalation(text, &raw.id, raw.escalation)?,
        id: raw.id.into_inner(),
        name: raw.name,
        definition: raw.definition,
        response,
        decision_authority: raw.decision_authority,
        response_team: raw.response_team,
        opens_incident: raw.opens_incident,
        page: raw.page,
        commander_rotation: raw.commander_rotation,
        channels: raw.channels,
        rollback_at_once: raw.rollback_at_once,
        may_ask_rollback: raw.may_ask_rollback,
        ask_without_runbook: raw.ask_without_runbook,
    })
}

fn checked_phases(text: &str, raw: Vec<FilePhase>) -> Result<Vec<Phase>, SeverityError> {
    let mut phases: Vec<Phase> = Vec::with_capacity(raw.len());
    for phase in raw {
        let from_s = seconds(text, &phase.name, phase.from_min, MINUTE_S)?;
        let to_s = seconds(text, &phase.name, phase.to_min, MINUTE_S)?;
        if from_s >= to_s {
            return Err(invalid(text, &phase.name, "a phase has to end after it begins"));
        }
        if phases.last().is_some_and(|before| before.to_s > from_s) {
            return Err(invalid(text, &phase.name, "phases have to follow one another without overlap"));
        }
        phases.push(Phase { name: phase.name.into_inner(), from_s, to_s });
    }
    Ok(phases)
}

fn checked_escalation(
    text: &str,
    severity: &Spanned<String>,
    raw: Vec<FileEscalation>,
) -> Result<Vec<EscalationStep>, SeverityError> {
    let mut steps: Vec<EscalationStep> = Vec::with_capacity(raw.len());
    for step in raw {
        let at = Spanned::new(step.after_min.span(), severity.as_ref().clone());
        let after_s = seconds(text, &at, step.after_min.into_inner(), MINUTE_S)?;
        if step.who.is_empty() {
            return Err(invalid(text, &at, "an escalation step has to name somebody"));
        }
        if steps.last().is_some_and(|before| before.after_s >= after_s) {
            return Err(invalid(text, &at, "each escalation step has to come later than the one before it"));
        }
        steps.push(EscalationStep { after_s, who: step.who });
    }
    Ok(steps)
}

const MINUTE_S: u32 = 60;
const HOUR_S: u32 = 60 * MINUTE_S;

fn seconds(text: &str, of: &Spanned<String>, value: u32, unit_s: u32) -> Result<u32, SeverityError> {
    value.checked_mul(unit_s).ok_or_else(|| invalid(text, of, "a time is too long"))
}

fn unique<'a>(text: &str, ids: impl Iterator<Item = &'a Spanned<String>>) -> Result<(), SeverityError> {
    let mut seen = BTreeSet::new();
    for id in ids {
        if id.as_ref().trim().is_empty() {
            return Err(invalid(text, id, "an id cannot be empty"));
        }
        if !seen.insert(id.as_ref().to_ascii_lowercase()) {
            return Err(SeverityError::Duplicate {
                line: line_of(text, &id.span()),
                id: id.as_ref().clone(),
            });
        }
    }
    Ok(())
}

fn invalid(text: &str, of: &Spanned<String>, reason: &str) -> SeverityError {
    SeverityError::Invalid {
        line: line_of(text, &of.span()),
        id: of.as_ref().clone(),
        reason: reason.to_owned(),
    }
}

/// 1-based line of a span's start.
fn line_of(text: &str, span: &Range<usize>) -> usize {
    let end = span.start.min(text.len());
    1 + text.as_bytes()[..end].iter().filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"default = "s"
[[scheme]]
id = "s"
name = "test"
[[scheme.severity]]
id = "P1"
name = "Critical"
definition = "all is lost"
mttr_target_min = 15
pir_due_h = 48
phases = [
  { name = "Detection", from_min = 0, to_min = 5 },
  { name = "Triage", from_min = 5, to_min = 10 },
]
escalation = [
  { after_min = 0, who = ["a"] },
  { after_min = 5, who = ["b", "c"] },
]
[[scheme.severity]]
id = "P2"
name = "Low"
definition = "a scratch"
response = "next sprint"
opens_incident = false
"#;

    #[test]
    fn minutes_and_hours_become_seconds() {
        let severities = parse(GOOD).unwrap();
        let scheme = severities.default_scheme();
        let p1 = scheme.get("p1").unwrap();
        assert_eq!((p1.mttr_target_s, p1.pir_due_s), (Some(900), Some(172_800)));
        assert_eq!(p1.phases[1], Phase { name: "Triage".to_owned(), from_s: 300, to_s: 600 });
        assert_eq!(
            p1.escalation[1],
            EscalationStep { after_s: 300, who: vec!["b".to_owned(), "c".to_owned()] }
        );
        assert!(p1.opens_incident);
        let p2 = scheme.get("P2").unwrap();
        assert_eq!((p2.response, p2.opens_incident), (Some(Response::NextSprint), false));
    }

    #[test]
    fn rank_counts_from_the_most_severe() {
        let severities = parse(GOOD).unwrap();
        let scheme = severities.default_scheme();
        assert_eq!((scheme.rank("P1"), scheme.rank("p2"), scheme.rank("P9")), (Some(0), Some(1), None));
        for (one, other, worse) in
            [("P2", "P1", "P1"), ("P1", "P2", "P1"), ("P9", "P2", "P2"), ("P2", "P9", "P2")]
        {
            assert_eq!(scheme.more_severe(one, other), worse, "{one} and {other}");
        }
    }

    /// However they are called.
    #[test]
    fn the_two_most_severe_are_urgent() {
        let mut text = GOOD.replace("P1", "critical");
        for id in ["minor", "trivial"] {
            let one = format!("[[scheme.severity]]\nid = \"{id}\"\nname = \"{id}\"\ndefinition = \"{id}\"\n");
            text.push_str(&one);
        }
        let severities = parse(&text).unwrap();
        let scheme = severities.default_scheme();
        for (id, word) in
            [("critical", "high"), ("P2", "high"), ("minor", "low"), ("Trivial", "low"), ("unknown", "high")]
        {
            assert_eq!(scheme.page_urgency(id).word(), word, "{id}");
        }
    }

    #[test]
    fn a_phase_holds_its_first_second_and_not_its_end() {
        let severities = parse(GOOD).unwrap();
        let p1 = severities.default_scheme().get("P1").unwrap();
        let names =
            [0, 299, 300, 599, 600].map(|second| p1.phase_at(second).map(|phase| phase.name.as_str()));
        assert_eq!(names, [Some("Detection"), Some("Detection"), Some("Triage"), Some("Triage"), None]);
    }

    #[test]
    fn bad_files_are_refused_with_their_line() {
        // (what to replace, by what, the line, a part of the message)
        let cases = [
            ("default = \"s\"", "default = \"x\"", 1, "default scheme `x` does not exist; write one of s"),
            ("name = \"test\"", "nme = \"test\"", 4, "unknown field `nme`"),
            ("mttr_target_min = 15", "mttr_target_min = -1", 9, "invalid value"),
            ("mttr_target_min = 15", "mttr_target_min = 0", 6, "can never be met"),
            ("mttr_target_min = 15", "mttr_target_min = 4294967295", 6, "too long"),
            ("mttr_target_min = 15", "mttr_target_min = ", 9, ""),
            ("pir_due_h = 48", "rollback_at_once = [\"breach\", \" \"]", 6, "in every title"),
            ("id = \"P2\"", "id = \"p1\"", 20, "`p1` is there twice"),
            ("id = \"P2\"", "id = \" \"", 20, "cannot be empty"),
            ("from_min = 5", "from_min = 4", 13, "`Triage`: phases have to follow"),
            ("to_min = 10", "to_min = 5", 13, "`Triage`: a phase has to end"),
            ("after_min = 5", "after_min = 0", 17, "later than the one before"),
            ("who = [\"a\"]", "who = []", 16, "name somebody"),
            ("response = \"next sprint\"", "response = \"soon\"", 20, "response_time_min"),
            (
                "response = \"next sprint\"",
                "response = \"next sprint\"\nresponse_time_min = 1",
                20,
                "not both",
            ),
        ];
        for (from, to, line, part) in cases {
            assert!(GOOD.contains(from), "{from}");
            let message = parse(&GOOD.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(message.starts_with(&format!("severities, line {line}: ")), "{to}: {message}");
            assert!(message.contains(part), "{to}: {message}");
        }
    }

    #[test]
    fn schemes_need_severities_and_their_own_id() {
        let empty = parse("default = \"s\"\n[[scheme]]\nid = \"s\"\nname = \"n\"\n").unwrap_err();
        assert!(matches!(empty, SeverityError::Invalid { line: 3, .. }), "{empty}");
        let none = parse("default = \"s\"\n").unwrap_err();
        assert!(matches!(none, SeverityError::UnknownDefault { line: 1, .. }), "{none}");
        let twice = parse(&format!("{GOOD}[[scheme]]\nid = \"S\"\nname = \"again\"\n")).unwrap_err();
        assert!(matches!(twice, SeverityError::Duplicate { line: 26, .. }), "{twice}");
    }
}
