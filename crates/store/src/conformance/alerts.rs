//! Alerts of monitoring systems.

use runbook_core::alert::{AlertCount, AlertRow, SentAlert, pager_key};
use runbook_core::ids::IncidentId;
use runbook_core::ports::{AlertsOf, Commit, IncidentRow, RowChange, Store};
use uuid::Uuid;

use super::at;
use super::rows::incident_row;

fn alert_row(fingerprint: &str, incident: Option<u128>, firing: bool, joined_ms: i64) -> AlertRow {
    AlertRow {
        source: "alertmanager".to_owned(),
        fingerprint: fingerprint.to_owned(),
        sender: None,
        group: Some("g".to_owned()),
        alert: SentAlert { fingerprint: fingerprint.to_owned(), firing, ..SentAlert::default() },
        title: "the shop is down".to_owned(),
        service: "shop".to_owned(),
        private: false,
        firing,
        incident: incident.map(|n| IncidentId(Uuid::from_u128(n))),
        joined_at: incident.map(|_| at(joined_ms)),
        ended_unnamed: false,
        turned_at: at(joined_ms),
        seen_at: at(joined_ms),
        turns: vec![at(1)],
        damped: false,
        silenced: false,
        decisions: Vec::new(),
    }
}

/// A row is what it was last, and is found by each of the ways; counts are of the rows.
pub async fn alerts_are_replaced_found_and_counted(store: &dyn Store) {
    let put = async |rows: Vec<AlertRow>| {
        let rows = rows.into_iter().map(|row| RowChange::Alert(Box::new(row))).collect();
        store.commit(Commit { rows, ..Commit::default() }).await.unwrap();
    };
    let names = async |which: AlertsOf, limit| {
        let rows = store.alerts(which, limit).await.unwrap();
        rows.into_iter().map(|row| row.fingerprint).collect::<Vec<_>>()
    };
    let one = IncidentId(Uuid::from_u128(1));
    put(vec![
        alert_row("a", Some(1), true, 30),
        alert_row("b", Some(1), true, 10),
        alert_row("c", Some(2), true, 40),
        alert_row("d", Some(1), true, 20),
        alert_row("e", None, true, 50),
        AlertRow { group: None, ..alert_row("f", Some(2), true, 60) },
        AlertRow { silenced: true, ..alert_row("h", None, true, 70) },
    ])
    .await;
    let ended = alert_row("b", Some(1), false, 10);
    put(vec![ended.clone()]).await;
    assert_eq!(names(AlertsOf::Incident(one), 9).await, ["d", "a", "b"], "those that fire first");
    assert_eq!(names(AlertsOf::Incident(one), 2).await, ["d", "a"]);
    assert_eq!(names(AlertsOf::Newest(one), 1).await, ["a"]);
    assert_eq!(store.alert_count(one).await.unwrap(), AlertCount { firing: 2, total: 3 });
    let nothing = store.alert_count(IncidentId(Uuid::from_u128(9))).await.unwrap();
    assert_eq!(nothing, AlertCount::default());
    let group = AlertsOf::Group { source: "alertmanager".to_owned(), group: "g".to_owned() };
    assert_eq!(names(group, 2).await, ["c", "a"]);
    let other = AlertsOf::Group { source: "grafana".to_owned(), group: "g".to_owned() };
    assert!(names(other, 9).await.is_empty());
    assert_eq!(names(AlertsOf::Loose, 9).await, ["h", "e"]);
    assert_eq!(names(AlertsOf::Watched(None), 9).await, ["h"]);
    put(vec![
        AlertRow { damped: true, ..alert_row("a", Some(1), true, 30) },
        alert_row("h", None, false, 70),
    ])
    .await;
    assert_eq!(names(AlertsOf::Watched(None), 9).await, ["a"]);
    let key = |source: &str, fingerprint: &str| (source.to_owned(), fingerprint.to_owned());
    // page by page, however long ago they were told
    let watched = |name: &str, ms| AlertRow { damped: true, ..alert_row(name, Some(1), true, ms) };
    let elsewhere = AlertRow { source: "grafana".to_owned(), ..watched("a", 5) };
    put(vec![watched("w", 9), watched("v", 90), elsewhere]).await;
    assert_eq!(names(AlertsOf::Watched(None), 2).await, ["a", "v"]);
    let after = |source, name| AlertsOf::Watched(Some(key(source, name)));
    assert_eq!(names(after("alertmanager", "v"), 2).await, ["w", "a"]);
    assert_eq!(names(after("alertmanager", "x"), 2).await, ["a"]);
    assert!(names(after("grafana", "a"), 2).await.is_empty());
    let keys = vec![
        key("alertmanager", "c"),
        key("alertmanager", "b"),
        key("grafana", "b"),
        key("alertmanager", "b"),
    ];
    assert_eq!(names(AlertsOf::These(keys.clone()), 9).await, ["b", "c"]);
    assert_eq!(store.alerts(AlertsOf::These(keys), 1).await.unwrap(), [ended]);
}

/// Of a group those are found that fire or are looked at again, in the order in which they came.
pub async fn what_of_a_group_fires_is_found(store: &dyn Store) {
    let rows = [
        alert_row("ended", Some(1), false, 90),
        alert_row("fires", Some(1), true, 10),
        alert_row("fires too", Some(2), true, 30),
        AlertRow { damped: true, ..alert_row("damped", Some(2), false, 20) },
        alert_row("in none", None, true, 40),
        AlertRow { group: Some("other".to_owned()), ..alert_row("another", Some(1), true, 50) },
        AlertRow { source: "grafana".to_owned(), ..alert_row("another's", Some(1), true, 60) },
    ];
    let rows = rows.map(|row| RowChange::Alert(Box::new(row))).into();
    store.commit(Commit { rows, ..Commit::default() }).await.unwrap();
    let group = AlertsOf::GroupNow { source: "alertmanager".to_owned(), group: "g".to_owned() };
    for (limit, wanted) in [(9, &["fires too", "damped", "fires"][..]), (1, &["fires too"])] {
        let rows = store.alerts(group.clone(), limit).await.unwrap();
        let names: Vec<_> = rows.iter().map(|row| row.fingerprint.as_str()).collect();
        assert_eq!(names, wanted);
    }
    let ended = vec![RowChange::Alert(Box::new(alert_row("fires too", Some(2), false, 30)))];
    store.commit(Commit { rows: ended, ..Commit::default() }).await.unwrap();
    assert_eq!(store.alerts(group, 1).await.unwrap()[0].fingerprint, "damped");
}

/// What has ended is forgotten by its age, a bounded number at a time, and nothing that somebody may still ask for: what fires, what is
/// looked at again, and whatever is in an open incident.
pub async fn ended_alerts_are_forgotten_by_age(store: &dyn Store) {
    let (open, closed, lately) = (7_u128, 8_u128, 6_u128);
    let incident = |number: u64, n: u128, open: bool, resolved_ms: Option<i64>| {
        RowChange::Incident(IncidentRow {
            id: IncidentId(Uuid::from_u128(n)),
            open,
            resolved_at: resolved_ms.map(at),
            ..incident_row(number)
        })
    };
    let alerts = [
        alert_row("closed", Some(closed), false, 10),
        alert_row("loose", None, false, 20),
        alert_row("unknown incident", Some(9), false, 30),
        alert_row("at the time", Some(closed), false, 100),
        alert_row("later", None, false, 101),
        alert_row("open", Some(open), false, 1),
        alert_row("ended lately", Some(lately), false, 1),
        alert_row("fires", Some(closed), true, 2),
        AlertRow { damped: true, ..alert_row("damped", Some(closed), false, 3) },
        AlertRow {
            silenced: true,
            alert: SentAlert { firing: true, ..SentAlert::default() },
            ..alert_row("silenced", None, false, 4)
        },
    ];
    let mut rows = vec![
        incident(1, open, true, None),
        incident(2, closed, false, Some(99)),
        incident(3, lately, false, Some(100)),
    ];
    rows.extend(alerts.iter().map(|row| RowChange::Alert(Box::new(row.clone()))));
    store.commit(Commit { rows, ..Commit::default() }).await.unwrap();
    let left = async || {
        let keys = alerts.iter().map(|row| (row.source.clone(), row.fingerprint.clone())).collect();
        let rows = store.alerts(AlertsOf::These(keys), 99).await.unwrap();
        rows.into_iter().map(|row| row.fingerprint).collect::<Vec<_>>()
    };
    assert_eq!(store.prune_alerts(at(100), 2).await.unwrap(), 2);
    let kept = ["at the time", "damped", "ended lately", "fires", "later", "open", "silenced"];
    assert_eq!(left().await, [&kept[..], &["unknown incident"]].concat(), "the oldest first");
    assert_eq!(store.prune_alerts(at(100), 2).await.unwrap(), 1);
    assert_eq!(store.prune_alerts(at(100), 2).await.unwrap(), 0);
    assert_eq!(left().await, kept);
    // its incident is over now
    store
        .commit(Commit { rows: vec![incident(1, open, false, Some(50))], ..Commit::default() })
        .await
        .unwrap();
    assert_eq!(store.prune_alerts(at(100), 9).await.unwrap(), 1);
}

/// Open incidents that alerts came to are found, the newest first, and no others.
pub async fn open_incidents_with_alerts_are_found(store: &dyn Store) {
    let incident = |number: u64, open: bool| {
        let id = IncidentId(Uuid::from_u128(number.into()));
        RowChange::Incident(IncidentRow { id, open, ..incident_row(number) })
    };
    let alert = |name: &str, n| RowChange::Alert(Box::new(alert_row(name, n, true, 1)));
    let rows = vec![
        incident(1, true),
        incident(2, true),
        incident(3, false),
        incident(4, true),
        alert("a", Some(1)),
        alert("b", Some(1)),
        alert("c", Some(3)),
        alert("d", Some(4)),
        alert("e", None),
    ];
    store.commit(Commit { rows, ..Commit::default() }).await.unwrap();
    let numbers = async |limit| {
        let rows = store.incidents_with_alerts(limit).await.unwrap();
        rows.into_iter().map(|row| row.number.0).collect::<Vec<_>>()
    };
    assert_eq!(numbers(9).await, [4, 1]);
    assert_eq!(numbers(1).await, [4]);
}

/// Of each incident the newest alert, of all or of those that a page's key names: by the hash of a group, or by a name within a service.
pub async fn the_newest_alerts_of_incidents_are_found_by_the_key_of_a_page(store: &dyn Store) {
    let incident = |number: u64, open: bool| {
        let id = IncidentId(Uuid::from_u128(number.into()));
        RowChange::Incident(IncidentRow { id, open, ..incident_row(number) })
    };
    let named =
        |name: &str, n, ms| AlertRow { group: Some("key".to_owned()), ..alert_row(name, Some(n), true, ms) };
    let alerts = [
        alert_row("a", Some(1), true, 10),
        alert_row("b", Some(1), true, 30),
        alert_row("c", Some(2), false, 20),
        alert_row("closed", Some(3), true, 40),
        AlertRow { group: None, ..alert_row("key", Some(2), true, 50) },
        named("n", 1, 5),
        AlertRow { service: "cart".to_owned(), source: "grafana".to_owned(), ..named("m", 1, 60) },
    ];
    let rows = alerts.into_iter().map(|row| RowChange::Alert(Box::new(row)));
    let rows = rows.chain([incident(1, true), incident(2, true), incident(3, false)]).collect();
    store.commit(Commit { rows, ..Commit::default() }).await.unwrap();
    let names = async |which: AlertsOf, limit| {
        let rows = store.alerts(which, limit).await.unwrap();
        rows.into_iter().map(|row| row.fingerprint).collect::<Vec<_>>()
    };
    let these = AlertsOf::NewestOf([2, 1, 9].map(|n| IncidentId(Uuid::from_u128(n))).to_vec());
    assert_eq!(names(these.clone(), 9).await, ["m", "key"]);
    assert_eq!(names(these, 1).await, ["m"]);
    for (key, service, wanted) in [
        (pager_key("g").as_str(), "other", &["b", "c"][..]),
        (pager_key("g").to_uppercase().as_str(), "other", &["b", "c"]),
        ("key", "shop", &["key", "n"]),
        ("key", "cart", &["m"]),
        ("key", "other", &[]),
        ("", "shop", &[]),
    ] {
        let page = AlertsOf::OfPage { key: key.to_owned(), service: service.to_owned() };
        assert_eq!(names(page.clone(), 9).await, wanted, "{key} {service}");
        assert_eq!(names(page, 1).await, wanted[..wanted.len().min(1)], "{key} {service}");
    }
}
