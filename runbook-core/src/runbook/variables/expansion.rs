//! The expansions in a word, a here-document or arithmetic, as bash would make them. Nothing is expanded here.

use super::super::names::{is_identifier, is_identifier_byte};
use super::super::shell::closing;
use super::scan::Scanner;

/// What an expansion does when its variable is not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// It is nothing, or zero in arithmetic.
    Plain,
    /// It says so itself: `${X:-a}`, `${X:?}`, `${X:+a}`.
    Guarded,
    /// `${db-name}`: `name` when `db` is not set, which hardly anybody means.
    Dashed,
    /// `$1`, `$@`: nothing, since a command of a runbook gets no arguments.
    Positional,
    /// `${my pod}`: bash ends the command with an error.
    Bad,
}

/// One expansion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Read<'a> {
    /// The variable; empty for [`Form::Bad`].
    pub(crate) name: &'a str,
    /// As written.
    pub(crate) text: &'a str,
    /// Where it begins in the command's text.
    pub(crate) at: usize,
    /// What it does without a value.
    pub(crate) form: Form,
    /// The shell splits the value at blanks there, and takes `*` and `?` in it as patterns.
    pub(crate) splits: bool,
    /// In a function's body, which runs when it is called.
    pub(crate) deferred: bool,
    /// Inside a substitution, arithmetic or another expansion.
    pub(crate) nested: bool,
}

/// How text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// A word whose unquoted expansions are split.
    Word,
    /// A word that stays one, such as an assignment.
    Whole,
    /// A here-document, where quotes mean nothing.
    Document,
    /// Inside double quotes.
    Quoted,
}

impl<'a> Scanner<'a> {
    /// Reads a part of the command's text that begins at `base` in it.
    pub(super) fn expansions(&mut self, raw: &'a str, base: usize, mode: Mode) {
        let bytes = raw.as_bytes();
        let bare = matches!(mode, Mode::Word | Mode::Whole);
        let mut quoted = mode == Mode::Quoted;
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let next = bytes.get(at + 1).copied();
            match byte {
                b'\\' => at += 2,
                b'"' if bare => {
                    quoted = !quoted;
                    at += 1;
                }
                b'\'' if bare && !quoted => at += 1 + until(bytes, at + 1, b'\'', false),
                b'$' if bare && !quoted && next == Some(b'\'') => at += 2 + until(bytes, at + 2, b'\'', true),
                b'`' => {
                    let length = until(bytes, at + 1, b'`', true);
                    let inside = raw.get(at + 1..at + length);
                    self.nested(inside, base + at + 1);
                    self.escaped(inside.unwrap_or_default(), base + at + 1);
                    at += 1 + length;
                }
                b'<' | b'>' if bare && !quoted && next == Some(b'(') => {
                    let end = closing(bytes, at + 2);
                    self.nested(raw.get(at + 2..end), base + at + 2);
                    at = end + 1;
                }
                b'$' => at = self.dollar(raw, base, at, mode == Mode::Word && !quoted, quoted),
                _ => at += 1,
            }
        }
    }

    /// In backticks, `\$` is a `$` of the command that runs there.
    fn escaped(&mut self, inside: &'a str, base: usize) {
        if !inside.contains("\\$") {
            return;
        }
        let bytes = inside.as_bytes();
        let (mut at, mut quoted) = (0, false);
        while let Some(&byte) = bytes.get(at) {
            match byte {
                b'\\' if bytes.get(at + 1) == Some(&b'$') => {
                    let mut end = at + 2;
                    self.deeper(|scanner| end = scanner.dollar(inside, base, at + 1, false, quoted));
                    at = end;
                }
                b'\\' => at += 2,
                b'\'' if !quoted => at += 1 + until(bytes, at + 1, b'\'', false),
                _ => {
                    quoted ^= byte == b'"';
                    at += 1;
                }
            }
        }
    }

    /// One `$` and what belongs to it; returns where reading goes on.
    fn dollar(&mut self, raw: &'a str, base: usize, at: usize, splits: bool, quoted: bool) -> usize {
        let bytes = raw.as_bytes();
        match bytes.get(at + 1) {
            Some(b'(') if bytes.get(at + 2) == Some(&b'(') => {
                let end = closing(bytes, at + 2);
                // `$((...))`, or a subshell at the beginning of a substitution
                match raw.get(at + 3..end).and_then(|inside| inside.strip_suffix(')')) {
                    Some(inside) => self.deeper(|scanner| scanner.arithmetic(inside, base + at + 3)),
                    None => self.nested(raw.get(at + 2..end), base + at + 2),
                }
                end + 1
            }
            Some(b'(') => {
                let end = closing(bytes, at + 2);
                self.nested(raw.get(at + 2..end), base + at + 2);
                end + 1
            }
            Some(b'[') => {
                let length = until(bytes, at + 2, b']', false);
                if let Some(inside) = raw.get(at + 2..at + 1 + length) {
                    self.deeper(|scanner| scanner.arithmetic(inside, base + at + 2));
                }
                at + 2 + length
            }
            Some(b'{') => {
                let end = brace_end(bytes, at + 2, quoted);
                if let Some(inside) = raw.get(at + 2..end) {
                    let whole = raw.get(at..(end + 1).min(raw.len())).unwrap_or_default();
                    self.braced(inside, whole, base + at, splits);
                }
                end + 1
            }
            Some(byte) if byte.is_ascii_alphabetic() || *byte == b'_' => {
                let length = name_length(raw.get(at + 1..));
                let text = raw.get(at..at + 1 + length).unwrap_or_default();
                let name = text.get(1..).unwrap_or_default();
                self.read(Read {
                    name,
                    text,
                    at: base + at,
                    form: Form::Plain,
                    splits,
                    deferred: false,
                    nested: false,
                });
                at + 1 + length
            }
            Some(b'1'..=b'9' | b'@' | b'*') => {
                let text = raw.get(at..at + 2).unwrap_or_default();
                let name = text.get(1..).unwrap_or_default();
                self.read(Read {
                    name,
                    text,
                    at: base + at,
                    form: Form::Positional,
                    splits,
                    deferred: false,
                    nested: false,
                });
                at + 2
            }
            Some(b'#') => {
                self.sets.arguments = true;
                at + 2
            }
            // `$?` and the like are always there
            Some(_) => at + 2,
            None => at + 1,
        }
    }

    /// What stands in `${...}`.
    fn braced(&mut self, inside: &'a str, text: &'a str, at: usize, splits: bool) {
        // bash 5.3 runs commands in `${ ...; }`
        if inside.starts_with([' ', '\t', '\n', '|']) && inside.trim_end().ends_with(';') {
            return self.nested(Some(inside), at + 2);
        }
        let counts = inside.len() > 1 && inside.starts_with('#');
        let indirect = inside.len() > 1 && inside.starts_with('!');
        let lead = usize::from(counts || indirect);
        let length = name_length(inside.get(lead..));
        let name = inside.get(lead..lead + length).unwrap_or_default();
        let mut rest = inside.get(lead + length..).unwrap_or_default();
        let mut read = Read {
            name,
            text,
            at,
            form: Form::Plain,
            splits: splits && !counts,
            deferred: false,
            nested: false,
        };
        if !is_identifier(name) {
            let special = inside.get(lead..).unwrap_or_default();
            let digits = special.bytes().take_while(u8::is_ascii_digit).count();
            let length = if digits > 0 {
                digits
            } else {
                usize::from(special.starts_with(['@', '*', '#', '?', '$', '!', '-']))
            };
            rest = special.get(length..).unwrap_or_default();
            if length == 0 && !(counts && inside == "#") || !operator_fits(rest) {
                self.read(Read { name: "", form: Form::Bad, ..read });
            } else if inside == "#" {
                self.sets.arguments = true;
            } else if !counts && is_argument(special.get(..length).unwrap_or_default()) && !guards(rest) {
                let name = special.get(..length).unwrap_or_default();
                self.read(Read { name, form: Form::Positional, ..read });
            }
            return self.operand(rest, at + 2 + inside.len() - rest.len());
        }
        if rest.starts_with('[') {
            let length = 1 + until(rest.as_bytes(), 1, b']', false);
            self.operand(rest.get(1..length), at + 3 + lead + name.len());
            rest = rest.get(length..).unwrap_or_default();
        }
        // `${!PREFIX*}` lists names
        if indirect && matches!(rest, "*" | "@") {
            return;
        }
        if !operator_fits(rest) {
            return self.read(Read { name: "", form: Form::Bad, ..read });
        }
        let word = rest.trim_start_matches(':');
        if guards(rest) {
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
            let dashed =
                rest.strip_prefix('-').is_some_and(|word| !word.is_empty() && word.chars().all(plain));
            read.form = if dashed { Form::Dashed } else { Form::Guarded };
            if word.starts_with('=') {
                self.sets.names.insert(name.to_owned());
            } else if word.starts_with('?') {
                self.sets.guarded.insert(name.to_owned());
            }
        }
        self.read(read);
        self.operand(rest, at + 2 + inside.len() - rest.len());
    }

    /// The word behind an operator, which may hold expansions of its own.
    fn operand(&mut self, rest: impl Into<Option<&'a str>>, base: usize) {
        if let Some(rest) = rest.into().filter(|rest| rest.contains(['$', '`'])) {
            self.deeper(|scanner| scanner.expansions(rest, base, Mode::Quoted));
        }
    }

    /// Names count without `$` here, and may be assigned to.
    pub(super) fn arithmetic(&mut self, inside: &'a str, base: usize) {
        let bytes = inside.as_bytes();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            match byte {
                b'$' => at = self.dollar(inside, base, at, false, true),
                b'`' => {
                    let length = until(bytes, at + 1, b'`', true);
                    self.nested(inside.get(at + 1..at + length), base + at + 1);
                    at += 1 + length;
                }
                // `0x1F`, `16#ff`
                b'0'..=b'9' => {
                    at += bytes
                        .iter()
                        .skip(at)
                        .take_while(|b| b.is_ascii_alphanumeric() || **b == b'#')
                        .count();
                }
                _ if byte.is_ascii_alphabetic() || byte == b'_' => {
                    let length = name_length(inside.get(at..));
                    let name = inside.get(at..at + length).unwrap_or_default();
                    let before = inside.get(..at).unwrap_or_default().trim_end();
                    let after = inside.get(at + length..).unwrap_or_default().trim_start();
                    let is_given = after.starts_with('=') && !after.starts_with("==");
                    if is_given || steps(before, after) {
                        self.sets.names.insert(name.to_owned());
                    }
                    // `N++` begins with what N was
                    if !is_given {
                        let form = Form::Plain;
                        self.read(Read {
                            name,
                            text: name,
                            at: base + at,
                            form,
                            splits: false,
                            deferred: false,
                            nested: false,
                        });
                    }
                    at += length;
                }
                _ => at += 1,
            }
        }
    }
}

/// Whether a name between the two is given a value that comes from the one that it had.
fn steps(before: &str, after: &str) -> bool {
    let operators = ["+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>=", "++", "--"];
    operators.iter().any(|operator| after.starts_with(operator))
        || before.ends_with("++")
        || before.ends_with("--")
}

/// Whether what stands behind a name says what is meant when it is not set.
fn guards(rest: &str) -> bool {
    rest.strip_prefix(':').unwrap_or(rest).starts_with(['-', '=', '?', '+'])
}

/// `1`, `@` and `*`; `0` is the shell itself.
fn is_argument(name: &str) -> bool {
    matches!(name, "@" | "*") || name.parse::<u32>().is_ok_and(|number| number > 0)
}

/// Whether what stands behind a name in `${...}` is something that bash knows.
fn operator_fits(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with([':', '-', '=', '?', '+', '#', '%', '/', '^', ',', '@', '~'])
}

fn name_length(text: Option<&str>) -> usize {
    text.unwrap_or_default().bytes().take_while(|byte| is_identifier_byte(*byte)).count()
}

/// How many bytes there are up to the mark, itself included; all of them when it does not come.
fn until(bytes: &[u8], from: usize, mark: u8, escapes: bool) -> usize {
    let mut at = from;
    while let Some(&byte) = bytes.get(at) {
        if byte == mark {
            return at + 1 - from;
        }
        at += if escapes && byte == b'\\' { 2 } else { 1 };
    }
    bytes.len().saturating_sub(from) + 1
}

/// Where the brace that opened before `from` is closed.
fn brace_end(bytes: &[u8], from: usize, quoted: bool) -> usize {
    let (mut depth, mut at) = (1_usize, from);
    let mut double = false;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 1,
            b'"' => double = !double,
            b'\'' if !quoted && !double => at += until(bytes, at + 1, b'\'', false),
            b'$' if bytes.get(at + 1) == Some(&b'(') => at = closing(bytes, at + 2),
            b'{' if at > from && bytes.get(at - 1) == Some(&b'$') => depth += 1,
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return at;
                }
            }
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}
