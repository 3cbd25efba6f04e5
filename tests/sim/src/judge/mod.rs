//! The judge: sees every event as it is written and every process as it lives, and says what must never be.
//!
//! It folds the stored bytes with the core's `evolve`, which it must, and takes everything else from what it saw itself:
//! who clicked what, which process really lived, and what that process really came to.

mod incident;
mod quiet;
mod run;
mod sides;

use std::collections::{BTreeMap, BTreeSet};

use blocks_store::memory::Data;
use runbook_core::ids::{IncidentId, RunId};
use runbook_core::journal::{Cause, Envelope, GENESIS, StoredEvent, StreamId, link, open};
use runbook_core::people::Actor;
use runbook_core::ports::{Exit, Finished, Job};
use serde::de::DeserializeOwned;

use incident::IncidentWatch;
use run::RunWatch;

use crate::outside::Held;

pub(crate) use quiet::check as check_quiet;

/// Something that must never be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    /// Which rule, in one word.
    pub(crate) rule: &'static str,
    /// What happened.
    pub(crate) text: String,
}

/// A yes as it was given: by whom, and to which code.
#[derive(Debug, Clone)]
pub(crate) struct Click {
    pub(crate) by: Actor,
    pub(crate) code: Option<String>,
}

/// What really came of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Truth {
    exit: Exit,
    /// A machine saw all that was expected.
    passes: bool,
}

/// A process as it lives.
#[derive(Debug, Clone)]
struct Alive {
    target: String,
    changes: bool,
}

/// Everything that was seen.
#[derive(Default)]
pub(crate) struct Judge {
    /// How many other people policy asks for, at least.
    others: u8,
    runs: BTreeMap<RunId, RunWatch>,
    incidents: BTreeMap<IncidentId, IncidentWatch>,
    /// How far each stream was read: events and last hash.
    read: BTreeMap<StreamId, (usize, runbook_core::journal::Hash)>,
    clicks: BTreeMap<String, Click>,
    alive: BTreeMap<(RunId, u32), Alive>,
    /// What came of an attempt; `None` while nobody was told.
    truths: BTreeMap<(RunId, u32), Option<Truth>>,
    /// How many commits each message from outside caused.
    acted_on: BTreeMap<(String, String), u32>,
    violations: Vec<Violation>,
    known: sides::Known,
    /// What we wrote at the pager.
    pub(crate) ours_at_pager: BTreeSet<String>,
    /// What the sender of alerts said last of each: whether it fires.
    pub(crate) told_last: BTreeMap<String, bool>,
}

impl Judge {
    pub(crate) fn new(others: u8) -> Judge {
        Judge { others, ..Judge::default() }
    }

    pub(crate) fn violations(&self) -> &[Violation] {
        &self.violations
    }

    pub(crate) fn accuse(&mut self, rule: &'static str, text: String) {
        self.violations.push(Violation { rule, text });
    }

    /// Somebody says yes; their reason carries `tag`.
    pub(crate) fn clicked(&mut self, tag: String, click: Click) {
        self.clicks.insert(tag, click);
    }

    /// The run as its events say.
    pub(crate) fn run(&self, id: RunId) -> Option<&runbook_core::run::Run> {
        self.runs.get(&id).map(|watch| &watch.run)
    }

    /// Looks at what is new in the journal; returns how many events that are.
    pub(crate) fn wrote(
        &mut self,
        data: &Data,
        pager: &BTreeMap<String, Held>,
        mut seen: impl FnMut(StreamId, &StoredEvent),
    ) -> u64 {
        let mut news = 0;
        let mut causes = Vec::new();
        for (stream, events) in &data.streams {
            let (known, mut hash) = self.read.get(stream).copied().unwrap_or((0, GENESIS));
            if events.len() == known {
                continue;
            }
            for stored in &events[known..] {
                news += 1;
                seen(*stream, stored);
                hash = link(stream, &hash, &stored.bytes);
                if hash != stored.hash {
                    self.accuse(
                        "chain",
                        format!("{stream}: event {} is not chained to the one before", stored.seq),
                    );
                }
                match stream {
                    StreamId::Incident(id) => {
                        let Some(envelope) = self.opened(stored) else { continue };
                        causes.push(envelope.cause.clone());
                        let known = self.incidents.get(id).and_then(|watch| watch.incident.pager.as_ref());
                        let held = known.and_then(|known| pager.get(&known.id));
                        self.side_event(*id, &envelope, held);
                        self.incident_event(*id, &envelope);
                    }
                    StreamId::Run(id) => {
                        let Some(envelope) = self.opened(stored) else { continue };
                        causes.push(envelope.cause.clone());
                        let is_new = !self.runs.contains_key(id);
                        self.run_event(*id, &envelope);
                        if is_new && let Some(run) = self.runs.get(id).map(|watch| watch.run.clone()) {
                            self.looks_once(&run);
                        }
                    }
                }
            }
            self.read.insert(*stream, (events.len(), hash));
            self.check_row(*stream, data);
        }
        if news > 0 {
            self.check_targets();
            self.check_causes(causes);
        }
        news
    }

    fn opened<E: DeserializeOwned>(&mut self, stored: &StoredEvent) -> Option<Envelope<E>> {
        match open(stored) {
            Ok(envelope) => Some(envelope),
            Err(error) => {
                self.accuse("replay", format!("an event does not read: {error}"));
                None
            }
        }
    }

    /// The read model says what the events say.
    fn check_row(&mut self, stream: StreamId, data: &Data) {
        let same = match stream {
            StreamId::Incident(id) => {
                self.incidents.get(&id).map(|watch| watch.incident.row()).as_ref() == data.incidents.get(&id)
            }
            StreamId::Run(id) => {
                self.runs.get(&id).map(|watch| watch.run.row()).as_ref() == data.runs.get(&id)
            }
        };
        if !same {
            self.accuse("replay", format!("{stream}: its row is not what its events say"));
        }
    }

    /// A message from outside is acted on once. An acknowledgement of an unknown incident opens it first, in a commit of
    /// its own.
    fn check_causes(&mut self, causes: Vec<Cause>) {
        let messages = causes.into_iter().filter_map(|cause| match cause {
            Cause::Inbox { source, id } => Some((source, id)),
            _ => None,
        });
        for (source, id) in messages.collect::<BTreeSet<_>>() {
            let times = self.acted_on.entry((source.clone(), id.clone())).or_default();
            *times += 1;
            let most = if source == "pagerduty" { 2 } else { 1 };
            if *times > most {
                let text = format!("message {id} from {source} was acted on {times} times");
                self.accuse("duplicate-message", text);
            }
        }
    }

    /// One run at a time changes a target.
    fn check_targets(&mut self) {
        let mut holders: BTreeMap<&str, RunId> = BTreeMap::new();
        let mut both = Vec::new();
        for (id, watch) in &self.runs {
            if watch.holds_target()
                && let Some(other) = holders.insert(&watch.run.plan.target, *id)
            {
                both.push(format!("runs {other} and {id} hold {} at the same time", watch.run.plan.target));
            }
        }
        for text in both {
            self.accuse("one-per-target", text);
        }
    }

    /// A process really begins.
    pub(crate) fn started(&mut self, job: &Job) {
        let (run, attempt) = (job.run, job.attempt);
        if self.truths.contains_key(&(run, attempt)) {
            self.accuse("once-twice", format!("run {run}, attempt {attempt}: started a second time"));
        }
        let apart =
            |beside: u32| self.runs.get(&run).is_none_or(|watch| !watch.may_live_together(attempt, beside));
        if let Some((other, _)) = self.alive.keys().find(|(other, beside)| *other == run && apart(*beside)) {
            self.accuse(
                "outcome-first",
                format!("run {other}: attempt {attempt} begins while another one lives"),
            );
        }
        let changes = job.effect != runbook_core::runbook::Effect::Read;
        match self.runs.get_mut(&run).map(|watch| watch.started(attempt, job)) {
            Some(Ok(())) => {}
            Some(Err(violation)) => self.violations.push(violation),
            None => {
                self.accuse("intent-first", format!("run {run}, attempt {attempt}: nobody knows the run"));
            }
        }
        let target = self.runs.get(&run).map(|watch| watch.run.plan.target.clone()).unwrap_or_default();
        let beside = self
            .alive
            .iter()
            .find(|((other, _), alive)| *other != run && alive.changes && changes && alive.target == target);
        if let Some(((other, other_attempt), _)) = beside {
            let text = format!(
                "run {run}, attempt {attempt} changes {target} while run {other}, attempt {other_attempt} does"
            );
            self.accuse("one-per-target", text);
        }
        self.alive.insert((run, attempt), Alive { target, changes });
        self.truths.insert((run, attempt), None);
    }

    /// A process could not be started: nothing changed.
    pub(crate) fn not_started(&mut self, run: RunId, attempt: u32) {
        if let Some(watch) = self.runs.get_mut(&run) {
            watch.not_started(attempt);
        }
    }

    /// A process is gone.
    pub(crate) fn ended(&mut self, run: RunId, attempt: u32) {
        self.alive.remove(&(run, attempt));
    }

    /// Every process is gone.
    pub(crate) fn all_ended(&mut self) {
        self.alive.clear();
    }

    /// The engine is told what came of a process.
    pub(crate) fn answered(&mut self, run: RunId, attempt: u32, finished: &Finished, passes: bool) {
        self.truths.insert((run, attempt), Some(Truth { exit: finished.exit, passes }));
    }
}
