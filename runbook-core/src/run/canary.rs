//! The first item of a loop that is tried alone: the others run once it was seen to be good, or a person says so.

use super::event::{Question, Unit, UnitRole};
use super::stage::Stage;
use super::state::{CommandPhase, Run, Status};
use crate::expectation::Outcome;

impl Run {
    /// Whether this is the item that its loop tries alone, and others are to follow.
    pub(super) fn tries_alone(&self, unit: Unit) -> bool {
        let foreach = self.command(unit).and_then(|command| command.flow.foreach.as_ref());
        unit.role == UnitRole::Main
            && unit.item == Some(0)
            && foreach.is_some_and(|foreach| foreach.canary)
            && self.items(unit).is_some_and(|items| items.len() > 1)
    }

    /// The first item of the loop at hand, when it is over and nothing showed that it is good, with the others that wait
    /// for that; `None` once one of them has begun.
    #[must_use]
    pub fn untried(&self) -> Option<(Unit, Vec<Unit>)> {
        let stage = self.stage()?;
        self.untried_of(&stage, &self.members(&stage))
    }

    fn untried_of(&self, stage: &Stage, members: &[Unit]) -> Option<(Unit, Vec<Unit>)> {
        let (Stage::Loop(_), [first, others @ ..]) = (stage, members) else { return None };
        let is_over = self.commands.get(first).is_some_and(CommandPhase::is_settled);
        if self.unasked || !self.tries_alone(*first) || !is_over || self.was_seen_good(*first) {
            return None;
        }
        let waiting: Vec<Unit> =
            others.iter().copied().filter(|unit| !self.commands.contains_key(unit)).collect();
        let is_begun = others.iter().any(|unit| self.has_begun(*unit));
        (!waiting.is_empty() && !is_begun).then_some((*first, waiting))
    }

    /// The first item about which people are asked before the others run.
    pub(super) fn unreleased(&self, stage: &Stage, members: &[Unit]) -> Option<Unit> {
        let (first, _) = self.untried_of(stage, members)?;
        (!self.released.contains(&Unit { item: None, ..first })).then_some(first)
    }

    /// Whether the command itself showed what was expected, by its status, its output, or to a person who looked. That a
    /// person or a probe says that it has happened tells nothing of that.
    fn was_seen_good(&self, unit: Unit) -> bool {
        match self.commands.get(&unit) {
            Some(CommandPhase::Ended { verdicts, vouched, noted: false, missed: false, .. }) => {
                verdicts.iter().all(|verdict| {
                    verdict.outcome == Outcome::Pass || *vouched && verdict.outcome != Outcome::Fail
                })
            }
            Some(CommandPhase::Probed) => {
                self.command(unit).is_some_and(|command| command.expectations.is_empty())
            }
            _ => false,
        }
    }

    /// A person's word lets the others run: to the question that said so, or by the yes that everybody waited for.
    pub(super) fn release(&mut self, first: Unit) {
        self.released.insert(Unit { item: None, ..first });
    }

    /// People said yes to going on, and were shown what that means.
    pub(super) fn release_untried(&mut self) {
        if let Some((first, _)) = self.untried() {
            self.release(first);
        }
    }

    /// It asks whether the others may run.
    pub(super) fn asks_for_others(&self) -> bool {
        matches!(self.status, Status::Paused { question: Question::Canary { .. } })
    }
}
