//! Read models: incidents and runs at a glance, as they are after the newest event.

use chrono::{DateTime, Utc};
use runbook_core::ids::IncidentId;
use runbook_core::plan::Fingerprint;
use runbook_core::ports::{IncidentRow, RowChange, RunRow};
use rusqlite::{Connection, Params, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Fault;
use crate::values::{limit, micros, signed};

/// Puts a row in the place of its former self.
pub(crate) fn put(connection: &Connection, change: &RowChange) -> Result<(), Fault> {
    match change {
        RowChange::Incident(row) => connection
            .prepare_cached("REPLACE INTO incidents (id, number, open, row) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![row.id.to_string(), signed(row.number.0)?, row.open, json(row)?])?,
        RowChange::Run(row) => connection
            .prepare_cached(
                // unlike REPLACE it leaves alone the indexes whose columns stay: fewer pages for each commit
                "INSERT INTO runs (id, incident, open, created_at, row) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (id) DO UPDATE SET
                     incident = excluded.incident, open = excluded.open, created_at = excluded.created_at, row = excluded.row",
            )?
            .execute(params![
                row.id.to_string(),
                row.incident.map(|id| id.to_string()),
                row.open,
                micros(row.created_at),
                json(row)?
            ])?,
        RowChange::Alert(row) => crate::alerts::put(connection, row)?,
        RowChange::Change(row) => crate::changes::put(connection, row)?,
    };
    Ok(())
}

/// Incidents, newest first.
pub(crate) fn incidents(
    connection: &Connection,
    open_only: bool,
    rows: usize,
) -> Result<Vec<IncidentRow>, Fault> {
    let sql = if open_only {
        "SELECT row FROM incidents WHERE open = 1 ORDER BY number DESC, id DESC LIMIT ?1"
    } else {
        "SELECT row FROM incidents ORDER BY number DESC, id DESC LIMIT ?1"
    };
    read(connection, sql, [limit(rows)])
}

/// Open incidents to which alerts came, newest first.
pub(crate) fn incidents_with_alerts(connection: &Connection, rows: usize) -> Result<Vec<IncidentRow>, Fault> {
    let sql = "SELECT row FROM incidents
               WHERE open = 1 AND id IN (SELECT incident FROM alerts WHERE incident IS NOT NULL)
               ORDER BY number DESC, id DESC LIMIT ?1";
    read(connection, sql, [limit(rows)])
}

/// The newest incident of the pager's with this id.
pub(crate) fn incident_of_pager(
    connection: &Connection,
    pager_id: &str,
) -> Result<Option<IncidentRow>, Fault> {
    // the index is over the same expression
    let sql =
        "SELECT row FROM incidents WHERE row ->> '$.pager_id' = ?1 ORDER BY number DESC, id DESC LIMIT 1";
    Ok(read(connection, sql, [pager_id])?.pop())
}

/// Runs, newest first; of one incident when given.
pub(crate) fn runs(
    connection: &Connection,
    incident: Option<IncidentId>,
    open_only: bool,
    rows: usize,
) -> Result<Vec<RunRow>, Fault> {
    let rows = limit(rows);
    match (incident, open_only) {
        (None, false) => {
            read(connection, "SELECT row FROM runs ORDER BY created_at DESC, id DESC LIMIT ?1", [rows])
        }
        (None, true) => read(
            connection,
            "SELECT row FROM runs WHERE open = 1 ORDER BY created_at DESC, id DESC LIMIT ?1",
            [rows],
        ),
        (Some(id), open_only) => read(
            connection,
            "SELECT row FROM runs WHERE incident = ?2 AND open >= ?3 ORDER BY created_at DESC, id DESC LIMIT ?1",
            params![rows, id.to_string(), open_only],
        ),
    }
}

/// Runs that may change a target, newest first; what holds it stands in an index of its own, whatever its age.
pub(crate) fn runs_on(
    connection: &Connection,
    target: &str,
    since: Option<DateTime<Utc>>,
) -> Result<Vec<RunRow>, Fault> {
    let mut rows: Vec<RunRow> = match since {
        None => read(
            connection,
            "SELECT row FROM runs WHERE json_extract(row, '$.target') = ?1
             AND (open = 1 OR json_extract(row, '$.status') = 'undo_failed') ORDER BY created_at DESC, id DESC",
            [target],
        ),
        Some(since) => read(
            connection,
            "SELECT row FROM runs WHERE json_extract(row, '$.target') = ?1 AND created_at >= ?2
             ORDER BY created_at DESC, id DESC",
            params![target, micros(since)],
        ),
    }?;
    rows.retain(|row| row.mutating);
    Ok(rows)
}

/// The newest run since then of another fingerprint that begins with what was typed.
pub(crate) fn other_of_code(
    connection: &Connection,
    typed: &str,
    than: &Fingerprint,
    since: DateTime<Utc>,
) -> Result<Option<RunRow>, Fault> {
    let code: String = typed.chars().take(4).collect();
    let mut rows: Vec<RunRow> = read(
        connection,
        "SELECT row FROM runs WHERE substr(json_extract(row, '$.fingerprint'), 1, 4) = ?1 AND created_at >= ?4
         AND substr(json_extract(row, '$.fingerprint'), 1, length(?2)) = ?2
         AND json_extract(row, '$.fingerprint') <> ?3 ORDER BY created_at DESC, id DESC LIMIT 1",
        params![code, typed, than.as_str(), micros(since)],
    )?;
    Ok(rows.pop())
}

pub(crate) fn read<T: DeserializeOwned, P: Params>(
    connection: &Connection,
    sql: &str,
    with: P,
) -> Result<Vec<T>, Fault> {
    let mut select = connection.prepare_cached(sql)?;
    let mut rows = select.query(with)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let text: String = row.get(0)?;
        found.push(serde_json::from_str(&text).map_err(|error| Fault::corrupt(format!("a row: {error}")))?);
    }
    Ok(found)
}

pub(crate) fn json<T: Serialize>(row: &T) -> Result<String, Fault> {
    serde_json::to_string(row).map_err(|error| Fault::corrupt(format!("a row: {error}")))
}
