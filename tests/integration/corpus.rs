//! Real runbooks: the parser against what CommonMark says about each file of the collection beside the checkout.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use runbook_core::runbook::{CodeBlock, Command, CommandKind, Document, Step, parse_bytes, placeholders};
use serde_json::{Value, json};

/// Files that the collection has.
const FILES: usize = 70;

/// `BLOCKS_SHARED`, or the folder `shared` beside the checkout.
fn shared() -> PathBuf {
    std::env::var_os("BLOCKS_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from)
}

fn differences(facts: &Value, document: &Document) -> Vec<String> {
    let mut differences = Vec::new();
    let mut compare = |what: &str, expected: Value, found: Value| {
        if expected != found {
            differences.push(format!("{what}\n  expected {expected}\n  found    {found}"));
        }
    };
    let found = document.headings.iter().map(|h| json!([h.level, h.line, h.text])).collect();
    compare("headings", facts["headings"].clone(), found);
    let (fenced, indented): (Vec<_>, Vec<_>) = document.blocks.iter().partition(|block| block.fenced);
    let fence = |block: &CodeBlock| {
        json!({
            "lang": block.language, "info": block.info, "start": block.line_start, "end": block.line_end,
            "in_list": block.in_list, "closed": block.closed,
        })
    };
    compare("fences", facts["fences"].clone(), fenced.into_iter().map(fence).collect());
    let found = indented.into_iter().map(|block| json!([block.line_start, block.line_end])).collect();
    compare("indented code", facts["indented_code"].clone(), found);
    differences
}

#[test]
fn the_collection_is_read_as_commonmark_reads_it() {
    let folder = shared().join("corpus");
    let Ok(key) = std::fs::read_to_string(folder.join("facts.json")) else {
        println!("not run: no collection of real runbooks beside the checkout ({})", folder.display());
        return;
    };
    let facts: BTreeMap<String, Value> = serde_json::from_str(&key).unwrap();
    let mut failures = Vec::new();
    let mut read = 0;
    for (path, facts) in &facts {
        let bytes = std::fs::read(folder.join(path)).unwrap();
        let document = parse_bytes("x", &bytes);
        read += 1;
        failures.extend(
            differences(facts, &document).into_iter().map(|difference| format!("{path}: {difference}")),
        );
    }
    println!("read {read} files");
    assert_eq!(read, FILES, "another number of files than the collection had");
    assert!(failures.is_empty(), "{} differences:\n{}", failures.len(), failures.join("\n"));
}

/// The text with a word in the place of each placeholder.
fn without_placeholders(command: &Command) -> String {
    let mut text = command.text.clone();
    for found in placeholders::find(&command.text).into_iter().rev() {
        text.replace_range(found.start..found.end, &"P".repeat(found.end - found.start));
    }
    text
}

/// Whether bash takes the text; nothing of it runs.
#[expect(clippy::disallowed_methods, reason = "bash -n reads a text and runs nothing of it")]
fn bash_takes(text: &str) -> bool {
    let mut bash = std::process::Command::new("bash")
        .args(["--noprofile", "--norc", "-n"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    bash.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = bash.wait_with_output().unwrap();
    // of some faults bash tells, and ends with 0 all the same
    output.status.success() && output.stderr.is_empty()
}

const REFUSED: &str = "bash would refuse its text";

#[test]
fn what_bash_takes_is_not_refused() {
    let folder = shared().join("corpus/runbooks");
    let Ok(files) = std::fs::read_dir(&folder) else {
        println!("not run: no collection of real runbooks beside the checkout ({})", folder.display());
        return;
    };
    let (mut compared, mut refused_by_both, mut missed, mut wrong) = (0, 0, Vec::new(), Vec::new());
    for file in files {
        let path = file.unwrap().path();
        let document = parse_bytes("x", &std::fs::read(&path).unwrap());
        for (_, command) in document.steps.iter().flat_map(Step::all_commands) {
            let refused = command.not_runnable.as_deref().is_some_and(|why| why.starts_with(REFUSED));
            // another reason says nothing about the text, and hides this one
            if command.kind != CommandKind::Shell || (command.not_runnable.is_some() && !refused) {
                continue;
            }
            compared += 1;
            let place = format!("{}:{}", path.display(), command.line);
            match (bash_takes(&without_placeholders(command)), refused) {
                (true, true) => wrong.push(place),
                (false, true) => refused_by_both += 1,
                (false, false) => missed.push(place),
                (true, false) => {}
            }
        }
    }
    println!(
        "compared {compared} commands: {refused_by_both} refused by both, {} only by bash",
        missed.len()
    );
    println!("{}", missed.join("\n"));
    assert!(compared > 200, "only {compared} commands");
    assert!(wrong.is_empty(), "bash takes these:\n{}", wrong.join("\n"));
}

/// Texts put together at random of what the shell's grammar is made of.
#[test]
fn no_text_that_bash_takes_is_refused() {
    const WORDS: &[&str] = &[
        "if",
        "then",
        "elif",
        "else",
        "fi",
        "for",
        "while",
        "until",
        "do",
        "done",
        "case",
        "esac",
        "in",
        "{",
        "}",
        "(",
        ")",
        "((1))",
        "[[",
        "]]",
        ";",
        ";",
        ";",
        ";;",
        "&&",
        "||",
        "|",
        "&",
        "\n",
        "\n",
        "a",
        "a",
        "b",
        "x=1",
        "x=(1)",
        "!",
        "time",
        "f()",
        "function",
        ">o",
        "<i",
        "# c\n",
        "$(a)",
        "'q'",
        "select",
        "<<E\nh\nE\n",
    ];
    const SHAPES: &[&str] = &[
        "if a; then b; fi",
        "for x in a b; do a; done",
        "while a; do b; done",
        "case a in b) a;; esac",
        "{ a; }",
        "( a )",
        "f() { a; }",
        "[[ a ]]",
        "a && b",
        "a | b",
    ];
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut number = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    let (mut taken, mut both, mut missed, mut wrong) = (0, 0, 0, Vec::new());
    for _ in 0..1500 {
        // a good text with a few words exchanged, left out or put in
        let mut words: Vec<&str> = Vec::new();
        for _ in 0..=number(2) {
            words.extend(SHAPES[number(SHAPES.len())].split(' '));
            words.push([";", "\n", "&&", ""][number(4)]);
        }
        for _ in 0..number(4) {
            let at = number(words.len());
            match number(3) {
                0 => words[at] = WORDS[number(WORDS.len())],
                1 => words.insert(at, WORDS[number(WORDS.len())]),
                _ => _ = words.remove(at),
            }
            if words.is_empty() {
                words.push("a");
            }
        }
        let text = format!("{}\n", words.join(" "));
        // of an empty condition bash says nothing before it runs
        if text.contains("[[ ]]") {
            continue;
        }
        let document = parse_bytes("x", format!("# T\n\n## S\n\n```bash {{name=a}}\n{text}```\n").as_bytes());
        let Some(command) = document.steps.first().and_then(|step| step.commands.first()) else { continue };
        let why = command.not_runnable.as_deref().unwrap_or_default();
        let refused = why.starts_with(REFUSED) || why.starts_with("its text ends inside");
        match (bash_takes(&command.text), refused) {
            (true, true) => wrong.push(format!("{:?}: {why}", command.text)),
            (true, false) => taken += 1,
            (false, true) => both += 1,
            (false, false) => missed += 1,
        }
    }
    println!("bash takes {taken}; refused by both {both}, only by bash {missed}");
    assert!(wrong.is_empty(), "bash takes these:\n{}", wrong.join("\n"));
}
