//! The one thread that writes.
//!
//! It takes what is waiting, up to [`MAX_BATCH`] changes, into one transaction, so that many callers share one
//! wait for the disk. Each change runs in a savepoint: one that fails takes only itself back. Callers hear
//! after COMMIT, and when that fails, all of them hear that nothing was kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use blocks_crash::{Point, at};
use runbook_core::ports::StoreError;
use runbook_core::sabotage::{self, Sabotage};
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::error::{Fault, store_error};

/// Changes in one transaction at most.
pub(crate) const MAX_BATCH: usize = 256;
/// Changes that may wait; one more is refused, so that a slow disk shows as 503 and not as growing memory.
pub(crate) const MAX_WAITING: usize = 1024;

/// Commits after which the write-ahead log is moved into the file. Done between batches, after the answers, so that
/// nobody's change waits for it; SQLite's own limit (see `schema`) only catches unusually large batches.
const COMMITS_PER_CHECKPOINT: u64 = 128;

/// What the writer has done since the store was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Transactions that were committed.
    pub commits: u64,
    /// Changes that they carried, refused ones included.
    pub changes: u64,
}

#[derive(Default)]
struct Counters {
    commits: AtomicU64,
    changes: AtomicU64,
}

/// Handle to the writing thread; dropping it waits until all that was handed in is written.
pub(crate) struct Writer {
    queue: Option<SyncSender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
    counters: Arc<Counters>,
}

impl Writer {
    pub(crate) fn start(connection: Connection) -> std::io::Result<Writer> {
        let (queue, waiting) = sync_channel(MAX_WAITING);
        let counters = Arc::new(Counters::default());
        let shared = Arc::clone(&counters);
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || write_until_closed(&connection, &waiting, &shared))?;
        Ok(Writer { queue: Some(queue), thread: Some(thread), counters })
    }

    /// Runs `work` inside the next transaction and returns after it is on disk.
    pub(crate) async fn run<T, F>(&self, work: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Task { work: Some(work), outcome: None, reply });
        let Some(queue) = &self.queue else { return Err(stopped()) };
        queue.try_send(job).map_err(|refused| match refused {
            TrySendError::Full(_) => Fault::Store(StoreError::Unavailable(format!(
                "{MAX_WAITING} changes are waiting for the disk"
            ))),
            TrySendError::Disconnected(_) => stopped(),
        })?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats {
            commits: self.counters.commits.load(Ordering::Relaxed),
            changes: self.counters.changes.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the store's writer had stopped early");
        }
    }
}

fn stopped() -> Fault {
    Fault::Store(StoreError::Unavailable("its writer has stopped: restart".to_owned()))
}

/// One change and the caller who waits for it.
trait Job: Send {
    /// Does the work; `false` when it must be taken back.
    fn apply(&mut self, connection: &Connection) -> bool;
    /// Tells the caller: what the work came to, or why nothing was kept.
    fn answer(self: Box<Self>, kept: Result<(), StoreError>);
}

struct Task<T, F> {
    work: Option<F>,
    outcome: Option<Result<T, Fault>>,
    reply: oneshot::Sender<Result<T, Fault>>,
}

impl<T, F> Job for Task<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> Result<T, Fault> + Send,
{
    fn apply(&mut self, connection: &Connection) -> bool {
        // Nobody waits for it any more, and whoever asked has been told so: it is not done later behind their back.
        if self.reply.is_closed() {
            return false;
        }
        let outcome = self.work.take().map(|work| work(connection));
        let keep = matches!(outcome, Some(Ok(_)));
        self.outcome = outcome;
        keep
    }

    fn answer(self: Box<Self>, kept: Result<(), StoreError>) {
        let answer = match (kept, self.outcome) {
            // a conflict stays one: the caller must decide again in any case
            (_, Some(Err(fault))) => Err(fault),
            (Err(error), _) => Err(Fault::Store(error)),
            (Ok(()), Some(Ok(value))) => Ok(value),
            (Ok(()), None) => Err(stopped()),
        };
        // a caller who has gone away needs no answer
        let _ = self.reply.send(answer);
    }
}

fn write_until_closed(connection: &Connection, waiting: &Receiver<Box<dyn Job>>, counters: &Counters) {
    let mut since_checkpoint = 0;
    while let Ok(first) = waiting.recv() {
        let mut batch = Vec::new();
        let written = write_batch(connection, first, waiting, &mut batch);
        match &written {
            Ok(()) => {
                counters.commits.fetch_add(1, Ordering::Relaxed);
                counters.changes.fetch_add(batch.len() as u64, Ordering::Relaxed);
            }
            Err(error) => tracing::warn!(changes = batch.len(), %error, "the store kept nothing of a batch"),
        }
        for job in batch {
            job.answer(written.clone());
        }
        since_checkpoint += 1;
        if since_checkpoint >= COMMITS_PER_CHECKPOINT {
            since_checkpoint = 0;
            move_log_into_file(connection);
        }
    }
}

/// Takes what it can without waiting for readers. A failure loses nothing: the log stays, and is tried again.
fn move_log_into_file(connection: &Connection) {
    if let Err(error) = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
        tracing::warn!(%error, "the store's write-ahead log cannot be moved into the file");
    }
}

/// Fills `batch` with what it took, whatever the result: every job in it must be answered.
fn write_batch(
    connection: &Connection,
    first: Box<dyn Job>,
    waiting: &Receiver<Box<dyn Job>>,
    batch: &mut Vec<Box<dyn Job>>,
) -> Result<(), StoreError> {
    // whatever SQLite says, nothing of the batch was kept and each caller may try again
    let written =
        fill_and_commit(connection, first, waiting, batch).map_err(|error| match store_error(&error) {
            StoreError::Corrupt(reason) => StoreError::Unavailable(reason),
            unavailable => unavailable,
        });
    if written.is_err() && !connection.is_autocommit() {
        // some errors end the transaction by themselves; this is for those that do not
        if let Err(error) = connection.execute_batch("ROLLBACK") {
            tracing::error!(%error, "the store cannot roll back");
        }
    }
    written
}

fn fill_and_commit(
    connection: &Connection,
    first: Box<dyn Job>,
    waiting: &Receiver<Box<dyn Job>>,
    batch: &mut Vec<Box<dyn Job>>,
) -> rusqlite::Result<()> {
    let run = |sql: &str| connection.prepare_cached(sql)?.execute([]);
    let mut next = Some(first);
    let begun = run("BEGIN IMMEDIATE");
    while let Some(mut job) = next {
        let applied = match &begun {
            Ok(_) => apply_in_savepoint(connection, job.as_mut()),
            Err(_) => Ok(()),
        };
        batch.push(job);
        applied?;
        // Somebody else has the file, and was waited for: whoever waits behind has waited as long.
        next = if begun.is_err() || batch.len() < MAX_BATCH { waiting.try_recv().ok() } else { None };
    }
    begun?;
    if sabotage::is_on(Sabotage::SkipFsync) {
        for job in batch.drain(..) {
            job.answer(Ok(()));
        }
    }
    at(Point::InCommit);
    run("COMMIT")?;
    Ok(())
}

/// An error means that the whole transaction is lost, not only this job.
fn apply_in_savepoint(connection: &Connection, job: &mut dyn Job) -> rusqlite::Result<()> {
    let run = |sql: &str| connection.prepare_cached(sql)?.execute([]);
    run("SAVEPOINT change")?;
    if !job.apply(connection) {
        run("ROLLBACK TO change")?;
    }
    run("RELEASE change")?;
    Ok(())
}
