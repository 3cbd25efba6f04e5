//! Messages from outside: stored first, understood afterwards.

use runbook_core::ports::{Accepted, DeadLetter, InboxItem, InboxOutcome};
use rusqlite::{Connection, Row, params};

use crate::error::Fault;
use crate::values::{limit, micros, time};

/// Stores the message, unless its source has sent this id before.
pub(crate) fn accept(connection: &Connection, item: &InboxItem) -> Result<Accepted, Fault> {
    let InboxItem { source, id, kind, body, received_at } = item;
    let added = connection
        .prepare_cached(
            "INSERT INTO inbox (source, id, kind, body, received_at) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (source, id) DO NOTHING",
        )?
        .execute(params![source, id, kind, body, micros(*received_at)])?;
    Ok(if added == 0 { Accepted::Duplicate } else { Accepted::New })
}

/// Marks the message as dealt with. One that is done already, or was never stored, is a conflict: a decision
/// that was made twice from one message must not count twice. A kept one may be acted on later.
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
pub(crate) fn dead_letters(connection: &Connection, rows: usize) -> Result<Vec<DeadLetter>, Fault> {
    let mut select = connection.prepare_cached(
        "SELECT source, id, kind, body, received_at, reason FROM inbox WHERE state = 'kept' ORDER BY n DESC LIMIT ?1",
    )?;
    let mut rows = select.query([limit(rows)])?;
    let mut letters = Vec::new();
    while let Some(row) = rows.next()? {
        letters.push(DeadLetter { item: item(row)?, reason: row.get(5)? });
    }
    Ok(letters)
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
