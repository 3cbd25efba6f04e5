//! A Prometheus that reads the targets of one test every second.

use std::net::SocketAddr;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::find::PROMETHEUS;
use super::server::{Home, Server, free_port};
use super::{Outcome, TRIES};
use crate::app::client;
use crate::until_or_show;

/// What it reads.
#[derive(Debug, Clone, Default)]
pub struct PrometheusConfig {
    /// Servers that answer `GET /metrics`; their series carry `job="test"`.
    pub targets: Vec<SocketAddr>,
    /// Whom it tells of alerts, as `127.0.0.1:PORT`.
    pub alertmanager: Option<String>,
    /// What it alerts on: a file of rules, in YAML.
    pub rules: Option<String>,
}

/// A server of its own; ended when dropped.
#[derive(Debug)]
pub struct Prometheus {
    /// Declared before its folder: it ends before its folder goes.
    server: Server,
    /// Kept: it goes when the server does.
    _home: Home,
    base: String,
    http: reqwest::Client,
}

impl Prometheus {
    /// Starts it, as another user when the test is root's.
    ///
    /// # Panics
    /// When a program that is there does not start.
    pub async fn start(config: &PrometheusConfig) -> Outcome<Prometheus> {
        let home = match Home::new(&PROMETHEUS) {
            Ok(home) => home,
            Err(why) => return Outcome::NotHere(why),
        };
        let targets: Vec<_> = config.targets.iter().map(SocketAddr::to_string).collect();
        let rules = config.rules.as_ref().map(|rules| home.write("rules.yml", rules));
        let rules: Vec<_> = rules.iter().map(|path| path.display().to_string()).collect();
        let told: Vec<_> = config.alertmanager.iter().collect();
        // JSON is YAML.
        let config = home.write(
            "prometheus.yml",
            &json!({
                "global": { "scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s" },
                "rule_files": rules,
                "alerting": { "alertmanagers": [{ "static_configs": [{ "targets": told }] }] },
                "scrape_configs": [{ "job_name": "test", "static_configs": [{ "targets": targets }] }],
            })
            .to_string(),
        );
        for _ in 0..TRIES {
            let port = free_port();
            let data = home.path().join("data").display().to_string();
            let mut command = home.command("prometheus");
            command.arg(format!("--config.file={}", config.display()));
            command.arg(format!("--storage.tsdb.path={data}"));
            command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
            let mut server = home.start(command, Signal::TERM);
            let (base, http) = (format!("http://127.0.0.1:{port}"), client());
            if is_ready(&mut server, &home, &http, &base, &data).await {
                return Outcome::Started(Prometheus { server, _home: home, base, http });
            }
        }
        panic!("Prometheus does not start:\n{}", home.last_words())
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.server.pid()
    }

    /// The samples that an instant query finds now.
    ///
    /// # Panics
    /// When it does not understand the query, or gives no list of samples.
    pub async fn query(&self, query: &str) -> Vec<Value> {
        let request = self.http.post(format!("{}/api/v1/query", self.base)).form(&[("query", query)]);
        let answer = request.send().await.expect("Prometheus answers");
        let text = answer.text().await.expect("its answer reads");
        let value: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {text}"));
        let samples = value["data"]["result"].as_array().filter(|_| value["data"]["resultType"] == "vector");
        samples.unwrap_or_else(|| panic!("no samples for {query}: {text}")).clone()
    }

    /// Asks until a query finds something: one sample for each series.
    ///
    /// # Panics
    /// When nothing comes, or as [`Prometheus::query`] does.
    pub async fn wait_for(&self, query: &str) -> Vec<Value> {
        until_or_show(&format!("samples for {query}"), async || {
            let found = self.query(query).await;
            if found.is_empty() {
                Err(format!("of its targets: {:?}", self.query("up").await))
            } else {
                Ok(found)
            }
        })
        .await
    }
}

/// Until it answers, or has ended. Another server may have taken the port: only ours keeps its data there.
async fn is_ready(server: &mut Server, home: &Home, http: &reqwest::Client, base: &str, data: &str) -> bool {
    let get = async |path: &str| match http.get(format!("{base}{path}")).send().await {
        Ok(answer) if answer.status().is_success() => answer.text().await.ok(),
        _ => None,
    };
    until_or_show("Prometheus is ready", async || {
        if server.has_ended() {
            return Ok(false);
        }
        let flags =
            get("/api/v1/status/flags").await.and_then(|text| serde_json::from_str::<Value>(&text).ok());
        let is_ours = flags.is_some_and(|flags| flags["data"]["storage.tsdb.path"] == data);
        if is_ours && get("/-/ready").await.is_some() { Ok(true) } else { Err(home.last_words()) }
    })
    .await
}
