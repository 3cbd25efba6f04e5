//! Requests on their way: in an open loop, or over so many connections.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use blocks_engine::{Clock as _, SystemClock};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::bench::servers::SECRET;
use crate::exit::Stop;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// How requests follow each other.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// One each so long, whether or not answers come.
    Each(Duration),
    /// That many at once, each followed by the next.
    AtOnce(usize),
}

/// A request.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) path: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
}

/// When each request was sent, in microseconds since 1970, by its number; those alone that were answered with success.
#[derive(Debug, Default)]
pub(super) struct Sent {
    pub(super) taken: BTreeMap<usize, i64>,
    pub(super) refused: u64,
}

/// Now, in microseconds since 1970.
pub(super) fn now_us() -> i64 {
    SystemClock.now().timestamp_micros()
}

/// Sends so many requests.
pub(super) async fn send(
    address: SocketAddr,
    shape: Shape,
    count: usize,
    make: impl Fn(usize) -> Request + Send + Sync + 'static,
) -> Result<Sent, Stop> {
    if !address.ip().is_loopback() {
        return Err(Stop::usage(format!("{address} is not on this machine: a load goes to loopback only")));
    }
    let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().map_err(Stop::failed)?;
    let make = Arc::new(make);
    let mut tasks: JoinSet<Vec<(usize, i64, bool)>> = JoinSet::new();
    match shape {
        Shape::Each(pause) => {
            let began = Instant::now();
            for number in 0..count {
                let turn = u32::try_from(number).unwrap_or(u32::MAX);
                tokio::time::sleep_until(began + pause * turn).await;
                let (http, make) = (http.clone(), Arc::clone(&make));
                tasks.spawn(async move {
                    let (at, taken) = one(&http, address, make(number)).await;
                    vec![(number, at, taken)]
                });
            }
        }
        Shape::AtOnce(connections) => {
            let next = Arc::new(AtomicUsize::new(0));
            for _ in 0..connections {
                let (http, make, next) = (http.clone(), Arc::clone(&make), Arc::clone(&next));
                tasks.spawn(async move {
                    let mut done = Vec::new();
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= count {
                            return done;
                        }
                        let (at, taken) = one(&http, address, make(number)).await;
                        done.push((number, at, taken));
                    }
                });
            }
        }
    }
    let mut sent = Sent::default();
    while let Some(done) = tasks.join_next().await {
        for (number, at, taken) in done.map_err(Stop::failed)? {
            match taken {
                true => {
                    sent.taken.insert(number, at);
                }
                false => sent.refused += 1,
            }
        }
    }
    Ok(sent)
}

/// When it was sent, and whether it was taken.
async fn one(http: &reqwest::Client, address: SocketAddr, request: Request) -> (i64, bool) {
    let Request { path, headers, body } = request;
    let mut asked = http.post(format!("http://{address}{path}")).header("Content-Type", "application/json");
    for (name, value) in headers {
        asked = asked.header(name, value);
    }
    let at = now_us();
    let taken = match asked.body(body).send().await {
        Ok(answer) => {
            let taken = answer.status().is_success();
            taken && answer.bytes().await.is_ok()
        }
        Err(_) => false,
    };
    (at, taken)
}

/// PagerDuty's id of a page.
pub(super) fn page_id(number: usize) -> String {
    format!("PBENCH{number:06}")
}

/// What stands in a page's title and in no other's.
pub(super) fn page_title(number: usize) -> String {
    format!("page {number:06} of the benchmark")
}

/// A signed page, with an incident of its own, of this service of PagerDuty's.
pub(super) fn page(path: &str, number: usize, service: &str) -> Request {
    let (id, title, at) = (page_id(number), page_title(number), SystemClock.now());
    let at = at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let reference = |id: &str, kind: &str| json!({ "id": id, "type": kind, "summary": id, "self": null, "html_url": null });
    let body = json!({ "event": {
        "id": format!("E{id}"), "event_type": "incident.triggered", "resource_type": "incident", "occurred_at": at,
        "agent": null, "client": { "name": "Monitoring Service" },
        "data": {
            "id": id, "type": "incident", "self": format!("https://api.pagerduty.example/incidents/{id}"),
            "html_url": format!("https://acme.pagerduty.example/incidents/{id}"), "number": number, "status": "triggered",
            "incident_key": format!("key-{id}"), "created_at": at, "title": title,
            "service": reference(service, "service_reference"), "assignees": [reference("PUSER01", "user_reference")],
            "escalation_policy": reference("PPOLICY", "escalation_policy_reference"), "teams": [],
            "priority": null, "urgency": "high", "conference_bridge": null, "resolve_reason": null,
        },
    } })
    .to_string();
    let signature = format!("v1={}", signature(body.as_bytes()));
    let headers = vec![("X-PagerDuty-Signature", signature), ("X-Webhook-Id", format!("W{id}"))];
    Request { path: path.to_owned(), headers, body }
}

fn signature(body: &[u8]) -> String {
    // a key of any length will do
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()) else { return String::new() };
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use axum::http::StatusCode;

    use super::*;

    /// A server that refuses the page with this number.
    async fn server(refuses: usize) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = Arc::clone(&seen);
        let app = axum::Router::new().fallback(move |body: String| {
            let kept = Arc::clone(&kept);
            async move {
                let is_refused = body.contains(&page_id(refuses));
                kept.lock().unwrap().push(body);
                if is_refused { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::ACCEPTED }
            }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        (address, seen)
    }

    #[tokio::test]
    async fn every_request_is_sent_once_and_a_refusal_is_none_that_was_taken() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        for shape in [Shape::AtOnce(4), Shape::Each(Duration::from_millis(1))] {
            let (address, seen) = server(7).await;
            let sent = send(address, shape, 20, |number| page("/", number, "P1")).await.unwrap();
            assert_eq!(sent.refused, 1, "{shape:?}");
            let taken: Vec<usize> = sent.taken.keys().copied().collect();
            assert_eq!(taken, (0..20).filter(|number| *number != 7).collect::<Vec<_>>(), "{shape:?}");
            assert_eq!(seen.lock().unwrap().len(), 20, "{shape:?}");
        }
    }

    #[tokio::test]
    async fn a_load_never_leaves_the_machine() {
        let address = "192.0.2.1:80".parse().unwrap();
        let error = send(address, Shape::AtOnce(1), 1, |number| page("/", number, "P1")).await.unwrap_err();
        assert!(error.text.contains("loopback"), "{error}");
    }

    #[test]
    fn a_page_is_signed_as_pagerduty_signs() {
        // of another implementation, over the same bytes
        let wanted = "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8";
        assert_eq!(
            {
                let mut mac = Hmac::<Sha256>::new_from_slice(b"key").unwrap();
                mac.update(b"The quick brown fox jumps over the lazy dog");
                hex::encode(mac.finalize().into_bytes())
            },
            wanted
        );
        let page = page("/hook", 3, "P1");
        assert_eq!(page.headers[0].1, format!("v1={}", signature(page.body.as_bytes())));
        assert_ne!(signature(b"a"), signature(b"b"));
    }
}
