//! A fenced block at the outermost level, read without pulldown-cmark: it may be larger than what that is given.

/// A fence's parts as offsets into the text it was found in.
pub(super) struct Found {
    /// Where the content begins and ends.
    pub(super) content: std::ops::Range<usize>,
    /// Where the closing line begins.
    pub(super) closing: Option<usize>,
    /// The first line after it.
    pub(super) next: usize,
    /// How far the opening line is indented; its lines may be as well.
    pub(super) indent: usize,
}

/// Reads the fence that opens at the beginning of `text`; `None` when none does.
pub(super) fn find(text: &str) -> Option<Found> {
    let (opening, rest) = text.split_at(line_end(text));
    let (indent, mark, width) = marks(opening)?;
    let info = opening.get(indent + width..)?;
    if width < 3 || mark == '`' && info.contains('`') {
        return None;
    }
    let mut at = opening.len();
    let start = at;
    for line in rest.split_inclusive('\n') {
        let closes = marks(line).is_some_and(|(spaces, found, count)| {
            let after = line.get(spaces + count..).unwrap_or_default();
            found == mark && count >= width && after.trim_matches([' ', '\t', '\r', '\n']).is_empty()
        });
        if closes {
            return Some(Found { content: start..at, closing: Some(at), next: at + line.len(), indent });
        }
        at += line.len();
    }
    Some(Found { content: start..at, closing: None, next: at, indent })
}

/// Indentation, mark and number of marks of a line that may open or close a fence.
fn marks(line: &str) -> Option<(usize, char, usize)> {
    let indent = line.bytes().take_while(|&b| b == b' ').count();
    let rest = line.get(indent..).filter(|_| indent <= 3)?;
    let mark = rest.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    Some((indent, mark, rest.chars().take_while(|&c| c == mark).count()))
}

fn line_end(text: &str) -> usize {
    text.find('\n').map_or(text.len(), |at| at + 1)
}
