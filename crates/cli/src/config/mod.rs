//! `blocks.toml`: what it may hold, its defaults, and where a mistake in it is.

pub(crate) mod alerts;
pub(crate) mod changes;
mod connections;
mod file;
mod git;
mod load;
mod places;
mod rotations;
mod rules;
mod secrets;
mod triggers;
mod updates;

pub(crate) use connections::{authority_files, connections};
pub(crate) use file::{HeartbeatMethod, PagerDutyMode, SlackMode, SmtpTlsWord};
pub(crate) use load::{Config, ConfigError};
pub(crate) use secrets::{SecretError, Secrets};
