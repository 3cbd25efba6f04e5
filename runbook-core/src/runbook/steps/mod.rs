//! Groups blocks into steps.
//!
//! A heading, a bold `Step N` line or an ordered-list item becomes a step when it holds something to do. What that
//! is follows from the title: one that announces itself as a step (a number, a time box, a due date) keeps
//! everything below it, and is a manual step when that is only text; under any other heading an ordered list with
//! commands in it gives one step for each item. The rules are in `docs/reference/runbook-format.md`.

mod fence;
mod sections;
mod spelling;

use std::collections::BTreeSet;

use super::blocks::{Block, Bold, Item};
use super::codes;
use super::diagnostic::{Code, Diagnostic};
use super::lines::Lines;
use super::model::{CodeBlock, Heading, Link, ManualItem, Section, Step};
use super::titles::{self, Slugs, Title};
pub(crate) use sections::SectionBox;
use sections::Sections;

/// Items of a list that stand for a step without commands; a list longer than this is data.
const MOST_ITEMS: usize = 1000;
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
        Self { title, line, rank, announced, used: false, items: Vec::new(), sentence: None }
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

/// The outermost ordered list that is being read.
#[derive(Default)]
struct List {
    /// Items without commands so far.
    pending: Vec<Pending>,
    /// One of its items has commands.
    has_commands: bool,
    /// The paragraph above it says that steps follow.
    announced: bool,
}

/// An item of an ordered list, before it is known what it becomes.
struct Pending {
    number: usize,
    item: ManualItem,
    /// The items of the lists in it.
    parts: Vec<ManualItem>,
}

/// Builds steps from blocks in document order.
pub(crate) struct Builder<'a> {
    lines: &'a Lines<'a>,
    reading: Reading,
    slugs: Slugs,
    names: BTreeSet<String>,
    built: Built,
    sections: Sections,
    title: Open,
    /// The step that is being added to, and for which place.
    open: Option<Place>,
    list: List,
    /// The paragraph just above the block at hand.
    paragraph: String,
    /// A list was seen that [`Reading::Checklist`] would read.
    lists: bool,
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
            diagnostics: Vec::new(),
            boxes: Vec::new(),
        };
        Self {
            lines,
            reading,
            slugs: Slugs::default(),
            names: BTreeSet::new(),
            built,
            sections: Sections::default(),
            title: Open { announced: false, ..Open::new(title, 1, 2) },
            open: None,
            list: List::default(),
            paragraph: String::new(),
            lists: false,
        }
    }

    /// Takes the next block.
    pub(crate) fn block(&mut self, block: Block<'_>) {
        match block {
            Block::Heading { level, text, raw, line } => {
                self.begin_title(&text, line, level.saturating_mul(2));
                self.sections.open(&self.title, level, self.built.steps.len());
                if level == 1 && !text.is_empty() {
                    self.built.title.get_or_insert(text);
                }
                self.built.headings.push(Heading { level, line, text: raw });
                self.paragraph.clear();
            }
            Block::Paragraph { text, bold, line } => self.paragraph(text, bold, line),
            Block::Item(item) => self.item(item),
            Block::ListEnd => self.end_list(),
            Block::Fence(fence) => self.fence(&fence),
            Block::Indented { text, line, end_line, in_list } => {
                self.indented(&text, line, end_line, in_list);
            }
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
        let (sections, boxes) = self.sections.finish(&self.built.steps);
        self.built.sections = sections;
        self.built.boxes = boxes;
        for step in &mut self.built.steps {
            step.manual_items.sort_by_key(|item| item.line);
        }
        // the rules look next, and need room of their own
        self.built.steps.shrink_to_fit();
        self.built.blocks.shrink_to_fit();
        self.built.headings.shrink_to_fit();
        (self.built, self.lists)
    }

    fn paragraph(&mut self, text: String, bold: Bold, line: u32) {
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
                self.title.sentence =
                    Some(ManualItem { line, text: titles::shorten(&text, LONGEST_SENTENCE) });
            }
        } else if self.title.announced && self.title.sentence.is_none() {
            let sentence = titles::first_sentence(&text);
            if !sentence.is_empty() {
                let text = titles::shorten(sentence, LONGEST_SENTENCE);
                self.title.sentence = Some(ManualItem { line, text });
            }
        }
        self.paragraph = text;
    }

    fn item(&mut self, item: Item) {
        let Item { text, line, task, outermost, ordered, within } = item;
        let found = || ManualItem { line, text: text.clone() };
        if task {
            let place = match (within, self.open) {
                (Some(number), Some(place)) if place == Place::OrderedItem(number) => place,
                _ => Place::Heading,
            };
            self.step(place).manual_items.push(found());
        } else if outermost && !text.is_empty() {
            match within {
                Some(number) if ordered => self.pend(number, found()),
                _ if self.title.announced && self.title.items.len() < MOST_ITEMS => {
                    self.title.items.push(found());
                }
                _ => {}
            }
        } else if !outermost
            && let Some(pending) =
                self.list.pending.last_mut().filter(|pending| Some(pending.number) == within)
            && pending.parts.len() < MOST_ITEMS
        {
            pending.parts.push(found());
        }
        self.paragraph = text;
    }

    fn pend(&mut self, number: usize, item: ManualItem) {
        if self.list.pending.is_empty() {
            let above = self.paragraph.to_lowercase();
            self.list.announced |= above.ends_with(':')
                && ["step", "following", "do this", "as follows", "procedure"]
                    .iter()
                    .any(|word| above.contains(word));
        }
        if self.list.pending.len() < MOST_ITEMS {
            self.list.pending.push(Pending { number, item, parts: Vec::new() });
        }
    }

    /// What the items of a list without commands are is known at its end.
    fn end_list(&mut self) {
        let list = std::mem::take(&mut self.list);
        if list.pending.is_empty() {
            return;
        }
        let text = &self.title.title.text;
        let checklist = self.reading == Reading::Checklist && !titles::explains(text);
        if list.has_commands {
            self.item_steps(list.pending);
        } else if self.title.announced || list.announced || checklist || titles::says_what_to_do(text) {
            let step = self.step(Place::Heading);
            for Pending { item, parts, .. } in list.pending {
                // what an item only announces is in its parts; otherwise they are details
                let announces = item.text.ends_with(':');
                step.manual_items.push(item);
                step.manual_items.extend(parts.into_iter().filter(|_| announces));
            }
        } else {
            self.lists = true;
        }
    }

    /// A manual step for each item: its parts are what to do, or else its text.
    fn item_steps(&mut self, items: Vec<Pending>) {
        for Pending { number, item, parts } in items {
            self.begin_item(number, &item.text, item.line);
            if let Some(step) = self.built.steps.last_mut() {
                if parts.is_empty() {
                    step.manual_items.push(item);
                } else {
                    step.manual_items.extend(parts);
                }
            }
        }
    }

    fn begin_title(&mut self, raw: &str, line: u32, rank: u8) {
        self.end_title(rank);
        self.open = None;
        self.title = Open::new(raw, line, rank);
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
        let title = &mut self.title;
        if title.used || !title.announced {
            return;
        }
        let called = titles::is_called_step(&title.title.text);
        let empty = title.items.is_empty() && title.sentence.is_none();
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
            return;
        }
        let mut items = std::mem::take(&mut title.items);
        if items.is_empty() {
            items.extend(title.sentence.take());
        }
        if items.is_empty() && called {
            items.push(ManualItem { line: title.line, text: title.title.text.clone() });
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
        let title = titles::parse(&titles::shorten(text.trim(), LONGEST_TITLE));
        self.begin(Place::OrderedItem(number), title, line);
    }

    fn begin(&mut self, place: Place, title: Title, line: u32) {
        let Title { text, timebox_s, due_s } = title;
        let own = place == Place::Heading && !self.title.is_bold();
        if place == Place::Heading {
            self.title.used = true;
        }
        if let Some(first) = self.sections.same_title(own, &text, line) {
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
