//! Random interleavings against a model that is nothing but maps: the same answers, the same state after it.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use proptest::prelude::*;
use runbook_core::journal::{Head, StreamId};
use runbook_core::ports::{
    Accepted, BoxFuture, Commit, CommitError, CounterRaise, InboxOutcome, OutboxResult, Store,
};

use crate::SqliteStore;
use crate::conformance::{append, at, leaving, message, run};

#[derive(Debug, Clone)]
enum Op {
    Accept {
        id: u8,
    },
    Commit {
        stream: u8,
        events: u8,
        stale: bool,
        done: Option<u8>,
        counter: Option<bool>,
        ask: Option<(u8, bool)>,
    },
    Sent {
        key: u8,
        stale: bool,
    },
    Checkpoint,
}

fn op() -> impl Strategy<Value = Op> {
    let commit = (
        0..3_u8,
        0..3_u8,
        prop::bool::weighted(0.2),
        prop::option::weighted(0.3, 0..5_u8),
        prop::option::weighted(0.3, prop::bool::weighted(0.8)),
        prop::option::weighted(0.5, (0..4_u8, any::<bool>())),
    )
        .prop_map(|(stream, events, stale, done, counter, ask)| Op::Commit {
            stream,
            events,
            stale,
            done,
            counter,
            ask,
        });
    prop_oneof![
        3 => (0..5_u8).prop_map(|id| Op::Accept { id }),
        5 => commit,
        2 => (0..4_u8, any::<bool>()).prop_map(|(key, stale)| Op::Sent { key, stale }),
        1 => Just(Op::Checkpoint),
    ]
}

#[derive(Debug, Clone, Default)]
struct Model {
    pending: Vec<String>,
    known: BTreeSet<String>,
    done: BTreeSet<String>,
    streams: BTreeMap<StreamId, (Head, Vec<Vec<u8>>)>,
    order: Vec<StreamId>,
    counter: u64,
    /// Version, and place while it waits.
    outbox: BTreeMap<String, (u64, Option<u64>)>,
    places: u64,
    checkpoints: u64,
}

#[derive(Debug, PartialEq)]
enum Answer {
    Accepted(Accepted),
    Committed(Result<(), CommitError>),
    Checked,
}

/// The model's answer, and the same request to the store.
fn step<'a>(model: &mut Model, store: &'a SqliteStore, op: &Op) -> (Answer, BoxFuture<'a, Answer>) {
    match op {
        Op::Accept { id } => {
            let id = id.to_string();
            let item = message("slack", &id);
            let new = model.known.insert(id.clone());
            if new {
                model.pending.push(id);
            }
            let expected = Answer::Accepted(if new { Accepted::New } else { Accepted::Duplicate });
            (expected, Box::pin(async move { Answer::Accepted(store.accept(item).await.unwrap()) }))
        }
        Op::Commit { stream, events, stale, done, counter, ask } => {
            let id = run(u128::from(*stream) + 1);
            let head = model.streams.get(&id).map_or(Head::EMPTY, |(head, _)| *head);
            let seen = if *stale { Head { seq: head.seq + 1, ..head } } else { head };
            let texts: Vec<_> = (0..*events).map(|n| format!("{n} of {}", model.places)).collect();
            let texts: Vec<_> = texts.iter().map(String::as_str).collect();
            let (append, after) = append(id, seen, &texts);
            let mut commit = Commit { appends: vec![append.clone()], ..Commit::default() };
            let before = model.clone();
            let expected = apply(model, &mut commit, (id, after, *stale), *done, *counter, *ask);
            if expected.is_err() {
                *model = before;
            } else if *events > 0 {
                let entry = model.streams.entry(id).or_insert_with(|| {
                    model.order.push(id);
                    (Head::EMPTY, Vec::new())
                });
                entry.0 = after;
                entry.1.extend(append.events.into_iter().map(|event| event.bytes));
            }
            (
                Answer::Committed(expected),
                Box::pin(async move { Answer::Committed(store.commit(commit).await) }),
            )
        }
        Op::Sent { key, stale } => {
            let key = format!("key {key}");
            let version = model.outbox.get(&key).map_or(1, |(version, _)| *version);
            let sent = if *stale { version - 1 } else { version };
            if let Some((version, place)) = model.outbox.get_mut(&key)
                && *version == sent
            {
                *place = None;
            }
            let commit =
                Commit { outbox_settled: vec![(key, sent, OutboxResult::Sent)], ..Commit::default() };
            (
                Answer::Committed(Ok(())),
                Box::pin(async move { Answer::Committed(store.commit(commit).await) }),
            )
        }
        Op::Checkpoint => {
            model.checkpoints += 1;
            let checked = async move {
                store.checkpoint(at(0)).await.unwrap();
                Answer::Checked
            };
            (Answer::Checked, Box::pin(checked))
        }
    }
}

/// Everything of a commit but its events, in the order in which the store looks.
fn apply(
    model: &mut Model,
    commit: &mut Commit,
    (id, _, stale): (StreamId, Head, bool),
    done: Option<u8>,
    counter: Option<bool>,
    ask: Option<(u8, bool)>,
) -> Result<(), CommitError> {
    // fill in the whole request first: what the model refuses must be asked of the store all the same
    let counter = counter.map(|fresh| CounterRaise {
        name: "incident",
        from: if fresh { model.counter } else { model.counter + 1 },
        by: 1,
    });
    let item = ask.map(|(key, coalesce)| {
        let mut item = leaving(&format!("key {key}"), if key % 2 == 0 { "even" } else { "odd" });
        item.coalesce = coalesce;
        item
    });
    commit.counter = counter.clone();
    commit.inbox_done = done.map(|id| ("slack".to_owned(), id.to_string(), InboxOutcome::Done));
    commit.outbox.extend(item.clone());

    if let Some(raise) = counter {
        if raise.from != model.counter {
            return Err(CommitError::Conflict("counter incident".to_owned()));
        }
        model.counter += 1;
    }
    if let Some(id) = done.map(|id| id.to_string()) {
        if !model.known.contains(&id) || !model.done.insert(id.clone()) {
            return Err(CommitError::Conflict(format!("message {id} from slack")));
        }
        model.pending.retain(|pending| *pending != id);
    }
    if stale {
        return Err(CommitError::Conflict(id.to_string()));
    }
    if let Some(item) = item {
        model.places += 1;
        let place = model.places;
        match model.outbox.get_mut(&item.key) {
            None => {
                model.outbox.insert(item.key, (1, Some(place)));
            }
            Some((version, waiting)) if item.coalesce => {
                *version += 1;
                waiting.get_or_insert(place);
            }
            Some(_) => {}
        }
    }
    Ok(())
}

async fn assert_same(model: &Model, store: &SqliteStore) {
    let pending: Vec<_> = store.inbox_pending(99).await.unwrap().into_iter().map(|item| item.id).collect();
    assert_eq!(pending, model.pending);
    assert_eq!(store.counter("incident").await.unwrap(), model.counter);
    let streams: Vec<_> = store.streams().await.unwrap().into_iter().map(|s| (s.stream, s.events)).collect();
    let expected: Vec<_> = model.order.iter().map(|id| (*id, model.streams[id].0.seq)).collect();
    assert_eq!(streams, expected);
    for (id, (_, events)) in &model.streams {
        let stored: Vec<_> = store.load(*id).await.unwrap().into_iter().map(|event| event.bytes).collect();
        assert_eq!(&stored, events);
    }
    let waiting = model.outbox.iter().filter_map(|(key, (version, place))| Some((key, version, (*place)?)));
    assert_eq!(store.outbox_backlog().await.unwrap(), waiting.clone().count() as u64);
    // the model's rows: the oldest of each group ("key n" is in group n mod 2), by age
    let mut heads = BTreeMap::new();
    for (key, version, place) in waiting {
        let group = key.ends_with(['0', '2']);
        let head = heads.entry(group).or_insert((place, key.clone(), *version));
        if place < head.0 {
            *head = (place, key.clone(), *version);
        }
    }
    let mut heads: Vec<_> = heads.into_values().collect();
    heads.sort();
    let due: Vec<_> = store.outbox_due(at(0), 99).await.unwrap();
    let due: Vec<_> = due.into_iter().map(|row| (row.key, row.version)).collect();
    assert_eq!(due, heads.into_iter().map(|(_, key, version)| (key, version)).collect::<Vec<_>>());
    let report = store.verify().await.unwrap();
    let events: u64 = model.streams.values().map(|(head, _)| head.seq).sum();
    assert_eq!((report.events, report.checkpoints, report.problems), (events, model.checkpoints, vec![]));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_answers_as_the_model_does(batches in prop::collection::vec(prop::collection::vec(op(), 1..12), 1..8)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("blocks.db");
            let mut store = SqliteStore::open(&path).unwrap();
            let mut model = Model::default();
            for (index, batch) in batches.iter().enumerate() {
                let (expected, asked): (Vec<_>, Vec<_>) =
                    batch.iter().map(|op| step(&mut model, &store, op)).unzip();
                // all are handed in, in this order, before the first answer is looked at
                assert_eq!(join_all(asked).await, expected, "{batch:?}");
                assert_same(&model, &store).await;
                if index % 3 == 2 {
                    drop(store);
                    store = SqliteStore::open(&path).unwrap();
                    assert_same(&model, &store).await;
                }
            }
        });
    }
}
