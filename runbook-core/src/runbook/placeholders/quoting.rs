//! How a place in a command text is quoted: what a shell would make of an expansion there.

use std::collections::{BTreeMap, VecDeque};

use super::super::shell::{Kind, Lexed, Token, Word, lex};
use super::guard::Guard;
use super::roles::{self, Role};

/// How a placeholder is quoted where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quoting {
    /// Outside quotes.
    Bare,
    /// In double quotes.
    Double,
    /// In single quotes.
    Single,
    /// In `$'...'`.
    Ansi,
    /// In a here-document whose delimiter is not quoted.
    HereDoc,
    /// Where no expansion can stand safely, and why.
    Nowhere(&'static str),
}

/// Quoting and guard of each spot of a masked text.
pub(super) fn places(masked: &str, spots: &[(usize, usize)]) -> Vec<(Quoting, Guard)> {
    let lexed = lex(masked);
    if !lexed.complete() {
        return vec![(Quoting::Nowhere("the command's text is not finished"), Guard::Plain); spots.len()];
    }
    let roles = roles::roles(&lexed, &roles::functions(&lexed));
    let quoted = quoted_delimiters(&lexed);
    let mut all = Vec::with_capacity(spots.len());
    let mut walker = Walker::default();
    for &spot in spots {
        let index = lexed.tokens.partition_point(|token| token.end <= spot.0);
        let token = lexed.tokens.get(index).filter(|token| token.start <= spot.0 && spot.1 <= token.end);
        let place = match token.map(|token| (&token.kind, token)) {
            Some((Kind::Word(word), token)) => {
                in_word(masked, &mut walker, token, word, spot, roles.get(index))
            }
            Some((Kind::HereDoc, token)) => {
                in_document(masked, &mut walker, quoted.get(&index).copied(), token, spot)
            }
            _ => (Quoting::Nowhere("it is not a part of a word there"), Guard::Plain),
        };
        all.push(place);
    }
    all
}

fn in_word(
    text: &str,
    walker: &mut Walker,
    token: &Token<'_>,
    word: &Word<'_>,
    spot: (usize, usize),
    role: Option<&Role>,
) -> (Quoting, Guard) {
    walker.go(text, token, spot.0, None);
    let quoting = read(&walker.open, walker.involved);
    let nested = walker.open.parens > 0;
    let Some(role) = role else { return (quoting, Guard::Plain) };
    match role.refused {
        Some(why) if !nested => (Quoting::Nowhere(why), Guard::Plain),
        _ if nested => (quoting, Guard::Plain),
        _ => (quoting, roles::guard_of(role, word)),
    }
}

fn in_document(
    text: &str,
    walker: &mut Walker,
    quoted: Option<bool>,
    token: &Token<'_>,
    spot: (usize, usize),
) -> (Quoting, Guard) {
    let quoting = match quoted {
        Some(false) => {
            walker.go(text, token, spot.0, Some(Inside::Document));
            read(&walker.open, walker.involved)
        }
        Some(true) => {
            Quoting::Nowhere("the here-document's delimiter is quoted, so nothing in it is expanded")
        }
        None => Quoting::Nowhere("its here-document is not understood"),
    };
    (quoting, Guard::Plain)
}

/// Whether the delimiter of each here-document body is quoted, by the body's token; what is not here is not understood.
fn quoted_delimiters(lexed: &Lexed<'_>) -> BTreeMap<usize, bool> {
    // several here-documents may begin on one line; the delimiters come in the order of the bodies
    let (mut open, mut of_bodies) = (VecDeque::new(), BTreeMap::new());
    for (index, token) in lexed.tokens.iter().enumerate() {
        let next = lexed.tokens.get(index + 1);
        if token.kind == Kind::HereDoc {
            of_bodies.extend(open.pop_front().map(|quoted| (index, quoted)));
        }
        match (&token.kind, next) {
            (Kind::Redirect(op), Some(Token { kind: Kind::Word(word), .. }))
                if (op.ends_with("<<") || op.ends_with("<<-")) && !op.ends_with("<<<") =>
            {
                open.push_back(word.quoted);
            }
            // the bodies of a line follow it at once
            (Kind::Newline | Kind::HereDoc, next) if next.is_none_or(|next| next.kind != Kind::HereDoc) => {
                open.clear();
            }
            _ => {}
        }
    }
    of_bodies
}

/// What the innermost quoting is.
fn read(open: &Open, involved: bool) -> Quoting {
    if open.backticks > 0 {
        return Quoting::Nowhere("it stands in backticks");
    }
    if open.braces > 0 {
        return Quoting::Nowhere("it stands in a ${...}");
    }
    if open.arithmetic > 0 {
        return Quoting::Nowhere("it stands in arithmetic, which evaluates what a value holds");
    }
    if involved {
        return Quoting::Nowhere("it stands beside a substitution that is too involved to be sure about");
    }
    match open.stack.last() {
        None | Some(Inside::Paren) => Quoting::Bare,
        Some(Inside::Double) => Quoting::Double,
        Some(Inside::Single) => Quoting::Single,
        Some(Inside::Ansi) => Quoting::Ansi,
        Some(Inside::Document) => Quoting::HereDoc,
        Some(Inside::Backtick | Inside::Brace | Inside::Arithmetic) => {
            Quoting::Nowhere("it stands where no value can")
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inside {
    Single,
    Ansi,
    Double,
    Backtick,
    Paren,
    Arithmetic,
    Brace,
    Document,
}

/// What is open, innermost last, and how many of those that decide: a stack may be deep, and is asked often.
#[derive(Default)]
struct Open {
    stack: Vec<Inside>,
    backticks: usize,
    braces: usize,
    arithmetic: usize,
    parens: usize,
}

impl Open {
    fn count(&mut self, inside: Inside) -> Option<&mut usize> {
        match inside {
            Inside::Backtick => Some(&mut self.backticks),
            Inside::Brace => Some(&mut self.braces),
            Inside::Arithmetic => Some(&mut self.arithmetic),
            Inside::Paren => Some(&mut self.parens),
            Inside::Single | Inside::Ansi | Inside::Double | Inside::Document => None,
        }
    }
}

/// Walks through a token once, however many placeholders it holds.
#[derive(Default)]
struct Walker {
    token: Option<usize>,
    at: usize,
    open: Open,
    /// The token holds a substitution whose end is not known for sure.
    involved: bool,
}

impl Walker {
    /// Goes on to `goal` in a token.
    fn go(&mut self, text: &str, token: &Token<'_>, goal: usize, base: Option<Inside>) {
        if self.token != Some(token.start) {
            let around = text.get(token.start..token.end).unwrap_or_default();
            let holds = |parts: &[&str]| parts.iter().any(|part| around.contains(part));
            *self = Walker {
                token: Some(token.start),
                at: token.start,
                open: Open { stack: base.into_iter().collect(), ..Open::default() },
                involved: holds(&["$(", "<(", ">(", "`"]) && holds(&["case", "<<", "#", "`", "\\"]),
            };
        }
        while self.at < goal {
            let Some(rest) = text.get(self.at..) else { break };
            let Some(c) = rest.chars().next() else { break };
            self.at += self.step(c, rest);
        }
    }

    /// Takes one character with what belongs to it; returns its length in bytes.
    fn step(&mut self, c: char, rest: &str) -> usize {
        let top = self.open.stack.last().copied();
        let length = c.len_utf8();
        match (top, c) {
            (Some(Inside::Single), '\'') => self.pop(),
            (Some(Inside::Single), _) => length,
            (_, '\\') => 1 + rest.chars().nth(1).map_or(0, char::len_utf8),
            (Some(Inside::Ansi), '\'') => self.pop(),
            (Some(Inside::Ansi), _) => length,
            (Some(Inside::Backtick), '`') => self.pop(),
            (_, '`') => self.push(Inside::Backtick, 1),
            (_, '$') if rest.starts_with("$((") => self.push(Inside::Arithmetic, 3),
            (_, '$') if rest.starts_with("$[") => self.push(Inside::Arithmetic, 2),
            (_, '$') if rest.starts_with("$(") => self.push(Inside::Paren, 2),
            (_, '$') if rest.starts_with("${") => self.push(Inside::Brace, 2),
            (Some(Inside::Double), '"') => self.pop(),
            (Some(Inside::Double | Inside::Document), _) => length,
            (Some(Inside::Brace), '}') => self.pop(),
            (Some(Inside::Paren | Inside::Arithmetic), ')') => self.pop(),
            (None, '(') if rest.starts_with("((") => self.push(Inside::Arithmetic, 2),
            (Some(Inside::Paren), '(') => self.push(Inside::Paren, 1),
            (Some(Inside::Arithmetic), '(') => self.push(Inside::Arithmetic, 1),
            (None, '<' | '>') if rest.get(1..2) == Some("(") => self.push(Inside::Paren, 2),
            (None | Some(Inside::Paren), '$') if rest.starts_with("$'") => self.push(Inside::Ansi, 2),
            (_, '\'') => self.push(Inside::Single, 1),
            (_, '"') => self.push(Inside::Double, 1),
            _ => length,
        }
    }

    fn push(&mut self, inside: Inside, length: usize) -> usize {
        if let Some(count) = self.open.count(inside) {
            *count += 1;
        }
        self.open.stack.push(inside);
        length
    }

    fn pop(&mut self) -> usize {
        if let Some(count) = self.open.stack.pop().and_then(|closed| self.open.count(closed)) {
            *count -= 1;
        }
        1
    }
}
