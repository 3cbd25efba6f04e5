//! Reading an aggregate from its stream, and continuing the stream: the same for both aggregates.

use chrono::{DateTime, Utc};
use runbook_core::incident::Replay;
use runbook_core::journal::{Envelope, Head, StoredEvent, StreamId, open, seal};
use runbook_core::ports::{Append, Store};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::EngineError;
use crate::origin::Origin;

/// An aggregate's one way to change.
pub(crate) type Evolve<S, E> = fn(Option<S>, &Envelope<E>) -> Result<S, Replay>;

/// An aggregate as read, with where its stream ends.
pub(crate) struct Loaded<S, E> {
    pub(crate) state: S,
    pub(crate) head: Head,
    pub(crate) events: Vec<Envelope<E>>,
}

/// Reads and folds a stream; `None` when there is none.
pub(crate) async fn load<S, E: DeserializeOwned>(
    store: &dyn Store,
    stream: StreamId,
    evolve: Evolve<S, E>,
) -> Result<Option<Loaded<S, E>>, EngineError> {
    let mut state = None;
    let mut head = Head::EMPTY;
    let mut events = Vec::new();
    for stored in &store.load(stream).await? {
        let envelope = fold(&mut state, stored, evolve)?;
        head = Head { seq: stored.seq, hash: stored.hash, at: Some(envelope.at) };
        events.push(envelope);
    }
    Ok(state.map(|state| Loaded { state, head, events }))
}

/// Seals a decision's events onto the stream: the append, the state after it, folded from the very bytes that will be
/// stored, and where the stream ends then.
pub(crate) fn apply<S, E: Serialize + DeserializeOwned>(
    stream: StreamId,
    state: Option<S>,
    head: Head,
    events: &[E],
    (origin, now): (&Origin, DateTime<Utc>),
    evolve: Evolve<S, E>,
) -> Result<(Append, S, Head), EngineError> {
    let (sealed, end) = seal(stream, head, &origin.stamp(now), events)
        .map_err(|error| EngineError::Journal(error.to_string()))?;
    let mut state = state;
    for event in &sealed {
        let stored = StoredEvent { seq: event.seq, bytes: event.bytes.clone(), hash: event.hash };
        fold(&mut state, &stored, evolve)?;
    }
    let state = state.ok_or_else(|| EngineError::Journal(format!("{stream} has no events")))?;
    Ok((Append { stream, after: head, events: sealed }, state, end))
}

fn fold<S, E: DeserializeOwned>(
    state: &mut Option<S>,
    stored: &StoredEvent,
    evolve: Evolve<S, E>,
) -> Result<Envelope<E>, EngineError> {
    let envelope = open(stored).map_err(|error| EngineError::Journal(error.to_string()))?;
    let next = evolve(state.take(), &envelope).map_err(|error| EngineError::Journal(error.to_string()))?;
    *state = Some(next);
    Ok(envelope)
}
