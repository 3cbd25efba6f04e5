//! The DevTools protocol as far as the tests need it: commands and answers as JSON over one WebSocket.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// No command of a test takes this long.
const HANGS: Duration = Duration::from_secs(60);

/// A connection to the browser, and the one tab that it drives.
#[derive(Debug)]
pub(super) struct DevTools {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    last: u64,
    session: Option<String>,
    /// What the page complained of: exceptions, refused scripts and styles, failed requests.
    pub(super) complaints: Vec<String>,
}

impl DevTools {
    /// Connects and opens a tab.
    pub(super) async fn connect(address: &str) -> DevTools {
        let (socket, _) = connect_async(address).await.expect("the browser takes a connection");
        let mut tools = DevTools { socket, last: 0, session: None, complaints: Vec::new() };
        let target = tools.call("Target.createTarget", json!({ "url": "about:blank" })).await;
        let attached = tools
            .call("Target.attachToTarget", json!({ "targetId": target["targetId"], "flatten": true }))
            .await;
        tools.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page.enable", "Runtime.enable", "Log.enable"] {
            tools.call(domain, json!({})).await;
        }
        tools
    }

    /// One command and its result.
    ///
    /// # Panics
    /// When the browser refuses it, or says nothing.
    pub(super) async fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.last += 1;
        let number = self.last;
        let mut command = json!({ "id": number, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            command["sessionId"] = json!(session);
        }
        self.socket.send(Message::text(command.to_string())).await.expect("the browser listens");
        let answered = async {
            loop {
                let message =
                    self.socket.next().await.expect("the browser stays").expect("the browser speaks");
                let Message::Text(text) = message else { continue };
                let said: Value = serde_json::from_str(&text).expect("the browser speaks JSON");
                if said["id"] == number {
                    return said;
                }
                note(&said, &mut self.complaints);
            }
        };
        let said = tokio::time::timeout(HANGS, answered).await.unwrap_or_else(|_| panic!("{method} hangs"));
        assert!(said["error"].is_null(), "{method}: {}", said["error"]);
        said["result"].clone()
    }
}

fn note(said: &Value, complaints: &mut Vec<String>) {
    let what = match said["method"].as_str().unwrap_or_default() {
        "Runtime.exceptionThrown" => &said["params"]["exceptionDetails"],
        "Log.entryAdded" if said["params"]["entry"]["level"] == "error" => &said["params"]["entry"]["text"],
        _ => return,
    };
    complaints.push(what.to_string());
}
