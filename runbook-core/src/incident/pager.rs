//! What the pager says of an incident, and what it was told: whether it is over, whose it is, where people talk about it.

use chrono::{DateTime, Utc};

use super::command::{IncidentCommand, Rejection};
use super::decide::{Decision, Effect, HERE, LEFT_OPEN, PAGER, PAGER_ENDED, PAGER_REOPENED, TOLD_AGAIN};
use super::event::{IncidentEvent, RunOutcome};
use super::state::{Incident, Status};
use super::tell;
use super::triage_note::{failed_note, triage_note};
use super::verbs::{has_no_run_left, is_open};
use crate::ids::{IncidentNumber, RunId};
use crate::journal::{Cause, Envelope};
use crate::message::Outgoing;
use crate::people::{Actor, Role};
use crate::ports::{Answer, PagerCall};
use crate::sabotage::{self, Sabotage};

/// What the pager puts behind a note that it cuts for its webhook.
const CUT: &str = "[...]";

/// Where people talk about an incident.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bridge {
    /// The address.
    pub url: Option<String>,
    /// Telephone numbers, each with what it is called.
    pub numbers: Vec<String>,
}

impl Bridge {
    /// Whether it is this.
    #[must_use]
    pub fn is_so(&self, url: Option<&String>, numbers: &[String]) -> bool {
        self.url.as_ref() == url && self.numbers == numbers
    }
}

/// Decides about what the pager tells beside its end.
///
/// # Errors
/// When a merge there cannot be one here.
pub(super) fn decide(state: &Incident, command: &IncidentCommand) -> Result<Decision, Rejection> {
    let incident = state.id;
    let with_card = |events| Decision { events, effects: vec![Effect::Send(Outgoing::Card { incident })] };
    Ok(match command {
        IncidentCommand::HearResponder { text, who, answer } => {
            let Some(what) = tell::responder_words(state, who, *answer) else {
                return Ok(Decision::default());
            };
            let (what, text) = (what.to_owned(), text.clone());
            let mut decision = with_card(vec![IncidentEvent::PagerNoted { what, text, id: None }]);
            let comes = *answer == Answer::Comes && matches!(who, Actor::Person(_));
            let has_it = |(role, known): &(Role, Actor)| *role == Role::Responder && known == who;
            // who may see a private one is said here, by somebody who sees it
            if comes && state.status.is_open() && !state.private && !state.roles.iter().any(has_it) {
                let (role, to) = (Role::Responder, who.clone());
                decision.events.push(IncidentEvent::RoleGiven { role, to, asked: false });
                decision.effects.push(Effect::Send(Outgoing::Invite { incident, who: who.clone() }));
            }
            decision
        }
        IncidentCommand::TellAgain { email } if is_led_by_somebody(state.status) => {
            let Some(pager) = &state.pager else { return Ok(Decision::default()) };
            let text = Some("that somebody has it: it had not taken that".to_owned());
            let noted = IncidentEvent::PagerNoted { what: TOLD_AGAIN.to_owned(), text, id: None };
            let call = PagerCall::Acknowledge { incident: pager.id.clone(), from: email.clone() };
            let effects = vec![Effect::Send(Outgoing::Pager { incident, call })];
            Decision { events: vec![noted], effects }
        }
        IncidentCommand::MoveToService { to, triage, chosen } if *to != state.service => {
            let (from, to, chosen) = (state.service.clone(), to.clone(), chosen.clone());
            let mut decision = with_card(vec![IncidentEvent::ServiceChanged { from, to, chosen }]);
            if *triage && state.status.is_open() {
                decision.effects.push(Effect::StartTriage { incident });
            }
            decision
        }
        IncidentCommand::ChangeBridge { url, numbers } if !state.bridge.is_so(url.as_ref(), numbers) => {
            with_card(vec![IncidentEvent::BridgeChanged { url: url.clone(), numbers: numbers.clone() }])
        }
        IncidentCommand::PagerMerged { id, other, occurred_at } => {
            is_open(state)?;
            has_no_run_left(state)?;
            if state.knows_later(*occurred_at) {
                return Err(Rejection::StillOpen { number: state.number, status: state.status.word() });
            }
            // the first says that the pager has ended it already: nobody asks it to
            let ended = IncidentEvent::PagerNoted { what: PAGER_ENDED.to_owned(), text: None, id: None };
            let mut decision = with_card(vec![ended, IncidentEvent::MergedInto { id: *id, other: *other }]);
            decision.effects.push(Effect::ClearTargetTimer { incident });
            decision
        }
        _ => Decision::default(),
    })
}

/// Somebody has it, whatever they do about it by now.
pub(super) fn is_led_by_somebody(status: Status) -> bool {
    matches!(status, Status::Acknowledged | Status::Mitigating | Status::Monitoring)
}

/// Whether what the pager said last is this: a webhook tells the millisecond, and a look sees the second.
pub(super) fn is_told(said_at: DateTime<Utc>, occurred_at: DateTime<Utc>) -> bool {
    said_at.timestamp() >= occurred_at.timestamp()
}

impl Incident {
    /// Whether a run's results are about the service that it belongs to.
    pub(super) fn is_about_its_service(&self, run: RunId) -> bool {
        !self.runs.iter().take(self.runs_before).any(|link| link.triage && link.run == run)
    }

    /// The pager has said something later on whether it is over: its messages come in any order. What a look sees has no more than the
    /// second: of two words of one second the newer one counts.
    pub(super) fn knows_later(&self, occurred_at: DateTime<Utc>) -> bool {
        let is_whole = |at: DateTime<Utc>| at.timestamp_subsec_nanos() == 0;
        let is_later =
            self.pager_said_at.is_some_and(|said_at| match is_whole(said_at) || is_whole(occurred_at) {
                true => said_at.timestamp() > occurred_at.timestamp(),
                false => said_at > occurred_at,
            });
        is_later && !sabotage::is_on(Sabotage::BelieveLate)
    }

    /// Whether the pager has it as open: it calls people about it, and has the last word on its end.
    #[must_use]
    pub fn pager_rings(&self) -> bool {
        self.pager.is_some() && !self.pager_over
    }

    /// Whether the pager has to be asked to end it too.
    pub(super) fn asks_pager_to_end(&self) -> bool {
        self.pager.is_some() && !self.pager_over && !self.pager_refused
    }

    /// Whether it may ring at the pager: nobody is known to have taken it there since it began, or since that ran out.
    #[must_use]
    pub fn is_untaken_at_pager(&self) -> bool {
        let is_told = self.last_told_at.is_some() && !self.ack_refused;
        let is_taken = self.taken_at_pager || is_told;
        self.pager.is_some() && self.status.is_open() && !self.pager_over && !is_taken
    }

    /// Whether an acknowledgement of that time at the pager has run out since, or was before it was opened again: told late, it takes
    /// nothing.
    pub(super) fn has_lost_taking_of(&self, occurred_at: DateTime<Utc>) -> bool {
        self.untaken_at.is_some_and(|untaken_at| occurred_at < untaken_at)
            || self.has_run_out_since(occurred_at)
    }

    /// Whether by this somebody had it whom nobody finds there any more, as the pager tells late. What a look sees is how it is now.
    pub(super) fn is_lost_taking(&self, envelope: &Envelope<IncidentEvent>) -> bool {
        let is_taking = matches!(
            envelope.event,
            IncidentEvent::Acknowledged { .. } | IncidentEvent::CommanderTaken { acting: true, .. }
        );
        let is_told = matches!(envelope.cause, Cause::Inbox { .. });
        is_taking && is_told && envelope.occurred_at.is_some_and(|at| self.has_lost_taking_of(at))
    }

    /// Keeps when nobody had it.
    pub(super) fn hear_of_taking(&mut self, envelope: &Envelope<IncidentEvent>) {
        if matches!(envelope.event, IncidentEvent::Unacknowledged | IncidentEvent::Reopened { .. }) {
            self.untaken_at = self.untaken_at.max(Some(envelope.occurred_at.unwrap_or(envelope.at)));
        }
    }

    /// Whether it was open at the pager for days before Blocks looked.
    #[must_use]
    pub fn is_left_open(&self) -> bool {
        self.noted_at_pager.contains(LEFT_OPEN)
    }

    /// Whether a request to the pager to end it is none any more: the impact came back, or somebody opened it again.
    #[must_use]
    pub fn has_taken_resolve_back(&self) -> bool {
        self.status.is_open() && !self.resolve_requested
    }

    /// Keeps whether it is over for the pager.
    pub(super) fn hear_of_pager(&mut self, envelope: &Envelope<IncidentEvent>) {
        match &envelope.event {
            IncidentEvent::Resolved { via } if via != HERE => self.pager_over = true,
            IncidentEvent::ResolveHeld { .. } => self.pager_over = true,
            IncidentEvent::PagerNoted { what, .. } if what == PAGER_ENDED => {
                self.pager_over = true;
                if self.pager_asked && self.status.is_open() {
                    // It has ended what a person took back meanwhile.
                    self.pager_resolved = true;
                }
            }
            IncidentEvent::TriageEnded { .. } if self.tells_pager => {
                self.pager_notes.extend(self.triage.map(|triage| triage_note(self, triage)));
                return;
            }
            IncidentEvent::TriageFailed { runbook, reason } if self.tells_pager => {
                self.pager_notes.push(failed_note(self, runbook, reason));
                return;
            }
            IncidentEvent::RunEnded { run, runbook, outcome: RunOutcome::UndoFailed, reason } => {
                self.pager_notes.push(undo_failed_note(self.number, *run, runbook, reason.as_deref()));
                return;
            }
            IncidentEvent::ShiftHandedOver { text, .. } => {
                self.pager_notes.push(text.clone());
                return;
            }
            IncidentEvent::NoteAdded { text, source: None }
                if tell::is_told_of_note(self, &envelope.actor) =>
            {
                self.pager_notes.push(tell::note_text(self.number, &envelope.actor, text));
                return;
            }
            IncidentEvent::Reopened { via, .. } if via == PAGER || (via != HERE && self.pager.is_none()) => {
                self.pager_over = false;
            }
            // an alert opens nothing again there
            IncidentEvent::Reopened { via, .. } if via != HERE => return,
            IncidentEvent::Reopened { reason, .. } => {
                let reason = reason.as_deref().unwrap_or_default();
                self.pager_notes.push(reopened_note(self.number, &envelope.actor, reason));
                return;
            }
            _ => return,
        }
        self.pager_asked = false;
    }

    /// Whether this end of the pager's is one that a person has taken back here: it was asked for before that, or is told
    /// once more. Where a person has vouched for the fix since then, it is the end.
    pub(super) fn is_taken_back(&self, occurred_at: DateTime<Utc>) -> bool {
        let told_before = self.pager_said_at.is_some_and(|said_at| is_told(said_at, occurred_at));
        self.status < Status::Monitoring && (self.pager_asked || (self.pager_resolved && told_before))
    }

    /// Whether this note at the pager is one of ours.
    pub(super) fn wrote_at_pager(&self, text: &str) -> bool {
        if sabotage::is_on(Sabotage::TakeEcho) {
            return false;
        }
        // line ends and outer space may come back otherwise than they went
        let text = text.replace("\r\n", "\n");
        let text = text.trim();
        let begun = text.strip_suffix(CUT).map(str::trim_end).filter(|begun| !begun.is_empty());
        self.pager_notes
            .iter()
            .map(|note| note.trim())
            .any(|note| note == text || begun.is_some_and(|begun| note.starts_with(begun)))
    }
}

/// What the pager is told when it is opened again here.
pub(super) fn reopened_note(number: IncidentNumber, by: &Actor, reason: &str) -> String {
    format!("{number} is open again in Blocks, by {by}: {reason}")
}

/// What people and the pager are told when an undo failed.
pub(super) fn undo_failed_note(
    number: IncidentNumber,
    run: RunId,
    runbook: &str,
    reason: Option<&str>,
) -> String {
    format!(
        "{number}: UNDO FAILED for {runbook}: {}. Nothing more changes this target until somebody has looked: `/blocks runbook retry {run}` runs the undo again, `/blocks runbook mark-done {run}` says that what failed is put right.",
        reason.unwrap_or("no reason is known")
    )
}

/// What the pager is told when it was no incident.
pub(super) fn no_incident_note(number: IncidentNumber, by: &Actor, reason: &str) -> String {
    format!("{number} is closed in Blocks as no incident, by {by}: {reason}")
}

/// What the pager is told when it is part of another.
pub(super) fn merged_note(number: IncidentNumber, by: &Actor, other: IncidentNumber) -> String {
    format!("{number} is merged into {other} in Blocks, by {by}")
}

/// The pager's word on whether it is over; other actors' events have no time of the pager.
pub(super) fn says_whether_it_is_over(event: &IncidentEvent) -> bool {
    match event {
        IncidentEvent::Resolved { .. }
        | IncidentEvent::ResolveHeld { .. }
        | IncidentEvent::Reopened { .. } => true,
        IncidentEvent::PagerNoted { what, .. } => what == PAGER_REOPENED || what == PAGER_ENDED,
        _ => false,
    }
}
