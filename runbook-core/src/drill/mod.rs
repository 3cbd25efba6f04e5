//! A drill's score: what people did in an incident, held against what its severity asks for, each point with the event
//! that proves it. It reads what is on the timeline and nothing else, so any incident can be scored.

#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::duration::for_people;
use crate::incident::{Incident, IncidentEvent, RunOutcome};
use crate::journal::Envelope;
use crate::people::Role;
use crate::severity::Severity;

type Event = Envelope<IncidentEvent>;

/// One thing that was to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Point {
    /// Its name in JSON.
    pub id: &'static str,
    /// What was to be done.
    pub what: &'static str,
    /// It was done, and in time.
    pub met: bool,
    /// Seconds that it took from the detection; of updates, the longest time without one. `None`: it was not done.
    pub took_s: Option<u64>,
    /// Seconds that it may take.
    pub within_s: Option<u32>,
    /// The number of the timeline's event that shows it.
    pub event: Option<u64>,
}

/// What there is to say of a drill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Score {
    /// In the order in which they are due.
    pub points: Vec<Point>,
    /// How many of them are met.
    pub met: usize,
}

/// Scores an incident. `severity` is what the scheme says of its own; `now` ends what is not over.
#[must_use]
pub fn score(
    incident: &Incident,
    events: &[Event],
    severity: Option<&Severity>,
    now: DateTime<Utc>,
) -> Score {
    let since = |at: DateTime<Utc>| (at - incident.detected_at).num_seconds().max(0).unsigned_abs();
    let first = |is_it: &dyn Fn(&IncidentEvent) -> bool| events.iter().find(|one| is_it(&one.event));
    let point = |id, what, found: Option<&Event>, within_s: Option<u32>| {
        let took_s = found.map(|event| since(event.occurred_at.unwrap_or(event.at)));
        let met = took_s.is_some_and(|took| within_s.is_none_or(|within| took <= u64::from(within)));
        Point { id, what, met, took_s, within_s, event: found.map(|event| event.seq) }
    };
    let role = |wanted: Role| {
        first(&move |event| matches!(event, IncidentEvent::RoleGiven { role, .. } if *role == wanted))
    };
    let next_step = severity.and_then(|known| known.escalation.iter().find(|step| step.after_s > 0));
    let roles_s = severity.and_then(|known| known.remind_roles_after_s);
    let mut points = vec![
        point(
            "acknowledged",
            "somebody took it, before the next one had to be asked",
            first(&|event| matches!(event, IncidentEvent::Acknowledged { .. })),
            next_step.map(|step| step.after_s),
        ),
        point(
            "commander",
            "somebody commands",
            first(&|event| matches!(event, IncidentEvent::CommanderTaken { .. })),
            severity.and_then(|known| known.remind_commander_after_s),
        ),
    ];
    if first(&|event| matches!(event, IncidentEvent::Opened { severity_guessed: true, .. })).is_some() {
        points.push(point(
            "severity",
            "somebody said how severe it is",
            first(&|event| {
                matches!(
                    event,
                    IncidentEvent::SeverityConfirmed { .. } | IncidentEvent::SeverityChanged { .. }
                )
            }),
            severity.and_then(|known| known.remind_severity_after_s),
        ));
    }
    if roles_s.is_some() {
        points.push(point(
            "communications",
            "somebody speaks to people outside",
            role(Role::CommunicationsLead),
            roles_s,
        ));
        points.push(point("scribe", "somebody keeps the record", role(Role::Scribe), roles_s));
    }
    // an end of the impact that was taken back is none
    let last = |is_it: fn(&IncidentEvent) -> bool| events.iter().rev().find(|one| is_it(&one.event));
    let mitigated =
        incident.mitigated_at.and_then(|_| last(|event| matches!(event, IncidentEvent::Mitigated { .. })));
    points.push(point("mitigated", "the impact stopped, within the target", mitigated, incident.target_s));
    points.push(proven(incident, events, since));
    if let Some(interval_s) = severity.and_then(|known| known.update_interval_s) {
        points.push(updates(incident, events, interval_s, now));
    }
    let whole = incident.unfinished_runs().next().is_none();
    let resolved =
        incident.resolved_at.and_then(|_| last(|event| matches!(event, IncidentEvent::Resolved { .. })));
    let resolved = point("resolved", "it is over, and nothing is left half done", resolved, None);
    points.push(Point { met: resolved.met && whole, ..resolved });
    let met = points.iter().filter(|point| point.met).count();
    Score { points, met }
}

/// Checks that passed say that it helped; a person's word alone does not.
fn proven(incident: &Incident, events: &[Event], since: impl Fn(DateTime<Utc>) -> u64) -> Point {
    let may_help = |run| incident.runs.iter().any(|link| link.run == run && link.mutating);
    let found = events.iter().find(|one| {
        matches!(&one.event, IncidentEvent::RunEnded { run, outcome: RunOutcome::Succeeded, .. } if may_help(*run))
    });
    Point {
        id: "proven",
        what: "a runbook did it, and its own checks show that",
        met: found.is_some(),
        took_s: found.map(|event| since(event.at)),
        within_s: None,
        event: found.map(|event| event.seq),
    }
}

/// The longest time in which nobody outside was told anything.
fn updates(incident: &Incident, events: &[Event], interval_s: u32, now: DateTime<Utc>) -> Point {
    let told = events.iter().filter(|one| {
        matches!(one.event, IncidentEvent::UpdateGiven { .. } | IncidentEvent::UpdateSent { .. })
    });
    let end = incident.resolved_at.unwrap_or(now);
    let (mut last, mut longest, mut shown) = (incident.detected_at, 0, None);
    for event in told.filter(|event| event.at <= end) {
        longest = longest.max((event.at - last).num_seconds());
        last = event.at;
        shown = shown.or(Some(event.seq));
    }
    longest = longest.max((end - last).num_seconds());
    let took = longest.max(0).unsigned_abs();
    Point {
        id: "updates",
        what: "people outside were never without news for longer than the severity allows",
        met: took <= u64::from(interval_s),
        took_s: Some(took),
        within_s: Some(interval_s),
        event: shown,
    }
}

impl Score {
    /// A line for each point, and how many are met.
    #[must_use]
    pub fn text(&self) -> String {
        let mut lines: Vec<String> = self.points.iter().map(Point::line).collect();
        lines.push(format!("{} of {} points", self.met, self.points.len()));
        lines.join("\n")
    }
}

impl Point {
    fn line(&self) -> String {
        let mark = if self.met { "met   " } else { "missed" };
        let within = self.within_s.map(|within| format!("within {}", for_people(u64::from(within))));
        let took = match (self.took_s, self.id) {
            (None, _) => "not done".to_owned(),
            (Some(took), "updates") => format!("the longest time was {}", for_people(took)),
            (Some(took), _) => format!("after {}", for_people(took)),
        };
        let event = self.event.map(|seq| format!("event {seq}"));
        let more: Vec<String> = [within, event].into_iter().flatten().collect();
        let more = if more.is_empty() { String::new() } else { format!(" ({})", more.join("; ")) };
        format!("{mark}  {}: {took}{more}", self.what)
    }
}
