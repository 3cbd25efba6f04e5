//! How a place in a command text is quoted: what a shell would make of an expansion there.

use super::super::shell::{Kind, Lexed, Token, Word, lex};
use super::guard::{self, Guard};

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
    let roles = guard::roles(&lexed);
    let mut all = Vec::with_capacity(spots.len());
    let mut walker = Walker::default();
    for &spot in spots {
        let index = lexed.tokens.partition_point(|token| token.end <= spot.0);
        let token = lexed.tokens.get(index).filter(|token| token.start <= spot.0 && spot.1 <= token.end);
        let place = match token.map(|token| (&token.kind, token)) {
            Some((Kind::Word(word), token)) => {
                in_word(masked, &mut walker, token, word, spot, roles.get(index))
            }
            Some((Kind::HereDoc, token)) => in_document(masked, &mut walker, &lexed, index, token, spot),
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
    role: Option<&guard::Role>,
) -> (Quoting, Guard) {
    let stack = walker.stack_at(text, token, spot.0, None);
    let quoting = read(&stack, walker.involved);
    let nested = stack.contains(&Inside::Paren);
    let Some(role) = role else { return (quoting, Guard::Plain) };
    match role.refused {
        Some(why) if !nested => (Quoting::Nowhere(why), Guard::Plain),
        _ if nested => (quoting, Guard::Plain),
        _ => (quoting, guard::of(role, word)),
    }
}

fn in_document(
    text: &str,
    walker: &mut Walker,
    lexed: &Lexed<'_>,
    index: usize,
    token: &Token<'_>,
    spot: (usize, usize),
) -> (Quoting, Guard) {
    if walker.token != Some(token.start) {
        walker.delimiter = delimiter_is_quoted(lexed, index);
    }
    // begun even when nothing can stand here, so that the next placeholder need not look again
    let stack = walker.stack_at(text, token, spot.0, Some(Inside::Document));
    let quoting = match walker.delimiter {
        Some(false) => read(&stack, walker.involved),
        Some(true) => {
            Quoting::Nowhere("the here-document's delimiter is quoted, so nothing in it is expanded")
        }
        None => Quoting::Nowhere("its here-document is not understood"),
    };
    (quoting, Guard::Plain)
}

/// Whether the delimiter of the here-document body at `index` is quoted; `None` when it is not found.
fn delimiter_is_quoted(lexed: &Lexed<'_>, index: usize) -> Option<bool> {
    // several here-documents may begin on one line; the delimiters come in the order of the bodies
    let before = lexed.tokens.get(..index)?;
    let bodies = before.iter().rev().take_while(|token| token.kind == Kind::HereDoc).count();
    let head = before.get(..index.checked_sub(bodies)?)?;
    let line = head.iter().rposition(|token| token.kind == Kind::HereDoc).map_or(0, |at| at + 1);
    let delimiters = head.get(line..)?.windows(2).filter_map(|pair| match pair {
        [Token { kind: Kind::Redirect(op), .. }, Token { kind: Kind::Word(word), .. }]
            if op.ends_with("<<") || op.ends_with("<<-") =>
        {
            Some(word.quoted)
        }
        _ => None,
    });
    delimiters.into_iter().nth(bodies)
}

/// What the innermost quoting is.
fn read(stack: &[Inside], involved: bool) -> Quoting {
    if stack.contains(&Inside::Backtick) {
        return Quoting::Nowhere("it stands in backticks");
    }
    if stack.contains(&Inside::Brace) {
        return Quoting::Nowhere("it stands in a ${...}");
    }
    if stack.contains(&Inside::Arithmetic) {
        return Quoting::Nowhere("it stands in arithmetic, which evaluates what a value holds");
    }
    if involved {
        return Quoting::Nowhere("it stands beside a substitution that is too involved to be sure about");
    }
    match stack.last() {
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

/// Walks through a token once, however many placeholders it holds.
#[derive(Default)]
struct Walker {
    token: Option<usize>,
    at: usize,
    stack: Vec<Inside>,
    /// The token holds a substitution whose end is not known for sure.
    involved: bool,
    /// Whether the delimiter of the here-document at hand is quoted.
    delimiter: Option<bool>,
}

impl Walker {
    /// What is open at `goal` in a token.
    fn stack_at(&mut self, text: &str, token: &Token<'_>, goal: usize, base: Option<Inside>) -> Vec<Inside> {
        if self.token != Some(token.start) {
            let around = text.get(token.start..token.end).unwrap_or_default();
            let holds = |parts: &[&str]| parts.iter().any(|part| around.contains(part));
            *self = Walker {
                token: Some(token.start),
                at: token.start,
                stack: base.into_iter().collect(),
                involved: holds(&["$(", "<(", ">(", "`"]) && holds(&["case", "<<", "#", "`", "\\"]),
                delimiter: self.delimiter,
            };
        }
        while self.at < goal {
            let Some(rest) = text.get(self.at..) else { break };
            let Some(c) = rest.chars().next() else { break };
            self.at += self.step(c, rest);
        }
        self.stack.clone()
    }

    /// Takes one character with what belongs to it; returns its length in bytes.
    fn step(&mut self, c: char, rest: &str) -> usize {
        let top = self.stack.last().copied();
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
        self.stack.push(inside);
        length
    }

    fn pop(&mut self) -> usize {
        self.stack.pop();
        1
    }
}
