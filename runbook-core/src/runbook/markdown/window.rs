//! Gives a document to pulldown-cmark in windows that end between top-level blocks.
//!
//! A block that reaches the window's end may go on behind it, so the next window begins with it. Only reference
//! definitions do not reach from one window into another: in documents of more than a window, `[text][label]` may
//! stay as written.

use std::borrow::Cow;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag};

use super::super::blocks::{Block, Fence};
use super::super::lines::Lines;
use super::walk::{Walk, info_of};
use super::{fence, prepare};

/// Bytes that pulldown-cmark is given at once, at most: its tree takes up to sixty times as much. A document that is not
/// larger is read as a whole.
const WINDOW: usize = 1 << 20;
/// A larger document is read in windows of this part of it, unless a block does not fit into one.
const PART: usize = 16;
/// The smallest window: a character always fits.
const SMALLEST: usize = 8;

/// Reads the document from `body` on and gives its blocks in order.
pub(crate) fn read<'a>(text: &'a str, body: usize, lines: &Lines<'_>, emit: &mut dyn FnMut(Block<'a>)) {
    read_by(WINDOW, text, body, lines, emit);
}

/// As [`read`], with windows of another size.
pub(super) fn read_by<'a>(
    window: usize,
    text: &'a str,
    body: usize,
    lines: &Lines<'_>,
    emit: &mut dyn FnMut(Block<'a>),
) {
    let (prepared, deep) = prepare::prepare(text);
    let mut walk = Walk::new(text, lines, emit);
    if let Some(at) = deep {
        walk.too_deep(at);
    }
    let usual = if text.len() - body <= window { window } else { (window / PART).max(SMALLEST) };
    let mut windows = Windows { text, prepared, lines, window, usual };
    let mut at = body;
    while at < text.len() {
        at = windows.one(at, &mut walk).max(at + 1);
    }
}

/// Whether the last block of a window may go on behind it, and where it is then cut off.
#[derive(Clone, Copy)]
enum OpenEnd {
    /// The text ends here.
    No,
    /// Before a whole block.
    AtBlocks,
    /// Before an item of a list, too: the list may be larger than any window.
    AtItems,
}

struct Windows<'a, 'l> {
    text: &'a str,
    /// The same text as it is read.
    prepared: Cow<'a, str>,
    lines: &'l Lines<'l>,
    /// The largest window.
    window: usize,
    /// The window that is tried first.
    usual: usize,
}

impl<'a> Windows<'a, '_> {
    /// Reads one window from `start` on; returns where the next one begins.
    fn one(&mut self, start: usize, walk: &mut Walk<'a, '_>) -> usize {
        let mut window = self.usual.min(self.window);
        loop {
            let whole = self.text.len() - start <= window;
            let end = if whole { self.text.len() } else { self.cut(start, window) };
            let open_end = if whole {
                OpenEnd::No
            } else if window < self.window {
                OpenEnd::AtBlocks
            } else {
                OpenEnd::AtItems
            };
            match self.part(start, end, open_end, walk) {
                Some(next) if next > start => return next,
                // nothing but one block that does not end here
                Some(_) if window < self.window => window = (window * 2).min(self.window),
                Some(_) => return self.large(start, end, walk),
                None => return end,
            }
        }
    }

    /// The end of the last line that fits into a window, or of the window when it is all one line.
    fn cut(&self, start: usize, window: usize) -> usize {
        let limit = self.text.floor_char_boundary(start + window);
        let within = self.text.get(start..limit).unwrap_or_default();
        within.rfind('\n').map_or(limit, |at| start + at + 1).max(start + 1)
    }

    /// Gives the blocks of a part; with an open end, the last one is left to the next window, whose start is returned.
    fn part(&self, start: usize, end: usize, open_end: OpenEnd, walk: &mut Walk<'a, '_>) -> Option<usize> {
        let source = self.prepared.get(start..end).unwrap_or_default();
        let reached = source.trim_end().len();
        let options = Options::ENABLE_TASKLISTS | Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
        let mut open = 0_usize;
        let mut in_list = false;
        for (event, range) in Parser::new_ext(source, options).into_offset_iter() {
            match &event {
                Event::Start(tag) => {
                    let list = open == 0 && matches!(tag, Tag::List(_));
                    let cuttable = match open_end {
                        OpenEnd::No => false,
                        OpenEnd::AtBlocks => open == 0,
                        OpenEnd::AtItems => open == 0 && !list || open == 1 && in_list,
                    };
                    if cuttable && range.end >= reached {
                        walk.part_ends();
                        let line = source.get(..range.start).and_then(|before| before.rfind('\n'));
                        return Some(start + line.map_or(0, |at| at + 1));
                    }
                    in_list = list || in_list && open > 0;
                    open += 1;
                }
                Event::End(_) => open = open.saturating_sub(1),
                _ => {}
            }
            walk.event(event, start + range.start..start + range.end);
        }
        walk.part_ends();
        None
    }

    /// A block that is larger than a window: a fence is read to its end, anything else is cut.
    fn large(&self, start: usize, end: usize, walk: &mut Walk<'a, '_>) -> usize {
        let rest = self.text.get(start..).unwrap_or_default();
        let Some(found) = fence::find(rest) else {
            walk.too_large(start);
            self.part(start, end, OpenEnd::No, walk);
            // the rest of a line that was cut is left out: what it begins with looks like a line's beginning and is none
            let cut_off = self.text.get(end - 1..end) != Some("\n");
            let behind = self.text.get(end..).unwrap_or_default();
            return if cut_off { end + behind.find('\n').map_or(behind.len(), |at| at + 1) } else { end };
        };
        let raw = rest.get(found.content.clone()).unwrap_or_default();
        let text = if found.indent == 0 && !raw.contains('\r') {
            Cow::Borrowed(raw)
        } else {
            Cow::Owned(
                raw.split_inclusive('\n').map(|line| unindented(line, found.indent)).collect::<String>(),
            )
        };
        let last = found.closing.unwrap_or(found.next.saturating_sub(1));
        walk.fence(Fence {
            info: info_of(rest.get(found.indent..).unwrap_or_default()),
            text,
            line: self.lines.line(start),
            end_line: self.lines.line(start + last),
            closed: found.closing.is_some(),
            ..Fence::default()
        });
        start + found.next
    }
}

/// A line of a fence without the indentation that its opening line has, and with `\n` at its end.
fn unindented(line: &str, indent: usize) -> Cow<'_, str> {
    let spaces = line.bytes().take(indent).take_while(|&b| b == b' ').count();
    let mut rest = line.get(spaces..).unwrap_or_default();
    // a tab reaches to column four; what it has more than the indentation stays, as blanks
    let mut kept = 0;
    if spaces < indent && rest.starts_with('\t') {
        rest = rest.get(1..).unwrap_or_default();
        kept = 4 - indent;
    }
    match rest.strip_suffix("\r\n") {
        None if kept == 0 => Cow::Borrowed(rest),
        None => Cow::Owned(format!("{}{rest}", " ".repeat(kept))),
        Some(rest) => Cow::Owned(format!("{}{rest}\n", " ".repeat(kept))),
    }
}

/// Whether a tag opens a fence.
pub(super) fn is_fence(kind: &CodeBlockKind<'_>) -> bool {
    matches!(kind, CodeBlockKind::Fenced(_))
}
