//! What the sandbox's world looks like: who is in it, its secrets, where Blocks and the target listen.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::ids;

/// The whole sandbox. It can be held by a TOML file; unknown keys are errors.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SandboxConfig {
    /// Where to listen; loopback only. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where Blocks listens. It may be set later through `POST /control/blocks-url`; until then webhooks are retried.
    #[serde(default)]
    pub blocks_url: Option<Url>,
    /// Where the target service listens, for `/control/target/*`.
    #[serde(default)]
    pub target_url: Option<Url>,
    /// The Slack workspace.
    pub slack: SlackConfig,
    /// The PagerDuty account.
    pub pagerduty: PagerDutyConfig,
    /// The mail server.
    #[serde(default)]
    pub mail: MailConfig,
    /// The public status page.
    #[serde(default)]
    pub statuspage: StatuspageConfig,
}

/// The mail server, on an address of its own.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailConfig {
    /// Who may hand mail in.
    pub user: String,
    /// Their password.
    pub password: String,
}

impl Default for MailConfig {
    fn default() -> Self {
        MailConfig { user: "blocks".into(), password: ids::lower(24) }
    }
}

/// One page of Statuspage.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatuspageConfig {
    /// The API key (`Authorization: OAuth ...`).
    pub api_key: String,
    /// The page's id.
    pub page_id: String,
    /// Ids of its components.
    pub components: Vec<String>,
}

impl Default for StatuspageConfig {
    fn default() -> Self {
        StatuspageConfig {
            api_key: ids::lower(36),
            page_id: "pg0sandbox".into(),
            components: vec!["cmp0flowengine".into()],
        }
    }
}

/// The Slack workspace and the one app installed in it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlackConfig {
    /// The app's bot token (`xoxb-...`).
    pub bot_token: String,
    /// The app's own token (`xapp-...`), for Socket Mode.
    #[serde(default = "default_app_token")]
    pub app_token: String,
    /// The app's signing secret.
    pub signing_secret: String,
    /// Bot scopes granted to the token. A method outside them answers `missing_scope`.
    pub scopes: Vec<String>,
    /// People of the workspace.
    pub users: Vec<SlackUser>,
    /// User groups: the id (`S...`), and the ids of those in it.
    #[serde(default)]
    pub groups: BTreeMap<String, Vec<String>>,
    /// Channels that exist at the start; the bot and all users are members.
    #[serde(default = "default_channels")]
    pub channels: Vec<SlackChannel>,
    /// The bot's user id.
    #[serde(default = "default_bot_user")]
    pub bot_user_id: String,
    /// Enforce the per-method tiers (Tier 2: 20, 3: 50, 4: 100 calls a minute). The limit of posts per channel always holds.
    #[serde(default = "yes")]
    pub tier_limits: bool,
}

/// A person in Slack.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlackUser {
    /// `U...`
    pub id: String,
    /// Short name, without `@`.
    pub name: String,
    /// E-mail of the profile.
    pub email: String,
}

/// A channel that exists from the start.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlackChannel {
    /// `C...`
    pub id: String,
    /// Name, without `#`.
    pub name: String,
}

/// The PagerDuty account, with one webhook subscription that points at Blocks.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PagerDutyConfig {
    /// REST key (`Authorization: Token token=...`).
    pub api_token: String,
    /// Secrets of the webhook subscription; several while one is rotated.
    pub webhook_secrets: Vec<String>,
    /// People of the account. The first is on call.
    pub users: Vec<PagerDutyUser>,
    /// Services.
    pub services: Vec<PagerDutyService>,
    /// Priorities, most severe first.
    pub priorities: Vec<PagerDutyPriority>,
    /// First pause before a webhook is sent again, milliseconds; it doubles.
    #[serde(default = "default_backoff")]
    pub retry_base_ms: u64,
    /// Longest pause between two attempts, milliseconds.
    #[serde(default = "default_backoff_max")]
    pub retry_max_ms: u64,
    /// How long Blocks may take to answer a webhook, milliseconds.
    #[serde(default = "default_webhook_timeout")]
    pub webhook_timeout_ms: u64,
}

/// A person in PagerDuty.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PagerDutyUser {
    /// `P...`
    pub id: String,
    /// Display name.
    pub name: String,
    /// E-mail; the `From` header must name one of these.
    pub email: String,
}

/// A PagerDuty service.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PagerDutyService {
    /// `P...`
    pub id: String,
    /// Name.
    pub name: String,
    /// Integration key for the Events API, 32 characters.
    pub routing_key: String,
}

/// A priority of the account.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PagerDutyPriority {
    /// `P...`
    pub id: String,
    /// Free text such as `P1`.
    pub name: String,
}

fn default_app_token() -> String {
    format!("xapp-sandbox-{}", ids::lower(24))
}
fn yes() -> bool {
    true
}
fn default_bot_user() -> String {
    "U0BLOCKS".into()
}
fn default_channels() -> Vec<SlackChannel> {
    vec![SlackChannel { id: "C0INCIDENTS".into(), name: "incidents".into() }]
}
fn default_backoff() -> u64 {
    500
}
fn default_backoff_max() -> u64 {
    30_000
}
fn default_webhook_timeout() -> u64 {
    5_000
}

/// The bot scopes of the app manifest of Blocks (`blocks slack manifest`), and no other.
const SCOPES: [&str; 15] = [
    "app_mentions:read",
    "bookmarks:read",
    "bookmarks:write",
    "channels:history",
    "channels:manage",
    "channels:read",
    "chat:write",
    "chat:write.public",
    "commands",
    "files:write",
    "groups:history",
    "groups:read",
    "groups:write",
    "reactions:read",
    "usergroups:read",
];

impl SandboxConfig {
    /// The world of the demo: people `ana` and `ben`, channel `incidents`, service `flowengine` (`PFLOW01`), priorities
    /// P1 to P4, and fresh random secrets. `listen` must be on loopback; its port may be 0.
    #[must_use]
    pub fn demo(listen: SocketAddr) -> Self {
        let slack_user = |id: &str, name: &str| SlackUser {
            id: id.into(),
            name: name.into(),
            email: format!("{name}@example.com"),
        };
        let pd_user = |id: &str, name: &str| PagerDutyUser {
            id: id.into(),
            name: name.into(),
            email: format!("{name}@example.com"),
        };
        let priority = |n: u8| PagerDutyPriority { id: format!("PPRIO0{n}"), name: format!("P{n}") };
        Self {
            listen,
            blocks_url: None,
            target_url: None,
            slack: SlackConfig {
                bot_token: format!("xoxb-sandbox-{}", ids::lower(24)),
                app_token: default_app_token(),
                signing_secret: ids::lower(32),
                scopes: SCOPES.map(String::from).to_vec(),
                users: vec![slack_user("U0ANA", "ana"), slack_user("U0BEN", "ben")],
                groups: BTreeMap::new(),
                channels: default_channels(),
                bot_user_id: default_bot_user(),
                tier_limits: true,
            },
            pagerduty: PagerDutyConfig {
                api_token: format!("u+{}", ids::lower(18)),
                webhook_secrets: vec![ids::lower(64)],
                users: vec![
                    pd_user("PANA001", "ana"),
                    pd_user("PBEN001", "ben"),
                    pd_user("PONCALL", "oncall"),
                ],
                services: vec![PagerDutyService {
                    id: "PFLOW01".into(),
                    name: "flowengine".into(),
                    routing_key: ids::lower(32),
                }],
                priorities: (1..=4).map(priority).collect(),
                retry_base_ms: default_backoff(),
                retry_max_ms: default_backoff_max(),
                webhook_timeout_ms: default_webhook_timeout(),
            },
            mail: MailConfig::default(),
            statuspage: StatuspageConfig::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_world_survives_toml_and_unknown_keys_do_not() {
        let config = SandboxConfig::demo("127.0.0.1:0".parse().unwrap());
        let text = toml::to_string(&config).unwrap();
        let back: SandboxConfig = toml::from_str(&text).unwrap();
        assert_eq!(back.slack.bot_token, config.slack.bot_token);
        assert_eq!(back.pagerduty.services[0].id, "PFLOW01");
        assert!(toml::from_str::<SandboxConfig>(&format!("surprise = 1\n{text}")).is_err());
    }
}
