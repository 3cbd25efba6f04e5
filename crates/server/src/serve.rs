//! Listening: TCP for the world, a unix socket for this machine.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::Response;
use blocks_engine::Engine;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tower_http::catch_panic::CatchPanicLayer;

use crate::api::{self, ApiState};
use crate::auth::ApiToken;
use crate::health;
use crate::world::{self, Bounds};

/// How long open connections may take at the end.
const MOMENT: std::time::Duration = std::time::Duration::from_secs(2);

/// What a server is made of.
#[derive(Debug)]
pub struct ServerParts {
    /// The TCP listener, already bound.
    pub listener: TcpListener,
    /// Where the unix socket goes.
    pub socket: PathBuf,
    /// The shared API token.
    pub token: Option<ApiToken>,
    /// The adapters' routers.
    pub adapters: Vec<Router>,
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    socket: PathBuf,
}

/// The socket of a terminal's own run: what decides about it or looks at it, and nothing else.
#[derive(Debug)]
pub struct LocalServer {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
    socket: PathBuf,
}

impl LocalServer {
    /// Starts listening.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn start(engine: &Engine, socket: &Path) -> Result<LocalServer, ServeError> {
        let state = ApiState { engine: engine.clone(), token: None, one_run: true };
        let router = api::router(state).merge(health::router(engine.clone())).layer(CatchPanicLayer::new());
        let unix = bind(socket)?;
        let stop = watch::Sender::new(false);
        let mut stopped = stop.subscribe();
        let uds = axum::serve(unix, router.into_make_service_with_connect_info::<health::SocketUser>())
            .with_graceful_shutdown(async move {
                let _ = stopped.wait_for(|stop| *stop).await;
            });
        let task = tokio::spawn(async move {
            if let Err(error) = uds.await {
                tracing::error!(%error, "the unix socket ended");
            }
        });
        Ok(LocalServer { stop, task, socket: socket.to_owned() })
    }

    /// Takes no new connection and waits for those that are open, a moment at most.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if tokio::time::timeout(MOMENT, &mut self.task).await.is_err() {
            self.task.abort();
        }
        let _ = std::fs::remove_file(&self.socket);
    }
}

/// Makes the socket, for the user of this process alone (0600).
fn bind(socket: &Path) -> Result<UnixListener, ServeError> {
    let place = |source| ServeError::Listen { place: socket.display().to_string(), source };
    // A socket of a dead engine is in the way; the engine lock says that no living one owns it.
    let _ = std::fs::remove_file(socket);
    let unix = UnixListener::bind(socket).map_err(place)?;
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o600)).map_err(place)?;
    Ok(unix)
}

/// Says that the connection ends after a refusal that left its body unread.
///
/// The connection is closed then in any case; unannounced, a client's next request on it would be lost.
async fn close_after_unread(mut response: Response) -> Response {
    if matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::PAYLOAD_TOO_LARGE) {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// It cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address or the socket is not to be had.
    #[error("RB0030: cannot listen on {place}: {source}; hint: see whether something else listens there")]
    Listen {
        /// Where.
        place: String,
        /// What the system says.
        source: std::io::Error,
    },
}

impl Server {
    /// Starts listening.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn start(engine: &Engine, parts: ServerParts) -> Result<Server, ServeError> {
        let place =
            |place: &dyn std::fmt::Display, source| ServeError::Listen { place: place.to_string(), source };
        let address = parts.listener.local_addr().map_err(|source| place(&"the listener", source))?;
        let state = ApiState { engine: engine.clone(), token: parts.token.map(Arc::new), one_run: false };
        let local = api::router(state.clone()).merge(health::router(engine.clone()));
        let mut public = api::router(state).merge(health::router(engine.clone()));
        for adapter in parts.adapters {
            public = public.merge(adapter);
        }
        let public = public.layer(map_response(close_after_unread)).layer(CatchPanicLayer::new());
        let local = local.layer(CatchPanicLayer::new());
        let unix = bind(&parts.socket)?;
        let stop = watch::Sender::new(false);
        let stopped = |mut receiver: watch::Receiver<bool>| async move {
            let _ = receiver.wait_for(|stop| *stop).await;
        };
        let tcp = world::serve(parts.listener, public, Bounds::of_this_process(), stop.subscribe());
        let uds = axum::serve(unix, local.into_make_service_with_connect_info::<health::SocketUser>())
            .with_graceful_shutdown(stopped(stop.subscribe()));
        let tasks = vec![
            tokio::spawn(tcp),
            tokio::spawn(async move {
                if let Err(error) = uds.await {
                    tracing::error!(%error, "the unix socket ended");
                }
            }),
        ];
        Ok(Server { address, stop, tasks, socket: parts.socket })
    }

    /// Takes no new connection and waits for those that are open, a moment at most.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        for mut task in self.tasks {
            if tokio::time::timeout(MOMENT, &mut task).await.is_err() {
                task.abort();
            }
        }
        let _ = std::fs::remove_file(&self.socket);
    }
}
