//! What comes in: proven or refused, stored before it is acknowledged, acted on once.

use blocks_tests::{
    AppConfig, TestApp, channels_of_incidents, ephemerals, form, holds_for_a_while, messages_with_key,
    pagerduty_signature, unix_now, until,
};
use serde_json::json;

/// A v3 webhook that opens an incident.
fn triggered(event: &str, incident: &str) -> String {
    json!({ "event": {
        "id": event, "event_type": "incident.triggered", "resource_type": "incident",
        "occurred_at": "2026-01-01T00:00:00.000Z", "agent": null, "client": null,
        "data": {
            "id": incident, "type": "incident", "number": 7, "status": "triggered", "title": format!("Page {incident}"),
            "html_url": format!("https://example.pagerduty.com/incidents/{incident}"),
            "created_at": "2026-01-01T00:00:00Z", "urgency": "high", "priority": null,
            "service": { "id": "PFLOW01", "summary": "flowengine", "type": "service_reference" },
        },
    }})
    .to_string()
}

/// No diagnostics: these tests are about what comes in.
fn quiet() -> AppConfig {
    AppConfig { triage: None, ..AppConfig::default() }
}

async fn incidents(app: &TestApp) -> usize {
    app.blocks_json(&["incident", "list", "--all"]).await["incidents"].as_array().map_or(0, Vec::len)
}

/// How many requests of a source were refused, for whatever reason.
async fn refused(app: &TestApp, source: &str) -> u64 {
    let metrics = app.page_of("/metrics").await.body;
    let of_source = format!("blocks_inbox_refused_total{{source=\"{source}\"");
    let lines = metrics.lines().filter(|line| line.starts_with(&of_source));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

#[tokio::test]
async fn an_unproven_webhook_is_refused_leaves_nothing_and_is_counted() {
    let app = TestApp::start(&quiet()).await;
    let body = triggered("E1", "P1");
    let of_another_body = pagerduty_signature(&app.secrets["PAGERDUTY_WEBHOOK_SECRET"], b"{}");
    let of_another_secret = pagerduty_signature("another secret", body.as_bytes());
    let attempts = [
        None,
        Some(""),
        Some("v1="),
        Some("v1=00"),
        Some("v0=1234"),
        Some(of_another_body.as_str()),
        Some(of_another_secret.as_str()),
    ];
    for signature in attempts {
        let answer = app.hook_with(&body, signature).await;
        assert_eq!(answer.status, 401, "{signature:?}: {answer:?}");
        let right = pagerduty_signature(&app.secrets["PAGERDUTY_WEBHOOK_SECRET"], body.as_bytes());
        assert!(!answer.body.contains(&right[3..]), "the answer gives the signature away: {answer:?}");
    }
    assert_eq!(app.sql("SELECT count(*) FROM inbox"), 0, "nothing unproven is stored");
    assert_eq!(app.sql("SELECT count(*) FROM events"), 0);
    assert_eq!(refused(&app, "pagerduty").await, attempts.len() as u64, "each one is counted");
    // The same body with its true signature, and with a second one beside it as while a secret is rotated.
    let right = pagerduty_signature(&app.secrets["PAGERDUTY_WEBHOOK_SECRET"], body.as_bytes());
    let rotating = format!("{of_another_secret},{right}");
    assert_eq!(app.hook_with(&body, Some(&rotating)).await.status, 202);
    app.incident_when("INC-1", "the incident is open", |_| true).await;
}

#[tokio::test]
async fn what_is_verified_and_not_understood_is_kept() {
    let app = TestApp::start(&quiet()).await;
    let unknown = json!({ "event": {
        "id": "E-unknown", "event_type": "incident.teleported", "occurred_at": "2026-01-01T00:00:00.000Z",
        "data": { "id": "P1", "type": "teleport" },
    }});
    assert_eq!(app.hook(&unknown.to_string()).await.status, 202);
    assert_eq!(app.hook("{\"event\": this is no JSON").await.status, 202);
    assert_eq!(app.hook("\u{0}\u{1}").await.status, 202);
    let kept = |like: &str| {
        app.sql(&format!(
            "SELECT count(*) FROM inbox WHERE state = 'kept' AND reason LIKE '{like}%' AND body IS NOT NULL"
        ))
    };
    until("all three are kept, with their reasons and bodies", async || {
        (kept("not acted on") == 1 && kept("dead letter") == 2).then_some(())
    })
    .await;
    assert_eq!(app.metric("blocks_dead_letters_total{source=\"pagerduty\"}").await, 2);
    assert_eq!(incidents(&app).await, 0);
    app.assert_journal_verifies().await;
}

#[tokio::test]
async fn a_repeated_delivery_changes_nothing() {
    let app = TestApp::start(&quiet()).await;
    let body = triggered("E1", "P1");
    assert_eq!(app.hook(&body).await.json()["duplicate"], false);
    app.incident_when("INC-1", "the incident is open", |_| true).await;
    // the page is of long ago, so its target is missed as soon as the timers are looked at, and somebody is asked for what
    // is most urgent; the rest waits for a minute to pass
    until("its target is missed, and somebody is asked", async || {
        let events = app.blocks(&["journal", "export"]).await.stdout;
        (events.contains("target_missed") && events.contains("\"asked\"")).then_some(())
    })
    .await;
    app.outbox_is_empty().await;
    let before = app.blocks_json(&["journal", "verify"]).await;
    let events = app.blocks(&["journal", "export"]).await.stdout;
    for _ in 0..3 {
        let again = app.hook(&body).await;
        assert_eq!((again.status, &again.json()["duplicate"]), (202, &json!(true)), "{again:?}");
    }
    // Another event about the same page is attached to the open incident, not a second one.
    assert_eq!(app.hook(&triggered("E2", "P1")).await.status, 202);
    until("all are dealt with", async || {
        (app.sql("SELECT count(*) FROM inbox WHERE state = 'pending'") == 0).then_some(())
    })
    .await;
    assert_eq!(app.sql("SELECT count(*) FROM inbox"), 2);
    assert_eq!(incidents(&app).await, 1);
    assert_eq!(
        app.blocks_json(&["journal", "verify"]).await["head"],
        before["head"],
        "the journal is as it was: {}",
        app.blocks(&["journal", "export"]).await.stdout.replace(&events, "")
    );
    let state = app.state().await;
    assert_eq!((messages_with_key(&state, "card/").len(), channels_of_incidents(&state).len()), (1, 1));
}

#[tokio::test]
async fn what_is_too_large_is_refused_and_not_stored() {
    let app = TestApp::start(&quiet()).await;
    let large = format!("{{\"filler\": \"{}\"}}", "x".repeat(300 * 1024));
    for n in 1..=20 {
        assert_eq!(app.hook(&large).await.status, 413);
        // The next request must not go to the connection that the refusal ends.
        let counted =
            app.metric("blocks_inbox_refused_total{source=\"pagerduty\",reason=\"too_large\"}").await;
        assert_eq!(counted, n, "each is counted");
    }
    let fields = form(&[("command", "/blocks"), ("text", &large)]);
    assert_eq!(app.raw_slack("/slack/commands", &fields, unix_now(), None).await.status, 413);
    assert_eq!(app.sql("SELECT count(*) FROM inbox"), 0);
    assert_eq!(app.metric("blocks_inbox_refused_total{source=\"slack\",reason=\"too_large\"}").await, 1);
    // PagerDuty sends up to 256 KB.
    let just_fits = format!("{{\"filler\": \"{}\"}}", "x".repeat(250 * 1024));
    assert_eq!(app.hook(&just_fits).await.status, 202);
}

#[tokio::test]
async fn while_the_store_cannot_be_written_nothing_is_acknowledged_and_then_all_goes_on() {
    let app = TestApp::start(&quiet()).await;
    assert_eq!(app.hook(&triggered("E1", "P1")).await.status, 202);
    let mut store = rusqlite::Connection::open(app.dir.join("data/blocks.db")).unwrap();
    let lock = store.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).unwrap();
    let refused = app.hook(&triggered("E2", "P2")).await;
    assert_eq!(refused.status, 503, "PagerDuty must send it again: {refused:?}");
    let slash = app.raw_slash("U0ANA", "C0INCIDENTS", "incident list", unix_now()).await;
    assert!(slash.status == 200 && slash.body.contains("store is slow"), "the person is told: {slash:?}");
    drop(lock);
    let taken = app.hook(&triggered("E2", "P2")).await;
    assert_eq!((taken.status, &taken.json()["duplicate"]), (202, &json!(false)), "{taken:?}");
    until("both are open", async || (incidents(&app).await == 2).then_some(())).await;
    // that nobody commands mentions one person, for the second of them a minute later
    app.state_when("both have a card", |state| (messages_with_key(state, "card/").len() == 2).then_some(()))
        .await;
    app.assert_journal_verifies().await;
}

#[tokio::test]
async fn a_full_disk_answers_503_and_loses_nothing() {
    let mut app = TestApp::start(&quiet()).await;
    assert_eq!(app.hook(&triggered("E1", "P1")).await.status, 202);
    app.incident_when("INC-1", "the incident is open", |_| true).await;
    app.outbox_is_empty().await;
    // The system lets the server's files grow no further, as a full disk does.
    let log = app.dir.join("data/blocks.db-wal").metadata().unwrap().len();
    app.limit_file_size(Some(log.max(1)));
    let large = |n: u32| json!({ "event": { "id": format!("F{n}"), "event_type": "incident.annotated", "filler": "x".repeat(120_000) } });
    let mut acknowledged = 0;
    let refused = until("a message is refused", async || {
        let answer = app.hook(&large(acknowledged).to_string()).await;
        acknowledged += u32::from(answer.status == 202);
        (answer.status != 202).then_some(answer)
    })
    .await;
    assert_eq!(refused.status, 503, "{refused:?}");
    app.limit_file_size(None);
    assert_eq!(app.hook(&triggered("E2", "P2")).await.status, 202, "it works again");
    app.incident_when("INC-2", "the second incident is open", |_| true).await;
    assert_eq!(
        app.sql("SELECT count(*) FROM inbox"),
        2 + i64::from(acknowledged),
        "each acknowledged message is there"
    );
    app.kill_9().await;
    app.start_server().await;
    app.assert_journal_verifies().await;
}

#[tokio::test]
async fn slack_requests_are_proven_too_and_not_older_than_five_minutes() {
    let app = TestApp::start(&quiet()).await;
    let body = form(&[
        ("command", "/blocks"),
        ("user_id", "U0ANA"),
        ("channel_id", "C0INCIDENTS"),
        ("text", "incident list"),
        ("trigger_id", "1"),
    ]);
    let now = unix_now();
    for path in ["/slack/commands", "/slack/interactions", "/slack/events"] {
        for (at, signature, why) in [
            (now - 301, None, "stale"),
            (now + 301 + 30, None, "from the future"),
            (now, Some("v0=00"), "a wrong signature"),
            (now, Some(""), "no signature"),
        ] {
            let answer = app.raw_slack(path, &body, at, signature).await;
            assert_eq!(answer.status, 401, "{path}, {why}: {answer:?}");
        }
    }
    assert_eq!(app.sql("SELECT count(*) FROM inbox"), 0);
    assert_eq!(refused(&app, "slack").await, 12, "each one is counted");
    assert_eq!(app.raw_slack("/slack/commands", &body, now - 200, None).await.status, 200);
    assert_eq!(app.sql("SELECT count(*) FROM inbox"), 1);
}

#[tokio::test]
async fn unknown_slash_words_get_the_usage_and_the_nearest_command() {
    let app = TestApp::start(&quiet()).await;
    for (typed, near) in [
        ("runbok list", "runbook"),
        ("runbook rolback flowengine", "rollback"),
        ("resolv", "resolve"),
        ("serve --config /etc/passwd", "chat"),
        ("runbook run ../../etc/passwd", "chat"),
    ] {
        let answer = app.slash("U0ANA", "C0INCIDENTS", typed).await;
        assert_eq!(answer["http_status"], 200, "{answer}");
        let shown = ephemerals(&app.state().await, "U0ANA").pop().unwrap_or_default();
        assert!(shown.contains(near), "'{typed}' is answered with: {shown}");
    }
    assert_eq!(ephemerals(&app.state().await, "U0BEN").len(), 0, "only who typed sees it");
    assert_eq!(app.sql("SELECT count(*) FROM inbox"), 0, "nothing to act on is stored");
}

#[tokio::test]
async fn while_slack_is_down_all_else_goes_on_and_messages_wait() {
    let app = TestApp::start(&AppConfig::default()).await;
    app.control("faults", json!({ "slack": "down" })).await;
    let page = app.page("Flow failures").await;
    app.acknowledged(&page).await;
    let shown = app.incident_when("INC-1", "the diagnostics ended", |shown| !shown["triage"].is_null()).await;
    assert!(shown["triage"]["commands"].as_i64() > Some(0), "{shown}");
    assert_eq!(shown["channel"], json!(null));
    assert_eq!(app.page_of("/health").await.status, 200);
    assert!(app.page_of("/ready").await.json()["outbox_backlog"].as_i64() > Some(0), "messages wait");
    app.control(&format!("pagerduty/incidents/{page}/acknowledge"), json!({ "user": "ana@example.com" }))
        .await;
    app.incident_when("INC-1", "ana has it", |shown| shown["commander"] == "ana").await;
    holds_for_a_while("nothing is in Slack", async || {
        messages_with_key(&app.state().await, "card/").is_empty()
    })
    .await;
    app.control("faults", json!({ "slack": "ok" })).await;
    app.outbox_is_empty().await;
    let state = app.state().await;
    let cards = messages_with_key(&state, "card/");
    assert_eq!((cards.len(), channels_of_incidents(&state).len()), (1, 1));
    let card = cards[0].1.to_string();
    for said in ["INC-1", "Evidence", "ana (acting)"] {
        assert!(card.contains(said), "the card says how it is now, not how it was: {said} is not in {card}");
    }
    app.assert_journal_verifies().await;
}
