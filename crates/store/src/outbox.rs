//! Messages that must leave.
//!
//! - A row is `waiting`, `sent` or `dead`. Its key is kept for good, so that nothing is asked for twice by accident.
//! - Asking again with `coalesce` raises `version` and, if the row had been settled, makes it wait again at the
//!   end of its group. A row that still waits keeps its place, and the earlier of both due times.
//! - A message that was sent in an older version than the present one stays waiting: it was asked for again while
//!   it was on its way.
//! - `attempts` counts the attempts since the last known outcome. Settling as sent or dead sets it to 0, asking
//!   again does not: an attempt that a crash cut off stays visible. `tried` lives as long, and holds where they went.
//! - `error` says why a message has not left. That its turn is waited for never takes the place of what an attempt came to.
//! - A time to retry holds back the row whatever is asked meanwhile, and with it its group. A turn that is waited for
//!   does so only until it is asked for again: what it shows then may not have to wait.

use chrono::{DateTime, Utc};
use runbook_core::ports::{GIVEN_UP_AMONG, OutboxItem, OutboxResult, OutboxRow, Spot, Unsent};
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::json;

use crate::error::Fault;
use crate::values::{limit, micros, time, unsigned};

/// What is first of its group and due, in order: it is looked through no further than that takes.
const DUE: &str = "SELECT o.key, o.version, o.lane, o.grp, o.payload, o.attempts, o.created_at, o.tried
     FROM outbox o INDEXED BY outbox_in_order
     WHERE o.state = 'waiting' AND max(o.due, coalesce(o.retry_at, o.due)) <= ?1
     AND NOT EXISTS (
         SELECT 1 FROM outbox p INDEXED BY outbox_waiting
         WHERE p.state = 'waiting' AND p.grp = o.grp AND p.place < o.place)
     ORDER BY o.lane, o.place LIMIT ?2";

/// Asks for a message to leave.
pub(crate) fn ask(connection: &Connection, item: &OutboxItem) -> Result<(), Fault> {
    const INSERT: &str = "INSERT INTO outbox (key, place, version, lane, grp, payload, due, created_at)
         VALUES (?1, (SELECT coalesce(max(place), 0) + 1 FROM outbox), 1, ?2, ?3, ?4, ?5, ?5)
         ON CONFLICT (key) DO NOTHING";
    // in an UPSERT a bare column is the old value, excluded.* the one that was to be inserted
    const COALESCE: &str = "INSERT INTO outbox (key, place, version, lane, grp, payload, due, created_at)
         VALUES (?1, (SELECT coalesce(max(place), 0) + 1 FROM outbox), 1, ?2, ?3, ?4, ?5, ?5)
         ON CONFLICT (key) DO UPDATE SET
             version = version + 1,
             lane = excluded.lane,
             grp = excluded.grp,
             payload = excluded.payload,
             place = iif(state = 'waiting', place, excluded.place),
             created_at = iif(state = 'waiting', created_at, excluded.created_at),
             due = iif(state = 'waiting', min(due, excluded.due), excluded.due),
             error = iif(state = 'waiting', error, NULL),
             state = 'waiting'";
    connection.prepare_cached(if item.coalesce { COALESCE } else { INSERT })?.execute(params![
        item.key,
        item.lane,
        item.group,
        item.payload.to_string(),
        micros(item.due)
    ])?;
    Ok(())
}

/// Records what sending version `version` came to. An unknown or already settled key changes nothing.
pub(crate) fn settle(
    connection: &Connection,
    key: &str,
    version: u64,
    result: &OutboxResult,
) -> Result<(), Fault> {
    let version = crate::values::signed(version)?;
    match result {
        OutboxResult::Sent => connection
            .prepare_cached(
                "UPDATE outbox SET attempts = 0, tried = NULL, retry_at = NULL, error = NULL,
                     state = iif(version = ?2, 'sent', state), payload = iif(version = ?2, NULL, payload)
                 WHERE key = ?1 AND state = 'waiting'",
            )?
            .execute(params![key, version])?,
        OutboxResult::Dead { error } => connection
            .prepare_cached(
                "UPDATE outbox SET attempts = 0, tried = NULL, retry_at = NULL, error = ?3,
                     state = iif(version = ?2, 'dead', state)
                 WHERE key = ?1 AND state = 'waiting'",
            )?
            .execute(params![key, version, error])?,
        OutboxResult::Held { until, error } => connection
            .prepare_cached(
                "UPDATE outbox SET due = ?3, error = iif(attempts > 0, coalesce(error, ?4), ?4)
                 WHERE key = ?1 AND state = 'waiting' AND version = ?2",
            )?
            .execute(params![key, version, micros(*until), error])?,
        // whichever version it was: the other side asked for the pause
        OutboxResult::Retry { at, error } => connection
            .prepare_cached(
                "UPDATE outbox SET retry_at = ?2, error = ?3 WHERE key = ?1 AND state = 'waiting'",
            )?
            .execute(params![key, micros(*at), error])?,
    };
    Ok(())
}

/// Counts an attempt that is about to be made there.
pub(crate) fn attempt(connection: &Connection, key: &str, at: Option<&Spot>) -> Result<(), Fault> {
    let mut select =
        connection.prepare_cached("SELECT tried FROM outbox WHERE key = ?1 AND state = 'waiting'")?;
    let Some(known) = select.query_row([key], |row| row.get::<_, Option<String>>(0)).optional()? else {
        return Ok(());
    };
    let mut tried = spots(key, known)?;
    tried.extend(at.filter(|at| !tried.contains(at)).cloned());
    let tried = if tried.is_empty() { None } else { Some(json!(tried).to_string()) };
    connection
        .prepare_cached("UPDATE outbox SET attempts = attempts + 1, tried = ?2 WHERE key = ?1")?
        .execute(params![key, tried])?;
    Ok(())
}

fn spots(key: &str, text: Option<String>) -> Result<Vec<Spot>, Fault> {
    let Some(text) = text else { return Ok(Vec::new()) };
    serde_json::from_str(&text)
        .map_err(|error| Fault::corrupt(format!("the places of outbox message {key}: {error}")))
}

/// The oldest waiting row of each group, if it is due; by lane, then age.
pub(crate) fn due(connection: &Connection, now: DateTime<Utc>, rows: usize) -> Result<Vec<OutboxRow>, Fault> {
    let mut select = connection.prepare_cached(DUE)?;
    let mut rows = select.query(params![micros(now), limit(rows)])?;
    let mut due = Vec::new();
    while let Some(row) = rows.next()? {
        let key: String = row.get(0)?;
        let payload: String = row.get(4)?;
        let payload = serde_json::from_str(&payload)
            .map_err(|error| Fault::corrupt(format!("outbox message {key}: {error}")))?;
        let tried = spots(&key, row.get(7)?)?;
        due.push(OutboxRow {
            key,
            version: unsigned(row.get(1)?)?,
            lane: row.get(2)?,
            group: row.get(3)?,
            payload,
            attempts: row.get(5)?,
            tried,
            created_at: time(row.get(6)?)?,
        });
    }
    Ok(due)
}

/// Whether this row waits.
pub(crate) fn waits(connection: &Connection, key: &str) -> Result<bool, Fault> {
    let mut select =
        connection.prepare_cached("SELECT 1 FROM outbox WHERE key = ?1 AND state = 'waiting'")?;
    Ok(select.exists([key])?)
}

/// The keys of what has left that begin so, in order.
pub(crate) fn left(connection: &Connection, prefix: &str) -> Result<Vec<String>, Fault> {
    let mut select = connection.prepare_cached(
        // the last of all characters ends what begins so
        "SELECT key FROM outbox WHERE key >= ?1 AND key < ?1 || char(1114111) AND state = 'sent' ORDER BY key",
    )?;
    let keys = select.query_map([prefix], |row| row.get(0))?;
    Ok(keys.collect::<Result<_, _>>()?)
}

/// How many rows wait.
pub(crate) fn backlog(connection: &Connection) -> Result<u64, Fault> {
    let waiting = connection
        .prepare_cached("SELECT count(*) FROM outbox WHERE state = 'waiting'")?
        .query_row([], |row| row.get(0))?;
    unsigned(waiting)
}

/// What has not left, without what it says.
pub(crate) fn unsent(
    connection: &Connection,
    since: DateTime<Utc>,
    rows: usize,
) -> Result<Vec<Unsent>, Fault> {
    const WAITING: &str = "SELECT grp, created_at, 0, attempts, error FROM outbox INDEXED BY outbox_waiting
         WHERE state = 'waiting' ORDER BY place LIMIT ?1";
    const DEAD: &str = "SELECT grp, created_at, 1, attempts, error FROM outbox
         WHERE place > (SELECT max(place) FROM outbox) - ?2 AND state = 'dead' AND created_at >= ?3
         ORDER BY place DESC LIMIT ?1";
    let among = crate::values::signed(GIVEN_UP_AMONG)?;
    let (mut waiting, mut dead) = (connection.prepare_cached(WAITING)?, connection.prepare_cached(DEAD)?);
    let mut found = Vec::new();
    for mut rows in [waiting.query([limit(rows)])?, dead.query(params![limit(rows), among, micros(since)])?] {
        while let Some(row) = rows.next()? {
            found.push(Unsent {
                group: row.get(0)?,
                created_at: time(row.get(1)?)?,
                dead: row.get(2)?,
                attempts: row.get(3)?,
                error: row.get(4)?,
            });
        }
    }
    Ok(found)
}
