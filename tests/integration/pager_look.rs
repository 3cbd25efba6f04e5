//! PagerDuty is looked at: without any address of ours that it could reach, an incident has its whole life.

use blocks_tests::{AppConfig, TestApp, text, until};
use serde_json::{Value, json};

fn entries<'a>(shown: &'a Value, kind: &str) -> Vec<&'a Value> {
    let all = shown["timeline"].as_array().into_iter().flatten();
    all.filter(|entry| entry["event"]["type"] == kind).collect()
}

#[tokio::test]
async fn an_incident_needs_no_webhook() {
    let app = TestApp::start(&AppConfig { pagerduty_mode: "poll", ..AppConfig::default() }).await;
    let ana = app.token("ana").await;
    let page = app.page("Flow failures").await;
    let shown =
        app.incident_when("INC-1", "its diagnostics are through", |shown| !shown["triage"].is_null()).await;
    assert_eq!((&shown["severity"], &shown["service"]), (&json!("P1"), &json!("flowengine")), "{shown}");
    app.control(&format!("pagerduty/incidents/{page}/acknowledge"), json!({ "user": "ana@example.com" }))
        .await;
    app.incident_when("INC-1", "it is hers", |shown| {
        shown["status"] == "acknowledged" && shown["commander"] == "ana"
    })
    .await;
    // what Blocks writes there does not come back as somebody's
    let resolve = json!({ "request": "incident_resolve", "incident": "INC-1" });
    assert_eq!(app.api(Some(&ana), resolve).await.status, 200);
    let shown = app
        .incident_when("INC-1", "PagerDuty has ended it, and that was seen", |shown| {
            shown["status"] == "resolved" && !shown["review_file"].is_null()
        })
        .await;
    for (kind, times) in
        [("opened", 1), ("acknowledged", 1), ("resolved", 1), ("reopened", 0), ("unacknowledged", 0)]
    {
        assert_eq!(entries(&shown, kind).len(), times, "{kind}: {shown}");
    }
    assert_eq!(text(&entries(&shown, "acknowledged")[0]["actor"]), "person:ana", "{shown}");
    // nothing came by itself: there is nowhere to send it
    let state = app.state().await;
    let taken = state["pagerduty"]["deliveries"].as_array().into_iter().flatten();
    assert_eq!(taken.filter(|one| one["status"] == 202).count(), 0, "{state}");
    assert_eq!(app.sql("SELECT count(*) FROM inbox WHERE source = 'pagerduty'"), 0);
    app.assert_journal_verifies().await;
}

/// With PagerDuty alone: nothing to install, nothing that changes anything, and whoever is paged reads what was found.
#[tokio::test]
async fn without_slack_the_pager_has_the_findings() {
    let config = AppConfig { slack_mode: "off", pagerduty_mode: "poll", ..AppConfig::default() };
    let app = TestApp::start(&config).await;
    let page = app.page("Flow failures").await;
    let notes = |state: &Value| -> Vec<String> {
        let all = state["pagerduty"]["incidents"].as_array().into_iter().flatten();
        let ours = all.filter(|one| one["id"] == page.as_str());
        ours.flat_map(|one| one["notes"].as_array().cloned().unwrap_or_default())
            .map(|note| text(&note["content"]))
            .collect()
    };
    let found = app.state_when("the findings are noted", |state| notes(state).first().cloned()).await;
    assert!(found.starts_with("INC-1: the diagnostics of flowengine are through: "), "{found}");
    assert!(found.lines().count() > 2, "{found}");
    // it is seen there, and is no news
    until("it was looked for", async || {
        let state = app.state().await;
        let calls = state["pagerduty"]["rest_calls"].to_string();
        calls.contains(&format!("/incidents/{page}/notes")).then_some(())
    })
    .await;
    app.outbox_is_empty().await;
    let shown = app.incident("INC-1").await;
    assert_eq!(entries(&shown, "pager_noted").len(), 0, "{shown}");
    assert_eq!(notes(&app.state().await).len(), 1);
}
