//! Runs the commands of a plan as supervised processes.
//!
//! One step kind so far: the shell. A command's text reaches bash as a file's name, its parameters as environment
//! variables; what it writes is redacted and bounded before anything keeps it; what it leaves running is ended and
//! reported.
//!
//! Linux: descendants are found through `/proc`. Not here yet: a supervisor process that outlives the engine. A
//! command that is cut off by the engine's own end has no known outcome.

mod config;
mod environment;
mod folder;
mod group;
mod output;
mod program;
mod redact;
mod script;
mod shell;
#[cfg(test)]
mod tests;

pub use config::{ConfigError, DEFAULT_ENV_NAMES, ExecConfig, MIN_SECRET_BYTES};
pub use environment::{VariableError, check_variable_name};
pub use program::find_program;
pub use redact::{REDACTED, Redactor};
pub use shell::ShellExecutor;
