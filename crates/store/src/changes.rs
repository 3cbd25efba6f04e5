//! Changes of services, as they were told: bounded by number and by age whenever one is added.

use chrono::{DateTime, Utc};
use runbook_core::change::{ChangeRow, MOST_OF_A_SERVICE};
use rusqlite::{Connection, params};

use crate::error::Fault;
use crate::rows::{json, read};
use crate::values::{limit, micros};

/// Keeps a change once, and lets go what is too old and what is too many.
pub(crate) fn put(connection: &Connection, row: &ChangeRow) -> Result<usize, Fault> {
    let put = connection
        .prepare_cached(
            "INSERT INTO changes (service, key, at, row) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (service, key) DO UPDATE SET at = excluded.at, row = excluded.row",
        )?
        .execute(params![row.service, row.key, micros(row.at), json(row)?])?;
    connection.prepare_cached("DELETE FROM changes WHERE at < ?1")?.execute([micros(row.keeps_since())])?;
    connection
        .prepare_cached(
            "DELETE FROM changes WHERE service = ?1 AND key IN
             (SELECT key FROM changes WHERE service = ?1 ORDER BY at DESC, key LIMIT -1 OFFSET ?2)",
        )?
        .execute(params![row.service, limit(MOST_OF_A_SERVICE)])?;
    Ok(put)
}

/// Those of these services since then, newest first, at most so many.
pub(crate) fn since(
    connection: &Connection,
    services: &[String],
    since: DateTime<Utc>,
    rows: usize,
) -> Result<Vec<ChangeRow>, Fault> {
    let mut found: Vec<ChangeRow> = Vec::new();
    let mut services: Vec<_> = services.iter().collect();
    services.sort();
    services.dedup();
    for service in services {
        let sql = "SELECT row FROM changes WHERE service = ?1 AND at >= ?2 ORDER BY at DESC, key LIMIT ?3";
        found.extend(read(connection, sql, params![service, micros(since), limit(rows)])?);
    }
    found.sort_by(|a, b| (b.at, &a.service, &a.key).cmp(&(a.at, &b.service, &b.key)));
    found.truncate(rows);
    Ok(found)
}

/// How many there are, by service.
pub(crate) fn services(connection: &Connection) -> Result<Vec<(String, u64)>, Fault> {
    let mut select = connection
        .prepare_cached("SELECT service, count(*) FROM changes GROUP BY service ORDER BY service")?;
    let rows = select.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
    let rows: Result<Vec<_>, rusqlite::Error> = rows.collect();
    Ok(rows?.into_iter().map(|(service, count)| (service, count.unsigned_abs())).collect())
}
