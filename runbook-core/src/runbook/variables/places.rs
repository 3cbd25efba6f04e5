//! Where the values of variables go: into a program's argument, into another variable, or to where some program or the
//! shell itself reads text as a language.
//!
//! The places that take any value are the known ones. Everywhere else only plain values may stand, because a list of all
//! that evaluates text (`eval`, `${X@P}`, an array's index, `awk`, a file that is sourced later, ...) is never complete.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::super::names::{is_identifier, is_identifier_byte, is_reserved};
use super::super::placeholders::guard::{self, Guard, Kept, Place, Role};
use super::super::placeholders::mask;
use super::super::shell::{Kind, Lexed, Token, Word, lex};
use super::expansion::Read;
use super::scan::scan;

/// Comparisons that calculate, and tests that look into an array: text is evaluated there.
const CALCULATING: &[&str] = &["-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-v", "-R"];
/// What a text holds that evaluates variables by their names, one through the other.
const INDIRECT: &[&str] = &["((", "$[", "[[", "let", "${!", "declare", "typeset", "local -", "eval"];
/// What a text holds that gives names to pieces of itself.
const FUNCTIONS: &[&str] = &["()", "function ", "alias"];
/// Marks of words in which names count without `$`.
const NAMES_COUNT: &[&str] = &["${", "$[", "((", "`", "$(", "<(", ">("];

/// What becomes of a variable's value in one place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Use {
    /// It stands there.
    Place(Place),
    /// It becomes the value of another variable; `true` when the shell has split it before.
    Into(String, bool),
    /// Its name is a value, which matters where names are evaluated.
    Named,
}

/// What becomes of each variable's value.
type Uses = BTreeMap<String, BTreeSet<Use>>;

/// What becomes of variables in the texts that share one shell.
#[derive(Debug, Default)]
pub(crate) struct Flows {
    uses: Uses,
    indirect: bool,
    /// Names of programs may be the texts' own functions, which do anything with their arguments.
    functions: bool,
}

impl Flows {
    /// Reads the texts.
    pub(crate) fn of<'a>(texts: impl Iterator<Item = &'a str>) -> Flows {
        let mut flows = Flows::default();
        for text in texts {
            flows.indirect |= INDIRECT.iter().any(|mark| text.contains(mark));
            flows.functions |= FUNCTIONS.iter().any(|mark| text.contains(mark));
            collect(text, &mut flows.uses);
        }
        flows
    }

    /// The places that a variable's value reaches from these texts.
    pub(crate) fn places(&self, name: &str) -> BTreeSet<Place> {
        self.reached(self.uses.get(name))
    }

    /// The same for each variable that one of the texts reads, as far as that text begins it.
    pub(crate) fn places_from(&self, text: &str) -> BTreeMap<String, BTreeSet<Place>> {
        let mut uses = Uses::new();
        collect(text, &mut uses);
        uses.iter().map(|(name, uses)| (name.clone(), self.reached(Some(uses)))).collect()
    }

    fn reached(&self, uses: Option<&BTreeSet<Use>>) -> BTreeSet<Place> {
        let mut places = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut open: Vec<(&Use, bool)> = uses.into_iter().flatten().map(|one| (one, false)).collect();
        while let Some((one, parts)) = open.pop() {
            match one {
                Use::Place(place) => {
                    let guard =
                        if self.functions && place.guard == Guard::Tame { Guard::Plain } else { place.guard };
                    places.insert(Place { guard, parts: place.parts || parts });
                }
                Use::Named if self.indirect => {
                    places.insert(Place { guard: Guard::Plain, parts });
                }
                Use::Named => {}
                Use::Into(name, split) => {
                    let parts = parts || *split;
                    if is_reserved(name) {
                        places.insert(Place { guard: Guard::Plain, parts });
                    } else if seen.insert((name, parts)) {
                        open.extend(self.uses.get(name).into_iter().flatten().map(|one| (one, parts)));
                    }
                }
            }
        }
        places
    }
}

/// Adds what becomes of each variable in a shell text.
fn collect(text: &str, uses: &mut Uses) {
    let reads: Vec<Read<'_>> = direct(text);
    let spots: Vec<(usize, usize)> = reads.iter().map(|read| (read.at, read.at + read.text.len())).collect();
    let masked = mask(text, &spots);
    let lexed = lex(&masked);
    let mut collector = Collector { text, masked: &masked, reads: &reads, uses };
    if !lexed.complete() {
        return collector.names(0..text.len(), Guard::Plain);
    }
    collector.tokens(&lexed);
}

/// The expansions that stand in no other one and give the value as it is, or a part of it.
fn direct(text: &str) -> Vec<Read<'_>> {
    let mut reads = scan(text).reads;
    reads.retain(|read| {
        let inside = read.text.trim_start_matches(['$', '{']);
        let rest = inside.strip_prefix(read.name).unwrap_or("@");
        let plain = rest.is_empty() || rest == "}";
        // `${X:-a}`, `${X%.*}`; a `$` in the second part belongs to another variable
        let cut = rest.starts_with(['-', '?', '+', '#', '%', '/', '^', ','])
            || rest.starts_with(":-")
            || rest.starts_with(":?")
            || rest.starts_with(":+");
        let nested = rest.contains(['$', '`', '[']);
        !read.nested && is_identifier(read.name) && read.text.starts_with('$') && (plain || cut && !nested)
    });
    reads.sort_by_key(|read| read.at);
    let mut end = 0;
    reads.retain(|read| {
        let apart = read.at >= end;
        end = end.max(read.at + read.text.len());
        apart
    });
    reads
}

struct Collector<'a> {
    text: &'a str,
    /// The text with letters in the place of each direct expansion.
    masked: &'a str,
    reads: &'a [Read<'a>],
    uses: &'a mut Uses,
}

impl<'a> Collector<'a> {
    fn tokens(&mut self, lexed: &Lexed<'_>) {
        let roles = guard::roles(lexed);
        let tests = harmless_tests(lexed);
        // a program whose name is a value may be any, `eval` too
        let any_program = lexed.tokens.iter().zip(&roles).any(|(token, role)| {
            role.refused.is_some()
                && role.kept == Kept::No
                && !self.within(&(token.start..token.end)).is_empty()
        });
        let mut loop_name = LoopName::default();
        for (index, token) in lexed.tokens.iter().enumerate() {
            loop_name.see(token);
            let span = token.start..token.end;
            match (&token.kind, roles.get(index)) {
                (Kind::Word(_), _) if any_program => self.names(span, Guard::Plain),
                (Kind::Word(word), Some(role)) => {
                    let test = tests.partition_point(|test| test.end <= token.start);
                    let harmless = tests.get(test).is_some_and(|test| test.contains(&token.start));
                    self.word(span, word, role, harmless, &loop_name);
                }
                (Kind::HereDoc, _) => {
                    let text = self.text.get(span.clone()).unwrap_or_default();
                    if text.contains(['$', '`']) || text.contains("((") {
                        self.names(span, Guard::Plain);
                    }
                }
                _ => {}
            }
        }
    }

    fn word(&mut self, span: Range<usize>, word: &Word<'_>, role: &Role, harmless: bool, around: &LoopName) {
        let masked = self.masked.get(span.clone()).unwrap_or_default();
        let index = masked.split_once('=').is_some_and(|(name, _)| name.contains('['));
        let names_count = word.runs || NAMES_COUNT.iter().any(|mark| masked.contains(mark));
        if names_count || index {
            return self.names(span, Guard::Plain);
        }
        let free = harmless || role.searched && role.kept == Kept::No || role.kept == Kept::Compared;
        let guard = match guard::of(role, word) {
            _ if free => Guard::Free,
            _ if role.refused.is_some() => Guard::Plain,
            Guard::Plain if role.fetched => Guard::Address,
            guard => guard,
        };
        let one = match role.kept {
            Kept::Assigned => {
                let name = masked.split('=').next().unwrap_or_default().trim_end_matches('+');
                Use::Into(name.to_owned(), false)
            }
            Kept::Looped => Use::Into(around.name.clone(), !word.quoted),
            Kept::No | Kept::Compared => Use::Place(Place { guard, parts: false }),
        };
        for read in self.within(&span) {
            if role.kept == Kept::Looped {
                self.add(read.name, Use::Place(Place { guard: Guard::Tame, parts: !word.quoted }));
            }
            let one = match &one {
                Use::Place(place) if read.splits => Use::Place(Place { parts: true, ..*place }),
                one => one.clone(),
            };
            self.add(read.name, one);
        }
        // text in single quotes may be expanded by whoever gets it
        if role.reader && role.kept == Kept::No && guard != Guard::Free && !role.declares {
            self.names(span, guard);
        } else if masked.contains('$') && !role.data && guard != Guard::Free {
            self.names(span, Guard::Tame);
        } else {
            let value = if role.kept == Kept::Assigned {
                word.text().split_once('=').map_or("", |two| two.1)
            } else {
                word.text()
            };
            if is_identifier(value) && !role.declares {
                self.add(value, Use::Named);
            }
        }
    }

    /// The direct expansions in a part of the text.
    fn within(&self, span: &Range<usize>) -> &'a [Read<'a>] {
        let first = self.reads.partition_point(|read| read.at < span.start);
        let end = self.reads.partition_point(|read| read.at < span.end);
        self.reads.get(first..end).unwrap_or_default()
    }

    /// Each name in a part of the text, however it stands there.
    fn names(&mut self, span: Range<usize>, guard: Guard) {
        let text = self.text.get(span).unwrap_or_default();
        for name in text.split(|c: char| !u8::try_from(c).is_ok_and(is_identifier_byte)) {
            if is_identifier(name) {
                self.add(name, Use::Place(Place { guard, parts: false }));
            }
        }
    }

    fn add(&mut self, name: &str, one: Use) {
        self.uses.entry(name.to_owned()).or_default().insert(one);
    }
}

/// The name in `for NAME in ...`, while its words are read.
#[derive(Default)]
struct LoopName {
    words: usize,
    loops: bool,
    name: String,
}

impl LoopName {
    fn see(&mut self, token: &Token<'_>) {
        match &token.kind {
            Kind::Op(_) | Kind::Newline => self.words = 0,
            Kind::Word(word) => {
                let text = word.text();
                if self.words == 0 && matches!(text, "do" | "then" | "else" | "{" | "!") {
                    return;
                }
                self.loops = if self.words == 0 { matches!(text, "for" | "select") } else { self.loops };
                if self.loops && self.words == 1 {
                    text.clone_into(&mut self.name);
                }
                self.words += 1;
            }
            _ => {}
        }
    }
}

/// Where tests stand that compare text and calculate nothing.
fn harmless_tests(lexed: &Lexed<'_>) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut now: Option<(usize, bool)> = None;
    let mut begins = true;
    let mut end = 0;
    for token in &lexed.tokens {
        match &token.kind {
            Kind::Word(word) => {
                let text = word.text();
                if begins {
                    let keyword = matches!(
                        text,
                        "if" | "elif" | "while" | "until" | "then" | "do" | "else" | "!" | "{"
                    );
                    if !keyword {
                        begins = false;
                        now = matches!(text, "[" | "test" | "[[").then_some((token.start, true));
                    }
                } else if let Some((_, harmless)) = &mut now {
                    *harmless &= !CALCULATING.contains(&text) && !word.runs;
                }
                end = token.end;
            }
            Kind::Op(_) | Kind::Newline => {
                found.extend(now.take().filter(|test| test.1).map(|test| test.0..end));
                begins = true;
            }
            _ => {}
        }
    }
    found.extend(now.filter(|test| test.1).map(|test| test.0..end));
    found
}
