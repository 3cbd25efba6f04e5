//! Lists of words that every text of a document is searched for, all of them in one look.
//!
//! Nearly every paragraph holds none of them, so what counts is how fast it is passed over: one search for each word of a
//! list takes most of the time that a document needs.

use aho_corasick::AhoCorasick;

/// A search for all of `words` at once; `folded` takes capitals for small letters (of ASCII).
#[expect(clippy::expect_used, reason = "a few dozen short words are far below every limit of the automaton")]
pub(crate) fn search(words: &[&str], folded: bool) -> AhoCorasick {
    AhoCorasick::builder().ascii_case_insensitive(folded).build(words).expect("short words")
}

/// Whether a text begins with one of these.
pub(crate) fn begins_with(text: &str, words: &[&str]) -> bool {
    let first = text.as_bytes().first();
    words.iter().any(|word| word.as_bytes().first() == first && text.starts_with(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_wherever_they_stand() {
        let signs = search(&["not", "n\u{2019}t"], true);
        for (text, found) in [
            ("Do NOT run", true),
            ("don\u{2019}t", true),
            ("DON\u{2019}T", true),
            ("no t", false),
            ("", false),
        ] {
            assert_eq!(signs.is_match(text), found, "{text}");
        }
        for (text, begins) in [("if it", true), ("i", false), ("or", true), ("", false)] {
            assert_eq!(begins_with(text, &["if ", "or"]), begins, "{text}");
        }
    }
}
