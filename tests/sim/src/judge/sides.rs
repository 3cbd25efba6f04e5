//! What must hold where the pager is looked at, alerts come, and looks are shared.

use std::collections::BTreeSet;

use blocks_store::memory::Data;
use chrono::Duration;
use runbook_core::ids::{IncidentId, RunId};
use runbook_core::incident::{Incident, IncidentEvent, Status};
use runbook_core::journal::{Cause, Envelope};
use runbook_core::people::Actor;
use runbook_core::ports::SeenStatus;
use runbook_core::run::Run;

use super::Judge;
use crate::organisation::{SERVICES, STORM};
use crate::outside::{Held, Outside};
use crate::script::Script;
use crate::sides::{SENDER, Sides};

/// What the judge knows of a world's sides.
#[derive(Default)]
pub(super) struct Known {
    sides: Sides,
    /// Somebody sets the clock: then what happened there and what happened here cannot be put in order.
    sets_clock: bool,
    /// What was found, by incident and run.
    evidence: BTreeSet<(IncidentId, RunId, String, String, String)>,
}

impl Judge {
    /// What the world is like.
    pub(crate) fn knows(&mut self, script: &Script) {
        let (sides, sets_clock) = (script.shape.sides.clone(), script.sets_clock());
        self.known = Known { sides, sets_clock, ..Known::default() };
    }

    /// An event of an incident, before it is folded in.
    pub(super) fn side_event(
        &mut self,
        id: IncidentId,
        envelope: &Envelope<IncidentEvent>,
        held: Option<&Held>,
    ) {
        match &envelope.event {
            IncidentEvent::Opened { pager: Some(pager), .. } if pager.id.starts_with("OURS") => {
                self.accuse("echo", format!("incident {id} is about a page of ours"));
            }
            IncidentEvent::Opened { alerted: true, service, private: false, .. } => {
                let is_known = SERVICES.iter().any(|(name, ..)| name == service);
                // opened again by the same commit, it was not open when that was decided
                let came_back = |other: &Incident| {
                    other.clock.since == Some(envelope.at) && other.opened_at != envelope.at
                };
                let gathers = |other: &Incident| {
                    other.status.is_open()
                        && !came_back(other)
                        && !other.private
                        && other.service == *service
                        && other.alerts.as_ref().is_some_and(|alerts| alerts.opened)
                        && envelope.at < other.opened_at + STORM
                };
                let other = self.incidents.values().map(|watch| &watch.incident).find(|other| gathers(other));
                if let Some(other) = other.filter(|_| is_known) {
                    let text =
                        format!("alerts of {service} open incident {id} while {} gathers them", other.number);
                    self.accuse("one-storm", text);
                }
            }
            IncidentEvent::PagerNoted { what, text: Some(text), id: note } if what == "note" => {
                let Some(watch) = self.incidents.get(&id) else { return };
                let is_known = note.as_ref().is_some_and(|note| watch.incident.noted_at_pager.contains(note));
                if self.ours_at_pager.contains(text) {
                    self.accuse(
                        "echo",
                        format!("incident {id}: a note of ours is told here as news: {text}"),
                    );
                } else if is_known {
                    self.accuse(
                        "duplicate-message",
                        format!("incident {id}: the note {note:?} is noted twice"),
                    );
                }
            }
            IncidentEvent::SeverityChanged { to, reason: None, told: false, .. } => {
                let is_pagers = !self.known.sets_clock
                    && match &envelope.cause {
                        Cause::Inbox { source, .. } => source == "pagerduty",
                        Cause::Engine => envelope.actor == Actor::system("pagerduty"),
                        _ => false,
                    };
                if let Some(held) = held.filter(|held| is_pagers && !held.named.contains(to)) {
                    let text = format!(
                        "incident {id}: {to} is taken for the pager's word, which said {:?}",
                        held.named
                    );
                    self.accuse("echo", text);
                }
            }
            IncidentEvent::EvidenceFound { run, command, title, expected, shared, .. } => {
                let key = (id, *run, command.clone(), title.clone(), expected.clone());
                if !self.known.evidence.insert(key) && shared.is_some() {
                    self.accuse("looked-twice", format!("incident {id}: {title} of run {run} counts twice"));
                }
            }
            _ => {}
        }
    }

    /// A run is there: nobody has just looked the same way.
    pub(super) fn looks_once(&mut self, run: &Run) {
        let window = Duration::seconds(i64::from(self.known.sides.share_s));
        if window.is_zero() || !run.unasked {
            return;
        }
        let of = |run: &Run| run.incident.and_then(|id| self.incidents.get(&id)).map(|watch| &watch.incident);
        let Some(incident) = of(run) else { return };
        let (mut twice, service) = (None, incident.service.clone());
        for other in self.runs.values().map(|watch| &watch.run).filter(|other| other.id != run.id) {
            let is_same = other.unasked
                && other.incident != run.incident
                && other.fingerprint == run.fingerprint
                && run.created_at - other.created_at < window
                && other.created_at <= run.created_at;
            if is_same && of(other).is_some_and(|other| !other.private && other.service == service) {
                twice = Some(other.id);
            }
        }
        if let Some(other) = twice {
            let text = format!("run {} looks at {service} as run {other} has just done", run.id);
            self.accuse("looked-twice", text);
        }
    }
}

/// Looks at a world at rest.
pub(super) fn check(outside: &Outside, data: &Data, found: &mut Vec<(&'static str, String)>) {
    for watch in outside.judge.incidents.values() {
        shared(&watch.incident, outside, found);
        tallied(&watch.incident, data, found);
    }
    if outside.judge.known.sets_clock {
        return;
    }
    if let Some(account) = &outside.pager.account {
        let standing = account.at(outside.elapsed_ms());
        for watch in outside.judge.incidents.values() {
            let incident = &watch.incident;
            let held = incident.pager.as_ref().and_then(|pager| standing.incidents.get(&pager.id));
            let Some(held) = held.filter(|_| incident.status.is_open()) else { continue };
            both_sides(incident, held, account.refused.contains(&held.seen.incident.id), found);
        }
    }
    alerts(outside, data, found);
}

/// It has everything that the look of another has found.
fn shared(incident: &Incident, outside: &Outside, found: &mut Vec<(&'static str, String)>) {
    let count = |of: &Incident, run: RunId| of.evidence.iter().filter(|line| line.run == run).count();
    for look in &incident.looks.shared {
        let Some(run) = outside.judge.run(look.run) else { continue };
        let other = run.incident.and_then(|id| outside.judge.incidents.get(&id));
        let (name, from) = (incident.number, look.from);
        // a process that dies knows no more who waits, and what is over by then has no use for it
        if !run.status.is_open() && !look.ended && incident.status.is_open() {
            found.push(("lost-run", format!("{name} waits for the look of {from}, which has ended")));
        }
        if let Some(other) = other.filter(|_| look.ended)
            && count(&other.incident, look.run) != count(incident, look.run)
        {
            found.push(("lost-run", format!("{name} has not all that the look of {from} has found")));
        }
    }
}

/// The incident says of its alerts what their rows say. One that took another in has its alerts only when they come again.
fn tallied(incident: &Incident, data: &Data, found: &mut Vec<(&'static str, String)>) {
    if !incident.status.is_open() || !incident.merged.is_empty() {
        return;
    }
    let its: Vec<_> = data.alerts.values().filter(|row| row.incident == Some(incident.id)).collect();
    let firing = its.iter().filter(|row| row.firing).count() as u64;
    let name = format!("{} is {}", incident.number, incident.status.word());
    match &incident.alerts {
        Some(alerts) => {
            let count = alerts.count();
            if (count.firing, count.total) != (firing, its.len() as u64) {
                let text =
                    format!("{name} and counts {count:?}, while {firing} of {} alerts fire", its.len());
                found.push(("replay", text));
            }
            let is_theirs = alerts.opened && !alerts.by_hand && incident.pager.is_none();
            let is_asked = incident.pager_resolved || incident.unfinished_runs().next().is_some();
            if firing == 0 && is_theirs && !is_asked {
                found.push(("alerts-over", format!("{name}, and none of its alerts fires")));
            }
        }
        None if its.is_empty() => {}
        None => found.push(("replay", format!("{name} and knows nothing of its alerts"))),
    }
}

/// What it has here it has there, too.
fn both_sides(incident: &Incident, held: &Held, was_refused: bool, found: &mut Vec<(&'static str, String)>) {
    let name = format!("{} is {}", incident.number, incident.status.word());
    match (&held.seen.status, incident.status) {
        (SeenStatus::Acknowledged, Status::Triggered) => {
            found.push(("both-sides", format!("{name}, and somebody has it at the pager")));
        }
        (SeenStatus::Triggered, Status::Acknowledged) if !was_refused && !incident.private => {
            found.push(("both-sides", format!("{name}, and nobody has it at the pager")));
        }
        _ => {}
    }
    for note in &held.notes {
        let is_ours = incident.pager_notes.contains(&note.text);
        if !is_ours && !incident.noted_at_pager.contains(&note.id) {
            found.push(("both-sides", format!("{name}, and nobody here has read {note:?}")));
        }
    }
}

/// Each alert is as its sender says, and where it belongs.
fn alerts(outside: &Outside, data: &Data, found: &mut Vec<(&'static str, String)>) {
    for (fingerprint, firing) in &outside.judge.told_last {
        let firing = *firing;
        let Some(row) = data.alerts.get(&(SENDER.to_owned(), fingerprint.clone())) else {
            found.push(("lost-message", format!("nobody knows the alert {fingerprint}")));
            continue;
        };
        if row.alert.firing != firing {
            found.push((
                "reordered",
                format!("{fingerprint} fires: {firing}, and here: {}", row.alert.firing),
            ));
        }
        if row.damped || row.silenced {
            found.push(("open-state", format!("{fingerprint} is damped or silenced for ever: {row:?}")));
        }
        let opens = row.became() != "no_incident";
        if firing && opens && (!row.firing || row.incident.is_none()) {
            found.push(("lost-message", format!("{fingerprint} fires and is in no incident: {row:?}")));
        }
        if row.incident.is_some_and(|id| !outside.judge.incidents.contains_key(&id)) {
            found.push(("lost-message", format!("{fingerprint} is in an incident that is not there")));
        }
    }
}
