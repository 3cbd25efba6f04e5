//! What happens when something is asked of a run: events, and effects to perform.

use chrono::{DateTime, Duration, Utc};
use sha2::{Digest, Sha256};

use super::again;
use super::approve;
use super::command::{NewRun, Rejection, RunCommand};
use super::event::{MessageKind, Question, RunEvent, Unit, UnitRole, Verdict};
use super::probe;
use super::reads;
use super::several;
use super::stage::Turn;
use super::state::{Run, Status};
use super::wait;
use super::{budget, hold, lock};
use crate::expectation::{Judgement, Observed, Outcome, judge_command};
use crate::incident::{ChangeNoted, IncidentCommand, RunOutcome};
use crate::message::Outgoing;
use crate::people::Actor;
use crate::plan::PlannedCommand;
use crate::ports::{Blob, Exit, Finished, REDACTED, StateOutcome};
use crate::runbook::{CommandKind, Effect as CommandEffect, condition, ends_in_search};
use crate::sabotage::{self, Sabotage};

/// A read command of this name reports what changed at the service; its lines go onto the card.
const WHAT_CHANGED: &str = "what-changed";

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

/// Plans a run: freezes the plan, then waits for a yes, or starts when none is due.
#[must_use]
pub fn plan_run(request: &NewRun, now: DateTime<Utc>) -> Decision {
    let mutating = request.plan.is_mutating() && !request.unasked;
    let mut decision = Decision {
        events: vec![RunEvent::Planned {
            incident: request.incident,
            incident_number: request.incident_number.clone(),
            plan: Box::new(request.plan.clone()),
            fingerprint: request.fingerprint.clone(),
            risk: request.risk.clone(),
            requester: request.requester.clone(),
            approvals_needed: request.approvals_needed,
            directory: request.directory.clone(),
            unasked: request.unasked,
            deadline: request.deadline,
            repeats: request.repeats,
        }],
        ..Decision::default()
    };
    if request.incident.is_some() {
        decision.effects.push(Effect::TellIncident(IncidentCommand::LinkRun {
            run: request.id,
            runbook: request.plan.runbook.clone(),
            mutating,
            triage: request.unasked,
        }));
    }
    // Whatever may change something is shown and confirmed first, even where nobody else is needed.
    if mutating || (request.approvals_needed > 0 && !request.unasked) {
        let expires_at = now + Duration::seconds(i64::from(request.approval_window_s));
        decision.events.push(RunEvent::ApprovalAsked { expires_at });
        decision.effects.push(Effect::ApprovalTimer { due: expires_at });
        if request.announce {
            decision.effects.push(Effect::Send(Outgoing::Plan { run: request.id }));
        }
    } else {
        decision.events.push(RunEvent::Started);
        decision.effects.push(Effect::Continue(ResumePoint::Next));
    }
    decision
}

/// Decides about one command. Repeated facts (an attempt that has ended) decide to nothing.
///
/// # Errors
/// When a person asks for something that is not possible now.
pub fn decide(state: &Run, command: &RunCommand, now: DateTime<Utc>) -> Result<Decision, Rejection> {
    match command {
        RunCommand::Approve { by, may_approve, fingerprint, reason } => {
            approve_run(state, by, *may_approve, fingerprint.as_deref(), reason.as_ref(), now)
        }
        RunCommand::Refuse { by, may_approve, reason } => refuse(state, by, *may_approve, reason.as_ref()),
        RunCommand::Expire => Ok(match state.status {
            Status::WaitingForApproval { expires_at } if now >= expires_at => {
                stopped(state, vec![RunEvent::ApprovalExpired], "the approval expired")
            }
            _ => Decision::default(),
        }),
        RunCommand::Advance => Ok(advance(state, now)),
        RunCommand::Finish { attempt, finished } => Ok(finish(state, *attempt, finished, now)),
        RunCommand::NotStarted { attempt, reason } => Ok(not_started(state, *attempt, reason)),
        RunCommand::Lost { attempt, reason } => Ok(lost(state, *attempt, reason)),
        RunCommand::NeverBegun { attempt, reason } => Ok(never_begun(state, *attempt, reason)),
        RunCommand::Recover => Ok(recover(state)),
        RunCommand::Answer { yes, reason } => answer(state, *yes, reason.as_ref(), now),
        RunCommand::MarkDone { reason } => mark_done(state, reason.as_ref(), now),
        RunCommand::Retry => retry(state, now),
        RunCommand::Pause { reason } => hold::pause(state, reason.as_ref()),
        RunCommand::Resume { reason } => hold::resume(state, reason.as_ref()),
        RunCommand::PassOver { reason } => hold::pass_over(state, reason, now),
        RunCommand::TakeOver { by, reason } => lock::take_over(state, by, reason),
        RunCommand::Cancel { reason } => cancel(state, reason.as_ref()),
        RunCommand::Undo => undo(state),
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

/// A person, or the time, ended it. Half an undo is no end: that is a failed undo.
fn stopped(state: &Run, mut events: Vec<RunEvent>, why: &str) -> Decision {
    let reason = why.to_owned();
    if state.undoing {
        let reason = format!("undoing was stopped: {reason}");
        events.push(RunEvent::UndoFailed { reason: reason.clone() });
        return ended(state, events, RunOutcome::UndoFailed, Some(reason));
    }
    if !events.contains(&RunEvent::ApprovalExpired) {
        events.push(RunEvent::Cancelled { reason: Some(reason.clone()) });
    }
    ended(state, events, RunOutcome::Cancelled, Some(reason))
}

fn approve_run(
    state: &Run,
    by: &Actor,
    may_approve: bool,
    fingerprint: Option<&str>,
    reason: Option<&String>,
    now: DateTime<Utc>,
) -> Result<Decision, Rejection> {
    let Status::WaitingForApproval { expires_at } = state.status else {
        return Err(wrong_status(state, "only a run that waits for approval can be approved"));
    };
    if now >= expires_at {
        return Err(Rejection::Expired);
    }
    if let Some(reason) = approve::objection(state, by, may_approve, fingerprint, reason) {
        return Ok(Decision {
            events: vec![RunEvent::ApprovalRefused { by: by.clone(), reason: reason.clone(), times: 1 }],
            refusal: Some(Rejection::NoAuthority { reason }),
            ..Decision::default()
        });
    }
    let mut events = vec![RunEvent::Approved {
        by: by.clone(),
        fingerprint: state.fingerprint.clone(),
        reason: reason.cloned(),
    }];
    let mut effects = vec![Effect::Send(Outgoing::Plan { run: state.id })];
    if approve::is_complete(state, true) {
        events.push(RunEvent::Started);
        effects.push(Effect::ClearApprovalTimer);
        // A repetition has told the incident when it was ordered.
        if state.incident.is_some() && state.plan.is_mutating() && state.attempts == 0 {
            effects.push(Effect::TellIncident(IncidentCommand::StartMitigation { run: state.id }));
        }
        effects.extend(refresh(state));
        effects.push(Effect::Continue(ResumePoint::Next));
    } else if state.progress_message.is_some() {
        // A repetition waits: how many have said yes is shown there too.
        effects.push(Effect::Send(Outgoing::Progress { run: state.id }));
    }
    Ok(Decision { events, effects, ..Decision::default() })
}

fn refuse(
    state: &Run,
    by: &Actor,
    may_approve: bool,
    reason: Option<&String>,
) -> Result<Decision, Rejection> {
    if !matches!(state.status, Status::WaitingForApproval { .. }) {
        return Err(wrong_status(state, "only a run that waits for approval can be refused"));
    }
    // The requester may always withdraw their own request.
    if !may_approve && *by != state.requester {
        let reason = format!("{by} has no role that may decide about it");
        return Err(Rejection::NoAuthority { reason });
    }
    let why = reason.cloned().unwrap_or_else(|| format!("refused by {by}"));
    Ok(stopped(state, Vec::new(), &why))
}

fn advance(state: &Run, now: DateTime<Utc>) -> Decision {
    if state.hold.is_some() {
        return Decision::default();
    }
    let is_alive = state.live_unit().is_some();
    match state.status {
        Status::Running => match state.next_probe() {
            Some(_) if is_alive => Decision::default(),
            Some(probe) => start(state, &[probe]),
            None => next(state, now),
        },
        Status::Undoing if is_alive => Decision::default(),
        Status::Undoing => match state.next_probe().or_else(|| state.next_undo()) {
            Some(unit) if state.waits.get(&unit).is_some_and(|due| now < *due) => Decision::default(),
            Some(unit) => start(state, &[unit]),
            None => ended(state, vec![RunEvent::Undone], RunOutcome::Undone, None),
        },
        _ => Decision::default(),
    }
}

fn next(state: &Run, now: DateTime<Utc>) -> Decision {
    match state.turn(now) {
        Turn::Wait => Decision::default(),
        Turn::Start(units) => {
            match units.iter().find_map(|unit| budget::question_before(state, *unit, now)) {
                // people are asked when nothing is under way any more
                Some(_) if state.live_unit().is_some() => Decision::default(),
                Some(question) => ask(state, question),
                None => start(state, &units),
            }
        }
        Turn::Raise(unit) => several::raise(state, unit),
        Turn::Begin(of) => {
            if let Some(question) = budget::question_before(state, of, now) {
                return ask(state, question);
            }
            several::begin(state, of, now).unwrap_or_else(|| start(state, &state.first_turn(of, now)))
        }
        Turn::Through => {
            let (outcome, reason) = hold::outcome_of_success(state);
            ended(state, vec![RunEvent::Succeeded], outcome, reason).with_triage_end(state)
        }
    }
}

fn ask(state: &Run, question: Question) -> Decision {
    Decision { events: vec![RunEvent::Asked { question }], effects: refresh(state), ..Decision::default() }
}

impl Decision {
    fn with_triage_end(mut self, state: &Run) -> Decision {
        if state.unasked && state.incident.is_some() {
            let ran = state.commands.values().filter(|phase| phase.may_have_happened()).count();
            let commands = u32::try_from(ran).unwrap_or(u32::MAX);
            self.effects
                .insert(0, Effect::TellIncident(IncidentCommand::EndTriage { run: state.id, commands }));
        }
        self
    }
}

/// Starts commands at once. One that does not have its turn is passed over, on the record.
fn start(state: &Run, units: &[Unit]) -> Decision {
    let mut decision = Decision::default();
    if let Some(first) = units.first().filter(|_| !state.is_as_planned()) {
        let reason =
            "the plan on disk is not the one that this run's code stands for, so nothing of it is started";
        return fail(state, *first, reason, decision);
    }
    let mut attempt = state.attempts;
    for unit in units.iter().copied() {
        let Some(command) = state.command(unit) else { continue };
        if let Some(name) = state.missing_baseline(unit) {
            let title = title_of(state, unit, command);
            let reason = format!("{title}: nothing captured {name}, which its undo goes back to");
            return fail(state, unit, &reason, decision);
        }
        // a loop's own turn was decided about when it began
        let condition = match unit.item {
            _ if state.unasked && command.effect != CommandEffect::Read => {
                Ok(Some("only read-only commands run unasked".to_owned()))
            }
            Some(_) => Ok(None),
            None => condition_of(state, unit, command),
        };
        match condition {
            Ok(None) => {
                attempt += 1;
                let step = state.plan.steps.get(unit.step).map_or("", |step| step.id.as_str());
                decision.effects.push(Effect::Execute { unit, attempt });
                decision.events.push(RunEvent::CommandStarted {
                    unit,
                    attempt,
                    idempotency_key: format!("{}/{step}/{attempt}", state.id),
                    effect: Some(command.effect),
                    fingerprint: Some(state.fingerprint.clone()),
                    lock_epoch: state.epoch.filter(|_| state.holds_target()),
                });
            }
            Ok(Some(reason)) => decision = merge(decision, skip(unit, reason)),
            Err(reason) if state.unasked => decision = merge(decision, skip(unit, reason)),
            // what has begun is awaited before the run ends because of this
            Err(_) if attempt > state.attempts || state.live_unit().is_some() => {}
            Err(reason) => return fail(state, unit, &reason, decision),
        }
    }
    if attempt > state.attempts {
        decision.effects.extend(refresh(state));
    }
    decision
}

pub(super) fn skip(unit: Unit, reason: String) -> Decision {
    Decision {
        events: vec![RunEvent::CommandSkipped { unit, reason }],
        effects: vec![Effect::Continue(ResumePoint::Next)],
        ..Decision::default()
    }
}

/// Why a command's condition passes it over; `None` when it is to run.
pub(super) fn condition_of(
    state: &Run,
    unit: Unit,
    command: &PlannedCommand,
) -> Result<Option<String>, String> {
    let Some(text) = command.flow.when.as_ref().filter(|_| unit.role != UnitRole::Probe) else {
        return Ok(None);
    };
    let title = title_of(state, unit, command);
    let condition =
        condition(text).map_err(|reason| format!("{title}: its condition does not read: {reason}"))?;
    match state.value(unit, &condition.name) {
        Some(value) if condition.holds(value) => Ok(None),
        Some(value) => Ok(Some(format!("when {text}: {} is '{value}'", condition.name))),
        None => Err(format!(
            "{title}: whether {text} holds is not known, because nothing gave {} a value",
            condition.name
        )),
    }
}

/// The live command of that attempt; anything else is a repeated or outdated message.
fn live(state: &Run, attempt: u32) -> Option<(Unit, &PlannedCommand)> {
    let (unit, _) = state.live_units().find(|(_, live)| live.number == attempt)?;
    state.command(unit).map(|command| (unit, command))
}

fn finish(state: &Run, attempt: u32, finished: &Finished, now: DateTime<Utc>) -> Decision {
    let Some((unit, command)) = live(state, attempt) else { return Decision::default() };
    let mut decision = Decision::default();
    let mut verdicts = judge(command, finished);
    let captured = capture(command, finished, &mut verdicts);
    let next = wait::after(state, unit, finished, &mut verdicts, now);
    let mut store = |text: &str| {
        if text.is_empty() {
            return None;
        }
        let sha256 = hex::encode(Sha256::digest(text.as_bytes()));
        decision.blobs.push(Blob { sha256: sha256.clone(), bytes: text.as_bytes().to_vec() });
        Some(sha256)
    };
    let stdout_sha256 = store(&finished.stdout.text);
    let stderr_sha256 = store(&finished.stderr.text);
    decision.events.push(RunEvent::CommandEnded {
        unit,
        attempt,
        exit: finished.exit,
        elapsed_ms: finished.elapsed_ms,
        stdout_sha256: stdout_sha256.clone(),
        stderr_sha256,
        verdicts: verdicts.clone(),
        state_written: finished.state == StateOutcome::Written,
        survivors: finished.survivors.clone(),
    });
    if let Some((name, value)) = captured {
        decision.events.push(RunEvent::ValueCaptured { unit, name, value });
    }
    let failed = verdicts.iter().any(|verdict| verdict.outcome == Outcome::Fail);
    // a probe's no is an answer
    let again = failed && unit.role != UnitRole::Probe && finished.exit != Exit::Cancelled;
    if let Some(due) = next.or_else(|| again::due(state, unit, attempt, now).filter(|_| again)) {
        decision.events.push(RunEvent::RetryScheduled { unit, attempt, due });
        decision.effects.push(Effect::RetryTimer { attempt, due });
        decision.effects.extend(refresh(state));
        return decision;
    }
    if let (Some(_), true) = (state.incident, state.unasked) {
        decision.effects.push(Effect::TellIncident(IncidentCommand::AddEvidence {
            run: state.id,
            command: command.id.clone(),
            title: title_of(state, unit, command),
            verdicts: verdicts.iter().map(|v| (v.text.clone(), v.outcome, v.reason.clone())).collect(),
            output_sha256: stdout_sha256,
            changes: changes(command, finished),
        }));
    }
    if state.unasked {
        decision.effects.push(Effect::Continue(ResumePoint::Next));
        return decision;
    }
    if state.is_of_several(unit) {
        return several::ended(state, unit, attempt, command.effect, finished, decision);
    }
    settle(state, unit, command, finished, &verdicts, decision)
}

/// What follows from a judged command in a run that people asked for.
fn settle(
    state: &Run,
    unit: Unit,
    command: &PlannedCommand,
    finished: &Finished,
    verdicts: &[Verdict],
    mut decision: Decision,
) -> Decision {
    if unit.role == UnitRole::Probe {
        return merge(decision, probe::answered(state, finished, verdicts));
    }
    let worst = |wanted: Outcome| verdicts.iter().find(|verdict| verdict.outcome == wanted);
    let cut_off = !matches!(finished.exit, Exit::Code { .. });
    let cancelled = finished.exit == Exit::Cancelled;
    // A cut-off effect may or may not exist: saying "failed" would claim to know.
    if cut_off && command.effect == CommandEffect::Once {
        let reason = format!("it was ended before it finished ({})", exit_words(finished.exit));
        return doubt(state, unit, finished_attempt(&decision), &reason, decision);
    }
    if let Some(failed) = worst(Outcome::Fail) {
        let reason = format!("{}: {}", title_of(state, unit, command), several::expected(failed));
        if let Some(next) = reads::after_failure(state, unit, &reason).filter(|_| !cancelled) {
            return merge(decision, next);
        }
        return fail(state, unit, &reason, decision);
    }
    let question = if worst(Outcome::Late).is_some() {
        Some(Question::Late { unit })
    } else if worst(Outcome::Ask).is_some() {
        Some(Question::Check { unit })
    } else if finished.state == StateOutcome::Missing
        && unit.role == UnitRole::Main // undo and baselines hand nothing on
        && more_main_commands(state, unit)
    {
        let reason = "its shell ended without handing on its variables; later commands may miss them";
        Some(Question::Blocked { unit, reason: reason.to_owned() })
    } else {
        None
    };
    match question {
        Some(question) => {
            decision.events.push(RunEvent::Asked { question });
            decision.effects.extend(refresh(state));
            decision
        }
        None => {
            decision.effects.extend(refresh(state));
            decision.effects.push(Effect::Continue(ResumePoint::Next));
            decision
        }
    }
}

fn finished_attempt(decision: &Decision) -> u32 {
    decision
        .events
        .iter()
        .find_map(|event| match event {
            RunEvent::CommandEnded { attempt, .. } => Some(*attempt),
            _ => None,
        })
        .unwrap_or(0)
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

fn doubt(state: &Run, unit: Unit, attempt: u32, reason: &str, decision: Decision) -> Decision {
    let mut next = Decision {
        events: vec![RunEvent::CommandInDoubt { unit, attempt, reason: reason.to_owned() }],
        ..Decision::default()
    };
    if let Some(order) = probe::order(state, unit) {
        return merge(decision, merge(next, order));
    }
    next.events.push(RunEvent::Asked { question: Question::Doubt { unit, reason: reason.to_owned() } });
    next.effects.extend(refresh(state));
    merge(decision, next)
}

pub(super) fn merge(mut first: Decision, second: Decision) -> Decision {
    first.events.extend(second.events);
    first.effects.extend(second.effects);
    first.blobs.extend(second.blobs);
    first.refusal = first.refusal.or(second.refusal);
    first
}

fn not_started(state: &Run, attempt: u32, reason: &str) -> Decision {
    let Some((unit, _)) = live(state, attempt) else { return Decision::default() };
    let decision = Decision {
        events: vec![RunEvent::CommandNotStarted { unit, attempt, reason: reason.to_owned() }],
        ..Decision::default()
    };
    if state.unasked {
        let next = Decision { effects: vec![Effect::Continue(ResumePoint::Next)], ..Decision::default() };
        return merge(decision, next);
    }
    if let (UnitRole::Probe, Some(doubted)) = (unit.role, state.probing) {
        let says = format!("the probe could not be run: {reason}");
        return merge(decision, probe::ask(state, doubted, &says));
    }
    if state.is_of_several(unit) {
        return several::go_on(state, decision);
    }
    let reason = format!("not started: {reason}");
    if let Some(next) = reads::after_failure(state, unit, &reason) {
        return merge(decision, next);
    }
    fail(state, unit, &reason, decision)
}

fn lost(state: &Run, attempt: u32, reason: &str) -> Decision {
    let Some((unit, command)) = live(state, attempt) else { return Decision::default() };
    // Reading or repeating again harms nobody; anything else is for a person to decide.
    if command.effect != CommandEffect::Once || sabotage::is_on(Sabotage::RerunOnce) {
        return Decision {
            events: vec![
                RunEvent::CommandInDoubt { unit, attempt, reason: reason.to_owned() },
                RunEvent::RetryOrdered { unit },
            ],
            effects: again_when_it_goes_on(state),
            ..Decision::default()
        };
    }
    if state.is_of_several(unit) {
        let event = RunEvent::CommandInDoubt { unit, attempt, reason: reason.to_owned() };
        return several::go_on(state, Decision { events: vec![event], ..Decision::default() });
    }
    doubt(state, unit, attempt, reason, Decision::default())
}

/// The yes that it had still stands, and nothing happened: it is started now, as a new attempt.
fn never_begun(state: &Run, attempt: u32, reason: &str) -> Decision {
    let Some((unit, _)) = live(state, attempt) else { return Decision::default() };
    Decision {
        events: vec![
            RunEvent::CommandNotStarted { unit, attempt, reason: reason.to_owned() },
            RunEvent::RetryOrdered { unit },
        ],
        effects: again_when_it_goes_on(state),
        ..Decision::default()
    }
}

/// The command starts again by itself, which tells people. Not while somebody has paused the run: then nothing is under way
/// any more, and that must be seen.
fn again_when_it_goes_on(state: &Run) -> Vec<Effect> {
    let mut effects = if state.hold.is_some() { refresh(state) } else { Vec::new() };
    effects.push(Effect::Continue(ResumePoint::Next));
    effects
}

fn recover(state: &Run) -> Decision {
    const CUT_OFF: &str = "blocks ended while the command was under way; what was left of it has been ended";
    let attempts: Vec<u32> = state.live_units().map(|(_, attempt)| attempt.number).collect();
    match attempts.as_slice() {
        [] if matches!(state.status, Status::Running | Status::Undoing) => {
            Decision { effects: vec![Effect::Continue(ResumePoint::Next)], ..Decision::default() }
        }
        attempts => several::together(attempts.iter().map(|attempt| lost(state, *attempt, CUT_OFF))),
    }
}

fn answer(
    state: &Run,
    yes: bool,
    reason: Option<&String>,
    now: DateTime<Utc>,
) -> Result<Decision, Rejection> {
    let Status::Paused { question } = &state.status else {
        let held = state.hold.is_some();
        return Err(wrong_status(state, if held { hold::GO_ON } else { "it asks nothing" }));
    };
    match (question, yes) {
        (Question::Doubt { .. }, _) => Err(wrong_status(
            state,
            "say `mark-done` when it has happened, `retry` to run it again, or `cancel`",
        )),
        (Question::Overrun { what, .. }, true) => budget::go_on(state, *what, reason),
        // going on without a check is what `skip` is, with the same yes of another person
        (Question::Guard { .. }, true) => hold::pass_over(
            state,
            reason.map_or("it failed, and the answer was to go on", String::as_str),
            now,
        ),
        (other, true) => Ok(go_on(state, other.unit(), reason)),
        (other, false) => {
            let why = reason.cloned().unwrap_or_else(|| "a person says it is not as expected".to_owned());
            Ok(fail(state, other.unit(), &why, Decision::default()))
        }
    }
}

fn go_on(state: &Run, unit: Unit, reason: Option<&String>) -> Decision {
    let mut effects = refresh(state);
    effects.push(Effect::Continue(ResumePoint::Next));
    Decision {
        events: vec![RunEvent::AnsweredYes { unit, reason: reason.cloned() }],
        effects,
        ..Decision::default()
    }
}

fn mark_done(state: &Run, reason: Option<&String>, now: DateTime<Utc>) -> Result<Decision, Rejection> {
    match &state.status {
        Status::Paused { question: Question::Doubt { unit, .. } } => Ok(go_on(state, *unit, reason)),
        // Its status says no, and somebody has seen that it happened all the same.
        Status::Failed { .. } => {
            let effect = |unit: &Unit| {
                state.may_have_happened(*unit)
                    && state.command(*unit).is_some_and(|command| command.effect != CommandEffect::Read)
            };
            let Some(unit) = state.next_unit().filter(effect) else {
                return Err(wrong_status(state, "what it stopped at changes nothing, or never began"));
            };
            let mut decision = Decision {
                events: vec![RunEvent::AnsweredYes { unit, reason: reason.cloned() }],
                effects: open_again(state),
                ..Decision::default()
            };
            // One person's word against what was seen: whatever it lets begin needs another person's, as for `skip`.
            hold::go_on_to_what_is_left(state, unit, &mut decision, now);
            decision.effects.extend(refresh(state));
            Ok(decision)
        }
        // Somebody looked, and put right what the undo left: the target is free again.
        Status::UndoFailed { .. } => {
            Ok(ended(state, vec![RunEvent::Undone], RunOutcome::Undone, reason.cloned()))
        }
        _ => Err(wrong_status(
            state,
            "only a step that failed or is in doubt, or a failed undo, can be marked as done",
        )),
    }
}

fn retry(state: &Run, now: DateTime<Utc>) -> Result<Decision, Rejection> {
    let units = match &state.status {
        // it has not begun: running it is going on
        Status::Paused { question: Question::Overrun { what, .. } } => {
            return budget::go_on(state, *what, None);
        }
        Status::Paused { question } => vec![question.unit()],
        Status::Failed { .. } | Status::UndoFailed { .. } => match several::again(state) {
            units if units.is_empty() => return Err(wrong_status(state, "nothing is left to run")),
            units => units,
        },
        _ => return Err(wrong_status(state, "only a failed or paused step can be retried")),
    };
    let events = units.iter().map(|unit| RunEvent::RetryOrdered { unit: *unit }).collect();
    let mut decision = Decision { events, ..Decision::default() };
    let is_once = |unit: &Unit| {
        state.command(*unit).is_some_and(|command| command.effect == CommandEffect::Once)
            && state.may_have_happened(*unit)
    };
    if units.iter().any(is_once) {
        // Running it again may double the effect, so it wants a yes of its own (design section 7.8).
        let expires_at = now + Duration::minutes(15);
        decision.events.push(RunEvent::ApprovalAsked { expires_at });
        decision.effects.push(Effect::ApprovalTimer { due: expires_at });
        decision.effects.push(Effect::Send(Outgoing::Plan { run: state.id }));
    } else {
        decision.effects.push(Effect::Continue(ResumePoint::Next));
    }
    decision.effects.extend(open_again(state));
    decision.effects.extend(refresh(state));
    Ok(decision)
}

/// A run that had ended goes on: its incident may not be resolved meanwhile.
pub(super) fn open_again(state: &Run) -> Vec<Effect> {
    let tell = state.incident.is_some() && state.plan.is_mutating() && !state.status.is_open();
    let command = IncidentCommand::StartMitigation { run: state.id };
    tell.then_some(Effect::TellIncident(command)).into_iter().collect()
}

fn cancel(state: &Run, reason: Option<&String>) -> Result<Decision, Rejection> {
    if !state.status.is_open() || state.status == Status::Undoing {
        return Err(wrong_status(state, "it has ended, or is being undone"));
    }
    let why = reason.cloned().unwrap_or_else(|| "cancelled".to_owned());
    let mut decision = Decision { effects: vec![Effect::EndProcesses], ..Decision::default() };
    decision.events.extend(several::cut_off(state, "cancelled while it ran"));
    Ok(merge(decision, stopped(state, Vec::new(), &why)))
}

fn undo(state: &Run) -> Result<Decision, Rejection> {
    let fits = matches!(
        state.status,
        Status::Failed { .. } | Status::Cancelled | Status::Succeeded | Status::Paused { .. }
    ) || hold::rests(state);
    if !fits || state.undoing {
        return Err(wrong_status(
            state,
            "only a run that has stopped, and is not being undone, can be undone",
        ));
    }
    if state.next_undo().is_none() {
        return Err(Rejection::NothingToUndo { run: state.id });
    }
    let mut effects = open_again(state);
    effects.extend(refresh(state));
    effects.push(Effect::Continue(ResumePoint::Next));
    Ok(Decision { events: vec![RunEvent::UndoStarted], effects, ..Decision::default() })
}

fn judge(command: &PlannedCommand, finished: &Finished) -> Vec<Verdict> {
    let observed = Observed {
        exit_code: match finished.exit {
            Exit::Code { code } => Some(code),
            Exit::Signal { .. } | Exit::TimedOut | Exit::Cancelled => None,
        },
        stdout: &finished.stdout.text,
        stderr: &finished.stderr.text,
        truncated: finished.stdout.dropped_bytes > 0,
        elapsed_ms: finished.elapsed_ms,
        timed_out: finished.exit == Exit::TimedOut,
    };
    let stopped_silently = || {
        command.kind == CommandKind::Shell
            && observed.stdout.trim().is_empty()
            && !ends_in_search(&command.text)
    };
    let texts = command.expectations.iter().map(|expectation| expectation.text.clone());
    let texts = texts.chain(std::iter::once(String::new()));
    texts
        .zip(judge_command(&command.expectations, &observed))
        .map(|(text, judgement)| {
            let Judgement { outcome, reason } = judgement;
            // status 1 and no output say "nothing found" only where something was searched
            if outcome == Outcome::Pass && observed.exit_code == Some(1) && stopped_silently() {
                let reason = "exit status 1 without any output, and no search that would say so".to_owned();
                return Verdict { text, outcome: Outcome::Ask, reason };
            }
            Verdict { text, outcome, reason }
        })
        .collect()
}

/// The value that a command's output becomes. Outside its pattern it fails the command: nobody may use it.
fn capture(
    command: &PlannedCommand,
    finished: &Finished,
    verdicts: &mut Vec<Verdict>,
) -> Option<(String, String)> {
    let capture = command.capture.as_ref()?;
    if verdicts.iter().any(|verdict| verdict.outcome == Outcome::Fail) {
        return None;
    }
    let value = finished.stdout.text.trim();
    if value.contains(REDACTED) {
        verdicts.push(Verdict {
            text: format!("a value for {} that holds no secret", capture.name),
            outcome: Outcome::Fail,
            reason: "the output holds a secret, which is never captured".to_owned(),
        });
        return None;
    }
    let checked = match finished.stdout.dropped_bytes {
        0 => capture.check(value),
        dropped => Err(format!("{dropped} bytes of the output were not kept")),
    };
    match checked {
        Ok(()) => Some((capture.name.clone(), value.to_owned())),
        Err(reason) => {
            verdicts.push(Verdict {
                text: format!("a value for {} that matches {}", capture.name, capture.pattern),
                outcome: Outcome::Fail,
                reason,
            });
            None
        }
    }
}

fn changes(command: &PlannedCommand, finished: &Finished) -> Vec<ChangeNoted> {
    if command.id != WHAT_CHANGED {
        return Vec::new();
    }
    let lines = finished.stdout.text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.take(10).map(|line| ChangeNoted { text: line.to_owned() }).collect()
}

pub(super) fn title_of(state: &Run, unit: Unit, command: &PlannedCommand) -> String {
    let step = state.plan.steps.get(unit.step).map_or("", |step| step.title.as_str());
    let title = command.title.clone().unwrap_or_else(|| step.to_owned());
    match state.item(unit) {
        Some((_, item)) => format!("{title} [{item}]"),
        None => title,
    }
}

fn more_main_commands(state: &Run, unit: Unit) -> bool {
    state.units().any(|other| other > unit && other.role == UnitRole::Main)
}

pub(super) fn exit_words(exit: Exit) -> String {
    match exit {
        Exit::Code { code } => format!("exit status {code}"),
        Exit::Signal { signal } => format!("signal {signal}"),
        Exit::TimedOut => "its time was up".to_owned(),
        Exit::Cancelled => "cancelled".to_owned(),
    }
}
