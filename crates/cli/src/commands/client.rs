//! Asking a running engine: over its unix socket, as the user of this process.

use blocks_engine::Reply;
use blocks_server::{EngineInfo, ErrorBody, REQUESTS_PATH};
use runbook_core::request::Request;

use super::live::{self, Patience};
use crate::exit::{Code, Stop};

/// Sends a request to the engine that holds the lock.
pub(crate) async fn ask(engine: &EngineInfo, request: &Request) -> Result<Reply, Stop> {
    let Some(socket) = &engine.socket else {
        return Err(Stop::new(
            Code::Refused,
            format!(
                "the engine (pid {}) is another terminal's run, and takes no requests; hint: wait for it to end",
                engine.pid
            ),
        ));
    };
    let unreachable = |error: reqwest::Error| {
        Stop::failed(format!(
            "the engine (pid {}) does not answer on {}: {}\nhint: it runs as another user, or is stopping",
            engine.pid,
            socket.display(),
            root_cause(&error)
        ))
    };
    let client = reqwest::Client::builder().unix_socket(socket.as_path()).build().map_err(unreachable)?;
    let response = client
        .post(format!("http://engine{REQUESTS_PATH}"))
        .json(request)
        .send()
        .await
        .map_err(unreachable)?;
    let status = response.status();
    if status.is_success() {
        #[derive(serde::Deserialize)]
        struct Body {
            text: String,
            data: serde_json::Value,
        }
        let body: Body = response.json().await.map_err(unreachable)?;
        return Ok(Reply { text: body.text, data: body.data });
    }
    let body: ErrorBody = response.json().await.map_err(unreachable)?;
    let code = match body.kind.as_str() {
        "refused" | "forbidden" => Code::Refused,
        "not_found" | "usage" | "plan" => Code::Usage,
        _ => Code::Failed,
    };
    Err(Stop::new(code, format!("{}: {}", body.code, body.error)))
}

/// Follows a run until it rests. The answer that began it stands when it rests already.
pub(crate) async fn follow(engine: &EngineInfo, begun: Reply, patience: Patience) -> Result<Reply, Stop> {
    let Some(run) = begun.data["id"].as_str().map(str::to_owned) else { return Ok(begun) };
    let asks = async |request: &Request| {
        ask(engine, request).await.map_err(|stop| {
            let hint = if stop.code == Code::Failed {
                format!("\nhint: run {run} may go on; `blocks runbook status {run}` says where it stands")
            } else {
                String::new()
            };
            Stop::new(stop.code, format!("{}{hint}", stop.text))
        })
    };
    tokio::select! {
        reply = live::follow(&run, patience, asks) => reply,
        _ = tokio::signal::ctrl_c() => Err(Stop::new(
            Code::Refused,
            format!("no longer followed: run {run} goes on without this terminal\nhint: `blocks runbook attach {run}`, or `blocks runbook cancel {run}`"),
        )),
    }
}

fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
