//! A Slack workspace, a PagerDuty account and a target service that keep state and are as strict as the real ones.
//!
//! Three things stand here for the outside world, so that Blocks can be shown, drilled and tested without any account:
//!
//! - [`start`] opens **one address** that shows all of it to a person in a browser (`/`), answers Slack's Web API (`/slack/api/{method}`), PagerDuty's REST API
//!   (`/pagerduty/...`) and Events API (`/events/v2/...`), sends signed commands, clicks and webhooks to Blocks, and is
//!   steered through `/control/...`;
//!   It also keeps mail, over SMTP on an address of its own, and a Statuspage (`/statuspage/v1/...`);
//! - [`target::serve`] is the service `flowengine` with versions, replicas and a failure rate that really moves;
//! - [`kubectl::run`] is a `kubectl` that talks to that target and to nothing else.
//!
//! The wire types are this crate's own, written from the vendors' documents. They are shared with no adapter, so that
//! one misreading cannot hide in both ends of the wire. Everything listens on loopback only.

mod clock;
mod config;
mod control;
mod error;
mod ids;
pub mod kubectl;
mod page;
mod pagerduty;
mod server;
mod shared;
mod sign;
mod slack;
mod smtp;
mod statuspage;
pub mod target;
#[cfg(test)]
mod testkit;

pub use config::{
    MailConfig, PagerDutyConfig, PagerDutyPriority, PagerDutyService, PagerDutyUser, SandboxConfig,
    SlackChannel, SlackConfig, SlackUser, StatuspageConfig,
};
pub use error::SandboxError;
pub use server::{Sandbox, start};
