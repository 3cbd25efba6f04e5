//! What must not surprise anybody: a full disk in the middle of a change, a damaged, cut or newer journal, a folder that cannot
//! be written, a second engine. The table of all of them is `docs/reference/bad-input.md`.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use blocks_tests::{
    AppConfig, Finished, TestApp, base_environment, blocks, run_in, run_unprivileged, text, until,
};
use serde_json::json;

/// A change that leaves a trace, waits for the gate, and leaves another.
const CHANGE: &str = r#"---
title: Change it
service: flowengine
lock: flowengine
---
# Change it

## Step 1: Change

```bash {name=change effect=once timeout=300s}
echo changed >> effects
while [ ! -e gate ] && [ -d "$PWD" ]; do sleep 0.05; done
echo "the change is made"
# Expected: "the change is made"
```

## Step 2: Look

```bash {name=look effect=read}
cat effects
# Expected: "changed"
```
"#;

async fn alone(words: &[&str], folder: &Path) -> Finished {
    run_in(&blocks(), words, &base_environment(None, folder), folder).await
}

/// A folder with a journal of two runs.
async fn with_a_journal() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    // the same on the same target again would want another person
    for name in ["small.md", "other.md", "third.md"] {
        std::fs::write(
            folder.path().join(name),
            "# Small\n\n## Step 1: Do it\n\n```bash {effect=once}\necho did-it >> \"$HOME/effects\"\n```\n",
        )
        .unwrap();
        if name != "third.md" {
            let ran = alone(&["runbook", "run", name, "--yes"], folder.path()).await;
            assert_eq!(ran.code, 0, "{ran:?}");
        }
    }
    folder
}

/// A run of [`CHANGE`], asked for and not approved.
async fn asked() -> (TestApp, String, String) {
    let app = TestApp::start(&AppConfig::with_rollback(CHANGE)).await;
    let (ana, ben) = (app.token("ana").await, app.token("ben").await);
    let request = json!({ "request": "runbook_rollback", "service": "flowengine", "params": {} });
    let asked = app.api(Some(&ana), request).await;
    assert_eq!(asked.status, 200, "{asked:?}");
    app.outbox_is_empty().await;
    let run = text(&asked.json()["data"]["id"]);
    (app, ben, run)
}

/// The system lets the server's files grow no further, as a full disk does. The log, which is shorter, still can.
fn fill_the_disk(app: &TestApp) {
    let wal = app.dir.join("data/blocks.db-wal").metadata().unwrap().len();
    let log = app.dir.join("server.log").metadata().unwrap().len();
    assert!(log + 64 * 1024 < wal, "the log must have room: {log}, {wal}");
    app.limit_file_size(Some(wal));
}

async fn succeeds(app: &TestApp, ben: &str, run: &str) {
    let request = json!({ "request": "runbook_status", "run": run });
    until("the run succeeds", async || {
        let shown = app.api(Some(ben), request.clone()).await.json();
        let status = text(&shown["data"]["status"]);
        assert!(status == "running" || status == "succeeded", "{shown}");
        (status == "succeeded").then_some(())
    })
    .await;
    assert_eq!(app.effects("effects"), 1, "it happened once");
    app.assert_journal_verifies().await;
}

#[tokio::test]
async fn what_ends_while_the_disk_is_full_is_kept_when_there_is_room_without_a_restart() {
    let (app, ben, run) = asked().await;
    assert_eq!(app.approve(&ben, &run).await.status, 200);
    until("the change has begun", async || (app.effects("effects") == 1).then_some(())).await;
    fill_the_disk(&app);
    app.limit_supervisor_file_size(&run, Some(0));
    app.open_gate("gate");
    until("its end is known and not durable", async || {
        app.log("server.log").contains("an outcome is not durable yet").then_some(())
    })
    .await;
    let shown = app.api(Some(&ben), json!({ "request": "runbook_status", "run": run })).await.json();
    assert_eq!(shown["data"]["status"], "running", "no success that is not on disk: {shown}");
    app.limit_supervisor_file_size(&run, None);
    app.limit_file_size(None);
    succeeds(&app, &ben, &run).await;
}

#[tokio::test]
async fn killed_while_the_disk_is_full_nothing_is_lost_or_doubled() {
    let (mut app, ben, run) = asked().await;
    assert_eq!(app.approve(&ben, &run).await.status, 200);
    until("the change has begun", async || (app.effects("effects") == 1).then_some(())).await;
    fill_the_disk(&app);
    app.open_gate("gate");
    until("its end is known and not durable", async || {
        app.log("server.log").contains("an outcome is not durable yet").then_some(())
    })
    .await;
    app.kill_9().await;
    app.start_server().await;
    succeeds(&app, &ben, &run).await;
}

#[tokio::test]
async fn nothing_begins_that_the_disk_did_not_take() {
    let (app, ben, run) = asked().await;
    // not even a line of the log
    app.limit_file_size(Some(1));
    let refused = app.approve(&ben, &run).await;
    assert_eq!((refused.status, &refused.json()["code"]), (503, &json!("RB0020")), "{refused:?}");
    assert_eq!(app.effects("effects"), 0);
    app.limit_file_size(None);
    let taken = app.approve(&ben, &run).await;
    assert_eq!(taken.status, 200, "{taken:?}");
    app.open_gate("gate");
    succeeds(&app, &ben, &run).await;
}

#[tokio::test]
async fn a_command_that_finds_no_room_fails_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let fills = "trap '' XFSZ; ulimit -f 8; head -c 1000000 /dev/zero > large";
    let document = format!("# Fill\n\n## Step 1: Fill\n\n```bash {{effect=once}}\n{fills}\n```\n");
    std::fs::write(folder.path().join("fill.md"), document).unwrap();
    let ran = alone(&["runbook", "run", "fill.md", "--yes", "-o", "json"], folder.path()).await;
    assert_eq!((ran.code, &ran.json()["status"]), (1, &json!("failed")), "{ran:?}");
    let said = alone(&["runbook", "status", &text(&ran.json()["id"])], folder.path()).await;
    assert!(said.stdout.contains("File too large"), "{said:?}");
}

#[tokio::test]
async fn a_flipped_bit_is_found_and_never_a_crash() {
    let folder = with_a_journal().await;
    let path = folder.path().join("blocks-data/blocks.db");
    let whole = std::fs::read(&path).unwrap();
    let verify = async || alone(&["journal", "verify", "-o", "json"], folder.path()).await;
    let head = verify().await.json()["head"].clone();
    // in every event's own bytes, it is found
    let places: Vec<usize> = whole
        .windows(7)
        .enumerate()
        .filter(|(_, bytes)| bytes == b"\"type\":")
        .map(|(place, _)| place + 2)
        .collect();
    assert!(places.len() >= 4, "{places:?}");
    let stride = (whole.len() / 16).max(1);
    let anywhere = (0..whole.len()).step_by(stride).map(|place| (place, false));
    for (place, is_event) in places.iter().map(|place| (*place, true)).chain(anywhere) {
        let mut damaged = whole.clone();
        damaged[place] ^= 0x10;
        std::fs::write(&path, damaged).unwrap();
        let found = verify().await;
        assert!(matches!(found.code, 0 | 1), "bit of byte {place}: {found:?}");
        if found.code == 0 {
            assert!(!is_event, "byte {place} of an event: {found:?}");
            assert_eq!(found.json()["head"], head, "byte {place}: {found:?}");
        } else {
            let said = format!("{}{}", found.stdout, found.stderr);
            assert!(said.contains("problems") || said.contains("RB0"), "byte {place}: {found:?}");
        }
    }
    // an engine does not work on a file that is none
    let mut damaged = whole.clone();
    damaged[3] ^= 0x10;
    std::fs::write(&path, damaged).unwrap();
    let refused = alone(&["runbook", "run", "small.md", "--yes"], folder.path()).await;
    assert!(
        refused.code == 1 && refused.stderr.contains("RB0061") && refused.stderr.contains("hint: "),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_torn_tail_leaves_what_was_whole_before_it() {
    let folder = with_a_journal().await;
    let database = folder.path().join("blocks-data/blocks.db");
    // somebody who reads keeps the write-ahead log in its place
    let reader = rusqlite::Connection::open(&database).unwrap();
    let before: i64 = reader.query_row("SELECT count(*) FROM events", [], |row| row.get(0)).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM events").unwrap();
    let ran = alone(&["runbook", "run", "third.md", "--yes"], folder.path()).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let head = alone(&["journal", "verify", "-o", "json"], folder.path()).await.json()["head"].clone();
    let (file, log) =
        (std::fs::read(&database).unwrap(), std::fs::read(database.with_extension("db-wal")).unwrap());
    let total: i64 = rusqlite::Connection::open(&database)
        .unwrap()
        .query_row("SELECT count(*) FROM events", [], |row| row.get(0))
        .unwrap();
    assert!(total > before && log.len() > 10_000, "{before}, {total}, {}", log.len());
    let mut seen = std::collections::BTreeSet::new();
    for tenth in 0..10 {
        let torn = tempfile::tempdir().unwrap();
        std::fs::create_dir(torn.path().join("blocks-data")).unwrap();
        let copy = torn.path().join("blocks-data/blocks.db");
        std::fs::write(&copy, &file).unwrap();
        std::fs::write(copy.with_extension("db-wal"), &log[..log.len() * tenth / 10 + 7 * tenth]).unwrap();
        let verified = alone(&["journal", "verify", "-o", "json"], torn.path()).await;
        assert_eq!((verified.code, &verified.json()["verified"]), (0, &json!(true)), "{tenth}: {verified:?}");
        let events = verified.json()["events"].as_i64().unwrap();
        assert!((before..=total).contains(&events), "{tenth}: {events}");
        seen.insert(events);
        // whoever kept the head knows
        let kept = alone(&["journal", "verify", "--expect", head.as_str().unwrap()], torn.path()).await;
        assert_eq!(kept.code, 1, "{tenth}: {kept:?}");
        // and work goes on behind what is left: a run whose end was cut off is taken up, and not begun again
        let (from, to) = (folder.path().display().to_string(), torn.path().display().to_string());
        let copy = format!(
            "cp '{from}/third.md' '{to}' && cp '{from}/small.md' '{to}/next.md' && cp -r '{from}/blocks-data/runs' '{to}/blocks-data'"
        );
        let copied =
            run_in(Path::new("bash"), &["-c", &copy], &base_environment(None, torn.path()), torn.path())
                .await;
        assert_eq!(copied.code, 0, "{copied:?}");
        let recovered = alone(&["runbook", "recover", "-o", "json"], torn.path()).await;
        assert!(matches!(recovered.code, 0 | 3 | 4), "{tenth}: {recovered:?}");
        assert!(!torn.path().join("effects").exists(), "{tenth}: {recovered:?}");
        let ran = alone(&["runbook", "run", "next.md", "--yes"], torn.path()).await;
        assert!(ran.code == 0 || ran.stderr.contains("RB0027"), "{tenth}: {ran:?}");
    }
    assert!(seen.len() > 1, "the cuts were at different places: {seen:?}");
}

#[tokio::test]
async fn a_newer_journal_is_left_alone_and_both_releases_are_named() {
    let folder = with_a_journal().await;
    let path = folder.path().join("blocks-data/blocks.db");
    let store = rusqlite::Connection::open(&path).unwrap();
    let newer = "DROP TRIGGER events_stay;
        UPDATE events SET bytes = CAST(replace(CAST(bytes AS TEXT), '\"v\":1', '\"v\":99') AS BLOB)";
    store.execute_batch(newer).unwrap();
    let run: String =
        store.query_row("SELECT id FROM runs LIMIT 1", [], |row| row.get(0)).unwrap_or_default();
    drop(store);
    let shown = alone(&["runbook", "status", &run], folder.path()).await;
    assert!(
        shown.code == 1 && shown.stderr.contains("RB0021") && shown.stderr.contains("newer release"),
        "{shown:?}"
    );

    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let before = std::fs::read(&path).unwrap();
    for words in [
        &["incident", "list"][..],
        &["journal", "verify"],
        &["runbook", "run", "small.md", "--yes"],
        &["serve"],
    ] {
        let refused = alone(words, folder.path()).await;
        assert_eq!(refused.code, 1, "{words:?}: {refused:?}");
        for said in ["RB0060", "layout 99", "newer release"] {
            assert!(refused.stderr.contains(said), "{said}: {words:?}: {refused:?}");
        }
    }
    assert_eq!(std::fs::read(&path).unwrap(), before, "it is as it was");
}

/// As a user who is not root, whoever runs the tests.
#[tokio::test]
async fn a_folder_that_cannot_be_written_starts_nothing_and_is_read() {
    let folder = with_a_journal().await;
    let program = folder.path().join("blocks");
    std::fs::copy(blocks(), &program).unwrap();
    let data = folder.path().join("blocks-data");
    let mode = |path: &Path, mode: u32| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(folder.path(), 0o755);
    mode(&data, 0o555);
    for entry in std::fs::read_dir(&data).unwrap().flatten().filter(|entry| entry.path().is_file()) {
        mode(&entry.path(), 0o444);
    }
    let environment = base_environment(None, folder.path());
    let asked = async |words: &[&str]| run_unprivileged(&program, words, &environment, folder.path()).await;
    for words in [&["serve"][..], &["runbook", "run", "small.md", "--yes"], &["runbook", "recover"]] {
        let refused = asked(words).await;
        assert_eq!(refused.code, 3, "{words:?}: {refused:?}");
        for said in ["RB0029", "Permission denied", "hint: "] {
            assert!(refused.stderr.contains(said), "{said}: {words:?}: {refused:?}");
        }
    }
    // a copy on a medium that cannot be written is there to be read
    let verified = asked(&["journal", "verify", "-o", "json"]).await;
    assert_eq!((verified.code, &verified.json()["verified"]), (0, &json!(true)), "{verified:?}");
    let planned = asked(&["runbook", "plan", "small.md", "-o", "json"]).await;
    assert_eq!(planned.code, 0, "{planned:?}");
    mode(&data, 0o755);
}

#[tokio::test]
async fn a_second_engine_is_refused_by_whatever_path_it_comes() {
    let app = TestApp::start(&AppConfig { triage: None, ..AppConfig::default() }).await;
    let first = format!("pid {}", app.server_pid());
    std::fs::create_dir(app.dir.join("other")).unwrap();
    symlink(app.dir.join("data"), app.dir.join("linked")).unwrap();
    symlink(app.dir.join("data/blocks.db"), app.dir.join("other/blocks.db")).unwrap();
    for path in ["data/blocks.db", "linked/blocks.db", "other/blocks.db", "other/../data/blocks.db"] {
        let file = format!("[server]\nlisten = \"127.0.0.1:0\"\n[store]\nurl = \"sqlite:{path}\"\n");
        std::fs::write(app.dir.join("second.toml"), file).unwrap();
        let words = ["serve", "--config", "second.toml"];
        let refused = run_in(&blocks(), &words, app.environment(), &app.dir).await;
        assert_eq!(refused.code, 3, "{path}: {refused:?}");
        for said in ["RB0028", first.as_str(), "hint: "] {
            assert!(refused.stderr.contains(said), "{said}: {path}: {refused:?}");
        }
    }
    app.assert_journal_verifies().await;
}
