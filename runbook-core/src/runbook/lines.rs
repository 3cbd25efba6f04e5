//! From byte offsets to the lines and columns that people see.

/// Where each line of a text begins.
#[derive(Debug)]
pub(crate) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    /// Indexes a text.
    pub(crate) fn new(text: &'a str) -> Self {
        let mut starts = vec![0];
        starts.extend(text.bytes().enumerate().filter(|&(_, b)| b == b'\n').map(|(i, _)| i + 1));
        Self { text, starts }
    }

    /// The 1-based line of a byte offset.
    pub(crate) fn line(&self, offset: usize) -> u32 {
        to_u32(self.starts.partition_point(|&start| start <= offset))
    }

    /// The text of a 1-based line without its line break; empty past the end.
    pub(crate) fn text_of(&self, line: u32) -> &'a str {
        let index = line.saturating_sub(1) as usize;
        let Some(&start) = self.starts.get(index) else { return "" };
        let end = self.starts.get(index + 1).map_or(self.text.len(), |&next| next - 1);
        self.text.get(start..end).unwrap_or_default().trim_end_matches('\r')
    }

    /// The lines in order, without their line breaks.
    pub(crate) fn all(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.text.lines()
    }

    /// The 1-based column of a byte offset, in characters.
    pub(crate) fn column(&self, offset: usize) -> u32 {
        let index = (self.line(offset) as usize).saturating_sub(1);
        let start = self.starts.get(index).copied().unwrap_or_default();
        to_u32(self.text.get(start..offset).map_or(0, |before| before.chars().count())).saturating_add(1)
    }

    /// The 1-based column of a line's first visible character.
    pub(crate) fn indent(&self, line: u32) -> u32 {
        let text = self.text_of(line);
        to_u32(text.chars().take_while(|c| c.is_whitespace()).count() + 1)
    }

    /// The 1-based column where `needle` first stands in a line, else the line's first visible character.
    pub(crate) fn column_of(&self, line: u32, needle: &str) -> u32 {
        let text = self.text_of(line);
        text.find(needle).map_or_else(|| self.indent(line), |at| to_u32(text[..at].chars().count() + 1))
    }
}

/// Line and column numbers stop at `u32::MAX` instead of wrapping.
pub(crate) fn to_u32(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::Lines;

    #[test]
    fn offsets_become_lines_and_columns() {
        let lines = Lines::new("ab\nçd\r\n\n  x");
        for (offset, line) in [(0, 1), (2, 1), (3, 2), (11, 4)] {
            assert_eq!(lines.line(offset), line, "{offset}");
        }
        assert_eq!(lines.text_of(2), "çd");
        assert_eq!(lines.text_of(9), "");
        assert_eq!(lines.indent(4), 3);
        assert_eq!(lines.column_of(2, "d"), 2);
    }
}
