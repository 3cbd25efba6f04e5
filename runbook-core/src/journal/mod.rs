//! The journal's form: what one event is on disk, and the hash chain over its exact bytes.
//!
//! Order is (stream, sequence), never time. The chain covers the stored bytes as they are; nothing is
//! ever serialised again to check it.

mod chain;

pub use chain::{ChainError, GENESIS, Hash, VerifiedStream, link, verify_stream};

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Duration, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::ids::{IncidentId, RunId};
use crate::people::Actor;

/// Version of the envelope that this release writes. Later releases read every earlier one.
pub const ENVELOPE_VERSION: u16 = 1;

/// Which aggregate's events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum StreamId {
    /// The timeline of an incident.
    Incident(IncidentId),
    /// The life of a run.
    Run(RunId),
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StreamId::Incident(id) => write!(f, "incident/{id}"),
            StreamId::Run(id) => write!(f, "run/{id}"),
        }
    }
}

impl From<StreamId> for String {
    fn from(id: StreamId) -> String {
        id.to_string()
    }
}

impl TryFrom<String> for StreamId {
    type Error = StreamIdError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl FromStr for StreamId {
    type Err = StreamIdError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || StreamIdError(text.to_owned());
        match text.split_once('/') {
            Some(("incident", id)) => id.parse().map(StreamId::Incident).map_err(|_| wrong()),
            Some(("run", id)) => id.parse().map(StreamId::Run).map_err(|_| wrong()),
            _ => Err(wrong()),
        }
    }
}

/// A stream's name does not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a stream name (wanted incident/ID or run/ID)")]
pub struct StreamIdError(String);

/// Why an event happened, apart from who.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum Cause {
    /// A message from outside, by its source and id.
    Inbox {
        /// `pagerduty`, `slack`, ...
        source: String,
        /// The id that makes a redelivery fall away.
        id: String,
    },
    /// A request over the API, the socket or a terminal.
    Request,
    /// A timer fired.
    Timer,
    /// The engine carried on with what an earlier event began.
    Engine,
    /// The engine found this after a restart.
    Recovery,
}

/// One event as stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Envelope<E> {
    /// [`ENVELOPE_VERSION`] of the writer.
    pub v: u16,
    /// The stream.
    pub stream: StreamId,
    /// 1-based position in the stream.
    pub seq: u64,
    /// Our clock in UTC; never before the stream's previous event.
    #[serde(with = "millis")]
    pub at: DateTime<Utc>,
    /// `true` when the clock had gone back and `at` was raised to the previous event's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub clamped: bool,
    /// When an outside source says it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<DateTime<Utc>>,
    /// Who.
    pub actor: Actor,
    /// Why.
    pub cause: Cause,
    /// What.
    pub event: E,
}

/// Where a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Sequence of the last event; 0 for a stream that does not exist yet.
    pub seq: u64,
    /// Chain hash of the last event; [`GENESIS`] for a new stream.
    pub hash: Hash,
    /// Time of the last event.
    pub at: Option<DateTime<Utc>>,
}

impl Head {
    /// The head of a stream without events.
    pub const EMPTY: Head = Head { seq: 0, hash: GENESIS, at: None };
}

/// Who, why and when, for the events of one decision.
#[derive(Debug, Clone, PartialEq)]
pub struct Stamp {
    /// Our clock.
    pub now: DateTime<Utc>,
    /// When an outside source says it happened.
    pub occurred_at: Option<DateTime<Utc>>,
    /// Who.
    pub actor: Actor,
    /// Why.
    pub cause: Cause,
}

/// An event's exact bytes and its place in the chain, ready to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// 1-based position in the stream.
    pub seq: u64,
    /// The JSON bytes, as they will be stored and hashed.
    pub bytes: Vec<u8>,
    /// Hash over the previous hash and these bytes.
    pub hash: Hash,
}

/// An event as read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// 1-based position in the stream.
    pub seq: u64,
    /// The stored bytes.
    pub bytes: Vec<u8>,
    /// The stored hash.
    pub hash: Hash,
}

/// Turns events into chained bytes that continue `head`.
///
/// # Errors
/// When an event cannot be written as JSON, which only a non-string map key could cause.
pub fn seal<E: Serialize>(
    stream: StreamId,
    head: Head,
    stamp: &Stamp,
    events: &[E],
) -> Result<(Vec<Sealed>, Head), serde_json::Error> {
    let mut head = head;
    let mut sealed = Vec::with_capacity(events.len());
    for event in events {
        let now = truncate_to_millis(stamp.now);
        let at = head.at.map_or(now, |previous| previous.max(now));
        let envelope = Envelope {
            v: ENVELOPE_VERSION,
            stream,
            seq: head.seq + 1,
            at,
            clamped: at > now,
            occurred_at: stamp.occurred_at,
            actor: stamp.actor.clone(),
            cause: stamp.cause.clone(),
            event,
        };
        let bytes = serde_json::to_vec(&envelope)?;
        let hash = link(&stream, &head.hash, &bytes);
        head = Head { seq: envelope.seq, hash, at: Some(at) };
        sealed.push(Sealed { seq: envelope.seq, bytes, hash });
    }
    Ok((sealed, head))
}

/// Reads one stored event.
///
/// # Errors
/// When the bytes are not an event of this kind, or come from a newer release.
pub fn open<E: DeserializeOwned>(stored: &StoredEvent) -> Result<Envelope<E>, OpenError> {
    #[derive(Deserialize)]
    struct Version {
        v: u16,
    }
    let wrong = |source| OpenError::Unreadable { seq: stored.seq, source };
    let version: Version = serde_json::from_slice(&stored.bytes).map_err(wrong)?;
    if version.v > ENVELOPE_VERSION {
        return Err(OpenError::Newer { seq: stored.seq, found: version.v });
    }
    serde_json::from_slice(&stored.bytes).map_err(wrong)
}

/// A stored event cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The bytes are not an event.
    #[error("event {seq} does not read: {source} (run `blocks journal verify`)")]
    Unreadable {
        /// Its sequence.
        seq: u64,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// A newer release wrote it.
    #[error(
        "event {seq} has version {found}, this release reads up to {ENVELOPE_VERSION} (use the newer release)"
    )]
    Newer {
        /// Its sequence.
        seq: u64,
        /// Its version.
        found: u16,
    },
}

fn truncate_to_millis(at: DateTime<Utc>) -> DateTime<Utc> {
    at - Duration::nanoseconds(i64::from(at.timestamp_subsec_nanos() % 1_000_000))
}

/// RFC 3339 in UTC with exactly three decimals: the one time format of the journal and the JSON output.
pub mod millis {
    use chrono::{DateTime, SecondsFormat, Utc};
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes `2026-01-01T00:00:00.000Z`.
    ///
    /// # Errors
    /// Never by itself; what the serializer says.
    pub fn serialize<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&at.to_rfc3339_opts(SecondsFormat::Millis, true))
    }

    /// Reads any RFC 3339 time.
    ///
    /// # Errors
    /// When the text is not one.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
        DateTime::<Utc>::deserialize(deserializer)
    }

    /// The same for a time that may be missing.
    pub mod option {
        use super::{DateTime, Deserialize, Deserializer, SecondsFormat, Serializer, Utc};

        /// Writes the time or `null`.
        ///
        /// # Errors
        /// Never by itself; what the serializer says.
        pub fn serialize<S: Serializer>(
            at: &Option<DateTime<Utc>>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            match at {
                Some(at) => serializer.serialize_some(&at.to_rfc3339_opts(SecondsFormat::Millis, true)),
                None => serializer.serialize_none(),
            }
        }

        /// Reads the time or `null`.
        ///
        /// # Errors
        /// When the text is not an RFC 3339 time.
        pub fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<DateTime<Utc>>, D::Error> {
            Option::<DateTime<Utc>>::deserialize(deserializer)
        }
    }
}
