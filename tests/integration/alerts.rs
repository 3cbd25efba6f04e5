//! Alerts of monitoring systems through the real binary: by hand, and with a real Prometheus and a real Alertmanager.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use blocks_tests::servers::{Alertmanager, AlertmanagerConfig, Prometheus, PrometheusConfig};
use blocks_tests::{Answer, AppConfig, TestApp, client, text, timeline_types, until, until_or_show};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const TOKEN: &str = "alertmanager-token-of-a-test";
const KEY: &str = "grafana-key-of-a-test";
const OTHER: &str = "token-of-other-senders";

fn config(more: &str) -> AppConfig {
    let more = format!(
        "[alerts.alertmanager]\n[alerts.grafana]\n[[alerts.json]]\nname = \"uptime\"\nfingerprint = \"/check/id\"\n\
         status = \"/state\"\ntitle = \"/check/name\"\nservice = \"/check/service\"\nseverity = \"/level\"\n\
         links = {{ dashboard = \"/check/url\" }}\n{more}"
    );
    let environment =
        [("ALERTMANAGER_TOKEN", TOKEN), ("GRAFANA_WEBHOOK_SECRET", KEY), ("BLOCKS_ALERTS_TOKEN", OTHER)];
    AppConfig {
        triage: None,
        more,
        environment: environment.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
        ..AppConfig::default()
    }
}

async fn send(app: &TestApp, path: &str, (name, value): (&str, &str), body: &Value) -> Answer {
    let url = format!("{}{path}", app.base());
    let asked = client().post(url).header(name, value).body(body.to_string()).send().await.unwrap();
    let status = asked.status().as_u16();
    Answer { status, body: asked.text().await.unwrap() }
}

async fn notify(app: &TestApp, body: &Value) {
    let bearer = format!("Bearer {TOKEN}");
    let answer = send(app, "/hooks/alertmanager", ("authorization", &bearer), body).await;
    assert_eq!(answer.status, 202, "{answer:?}");
}

fn alert(n: u32, status: &str, starts: &str) -> Value {
    json!({
        "status": status,
        "labels": { "alertname": "Down", "n": n.to_string(), "service": "flowengine", "severity": "critical" },
        "annotations": { "summary": format!("part {n} is down"), "runbook_url": "https://wiki.example.com/down" },
        "startsAt": starts, "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "http://prom.example.com/graph",
        "fingerprint": format!("f{n}"),
    })
}

fn notice(group: &str, alerts: &[Value]) -> Value {
    let fires = alerts.iter().any(|alert| alert["status"] == "firing");
    let status = if fires { "firing" } else { "resolved" };
    json!({
        "version": "4", "groupKey": group, "truncatedAlerts": 0, "status": status, "receiver": "blocks",
        "externalURL": "http://am.example.com", "alerts": alerts,
    })
}

/// What `incident explain` says, when it fits.
async fn explained(app: &TestApp, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
    until_or_show(what, async || {
        let finished = app.blocks(&["incident", "explain", "INC-1", "-o", "json"]).await;
        let said = if finished.code == 0 { finished.json() } else { Value::Null };
        if fits(&said) { Ok(said) } else { Err(format!("{said} {}", finished.stderr)) }
    })
    .await
}

fn counts(said: &Value) -> (u64, u64) {
    let count = |name: &str| said["alerts"][name].as_u64().unwrap_or_default();
    (count("firing"), count("total"))
}

#[tokio::test]
async fn a_notice_opens_gathers_and_ends_an_incident() {
    let app = TestApp::start(&config("")).await;
    let began = "2026-01-01T00:00:00Z";
    notify(&app, &notice("g", &[alert(1, "firing", began)])).await;
    let opened =
        app.incident_when("INC-1", "the incident is open", |shown| shown["status"] == "triggered").await;
    assert_eq!((&opened["severity"], &opened["service"]), (&json!("P1"), &json!("flowengine")), "{opened}");
    assert_eq!(opened["title"], "part 1 is down");
    // further alerts of the service, in groups of their own
    for n in 2..=8 {
        notify(&app, &notice(&format!("g{n}"), &[alert(n, "firing", began)])).await;
    }
    let said = explained(&app, "eight alerts are in it", |said| counts(said) == (8, 8)).await;
    let became: Vec<String> = said["alerts"]["shown"]
        .as_array()
        .unwrap()
        .iter()
        .map(|alert| text(&alert["decisions"][0]["became"]))
        .collect();
    assert_eq!(became.iter().filter(|became| *became == "joined").count(), 7, "{said}");
    assert_eq!(became.iter().filter(|became| *became == "opened").count(), 1, "{said}");
    let severity =
        said["decisions"].as_array().unwrap().iter().find(|one| one["about"] == "severity").unwrap();
    assert_eq!(severity["text"], "P1: the alert's severity is critical");
    let words = app.blocks(&["incident", "explain"]).await;
    assert!(words.stdout.contains("is of the same service, flowengine"), "{words:?}");
    let status = until("the card counts them", async || {
        let status = app.blocks_json(&["status", "INC-1"]).await;
        (status["alerts"]["count"] == "8 of 8 alerts fire").then_some(status)
    })
    .await;
    assert_eq!(status["alerts"]["shown"], "the first 5 of 8");
    assert_eq!(status["alerts"]["links"][0], json!(["runbook", "https://wiki.example.com/down"]));
    // said again: nothing new
    notify(&app, &notice("g", &[alert(1, "firing", began)])).await;
    for n in 1..=8 {
        notify(&app, &notice(&format!("g{n}"), &[alert(n, "resolved", began)])).await;
    }
    let ended = app.incident_when("INC-1", "it is over", |shown| shown["status"] == "resolved").await;
    let types = timeline_types(&ended);
    let told = types.iter().filter(|kind| *kind == "alerts_changed").count();
    assert!(told < 16, "a storm is told of in few events: {types:?}");
    assert_eq!(
        app.blocks_json(&["incident", "list", "--all"]).await["incidents"].as_array().unwrap().len(),
        1
    );
    // it fires again soon after: the same incident
    notify(&app, &notice("g", &[alert(1, "firing", "2026-01-02T00:00:00Z")])).await;
    app.incident_when("INC-1", "it is open again", |shown| shown["status"] == "triggered").await;
    app.assert_journal_verifies().await;
}

/// Alertmanager tells Blocks and PagerDuty of the same group: one incident, whichever comes first, known by the key that it gives
/// PagerDuty; and PagerDuty has the last word.
#[tokio::test]
async fn an_alert_and_its_page_are_one_incident() {
    let key = "0123456789abcdef0123456789abcdef";
    let mut config = config("");
    config.environment.push(("PAGERDUTY_ROUTING_KEY", key.to_owned()));
    for alert_first in [true, false] {
        let app = TestApp::start(&config).await;
        let group = "{}:{alertname=\"Down\", service=\"flowengine\"}";
        let dedup = hex::encode(<Sha256 as sha2::Digest>::digest(group));
        let page = json!({
            "routing_key": key, "event_action": "trigger", "dedup_key": dedup,
            "payload": { "summary": "[FIRING:1] Down", "source": "alertmanager", "severity": "critical" },
        });
        if alert_first {
            notify(&app, &notice(group, &[alert(1, "firing", "2026-01-01T00:00:00Z")])).await;
            app.incident_when("INC-1", "the alert has opened it", |shown| shown["status"] == "triggered")
                .await;
        }
        let at_pager = app.pagerduty_event(&page).await;
        app.incident_when("INC-1", "the pager has it", |shown| {
            let timeline = shown["timeline"].as_array().unwrap();
            timeline.iter().any(|entry| entry["event"]["pager"]["id"] == at_pager.as_str())
        })
        .await;
        if !alert_first {
            notify(&app, &notice(group, &[alert(1, "firing", "2026-01-01T00:00:00Z")])).await;
        }
        explained(&app, "the alert is in it", |said| counts(said) == (1, 1)).await;
        app.control(
            &format!("pagerduty/incidents/{at_pager}/acknowledge"),
            json!({ "user": "ana@example.com" }),
        )
        .await;
        app.incident_when("INC-1", "it is hers", |shown| shown["commander"] == "ana").await;
        notify(&app, &notice(group, &[alert(1, "resolved", "2026-01-01T00:00:00Z")])).await;
        explained(&app, "the alert has ended", |said| counts(said) == (0, 1)).await;
        let open = app.incident("INC-1").await;
        assert_eq!(open["status"], "acknowledged", "{open}");
        app.pagerduty_hears(&json!({ "routing_key": key, "event_action": "resolve", "dedup_key": dedup }))
            .await;
        let ended =
            app.incident_when("INC-1", "PagerDuty has ended it", |shown| shown["status"] == "resolved").await;
        let joined = timeline_types(&ended).iter().filter(|kind| *kind == "pager_joined").count();
        assert_eq!(joined, usize::from(alert_first), "{ended}");
        let all = app.blocks_json(&["incident", "list", "--all"]).await;
        assert_eq!(all["incidents"].as_array().unwrap().len(), 1, "{all}");
        let said = app.blocks(&["incident", "explain", "INC-1"]).await;
        let wanted = if alert_first { "PagerDuty pages for it, too" } else { "PagerDuty paged" };
        assert!(said.stdout.contains(wanted), "{said:?}");
        app.assert_journal_verifies().await;
    }
}

/// What is told of the alerts of a merged incident is about the one that goes on; it ends with the last, and calls people anew when
/// one comes back.
#[tokio::test]
async fn alerts_follow_a_merge_and_what_comes_back_waits_for_somebody() {
    let app = TestApp::start(&config("")).await;
    let of = |service: &str, n: u32, status: &str, starts: &str| {
        let mut one = alert(n, status, starts);
        one["labels"]["service"] = json!(service);
        one
    };
    let began = "2026-01-01T00:00:00Z";
    notify(&app, &notice("a", &[of("shop", 1, "firing", began), of("shop", 2, "firing", began)])).await;
    app.incident_when("INC-1", "it is open", |shown| shown["status"] == "triggered").await;
    notify(&app, &notice("b", &[of("bank", 3, "firing", began)])).await;
    app.incident_when("INC-2", "it is open", |shown| shown["status"] == "triggered").await;
    let merged = app.blocks(&["incident", "merge", "INC-1", "into", "INC-2"]).await;
    assert_eq!(merged.code, 0, "{merged:?}");
    let of_two = async |what: &str, wanted: (u64, u64)| {
        until_or_show(what, async || {
            let said = app.blocks_json(&["incident", "explain", "INC-2"]).await;
            if counts(&said) == wanted { Ok(said) } else { Err(said.to_string()) }
        })
        .await
    };
    of_two("all three are in it", (3, 3)).await;
    let ack = app.blocks(&["incident", "ack", "INC-2"]).await;
    assert_eq!(ack.code, 0, "{ack:?}");
    notify(&app, &notice("b", &[of("bank", 3, "resolved", began)])).await;
    notify(&app, &notice("a", &[of("shop", 1, "resolved", began), of("shop", 2, "firing", began)])).await;
    of_two("one fires still", (1, 3)).await;
    assert_eq!(app.incident("INC-2").await["status"], "acknowledged");
    notify(&app, &notice("a", &[of("shop", 2, "resolved", began)])).await;
    app.incident_when("INC-2", "the last has ended", |shown| shown["status"] == "resolved").await;
    notify(&app, &notice("a", &[of("shop", 2, "firing", "2026-01-02T00:00:00Z")])).await;
    let again = app
        .incident_when("INC-2", "it is open again, and nobody has it", |shown| shown["status"] == "triggered")
        .await;
    assert!(timeline_types(&again).contains(&"reopened".to_owned()), "{again}");
    let words = app.blocks(&["incident", "explain", "INC-2"]).await;
    assert!(
        words.stdout.contains("whoever had it is called anew") && words.stdout.contains("came along"),
        "{words:?}"
    );
    app.assert_journal_verifies().await;
}

#[tokio::test]
async fn maintenance_silences_and_says_so() {
    let more = "[[maintenance]]\nservice = \"flowengine\"\nuntil = \"2999-01-01T00:00:00Z\"\nreason = \"the move\"\n";
    let app = TestApp::start(&config(more)).await;
    notify(&app, &notice("g", &[alert(1, "firing", "2026-01-01T00:00:00Z")])).await;
    let said = until("the silence is explained", async || {
        let said = app.blocks_json(&["incident", "explain"]).await;
        (said["loose"][0]["silenced"] == true).then_some(said)
    })
    .await;
    assert_eq!(said["loose"][0]["decisions"][0]["why"], "maintenance until 2999-01-01 00:00 UTC: the move");
    assert_eq!(app.blocks_json(&["incident", "list", "--all"]).await["incidents"], json!([]));
    assert_eq!(doctor_of_maintenance(&app).await, None);
}

/// What `doctor` says of it, where it says something.
async fn doctor_of_maintenance(app: &TestApp) -> Option<String> {
    let shown = app.blocks(&["doctor", "-o", "json"]).await.json();
    let check = shown["checks"].as_array().unwrap().iter().find(|check| check["name"] == "maintenance")?;
    assert_eq!((&check["ok"], &check["warning"]), (&json!(true), &json!(true)), "{check}");
    Some(text(&check["detail"]))
}

/// A name that no service has may be that of an alert, and is more likely misspelt.
#[tokio::test]
async fn maintenance_of_a_service_that_is_not_there_is_said_by_doctor() {
    let window = |service: &str, until: &str| {
        format!(
            "[[maintenance]]\nservice = \"{service}\"\nuntil = \"{until}-01-01T00:00:00Z\"\nreason = \"the move\"\n"
        )
    };
    let more =
        [window("flowengin", "2999"), window("flowengine", "2999"), window("flowengin", "2020")].concat();
    let app = TestApp::start(&config(&more)).await;
    let said = doctor_of_maintenance(&app).await.unwrap();
    assert!(said.contains("over, and can be taken out: the move;"), "{said}");
    assert!(said.contains("; of 'flowengin', which no [[service]] is named"), "{said}");
}

#[tokio::test]
async fn grafana_and_plain_json_come_in_too() {
    let app = TestApp::start(&config("")).await;
    let sign = |body: &Value| {
        let mut mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).unwrap();
        mac.update(body.to_string().as_bytes());
        hex::encode(mac.finalize().into_bytes())
    };
    let header = "X-Grafana-Alerting-Signature";
    let mut test = notice("t", &[alert(1, "firing", "2026-01-01T00:00:00Z")]);
    test["alerts"][0]["labels"] = json!({ "alertname": "TestAlert", "instance": "Grafana" });
    assert_eq!(send(&app, "/hooks/grafana", (header, &sign(&test)), &test).await.status, 202);
    let real = notice("g", &[alert(1, "firing", "2026-01-01T00:00:00Z")]);
    assert_eq!(send(&app, "/hooks/grafana", (header, &sign(&test)), &real).await.status, 401, "another body");
    assert_eq!(send(&app, "/hooks/grafana", (header, &sign(&real)), &real).await.status, 202);
    let opened =
        app.incident_when("INC-1", "the incident is open", |shown| shown["status"] == "triggered").await;
    assert_eq!(opened["title"], "part 1 is down", "a test opens nothing");
    let check =
        json!({ "id": 7, "name": "the bank is slow", "service": "bank", "url": "https://up.example.com/7" });
    let body = json!({ "state": "down", "level": "warning", "check": check });
    let bearer = format!("Bearer {OTHER}");
    let answer = send(&app, "/hooks/json/uptime", ("authorization", &bearer), &body).await;
    assert_eq!(answer.status, 202);
    let other = app.incident_when("INC-2", "the other is open", |shown| shown["status"] == "triggered").await;
    assert_eq!((&other["severity"], &other["service"]), (&json!("P3"), &json!("bank")));
    // verified and unreadable: kept, and the sender is not told to stop
    let odd = send(&app, "/hooks/json/uptime", ("authorization", &bearer), &json!({ "state": "down" })).await;
    assert_eq!(odd.status, 202);
    for path in ["/hooks/alertmanager", "/hooks/grafana", "/hooks/json/uptime"] {
        let refused = send(&app, path, ("authorization", "Bearer wrong"), &real).await;
        assert_eq!(refused.status, 401, "{path}");
    }
}

/// What was captured of real senders reads.
#[tokio::test]
async fn captured_notices_are_understood() {
    let shared = std::env::var_os("BLOCKS_SHARED").map_or_else(
        || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
        std::path::PathBuf::from,
    );
    let folder = shared.join("corpus/payloads");
    let mut files = Vec::new();
    for source in ["alertmanager", "grafana"] {
        let Ok(entries) = std::fs::read_dir(folder.join(source)) else {
            println!("not run: no captured notices beside the checkout ({})", folder.display());
            return;
        };
        files.extend(entries.map(|entry| (source, entry.unwrap().path())));
    }
    files.sort();
    let app = TestApp::start(&config("")).await;
    for (source, path) in &files {
        let body: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let text = body.to_string();
        let mut mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).unwrap();
        mac.update(text.as_bytes());
        let (bearer, signature) = (format!("Bearer {TOKEN}"), hex::encode(mac.finalize().into_bytes()));
        let answer = match *source {
            "grafana" => {
                send(&app, "/hooks/grafana", ("X-Grafana-Alerting-Signature", &signature), &body).await
            }
            _ => send(&app, "/hooks/alertmanager", ("authorization", &bearer), &body).await,
        };
        assert_eq!(answer.status, 202, "{}: {answer:?}", path.display());
    }
    println!("read {} files", files.len());
    assert_eq!(files.len(), 4, "another number of files than the collection had");
    // two alerts of one group and name at Alertmanager, one at Grafana, and one that had ended
    let titles = until_or_show("the incidents are open", async || {
        let all = app.blocks_json(&["incident", "list", "--all"]).await;
        let rows = all["incidents"].as_array().cloned().unwrap_or_default();
        let mut titles: Vec<String> = rows.iter().map(|row| text(&row["title"])).collect();
        titles.sort();
        if titles.len() == 2 { Ok(titles) } else { Err(all.to_string()) }
    })
    .await;
    assert_eq!(titles, ["High CPU core temperature", "High memory usage"]);
    let metrics = client().get(format!("{}/metrics", app.base())).send().await.unwrap().text().await.unwrap();
    assert!(!metrics.contains("blocks_dead_letters_total"), "{metrics}");
}

/// A series that the test controls.
struct Series {
    address: SocketAddr,
    values: Arc<Mutex<BTreeMap<&'static str, u32>>>,
}

impl Series {
    async fn start() -> Series {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let values: Arc<Mutex<BTreeMap<&'static str, u32>>> = Arc::default();
        let shown = Arc::clone(&values);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n")
                    && client.read_buf(&mut request).await.is_ok_and(|n| n > 0)
                {}
                let mut body = "# TYPE shop_failing gauge\n".to_owned();
                for (part, value) in shown.lock().unwrap().iter() {
                    body.push_str(&format!("shop_failing{{part=\"{part}\"}} {value}\n"));
                }
                let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close";
                let answer = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                let _sent = client.write_all(answer.as_bytes()).await;
            }
        });
        Series { address, values }
    }

    fn set(&self, part: &'static str, value: u32) {
        self.values.lock().unwrap().insert(part, value);
    }
}

#[tokio::test]
async fn an_alert_that_really_fires_opens_updates_and_resolves_an_incident() {
    let what = "a real alert, from its series to its incident";
    let app = TestApp::start(&config("")).await;
    let receiver = AlertmanagerConfig {
        receiver: format!("{}/hooks/alertmanager", app.base()),
        token: TOKEN.to_owned(),
    };
    let Some(alertmanager) = Alertmanager::start(&receiver).await.or_not_run(what) else { return };
    let series = Series::start().await;
    series.set("queue", 0);
    series.set("pool", 0);
    let rules = json!({
        "groups": [{
            "name": "shop", "interval": "1s",
            "rules": [{
                "alert": "ShopFailing", "expr": "shop_failing > 0",
                "labels": { "severity": "critical", "service": "flowengine" },
                "annotations": {
                    "summary": "{{ $labels.part }} of the shop fails",
                    "runbook_url": "https://wiki.example.com/shop",
                },
            }],
        }],
    });
    let scrape = PrometheusConfig {
        targets: vec![series.address],
        alertmanager: Some(alertmanager.address().to_owned()),
        rules: Some(rules.to_string()),
    };
    let Some(prometheus) = Prometheus::start(&scrape).await.or_not_run(what) else { return };
    prometheus.wait_for("shop_failing").await;
    assert_eq!(app.incident("INC-1").await, Value::Null, "all is well");

    series.set("queue", 1);
    let opened =
        app.incident_when("INC-1", "the alert has opened an incident", |shown| !shown.is_null()).await;
    assert_eq!((&opened["title"], &opened["severity"]), (&json!("queue of the shop fails"), &json!("P1")));
    assert_eq!(opened["status"], "triggered", "{}", alertmanager.last_words());

    series.set("pool", 1);
    let said = explained(&app, "the second alert of the group is in it", |said| counts(said) == (2, 2)).await;
    let why = said["alerts"]["shown"]
        .as_array()
        .unwrap()
        .iter()
        .find(|alert| alert["title"] == "pool of the shop fails")
        .map(|alert| text(&alert["decisions"][0]["why"]));
    assert_eq!(why.as_deref(), Some("INC-1 holds alerts of the same group of alertmanager"), "{said}");

    series.set("queue", 0);
    explained(&app, "one of two has ended", |said| counts(said) == (1, 2)).await;
    assert_ne!(app.incident("INC-1").await["status"], "resolved");
    series.set("pool", 0);
    let ended = app.incident_when("INC-1", "both have ended", |shown| shown["status"] == "resolved").await;
    assert!(timeline_types(&ended).iter().any(|kind| kind == "resolved"), "{ended}");
    app.assert_journal_verifies().await;
}
