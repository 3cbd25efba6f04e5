//! Runs the commands of a plan: shell commands as supervised processes, the other kinds over the network.
//!
//! [`KindExecutor`] gives each command to what carries out its kind. A shell command's text reaches bash as a file's name, its parameters as environment
//! variables; what it writes is redacted and bounded before anything keeps it; what it leaves running is ended and
//! reported.
//!
//! Linux: descendants are found through `/proc`. Not here yet: a supervisor process that outlives the engine. A
//! command that is cut off by the engine's own end has no known outcome.

mod config;
mod connections;
mod environment;
mod executor;
mod folder;
mod group;
mod http;
mod output;
mod program;
mod promql;
mod redact;
mod script;
mod shell;
mod sql;
mod syntax;
#[cfg(test)]
mod tests;
mod transcript;
mod web;

pub use config::{ConfigError, DEFAULT_ENV_NAMES, ExecConfig, MIN_SECRET_BYTES};
pub use connections::{Connection, ConnectionError, ConnectionKind, Connections};
pub use environment::{VariableError, check_variable_name};
pub use executor::KindExecutor;
pub use program::find_program;
pub use redact::{REDACTED, Redactor};
pub use shell::ShellExecutor;
