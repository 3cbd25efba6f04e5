//! The pager, as the engine sees it.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{BoxFuture, PagerIncident};
use crate::ids::IncidentId;
use crate::journal::millis;
use crate::oncall::PagerTurn;

/// A paging system.
pub trait Pager: Send + Sync {
    /// Makes one change there.
    ///
    /// Changes are safe to repeat: acknowledging or resolving twice is success; a note is looked for before it is
    /// written again when `attempt` is above 1.
    fn call<'a>(
        &'a self,
        key: &'a str,
        attempt: u32,
        call: &'a PagerCall,
    ) -> BoxFuture<'a, Result<(), PagerError>>;

    /// The e-mail of a user, by the pager's id; `None` when there is no such user.
    fn user_email<'a>(&'a self, user_id: &'a str) -> BoxFuture<'a, Result<Option<String>, PagerError>>;

    /// What the pager has.
    ///
    /// What of it cannot be read now is left out, as long as the open incidents could be.
    fn look<'a>(&'a self, at: &'a LookAt) -> BoxFuture<'a, Result<Vec<SeenIncident>, PagerError>>;

    /// What an incident's alerts tell beside its title.
    fn details<'a>(&'a self, incident: &'a str) -> BoxFuture<'a, Result<PageDetails, PagerError>>;
    /// Who is on call for each of these services, by the pager's ids: whom its policy pages, in order of level. A service that
    /// the pager does not know is left out.
    fn on_call<'a>(
        &'a self,
        services: &'a [String],
    ) -> BoxFuture<'a, Result<BTreeMap<String, Vec<PagerTurn>>, PagerError>>;

    /// What the pager was told of changes of a service since then, in any order.
    fn changes<'a>(
        &'a self,
        service: &'a str,
        since: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<Vec<SeenChange>, PagerError>>;

    /// The notes of an incident, oldest first.
    fn notes<'a>(&'a self, incident: &'a str) -> BoxFuture<'a, Result<Vec<SeenNote>, PagerError>>;

    /// How long this change has to wait before it is worth trying, as far as is known without asking; `None`: not at all.
    fn not_before(&self, call: &PagerCall) -> Option<Duration> {
        let _ = call;
        None
    }

    /// Waits until nothing is under way to it that a change would wait for.
    fn free(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    /// How it goes with asking the pager.
    fn standing(&self) -> PagerStanding {
        PagerStanding::default()
    }
}

/// How it goes with asking the pager.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PagerStanding {
    /// Whether it is asked at all.
    pub circuit: Circuit,
    /// How often it stopped being asked, because it gave no answer several times in a row.
    pub opened: u64,
    /// Calls that were not made meanwhile.
    pub spared: u64,
    /// Calls that it refused for its limits.
    pub limited: u64,
}

/// Whether somebody who is ill is asked at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Circuit {
    /// As usual.
    #[default]
    Closed,
    /// Not for a while: it gave no answer several times in a row.
    Open,
    /// Once, to see whether it is well again.
    HalfOpen,
}

impl Circuit {
    /// Its word in snake_case.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Circuit::Closed => "closed",
            Circuit::Open => "open",
            Circuit::HalfOpen => "half_open",
        }
    }
}

/// What the alerts of an incident tell, flat: what lies deeper has a name with dots.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageDetails {
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Everything else.
    pub details: BTreeMap<String, String>,
}

/// A change that the pager was told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenChange {
    /// When.
    pub at: Option<DateTime<Utc>>,
    /// What, as it was told.
    pub text: String,
    /// Where a person can look at it.
    pub url: Option<String>,
}

/// What is looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LookAt {
    /// Every incident that is open there of these services, by the pager's ids.
    pub services: Vec<String>,
    /// These incidents, whatever became of them. One that is not there any more is left out.
    pub incidents: Vec<String>,
}

/// An incident as the pager has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenIncident {
    /// What an event would tell of it.
    pub incident: PagerIncident,
    /// What opened it at the pager, such as a key of ours.
    pub key: Option<String>,
    /// Where it stands there.
    pub status: SeenStatus,
    /// Since when; of one that waits, when anything of it last changed.
    pub since: Option<DateTime<Utc>>,
    /// Who brought it there, where that was a user.
    pub by: Option<PagerUser>,
    /// Where people talk about it.
    pub bridge: Option<String>,
    /// Whose it is there: for whom the pager rings, where it is urgent and nobody has acknowledged it.
    pub assignees: Vec<PagerUser>,
}

/// Where an incident stands at the pager.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum SeenStatus {
    /// Somebody is being paged.
    #[default]
    Triggered,
    /// Somebody has it.
    Acknowledged,
    /// It is over.
    Resolved,
    /// It is over, as part of another of the pager's incidents.
    MergedInto {
        /// The pager's id of the other.
        other: String,
    },
}

/// A user of the pager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PagerUser {
    /// The pager's id.
    pub id: String,
    /// The name for people.
    pub name: Option<String>,
}

/// A note at the pager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenNote {
    /// The pager's id of it.
    pub id: String,
    /// When it was written.
    pub at: Option<DateTime<Utc>>,
    /// By whom.
    pub by: Option<PagerUser>,
    /// The note.
    pub text: String,
}

/// How loud a page is: by it the pager chooses how it tells whomever it is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PageUrgency {
    /// It wakes somebody.
    #[default]
    High,
    /// It can wait until somebody is up.
    Low,
}

impl PageUrgency {
    /// Whether it wakes somebody.
    #[must_use]
    pub fn is_high(&self) -> bool {
        *self == PageUrgency::High
    }

    /// The pager's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            PageUrgency::High => "high",
            PageUrgency::Low => "low",
        }
    }
}

/// A change at the pager.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "snake_case")]
pub enum PagerCall {
    /// Acknowledge an incident.
    Acknowledge {
        /// The pager's incident.
        incident: String,
        /// E-mail of the person in whose name; the configured one when unknown.
        from: Option<String>,
    },
    /// Resolve an incident.
    Resolve {
        /// The pager's incident.
        incident: String,
        /// E-mail of the person in whose name; the configured one when unknown.
        from: Option<String>,
    },
    /// Write a note on an incident.
    Note {
        /// The pager's incident.
        incident: String,
        /// E-mail of the person in whose name; the configured one when unknown.
        from: Option<String>,
        /// The note.
        text: String,
    },
    /// Show a severity as the pager's priority.
    Severity {
        /// The pager's incident.
        incident: String,
        /// E-mail of the person in whose name; the configured one when unknown.
        from: Option<String>,
        /// The severity; the priority of that name is meant where none is named.
        severity: String,
        /// The pager's id of the priority, where it is configured. Looked up when it leaves.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        priority: Option<String>,
    },
    /// Ask one person more to come.
    AskResponder {
        /// The pager's incident.
        incident: String,
        /// E-mail of whoever asks; the configured one when unknown.
        from: Option<String>,
        /// E-mail of whoever is to come.
        to: String,
        /// What they are told.
        message: String,
    },
    /// Page somebody about an incident: a note wakes nobody.
    Page {
        /// The pager's incident whose service is meant.
        incident: String,
        /// What it is about; a page with this key that is still open is not made again. Begins with
        /// [`PAGE_KEY_PREFIX`].
        key: String,
        /// The headline.
        title: String,
        /// All of it.
        text: String,
        /// E-mail of the one person who is paged; whoever is on call for the service when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<String>,
        /// The pager's service, where the pager does not know the incident: `incident` is then empty.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        service: Option<String>,
        /// How loud it is.
        #[serde(default, skip_serializing_if = "PageUrgency::is_high")]
        urgency: PageUrgency,
    },
    /// An alert of ours, by its key.
    Event {
        /// What it is about.
        key: String,
        /// What becomes of it.
        action: EventAction,
    },
    /// Something has changed: it pages nobody.
    Change {
        /// What it is told of once.
        key: String,
        /// In one line.
        summary: String,
        /// Of what.
        source: String,
        /// When.
        #[serde(with = "millis")]
        at: DateTime<Utc>,
        /// What else is known, by name.
        details: BTreeMap<String, String>,
        /// Where to look, each with what it is called.
        links: Vec<(String, String)>,
    },
    /// End a page of ours that is still open; where there is none, nothing happens.
    EndPage {
        /// The key under which it was made.
        key: String,
    },
}

/// What becomes of an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum EventAction {
    /// It is there.
    Trigger {
        /// In one line.
        summary: String,
        /// Of what.
        source: String,
        /// How bad it is.
        severity: EventSeverity,
    },
    /// Somebody looks at it.
    Acknowledge,
    /// It is over.
    Resolve,
}

impl EventAction {
    /// Its word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            EventAction::Trigger { .. } => "trigger",
            EventAction::Acknowledge => "acknowledge",
            EventAction::Resolve => "resolve",
        }
    }
}

/// How bad an alert is, in the pager's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventSeverity {
    /// It wakes somebody.
    Critical,
    /// As a rule it wakes somebody.
    Error,
    /// It can wait until the morning.
    Warning,
    /// For the record.
    Info,
}

impl EventSeverity {
    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            EventSeverity::Critical => "critical",
            EventSeverity::Error => "error",
            EventSeverity::Warning => "warning",
            EventSeverity::Info => "info",
        }
    }
}

/// How the keys of our own pages begin, so that what the pager says of them opens no incident of its own.
pub const PAGE_KEY_PREFIX: &str = "blocks/";
/// How the keys of pages about an undo that failed begin.
pub const UNDO_FAILED_KEY: &str = "blocks/undo-failed/";
/// How the keys of pages begin with which one person more is asked for; the incident and the event behind it.
pub const ESCALATE_KEY: &str = "blocks/escalate/";

/// A page by which somebody was called to an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallPage {
    /// The incident.
    pub incident: IncidentId,
    /// The event by which they were called.
    pub seq: u64,
}

impl CallPage {
    /// The key under which the pager knows it.
    #[must_use]
    pub fn key(self) -> String {
        format!("{ESCALATE_KEY}{}/{}", self.incident, self.seq)
    }

    /// The page that the pager knows by this key, where it is one by which somebody was called.
    #[must_use]
    pub fn of_key(key: &str) -> Option<CallPage> {
        let (incident, seq) = key.strip_prefix(ESCALATE_KEY)?.split_once('/')?;
        let page = CallPage { incident: incident.parse().ok()?, seq: seq.parse().ok()? };
        // one key for one page, and nothing that only looks like it
        (page.key() == key).then_some(page)
    }
}

/// How the keys of pages that are tests begin: they are about no incident.
pub const TEST_KEY: &str = "blocks/test/";

/// The pager did not do it. Texts hold no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PagerError {
    /// It may work later.
    #[error("{reason}")]
    Retry {
        /// What the other side asks us to wait, in milliseconds.
        after_ms: Option<u64>,
        /// Why, in lowercase.
        reason: String,
    },
    /// It never will as it is.
    #[error("{reason}")]
    Permanent {
        /// Why, in lowercase.
        reason: String,
    },
}
