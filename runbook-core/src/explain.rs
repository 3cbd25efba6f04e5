//! Why an incident is as it is: each decision on its timeline, in words.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::incident::IncidentEvent;
use crate::journal::{Envelope, millis};
use crate::rules::Chosen;

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// When it was made.
    #[serde(with = "millis")]
    pub at: DateTime<Utc>,
    /// What it is about: `opening`, `severity`, `service`, `alerts`, `runbook`, `end`.
    pub about: &'static str,
    /// The decision and its reason.
    pub text: String,
}

/// The decisions that stand on an incident's timeline, oldest first.
#[must_use]
pub fn explained(events: &[Envelope<IncidentEvent>]) -> Vec<Explained> {
    events.iter().flat_map(decisions).collect()
}

fn decisions(envelope: &Envelope<IncidentEvent>) -> Vec<Explained> {
    let by = &envelope.actor;
    let because =
        |reason: &Option<String>| reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
    let lines: Vec<(&'static str, String)> = match &envelope.event {
        IncidentEvent::Opened {
            severity,
            severity_reason,
            service,
            title,
            pager,
            private,
            alerted,
            detected_at,
            chosen,
            ..
        } => {
            let how = match (pager, alerted) {
                (Some(pager), _) => format!("PagerDuty paged ({})", pager.id),
                (None, true) => format!("an alert of {by} fired"),
                (None, false) => format!("declared by {by}"),
            };
            let detected = detected_at.format("%H:%M:%S UTC");
            let mut lines = vec![
                ("opening", format!("{how}: {title}; the clock starts at its detection, {detected}")),
                ("severity", format!("{severity}: {severity_reason}")),
                ("service", service.clone()),
            ];
            lines.extend(chosen.as_ref().map(|chosen| ("runbook", why_these(chosen))));
            lines.extend(private.then(|| ("opening", "private: only named people see it".to_owned())));
            lines
        }
        IncidentEvent::SeverityChanged { from, to, reason, .. } => {
            vec![("severity", format!("{to} instead of {from}, by {by}{}", because(reason)))]
        }
        IncidentEvent::RulesAsked { facts, chosen } => {
            vec![("runbook", format!("asked again with {facts} labels and details: {}", why_these(chosen)))]
        }
        IncidentEvent::TriageShared { runbook, from, .. } => {
            vec![(
                "runbook",
                format!("{runbook}: looked at for {from} in the same moment, and not once more"),
            )]
        }
        IncidentEvent::SeverityConfirmed { .. } => vec![("severity", format!("confirmed by {by}"))],
        IncidentEvent::ServiceChanged { from, to, .. } => {
            vec![("service", format!("{to} instead of {from}, by {by}"))]
        }
        IncidentEvent::AlertsChanged { tally, reasons } => {
            let mut lines = vec![("alerts", tally.words())];
            lines.extend(reasons.iter().map(|reason| ("alerts", reason.clone())));
            lines
        }
        IncidentEvent::AlertsDamped { alerts } => {
            vec![(
                "alerts",
                format!("comes and goes, and holds it open until it is steady: {}", alerts.join(", ")),
            )]
        }
        IncidentEvent::AlertsSteady { alerts } => {
            vec![("alerts", format!("steady again, and counted: {}", alerts.join(", ")))]
        }
        IncidentEvent::RunPlanned { runbook, triage: true, .. } => {
            vec![("runbook", format!("{runbook}: looks by itself"))]
        }
        IncidentEvent::RunPlanned { runbook, triage: false, .. } => {
            vec![("runbook", format!("{runbook}: asked for by {by}"))]
        }
        IncidentEvent::TriageFailed { runbook, reason } => {
            vec![("runbook", format!("{runbook} could not start: {reason}"))]
        }
        IncidentEvent::Mitigated { reason } => vec![("end", format!("in monitoring: {reason}"))],
        IncidentEvent::ResolveHeld { reason } => vec![("end", format!("held in monitoring: {reason}"))],
        IncidentEvent::Resolved { via } => vec![("end", format!("resolved in {via}, by {by}"))],
        IncidentEvent::PagerJoined { pager, why, .. } => {
            vec![("opening", format!("PagerDuty pages for it, too ({}): {why}", pager.id))]
        }
        IncidentEvent::Reopened { via, reason, anew } => {
            let anew = if *anew { "; whoever had it is called anew" } else { "" };
            vec![("end", format!("open again in {via}{}{anew}", because(reason)))]
        }
        IncidentEvent::NotAnIncident { reason } => vec![("end", format!("no incident, by {by}: {reason}"))],
        IncidentEvent::MergedInto { other, .. } => vec![("end", format!("part of {other}, by {by}"))],
        IncidentEvent::MergedFrom { other, title, .. } => {
            vec![("opening", format!("{other} is part of it: {title}"))]
        }
        _ => Vec::new(),
    };
    let at = envelope.at;
    lines.into_iter().map(|(about, text)| Explained { at, about, text }).collect()
}
/// Which runbooks look, and why.
fn why_these(chosen: &Chosen) -> String {
    match chosen.triage.as_slice() {
        [] => format!("none looks by itself: {}", chosen.reason),
        all => format!("{}: {}", all.join(", "), chosen.reason),
    }
}
