//! The way to run a command. Implemented by `crates/exec`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::BoxFuture;
use crate::ids::RunId;
use crate::runbook::{CommandKind, Effect};

/// Runs commands as processes.
pub trait Executor: Send + Sync {
    /// Runs one command to its end.
    ///
    /// An error says whether it is known that nothing was started; only then may a step fail.
    fn run(&self, job: Job) -> BoxFuture<'_, Result<Finished, ExecError>>;

    /// Ends whatever of this run is alive: TERM, a grace period, KILL, for everything that it started.
    fn cancel(&self, run: RunId) -> BoxFuture<'_, ()>;

    /// What a command under way has written so far, redacted and bounded; `None` when that cannot be told.
    fn written(&self, run: RunId, attempt: u32) -> BoxFuture<'_, Option<Written>> {
        let _nobody_keeps_it = (run, attempt);
        Box::pin(async { None })
    }

    /// Takes up a command that was under way when an earlier process of Blocks ended. It is never started by this:
    /// [`ExecError::NotStarted`] says that it never was, and that it now never will be.
    fn resume(&self, begun: Begun) -> BoxFuture<'_, Resumed<'_>>;

    /// The text of a shell command that may come soon. Only a hint: what can be found out about it ahead may be.
    fn foresee(&self, _text: &str) {}

    /// Ends what an earlier process of Blocks left alive of all its runs, but for these.
    fn end_leftovers(&self, but: BTreeSet<RunId>) -> BoxFuture<'_, ()>;
}

/// A command whose intent is on record and whose end is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// The run.
    pub run: RunId,
    /// The step's id.
    pub step: String,
    /// Its attempt.
    pub attempt: u32,
    /// What carries it out.
    pub kind: CommandKind,
    /// Milliseconds until it is ended, as it was started with.
    pub timeout_ms: u64,
}

impl Begun {
    /// `run/step/attempt`: what a repeated effect can be recognised by.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}/{}/{}", self.run, self.step, self.attempt)
    }
}

/// What became of a command that was taken up.
pub enum Resumed<'a> {
    /// It is over, or its end is not to be known.
    Ended(Result<Finished, ExecError>),
    /// It goes on; this is its end.
    UnderWay(BoxFuture<'a, Result<Finished, ExecError>>),
}

/// What stands in a secret's place in whatever a command writes.
pub const REDACTED: &str = "[redacted]";

/// The value of a secret parameter. Never shown, never serialized.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretValue {
    value: String,
    withheld: bool,
}

impl SecretValue {
    /// Takes a value.
    #[must_use]
    pub fn new(value: String) -> SecretValue {
        SecretValue { value, withheld: false }
    }

    /// The same for a command that does not get it, and in whose output it is looked for all the same.
    #[must_use]
    pub fn withheld(self) -> SecretValue {
        SecretValue { withheld: true, ..self }
    }

    /// Whether the command does not get it.
    #[must_use]
    pub fn is_withheld(&self) -> bool {
        self.withheld
    }

    /// The value itself: for the command that gets it and for what takes it out of output.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.value
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

/// One command to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The run.
    pub run: RunId,
    /// Display number of the incident, for `BLOCKS_INCIDENT`; empty without one.
    pub incident: String,
    /// The step's id, for `BLOCKS_STEP`.
    pub step: String,
    /// 1-based attempt over the whole run, for `BLOCKS_ATTEMPT` and the state file's number.
    pub attempt: u32,
    /// What carries it out.
    pub kind: CommandKind,
    /// Which configured connection it uses; the kind's only one when absent.
    pub connection: Option<String>,
    /// What the plan says it does: an http, promql or sql command gets no more rights than that.
    pub effect: Effect,
    /// Exactly what is carried out; bash gets it as a file.
    pub text: String,
    /// Parameters and captured values, as environment variables.
    pub variables: BTreeMap<String, String>,
    /// Names of the variables of Blocks' own environment that the plan shows: no other reaches the command, whatever the
    /// configuration says by now.
    pub environment: Vec<String>,
    /// Secret parameters: variables too unless they are withheld, and always taken out of whatever the command writes.
    pub secrets: BTreeMap<String, SecretValue>,
    /// Working directory of a run's first command.
    pub directory: PathBuf,
    /// Milliseconds until the command is ended.
    pub timeout_ms: u64,
    /// The attempt whose shell state (variables, functions, directory) this one starts from.
    pub carry_from: Option<u32>,
    /// Variables without which it does not begin.
    pub must_be_set: BTreeSet<String>,
}

impl Job {
    /// The attempt that carries it out.
    #[must_use]
    pub fn begun(&self) -> Begun {
        Begun {
            run: self.run,
            step: self.step.clone(),
            attempt: self.attempt,
            kind: self.kind,
            timeout_ms: self.timeout_ms,
        }
    }

    /// Every variable with its value, the secret ones among them. Only for what carries the command out.
    #[must_use]
    pub fn values(&self) -> BTreeMap<String, String> {
        let mut values = self.variables.clone();
        values.extend(self.given_secrets().map(|(name, value)| (name.clone(), value.expose().to_owned())));
        values
    }

    /// The secrets that the command gets.
    pub fn given_secrets(&self) -> impl Iterator<Item = (&String, &SecretValue)> {
        self.secrets.iter().filter(|(_, value)| !value.is_withheld())
    }
}

/// A command that ran to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finished {
    /// How it ended.
    pub exit: Exit,
    /// Standard output, redacted and bounded.
    pub stdout: Output,
    /// Standard error, redacted and bounded.
    pub stderr: Output,
    /// From start to end in milliseconds.
    pub elapsed_ms: u64,
    /// Whether the shell's state can be carried on.
    pub state: StateOutcome,
    /// Processes that outlived the command and were ended, or could not be (`pid name`).
    pub survivors: Vec<String>,
}

/// What a command under way has written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// Standard output, as [`Output::text`] would be now.
    pub stdout: String,
    /// Standard error, likewise.
    pub stderr: String,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum Exit {
    /// By itself.
    Code {
        /// The status.
        code: i32,
    },
    /// By a signal that was not ours.
    Signal {
        /// Its number.
        signal: i32,
    },
    /// By us, because its time was up.
    TimedOut,
    /// By us, because somebody cancelled.
    Cancelled,
}

/// What a command wrote: head and tail kept, the middle counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// The text, lossily decoded; a line says where bytes were dropped.
    pub text: String,
    /// Bytes dropped from the middle.
    pub dropped_bytes: u64,
}

/// Whether later commands may build on this one's shell state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateOutcome {
    /// Written; the next command may start from it.
    Written,
    /// The shell ended without writing it (`exec`, its own EXIT trap, a kill).
    Missing,
    /// There was no shell: the state before it still stands.
    Kept,
}

/// A command has no known end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExecError {
    /// Nothing was started, so nothing changed.
    #[error("the command was not started: {0}")]
    NotStarted(String),
    /// It was started and its outcome is not known.
    #[error("the command was started and its outcome is not known: {0}")]
    Lost(String),
}
