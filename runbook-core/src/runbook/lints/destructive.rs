//! A verb that destroys, in a step without an undo.

use super::super::codes;
use super::super::diagnostic::Diagnostic;
use super::super::info::Role;
use super::super::model::CommandKind;
use super::effectful::{destroys, destructive_sql, removes_own_files};
use super::script::Script;

const HINT: &str = "add a block marked undo with what brings it back, or say in the text that nothing does";

/// Shell commands and sql blocks of steps that declare no inverse.
pub(super) fn destructive(script: &Script<'_>, found: &mut Vec<Diagnostic>) {
    let undone = |step: usize| script.document.steps.get(step).is_some_and(|step| !step.undo.is_empty());
    let message = |what: &str| format!("`{what}` destroys something, and the step declares no undo");
    for (_, call) in script.all_calls().filter(|(unit, _)| unit.role == Role::Main && !undone(unit.step)) {
        if let Some(what) = destroys(call).filter(|_| !removes_own_files(call)) {
            found.push(script.at_call(codes::DESTRUCTIVE, call, message(&what), HINT));
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
