//! Tells SQL's strings, comments, words and parameters apart, exactly as PostgreSQL does with
//! `standard_conforming_strings` on.

use crate::runbook::kinds::{Problem, name_length};

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A key word or a name without quotes.
    Word,
    /// `"name"`.
    Name,
    /// A string of any kind.
    Text,
    /// `:'NAME'`.
    Variable,
    Number,
    /// One character of anything else; `::` and `:=` are two.
    Op,
    Semicolon,
    Comment,
}

/// A token, as bytes of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
    /// How many brackets are open around it.
    pub(super) depth: usize,
}

impl Token {
    pub(super) fn of<'a>(&self, text: &'a str) -> &'a str {
        text.get(self.start..self.end).unwrap_or_default()
    }

    /// The name inside `:'NAME'`.
    pub(super) fn variable<'a>(&self, text: &'a str) -> &'a str {
        text.get(self.start + 2..self.end - 1).unwrap_or_default()
    }
}

const UNFINISHED: &str = "close it; a quote inside a string is written twice";
const PARAMETER: &str =
    "a parameter is written :'NAME', by itself and outside quotes; put a space behind a colon that is none";

/// Reads a whole text; the first thing that is wrong ends it.
pub(super) fn lex(text: &str) -> Result<Vec<Token>, Problem> {
    let mut lexer = Lexer { text, bytes: text.as_bytes(), at: 0, tokens: Vec::new(), open: Vec::new() };
    while lexer.at < lexer.bytes.len() {
        lexer.token()?;
    }
    match lexer.open.last() {
        Some(&(at, _)) => Err(Problem::new(at, "this bracket is never closed", "close it")),
        None => Ok(lexer.tokens),
    }
}

struct Lexer<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    tokens: Vec<Token>,
    /// Where each open bracket stands, and what closes it.
    open: Vec<(usize, u8)>,
}

impl Lexer<'_> {
    fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or_default()
    }

    fn rest(&self, at: usize) -> &str {
        self.text.get(at..).unwrap_or_default()
    }

    fn token(&mut self) -> Result<(), Problem> {
        let start = self.at;
        let (kind, end) = match (self.byte(start), self.byte(start + 1)) {
            (b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c, _) => {
                self.at += 1;
                return Ok(());
            }
            (b'-', b'-') => {
                let length = self.rest(start).find(['\n', '\r']).unwrap_or(self.bytes.len() - start);
                (Kind::Comment, start + length)
            }
            (b'/', b'*') => (Kind::Comment, self.block_comment(start)?),
            (b'\'', _) => (Kind::Text, self.quoted(start, b'\'', false, "string")?),
            (b'"', _) => (Kind::Name, self.quoted(start, b'"', false, "quoted name")?),
            (b'$', _) => (Kind::Text, self.dollar(start)?),
            (b':', b':' | b'=') => (Kind::Op, start + 2),
            (b':', _) => self.colon(start)?,
            (b';', _) => (Kind::Semicolon, start + 1),
            (b'0'..=b'9', _) => (Kind::Number, self.run_of(start, |b| b.is_ascii_digit() || b == b'.')),
            (b'\\', _) => {
                return Err(Problem::new(
                    start,
                    "a backslash outside quotes is a command of psql, which does not run here",
                    "leave it out; only SQL runs",
                ));
            }
            (0, _) => return Err(Problem::new(start, "there is a NUL byte", "remove it")),
            (first, _) if is_word_start(first) => self.word(start)?,
            _ => (Kind::Op, start + self.rest(start).chars().next().map_or(1, char::len_utf8)),
        };
        self.bracket(kind, start)?;
        self.adjacent(kind, start)?;
        self.tokens.push(Token { kind, start, end, depth: self.open.len() });
        self.at = end;
        Ok(())
    }

    /// Two strings in a row are one for the server, read by the first one's rules: nobody means that.
    fn adjacent(&self, kind: Kind, start: usize) -> Result<(), Problem> {
        let is_text = |kind| matches!(kind, Kind::Text | Kind::Variable);
        // only a text looks back: many comments side by side would each go through all the others
        let before = || self.tokens.iter().rev().find(|token| token.kind != Kind::Comment);
        if is_text(kind) && before().is_some_and(|token| is_text(token.kind)) {
            let hint = "write || between them, or make one of them";
            return Err(Problem::new(start, "this string stands directly behind another one", hint));
        }
        Ok(())
    }

    fn bracket(&mut self, kind: Kind, start: usize) -> Result<(), Problem> {
        match self.byte(start) {
            _ if kind != Kind::Op => {}
            b'(' => self.open.push((start, b')')),
            b'[' => self.open.push((start, b']')),
            close @ (b')' | b']') if self.open.pop().is_none_or(|(_, wanted)| wanted != close) => {
                return Err(Problem::new(start, "this bracket closes nothing", "take it out, or open it"));
            }
            _ => {}
        }
        Ok(())
    }

    fn run_of(&self, start: usize, belongs: impl Fn(u8) -> bool) -> usize {
        start + self.bytes.get(start..).unwrap_or_default().iter().take_while(|b| belongs(**b)).count()
    }

    /// A word, or a string with a letter before it.
    fn word(&mut self, start: usize) -> Result<(Kind, usize), Problem> {
        let (first, second, third) = (self.byte(start), self.byte(start + 1), self.byte(start + 2));
        match (first.to_ascii_lowercase(), second, third) {
            (b'e', b'\'', _) => return Ok((Kind::Text, self.quoted(start + 1, b'\'', true, "string")?)),
            (b'b' | b'x' | b'n', b'\'', _) => {
                return Ok((Kind::Text, self.quoted(start + 1, b'\'', false, "string")?));
            }
            (b'u', b'&', b'\'') => {
                return Ok((Kind::Text, self.quoted(start + 2, b'\'', false, "string")?));
            }
            (b'u', b'&', b'"') => {
                return Ok((Kind::Name, self.quoted(start + 2, b'"', false, "quoted name")?));
            }
            _ => {}
        }
        Ok((Kind::Word, self.run_of(start, is_word)))
    }

    /// From an opening quote to behind the closing one.
    fn quoted(&self, open: usize, quote: u8, escapes: bool, what: &str) -> Result<usize, Problem> {
        let mut at = open + 1;
        while at < self.bytes.len() {
            match self.byte(at) {
                b'\\' if escapes => at += 2,
                byte if byte == quote => {
                    if self.byte(at + 1) != quote {
                        return Ok(at + 1);
                    }
                    at += 2;
                }
                _ => at += 1,
            }
        }
        Err(Problem::new(self.at, format!("this {what} is never closed"), UNFINISHED))
    }

    fn dollar(&self, start: usize) -> Result<usize, Problem> {
        let tag = self.run_of(start + 1, |b| is_word(b) && b != b'$');
        let is_tag = self.byte(tag) == b'$' && !self.byte(start + 1).is_ascii_digit();
        let Some(delimiter) = self.text.get(start..=tag).filter(|_| is_tag) else {
            let hint = "write the parameter as :'NAME'";
            return Err(Problem::new(start, "a `$` that begins no string has no meaning here", hint));
        };
        let Some(length) = self.rest(tag + 1).find(delimiter) else {
            return Err(Problem::new(start, format!("the string {delimiter} is never closed"), UNFINISHED));
        };
        let body = self.text.get(tag + 1..tag + 1 + length).unwrap_or_default();
        let looks_filled = body.match_indices(":'").find(|(at, _)| {
            let rest = body.get(at + 2..).unwrap_or_default();
            let name = name_length(rest);
            name > 0 && rest.get(name..).is_some_and(|rest| rest.starts_with('\''))
        });
        match looks_filled {
            Some((at, _)) => Err(Problem::new(
                tag + 1 + at,
                "a parameter inside a string is not filled in",
                "build the text with format() and || outside of the string",
            )),
            None => Ok(tag + 1 + length + delimiter.len()),
        }
    }

    /// `/* ... */`, nested as in the server.
    fn block_comment(&self, start: usize) -> Result<usize, Problem> {
        let (mut at, mut depth) = (start + 2, 1_usize);
        while at < self.bytes.len() {
            match (self.byte(at), self.byte(at + 1)) {
                (b'/', b'*') => (at, depth) = (at + 2, depth + 1),
                (b'*', b'/') => (at, depth) = (at + 2, depth - 1),
                _ => at += 1,
            }
            if depth == 0 {
                return Ok(at);
            }
        }
        Err(Problem::new(start, "this comment is never closed", "close it with */"))
    }

    fn colon(&self, start: usize) -> Result<(Kind, usize), Problem> {
        let next = self.byte(start + 1);
        if next == b'\'' {
            let name = name_length(self.rest(start + 2));
            if name > 0 && self.byte(start + 2 + name) == b'\'' {
                return Ok((Kind::Variable, start + 3 + name));
            }
            return Err(Problem::new(start, "this is no parameter's name", PARAMETER));
        }
        if next == b'"' || next == b'{' || is_word_start(next) {
            let what = "a parameter without single quotes could become any part of the statement";
            return Err(Problem::new(start, what, PARAMETER));
        }
        Ok((Kind::Op, start + 1))
    }
}

fn is_word_start(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphabetic() || byte >= 0x80
}

fn is_word(byte: u8) -> bool {
    is_word_start(byte) || byte == b'$' || byte.is_ascii_digit()
}
