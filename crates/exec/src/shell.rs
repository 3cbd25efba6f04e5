//! Shell commands, from the engine's side: orders to the run's supervisor, and what became of them.
//!
//! What is known of an attempt is on disk (`record.rs`). A connection that breaks is no answer: then the records are
//! asked, and the supervisor if it still lives.

use std::collections::BTreeSet;
use std::future::pending;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use blocks_crash::{Point, at};
use runbook_core::ids::RunId;
use runbook_core::ports::{Begun, BoxFuture, ExecError, Executor, Finished, Job, Resumed, Written};
use runbook_core::runbook::CommandKind;
use tokio::net::UnixStream;
use tokio::sync::{Mutex as AsyncMutex, watch};
use tokio::time::{sleep, timeout};

use crate::config::{ConfigError, ExecConfig};
use crate::folder;
use crate::leftovers::{Leftovers, runs_alive};
use crate::process::Identity;
use crate::record::{Ended, Mark, Records, begun_before};
use crate::start::{Program, connect};
use crate::syntax::Checks;
use crate::wire::{self, Ask, Order, Tell};

/// A supervisor that has said nothing for so long after the command's time and both graces is stuck.
const STUCK: Duration = Duration::from_secs(60);
/// How often an order is given to a supervisor that ends before it takes it.
const ORDERS: u32 = 3;
/// How often, and with which pause, a supervisor is asked that lives and cannot be reached.
const QUESTIONS: u32 = 100;
const ASK_AGAIN: Duration = Duration::from_millis(50);
/// Supervisors of different runs start beside each other, those of one run do not.
const STARTS: usize = 32;

/// Runs commands with bash, each run's below a supervisor of its own.
#[derive(Debug)]
pub struct ShellExecutor {
    config: ExecConfig,
    program: Program,
    checks: Checks,
    running: Mutex<Vec<Running>>,
    /// The runs of which something was alive when this engine started, once that was looked for.
    left: Mutex<Option<BTreeSet<RunId>>>,
    starting: [AsyncMutex<()>; STARTS],
}

/// A command that somebody waits for: `true` through `cancel` ends it; closed when it is over.
#[derive(Debug)]
struct Running {
    run: RunId,
    cancel: Arc<watch::Sender<bool>>,
}

/// What a supervisor said of an attempt.
enum Heard {
    Ended(Ended),
    UnderWay,
    Unknown,
    /// The connection broke, or nothing came.
    Nothing,
}

/// What to do about an attempt that was not begun.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unbegun {
    /// See to it that it never is.
    Forbid,
    /// Say so: it is ordered again.
    Leave,
}

impl ShellExecutor {
    /// Makes an executor, and the folder for its runs.
    ///
    /// # Errors
    ///
    /// A configuration that would leak or change how bash runs, a folder or a program that cannot be used.
    pub fn new(mut config: ExecConfig) -> Result<Self, ConfigError> {
        config.check()?;
        config.state_dir = folder::make_root(&config.state_dir)
            .map_err(|source| ConfigError::StateDir { path: config.state_dir.clone(), source })?;
        let program = Program::open(&config)?;
        Ok(Self {
            checks: Checks::new(config.bash.clone()),
            config,
            program,
            running: Mutex::default(),
            left: Mutex::default(),
            starting: std::array::from_fn(|_| AsyncMutex::default()),
        })
    }

    #[cfg(test)]
    pub(crate) fn config(&self) -> &ExecConfig {
        &self.config
    }

    async fn run_job(&self, job: Job) -> Result<Finished, ExecError> {
        if job.kind != CommandKind::Shell {
            return Err(not_started(format!("bash does not run a command of kind {}", job.kind.word())));
        }
        let (_entry, mut cancelled) = self.register(job.run);
        let check = self.checks.of(&job.text);
        let (run, begun) = (job.run, job.begun());
        if !folder::is_made(&self.folder(run)) {
            let root = self.config.state_dir.clone();
            let made = off_thread(move || folder::make(&root, run)).await.map_err(not_started)?;
            made.map_err(ExecError::NotStarted)?;
        }
        let records = Records::new(self.folder(run));
        if matches!(records.mark(job.attempt), Ok(Mark::Begun | Mark::Void)) {
            return Err(lost(begun_before(job.attempt)));
        }
        let order = Ask::Run(Box::new(Order::new(&self.config, &job)));
        let mut why = String::new();
        for _ in 0..ORDERS {
            if *cancelled.borrow_and_update() {
                why = "it was cancelled before".to_owned();
                break;
            }
            let mut stream = match self.reach(&records, run).await {
                Ok(stream) => stream,
                Err(reason) => {
                    why = check.clone().await.err().unwrap_or(reason);
                    break;
                }
            };
            match wire::write(&mut stream, &order).await {
                Ok(()) => {
                    at(Point::Told);
                    let check = check.clone();
                    let heard = self.follow(stream, &records, &begun, check, &mut cancelled).await;
                    if let Heard::Ended(ended) = heard {
                        return ended.into();
                    }
                }
                Err(error) => why = format!("its supervisor could not be told: {error}"),
            }
            if let Some(known) = self.find_out(&records, &begun, true, Unbegun::Leave).await {
                return known;
            }
        }
        match self.find_out(&records, &begun, true, Unbegun::Forbid).await {
            Some(Err(ExecError::NotStarted(_))) if !why.is_empty() => Err(ExecError::NotStarted(why)),
            Some(known) => known,
            None => Err(not_started(why)),
        }
    }

    /// A connection to the run's supervisor, which is started when it does not live.
    async fn reach(&self, records: &Records, run: RunId) -> Result<UnixStream, String> {
        let number =
            run.to_string().bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        let starting = self.starting.get(number % STARTS).ok_or("no such place")?;
        let _one_at_a_time = starting.lock().await;
        match connect(records.folder()).await {
            Some(stream) => Ok(stream),
            None => self.program.start(records.folder(), run).await,
        }
    }

    /// Waits for what a supervisor says of an attempt, and tells it what comes of the check of its text, and when
    /// somebody cancels. One that says nothing for too long is killed.
    async fn follow(
        &self,
        stream: UnixStream,
        records: &Records,
        begun: &Begun,
        check: impl Future<Output = Result<(), String>>,
        cancelled: &mut watch::Receiver<bool>,
    ) -> Heard {
        let (mut tells, mut asks) = stream.into_split();
        let hear = async {
            loop {
                match wire::read(&mut tells).await {
                    Ok(Some(Tell::Ended(ended))) => return Heard::Ended(ended),
                    Ok(Some(Tell::Unknown)) => return Heard::Unknown,
                    Ok(Some(Tell::Ready | Tell::UnderWay | Tell::Quiet)) => {}
                    Ok(None) | Err(_) => return Heard::Nothing,
                }
            }
        };
        let patience = self.config.grace * 2 + STUCK;
        // That a connection is broken is noticed by the reader.
        let speak = async {
            let says = tokio::select! {
                says = check => Some(says),
                () = told(cancelled) => None,
            };
            if let Some(says) = says {
                let _told = wire::write(&mut asks, &Ask::Checked { attempt: begun.attempt, says }).await;
                told(cancelled).await;
            }
            let _told = wire::write(&mut asks, &Ask::Cancel).await;
            sleep(patience).await;
        };
        tokio::select! {
            biased;
            heard = hear => return heard,
            () = speak => {}
            () = sleep(Duration::from_millis(begun.timeout_ms) + patience) => {}
        }
        tracing::error!(run = %begun.run, "a supervisor is stuck and is killed");
        if let Some(supervisor) = records.supervisor() {
            supervisor.kill().await;
        }
        Heard::Nothing
    }

    /// What became of an attempt, by the records and by its supervisor. `watched` says that this process has had a
    /// connection to the supervisor until now. `None` only for an attempt that was not begun and is left so.
    async fn find_out(
        &self,
        records: &Records,
        begun: &Begun,
        watched: bool,
        unbegun: Unbegun,
    ) -> Option<Result<Finished, ExecError>> {
        let unreadable =
            |error: std::io::Error| Some(Err(lost(format!("its records cannot be used: {error}"))));
        let (_never, mut cancelled) = watch::channel(false);
        for _ in 0..QUESTIONS {
            let answered = match connect(records.folder()).await {
                Some(stream) => match self.ask(stream, begun).await {
                    (Heard::Ended(ended), _) => return Some(ended.into()),
                    (Heard::UnderWay, Some(stream)) => {
                        match self.follow(stream, records, begun, pending(), &mut cancelled).await {
                            Heard::Ended(ended) => return Some(ended.into()),
                            _ => false,
                        }
                    }
                    (Heard::Unknown, _) => true,
                    _ => false,
                },
                None => false,
            };
            let supervisor = records.supervisor();
            let is_alive = !answered && supervisor.as_ref().is_some_and(|one| one.alive().is_some());
            // Now that the supervisor knows nothing more, or is gone, nothing is added to the records by it.
            match (records.outcome(begun.attempt), records.mark(begun.attempt)) {
                (Ok(Some(outcome)), _) if outcome.key == begun.key() => return Some(outcome.ended.into()),
                (Ok(Some(outcome)), _) => {
                    return Some(Err(lost(format!(
                        "its outcome is that of another command, {}",
                        outcome.key
                    ))));
                }
                (Err(error), _) | (_, Err(error)) => return unreadable(error),
                (Ok(None), Ok(Mark::Void)) => return Some(Err(not_started("it was never begun"))),
                _ if is_alive => {}
                (Ok(None), Ok(Mark::None)) if unbegun == Unbegun::Leave => return None,
                (Ok(None), Ok(Mark::None)) => match records.forbid(begun.attempt) {
                    Ok(true) => return Some(Err(not_started("it was not begun when Blocks ended"))),
                    Ok(false) => continue,
                    Err(error) => return unreadable(error),
                },
                (Ok(None), Ok(Mark::Begun)) => {
                    let ended = if watched { supervisor.as_ref() } else { None };
                    let may_be_left = supervisor.as_ref().is_none_or(Identity::is_of_this_boot)
                        && (watched || self.may_be_left(begun.run));
                    let left = match may_be_left {
                        true => {
                            let mut left = Leftovers::of_run(begun.run).and_session_of(ended);
                            if !answered {
                                left = left.and_forks_of_supervisor(begun.run);
                            }
                            left.end(self.config.grace).await
                        }
                        false => Vec::new(),
                    };
                    // its shell is gone, and so is whoever would have searched what that wrote last
                    folder::remove_unsearched(records, begun.attempt);
                    return Some(Err(lost(what_was_ended(&left))));
                }
            }
            sleep(ASK_AGAIN).await;
        }
        if let Some(supervisor) = records.supervisor() {
            supervisor.kill().await;
        }
        Some(Err(lost("its supervisor lives and could not be reached, and was killed")))
    }

    /// Asks a supervisor how an attempt ends; the connection is given back while that is to come.
    async fn ask(&self, mut stream: UnixStream, begun: &Begun) -> (Heard, Option<UnixStream>) {
        if wire::write(&mut stream, &Ask::Resume { attempt: begun.attempt }).await.is_err() {
            return (Heard::Nothing, None);
        }
        match timeout(STUCK, wire::read(&mut stream)).await {
            Ok(Ok(Some(Tell::Ended(ended)))) => (Heard::Ended(ended), None),
            Ok(Ok(Some(Tell::UnderWay))) => (Heard::UnderWay, Some(stream)),
            Ok(Ok(Some(Tell::Unknown))) => (Heard::Unknown, None),
            _ => (Heard::Nothing, None),
        }
    }

    async fn take_up(&self, begun: Begun) -> Resumed<'_> {
        if begun.kind != CommandKind::Shell {
            return Resumed::Ended(Err(lost("Blocks itself carried it out, and ended")));
        }
        // Blocks may have ended before it had made it. What is never to begin is written down there.
        let (root, run) = (self.config.state_dir.clone(), begun.run);
        if let Ok(Err(reason)) | Err(reason) = off_thread(move || folder::make(&root, run)).await {
            return Resumed::Ended(Err(lost(reason)));
        }
        let records = Records::new(self.folder(begun.run));
        if let Some(stream) = connect(records.folder()).await
            && let (Heard::UnderWay, Some(stream)) = self.ask(stream, &begun).await
        {
            let (entry, mut cancelled) = self.register(begun.run);
            return Resumed::UnderWay(Box::pin(async move {
                let _entry = entry;
                match self.follow(stream, &records, &begun, pending(), &mut cancelled).await {
                    Heard::Ended(ended) => ended.into(),
                    _ => self.know(&records, &begun, true).await,
                }
            }));
        }
        Resumed::Ended(self.know(&records, &begun, false).await)
    }

    async fn know(&self, records: &Records, begun: &Begun, watched: bool) -> Result<Finished, ExecError> {
        let known = self.find_out(records, begun, watched, Unbegun::Forbid).await;
        known.unwrap_or_else(|| Err(lost("nothing is known of it")))
    }

    async fn end_run(&self, run: RunId) {
        let under_way: Vec<_> = {
            let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            running.iter().filter(|entry| entry.run == run).map(|entry| Arc::clone(&entry.cancel)).collect()
        };
        for cancel in &under_way {
            cancel.send_replace(true);
        }
        for cancel in &under_way {
            cancel.closed().await;
        }
        self.tell_supervisor(run, &Ask::Cancel).await;
        // What an earlier supervisor started and left.
        let left = Leftovers::of_run(run).end(self.config.grace).await;
        if !left.is_empty() {
            tracing::warn!(%run, ?left, "ended processes that an earlier command of the run left");
        }
    }

    /// Has everything of a run ended by its supervisor, if that lives.
    async fn tell_supervisor(&self, run: RunId, ask: &Ask) {
        let records = Records::new(self.folder(run));
        let Some(mut stream) = connect(records.folder()).await else { return };
        let quiet = async {
            wire::write(&mut stream, ask).await.ok()?;
            wire::read::<Tell>(&mut stream).await.ok()
        };
        if timeout(self.config.grace * 2 + STUCK, quiet).await.is_err()
            && let Some(supervisor) = records.supervisor()
        {
            tracing::error!(%run, "a supervisor is stuck and is killed");
            supervisor.kill().await;
        }
    }

    /// Whether anything of a run can be alive that an earlier process started. Looking is slow, so it is done once.
    fn may_be_left(&self, run: RunId) -> bool {
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        left.as_ref().is_none_or(|left| left.contains(&run))
    }

    async fn end_all_but(&self, but: BTreeSet<RunId>) {
        let Ok(alive) = off_thread(runs_alive).await else { return };
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) = Some(alive.clone());
        for run in alive.difference(&but).copied() {
            // Another engine of this machine has its own.
            if !self.folder(run).is_dir() {
                continue;
            }
            tracing::info!(%run, "an earlier process of blocks left something of this run, which is ended");
            self.tell_supervisor(run, &Ask::End).await;
            self.end_run(run).await;
        }
    }

    /// The spools of a command under way; its outcome takes their place.
    async fn look(&self, run: RunId, attempt: u32) -> Option<Written> {
        let records = Records::new(self.folder(run));
        off_thread(move || {
            let read = |kind: &str| {
                let bytes = std::fs::read(records.file(attempt, kind)).ok()?;
                Some(String::from_utf8_lossy(&bytes).replace('\0', "\u{FFFD}"))
            };
            // one that has said nothing yet has no file
            let (stdout, stderr) = (read("stdout"), read("stderr"));
            let any = stdout.is_some() || stderr.is_some();
            any.then(|| Written { stdout: stdout.unwrap_or_default(), stderr: stderr.unwrap_or_default() })
        })
        .await
        .ok()
        .flatten()
    }

    fn folder(&self, run: RunId) -> PathBuf {
        self.config.state_dir.join(run.to_string())
    }

    fn register(&self, run: RunId) -> (Entry<'_>, watch::Receiver<bool>) {
        let (cancel, cancelled) = watch::channel(false);
        let cancel = Arc::new(cancel);
        let entry = Running { run, cancel: Arc::clone(&cancel) };
        self.running.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
        (Entry { executor: self, cancel }, cancelled)
    }
}

impl Executor for ShellExecutor {
    fn run(&self, job: Job) -> BoxFuture<'_, Result<Finished, ExecError>> {
        Box::pin(self.run_job(job))
    }

    fn cancel(&self, run: RunId) -> BoxFuture<'_, ()> {
        Box::pin(self.end_run(run))
    }

    fn written(&self, run: RunId, attempt: u32) -> BoxFuture<'_, Option<Written>> {
        Box::pin(self.look(run, attempt))
    }

    fn resume(&self, begun: Begun) -> BoxFuture<'_, Resumed<'_>> {
        Box::pin(self.take_up(begun))
    }

    fn foresee(&self, text: &str) {
        self.checks.foresee(text);
    }

    fn end_leftovers(&self, but: BTreeSet<RunId>) -> BoxFuture<'_, ()> {
        Box::pin(self.end_all_but(but))
    }
}

/// Takes a command off the list when it is over or nobody waits for it any more.
struct Entry<'a> {
    executor: &'a ShellExecutor,
    cancel: Arc<watch::Sender<bool>>,
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        let mut running = self.executor.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|entry| !Arc::ptr_eq(&entry.cancel, &self.cancel));
    }
}

async fn told(cancelled: &mut watch::Receiver<bool>) {
    if cancelled.wait_for(|cancelled| *cancelled).await.is_err() {
        // Nobody is left who could.
        pending::<()>().await;
    }
}

fn what_was_ended(left: &[String]) -> String {
    let ended = "its supervisor ended while it was under way";
    match left {
        [] => format!("{ended}, and nothing was left of it"),
        left => format!("{ended}; what was left of it was ended: {}", left.join(", ")),
    }
}

async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.map_err(|error| format!("a file task failed: {error}"))
}

fn not_started(reason: impl std::fmt::Display) -> ExecError {
    ExecError::NotStarted(reason.to_string())
}

fn lost(reason: impl Into<String>) -> ExecError {
    ExecError::Lost(reason.into())
}
