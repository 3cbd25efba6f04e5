//! The processes of the machine: each lives to its end, whatever becomes of the engine that started it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use runbook_core::ids::RunId;
use runbook_core::ports::{BoxFuture, ExecError, Executor, Exit, Finished, Job};
use tokio::sync::watch;

use super::Outside;
use crate::life::Life;
use crate::locked;
use crate::random::Random;
use crate::runbooks::{Act, Books, finished};

/// How a process ended.
#[derive(Debug, Clone)]
enum End {
    /// With this, and whether a machine saw all that was expected.
    Known(Box<Finished>, bool),
    /// Nobody knows.
    Unknown,
}

/// One process.
#[derive(Clone)]
struct Process {
    /// `true` asks it to end.
    stop: watch::Sender<bool>,
    end: watch::Receiver<Option<End>>,
}

/// What runs, and how often each command was started.
#[derive(Default)]
pub(crate) struct Processes {
    alive: BTreeMap<(RunId, u32), Process>,
    starts: BTreeMap<String, u64>,
    /// So many milliseconds from being asked to end until it ends.
    pub(crate) grace_ms: u64,
}

impl Processes {
    pub(crate) fn alive(&self) -> usize {
        self.alive.len()
    }

    /// The machine stops: nothing of it goes on.
    pub(crate) fn end_all(&mut self) {
        self.alive.clear();
    }
}

/// The way to start processes; one per life.
pub(crate) struct Machine {
    pub(crate) seed: u64,
    pub(crate) books: Arc<Books>,
    pub(crate) outside: Arc<Mutex<Outside>>,
    pub(crate) life: Life,
}

impl Machine {
    async fn perform(&self, job: Job) -> Result<Finished, ExecError> {
        self.life.point().await;
        let (run, attempt) = (job.run, job.attempt);
        let key = Books::key_of(&job.text).to_owned();
        let (end, late_ms) = {
            let mut outside = locked(&self.outside);
            let number = outside.processes.starts.entry(key.clone()).or_default();
            *number += 1;
            let act = self.books.act(&key, *number);
            if matches!(act, Act::NotStarted) {
                outside.tell(|| format!("not started {run} attempt {attempt} {key}"));
                outside.judge.not_started(run, attempt);
                return Err(ExecError::NotStarted("no bash here".to_owned()));
            }
            outside.count("process");
            outside.tell(|| format!("process {run} attempt {attempt} {key} begins"));
            outside.judge.started(&job);
            let late_ms = if let Act::Ends { late_ms, .. } = &act { *late_ms } else { 0 };
            (begin(&mut outside, &self.outside, (run, attempt), act), late_ms)
        };
        self.life.point().await;
        let mut end = end;
        // A machine that stopped takes the process with it: then nobody answers, and nobody is left to ask.
        let known = end.wait_for(Option::is_some).await.ok().and_then(|end| end.clone());
        if late_ms > 0 {
            tokio::time::sleep(Duration::from_millis(late_ms)).await;
        }
        self.life.point().await;
        match known {
            Some(End::Known(finished, passes)) => {
                locked(&self.outside).judge.answered(run, attempt, &finished, passes);
                Ok(*finished)
            }
            Some(End::Unknown) | None => Err(ExecError::Lost("its supervisor is gone".to_owned())),
        }
    }
}

/// Starts a process that lives on its own.
fn begin(
    outside: &mut Outside,
    shared: &Arc<Mutex<Outside>>,
    id: (RunId, u32),
    act: Act,
) -> watch::Receiver<Option<End>> {
    let (stop, mut stopped) = watch::channel(false);
    let (ended, end) = watch::channel(None);
    outside.processes.alive.insert(id, Process { stop, end: end.clone() });
    let shared = Arc::clone(shared);
    let begun = outside.elapsed_ms();
    tokio::spawn(async move {
        let (after_ms, came_to) = match act {
            Act::Ends { after_ms, passes, finished, .. } => (after_ms, End::Known(finished, passes)),
            Act::Lost { after_ms } => (after_ms, End::Unknown),
            Act::NotStarted => return,
        };
        let asked = async { stopped.wait_for(|stop| *stop).await.map(|_| ()) };
        let came_to = tokio::select! {
            biased;
            // An error is the machine's end.
            asked = asked => match asked {
                Err(_) => return,
                Ok(()) => {
                    let grace_ms = locked(&shared).processes.grace_ms;
                    tokio::time::sleep(Duration::from_millis(grace_ms)).await;
                    let elapsed = locked(&shared).elapsed_ms() - begun;
                    End::Known(Box::new(finished(Exit::Cancelled, "", elapsed)), false)
                }
            },
            () = tokio::time::sleep(Duration::from_millis(after_ms)) => came_to,
        };
        let mut outside = locked(&shared);
        if outside.processes.alive.remove(&id).is_none() {
            return; // the machine had stopped meanwhile
        }
        outside.judge.ended(id.0, id.1);
        outside.tell(|| format!("process {} attempt {} ends: {came_to:?}", id.0, id.1));
        ended.send_replace(Some(came_to));
    });
    end
}

impl Executor for Machine {
    fn run(&self, job: Job) -> BoxFuture<'_, Result<Finished, ExecError>> {
        Box::pin(self.perform(job))
    }

    fn cancel(&self, run: RunId) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.life.point().await;
            let processes: Vec<Process> = {
                let mut outside = locked(&self.outside);
                outside.tell(|| format!("cancel {run}"));
                let number = outside.elapsed_ms();
                outside.processes.grace_ms = Random::of(self.seed, "grace", number).pick(&[0, 5, 1_200]);
                let of_run = outside.processes.alive.iter().filter(|((of, _), _)| *of == run);
                of_run.map(|(_, process)| process.clone()).collect()
            };
            for mut process in processes {
                process.stop.send_replace(true);
                let _ = process.end.wait_for(Option::is_some).await;
            }
            self.life.point().await;
        })
    }
}
