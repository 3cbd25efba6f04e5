//! What an answer of PagerDuty's REST API means. Pure.

use http::{HeaderMap, HeaderName, header};
use runbook_core::ports::PagerError;
use serde_json::Value;

use super::breaker::Sign;
use super::pace::Heard;

/// The longest text of PagerDuty's that is repeated, in characters.
const MAX_MESSAGE: usize = 300;

/// The longest wait that the other side may ask of us.
const MAX_WAIT_S: u64 = 3600;

/// The incident is resolved already.
const ALREADY_RESOLVED: i64 = 1001;
/// The incident is acknowledged already.
const ALREADY_ACKNOWLEDGED: i64 = 1002;
/// Somebody changed the incident between our reading and writing: worth another try.
const CHANGED_MEANWHILE: i64 = 1005;
/// The `From` header names nobody, is malformed, is missing.
const SENDER_CODES: [i64; 3] = [1008, 1028, 2016];

/// An answer as it came.
pub(crate) struct Reply {
    status: u16,
    after_ms: Option<u64>,
    left: Option<u32>,
    pub(crate) body: Vec<u8>,
}

/// A refusal, in PagerDuty's words.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// HTTP status.
    pub(super) status: u16,
    /// PagerDuty's own code.
    code: Option<i64>,
    /// Its message and details; empty when there was none.
    message: String,
    /// What it asks us to wait, in milliseconds.
    after_ms: Option<u64>,
    /// The status was fine and the body was not PagerDuty's.
    is_foreign: bool,
}

impl Reply {
    pub(crate) fn new(status: u16, headers: &HeaderMap) -> Reply {
        let left =
            headers.get("ratelimit-remaining").and_then(|left| left.to_str().ok()?.trim().parse().ok());
        Reply { status, after_ms: wait_ms(headers), left, body: Vec::new() }
    }

    /// Whether somebody who can answers at all: a refusal is an answer, and what is not PagerDuty's is none.
    pub(super) fn sign(&self) -> Sign {
        let is_json = || serde_json::from_slice::<serde::de::IgnoredAny>(&self.body).is_ok();
        match self.status {
            500..=599 => Sign::Ill,
            200..=299 if self.status != 204 && !is_json() => Sign::Ill,
            _ => Sign::Lives,
        }
    }

    /// What it says of the limit.
    pub(super) fn heard(&self) -> Heard {
        Heard { limited: self.status == 429, left: self.left, reset_ms: self.after_ms }
    }

    /// The JSON object of a success, or the refusal.
    pub(crate) fn into_result(self) -> Result<Value, Problem> {
        let json: Option<Value> = serde_json::from_slice(&self.body).ok();
        let is_success = (200..300).contains(&self.status);
        match json {
            Some(json @ Value::Object(_)) if is_success => Ok(json),
            None if self.status == 204 => Ok(Value::Null),
            json => {
                let error = json.as_ref().and_then(|json| json.get("error"));
                Err(Problem {
                    status: self.status,
                    code: error.and_then(|error| error.get("code")).and_then(Value::as_i64),
                    message: error.map(message).unwrap_or_default(),
                    after_ms: self.after_ms,
                    is_foreign: is_success,
                })
            }
        }
    }
}

impl Problem {
    /// `true` when the incident was resolved already, or (where that is wanted) acknowledged already.
    pub(super) fn says_already(&self, acknowledged_is_enough: bool) -> bool {
        match self.code {
            Some(ALREADY_RESOLVED) => true,
            Some(ALREADY_ACKNOWLEDGED) => acknowledged_is_enough,
            _ => false,
        }
    }

    /// `true` when PagerDuty refuses the `From` header: it is missing, or names nobody.
    pub(super) fn is_about_the_sender(&self) -> bool {
        let words = || self.message.split(|c: char| !c.is_ascii_alphanumeric());
        self.status == 400
            && (self.code.is_some_and(|code| SENDER_CODES.contains(&code))
                || words().any(|word| word == "From" || word.eq_ignore_ascii_case("requester")))
    }

    /// `true` when the refusal may come from the incident's state.
    pub(super) fn is_about_the_input(&self) -> bool {
        matches!(self.status, 400 | 409 | 422) && !self.is_about_the_sender()
    }

    /// Whether and when to try again, why, and what a person can do.
    pub(crate) fn to_error(&self, doing: &str) -> PagerError {
        if self.is_foreign {
            let reason = format!(
                "something answered the request to {doing} with {} and no json object; hint: check pagerduty.api_url",
                self.status
            );
            return PagerError::Retry { after_ms: None, reason };
        }
        let mut reason = format!("pagerduty refused to {doing} with {}", self.status);
        if !self.message.is_empty() {
            reason = format!("{reason}: {}", self.message);
        }
        if let Some(code) = self.code {
            reason = format!("{reason} (code {code})");
        }
        let later =
            matches!(self.status, 408 | 425 | 429 | 500..=599) || self.code == Some(CHANGED_MEANWHILE);
        if later {
            return PagerError::Retry { after_ms: self.after_ms, reason };
        }
        if let Some(hint) = self.hint() {
            reason = format!("{reason}; hint: {hint}");
        }
        PagerError::Permanent { reason }
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self.status {
            _ if self.is_about_the_sender() => {
                "check pagerduty.from: it must be the e-mail of a PagerDuty user"
            }
            300..=399 => "check pagerduty.api_url: it must not redirect",
            401 => "check PAGERDUTY_API_TOKEN",
            402 => "the account's plan does not include this",
            403 => "check what PAGERDUTY_API_TOKEN may do: it needs write access to incidents",
            404 => "check that the incident exists, and pagerduty.api_url (the EU has another)",
            _ => return None,
        })
    }
}

/// The longer of the two waits that a limited answer may name, both in whole seconds.
fn wait_ms(headers: &HeaderMap) -> Option<u64> {
    let seconds = |name: HeaderName| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    let reset = HeaderName::from_static("ratelimit-reset");
    let longest = seconds(header::RETRY_AFTER).max(seconds(reset))?;
    Some(longest.min(MAX_WAIT_S) * 1000)
}

/// `error.message` and `error.errors` in one line of bounded length.
fn message(error: &Value) -> String {
    let details = match error.get("errors") {
        Some(Value::Array(details)) => details.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(detail)) => vec![detail.as_str()],
        _ => Vec::new(),
    };
    let parts = error.get("message").and_then(Value::as_str).into_iter().chain(details);
    let text = parts.collect::<Vec<_>>().join(": ");
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_MESSAGE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(status: u16, body: &str) -> Problem {
        problem_with(status, body, &[])
    }

    fn problem_with(status: u16, body: &str, headers: &[(&'static str, &'static str)]) -> Problem {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), http::HeaderValue::from_static(value)))
            .collect();
        let mut reply = Reply::new(status, &headers);
        reply.body = body.as_bytes().to_vec();
        reply.into_result().unwrap_err()
    }

    #[test]
    fn what_can_be_tried_again() {
        let cases = [
            (429, r#"{"error":{"message":"Rate Limit Exceeded","code":2020}}"#, true),
            (500, "", true),
            (502, "<html>bad gateway</html>", true),
            (503, "{}", true),
            (408, "", true),
            (200, "<html>sign in to the guest network</html>", true),
            (200, "[]", true),
            (409, r#"{"error":{"message":"changed","code":1005}}"#, true),
            (301, "", false),
            (400, r#"{"error":{"message":"Invalid Input Provided","code":2001}}"#, false),
            (401, "", false),
            (402, "", false),
            (403, "", false),
            (404, r#"{"error":{"message":"Not Found","code":2100}}"#, false),
        ];
        for (status, body, again) in cases {
            let error = problem(status, body).to_error("resolve P1");
            assert_eq!(matches!(error, PagerError::Retry { .. }), again, "{status} {body}: {error}");
            assert!(error.to_string().contains(&status.to_string()), "{error}");
        }
    }

    #[test]
    fn the_words_and_the_code_are_repeated_and_the_hint_fits() {
        let body =
            r#"{"error":{"message":"Invalid Input Provided","code":2001,"errors":["Title\nis long"]}}"#;
        let said = problem(400, body).to_error("resolve P1").to_string();
        assert_eq!(
            said,
            "pagerduty refused to resolve P1 with 400: Invalid Input Provided: Title is long (code 2001)"
        );
        for (status, body, hint) in [
            (401, "{}", "PAGERDUTY_API_TOKEN"),
            (403, "{}", "write access"),
            (400, r#"{"error":{"message":"Requester User Not Found","code":1008}}"#, "pagerduty.from"),
        ] {
            let said = problem(status, body).to_error("resolve P1").to_string();
            assert!(said.contains("hint: ") && said.contains(hint), "{said}");
        }
        let long = format!(r#"{{"error":{{"message":"{}"}}}}"#, "x".repeat(10_000));
        assert!(problem(400, &long).to_error("resolve P1").to_string().len() < 400);
    }

    #[test]
    fn the_wait_is_the_longer_one_and_bounded() {
        type Headers<'a> = &'a [(&'static str, &'static str)];
        let cases: [(Headers<'_>, Option<u64>); 7] = [
            (&[], None),
            (&[("retry-after", "7")], Some(7_000)),
            (&[("ratelimit-reset", "30")], Some(30_000)),
            (&[("ratelimit-reset", "30"), ("retry-after", "7")], Some(30_000)),
            (&[("retry-after", "soon")], None),
            (&[("retry-after", "-1")], None),
            (&[("retry-after", "18446744073709551615")], Some(3_600_000)),
        ];
        for (headers, expected) in cases {
            let PagerError::Retry { after_ms, .. } = problem_with(429, "", headers).to_error("x") else {
                panic!("429 can be tried again");
            };
            assert_eq!(after_ms, expected, "{headers:?}");
        }
    }

    #[test]
    fn whose_fault_a_400_is() {
        let cases = [
            (400, r#"{"error":{"message":"Requester User Not Found","code":1008}}"#, true),
            (400, r#"{"error":{"message":"Malformed \"From\" header","code":1028}}"#, true),
            (
                400,
                r#"{"error":{"message":"Invalid Input","code":2001,"errors":["From is not a user"]}}"#,
                true,
            ),
            (
                400,
                r#"{"error":{"message":"Invalid Input","code":2001,"errors":["changed from low"]}}"#,
                false,
            ),
            (404, r#"{"error":{"message":"Requester User Not Found","code":1008}}"#, false),
        ];
        for (status, body, expected) in cases {
            assert_eq!(problem(status, body).is_about_the_sender(), expected, "{body}");
        }
    }

    #[test]
    fn what_counts_as_done_already() {
        let resolved = problem(400, r#"{"error":{"code":1001,"message":"Incident Already Resolved"}}"#);
        let acknowledged =
            problem(400, r#"{"error":{"code":1002,"message":"Incident Already Acknowledged"}}"#);
        let other = problem(400, r#"{"error":{"code":2001,"message":"Invalid Input Provided"}}"#);
        assert!(resolved.says_already(true) && resolved.says_already(false));
        assert!(acknowledged.says_already(true) && !acknowledged.says_already(false));
        assert!(!other.says_already(true) && !other.says_already(false));
    }
}
