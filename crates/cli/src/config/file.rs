//! The file's form. Unknown keys are errors; every key has a default but the ids.

use std::collections::BTreeMap;
use std::time::Duration;

use blocks_engine::{PagerLook, PagerTells};
use runbook_core::people::{Group, Person};
use runbook_core::trigger::{Comparison, Counted};
use serde::Deserialize;
use slack_bot::CommandWord;

use super::alerts::{AlertsTable, MaintenanceTable};
use super::rules::{RuleTable, TriageTable};

/// The whole file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ConfigFile {
    pub(crate) server: ServerTable,
    pub(crate) store: StoreTable,
    pub(crate) runbooks: RunbooksTable,
    pub(crate) pir: PirTable,
    pub(crate) time: TimeTable,
    pub(crate) exec: ExecTable,
    pub(crate) slack: Option<SlackTable>,
    pub(crate) pagerduty: Option<PagerDutyTable>,
    pub(crate) approvals: ApprovalsTable,
    pub(crate) updates: UpdatesTable,
    pub(crate) smtp: Option<SmtpTable>,
    pub(crate) statuspage: Option<StatuspageTable>,
    pub(crate) heartbeat: HeartbeatTable,
    pub(crate) handover: HandoverTable,
    pub(crate) locks: LocksTable,
    pub(crate) alerts: AlertsTable,
    pub(crate) maintenance: Vec<MaintenanceTable>,
    pub(crate) service: Vec<ServiceTable>,
    pub(crate) person: Vec<Person>,
    pub(crate) group: Vec<Group>,
    pub(crate) rotation: Vec<RotationTable>,
    pub(crate) trigger: Vec<TriggerTable>,
    pub(crate) connection: Vec<ConnectionTable>,
    pub(crate) rule: Vec<RuleTable>,
    pub(crate) triage: TriageTable,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ServerTable {
    pub(crate) listen: String,
}

impl Default for ServerTable {
    fn default() -> Self {
        ServerTable { listen: "127.0.0.1:7070".to_owned() }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct StoreTable {
    pub(crate) url: String,
}

impl Default for StoreTable {
    fn default() -> Self {
        StoreTable { url: "sqlite:blocks-data/blocks.db".to_owned() }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RunbooksTable {
    pub(crate) paths: Vec<String>,
    /// A file of the team's own severities; the embedded ones when absent.
    pub(crate) severities: Option<String>,
    /// A repository that holds runbooks: an address or a path.
    pub(crate) git: Option<String>,
    /// Its branch; its own default when absent.
    pub(crate) branch: Option<String>,
    /// The commit to stay at.
    pub(crate) pin: Option<String>,
    /// The folders of the repository that hold runbooks.
    pub(crate) folders: Vec<String>,
    /// The commit at which each runbook was drilled last.
    pub(crate) drilled: BTreeMap<String, String>,
}

impl Default for RunbooksTable {
    fn default() -> Self {
        RunbooksTable {
            paths: vec!["runbooks".to_owned()],
            severities: None,
            git: None,
            branch: None,
            pin: None,
            folders: vec![".".to_owned()],
            drilled: BTreeMap::new(),
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PirTable {
    pub(crate) dir: String,
}

impl Default for PirTable {
    fn default() -> Self {
        PirTable { dir: "incidents".to_owned() }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TimeTable {
    pub(crate) zone: String,
}

impl Default for TimeTable {
    fn default() -> Self {
        TimeTable { zone: "UTC".to_owned() }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ExecTable {
    pub(crate) env: Vec<String>,
}

impl Default for ExecTable {
    fn default() -> Self {
        ExecTable { env: blocks_exec::DEFAULT_ENV_NAMES.map(str::to_owned).to_vec() }
    }
}

/// The locks of targets.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LocksTable {
    /// How long the same runbook on the same target is a repetition.
    pub(crate) repeat_window: String,
}

impl Default for LocksTable {
    fn default() -> Self {
        LocksTable { repeat_window: "30 min".to_owned() }
    }
}

/// How Slack reaches Blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SlackMode {
    Socket,
    Http,
    Both,
    Off,
}

impl SlackMode {
    /// Blocks opens connections to Slack.
    pub(crate) fn has_sockets(self) -> bool {
        matches!(self, SlackMode::Socket | SlackMode::Both)
    }

    /// Slack calls a public address of Blocks.
    pub(crate) fn has_http(self) -> bool {
        matches!(self, SlackMode::Http | SlackMode::Both)
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SlackTable {
    pub(crate) mode: SlackMode,
    pub(crate) api_url: String,
    /// The slash command, as the app was installed with it.
    pub(crate) command: String,
    pub(crate) channel_per_incident: Vec<String>,
    /// Where people talk, for services that name no bridge of their own.
    pub(crate) bridge: Option<String>,
}

impl Default for SlackTable {
    fn default() -> Self {
        SlackTable {
            mode: SlackMode::Socket,
            api_url: "https://slack.com/api".to_owned(),
            command: CommandWord::default().as_str().to_owned(),
            channel_per_incident: vec!["P1".to_owned(), "P2".to_owned()],
            bridge: None,
        }
    }
}

impl SlackTable {
    /// The slash command; it was checked when the file was read.
    pub(crate) fn word(&self) -> CommandWord {
        CommandWord::new(&self.command).unwrap_or_default()
    }
}

/// Updates for stakeholders.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct UpdatesTable {
    /// A folder of the team's own templates.
    pub(crate) templates: Option<String>,
    /// Roles and duties that may send what is public.
    pub(crate) send_public: Vec<String>,
    /// The Slack channel for updates; the incident's own when absent.
    pub(crate) channel: Option<String>,
    /// Who gets the internal ones by e-mail.
    pub(crate) to: Vec<String>,
    /// Who gets the public ones by e-mail.
    pub(crate) public_to: Vec<String>,
    /// Domains of the house: an address there is no stranger's.
    pub(crate) domains: Vec<String>,
}

impl Default for UpdatesTable {
    fn default() -> Self {
        UpdatesTable {
            templates: None,
            send_public: vec!["commander".to_owned(), "communications-lead".to_owned()],
            channel: None,
            to: Vec::new(),
            public_to: Vec::new(),
            domains: Vec::new(),
        }
    }
}

/// How a connection to the mail server is kept from being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SmtpTlsWord {
    Starttls,
    Implicit,
    None,
}

/// The mail server. Its password is `SMTP_PASSWORD`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SmtpTable {
    pub(crate) host: String,
    #[serde(default = "submission")]
    pub(crate) port: u16,
    pub(crate) from: String,
    /// The user; without one Blocks does not log in.
    #[serde(default)]
    pub(crate) user: Option<String>,
    #[serde(default = "starttls")]
    pub(crate) tls: SmtpTlsWord,
}

fn submission() -> u16 {
    587
}

fn starttls() -> SmtpTlsWord {
    SmtpTlsWord::Starttls
}

/// The public status page. Its key is `STATUSPAGE_API_KEY`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StatuspageTable {
    pub(crate) page_id: String,
    #[serde(default = "statuspage_api")]
    pub(crate) api_url: String,
    /// The component's id, by service.
    #[serde(default)]
    pub(crate) components: BTreeMap<String, String>,
}

fn statuspage_api() -> String {
    "https://api.statuspage.io".to_owned()
}

/// How PagerDuty's events reach Blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PagerDutyMode {
    Webhook,
    Poll,
    Both,
    Off,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PagerDutyTable {
    pub(crate) mode: PagerDutyMode,
    pub(crate) api_url: String,
    pub(crate) events_url: String,
    pub(crate) from: Option<String>,
    /// Whether PagerDuty is told what the diagnostics found; else where there is no Slack.
    pub(crate) diagnostics: Option<bool>,
    /// Whether PagerDuty is told of runs that change something; else where there is a routing key.
    pub(crate) change_events: Option<bool>,
    /// Seconds between two looks where webhooks are not what is relied on.
    pub(crate) poll_s: u64,
    /// PagerDuty's ids of its priorities, by severity, where they are not named like it.
    pub(crate) priorities: BTreeMap<String, String>,
}

/// Between two looks that only make up for lost webhooks.
const RECONCILE: Duration = Duration::from_secs(60);

impl ConfigFile {
    /// Whether a service of PagerDuty's is named: only the incidents of those are looked for there.
    pub(crate) fn names_pager_services(&self) -> bool {
        let is_named =
            |service: &ServiceTable| service.pagerduty_id.as_deref().is_some_and(|id| !id.trim().is_empty());
        self.service.iter().any(is_named)
    }
}

impl PagerDutyTable {
    /// How PagerDuty is looked at.
    pub(crate) fn look(&self) -> Option<PagerLook> {
        let poll = Duration::from_secs(self.poll_s);
        let (every, tells) = match self.mode {
            PagerDutyMode::Off => return None,
            PagerDutyMode::Webhook => (RECONCILE, PagerTells::Webhooks),
            PagerDutyMode::Poll => (poll, PagerTells::Nothing),
            PagerDutyMode::Both => (poll, PagerTells::Both),
        };
        Some(PagerLook { every, notes_every: RECONCILE.min(every * 6), tells })
    }

    /// Whether its webhooks are taken.
    pub(crate) fn has_webhooks(&self) -> bool {
        matches!(self.mode, PagerDutyMode::Webhook | PagerDutyMode::Both)
    }
}

impl Default for PagerDutyTable {
    fn default() -> Self {
        PagerDutyTable {
            mode: PagerDutyMode::Webhook,
            api_url: "https://api.pagerduty.com".to_owned(),
            events_url: "https://events.pagerduty.com".to_owned(),
            from: None,
            diagnostics: None,
            change_events: None,
            poll_s: 5,
            priorities: BTreeMap::new(),
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ApprovalsTable {
    pub(crate) reversible: u8,
    pub(crate) irreversible: u8,
    /// Whoever has to say yes is paged.
    pub(crate) page: bool,
}

impl Default for ApprovalsTable {
    fn default() -> Self {
        ApprovalsTable { reversible: 0, irreversible: 1, page: true }
    }
}

/// Who is told that Blocks works. The secret part of the address is `HEARTBEAT_SECRET`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct HeartbeatTable {
    /// Where to, with `{secret}` where that belongs; nowhere when absent.
    pub(crate) url: Option<String>,
    pub(crate) method: HeartbeatMethod,
    /// Seconds between two beats.
    pub(crate) every_s: u64,
    /// Seconds of a silence that is told of when it is over.
    pub(crate) gap_s: u64,
}

/// How a beat is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HeartbeatMethod {
    Get,
    Post,
}

impl Default for HeartbeatTable {
    fn default() -> Self {
        HeartbeatTable { url: None, method: HeartbeatMethod::Post, every_s: 60, gap_s: 300 }
    }
}

/// When and where a shift is handed over.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct HandoverTable {
    /// The time of day at which it is told by itself, such as `18:00`.
    pub(crate) at: Option<String>,
    /// The Slack channel.
    pub(crate) channel: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServiceTable {
    pub(crate) name: String,
    /// What else it is called by whoever tells of its changes.
    #[serde(default)]
    pub(crate) aliases: Vec<String>,
    /// What of a repository counts as a deployment of it.
    #[serde(default)]
    pub(crate) deployments: Option<DeploymentsTable>,
    #[serde(default)]
    pub(crate) pagerduty_id: Option<String>,
    #[serde(default)]
    pub(crate) channel: Option<String>,
    /// Where people talk about its incidents.
    #[serde(default)]
    pub(crate) bridge: Option<String>,
    #[serde(default)]
    pub(crate) severity: Option<String>,
    #[serde(default)]
    pub(crate) triage: Option<String>,
    #[serde(default)]
    pub(crate) rollback: Option<String>,
    /// Other people needed for runs on this service; may only raise `[approvals]`.
    #[serde(default)]
    pub(crate) approvals: Option<u8>,
    /// This service's incidents are for named people only.
    #[serde(default)]
    pub(crate) private: bool,
    /// Nobody is reminded of anything in this service's incidents.
    #[serde(default)]
    pub(crate) quiet: bool,
    /// Who gets the internal updates about it by e-mail, in place of `[updates] to`.
    #[serde(default)]
    pub(crate) updates_to: Option<Vec<String>>,
    /// Who gets the public ones, in place of `[updates] public_to`.
    #[serde(default)]
    pub(crate) updates_public_to: Option<Vec<String>>,
    /// Labels that its alerts carry, all of them.
    #[serde(default)]
    pub(crate) alert_labels: BTreeMap<String, String>,
    /// Parameter values for runbooks on this service.
    #[serde(default)]
    pub(crate) params: BTreeMap<String, ParamValue>,
}

/// A repository on this machine, and what of it counts as a deployment: tags, or commits on a branch.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeploymentsTable {
    /// Where it lies.
    pub(crate) git: String,
    /// A pattern for the names of tags.
    #[serde(default)]
    pub(crate) tags: Option<String>,
    #[serde(default)]
    pub(crate) branch: Option<String>,
    /// Only commits that touch this folder.
    #[serde(default)]
    pub(crate) folder: Option<String>,
}

/// People who take turns at being on call.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotationTable {
    /// What whoever has it stands for: a name of the severities' steps.
    pub(crate) name: String,
    /// The services that it is for; all of them when absent.
    #[serde(default)]
    pub(crate) services: Vec<String>,
    /// Names of people, in their order.
    pub(crate) people: Vec<String>,
    /// The day on which the first of them begins for the first time.
    pub(crate) start: String,
    /// The time of day at which it changes hands.
    #[serde(default = "nine")]
    pub(crate) at: String,
    /// The zone whose clocks are meant; that of `[time]` when absent.
    #[serde(default)]
    pub(crate) zone: Option<String>,
    /// How long one of them has it.
    #[serde(default = "a_week")]
    pub(crate) length: String,
}

fn nine() -> String {
    "09:00".to_owned()
}

fn a_week() -> String {
    "7 days".to_owned()
}

/// A question that is asked again and again.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TriggerTable {
    pub(crate) name: String,
    /// In a few words, for titles.
    pub(crate) says: String,
    /// A query of Prometheus.
    #[serde(default)]
    pub(crate) query: Option<String>,
    /// The connection that is asked; the only one of Prometheus when absent.
    #[serde(default)]
    pub(crate) connection: Option<String>,
    /// Something that Blocks counts itself.
    #[serde(default)]
    pub(crate) count: Option<Counted>,
    /// In this time until now.
    #[serde(default)]
    pub(crate) within: Option<String>,
    /// How the answer is held against the limit: `>`, `>=`, `<` or `<=`.
    pub(crate) when: Comparison,
    pub(crate) limit: f64,
    /// So long it has to be so.
    #[serde(default, rename = "for")]
    pub(crate) lasts: Option<String>,
    /// How often it is asked.
    #[serde(default)]
    pub(crate) every: Option<String>,
    #[serde(default)]
    pub(crate) severity: Option<String>,
    #[serde(default)]
    pub(crate) service: Option<String>,
    #[serde(default)]
    pub(crate) channel: Option<String>,
    /// Who is paged: a name of the severities' steps.
    #[serde(default)]
    pub(crate) page: Option<String>,
    /// The runbook that is planned by itself.
    #[serde(default)]
    pub(crate) plan: Option<String>,
    /// The runbook that is proposed.
    #[serde(default)]
    pub(crate) propose: Option<String>,
    /// In this time a plan is made by itself once at most.
    #[serde(default)]
    pub(crate) window: Option<String>,
}

/// A parameter's value, or where the value of a secret one is.
#[derive(Debug, Clone, Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "a parameter's value is a string; a secret one's is { env = \"NAME\" } or { file = \"path\" }"
)]
pub(crate) enum ParamValue {
    Text(String),
    Env { env: String },
    File { file: String },
}

/// What a connection leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ConnectionWord {
    Postgres,
    Prometheus,
    Http,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConnectionTable {
    pub(crate) name: String,
    pub(crate) kind: ConnectionWord,
    /// The address, for one without a password.
    #[serde(default)]
    pub(crate) url: Option<String>,
    /// The variable that holds the address.
    #[serde(default)]
    pub(crate) url_env: Option<String>,
    /// The file that holds the address.
    #[serde(default)]
    pub(crate) url_file: Option<String>,
    /// The variable that holds a bearer token.
    #[serde(default)]
    pub(crate) bearer_env: Option<String>,
    /// The file that holds a bearer token.
    #[serde(default)]
    pub(crate) bearer_file: Option<String>,
    /// A PEM file with the certificate authorities to believe.
    #[serde(default)]
    pub(crate) ca_file: Option<String>,
    /// Headers, each with the variable that holds its value.
    #[serde(default)]
    pub(crate) header_env: BTreeMap<String, String>,
}
