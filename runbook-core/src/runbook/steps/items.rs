//! List items: which of them are for a person, which are the place of a command, and which are text.

use super::super::blocks::Item;
use super::super::lines::to_u32;
use super::super::model::{ManualItem, OnlyIf};
use super::super::{prompts, titles};
use super::{Builder, Place, Reading};

/// Items of a list that stand for a step without commands; a list longer than this is data.
const MOST_ITEMS: usize = 1000;

/// The outermost list that is being read.
#[derive(Default)]
pub(super) struct List {
    /// It has an item.
    begun: bool,
    /// Ordered items without commands so far.
    pub(super) pending: Vec<Pending>,
    /// One of its items has commands.
    pub(super) has_commands: bool,
    /// The sentence above it says that steps follow.
    announced: bool,
    /// The sentence above it says that causes or reasons follow.
    explains: bool,
    /// The items that are open at the block at hand, outermost first.
    around: Vec<Around>,
    /// What the last item inside the outermost one says.
    pub(super) inner: String,
    /// The ordered item with commands whose further items are for a person.
    pub(super) goes_on: Option<usize>,
}

impl List {
    /// In how many lists the text at hand stands.
    pub(super) fn depth(&self) -> usize {
        self.around.last().map_or(0, |around| around.depth)
    }

    /// What the items around a block in the item of this line say about when to run it, innermost first.
    pub(super) fn only_if(&self, item: u32) -> impl Iterator<Item = &OnlyIf> {
        let to = self.around.iter().position(|around| around.line == item).map_or(0, |at| at + 1);
        self.around.iter().take(to).rev().filter_map(|around| around.only_if.as_ref())
    }
}

/// An open list item.
struct Around {
    depth: usize,
    line: u32,
    /// What it says about when to run what is in it.
    only_if: Option<OnlyIf>,
    inside: Inside,
}

/// What the items directly inside an item are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inside {
    /// Manual items.
    Items,
    /// Parts of the ordered item that is pending, or was until a command came.
    Parts,
    /// Items of the title, should it have nothing else.
    Title,
    /// Text.
    Text,
}

/// An item of an ordered list, before it is known what it becomes.
pub(super) struct Pending {
    pub(super) number: usize,
    pub(super) item: ManualItem,
    /// The items of the lists in it.
    pub(super) parts: Vec<ManualItem>,
}

/// `Run kubectl get pods`, `Then execute: df -h`, or the command alone. Code in running text has lost its marks here.
fn says_to_run(text: &str) -> bool {
    const LEADS: &[&str] =
        &["first", "then", "next", "now", "run", "execute", "issue", "type", "the", "command"];
    let mut rest = text.trim();
    for _ in 0..4 {
        if prompts::looks_like_command(rest) {
            return true;
        }
        let Some((word, after)) = rest.split_once(' ') else { return false };
        let word = word.trim_end_matches([':', ',']).to_ascii_lowercase();
        if !LEADS.contains(&word.as_str()) {
            return false;
        }
        rest = after.trim_start();
    }
    false
}

impl Builder<'_> {
    pub(super) fn item(&mut self, item: Item) {
        let Item { text, line, task, depth, ordered, within } = item;
        while self.list.around.pop_if(|around| around.depth >= depth).is_some() {}
        let above = self.list.around.last().map_or(Inside::Text, |around| around.inside);
        let found = ManualItem::new(line, text.clone());
        let first = depth == 1 && !self.list.begun;
        let only_if = self.branches.item(&text, line, first);
        if depth == 1 && !std::mem::replace(&mut self.list.begun, true) {
            self.begin_list();
        }
        if depth == 1 {
            self.list.inner.clear();
        } else if !text.is_empty() {
            self.list.inner.clone_from(&text);
        }
        let expected = !task && self.expected_item(&text, line, depth);
        if task {
            self.pass();
        }
        let kind = if expected {
            Inside::Text
        } else if task {
            self.step(self.place_of(within)).manual_items.push(found);
            Inside::Items
        } else if text.is_empty() {
            Inside::Text
        } else if depth == 1 {
            self.outermost(found, within.filter(|_| ordered))
        } else {
            self.nested(found, within, above)
        };
        // an item announces those inside it by a colon; an ordered one may become a step of its own
        let inside = if kind == Inside::Parts || text.ends_with(':') { kind } else { Inside::Text };
        self.list.around.push(Around { depth, line, inside, only_if });
        self.paragraph = text;
    }

    /// Where an item belongs that is done by hand.
    fn place_of(&self, within: Option<usize>) -> Place {
        match (within, self.open) {
            (Some(number), Some(place)) if place == Place::OrderedItem(number) => place,
            _ => Place::Heading,
        }
    }

    /// What the sentence above a list says about it.
    fn begin_list(&mut self) {
        let above = self.paragraph.to_lowercase();
        let Some(above) = above.strip_suffix(':') else { return };
        let above = above.rsplit(['.', '!', '?']).next().unwrap_or_default();
        let says = |words: &[&str]| words.iter().any(|word| above.contains(word));
        let last = above.split_whitespace().rev().take(2);
        self.list.explains =
            last.into_iter().any(|word| matches!(word, "cause" | "causes" | "reason" | "reasons"))
                && !says(&["check"]);
        self.list.announced = says(&["step", "following", "do this", "as follows", "procedure"])
            && !titles::explains(&self.title.title.text);
    }

    /// An item of the outermost list that is no task.
    fn outermost(&mut self, found: ManualItem, number: Option<usize>) -> Inside {
        match number {
            Some(number) if self.list.pending.len() < MOST_ITEMS => {
                self.list.pending.push(Pending { number, item: found, parts: Vec::new() });
                Inside::Parts
            }
            None if self.title.announced && !self.list.explains && self.title.items.len() < MOST_ITEMS => {
                self.title.items.push(found);
                Inside::Title
            }
            _ => self.text_item(found.line),
        }
    }

    /// An item inside another one that is no task.
    fn nested(&mut self, found: ManualItem, within: Option<usize>, above: Inside) -> Inside {
        match above {
            Inside::Items => {}
            Inside::Parts => {
                let pending = self.list.pending.last_mut().filter(|pending| Some(pending.number) == within);
                match pending {
                    Some(pending) if pending.parts.len() < MOST_ITEMS => {
                        pending.parts.push(found);
                        return Inside::Parts;
                    }
                    None if within.is_some() && self.list.goes_on == within => {}
                    _ => return self.text_item(found.line),
                }
            }
            Inside::Title if self.title.items.len() < MOST_ITEMS => {
                self.title.items.push(found);
                return Inside::Title;
            }
            Inside::Title | Inside::Text => return self.text_item(found.line),
        }
        self.last_inside = Some(found.line);
        self.step(self.place_of(within)).manual_items.push(found);
        above
    }

    fn text_item(&mut self, line: u32) -> Inside {
        self.last_text = Some(line);
        self.text_items(1);
        Inside::Text
    }

    pub(super) fn text_items(&mut self, count: usize) {
        self.built.text_items = self.built.text_items.saturating_add(to_u32(count));
    }

    /// An item that holds commands is their place, and neither text nor something to do by hand.
    pub(super) fn holds_commands(&mut self, line: u32) {
        if self.last_text.take_if(|last| *last == line).is_some() {
            self.built.text_items = self.built.text_items.saturating_sub(1);
        }
        self.title.items.pop_if(|item| item.line == line);
        if self.last_inside.take_if(|last| *last == line).is_some()
            && let Some(step) = self.built.steps.last_mut()
        {
            step.manual_items.pop_if(|item| item.line == line);
        }
    }

    /// What the items of a list without commands are is known at its end.
    pub(super) fn end_list(&mut self) {
        let list = std::mem::take(&mut self.list);
        if list.pending.is_empty() {
            return;
        }
        let text = &self.title.title.text;
        let checklist = self.reading == Reading::Checklist && !titles::explains(text);
        // commands that somebody is told to run are something to do, under any title that does not explain
        let runs = || !titles::explains(text) && list.pending.iter().any(|one| says_to_run(&one.item.text));
        let does =
            self.title.announced || list.announced || checklist || titles::says_what_to_do(text) || runs();
        if list.has_commands {
            self.item_steps(list.pending);
        } else if does && !list.explains {
            let mut details = 0;
            let step = self.step(Place::Heading);
            for Pending { item, parts, .. } in list.pending {
                // what an item only announces is in its parts; otherwise they are details
                let announces = item.text.ends_with(':');
                step.manual_items.push(item);
                if announces {
                    step.manual_items.extend(parts);
                } else {
                    details += parts.len();
                }
            }
            self.text_items(details);
        } else {
            self.lists |= !list.explains;
            self.text_items(list.pending.iter().map(|pending| 1 + pending.parts.len()).sum());
        }
    }

    /// A manual step for each item: its parts are what to do, or else its text.
    pub(super) fn item_steps(&mut self, items: Vec<Pending>) {
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
}
