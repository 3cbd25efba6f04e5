//! What a shell text reads and what it sets, command by command.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;

use super::super::names::is_identifier;
use super::super::shell::{Kind, Token, Word, lex};
use super::expansion::{Mode, Read};

/// How deeply substitutions are looked into.
const DEEPEST: usize = 8;
/// A test with more operands guards nothing.
const MOST_OPERANDS: usize = 64;
/// Words before a program's name.
const KEYWORDS: &[&str] =
    &["if", "then", "else", "elif", "while", "until", "do", "!", "{", "time", "command", "builtin"];
/// Builtins that declare variables; `NAME=value` among their arguments is not split.
const DECLARES: &[&str] = &["export", "readonly", "declare", "typeset", "local"];

/// The variables that a text gives a value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sets {
    /// For what follows.
    pub(crate) names: BTreeSet<String>,
    /// In a function only, or for one command only.
    pub(crate) elsewhere: BTreeSet<String>,
    /// Their absence is noticed: `[ -z "$X" ]`, `${X:?}`.
    pub(crate) guarded: BTreeSet<String>,
    /// Something else sets variables too: `source`, `eval`, `export $(...)`.
    pub(crate) unknown: bool,
    /// The shell's arguments are set or counted: `set -- a b`, `shift`, `getopts`, `$#`.
    pub(crate) arguments: bool,
}

/// What a text reads and sets.
#[derive(Debug, Default)]
pub(crate) struct Scanner<'a> {
    pub(crate) reads: Vec<Read<'a>>,
    pub(crate) sets: Sets,
    /// It defines a function.
    pub(crate) defines: bool,
    /// It goes to another folder.
    pub(crate) moves: bool,
    depth: usize,
    /// Inside a function's body.
    in_function: bool,
    /// Between `[[` and `]]`, which operators may stand between.
    in_test: bool,
}

/// A word of a simple command.
struct Part<'w, 'a> {
    word: &'w Word<'a>,
    raw: &'a str,
    at: usize,
}

impl Part<'_, '_> {
    /// Its text where it is plain; a quoted word is no keyword.
    fn plain(&self) -> &str {
        if self.word.quoted { "" } else { self.word.text() }
    }

    /// The name in `NAME=`, `NAME+=` and `NAME[0]=`.
    fn assigned(&self) -> Option<&str> {
        let name = self.raw.split_once('=')?.0.trim_end_matches('+');
        Some(name.split('[').next().unwrap_or(name)).filter(|name| is_identifier(name))
    }
}

/// Reads a shell text.
pub(crate) fn scan(text: &str) -> Scanner<'_> {
    let mut scanner = Scanner::default();
    scanner.text(text, 0);
    scanner
}

impl<'a> Scanner<'a> {
    pub(super) fn read(&mut self, read: Read<'a>) {
        self.reads.push(Read { deferred: self.in_function, nested: self.depth > 0, ..read });
    }

    /// A text inside the text.
    pub(super) fn nested(&mut self, text: Option<&'a str>, base: usize) {
        if let Some(text) = text {
            self.deeper(|scanner| scanner.text(text, base));
        }
    }

    pub(super) fn deeper(&mut self, look: impl FnOnce(&mut Self)) {
        if self.depth < DEEPEST {
            self.depth += 1;
            look(self);
            self.depth -= 1;
        }
    }

    fn text(&mut self, text: &'a str, base: usize) {
        let lexed = lex(text);
        let bodies = function_bodies(&lexed.tokens);
        self.defines |= self.depth == 0 && !bodies.is_empty();
        let outside = self.in_function;
        let mut parts = Vec::new();
        let mut target = None;
        let mut documents = VecDeque::new();
        for token in &lexed.tokens {
            let raw = text.get(token.start..token.end).unwrap_or_default();
            let at = base + token.start;
            match &token.kind {
                Kind::Word(word) => match target.take() {
                    Some(true) => documents.push_back(word.quoted),
                    Some(false) => self.expansions(raw, at, Mode::Whole),
                    None => {
                        let body = bodies.partition_point(|body| body.end <= token.start);
                        let in_body = bodies.get(body).is_some_and(|body| body.contains(&token.start));
                        self.in_function = outside || in_body;
                        parts.push(Part { word, raw, at });
                    }
                },
                Kind::Redirect(op) => {
                    let document = op.ends_with("<<") || op.ends_with("<<-");
                    target = Some(document && !op.ends_with("<<<"));
                }
                Kind::HereDoc if documents.pop_front() == Some(false) => {
                    self.expansions(raw, at, Mode::Document);
                }
                Kind::Op(_) | Kind::Newline => {
                    target = None;
                    self.command(&parts);
                    parts.clear();
                }
                Kind::HereDoc | Kind::Comment => {}
            }
        }
        self.command(&parts);
        self.in_function = outside;
    }

    /// One simple command: leading assignments, the program, its arguments.
    fn command(&mut self, parts: &[Part<'_, 'a>]) {
        let mut rest = parts;
        let mut assigned = Vec::new();
        while let Some((first, more)) = rest.split_first() {
            if let Some(name) = first.assigned() {
                assigned.push(name);
                self.expansions(first.raw, first.at, Mode::Whole);
            } else if !(KEYWORDS.contains(&first.plain()) && assigned.is_empty()) {
                break;
            }
            rest = more;
        }
        let Some((program, args)) = rest.split_first() else {
            self.sets.names.extend(assigned.into_iter().map(str::to_owned));
            return;
        };
        self.sets.elsewhere.extend(assigned.into_iter().map(str::to_owned));
        if let Some(inside) = program.raw.strip_prefix("((") {
            return self.arithmetic(inside.trim_end_matches(')'), program.at + 2);
        }
        let name = program.plain();
        let first_read = self.reads.len();
        self.expansions(program.raw, program.at, Mode::Word);
        let closes = rest.iter().any(|arg| arg.plain() == "]]");
        let goes_on = self.in_test;
        let test = name == "[[" || goes_on;
        self.in_test = test && !closes;
        for arg in args {
            // a loop over no arguments does nothing
            if name == "for" && matches!(arg.raw, "\"$@\"" | "$@") {
                continue;
            }
            let whole = test
                || matches!(name, "case" | "for" | "select" | "echo" | "let")
                || DECLARES.contains(&name) && arg.assigned().is_some();
            self.expansions(arg.raw, arg.at, if whole { Mode::Whole } else { Mode::Word });
        }
        if matches!(name, "[" | "[[" | "test") {
            self.guards(args, first_read);
        } else if test {
            self.guards(rest, first_read);
        }
        // a dot in a test is no `source`
        if !goes_on {
            self.builtin(name, args);
        }
    }

    /// What `[ -z "$X" ]`, `[[ -v X ]]`, `[ "$X" ]` and `[ "$X" = "" ]` look at.
    fn guards(&mut self, args: &[Part<'_, 'a>], first_read: usize) {
        let operands: Vec<&Part<'_, 'a>> =
            args.iter().filter(|arg| !matches!(arg.plain(), "]" | "]]")).collect();
        if operands.len() > MOST_OPERANDS {
            return;
        }
        let names_in = |part: &Part<'_, 'a>, reads: &[Read<'a>]| -> Vec<String> {
            let within = part.at..part.at + part.raw.len();
            reads.iter().filter(|read| within.contains(&read.at)).map(|read| read.name.to_owned()).collect()
        };
        let reads = self.reads.get(first_read..).unwrap_or_default();
        let mut found = Vec::new();
        for pair in operands.windows(2) {
            let [option, operand] = pair else { continue };
            match option.plain() {
                "-z" | "-n" => found.extend(names_in(operand, reads)),
                "-v" => found.push(operand.word.text().split('[').next().unwrap_or_default().to_owned()),
                _ => {}
            }
        }
        let empty = |part: &Part<'_, '_>| matches!(part.raw, "\"\"" | "''");
        for three in operands.windows(3) {
            if let [left, operator, right] = three
                && matches!(operator.plain(), "=" | "==" | "!=")
            {
                if empty(right) {
                    found.extend(names_in(left, reads));
                } else if empty(left) {
                    found.extend(names_in(right, reads));
                }
            }
        }
        match operands.as_slice() {
            [only] => found.extend(names_in(only, reads)),
            [not, only] if not.plain() == "!" => found.extend(names_in(only, reads)),
            _ => {}
        }
        self.sets.guarded.extend(found);
    }

    /// What builtins set.
    fn builtin(&mut self, name: &str, args: &[Part<'_, 'a>]) {
        match name {
            "source" | "." | "eval" => self.sets.unknown = true,
            "cd" | "pushd" | "popd" => self.moves |= self.depth == 0,
            "shift" => self.sets.arguments = true,
            "set" => {
                let sets = |first: &Part<'_, '_>| first.plain() == "--" || !first.raw.starts_with(['-', '+']);
                self.sets.arguments |= args.first().is_some_and(sets);
            }
            "for" | "select" => {
                if let Some(head) = args.first() {
                    match head.raw.strip_prefix("((") {
                        Some(inside) => self.arithmetic(inside.trim_end_matches(')'), head.at + 2),
                        None => self.set(head),
                    }
                }
            }
            "read" => {
                let named = operands(args, "ptnNdui");
                for name in &named {
                    self.set(name);
                }
                self.option_names(args, "-a");
                if named.is_empty() {
                    self.sets.names.insert("REPLY".to_owned());
                }
            }
            "mapfile" | "readarray" => match operands(args, "dnOsuCc").last() {
                Some(name) => self.set(name),
                None => drop(self.sets.names.insert("MAPFILE".to_owned())),
            },
            "getopts" => {
                self.sets.arguments = true;
                self.sets.names.insert("OPTARG".to_owned());
                if let Some(name) = args.get(1) {
                    self.set(name);
                }
            }
            "printf" => self.option_names(args, "-v"),
            "wait" => self.option_names(args, "-p"),
            "coproc" => {
                if let Some(name) = args.first() {
                    self.set(name);
                }
            }
            "let" => {
                for arg in args {
                    let inside = arg.raw.trim_matches(['"', '\'']);
                    self.arithmetic(inside, arg.at + arg.raw.find(inside).unwrap_or_default());
                }
            }
            _ if DECLARES.contains(&name) => self.declares(name, args),
            _ => {}
        }
    }

    /// `export A=1`, `declare -A map`, `local a b=2`; `export $(...)` sets who knows what.
    fn declares(&mut self, builtin: &str, args: &[Part<'_, 'a>]) {
        let functions =
            args.iter().any(|arg| arg.plain().starts_with('-') && arg.plain().contains(['f', 'F', 'p']));
        if functions {
            return;
        }
        // `export A` gives no value
        let empty_counts = matches!(builtin, "declare" | "typeset" | "local");
        for arg in args.iter().filter(|arg| !arg.plain().starts_with('-')) {
            match arg.assigned() {
                Some(name) if self.in_function && empty_counts => {
                    self.sets.elsewhere.insert(name.to_owned());
                }
                Some(name) => {
                    self.sets.names.insert(name.to_owned());
                }
                None if !is_identifier(arg.word.text()) => {
                    self.sets.unknown |= arg.word.expands || arg.word.runs;
                }
                None if empty_counts && self.in_function => {
                    self.sets.elsewhere.insert(arg.word.text().to_owned());
                }
                None if empty_counts => self.set(arg),
                None => {}
            }
        }
    }

    /// The word names a variable that is set; one that is only known at run time may be any.
    fn set(&mut self, part: &Part<'_, 'a>) {
        let name = part.word.text().split('[').next().unwrap_or_default();
        if is_identifier(name) {
            self.sets.names.insert(name.to_owned());
        } else {
            self.sets.unknown |= part.word.expands || part.word.runs;
        }
    }

    fn option_names(&mut self, args: &[Part<'_, 'a>], option: &str) {
        for pair in args.windows(2) {
            if let [first, name] = pair
                && first.plain() == option
            {
                self.set(name);
            }
        }
    }
}

/// Arguments that are no options; `with_value` are the letters of those whose next word is theirs.
fn operands<'p, 'w, 'a>(args: &'p [Part<'w, 'a>], with_value: &str) -> Vec<&'p Part<'w, 'a>> {
    let mut found = Vec::new();
    let mut skip = false;
    for arg in args {
        let text = arg.plain();
        if std::mem::take(&mut skip) {
            continue;
        }
        match text.strip_prefix('-') {
            // `-rp "name: "`: the last letter's value is the next word
            Some(letters) if found.is_empty() && !letters.is_empty() => {
                skip = letters.chars().next_back().is_some_and(|letter| with_value.contains(letter));
            }
            _ => found.push(arg),
        }
    }
    found
}

/// Where the bodies of functions stand, the outermost ones.
pub(super) fn function_bodies(tokens: &[Token<'_>]) -> Vec<Range<usize>> {
    let word = |index: usize| match tokens.get(index).map(|token| &token.kind) {
        Some(Kind::Word(word)) if !word.quoted => word.text(),
        _ => "",
    };
    let op = |index: usize, op: &str| matches!(tokens.get(index).map(|token| &token.kind), Some(Kind::Op(o)) if *o == op);
    let mut bodies: Vec<Range<usize>> = Vec::new();
    let mut head = false;
    let mut open: Option<(usize, usize)> = None;
    for (index, token) in tokens.iter().enumerate() {
        if let Some((start, depth)) = open {
            let closes = word(index) == "}" || op(index, ")");
            if closes && token.depth == depth + 1 {
                bodies.push(start..token.end);
                open = None;
            }
            continue;
        }
        let begins = word(index) == "{" || op(index, "(") && !op(index + 1, ")");
        if head && begins {
            open = Some((token.start, token.depth));
            head = false;
            continue;
        }
        let defines = word(index) == "function" || op(index, "(") && op(index + 1, ")");
        let goes_on = op(index, ")") || matches!(token.kind, Kind::Newline | Kind::Comment);
        let named = index > 0 && word(index - 1) == "function";
        head = defines || head && (goes_on || named);
    }
    bodies.extend(open.map(|(start, _)| start..usize::MAX));
    bodies
}
