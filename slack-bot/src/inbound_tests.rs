use std::sync::Mutex;

use chrono::{DateTime, Utc};
use runbook_core::ports::{Accepted, BoxFuture, InboxItem, StoreError};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::signature::tests::{at, sign};

const SECRET: &str = "runbook-test-signing-secret";
const NOW: i64 = 1_789_000_000;

/// Remembers what it was given.
#[derive(Default)]
struct Recorder {
    items: Mutex<Vec<InboxItem>>,
    refusals: Mutex<Vec<&'static str>>,
    is_down: bool,
}

impl Intake for Recorder {
    fn accept(&self, item: InboxItem) -> BoxFuture<'_, Result<Accepted, StoreError>> {
        let mut items = self.items.lock().unwrap();
        let outcome = if self.is_down {
            Err(StoreError::Unavailable("disk full".into()))
        } else if items.iter().any(|known| known.id == item.id) {
            Ok(Accepted::Duplicate)
        } else {
            items.push(item);
            Ok(Accepted::New)
        };
        Box::pin(std::future::ready(outcome))
    }

    fn refused(&self, source: &'static str, reason: &'static str) {
        assert_eq!(source, "slack");
        self.refusals.lock().unwrap().push(reason);
    }

    fn now(&self) -> DateTime<Utc> {
        at(NOW)
    }
}

struct Server {
    address: std::net::SocketAddr,
    intake: Arc<Recorder>,
}

impl Server {
    async fn start(intake: Recorder) -> Server {
        let intake = Arc::new(intake);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = router(
            InboundConfig { signing_secret: Secret::new(SECRET), command: CommandWord::default() },
            intake.clone(),
        );
        tokio::spawn(async move { axum::serve(listener, app).await });
        Server { address, intake }
    }

    /// Posts a signed body.
    async fn post(&self, path: &str, body: &[u8]) -> (u16, String) {
        self.post_with(
            path,
            body,
            &[("X-Slack-Request-Timestamp", NOW.to_string()), ("X-Slack-Signature", sign(SECRET, NOW, body))],
        )
        .await
    }

    async fn post_with(&self, path: &str, body: &[u8], headers: &[(&str, String)]) -> (u16, String) {
        let mut head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n",
            body.len()
        );
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        // A refused body may be cut off by the other side.
        let _ = stream.write_all(body).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    fn items(&self) -> Vec<InboxItem> {
        self.intake.items.lock().unwrap().clone()
    }

    fn refusals(&self) -> Vec<&'static str> {
        self.intake.refusals.lock().unwrap().clone()
    }
}

fn form(fields: &[(&str, &str)]) -> Vec<u8> {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish().into_bytes()
}

fn slash(text: &str) -> Vec<u8> {
    form(&[
        ("user_id", "U0ANA"),
        ("channel_id", "C1"),
        ("command", "/blocks"),
        ("text", text),
        ("trigger_id", "1.2.abc"),
    ])
}

fn shown(body: &str) -> String {
    let value: Value = serde_json::from_str(body).unwrap();
    assert_eq!(value["response_type"], "ephemeral");
    value["text"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_command_is_stored_raw_before_it_is_acknowledged() {
    let server = Server::start(Recorder::default()).await;
    let body = slash("runbook rollback flowengine");
    let (status, answer) = server.post("/slack/commands", &body).await;
    assert_eq!((status, shown(&answer).as_str()), (200, "Working on `runbook rollback flowengine`..."));
    let expected = InboxItem {
        source: "slack".into(),
        id: "1.2.abc".into(),
        kind: "command".into(),
        body,
        received_at: at(NOW),
    };
    assert_eq!(server.items(), [expected]);
    assert!(server.refusals().is_empty());
}

#[tokio::test]
async fn unknown_words_are_answered_at_once_and_not_stored() {
    let server = Server::start(Recorder::default()).await;
    let (status, answer) = server.post("/slack/commands", &slash("runbook rolback <!channel>")).await;
    assert_eq!(status, 200);
    assert!(shown(&answer).contains("did you mean `runbook rollback"), "{answer}");
    let (_, answer) = server.post("/slack/commands", &slash("<!channel>")).await;
    assert!(shown(&answer).contains("&lt;!channel&gt;") && !answer.contains("<!"), "{answer}");
    let (_, answer) = server.post("/slack/commands", &slash("help")).await;
    assert!(shown(&answer).contains("runbook list"), "{answer}");
    assert!(server.items().is_empty());
    // what makes sense next depends on the incident of the channel, so it is looked up
    let (_, answer) = server.post("/slack/commands", &slash("")).await;
    assert!(shown(&answer).contains("Looking"), "{answer}");
    assert_eq!(server.items().len(), 1);
}

#[tokio::test]
async fn what_is_not_proven_to_be_slacks_is_refused_and_counted() {
    let server = Server::start(Recorder::default()).await;
    let body = slash("runbook rollback flowengine");
    let time = |seconds: i64| ("X-Slack-Request-Timestamp", seconds.to_string());
    let signed = |secret: &str, seconds: i64| ("X-Slack-Signature", sign(secret, seconds, &body));
    let table = [
        (vec![], "missing_signature"),
        (vec![time(NOW)], "missing_signature"),
        (vec![signed(SECRET, NOW)], "missing_signature"),
        (vec![time(NOW), signed("another", NOW)], "bad_signature"),
        (vec![time(NOW + 1), signed(SECRET, NOW)], "bad_signature"),
        (vec![time(NOW - 301), signed(SECRET, NOW - 301)], "stale_timestamp"),
        (vec![time(NOW + 301), signed(SECRET, NOW + 301)], "stale_timestamp"),
        (vec![time(NOW), signed("x", NOW), signed(SECRET, NOW)], "missing_signature"),
    ];
    for path in ["/slack/commands", "/slack/interactions", "/slack/events"] {
        for (headers, reason) in &table {
            let (status, answer) = server.post_with(path, &body, headers).await;
            assert_eq!((status, answer.as_str()), (401, ""), "{path} {reason}");
            assert_eq!(server.refusals().last(), Some(reason), "{path}");
        }
    }
    assert_eq!(server.refusals().len(), 3 * table.len());
    assert!(server.items().is_empty());
}

#[tokio::test]
async fn a_body_has_a_limit() {
    let server = Server::start(Recorder::default()).await;
    let (status, _) = server.post("/slack/interactions", &vec![b'x'; BODY_LIMIT]).await;
    assert_eq!(status, 200);
    let (status, _) = server.post("/slack/interactions", &vec![b'x'; BODY_LIMIT + 1]).await;
    assert_eq!(status, 413);
    assert_eq!(server.refusals(), ["too_large"]);
    assert_eq!(server.items().len(), 1);
}

#[tokio::test]
async fn a_store_that_is_down_is_said_honestly() {
    let server = Server::start(Recorder { is_down: true, ..Recorder::default() }).await;
    let (status, answer) = server.post("/slack/commands", &slash("ack")).await;
    assert_eq!(status, 200);
    assert!(shown(&answer).contains("Nothing was started. Please try again"), "{answer}");
    let (status, _) = server.post("/slack/interactions", &form(&[("payload", "{}")])).await;
    assert_eq!(status, 503);
}

#[tokio::test]
async fn a_repeated_press_is_one_press() {
    let server = Server::start(Recorder::default()).await;
    let press = form(&[("payload", r#"{"type":"block_actions","trigger_id":"9.9.x","team":null}"#)]);
    let unnamed = form(&[("payload", r#"{"type":"block_actions"}"#)]);
    for body in [&press, &unnamed, &press, &unnamed] {
        assert_eq!(server.post("/slack/interactions", body).await, (200, String::new()));
    }
    let ids: Vec<String> = server.items().into_iter().map(|item| item.id).collect();
    assert_eq!(ids, ["9.9.x".to_owned(), hex::encode(Sha256::digest(&unnamed))]);
    assert!(server.items().iter().all(|item| item.kind == "interaction"));
}

#[tokio::test]
async fn what_does_not_read_is_kept_for_later() {
    let server = Server::start(Recorder::default()).await;
    assert_eq!(server.post("/slack/interactions", b"\xff\xfe not a form").await.0, 200);
    assert_eq!(server.items().len(), 1);
}

#[tokio::test]
async fn events_and_checks() {
    let server = Server::start(Recorder::default()).await;
    let challenge = br#"{"token":"x","type":"url_verification","challenge":"3eZbrw1aBm2r"}"#;
    assert_eq!(server.post("/slack/events", challenge).await, (200, "3eZbrw1aBm2r".into()));
    let event = br#"{"type":"event_callback","event_id":"Ev1","event":{"type":"app_mention"}}"#;
    assert_eq!(server.post("/slack/events", event).await, (200, String::new()));
    assert_eq!(server.post("/slack/events", b"no json").await, (200, String::new()));
    assert_eq!(server.post_with("/slack/commands", b"ssl_check=1&token=x", &[]).await, (200, String::new()));
    assert!(server.items().is_empty() && server.refusals().is_empty());
}
