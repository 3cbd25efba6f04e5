//! API tokens, by their hash.

use runbook_core::ports::TokenRow;
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::Fault;
use crate::values::micros;

/// Keeps a token; the same one again belongs to the person named last.
pub(crate) fn put(connection: &Connection, token: &TokenRow) -> Result<(), Fault> {
    connection
        .prepare_cached(
            "INSERT INTO tokens (sha256, person, created_at) VALUES (?1, ?2, ?3)
             ON CONFLICT (sha256) DO UPDATE SET person = excluded.person, created_at = excluded.created_at",
        )?
        .execute(params![token.sha256, token.person, micros(token.created_at)])?;
    Ok(())
}

/// Whose token it is.
pub(crate) fn person(connection: &Connection, sha256: &str) -> Result<Option<String>, Fault> {
    let person = connection
        .prepare_cached("SELECT person FROM tokens WHERE sha256 = ?1")?
        .query_row([sha256], |row| row.get(0))
        .optional()?;
    Ok(person)
}
