//! The hash chain: SHA-256 over the stream's name, the previous hash and the exact stored bytes.

use std::fmt;

use sha2::{Digest, Sha256};

use super::{StoredEvent, StreamId};

/// A chain hash (SHA-256).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

/// What a stream's first event is chained to.
pub const GENESIS: Hash = Hash([0; 32]);

/// The hash of an event that follows `previous`. The stream's name is part of it, so that an event
/// cannot be moved to another stream.
#[must_use]
pub fn link(stream: &StreamId, previous: &Hash, bytes: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(stream.to_string().as_bytes());
    hasher.update([0]);
    hasher.update(previous.0);
    hasher.update(bytes);
    Hash(hasher.finalize().into())
}

/// What a verified stream amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedStream {
    /// How many events it has.
    pub events: u64,
    /// Its last hash.
    pub head: Hash,
}

/// Walks one stream from its first event.
///
/// # Errors
/// At the first event whose sequence or hash is not what the chain demands.
pub fn verify_stream(stream: &StreamId, events: &[StoredEvent]) -> Result<VerifiedStream, ChainError> {
    let mut head = GENESIS;
    for (index, event) in events.iter().enumerate() {
        let expected = index as u64 + 1;
        if event.seq != expected {
            return Err(ChainError::Sequence { stream: *stream, expected, found: event.seq });
        }
        let hash = link(stream, &head, &event.bytes);
        if hash != event.hash {
            return Err(ChainError::Altered { stream: *stream, seq: event.seq });
        }
        head = hash;
    }
    Ok(VerifiedStream { events: events.len() as u64, head })
}

/// Where a chain breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// An event is missing, doubled or out of order.
    #[error("{stream}: expected event {expected}, found {found}: an event is missing or out of order")]
    Sequence {
        /// The stream.
        stream: StreamId,
        /// What should have come.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// The bytes, or an earlier event, are not what was written.
    #[error("{stream}: event {seq} does not match its hash: it or an earlier one was altered")]
    Altered {
        /// The stream.
        stream: StreamId,
        /// The first event that does not match.
        seq: u64,
    },
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use uuid::Uuid;

    use super::*;
    use crate::ids::RunId;
    use crate::journal::{Cause, Envelope, Head, Stamp, open, seal};
    use crate::people::Actor;

    fn stamp(now: &str) -> Stamp {
        Stamp {
            now: now.parse().unwrap(),
            occurred_at: None,
            actor: Actor::system("test"),
            cause: Cause::Engine,
        }
    }

    fn sample() -> (StreamId, Vec<StoredEvent>) {
        let stream = StreamId::Run(RunId(Uuid::from_u128(7)));
        let (first, head) = seal(stream, Head::EMPTY, &stamp("2026-01-01T00:00:01.5Z"), &["a", "b"]).unwrap();
        let (second, _) = seal(stream, head, &stamp("2026-01-01T00:00:00Z"), &["c"]).unwrap();
        let stored = first
            .into_iter()
            .chain(second)
            .map(|s| StoredEvent { seq: s.seq, bytes: s.bytes, hash: s.hash })
            .collect();
        (stream, stored)
    }

    #[test]
    fn a_whole_chain_verifies_and_a_clock_that_goes_back_is_clamped_and_flagged() {
        let (stream, stored) = sample();
        assert_eq!(verify_stream(&stream, &stored).unwrap().events, 3);
        let last: Envelope<String> = open(&stored[2]).unwrap();
        assert!(last.clamped);
        assert_eq!(last.at, "2026-01-01T00:00:01.5Z".parse::<DateTime<Utc>>().unwrap());
    }

    #[test]
    fn every_flipped_byte_gap_and_swap_is_found() {
        let (stream, stored) = sample();
        for index in 0..stored.len() {
            for byte in 0..stored[index].bytes.len() {
                let mut bad = stored.clone();
                bad[index].bytes[byte] ^= 1;
                assert!(verify_stream(&stream, &bad).is_err());
            }
            if index + 1 < stored.len() {
                let mut gap = stored.clone();
                gap.remove(index);
                assert!(verify_stream(&stream, &gap).is_err());
                let mut swapped = stored.clone();
                swapped.swap(index, index + 1);
                assert!(verify_stream(&stream, &swapped).is_err());
            }
        }
        let other = StreamId::Run(RunId(Uuid::from_u128(8)));
        assert!(verify_stream(&other, &stored).is_err(), "a stream cannot be passed off as another");
    }
}
