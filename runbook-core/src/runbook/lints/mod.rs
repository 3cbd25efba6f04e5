//! What a runbook's commands, once understood, should have said.
//!
//! Each rule looks at the whole [`Script`] once and adds its findings. To add one, write a function in a file of its
//! own and put it into [`RULES`]; its code goes into `codes.rs`, its page into `docs/errors/`.

mod allow;
mod bodies;
mod boxes;
mod calls;
mod cannot_fail;
mod declared;
mod destructive;
mod effectful;
mod endless;
mod entities;
mod files;
mod functions;
mod interactive;
mod kubectl;
mod links;
mod loops;
mod misread;
mod openers;
mod outcome;
mod promql;
mod quotes;
mod script;
mod secrets;
#[cfg(test)]
mod table_tests;
mod written;

use self::script::Script;
use super::codes;
use super::diagnostic::{Code, Diagnostic};
use super::lines::Lines;
use super::model::Document;
use super::steps::SectionBox;

pub use allow::silence_remarks;
pub(crate) use allow::{silence, wanted as allow_comment};
pub(crate) use functions::defined_functions;
pub use links::check_links;
pub(crate) use links::settle_anchors;

/// A rule: looks, and adds what it finds.
type Rule = fn(&Script<'_>, &mut Vec<Diagnostic>);

/// Every rule. `misread` leaves out the lines that `cannot_fail` has told of, so it comes behind it.
const RULES: &[Rule] = &[
    kubectl::unpinned_undo,
    kubectl::namespaces,
    destructive::destructive,
    secrets::printed,
    secrets::traced,
    secrets::expected,
    loops::ignored_variable,
    loops::endless_loop,
    loops::unbounded,
    files::unwritten,
    interactive::interactive,
    openers::openers,
    endless::never_ending,
    cannot_fail::cannot_fail,
    quotes::quote_style,
    promql::traps_of_queries,
    bodies::incomplete,
    outcome::no_undo,
    outcome::never_validated,
    misread::misread,
    entities::entities,
    declared::false_read,
];

/// What stops the command that it is found in, and why.
const STOPS: &[(Code, &str)] = &[
    (codes::CANNOT_FAIL, "its check can never fail"),
    (codes::HTML_ENTITY, "it holds an HTML entity"),
    (codes::FALSE_READ, "it says effect=read and changes something"),
];

/// Checks every step. A command with a finding of [`STOPS`] loses its right to run.
pub(crate) fn check(document: &mut Document, boxes: &[SectionBox], lines: &Lines<'_>) -> Vec<Diagnostic> {
    functions::distrust_redefined(document);
    let mut found = Vec::new();
    let script = Script::new(document, lines);
    for rule in RULES {
        rule(&script, &mut found);
    }
    boxes::check(document, boxes, lines, &mut found);
    openers::stop(document, &found);
    for (code, reason) in STOPS {
        stop(document, &found, *code, reason);
    }
    found
}

/// Commands that hold a finding of the code do not run.
fn stop(document: &mut Document, found: &[Diagnostic], code: Code, reason: &str) {
    let mut places: Vec<u32> =
        found.iter().filter(|finding| finding.code == code).map(|finding| finding.line).collect();
    if places.is_empty() {
        return;
    }
    places.sort_unstable();
    for step in &mut document.steps {
        for command in step.all_commands_mut() {
            let last = calls::last_line(command.line, &command.text);
            let at = places.partition_point(|line| *line < command.line);
            if places.get(at).is_some_and(|line| *line <= last) {
                command.not_runnable.get_or_insert_with(|| reason.to_owned());
            }
        }
    }
}
