//! Output as a person at a terminal would see it, and what in it is a reason for doubt.

use super::http;
use super::phrase::whole;

/// Words of a warning that takes back what the output shows.
const INCOMPLETE: &[&str] = &[
    "incomplete",
    "partial",
    "stale",
    "truncated",
    "cached",
    "outdated",
    "not all",
    "out of date",
    "skipped",
];

/// Standard output, made ready for judging.
#[derive(Debug)]
pub(crate) struct Shown {
    /// All lines, without colours; of an HTTP answer its body.
    pub(crate) all: String,
    /// The same without lines that are warnings.
    pub(crate) quiet: String,
    /// The head of an HTTP answer that has no body; empty otherwise.
    pub(crate) head: String,
    /// Whether warnings were taken out.
    pub(crate) warned: bool,
    /// Why nothing in this output may pass without a person.
    pub(crate) doubt: Option<&'static str>,
}

/// Reads standard output.
pub(crate) fn read(stdout: &str) -> Shown {
    let (text, mut doubt) = visible(stdout);
    let mut all = text;
    let mut warned = false;
    let mut head = String::new();
    if let Some(response) = http::response(after_warnings(&all)) {
        warned = after_warnings(&all).len() < all.len();
        if !(200..300).contains(&response.status) {
            doubt = doubt.or(Some("the answer's status is not a good one"));
        }
        let body = response.body.to_owned();
        if body.trim().is_empty() {
            response.head.clone_into(&mut head);
        }
        all = body;
    } else if status_behind(&all).is_some_and(|status| !(200..300).contains(&status)) {
        doubt = doubt.or(Some("the answer's status is not a good one"));
    }
    let mut quiet = String::with_capacity(all.len());
    for line in all.lines() {
        if error_line(line).is_some() {
            // judging goes by the rest, and never passes
            warned = true;
        } else if warning(line) {
            warned = true;
            doubt = doubt
                .or_else(|| takes_back(line).then_some("a warning says that the output is not complete"));
        } else {
            quiet.push_str(line);
            quiet.push('\n');
        }
    }
    Shown { all, quiet, head, warned, doubt }
}

/// What follows the warnings and empty lines at the beginning.
fn after_warnings(text: &str) -> &str {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if !(line.trim().is_empty() || warning(line)) {
            break;
        }
        at += line.len();
    }
    text.get(at..).unwrap_or_default()
}

/// What a terminal would show, and a reason to doubt that it was read rightly.
pub(crate) fn visible(text: &str) -> (String, Option<&'static str>) {
    let (plain, mut doubt) = without_escapes(text);
    let mut shown = String::with_capacity(plain.len());
    for (at, line) in plain.split('\n').enumerate() {
        if at > 0 {
            shown.push('\n');
        }
        let mut line = line.trim_end_matches('\r');
        if let Some((_, last)) = line.rsplit_once('\r') {
            // a progress display writes over its own line
            line = last;
            doubt = doubt.or(Some("a line of the output was written over"));
        }
        let trimmed = line.trim_start();
        let begins_with_digit = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit());
        if trace(line) {
            doubt = doubt.or(Some("the output holds the commands themselves (set -x)"));
            continue;
        } else if trimmed.strip_prefix("Every ").is_some_and(begins_with_digit) && trimmed.contains("s: ") {
            doubt = doubt.or(Some("the output is from watch"));
            continue;
        } else if matches!(trimmed.trim_end(), "..." | "…" | "--More--" | "[...]" | "<snip>")
            || trimmed.contains("output truncated")
            || trimmed.contains("[truncated")
            || trimmed.contains("(truncated")
        {
            doubt = doubt.or(Some("the output says that a part is left out"));
        }
        shown.push_str(line);
    }
    (shown, doubt)
}

/// A line that `set -x` or a copied terminal session prints before a command's output.
fn trace(line: &str) -> bool {
    let rest = line.trim_start_matches('+');
    let plus = rest.len() < line.len()
        && rest.starts_with(' ')
        && rest.trim_start().starts_with(char::is_alphabetic);
    plus || line.starts_with("$ ") || line.starts_with("# kubectl ")
}

/// Removes terminal sequences. Those that only colour are harmless; what moves the cursor is not.
fn without_escapes(text: &str) -> (String, Option<&'static str>) {
    const MOVED: Option<&str> = Some("the output moves the cursor");
    let mut plain = String::with_capacity(text.len());
    let mut doubt = None;
    let mut chars = text.trim_start_matches('\u{feff}').chars();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => match chars.next() {
                Some('[') => {
                    let end = chars.by_ref().find(|c| ('@'..='~').contains(c));
                    if !matches!(end, Some('m' | 'K')) {
                        doubt = doubt.or(MOVED);
                    }
                }
                // a title or a link, up to BEL or ESC \
                Some(']') => {
                    while let Some(c) = chars.next() {
                        if c == '\u{7}' {
                            break;
                        }
                        if c == '\u{1b}' {
                            chars.next();
                            break;
                        }
                    }
                }
                Some('(') => {
                    chars.next();
                }
                _ => doubt = doubt.or(MOVED),
            },
            '\u{8}' | '\u{0}' | '\u{b}' | '\u{c}' | '\u{7f}' => {
                doubt = doubt.or(Some("the output holds control characters"));
            }
            '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{ad}' => {
                doubt = doubt.or(Some("the output holds characters that cannot be seen"));
            }
            c => plain.push(c),
        }
    }
    (plain, doubt)
}

/// A line that warns, in any of the ways that programs do it.
pub(crate) fn warning(line: &str) -> bool {
    const STARTS: &[&str] = &[
        "warning:",
        "warning ",
        "[warning]",
        "[warn]",
        "warn:",
        "warn ",
        "warn[",
        "notice:",
        "hint:",
        "deprecated",
        "note:",
        "info:",
        "[info]",
        "debug:",
        "warnung:",
        "hinweis:",
        "attention :",
        "advertencia:",
        "avertissement",
        "警告",
    ];
    let line = line.trim();
    let lower: String = line.chars().take(40).collect::<String>().to_lowercase();
    let klog = line.strip_prefix(['W', 'I']).is_some_and(|rest| {
        let mut chars = rest.chars();
        chars.by_ref().take(4).filter(char::is_ascii_digit).count() == 4 && chars.next() == Some(' ')
    });
    klog || STARTS.iter().any(|start| lower.starts_with(start))
        || lower.contains(": warning:")
        || lower.contains(": [warning]")
        // Python's `DeprecationWarning: ...`
        || line.split_whitespace().take(4).any(|word| word.ends_with("Warning:"))
}

/// A warning that takes back what the output shows.
pub(crate) fn takes_back(line: &str) -> bool {
    let lower = line.to_lowercase();
    INCOMPLETE.iter().any(|word| lower.contains(word))
}

/// A line of a log, with the time in front, that is of an error level.
pub(crate) fn logged_error(output: &str) -> Option<(&str, &str)> {
    const LEVELS: &[&str] = &["ERROR", "FATAL", "CRITICAL", "PANIC", "SEVERE", "EMERG"];
    output
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with(|c: char| c.is_ascii_digit() || c == '['))
        .find_map(|line| {
            let mut words = line.split_whitespace().take(4).map(|word| word.trim_matches(['[', ']', ':']));
            words.find(|word| LEVELS.contains(word)).map(|level| (level, line))
        })
}

/// The status that `curl -w '%{http_code}'` prints behind a body.
fn status_behind(text: &str) -> Option<u64> {
    let (body, code) = text.trim().split_at_checked(text.trim().len().checked_sub(3)?)?;
    let body = body.trim();
    let is_body = body.starts_with(['{', '[', '<']) && body.ends_with(['}', ']', '>']);
    whole(code).filter(|code| is_body && (100..600).contains(code))
}

/// A line that reports an error although the command may have ended well.
pub(crate) fn error_line(output: &str) -> Option<&str> {
    const STARTS: &[&str] = &[
        "error:",
        "error ",
        "error from",
        "[error]",
        "(error)",
        "err ",
        "fatal:",
        "panic:",
        "traceback ",
        "exception ",
        "unable to ",
        "failed to ",
        "could not ",
        "couldn't ",
        "cannot ",
        "can't ",
        "psql: error",
        "curl: (",
        "usage: ",
        "fehler:",
        "fehler ",
        "erreur",
        "error de ",
        "noauth ",
        "the connection to the server ",
        "access denied",
        "permission denied",
    ];
    const INSIDE: &[&str] = &[
        ": error:",
        "no such file or directory",
        "command not found",
        ": not found",
        "permission denied",
        "connection refused",
        "was refused",
        "could not connect",
        "couldn't get ",
        "an error occurred",
        "i/o timeout",
        "no such host",
        "could not resolve host",
        "access denied",
        "broken pipe",
        "out of memory",
    ];
    // `error rate: 2 %` and `errors: 0` are not errors
    const HARMLESS: &[&str] =
        &["error rate", "error ratio", "error count", "error budget", "error percentage"];
    output.lines().map(str::trim).find(|line| {
        let lower: String = line.chars().take(400).collect::<String>().to_lowercase();
        let klog = lower.strip_prefix(['e', 'f']).is_some_and(|rest| {
            let mut chars = rest.chars();
            chars.by_ref().take(4).filter(char::is_ascii_digit).count() == 4 && chars.next() == Some(' ')
        });
        let starts = STARTS.iter().any(|start| lower.starts_with(start));
        (klog || starts || INSIDE.iter().any(|part| lower.contains(part)))
            && !HARMLESS.iter().any(|start| lower.starts_with(start))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_shows_the_last_of_what_was_written() {
        assert_eq!(visible("\u{1b}[32mok\u{1b}[0m \u{1b}[1m"), ("ok ".to_owned(), None));
        assert_eq!(visible("\u{1b}]0;title\u{7}ok"), ("ok".to_owned(), None));
        assert_eq!(visible("a\r\nb\r\n"), ("a\nb\n".to_owned(), None));
        for doubtful in
            ["on\roff", "\u{1b}[2Jok", "o\u{8}k", "+ echo ok\nok", "Every 2.0s: date\nok", "a\n...\n"]
        {
            assert!(visible(doubtful).1.is_some(), "{doubtful:?}");
        }
        assert_eq!(visible("on\roff").0, "off");
    }

    #[test]
    fn errors_and_warnings() {
        for line in [
            "Error from server (NotFound): x",
            "psql: error: connection",
            "E0102 12:00:00 x",
            "ls: x: No such file or directory",
        ] {
            assert!(error_line(&format!("a\n{line}\n")).is_some(), "{line}");
        }
        assert!(error_line("no errors\nerrors 0\nerror rate: 2%\n").is_none());
        assert!(
            warning("W0102 12:00:00.0 1 x")
                && warning("mysql: [Warning] Using a password")
                && !warning("West 1")
        );
    }

    #[test]
    fn an_answer_is_its_body() {
        let shown = read("HTTP/1.1 200 OK\r\ncontent-type: x\r\n\r\n{\"a\":1}\n");
        assert_eq!((shown.all.as_str(), shown.doubt), ("{\"a\":1}\n", None));
        assert!(read("HTTP/1.1 500 Oops\r\n\r\n{\"a\":1}").doubt.is_some());
    }
}
