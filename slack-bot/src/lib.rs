//! Slack in (commands, mentions, buttons, forms, marked messages) and out (Block Kit). Its wire types stay here.
//!
//! In: [`router`] checks signatures and stores what came, raw, and [`SocketMode`] does so without a public address;
//! [`SlackTranslator`] says later what it means. Out:
//! [`SlackChat`] sends a [`runbook_core::message::ChatMessage`] as Slack's own blocks. Nothing else of Blocks sees a
//! Slack type, and a Slack type never decides who may do what.

mod card_button;
mod client;
mod command_word;
mod draft_button;
mod event;
mod hosts;
mod inbound;
mod manifest;
mod offer_button;
mod offer_line;
mod quote;
mod render;
mod signature;
mod snooze;
mod socket;
mod submission;
mod take;
mod translate;
mod wire;

pub use client::{ChannelHealth, Health, SetupError, SlackChat};
pub use command_word::{CommandWord, NoCommand};
pub use hosts::AllowedHosts;
pub use inbound::{BODY_LIMIT, InboundConfig, router};
pub use manifest::{ManifestConfig, ManifestError, Tier, manifest, missing_scopes};
pub use signature::{Secret, SignatureError, TOLERANCE_S, verify};
pub use socket::SocketMode;
pub use translate::SlackTranslator;

/// The reaction that puts a message on the timeline.
const PUSHPIN: &str = "pushpin";
