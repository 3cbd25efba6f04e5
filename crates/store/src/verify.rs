//! Walking every chain.

use std::collections::{BTreeMap, BTreeSet};

use runbook_core::journal::{GENESIS, Hash, StoredEvent, StreamId, verify_stream};
use runbook_core::ports::StoreReport;
use rusqlite::{Connection, OptionalExtension, params};

use crate::blobs::sha256;
use crate::error::Fault;
use crate::store_chain::{CHECKPOINT, Checkpoint, Opening, STREAM, link_hash};
use crate::values::{hash, signed, unsigned};

/// Reads the whole store, a stream at a time. What does not fit is reported, not returned as an error.
pub(crate) fn verify(connection: &Connection) -> Result<StoreReport, Fault> {
    let mut report = StoreReport {
        streams: 0,
        events: 0,
        checkpoints: 0,
        problems: Vec::new(),
        head: GENESIS.to_string(),
        uncovered: 0,
    };
    let firsts = walk_streams(connection, &mut report)?;
    let opened = walk_links(connection, &firsts, &mut report)?;
    for stream in firsts.keys().filter(|stream| !opened.contains_key(stream)) {
        report.problems.push(format!("{stream}: its opening is missing from the store-wide chain"));
    }
    check_index(connection, &opened, &mut report)?;
    check_blobs(connection, &mut report)?;
    report.uncovered = connection
        .prepare("SELECT count(*) FROM events e JOIN streams s ON s.stream = e.stream WHERE e.seq > s.checkpointed")?
        .query_row([], |row| row.get::<_, i64>(0))
        .map_err(Fault::from)
        .and_then(unsigned)?;
    Ok(report)
}

/// Checks each stream by itself; returns the hash of each one's first event.
fn walk_streams(
    connection: &Connection,
    report: &mut StoreReport,
) -> Result<BTreeMap<StreamId, Option<Hash>>, Fault> {
    let mut firsts = BTreeMap::new();
    let mut select =
        connection.prepare("SELECT stream, seq, bytes, hash FROM events ORDER BY stream, seq")?;
    let mut rows = select.query([])?;
    let mut current: Option<(String, Vec<StoredEvent>)> = None;
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        report.events += 1;
        let Ok(hash) = hash(row.get(3)?) else {
            report.problems.push(format!("{name}: event {} has no whole hash", row.get::<_, i64>(1)?));
            continue;
        };
        let event = StoredEvent { seq: unsigned(row.get(1)?).unwrap_or(0), bytes: row.get(2)?, hash };
        match &mut current {
            Some((stream, events)) if *stream == name => events.push(event),
            _ => {
                if let Some((stream, events)) = current.replace((name, vec![event])) {
                    check_stream(&stream, &events, &mut firsts, report);
                }
            }
        }
    }
    if let Some((stream, events)) = current {
        check_stream(&stream, &events, &mut firsts, report);
    }
    Ok(firsts)
}

fn check_stream(
    name: &str,
    events: &[StoredEvent],
    firsts: &mut BTreeMap<StreamId, Option<Hash>>,
    report: &mut StoreReport,
) {
    report.streams += 1;
    match name.parse::<StreamId>() {
        Ok(stream) => {
            if let Err(error) = verify_stream(&stream, events) {
                report.problems.push(error.to_string());
            }
            firsts.insert(stream, events.first().filter(|event| event.seq == 1).map(|event| event.hash));
        }
        Err(error) => report.problems.push(format!("events of an unknown stream: {error}")),
    }
}

/// Checks the store-wide chain against itself and the streams; returns which link opened which stream.
fn walk_links(
    connection: &Connection,
    firsts: &BTreeMap<StreamId, Option<Hash>>,
    report: &mut StoreReport,
) -> Result<BTreeMap<StreamId, i64>, Fault> {
    let mut opened = BTreeMap::new();
    let mut select = connection.prepare("SELECT n, kind, body, hash FROM openings ORDER BY n")?;
    let mut rows = select.query([])?;
    let mut previous = GENESIS;
    let mut expected = 1;
    while let Some(row) = rows.next()? {
        let n: i64 = row.get(0)?;
        let kind: String = row.get(1)?;
        let body: Vec<u8> = row.get(2)?;
        if n != expected {
            report
                .problems
                .push(format!("store-wide chain: expected link {expected}, found {n}: a link is missing"));
        }
        expected = n + 1;
        let Ok(stored) = hash(row.get(3)?) else {
            report.problems.push(format!("store-wide chain: link {n} has no whole hash"));
            continue;
        };
        // from the stored hash before it, so that each altered link is named, and only that
        if link_hash(&previous, &kind, &body) != stored {
            report
                .problems
                .push(format!("store-wide chain: link {n} does not match its hash: it was altered"));
        }
        previous = stored;
        match kind.as_str() {
            STREAM => check_opening(n, &body, firsts, &mut opened, report),
            CHECKPOINT => check_checkpoint(connection, n, &body, report)?,
            other => report.problems.push(format!("store-wide chain: link {n} is of unknown kind '{other}'")),
        }
    }
    report.head = previous.to_string();
    Ok(opened)
}

fn check_opening(
    n: i64,
    body: &[u8],
    firsts: &BTreeMap<StreamId, Option<Hash>>,
    opened: &mut BTreeMap<StreamId, i64>,
    report: &mut StoreReport,
) {
    let opening: Opening = match serde_json::from_slice(body) {
        Ok(opening) => opening,
        Err(error) => {
            report.problems.push(format!("store-wide chain: link {n} does not read: {error}"));
            return;
        }
    };
    let stream = opening.stream;
    if let Some(earlier) = opened.insert(stream, n) {
        report.problems.push(format!("{stream}: opened twice, by links {earlier} and {n}"));
    }
    match firsts.get(&stream) {
        None => report.problems.push(format!("{stream}: missing, though link {n} opened it")),
        // a missing first event has been reported with the stream's own chain
        Some(None) => {}
        Some(Some(first)) if first.to_string() != opening.first => {
            report
                .problems
                .push(format!("{stream}: its first event is not the one that link {n} opened it with"));
        }
        Some(Some(_)) => {}
    }
}

fn check_checkpoint(
    connection: &Connection,
    n: i64,
    body: &[u8],
    report: &mut StoreReport,
) -> Result<(), Fault> {
    report.checkpoints += 1;
    let checkpoint: Checkpoint = match serde_json::from_slice(body) {
        Ok(checkpoint) => checkpoint,
        Err(error) => {
            report.problems.push(format!("store-wide chain: checkpoint {n} does not read: {error}"));
            return Ok(());
        }
    };
    let mut select = connection.prepare_cached("SELECT hash FROM events WHERE stream = ?1 AND seq = ?2")?;
    for head in checkpoint.heads {
        let (stream, seq) = (head.stream, head.seq);
        let found: Option<Vec<u8>> =
            select.query_row(params![stream.to_string(), signed(seq)?], |row| row.get(0)).optional()?;
        match found {
            None => report
                .problems
                .push(format!("{stream}: event {seq} is missing, though checkpoint {n} holds it")),
            Some(found) if hex::encode(&found) != head.hash => report.problems.push(format!(
                "{stream}: event {seq} is not the one that checkpoint {n} (of {}) holds",
                checkpoint.at
            )),
            Some(_) => {}
        }
    }
    Ok(())
}

/// The list of streams is what the engine reads at start, so it must say the same as the chain.
fn check_index(
    connection: &Connection,
    opened: &BTreeMap<StreamId, i64>,
    report: &mut StoreReport,
) -> Result<(), Fault> {
    let mut select = connection.prepare("SELECT stream, n FROM streams")?;
    let listed = select
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<BTreeSet<(String, i64)>>>()?;
    let opened = opened.iter().map(|(stream, n)| (stream.to_string(), *n)).collect::<BTreeSet<_>>();
    for (stream, n) in opened.difference(&listed) {
        report.problems.push(format!("{stream}: opened by link {n}, but not in the list of streams"));
    }
    for (stream, n) in listed.difference(&opened) {
        report.problems.push(format!("{stream}: in the list of streams, but link {n} did not open it"));
    }
    Ok(())
}

fn check_blobs(connection: &Connection, report: &mut StoreReport) -> Result<(), Fault> {
    let mut select = connection.prepare("SELECT sha256, bytes FROM blobs ORDER BY sha256")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        if sha256(row.get_ref(1)?.as_blob().unwrap_or_default()) != name {
            report.problems.push(format!("blob {name}: its bytes were altered"));
        }
    }
    Ok(())
}
