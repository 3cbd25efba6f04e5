//! What can be read about incidents beside their timeline, with an engine or without.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::{DateTime, TimeDelta, Utc};
use runbook_core::drill;
use runbook_core::incident::{Incident, IncidentEvent};
use runbook_core::incident_text;
use runbook_core::message::CardView;
use runbook_core::ports::{IncidentRow, Store};
use runbook_core::report::{self, Period};
use runbook_core::run::Run;
use runbook_core::view;
use serde_json::json;

use crate::error::EngineError;
use crate::incidents::load_incident;
use crate::origin::Reply;
use crate::read;
use crate::runs::load_run;
use crate::sees::Hidden;
use crate::settings::Settings;
use crate::show::ActionShow;
use crate::streams::Loaded;
use crate::unsent;

const LOOK: usize = 1_000;
/// What was given up is told for so long where no incident is meant.
const LATELY: TimeDelta = TimeDelta::days(1);

/// An incident with its runs, and what its card shows.
struct Whole {
    loaded: Loaded<Incident, IncidentEvent>,
    runs: Vec<Run>,
    card: CardView,
}

async fn whole(
    store: &dyn Store,
    settings: &Settings,
    row: &IncidentRow,
    now: DateTime<Utc>,
) -> Result<Whole, EngineError> {
    let Some(loaded) = load_incident(store, row.id).await? else {
        return Err(EngineError::NotFound(format!("there is no incident {}", row.number)));
    };
    let mut runs = Vec::new();
    for link in &loaded.state.runs {
        runs.extend(load_run(store, link.run).await?.map(|run| run.state));
    }
    let severity = settings.severities.default_scheme().get(&loaded.state.severity);
    let service = settings.service(&row.service);
    let rollback = service.and_then(|service| service.rollback.as_deref());
    let mut card = view::card(&loaded.state, &runs, severity, rollback, &BTreeMap::new(), now);
    card.bridge = card.bridge.or_else(|| service.and_then(|service| service.bridge.clone()));
    Ok(Whole { loaded, runs, card })
}

/// How an incident stands: what its card says, and what has not left yet, whichever incident it is about. What was given up is told as
/// long as it was asked for since this one was opened.
///
/// # Errors
/// When the journal does not read.
pub async fn status(
    store: &dyn Store,
    settings: &Settings,
    row: &IncidentRow,
    hidden: &Hidden,
    now: DateTime<Utc>,
) -> Result<Reply, EngineError> {
    let Whole { card, .. } = whole(store, settings, row, now).await?;
    let backlog = unsent::backlog(store, row.opened_at, hidden).await?;
    let mut data = serde_json::to_value(&card).map_err(|error| EngineError::Journal(error.to_string()))?;
    if let Some(object) = data.as_object_mut() {
        object.insert("outbox".to_owned(), backlog.data(now));
    }
    let mut text = incident_text::status(&card, now);
    for line in backlog.lines(now) {
        let _ = write!(text, "\nnot sent: {line}");
    }
    Ok(Reply { text, data })
}

/// What is said where there is no incident whose status could be told: what has not left may be of one that is over.
/// Any other error is what it was.
pub async fn no_status(
    store: &dyn Store,
    error: EngineError,
    hidden: &Hidden,
    now: DateTime<Utc>,
) -> EngineError {
    let EngineError::NotFound(text) = error else { return error };
    let lines = match unsent::backlog(store, now - LATELY, hidden).await {
        Ok(backlog) => backlog.lines(now),
        Err(error) => return error,
    };
    EngineError::NotFound(lines.iter().fold(text, |text, line| format!("{text}\nnot sent: {line}")))
}

/// What somebody needs who joins now.
///
/// # Errors
/// When the journal does not read.
pub async fn catch_up(
    store: &dyn Store,
    settings: &Settings,
    row: &IncidentRow,
    now: DateTime<Utc>,
) -> Result<Reply, EngineError> {
    let Whole { loaded, runs, card } = whole(store, settings, row, now).await?;
    let text = incident_text::catch_up(&loaded.state, &loaded.events, &runs, &card, now);
    let lines: Vec<&str> = text.lines().collect();
    let data = json!({ "number": row.number.to_string(), "lines": lines });
    Ok(Reply { text, data })
}

/// What is to be done because of this incident; of every one, what is not done, when none is given.
///
/// # Errors
/// When the journal does not read.
pub async fn actions(
    store: &dyn Store,
    row: Option<&IncidentRow>,
    hidden: &Hidden,
) -> Result<Reply, EngineError> {
    let (rows, all) = match row {
        Some(row) => (vec![row.clone()], true),
        None => (store.incidents(false, LOOK).await?, false),
    };
    let (mut text, mut shown) = (String::new(), Vec::new());
    for row in rows.iter().filter(|row| !hidden.hides(Some(row.id))) {
        let Some(loaded) = load_incident(store, row.id).await? else { continue };
        for item in loaded.state.actions.iter().filter(|item| all || item.done_at.is_none()) {
            let _ = writeln!(text, "{:<8} {}", row.number.to_string(), incident_text::action_line(item));
            shown.push(ActionShow::new(row.number, item));
        }
    }
    if shown.is_empty() {
        text.push_str("nothing is to be done\n");
    }
    Ok(Reply { text: text.trim_end().to_owned(), data: json!({ "actions": shown }) })
}

/// How the incidents of some days went: those that were detected since, of one service or of all.
///
/// # Errors
/// When nothing can begin then, there is no such service, or the journal does not read.
pub async fn report(
    store: &dyn Store,
    settings: &Settings,
    (since, service): (Option<&str>, Option<&str>),
    hidden: &Hidden,
    now: DateTime<Utc>,
) -> Result<Reply, EngineError> {
    let zone = &settings.pir.zone;
    let period = Period::since(since, now, zone).map_err(|error| EngineError::Usage(error.to_string()))?;
    let rows = store.incidents(false, LOOK).await?;
    // one that is no longer configured had its incidents
    if let Some(name) = service
        && !rows.iter().any(|row| row.service == name && !hidden.hides(Some(row.id)))
    {
        settings.named_service(name)?;
    }
    let (mut incidents, mut not_shown) = (Vec::new(), 0);
    // what is opened was detected before
    let is_meant = |row: &&IncidentRow| service.is_none_or(|service| service == row.service);
    for row in rows.iter().filter(|row| row.opened_at >= period.from).filter(is_meant) {
        if hidden.hides(Some(row.id)) {
            not_shown += 1;
        } else if let Some(loaded) = load_incident(store, row.id).await? {
            incidents.push(loaded.state);
        }
    }
    let scheme = settings.severities.default_scheme();
    let severities: Vec<&str> = scheme.severities.iter().map(|severity| severity.id.as_str()).collect();
    let mut report = report::report(&incidents, period, service, &severities, period.last_day);
    report.hidden = not_shown;
    report.newest_only =
        (rows.len() == LOOK && rows.last().is_some_and(|row| row.opened_at >= period.from)).then_some(LOOK);
    let data = serde_json::to_value(&report).map_err(|error| EngineError::Journal(error.to_string()))?;
    Ok(Reply { text: report.text(), data })
}

/// How an incident was led, against what its severity asks for.
///
/// # Errors
/// When there is no such incident, or the journal does not read.
pub async fn score(
    store: &dyn Store,
    settings: &Settings,
    named: &str,
    now: DateTime<Utc>,
) -> Result<Reply, EngineError> {
    let row = read::find_incident(store, Some(named), false, &Hidden::default()).await?;
    let loaded = load_incident(store, row.id)
        .await?
        .ok_or_else(|| EngineError::NotFound(format!("there is no journal of {}", row.number)))?;
    let severity = settings.severities.default_scheme().get(&row.severity);
    let score = drill::score(&loaded.state, &loaded.events, severity, now);
    let data = json!({ "points": score.points, "met": score.met, "of": score.points.len() });
    Ok(Reply { text: score.text(), data })
}

/// Who commands an incident.
///
/// # Errors
/// When the journal does not read.
pub async fn commander(store: &dyn Store, row: &IncidentRow) -> Result<Option<String>, EngineError> {
    let loaded = load_incident(store, row.id).await?;
    Ok(loaded.and_then(|loaded| loaded.state.commander).map(|commander| commander.who.to_string()))
}

/// What makes sense to type next.
///
/// # Errors
/// When the journal does not read.
pub async fn menu(
    store: &dyn Store,
    settings: &Settings,
    row: Option<&IncidentRow>,
    hidden: &Hidden,
) -> Result<Reply, EngineError> {
    let mut open = store.incidents(true, LOOK).await?;
    open.retain(|row| !hidden.hides(Some(row.id)));
    let others: Vec<String> = open.iter().take(10).map(|row| row.number.to_string()).collect();
    let Some(row) = row else {
        let menu = incident_text::menu(None, &others);
        let data = json!({ "incident": null, "open": others, "offers": menu.offers });
        return Ok(Reply { text: menu.text, data });
    };
    let whole = whole(store, settings, row, row.opened_at).await?;
    let rollback = settings.service(&row.service).and_then(|service| service.rollback.as_deref());
    let menu = incident_text::menu(Some((&whole.loaded.state, &whole.runs, rollback)), &others);
    let data = json!({ "incident": row.number.to_string(), "open": others, "offers": menu.offers });
    Ok(Reply { text: menu.text, data })
}

/// The same text for a shell: nothing that is typed there begins with a slash.
#[must_use]
pub fn for_a_shell(text: &str) -> String {
    text.replace("`/blocks ", "`blocks ")
}
