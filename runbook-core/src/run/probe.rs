//! A command in doubt whose step has a probe: what is asked of the probe, and what its answer settles.
//!
//! As expected means that the effect is there; status 1, or an expectation that is not met, that it is not; anything else
//! tells nothing. The probe answers for the whole step. So its yes settles a doubt only where the command is all that the step changes;
//! a no, and whatever it cannot tell, is for a person, who hears what it said.

use super::decide::{self, Decision, carry_on};
use super::event::{Question, RunEvent, Unit, UnitRole, Verdict};
use super::state::{CommandPhase, Run};
use crate::expectation::Outcome;
use crate::ports::{Exit, Finished};
use crate::runbook::Effect as CommandEffect;

impl Run {
    /// The probe that runs next: the one of the command in doubt that it is asked about.
    #[must_use]
    pub fn next_probe(&self) -> Option<Unit> {
        self.probing.and_then(|doubted| self.probe_of(doubted))
    }

    /// The probe that can tell about a command.
    fn probe_of(&self, doubted: Unit) -> Option<Unit> {
        let probe = Unit { step: doubted.step, role: UnitRole::Probe, index: 0, item: None };
        // Whatever a plan says: nothing but reading runs unasked.
        let planned = self.command(probe)?;
        let reads = planned.effect == CommandEffect::Read;
        // one that speaks of an item is asked about the item in doubt
        let probe = match &planned.flow.foreach {
            Some(foreach) => {
                let own = self.command(doubted)?.flow.foreach.as_ref()?;
                Unit { item: Some(doubted.item.filter(|_| own.name == foreach.name)?), ..probe }
            }
            None => probe,
        };
        (reads && matches!(doubted.role, UnitRole::Main | UnitRole::Undo)).then_some(probe)
    }

    /// Whether the effect that the probe sees can only be this command's, and nothing of it is missed afterwards.
    fn is_told_by_probe(&self, doubted: Unit) -> bool {
        let Some(step) = self.plan.steps.get(doubted.step) else { return false };
        // what is asked of the step as a whole tells nothing of one of many items
        if doubted.item.is_some() && self.probe_of(doubted).is_none_or(|probe| probe.item.is_none()) {
            return false;
        }
        let changes = step.commands.iter().filter(|command| command.effect != CommandEffect::Read);
        let gives = self.command(doubted).is_none_or(|command| command.capture.is_some());
        changes.count() == 1 && !gives && self.missed_later(doubted).is_none()
    }
}

/// What follows from a doubt whose step has a probe: it is asked first.
pub(super) fn order(state: &Run, doubted: Unit) -> Option<Decision> {
    state.probe_of(doubted)?;
    Some(carry_on(state, vec![RunEvent::ProbeOrdered { unit: doubted }]))
}

/// What a probe's answer comes to.
pub(super) fn answered(state: &Run, finished: &Finished, verdicts: &[Verdict]) -> Decision {
    let Some(doubted) = state.probing else { return Decision::default() };
    let is_there = verdicts.iter().all(|verdict| verdict.outcome == Outcome::Pass);
    if doubted.role == UnitRole::Undo {
        return undo_answered(state, doubted, is_there, is_absent(finished, verdicts));
    }
    if is_there {
        if let Some(missed) = state.missed_later(doubted) {
            return ask(state, doubted, &format!("the probe is as expected; but {missed}"));
        }
        if !state.is_told_by_probe(doubted) {
            let says = "the probe is as expected, and does not speak of this command alone";
            return ask(state, doubted, says);
        }
        return settled(state, doubted, "the probe of its step says that it has happened");
    }
    match is_absent(finished, verdicts) {
        Some(failed) => {
            let what = if failed.text.is_empty() { "exit status 0" } else { failed.text.as_str() };
            let says = format!("the probe says that it has not happened: expected {what}: {}", failed.reason);
            ask(state, doubted, &says)
        }
        None => ask(state, doubted, "the probe could not tell"),
    }
}

/// By which verdict a probe says no. A status above 1 is a probe that could not look.
fn is_absent<'a>(finished: &Finished, verdicts: &'a [Verdict]) -> Option<&'a Verdict> {
    let could_look = matches!(finished.exit, Exit::Code { code: 0 | 1 });
    verdicts.iter().find(|verdict| could_look && verdict.outcome == Outcome::Fail)
}

/// An undo is in doubt, and the probe looked for what it was to take away. Its absence settles the doubt where the command
/// is the whole undo and nothing else was expected of it: otherwise the undo is not verified, and a person looks.
fn undo_answered(state: &Run, doubted: Unit, is_there: bool, is_absent: Option<&Verdict>) -> Decision {
    if is_there {
        return ask(state, doubted, "the probe says that what was to be undone is still there");
    }
    if is_absent.is_none() {
        return ask(state, doubted, "the probe could not tell");
    }
    let is_whole = state.plan.steps.get(doubted.step).is_some_and(|step| step.undo.len() == 1);
    let expects = state.command(doubted).is_none_or(|command| !command.expectations.is_empty());
    if is_whole && !expects {
        return settled(state, doubted, "the probe of its step says that what was to be undone is gone");
    }
    let says = "the probe says that what was to be undone is gone; what the undo was to show was not seen";
    ask(state, doubted, says)
}

fn settled(state: &Run, doubted: Unit, says: &str) -> Decision {
    carry_on(state, vec![RunEvent::DoubtSettled { unit: doubted, reason: says.to_owned() }])
}

/// Asks people, and tells them what the probe had to say.
pub(super) fn ask(state: &Run, doubted: Unit, says: &str) -> Decision {
    let known = match state.commands.get(&doubted) {
        Some(CommandPhase::InDoubt { reason, .. }) => format!("{reason}; {says}"),
        _ => says.to_owned(),
    };
    decide::ask(state, Question::Doubt { unit: doubted, reason: known })
}
