//! `incident explain`: every decision about an incident and its alerts, with its reason.

use std::fmt::Write as _;

use runbook_core::alert::AlertRow;
use runbook_core::explain::{Explained, explained};
use runbook_core::incident::End;
use runbook_core::journal::millis;
use runbook_core::ports::{AlertsOf, IncidentRow, Store};
use serde::Serialize;
use serde_json::json;

use crate::error::EngineError;
use crate::incidents::load_incident;
use crate::origin::Reply;

/// Alerts that are explained one by one.
const SHOWN: usize = 20;

/// An alert, and what became of it.
#[derive(Serialize)]
struct AlertShow<'a> {
    source: &'a str,
    fingerprint: &'a str,
    title: &'a str,
    service: &'a str,
    firing: bool,
    damped: bool,
    silenced: bool,
    #[serde(with = "millis")]
    since: chrono::DateTime<chrono::Utc>,
    decisions: &'a [runbook_core::alert::AlertDecision],
}

impl<'a> AlertShow<'a> {
    fn new(row: &'a AlertRow) -> AlertShow<'a> {
        AlertShow {
            source: &row.source,
            fingerprint: &row.fingerprint,
            title: &row.title,
            service: &row.service,
            firing: row.alert.firing,
            damped: row.damped,
            silenced: row.silenced,
            since: row.turned_at,
            decisions: &row.decisions,
        }
    }
}

/// Why an incident is as it is.
///
/// # Errors
/// When the journal does not read.
pub async fn explain(store: &dyn Store, row: &IncidentRow) -> Result<Reply, EngineError> {
    let Some(loaded) = load_incident(store, row.id).await? else {
        return Err(EngineError::NotFound(format!("there is no incident {}", row.number)));
    };
    let decisions = explained(&loaded.events);
    let count = store.alert_count(row.id).await?;
    let alerts = store.alerts(AlertsOf::Incident(row.id), SHOWN).await?;
    let mut text = format!("{} {} {} ({})\n", row.number, row.severity, row.status, row.service);
    for Explained { at, about, text: said } in &decisions {
        let _ = writeln!(text, "{}  {about:<9} {said}", at.format("%H:%M:%S"));
    }
    if count.total > 0 {
        let shown = alerts.len();
        let of = if count.total > shown as u64 {
            format!("the first {shown} of {}", count.total)
        } else {
            String::new()
        };
        let _ = writeln!(text, "alerts: {} of {} fire {of}", count.firing, count.total);
        write_alerts(&mut text, &alerts);
    }
    if let (Some(End::Merged { into }), Some(_), 0) = (&loaded.state.end, &loaded.state.alerts, count.total) {
        let _ = writeln!(text, "alerts: they went along to {into}; `incident explain {into}` tells of them");
    }
    let data = json!({
        "number": row.number.to_string(),
        "decisions": decisions,
        "alerts": {
            "firing": count.firing,
            "total": count.total,
            "shown": alerts.iter().map(AlertShow::new).collect::<Vec<_>>(),
        },
    });
    Ok(Reply { text: text.trim_end().to_owned(), data })
}

/// What became of the alerts that are in no incident, the newest first. Those of services that are led privately are for whoever
/// sees all.
///
/// # Errors
/// When the store does not read.
pub async fn explain_loose(store: &dyn Store, sees_all: bool) -> Result<Reply, EngineError> {
    let mut alerts = store.alerts(AlertsOf::Loose, SHOWN).await?;
    alerts.retain(|row| sees_all || !row.private);
    let mut text = String::new();
    if alerts.is_empty() {
        text.push_str("no alert is without an incident\n");
    } else {
        text.push_str("alerts in no incident, the newest first:\n");
        write_alerts(&mut text, &alerts);
    }
    let data = json!({ "loose": alerts.iter().map(AlertShow::new).collect::<Vec<_>>() });
    Ok(Reply { text: text.trim_end().to_owned(), data })
}

fn write_alerts(text: &mut String, rows: &[AlertRow]) {
    for row in rows {
        let state = if row.alert.firing { "fires" } else { "ended" };
        let damped = if row.damped { ", damped" } else { "" };
        let _ = writeln!(text, "  {state}{damped}: {} ({} {})", row.title, row.source, row.fingerprint);
        for decision in &row.decisions {
            let became = decision.became.replace('_', " ");
            let _ = writeln!(text, "    {}  {became}: {}", decision.at.format("%H:%M:%S"), decision.why);
        }
    }
}
