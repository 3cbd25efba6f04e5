//! Numbers, times and hashes as SQLite keeps them.

use chrono::{DateTime, Utc};
use runbook_core::journal::Hash;

use crate::error::Fault;

/// Microseconds since 1970.
pub(crate) fn micros(at: DateTime<Utc>) -> i64 {
    at.timestamp_micros()
}

pub(crate) fn time(micros: i64) -> Result<DateTime<Utc>, Fault> {
    DateTime::from_timestamp_micros(micros).ok_or_else(|| Fault::corrupt(format!("{micros} is not a time")))
}

pub(crate) fn signed(value: u64) -> Result<i64, Fault> {
    i64::try_from(value).map_err(|_| Fault::corrupt(format!("{value} is too large to be stored")))
}

pub(crate) fn unsigned(value: i64) -> Result<u64, Fault> {
    u64::try_from(value).map_err(|_| Fault::corrupt(format!("{value} where a count should be")))
}

pub(crate) fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

pub(crate) fn hash(bytes: Vec<u8>) -> Result<Hash, Fault> {
    let found = bytes.len();
    <[u8; 32]>::try_from(bytes)
        .map(Hash)
        .map_err(|_| Fault::corrupt(format!("a hash of {found} bytes where 32 should be")))
}
