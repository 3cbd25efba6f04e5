//! Messages that must leave.

use runbook_core::ports::{Commit, OutboxItem, OutboxResult, Spot, Store, Unsent};
use serde_json::json;

use super::{at, leaving};

async fn ask(store: &dyn Store, items: impl IntoIterator<Item = OutboxItem>) {
    let commit = Commit { outbox: items.into_iter().collect(), ..Commit::default() };
    store.commit(commit).await.unwrap();
}

async fn settle(store: &dyn Store, key: &str, version: u64, result: OutboxResult) {
    let commit = Commit { outbox_settled: vec![(key.to_owned(), version, result)], ..Commit::default() };
    store.commit(commit).await.unwrap();
}

async fn due(store: &dyn Store, ms: i64) -> Vec<(String, u64)> {
    store.outbox_due(at(ms), 100).await.unwrap().into_iter().map(|row| (row.key, row.version)).collect()
}

async fn keys(store: &dyn Store, ms: i64) -> Vec<String> {
    due(store, ms).await.into_iter().map(|(key, _)| key).collect()
}

fn card(due_ms: i64, text: &str) -> OutboxItem {
    OutboxItem { coalesce: true, due: at(due_ms), payload: json!(text), ..leaving("card", "channel") }
}

fn dead() -> OutboxResult {
    OutboxResult::Dead { error: "channel_not_found".to_owned() }
}

fn retry(ms: i64) -> OutboxResult {
    OutboxResult::Retry { at: at(ms), error: "rate limited".to_owned() }
}

/// A known key changes nothing, before and after it has left.
pub async fn a_message_asked_for_twice_leaves_once(store: &dyn Store) {
    ask(store, [leaving("a", "g")]).await;
    let mut again = leaving("a", "g");
    again.payload = json!("another");
    ask(store, [again]).await;
    let rows = store.outbox_due(at(0), 10).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].version, &rows[0].payload, rows[0].attempts), (1, &json!({ "for": "a" }), 0));
    assert_eq!((rows[0].lane, rows[0].group.as_str(), rows[0].created_at), (1, "g", at(0)));
    assert_eq!(store.outbox_backlog().await.unwrap(), 1);
    settle(store, "a", 1, OutboxResult::Sent).await;
    ask(store, [leaving("a", "g")]).await;
    assert_eq!(due(store, 9).await, []);
    assert_eq!(store.outbox_backlog().await.unwrap(), 0);
}

/// However often it is asked for before it leaves, it leaves once; after that, asking counts again.
pub async fn a_coalesced_message_is_due_again_once(store: &dyn Store) {
    ask(store, [card(0, "one")]).await;
    ask(store, [card(500, "two")]).await;
    let rows = store.outbox_due(at(0), 10).await.unwrap();
    assert_eq!(rows.len(), 1, "the first ask is due, and the later one goes with it");
    assert_eq!((rows[0].version, &rows[0].payload), (2, &json!("two")));
    settle(store, "card", 2, OutboxResult::Sent).await;
    assert_eq!(due(store, 9999).await, []);
    ask(store, [card(1000, "three")]).await;
    assert_eq!(due(store, 999).await, []);
    assert_eq!(due(store, 1000).await, [("card".to_owned(), 3)]);
    settle(store, "card", 3, dead()).await;
    assert_eq!(due(store, 9999).await, []);
    ask(store, [card(2000, "four")]).await;
    assert_eq!(due(store, 2000).await, [("card".to_owned(), 4)]);
}

/// What was sent is not what was asked for last, whatever became of it.
pub async fn asking_while_it_is_on_its_way_keeps_it_due(store: &dyn Store) {
    ask(store, [card(0, "one")]).await;
    assert_eq!(due(store, 0).await, [("card".to_owned(), 1)]);
    ask(store, [card(0, "two")]).await;
    settle(store, "card", 1, OutboxResult::Sent).await;
    assert_eq!(due(store, 0).await, [("card".to_owned(), 2)]);
    ask(store, [card(0, "three")]).await;
    settle(store, "card", 2, dead()).await;
    let rows = store.outbox_due(at(0), 10).await.unwrap();
    assert_eq!((rows[0].version, &rows[0].payload), (3, &json!("three")));
    settle(store, "card", 3, OutboxResult::Sent).await;
    assert_eq!(due(store, 0).await, []);
}

/// One after the other, by age; what never leaves does not hold up the rest.
pub async fn a_group_leaves_in_order_and_a_dead_head_lets_it_go_on(store: &dyn Store) {
    ask(store, [leaving("a1", "a"), leaving("a2", "a"), leaving("b1", "b")]).await;
    ask(store, [leaving("a3", "a")]).await;
    assert_eq!(keys(store, 0).await, ["a1", "b1"]);
    settle(store, "a1", 1, OutboxResult::Sent).await;
    assert_eq!(keys(store, 0).await, ["a2", "b1"]);
    settle(store, "a2", 1, dead()).await;
    assert_eq!(keys(store, 0).await, ["b1", "a3"]);
    for (key, waits) in [("a1", false), ("a2", false), ("a3", true), ("b1", true), ("none", false)] {
        assert_eq!(store.outbox_waits(key.to_owned()).await.unwrap(), waits, "{key}");
    }
    assert_eq!(store.outbox_backlog().await.unwrap(), 2);
    // what was given up, or waits, has not left
    for (prefix, left) in
        [("a", &["a1"][..]), ("a1", &["a1"]), ("a2", &[]), ("b", &[]), ("A", &[]), ("%", &[])]
    {
        assert_eq!(store.outbox_left(prefix.to_owned()).await.unwrap(), left, "{prefix}");
    }
    assert_eq!(store.outbox_due(at(0), 1).await.unwrap().len(), 1);
}

/// A pause that one channel asks for is kept, also when more is asked for, and delays nobody else.
pub async fn a_retry_holds_back_its_group_and_no_other(store: &dyn Store) {
    ask(store, [card(0, "one"), leaving("next", "channel"), leaving("other", "other")]).await;
    settle(store, "card", 1, retry(1000)).await;
    ask(store, [card(0, "two")]).await;
    assert_eq!(keys(store, 999).await, ["other"]);
    assert_eq!(due(store, 1000).await, [("card".to_owned(), 2), ("other".to_owned(), 1)]);
    // a late answer for an older version still is a pause
    settle(store, "card", 1, retry(2000)).await;
    assert_eq!(keys(store, 1999).await, ["other"]);
    settle(store, "card", 2, OutboxResult::Sent).await;
    assert_eq!(keys(store, 1999).await, ["next", "other"]);
}

/// What waits for its turn holds back its group, until it is asked for anew: that may not have to wait.
pub async fn a_turn_is_waited_for_until_it_is_asked_for_again(store: &dyn Store) {
    let held = |ms| OutboxResult::Held { until: at(ms), error: "not its turn".to_owned() };
    ask(store, [card(0, "one"), leaving("next", "channel")]).await;
    settle(store, "card", 1, held(1000)).await;
    assert_eq!(due(store, 999).await, []);
    ask(store, [card(10, "two")]).await;
    assert_eq!(due(store, 9).await, []);
    assert_eq!(due(store, 10).await, [("card".to_owned(), 2)]);
    // asked for while the older one was being looked at
    settle(store, "card", 1, held(1000)).await;
    assert_eq!(due(store, 10).await, [("card".to_owned(), 2)]);
    settle(store, "card", 2, held(2000)).await;
    assert_eq!(due(store, 1999).await, []);
    assert_eq!(due(store, 2000).await, [("card".to_owned(), 2)]);
    // what the other side asked for is kept
    settle(store, "card", 2, retry(5000)).await;
    ask(store, [card(3000, "three")]).await;
    assert_eq!(due(store, 4999).await, []);
    settle(store, "card", 3, OutboxResult::Sent).await;
    assert_eq!(keys(store, 5000).await, ["next"]);
}

/// Smaller lanes first, then age.
pub async fn lanes_come_before_age(store: &dyn Store) {
    let lane = |key: &str, lane| OutboxItem { lane, ..leaving(key, key) };
    ask(store, [lane("old timeline", 3), lane("card", 1), lane("answer", 0), lane("late card", 1)]).await;
    assert_eq!(keys(store, 0).await, ["answer", "card", "late card", "old timeline"]);
}

/// `due` is respected to the millisecond, and followers wait with their group's head.
pub async fn nothing_leaves_before_it_is_due(store: &dyn Store) {
    ask(store, [OutboxItem { due: at(100), ..leaving("a1", "a") }, leaving("a2", "a")]).await;
    assert_eq!(keys(store, 99).await, Vec::<String>::new());
    assert_eq!(keys(store, 100).await, ["a1"]);
    assert_eq!(store.outbox_backlog().await.unwrap(), 2);
}

/// Above 0 an earlier outcome may be unknown; a known one sets it back, asking again does not.
pub async fn attempts_are_counted_until_an_outcome_is_known(store: &dyn Store) {
    let attempts = async || store.outbox_due(at(9999), 1).await.unwrap()[0].attempts;
    ask(store, [card(0, "one")]).await;
    store.outbox_attempt("card".to_owned(), None).await.unwrap();
    store.outbox_attempt("card".to_owned(), None).await.unwrap();
    assert_eq!(attempts().await, 2);
    ask(store, [card(0, "two")]).await;
    assert_eq!(attempts().await, 2, "the first attempt may still have arrived");
    settle(store, "card", 2, retry(1)).await;
    assert_eq!(attempts().await, 2);
    settle(store, "card", 1, OutboxResult::Sent).await;
    assert_eq!(attempts().await, 0);
    store.outbox_attempt("card".to_owned(), None).await.unwrap();
    settle(store, "card", 2, OutboxResult::Sent).await;
    store.outbox_attempt("card".to_owned(), None).await.unwrap();
    ask(store, [card(0, "three")]).await;
    assert_eq!(attempts().await, 0, "nothing was on its way");
}

/// Each place once, in order, as long as nobody knows what came of the attempts there.
pub async fn where_it_was_tried_is_known_until_an_outcome_is(store: &dyn Store) {
    let spot = |channel: &str, thread: Option<&str>| Spot {
        channel: channel.to_owned(),
        thread: thread.map(str::to_owned),
    };
    let attempt = async |at| store.outbox_attempt("card".to_owned(), at).await.unwrap();
    let tried = async || store.outbox_due(at(9999), 1).await.unwrap()[0].tried.clone();
    let (shared, own) = (spot("ops-alerts", None), spot("C\"1'", Some("1.5")));
    ask(store, [card(0, "one")]).await;
    for at in [None, Some(shared.clone()), Some(own.clone()), Some(shared.clone()), None] {
        attempt(at).await;
    }
    ask(store, [card(0, "two")]).await;
    settle(store, "card", 2, retry(1)).await;
    assert_eq!(tried().await, [shared, own.clone()]);
    settle(store, "card", 1, OutboxResult::Sent).await;
    assert_eq!(tried().await, []);
    attempt(Some(own)).await;
    settle(store, "card", 2, OutboxResult::Dead { error: "gone".to_owned() }).await;
    ask(store, [card(0, "three")]).await;
    assert_eq!(tried().await, []);
}

/// What waits is told oldest first, what was given up newest first and not what is older than that, each with why.
pub async fn what_has_not_left_is_told_with_its_reason(store: &dyn Store) {
    let unsent = async |since: i64, limit: usize| -> Vec<(String, i64, bool, u32, Option<String>)> {
        let found = store.outbox_unsent(at(since), limit).await.unwrap();
        let of = |one: Unsent| {
            let ms = (one.created_at - at(0)).num_milliseconds();
            (one.group, ms, one.dead, one.attempts, one.error)
        };
        found.into_iter().map(of).collect()
    };
    let waits = |group: &str, ms, attempts, error: Option<&str>| {
        (group.to_owned(), ms, false, attempts, error.map(str::to_owned))
    };
    let gone = |group: &str, ms| (group.to_owned(), ms, true, 0, Some("channel_not_found".to_owned()));
    let of = |group: &str, ms| OutboxItem { due: at(ms), ..leaving(group, group) };
    assert_eq!(unsent(0, 9).await, []);
    ask(store, [of("sent", 0), of("z", 10), of("old", 20), of("lost", 30), of("a", 40), card(50, "one")])
        .await;
    settle(store, "sent", 1, OutboxResult::Sent).await;
    settle(store, "old", 1, dead()).await;
    settle(store, "lost", 1, dead()).await;
    // what an attempt came to stands while a turn is waited for; without one that is all there is to tell
    let held = || OutboxResult::Held { until: at(60), error: "not its turn".to_owned() };
    store.outbox_attempt("z".to_owned(), None).await.unwrap();
    settle(store, "z", 1, retry(55)).await;
    settle(store, "z", 1, held()).await;
    settle(store, "a", 1, held()).await;
    let (z, a) = (waits("z", 10, 1, Some("rate limited")), waits("a", 40, 0, Some("not its turn")));
    let waiting = [z.clone(), a, waits("channel", 50, 0, None)];
    assert_eq!(unsent(0, 9).await, [&waiting[..], &[gone("lost", 30), gone("old", 20)]].concat());
    assert_eq!(unsent(21, 9).await, [&waiting[..], &[gone("lost", 30)]].concat());
    assert_eq!(unsent(0, 1).await, [z.clone(), gone("lost", 30)]);
    // given up, and asked for again: it begins anew
    settle(store, "card", 1, dead()).await;
    ask(store, [card(70, "two")]).await;
    settle(store, "a", 1, OutboxResult::Sent).await;
    assert_eq!(unsent(31, 9).await, [z, waits("channel", 70, 0, None)]);
}
