//! What can happen to a run.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::expectation::Outcome;
use crate::ids::{IncidentId, RunId};
use crate::journal::millis;
use crate::people::Actor;
use crate::plan::{Fingerprint, Plan, RiskAssessment};
use crate::ports::Exit;
use crate::runbook::Effect as CommandEffect;

fn once() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands references")]
fn is_once(times: &u32) -> bool {
    *times == 1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands references")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

/// Which of a step's commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnitRole {
    /// Captures a value before the step's first effect.
    Baseline,
    /// The step itself.
    Main,
    /// The step's inverse.
    Undo,
    /// Tells whether the step's effect is there, when nobody else can.
    Probe,
}

/// One command's place in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Unit {
    /// Index of the step, from 0.
    pub step: usize,
    /// Which of its commands.
    pub role: UnitRole,
    /// Index among them, from 0.
    pub index: usize,
    /// Which item of a loop it is about, from 0; the loop as a whole, or what is no loop, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<u32>,
}

impl Unit {
    /// The same command for one item of its loop.
    #[must_use]
    pub fn at_item(self, item: usize) -> Unit {
        Unit { item: Some(u32::try_from(item).unwrap_or(u32::MAX)), ..self }
    }
}

/// One judged expectation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The expectation as written; empty for the implied exit status 0.
    pub text: String,
    /// The verdict.
    pub outcome: Outcome,
    /// Why.
    pub reason: String,
}

/// What a run waits for a person to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "question", rename_all = "snake_case")]
pub enum Question {
    /// Is it as expected?
    Check {
        /// The command.
        unit: Unit,
    },
    /// A command was started and its outcome is not known.
    Doubt {
        /// The command.
        unit: Unit,
        /// What is known.
        reason: String,
    },
    /// A deadline was missed and it may still come.
    Late {
        /// The command.
        unit: Unit,
    },
    /// Time is over before a command that would change something.
    Overrun {
        /// The command.
        unit: Unit,
        /// Whose time.
        what: Overrun,
        /// In words.
        reason: String,
    },
    /// The command cannot go on as planned (a value outside its pattern, a state that was not written).
    Blocked {
        /// The command.
        unit: Unit,
        /// Why.
        reason: String,
    },
    /// A check failed, and what changes something comes after it: go on all the same?
    Guard {
        /// The command.
        unit: Unit,
        /// What it should have shown, and what came.
        reason: String,
    },
    /// The first item of a loop, which is tried alone, is over and was not seen to be good: do the others run?
    Canary {
        /// The first item.
        unit: Unit,
    },
}

/// What of a run's time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "over", rename_all = "snake_case")]
pub enum Overrun {
    /// The box of a step.
    Box {
        /// Its index, from 0.
        step: usize,
    },
    /// The incident's target.
    Deadline,
}

impl Question {
    /// The command that it is about.
    #[must_use]
    pub fn unit(&self) -> Unit {
        match self {
            Question::Check { unit }
            | Question::Doubt { unit, .. }
            | Question::Late { unit }
            | Question::Blocked { unit, .. }
            | Question::Guard { unit, .. }
            | Question::Canary { unit }
            | Question::Overrun { unit, .. } => *unit,
        }
    }
}

/// Which message of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// The plan with its buttons.
    Plan,
    /// The live progress.
    Progress,
}

impl RunEvent {
    /// `true` for what people must see at once: the run waits, starts, asks or ends.
    #[must_use]
    pub fn changes_status(&self) -> bool {
        matches!(
            self,
            RunEvent::Planned { .. }
                | RunEvent::ApprovalAsked { .. }
                | RunEvent::Approved { .. }
                | RunEvent::ApprovalExpired
                | RunEvent::OrderDropped { .. }
                | RunEvent::Started
                | RunEvent::FailureNoted { .. }
                | RunEvent::Asked { .. }
                | RunEvent::AnsweredYes { .. }
                | RunEvent::AnsweredNo { .. }
                | RunEvent::ProbeOrdered { .. }
                | RunEvent::DoubtSettled { .. }
                | RunEvent::RetryOrdered { .. }
                | RunEvent::PauseOrdered { .. }
                | RunEvent::ResumeOrdered { .. }
                | RunEvent::PassedOver { .. }
                | RunEvent::OverrunAccepted { .. }
                | RunEvent::TakenOver { .. }
                | RunEvent::Succeeded
                | RunEvent::Failed { .. }
                | RunEvent::Cancelled { .. }
                | RunEvent::UndoStarted
                | RunEvent::Undone
                | RunEvent::UndoFailed { .. }
        )
    }
}

/// One event of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum RunEvent {
    /// It exists: the plan is frozen.
    Planned {
        /// The incident that it serves.
        incident: Option<IncidentId>,
        /// That incident's display number, for `BLOCKS_INCIDENT`.
        incident_number: Option<String>,
        /// The plan, whole: this is what will run.
        plan: Box<Plan>,
        /// Its fingerprint.
        fingerprint: Fingerprint,
        /// Its risk.
        risk: RiskAssessment,
        /// Who asked for it.
        requester: Actor,
        /// How many other people must approve.
        approvals_needed: u8,
        /// The folder that the commands start in.
        directory: String,
        /// `true` for diagnostics that start unasked: only `read` commands run.
        unasked: bool,
        /// When the incident's target passes.
        #[serde(default, with = "millis::option", skip_serializing_if = "Option::is_none")]
        deadline: Option<DateTime<Utc>>,
        /// The run that did the same on the same target a short while ago.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        repeats: Option<RunId>,
    },
    /// It waits for a person's yes.
    ApprovalAsked {
        /// When the offer ends.
        #[serde(with = "millis")]
        expires_at: DateTime<Utc>,
        /// What a yes is bound to, where that is more than the plan: to repeat something, to go on past something. Absent
        /// for the plan itself, and in journals of before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fingerprint: Option<Fingerprint>,
        /// The number of the last event before the order that it is a yes to: without the yes the run stands there again.
        /// Absent for the plan itself, for what the run itself asks, and in journals of before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        back_to: Option<u64>,
    },
    /// Somebody said yes to this fingerprint.
    Approved {
        /// Who.
        by: Actor,
        /// To what.
        fingerprint: Fingerprint,
        /// Why, when they said.
        reason: Option<String>,
    },
    /// Somebody's yes does not count.
    ApprovalRefused {
        /// Who.
        by: Actor,
        /// Why not.
        reason: String,
        /// How often: somebody who tries again and again is counted, and written down now and then.
        #[serde(default = "once", skip_serializing_if = "is_once")]
        times: u32,
    },
    /// The approval ran out before it was given.
    ApprovalExpired,
    /// What a person ordered (to run again, to go on past something) got no yes: the run stands where it stood before.
    OrderDropped {
        /// Why: who refused, or that the time was over.
        reason: String,
    },
    /// From here on commands run.
    Started,
    /// A command is about to start. Durable before the process exists.
    CommandStarted {
        /// The command.
        unit: Unit,
        /// 1-based over the whole run; names the state file.
        attempt: u32,
        /// `run/step/attempt`: what a repeated effect can be recognised by.
        idempotency_key: String,
        /// What it does to the world; absent in journals of before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        effect: Option<CommandEffect>,
        /// The plan that it is part of; absent in journals of before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fingerprint: Option<Fingerprint>,
        /// Under which number the run holds its target; absent where it takes none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lock_epoch: Option<u64>,
    },
    /// A command ended and was judged.
    CommandEnded {
        /// The command.
        unit: Unit,
        /// Its attempt.
        attempt: u32,
        /// How it ended.
        exit: Exit,
        /// Milliseconds.
        elapsed_ms: u64,
        /// SHA-256 of the standard output, stored apart.
        stdout_sha256: Option<String>,
        /// SHA-256 of the standard error, stored apart.
        stderr_sha256: Option<String>,
        /// The verdicts.
        verdicts: Vec<Verdict>,
        /// `true` when the shell's state can be carried on.
        state_written: bool,
        /// Processes that outlived it.
        survivors: Vec<String>,
        /// It was awaited until now, and this look failed: nobody saw what was awaited.
        #[serde(default, skip_serializing_if = "is_false")]
        missed: bool,
    },
    /// A value appeared and is bound from here on.
    ValueCaptured {
        /// The command.
        unit: Unit,
        /// The variable.
        name: String,
        /// The value.
        value: String,
    },
    /// A loop goes through these items, which an earlier command gave.
    ItemsBound {
        /// The loop.
        unit: Unit,
        /// The items, in order.
        items: Vec<String>,
        /// What a yes to them is bound to, where people are asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fingerprint: Option<Fingerprint>,
    },
    /// A command was not started: nothing changed.
    CommandNotStarted {
        /// The command.
        unit: Unit,
        /// Its attempt.
        attempt: u32,
        /// Why.
        reason: String,
    },
    /// A command was started and its outcome is not known.
    CommandInDoubt {
        /// The command.
        unit: Unit,
        /// Its attempt.
        attempt: u32,
        /// What is known.
        reason: String,
    },
    /// A command failed and is tried again by itself, not before that time.
    RetryScheduled {
        /// The command.
        unit: Unit,
        /// The attempt that failed.
        attempt: u32,
        /// When.
        #[serde(with = "millis")]
        due: DateTime<Utc>,
    },
    /// A command is passed over: its condition does not hold, or it may change something and nobody was asked.
    CommandSkipped {
        /// The command.
        unit: Unit,
        /// Why.
        reason: String,
    },
    /// A command that only looks has failed; nothing that follows depends on it, so the run goes on.
    FailureNoted {
        /// The command.
        unit: Unit,
        /// What it should have shown, and what came.
        reason: String,
    },
    /// It waits for a person's answer.
    Asked {
        /// The question.
        question: Question,
    },
    /// A person says that it is as expected, that the step has happened, or that a loop's others run: go on.
    AnsweredYes {
        /// The command.
        unit: Unit,
        /// What they saw.
        reason: Option<String>,
    },
    /// A person says that it is not as expected.
    AnsweredNo {
        /// The command.
        unit: Unit,
        /// What they saw.
        reason: Option<String>,
    },
    /// A person orders the command to run again.
    RetryOrdered {
        /// The command.
        unit: Unit,
    },
    /// A person wants nothing more to start; what runs goes on to its end.
    PauseOrdered {
        /// Why, when they said.
        reason: Option<String>,
    },
    /// A person lets it go on.
    ResumeOrdered {
        /// Why, when they said.
        reason: Option<String>,
    },
    /// A person passes over a command: it did not do what it was to do, and the run goes on without it.
    PassedOver {
        /// The command.
        unit: Unit,
        /// Why.
        reason: String,
    },
    /// Time is over, and a person says to go on.
    OverrunAccepted {
        /// Whose time.
        what: Overrun,
        /// Why, when they said.
        reason: Option<String>,
    },
    /// The run holds its target from here on, under a number that no other taking had.
    LockTaken {
        /// The number: each taking has a greater one.
        epoch: u64,
    },
    /// It only waited, and a person has taken its target: it has ended.
    TakenOver {
        /// Who.
        by: Actor,
        /// Why.
        reason: String,
    },
    /// A command is in doubt, and its step's probe is asked before people are.
    ProbeOrdered {
        /// The command in doubt.
        unit: Unit,
    },
    /// The probe has seen the effect: the command has happened.
    DoubtSettled {
        /// The command that was in doubt.
        unit: Unit,
        /// What the probe said.
        reason: String,
    },
    /// It ended: nothing failed.
    Succeeded,
    /// It ended: a command failed.
    Failed {
        /// Why.
        reason: String,
    },
    /// Somebody ended it.
    Cancelled {
        /// Why, when they said.
        reason: Option<String>,
    },
    /// Undoing began.
    UndoStarted,
    /// Every undo ran and was as expected.
    Undone,
    /// An undo failed or is in doubt: no more effects, a person must look.
    UndoFailed {
        /// Why.
        reason: String,
    },
    /// A person says why they order what follows.
    ReasonGiven {
        /// What they order, as it is typed.
        verb: String,
        /// Why.
        reason: String,
    },
    /// A message of this run is posted.
    MessagePosted {
        /// Which.
        kind: MessageKind,
        /// The channel's id.
        channel: String,
        /// The message's id.
        ts: String,
    },
}
