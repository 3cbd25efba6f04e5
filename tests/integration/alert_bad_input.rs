//! Whatever is sent to the ways in for alerts: what is not proven leaves nothing, what is proven is stored and answered 202, and
//! nothing of it stops the alert that comes after it.

use blocks_tests::{AppConfig, TestApp, text, until};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const MIB: usize = 1024 * 1024;
const TOKEN: &str = "alertmanager-token-of-a-test";
const OTHER: &str = "token-of-other-senders";
const KEY: &str = "grafana-key-of-a-test";
const SIGNATURE: &str = "x-grafana-alerting-signature";

fn config() -> AppConfig {
    let more = "[alerts.alertmanager]\n[alerts.grafana]\n[[alerts.json]]\nname = \"uptime\"\nfingerprint = \"/id\"\n\
                status = \"/state\"\ntitle = \"/name\"\nservice = \"/service\"\nstarts_at = \"/since\"\nlabels = \"/labels\"\n";
    let environment =
        [("ALERTMANAGER_TOKEN", TOKEN), ("GRAFANA_WEBHOOK_SECRET", KEY), ("BLOCKS_ALERTS_TOKEN", OTHER)];
    AppConfig {
        triage: None,
        more: more.to_owned(),
        environment: environment.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
        ..AppConfig::default()
    }
}

/// One way in.
struct Way {
    path: &'static str,
    source: &'static str,
    token: &'static str,
}

const WAYS: [Way; 3] = [
    Way { path: "/hooks/alertmanager", source: "alertmanager", token: TOKEN },
    Way { path: "/hooks/grafana", source: "grafana", token: OTHER },
    Way { path: "/hooks/json/uptime", source: "json", token: OTHER },
];

/// How a body is announced.
#[derive(Clone, Copy)]
enum Length {
    /// As long as it is.
    True,
    /// So many bytes, whatever comes.
    Claimed(usize),
    /// Not at all: it comes in chunks.
    Chunks,
}

impl Way {
    /// An alert as this sender tells it. Each has a service of its own, and so an incident of its own.
    fn alert(&self, id: &str, fires: bool, since: &str) -> Value {
        let title = format!("{id} is down");
        let service = format!("service of {id}");
        if self.source == "json" {
            let state = if fires { "down" } else { "up" };
            return json!({ "id": id, "state": state, "name": title, "service": service, "since": since });
        }
        let status = if fires { "firing" } else { "resolved" };
        json!({
            "status": status, "labels": { "alertname": id, "service": service },
            "annotations": { "summary": title }, "startsAt": since,
            "endsAt": if fires { "0001-01-01T00:00:00Z" } else { "2026-01-01T01:00:00Z" }, "fingerprint": id,
        })
    }

    /// A message with it.
    fn message(&self, alert: &Value) -> String {
        if self.source == "json" {
            return alert.to_string();
        }
        let id = text(&alert["fingerprint"]);
        json!({ "version": "4", "groupKey": id, "status": alert["status"], "alerts": [alert] }).to_string()
    }

    fn firing(&self, id: &str) -> String {
        self.message(&self.alert(id, true, "2026-01-01T00:00:00Z"))
    }

    /// A request as it goes over the wire; the status that comes back, 0 where none does.
    async fn raw(&self, app: &TestApp, headers: &[(&str, &str)], length: Length, body: &[u8]) -> u16 {
        let stream = TcpStream::connect(app.address()).await.unwrap();
        let (mut answers, mut sends) = stream.into_split();
        let mut head = format!("POST {} HTTP/1.1\r\nhost: blocks\r\nconnection: close\r\n", self.path);
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        match length {
            Length::True => head.push_str(&format!("content-length: {}\r\n\r\n", body.len())),
            Length::Claimed(claimed) => head.push_str(&format!("content-length: {claimed}\r\n\r\n")),
            Length::Chunks => head.push_str("transfer-encoding: chunked\r\n\r\n"),
        }
        sends.write_all(head.as_bytes()).await.unwrap();
        let sending = async {
            // whoever has refused it need not read the rest
            if !matches!(length, Length::Chunks) {
                let _ = sends.write_all(body).await;
            } else {
                for chunk in body.chunks(1_000) {
                    let size = format!("{:x}\r\n", chunk.len());
                    let parts = [size.as_bytes(), chunk, b"\r\n"].concat();
                    if sends.write_all(&parts).await.is_err() {
                        return;
                    }
                }
                let _ = sends.write_all(b"0\r\n\r\n").await;
            }
            if matches!(length, Length::Claimed(_)) {
                let _ = sends.shutdown().await;
            }
        };
        let reading = async {
            let (mut answer, mut part) = (Vec::new(), [0_u8; 1_024]);
            while let Ok(read @ 1..) = answers.read(&mut part).await {
                answer.extend_from_slice(&part[..read]);
            }
            answer
        };
        let ((), answer) = tokio::join!(sending, reading);
        let line = String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned();
        line.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
    }

    async fn send(&self, app: &TestApp, body: &str) -> u16 {
        let bearer = format!("Bearer {}", self.token);
        self.raw(app, &[("authorization", &bearer)], Length::True, body.as_bytes()).await
    }

    /// Rows of the inbox that came this way and fit.
    fn stored(&self, app: &TestApp, fit: &str) -> i64 {
        app.sql(&format!("SELECT count(*) FROM inbox WHERE source = '{}' AND {fit}", self.source))
    }

    /// A good alert is taken, and opens its incident.
    async fn goes_on(&self, app: &TestApp, id: &str) {
        let id = format!("{id} of {}", self.source);
        assert_eq!(self.send(app, &self.firing(&id)).await, 202, "{id}");
        let opened = format!("{id} is down");
        until(&opened, async || (incidents(app, &opened) == 1).then_some(())).await;
    }
}

fn incidents(app: &TestApp, title: &str) -> i64 {
    app.sql(&format!("SELECT count(*) FROM incidents WHERE json_extract(row, '$.title') = '{title}'"))
}

async fn settled(app: &TestApp) {
    app.sql_when("SELECT count(*) FROM inbox WHERE state = 'pending'", 0).await;
}

#[tokio::test]
async fn what_is_not_proven_too_large_or_cut_off_is_stored_nowhere() {
    let app = TestApp::start(&config()).await;
    for way in &WAYS {
        let good = way.firing("first");
        let (bearer, other) = (format!("Bearer {}", way.token), "Bearer wrong");
        let unproven: [&[(&str, &str)]; 5] = [
            &[],
            &[("authorization", "")],
            &[("authorization", "Bearer ")],
            &[("authorization", other)],
            &[(SIGNATURE, "00")],
        ];
        for headers in unproven {
            let status = way.raw(&app, headers, Length::True, good.as_bytes()).await;
            assert_eq!(status, 401, "{} {headers:?}", way.path);
        }
        // unproven before the body is there
        let headers = [("authorization", bearer.as_str())];
        assert_eq!(way.raw(&app, &[], Length::Claimed(10 * MIB), b"{").await, 401, "{}", way.path);
        // ten that are announced or really sent, at once and in chunks: the connection may break before the answer is read
        let over = vec![b' '; 2 * MIB + 1];
        let large = format!("{good}{}", " ".repeat(10 * MIB));
        for (length, body) in [
            (Length::Claimed(10 * MIB), over.as_slice()),
            (Length::True, over.as_slice()),
            (Length::True, large.as_bytes()),
            (Length::Chunks, over.as_slice()),
            (Length::Chunks, large.as_bytes()),
        ] {
            let status = way.raw(&app, &headers, length, body).await;
            assert!(matches!(status, 413 | 0), "{}: {status}", way.path);
        }
        let counted = format!("blocks_inbox_refused_total{{source=\"{}\",reason=\"too_large\"}}", way.source);
        assert_eq!(app.metric(&counted).await, 5, "{}", way.path);
        // ended in the middle by whoever sends: no answer is owed
        let status = way.raw(&app, &headers, Length::Claimed(good.len() + 1), good.as_bytes()).await;
        assert_ne!(status / 100, 2, "{}", way.path);
        assert_eq!(way.stored(&app, "true"), 0, "{}", way.path);
        way.goes_on(&app, "after it").await;
        // as large as it may be; in chunks, without a length
        let filled = format!("{}{}", way.firing("filled"), " ".repeat(2 * MIB));
        let bytes = &filled.as_bytes()[..2 * MIB];
        assert_eq!(way.raw(&app, &headers, Length::True, bytes).await, 202, "{}", way.path);
        let chunked = way.firing("chunked");
        assert_eq!(way.raw(&app, &headers, Length::Chunks, chunked.as_bytes()).await, 202, "{}", way.path);
        settled(&app).await;
        assert_eq!(way.stored(&app, "state = 'done'"), 3, "{}", way.path);
    }
    let sign = |body: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).unwrap();
        mac.update(body.as_bytes());
        hex::encode(mac.finalize().into_bytes())
    };
    let grafana = &WAYS[1];
    let (signed, sent) = (grafana.firing("signed"), grafana.firing("sent"));
    let signature = sign(&signed);
    let headers = [(SIGNATURE, signature.as_str())];
    assert_eq!(grafana.raw(&app, &headers, Length::True, sent.as_bytes()).await, 401, "of another body");
    assert_eq!(grafana.raw(&app, &headers, Length::True, signed.as_bytes()).await, 202);
    assert!(!app.log("server.log").contains(OTHER) && !app.log("server.log").contains(TOKEN));
    app.assert_journal_verifies().await;
}

#[tokio::test]
async fn whatever_is_proven_is_kept_and_what_follows_is_taken() {
    let app = TestApp::start(&config()).await;
    for way in &WAYS {
        let is_json = way.source == "json";
        let good = way.firing("cut");
        let deep = format!("{{\"alerts\":{}{}}}", "[".repeat(60_000), "]".repeat(60_000));
        let mut dead: Vec<&str> =
            vec!["", "\u{0}", &good[..good.len() / 2], &deep, "null", "[]", "7", "\"alerts\"", "{}"];
        if is_json {
            dead.extend(["{\"id\":null,\"state\":\"down\"}", "{\"id\":[1],\"state\":\"down\"}"]);
        } else {
            dead.extend([
                "{\"alerts\":null}",
                "{\"alerts\":7}",
                "{\"alerts\":[null]}",
                "{\"alerts\":[7,[]]}",
            ]);
        }
        for body in &dead {
            let shown: String = body.chars().take(30).collect();
            assert_eq!(way.send(&app, body).await, 202, "{} {shown}", way.path);
        }
        settled(&app).await;
        let found = way.stored(&app, "reason LIKE 'dead letter: %'");
        assert_eq!(usize::try_from(found), Ok(dead.len()), "{}", way.path);
        way.goes_on(&app, "after dead letters").await;

        // odd, and taken: what is null, or of no calendar, is absent; a number is a text
        let change = |id: &str, at: &[&str], value: &Value| {
            let mut alert = way.alert(id, true, "2026-01-01T00:00:00Z");
            for at in at {
                if let Some(place) = alert.pointer_mut(at) {
                    *place = value.clone();
                }
            }
            way.message(&alert)
        };
        let since = if is_json { "/since" } else { "/startsAt" };
        let words: &[&str] = if is_json {
            &["/state", "/name", "/service"]
        } else {
            &["/status", "/labels/alertname", "/annotations/summary", "/endsAt"]
        };
        let taken = [
            change("nulls", words, &Value::Null),
            change("numbers", words, &json!(7)),
            change("year-1", &[since], &json!("0001-01-01T00:00:00Z")),
            change("year-9999", &[since], &json!("9999-12-31T23:59:59Z")),
            change("no-time", &[since], &json!("yesterday")),
            change("huge-time", &[since], &json!(1e300)),
        ];
        let before = way.stored(&app, "state = 'done'");
        for body in &taken {
            assert_eq!(way.send(&app, body).await, 202, "{} {body}", way.path);
        }
        settled(&app).await;
        let done = way.stored(&app, "state = 'done'") - before;
        assert_eq!(usize::try_from(done), Ok(taken.len()), "{}", way.path);
        for id in ["nulls", "numbers", "year-1", "year-9999", "no-time", "huge-time"] {
            let of = format!("fingerprint = '{id}' AND incident IS NOT NULL");
            let source = if is_json { "json/uptime" } else { way.source };
            let open = format!("SELECT count(*) FROM alerts WHERE source = '{source}' AND {of}");
            assert_eq!(app.sql(&open), 1, "{} {id}", way.path);
        }
        way.goes_on(&app, "after odd ones").await;

        // one that does not read takes no others along
        if !is_json {
            let alert = way.alert(&format!("beside of {}", way.source), true, "2026-01-01T00:00:00Z");
            let body = json!({ "groupKey": "beside", "alerts": [null, alert, 7] }).to_string();
            assert_eq!(way.send(&app, &body).await, 202);
            settled(&app).await;
            assert_eq!(incidents(&app, &format!("beside of {} is down", way.source)), 1, "{}", way.path);
            assert_eq!(way.stored(&app, "reason LIKE 'dead letter: 2 of its 3 alerts%'"), 1, "{}", way.path);
        }
    }
    assert_eq!((app.page_of("/health").await.status, app.page_of("/ready").await.status), (200, 200));
    app.assert_journal_verifies().await;
}

#[tokio::test]
async fn the_same_a_thousand_times_and_the_wrong_way_round_is_one_incident_or_none() {
    let app = TestApp::start(&config()).await;
    for way in &WAYS {
        let id = format!("again of {}", way.source);
        let body = way.firing(&id);
        for _ in 0..1_000 {
            assert_eq!(way.send(&app, &body).await, 202, "{}", way.path);
        }
        settled(&app).await;
        assert_eq!(incidents(&app, &format!("{id} is down")), 1, "{}", way.path);
        // the same bytes are the same message for a while; a sender without times may mean each of them
        let stored = way.stored(&app, "true");
        let most = if way.source == "json" { 1_000 } else { 2 };
        assert!((1..=most).contains(&stored), "{}: {stored}", way.path);

        // over before it began: it stays over, and what begins later is news
        let late = format!("late of {}", way.source);
        let began = "2026-01-01T00:00:00Z";
        for fires in [false, true] {
            assert_eq!(way.send(&app, &way.message(&way.alert(&late, fires, began))).await, 202);
            settled(&app).await;
            assert_eq!(incidents(&app, &format!("{late} is down")), 0, "{}: {fires}", way.path);
        }
        let anew = way.alert(&late, true, "2026-01-01T02:00:00Z");
        assert_eq!(way.send(&app, &way.message(&anew)).await, 202);
        until("what begins later opens one", async || {
            (incidents(&app, &format!("{late} is down")) == 1).then_some(())
        })
        .await;
        way.goes_on(&app, "after all").await;
    }
    app.assert_journal_verifies().await;
}
