//! What people do here that the pager is told, in their name; and its own word for the same, when that comes back.

use chrono::{DateTime, Duration, Utc};

use super::command::{AskAtPager, Word};
use super::decide::{Decision, Effect};
use super::event::IncidentEvent;
use super::pager::is_led_by_somebody;
use super::state::Incident;
use crate::ids::IncidentNumber;
use crate::journal::Envelope;
use crate::message::Outgoing;
use crate::people::{Actor, Role};
use crate::ports::{Answer, PagerCall};

/// So long the pager's word for what it was told may take to come back. What it says after that is its own.
const ECHO: Duration = Duration::minutes(10);
/// The pager shows a severity that it was told.
const TAKEN_OVER: &str = "has the severity";

/// What the pager was told, and has not said to have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Severities, oldest first, and when.
    severities: Vec<(String, DateTime<Utc>)>,
    /// When somebody here said the severity last.
    said_at: Option<DateTime<Utc>>,
    /// The event by which that was said.
    said_seq: u64,
    /// Whom it was to ask.
    asked: Vec<Actor>,
}

/// What the pager's word on the severity is here.
pub(super) enum Heard {
    /// News.
    New,
    /// Its answer to what it was told last; noted as a receipt.
    Receipt,
    /// Said before what somebody has said here since, or its answer to that: nothing new.
    Late,
}

impl Told {
    /// The event by which the last word on the severity was said here; `None` where the pager has it.
    #[must_use]
    pub fn said_here(&self) -> Option<u64> {
        self.said_at.map(|_| self.said_seq)
    }

    /// Whether the pager was told this severity, and has not been seen to have it.
    #[must_use]
    pub fn awaits(&self, severity: &str) -> bool {
        self.severities.iter().any(|(told, _)| told == severity)
    }

    /// What the pager's word is, which it said then.
    fn hears(&self, severity: &str, now: &str, occurred_at: DateTime<Utc>) -> Heard {
        let is_echo = |(told, at): &(String, DateTime<Utc>)| told == severity && occurred_at - *at <= ECHO;
        if severity == now {
            return if self.severities.iter().any(is_echo) { Heard::Receipt } else { Heard::New };
        }
        let is_older = self.said_at.is_some_and(|said_at| occurred_at < said_at);
        if is_older || self.severities.iter().any(is_echo) { Heard::Late } else { Heard::New }
    }

    /// Keeps what was told, and forgets what has come back.
    pub(super) fn keep(&mut self, severity: &str, envelope: &Envelope<IncidentEvent>) {
        match &envelope.event {
            IncidentEvent::SeverityChanged { told, .. } | IncidentEvent::SeverityConfirmed { told } => {
                if *told {
                    self.severities.push((severity.to_owned(), envelope.at));
                    self.said_at = Some(envelope.at);
                    self.said_seq = envelope.seq;
                } else {
                    *self = Told { asked: std::mem::take(&mut self.asked), ..Told::default() };
                }
            }
            IncidentEvent::PagerJoined { severity_told: true, .. } => {
                self.severities.push((severity.to_owned(), envelope.at));
                (self.said_at, self.said_seq) = (Some(envelope.at), envelope.seq);
            }
            IncidentEvent::PagerNoted { what, text: Some(text), .. } if what == TAKEN_OVER => {
                // what it was told before that has been there, too
                let upto = self.severities.iter().rposition(|(told, _)| told == text);
                self.severities.drain(..upto.map_or(0, |upto| upto + 1));
            }
            IncidentEvent::RoleGiven { to, asked: true, .. } => self.asked.push(to.clone()),
            _ => {}
        }
    }
}

impl Incident {
    /// Whether an acknowledgement that the pager tells of now may be the one that it was told, at that time where that is known:
    /// whoever made that call is not who has it.
    #[must_use]
    pub fn awaits_echo_of_taking(&self, called_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
        let is_ours = is_led_by_somebody(self.status) && !self.taken_at_pager && !self.ack_refused;
        // an hour may lie between what was said here and the call
        is_ours
            && self
                .last_told_at
                .is_some_and(|told_at| now - called_at.unwrap_or(told_at).max(told_at) <= ECHO)
    }

    /// Whether the pager is told what people do here. Of a private incident it is not: more people read there than it is for.
    pub(super) fn tells_of_people(&self) -> bool {
        self.pager.is_some() && !self.private
    }

    /// The pager's word on the severity, as it is to be taken.
    pub(super) fn hears_severity(&self, severity: &str, word: &Word) -> Heard {
        match word {
            Word::Pager { occurred_at } if self.knows_later_severity(*occurred_at) => Heard::Late,
            Word::Pager { occurred_at } => self.told.hears(severity, &self.severity, *occurred_at),
            // said while that was looked at: it may not have got there yet
            Word::Seen { looked_at } if self.told.said_at.is_some_and(|said_at| said_at >= *looked_at) => {
                Heard::Late
            }
            Word::Seen { .. } if severity == self.severity && self.told.awaits(severity) => Heard::Receipt,
            Word::Seen { .. } => Heard::New,
            Word::Here { .. } | Word::Rule { .. } => Heard::New,
        }
    }
}

/// The receipt for a severity that the pager has taken over.
pub(super) fn receipt(severity: &str) -> Decision {
    let text = Some(severity.to_owned());
    let event = IncidentEvent::PagerNoted { what: TAKEN_OVER.to_owned(), text, id: None };
    Decision { events: vec![event], effects: Vec::new() }
}

/// The pager is to show this severity.
pub(super) fn severity(state: &Incident, severity: &str, word: &Word) -> Option<Effect> {
    let Word::Here { email } = word else { return None };
    let pager = state.pager.as_ref().filter(|_| state.tells_of_people() && !state.pager_over)?;
    let (incident, from) = (pager.id.clone(), email.clone());
    let call = PagerCall::Severity { incident, from, severity: severity.to_owned(), priority: None };
    Some(Effect::Send(Outgoing::Pager { incident: state.id, call }))
}

/// The pager is to ask somebody to come who was given the role of a responder by another.
pub(super) fn responder(
    state: &Incident,
    (by, to): (&Actor, &Actor),
    role: Role,
    ask: Option<&AskAtPager>,
) -> Option<Effect> {
    let pager = state.pager.as_ref().filter(|_| state.tells_of_people() && !state.pager_over)?;
    let ask = ask.filter(|_| role == Role::Responder && by != to)?;
    let message = format!("{}: {by} asks you to come. {}", state.number, state.title);
    let (incident, from, to) = (pager.id.clone(), ask.from.clone(), ask.to.clone());
    let call = PagerCall::AskResponder { incident, from, to, message };
    Some(Effect::Send(Outgoing::Pager { incident: state.id, call }))
}

/// The pager is to keep what somebody wrote down.
pub(super) fn note(state: &Incident, by: &Actor, email: Option<&String>, text: &str) -> Option<Effect> {
    let pager = state.pager.as_ref().filter(|_| is_told_of_note(state, by))?;
    let (incident, from) = (pager.id.clone(), email.cloned());
    let call = PagerCall::Note { incident, from, text: note_text(state.number, by, text) };
    Some(Effect::Send(Outgoing::Pager { incident: state.id, call }))
}

/// Whether the pager keeps what this one writes down.
pub(super) fn is_told_of_note(state: &Incident, by: &Actor) -> bool {
    state.tells_of_people() && matches!(by, Actor::Person(_) | Actor::Local(_))
}

/// A note of somebody here, as the pager has it: where it does not know them, it has at least their name.
pub(super) fn note_text(number: IncidentNumber, by: &Actor, text: &str) -> String {
    format!("{by}, in {number}: {text}")
}

/// What is noted of somebody who is asked at the pager, or answers; `None` where it asks whom it was to ask.
pub(super) fn responder_words(state: &Incident, who: &Actor, answer: Answer) -> Option<&'static str> {
    match answer {
        Answer::Asked if state.told.asked.contains(who) => None,
        Answer::Asked => Some("a responder was asked"),
        Answer::Comes => Some("a responder comes"),
        Answer::Declines => Some("a responder does not come"),
    }
}
