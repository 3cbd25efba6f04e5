//! What later commands need of a command: a value, a variable, a folder, a function. Where it was not handed on, nobody's
//! word brings it there, so the run does not go on past the command, whoever says what of it.

use std::collections::BTreeSet;

use super::event::{Unit, UnitRole};
use super::names::mentions;
use super::state::{CommandPhase, Run};
use crate::plan::PlannedCommand;
use crate::runbook::kinds::variables;
use crate::runbook::{CommandKind, Later, Shell, reads, unsure_part};

impl Run {
    /// What later commands need of this command and would miss, in words; `None` when they miss nothing.
    #[must_use]
    pub fn missed_later(&self, unit: Unit) -> Option<String> {
        let command = self.command(unit)?;
        let value = command.capture.as_ref().map(|capture| capture.name.as_str());
        let missing = value.filter(|_| !self.handed.value(unit));
        match unit.role {
            UnitRole::Baseline => {
                missing.map(|name| format!("what is to be undone later needs {name}, which it gives"))
            }
            // they hand nothing on
            UnitRole::Undo | UnitRole::Probe => None,
            UnitRole::Main => match missing.filter(|name| self.is_value_used(unit, name)) {
                Some(name) => Some(format!("later commands read {name}, which it gives")),
                None => self.missed_of_shell(unit, self.has_handed_on(unit)),
            },
        }
    }

    /// What later commands would miss if nothing of the shell were there that this command begins or ends.
    pub(super) fn missed_without_its_shell(&self, unit: Unit) -> Option<String> {
        self.missed_of_shell(unit, false)
    }

    /// Whether its shell wrote down what it ended with, and the command failed all the same: what it was to set may be
    /// anything. A value that it was to give is not there then.
    #[must_use]
    pub fn may_have_set_anything(&self, unit: Unit) -> bool {
        let gives = self.command(unit).is_some_and(|command| command.capture.is_some());
        !gives && self.has_handed_on(unit) && self.was_seen_to_fail(unit)
    }

    fn missed_of_shell(&self, unit: Unit, is_handed_on: bool) -> Option<String> {
        let command = self.command(unit)?;
        let hands_on = unit.role == UnitRole::Main && command.kind == CommandKind::Shell;
        let has_failed = self.was_seen_to_fail(unit);
        // several at once hand nothing on
        if !hands_on || self.is_of_several(unit) || is_handed_on && !has_failed {
            return None;
        }
        let later = self.in_its_shell(unit);
        if later.is_empty() {
            return None;
        }
        let shell = self.shell_before(unit);
        if !is_handed_on {
            return shell.used_later(&command.text, &later);
        }
        if self.handed.is_denied(unit) {
            return shell.used_later(&command.text, &later);
        }
        // nobody knows how far it came, and with what
        let open = self.unsure_before(unit, &shell);
        let is_known = |name: &str| open.as_ref().is_some_and(|open| !open.contains(name));
        shell.used_later(unsure_part(&command.text, &is_known), &later)
    }

    fn has_handed_on(&self, unit: Unit) -> bool {
        matches!(self.commands.get(&unit), Some(CommandPhase::Ended { .. })) && self.handed.shell(unit)
    }

    /// The shell that a command begins in, as far as the texts show.
    fn shell_before(&self, unit: Unit) -> Shell {
        let texts = main_units(self).filter(|(_, command)| is_of_shell(command));
        let mut shell = Shell::new(texts.map(|(_, command)| command.text.as_str()), &self.plan.environment);
        for (_, command) in self.shells_before(unit) {
            shell.after(&command.text);
        }
        shell
    }

    /// The variables that earlier commands were to give and may not have given; `None` when these may be any.
    fn unsure_before(&self, unit: Unit, shell: &Shell) -> Option<BTreeSet<String>> {
        let mut open = BTreeSet::new();
        for (other, command) in main_units(self).take_while(|(other, _)| *other < unit) {
            let name = command.capture.as_ref().map(|capture| &capture.name);
            open.extend(name.filter(|_| !self.handed.value(other)).cloned());
        }
        let is_unsure = |other: Unit| !self.has_handed_on(other) || self.was_seen_to_fail(other);
        let unsure = self.shells_before(unit).filter(|(other, _)| is_unsure(*other));
        open.extend(shell.sets(unsure.map(|(_, command)| command.text.as_str()))?);
        Some(open)
    }

    /// The commands before one that hand on their shell: what several at once set stays with each of them.
    pub(super) fn shells_before(&self, unit: Unit) -> impl Iterator<Item = (Unit, &PlannedCommand)> {
        let hands_on = |command: &PlannedCommand| is_of_shell(command) && command.flow.foreach.is_none();
        main_units(self).take_while(move |(other, _)| *other < unit).filter(move |(_, one)| hands_on(one))
    }

    /// The later commands that begin from the shell of those before them.
    fn in_its_shell(&self, unit: Unit) -> Vec<Later<'_>> {
        let later = main_after(self, unit).filter(|command| is_of_shell(command));
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
            let fills = || variables(command.kind, &command.text).iter().any(|(read, _)| read == name);
            mentions(&command.text, name)
                || is_shell && reads(&command.text, name)
                || fills()
                || flow.when.as_deref().is_some_and(|when| when.contains(name))
                || flow.foreach.as_ref().is_some_and(|foreach| foreach.source == name)
        };
        let beside = self.plan.steps.iter().enumerate().flat_map(|(step, planned)| {
            let baselines = planned.baselines.iter().filter(move |_| step > unit.step);
            let probe = planned.probe.iter().filter(move |_| step >= unit.step);
            baselines.chain(probe).chain(&planned.undo)
        });
        if main_after(self, unit).chain(beside).any(uses) {
            return true;
        }
        // what functions of earlier commands read
        let later = self.in_its_shell(unit);
        let texts = main_units(self).filter(|(_, command)| is_of_shell(command));
        !later.is_empty()
            && Shell::new(texts.map(|(_, command)| command.text.as_str()), &[])
                .is_read(later.iter().map(|later| later.text), name)
    }
}

/// The commands of the steps themselves, in the order in which they are written and run.
fn main_units(run: &Run) -> impl Iterator<Item = (Unit, &PlannedCommand)> {
    run.plan.steps.iter().enumerate().flat_map(|(step, planned)| {
        let main = planned.commands.iter().enumerate();
        main.map(move |(index, command)| (Unit { step, role: UnitRole::Main, index, item: None }, command))
    })
}

/// Those that come after one.
fn main_after(run: &Run, unit: Unit) -> impl Iterator<Item = &PlannedCommand> {
    let is_after = move |other: Unit| (other.step, other.index) > (unit.step, unit.index);
    main_units(run).filter(move |(other, _)| is_after(*other)).map(|(_, command)| command)
}

/// Whether it begins from the shell of those before it.
fn is_of_shell(command: &PlannedCommand) -> bool {
    command.kind == CommandKind::Shell && command.flow.parallel.is_none()
}

/// What can be done where nobody can go past a command.
pub(super) fn ways_left(state: &Run) -> String {
    let undo = if !state.undoing && state.next_undo().is_some() { ", `undo` what was done" } else { "" };
    let cancel = if state.status.is_open() { ", or `cancel`" } else { "" };
    format!("`retry` it{undo}{cancel}")
}
