//! What later commands need of a command: a value, a variable, a folder, a function. Where it was not handed on, nobody's
//! word brings it there, so the run does not go on past the command, whoever says what of it.

use super::event::{Unit, UnitRole};
use super::names::mentions;
use super::state::{CommandPhase, Run};
use crate::plan::PlannedCommand;
use crate::runbook::{CommandKind, Later, reads, used_later};

impl Run {
    /// What later commands need of this command and would miss, in words; `None` when they miss nothing.
    #[must_use]
    pub fn missed_later(&self, unit: Unit) -> Option<String> {
        let command = self.command(unit)?;
        let value = command.capture.as_ref().map(|capture| capture.name.as_str());
        match unit.role {
            UnitRole::Baseline => {
                let has =
                    |name| self.baselines.get(&unit.step).is_some_and(|values| values.contains_key(name));
                let name = value.filter(|name| !has(*name))?;
                Some(format!("what is to be undone later needs {name}, which it gives"))
            }
            // they hand nothing on
            UnitRole::Undo | UnitRole::Probe => None,
            UnitRole::Main => {
                let missing =
                    value.filter(|name| !self.values.contains_key(*name) && self.is_value_used(unit, name));
                if let Some(name) = missing {
                    return Some(format!("later commands read {name}, which it gives"));
                }
                if self.is_handed_on(unit) || command.kind != CommandKind::Shell {
                    return None;
                }
                used_later(&command.text, &self.in_its_shell(unit))
            }
        }
    }

    /// Whether the shell that comes next is as this command left it.
    fn is_handed_on(&self, unit: Unit) -> bool {
        match self.commands.get(&unit) {
            // several at once hand nothing on
            _ if self.is_of_several(unit) => true,
            Some(CommandPhase::Ended { attempt, .. }) => self.carry == Some(*attempt),
            _ => false,
        }
    }

    /// The later commands that begin from the shell of those before them.
    fn in_its_shell(&self, unit: Unit) -> Vec<Later<'_>> {
        let from_shell =
            |command: &&PlannedCommand| command.kind == CommandKind::Shell && command.flow.parallel.is_none();
        let later = main_after(self, unit).filter(from_shell);
        later
            .map(|command| Later {
                text: &command.text,
                always: command.flow.when.is_none() && command.flow.foreach.is_none(),
            })
            .collect()
    }

    /// Whether something that is still to come, or an undo, uses a value: it is given to all of them.
    fn is_value_used(&self, unit: Unit, name: &str) -> bool {
        let uses = |command: &PlannedCommand| {
            let flow = &command.flow;
            let is_shell = command.kind == CommandKind::Shell;
            mentions(&command.text, name)
                || is_shell && reads(&command.text, name)
                || flow.when.as_deref().is_some_and(|when| when.contains(name))
                || flow.foreach.as_ref().is_some_and(|foreach| foreach.source == name)
        };
        let beside = self.plan.steps.iter().enumerate().flat_map(|(step, planned)| {
            let baselines = planned.baselines.iter().filter(move |_| step > unit.step);
            let probe = planned.probe.iter().filter(move |_| step >= unit.step);
            baselines.chain(probe).chain(&planned.undo)
        });
        main_after(self, unit).chain(beside).any(uses)
    }
}

/// The commands of the steps themselves that come after one.
fn main_after(run: &Run, unit: Unit) -> impl Iterator<Item = &PlannedCommand> {
    run.plan.steps.iter().enumerate().flat_map(move |(step, planned)| {
        let main = planned.commands.iter().enumerate();
        main.filter(move |(index, _)| (step, *index) > (unit.step, unit.index)).map(|(_, command)| command)
    })
}

/// What can be done where nobody can go past a command.
pub(super) fn ways_left(state: &Run) -> String {
    let undo = if !state.undoing && state.next_undo().is_some() { ", `undo` what was done" } else { "" };
    let cancel = if state.status.is_open() { ", or `cancel`" } else { "" };
    format!("`retry` it{undo}{cancel}")
}
