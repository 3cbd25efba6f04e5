//! HTML entities among the commands, as exports of wikis write them: `rm -rf /data/&lt;dir&gt;` is `rm -rf /data/ &`
//! and two other commands.

use std::borrow::Cow;

use super::super::codes;
use super::super::diagnostic::Diagnostic;
use super::super::lines::{Lines, to_u32};
use super::super::model::Command;
use super::super::shell::{Kind, lex};
use super::calls::last_line;
use super::script::Script;

/// Entities that exports write.
const NAMED: &[(&str, char)] = &[
    ("lt", '<'),
    ("gt", '>'),
    ("amp", '&'),
    ("quot", '"'),
    ("apos", '\''),
    ("nbsp", ' '),
    ("ndash", '-'),
    ("mdash", '-'),
    ("lsquo", '\''),
    ("rsquo", '\''),
    ("ldquo", '"'),
    ("rdquo", '"'),
];
/// Bytes of the longest entity.
const LONGEST: usize = 12;
/// Characters of a line that a hint repeats.
const SHOWN: usize = 120;

/// The first entity of each shell command that stands outside quotes and here-documents.
pub(super) fn entities(script: &Script<'_>, found: &mut Vec<Diagnostic>) {
    for unit in &script.units {
        let text = &*with_comment(unit.command, script.lines);
        let Some(at) = first(text) else { continue };
        let line = unit.command.line.saturating_add(to_u32(text[..at].matches('\n').count()));
        let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
        let written = text[start..].lines().next().unwrap_or_default();
        let rest = text[at..].lines().next().unwrap_or_default();
        let meant: String = decoded(written).trim().chars().take(SHOWN).collect();
        let (message, hint) = match placeholder(rest) {
            Some(written) => {
                let name = decoded(written);
                (
                    format!(
                        "`{written}` is the placeholder `{name}` written as HTML, and the shell ends a command at its `&`"
                    ),
                    format!(
                        "the line means `{meant}`: declare a parameter under `params:` and write \"$NAME\" for `{name}`"
                    ),
                )
            }
            None => {
                let written = rest.get(..entity(rest).map_or(0, |(length, _)| length)).unwrap_or_default();
                (
                    format!("`{written}` is HTML, and the shell ends a command at its `&`"),
                    format!("write `{meant}` if that is what is meant, or put the text into quotes"),
                )
            }
        };
        found.push(script.at(codes::HTML_ENTITY, line, rest, message, &hint));
    }
}

/// The command's text with a comment at its end that is none: of `echo &#39;a` the text is `echo &`.
fn with_comment<'a>(command: &'a Command, lines: &Lines<'_>) -> Cow<'a, str> {
    let text = command.text.trim_end();
    let last = text.lines().next_back().unwrap_or_default();
    let written = last.ends_with('&').then(|| lines.text_of(last_line(command.line, &command.text)));
    match written.and_then(|written| written.split_once(last)) {
        Some((_, rest)) if rest.starts_with('#') => Cow::Owned(format!("{text}{rest}\n")),
        _ => Cow::Borrowed(&command.text),
    }
}

/// Where the first entity outside quotes begins.
fn first(text: &str) -> Option<usize> {
    let here = |at: usize| text.get(at..).and_then(entity).is_some();
    // hardly any text has one, so that few are taken apart
    if !text.match_indices('&').any(|(at, _)| here(at)) {
        return None;
    }
    lex(text).tokens.iter().find_map(|token| {
        let raw = text.get(token.start..token.end)?;
        match token.kind {
            Kind::Op(_) | Kind::Redirect(_) => {
                raw.match_indices('&').map(|(at, _)| token.start + at).find(|at| here(*at))
            }
            Kind::Word(_) => bare(raw).map(|at| token.start + at).find(|at| here(*at)),
            Kind::HereDoc | Kind::Newline | Kind::Comment => None,
        }
    })
}

/// Each `&` outside quotes of a word, which only substitutions hold.
fn bare(raw: &str) -> impl Iterator<Item = usize> {
    let mut quote = None;
    let mut escaped = false;
    raw.bytes().enumerate().filter_map(move |(at, byte)| {
        if std::mem::take(&mut escaped) {
            return None;
        }
        match (quote, byte) {
            (None | Some(b'"'), b'\\') => escaped = true,
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            (None, b'&') => return Some(at),
            _ => {}
        }
        None
    })
}

/// The entity that a text begins with: its length, and what it stands for.
fn entity(text: &str) -> Option<(usize, char)> {
    let rest = text.strip_prefix('&')?;
    let end = rest.bytes().take(LONGEST).position(|byte| byte == b';')?;
    let name = rest.get(..end)?;
    let c = match name.strip_prefix('#') {
        Some(number) => {
            let number = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(number.ok()?)?
        }
        None => NAMED.iter().find(|(named, _)| *named == name)?.1,
    };
    Some((end + 2, if c == '\u{a0}' { ' ' } else { c }))
}

/// The text with a character for each entity; controls become blanks.
fn decoded(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (length, c) = entity(rest).unwrap_or((c.len_utf8(), c));
        plain.push(if c.is_control() { ' ' } else { c });
        rest = rest.get(length..).unwrap_or_default();
    }
    plain
}

/// `&lt;dir&gt;` at the beginning of a text.
fn placeholder(text: &str) -> Option<&str> {
    let inside = text.strip_prefix("&lt;")?;
    let end = inside.find("&gt;")?;
    let name = inside.get(..end)?;
    let plain = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '_' | '-' | '.');
    let fits = !name.trim().is_empty() && name.len() <= 40 && name.chars().all(plain);
    fits.then(|| text.get(.."&lt;".len() + end + "&gt;".len())).flatten()
}

#[cfg(test)]
mod tests {
    use super::super::super::parse;
    use super::*;

    #[test]
    fn entities_outside_quotes_stop_the_command() {
        let of = |text: &str| parse("x", &format!("## S\n\n```bash\n{text}\n```\n"));
        for text in [
            "rm -rf /x/data/&lt;dir&gt;",
            "ls\nls -l &gt; out",
            "ls &amp;&amp; rm a",
            "ls 2&gt;&amp;1",
            "echo &quot;a&quot;",
            "echo &#39;a&#39;",
            "echo &#x27;a&#x27;",
            "ls&nbsp;-l",
            "X=$(ls &lt;dir&gt;)",
            "ls ${X:-&lt;dir&gt;}",
            "cat &lt;&lt;EOF\na\nEOF",
        ] {
            let document = of(text);
            assert!(document.diagnostics.iter().any(|found| found.code == codes::HTML_ENTITY), "{text}");
            assert!(
                document.steps[0].commands.iter().any(|command| command.not_runnable.is_some()),
                "{text}"
            );
        }
        for text in [
            "grep '&lt;' f",
            "grep \"&lt;a&gt;\" f",
            "cat <<E\n&lt;\nE",
            "ls # &lt;",
            "ls a&b; ls",
            "lt & lt; ls",
            "curl 'http://x?a=1&lt=2;'",
            "echo \\&lt;",
            "sed s/\\&amp\\;/a/ f",
            "sleep 1 &",
            "a &lt",
            "a &unknown;",
        ] {
            let document = of(text);
            assert!(!document.diagnostics.iter().any(|found| found.code == codes::HTML_ENTITY), "{text}");
        }
        let document = of("ls\nrm -rf /x/data/&lt;dir&gt;");
        let found = document.diagnostics.iter().find(|found| found.code == codes::HTML_ENTITY).unwrap();
        assert_eq!((found.line, found.column), (5, 16));
        assert!(found.message.contains("the placeholder `<dir>`"), "{}", found.message);
        assert!(found.hint.as_deref().is_some_and(|hint| hint.contains("`rm -rf /x/data/<dir>`")));
    }
}
