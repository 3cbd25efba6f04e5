//! Where the triggers stand, for whoever asks.

use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat, Utc};
use runbook_core::alert::AlertRow;
use runbook_core::duration::for_people;
use runbook_core::ports::{AlertsOf, Store};
use runbook_core::trigger::{Ask, Counted, Is, Standing, Trigger, shown};
use serde_json::{Value, json};

use super::look::{KEY, TRIGGER};
use crate::error::EngineError;
use crate::origin::Reply;

/// These triggers of the configuration, each with where it stands.
///
/// # Errors
/// When the store cannot be read.
pub async fn list(store: Option<&dyn Store>, triggers: &[Trigger]) -> Result<Reply, EngineError> {
    let (kept, alerts) = match store {
        Some(store) => {
            let keys: Vec<_> = triggers.iter().map(|one| (TRIGGER.to_owned(), one.name.clone())).collect();
            let most = keys.len();
            (store.kept(KEY.to_owned()).await?, store.alerts(AlertsOf::These(keys), most).await?)
        }
        None => (Vec::new(), Vec::new()),
    };
    let (mut text, mut all) = (String::new(), Vec::new());
    for trigger in triggers {
        let key = format!("{KEY}{}", trigger.name);
        let kept = kept.iter().find(|kept| kept.key == key);
        let standing: Standing =
            kept.and_then(|kept| serde_json::from_str(&kept.value).ok()).unwrap_or_default();
        let held_by = alerts.iter().find(|row| row.fingerprint == trigger.name).and_then(held_by);
        let _ = writeln!(text, "{}", line(trigger, &standing, held_by));
        all.push(data(trigger, &standing, held_by));
    }
    if all.is_empty() {
        text = "there are no triggers; hint: a [[trigger]] in blocks.toml, as docs/triggers.md has it"
            .to_owned();
    }
    Ok(Reply { text: text.trim_end().to_owned(), data: json!({ "triggers": all }) })
}

/// What holds back that it is told of, where something does.
fn held_by(alert: &AlertRow) -> Option<&'static str> {
    match (alert.silenced, alert.damped) {
        (true, _) => Some("maintenance"),
        (_, true) => Some("damping"),
        (false, false) => None,
    }
}

fn line(trigger: &Trigger, standing: &Standing, held_by: Option<&str>) -> String {
    let severity = trigger.severity.as_deref().unwrap_or("tells a channel");
    let value = standing.value.map_or_else(|| "no number".to_owned(), shown);
    let asked = standing.asked_at.map_or_else(String::new, |at| format!(" at {}", at.format("%H:%M:%S UTC")));
    let lasts = if trigger.for_s == 0 {
        String::new()
    } else {
        format!(" for {}", for_people(u64::from(trigger.for_s)))
    };
    let failure = standing.failure.as_deref().map_or_else(String::new, |failure| format!(": {failure}"));
    let since =
        since(standing).map_or_else(String::new, |at| format!(" since {}", at.format("%Y-%m-%d %H:%M UTC")));
    let held_by = held_by.map_or_else(String::new, |by| format!(", held back by {by}"));
    format!(
        "{}  {}{since}{held_by}{failure}  {value}{asked} ({} {}{lasts}, {severity})  {}",
        trigger.name,
        standing.word().replace('_', " "),
        trigger.when.sign(),
        shown(trigger.limit),
        trigger.says
    )
}

fn since(standing: &Standing) -> Option<DateTime<Utc>> {
    let of_is = match standing.is {
        Is::Quiet => None,
        Is::Pending { since } | Is::Firing { since } => Some(since),
    };
    standing.failing_since.or(standing.missing_since).or(of_is)
}

fn data(trigger: &Trigger, standing: &Standing, held_by: Option<&str>) -> Value {
    let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Millis, true);
    let ask = match &trigger.ask {
        Ask::Query { connection, query } => json!({ "connection": connection, "query": query }),
        Ask::Count { what, within_s } => {
            let what = match what {
                Counted::FailedRuns => "failed_runs",
                Counted::Incidents => "incidents",
            };
            json!({ "count": what, "within_ms": u64::from(*within_s) * 1_000 })
        }
    };
    json!({
        "name": trigger.name,
        "says": trigger.says,
        "asks": ask,
        "when": trigger.when.sign(),
        "limit": trigger.limit,
        "for_ms": u64::from(trigger.for_s) * 1_000,
        "every_ms": u64::from(trigger.every_s) * 1_000,
        "severity": trigger.severity,
        "service": trigger.service,
        "channel": trigger.channel,
        "page": trigger.page,
        "plan": trigger.plan,
        "propose": trigger.propose,
        "status": standing.word(),
        "since": since(standing).map(time),
        "asked_at": standing.asked_at.map(time),
        "value": standing.value.filter(|value| value.is_finite()),
        "failure": standing.failure,
        "held_back_by": held_by,
    })
}
