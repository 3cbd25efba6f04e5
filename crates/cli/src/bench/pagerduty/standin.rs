//! Whoever is told: a stand-in for Slack's API and for Alertmanager's receiver that answers at once and notes what it was told of first
//! when.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{DefaultBodyLimit, Path, State};
use axum::routing::{any, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::sender::now_us;
use crate::exit::Stop;

/// What ends every title of a benchmark.
const END: &str = " of the benchmark";
/// Digits of a number in a title.
const DIGITS: usize = 6;
/// An evidence's title in the cards of pages that were looked at.
pub(super) const EVIDENCE: &str = "What the first look finds";

/// What was told first when, in microseconds since 1970.
#[derive(Debug, Default)]
struct Noted {
    /// Titles in new messages.
    posted: BTreeMap<String, i64>,
    /// Titles in messages, new or edited, that show evidence.
    shown: BTreeMap<String, i64>,
}

#[derive(Clone, Default)]
struct Shared {
    noted: Arc<Mutex<Noted>>,
    messages: Arc<AtomicU64>,
}

impl Shared {
    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// It listens until it is dropped.
pub(super) struct StandIn {
    pub(super) url: String,
    shared: Shared,
    server: JoinHandle<()>,
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl StandIn {
    pub(super) async fn start() -> Result<StandIn, Stop> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(Stop::failed)?;
        let address = listener.local_addr().map_err(Stop::failed)?;
        let shared = Shared::default();
        let app = Router::new()
            .route("/slack/api/{method}", any(slack))
            .route("/receiver", post(receiver))
            .layer(DefaultBodyLimit::max(64 << 20))
            .with_state(shared.clone());
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, app).await;
        });
        Ok(StandIn { url: format!("http://{address}"), shared, server })
    }

    /// How many titles were told of.
    pub(super) fn count(&self) -> usize {
        self.shared.noted().posted.len()
    }

    /// When each title was told of first.
    pub(super) fn posted(&self) -> BTreeMap<String, i64> {
        self.shared.noted().posted.clone()
    }

    /// When each title was first shown with evidence.
    pub(super) fn shown(&self) -> BTreeMap<String, i64> {
        self.shared.noted().shown.clone()
    }
}

/// A method of Slack's.
async fn slack(State(shared): State<Shared>, Path(method): Path<String>, body: String) -> Json<Value> {
    let at = now_us();
    let number = shared.messages.fetch_add(1, Ordering::Relaxed);
    if method == "chat.postMessage" || method == "chat.update" {
        let has_evidence = body.contains(EVIDENCE);
        let mut noted = shared.noted();
        for title in titles(&body) {
            if has_evidence {
                noted.shown.entry(title.to_owned()).or_insert(at);
            }
            if method == "chat.postMessage" {
                noted.posted.entry(title.to_owned()).or_insert(at);
            }
        }
    }
    let asked: Value = serde_json::from_str(&body).unwrap_or_default();
    Json(json!({
        "ok": true, "channel": asked["channel"], "ts": asked["ts"].as_str().map_or_else(|| format!("{number}.000100"), str::to_owned),
        "message": { "text": "" }, "url": "https://bench.slack.com/", "team": "bench", "user": "blocks",
        "team_id": "T0BENCH", "user_id": "U0BLOCKS", "bot_id": "B0BLOCKS", "channels": [],
    }))
}

/// Alertmanager's webhook.
async fn receiver(State(shared): State<Shared>, body: String) -> &'static str {
    let at = now_us();
    let mut noted = shared.noted();
    for title in titles(&body) {
        noted.posted.entry(title.to_owned()).or_insert(at);
    }
    "ok"
}

/// What stands in an alert's title and in no other's.
pub(super) fn alert_title(number: usize) -> String {
    format!("alert {number:06}{END}")
}

/// The titles of a benchmark in a text, each a word, a number and an end.
fn titles(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices(END).filter_map(|(at, _)| {
        let before = text.get(..at)?;
        let digits = before.get(before.len().checked_sub(DIGITS)?..)?;
        let word = before.get(..before.len() - DIGITS)?.strip_suffix(' ')?;
        let begins = word.rfind(|c: char| !c.is_ascii_lowercase()).map_or(0, |last| last + 1);
        let is_one = digits.bytes().all(|byte| byte.is_ascii_digit()) && begins < word.len();
        is_one.then(|| text.get(begins..at + END.len()))?
    })
}

#[cfg(test)]
mod tests {
    use super::super::sender::page_title;
    use super::*;

    #[test]
    fn titles_are_found_in_whatever_holds_them() {
        let text = format!(
            "*INC-1* {} | {{\"text\":\"{}\"}} 12 of the benchmark, x 000001 of the bench",
            page_title(7),
            alert_title(42)
        );
        let found: Vec<&str> = titles(&text).collect();
        assert_eq!(found, ["page 000007 of the benchmark", "alert 000042 of the benchmark"]);
        assert_eq!(titles("").count() + titles(" of the benchmark").count(), 0);
        assert_eq!(titles("page 0000é1 of the benchmark").count(), 0);
    }

    #[tokio::test]
    async fn what_was_told_is_noted_once() {
        let standin = StandIn::start().await.unwrap();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let tell = async |path: &str, text: String| {
            let body = json!({ "channel": "c1", "text": text }).to_string();
            let asked = http.post(format!("{}/{path}", standin.url)).body(body);
            asked.send().await.unwrap().text().await.unwrap()
        };
        let said = tell("slack/api/chat.postMessage", page_title(1)).await;
        assert!(said.contains("\"channel\":\"c1\""), "{said}");
        let first = standin.posted();
        tell("slack/api/chat.postMessage", page_title(1)).await;
        assert_eq!((standin.posted(), standin.shown().len()), (first, 0));
        tell("slack/api/chat.update", format!("{} {EVIDENCE}", page_title(1))).await;
        tell("slack/api/chat.update", page_title(2)).await;
        assert_eq!(standin.shown().into_keys().collect::<Vec<_>>(), [page_title(1)]);
        tell("receiver", alert_title(2)).await;
        assert_eq!(standin.posted().into_keys().collect::<Vec<_>>(), [alert_title(2), page_title(1)]);
        assert_eq!(standin.count(), 2);
    }
}
