//! The one place that writes to the terminal: data on stdout, everything else on stderr.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use blocks_engine::Reply;

/// `-o text` or `-o json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Output {
    /// For people.
    #[default]
    Text,
    /// For programs: stable.
    Json,
}

/// Longest line of a list, in characters: a title is somebody else's text.
const LIST_WIDTH: usize = 200;

/// Why stdout took no more, when it did not for another reason than a reader that has gone.
static UNWRITTEN: OnceLock<String> = OnceLock::new();

/// Whether stdout was given anything.
static HAS_DATA: AtomicBool = AtomicBool::new(false);

/// Writes a reply as data.
pub(crate) fn reply(reply: &Reply, output: Output) {
    match output {
        Output::Text => data(reply.text.trim_end()),
        Output::Json => json(&reply.data),
    }
}

/// Writes a reply that is a list: one bounded line each for people, everything for programs.
pub(crate) fn list(reply: &Reply, output: Output) {
    match output {
        Output::Text => data(&reply.text.trim_end().lines().map(bounded).collect::<Vec<_>>().join("\n")),
        Output::Json => json(&reply.data),
    }
}

/// Writes one JSON value on a line.
pub(crate) fn json(value: &serde_json::Value) {
    out(&escaped(&value.to_string()));
}

/// Writes a line of JSON. Its bytes arrive as they are in files and programs; a terminal gets the same value with what
/// would steer it as escapes.
pub(crate) fn raw_line(line: &str) {
    if std::io::stdout().is_terminal() { out(&escaped(line)) } else { out(line) }
}

/// Writes text for people to stdout.
pub(crate) fn data(text: &str) {
    out(&harmless(text));
}

/// Writes text for people to stderr.
pub(crate) fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{}", harmless(text));
}

/// Writes an error to stderr, in the house's form.
pub(crate) fn error(text: &str) {
    note(&format!("error: {text}"));
}

/// Writes an error as JSON to stdout too, for who reads one document there; not after another document.
pub(crate) fn error_document(text: &str) {
    if HAS_DATA.load(Ordering::Relaxed) {
        return;
    }
    json(&error_value(text));
}

fn error_value(text: &str) -> serde_json::Value {
    let coded = text.split_once(": ").filter(|(code, _)| code.starts_with("RB") && !code.contains(' '));
    let (code, error) = coded.map_or((None, text), |(code, error)| (Some(code), error));
    serde_json::json!({ "error": error, "code": code })
}

/// Asks for a line, on stderr.
pub(crate) fn prompt(text: &str) {
    let mut stderr = std::io::stderr();
    let _ = write!(stderr, "{}", harmless(text)).and_then(|()| stderr.flush());
}

/// Writes a line on stderr that the next one takes the place of; an empty one takes it away. For a terminal.
pub(crate) fn status(text: &str) {
    let mut stderr = std::io::stderr();
    let _ = write!(stderr, "\r\u{1b}[K{}", harmless(text)).and_then(|()| stderr.flush());
}

/// Remembers that stdout took no more. A closed pipe is no failure: the reader has what it wanted.
pub(crate) fn remember(error: &std::io::Error) {
    if error.kind() != std::io::ErrorKind::BrokenPipe {
        let _ = UNWRITTEN.set(error.to_string());
    }
}

/// Why not everything could be written.
pub(crate) fn unwritten() -> Option<&'static str> {
    UNWRITTEN.get().map(String::as_str)
}

fn out(line: &str) {
    HAS_DATA.store(true, Ordering::Relaxed);
    let mut stdout = std::io::stdout().lock();
    if let Err(error) = writeln!(stdout, "{line}").and_then(|()| stdout.flush()) {
        remember(&error);
    }
}

/// Characters that steer a terminal or turn the direction of what is read. Titles, output of commands and names come
/// from others, and must not move the cursor, colour, retitle or disguise what stands beside them.
fn steers(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\t'))
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn harmless(text: &str) -> String {
    text.chars().map(|c| if steers(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// The same JSON value, with what would steer a terminal written as escapes (they only occur inside strings).
fn escaped(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        if steers(c) {
            let _ = write!(safe, "\\u{:04x}", u32::from(c));
        } else {
            safe.push(c);
        }
    }
    safe
}

fn bounded(line: &str) -> String {
    match line.char_indices().nth(LIST_WIDTH) {
        Some((end, _)) => format!("{}\u{2026}", line.get(..end).unwrap_or(line)),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_shown_and_not_obeyed() {
        for (text, wanted) in [
            ("a\tb\nc \u{e9} \u{4e2d}", "a\tb\nc \u{e9} \u{4e2d}"),
            ("\u{1b}[2J\u{1b}]0;x\u{7}", "\u{fffd}[2J\u{fffd}]0;x\u{fffd}"),
            ("ok\rBAD\u{8}\u{7f}\0", "ok\u{fffd}BAD\u{fffd}\u{fffd}\u{fffd}"),
            ("\u{9b}31m", "\u{fffd}31m"),
            ("\u{202e}evil\u{2066}\u{2069}\u{202a}", "\u{fffd}evil\u{fffd}\u{fffd}\u{fffd}"),
        ] {
            assert_eq!(harmless(text), wanted);
        }
    }

    #[test]
    fn json_keeps_its_value() {
        let value = serde_json::json!({ "title": "\u{9b}31m \u{202e}x \u{1b}[0m \u{7f} \u{e9}" });
        let safe = escaped(&value.to_string());
        assert!(!safe.chars().any(steers), "{safe}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap(), value);
    }

    #[test]
    fn an_error_is_a_document_with_its_code() {
        for (text, code, error) in [
            ("RB0025: 2 runs fit; hint: name one", Some("RB0025"), "2 runs fit; hint: name one"),
            ("no code: at all", None, "no code: at all"),
        ] {
            assert_eq!(error_value(text), serde_json::json!({ "error": error, "code": code }));
        }
    }

    #[test]
    fn a_line_of_a_list_is_bounded() {
        assert_eq!(bounded("short"), "short");
        assert_eq!(bounded(&"\u{e9}".repeat(LIST_WIDTH)).chars().count(), LIST_WIDTH);
        assert_eq!(bounded(&"\u{e9}".repeat(LIST_WIDTH + 1)).chars().count(), LIST_WIDTH + 1);
        assert!(bounded(&"x".repeat(9_999)).ends_with('\u{2026}'));
    }
}
