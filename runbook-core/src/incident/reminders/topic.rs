//! What people are asked for, and what has to be known to ask them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::choices;
use crate::ids::RunId;
use crate::journal::millis;
use crate::people::Actor;
use crate::run::{Run, Status};
use crate::severity::Severity;

/// What people are asked for. Each is asked once; an update again and again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "topic", rename_all = "snake_case")]
pub enum Topic {
    /// A plan waits for a yes.
    Approval {
        /// The run.
        run: RunId,
        /// When the offer ends; another one has another end.
        #[serde(with = "millis")]
        until: DateTime<Utc>,
    },
    /// A run waits for an answer.
    Question {
        /// The run.
        run: RunId,
        /// What is in question, and in which attempt.
        about: String,
    },
    /// Somebody asks for a rollback.
    RollbackRequested {
        /// Counted from 1 in the incident.
        number: u32,
    },
    /// Data or security is at stake: is it rolled back?
    RollbackAtStake,
    /// A run that should have helped has failed.
    MitigationFailed {
        /// The run.
        run: RunId,
    },
    /// It lasts too long: is it rolled back?
    RollbackOverdue,
    /// Nobody commands.
    Commander,
    /// The time to mitigate has passed.
    Target {
        /// Seconds that were allowed.
        target_s: u32,
    },
    /// No runbook is there to act with: who knows what to do?
    NoRunbook {
        /// Who is asked; nobody is known when absent.
        who: Option<Actor>,
    },
    /// People outside wait to be told.
    Update,
    /// Nobody has said how severe it is.
    Severity,
    /// Nobody speaks to people outside, or keeps the record.
    Roles,
}

/// How much a topic may disturb.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Something waits for it: it is never held, and goes first.
    Must,
    /// It is always said; where reminders are turned down it mentions nobody.
    Said,
    /// It is held where reminders are turned down.
    Reminder,
}

impl Topic {
    /// Which goes first of what may be asked for at the same moment.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Topic::Approval { .. } | Topic::Question { .. } => 0,
            Topic::RollbackRequested { .. } => 1,
            Topic::RollbackAtStake => 2,
            Topic::MitigationFailed { .. } => 3,
            Topic::RollbackOverdue => 4,
            Topic::NoRunbook { .. } => 5,
            Topic::Commander => 6,
            Topic::Target { .. } => 7,
            Topic::Update => 8,
            Topic::Severity => 9,
            Topic::Roles => 10,
        }
    }

    /// How much it may disturb.
    #[must_use]
    pub fn urgency(&self) -> Urgency {
        match self {
            Topic::Approval { .. }
            | Topic::Question { .. }
            | Topic::RollbackRequested { .. }
            | Topic::RollbackAtStake
            | Topic::MitigationFailed { .. }
            | Topic::RollbackOverdue
            | Topic::NoRunbook { .. } => Urgency::Must,
            Topic::Target { .. } => Urgency::Said,
            Topic::Commander | Topic::Update | Topic::Severity | Topic::Roles => Urgency::Reminder,
        }
    }
}

/// What the configuration says about an incident: whom to ask, and when.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// The incident's severity; nothing is reminded of without one.
    pub severity: Option<Severity>,
    /// Who is asked while nobody commands.
    pub on_call: Option<Actor>,
    /// Who is asked when no runbook is there to act with.
    pub without_runbook: Vec<Actor>,
    /// The service names diagnostics.
    pub has_diagnostics: bool,
    /// The service's rollback.
    pub rollback: Option<String>,
    /// People whom no reminder mentions.
    pub quiet: Vec<Actor>,
    /// Nobody is reminded at this service.
    pub is_quiet: bool,
}

/// A run that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// What it waits for.
    pub topic: Topic,
    /// Its runbook's title.
    pub title: String,
    /// What it waits for, in words.
    pub what: String,
    /// Who can give it; the commander goes first where they are among them.
    pub who: Vec<Actor>,
    /// The commander is asked before these people.
    pub commander_first: bool,
}

/// What a run waits for, if it is for a person. `approvers` are the names of those whose yes would count.
#[must_use]
pub fn waiting(run: &Run, approvers: &[String]) -> Option<Waiting> {
    let title = run.plan.title.clone();
    let question = |about: String, what: String| Waiting {
        topic: Topic::Question { run: run.id, about },
        title: title.clone(),
        what,
        who: vec![run.requester.clone()],
        commander_first: false,
    };
    match &run.status {
        // Whoever asks for it and needs nobody else has just been shown the plan.
        Status::WaitingForApproval { expires_at } if run.yeses_due() > 0 => Some(Waiting {
            topic: Topic::Approval { run: run.id, until: *expires_at },
            title,
            what: format!("code {}, until {}", run.fingerprint.code(), expires_at.format("%H:%M UTC")),
            who: approvers.iter().cloned().map(Actor::Person).collect(),
            commander_first: true,
        }),
        Status::Paused { question: asked } => {
            let text = choices::question(run).map_or_else(String::new, |question| question.text);
            Some(question(choices::paused_about(run, asked), text))
        }
        Status::UndoFailed { .. } => {
            let text = "the undo failed, and a person has to look".to_owned();
            Some(question(format!("undo failed/{}", run.attempts), text))
        }
        _ => None,
    }
}
