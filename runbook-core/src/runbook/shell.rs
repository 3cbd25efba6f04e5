//! A lexer for shell text: enough to split a fence without cutting quotes, here-documents or loops in two, and
//! to tell whether a command is a known read-only one.
//!
//! It never runs or expands anything. Where shell grammar becomes subtle it errs on the side of "one piece" and
//! "unknown", both of which are safe.

mod brackets;

pub(crate) use brackets::closing;

use std::borrow::Cow;
use std::ops::Range;

/// A piece of shell text with its byte span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    /// What it is.
    pub(crate) kind: Kind<'a>,
    /// First byte.
    pub(crate) start: usize,
    /// One past the last byte.
    pub(crate) end: usize,
    /// How many loops, conditions, groups or brackets are open where it begins.
    pub(crate) depth: usize,
}

/// The kinds of tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind<'a> {
    /// A word with its quoting.
    Word(Word<'a>),
    /// `;`, `&&`, `||`, `|`, `&`, `(`, `)`, `;;`.
    Op(&'static str),
    /// A redirection operator, file descriptor included; its target is the next word.
    Redirect(&'a str),
    /// A here-document's body with its closing line.
    HereDoc,
    /// The end of a line that ends a command.
    Newline,
    /// A comment, `#` included.
    Comment,
}

/// A shell word.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Word<'a> {
    /// The text without its outer quotes; expansions stay as written. Borrowed where it stands in one piece.
    pub(crate) value: Cow<'a, str>,
    /// Some part is quoted.
    pub(crate) quoted: bool,
    /// A `$` expansion stands outside quotes, so the shell may split it into several words.
    pub(crate) splits: bool,
    /// It holds a command or process substitution, or arithmetic.
    pub(crate) runs: bool,
    /// It holds a `$` expansion, in double quotes or outside.
    pub(crate) expands: bool,
    /// The shell gives the program something else than [`Word::value`]: `$'\x2d'`, `$"..."` or `{a,b}`.
    pub(crate) reshaped: bool,
}

impl Word<'_> {
    /// [`Word::value`].
    pub(crate) fn text(&self) -> &str {
        &self.value
    }

    /// The word by itself, for when its text does not live long enough.
    pub(crate) fn into_owned(self) -> Word<'static> {
        Word { value: Cow::Owned(self.value.into_owned()), ..self }
    }
}

/// A text's tokens, and whether it ends inside something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lexed<'a> {
    /// The tokens in order.
    pub(crate) tokens: Vec<Token<'a>>,
    /// What is still open at the end: "a quote", "a here-document", "a loop, condition or bracket".
    pub(crate) open: Option<&'static str>,
    /// The last line asks for another one (`\`, `|`, `&&` or `||` at its end).
    pub(crate) dangling: bool,
}

impl Lexed<'_> {
    /// Whether the text is a complete list of commands.
    pub(crate) fn complete(&self) -> bool {
        self.open.is_none() && !self.dangling
    }
}

/// Whether a part of a text, whose tokens these are, asks for no more text behind it.
pub(crate) fn ends_at_rest(part: &str, tokens: &[Token<'_>]) -> bool {
    !ends_with_continuation(part, tokens) && !ends_with_operator(tokens)
}

/// Splits shell text into tokens.
pub(crate) fn lex(text: &str) -> Lexed<'_> {
    let mut lexer = Lexer {
        text,
        bytes: text.as_bytes(),
        at: 0,
        // eight bytes to a token are usual
        tokens: Vec::with_capacity(text.len() / 8 + 4),
        heredocs: Vec::new(),
        open: None,
        stack: Vec::new(),
    };
    lexer.run();
    let dangling = ends_with_continuation(text, &lexer.tokens) || ends_with_operator(&lexer.tokens);
    let mut lexed = Lexed { tokens: lexer.tokens, open: lexer.open, dangling };
    if mark_depth(&mut lexed.tokens) > 0 && lexed.open.is_none() {
        lexed.open = Some("a loop, condition or bracket");
    }
    lexed
}

fn ends_with_continuation(text: &str, tokens: &[Token<'_>]) -> bool {
    let body = text.strip_suffix('\n').unwrap_or(text);
    let last = tokens.iter().rev().find(|t| t.kind != Kind::Newline);
    let in_comment = last.is_some_and(|t| t.kind == Kind::Comment && t.end >= body.len());
    body.ends_with('\\') && !body.ends_with("\\\\") && !in_comment
}

fn ends_with_operator(tokens: &[Token<'_>]) -> bool {
    tokens
        .iter()
        .rev()
        .find(|t| !matches!(t.kind, Kind::Newline | Kind::Comment | Kind::HereDoc))
        .is_some_and(|t| matches!(t.kind, Kind::Op("|" | "&&" | "||")))
}

/// Where nested text is while a word is being skipped over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Single,
    Ansi,
    Double,
    Backtick,
    Paren,
    Brace,
}

struct Lexer<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    tokens: Vec<Token<'a>>,
    /// Delimiter, and whether leading tabs are stripped, of here-documents announced on this line.
    heredocs: Vec<(Cow<'a, str>, bool)>,
    open: Option<&'static str>,
    /// What is open in the word at hand; kept from word to word, so that it is allocated once.
    stack: Vec<Inside>,
}

/// The length of the redirection operator that begins here, without a file descriptor; the longest counts.
fn redirect_length(bytes: &[u8]) -> Option<usize> {
    Some(match bytes {
        [b'<', b'<', b'<' | b'-', ..] | [b'&', b'>', b'>', ..] => 3,
        [b'<', b'<' | b'&' | b'>', ..] | [b'&', b'>', ..] | [b'>', b'>' | b'&' | b'|', ..] => 2,
        [b'<' | b'>', ..] => 1,
        _ => return None,
    })
}

/// The operator that begins here and its length; the longest counts, so that `&&` is not read as two `&`.
fn operator(bytes: &[u8]) -> Option<(&'static str, usize)> {
    Some(match bytes {
        [b';', b';', b'&', ..] => (";;&", 3),
        [b';', b';', ..] => (";;", 2),
        [b';', b'&', ..] => (";&", 2),
        [b'&', b'&', ..] => ("&&", 2),
        [b'|', b'|', ..] => ("||", 2),
        [b'|', b'&', ..] => ("|", 2),
        [b';', ..] => (";", 1),
        [b'|', ..] => ("|", 1),
        [b'&', ..] => ("&", 1),
        [b'(', ..] => ("(", 1),
        [b')', ..] => (")", 1),
        _ => return None,
    })
}

impl<'a> Lexer<'a> {
    fn run(&mut self) {
        while self.at < self.bytes.len() {
            let start = self.at;
            match self.bytes[start] {
                b' ' | b'\t' | b'\r' => self.at += 1,
                b'\\' if self.bytes.get(start + 1) == Some(&b'\n') => self.at += 2,
                b'\n' => {
                    self.at += 1;
                    self.push(Kind::Newline, start);
                    self.here_documents();
                }
                b'#' => {
                    self.at += self.text[start..].find('\n').unwrap_or(self.bytes.len() - start);
                    self.push(Kind::Comment, start);
                }
                _ => self.operator_or_word(start),
            }
        }
        if !self.heredocs.is_empty() {
            self.open.get_or_insert("a here-document");
        }
    }

    fn push(&mut self, kind: Kind<'a>, start: usize) {
        self.tokens.push(Token { kind, start, end: self.at, depth: 0 });
    }

    fn operator_or_word(&mut self, start: usize) {
        let rest = &self.text[start..];
        // most words begin with a letter, a `-`, a `/` or a quote, which no operator does
        if !matches!(
            rest.as_bytes().first(),
            Some(b'0'..=b'9' | b'<' | b'>' | b'&' | b';' | b'|' | b'(' | b')')
        ) {
            let word = self.word();
            self.at = self.at.max(start + 1);
            self.push(Kind::Word(word), start);
            return;
        }
        let bytes = rest.as_bytes();
        let substitution = matches!(bytes, [b'<' | b'>' | b'(', b'(', ..]);
        if !substitution {
            let digits = bytes.iter().take_while(|b| b.is_ascii_digit()).count();
            let after = bytes.get(digits..).unwrap_or_default();
            if let Some(length) =
                redirect_length(after).filter(|_| digits == 0 || after.first() != Some(&b'&'))
            {
                self.at += digits + length;
                let written = &rest[..digits + length];
                self.push(Kind::Redirect(written), start);
                if let (2, [b'<', b'<', ..]) | (3, [b'<', b'<', b'-', ..]) = (length, after) {
                    self.heredoc_delimiter(length == 3);
                }
                return;
            }
            if let Some((op, length)) = operator(bytes) {
                self.at += length;
                self.push(Kind::Op(op), start);
                return;
            }
        }
        let word = self.word();
        // whatever the text, reading goes on
        self.at = self.at.max(start + 1);
        self.push(Kind::Word(word), start);
    }

    /// Reads the word after `<<` and remembers it until the line ends.
    fn heredoc_delimiter(&mut self, strip_tabs: bool) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t')) {
            self.at += 1;
        }
        let start = self.at;
        if matches!(
            self.bytes.get(start),
            None | Some(b'\n' | b';' | b'&' | b'|' | b'<' | b'>' | b'(' | b')')
        ) {
            return;
        }
        let word = self.word();
        self.heredocs.push((word.value.clone(), strip_tabs));
        self.push(Kind::Word(word), start);
    }

    /// At the start of a line: reads the bodies of the here-documents that the line before announced.
    fn here_documents(&mut self) {
        for (delimiter, strip_tabs) in std::mem::take(&mut self.heredocs) {
            let start = self.at;
            let mut closed = false;
            while self.at < self.bytes.len() {
                let line = self.text[self.at..].split_inclusive('\n').next().unwrap_or_default();
                self.at += line.len();
                let line = line.trim_end_matches(['\n', '\r']);
                let line = if strip_tabs { line.trim_start_matches('\t') } else { line };
                if line == delimiter {
                    closed = true;
                    break;
                }
            }
            self.push(Kind::HereDoc, start);
            if !closed {
                self.open.get_or_insert("a here-document");
            }
        }
    }

    /// Reads one word.
    fn word(&mut self) -> Word<'a> {
        // most words are plain from their first byte to the blank behind them
        let rest = &self.bytes[self.at..];
        let plain = plain_run(rest, OUTSIDE);
        if rest.get(plain).is_none_or(|b| ENDS_WORD.contains(b)) {
            let value = Cow::Borrowed(&self.text[self.at..self.at + plain]);
            self.at += plain;
            return Word { value, ..Word::default() };
        }
        self.quoted_word().unwrap_or_else(|| self.word_with_marks())
    }

    /// Reads a word that is quoted as a whole and holds nothing nested: the next most frequent kind.
    fn quoted_word(&mut self) -> Option<Word<'a>> {
        let rest = self.bytes.get(self.at..)?;
        let mut end = 1;
        let mut expands = false;
        match rest.first()? {
            b'\'' => end += plain_run(rest.get(1..)?, SINGLE),
            b'"' => loop {
                end += plain_run(rest.get(end..)?, DOUBLE);
                match rest.get(end..)? {
                    [b'"', ..] => break,
                    [b'$', b'(' | b'{', ..] => return None,
                    [b'$', ..] => expands |= names_variable(rest.get(end + 1).copied()),
                    _ => return None,
                }
                end += 1;
            },
            _ => return None,
        }
        let closed = matches!(rest.get(end), Some(b'\'' | b'"'));
        if !closed || !rest.get(end + 1).is_none_or(|b| ENDS_WORD.contains(b)) {
            return None;
        }
        let value = Cow::Borrowed(self.text.get(self.at + 1..self.at + end)?);
        self.at += end + 1;
        Some(Word { value, quoted: true, expands, ..Word::default() })
    }

    /// Reads one word, with everything that is nested in it.
    fn word_with_marks(&mut self) -> Word<'a> {
        let mut word = Word::default();
        let mut value = Pieces { text: self.text, piece: 0..0, joined: String::new() };
        let mut stack = std::mem::take(&mut self.stack);
        stack.clear();
        // 1 behind a `{` outside quotes, 2 when a list follows it: `a,b` or `1..3`
        let mut brace = 0;
        loop {
            let top = stack.last().copied();
            let class = plain_class(top, brace);
            let plain = plain_run(&self.bytes[self.at..], class);
            if plain > 0 {
                value.push(self.at..self.at + plain);
                self.at += plain;
            }
            // what is not plain is one byte
            let Some(c) = self.bytes.get(self.at).copied().map(char::from) else { break };
            let next = self.bytes.get(self.at + 1).copied();
            let mut take = 1;
            match (top, c) {
                (None, ' ' | '\t' | '\n' | '\r' | ';' | '|' | '&' | ')') => break,
                (None, '<' | '>') if next != Some(b'(') => break,
                (None, '<' | '>') => {
                    word.runs = true;
                    self.substitution(&mut word, &mut value, &mut stack);
                    continue;
                }
                (None, '(') => {
                    // `((` or an extended pattern; a lone `(` after text is an operator
                    if next != Some(b'(') && !value.ends_with_pattern_mark() {
                        break;
                    }
                    word.runs = true;
                    stack.push(Inside::Paren);
                }
                (Some(Inside::Single), '\'') | (Some(Inside::Ansi), '\'') | (Some(Inside::Double), '"') => {
                    stack.pop();
                }
                (Some(Inside::Single), _) => {}
                (_, '\\') => {
                    let escaped = self.text[self.at + 1..].chars().next();
                    if escaped == Some('\n') {
                        self.at += 2;
                        continue;
                    }
                    take = 1 + escaped.map_or(0, char::len_utf8);
                    if top.is_none() {
                        word.quoted = true;
                        value.push(self.at + 1..self.at + take);
                        self.at += take;
                        continue;
                    }
                }
                (Some(Inside::Ansi), _) => {}
                (Some(Inside::Backtick), '`') => {
                    stack.pop();
                }
                (_, '`') => {
                    word.runs = true;
                    stack.push(Inside::Backtick);
                }
                (_, '$') if next == Some(b'(') => {
                    (word.runs, word.expands) = (true, true);
                    word.splits |= top.is_none();
                    self.substitution(&mut word, &mut value, &mut stack);
                    continue;
                }
                (_, '$') if next == Some(b'{') => {
                    word.expands = true;
                    word.splits |= top.is_none();
                    stack.push(Inside::Brace);
                    take = 2;
                }
                (None, '$') if next == Some(b'\'') => {
                    (word.quoted, word.reshaped) = (true, true);
                    stack.push(Inside::Ansi);
                    self.at += 2;
                    continue;
                }
                (None, '$') => {
                    let expands = names_variable(next);
                    word.splits |= expands;
                    word.expands |= expands;
                    word.reshaped |= next == Some(b'"');
                }
                (Some(Inside::Double), '$') => word.expands |= names_variable(next),
                (None, '{') => brace = brace.max(1),
                (None, ',') if brace == 1 => brace = 2,
                (None, '.') if brace == 1 && next == Some(b'.') => brace = 2,
                (None, '}') => word.reshaped |= brace == 2,
                (Some(Inside::Brace), '}') => {
                    stack.pop();
                }
                (Some(Inside::Paren), ')') => {
                    stack.pop();
                }
                (Some(Inside::Paren), '(') => stack.push(Inside::Paren),
                (Some(Inside::Double), _) => {}
                (_, '\'') => {
                    stack.push(Inside::Single);
                    if top.is_none() {
                        word.quoted = true;
                        self.at += 1;
                        continue;
                    }
                }
                (_, '"') => {
                    stack.push(Inside::Double);
                    if top.is_none() {
                        word.quoted = true;
                        self.at += 1;
                        continue;
                    }
                }
                _ => {}
            }
            let closes_outer_quote =
                stack.is_empty() && matches!(top, Some(Inside::Single | Inside::Ansi | Inside::Double));
            if !closes_outer_quote {
                value.push(self.at..self.at + take);
            }
            self.at += take;
        }
        if let Some(inside) = stack.last() {
            self.open.get_or_insert(match inside {
                Inside::Single | Inside::Ansi | Inside::Double => "a quote",
                Inside::Backtick | Inside::Paren | Inside::Brace => "a substitution",
            });
        }
        self.stack = stack;
        word.value = value.finish();
        word
    }
}

impl<'a> Lexer<'a> {
    /// Takes a whole `$(...)` or `<(...)`.
    fn substitution(&mut self, word: &mut Word<'a>, value: &mut Pieces<'a>, stack: &mut Vec<Inside>) {
        let end = closing(self.bytes, self.at + 2);
        if end >= self.bytes.len() {
            stack.push(Inside::Paren);
        }
        let all = self.at..(end + 1).min(self.bytes.len());
        word.expands |= self.text.get(all.clone()).is_some_and(|inside| inside.contains('$'));
        self.at = all.end;
        value.push(all);
    }
}

/// A word's text while it is read: a piece of the text as long as nothing is left out in its middle.
struct Pieces<'a> {
    text: &'a str,
    piece: Range<usize>,
    joined: String,
}

impl<'a> Pieces<'a> {
    fn push(&mut self, more: Range<usize>) {
        if !self.joined.is_empty() {
            self.joined.push_str(&self.text[more]);
        } else if self.piece.is_empty() {
            self.piece = more;
        } else if self.piece.end == more.start {
            self.piece.end = more.end;
        } else {
            self.joined.push_str(&self.text[self.piece.clone()]);
            self.joined.push_str(&self.text[more]);
        }
    }

    /// Whether a bracket behind it begins an extended pattern: `@(a|b)`.
    fn ends_with_pattern_mark(&self) -> bool {
        let so_far = if self.joined.is_empty() { &self.text[self.piece.clone()] } else { &self.joined };
        so_far.ends_with(['?', '*', '+', '@', '!'])
    }

    fn finish(self) -> Cow<'a, str> {
        if self.joined.is_empty() { Cow::Borrowed(&self.text[self.piece]) } else { Cow::Owned(self.joined) }
    }
}

/// Plain outside quotes.
const OUTSIDE: u8 = 1;
/// Plain outside quotes and behind a `{` there.
const IN_LIST: u8 = 2;
/// Plain in substitutions.
const NESTED: u8 = 4;
/// Plain in single quotes.
const SINGLE: u8 = 8;
/// Plain in `$'...'`.
const ANSI: u8 = 16;
/// Plain in double quotes.
const DOUBLE: u8 = 32;

/// Where each byte is nothing but itself. Bytes of longer characters always are, so that a run of plain bytes never ends
/// inside a character.
const CLASSES: [u8; 256] = {
    let mut classes = [OUTSIDE | IN_LIST | NESTED | SINGLE | ANSI | DOUBLE; 256];
    let mut byte = 0;
    while byte < 128 {
        classes[byte] = match byte as u8 {
            b' ' | b'\t' | b'\n' | b'\r' | b';' | b'|' | b'&' | b'<' | b'>' | b'{' => {
                NESTED | SINGLE | ANSI | DOUBLE
            }
            b'(' | b')' | b'}' => SINGLE | ANSI | DOUBLE,
            b',' | b'.' => OUTSIDE | NESTED | SINGLE | ANSI | DOUBLE,
            b'\\' => SINGLE,
            b'$' | b'`' => SINGLE | ANSI,
            b'\'' => DOUBLE,
            b'"' => SINGLE | ANSI,
            _ => classes[byte],
        };
        byte += 1;
    }
    classes
};

/// What ends a word wherever it stands outside quotes.
const ENDS_WORD: &[u8] = b" \t\n\r;|&)";

/// How many bytes of the class come first.
fn plain_run(bytes: &[u8], class: u8) -> usize {
    bytes.iter().position(|&b| CLASSES[usize::from(b)] & class == 0).unwrap_or(bytes.len())
}

/// The class of the bytes that are nothing but themselves there.
fn plain_class(top: Option<Inside>, brace: u8) -> u8 {
    match top {
        None if brace == 1 => IN_LIST,
        None => OUTSIDE,
        Some(Inside::Paren | Inside::Brace | Inside::Backtick) => NESTED,
        Some(Inside::Single) => SINGLE,
        Some(Inside::Ansi) => ANSI,
        Some(Inside::Double) => DOUBLE,
    }
}

/// Whether a `$` before this byte is an expansion.
fn names_variable(next: Option<u8>) -> bool {
    next.is_some_and(|b| b.is_ascii_alphanumeric() || b"_@*#?!-$".contains(&b))
}

/// Notes at each token how many compounds are open there; returns how many are open at the end.
fn mark_depth(tokens: &mut [Token<'_>]) -> usize {
    let mut open: Vec<char> = Vec::new();
    let mut command_position = true;
    for token in tokens {
        token.depth = open.len();
        match &token.kind {
            Kind::Word(word) => {
                let keyword = if command_position && !word.quoted { word.text() } else { "" };
                match keyword {
                    "if" | "for" | "while" | "until" | "select" | "case" => open.push('k'),
                    "{" => open.push('{'),
                    "fi" | "done" | "esac" if open.last() == Some(&'k') => {
                        open.pop();
                    }
                    "}" if open.last() == Some(&'{') => {
                        open.pop();
                    }
                    _ => {}
                }
                // what is closed may close what is around it: `fi fi`, `[[ a ]] then`, `((a)) }`
                let closes = !word.quoted && (word.text() == "]]" || word.text().starts_with("(("))
                    || matches!(keyword, "fi" | "done" | "esac" | "}");
                command_position = closes
                    || matches!(
                        keyword,
                        "if" | "while" | "until" | "do" | "then" | "else" | "elif" | "!" | "{" | "time"
                    );
            }
            Kind::Op("(") => {
                open.push('(');
                command_position = true;
            }
            Kind::Op(")") => {
                // without a match it ends a `case` pattern
                if open.last() == Some(&'(') {
                    open.pop();
                }
                command_position = true;
            }
            Kind::Op(_) | Kind::Newline => command_position = true,
            Kind::Redirect(_) | Kind::HereDoc | Kind::Comment => {}
        }
    }
    open.len()
}

/// One command of a list or pipeline: its words and redirections, without operators and comments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Simple<'a> {
    /// The words, redirection targets left out.
    pub(crate) words: Vec<Word<'a>>,
    /// Byte offset of the first word.
    pub(crate) start: usize,
    /// Operator and target of each redirection.
    pub(crate) redirects: Vec<(&'a str, Cow<'a, str>)>,
}

/// The words of a text that is one program's call and nothing else: no list, pipeline, redirection or comment.
pub(crate) fn single_call(text: &str) -> Option<Vec<String>> {
    let lexed = lex(text);
    let plain = |token: &Token<'_>| matches!(token.kind, Kind::Word(_));
    let mut tokens = lexed.tokens.as_slice();
    while let Some((last, before)) = tokens.split_last()
        && matches!(last.kind, Kind::Newline)
    {
        tokens = before;
    }
    if !lexed.complete() || tokens.is_empty() || !tokens.iter().all(plain) {
        return None;
    }
    let words = tokens.iter().filter_map(|token| match &token.kind {
        Kind::Word(word) => Some(word.text().to_owned()),
        _ => None,
    });
    Some(words.collect())
}

/// Whether the last program of a text is one that ends with status 1 when it finds nothing.
pub(crate) fn ends_in_search(text: &str) -> bool {
    const SEARCHES: &[&str] = &["grep", "egrep", "fgrep", "zgrep", "rg", "ag", "pgrep"];
    let commands = simple_commands(&lex(text).tokens);
    let program = commands.last().and_then(|last| last.words.first().map(|word| word.text().to_owned()));
    program.is_some_and(|program| SEARCHES.contains(&program.rsplit('/').next().unwrap_or_default()))
}

/// The simple commands of a token list. Keywords (`for`, `do`) are words like any other.
pub(crate) fn simple_commands<'a>(tokens: &[Token<'a>]) -> Vec<Simple<'a>> {
    let mut all = Vec::new();
    all_simple(tokens, |simple| {
        all.push(simple.clone());
        true
    });
    all
}

/// Whether something holds for each of the [`simple_commands`]. They are shown one after the other in one place, so that
/// looking at them allocates nothing for each.
pub(crate) fn all_simple<'a>(tokens: &[Token<'a>], mut holds: impl FnMut(&Simple<'a>) -> bool) -> bool {
    let mut now = Simple::default();
    let mut ended = |now: &mut Simple<'a>| {
        let held = now.words.is_empty() && now.redirects.is_empty() || holds(now);
        now.words.clear();
        now.redirects.clear();
        now.start = 0;
        held
    };
    let mut target_of: Option<&str> = None;
    for token in tokens {
        match &token.kind {
            Kind::Word(word) => {
                if let Some(op) = target_of.take() {
                    now.redirects.push((op, word.value.clone()));
                } else {
                    if now.words.is_empty() {
                        now.start = token.start;
                    }
                    now.words.push(word.clone());
                }
            }
            Kind::Redirect(op) => target_of = Some(op),
            Kind::Op(_) | Kind::Newline => {
                if let Some(op) = target_of.take() {
                    now.redirects.push((op, Cow::Borrowed("")));
                }
                if !ended(&mut now) {
                    return false;
                }
            }
            Kind::HereDoc | Kind::Comment => {}
        }
    }
    if let Some(op) = target_of {
        now.redirects.push((op, Cow::Borrowed("")));
    }
    ended(&mut now)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(text: &str) -> Vec<String> {
        lex(text)
            .tokens
            .into_iter()
            .filter_map(|t| match t.kind {
                Kind::Word(word) => Some(word.value.into_owned()),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn words_keep_what_is_nested() {
        let rows: &[(&str, &[&str])] = &[
            ("kubectl get pods -n prod", &["kubectl", "get", "pods", "-n", "prod"]),
            ("echo 'a b' \"c d\" e\\ f", &["echo", "a b", "c d", "e f"]),
            ("echo \"x $(cat \"a b\") y\"", &["echo", "x $(cat \"a b\") y"]),
            ("jq '.items[] | .name'", &["jq", ".items[] | .name"]),
            ("a=$(b | c); d", &["a=$(b | c)", "d"]),
            ("diff <(sort a) <(sort b)", &["diff", "<(sort a)", "<(sort b)"]),
            ("echo a#b # c", &["echo", "a#b"]),
            ("echo ${x:-\"a }\"} y", &["echo", "${x:-\"a }\"}", "y"]),
            ("echo a \\\n  b", &["echo", "a", "b"]),
            ("echo $'it\\'s' b", &["echo", "it\\'s", "b"]),
        ];
        for (text, expected) in rows {
            assert_eq!(words(text), *expected, "{text}");
            assert!(lex(text).complete(), "{text}");
        }
    }

    #[test]
    fn unfinished_text_is_noticed() {
        let rows = [
            ("echo 'a", Some("a quote"), false),
            ("echo \"a\nb", Some("a quote"), false),
            ("x=$(ls", Some("a substitution"), false),
            ("cat <<EOF\na\n", Some("a here-document"), false),
            ("cat <<EOF\na\nEOF\n", None, false),
            ("cat <<-'E'\n\ta\n\tE\n", None, false),
            ("for i in 1 2; do\n echo $i\n", Some("a loop, condition or bracket"), false),
            ("for i in 1 2; do\n echo $i\ndone\n", None, false),
            ("if a; then b; fi", None, false),
            ("case $x in\n a) b;;\n *) c;;\nesac", None, false),
            ("f() {\n echo a\n}\n", None, false),
            ("a |\n", None, true),
            ("a && # and then\n", None, true),
            ("a \\\n", None, true),
            ("a # ends in \\\n", None, false),
            ("echo done for if", None, false),
        ];
        for (text, open, dangling) in rows {
            let lexed = lex(text);
            assert_eq!((lexed.open, lexed.dangling), (open, dangling), "{text}");
        }
    }

    #[test]
    fn commands_know_their_redirections() {
        let simple = simple_commands(&lex("a b 2>&1 >out | c <in && d").tokens);
        let words: Vec<Vec<&str>> =
            simple.iter().map(|s| s.words.iter().map(|w| &*w.value).collect()).collect();
        assert_eq!(words, [vec!["a", "b"], vec!["c"], vec!["d"]]);
        assert_eq!(simple[0].redirects, [("2>&", "1".into()), (">", "out".into())]);
    }

    proptest! {
        #[test]
        fn lexing_never_panics_and_covers_the_text(text in "[ -~\n\té€]{0,80}") {
            let lexed = lex(&text);
            let mut last = 0;
            for token in &lexed.tokens {
                prop_assert!(token.start >= last && token.end >= token.start);
                prop_assert!(text.get(token.start..token.end).is_some());
                last = token.end;
            }
        }

        #[test]
        fn shell_like_text_never_panics(text in "(for|done|if|fi|case|esac|<<|E|\n|\\(|\\)|\\$|\\{|\\}|`|'|\"|;|&|\\||#|\\\\| |a|>|<){0,40}") {
            let _ = lex(&text);
        }
    }
}
