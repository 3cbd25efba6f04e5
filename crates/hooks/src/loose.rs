//! Reading JSON of others: what is missing, null or of another shape than promised is absent, and never makes the rest unreadable.

use chrono::{DateTime, Datelike as _, Utc};
use serde_json::Value;

/// Longest text that is kept of one value, in characters.
const TEXT_MAX: usize = 2_000;
/// Longest address.
const URL_MAX: usize = 2_000;

/// Text: what is a number or a truth value is written out.
#[must_use]
pub fn text(value: Option<&Value>) -> Option<String> {
    let text = match value? {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    let text = if text.len() > TEXT_MAX { text.chars().take(TEXT_MAX).collect() } else { text };
    (!text.trim().is_empty()).then_some(text)
}

/// A time. The year 1 is how Go writes none; what no calendar of ours has is none, too.
#[must_use]
pub fn time(value: Option<&Value>) -> Option<DateTime<Utc>> {
    let at = match value? {
        Value::String(text) => DateTime::parse_from_rfc3339(text).ok()?.with_timezone(&Utc),
        // seconds or milliseconds since 1970
        Value::Number(number) => {
            let number = number.as_f64().filter(|number| number.is_finite() && number.abs() < 1e15)?;
            let ms = if number.abs() >= 1e11 { number } else { number * 1e3 };
            #[expect(
                clippy::cast_possible_truncation,
                reason = "it is a whole number of milliseconds below 2^53"
            )]
            DateTime::from_timestamp_millis(ms as i64)?
        }
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    (1970..=9999).contains(&at.year()).then_some(at)
}

/// An address of the web.
#[must_use]
pub fn url(value: Option<&Value>) -> Option<String> {
    let text = text(value)?.trim().to_owned();
    let is_web = text.starts_with("https://") || text.starts_with("http://");
    (is_web && text.len() <= URL_MAX && !text.contains(|c: char| c.is_whitespace() || c.is_control()))
        .then_some(text)
}
