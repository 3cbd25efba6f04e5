//! Why an incident is as it is: each decision on its timeline, in words.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::duration::for_people;
use crate::incident::IncidentEvent;
use crate::journal::{Envelope, millis};
use crate::rules::Chosen;

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// When it was made.
    #[serde(with = "millis")]
    pub at: DateTime<Utc>,
    /// What it is about: `opening`, `severity`, `service`, `alerts`, `runbook`, `escalation`, `command`,
    /// `delivery`, `end`.
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
            lines.extend(calls_nobody(chosen.as_deref()));
            lines.extend(private.then(|| ("opening", "private: only named people see it".to_owned())));
            lines
        }
        IncidentEvent::SeverityChanged { from, to, reason, .. } => {
            vec![("severity", format!("{to} instead of {from}, by {by}{}", because(reason)))]
        }
        IncidentEvent::RulesAsked { facts, chosen } => {
            vec![("runbook", format!("asked again with {facts} labels and details: {}", why_these(chosen)))]
        }
        IncidentEvent::TriageShared { runbook, from, looked_at, .. } => {
            let age = for_people((envelope.at - *looked_at).num_seconds().max(0).unsigned_abs());
            vec![("runbook", format!("{runbook}: looked at for {from} {age} before, and not once more"))]
        }
        IncidentEvent::SeverityConfirmed { .. } => vec![("severity", format!("confirmed by {by}"))],
        IncidentEvent::ServiceChanged { from, to, chosen } => {
            let mut lines = vec![("service", format!("{to} instead of {from}, by {by}"))];
            lines.extend(calls_nobody(chosen.as_deref()));
            lines
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
        IncidentEvent::LookEnded { cut: Some(why), .. }
        | IncidentEvent::TriageEnded { cut: Some(why), .. } => {
            vec![("runbook", format!("not looked at to the end: {why}"))]
        }
        IncidentEvent::RunbooksSuggested { all } => {
            all.iter().map(|one| ("runbook", format!("{} may help: {}", one.runbook, one.words()))).collect()
        }
        IncidentEvent::StepDue { after_s, who, nobody, rings, .. } => {
            let after = for_people(u64::from(*after_s));
            let mut text = format!("nobody has acknowledged by {after}: {} due", who.join(", "));
            if !rings.is_empty() {
                let names: Vec<_> = rings.iter().map(ToString::to_string).collect();
                let _ = write!(text, "; PagerDuty itself rings for {}", names.join(", "));
            }
            if !nobody.is_empty() {
                let _ = write!(
                    text,
                    "; nobody is left who stands for {} (whoever opened it, or was called before, is not called again)",
                    nobody.join(", ")
                );
            }
            vec![("escalation", text)]
        }
        IncidentEvent::Escalated { to, step, reason, paged, .. } => {
            let step = step.as_ref().map_or_else(String::new, |step| format!(" ({step})"));
            let how = if *paged { "paged" } else { "asked in the chat" };
            vec![("escalation", format!("{to}{step} {how}, by {by}{}", because(reason)))]
        }
        IncidentEvent::PagerAway => {
            vec![("escalation", "PagerDuty takes no page now: whom to call is shown".to_owned())]
        }
        IncidentEvent::Unacknowledged => {
            vec![("escalation", "the acknowledgement ran out: the calling begins anew".to_owned())]
        }
        IncidentEvent::Acknowledged { via } => {
            vec![("escalation", format!("acknowledged in {via}, by {by}"))]
        }
        IncidentEvent::CommanderTaken { commander, acting: true } => {
            vec![("command", format!("{commander} commands: they were the first to take it"))]
        }
        IncidentEvent::CommanderTaken { commander, acting: false } => {
            vec![("command", format!("{commander} commands, by {by}"))]
        }
        IncidentEvent::DeliveryFailed { what, reason } => {
            vec![("delivery", format!("{what} could not be delivered: {reason}"))]
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
/// That it is another team's, where it is.
fn calls_nobody(chosen: Option<&Chosen>) -> Option<(&'static str, String)> {
    let text =
        "nobody is called by the clock, unless an alert of it fires here: its service is not in blocks.toml";
    chosen.filter(|chosen| chosen.is_unlisted).map(|_| ("escalation", text.to_owned()))
}

fn why_these(chosen: &Chosen) -> String {
    match chosen.triage.as_slice() {
        [] => format!("none looks by itself: {}", chosen.reason),
        all => format!("{}: {}", all.join(", "), chosen.reason),
    }
}
