//! The way from a document's text to its meaning.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::codes;
use super::conditional;
use super::diagnostic::{Code, Diagnostic};
use super::frontmatter;
use super::lines::{Lines, to_u32};
use super::lints;
use super::markdown;
use super::model::{Document, FrontMatter, Step};
use super::outline::STOPPED;
use super::params;
use super::steps::{Builder, Built, Reading};
use super::variables;

/// The largest document that is understood, in bytes (256 MiB). Real runbooks stay far below [`LARGE_DOCUMENT_BYTES`].
pub const MAX_DOCUMENT_BYTES: usize = 256 << 20;

/// Above this size in bytes (1 MiB) a document gets a warning: nobody can follow it in an incident.
pub const LARGE_DOCUMENT_BYTES: usize = 1 << 20;

/// Findings of one code that are listed; people read the first few, and a hostile document may cause millions.
const MOST_FINDINGS: usize = 1000;

/// Understands a runbook. `name` is its file name without `.md`.
///
/// Any text gives a document. Errors and warnings are in [`Document::diagnostics`], in document order. Of one code,
/// a thousand findings are listed, and a last one says how many more there are.
#[must_use]
pub fn parse(name: &str, text: &str) -> Document {
    understand(name, text, None)
}

/// Understands a runbook from the bytes of its file. `name` is its file name without `.md`.
///
/// Bytes that are not UTF-8 are shown as replacement characters and are an error (`RB0125`), so that such a document
/// is never planned.
#[must_use]
pub fn parse_bytes(name: &str, bytes: &[u8]) -> Document {
    if bytes.len() > MAX_DOCUMENT_BYTES {
        return too_large(name);
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => understand(name, text, None),
        Err(error) => {
            let finding = not_utf8(bytes, error.valid_up_to());
            understand(name, &String::from_utf8_lossy(bytes), Some(finding))
        }
    }
}

/// Points at the first byte that is not UTF-8.
fn not_utf8(bytes: &[u8], first: usize) -> Diagnostic {
    let count = bytes.utf8_chunks().filter(|chunk| !chunk.invalid().is_empty()).count();
    let before = String::from_utf8_lossy(bytes.get(..first).unwrap_or_default());
    let before = lone_returns_as_line_ends(&before);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let byte = bytes.get(first).copied().unwrap_or_default();
    let places = if count == 1 {
        "at this place".to_owned()
    } else {
        format!("here and at {} other places", count - 1)
    };
    codes::finding(
        codes::NOT_UTF8,
        (to_u32(line), to_u32(column)),
        format!("the document is not UTF-8 {places}: the first such byte is 0x{byte:02x}"),
        "save the file as UTF-8",
    )
}

fn understand(name: &str, text: &str, not_utf8: Option<Diagnostic>) -> Document {
    if text.len() > MAX_DOCUMENT_BYTES {
        return too_large(name);
    }
    let text = lone_returns_as_line_ends(text);
    let lines = Lines::new(&text);
    let front = frontmatter::parse(&text, &lines);
    let built = build(name, &text, &front.front, front.body, &lines);
    let title = front.front.title.clone().or(built.title).unwrap_or_else(|| name.to_owned());
    let mut document = Document {
        name: name.to_owned(),
        title,
        front: front.front,
        headings: built.headings,
        blocks: built.blocks,
        links: built.links,
        allowed_remarks: Vec::new(),
        sections: built.sections,
        steps: built.steps,
        text_items: built.text_items,
        params: Vec::new(),
        diagnostics: front.diagnostics,
        sha256: None,
    };
    let is_utf8 = not_utf8.is_none();
    document.diagnostics.extend(not_utf8);
    document.diagnostics.extend(about_the_text(&text, &lines));
    document.diagnostics.extend(built.diagnostics);
    let unset = variables::settle(&mut document, &lines);
    document.diagnostics.extend(unset);
    document.params = params::collect(&document, &front.param_lines);
    let found = lints::check(&mut document, &built.boxes, &lines);
    // replacement characters of ours are no text that somebody misread
    document.diagnostics.extend(found.into_iter().filter(|found| is_utf8 || found.code != codes::MOJIBAKE));
    let conditional = conditional::check(&mut document, &lines);
    let told: Vec<u32> = conditional.iter().map(|finding| finding.line).collect();
    document.diagnostics.extend(conditional);
    document.diagnostics.extend(nothing_to_do(&document, &text, front.body));
    lints::settle_anchors(&mut document, &text);
    lints::silence(&mut document, &text, &lines);
    conditional::settle(&mut document, &told);
    document.diagnostics.sort_by_key(|d| (d.line, d.column, d.code));
    limit_findings(&mut document.diagnostics);
    settle_blocks(&mut document);
    document
}

/// Reads the blocks; once more, and with more lists counted as steps, when nothing says what the steps are.
fn build(name: &str, text: &str, front: &FrontMatter, body: usize, lines: &Lines<'_>) -> Built {
    let title = front.title.as_deref().unwrap_or(name);
    let read = |reading| {
        let mut builder = Builder::new(title, lines, reading);
        markdown::read(text, body, lines, &mut |block| builder.block(block));
        builder.finish()
    };
    let (built, lists) = read(Reading::Strict);
    if lists && built.steps.is_empty() { read(Reading::Checklist).0 } else { built }
}

/// CommonMark ends a line at a lone carriage return as well. Offsets stay the same.
fn lone_returns_as_line_ends(text: &str) -> Cow<'_, str> {
    let lone = |at: usize| text.as_bytes().get(at + 1) != Some(&b'\n');
    if memchr::memchr(b'\r', text.as_bytes()).is_none() || !text.match_indices('\r').any(|(at, _)| lone(at)) {
        return Cow::Borrowed(text);
    }
    let mut ended = String::with_capacity(text.len());
    let mut from = 0;
    for (at, _) in text.match_indices('\r').filter(|&(at, _)| lone(at)) {
        ended.push_str(text.get(from..at).unwrap_or_default());
        ended.push('\n');
        from = at + 1;
    }
    ended.push_str(text.get(from..).unwrap_or_default());
    Cow::Owned(ended)
}

/// A document that nobody can carry out: it has text, and neither a command nor an item for a person.
fn nothing_to_do(document: &Document, text: &str, body: usize) -> Option<Diagnostic> {
    // these say of a block, each in its own way, that nothing of it runs
    const TOLD: &[Code] = &[
        codes::UNTAGGED_FENCE,
        codes::LOST_FENCE,
        codes::NO_COMMAND,
        codes::COMMENTED_OUT,
        codes::TOO_LARGE,
    ];
    let blank = text.get(body..).unwrap_or_default().trim().is_empty();
    let told = document.diagnostics.iter().any(|found| TOLD.contains(&found.code));
    if blank || told || !document.steps.is_empty() || document.stopped_by().is_some() {
        return None;
    }
    Some(codes::finding(
        codes::NOTHING_TO_DO,
        (1, 1),
        "nothing in it runs and nothing is for a person",
        "put commands into blocks opened with ```bash, and what a person does into items `- [ ]`",
    ))
}

fn about_the_text(text: &str, lines: &Lines<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    if text.len() > LARGE_DOCUMENT_BYTES {
        found.push(codes::finding(
            codes::LARGE,
            (1, 1),
            format!(
                "the document has {} KiB of text, more than anybody can follow in an incident",
                text.len() / 1024
            ),
            "split it into several runbooks",
        ));
    }
    if let Some(at) = memchr::memchr(0, text.as_bytes()) {
        let line = lines.line(at);
        found.push(codes::finding(
            codes::NUL,
            (line, lines.column_of(line, "\0")),
            "the document holds a NUL byte, which no shell takes",
            "remove it; a file in UTF-16 is full of them and must be saved as UTF-8",
        ));
    }
    found
}

/// Keeps the first findings of each code, and says how many more there are.
fn limit_findings(diagnostics: &mut Vec<Diagnostic>) {
    if diagnostics.len() <= MOST_FINDINGS {
        return;
    }
    let mut counts: BTreeMap<Code, (usize, (u32, u32))> = BTreeMap::new();
    diagnostics.retain(|found| {
        let (count, first_left_out) = counts.entry(found.code).or_default();
        *count += 1;
        if *count == MOST_FINDINGS + 1 {
            *first_left_out = (found.line, found.column);
        }
        *count <= MOST_FINDINGS
    });
    for (code, (count, at)) in counts {
        if let Some(more) = count.checked_sub(MOST_FINDINGS).filter(|&more| more > 0) {
            let message = format!("{more} more findings of this kind are not listed, beginning here");
            diagnostics.push(codes::finding(code, at, message, "correct the listed ones first"));
        }
    }
    diagnostics.sort_by_key(|d| (d.line, d.column, d.code));
}

/// A block is runnable when each of its commands is, and the document has no error about all of it; what stops one is
/// known once everything was looked at.
pub(crate) fn settle_blocks(document: &mut Document) {
    if document.stopped_by().is_some() {
        for block in document.blocks.iter_mut().filter(|block| block.runnable) {
            block.runnable = false;
            block.reason = Some(STOPPED.to_owned());
        }
        return;
    }
    let Document { blocks, steps, .. } = document;
    for (_, command) in steps.iter().flat_map(Step::all_commands) {
        let Some(reason) = command.reason() else { continue };
        let after = blocks.partition_point(|block| block.line_start <= command.line);
        if let Some(block) = after.checked_sub(1).and_then(|index| blocks.get_mut(index)) {
            block.runnable = false;
            block.reason.get_or_insert(reason);
        }
    }
}

fn too_large(name: &str) -> Document {
    let finding = codes::finding(
        codes::TOO_LARGE,
        (1, 1),
        format!("the document is larger than {} MiB, so it is not read", MAX_DOCUMENT_BYTES >> 20),
        "split it into several runbooks",
    );
    Document {
        name: name.to_owned(),
        title: name.to_owned(),
        front: FrontMatter::default(),
        headings: Vec::new(),
        blocks: Vec::new(),
        links: Vec::new(),
        allowed_remarks: Vec::new(),
        sections: Vec::new(),
        steps: Vec::new(),
        text_items: 0,
        params: Vec::new(),
        diagnostics: vec![finding],
        sha256: None,
    }
}
