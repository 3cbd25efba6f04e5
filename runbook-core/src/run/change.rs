//! What others are told of a run that changes something: when it begins to, and how it ends.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::event::Unit;
use super::state::{CommandPhase, Run};
use crate::journal::millis;
use crate::runbook::Effect;

/// A moment of a run that changes something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeMoment {
    /// When.
    #[serde(with = "millis")]
    pub at: DateTime<Utc>,
    /// The status word that it ended with; it begins when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
}

/// Where a run stands with what it changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Changing {
    /// A command that may change something has begun.
    pub begun: bool,
    /// It can go on.
    pub open: bool,
}

impl Run {
    /// Where it stands with what it changes.
    #[must_use]
    pub fn changing(&self) -> Changing {
        let begun = |(unit, phase): (&Unit, &CommandPhase)| {
            let is_begun = match phase {
                CommandPhase::Started { .. }
                | CommandPhase::Ended { .. }
                | CommandPhase::InDoubt { .. }
                | CommandPhase::MarkedDone
                | CommandPhase::Probed => true,
                CommandPhase::PassedOver { happened, .. } => *happened,
                CommandPhase::NotStarted { .. } | CommandPhase::Skipped { .. } => false,
            };
            is_begun && self.command(*unit).is_some_and(|command| command.effect != Effect::Read)
        };
        Changing { begun: self.commands.iter().any(begun), open: self.status.is_open() }
    }

    /// The moment that others are told of, between what it was and what it is now.
    #[must_use]
    pub fn change_moment(&self, before: Changing, at: DateTime<Utc>) -> Option<ChangeMoment> {
        let now = self.changing();
        if !now.begun {
            return None;
        }
        // one that has ended and goes on again (a retry, an undo) has another end
        let ended = (!now.open && (before.open || !before.begun)).then(|| self.word().to_owned());
        (ended.is_some() || !before.begun).then_some(ChangeMoment { at, ended })
    }
}
