//! Files that a command reads and no earlier one writes.

use std::collections::BTreeSet;

use super::super::codes;
use super::super::diagnostic::Diagnostic;
use super::calls::Call;
use super::script::Script;

/// Programs that only read the files they are given.
const READERS: &[&str] = &[
    "cat", "head", "tail", "less", "more", "grep", "egrep", "wc", "sort", "jq", "ls", "test", "[", "for",
    "done",
];

/// Goes through the calls in order; a file is written once any earlier call that is no reader mentions it.
pub(super) fn unwritten(script: &Script<'_>, found: &mut Vec<Diagnostic>) {
    // few documents read such a file, and only for those it is asked what is written
    let reads_made = |call: &Call<'_>| read_files(call).iter().any(|path| looks_made(path, call));
    if !script.all_calls().any(|(_, call)| reads_made(call)) {
        return;
    }
    let mut written: BTreeSet<&str> = BTreeSet::new();
    let mut noted: BTreeSet<&str> = BTreeSet::new();
    let mut elsewhere = false;
    let mut chapter = 0;
    for (unit, call) in script.all_calls() {
        if script.chapter_of(unit.command.line) != chapter {
            chapter = script.chapter_of(unit.command.line);
            elsewhere = false;
        }
        // what a clone or a change of folder brings is not known
        elsewhere |= matches!(call.program(), "cd" | "pushd" | "git" | "tar" | "unzip" | "wget" | "make");
        for path in read_files(call) {
            let relative = !path.starts_with('/');
            // `<file>` reads as two redirections
            let placeholder = !unit.command.placeholders.is_empty();
            let known = written.contains(base(path)) || (relative && elsewhere) || call.remote || placeholder;
            if !known && looks_made(path, call) && noted.insert(path) {
                found.push(script.at(
                    codes::UNWRITTEN_FILE,
                    call.line,
                    path,
                    format!("`{path}` is read, and no earlier command of this runbook writes it"),
                    "write it in an earlier command, capture the value with capture=, or declare a parameter",
                ));
            }
        }
        for (op, target) in &call.redirects {
            if op.contains('>') {
                written.insert(base(target));
            }
        }
        if !READERS.contains(&call.program()) {
            for word in &call.args {
                // `-o out.txt`, `of=out.txt`, `--output=out.txt`, and a script that names it
                for part in word.value.split(|c: char| c.is_whitespace() || "=\"'();<>|,:".contains(c)) {
                    written.insert(base(part));
                }
            }
        }
    }
}

fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// `cat f`, `done < f`, `xargs -a f`, `$(< f)`.
fn read_files<'c>(call: &'c Call<'_>) -> Vec<&'c str> {
    let from_input = |call: &Call<'_>| -> bool { matches!(call.program(), "done" | "cat" | "" | "xargs") };
    let mut files: Vec<&str> = match call.program() {
        "cat" if !call.writes_file() => call.operands().collect(),
        "xargs" => call
            .args
            .windows(2)
            .filter(|pair| matches!(pair[0].text(), "-a" | "--arg-file"))
            .map(|pair| pair[1].text())
            .collect(),
        _ => Vec::new(),
    };
    if from_input(call) {
        files.extend(call.redirects.iter().filter(|(op, _)| op == "<").map(|(_, target)| &**target));
    }
    files
}

/// A file that a run makes rather than one that lies in the repository: in /tmp, or a list without a folder.
fn looks_made(path: &str, call: &Call<'_>) -> bool {
    if path.is_empty() || path.contains(['$', '*', '?', '~', '<', '{', '[', '`']) {
        return false;
    }
    if let Some(rest) = path.strip_prefix("/tmp/") {
        return !rest.is_empty();
    }
    let name = path.strip_prefix("./").unwrap_or(path);
    let loops = call.program == "done" || call.program == "xargs" || call.captured;
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let made = matches!(ending, "txt" | "csv" | "tsv" | "list" | "lst" | "out" | "tmp" | "ids" | "log");
    !name.contains('/')
        && (made
            || (loops && ending.is_empty() && !name.starts_with('.') && name.chars().any(char::is_lowercase)))
}
