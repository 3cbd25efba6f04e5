//! Edits the file behind the store's back and expects `verify` to say where.

use std::path::Path;

use runbook_core::journal::Head;
use runbook_core::ports::{Blob, Commit, Store};
use rusqlite::Connection;

use crate::SqliteStore;
use crate::blobs::sha256;
use crate::conformance::{append, at, incident, run};

/// Three streams, a checkpoint, one event after it, one blob.
async fn fill(path: &Path) {
    let store = SqliteStore::open(path).unwrap();
    let (one, head) = append(run(1), Head::EMPTY, &["a", "b", "c"]);
    let (two, _) = append(incident(2), Head::EMPTY, &["d", "e"]);
    let (three, _) = append(run(3), Head::EMPTY, &["f"]);
    let blob = Blob { sha256: sha256(b"output"), bytes: b"output".to_vec() };
    let commit = Commit { appends: vec![one, two, three], blobs: vec![blob], ..Commit::default() };
    store.commit(commit).await.unwrap();
    store.checkpoint(at(7)).await.unwrap();
    let (late, _) = append(run(1), head, &["late"]);
    store.commit(Commit { appends: vec![late], ..Commit::default() }).await.unwrap();
    let report = store.verify().await.unwrap();
    assert_eq!((report.streams, report.events, report.checkpoints, report.problems), (3, 7, 1, vec![]));
}

#[tokio::test]
async fn every_edit_is_found_and_placed() {
    let (one, two, three) = (run(1).to_string(), incident(2).to_string(), run(3).to_string());
    let cases: Vec<(&str, String, Vec<String>)> = vec![
        (
            "flipped byte",
            format!(
                "UPDATE events SET bytes = CAST(replace(CAST(bytes AS TEXT), '\"b\"', '\"B\"') AS BLOB) WHERE stream = '{one}' AND seq = 2"
            ),
            vec![format!("{one}: event 2 does not match its hash")],
        ),
        (
            "changed hash",
            format!("UPDATE events SET hash = zeroblob(32) WHERE stream = '{one}' AND seq = 3"),
            vec![
                format!("{one}: event 3 does not match"),
                format!("{one}: event 3 is not the one that checkpoint 4"),
            ],
        ),
        (
            "cut hash",
            format!("UPDATE events SET hash = x'00' WHERE stream = '{one}' AND seq = 4"),
            vec![format!("{one}: event 4 has no whole hash")],
        ),
        (
            "deleted event in the middle",
            format!("DELETE FROM events WHERE stream = '{one}' AND seq = 2"),
            vec![format!("{one}: expected event 2, found 3")],
        ),
        (
            "deleted tail that a checkpoint covers",
            format!("DELETE FROM events WHERE stream = '{two}' AND seq = 2"),
            vec![format!("{two}: event 2 is missing, though checkpoint 4 holds it")],
        ),
        (
            "deleted stream",
            format!("DELETE FROM events WHERE stream = '{three}'"),
            vec![
                format!("{three}: missing, though link 3 opened it"),
                format!("{three}: event 1 is missing"),
            ],
        ),
        (
            "deleted stream and its opening",
            format!(
                "DELETE FROM events WHERE stream = '{three}'; DELETE FROM streams WHERE n = 3; DELETE FROM openings WHERE n = 3"
            ),
            vec!["expected link 3, found 4".to_owned(), "link 4 does not match its hash".to_owned()],
        ),
        (
            "deleted opening alone",
            "DELETE FROM openings WHERE n = 2".to_owned(),
            vec![format!("{two}: its opening is missing"), "expected link 2, found 3".to_owned()],
        ),
        (
            "edited opening",
            format!(
                "UPDATE openings SET body = CAST(replace(CAST(body AS TEXT), '{two}', '{}') AS BLOB) WHERE n = 2",
                incident(9)
            ),
            vec![
                "link 2 does not match its hash".to_owned(),
                format!("{}: missing", incident(9)),
                format!("{two}: its opening"),
            ],
        ),
        (
            "edited checkpoint",
            "UPDATE openings SET body = CAST('{}' AS BLOB) WHERE n = 4".to_owned(),
            vec!["link 4 does not match its hash".to_owned(), "checkpoint 4 does not read".to_owned()],
        ),
        (
            "stream left out of the list",
            "DELETE FROM streams WHERE n = 2".to_owned(),
            vec![format!("{two}: opened by link 2, but not in the list")],
        ),
        (
            "edited blob",
            "UPDATE blobs SET bytes = CAST('other' AS BLOB)".to_owned(),
            vec![format!("blob {}: its bytes were altered", sha256(b"output"))],
        ),
    ];
    for (name, sql, expected) in cases {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("blocks.db");
        fill(&path).await;
        let edit = Connection::open(&path).unwrap();
        edit.execute_batch(
            "PRAGMA foreign_keys = OFF;
             DROP TRIGGER events_stay; DROP TRIGGER events_remain;
             DROP TRIGGER openings_stay; DROP TRIGGER openings_remain;",
        )
        .unwrap();
        edit.execute_batch(&sql).unwrap_or_else(|error| panic!("{name}: {error}"));
        drop(edit);
        let problems = SqliteStore::open_read_only(&path).unwrap().verify().await.unwrap().problems;
        for expected in expected {
            assert!(
                problems.iter().any(|problem| problem.contains(&expected)),
                "{name}: '{expected}' not in {problems:#?}"
            );
        }
    }
}

#[tokio::test]
async fn a_stream_rewritten_with_good_hashes_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("blocks.db");
    fill(&path).await;
    let (forged, _) = append(run(3), Head::EMPTY, &["forged"]);
    let edit = Connection::open(&path).unwrap();
    edit.execute_batch("DROP TRIGGER events_stay").unwrap();
    edit.execute(
        "UPDATE events SET bytes = ?2, hash = ?3 WHERE stream = ?1",
        rusqlite::params![run(3).to_string(), forged.events[0].bytes, forged.events[0].hash.0],
    )
    .unwrap();
    drop(edit);
    let problems = SqliteStore::open_read_only(&path).unwrap().verify().await.unwrap().problems;
    assert_eq!(problems.len(), 2, "its own chain is whole: {problems:#?}");
    assert!(problems.iter().any(|problem| problem.contains("is not the one that link 3 opened it with")));
    assert!(problems.iter().any(|problem| problem.contains("is not the one that checkpoint 4")));
}

/// What was never linked to anything newer can be cut off without a trace, but for whoever kept the head.
#[tokio::test]
async fn a_cut_end_is_found_by_a_head_that_was_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("blocks.db");
    fill(&path).await;
    let store = SqliteStore::open(&path).unwrap();
    store.checkpoint(at(8)).await.unwrap();
    let kept = store.verify().await.unwrap().head;
    drop(store);
    let edit = Connection::open(&path).unwrap();
    edit.execute_batch(
        "DROP TRIGGER events_remain; DROP TRIGGER openings_remain;
         DELETE FROM openings WHERE n = 5; DELETE FROM events WHERE seq = 4; UPDATE streams SET checkpointed = 3 WHERE n = 1",
    )
    .unwrap();
    drop(edit);
    let store = SqliteStore::open_read_only(&path).unwrap();
    assert_eq!(store.verify().await.unwrap().problems, Vec::<String>::new());
    assert!(!store.has_link(kept).await.unwrap());
}

#[test]
fn a_slip_of_ours_cannot_rewrite_history() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("blocks.db");
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(fill(&path));
    let edit = Connection::open(&path).unwrap();
    for sql in [
        "UPDATE events SET bytes = x'00'",
        "DELETE FROM events",
        "UPDATE openings SET n = n + 1",
        "DELETE FROM openings",
    ] {
        let refused = edit.execute(sql, []).unwrap_err().to_string();
        assert!(refused.contains("are never"), "{sql}: {refused}");
    }
}
