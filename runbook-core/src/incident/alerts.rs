//! What the alerts of an incident mean for it: counted on its timeline, and over when all of them are.

use chrono::{DateTime, Duration, Utc};
use serde::Serialize;

use super::command::OpenIncident;
use super::decide::{Decision, Effect, HERE, PAGER, open};
use super::event::IncidentEvent;
use super::state::{Incident, Status};
use crate::alert::{AlertCount, Tally};
use crate::journal::Envelope;
use crate::message::Outgoing;
use crate::people::Actor;

/// Why an incident is open whose alerts have all ended.
const LEFT_OUT_HOLDS: &str =
    "what was left out may fire, and holds it open until its sender leaves out none, or a person ends it";

/// Alerts of one incident, as of now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertsTold {
    /// Who told of them last, such as `alertmanager`.
    pub source: String,
    /// All of them, counted.
    pub tally: Tally,
    /// What became of those that came, began or ended, and why: a line for each kind.
    pub reasons: Vec<String>,
    /// Why its end does not hold, where one fires again.
    pub reopens: Option<String>,
    /// Those that are damped from now on.
    pub damped: Vec<String>,
    /// Those that were damped, and are steady.
    pub steady: Vec<String>,
    /// One of them is more severe than it.
    pub raises: Option<Raise>,
}

/// A severity that an alert names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raise {
    /// The severity's id.
    pub to: String,
    /// Its target in seconds.
    pub target_s: Option<u32>,
    /// Why.
    pub reason: String,
}

/// The alerts of an incident.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Alerts {
    /// What was told of them last.
    pub tally: Tally,
    /// An alert has opened it: it is over when all of them are.
    pub opened: bool,
    /// An alert has opened it again, whoever had opened it before.
    pub again: bool,
    /// A person has opened it again: it is not over when the alerts are.
    pub by_hand: bool,
    /// The page that joined it has said how severe it is: alerts raise it no more.
    pub named_by_pager: bool,
    /// Those that come and go, and are damped.
    pub damped: Vec<String>,
}

impl Alerts {
    /// Whether alerts say how severe it is.
    #[must_use]
    pub fn say_severity(&self) -> bool {
        self.opened && !self.named_by_pager
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> AlertCount {
        AlertCount { firing: self.tally.firing, total: self.tally.total }
    }
}

/// Opens an incident for an alert.
#[must_use]
pub fn open_for_alerts(
    request: &OpenIncident,
    tally: Tally,
    reasons: Vec<String>,
    now: DateTime<Utc>,
) -> Decision {
    let mut decision = open(request, now);
    if let Some(IncidentEvent::Opened { alerted, .. }) = decision.events.first_mut() {
        *alerted = true;
    }
    decision.events.insert(1, IncidentEvent::AlertsChanged { tally: Box::new(tally), reasons });
    decision
}

/// Decides about what is told of an incident's alerts. What was told already decides to nothing.
pub(super) fn decide(state: &Incident, told: &AlertsTold, now: DateTime<Utc>) -> Decision {
    let incident = state.id;
    let mut events = Vec::new();
    let mut effects = Vec::new();
    // no incident, or a part of another: what its alerts do is nothing of its own any more
    if state.end.is_some() {
        return Decision::default();
    }
    let known = state.alerts.as_ref();
    let was_firing = known.is_some_and(|alerts| alerts.tally.firing > 0);
    let fires_again = !was_firing && told.tally.firing > 0;
    // what was left out of a sender's messages may fire, too
    let was_held = was_firing || known.is_some_and(|alerts| alerts.tally.left_out > 0);
    let came_back = match (&told.reopens, state.status.is_open()) {
        (Some(reason), false) => Some(reason.clone()),
        // it had ended there while something was still open here
        (_, true)
            if fires_again
                && state.pager_resolved
                && (state.pager.is_none()
                    || (!state.pager_rings() && state.status == Status::Monitoring)) =>
        {
            Some("its alerts fire again".to_owned())
        }
        _ => None,
    };
    if let Some(reason) = &came_back {
        let (via, reason) = (told.source.clone(), Some(reason.clone()));
        // whoever took it before its end may sleep by now
        events.push(IncidentEvent::Reopened { via, reason, anew: !state.status.is_open() });
        // The impact is back, and the time to mitigate it still counts from its detection.
        if let Some(target_s) = state.target_s {
            effects.push(target_timer(state, target_s, now));
        }
    }
    let is_open = state.status.is_open() || came_back.is_some();
    if !told.reasons.is_empty() || known.is_none_or(|alerts| alerts.tally != told.tally) {
        let (tally, mut reasons) = (Box::new(told.tally.clone()), told.reasons.clone());
        // said once
        let is_said = known.is_some_and(|alerts| alerts.tally.is_held());
        if is_open && tally.is_held() && !is_said && ends_with_alerts(state, came_back.is_some()) {
            reasons.push(LEFT_OUT_HOLDS.to_owned());
        }
        events.push(IncidentEvent::AlertsChanged { tally, reasons });
    }
    let new: Vec<String> = told
        .damped
        .iter()
        .filter(|name| known.is_none_or(|alerts| !alerts.damped.contains(name)))
        .cloned()
        .collect();
    if !new.is_empty() {
        if is_open {
            let text = format!(
                "{}: {} comes and goes. It holds the incident open and is not told of again until it is steady.",
                state.number,
                new.join(", ")
            );
            effects.push(Effect::Send(Outgoing::Note { incident, text }));
        }
        events.push(IncidentEvent::AlertsDamped { alerts: new });
    }
    if !told.steady.is_empty() {
        events.push(IncidentEvent::AlertsSteady { alerts: told.steady.clone() });
    }
    if let Some(raise) = told.raises.as_ref().filter(|raise| is_open && raise.to != state.severity) {
        events.push(IncidentEvent::SeverityChanged {
            from: state.severity.clone(),
            to: raise.to.clone(),
            target_s: raise.target_s,
            reason: None,
            told: false,
        });
        if !state.in_own_channel {
            effects.push(Effect::Send(Outgoing::Channel { incident }));
        }
        effects.push(match raise.target_s {
            // what is opened again has to be mitigated again
            Some(target_s) if state.mitigated_at.is_none() || came_back.is_some() => {
                target_timer(state, target_s, now)
            }
            _ => Effect::ClearTargetTimer { incident },
        });
    }
    if is_open && told.tally.firing == 0 && told.tally.left_out == 0 && (was_held || came_back.is_some()) {
        end(state, told, came_back.is_some(), &mut events, &mut effects);
    }
    if !events.is_empty() {
        effects.insert(0, Effect::Send(Outgoing::Card { incident }));
    }
    Decision { events, effects }
}

/// All of them are over: so is it, where an alert opened it and nobody else has the word. While a run or its question is open it is
/// watched, and people are asked.
fn end(
    state: &Incident,
    told: &AlertsTold,
    came_back: bool,
    events: &mut Vec<IncidentEvent>,
    effects: &mut Vec<Effect>,
) {
    if !ends_with_alerts(state, came_back) {
        return;
    }
    let incident = state.id;
    if let Some(open) = state.unfinished_runs().next() {
        let reason = format!("run {} ({}) {}", open.run, open.runbook, open.unfinished_words());
        let text = format!(
            "{}: all its alerts have ended, but {reason}. It stays in monitoring: see to the run, then `/blocks incident resolve`.",
            state.number
        );
        events.push(IncidentEvent::ResolveHeld { reason });
        effects.push(Effect::Send(Outgoing::Note { incident, text }));
        return;
    }
    events.push(IncidentEvent::Resolved { via: told.source.clone() });
    effects.push(Effect::ClearTargetTimer { incident });
    effects.push(Effect::DraftReview { incident });
}

/// Whether an incident is over when its alerts are: one has opened it, and nobody else has the word.
fn ends_with_alerts(state: &Incident, came_back: bool) -> bool {
    // what they have opened again in this moment is theirs, whoever opened it before
    let is_theirs = came_back
        || state.alerts.as_ref().is_some_and(|alerts| (alerts.opened || alerts.again) && !alerts.by_hand);
    is_theirs && !state.pager_rings()
}

fn target_timer(state: &Incident, target_s: u32, now: DateTime<Utc>) -> Effect {
    let due = (state.detected_at + Duration::seconds(i64::from(target_s))).max(now);
    Effect::TargetTimer { incident: state.id, due }
}

impl Incident {
    /// What holds it open where all its alerts have ended, and would end it: something that a sender has left out.
    #[must_use]
    pub fn held_by_what_is_left_out(&self) -> Option<&'static str> {
        let is_held = self.alerts.as_ref().is_some_and(|alerts| alerts.tally.is_held());
        (is_held && self.status.is_open() && ends_with_alerts(self, false)).then_some(LEFT_OUT_HOLDS)
    }

    /// Keeps what is told of its alerts, and what people say against that.
    pub(super) fn hear_of_alerts(&mut self, envelope: &Envelope<IncidentEvent>) {
        let is_person = matches!(envelope.actor, Actor::Person(_) | Actor::Local(_) | Actor::Outside(_));
        match &envelope.event {
            IncidentEvent::AlertsChanged { tally, .. } => {
                self.alerts.get_or_insert_default().tally = Tally::clone(tally);
            }
            IncidentEvent::AlertsDamped { alerts: new } => {
                let alerts = self.alerts.get_or_insert_default();
                alerts.damped.extend(new.iter().cloned());
            }
            IncidentEvent::AlertsSteady { alerts: steady } => {
                if let Some(alerts) = &mut self.alerts {
                    alerts.damped.retain(|name| !steady.contains(name));
                }
            }
            IncidentEvent::Reopened { via, .. } => {
                if let Some(alerts) = &mut self.alerts {
                    alerts.by_hand = via == HERE;
                    alerts.again = via != HERE && via != PAGER;
                }
            }
            IncidentEvent::SeverityChanged { .. } | IncidentEvent::SeverityConfirmed { .. } => {
                self.severity_by_hand = is_person;
            }
            _ => {}
        }
    }
}
