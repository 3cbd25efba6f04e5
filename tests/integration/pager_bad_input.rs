//! Whatever is sent to PagerDuty's way in: what is not proven leaves nothing, what is proven is stored and answered 2xx, and
//! nothing of it stops what comes after.

use blocks_tests::{AppConfig, TestApp, pagerduty_signature, until};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const KIB: usize = 1024;

fn event(id: &str, kind: &str, incident: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut event = json!({ "event": {
        "id": id, "event_type": kind, "resource_type": "incident", "occurred_at": "2026-01-01T00:00:00.000Z",
        "agent": null, "client": null,
        "data": {
            "id": incident, "type": "incident", "number": 7, "status": "triggered", "title": "It is slow",
            "html_url": "https://example.pagerduty.com/incidents/P1", "urgency": "high", "priority": null,
            "created_at": "2026-01-01T00:00:00Z",
            "service": { "id": "PFLOW01", "summary": "flowengine", "type": "service_reference" },
        },
    }});
    change(&mut event);
    event.to_string()
}

/// A request as it goes over the wire; the status that comes back.
async fn raw(app: &TestApp, headers: &[(&str, &str)], claimed: usize, body: &[u8]) -> u16 {
    let mut stream = TcpStream::connect(app.address()).await.unwrap();
    let mut head = format!("POST /hooks/pagerduty HTTP/1.1\r\nhost: blocks\r\ncontent-length: {claimed}\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("connection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    // whoever has refused it need not read the rest
    let _ = stream.write_all(body).await;
    if body.len() < claimed {
        let _ = stream.shutdown().await;
    }
    let mut answer = Vec::new();
    let mut part = [0_u8; 1_024];
    while let Ok(read @ 1..) = stream.read(&mut part).await {
        answer.extend_from_slice(&part[..read]);
    }
    let line = String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned();
    line.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
}

async fn settled(app: &TestApp) {
    until("all are dealt with", async || {
        (app.sql("SELECT count(*) FROM inbox WHERE state = 'pending'") == 0).then_some(())
    })
    .await;
}

/// What became of a message.
fn state(app: &TestApp, id: &str) -> String {
    let is =
        |state: &str| app.sql(&format!("SELECT count(*) FROM inbox WHERE id = '{id}' AND state = '{state}'"));
    let dead = format!("SELECT count(*) FROM inbox WHERE id = '{id}' AND reason LIKE 'dead letter: %'");
    match (is("done"), app.sql(&dead), is("kept")) {
        (1, _, _) => "done",
        (_, 1, _) => "dead",
        (_, _, 1) => "kept",
        _ => "gone",
    }
    .to_owned()
}

#[tokio::test]
async fn whatever_comes_is_refused_or_kept_and_what_follows_is_taken() {
    let app = TestApp::start(&AppConfig { triage: None, ..AppConfig::default() }).await;
    let secret = app.secrets["PAGERDUTY_WEBHOOK_SECRET"].clone();
    let sign = |body: &[u8]| pagerduty_signature(&secret, body);
    let good = event("E-good", "incident.triggered", "P1", |_| ());

    // forged, and cut off on the way: nothing is proven
    let forged = pagerduty_signature("another secret", good.as_bytes());
    assert_eq!(app.hook_with(&good, Some(&forged)).await.status, 401);
    let cut = &good[..good.len() / 2];
    assert_eq!(app.hook_with(cut, Some(&sign(good.as_bytes()))).await.status, 401);
    // larger than anything that PagerDuty sends: refused before it is there
    let large = vec![b' '; 300 * KIB];
    let headers = [("x-pagerduty-signature", "v1=00")];
    assert_eq!(raw(&app, &headers, 10 * KIB * KIB, &large).await, 413);
    assert_eq!(raw(&app, &[], 10 * KIB * KIB, b"x").await, 401, "and unproven before that");
    assert_eq!(app.sql("SELECT count(*) FROM inbox"), 0);
    // ended in the middle by whoever sends: no answer is owed, and nothing is kept
    assert_ne!(raw(&app, &headers, 1_000, b"").await / 100, 2);

    // as large as it may be, and no byte more
    let fits = |size: usize| format!("{}{}", good, " ".repeat(size - good.len()));
    let (fitting, over) = (fits(256 * KIB), fits(256 * KIB + 1));
    assert_eq!(app.hook(&over).await.status, 413);
    assert_eq!(app.hook(&fitting).await.status, 202);
    app.incident_when("INC-1", "it is open", |_| true).await;
    // replayed, under whatever delivery
    let again = app.hook(&good).await;
    assert_eq!((again.status, &again.json()["duplicate"]), (202, &json!(true)));
    // another content type, or none
    let text = event("E-text", "incident.acknowledged", "P1", |_| ());
    let signature = sign(text.as_bytes());
    let headers = [("x-pagerduty-signature", signature.as_str()), ("content-type", "text/plain")];
    assert_eq!(raw(&app, &headers, text.len(), text.as_bytes()).await, 202);

    // what is proven is stored, whatever it is, and what is of no shape is a dead letter
    let deep =
        format!("{{\"event\":{{\"id\":\"E-deep\",\"data\":{}{}}}}}", "[".repeat(60_000), "]".repeat(60_000));
    let null = |at: &'static str| {
        move |event: &mut Value| {
            if let Some(place) = event.pointer_mut(at) {
                *place = Value::Null;
            }
        }
    };
    let set = |at: &'static str, value: Value| {
        move |event: &mut Value| {
            if let Some(place) = event.pointer_mut(at) {
                *place = value;
            }
        }
    };
    let kind = "incident.triggered";
    for (id, body, became) in [
        ("N-type", event("N-type", kind, "N1", null("/event/event_type")), "dead"),
        ("N-data", event("N-data", kind, "N2", null("/event/data")), "dead"),
        ("N-id", event("N-id", kind, "N3", null("/event/data/id")), "dead"),
        ("N-at", event("N-at", kind, "N4", null("/event/occurred_at")), "done"),
        ("N-service", event("N-service", kind, "N5", null("/event/data/service")), "done"),
        ("N-title", event("N-title", kind, "N6", null("/event/data/title")), "done"),
        ("T-id", event("T-id", kind, "N7", set("/event/data/id", json!(7))), "dead"),
        ("T-title", event("T-title", kind, "N8", set("/event/data/title", json!(7))), "done"),
        ("T-urgency", event("T-urgency", kind, "N9", set("/event/data/urgency", json!(1))), "done"),
        ("T-list", event("T-list", kind, "N10", set("/event/data", json!(["a"]))), "dead"),
        ("T-type", event("T-type", kind, "N11", set("/event/event_type", json!(7))), "dead"),
        (
            "A-first",
            event("A-first", kind, "A1", set("/event/occurred_at", json!("0001-01-01T00:00:00Z"))),
            "done",
        ),
        (
            "A-last",
            event("A-last", kind, "A2", set("/event/occurred_at", json!("9999-12-31T23:59:59Z"))),
            "done",
        ),
        ("A-no", event("A-no", kind, "A3", set("/event/occurred_at", json!("yesterday"))), "done"),
        ("A-big", event("A-big", kind, "A4", set("/event/data/created_at", json!(1e300))), "done"),
        ("U-new", event("U-new", "incident.teleported", "A5", |_| ()), "kept"),
    ] {
        assert_eq!(app.hook(&body).await.status, 202, "{id}");
        settled(&app).await;
        assert_eq!(state(&app, id), became, "{id}");
    }
    let shapeless = [
        deep.as_str(),
        cut,
        "",
        "null",
        "[]",
        "7",
        "\"event\"",
        "{}",
        "{\"event\":7}",
        "\u{0}",
        "{\"messages\":[]}",
    ];
    let before = app.metric("blocks_inbox_dead_letters{source=\"pagerduty\"}").await;
    for body in shapeless {
        let start: String = body.chars().take(20).collect();
        assert_eq!(app.hook(body).await.status, 202, "{start}");
    }
    settled(&app).await;
    let dead = app.metric("blocks_inbox_dead_letters{source=\"pagerduty\"}").await;
    assert_eq!(usize::try_from(dead - before), Ok(shapeless.len()));

    // the same a thousand times
    let stored = app.sql("SELECT count(*) FROM inbox");
    let twice = event("E-twice", kind, "D1", |_| ());
    for _ in 0..1_000 {
        assert_eq!(app.hook(&twice).await.status, 202);
    }
    settled(&app).await;
    assert_eq!(app.sql("SELECT count(*) FROM inbox"), stored + 1);
    assert_eq!(app.sql("SELECT count(*) FROM incidents WHERE json_extract(row, '$.pager_id') = 'D1'"), 1);

    // everything the wrong way round: it is over, and stays so
    for (n, kind) in
        ["resolved", "annotated", "acknowledged", "priority_updated", "triggered"].iter().enumerate()
    {
        let second = 50 - n * 10;
        let at = json!(format!("2026-01-01T00:00:{second:02}.000Z"));
        let body =
            event(&format!("O-{kind}"), &format!("incident.{kind}"), "O1", set("/event/occurred_at", at));
        assert_eq!(app.hook(&body).await.status, 202, "{kind}");
    }
    settled(&app).await;
    let open = "SELECT count(*) FROM incidents WHERE json_extract(row, '$.pager_id') = 'O1' AND json_extract(row, '$.open')";
    assert_eq!(app.sql(open), 0, "what is over is not opened by what was told late");

    // and it goes on
    assert_eq!(app.hook(&event("E-last", kind, "P-last", |_| ())).await.status, 202);
    settled(&app).await;
    assert_eq!(state(&app, "E-last"), "done");
    assert_eq!((app.page_of("/health").await.status, app.page_of("/ready").await.status), (200, 200));
    app.assert_journal_verifies().await;
}
