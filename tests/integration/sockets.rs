//! Slack's Socket Mode: the real binary opens real WebSockets to the sandbox.

use blocks_tests::{
    AppConfig, TestApp, ephemerals, messages_with_key, text, timeline_types, until, until_or_show,
};
use serde_json::{Value, json};

fn socket_mode() -> AppConfig {
    AppConfig { triage: None, slack_mode: "socket", ..AppConfig::default() }
}

/// Waits until that many connections are open.
async fn connected(app: &TestApp, live: u64) -> u64 {
    app.state_when("the connections are open", |state| {
        let sockets = &state["slack"]["sockets"];
        (sockets["live"].as_u64()? >= live).then(|| sockets["opened"].as_u64().unwrap_or_default())
    })
    .await
}

/// Types a command until it is acknowledged: while no connection is open, Slack tells the person that it failed.
async fn typed(app: &TestApp, line: &str) -> Value {
    until("the command is acknowledged", async || {
        let answer = app.slash("ana", "incidents", line).await;
        (answer["http_status"] == 200).then_some(answer)
    })
    .await
}

#[tokio::test]
async fn a_run_is_asked_for_approved_and_seen_without_any_public_address() {
    let app = TestApp::start(&socket_mode()).await;
    connected(&app, 2).await;
    app.deploy_what_fails().await;
    assert_eq!(app.raw_slash("U0ANA", "C0INCIDENTS", "help", blocks_tests::unix_now()).await.status, 404);
    app.page("the shop is slow").await;
    let has_card = |shown: &Value| timeline_types(shown).contains(&"card_posted".to_owned());
    app.incident_when("INC-1", "the incident has its card", has_card).await;
    let usage = app.slash("ana", "incidents", "runbok lst").await;
    assert!(text(&usage["body"]).contains("runbook list"), "{usage}");
    let answer = app.slash("ana", "incidents", "runbook rollback flowengine").await;
    assert_eq!(answer["http_status"], 200, "{answer}");
    assert!(text(&answer["body"]).contains("Working on"), "{answer}");
    let (channel, plan) = app.plan().await;
    let click = app.click("ben", &channel, &text(&plan["ts"]), "blocks:approve").await;
    assert_eq!((&click["http_status"], &click["body"]), (&json!(200), &json!("")), "{click}");
    app.incident_when("INC-1", "its rollback is done", |shown| shown["runs"][0]["status"] == "succeeded")
        .await;
    app.outbox_is_empty().await;
    app.assert_journal_verifies().await;
}

#[tokio::test]
async fn a_renewed_connection_loses_nothing() {
    let app = TestApp::start(&socket_mode()).await;
    let mut opened = connected(&app, 2).await;
    for round in 0..6 {
        let reason = if round % 2 == 0 { "refresh_requested" } else { "warning" };
        app.control("slack/socket", json!({ "disconnect": reason })).await;
        // At once, while the old connection leaves and the new one is not there yet.
        for _ in 0..3 {
            let answer = app.slash("ana", "incidents", "runbook list").await;
            assert_eq!(answer["http_status"], 200, "round {round}: {answer}");
        }
        opened = app
            .state_when("a new connection is open", |state| {
                state["slack"]["sockets"]["opened"].as_u64().filter(|now| *now > opened)
            })
            .await;
    }
    until_or_show("each line is answered", async || {
        let state = app.state().await;
        let answers = ephemerals(&state, "U0ANA");
        let answered = answers.iter().filter(|said| !said.starts_with("Working on")).count();
        if answered == 18 { Ok(()) } else { Err(format!("{answered} of 18: {answers:?}")) }
    })
    .await;
}

#[tokio::test]
async fn broken_connections_and_an_outage_are_got_over() {
    let app = TestApp::start(&socket_mode()).await;
    connected(&app, 2).await;
    app.control("slack/socket", json!({ "cut": true })).await;
    typed(&app, "runbook list").await;
    app.control("faults", json!({ "slack": "down" })).await;
    let lost = app.slash("ana", "incidents", "runbook list").await;
    assert_eq!(lost["http_status"], 0, "{lost}");
    app.control("faults", json!({ "slack": "ok" })).await;
    typed(&app, "runbook list").await;
}

#[tokio::test]
async fn what_is_not_understood_is_acknowledged_or_ignored_and_harms_nothing() {
    let app = TestApp::start(&socket_mode()).await;
    connected(&app, 2).await;
    let frames = [
        json!({ "type": "events_api", "envelope_id": "E1", "payload": { "event": { "type": "message" } } }),
        json!({ "type": "of_tomorrow", "envelope_id": "E2" }),
        json!({ "type": "slash_commands", "envelope_id": "E3", "payload": null }),
        json!({ "type": "slash_commands", "envelope_id": "E4", "payload": { "text": "runbook list" } }),
        json!({ "type": "interactive", "envelope_id": "E5", "payload": { "type": "block_actions", "team": null } }),
        json!({ "type": "interactive", "envelope_id": "E6", "payload": "?" }),
        json!({ "type": "interactive", "payload": {} }),
        json!([]),
    ];
    for frame in frames {
        app.control("slack/socket", json!({ "frame": frame.to_string() })).await;
    }
    app.control("slack/socket", json!({ "frame": "\u{0}{" })).await;
    typed(&app, "runbook list").await;
    let state = app.state().await;
    assert_eq!(state["slack"]["sockets"]["live"], 2, "{}", state["slack"]["sockets"]);
    assert_eq!(state["slack"]["sockets"]["opened"], 2, "no connection broke");
    assert!(messages_with_key(&state, "plan/").is_empty());
}

#[tokio::test]
async fn doctor_knows_whether_connections_may_be_opened() {
    let app = TestApp::start(&socket_mode()).await;
    let check = async |app: &TestApp| {
        let said = app.blocks_json(&["doctor"]).await;
        let checks = said["checks"].as_array().cloned().unwrap_or_default();
        checks.into_iter().find(|check| check["name"] == "slack socket mode").unwrap_or_default()
    };
    let good = check(&app).await;
    assert_eq!(good["ok"], true, "{good}");
}

/// Both ways at once: whichever is used is taken, and what comes by both is one.
#[tokio::test]
async fn both_ways_are_open_at_once_and_what_comes_twice_is_one() {
    let app = TestApp::start(&AppConfig { slack_mode: "both", ..socket_mode() }).await;
    connected(&app, 2).await;
    let now = blocks_tests::unix_now();
    assert_eq!(app.raw_slash("U0ANA", "C0INCIDENTS", "declare over HTTP", now).await.status, 200);
    let typed = app.slash("ana", "incidents", "declare over a connection").await;
    assert_eq!(typed["http_status"], 200, "{typed}");
    let event = json!({ "type": "app_mention", "user": "U0ANA", "channel": "C0INCIDENTS",
        "ts": "1789000000.000100", "text": "<@U0BLOCKS> declare by both ways" });
    for envelope in ["E1", "E2"] {
        assert_eq!(app.raw_event("EvBoth", &event).await.status, 200);
        let payload = json!({ "type": "event_callback", "event_id": "EvBoth", "event": event,
            "authorizations": [{ "user_id": "U0BLOCKS", "is_bot": true }] });
        let frame = json!({ "type": "events_api", "envelope_id": envelope, "payload": payload });
        app.control("slack/socket", json!({ "frame": frame.to_string() })).await;
    }
    let titles = async || {
        let listed = app.blocks_json(&["incident", "list", "--all"]).await;
        let rows = listed["incidents"].as_array().cloned().unwrap_or_default();
        let mut titles: Vec<String> = rows.iter().map(|row| text(&row["title"])).collect();
        titles.sort();
        titles
    };
    until_or_show("each of them is one incident", async || {
        let titles = titles().await;
        let wanted = ["by both ways", "over HTTP", "over a connection"];
        if titles == wanted { Ok(()) } else { Err(format!("{titles:?}")) }
    })
    .await;
    app.outbox_is_empty().await;
    assert_eq!(titles().await.len(), 3, "nothing came later");
}
