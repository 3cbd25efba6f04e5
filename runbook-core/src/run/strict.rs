//! Which variables must have a value before a command begins.
//!
//! A command that was passed over, failed, or is in doubt may have left unset what later texts read; reading texts never
//! shows all of that (functions, loaded files, conditions). So the shell looks whether what a later command reads of it is
//! set, before the command begins: `rm -rf "/srv/$DIR"` is not started without `DIR`, and people are asked.

use std::collections::{BTreeMap, BTreeSet};

use super::event::{Unit, UnitRole};
use super::state::{CommandPhase, Run};
use crate::expectation::Outcome;
use crate::runbook::{CommandKind, Shell, Touched, possible_calls, touched};

/// A shell command that ran, or was to run, before another one.
struct Before<'a> {
    unit: Unit,
    text: &'a str,
    sets: Touched,
}

/// What those of these commands that are in doubt may have left unset, functions that they call, through others too,
/// included; each with the last of them.
fn left_unset<'b>(
    before: &'b [Before<'_>],
    is_doubtful: impl Fn(&Before<'_>) -> bool,
) -> BTreeMap<&'b str, Unit> {
    let mut defining: BTreeMap<&str, Vec<&Before<'_>>> = BTreeMap::new();
    for one in before {
        for name in &one.sets.functions {
            defining.entry(name).or_default().push(one);
        }
    }
    let (mut missing, mut seen) = (BTreeMap::new(), BTreeSet::new());
    // from the last one on, so that each text is looked at once
    for doubtful in before.iter().rev().filter(|one| is_doubtful(one)) {
        let mut open = vec![doubtful];
        while let Some(one) = open.pop() {
            if !seen.insert(one.unit) {
                continue;
            }
            for name in &one.sets.names {
                missing.entry(name.as_str()).or_insert(doubtful.unit);
            }
            // a function that is called for the first time: those that define it need no second look
            open.extend(possible_calls(one.text).filter_map(|word| defining.remove(word)).flatten());
        }
    }
    missing
}

impl Run {
    /// The variables that must have a value when this command begins.
    #[must_use]
    pub fn must_be_set(&self, unit: Unit) -> BTreeSet<String> {
        self.may_be_missing(unit).into_keys().collect()
    }

    /// These variables, each with the last command that was to set it.
    #[must_use]
    pub fn may_be_missing(&self, unit: Unit) -> BTreeMap<String, Unit> {
        let Some(command) = self.command(unit).filter(|command| command.kind == CommandKind::Shell) else {
            return BTreeMap::new();
        };
        let captured = self.captured_before(unit).filter(|(name, _)| self.value(unit, name).is_none());
        let mut missing: BTreeMap<&str, Unit> = captured.collect();
        let before: Vec<Before<'_>>;
        // only the commands of the steps themselves begin in the shell of those before them
        let is_carried_to = unit.role == UnitRole::Main && command.flow.parallel.is_none();
        if is_carried_to && self.shells_before(unit).any(|(unit, _)| self.is_doubtful(unit)) {
            before = self
                .shells_before(unit)
                .map(|(unit, one)| Before { unit, text: &one.text, sets: touched(&one.text) })
                .collect();
            missing.extend(left_unset(&before, |one| self.is_doubtful(one.unit)));
        }
        if missing.is_empty() {
            return BTreeMap::new();
        }
        let earlier = self.shells_before(unit).map(|(_, one)| one.text.as_str());
        let earlier = earlier.take(if is_carried_to { usize::MAX } else { 0 });
        let shell = Shell::new(earlier.chain([command.text.as_str()]), &[]);
        let missed = shell.missed(&command.text, missing.keys().copied());
        let named = missing.iter().filter(|(name, _)| missed.contains(*name));
        named.map(|(name, unit)| ((*name).to_owned(), *unit)).collect()
    }

    /// Every name that was to be captured by then.
    fn captured_before(&self, unit: Unit) -> impl Iterator<Item = (&str, Unit)> {
        let steps = self.plan.steps.iter().take(unit.step + 1).enumerate();
        let commands = steps.flat_map(move |(step, planned)| {
            let place = move |role| move |(index, command)| (Unit { step, role, index, item: None }, command);
            let whole = step < unit.step || matches!(unit.role, UnitRole::Undo | UnitRole::Probe);
            let (baselines, main) = match unit.role {
                _ if whole => (usize::MAX, usize::MAX),
                UnitRole::Baseline => (unit.index, 0),
                _ => (usize::MAX, unit.index),
            };
            let baselines = planned.baselines.iter().take(baselines).enumerate();
            let main = planned.commands.iter().take(main).enumerate();
            baselines.map(place(UnitRole::Baseline)).chain(main.map(place(UnitRole::Main)))
        });
        commands.filter_map(|(unit, command)| Some((command.capture.as_ref()?.name.as_str(), unit)))
    }

    /// Whether it is not known to have run to a good end. A person's yes is enough where only a person can tell, and where
    /// nothing was seen to fail or to be late.
    fn is_doubtful(&self, unit: Unit) -> bool {
        match self.commands.get(&unit) {
            Some(CommandPhase::Ended { verdicts, vouched, noted: false, missed: false, .. }) => {
                let is_good = |outcome| match outcome {
                    Outcome::Pass => true,
                    Outcome::Ask => *vouched,
                    Outcome::Fail | Outcome::Late => false,
                };
                !verdicts.iter().all(|verdict| is_good(verdict.outcome))
            }
            _ => true,
        }
    }
}
