//! Messages from outside.

use runbook_core::ports::{Accepted, Commit, CommitError, InboxOutcome, Store};

use super::message;

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
    assert_eq!(store.dead_letters(10).await.unwrap(), []);
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
    let kept = store.dead_letters(10).await.unwrap();
    assert_eq!(kept.len(), 2, "newest first");
    assert_eq!((kept[0].item.clone(), kept[0].reason.as_str()), (message("slack", "b"), "why b"));
    assert_eq!(store.dead_letters(1).await.unwrap().len(), 1);
    assert_eq!(store.inbox_pending(10).await.unwrap(), []);
    store.commit(settled("slack", "b", InboxOutcome::Done)).await.unwrap();
    assert_eq!(store.dead_letters(10).await.unwrap(), kept[1..]);
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
