//! The port on SQLite.

use std::path::Path;

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
use rusqlite::Connection;

use crate::error::{Fault, OpenError};
use crate::readers::Readers;
use crate::schema::{open_reader, open_writer};
use crate::writer::{Stats, Writer};
use crate::{
    alerts, blobs, changes, inbox, journal, kept, outbox, rows, store_chain, timers, tokens, verify,
};

/// Reading threads of an engine; a store that is opened to be read has one.
const READERS: usize = 2;

/// The store in one SQLite file.
///
/// A change is on disk (WAL, `synchronous=FULL`) when its future resolves. Dropping the store waits until all that
/// was handed in is written. A future that is dropped early may still have had its effect.
pub struct SqliteStore {
    // closed first: the last connection to close tidies the write-ahead log away, and only a writing one can
    readers: Readers,
    /// `None` when it was opened to be read.
    writer: Option<Writer>,
}

impl SqliteStore {
    /// Opens the file, making it and its folder if need be, and brings its layout up to date.
    ///
    /// # Errors
    /// When the file cannot be opened, belongs to another program, or has the layout of a newer release.
    pub fn open(path: &Path) -> Result<SqliteStore, OpenError> {
        let connection = open_writer(path)?;
        let readers = start_readers(path, READERS)?;
        let writer = Writer::start(connection).map_err(|error| no_thread(path, &error))?;
        Ok(SqliteStore { writer: Some(writer), readers })
    }

    /// Opens a file that is there, also while an engine is writing to it. What would change it is
    /// [`StoreError::Unavailable`].
    ///
    /// # Errors
    /// When there is no such file, or it does not have this release's layout.
    pub fn open_read_only(path: &Path) -> Result<SqliteStore, OpenError> {
        Ok(SqliteStore { writer: None, readers: start_readers(path, 1)? })
    }

    /// What the writer has done so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.writer.as_ref().map_or(Stats { commits: 0, changes: 0 }, Writer::stats)
    }

    fn write<'a, T, E, F>(&'a self, work: F) -> BoxFuture<'a, Result<T, E>>
    where
        T: Send + 'static,
        E: From<Fault> + 'a,
        F: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        Box::pin(async move {
            match &self.writer {
                Some(writer) => writer.run(work).await.map_err(E::from),
                None => Err(E::from(Fault::Store(StoreError::Unavailable(
                    "it was opened to be read only".into(),
                )))),
            }
        })
    }

    fn read<'a, T, F>(&'a self, work: F) -> BoxFuture<'a, Result<T, StoreError>>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        Box::pin(async move { self.readers.run(work).await.map_err(StoreError::from) })
    }
}

fn start_readers(path: &Path, count: usize) -> Result<Readers, OpenError> {
    let connections = (0..count).map(|_| open_reader(path)).collect::<Result<Vec<_>, _>>()?;
    Readers::start(connections).map_err(|error| no_thread(path, &error))
}

fn no_thread(path: &Path, error: &std::io::Error) -> OpenError {
    OpenError::File { path: path.to_owned(), reason: format!("no thread can be started: {error}") }
}

fn apply(connection: &Connection, commit: &Commit) -> Result<(), Fault> {
    // what can conflict comes first: less to take back
    if let Some(raise) = &commit.counter {
        journal::raise(connection, raise)?;
    }
    if let Some((source, id, outcome)) = &commit.inbox_done {
        inbox::settle(connection, source, id, outcome)?;
    }
    for (source, id, outcome) in &commit.inbox_also {
        inbox::settle(connection, source, id, outcome)?;
    }
    for append in &commit.appends {
        journal::append(connection, append)?;
    }
    for row in &commit.rows {
        rows::put(connection, row)?;
    }
    for blob in &commit.blobs {
        blobs::put(connection, blob)?;
    }
    // settled before asked: a commit that does both with one key asks for it again
    for (key, version, result) in &commit.outbox_settled {
        outbox::settle(connection, key, *version, result)?;
    }
    for item in &commit.outbox {
        outbox::ask(connection, item)?;
    }
    for change in &commit.timers {
        timers::change(connection, change)?;
    }
    for one in &commit.kept {
        kept::put(connection, one)?;
    }
    Ok(())
}

impl Store for SqliteStore {
    fn accept(&self, item: InboxItem) -> BoxFuture<'_, Result<Accepted, StoreError>> {
        self.write(move |connection| inbox::accept(connection, &item))
    }

    fn inbox_pending(&self, limit: usize) -> BoxFuture<'_, Result<Vec<InboxItem>, StoreError>> {
        self.read(move |connection| inbox::pending(connection, limit))
    }

    fn letters(&self, which: Letters, limit: usize) -> BoxFuture<'_, Result<Vec<DeadLetter>, StoreError>> {
        self.read(move |connection| inbox::kept(connection, &which, limit))
    }

    fn dead_letters(&self) -> BoxFuture<'_, Result<Vec<(String, u64)>, StoreError>> {
        self.read(inbox::dead_letters)
    }

    fn let_go(&self, before: DateTime<Utc>, limit: usize) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.write(move |connection| inbox::let_go(connection, before, limit))
    }

    fn let_go_dead(&self, bytes: u64, rows: u64) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.write(move |connection| inbox::let_go_dead(connection, bytes, rows))
    }

    fn inbox_stand(
        &self,
        source: String,
        id: String,
    ) -> BoxFuture<'_, Result<Option<InboxStand>, StoreError>> {
        self.read(move |connection| inbox::stand(connection, &source, &id))
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<(), CommitError>> {
        if let Some(fault) = commit.blobs.iter().find_map(|blob| blobs::check(blob).err()) {
            return Box::pin(async move { Err(fault.into()) });
        }
        self.write(move |connection| apply(connection, &commit))
    }

    fn load(&self, stream: StreamId) -> BoxFuture<'_, Result<Vec<StoredEvent>, StoreError>> {
        self.read(move |connection| journal::load(connection, stream))
    }

    fn streams(&self) -> BoxFuture<'_, Result<Vec<StreamSummary>, StoreError>> {
        self.read(journal::streams)
    }

    fn counter(&self, name: &'static str) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.read(move |connection| journal::counter(connection, name))
    }

    fn incident_of_pager(&self, pager_id: String) -> BoxFuture<'_, Result<Option<IncidentRow>, StoreError>> {
        self.read(move |connection| rows::incident_of_pager(connection, &pager_id))
    }

    fn incidents(
        &self,
        open_only: bool,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<IncidentRow>, StoreError>> {
        self.read(move |connection| rows::incidents(connection, open_only, limit))
    }

    fn incidents_with_alerts(&self, limit: usize) -> BoxFuture<'_, Result<Vec<IncidentRow>, StoreError>> {
        self.read(move |connection| rows::incidents_with_alerts(connection, limit))
    }

    fn runs(
        &self,
        incident: Option<IncidentId>,
        open_only: bool,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<RunRow>, StoreError>> {
        self.read(move |connection| rows::runs(connection, incident, open_only, limit))
    }

    fn runs_on(
        &self,
        target: String,
        since: Option<DateTime<Utc>>,
    ) -> BoxFuture<'_, Result<Vec<RunRow>, StoreError>> {
        self.read(move |connection| rows::runs_on(connection, &target, since))
    }

    fn other_of_code(
        &self,
        typed: String,
        than: Fingerprint,
        since: DateTime<Utc>,
    ) -> BoxFuture<'_, Result<Option<RunRow>, StoreError>> {
        self.read(move |connection| rows::other_of_code(connection, &typed, &than, since))
    }

    fn alerts(&self, which: AlertsOf, limit: usize) -> BoxFuture<'_, Result<Vec<AlertRow>, StoreError>> {
        self.read(move |connection| alerts::find(connection, &which, limit))
    }

    fn alert_count(&self, incident: IncidentId) -> BoxFuture<'_, Result<AlertCount, StoreError>> {
        self.read(move |connection| alerts::count(connection, incident))
    }

    fn prune_alerts(&self, before: DateTime<Utc>, limit: usize) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.write(move |connection| alerts::prune(connection, before, limit))
    }

    fn changes(
        &self,
        services: Vec<String>,
        since: DateTime<Utc>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<ChangeRow>, StoreError>> {
        self.read(move |connection| changes::since(connection, &services, since, limit))
    }

    fn changed_services(&self) -> BoxFuture<'_, Result<Vec<(String, u64)>, StoreError>> {
        self.read(changes::services)
    }

    fn blob(&self, sha256: String) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        self.read(move |connection| blobs::get(connection, &sha256))
    }

    fn outbox_due(
        &self,
        now: DateTime<Utc>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<OutboxRow>, StoreError>> {
        self.read(move |connection| outbox::due(connection, now, limit))
    }

    fn outbox_attempt(&self, key: String, at: Option<Spot>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(move |connection| outbox::attempt(connection, &key, at.as_ref()))
    }

    fn outbox_waits(&self, key: String) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.read(move |connection| outbox::waits(connection, &key))
    }

    fn outbox_left(&self, prefix: String) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        self.read(move |connection| outbox::left(connection, &prefix))
    }

    fn outbox_unsent(
        &self,
        since: DateTime<Utc>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Unsent>, StoreError>> {
        self.read(move |connection| outbox::unsent(connection, since, limit))
    }

    fn outbox_backlog(&self) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.read(outbox::backlog)
    }

    fn timers_due(&self, now: DateTime<Utc>, limit: usize) -> BoxFuture<'_, Result<Vec<Timer>, StoreError>> {
        self.read(move |connection| timers::due(connection, now, limit))
    }

    fn kept(&self, prefix: String) -> BoxFuture<'_, Result<Vec<Kept>, StoreError>> {
        self.read(move |connection| kept::like(connection, &prefix))
    }

    fn token_put(&self, token: TokenRow) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(move |connection| tokens::put(connection, &token))
    }

    fn token_person(&self, sha256: String) -> BoxFuture<'_, Result<Option<String>, StoreError>> {
        self.read(move |connection| tokens::person(connection, &sha256))
    }

    fn checkpoint(&self, now: DateTime<Utc>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(move |connection| store_chain::add_checkpoint(connection, now))
    }

    fn verify(&self) -> BoxFuture<'_, Result<StoreReport, StoreError>> {
        self.read(verify::verify)
    }

    fn has_link(&self, head: String) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.read(move |connection| store_chain::has_link(connection, &head))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use futures_util::future::{join, join_all};
    use runbook_core::journal::Head;
    use runbook_core::ports::InboxOutcome;
    use tempfile::TempDir;

    use super::*;
    use crate::conformance::{append, at, leaving, message, run};
    use crate::schema::LAYOUT;
    use crate::writer::{MAX_BATCH, MAX_WAITING};

    fn fresh() -> (TempDir, SqliteStore) {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("data").join("blocks.db")).unwrap();
        (folder, store)
    }

    fn path(folder: &TempDir) -> std::path::PathBuf {
        folder.path().join("data").join("blocks.db")
    }

    mod conformance_suite {
        crate::store_conformance!(super::fresh());
    }

    /// Runs SQL on the writing connection, in a transaction like any change.
    async fn on_writer(store: &SqliteStore, sql: &'static str) {
        let ran: Result<(), StoreError> =
            store.write(move |connection| Ok(connection.execute_batch(sql)?)).await;
        ran.unwrap();
    }

    /// Keeps the writer busy while `accepts` messages are handed in; returns what became of each.
    async fn accept_at_once(store: &SqliteStore, accepts: usize) -> Vec<Result<Accepted, StoreError>> {
        let (go, wait) = channel();
        let hold = store.write::<_, StoreError, _>(move |_| {
            wait.recv().unwrap();
            Ok(())
        });
        let messages = (0..accepts).map(|n| store.accept(message("slack", &n.to_string())));
        // each is polled, and so handed in, before the writer may go on
        let (_, (answers, ())) = join(hold, join(join_all(messages), async { go.send(()).unwrap() })).await;
        answers
    }

    #[tokio::test]
    async fn many_changes_share_one_commit() {
        let (_folder, store) = fresh();
        let before = store.stats();
        // with the one that holds the writer, exactly two full batches
        let answers = accept_at_once(&store, 2 * MAX_BATCH - 1).await;
        assert!(answers.iter().all(|answer| *answer == Ok(Accepted::New)));
        let after = store.stats();
        assert_eq!(
            (after.commits - before.commits, after.changes - before.changes),
            (2, 2 * MAX_BATCH as u64)
        );
    }

    #[tokio::test]
    async fn a_full_queue_refuses_and_keeps_what_it_took() {
        let (_folder, store) = fresh();
        let answers = accept_at_once(&store, MAX_WAITING + 50).await;
        let (taken, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
        assert!(refused.len() >= 49 && !taken.is_empty(), "{} were refused", refused.len());
        assert!(refused.iter().all(|answer| matches!(answer, Err(StoreError::Unavailable(_)))));
        assert_eq!(store.inbox_pending(9999).await.unwrap().len(), taken.len());
    }

    #[tokio::test]
    async fn a_store_opened_again_has_everything() {
        let (folder, store) = fresh();
        store.accept(message("slack", "a")).await.unwrap();
        let (events, head) = append(run(1), Head::EMPTY, &["a", "b"]);
        let commit = Commit { appends: vec![events], outbox: vec![leaving("k", "g")], ..Commit::default() };
        store.commit(commit).await.unwrap();
        store.outbox_attempt("k".to_owned(), None).await.unwrap();
        store.checkpoint(at(0)).await.unwrap();
        let report = store.verify().await.unwrap();
        drop(store);
        let store = SqliteStore::open(&path(&folder)).unwrap();
        assert_eq!(store.verify().await.unwrap(), report);
        assert_eq!(store.inbox_pending(9).await.unwrap(), [message("slack", "a")]);
        assert_eq!(store.outbox_due(at(0), 9).await.unwrap()[0].attempts, 1);
        let (next, _) = append(run(1), head, &["c"]);
        store.commit(Commit { appends: vec![next], ..Commit::default() }).await.unwrap();
    }

    #[tokio::test]
    async fn the_log_does_not_grow_with_the_store() {
        let (folder, store) = fresh();
        for n in 0..1000 {
            store.accept(message("slack", &n.to_string())).await.unwrap();
        }
        let log = std::fs::metadata(path(&folder).with_extension("db-wal")).unwrap().len();
        // 128 commits of a handful of 4 KiB pages; all of them would be over 10 MiB
        assert!(log < 8 * 1024 * 1024, "{log} bytes");
    }

    #[tokio::test]
    async fn a_done_message_leaves_no_body_behind() {
        let (folder, store) = fresh();
        for id in ["gone", "here"] {
            let body = format!("{id} ").repeat(50).into_bytes();
            store.accept(InboxItem { body, ..message("slack", id) }).await.unwrap();
        }
        let done = Some(("slack".to_owned(), "gone".to_owned(), InboxOutcome::Done));
        store.commit(Commit { inbox_done: done, ..Commit::default() }).await.unwrap();
        drop(store);
        assert!(!path(&folder).with_extension("db-wal").exists(), "all is in the one file");
        let bytes = std::fs::read(path(&folder)).unwrap();
        let found = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
        assert!(found(b"here here ") && !found(b"gone gone "));
    }

    #[tokio::test]
    async fn it_can_be_read_while_it_is_written() {
        let (folder, store) = fresh();
        store.accept(message("slack", "a")).await.unwrap();
        let reader = SqliteStore::open_read_only(&path(&folder)).unwrap();
        let (go, wait) = channel();
        let (entered, inside) = tokio::sync::oneshot::channel();
        let writing = store.write::<_, StoreError, _>(move |connection| {
            connection.execute("DELETE FROM inbox", [])?;
            entered.send(()).unwrap();
            wait.recv().unwrap();
            Ok(())
        });
        let reading = async {
            inside.await.unwrap();
            assert_eq!(reader.inbox_pending(9).await.unwrap().len(), 1, "not yet committed");
            assert_eq!(store.inbox_pending(9).await.unwrap().len(), 1, "nor for the engine's own readers");
            go.send(()).unwrap();
        };
        join(writing, reading).await.0.unwrap();
        assert_eq!(reader.inbox_pending(9).await.unwrap().len(), 0);
        let refused = reader.accept(message("slack", "b")).await;
        assert_eq!(refused, Err(StoreError::Unavailable("it was opened to be read only".to_owned())));
    }

    #[tokio::test]
    async fn it_can_be_read_when_no_engine_runs() {
        let (folder, store) = fresh();
        store.accept(message("slack", "a")).await.unwrap();
        drop(store);
        let reader = SqliteStore::open_read_only(&path(&folder)).unwrap();
        assert_eq!(reader.inbox_pending(9).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_full_disk_is_unavailable_and_passes() {
        let (_folder, store) = fresh();
        store.accept(message("slack", "before")).await.unwrap();
        on_writer(&store, "PRAGMA max_page_count = 1").await;
        let mut large = message("slack", "large");
        large.body = vec![7; 100_000];
        let (full, next) =
            join(store.accept(large.clone()), store.commit(Commit { outbox: vec![], ..Commit::default() }))
                .await;
        assert_eq!(full, Err(StoreError::Unavailable("the disk is full".to_owned())));
        assert!(matches!(next, Ok(()) | Err(CommitError::Store(StoreError::Unavailable(_)))), "{next:?}");
        on_writer(&store, "PRAGMA max_page_count = 1000000").await;
        assert_eq!(store.accept(large).await, Ok(Accepted::New), "nothing of it had been kept");
        assert_eq!(store.accept(message("slack", "before")).await, Ok(Accepted::Duplicate));
        assert_eq!(store.verify().await.unwrap().problems, Vec::<String>::new());
    }

    #[tokio::test]
    async fn a_commit_that_fails_keeps_nothing_of_its_batch() {
        let (_folder, store) = fresh();
        on_writer(
            &store,
            "CREATE TABLE guard (n INTEGER REFERENCES openings (n) DEFERRABLE INITIALLY DEFERRED)",
        )
        .await;
        let (go, wait) = channel();
        // a deferred foreign key is checked by COMMIT, the only failure of it that can be made at will
        let breaks = store.write::<_, StoreError, _>(move |connection| {
            connection.execute("INSERT INTO guard VALUES (99)", [])?;
            wait.recv().unwrap();
            Ok(())
        });
        let release = async { go.send(()).unwrap() };
        let (broken, (lost, ())) = join(breaks, join(store.accept(message("slack", "a")), release)).await;
        assert!(matches!(broken, Err(StoreError::Unavailable(_))), "{broken:?}");
        assert!(matches!(lost, Err(StoreError::Unavailable(_))), "{lost:?}");
        assert_eq!(store.accept(message("slack", "a")).await, Ok(Accepted::New), "and it works again");
    }

    #[test]
    fn a_newer_layout_is_refused_and_both_are_named() {
        let (folder, store) = fresh();
        drop(store);
        let path = path(&folder);
        Connection::open(&path).unwrap().pragma_update(None, "user_version", LAYOUT + 7).unwrap();
        for opened in [SqliteStore::open(&path), SqliteStore::open_read_only(&path)] {
            let error = opened.err().unwrap();
            assert!(
                matches!(&error, OpenError::Newer { found, supported, .. } if (*found, *supported) == (LAYOUT + 7, LAYOUT))
            );
            let text = error.to_string();
            assert!(
                text.contains(&format!("layout {}", LAYOUT + 7)) && text.contains(&format!("up to {LAYOUT}")),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_not_ours_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("none.db");
        assert!(matches!(SqliteStore::open_read_only(&missing).err(), Some(OpenError::File { .. })));
        assert!(!missing.exists());
        let other = folder.path().join("other.db");
        Connection::open(&other).unwrap().execute_batch("CREATE TABLE theirs (n)").unwrap();
        assert!(matches!(SqliteStore::open(&other).err(), Some(OpenError::NotOurs { .. })));
        let tables: i64 = Connection::open(&other)
            .unwrap()
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
            .unwrap();
        assert_eq!(tables, 1);
        let empty = folder.path().join("empty.db");
        std::fs::write(&empty, b"").unwrap();
        assert!(matches!(SqliteStore::open_read_only(&empty).err(), Some(OpenError::Older { found: 0, .. })));
        let text = folder.path().join("notes.txt");
        std::fs::write(&text, "not a database, but long enough to be looked at. ".repeat(40)).unwrap();
        assert!(matches!(SqliteStore::open(&text).err(), Some(OpenError::Database { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let (folder, store) = fresh();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path(&folder)), 0o600);
        assert_eq!(mode(&path(&folder).with_extension("db-wal")), 0o600);
        assert_eq!(mode(path(&folder).parent().unwrap()), 0o700);
        drop(store);
    }
}
