//! Characters that a text program put in the place of those that a shell knows: curly quotes, long dashes, blanks that
//! are none.
//!
//! Inside quotes and here-documents they are text and left alone.

use super::shell::{Kind, Token};

/// Characters of the repaired line that are shown.
const SHOWN: usize = 160;
/// Programs to which a dash alone is text.
const SHOWING: &[&str] = &["echo", "printf", "git", "logger", "wall"];

/// What a shell takes for a part of a word although it is meant to be syntax.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Odd {
    /// First byte of the character.
    pub(crate) at: usize,
    /// The character as a person calls it.
    pub(crate) what: &'static str,
    /// The character itself.
    pub(crate) written: char,
    /// The line as it was probably meant.
    pub(crate) meant: String,
}

/// The first such character outside quotes. The tokens' offsets count from `begin` bytes before the text.
pub(crate) fn find(text: &str, tokens: &[Token<'_>], begin: usize) -> Option<Odd> {
    let mut program = None;
    for token in tokens {
        match &token.kind {
            Kind::Word(word) => {
                let program = *program.get_or_insert((token.start, word.text()));
                if word.quoted || word.text().is_ascii() {
                    continue;
                }
                let start = token.start.saturating_sub(begin);
                let written = text.get(start..token.end.saturating_sub(begin))?;
                let first = program.0 == token.start;
                if let Some((at, character, what)) = in_word(written, first, program.1) {
                    let at = start + at;
                    return Some(Odd { at, what, written: character, meant: repaired(line_of(text, at)) });
                }
            }
            Kind::Op(_) | Kind::Newline => program = None,
            _ => {}
        }
    }
    None
}

fn in_word(word: &str, first: bool, program: &str) -> Option<(usize, char, &'static str)> {
    if let Some((at, found)) = word.char_indices().find(|&(_, c)| plain(c).is_some()) {
        let what = match found {
            '\u{2018}'..='\u{201f}' => "a curly quote",
            _ => "a character that looks like a blank, or like nothing,",
        };
        return Some((at, found, what));
    }
    let dash = word.chars().next().filter(|c| matches!(c, '–' | '—' | '−' | '‑' | '‐'))?;
    let rest = word.get(dash.len_utf8()..)?;
    let option = rest.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '–' | '—'));
    let alone = rest.is_empty() && !SHOWING.contains(&program);
    (!first && (option || alone)).then_some((0, dash, "a dash of printed text"))
}

/// What stands for a character that no keyboard writes into a command; `None` for all others.
fn plain(c: char) -> Option<&'static str> {
    Some(match c {
        '\u{2018}'..='\u{201b}' => "'",
        '\u{201c}'..='\u{201f}' => "\"",
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => " ",
        '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' | '\u{ad}' => "",
        _ => return None,
    })
}

fn line_of(text: &str, at: usize) -> &str {
    let begin = text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
    text.get(begin..).and_then(|rest| rest.lines().next()).unwrap_or_default()
}

/// The line with what a keyboard writes in the place of such characters.
fn repaired(line: &str) -> String {
    let mut meant = String::new();
    let mut before = ' ';
    let mut chars = line.trim().chars().peekable();
    while let Some(c) = chars.next() {
        match (c, plain(c)) {
            (_, Some(plain)) => meant.push_str(plain),
            ('–' | '—' | '−', _) if before.is_whitespace() || before == '\u{a0}' => {
                // one letter behind it makes it a short option
                let mut ahead = chars.clone();
                let short = ahead.next().is_some_and(char::is_alphanumeric)
                    && ahead.next().is_none_or(|next| !next.is_alphanumeric() && !matches!(next, '-'));
                meant.push_str(if short { "-" } else { "--" });
                while chars.next_if(|next| matches!(next, '–' | '—' | '-')).is_some() {}
            }
            ('–' | '—' | '−' | '‑' | '‐', _) => meant.push('-'),
            _ => meant.push(c),
        }
        before = c;
    }
    if meant.chars().count() > SHOWN {
        meant = meant.chars().take(SHOWN - 1).chain(['…']).collect();
    }
    meant
}

#[cfg(test)]
mod tests {
    use super::super::shell::lex;
    use super::*;

    #[test]
    fn what_a_keyboard_does_not_write_is_found_and_repaired() {
        let rows = [
            ("echo “a b”\n", Some("echo \"a b\"")),
            ("grep ‘x’ f\n", Some("grep 'x' f")),
            ("kubectl get pods –n shop\n", Some("kubectl get pods -n shop")),
            ("kubectl get pods —all-namespaces\n", Some("kubectl get pods --all-namespaces")),
            ("kubectl get pods –-watch\n", Some("kubectl get pods --watch")),
            ("kubectl exec web — ls\n", Some("kubectl exec web -- ls")),
            ("ls\n  kubectl\u{a0}get pods\n", Some("kubectl get pods")),
            ("ls \u{200b}/srv\n", Some("ls /srv")),
            ("\u{feff}ls /srv\n", Some("ls /srv")),
            ("ls −l\n", Some("ls -l")),
            // text
            ("echo \"it’s – fine\"\n", None),
            ("git commit -m 'a — b'\n", None),
            ("echo a – b\n", None),
            ("ls # it’s\n", None),
            ("cat <<E\nit’s – fine\u{a0}\nE\n", None),
            ("ls a–b /srv/ünïcode\n", None),
            ("echo ✓ …\n", None),
        ];
        for (text, meant) in rows {
            let found = find(text, &lex(text).tokens, 0);
            assert_eq!(found.as_ref().map(|found| found.meant.as_str()), meant, "{text}");
            if let Some(found) = found {
                assert!(text.get(found.at..).is_some_and(|rest| rest.starts_with(found.written)), "{text}");
            }
        }
    }
}
