use chrono::{DateTime, Utc};
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn translate(body: &Value) -> Translated {
    let item = InboxItem {
        source: SOURCE.to_owned(),
        id: "key".to_owned(),
        kind: "change".to_owned(),
        body: body.to_string().into_bytes(),
        received_at: DateTime::<Utc>::UNIX_EPOCH,
    };
    ChangeTranslator.translate(&item)
}

fn change(body: &Value) -> ToldChange {
    match translate(body) {
        Translated::Signal(Signal::Change(change)) => *change,
        other => panic!("{body}: {other:?}"),
    }
}

fn reason(body: &Value) -> String {
    match translate(body) {
        Translated::Unreadable { reason } => reason,
        other => panic!("{body}: {other:?}"),
    }
}

fn time(text: &str) -> Option<DateTime<Utc>> {
    Some(DateTime::parse_from_rfc3339(text).unwrap().with_timezone(&Utc))
}

fn plain() -> Value {
    json!({
        "service": "shop", "summary": "rolled out", "at": "2026-01-01T01:00:00.5+01:00", "by": "ana",
        "version": "v1.4.2", "link": "https://ci.example.com/7", "id": "77", "source": "ci", "kind": "deployment",
    })
}

#[test]
fn a_change_in_our_own_words() {
    let read = change(&plain());
    assert_eq!((read.key.as_str(), read.service.clone()), ("key", vec!["shop".to_owned()]));
    assert_eq!(read.at, time("2026-01-01T00:00:00.5Z"));
    let words =
        [&read.author, &read.version, &read.link, &read.kind].map(|word| word.as_deref().unwrap_or_default());
    assert_eq!(words, ["ana", "v1.4.2", "https://ci.example.com/7", "deployment"]);
    let least = change(&json!({ "service": "shop", "revision": "a1b2c3d", "author": "ben" }));
    assert_eq!((least.summary.as_str(), least.source.as_str()), ("a1b2c3d deployed", "change hook"));
    assert_eq!((least.author.as_deref(), least.at), (Some("ben"), None));
}

/// What is missing, null or of another shape than promised is absent, and the rest is read.
#[test]
fn what_is_odd_is_absent_and_the_rest_is_read() {
    for (key, odd, wanted) in [
        ("at", Value::Null, None),
        ("at", json!(""), None),
        ("at", json!("0001-01-01T00:00:00Z"), None),
        ("at", json!(true), None),
        ("at", json!({ "a": 1 }), None),
        ("at", json!(1e300), None),
        ("at", json!(-62_135_596_800_i64), None),
        ("at", json!(1_767_225_600), time("2026-01-01T00:00:00Z")),
        ("at", json!(1_767_225_600_000_i64), time("2026-01-01T00:00:00Z")),
        ("at", json!("9999-12-31T23:59:59Z"), time("9999-12-31T23:59:59Z")),
    ] {
        let mut body = plain();
        body[key] = odd.clone();
        assert_eq!(change(&body).at, wanted, "{odd}");
    }
    for odd in [Value::Null, json!([]), json!({ "a": 1 }), json!(""), json!(" \n ")] {
        let mut body = plain();
        for key in ["by", "version", "link", "id", "source", "kind", "something else"] {
            body[key] = odd.clone();
        }
        let read = change(&body);
        assert_eq!((read.author, read.version, read.link, read.kind), (None, None, None, None), "{odd}");
        assert_eq!(read.source, "change hook", "{odd}");
    }
    let mut body = plain();
    body["service"] = json!(7);
    body["summary"] = json!(false);
    body["version"] = json!(1.4);
    body["link"] = json!("javascript:alert(1)");
    body["by"] = json!("a\u{202e}n\ta\n<!channel>");
    let read = change(&body);
    assert_eq!((read.service[0].as_str(), read.summary.as_str()), ("7", "false"));
    assert_eq!((read.version.as_deref(), read.link), (Some("1.4"), None));
    assert_eq!(read.author.as_deref(), Some("an a <!channel>"), "one line; where it is shown it is escaped");
    body["summary"] = json!("long ".repeat(10_000));
    assert_eq!(change(&body).summary.chars().count(), 300);
}

#[test]
fn what_cannot_be_a_change_says_why() {
    for (body, wanted) in [
        (json!([]), "the body is not a json object"),
        (json!("shop"), "the body is not a json object"),
        (Value::Null, "the body is not a json object"),
        (json!({}), "there is no service"),
        (json!({ "service": null, "summary": "x" }), "there is no service"),
        (json!({ "service": ["shop"], "summary": "x" }), "there is no service"),
        (json!({ "service": "shop" }), "there is no summary"),
        (json!({ "service": "shop", "summary": "\u{200b}\n" }), "there is no summary"),
        (json!({ "service": "shop", "summary": "x", "at": "yesterday" }), "the time does not read"),
        (json!({ "specversion": "1.0" }), "the event has no id"),
        (json!({ "specversion": 1, "id": "1", "source": "/ci" }), "the event has no type"),
        (
            json!({ "specversion": "0.3", "id": "1", "source": "/ci", "type": "x" }),
            "of another version of CloudEvents",
        ),
        (json!({ "specversion": "1.0", "id": "1", "source": "/ci", "type": "x" }), "there is no service"),
        (
            json!({ "specversion": "1.0", "id": "1", "source": "/ci", "type": "x", "subject": "shop", "data": "x" }),
            "there is no summary",
        ),
    ] {
        let reason = reason(&body);
        assert!(reason.contains(wanted), "{body}: {reason}");
    }
    let deep = format!("{{\"service\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    for text in ["", "not json", "{\"service\":\"shop\"", "\u{0}", deep.as_str()] {
        assert!(read(text.as_bytes(), false).is_err_and(|reason| reason.contains("not json")));
    }
    assert!(read(b"{\"service\":\"\xff\"}", false).is_err());
}

#[test]
fn an_event_fills_in_what_its_data_leave_open() {
    let mut event = json!({
        "specversion": "1.0", "id": "A-1", "source": "/teams/shop/ci", "type": "com.example.flag.changed",
        "subject": "shop", "time": "2026-01-01T00:00:00Z", "data": { "summary": "flag x is on", "by": "ana" },
    });
    let read = change(&event);
    assert_eq!((read.service[0].as_str(), read.summary.as_str()), ("shop", "flag x is on"));
    assert_eq!(
        (read.source.as_str(), read.kind.as_deref()),
        ("/teams/shop/ci", Some("com.example.flag.changed"))
    );
    assert_eq!((read.at, read.author.as_deref()), (time("2026-01-01T00:00:00Z"), Some("ana")));
    event["data"]["service"] = json!("billing");
    event["data"]["at"] = json!("2025-12-31T00:00:00Z");
    let read = change(&event);
    assert_eq!((read.service[0].as_str(), read.at), ("billing", time("2025-12-31T00:00:00Z")));
}

/// As the specification's own examples have it.
fn cdevent(kind: &str, content: &Value) -> Value {
    json!({
        "specversion": "1.0", "id": "271069a8-fc18-44f1-b38f-9d70a1695819", "source": "/event/source/123",
        "type": kind, "subject": "service/shop", "time": "2023-03-20T14:27:05.315384Z",
        "datacontenttype": "application/cdevents+json",
        "data": {
            "context": {
                "version": "0.4.0", "id": "271069a8-fc18-44f1-b38f-9d70a1695819", "source": "/event/source/123",
                "type": kind, "timestamp": "2023-03-20T14:27:05.315384Z",
            },
            "subject": { "id": "service/shop", "source": "/event/source/123", "type": "service", "content": content },
        },
    })
}

#[test]
fn deployments_of_cdevents() {
    let content = json!({
        "environment": { "id": "prod-1" },
        "artifactId": "pkg:oci/shop@sha256%3A0b31b1c02ff458ad9b7b81cbdf8f028bd54699fa151f221d1e8de6817db93427",
    });
    let image = "pkg:oci/shop@sha256:0b31b1c02ff458ad9b7b81cbdf8f028bd54699fa151f221d1e8de6817db93427";
    for (kind, done) in [
        ("dev.cdevents.service.deployed.0.2.0", "deployed"),
        ("dev.cdevents.service.upgraded.0.3.0-draft", "upgraded to"),
        ("dev.cdevents.service.rolledback.0.2.0", "rolled back to"),
        ("dev.cdevents.service.published.0.2.0", "published"),
        ("dev.cdevents.service.removed", "removed"),
    ] {
        let read = change(&cdevent(kind, &content));
        assert_eq!(read.summary, format!("{done} {image} in prod-1"));
        assert_eq!(read.service, ["service/shop", "shop"], "both names may be ours");
        assert_eq!(read.version.as_deref(), image.rsplit_once('@').map(|(_, version)| version));
        assert_eq!(read.at.map(|at| at.timestamp()), time("2023-03-20T14:27:05Z").map(|at| at.timestamp()));
    }
    let published = change(&cdevent(
        "dev.cdevents.service.published.0.1.1",
        &json!({ "environment": { "id": "1", "name": "production" } }),
    ));
    assert_eq!((published.summary.as_str(), published.version), ("published in production", None));
    for other in [
        "dev.cdevents.pipelinerun.started.0.2.0",
        "dev.cdevents.service.renamed.1.0.0",
        "dev.cdevents.services.deployed.0.1.0",
        "dev.cdevents.",
    ] {
        assert_eq!(translate(&cdevent(other, &content)), Translated::Ignored { kind: other.to_owned() });
    }
    // what promises are broken by: no subject, null, a number
    let mut odd = cdevent("dev.cdevents.service.deployed.0.2.0", &json!(null));
    odd["data"]["subject"]["id"] = Value::Null;
    odd["time"] = Value::Null;
    odd["data"]["context"]["timestamp"] = json!(1_679_322_425);
    let read = change(&odd);
    assert_eq!((read.service[0].as_str(), read.summary.as_str()), ("service/shop", "deployed"));
    assert_eq!(read.at.map(|at| at.timestamp()), Some(1_679_322_425));
    odd["data"] = json!("x");
    assert_eq!(change(&odd).summary, "deployed");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..200), is_event: bool) {
        let _any = read(&body, is_event);
    }
}
