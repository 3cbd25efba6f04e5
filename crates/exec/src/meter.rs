//! The queries of triggers: one instant query over a named connection, its answer as numbers.

use std::collections::BTreeMap;

use reqwest::StatusCode;
use runbook_core::ports::{BoxFuture, ExecError, Meter};
use runbook_core::runbook::CommandKind;
use runbook_core::trigger::Sample;
use serde_json::Value;

use crate::connections::Connections;
use crate::redact::Redactor;
use crate::web::{Web, authorize, reason};

/// A longer answer is no answer to a question with a limit.
const READ_BYTES: usize = 8 << 20;
/// So long Prometheus works on it at most.
const TIMEOUT: &str = "10s";

/// Prometheus, as triggers ask it.
pub struct PromqlMeter {
    connections: Connections,
    redactor: Redactor,
    web: Web,
}

impl std::fmt::Debug for PromqlMeter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PromqlMeter").field("connections", &self.connections).finish_non_exhaustive()
    }
}

impl PromqlMeter {
    /// Asks over these connections. Nothing is reached yet.
    #[must_use]
    pub fn new(connections: Connections) -> PromqlMeter {
        let secrets: Vec<String> = connections.secrets().map(str::to_owned).collect();
        PromqlMeter { redactor: Redactor::new(&secrets), connections, web: Web::default() }
    }

    async fn query(&self, connection: Option<&str>, query: &str) -> Result<Vec<Sample>, String> {
        let base = self.connections.web(CommandKind::Promql, connection)?;
        let url = base.join("/api/v1/query")?;
        let refused = |error: ExecError| match error {
            ExecError::NotStarted(reason) | ExecError::Lost(reason) => reason,
        };
        let client = self.web.client(&url, base.authorities.as_deref()).map_err(refused)?;
        let form = [("query", query), ("timeout", TIMEOUT)];
        let request = authorize(client.post(url), base).map_err(refused)?.form(&form);
        let unanswered = |error: reqwest::Error| format!("the server gave no answer: {}", reason(&error));
        let mut response = request.send().await.map_err(unanswered)?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unanswered)? {
            if body.len() + chunk.len() > READ_BYTES {
                return Err(format!(
                    "the answer is over {READ_BYTES} bytes; hint: aggregate it with sum or max"
                ));
            }
            body.extend_from_slice(&chunk);
        }
        samples(status, &body)
    }
}

impl PromqlMeter {
    fn redacted(&self, text: &str) -> String {
        let (mut redactor, mut out) = (self.redactor.clone(), Vec::new());
        redactor.push(text.as_bytes(), &mut |chunk| out.extend_from_slice(chunk));
        redactor.finish(&mut |chunk| out.extend_from_slice(chunk));
        String::from_utf8_lossy(&out).into_owned()
    }
}

/// What an answer to an instant query says: a value for each series, or why there is none.
///
/// # Errors
/// What Prometheus refused, or what is no answer of its.
pub fn samples(status: StatusCode, body: &[u8]) -> Result<Vec<Sample>, String> {
    let answer: Value = serde_json::from_slice(body)
        .map_err(|_| format!("the server answered {status}, and not as Prometheus does"))?;
    let text = |key: &str| answer.get(key).and_then(Value::as_str);
    match text("status") {
        Some("success") if status.is_success() => values(&answer),
        Some(_) => {
            let (kind, said) = (text("errorType").unwrap_or("error"), text("error").unwrap_or_default());
            Err(format!("{kind}: {}", said.chars().take(300).collect::<String>()))
        }
        None => Err(format!("the server answered {status}, and not as Prometheus does")),
    }
}

/// The values of a success.
fn values(answer: &Value) -> Result<Vec<Sample>, String> {
    let result = &answer["data"]["result"];
    let number = |pair: &Value| -> Option<f64> {
        match pair.get(1).and_then(Value::as_str)? {
            "+Inf" => Some(f64::INFINITY),
            "-Inf" => Some(f64::NEG_INFINITY),
            text => text.parse().ok(),
        }
    };
    let unread = || "the answer has a value that is no number".to_owned();
    match answer["data"]["resultType"].as_str() {
        Some("scalar") => {
            Ok(vec![Sample { labels: BTreeMap::new(), value: number(result).ok_or_else(unread)? }])
        }
        Some("vector") => {
            let one = |series: &Value| -> Result<Sample, String> {
                let labels = series["metric"].as_object().into_iter().flatten();
                let labels =
                    labels.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
                Ok(Sample { labels: labels.collect(), value: number(&series["value"]).ok_or_else(unread)? })
            };
            result.as_array().into_iter().flatten().map(one).collect()
        }
        Some(other) => {
            Err(format!("the answer is a {other}; hint: a trigger asks for one value of each series"))
        }
        None => Err("the answer has no result".to_owned()),
    }
}

impl Meter for PromqlMeter {
    fn ask<'a>(
        &'a self,
        connection: Option<&'a str>,
        query: &'a str,
    ) -> BoxFuture<'a, Result<Vec<Sample>, String>> {
        Box::pin(async move {
            let answer = self.query(connection, query).await;
            // what a server says of a request may repeat what it was sent with
            answer.map_err(|reason| self.redacted(&reason))
        })
    }
}
