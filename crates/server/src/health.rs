//! `/health` (alive), `/ready` (store and backlog), `/metrics`.

use axum::extract::State;
use axum::extract::connect_info::Connected;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::IncomingStream;
use axum::{Json, Router};
use blocks_engine::Engine;
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
        Ok(backlog) => Json(json!({ "ready": true, "outbox_backlog": backlog })).into_response(),
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
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
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
