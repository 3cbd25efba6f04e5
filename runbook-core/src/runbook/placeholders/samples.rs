//! Values that only show where one belongs: `10.0.0.X`, `/path/to/dir`, `«dir»`, `TOKEN_HERE`, `[...]`.

use std::collections::BTreeSet;

use super::super::shell::closing;
use super::spot::{self, Context};

/// What the last part of `INSERT_TOKEN` may be: behind `INSERT_` anything else may be a name of its own.
const INSERTED: &[&str] = &[
    "TOKEN",
    "KEY",
    "SECRET",
    "PASSWORD",
    "NAME",
    "ID",
    "URL",
    "HOST",
    "HOSTNAME",
    "IP",
    "NAMESPACE",
    "USER",
    "USERNAME",
    "EMAIL",
    "VALUE",
    "VERSION",
    "DATE",
    "REGION",
    "BUCKET",
    "ARN",
];
/// Programs whose arguments are shown and nothing else.
const SHOWING: &[&str] = &["echo", "printf"];
/// Programs whose text is SQL, where a name in capitals is a column unless it is quoted.
const SQL: &[&str] = &["psql", "mysql", "mariadb", "sqlite3"];
/// Programs to which `...` means something.
const DOTTED: &[&str] = &["bazel", "bazelisk", "go", "buck2"];
/// How deep substitutions are looked into, and how much of one.
const DEEPEST: usize = 3;
const LARGEST: usize = 64 << 10;
/// Bytes of an address.
const ADDRESS: usize = 16;

/// Whether a word in capitals is one by its form alone: `TOKEN_HERE`, `INSERT_TOKEN`.
pub(super) fn is_shouted(word: &str) -> bool {
    let here = word.strip_suffix("_HERE").is_some_and(|lead| lead.len() > 1);
    let insert = ["INSERT_", "ENTER_", "PUT_"].iter().find_map(|lead| word.strip_prefix(lead));
    here || insert.is_some_and(|what| INSERTED.contains(&what.rsplit('_').next().unwrap_or(what)))
}

/// Lowercase words of two letters and more, joined: `pod-name`. A class of characters does not look so.
pub(super) fn is_phrase(inside: &str) -> bool {
    let mut parts = inside.split(['-', '_']);
    let word =
        |part: &str| part.len() > 1 && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    inside.starts_with(|c: char| c.is_ascii_lowercase()) && inside.contains(['-', '_']) && parts.all(word)
}

impl Context<'_> {
    /// `10.0.0.X`, `x.x.x.x`, seen from one of its letters: four parts, each a number or a letter that stands for one.
    pub(super) fn address(&self, at: usize) -> Option<(usize, usize)> {
        let part_of = |b: &u8| b.is_ascii_alphanumeric() || *b == b'.';
        let bytes = self.text.as_bytes();
        let before =
            bytes.get(at.saturating_sub(ADDRESS)..at)?.iter().rev().take_while(|b| part_of(b)).count();
        let after = bytes.get(at..)?.iter().take(ADDRESS).take_while(|b| part_of(b)).count();
        let (start, end) = (at - before, at + after);
        let text = self.text.get(start..end)?;
        // the end of a sentence
        let text = text.strip_suffix('.').unwrap_or(text);
        let unknown = |part: &str| {
            (1..=3).contains(&part.len())
                && part.bytes().all(|b| matches!(b, b'x' | b'X' | b'y' | b'Y' | b'z' | b'Z'))
        };
        let number = |part: &str| part.parse::<u8>().is_ok();
        let whole = text.split('.').count() == 4 && text.split('.').all(|part| unknown(part) || number(part));
        let joined = self.text.get(..start)?.ends_with(['_', '-', '$'])
            || self.text.get(start + text.len()..)?.starts_with(['_', '-']);
        (whole && !joined && !self.in_pattern(at)).then_some((start, start + text.len()))
    }

    /// `/path/to/dir` and `path/to/dir`, seen from the slash before `to`.
    pub(super) fn sample_path(&self, at: usize) -> Option<(usize, usize)> {
        let before = self.text.get(..at)?.strip_suffix("path")?;
        let rest = self.text.get(at..)?.strip_prefix("/to")?;
        let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if before.ends_with(name) || rest.starts_with(name) {
            return None;
        }
        let length = rest.find(|c: char| !name(c) && c != '/').unwrap_or(rest.len());
        let inner = rest.get(..length)?.trim_end_matches('.');
        let root = before.strip_suffix('/').filter(|before| {
            !before.ends_with(|c: char| name(c) || matches!(c, '/' | '~' | '$' | '}' | ')'))
        });
        let placed = self.word_at(at)?;
        let start = root.map_or(before.len(), str::len);
        (!SHOWING.contains(&placed.program)).then_some((start, at + "/to".len() + inner.len()))
    }

    /// `«dir»`, `‹dir›`.
    pub(super) fn guillemets(&self, at: usize, open: char) -> Option<usize> {
        let close = match open {
            '«' => '»',
            '‹' => '›',
            _ => '⟩',
        };
        let rest = self.text.get(at + open.len_utf8()..)?;
        let near = rest.get(..rest.floor_char_boundary(spot::LONGEST))?;
        let inside = near.get(..near.find(close)?)?;
        let fits = inside.starts_with(char::is_alphabetic)
            && inside.chars().all(|c| c.is_alphanumeric() || " _./:|-".contains(c));
        fits.then_some(open.len_utf8() + inside.len() + close.len_utf8())
    }

    /// `[...]` as a whole argument, or alone on its line.
    pub(super) fn bracketed_dots(&self, at: usize) -> Option<usize> {
        let rest = self.text.get(at..)?;
        let what = ["[...]", "[…]"].into_iter().find(|what| rest.starts_with(what))?;
        let placed = self.word_at(at)?;
        let whole = placed.word.text() == what;
        (whole && !SHOWING.contains(&placed.program)).then_some(what.len())
    }

    /// `...` as a whole argument, in quotes or not, and at the end of an absolute path: "and so on".
    pub(super) fn ellipsis(&self, at: usize) -> Option<usize> {
        let placed = self.word_at(at)?;
        let value = placed.word.text();
        let dots = value.get(value.rfind('/').map_or(0, |slash| slash + 1)..)?;
        let known = matches!(dots, "..." | "…" | "....") && !DOTTED.contains(&placed.program);
        let path = value.len() > dots.len() && value.starts_with('/') && !value.starts_with("//");
        if !known || value.len() > dots.len() && !path {
            return None;
        }
        if placed.word.quoted {
            let shown = SHOWING.contains(&placed.program) || self.in_pattern(at);
            let whole = placed.end - placed.start == value.len() + 2;
            let first = at == placed.start + 1 + value.len() - dots.len();
            return (whole && first && !shown).then_some(dots.len());
        }
        // a continued line may stand between them
        let first = if path { at == placed.start + value.len() - dots.len() } else { at == placed.start };
        first.then_some(placed.end - at)
    }

    /// `'USER_ID'` within a text of SQL.
    pub(super) fn in_sql(&self, at: usize, word: &str) -> bool {
        let quoted = self.text.get(..at).is_some_and(|before| before.ends_with('\''))
            && self.text.get(at + word.len()..).is_some_and(|after| after.starts_with('\''));
        quoted && self.word_at(at).is_some_and(|placed| SQL.contains(&placed.program) && placed.word.quoted)
    }

    /// What stands in the command substitutions of the text's words, as places in the text.
    pub(super) fn nested(&self, depth: usize) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        if depth >= DEEPEST {
            return found;
        }
        for placed in self.words.iter().filter(|placed| placed.word.runs) {
            let end = placed.end.min(placed.start + LARGEST);
            let mut at = placed.start;
            while let Some(open) = self.text.get(at..end).and_then(|rest| rest.find("$(")) {
                let from = at + open + 2;
                let close = closing(self.text.as_bytes().get(..end).unwrap_or_default(), from);
                at = close;
                let Some(inner) = self.text.get(from..close).filter(|inner| !inner.starts_with('(')) else {
                    continue;
                };
                let inside = spot::spots_within(inner, depth + 1).into_iter();
                found.extend(inside.map(|(start, end)| (from + start, from + end)));
            }
        }
        found
    }
}

/// The words behind `<<`: what a here-document ends with stands for nothing.
pub(super) fn delimiters(text: &str) -> BTreeSet<&str> {
    let named = text.split("<<").skip(1).filter_map(|rest| {
        let rest = rest.trim_start_matches(['-', ' ', '\t', '"', '\'', '\\']);
        rest.get(..rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len()))
    });
    named.filter(|name| !name.is_empty()).collect()
}
