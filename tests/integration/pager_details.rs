//! What a page's webhook does not carry, fetched by REST; and one look for pages that come together.

use blocks_tests::{AppConfig, TestApp, text};
use serde_json::{Value, json};

const ROUTING_KEY: &str = "0123456789abcdef0123456789abcdef";

fn entries<'a>(shown: &'a Value, kind: &str) -> Vec<&'a Value> {
    let all = shown["timeline"].as_array().into_iter().flatten();
    all.filter(|entry| entry["event"]["type"] == kind).map(|entry| &entry["event"]).collect()
}

/// The event of a monitoring system that fills in details; PagerDuty's webhook about it has none.
fn event(key: &str, used: u32) -> Value {
    json!({
        "routing_key": ROUTING_KEY, "event_action": "trigger", "dedup_key": key,
        "payload": {
            "summary": "the pool is full", "source": "prometheus", "severity": "warning",
            "custom_details": { "pool": { "used": used }, "labels": { "team": "data" } },
        },
    })
}

#[tokio::test]
async fn a_rule_matches_on_details_that_the_webhook_lacks() {
    let rule = "[[rule]]\nname = \"pool\"\nlabels = { team = \"data\" }\ndetails = { \"pool.used\" = \"19\\\\d|200\" }\n\
                severity = \"P1\"\ntriage = [\"flow_failure_response\"]\n";
    let config = AppConfig {
        triage: None,
        environment: vec![("PAGERDUTY_ROUTING_KEY", ROUTING_KEY.to_owned())],
        more: rule.to_owned(),
        ..AppConfig::default()
    };
    let app = TestApp::start(&config).await;
    let page = app.pagerduty_event(&event("pool", 200)).await;
    let shown = app
        .incident_when("INC-1", "the rule was asked with the details, and its runbook has looked", |shown| {
            !shown["triage"].is_null() && shown["severity"] == "P1"
        })
        .await;
    let asked = entries(&shown, "rules_asked");
    assert_eq!(asked.len(), 1, "{shown}");
    let reason = text(&asked[0]["chosen"]["reason"]);
    assert!(reason.contains("rule 'pool'"), "{reason}");
    // nothing of the message says so: it opened as its service's incidents do
    assert_eq!(entries(&shown, "opened")[0]["severity"], "P2", "{shown}");
    let calls = app.state().await["pagerduty"]["rest_calls"].to_string();
    assert!(calls.contains(&format!("/incidents/{page}/alerts")), "{calls}");
    // another value: no rule, no look
    app.pagerduty_event(&event("other", 100)).await;
    let other = app
        .incident_when("INC-2", "the rules were asked", |shown| !entries(shown, "rules_asked").is_empty())
        .await;
    assert_eq!((&other["severity"], entries(&other, "run_planned").len()), (&json!("P2"), 0), "{other}");
    app.assert_journal_verifies().await;
}

#[tokio::test]
async fn pages_that_come_together_share_one_look() {
    let app = TestApp::start(&AppConfig::default()).await;
    app.page("Flow failures").await;
    app.page("Flow failures elsewhere").await;
    let mut shown = Vec::new();
    for number in ["INC-1", "INC-2"] {
        shown.push(app.incident_when(number, "it was looked at", |shown| !shown["triage"].is_null()).await);
    }
    assert_eq!(app.sql("SELECT count(*) FROM runs"), 1, "the diagnostics ran once");
    // whichever was first
    shown.sort_by_key(|one| entries(one, "run_planned").is_empty());
    let [looked, shares] = &shown[..] else { panic!("two incidents: {shown:?}") };
    assert_eq!(entries(looked, "run_planned").len(), 1, "{looked}");
    let shared = entries(shares, "triage_shared");
    let number: u64 = looked["number"].as_str().unwrap().trim_start_matches("INC-").parse().unwrap();
    assert_eq!((shared.len(), &shared[0]["from"]), (1, &json!(number)), "{shares}");
    let (found, copied) = (entries(looked, "evidence_found"), entries(shares, "evidence_found"));
    assert!(!found.is_empty() && found.len() == copied.len(), "{shares}");
    for (found, copied) in found.iter().zip(copied) {
        assert_eq!((&found["title"], &found["outcome"]), (&copied["title"], &copied["outcome"]));
        assert_eq!(copied["shared"]["from"], number, "{copied}");
    }
    assert_eq!(shares["triage"], looked["triage"]);
    app.assert_journal_verifies().await;
}
