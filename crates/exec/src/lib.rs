//! Runs the commands of a plan: shell commands as supervised processes, the other kinds over the network.
//!
//! [`KindExecutor`] gives each command to what carries out its kind. Shell commands run below a process of their run
//! ([`supervise`]) that outlives the engine; the other kinds run in the engine's own process. A shell command's text
//! reaches bash as a file's name, its parameters as environment variables; what it writes is redacted and bounded
//! before anything keeps it; what it leaves running is ended and reported.
//!
//! Linux: descendants are found through `/proc`.

mod config;
mod connections;
mod environment;
mod executor;
mod folder;
mod http;
mod leftovers;
mod members;
mod meter;
mod output;
mod process;
mod program;
mod promql;
mod record;
mod redact;
mod script;
mod shapes;
mod shell;
mod spellings;
mod spool;
mod sql;
mod start;
mod supervisor;
mod syntax;
#[cfg(test)]
mod tests;
mod transcript;
mod web;
mod wire;

pub use config::{ConfigError, DEFAULT_ENV_NAMES, ExecConfig, MIN_SECRET_BYTES, SUPERVISE};
pub use connections::{Connection, ConnectionError, ConnectionKind, Connections};
pub use environment::{VariableError, check_variable_name};
pub use executor::KindExecutor;
pub use meter::{PromqlMeter, samples};
pub use program::find_program;
pub use redact::{REDACTED, Redactor};
pub use reqwest::StatusCode;
pub use shell::ShellExecutor;
pub use sql::count_authorities;
pub use supervisor::supervise;
