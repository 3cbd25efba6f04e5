//! Text whose UTF-8 bytes were once read in another encoding, such as `â€™` for an apostrophe.
//!
//! A search for such text finds nothing in any output, so a check built on it can never fail.

/// Mac OS Roman from 0x80 to 0xFF.
const MAC_ROMAN: &str = "ÄÅÇÉÑÖÜáàâäãåçéèêëíìîïñóòôöõúùûü†°¢£§•¶ß®©™´¨≠ÆØ∞±≤≥¥µ∂∑∏π∫ªºΩæø¿¡¬√ƒ≈∆«»…\u{a0}ÀÃÕŒœ–—“”‘’÷◊ÿŸ⁄€‹›ﬁﬂ‡·‚„‰ÂÊÁËÈÍÎÏÌÓÔ\u{f8ff}ÒÚÛÙıˆ˜¯˘˙˚¸˝˛ˇ";
/// Windows-1252 from 0x80 to 0x9F; above, it is Latin-1.
const WINDOWS_1252: &str = "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ";

/// The first run of the text that is misread UTF-8 or holds the replacement character.
pub(crate) fn find(text: &str) -> Option<&str> {
    let mut start = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        if !c.is_ascii() {
            start.get_or_insert(at);
        } else if let Some(run_start) = start.take() {
            let run = &text[run_start..at];
            if run.contains('\u{fffd}') || is_misread(run) {
                return Some(run);
            }
        }
    }
    None
}

/// Whether the run, written in one of the two encodings, is well-formed UTF-8 of fewer characters.
fn is_misread(run: &str) -> bool {
    [mac_byte as fn(char) -> Option<u8>, windows_byte].iter().any(|encode| {
        let bytes: Option<Vec<u8>> = run.chars().map(encode).collect();
        bytes.is_some_and(|bytes| std::str::from_utf8(&bytes).is_ok())
    })
}

fn mac_byte(c: char) -> Option<u8> {
    MAC_ROMAN.chars().position(|known| known == c).and_then(|at| u8::try_from(at + 0x80).ok())
}

fn windows_byte(c: char) -> Option<u8> {
    match u32::from(c) {
        code @ 0xA0..=0xFF => u8::try_from(code).ok(),
        _ => WINDOWS_1252.chars().position(|known| known == c).and_then(|at| u8::try_from(at + 0x80).ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn misread_text_is_found() {
        // a cross mark, an apostrophe, an e with acute, each through the wrong encoding
        for text in ["\u{201a}\u{f9}\u{e5}", "it\u{e2}\u{20ac}\u{2122}s", "caf\u{c3}\u{a9}", "a \u{fffd} b"] {
            assert!(find(text).is_some(), "{text}");
        }
    }

    #[test]
    fn real_text_is_not() {
        for text in ["", "plain", "café", "❌ failed", "naïve – ok", "Größe", "日本語", "±5 µs", "señor"]
        {
            assert_eq!(find(text), None, "{text}");
        }
    }
}
