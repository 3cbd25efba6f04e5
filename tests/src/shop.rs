//! A small service for the example runbooks: it has a mode that can be changed, and figures that follow from it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// The longest request that it reads, in bytes.
const LONGEST: usize = 64 * 1024;

/// What it is set to, and what it was asked.
#[derive(Debug, Default)]
struct State {
    mode: String,
    changes: Vec<Value>,
}

/// The service. It ends with the runtime that it was started in.
#[derive(Debug, Clone)]
pub struct Shop {
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Shop {
    /// Starts it on a free port of loopback.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub async fn start() -> Shop {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let state = Arc::new(Mutex::new(State { mode: "express".to_owned(), changes: Vec::new() }));
        let shop = Shop { address, state };
        let own = shop.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let own = own.clone();
                tokio::spawn(async move { own.serve(client).await });
            }
        });
        shop
    }

    /// Every body that changed its mode, in order.
    #[must_use]
    pub fn changes(&self) -> Vec<Value> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).changes.clone()
    }

    async fn serve(&self, mut client: TcpStream) {
        let Some((head, body)) = read(&mut client).await else { return };
        let mut words = head.split_whitespace();
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let (status, kind, text) = self.answer(method, path, &body);
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}",
            text.len()
        );
        // A client that has gone away needs no answer.
        let _sent = client.write_all(answer.as_bytes()).await;
    }

    fn answer(&self, method: &str, path: &str, body: &str) -> (&'static str, &'static str, String) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let express = state.mode == "express";
        let plain = |text: &str| ("200 OK", "text/plain", format!("{text}\n"));
        match (method, path) {
            ("GET", "/ready") => plain("5/5 ready"),
            ("GET", "/healthz") => ("200 OK", "application/json", json!({ "status": "ok" }).to_string()),
            ("GET", "/settings") => plain(&format!("mode: {}\nqueue: orders", state.mode)),
            ("GET", "/slowest") => plain("slowest request: 1.4 s"),
            ("GET", "/mode") => plain(&state.mode),
            ("GET", "/limit") => plain("50"),
            ("GET", "/figures") => plain(if express { "waiting=90 failed=31" } else { "waiting=3 failed=0" }),
            ("GET", "/metrics") => {
                let failed = if express { 31 } else { 0 };
                plain(&format!(
                    "checkout_failed_orders{{region=\"eu\"}} {failed}\ncheckout_failed_orders{{region=\"us\"}} 99"
                ))
            }
            ("GET", _) if path.starts_with("/orders/") => plain("waiting for payment"),
            ("PUT", "/mode") => match serde_json::from_str::<Value>(body) {
                Ok(asked) if asked["mode"].is_string() => {
                    state.mode = asked["mode"].as_str().unwrap_or_default().to_owned();
                    state.changes.push(asked);
                    ("200 OK", "application/json", json!({ "mode": state.mode }).to_string())
                }
                _ => ("400 Bad Request", "text/plain", "no mode\n".to_owned()),
            },
            _ => ("404 Not Found", "text/plain", "not here\n".to_owned()),
        }
    }
}

/// The head and the body of one request.
async fn read(client: &mut TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length = head
                .lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .map_or(Some(0), |(_, value)| value.trim().parse::<usize>().ok())?;
            if bytes.len() >= end + 4 + length {
                let body = String::from_utf8_lossy(&bytes[end + 4..end + 4 + length]).into_owned();
                return Some((head, body));
            }
        }
        if bytes.len() > LONGEST || client.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}
