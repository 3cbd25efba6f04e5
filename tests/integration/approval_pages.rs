//! The page for whoever has to say yes, at the sandbox's PagerDuty: it does not stay open behind its request.

use blocks_tests::{AppConfig, TestApp, text};
use serde_json::{Value, json};

const ROLLBACK: &str = "---\ntitle: Go back\nservice: flowengine\nkind: rollback\n---\n\n# Go back\n\n## Step 1: Go back\n\n\
                        ```bash {effect=once timeout=60s}\necho did >> effects\n```\n";

/// The one page for this run.
fn page(state: &Value, run: &str) -> Option<Value> {
    let prefix = format!("blocks/approval/{run}/");
    let all = state["pagerduty"]["incidents"].as_array()?;
    let mut pages = all.iter().filter(|one| text(&one["incident_key"]).starts_with(&prefix));
    let only = pages.next().cloned();
    assert!(pages.next().is_none(), "one page for one request");
    only
}

async fn asked(app: &TestApp, token: &str) -> String {
    let asked =
        json!({ "request": "runbook_rollback", "service": "flowengine", "params": {}, "incident": "INC-1" });
    let run = text(&app.api(Some(token), asked).await.json()["data"]["id"]);
    let rings = app.state_when("ben is paged", |state| page(state, &run)).await;
    assert_eq!(rings["status"], "triggered", "{rings}");
    assert!(text(&rings["title"]).contains("waits for the yes of ben"), "{rings}");
    run
}

async fn ended(app: &TestApp, run: &str) {
    let page = app
        .state_when("the page is resolved", |state| {
            page(state, run).filter(|one| one["status"] == "resolved")
        })
        .await;
    // what comes back about it opens, resolves and notes nothing
    app.state_when("its end has come back", |state| {
        let deliveries = state["pagerduty"]["deliveries"].as_array()?.clone();
        deliveries
            .iter()
            .any(|one| {
                one["type"] == "incident.resolved"
                    && one["incident_id"] == page["id"]
                    && one["outcome"] == "delivered"
            })
            .then_some(())
    })
    .await;
    app.outbox_is_empty().await;
}

#[tokio::test]
async fn a_page_for_a_yes_is_resolved_when_its_request_is_over() {
    let app = TestApp::start(&AppConfig::with_rollback(ROLLBACK)).await;
    let (ana, ben) = (app.token("ana").await, app.token("ben").await);
    // PagerDuty knows nothing of it: the page is all that it has
    let declare = json!({ "request": "incident_declare", "title": "orders are late", "severity": "P2", "service": "flowengine", "private": false });
    assert_eq!(app.api(Some(&ana), declare).await.status, 200);
    let run = asked(&app, &ana).await;
    // PagerDuty is away when the yes is given, and the process ends
    let mut app = app;
    app.control("faults", json!({ "pagerduty": "down" })).await;
    assert_eq!(app.approve(&ben, &run).await.status, 200);
    app.run_when(&run, "succeeded").await;
    app.kill_9().await;
    app.start_server().await;
    app.control("faults", json!({ "pagerduty": "ok" })).await;
    ended(&app, &run).await;
    // and where it is not given
    let run = asked(&app, &ana).await;
    let refuse = json!({ "request": "runbook_refuse", "run": run });
    assert_eq!(app.api(Some(&ben), refuse).await.status, 200);
    ended(&app, &run).await;
    let all = app.blocks_json(&["incident", "list", "--all"]).await;
    assert_eq!(all["incidents"].as_array().map(Vec::len), Some(1), "{all}");
    let shown = app.incident("INC-1").await;
    assert_eq!(shown["status"], "monitoring", "a page that ends ends no incident: {shown}");
    app.assert_journal_verifies().await;
}
