//! From byte offsets to the lines and columns that people see.

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
        let mut breaks = Vec::with_capacity(text.len() / STRIDE + 1);
        let mut sum = 0;
        for chunk in text.as_bytes().chunks(STRIDE) {
            breaks.push(sum);
            sum += count_breaks(chunk);
        }
        if breaks.is_empty() {
            breaks.push(0);
        }
        Self { text, breaks }
    }

    /// The 1-based line of a byte offset.
    pub(crate) fn line(&self, offset: usize) -> u32 {
        let offset = offset.min(self.text.len());
        let index = (offset / STRIDE).min(self.breaks.len() - 1);
        let before = self.breaks.get(index).copied().unwrap_or_default();
        let rest = self.text.as_bytes().get(index * STRIDE..offset).unwrap_or_default();
        before.saturating_add(count_breaks(rest)).saturating_add(1)
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
        rest.split('\n').next().unwrap_or_default().trim_end_matches('\r')
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

fn count_breaks(bytes: &[u8]) -> u32 {
    // at most STRIDE bytes, so that the sum fits; written so that the compiler counts many bytes at once
    u32::from(bytes.iter().map(|&b| u8::from(b == b'\n')).sum::<u8>())
}

/// Line and column numbers stop at `u32::MAX` instead of wrapping.
pub(crate) fn to_u32(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Lines;

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
