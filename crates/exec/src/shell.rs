//! Shell commands: one bash per command, in a process group of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use runbook_core::ids::RunId;
use runbook_core::ports::{BoxFuture, ExecError, Executor, Exit, Finished, Job, Output, StateOutcome};
use runbook_core::runbook::CommandKind;
use rustix::io::Errno;
use rustix::process::{Signal, WaitId, WaitIdOptions, waitid};
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal as SignalStream, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::config::{ConfigError, ExecConfig};
use crate::environment;
use crate::folder::{self, Attempt};
use crate::group::{Family, Pid};
use crate::output;
use crate::redact::Redactor;
use crate::syntax;

/// How long the readers get after everybody we know of has ended: an unknown process may hold the pipe for ever.
const READ_WAIT: Duration = Duration::from_secs(2);
/// How long the shell may take to end after KILL before its outcome counts as lost.
const KILL_WAIT: Duration = Duration::from_secs(5);
/// Ends the error output of a command whose variables cannot be handed on.
const SECRET_IN_STATE: &str = "\n[blocks: an array, a function or a changed form of a secret would be kept on disk, so no variable is handed on]\n";
/// The child's end is looked at again this often, should its signal have been missed.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Runs commands with bash.
#[derive(Debug)]
pub struct ShellExecutor {
    config: ExecConfig,
    root: PathBuf,
    redactor: Redactor,
    running: Mutex<Vec<Running>>,
}

/// A command under way: `true` through `cancel` ends it; closed when it is over.
#[derive(Debug)]
struct Running {
    run: RunId,
    cancel: Arc<watch::Sender<bool>>,
}

impl ShellExecutor {
    /// Makes an executor, and the folder for its runs.
    ///
    /// # Errors
    ///
    /// A configuration that would leak or change how bash runs, or a folder that cannot be used.
    pub fn new(config: ExecConfig) -> Result<Self, ConfigError> {
        config.check()?;
        let root = folder::make_root(&config.state_dir)
            .map_err(|source| ConfigError::StateDir { path: config.state_dir.clone(), source })?;
        let redactor = Redactor::new(&config.secrets);
        Ok(Self { config, root, redactor, running: Mutex::default() })
    }

    async fn run_job(&self, job: Job) -> Result<Finished, ExecError> {
        if job.kind != CommandKind::Shell {
            return Err(not_started(format!("bash does not run a command of kind {}", job.kind.word())));
        }
        let (_entry, mut cancelled) = self.register(job.run);
        syntax::check(&self.config.bash, &job.text).await.map_err(ExecError::NotStarted)?;
        let variables = environment::build(&self.config, &job).map_err(not_started)?;
        let (root, names, for_folder) = (self.root.clone(), self.handed_on(), job.clone());
        let attempt = off_thread(move || folder::prepare(&root, &for_folder, &names))
            .await
            .map_err(not_started)?
            .map_err(ExecError::NotStarted)?;
        let child_ended = signal(SignalKind::child()).map_err(not_started)?;
        if *cancelled.borrow_and_update() {
            return Err(ExecError::NotStarted("it was cancelled before".to_owned()));
        }
        let started = Instant::now();
        let child = spawn(&self.config.bash, &attempt, &variables)
            .map_err(|error| not_started(format!("{} cannot be run: {error}", self.config.bash.display())))?;
        let shell = Shell::new(child, child_ended, &job)?;
        let redactor = self.redactor.for_job(&self.config.secrets, &job);
        self.supervise(&job, &redactor, &attempt, shell, started, &mut cancelled).await
    }

    /// From here on something runs: an error is always [`ExecError::Lost`].
    async fn supervise(
        &self,
        job: &Job,
        redactor: &Redactor,
        attempt: &Attempt,
        mut shell: Shell,
        started: Instant,
        cancelled: &mut watch::Receiver<bool>,
    ) -> Result<Finished, ExecError> {
        let (stop, stopped) = watch::channel(false);
        let limit = self.config.output_limit_bytes;
        let (stdout, stderr) = (shell.child.stdout.take(), shell.child.stderr.take());
        let stdout = tokio::spawn(output::collect(stdout, redactor.clone(), limit, stopped.clone()));
        let stderr = tokio::spawn(output::collect(stderr, redactor.clone(), limit, stopped));

        let ended_by_us = tokio::select! {
            biased;
            ended = shell.ended() => ended.map(|()| None)?,
            _ = cancelled.wait_for(|cancelled| *cancelled) => Some(Exit::Cancelled),
            () = tokio::time::sleep(Duration::from_millis(job.timeout_ms)) => Some(Exit::TimedOut),
        };
        if ended_by_us.is_some() {
            shell.make_end(self.config.grace).await?;
        }
        let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let survivors = shell.family.end(self.config.grace).await;

        let mut read = pin!(async { tokio::join!(stdout, stderr) });
        let (stdout, stderr) = match timeout(READ_WAIT, &mut read).await {
            Ok(both) => both,
            Err(_) => {
                tracing::warn!(run = %job.run, step = %job.step, "an unknown process still holds the command's output");
                stop.send_replace(true);
                read.await
            }
        };
        let unread = |error: &dyn std::fmt::Display| lost(format!("its output could not be read: {error}"));
        let whole = |output: Result<std::io::Result<Output>, tokio::task::JoinError>| {
            output.map_err(|error| unread(&error))?.map_err(|error| unread(&error))
        };
        let (stdout, mut stderr) = (whole(stdout)?, whole(stderr)?);

        let status = shell.reap().await?;
        let exit = ended_by_us.unwrap_or_else(|| exit_of(status));
        let for_state = attempt.clone();
        let for_secrets = (!job.secrets.is_empty()).then(|| redactor.clone());
        let (refused, (state, held_secret)) = off_thread(move || match exit {
            Exit::Code { .. } => (for_state.was_refused(), for_state.take_state(for_secrets.as_ref())),
            _ => (false, (for_state.drop_state(), false)),
        })
        .await
        .unwrap_or((false, (StateOutcome::Missing, false)));
        if held_secret {
            stderr.text.push_str(SECRET_IN_STATE);
        }
        if refused {
            return Err(not_started(format!(
                "the shell state to start from does not load: {}",
                stderr.text.trim()
            )));
        }
        Ok(Finished { exit, stdout, stderr, elapsed_ms, state, survivors })
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
        // What an earlier process of Blocks started and left.
        let left = Family::of_run(run).end(self.config.grace).await;
        if !left.is_empty() {
            tracing::warn!(%run, ?left, "ended processes that an earlier command of the run left");
        }
    }

    fn register(&self, run: RunId) -> (Entry<'_>, watch::Receiver<bool>) {
        let (cancel, cancelled) = watch::channel(false);
        let cancel = Arc::new(cancel);
        let entry = Running { run, cancel: Arc::clone(&cancel) };
        self.running.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
        (Entry { executor: self, cancel }, cancelled)
    }

    fn handed_on(&self) -> std::collections::BTreeSet<String> {
        let given = |name: &&String| self.config.env.contains_key(*name);
        self.config.env_names.iter().filter(given).cloned().collect()
    }
}

impl Executor for ShellExecutor {
    fn run(&self, job: Job) -> BoxFuture<'_, Result<Finished, ExecError>> {
        Box::pin(self.run_job(job))
    }

    fn cancel(&self, run: RunId) -> BoxFuture<'_, ()> {
        Box::pin(self.end_run(run))
    }
}

/// Takes a command off the list when it is over or given up.
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

/// A started bash. Given up before it was reaped, it and its family are killed.
struct Shell {
    child: Child,
    child_ended: SignalStream,
    pid: Pid,
    family: Family,
    reaped: bool,
}

impl Shell {
    fn new(child: Child, child_ended: SignalStream, job: &Job) -> Result<Self, ExecError> {
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| lost("its process number is not known"))?;
        let family = Family::of_attempt(pid, job.run, job.attempt);
        Ok(Self { child, child_ended, pid, family, reaped: false })
    }

    /// Waits until the shell has ended, without reaping it: so long, its group's number is nobody else's.
    async fn ended(&mut self) -> Result<(), ExecError> {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        loop {
            match waitid(WaitId::Pid(self.pid), look) {
                Ok(Some(_)) => return Ok(()),
                Ok(None) => {}
                Err(Errno::INTR) => continue,
                Err(error) => return Err(lost(format!("waiting for it failed: {error}"))),
            }
            // Either way the next look tells.
            let _woken = timeout(LOOK_AGAIN, self.child_ended.recv()).await;
        }
    }

    /// TERM, grace, KILL.
    async fn make_end(&mut self, grace: Duration) -> Result<(), ExecError> {
        self.family.tell(Signal::TERM).await;
        if let Ok(ended) = timeout(grace, self.ended()).await {
            return ended;
        }
        self.family.tell(Signal::KILL).await;
        timeout(KILL_WAIT, self.ended())
            .await
            .unwrap_or_else(|_| Err(lost("it could not be ended, even by KILL")))
    }

    async fn reap(mut self) -> Result<ExitStatus, ExecError> {
        let status =
            self.child.wait().await.map_err(|error| lost(format!("waiting for it failed: {error}")))?;
        self.reaped = true;
        Ok(status)
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        if !self.reaped {
            self.family.signal(Signal::KILL);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this crate is the home of process spawning")]
fn spawn(bash: &Path, attempt: &Attempt, variables: &BTreeMap<String, String>) -> std::io::Result<Child> {
    Command::new(bash)
        .args(["--noprofile", "--norc"])
        .arg(&attempt.wrapper)
        .env_clear()
        .envs(variables)
        // bash would set it anyway; given, a path through a symbolic link stays as the command left it.
        .env("PWD", &attempt.directory)
        .current_dir(&attempt.directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
}

fn exit_of(status: ExitStatus) -> Exit {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code { code },
        (None, signal) => Exit::Signal { signal: signal.unwrap_or_default() },
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
