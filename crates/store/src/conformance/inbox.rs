//! Messages from outside.

use runbook_core::ports::{
    Accepted, Commit, CommitError, InboxItem, InboxOutcome, InboxStand, Letters, Store,
};

use super::{at, message};

fn settled(source: &str, id: &str, outcome: InboxOutcome) -> Commit {
    Commit { inbox_done: Some((source.to_owned(), id.to_owned(), outcome)), ..Commit::default() }
}

/// A known `(source, id)` changes nothing, whatever else the message says.
pub async fn a_redelivered_message_falls_away(store: &dyn Store) {
    assert_eq!(store.accept(message("pagerduty", "a")).await.unwrap(), Accepted::New);
    let mut again = message("pagerduty", "a");
    again.body = b"another".to_vec();
    assert_eq!(store.accept(again).await.unwrap(), Accepted::Duplicate);
    assert_eq!(store.accept(message("pagerduty", "b")).await.unwrap(), Accepted::New);
    let pending = store.inbox_pending(10).await.unwrap();
    assert_eq!(pending, [message("pagerduty", "a"), message("pagerduty", "b")]);
    assert_eq!(store.inbox_pending(1).await.unwrap(), [message("pagerduty", "a")]);
}

/// Ids are unique within a source only.
pub async fn the_same_id_from_another_source_is_another_message(store: &dyn Store) {
    assert_eq!(store.accept(message("pagerduty", "a")).await.unwrap(), Accepted::New);
    assert_eq!(store.accept(message("slack", "a")).await.unwrap(), Accepted::New);
}

/// A message that was acted on is no longer pending, and a redelivery still falls away.
pub async fn a_done_message_is_remembered_without_its_body(store: &dyn Store) {
    store.accept(message("slack", "a")).await.unwrap();
    store.commit(settled("slack", "a", InboxOutcome::Done)).await.unwrap();
    assert_eq!(store.inbox_pending(10).await.unwrap(), []);
    assert_eq!(store.letters(Letters::default(), 10).await.unwrap(), []);
    assert_eq!(store.accept(message("slack", "a")).await.unwrap(), Accepted::Duplicate);
    assert_eq!(store.inbox_pending(10).await.unwrap(), []);
}

/// What was decided twice from one message counts once; an unknown message is no reason to commit.
pub async fn a_message_is_dealt_with_once(store: &dyn Store) {
    store.accept(message("slack", "a")).await.unwrap();
    store.commit(settled("slack", "a", InboxOutcome::Done)).await.unwrap();
    for id in ["a", "unknown"] {
        let again = store.commit(settled("slack", id, InboxOutcome::Done)).await;
        assert!(matches!(again, Err(CommitError::Conflict(_))), "{id}: {again:?}");
    }
}

/// A kept message keeps its body and the reason, and may still be acted on.
pub async fn a_kept_message_can_be_read_and_acted_on_later(store: &dyn Store) {
    for id in ["a", "b"] {
        store.accept(message("slack", id)).await.unwrap();
        store.commit(settled("slack", id, InboxOutcome::Kept { reason: format!("why {id}") })).await.unwrap();
    }
    let kept = store.letters(Letters::default(), 10).await.unwrap();
    assert_eq!(kept.len(), 2, "newest first");
    assert_eq!((kept[0].item.clone(), kept[0].reason.as_str()), (message("slack", "b"), "why b"));
    assert_eq!(store.letters(Letters::default(), 1).await.unwrap().len(), 1);
    assert_eq!(store.inbox_pending(10).await.unwrap(), []);
    store.commit(settled("slack", "b", InboxOutcome::Done)).await.unwrap();
    assert_eq!(store.letters(Letters::default(), 10).await.unwrap(), kept[1..]);
}

/// A kept message is taken up again in its old place, once; what was acted on, what waits and what never came is not.
pub async fn a_kept_message_is_taken_up_again(store: &dyn Store) {
    for id in ["a", "b", "c", "d"] {
        store.accept(message("slack", id)).await.unwrap();
    }
    let kept = |reason: &str| InboxOutcome::Kept { reason: reason.to_owned() };
    store.commit(settled("slack", "a", kept("dead letter: not json"))).await.unwrap();
    store.commit(settled("slack", "b", InboxOutcome::Done)).await.unwrap();
    store.commit(settled("slack", "d", kept("not acted on: ping"))).await.unwrap();
    for id in ["b", "c", "unknown"] {
        let again = store.commit(settled("slack", id, InboxOutcome::Again)).await;
        assert!(matches!(again, Err(CommitError::Conflict(_))), "{id}: {again:?}");
    }
    let stand = async |id: &str| store.inbox_stand("slack".to_owned(), id.to_owned()).await.unwrap();
    let reason = "dead letter: not json".to_owned();
    assert_eq!(stand("a").await, Some(InboxStand::Kept { reason }));
    assert_eq!(stand("b").await, Some(InboxStand::Done));
    assert_eq!(stand("c").await, Some(InboxStand::Pending));
    assert_eq!(stand("unknown").await, None);
    assert_eq!(store.dead_letters().await.unwrap(), [("slack".to_owned(), 1)]);
    store.commit(settled("slack", "a", InboxOutcome::Again)).await.unwrap();
    assert_eq!(stand("a").await, Some(InboxStand::Pending));
    assert_eq!(store.inbox_pending(10).await.unwrap(), [message("slack", "a"), message("slack", "c")]);
    assert_eq!(store.dead_letters().await.unwrap(), []);
    store.commit(settled("slack", "a", InboxOutcome::Done)).await.unwrap();
    assert_eq!(stand("a").await, Some(InboxStand::Done));
}

/// Kept messages are found by source, by id, and by whether anybody understood them.
pub async fn kept_messages_are_found_by_what_they_are(store: &dyn Store) {
    for (source, id, reason) in [
        ("slack", "a", "dead letter: not json"),
        ("pagerduty", "a", "dead letter: no event"),
        ("pagerduty", "b", "not acted on: pagey.ping"),
        ("pagerduty", "c", "dead letter"),
    ] {
        store.accept(message(source, id)).await.unwrap();
        let outcome = InboxOutcome::Kept { reason: reason.to_owned() };
        store.commit(settled(source, id, outcome)).await.unwrap();
    }
    let text = |text: &str| Some(text.to_owned());
    for (which, wanted) in [
        (Letters::default(), &["pagerduty c", "pagerduty b", "pagerduty a", "slack a"][..]),
        (Letters { dead: true, ..Letters::default() }, &["pagerduty a", "slack a"]),
        (Letters { id: text("a"), ..Letters::default() }, &["pagerduty a", "slack a"]),
        (
            Letters { source: text("pagerduty"), id: text("a"), dead: true, ..Letters::default() },
            &["pagerduty a"],
        ),
        (Letters { source: text("pagerduty"), id: text("b"), dead: true, ..Letters::default() }, &[]),
        (Letters { source: text("email"), ..Letters::default() }, &[]),
    ] {
        let found = store.letters(which.clone(), 10).await.unwrap();
        let found: Vec<_> = found.iter().map(|one| format!("{} {}", one.item.source, one.item.id)).collect();
        assert_eq!(found, wanted, "{which:?}");
    }
    let counts = [("pagerduty".to_owned(), 1), ("slack".to_owned(), 1)];
    assert_eq!(store.dead_letters().await.unwrap(), counts);
}

/// Several at once, or none of them.
pub async fn messages_are_dealt_with_together(store: &dyn Store) {
    for id in ["a", "b", "c"] {
        store.accept(message("slack", id)).await.unwrap();
    }
    let done = |id: &str| ("slack".to_owned(), id.to_owned(), InboxOutcome::Done);
    let with = |also: &[&str]| Commit {
        inbox_done: Some(done("a")),
        inbox_also: also.iter().map(|id| done(id)).collect(),
        ..Commit::default()
    };
    let refused = store.commit(with(&["b", "unknown"])).await;
    assert!(matches!(refused, Err(CommitError::Conflict(_))), "{refused:?}");
    assert_eq!(store.inbox_pending(10).await.unwrap().len(), 3);
    store.commit(with(&["b"])).await.unwrap();
    assert_eq!(store.inbox_pending(10).await.unwrap(), [message("slack", "c")]);
}

/// What was understood and is of no consequence goes after a while, the oldest first; a dead letter stays, and so does what waits.
pub async fn what_is_of_no_consequence_goes_after_a_while(store: &dyn Store) {
    let kept = |reason: &str| Some(InboxOutcome::Kept { reason: reason.to_owned() });
    for (id, day, outcome) in [
        ("ping", 1, kept("not acted on: ping")),
        ("pong", 2, kept("not acted on: pong")),
        ("dead", 1, kept("dead letter: no event")),
        ("new", 9, kept("not acted on: ping")),
        ("waits", 1, None),
    ] {
        let received_at = at(day * 86_400_000);
        store.accept(InboxItem { received_at, ..message("pagerduty", id) }).await.unwrap();
        if let Some(outcome) = outcome {
            store.commit(settled("pagerduty", id, outcome)).await.unwrap();
        }
    }
    let left = async || {
        let all = store.letters(Letters::default(), 10).await.unwrap();
        all.into_iter().map(|letter| letter.item.id).collect::<Vec<_>>()
    };
    assert_eq!(store.let_go(at(86_400_000), 10).await.unwrap(), 0, "not before that");
    assert_eq!(store.let_go(at(5 * 86_400_000), 1).await.unwrap(), 1);
    assert_eq!(left().await, ["new", "dead", "pong"]);
    assert_eq!(store.let_go(at(5 * 86_400_000), 10).await.unwrap(), 1);
    assert_eq!(left().await, ["new", "dead"]);
    assert_eq!(store.accept(message("pagerduty", "ping")).await.unwrap(), Accepted::Duplicate);
    let again = store.commit(settled("pagerduty", "ping", InboxOutcome::Again)).await;
    assert!(matches!(again, Err(CommitError::Conflict(_))), "its body is gone: {again:?}");
    assert_eq!(store.inbox_pending(10).await.unwrap().len(), 1);
    assert_eq!(store.dead_letters().await.unwrap(), [("pagerduty".to_owned(), 1)]);
}

/// Of a body no more is handed out than is wanted, and all of it is looked through.
pub async fn as_much_of_a_body_is_handed_out_as_is_wanted(store: &dyn Store) {
    for (id, body) in [("a", "0123456789 about P1AB"), ("b", "about P2CD"), ("c", "")] {
        store.accept(InboxItem { body: body.into(), ..message("slack", id) }).await.unwrap();
        let outcome = InboxOutcome::Kept { reason: "dead letter: not json".to_owned() };
        store.commit(settled("slack", id, outcome)).await.unwrap();
    }
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    for (body, words, wanted) in [
        (
            None,
            words(&["P9", "P1AB"]),
            [("", 0, false), ("about P2CD", 10, false), ("0123456789 about P1AB", 21, true)],
        ),
        (Some(5), words(&["P2CD", ""]), [("", 0, false), ("about", 10, true), ("01234", 21, false)]),
        (Some(0), words(&[]), [("", 0, false), ("", 10, false), ("", 21, false)]),
    ] {
        let found = store.letters(Letters { body, words, ..Letters::default() }, 10).await.unwrap();
        let found =
            found.iter().map(|one| (std::str::from_utf8(&one.item.body).unwrap(), one.size, one.has_word));
        assert_eq!(found.collect::<Vec<_>>(), wanted);
    }
}

/// The newest dead letters stay, as many as there is room for; what is none is not counted.
pub async fn the_oldest_dead_letters_go_where_there_are_too_many(store: &dyn Store) {
    // another source, and another sender of the same one: both have room of their own
    let mut others = [("another", message("json", "another")), ("third", message("json", "third"))];
    others[1].1.kind = "third".to_owned();
    for (id, size, reason) in [
        ("old", 10, "dead letter: not json"),
        ("another", 10, "dead letter: not json"),
        ("third", 10, "dead letter: not json"),
        ("ping", 100, "not acted on: ping"),
        ("middle", 10, "dead letter: not json"),
        ("new", 10, "dead letter: not json"),
    ] {
        let other = others.iter().find(|(name, _)| *name == id).map(|(_, item)| item.clone());
        let item = InboxItem { body: vec![b' '; size], ..other.unwrap_or_else(|| message("slack", id)) };
        let source = item.source.clone();
        store.accept(item).await.unwrap();
        let outcome = InboxOutcome::Kept { reason: reason.to_owned() };
        store.commit(settled(&source, id, outcome)).await.unwrap();
    }
    for (bytes, rows, gone, wanted) in [
        (30, 3, 0, &["new", "middle", "ping", "third", "another", "old"][..]),
        (29, 3, 1, &["new", "middle", "ping", "third", "another"]),
        (30, 1, 1, &["new", "ping", "third", "another"]),
        (10, 9, 0, &["new", "ping", "third", "another"]),
        (9, 9, 3, &["ping"]),
    ] {
        assert_eq!(store.let_go_dead(bytes, rows).await.unwrap(), gone, "{bytes} {rows}");
        let left = store.letters(Letters::default(), 10).await.unwrap();
        let left: Vec<_> = left.iter().map(|one| one.item.id.as_str()).collect();
        assert_eq!(left, wanted, "{bytes} {rows}");
    }
    assert_eq!(store.accept(message("slack", "old")).await.unwrap(), Accepted::Duplicate);
}
