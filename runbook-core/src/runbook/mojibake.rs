//! Text whose UTF-8 bytes were once read in another encoding, such as `â€™` for an apostrophe.
//!
//! A search for such text finds nothing in any output, so a check built on it can never fail.

/// Mac OS Roman from 0x80 to 0xFF.
const MAC_ROMAN: &str = "ÄÅÇÉÑÖÜáàâäãåçéèêëíìîïñóòôöõúùûü†°¢£§•¶ß®©™´¨≠ÆØ∞±≤≥¥µ∂∑∏π∫ªºΩæø¿¡¬√ƒ≈∆«»…\u{a0}ÀÃÕŒœ–—“”‘’÷◊ÿŸ⁄€‹›ﬁﬂ‡·‚„‰ÂÊÁËÈÍÎÏÌÓÔ\u{f8ff}ÒÚÛÙıˆ˜¯˘˙˚¸˝˛ˇ";
/// Windows-1252 from 0x80 to 0x9F; above, it is Latin-1.
const WINDOWS_1252: &str = "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ";
/// How often a text may have been misread one time after the other.
const TIMES: usize = 3;

/// The first run of the text that holds misread UTF-8 or the replacement character.
pub(crate) fn find(text: &str) -> Option<&str> {
    if text.is_ascii() {
        return None;
    }
    let mut start = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        if !c.is_ascii() {
            start.get_or_insert(at);
        } else if let Some(run_start) = start.take() {
            let run = text.get(run_start..at).unwrap_or_default();
            if run.contains('\u{fffd}') || decode(run).is_some() {
                return Some(run);
            }
        }
    }
    None
}

/// The text as it was meant; `None` when nothing was misread, or when it cannot be told.
pub(crate) fn repair(text: &str) -> Option<String> {
    let mut meant = decode(text)?;
    for _ in 1..TIMES {
        match decode(&meant) {
            Some(again) => meant = again,
            None => break,
        }
    }
    (!meant.contains('\u{fffd}')).then_some(meant)
}

/// Decodes every misread character; `None` when there is none.
fn decode(text: &str) -> Option<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut meant = String::with_capacity(text.len());
    let mut at = 0;
    let mut decoded = false;
    let mut other_before = false;
    while let Some(&c) = chars.get(at) {
        let next = chars.get(at..).unwrap_or_default();
        let hit = if c.is_ascii() {
            None
        } else {
            [windows_byte, mac_byte].iter().find_map(|encode| misread(next, *encode, other_before))
        };
        other_before = hit.is_some_and(|(character, _)| is_other_script(character));
        match hit {
            Some((character, length)) => {
                meant.push(character);
                at += length;
                decoded = true;
            }
            None => {
                meant.push(c);
                at += 1;
            }
        }
    }
    decoded.then_some(meant)
}

/// The character whose UTF-8 bytes the first characters are in the encoding, and how many they are.
fn misread(chars: &[char], encode: fn(char) -> Option<u8>, other_before: bool) -> Option<(char, usize)> {
    let (character, length) = one(chars, encode)?;
    let other_behind = || {
        let next = chars.get(length..).and_then(|rest| one(rest, encode));
        next.is_some_and(|(next, _)| is_other_script(next))
    };
    // two accented letters or quotes side by side are common, so a pair must stand for something common, or for a
    // letter of another script with another one beside it
    let sure = length > 2
        || is_common(character)
        || (is_other_script(character) && (other_before || other_behind()));
    sure.then_some((character, length))
}

fn one(chars: &[char], encode: fn(char) -> Option<u8>) -> Option<(char, usize)> {
    let lead = encode(*chars.first()?)?;
    let length = match lead {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => return None,
    };
    let bytes: Option<Vec<u8>> = chars.get(..length)?.iter().map(|c| encode(*c)).collect();
    let bytes = bytes?;
    let character = std::str::from_utf8(&bytes).ok()?.chars().next()?;
    Some((character, length))
}

/// Latin letters with accents, signs and punctuation of Latin-1.
fn is_common(c: char) -> bool {
    matches!(c, '\u{a0}'..='\u{17f}')
}

/// Greek, Cyrillic, Hebrew, Arabic.
fn is_other_script(c: char) -> bool {
    matches!(c, '\u{370}'..='\u{52f}' | '\u{5d0}'..='\u{64a}')
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
    use super::{find, repair};

    #[test]
    fn misread_text_is_found() {
        // a cross mark, an apostrophe, an e with acute, each through the wrong encoding
        for text in ["\u{201a}\u{f9}\u{e5}", "it\u{e2}\u{20ac}\u{2122}s", "caf\u{c3}\u{a9}", "a \u{fffd} b"] {
            assert!(find(text).is_some(), "{text}");
        }
    }

    #[test]
    fn the_meaning_comes_back() {
        for meant in
            ["≥ 80 %", "❌", "→ Slack", "it’s", "café", "10× — ok", "🚨 stop", "Привет мир", "µs ≤ 5"]
        {
            for table in [super::MAC_ROMAN, super::WINDOWS_1252] {
                let wrong: String = meant.bytes().map(|byte| misread_byte(byte, table)).collect();
                assert!(find(&wrong).is_some(), "{wrong}");
                assert_eq!(repair(&wrong).as_deref(), Some(meant), "{wrong}");
            }
        }
        let twice: String = "→".bytes().map(|b| misread_byte(b, super::WINDOWS_1252)).collect();
        let twice: String = twice.bytes().map(|b| misread_byte(b, super::WINDOWS_1252)).collect();
        assert_eq!(repair(&twice).as_deref(), Some("→"));
        assert_eq!((repair("plain"), repair("a \u{fffd}")), (None, None));
    }

    fn misread_byte(byte: u8, table: &str) -> char {
        match byte {
            0..0x80 => char::from(byte),
            0xA0.. if table == super::WINDOWS_1252 => char::from(byte),
            _ => table.chars().nth(usize::from(byte) - 0x80).unwrap(),
        }
    }

    #[test]
    fn real_text_is_not() {
        for text in [
            "",
            "plain",
            "café",
            "❌ failed",
            "naïve – ok",
            "Größe",
            "日本語",
            "±5 µs",
            "señor",
            "“Übung”",
            "l’été",
            "„Äpfel“",
            "CAFÉ”",
            "10 °C…",
            "Привет",
            "≥5",
            "→ a",
            "été—là",
            "«Ça»",
        ] {
            assert_eq!(find(text), None, "{text}");
        }
    }
}
