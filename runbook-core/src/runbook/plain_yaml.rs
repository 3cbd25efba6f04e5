//! The YAML that nearly every front matter is written in: keys with one-line values, groups of keys below a key, and
//! lists and groups in brackets. It is told apart in one pass, which takes a small part of what a whole YAML reader takes.
//!
//! Anything that YAML may read in another way than it looks (anchors, tags, block scalars, escapes, `yes`, dates, ...) is
//! left to [`super::yaml`]: then there is no answer here. A test holds the two together.

use super::yaml::{Node, Value};

/// The longest text that is tried, in bytes.
const LONGEST: usize = 4096;
/// Groups and lists inside each other that are tried.
const DEEPEST: usize = 4;
/// Words that are, or may be taken for, something else than text, in any case of their letters.
const WORDS: &[&str] =
    &["null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf", "infinity", "none"];

/// Reads a text that holds nothing but plain YAML; `None` says nothing about the text.
pub(super) fn read(text: &str) -> Option<Node> {
    if text.len() > LONGEST {
        return None;
    }
    let mut lines = Vec::new();
    for (number, line) in (1_u32..).zip(text.lines()) {
        let content = line.trim_matches(' ');
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        if !content.chars().all(is_plain) {
            return None;
        }
        let indent = line.len() - line.trim_start_matches(' ').len();
        lines.push(Line { number, indent, content });
    }
    let mut rest = lines.as_slice();
    let first = rest.first().filter(|line| line.indent == 0)?;
    let at = (first.number, 1);
    let value = group(&mut rest, 0, 0)?;
    rest.is_empty().then_some(Node { at, value })
}

/// Characters that no YAML reader takes for a line break or refuses.
fn is_plain(c: char) -> bool {
    matches!(c, ' '..='~' | '–' | '—' | '’' | '“' | '”' | '…') || c.is_alphanumeric()
}

/// A line without the blanks around it.
#[derive(Clone, Copy)]
struct Line<'a> {
    number: u32,
    indent: usize,
    content: &'a str,
}

/// The keys that are indented so far.
fn group(lines: &mut &[Line<'_>], indent: usize, depth: usize) -> Option<Value> {
    let mut pairs = Vec::new();
    while let Some((line, rest)) = lines.split_first().filter(|(line, _)| line.indent >= indent) {
        // deeper than the keys above it, it goes on with the text above it
        if line.indent > indent {
            return None;
        }
        *lines = rest;
        let (name, after) = key(line.content)?;
        let key = Node { at: (line.number, column(indent)), value: Value::Text(name.to_owned()) };
        let written = after.trim_start_matches(' ');
        let value = if written.is_empty() {
            // nothing, or keys below
            let below = lines.first().filter(|below| below.indent > indent && depth < DEEPEST)?;
            let at = (below.number, column(below.indent));
            Node { at, value: group(lines, below.indent, depth + 1)? }
        } else {
            let start = indent + line.content.len() - written.len();
            let mut value = Flow { line: line.number, start, text: written, rest: written, depth };
            let node = value.node(false)?;
            value.rest.is_empty().then_some(node)?
        };
        pairs.push((key, value));
    }
    Some(Value::Map(pairs))
}

/// A key, and what follows its colon: a blank or nothing.
fn key(text: &str) -> Option<(&str, &str)> {
    let (name, after) = text.split_once(':')?;
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    (is_name && !is_word(name) && (after.is_empty() || after.starts_with(' '))).then_some((name, after))
}

fn is_word(text: &str) -> bool {
    WORDS.iter().any(|word| word.eq_ignore_ascii_case(text))
}

fn column(before: usize) -> u32 {
    u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1)
}

/// A value on one line.
struct Flow<'a> {
    line: u32,
    /// Bytes of the line before the text.
    start: usize,
    text: &'a str,
    rest: &'a str,
    depth: usize,
}

impl<'a> Flow<'a> {
    fn at(&self) -> (u32, u32) {
        (self.line, column(self.start + self.text.len() - self.rest.len()))
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches(' ');
    }

    /// Takes a mark, if it is next.
    fn takes(&mut self, mark: char) -> bool {
        let rest = self.rest.strip_prefix(mark);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// The next value. In brackets, commas and brackets end a text without quotes.
    fn node(&mut self, in_brackets: bool) -> Option<Node> {
        let at = self.at();
        let value = match self.rest.chars().next()? {
            quote @ ('"' | '\'') => {
                let (inside, rest) = self.rest.get(1..)?.split_once(quote)?;
                if inside.contains('\\') || rest.starts_with(quote) {
                    return None;
                }
                self.rest = rest.trim_start_matches(' ');
                Value::Text(inside.to_owned())
            }
            open @ ('[' | '{') => {
                // columns are counted in bytes
                if self.depth >= DEEPEST || !self.rest.is_ascii() {
                    return None;
                }
                self.depth += 1;
                self.takes(open);
                let value = if open == '[' { self.list()? } else { self.pairs()? };
                self.depth -= 1;
                self.skip_blanks();
                value
            }
            _ => {
                let ends = |c: char| in_brackets && matches!(c, ',' | '[' | ']' | '{' | '}');
                let (text, rest) = self.rest.split_at(self.rest.find(ends).unwrap_or(self.rest.len()));
                self.rest = rest;
                scalar(text.trim_end_matches(' '))?
            }
        };
        Some(Node { at, value })
    }

    fn list(&mut self) -> Option<Value> {
        let mut items = Vec::new();
        loop {
            self.skip_blanks();
            items.push(self.node(true)?);
            if self.takes(']') {
                return Some(Value::List(items));
            }
            self.takes(',').then_some(())?;
        }
    }

    fn pairs(&mut self) -> Option<Value> {
        let mut pairs = Vec::new();
        loop {
            self.skip_blanks();
            let at = self.at();
            let (name, after) = key(self.rest).filter(|(_, after)| after.starts_with(' '))?;
            self.rest = after;
            self.skip_blanks();
            let key = Node { at, value: Value::Text(name.to_owned()) };
            pairs.push((key, self.node(true)?));
            if self.takes('}') {
                return Some(Value::Map(pairs));
            }
            self.takes(',').then_some(())?;
        }
    }
}

/// A text without quotes.
fn scalar(text: &str) -> Option<Value> {
    match text {
        "true" => return Some(Value::Bool(true)),
        "false" => return Some(Value::Bool(false)),
        _ if is_word(text) => return None,
        _ => {}
    }
    let safe = |c: char| c.is_alphanumeric() || " _-./,()+=$!?;'–—’…".contains(c);
    let first = text.chars().next()?;
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits == text.len() {
        let number = digits < 10 && (digits == 1 || first != '0');
        return number.then(|| Value::Number(text.to_owned()));
    }
    // `15 min` is no number, `1_000` and `2026-01-02` may be something else than text
    let is_text = first.is_ascii_alphabetic() || digits > 0 && text[digits..].starts_with(' ');
    (is_text && text.chars().all(safe)).then(|| Value::Text(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::yaml;
    use super::*;

    #[test]
    fn plain_front_matter_is_read() {
        for text in [
            "title: Bring it back\nseverity: [P1, P2]\nmatch: [backlog, \"queue depth\"]\n",
            "# about\napprovals: 2\n\nparams:\n  REGION: { default: eu, pattern: \"[a-z]{1,9}\", secret: false }\n",
            "timebox: 15 min\nparams:\n  A:\n    type: enum\n    values: [a, 'b c']\n  B: {values: [x, z]}\n",
            "title: Zurück – so geht’s\r\nowner: SRE\r\n",
        ] {
            assert!(read(text).is_some(), "{text}");
            assert_eq!(read(text), yaml::read_any(text).ok(), "{text}");
        }
    }

    #[test]
    fn everything_else_is_left_alone() {
        for text in [
            "",
            "a",
            "a:\n",
            "a: yes\n",
            "a: 1.10\n",
            "a: 010\n",
            "a: 2026-01-02\n",
            "a: &x b\n",
            "a: *x\n",
            "a: !!str b\n",
            "a: |\n  b\n",
            "a: b\n  c\n",
            "a: b # c\n",
            "a: b: c\n",
            "a: \"b\\n\"\n",
            "a: 'b''c'\n",
            "a: [b,]\n",
            "a: {b}\n",
            "a: [b\n",
            "a:\n- b\n",
            " a: b\n",
            "a: b\n c: d\n",
            "? a\n: b\n",
            "<<: b\n",
            "a: \u{85}b\n",
            "a:\tb\n",
            "a: b\rc\n",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    proptest! {
        /// What is read here is read in the same way by a whole YAML reader, each place included.
        #[test]
        fn both_readers_agree(text in "((  |    |)(a|bc|true|default|p-q|A_1)(: |:|:\n|: \\[|: \\{ ?|: \")(a|b c|7|0|15 min|on|1e3|é|x, y|k: v|a: b, c: d|\"q\"|'s'|-|/|\\$A|)( \\}|\\]|\"|,|)( |)(\n|\n\n|\n# c\n)){0,6}") {
            if let Some(node) = read(&text) {
                prop_assert_eq!(Ok(node), yaml::read_any(&text));
            }
        }

        #[test]
        fn any_text_is_survived(text in "[a-c:{}\\[\\]\"', \n#0-9-]{0,40}") {
            if let Some(node) = read(&text) {
                prop_assert_eq!(Ok(node), yaml::read_any(&text));
            }
        }
    }
}
