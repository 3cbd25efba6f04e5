//! A verb that destroys, in a step without an undo.

use super::super::codes;
use super::super::diagnostic::Diagnostic;
use super::super::info::Role;
use super::super::model::CommandKind;
use super::calls::Call;
use super::effectful::{destroys, destructive_sql, emptied, removes_own_files};
use super::kubectl;
use super::script::{Script, Unit};

const HINT: &str = "add a block marked undo with what brings it back, or say in the text that nothing does";

/// Shell commands and sql blocks of steps that declare no inverse.
pub(super) fn destructive(script: &Script<'_>, found: &mut Vec<Diagnostic>) {
    let undone = |step: usize| script.document.steps.get(step).is_some_and(|step| !step.undo.is_empty());
    let message = |what: &str| format!("`{what}` destroys something, and the step declares no undo");
    for (_, call) in script.all_calls().filter(|(unit, _)| unit.role == Role::Main && !undone(unit.step)) {
        if let Some(what) = destroys(call).filter(|_| !removes_own_files(call)) {
            found.push(script.at_call(codes::DESTRUCTIVE, call, message(&what), HINT));
        } else if let Some(file) = emptied(call) {
            found.push(script.at_call(codes::DESTRUCTIVE, call, message(&format!("> {file}")), HINT));
        }
    }
    for unit in script.units.iter().filter(|unit| unit.role == Role::Main && !undone(unit.step)) {
        if let Some((line, what)) = none_left(unit) {
            found.push(script.at(codes::DESTRUCTIVE, line, what, message(what), HINT));
        }
    }
    for step in script.document.steps.iter().filter(|step| step.undo.is_empty()) {
        for command in step.commands.iter().filter(|command| command.kind == CommandKind::Sql) {
            if let Some(what) = destructive_sql(&command.text) {
                found.push(script.at(codes::DESTRUCTIVE, command.line, what, message(what), HINT));
            }
        }
    }
}

/// `replicas: 0` in what kubectl is given to apply or to patch with, and its line.
fn none_left<'u>(unit: &'u Unit<'_>) -> Option<(u32, &'u str)> {
    let changes = |call: &&Call<'_>| {
        matches!(call.program(), "kubectl" | "oc")
            && matches!(kubectl::words(call).first(), Some(&("apply" | "replace" | "patch" | "create")))
            && !call.args.iter().any(|arg| arg.text().starts_with("--dry-run"))
    };
    unit.calls.iter().find(changes)?;
    let mut lines = (unit.command.line..).zip(unit.command.text.lines());
    lines.find_map(|(line, text)| {
        let at = text.find("replicas")?;
        let value = text.get(at + "replicas".len()..)?.trim_start_matches(['"', ' ']).strip_prefix(':')?;
        let none = value.trim_start().strip_prefix('0')?;
        // `0.5` and `01` are something else
        (!none.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '.')).then_some((line, "replicas: 0"))
    })
}
