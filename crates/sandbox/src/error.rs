//! What can keep a sandbox from standing up.

use std::net::SocketAddr;

/// Why the sandbox, or the target, could not be started or ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// The listener's address is not on loopback. The sandbox has no real access control, so it is never offered to a network.
    #[error("refused to listen on {0}: the sandbox serves loopback only; use 127.0.0.1 or ::1")]
    NotLoopback(SocketAddr),
    /// A URL that the sandbox would call is not on loopback.
    #[error("refused to use {0}: the sandbox calls loopback addresses only; use http://127.0.0.1:PORT")]
    UrlNotLoopback(String),
    /// The listener or its address could not be used.
    #[error("cannot serve the sandbox: {0}; check that the address is free")]
    Io(#[from] std::io::Error),
    /// The HTTP client for outgoing webhooks and commands could not be built.
    #[error("cannot build the sandbox's http client: {0}")]
    Client(#[from] reqwest::Error),
}
