//! Changes of an incident: its status, and notes on it.

use http::Method;
use runbook_core::ports::PagerError;
use runbook_core::sabotage::{self, Sabotage};
use serde_json::{Value, json};

use super::{MAX_OFFSET, PAGE, PagerDutyClient, checked, list};

impl PagerDutyClient {
    /// Sets an incident's status; being there already is success. After an attempt whose outcome is unknown that is looked at
    /// first: what has come about needs no second change, which PagerDuty would tell everybody of.
    pub(super) async fn set_status(
        &self,
        incident: &str,
        from: Option<&str>,
        wanted: Status,
        look_first: bool,
    ) -> Result<(), PagerError> {
        let incident = checked(incident)?;
        let doing = format!("{} {incident}", wanted.verb());
        let url = self.url(&["incidents", incident], &[])?;
        if look_first {
            let seen = self.send(Method::GET, &url, None, None, "read the incident").await?;
            // what cannot be read is for the change itself to say
            if seen.is_ok_and(|seen| status(&seen).is_some_and(|now| wanted.is_reached(now))) {
                return Ok(());
            }
        }
        let body = json!({ "incident": { "type": "incident_reference", "status": wanted.word() } });
        let problem = match self.write(Method::PUT, &url, from, &body, &doing).await? {
            Ok(answer) => {
                return match status(&answer) {
                    Some(now) if !wanted.is_reached(now) => Err(PagerError::Retry {
                        after_ms: None,
                        reason: format!("pagerduty took the request to {doing}, but it still says '{now}'"),
                    }),
                    _ => Ok(()),
                };
            }
            Err(problem) => problem,
        };
        if problem.says_already(wanted == Status::Acknowledged) {
            return Ok(());
        }
        // The state itself is the better witness than the wording of a refusal.
        if problem.is_about_the_input()
            && let Ok(answer) = self.get(url, "read the incident").await
            && status(&answer).is_some_and(|now| wanted.is_reached(now))
        {
            return Ok(());
        }
        Err(self.error(&problem, &doing))
    }

    /// Writes a note; where an earlier attempt may have, it is looked for first.
    pub(super) async fn add_note(
        &self,
        incident: &str,
        from: Option<&str>,
        text: &str,
        look_first: bool,
    ) -> Result<(), PagerError> {
        let incident = checked(incident)?;
        let look_first = look_first && !sabotage::is_on(Sabotage::TellBlindly);
        if look_first && self.has_note(incident, text).await? {
            return Ok(());
        }
        let doing = format!("write a note on {incident}");
        let url = self.url(&["incidents", incident, "notes"], &[])?;
        let body = json!({ "note": { "content": text } });
        match self.write(Method::POST, &url, from, &body, &doing).await? {
            Ok(_) => Ok(()),
            Err(problem) => Err(self.error(&problem, &doing)),
        }
    }

    /// `true` when the incident has a note with this text.
    async fn has_note(&self, incident: &str, text: &str) -> Result<bool, PagerError> {
        let wanted = normal(text);
        let mut offset = 0;
        loop {
            let (limit, from) = (PAGE.to_string(), offset.to_string());
            let url = self.url(&["incidents", incident, "notes"], &[("limit", &limit), ("offset", &from)])?;
            let page = self.get(url, "read the incident's notes").await?;
            let mut count = 0;
            for note in list(&page, "notes") {
                count += 1;
                if says(note, &wanted) {
                    return Ok(true);
                }
            }
            offset += count;
            let more = page.get("more").and_then(Value::as_bool).unwrap_or(false);
            if !more || count == 0 || offset + PAGE > MAX_OFFSET {
                return Ok(false);
            }
        }
    }
}

/// What an incident's status shall be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Acknowledged,
    Resolved,
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Status::Acknowledged => "acknowledged",
            Status::Resolved => "resolved",
        }
    }

    fn verb(self) -> &'static str {
        match self {
            Status::Acknowledged => "acknowledge",
            Status::Resolved => "resolve",
        }
    }

    /// A resolved incident needs no acknowledgement any more.
    fn is_reached(self, now: &str) -> bool {
        now == "resolved" || now == self.word()
    }
}

pub(crate) fn status(answer: &Value) -> Option<&str> {
    answer.pointer("/incident/status").and_then(Value::as_str)
}

/// Whether a note has this text, which is as it compares.
pub(crate) fn says(note: &Value, wanted: &str) -> bool {
    note.get("content").and_then(Value::as_str).is_some_and(|content| normal(content) == wanted)
}

/// A note's text as it compares: line ends and outer space may come back otherwise than they went.
fn normal(text: &str) -> String {
    text.replace("\r\n", "\n").trim().to_owned()
}
