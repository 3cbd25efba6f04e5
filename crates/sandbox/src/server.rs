//! The sandbox's one HTTP server: who gets which path, and start and end.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::routing::get;
use http::{HeaderMap, Method, Uri};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use url::Url;

use crate::clock;
use crate::config::SandboxConfig;
use crate::control::{self, Faults};
use crate::error::SandboxError;
use crate::page::{self, PageMemory};
use crate::pagerduty::{self, Account};
use crate::shared::{BODY_LIMIT, Reply, Request, is_loopback, lock};
use crate::slack::socket::{self, Sockets};
use crate::slack::{self, Workspace};
use crate::smtp::{self, Mailbox};
use crate::statuspage::Page;

/// Patience with a client that does not let go when the sandbox ends.
const GRACE: Duration = Duration::from_secs(2);

/// Everything that the routes share.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) slack: Mutex<Workspace>,
    pub(crate) sockets: Mutex<Sockets>,
    pub(crate) pagerduty: Mutex<Account>,
    pub(crate) mail: Mutex<Mailbox>,
    pub(crate) statuspage: Mutex<Page>,
    pub(crate) client: reqwest::Client,
    pub(crate) target_url: Mutex<Option<Url>>,
    faults: Mutex<Faults>,
    pub(crate) page: Mutex<PageMemory>,
    blocks_url: Mutex<Option<Url>>,
    pub(crate) stopped: watch::Receiver<bool>,
}

impl App {
    /// The faults as they are set now.
    pub(crate) fn faults(&self) -> Faults {
        lock(&self.faults).clone()
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        *lock(&self.faults) = faults;
    }

    pub(crate) fn set_blocks_url(&self, url: Url) {
        *lock(&self.blocks_url) = Some(url);
    }

    /// A URL at Blocks, once it is known where Blocks listens.
    pub(crate) fn blocks_url(&self, path: &str) -> Option<String> {
        lock(&self.blocks_url).as_ref().map(|base| format!("{}{path}", base.as_str().trim_end_matches('/')))
    }
}

/// A running sandbox. Dropped without [`Sandbox::shutdown`], it ends as well, without waiting.
#[derive(Debug)]
pub struct Sandbox {
    /// Where it listens.
    pub addr: SocketAddr,
    /// Where its mail server listens.
    pub mail: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<(), std::io::Error>>,
    #[cfg(test)]
    app: Arc<App>,
}

impl Sandbox {
    /// The base URL, for example `http://127.0.0.1:40213`. Slack's API lies under `/slack/api`, PagerDuty's under
    /// `/pagerduty`, its events under `/events`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// What the routes share.
    #[cfg(test)]
    pub(crate) fn app(&self) -> Arc<App> {
        Arc::clone(&self.app)
    }

    /// Ends the sandbox: no new requests, webhook queues dropped; waits up to 2 s for requests under way.
    pub async fn shutdown(mut self) {
        let _ = self.stop.send(true);
        if tokio::time::timeout(GRACE, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }

    /// Waits until the sandbox ends by itself, which only happens when its listener fails.
    ///
    /// # Errors
    /// [`SandboxError::Io`] with the listener's failure.
    pub async fn wait(self) -> Result<(), SandboxError> {
        match self.task.await {
            Ok(served) => Ok(served?),
            Err(_) => Ok(()),
        }
    }
}

/// The client for everything that the sandbox sends: no proxy, no redirects, bounded times.
pub(crate) fn http_client() -> Result<reqwest::Client, reqwest::Error> {
    // The workspace's reqwest brings no crypto provider of its own; a second installation is refused, which is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        // Only plain HTTP on loopback is called: no certificate is ever needed, so none are loaded.
        .tls_certs_only([])
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(5))
        .timeout(Duration::from_secs(20))
        .build()
}

/// Starts the sandbox on a listener that is already bound, so that its port is known and taken.
///
/// # Errors
/// [`SandboxError::NotLoopback`] or [`SandboxError::UrlNotLoopback`] for addresses outside loopback,
/// [`SandboxError::Io`] and [`SandboxError::Client`] when the listener or the HTTP client fails.
pub async fn start(config: SandboxConfig, listener: TcpListener) -> Result<Sandbox, SandboxError> {
    let addr = listener.local_addr()?;
    if !addr.ip().is_loopback() {
        return Err(SandboxError::NotLoopback(addr));
    }
    for url in config.blocks_url.iter().chain(&config.target_url) {
        if !is_loopback(url) {
            return Err(SandboxError::UrlNotLoopback(url.to_string()));
        }
    }
    // SMTP is no HTTP: it has an address of its own, which `/control/state` names.
    let mail = TcpListener::bind((addr.ip(), 0)).await?;
    let mail_addr = mail.local_addr()?;
    let (stop, stopped) = watch::channel(false);
    let app = Arc::new(App {
        slack: Mutex::new(Workspace::new(config.slack, format!("http://{addr}"), clock::now())),
        sockets: Mutex::new(Sockets::default()),
        pagerduty: Mutex::new(Account::new(config.pagerduty, clock::now())),
        mail: Mutex::new(Mailbox::new(config.mail, mail_addr.to_string())),
        statuspage: Mutex::new(Page::new(config.statuspage, format!("http://{addr}"))),
        client: http_client()?,
        target_url: Mutex::new(config.target_url),
        faults: Mutex::new(Faults::default()),
        page: Mutex::new(PageMemory::default()),
        blocks_url: Mutex::new(config.blocks_url),
        stopped: stopped.clone(),
    });
    tokio::spawn(smtp::serve(Arc::clone(&app), mail));
    let router = Router::new()
        .route("/slack/link", get(socket::link))
        .fallback(handle)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(Arc::clone(&app));
    let task = tokio::spawn(async move {
        let mut stopped = stopped;
        axum::serve(listener, router)
            .with_graceful_shutdown(async move {
                let _ = stopped.wait_for(|stop| *stop).await;
            })
            .await
    });
    tracing::info!(%addr, "sandbox listens");
    Ok(Sandbox {
        addr,
        mail: mail_addr,
        stop,
        task,
        #[cfg(test)]
        app,
    })
}

async fn handle(
    State(app): State<Arc<App>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: bytes::Bytes,
) -> Reply {
    let request = Request::new(method, &uri, headers, body);
    let segments = request.segments();
    let now = clock::now();
    match segments.as_slice() {
        ["slack", rest @ ..] => {
            let faults = app.faults();
            let mut workspace = lock(&app.slack);
            if faults.slack_is_down() {
                return slack::down(&mut workspace, rest, &request, now);
            }
            match faults.slack_throttled_for(now) {
                Some(seconds) => slack::throttled(&mut workspace, rest, &request, seconds, now),
                None if rest == ["api", "apps.connections.open"] => {
                    slack::open_connection(&app, &mut workspace, &request, now)
                }
                None => slack::route(&mut workspace, rest, &request, now),
            }
        }
        ["pagerduty", ..] | ["events", "v2", ..] | ["v2", ..] if app.faults().pagerduty_is_down() => {
            pagerduty::down(&app, &request, now)
        }
        ["pagerduty", rest @ ..] => pagerduty::rest(&app, rest, &request, now),
        ["events", "v2", rest @ ..] | ["v2", rest @ ..] => pagerduty::events(&app, rest, &request, now),
        ["statuspage", "v1", rest @ ..] => lock(&app.statuspage).route(rest, &request, now),
        [] | ["page", ..] => page::route(&app, &segments, &request).await,
        ["control", ..] if !page::is_host_ours(&request) => page::foreign_host(),
        ["control", rest @ ..] => control::route(&app, rest, &request).await,
        ["health"] => Reply::text(200, "ok\n"),
        _ => Reply::text(
            404,
            "not found: try / in a browser, or /slack/api, /pagerduty, /events/v2, /control/state\n",
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::target::{self, TargetConfig};
    use crate::testkit::World;

    /// The target behind the control API: a bad release shows in its rate, and a fault keeps it bad.
    #[tokio::test]
    async fn the_targets_rate_rises_with_a_bad_release_and_falls_with_the_rollback() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(target::serve(listener, TargetConfig::default()));
        let world = World::with(|c| c.target_url = Some(base.parse().unwrap())).await;
        let rate = async |what: &str, wanted: &dyn Fn(f64) -> bool| {
            let mut ticks = tokio::time::interval(Duration::from_millis(20));
            let mut last = Value::Null;
            for _ in 0..1_000 {
                ticks.tick().await;
                let answer = world.client.get(format!("{base}/api/v1/stats")).send().await.unwrap();
                last = answer.json().await.unwrap();
                let full = last["total"].as_u64().unwrap() >= 150;
                if full && wanted(last["failure_rate_percent"].as_f64().unwrap()) {
                    return last;
                }
            }
            panic!("{what}: {last}");
        };
        rate("good at first", &|r| r < 2.0).await;
        assert_eq!(world.control("target/deploy", json!({"version": "v1.2"})).await.0, 200);
        let bad = rate("bad release", &|r| r > 30.0).await;
        assert_eq!((&bad["version"], &bad["revision"]), (&json!("v1.2"), &json!(2)));
        let undo = format!("{base}/apis/apps/v1/namespaces/production/deployments/flowengine/rollback");
        world.client.post(undo).json(&json!({"to_revision": 1})).send().await.unwrap();
        let good = rate("rolled back", &|r| r < 2.0).await;
        assert_eq!(
            (&good["version"], &good["revision"], &good["ready"]),
            (&json!("v1.1"), &json!(3), &json!(5))
        );
        assert_eq!(world.control("faults", json!({"target_stays_bad": true})).await.0, 200);
        rate("stays bad", &|r| r > 30.0).await;
        let metrics = world.client.get(format!("{base}/metrics")).send().await.unwrap().text().await.unwrap();
        assert!(metrics.contains("flow_status_total{status=\"failed\"} "), "{metrics}");
        assert_eq!(world.control("target/deploy", json!({"version": "v1 2"})).await.0, 400);
    }

    #[tokio::test]
    async fn only_loopback_is_served_and_called() {
        let mut config = SandboxConfig::demo("127.0.0.1:0".parse().unwrap());
        let open = TcpListener::bind("0.0.0.0:0").await.unwrap();
        assert!(matches!(start(config.clone(), open).await, Err(SandboxError::NotLoopback(_))));
        config.blocks_url = Some("http://192.0.2.1:7070".parse().unwrap());
        let listener = TcpListener::bind(config.listen).await.unwrap();
        assert!(matches!(start(config, listener).await, Err(SandboxError::UrlNotLoopback(_))));
        let world = World::new().await;
        assert_eq!(world.control("blocks-url", json!({"url": "http://192.0.2.1:7070"})).await.0, 400);
    }

    #[tokio::test]
    async fn shutdown_frees_the_port_and_ends_retries() {
        let world = World::with(|c| c.blocks_url = None).await;
        world.trigger().await;
        world.until("retrying", |s| !s["pagerduty"]["deliveries"].as_array().unwrap().is_empty()).await;
        let addr = world.sandbox.addr;
        world.sandbox.shutdown().await;
        TcpListener::bind(addr).await.unwrap();
    }
}
