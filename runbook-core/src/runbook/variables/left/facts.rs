//! What a shell text reads from the shell that it begins in, and what it leaves there, its functions aside.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::super::super::names::is_identifier;
use super::super::super::shell::{Kind, Token, lex};
use super::super::expansion::Form;
use super::super::scan::scan;
use super::assigned::Assigned;
use super::calls::{Calls, Unsetting};
use super::counted::counted;
use super::functions::{blanked, without_functions};
use super::handed::{as_handed, handed, read_in};
use super::simple::{Part, Simple, simples};
use super::walk::assigned;
use super::words;

/// How deeply texts that are handed on are looked into.
const DEEPEST: usize = 3;

/// Builtins after which the shell is in another folder.
const MOVES: &[&str] = &["cd", "pushd", "popd"];
/// Builtins that declare variables.
pub(super) const DECLARES: &[&str] = &["export", "readonly", "declare", "typeset"];

/// What one text, or one function, has to do with the shell around it.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Variables that it reads, and where, in a place that does not set them itself.
    pub(super) reads: Vec<(String, usize)>,
    /// It reads a variable whose name is a value: `${!name}`, `declare -n`.
    pub(super) reads_any: bool,
    /// Variables that it sets.
    pub(super) sets: BTreeSet<String>,
    /// Variables that it unsets.
    pub(super) unsets: BTreeSet<String>,
    /// Where variables are set for sure.
    pub(super) sure: Assigned,
    /// What it reads and does not ask about, nor has a default for there; texts that it hands to a shell included.
    pub(super) bare: Vec<(String, usize)>,
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
    pub(super) fn of(text: &str, unsets: &Unsetting) -> Facts {
        facts_within(&without_functions(text), &Calls::of(text, unsets), DEEPEST).0
    }

    /// Those of a function, by what stands in it. Its own variables are nobody else's.
    pub(super) fn of_function(inside: &str, unsets: &Unsetting) -> Facts {
        let calls = Calls::of(inside, unsets).in_function();
        let (mut facts, locals) = facts_within(&without_functions(inside), &calls, DEEPEST);
        let Facts { reads, bare, sure, .. } = &mut facts;
        // a trap that is set in it comes when it is long over
        sure.forget_traps();
        reads.retain(|(name, at)| !sure.is_set(name, *at));
        bare.retain(|(name, at)| !sure.is_given(name, *at));
        facts.sets.retain(|name| !locals.contains(name));
        facts.unsets.retain(|name| !locals.contains(name));
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

/// The facts, and the variables that would be its own in a function. Texts that it hands on are looked into so deeply.
pub(super) fn facts_within(text: &str, calls: &Calls<'_>, deeper: usize) -> (Facts, BTreeSet<String>) {
    let lexed = lex(text);
    let simple = simples(text, &lexed.tokens);
    let scanned = scan(text);
    let bound = bound(text, &lexed.tokens, &simple);
    let (sure, tests) = assigned(text, calls);
    let mut facts = Facts {
        sets: scanned.sets.names,
        sure,
        arguments: scanned.sets.arguments,
        calls: called(text, &lexed.tokens, &simple),
        ..Facts::default()
    };
    // `${X:+--flag=$X}` reads it only where it is set
    let choices: BTreeMap<usize, (&str, usize)> = scanned
        .reads
        .iter()
        .filter(|read| is_choice(read.text, read.name))
        .map(|read| (read.at, (read.name, read.at + read.text.len())))
        .collect();
    let is_chosen = |name: &str, at: usize| {
        choices.range(..at).next_back().is_some_and(|(_, (of, end))| *of == name && at < *end)
    };
    for read in &scanned.reads {
        facts.reads_any |= read.text.starts_with("${!");
        let own = bound.get(read.name).is_some_and(|places| is_within(places, read.at));
        if !own {
            facts.reads.push((read.name.to_owned(), read.at));
            let is_bare = read.form == Form::Plain && !tests.contains(&read.at);
            if is_bare && !is_chosen(read.name, read.at) {
                facts.bare.push((read.name.to_owned(), read.at));
            }
        }
    }
    for (name, at) in counted(&simple, &scanned.reads) {
        if !bound.get(name.as_str()).is_some_and(|places| is_within(places, at)) {
            facts.reads.push((name.clone(), at));
            facts.bare.push((name, at));
        }
    }
    facts.bare.extend(handed(text, &lexed.tokens, &simple, deeper));
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
            "unset" if !has('f') => {
                facts.sets.extend(names(args).map(str::to_owned));
                facts.unsets.extend(names(args).map(str::to_owned));
            }
            "trap" => {
                for arg in args {
                    facts.reads.extend(mentioned(arg.raw).map(|name| (name.to_owned(), arg.at)));
                    let bare = read_in(&as_handed(arg.raw, false), deeper);
                    facts.bare.extend(bare.into_iter().map(|name| (name, arg.at)));
                }
            }
            name if DECLARES.contains(&name) => {
                let is_export =
                    name == "export" && !options().any(|option| option.contains(['f', 'n', 'p'])) || has('x');
                if is_export && in_shell {
                    facts.exports.extend(names(args).map(str::to_owned));
                    // to be handed to programs, it is read
                    let bare = args.iter().filter(|arg| is_identifier(arg.word.text()));
                    let bare: Vec<_> = bare.map(|arg| (arg.word.text().to_owned(), arg.at)).collect();
                    facts.bare.extend(bare.iter().cloned());
                    facts.reads.extend(bare);
                }
            }
            _ => {}
        }
        locals.extend(declared_own(program, args).map(str::to_owned));
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

/// What may be a call of a function: any word, but not what is only said, in a comment or by `echo`.
fn called(text: &str, tokens: &[Token<'_>], simple: &[Simple<'_, '_>]) -> Vec<(String, usize)> {
    let comments = tokens.iter().filter(|token| token.kind == Kind::Comment);
    let mut said: Vec<Range<usize>> = comments.map(|token| token.start..token.end).collect();
    // what reads what is printed may call it
    for (program, args) in simple.iter().filter(|one| one.after != "|").filter_map(Simple::program) {
        let is_said =
            matches!(program.plain(), "echo" | "printf") && !args.iter().any(|arg| arg.plain() == "-v");
        let args = args.iter().filter(|arg| is_said && !arg.word.runs);
        said.extend(args.map(|arg| arg.at..arg.end));
    }
    said.sort_by_key(|place| place.start);
    words(text).filter(|(_, at)| !is_within(&said, *at)).map(|(word, at)| (word.to_owned(), at)).collect()
}

/// The variables that would be its own in a function.
pub(super) fn locals(text: &str) -> BTreeSet<String> {
    let lexed = lex(text);
    let simple = simples(text, &lexed.tokens);
    let declared = simple.iter().filter_map(Simple::program);
    declared.flat_map(|(program, args)| declared_own(program, args)).map(str::to_owned).collect()
}

/// What one command makes a function's own.
pub(super) fn declared_own<'p>(
    program: &Part<'_, '_>,
    args: &'p [Part<'_, '_>],
) -> impl Iterator<Item = &'p str> {
    let is_global = args.iter().any(|arg| arg.plain().starts_with('-') && arg.plain().contains('g'));
    let is_own = match program.plain() {
        "local" => true,
        "declare" | "typeset" => !is_global,
        _ => false,
    };
    names(args).filter(move |_| is_own)
}

/// Whether an expansion is `${X:+...}`.
fn is_choice(text: &str, name: &str) -> bool {
    let behind = text.strip_prefix("${").and_then(|text| text.strip_prefix(name)).unwrap_or_default();
    behind.trim_start_matches(':').starts_with('+')
}

/// What is named by the arguments of a builtin that declares.
fn names<'p>(args: &'p [Part<'_, '_>]) -> impl Iterator<Item = &'p str> {
    let named = args.iter().filter(|arg| !arg.plain().starts_with('-'));
    let named = named.map(|arg| arg.word.text().split(['=', '+', '[']).next().unwrap_or_default());
    named.filter(|name| is_identifier(name))
}

/// The variables that stand in a text as it is written, single quotes or not.
pub(super) fn mentioned(raw: &str) -> impl Iterator<Item = &str> {
    raw.split('$').skip(1).map(|behind| {
        let name = behind.trim_start_matches(['{', '#', '!']);
        let end = name.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(name.len());
        name.get(..end).unwrap_or_default()
    })
}

/// The variables that a builtin fills, with nothing where there is nothing to read.
pub(super) fn filled<'p>(program: &str, args: &'p [Part<'_, '_>]) -> Vec<&'p str> {
    let valued: &[char] = match program {
        "read" => &['a', 'd', 'i', 'n', 'N', 'p', 't', 'u'],
        "mapfile" | "readarray" => &['d', 'n', 'O', 's', 'u', 'C', 'c'],
        "printf" => {
            let name = args.iter().skip_while(|arg| arg.plain() != "-v").nth(1);
            return name.map(Part::plain).into_iter().filter(|name| is_identifier(name)).collect();
        }
        _ => return Vec::new(),
    };
    let (mut names, mut is_value, mut is_array) = (Vec::new(), false, false);
    for arg in args {
        let word = arg.plain();
        if std::mem::take(&mut is_value) {
            names.extend(Some(word).filter(|name| std::mem::take(&mut is_array) && is_identifier(name)));
            continue;
        }
        match word.strip_prefix('-') {
            // the value of `-p` stands behind it, or in the same word
            Some(options) => {
                is_value = options.ends_with(valued);
                is_array = program == "read" && options.ends_with('a');
            }
            None if is_identifier(word) => names.push(word),
            None => {}
        }
    }
    if names.is_empty() {
        names.push(if program == "read" { "REPLY" } else { "MAPFILE" });
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
