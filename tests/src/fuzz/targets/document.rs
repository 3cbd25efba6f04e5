//! What every understood document keeps to.

use std::collections::BTreeSet;

use runbook_core::runbook::{Command, CommandKind, Document, Level, Step, parse, parse_bytes};

use super::decoded;

/// Any bytes, as a document.
pub fn parser(data: &[u8]) {
    let text = decoded(data);
    check(&text);
    if data.contains(&0) || std::str::from_utf8(data).is_err() {
        let document = parse_bytes("fuzzed", data);
        let stops = document.diagnostics.iter().any(|found| found.level == Level::Error);
        assert!(stops, "bytes that are no text are planned");
    }
}

/// Understands a text, holds it to everything that is true of every document, and gives it back.
pub(super) fn check(text: &str) -> Document {
    let document = parse("fuzzed", text);
    assert!(parse("fuzzed", text) == document, "read twice, understood in two ways");
    let lines = lines(text);
    let holds = |line: u32| at(&lines, line).is_some();
    for found in &document.diagnostics {
        assert!(holds(found.line), "a finding outside the document: {found:?}");
        let line = lines.get(found.line as usize - 1).copied().unwrap_or_default();
        let width = line.chars().count() + 1;
        let column = found.column as usize;
        assert!((1..=width).contains(&column), "a finding outside its line of {width}: {found:?}");
        assert!(!found.message.is_empty(), "{found:?}");
    }
    let places: Vec<_> = document.diagnostics.iter().map(|found| (found.line, found.column)).collect();
    assert!(places.is_sorted(), "findings are not in order: {places:?}");
    for heading in &document.headings {
        assert!(holds(heading.line) && (1..=6).contains(&heading.level), "{heading:?}");
    }
    assert!(document.headings.is_sorted_by_key(|heading| heading.line), "headings are not in order");
    for block in &document.blocks {
        assert!(holds(block.line_start) && holds(block.line_end), "a block outside the document: {block:?}");
        assert!(block.line_start <= block.line_end, "a block ends before it begins: {block:?}");
        assert_eq!(block.runnable, block.reason.is_none(), "runnable or a reason: {block:?}");
    }
    assert!(document.blocks.is_sorted_by_key(|block| block.line_start), "blocks are not in order");
    for section in &document.sections {
        let range = &section.steps;
        assert!(range.start <= range.end && range.end <= document.steps.len(), "{section:?}");
        assert!(holds(section.line), "{section:?}");
    }
    check_steps(&document, text, &lines);
    document
}

/// The lines; CommonMark ends one at a lone carriage return, too.
fn lines(text: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut from = 0;
    for (at, end) in text.match_indices(['\n', '\r']) {
        if end == "\n" || !text[at + 1..].starts_with('\n') {
            lines.push(&text[from..at]);
            from = at + 1;
        }
    }
    lines.push(&text[from..]);
    lines
}

/// A line by its number, which counts from 1.
pub(super) fn at<'a>(lines: &[&'a str], number: u32) -> Option<&'a str> {
    lines.get(usize::try_from(number).ok()?.checked_sub(1)?).copied()
}

/// Every command of a step.
pub(super) fn commands(step: &Step) -> impl Iterator<Item = &Command> {
    step.commands.iter().chain(&step.baselines).chain(step.probe.as_deref()).chain(&step.undo)
}

fn check_steps(document: &Document, text: &str, lines: &[&str]) {
    let holds = |line: u32| at(lines, line).is_some();
    let (mut steps, mut names) = (BTreeSet::new(), BTreeSet::new());
    for step in &document.steps {
        assert!(steps.insert(&step.id), "two steps are called {:?}", step.id);
        assert!(holds(step.line), "{step:?}");
        for item in &step.manual_items {
            assert!(holds(item.line), "{item:?}");
        }
        for command in commands(step) {
            assert!(names.insert(&command.id), "two commands are called {:?}", command.id);
            check_command(command, text, lines);
        }
    }
}

fn check_command(command: &Command, text: &str, lines: &[&str]) {
    let Some(line) = at(lines, command.line) else { panic!("a command outside the document: {command:?}") };
    assert!(command.text.ends_with('\n') || command.kind != CommandKind::Shell, "{command:?}");
    if !command.placeholders.is_empty() || command.not_runnable.is_some() {
        assert!(command.reason().is_some(), "runs although something stands in the way: {command:?}");
    }
    for expectation in &command.expectations {
        assert!(at(lines, expectation.line).is_some(), "{expectation:?}");
    }
    if command.kind == CommandKind::Shell {
        let first = command.text.split(['\n', '\r']).next().unwrap_or_default().trim();
        let there = line.contains(first) || first.contains('\u{fffd}');
        assert!(there, "{first:?} does not stand on the line {line:?} that is named: {command:?}");
    }
    // nothing runs that is not written: container indentation and NUL aside. Long ones would take long to compare.
    if command.kind == CommandKind::Shell && text.len() < 10_000 && command.text.len() < 2_000 {
        for line in command.text.split(['\n', '\r']).map(str::trim) {
            let written = text.contains(line) || line.contains('\u{fffd}');
            assert!(written, "{line:?} is run and stands nowhere: {command:?}");
        }
    }
}
