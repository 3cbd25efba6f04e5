//! Where in a text a variable has been set for sure: what the walk over its commands comes to.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::traps::Traps;

/// Stands for every name: a file was loaded, which may bring any.
pub(super) const ANY: &str = "*";

/// Stands for a variable that is a function's own, with a value or without: `unset` leaves it its own.
pub(super) fn own(name: &str) -> String {
    format!("={name}")
}

/// Since when a variable is set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Since {
    /// The place behind what sets it.
    pub(super) at: usize,
    /// Nothing sets it: the text only goes on where it is set, or may be.
    pub(super) asked: bool,
    /// It was read, and is empty when there is nothing more to read.
    pub(super) read: bool,
}

/// A text with more ways out is taken to set nothing at its end.
const MOST_WAYS_OUT: usize = 64;

/// What is set.
pub(super) type Names = BTreeMap<String, Since>;

/// What is set behind a command; `None` where nothing comes behind it.
pub(super) type Flow = Option<Names>;

/// What is set behind a command, by how it ended.
#[derive(Debug, Clone)]
pub(super) struct Effect {
    /// Where it went well.
    pub(super) yes: Flow,
    /// Where it did not.
    pub(super) no: Flow,
    /// Where it goes on elsewhere in the loop around it.
    pub(super) ways: Ways,
}

/// What is set where a loop's body is left before its end; `None` where it is not.
#[derive(Debug, Clone, Default)]
pub(super) struct Ways {
    /// By `break`: behind the loop.
    pub(super) broken: Flow,
    /// By `continue`: at its head.
    pub(super) again: Flow,
}

impl Ways {
    pub(super) fn is_empty(&self) -> bool {
        self.broken.is_none() && self.again.is_none()
    }

    /// With these set before.
    pub(super) fn behind(self, before: &Flow) -> Ways {
        let with = |way: Flow| way.and_then(|way| then(before.clone(), Some(way)));
        Ways { broken: with(self.broken), again: with(self.again) }
    }

    pub(super) fn or(self, other: Ways) -> Ways {
        Ways { broken: either(self.broken, other.broken), again: either(self.again, other.again) }
    }
}

impl Effect {
    /// It sets these however it ends.
    pub(super) fn of(names: Names) -> Effect {
        Effect::ends(Some(names))
    }

    /// However it ends, these are set.
    pub(super) fn ends(flow: Flow) -> Effect {
        Effect { yes: flow.clone(), no: flow, ways: Ways::default() }
    }

    pub(super) fn nothing() -> Effect {
        Effect::of(Names::new())
    }

    /// It leaves what is around it.
    pub(super) fn leaves() -> Effect {
        Effect::ends(None)
    }

    /// It may fail without having begun, with no more set than these.
    pub(super) fn or_not_at_all(self, before: Names) -> Effect {
        Effect { no: either(self.no, Some(before)), ..self }
    }

    pub(super) fn both(self) -> Flow {
        either(self.yes, self.no)
    }
}

/// One of two ways was gone.
pub(super) fn either(one: Flow, other: Flow) -> Flow {
    let (Some(one), Some(other)) = (&one, &other) else { return one.or(other) };
    let common = one.iter().filter_map(|(name, a)| {
        let b = other.get(name)?;
        let since = Since { at: a.at.min(b.at), asked: a.asked || b.asked, read: a.read || b.read };
        Some((name.clone(), since))
    });
    Some(common.collect())
}

/// Both were gone, one after the other.
pub(super) fn then(first: Flow, second: Flow) -> Flow {
    let (mut all, second) = (first?, second?);
    for (name, b) in second {
        let since = all.get(&name).map_or(b, |a| Since {
            at: a.at.max(b.at),
            asked: a.asked && b.asked,
            read: a.read && b.read,
        });
        all.insert(name, since);
    }
    Some(all)
}

/// Where variables are set for sure.
#[derive(Debug, Default)]
pub(super) struct Assigned {
    /// By what the text does.
    set: BTreeMap<String, Vec<Range<usize>>>,
    /// By that, or because the text goes on there only where they are.
    given: BTreeMap<String, Vec<Range<usize>>>,
    /// What is set when the text has run to its end, whatever way it took.
    end: BTreeSet<String>,
    /// What is set when it has done so well.
    well: BTreeSet<String>,
    /// Where here-documents stand, and where they are read.
    documents: Vec<(Range<usize>, usize)>,
    /// What is read where a signal comes.
    traps: Traps,
}

impl Assigned {
    /// Whether the text has set a variable before this place.
    pub(super) fn is_set(&self, name: &str, at: usize) -> bool {
        let own = own(name);
        let holds = |name: &str, at: usize| self.set.get(name).is_some_and(|places| is_within(places, at));
        self.holds(name, at, |at| holds(name, at) || holds(&own, at))
    }

    /// Whether it has done so, or goes on there only where the variable has a value, or may have brought it from a file.
    pub(super) fn is_given(&self, name: &str, at: usize) -> bool {
        let holds = |name: &str, at: usize| self.given.get(name).is_some_and(|places| is_within(places, at));
        let own = own(name);
        self.holds(name, at, |at| holds(name, at) || holds(&own, at) || holds(ANY, at))
    }

    /// Whether something holds where what stands there is read.
    fn holds(&self, name: &str, at: usize, is_there: impl Fn(usize) -> bool) -> bool {
        match self.traps.at(at) {
            Some(trap) => self.traps.always(trap, name, is_there),
            None => is_there(self.place(at)),
        }
    }

    pub(super) fn forget_traps(&mut self) {
        self.traps = Traps::default();
    }

    /// What it has set at its end.
    pub(super) fn at_end(&self) -> impl Iterator<Item = &str> {
        self.end.iter().map(String::as_str)
    }

    /// What it has set where its caller sees it end well.
    pub(super) fn at_good_end(&self) -> impl Iterator<Item = &str> {
        self.well.iter().map(String::as_str)
    }

    /// Where a here-document's text is read.
    pub(super) fn place(&self, at: usize) -> usize {
        let next = self.documents.partition_point(|(body, _)| body.end <= at);
        self.documents.get(next).filter(|(body, _)| body.contains(&at)).map_or(at, |(_, read)| *read)
    }
}

/// What the walk notes on its way.
#[derive(Debug, Default)]
pub(super) struct Notes {
    places: Vec<(String, Since, Range<usize>)>,
    /// Where variables are unset.
    unset: BTreeMap<String, BTreeSet<usize>>,
    /// Those of them that a loop unsets, so that its beginning comes behind its end.
    never: BTreeSet<String>,
    /// What the outermost commands set, whatever way out of the text is taken.
    last: Names,
    /// The ways out of the text, and whether its caller cannot take them for a good end: `return 1`, `exit`.
    pub(super) ways_out: Vec<(usize, bool)>,
    /// Tests of a variable that are no use of it.
    pub(super) tests: BTreeSet<usize>,
    /// Where here-documents stand, and where they are read.
    pub(super) documents: Vec<(Range<usize>, usize)>,
    pub(super) traps: Traps,
}

impl Notes {
    pub(super) fn holds(&mut self, names: &Flow, place: &Range<usize>) {
        for (name, since) in names.iter().flatten() {
            self.places.push((name.clone(), *since, place.clone()));
        }
    }

    /// How much is noted, for forgetting what comes behind.
    pub(super) fn mark(&self) -> usize {
        self.places.len()
    }

    /// Nothing holds that was noted since: it was taken for granted that a loop was left.
    pub(super) fn forget(&mut self, mark: usize) {
        self.places.truncate(mark);
    }

    /// One of the outermost commands has set these.
    pub(super) fn ends_with(&mut self, names: &Flow) {
        self.last.extend(names.iter().flatten().map(|(name, since)| (name.clone(), *since)));
    }

    pub(super) fn unsets(&mut self, name: &str, at: usize, in_loop: bool) {
        self.unset.entry(name.to_owned()).or_default().insert(at);
        if in_loop {
            self.never.insert(name.to_owned());
        }
    }

    /// All of it.
    pub(super) fn settled(mut self) -> Assigned {
        let mut settled = Assigned { documents: std::mem::take(&mut self.documents), ..Assigned::default() };
        settled.traps = std::mem::take(&mut self.traps);
        settled.documents.sort_by_key(|(body, _)| body.start);
        for (name, since, place) in std::mem::take(&mut self.places) {
            let place = place.start..place.end.min(self.gone(&name, since));
            if place.is_empty() {
                continue;
            }
            if !since.asked {
                settled.set.entry(name.clone()).or_default().push(place.clone());
            }
            settled.given.entry(name).or_default().push(place);
        }
        for places in settled.set.values_mut().chain(settled.given.values_mut()) {
            *places = together(std::mem::take(places));
        }
        if self.ways_out.len() <= MOST_WAYS_OUT {
            for (name, since) in &self.last {
                let stays = !since.asked && !name.starts_with('=') && self.gone(name, *since) == usize::MAX;
                let mut missing = self.ways_out.iter().filter(|(out, _)| !settled.is_set(name, *out));
                let is_always = missing.clone().next().is_none();
                if stays && missing.all(|(_, fails)| *fails) {
                    settled.well.insert(name.clone());
                }
                if stays && is_always {
                    settled.end.insert(name.clone());
                }
            }
        }
        settled
    }

    /// Where a variable is not set any more.
    fn gone(&self, name: &str, since: Since) -> usize {
        if self.never.contains(name) {
            return 0;
        }
        let unset = self.unset.get(name).and_then(|all| all.range(since.at..).next());
        unset.copied().unwrap_or(usize::MAX)
    }
}

/// Places in order, those that meet in one.
fn together(mut places: Vec<Range<usize>>) -> Vec<Range<usize>> {
    places.sort_by_key(|place| place.start);
    let mut all: Vec<Range<usize>> = Vec::new();
    for place in places {
        match all.last_mut() {
            Some(last) if place.start <= last.end => last.end = last.end.max(place.end),
            _ => all.push(place),
        }
    }
    all
}

fn is_within(places: &[Range<usize>], at: usize) -> bool {
    let next = places.partition_point(|place| place.end <= at);
    places.get(next).is_some_and(|place| place.contains(&at))
}
