//! What a run is, folded from its events.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::approve::{Approval, Compared, refused_words};
use super::event::{MessageKind, Overrun, Question, RunEvent, Unit, UnitRole, Verdict};
use super::handed::Handed;
use super::hold::Hold;
use super::said::Said;
use super::stood::Orders;
use super::vouch::Word;
use crate::expectation::Outcome;
use crate::ids::{IncidentId, RunId};
use crate::incident::Replay;
use crate::journal::{Envelope, StreamId};
use crate::people::Actor;
use crate::plan::{Fingerprint, Plan, PlannedCommand, RiskAssessment};

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Status {
    /// Frozen, not yet decided about.
    Planned,
    /// Waits for a person's yes.
    WaitingForApproval {
        /// When the offer ends.
        expires_at: DateTime<Utc>,
    },
    /// Commands run.
    Running,
    /// Waits for a person's answer.
    Paused {
        /// The question.
        question: Question,
    },
    /// Every command ran and nothing failed.
    Succeeded,
    /// A command failed.
    Failed {
        /// Why.
        reason: String,
    },
    /// Somebody ended it.
    Cancelled,
    /// Undo commands run.
    Undoing,
    /// Its effects were undone.
    Undone,
    /// Undoing failed.
    UndoFailed {
        /// Why.
        reason: String,
    },
}

impl Status {
    /// The word in JSON.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Status::Planned => "planned",
            Status::WaitingForApproval { .. } => "waiting_for_approval",
            Status::Running => "running",
            Status::Paused { question: Question::Doubt { .. } } => "in_doubt",
            Status::Paused { .. } => "paused",
            Status::Succeeded => "succeeded",
            Status::Failed { .. } => "failed",
            Status::Cancelled => "cancelled",
            Status::Undoing => "undoing",
            Status::Undone => "undone",
            Status::UndoFailed { .. } => "undo_failed",
        }
    }

    /// `true` while its commands run, forward or back.
    pub(super) fn is_at_work(&self) -> bool {
        matches!(self, Status::Running | Status::Undoing)
    }

    /// `true` while it can go on by itself or by an answer.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(
            self,
            Status::Planned
                | Status::WaitingForApproval { .. }
                | Status::Running
                | Status::Paused { .. }
                | Status::Undoing
        )
    }
}

/// One started attempt of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// Its number over the whole run.
    pub number: u32,
    /// Intent time.
    pub started_at: DateTime<Utc>,
}

/// How far a command is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum CommandPhase {
    /// Started, no outcome yet.
    Started {
        /// The attempt.
        attempt: Attempt,
    },
    /// Ended and judged.
    Ended {
        /// The attempt's number.
        attempt: u32,
        /// The verdicts.
        verdicts: Vec<Verdict>,
        /// A person said it is as expected.
        vouched: bool,
        /// It failed, and nothing depends on it: the run went on.
        noted: bool,
        /// It was awaited, and the look that ended the wait failed.
        missed: bool,
        /// SHA-256 of the standard output.
        stdout_sha256: Option<String>,
        /// SHA-256 of the standard error.
        stderr_sha256: Option<String>,
        /// When.
        at: DateTime<Utc>,
        /// Milliseconds.
        elapsed_ms: u64,
    },
    /// Started, and the outcome is not known.
    InDoubt {
        /// The attempt's number.
        attempt: u32,
        /// What is known.
        reason: String,
    },
    /// A person said it has happened.
    MarkedDone,
    /// Its step's probe said so.
    Probed,
    /// Not started: nothing changed.
    NotStarted {
        /// Why.
        reason: String,
    },
    /// Passed over.
    Skipped {
        /// Why.
        reason: String,
    },
    /// Passed over by a person: it counts neither as done nor as failed.
    PassedOver {
        /// Who.
        by: Actor,
        /// Why.
        reason: String,
        /// An earlier attempt may have had its effect.
        happened: bool,
    },
}

impl CommandPhase {
    /// `true` when later commands may follow.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        match self {
            CommandPhase::Ended { verdicts, vouched, noted, .. } => {
                *vouched || *noted || verdicts.iter().all(|verdict| verdict.outcome == Outcome::Pass)
            }
            CommandPhase::MarkedDone
            | CommandPhase::Probed
            | CommandPhase::Skipped { .. }
            | CommandPhase::PassedOver { .. } => true,
            CommandPhase::Started { .. } | CommandPhase::InDoubt { .. } | CommandPhase::NotStarted { .. } => {
                false
            }
        }
    }

    /// `true` when its effect may exist.
    #[must_use]
    pub fn may_have_happened(&self) -> bool {
        !matches!(
            self,
            CommandPhase::NotStarted { .. }
                | CommandPhase::Skipped { .. }
                | CommandPhase::PassedOver { happened: false, .. }
        )
    }
}

/// A run as it is now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Run {
    /// Identity.
    pub id: RunId,
    /// The incident that it serves.
    pub incident: Option<IncidentId>,
    /// That incident's display number.
    pub incident_number: Option<String>,
    /// What runs.
    pub plan: Plan,
    /// What an approval is bound to.
    pub fingerprint: Fingerprint,
    /// The fingerprint that it was planned with, before lists that appeared became part of it.
    #[serde(skip)]
    pub planned_as: Fingerprint,
    /// Whether its plan was found to be the one of that fingerprint.
    #[serde(skip)]
    pub compared: Compared,
    /// Its risk.
    pub risk: RiskAssessment,
    /// Who asked for it.
    pub requester: Actor,
    /// How many other people policy asks for; [`Run::yeses_due`] says how many yeses that takes.
    pub approvals_needed: u8,
    /// The folder that the commands start in.
    pub directory: String,
    /// Diagnostics that start unasked: only `read` commands run.
    pub unasked: bool,
    /// Where it stands.
    pub status: Status,
    /// Who wants nothing more to start.
    pub hold: Option<Hold>,
    /// When it was planned.
    pub created_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// Yeses that count.
    pub approvals: Vec<Approval>,
    /// Yeses that did not: who and why.
    pub refused_approvals: Vec<(Actor, String)>,
    /// How far each command is, by unit. A command that is absent has not begun.
    #[serde(skip)]
    pub commands: BTreeMap<Unit, CommandPhase>,
    /// Commands ordered to run again although an earlier attempt may have had its effect.
    #[serde(skip)]
    pub repeated: BTreeSet<Unit>,
    /// How often each command has been tried again by itself.
    #[serde(skip)]
    pub tries: BTreeMap<Unit, u32>,
    /// Commands in doubt that are ordered to run again, and have not yet.
    #[serde(skip)]
    pub ordered: BTreeSet<Unit>,
    /// The lists of loops that appeared at run time, by the loop.
    #[serde(skip)]
    pub lists: BTreeMap<Unit, Vec<String>>,
    /// Loops whose others run by a person's word, although the first item was not seen to be good.
    #[serde(skip)]
    pub released: BTreeSet<Unit>,
    /// The last word of a person about each command that they said yes for.
    #[serde(skip)]
    pub words: BTreeMap<Unit, Word>,
    /// Commands that do not start again before.
    #[serde(skip)]
    pub waits: BTreeMap<Unit, DateTime<Utc>>,
    /// When each command was first started since a person last ordered it: what a deadline counts from.
    #[serde(skip)]
    pub since: BTreeMap<Unit, DateTime<Utc>>,
    /// The command in doubt that the probe of its step is asked about.
    #[serde(skip)]
    pub probing: Option<Unit>,
    /// Undoing has begun: whatever is asked or approved from here on is about the undo.
    #[serde(skip)]
    pub undoing: bool,
    /// Words of people that nobody else has agreed to: their own yes to them does not count.
    #[serde(skip)]
    pub said: Said,
    /// Where it stood before what was ordered, while that waits for a yes.
    #[serde(skip)]
    pub orders: Orders,
    /// Values that appeared at run time.
    pub values: BTreeMap<String, String>,
    /// When each step's first command began.
    #[serde(skip)]
    pub begun: BTreeMap<usize, DateTime<Utc>>,
    /// Whose time is over with a person's word to go on.
    #[serde(skip)]
    pub overruns: BTreeSet<Overrun>,
    /// When the incident's target passes.
    pub deadline: Option<DateTime<Utc>>,
    /// When it was last set going.
    pub started_at: Option<DateTime<Utc>>,
    /// Under which number it holds, or last held, its target.
    pub epoch: Option<u64>,
    /// It was set going, and has not ended since: its target is its own, whatever it waits for.
    #[serde(skip)]
    pub is_under_way: bool,
    /// The run that did the same on the same target a short while before.
    pub repeats: Option<RunId>,
    /// What each step's own baselines captured: another step may use the same name.
    #[serde(skip)]
    pub baselines: BTreeMap<usize, BTreeMap<String, String>>,
    /// What the latest attempt of each command of the steps captured.
    #[serde(skip)]
    pub captured: BTreeMap<Unit, String>,
    /// The last attempt number given.
    pub attempts: u32,
    /// The attempt whose shell state the next main command starts from.
    pub carry: Option<u32>,
    /// What each command started from at first: it starts from there again, not from what its failed attempt left.
    #[serde(skip)]
    pub carried: BTreeMap<Unit, Option<u32>>,
    /// What the latest attempt of each command handed on.
    #[serde(skip)]
    pub handed: Handed,
    /// The plan's message: channel and id.
    pub plan_message: Option<(String, String)>,
    /// The progress message: channel and id.
    pub progress_message: Option<(String, String)>,
    /// Sequence of the last event.
    pub seq: u64,
}

impl Run {
    /// The command at a place of the plan.
    #[must_use]
    pub fn command(&self, unit: Unit) -> Option<&PlannedCommand> {
        let step = self.plan.steps.get(unit.step)?;
        match unit.role {
            // a command is the same for every item of its loop
            UnitRole::Baseline => step.baselines.get(unit.index),
            UnitRole::Main => step.commands.get(unit.index),
            UnitRole::Undo => step.undo.get(unit.index),
            UnitRole::Probe => step.probe.as_ref().filter(|_| unit.index == 0),
        }
    }

    /// Every baseline and main command in the order in which they run; a loop's once for each item that is known.
    pub fn units(&self) -> impl Iterator<Item = Unit> + use<> {
        let units: Vec<Unit> = self.stages().iter().flat_map(|stage| self.members(stage)).collect();
        units.into_iter()
    }

    /// `true` when the effect of this command may exist, by its last attempt or an earlier one.
    #[must_use]
    pub fn may_have_happened(&self, unit: Unit) -> bool {
        self.repeated.contains(&unit) || self.commands.get(&unit).is_some_and(CommandPhase::may_have_happened)
    }

    /// The first command that stands between the run and its end; `None` when it is through.
    #[must_use]
    pub fn next_unit(&self) -> Option<Unit> {
        let stage = self.stage()?;
        self.members(&stage).into_iter().find(|unit| match self.commands.get(unit) {
            None | Some(CommandPhase::Started { .. } | CommandPhase::InDoubt { .. }) => true,
            // Diagnostics go on whatever one of them shows.
            Some(_) if self.unasked => false,
            Some(phase) => !phase.is_settled() && !self.is_tolerated(*unit),
        })
    }

    /// What it is while commands run: forward, or back.
    fn at_work(&self) -> Status {
        if self.undoing { Status::Undoing } else { Status::Running }
    }

    /// The commands that are started without an outcome.
    pub fn live_units(&self) -> impl Iterator<Item = (Unit, &Attempt)> {
        self.commands.iter().filter_map(|(unit, phase)| match phase {
            CommandPhase::Started { attempt } => Some((*unit, attempt)),
            _ => None,
        })
    }

    /// The first of them.
    #[must_use]
    pub fn live_unit(&self) -> Option<(Unit, &Attempt)> {
        self.live_units().next()
    }
}

/// Applies one event. This is the only way a run changes, live and in recovery.
///
/// # Errors
/// When the first event does not plan the run, or a later one does.
pub fn evolve(state: Option<Run>, envelope: &Envelope<RunEvent>) -> Result<Run, Replay> {
    let misfit = || Replay { stream: envelope.stream, seq: envelope.seq };
    let StreamId::Run(id) = envelope.stream else { return Err(misfit()) };
    let at = envelope.at;
    let mut run = match (state, &envelope.event) {
        (
            None,
            RunEvent::Planned {
                incident,
                incident_number,
                plan,
                fingerprint,
                risk,
                requester,
                approvals_needed,
                directory,
                unasked,
                deadline,
                repeats,
            },
        ) => {
            return Ok(Run {
                id,
                incident: *incident,
                incident_number: incident_number.clone(),
                plan: plan.as_ref().clone(),
                planned_as: fingerprint.clone(),
                compared: Compared::default(),
                fingerprint: fingerprint.clone(),
                risk: risk.clone(),
                requester: requester.clone(),
                approvals_needed: *approvals_needed,
                directory: directory.clone(),
                unasked: *unasked,
                status: Status::Planned,
                hold: None,
                created_at: at,
                ended_at: None,
                approvals: Vec::new(),
                refused_approvals: Vec::new(),
                commands: BTreeMap::new(),
                repeated: BTreeSet::new(),
                tries: BTreeMap::new(),
                ordered: BTreeSet::new(),
                lists: BTreeMap::new(),
                released: BTreeSet::new(),
                words: BTreeMap::new(),
                waits: BTreeMap::new(),
                since: BTreeMap::new(),
                probing: None,
                undoing: false,
                said: Said::default(),
                orders: Orders::default(),
                values: BTreeMap::new(),
                baselines: BTreeMap::new(),
                captured: BTreeMap::new(),
                begun: BTreeMap::new(),
                overruns: BTreeSet::new(),
                deadline: *deadline,
                started_at: None,
                epoch: None,
                is_under_way: false,
                repeats: *repeats,
                attempts: 0,
                carry: None,
                carried: BTreeMap::new(),
                handed: Handed::default(),
                plan_message: None,
                progress_message: None,
                seq: envelope.seq,
            });
        }
        (None, _) | (Some(_), RunEvent::Planned { .. }) => return Err(misfit()),
        (Some(run), _) => run,
    };
    run.apply_order(&envelope.event);
    run.seq = envelope.seq;
    if let (
        RunEvent::RetryOrdered { unit } | RunEvent::PassedOver { unit, .. },
        Actor::Person(_) | Actor::Local(_),
    ) = (&envelope.event, &envelope.actor)
    {
        // who says "wait on" gives it its whole time anew; a restart does not
        run.since.remove(unit);
    }
    run.apply_said(&envelope.event, &envelope.actor);
    run.apply_word(&envelope.event, &envelope.actor);
    apply(&mut run, &envelope.event, at);
    run.handed.apply(&envelope.event);
    run.apply_hold(&envelope.event, &envelope.actor, at);
    run.apply_lock(&envelope.event);
    if run.status.is_open() {
        run.ended_at = None;
    } else {
        run.ended_at.get_or_insert(at);
    }
    Ok(run)
}

/// Goes past a command that failed or never began, without a word that it was as expected.
fn pass_over(run: &mut Run, unit: Unit) {
    match run.commands.get_mut(&unit) {
        Some(CommandPhase::Ended { noted, .. }) => *noted = true,
        Some(CommandPhase::NotStarted { reason }) => {
            let reason = std::mem::take(reason);
            run.commands.insert(unit, CommandPhase::Skipped { reason });
        }
        _ => {}
    }
}

fn apply(run: &mut Run, event: &RunEvent, at: DateTime<Utc>) {
    match event {
        RunEvent::Planned { .. } => {}
        RunEvent::ApprovalAsked { expires_at, fingerprint, .. } => {
            // What was said before is void: a fresh question wants fresh answers.
            run.approvals.clear();
            if let Some(fingerprint) = fingerprint {
                run.fingerprint = fingerprint.clone();
            }
            run.status = Status::WaitingForApproval { expires_at: *expires_at };
        }
        RunEvent::Approved { by, fingerprint, reason } => run.approvals.push(Approval {
            by: by.clone(),
            at,
            fingerprint: fingerprint.clone(),
            reason: reason.clone(),
        }),
        RunEvent::ApprovalRefused { by, reason, times } => {
            run.refused_approvals.push((by.clone(), refused_words(reason, *times)));
        }
        RunEvent::ApprovalExpired | RunEvent::Cancelled { .. } | RunEvent::TakenOver { .. } => {
            run.probing = None;
            run.waits.clear();
            run.status = Status::Cancelled;
        }
        RunEvent::Started => {
            run.started_at = Some(at);
            run.release_untried();
            run.status = run.at_work();
        }
        RunEvent::OverrunAccepted { what, .. } => {
            run.overruns.insert(*what);
            run.status = Status::Running;
        }
        RunEvent::LockTaken { epoch } => run.epoch = Some(*epoch),
        RunEvent::CommandStarted { unit, attempt, .. } => {
            run.attempts = run.attempts.max(*attempt);
            run.takes_back_its_value(*unit);
            if matches!(unit.role, UnitRole::Baseline | UnitRole::Main) {
                run.begun.entry(unit.step).or_insert(at);
            }
            if unit.role == UnitRole::Main && !run.is_of_several(*unit) {
                run.carry = *run.carried.entry(*unit).or_insert(run.carry);
            }
            let attempt = Attempt { number: *attempt, started_at: at };
            run.since.entry(*unit).or_insert(at);
            run.waits.remove(unit);
            run.ordered.remove(unit);
            run.commands.insert(*unit, CommandPhase::Started { attempt });
        }
        RunEvent::CommandEnded {
            unit,
            attempt,
            verdicts,
            stdout_sha256,
            stderr_sha256,
            state_written,
            elapsed_ms,
            missed,
            ..
        } => {
            run.commands.insert(
                *unit,
                CommandPhase::Ended {
                    attempt: *attempt,
                    verdicts: verdicts.clone(),
                    vouched: false,
                    noted: false,
                    missed: *missed,
                    stdout_sha256: stdout_sha256.clone(),
                    stderr_sha256: stderr_sha256.clone(),
                    at,
                    elapsed_ms: *elapsed_ms,
                },
            );
            // Undo and baselines start from parameters and captured values only, so only main commands carry; where several
            // run at once nobody could say whose state it would be.
            if *state_written && unit.role == UnitRole::Main && !run.is_of_several(*unit) {
                run.carry = Some(*attempt);
            }
        }
        RunEvent::ValueCaptured { unit, name, value } => {
            if unit.role == UnitRole::Baseline {
                run.baselines.entry(unit.step).or_default().insert(name.clone(), value.clone());
            }
            if unit.role == UnitRole::Main {
                run.captured.insert(*unit, value.clone());
            }
            run.values.insert(name.clone(), value.clone());
        }
        RunEvent::ItemsBound { unit, items, fingerprint } => {
            run.lists.insert(*unit, items.clone());
            if let Some(fingerprint) = fingerprint {
                run.fingerprint = fingerprint.clone();
            }
        }
        RunEvent::CommandNotStarted { unit, reason, .. } => {
            run.commands.insert(*unit, CommandPhase::NotStarted { reason: reason.clone() });
        }
        RunEvent::CommandInDoubt { unit, attempt, reason } => {
            let phase = CommandPhase::InDoubt { attempt: *attempt, reason: reason.clone() };
            run.commands.insert(*unit, phase);
        }
        RunEvent::CommandSkipped { unit, reason } => {
            run.commands.insert(*unit, CommandPhase::Skipped { reason: reason.clone() });
        }
        RunEvent::FailureNoted { unit, .. } => pass_over(run, *unit),
        RunEvent::Asked { question } => {
            run.probing = None;
            run.status = Status::Paused { question: question.clone() };
        }
        RunEvent::ProbeOrdered { unit } => run.probing = Some(*unit),
        RunEvent::DoubtSettled { unit, .. } => {
            run.probing = None;
            run.commands.insert(*unit, CommandPhase::Probed);
        }
        RunEvent::AnsweredYes { unit, .. } if run.asks_for_others() => {
            run.release(*unit);
            run.status = run.at_work();
        }
        RunEvent::AnsweredYes { unit, .. } => {
            match run.commands.get_mut(unit) {
                Some(CommandPhase::Ended { vouched, .. }) => *vouched = true,
                // an undo that never began was not passed over by its condition: somebody did its work by hand
                Some(CommandPhase::NotStarted { .. }) if unit.role == UnitRole::Undo => {
                    if !run.repeated.contains(unit) {
                        run.since.remove(unit);
                    }
                    run.commands.insert(*unit, CommandPhase::MarkedDone);
                }
                Some(CommandPhase::NotStarted { .. }) if !run.repeated.contains(unit) => {
                    pass_over(run, *unit);
                }
                _ => {
                    run.commands.insert(*unit, CommandPhase::MarkedDone);
                }
            }
            run.status = run.at_work();
        }
        RunEvent::AnsweredNo { .. } => run.status = run.at_work(),
        RunEvent::RetryOrdered { unit } => {
            // The earlier attempt is not forgotten: what it may have done is still owed an undo, and a doubt stays one
            // until the command has really been started again.
            run.waits.remove(unit);
            if run.commands.get(unit).is_some_and(CommandPhase::may_have_happened) {
                run.repeated.insert(*unit);
            }
            if matches!(run.commands.get(unit), Some(CommandPhase::InDoubt { .. })) {
                run.ordered.insert(*unit);
            } else {
                run.commands.remove(unit);
            }
            run.status = run.at_work();
        }
        RunEvent::RetryScheduled { unit, due, .. } => {
            if run.commands.remove(unit).is_some_and(|phase| phase.may_have_happened()) {
                run.repeated.insert(*unit);
            }
            *run.tries.entry(*unit).or_default() += 1;
            run.waits.insert(*unit, *due);
        }
        // where it stood: `stood.rs`; whose order it is comes from the envelope: `hold.rs`; and whose word: `vouch.rs`
        RunEvent::OrderDropped { .. }
        | RunEvent::ReasonGiven { .. }
        | RunEvent::PauseOrdered { .. }
        | RunEvent::ResumeOrdered { .. }
        | RunEvent::PassedOver { .. } => {}
        RunEvent::Succeeded => run.status = Status::Succeeded,
        RunEvent::Failed { reason } => run.status = Status::Failed { reason: reason.clone() },
        RunEvent::UndoStarted => {
            run.undoing = true;
            run.waits.clear();
            run.status = Status::Undoing;
        }
        RunEvent::Undone => run.status = Status::Undone,
        RunEvent::UndoFailed { reason } => {
            run.probing = None;
            run.waits.clear();
            run.status = Status::UndoFailed { reason: reason.clone() };
        }
        RunEvent::MessagePosted { kind, channel, ts } => {
            let place = Some((channel.clone(), ts.clone()));
            match kind {
                MessageKind::Plan => run.plan_message = place,
                MessageKind::Progress => run.progress_message = place,
            }
        }
    }
}
