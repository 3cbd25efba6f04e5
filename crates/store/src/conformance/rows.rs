//! Timers, read models, blobs and tokens.

use std::collections::BTreeSet;

use runbook_core::ids::{IncidentId, IncidentNumber, RunId};
use runbook_core::plan::Fingerprint;
use runbook_core::ports::{
    Blob, Commit, IncidentRow, Kept, RowChange, RunRow, Store, Timer, TimerChange, TokenRow,
};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{at, incident, run};

pub(super) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

pub(super) fn incident_row(n: u64) -> IncidentRow {
    IncidentRow {
        id: IncidentId(Uuid::from_u128(n.into())),
        number: IncidentNumber(n),
        status: "triggered".to_owned(),
        open: true,
        severity: "P1".to_owned(),
        service: "flowengine".to_owned(),
        title: "failure rate over 10 %".to_owned(),
        pager_id: Some(format!("Q{n}")),
        pager_key: Some("0a1b".to_owned()),
        channel: None,
        opened_at: at(1),
        resolved_at: None,
        private: false,
        brief: Some(("C0".to_owned(), "1.0".to_owned())),
        reviewed: false,
        left_out: BTreeSet::from([format!("alertmanager/{n}")]),
    }
}

fn run_row(n: u128, of: Option<u128>, created_ms: i64) -> RunRow {
    RunRow {
        id: RunId(Uuid::from_u128(n)),
        incident: of.map(|n| IncidentId(Uuid::from_u128(n))),
        runbook: "rollback".to_owned(),
        target: "flowengine".to_owned(),
        mutating: true,
        status: "running".to_owned(),
        open: true,
        created_at: at(created_ms),
        fingerprint: None,
        note: None,
    }
}

/// A commit that is refused keeps nothing of it.
pub async fn the_last_word_under_a_key_is_kept(store: &dyn Store) {
    let kept = |key: &str, ms, value: &str| Kept { key: key.into(), at: at(ms), value: value.into() };
    let keep = |kept: Vec<Kept>| store.commit(Commit { kept, ..Commit::default() });
    assert_eq!(store.kept(String::new()).await.unwrap(), []);
    keep(vec![kept("trigger/b", 1, "1"), kept("trigger/a%", 1, "2"), kept("oncall", 1, "3")]).await.unwrap();
    keep(vec![kept("trigger/b", 2, "4")]).await.unwrap();
    let triggers = [kept("trigger/a%", 1, "2"), kept("trigger/b", 2, "4")];
    assert_eq!(store.kept("trigger/".into()).await.unwrap(), triggers);
    assert_eq!(store.kept("trigger/a%".into()).await.unwrap(), [kept("trigger/a%", 1, "2")]);
    assert_eq!(store.kept("Trigger/".into()).await.unwrap(), []);
    let raise = runbook_core::ports::CounterRaise { name: "incident", from: 7, by: 1 };
    let lost = Commit { kept: vec![kept("oncall", 9, "5")], counter: Some(raise), ..Commit::default() };
    store.commit(lost).await.unwrap_err();
    assert_eq!(store.kept("oncall".into()).await.unwrap(), [kept("oncall", 1, "3")]);
}

async fn change(store: &dyn Store, timer: TimerChange) {
    store.commit(Commit { timers: vec![timer], ..Commit::default() }).await.unwrap();
}

/// They stay due until they are cleared.
pub async fn timers_are_set_moved_and_cleared(store: &dyn Store) {
    let timer = |key: &str, ms| Timer { key: key.into(), due: at(ms), stream: run(1), what: "phase".into() };
    change(store, TimerChange::Set(timer("b", 20))).await;
    change(store, TimerChange::Set(timer("a", 30))).await;
    assert_eq!(store.timers_due(at(19), 10).await.unwrap(), []);
    assert_eq!(store.timers_due(at(20), 10).await.unwrap(), [timer("b", 20)]);
    assert_eq!(store.timers_due(at(99), 10).await.unwrap(), [timer("b", 20), timer("a", 30)]);
    assert_eq!(store.timers_due(at(99), 1).await.unwrap(), [timer("b", 20)]);
    let moved = Timer { stream: incident(1), what: "ack".into(), ..timer("b", 50) };
    change(store, TimerChange::Set(moved.clone())).await;
    assert_eq!(store.timers_due(at(99), 10).await.unwrap(), [timer("a", 30), moved.clone()]);
    change(store, TimerChange::Clear("a".into())).await;
    change(store, TimerChange::Clear("unknown".into())).await;
    change(store, TimerChange::Fired { key: "b".into(), due: at(20) }).await;
    assert_eq!(store.timers_due(at(99), 10).await.unwrap(), [moved], "it was moved after it fired");
    change(store, TimerChange::Fired { key: "b".into(), due: at(50) }).await;
    assert_eq!(store.timers_due(at(99), 10).await.unwrap(), []);
}

/// A row is what it was last; lists are newest first.
pub async fn rows_are_replaced_and_filtered(store: &dyn Store) {
    let put = async |rows: Vec<RowChange>| {
        store.commit(Commit { rows, ..Commit::default() }).await.unwrap();
    };
    let resolved = IncidentRow {
        status: "resolved".into(),
        open: false,
        channel: Some("C1".into()),
        resolved_at: Some(at(9)),
        ..incident_row(2)
    };
    put((1..=10).map(|n| RowChange::Incident(incident_row(n))).collect()).await;
    put(vec![RowChange::Incident(resolved.clone())]).await;
    let all = store.incidents(false, 100).await.unwrap();
    let numbers: Vec<_> = all.iter().map(|row| row.number.0).collect();
    assert_eq!(numbers, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(all[8], resolved);
    assert_eq!(all[9], incident_row(1));
    assert_eq!(store.incidents(true, 100).await.unwrap().len(), 9);
    assert_eq!(store.incidents(true, 2).await.unwrap(), all[..2]);

    let closed = RunRow { open: false, status: "succeeded".into(), ..run_row(2, Some(1), 20) };
    put(vec![
        RowChange::Run(run_row(1, Some(1), 30)),
        RowChange::Run(run_row(2, Some(1), 20)),
        RowChange::Run(run_row(3, None, 10)),
        RowChange::Run(run_row(4, Some(2), 40)),
        RowChange::Run(closed.clone()),
    ])
    .await;
    let (one, two) = (IncidentId(Uuid::from_u128(1)), IncidentId(Uuid::from_u128(2)));
    let ids = async |of, open_only, limit| {
        let rows = store.runs(of, open_only, limit).await.unwrap();
        rows.into_iter().map(|row| row.id.0.as_u128()).collect::<Vec<_>>()
    };
    assert_eq!(ids(None, false, 9).await, [4, 1, 2, 3]);
    assert_eq!(ids(None, false, 2).await, [4, 1]);
    assert_eq!(ids(None, true, 9).await, [4, 1, 3]);
    assert_eq!(ids(Some(one), false, 9).await, [1, 2]);
    assert_eq!(ids(Some(one), true, 9).await, [1]);
    assert_eq!(ids(Some(two), false, 9).await, [4]);
    assert_eq!(store.runs(Some(one), false, 9).await.unwrap()[1], closed);
}

/// What holds a target and what a code fits is found however many runs came after it.
pub async fn runs_are_found_by_target_and_by_code(store: &dyn Store) {
    let fingerprint = |text: &str| {
        serde_json::from_value::<Fingerprint>(serde_json::Value::String(format!("{text:0<64}"))).unwrap()
    };
    let of = |n: u128, created_ms, status: &str, open, target: &str, code: &str| RunRow {
        status: status.into(),
        open,
        target: target.into(),
        fingerprint: (!code.is_empty()).then(|| fingerprint(code)),
        ..run_row(n, None, created_ms)
    };
    let mut rows = vec![
        of(1, 1, "undo_failed", false, "shop", "4f2a1"),
        of(2, 2, "paused", true, "shop", ""),
        of(3, 3, "succeeded", false, "shop", "4f2a2"),
        of(4, 4, "running", true, "bank", "4f2a1"),
        RunRow { mutating: false, ..of(5, 5, "running", true, "shop", "") },
    ];
    rows.extend((100..400_u128).map(|n| of(n, 6, "succeeded", false, "elsewhere", "0000")));
    let rows = rows.into_iter().map(RowChange::Run).collect();
    store.commit(Commit { rows, ..Commit::default() }).await.unwrap();
    let on = async |target: &str, since| {
        let rows = store.runs_on(target.to_owned(), since).await.unwrap();
        rows.into_iter().map(|row| row.id.0.as_u128()).collect::<Vec<_>>()
    };
    assert_eq!(on("shop", None).await, [2, 1]);
    assert_eq!(on("bank", None).await, [4]);
    assert_eq!(on("nowhere", None).await, [0; 0]);
    assert_eq!(on("shop", Some(at(0))).await, [3, 2, 1]);
    assert_eq!(on("shop", Some(at(3))).await, [3]);
    assert_eq!(on("elsewhere", Some(at(6))).await.len(), 300);
    let other = async |typed: &str, than: &str, since| {
        let row = store.other_of_code(typed.to_owned(), fingerprint(than), at(since)).await.unwrap();
        row.map(|row| row.id.0.as_u128())
    };
    assert_eq!(other("4f2a", "4f2a2", 0).await, Some(4), "the newest");
    assert_eq!(other("4f2a", "4f2a1", 0).await, Some(3));
    assert_eq!(other("4f2a", "4f2a1", 4).await, None, "too long ago");
    assert_eq!(other("4f2a1", "4f2a1", 0).await, None, "the same plan is no other one");
    assert_eq!(other("4f2a2", "4f2a1", 0).await, Some(3));
    assert_eq!(other("4f2b", "4f2a1", 0).await, None);
}

/// The same bytes twice are stored once.
pub async fn blobs_are_found_by_their_hash(store: &dyn Store) {
    let blob = Blob { sha256: sha256(b"\0output"), bytes: b"\0output".to_vec() };
    for _ in 0..2 {
        store.commit(Commit { blobs: vec![blob.clone()], ..Commit::default() }).await.unwrap();
    }
    assert_eq!(store.blob(blob.sha256).await.unwrap(), Some(blob.bytes));
    assert_eq!(store.blob(sha256(b"other")).await.unwrap(), None);
}

/// Evidence that does not have its hash is no evidence.
pub async fn a_blob_under_another_hash_is_refused(store: &dyn Store) {
    let blob = Blob { sha256: sha256(b"one"), bytes: b"two".to_vec() };
    store.commit(Commit { blobs: vec![blob], ..Commit::default() }).await.unwrap_err();
    assert_eq!(store.blob(sha256(b"one")).await.unwrap(), None);
}

/// By hash; the last word on a token counts.
pub async fn tokens_belong_to_a_person(store: &dyn Store) {
    let token = |person: &str| TokenRow { sha256: sha256(b"t"), person: person.into(), created_at: at(0) };
    store.token_put(token("ana")).await.unwrap();
    assert_eq!(store.token_person(sha256(b"t")).await.unwrap().as_deref(), Some("ana"));
    store.token_put(token("service:api")).await.unwrap();
    assert_eq!(store.token_person(sha256(b"t")).await.unwrap().as_deref(), Some("service:api"));
    assert_eq!(store.token_person(sha256(b"u")).await.unwrap(), None);
}
