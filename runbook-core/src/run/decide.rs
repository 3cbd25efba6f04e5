//! What happens when something is asked of a run: events, and effects to perform.

use chrono::{DateTime, Utc};

use super::command::{Rejection, RunCommand};
use super::event::{MessageKind, Question, RunEvent, Unit, UnitRole};
use super::state::{Run, Status};
use super::{answers, approvals, doubts, hold, lock, outcome, start, why};
use crate::incident::{IncidentCommand, RunOutcome};
use crate::message::Outgoing;
use crate::plan::PlannedCommand;
use crate::ports::Blob;

/// What a decision comes to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decision {
    /// What happened, for the journal.
    pub events: Vec<RunEvent>,
    /// What to do about it.
    pub effects: Vec<Effect>,
    /// Output, stored apart.
    pub blobs: Vec<Blob>,
    /// The person who asked is told this; the events stand all the same.
    pub refusal: Option<Rejection>,
}

/// Something to do about a decision. Messages and what the incident is told are part of the same transaction.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// A message must leave.
    Send(Outgoing),
    /// The incident learns of it, in the same transaction.
    TellIncident(IncidentCommand),
    /// Start the command: its intent is durable.
    Execute {
        /// The command.
        unit: Unit,
        /// Its attempt.
        attempt: u32,
    },
    /// Ask for the next step of the run.
    Continue(ResumePoint),
    /// End whatever of this run is alive.
    EndProcesses,
    /// Look at the approval at that time.
    ApprovalTimer {
        /// When.
        due: DateTime<Utc>,
    },
    /// Carry on at that time.
    RetryTimer {
        /// The attempt that is followed: several commands may wait at once.
        attempt: u32,
        /// When.
        due: DateTime<Utc>,
    },
    /// The approval is settled.
    ClearApprovalTimer,
}

/// What carrying on means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResumePoint {
    /// The next command.
    Next,
}

/// This happened, people see it, and the run is carried on.
pub(super) fn carry_on(state: &Run, events: Vec<RunEvent>) -> Decision {
    let mut effects = refresh(state);
    effects.push(Effect::Continue(ResumePoint::Next));
    Decision { events, effects, ..Decision::default() }
}

/// People are asked, and nothing goes on before they answer.
pub(super) fn ask(state: &Run, question: Question) -> Decision {
    Decision { events: vec![RunEvent::Asked { question }], effects: refresh(state), ..Decision::default() }
}

/// Decides about one command. Repeated facts (an attempt that has ended) decide to nothing.
///
/// # Errors
/// When a person asks for something that is not possible now.
pub fn decide(state: &Run, command: &RunCommand, now: DateTime<Utc>) -> Result<Decision, Rejection> {
    match command {
        RunCommand::Approve { by, may_approve, fingerprint, reason } => {
            approvals::approve_run(state, by, *may_approve, fingerprint.as_deref(), reason.as_ref(), now)
        }
        RunCommand::Refuse { by, may_approve, reason } => {
            approvals::refuse(state, by, *may_approve, reason.as_ref())
        }
        RunCommand::Expire => Ok(approvals::expire(state, now)),
        RunCommand::Advance => Ok(start::advance(state, now)),
        RunCommand::Finish { attempt, finished } => Ok(outcome::finish(state, *attempt, finished, now)),
        RunCommand::NotStarted { attempt, reason } => Ok(doubts::not_started(state, *attempt, reason)),
        RunCommand::Lost { attempt, reason } => Ok(doubts::lost(state, *attempt, reason)),
        RunCommand::NeverBegun { attempt, reason } => Ok(doubts::never_begun(state, *attempt, reason)),
        RunCommand::Recover => Ok(doubts::recover(state)),
        RunCommand::Answer { yes, reason } => answers::answer(state, *yes, reason.as_ref(), now),
        RunCommand::MarkDone { reason } => answers::mark_done(state, reason.as_ref(), now),
        RunCommand::Retry => answers::retry(state, now),
        RunCommand::Pause { reason } => hold::pause(state, reason.as_ref()),
        RunCommand::Resume { reason } => hold::resume(state, reason.as_ref()),
        RunCommand::PassOver { rest, reason } => hold::pass_over(state, *rest, reason, now),
        RunCommand::TakeOver { by, reason } => lock::take_over(state, by, reason),
        RunCommand::Cancel { reason } => answers::cancel(state, reason.as_ref()),
        RunCommand::VoidPlan { reason } => Ok(approvals::void(state, reason)),
        RunCommand::Undo => answers::undo(state),
        RunCommand::Because { verb, reason, order } => why::because(state, verb, reason, order, now),
        RunCommand::RecordMessage { kind, channel, ts } if is_recorded(state, *kind, channel, ts) => {
            Ok(Decision::default())
        }
        RunCommand::RecordMessage { kind, channel, ts } => {
            // A plan that was decided about while it left still has its buttons.
            let is_stale =
                *kind == MessageKind::Plan && !matches!(state.status, Status::WaitingForApproval { .. });
            Ok(Decision {
                events: vec![RunEvent::MessagePosted {
                    kind: *kind,
                    channel: channel.clone(),
                    ts: ts.clone(),
                }],
                effects: is_stale
                    .then_some(Effect::Send(Outgoing::Plan { run: state.id }))
                    .into_iter()
                    .collect(),
                ..Decision::default()
            })
        }
    }
}

fn is_recorded(state: &Run, kind: MessageKind, channel: &str, ts: &str) -> bool {
    let place = match kind {
        MessageKind::Plan => &state.plan_message,
        MessageKind::Progress => &state.progress_message,
    };
    place.as_ref().is_some_and(|(known, at)| known == channel && at == ts)
}

pub(super) fn wrong_status(state: &Run, wanted: &'static str) -> Rejection {
    Rejection::WrongStatus { run: state.id, status: state.word(), wanted }
}

/// Messages that show the run as it is now.
pub(super) fn refresh(state: &Run) -> Vec<Effect> {
    if state.unasked {
        return Vec::new(); // diagnostics live on the card
    }
    let mut effects = vec![Effect::Send(Outgoing::Progress { run: state.id })];
    if let Some(incident) = state.incident {
        effects.push(Effect::Send(Outgoing::Card { incident }));
    }
    effects
}

pub(super) fn ended(
    state: &Run,
    events: Vec<RunEvent>,
    outcome: RunOutcome,
    reason: Option<String>,
) -> Decision {
    let mut effects = vec![Effect::ClearApprovalTimer];
    if state.incident.is_some() {
        effects.push(Effect::TellIncident(IncidentCommand::EndRun { run: state.id, outcome, reason }));
    }
    if state.plan_message.is_some() {
        effects.push(Effect::Send(Outgoing::Plan { run: state.id }));
    }
    effects.extend(refresh(state));
    Decision { events, effects, ..Decision::default() }
}

/// The live command of that attempt; anything else is a repeated or outdated message.
pub(super) fn live(state: &Run, attempt: u32) -> Option<(Unit, &PlannedCommand)> {
    let (unit, _) = state.live_units().find(|(_, live)| live.number == attempt)?;
    state.command(unit).map(|command| (unit, command))
}

pub(super) fn fail(state: &Run, unit: Unit, reason: &str, decision: Decision) -> Decision {
    let (event, outcome) = if unit.role == UnitRole::Undo {
        (RunEvent::UndoFailed { reason: reason.to_owned() }, RunOutcome::UndoFailed)
    } else {
        (RunEvent::Failed { reason: reason.to_owned() }, RunOutcome::Failed)
    };
    let end = ended(state, vec![event], outcome, Some(reason.to_owned()));
    merge(decision, end)
}

pub(super) fn merge(mut first: Decision, second: Decision) -> Decision {
    first.events.extend(second.events);
    first.effects.extend(second.effects);
    first.blobs.extend(second.blobs);
    first.refusal = first.refusal.or(second.refusal);
    first
}

pub(super) fn title_of(state: &Run, unit: Unit, command: &PlannedCommand) -> String {
    let step = state.plan.steps.get(unit.step).map_or("", |step| step.title.as_str());
    let title = command.title.clone().unwrap_or_else(|| step.to_owned());
    match state.item(unit) {
        Some((_, item)) => format!("{title} [{item}]"),
        None => title,
    }
}
