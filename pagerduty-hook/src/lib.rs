//! PagerDuty in (signed v3 webhooks) and out (REST). Its wire types stay here.
//!
//! - [`router`] takes webhooks: checks the signature over the raw bytes, hands them to the intake, answers.
//! - [`PagerDutyTranslator`] says what a stored webhook means. Pure.
//! - [`PagerDutyClient`] acknowledges, resolves and writes notes over REST.
//!
//! This crate keeps no state but a small cache of e-mails, decides nothing about incidents, and reads no clock
//! but the intake's.

mod inbound;
mod rest;
mod secret;
mod signature;
mod told;
mod translate;
mod wire;

pub use inbound::{BODY_LIMIT, HookConfig, SOURCE, router};
pub use rest::{ClientError, PagerDutyClient, PagerDutyConfig};
pub use secret::Secret;
pub use signature::{SignatureError, verify};
pub use translate::PagerDutyTranslator;
