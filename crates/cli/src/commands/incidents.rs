//! What can be read about incidents while no engine runs.

use blocks_engine::{
    Clock as _, EngineError, Hidden, Reply, SystemClock, handover, incident_reads, on_call, read,
};
use blocks_store::SqliteStore;
use runbook_core::ports::IncidentRow;
use runbook_core::request::Request;

use crate::config::Config;
use crate::exit::Stop;

/// Reads it from the journal as it lies there.
pub(super) async fn offline(config: &Config, store: &SqliteStore, request: &Request) -> Result<Reply, Stop> {
    let (settings, now) = (&config.settings, SystemClock.now());
    // whoever reads the files sees what stands in them
    let hidden = &Hidden::default();
    let reply = match request {
        Request::IncidentStatus { incident } => {
            let row = match read::find_incident(store, incident.as_deref(), false, hidden).await {
                Err(error) if incident.is_none() => {
                    return Err(incident_reads::no_status(store, error, hidden, now).await.into());
                }
                found => found?,
            };
            incident_reads::status(store, settings, &row, hidden, now).await?
        }
        Request::IncidentCatchUp { incident } => {
            let row = read::find_incident(store, incident.as_deref(), false, hidden).await?;
            incident_reads::catch_up(store, settings, &row, now).await?
        }
        Request::IncidentExplain { incident } => {
            match read::find_incident(store, incident.as_deref(), false, hidden).await {
                Ok(row) => blocks_engine::explain(store, &row).await?,
                Err(EngineError::NotFound(_)) if incident.is_none() => {
                    blocks_engine::explain_loose(store, true).await?
                }
                Err(error) => return Err(error.into()),
            }
        }
        Request::ActionList { incident, all } => {
            let row = match all {
                true => None,
                false => Some(read::find_incident(store, incident.as_deref(), false, hidden).await?),
            };
            incident_reads::actions(store, row.as_ref(), hidden).await?
        }
        Request::Report { since, service } => {
            let which = (since.as_deref(), service.as_deref());
            incident_reads::report(store, settings, which, hidden, now).await?
        }
        Request::HandOverShift { .. } => handover::shift(store, settings, now).await?,
        Request::OnCall { service } => {
            if let Some(name) = service {
                named_service(config, name)?;
            }
            let row = only_open(read::find_incident(store, None, true, hidden).await)?;
            let here = match &row {
                Some(row) => Some((row, incident_reads::commander(store, row).await?)),
                None => None,
            };
            let seen = on_call::seen(store).await?;
            // whoever reads the files reads the numbers in them
            on_call::on_call(settings, seen.as_ref(), (service.as_deref(), here), true, now)
        }
        Request::Menu { incident: None } => {
            let row = only_open(read::find_incident(store, None, true, hidden).await)?;
            incident_reads::menu(store, settings, row.as_ref(), hidden).await?
        }
        Request::Menu { incident } => {
            let row = read::find_incident(store, incident.as_deref(), false, hidden).await?;
            incident_reads::menu(store, settings, Some(&row), hidden).await?
        }
        Request::UpdateDrafts { incident: None } => {
            let row = only_open(read::find_incident(store, None, true, hidden).await)?;
            blocks_engine::drafts(store, settings, row.as_ref(), "").await?
        }
        Request::UpdateDrafts { incident } => {
            let row = read::find_incident(store, incident.as_deref(), false, hidden).await?;
            blocks_engine::drafts(store, settings, Some(&row), "").await?
        }
        _ => return Err(Stop::usage("this needs an engine")),
    };
    let text = incident_reads::for_a_shell(&reply.text);
    Ok(Reply { text, ..reply })
}

/// That there is a service of this name.
pub(super) fn named_service(config: &Config, name: &str) -> Result<(), Stop> {
    let services = &config.settings.services;
    if services.iter().any(|service| service.name == name) {
        return Ok(());
    }
    let known: Vec<&str> = services.iter().map(|service| service.name.as_str()).collect();
    let name = name.escape_default();
    Err(Stop::usage(format!("there is no service '{name}'\nhint: blocks.toml names: {}", known.join(", "))))
}

/// The only open incident, where there is one; a journal that does not read is an error all the same.
fn only_open(found: Result<IncidentRow, EngineError>) -> Result<Option<IncidentRow>, Stop> {
    match found {
        Ok(row) => Ok(Some(row)),
        Err(EngineError::NotFound(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
