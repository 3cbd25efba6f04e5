//! Planning one section of a document by itself.

use std::collections::BTreeSet;
use std::ops::Range;

use super::error::PlanError;
use crate::runbook::{Document, Section, Step, closest, is_identifier_byte, variables};

/// The section that is meant: by id, by title in any case, else by a beginning of either that only one has.
pub(super) fn find<'a>(document: &'a Document, wanted: &str) -> Result<&'a Section, PlanError> {
    let lower = wanted.trim().to_lowercase();
    let sections = &document.sections;
    let exact = sections.iter().find(|section| section.id == lower);
    let titled = || only(sections.iter().filter(|section| section.title.to_lowercase() == lower));
    let begins = || {
        let fits = |section: &&Section| {
            section.id.starts_with(&lower) || section.title.to_lowercase().starts_with(&lower)
        };
        only(sections.iter().filter(fits)).filter(|_| !lower.is_empty())
    };
    exact
        .or_else(titled)
        .or_else(begins)
        .ok_or_else(|| PlanError::Section { wanted: wanted.to_owned(), known: known(document, &lower) })
}

/// What to say about the sections when none, or more than one, is meant: the nearest few, and how to see them all.
fn known(document: &Document, wanted: &str) -> String {
    /// More than these are no help.
    const MOST: usize = 4;
    let sections = &document.sections;
    if sections.is_empty() {
        return "the runbook has no sections".to_owned();
    }
    let ids = sections.iter().map(|section| section.id.as_str());
    let near = if sections.len() <= MOST { ids.collect() } else { closest(wanted, ids, MOST) };
    let all = format!("`blocks runbook show` lists all {} sections", sections.len());
    match near.as_slice() {
        [] => all,
        _ if near.len() == sections.len() => format!("the runbook has {}", near.join(", ")),
        _ => format!("near it are {}; {all}", near.join(", ")),
    }
}

fn only<'a>(mut fits: impl Iterator<Item = &'a Section>) -> Option<&'a Section> {
    let first = fits.next()?;
    fits.next().is_none().then_some(first)
}

/// The section's lines: from its heading to the next one that is not below it.
pub(super) fn lines(document: &Document, section: &Section) -> Range<u32> {
    let ends = |line: u32, level: u8| (line > section.line && level <= section.level).then_some(line);
    let headings = document.headings.iter().filter_map(|heading| ends(heading.line, heading.level));
    let sections = document.sections.iter().filter_map(|other| ends(other.line, other.level));
    section.line..headings.chain(sections).min().unwrap_or(u32::MAX)
}

/// Values that only commands outside the chosen steps capture.
pub(super) fn captured_outside(document: &Document, chosen: &Range<usize>) -> BTreeSet<String> {
    let names = |steps: &[Step]| -> BTreeSet<String> {
        let commands = steps.iter().flat_map(|step| step.all_commands().map(|(_, command)| command));
        commands.filter_map(|command| command.capture.as_ref()).map(|capture| capture.name.clone()).collect()
    };
    let inside = names(document.steps.get(chosen.clone()).unwrap_or_default());
    let mut outside = names(document.steps.get(..chosen.start).unwrap_or_default());
    outside.extend(names(document.steps.get(chosen.end..).unwrap_or_default()));
    outside.difference(&inside).cloned().collect()
}

/// Adds a problem for each variable that a chosen command reads and only the shell of a command outside the section sets.
pub(super) fn set_outside(
    document: &Document,
    chosen: &Range<usize>,
    captured: &BTreeSet<String>,
    environment: &[String],
    problems: &mut Vec<PlanError>,
) {
    let unset = variables::unset(document, chosen.clone());
    for step in document.steps.get(chosen.clone()).unwrap_or_default() {
        for (_, command) in step.all_commands() {
            let names = unset.get(command.id.as_str()).into_iter().flatten();
            let known = |name: &String| {
                captured.contains(name)
                    || environment.contains(name)
                    || command
                        .placeholders
                        .iter()
                        .any(|spelling| variables::of_placeholder(spelling) == Some(name))
            };
            problems.extend(names.filter(|name| !known(name)).map(|name| PlanError::OutsideCapture {
                command: command.id.clone(),
                line: command.line,
                name: name.clone(),
            }));
        }
    }
}

/// The first of the names that a text reads as `$NAME` or `${NAME`.
pub(super) fn reads<'a>(text: &str, names: &'a BTreeSet<String>) -> Option<&'a String> {
    if names.is_empty() {
        return None;
    }
    text.split('$').skip(1).find_map(|rest| {
        let rest = rest.strip_prefix('{').map_or(rest, |rest| rest.trim_start_matches(['#', '!']));
        let length = rest.bytes().take_while(|byte| is_identifier_byte(*byte)).count();
        names.get(rest.get(..length)?)
    })
}
