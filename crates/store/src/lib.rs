//! The journal and its read models on SQLite.
//!
//! [`SqliteStore`] implements [`runbook_core::ports::Store`]. One thread writes: it gathers what is waiting
//! into one transaction, gives each change a savepoint of its own, and answers after the commit is on disk.
//! Two threads read, each on its own connection, and never wait for the writer.
//!
//! What is checked by [`SqliteStore`]'s `verify`: each stream's own hash chain, and the store-wide chain, which
//! has a link for every stream that was opened and for every checkpoint, so that a missing stream shows.

mod alerts;
mod blobs;
mod changes;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod error;
mod inbox;
mod journal;
mod kept;
mod letters;
#[cfg(any(test, feature = "memory"))]
pub mod memory;
mod outbox;
mod readers;
mod rows;
mod schema;
mod sqlite;
mod store_chain;
mod timers;
mod tokens;
mod values;
mod verify;
mod writer;

pub use error::OpenError;
pub use sqlite::SqliteStore;
pub use writer::Stats;

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod tamper_tests;
