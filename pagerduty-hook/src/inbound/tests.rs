use std::collections::BTreeMap;
use std::sync::Mutex;

use axum::body::{Body, to_bytes};
use chrono::{DateTime, TimeZone, Utc};
use runbook_core::ports::{Accepted, BoxFuture, StoreError};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::signature::tests::{BODY, SECRET, SIGNATURE, sign};

/// Keeps what it is given, or is out of order.
#[derive(Default)]
struct Inbox {
    items: Mutex<BTreeMap<String, InboxItem>>,
    refused: Mutex<Vec<String>>,
    broken: Option<StoreError>,
}

impl Intake for Inbox {
    fn accept(&self, item: InboxItem) -> BoxFuture<'_, Result<Accepted, StoreError>> {
        Box::pin(async move {
            if let Some(error) = &self.broken {
                return Err(error.clone());
            }
            let mut items = self.items.lock().unwrap();
            if items.contains_key(&item.id) {
                return Ok(Accepted::Duplicate);
            }
            items.insert(item.id.clone(), item);
            Ok(Accepted::New)
        })
    }

    fn refused(&self, source: &'static str, reason: &'static str) {
        self.refused.lock().unwrap().push(format!("{source} {reason}"));
    }

    fn now(&self) -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 1, 2, 3, 4, 5).unwrap()
    }
}

impl Inbox {
    fn ids(&self) -> Vec<String> {
        self.items.lock().unwrap().keys().cloned().collect()
    }

    fn refusals(&self) -> Vec<String> {
        self.refused.lock().unwrap().clone()
    }
}

fn message(headers: &[(&str, &str)], body: impl Into<Body>) -> Request {
    let mut request = Request::post("/hooks/pagerduty").header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body.into()).unwrap()
}

async fn answer(inbox: &Arc<Inbox>, request: Request) -> (StatusCode, HeaderMap, Value) {
    let config = HookConfig { secrets: vec![Secret::new("the one before"), Secret::new(SECRET)] };
    let intake: Arc<dyn Intake> = inbox.clone();
    let response = router(config, intake).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, 10_000).await.unwrap();
    (parts.status, parts.headers, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

#[tokio::test]
async fn a_signed_message_is_kept_as_it_came_and_once() {
    let inbox = Arc::new(Inbox::default());
    let headers = [("X-PagerDuty-Signature", SIGNATURE), ("X-Webhook-Id", "wh-1")];
    let (status, _, body) = answer(&inbox, message(&headers, BODY)).await;
    assert_eq!((status, body), (StatusCode::ACCEPTED, json!({ "accepted": true, "duplicate": false })));
    let kept = inbox.items.lock().unwrap().get("01TEST").cloned().unwrap();
    let expected = InboxItem {
        source: "pagerduty".to_owned(),
        id: "01TEST".to_owned(),
        kind: "webhook".to_owned(),
        body: BODY.as_bytes().to_vec(),
        received_at: inbox.now(),
    };
    assert_eq!(kept, expected);

    let (status, _, body) = answer(&inbox, message(&headers, BODY)).await;
    assert_eq!((status, body), (StatusCode::ACCEPTED, json!({ "accepted": true, "duplicate": true })));
    assert_eq!(inbox.ids(), ["01TEST"]);
    assert!(inbox.refusals().is_empty());
}

#[tokio::test]
async fn the_id_is_found_where_there_is_one() {
    let unreadable = "not json";
    let hash = format!("sha256:{}", hex::encode(Sha256::digest(unreadable)));
    let long = "x".repeat(MAX_ID + 1);
    let cases = [
        // The signed id counts, whatever the unsigned header says.
        (Some("wh-1"), BODY, "01TEST"),
        (None, BODY, "01TEST"),
        (Some("wh-2"), unreadable, "wh-2"),
        (Some(""), unreadable, hash.as_str()),
        (Some(long.as_str()), unreadable, hash.as_str()),
        (None, unreadable, hash.as_str()),
    ];
    for (header, body, expected) in cases {
        let inbox = Arc::new(Inbox::default());
        let signature = sign(SECRET, body.as_bytes());
        let mut headers = vec![("X-PagerDuty-Signature", signature.as_str())];
        headers.extend(header.map(|id| ("X-Webhook-Id", id)));
        let (status, ..) = answer(&inbox, message(&headers, body)).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{body}");
        assert_eq!(inbox.ids(), [expected]);
    }
}

#[tokio::test]
async fn what_is_not_proven_leaves_no_trace_but_a_count() {
    let other = sign("another secret", BODY.as_bytes());
    let cases: [(&[(&str, &str)], &str); 4] = [
        (&[], "missing_signature"),
        (&[("X-PagerDuty-Signature", "")], "bad_signature"),
        (&[("X-PagerDuty-Signature", "v2=00")], "bad_signature"),
        (&[("X-PagerDuty-Signature", other.as_str())], "bad_signature"),
    ];
    for (headers, reason) in cases {
        let inbox = Arc::new(Inbox::default());
        let (status, _, body) = answer(&inbox, message(headers, BODY)).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{headers:?}");
        assert_eq!(body, json!({ "accepted": false, "error": reason }));
        assert_eq!(inbox.refusals(), [format!("pagerduty {reason}")]);
        assert!(inbox.ids().is_empty());
    }
    let inbox = Arc::new(Inbox::default());
    let spaced = BODY.replace(':', ": ");
    let (status, ..) = answer(&inbox, message(&[("X-PagerDuty-Signature", SIGNATURE)], spaced)).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "the bytes count, not what they say");
}

#[tokio::test]
async fn signatures_in_several_header_lines_are_one_list() {
    let inbox = Arc::new(Inbox::default());
    let headers = [("X-PagerDuty-Signature", "v1=00"), ("X-PagerDuty-Signature", SIGNATURE)];
    let (status, ..) = answer(&inbox, message(&headers, BODY)).await;
    assert_eq!(status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn the_size_is_bounded_to_the_byte() {
    for (size, status, refusals) in [
        (BODY_LIMIT, StatusCode::ACCEPTED, vec![]),
        (BODY_LIMIT + 1, StatusCode::PAYLOAD_TOO_LARGE, vec!["pagerduty too_large".to_owned()]),
    ] {
        let inbox = Arc::new(Inbox::default());
        let body = vec![b' '; size];
        let signature = sign(SECRET, &body);
        let (answered, ..) = answer(&inbox, message(&[("X-PagerDuty-Signature", &signature)], body)).await;
        assert_eq!(answered, status, "{size}");
        assert_eq!(inbox.refusals(), refusals);
        assert_eq!(inbox.ids().len(), usize::from(status == StatusCode::ACCEPTED));
    }
}

#[tokio::test]
async fn a_store_in_trouble_asks_for_the_message_again() {
    for error in [StoreError::Unavailable("full".to_owned()), StoreError::Corrupt("torn".to_owned())] {
        let inbox = Arc::new(Inbox { broken: Some(error), ..Inbox::default() });
        let (status, headers, body) =
            answer(&inbox, message(&[("X-PagerDuty-Signature", SIGNATURE)], BODY)).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(headers.get("retry-after").unwrap(), "5");
        assert_eq!(body, json!({ "accepted": false, "error": "not_stored" }));
        assert!(inbox.refusals().is_empty(), "it was not refused");
    }
}

#[tokio::test]
async fn without_a_secret_nothing_comes_in() {
    let inbox = Arc::new(Inbox::default());
    for secrets in [vec![], vec![Secret::new("")]] {
        let intake: Arc<dyn Intake> = inbox.clone();
        let forged = sign("", BODY.as_bytes());
        let request = message(&[("X-PagerDuty-Signature", &forged)], BODY);
        let response = router(HookConfig { secrets }, intake).oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    }
    assert!(inbox.ids().is_empty());
}

#[tokio::test]
async fn there_is_one_way_in() {
    let inbox = Arc::new(Inbox::default());
    let get = Request::get("/hooks/pagerduty").body(Body::empty()).unwrap();
    assert_eq!(answer(&inbox, get).await.0, StatusCode::METHOD_NOT_ALLOWED);
    let elsewhere = Request::post("/hooks/other").body(Body::empty()).unwrap();
    assert_eq!(answer(&inbox, elsewhere).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn over_a_real_connection() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let inbox = Arc::new(Inbox::default());
    let intake: Arc<dyn Intake> = inbox.clone();
    let app = router(HookConfig { secrets: vec![Secret::new(SECRET)] }, intake);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hooks/pagerduty", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let post = |signature: &str| {
        client.post(&url).header("x-pagerduty-signature", signature).header("x-webhook-id", "wh-9").body(BODY)
    };
    assert_eq!(post(SIGNATURE).send().await.unwrap().status(), 202);
    assert_eq!(post("v1=00").send().await.unwrap().status(), 401);
    assert_eq!(inbox.ids(), ["01TEST"]);
    server.abort();
}
