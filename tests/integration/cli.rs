//! The terminal: what each command prints and which exit code it ends with.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use blocks_tests::{AppConfig, Finished, TestApp, base_environment, blocks, run_in, text};
use runbook_core::journal::{Hash, StoredEvent, StreamId, verify_stream};
use serde_json::json;

/// `blocks WORDS...` in a folder without any configuration.
async fn alone(words: &[&str], folder: &Path) -> Finished {
    run_in(&blocks(), words, &base_environment(None, folder), folder).await
}

/// Writes a runbook of one command and runs it; `{ATTRIBUTES}` goes into the fence.
async fn run_one(attributes: &str, command: &str, words: &[&str]) -> (Finished, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let document = format!("# Small\n\n## Step 1: Do it\n\n```bash {{{attributes}}}\n{command}\n```\n");
    std::fs::write(folder.path().join("small.md"), document).unwrap();
    let mut arguments = vec!["runbook", "run", "small.md", "-o", "json"];
    arguments.extend(words);
    (alone(&arguments, folder.path()).await, folder)
}

#[tokio::test]
async fn a_runbook_file_runs_without_any_configuration() {
    let command = "echo ran >> effects\necho \"it is $((1 + 1))\"\n# Expected: \"it is 2\"";
    let (finished, folder) = run_one("effect=once", command, &["--yes"]).await;
    assert_eq!((finished.code, &finished.json()["status"]), (0, &json!("succeeded")), "{finished:?}");
    assert_eq!(std::fs::read_to_string(folder.path().join("effects")).unwrap(), "ran\n");
    let verified = alone(&["journal", "verify", "-o", "json"], folder.path()).await;
    assert_eq!((verified.code, &verified.json()["verified"]), (0, &json!(true)), "{verified:?}");
}

#[tokio::test]
async fn a_journal_is_exported_as_stored_and_held_against_a_head_that_was_kept() {
    let (finished, folder) = run_one("effect=once", "echo done", &["--yes"]).await;
    assert_eq!(finished.code, 0, "{finished:?}");
    let first = alone(&["journal", "verify", "-o", "json"], folder.path()).await.json();
    assert_eq!(first["uncovered"], 0, "an orderly end covers everything: {first}");
    let head = first["head"].as_str().unwrap().to_owned();

    let exported = alone(&["journal", "export"], folder.path()).await;
    let mut streams = std::collections::BTreeMap::<StreamId, Vec<StoredEvent>>::new();
    for line in exported.stdout.lines() {
        let line: std::collections::BTreeMap<String, Box<serde_json::value::RawValue>> =
            serde_json::from_str(line).unwrap();
        let word = |key: &str| serde_json::from_str::<String>(line[key].get()).unwrap();
        let hash: [u8; 32] = hex::decode(word("hash")).unwrap().try_into().unwrap();
        let seq = serde_json::from_str(line["seq"].get()).unwrap();
        let event = StoredEvent { seq, bytes: line["event"].get().as_bytes().to_vec(), hash: Hash(hash) };
        streams.entry(word("stream").parse().unwrap()).or_default().push(event);
    }
    let total: u64 =
        streams.iter().map(|(stream, events)| verify_stream(stream, events).unwrap().events).sum();
    assert_eq!(json!(total), first["events"], "{exported:?}");
    let nobody = alone(&["journal", "export", "run/nobody"], folder.path()).await;
    assert_eq!((nobody.code, nobody.stdout.as_str()), (2, ""), "{nobody:?}");

    // the same on the same target again is a question, and `--yes` answers none
    let again = alone(&["runbook", "run", "small.md", "--yes"], folder.path()).await;
    assert!(again.code == 3 && again.stderr.contains("a short while ago"), "{again:?}");
    std::fs::copy(folder.path().join("small.md"), folder.path().join("other.md")).unwrap();
    let again = alone(&["runbook", "run", "other.md", "--yes"], folder.path()).await;
    assert_eq!(again.code, 0, "{again:?}");
    let kept = alone(&["journal", "verify", "--expect", &head], folder.path()).await;
    assert_eq!(kept.code, 0, "{kept:?}");
    let other = alone(&["journal", "verify", "--expect", &"00ff".repeat(16)], folder.path()).await;
    assert!(other.code == 1 && other.stdout.contains("that was kept is no link"), "{other:?}");
}

#[tokio::test]
async fn without_a_yes_and_without_a_terminal_a_change_is_not_made() {
    let (finished, folder) = run_one("effect=once", "echo ran >> effects", &[]).await;
    assert_eq!(finished.code, 3, "{finished:?}");
    assert!(finished.stderr.contains("hint: "), "{finished:?}");
    assert!(!folder.path().join("effects").exists());
}

#[tokio::test]
async fn a_missed_expectation_fails_and_what_only_a_person_can_tell_waits() {
    let (missed, _folder) = run_one("effect=read", "echo 7\n# Expected: < 5", &["--yes"]).await;
    assert_eq!((missed.code, &missed.json()["status"]), (1, &json!("failed")), "{missed:?}");
    let (exited, _folder) = run_one("effect=read", "exit 4", &["--yes"]).await;
    assert_eq!((exited.code, &exited.json()["status"]), (1, &json!("failed")), "{exited:?}");
    let asking = "echo colours\n# Expected: the dashboard looks healthy";
    let (asked, _folder) = run_one("effect=read", asking, &["--yes"]).await;
    assert_eq!((asked.code, &asked.json()["status"]), (3, &json!("paused")), "{asked:?}");
    assert_eq!(asked.json()["steps"][0]["expectations"][0]["outcome"], "ask", "{asked:?}");
}

#[tokio::test]
async fn an_unresolved_placeholder_never_reaches_the_shell() {
    let (finished, folder) = run_one("effect=once", "echo ran > <pod>", &["--yes"]).await;
    assert_ne!(finished.code, 0, "{finished:?}");
    let names: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert!(names.iter().all(|name| name == "small.md" || name == "blocks-data"), "{names:?}");
}

#[tokio::test]
async fn runbooks_are_listed_shown_planned_and_linted() {
    let folder = tempfile::tempdir().unwrap();
    let listed = alone(&["runbook", "list", "-o", "json"], folder.path()).await;
    let listed = listed.json();
    let names: Vec<_> = listed["runbooks"].as_array().unwrap().iter().map(|one| text(&one["name"])).collect();
    let shipped = [
        "flow_failure_response",
        "rollback_to_manual_review",
        "rollback_to_pilot",
        "rollback_to_previous_version",
    ];
    assert_eq!(names, shipped);
    for name in shipped {
        let shown = alone(&["runbook", "show", name, "-o", "json"], folder.path()).await;
        assert_eq!(shown.code, 0, "{shown:?}");
        assert!(shown.json()["steps"].as_array().is_some_and(|steps| !steps.is_empty()), "{shown:?}");
    }
    let words = [
        "runbook",
        "plan",
        "rollback_to_previous_version",
        "--param",
        "service_url=http://127.0.0.1:1",
        "-o",
        "json",
    ];
    let (first, second) = (alone(&words, folder.path()).await, alone(&words, folder.path()).await);
    assert_eq!(first.code, 0, "{first:?}");
    assert_eq!(first.stdout, second.stdout, "the same plan has the same fingerprint");
    let other = words
        .map(|word| if word.starts_with("service_url") { "service_url=http://127.0.0.1:2" } else { word });
    assert_ne!(alone(&other, folder.path()).await.json()["fingerprint"], first.json()["fingerprint"]);
    let unplanned = alone(&["runbook", "plan", "rollback_to_previous_version"], folder.path()).await;
    assert_eq!(unplanned.code, 1, "a parameter without a value is in the way: {unplanned:?}");
    assert!(unplanned.stdout.contains("parameter 'service_url' has no value"), "{unplanned:?}");
    let not_run = alone(&["runbook", "run", "rollback_to_previous_version", "--yes"], folder.path()).await;
    assert!(not_run.code == 2 && not_run.stderr.contains("service_url"), "{not_run:?}");
    std::fs::remove_dir_all(folder.path().join("blocks-data")).unwrap();
    let near = alone(&["runbook", "plan", "rollback_to_pilott"], folder.path()).await;
    assert_eq!(near.code, 2, "{near:?}");
    assert!(near.stderr.contains("rollback_to_pilot'"), "{near:?}");

    std::fs::write(folder.path().join("bad.md"), "# Bad\n\n## Step\n\n```bash {colour=red}\necho hi\n```\n")
        .unwrap();
    let linted = alone(&["runbook", "lint", "bad.md", "-o", "json"], folder.path()).await;
    assert_eq!(linted.code, 1, "{linted:?}");
    let finding = linted.json()["findings"][0].clone();
    assert_eq!((&finding["line"], &finding["level"]), (&json!(5), &json!("error")), "{finding}");
    assert!(text(&finding["code"]).starts_with("RB0"), "{finding}");
    let own = blocks_tests::repository().join("runbooks").display().to_string();
    let clean = alone(&["runbook", "lint", &own, "-o", "json"], folder.path()).await;
    assert_eq!((clean.code, &clean.json()["errors"]), (0, &json!(0)), "{clean:?}");
    let nowhere = alone(&["runbook", "lint", "nowhere.md"], folder.path()).await;
    assert_eq!(nowhere.code, 2, "{nowhere:?}");
    assert!(!folder.path().join("blocks-data").exists(), "reading makes nothing");
}

#[tokio::test]
async fn read_commands_answer_the_same_with_and_without_the_server() {
    let mut app = TestApp::start(&AppConfig { triage: None, ..AppConfig::default() }).await;
    let page = app.page("Flow failures").await;
    app.acknowledged(&page).await;
    app.incident_when("INC-1", "the incident is open", |_| true).await;
    app.outbox_is_empty().await;
    let doctor = app.blocks_json(&["doctor"]).await;
    assert_eq!(doctor["ok"], true, "{doctor}");
    let checked: Vec<_> =
        doctor["checks"].as_array().unwrap().iter().map(|check| text(&check["name"])).collect();
    for name in ["bash", "curl", "slack", "pagerduty", "store", "engine"] {
        assert!(checked.iter().any(|check| check == name), "{name} is not checked: {checked:?}");
    }
    let token = app.token("ana").await;
    assert_eq!(app.blocks(&["token", "create", "--person", "nobody"]).await.code, 2);
    let kept = app.sql(&format!("SELECT count(*) FROM tokens WHERE sha256 LIKE '%{token}%'"));
    assert_eq!((app.sql("SELECT count(*) FROM tokens"), kept), (1, 0), "a token is stored as its hash");

    let questions: [&[&str]; 4] = [
        &["incident", "list"],
        &["incident", "show", "INC-1"],
        &["incident", "show"],
        &["journal", "verify"],
    ];
    let mut live = Vec::new();
    for words in questions {
        live.push(app.blocks_json(words).await);
    }
    assert_eq!(live[0]["incidents"].as_array().map(Vec::len), Some(1), "{:?}", live[0]);
    assert_eq!((&live[1]["number"], &live[1]["severity"]), (&json!("INC-1"), &json!("P1")));
    assert_eq!(app.end_server().await, 0);
    // The orderly end wrote its checkpoint; the events are the same.
    live[3]["checkpoints"] = json!(live[3]["checkpoints"].as_u64().unwrap() + 1);
    for (words, live) in questions.iter().zip(&mut live) {
        let mut offline = app.blocks_json(words).await;
        if let (Some(head), Some(before)) = (offline.get_mut("head"), live.get_mut("head")) {
            assert_ne!(head.take(), before.take(), "the checkpoint moves the head");
        }
        assert_eq!(&offline, live, "{words:?}");
    }
    assert_eq!(app.blocks(&["incident", "show", "INC-99"]).await.code, 2);
    let orphaned = app.blocks(&["incident", "ack"]).await;
    assert_eq!(orphaned.code, 3, "nobody would tell Slack and PagerDuty: {orphaned:?}");
}

#[tokio::test]
async fn a_changed_journal_does_not_verify() {
    let mut app = TestApp::start(&AppConfig { triage: None, ..AppConfig::default() }).await;
    let page = app.page("Flow failures").await;
    app.acknowledged(&page).await;
    app.incident_when("INC-1", "the incident is open", |_| true).await;
    app.outbox_is_empty().await;
    app.end_server().await;
    app.assert_journal_verifies().await;
    let store = rusqlite::Connection::open(app.dir.join("data/blocks.db")).unwrap();
    let forge = "DROP TRIGGER events_stay;
        UPDATE events SET bytes = CAST(replace(CAST(bytes AS TEXT), 'Flow failures', 'Fine weather!') AS BLOB) WHERE seq = 1";
    store.execute_batch(forge).unwrap();
    drop(store);
    let verified = app.blocks(&["journal", "verify", "-o", "json"]).await;
    assert_eq!((verified.code, &verified.json()["verified"]), (1, &json!(false)), "{verified:?}");
    assert!(!verified.json()["problems"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn an_unknown_word_is_a_program_on_path_longest_first() {
    let folder = tempfile::tempdir().unwrap();
    let bin = folder.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    for name in ["blocks-hello", "blocks-hello-world", "blocks-status-flows", "blocks-status"] {
        let program = bin.join(name);
        std::fs::write(&program, format!("#!/bin/sh\necho \"{name}: $*\"\nexit 7\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let environment = base_environment(Some(&bin), folder.path());
    for (words, said) in [
        (&["hello", "there", "--loud"][..], "blocks-hello: there --loud\n"),
        (&["hello", "world", "again"], "blocks-hello-world: again\n"),
        (&["hello"], "blocks-hello: \n"),
        // no incident is called so; its number is one, and so is nothing at all
        (&["status", "flows", "--wide"], "blocks-status-flows: --wide\n"),
    ] {
        let finished = run_in(&blocks(), words, &environment, folder.path()).await;
        assert_eq!((finished.code, finished.stdout.as_str()), (7, said), "{words:?}: {finished:?}");
    }
    for words in [&["status"][..], &["status", "INC-1"], &["status", "7"]] {
        let finished = run_in(&blocks(), words, &environment, folder.path()).await;
        assert_eq!(
            (finished.code, finished.stdout.as_str()),
            (1, ""),
            "the command, without a journal: {finished:?}"
        );
    }
    let unknown = run_in(&blocks(), &["runbok", "list"], &environment, folder.path()).await;
    assert_eq!((unknown.code, unknown.stdout.as_str()), (2, ""), "{unknown:?}");
    assert!(unknown.stderr.contains("blocks runbook"), "the nearest command is named: {unknown:?}");
}

#[tokio::test]
async fn help_version_and_completions_are_data() {
    let folder = tempfile::tempdir().unwrap();
    for words in [&["--help"][..], &["--version"], &["runbook", "--help"], &["completions", "bash"]] {
        let finished = alone(words, folder.path()).await;
        assert!(finished.code == 0 && finished.stdout.contains("blocks"), "{words:?}: {finished:?}");
    }
    let completions = alone(&["completions", "zsh"], folder.path()).await.stdout;
    for word in ["catch-up", "not-an-incident", "--private", "--owner"] {
        assert!(completions.contains(word), "{word}");
    }
    let version = alone(&["--version"], folder.path()).await.stdout;
    assert_eq!(version.trim(), format!("blocks {}", env!("CARGO_PKG_VERSION")));
    for words in [&[][..], &["runbook"], &["runbook", "run"], &["incident", "show", "--colour"]] {
        assert_eq!(alone(words, folder.path()).await.code, 2, "{words:?}");
    }
}
