//! Shell variables: what commands read, what sets it, and what nothing sets.
//!
//! A variable that nothing sets expands to nothing: `kubectl delete pod $POD` would delete something else, or all. Such
//! a variable is something to fill in, so it is offered as a parameter of its own name, and its command does not run
//! without a value.

mod expansion;
mod known;
mod left;
pub(crate) mod places;
mod scan;
#[cfg(test)]
mod tests;
mod touched;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::codes::{self, finding};
use super::diagnostic::{Code, Diagnostic};
use super::lines::{Lines, to_u32};
use super::model::{Command, CommandKind, Document, Param, ParamType, Step};
use super::names::{check_variable, is_identifier_byte};
use super::placeholders;
use crate::pattern::Pattern;
use expansion::Form;
pub(crate) use left::{Later, Shell, possible_calls, reads, unsure_part};
use scan::{Sets, scan};
use touched::words;
pub(crate) use touched::{Touched, touched};

/// No command needs more of them to be explained.
const MOST: usize = 32;

/// Characters at which the shell splits a value outside quotes, or which it reads as a pattern there.
pub(crate) const SPLITTING: [char; 6] = [' ', '\t', '\n', '*', '?', '['];

/// Whether some expansion of the variable in a shell text stands where its value is split.
pub(crate) fn splits(text: &str, name: &str) -> bool {
    let (_, masked) = placeholders::spellings(text);
    scan(&masked).reads.iter().any(|read| read.splits && read.name == name)
}

/// Whether a placeholder as written is a variable; others never begin so.
pub(crate) fn of_placeholder(spelling: &str) -> Option<&str> {
    spelling.strip_prefix('$')
}

/// The spelling of a variable that is a placeholder.
fn spelled(name: &str) -> String {
    format!("${name}")
}

/// Where a text first reads a variable.
pub(crate) fn place(text: &str, name: &str) -> usize {
    let reads = |at: usize| {
        let rest = text.get(at + 1..).unwrap_or_default();
        rest.strip_prefix('{').unwrap_or(rest).trim_start_matches(['#', '!']).strip_prefix(name)
    };
    let mut places = text.match_indices('$').map(|(at, _)| at);
    places
        .find(|at| reads(*at).is_some_and(|rest| !rest.bytes().next().is_some_and(is_identifier_byte)))
        .unwrap_or_default()
}

/// What a command reads, as far as somebody has to look at it.
struct Read {
    name: String,
    text: String,
    at: usize,
    form: Form,
    deferred: bool,
}

/// A command taken apart.
struct Unit<'a> {
    command: &'a Command,
    /// Commands of the role `main` share one shell's state; the others begin from parameters and captured values.
    role: &'static str,
    /// Variables of loops that have a value here: its own, and for an undo or a probe those of its step.
    loops: BTreeSet<&'a str>,
    reads: Vec<Read>,
    sets: Sets,
}

/// The variables that each command reads and nothing in these steps sets before, each once, by the command's id.
pub(crate) fn unset(document: &Document, steps: Range<usize>) -> BTreeMap<&str, BTreeSet<String>> {
    let units = units(document, steps);
    let mut all: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (unit, read) in missing(&units).into_iter().filter(|(_, read)| read.form == Form::Plain) {
        all.entry(&unit.command.id).or_default().insert(read.name.clone());
    }
    all
}

/// Notes at each command what stands in its way, and says so.
pub(crate) fn settle(document: &mut Document, lines: &Lines<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut open: BTreeMap<String, (Vec<String>, Option<String>)> = BTreeMap::new();
    let units = units(document, 0..document.steps.len());
    for (unit, read) in missing(&units) {
        let (placeholders, blocked) = open.entry(unit.command.id.clone()).or_default();
        // one of each is enough to see what is wrong
        let is_said = match read.form {
            Form::Plain => placeholders.len() >= MOST || placeholders.contains(&spelled(&read.name)),
            _ => blocked.is_some(),
        };
        if is_said {
            continue;
        }
        let line = line_of(unit.command, read.at);
        let mut note = |code: Code, message: String, hint: &str| {
            found.push(finding(code, (line, lines.column_of(line, &read.text)), message, hint));
        };
        let name = &read.name;
        match read.form {
            Form::Plain => {
                let spelling = spelled(name);
                let message = format!(
                    "nothing sets `{spelling}`, so it would expand to nothing: the command does not run until it has a value"
                );
                let hint = match check_variable(name) {
                    Ok(()) => format!(
                        "declare it under `params:`, set it in an earlier command, give it with --param {name}=VALUE, or write `${{{name}-}}` where nothing is meant"
                    ),
                    Err(_) => {
                        "set it in an earlier command, or declare a parameter of another name".to_owned()
                    }
                };
                note(codes::UNSET_VARIABLE, message, &hint);
                placeholders.push(spelling);
            }
            Form::Dashed => {
                let default = read.text.split_once('-').map_or("", |(_, rest)| rest.trim_end_matches('}'));
                let message = format!(
                    "`{}` is `{default}` to bash, because nothing sets `{name}`: the command does not run",
                    read.text
                );
                let hint = format!(
                    "name the parameter without `-`, or write `${{{name}:-{default}}}` if that is what is meant"
                );
                note(codes::DASHED_EXPANSION, message, &hint);
                blocked.get_or_insert_with(|| format!("{} is no variable to bash", read.text));
            }
            Form::Bad => {
                let shown = shorten(&read.text);
                note(
                    codes::BAD_SUBSTITUTION,
                    format!("`{shown}` is no expansion that bash knows, so the command would fail there"),
                    "write \"$NAME\" with a name of letters, digits and _, or put the text into single quotes",
                );
                blocked.get_or_insert_with(|| format!("{shown} is no expansion that bash knows"));
            }
            Form::Positional => {
                let shown = shorten(&read.text);
                note(
                    codes::POSITIONAL,
                    format!("`{shown}` is an argument, and a command gets none: it would expand to nothing"),
                    "declare a parameter under `params:` and write \"$NAME\" in its place; text for another program belongs into single quotes",
                );
                blocked.get_or_insert_with(|| format!("{shown} is an argument that nobody gives"));
            }
            Form::Guarded => {}
        }
    }
    unquoted(document, lines, &mut found);
    drop(units);
    for step in &mut document.steps {
        let Step { commands, baselines, probe, undo, .. } = step;
        for command in commands.iter_mut().chain(baselines).chain(probe.as_deref_mut()).chain(undo) {
            if let Some((placeholders, blocked)) = open.remove(&command.id) {
                command.placeholders.extend(placeholders);
                command.not_runnable = command.not_runnable.take().or(blocked);
            }
        }
    }
    found
}

/// A declared parameter whose value may hold blanks stands outside quotes.
fn unquoted(document: &Document, lines: &Lines<'_>, found: &mut Vec<Diagnostic>) {
    let loose: BTreeSet<&str> = document
        .front
        .params
        .iter()
        .filter(|(_, declared)| may_split(declared))
        .map(|(name, _)| name.as_str())
        .collect();
    if loose.is_empty() {
        return;
    }
    for (_, command) in document.steps.iter().flat_map(Step::all_commands) {
        if !expands(command) {
            continue;
        }
        let masked = masked(command);
        let mut seen = BTreeSet::new();
        for read in scan(&masked).reads {
            if !read.splits || !loose.contains(read.name) || !seen.insert(read.name.to_owned()) {
                continue;
            }
            let line = line_of(command, read.at);
            let message = format!(
                "`{}` stands outside quotes, so a value with blanks becomes several words, and `*` in it a list of files",
                read.text
            );
            let hint = format!(
                "write \"{}\" in quotes, or give {} a pattern without blanks, such as \"[a-z0-9-]+\"",
                read.text, read.name
            );
            found.push(finding(codes::UNQUOTED, (line, lines.column_of(line, read.text)), message, &hint));
        }
    }
}

/// Whether a value that fits may hold what the shell splits at, or reads as a pattern.
fn may_split(declared: &Param) -> bool {
    match declared.kind {
        ParamType::Integer | ParamType::Boolean | ParamType::Duration => false,
        ParamType::Enum => declared.values.iter().any(|value| value.contains(SPLITTING)),
        ParamType::String => declared
            .pattern
            .as_ref()
            .is_none_or(|source| Pattern::new(source).is_ok_and(|pattern| pattern.may_hold(&SPLITTING))),
    }
}

/// Every command of the steps. Texts without an expansion are looked at only when some variable is looked for.
fn units(document: &Document, steps: Range<usize>) -> Vec<Unit<'_>> {
    let mut units: Vec<Unit<'_>> = Vec::new();
    for of in document.steps.get(steps).unwrap_or_default() {
        // baselines run before the step's own commands
        let mut commands: Vec<_> = of.all_commands().collect();
        commands.sort_by_key(|(role, _)| *role != "baseline");
        let of_step: BTreeSet<&str> = of.commands.iter().filter_map(loop_name).collect();
        for (role, command) in commands {
            let loops = match role {
                "undo" | "probe" => of_step.clone(),
                _ => loop_name(command).into_iter().collect(),
            };
            let mut unit = Unit { command, role, loops, reads: Vec::new(), sets: Sets::default() };
            if expands(command) {
                unit.look(document);
            }
            units.push(unit);
        }
    }
    if units.iter().any(|unit| !unit.reads.is_empty()) {
        for unit in units.iter_mut().filter(|unit| !expands(unit.command)) {
            unit.look(document);
        }
    }
    units
}

fn loop_name(command: &Command) -> Option<&str> {
    command.flow.foreach.as_ref().map(|foreach| foreach.name.as_str())
}

/// A command's text with a word in the place of each placeholder, since what a placeholder holds is no expansion.
fn masked(command: &Command) -> Cow<'_, str> {
    if command.placeholders.iter().all(|spelling| of_placeholder(spelling).is_some()) {
        return Cow::Borrowed(&command.text);
    }
    placeholders::spellings(&command.text).1
}

fn expands(command: &Command) -> bool {
    command.kind == CommandKind::Shell && (command.text.contains(['$', '`']) || command.text.contains("(("))
}

impl Unit<'_> {
    fn look(&mut self, document: &Document) {
        if self.command.kind != CommandKind::Shell {
            return;
        }
        let masked = masked(self.command);
        let scanned = scan(&masked);
        self.sets = scanned.sets;
        if self.command.not_runnable.is_some() {
            return;
        }
        let concerns = |name: &str| !known::is_known(name) && !document.front.params.contains_key(name);
        let text = &self.command.text;
        self.reads = scanned
            .reads
            .into_iter()
            .filter(|read| match read.form {
                Form::Guarded => false,
                Form::Bad | Form::Positional => true,
                Form::Plain | Form::Dashed => concerns(read.name),
            })
            .filter(|read| text.get(read.at..read.at + read.text.len()) == Some(read.text))
            .map(|read| Read {
                name: read.name.to_owned(),
                text: read.text.to_owned(),
                at: read.at,
                form: read.form,
                deferred: read.deferred,
            })
            .collect();
    }
}

/// What is read and not set, with its command, in the order of running.
fn missing<'u, 'd>(units: &'u [Unit<'d>]) -> Vec<(&'u Unit<'d>, &'u Read)> {
    if units.iter().all(|unit| unit.reads.is_empty()) {
        return Vec::new();
    }
    // a function's body sees what is set before it is called, wherever that is
    let mut anywhere: BTreeSet<&str> = BTreeSet::new();
    let anything = units.iter().any(|unit| unit.sets.unknown);
    for Unit { sets: Sets { names, elsewhere, guarded, .. }, .. } in units {
        anywhere.extend(names.iter().chain(elsewhere).chain(guarded).map(String::as_str));
    }
    let mut shared = Sets::default();
    let mut captured: BTreeSet<&str> = BTreeSet::new();
    let mut found = Vec::new();
    for unit in units {
        let flow = &unit.command.flow;
        // members of a group begin with parameters and captured values, and neither they nor a loop's items hand anything on
        let main = unit.role == "main" && flow.parallel.is_none();
        let hands_on = main && flow.foreach.is_none();
        let own = &unit.sets;
        let unknown = own.unknown || main && shared.unknown;
        for read in &unit.reads {
            let name = read.name.as_str();
            let set = |sets: &Sets| sets.names.contains(name) || sets.guarded.contains(name);
            let is_set = read.form != Form::Bad
                && (unknown
                    || set(own)
                    || main && set(&shared)
                    || captured.contains(name)
                    || unit.loops.contains(name)
                    || read.form == Form::Positional
                        && (read.deferred || own.arguments || main && shared.arguments)
                    || read.deferred && (anything || anywhere.contains(name))
                    || read.form == Form::Dashed && !is_misspelt(&read.text));
            if !is_set {
                found.push((unit, read));
            }
        }
        if hands_on {
            shared.names.extend(own.names.iter().cloned());
            shared.guarded.extend(own.guarded.iter().cloned());
            // what an included runbook's commands set is not known here
            shared.arguments |= own.arguments;
            shared.unknown |= own.unknown || unit.command.kind == CommandKind::Include;
        }
        captured.extend(unit.command.capture.as_ref().map(|capture| capture.name.as_str()));
    }
    found
}

/// `${db-name}` and `${POD-ID}`; `${REGION-eu}` is a default in all likelihood.
fn is_misspelt(text: &str) -> bool {
    let lower = text.chars().any(|c| c.is_ascii_lowercase());
    let upper = text.chars().any(|c| c.is_ascii_uppercase());
    lower != upper
}

fn line_of(command: &Command, at: usize) -> u32 {
    let before = command.text.get(..at).unwrap_or_default();
    command.line.saturating_add(to_u32(before.matches('\n').count()))
}

fn shorten(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    if line.chars().count() <= 60 { line.to_owned() } else { line.chars().take(59).chain(['…']).collect() }
}
