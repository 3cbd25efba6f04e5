//! What the engine needs to know about the organisation. Read from `blocks.toml` by the binary.

use std::collections::BTreeMap;
use std::path::PathBuf;

use runbook_core::alert::AlertPolicy;
use runbook_core::oncall::Rotation;
use runbook_core::people::Group;
use runbook_core::plan::ApprovalPolicy;
use runbook_core::ports::PagerIncident;
use runbook_core::rules::Rule;
use runbook_core::runbook::CommandKind;
use runbook_core::severity::Severities;
use runbook_core::trigger::Trigger;

use crate::error::EngineError;
use crate::git::{GitDeployments, GitSource};
use crate::heartbeat::HeartbeatSettings;
use crate::people::People;
use crate::secrets::{SecretKey, SecretSource};
use crate::updates::UpdateSettings;

/// Everything configurable about the engine.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The services.
    pub services: Vec<ServiceSettings>,
    /// The people.
    pub directory: People,
    /// The groups of the chat that give them roles.
    pub groups: Vec<Group>,
    /// The severities.
    pub severities: Severities,
    /// How many other people must approve, by risk.
    pub policy: ApprovalPolicy,
    /// Seconds that an approval may take.
    pub approval_window_s: u32,
    /// Whoever has to say yes is paged, where a pager is configured.
    pub page_approvals: bool,
    /// When and where a shift is handed over.
    pub handover: HandoverSettings,
    /// Seconds within which the same remediation on the same target is a repetition; 0: never.
    pub repeat_window_s: u32,
    /// Severities whose incidents get a channel of their own.
    pub channel_per_incident: Vec<String>,
    /// The repository that runbooks are fetched from.
    pub git: Option<GitSource>,
    /// The commit at which each runbook was drilled last, by name.
    pub drilled: BTreeMap<String, String>,
    /// Names of the environment variables that commands may see.
    pub exec_env: Vec<String>,
    /// The configured connections: for which kind of command, and the name.
    pub connections: Vec<(CommandKind, String)>,
    /// Where embedded runbooks start their commands.
    pub data_dir: PathBuf,
    /// The review.
    pub pir: PirSettings,
    /// What secret values are bound to plans with; without it a plan with secrets has no code and does not run.
    pub secret_key: Option<SecretKey>,
    /// A chat is configured: messages for it are kept even by a process that cannot send them.
    pub has_chat: bool,
    /// A pager is configured: likewise.
    pub has_pager: bool,
    /// The pager is told what the diagnostics of a page found.
    pub tells_pager: bool,
    /// Questions that are asked again and again, and what comes of their answers.
    pub triggers: Vec<Trigger>,
    /// Rotations by which people are on call.
    pub rotations: Vec<RotationSettings>,
    /// How often Blocks says that it works, where a server does that.
    pub heartbeat: Option<HeartbeatSettings>,
    /// E-mail as which the pager is told what it cannot be told in a person's name; a token of somebody's own has none.
    pub pager_from: Option<String>,
    /// There is a way to send events to the pager.
    pub sends_events: bool,
    /// The pager is told of runs that change something.
    pub tells_changes: bool,
    /// The pager's ids of its priorities, by severity, where they are not named like it.
    pub pager_priorities: BTreeMap<String, String>,
    /// How the pager is looked at, where a server does that.
    pub pager_look: Option<PagerLook>,
    /// Updates for stakeholders.
    pub updates: UpdateSettings,
    /// How alerts become incidents.
    pub alerts: AlertPolicy,
    /// Rules that choose severity and runbooks, in their order.
    pub rules: Vec<Rule>,
    /// Within which bounds incidents are looked at by themselves.
    pub triage: TriageSettings,
}

/// Within which bounds incidents are looked at by themselves: diagnostics must not become the outage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TriageSettings {
    /// Seconds that all diagnostics of an incident may take.
    pub budget_s: u32,
    /// Commands that may run at a time on one target; at least 1.
    pub per_target: u32,
    /// Seconds within which incidents of a service are looked at together; 0: never.
    pub share_s: u32,
}

impl Default for TriageSettings {
    fn default() -> Self {
        TriageSettings { budget_s: 300, per_target: 4, share_s: 60 }
    }
}

/// How the pager is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PagerLook {
    /// Pause between two looks.
    pub every: std::time::Duration,
    /// Pause between two rounds in which the notes of each open incident are read: each costs a request.
    pub notes_every: std::time::Duration,
    /// What has not come by itself.
    pub tells: PagerTells,
}

/// How the pager tells what happens there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PagerTells {
    /// By webhooks: looking makes up for those that were lost. What is seen may still be told, so it has to be seen twice, and is
    /// then noted as found by looking.
    Webhooks,
    /// By webhooks, and looking is as good.
    Both,
    /// Not at all.
    Nothing,
}

/// When and where a shift is handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandoverSettings {
    /// The time of day at which it is told by itself; never when absent.
    pub at: Option<chrono::NaiveTime>,
    /// The chat channel; it is posted nowhere when absent.
    pub channel: Option<String>,
    /// The zone whose clocks are meant.
    pub zone: chrono_tz::Tz,
}

impl Default for HandoverSettings {
    fn default() -> Self {
        HandoverSettings { at: None, channel: None, zone: chrono_tz::UTC }
    }
}

/// A rotation, on the clocks of a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotationSettings {
    /// Who takes turns.
    pub rotation: Rotation,
    /// The zone.
    pub zone: chrono_tz::Tz,
}

/// One service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceSettings {
    /// Its name; also the default lock target.
    pub name: String,
    /// What else it is called by whoever tells of its changes.
    pub aliases: Vec<String>,
    /// What of a repository counts as a deployment of it.
    pub deployments: Option<GitDeployments>,
    /// PagerDuty's id of it.
    pub pagerduty_id: Option<String>,
    /// The chat channel for incidents without one of their own.
    pub channel: Option<String>,
    /// Where people talk about its incidents: the address of a call.
    pub bridge: Option<String>,
    /// Severity when the page names none.
    pub severity: Option<String>,
    /// The diagnostics' runbook.
    pub triage: Option<String>,
    /// The rollback's runbook.
    pub rollback: Option<String>,
    /// Other people needed for runs on this service; may only raise the policy.
    pub approvals: Option<u8>,
    /// Its incidents are for named people only.
    pub private: bool,
    /// Nobody is reminded of anything in its incidents.
    pub quiet: bool,
    /// Parameter values for runbooks on this service.
    pub params: BTreeMap<String, String>,
    /// Where the values of secret parameters are, by name; the others are in `BLOCKS_PARAM_NAME`.
    pub secrets: BTreeMap<String, SecretSource>,
}

/// Where and how reviews are drafted.
#[derive(Debug, Clone)]
pub struct PirSettings {
    /// The folder.
    pub dir: PathBuf,
    /// The template (Handlebars).
    pub template: String,
    /// Offset of the zone whose date names the file, by name (`UTC`, `Europe/Madrid`).
    pub zone: chrono::FixedOffset,
}

impl ServiceSettings {
    /// Every name under which it may be told of.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let mut names = vec![self.name.clone()];
        names.extend(self.aliases.iter().cloned());
        names.extend(self.pagerduty_id.clone());
        names
    }
}

impl Settings {
    /// The service of that name.
    #[must_use]
    pub fn service(&self, name: &str) -> Option<&ServiceSettings> {
        self.services.iter().find(|service| service.name == name)
    }

    /// The service that a request names.
    ///
    /// # Errors
    /// When there is none of that name: those that there are are named.
    pub(crate) fn named_service(&self, name: &str) -> Result<&ServiceSettings, EngineError> {
        self.service(name).ok_or_else(|| {
            let known: Vec<&str> = self.services.iter().map(|service| service.name.as_str()).collect();
            let known = known.join(", ");
            EngineError::NotFound(format!("there is no service '{name}'; hint: blocks.toml names: {known}"))
        })
    }

    /// Whether commands would see variables of exactly these names (sorted) of Blocks' own environment.
    #[must_use]
    pub fn hands_on(&self, names: &[String]) -> bool {
        let mut configured: Vec<&String> = self.exec_env.iter().collect();
        configured.sort();
        configured.dedup();
        configured.into_iter().eq(names)
    }

    /// The service that the pager knows under this id.
    #[must_use]
    pub fn service_by_pager_id(&self, id: &str) -> Option<&ServiceSettings> {
        self.services.iter().find(|service| service.pagerduty_id.as_deref() == Some(id))
    }

    /// Whether a page is about a service that is none of those named here, although services of the pager are: a webhook subscription for
    /// the whole account tells of other teams' pages, too. One that does not say whose it is may be ours.
    #[must_use]
    pub fn is_unlisted(&self, page: &PagerIncident) -> bool {
        let by_id = page.service_id.as_deref().and_then(|id| self.service_by_pager_id(id));
        let is_called = |name: &String| {
            let names = |service: &ServiceSettings| {
                let mut all = std::iter::once(&service.name).chain(&service.aliases);
                all.any(|known| known.eq_ignore_ascii_case(name))
            };
            self.services.iter().any(names)
        };
        let says_whose = page.service_id.is_some() || page.service_name.is_some();
        says_whose
            && by_id.is_none()
            && !page.service_name.as_ref().is_some_and(is_called)
            && self.services.iter().any(|service| service.pagerduty_id.is_some())
    }

    /// The service that is meant by the first of these names that means one: its name, another name of it, the pager's id.
    #[must_use]
    pub fn service_told(&self, names: &[String]) -> Option<&ServiceSettings> {
        let by_name = |name: &String| self.service(name);
        let by_alias = |name: &String| self.services.iter().find(|service| service.aliases.contains(name));
        let by_id = |name: &String| self.service_by_pager_id(name);
        names.iter().find_map(|name| by_name(name).or_else(|| by_alias(name)).or_else(|| by_id(name)))
    }

    /// Seconds to mitigate that a severity allows.
    #[must_use]
    pub fn target_s(&self, severity: &str) -> Option<u32> {
        self.severities.default_scheme().get(severity).and_then(|severity| severity.mttr_target_s)
    }
}
