//! What this process carries out itself. The journal says what should run; this says what does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use runbook_core::ids::RunId;

/// The attempts of this process, from before their intent is written until their outcome is.
#[derive(Default)]
pub(crate) struct UnderWay {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    attempts: BTreeMap<(RunId, u32), Phase>,
    /// How many have begun: orders them.
    begun: u64,
}

enum Phase {
    /// Its intent is being written. It begins once that is known to be on disk.
    Intended(What),
    /// It may have a process; `order` is its place among what has begun.
    Alive { order: u64, what: What },
    /// Its process is gone, and the outcome is being written.
    Ended,
}

/// What an attempt may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct What {
    pub(crate) target: String,
    pub(crate) changes: bool,
    /// Nobody asked for it: it only looks.
    pub(crate) unasked: bool,
}

/// An attempt that has begun; dropped when its outcome is written.
pub(crate) struct Begun<'a> {
    all: &'a UnderWay,
    id: (RunId, u32),
    /// Its place among what has begun.
    pub(crate) order: u64,
}

impl UnderWay {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its intent is about to be written.
    pub(crate) fn intend(&self, run: RunId, attempt: u32, what: What) {
        let mut inner = self.inner();
        let phase = inner.attempts.entry((run, attempt)).or_insert_with(|| Phase::Intended(what.clone()));
        if matches!(phase, Phase::Intended(_)) {
            *phase = Phase::Intended(what);
        }
    }

    /// It was intended by this process and has not begun: nothing of it was ever started.
    pub(crate) fn is_only_intended(&self, run: RunId, attempt: u32) -> bool {
        matches!(self.inner().attempts.get(&(run, attempt)), Some(Phase::Intended(_)))
    }

    /// On which target it is to look, where nobody asked for that and it has not begun.
    pub(crate) fn looks_at(&self, run: RunId, attempt: u32) -> Option<String> {
        match self.inner().attempts.get(&(run, attempt)) {
            Some(Phase::Intended(what)) if what.unasked => Some(what.target.clone()),
            _ => None,
        }
    }

    /// Begins it; `None` when it has begun before.
    pub(crate) fn begin(&self, run: RunId, attempt: u32) -> Option<Begun<'_>> {
        let mut inner = self.inner();
        let order = inner.begun;
        let phase = inner.attempts.get_mut(&(run, attempt))?;
        let Phase::Intended(what) = phase else { return None };
        *phase = Phase::Alive { order, what: what.clone() };
        inner.begun += 1;
        Some(Begun { all: self, id: (run, attempt), order })
    }

    /// It was begun by an earlier process, and this one waits for its end.
    pub(crate) fn take_up(&self, run: RunId, attempt: u32, what: What) {
        let mut inner = self.inner();
        let order = inner.begun;
        inner.begun += 1;
        inner.attempts.insert((run, attempt), Phase::Alive { order, what });
    }

    /// What was taken up, until its outcome is written.
    pub(crate) fn taken_up(&self, run: RunId, attempt: u32) -> Begun<'_> {
        Begun { all: self, id: (run, attempt), order: 0 }
    }

    /// Whatever begins from now on has a place behind this one.
    pub(crate) fn next_order(&self) -> u64 {
        self.inner().begun
    }

    /// Something of this run that began before `order` may have a process.
    pub(crate) fn is_alive(&self, run: RunId, before: u64) -> bool {
        self.inner().attempts.iter().any(|((of, _), phase)| {
            *of == run && matches!(phase, Phase::Alive { order, .. } if *order < before)
        })
    }

    /// Runs with an earlier attempt that must be gone before this one starts: of the same run, or changing the same target.
    /// Attempts of the run that are meant to be alive together with this one are not in the way.
    pub(crate) fn in_the_way_of(&self, begun: &Begun<'_>, together: &BTreeSet<u32>) -> Vec<RunId> {
        let inner = self.inner();
        let Some(Phase::Alive { what: mine, .. }) = inner.attempts.get(&begun.id) else { return Vec::new() };
        let is_in_the_way = |((run, attempt), phase): &(&(RunId, u32), &Phase)| match phase {
            Phase::Alive { order, what } => {
                let same_target = mine.changes && what.changes && mine.target == what.target;
                let own = *run == begun.id.0;
                *order < begun.order && if own { !together.contains(attempt) } else { same_target }
            }
            Phase::Intended(_) | Phase::Ended => false,
        };
        let runs: BTreeSet<RunId> =
            inner.attempts.iter().filter(is_in_the_way).map(|((run, _), _)| *run).collect();
        runs.into_iter().collect()
    }

    /// It is this process's own, or was taken up by it.
    pub(crate) fn knows(&self, run: RunId, attempt: u32) -> bool {
        self.inner().attempts.contains_key(&(run, attempt))
    }

    /// Attempts that may have a process.
    pub(crate) fn alive(&self) -> Vec<(RunId, u32)> {
        let inner = self.inner();
        let alive = inner.attempts.iter().filter(|(_, phase)| matches!(phase, Phase::Alive { .. }));
        alive.map(|(id, _)| *id).collect()
    }
}

impl Begun<'_> {
    /// Its process is gone, or was never started.
    pub(crate) fn ended(&self) {
        self.all.inner().attempts.insert(self.id, Phase::Ended);
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.all.inner().attempts.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn run(number: u128) -> RunId {
        RunId(Uuid::from_u128(number))
    }

    fn what(target: &str, changes: bool) -> What {
        What { target: target.to_owned(), changes, unasked: false }
    }

    fn begin<'a>(all: &'a UnderWay, of: u128, attempt: u32, what: What) -> Begun<'a> {
        all.intend(run(of), attempt, what);
        all.begin(run(of), attempt).unwrap()
    }

    #[test]
    fn an_attempt_begins_once_and_only_after_its_intent() {
        let all = UnderWay::default();
        assert!(all.begin(run(1), 1).is_none(), "nobody intended it");
        let first = begin(&all, 1, 1, what("web", true));
        all.intend(run(1), 1, what("web", true));
        assert!(all.begin(run(1), 1).is_none());
        assert!(!all.is_only_intended(run(1), 1));
        first.ended();
        assert!(all.begin(run(1), 1).is_none(), "its outcome is being written");
        drop(first);
        assert!(all.begin(run(1), 1).is_none(), "it is over");
    }

    #[test]
    fn what_began_earlier_on_the_same_target_is_in_the_way() {
        let (all, none) = (UnderWay::default(), BTreeSet::new());
        let old = begin(&all, 1, 1, what("web", true));
        let _look = begin(&all, 2, 1, what("web", false));
        let _elsewhere = begin(&all, 3, 1, what("db", true));
        let new = begin(&all, 4, 1, what("web", true));
        assert_eq!(all.in_the_way_of(&new, &none), [run(1)]);
        assert_eq!(all.in_the_way_of(&old, &none), []);
        let same_run = begin(&all, 2, 2, what("web", false));
        assert_eq!(all.in_the_way_of(&same_run, &none), [run(2)]);
        assert_eq!(all.in_the_way_of(&same_run, &[1, 2].into()), [], "they are meant to be alive together");
        assert!(all.is_alive(run(1), new.order) && !all.is_alive(run(4), new.order));
        old.ended();
        assert_eq!(all.in_the_way_of(&new, &none), []);
    }
}
