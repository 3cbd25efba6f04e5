//! One call, bounded in time, with an outcome that says whether trying again makes sense.

use std::time::Duration;

use runbook_core::ports::SendError;
use serde::Serialize;
use serde_json::Value;
use slack_morphism::errors::SlackClientError;
use slack_morphism::prelude::{SlackClientApiCallContext, SlackClientHttpConnector};
use url::Url;

use super::{Method, SlackChat};

/// Slack's words for "it may work later".
const PASSING: &[&str] = &[
    "ratelimited",
    "rate_limited",
    "internal_error",
    "fatal_error",
    "service_unavailable",
    "request_timeout",
];

/// Slack's words for "not you": whoever set the token mends it, and nothing is wrong with the message.
const ABOUT_US: &[&str] = &[
    "invalid_auth",
    "not_authed",
    "token_revoked",
    "token_expired",
    "account_inactive",
    "org_login_required",
    "ekm_access_denied",
];
/// How long to leave a Slack alone that does not take the token.
const UNTIL_MENDED_MS: u64 = 60_000;

/// A call did not succeed. Holds no body and no address: either may carry a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CallError {
    /// Slack said no, with a word.
    Refused {
        /// The word.
        word: String,
        /// What it adds: the scope that is missing, or what is wrong with the blocks.
        detail: Option<String>,
    },
    /// Too many calls.
    Limited {
        /// What Slack asks us to wait.
        after: Option<Duration>,
    },
    /// An HTTP status without a word.
    Status(u16),
    /// Nobody answered, or not in time.
    Unreachable(&'static str),
    /// Something answered that is not understood; the call may have worked.
    Unreadable,
}

impl CallError {
    /// `true` when Slack refused with one of these words.
    pub(super) fn is_one_of(&self, words: &[&str]) -> bool {
        matches!(self, CallError::Refused { word, .. } if words.contains(&word.as_str()))
    }

    /// `true` when there were too many calls: this one did nothing.
    pub(super) fn is_limit(&self) -> bool {
        matches!(self, CallError::Limited { .. }) || self.is_one_of(&["rate_limited", "ratelimited"])
    }

    /// What it means for the message.
    pub(super) fn into_send(self, method: impl std::fmt::Display) -> SendError {
        let retry = |reason: String| SendError::Retry { after_ms: None, reason };
        match self {
            CallError::Refused { word, .. } if PASSING.contains(&word.as_str()) => {
                retry(format!("slack cannot do {method} at the moment: {word}"))
            }
            CallError::Refused { word, detail } => {
                // Without its scope a method of a higher tier is never there; without that of messages nothing is.
                let is_about_us = ABOUT_US.contains(&word.as_str())
                    || (word == "missing_scope" && method.to_string().starts_with("chat."));
                let detail = detail.map(|detail| format!(" ({detail})")).unwrap_or_default();
                let hint = hint(&word).map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
                let reason = format!("slack refused {method}: {word}{detail}{hint}");
                match is_about_us {
                    true => SendError::Retry { after_ms: Some(UNTIL_MENDED_MS), reason },
                    false => SendError::Permanent { reason },
                }
            }
            CallError::Limited { after } => SendError::Retry {
                after_ms: after.map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX)),
                reason: format!("slack limits {method}"),
            },
            CallError::Status(status) if status >= 500 || status == 408 => {
                retry(format!("slack answered {method} with HTTP {status}"))
            }
            CallError::Status(status @ (401 | 403)) => SendError::Retry {
                after_ms: Some(UNTIL_MENDED_MS),
                reason: format!("slack, or what stands before it, answered {method} with HTTP {status}"),
            },
            CallError::Status(status) => {
                SendError::Permanent { reason: format!("slack answered {method} with HTTP {status}") }
            }
            CallError::Unreachable(why) => retry(format!("slack does not answer {method}: {why}")),
            CallError::Unreadable => retry(format!("the answer to {method} is not understood")),
        }
    }
}

fn hint(word: &str) -> Option<&'static str> {
    Some(match word {
        "missing_scope" => "add the scope to the app and install it again; `blocks doctor` names all of them",
        "invalid_auth" | "not_authed" | "token_revoked" | "token_expired" | "account_inactive" => {
            "check SLACK_BOT_TOKEN, or SLACK_APP_TOKEN for Socket Mode"
        }
        "not_allowed_token_type" => {
            "SLACK_BOT_TOKEN must be a bot token (xoxb-), SLACK_APP_TOKEN an app-level one (xapp-)"
        }
        "channel_not_found" | "not_in_channel" => "check the channel's id, and invite the bot to the channel",
        "is_archived" => "unarchive the channel, or configure another one",
        "invalid_blocks" | "invalid_blocks_format" | "msg_blocks_too_long" => {
            "this is a fault in Blocks: report it"
        }
        "restricted_action" => "a workspace setting forbids it: ask a workspace admin",
        _ => return None,
    })
}

impl SlackChat {
    /// Calls a method with a JSON body and the bot token.
    pub(super) async fn post<T: Serialize + Send + Sync>(
        &self,
        method: Method,
        body: &T,
    ) -> Result<Value, CallError> {
        self.may_call(method)?;
        let session = self.client.open_session(&self.token);
        let call = session.http_session_api.http_post::<_, Value>(method.name(), body, None);
        let outcome = self.bounded(call).await.map_err(CallError::from).and_then(accepted);
        self.heed(method, outcome)
    }

    /// Calls a reading method with the bot token.
    pub(super) async fn get(
        &self,
        method: Method,
        params: &Vec<(&str, Option<&String>)>,
    ) -> Result<Value, CallError> {
        self.may_call(method)?;
        let session = self.client.open_session(&self.token);
        let call = session.http_session_api.http_get::<Value, _, _>(method.name(), params, None);
        let outcome = self.bounded(call).await.map_err(CallError::from).and_then(accepted);
        self.heed(method, outcome)
    }

    /// Counts the call, unless Slack has said that it takes none for now: each one more would be refused, and prolong that.
    fn may_call(&self, method: Method) -> Result<(), CallError> {
        if let Some(after) = self.pace.rests(method) {
            return Err(CallError::Limited { after: Some(after) });
        }
        self.pace.call(method);
        Ok(())
    }

    /// Too many calls: this method rests as long as Slack says. (Posting rests for each channel, see there.)
    fn heed(&self, method: Method, outcome: Result<Value, CallError>) -> Result<Value, CallError> {
        if method != Method::PostMessage {
            match &outcome {
                Err(CallError::Limited { after }) => self.pace.hold(method, "", *after),
                Err(error) if error.is_limit() => self.pace.hold(method, "", None),
                _ => {}
            }
        }
        outcome
    }

    /// Posts JSON to an address that was checked before, without the token: the address itself is the secret.
    pub(super) async fn post_without_token(&self, url: Url, body: &Value) -> Result<(), CallError> {
        let span = tracing::Span::none();
        let call = self.client.http_api.connector.http_post_uri::<_, Value>(url, body, bare(&span));
        plainly_ok(self.bounded(call).await)
    }

    /// Posts bytes to an address that was checked before, without the token.
    pub(super) async fn put_bytes(&self, url: Url, bytes: &[u8]) -> Result<(), CallError> {
        let span = tracing::Span::none();
        let kind = "application/octet-stream".to_owned();
        let call =
            self.client.http_api.connector.http_post_uri_binary::<Value>(url, kind, bytes, bare(&span));
        plainly_ok(self.bounded(call).await)
    }

    async fn bounded<T>(
        &self,
        call: impl Future<Output = Result<T, SlackClientError>>,
    ) -> Result<T, Failure> {
        match tokio::time::timeout(self.limit, call).await {
            Ok(outcome) => outcome.map_err(Failure::from),
            Err(_) => Err(Failure { error: CallError::Unreachable("no answer in time"), said_ok: false }),
        }
    }
}

/// A context without token for addresses that are secrets themselves.
fn bare(span: &tracing::Span) -> SlackClientApiCallContext<'_> {
    SlackClientApiCallContext {
        rate_control_params: None,
        token: None,
        tracing_span: span,
        is_sensitive_url: true,
    }
}

/// A failure as the library sees it.
struct Failure {
    error: CallError,
    /// The body was a plain `ok`: an answer where JSON is not the custom.
    said_ok: bool,
}

impl From<Failure> for CallError {
    fn from(failure: Failure) -> CallError {
        failure.error
    }
}

impl From<SlackClientError> for Failure {
    fn from(error: SlackClientError) -> Failure {
        let mut said_ok = false;
        let error = match error {
            SlackClientError::ApiError(refused) => {
                let body =
                    refused.http_response_body.and_then(|body| serde_json::from_str::<Value>(&body).ok());
                let detail = body.as_ref().and_then(detail);
                CallError::Refused { word: word(&refused.code), detail }
            }
            SlackClientError::RateLimitError(limited) => CallError::Limited { after: limited.retry_after },
            SlackClientError::HttpError(http) => CallError::Status(http.status_code.as_u16()),
            SlackClientError::ProtocolError(protocol) => {
                let body = protocol.json_body.unwrap_or_default().to_ascii_lowercase();
                said_ok = body.trim() == "ok" || body.starts_with("ok -");
                CallError::Unreadable
            }
            SlackClientError::HttpProtocolError(_) => CallError::Unreachable("the connection failed"),
            _ => CallError::Unreachable("the connection broke"),
        };
        Failure { error, said_ok }
    }
}

/// Slack's word, held to what a word can be: it is shown to people and logged.
pub(super) fn word(code: &str) -> String {
    code.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')).take(60).collect()
}

fn detail(body: &Value) -> Option<String> {
    if let Some(needed) = body.get("needed").and_then(Value::as_str) {
        return Some(format!(
            "needed={}",
            needed.chars().filter(|c| !c.is_control()).take(120).collect::<String>()
        ));
    }
    let message =
        body.pointer("/response_metadata/messages/0").or_else(|| body.pointer("/errors/0"))?.as_str()?;
    Some(message.chars().filter(|c| !c.is_control()).take(200).collect())
}

/// An answer counts only with `ok:true`: the library takes a body that is no JSON for an empty success.
fn accepted(answer: Value) -> Result<Value, CallError> {
    match answer.get("ok").and_then(Value::as_bool) {
        Some(true) => Ok(answer),
        _ => Err(CallError::Unreadable),
    }
}

fn plainly_ok(outcome: Result<Value, Failure>) -> Result<(), CallError> {
    match outcome {
        Ok(_) => Ok(()),
        Err(failure) if failure.said_ok => Ok(()),
        Err(failure) => Err(failure.error),
    }
}
