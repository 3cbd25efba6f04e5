//! What can be asked of a run, and why it may be refused.

use chrono::{DateTime, Utc};

use crate::ids::{IncidentId, RunId};
use crate::people::Actor;
use crate::plan::{Fingerprint, Plan, RiskAssessment};
use crate::ports::Finished;
use crate::run::MessageKind;

/// Everything that planning a run needs.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRun {
    /// Identity, given by the shell.
    pub id: RunId,
    /// The incident that it serves.
    pub incident: Option<IncidentId>,
    /// That incident's display number.
    pub incident_number: Option<String>,
    /// What runs.
    pub plan: Plan,
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// Its risk.
    pub risk: RiskAssessment,
    /// Who asks.
    pub requester: Actor,
    /// How many other people must approve.
    pub approvals_needed: u8,
    /// The folder that the commands start in.
    pub directory: String,
    /// Diagnostics that start unasked.
    pub unasked: bool,
    /// Seconds that an approval may take.
    pub approval_window_s: u32,
    /// `true` when chat is configured, so that the plan is shown there.
    pub announce: bool,
    /// When the incident's target passes.
    pub deadline: Option<DateTime<Utc>>,
    /// The run that did the same on the same target a short while ago.
    pub repeats: Option<RunId>,
}

/// A change that somebody or something asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum RunCommand {
    /// Yes to a fingerprint.
    Approve {
        /// Who.
        by: Actor,
        /// Whether the configuration gives them the standing.
        may_approve: bool,
        /// What they say they saw.
        fingerprint: Option<String>,
        /// Why.
        reason: Option<String>,
    },
    /// No.
    Refuse {
        /// Who.
        by: Actor,
        /// Whether the configuration gives them the standing.
        may_approve: bool,
        /// Why.
        reason: Option<String>,
    },
    /// The time for an approval is over.
    Expire,
    /// Carry on: start the next command, or end.
    Advance,
    /// A command ended.
    Finish {
        /// Its attempt.
        attempt: u32,
        /// What came of it.
        finished: Box<Finished>,
    },
    /// A command was not started.
    NotStarted {
        /// Its attempt.
        attempt: u32,
        /// Why.
        reason: String,
    },
    /// A command's outcome is not known.
    Lost {
        /// Its attempt.
        attempt: u32,
        /// What is known.
        reason: String,
    },
    /// An earlier process had decided to start a command, and is known never to have done so.
    NeverBegun {
        /// Its attempt.
        attempt: u32,
        /// What is known.
        reason: String,
    },
    /// The engine starts, and nobody knows more of a command that was under way.
    Recover,
    /// It is (or is not) as expected.
    Answer {
        /// Whether it is.
        yes: bool,
        /// What they saw.
        reason: Option<String>,
    },
    /// The step in question has happened.
    MarkDone {
        /// What they saw.
        reason: Option<String>,
    },
    /// Run the command in question again.
    Retry,
    /// Start nothing more; what runs goes on to its end.
    Pause {
        /// Why.
        reason: Option<String>,
    },
    /// Go on after a pause.
    Resume {
        /// Why.
        reason: Option<String>,
    },
    /// Go on without the command in question.
    PassOver {
        /// And without all that is left of its loop or group.
        rest: bool,
        /// Why.
        reason: String,
    },
    /// Its target is for another run: it only waits.
    TakeOver {
        /// Who.
        by: Actor,
        /// Why.
        reason: String,
    },
    /// Stop.
    Cancel {
        /// Why.
        reason: Option<String>,
    },
    /// What its plan was made of has changed, so no yes is waited for any more.
    VoidPlan {
        /// What has changed.
        reason: String,
    },
    /// Undo what was done.
    Undo,
    /// An order of a person, with why they give it.
    Because {
        /// The order's word.
        verb: &'static str,
        /// Why.
        reason: String,
        /// The order.
        order: Box<RunCommand>,
    },
    /// A message was posted.
    RecordMessage {
        /// Which.
        kind: MessageKind,
        /// The channel's id.
        channel: String,
        /// The message's id.
        ts: String,
    },
}

/// Why a change was refused. The text is for the person who asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// It does not fit where the run stands.
    #[error("run {run} is {status}: {wanted}")]
    WrongStatus {
        /// The run.
        run: RunId,
        /// Its status word.
        status: &'static str,
        /// What would have been possible.
        wanted: &'static str,
    },
    /// This person's yes or no does not count. Recorded as well.
    #[error("not approved: {reason}")]
    NoAuthority {
        /// Why.
        reason: String,
    },
    /// The approval ran out.
    #[error("the approval has expired; hint: ask for the runbook again")]
    Expired,
    /// A command cannot be passed over.
    #[error("run {run}: {title} cannot be passed over: {reason}")]
    NotPassedOver {
        /// The run.
        run: RunId,
        /// The command.
        title: String,
        /// Why not, and what can be done.
        reason: String,
    },
    /// Nobody's word stands for what a command was to hand on.
    #[error("run {run}: nobody can vouch for {title}: {reason}")]
    NotVouchedFor {
        /// The run.
        run: RunId,
        /// The command.
        title: String,
        /// What is missing, and what can be done.
        reason: String,
    },
    /// There is nothing to undo.
    #[error("run {run} has nothing to undo: no step with an undo has run")]
    NothingToUndo {
        /// The run.
        run: RunId,
    },
}
