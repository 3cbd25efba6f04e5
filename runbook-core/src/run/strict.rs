//! When a variable without a value ends a command instead of being nothing.
//!
//! A command that was passed over, failed, or is in doubt may have left unset what later texts use; reading texts never
//! shows all of that (functions, loaded files, conditions). So a later command that names what may be missing runs with
//! `set -u`: bash ends it at such a variable, and people are asked, where `rm -rf "/srv/$DIR"` would have gone on.

use std::collections::BTreeSet;

use super::event::{Unit, UnitRole};
use super::state::{CommandPhase, Run};
use crate::expectation::Outcome;
use crate::runbook::{CommandKind, Touched, touched, words};

/// A shell command that ran, or was to run, before another one.
struct Before<'a> {
    unit: Unit,
    text: &'a str,
    sets: Touched,
}

impl Before<'_> {
    fn is_called_in(&self, words: &BTreeSet<&str>) -> bool {
        self.sets.functions.iter().any(|name| words.contains(name.as_str()))
    }
}

impl Run {
    /// Whether this command must end at a variable that has no value.
    #[must_use]
    pub fn ends_at_unset(&self, unit: Unit) -> bool {
        let Some(command) = self.command(unit).filter(|command| command.kind == CommandKind::Shell) else {
            return false;
        };
        let captured = self.captured_before(unit).filter(|name| self.value(unit, name).is_none());
        let mut missing: BTreeSet<&str> = captured.collect();
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let before: Vec<Before<'_>>;
        // only the commands of the steps themselves begin in the shell of those before them
        let is_carried_to = unit.role == UnitRole::Main && command.flow.parallel.is_none();
        if is_carried_to && self.shells_before(unit).any(|(unit, _)| self.is_doubtful(unit)) {
            before = self
                .shells_before(unit)
                .map(|(unit, one)| Before { unit, text: &one.text, sets: touched(&one.text) })
                .collect();
            let with_functions: Vec<&Before<'_>> =
                before.iter().filter(|one| !one.sets.functions.is_empty()).collect();
            for doubtful in before.iter().filter(|one| self.is_doubtful(one.unit)) {
                let called: BTreeSet<&str> = words(doubtful.text).collect();
                let called = with_functions.iter().copied().filter(|one| one.is_called_in(&called));
                for one in [doubtful].into_iter().chain(called) {
                    if one.sets.unknown {
                        return true;
                    }
                    missing.extend(one.sets.names.iter().map(String::as_str));
                }
            }
            let called: BTreeSet<&str> = words(&command.text).collect();
            let called = with_functions.iter().filter(|one| one.is_called_in(&called));
            seen.extend(called.flat_map(|one| words(one.text)));
        }
        if missing.is_empty() {
            return false;
        }
        seen.extend(words(&command.text));
        missing.iter().any(|name| seen.contains(name))
    }

    /// Every name that was to be captured by then.
    fn captured_before(&self, unit: Unit) -> impl Iterator<Item = &str> {
        let steps = self.plan.steps.iter().take(unit.step + 1).enumerate();
        let commands = steps.flat_map(move |(step, planned)| {
            let whole = step < unit.step || matches!(unit.role, UnitRole::Undo | UnitRole::Probe);
            let (baselines, main) = match unit.role {
                _ if whole => (usize::MAX, usize::MAX),
                UnitRole::Baseline => (unit.index, 0),
                _ => (usize::MAX, unit.index),
            };
            planned.baselines.iter().take(baselines).chain(planned.commands.iter().take(main))
        });
        commands.filter_map(|command| command.capture.as_ref()).map(|capture| capture.name.as_str())
    }

    /// Whether it is not known to have run to a good end.
    fn is_doubtful(&self, unit: Unit) -> bool {
        match self.commands.get(&unit) {
            Some(CommandPhase::Ended { verdicts, vouched, noted, missed, .. }) => {
                *vouched
                    || *noted
                    || *missed
                    || verdicts.iter().any(|verdict| verdict.outcome != Outcome::Pass)
            }
            _ => true,
        }
    }
}
