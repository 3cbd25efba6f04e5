//! Who reads the documents.

use std::hint::black_box;
use std::time::Duration;

use pulldown_cmark::{Options, Parser};
use runbook_core::runbook::{Document, codes, parse};

use crate::clock::processor_time;

/// The three readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Side {
    /// pulldown-cmark with offsets, its events thrown away: nobody who reads Markdown with it can be quicker.
    Floor,
    /// mask-parser, a Markdown task runner's parser.
    Mask,
    /// Blocks.
    Ours,
}

impl Side {
    /// All of them.
    pub(crate) const ALL: [Side; 3] = [Side::Floor, Side::Mask, Side::Ours];

    /// How long it takes to read every text once; `None` when one of them was refused, because no is quick to say.
    ///
    /// What mask and ours made is let go outside the measured time.
    pub(crate) fn read(self, texts: &[String]) -> Option<Duration> {
        let mut sum = Duration::ZERO;
        for text in texts {
            sum += match self {
                Side::Floor => processor_time(|| floor(text)).0,
                Side::Mask => {
                    let text = for_mask(text).to_owned();
                    let (took, made) = processor_time(|| mask_parser::parse(text));
                    drop(black_box(made));
                    took
                }
                Side::Ours => {
                    let (took, document) = processor_time(|| ours(text));
                    if was_refused(&document) {
                        return None;
                    }
                    took
                }
            };
        }
        Some(sum)
    }
}

/// The options that runbook-core reads with.
fn options() -> Options {
    Options::ENABLE_TASKLISTS | Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH
}

/// Reads a text with the bare parser and adds up the offsets, so that none of the work can be left out.
pub(crate) fn floor(text: &str) -> usize {
    let mut sum = 0_usize;
    for (event, range) in Parser::new_ext(text, options()).into_offset_iter() {
        black_box(&event);
        sum = sum.wrapping_add(range.start).wrapping_add(range.end);
    }
    black_box(sum)
}

/// Understands a text and reads all that was noticed, as `blocks runbook lint` does for each file.
pub(crate) fn ours(text: &str) -> Document {
    let document = parse("runbook", text);
    let said: usize = document.diagnostics.iter().map(|found| found.message.len()).sum();
    black_box(said);
    document
}

/// Whether a document was not read because of its size.
pub(crate) fn was_refused(document: &Document) -> bool {
    document.diagnostics.iter().any(|found| found.code == codes::TOO_LARGE)
}

/// mask knows no front matter: it would take the closing line for a heading and stop at the title.
pub(crate) fn for_mask(text: &str) -> &str {
    let body = text.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n"));
    body.map_or(text, |(_, body)| body)
}
