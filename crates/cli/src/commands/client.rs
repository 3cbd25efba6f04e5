//! Asking a running engine: over its unix socket, as the user of this process.

use std::time::Duration;

use blocks_engine::Reply;
use blocks_server::{EngineInfo, ErrorBody, REQUESTS_PATH};
use runbook_core::request::Request;

use super::live::{self, Patience};
use crate::exit::{Code, Stop};

/// The code of an engine that is there and does not answer.
pub(crate) const SILENT: &str = "RB0014";
/// An engine at work says that it is alive within this time, however long its answer takes.
const SIGN_OF_LIFE: Duration = Duration::from_secs(5);
/// How long an answer is waited for before a sign of life is asked for, and between two of them.
const QUIET: Duration = Duration::from_secs(1);

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
    let answer = async {
        let asked = client.post(format!("http://engine{REQUESTS_PATH}")).json(request).send().await?;
        Ok((asked.status(), asked.bytes().await?))
    };
    let (status, bytes) = tokio::select! {
        answer = answer => answer.map_err(unreachable)?,
        () = silence(&client) => return Err(silent(engine, then_of(request))),
    };
    let unread =
        |error| Stop::failed(format!("the answer of the engine (pid {}) does not read: {error}", engine.pid));
    if status.is_success() {
        #[derive(serde::Deserialize)]
        struct Body {
            text: String,
            data: serde_json::Value,
        }
        let body: Body = serde_json::from_slice(&bytes).map_err(unread)?;
        return Ok(Reply { text: body.text, data: body.data });
    }
    let body: ErrorBody = serde_json::from_slice(&bytes).map_err(unread)?;
    let code = match body.kind.as_str() {
        "refused" | "forbidden" => Code::Refused,
        "not_found" | "usage" | "plan" => Code::Usage,
        _ => Code::Failed,
    };
    Err(Stop::new(code, format!("{}: {}", body.code, body.error)))
}

/// Comes back when the engine gives no sign of life. An engine that is gone is left to the request itself.
async fn silence(client: &reqwest::Client) {
    loop {
        tokio::time::sleep(QUIET).await;
        if tokio::time::timeout(SIGN_OF_LIFE, client.get("http://engine/health").send()).await.is_err() {
            return;
        }
    }
}

/// Why the engine that holds the data folder is not to be counted on; `None` while it gives a sign of life.
pub(crate) async fn silence_of(engine: &EngineInfo, then: &str) -> Option<Stop> {
    let is_stopped = matches!(engine.process_state(), Some('T' | 't'));
    let answers = async {
        let Some(socket) = &engine.socket else { return !is_stopped };
        let Ok(client) = reqwest::Client::builder().unix_socket(socket.as_path()).build() else {
            return !is_stopped;
        };
        // one that refuses to talk to this user is alive; one that is stopped takes the connection and is silent
        tokio::time::timeout(SIGN_OF_LIFE, client.get("http://engine/health").send()).await.is_ok()
    };
    (!answers.await).then(|| silent(engine, then))
}

/// What a page of the engine says, such as `/metrics`; `None` where it does not answer.
pub(crate) async fn page(engine: &EngineInfo, path: &str) -> Option<String> {
    let client = reqwest::Client::builder().unix_socket(engine.socket.as_deref()?).build().ok()?;
    let asked = async { client.get(format!("http://engine{path}")).send().await?.text().await };
    tokio::time::timeout(SIGN_OF_LIFE, asked).await.ok()?.ok()
}

/// What a person types about an engine that gives no sign of life.
pub(crate) fn what_to_type(engine: &EngineInfo) -> String {
    match engine.process_state() {
        Some('T' | 't') => format!("kill -CONT {}", engine.pid),
        _ => "blocks doctor".to_owned(),
    }
}

/// What is said of a request to an engine that is silent.
fn then_of(request: &Request) -> &'static str {
    if request.is_read() {
        "what follows is what is on record"
    } else {
        "it has perhaps taken the request, and may still do it: look with `blocks runbook runs` before you ask again"
    }
}

fn silent(engine: &EngineInfo, then: &str) -> Stop {
    let pid = engine.pid;
    let (why, hint) = match engine.process_state() {
        Some('T' | 't') => ("its process is stopped", format!("`kill -CONT {pid}` lets it go on")),
        Some('D') => {
            ("its process waits for a disk", "look at the disk that holds its data folder".to_owned())
        }
        _ => ("it hangs, or the machine is overloaded", format!("look at pid {pid} and at its log")),
    };
    let place = engine.socket.as_ref().map_or_else(String::new, |socket| format!(" on {}", socket.display()));
    Stop::new(
        Code::Failed,
        format!("{SILENT}: the engine (pid {pid}) gives no sign of life{place}: {why}; {then}\nhint: {hint}"),
    )
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
        reply = live::follow(&run, Some(&begun.data), patience, asks) => reply,
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
