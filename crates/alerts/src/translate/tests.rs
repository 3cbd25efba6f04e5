use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use runbook_core::alert::{AlertLink, AlertNotice};
use serde_json::{Value, json};

use super::*;
use crate::Pointer;

fn item(source: &str, kind: &str, body: &[u8]) -> InboxItem {
    InboxItem {
        source: source.to_owned(),
        id: "1".to_owned(),
        kind: kind.to_owned(),
        body: body.to_vec(),
        received_at: DateTime::<Utc>::UNIX_EPOCH,
    }
}

fn read(translator: &AlertTranslator, kind: &str, body: &Value) -> AlertNotice {
    match translator.translate(&item(translator.source(), kind, body.to_string().as_bytes())) {
        Translated::Signal(Signal::Alerts(notice)) => notice,
        other => panic!("{body}: {other:?}"),
    }
}

fn am(body: &Value) -> AlertNotice {
    read(&AlertTranslator::Alertmanager, "webhook", body)
}

fn notice() -> Value {
    json!({
        "version": "4", "groupKey": "{}:{alertname=\"Down\"}", "truncatedAlerts": 3, "status": "firing",
        "receiver": "blocks", "externalURL": "http://am:9093",
        "alerts": [{
            "status": "firing", "labels": { "alertname": "Down", "severity": "critical" },
            "annotations": { "summary": "it is down", "runbook_url": "https://wiki/down" },
            "startsAt": "2026-01-01T00:00:00.123Z", "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prom:9090/graph", "fingerprint": "f404ecabc8dd5cd7",
        }],
    })
}

#[test]
fn a_notice_as_alertmanager_sends_it() {
    let read = am(&notice());
    assert_eq!((read.source.as_str(), read.left_out, read.firing), ("alertmanager", 3, true));
    assert_eq!(read.group.as_deref(), Some("{}:{alertname=\"Down\"}"));
    let alert = &read.alerts[0];
    assert_eq!((alert.fingerprint.as_str(), alert.firing, alert.ends_at), ("f404ecabc8dd5cd7", true, None));
    assert_eq!(alert.starts_at.map(|at| at.to_rfc3339()).as_deref(), Some("2026-01-01T00:00:00.123+00:00"));
    let link = |what: &str, url: &str| AlertLink { what: what.to_owned(), url: url.to_owned() };
    assert_eq!(alert.links, [link("runbook", "https://wiki/down"), link("source", "http://prom:9090/graph")]);
}

/// A sender cuts before it looks: its word counts for what cannot be read, and not for what was cut away.
#[test]
fn what_was_cut_away_may_fire_whatever_the_status_is() {
    for (status, wanted) in [(json!("firing"), 4), (json!("resolved"), 3), (Value::Null, 4)] {
        let mut body = notice();
        body["status"] = status.clone();
        body["alerts"].as_array_mut().unwrap().push(json!(5));
        for translator in [AlertTranslator::Alertmanager, AlertTranslator::Grafana] {
            assert_eq!(read(&translator, "webhook", &body).left_out, wanted, "{status}");
        }
    }
}

/// What is missing, null or of another shape than promised is absent, and the rest is read.
#[test]
fn what_is_odd_is_absent_and_the_rest_is_read() {
    for (pointer, odd) in [
        ("/groupKey", Value::Null),
        ("/groupKey", json!(5)),
        ("/truncatedAlerts", json!("3")),
        ("/truncatedAlerts", json!(-1)),
        ("/status", json!(["firing"])),
        ("/externalURL", json!("javascript:alert(1)")),
        ("/alerts/0/labels", Value::Null),
        ("/alerts/0/labels", json!("critical")),
        ("/alerts/0/labels/severity", json!({ "a": 1 })),
        ("/alerts/0/labels/severity", json!(1)),
        ("/alerts/0/annotations", Value::Null),
        ("/alerts/0/annotations/runbook_url", json!("file:///etc/passwd")),
        ("/alerts/0/startsAt", json!("yesterday")),
        ("/alerts/0/startsAt", json!("0001-01-01T00:00:00Z")),
        ("/alerts/0/startsAt", json!("9999-12-31T23:59:59Z")),
        ("/alerts/0/startsAt", json!("99999-01-01T00:00:00Z")),
        ("/alerts/0/startsAt", json!(1e300)),
        ("/alerts/0/endsAt", Value::Null),
        ("/alerts/0/endsAt", json!(7)),
        ("/alerts/0/generatorURL", json!("")),
        ("/alerts/0/generatorURL", Value::Null),
        ("/alerts/0/fingerprint", Value::Null),
        ("/alerts/0/fingerprint", json!(12)),
        ("/alerts/0/fingerprint", json!("x".repeat(5_000))),
    ] {
        let mut body = notice();
        *body.pointer_mut(pointer).unwrap() = odd.clone();
        let read = am(&body);
        let alert = &read.alerts[0];
        assert!(alert.firing && read.firing, "{pointer} {odd}");
        assert!(!alert.fingerprint.is_empty() && alert.fingerprint.len() <= 128, "{pointer} {odd}");
        assert!(
            alert.links.iter().all(|link| link.url.starts_with("http")),
            "{pointer} {odd}: {:?}",
            alert.links
        );
        assert_eq!(am(&body), read, "read twice, read in two ways");
    }
}

#[test]
fn an_alert_has_ended_only_where_that_is_said() {
    for (status, ends, firing) in [
        (json!("resolved"), json!("2026-01-01T01:00:00Z"), false),
        (json!("resolved"), json!("0001-01-01T00:00:00Z"), false),
        (json!("firing"), json!("2026-01-01T01:00:00Z"), true),
        (json!("new word"), json!("2026-01-01T01:00:00Z"), true),
        (Value::Null, json!("2026-01-01T01:00:00Z"), false),
        (Value::Null, json!("0001-01-01T00:00:00Z"), true),
        (Value::Null, Value::Null, true),
    ] {
        let mut body = notice();
        body["alerts"][0]["status"] = status.clone();
        body["alerts"][0]["endsAt"] = ends.clone();
        assert_eq!(am(&body).alerts[0].firing, firing, "{status} {ends}");
    }
}

#[test]
fn what_is_no_notice_says_why() {
    let deep = format!("{{\"alerts\":{}{}}}", "[".repeat(5_000), "]".repeat(5_000));
    for (body, wanted) in [
        ("", "not json"),
        ("{\"alerts\":[{\"status\":", "not json"),
        (deep.as_str(), "not json"),
        ("\u{0}", "not json"),
        ("[]", "not a json object"),
        ("null", "not a json object"),
        ("{}", "no list of alerts"),
        ("{\"alerts\":null}", "no list of alerts"),
        ("{\"alerts\":{}}", "no list of alerts"),
        ("{\"alerts\":[1,null]}", "none of its alerts"),
    ] {
        for translator in [AlertTranslator::Alertmanager, AlertTranslator::Grafana] {
            match translator.translate(&item(translator.source(), "webhook", body.as_bytes())) {
                Translated::Unreadable { reason } => assert!(reason.contains(wanted), "{reason}"),
                other => panic!("{other:?}"),
            }
        }
    }
    assert!(am(&json!({ "alerts": [] })).alerts.is_empty());
    assert_eq!(am(&json!({ "alerts": [null, { "labels": { "a": "b" } }] })).alerts.len(), 1);
}

#[test]
fn grafanas_test_is_understood_and_opens_nothing() {
    let mut body = notice();
    body["alerts"][0]["labels"] = json!({ "alertname": "TestAlert", "instance": "Grafana" });
    let translated = |body: &Value| {
        AlertTranslator::Grafana.translate(&item("grafana", "webhook", body.to_string().as_bytes()))
    };
    assert!(matches!(translated(&body), Translated::Ignored { .. }));
    body["alerts"][0]["labels"]["alertname"] = json!("Down");
    assert!(
        matches!(translated(&body), Translated::Signal(Signal::Alerts(notice)) if notice.source == "grafana")
    );
}

fn mapping() -> JsonMapping {
    let at = |text: &str| Some(Pointer::new(text).unwrap());
    JsonMapping {
        name: "uptime".to_owned(),
        alerts: None,
        fingerprint: Pointer::new("/check/id").unwrap(),
        status: at("/state"),
        resolved: vec!["up".to_owned(), "OK".to_owned()],
        title: at("/check/name"),
        service: at("/check/tags/service"),
        severity: at("/level"),
        group: None,
        starts_at: at("/since"),
        labels: at("/check/tags"),
        links: BTreeMap::from([("dashboard".to_owned(), Pointer::new("/check/url").unwrap())]),
    }
}

#[test]
fn plain_json_is_read_by_its_mapping() {
    let translator = AlertTranslator::Json(vec![mapping()]);
    let body = |state: &str| {
        json!({
            "state": state, "level": 2, "since": 1_767_225_600,
            "check": { "id": 77, "name": "the shop", "url": "https://up/77", "tags": { "service": "shop", "n": 5 } },
        })
    };
    let read_one = |state: &str| read(&translator, "uptime", &body(state));
    let notice = read_one("DOWN");
    assert_eq!(notice.source, "json/uptime");
    let alert = &notice.alerts[0];
    assert_eq!((alert.fingerprint.as_str(), alert.firing), ("77", true));
    let said = [&alert.title, &alert.service, &alert.severity].map(Option::as_deref);
    assert_eq!(said, [Some("the shop"), Some("shop"), Some("2")]);
    assert_eq!(alert.starts_at.map(|at| at.timestamp()), Some(1_767_225_600));
    assert_eq!(alert.labels.get("n").map(String::as_str), Some("5"));
    assert!(!read_one("ok").alerts[0].firing && !read_one(" Up").firing);
    let list = JsonMapping { alerts: Some(Pointer::new("/items").unwrap()), ..mapping() };
    let several = AlertTranslator::Json(vec![list]);
    let two = json!({ "items": [body("down"), body("up")] });
    assert_eq!(read(&several, "uptime", &two).alerts.len(), 2);
    // one that does not read takes none of the others along, and is counted
    let mixed = read(&several, "uptime", &json!({ "items": [{}, body("up"), 5, body("up")] }));
    assert_eq!((mixed.alerts.len(), mixed.left_out, mixed.firing), (2, 2, true));
    let why = "2 of its 4 alerts could not be read: there is no fingerprint at '/check/id'";
    assert_eq!(mixed.unread.as_deref(), Some(why));
    let many = read(&several, "uptime", &json!({ "items": vec![body("up"); 10_003] }));
    assert_eq!((many.alerts.len(), many.left_out, many.unread), (10_000, 3, None));
    for (translator, kind, body, wanted) in [
        (&translator, "uptime", "{}", "no fingerprint at '/check/id'"),
        (&translator, "uptime", "5", "no fingerprint"),
        (&translator, "uptime", "{\"check\":{\"id\":null}}", "no fingerprint"),
        (&translator, "uptime", "{", "not json"),
        (&translator, "gone", "{}", "not configured any more"),
        (&several, "uptime", "{}", "no list of alerts at '/items'"),
        (&several, "uptime", "{\"items\":[{},5]}", "no fingerprint"),
    ] {
        match translator.translate(&item("json", kind, body.as_bytes())) {
            Translated::Unreadable { reason } => assert!(reason.contains(wanted), "{reason}"),
            other => panic!("{other:?}"),
        }
    }
    assert!(Pointer::new("check.id").is_err() && Pointer::new("").is_ok());
}
