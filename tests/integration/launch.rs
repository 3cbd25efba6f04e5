//! The launch runbook that this project began with, as it was written: each of its traps has a finding on its line.
//!
//! The documents are not part of the repository; without them beside it this says "not run".

use std::path::Path;

use blocks_tests::repository;
use runbook_core::runbook::{Document, parse};

/// Code, and the lines on which it must stand; several where the finding may point at either.
const TRAPS: &[(&str, &[u32])] = &[
    // a query that divides a series by itself, a quantile per pod, a rate per second times hours
    ("RB0148", &[537]),
    ("RB0150", &[540]),
    ("RB0149", &[543]),
    // a page without its payload
    ("RB0151", &[221, 222]),
    // a loop that ignores its variable, over a file that nothing writes
    ("RB0142", &[596]),
    ("RB0143", &[596]),
    // kubectl without a namespace
    ("RB0112", &[573]),
    ("RB0112", &[598]),
    ("RB0112", &[678]),
    ("RB0155", &[772]),
    // quotes that kubectl does not print
    ("RB0147", &[648]),
    // a search for misread text
    ("RB0113", &[331]),
    // two rollbacks in a row return to the bad version
    ("RB0111", &[644]),
    // keys on the screen
    ("RB0141", &[145]),
    // misread text in prose, in an item and in a message
    ("RB0152", &[157]),
    ("RB0152", &[187]),
    // the last resort, which nothing looks at afterwards and nothing undoes
    ("RB0153", &[678]),
    ("RB0140", &[573]),
    ("RB0140", &[678]),
];

/// Codes that would be wrong about this document.
const ABSENT: &[(&str, u32)] =
    &[("RB0113", 439), ("RB0143", 171), ("RB0145", 76), ("RB0151", 195), ("RB0142", 583)];

/// What its `# Expected:` lines ask for, by line: who judges them is settled with the source documents.
const EXPECTED: &[(u32, &str)] = &[
    (69, "ratio"),
    (73, "number"),
    (77, "pairs"),
    (149, "pairs"),
    (172, "person"),
    (197, "person"),
    (223, "person"),
    (332, "count"),
    (439, "ratio"),
    (443, "number"),
    (447, "http_status"),
    (451, "person"),
    (590, "count"),
    (604, "pairs"),
    (607, "pairs"),
    (648, "text"),
    (655, "text"),
    (659, "person"),
];

fn documents() -> Vec<Document> {
    let folder = repository().parent().map(|parent| parent.join("shared/seeds"));
    let Some(Ok(entries)) = folder.as_deref().map(std::fs::read_dir) else { return Vec::new() };
    let mut paths: Vec<_> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    paths.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("001")));
    let read = |path: &Path| {
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    paths.iter().map(|path| parse("launch", &read(path))).collect()
}

#[test]
fn every_trap_of_the_launch_runbook_has_a_finding() {
    let documents = documents();
    if documents.is_empty() {
        println!("not run: the source documents are not beside the checkout");
        return;
    }
    println!("read {} file(s)", documents.len());
    for document in &documents {
        let found = |code: &str, line: u32| {
            document
                .diagnostics
                .iter()
                .any(|finding| finding.code.to_string() == code && finding.line == line)
        };
        for (code, lines) in TRAPS {
            let near: Vec<_> = document
                .diagnostics
                .iter()
                .filter(|finding| finding.code.to_string() == *code)
                .map(|f| f.line)
                .collect();
            assert!(
                lines.iter().any(|line| found(code, *line)),
                "{code} is not on {lines:?}, only on {near:?}"
            );
        }
        for (code, line) in ABSENT {
            assert!(!found(code, *line), "{code} on line {line} is wrong");
        }
        let kinds: Vec<_> = document
            .steps
            .iter()
            .flat_map(|step| &step.commands)
            .flat_map(|command| &command.expectations)
            .filter(|one| EXPECTED.iter().any(|(line, _)| *line == one.line))
            .map(|one| (one.line, one.check.kind()))
            .collect();
        assert_eq!(kinds, EXPECTED);
        // the check that can never fail does not run
        let blind = document
            .steps
            .iter()
            .flat_map(|step| &step.commands)
            .find(|command| command.text.contains("grep \"‚"));
        assert!(blind.is_some_and(|command| command.reason().is_some()), "{blind:?}");
    }
}
