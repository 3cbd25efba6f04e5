//! Streams, counters, and what a commit takes back.

use runbook_core::journal::{GENESIS, Head, StoredEvent};
use runbook_core::ports::{
    Blob, Commit, CommitError, CounterRaise, InboxOutcome, Kept, RowChange, Store, Timer, TimerChange,
};

use super::rows::{incident_row, sha256};
use super::{append, at, incident, leaving, message, run};

fn one(append: runbook_core::ports::Append) -> Commit {
    Commit { appends: vec![append], ..Commit::default() }
}

/// Exact bytes and hashes, in order.
pub async fn events_come_back_byte_for_byte(store: &dyn Store) {
    let stream = run(1);
    let (first, head) = append(stream, Head::EMPTY, &["a", "ü\u{0}"]);
    let (second, _) = append(stream, head, &["c"]);
    let expected: Vec<_> = first.events.iter().chain(&second.events).cloned().collect();
    store.commit(one(first)).await.unwrap();
    store.commit(one(second)).await.unwrap();
    let loaded = store.load(stream).await.unwrap();
    let expected: Vec<_> =
        expected.into_iter().map(|e| StoredEvent { seq: e.seq, bytes: e.bytes, hash: e.hash }).collect();
    assert_eq!(loaded, expected);
    assert_eq!(store.load(run(2)).await.unwrap(), []);
}

/// The stream has moved on since it was read.
pub async fn a_decision_on_an_old_head_is_a_conflict(store: &dyn Store) {
    let (first, head) = append(run(1), Head::EMPTY, &["a"]);
    store.commit(one(first)).await.unwrap();
    let (second, _) = append(run(1), head, &["b"]);
    store.commit(one(second)).await.unwrap();
    for old in [Head::EMPTY, head] {
        let (late, _) = append(run(1), old, &["late"]);
        assert_eq!(store.commit(one(late)).await, Err(CommitError::Conflict(run(1).to_string())));
    }
    assert_eq!(store.load(run(1)).await.unwrap().len(), 2);
}

/// The right sequence is not enough: the hash must be the same, too.
pub async fn a_decision_on_another_history_is_a_conflict(store: &dyn Store) {
    let (first, head) = append(run(1), Head::EMPTY, &["a"]);
    store.commit(one(first)).await.unwrap();
    let (other, _) = append(run(1), Head { hash: GENESIS, ..head }, &["b"]);
    assert!(matches!(store.commit(one(other)).await, Err(CommitError::Conflict(_))));
}

/// Two at once from the same head: one is kept, the other hears of it.
pub async fn of_two_decisions_at_once_one_wins(store: &dyn Store) {
    let (left, _) = append(run(1), Head::EMPTY, &["left"]);
    let (right, _) = append(run(1), Head::EMPTY, &["right", "right"]);
    let (left, right) = tokio::join!(store.commit(one(left)), store.commit(one(right)));
    assert_eq!(usize::from(left.is_ok()) + usize::from(right.is_ok()), 1, "{left:?} {right:?}");
    let events = store.load(run(1)).await.unwrap().len();
    assert_eq!(events, if left.is_ok() { 1 } else { 2 });
}

/// A decision may depend on a stream that it does not change.
pub async fn an_append_without_events_only_checks(store: &dyn Store) {
    let (nothing, _) = append(run(1), Head::EMPTY, &[]);
    store.commit(one(nothing.clone())).await.unwrap();
    assert_eq!(store.streams().await.unwrap(), [], "checking opens nothing");
    let (first, _) = append(run(1), Head::EMPTY, &["a"]);
    store.commit(one(first)).await.unwrap();
    assert!(matches!(store.commit(one(nothing)).await, Err(CommitError::Conflict(_))));
}

/// A gap in what is to be appended is a mistake of the caller, not a conflict to be tried again.
pub async fn events_that_do_not_continue_are_refused(store: &dyn Store) {
    let (mut gap, _) = append(run(1), Head::EMPTY, &["a", "b", "c"]);
    gap.events.remove(1);
    assert!(matches!(store.commit(one(gap)).await, Err(CommitError::Store(_))));
    assert_eq!(store.load(run(1)).await.unwrap(), []);
    assert_eq!(store.streams().await.unwrap(), []);
}

/// All or nothing, also when good commits share a transaction with it.
pub async fn a_conflict_takes_back_everything_of_its_commit_and_nothing_else(store: &dyn Store) {
    store.accept(message("slack", "a")).await.unwrap();
    let (first, _) = append(run(1), Head::EMPTY, &["a"]);
    store.commit(one(first)).await.unwrap();
    let bytes = b"evidence".to_vec();
    let hash = sha256(&bytes);
    let (opened, _) = append(incident(7), Head::EMPTY, &["opened"]);
    let (stale, _) = append(run(1), Head::EMPTY, &["late"]);
    let bad = Commit {
        appends: vec![opened, stale],
        rows: vec![RowChange::Incident(incident_row(7))],
        outbox: vec![leaving("bad", "g")],
        outbox_settled: vec![],
        timers: vec![TimerChange::Set(Timer {
            key: "t".into(),
            due: at(0),
            stream: incident(7),
            what: "ack".into(),
        })],
        kept: vec![Kept { key: "oncall".into(), at: at(0), value: "1".into() }],
        blobs: vec![Blob { sha256: hash.clone(), bytes }],
        inbox_done: Some(("slack".into(), "a".into(), InboxOutcome::Done)),
        inbox_also: Vec::new(),
        counter: Some(CounterRaise { name: "incident", from: 0, by: 1 }),
    };
    let good = |n: u128| {
        let mut commit = one(append(run(n), Head::EMPTY, &["good"]).0);
        commit.outbox = vec![leaving(&format!("good {n}"), &format!("g{n}"))];
        commit
    };
    let (before, conflict, after) =
        tokio::join!(store.commit(good(2)), store.commit(bad), store.commit(good(3)));
    assert_eq!(conflict, Err(CommitError::Conflict(run(1).to_string())));
    assert_eq!((before, after), (Ok(()), Ok(())));
    assert_eq!(store.load(incident(7)).await.unwrap(), []);
    assert_eq!(store.incidents(false, 10).await.unwrap(), []);
    assert_eq!(store.timers_due(at(1000), 10).await.unwrap(), []);
    assert_eq!(store.kept(String::new()).await.unwrap(), []);
    assert_eq!(store.blob(hash).await.unwrap(), None);
    assert_eq!(store.inbox_pending(10).await.unwrap().len(), 1);
    assert_eq!(store.counter("incident").await.unwrap(), 0);
    let due = store.outbox_due(at(0), 10).await.unwrap();
    assert_eq!(due.iter().filter(|row| row.key.starts_with("good")).count(), 2);
    assert_eq!(due.len(), 2);
    let report = store.verify().await.unwrap();
    assert_eq!((report.streams, report.events, report.problems), (3, 3, vec![]));
}

/// The number that a decision saw can be taken once.
pub async fn a_counter_is_raised_once_for_each_value_seen(store: &dyn Store) {
    let raise =
        |from| Commit { counter: Some(CounterRaise { name: "incident", from, by: 1 }), ..Commit::default() };
    assert_eq!(store.counter("incident").await.unwrap(), 0);
    let (left, right) = tokio::join!(store.commit(raise(0)), store.commit(raise(0)));
    assert_eq!(usize::from(left.is_ok()) + usize::from(right.is_ok()), 1, "{left:?} {right:?}");
    assert_eq!(store.counter("incident").await.unwrap(), 1);
    store.commit(raise(1)).await.unwrap();
    assert!(matches!(store.commit(raise(1)).await, Err(CommitError::Conflict(_))));
    assert_eq!(store.counter("incident").await.unwrap(), 2);
    // several numbers at once are all taken, or none
    let many =
        |from| Commit { counter: Some(CounterRaise { name: "incident", from, by: 3 }), ..Commit::default() };
    assert!(matches!(store.commit(many(1)).await, Err(CommitError::Conflict(_))));
    store.commit(many(2)).await.unwrap();
    assert_eq!(store.counter("incident").await.unwrap(), 5);
    assert_eq!(store.counter("other").await.unwrap(), 0);
}

/// Not by name, not by the newest event.
pub async fn streams_are_listed_in_order_of_opening(store: &dyn Store) {
    let (late, head) = append(run(9), Head::EMPTY, &["a"]);
    store.commit(one(late)).await.unwrap();
    store.commit(one(append(incident(3), Head::EMPTY, &["a"]).0)).await.unwrap();
    store.commit(one(append(run(9), head, &["b", "c"]).0)).await.unwrap();
    let listed: Vec<_> =
        store.streams().await.unwrap().into_iter().map(|summary| (summary.stream, summary.events)).collect();
    assert_eq!(listed, [(run(9), 3), (incident(3), 1)]);
}

/// Also when nothing is in it.
pub async fn an_untouched_store_verifies(store: &dyn Store) {
    let report = store.verify().await.unwrap();
    assert_eq!((report.streams, report.events, report.checkpoints), (0, 0, 0));
    assert_eq!((report.problems, report.head), (vec![], GENESIS.to_string()));
    let (a, b) = (append(run(1), Head::EMPTY, &["a", "b"]).0, append(incident(1), Head::EMPTY, &["c"]).0);
    store.commit(Commit { appends: vec![a, b], ..Commit::default() }).await.unwrap();
    let report = store.verify().await.unwrap();
    assert_eq!((report.streams, report.events, report.problems), (2, 3, vec![]));
    assert_ne!(report.head, GENESIS.to_string());
}

/// Each checkpoint is a link of its own, also when nothing has moved since the last.
pub async fn checkpoints_are_counted_and_move_the_head(store: &dyn Store) {
    let mut heads = Vec::new();
    let (first, head) = append(run(1), Head::EMPTY, &["a"]);
    store.commit(one(first)).await.unwrap();
    for ms in 0..3 {
        store.checkpoint(at(ms)).await.unwrap();
        let report = store.verify().await.unwrap();
        assert_eq!(report.problems, Vec::<String>::new());
        heads.push(report.head);
    }
    store.commit(one(append(run(1), head, &["b"]).0)).await.unwrap();
    store.checkpoint(at(4)).await.unwrap();
    let report = store.verify().await.unwrap();
    assert_eq!((report.checkpoints, report.problems), (4, vec![]));
    heads.push(report.head);
    heads.dedup();
    assert_eq!(heads.len(), 4);
}

/// Whoever kept a head can tell that what it stood for is still there.
pub async fn a_head_that_was_kept_is_found_again(store: &dyn Store) {
    let has = async |head: &str| store.has_link(head.to_owned()).await.unwrap();
    assert!(has(&GENESIS.to_string()).await, "everything begins with the empty store");
    let (first, head) = append(run(1), Head::EMPTY, &["a", "b"]);
    store.commit(one(first)).await.unwrap();
    let report = store.verify().await.unwrap();
    assert_eq!(report.uncovered, 2, "an opening says nothing of what follows it");
    store.checkpoint(at(1)).await.unwrap();
    let kept = store.verify().await.unwrap();
    assert_eq!(kept.uncovered, 0);
    store.commit(one(append(run(1), head, &["c"]).0)).await.unwrap();
    assert_eq!(store.verify().await.unwrap().uncovered, 1);
    store.checkpoint(at(2)).await.unwrap();
    let later = store.verify().await.unwrap();
    assert!(
        kept.head != later.head && has(&kept.head).await && has(&later.head).await && has(&report.head).await
    );
    assert!(!has(&"00ff".repeat(16)).await && !has("no hash").await && !has("").await);
}
