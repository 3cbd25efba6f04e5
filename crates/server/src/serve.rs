//! Listening: TCP for the world, a unix socket for this machine.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use blocks_engine::Engine;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tower_http::catch_panic::CatchPanicLayer;

use crate::api::{self, ApiState};
use crate::auth::ApiToken;
use crate::health;

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
        let state = ApiState { engine: engine.clone(), token: parts.token.map(Arc::new) };
        let local = api::router(state.clone()).merge(health::router(engine.clone()));
        let mut public = api::router(state).merge(health::router(engine.clone()));
        for adapter in parts.adapters {
            public = public.merge(adapter);
        }
        let public = public.layer(CatchPanicLayer::new());
        let local = local.layer(CatchPanicLayer::new());
        let shown = parts.socket.display().to_string();
        // A socket of a dead engine is in the way; the engine lock says that no living one owns it.
        let _ = std::fs::remove_file(&parts.socket);
        let unix = UnixListener::bind(&parts.socket).map_err(|source| place(&shown, source))?;
        std::fs::set_permissions(&parts.socket, std::fs::Permissions::from_mode(0o600))
            .map_err(|source| place(&shown, source))?;
        let stop = watch::Sender::new(false);
        let stopped = |mut receiver: watch::Receiver<bool>| async move {
            let _ = receiver.wait_for(|stop| *stop).await;
        };
        let tcp = axum::serve(parts.listener, public).with_graceful_shutdown(stopped(stop.subscribe()));
        let uds = axum::serve(unix, local.into_make_service_with_connect_info::<health::SocketUser>())
            .with_graceful_shutdown(stopped(stop.subscribe()));
        let tasks = vec![
            tokio::spawn(async move {
                if let Err(error) = tcp.await {
                    tracing::error!(%error, "the HTTP listener ended");
                }
            }),
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
            if tokio::time::timeout(std::time::Duration::from_secs(2), &mut task).await.is_err() {
                task.abort();
            }
        }
        let _ = std::fs::remove_file(&self.socket);
    }
}
