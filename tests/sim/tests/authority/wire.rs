//! The real server on a free port and on a unix socket: who comes shows a bearer token, or is the user of this machine.

use std::net::SocketAddr;
use std::path::PathBuf;

use blocks_engine::Engine;
use blocks_server::{ApiToken, REQUESTS_PATH, Server, ServerParts, SocketUser, hash_token};
use chrono::{DateTime, Utc};
use runbook_core::ports::{Store, TokenRow};
use runbook_core::request::Request;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};

use crate::stage::KNOWN;

/// The shared API token of these worlds.
const SHARED: &str = "shared-t0ken-of-all-programs";

/// Where somebody comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// HTTP over TCP.
    Http,
    /// The unix socket.
    Socket,
}

/// What they show there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shows {
    /// Nothing: on the socket the kernel says who it is, over HTTP it is nobody.
    Nothing,
    /// Their own token.
    Own(String),
    /// The shared token.
    Shared,
    /// A token that nobody has.
    Guessed,
}

/// The server of one world.
pub(crate) struct Wire {
    address: SocketAddr,
    socket: PathBuf,
    server: Server,
}

/// The token of a person.
fn token_of(person: &str) -> String {
    format!("blk_{person}_0123456789abcdef")
}

/// The name of the user who runs this test, as the socket sees them.
pub(crate) fn user_here() -> String {
    SocketUser::from_uid(rustix::process::geteuid().as_raw()).name
}

impl Wire {
    /// Serves the engine, with a token for everybody whom the configuration knows, and for `zoe`, whom it does not know.
    pub(crate) async fn start(
        engine: &Engine,
        store: &dyn Store,
        socket: PathBuf,
        now: DateTime<Utc>,
    ) -> Wire {
        for person in KNOWN.iter().chain(&["zoe"]) {
            let row = TokenRow {
                sha256: hash_token(&token_of(person)),
                person: (*person).to_owned(),
                created_at: now,
            };
            store.token_put(row).await.unwrap();
        }
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let parts = ServerParts {
            listener,
            socket: socket.clone(),
            token: Some(ApiToken::new(SHARED.to_owned())),
            adapters: Vec::new(),
        };
        let server = Server::start(engine, parts).unwrap();
        Wire { address: server.address, socket, server }
    }

    /// Posts the request and gives the status of the answer.
    pub(crate) async fn post(&self, door: Door, shows: &Shows, request: &Request) -> u16 {
        let token = match shows {
            Shows::Nothing => None,
            Shows::Own(person) => Some(token_of(person)),
            Shows::Shared => Some(SHARED.to_owned()),
            Shows::Guessed => Some(token_of("nobody")),
        };
        let shown = token.map_or_else(String::new, |token| format!("authorization: Bearer {token}\r\n"));
        let body = serde_json::to_string(request).unwrap();
        let message = format!(
            "POST {REQUESTS_PATH} HTTP/1.1\r\nhost: blocks\r\nconnection: close\r\n{shown}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        match door {
            Door::Http => said(TcpStream::connect(self.address).await.unwrap(), &message).await,
            Door::Socket => said(UnixStream::connect(&self.socket).await.unwrap(), &message).await,
        }
    }

    pub(crate) async fn stop(self) {
        self.server.stop().await;
    }
}

async fn said(mut stream: impl AsyncRead + AsyncWrite + Unpin, message: &str) -> u16 {
    stream.write_all(message.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok());
    status.unwrap_or_else(|| panic!("no answer: {answer}"))
}
