//! Bytes stored apart from the journal, which names them by their hash.

use runbook_core::ports::Blob;
use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

use crate::error::Fault;

/// Lowercase hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Refuses bytes that do not have the hash under which they would be kept for evidence.
pub(crate) fn check(blob: &Blob) -> Result<(), Fault> {
    if sha256(&blob.bytes) == blob.sha256 {
        Ok(())
    } else {
        Err(Fault::corrupt(format!("blob {}: its bytes have another SHA-256", blob.sha256)))
    }
}

/// Stores the bytes; known ones change nothing.
pub(crate) fn put(connection: &Connection, blob: &Blob) -> Result<(), Fault> {
    connection
        .prepare_cached("INSERT INTO blobs (sha256, bytes) VALUES (?1, ?2) ON CONFLICT (sha256) DO NOTHING")?
        .execute(params![blob.sha256, blob.bytes])?;
    Ok(())
}

/// The bytes, if they are there.
pub(crate) fn get(connection: &Connection, sha256: &str) -> Result<Option<Vec<u8>>, Fault> {
    let bytes = connection
        .prepare_cached("SELECT bytes FROM blobs WHERE sha256 = ?1")?
        .query_row([sha256], |row| row.get(0))
        .optional()?;
    Ok(bytes)
}
