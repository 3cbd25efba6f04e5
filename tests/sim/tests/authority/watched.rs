//! The store as the engine sees it, which tells whoever waits that something was written or that the ticker has looked.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use runbook_core::alert::{AlertCount, AlertRow};
use runbook_core::change::ChangeRow;
use runbook_core::ids::IncidentId;
use runbook_core::journal::{StoredEvent, StreamId};
use runbook_core::plan::Fingerprint;
use runbook_core::ports::{
    Accepted, AlertsOf, BoxFuture, Commit, CommitError, DeadLetter, InboxItem, InboxStand, IncidentRow, Kept,
    Letters, OutboxRow, RunRow, Spot, Store, StoreError, StoreReport, StreamSummary, Timer, TokenRow, Unsent,
};
use tokio::sync::watch;

/// What was seen of the store so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Signs {
    /// Times that something was, or may have been, written.
    pub(crate) written: u64,
    /// Times that the ticker asked for what is due.
    pub(crate) looks: u64,
}

/// Where to wait for [`Signs`].
pub(crate) type Watch = Arc<watch::Sender<Signs>>;

/// The store behind, told about.
pub(crate) struct Watched {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) watch: Watch,
}

impl Watched {
    fn then<'a, T: Send + 'a>(
        &'a self,
        what: BoxFuture<'a, T>,
        note: fn(&mut Signs) -> &mut u64,
    ) -> BoxFuture<'a, T> {
        Box::pin(async move {
            let came = what.await;
            self.watch.send_modify(|signs| *note(signs) += 1);
            came
        })
    }
}

impl Store for Watched {
    fn accept(&self, item: InboxItem) -> BoxFuture<'_, Result<Accepted, StoreError>> {
        self.then(self.store.accept(item), |signs| &mut signs.written)
    }
    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<(), CommitError>> {
        self.then(self.store.commit(commit), |signs| &mut signs.written)
    }
    fn timers_due(&self, now: DateTime<Utc>, limit: usize) -> BoxFuture<'_, Result<Vec<Timer>, StoreError>> {
        self.then(self.store.timers_due(now, limit), |signs| &mut signs.looks)
    }

    // the rest goes on as it comes
    fn inbox_pending(&self, limit: usize) -> BoxFuture<'_, Result<Vec<InboxItem>, StoreError>> {
        self.store.inbox_pending(limit)
    }
    fn letters(&self, which: Letters, limit: usize) -> BoxFuture<'_, Result<Vec<DeadLetter>, StoreError>> {
        self.store.letters(which, limit)
    }
    fn dead_letters(&self) -> BoxFuture<'_, Result<Vec<(String, u64)>, StoreError>> {
        self.store.dead_letters()
    }
    fn let_go(&self, before: DateTime<Utc>, limit: usize) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.store.let_go(before, limit)
    }
    fn let_go_dead(&self, bytes: u64, rows: u64) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.store.let_go_dead(bytes, rows)
    }
    fn inbox_stand(
        &self,
        source: String,
        id: String,
    ) -> BoxFuture<'_, Result<Option<InboxStand>, StoreError>> {
        self.store.inbox_stand(source, id)
    }
    fn load(&self, stream: StreamId) -> BoxFuture<'_, Result<Vec<StoredEvent>, StoreError>> {
        self.store.load(stream)
    }
    fn streams(&self) -> BoxFuture<'_, Result<Vec<StreamSummary>, StoreError>> {
        self.store.streams()
    }
    fn counter(&self, name: &'static str) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.store.counter(name)
    }
    fn incident_of_pager(&self, pager_id: String) -> BoxFuture<'_, Result<Option<IncidentRow>, StoreError>> {
        self.store.incident_of_pager(pager_id)
    }
    fn incidents(
        &self,
        open_only: bool,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<IncidentRow>, StoreError>> {
        self.store.incidents(open_only, limit)
    }
    fn incidents_with_alerts(&self, limit: usize) -> BoxFuture<'_, Result<Vec<IncidentRow>, StoreError>> {
        self.store.incidents_with_alerts(limit)
    }
    fn runs(
        &self,
        incident: Option<IncidentId>,
        open_only: bool,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<RunRow>, StoreError>> {
        self.store.runs(incident, open_only, limit)
    }
    fn runs_on(
        &self,
        target: String,
        since: Option<DateTime<Utc>>,
    ) -> BoxFuture<'_, Result<Vec<RunRow>, StoreError>> {
        self.store.runs_on(target, since)
    }
    fn other_of_code(
        &self,
        typed: String,
        than: Fingerprint,
        since: DateTime<Utc>,
    ) -> BoxFuture<'_, Result<Option<RunRow>, StoreError>> {
        self.store.other_of_code(typed, than, since)
    }
    fn alerts(&self, which: AlertsOf, limit: usize) -> BoxFuture<'_, Result<Vec<AlertRow>, StoreError>> {
        self.store.alerts(which, limit)
    }
    fn alert_count(&self, incident: IncidentId) -> BoxFuture<'_, Result<AlertCount, StoreError>> {
        self.store.alert_count(incident)
    }
    fn prune_alerts(&self, before: DateTime<Utc>, limit: usize) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.store.prune_alerts(before, limit)
    }

    fn changes(
        &self,
        services: Vec<String>,
        since: DateTime<Utc>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<ChangeRow>, StoreError>> {
        self.store.changes(services, since, limit)
    }
    fn changed_services(&self) -> BoxFuture<'_, Result<Vec<(String, u64)>, StoreError>> {
        self.store.changed_services()
    }
    fn blob(&self, sha256: String) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        self.store.blob(sha256)
    }
    fn outbox_due(
        &self,
        now: DateTime<Utc>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<OutboxRow>, StoreError>> {
        self.store.outbox_due(now, limit)
    }
    fn outbox_attempt(&self, key: String, at: Option<Spot>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.store.outbox_attempt(key, at)
    }
    fn outbox_waits(&self, key: String) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.store.outbox_waits(key)
    }
    fn outbox_left(&self, prefix: String) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        self.store.outbox_left(prefix)
    }
    fn outbox_unsent(
        &self,
        since: DateTime<Utc>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Unsent>, StoreError>> {
        self.store.outbox_unsent(since, limit)
    }
    fn outbox_backlog(&self) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.store.outbox_backlog()
    }
    fn kept(&self, prefix: String) -> BoxFuture<'_, Result<Vec<Kept>, StoreError>> {
        self.store.kept(prefix)
    }
    fn token_put(&self, token: TokenRow) -> BoxFuture<'_, Result<(), StoreError>> {
        self.store.token_put(token)
    }
    fn token_person(&self, sha256: String) -> BoxFuture<'_, Result<Option<String>, StoreError>> {
        self.store.token_person(sha256)
    }
    fn checkpoint(&self, now: DateTime<Utc>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.store.checkpoint(now)
    }
    fn verify(&self) -> BoxFuture<'_, Result<StoreReport, StoreError>> {
        self.store.verify()
    }
    fn has_link(&self, head: String) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.store.has_link(head)
    }
}
