//! What a shell text reads from the shell that it begins in, and what it leaves there, its functions aside.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::super::super::names::is_identifier;
use super::super::super::shell::{Kind, Token, lex};
use super::super::scan::scan;
use super::functions::{blanked, without_functions};
use super::simple::{Part, Simple, simples};
use super::words;

/// Builtins after which the shell is in another folder.
const MOVES: &[&str] = &["cd", "pushd", "popd"];
/// Builtins that declare variables.
const DECLARES: &[&str] = &["export", "readonly", "declare", "typeset"];

/// What one text, or one function, has to do with the shell around it.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Variables that it reads, and where, in a place that does not set them itself.
    pub(super) reads: Vec<(String, usize)>,
    /// It reads a variable whose name is a value: `${!name}`, `declare -n`.
    pub(super) reads_any: bool,
    /// Variables that it sets.
    pub(super) sets: BTreeSet<String>,
    /// Those of them that it sets for sure, and where.
    pub(super) sure: BTreeMap<String, usize>,
    /// What it sets for what is started later.
    pub(super) exports: BTreeSet<String>,
    /// The calls of `source`, word for word.
    pub(super) loads: BTreeSet<String>,
    /// Something else sets variables, too: `eval`, `export $(...)`.
    pub(super) unknown: bool,
    /// It sets the shell's arguments.
    pub(super) arguments: bool,
    /// It goes to another folder, in the shell itself.
    pub(super) moves: bool,
    /// Words that may be a function's name, and where.
    pub(super) calls: Vec<(String, usize)>,
}

impl Facts {
    /// Those of a text. What stands in its functions counts where they are called.
    pub(super) fn of(text: &str) -> Facts {
        facts(&without_functions(text)).0
    }

    /// Those of a function, by what stands in it. Its own variables are nobody else's.
    pub(super) fn of_function(inside: &str) -> Facts {
        let (mut facts, locals) = facts(&without_functions(inside));
        let Facts { reads, sure, .. } = &mut facts;
        let is_own = |name: &str, at: usize| sure.get(name).is_some_and(|set| at >= *set);
        reads.retain(|(name, at)| !locals.contains(name) && !is_own(name, *at));
        facts.sets.retain(|name| !locals.contains(name));
        facts
    }

    /// Whether nobody can say what it sets.
    pub(super) fn sets_any(&self) -> bool {
        self.unknown || !self.loads.is_empty()
    }

    /// Adds what a function that it calls leaves.
    pub(super) fn take_in(&mut self, called: &Facts) {
        self.sets.extend(called.sets.iter().cloned());
        self.exports.extend(called.exports.iter().cloned());
        self.loads.extend(called.loads.iter().cloned());
        self.unknown |= called.unknown;
        self.arguments |= called.arguments;
        self.moves |= called.moves;
    }
}

/// The facts, and the variables that would be its own in a function.
fn facts(text: &str) -> (Facts, BTreeSet<String>) {
    let lexed = lex(text);
    let simple = simples(text, &lexed.tokens);
    let scanned = scan(text);
    let bound = bound(text, &lexed.tokens, &simple);
    let mut facts = Facts {
        sets: scanned.sets.names,
        sure: set_for_sure(&simple),
        arguments: scanned.sets.arguments,
        calls: words(text).map(|(word, at)| (word.to_owned(), at)).collect(),
        ..Facts::default()
    };
    for read in &scanned.reads {
        facts.reads_any |= read.text.starts_with("${!");
        let own = bound.get(read.name).is_some_and(|places| is_within(places, read.at));
        if !own {
            facts.reads.push((read.name.to_owned(), read.at));
        }
    }
    let mut loads: Vec<Range<usize>> = Vec::new();
    let mut locals = BTreeSet::new();
    let mut exports_all = false;
    for one in &simple {
        let Some((program, args)) = one.program() else { continue };
        let in_shell = one.subshells == 0;
        let options = || args.iter().map(Part::plain).filter(|arg| arg.starts_with('-'));
        let has = |letter: char| options().any(|option| option.contains(letter));
        match program.plain() {
            "source" | "." => {
                let end = args.last().map_or(program.end, |last| last.end);
                let call: Vec<&str> = args.iter().map(|part| part.raw).collect();
                facts.loads.insert(call.join(" "));
                loads.push(program.at..end);
            }
            name if MOVES.contains(&name) => facts.moves |= in_shell,
            "set" => exports_all |= has('a') || args.iter().any(|arg| arg.plain() == "allexport"),
            "unset" if !has('f') => facts.sets.extend(names(args).map(str::to_owned)),
            "trap" => {
                for arg in args {
                    facts.reads.extend(mentioned(arg.raw).map(|name| (name.to_owned(), arg.at)));
                }
            }
            "local" => locals.extend(names(args).map(str::to_owned)),
            name if DECLARES.contains(&name) => {
                let is_export =
                    name == "export" && !options().any(|option| option.contains(['f', 'n', 'p'])) || has('x');
                if is_export && in_shell {
                    facts.exports.extend(names(args).map(str::to_owned));
                    // to be handed to programs, it is read
                    let bare = args.iter().filter(|arg| is_identifier(arg.word.text()));
                    facts.reads.extend(bare.map(|arg| (arg.word.text().to_owned(), arg.at)));
                }
                if matches!(name, "declare" | "typeset") && !has('g') {
                    locals.extend(names(args).map(str::to_owned));
                }
            }
            _ => {}
        }
        if has('n') && matches!(program.plain(), "declare" | "typeset" | "local") {
            facts.reads_any = true;
            for target in args.iter().filter_map(|arg| arg.word.text().split_once('=')) {
                match is_identifier(target.1) {
                    true => facts.sets.insert(target.1.to_owned()),
                    false => std::mem::replace(&mut facts.unknown, true),
                };
            }
        }
    }
    if exports_all {
        facts.exports.extend(facts.sets.iter().cloned());
    }
    facts.unknown |= match loads.is_empty() {
        true => scanned.sets.unknown,
        // something beside them
        false => scan(&blanked(text, &loads)).sets.unknown,
    };
    (facts, locals)
}

/// What is named by the arguments of a builtin that declares.
fn names<'p>(args: &'p [Part<'_, '_>]) -> impl Iterator<Item = &'p str> {
    let named = args.iter().filter(|arg| !arg.plain().starts_with('-'));
    let named = named.map(|arg| arg.word.text().split(['=', '+', '[']).next().unwrap_or_default());
    named.filter(|name| is_identifier(name))
}

/// The variables that stand in a text as it is written, single quotes or not.
fn mentioned(raw: &str) -> impl Iterator<Item = &str> {
    raw.split('$').skip(1).map(|behind| {
        let name = behind.trim_start_matches(['{', '#', '!']);
        let end = name.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(name.len());
        name.get(..end).unwrap_or_default()
    })
}

/// The variables that a text sets whatever happens before: in no branch and no subshell, and not behind a way out. The place
/// is that after the value, which may read what was there before.
fn set_for_sure(simple: &[Simple<'_, '_>]) -> BTreeMap<String, usize> {
    let mut sure = BTreeMap::new();
    for one in simple {
        let Some((program, args)) = one.parts.split_first() else { continue };
        let plain = one.program().map_or("", |(program, _)| program.plain());
        if matches!(plain, "exit" | "return" | "exec") {
            break;
        }
        if !one.stands_free() {
            continue;
        }
        let assigned = match program.plain() {
            name if DECLARES.contains(&name) => args,
            // `NAME=value program` sets it for the program alone
            _ if one.parts.iter().all(|part| part.assigned().is_some()) => &one.parts,
            _ => {
                let end = one.parts.last().map_or(program.end, |last| last.end);
                // not behind `while`, which goes on until there is nothing to read
                let lead = one.parts.iter().take_while(|part| part.assigned().is_some()).count();
                let builtin = one.parts.get(lead..).and_then(<[_]>::split_first);
                for name in builtin.map_or_else(Vec::new, |(of, args)| filled(of.plain(), args)) {
                    sure.entry(name.to_owned()).or_insert(end);
                }
                continue;
            }
        };
        for part in assigned {
            if let Some(name) = part.assigned() {
                sure.entry(name.to_owned()).or_insert(part.end);
            }
        }
    }
    sure
}

/// The variables that a builtin fills, with nothing where there is nothing to read.
fn filled<'p>(program: &str, args: &'p [Part<'_, '_>]) -> Vec<&'p str> {
    let valued: &[char] = match program {
        "read" => &['a', 'd', 'i', 'n', 'N', 'p', 't', 'u'],
        "mapfile" | "readarray" => &['d', 'n', 'O', 's', 'u', 'C', 'c'],
        "printf" => {
            let name = args.iter().skip_while(|arg| arg.plain() != "-v").nth(1);
            return name.map(Part::plain).into_iter().filter(|name| is_identifier(name)).collect();
        }
        _ => return Vec::new(),
    };
    let (mut names, mut is_value) = (Vec::new(), false);
    for arg in args {
        let word = arg.plain();
        if std::mem::take(&mut is_value) {
            continue;
        }
        match word.strip_prefix('-') {
            // the value of `-p` stands behind it, or in the same word
            Some(options) => is_value = options.ends_with(valued),
            None if is_identifier(word) => names.push(word),
            None => {}
        }
    }
    names
}

/// Where loops stand that give a variable its value: `for X in ...`, `while read -r X`.
fn bound<'a>(
    text: &'a str,
    tokens: &[Token<'a>],
    simple: &[Simple<'_, 'a>],
) -> BTreeMap<Cow<'a, str>, Vec<Range<usize>>> {
    // where it begins to have it, and the variables, by where the loop begins
    let mut given: BTreeMap<usize, (usize, Vec<Cow<'a, str>>)> = BTreeMap::new();
    for one in simple {
        let Some((first, rest)) = one.loop_head() else { continue };
        let from = one.parts.last().map_or(first.end, |last| last.end);
        match first.plain() {
            "for" | "select" => {
                let name = rest.first().map(|part| part.raw).filter(|name| is_identifier(name));
                given.insert(first.at, (from, name.map(Cow::Borrowed).into_iter().collect()));
            }
            "while" | "until" => {
                let mut words = rest.iter().skip_while(|part| part.assigned().is_some());
                if words.next().is_some_and(|part| part.plain() == "read") {
                    let named = words.map(|part| part.raw).filter(|name| is_identifier(name));
                    let named: Vec<Cow<'a, str>> = named.map(Cow::Borrowed).collect();
                    let reply = || vec![Cow::Borrowed("REPLY")];
                    given.insert(first.at, (from, if named.is_empty() { reply() } else { named }));
                }
            }
            _ => {}
        }
    }
    let mut bound: BTreeMap<Cow<'a, str>, Vec<Range<usize>>> = BTreeMap::new();
    if given.is_empty() {
        return bound;
    }
    let mut open: Vec<(usize, usize)> = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        if !matches!(token.kind, Kind::Word(_)) {
            continue;
        }
        let opens = tokens.get(index + 1).is_some_and(|next| next.depth == token.depth + 1);
        match text.get(token.start..token.end).unwrap_or_default() {
            "for" | "select" | "while" | "until" if opens => open.push((token.depth + 1, token.start)),
            "done" if open.last().is_some_and(|(depth, _)| *depth == token.depth) => {
                let Some((_, start)) = open.pop() else { continue };
                let Some((from, names)) = given.get(&start) else { continue };
                for name in names {
                    bound.entry(name.clone()).or_default().push(*from..token.end);
                }
            }
            _ => {}
        }
    }
    for places in bound.values_mut() {
        *places = outermost(std::mem::take(places));
    }
    bound
}

/// Places that follow each other, those within others left out.
fn outermost(mut places: Vec<Range<usize>>) -> Vec<Range<usize>> {
    places.sort_by_key(|place| (place.start, std::cmp::Reverse(place.end)));
    let mut end = 0;
    places.retain(|place| {
        let apart = place.start >= end;
        end = end.max(place.end);
        apart
    });
    places
}

fn is_within(places: &[Range<usize>], at: usize) -> bool {
    let place = places.partition_point(|place| place.end <= at);
    places.get(place).is_some_and(|place| place.contains(&at))
}
