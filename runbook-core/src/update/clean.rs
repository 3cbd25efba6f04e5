//! Texts from people and from outside, as they may stand in an update: nothing that is not seen, no line that was not meant.

/// A text that stands beside what Blocks itself says: it may not begin a line of its own there, nor hide or turn around
/// what it says.
#[must_use]
pub fn one_line(text: &str) -> String {
    let blank = |c: char| match c {
        '\u{2028}' | '\u{2029}' | '\u{2800}' => ' ',
        c if c.is_control() => ' ',
        c => c,
    };
    let seen: String = text.chars().filter(|c| !is_unseen(*c)).map(blank).collect();
    seen.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A text of several lines: each as [`one_line`] leaves it, with one empty line between paragraphs at most. A list's sign at
/// the beginning stays.
#[must_use]
pub fn lines(text: &str) -> String {
    let mut kept: Vec<String> = Vec::new();
    for line in text.replace("\r\n", "\n").split(['\n', '\r']) {
        let line = one_line(line);
        if !(line.is_empty() && kept.last().is_none_or(String::is_empty)) {
            kept.push(line);
        }
    }
    while kept.last().is_some_and(String::is_empty) {
        kept.pop();
    }
    kept.join("\n")
}

/// How much room a text takes in a chat at most: what is written there as an entity counts for that.
#[must_use]
pub(super) fn room(text: &str) -> usize {
    text.chars().map(|c| if matches!(c, '&' | '<' | '>') { 5 } else { c.len_utf16() }).sum()
}

fn is_unseen(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{17b4}' | '\u{17b5}')
        || matches!(c, '\u{180b}'..='\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_several_lines() {
        for (text, kept) in [
            ("a\r\nb\rc", "a\nb\nc"),
            ("\n\n a \n\n\n\nb\u{202e}\n\n", "a\n\nb"),
            ("a\u{2028}b\u{0}c", "a b c"),
            (" \u{200b}\n", ""),
        ] {
            assert_eq!(lines(text), kept, "{text:?}");
        }
        assert_eq!(room("a&<\u{1d11e}"), 13);
    }
}
