use std::collections::BTreeMap;
use std::sync::Mutex;

use axum::body::{Body, to_bytes};
use chrono::{TimeDelta, TimeZone};
use runbook_core::ports::{Accepted, BoxFuture, Signal, StoreError, Translated, Translator as _};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;

/// Keeps what it is given, or is out of order.
#[derive(Default)]
struct Inbox {
    items: Mutex<BTreeMap<String, InboxItem>>,
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
            let known = self.items.lock().unwrap().insert(item.id.clone(), item);
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

const TOKEN: (&str, &str) = ("authorization", "Bearer token-2");
const BODY: &str = r#"{"service":"shop","summary":"rolled out"}"#;

async fn answer(inbox: &Arc<Inbox>, headers: &[(&str, &str)], body: impl Into<Body>) -> (StatusCode, Value) {
    let mut request = Request::post("/hooks/change");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let router = router(Secret::list("token-1,token-2"), inbox.clone());
    let response = router.oneshot(request.body(body.into()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, 10_000).await.unwrap();
    (parts.status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

/// What the one message that is stored means.
fn stored(inbox: &Inbox) -> runbook_core::change::ToldChange {
    let items = inbox.items.lock().unwrap();
    assert_eq!(items.len(), 1, "{items:?}");
    match crate::ChangeTranslator.translate(items.values().next().unwrap()) {
        Translated::Signal(Signal::Change(change)) => *change,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn whatever_it_calls_itself_a_change_is_kept() {
    for kind in ["application/json", "application/x-www-form-urlencoded", "text/plain", "image/png", "x", ""]
    {
        let inbox = Arc::new(Inbox::default());
        let (status, body) = answer(&inbox, &[TOKEN, ("content-type", kind)], BODY).await;
        assert_eq!((status, body), (StatusCode::ACCEPTED, json!({ "accepted": true, "duplicate": false })));
        assert_eq!(stored(&inbox).summary, "rolled out");
    }
}

#[tokio::test]
async fn what_is_not_proved_is_refused_before_it_is_read() {
    let inbox = Arc::new(Inbox::default());
    for (headers, wanted) in [
        (vec![], "change missing_proof"),
        (vec![("authorization", "")], "change bad_proof"),
        (vec![("authorization", "Bearer token")], "change bad_proof"),
        (vec![("authorization", "Bearer token-1,token-2")], "change bad_proof"),
        (vec![("authorization", "Basic dG9rZW4tMQ==")], "change bad_proof"),
        (vec![("x-token", "token-1")], "change missing_proof"),
    ] {
        let (status, body) = answer(&inbox, &headers, vec![b' '; 10_000_000]).await;
        assert_eq!(
            (status, body["accepted"].as_bool()),
            (StatusCode::UNAUTHORIZED, Some(false)),
            "{headers:?}"
        );
        assert_eq!(inbox.refused.lock().unwrap().pop().as_deref(), Some(wanted));
    }
    // nobody has a token where none is configured
    let router = router(Vec::new(), inbox.clone());
    let request =
        Request::post("/hooks/change").header("authorization", "Bearer ").body(Body::from(BODY)).unwrap();
    assert_eq!(router.oneshot(request).await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert!(inbox.items.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_cannot_be_a_change_hears_why() {
    let inbox = Arc::new(Inbox::default());
    let deep = "[".repeat(100_000);
    let event = "application/cloudevents+json; charset=utf-8";
    for (kind, body, wanted) in [
        ("application/json", "", "the body is not json"),
        ("application/json", "{\"service\":\"shop\",", "the body is not json"),
        ("application/json", deep.as_str(), "the body is not json"),
        ("application/json", "null", "the body is not a json object"),
        ("application/json", "{\"service\":\"shop\"}", "there is no summary"),
        (event, BODY, "the event has no specversion"),
        ("application/cloudevents-batch+json", "[]", "batches of events are not taken"),
        ("application/cloudevents+avro", "", "hint: application/cloudevents+json"),
    ] {
        let (status, answer) = answer(&inbox, &[TOKEN, ("content-type", kind)], body.to_owned()).await;
        assert_eq!(
            (status, answer["error"].as_str()),
            (StatusCode::BAD_REQUEST, Some("unreadable")),
            "{kind}"
        );
        assert!(answer["reason"].as_str().unwrap_or_default().contains(wanted), "{answer}");
        assert_eq!(inbox.refused.lock().unwrap().pop().as_deref(), Some("change unreadable"));
    }
    for (bytes, wanted) in [
        (BODY_LIMIT - BODY.len(), StatusCode::ACCEPTED),
        (BODY_LIMIT - BODY.len() + 1, StatusCode::PAYLOAD_TOO_LARGE),
        (10_000_000, StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let body = format!("{BODY}{}", " ".repeat(bytes));
        assert_eq!(answer(&inbox, &[TOKEN], body).await.0, wanted, "{bytes}");
    }
    assert_eq!(inbox.items.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn our_own_trouble_is_a_503() {
    let broken = Some(StoreError::Unavailable("the disk is full".to_owned()));
    let inbox = Arc::new(Inbox { broken, ..Inbox::default() });
    let (status, body) = answer(&inbox, &[TOKEN], BODY).await;
    assert_eq!((status, body["error"].as_str()), (StatusCode::SERVICE_UNAVAILABLE, Some("not_stored")));
}

/// A sender's id counts for ever, and bytes that say when; others may be said again.
#[tokio::test]
async fn a_repetition_falls_away() {
    let with = |more: &str| format!("{{\"service\":\"shop\",\"summary\":\"rolled out\"{more}}}");
    for (first, second, later, wanted) in [
        (with(""), with(""), 30, true),
        (with(""), with(""), 3_600, false),
        (with(""), with(",\"by\":\"ana\""), 0, false),
        (with(",\"at\":\"2026-01-01T00:00:00Z\""), with(",\"at\":\"2026-01-01T00:00:00Z\""), 90_000, true),
        (with(",\"id\":\"7\""), with(",\"id\":7,\"by\":\"ana\""), 90_000, true),
        (with(",\"id\":\"7\""), with(",\"id\":\"7\",\"source\":\"other ci\""), 0, false),
        (with(",\"id\":\"7\""), with(",\"id\":\"7\"").replace("shop", "billing"), 0, false),
    ] {
        let inbox = Arc::new(Inbox::default());
        answer(&inbox, &[TOKEN], first.clone()).await;
        *inbox.later.lock().unwrap() = later;
        let (_, answer) = answer(&inbox, &[TOKEN], second.clone()).await;
        assert_eq!(answer["duplicate"].as_bool(), Some(wanted), "{first} {second} {later}");
    }
}

/// The same event in both modes of CloudEvents is one, and means the same.
#[tokio::test]
async fn an_event_in_both_modes() {
    let inbox = Arc::new(Inbox::default());
    let event = json!({
        "specversion": "1.0", "id": "A-1", "source": "/ci \"x\"", "type": "com.example.flag", "subject": "café",
        "time": "2026-01-01T00:00:00Z", "data": { "summary": "flag x is on" },
    });
    let headers = [TOKEN, ("content-type", "application/cloudevents+json; charset=UTF-8")];
    assert_eq!(answer(&inbox, &headers, event.to_string()).await.0, StatusCode::ACCEPTED);
    let structured = stored(&inbox);
    assert_eq!(structured.service, ["café"]);
    let binary = [
        TOKEN,
        ("content-type", "application/json"),
        ("ce-specversion", "1.0"),
        ("CE-Id", "A-1"),
        ("ce-source", "\"/ci \\\"x\\\"\""),
        ("ce-type", "com.example.flag"),
        ("ce-subject", "caf%c3%A9"),
        ("ce-time", "2026-01-01T00:00:00Z"),
    ];
    let (_, body) = answer(&inbox, &binary, "{\"summary\":\"flag x is on\"}").await;
    assert_eq!(body["duplicate"], true, "{body}");
    assert_eq!(stored(&inbox), structured);
    for (name, value, wanted) in [
        ("ce-subject", "%C0%A0", "the header ce-subject does not read"),
        ("ce-time", "yesterday", "the time does not read"),
        ("ce-specversion", "2.0", "of another version"),
        ("ce-type", "", "the event has no type"),
    ] {
        let mut headers: Vec<_> = binary.into_iter().filter(|(known, _)| *known != name).collect();
        headers.push((name, value));
        let (status, answer) = answer(&inbox, &headers, "{\"summary\":\"x\"}").await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{name}");
        assert!(answer["reason"].as_str().unwrap_or_default().contains(wanted), "{answer}");
    }
    for (body, wanted) in [("not json", "the data is not json"), ("", "there is no summary")] {
        let (_, answer) = answer(&inbox, &binary, body).await;
        assert!(answer["reason"].as_str().unwrap_or_default().contains(wanted), "{answer}");
    }
}

/// What a broker hands on beside deployments is taken, and is no change.
#[tokio::test]
async fn other_events_are_taken_and_kept() {
    let inbox = Arc::new(Inbox::default());
    let event = json!({
        "specversion": "1.0", "id": "1", "source": "/ci", "type": "dev.cdevents.taskrun.started.0.2.0", "data": {},
    });
    assert_eq!(answer(&inbox, &[TOKEN], event.to_string()).await.0, StatusCode::ACCEPTED);
    let items = inbox.items.lock().unwrap();
    let meaning = crate::ChangeTranslator.translate(items.values().next().unwrap());
    assert_eq!(meaning, Translated::Ignored { kind: "dev.cdevents.taskrun.started.0.2.0".to_owned() });
}
