//! From byte offsets to the lines and columns that people see.

use std::cell::Cell;

/// Bytes between two noted offsets: a lookup counts at most this many, and the notes take a 16th of the text.
const STRIDE: usize = 64;
/// A search inside one line ends here, so that a line of many megabytes costs each finding the same.
const WIDEST: usize = 4 * 1024;

/// Where each line of a text begins.
#[derive(Debug)]
pub(crate) struct Lines<'a> {
    text: &'a str,
    /// How many line breaks stand before each multiple of [`STRIDE`].
    breaks: Vec<u32>,
}

impl<'a> Lines<'a> {
    /// Indexes a text.
    pub(crate) fn new(text: &'a str) -> Self {
        let (strides, _) = text.as_bytes().as_chunks::<STRIDE>();
        let mut breaks = Vec::with_capacity(strides.len() + 1);
        let mut sum = 0;
        for stride in strides {
            breaks.push(sum);
            sum += breaks_within(stride, STRIDE);
        }
        breaks.push(sum);
        Self { text, breaks }
    }

    /// The 1-based line of a byte offset.
    pub(crate) fn line(&self, offset: usize) -> u32 {
        let offset = offset.min(self.text.len());
        let index = (offset / STRIDE).min(self.breaks.len() - 1);
        let before = self.breaks.get(index).copied().unwrap_or_default();
        let rest = self.text.as_bytes().get(index * STRIDE..).unwrap_or_default();
        let length = offset - index * STRIDE;
        let within = match rest.first_chunk() {
            Some(stride) => breaks_within(stride, length),
            None => count_breaks(rest.get(..length).unwrap_or_default()),
        };
        before.saturating_add(within).saturating_add(1)
    }

    /// Where a 1-based line begins; `None` past the end.
    pub(crate) fn start_of(&self, line: u32) -> Option<usize> {
        let wanted = line.checked_sub(1)?;
        if wanted == 0 {
            return Some(0);
        }
        let index = self.breaks.partition_point(|&before| before < wanted).checked_sub(1)?;
        let missing = wanted - self.breaks.get(index)?;
        let from = index * STRIDE;
        let rest = self.text.as_bytes().get(from..)?;
        let stretch = rest.get(..STRIDE).unwrap_or(rest);
        let mut found = stretch.iter().enumerate().filter(|&(_, &b)| b == b'\n');
        found.nth(missing as usize - 1).map(|(at, _)| from + at + 1)
    }

    /// The text of a 1-based line without its line break; empty past the end.
    pub(crate) fn text_of(&self, line: u32) -> &'a str {
        let rest = self.start_of(line).and_then(|start| self.text.get(start..)).unwrap_or_default();
        let end = memchr::memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default().trim_end_matches('\r')
    }

    /// Whether no character of the text takes more than one byte.
    pub(crate) fn is_ascii(&self) -> bool {
        self.text.is_ascii()
    }

    /// The lines in order, without their line breaks.
    pub(crate) fn all(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.text.lines()
    }

    /// The 1-based column of a byte offset, in characters.
    pub(crate) fn column(&self, offset: usize) -> u32 {
        let start = self.start_of(self.line(offset)).unwrap_or_default();
        to_u32(self.text.get(start..offset).map_or(0, |before| before.chars().count())).saturating_add(1)
    }

    /// The 1-based column of a line's first visible character.
    pub(crate) fn indent(&self, line: u32) -> u32 {
        let rest = self.start_of(line).and_then(|start| self.text.get(start..)).unwrap_or_default();
        let blank = rest.chars().take(WIDEST).take_while(|&c| c.is_whitespace() && c != '\n').count();
        to_u32(blank + 1)
    }

    /// The 1-based column where `needle` first stands in a line, else the line's first visible character.
    pub(crate) fn column_of(&self, line: u32, needle: &str) -> u32 {
        let rest = self.start_of(line).and_then(|start| self.text.get(start..)).unwrap_or_default();
        // the line's own end is looked for within the bound, too
        let head = rest.get(..rest.floor_char_boundary(WIDEST)).unwrap_or(rest);
        let text = head.split('\n').next().unwrap_or_default();
        text.find(needle).map_or_else(|| self.indent(line), |at| to_u32(text[..at].chars().count() + 1))
    }
}

/// The line breaks among the first `length` bytes of a stride: eight bytes at a time, since most of a document's
/// lookups end here.
fn breaks_within(stride: &[u8; STRIDE], length: usize) -> u32 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const LOW_BITS: u64 = u64::from_le_bytes([0x7f; 8]);
    let (words, _) = stride.as_chunks::<8>();
    let mut sums = 0;
    for (at, word) in words.iter().enumerate() {
        // zero where the line breaks are
        let word = u64::from_le_bytes(*word) ^ (ONES * 0x0a);
        // one in each byte that is zero: adding never carries into the next byte
        let breaks = (!(((word & LOW_BITS) + LOW_BITS) | word | LOW_BITS)) >> 7;
        sums += match length.saturating_sub(at * 8) {
            0 => break,
            some @ 1..8 => breaks & ((1 << (some * 8)) - 1),
            _ => breaks,
        };
    }
    // a byte has counted to eight at most; the product's highest byte is the sum of all
    u32::from((sums.wrapping_mul(ONES) >> 56) as u8)
}

fn count_breaks(bytes: &[u8]) -> u32 {
    to_u32(memchr::memchr_iter(b'\n', bytes).count())
}

/// The lines of offsets that come one not far from the other: it counts from the last one, so that nothing is indexed.
#[derive(Debug)]
pub(crate) struct Cursor<'a> {
    text: &'a str,
    /// The last offset, and how many line breaks stand before it.
    last: Cell<(usize, u32)>,
}

impl<'a> Cursor<'a> {
    /// Begins at the beginning.
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, last: Cell::new((0, 0)) }
    }

    /// How many line breaks stand before an offset.
    pub(crate) fn breaks_before(&self, offset: usize) -> u32 {
        if offset == 0 {
            return 0;
        }
        let (last, before) = self.last.get();
        let between =
            |from: usize, to: usize| count_breaks(self.text.as_bytes().get(from..to).unwrap_or_default());
        let breaks = if offset >= last {
            before.saturating_add(between(last, offset))
        } else {
            before.saturating_sub(between(offset, last))
        };
        self.last.set((offset, breaks));
        breaks
    }
}

/// Line and column numbers stop at `u32::MAX` instead of wrapping.
pub(crate) fn to_u32(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Cursor, Lines};

    #[test]
    fn offsets_become_lines_and_columns() {
        let lines = Lines::new("ab\nçd\r\n\n  x");
        for (offset, line) in [(0, 1), (2, 1), (3, 2), (11, 4), (99, 4)] {
            assert_eq!(lines.line(offset), line, "{offset}");
        }
        assert_eq!(lines.text_of(2), "çd");
        assert_eq!(lines.text_of(9), "");
        assert_eq!((lines.indent(4), lines.indent(3)), (3, 1));
        assert_eq!(lines.column_of(2, "d"), 2);
        assert_eq!((Lines::new("").line(0), Lines::new("").text_of(1)), (1, ""));
        let cursor = Cursor::new("a\nb\n\nc");
        assert_eq!([0, 4, 5, 1, 2, 6, 0].map(|offset| cursor.breaks_before(offset)), [0, 2, 3, 0, 1, 3, 0]);
    }

    proptest! {
        #[test]
        fn every_line_is_found(parts in proptest::collection::vec(("[a-z]{0,90}", 0_usize..4), 0..40)) {
            let text: String = parts.iter().map(|(word, breaks)| format!("{word}{}", "\n".repeat(*breaks))).collect();
            let lines = Lines::new(&text);
            let mut offset = 0;
            for (n, line) in (1_u32..).zip(text.split('\n')) {
                prop_assert_eq!(lines.text_of(n), line);
                prop_assert_eq!(lines.start_of(n), Some(offset));
                prop_assert_eq!(lines.line(offset), n);
                prop_assert_eq!(lines.line(offset + line.len()), n);
                offset += line.len() + 1;
            }
        }
    }
}
