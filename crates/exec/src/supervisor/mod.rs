//! The process between the engine and a run's commands. It outlives the engine: a command under way goes on to its
//! end, its time limit and its grace hold, and how it ended is on disk for whoever asks next.
//!
//! It is this program, executed anew in the run's folder, one for each run. It is asked over its standard input, which
//! is a socket, and over a socket in that folder (`wire.rs`); a connection may ask several things at once. With
//! nothing to do and nobody connected it ends by itself.

mod children;
mod job;
mod setup;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use blocks_crash::{Point, at};
use runbook_core::ports::StateOutcome;
use tokio::io::AsyncWrite;
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Mutex as AsyncMutex, oneshot, watch};
use tokio::time::{Instant, sleep};

use self::children::Children;
use self::job::{carry_out, off_thread};
use crate::folder;
use crate::process::Identity;
use crate::record::{Ended, HandsOn, Mark, Outcome, Records, begun_before};
use crate::wire::{self, Ask, Order, Tell};

/// The socket's name in the run's folder.
pub(crate) const SOCKET: &str = "socket";
/// How long it waits for the next command. Nobody needs it to know how one ended.
const IDLE: Duration = Duration::from_secs(3);
/// An outcome that the disk does not take is tried again this often, and that long.
const TRY_AGAIN: Duration = Duration::from_millis(500);
const TRY_FOR: Duration = Duration::from_secs(600);

/// Is the supervisor of the run in whose folder this process was started. Returns when it has nothing to do any more.
///
/// For the program that [`crate::ExecConfig::supervisor`] names. Call it before anything else: before files are
/// opened, threads are started or a runtime is made.
#[must_use]
pub fn supervise() -> ExitCode {
    let done = setup::become_supervisor().and_then(|()| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(serve())
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "a supervisor cannot work");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> io::Result<()> {
    // Caught, not ignored: an ignored signal would be ignored by the commands too. Whoever stops the service stops
    // the commands as well, and how they end is worth knowing.
    let _caught = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()].map(signal);
    let folder = std::env::current_dir()?;
    let records = Records::new(folder);
    let socket = records.folder().join(SOCKET);
    // Whoever had it is gone, or nobody would have started us.
    let _gone = std::fs::remove_file(&socket);
    // The name alone: a whole path may be too long for a socket.
    let listener = UnixListener::bind(SOCKET)?;
    std::fs::set_permissions(SOCKET, Permissions::from_mode(0o600))?;
    let own = Identity::own().ok_or_else(|| io::Error::other("/proc does not show this process"))?;
    records.introduce(&own)?;
    let supervisor = Arc::new(Supervisor {
        records,
        children: Children::new()?,
        under_way: Mutex::default(),
        seen: Mutex::default(),
        busy: watch::Sender::new(0),
        ending: watch::Sender::new(false),
    });
    let first = supervisor.busy();
    let mut stdin = UnixStream::from_std(setup::stdin()?)?;
    let first_one = Arc::clone(&supervisor);
    tokio::spawn(async move {
        if wire::write(&mut stdin, &Tell::Ready).await.is_ok() {
            first_one.converse(stdin, first).await;
        }
    });
    loop {
        tokio::select! {
            biased;
            () = supervisor.is_over() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if setup::is_ours(&stream) => {
                    let busy = supervisor.busy();
                    tokio::spawn(Arc::clone(&supervisor).converse(stream, busy));
                }
                Ok(_) => tracing::warn!("another user came to a supervisor's socket"),
                Err(error) => {
                    tracing::warn!(%error, "a supervisor cannot be reached");
                    sleep(TRY_AGAIN).await;
                }
            }
        }
    }
    supervisor.records.take_leave();
    let _gone = std::fs::remove_file(&socket);
    // Only when it is empty: a variable that is carried on may name a file in it.
    let _kept = std::fs::remove_dir(folder::temporary(supervisor.records.folder()));
    Ok(())
}

/// What the engine's check of a command's text comes to.
type Checked = oneshot::Receiver<Result<(), String>>;

struct Supervisor {
    records: Records,
    children: Arc<Children>,
    /// By attempt.
    under_way: Mutex<BTreeMap<u32, Arc<UnderWay>>>,
    /// The attempts whose end this process was there for.
    seen: Mutex<BTreeSet<u32>>,
    /// Connections and commands.
    busy: watch::Sender<usize>,
    /// Told to end.
    ending: watch::Sender<bool>,
}

/// A command from its order until its outcome is on disk.
struct UnderWay {
    cancel: watch::Sender<bool>,
    ended: watch::Sender<Option<Ended>>,
}

impl Supervisor {
    /// Answers everything that comes over a connection, each by itself.
    async fn converse(self: Arc<Self>, stream: UnixStream, _busy: Busy) {
        let (mut asks, tells) = stream.into_split();
        let tells = Arc::new(AsyncMutex::new(tells));
        // By attempt: who waits for the check of its text. With the connection they go, which is a no.
        let mut checks = BTreeMap::new();
        loop {
            match wire::read(&mut asks).await {
                Ok(Some(Ask::Checked { attempt, says })) => {
                    if let Some(waiting) = checks.remove(&attempt) {
                        // It may have been cancelled meanwhile.
                        let _heard = oneshot::Sender::send(waiting, says);
                    }
                }
                Ok(Some(ask)) => {
                    let (tell, checked) = oneshot::channel();
                    if let Ask::Run(order) = &ask {
                        checks.insert(order.attempt(), tell);
                    }
                    let (supervisor, tells) = (Arc::clone(&self), Arc::clone(&tells));
                    tokio::spawn(async move { supervisor.answer(ask, checked, &tells).await });
                }
                Ok(None) => return,
                Err(error) => {
                    tracing::warn!(%error, "a supervisor was asked something that it does not understand");
                    return;
                }
            }
        }
    }

    async fn answer(
        self: Arc<Self>,
        ask: Ask,
        checked: Checked,
        tells: &AsyncMutex<impl AsyncWrite + Unpin>,
    ) {
        let _busy = self.busy();
        let tell = match ask {
            Ask::Run(order) => Tell::Ended(self.run(*order, checked).await),
            Ask::Checked { .. } => return,
            Ask::Resume { attempt } => {
                let under_way = self.lock().get(&attempt).cloned();
                match under_way {
                    Some(command) => {
                        say(tells, &Tell::UnderWay).await;
                        Tell::Ended(end_of(&command).await)
                    }
                    None => Tell::Unknown,
                }
            }
            Ask::Cancel => {
                self.cancel().await;
                Tell::Quiet
            }
            Ask::End => {
                self.cancel().await;
                self.ending.send_replace(true);
                Tell::Quiet
            }
        };
        say(tells, &tell).await;
    }

    /// Carries a command out, to its end whether or not somebody still waits for it.
    async fn run(self: &Arc<Self>, order: Order, checked: Checked) -> Ended {
        let (config, job) = order.open();
        let attempt = job.attempt;
        if *self.ending.borrow() {
            return Ended::NotStarted("the supervisor was told to end".to_owned());
        }
        let command = {
            let mut under_way = self.lock();
            let is_new = !under_way.contains_key(&attempt);
            // An error is told when it is begun.
            if !is_new || matches!(self.records.mark(attempt), Ok(Mark::Begun | Mark::Void)) {
                return Ended::Lost(begun_before(attempt));
            }
            let (cancel, ended) = (watch::Sender::new(false), watch::Sender::new(None));
            let command = Arc::new(UnderWay { cancel, ended });
            under_way.insert(attempt, Arc::clone(&command));
            command
        };
        let (supervisor, running) = (Arc::clone(self), Arc::clone(&command));
        tokio::spawn(async move {
            let busy = supervisor.busy();
            let key = job.begun().key();
            let cancelled = running.cancel.subscribe();
            let seen = job.carry_from.is_none_or(|number| supervisor.seen().contains(&number));
            let (records, children) = ((&supervisor.records, seen), &supervisor.children);
            let (ended, begun) = carry_out(&config, &job, records, children, checked, cancelled).await;
            at(Point::ChildEnded);
            if begun {
                supervisor.seen().insert(attempt);
            }
            let unkept = begun.then(|| Outcome { key, ended: ended.clone(), hands_on: None });
            let kept = match &unkept {
                Some(outcome) => supervisor.keep(attempt, outcome).await,
                None => true,
            };
            at(Point::StatusKept);
            // Told even when the disk is full: whoever asked has a disk of their own.
            running.ended.send_replace(Some(ended));
            if kept {
                // from here on its outcome is asked
                supervisor.lock().remove(&attempt);
            }
            if let Some(outcome) = &unkept {
                supervisor.keep_for_good(attempt, outcome, kept).await;
            }
            supervisor.lock().remove(&attempt);
            drop(busy);
        });
        end_of(&command).await
    }

    async fn keep(&self, attempt: u32, outcome: &Outcome) -> bool {
        let (records, mut kept) = (self.records.clone(), outcome.clone());
        let keeping = move || {
            let hands_on =
                matches!(&kept.ended, Ended::Finished(finished) if finished.state == StateOutcome::Written);
            let mut with = Vec::new();
            if hands_on {
                let state = folder::state_files(&records, attempt);
                kept.hands_on = HandsOn::read(&state)?;
                if kept.hands_on.is_none() {
                    with.extend(state);
                }
            }
            records.keep(attempt, &kept, &with)?;
            // The outcome holds the same.
            for stream in ["stdout", "stderr"] {
                let _gone = std::fs::remove_file(records.file(attempt, stream));
            }
            io::Result::Ok(())
        };
        let kept = off_thread(keeping).await.unwrap_or_else(|reason| Err(io::Error::other(reason)));
        if let Err(error) = &kept {
            tracing::warn!(attempt, %error, "an outcome could not be kept");
        }
        kept.is_ok()
    }

    /// What was told is on disk when this returns, its name too; a disk that does not take it is tried again.
    async fn keep_for_good(&self, attempt: u32, outcome: &Outcome, mut kept: bool) {
        let until = Instant::now() + TRY_FOR;
        while Instant::now() < until {
            let records = self.records.clone();
            if kept && matches!(off_thread(move || records.sync_names()).await, Ok(Ok(()))) {
                return;
            }
            sleep(TRY_AGAIN).await;
            if !kept {
                kept = self.keep(attempt, outcome).await;
            }
        }
    }

    /// Ends every command, and waits until all are over.
    async fn cancel(&self) {
        let all: Vec<_> = self.lock().values().cloned().collect();
        for command in &all {
            command.cancel.send_replace(true);
        }
        for command in &all {
            end_of(command).await;
        }
    }

    /// Returns when it is told to end, or has been without anything to do for a while.
    async fn is_over(&self) {
        let (mut busy, mut ending) = (self.busy.subscribe(), self.ending.subscribe());
        loop {
            let is_idle = *busy.borrow_and_update() == 0;
            let is_ending = *ending.borrow_and_update();
            // Told to end, it still says what it has to say.
            let patience = if is_idle && is_ending { Duration::ZERO } else { IDLE };
            tokio::select! {
                _ = busy.changed() => {}
                _ = ending.changed() => {}
                () = sleep(patience), if is_idle || is_ending => return,
            }
        }
    }

    fn busy(self: &Arc<Self>) -> Busy {
        self.busy.send_modify(|count| *count += 1);
        Busy(Arc::clone(self))
    }

    fn seen(&self) -> MutexGuard<'_, BTreeSet<u32>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, Arc<UnderWay>>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Something is to be done as long as this is kept.
struct Busy(Arc<Supervisor>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.send_modify(|count| *count -= 1);
    }
}

async fn end_of(command: &UnderWay) -> Ended {
    let mut ended = command.ended.subscribe();
    let known = ended.wait_for(Option::is_some).await.ok().and_then(|ended| ended.clone());
    known.unwrap_or_else(|| Ended::Lost("its supervisor lost sight of it".to_owned()))
}

async fn say(tells: &AsyncMutex<impl AsyncWrite + Unpin>, tell: &Tell) {
    // Nobody may be left to hear it; what matters is on disk.
    let _heard = wire::write(&mut *tells.lock().await, tell).await;
}

/// Where a run's supervisor can be reached, however long the path is: through the open folder.
pub(crate) fn address(folder: &std::fs::File) -> PathBuf {
    use std::os::fd::AsRawFd as _;
    PathBuf::from(format!("/proc/self/fd/{}/{SOCKET}", folder.as_raw_fd()))
}
