//! Passing on and calling one more, through the real server, Slack and PagerDuty of the sandbox.

use blocks_tests::{AppConfig, TestApp, button, ephemerals, messages_with_key, text, timeline_types};
use serde_json::Value;

fn config() -> AppConfig {
    AppConfig {
        triage: None,
        more: "phone = \"+34 600 000 002\"\n[handover]\nchannel = \"incidents\"\n".to_owned(),
        ..AppConfig::default()
    }
}

async fn led(mode: &'static str) -> (TestApp, String) {
    let app = TestApp::start_by(mode, config()).await;
    app.page("Flow failures").await;
    let shown = app
        .incident_when("INC-1", "its card is posted", |shown| {
            timeline_types(shown).contains(&"card_posted".to_owned())
        })
        .await;
    let channel = text(&shown["channel"]);
    told(&app, "U0ANA", &channel, "ack", "You have it.").await;
    (app, channel)
}

async fn told(app: &TestApp, user: &str, channel: &str, line: &str, wanted: &str) -> String {
    let before = ephemerals(&app.state().await, user).len();
    assert_eq!(app.slash(user, channel, line).await["http_status"], 200, "{line}");
    app.state_when(&format!("`{line}` is answered with {wanted}"), |state| {
        let mut all = ephemerals(state, user).into_iter().skip(before);
        all.find(|said| said.contains(wanted) && !said.starts_with("Working on"))
    })
    .await
}

fn pages(state: &Value) -> Vec<Value> {
    let all = state["pagerduty"]["incidents"].as_array().cloned().unwrap_or_default();
    all.into_iter().filter(|one| text(&one["incident_key"]).starts_with("blocks/")).collect()
}

async fn each_part(mode: &'static str) {
    let (app, channel) = led(mode).await;
    told(&app, "U0ANA", &channel, "handover to @ben the pool is full", "ben is asked to take command over")
        .await;
    let (at, message) =
        app.state_when("ben is asked", |state| messages_with_key(state, "offer/").into_iter().next()).await;
    let said = text(&message["blocks"][0]["text"]["text"]);
    assert!(said.starts_with("<@U0BEN> INC-1: ana hands command over to ben"), "{said}");
    assert!(said.contains("the pool is full") && said.matches("<@").count() == 1, "{said}");
    assert!(button(&message, "blocks:take_handover").is_some(), "{message}");
    // the button gives nobody the right to press it
    let ts = text(&message["ts"]);
    app.click("U0ANA", &at, &ts, "blocks:take_handover").await;
    app.state_when("ana is refused", |state| {
        ephemerals(state, "U0ANA").into_iter().find(|said| said.contains("who alone can take it"))
    })
    .await;
    app.click("U0BEN", &at, &ts, "blocks:take_handover").await;
    app.incident_when("INC-1", "ben commands", |shown| {
        text(&shown["commander"]).starts_with("ben").then_some(()).is_some()
    })
    .await;
    // one more is called: paged by name, and mentioned
    told(
        &app,
        "U0BEN",
        &channel,
        "escalate to @ana it fails again",
        "ana is asked to come, and a page is on its way",
    )
    .await;
    let paged = app.state_when("ana is paged", |state| pages(state).into_iter().next()).await;
    assert!(text(&paged["title"]).contains("ben asks for ana"), "{paged}");
    app.state_when("ana is mentioned", |state| {
        let call = messages_with_key(state, "call/").into_iter().next()?;
        text(&call.1["blocks"][0]["text"]["text"])
            .starts_with("<@U0ANA> INC-1: ben asks for you")
            .then_some(())
    })
    .await;
    // the shift: numbers for who asks, none in the channel
    let own = told(&app, "U0BEN", &channel, "handover shift to @ana", "Hand-over of the shift to ana").await;
    assert!(own.contains("ben +34 600 000 002 (commands INC-1)"), "{own}");
    let (_, posted) = app
        .state_when("the shift is posted", |state| messages_with_key(state, "shift/").into_iter().next())
        .await;
    let said = text(&posted["blocks"][0]["text"]["text"]);
    assert!(said.starts_with("<@U0ANA> Hand-over of the shift to ana"), "{said}");
    assert!(!said.contains("+34") && said.contains("phone MISSING: ana"), "{said}");
    app.outbox_is_empty().await;
    app.assert_journal_verifies().await;
}

#[tokio::test]
async fn command_a_call_and_a_shift_over_http() {
    each_part("http").await;
}

#[tokio::test]
async fn command_a_call_and_a_shift_over_a_socket() {
    each_part("socket").await;
}
