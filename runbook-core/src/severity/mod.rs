//! Severities as data: what each one means, how fast it has to be dealt with, who is told.
//!
//! [`parse()`] reads `runbooks/severities.toml` and checks it. The file speaks in minutes and hours, as people do; here
//! everything is in seconds. Roles and channels are plain names: whom a role stands for is the configuration's business.

mod parse;

use serde::Serialize;

pub use parse::{SeverityError, parse};

use crate::ports::PageUrgency;

/// So many of the most severe wake somebody.
const URGENT: usize = 2;

/// All schemes of one file, and the one to use when nobody says which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Severities {
    /// Index into `schemes`; [`parse()`], the only maker, has made sure that it exists.
    default: usize,
    schemes: Vec<SeverityScheme>,
}

/// One way to grade incidents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SeverityScheme {
    /// Unique in the file, such as `p1-p4`.
    pub id: String,
    /// For people.
    pub name: String,
    /// Most severe first; never empty.
    pub severities: Vec<Severity>,
}

/// One grade.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Severity {
    /// Unique in its scheme, such as `P1`.
    pub id: String,
    /// One word for people, such as `Critical`.
    pub name: String,
    /// When an incident is of this severity.
    pub definition: String,
    /// Seconds from detection until the impact has to be stopped. Compared with the time to mitigate, never with the
    /// time to resolve.
    pub mttr_target_s: Option<u32>,
    /// When somebody has to respond.
    pub response: Option<Response>,
    /// The role that decides, where the scheme names one.
    pub decision_authority: Option<String>,
    /// The roles that respond.
    pub response_team: Vec<String>,
    /// `false`: it goes to the backlog and opens no incident.
    pub opens_incident: bool,
    /// Whose it is first: names whose people are invited to its channel, and reminded where nobody commands. Whom anything rings for is
    /// said by `escalation` alone.
    pub page: Vec<String>,
    /// Chat channels told at once, without `#`.
    pub channels: Vec<String>,
    /// Phases in order, without overlap; gaps are allowed.
    pub phases: Vec<Phase>,
    /// Whom to ask next while nobody has acknowledged, in order of time.
    pub escalation: Vec<EscalationStep>,
    /// The rotation that names who commands; until they come, whoever acknowledges first is acting commander.
    pub commander_rotation: Option<String>,
    /// Longest time between two updates to people outside, in seconds.
    pub update_interval_s: Option<u32>,
    /// Seconds from detection after which a rollback is proposed when the incident is still not mitigated.
    pub propose_rollback_after_s: Option<u32>,
    /// Words of a title that say that data or security is at stake: the rollback is then asked about at once.
    pub rollback_at_once: Vec<String>,
    /// Roles that may ask the commander for a rollback, beside those who may plan one.
    pub may_ask_rollback: Vec<String>,
    /// Roles asked when no runbook matches in triage.
    pub ask_without_runbook: Vec<String>,
    /// Seconds from detection after which somebody is reminded that nobody commands; `None`: nobody is.
    pub remind_commander_after_s: Option<u32>,
    /// The same where nobody has said how severe it is.
    pub remind_severity_after_s: Option<u32>,
    /// The same where nobody speaks to people outside, or keeps the record.
    pub remind_roles_after_s: Option<u32>,
    /// Seconds from resolution until the review is due; `None` when no review is asked for.
    pub pir_due_s: Option<u32>,
}

/// When somebody has to respond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    /// Within so many seconds of detection; 0 is at once.
    WithinS(u32),
    /// It waits for the next sprint.
    NextSprint,
}

/// A span of an incident's life as it should go, in seconds from detection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Phase {
    /// For people, such as `Triage`.
    pub name: String,
    /// Its first second.
    pub from_s: u32,
    /// The first second after it; more than `from_s`.
    pub to_s: u32,
}

/// Who is asked next while nobody has acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EscalationStep {
    /// Seconds from the page.
    pub after_s: u32,
    /// Roles asked together; never empty.
    pub who: Vec<String>,
}

impl Severities {
    /// The scheme to use when nobody says which.
    #[must_use]
    pub fn default_scheme(&self) -> &SeverityScheme {
        &self.schemes[self.default]
    }

    /// The scheme with this id.
    #[must_use]
    pub fn scheme(&self, id: &str) -> Option<&SeverityScheme> {
        self.schemes.iter().find(|scheme| scheme.id == id)
    }

    /// All schemes, as the file has them.
    #[must_use]
    pub fn schemes(&self) -> &[SeverityScheme] {
        &self.schemes
    }
}

impl SeverityScheme {
    /// The severity with this id, however its letters are cased (`p1` in chat is `P1`).
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Severity> {
        self.severities.iter().find(|severity| severity.id.eq_ignore_ascii_case(id))
    }

    /// How severe an id is: 0 is the most severe of its scheme. `None` for an unknown one.
    #[must_use]
    pub fn rank(&self, id: &str) -> Option<usize> {
        self.severities.iter().position(|severity| severity.id.eq_ignore_ascii_case(id))
    }

    /// How loud a page is that nobody asks for: what is below the two most severe wakes nobody. Of an unknown id that is not known.
    #[must_use]
    pub fn page_urgency(&self, id: &str) -> PageUrgency {
        match self.rank(id) {
            Some(rank) if rank >= URGENT => PageUrgency::Low,
            Some(_) | None => PageUrgency::High,
        }
    }

    /// The more severe of two ids. An unknown id loses against a known one; of two unknown ones the first is returned.
    #[must_use]
    pub fn more_severe<'a>(&self, one: &'a str, other: &'a str) -> &'a str {
        match (self.rank(one), self.rank(other)) {
            (Some(first), Some(second)) if second < first => other,
            (None, Some(_)) => other,
            _ => one,
        }
    }
}

impl Severity {
    /// The phase that an incident should be in, so many seconds after detection. `None` after the last one, in a gap,
    /// and where the severity has no phases.
    #[must_use]
    pub fn phase_at(&self, since_detection_s: u32) -> Option<&Phase> {
        self.phases.iter().find(|phase| (phase.from_s..phase.to_s).contains(&since_detection_s))
    }
}
