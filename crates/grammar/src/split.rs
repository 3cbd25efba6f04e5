//! Chat text into words: what a phone's keyboard and Slack's escaping do to a command is undone here.

/// Chat text cannot be split.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// A quotation has no end.
    #[error("the quotation that starts with {0} has no end\nhint: close it, or leave the quote out")]
    Unclosed(char),
}

/// Splits chat text into words.
///
/// White space of any kind separates. Quotes, straight or typographic, hold a value together where it starts (at the
/// start of a word, or after `=`); an apostrophe inside a word is a letter of it. A dash that a keyboard made of `--` is
/// `--` again. Slack's escapes are undone: `&lt;` is `<`, a link is its address, mentions stay as they are.
///
/// # Errors
/// When a quotation has no end.
pub fn split_words(text: &str) -> Result<Vec<String>, SplitError> {
    Splitter { rest: text, words: Vec::new(), word: None }.run()
}

struct Splitter<'a> {
    rest: &'a str,
    words: Vec<String>,
    /// The word being read; `None` between words, so that `""` is a word of its own.
    word: Option<String>,
}

impl<'a> Splitter<'a> {
    fn run(mut self) -> Result<Vec<String>, SplitError> {
        while let Some(c) = self.rest.chars().next() {
            if c.is_whitespace() {
                self.words.extend(self.word.take());
                self.advance(c);
            } else if is_invisible(c) {
                self.advance(c);
            } else if is_quote(c) && self.quote_may_start() {
                self.advance(c);
                self.quoted(c)?;
            } else if matches!(c, '–' | '—') && self.word.is_none() && self.letter_follows(c) {
                self.advance(c);
                self.push("--");
            } else {
                self.plain(c);
            }
        }
        self.words.extend(self.word.take());
        Ok(self.words)
    }

    /// Reads up to the quotation's end.
    fn quoted(&mut self, open: char) -> Result<(), SplitError> {
        self.push("");
        while let Some(c) = self.rest.chars().next() {
            let escaped = self.rest.strip_prefix('\\').and_then(|rest| rest.chars().next());
            if let Some(escaped @ ('"' | '\\')) = escaped {
                self.rest = self.rest.get(1 + escaped.len_utf8()..).unwrap_or_default();
                self.push(escaped.encode_utf8(&mut [0; 4]));
            } else if closes(open, c) && (is_double(open) || self.word_ends_after(c)) {
                self.advance(c);
                return Ok(());
            } else if is_invisible(c) {
                self.advance(c);
            } else {
                self.plain(c);
            }
        }
        Err(SplitError::Unclosed(open))
    }

    /// Takes one character, entity or Slack token as it is meant.
    fn plain(&mut self, c: char) {
        if c == '<'
            && let Some((token, length)) = slack_token(self.rest)
        {
            self.push(&token);
            self.rest = self.rest.get(length..).unwrap_or_default();
        } else if let Some((entity, plain)) = entity(self.rest) {
            self.push(plain);
            self.rest = self.rest.get(entity.len()..).unwrap_or_default();
        } else {
            self.push(c.encode_utf8(&mut [0; 4]));
            self.advance(c);
        }
    }

    fn push(&mut self, text: &str) {
        self.word.get_or_insert_default().push_str(text);
    }

    fn advance(&mut self, c: char) {
        self.rest = self.rest.get(c.len_utf8()..).unwrap_or_default();
    }

    fn quote_may_start(&self) -> bool {
        self.word.as_ref().is_none_or(|word| word.ends_with('='))
    }

    fn letter_follows(&self, c: char) -> bool {
        self.rest.get(c.len_utf8()..).and_then(|rest| rest.chars().next()).is_some_and(char::is_alphabetic)
    }

    fn word_ends_after(&self, c: char) -> bool {
        self.rest.get(c.len_utf8()..).and_then(|rest| rest.chars().next()).is_none_or(char::is_whitespace)
    }
}

/// Characters that a person cannot see: zero-width spaces, joiners and marks that editors leave behind.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200B}'..='\u{200F}' | '\u{2060}' | '\u{FEFF}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

fn is_double(c: char) -> bool {
    matches!(c, '"' | '“' | '”' | '„')
}

fn is_single(c: char) -> bool {
    matches!(c, '\'' | '‘' | '’' | '‚')
}

fn is_quote(c: char) -> bool {
    is_double(c) || is_single(c)
}

fn closes(open: char, c: char) -> bool {
    (is_double(open) && is_double(c)) || (is_single(open) && is_single(c))
}

/// The entities that Slack makes, and no others.
fn entity(rest: &str) -> Option<(&'static str, &'static str)> {
    [("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">")].into_iter().find(|(entity, _)| rest.starts_with(entity))
}

/// A mention (kept), or a link (its address), with the bytes that it takes. Anything else in angle brackets is text.
fn slack_token(rest: &str) -> Option<(String, usize)> {
    let end = rest.find('>')?;
    let inside = rest.get(1..end)?;
    if inside.is_empty() || inside.contains('<') || inside.contains('\n') {
        return None;
    }
    if inside.starts_with(['@', '#', '!']) {
        return Some((rest.get(..=end)?.to_owned(), end + 1));
    }
    let address = inside.split_once('|').map_or(inside, |(address, _)| address);
    let address = if let Some(mail) = address.strip_prefix("mailto:") {
        mail
    } else if address.contains("://") || address.starts_with("tel:") {
        address
    } else {
        return None;
    };
    let plain = address.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    Some((plain, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        let table: &[(&str, &[&str])] = &[
            ("", &[]),
            ("  \u{a0}\t\n ", &[]),
            ("runbook  rollback\u{a0}flowengine", &["runbook", "rollback", "flowengine"]),
            ("\u{200b}runbook\u{feff} list", &["runbook", "list"]),
            ("--reason \"two words\"", &["--reason", "two words"]),
            ("--reason “two words”", &["--reason", "two words"]),
            ("--reason ”two words“", &["--reason", "two words"]),
            ("--reason ‘two words’", &["--reason", "two words"]),
            ("--reason 'two words'", &["--reason", "two words"]),
            ("--reason='two words'", &["--reason=two words"]),
            ("--reason=“two words”", &["--reason=two words"]),
            ("--reason 'I don't know'", &["--reason", "I don't know"]),
            ("--reason “I don’t know”", &["--reason", "I don’t know"]),
            ("don't don’t", &["don't", "don’t"]),
            ("it's 5\" wide", &["it's", "5\"", "wide"]),
            ("say \"a \\\"b\\\" \\\\c\"", &["say", "a \"b\" \\c"]),
            ("say \"\" ''", &["say", "", ""]),
            ("–help —all", &["--help", "--all"]),
            ("a – b 9–50 —", &["a", "–", "b", "9–50", "—"]),
            ("\"–help\"", &["–help"]),
            ("a &lt;b&gt; &amp;amp; c&amp;d", &["a", "<b>", "&amp;", "c&d"]),
            ("<@U123|name> <@U123>", &["<@U123|name>", "<@U123>"]),
            ("<#C123|incidents>", &["<#C123|incidents>"]),
            ("<https://x.example/a?b=1&amp;c=2|label here> z", &["https://x.example/a?b=1&c=2", "z"]),
            ("<mailto:a@example.com|a@example.com>", &["a@example.com"]),
            ("url=<https://x.example>", &["url=https://x.example"]),
            ("get <pod> <", &["get", "<pod>", "<"]),
            ("a < b > c", &["a", "<", "b", ">", "c"]),
        ];
        for (text, expected) in table {
            assert_eq!(split_words(text).unwrap(), *expected, "{text:?}");
        }
    }

    #[test]
    fn a_quotation_must_end() {
        for text in ["say \"a", "say “a", "--reason='a", "'tis", "say 'don't"] {
            assert!(matches!(split_words(text), Err(SplitError::Unclosed(_))), "{text:?}");
        }
    }
}
