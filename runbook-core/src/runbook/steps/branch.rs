//! Which of the texts around a block say when its commands run.

use super::super::blocks::{Bold, Fence};
use super::super::branches::{self, Branch};
use super::super::info::{Info, Role};
use super::super::model::OnlyIf;
use super::super::titles;
use super::Builder;

/// Characters of a tab's label that are kept.
const LONGEST_LABEL: usize = 100;
/// Characters of a question that are kept.
const LONGEST_QUESTION: usize = 160;

/// What the text above the block at hand says.
#[derive(Default)]
pub(super) struct Branches {
    /// The text just above, which holds for blocks directly below each other.
    above: Option<OnlyIf>,
    /// A bold line on its own, such as `**Option A**`: it holds up to the next one.
    label: Option<OnlyIf>,
    /// The tab that the block at hand stands in, one of several.
    tab: Option<OnlyIf>,
    /// What stands above the outermost list at hand and holds for all of it.
    list: Option<OnlyIf>,
    /// The text above ends in a colon, and what it is about has not come yet.
    open: bool,
    /// The last item has no block of its own so far.
    bare_item: bool,
}

impl Branches {
    pub(super) fn title(&mut self) {
        *self = Branches { tab: self.tab.take(), ..Branches::default() };
    }

    /// A tab begins, or the last one is over.
    pub(super) fn tab(&mut self, label: Option<String>, line: u32) {
        self.above = None;
        self.tab = label.map(|label| only_if(&format!("tab {label}"), line, Branch::Conditional));
    }

    pub(super) fn list_end(&mut self) {
        // `* If it hangs` and the block below the list
        if !self.bare_item {
            self.above = None;
        }
        self.bare_item = false;
        self.list = None;
    }

    /// A block has come.
    pub(super) fn fence(&mut self) {
        self.open = false;
        self.bare_item = false;
    }

    /// Takes a paragraph; `asked` says that each question of the section is about another case.
    pub(super) fn paragraph(&mut self, text: &str, bold: Bold, line: u32, asked: bool) {
        self.bare_item = false;
        // `If it is stuck:` and then how that is done
        let carried = self.above.take().filter(|_| self.open);
        self.above = of_text(text, line).or(carried);
        self.open = self.above.is_some() && text.ends_with(':');
        let head = match bold {
            Bold::Whole => text,
            // `**Option A:** restart it`
            Bold::Lead => text.split_once(':').map_or("", |(head, _)| head),
            Bold::No => return,
        };
        let found = of_title(head, line).or_else(|| question(head, line).filter(|_| asked));
        // `**Run this:**` is below the label and no other one
        if found.is_some() || bold == Bold::Whole && !text.ends_with(':') {
            self.label = found;
        }
    }

    /// Takes an item; gives what it says about the blocks in it.
    pub(super) fn item(&mut self, text: &str, line: u32, first: bool) -> Option<OnlyIf> {
        if first {
            self.list = self.above.take().filter(|_| self.open);
        }
        self.above = of_text(text, line);
        self.open = self.above.is_some() && text.ends_with(':');
        // an item that says what to do as well has said all of it
        self.bare_item = !text.contains(',');
        self.above.clone()
    }
}

/// The tab that a line of a template begins, `{% tab title="Linux" %}`; `Some(None)` where the tabs end.
pub(super) fn tab_label(text: &str) -> Option<Option<String>> {
    let open = text.get(..2).filter(|open| matches!(*open, "{%" | "{{"))?;
    // `{% tabs %}{% tab title="Linux" %}`: what opens last holds for what is below
    let inside = text.rsplit(open).next()?.trim_start_matches(['%', '<', ' ']);
    let name = inside.split(|c: char| c.is_whitespace() || c == '"').next().unwrap_or_default();
    match name {
        "tab" => {
            let label = inside.split('"').nth(1).unwrap_or("of several");
            Some(Some(titles::shorten(label, LONGEST_LABEL)))
        }
        "tabs" | "endtabs" | "endtab" | "/tabs" | "/tab" => Some(None),
        _ => None,
    }
}

/// What a title says about what is below it.
pub(super) fn of_title(raw: &str, line: u32) -> Option<OnlyIf> {
    branches::of_title(raw).map(|branch| only_if(raw, line, branch))
}

/// What a question says about what is below it, where each answers another one.
pub(super) fn question(raw: &str, line: u32) -> Option<OnlyIf> {
    raw.trim_end_matches(['*', '_', ' ']).ends_with('?').then(|| {
        let text = titles::shorten(raw, LONGEST_QUESTION);
        OnlyIf { text, line, allowed: false, inverse: false, told_at: 0 }
    })
}

fn of_text(text: &str, line: u32) -> Option<OnlyIf> {
    branches::of_text(text).map(|branch| only_if(text, line, branch))
}

fn only_if(text: &str, line: u32, branch: Branch) -> OnlyIf {
    let inverse = branch == Branch::Inverse;
    OnlyIf { text: branches::words(text), line, allowed: false, inverse, told_at: 0 }
}

impl Builder<'_> {
    /// On what condition a block's command at `line` runs. `comment` is the one above the command, and whether it names
    /// one of several ways.
    ///
    /// The words nearest to it count, but that it goes back only where nothing else is said.
    pub(super) fn only_if(
        &self,
        fence: &Fence<'_>,
        info: &Info,
        (comment, alternative): (Option<&str>, bool),
        line: u32,
    ) -> Option<Box<OnlyIf>> {
        // an undo is no step forward, probes and baselines only look
        if info.unconditional || info.role != Role::Main || info.flow.when.is_some() {
            return None;
        }
        // a line of a command's own speaks of that one; the others of all in the block or below the title
        let comment = comment.and_then(|comment| {
            let way = || alternative.then(|| only_if(comment, line, Branch::Conditional));
            of_text(comment, line).or_else(way)
        });
        let near = comment.iter().chain(&self.branches.above);
        let items = fence.item.into_iter().flat_map(|item| self.list.only_if(item));
        let list = self.branches.list.iter().filter(|_| fence.in_list);
        let text = near.chain(items).chain(list);
        let titles = self
            .branches
            .label
            .iter()
            .chain(&self.branches.tab)
            .chain(&self.title.only_if)
            .chain(self.sections.only_if());
        let all = text.map(|found| (found, line)).chain(titles.map(|found| (found, found.line)));
        let mut back = None;
        for (found, told_at) in all {
            let found = || Some(Box::new(OnlyIf { told_at, ..found.clone() }));
            match found() {
                Some(only_if) if only_if.inverse => back = back.or(Some(only_if)),
                other => return other,
            }
        }
        back
    }
}
