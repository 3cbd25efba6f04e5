//! Commands whose ends are written in a script.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use runbook_core::ids::RunId;
use runbook_core::ports::{
    Begun, BoxFuture, ExecError, Executor, Exit, Finished, Job, Output, Resumed, StateOutcome,
};
use tokio::sync::watch;
use tokio::time::Instant;

use super::{Life, Sabotage, World, locked};

/// What a command comes to.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// It ends after so many virtual milliseconds, with this exit status and output.
    Ends(u64, i32, &'static str),
    /// It cannot be started.
    NotStarted,
    /// It was started, and nobody knows more.
    Lost,
    /// It goes on until it is cancelled.
    Hangs,
}

/// A command that was really started.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    pub(crate) run: RunId,
    pub(crate) attempt: u32,
    pub(crate) text: String,
    act: Act,
    begun: Instant,
}

/// Runs nothing; one per life.
pub(crate) struct ScriptedExecutor {
    world: Arc<World>,
    life: Life,
    /// Every order to end a run's processes, in order; it is for what lives then, not for what comes later.
    cancels: watch::Sender<Vec<RunId>>,
}

impl ScriptedExecutor {
    pub(crate) fn new(world: Arc<World>, life: Life) -> ScriptedExecutor {
        ScriptedExecutor { world, life, cancels: watch::Sender::new(Vec::new()) }
    }

    fn next_act(&self, text: &str) -> Act {
        let mut script = locked(&self.world.script);
        let acts = script.iter_mut().find(|(word, _)| text.contains(word.as_str()));
        let Some((_, acts)) = acts else { panic!("the script says nothing about {text:?}") };
        if acts.len() > 1 { acts.remove(0) } else { acts[0].clone() }
    }

    async fn perform(&self, job: Job) -> Result<Finished, ExecError> {
        self.life.point().await;
        let act = self.next_act(&job.text);
        if matches!(act, Act::NotStarted) {
            return Err(ExecError::NotStarted("no bash here".to_owned()));
        }
        let (run, attempt) = (job.run, job.attempt);
        let start = Start { run, attempt, text: job.text, act, begun: Instant::now() };
        if self.world.is_sabotaged(Sabotage::DoubleEffect) {
            locked(&self.world.starts).push(start.clone());
        }
        locked(&self.world.starts).push(start.clone());
        self.life.point().await;
        let end = self.end_of(&start).await;
        self.life.point().await;
        end
    }

    /// Waits for the end of what was started, in this life or an earlier one.
    async fn end_of(&self, start: &Start) -> Result<Finished, ExecError> {
        let earlier = self.cancels.borrow().len();
        let mut cancels = self.cancels.subscribe();
        let cancelled = cancels.wait_for(|orders| orders[earlier..].contains(&start.run));
        let (exit, stdout) = match start.act {
            Act::Ends(after_ms, code, stdout) => tokio::select! {
                () = tokio::time::sleep_until(start.begun + Duration::from_millis(after_ms)) => (Exit::Code { code }, stdout),
                _ = cancelled => (Exit::Cancelled, ""),
            },
            Act::Hangs => {
                let _ = cancelled.await;
                (Exit::Cancelled, "")
            }
            Act::Lost | Act::NotStarted => return Err(ExecError::Lost("its supervisor is gone".to_owned())),
        };
        Ok(Finished {
            exit,
            stdout: Output { text: stdout.to_owned(), dropped_bytes: 0 },
            stderr: Output::default(),
            elapsed_ms: u64::try_from(start.begun.elapsed().as_millis()).unwrap(),
            state: StateOutcome::Written,
            survivors: Vec::new(),
        })
    }

    async fn take_up(&self, begun: Begun) -> Resumed<'_> {
        self.life.point().await;
        let started = locked(&self.world.starts).iter().find(|start| is_of(start, &begun)).cloned();
        let survives = self.world.supervisors_survive.load(Ordering::SeqCst);
        match started {
            None => Resumed::Ended(Err(ExecError::NotStarted("nobody has begun it".to_owned()))),
            Some(start) if survives && !matches!(start.act, Act::Lost) => {
                Resumed::UnderWay(Box::pin(async move {
                    let end = self.end_of(&start).await;
                    self.life.point().await;
                    end
                }))
            }
            Some(_) => Resumed::Ended(Err(ExecError::Lost("its supervisor is gone".to_owned()))),
        }
    }
}

fn is_of(start: &Start, begun: &Begun) -> bool {
    (start.run, start.attempt) == (begun.run, begun.attempt)
}

impl Executor for ScriptedExecutor {
    fn run(&self, job: Job) -> BoxFuture<'_, Result<Finished, ExecError>> {
        Box::pin(self.perform(job))
    }

    fn cancel(&self, run: RunId) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.life.point().await;
            self.cancels.send_modify(|orders| orders.push(run));
        })
    }

    fn resume(&self, begun: Begun) -> BoxFuture<'_, Resumed<'_>> {
        Box::pin(self.take_up(begun))
    }

    fn end_leftovers(&self, _: BTreeSet<RunId>) -> BoxFuture<'_, ()> {
        Box::pin(self.life.point())
    }
}
