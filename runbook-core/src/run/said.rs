//! Whose word a question is about: such a person's yes to it does not count.
//!
//! A word (to run again, to go on without something, that something is done) stands alone until others have said yes to it,
//! or until the command that was ordered again has begun. A question that somebody's order asks is about every word that
//! stands alone; one that the run itself asks (a list that appeared) is about none.

use std::collections::BTreeSet;

use super::event::{Question, RunEvent, Unit, UnitRole};
use super::state::{Run, Status};
use crate::people::Actor;

/// Words that nobody else has agreed to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// Of whom, about which command.
    alone: BTreeSet<(Unit, Actor)>,
    /// The present question is about them.
    is_asked: bool,
}

impl Run {
    /// The people whose words the present question is about.
    #[must_use]
    pub fn asked_for_by(&self) -> BTreeSet<&Actor> {
        self.words_in_question().map(|(_, by)| by).collect()
    }

    /// Whether the present question is about a word of a person about this command.
    #[must_use]
    pub fn is_word_in_question(&self, unit: Unit) -> bool {
        self.words_in_question().any(|(of, _)| of == unit)
    }

    /// Whether one of the repetitions that are waited for is this person's order.
    pub(super) fn ordered_again(&self, by: &Actor) -> bool {
        let again = self.to_repeat();
        self.words_in_question().any(|(unit, who)| who == by && again.contains(&unit))
    }

    fn words_in_question(&self) -> impl Iterator<Item = (Unit, &Actor)> {
        let asked = self.said.alone.iter().filter(|_| self.said.is_asked);
        asked.map(|(unit, by)| (*unit, by))
    }

    /// The part of an event that is about whose word it is; before the rest of it is applied.
    pub(super) fn apply_said(&mut self, event: &RunEvent, by: &Actor) {
        let is_human = matches!(by, Actor::Person(_) | Actor::Local(_));
        match event {
            RunEvent::RetryOrdered { unit } if is_human => {
                // what was said about the attempt of before is about nothing now
                self.said.alone.retain(|(of, _)| of != unit);
                self.said.alone.insert((*unit, by.clone()));
            }
            RunEvent::PassedOver { unit, .. } if is_human => {
                self.said.alone.insert((*unit, by.clone()));
            }
            // what a person puts right of an undo is no part of what is asked about it
            RunEvent::AnsweredYes { unit, .. } if unit.role != UnitRole::Undo => {
                let is_doubt = matches!(self.status, Status::Paused { question: Question::Doubt { .. } });
                if is_doubt || self.asks_past_a_failure() {
                    self.said.alone.insert((*unit, by.clone()));
                }
            }
            RunEvent::CommandStarted { unit, .. } => self.said.alone.retain(|(of, _)| of != unit),
            RunEvent::ApprovalAsked { .. } => self.said.is_asked = is_human,
            RunEvent::Started | RunEvent::UndoStarted => self.said = Said::default(),
            _ => {}
        }
    }
}
