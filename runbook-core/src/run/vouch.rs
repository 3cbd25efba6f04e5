//! Commands that are done by a person's word alone: nobody saw it, or it was seen to fail.
//!
//! Such a word lets the run go on, and it stays a word: the run's end names who gave it and why, and a change that rests on
//! it is not known to have helped.

use super::command::Rejection;
use super::decide::title_of;
use super::event::{Question, RunEvent, Unit, UnitRole, Verdict};
use super::needs::ways_left;
use super::state::{CommandPhase, Run, Status};
use crate::expectation::Outcome;
use crate::people::Actor;

/// A person's word that a command is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Who.
    pub by: Actor,
    /// Why, when they said.
    pub reason: Option<String>,
}

impl Word {
    /// ` (it is in the console)`, in one line; nothing when no reason was given.
    #[must_use]
    pub fn because(&self) -> String {
        let reason = self.reason.as_deref().unwrap_or_default();
        let words: Vec<&str> = reason.split_whitespace().collect();
        if words.is_empty() { String::new() } else { format!(" ({})", words.join(" ")) }
    }
}

impl Run {
    /// The word that a command of the run rests on, where nobody saw it, or it was seen to fail.
    #[must_use]
    pub fn rests_on(&self, unit: Unit) -> Option<&Word> {
        let by_word = match self.commands.get(&unit)? {
            CommandPhase::MarkedDone => true,
            CommandPhase::Ended { vouched: true, .. } => self.was_missed(unit) || self.was_seen_to_fail(unit),
            _ => false,
        };
        self.words.get(&unit).filter(|_| by_word)
    }

    /// The commands that rest on a person's word alone, its undo aside.
    pub fn vouched_for(&self) -> impl Iterator<Item = (Unit, &Word)> {
        let forward =
            self.commands.keys().filter(|unit| matches!(unit.role, UnitRole::Main | UnitRole::Baseline));
        forward.filter_map(|unit| Some((*unit, self.rests_on(*unit)?)))
    }

    /// Whether it was seen to fail, and not only nobody saw it.
    #[must_use]
    pub fn was_seen_to_fail(&self, unit: Unit) -> bool {
        match self.commands.get(&unit) {
            Some(CommandPhase::Ended { verdicts, missed, .. }) => {
                *missed || verdicts.iter().any(|verdict| verdict.outcome == Outcome::Fail)
            }
            _ => false,
        }
    }

    /// Whether it was awaited (`until=`), and the look that ended the wait was seen to fail.
    #[must_use]
    pub fn was_missed(&self, unit: Unit) -> bool {
        matches!(self.commands.get(&unit), Some(CommandPhase::Ended { missed: true, .. }))
    }

    /// Whether a yes now goes past something that failed.
    pub(super) fn asks_past_a_failure(&self) -> bool {
        match &self.status {
            Status::Failed { .. } => true,
            Status::Paused { question: Question::Late { unit } } => self.was_missed(*unit) && !self.undoing,
            _ => self.asks_for_others(),
        }
    }

    /// The part of an event that is about whose word it is.
    pub(super) fn apply_word(&mut self, event: &RunEvent, by: &Actor) {
        match event {
            // that the others run is no word about the first
            RunEvent::AnsweredYes { unit, reason } if !self.asks_for_others() => {
                self.words.insert(*unit, Word { by: by.clone(), reason: reason.clone() });
            }
            RunEvent::AnsweredNo { unit, reason } => {
                self.deny(*unit, &Word { by: by.clone(), reason: reason.clone() });
            }
            _ => {}
        }
    }

    /// Somebody looked, and it is not as expected: that is a verdict like that of a check that failed. Nothing that it gave
    /// is used, and whoever says later that it is done says so against what was seen.
    fn deny(&mut self, unit: Unit, word: &Word) {
        self.takes_back_its_value(unit);
        // what nobody looked at keeps the word that it rests on: the no is to what was to follow
        let Some(CommandPhase::Ended { verdicts, vouched, noted, .. }) = self.commands.get_mut(&unit) else {
            return;
        };
        self.words.remove(&unit);
        (*vouched, *noted) = (false, false);
        let said = format!("{} says no{}", word.by, word.because());
        for open in
            verdicts.iter_mut().filter(|verdict| matches!(verdict.outcome, Outcome::Ask | Outcome::Late))
        {
            (open.outcome, open.reason) = (Outcome::Fail, said.clone());
        }
        if verdicts.iter().all(|verdict| verdict.outcome == Outcome::Pass) {
            verdicts.push(Verdict { text: String::new(), outcome: Outcome::Fail, reason: said });
        }
    }
}

/// Whether nobody's word stands for this command, since later ones need what it did not hand on.
pub(super) fn refused(state: &Run, unit: Unit) -> Result<(), Rejection> {
    let Some(missed) = state.missed_later(unit) else { return Ok(()) };
    let title = state.command(unit).map_or_else(String::new, |command| title_of(state, unit, command));
    let reason = format!("{missed}; {}", ways_left(state));
    Err(Rejection::NotVouchedFor { run: state.id, title, reason })
}
