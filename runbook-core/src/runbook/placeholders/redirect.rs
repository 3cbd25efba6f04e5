//! `<pod>` outside quotes: a shell takes it as two redirections, so it would run, and do something else.

use std::borrow::Cow;

/// What reads as a placeholder although a shell reads redirections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Angle {
    /// First byte.
    pub(super) start: usize,
    /// One past the last.
    pub(super) end: usize,
    /// Written `\<pod\>`, which is also what regular expressions write.
    pub(super) escaped: bool,
}

/// Longest one in bytes; what is further apart are redirections.
const LONGEST: usize = 160;

/// Where they stand in shell text outside quotes, here-documents, comments and arithmetic, in order.
pub(super) fn angles(text: &str) -> Vec<Angle> {
    if !text.contains('<') {
        return Vec::new();
    }
    let mut scan =
        Scan { text, at: 0, stack: Vec::new(), doubles: 0, documents: Vec::new(), found: Vec::new() };
    while scan.at < text.len() {
        scan.skip_plain();
        scan.step();
    }
    scan.found
}

/// The text with `~` in the place of each, offsets unchanged: a part of a word that means nothing.
pub(super) fn mask<'a>(text: &'a str, angles: &[Angle]) -> Cow<'a, str> {
    if angles.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut masked = String::with_capacity(text.len());
    let mut at = 0;
    for angle in angles {
        masked.push_str(text.get(at..angle.start).unwrap_or_default());
        masked.extend(std::iter::repeat_n('~', angle.end - angle.start));
        at = angle.end;
    }
    masked.push_str(text.get(at..).unwrap_or_default());
    Cow::Owned(masked)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Single,
    Ansi,
    Double,
    Backtick,
    Paren,
    Arithmetic,
    Brace,
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
    stack: Vec<Inside>,
    /// How many of them are double quotes.
    doubles: usize,
    /// Delimiters of the here-documents that begin on this line, and whether tabs before them are left out.
    documents: Vec<(String, bool)>,
    found: Vec<Angle>,
}

impl Scan<'_> {
    /// Passes over what is nothing but itself wherever it stands.
    fn skip_plain(&mut self) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let plain =
            |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b' ' | b'-' | b'_' | b'.' | b'/' | b'=');
        self.at += rest.iter().take_while(|b| plain(b)).count();
    }

    fn step(&mut self) {
        let Some(rest) = self.text.get(self.at..) else {
            self.at = self.text.len();
            return;
        };
        let Some(c) = rest.chars().next() else { return };
        let top = self.stack.last().copied();
        let bare = matches!(top, None | Some(Inside::Paren | Inside::Backtick));
        match (top, c) {
            (Some(Inside::Single), '\'') | (Some(Inside::Ansi), '\'') | (Some(Inside::Double), '"') => {
                self.pop();
            }
            (Some(Inside::Single), _) => self.at += c.len_utf8(),
            (_, '\\') if bare && rest.starts_with("\\<") => self.angle(rest, 1),
            (_, '\\') => self.at += 1 + rest.chars().nth(1).map_or(0, char::len_utf8),
            (Some(Inside::Ansi), _) => self.at += c.len_utf8(),
            (Some(Inside::Backtick), '`') => self.pop(),
            (_, '`') => self.push(Inside::Backtick, 1),
            (_, '$') if rest.starts_with("$((") => {
                self.push(Inside::Arithmetic, 2);
                self.push(Inside::Arithmetic, 1);
            }
            (_, '$') if rest.starts_with("$(") => self.push(Inside::Paren, 2),
            (_, '$') if rest.starts_with("${") => self.push(Inside::Brace, 2),
            (Some(Inside::Double), _) => self.at += c.len_utf8(),
            (Some(Inside::Brace), '}') | (Some(Inside::Paren | Inside::Arithmetic), ')') => self.pop(),
            (Some(Inside::Arithmetic), '(') => self.push(Inside::Arithmetic, 1),
            (_, '(') if bare && rest.starts_with("((") => {
                self.push(Inside::Arithmetic, 1);
                self.push(Inside::Arithmetic, 1);
            }
            (_, '(') if bare => self.push(Inside::Paren, 1),
            (_, '$') if bare && rest.starts_with("$'") => self.push(Inside::Ansi, 2),
            (_, '\'') if top != Some(Inside::Brace) || self.doubles == 0 => {
                self.push(Inside::Single, 1);
            }
            (_, '"') => self.push(Inside::Double, 1),
            (_, '#') if bare && self.begins_word() => {
                let end = rest.find(|c| c == '\n' || c == '`' && top == Some(Inside::Backtick));
                self.at += end.unwrap_or(rest.len());
            }
            (_, '\n') => {
                self.at += 1;
                self.skip_documents();
            }
            (_, '<') if bare && rest.starts_with("<<<") => self.at += 3,
            (_, '<') if bare && rest.starts_with("<<") => self.document(rest),
            (_, '<') if bare => self.angle(rest, 0),
            _ => self.at += c.len_utf8(),
        }
    }

    fn push(&mut self, inside: Inside, length: usize) {
        self.doubles += usize::from(inside == Inside::Double);
        self.stack.push(inside);
        self.at += length;
    }

    fn pop(&mut self) {
        let closed = self.stack.pop();
        self.doubles -= usize::from(closed == Some(Inside::Double));
        self.at += 1;
    }

    fn begins_word(&self) -> bool {
        let before = self.text.get(..self.at).unwrap_or_default();
        before.is_empty() || before.ends_with([' ', '\t', '\n', ';', '&', '|', '(', ')'])
    }

    /// A `<` behind `lead` bytes of escape: takes the whole placeholder, or only the sign.
    fn angle(&mut self, rest: &str, lead: usize) {
        let begin = lead + 1;
        let Some(length) = rest.get(begin..).and_then(inside) else {
            self.at += begin;
            return;
        };
        let end = self.at + begin + length + 1;
        self.found.push(Angle { start: self.at, end, escaped: lead > 0 });
        self.at = end;
    }

    /// `<<EOF` and `<<-'EOF'`.
    fn document(&mut self, rest: &str) {
        let after = rest.get(2..).unwrap_or_default();
        let (after, tabs) = after.strip_prefix('-').map_or((after, false), |after| (after, true));
        let word = after.trim_start_matches([' ', '\t']);
        let length = word.find(|c: char| c.is_whitespace() || ";&|<>()".contains(c)).unwrap_or(word.len());
        let delimiter: String =
            word.chars().take(word.get(..length).map_or(0, |word| word.chars().count())).collect();
        self.at += rest.len() - word.len() + length;
        let delimiter = delimiter.replace(['\'', '"', '\\'], "");
        if length > 0 {
            self.documents.push((delimiter, tabs));
        }
    }

    fn skip_documents(&mut self) {
        for (delimiter, tabs) in std::mem::take(&mut self.documents) {
            while let Some(line) = self.text.get(self.at..).and_then(|rest| rest.split_inclusive('\n').next())
            {
                self.at += line.len();
                let line = line.trim_end_matches(['\n', '\r']);
                if delimiter == if tabs { line.trim_start_matches('\t') } else { line } {
                    break;
                }
            }
        }
    }
}

/// The length of what stands between a `<` and the `>` that belongs to it, on the same line.
fn inside(rest: &str) -> Option<usize> {
    if rest.starts_with(|c: char| c.is_whitespace() || "(<&>".contains(c)) {
        return None;
    }
    let line = rest.find(['\n', '<']).and_then(|end| rest.get(..end)).unwrap_or(rest);
    let mut arrow = None;
    for (at, _) in line.match_indices('>').take_while(|(at, _)| *at <= LONGEST) {
        let (Some(before), Some(after)) = (line.get(..at), line.get(at + 1..)) else { return arrow };
        if is_redirection(before, after) || !is_even(before) {
            return arrow;
        }
        if !before.ends_with(['-', '=']) {
            return Some(at);
        }
        // `a -> b` goes on, `-ns->` may end here
        let stem = before.get(..at.saturating_sub(1)).unwrap_or_default();
        if !stem.ends_with([' ', '\t']) {
            arrow = arrow.or(Some(at));
        }
    }
    arrow
}

/// Whether the `>` between the two begins a redirection for sure: `<in >out`, `<in 2>/dev/null`, `<in 2> "$log"`.
pub(super) fn is_redirection(before: &str, after: &str) -> bool {
    if before.ends_with(char::is_whitespace) {
        return true;
    }
    let stem = before.trim_end_matches(|c: char| c.is_ascii_digit());
    let descriptor = stem.len() < before.len() && stem.ends_with([' ', '\t']);
    let target = after.trim_start_matches([' ', '\t']);
    let glued =
        target.len() == after.len() && !after.is_empty() && !after.starts_with([';', '|', ')', '"', '\'']);
    let both = before.ends_with('&') && stem.len() == before.len() && before.ends_with(" &");
    both || descriptor && (glued || target.starts_with(['/', '.', '$', '"', '&']))
}

/// Whether quotes in the text are closed; an apostrophe in a word is none.
fn is_even(text: &str) -> bool {
    let double = text.bytes().filter(|b| *b == b'"').count();
    let bytes = text.as_bytes();
    let letter = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_alphabetic);
    let single = bytes
        .iter()
        .enumerate()
        .filter(|&(at, b)| *b == b'\'' && !(letter(at.checked_sub(1)) && letter(at.checked_add(1))))
        .count();
    double.is_multiple_of(2) && single.is_multiple_of(2)
}
