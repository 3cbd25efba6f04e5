//! Gives each command to what carries out its kind, and ends it when its time is up or somebody cancels.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use runbook_core::ids::RunId;
use runbook_core::ports::{
    Begun, BoxFuture, ExecError, Executor, Exit, Finished, Job, Resumed, StateOutcome, Written,
};
use runbook_core::runbook::CommandKind;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::config::{ConfigError, ExecConfig, MIN_SECRET_BYTES};
use crate::connections::Connections;
use crate::environment::{VariableError, check_secrets, check_value};
use crate::redact::Redactor;
use crate::shell::ShellExecutor;
use crate::transcript::Transcript;
use crate::{http, promql, sql};

/// How a command that is no process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// With a status, as a process would have.
    Code(i32),
    /// The other side says that its time was up.
    TimedOut,
}

/// What carries out one kind of command.
pub(crate) trait Kind: Send + Sync {
    /// Which.
    fn kind(&self) -> CommandKind;

    /// Carries a command out. `stop` becomes true when it must end; what does not end by itself is dropped.
    fn run<'a>(
        &'a self,
        job: &'a Job,
        io: &'a mut Transcript,
        stop: watch::Receiver<bool>,
    ) -> BoxFuture<'a, Result<End, ExecError>>;

    /// How long it may take to end what runs elsewhere.
    fn wind_up(&self) -> Duration {
        Duration::ZERO
    }
}

/// Every kind but the shell. A new one is a file of its own and a line here.
fn kinds(connections: &Arc<Connections>) -> Vec<Box<dyn Kind>> {
    vec![
        Box::new(http::Http::new(Arc::clone(connections))),
        Box::new(promql::Promql::new(Arc::clone(connections))),
        Box::new(sql::Sql::new(Arc::clone(connections))),
    ]
}

/// Runs commands of every kind.
pub struct KindExecutor {
    shell: ShellExecutor,
    kinds: Vec<Box<dyn Kind>>,
    secrets: Vec<String>,
    redactor: Redactor,
    output_limit_bytes: usize,
    running: Mutex<Vec<Running>>,
}

/// A command under way: `true` through `cancel` ends it; closed when it is over.
struct Running {
    run: RunId,
    cancel: Arc<watch::Sender<bool>>,
}

impl KindExecutor {
    /// Makes an executor. The connections' secrets join those that are kept out of output.
    ///
    /// # Errors
    ///
    /// As [`ShellExecutor::new`].
    pub fn new(mut config: ExecConfig, connections: Connections) -> Result<Self, ConfigError> {
        let known = connections.secrets().filter(|secret| secret.len() >= MIN_SECRET_BYTES);
        config.secrets.extend(known.map(str::to_owned));
        config.secrets.sort();
        config.secrets.dedup();
        Ok(Self {
            kinds: kinds(&Arc::new(connections)),
            secrets: config.secrets.clone(),
            redactor: Redactor::new(&config.secrets),
            output_limit_bytes: config.output_limit_bytes,
            running: Mutex::default(),
            shell: ShellExecutor::new(config)?,
        })
    }

    async fn run_job(&self, job: Job) -> Result<Finished, ExecError> {
        if job.kind == CommandKind::Shell {
            return self.shell.run(job).await;
        }
        let Some(kind) = self.kinds.iter().find(|kind| kind.kind() == job.kind) else {
            let reason = format!("nothing here carries out a command of kind {}", job.kind.word());
            return Err(ExecError::NotStarted(reason));
        };
        let refused = |error: VariableError| ExecError::NotStarted(error.to_string());
        check_secrets(&job).map_err(refused)?;
        for (name, value) in &job.values() {
            check_value(&self.secrets, name, value).map_err(refused)?;
        }
        let redactor = self.redactor.for_job(&self.secrets, &job);
        self.supervise(kind.as_ref(), &job, &redactor).await.map_err(|error| match error {
            ExecError::NotStarted(reason) => ExecError::NotStarted(self.redacted(&redactor, &reason)),
            ExecError::Lost(reason) => ExecError::Lost(self.redacted(&redactor, &reason)),
        })
    }

    async fn supervise(
        &self,
        kind: &dyn Kind,
        job: &Job,
        redactor: &Redactor,
    ) -> Result<Finished, ExecError> {
        let (_entry, mut cancelled) = self.register(job.run);
        let started = Instant::now();
        let mut io = Transcript::new(redactor, self.output_limit_bytes);
        let (stop, stopped) = watch::channel(false);
        let exit = {
            let mut running = kind.run(job, &mut io, stopped);
            let why = tokio::select! {
                biased;
                ended = &mut running => Err(ended),
                _ = cancelled.wait_for(|cancelled| *cancelled) => Ok(Exit::Cancelled),
                () = tokio::time::sleep(Duration::from_millis(job.timeout_ms)) => Ok(Exit::TimedOut),
            };
            match why {
                Err(ended) => exit_of(ended?),
                Ok(why) => {
                    stop.send_replace(true);
                    // what is known to have ended well, or not to have begun, is not in doubt
                    match timeout(kind.wind_up(), running).await {
                        Ok(Ok(End::Code(0))) => Exit::Code { code: 0 },
                        Ok(Err(ExecError::NotStarted(reason))) => return Err(ExecError::NotStarted(reason)),
                        _ => why,
                    }
                }
            }
        };
        let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (stdout, stderr) = io.finish();
        Ok(Finished { exit, stdout, stderr, elapsed_ms, state: StateOutcome::Kept, survivors: Vec::new() })
    }

    fn redacted(&self, redactor: &Redactor, text: &str) -> String {
        let mut io = Transcript::new(redactor, self.output_limit_bytes);
        io.out(text);
        io.finish().0.text
    }

    fn register(&self, run: RunId) -> (Entry<'_>, watch::Receiver<bool>) {
        let (cancel, cancelled) = watch::channel(false);
        let cancel = Arc::new(cancel);
        let entry = Running { run, cancel: Arc::clone(&cancel) };
        self.running.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
        (Entry { executor: self, cancel }, cancelled)
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
        self.shell.cancel(run).await;
    }
}

fn exit_of(end: End) -> Exit {
    match end {
        End::Code(code) => Exit::Code { code },
        End::TimedOut => Exit::TimedOut,
    }
}

impl Executor for KindExecutor {
    fn run(&self, job: Job) -> BoxFuture<'_, Result<Finished, ExecError>> {
        Box::pin(self.run_job(job))
    }

    fn cancel(&self, run: RunId) -> BoxFuture<'_, ()> {
        Box::pin(self.end_run(run))
    }

    /// Only a shell command's output is on disk while it runs.
    fn written(&self, run: RunId, attempt: u32) -> BoxFuture<'_, Option<Written>> {
        self.shell.written(run, attempt)
    }

    /// Only a shell command can go on without this process.
    fn resume(&self, begun: Begun) -> BoxFuture<'_, Resumed<'_>> {
        self.shell.resume(begun)
    }

    fn foresee(&self, text: &str) {
        self.shell.foresee(text);
    }

    fn end_leftovers(&self, but: BTreeSet<RunId>) -> BoxFuture<'_, ()> {
        self.shell.end_leftovers(but)
    }
}

/// Takes a command off the list when it is over or given up.
struct Entry<'a> {
    executor: &'a KindExecutor,
    cancel: Arc<watch::Sender<bool>>,
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        let mut running = self.executor.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|entry| !Arc::ptr_eq(&entry.cancel, &self.cancel));
    }
}
