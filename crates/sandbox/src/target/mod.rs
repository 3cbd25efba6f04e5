//! The service `flowengine`: a small real HTTP process with versions, replicas, a failure rate and a 95th percentile,
//! and the part of the Kubernetes API that the stand-in [`kubectl`](crate::kubectl) speaks.
//!
//! | path | answer |
//! | --- | --- |
//! | `GET /healthz` | `ok`, or 503 while no replica is ready |
//! | `GET /metrics` | Prometheus text: `flow_status_total{status}`, `flow_duration_seconds` histogram |
//! | `GET /api/v1/stats` | version, replicas, ready, failure_rate_percent, p95_seconds, window, failed, total |
//! | `GET /api/v1/stats/{field}` | one of them as bare text, for scripts without a JSON reader |
//! | `GET /api/v1/flows?status=failed&limit=20` | the last flows |
//! | `POST /api/v1/flows` | runs one flow on the version that serves: 200 or 500; 503 without replicas |
//! | `GET /api/v1/rollouts` | revision history, oldest first |
//! | `GET /api/v1/repos`, `/api/v1/repos/{repo}` | what `REPO_ALLOWLIST` lets in |
//! | `GET /_log` | every request so far, but for those of this row and the next |
//! | `GET /_state` | all of it, for the sandbox's page |
//! | `POST /_control/deploy`, `/_control/faults` | for the sandbox: `{"version":"v1.2"}`, `{"stays_bad":true}` |

mod api;
mod deployment;
mod flows;
mod world;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use http::{HeaderMap, Method, Uri};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::time::{Instant, MissedTickBehavior};

use crate::error::SandboxError;
use crate::shared::{BODY_LIMIT, Reply, Request, lock};
use crate::{clock, sign};
use world::{LogLine, World};

pub(crate) use deployment::NAMESPACE;

/// How often the world moves, milliseconds.
const TICK_MS: u64 = 20;

/// What the target runs at the start.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TargetConfig {
    /// The version of revision 1. `v1.2` is the bad one; all others are good.
    pub version: String,
    /// Replicas of `flowengine`.
    pub replicas: u32,
    /// Fault: every version fails, so that no rollback helps.
    pub stays_bad: bool,
}

impl Default for TargetConfig {
    fn default() -> Self {
        Self { version: "v1.1".into(), replicas: 5, stays_bad: false }
    }
}

struct Target {
    world: Mutex<World>,
    started: Instant,
}

impl Target {
    fn tick(&self) {
        let now_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        lock(&self.world).step(now_ms, clock::now());
    }
}

/// Serves the target until the future is dropped. Loopback only.
///
/// # Errors
/// [`SandboxError::NotLoopback`] for any other address; [`SandboxError::Io`] when the listener fails.
pub async fn serve(listener: TcpListener, config: TargetConfig) -> Result<(), SandboxError> {
    let addr = listener.local_addr()?;
    if !addr.ip().is_loopback() {
        return Err(SandboxError::NotLoopback(addr));
    }
    let world = Mutex::new(World::new(&config, clock::now()));
    let target = Arc::new(Target { world, started: Instant::now() });
    let router = Router::new()
        .fallback(handle)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(Arc::clone(&target));
    let ticking = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(TICK_MS));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            target.tick();
        }
    };
    tokio::select! {
        served = async { axum::serve(listener, router).await } => Ok(served?),
        () = ticking => Ok(()),
    }
}

async fn handle(
    State(target): State<Arc<Target>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: bytes::Bytes,
) -> Reply {
    target.tick();
    let request = Request::new(method, &uri, headers, body);
    let mut world = lock(&target.world);
    let reply = api::route(&mut world, &request);
    if request.path != "/_log" && request.path != "/_state" {
        let line = LogLine {
            at: clock::iso(clock::now()),
            method: request.method.to_string(),
            path: uri.path_and_query().map_or_else(|| request.path.clone(), ToString::to_string),
            status: reply.status,
            body_sha256: sign::digest(&request.body),
            body_bytes: request.body.len(),
            user_agent: request.header("user-agent").unwrap_or_default().to_owned(),
            command: request.header("x-kubectl-command").map(str::to_owned),
        };
        world.log.push(line);
    }
    reply
}
