//! Info strings, front matter and prompts, each through a document that is made around the data.

use runbook_core::runbook::{EffectSource, Level, check_variable};

use super::decoded;
use super::document::{at, check, commands};

/// The longest `timeout=`: a day.
const LONGEST_TIMEOUT_MS: u64 = 24 * 60 * 60 * 1000;

/// Any text as the attributes of a bash fence.
pub fn info_string(data: &[u8]) {
    // a line break or a backtick would end the info string, and NUL is an error of the whole document
    let inside = decoded(data).replace(['\n', '\r', '`', '\0'], " ");
    let document = check(&format!("```bash {inside}\ntrue\n```\n"));
    let commands: Vec<_> = document.steps.iter().flat_map(commands).collect();
    let [command] = commands.as_slice() else {
        panic!("a fence of one command has {}: {inside:?}", commands.len());
    };
    assert_eq!(command.text, "true\n", "{inside:?}");
    let wrong = document.diagnostics.iter().any(|found| found.level == Level::Error);
    assert!(!wrong || command.reason().is_some(), "it runs with attributes that are wrong: {document:?}");
    if let Some(ms) = command.timeout_ms {
        assert!((1..=LONGEST_TIMEOUT_MS).contains(&ms), "{command:?}");
    }
    if let Some(capture) = &command.capture {
        assert_eq!(check_variable(&capture.name), Ok(()), "{capture:?}");
        assert!(capture.max_bytes > 0 && !capture.pattern.is_empty(), "{capture:?}");
    }
    if command.effect_source == EffectSource::Declared {
        assert!(inside.contains("effect"), "nobody declared {command:?}");
    }
    if !inside.trim().is_empty() && !inside.trim_start().starts_with('{') {
        assert!(command.reason().is_some(), "text after the language is ignored: {inside:?}");
    }
}

/// Any text as front matter.
pub fn front_matter(data: &[u8]) {
    let inside = decoded(data);
    let document = check(&format!("---\n{inside}\n---\n\n# Title\n\n```bash\ntrue\n```\n"));
    let wrong = document.diagnostics.iter().any(|found| found.level == Level::Error);
    for name in document.front.params.keys() {
        assert!(wrong || check_variable(name).is_ok(), "{name:?} would steer the shell");
    }
    let ends_early = inside.lines().any(|line| matches!(line.trim_end(), "---" | "..."));
    if let Some(title) = document.front.title.as_ref().filter(|_| !ends_early) {
        assert_eq!(&document.title, title);
    }
}

/// Any text as a console session.
pub fn prompt_reader(data: &[u8]) {
    // a line of marks would end the block; without one, everything is inside it
    let inside = decoded(data).replace('`', "'").replace("\r\n", "\n").replace('\r', "\n");
    let text = format!("```console\n{inside}\n```\n");
    let document = check(&text);
    let lines: Vec<&str> = text.split('\n').collect();
    let mut last = 0;
    let runs = document.steps.iter().flat_map(commands).filter(|command| command.not_runnable.is_none());
    for command in runs {
        assert!(last < command.line, "two commands on one line, or out of order: {command:?}");
        last = command.line;
        let first = command.text.lines().next().unwrap_or_default();
        let mut there = at(&lines, command.line).is_some_and(|line| is_prompted(line, first));
        // `$ \` alone goes on in the next line, and so may that one
        let above = (1..command.line).rev().map_while(|number| at(&lines, number));
        there |= above.take_while(|line| line.ends_with('\\')).any(|line| is_prompted(line, "\\"));
        assert!(there, "output is run: {command:?}");
        for expectation in &command.expectations {
            let written = at(&lines, expectation.line).is_some_and(|line| line.contains('#'));
            assert!(written, "no comment stands where one is named: {expectation:?}");
        }
    }
}

/// Whether a command stands directly behind a mark that a prompt of this shell ends with.
fn is_prompted(line: &str, command: &str) -> bool {
    // not `match_indices`: what stands in `$ $ $` overlaps
    line.char_indices().filter(|(at, _)| line[*at..].starts_with(command)).any(|(at, _)| {
        let before = line[..at].trim();
        before.ends_with(['$', '%', '❯', '✗']) || before.starts_with('➜')
    })
}
