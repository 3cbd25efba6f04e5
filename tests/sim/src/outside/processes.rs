//! The processes of the machine: each lives to its end, whatever becomes of the engine that started it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use runbook_core::ids::RunId;
use runbook_core::ports::{Begun, BoxFuture, ExecError, Executor, Exit, Finished, Job, Resumed};
use tokio::sync::watch;

use super::Outside;
use crate::life::Life;
use crate::locked;
use crate::random::Random;
use crate::runbooks::{Act, Books, finished};
use crate::told::{Hears, told};

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
    end: Hears<End>,
}

/// What runs, and how often each command was started.
#[derive(Default)]
pub(crate) struct Processes {
    alive: BTreeMap<(RunId, u32), Process>,
    /// What supervisors wrote down: which attempts began, and how they ended. It outlives the machine.
    begun: BTreeSet<(RunId, u32)>,
    ends: BTreeMap<(RunId, u32), End>,
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
            outside.processes.begun.insert((run, attempt));
            let late_ms = if let Act::Ends { late_ms, .. } = &act { *late_ms } else { 0 };
            (begin(&mut outside, &self.outside, (run, attempt), act), late_ms)
        };
        self.life.point().await;
        // A machine that stopped takes the process with it: then nobody answers, and nobody is left to ask.
        let known = end.heard().await;
        if late_ms > 0 {
            tokio::time::sleep(Duration::from_millis(late_ms)).await;
        }
        self.life.point().await;
        self.answer((run, attempt), known)
    }

    /// What the engine is told of a process.
    fn answer(&self, (run, attempt): (RunId, u32), known: Option<End>) -> Result<Finished, ExecError> {
        match known {
            Some(End::Known(finished, passes)) => {
                locked(&self.outside).judge.answered(run, attempt, &finished, passes);
                Ok(*finished)
            }
            Some(End::Unknown) | None => Err(ExecError::Lost("its supervisor is gone".to_owned())),
        }
    }

    async fn take_up(&self, begun: Begun) -> Resumed<'_> {
        self.life.point().await;
        let id = (begun.run, begun.attempt);
        let (alive, end) = {
            let mut outside = locked(&self.outside);
            outside.tell(|| format!("take up {} attempt {}", id.0, id.1));
            if !outside.processes.begun.contains(&id) {
                outside.judge.not_started(id.0, id.1);
                return Resumed::Ended(Err(ExecError::NotStarted("nobody has begun it".to_owned())));
            }
            (outside.processes.alive.get(&id).cloned(), outside.processes.ends.get(&id).cloned())
        };
        let Some(process) = alive else { return Resumed::Ended(self.answer(id, end)) };
        // in some worlds what ended the engine took the supervisor along: then the process is ended, and nobody knows
        let number = u64::from(id.1);
        if Random::of(self.seed, "supervisor", number).pick(&[false, false, true]) {
            process.stop.send_replace(true);
            let _ = process.end.heard().await;
            return Resumed::Ended(self.answer(id, None));
        }
        Resumed::UnderWay(Box::pin(async move {
            let known = process.end.heard().await;
            self.life.point().await;
            self.answer(id, known)
        }))
    }

    /// Ends the processes of some runs, and waits for that.
    async fn end_those(&self, what: String, fits: impl Fn(RunId) -> bool) {
        let processes: Vec<Process> = {
            let mut outside = locked(&self.outside);
            outside.tell(|| what);
            let number = outside.elapsed_ms();
            outside.processes.grace_ms = Random::of(self.seed, "grace", number).pick(&[0, 5, 1_200]);
            let those = outside.processes.alive.iter().filter(|((of, _), _)| fits(*of));
            those.map(|(_, process)| process.clone()).collect()
        };
        for process in processes {
            process.stop.send_replace(true);
            let _ = process.end.heard().await;
        }
    }
}

/// Starts a process that lives on its own.
fn begin(outside: &mut Outside, shared: &Arc<Mutex<Outside>>, id: (RunId, u32), act: Act) -> Hears<End> {
    let (stop, mut stopped) = watch::channel(false);
    let (ended, end) = told();
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
        outside.processes.ends.insert(id, came_to.clone());
        ended.say(came_to);
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
            self.end_those(format!("cancel {run}"), |of| of == run).await;
            self.life.point().await;
        })
    }

    fn resume(&self, begun: Begun) -> BoxFuture<'_, Resumed<'_>> {
        Box::pin(self.take_up(begun))
    }

    fn end_leftovers(&self, but: BTreeSet<RunId>) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.life.point().await;
            self.end_those("end leftovers".to_owned(), |of| !but.contains(&of)).await;
            self.life.point().await;
        })
    }
}
