//! The pager's other side: its REST API, as far as Blocks asks for it, with a ledger of what was done there.
//!
//! It is never kinder than the real one: a note that is written twice is there twice, an acknowledgement that comes twice is an event
//! twice, and now and then what was done is answered as if it had failed. It lists no incidents, as to a token that may not: what a
//! delivery lost is to be seen here, and not to be made up for by looking.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// One change of so many is made, and answered as if it had not been.
const LOST_ANSWER: u64 = 5;
/// One of so many is not made.
const REFUSED: u64 = 7;

/// What was done to an incident there.
#[derive(Debug, Clone, Default)]
pub(super) struct Done {
    /// How often it was acknowledged.
    pub(super) acknowledged: u64,
    /// Its notes, with their ids.
    pub(super) notes: Vec<(String, String)>,
    /// Anything else, which nobody asked for.
    pub(super) other: Vec<String>,
}

/// The stand-in.
#[derive(Debug, Default)]
pub(super) struct Pager {
    done: Mutex<BTreeMap<String, Done>>,
    calls: Mutex<u64>,
    /// Somebody has done something.
    changed: Notify,
}

impl Pager {
    /// Listens on loopback; the address of the API.
    pub(super) async fn start() -> (Arc<Pager>, String) {
        let pager = Arc::new(Pager::default());
        let routes = Router::new()
            .route("/api/incidents", get(forbidden))
            .route("/api/incidents/{id}", get(read).put(change))
            .route("/api/incidents/{id}/notes", get(notes).post(write))
            .route("/api/users/{id}", get(user))
            .fallback(nothing)
            .with_state(Arc::clone(&pager));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (pager, format!("http://{address}/api"))
    }

    /// What was done to all of them.
    pub(super) fn ledger(&self) -> BTreeMap<String, Done> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until this is so of an incident.
    pub(super) async fn until<T>(&self, id: &str, is_so: impl Fn(&Done) -> Option<T>) -> T {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let found = {
                let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
                done.get(id).and_then(&is_so)
            };
            match found {
                Some(found) => return found,
                None => changed.await,
            }
        }
    }

    /// Does something, unless this call is refused; and answers, unless the answer is lost.
    fn make(&self, id: &str, change: impl FnOnce(&mut Done) -> Value) -> (StatusCode, Json<Value>) {
        let call = {
            let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
            *calls += 1;
            *calls
        };
        if call.is_multiple_of(REFUSED) {
            let status = if call.is_multiple_of(2) {
                StatusCode::SERVICE_UNAVAILABLE
            } else {
                StatusCode::TOO_MANY_REQUESTS
            };
            return (status, Json(json!({ "error": { "message": "Not now", "code": 2020 } })));
        }
        let answer = change(
            self.done.lock().unwrap_or_else(PoisonError::into_inner).entry(id.to_owned()).or_default(),
        );
        self.changed.notify_waiters();
        if call % LOST_ANSWER == 2 {
            return (StatusCode::BAD_GATEWAY, Json(json!({})));
        }
        (StatusCode::OK, Json(answer))
    }
}

fn error(message: &str, code: u32) -> Json<Value> {
    Json(json!({ "error": { "message": message, "code": code } }))
}

async fn forbidden() -> (StatusCode, Json<Value>) {
    (StatusCode::FORBIDDEN, error("Access Denied", 2010))
}

async fn nothing() -> (StatusCode, Json<Value>) {
    (StatusCode::NOT_FOUND, error("Not Found", 2100))
}

fn shown(id: &str, done: Option<&Done>) -> Value {
    let is_taken = done.is_some_and(|done| done.acknowledged > 0);
    let status = if is_taken { "acknowledged" } else { "triggered" };
    json!({ "incident": { "id": id, "type": "incident", "status": status } })
}

async fn read(State(pager): State<Arc<Pager>>, Path(id): Path<String>) -> Json<Value> {
    Json(shown(&id, pager.done.lock().unwrap_or_else(PoisonError::into_inner).get(&id)))
}

async fn change(
    State(pager): State<Arc<Pager>>,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> (StatusCode, Json<Value>) {
    pager.make(&id, |done| {
        match body.pointer("/incident/status").and_then(Value::as_str) {
            Some("acknowledged") => done.acknowledged += 1,
            _ => done.other.push(body.to_string()),
        }
        shown(&id, Some(done))
    })
}

async fn notes(State(pager): State<Arc<Pager>>, Path(id): Path<String>) -> Json<Value> {
    let done = pager.done.lock().unwrap_or_else(PoisonError::into_inner);
    let written = done.get(&id).map(|done| done.notes.as_slice()).unwrap_or_default();
    let written = written.iter().map(|(id, text)| json!({ "id": id, "content": text }));
    Json(json!({ "notes": written.collect::<Vec<_>>() }))
}

async fn write(
    State(pager): State<Arc<Pager>>,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> (StatusCode, Json<Value>) {
    let text = body.pointer("/note/content").and_then(Value::as_str).unwrap_or_default().to_owned();
    pager.make(&id, |done| {
        let note = format!("POURS{id}{:02}", done.notes.len());
        done.notes.push((note.clone(), text.clone()));
        json!({ "note": { "id": note, "content": text } })
    })
}

async fn user(Path(id): Path<String>) -> (StatusCode, Json<Value>) {
    let name = match id.as_str() {
        "PANA001" => "ana",
        "PBEN001" => "ben",
        "PZED001" => "zed",
        _ => return nothing().await,
    };
    (StatusCode::OK, Json(json!({ "user": { "id": id, "email": format!("{name}@example.com") } })))
}
