//! What a command is given: parameters, and values that earlier commands captured.

use std::collections::BTreeMap;

use super::event::{Unit, UnitRole};
use super::state::Run;

impl Run {
    /// The value that a name has for a command: its step's own, else one that appeared, else the plan's. What undoes or
    /// probes a step sees what that step's baselines captured, whatever later steps captured under the same name.
    #[must_use]
    pub fn value(&self, unit: Unit, name: &str) -> Option<&str> {
        if let Some((_, value)) = self.item(unit).filter(|(of, _)| *of == name) {
            return Some(value);
        }
        let own = self.plan.steps.get(unit.step).and_then(|step| step.params.get(name));
        let baseline = || self.baseline_values(unit).and_then(|values| values.get(name));
        let captured = || match self.own_captures(unit).into_iter().find(|(of, _)| *of == name) {
            Some((_, value)) => value,
            None => self.values.get(name),
        };
        let appeared = || baseline().or_else(captured);
        own.or_else(appeared).or_else(|| self.plan.params.get(name)).map(String::as_str)
    }

    /// What the commands of its own step were to capture, for what undoes or probes the step: another step's value of that
    /// name is about something else.
    fn own_captures(&self, unit: Unit) -> BTreeMap<&str, Option<&String>> {
        let mut own = BTreeMap::new();
        let is_inverse = matches!(unit.role, UnitRole::Undo | UnitRole::Probe);
        let Some(step) = self.plan.steps.get(unit.step).filter(|_| is_inverse) else { return own };
        for (index, command) in step.commands.iter().enumerate() {
            let Some(capture) = &command.capture else { continue };
            let value = self.captured.get(&Unit { step: unit.step, role: UnitRole::Main, index, item: None });
            let latest = own.entry(capture.name.as_str()).or_insert(None);
            *latest = value.or(*latest);
        }
        own
    }

    /// A command begins again, or a person says that it is not as expected: what it captured is no value any more, and the
    /// name has again what the commands before it gave.
    pub(super) fn takes_back_its_value(&mut self, unit: Unit) {
        let gives =
            |run: &Run, unit: Unit| run.command(unit)?.capture.as_ref().map(|capture| capture.name.clone());
        let Some(name) = gives(self, unit) else { return };
        if unit.role == UnitRole::Baseline {
            self.baselines.get_mut(&unit.step).and_then(|values| values.remove(&name));
        }
        if self.captured.remove(&unit).is_none() && unit.role != UnitRole::Baseline {
            return;
        }
        let mut earlier = self.captured.iter().rev().filter(|(other, _)| **other < unit);
        match earlier
            .find(|(other, _)| gives(self, **other).as_ref() == Some(&name))
            .map(|(_, value)| value.clone())
        {
            Some(value) => self.values.insert(name, value),
            None => self.values.remove(&name),
        };
    }

    fn baseline_values(&self, unit: Unit) -> Option<&BTreeMap<String, String>> {
        let is_inverse = matches!(unit.role, UnitRole::Undo | UnitRole::Probe);
        self.baselines.get(&unit.step).filter(|_| is_inverse)
    }

    /// Every value that a command sees as a variable.
    #[must_use]
    pub fn variables(&self, unit: Unit) -> BTreeMap<String, String> {
        let mut variables = self.plan.params.clone();
        variables.extend(self.values.clone());
        for (name, value) in self.own_captures(unit) {
            match value {
                Some(value) => variables.insert(name.to_owned(), value.clone()),
                None => variables.remove(name),
            };
        }
        variables.extend(self.baseline_values(unit).cloned().unwrap_or_default());
        // an included runbook's own parameters win inside its steps
        variables.extend(self.plan.steps.get(unit.step).map(|step| step.params.clone()).unwrap_or_default());
        variables.extend(self.item(unit).map(|(name, value)| (name.to_owned(), value.to_owned())));
        variables
    }
}
