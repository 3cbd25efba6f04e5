//! The app's manifest: what Slack is told about Blocks when the app is made, with no scope more than the code uses.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use url::Url;

use crate::client::Method;
use crate::command_word::CommandWord;
use crate::event::SUBSCRIBED;
use crate::translate::{SHORTCUT_DECLARE, SHORTCUT_TIMELINE};

/// How much of Slack an app may touch. Each holds the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Cards, plans, forms and answers in channels that exist; mentions, and messages that are put on a timeline by their
    /// menu.
    Read,
    /// Channels of incidents as well, messages marked with a pushpin and what becomes of them, and looking whether a message
    /// is there before it is sent again.
    Respond,
    /// Files as well: the review, and what diagnostics printed.
    Full,
}

/// What a manifest is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestConfig {
    /// How much the app may do.
    pub tier: Tier,
    /// The slash command.
    pub command: CommandWord,
    /// Where Slack reaches Blocks; absent for Socket Mode.
    pub url: Option<Url>,
}

/// Why there is no manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Slack would not call the address.
    #[error(
        "slack calls https addresses alone, without user, password, query or fragment; this one at '{0}' is another\nhint: write --url https://blocks.example.com"
    )]
    Url(String),
}

/// The manifest, as JSON that Slack's "create an app from a manifest" takes.
///
/// # Errors
/// When the address is none that Slack takes.
pub fn manifest(config: &ManifestConfig) -> Result<Value, ManifestError> {
    let place = |path: &str| -> Result<Option<String>, ManifestError> {
        let Some(url) = &config.url else { return Ok(None) };
        let has_user = !url.username().is_empty() || url.password().is_some();
        if url.scheme() != "https" || has_user || url.query().is_some() || url.fragment().is_some() {
            return Err(ManifestError::Url(format!(
                "{}://{}",
                url.scheme(),
                url.host_str().unwrap_or_default()
            )));
        }
        Ok(Some(format!("{}{path}", url.as_str().trim_end_matches('/'))))
    };
    let mut command = json!({
        "command": config.command.as_str(),
        "description": "Incidents and runbooks",
        "usage_hint": "help | status | declare TITLE | runbook rollback [SERVICE]",
        // A mention comes with the user's id: a display name is nobody's for sure.
        "should_escape": true,
    });
    let mut interactivity = json!({ "is_enabled": true });
    let subscribed = SUBSCRIBED.iter().filter(|(_, of, _)| *of <= config.tier).map(|(event, ..)| *event);
    let mut events = json!({ "bot_events": subscribed.collect::<Vec<_>>() });
    if let Some(url) = place("/slack/events")? {
        events["request_url"] = json!(url);
    }
    if let Some(url) = place("/slack/commands")? {
        command["url"] = json!(url);
    }
    if let Some(url) = place("/slack/interactions")? {
        interactivity["request_url"] = json!(url);
    }
    Ok(json!({
        "_metadata": { "major_version": 1, "minor_version": 1 },
        "display_information": {
            "name": "Blocks",
            "description": "Incident and runbook automation",
            "background_color": "#1d2b3a",
        },
        "features": {
            "bot_user": { "display_name": "blocks", "always_online": true },
            "slash_commands": [command],
            "shortcuts": [
                {
                    "type": "global", "name": "Declare an incident", "callback_id": SHORTCUT_DECLARE,
                    "description": "Open the form of an incident",
                },
                {
                    "type": "message", "name": "Add to timeline", "callback_id": SHORTCUT_TIMELINE,
                    "description": "Put this message on its incident's timeline",
                },
            ],
        },
        "oauth_config": { "scopes": { "bot": scopes(config.tier) } },
        "settings": {
            "event_subscriptions": events,
            "interactivity": interactivity,
            "org_deploy_enabled": false,
            "socket_mode_enabled": config.url.is_none(),
            "token_rotation_enabled": false,
        },
    }))
}

/// The scopes of every method and event that belongs to a tier, and of the slash command and the menus' entries.
fn scopes(tier: Tier) -> BTreeSet<&'static str> {
    let used = Method::ALL.into_iter().filter_map(Method::scopes).filter(|(of, _)| *of <= tier);
    let told = SUBSCRIBED.iter().filter(|(_, of, _)| *of <= tier).map(|(_, _, scope)| *scope);
    used.flat_map(|(_, scopes)| scopes.iter().copied()).chain(told).chain(["commands"]).collect()
}

/// The scopes of a tier that a token does not have.
#[must_use]
pub fn missing_scopes(tier: Tier, granted: &BTreeSet<String>) -> Vec<&'static str> {
    scopes(tier).into_iter().filter(|scope| !granted.contains(*scope)).collect()
}

#[cfg(test)]
#[path = "manifest_tests.rs"]
mod tests;
