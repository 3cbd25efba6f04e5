//! One incident, led from PagerDuty and from here in turn: the same life whether PagerDuty tells it or is looked at.

use blocks_tests::{AppConfig, TestApp, text};
use serde_json::{Value, json};

fn pager<'a>(state: &'a Value, id: &str) -> &'a Value {
    let all = state["pagerduty"]["incidents"].as_array().into_iter().flatten();
    all.into_iter().find(|one| one["id"] == id).unwrap_or(&Value::Null)
}

/// Somebody does this in PagerDuty's own app.
async fn there(app: &TestApp, id: &str, user: &str, act: Value) {
    app.control(&format!("pagerduty/incidents/{id}/do"), json!({ "user": user, "act": act })).await;
}

/// Waits until PagerDuty has it so.
async fn there_when(app: &TestApp, id: &str, what: &str, fits: impl Fn(&Value) -> bool) {
    app.state_when(what, |state| fits(pager(state, id)).then_some(())).await;
}

/// In whose name the calls to this path were made that changed something, each once.
fn names(state: &Value, path: &str) -> Vec<String> {
    let all = state["pagerduty"]["rest_calls"].as_array().into_iter().flatten();
    let mine = all.filter(|call| call["method"] != "GET" && text(&call["path"]).ends_with(path));
    let mut names: Vec<_> = mine.map(|call| text(&call["from"])).collect();
    names.dedup();
    names
}

fn count(shown: &Value, kind: &str) -> usize {
    let all = shown["timeline"].as_array().into_iter().flatten();
    all.filter(|entry| entry["event"]["type"] == kind).count()
}

fn notes(shown: &Value) -> Vec<(String, String)> {
    let all = shown["timeline"].as_array().into_iter().flatten();
    let noted = all.filter(|entry| entry["event"]["type"] == "pager_noted");
    noted.map(|entry| (text(&entry["event"]["what"]), text(&entry["event"]["text"]))).collect()
}

async fn life(mode: &'static str) -> TestApp {
    let config = AppConfig { pagerduty_mode: mode, triage: None, ..AppConfig::default() };
    let app = TestApp::start(&config).await;
    let (ana, ben) = (app.token("ana").await, app.token("ben").await);
    let page = app.page("Flow failures").await;
    app.incident_when("INC-1", "it is open", |shown| shown["severity"] == "P1").await;
    app.control(&format!("pagerduty/incidents/{page}/acknowledge"), json!({ "user": "ana" })).await;
    app.incident_when("INC-1", "ana has it", |shown| shown["commander"] == "ana").await;

    // from here, in the name of whoever does it
    let severity = json!({ "request": "incident_severity", "incident": "INC-1", "severity": "P3" });
    assert_eq!(app.api(Some(&ben), severity).await.status, 200);
    there_when(&app, &page, "PagerDuty shows P3", |one| one["priority"] == "P3").await;
    let note = json!({ "request": "timeline_add", "incident": "INC-1", "text": "it is the <queue>" });
    assert_eq!(app.api(Some(&ben), note).await.status, 200);
    there_when(&app, &page, "the note is there", |one| {
        one["notes"].as_array().is_some_and(|all| all.len() == 1)
    })
    .await;
    let role = json!({ "request": "incident_role", "incident": "INC-1", "role": "responder", "who": "ben" });
    assert_eq!(app.api(Some(&ana), role).await.status, 200);
    there_when(&app, &page, "ben is asked to come", |one| one["responders"][0]["state"] == "pending").await;
    let state = app.state().await;
    let one = pager(&state, &page);
    assert_eq!(
        (&one["responders"][0]["user"], &one["responders"][0]["by"]),
        (&json!("PBEN001"), &json!("PANA001"))
    );
    assert_eq!(
        (&one["notes"][0]["user"], &one["notes"][0]["content"]),
        (&json!("PBEN001"), &json!("ben, in INC-1: it is the <queue>"))
    );
    assert_eq!(names(&state, &format!("/incidents/{page}")), ["ben@example.com"]);
    assert_eq!(names(&state, &format!("/incidents/{page}/responder_requests")), ["ana@example.com"]);

    // from there
    there(&app, &page, "ana", json!({ "priority": "P2" })).await;
    app.incident_when("INC-1", "it is P2", |shown| shown["severity"] == "P2").await;
    there(&app, &page, "ana", json!({ "note": "workers restarted" })).await;
    app.incident_when("INC-1", "her note is on the timeline", |shown| {
        notes(shown).contains(&("note".to_owned(), "workers restarted".to_owned()))
    })
    .await;
    there(&app, &page, "ana", json!({ "bridge": "https://meet.example.com/7" })).await;
    app.incident_when("INC-1", "the bridge is known", |shown| count(shown, "bridge_changed") == 1).await;
    there(&app, &page, "ana", json!("unacknowledge")).await;
    app.incident_when("INC-1", "it rings again", |shown| shown["status"] == "triggered").await;
    let ack = json!({ "request": "incident_ack", "incident": "INC-1" });
    assert_eq!(app.api(Some(&ben), ack).await.status, 200);
    there_when(&app, &page, "ben has it there, too", |one| {
        one["status"] == "acknowledged" && one["acknowledgers"][0]["user"] == "PBEN001"
    })
    .await;

    // a second page becomes a part of the first there
    let second = app.page("Flow failures, again").await;
    app.incident_when("INC-2", "it is open", |shown| shown["status"] == "triggered").await;
    there(&app, &second, "ana", json!({ "merge_into": page })).await;
    let merged = app.incident_when("INC-2", "it is merged", |shown| shown["status"] == "closed").await;
    assert_eq!(merged["end"]["into"], 1, "{merged}");

    // PagerDuty ends it while a plan waits: it is watched, and asked about
    let rollback = json!({ "request": "runbook_rollback", "params": {}, "incident": "INC-1" });
    let asked = app.api(Some(&ana), rollback).await;
    assert_eq!(asked.status, 200, "{}", asked.body);
    let run = text(&asked.json()["run"]);
    app.control(&format!("pagerduty/incidents/{page}/resolve"), json!({ "user": "ana" })).await;
    app.incident_when("INC-1", "its end is held", |shown| {
        shown["status"] == "monitoring" && count(shown, "resolve_held") == 1
    })
    .await;
    let cancel = json!({ "request": "runbook_cancel", "run": run });
    assert_eq!(app.api(Some(&ana), cancel).await.status, 200);
    app.run_when(&run, "cancelled").await;
    let resolve = || json!({ "request": "incident_resolve", "incident": "INC-1" });
    assert_eq!(app.api(Some(&ana), resolve()).await.status, 200);
    app.incident_when("INC-1", "it is over", |shown| shown["status"] == "resolved").await;

    // and opens it again; the end that counts is asked for from here
    there(&app, &page, "ana", json!("reopen")).await;
    app.incident_when("INC-1", "it is open again", |shown| count(shown, "reopened") == 1).await;
    assert_eq!(app.api(Some(&ben), resolve()).await.status, 200);
    there_when(&app, &page, "PagerDuty has ended it", |one| one["status"] == "resolved").await;
    app.incident_when("INC-1", "it is over", |shown| shown["status"] == "resolved").await;
    app.outbox_is_empty().await;
    app.assert_journal_verifies().await;
    app
}

/// What both ways have to come to.
async fn is_the_ideal(app: &TestApp, may_be_told: bool) {
    let shown = app.incident("INC-1").await;
    let kinds = [
        ("opened", 1),
        ("acknowledged", 2),
        ("unacknowledged", 1),
        ("severity_changed", 2),
        ("note_added", 1),
        ("bridge_changed", 1),
        ("role_given", 1),
        ("merged_from", 1),
        ("resolve_held", 1),
        ("resolved", 2),
        ("reopened", 1),
    ];
    for (kind, times) in kinds {
        assert_eq!(count(&shown, kind), times, "{kind}: {shown}");
    }
    let noted = notes(&shown);
    assert_eq!(
        noted.iter().filter(|(what, _)| what == "note").count(),
        1,
        "ours do not come back: {noted:?}"
    );
    assert!(!noted.iter().any(|(_, text)| text.contains("ben")), "nor that he is asked: {noted:?}");
    let receipts = noted.iter().filter(|(what, _)| what == "has the severity").count();
    assert_eq!(receipts, usize::from(may_be_told), "{noted:?}");
    assert_eq!((&shown["severity"], &shown["commander"]), (&json!("P2"), &json!("ana")));
}

#[tokio::test]
async fn an_incident_is_led_from_both_sides_by_webhooks() {
    is_the_ideal(&life("webhook").await, true).await;
}

#[tokio::test]
async fn an_incident_is_led_from_both_sides_by_looking() {
    is_the_ideal(&life("poll").await, false).await;
}
