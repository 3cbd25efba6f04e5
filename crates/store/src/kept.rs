//! What is worth keeping and is no history: the last word on a key counts.

use runbook_core::ports::Kept;
use rusqlite::{Connection, Row, params};

use crate::error::Fault;
use crate::values::{micros, time};

/// Keeps it in the place of what stood there.
pub(crate) fn put(connection: &Connection, kept: &Kept) -> Result<(), Fault> {
    connection
        .prepare_cached(
            "INSERT INTO kept (key, at, value) VALUES (?1, ?2, ?3)
             ON CONFLICT (key) DO UPDATE SET at = excluded.at, value = excluded.value",
        )?
        .execute(params![kept.key, micros(kept.at), kept.value])?;
    Ok(())
}

/// What is kept under keys that begin so, in order.
pub(crate) fn like(connection: &Connection, prefix: &str) -> Result<Vec<Kept>, Fault> {
    // a range of the key, however much else is kept; nothing begins so and comes after the last character that there is
    let mut select = connection.prepare_cached(
        "SELECT key, at, value FROM kept WHERE key >= ?1 AND key < ?2
           AND substr(key, 1, length(?1)) = ?1 ORDER BY key",
    )?;
    let mut rows = select.query([prefix, &format!("{prefix}{}", char::MAX)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

fn read(row: &Row<'_>) -> Result<Kept, Fault> {
    Ok(Kept { key: row.get(0)?, at: time(row.get(1)?)?, value: row.get(2)? })
}
