//! The store: the journal, its read models, inbox, outbox and timers, changed in one transaction.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Accepted, BoxFuture, InboxItem, Spot};
use crate::alert::{AlertCount, AlertRow};
use crate::change::ChangeRow;
use crate::ids::{IncidentId, IncidentNumber, RunId};
use crate::journal::{Head, Sealed, StoredEvent, StreamId, millis};
use crate::plan::Fingerprint;

/// Durable state. Every method is safe to call from many tasks at once.
pub trait Store: Send + Sync {
    /// Makes a message durable; a known `(source, id)` changes nothing.
    fn accept(&self, item: InboxItem) -> BoxFuture<'_, Result<Accepted, StoreError>>;
    /// Messages not yet dealt with, oldest first.
    fn inbox_pending(&self, limit: usize) -> BoxFuture<'_, Result<Vec<InboxItem>, StoreError>>;
    /// Messages that were kept, newest first.
    fn letters(&self, which: Letters, limit: usize) -> BoxFuture<'_, Result<Vec<DeadLetter>, StoreError>>;
    /// How many dead letters there are, by source; sources without one are left out.
    fn dead_letters(&self) -> BoxFuture<'_, Result<Vec<(String, u64)>, StoreError>>;
    /// Lets go of the oldest messages that were kept, are no dead letters and came before that, this many at most: a redelivery
    /// still falls away. How many there were.
    fn let_go(&self, before: DateTime<Utc>, limit: usize) -> BoxFuture<'_, Result<u64, StoreError>>;
    /// Lets go of the oldest dead letters of each source and kind, so that of each so many stay at most, and their bodies have so many
    /// bytes at most: what one sends pushes out nobody else's. How many there were.
    fn let_go_dead(&self, bytes: u64, rows: u64) -> BoxFuture<'_, Result<u64, StoreError>>;
    /// What became of a message so far; `None` where it never came.
    fn inbox_stand(
        &self,
        source: String,
        id: String,
    ) -> BoxFuture<'_, Result<Option<InboxStand>, StoreError>>;
    /// Everything in `commit`, or nothing of it; returns after it is on disk.
    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<(), CommitError>>;
    /// A stream's events in order; empty when there is none.
    fn load(&self, stream: StreamId) -> BoxFuture<'_, Result<Vec<StoredEvent>, StoreError>>;
    /// Every stream in order of opening.
    fn streams(&self) -> BoxFuture<'_, Result<Vec<StreamSummary>, StoreError>>;
    /// The present value of a counter; 0 when it was never raised.
    fn counter(&self, name: &'static str) -> BoxFuture<'_, Result<u64, StoreError>>;
    /// The incident of the pager's with this id, the newest where there are several; `None` where it is not known.
    fn incident_of_pager(&self, pager_id: String) -> BoxFuture<'_, Result<Option<IncidentRow>, StoreError>>;
    /// Incidents, newest first.
    fn incidents(&self, open_only: bool, limit: usize)
    -> BoxFuture<'_, Result<Vec<IncidentRow>, StoreError>>;
    /// Open incidents to which alerts came, newest first.
    fn incidents_with_alerts(&self, limit: usize) -> BoxFuture<'_, Result<Vec<IncidentRow>, StoreError>>;
    /// Runs, newest first; of one incident when given.
    fn runs(
        &self,
        incident: Option<IncidentId>,
        open_only: bool,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<RunRow>, StoreError>>;
    /// Every run that may change this target, newest first: those that were planned since then or, without a time, those
    /// that are open or whose undo failed, however old they are.
    fn runs_on(
        &self,
        target: String,
        since: Option<DateTime<Utc>>,
    ) -> BoxFuture<'_, Result<Vec<RunRow>, StoreError>>;
    /// The newest run, planned since then, whose fingerprint begins with these characters (lowercase, four at least)
    /// and is another one than this.
    fn other_of_code(
        &self,
        typed: String,
        than: Fingerprint,
        since: DateTime<Utc>,
    ) -> BoxFuture<'_, Result<Option<RunRow>, StoreError>>;
    /// Alerts, at most so many.
    fn alerts(&self, which: AlertsOf, limit: usize) -> BoxFuture<'_, Result<Vec<AlertRow>, StoreError>>;
    /// How many alerts an incident has.
    fn alert_count(&self, incident: IncidentId) -> BoxFuture<'_, Result<AlertCount, StoreError>>;
    /// Forgets alerts that have ended and were told of before that time, as long as their incident is not open and has not ended since;
    /// at most so many, those that were told of first before the others. How many there were.
    fn prune_alerts(&self, before: DateTime<Utc>, limit: usize) -> BoxFuture<'_, Result<u64, StoreError>>;
    /// What was changed since then at any of these services, at most so many, newest first.
    fn changes(
        &self,
        services: Vec<String>,
        since: DateTime<Utc>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<ChangeRow>, StoreError>>;
    /// How many changes are kept, by service, in order of their names.
    fn changed_services(&self) -> BoxFuture<'_, Result<Vec<(String, u64)>, StoreError>>;
    /// Bytes stored apart from the journal; `None` when unknown or deleted by retention.
    fn blob(&self, sha256: String) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>>;
    /// Messages due to leave, by lane, then age.
    fn outbox_due(
        &self,
        now: DateTime<Utc>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<OutboxRow>, StoreError>>;
    /// Counts an attempt that is about to be made, and where, durably, so that a crash during it is known.
    fn outbox_attempt(&self, key: String, at: Option<Spot>) -> BoxFuture<'_, Result<(), StoreError>>;
    /// Whether the message with this key is still to leave.
    fn outbox_waits(&self, key: String) -> BoxFuture<'_, Result<bool, StoreError>>;
    /// The keys, beginning with these characters, of messages that were settled as sent, in order.
    fn outbox_left(&self, prefix: String) -> BoxFuture<'_, Result<Vec<String>, StoreError>>;
    /// Messages that have not left, without what they say: those that wait, oldest first, and then those given up that were asked for
    /// since then, newest first; at most so many of each. What was given up is looked for among the newest [`GIVEN_UP_AMONG`] messages.
    fn outbox_unsent(
        &self,
        since: DateTime<Utc>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Unsent>, StoreError>>;
    /// How many messages wait.
    fn outbox_backlog(&self) -> BoxFuture<'_, Result<u64, StoreError>>;
    /// Timers whose time has come, earliest first.
    fn timers_due(&self, now: DateTime<Utc>, limit: usize) -> BoxFuture<'_, Result<Vec<Timer>, StoreError>>;
    /// What is kept under keys that begin so, by key.
    fn kept(&self, prefix: String) -> BoxFuture<'_, Result<Vec<Kept>, StoreError>>;
    /// Keeps an API token's hash for a person.
    fn token_put(&self, token: TokenRow) -> BoxFuture<'_, Result<(), StoreError>>;
    /// The person that a token's SHA-256 (lowercase hex) belongs to.
    fn token_person(&self, sha256: String) -> BoxFuture<'_, Result<Option<String>, StoreError>>;
    /// Records the heads of all streams in the store-wide chain.
    fn checkpoint(&self, now: DateTime<Utc>) -> BoxFuture<'_, Result<(), StoreError>>;
    /// Walks every chain, the store-wide one included.
    fn verify(&self) -> BoxFuture<'_, Result<StoreReport, StoreError>>;
    /// Whether a head that was kept elsewhere (lowercase hex) is a link of the store-wide chain: everything that the
    /// chain said then is still part of it. True of [`crate::journal::GENESIS`], the head of an empty store.
    fn has_link(&self, head: String) -> BoxFuture<'_, Result<bool, StoreError>>;
}

/// One atomic change.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Commit {
    /// Events to append, each to its stream.
    pub appends: Vec<Append>,
    /// Read-model rows as they are after these events.
    pub rows: Vec<RowChange>,
    /// Messages that must leave.
    pub outbox: Vec<OutboxItem>,
    /// Messages that have left, or could not.
    pub outbox_settled: Vec<(String, u64, OutboxResult)>,
    /// Timers to set or clear.
    pub timers: Vec<TimerChange>,
    /// What is kept in the place of what stood under its key.
    pub kept: Vec<Kept>,
    /// Bytes stored apart from the journal.
    pub blobs: Vec<Blob>,
    /// The inbox message that this deals with: source, id, outcome.
    pub inbox_done: Option<(String, String, InboxOutcome)>,
    /// Further ones.
    pub inbox_also: Vec<(String, String, InboxOutcome)>,
    /// A counter that must still have the value that the decision saw.
    pub counter: Option<CounterRaise>,
}

/// Events for one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append {
    /// The stream.
    pub stream: StreamId,
    /// Where the decision saw it end; anything else is a conflict.
    pub after: Head,
    /// The events, in order, continuing `after`.
    pub events: Vec<Sealed>,
}

/// Raises a counter, if it still is `from`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CounterRaise {
    /// Its name.
    pub name: &'static str,
    /// The value that the decision saw.
    pub from: u64,
    /// How many numbers it takes.
    pub by: u64,
}

/// Bytes addressed by their SHA-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Lowercase hex.
    pub sha256: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// How an inbox message ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InboxOutcome {
    /// Acted on; the body may be dropped.
    Done,
    /// Kept with its body.
    Kept {
        /// Its type, or why it does not read; of a dead letter it begins with [`DEAD_LETTER`].
        reason: String,
    },
    /// A kept one is taken up again, as if it had just come.
    Again,
}

/// How the reason of a dead letter begins: of what was accepted, and could not be understood or acted on.
pub const DEAD_LETTER: &str = "dead letter: ";
/// What the keys begin with of what is kept beside messages about incidents that are not known yet; it goes with them.
pub const EARLY_KEY: &str = "early/";

/// Which of the kept messages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Letters {
    /// Those of this source.
    pub source: Option<String>,
    /// The one of this id; each source may have one.
    pub id: Option<String>,
    /// Dead letters only, without what was understood and is of no consequence.
    pub dead: bool,
    /// Of each body no more than so many first bytes are wanted.
    pub body: Option<usize>,
    /// Words that are looked for in all of each body.
    pub words: Vec<String>,
}

/// What became of a message so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InboxStand {
    /// Nobody has taken it up yet.
    Pending,
    /// It was acted on.
    Done,
    /// It was kept.
    Kept {
        /// Its type, or why it does not read.
        reason: String,
    },
}

/// A message that was kept with its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The message.
    pub item: InboxItem,
    /// Why it was kept.
    pub reason: String,
    /// How many bytes its body has, however few of them were wanted.
    pub size: usize,
    /// Its body has one of the words that were looked for.
    pub has_word: bool,
}

impl DeadLetter {
    /// Whether it could not be understood or acted on; else it is of no consequence.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.reason.starts_with(DEAD_LETTER)
    }
}

impl Letters {
    /// Whether this one is meant.
    #[must_use]
    pub fn holds(&self, letter: &DeadLetter) -> bool {
        let is = |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|one| one == found);
        is(&self.source, &letter.item.source)
            && is(&self.id, &letter.item.id)
            && (letter.is_dead() || !self.dead)
    }
}

/// A read-model row.
#[derive(Debug, Clone, PartialEq)]
pub enum RowChange {
    /// An incident.
    Incident(IncidentRow),
    /// A run.
    Run(RunRow),
    /// An alert.
    Alert(Box<AlertRow>),
    /// A change of a service. What is older than [`ChangeRow::keeps_since`], and what is too many of the service, goes.
    Change(Box<ChangeRow>),
}

/// Which alerts are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlertsOf {
    /// These: source and fingerprint, in order of the source and of the fingerprint.
    These(Vec<(String, String)>),
    /// Of a sender's group, and of an incident, the newest first by when they came to it.
    Group {
        /// The source.
        source: String,
        /// The sender's name of the group.
        group: String,
    },
    /// Of these, in the same order, those that fire or are watched: what has ended long ago is not among them.
    GroupNow {
        /// The source.
        source: String,
        /// The sender's name of the group.
        group: String,
    },
    /// Of an incident: those that fire first, then by when they came to it.
    Incident(IncidentId),
    /// The newest that came to an incident.
    Newest(IncidentId),
    /// Of each of these incidents the newest that came to it, the newest first.
    NewestOf(Vec<IncidentId>),
    /// Of each open incident the newest that the pager knows by this key about that service, the newest first.
    OfPage {
        /// The key of the page.
        key: String,
        /// The service of the page.
        service: String,
    },
    /// Those of no incident, the newest first by when they were told.
    Loose,
    /// Those to be looked at again, in order of the source and of the fingerprint: those behind this one, where one is named.
    Watched(Option<(String, String)>),
}

/// An incident at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentRow {
    /// Its identity.
    pub id: IncidentId,
    /// Its display number.
    pub number: IncidentNumber,
    /// Status word in snake_case.
    pub status: String,
    /// `true` until it is resolved.
    pub open: bool,
    /// Severity id, such as `P1`.
    pub severity: String,
    /// The service's name.
    pub service: String,
    /// What it is about.
    pub title: String,
    /// The pager's id, when it came from there.
    pub pager_id: Option<String>,
    /// What whoever paged calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pager_key: Option<String>,
    /// The chat channel, once there is one.
    pub channel: Option<String>,
    /// When it was opened.
    #[serde(with = "millis")]
    pub opened_at: DateTime<Utc>,
    /// When it was resolved.
    #[serde(with = "millis::option")]
    pub resolved_at: Option<DateTime<Utc>>,
    /// Only named people see it.
    #[serde(default)]
    pub private: bool,
    /// Where the two lines stand that lead to its own channel: channel and message; of a private one, nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brief: Option<(String, String)>,
    /// Its review is drafted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reviewed: bool,
    /// Groups of senders that leave out what may fire in it, or have, by [`group_key`](crate::alert::group_key).
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub left_out: BTreeSet<String>,
}

/// A run at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRow {
    /// Its identity.
    pub id: RunId,
    /// The incident that it serves.
    pub incident: Option<IncidentId>,
    /// The runbook's name.
    pub runbook: String,
    /// What it acts on.
    pub target: String,
    /// `true` when it holds commands that change something.
    pub mutating: bool,
    /// Status word in snake_case.
    pub status: String,
    /// `true` while it can still go on.
    pub open: bool,
    /// When it was planned.
    #[serde(with = "millis")]
    pub created_at: DateTime<Utc>,
    /// What a yes to it is bound to; absent in rows of a release that did not keep it here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Fingerprint>,
    /// What its end rests on, where that is a person's word; absent elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A message that must leave.
#[derive(Debug, Clone, PartialEq)]
pub struct OutboxItem {
    /// Idempotency key, unique. A known key with `coalesce` is due again, once; without, nothing changes.
    pub key: String,
    /// Smaller goes first: 0 answers and approvals, 1 card, 2 progress, 3 timeline.
    pub lane: u8,
    /// Messages of one group leave one after the other, in order of age (a channel, the pager).
    pub group: String,
    /// The message, as JSON of [`crate::message::Outgoing`].
    pub payload: serde_json::Value,
    /// `true` for a message that is rendered when it leaves (the card): asking again makes it due again.
    pub coalesce: bool,
    /// Not before this.
    pub due: DateTime<Utc>,
}

/// A message as read back for sending.
#[derive(Debug, Clone, PartialEq)]
pub struct OutboxRow {
    /// Its key.
    pub key: String,
    /// Counts how often it was asked for; settling names the one that was sent.
    pub version: u64,
    /// Its lane.
    pub lane: u8,
    /// Its group.
    pub group: String,
    /// The message.
    pub payload: serde_json::Value,
    /// Attempts counted so far; above 0 an earlier outcome may be unknown.
    pub attempts: u32,
    /// Where these went, each place once, in the order in which they were tried first.
    pub tried: Vec<Spot>,
    /// When it was first asked for.
    pub created_at: DateTime<Utc>,
}

/// What was given up is looked for among so many messages: all that ever left are kept.
pub const GIVEN_UP_AMONG: u64 = 20_000;

/// A message that has not left, without what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsent {
    /// Its group.
    pub group: String,
    /// When it was first asked for.
    pub created_at: DateTime<Utc>,
    /// It was given up.
    pub dead: bool,
    /// Attempts since the last known outcome.
    pub attempts: u32,
    /// Why it has not left, where that was told: what the last attempt came to, or what it waits for.
    pub error: Option<String>,
}

/// What sending came to.
#[derive(Debug, Clone, PartialEq)]
pub enum OutboxResult {
    /// It left.
    Sent,
    /// It did not; try again then.
    Retry {
        /// When.
        at: DateTime<Utc>,
        /// Why not now, without secrets.
        error: String,
    },
    /// It was not tried: it has to wait for its turn, unless it is asked for anew before that.
    Held {
        /// Until when.
        until: DateTime<Utc>,
        /// Why, without secrets.
        error: String,
    },
    /// It never will.
    Dead {
        /// Why, without secrets.
        error: String,
    },
}

/// An absolute point in time at which the engine looks at something again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timer {
    /// Unique key, such as `incident/ID/ack`.
    pub key: String,
    /// When.
    pub due: DateTime<Utc>,
    /// The stream that it belongs to.
    pub stream: StreamId,
    /// What to look at.
    pub what: String,
}

/// A change to the timers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimerChange {
    /// Sets or moves it.
    Set(Timer),
    /// Removes it by key.
    Clear(String),
    /// Removes it after it fired, unless it has been moved meanwhile.
    Fired {
        /// Its key.
        key: String,
        /// When it was due.
        due: DateTime<Utc>,
    },
}

/// Something worth keeping that is no history: the last word counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its key, such as `oncall`.
    pub key: String,
    /// When it was so.
    pub at: DateTime<Utc>,
    /// JSON.
    pub value: String,
}

/// An API token, stored hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// SHA-256 of the token, lowercase hex.
    pub sha256: String,
    /// Whose it is.
    pub person: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// One stream at a glance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamSummary {
    /// Its name.
    pub stream: StreamId,
    /// Its last sequence.
    pub events: u64,
}

/// What walking every chain found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreReport {
    /// How many streams there are.
    pub streams: u64,
    /// How many events.
    pub events: u64,
    /// How many checkpoints.
    pub checkpoints: u64,
    /// What is wrong, where; empty means verified.
    pub problems: Vec<String>,
    /// Hash of the store-wide chain's newest link, lowercase hex: keep it elsewhere to prove the tail.
    pub head: String,
    /// Events that no checkpoint holds yet: `head` says nothing of them.
    pub uncovered: u64,
}

/// The store cannot do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Busy, full, read-only or gone; may pass.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// What is in it does not read.
    #[error("the store holds something that does not read: {0}")]
    Corrupt(String),
}

/// A change was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// Somebody else changed a stream or counter meanwhile: read again and decide again.
    #[error("somebody else changed {0} meanwhile")]
    Conflict(String),
    /// The store cannot do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}
