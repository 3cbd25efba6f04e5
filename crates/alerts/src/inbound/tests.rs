use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderName;
use hyper::body::Frame;
use runbook_core::ports::{Accepted, BoxFuture, StoreError};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::{Basic, HmacCheck, Secret};

/// Keeps what it is given, or is out of order.
#[derive(Default)]
struct Inbox {
    items: Mutex<BTreeMap<(String, String), InboxItem>>,
    refused: Mutex<Vec<String>>,
    broken: Option<StoreError>,
    later: Mutex<i64>,
}

impl Intake for Inbox {
    fn accept(&self, item: InboxItem) -> BoxFuture<'_, Result<Accepted, StoreError>> {
        Box::pin(async move {
            if let Some(error) = &self.broken {
                return Err(error.clone());
            }
            let key = (item.source.clone(), item.id.clone());
            let known = self.items.lock().unwrap().insert(key, item);
            Ok(if known.is_some() { Accepted::Duplicate } else { Accepted::New })
        })
    }

    fn refused(&self, source: &'static str, reason: &'static str) {
        self.refused.lock().unwrap().push(format!("{source} {reason}"));
    }

    fn now(&self) -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 1, 2, 3, 0, 0).unwrap() + TimeDelta::seconds(*self.later.lock().unwrap())
    }
}

fn hooks() -> Vec<Hook> {
    let tokens = || Secret::list("token-1,token-2");
    let basic = Some(Basic { user: "blocks".to_owned() });
    let hmac = |timestamp: bool| HmacCheck {
        secrets: Secret::list("key-1"),
        signature: HeaderName::from_static("x-grafana-alerting-signature"),
        timestamp: timestamp.then(|| HeaderName::from_static("x-time")),
        tolerance_s: 300,
    };
    vec![
        Hook { kind: Kind::Alertmanager, proof: Proof { tokens: tokens(), basic, hmac: None } },
        Hook { kind: Kind::Grafana, proof: Proof { hmac: Some(hmac(false)), ..Proof::default() } },
        Hook {
            kind: Kind::Json("timed".to_owned()),
            proof: Proof { hmac: Some(hmac(true)), ..Proof::default() },
        },
        Hook { kind: Kind::Json("uptime".to_owned()), proof: Proof { tokens: tokens(), ..Proof::default() } },
    ]
}

async fn answer(
    inbox: &Arc<Inbox>,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> (StatusCode, Value) {
    let intake: Arc<dyn Intake> = inbox.clone();
    let mut request = Request::post(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = router(hooks(), &intake).oneshot(request.body(body.into()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, 10_000).await.unwrap();
    (parts.status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

const TOKEN: (&str, &str) = ("authorization", "Bearer token-2");

fn sign(text: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(b"key-1").unwrap();
    mac.update(text.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

#[tokio::test]
async fn what_is_proved_is_kept_whatever_it_is() {
    let inbox = Arc::new(Inbox::default());
    let deep = "[".repeat(100_000);
    let bodies = ["{}", "", "not json", "{\"alerts\":[", deep.as_str(), "\u{0}", "null"];
    for body in bodies {
        let headers = [TOKEN, ("content-type", "text/plain")];
        let (status, answer) = answer(&inbox, "/hooks/alertmanager", &headers, body.to_owned()).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{}", &body[..body.len().min(20)]);
        assert_eq!(answer, json!({ "accepted": true, "duplicate": false }));
    }
    assert_eq!(inbox.items.lock().unwrap().len(), bodies.len());
}

#[tokio::test]
async fn what_is_not_proved_is_refused_and_counted() {
    let inbox = Arc::new(Inbox::default());
    for (path, headers, wanted) in [
        ("/hooks/alertmanager", vec![], "alertmanager missing_proof"),
        ("/hooks/alertmanager", vec![("authorization", "Bearer other")], "alertmanager bad_proof"),
        ("/hooks/alertmanager", vec![("authorization", "Bearer key-1")], "alertmanager bad_proof"),
        ("/hooks/grafana", vec![TOKEN], "grafana bad_proof"),
        ("/hooks/grafana", vec![("x-grafana-alerting-signature", "00")], "grafana bad_proof"),
        ("/hooks/json/uptime", vec![("x-grafana-alerting-signature", "00")], "json missing_proof"),
    ] {
        let (status, body) = answer(&inbox, path, &headers, "{}").await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{path} {headers:?}");
        assert_eq!(inbox.refused.lock().unwrap().pop().as_deref(), Some(wanted));
        assert_eq!(body["accepted"], false);
    }
    assert!(inbox.items.lock().unwrap().is_empty());
    let (status, _) = answer(&inbox, "/hooks/json/other", &[TOKEN], "{}").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

/// A body that must not be read, or that breaks off.
struct Unread {
    may_be_read: bool,
}

impl HttpBody for Unread {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        assert!(self.may_be_read, "it was read before there was any proof");
        Poll::Ready(Some(Err(std::io::ErrorKind::TimedOut.into())))
    }
}

/// Whoever signs what they send may be anybody until it is read; whoever shows a token is known before.
#[tokio::test]
async fn what_is_sent_with_a_wrong_token_is_not_read() {
    let inbox = Arc::new(Inbox::default());
    let unread = |may_be_read| Body::new(Unread { may_be_read });
    for (path, headers) in [
        ("/hooks/alertmanager", vec![]),
        ("/hooks/alertmanager", vec![("authorization", "Bearer other")]),
        ("/hooks/alertmanager", vec![("authorization", "Basic b3RoZXI6b3RoZXI=")]),
        ("/hooks/grafana", vec![TOKEN]),
    ] {
        let (status, _) = answer(&inbox, path, &headers, unread(false)).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{path} {headers:?}");
    }
    // what breaks off is to be sent again
    for (path, header) in
        [("/hooks/alertmanager", TOKEN), ("/hooks/grafana", ("x-grafana-alerting-signature", "00"))]
    {
        let (status, body) = answer(&inbox, path, &[header], unread(true)).await;
        assert_eq!((status, &body["error"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("unreadable_body")));
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_it_is_kept() {
    let inbox = Arc::new(Inbox::default());
    for (bytes, wanted) in
        [(BODY_LIMIT, StatusCode::ACCEPTED), (BODY_LIMIT + 1, StatusCode::PAYLOAD_TOO_LARGE)]
    {
        let (status, _) = answer(&inbox, "/hooks/alertmanager", &[TOKEN], vec![b' '; bytes]).await;
        assert_eq!(status, wanted);
    }
    let (status, _) = answer(&inbox, "/hooks/alertmanager", &[TOKEN], vec![b' '; 10_000_000]).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(inbox.items.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn our_own_trouble_is_a_503() {
    let broken = Some(StoreError::Unavailable("the disk is full".to_owned()));
    let inbox = Arc::new(Inbox { broken, ..Inbox::default() });
    let (status, body) = answer(&inbox, "/hooks/alertmanager", &[TOKEN], "{}").await;
    assert_eq!((status, body["error"].as_str()), (StatusCode::SERVICE_UNAVAILABLE, Some("not_stored")));
}

/// A retry falls away; what is said again hours later, and what has changed, does not.
#[tokio::test]
async fn the_same_bytes_are_one_message_for_a_while() {
    let inbox = Arc::new(Inbox::default());
    let mut duplicates = Vec::new();
    for (later, body) in [(0, "{\"a\":1}"), (30, "{\"a\":1}"), (31, "{\"a\":2}"), (4 * 3600, "{\"a\":1}")] {
        *inbox.later.lock().unwrap() = later;
        let (_, answer) = answer(&inbox, "/hooks/alertmanager", &[TOKEN], body).await;
        duplicates.push(answer["duplicate"] == true);
    }
    assert_eq!(duplicates, [false, true, false, false]);
    // of one source, but not of one sender
    let (_, other) = answer(&inbox, "/hooks/json/uptime", &[TOKEN], "{\"a\":1}").await;
    assert_eq!(other["duplicate"], false);
}

/// What a plain sender says tells no time: the second `down` is none of the first, and comes within seconds.
#[tokio::test]
async fn a_plain_sender_may_say_the_same_again() {
    let inbox = Arc::new(Inbox::default());
    for (later, body) in [(0, r#"{"state":"down"}"#), (5, r#"{"state":"up"}"#), (9, r#"{"state":"down"}"#)] {
        *inbox.later.lock().unwrap() = later;
        let (_, answer) = answer(&inbox, "/hooks/json/uptime", &[TOKEN], body).await;
        assert_eq!(answer, json!({ "accepted": true, "duplicate": false }), "{later}");
    }
    assert_eq!(inbox.items.lock().unwrap().len(), 3);
}

/// What was signed is accepted once, whoever sends it again and whenever.
#[tokio::test]
async fn what_was_signed_is_not_played_again() {
    let inbox = Arc::new(Inbox::default());
    let signature = sign("{\"a\":1}");
    let headers = [("x-grafana-alerting-signature", signature.as_str())];
    for (later, wanted) in [(0, false), (5, true), (90_000, true)] {
        *inbox.later.lock().unwrap() = later;
        let (status, answer) = answer(&inbox, "/hooks/grafana", &headers, "{\"a\":1}").await;
        assert_eq!((status, answer["duplicate"] == true), (StatusCode::ACCEPTED, wanted));
    }
    *inbox.later.lock().unwrap() = 0;
    let at = inbox.now().timestamp();
    for (time, later, wanted, duplicate) in [
        (at, 0, StatusCode::ACCEPTED, false),
        (at, 60, StatusCode::ACCEPTED, true),
        (at + 60, 60, StatusCode::ACCEPTED, false),
        (at, 301, StatusCode::UNAUTHORIZED, false),
    ] {
        *inbox.later.lock().unwrap() = later;
        let (signature, time) = (sign(&format!("{time}:{{}}")), time.to_string());
        let headers = [("x-grafana-alerting-signature", signature.as_str()), ("x-time", time.as_str())];
        let (status, answer) = answer(&inbox, "/hooks/json/timed", &headers, "{}").await;
        assert_eq!((status, answer["duplicate"] == true), (wanted, duplicate), "{time} {later}");
    }
    assert_eq!(inbox.refused.lock().unwrap().as_slice(), ["json stale_proof"]);
}
