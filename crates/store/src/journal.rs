//! Appending to streams and reading them.

use runbook_core::journal::{GENESIS, Hash, StoredEvent, StreamId};
use runbook_core::ports::{Append, CounterRaise, StreamSummary};
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::Fault;
use crate::store_chain::{add_opening, parse_stream};
use crate::values::{hash, signed, unsigned};

/// Appends, if the stream still ends where the decision saw it end. Without events it only checks that.
pub(crate) fn append(connection: &Connection, append: &Append) -> Result<(), Fault> {
    let stream = append.stream;
    let (seq, head) = head(connection, stream)?;
    if (seq, head) != (append.after.seq, append.after.hash) {
        return Err(Fault::Conflict(stream.to_string()));
    }
    let name = stream.to_string();
    if let (0, Some(first)) = (seq, append.events.first()) {
        add_opening(connection, stream, &first.hash)?;
    }
    let mut insert =
        connection.prepare_cached("INSERT INTO events (stream, seq, bytes, hash) VALUES (?1, ?2, ?3, ?4)")?;
    for (event, expected) in append.events.iter().zip(seq + 1..) {
        if event.seq != expected {
            let found = event.seq;
            return Err(Fault::corrupt(format!(
                "{stream}: event {found} was given where {expected} must come"
            )));
        }
        insert.execute(params![name, signed(event.seq)?, event.bytes, event.hash.0])?;
    }
    Ok(())
}

fn head(connection: &Connection, stream: StreamId) -> Result<(u64, Hash), Fault> {
    let found = connection
        .prepare_cached("SELECT seq, hash FROM events WHERE stream = ?1 ORDER BY seq DESC LIMIT 1")?
        .query_row([stream.to_string()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match found {
        Some((seq, bytes)) => Ok((unsigned(seq)?, hash(bytes)?)),
        None => Ok((0, GENESIS)),
    }
}

/// A stream's events in order.
pub(crate) fn load(connection: &Connection, stream: StreamId) -> Result<Vec<StoredEvent>, Fault> {
    let mut select =
        connection.prepare_cached("SELECT seq, bytes, hash FROM events WHERE stream = ?1 ORDER BY seq")?;
    let mut rows = select.query([stream.to_string()])?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        events.push(StoredEvent {
            seq: unsigned(row.get(0)?)?,
            bytes: row.get(1)?,
            hash: hash(row.get(2)?)?,
        });
    }
    Ok(events)
}

/// Every stream in order of opening.
pub(crate) fn streams(connection: &Connection) -> Result<Vec<StreamSummary>, Fault> {
    let mut select = connection.prepare_cached(
        "SELECT stream, coalesce((SELECT max(seq) FROM events e WHERE e.stream = s.stream), 0)
         FROM streams s ORDER BY n",
    )?;
    let mut rows = select.query([])?;
    let mut streams = Vec::new();
    while let Some(row) = rows.next()? {
        let stream = parse_stream(&row.get::<_, String>(0)?)?;
        streams.push(StreamSummary { stream, events: unsigned(row.get(1)?)? });
    }
    Ok(streams)
}

/// A counter's present value.
pub(crate) fn counter(connection: &Connection, name: &str) -> Result<u64, Fault> {
    let value = connection
        .prepare_cached("SELECT value FROM counters WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?;
    unsigned(value.unwrap_or(0))
}

/// Raises a counter, if it still has the value that the decision saw.
pub(crate) fn raise(connection: &Connection, raise: &CounterRaise) -> Result<(), Fault> {
    if counter(connection, raise.name)? != raise.from {
        return Err(Fault::Conflict(format!("counter {}", raise.name)));
    }
    connection
        .prepare_cached(
            "INSERT INTO counters (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = value + ?2",
        )?
        .execute((raise.name, signed(raise.by)?))?;
    Ok(())
}
