//! The pager pages for what an alert has opened already: one incident, whichever of the two came first.

use chrono::{DateTime, Utc};

use super::command::Rejection;
use super::decide::{Decision, Effect, severity_changed};
use super::event::{IncidentEvent, PagerRef};
use super::state::{Incident, Status};
use super::triage_note::triage_note;
use super::verbs::is_open;
use crate::journal::Envelope;
use crate::message::Outgoing;
use crate::ports::PagerCall;

/// A page for what is open here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joining {
    /// The pager's side.
    pub pager: PagerRef,
    /// Why it is this incident's.
    pub why: String,
    /// What the page makes of the severity, where that counts.
    pub severity: Option<PageSeverity>,
    /// The pager is told what the diagnostics find.
    pub tells_pager: bool,
    /// The e-mail at the pager of whoever has the incident, when known.
    pub email: Option<String>,
}

/// How severe it is by its page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageSeverity {
    /// The severity's id.
    pub to: String,
    /// Its target in seconds.
    pub target_s: Option<u32>,
    /// Why, where a rule says so; the page names it when absent.
    pub rule: Option<String>,
}

/// Decides about the page.
///
/// # Errors
/// When the incident is over by now.
pub(super) fn decide(state: &Incident, page: &Joining, now: DateTime<Utc>) -> Result<Decision, Rejection> {
    is_open(state)?;
    if state.pager_rings() {
        return Ok(Decision::default());
    }
    let incident = state.id;
    let is_answered = state.clock.is_answered && state.status != Status::Triggered;
    // more people read at the pager than a private one is for
    let tells_severity = state.severity_by_hand && !state.private;
    let severity = page.severity.as_ref().filter(|_| !state.severity_by_hand);
    let mut decision = Decision {
        events: vec![IncidentEvent::PagerJoined {
            pager: page.pager.clone(),
            why: page.why.clone(),
            tells_pager: page.tells_pager,
            told: is_answered,
            severity_told: tells_severity,
            severity_named: severity.is_some_and(|severity| severity.rule.is_none()),
        }],
        effects: vec![Effect::Send(Outgoing::Card { incident })],
    };
    let mut call = |call| decision.effects.push(Effect::Send(Outgoing::Pager { incident, call }));
    let (at, from) = (page.pager.id.clone(), page.email.clone());
    // somebody has it, and nobody is to be woken for it
    if is_answered {
        call(PagerCall::Acknowledge { incident: at.clone(), from: from.clone() });
    }
    if tells_severity {
        let severity = state.severity.clone();
        call(PagerCall::Severity { incident: at.clone(), from, severity, priority: None });
    }
    if let Some(triage) = state.triage.filter(|_| page.tells_pager) {
        call(PagerCall::Note { incident: at, from: None, text: triage_note(state, triage) });
    }
    if let Some(page) = severity {
        if page.to != state.severity {
            let reason = (page.rule.clone(), false);
            let changed = severity_changed(state, &page.to, page.target_s, reason, now);
            decision.events.extend(changed.events);
            decision.effects.extend(changed.effects);
        } else if page.rule.is_none() && state.reminders.is_severity_guessed {
            decision.events.push(IncidentEvent::SeverityConfirmed { told: false });
        }
    }
    Ok(decision)
}

impl Incident {
    /// Keeps the page that is about it from now on.
    pub(super) fn has_page(&mut self, envelope: &Envelope<IncidentEvent>) {
        let IncidentEvent::PagerJoined { pager, tells_pager, told, severity_named, .. } = &envelope.event
        else {
            return;
        };
        self.pager = Some(pager.clone());
        self.tells_pager = *tells_pager;
        // what was said of a page before it is over
        (self.pager_over, self.pager_resolved, self.pager_asked) = (false, false, false);
        self.pager_refused = false;
        self.pager_said_at = envelope.occurred_at;
        self.taken_at_pager = false;
        if *told {
            self.last_told_at = Some(envelope.at);
            self.taken_seq = envelope.seq;
        }
        // the rules were asked with what the alert says
        self.looks.details_known = true;
        if let Some(triage) = self.triage.filter(|_| *tells_pager) {
            self.pager_notes.push(triage_note(self, triage));
        }
        if let Some(alerts) = &mut self.alerts {
            alerts.named_by_pager = *severity_named;
        }
    }
}
