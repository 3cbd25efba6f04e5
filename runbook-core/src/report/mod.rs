//! The report: how many incidents there were in some days, how soon they were taken and mitigated, and what came of the
//! runbooks that were run for them.

mod period;
#[cfg(test)]
mod tests;
mod words;

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

pub use period::{DAYS, NoPeriod, Period};

use crate::incident::{End, Incident, RunOutcome};

/// Times of several incidents, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Spread {
    /// Of how many.
    pub count: usize,
    /// The middle one, by nearest rank: the lower of the two middle ones of an even count.
    pub median_s: u64,
    /// The longest.
    pub slowest_s: u64,
}

impl Spread {
    fn of(mut seconds: Vec<u64>) -> Option<Spread> {
        seconds.sort_unstable();
        let median_s = *seconds.get(seconds.len().saturating_sub(1) / 2)?;
        Some(Spread { count: seconds.len(), median_s, slowest_s: *seconds.last()? })
    }
}

/// What there was of one severity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OfSeverity {
    /// Its id.
    pub severity: String,
    /// Incidents.
    pub incidents: usize,
    /// Those that are not over.
    pub open: usize,
    /// From their detection until somebody took them.
    pub acknowledged: Option<Spread>,
    /// From their detection until their impact had stopped.
    pub mitigated: Option<Spread>,
    /// Mitigated within their own target.
    pub met: usize,
    /// Not mitigated within their own target.
    pub missed: usize,
}

/// One incident of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Named {
    /// `INC-12`.
    pub number: String,
    /// Severity id.
    pub severity: String,
    /// The service's name.
    pub service: String,
    /// What it is about.
    pub title: String,
    /// Seconds that its target allows.
    pub target_s: Option<u32>,
    /// Seconds from its detection until its impact had stopped; until now while it has not.
    pub took_s: u64,
}

/// What came of one runbook that changes something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OfRunbook {
    /// Its name.
    pub runbook: String,
    /// Runs.
    pub runs: usize,
    /// How many ended in which way; what has not ended is in none.
    pub outcomes: BTreeMap<&'static str, usize>,
}

/// What is to be done because of these incidents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct OfActions {
    /// Done.
    pub done: usize,
    /// Not done.
    pub open: usize,
    /// Of those, due before today.
    pub overdue: usize,
}

/// The report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// About which days.
    pub period: Period,
    /// Only those of this service.
    pub service: Option<String>,
    /// Incidents: what ended as none, or as part of another, is not among them.
    pub incidents: usize,
    /// What ended as no incident.
    pub not_incidents: usize,
    /// What became part of another one.
    pub merged: usize,
    /// By severity, the gravest first.
    pub severities: Vec<OfSeverity>,
    /// Those that missed their target, oldest first.
    pub missed: Vec<Named>,
    /// Those that are open, oldest first.
    pub open: Vec<Named>,
    /// By runbook.
    pub runbooks: Vec<OfRunbook>,
    /// What is to be done.
    pub actions: OfActions,
    /// Private incidents that whoever asks does not see: nothing here counts them.
    pub hidden: usize,
    /// There were more: only so many of the newest were looked at.
    pub newest_only: Option<usize>,
}

/// What happened in a period. `severities` are the scheme's ids, the gravest first; `today` is the zone's day.
#[must_use]
pub fn report<'a>(
    incidents: impl IntoIterator<Item = &'a Incident>,
    period: Period,
    service: Option<&str>,
    severities: &[&str],
    today: NaiveDate,
) -> Report {
    let mut report = Report {
        period,
        service: service.map(str::to_owned),
        incidents: 0,
        not_incidents: 0,
        merged: 0,
        severities: Vec::new(),
        missed: Vec::new(),
        open: Vec::new(),
        runbooks: Vec::new(),
        actions: OfActions::default(),
        hidden: 0,
        newest_only: None,
    };
    let is_meant = |incident: &&Incident| {
        period.holds(incident.detected_at) && service.is_none_or(|service| service == incident.service)
    };
    let mut counted: Vec<&Incident> = Vec::new();
    for incident in incidents.into_iter().filter(is_meant) {
        match incident.end {
            Some(End::NotAnIncident { .. }) => report.not_incidents += 1,
            Some(End::Merged { .. }) => report.merged += 1,
            None => counted.push(incident),
        }
    }
    counted.sort_by_key(|incident| (incident.detected_at, incident.number));
    let named = |incident: &&Incident| Named {
        number: incident.number.to_string(),
        severity: incident.severity.clone(),
        service: incident.service.clone(),
        title: incident.title.clone(),
        target_s: incident.target_s,
        took_s: until(incident, incident.mitigated_at.unwrap_or(period.to)),
    };
    report.incidents = counted.len();
    report.missed = counted.iter().filter(|one| is_missed(one, period.to)).map(named).collect();
    report.open = counted.iter().filter(|one| one.status.is_open()).map(named).collect();
    report.severities = by_severity(&counted, severities, period.to);
    report.runbooks = by_runbook(&counted);
    for item in counted.iter().flat_map(|incident| &incident.actions) {
        let is_done = item.done_at.is_some();
        report.actions.done += usize::from(is_done);
        report.actions.open += usize::from(!is_done);
        report.actions.overdue += usize::from(!is_done && item.due.is_some_and(|due| due < today));
    }
    report
}

/// Seconds from its detection on.
fn until(incident: &Incident, at: DateTime<Utc>) -> u64 {
    (at - incident.detected_at).num_seconds().max(0).unsigned_abs()
}

fn is_missed(incident: &Incident, now: DateTime<Utc>) -> bool {
    let Some(target_s) = incident.target_s else { return false };
    until(incident, incident.mitigated_at.unwrap_or(now)) > u64::from(target_s)
}

fn by_severity(counted: &[&Incident], severities: &[&str], now: DateTime<Utc>) -> Vec<OfSeverity> {
    let place = |id: &str| severities.iter().position(|known| *known == id).unwrap_or(usize::MAX);
    let mut ids: Vec<&str> = counted.iter().map(|incident| incident.severity.as_str()).collect();
    ids.sort_by_key(|id| (place(id), *id));
    ids.dedup();
    let of = |id: &str| {
        let of: Vec<&&Incident> = counted.iter().filter(|incident| incident.severity == id).collect();
        let times = |end: fn(&Incident) -> Option<DateTime<Utc>>| {
            Spread::of(of.iter().filter_map(|incident| Some(until(incident, end(incident)?))).collect())
        };
        let missed = of.iter().filter(|incident| is_missed(incident, now)).count();
        let judged = of.iter().filter(|incident| incident.target_s.is_some());
        OfSeverity {
            severity: id.to_owned(),
            incidents: of.len(),
            open: of.iter().filter(|incident| incident.status.is_open()).count(),
            acknowledged: times(|incident| incident.acknowledged_at),
            mitigated: times(|incident| incident.mitigated_at),
            met: judged
                .filter(|incident| incident.mitigated_at.is_some() && !is_missed(incident, now))
                .count(),
            missed,
        }
    };
    ids.into_iter().map(of).collect()
}

fn by_runbook(counted: &[&Incident]) -> Vec<OfRunbook> {
    let mut found: BTreeMap<&str, OfRunbook> = BTreeMap::new();
    for link in counted.iter().flat_map(|incident| &incident.runs).filter(|link| link.mutating) {
        let of = found.entry(&link.runbook).or_insert_with(|| OfRunbook {
            runbook: link.runbook.clone(),
            runs: 0,
            outcomes: BTreeMap::new(),
        });
        of.runs += 1;
        if let Some(outcome) = link.outcome {
            *of.outcomes.entry(word(outcome)).or_default() += 1;
        }
    }
    found.into_values().collect()
}

fn word(outcome: RunOutcome) -> &'static str {
    match outcome {
        RunOutcome::Succeeded => "succeeded",
        RunOutcome::Incomplete => "incomplete",
        RunOutcome::Vouched => "vouched",
        RunOutcome::Failed => "failed",
        RunOutcome::Cancelled => "cancelled",
        RunOutcome::Undone => "undone",
        RunOutcome::UndoFailed => "undo_failed",
    }
}
