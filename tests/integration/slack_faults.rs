//! A workspace in which things are not as they should be: each fault has its outcome, with the real server and the sandbox.

use blocks_tests::{
    AppConfig, TestApp, channels_of_incidents, holds_for_a_while, messages_with_key, text, timeline_types,
};
use serde_json::{Value, json};

const ANA: &str = "U0ANA";

async fn app() -> TestApp {
    TestApp::start(&AppConfig { triage: None, ..AppConfig::default() }).await
}

async fn set_up(app: &TestApp, wanted: Value) {
    assert_eq!(app.control("slack/setup", wanted).await["ok"], true);
}

/// An incident with its channel and card.
async fn declared(app: &TestApp) -> Value {
    declare(app).await;
    app.incident_when("INC-1", "its card is posted", |shown| {
        timeline_types(shown).contains(&"card_posted".to_owned())
    })
    .await
}

async fn declare(app: &TestApp) {
    let line = "declare the shop is slow --severity P1";
    assert_eq!(app.slash(ANA, "incidents", line).await["http_status"], 200);
}

async fn note(app: &TestApp, channel: &str, words: &str) {
    assert_eq!(app.slash(ANA, channel, &format!("update {words}")).await["http_status"], 200);
}

fn notes(state: &Value, words: &str) -> usize {
    messages_with_key(state, "note/")
        .iter()
        .filter(|(_, one)| one["text"].to_string().contains(words))
        .count()
}

#[tokio::test]
async fn a_card_that_an_administrator_deletes_comes_back_once() {
    let app = app().await;
    let shown = declared(&app).await;
    let before = messages_with_key(&app.state().await, "card/");
    assert_eq!(before.len(), 1);
    set_up(&app, json!({ "delete": [before[0].1["ts"]] })).await;
    let channel = text(&shown["channel"]);
    for n in 0..3 {
        assert_eq!(app.slash(ANA, &channel, &format!("severity P{}", 1 + n % 2)).await["http_status"], 200);
        app.outbox_is_empty().await;
    }
    note(&app, &channel, "half of it passes").await;
    app.state_when("the new one is edited", |state| {
        let cards = messages_with_key(state, "card/");
        cards.iter().any(|(_, card)| card["blocks"].to_string().contains("half of it passes")).then_some(())
    })
    .await;
    app.outbox_is_empty().await;
    assert_eq!(messages_with_key(&app.state().await, "card/").len(), 1);
}

#[tokio::test]
async fn an_archived_channel_is_given_up_and_the_incident_goes_on() {
    let app = app().await;
    declared(&app).await;
    let name = channels_of_incidents(&app.state().await).pop().expect("the incident's own");
    set_up(&app, json!({ "archive": [name] })).await;
    let finished = app.blocks(&["update", "half of it passes", "--incident", "INC-1"]).await;
    assert_eq!(finished.code, 0, "{finished:?}");
    let shown = app
        .incident_when("INC-1", "that it was not delivered is on the record", |shown| {
            timeline_types(shown).contains(&"delivery_failed".to_owned())
        })
        .await;
    let said = shown["timeline"].to_string();
    assert!(said.contains("is_archived") && said.contains("unarchive the channel"), "{said}");
    assert_eq!(app.blocks(&["resolve", "INC-1"]).await.code, 0);
    app.incident_when("INC-1", "it is over", |shown| shown["status"] == "resolved").await;
}

#[tokio::test]
async fn a_revoked_token_and_a_missing_scope_give_nothing_up() {
    for (wanted, reason) in [
        (json!({ "bot_token": "xoxb-another" }), "invalid_auth"),
        (json!({ "scopes": ["commands", "channels:manage", "channels:read"] }), "missing_scope"),
    ] {
        let app = app().await;
        declared(&app).await;
        app.outbox_is_empty().await;
        set_up(&app, wanted).await;
        assert_eq!(app.blocks(&["update", "half of it passes", "--incident", "INC-1"]).await.code, 0);
        app.state_when("it is tried", |state| {
            let calls = state["slack"]["calls"].as_array()?;
            calls.iter().any(|call| call["error"] == reason).then_some(())
        })
        .await;
        app.sql_when(
            "SELECT count(*) FROM outbox WHERE key LIKE 'note/%' AND state NOT IN ('sent', 'dead')",
            1,
        )
        .await;
        holds_for_a_while("nothing is given up", async || {
            app.sql("SELECT count(*) FROM outbox WHERE state = 'dead'") == 0
        })
        .await;
    }
}

#[tokio::test]
async fn a_name_that_is_taken_gets_a_suffix_and_whoever_is_gone_keeps_nobody_out() {
    let app = app().await;
    set_up(&app, json!({ "channels": ["inc-1-flowengine"], "gone": ["U0BEN"] })).await;
    declared(&app).await;
    app.outbox_is_empty().await;
    let state = app.state().await;
    let named = |name: &str| {
        let channels = state["slack"]["channels"].as_array().into_iter().flatten();
        channels.filter(|one| one["name"] == name).cloned().collect::<Vec<_>>()
    };
    let theirs = named("inc-1-flowengine");
    assert_eq!(theirs[0]["messages"], json!([]), "somebody else's channel is left alone");
    let ours = named("inc-1-flowengine-2");
    assert!(ours[0]["members"].to_string().contains(ANA), "{}", ours[0]["members"]);
}

#[tokio::test]
async fn what_is_no_json_is_looked_for_before_it_is_posted_again() {
    let app = app().await;
    let shown = declared(&app).await;
    app.outbox_is_empty().await;
    set_up(&app, json!({ "garbage": 1 })).await;
    note(&app, &text(&shown["channel"]), "half of it passes").await;
    app.state_when("it is there", |state| (notes(state, "half of it passes") > 0).then_some(())).await;
    app.outbox_is_empty().await;
    assert_eq!(notes(&app.state().await, "half of it passes"), 1);
    assert_eq!(app.sql("SELECT count(*) FROM outbox WHERE state <> 'sent'"), 0);
}

#[tokio::test]
async fn a_pause_that_slack_asks_for_is_kept_and_nothing_is_lost() {
    let app = app().await;
    declared(&app).await;
    app.outbox_is_empty().await;
    app.control("faults", json!({ "slack_429_s": 3 })).await;
    for n in 0..3 {
        let words = format!("look {n}");
        assert_eq!(app.blocks(&["update", &words, "--incident", "INC-1"]).await.code, 0);
    }
    for n in 0..3 {
        let words = format!("look {n}");
        app.state_when(&format!("`{words}` came"), |state| (notes(state, &words) == 1).then_some(())).await;
    }
    app.outbox_is_empty().await;
    let state = app.state().await;
    let refused =
        state["slack"]["calls"].as_array().into_iter().flatten().filter(|call| call["http_status"] == 429);
    let refused = refused.count();
    assert!((1..=12).contains(&refused), "it is asked again when Slack said, and not before: {refused}");
}
