//! Alerts and pages of the same, merges, and what comes back after its end: one incident each, and somebody is called for it.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use runbook_core::alert::{AlertNotice, AlertRow, SentAlert, group_key};
use runbook_core::ids::{IncidentId, IncidentNumber};
use runbook_core::incident::{AlertsTold, End, Incident, IncidentCommand, IncidentEvent, Status};
use runbook_core::journal::Cause;
use runbook_core::ports::{IncidentRow, PagerCall, PagerEventKind, PagerIncident, Signal, Translated};
use runbook_core::request::Request;
use sha2::{Digest, Sha256};

use super::climb::{pages, steps};
use crate::origin::Origin;
use crate::testkit::{Bench, check, locked, page};

const GROUP: &str = r#"{}:{alertname="Down"}"#;

fn alert(name: &str, service: &str, firing: bool) -> SentAlert {
    let labels = [("alertname", "Down"), ("service", service), ("severity", "critical")];
    SentAlert {
        fingerprint: name.to_owned(),
        firing,
        labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        annotations: BTreeMap::from([("summary".to_owned(), format!("{name} is down"))]),
        ..SentAlert::default()
    }
}

async fn told(bench: &mut Bench, id: &str, group: &str, alerts: Vec<SentAlert>) {
    let notice = AlertNotice {
        source: "alertmanager".to_owned(),
        group: Some(group.to_owned()),
        firing: alerts.iter().any(|alert| alert.firing),
        alerts,
        ..AlertNotice::default()
    };
    bench.hand_in("alertmanager", id, Translated::Signal(Signal::Alerts(notice))).await;
    bench.pass(6_000).await;
}

async fn paged(bench: &mut Bench, id: &str, page: PagerIncident) {
    bench.pager_says(id, PagerEventKind::Triggered, page, None).await;
    bench.pass(2_000).await;
}

async fn all(bench: &Bench) -> Vec<(Incident, Vec<IncidentEvent>)> {
    let ids: Vec<_> = locked(&bench.data).incidents.keys().copied().collect();
    let mut found = Vec::new();
    for id in ids {
        found.push(bench.incident_events(id).await);
    }
    found.sort_by_key(|(incident, _)| incident.number);
    found
}

async fn only(bench: &Bench) -> (Incident, Vec<IncidentEvent>) {
    let mut found = all(bench).await;
    assert_eq!(found.len(), 1, "one incident");
    found.remove(0)
}

fn tally(incident: &Incident) -> (u64, u64) {
    let count = incident.alerts.as_ref().map(runbook_core::incident::Alerts::count).unwrap_or_default();
    (count.firing, count.total)
}

async fn merge(bench: &mut Bench, id: &str, from: &str, into: &str) {
    let request = Request::IncidentMerge { incident: Some(from.to_owned()), into: into.to_owned() };
    let said = bench.ask(id, "ana", request).await;
    assert!(said.contains("is merged into"), "{said}");
}

async fn explained(bench: &mut Bench, id: &str, number: &str) -> String {
    bench.ask(id, "ana", Request::IncidentExplain { incident: Some(number.to_owned()) }).await
}

/// What is told of the alerts of a merged incident is about the one that goes on, however often that was merged: counted there, and
/// it ends with the last of them.
#[tokio::test(start_paused = true)]
async fn the_alerts_of_a_merged_incident_are_the_others() {
    let mut bench = Bench::with(&[], |_| ()).await;
    for (n, service) in ["billing", "shop", "bank"].into_iter().enumerate() {
        let alerts =
            vec![alert(&format!("{service}1"), service, true), alert(&format!("{service}2"), service, true)];
        told(&mut bench, &n.to_string(), service, alerts).await;
    }
    merge(&mut bench, "m1", "INC-1", "INC-2").await;
    merge(&mut bench, "m2", "INC-2", "INC-3").await;
    bench.reboot().await;
    let found = all(&bench).await;
    assert_eq!(tally(&found[2].0), (6, 6));
    let said = explained(&mut bench, "e3", "INC-3").await;
    assert!(
        said.contains("4 alerts came along") && said.contains("followed: the incident where it was"),
        "{said}"
    );
    let said = explained(&mut bench, "e1", "INC-1").await;
    assert!(said.contains("they went along to INC-2"), "{said}");
    told(&mut bench, "own", "bank", vec![alert("bank1", "bank", false), alert("bank2", "bank", false)]).await;
    let found = all(&bench).await;
    assert_eq!((tally(&found[2].0), found[2].0.status.is_open()), ((4, 6), true), "others fire still");
    told(
        &mut bench,
        "first",
        "billing",
        vec![alert("billing1", "billing", false), alert("billing2", "billing", true)],
    )
    .await;
    told(&mut bench, "second", "shop", vec![alert("shop1", "shop", false), alert("shop2", "shop", false)])
        .await;
    let found = all(&bench).await;
    assert_eq!((tally(&found[2].0), found[2].0.status.is_open()), ((1, 6), true));
    told(&mut bench, "last", "billing", vec![alert("billing2", "billing", false)]).await;
    let found = all(&bench).await;
    assert_eq!((tally(&found[2].0), found[2].0.status), ((0, 6), Status::Resolved));
    bench.pass(60_000).await;
    told(&mut bench, "again", "billing", vec![alert("billing1", "billing", true)]).await;
    let found = all(&bench).await;
    assert_eq!(found.len(), 3, "it comes back where it was");
    assert_eq!((tally(&found[2].0), found[2].0.status), ((1, 6), Status::Triggered));
    assert!(matches!(found[0].0.end, Some(End::Merged { .. })));
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// Round and round: one that is opened again is a part of nothing, and the other may become a part of it.
#[tokio::test(start_paused = true)]
async fn merges_in_a_circle_end() {
    let mut bench = Bench::with(&[], |_| ()).await;
    told(&mut bench, "1", "a", vec![alert("a", "billing", true)]).await;
    told(&mut bench, "2", "b", vec![alert("b", "shop", true)]).await;
    merge(&mut bench, "m1", "INC-1", "INC-2").await;
    let reopen =
        Request::IncidentReopen { incident: Some("INC-1".to_owned()), reason: "not the same".to_owned() };
    bench.ask("again", "ana", reopen).await;
    merge(&mut bench, "m2", "INC-2", "INC-1").await;
    told(&mut bench, "3", "a", vec![alert("a", "billing", true)]).await;
    told(&mut bench, "4", "b", vec![alert("b", "shop", false)]).await;
    let found = all(&bench).await;
    assert_eq!(tally(&found[0].0), (1, 2));
    assert!(found[0].0.status.is_open());
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// A merge at the pager takes alerts along, too, and the pager has the last word on the other.
#[tokio::test(start_paused = true)]
async fn a_merge_at_the_pager_takes_alerts_along() {
    let mut bench = Bench::with(&[], |_| ()).await;
    paged(&mut bench, "p1", page("Q1")).await;
    told(&mut bench, "1", "g", vec![alert("a", "flowengine", true)]).await;
    let other = PagerIncident { service_id: Some("PBILL".to_owned()), ..page("Q2") };
    paged(&mut bench, "p2", other).await;
    let merged = PagerEventKind::MergedInto { other: "Q2".to_owned() };
    bench.pager_says("merged", merged, page("Q1"), None).await;
    bench.pass(2_000).await;
    told(&mut bench, "2", "g", vec![alert("a", "flowengine", false)]).await;
    let found = all(&bench).await;
    assert_eq!((tally(&found[1].0), found[1].0.status), ((0, 1), Status::Triggered));
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// What alerts tell while the merge waits for them goes along, too.
#[tokio::test(start_paused = true)]
async fn a_merge_at_the_pager_takes_along_what_is_told_in_this_moment() {
    let mut bench = Bench::with(&[], |_| ()).await;
    paged(&mut bench, "p1", page("Q1")).await;
    told(&mut bench, "1", "g", vec![alert("a", "flowengine", true)]).await;
    paged(&mut bench, "p2", PagerIncident { service_id: Some("PBILL".to_owned()), ..page("Q2") }).await;
    let from = all(&bench).await.remove(0).0;
    {
        let engine = bench.engine.clone();
        let _gate = engine.inner.alert_gate.lock().await;
        let merged = PagerEventKind::MergedInto { other: "Q2".to_owned() };
        bench.pager_says("merged", merged, page("Q1"), None).await;
        bench.pass(2_000).await;
        // as whoever holds the gate tells it
        let mut tally = from.alerts.unwrap().tally;
        tally.leave_out(&BTreeMap::from([(group_key("alertmanager", None, Some("g")), 3)]));
        let told = AlertsTold {
            source: "alertmanager".to_owned(),
            tally,
            reasons: Vec::new(),
            reopens: None,
            damped: Vec::new(),
            steady: Vec::new(),
            raises: None,
        };
        let command = IncidentCommand::TellAlerts(Box::new(told));
        let origin = Origin::system("alertmanager", Cause::Timer);
        engine.change_incident(from.id, &command, &origin, None).await.unwrap();
    }
    bench.pass(2_000).await;
    let found = all(&bench).await;
    assert!(matches!(found[0].0.end, Some(End::Merged { .. })));
    assert_eq!(found[1].0.alerts.as_ref().unwrap().tally.left_out, 3);
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// Alertmanager tells both of the same. Whichever comes first, it is one incident with one severity, and nobody is paged for it by us
/// whom the pager pages.
#[tokio::test(start_paused = true)]
async fn an_alert_and_its_page_are_one_incident_in_both_orders() {
    let mut ends = Vec::new();
    for alert_first in [true, false] {
        for priority in [Some("P2"), None] {
            let mut bench = Bench::with(&[], steps).await;
            let its = PagerIncident { priority: priority.map(str::to_owned), ..page("Q1") };
            for step in 0..2 {
                if alert_first == (step == 0) {
                    let notice = vec![alert("a", "flowengine", true)];
                    let notice = AlertNotice {
                        source: "alertmanager".to_owned(),
                        group: Some(GROUP.to_owned()),
                        firing: true,
                        alerts: notice,
                        ..AlertNotice::default()
                    };
                    bench.hand_in("alertmanager", "1", Translated::Signal(Signal::Alerts(notice))).await;
                } else {
                    bench.pager_says("p", PagerEventKind::Triggered, its.clone(), None).await;
                }
                bench.pass(1_500).await;
            }
            bench.pass(200_000).await;
            let (incident, events) = only(&bench).await;
            assert_eq!(incident.pager.as_ref().map(|pager| pager.id.as_str()), Some("Q1"));
            assert_eq!(pages(&bench), Vec::<String>::new(), "alert first: {alert_first}");
            let joined = events.iter().any(|event| matches!(event, IncidentEvent::PagerJoined { .. }));
            assert_eq!(joined, alert_first, "{events:?}");
            ends.push((priority, incident.severity.clone()));
            // the alert is over, and the pager has the last word
            told(&mut bench, "2", GROUP, vec![alert("a", "flowengine", false)]).await;
            assert_eq!(only(&bench).await.0.status, Status::Triggered);
            bench.pager_says("over", PagerEventKind::Resolved, its, None).await;
            bench.pass(2_000).await;
            assert_eq!(only(&bench).await.0.status, Status::Resolved);
            assert_eq!(check(&bench), Vec::<String>::new());
        }
    }
    assert_eq!(ends[..2], ends[2..], "the order makes no difference");
    assert_eq!(ends[0], (Some("P2"), "P2".to_owned()), "the page names it");
}

/// Who sends alerts of a service here wants to hear of it, whether blocks.toml names it or not.
#[tokio::test(start_paused = true)]
async fn an_alert_in_another_teams_page_calls_people_in_both_orders() {
    for alert_first in [true, false] {
        let mut bench = Bench::with(&[], steps).await;
        let its = PagerIncident {
            service_id: Some("PODD".to_owned()),
            service_name: Some("payroll".to_owned()),
            ..page("Q1")
        };
        for step in 0..2 {
            if alert_first == (step == 0) {
                told(&mut bench, "1", GROUP, vec![alert("a", "payroll", true)]).await;
            } else {
                paged(&mut bench, "p", its.clone()).await;
            }
        }
        let (incident, _) = only(&bench).await;
        assert!(incident.pager.is_some() && incident.alerts.is_some(), "alert first: {alert_first}");
        bench.pass(330_000).await;
        assert!(pages(&bench).contains(&"sam@example.com".to_owned()), "alert first: {alert_first}");
        assert_eq!(check(&bench), Vec::<String>::new());
    }
}

/// By its key a page is known at any time and whatever its service is called; by its service while alerts gather.
#[tokio::test(start_paused = true)]
async fn which_page_is_an_alerts() {
    let key = || Some(hex::encode(Sha256::digest(GROUP)));
    let of = |service: &str, key: Option<String>| PagerIncident {
        service_id: None,
        service_name: Some(service.to_owned()),
        key,
        ..page("Q1")
    };
    for (waits_ms, its, incidents) in [
        (1_000, of("billing", None), 1),
        (1_000, of("Billing", None), 2),
        (9 * 60_000, of("billing", Some("other".to_owned())), 1),
        (11 * 60_000, of("billing", None), 2),
        (11 * 60_000, of("billing", key()), 1),
        (1_000, of("Billing of the shop", key()), 1),
    ] {
        let mut bench = Bench::with(&[], |_| ()).await;
        told(&mut bench, "1", GROUP, vec![alert("a", "billing", true)]).await;
        bench.pass(waits_ms).await;
        let what = format!("{waits_ms} {its:?}");
        paged(&mut bench, "p", its).await;
        assert_eq!(all(&bench).await.len(), incidents, "{what}");
        // another page is another incident
        paged(
            &mut bench,
            "p2",
            PagerIncident { service_name: Some("billing".to_owned()), service_id: None, ..page("Q2") },
        )
        .await;
        assert_eq!(
            all(&bench).await.len(),
            if incidents == 1 || waits_ms > 600_000 { incidents + 1 } else { 2 },
            "{what}"
        );
    }
}

/// Incidents that a page is not about cost it nothing, however many of them are open.
#[tokio::test(start_paused = true)]
async fn a_page_is_not_compared_with_what_it_is_not_about() {
    let mut bench = Bench::with(&[], |_| ()).await;
    let many = (0..60).map(|n| alert(&format!("a{n}"), &format!("s{n}"), true)).collect();
    let notice = AlertNotice {
        source: "alertmanager".to_owned(),
        firing: true,
        alerts: many,
        ..AlertNotice::default()
    };
    bench.hand_in("alertmanager", "1", Translated::Signal(Signal::Alerts(notice))).await;
    bench.pass(6_000).await;
    for key in [None, Some("a7".to_owned()), Some("nobody's".to_owned())] {
        let page = PagerIncident { key, ..page("Q1") };
        let before = bench.faults.reads.load(Ordering::SeqCst);
        let (found, why) = bench.engine.incident_of_page(&page, "s7", false).await.unwrap().unwrap();
        let reads = bench.faults.reads.load(Ordering::SeqCst) - before;
        assert_eq!(found.service, "s7", "{why}");
        assert_eq!(why.contains("its key"), page.key.as_deref() == Some("a7"), "{why}");
        assert!(reads < 20, "{reads} reads");
    }
}

/// However many others alerts have opened since, a page is known by its key.
#[tokio::test(start_paused = true)]
async fn a_page_is_known_by_its_key_however_many_came_since() {
    let mut bench = Bench::with(&[], |_| ()).await;
    told(&mut bench, "1", GROUP, vec![alert("a", "billing", true)]).await;
    let (incident, _) = only(&bench).await;
    {
        let mut data = locked(&bench.data);
        let its = data.alerts.values().next().unwrap().clone();
        for n in 2..=1_001_u64 {
            let id = IncidentId(uuid::Uuid::from_u128(n.into()));
            data.incidents.insert(id, IncidentRow { id, number: IncidentNumber(n), ..incident.row() });
            let alert =
                AlertRow { fingerprint: format!("n{n}"), group: None, incident: Some(id), ..its.clone() };
            data.alerts.insert((alert.source.clone(), alert.fingerprint.clone()), alert);
        }
    }
    let page = PagerIncident { key: Some(hex::encode(Sha256::digest(GROUP))), ..page("Q1") };
    let (found, why) = bench.engine.incident_of_page(&page, "another", false).await.unwrap().unwrap();
    assert!(found.id == incident.id && why.contains("its key at PagerDuty"), "{why}");
}

/// The same where the page came first, whatever its service is called and however long ago it came.
#[tokio::test(start_paused = true)]
async fn an_alert_joins_the_page_that_has_the_key_of_its_group() {
    for (key, incidents) in [(GROUP, 1), ("another group", 2)] {
        let mut bench = Bench::with(&[], |_| ()).await;
        let key = Some(hex::encode(Sha256::digest(key)));
        paged(&mut bench, "p", PagerIncident { key, ..page("Q1") }).await;
        bench.pass(3_600_000).await;
        told(&mut bench, "1", GROUP, vec![alert("a", "shop", true), alert("b", "bank", true)]).await;
        let found = all(&bench).await;
        // without the key the first opens one, and the second is of its group
        assert_eq!(found.len(), incidents, "{incidents}");
        assert_eq!(tally(&found[incidents - 1].0), (2, 2));
        assert_eq!(check(&bench), Vec::<String>::new());
    }
}

/// Nothing private joins what others read, nor the other way round, by whatever key.
#[tokio::test(start_paused = true)]
async fn a_page_joins_nothing_across_private_and_public() {
    for (alerts_of, page_of) in [("billing", "flowengine"), ("flowengine", "billing")] {
        let mut bench = Bench::with(&[], |settings| {
            if let Some(billing) = settings.services.iter_mut().find(|service| service.name == "billing") {
                billing.private = true;
            }
        })
        .await;
        told(&mut bench, "1", GROUP, vec![alert("a", alerts_of, true)]).await;
        let service_id = if page_of == "billing" { "PBILL" } else { "PFLOW" };
        let key = Some(hex::encode(Sha256::digest(GROUP)));
        paged(&mut bench, "p", PagerIncident { service_id: Some(service_id.to_owned()), key, ..page("Q1") })
            .await;
        let found = all(&bench).await;
        assert_eq!(found.len(), 2, "{alerts_of}");
        assert_ne!(found[0].0.private, found[1].0.private);
    }
}

/// What the pager tells of a page before the page itself is acted on where that joins.
#[tokio::test(start_paused = true)]
async fn what_came_before_the_page_is_acted_on_where_that_joins() {
    let mut bench = Bench::with(&[], |_| ()).await;
    told(&mut bench, "1", GROUP, vec![alert("a", "flowengine", true)]).await;
    let note = PagerEventKind::Note { id: Some("N1".to_owned()), text: "seen before it".to_owned() };
    bench.pager_says("note", note, page("Q1"), Some("P-ben")).await;
    paged(&mut bench, "p", page("Q1")).await;
    let (incident, events) = only(&bench).await;
    assert!(incident.pager.is_some(), "the page joins");
    let notes = events.iter().filter(
        |event| matches!(event, IncidentEvent::PagerNoted { text: Some(text), .. } if text.contains("seen before it")),
    );
    assert_eq!(notes.count(), 1, "{events:?}");
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// Somebody has it when its page comes: the pager is told, and wakes nobody.
#[tokio::test(start_paused = true)]
async fn a_page_for_what_somebody_has_is_acknowledged() {
    let mut bench = Bench::with(&[], |_| ()).await;
    told(&mut bench, "1", GROUP, vec![alert("a", "flowengine", true)]).await;
    bench.ask("ack", "ana", Request::IncidentAck { incident: Some("INC-1".to_owned()) }).await;
    let request = Request::IncidentSeverity { incident: None, severity: "P3".to_owned() };
    bench.ask("severity", "ana", request).await;
    paged(&mut bench, "p", page("Q1")).await;
    bench.pass(5_000).await;
    let (incident, _) = only(&bench).await;
    assert_eq!((incident.status, incident.severity.as_str()), (Status::Acknowledged, "P3"));
    let calls = locked(&bench.world.pager).calls.clone();
    let acks: Vec<_> = calls
        .iter()
        .filter_map(|call| match call {
            PagerCall::Acknowledge { incident, from } => Some((incident.as_str(), from.as_deref())),
            _ => None,
        })
        .collect();
    assert_eq!(acks, [("Q1", Some("ana@example.com"))], "{calls:?}");
    let severities =
        calls.iter().filter(|call| matches!(call, PagerCall::Severity { severity, .. } if severity == "P3"));
    assert_eq!(severities.count(), 1, "{calls:?}");
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// Whoever had taken it before its end may sleep: what comes back calls people like what is new, once by us where the pager has it as
/// over.
#[tokio::test(start_paused = true)]
async fn what_an_alert_opens_again_calls_people_anew() {
    for is_paged in [None, Some(true), Some(false)] {
        let mut bench = Bench::with(&[], steps).await;
        // the pager's page before the alert, or after it, or never
        if is_paged == Some(true) {
            bench.pager_says("p", PagerEventKind::Triggered, page("Q1"), None).await;
        }
        told(&mut bench, "1", GROUP, vec![alert("a", "flowengine", true)]).await;
        if is_paged == Some(false) {
            bench.pager_says("p", PagerEventKind::Triggered, page("Q1"), None).await;
            bench.pass(1_000).await;
        }
        bench.ask("ack", "ana", Request::IncidentAck { incident: Some("INC-1".to_owned()) }).await;
        let before = pages(&bench).len();
        bench.pass(1_200_000).await;
        assert_eq!(pages(&bench).len(), before, "ana has it");
        told(&mut bench, "2", GROUP, vec![alert("a", "flowengine", false)]).await;
        if is_paged.is_some() {
            bench.pager_says("over", PagerEventKind::Resolved, page("Q1"), None).await;
        }
        bench.pass(60_000).await;
        assert_eq!(only(&bench).await.0.status, Status::Resolved, "{is_paged:?}");
        told(&mut bench, "3", GROUP, vec![alert("a", "flowengine", true)]).await;
        let (incident, events) = only(&bench).await;
        assert_eq!(incident.status, Status::Triggered, "{is_paged:?}");
        assert!(events.iter().any(|event| matches!(event, IncidentEvent::Reopened { anew: true, .. })));
        bench.pass(400_000).await;
        let called = pages(&bench).split_off(before);
        assert_eq!(called, ["pri@example.com", "sam@example.com"], "{is_paged:?}");
        // a person takes it, and that is the end of calling
        bench.ask("ack2", "ana", Request::IncidentAck { incident: Some("INC-1".to_owned()) }).await;
        bench.pass(3_600_000).await;
        assert_eq!(pages(&bench).len(), before + 2);
        told(&mut bench, "4", GROUP, vec![alert("a", "flowengine", false)]).await;
        assert_eq!(only(&bench).await.0.status, Status::Resolved, "nobody else has the word: {is_paged:?}");
        assert_eq!(check(&bench), Vec::<String>::new());
    }
}

/// What comes back has a page of its own at the pager: it is the same incident, or the page's where that was faster.
#[tokio::test(start_paused = true)]
async fn what_comes_back_with_a_new_page_is_one_incident_in_both_orders() {
    for alert_first in [true, false] {
        let mut bench = Bench::with(&[], steps).await;
        told(&mut bench, "1", GROUP, vec![alert("a", "flowengine", true)]).await;
        paged(&mut bench, "p1", page("Q1")).await;
        let before = pages(&bench);
        told(&mut bench, "2", GROUP, vec![alert("a", "flowengine", false)]).await;
        bench.pager_says("over", PagerEventKind::Resolved, page("Q1"), None).await;
        bench.pass(60_000).await;
        for step in 0..2 {
            if alert_first == (step == 0) {
                let notice = AlertNotice {
                    source: "alertmanager".to_owned(),
                    group: Some(GROUP.to_owned()),
                    firing: true,
                    alerts: vec![alert("a", "flowengine", true)],
                    ..AlertNotice::default()
                };
                bench.hand_in("alertmanager", "3", Translated::Signal(Signal::Alerts(notice))).await;
            } else {
                bench.pager_says("p2", PagerEventKind::Triggered, page("Q2"), None).await;
            }
            bench.pass(1_500).await;
        }
        bench.pass(100_000).await;
        let found = all(&bench).await;
        let open: Vec<_> = found.iter().filter(|(incident, _)| incident.status.is_open()).collect();
        assert_eq!(open.len(), 1, "alert first: {alert_first}");
        let (incident, _) = open[0];
        assert_eq!(incident.pager.as_ref().map(|pager| pager.id.as_str()), Some("Q2"));
        assert_eq!(tally(incident), (1, 1));
        assert_eq!(pages(&bench), before, "the pager has called primary");
        // what is said late of the page that is over changes nothing
        bench.pager_says("late", PagerEventKind::Resolved, page("Q1"), None).await;
        bench.pass(2_000).await;
        assert_eq!(all(&bench).await.iter().filter(|(incident, _)| incident.status.is_open()).count(), 1);
        assert_eq!(check(&bench), Vec::<String>::new());
    }
}

/// Opened again at the pager it waits there, and so it does here.
#[tokio::test(start_paused = true)]
async fn what_the_pager_opens_again_waits_for_somebody() {
    let mut bench = Bench::with(&[], steps).await;
    let incident = bench.paged().await;
    bench.ask("ack", "ana", Request::IncidentAck { incident: Some("INC-1".to_owned()) }).await;
    bench.pager_says("over", PagerEventKind::Resolved, page("Q1"), None).await;
    bench.pass(2_000).await;
    bench.pager_says("again", PagerEventKind::Reopened, page("Q1"), None).await;
    bench.pass(400_000).await;
    let (incident, events) = bench.incident_events(incident.id).await;
    assert_eq!(incident.status, Status::Triggered);
    let steps = events.iter().filter(|event| matches!(event, IncidentEvent::StepDue { .. })).count();
    assert_eq!(steps, 1, "{events:?}");
    assert_eq!(check(&bench), Vec::<String>::new());
}
