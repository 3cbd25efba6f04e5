//! A reader of PromQL: enough of its grammar to tell selectors, functions, aggregations and operators apart.
//!
//! What it does not understand it skips: a rule that sees half a query would say wrong things.

use std::collections::BTreeSet;

/// A part of a query. `at` is its byte offset in the text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expr {
    Number(f64),
    Text,
    /// A series by its name and matchers (`status="ok"`), with or without a range behind it.
    Selector {
        name: String,
        matchers: BTreeSet<String>,
    },
    Call {
        at: usize,
        name: String,
        args: Vec<Expr>,
    },
    /// `sum by (le) (...)`.
    Aggregate {
        without: bool,
        labels: Vec<String>,
        args: Vec<Expr>,
    },
    Binary {
        at: usize,
        op: String,
        matching: bool,
        left: Box<Expr>,
        right: Box<Expr>,
    },
}

/// The queries of a text, one behind the other; text that is none ends with its line.
pub(super) fn queries(text: &str) -> Vec<Expr> {
    let tokens = tokens(text);
    let mut reader = Reader { tokens: &tokens, at: 0, depth: 0 };
    let mut found = Vec::new();
    while let Some(token) = reader.peek() {
        let line = token.line;
        let start = reader.at;
        match reader.binary(0) {
            Some(query) => found.push(query),
            None => {
                reader.at = reader.at.max(start + 1);
                while reader.peek().is_some_and(|token| token.line == line) {
                    reader.at += 1;
                }
            }
        }
    }
    found
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Name,
    Number,
    Text,
    Op,
    /// `[5m:1m]`, brackets included.
    Range,
}

struct Token<'a> {
    kind: Kind,
    text: &'a str,
    at: usize,
    line: usize,
}

/// Longest first.
const OPS: &[&str] = &[
    "==", "!=", ">=", "<=", "=~", "!~", "+", "-", "*", "/", "%", "^", ">", "<", "=", "(", ")", "{", "}", ",",
    "@",
];

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 0);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let first = rest.chars().next().unwrap_or(' ');
        let run = |keep: &dyn Fn(char) -> bool| rest.find(|c| !keep(c)).unwrap_or(rest.len());
        let (kind, length) = match first {
            '\n' => {
                line += 1;
                at += 1;
                continue;
            }
            '#' => {
                at += rest.find('\n').unwrap_or(rest.len());
                continue;
            }
            c if c.is_whitespace() => {
                at += c.len_utf8();
                continue;
            }
            '"' | '\'' | '`' => (Kind::Text, quoted(rest, first)),
            '[' => (Kind::Range, rest.find(']').map_or(rest.len(), |end| end + 1)),
            c if c.is_ascii_digit() || (c == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit())) => {
                (Kind::Number, run(&|c| c.is_ascii_alphanumeric() || c == '.'))
            }
            c if c.is_ascii_alphabetic() || matches!(c, '_' | ':' | '$') => {
                (Kind::Name, run(&|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '$')).max(1))
            }
            c => (Kind::Op, OPS.iter().find(|op| rest.starts_with(**op)).map_or(c.len_utf8(), |op| op.len())),
        };
        let piece = text.get(at..at + length).unwrap_or_default();
        tokens.push(Token { kind, text: piece, at, line });
        line += piece.matches('\n').count();
        at += length;
    }
    tokens
}

/// How long the quoted text at the start is.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote != '`' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// How deeply a query may be nested.
const DEEPEST: usize = 48;

const AGGREGATIONS: &[&str] = &[
    "sum",
    "min",
    "max",
    "avg",
    "group",
    "stddev",
    "stdvar",
    "count",
    "count_values",
    "bottomk",
    "topk",
    "quantile",
    "limitk",
];

struct Reader<'a> {
    tokens: &'a [Token<'a>],
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<&'a Token<'a>> {
        self.tokens.get(self.at)
    }

    fn take(&mut self, text: &str) -> bool {
        let found = self
            .peek()
            .is_some_and(|token| token.text.eq_ignore_ascii_case(text) && token.kind != Kind::Text);
        self.at += usize::from(found);
        found
    }

    /// Operators that bind at least as strongly as `least`.
    fn binary(&mut self, least: u8) -> Option<Expr> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        let mut left = self.unary()?;
        while let Some(token) = self.peek() {
            let Some(strength) = strength(token).filter(|strength| *strength >= least) else { break };
            self.at += 1;
            self.take("bool");
            let matching = self.matching();
            // `^` groups from the right, the others from the left
            let right = self.binary(if token.text == "^" { strength } else { strength + 1 })?;
            left = Expr::Binary {
                at: token.at,
                op: token.text.to_ascii_lowercase(),
                matching,
                left: Box::new(left),
                right: Box::new(right),
            };
        }
        self.depth -= 1;
        Some(left)
    }

    /// `on (...)`, `ignoring (...)`, `group_left (...)`.
    fn matching(&mut self) -> bool {
        let mut any = false;
        while ["on", "ignoring", "group_left", "group_right"].iter().any(|word| self.take(word)) {
            any = true;
            self.labels();
        }
        any
    }

    /// `(a, b)`.
    fn labels(&mut self) -> Vec<String> {
        let mut labels = Vec::new();
        if self.take("(") {
            while let Some(token) = self.peek() {
                self.at += 1;
                match token.kind {
                    Kind::Name => labels.push(token.text.to_owned()),
                    _ if token.text == ")" => break,
                    _ => {}
                }
            }
        }
        labels
    }

    fn unary(&mut self) -> Option<Expr> {
        while self.take("-") || self.take("+") {}
        let mut expr = self.primary()?;
        // a range, an offset or a moment changes nothing for the rules
        while let Some(token) = self.peek() {
            if token.kind == Kind::Range {
                self.at += 1;
            } else if token.text.eq_ignore_ascii_case("offset") || token.text == "@" {
                self.at += 1;
                self.take("-");
                if self.peek().is_some_and(|token| matches!(token.kind, Kind::Number | Kind::Name)) {
                    self.at += 1;
                    if self.take("(") {
                        self.take(")");
                    }
                }
            } else if token.text == "{"
                && matches!(&expr, Expr::Selector { matchers, .. } if matchers.is_empty())
            {
                let Expr::Selector { name, .. } = expr else { return None };
                expr = Expr::Selector { name, matchers: self.matchers()? };
            } else {
                break;
            }
        }
        Some(expr)
    }

    fn primary(&mut self) -> Option<Expr> {
        let token = self.peek()?;
        self.at += 1;
        match token.kind {
            Kind::Number => Some(Expr::Number(token.text.parse().unwrap_or(f64::NAN))),
            Kind::Text => Some(Expr::Text),
            Kind::Op if token.text == "(" => {
                let inner = self.binary(0)?;
                self.take(")").then_some(inner)
            }
            Kind::Op if token.text == "{" => {
                self.at -= 1;
                Some(Expr::Selector { name: String::new(), matchers: self.matchers()? })
            }
            Kind::Name => {
                let name = token.text.to_owned();
                let lower = name.to_ascii_lowercase();
                let next = self.peek().map(|token| token.text.to_ascii_lowercase()).unwrap_or_default();
                if AGGREGATIONS.contains(&lower.as_str()) && matches!(next.as_str(), "(" | "by" | "without") {
                    return self.aggregate();
                }
                if self.take("(") {
                    return Some(Expr::Call { at: token.at, name: lower, args: self.arguments()? });
                }
                // two names side by side are prose
                let prose = self.peek().is_some_and(|next| {
                    next.kind == Kind::Name
                        && next.line == token.line
                        && strength(next).is_none()
                        && next.text != "offset"
                });
                (!prose).then(|| Expr::Selector { name, matchers: BTreeSet::new() })
            }
            _ => None,
        }
    }

    fn aggregate(&mut self) -> Option<Expr> {
        let (mut without, mut labels) = self.grouping();
        if !self.take("(") {
            return None;
        }
        let args = self.arguments()?;
        if labels.is_empty() && !without {
            (without, labels) = self.grouping();
        }
        Some(Expr::Aggregate { without, labels, args })
    }

    fn grouping(&mut self) -> (bool, Vec<String>) {
        if self.take("by") {
            (false, self.labels())
        } else if self.take("without") {
            (true, self.labels())
        } else {
            (false, Vec::new())
        }
    }

    /// What follows `(`, its `)` included.
    fn arguments(&mut self) -> Option<Vec<Expr>> {
        let mut args = Vec::new();
        if self.take(")") {
            return Some(args);
        }
        loop {
            args.push(self.binary(0)?);
            if self.take(")") {
                return Some(args);
            }
            if !self.take(",") {
                return None;
            }
        }
    }

    /// `{a="b", c=~"d"}`.
    fn matchers(&mut self) -> Option<BTreeSet<String>> {
        let mut matchers = BTreeSet::new();
        if !self.take("{") {
            return None;
        }
        let mut now = String::new();
        while let Some(token) = self.peek() {
            self.at += 1;
            match token.text {
                "}" | "," if token.kind == Kind::Op => {
                    if !now.is_empty() {
                        matchers.insert(std::mem::take(&mut now));
                    }
                    if token.text == "}" {
                        return Some(matchers);
                    }
                }
                text => now.push_str(text),
            }
        }
        None
    }
}

fn strength(token: &Token<'_>) -> Option<u8> {
    match (token.kind == Kind::Text, token.text.to_ascii_lowercase().as_str()) {
        (true, _) => None,
        (_, "or") => Some(1),
        (_, "and" | "unless") => Some(2),
        (_, "==" | "!=" | ">" | "<" | ">=" | "<=") => Some(3),
        (_, "+" | "-") => Some(4),
        (_, "*" | "/" | "%" | "atan2") => Some(5),
        (_, "^") => Some(6),
        _ => None,
    }
}
