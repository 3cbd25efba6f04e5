//! Groups blocks into steps.
//!
//! A heading, a bold `Step N` line or an ordered-list item becomes a step when it holds something to do. What that
//! is follows from the title: one that announces itself as a step (a number, a time box, a due date) keeps
//! everything below it, and is a manual step when that is only text; under any other heading an ordered list with
//! commands in it gives one step for each item. The rules are in `docs/reference/runbook-format.md`.

mod branch;
mod commented;
mod content;
mod expected;
mod fence;
mod forbid;
mod items;
mod sections;
mod shell;
mod spelling;
#[cfg(test)]
mod tests;
mod windows;

use std::collections::BTreeSet;

use super::blocks::{Block, Bold};
use super::codes;
use super::diagnostic::{Code, Diagnostic};
use super::forbidden::{self, Said};
use super::lines::{Lines, to_u32};
use super::model::{CodeBlock, Heading, Link, ManualItem, OnlyIf, Section, Step};
use super::titles::{self, Slugs, Title};
use branch::Branches;
use expected::Near;
use items::List;
pub(crate) use sections::SectionBox;
use sections::Sections;
pub(crate) use shell::is_no_command;
use windows::Windows;

/// Characters of an item's text that make a step's title.
const LONGEST_TITLE: usize = 100;
/// Characters of a sentence that stands for a whole step.
const LONGEST_SENTENCE: usize = 300;

/// The steps and what was noticed while building them.
pub(crate) struct Built {
    /// The first heading of level one, without marks.
    pub(crate) title: Option<String>,
    pub(crate) headings: Vec<Heading>,
    pub(crate) blocks: Vec<CodeBlock>,
    pub(crate) links: Vec<Link>,
    pub(crate) sections: Vec<Section>,
    pub(crate) steps: Vec<Step>,
    /// How many list items are text.
    pub(crate) text_items: u32,
    pub(crate) diagnostics: Vec<Diagnostic>,
    pub(crate) boxes: Vec<SectionBox>,
}

/// How much counts as something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Lists without commands count where the title, or the line above, says that they are steps.
    Strict,
    /// Every ordered list counts but those that explain: for documents that have no step otherwise.
    Checklist,
}

/// A title that may become a step.
struct Open {
    title: Title,
    line: u32,
    /// Twice the heading level; one more for a bold line, which is nested in its heading.
    rank: u8,
    /// It announces itself as a step.
    announced: bool,
    /// What it says about running what is below it.
    says: Option<Said>,
    /// What it says about when to run it.
    only_if: Option<OnlyIf>,
    /// A step was begun for it.
    used: bool,
    /// Its list items, kept for the case that it has nothing else.
    items: Vec<ManualItem>,
    /// The first sentence below it, for the same case.
    sentence: Option<ManualItem>,
}

impl Open {
    fn new(raw: &str, line: u32, rank: u8) -> Self {
        let title = titles::parse(raw);
        let announced =
            titles::is_numbered(&title.text) || title.timebox_s.is_some() || title.due_s.is_some();
        let says = forbidden::said(raw, "");
        let only_if = branch::of_title(raw, line);
        Self { title, line, rank, announced, says, only_if, used: false, items: Vec::new(), sentence: None }
    }

    fn is_bold(&self) -> bool {
        !self.rank.is_multiple_of(2)
    }
}

/// Where commands are added.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Heading,
    OrderedItem(usize),
}

/// Builds steps from blocks in document order.
pub(crate) struct Builder<'a> {
    lines: &'a Lines<'a>,
    reading: Reading,
    slugs: Slugs,
    names: BTreeSet<String>,
    /// Those of them that a second command has as well.
    twice: BTreeSet<String>,
    built: Built,
    sections: Sections,
    windows: Windows,
    title: Open,
    /// The step that is being added to, and for which place.
    open: Option<Place>,
    list: List,
    /// The paragraph just above the block at hand.
    paragraph: String,
    /// What the text above the last block says about running it; kept for a block directly below that one.
    said_above: Option<Said>,
    /// The line of the last item that was taken for text, or for a manual item inside another one: a block in it
    /// makes it the place of a command.
    last_text: Option<u32>,
    last_inside: Option<u32>,
    /// What the text above the block at hand says about when to run it.
    branches: Branches,
    /// The expectations and the commands near the block at hand.
    near: Near,
    /// A list was seen that [`Reading::Checklist`] would read.
    lists: bool,
    /// The line on which a comment of MDX is open that blocks stand in.
    commented: Option<u32>,
}

/// Why two commands with one name do not run: nobody knows which of them an event is about.
fn same_name(id: &str) -> String {
    format!("two commands are named `{id}`")
}

impl<'a> Builder<'a> {
    /// Starts a document; commands above the first heading belong to `title`.
    pub(crate) fn new(title: &str, lines: &'a Lines<'a>, reading: Reading) -> Self {
        let built = Built {
            title: None,
            headings: Vec::new(),
            blocks: Vec::new(),
            links: Vec::new(),
            sections: Vec::new(),
            steps: Vec::new(),
            text_items: 0,
            diagnostics: Vec::new(),
            boxes: Vec::new(),
        };
        Self {
            lines,
            reading,
            slugs: Slugs::default(),
            names: BTreeSet::new(),
            twice: BTreeSet::new(),
            built,
            sections: Sections::default(),
            windows: Windows::default(),
            title: Open { announced: false, says: None, only_if: None, ..Open::new(title, 1, 2) },
            open: None,
            list: List::default(),
            paragraph: String::new(),
            said_above: None,
            last_text: None,
            last_inside: None,
            branches: Branches::default(),
            near: Near::default(),
            lists: false,
            commented: None,
        }
    }

    /// Takes the next block.
    pub(crate) fn block(&mut self, block: Block<'_>) {
        if !matches!(block, Block::Fence(_) | Block::Link(_)) {
            self.said_above = None;
        }
        match block {
            Block::Heading { level, text, raw, line } => {
                self.begin_title(&text, line, level.saturating_mul(2));
                // those above were closed by the title
                if self.title.only_if.is_none() && self.sections.is_about_problems() {
                    self.title.only_if = branch::question(&text, line);
                }
                self.sections.open(&self.title, level, self.built.steps.len());
                if level == 1 && !text.is_empty() {
                    self.built.title.get_or_insert(text);
                }
                self.paragraph.clear();
                // the block below it is output, as below a line that says so
                if expected::is_announcing_title(&self.title.title.text) {
                    let sample = expected::is_sample_title(&self.title.title.text);
                    self.paragraph = if sample { "Sample output:" } else { "Expected output:" }.to_owned();
                }
                self.built.headings.push(Heading { level, line, text: raw });
            }
            Block::Paragraph { text, bold, line } => self.paragraph(text, bold, line),
            Block::Item(item) => self.item(item),
            Block::ListEnd => {
                self.end_list();
                self.branches.list_end();
                self.expected_list_end();
            }
            Block::Fence(fence) => self.fence(&fence),
            Block::Indented { text, line, end_line, in_list } => {
                self.indented(&text, line, end_line, in_list);
            }
            Block::Commented { line } => self.in_html_comment(line),
            Block::Tab { label, line } => self.branches.tab(label, line),
            Block::Link(link) => self.built.links.push(link),
            Block::TooDeep { line } => self.note(
                codes::TOO_DEEP,
                (line, 1),
                "lists or quotes are nested more than 64 levels deep here, so they are read as text",
                "flatten them",
            ),
            Block::TooLarge { line } => self.note(
                codes::TOO_LARGE,
                (line, self.lines.indent(line)),
                "this paragraph, quote or list item is larger than 1 MiB, so it is not understood as one",
                "split it, and keep data in files of their own",
            ),
        }
    }

    /// Ends the document; the second value says whether a [`Reading::Checklist`] may find more.
    pub(crate) fn finish(mut self) -> (Built, bool) {
        self.end_title(0);
        self.expected_title("", 0);
        let starts = self.windows.finish();
        for step in &mut self.built.steps {
            step.starts_s = starts.get(&step.line).copied().filter(|_| step.timebox_s.is_some());
            let start = step.starts_s.unwrap_or_default();
            step.timebox_s = step.timebox_s.map(|end_s| end_s.saturating_sub(start));
        }
        let (sections, boxes) = self.sections.finish(&self.built.steps, &starts);
        self.built.sections = sections;
        self.built.boxes = boxes;
        for step in &mut self.built.steps {
            step.manual_items.sort_by_key(|item| item.line);
            let Step { manual_items, commands, .. } = step;
            let mut before = 0;
            for item in manual_items {
                while commands.get(before).is_some_and(|command| command.line < item.line) {
                    before += 1;
                }
                item.after_commands = Some(to_u32(before));
            }
        }
        if !self.twice.is_empty() {
            for command in self.built.steps.iter_mut().flat_map(Step::all_commands_mut) {
                // the second one is told by its reason, which came with its id
                if self.twice.contains(&command.id) {
                    let reason = same_name(&command.id);
                    command.not_runnable.get_or_insert(reason);
                }
            }
        }
        // the rules look next, and need room of their own
        self.built.steps.shrink_to_fit();
        self.built.blocks.shrink_to_fit();
        self.built.headings.shrink_to_fit();
        (self.built, self.lists)
    }

    fn paragraph(&mut self, mut text: String, bold: Bold, line: u32) {
        if self.mdx(&text, line) {
            return;
        }
        if let Some(label) = branch::tab_label(&text) {
            self.branches.tab(label, line);
            return;
        }
        // `**Expected output**` on a line of its own
        if expected::is_announcing_title(&text) && !text.ends_with(':') && bold == Bold::Whole {
            text.push(':');
        }
        self.admonition(&text, line);
        let asked = self.sections.is_about_problems();
        self.branches.paragraph(&text, bold, line, asked);
        if self.expected_paragraph(&text, bold == Bold::Whole, line) {
            self.paragraph = text;
            return;
        }
        let title = match bold {
            Bold::Whole => {
                let title = titles::parse(&text);
                titles::is_numbered(&title.text) || title.timebox_s.is_some()
            }
            Bold::Lead => titles::is_numbered(&text),
            Bold::No => false,
        };
        if title {
            let rank = (self.title.rank & !1) + 1;
            self.begin_title(&titles::shorten(&text, LONGEST_TITLE), line, rank);
            if bold == Bold::Lead {
                self.title.sentence = Some(ManualItem::new(line, titles::shorten(&text, LONGEST_SENTENCE)));
            }
        } else if self.title.announced && self.title.sentence.is_none() {
            let sentence = titles::first_sentence(&text);
            if !sentence.is_empty() {
                let text = titles::shorten(sentence, LONGEST_SENTENCE);
                self.title.sentence = Some(ManualItem::new(line, text));
            }
        }
        self.paragraph = text;
    }

    fn begin_title(&mut self, raw: &str, line: u32, rank: u8) {
        self.end_title(rank);
        self.expected_title(raw, line);
        self.branches.title();
        self.open = None;
        self.title = Open::new(raw, line, rank);
        self.window(rank, line, self.title.title.range_s());
    }

    /// Keeps the range in a title.
    fn window(&mut self, rank: u8, line: u32, range_s: Option<(u32, u32)>) {
        if let Some(range_s) = range_s {
            self.windows.add(self.sections.innermost(), rank, line, range_s);
        }
    }

    /// The title at hand is over; the next one has the rank `next`.
    fn end_title(&mut self, next: u8) {
        self.end_list();
        self.end_without_commands(next);
        if next.is_multiple_of(2) {
            self.sections.close(next, self.built.steps.len());
        }
    }

    /// A title that announced itself and holds neither commands nor checklist items.
    fn end_without_commands(&mut self, next: u8) {
        let mut items = std::mem::take(&mut self.title.items);
        if self.title.used || !self.title.announced {
            self.text_items(items.len());
            return;
        }
        let title = &mut self.title;
        let called = titles::is_called_step(&title.title.text);
        let empty = items.is_empty() && title.sentence.is_none();
        // `Procedure (30 minutes):` above the steps is their limit
        if title.is_bold() && empty && !titles::is_numbered(&title.title.text) {
            if let Some(limit_s) = title.title.timebox_s {
                self.sections.limit(limit_s, title.line);
            }
            return;
        }
        // a number above other titles is a chapter's
        let chapter = next > title.rank || titles::explains(&title.title.text);
        if chapter && !called {
            self.text_items(items.len());
            return;
        }
        if items.is_empty() {
            items.extend(title.sentence.take());
        }
        if items.is_empty() && called {
            items.push(ManualItem::new(title.line, title.title.text.clone()));
        }
        if !items.is_empty() {
            self.step(Place::Heading).manual_items.extend(items);
        }
    }

    /// The step for a place, begun if it is not the one that is open.
    fn step(&mut self, place: Place) -> &mut Step {
        if self.open != Some(place) || self.built.steps.is_empty() {
            let (title, line) = (self.title.title.clone(), self.title.line);
            self.begin(place, title, line);
        }
        let last = self.built.steps.len() - 1;
        &mut self.built.steps[last]
    }

    /// Begins the step of an ordered item.
    fn begin_item(&mut self, number: usize, text: &str, line: u32) {
        // an item that only holds another list is called what stands in it, and else what the heading says
        let named = [text, self.list.inner.as_str()].into_iter().map(str::trim).find(|text| !text.is_empty());
        let title = match named {
            Some(text) => titles::parse(&titles::shorten(text, LONGEST_TITLE)),
            None => Title::default(),
        };
        self.window(u8::MAX, line, title.range_s());
        self.begin(Place::OrderedItem(number), title, line);
    }

    fn begin(&mut self, place: Place, title: Title, line: u32) {
        let Title { text, timebox_s, due_s, .. } = title;
        let own = place == Place::Heading && !self.title.is_bold();
        if place == Place::Heading {
            self.title.used = true;
        }
        let unnamed = text.is_empty();
        let text = match self.title.title.text.as_str() {
            heading if unnamed && !heading.is_empty() => heading.to_owned(),
            _ if unnamed => format!("line {line}"),
            _ => text,
        };
        if !unnamed && let Some(first) = self.sections.same_title(own, &text, line) {
            self.note(
                codes::SAME_TITLE,
                (line, self.lines.indent(line)),
                format!("this step has the same title as the one in line {first}: `{text}`"),
                "give each step a title that says what it does",
            );
        }
        let id = self.slugs.unique(&text);
        self.built.steps.push(Step {
            id,
            phases: self.sections.phases(own),
            title: text,
            line,
            timebox_s,
            starts_s: None,
            due_s,
            commands: Vec::new(),
            baselines: Vec::new(),
            probe: None,
            undo: Vec::new(),
            manual_items: Vec::new(),
        });
        self.open = Some(place);
    }

    fn note(&mut self, code: Code, at: (u32, u32), message: impl Into<String>, hint: &str) {
        self.built.diagnostics.push(codes::finding(code, at, message, hint));
    }
}
