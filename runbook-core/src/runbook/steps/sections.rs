//! The headings around the block at hand, and what is below each of them.

use std::collections::BTreeMap;
use std::ops::Range;

use super::super::branches::is_about_problems;
use super::super::forbidden::Said;
use super::super::model::{OnlyIf, Section, Step};
use super::super::titles::Slugs;
use super::Open;

/// A time box on a title that is not a step itself: the limit for the steps below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SectionBox {
    pub(crate) line: u32,
    pub(crate) title: String,
    pub(crate) limit_s: u32,
    /// The range of steps below it.
    pub(crate) steps: Range<usize>,
}

/// An open heading.
struct Around {
    title: String,
    line: u32,
    level: u8,
    rank: u8,
    /// The document's own title, which is no phase of anything.
    own_title: bool,
    /// It says not to run what is below it.
    forbids: bool,
    /// It says when to run what is below it.
    only_if: Option<OnlyIf>,
    /// Its limit, and the line that says so.
    limit: Option<(u32, u32)>,
    /// The first step below it.
    start: usize,
    /// Titles of the steps directly below it, with the line of the first of each.
    titles: BTreeMap<String, u32>,
}

/// The headings that are open, and those that are over and have steps.
#[derive(Default)]
pub(super) struct Sections {
    around: Vec<Around>,
    /// Titles of steps outside every heading.
    titles: BTreeMap<String, u32>,
    over: Vec<(Section, u32)>,
    title_seen: bool,
}

impl Sections {
    /// A heading begins; those of its rank and deeper ones were closed before.
    pub(super) fn open(&mut self, open: &Open, level: u8, steps: usize) {
        let own_title = level == 1 && !std::mem::replace(&mut self.title_seen, true);
        self.around.push(Around {
            title: open.title.text.clone(),
            line: open.line,
            level,
            rank: open.rank,
            own_title,
            forbids: !own_title && open.says == Some(Said::Never),
            only_if: open.only_if.clone().filter(|_| !own_title),
            limit: open.title.timebox_s.map(|limit_s| (limit_s, open.line)),
            start: steps,
            titles: BTreeMap::new(),
        });
    }

    /// Ends the headings of a rank and deeper ones.
    pub(super) fn close(&mut self, rank: u8, steps: usize) {
        while let Some(around) = self.around.pop_if(|around| around.rank >= rank) {
            if around.start == steps {
                continue;
            }
            let box_line = around.limit.map_or(around.line, |(_, line)| line);
            let section = Section {
                id: String::new(),
                title: around.title,
                line: around.line,
                level: around.level,
                timebox_s: around.limit.map(|(limit_s, _)| limit_s),
                steps: around.start..steps,
            };
            self.over.push((section, box_line));
        }
    }

    /// A limit for the innermost heading, from a line below it; its own one stands.
    pub(super) fn limit(&mut self, limit_s: u32, line: u32) {
        if let Some(around) = self.around.last_mut() {
            around.limit.get_or_insert((limit_s, line));
        }
    }

    /// Whether a heading around the block at hand says not to run what is below it.
    pub(super) fn forbid(&self) -> bool {
        self.around.iter().any(|around| around.forbids)
    }

    /// What the headings around the block at hand say about when to run it, innermost first.
    /// Whether an open heading says that each question below it is about another case.
    pub(super) fn is_about_problems(&self) -> bool {
        self.around.iter().any(|around| is_about_problems(&around.title))
    }

    pub(super) fn only_if(&self) -> impl Iterator<Item = &OnlyIf> {
        self.around.iter().rev().filter_map(|around| around.only_if.as_ref())
    }

    /// The line of the innermost heading; 0 above every one.
    pub(super) fn innermost(&self) -> u32 {
        self.around.last().map_or(0, |around| around.line)
    }

    /// The headings around a step; without the innermost one when that is the step itself.
    pub(super) fn phases(&self, own: bool) -> Vec<String> {
        let around = &self.around[..self.around.len() - usize::from(own && !self.around.is_empty())];
        around.iter().filter(|around| !around.own_title).map(|around| around.title.clone()).collect()
    }

    /// The line of an earlier step with the same title below the same heading.
    pub(super) fn same_title(&mut self, own: bool, title: &str, line: u32) -> Option<u32> {
        let depth = self.around.len().checked_sub(1 + usize::from(own));
        let titles = match depth.and_then(|index| self.around.get_mut(index)) {
            Some(around) => &mut around.titles,
            None => &mut self.titles,
        };
        if title.is_empty() {
            return None;
        }
        match titles.get(title) {
            // one title may open several steps: what stands above and below a list in it
            Some(&first) => (first != line).then_some(first),
            None => {
                titles.insert(title.to_owned(), line);
                None
            }
        }
    }

    /// The sections in document order, and the limits among them that are not a step's own.
    ///
    /// `starts` is where the windows among their titles begin, by line.
    pub(super) fn finish(
        mut self,
        steps: &[Step],
        starts: &BTreeMap<u32, u32>,
    ) -> (Vec<Section>, Vec<SectionBox>) {
        self.over.sort_by_key(|(section, _)| section.line);
        let mut slugs = Slugs::default();
        let mut boxes = Vec::new();
        let mut sections = Vec::new();
        for (mut section, line) in self.over {
            section.id = slugs.unique(&section.title);
            let start = starts.get(&line).copied().unwrap_or_default();
            section.timebox_s = section.timebox_s.map(|end_s| end_s.saturating_sub(start));
            let is_step = steps
                .get(section.steps.clone())
                .is_some_and(|steps| steps.iter().any(|step| step.line == line && step.timebox_s.is_some()));
            if let Some(limit_s) = section.timebox_s.filter(|_| !is_step) {
                let (title, steps) = (section.title.clone(), section.steps.clone());
                boxes.push(SectionBox { line, title, limit_s, steps });
            }
            sections.push(section);
        }
        (sections, boxes)
    }
}
