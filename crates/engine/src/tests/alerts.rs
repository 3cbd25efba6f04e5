//! Alerts of monitoring systems become incidents: gathered, counted, damped, silenced, and over when all of them are.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use runbook_core::alert::{AlertNotice, Maintenance, SentAlert};
use runbook_core::ids::{IncidentId, IncidentNumber};
use runbook_core::incident::{Incident, IncidentEvent, Status};
use runbook_core::people::Actor;
use runbook_core::ports::{
    AlertsOf, Commit, InboxItem, Intake as _, PagerEventKind, RowChange, Signal, Translated,
};
use runbook_core::request::Request;

use super::triggers::it_is_slow;
use crate::clock::Clock;
use crate::testkit::{Bench, check, locked, page};

fn sent(bench: &Bench, name: &str, firing: bool, labels: &[(&str, &str)]) -> SentAlert {
    let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    SentAlert {
        fingerprint: name.to_owned(),
        firing,
        labels: labels.chain([("alertname".to_owned(), "Down".to_owned())]).collect(),
        annotations: BTreeMap::from([("summary".to_owned(), format!("{name} is down"))]),
        starts_at: Some(bench.clock.now()),
        ..SentAlert::default()
    }
}

/// An alert of the service `billing`, which has no diagnostics.
fn of_billing(bench: &Bench, name: &str, firing: bool) -> SentAlert {
    SentAlert {
        starts_at: None,
        ..sent(bench, name, firing, &[("service", "billing"), ("severity", "warning")])
    }
}

async fn notified(bench: &mut Bench, id: &str, group: &str, alerts: Vec<SentAlert>) {
    let notice = AlertNotice {
        source: "alertmanager".to_owned(),
        group: Some(group.to_owned()),
        firing: alerts.iter().any(|alert| alert.firing),
        left_out: 0,
        unread: None,
        sender: None,
        alerts,
    };
    bench.hand_in("alertmanager", id, Translated::Signal(Signal::Alerts(notice))).await;
}

async fn told(bench: &mut Bench, id: &str, group: &str, alerts: Vec<SentAlert>) {
    notified(bench, id, group, alerts).await;
    bench.pass(6_000).await;
}

fn ids(bench: &Bench) -> Vec<IncidentId> {
    locked(&bench.data).incidents.keys().copied().collect()
}

async fn only(bench: &Bench) -> (Incident, Vec<IncidentEvent>) {
    let ids = ids(bench);
    assert_eq!(ids.len(), 1, "one incident");
    bench.incident_events(ids[0]).await
}

fn tally(incident: &Incident) -> (u64, u64) {
    let count = incident.alerts.as_ref().map(runbook_core::incident::Alerts::count).unwrap_or_default();
    (count.firing, count.total)
}

#[tokio::test(start_paused = true)]
async fn an_alert_opens_an_incident_that_ends_with_it() {
    let mut bench = Bench::with(&[], |_| ()).await;
    let began = bench.clock.now();
    let alert = sent(&bench, "a", true, &[("service", "flowengine"), ("severity", "critical")]);
    told(&mut bench, "1", "g", vec![alert.clone()]).await;
    let (incident, events) = only(&bench).await;
    assert_eq!((incident.severity.as_str(), incident.service.as_str()), ("P1", "flowengine"));
    assert_eq!((incident.title.as_str(), incident.detected_at), ("a is down", began));
    assert_eq!(incident.opened_by, Actor::system("alertmanager"));
    assert!(!incident.runs.is_empty(), "its diagnostics start");
    assert!(
        matches!(&events[0], IncidentEvent::Opened { severity_reason, alerted: true, .. } if severity_reason == "the alert's severity is critical")
    );
    let count = events.len();
    bench.pass(30_000).await;
    told(&mut bench, "2", "g", vec![alert.clone()]).await;
    let (_, events) = only(&bench).await;
    let told_of = |events: &[IncidentEvent]| {
        events.iter().filter(|event| matches!(event, IncidentEvent::AlertsChanged { .. })).count()
    };
    assert!(events.len() >= count && told_of(&events) == 1, "told again, nothing new: {events:?}");
    told(&mut bench, "3", "g", vec![SentAlert { firing: false, ..alert }]).await;
    let (incident, events) = only(&bench).await;
    assert_eq!((incident.status, tally(&incident)), (Status::Resolved, (0, 1)));
    assert!(events.contains(&IncidentEvent::Resolved { via: "alertmanager".to_owned() }));
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// Five hundred alerts of one service are one incident, few events, and a count; all of one notice or each of its own.
#[tokio::test(start_paused = true)]
async fn a_storm_is_one_incident_and_few_events() {
    let mut bench = Bench::with(&[], |_| ()).await;
    let many: Vec<SentAlert> = (0..300).map(|n| of_billing(&bench, &format!("n{n}"), true)).collect();
    told(&mut bench, "big", "big", many.clone()).await;
    for n in 0..200 {
        let one = of_billing(&bench, &format!("m{n}"), true);
        notified(&mut bench, &format!("m{n}"), &format!("g{n}"), vec![one]).await;
    }
    bench.pass(30_000).await;
    let (incident, events) = only(&bench).await;
    assert_eq!(tally(&incident), (500, 500));
    let tally_now = &incident.alerts.as_ref().unwrap().tally;
    assert_eq!((tally_now.words().as_str(), tally_now.first.len()), ("500 of 500 alerts fire", 5));
    assert!(events.len() < 40, "{} events", events.len());
    assert_eq!(locked(&bench.data).alerts.len(), 500);
    let said = bench.ask("why", "ana", Request::IncidentExplain { incident: Some("INC-1".to_owned()) }).await;
    assert!(said.contains("alerts: 500 of 500 fire the first 20 of 500"), "{said}");
    assert!(said.contains("severity  P3: the alert's severity is warning"), "{said}");
    let over: Vec<SentAlert> = many.into_iter().map(|alert| SentAlert { firing: false, ..alert }).collect();
    told(&mut bench, "over", "big", over).await;
    let (incident, _) = only(&bench).await;
    assert_eq!((tally(&incident), incident.status), ((200, 500), Status::Triggered));
    // three hundred that came first have ended at once: the first of those that fire are named, not they
    let first = &incident.alerts.as_ref().unwrap().tally.first;
    assert!(first.len() == 5 && first.iter().all(|line| line.contains("fires since")), "{first:?}");
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// Services of their own have incidents of their own, also when all of them come in one notice.
#[tokio::test(start_paused = true)]
async fn one_notice_of_several_services() {
    let mut bench = Bench::with(&[], |_| ()).await;
    let alerts: Vec<SentAlert> = ["x", "y", "z", "x", "y"]
        .iter()
        .enumerate()
        .map(|(n, service)| {
            sent(&bench, &format!("{service}{n}"), true, &[("service", service), ("severity", "low")])
        })
        .collect();
    // without a group nothing but the service gathers them
    let notice =
        AlertNotice { source: "alertmanager".to_owned(), firing: true, alerts, ..AlertNotice::default() };
    bench.hand_in("alertmanager", "1", Translated::Signal(Signal::Alerts(notice))).await;
    bench.pass(6_000).await;
    let mut found = Vec::new();
    for id in ids(&bench) {
        let incident = bench.incident_events(id).await.0;
        found.push((incident.number.0, incident.service.clone(), tally(&incident)));
    }
    found.sort();
    let wanted = [(1, "x".to_owned(), (2, 2)), (2, "y".to_owned(), (2, 2)), (3, "z".to_owned(), (1, 1))];
    assert_eq!(found, wanted);
    assert_eq!(check(&bench), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn it_is_opened_again_soon_and_another_one_later() {
    let mut bench = Bench::with(&[], |_| ()).await;
    for (n, firing) in [(1, true), (2, false), (3, true), (4, false)] {
        let alert = of_billing(&bench, "a", firing);
        told(&mut bench, &n.to_string(), "g", vec![alert]).await;
    }
    let (incident, events) = only(&bench).await;
    assert_eq!(incident.status, Status::Resolved);
    let again = events.iter().find_map(|event| match event {
        IncidentEvent::Reopened { via, reason, .. } => {
            Some((via.clone(), reason.clone().unwrap_or_default()))
        }
        _ => None,
    });
    let (via, reason) = again.unwrap();
    assert!(via == "alertmanager" && reason.contains("fires again"), "{via} {reason}");
    bench.pass(31 * 60_000).await;
    let alert = of_billing(&bench, "a", true);
    told(&mut bench, "5", "g", vec![alert]).await;
    assert_eq!(ids(&bench).len(), 2, "that one is over");
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// What begins and ends in one batch has an incident that begins and ends.
#[tokio::test(start_paused = true)]
async fn it_may_end_in_the_batch_in_which_it_began() {
    let mut bench = Bench::with(&[], |_| ()).await;
    let both = [true, false].map(|firing| of_billing(&bench, "a", firing));
    told(&mut bench, "1", "g", both.into()).await;
    let (incident, events) = only(&bench).await;
    assert_eq!((incident.status, tally(&incident)), (Status::Resolved, (0, 1)));
    let counted = events.iter().filter(|event| matches!(event, IncidentEvent::AlertsChanged { .. })).count();
    assert_eq!(counted, 2, "{events:?}");
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// While it was no incident nobody counted its alerts; whoever opens it again sees how they are.
#[tokio::test(start_paused = true)]
async fn what_is_an_incident_after_all_counts_its_alerts_again() {
    let mut bench = Bench::with(&[], |_| ()).await;
    let alert = of_billing(&bench, "a", true);
    told(&mut bench, "1", "g", vec![alert]).await;
    let none = Request::IncidentNone { incident: Some("INC-1".to_owned()), reason: "noise".to_owned() };
    bench.ask("none", "ana", none).await;
    let alert = of_billing(&bench, "a", false);
    told(&mut bench, "2", "g", vec![alert]).await;
    assert_eq!(tally(&only(&bench).await.0), (1, 1), "nothing of its own any more");
    let again =
        Request::IncidentReopen { incident: Some("INC-1".to_owned()), reason: "it was one".to_owned() };
    bench.ask("again", "ana", again).await;
    bench.pass(2_000).await;
    let (incident, _) = only(&bench).await;
    assert_eq!((tally(&incident), incident.status), ((0, 1), Status::Triggered), "a person ends it");
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// What comes and goes holds its incident open, and is told of once.
#[tokio::test(start_paused = true)]
async fn what_comes_and_goes_is_damped() {
    let mut bench = Bench::with(&[], |_| ()).await;
    for n in 0..30 {
        let alert = of_billing(&bench, "a", n % 2 == 0);
        told(&mut bench, &format!("t{n}"), "g", vec![alert]).await;
    }
    let (incident, events) = only(&bench).await;
    assert!(incident.status.is_open(), "{:?}", incident.status);
    let damped = events.iter().filter(|event| matches!(event, IncidentEvent::AlertsDamped { .. })).count();
    let turns = events
        .iter()
        .filter(|event| matches!(event, IncidentEvent::Resolved { .. } | IncidentEvent::Reopened { .. }))
        .count();
    assert_eq!(damped, 1, "{events:?}");
    assert!(turns <= 6, "{turns}: {events:?}");
    // it was told last that it has ended, and nothing more comes
    bench.pass(11 * 60_000).await;
    let (incident, events) = only(&bench).await;
    assert_eq!(incident.status, Status::Resolved);
    assert!(
        events.contains(&IncidentEvent::AlertsSteady { alerts: vec!["a is down".to_owned()] }),
        "{events:?}"
    );
    assert_eq!(incident.alerts.unwrap().damped, Vec::<String>::new());
    assert_eq!(check(&bench), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn maintenance_silences_until_it_is_over() {
    let mut bench = Bench::with(&[], |settings| {
        settings.alerts.maintenance = vec![Maintenance {
            service: Some("billing".to_owned()),
            labels: BTreeMap::new(),
            from: None,
            until: chrono::DateTime::UNIX_EPOCH,
            reason: "the database moves".to_owned(),
        }];
    })
    .await;
    let until = bench.clock.now() + TimeDelta::minutes(20);
    bench.settings.alerts.maintenance[0].until = until;
    bench.reboot().await;
    let alerts = vec![of_billing(&bench, "a", true), of_billing(&bench, "b", true)];
    told(&mut bench, "1", "g", alerts).await;
    assert!(ids(&bench).is_empty());
    let said = bench.ask("why", "ana", Request::IncidentExplain { incident: None }).await;
    assert!(said.contains("silenced: maintenance until") && said.contains("the database moves"), "{said}");
    let ended = of_billing(&bench, "b", false);
    told(&mut bench, "2", "g", vec![ended]).await;
    bench.pass(21 * 60_000).await;
    let (incident, _) = only(&bench).await;
    assert_eq!((tally(&incident), incident.title.as_str()), ((1, 1), "a is down"), "it fires still");
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// However many there are to look at, and however long they stay, the last has its turn.
#[tokio::test(start_paused = true)]
async fn many_that_are_watched_keep_none_waiting() {
    let mut bench = Bench::with(&[], |_| ()).await;
    let alert = of_billing(&bench, "n", true);
    told(&mut bench, "1", "g", vec![SentAlert { firing: false, ..alert.clone() }]).await;
    let mut rows = bench.engine.store().alerts(AlertsOf::Loose, 1).await.unwrap();
    let row = rows.pop().unwrap();
    let mut rows: Vec<_> = (0..1_000)
        .map(|n| {
            let mut one = row.clone();
            one.fingerprint = format!("m{n:04}");
            one.alert.fingerprint.clone_from(&one.fingerprint);
            one.damped = true;
            // never steady
            one.turned_at = bench.clock.now() + TimeDelta::days(365);
            one
        })
        .collect();
    let mut silenced = row;
    silenced.alert = alert;
    silenced.silenced = true;
    silenced.seen_at = bench.clock.now() + TimeDelta::days(1);
    rows.push(silenced);
    let rows = rows.into_iter().map(|row| RowChange::Alert(Box::new(row))).collect();
    bench.engine.store().commit(Commit { rows, ..Commit::default() }).await.unwrap();
    bench.pass(40_000).await;
    let (incident, _) = only(&bench).await;
    assert_eq!(incident.title, "n is down", "its maintenance is over");
}

/// What has ended is forgotten when its incident has been over for a month, and not before.
#[tokio::test(start_paused = true)]
async fn what_has_ended_long_ago_is_forgotten() {
    let mut bench = Bench::with(&[], |_| ()).await;
    let alerts = vec![of_billing(&bench, "a", true), of_billing(&bench, "b", true)];
    told(&mut bench, "1", "g", alerts).await;
    // a group that is not over names what fires still
    let one = vec![of_billing(&bench, "a", false), of_billing(&bench, "b", true)];
    told(&mut bench, "2", "g", one).await;
    let left = |bench: &Bench| locked(&bench.data).alerts.len();
    let days = async |bench: &mut Bench, days: u64| {
        bench.is_down_for(std::time::Duration::from_secs(days * 86_400)).await;
        bench.pass(5_000).await;
    };
    days(&mut bench, 31).await;
    assert_eq!(left(&bench), 2, "its incident is open");
    let ended = of_billing(&bench, "b", false);
    told(&mut bench, "3", "g", vec![ended]).await;
    assert_eq!(only(&bench).await.0.status, Status::Resolved);
    days(&mut bench, 29).await;
    assert_eq!(left(&bench), 2, "its incident has just ended");
    let said = bench.ask("why", "ana", Request::IncidentExplain { incident: Some("INC-1".to_owned()) }).await;
    assert!(said.contains("alerts: 0 of 2 fire"), "{said}");
    days(&mut bench, 2).await;
    assert_eq!(left(&bench), 0);
    let said =
        bench.ask("why2", "ana", Request::IncidentExplain { incident: Some("INC-1".to_owned()) }).await;
    assert!(said.contains("all 2 alerts have ended"), "the timeline keeps the count: {said}");
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// While a run is open, the end of the alerts is watched and asked about.
#[tokio::test(start_paused = true)]
async fn an_open_run_holds_the_end() {
    let mut bench = Bench::with(&[], |_| ()).await;
    let alert = sent(&bench, "a", true, &[("service", "flowengine"), ("severity", "critical")]);
    told(&mut bench, "1", "g", vec![alert.clone()]).await;
    bench.pass(20_000).await;
    let request = Request::RunbookRollback {
        service: Some("flowengine".to_owned()),
        params: BTreeMap::new(),
        incident: Some("INC-1".to_owned()),
    };
    bench.ask("roll", "ana", request).await;
    told(&mut bench, "2", "g", vec![SentAlert { firing: false, ..alert.clone() }]).await;
    let (incident, events) = only(&bench).await;
    assert_eq!(incident.status, Status::Monitoring);
    assert!(events.iter().any(|event| matches!(event, IncidentEvent::ResolveHeld { .. })), "{events:?}");
    let again = SentAlert { starts_at: Some(bench.clock.now()), ..alert };
    told(&mut bench, "3", "g", vec![again]).await;
    assert_ne!(only(&bench).await.0.status, Status::Monitoring, "the impact is back");
}

/// An alert of a paged service joins its incident, and the pager keeps the last word.
#[tokio::test(start_paused = true)]
async fn the_pagers_incident_takes_alerts_and_ends_by_the_pager() {
    let mut bench = Bench::with(&[], |_| ()).await;
    bench.pager_says("page", PagerEventKind::Triggered, page("Q1"), None).await;
    bench.pass(10_000).await;
    let alert = sent(&bench, "a", true, &[("service", "flowengine"), ("severity", "critical")]);
    told(&mut bench, "1", "g", vec![alert.clone()]).await;
    let (incident, _) = only(&bench).await;
    assert_eq!((tally(&incident), incident.severity.as_str()), ((1, 1), "P1"));
    told(&mut bench, "2", "g", vec![SentAlert { firing: false, ..alert }]).await;
    let (incident, _) = only(&bench).await;
    assert_eq!((tally(&incident), incident.status), ((0, 1), Status::Triggered));
    let said = bench.ask("why", "ana", Request::IncidentExplain { incident: None }).await;
    assert!(
        said.contains("PagerDuty paged (Q1)") && said.contains("severity  P1: PagerDuty's priority"),
        "{said}"
    );
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// A more severe alert raises what an alert had said, and not what a person has.
#[tokio::test(start_paused = true)]
async fn a_more_severe_alert_raises_its_incident() {
    for by_hand in [false, true] {
        let mut bench = Bench::with(&[], |_| ()).await;
        let alert = of_billing(&bench, "a", true);
        told(&mut bench, "1", "g", vec![alert]).await;
        if by_hand {
            let request = Request::IncidentSeverity { incident: None, severity: "P4".to_owned() };
            bench.ask("severity", "ana", request).await;
        }
        let worse = sent(&bench, "b", true, &[("service", "billing"), ("severity", "critical")]);
        told(&mut bench, "2", "other", vec![worse]).await;
        let (incident, events) = only(&bench).await;
        assert_eq!(incident.severity, if by_hand { "P4" } else { "P1" });
        let reasons: Vec<String> = events
            .iter()
            .filter_map(|event| match event {
                IncidentEvent::AlertsChanged { reasons, .. } => Some(reasons.join("; ")),
                _ => None,
            })
            .collect();
        let wanted = if by_hand { "would be P1, and stays P4: a person" } else { "severity P1 from now on" };
        assert!(reasons.iter().any(|reason| reason.contains(wanted)), "{reasons:?}");
    }
}

/// What comes back worse than it was has a target, and somebody looks whether that holds.
#[tokio::test(start_paused = true)]
async fn what_is_opened_again_and_raised_counts_to_its_new_target() {
    let mut bench = Bench::with(&[], |_| ()).await;
    for (n, firing, severity) in [(1, true, "warning"), (2, false, "warning"), (3, true, "critical")] {
        let alert = sent(&bench, "a", firing, &[("service", "billing"), ("severity", severity)]);
        told(&mut bench, &n.to_string(), "g", vec![alert]).await;
    }
    let (incident, _) = only(&bench).await;
    assert_eq!((incident.severity.as_str(), incident.mitigated_at), ("P1", None));
    let timers = locked(&bench.data).timers.clone();
    let due = timers.get(&format!("target/{}", incident.id)).map(|timer| timer.due);
    let target = TimeDelta::seconds(i64::from(incident.target_s.unwrap()));
    assert_eq!(due, Some(incident.detected_at + target));
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// It opens as severe as the worst of what is told at once, whichever is told first.
#[tokio::test(start_paused = true)]
async fn an_incident_is_as_severe_as_the_worst_that_opens_it() {
    for severities in [["warning", "critical"], ["critical", "warning"]] {
        let mut bench = Bench::with(&[], |_| ()).await;
        let alerts = ["a", "b"].iter().zip(severities);
        let alerts = alerts.map(|(name, severity)| {
            sent(&bench, name, true, &[("service", "billing"), ("severity", severity)])
        });
        let alerts = alerts.collect();
        told(&mut bench, "1", "g", alerts).await;
        let (incident, _) = only(&bench).await;
        assert_eq!((incident.severity.as_str(), incident.target_s.is_some()), ("P1", true), "{severities:?}");
        assert!(incident.severity_reason.contains("critical"), "{}", incident.severity_reason);
        assert_eq!(check(&bench), Vec::<String>::new());
    }
}

/// What was opened by a person is opened again and ended by its alert in one batch: it is over, too.
#[tokio::test(start_paused = true)]
async fn what_comes_back_and_ends_in_one_batch_is_over() {
    let mut bench = Bench::with(&[], |_| ()).await;
    bench.ask("declare", "ben", it_is_slow("billing")).await;
    for firing in [true, false] {
        let alert = of_billing(&bench, "a", firing);
        told(&mut bench, if firing { "1" } else { "2" }, "g", vec![alert]).await;
    }
    bench.ask("resolve", "ben", Request::IncidentResolve { incident: None }).await;
    bench.pass(60_000).await;
    let both = [true, false].map(|firing| of_billing(&bench, "a", firing));
    told(&mut bench, "3", "g", both.into()).await;
    let (incident, events) = only(&bench).await;
    assert!(events.iter().any(|event| matches!(event, IncidentEvent::Reopened { .. })), "{events:?}");
    assert_eq!(incident.status, Status::Resolved, "{events:?}");
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// Nothing that names no service gathers but by its name; and nothing private joins what others read.
#[tokio::test(start_paused = true)]
async fn unknown_and_private_services() {
    let mut bench = Bench::with(&[], |settings| {
        if let Some(billing) = settings.services.iter_mut().find(|service| service.name == "billing") {
            billing.private = true;
        }
    })
    .await;
    let mut alerts = vec![sent(&bench, "a", true, &[]), sent(&bench, "b", true, &[])];
    let mut other = sent(&bench, "c", true, &[]);
    other.labels.insert("alertname".to_owned(), "Slow".to_owned());
    alerts.push(other);
    for (n, alert) in alerts.into_iter().enumerate() {
        told(&mut bench, &n.to_string(), &format!("g{n}"), vec![alert]).await;
    }
    assert_eq!(ids(&bench).len(), 2, "two names");
    let private = of_billing(&bench, "p", true);
    told(&mut bench, "p", "g0", vec![private]).await;
    let rows = bench.engine.store().incidents(false, 9).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.private).collect::<Vec<_>>(), [true, false, false]);
    let alerts = bench.engine.store().alerts(AlertsOf::Incident(rows[0].id), 9).await.unwrap();
    assert!(alerts.len() == 1 && alerts[0].private);
}

/// Wherever the process ends, each alert is in one incident, and each incident has the count of its rows.
#[tokio::test(start_paused = true)]
async fn nothing_is_lost_or_doubled_over_restarts() {
    for point in [1, 3, 6, 9, 13, 18, 24] {
        let mut bench = Bench::with(&[], |_| ()).await;
        bench.ends_soon(point).await;
        for n in 0..6 {
            let service = if n % 2 == 0 { "billing" } else { "shop" };
            let alert =
                sent(&bench, &format!("f{n}"), true, &[("service", service), ("severity", "warning")]);
            notified(&mut bench, &format!("i{n}"), &format!("g{n}"), vec![alert]).await;
        }
        bench.pass(30_000).await;
        let all = ids(&bench);
        assert_eq!(all.len(), 2, "ended at {point}");
        for id in all {
            let incident = bench.incident_events(id).await.0;
            assert_eq!(tally(&incident), (3, 3), "ended at {point}: {incident:?}");
        }
    }
}

/// A notice of one group: those of it that are named, in which state the group is, and how many a limit has cut away.
async fn cut(
    bench: &mut Bench,
    id: &str,
    (group, firing, left_out): (&str, bool, u64),
    alerts: Vec<SentAlert>,
) {
    cut_by(bench, id, None, (group, firing, left_out), alerts).await;
}

/// The same of one Alertmanager of several.
async fn cut_by(
    bench: &mut Bench,
    id: &str,
    sender: Option<&str>,
    (group, firing, left_out): (&str, bool, u64),
    alerts: Vec<SentAlert>,
) {
    let source = "alertmanager".to_owned();
    let notice = AlertNotice {
        source,
        sender: sender.map(str::to_owned),
        group: Some(group.to_owned()),
        firing,
        left_out,
        alerts,
        ..AlertNotice::default()
    };
    bench.hand_in("alertmanager", id, Translated::Signal(Signal::Alerts(notice))).await;
}

async fn uptime(bench: &mut Bench, id: &str, firing: bool) {
    let alerts = vec![of_billing(bench, "probe", firing)];
    let notice = AlertNotice { source: "json/uptime".to_owned(), firing, alerts, ..AlertNotice::default() };
    bench.hand_in("alertmanager", id, Translated::Signal(Signal::Alerts(notice))).await;
}

fn all_of(bench: &Bench, names: std::ops::Range<usize>, firing: bool) -> Vec<SentAlert> {
    names.map(|n| of_billing(bench, &format!("n{n}"), firing)).collect()
}

/// What one group leaves out holds the incident until that group says otherwise: others speak for themselves.
#[tokio::test(start_paused = true)]
async fn what_a_group_leaves_out_holds_its_incident_whatever_others_tell() {
    let mut bench = Bench::with(&[], |_| ()).await;
    let named = all_of(&bench, 0..10, true);
    cut(&mut bench, "1", ("a", true, 100), named).await;
    bench.pass(6_000).await;
    uptime(&mut bench, "u1", true).await;
    // of another group, and nothing of it is left out
    let other = vec![of_billing(&bench, "other", true)];
    cut(&mut bench, "o1", ("b", true, 0), other).await;
    bench.pass(6_000).await;
    let left_out = |incident: &Incident| incident.alerts.as_ref().unwrap().tally.left_out;
    let (incident, _) = only(&bench).await;
    assert_eq!((tally(&incident), left_out(&incident)), ((12, 12), 100));
    let ended = all_of(&bench, 0..10, false);
    cut(&mut bench, "2", ("a", true, 100), ended).await;
    let other = vec![of_billing(&bench, "other", false)];
    cut(&mut bench, "o2", ("b", false, 0), other).await;
    uptime(&mut bench, "u2", false).await;
    bench.pass(20_000).await;
    let (incident, _) = only(&bench).await;
    assert!(incident.status.is_open(), "a hundred fire still");
    assert_eq!((tally(&incident), left_out(&incident)), ((0, 12), 100));
    // the last of them are named now, and nobody knew of them
    let last = all_of(&bench, 100..110, false);
    cut(&mut bench, "3", ("a", false, 0), last).await;
    bench.pass(6_000).await;
    let (incident, _) = only(&bench).await;
    assert_eq!((incident.status, left_out(&incident)), (Status::Resolved, 0));
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// A sender cuts before it looks whether all is over: what was cut away holds the incident also where all that is named has ended, and
/// people see what holds it.
#[tokio::test(start_paused = true)]
async fn what_is_cut_away_holds_it_whatever_the_rest_is() {
    let mut bench = Bench::with(&[], |_| ()).await;
    let named = all_of(&bench, 0..5, true);
    cut(&mut bench, "1", ("a", true, 3), named).await;
    bench.pass(6_000).await;
    let ended = all_of(&bench, 0..5, false);
    cut(&mut bench, "2", ("a", false, 3), ended.clone()).await;
    bench.pass(6_000).await;
    let (incident, events) = only(&bench).await;
    let tally_now = &incident.alerts.as_ref().unwrap().tally;
    assert_eq!((incident.status, tally(&incident), tally_now.left_out), (Status::Triggered, (0, 5), 3));
    let says = |text: &str| text.contains("what was left out may fire, and holds it open");
    let said = |event: &&IncidentEvent| match event {
        IncidentEvent::AlertsChanged { reasons, .. } => reasons.iter().any(|reason| says(reason)),
        _ => false,
    };
    assert_eq!(events.iter().filter(said).count(), 1, "{events:?}");
    let held = |bench: &Bench| {
        let alerts = locked(&bench.world.chat).card().and_then(|view| view.alerts);
        alerts.and_then(|alerts| alerts.held).is_some_and(|held| says(&held))
    };
    assert!(held(&bench), "the card says it");
    // told again, it is not said again
    bench.pass(60_000).await;
    cut(&mut bench, "3", ("a", false, 3), ended).await;
    bench.pass(6_000).await;
    assert_eq!(only(&bench).await.1.iter().filter(said).count(), 1);
    bench.ask("resolve", "ben", Request::IncidentResolve { incident: None }).await;
    bench.pass(6_000).await;
    assert!(!only(&bench).await.0.status.is_open() && !held(&bench), "a person ends it");
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// What comes in a hurry waits with its reasons; that something is left out, and who tells of it for the first time, does not.
#[tokio::test(start_paused = true)]
async fn what_waits_is_told_with_its_reasons() {
    let mut bench = Bench::with(&[], |_| ()).await;
    let named = all_of(&bench, 0..10, true);
    cut(&mut bench, "1", ("a", true, 0), named).await;
    bench.pass(1_000).await;
    let ended = all_of(&bench, 0..3, false);
    cut(&mut bench, "2", ("a", true, 0), ended).await;
    bench.pass(500).await;
    assert_eq!(tally(&only(&bench).await.0), (10, 10), "it waits");
    bench.pass(10_000).await;
    let (incident, events) = only(&bench).await;
    assert_eq!(tally(&incident), (7, 10));
    let ended = |event: &IncidentEvent| match event {
        IncidentEvent::AlertsChanged { reasons, .. } => reasons.iter().any(|why| why == "3 alerts ended"),
        _ => false,
    };
    assert_eq!(events.iter().filter(|event| ended(event)).count(), 1, "{events:?}");
    let one = vec![of_billing(&bench, "n20", true)];
    cut(&mut bench, "3", ("a", true, 0), one).await;
    bench.pass(500).await;
    let next = all_of(&bench, 3..5, false);
    cut(&mut bench, "4", ("a", true, 100), next).await;
    uptime(&mut bench, "u1", true).await;
    bench.pass(500).await;
    let (incident, events) = only(&bench).await;
    let tally_now = &incident.alerts.as_ref().unwrap().tally;
    assert_eq!((tally(&incident), tally_now.left_out), ((7, 12), 100));
    assert_eq!(tally_now.sources, ["alertmanager", "json/uptime"]);
    let count = events.len();
    bench.pass(10_000).await;
    assert_eq!(only(&bench).await.1.len(), count, "all of it was told");
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// With a limit of the sender an end may be cut away, and the alert is named no more: it ends with its group. A message of a sender
/// of which nothing but its alerts is known ends nothing else.
#[tokio::test(start_paused = true)]
async fn what_was_cut_away_ends_with_its_group() {
    for point in [None, Some(1), Some(2), Some(3), Some(4), Some(6)] {
        let mut bench = Bench::with(&[], |_| ()).await;
        let all = all_of(&bench, 0..130, true);
        cut(&mut bench, "1", ("a", true, 0), all[..100].to_vec()).await;
        bench.pass(6_000).await;
        // the first hundred of them are others now, and of the rest some end unseen
        cut(&mut bench, "2", ("a", true, 30), all[30..].to_vec()).await;
        let other = vec![of_billing(&bench, "other", true)];
        cut(&mut bench, "o1", ("b", true, 0), other).await;
        bench.pass(6_000).await;
        if let Some(point) = point {
            bench.ends_soon(point).await;
        }
        let ended = all_of(&bench, 30..100, false);
        cut(&mut bench, "3", ("a", false, 0), ended).await;
        bench.pass(60_000).await;
        let (incident, events) = only(&bench).await;
        assert_eq!((tally(&incident), incident.status.is_open()), ((1, 131), true), "{point:?}");
        let over = |event: &&IncidentEvent| match event {
            IncidentEvent::AlertsChanged { reasons, .. } => {
                reasons.iter().any(|why| why.starts_with("60 alerts ended: the sender says that its whole"))
            }
            _ => false,
        };
        assert_eq!(events.iter().filter(over).count(), 1, "{point:?}: {events:?}");
        let other = vec![of_billing(&bench, "other", false)];
        cut(&mut bench, "o2", ("b", false, 0), other).await;
        bench.pass(6_000).await;
        assert_eq!(only(&bench).await.0.status, Status::Resolved, "{point:?}");
        assert_eq!(check(&bench), Vec::<String>::new());
    }
    let mut bench = Bench::with(&[], |_| ()).await;
    for (id, name, firing) in [("1", "x", true), ("2", "y", true), ("3", "y", false)] {
        let alerts = vec![of_billing(&bench, name, firing)];
        let (source, group) = ("json/uptime".to_owned(), Some("a".to_owned()));
        let notice = AlertNotice { source, group, firing, alerts, ..AlertNotice::default() };
        bench.hand_in("alertmanager", id, Translated::Signal(Signal::Alerts(notice))).await;
        bench.pass(6_000).await;
    }
    let (incident, _) = only(&bench).await;
    assert_eq!((tally(&incident), incident.status.is_open()), ((1, 2), true));
}

/// A storm goes down by and by: when nothing is cut away any more, what was ends with its group all the same, and so does what was cut
/// away behind alerts that opened nothing.
#[tokio::test(start_paused = true)]
async fn what_was_cut_away_ends_with_its_group_however_the_storm_goes_down() {
    for (what, beside) in [("behind its like", true), ("behind what is nobody's", false)] {
        let mut bench = Bench::with(&[], |_| ()).await;
        let first = all_of(&bench, 0..1, true);
        cut(&mut bench, "1", ("a", true, 0), first).await;
        bench.pass(6_000).await;
        let rest = |bench: &Bench, which: std::ops::Range<usize>, firing: bool| -> Vec<SentAlert> {
            let quiet = |mut alert: SentAlert| {
                if !beside {
                    alert.labels.insert("severity".to_owned(), "none".to_owned());
                }
                alert
            };
            all_of(bench, which, firing).into_iter().map(quiet).collect()
        };
        let others = rest(&bench, 1..6, true);
        cut(&mut bench, "2", ("a", true, 1), others).await;
        bench.pass(6_000).await;
        // the first ends unseen; then one of the others does, and nothing is cut away any more
        let left = [rest(&bench, 1..2, false), rest(&bench, 2..6, true)].concat();
        cut(&mut bench, "3", ("a", true, 0), left).await;
        bench.pass(6_000).await;
        assert!(only(&bench).await.0.status.is_open(), "{what}");
        let ended = rest(&bench, 2..6, false);
        cut(&mut bench, "4", ("a", false, 0), ended).await;
        bench.pass(6_000).await;
        assert_eq!(only(&bench).await.0.status, Status::Resolved, "{what}");
        assert_eq!(check(&bench), Vec::<String>::new());
    }
}

/// Nothing ends with its group but what was cut away: a sender that has begun anew knows of few alerts, and those of another have an
/// end of their own.
#[tokio::test(start_paused = true)]
async fn nothing_but_what_was_cut_away_ends_with_its_group() {
    // nothing was: the sender has forgotten the others
    let mut bench = Bench::with(&[], |_| ()).await;
    let all = all_of(&bench, 0..3, true);
    cut(&mut bench, "1", ("a", true, 0), all).await;
    bench.pass(6_000).await;
    let one = all_of(&bench, 0..1, false);
    cut(&mut bench, "2", ("a", false, 0), one).await;
    bench.pass(6_000).await;
    assert_eq!(tally(&only(&bench).await.0), (2, 3));
    assert_eq!(check(&bench), Vec::<String>::new());
    // something was: of one sender of two whose groups have one name
    let mut bench = Bench::with(&[], |_| ()).await;
    let (eu, us) = (Some("eu"), Some("us"));
    let theirs = all_of(&bench, 0..3, true);
    let began = Some(bench.clock.now());
    let ours: Vec<_> =
        all_of(&bench, 3..6, true).into_iter().map(|n| SentAlert { starts_at: began, ..n }).collect();
    cut_by(&mut bench, "eu1", eu, ("a", true, 0), theirs).await;
    cut_by(&mut bench, "us1", us, ("a", true, 2), ours.clone()).await;
    bench.pass(6_000).await;
    // what the one leaves out is no matter of the other
    let one = all_of(&bench, 0..1, false);
    cut_by(&mut bench, "eu2", eu, ("a", true, 0), one).await;
    bench.pass(6_000).await;
    let (incident, _) = only(&bench).await;
    assert_eq!((tally(&incident), incident.alerts.as_ref().unwrap().tally.left_out), ((5, 6), 2));
    let one = all_of(&bench, 3..4, false);
    cut_by(&mut bench, "us2", us, ("a", false, 0), one).await;
    bench.pass(6_000).await;
    let (incident, _) = only(&bench).await;
    assert_eq!((tally(&incident), incident.alerts.as_ref().unwrap().tally.left_out), ((2, 6), 0));
    let rest = all_of(&bench, 1..3, false);
    cut_by(&mut bench, "eu3", eu, ("a", false, 0), rest).await;
    bench.pass(6_000).await;
    assert_eq!(only(&bench).await.0.status, Status::Resolved);
    // what was cut away and fires still is heard, however soon after it was taken for over
    cut_by(&mut bench, "us3", us, ("a", true, 0), ours[1..2].to_vec()).await;
    bench.pass(6_000).await;
    let (incident, _) = only(&bench).await;
    assert_eq!((tally(&incident), incident.status.is_open()), ((1, 6), true));
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// What was kept before it was kept of which sender it is, is set free by whoever of them speaks next.
#[tokio::test(start_paused = true)]
async fn what_was_left_out_of_a_group_by_its_former_name_is_set_free() {
    let mut bench = Bench::with(&[], |_| ()).await;
    let named = all_of(&bench, 0..3, true);
    cut(&mut bench, "1", ("a", true, 2), named).await;
    bench.pass(6_000).await;
    let ended = all_of(&bench, 0..3, false);
    cut_by(&mut bench, "2", Some("eu"), ("a", false, 0), ended).await;
    bench.pass(6_000).await;
    assert_eq!(only(&bench).await.0.status, Status::Resolved);
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// However many are open, the incident of an alert is open while it is: told again, it opens no other, and its end ends that one.
#[tokio::test(start_paused = true)]
async fn an_open_incident_is_open_however_many_are() {
    let mut bench = Bench::with(&[], |_| ()).await;
    let alert = of_billing(&bench, "a", true);
    told(&mut bench, "1", "g", vec![alert.clone()]).await;
    let (incident, _) = only(&bench).await;
    bench.pass(31 * 60_000).await;
    {
        let mut data = locked(&bench.data);
        for n in 2..=10_001_u64 {
            let mut row = incident.row();
            row.id = IncidentId(uuid::Uuid::from_u128(n.into()));
            row.number = IncidentNumber(n);
            row.service = format!("s{n}");
            data.incidents.insert(row.id, row);
        }
    }
    notified(&mut bench, "2", "g", vec![alert]).await;
    bench.pass(100).await;
    assert_eq!(ids(&bench).len(), 10_001, "it is in the first");
    let ended = of_billing(&bench, "a", false);
    notified(&mut bench, "3", "g", vec![ended]).await;
    bench.pass(100).await;
    let (incident, _) = bench.incident_events(incident.id).await;
    assert_eq!((incident.status, tally(&incident)), (Status::Resolved, (0, 1)));
}

/// A message of a sender that names no groups, of which so many could not be read.
async fn listed(bench: &mut Bench, id: &str, left_out: u64, alerts: &[(&str, bool)]) {
    let of = |(service, firing): &(&str, bool)| SentAlert {
        service: Some((*service).to_owned()),
        starts_at: None,
        ..sent(bench, service, *firing, &[])
    };
    let alerts: Vec<SentAlert> = alerts.iter().map(of).collect();
    let firing = left_out > 0 || alerts.iter().any(|alert| alert.firing);
    let source = "json/uptime".to_owned();
    let notice = AlertNotice { source, firing, left_out, alerts, ..AlertNotice::default() };
    bench.hand_in("alertmanager", id, Translated::Signal(Signal::Alerts(notice))).await;
    bench.pass(6_000).await;
}

/// By number: whether it is open, and how many were left out.
async fn left_outs(bench: &Bench) -> Vec<(bool, u64)> {
    let mut found = Vec::new();
    for id in ids(bench) {
        let incident = bench.incident_events(id).await.0;
        found.push((incident.number, incident.status.is_open(), incident.alerts.unwrap().tally.left_out));
    }
    found.sort();
    found.into_iter().map(|(_, is_open, left_out)| (is_open, left_out)).collect()
}

/// What is left out of a message without a group holds the incidents of that message, until the sender's next one.
#[tokio::test(start_paused = true)]
async fn what_is_left_out_of_no_group_holds_until_the_next_message() {
    let mut bench = Bench::with(&[], |_| ()).await;
    listed(&mut bench, "1", 1, &[("billing", true), ("shop", true)]).await;
    assert_eq!(left_outs(&bench).await, [(true, 1), (true, 1)]);
    listed(&mut bench, "2", 1, &[("billing", false)]).await;
    assert_eq!(left_outs(&bench).await, [(true, 1), (true, 0)]);
    listed(&mut bench, "3", 0, &[("shop", false)]).await;
    assert_eq!(left_outs(&bench).await, [(false, 0), (false, 0)]);
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// A group that leaves out none sets free every incident that something of it has held, whichever alerts it names.
#[tokio::test(start_paused = true)]
async fn what_a_group_leaves_out_no_more_holds_nothing() {
    let mut bench = Bench::with(&[], |_| ()).await;
    let (billing, shop) = (of_billing(&bench, "a", true), sent(&bench, "b", true, &[("service", "shop")]));
    cut(&mut bench, "1", ("b", true, 0), vec![billing.clone()]).await;
    cut(&mut bench, "2", ("a", true, 3), vec![shop.clone()]).await;
    cut(&mut bench, "3", ("a", true, 3), vec![shop.clone(), billing.clone()]).await;
    bench.pass(6_000).await;
    assert_eq!(left_outs(&bench).await, [(true, 3), (true, 3)]);
    cut(&mut bench, "4", ("b", false, 0), vec![SentAlert { firing: false, ..billing }]).await;
    cut(&mut bench, "5", ("a", true, 2), vec![shop.clone()]).await;
    bench.pass(6_000).await;
    assert_eq!(left_outs(&bench).await, [(true, 2), (true, 2)]);
    cut(&mut bench, "6", ("a", true, 0), vec![shop]).await;
    bench.pass(6_000).await;
    assert_eq!(left_outs(&bench).await, [(false, 0), (true, 0)]);
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// What is taken up again says how many were left out when it came, and that may be long ago.
#[tokio::test(start_paused = true)]
async fn an_older_message_says_nothing_of_what_is_left_out_now() {
    let mut bench = Bench::with(&[], |_| ()).await;
    let named = all_of(&bench, 0..2, true);
    cut(&mut bench, "1", ("a", true, 3), named.clone()).await;
    bench.pass(6_000).await;
    let received_at = bench.clock.now();
    bench.pass(60_000).await;
    cut(&mut bench, "2", ("a", true, 5), named.clone()).await;
    bench.pass(6_000).await;
    assert_eq!(left_outs(&bench).await, [(true, 5)]);
    for (id, left_out) in [("late", 9), ("later", 0)] {
        let notice = AlertNotice {
            source: "alertmanager".to_owned(),
            group: Some("a".to_owned()),
            firing: true,
            left_out,
            alerts: named.clone(),
            ..AlertNotice::default()
        };
        bench.means(id, Translated::Signal(Signal::Alerts(notice)));
        let (source, kind) = ("alertmanager".to_owned(), "webhook".to_owned());
        let item = InboxItem { source, id: id.to_owned(), kind, body: b"{}".to_vec(), received_at };
        bench.engine.accept(item).await.unwrap();
        bench.pass(6_000).await;
        assert_eq!(left_outs(&bench).await, [(true, 5)], "{id}");
    }
    assert_eq!(check(&bench), Vec::<String>::new());
}
