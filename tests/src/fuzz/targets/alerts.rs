//! Notices of monitoring systems: whatever comes is read or said to be unreadable, twice the same, and what is read can be decided
//! about.

use blocks_alerts::{AlertTranslator, JsonMapping, Pointer};
use chrono::{DateTime, TimeDelta, Utc};
use runbook_core::alert::{AlertPolicy, Around, SeverityFound, Told, about, decide};
use runbook_core::ports::{InboxItem, Signal, Translated, Translator};

/// What Alertmanager sends.
pub fn alertmanager(data: &[u8]) {
    check(&AlertTranslator::Alertmanager, data);
}

/// What Grafana sends.
pub fn grafana(data: &[u8]) {
    check(&AlertTranslator::Grafana, data);
}

/// Plain JSON, by a mapping: the whole as one alert, and a list.
pub fn alerts_json(data: &[u8]) {
    let at = |text: &str| Pointer::new(text).ok();
    let Ok(fingerprint) = Pointer::new("/fingerprint") else { panic!("a pointer is none") };
    let one = JsonMapping {
        name: "webhook".to_owned(),
        alerts: None,
        fingerprint,
        status: at("/status"),
        resolved: vec!["resolved".to_owned()],
        title: at("/annotations/summary"),
        service: at("/labels/service"),
        severity: at("/labels/severity"),
        group: at("/groupKey"),
        starts_at: at("/startsAt"),
        labels: at("/labels"),
        links: at("/generatorURL").map(|at| ("source".to_owned(), at)).into_iter().collect(),
    };
    let list = JsonMapping { alerts: at("/alerts"), ..one.clone() };
    check(&AlertTranslator::Json(vec![one]), data);
    check(&AlertTranslator::Json(vec![list]), data);
}

fn check(translator: &AlertTranslator, data: &[u8]) {
    let now = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(20_000);
    let item = InboxItem {
        source: translator.source().to_owned(),
        id: "1".to_owned(),
        kind: "webhook".to_owned(),
        body: data.to_vec(),
        received_at: now,
    };
    let meaning = translator.translate(&item);
    assert_eq!(translator.translate(&item), meaning, "read twice, understood in two ways");
    let notice = match meaning {
        Translated::Signal(Signal::Alerts(notice)) => notice,
        Translated::Unreadable { reason } => return assert!(!reason.is_empty()),
        Translated::Ignored { .. } => return,
        Translated::Signal(other) => panic!("it is no notice: {other:?}"),
    };
    let policy = AlertPolicy::default();
    for alert in &notice.alerts {
        assert!(!alert.fingerprint.is_empty() && alert.fingerprint.len() <= 128, "{alert:?}");
        assert!(alert.links.iter().all(|link| link.url.starts_with("http")), "{alert:?}");
        let of = about(alert, &policy);
        assert!(!of.title.is_empty() && of.title.chars().count() <= 200, "{of:?}");
        assert!(!of.service.is_empty() && !of.title.chars().any(char::is_control), "{of:?}");
        let severity = SeverityFound::Is { id: "P1".to_owned(), reason: "it is".to_owned(), guessed: false };
        let told = Told {
            source: &notice.source,
            sender: notice.sender.as_deref(),
            group: notice.group.as_deref(),
            alert,
            about: &of,
            severity: &severity,
            private: false,
            anytime: false,
            with_group: false,
            received_at: now,
        };
        let (_, row) = decide(told, None, &Around::default(), &policy, now);
        assert_eq!(row.firing, alert.firing, "{row:?}");
        let (_, again) = decide(told, Some(&row), &Around::default(), &policy, now);
        assert_eq!(again.firing, row.firing, "told twice, decided in two ways: {again:?}");
    }
}
