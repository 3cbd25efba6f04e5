//! The store-wide chain: one link for every stream that is opened, one for every checkpoint.
//!
//! A stream's own chain cannot show that the whole stream is missing; this one does. A checkpoint holds the heads
//! that have moved since the one before, so all checkpoints together cover every stream's head.

use chrono::{DateTime, Utc};
use runbook_core::journal::{GENESIS, Hash, StreamId, millis};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::Fault;
use crate::values::{hash, signed, unsigned};

/// Keeps these hashes apart from those of any stream.
const DOMAIN: &[u8] = b"blocks store chain 1\0";

pub(crate) const STREAM: &str = "stream";
pub(crate) const CHECKPOINT: &str = "checkpoint";

/// A stream was opened.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Opening {
    pub(crate) stream: StreamId,
    /// Hash of its first event, lowercase hex.
    pub(crate) first: String,
}

/// How far the streams had come.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Checkpoint {
    #[serde(with = "millis")]
    pub(crate) at: DateTime<Utc>,
    pub(crate) heads: Vec<CheckpointHead>,
}

/// One stream's last event at a checkpoint.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CheckpointHead {
    pub(crate) stream: StreamId,
    pub(crate) seq: u64,
    /// Lowercase hex.
    pub(crate) hash: String,
}

/// Hash of a link that follows `previous`.
pub(crate) fn link_hash(previous: &Hash, kind: &str, body: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(DOMAIN);
    hasher.update(previous.0);
    hasher.update(kind.as_bytes());
    hasher.update([0]);
    hasher.update(body);
    Hash(hasher.finalize().into())
}

/// Adds the link that says that `stream` begins with the event whose hash is `first`.
pub(crate) fn add_opening(connection: &Connection, stream: StreamId, first: &Hash) -> Result<(), Fault> {
    let n = add(connection, STREAM, &Opening { stream, first: first.to_string() })?;
    connection
        .prepare_cached("INSERT INTO streams (stream, n) VALUES (?1, ?2)")?
        .execute(params![stream.to_string(), n])?;
    Ok(())
}

/// Adds the link that records the heads which have moved since the last checkpoint.
pub(crate) fn add_checkpoint(connection: &Connection, at: DateTime<Utc>) -> Result<(), Fault> {
    let mut select = connection.prepare_cached(
        "SELECT s.stream, e.seq, e.hash FROM streams s JOIN events e ON e.stream = s.stream
         WHERE e.seq = (SELECT max(seq) FROM events WHERE stream = s.stream) AND e.seq > s.checkpointed
         ORDER BY s.n",
    )?;
    let mut rows = select.query([])?;
    let mut heads = Vec::new();
    while let Some(row) = rows.next()? {
        let stream = parse_stream(&row.get::<_, String>(0)?)?;
        heads.push(CheckpointHead {
            stream,
            seq: unsigned(row.get(1)?)?,
            hash: hash(row.get(2)?)?.to_string(),
        });
    }
    drop(rows);
    let mut cover = connection.prepare_cached("UPDATE streams SET checkpointed = ?2 WHERE stream = ?1")?;
    for head in &heads {
        cover.execute(params![head.stream.to_string(), signed(head.seq)?])?;
    }
    add(connection, CHECKPOINT, &Checkpoint { at, heads })?;
    Ok(())
}

/// Whether the chain has a link of that hash, or is to be compared with its very beginning.
pub(crate) fn has_link(connection: &Connection, head: &str) -> Result<bool, Fault> {
    if head == GENESIS.to_string() {
        return Ok(true);
    }
    let Ok(hash) = hex::decode(head) else { return Ok(false) };
    let mut select = connection.prepare_cached("SELECT 1 FROM openings WHERE hash = ?1")?;
    Ok(select.exists([hash])?)
}

/// A name that is stored in the file.
pub(crate) fn parse_stream(name: &str) -> Result<StreamId, Fault> {
    name.parse().map_err(|error| Fault::corrupt(format!("{error}")))
}

fn add<B: Serialize>(connection: &Connection, kind: &str, body: &B) -> Result<i64, Fault> {
    let last = connection
        .prepare_cached("SELECT n, hash FROM openings ORDER BY n DESC LIMIT 1")?
        .query_row([], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)))
        .optional()?;
    let (n, previous) = match last {
        Some((n, bytes)) => (n + 1, hash(bytes)?),
        None => (1, GENESIS),
    };
    let body = serde_json::to_vec(body).map_err(|error| Fault::corrupt(format!("link {n}: {error}")))?;
    let hash = link_hash(&previous, kind, &body);
    connection
        .prepare_cached("INSERT INTO openings (n, kind, body, hash) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![n, kind, body, hash.0])?;
    Ok(n)
}

#[cfg(test)]
mod tests {
    use runbook_core::journal::Head;
    use runbook_core::ports::{Commit, Store};

    use super::*;
    use crate::SqliteStore;
    use crate::conformance::{append, at, run};

    #[tokio::test]
    async fn a_checkpoint_holds_what_has_moved_since_the_last() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("blocks.db");
        let store = SqliteStore::open(&path).unwrap();
        let commit = async |stream, head, events: &[&str]| {
            let (append, head) = append(stream, head, events);
            store.commit(Commit { appends: vec![append], ..Commit::default() }).await.unwrap();
            head
        };
        let head = commit(run(1), Head::EMPTY, &["a", "b"]).await;
        commit(run(2), Head::EMPTY, &["a"]).await;
        store.checkpoint(at(1)).await.unwrap();
        commit(run(1), head, &["c"]).await;
        store.checkpoint(at(2)).await.unwrap();
        store.checkpoint(at(3)).await.unwrap();
        let read = Connection::open(&path).unwrap();
        let mut select =
            read.prepare("SELECT body FROM openings WHERE kind = 'checkpoint' ORDER BY n").unwrap();
        let bodies = select.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
        let heads: Vec<Vec<_>> = bodies
            .map(|body| serde_json::from_slice::<Checkpoint>(&body.unwrap()).unwrap().heads)
            .map(|heads| heads.into_iter().map(|head| (head.stream, head.seq)).collect())
            .collect();
        assert_eq!(heads, [vec![(run(1), 2), (run(2), 1)], vec![(run(1), 3)], vec![]]);
    }
}
