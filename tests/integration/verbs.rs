//! Run verbs with the real binary: the same from a shell, the API and the unix socket, over a restart too.

use blocks_tests::{AppConfig, TestApp, text, until};
use serde_json::{Value, json};

/// Three commands; the first waits for a gate and talks meanwhile, the second fails until a file is there.
const SLOW: &str = "---\ntitle: Slow change\nservice: flowengine\nlock: flowengine\n---\n# Slow change\n\n## Step 1: Change (5 min)\n\n```bash {name=change effect=once timeout=300s}\necho begun >&2\necho changed >> effects\nwhile [ ! -e gate ] && [ -d \"$PWD\" ]; do sleep 0.05; done\necho done\n# Expected: \"done\"\n```\n\n## Step 2: Look\n\n```bash {name=look effect=read}\n[ -e fine ] && echo fine\n# Expected: \"fine\"\n```\n\n## Step 3: Say\n\n```bash {name=say effect=read}\necho said\n```\n";

fn asks(verb: &str, run: &str, reason: Option<&str>) -> Value {
    json!({ "request": format!("runbook_{verb}"), "run": run, "reason": reason })
}

/// A rollback that ana asked for and ben approved: its first command waits for the gate.
async fn begun(app: &TestApp, ana: &str, ben: &str) -> String {
    let rollback = json!({ "request": "runbook_rollback", "service": "flowengine", "params": {} });
    let asked = app.api(Some(ana), rollback).await;
    assert_eq!(asked.status, 200, "{asked:?}");
    let run = text(&asked.json()["data"]["id"]);
    assert_eq!(app.approve(ben, &run).await.status, 200);
    until("its first command has begun", async || (app.effects("effects") == 1).then_some(())).await;
    run
}

#[tokio::test]
async fn a_paused_run_ends_its_command_survives_a_restart_and_goes_on_when_it_is_resumed() {
    let mut app = TestApp::start(&AppConfig::with_rollback(SLOW)).await;
    let (ana, ben) = (app.token("ana").await, app.token("ben").await);
    let run = begun(&app, &ana, &ben).await;
    // over the socket, as the user of this machine
    let paused = app.blocks(&["runbook", "pause", "--reason", "the graph looks odd", "-o", "json"]).await;
    assert_eq!(paused.code, 0, "{paused:?}");
    let shown = paused.json();
    assert_eq!((&shown["status"], &shown["live"]), (&json!("paused"), &json!(true)), "{shown}");
    assert_eq!(shown["paused_by"]["reason"], "the graph looks odd");
    assert_eq!(app.api(Some(&ana), asks("pause", &run, None)).await.status, 409, "it is paused already");
    app.open_gate("gate");
    let rests = until("its command has ended", async || {
        let shown = app.blocks_json(&["runbook", "status", &run]).await;
        (shown["live"] == false).then_some(shown)
    })
    .await;
    assert_eq!(rests["steps"][1]["status"], "waiting", "{rests}");

    app.kill_9().await;
    app.start_server().await;
    let shown = app.blocks_json(&["runbook", "status", &run]).await;
    assert_eq!((&shown["status"], &shown["steps"][1]["status"]), (&json!("paused"), &json!("waiting")));

    // over the API
    assert_eq!(app.api(Some(&ana), asks("resume", &run, None)).await.status, 200);
    app.run_when(&run, "failed").await;
    assert_eq!(app.effects("effects"), 1);
    assert_eq!(app.api(Some(&ana), asks("resume", &run, None)).await.status, 409);

    // the check that failed is passed over, with a reason, and is no success of its step
    let unreasoned = app.blocks(&["runbook", "skip", &run]).await;
    assert_eq!(unreasoned.code, 2, "{unreasoned:?}");
    let skipped = app.blocks(&["runbook", "skip", &run, "--reason", "ana sees it", "-o", "json"]).await;
    assert_eq!(skipped.code, 0, "{skipped:?}");
    let shown = app.run_when(&run, "succeeded").await;
    assert_eq!(shown["steps"][1]["status"], "skipped", "{shown}");
    assert!(text(&shown["state"]).contains("passed over (ana sees it)"), "{shown}");
    app.assert_journal_verifies().await;
}

#[tokio::test]
async fn attach_shows_what_a_command_writes_while_it_runs() {
    let app = TestApp::start(&AppConfig::with_rollback(SLOW)).await;
    let (ana, ben) = (app.token("ana").await, app.token("ben").await);
    let run = begun(&app, &ana, &ben).await;
    let look = |cursor: Value| json!({ "request": "runbook_attach", "run": run, "cursor": cursor });
    let first = until("its first line is told", async || {
        let answer = app.api(Some(&ana), look(Value::Null)).await.json()["data"].clone();
        (!answer["output"].as_array()?.is_empty()).then_some(answer)
    })
    .await;
    assert_eq!(
        (&first["output"][0]["text"], &first["output"][0]["stream"]),
        (&json!("begun\n"), &json!("stderr"))
    );
    assert!(first["budget"]["box_left_ms"].as_i64().is_some_and(|left| left <= 300_000), "{first}");
    let again = app.api(Some(&ana), look(first["cursor"].clone())).await.json()["data"].clone();
    assert_eq!(again["output"], json!([]), "nothing is told twice");
    let wrong = app.api(Some(&ana), look(json!("nowhere"))).await;
    assert_eq!(wrong.status, 404, "{wrong:?}");

    // a shell without a terminal follows to where the run rests, which is the failed check
    let attach = ["runbook", "attach", &run];
    let (followed, ()) = tokio::join!(app.blocks(&attach), async {
        app.open_gate("gate");
    });
    assert_eq!(followed.code, 1, "{followed:?}");
    // whether the command still writes when the shell begins to look is chance
    assert!(followed.stderr.contains("failed"), "{followed:?}");
}

#[tokio::test]
async fn without_a_terminal_a_run_that_needs_a_person_is_left_at_once_unless_told_to_wait() {
    let app = TestApp::start(&AppConfig::with_rollback(SLOW)).await;
    let (ana, ben) = (app.token("ana").await, app.token("ben").await);
    app.open_gate("gate");
    app.open_gate("fine");
    let left = app.blocks(&["runbook", "rollback", "flowengine", "-o", "json"]).await;
    assert_eq!(left.code, 3, "{left:?}");
    let run = text(&left.json()["id"]);
    let waited = app.blocks(&["runbook", "attach", &run, "--wait", "1s"]).await;
    assert_eq!(waited.code, 3, "{waited:?}");
    let attach = ["runbook", "attach", &run, "--wait", "100s"];
    let (ended, ()) = tokio::join!(app.blocks(&attach), async {
        // a user of the machine whom nobody knows asked for it, so it takes one yes more
        assert_eq!(app.approve(&ben, &run).await.status, 200);
        assert_eq!(app.approve(&ana, &run).await.status, 200);
    });
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stderr.contains("| said"), "{ended:?}");
}

#[tokio::test]
async fn the_holder_of_a_target_is_named_and_taken_over_when_it_only_waits() {
    let app = TestApp::start(&AppConfig::with_rollback(SLOW)).await;
    let (ana, ben) = (app.token("ana").await, app.token("ben").await);
    let first = begun(&app, &ana, &ben).await;
    let rollback = json!({ "request": "runbook_rollback", "service": "flowengine", "params": {} });
    let second = text(&app.api(Some(&ben), rollback).await.json()["data"]["id"]);
    let locked = app.approve(&ana, &second).await;
    assert_eq!((locked.status, &locked.json()["code"]), (409, &json!("RB0044")), "{locked:?}");
    for named in [first.as_str(), "of ana since", "runbook cancel"] {
        assert!(locked.body.contains(named), "{named}: {locked:?}");
    }
    let gone = asks("take_over", &first, Some("ana is not reachable"));
    assert_eq!(app.api(Some(&ben), gone.clone()).await.status, 409, "it goes on by itself");
    assert_eq!(app.api(Some(&ana), asks("pause", &first, None)).await.status, 200);
    assert_eq!(app.api(Some(&ben), gone.clone()).await.status, 409, "its command is under way");
    app.open_gate("gate");
    until("its command has ended", async || {
        (app.blocks_json(&["runbook", "status", &first]).await["live"] == false).then_some(())
    })
    .await;
    let locked = app.approve(&ana, &second).await;
    assert!(locked.status == 409 && locked.body.contains("runbook take-over"), "{locked:?}");
    // the user of this machine is nobody here, and takes nothing over from ana
    let local = app.blocks(&["runbook", "take-over", &first, "--reason", "mine"]).await;
    assert_eq!(local.code, 3, "{local:?}");
    let taken = app.api(Some(&ben), gone).await;
    assert_eq!((taken.status, &taken.json()["data"]["status"]), (200, &json!("cancelled")), "{taken:?}");
    assert_eq!(app.approve(&ana, &second).await.status, 200);
    let after = app.run_when(&second, "failed").await;
    let before = app.blocks_json(&["runbook", "status", &first]).await;
    assert!(after["lock_epoch"].as_u64() > before["lock_epoch"].as_u64(), "{after} {before}");
    assert_eq!(app.effects("effects"), 2, "each began its change once");
    let exported = app.blocks(&["journal", "export", &format!("run/{first}")]).await;
    assert!(exported.stdout.contains("taken_over") && exported.stdout.contains("ana is not reachable"));
    app.assert_journal_verifies().await;
}

#[tokio::test]
async fn the_same_on_the_same_target_again_needs_another_person() {
    let config = AppConfig {
        approvals: 0,
        more: "[approvals]\nirreversible = 0\n[locks]\nrepeat_window = \"1 h\"\n".to_owned(),
        ..AppConfig::with_rollback(SLOW)
    };
    let app = TestApp::start(&config).await;
    let (ana, ben) = (app.token("ana").await, app.token("ben").await);
    app.open_gate("gate");
    app.open_gate("fine");
    let rollback = json!({ "request": "runbook_rollback", "service": "flowengine", "params": {} });
    let first = app.api(Some(&ana), rollback.clone()).await.json()["data"].clone();
    assert_eq!(first["approvals_needed"], 0, "{first}");
    let run = text(&first["id"]);
    assert_eq!(app.approve(&ana, &run).await.status, 200);
    app.run_when(&run, "succeeded").await;
    let again = app.api(Some(&ana), rollback).await.json();
    let second = text(&again["data"]["id"]);
    assert_eq!((&again["data"]["approvals_needed"], &again["data"]["repeats"]), (&json!(1), &json!(run)));
    assert!(text(&again["text"]).contains("a short while ago"), "{again}");
    assert_eq!(app.approve(&ana, &second).await.status, 409, "ana asked for it");
    assert_eq!(app.approve(&ben, &second).await.status, 200);
    app.run_when(&second, "succeeded").await;
    assert_eq!(app.effects("effects"), 2);
}
