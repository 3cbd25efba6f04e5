//! Who may do what. Authority belongs to a person, never to a button, a token or a way in.

use blocks_tests::{
    AppConfig, ROLES_OF_BOTH, TestApp, ephemerals, faulty_slack_calls, holds_for_a_while, rollback_of,
    run_status, text, unix_now, until,
};
use serde_json::{Value, json};

/// A change that leaves a trace, in one step, and that cannot be undone.
const CHANGE: &str = "---\ntitle: Change it\nservice: flowengine\nlock: flowengine\n---\n# Change it\n\n## Step 1: Change\n\n```bash {name=change effect=once timeout=300s}\necho changed >> effects\nwhile [ ! -e gate ] && [ -d \"$PWD\" ]; do sleep 0.05; done\necho done\n# Expected: \"done\"\n```\n";

fn rollback() -> Value {
    json!({ "request": "runbook_rollback", "service": "flowengine", "params": {} })
}

/// Opens an incident and asks for its rollback in Slack as ana: the channel, and the plan's message.
async fn asked_in_slack(app: &TestApp) -> (String, Value) {
    let page = app.page("Flow failures").await;
    app.acknowledged(&page).await;
    let shown = app.incident_when("INC-1", "its channel is open", |shown| shown["channel"].is_string()).await;
    let answer = app.slash("U0ANA", &text(&shown["channel"]), "runbook rollback flowengine").await;
    assert_eq!(answer["http_status"], 200, "{answer}");
    app.plan().await
}

#[tokio::test]
async fn a_button_pressed_by_those_who_may_not_changes_nothing_and_a_double_click_runs_once() {
    let people =
        vec![("ana", "\"commander\", \"responder\""), ("ben", "\"responder\""), ("cat", "\"scribe\"")];
    let config = AppConfig { people, ..AppConfig::with_rollback(CHANGE) };
    let app = TestApp::start(&config).await;
    let (channel, plan) = asked_in_slack(&app).await;
    let ts = text(&plan["ts"]);
    // Not in blocks.toml; in it without a role that may; and the one who asked.
    for (user, recorded) in [("U0STRANGER", 1), ("U0CAT", 2), ("U0ANA", 3)] {
        let pressed = app.raw_click(user, &channel, &plan, "blocks:approve").await;
        assert_eq!(pressed.status, 200, "{pressed:?}");
        let shown = app
            .incident_when("INC-1", "the refusal is on the record", |shown| {
                rollback_of(shown)["refused_approvals"].as_array().is_some_and(|list| list.len() == recorded)
            })
            .await;
        assert_eq!(run_status(&shown), "waiting_for_approval", "{user}");
        assert_eq!(rollback_of(&shown)["approvals"], json!([]));
    }
    // A stranger may not ask for a run, take the incident, or cancel either.
    for words in ["runbook rollback flowengine", "ack", "resolve", "runbook cancel", "severity P4"] {
        assert_eq!(app.raw_slash("U0STRANGER", &channel, words, unix_now()).await.status, 200);
    }
    app.raw_click("U0STRANGER", &channel, &plan, "blocks:refuse").await;
    until("all are dealt with", async || {
        (app.sql("SELECT count(*) FROM inbox WHERE state = 'pending'") == 0).then_some(())
    })
    .await;
    let shown = app.incident("INC-1").await;
    assert_eq!(
        (run_status(&shown), &shown["status"]),
        ("waiting_for_approval".to_owned(), &json!("triggered"))
    );
    assert_eq!((&shown["severity"], &shown["commander"]), (&json!("P1"), &Value::Null));
    assert_eq!(shown["runs"].as_array().map(Vec::len), Some(1));
    assert_eq!(app.effects("effects"), 0, "nothing ran");

    // ana is told why, alone.
    app.click("U0ANA", &channel, &ts, "blocks:approve").await;
    until("ana is told why not", async || {
        let told = ephemerals(&app.state().await, "U0ANA");
        told.iter().any(|text| text.contains("another person")).then_some(())
    })
    .await;

    // ben may; his click arrives twice at the same time, and once more when it is over.
    app.open_gate("gate");
    let (first, second) = tokio::join!(
        app.click("U0BEN", &channel, &ts, "blocks:approve"),
        app.click("U0BEN", &channel, &ts, "blocks:approve")
    );
    assert_eq!((&first["http_status"], &second["http_status"]), (&json!(200), &json!(200)));
    app.incident_when("INC-1", "the run succeeded", |shown| run_status(shown) == "succeeded").await;
    app.raw_click("U0BEN", &channel, &plan, "blocks:approve").await;
    holds_for_a_while("one effect, one approval", async || {
        let shown = app.incident("INC-1").await;
        app.effects("effects") == 1 && rollback_of(&shown)["approvals"].as_array().map(Vec::len) == Some(1)
    })
    .await;
    app.assert_journal_verifies().await;
}

#[tokio::test]
async fn over_the_api_and_the_socket_the_same_rules_hold() {
    let people = vec![ROLES_OF_BOTH[0], ROLES_OF_BOTH[1], ("cat", "")];
    let app = TestApp::start(&AppConfig { people, ..AppConfig::with_rollback(CHANGE) }).await;
    app.open_gate("gate");
    let (ana, ben, cat) = (app.token("ana").await, app.token("ben").await, app.token("cat").await);
    let service = app.secrets["BLOCKS_API_TOKEN"].clone();

    for nobody in [None, Some(""), Some("blk_0000"), Some("xoxb-what")] {
        let answer = app.api(nobody, json!({ "request": "incident_list", "all": true })).await;
        assert_eq!(answer.status, 401, "{nobody:?}: {answer:?}");
    }
    assert_eq!(app.api(Some(&service), json!({ "request": "incident_list", "all": true })).await.status, 200);
    assert_eq!(app.api(Some(&service), rollback()).await.status, 403, "a program decides nothing");
    let roleless = app.api(Some(&cat), rollback()).await;
    assert_eq!(roleless.status, 403, "{roleless:?}");
    assert!(roleless.body.contains("hint:"), "{roleless:?}");

    let asked = app.api(Some(&ana), rollback()).await;
    assert_eq!(asked.status, 200, "{asked:?}");
    let run = text(&asked.json()["data"]["id"]);
    for (who, token, status) in
        [("ana asked for it", &ana, 409), ("cat has no role", &cat, 409), ("a program", &service, 403)]
    {
        let answer = app.approve(token, &run).await;
        assert_eq!(answer.status, status, "{who}: {answer:?}");
    }
    // The user of this machine may ask and look, and is nobody's second person.
    let local = app.blocks(&["runbook", "approve", &run]).await;
    assert_eq!(local.code, 3, "{local:?}");
    assert!(local.stderr.contains("local:"), "{local:?}");
    assert_eq!(app.effects("effects"), 0);
    // A yes to another plan is no yes to this one.
    let wrong =
        app.api(Some(&ben), json!({ "request": "runbook_approve", "run": run, "fingerprint": "0000" })).await;
    assert_eq!(wrong.status, 409, "{wrong:?}");
    let code = text(&asked.json()["data"]["code"]);
    let yes =
        app.api(Some(&ben), json!({ "request": "runbook_approve", "run": run, "fingerprint": code })).await;
    assert_eq!(yes.status, 200, "{yes:?}");
    let ended = app.run_when(&run, "succeeded").await;
    assert_eq!(ended["approvals"].as_array().map(Vec::len), Some(1));
    assert_eq!(text(&ended["approvals"][0]["by"]), "ben");
    assert_eq!(app.effects("effects"), 1);
    // Late: there is nothing to approve any more.
    assert_eq!(app.approve(&ben, &run).await.status, 409);
}

#[tokio::test]
async fn a_runbook_that_changed_since_it_was_planned_cannot_be_approved() {
    let app = TestApp::start(&AppConfig::with_rollback(CHANGE)).await;
    app.open_gate("gate");
    let (ana, ben) = (app.token("ana").await, app.token("ben").await);
    let run = text(&app.api(Some(&ana), rollback()).await.json()["data"]["id"]);
    let changed = CHANGE.replace("echo changed", "echo something-else");
    std::fs::write(app.dir.join("runbooks/own_rollback.md"), changed).unwrap();
    let refused = app.approve(&ben, &run).await;
    assert_eq!(refused.status, 409, "{refused:?}");
    assert!(refused.body.contains("changed since"), "{refused:?}");
    app.run_when(&run, "cancelled").await;
    assert_eq!(app.effects("effects"), 0);
    app.assert_journal_verifies().await;
}

#[tokio::test]
async fn two_rollbacks_of_one_target_do_not_run_together() {
    let app = TestApp::start(&AppConfig::with_rollback(CHANGE)).await;
    let (ana, ben) = (app.token("ana").await, app.token("ben").await);
    let first = text(&app.api(Some(&ana), rollback()).await.json()["data"]["id"]);
    let second = text(&app.api(Some(&ben), rollback()).await.json()["data"]["id"]);
    assert_ne!(first, second);
    assert_eq!(app.approve(&ben, &first).await.status, 200);
    until("the first is under way", async || (app.effects("effects") == 1).then_some(())).await;
    let refused = app.approve(&ana, &second).await;
    assert_eq!(refused.status, 409, "{refused:?}");
    assert!(refused.body.contains(&first), "the holder is named: {refused:?}");
    assert_eq!(app.effects("effects"), 1);
    app.open_gate("gate");
    app.run_when(&first, "succeeded").await;
    // the target is free again, and whoever said yes to the second did not know that the same has run since
    let refused = app.approve(&ana, &second).await;
    assert_eq!(refused.status, 409, "{refused:?}");
    assert!(refused.body.contains("the same ran on flowengine since this was planned"), "{refused:?}");
    app.run_when(&second, "cancelled").await;
    let third = text(&app.api(Some(&ben), rollback()).await.json()["data"]["id"]);
    assert_eq!(app.approve(&ana, &third).await.status, 200);
    app.run_when(&third, "succeeded").await;
    assert_eq!(app.effects("effects"), 2);
}

#[tokio::test]
async fn without_a_second_person_the_shipped_rollback_does_not_reach_the_target() {
    let app = TestApp::start(&AppConfig { triage: None, ..AppConfig::default() }).await;
    app.deploy_what_fails().await;
    until("the bad version serves", async || (app.target_version().await == "v1.2").then_some(())).await;
    let (channel, plan) = asked_in_slack(&app).await;
    for _ in 0..2 {
        app.click("U0ANA", &channel, &text(&plan["ts"]), "blocks:approve").await;
    }
    app.incident_when("INC-1", "both are refused", |shown| {
        rollback_of(shown)["refused_approvals"].as_array().is_some_and(|list| list.len() == 2)
    })
    .await;
    assert_eq!(app.kubectl_commands().await, Vec::<String>::new(), "not even a look at the target");
    assert_eq!(app.target_version().await, "v1.2");
    // With one it does, once.
    app.click("U0BEN", &channel, &text(&plan["ts"]), "blocks:approve").await;
    app.incident_when("INC-1", "the run succeeded", |shown| run_status(shown) == "succeeded").await;
    let undone =
        app.kubectl_commands().await.into_iter().filter(|line| line.contains("rollout undo")).count();
    assert_eq!((undone, app.target_version().await), (1, "v1.1".to_owned()));
    app.outbox_is_empty().await;
    let faulty = faulty_slack_calls(&app.state().await);
    assert!(faulty.is_empty(), "Slack did not take: {faulty:?}");
}

#[tokio::test]
async fn a_command_never_sees_the_secrets_and_what_it_prints_of_them_is_redacted() {
    let text_of_runbook = "---\ntitle: Look around\nservice: flowengine\n---\n# Look around\n\n## Look\n\n```bash {effect=read}\nenv | sort > seen\ncat leak\n# Expected: \"[redacted]\"\n```\n";
    let config = AppConfig {
        triage: None,
        approvals: 0,
        runbooks: vec![("look", text_of_runbook.to_owned())],
        ..AppConfig::default()
    };
    let app = TestApp::start(&config).await;
    let all: Vec<_> = app.secrets.values().cloned().collect();
    std::fs::write(app.dir.join("runbooks/leak"), format!("before {} after\n", all.join(" "))).unwrap();
    let ana = app.token("ana").await;
    let asked = app.api(Some(&ana), json!({ "request": "runbook_run", "name": "look", "params": {} })).await;
    assert_eq!(asked.status, 200, "{asked:?}");
    let run = text(&asked.json()["data"]["id"]);
    until("it has run", async || {
        let shown = app.blocks_json(&["runbook", "status", &run]).await;
        matches!(shown["status"].as_str(), Some("succeeded" | "failed" | "paused")).then_some(())
    })
    .await;
    let seen = app.log("runbooks/seen");
    assert!(seen.contains("PATH=") && seen.contains("BLOCKS_RUN="), "{seen}");
    for secret in &all {
        assert!(!seen.contains(secret), "a secret is in a command's environment");
        let hexed: String = secret.bytes().map(|byte| format!("{byte:02X}")).collect();
        let kept = app.sql(&format!("SELECT count(*) FROM blobs WHERE hex(bytes) LIKE '%{hexed}%'"));
        assert_eq!(kept, 0, "a secret is in stored output");
    }
    assert!(
        app.sql("SELECT count(*) FROM blobs WHERE CAST(bytes AS TEXT) LIKE 'before %after%'") > 0,
        "the output is kept"
    );
}
