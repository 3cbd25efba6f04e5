//! What a simple command sets for sure.

use super::super::super::names::is_identifier;
use super::super::expansion::{Form, Read};
use super::super::scan::scan;
use super::assigned::{ANY, Effect, Names, Notes, Since, own};
use super::facts::{DECLARES, declared_own, filled};
use super::simple::Part;
use super::tests_of;

/// Words before a program's name that change nothing about it.
const BEFORE: &[&str] = &["command", "builtin"];

/// Its program, behind what is set for it alone.
pub(super) fn program<'p>(parts: &'p [Part<'_, '_>]) -> &'p str {
    split(parts).map_or("", |(program, _)| program.plain())
}

/// Whether it has no program: it sets variables, and nothing else.
pub(super) fn only_sets(parts: &[Part<'_, '_>]) -> bool {
    split(parts).is_none()
}

/// Whether a way out is none that a caller takes for a good end: `return 1`, and `exit`, behind which nothing comes.
pub(super) fn fails(parts: &[Part<'_, '_>]) -> bool {
    match split(parts) {
        Some((program, [status])) if program.plain() == "return" => {
            status.plain().parse::<u8>().is_ok_and(|status| status > 0)
        }
        Some((program, _)) => program.plain() == "exit",
        None => false,
    }
}

/// The names that `unset` takes the value from.
pub(super) fn unset<'p>(parts: &'p [Part<'_, '_>]) -> impl Iterator<Item = &'p str> {
    let args = split(parts).map_or(&[][..], |(_, args)| args);
    let functions = args.iter().any(|arg| arg.plain() == "-f");
    let named = args.iter().map(|arg| arg.word.text().split('[').next().unwrap_or_default());
    named.filter(move |name| !functions && is_identifier(name))
}

fn split<'p, 't, 'a>(parts: &'p [Part<'t, 'a>]) -> Option<(&'p Part<'t, 'a>, &'p [Part<'t, 'a>])> {
    let is_before = |part: &Part<'_, '_>| is_set(part).is_some() || BEFORE.contains(&part.plain());
    let first = parts.iter().position(|part| !is_before(part));
    // `X=a command` sets nothing, either
    let first = first.or_else(|| parts.iter().position(|part| is_set(part).is_none()))?;
    parts.get(first..)?.split_first()
}

/// The name in `NAME=`, `NAME+=` and `NAME[0]=`, and whether it has a value then, whatever it had.
fn is_set<'a>(part: &Part<'_, 'a>) -> Option<(&'a str, bool)> {
    is_set_in(part.raw)
}

fn is_set_in(raw: &str) -> Option<(&str, bool)> {
    let (left, _) = raw.split_once('=')?;
    let adds = left.ends_with('+');
    let left = left.trim_end_matches('+');
    let (name, index) = left.split_once('[').map_or((left, None), |(name, index)| (name, Some(index)));
    let closed = index.is_none_or(|index| index.ends_with(']'));
    // `$NAME` is what stands at 0
    let is_other =
        index.and_then(|index| index.trim_end_matches(']').parse::<u32>().ok()).is_some_and(|at| at > 0);
    (is_identifier(name) && closed).then_some((name, !adds && !is_other))
}

/// The name that a calculation begins with giving a value to.
pub(super) fn calculated(inside: &str) -> Option<&str> {
    let (name, value) = inside.trim_matches([' ', '"', '\'']).split_once('=')?;
    let name = name.trim();
    (is_identifier(name) && !value.starts_with('=')).then_some(name)
}

/// What a word brings by being expanded: `${X:=a}` sets, and nothing comes behind `${X:?}` without a value.
pub(super) fn expanded(part: &Part<'_, '_>) -> Names {
    if !part.raw.contains("${") {
        return Names::new();
    }
    let reads = scan(part.raw).reads;
    let whole = reads.iter().filter(|read| !read.nested && read.form == Form::Guarded);
    let found = whole.filter_map(|read| {
        let behind = read.text.strip_prefix("${")?.strip_prefix(read.name)?;
        let asked = behind.trim_start_matches(':').starts_with('?');
        let sets = behind.trim_start_matches(':').starts_with('=');
        let since = Since { at: part.at + read.at + read.text.len(), asked, read: false };
        (asked || sets).then(|| (read.name.to_owned(), since))
    });
    found.collect()
}

/// Whether the shell may end where this word is expanded: `${X:?}`.
pub(super) fn may_leave(part: &Part<'_, '_>) -> bool {
    let asks = |read: &Read<'_>| read.form == Form::Guarded && read.text.contains('?');
    part.raw.contains("${") && scan(part.raw).reads.iter().any(asks)
}

/// What it sets, in a function or outside, with everything that it notes; it ends at `end`.
pub(super) fn of(parts: &[Part<'_, '_>], end: usize, in_function: bool, notes: &mut Notes) -> Effect {
    let mut names = Names::new();
    for part in parts {
        names.extend(expanded(part));
    }
    let set = |names: &mut Names, name: &str, at: usize| {
        names.insert(name.to_owned(), Since { at, asked: false, read: false });
    };
    let Some((first, args)) = split(parts) else {
        for part in parts {
            if let Some((name, true)) = is_set(part) {
                set(&mut names, name, part.end);
            }
        }
        hold(&names, end, notes);
        return Effect::of(names);
    };
    let program = first.plain();
    let mut unread = None;
    match program {
        "exit" | "return" => return Effect::leaves(),
        // `exec {log}> file` opens a file, and goes on
        "exec" if !args.iter().all(is_descriptor) => return Effect::leaves(),
        "[" | "test" => {
            hold(&names, end, notes);
            let found = tests_of::of_command(args, end, notes);
            let with = |flow| super::assigned::then(Some(names.clone()), flow);
            return Effect { yes: with(found.yes), no: with(found.no), ..found };
        }
        "." | "source" if !args.is_empty() => {
            names.insert(ANY.to_owned(), Since { at: end, asked: true, read: false });
        }
        "getopts" => {
            let name = args.get(1).map(Part::plain).filter(|name| is_identifier(name));
            for name in name.into_iter().chain(["OPTARG"]) {
                names.insert(name.to_owned(), Since { at: end, asked: false, read: true });
            }
        }
        "let" => {
            for arg in args {
                if let Some(name) = calculated(arg.raw) {
                    set(&mut names, name, arg.end);
                }
            }
        }
        _ if program.is_empty() || first.raw.starts_with("((") => {
            let inside = first.raw.strip_prefix("((").and_then(|inside| inside.strip_suffix("))"));
            if let Some(name) = inside.and_then(calculated) {
                set(&mut names, name, first.end);
            }
        }
        _ if DECLARES.contains(&program) || program == "local" => {
            let refers = args.iter().any(|arg| arg.plain().starts_with('-') && arg.plain().contains('n'));
            if in_function {
                for name in declared_own(first, args) {
                    set(&mut names, &own(name), end);
                }
            }
            for arg in args.iter().filter(|_| !refers) {
                // all of it may be quoted here
                if let Some((name, true)) = is_set_in(arg.raw.trim_start_matches(['"', '\''])) {
                    set(&mut names, name, arg.end);
                }
            }
        }
        _ => {
            let read = program == "read";
            // the descriptor may not be open
            if read && args.iter().any(|arg| arg.plain().starts_with('-') && arg.plain().contains('u')) {
                unread = Some(names.clone());
            }
            for name in filled(program, args) {
                names.insert(name.to_owned(), Since { at: end, asked: false, read });
            }
        }
    }
    hold(&names, end, notes);
    let mut effect = Effect::of(names);
    // where there was something to read, it is not empty because there was nothing
    for since in effect.yes.iter_mut().flat_map(Names::values_mut) {
        since.read = false;
    }
    match unread {
        Some(before) => Effect { no: Some(before), ..effect },
        None => effect,
    }
}

/// `{name}` in front of a redirection.
fn is_descriptor(part: &Part<'_, '_>) -> bool {
    part.raw.strip_prefix('{').and_then(|raw| raw.strip_suffix('}')).is_some_and(is_identifier)
}

/// What a word sets holds for the words behind it.
fn hold(names: &Names, end: usize, notes: &mut Notes) {
    for (name, since) in names {
        let one = [(name.clone(), *since)].into_iter().collect();
        notes.holds(&Some(one), &(since.at..end));
    }
}
