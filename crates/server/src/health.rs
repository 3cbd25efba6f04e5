//! `/health` (alive), `/ready` (store and backlog), `/metrics`.

use axum::extract::State;
use axum::extract::connect_info::Connected;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::IncomingStream;
use axum::{Json, Router};
use blocks_engine::Engine;
use runbook_core::ports::{Circuit, PagerStanding};
use serde_json::json;
use tokio::net::UnixListener;

pub(crate) fn router(engine: Engine) -> Router {
    Router::new()
        .route("/health", get(|| async { Json(json!({ "alive": true })) }))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(engine)
}

async fn ready(State(engine): State<Engine>) -> Response {
    match engine.store().outbox_backlog().await {
        Ok(backlog) => {
            let mut body = json!({ "ready": true, "outbox_backlog": backlog });
            // another process would hear it no better: whoever watches is told by the heartbeat that stops
            if let Some(since) = engine.pager_unheard_since() {
                body["pager_unheard_since"] = json!(since);
            }
            Json(body).into_response()
        }
        Err(error) => {
            let body = json!({ "ready": false, "error": error.to_string() });
            (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
        }
    }
}

async fn metrics(State(engine): State<Engine>) -> Response {
    let mut text = engine.metrics().render();
    if let Ok(backlog) = engine.store().outbox_backlog().await {
        text.push_str(&format!("# TYPE blocks_outbox_backlog gauge\nblocks_outbox_backlog {backlog}\n"));
    }
    if let Ok(letters) = engine.store().dead_letters().await {
        text.push_str("# TYPE blocks_inbox_dead_letters gauge\n");
        for (source, count) in letters {
            // the sources are our own words; a label must stay one whatever stands in the store
            let source: String = source.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
            text.push_str(&format!("blocks_inbox_dead_letters{{source=\"{source}\"}} {count}\n"));
        }
    }
    if let Some(beat) = engine.last_beat() {
        let name = "blocks_heartbeat_timestamp_seconds";
        text.push_str(&format!("# TYPE {name} gauge\n{name} {}\n", beat.timestamp()));
    }
    if let Some(look) = engine.last_pager_look() {
        let name = "blocks_pager_look_timestamp_seconds";
        text.push_str(&format!("# TYPE {name} gauge\n{name} {}\n", look.timestamp()));
    }
    if let Some(standing) = engine.pager_standing() {
        text.push_str(&pager(&standing));
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

/// How it goes with asking the pager. An open circuit is no reason not to be ready: everything else goes on.
fn pager(standing: &PagerStanding) -> String {
    let mut text = "# TYPE blocks_pager_circuit gauge\n".to_owned();
    for circuit in [Circuit::Closed, Circuit::Open, Circuit::HalfOpen] {
        let is_so = u8::from(circuit == standing.circuit);
        text.push_str(&format!("blocks_pager_circuit{{state=\"{}\"}} {is_so}\n", circuit.word()));
    }
    let PagerStanding { opened, spared, limited, .. } = standing;
    for (name, value) in [("circuit_opened", opened), ("calls_spared", spared), ("calls_limited", limited)] {
        text.push_str(&format!(
            "# TYPE blocks_pager_{name}_total counter\nblocks_pager_{name}_total {value}\n"
        ));
    }
    text
}

/// Who is on the other end of the unix socket, as the kernel says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketUser {
    /// The user's name, or `uid-N` when the machine has none for it.
    pub name: String,
}

impl SocketUser {
    /// The name of a user id on this machine.
    #[must_use]
    pub fn from_uid(uid: u32) -> SocketUser {
        let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let named = users.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
        });
        SocketUser { name: named.unwrap_or_else(|| format!("uid-{uid}")) }
    }
}

impl Connected<IncomingStream<'_, UnixListener>> for SocketUser {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        match stream.io().peer_cred() {
            Ok(credentials) => SocketUser::from_uid(credentials.uid()),
            // no user can have this name
            Err(_) => SocketUser { name: "unknown uid".to_owned() },
        }
    }
}
