//! From pulldown-cmark's events to blocks.

use std::borrow::Cow;
use std::ops::Range;

use pulldown_cmark::{Event, HeadingLevel, LinkType, Tag, TagEnd};

use super::super::blocks::{Block, Bold, Fence, Item, Within};
use super::super::lines::{Lines, to_u32};
use super::super::model::Link;
use super::html;
use super::window::is_fence;

/// Lists and quotes inside each other that are read.
const DEEPEST: usize = 64;
/// Bytes of an item's text that its code blocks are told.
const LONGEST_TITLE: usize = 400;

/// An open list item.
struct OpenItem {
    item: Item,
    /// Its text is complete: a nested block has begun.
    full: bool,
    /// Its number, when it is an outermost ordered item.
    number: Option<usize>,
}

/// Running text being collected.
#[derive(Default)]
struct Inline {
    text: String,
    line: u32,
    strong: usize,
    /// Still on the first line.
    first_line: bool,
    bold_seen: bool,
    /// Something plain stands on the first line; before any bold text, or behind it.
    plain_first: bool,
    plain_seen: bool,
    /// How much of the text is the first line.
    first: usize,
}

/// A code block being collected.
struct Code<'a> {
    line: u32,
    /// What follows the marks; `None` for indented code.
    info: Option<&'a str>,
    /// The content while it is one piece of the document.
    piece: Option<Range<usize>>,
    /// The content once it is not.
    text: String,
    /// Where the last content ends.
    last: usize,
}

/// Collects blocks.
pub(super) struct Walk<'a, 'e> {
    text: &'a str,
    lines: &'e Lines<'e>,
    emit: &'e mut dyn FnMut(Block<'a>),
    /// Whether each open list is ordered.
    lists: Vec<bool>,
    items: Vec<OpenItem>,
    quotes: usize,
    inline: Option<Inline>,
    /// Text of a tight list's item behind a block in it, with its line: a paragraph that has no marks of its own.
    behind: Option<(String, u32)>,
    code: Option<Code<'a>>,
    /// A block of HTML, with the line that it begins on.
    html: Option<(String, u32)>,
    /// Ordered items so far.
    count: usize,
    deep: bool,
    /// The last offset whose column was asked for, with that column.
    column: (usize, u32),
}

impl<'a, 'e> Walk<'a, 'e> {
    /// Starts a document.
    pub(super) fn new(text: &'a str, lines: &'e Lines<'e>, emit: &'e mut dyn FnMut(Block<'a>)) -> Self {
        Self {
            text,
            lines,
            emit,
            lists: Vec::new(),
            items: Vec::new(),
            quotes: 0,
            inline: None,
            behind: None,
            code: None,
            html: None,
            count: 0,
            deep: false,
            column: (0, 1),
        }
    }

    /// Notes, once, that something at `at` is nested too deeply.
    pub(super) fn too_deep(&mut self, at: usize) {
        if !std::mem::replace(&mut self.deep, true) {
            (self.emit)(Block::TooDeep { line: self.lines.line(at) });
        }
    }

    /// Notes that the block at `at` was cut.
    pub(super) fn too_large(&mut self, at: usize) {
        (self.emit)(Block::TooLarge { line: self.lines.line(at) });
    }

    /// Gives a fence that was read elsewhere.
    pub(super) fn fence(&mut self, fence: Fence<'a>) {
        (self.emit)(Block::Fence(fence));
    }

    /// A part of the document is over, perhaps in the middle of a list.
    pub(super) fn part_ends(&mut self) {
        self.code = None;
        self.html = None;
        self.inline = None;
        self.end_behind();
        while !self.items.is_empty() {
            self.end_item();
        }
        if !self.lists.is_empty() {
            (self.emit)(Block::ListEnd);
        }
        self.lists.clear();
        self.quotes = 0;
    }

    /// Takes one event with its place in the document.
    pub(super) fn event(&mut self, event: Event<'_>, range: Range<usize>) {
        match event {
            Event::Start(tag) => self.start(&tag, range),
            Event::End(tag) => self.end(tag, range),
            Event::Text(text) => self.text(&text, range),
            // `<pod>` in a title is text to a person
            Event::Code(text) | Event::InlineHtml(text) => self.inline_text(&text, range.start),
            Event::Html(text) => {
                if let Some((html, _)) = &mut self.html {
                    html.push_str(&text);
                }
            }
            Event::SoftBreak | Event::HardBreak => self.line_break(range.start),
            Event::TaskListMarker(_) => {
                if let Some(open) = self.items.last_mut() {
                    open.item.task = true;
                }
            }
            _ => {}
        }
    }

    fn start(&mut self, tag: &Tag<'_>, range: Range<usize>) {
        if !is_inline(tag) {
            self.end_behind();
        }
        match tag {
            Tag::Heading { .. } | Tag::Paragraph => {
                let line = self.lines.line(range.start);
                let text = String::with_capacity(range.len());
                self.inline = Some(Inline { text, line, first_line: true, ..Inline::default() });
            }
            Tag::Strong => {
                if let Some(inline) = &mut self.inline {
                    inline.strong += 1;
                }
            }
            Tag::List(first) => {
                self.close_item_text();
                self.lists.push(first.is_some());
                self.check_depth(range.start);
            }
            Tag::Item => self.start_item(range.start),
            Tag::CodeBlock(kind) => {
                self.close_item_text();
                let raw = self.text.get(range.clone()).unwrap_or_default();
                self.code = Some(Code {
                    line: self.lines.line(range.start),
                    info: is_fence(kind).then(|| info_of(raw)),
                    piece: None,
                    text: String::new(),
                    last: range.start,
                });
            }
            Tag::BlockQuote(_) => {
                self.close_item_text();
                self.quotes += 1;
                self.check_depth(range.start);
            }
            Tag::Table(_) => self.close_item_text(),
            Tag::HtmlBlock => {
                self.close_item_text();
                self.html = Some((String::new(), self.lines.line(range.start)));
            }
            Tag::Link { link_type: LinkType::Email, .. } => {}
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => self.link(dest_url, range.start),
            _ => {}
        }
    }

    fn too_deep_now(&self) -> bool {
        self.lists.len() + self.quotes > DEEPEST
    }

    fn check_depth(&mut self, at: usize) {
        if self.too_deep_now() {
            self.too_deep(at);
        }
    }

    fn start_item(&mut self, at: usize) {
        let ordered = self.lists.last().copied().unwrap_or(false);
        let outer = self.items.iter().find_map(|open| open.number);
        let number = (ordered && outer.is_none()).then(|| {
            self.count += 1;
            self.count
        });
        let item = Item {
            line: self.lines.line(at),
            depth: self.lists.len(),
            ordered,
            within: outer.or(number),
            ..Item::default()
        };
        self.items.push(OpenItem { item, full: false, number });
    }

    fn end(&mut self, tag: TagEnd, range: Range<usize>) {
        match tag {
            TagEnd::Heading(level) => {
                if let Some(inline) = self.inline.take() {
                    let text = trimmed(inline.text);
                    let raw = heading_as_written(self.text.get(range).unwrap_or_default());
                    (self.emit)(Block::Heading { level: number(level), text, raw, line: inline.line });
                }
            }
            TagEnd::Paragraph => self.end_paragraph(),
            TagEnd::Strong => {
                if let Some(inline) = &mut self.inline {
                    inline.strong = inline.strong.saturating_sub(1);
                }
            }
            TagEnd::List(_) => {
                self.lists.pop();
                if self.lists.is_empty() {
                    (self.emit)(Block::ListEnd);
                }
            }
            TagEnd::Item => {
                self.end_behind();
                self.end_item();
            }
            TagEnd::BlockQuote(_) => self.quotes = self.quotes.saturating_sub(1),
            TagEnd::CodeBlock => self.end_code(range.end),
            TagEnd::HtmlBlock => {
                if let Some((html, line)) = self.html.take().filter(|_| !self.too_deep_now()) {
                    html::read(&html, line, &mut *self.emit);
                }
            }
            _ => {}
        }
    }

    fn end_paragraph(&mut self) {
        let Some(inline) = self.inline.take() else { return };
        if let Some(open) = self.items.last_mut().filter(|open| !open.full) {
            open.item.text = trimmed(inline.text);
            self.close_item_text();
            return;
        }
        let bold = match (inline.bold_seen, inline.plain_seen) {
            (true, false) => Bold::Whole,
            (true, true) if !inline.plain_first => Bold::Lead,
            _ => Bold::No,
        };
        let mut text = inline.text;
        if bold == Bold::Whole {
            text.truncate(inline.first);
        }
        (self.emit)(Block::Paragraph { text: trimmed(text), bold, line: inline.line });
    }

    /// A nested block ends the text of the item at hand, which is then complete.
    fn close_item_text(&mut self) {
        let deep = self.too_deep_now();
        if let Some(open) = self.items.last_mut().filter(|open| !open.full) {
            open.full = true;
            if !deep {
                open.item.text = trimmed(std::mem::take(&mut open.item.text));
                // only a numbered item is asked for its text again: by the code blocks in it
                let text = if open.number.is_some() {
                    open.item.text.clone()
                } else {
                    std::mem::take(&mut open.item.text)
                };
                (self.emit)(Block::Item(Item { text, ..open.item }));
            }
        }
    }

    fn end_item(&mut self) {
        self.close_item_text();
        self.items.pop();
    }

    fn text(&mut self, text: &str, range: Range<usize>) {
        let Some(code) = &mut self.code else { return self.inline_text(text, range.start) };
        code.last = range.end.max(code.last);
        match &mut code.piece {
            // an empty range is a tab's blanks, which stand nowhere in the document
            None if code.text.is_empty() && !range.is_empty() => code.piece = Some(range),
            Some(piece) if piece.end == range.start && !range.is_empty() => piece.end = range.end,
            piece => {
                if let Some(piece) = piece.take() {
                    code.text.push_str(self.text.get(piece).unwrap_or_default());
                }
                // never the text that was read: its deepest marks were changed
                code.text.push_str(self.text.get(range).filter(|own| !own.is_empty()).unwrap_or(text));
            }
        }
    }

    fn end_code(&mut self, end: usize) {
        let Some(code) = self.code.take() else { return };
        let text = match code.piece {
            Some(piece) => Cow::Borrowed(self.text.get(piece).unwrap_or_default()),
            None => Cow::Owned(code.text),
        };
        let in_list = !self.items.is_empty();
        let Some(info) = code.info else {
            let blank = text.len() - text.trim_end_matches(['\n', ' ', '\t']).len();
            let end_line = self.lines.line(code.last.saturating_sub(blank.max(1)));
            (self.emit)(Block::Indented { text, line: code.line, end_line, in_list });
            return;
        };
        // only the closing line can stand behind the content
        let content_end = if text.is_empty() {
            let opening = self.text.get(code.last..end).unwrap_or_default();
            code.last + opening.find('\n').map_or(opening.len(), |at| at + 1)
        } else {
            code.last
        };
        let after = self.text.get(content_end..end).unwrap_or_default();
        let closed = after.contains(['`', '~']);
        let last = if closed { end } else { content_end };
        let fence = Fence {
            info,
            line: code.line,
            end_line: self.lines.line(last.saturating_sub(1)).max(code.line),
            closed,
            in_list,
            too_deep: self.too_deep_now(),
            item: self.items.last().map(|open| open.item.line),
            within: self.items.iter().find_map(|open| {
                let Item { text, line, .. } = &open.item;
                // a title needs no more, and an item may hold thousands of blocks
                let text = text.get(..text.floor_char_boundary(LONGEST_TITLE)).unwrap_or_default();
                Some(Within { number: open.number?, text: text.to_owned(), line: *line })
            }),
            text,
        };
        (self.emit)(Block::Fence(fence));
    }

    fn inline_text(&mut self, text: &str, at: usize) {
        if let Some(inline) = &mut self.inline {
            inline.text.push_str(text);
            if inline.first_line {
                if inline.strong > 0 {
                    inline.bold_seen = true;
                } else if !matches!(text.trim(), "" | ":") {
                    inline.plain_seen = true;
                    inline.plain_first |= !inline.bold_seen;
                }
                inline.first = inline.text.len();
            }
        } else if let Some(open) = self.items.last_mut() {
            if open.full {
                let lines = self.lines;
                self.behind.get_or_insert_with(|| (String::new(), lines.line(at))).0.push_str(text);
            } else {
                open.item.text.push_str(text);
            }
        }
    }

    /// Text behind a block in a tight list's item is over.
    fn end_behind(&mut self) {
        let Some((text, line)) = self.behind.take() else { return };
        let text = trimmed(text);
        if !text.is_empty() && !self.too_deep_now() {
            (self.emit)(Block::Paragraph { text, bold: Bold::No, line });
        }
    }

    fn line_break(&mut self, at: usize) {
        self.inline_text(" ", at);
        if let Some(inline) = &mut self.inline {
            inline.first_line = false;
        }
    }

    fn link(&mut self, url: &str, at: usize) {
        let url = url.trim();
        // a place in another file is not looked for, one in this document is
        let target =
            if url.starts_with('#') { url } else { url.split('#').next().unwrap_or_default().trim() };
        let scheme = target.split_once(':').is_some_and(|(scheme, _)| {
            !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+.-".contains(c))
        });
        if target.is_empty() || scheme || target.starts_with("//") {
            return;
        }
        let (line, column) = (self.lines.line(at), self.column_at(at));
        (self.emit)(Block::Link(Link { line, column, target: target.to_owned() }));
    }

    /// The 1-based column of an offset. Offsets come in order, so a long line is counted through once.
    fn column_at(&mut self, at: usize) -> u32 {
        let (from, column) = self.column;
        let between = self.text.get(from..at).unwrap_or_default();
        let column = match between.rfind('\n') {
            Some(line) => to_u32(between[line + 1..].chars().count() + 1),
            None => column.saturating_add(to_u32(between.chars().count())),
        };
        self.column = (at, column);
        column
    }
}

/// Whether what begins is a part of running text.
fn is_inline(tag: &Tag<'_>) -> bool {
    matches!(
        tag,
        Tag::Emphasis
            | Tag::Strong
            | Tag::Strikethrough
            | Tag::Link { .. }
            | Tag::Image { .. }
            | Tag::Superscript
            | Tag::Subscript
    )
}

/// A text without the blanks around it, in the same allocation.
fn trimmed(mut text: String) -> String {
    text.truncate(text.trim_end().len());
    let blank = text.len() - text.trim_start().len();
    text.drain(..blank);
    text
}

/// What follows a fence's marks on its opening line.
pub(super) fn info_of(raw: &str) -> &str {
    let opening = raw.lines().next().unwrap_or_default();
    let mark = opening.chars().next().unwrap_or('`');
    opening.trim_start_matches(mark).trim()
}

/// A heading's text as it is written: without the marks that make it a heading and the blanks around it, its lines
/// joined by blanks.
fn heading_as_written(heading: &str) -> String {
    const BLANKS: [char; 2] = [' ', '\t'];
    let heading = heading.trim_matches([' ', '\t', '\r', '\n']);
    if let Some((text, _underline)) = heading.rsplit_once('\n') {
        // a quote's marks stand before each line but the first
        let lines =
            text.lines().map(|line| line.trim_start_matches([' ', '\t', '>']).trim_end_matches(BLANKS));
        return lines.collect::<Vec<_>>().join(" ");
    }
    let text = heading.trim_start_matches('#').trim_matches(BLANKS);
    let closed = text.trim_end_matches('#');
    // a mark that touches the text belongs to it
    let text = if closed.is_empty() || closed.ends_with(BLANKS) { closed } else { text };
    text.trim_end_matches(BLANKS).to_owned()
}

fn number(level: HeadingLevel) -> u8 {
    match level {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        HeadingLevel::H3 => 3,
        HeadingLevel::H4 => 4,
        HeadingLevel::H5 => 5,
        HeadingLevel::H6 => 6,
    }
}
