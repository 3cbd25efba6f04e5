//! Points in time at which the engine looks again.

use chrono::{DateTime, Utc};
use runbook_core::ports::{Timer, TimerChange};
use rusqlite::{Connection, params};

use crate::error::Fault;
use crate::store_chain::parse_stream;
use crate::values::{limit, micros, time};

/// Sets, moves or removes a timer.
pub(crate) fn change(connection: &Connection, change: &TimerChange) -> Result<(), Fault> {
    match change {
        TimerChange::Set(timer) => connection
            .prepare_cached(
                "INSERT INTO timers (key, due, stream, what) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (key) DO UPDATE SET due = excluded.due, stream = excluded.stream, what = excluded.what",
            )?
            .execute(params![timer.key, micros(timer.due), timer.stream.to_string(), timer.what])?,
        TimerChange::Clear(key) => {
            connection.prepare_cached("DELETE FROM timers WHERE key = ?1")?.execute([key])?
        }
        TimerChange::Fired { key, due } => connection
            .prepare_cached("DELETE FROM timers WHERE key = ?1 AND due = ?2")?
            .execute(params![key, micros(*due)])?,
    };
    Ok(())
}

/// Timers whose time has come, earliest first. They stay until they are cleared.
pub(crate) fn due(connection: &Connection, now: DateTime<Utc>, rows: usize) -> Result<Vec<Timer>, Fault> {
    let mut select = connection.prepare_cached(
        "SELECT key, due, stream, what FROM timers WHERE due <= ?1 ORDER BY due, key LIMIT ?2",
    )?;
    let mut rows = select.query(params![micros(now), limit(rows)])?;
    let mut due = Vec::new();
    while let Some(row) = rows.next()? {
        due.push(Timer {
            key: row.get(0)?,
            due: time(row.get(1)?)?,
            stream: parse_stream(&row.get::<_, String>(2)?)?,
            what: row.get(3)?,
        });
    }
    Ok(due)
}
