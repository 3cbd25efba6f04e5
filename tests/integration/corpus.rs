//! Real runbooks: the parser against what CommonMark says about each file of the collection beside the checkout.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use runbook_core::runbook::{CodeBlock, Document, parse_bytes};
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
