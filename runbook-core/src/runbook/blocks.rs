//! From Markdown to the flat list of blocks that steps are made of.

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::lines::Lines;

/// One block of a document in order. Lines are 1-based from the top of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Block {
    /// A heading.
    Heading { level: u8, text: String, line: u32 },
    /// A paragraph outside lists; `bold` when its first line is bold and nothing else.
    Paragraph { text: String, bold: bool, line: u32 },
    /// A list item begins.
    Item(Item),
    /// A fenced code block.
    Fence(Fence),
    /// An indented code block, which never runs.
    Indented { text: String, line: u32 },
}

/// A list item.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Item {
    /// Its own text without nested lists and code.
    pub(crate) text: String,
    /// Where it begins.
    pub(crate) line: u32,
    /// `- [ ]` or `- [x]`.
    pub(crate) task: bool,
}

/// A fenced code block.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fence {
    /// What follows the opening marks, raw: Markdown escapes would eat a pattern's backslashes.
    pub(crate) info: String,
    /// The text between the fences, container indentation removed, `\n` line ends.
    pub(crate) text: String,
    /// The opening line; the text's first line is the next one.
    pub(crate) line: u32,
    /// Whether its closing line is there.
    pub(crate) closed: bool,
    /// The number of the innermost ordered item around it, counted in document order, and that item's text.
    pub(crate) ordered_item: Option<(usize, String)>,
}

/// Reads the document from `body` on.
pub(crate) fn read(text: &str, body: usize, lines: &Lines<'_>) -> Vec<Block> {
    let mut walk = Walk {
        blocks: Vec::new(),
        lists: Vec::new(),
        items: Vec::new(),
        inline: None,
        fence: None,
        count: 0,
    };
    let options = Options::ENABLE_TASKLISTS | Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    let source = &text[body..];
    for (event, range) in Parser::new_ext(source, options).into_offset_iter() {
        let raw = source.get(range.clone()).unwrap_or_default();
        walk.event(event, lines.line(range.start + body), raw);
    }
    walk.blocks
}

/// An open list item.
struct OpenItem {
    /// Its place in the block list.
    block: usize,
    /// Its number, when its list is ordered.
    ordered: Option<usize>,
    /// Its text is complete: a nested block has begun.
    full: bool,
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
    plain_seen: bool,
    /// The first line alone, when it is bold throughout.
    bold_text: String,
}

struct Walk {
    blocks: Vec<Block>,
    lists: Vec<bool>,
    items: Vec<OpenItem>,
    inline: Option<Inline>,
    fence: Option<Block>,
    count: usize,
}

impl Walk {
    fn event(&mut self, event: Event<'_>, line: u32, raw: &str) {
        match event {
            Event::Start(tag) => self.start(&tag, line, raw),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => self.text(&text),
            Event::Code(text) => self.inline_text(&text),
            Event::SoftBreak | Event::HardBreak => self.line_break(),
            Event::TaskListMarker(_) => {
                if let Some(Block::Item(item)) =
                    self.items.last().and_then(|open| self.blocks.get_mut(open.block))
                {
                    item.task = true;
                }
            }
            // `<pod>` in a title is text to a person
            Event::InlineHtml(text) => self.inline_text(&text),
            _ => {}
        }
    }

    fn start(&mut self, tag: &Tag<'_>, line: u32, raw: &str) {
        match tag {
            Tag::Heading { .. } | Tag::Paragraph => {
                self.inline = Some(Inline { line, first_line: true, ..Inline::default() });
            }
            Tag::Strong => {
                if let Some(inline) = &mut self.inline {
                    inline.strong += 1;
                }
            }
            Tag::List(first) => {
                self.close_item_text();
                self.lists.push(first.is_some());
            }
            Tag::Item => {
                let ordered = self.lists.last().copied().unwrap_or(false).then_some(self.count);
                self.count += 1;
                self.items.push(OpenItem { block: self.blocks.len(), ordered, full: false });
                self.blocks.push(Block::Item(Item { line, ..Item::default() }));
            }
            Tag::CodeBlock(kind) => {
                self.close_item_text();
                self.fence = Some(match kind {
                    CodeBlockKind::Fenced(_) => self.open_fence(line, raw),
                    CodeBlockKind::Indented => Block::Indented { text: String::new(), line },
                });
            }
            Tag::BlockQuote(_) | Tag::Table(_) | Tag::HtmlBlock => self.close_item_text(),
            _ => {}
        }
    }

    fn open_fence(&self, line: u32, raw: &str) -> Block {
        let opening = raw.lines().next().unwrap_or_default();
        let mark = opening.chars().next().unwrap_or('`');
        let width = opening.chars().take_while(|&c| c == mark).count();
        let closed = raw.lines().skip(1).last().is_some_and(|last| {
            let last = last.trim_start_matches([' ', '\t', '>']).trim_end();
            last.len() >= width && last.chars().all(|c| c == mark)
        });
        let info = opening.trim_start_matches(mark).trim().to_owned();
        let ordered_item = self.items.iter().rev().find_map(|open| {
            let number = open.ordered?;
            match self.blocks.get(open.block) {
                Some(Block::Item(item)) => Some((number, item.text.clone())),
                _ => None,
            }
        });
        Block::Fence(Fence { info, text: String::new(), line, closed, ordered_item })
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(level) => {
                if let Some(inline) = self.inline.take() {
                    let text = inline.text.trim().to_owned();
                    self.blocks.push(Block::Heading { level: number(level), text, line: inline.line });
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
            }
            TagEnd::Item => {
                self.close_item_text();
                self.items.pop();
            }
            TagEnd::CodeBlock => self.blocks.extend(self.fence.take()),
            _ => {}
        }
    }

    fn end_paragraph(&mut self) {
        let Some(inline) = self.inline.take() else { return };
        let text = inline.text.trim().to_owned();
        match self.items.last_mut() {
            Some(open) if !open.full => {
                open.full = true;
                if let Some(Block::Item(item)) = self.blocks.get_mut(open.block) {
                    item.text = text;
                }
            }
            _ => {
                let bold = inline.bold_seen && !inline.plain_seen;
                let text = if bold { inline.bold_text.trim().to_owned() } else { text };
                self.blocks.push(Block::Paragraph { text, bold, line: inline.line });
            }
        }
    }

    /// A nested block ends the text of a tight list item.
    fn close_item_text(&mut self) {
        if let Some(open) = self.items.last_mut() {
            open.full = true;
        }
    }

    fn text(&mut self, text: &str) {
        match &mut self.fence {
            Some(Block::Fence(Fence { text: body, .. }) | Block::Indented { text: body, .. }) => {
                body.push_str(text);
            }
            _ => self.inline_text(text),
        }
    }

    fn inline_text(&mut self, text: &str) {
        if let Some(inline) = &mut self.inline {
            inline.text.push_str(text);
            if inline.first_line {
                if inline.strong > 0 {
                    inline.bold_seen = true;
                } else if !matches!(text.trim(), "" | ":") {
                    inline.plain_seen = true;
                }
                inline.bold_text.push_str(text);
            }
        } else if let Some(Block::Item(item)) =
            self.items.last().filter(|open| !open.full).and_then(|open| self.blocks.get_mut(open.block))
        {
            item.text.push_str(text);
        }
    }

    fn line_break(&mut self) {
        self.inline_text(" ");
        if let Some(inline) = &mut self.inline {
            inline.first_line = false;
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(text: &str) -> Vec<Block> {
        read(text, 0, &Lines::new(text))
    }

    fn fences(text: &str) -> Vec<Fence> {
        let keep = |block| match block {
            Block::Fence(fence) => Some(fence),
            _ => None,
        };
        blocks(text).into_iter().filter_map(keep).collect()
    }

    #[test]
    fn headings_and_bold_lines() {
        let found = blocks("# A `b`\n\n**Step 1: c (5 min)**\nmore\n\n**d:** plain\n\n**e**:\n\nSub\n---\n");
        let paragraph = |text: &str, bold, line| Block::Paragraph { text: text.into(), bold, line };
        assert_eq!(
            found,
            [
                Block::Heading { level: 1, text: "A b".into(), line: 1 },
                paragraph("Step 1: c (5 min)", true, 3),
                paragraph("d: plain", false, 6),
                paragraph("e:", true, 8),
                Block::Heading { level: 2, text: "Sub".into(), line: 10 },
            ]
        );
    }

    #[test]
    fn fences_keep_raw_info_and_lines() {
        let text = "a\n\n~~~bash {pattern=v\\.\\d+}\necho 1\n~~~\n\n> ```sh\n> echo 2\n> ```\n\n```\nopen\n";
        let found = fences(text);
        assert_eq!(found[0].info, "bash {pattern=v\\.\\d+}");
        assert_eq!((found[0].text.as_str(), found[0].line, found[0].closed), ("echo 1\n", 3, true));
        assert_eq!((found[1].text.as_str(), found[1].line, found[1].closed), ("echo 2\n", 7, true));
        assert_eq!((found[2].text.as_str(), found[2].line, found[2].closed), ("open\n", 11, false));
    }

    #[test]
    fn fences_know_their_ordered_item() {
        let text = "1. First\n\n   ```bash\n   a\n   ```\n2. Second\n   - nested\n     ```bash\n     b\n     ```\n\n- plain\n  ```bash\n  c\n  ```\n";
        let found = fences(text);
        let items: Vec<Option<&str>> =
            found.iter().map(|f| f.ordered_item.as_ref().map(|(_, text)| text.as_str())).collect();
        assert_eq!(items, [Some("First"), Some("Second"), None]);
        assert_eq!(found[1].text, "b\n");
    }

    #[test]
    fn tasks_and_their_text() {
        let found: Vec<Item> = blocks("- [ ] one `two` <x>\n- [x] three\n\n  more\n- four\n")
            .into_iter()
            .filter_map(|block| match block {
                Block::Item(item) => Some(item),
                _ => None,
            })
            .collect();
        let item = |text: &str, line, task| Item { text: text.into(), line, task };
        assert_eq!(found, [item("one two <x>", 1, true), item("three", 2, true), item("four", 5, false)]);
    }

    #[test]
    fn a_longer_fence_may_hold_a_shorter_one() {
        let found = fences("````bash\n```\n````\n");
        assert_eq!((found.len(), found[0].closed), (1, true));
        let found = fences("````bash\n```\n");
        assert!(!found[0].closed);
    }
}
