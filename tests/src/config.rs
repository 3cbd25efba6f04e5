//! The `blocks.toml` that a test wants.

/// `ana` and `ben` as the sandbox's Slack and PagerDuty know them, both with standing.
pub const ROLES_OF_BOTH: [(&str, &str); 2] =
    [("ana", "\"commander\", \"responder\""), ("ben", "\"responder\"")];

/// What differs between tests. Everything else is as in the demo.
#[derive(Debug, Clone)]
pub struct AppConfig {
    /// People with their roles, as TOML strings separated by commas. `ana` and `ben` are in the sandbox's Slack.
    pub people: Vec<(&'static str, &'static str)>,
    /// Runbooks of the test's own: name without `.md`, and text.
    pub runbooks: Vec<(&'static str, String)>,
    /// The service's triage runbook.
    pub triage: Option<&'static str>,
    /// The service's rollback runbook; empty for none.
    pub rollback: &'static str,
    /// Other people that the service asks for.
    pub approvals: u8,
    /// The severities, where they are not the shipped ones.
    pub severities: Option<String>,
    /// How Slack reaches Blocks.
    pub slack_mode: &'static str,
    /// How PagerDuty does.
    pub pagerduty_mode: &'static str,
    /// The slash command, where it is not `/blocks`.
    pub slack_command: Option<&'static str>,
    /// Slack calls go through a [`crate::Proxy`].
    pub slack_proxy: bool,
    /// More variables of Blocks' own environment.
    pub environment: Vec<(&'static str, String)>,
    /// More lines at the end of the file; `SANDBOX_URL` and `SMTP_PORT` in them are those of the sandbox.
    pub more: String,
}

impl Default for AppConfig {
    fn default() -> Self {
        AppConfig {
            people: ROLES_OF_BOTH.to_vec(),
            runbooks: Vec::new(),
            triage: Some("flow_failure_response"),
            rollback: "rollback_to_previous_version",
            approvals: 1,
            severities: None,
            slack_mode: "http",
            pagerduty_mode: "webhook",
            slack_command: None,
            slack_proxy: false,
            environment: Vec::new(),
            more: String::new(),
        }
    }
}

impl AppConfig {
    /// A service without diagnostics, whose rollback is this text.
    #[must_use]
    pub fn with_rollback(text: &str) -> AppConfig {
        AppConfig {
            triage: None,
            rollback: "own_rollback",
            runbooks: vec![("own_rollback", text.to_owned())],
            ..AppConfig::default()
        }
    }

    /// The file.
    #[must_use]
    pub fn text(&self, slack: &str, sandbox: &str, target: &str) -> String {
        let triage = self.triage.map_or_else(String::new, |name| format!("triage = \"{name}\"\n"));
        let severities = self.severities.as_ref().map_or("", |_| "severities = \"severities.toml\"\n");
        let rollback = match self.rollback {
            "" => String::new(),
            name => format!("rollback = \"{name}\"\n"),
        };
        let command = self.slack_command.map_or_else(String::new, |word| format!("command = \"{word}\"\n"));
        let mut text = format!(
            r#"[server]
listen = "127.0.0.1:0"
[store]
url = "sqlite:data/blocks.db"
[runbooks]
paths = ["runbooks"]
{severities}[slack]
mode = "{}"
api_url = "{slack}/slack/api"
{command}[pagerduty]
mode = "{}"
poll_s = 2
api_url = "{sandbox}/pagerduty"
events_url = "{sandbox}/events"
from = "ana@example.com"
[[service]]
name = "flowengine"
pagerduty_id = "PFLOW01"
channel = "incidents"
severity = "P2"
{triage}{rollback}approvals = {}
params = {{ service_url = "{target}", settle_seconds = "6" }}
"#,
            self.slack_mode, self.pagerduty_mode, self.approvals
        );
        for (name, roles) in &self.people {
            let (slack_id, email) = (format!("U0{}", name.to_uppercase()), format!("{name}@example.com"));
            text.push_str(&format!(
                "[[person]]\nname = \"{name}\"\nslack_id = \"{slack_id}\"\npagerduty_email = \"{email}\"\nroles = [{roles}]\n"
            ));
        }
        text.push_str(&self.more);
        text
    }
}
