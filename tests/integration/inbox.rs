//! What was accepted and not understood: listed, told of, and taken up again.

use blocks_tests::{AppConfig, TestApp, text, until};
use serde_json::{Value, json};

fn event(id: &str, kind: &str, data: &Value) -> String {
    json!({ "event": {
        "id": id, "event_type": kind, "resource_type": "incident", "occurred_at": "2026-01-01T00:00:00.000Z",
        "agent": null, "client": null, "data": data,
    }})
    .to_string()
}

fn triggered(id: &str, incident: &str) -> String {
    let data = json!({
        "id": incident, "type": "incident", "number": 7, "status": "triggered", "title": "It is slow",
        "html_url": "https://example.pagerduty.com/incidents/P1", "urgency": "high",
        "service": { "id": "PFLOW01", "summary": "flowengine", "type": "service_reference" },
    });
    event(id, "incident.triggered", &data)
}

fn note(id: &str, incident: &str) -> String {
    let data = json!({
        "incident": { "id": incident, "type": "incident_reference" }, "id": "PNOTE", "type": "incident_note",
        "content": "the pool is full", "trimmed": false,
    });
    event(id, "incident.annotated", &data)
}

async fn all_settled(app: &TestApp) {
    until("all are dealt with", async || {
        (app.sql("SELECT count(*) FROM inbox WHERE state = 'pending'") == 0).then_some(())
    })
    .await;
}

/// A source that is misspelt is no source without letters.
async fn assert_no_such_source(app: &TestApp) {
    for words in [
        ["inbox", "list", "--source", "pagerdutty"].as_slice(),
        &["inbox", "list", "--all", "--source", "Slack"],
        &["inbox", "retry", "--all", "--source", "pagerdutty"],
        &["inbox", "retry", "E-note", "--source", "pagerdutty"],
    ] {
        let finished = app.blocks(words).await;
        assert!(
            finished.code == 2 && finished.stderr.contains("RB0011: nothing comes from '"),
            "{finished:?}"
        );
        let named = "alertmanager, change, grafana, json, pagerduty, slack, trigger";
        assert!(finished.stderr.contains(named), "{finished:?}");
    }
}

#[tokio::test]
async fn a_dead_letter_is_listed_told_of_and_taken_up_again() {
    let mut app = TestApp::start(&AppConfig { triage: None, ..AppConfig::default() }).await;
    let nothing = app.blocks(&["inbox", "list"]).await;
    assert!(nothing.code == 0 && nothing.stdout.contains("all that came in was understood"), "{nothing:?}");
    let unreadable = "{\"event\": this is no JSON, \"token\":\"s3cret-of-somebody\"";
    assert_eq!(app.hook(unreadable).await.status, 202, "what is proven and does not read is no 4xx");
    assert_eq!(app.hook(&note("E-note", "P1")).await.status, 202);
    all_settled(&app).await;

    let listed = app.blocks_json(&["inbox", "list", "--body"]).await;
    assert_eq!(listed["letters"].as_array().map(Vec::len), Some(1), "{listed}");
    let letter = &listed["letters"][0];
    let id = text(&letter["id"]);
    assert_eq!((&letter["source"], &letter["kind"]), (&json!("pagerduty"), &json!("webhook")));
    assert_eq!(letter["bytes"], unreadable.len());
    assert!(text(&letter["reason"]).starts_with("dead letter: "), "{letter}");
    assert!(text(&letter["body"]).contains("this is no JSON, \"token\":\"[redacted]"), "{letter}");
    let shown = app.blocks(&["inbox", "list", "--body"]).await;
    assert!(shown.stdout.contains(&id) && !shown.stdout.contains("s3cret"), "{shown:?}");
    let all = app.blocks_json(&["inbox", "list", "--all"]).await;
    assert_eq!(all["letters"].as_array().map(Vec::len), Some(2), "what means nothing yet is kept too: {all}");
    let none = app.blocks_json(&["inbox", "list", "--all", "--source", "slack"]).await;
    assert_eq!(none["letters"], json!([]));
    assert_no_such_source(&app).await;

    assert_eq!(app.metric("blocks_inbox_dead_letters{source=\"pagerduty\"}").await, 1);
    assert_eq!(app.page_of("/ready").await.status, 200, "it is no reason to be restarted");
    let doctor = app.blocks(&["doctor"]).await;
    assert!(doctor.stdout.contains("dead letters: 1 from pagerduty"), "{doctor:?}");

    // who may, over the API
    let retry = json!({ "request": "inbox_retry", "id": id });
    let program = app.secrets["BLOCKS_API_TOKEN"].clone();
    assert_eq!(app.api(Some(&program), json!({ "request": "inbox_list" })).await.status, 200);
    assert_eq!(app.api(Some(&program), retry.clone()).await.status, 403, "a program decides nothing");
    let read = json!({ "request": "inbox_list", "body": true });
    assert_eq!(app.api(Some(&program), read).await.status, 403, "nor reads what it may have no part in");
    let ana = app.token("ana").await;
    let again = app.api(Some(&ana), retry).await;
    assert_eq!(again.json()["data"]["letters"][0]["outcome"], "kept", "{again:?}");
    let again = app.blocks(&["inbox", "retry", "--all"]).await;
    assert!(again.code == 1 && again.stdout.contains("kept again"), "{again:?}");

    // what meant nothing when it came means something now, and is acted on unasked
    let early = app.blocks(&["inbox", "retry", "E-note", "-o", "json"]).await;
    assert_eq!(early.json()["letters"][0]["outcome"], "kept", "{early:?}");
    assert_eq!(app.hook(&triggered("E-open", "P1")).await.status, 202);
    let noted = |shown: &Value| shown.to_string().contains("the pool is full");
    app.incident_when("INC-1", "the incident is open, and has the note", noted).await;
    let twice = app.blocks(&["inbox", "retry", "E-note"]).await;
    assert!(twice.code == 3 && twice.stderr.contains("acted on already"), "{twice:?}");

    // it is not for a channel, where others read along
    app.slash("U0ANA", "incidents", "inbox list").await;
    let told = blocks_tests::ephemerals(&app.state().await, "U0ANA").pop().unwrap_or_default();
    assert!(told.contains("not available in chat"), "{told}");

    // without an engine it is read, and nobody would take it up
    app.end_server().await;
    let listed = app.blocks_json(&["inbox", "list"]).await;
    assert_eq!(listed["letters"][0]["id"], id);
    let refused = app.blocks(&["inbox", "retry", &id]).await;
    assert!(refused.code == 3 && refused.stderr.contains("no engine is running"), "{refused:?}");
    assert_no_such_source(&app).await;
    app.assert_journal_verifies().await;
}
