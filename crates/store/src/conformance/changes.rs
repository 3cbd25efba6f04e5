//! Changes of services.

use chrono::Duration;
use runbook_core::change::{ChangeRow, KEPT_DAYS, MOST_OF_A_SERVICE};
use runbook_core::ports::{Commit, RowChange, Store};

use super::at;

fn row(service: &str, key: &str, ms: i64) -> ChangeRow {
    ChangeRow {
        service: service.to_owned(),
        key: key.to_owned(),
        at: at(ms),
        told_at: at(ms),
        text: format!("{key} of {service}"),
        source: "ci".to_owned(),
        version: None,
        link: None,
    }
}

async fn put(store: &dyn Store, rows: Vec<ChangeRow>) {
    let rows = rows.into_iter().map(|row| RowChange::Change(Box::new(row))).collect();
    store.commit(Commit { rows, ..Commit::default() }).await.unwrap();
}

/// A change is kept once, and found by its service and its time.
pub async fn changes_are_kept_once_and_found_newest_first(store: &dyn Store) {
    let all = [row("shop", "b", 20), row("shop", "a", 20), row("shop", "c", 10), row("bill'ing", "a", 30)];
    put(store, all.to_vec()).await;
    put(store, vec![all[2].clone()]).await;
    let found = async |services: &[&str], since: i64, limit: usize| -> Vec<String> {
        let services = services.iter().map(|name| (*name).to_owned()).collect();
        let rows = store.changes(services, at(since), limit).await.unwrap();
        rows.into_iter().map(|row| row.text).collect()
    };
    assert_eq!(found(&["shop"], 0, 9).await, ["a of shop", "b of shop", "c of shop"]);
    assert_eq!(found(&["shop"], 11, 9).await, ["a of shop", "b of shop"]);
    assert_eq!(found(&["shop", "bill'ing", "shop"], 0, 2).await, ["a of bill'ing", "a of shop"]);
    assert!(found(&[], 0, 9).await.is_empty() && found(&["sho%"], 0, 9).await.is_empty());
    let counts = store.changed_services().await.unwrap();
    assert_eq!(counts, [("bill'ing".to_owned(), 1), ("shop".to_owned(), 3)]);
}

/// What is too old goes, of every service; of what is too many, the oldest of that service.
pub async fn changes_are_bounded_by_number_and_age(store: &dyn Store) {
    let many = i64::try_from(MOST_OF_A_SERVICE).unwrap() + 3;
    put(store, vec![row("billing", "only", 0)]).await;
    put(store, (0..many).map(|n| row("shop", &format!("{n:04}"), n)).collect()).await;
    let shop = store.changes(vec!["shop".to_owned()], at(0), 10_000).await.unwrap();
    assert_eq!(shop.len(), MOST_OF_A_SERVICE);
    assert_eq!((shop[0].at, shop[MOST_OF_A_SERVICE - 1].at), (at(many - 1), at(3)));
    let later = Duration::days(KEPT_DAYS).num_milliseconds() + 100;
    put(store, vec![row("new", "a", later)]).await;
    let counts = store.changed_services().await.unwrap();
    assert_eq!(counts, [("new".to_owned(), 1), ("shop".to_owned(), u64::try_from(many - 100).unwrap())]);
}
