//! PagerDuty in (signed v3 webhooks) and out (REST, Events v2). Its wire types stay here.
//!
//! - [`router`] takes webhooks: checks the signature over the raw bytes, hands them to the intake, answers.
//! - [`PagerDutyTranslator`] says what a stored webhook means. Pure.
//! - [`PagerDutyClient`] acknowledges, resolves, pages and writes notes over REST, and sends alerts and change events.
//!
//! This crate keeps no state but a small cache of e-mails, decides nothing about incidents, and reads no clock
//! but the intake's.

pub mod answers;
mod events;
mod inbound;
mod rest;
mod setup;
mod signature;
mod told;
mod translate;
mod wire;

pub use blocks_hooks::Secret;
pub use events::EventsConfig;
pub use inbound::{BODY_LIMIT, HookConfig, SOURCE, router};
pub use rest::{ClientError, PagerDutyClient, PagerDutyConfig, Tried};
pub use setup::{DESCRIPTION, EVENTS, Scope, Step, Subscription, steps};
pub use signature::{SignatureError, verify};
pub use translate::PagerDutyTranslator;
