//! The store in memory, for tests of what stands on a store: strict as the port says (the conformance suite runs over
//! it), with a [`Gate`] through which every call goes, so that a test can refuse, delay or lose it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use runbook_core::alert::{AlertCount, AlertRow};
use runbook_core::change::{ChangeRow, MOST_OF_A_SERVICE};
use runbook_core::ids::{IncidentId, RunId};
use runbook_core::journal::{GENESIS, Hash, StoredEvent, StreamId, verify_stream};
use runbook_core::plan::Fingerprint;
use runbook_core::ports::{
    Accepted, AlertsOf, BoxFuture, Commit, CommitError, DEAD_LETTER, DeadLetter, EARLY_KEY, GIVEN_UP_AMONG,
    InboxItem, InboxOutcome, InboxStand, IncidentRow, Kept, Letters, OutboxItem, OutboxResult, OutboxRow,
    RowChange, RunRow, Spot, Store, StoreError, StoreReport, StreamSummary, Timer, TimerChange, TokenRow,
    Unsent,
};
use sha2::{Digest, Sha256};

use crate::letters::Wanted;

/// What is on the disk: it survives whoever uses it.
#[derive(Default)]
pub struct Data {
    /// The journal, in order of opening.
    pub streams: Vec<(StreamId, Vec<StoredEvent>)>,
    /// The incidents' rows.
    pub incidents: BTreeMap<IncidentId, IncidentRow>,
    /// The runs' rows.
    pub runs: BTreeMap<RunId, RunRow>,
    /// The alerts by source and fingerprint.
    pub alerts: BTreeMap<(String, String), AlertRow>,
    /// The changes of services by service and key.
    pub changes: BTreeMap<(String, String), ChangeRow>,
    /// The timers by key.
    pub timers: BTreeMap<String, Timer>,
    inbox: Vec<Message>,
    outbox: BTreeMap<String, Waiting>,
    places: u64,
    blobs: BTreeMap<String, Vec<u8>>,
    counters: BTreeMap<&'static str, u64>,
    /// What is kept, by key.
    pub kept: BTreeMap<String, Kept>,
    tokens: BTreeMap<String, TokenRow>,
    links: Vec<Hash>,
    checkpoints: u64,
    /// Events that the newest checkpoint holds.
    covered: u64,
}

struct Message {
    item: InboxItem,
    outcome: Option<InboxOutcome>,
}

struct Waiting {
    row: OutboxRow,
    place: u64,
    due: DateTime<Utc>,
    retry_at: Option<DateTime<Utc>>,
    waits: bool,
    has_left: bool,
    error: Option<String>,
}

/// What every call goes through on its way to the data and back.
pub trait Gate: Send + Sync {
    /// Before something is read.
    fn before_read(&self) -> BoxFuture<'_, Result<(), StoreError>>;
    /// Before something is written.
    fn before_write(&self) -> BoxFuture<'_, Result<(), StoreError>>;
    /// Before a commit is: it may also be changed, or lose against somebody else.
    fn before_commit<'a>(&'a self, commit: &'a mut Commit) -> BoxFuture<'a, Result<(), CommitError>>;
    /// Something was written; called before anybody else sees it.
    fn wrote(&self, data: &Data);
    /// The answer is on its way. An error is an acknowledgement that is lost.
    fn after_write(&self) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// The way to the data.
#[derive(Clone)]
pub struct MemoryStore<G> {
    data: Arc<Mutex<Data>>,
    gate: G,
}

impl<G: Gate> MemoryStore<G> {
    /// A way to this data through that gate.
    pub fn new(data: Arc<Mutex<Data>>, gate: G) -> MemoryStore<G> {
        MemoryStore { data, gate }
    }

    fn data(&self) -> MutexGuard<'_, Data> {
        self.data.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<'a, T: Send + 'a>(
        &'a self,
        work: impl FnOnce(&Data) -> T + Send + 'a,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        Box::pin(async move {
            self.gate.before_read().await?;
            Ok(work(&self.data()))
        })
    }

    fn write<'a, T: Send + 'a>(
        &'a self,
        work: impl FnOnce(&mut Data) -> T + Send + 'a,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        Box::pin(async move {
            self.gate.before_write().await?;
            let done = {
                let mut data = self.data();
                let done = work(&mut data);
                self.gate.wrote(&data);
                done
            };
            self.gate.after_write().await?;
            Ok(done)
        })
    }
}

fn conflict<T>(what: impl Into<String>) -> Result<T, CommitError> {
    Err(CommitError::Conflict(what.into()))
}

fn corrupt<T>(what: impl Into<String>) -> Result<T, CommitError> {
    Err(CommitError::Store(StoreError::Corrupt(what.into())))
}

impl Data {
    /// A stream's events; empty when there is none.
    #[must_use]
    pub fn events(&self, stream: StreamId) -> &[StoredEvent] {
        self.streams.iter().find(|(known, _)| *known == stream).map_or(&[], |(_, events)| events)
    }

    /// How many messages from outside are not dealt with.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.inbox.iter().filter(|message| message.outcome.is_none()).count()
    }

    /// Keys of messages that have not left.
    #[must_use]
    pub fn backlog(&self) -> Vec<String> {
        self.outbox.iter().filter(|(_, waiting)| waiting.waits).map(|(key, _)| key.clone()).collect()
    }

    fn link(&mut self, body: &[u8]) {
        let previous = self.links.last().copied().unwrap_or(GENESIS);
        let mut hasher = Sha256::new();
        hasher.update(previous.0);
        hasher.update(body);
        self.links.push(Hash(hasher.finalize().into()));
    }

    /// Refuses what does not fit, before anything is changed.
    fn check(&self, commit: &Commit) -> Result<(), CommitError> {
        for blob in &commit.blobs {
            if hex::encode(Sha256::digest(&blob.bytes)) != blob.sha256 {
                return corrupt(format!("blob {}: its bytes have another SHA-256", blob.sha256));
            }
        }
        if let Some(raise) = &commit.counter
            && self.counters.get(raise.name).copied().unwrap_or(0) != raise.from
        {
            return conflict(format!("counter {}", raise.name));
        }
        for (source, id, outcome) in commit.inbox_done.iter().chain(&commit.inbox_also) {
            let known =
                self.inbox.iter().find(|message| message.item.source == *source && message.item.id == *id);
            match known.map(|message| &message.outcome) {
                Some(Some(InboxOutcome::Kept { .. })) => {}
                Some(None) if *outcome != InboxOutcome::Again => {}
                _ => return conflict(format!("message {id} from {source}")),
            }
        }
        let mut heads = BTreeMap::new();
        for append in &commit.appends {
            let events = self.events(append.stream);
            let stored = events.last().map_or((0, GENESIS), |last| (last.seq, last.hash));
            let head = heads.entry(append.stream).or_insert(stored);
            if *head != (append.after.seq, append.after.hash) {
                return conflict(append.stream.to_string());
            }
            for event in &append.events {
                if event.seq != head.0 + 1 {
                    return corrupt(format!("{}: event {} comes after {}", append.stream, event.seq, head.0));
                }
                *head = (event.seq, event.hash);
            }
        }
        Ok(())
    }

    /// What was kept, newest first.
    fn kept(&self) -> impl Iterator<Item = DeadLetter> + '_ {
        self.inbox.iter().rev().filter_map(|message| match &message.outcome {
            Some(InboxOutcome::Kept { reason }) => {
                let (item, reason) = (message.item.clone(), reason.clone());
                Some(DeadLetter { size: item.body.len(), item, reason, has_word: false })
            }
            _ => None,
        })
    }

    fn apply(&mut self, commit: Commit) {
        if let Some(raise) = commit.counter {
            *self.counters.entry(raise.name).or_default() += raise.by;
        }
        for (source, id, outcome) in commit.inbox_done.into_iter().chain(commit.inbox_also) {
            let message = self.inbox.iter_mut().find(|m| m.item.source == source && m.item.id == id);
            if let Some(message) = message {
                message.outcome = Some(outcome).filter(|outcome| *outcome != InboxOutcome::Again);
            }
        }
        for append in commit.appends {
            let stored = append.events.into_iter().map(|event| StoredEvent {
                seq: event.seq,
                bytes: event.bytes,
                hash: event.hash,
            });
            let position = self.streams.iter().position(|(known, _)| *known == append.stream);
            let stored: Vec<_> = stored.collect();
            match position {
                Some(index) => self.streams[index].1.extend(stored),
                None if stored.is_empty() => {}
                None => {
                    self.link(append.stream.to_string().as_bytes());
                    self.streams.push((append.stream, stored));
                }
            }
        }
        for row in commit.rows {
            match row {
                RowChange::Incident(row) => drop(self.incidents.insert(row.id, row)),
                RowChange::Run(row) => drop(self.runs.insert(row.id, row)),
                RowChange::Alert(row) => {
                    self.alerts.insert((row.source.clone(), row.fingerprint.clone()), *row);
                }
                RowChange::Change(row) => self.put_change(*row),
            }
        }
        self.blobs.extend(commit.blobs.into_iter().map(|blob| (blob.sha256, blob.bytes)));
        for (key, version, result) in commit.outbox_settled {
            self.settle(&key, version, &result);
        }
        for item in commit.outbox {
            self.ask(item);
        }
        self.kept.extend(commit.kept.into_iter().map(|kept| (kept.key.clone(), kept)));
        for change in commit.timers {
            match change {
                TimerChange::Set(timer) => drop(self.timers.insert(timer.key.clone(), timer)),
                TimerChange::Clear(key) => drop(self.timers.remove(&key)),
                TimerChange::Fired { key, due } => {
                    if self.timers.get(&key).is_some_and(|timer| timer.due == due) {
                        self.timers.remove(&key);
                    }
                }
            }
        }
    }

    fn put_change(&mut self, row: ChangeRow) {
        let (service, since) = (row.service.clone(), row.keeps_since());
        self.changes.insert((service.clone(), row.key.clone()), row);
        self.changes.retain(|_, row| row.at >= since);
        for row in self.changes_of(&[service], since, usize::MAX).into_iter().skip(MOST_OF_A_SERVICE) {
            self.changes.remove(&(row.service, row.key));
        }
    }

    fn changes_of(&self, services: &[String], since: DateTime<Utc>, limit: usize) -> Vec<ChangeRow> {
        let fits = |row: &&ChangeRow| services.contains(&row.service) && row.at >= since;
        let mut rows: Vec<ChangeRow> = self.changes.values().filter(fits).cloned().collect();
        // a stable sort: by service and key where the time is the same
        rows.sort_by_key(|row| std::cmp::Reverse(row.at));
        rows.truncate(limit);
        rows
    }

    fn ask(&mut self, item: OutboxItem) {
        self.places += 1;
        let place = self.places;
        let OutboxItem { key, lane, group, payload, coalesce, due } = item;
        if let Some(known) = self.outbox.get_mut(&key) {
            if coalesce {
                known.row =
                    OutboxRow { version: known.row.version + 1, lane, group, payload, ..known.row.clone() };
                if known.waits {
                    known.due = known.due.min(due);
                } else {
                    (known.place, known.due, known.row.created_at, known.waits) = (place, due, due, true);
                    known.error = None;
                }
            }
            return;
        }
        let row = OutboxRow {
            key: key.clone(),
            version: 1,
            lane,
            group,
            payload,
            attempts: 0,
            tried: Vec::new(),
            created_at: due,
        };
        let (waits, has_left, error) = (true, false, None);
        self.outbox.insert(key, Waiting { row, place, due, retry_at: None, waits, has_left, error });
    }

    fn settle(&mut self, key: &str, version: u64, result: &OutboxResult) {
        let Some(known) = self.outbox.get_mut(key).filter(|known| known.waits) else { return };
        match result {
            OutboxResult::Sent => {
                known.row.tried.clear();
                (known.row.attempts, known.retry_at, known.error) = (0, None, None);
                known.waits = known.row.version != version;
                known.has_left = !known.waits;
            }
            OutboxResult::Dead { error } => {
                known.row.tried.clear();
                (known.row.attempts, known.retry_at, known.error) = (0, None, Some(error.clone()));
                known.waits = known.row.version != version;
                known.has_left = false;
            }
            OutboxResult::Held { until, error } if known.row.version == version => {
                known.due = *until;
                if known.row.attempts == 0 || known.error.is_none() {
                    known.error = Some(error.clone());
                }
            }
            OutboxResult::Held { .. } => {}
            OutboxResult::Retry { at, error } => {
                (known.retry_at, known.error) = (Some(*at), Some(error.clone()));
            }
        }
    }

    fn due(&self, now: DateTime<Utc>, limit: usize) -> Vec<OutboxRow> {
        let mut heads: BTreeMap<&str, &Waiting> = BTreeMap::new();
        for waiting in self.outbox.values().filter(|waiting| waiting.waits) {
            let head = heads.entry(&waiting.row.group).or_insert(waiting);
            if waiting.place < head.place {
                *head = waiting;
            }
        }
        let is_due = |waiting: &&Waiting| waiting.due.max(waiting.retry_at.unwrap_or(waiting.due)) <= now;
        let mut due: Vec<_> = heads.into_values().filter(is_due).collect();
        due.sort_by_key(|waiting| (waiting.row.lane, waiting.place));
        due.into_iter().take(limit).map(|waiting| waiting.row.clone()).collect()
    }

    fn unsent(&self, since: DateTime<Utc>, limit: usize) -> Vec<Unsent> {
        let mut unsent: Vec<&Waiting> =
            self.outbox.values().filter(|one| !one.has_left || one.waits).collect();
        unsent.sort_by_key(|one| one.place);
        let oldest = self.places.saturating_sub(GIVEN_UP_AMONG);
        let is_shown = |one: &&&Waiting| !one.waits && one.place > oldest && one.row.created_at >= since;
        let waiting = unsent.iter().filter(|one| one.waits).take(limit);
        let dead = unsent.iter().rev().filter(is_shown).take(limit);
        let shown = |one: &&Waiting| Unsent {
            group: one.row.group.clone(),
            created_at: one.row.created_at,
            dead: !one.waits,
            attempts: one.row.attempts,
            error: one.error.clone(),
        };
        waiting.chain(dead).map(shown).collect()
    }

    fn alerts_of(&self, which: &AlertsOf, limit: usize) -> Vec<AlertRow> {
        let fits = |row: &&AlertRow| match which {
            AlertsOf::These(keys) => keys.contains(&(row.source.clone(), row.fingerprint.clone())),
            AlertsOf::Group { source, group } => {
                row.source == *source && row.group.as_ref() == Some(group) && row.incident.is_some()
            }
            AlertsOf::GroupNow { source, group } => {
                let is_its = row.source == *source && row.group.as_ref() == Some(group);
                is_its && row.incident.is_some() && (row.firing || row.is_watched())
            }
            AlertsOf::Incident(id) | AlertsOf::Newest(id) => row.incident == Some(*id),
            AlertsOf::NewestOf(ids) => row.incident.is_some_and(|id| ids.contains(&id)),
            AlertsOf::OfPage { key, service } => {
                let is_open = |id: IncidentId| self.incidents.get(&id).is_some_and(|incident| incident.open);
                row.incident.is_some_and(is_open) && row.is_known_as(key, service)
            }
            AlertsOf::Loose => row.incident.is_none(),
            AlertsOf::Watched(after) => {
                let is_behind = |(source, fingerprint): &(String, String)| {
                    (&row.source, &row.fingerprint) > (source, fingerprint)
                };
                row.is_watched() && after.as_ref().is_none_or(is_behind)
            }
        };
        // in the order of source and fingerprint; the sorts below keep it among equals
        let mut rows: Vec<AlertRow> = self.alerts.values().filter(fits).cloned().collect();
        match which {
            AlertsOf::These(_) | AlertsOf::Watched(_) => {}
            AlertsOf::Group { .. } | AlertsOf::GroupNow { .. } | AlertsOf::Newest(_) => {
                rows.sort_by_key(|row| std::cmp::Reverse(row.joined_at));
            }
            AlertsOf::NewestOf(_) | AlertsOf::OfPage { .. } => {
                rows.sort_by_key(|row| std::cmp::Reverse(row.joined_at));
                let mut seen = BTreeSet::new();
                rows.retain(|row| seen.insert(row.incident));
            }
            AlertsOf::Incident(_) => rows.sort_by_key(|row| (!row.firing, row.joined_at)),
            AlertsOf::Loose => rows.sort_by_key(|row| std::cmp::Reverse(row.seen_at)),
        }
        rows.truncate(limit);
        rows
    }

    fn report(&self) -> StoreReport {
        let problems = self.streams.iter().filter_map(|(stream, events)| {
            verify_stream(stream, events).err().map(|error| error.to_string())
        });
        let events = self.event_count();
        StoreReport {
            streams: self.streams.len() as u64,
            events,
            checkpoints: self.checkpoints,
            problems: problems.collect(),
            head: self.links.last().copied().unwrap_or(GENESIS).to_string(),
            uncovered: events - self.covered,
        }
    }

    fn event_count(&self) -> u64 {
        self.streams.iter().map(|(_, events)| events.len() as u64).sum()
    }
}

fn newest<T: Clone, K: Ord>(rows: impl Iterator<Item = T>, limit: usize, key: impl Fn(&T) -> K) -> Vec<T> {
    let mut rows: Vec<_> = rows.collect();
    rows.sort_by_key(|row| std::cmp::Reverse(key(row)));
    rows.truncate(limit);
    rows
}

impl<G: Gate> Store for MemoryStore<G> {
    fn accept(&self, item: InboxItem) -> BoxFuture<'_, Result<Accepted, StoreError>> {
        self.write(move |data| {
            let known = data.inbox.iter().any(|m| m.item.source == item.source && m.item.id == item.id);
            if known {
                return Accepted::Duplicate;
            }
            data.inbox.push(Message { item, outcome: None });
            Accepted::New
        })
    }

    fn inbox_pending(&self, limit: usize) -> BoxFuture<'_, Result<Vec<InboxItem>, StoreError>> {
        self.read(move |data| {
            let pending = data.inbox.iter().filter(|message| message.outcome.is_none());
            pending.take(limit).map(|message| message.item.clone()).collect()
        })
    }

    fn letters(&self, which: Letters, limit: usize) -> BoxFuture<'_, Result<Vec<DeadLetter>, StoreError>> {
        self.read(move |data| {
            let wanted = Wanted::new(&which);
            let found = data.kept().filter(|letter| which.holds(letter)).take(limit);
            found.map(|letter| wanted.of(letter.item, letter.reason, letter.size)).collect()
        })
    }

    fn dead_letters(&self) -> BoxFuture<'_, Result<Vec<(String, u64)>, StoreError>> {
        self.read(move |data| {
            let mut counts = BTreeMap::new();
            for letter in data.kept().filter(DeadLetter::is_dead) {
                *counts.entry(letter.item.source).or_default() += 1;
            }
            counts.into_iter().collect()
        })
    }

    fn let_go(&self, before: DateTime<Utc>, limit: usize) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.write(move |data| {
            let is_old = |message: &&mut Message| {
                message.item.received_at < before
                    && matches!(&message.outcome, Some(InboxOutcome::Kept { reason }) if !reason.starts_with(DEAD_LETTER))
            };
            let mut gone = 0;
            for message in data.inbox.iter_mut().filter(is_old).take(limit) {
                message.outcome = Some(InboxOutcome::Done);
                message.item.body.clear();
                gone += 1;
            }
            data.kept.retain(|key, one| !key.starts_with(EARLY_KEY) || one.at >= before);
            gone
        })
    }

    fn let_go_dead(&self, bytes: u64, rows: u64) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.write(move |data| {
            let (mut so_far, mut gone) = (BTreeMap::<_, (u64, u64)>::new(), 0);
            for message in data.inbox.iter_mut().rev() {
                if !matches!(&message.outcome, Some(InboxOutcome::Kept { reason }) if reason.starts_with(DEAD_LETTER)) {
                    continue;
                }
                let its = so_far.entry((message.item.source.clone(), message.item.kind.clone())).or_default();
                *its = (its.0 + message.item.body.len() as u64, its.1 + 1);
                if its.0 > bytes || its.1 > rows {
                    message.outcome = Some(InboxOutcome::Done);
                    message.item.body.clear();
                    gone += 1;
                }
            }
            gone
        })
    }

    fn inbox_stand(
        &self,
        source: String,
        id: String,
    ) -> BoxFuture<'_, Result<Option<InboxStand>, StoreError>> {
        self.read(move |data| {
            let message = data.inbox.iter().find(|m| m.item.source == source && m.item.id == id)?;
            Some(match &message.outcome {
                None | Some(InboxOutcome::Again) => InboxStand::Pending,
                Some(InboxOutcome::Done) => InboxStand::Done,
                Some(InboxOutcome::Kept { reason }) => InboxStand::Kept { reason: reason.clone() },
            })
        })
    }

    fn commit(&self, mut commit: Commit) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(async move {
            self.gate.before_commit(&mut commit).await?;
            let done = {
                let mut data = self.data();
                let done = data.check(&commit);
                if done.is_ok() {
                    data.apply(commit);
                    self.gate.wrote(&data);
                }
                done
            };
            self.gate.after_write().await?;
            done
        })
    }

    fn load(&self, stream: StreamId) -> BoxFuture<'_, Result<Vec<StoredEvent>, StoreError>> {
        self.read(move |data| data.events(stream).to_vec())
    }

    fn streams(&self) -> BoxFuture<'_, Result<Vec<StreamSummary>, StoreError>> {
        self.read(|data| {
            let summary = |(stream, events): &(StreamId, Vec<StoredEvent>)| StreamSummary {
                stream: *stream,
                events: events.len() as u64,
            };
            data.streams.iter().map(summary).collect()
        })
    }

    fn counter(&self, name: &'static str) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.read(move |data| data.counters.get(name).copied().unwrap_or(0))
    }

    fn incident_of_pager(&self, pager_id: String) -> BoxFuture<'_, Result<Option<IncidentRow>, StoreError>> {
        self.read(move |data| {
            let rows =
                data.incidents.values().filter(|row| row.pager_id.as_ref() == Some(&pager_id)).cloned();
            newest(rows, 1, |row| (row.number, row.id)).pop()
        })
    }

    fn incidents(
        &self,
        open_only: bool,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<IncidentRow>, StoreError>> {
        self.read(move |data| {
            let rows = data.incidents.values().filter(|row| row.open || !open_only).cloned();
            newest(rows, limit, |row| (row.number, row.id))
        })
    }

    fn incidents_with_alerts(&self, limit: usize) -> BoxFuture<'_, Result<Vec<IncidentRow>, StoreError>> {
        self.read(move |data| {
            let with: BTreeSet<_> = data.alerts.values().filter_map(|alert| alert.incident).collect();
            let rows = data.incidents.values().filter(|row| row.open && with.contains(&row.id)).cloned();
            newest(rows, limit, |row| (row.number, row.id))
        })
    }

    fn runs(
        &self,
        incident: Option<IncidentId>,
        open_only: bool,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<RunRow>, StoreError>> {
        self.read(move |data| {
            let fits =
                |row: &&RunRow| (row.open || !open_only) && (incident.is_none() || row.incident == incident);
            newest(data.runs.values().filter(fits).cloned(), limit, |row| (row.created_at, row.id))
        })
    }

    fn runs_on(
        &self,
        target: String,
        since: Option<DateTime<Utc>>,
    ) -> BoxFuture<'_, Result<Vec<RunRow>, StoreError>> {
        self.read(move |data| {
            let fits = |row: &&RunRow| {
                let lately =
                    since.map_or(row.open || row.status == "undo_failed", |since| row.created_at >= since);
                row.mutating && row.target == target && lately
            };
            newest(data.runs.values().filter(fits).cloned(), usize::MAX, |row| (row.created_at, row.id))
        })
    }

    fn other_of_code(
        &self,
        typed: String,
        than: Fingerprint,
        since: DateTime<Utc>,
    ) -> BoxFuture<'_, Result<Option<RunRow>, StoreError>> {
        self.read(move |data| {
            let fits = |row: &&RunRow| {
                let fingerprint = row.fingerprint.as_ref();
                fingerprint.is_some_and(|known| *known != than && known.as_str().starts_with(&typed))
                    && row.created_at >= since
            };
            data.runs.values().filter(fits).max_by_key(|row| (row.created_at, row.id)).cloned()
        })
    }

    fn alerts(&self, which: AlertsOf, limit: usize) -> BoxFuture<'_, Result<Vec<AlertRow>, StoreError>> {
        self.read(move |data| data.alerts_of(&which, limit))
    }

    fn alert_count(&self, incident: IncidentId) -> BoxFuture<'_, Result<AlertCount, StoreError>> {
        self.read(move |data| {
            let its = data.alerts.values().filter(|row| row.incident == Some(incident));
            its.fold(AlertCount::default(), |count, row| AlertCount {
                firing: count.firing + u64::from(row.firing),
                total: count.total + 1,
            })
        })
    }

    fn prune_alerts(&self, before: DateTime<Utc>, limit: usize) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.write(move |data| {
            let is_needed = |id: &IncidentId| {
                let row = data.incidents.get(id);
                row.is_some_and(|row| row.open || row.resolved_at.is_some_and(|at| at >= before))
            };
            let is_over = |row: &&AlertRow| {
                !row.firing
                    && !row.is_watched()
                    && row.seen_at < before
                    && !row.incident.as_ref().is_some_and(is_needed)
            };
            let mut over: Vec<_> = data
                .alerts
                .values()
                .filter(is_over)
                .map(|row| (row.seen_at, row.source.clone(), row.fingerprint.clone()))
                .collect();
            over.sort();
            over.truncate(limit);
            for (_, source, fingerprint) in &over {
                data.alerts.remove(&(source.clone(), fingerprint.clone()));
            }
            over.len() as u64
        })
    }

    fn changes(
        &self,
        services: Vec<String>,
        since: DateTime<Utc>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<ChangeRow>, StoreError>> {
        self.read(move |data| data.changes_of(&services, since, limit))
    }

    fn changed_services(&self) -> BoxFuture<'_, Result<Vec<(String, u64)>, StoreError>> {
        self.read(|data| {
            let mut counts: BTreeMap<String, u64> = BTreeMap::new();
            for row in data.changes.values() {
                *counts.entry(row.service.clone()).or_default() += 1;
            }
            counts.into_iter().collect()
        })
    }

    fn blob(&self, sha256: String) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        self.read(move |data| data.blobs.get(&sha256).cloned())
    }

    fn outbox_due(
        &self,
        now: DateTime<Utc>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<OutboxRow>, StoreError>> {
        self.read(move |data| data.due(now, limit))
    }

    fn outbox_attempt(&self, key: String, at: Option<Spot>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(move |data| {
            if let Some(known) = data.outbox.get_mut(&key).filter(|known| known.waits) {
                known.row.attempts += 1;
                known.row.tried.extend(at.filter(|at| !known.row.tried.contains(at)));
            }
        })
    }

    fn outbox_waits(&self, key: String) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.read(move |data| data.outbox.get(&key).is_some_and(|known| known.waits))
    }

    fn outbox_left(&self, prefix: String) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        self.read(move |data| {
            let ours = data
                .outbox
                .iter()
                .filter(|(key, known)| key.starts_with(&prefix) && known.has_left && !known.waits);
            ours.map(|(key, _)| key.clone()).collect()
        })
    }

    fn outbox_unsent(
        &self,
        since: DateTime<Utc>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Unsent>, StoreError>> {
        self.read(move |data| data.unsent(since, limit))
    }

    fn outbox_backlog(&self) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.read(|data| data.backlog().len() as u64)
    }

    fn timers_due(&self, now: DateTime<Utc>, limit: usize) -> BoxFuture<'_, Result<Vec<Timer>, StoreError>> {
        self.read(move |data| {
            let mut due: Vec<_> = data.timers.values().filter(|timer| timer.due <= now).cloned().collect();
            due.sort_by(|a, b| (a.due, &a.key).cmp(&(b.due, &b.key)));
            due.truncate(limit);
            due
        })
    }

    fn kept(&self, prefix: String) -> BoxFuture<'_, Result<Vec<Kept>, StoreError>> {
        self.read(move |data| {
            data.kept.values().filter(|kept| kept.key.starts_with(&prefix)).cloned().collect()
        })
    }

    fn token_put(&self, token: TokenRow) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(move |data| {
            data.tokens.insert(token.sha256.clone(), token);
        })
    }

    fn token_person(&self, sha256: String) -> BoxFuture<'_, Result<Option<String>, StoreError>> {
        self.read(move |data| data.tokens.get(&sha256).map(|token| token.person.clone()))
    }

    fn checkpoint(&self, now: DateTime<Utc>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(move |data| {
            data.checkpoints += 1;
            data.covered = data.event_count();
            data.link(now.to_rfc3339().as_bytes());
        })
    }

    fn verify(&self) -> BoxFuture<'_, Result<StoreReport, StoreError>> {
        self.read(Data::report)
    }

    fn has_link(&self, head: String) -> BoxFuture<'_, Result<bool, StoreError>> {
        let known = move |data: &Data| {
            head == GENESIS.to_string() || data.links.iter().any(|link| link.to_string() == head)
        };
        self.read(known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing stands in the way.
    struct Open;

    impl Gate for Open {
        fn before_read(&self) -> BoxFuture<'_, Result<(), StoreError>> {
            Box::pin(std::future::ready(Ok(())))
        }

        fn before_write(&self) -> BoxFuture<'_, Result<(), StoreError>> {
            Box::pin(std::future::ready(Ok(())))
        }

        fn before_commit<'a>(&'a self, _: &'a mut Commit) -> BoxFuture<'a, Result<(), CommitError>> {
            Box::pin(std::future::ready(Ok(())))
        }

        fn wrote(&self, _: &Data) {}

        fn after_write(&self) -> BoxFuture<'_, Result<(), StoreError>> {
            Box::pin(std::future::ready(Ok(())))
        }
    }

    crate::store_conformance!(((), MemoryStore::new(Arc::default(), Open)));
}
