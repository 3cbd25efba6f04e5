//! HTTP: the API, health, readiness and metrics. Adapters hand it their routers; it knows none of them.

mod api;
mod auth;
mod health;
mod lock;
mod serve;
mod world;

pub use api::{ErrorBody, REQUESTS_PATH};
pub use auth::{ApiToken, hash_token};
pub use health::SocketUser;
pub use lock::{EngineInfo, EngineLock, LockError};
pub use serve::{LocalServer, ServeError, Server, ServerParts};
