//! Tells PromQL's strings, comments, brackets and parameters apart.

use crate::runbook::kinds::{Problem, name_length};

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name, key word, number or duration.
    Word,
    /// A string with the quote it is in, and whether it is a matcher's pattern.
    Text {
        quote: u8,
        pattern: bool,
    },
    /// `$NAME` outside quotes.
    Variable,
    /// An operator or bracket.
    Op,
    Comment,
    /// An empty line outside brackets.
    Gap,
}

/// A token, as bytes of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
    /// How many brackets are open around it.
    pub(super) depth: usize,
    /// It stands directly inside `{}`.
    pub(super) in_matchers: bool,
}

impl Token {
    pub(super) fn of<'a>(&self, text: &'a str) -> &'a str {
        text.get(self.start..self.end).unwrap_or_default()
    }
}

/// `$NAME` or `${NAME}`, as bytes of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Use<'a> {
    pub(super) name: &'a str,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The use that begins at a `$`, if it is one: `$1` and a `$` at the end of a pattern are not.
pub(super) fn use_at(text: &str, start: usize) -> Option<Use<'_>> {
    let rest = text.get(start..)?.strip_prefix('$')?;
    let (inner, braces) = rest.strip_prefix('{').map_or((rest, 0), |inner| (inner, 1));
    let length = name_length(inner);
    let closed = braces == 0 || inner.get(length..)?.starts_with('}');
    (length > 0 && closed).then_some(Use {
        name: inner.get(..length)?,
        start,
        end: start + 1 + length + 2 * braces,
    })
}

/// The uses inside a string token.
pub(super) fn uses_in<'a>(text: &'a str, token: &Token) -> Vec<Use<'a>> {
    let mut uses = Vec::new();
    let mut at = token.start;
    while let Some(found) = text.get(at..token.end).and_then(|rest| rest.find('$')) {
        at += found;
        match use_at(text, at).filter(|found| found.end < token.end) {
            Some(found) => {
                at = found.end;
                uses.push(found);
            }
            None => at += 1,
        }
    }
    uses
}

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
    open: Vec<(usize, u8)>,
}

impl Lexer<'_> {
    fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or_default()
    }

    fn token(&mut self) -> Result<(), Problem> {
        let start = self.at;
        let (kind, end) = match (self.byte(start), self.byte(start + 1)) {
            (b'\n', _) => {
                let rest = self.text.get(start + 1..).unwrap_or_default();
                let blank = rest.len() - rest.trim_start_matches([' ', '\t', '\r']).len();
                if !(rest.get(blank..).is_some_and(|rest| rest.starts_with('\n')) && self.open.is_empty()) {
                    self.at += 1;
                    return Ok(());
                }
                (Kind::Gap, start + 1 + blank)
            }
            (b' ' | b'\t' | b'\r', _) => {
                self.at += 1;
                return Ok(());
            }
            (b'#', _) => {
                let rest = self.text.get(start..).unwrap_or_default();
                (Kind::Comment, start + rest.find('\n').unwrap_or(rest.len()))
            }
            (quote @ (b'"' | b'\'' | b'`'), _) => self.quoted(start, quote)?,
            (b'$', _) => self.variable(start)?,
            (b'=' | b'!' | b'<' | b'>', b'=' | b'~') => (Kind::Op, start + 2),
            (b'!', _) => return Err(Problem::new(start, "a `!` stands alone", "write != or !~")),
            (first, _) if is_word(first) => (Kind::Word, self.word(start)),
            (b'(' | b')' | b'{' | b'}' | b'[' | b']', _) => {
                self.bracket(start)?;
                (Kind::Op, start + 1)
            }
            (b'+' | b'-' | b'*' | b'/' | b'%' | b'^' | b'=' | b'<' | b'>' | b',' | b'@', _) => {
                (Kind::Op, start + 1)
            }
            _ => {
                let c = self.text.get(start..).and_then(|rest| rest.chars().next()).unwrap_or(' ');
                let message = format!("`{}` has no meaning in PromQL", c.escape_debug());
                return Err(Problem::new(start, message, "take it out, or put it into quotes"));
            }
        };
        let in_matchers = self.open.last().is_some_and(|(_, close)| *close == b'}');
        self.tokens.push(Token { kind, start, end, depth: self.open.len(), in_matchers });
        self.at = end;
        Ok(())
    }

    /// Names may hold colons; inside `[]` a colon stands between durations.
    fn word(&self, start: usize) -> usize {
        let in_range = self.open.last().is_some_and(|(_, close)| *close == b']');
        if in_range && self.byte(start) == b':' {
            return start + 1;
        }
        let belongs = |b: &u8| is_word(*b) && !(in_range && *b == b':');
        start + self.bytes.get(start..).unwrap_or_default().iter().take_while(|b| belongs(b)).count()
    }

    fn bracket(&mut self, start: usize) -> Result<(), Problem> {
        match self.byte(start) {
            b'(' => self.open.push((start, b')')),
            b'[' => self.open.push((start, b']')),
            b'{' => self.open.push((start, b'}')),
            close => {
                if self.open.pop().is_none_or(|(_, wanted)| wanted != close) {
                    return Err(Problem::new(
                        start,
                        "this bracket closes nothing",
                        "take it out, or open it",
                    ));
                }
            }
        }
        Ok(())
    }

    fn quoted(&self, start: usize, quote: u8) -> Result<(Kind, usize), Problem> {
        let before = self.tokens.iter().rev().find(|token| token.kind != Kind::Comment);
        let pattern = before.is_some_and(|token| matches!(token.of(self.text), "=~" | "!~"));
        let mut at = start + 1;
        while at < self.bytes.len() {
            match self.byte(at) {
                b'\\' if quote != b'`' => at += 2,
                b'\n' if quote != b'`' => break,
                byte if byte == quote => return Ok((Kind::Text { quote, pattern }, at + 1)),
                _ => at += 1,
            }
        }
        Err(Problem::new(start, "this string is never closed", "close it on the same line"))
    }

    fn variable(&self, start: usize) -> Result<(Kind, usize), Problem> {
        let hint = "write $NAME, with a blank or an operator on each side";
        let Some(found) = use_at(self.text, start) else {
            return Err(Problem::new(start, "this `$` begins no parameter", hint));
        };
        let in_range = self.open.last().is_some_and(|(_, close)| *close == b']');
        let joins = |byte: u8| (is_word(byte) || byte == b'$') && !(in_range && byte == b':');
        if start > 0 && joins(self.byte(start - 1)) || joins(self.byte(found.end)) {
            return Err(Problem::new(start, "this parameter would become a part of a word", hint));
        }
        if self.open.last().is_some_and(|(_, close)| *close == b'}') {
            let hint = "put it into quotes: {name=\"$NAME\"}";
            return Err(Problem::new(start, "a parameter in a matcher stands in quotes", hint));
        }
        Ok((Kind::Variable, found.end))
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'.')
}
