//! The `promql` kind: one instant query, its answer printed as Prometheus gave it.

use std::sync::Arc;

use runbook_core::ports::{BoxFuture, ExecError, Job};
use runbook_core::runbook::kinds::promql::fill;
use runbook_core::runbook::{CommandKind, Effect};
use serde_json::Value;
use tokio::sync::watch;

use crate::connections::Connections;
use crate::executor::{End, Kind};
use crate::transcript::Transcript;
use crate::web::{Web, authorize, broken, not_started};

/// A longer answer is not read as JSON; its output is cut anyway.
const READ_BYTES: usize = 8 << 20;

pub(crate) struct Promql {
    connections: Arc<Connections>,
    web: Web,
}

impl Promql {
    pub(crate) fn new(connections: Arc<Connections>) -> Self {
        Self { connections, web: Web::default() }
    }

    async fn carry_out(&self, job: &Job, io: &mut Transcript) -> Result<End, ExecError> {
        let query = fill(&job.text, &job.values()).map_err(|error| not_started(&error.to_string()))?;
        let refused = |reason: String| ExecError::NotStarted(reason);
        let base = self.connections.web(CommandKind::Promql, job.connection.as_deref()).map_err(refused)?;
        let url = base.join("/api/v1/query").map_err(refused)?;
        let timeout = format!("{}ms", job.timeout_ms);
        let form = [("query", query.as_str()), ("timeout", timeout.as_str())];
        let client = self.web.client(&url, base.authorities.as_deref())?;
        let request = authorize(client.post(url), base)?.form(&form);
        let mut response = match request.send().await {
            Ok(response) => response,
            Err(error) => return broken(&error, Effect::Read, io),
        };
        let status = response.status();
        let mut body = Vec::new();
        let mut whole = true;
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) => {
                    whole &= body.len() + chunk.len() <= READ_BYTES;
                    if whole {
                        body.extend_from_slice(&chunk);
                    }
                    io.out(&chunk);
                }
                Ok(None) => break,
                Err(error) => return broken(&error, Effect::Read, io),
            }
        }
        if !body.ends_with(b"\n") {
            io.out("\n");
        }
        if !whole {
            return Ok(End::Code(if status.is_success() { 0 } else { 1 }));
        }
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        for (key, word) in [("warnings", "warning"), ("infos", "info")] {
            for said in answer.get(key).and_then(Value::as_array).into_iter().flatten() {
                io.err(&format!("{word}: {}", said.as_str().unwrap_or_default()));
            }
        }
        let text = |key: &str| answer.get(key).and_then(Value::as_str);
        match text("status") {
            Some("success") if status.is_success() => return Ok(End::Code(0)),
            Some(_) => {
                let (kind, said) = (text("errorType").unwrap_or("error"), text("error").unwrap_or_default());
                io.err(&format!("error: {kind}: {said}"));
            }
            None => {
                io.err(&format!("error: the server answered {status}, and not as Prometheus does"));
            }
        }
        Ok(End::Code(1))
    }
}

impl Kind for Promql {
    fn kind(&self) -> CommandKind {
        CommandKind::Promql
    }

    fn run<'a>(
        &'a self,
        job: &'a Job,
        io: &'a mut Transcript,
        _stop: watch::Receiver<bool>,
    ) -> BoxFuture<'a, Result<End, ExecError>> {
        Box::pin(self.carry_out(job, io))
    }
}
