//! Where a run stood before an order that waits for a yes (to run again, to go on without something, that something is
//! done): without the yes it stands there again, and whatever could be said of it before can be said still.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::approve::Approval;
use super::decide::{Decision, Effect, refresh};
use super::event::{RunEvent, Unit};
use super::handed::Handed;
use super::hold::Hold;
use super::said::Said;
use super::state::{CommandPhase, Run, Status};
use super::vouch::Word;
use crate::incident::{IncidentCommand, RunOutcome};
use crate::message::Outgoing;
use crate::plan::Fingerprint;

/// What orders change of a run.
#[derive(Debug, Clone, PartialEq)]
struct Stood {
    /// The last event before the order.
    seq: u64,
    /// The order passed something over: one order may be about many commands.
    is_skip: bool,
    status: Status,
    hold: Option<Hold>,
    commands: BTreeMap<Unit, CommandPhase>,
    repeated: BTreeSet<Unit>,
    ordered: BTreeSet<Unit>,
    released: BTreeSet<Unit>,
    words: BTreeMap<Unit, Word>,
    waits: BTreeMap<Unit, DateTime<Utc>>,
    since: BTreeMap<Unit, DateTime<Utc>>,
    said: Said,
    handed: Handed,
    fingerprint: Fingerprint,
    approvals: Vec<Approval>,
}

/// Where a run stood before each of the orders that nothing has followed yet.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Orders(Vec<Stood>);

impl Run {
    /// The part of an event that is about where the run stood; before the rest of it is applied.
    pub(super) fn apply_order(&mut self, event: &RunEvent) {
        match event {
            RunEvent::RetryOrdered { .. } | RunEvent::AnsweredYes { .. } | RunEvent::PassedOver { .. } => {
                let is_skip = matches!(event, RunEvent::PassedOver { .. });
                let is_same = match self.orders.0.last() {
                    Some(last) => self.status.is_at_work() && last.is_skip == is_skip,
                    None => false,
                };
                if !is_same {
                    let stood = self.stands(is_skip);
                    self.orders.0.push(stood);
                }
            }
            RunEvent::ApprovalAsked { back_to, .. } => {
                let asked = |stood: &Stood| back_to.is_some_and(|seq| stood.seq >= seq);
                let first = self.orders.0.iter().position(asked);
                self.orders.0 = first.map(|first| self.orders.0.swap_remove(first)).into_iter().collect();
            }
            RunEvent::OrderDropped { .. } => {
                if let Some(stood) = self.orders.0.pop() {
                    self.stand_again(stood);
                }
                self.orders.0.clear();
            }
            RunEvent::Approved { .. }
            | RunEvent::ApprovalRefused { .. }
            | RunEvent::ReasonGiven { .. }
            | RunEvent::ResumeOrdered { .. }
            | RunEvent::MessagePosted { .. } => {}
            _ => self.orders.0.clear(),
        }
    }

    /// Where it stands again if the yes that it waits for is not given; `None` when it ends then.
    #[must_use]
    pub fn stands_again(&self) -> Option<&Status> {
        let waits = matches!(self.status, Status::WaitingForApproval { .. });
        self.orders.0.last().filter(|_| waits).map(|stood| &stood.status)
    }

    fn stands(&self, is_skip: bool) -> Stood {
        Stood {
            seq: self.seq,
            is_skip,
            status: self.status.clone(),
            hold: self.hold.clone(),
            commands: self.commands.clone(),
            repeated: self.repeated.clone(),
            ordered: self.ordered.clone(),
            released: self.released.clone(),
            words: self.words.clone(),
            waits: self.waits.clone(),
            since: self.since.clone(),
            said: self.said.clone(),
            handed: self.handed.clone(),
            fingerprint: self.fingerprint.clone(),
            approvals: self.approvals.clone(),
        }
    }

    fn stand_again(&mut self, stood: Stood) {
        // what rested because a person paused it rests again, whoever let it go on meanwhile: nothing begins by itself
        if stood.status.is_at_work() {
            self.hold = stood.hold;
        }
        self.status = stood.status;
        self.commands = stood.commands;
        self.repeated = stood.repeated;
        self.ordered = stood.ordered;
        self.released = stood.released;
        self.words = stood.words;
        self.waits = stood.waits;
        self.since = stood.since;
        self.said = stood.said;
        self.handed = stood.handed;
        self.fingerprint = stood.fingerprint;
        self.approvals = stood.approvals;
    }
}

/// What is ended while an order waits for its yes ends as it stood before the order, with what was known then.
pub(super) fn unordered(state: &Run, why: &str) -> Option<RunEvent> {
    state.stands_again().map(|_| RunEvent::OrderDropped { reason: why.to_owned() })
}

/// Nobody said yes to what was ordered: the run stands where it stood. `None` where it did not stand anywhere before.
pub(super) fn drop_order(state: &Run, why: &str) -> Option<Decision> {
    let ended = match state.stands_again()? {
        Status::Failed { reason } => Some((RunOutcome::Failed, reason.clone())),
        Status::UndoFailed { reason } => Some((RunOutcome::UndoFailed, reason.clone())),
        _ => None,
    };
    let events = vec![RunEvent::OrderDropped { reason: why.to_owned() }];
    let mut effects = vec![Effect::ClearApprovalTimer];
    if let Some((outcome, reason)) = ended.filter(|_| state.incident.is_some()) {
        let command = IncidentCommand::StandAgain { run: state.id, outcome, reason };
        effects.push(Effect::TellIncident(command));
    }
    if state.plan_message.is_some() {
        effects.push(Effect::Send(Outgoing::Plan { run: state.id }));
    }
    effects.extend(refresh(state));
    Some(Decision { events, effects, ..Decision::default() })
}
