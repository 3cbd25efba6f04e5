//! Asking people for a yes, and what their yes and their no come to.

use chrono::{DateTime, Duration, Utc};

use super::approve;
use super::command::{NewRun, Rejection};
use super::decide::{Decision, Effect, ResumePoint, ended, refresh, wrong_status};
use super::event::RunEvent;
use super::state::{Run, Status};
use super::stood::drop_order;
use crate::ids::RunId;
use crate::incident::{IncidentCommand, RunOutcome};
use crate::message::Outgoing;
use crate::people::Actor;
use crate::plan::Fingerprint;

/// How many minutes people have for a fresh yes: to a repetition, to going on past a command, to a list that appeared.
const FRESH_YES_MIN: i64 = 15;

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
        let window = Duration::seconds(i64::from(request.approval_window_s));
        ask_for_yes(&mut decision, request.id, now + window, None, request.announce);
    } else {
        decision.events.push(RunEvent::Started);
        decision.effects.push(Effect::Continue(ResumePoint::Next));
    }
    decision
}

/// Waits for people's yes until then, and shows them the plan where there is somewhere to show it.
fn ask_for_yes(
    decision: &mut Decision,
    run: RunId,
    expires_at: DateTime<Utc>,
    asked: Option<(Fingerprint, u64)>,
    shown: bool,
) {
    let (fingerprint, back_to) = asked.unzip();
    decision.events.push(RunEvent::ApprovalAsked { expires_at, fingerprint, back_to });
    decision.effects.push(Effect::ApprovalTimer { due: expires_at });
    decision.effects.extend(shown.then_some(Effect::Send(Outgoing::Plan { run })));
}

/// Waits for a yes to what the plan did not say when it was approved: what was decided so far. It has a code of its own, so
/// that a yes which somebody gave to the plan, or to an earlier question, is none to this one.
pub(super) fn ask_for_fresh_yes(decision: &mut Decision, state: &Run, now: DateTime<Utc>) {
    // Events always serialise; if one did not, the code would still be another than the one of before.
    let asked = serde_json::to_value(&decision.events).unwrap_or_default();
    let fingerprint = state.fingerprint.with_question(state.seq, &asked);
    let expires_at = now + Duration::minutes(FRESH_YES_MIN);
    ask_for_yes(decision, state.id, expires_at, Some((fingerprint, state.seq)), true);
}

/// A person, or the time, ended it. Half an undo is no end: that is a failed undo.
pub(super) fn stopped(state: &Run, mut events: Vec<RunEvent>, why: &str) -> Decision {
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

pub(super) fn approve_run(
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
        if state.incident.is_some() && state.plan.is_mutating() && !state.is_under_way {
            effects.push(Effect::TellIncident(IncidentCommand::StartMitigation { run: state.id }));
        }
        effects.extend(refresh(state));
        effects.push(Effect::Continue(ResumePoint::Next));
    } else if state.attempts > 0 {
        // What has begun has its progress shown, or on its way: how many have said yes is shown there too.
        effects.push(Effect::Send(Outgoing::Progress { run: state.id }));
    }
    Ok(Decision { events, effects, ..Decision::default() })
}

pub(super) fn refuse(
    state: &Run,
    by: &Actor,
    may_approve: bool,
    reason: Option<&String>,
) -> Result<Decision, Rejection> {
    if !matches!(state.status, Status::WaitingForApproval { .. }) {
        return Err(wrong_status(state, "only a run that waits for approval can be refused"));
    }
    // Whoever asked for it may always withdraw that.
    if !may_approve && *by != state.requester && !state.asked_for_by().contains(by) {
        let reason = format!("{by} has no role that may decide about it");
        return Err(Rejection::NoAuthority { reason });
    }
    let why = reason.cloned().unwrap_or_else(|| format!("refused by {by}"));
    Ok(drop_order(state, &why).unwrap_or_else(|| stopped(state, Vec::new(), &why)))
}

/// Nothing that is not there as it was planned is said yes to. What was begun stands where it stood.
pub(super) fn void(state: &Run, why: &str) -> Decision {
    if !matches!(state.status, Status::WaitingForApproval { .. }) {
        return Decision::default();
    }
    drop_order(state, why).unwrap_or_else(|| stopped(state, Vec::new(), why))
}

/// Nobody said yes in time.
pub(super) fn expire(state: &Run, now: DateTime<Utc>) -> Decision {
    match state.status {
        Status::WaitingForApproval { expires_at } if now >= expires_at => {
            let why = "the approval expired";
            drop_order(state, why).unwrap_or_else(|| stopped(state, vec![RunEvent::ApprovalExpired], why))
        }
        _ => Decision::default(),
    }
}
