//! Where the values of variables go: into a program's argument, into another variable, or to where some program or the
//! shell itself reads text as a language.
//!
//! The places that take any value are the known ones. Everywhere else only plain values may stand, because a list of all
//! that evaluates text (`eval`, `${X@P}`, an array's index, `awk`, a file that is sourced later, ...) is never complete.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::super::names::{is_identifier, is_identifier_byte, is_reserved};
use super::super::placeholders::roles::{Kept, Language, Role, functions, guard_of, roles};
use super::super::placeholders::{Cut, Guard, Place, Split, mask};
use super::super::shell::{Kind, Lexed, Word, lex};
use super::expansion::Read;
use super::scan::scan;

/// Comparisons that calculate, and tests that look into an array: text is evaluated there.
const CALCULATING: &[&str] = &["-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-v", "-R"];
/// What a text holds that evaluates variables by their names, one through the other.
const INDIRECT: &[&str] = &["((", "$[", "[[", "let", "${", "declare", "typeset", "local -", "eval"];
/// Marks of words in which names count without `$`.
const NAMES_COUNT: &[&str] = &["${", "$[", "((", "`", "$(", "<(", ">("];

/// What becomes of a variable's value in one place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Use {
    /// It stands there.
    Place(Place),
    /// It becomes the value of another variable, after what is done to it on the way.
    Into(String, Split, Cut),
    /// Its name is a value, which matters where names are evaluated.
    Named,
}

/// What becomes of each variable's value.
type Uses = BTreeMap<String, BTreeSet<Use>>;

/// What the texts that share one shell have in common.
#[derive(Debug, Default)]
struct Shared {
    /// Names that they give to pieces of themselves, which do anything with their arguments.
    functions: BTreeSet<String>,
    /// Variables are evaluated by their names.
    indirect: bool,
    /// The shell may split at other marks than blanks.
    splits_at_marks: bool,
    /// What a pattern has found is used.
    matches: bool,
    /// Some program reads its environment as a template or program.
    templates: bool,
}

/// What becomes of variables in the texts that share one shell.
#[derive(Debug, Default)]
pub(crate) struct Flows {
    shared: Shared,
    reached: BTreeMap<String, BTreeSet<Place>>,
}

impl Flows {
    /// Reads the texts.
    pub(crate) fn of(texts: &[&str]) -> Flows {
        let mut shared = Shared::default();
        for text in texts {
            let lexed = lex(text);
            shared.functions.extend(functions(&lexed));
            shared.indirect |= INDIRECT.iter().any(|mark| text.contains(mark));
            shared.splits_at_marks |= text.contains("IFS");
            shared.matches |= text.contains("BASH_REMATCH");
            shared.templates |= roles(&lexed, &BTreeSet::new()).iter().any(|role| role.templates);
        }
        let mut uses = Uses::new();
        for text in texts {
            collect(text, &shared, &mut uses);
        }
        let reached = reached(&uses, &shared);
        Flows { shared, reached }
    }

    /// The places that a variable's value reaches from these texts.
    pub(crate) fn places(&self, name: &str) -> BTreeSet<Place> {
        self.reached.get(name).cloned().unwrap_or_default()
    }

    /// The same for the variables that one of the texts reads, as far as that text begins it. `wanted` chooses.
    pub(crate) fn places_from(
        &self,
        text: &str,
        wanted: impl Fn(&str) -> bool,
    ) -> BTreeMap<String, BTreeSet<Place>> {
        let mut uses = Uses::new();
        collect(text, &self.shared, &mut uses);
        uses.retain(|name, _| wanted(name));
        let of = |uses: BTreeSet<Use>| {
            let mut places = BTreeSet::new();
            for one in uses {
                match direct_place(&one, &self.shared) {
                    Some(place) => {
                        places.insert(place);
                    }
                    None => {
                        if let Use::Into(name, split, cut) = &one {
                            let there = self.reached.get(name).into_iter().flatten();
                            places.extend(there.map(|place| before(*place, *split, *cut)));
                        }
                    }
                }
            }
            places
        };
        uses.into_iter().map(|(name, uses)| (name, of(uses))).collect()
    }
}

/// The place where a use ends, when it goes nowhere else.
fn direct_place(one: &Use, shared: &Shared) -> Option<Place> {
    match one {
        Use::Place(place) => Some(*place),
        Use::Named => shared.indirect.then_some(Place::of(Guard::Plain)),
        Use::Into(name, split, cut) => {
            is_reserved(name).then_some(Place { guard: Guard::Never, split: *split, cut: *cut })
        }
    }
}

/// A place as it is seen before what happens to the value on the way there.
fn before(place: Place, split: Split, cut: Cut) -> Place {
    let cut = match (place.cut, cut) {
        (Cut::No, cut) | (cut, Cut::No) => cut,
        (one, other) if one == other => one,
        _ => Cut::Somewhere,
    };
    Place { split: place.split.max(split), cut, ..place }
}

/// The places that each variable's value reaches, through others too. Places only add up, and there are few of them, so
/// each way is gone a few times at most.
fn reached(uses: &Uses, shared: &Shared) -> BTreeMap<String, BTreeSet<Place>> {
    let mut reached: BTreeMap<String, BTreeSet<Place>> = BTreeMap::new();
    let mut sources: BTreeMap<&str, Vec<(&str, Split, Cut)>> = BTreeMap::new();
    let mut open: Vec<&str> = Vec::new();
    for (name, uses) in uses {
        let places = reached.entry(name.clone()).or_default();
        for one in uses {
            places.extend(direct_place(one, shared));
            if let Use::Into(target, split, cut) = one {
                sources.entry(target).or_default().push((name, *split, *cut));
            }
        }
        open.push(name);
    }
    while let Some(name) = open.pop() {
        let places = reached.get(name).cloned().unwrap_or_default();
        for (source, split, cut) in sources.get(name).into_iter().flatten() {
            let known = reached.entry((*source).to_owned()).or_default();
            let count = known.len();
            known.extend(places.iter().map(|place| before(*place, *split, *cut)));
            if known.len() > count {
                open.push(source);
            }
        }
    }
    reached
}

/// Adds what becomes of each variable in a shell text.
fn collect(text: &str, shared: &Shared, uses: &mut Uses) {
    let reads: Vec<Read<'_>> = direct(text);
    let spots: Vec<(usize, usize)> = reads.iter().map(|read| (read.at, read.at + read.text.len())).collect();
    let masked = mask(text, &spots);
    let lexed = lex(&masked);
    let mut collector = Collector { text, masked: &masked, reads: &reads, shared, uses };
    if !lexed.complete() {
        return collector.names(text, 0..text.len(), Guard::Plain);
    }
    collector.tokens(&lexed);
}

/// The expansions that stand in no other one and give the value as it is, or a part of it.
fn direct(text: &str) -> Vec<Read<'_>> {
    let mut reads = scan(text).reads;
    reads.retain(|read| {
        let Some(rest) = rest_of(read) else { return false };
        let plain = rest.is_empty() || rest == "}";
        // `${X:-a}`, `${X%.*}`; a `$` in the second part belongs to another variable
        let cut = rest.starts_with(['-', '?', '+', '#', '%', '/', '^', ','])
            || rest.starts_with(":-")
            || rest.starts_with(":?")
            || rest.starts_with(":+");
        let nested = rest.contains(['$', '`', '[']);
        !read.nested && is_identifier(read.name) && (plain || cut && !nested)
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

/// What stands behind the name in an expansion.
fn rest_of<'a>(read: &Read<'a>) -> Option<&'a str> {
    read.text.strip_prefix('$')?.trim_start_matches('{').strip_prefix(read.name)
}

/// What an expansion cuts off at the value's beginning.
fn cut_of(read: &Read<'_>) -> Cut {
    let rest = rest_of(read).unwrap_or_default().trim_end_matches('}');
    if let Some(pattern) = rest.strip_prefix('#') {
        return match pattern.chars().next_back() {
            Some(mark @ ('/' | '@' | ':' | '.' | '_' | '=')) => Cut::After(mark),
            _ => Cut::Somewhere,
        };
    }
    let Some(pair) = rest.strip_prefix('/') else { return Cut::No };
    let pair = pair.strip_prefix('/').unwrap_or(pair);
    let ends =
        pair.match_indices('/').find(|(at, _)| !pair.get(..*at).is_some_and(|old| old.ends_with('\\')));
    let (old, new) =
        ends.and_then(|(at, _)| Some((pair.get(..at)?, pair.get(at + 1..)?))).unwrap_or((pair, ""));
    let mut marks = old.chars();
    match (new.starts_with('-'), marks.next(), marks.next()) {
        // what is put in its place stands at the beginning then
        (false, ..) if !new.is_empty() => Cut::No,
        (true, Some(mark), None) | (true, Some('\\'), Some(mark)) => Cut::Becomes(mark),
        _ => Cut::Somewhere,
    }
}

struct Collector<'a> {
    text: &'a str,
    /// The text with letters in the place of each direct expansion.
    masked: &'a str,
    reads: &'a [Read<'a>],
    shared: &'a Shared,
    uses: &'a mut Uses,
}

impl<'a> Collector<'a> {
    fn tokens(&mut self, lexed: &Lexed<'_>) {
        let roles = roles(lexed, &self.shared.functions);
        let tests = harmless_tests(lexed, self.shared.matches);
        // a program whose name is a value may be any, `eval` too
        let any_program = lexed
            .tokens
            .iter()
            .zip(&roles)
            .any(|(token, role)| role.program && !self.within(&(token.start..token.end)).is_empty());
        let interprets = roles.iter().any(|role| role.reader);
        let queries = roles.iter().any(|role| role.language == Language::Query);
        let read_names = names_of_reads(lexed, &roles);
        // variables that stand before a program which is not known yet
        let mut prefixes: Vec<String> = Vec::new();
        for (index, token) in lexed.tokens.iter().enumerate() {
            let span = token.start..token.end;
            match (&token.kind, roles.get(index)) {
                (Kind::Word(word), Some(role)) => {
                    let test = tests.partition_point(|test| test.end <= token.start);
                    let harmless = tests.get(test).is_some_and(|test| test.contains(&token.start));
                    self.word(&span, word, role, harmless, &read_names);
                    if role.program {
                        if role.reader {
                            for name in prefixes.drain(..) {
                                self.add(&name, Use::Place(Place::of(Guard::Plain)));
                            }
                        }
                        prefixes.clear();
                    } else if role.kept == Kept::Assigned {
                        let name = assigned_name(self.masked.get(span.clone()).unwrap_or_default());
                        if role.exports && self.shared.templates {
                            self.add(name, Use::Place(Place::of(Guard::Plain)));
                        }
                        prefixes.push(name.to_owned());
                    }
                    if any_program && !role.program {
                        self.names(self.text, span, Guard::Plain);
                    }
                }
                (Kind::HereDoc, _) => {
                    let text = self.text.get(span.clone()).unwrap_or_default();
                    if interprets || text.contains(['$', '`']) || text.contains("((") {
                        self.names(self.text, span.clone(), Guard::Plain);
                    }
                    if queries {
                        self.in_query(&span);
                    }
                }
                (Kind::Op(_) | Kind::Newline, _) => prefixes.clear(),
                _ => {}
            }
        }
    }

    fn word(
        &mut self,
        span: &Range<usize>,
        word: &Word<'_>,
        role: &Role,
        harmless: bool,
        read_names: &[String],
    ) {
        let masked = self.masked.get(span.clone()).unwrap_or_default();
        let equals = masked.find('=').map_or(span.end, |at| span.start + at);
        let index = masked.split_once('=').is_some_and(|(name, _)| name.contains('['));
        let names_count = word.runs || NAMES_COUNT.iter().any(|mark| masked.contains(mark));
        let within = self.within(span);
        let prints = role.prints && !masked.contains("((");
        // the name of what is assigned to is a value, or names are evaluated in it
        let odd_name = role.kept == Kept::Assigned && within.iter().any(|read| read.at < equals);
        if odd_name {
            for read in within {
                self.add(read.name, Use::Place(Place::of(Guard::Never)));
            }
        }
        self.cut_names(masked);
        if index || odd_name || names_count && (!prints && evaluates_names(masked)) {
            return self.names(self.text, span.clone(), Guard::Plain);
        }
        if names_count && !prints {
            return self.expanded(self.text, span.clone(), Guard::Plain);
        }
        if names_count {
            self.names(self.masked, span.clone(), Guard::Plain);
        }
        let guard = self.guard(span, word, role, harmless);
        for read in within {
            let cut = cut_of(read);
            let mut split = match (read.splits, self.shared.splits_at_marks) {
                (false, _) => Split::No,
                (true, false) => Split::Blanks,
                (true, true) => Split::Marks,
            };
            match &role.kept {
                Kept::Assigned => {
                    self.add(read.name, Use::Into(assigned_name(masked).to_owned(), Split::No, cut));
                    let before = self.text.get(span.start..read.at).unwrap_or_default();
                    let query = looks_like_a_query(self.text.get(span.clone()).unwrap_or_default());
                    if query && !in_inner_quotes(before) {
                        self.add(read.name, Use::Place(Place::of(Guard::Number)));
                    }
                }
                Kept::Looped(name) => {
                    if !word.quoted {
                        split = if self.shared.splits_at_marks { Split::Marks } else { Split::Blanks };
                    }
                    self.add(read.name, Use::Place(Place { guard: Guard::Tame, split, cut }));
                    let named = is_identifier(name);
                    let one = Use::Into(name.clone(), split, cut);
                    self.add(read.name, if named { one } else { Use::Place(Place::of(Guard::Plain)) });
                }
                Kept::Read if !read_names.is_empty() => {
                    for name in read_names {
                        self.add(read.name, Use::Into(name.clone(), Split::Marks, cut));
                    }
                }
                Kept::Read | Kept::No | Kept::Compared => {
                    // in a test, what is split adds to the comparison; of a longer word, the second part is another one
                    let longer = word.value.len() > read.text.len();
                    let (guard, split) = if (harmless || longer) && split != Split::No {
                        (Guard::Plain, Split::No)
                    } else {
                        (guard, split)
                    };
                    let guard = if read.deferred { guard.max(Guard::Plain) } else { guard };
                    let guard = self.inside(span, word, role, read).map_or(guard, |inside| guard.max(inside));
                    self.add(read.name, Use::Place(Place { guard, split, cut }));
                }
            }
        }
        self.unexpanded(span, word, role, guard, masked);
    }

    /// Names that stand in a word without being expanded by this shell.
    fn unexpanded(&mut self, span: &Range<usize>, word: &Word<'_>, role: &Role, guard: Guard, masked: &str) {
        // text in single quotes may be expanded by whoever gets it
        if role.reader && matches!(role.kept, Kept::No) && guard != Guard::Free && !role.declares {
            let guard = guard.clamp(Guard::Address, Guard::Plain);
            return self.names(self.masked, span.clone(), guard);
        }
        if masked.contains('$') && !role.data && guard != Guard::Free {
            return self.names(self.masked, span.clone(), Guard::Tame);
        }
        let text = word.text();
        let value =
            if role.kept == Kept::Assigned { text.split_once('=').map_or("", |two| two.1) } else { text };
        if is_identifier(value) && !role.declares {
            self.add(value, Use::Named);
        }
    }

    /// What a word takes.
    fn guard(&self, span: &Range<usize>, word: &Word<'_>, role: &Role, harmless: bool) -> Guard {
        let whole = self.within(span).first().is_some_and(|read| read.text.len() == word.value.len());
        if role.program {
            let begins = self.within(span).first().is_some_and(|read| {
                self.text
                    .get(span.start..read.at)
                    .is_some_and(|before| before.trim_matches(['"', '\'']).is_empty())
            });
            return match (word.text().contains(char::is_whitespace), begins) {
                (true, _) => Guard::Plain,
                (false, true) => Guard::Never,
                (false, false) => Guard::Word,
            };
        }
        if role.kept == Kept::Compared {
            return if role.compared_with && !word.quoted { Guard::Tame } else { Guard::Free };
        }
        if harmless {
            // `[[ a == $X ]]`: a pattern
            return if role.compared_with && !word.quoted { Guard::Tame } else { Guard::Free };
        }
        if role.refused.is_some() {
            return Guard::Plain;
        }
        let name =
            |read: &Read<'_>| self.text.get(span.start..read.at).is_some_and(|before| before.contains('='));
        if role.encoded && self.within(span).iter().all(name) {
            return Guard::Free;
        }
        if role.searched {
            return if whole { Guard::Free } else { Guard::Tame };
        }
        match guard_of(role, word) {
            Guard::Plain if role.fetched => Guard::Address,
            guard => guard,
        }
    }

    /// What the text around an expansion asks for beside.
    fn inside(&self, span: &Range<usize>, word: &Word<'_>, role: &Role, read: &Read<'_>) -> Option<Guard> {
        let before = self.text.get(span.start..read.at).unwrap_or_default();
        let around = self.text.get(span.clone()).unwrap_or_default();
        let lead = before.trim_matches(['"', '\'']);
        if role.starts_code && lead.trim().is_empty() {
            return Some(Guard::Never);
        }
        if role.fetched {
            if role.encoded {
                return if lead.contains('=') { None } else { Some(Guard::Word) };
            }
            return match lead.split_once("://") {
                Some((_, "")) => Some(Guard::Host),
                // a part of the host
                Some((_, host)) if !host.contains('/') => Some(Guard::Word),
                _ if lead.is_empty() => None,
                _ => Some(Guard::Plain),
            };
        }
        // below a folder, whoever works on it
        if role.data && lead.ends_with('/') {
            return Some(Guard::Tame);
        }
        if role.prints || role.message {
            return None;
        }
        let program = word.text().contains([' ', '(', ')', '{', '}', ';', '<', '>', '*', '!', '~'])
            || word.text().contains("==");
        let is_query = role.language == Language::Query && program && !around.contains("host=")
            || looks_like_a_query(around);
        match role.language {
            _ if is_query && !in_inner_quotes(before) => Some(Guard::Number),
            Language::Substitute if !["s/", "s|", "s#", "s,", "y/"].iter().any(|s| before.contains(s)) => {
                role.reader.then_some(Guard::Number)
            }
            Language::Substitute if !["s|", "s#", "s,"].iter().any(|s| before.contains(s)) => {
                Some(Guard::Word)
            }
            _ => None,
        }
    }

    /// Bare words of a query in a here-document are names.
    fn in_query(&mut self, span: &Range<usize>) {
        for read in self.within(span) {
            let before = self.text.get(span.start..read.at).unwrap_or_default();
            if !in_inner_quotes(before) {
                self.add(read.name, Use::Place(Place::of(Guard::Number)));
            }
        }
    }

    /// The direct expansions in a part of the text.
    fn within(&self, span: &Range<usize>) -> &'a [Read<'a>] {
        let first = self.reads.partition_point(|read| read.at < span.start);
        let end = self.reads.partition_point(|read| read.at < span.end);
        self.reads.get(first..end).unwrap_or_default()
    }

    /// Each name in a part of a text, however it stands there.
    fn names(&mut self, text: &str, span: Range<usize>, guard: Guard) {
        let text = text.get(span).unwrap_or_default();
        for name in text.split(|c: char| !u8::try_from(c).is_ok_and(is_identifier_byte)) {
            if is_identifier(name) {
                self.add(name, Use::Place(Place::of(guard)));
            }
        }
    }

    /// What is cut out of a value by number, or by a pattern that is not followed, may begin anywhere.
    fn cut_names(&mut self, masked: &str) {
        for inside in masked.split("${").skip(1) {
            let end = inside.bytes().position(|byte| !is_identifier_byte(byte)).unwrap_or(inside.len());
            let (name, rest) = inside.split_at_checked(end).unwrap_or((inside, ""));
            let by_number =
                rest.strip_prefix(':').is_some_and(|rest| !rest.starts_with(['-', '+', '?', '=']));
            if is_identifier(name) && (by_number || rest.starts_with(['#', '/'])) {
                let place = Place { cut: Cut::Somewhere, ..Place::of(Guard::Plain) };
                self.add(name, Use::Place(place));
            }
        }
    }

    /// Each name behind a `$` in a part of a text.
    fn expanded(&mut self, text: &str, span: Range<usize>, guard: Guard) {
        for part in text.get(span).unwrap_or_default().split('$').skip(1) {
            let part = part.trim_start_matches(['{', '#', '!']);
            let end = part.bytes().position(|byte| !is_identifier_byte(byte)).unwrap_or(part.len());
            let name = part.get(..end).unwrap_or_default();
            if is_identifier(name) {
                self.add(name, Use::Place(Place::of(guard)));
            }
        }
    }

    fn add(&mut self, name: &str, one: Use) {
        self.uses.entry(name.to_owned()).or_default().insert(one);
    }
}

/// The name in `NAME=` and `NAME+=`.
fn assigned_name(word: &str) -> &str {
    word.split('=').next().unwrap_or_default().trim_end_matches('+')
}

/// Whether names without `$` may be evaluated in a text with substitutions.
fn evaluates_names(text: &str) -> bool {
    let marks = [
        "((", "$[", "[[", "[ ", "let", "eval", "declare", "typeset", "local", "read", "printf", "unset",
        "test",
    ];
    marks.iter().any(|mark| text.contains(mark))
        || text
            .split("${")
            .skip(1)
            .any(|rest| rest.split('}').next().is_some_and(|inside| inside.contains([':', '[', '!', '@'])))
}

/// Whether a text is one for a database, whoever is to take it there.
fn looks_like_a_query(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["select ", "delete from ", "insert into ", "update ", " where ", "drop ", "alter ", "truncate "]
        .iter()
        .any(|word| text.contains(word))
}

/// Whether a text ends inside quotes that a query has of its own.
fn in_inner_quotes(before: &str) -> bool {
    let single = before.matches('\'').count();
    let double = before.matches("\\\"").count();
    single % 2 == 1 || double % 2 == 1
}

/// The variables that `read` sets in a text.
fn names_of_reads(lexed: &Lexed<'_>, roles: &[Role]) -> Vec<String> {
    let mut names = Vec::new();
    let mut reading = false;
    for (token, role) in lexed.tokens.iter().zip(roles) {
        match &token.kind {
            Kind::Word(word) if role.program => reading = word.text() == "read",
            Kind::Word(word) if reading && is_identifier(word.text()) => names.push(word.text().to_owned()),
            Kind::Op(_) | Kind::Newline => reading = false,
            _ => {}
        }
    }
    names
}

/// Where tests stand that compare text and calculate nothing.
fn harmless_tests(lexed: &Lexed<'_>, matches: bool) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut now: Option<(usize, bool)> = None;
    let mut begins = true;
    let (mut double, mut end) = (false, 0);
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
                        double = text == "[[";
                        now = matches!(text, "[" | "test" | "[[").then_some((token.start, true));
                    }
                } else if let Some((_, harmless)) = &mut now {
                    *harmless &= !(CALCULATING.contains(&text) || word.runs || matches && text == "=~");
                    double &= text != "]]";
                }
                end = token.end;
            }
            // `[[ a && b ]]` is one test
            Kind::Op("&&" | "||" | "(" | ")") if double => {}
            Kind::Op(_) | Kind::Newline => {
                found.extend(now.take().filter(|test| test.1).map(|test| test.0..end));
                begins = true;
                double = false;
            }
            _ => {}
        }
    }
    found.extend(now.filter(|test| test.1).map(|test| test.0..end));
    found
}
