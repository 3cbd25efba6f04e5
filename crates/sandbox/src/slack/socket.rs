//! Socket Mode: addresses to connect to, connections, envelopes and their acknowledgements.
//!
//! As in Slack: an address works once and for a short time, an envelope goes over one of the connections, and from the
//! first address on nothing comes over HTTP any more.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{SinkExt as _, StreamExt as _};
use http::StatusCode;
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Bytes, Message};

use super::{Answer, ApiError};
use crate::clock;
use crate::ids;
use crate::server::App;
use crate::shared::{Reply, Request, lock};

/// How long an address works.
const TICKET_LIFE: TimeDelta = TimeDelta::seconds(30);
/// As many connections as an app may have.
const CONNECTIONS_MAX: usize = 10;
/// How often Slack asks whether the app is there.
const PING_EVERY: Duration = Duration::from_secs(5);

/// The app's connections.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    /// An address was asked for: the app is in Socket Mode.
    is_on: bool,
    tickets: BTreeMap<String, DateTime<Utc>>,
    live: Vec<Live>,
    /// Who gets the next envelope.
    turn: usize,
    opened: u64,
    waiting: BTreeMap<String, oneshot::Sender<Value>>,
}

#[derive(Debug)]
struct Live {
    number: u64,
    to: mpsc::UnboundedSender<Order>,
    /// It is told to leave, so nothing new goes over it.
    leaves: bool,
}

#[derive(Debug)]
enum Order {
    Text(String),
    /// Stay, and neither read nor say anything any more.
    Silence,
    Close,
}

/// What `GET /control/state` shows.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    is_on: bool,
    live: usize,
    opened: u64,
}

/// `POST /control/slack/socket`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SocketRequest {
    /// Tells a connection, the oldest, to leave, with this reason.
    #[serde(default)]
    disconnect: Option<String>,
    /// Breaks all connections without a word.
    #[serde(default)]
    cut: bool,
    /// The connections of now stay, and nothing goes over them any more, not even a ping.
    #[serde(default)]
    silence: bool,
    /// A frame, as it is, over one connection.
    #[serde(default)]
    frame: Option<String>,
}

impl Sockets {
    pub(crate) fn is_on(&self) -> bool {
        self.is_on
    }

    pub(crate) fn shown(&self) -> Shown {
        Shown { is_on: self.is_on, live: self.live.len(), opened: self.opened }
    }

    /// Breaks every connection: an outage.
    pub(crate) fn cut(&mut self) {
        for live in self.live.drain(..) {
            let _ = live.to.send(Order::Close);
        }
        self.waiting.clear();
    }

    fn send(&mut self, text: String) -> bool {
        let able: Vec<_> = self.live.iter().filter(|live| !live.leaves).collect();
        let Some(live) = able.get(self.turn % able.len().max(1)) else { return false };
        let is_sent = live.to.send(Order::Text(text)).is_ok();
        self.turn = self.turn.wrapping_add(1);
        is_sent
    }
}

/// `apps.connections.open`, which takes the app's own token and no other.
pub(super) fn open(app: &App, request: &Request, base_url: &str, app_token: &str) -> Answer {
    match request.header("authorization").and_then(|value| value.strip_prefix("Bearer ")) {
        None => return Err(ApiError::new("not_authed")),
        Some(token) if token.starts_with("xoxb-") => return Err(ApiError::new("not_allowed_token_type")),
        Some(token) if token != app_token => return Err(ApiError::new("invalid_auth")),
        Some(_) => {}
    }
    let mut sockets = lock(&app.sockets);
    let now = clock::now();
    sockets.tickets.retain(|_, issued| now - *issued < TICKET_LIFE);
    sockets.is_on = true;
    let ticket = ids::lower(32);
    sockets.tickets.insert(ticket.clone(), now);
    let host = base_url.trim_start_matches("http://");
    Ok(
        json!({ "url": format!("ws://{host}/slack/link?ticket={ticket}&app_id={}", super::workspace::APP_ID) }),
    )
}

/// `GET /slack/link`: the WebSocket itself.
pub(crate) async fn link(State(app): State<Arc<App>>, request: axum::extract::Request) -> Response {
    let refused = |status: StatusCode| {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        response
    };
    if app.faults().slack_is_down() {
        return refused(StatusCode::SERVICE_UNAVAILABLE);
    }
    let query = crate::shared::pairs(request.uri().query().unwrap_or_default());
    let ticket = query.iter().find(|(name, _)| name == "ticket").map(|(_, value)| value.clone());
    let issued = ticket.and_then(|ticket| lock(&app.sockets).tickets.remove(&ticket));
    if issued.is_none_or(|issued| clock::now() - issued >= TICKET_LIFE) {
        return refused(StatusCode::UNAUTHORIZED);
    }
    let Some(key) = request.headers().get(SEC_WEBSOCKET_KEY).cloned() else {
        return refused(StatusCode::BAD_REQUEST);
    };
    let accept = derive_accept_key(key.as_bytes());
    let upgraded = hyper::upgrade::on(request);
    tokio::spawn(async move {
        if let Ok(stream) = upgraded.await {
            let socket = WebSocketStream::from_raw_socket(TokioIo::new(stream), Role::Server, None).await;
            serve(&app, socket).await;
        }
    });
    let response = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_ACCEPT, accept)
        .body(Body::empty());
    response.unwrap_or_else(|_| refused(StatusCode::INTERNAL_SERVER_ERROR))
}

async fn serve<S>(app: &Arc<App>, mut socket: WebSocketStream<S>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let (to, mut orders) = mpsc::unbounded_channel();
    let (number, count) = {
        let mut sockets = lock(&app.sockets);
        sockets.opened += 1;
        let number = sockets.opened;
        sockets.live.push(Live { number, to, leaves: false });
        (number, sockets.live.len())
    };
    let first = if count > CONNECTIONS_MAX {
        json!({ "type": "disconnect", "reason": "too_many_websockets", "num_connections": count })
    } else {
        json!({
            "type": "hello", "num_connections": count,
            "debug_info": { "host": "applink-sandbox", "build_number": 1, "approximate_connection_time": 18_060 },
            "connection_info": { "app_id": super::workspace::APP_ID },
        })
    };
    let mut pings = tokio::time::interval(PING_EVERY);
    let mut stopped = app.stopped.clone();
    let mut is_open = socket.send(Message::text(first.to_string())).await.is_ok() && count <= CONNECTIONS_MAX;
    while is_open {
        is_open = tokio::select! {
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    acknowledged(app, text.as_str());
                    true
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => false,
                Some(Ok(_)) => true,
            },
            order = orders.recv() => match order {
                Some(Order::Text(text)) => socket.send(Message::text(text)).await.is_ok(),
                Some(Order::Silence) => {
                    while let Some(Order::Text(_) | Order::Silence) = orders.recv().await {}
                    false
                }
                Some(Order::Close) | None => false,
            },
            _ = pings.tick() => socket.send(Message::Ping(Bytes::new())).await.is_ok(),
            () = async { let _ = stopped.wait_for(|stop| *stop).await; } => false,
        };
    }
    lock(&app.sockets).live.retain(|live| live.number != number);
    // Without a closing handshake: connections break like that.
}

fn acknowledged(app: &App, text: &str) {
    let Ok(said) = serde_json::from_str::<Value>(text) else { return };
    let waiting = said["envelope_id"].as_str().and_then(|id| lock(&app.sockets).waiting.remove(id));
    if let Some(waiting) = waiting {
        let _ = waiting.send(said["payload"].clone());
    }
}

/// Sends an envelope over one of the connections, and waits for its acknowledgement: the payload, `null` when it has
/// none.
pub(super) async fn envelope(
    app: &App,
    kind: &str,
    payload: &Value,
    limit: Duration,
) -> Result<Value, String> {
    let id = ids::lower(32);
    let (said, answer) = oneshot::channel();
    {
        let mut sockets = lock(&app.sockets);
        let text = json!({
            "envelope_id": id, "type": kind, "accepts_response_payload": kind == "slash_commands" || payload["type"] == "view_submission",
            "payload": payload,
        });
        if !sockets.send(text.to_string()) {
            return Err("the app has no connection".to_owned());
        }
        sockets.waiting.insert(id.clone(), said);
    }
    let answered = tokio::time::timeout(limit, answer).await;
    lock(&app.sockets).waiting.remove(&id);
    match answered {
        Ok(Ok(payload)) => Ok(payload),
        Ok(Err(_)) => Err("the connection broke".to_owned()),
        Err(_) => Err("no answer within 3 s".to_owned()),
    }
}

/// Moves the connections as a test or the page asks.
pub(crate) fn control(app: &App, wanted: SocketRequest) -> Reply {
    let mut sockets = lock(&app.sockets);
    if wanted.silence {
        for live in &sockets.live {
            let _ = live.to.send(Order::Silence);
        }
    }
    if wanted.cut {
        sockets.cut();
    }
    if let Some(reason) = wanted.disconnect {
        let count = sockets.live.len();
        let Some(live) = sockets.live.iter_mut().find(|live| !live.leaves) else {
            return Reply::json(409, &json!({"error": "no connection"}));
        };
        live.leaves = true;
        let text = json!({ "type": "disconnect", "reason": reason, "num_connections": count });
        let _ = live.to.send(Order::Text(text.to_string()));
    }
    if let Some(frame) = wanted.frame
        && !sockets.send(frame)
    {
        return Reply::json(409, &json!({"error": "no connection"}));
    }
    Reply::json(200, &json!({"ok": true}))
}
