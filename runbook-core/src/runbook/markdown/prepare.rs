//! Two small changes to the text before pulldown-cmark reads it. Offsets stay the same.
//!
//! Nesting beyond reason is taken out: each line costs a Markdown reader as much as there are lists and quotes
//! around it, so a list or quote that begins behind very many columns of other marks is text. And a tab behind a
//! closing fence becomes a blank: CommonMark allows both there, pulldown-cmark only the latter.

use std::borrow::Cow;

/// Columns of blanks and marks that may stand before a mark: twice the levels that are read.
const WIDEST: usize = 128;

/// The text to be read, and the offset of the first mark that is nested too deeply.
pub(super) fn prepare(text: &str) -> (Cow<'_, str>, Option<usize>) {
    let mut first = None;
    let mut bytes: Option<Vec<u8>> = None;
    let mut set = |at: usize, byte: u8| {
        if let Some(old) = bytes.get_or_insert_with(|| text.as_bytes().to_vec()).get_mut(at) {
            *old = byte;
        }
    };
    if !may_change(text.as_bytes()) {
        return (Cow::Borrowed(text), None);
    }
    let tabs = memchr::memchr(b'\t', text.as_bytes()).is_some();
    let mut breaks = memchr::memchr_iter(b'\n', text.as_bytes());
    let mut start = 0;
    while start < text.len() {
        let end = breaks.next().map_or(text.len(), |at| at + 1);
        let line = text.as_bytes().get(start..end).unwrap_or_default();
        // a byte is four columns at most
        if line.len() > WIDEST / 4
            && let Some(at) = mark_beyond(line)
        {
            first.get_or_insert(start + at);
            set(start + at, b'x');
        }
        if tabs {
            for at in tabs_behind_fence(line) {
                set(start + at, b' ');
            }
        }
        start = end;
    }
    let changed = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    (changed.map_or(Cow::Borrowed(text), Cow::Owned), first)
}

/// Whether anything could be changed: there is a tab, or so many blanks and marks side by side that a mark could stand
/// behind [`WIDEST`] columns of them.
fn may_change(text: &[u8]) -> bool {
    const PIECE: usize = 16;
    let is_mark = |b: &u8| matches!(b, b' ' | b'>' | b'-' | b'+' | b'*' | b'.' | b')' | b'0'..=b'9');
    // a run of as many columns without a tab is so many bytes, and one of these pieces lies in it as a whole
    let (pieces, _) = text.as_chunks::<PIECE>();
    memchr::memchr(b'\t', text).is_some() || pieces.iter().any(|piece| piece.iter().all(is_mark))
}

/// The tabs at the end of a line that holds nothing else than a fence's marks.
fn tabs_behind_fence(line: &[u8]) -> impl Iterator<Item = usize> {
    let text = line.trim_ascii_end();
    let fence = text.ends_with(b"```") || text.ends_with(b"~~~");
    let behind = if fence { line.get(text.len()..).unwrap_or_default() } else { &[] };
    let from = text.len();
    behind.iter().enumerate().filter(|&(_, &b)| b == b'\t').map(move |(at, _)| from + at)
}

/// The first list or quote mark of a line that has [`WIDEST`] columns of blanks and marks before it.
fn mark_beyond(line: &[u8]) -> Option<usize> {
    let mut at = 0;
    let mut columns = 0;
    loop {
        let rest = line.get(at..)?;
        let width = match rest.first()? {
            b' ' => 0,
            b'\t' => {
                columns += 3;
                0
            }
            b'>' => 1,
            b'-' | b'+' | b'*' if ends_mark(rest.get(1)) => 1,
            b'0'..=b'9' => {
                let digits = rest.iter().take(10).take_while(|b| b.is_ascii_digit()).count();
                if digits > 9
                    || !matches!(rest.get(digits), Some(b'.' | b')'))
                    || !ends_mark(rest.get(digits + 1))
                {
                    return None;
                }
                digits + 1
            }
            _ => return None,
        };
        if width > 0 && columns >= WIDEST {
            return Some(at);
        }
        at += width.max(1);
        columns += width.max(1);
    }
}

fn ends_mark(next: Option<&u8>) -> bool {
    matches!(next, None | Some(b' ' | b'\t' | b'\n' | b'\r'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_means_is_changed() {
        let quotes = format!("a\n{}> b\n", "> ".repeat(64));
        let rows = [
            ("- a\n  - b\n".to_owned(), None),
            (format!("{}- a", " ".repeat(127)), None),
            (format!("{}- a", " ".repeat(128)), Some(128)),
            (format!("{}-a", " ".repeat(128)), None),
            (format!("{}1. a", "\t".repeat(32)), Some(32)),
            (quotes, Some(130)),
            (format!("{}\n", "-".repeat(300)), None),
            (format!("{}7", " ".repeat(300)), None),
        ];
        for (text, expected) in rows {
            let (bounded, first) = prepare(&text);
            assert_eq!(first, expected, "{text}");
            assert_eq!((bounded.len(), bounded == text), (text.len(), first.is_none()), "{text}");
        }
    }

    #[test]
    fn tabs_behind_a_fence_are_blanks() {
        assert_eq!(prepare("```\ta\n``` \t\r\n\t~~~\t").0, "```\ta\n```  \r\n\t~~~ ");
        assert!(matches!(prepare("a\t\n``\t\n"), (Cow::Borrowed(_), None)));
    }
}
