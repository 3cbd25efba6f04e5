//! Small values for the cases.

use chrono::{DateTime, Utc};
use runbook_core::ids::{IncidentId, RunId};
use runbook_core::journal::{Cause, Head, Stamp, StreamId, seal};
use runbook_core::people::Actor;
use runbook_core::ports::{Append, InboxItem, OutboxItem};
use serde_json::json;
use uuid::Uuid;

/// `ms` milliseconds after a fixed moment.
#[must_use]
pub fn at(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_767_225_600_000 + ms).unwrap()
}

/// The `n`th run's stream.
#[must_use]
pub fn run(n: u128) -> StreamId {
    StreamId::Run(RunId(Uuid::from_u128(n)))
}

/// The `n`th incident's stream.
#[must_use]
pub fn incident(n: u128) -> StreamId {
    StreamId::Incident(IncidentId(Uuid::from_u128(n)))
}

/// An append of these events after `head`, and the head that it makes.
#[must_use]
pub fn append(stream: StreamId, head: Head, events: &[&str]) -> (Append, Head) {
    let stamp =
        Stamp { now: at(0), occurred_at: None, actor: Actor::system("conformance"), cause: Cause::Engine };
    let (sealed, after) = seal(stream, head, &stamp, events).unwrap();
    (Append { stream, after: head, events: sealed }, after)
}

/// A message from outside.
#[must_use]
pub fn message(source: &str, id: &str) -> InboxItem {
    InboxItem {
        source: source.to_owned(),
        id: id.to_owned(),
        kind: "webhook".to_owned(),
        body: format!("body of {id} \0").into_bytes(),
        received_at: at(5),
    }
}

/// A message that must leave; lane 1, due at once, never coalesced.
#[must_use]
pub fn leaving(key: &str, group: &str) -> OutboxItem {
    OutboxItem {
        key: key.to_owned(),
        lane: 1,
        group: group.to_owned(),
        payload: json!({ "for": key }),
        coalesce: false,
        due: at(0),
    }
}
