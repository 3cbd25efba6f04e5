//! The way from a document's text to its meaning.

use super::blocks::{self, Block};
use super::codes;
use super::frontmatter;
use super::hash::sha256_hex;
use super::lines::Lines;
use super::lints;
use super::model::{Document, FrontMatter};
use super::steps::Builder;

/// The largest document that is understood, in bytes (1 MiB); real runbooks stay below a tenth of it.
pub const MAX_DOCUMENT_BYTES: usize = 1 << 20;

/// Understands a runbook. `name` is its file name without `.md`.
///
/// Any text gives a document. Errors and warnings are in [`Document::diagnostics`], in document order.
#[must_use]
pub fn parse(name: &str, text: &str) -> Document {
    let sha256 = sha256_hex(text.as_bytes());
    if text.len() > MAX_DOCUMENT_BYTES {
        return too_large(name, sha256);
    }
    let lines = Lines::new(text);
    let front = frontmatter::parse(text, &lines);
    let blocks = blocks::read(text, front.body, &lines);
    let title =
        front.front.title.clone().or_else(|| first_heading(&blocks)).unwrap_or_else(|| name.to_owned());
    let mut builder = Builder::new(&title, &lines);
    for block in &blocks {
        builder.block(block);
    }
    let built = builder.finish();
    let mut document = Document {
        name: name.to_owned(),
        title,
        front: front.front,
        headings: Vec::new(),
        blocks: Vec::new(),
        links: Vec::new(),
        sections: Vec::new(),
        steps: built.steps,
        params: Vec::new(),
        diagnostics: front.diagnostics,
        sha256,
    };
    document.diagnostics.extend(built.diagnostics);
    let found = lints::check(&mut document, &blocks, &built.boxes, &lines);
    document.diagnostics.extend(found);
    lints::silence(&mut document, &blocks, &lines);
    document.diagnostics.sort_by_key(|d| (d.line, d.column, d.code));
    document
}

fn too_large(name: &str, sha256: String) -> Document {
    let finding = codes::finding(
        codes::TOO_LARGE,
        (1, 1),
        format!("the document is larger than {MAX_DOCUMENT_BYTES} bytes, so it is not read"),
        "split it into several runbooks",
    );
    Document {
        name: name.to_owned(),
        title: name.to_owned(),
        front: FrontMatter::default(),
        headings: Vec::new(),
        blocks: Vec::new(),
        links: Vec::new(),
        sections: Vec::new(),
        steps: Vec::new(),
        params: Vec::new(),
        diagnostics: vec![finding],
        sha256,
    }
}

fn first_heading(blocks: &[Block]) -> Option<String> {
    blocks.iter().find_map(|block| match block {
        Block::Heading { level: 1, text, .. } if !text.is_empty() => Some(text.clone()),
        _ => None,
    })
}
