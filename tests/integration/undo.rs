//! What a person sees and can do when a run stops: in the shell, in chat, and at the pager.

use std::path::Path;

use blocks_tests::{
    AppConfig, Finished, TestApp, base_environment, blocks, button, messages_with_key, run_in, text,
};
use serde_json::{Value, json};

const MOVE: &str = r#"# Move traffic

## Step 1: Look

```bash {effect=read}
cat no-such-file
```

## Step 2: Drain

```bash {baseline=before effect=read pattern="[0-9]+"}
cat first
```

```bash {name=drain effect=idempotent}
echo 0 > first
```

```bash {undo effect=idempotent}
echo "$before" > first; cat first
# Expected: > 0
```

## Step 3: Drain the other

```bash {baseline=before effect=read pattern="[0-9]+"}
cat second
```

```bash {effect=idempotent}
echo 0 > second
# Expected: "drained"
```

```bash {undo effect=idempotent}
echo "$before" > second
```

## Step 4: Delete

```bash {effect=once}
touch deleted
```

## Step 5: Mark

```bash {effect=idempotent}
touch marked
```
"#;

async fn shell(words: &[&str], folder: &Path) -> Finished {
    run_in(&blocks(), words, &base_environment(None, folder), folder).await
}

fn answers(shown: &Value) -> Vec<String> {
    let choices = shown["question"]["choices"].as_array().cloned().unwrap_or_default();
    choices.iter().map(|choice| text(&choice["answer"])).collect()
}

fn folder_with(name: &str, document: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), document).unwrap();
    folder
}

#[tokio::test]
async fn a_plan_shows_each_undo_and_each_point_of_no_return_before_anything_runs() {
    let folder = folder_with("move.md", MOVE);
    let planned = shell(&["runbook", "plan", "move.md"], folder.path()).await;
    for line in [
        "  undo: shell, idempotent (declared), at most 1 min",
        "      echo \"$before\" > second",
        "  no undo: a point of no return",
        "  no undo: repeating it is safe, and what it did stays",
    ] {
        assert!(planned.stdout.lines().any(|found| found == line), "{line:?}: {}", planned.stdout);
    }
    let steps = shell(&["runbook", "plan", "move.md", "-o", "json"], folder.path()).await.json();
    let reversals: Vec<_> =
        steps["steps"].as_array().unwrap().iter().map(|step| text(&step["reversal"])).collect();
    assert_eq!(reversals, ["none", "undo", "undo", "no_return", "stays"]);
    // a rollback's own undo is called what it is
    let rollback = MOVE.replacen("# Move", "---\nkind: rollback\n---\n\n# Move", 1);
    std::fs::write(folder.path().join("back.md"), rollback).unwrap();
    let planned = shell(&["runbook", "plan", "back.md"], folder.path()).await;
    assert!(planned.stdout.contains("the undo goes back to what is rolled back here: the bad version"));
    assert!(!folder.path().join("marked").exists());
}

#[tokio::test]
async fn a_shell_offers_the_safe_choices_first_and_undoes_to_what_each_step_captured() {
    let folder = folder_with("move.md", MOVE);
    let dir = folder.path();
    let write = |name: &str, value: &str| std::fs::write(dir.join(name), value).unwrap();
    write("first", "7\n");
    write("second", "9\n");
    let ran = shell(&["runbook", "run", "move.md", "--yes", "-o", "json"], dir).await;
    let shown = ran.json();
    assert_eq!((ran.code, &shown["status"]), (1, &json!("failed")), "{ran:?}");
    assert_eq!(answers(&shown), ["retry", "mark_done", "undo"]);
    assert_eq!(shown["noted_failures"].as_array().map(Vec::len), Some(1), "the look is noted: {shown}");
    let id = text(&shown["id"]);
    let told = shell(&["runbook", "status", &id], dir).await.stdout;
    let places = ["retry", "mark-done", "undo"].map(|verb| told.find(&format!("blocks runbook {verb} {id}")));
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{told}");

    let undone = shell(&["runbook", "undo", &id, "-o", "json"], dir).await;
    assert_eq!((undone.code, &undone.json()["status"]), (1, &json!("undone")), "{undone:?}");
    let read = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap();
    assert_eq!((read("first").as_str(), read("second").as_str()), ("7\n", "9\n"));
    let verified = &undone.json()["steps"][1]["undo"];
    assert_eq!(
        (&verified[0]["text"], &verified[0]["outcome"]),
        (&json!("> 0"), &json!("pass")),
        "{undone:?}"
    );
    assert!(!dir.join("deleted").exists(), "what comes after a failure has not begun");
}

#[tokio::test]
async fn a_failed_check_before_a_change_asks_and_a_person_may_go_on() {
    const GUARDED: &str = "# Guarded\n\n## Step 1: Act\n\n```bash {effect=read}\ncat ready\n# Expected: \"yes\"\n```\n\n\
                           ```bash {effect=idempotent}\ntouch acted\n```\n\n```bash {undo effect=idempotent}\nrm -f acted\n```\n";
    let folder = folder_with("guarded.md", GUARDED);
    let dir = folder.path();
    let ran = shell(&["runbook", "run", "guarded.md", "--yes", "-o", "json"], dir).await;
    let shown = ran.json();
    assert_eq!((ran.code, &shown["status"]), (3, &json!("paused")), "{ran:?}");
    assert_eq!(answers(&shown), ["retry", "no", "go_on"], "there is nothing to undo yet");
    assert!(!dir.join("acted").exists(), "nothing changes past a failed check");
    let id = text(&shown["id"]);
    let again = shell(&["runbook", "retry", &id, "-o", "json"], dir).await;
    assert_eq!((again.code, &again.json()["status"]), (3, &json!("paused")), "{again:?}");
    let on = shell(&["runbook", "answer", &id, "yes", "-o", "json"], dir).await;
    assert_eq!((on.code, &on.json()["status"]), (0, &json!("succeeded")), "{on:?}");
    assert!(dir.join("acted").exists());
}

/// A rollback that fails after its change, and whose undo fails until somebody puts the way back in order.
const ROLLBACK: &str = "---\ntitle: Go back\nservice: flowengine\nkind: rollback\n---\n\n# Go back\n\n## Step 1: Go back\n\n\
                        ```bash {effect=once timeout=60s}\necho did >> effects; exit 1\n```\n\n\
                        ```bash {undo effect=idempotent timeout=60s}\ntest -e way-back\n```\n";

#[tokio::test]
async fn a_failed_undo_pages_a_person_and_its_page_opens_no_other_incident() {
    let app = TestApp::start(&AppConfig::with_rollback(ROLLBACK)).await;
    let pager_id = app.page("flows fail").await;
    app.acknowledged(&pager_id).await;
    app.incident_when("INC-1", "the incident is there", |_| true).await;
    let (ana, ben) = (app.token("ana").await, app.token("ben").await);
    let asked = json!({ "request": "runbook_rollback", "service": "flowengine", "params": {} });
    let run = text(&app.api(Some(&ana), asked).await.json()["data"]["id"]);
    assert_eq!(app.approve(&ben, &run).await.status, 200);
    app.run_when(&run, "failed").await;
    let progress = app
        .state_when("the choices are in chat", |state| {
            let shown = messages_with_key(state, "progress/");
            shown.into_iter().map(|(_, message)| message).find(|one| button(one, "blocks:go_back").is_some())
        })
        .await;
    assert!(button(&progress, "blocks:undo").is_none(), "it is called what it is: {progress}");
    let (_, back) = button(&progress, "blocks:go_back").unwrap();
    assert!(back["style"].is_null() && text(&back["text"]["text"]).contains("BAD version"), "{back}");
    let (_, retry) = button(&progress, "blocks:retry").unwrap();
    assert_eq!(retry["style"], "primary", "{retry}");

    let undo = json!({ "request": "runbook_undo", "run": run });
    assert_eq!(app.api(Some(&ana), undo).await.status, 200);
    let shown = app.run_when(&run, "undo_failed").await;
    assert_eq!(answers(&shown), ["retry", "put_right"]);
    let key = format!("blocks/undo-failed/{run}");
    let page = app
        .state_when("somebody is paged", |state| {
            let incidents = state["pagerduty"]["incidents"].as_array()?;
            incidents.iter().find(|one| one["incident_key"] == key.as_str()).cloned()
        })
        .await;
    assert_eq!((&page["urgency"], &page["service_id"]), (&json!("high"), &json!("PFLOW01")), "{page}");
    assert!(text(&page["title"]).contains("UNDO FAILED"), "{page}");
    app.acknowledged(&text(&page["id"])).await;
    app.outbox_is_empty().await;
    let all = app.blocks_json(&["incident", "list", "--all"]).await;
    assert_eq!(all["incidents"].as_array().map(Vec::len), Some(1), "our own page is no incident: {all}");

    app.open_gate("way-back");
    let retry = json!({ "request": "runbook_retry", "run": run });
    assert_eq!(app.api(Some(&ana), retry).await.status, 200);
    app.run_when(&run, "undone").await;
    assert_eq!(app.effects("effects"), 1);
    app.assert_journal_verifies().await;
}
