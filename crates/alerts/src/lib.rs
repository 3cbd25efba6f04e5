//! Alerts of monitoring systems in: Prometheus Alertmanager, Grafana, and whatever can send JSON. Their wire types stay here.
//!
//! - [`router`] takes their webhooks: checks who sends them, hands the raw bytes to the intake, answers.
//! - [`AlertTranslator`] says what a stored webhook means. Pure.
//!
//! This crate keeps no state, decides nothing about incidents, and reads no clock but the intake's.

mod auth;
mod inbound;
mod json;
mod notice;
mod translate;

pub use auth::{Basic, HmacCheck, Proof, Refusal, Signed};
pub use blocks_hooks::Secret;
pub use inbound::{BODY_LIMIT, Hook, router};
pub use json::{JsonMapping, Pointer};
pub use translate::{AlertTranslator, Kind};
