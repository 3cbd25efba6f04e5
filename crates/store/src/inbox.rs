//! Messages from outside: stored first, understood afterwards.

use chrono::{DateTime, Utc};
use runbook_core::ports::{
    Accepted, DEAD_LETTER, DeadLetter, EARLY_KEY, InboxItem, InboxOutcome, InboxStand, Letters,
};
use runbook_core::sabotage::{self, Sabotage};
use rusqlite::{Connection, Row, params};

use crate::error::Fault;
use crate::letters::Wanted;
use crate::values::{limit, micros, time};

/// Stores the message, unless its source has sent this id before.
pub(crate) fn accept(connection: &Connection, item: &InboxItem) -> Result<Accepted, Fault> {
    let InboxItem { source, id, kind, body, received_at } = item;
    let add = |id: &str| {
        connection
            .prepare_cached(
                "INSERT INTO inbox (source, id, kind, body, received_at) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (source, id) DO NOTHING",
            )?
            .execute(params![source, id, kind, body, micros(*received_at)])
    };
    let mut added = add(id)?;
    if added == 0 && sabotage::is_on(Sabotage::AcceptTwice) {
        added = add(&format!("{id}/{}", micros(*received_at)))?;
    }
    Ok(if added == 0 { Accepted::Duplicate } else { Accepted::New })
}

/// Marks the message as dealt with. One that is done already, or was never stored, is a conflict: a decision
/// that was made twice from one message must not count twice. A kept one may be acted on later, and only a kept one is taken up again.
pub(crate) fn settle(
    connection: &Connection,
    source: &str,
    id: &str,
    outcome: &InboxOutcome,
) -> Result<(), Fault> {
    let changed = match outcome {
        InboxOutcome::Done => connection
            .prepare_cached(
                "UPDATE inbox SET state = 'done', body = NULL, reason = NULL
                 WHERE source = ?1 AND id = ?2 AND state <> 'done'",
            )?
            .execute([source, id])?,
        InboxOutcome::Kept { reason } => connection
            .prepare_cached(
                "UPDATE inbox SET state = 'kept', reason = ?3 WHERE source = ?1 AND id = ?2 AND state <> 'done'",
            )?
            .execute([source, id, reason])?,
        InboxOutcome::Again => connection
            .prepare_cached(
                "UPDATE inbox SET state = 'pending', reason = NULL
                 WHERE source = ?1 AND id = ?2 AND state = 'kept'",
            )?
            .execute([source, id])?,
    };
    if changed == 0 {
        return Err(Fault::Conflict(format!("message {id} from {source}")));
    }
    Ok(())
}

/// Messages not yet dealt with, oldest first.
pub(crate) fn pending(connection: &Connection, rows: usize) -> Result<Vec<InboxItem>, Fault> {
    let mut select = connection.prepare_cached(
        "SELECT source, id, kind, body, received_at FROM inbox WHERE state = 'pending' ORDER BY n LIMIT ?1",
    )?;
    let mut rows = select.query([limit(rows)])?;
    let mut items = Vec::new();
    while let Some(row) = rows.next()? {
        items.push(item(row)?);
    }
    Ok(items)
}

/// Messages that were kept, newest first.
pub(crate) fn kept(connection: &Connection, which: &Letters, rows: usize) -> Result<Vec<DeadLetter>, Fault> {
    let mut select = connection.prepare_cached(
        // a body that nobody wants is not read, and how long it is, is known without
        "SELECT source, id, kind, CASE WHEN ?6 THEN body ELSE x'' END, received_at, reason, length(body) FROM inbox
         WHERE state = 'kept' AND (?1 IS NULL OR source = ?1) AND (?2 IS NULL OR id = ?2)
           AND (NOT ?3 OR substr(reason, 1, length(?4)) = ?4)
         ORDER BY n DESC LIMIT ?5",
    )?;
    let Letters { source, id, dead, .. } = which;
    let wanted = Wanted::new(which);
    let mut rows = select.query(params![source, id, dead, DEAD_LETTER, limit(rows), wanted.bodies()])?;
    let mut letters = Vec::new();
    while let Some(row) = rows.next()? {
        let size = usize::try_from(row.get::<_, i64>(6)?).unwrap_or_default();
        letters.push(wanted.of(item(row)?, row.get(5)?, size));
    }
    Ok(letters)
}

/// Written out: only so the index of the dead letters is used.
const COUNT_DEAD: &str = "SELECT source, count(*) FROM inbox
     WHERE state = 'kept' AND substr(reason, 1, 13) = 'dead letter: ' GROUP BY source ORDER BY source";

/// How many dead letters there are, by source.
pub(crate) fn dead_letters(connection: &Connection) -> Result<Vec<(String, u64)>, Fault> {
    let mut select = connection.prepare_cached(COUNT_DEAD)?;
    let mut rows = select.query([])?;
    let mut counts = Vec::new();
    while let Some(row) = rows.next()? {
        counts.push((row.get(0)?, u64::try_from(row.get::<_, i64>(1)?).unwrap_or_default()));
    }
    Ok(counts)
}

/// Lets go of what was kept, is no dead letter and came before that, and of what is kept beside such messages; how many.
pub(crate) fn let_go(connection: &Connection, before: DateTime<Utc>, rows: usize) -> Result<u64, Fault> {
    let gone = connection
        .prepare_cached(
            "UPDATE inbox SET state = 'done', body = NULL, reason = NULL WHERE n IN (
                 SELECT n FROM inbox
                 WHERE state = 'kept' AND received_at < ?1 AND substr(reason, 1, length(?2)) <> ?2
                 ORDER BY n LIMIT ?3)",
        )?
        .execute(params![micros(before), DEAD_LETTER, limit(rows)])?;
    let end = format!("{EARLY_KEY}\u{10ffff}");
    connection
        .prepare_cached("DELETE FROM kept WHERE key >= ?1 AND key < ?2 AND at < ?3")?
        .execute(params![EARLY_KEY, end, micros(before)])?;
    Ok(u64::try_from(gone).unwrap_or_default())
}

/// Written out as the count is. How long a body is, is known without reading it.
const LET_GO_DEAD: &str = "UPDATE inbox SET state = 'done', body = NULL, reason = NULL WHERE n IN (
         SELECT n FROM (
             SELECT n, sum(length(body)) OVER its AS so_far, row_number() OVER its AS so_many FROM inbox INDEXED BY inbox_dead
             WHERE state = 'kept' AND substr(reason, 1, 13) = 'dead letter: '
             WINDOW its AS (PARTITION BY source, kind ORDER BY n DESC))
         WHERE so_far > ?1 OR so_many > ?2)";

/// Lets go of the oldest dead letters of each source and kind, so that no more than so many bytes of bodies, and so many rows, stay of
/// each; how many.
pub(crate) fn let_go_dead(connection: &Connection, bytes: u64, rows: u64) -> Result<u64, Fault> {
    let most = |most: u64| i64::try_from(most).unwrap_or(i64::MAX);
    let gone = connection.prepare_cached(LET_GO_DEAD)?.execute([most(bytes), most(rows)])?;
    Ok(u64::try_from(gone).unwrap_or_default())
}

/// What became of a message so far.
pub(crate) fn stand(connection: &Connection, source: &str, id: &str) -> Result<Option<InboxStand>, Fault> {
    let mut select =
        connection.prepare_cached("SELECT state, reason FROM inbox WHERE source = ?1 AND id = ?2")?;
    let mut rows = select.query([source, id])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let state: String = row.get(0)?;
    Ok(Some(match state.as_str() {
        "done" => InboxStand::Done,
        "kept" => InboxStand::Kept { reason: row.get::<_, Option<String>>(1)?.unwrap_or_default() },
        _ => InboxStand::Pending,
    }))
}

fn item(row: &Row<'_>) -> Result<InboxItem, Fault> {
    Ok(InboxItem {
        source: row.get(0)?,
        id: row.get(1)?,
        kind: row.get(2)?,
        body: row.get(3)?,
        received_at: time(row.get(4)?)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema;

    /// The count and the letting go walk the dead letters alone, and mean the same by them as everybody.
    #[test]
    fn dead_letters_are_counted_by_their_index() {
        let folder = tempfile::tempdir().unwrap();
        let connection = schema::open_writer(&folder.path().join("blocks.db")).unwrap();
        for (sql, bound) in [(COUNT_DEAD, 0), (LET_GO_DEAD, 2)] {
            assert!(sql.contains(&format!("substr(reason, 1, {}) = '{DEAD_LETTER}'", DEAD_LETTER.len())));
            let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let plan =
                plan.query_map(rusqlite::params_from_iter(vec![1; bound]), |row| row.get::<_, String>(3));
            let plan = plan.unwrap().collect::<Result<Vec<_>, _>>().unwrap();
            assert!(plan.iter().any(|line| line.contains("inbox_dead")), "{plan:?}");
        }
    }
}
