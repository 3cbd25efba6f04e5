//! What follows from effects: a step that cannot be undone, and a change that nothing validates.

use std::collections::BTreeSet;

use super::super::codes;
use super::super::codes::finding;
use super::super::diagnostic::Diagnostic;
use super::super::info::Role;
use super::super::kinds::sql::known_change;
use super::super::model::{Command, CommandKind, Effect, EffectSource, Step};
use super::calls::Call;
use super::effectful;
use super::kubectl;
use super::script::{Script, Unit, commands};

/// A step that is known to change something that must not be repeated, and no undo. What nobody knows anything about
/// is left to the plan, which says so: most of it only looks.
pub(super) fn no_undo(script: &Script<'_>, found: &mut Vec<Diagnostic>) {
    let mut units = script.units.iter().peekable();
    for (index, step) in script.document.steps.iter().enumerate() {
        let mut known = BTreeSet::new();
        while let Some(unit) = units.next_if(|unit| unit.step == index) {
            if unit.role == Role::Main && unit.calls.iter().any(has_an_inverse) {
                known.insert(unit.command.line);
            }
        }
        if !step.undo.is_empty() {
            continue;
        }
        let mut once = step.commands.iter().filter(|command| command.effect == Effect::Once);
        let changes = |command: &&Command| match command.kind {
            // what an include does is said, and undone, where it stands
            CommandKind::Include | CommandKind::Promql => false,
            CommandKind::Shell => {
                command.effect_source == EffectSource::Declared || known.contains(&command.line)
            }
            CommandKind::Http => true,
            CommandKind::Sql => {
                command.effect_source == EffectSource::Declared || known_change(&command.text).is_some()
            }
        };
        if let Some(command) = once.find(changes) {
            found.push(finding(
                codes::NO_UNDO,
                (command.line, script.lines.indent(command.line)),
                format!(
                    "the step `{}` changes something that must not be repeated, and declares no undo",
                    step.title
                ),
                "add a block marked undo, or effect=read when the command changes nothing",
            ));
        }
    }
}

/// Whether a call is known to change something that could be changed back. A restart cannot, and what destroys has a
/// finding of its own.
fn has_an_inverse(call: &Call<'_>) -> bool {
    let args = call.texts();
    let restarts = args.iter().any(|arg| matches!(*arg, "restart" | "reload" | "daemon-reload"))
        || matches!(call.program(), "reboot" | "shutdown" | "kill" | "pkill" | "killall");
    effectful::changes(call) && effectful::destroys(call).is_none() && !restarts
}

/// A step that is known to change something, with no check in it or behind it.
pub(super) fn never_validated(script: &Script<'_>, found: &mut Vec<Diagnostic>) {
    let mut units = script.units.iter().rev().peekable();
    let mut late: Vec<Diagnostic> = Vec::new();
    let mut checked_later = false;
    let mut chapter = None;
    for (index, step) in script.document.steps.iter().enumerate().rev() {
        let mut own: Vec<&Unit<'_>> = Vec::new();
        while let Some(unit) = units.next_if(|unit| unit.step == index) {
            own.push(unit);
        }
        // what another chapter looks at is another procedure's
        let of = Some(script.chapter_of(step.line));
        checked_later = (checked_later && chapter == of) || checks(step, &own);
        chapter = of;
        if checked_later {
            continue;
        }
        let declared = step.commands.iter().find(|command| changes_as_declared(command));
        let known =
            own.iter().rev().filter(|unit| unit.role == Role::Main && unit.command.effect != Effect::Read);
        let known = known
            .flat_map(|unit| unit.calls.iter())
            .find(|call| effectful::changes(call))
            .map(|call| call.line);
        if let Some(line) = known.or(declared.map(|command| command.line)) {
            late.push(finding(
                codes::NEVER_VALIDATED,
                (line, script.lines.indent(line)),
                format!("the step `{}` changes something, and neither it nor a later step looks whether that worked", step.title),
                "add a command that looks, with an expectation",
            ));
        }
    }
    found.extend(late);
}

fn changes_as_declared(command: &Command) -> bool {
    match command.kind {
        CommandKind::Shell => {
            command.effect_source == EffectSource::Declared && command.effect != Effect::Read
        }
        CommandKind::Promql | CommandKind::Include => false,
        CommandKind::Http | CommandKind::Sql => command.effect != Effect::Read,
    }
}

/// An expectation, a probe, a command that waits, or an item that asks a person to look.
fn checks(step: &Step, own: &[&Unit<'_>]) -> bool {
    let looks = |text: &str| {
        let lower = text.to_ascii_lowercase();
        ["verify", "check", "confirm", "validate", "make sure", "ensure", "monitor", "watch", "test"]
            .iter()
            .any(|word| lower.contains(word))
    };
    step.probe.is_some()
        || commands(step).any(|(role, command)| {
            role == Role::Main && (!command.expectations.is_empty() || command.kind == CommandKind::Include)
        })
        || step.manual_items.iter().any(|item| looks(&item.text))
        || own.iter().any(|unit| unit.role == Role::Main && unit.calls.iter().any(waits))
}

fn waits(call: &Call<'_>) -> bool {
    match call.program() {
        "kubectl" | "oc" => {
            matches!(kubectl::words(call).as_slice(), ["wait", ..] | ["rollout", "status", ..])
        }
        "helm" => call.has(&["--wait", "--atomic"]) || call.operands().next() == Some("test"),
        "aws" => call.operands().nth(1) == Some("wait"),
        "curl" => call.has(&["--fail"]) || call.has_letter('f'),
        _ => false,
    }
}
