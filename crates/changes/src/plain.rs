//! A change in our own words: a JSON object.

use blocks_hooks::loose::{text, time, url};
use chrono::{DateTime, Utc};
use runbook_core::change::ToldChange;
use runbook_core::update::one_line;
use serde_json::{Map, Value};

/// Longest name of a service, in characters.
const SERVICE_MAX: usize = 200;
/// Longest summary.
const SUMMARY_MAX: usize = 300;
/// Longest of everything else that is shown.
const WORD_MAX: usize = 100;
/// Who tells it, where nobody says.
const SOURCE: &str = "change hook";

/// What a message may leave open, because its envelope says it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Envelope {
    pub(crate) service: Option<String>,
    pub(crate) summary: Option<String>,
    pub(crate) at: Option<DateTime<Utc>>,
    pub(crate) source: Option<String>,
    pub(crate) kind: Option<String>,
}

/// Reads a change. What is missing, null or of another shape than promised is absent; a number is written out.
///
/// # Errors
/// What it cannot do without, in lowercase, with what to write.
pub(crate) fn read(object: &Map<String, Value>, envelope: Envelope) -> Result<ToldChange, String> {
    let word =
        |names: &[&str], most: usize| names.iter().find_map(|name| line(text(object.get(*name)), most));
    let service = word(&["service"], SERVICE_MAX).or_else(|| line(envelope.service, SERVICE_MAX));
    let service = service.ok_or("there is no service; hint: \"service\": the name of a [[service]]")?;
    let version = word(&["version", "revision"], WORD_MAX);
    let kind = word(&["kind"], WORD_MAX);
    let summary = word(&["summary"], SUMMARY_MAX)
        .or_else(|| line(envelope.summary, SUMMARY_MAX))
        // a version alone says what changed
        .or_else(|| version.as_ref().map(|version| format!("{version} deployed")))
        .ok_or("there is no summary; hint: \"summary\": what was changed, in one line")?;
    Ok(ToldChange {
        key: String::new(),
        service: vec![service],
        at: at(object.get("at"))?.or(envelope.at),
        summary,
        author: word(&["by", "author"], WORD_MAX),
        version,
        link: url(object.get("link")),
        source: word(&["source"], WORD_MAX)
            .or_else(|| line(envelope.source, WORD_MAX))
            .unwrap_or_else(|| SOURCE.to_owned()),
        kind: kind.or_else(|| line(envelope.kind, WORD_MAX)),
    })
}

/// A time. The year 1 is how some write none; a text that is no time is a mistake, and would else be taken for now.
pub(crate) fn at(value: Option<&Value>) -> Result<Option<DateTime<Utc>>, String> {
    match value {
        Some(Value::String(text)) if !text.trim().is_empty() => {
            if DateTime::parse_from_rfc3339(text).is_err() {
                let hint = "hint: write it as 2026-12-01T22:00:00Z, or leave it out for now";
                return Err(format!("the time does not read; {hint}"));
            }
            Ok(time(value))
        }
        other => Ok(time(other)),
    }
}

/// One line of at most so many characters, or nothing.
pub(crate) fn line(text: Option<String>, most: usize) -> Option<String> {
    let line = one_line(&text?);
    let line = if line.chars().count() > most { line.chars().take(most).collect() } else { line };
    (!line.is_empty()).then_some(line)
}
