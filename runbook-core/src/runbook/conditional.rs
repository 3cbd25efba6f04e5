//! What is said about commands that the document runs on a condition, and who allowed them to run all the same.

use std::collections::BTreeSet;

use super::branches::{is_about_going_back, is_about_more};
use super::codes;
use super::diagnostic::Diagnostic;
use super::lines::Lines;
use super::model::{Command, Document, Effect};

/// Says that what goes back is the document's own purpose, where it is, and gives a finding for each condition on what
/// may change something.
pub(super) fn check(document: &mut Document, lines: &Lines<'_>) -> Vec<Diagnostic> {
    let forward = |command: &Command| command.only_if.as_ref().is_none_or(|only_if| !only_if.inverse);
    let going_back =
        [Some(document.title.as_str()), Some(document.name.as_str()), document.front.kind.as_deref()]
            .into_iter()
            .flatten()
            .any(|title| is_about_going_back(title) && !changes_more(document, title))
            || !document.steps.iter().flat_map(|step| &step.commands).any(forward);
    let mut told: BTreeSet<u32> = BTreeSet::new();
    let mut found = Vec::new();
    for command in document.steps.iter_mut().flat_map(|step| &mut step.commands) {
        command.only_if.take_if(|only_if| only_if.inverse && going_back);
        let Some(only_if) = &command.only_if else { continue };
        if command.effect == Effect::Read || command.not_runnable.is_some() || !told.insert(only_if.told_at) {
            continue;
        }
        let at = (only_if.told_at, lines.indent(only_if.told_at));
        let what = if only_if.inverse {
            "takes back what other commands do"
        } else {
            "runs on a condition, or instead of another"
        };
        found.push(codes::finding(
            codes::CONDITIONAL,
            at,
            format!(
                "what stands here {what}, as line {} says: `{}`; so a plan of the whole document does not run",
                only_if.line, only_if.text
            ),
            "put it into a section of its own and plan that with --section, mark it {undo}, or write {conditional=no} when it always runs",
        ));
    }
    found
}

/// Whether a step that changes something does what the title says beside going back.
fn changes_more(document: &Document, title: &str) -> bool {
    let changes = |command: &Command| {
        command.effect != Effect::Read && command.only_if.as_ref().is_none_or(|only_if| !only_if.inverse)
    };
    let mut steps = document.steps.iter().filter(|step| step.commands.iter().any(changes));
    steps.any(|step| is_about_more(title, &step.title))
}

/// Marks the commands whose finding, of those at `told`, an author has allowed.
pub(super) fn settle(document: &mut Document, told: &[u32]) {
    if told.is_empty() {
        return;
    }
    let left: BTreeSet<u32> = document
        .diagnostics
        .iter()
        .filter(|finding| finding.code == codes::CONDITIONAL)
        .map(|finding| finding.line)
        .collect();
    let allowed: BTreeSet<u32> = told.iter().copied().filter(|line| !left.contains(line)).collect();
    for command in document.steps.iter_mut().flat_map(|step| &mut step.commands) {
        if let Some(only_if) = command.only_if.as_mut().filter(|only_if| allowed.contains(&only_if.told_at)) {
            only_if.allowed = true;
        }
    }
}
