//! For this crate's tests: a sandbox on a free port, and a stand-in for Blocks that records what reaches it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use http::{HeaderMap, Uri};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::shared::{Reply, lock};
use crate::{Sandbox, SandboxConfig, start};

/// One request that reached the stand-in for Blocks.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// Answers with the scripted statuses in turn, then with `ok`.
#[derive(Default)]
pub(crate) struct Blocks {
    pub(crate) script: Mutex<VecDeque<u16>>,
    pub(crate) body: Mutex<String>,
    pub(crate) seen: Mutex<Vec<Seen>>,
}

pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    pub(crate) config: SandboxConfig,
    pub(crate) blocks: Arc<Blocks>,
    pub(crate) client: reqwest::Client,
}

async fn receive(State(blocks): State<Arc<Blocks>>, uri: Uri, headers: HeaderMap, body: String) -> Reply {
    lock(&blocks.seen).push(Seen { path: uri.path().to_owned(), headers, body });
    let status = lock(&blocks.script).pop_front().unwrap_or(200);
    Reply::text(status, lock(&blocks.body).clone())
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A world whose configuration is changed first. Retries pause for 1 ms.
    pub(crate) async fn with(change: impl FnOnce(&mut SandboxConfig)) -> Self {
        let blocks = Arc::new(Blocks::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(receive).with_state(Arc::clone(&blocks));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let mut config = SandboxConfig::demo("127.0.0.1:0".parse().unwrap());
        config.blocks_url = Some(url.parse().unwrap());
        config.pagerduty.retry_base_ms = 1;
        // methods that Blocks does not call are tried here as well
        let more = ["channels:join", "pins:write", "reactions:write", "users:read", "users:read.email"];
        config.slack.scopes.extend(more.map(String::from));
        change(&mut config);
        let listener = TcpListener::bind(config.listen).await.unwrap();
        let sandbox = start(config.clone(), listener).await.unwrap();
        Self { sandbox, config, blocks, client: crate::server::http_client().unwrap() }
    }

    pub(crate) fn script(&self, statuses: &[u16]) {
        *lock(&self.blocks.script) = statuses.iter().copied().collect();
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        lock(&self.blocks.seen).clone()
    }

    pub(crate) async fn control(&self, path: &str, body: Value) -> (u16, Value) {
        let url = format!("{}/control/{path}", self.sandbox.url());
        let answer = self.client.post(url).json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    pub(crate) async fn state(&self) -> Value {
        let url = format!("{}/control/state", self.sandbox.url());
        self.client.get(url).send().await.unwrap().json().await.unwrap()
    }

    /// A Slack call with the right token; returns HTTP status, `Retry-After` and body.
    pub(crate) async fn slack(&self, method: &str, args: Value) -> Value {
        let url = format!("{}/slack/api/{method}", self.sandbox.url());
        let request = self.client.post(url).bearer_auth(&self.config.slack.bot_token).json(&args);
        request.send().await.unwrap().json().await.unwrap()
    }

    /// A PagerDuty call with token and `From`.
    pub(crate) async fn pagerduty(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let url = format!("{}/pagerduty/{path}", self.sandbox.url());
        let answer = self
            .client
            .request(method.parse().unwrap(), url)
            .header("authorization", format!("Token token={}", self.config.pagerduty.api_token))
            .header("from", "ana@example.com")
            .json(&body)
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    pub(crate) async fn trigger(&self) -> String {
        let wanted = json!({"service_id": "PFLOW01", "title": "failure rate 34 %", "priority": "P1"});
        let (status, body) = self.control("pagerduty/trigger", wanted).await;
        assert_eq!(status, 200, "{body}");
        body["id"].as_str().unwrap().to_owned()
    }

    /// Polls the state until `found` says so; fails after a bounded number of looks.
    pub(crate) async fn until(&self, what: &str, found: impl Fn(&Value) -> bool) -> Value {
        let mut ticks = tokio::time::interval(Duration::from_millis(5));
        for _ in 0..2_000 {
            ticks.tick().await;
            let state = self.state().await;
            if found(&state) {
                return state;
            }
        }
        panic!("{what}: {:#}", self.state().await["pagerduty"]["deliveries"]);
    }
}
