//! What the integration tests share: the real binary, started as people start it, and hands that move its world.
//!
//! Nothing here links Blocks' adapters: a test sees the program as Slack, PagerDuty, a terminal and the file system do.
#![expect(
    clippy::panic,
    clippy::expect_used,
    reason = "a support library of tests: a panic with a clear text is how a test fails"
)]

mod app;
mod binary;
mod config;
pub mod crash;
pub mod deliveries;
pub mod faults;
pub mod fuzz;
mod pings;
mod poll;
mod process;
mod proxy;
pub mod servers;
mod shop;
mod sign;
mod view;

pub use app::{Answer, TestApp, client};
pub use binary::{blocks, blocks_with_points, repository};
pub use config::{AppConfig, ROLES_OF_BOTH};
pub use pings::pings;
pub use poll::{holds_for_a_while, until, until_or_show};
pub use process::{Finished, Process, base_environment, run, run_in, run_unprivileged};
pub use proxy::Proxy;
pub use shop::Shop;
pub use sign::{form, pagerduty_signature, slack_signature, unix_now};
pub use view::{
    button, channels_of_incidents, ephemerals, faulty_slack_calls, messages_with_key, rollback_of,
    run_status, text, timeline_types,
};
