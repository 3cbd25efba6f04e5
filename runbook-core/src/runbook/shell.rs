//! A lexer for shell text: enough to split a fence without cutting quotes, here-documents or loops in two, and
//! to tell whether a command is a known read-only one.
//!
//! It never runs or expands anything. Where shell grammar becomes subtle it errs on the side of "one piece" and
//! "unknown", both of which are safe.

/// A piece of shell text with its byte span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// What it is.
    pub(crate) kind: Kind,
    /// First byte.
    pub(crate) start: usize,
    /// One past the last byte.
    pub(crate) end: usize,
    /// How many loops, conditions, groups or brackets are open where it begins.
    pub(crate) depth: usize,
}

/// The kinds of tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A word with its quoting.
    Word(Word),
    /// `;`, `&&`, `||`, `|`, `&`, `(`, `)`, `;;`.
    Op(&'static str),
    /// A redirection operator, file descriptor included; its target is the next word.
    Redirect(String),
    /// A here-document's body with its closing line.
    HereDoc,
    /// The end of a line that ends a command.
    Newline,
    /// A comment, `#` included.
    Comment,
}

/// A shell word.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Word {
    /// The text without its outer quotes; expansions stay as written.
    pub(crate) value: String,
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

/// A text's tokens, and whether it ends inside something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lexed {
    /// The tokens in order.
    pub(crate) tokens: Vec<Token>,
    /// What is still open at the end: "a quote", "a here-document", "a loop, condition or bracket".
    pub(crate) open: Option<&'static str>,
    /// The last line asks for another one (`\`, `|`, `&&` or `||` at its end).
    pub(crate) dangling: bool,
}

impl Lexed {
    /// Whether the text is a complete list of commands.
    pub(crate) fn complete(&self) -> bool {
        self.open.is_none() && !self.dangling
    }
}

/// Splits shell text into tokens.
pub(crate) fn lex(text: &str) -> Lexed {
    let mut lexer =
        Lexer { text, bytes: text.as_bytes(), at: 0, tokens: Vec::new(), heredocs: Vec::new(), open: None };
    lexer.run();
    let dangling = ends_with_continuation(text, &lexer.tokens) || ends_with_operator(&lexer.tokens);
    let mut lexed = Lexed { tokens: lexer.tokens, open: lexer.open, dangling };
    if mark_depth(&mut lexed.tokens) > 0 && lexed.open.is_none() {
        lexed.open = Some("a loop, condition or bracket");
    }
    lexed
}

fn ends_with_continuation(text: &str, tokens: &[Token]) -> bool {
    let body = text.strip_suffix('\n').unwrap_or(text);
    let last = tokens.iter().rev().find(|t| t.kind != Kind::Newline);
    let in_comment = last.is_some_and(|t| t.kind == Kind::Comment && t.end >= body.len());
    body.ends_with('\\') && !body.ends_with("\\\\") && !in_comment
}

fn ends_with_operator(tokens: &[Token]) -> bool {
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
    tokens: Vec<Token>,
    /// Delimiter, and whether leading tabs are stripped, of here-documents announced on this line.
    heredocs: Vec<(String, bool)>,
    open: Option<&'static str>,
}

/// Longest first, so that `&&` is not read as two `&`.
const OPERATORS: &[&str] = &[";;&", ";;", ";&", "&&", "||", "|&", ";", "|", "&", "(", ")"];
const REDIRECTS: &[&str] = &["<<<", "<<-", "<<", "<&", "<>", "<", "&>>", "&>", ">>", ">&", ">|", ">"];

impl Lexer<'_> {
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

    fn push(&mut self, kind: Kind, start: usize) {
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
        let substitution = rest.starts_with("<(") || rest.starts_with(">(") || rest.starts_with("((");
        if !substitution {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let after = &rest[digits..];
            if let Some(op) = REDIRECTS.iter().find(|op| after.starts_with(**op))
                && (digits == 0 || !op.starts_with('&'))
            {
                self.at += digits + op.len();
                self.push(Kind::Redirect(rest[..digits + op.len()].to_owned()), start);
                if matches!(*op, "<<" | "<<-") {
                    self.heredoc_delimiter(*op == "<<-");
                }
                return;
            }
            if let Some(op) = OPERATORS.iter().find(|op| rest.starts_with(**op)) {
                self.at += op.len();
                self.push(Kind::Op(if *op == "|&" { "|" } else { op }), start);
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

    /// Reads one word, with everything that is nested in it.
    fn word(&mut self) -> Word {
        let mut word = Word::default();
        let mut stack: Vec<Inside> = Vec::new();
        // 1 behind a `{` outside quotes, 2 when a list follows it: `a,b` or `1..3`
        let mut brace = 0;
        loop {
            let top = stack.last().copied();
            let plain = self.bytes[self.at..].iter().take_while(|&&b| is_plain(top, b, brace)).count();
            if plain > 0 {
                word.value.push_str(&self.text[self.at..self.at + plain]);
                self.at += plain;
            }
            let Some(c) = self.text[self.at..].chars().next() else { break };
            let next = self.bytes.get(self.at + 1).copied();
            let mut take = c.len_utf8();
            match (top, c) {
                (None, ' ' | '\t' | '\n' | '\r' | ';' | '|' | '&' | ')') => break,
                (None, '<' | '>') if next != Some(b'(') => break,
                (None, '<' | '>') => {
                    word.runs = true;
                    stack.push(Inside::Paren);
                    take = 2;
                }
                (None, '(') => {
                    // `((` or an extended pattern; a lone `(` after text is an operator
                    if next != Some(b'(') && !word.value.ends_with(['?', '*', '+', '@', '!']) {
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
                        word.value.extend(escaped);
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
                    stack.push(Inside::Paren);
                    take = 2;
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
                word.value.push_str(&self.text[self.at..self.at + take]);
            }
            self.at += take;
        }
        if let Some(inside) = stack.last() {
            self.open.get_or_insert(match inside {
                Inside::Single | Inside::Ansi | Inside::Double => "a quote",
                Inside::Backtick | Inside::Paren | Inside::Brace => "a substitution",
            });
        }
        word
    }
}

/// Whether a byte is nothing but itself there. None of these begins or ends a character of several bytes.
fn is_plain(top: Option<Inside>, byte: u8, brace: u8) -> bool {
    match top {
        None if brace == 1 && matches!(byte, b',' | b'.') => false,
        None | Some(Inside::Paren | Inside::Brace | Inside::Backtick) => {
            byte.is_ascii_alphanumeric()
                || matches!(byte, b'-' | b'_' | b'.' | b'/' | b':' | b'=' | b',' | b'%')
        }
        Some(Inside::Single) => byte.is_ascii() && byte != b'\'',
        Some(Inside::Ansi) => byte.is_ascii() && !matches!(byte, b'\'' | b'\\'),
        Some(Inside::Double) => byte.is_ascii() && !matches!(byte, b'"' | b'\\' | b'$' | b'`'),
    }
}

/// Whether a `$` before this byte is an expansion.
fn names_variable(next: Option<u8>) -> bool {
    next.is_some_and(|b| b.is_ascii_alphanumeric() || b"_@*#?!-$".contains(&b))
}

/// Notes at each token how many compounds are open there; returns how many are open at the end.
fn mark_depth(tokens: &mut [Token]) -> usize {
    let mut open: Vec<char> = Vec::new();
    let mut command_position = true;
    for token in tokens {
        token.depth = open.len();
        match &token.kind {
            Kind::Word(word) => {
                let keyword = if command_position && !word.quoted { word.value.as_str() } else { "" };
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
                command_position = matches!(
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
pub(crate) struct Simple {
    /// The words, redirection targets left out.
    pub(crate) words: Vec<Word>,
    /// Byte offset of the first word.
    pub(crate) start: usize,
    /// Operator and target of each redirection.
    pub(crate) redirects: Vec<(String, String)>,
}

/// The simple commands of a token list. Keywords (`for`, `do`) are words like any other.
pub(crate) fn simple_commands(tokens: &[Token]) -> Vec<Simple> {
    let mut all = Vec::new();
    let mut now = Simple::default();
    let mut target_of: Option<String> = None;
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
            Kind::Redirect(op) => target_of = Some(op.clone()),
            Kind::Op(_) | Kind::Newline => {
                if let Some(op) = target_of.take() {
                    now.redirects.push((op, String::new()));
                }
                all.push(std::mem::take(&mut now));
            }
            Kind::HereDoc | Kind::Comment => {}
        }
    }
    if let Some(op) = target_of {
        now.redirects.push((op, String::new()));
    }
    all.push(now);
    all.retain(|simple| !simple.words.is_empty() || !simple.redirects.is_empty());
    all
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
                Kind::Word(word) => Some(word.value),
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
            simple.iter().map(|s| s.words.iter().map(|w| w.value.as_str()).collect()).collect();
        assert_eq!(words, [vec!["a", "b"], vec!["c"], vec!["d"]]);
        assert_eq!(simple[0].redirects, [("2>&".into(), "1".into()), (">".into(), "out".into())]);
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
