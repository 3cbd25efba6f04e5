//! A trigger is the sender of one alert: damped, silenced, opened again and explained as any other is.

use chrono::TimeDelta;
use runbook_core::alert::{AlertNotice, Maintenance, SentAlert};
use runbook_core::incident::{IncidentEvent, Status};
use runbook_core::ports::{Signal, Translated};
use runbook_core::request::Request;
use runbook_core::trigger::Trigger;

use super::triggers::{lines, notes, pages, reads, the_incidents, trigger, with};
use crate::testkit::{Bench, check, locked};

/// Fires with the first bad answer, of the service that has no diagnostics.
fn at_once() -> Trigger {
    Trigger { for_s: 0, service: Some("billing".to_owned()), ..trigger("rate", "q") }
}

async fn explained(bench: &mut Bench, id: &str, incident: Option<&str>) -> String {
    bench.ask(id, "ana", Request::IncidentExplain { incident: incident.map(str::to_owned) }).await
}

#[tokio::test(start_paused = true)]
async fn what_comes_and_goes_is_damped_and_told_of_once() {
    let mut bench = Bench::with(&[], with(vec![at_once()])).await;
    for n in 0..30 {
        reads(&bench, "q", Ok(if n % 2 == 0 { 0.34 } else { 0.01 }));
        bench.pass(61_000).await;
    }
    let all = the_incidents(&bench).await;
    let [(incident, events)] = &all[..] else { panic!("{all:?}") };
    assert!(incident.status.is_open(), "what comes and goes holds it open");
    let damped = |event: &&IncidentEvent| matches!(event, IncidentEvent::AlertsDamped { .. });
    assert_eq!(events.iter().filter(damped).count(), 1, "{events:?}");
    let (said, paged) = (lines(&bench), pages(&bench));
    assert!(said.len() <= 7, "{said:?}");
    assert!(said.last().unwrap().contains("is not told of again until it is steady for 10 min"), "{said:?}");
    assert!(paged.len() <= 4, "once for each time that it was opened: {paged:?}");
    let count = said.len();
    bench.pass(12 * 60_000).await;
    let said = lines(&bench);
    assert_eq!(said.len(), count + 1, "{said:?}");
    assert!(said.last().unwrap().starts_with("trigger rate is steady: it is quiet since"), "{said:?}");
    assert_eq!(the_incidents(&bench).await[0].0.status, Status::Resolved);
    let why = explained(&mut bench, "why", Some("INC-1")).await;
    assert!(why.contains("(trigger rate)") && why.contains("damped: it began or ended 6 times"), "{why}");
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// One without a severity opens nothing and is damped as well: its channel is not flooded.
#[tokio::test(start_paused = true)]
async fn what_only_tells_a_channel_is_damped_too() {
    let tells = Trigger { severity: None, service: None, page: None, ..at_once() };
    let mut bench = Bench::with(&[], with(vec![tells])).await;
    for n in 0..30 {
        reads(&bench, "q", Ok(if n % 2 == 0 { 0.34 } else { 0.01 }));
        bench.pass(61_000).await;
    }
    let said = lines(&bench);
    assert_eq!(said.len(), 7, "{said:?}");
    assert!(said[6].contains("It comes and goes"), "{said:?}");
    assert_eq!(the_incidents(&bench).await.len(), 0);
    let why = explained(&mut bench, "why", None).await;
    assert!(why.contains("no incident: the trigger names no severity"), "{why}");
}

/// Silenced, it calls nobody, plans nothing and says nothing; when that is over and it fires still, it does, wherever the process
/// ends meanwhile.
#[tokio::test(start_paused = true)]
async fn maintenance_silences_it_until_it_is_over() {
    for point in [None, Some(2), Some(4), Some(6), Some(8), Some(11), Some(14), Some(17), Some(20), Some(24)]
    {
        let planned =
            Trigger { plan: Some("triage".to_owned()), propose: Some("rollback".to_owned()), ..at_once() };
        let over = Trigger { page: None, ..trigger("over", "p") };
        let over = Trigger { for_s: 0, service: Some("billing".to_owned()), ..over };
        let mut bench = Bench::with(&[], with(vec![planned, over])).await;
        bench.settings.alerts.maintenance = vec![Maintenance {
            service: Some("billing".to_owned()),
            labels: std::collections::BTreeMap::new(),
            from: None,
            until: bench.now() + TimeDelta::minutes(20),
            reason: "the database moves".to_owned(),
        }];
        bench.reboot().await;
        reads(&bench, "q", Ok(0.34));
        reads(&bench, "p", Ok(0.34));
        bench.pass(5 * 60_000).await;
        reads(&bench, "p", Ok(0.01));
        bench.pass(10 * 60_000).await;
        assert_eq!((the_incidents(&bench).await.len(), pages(&bench).len()), (0, 0));
        assert_eq!((lines(&bench), locked(&bench.data).runs.len()), (Vec::<String>::new(), 0));
        let why = explained(&mut bench, "why", None).await;
        assert!(why.contains("fires: failure rate over 10 % (trigger rate)"), "{why}");
        assert!(why.contains("silenced: maintenance until") && why.contains("the database moves"), "{why}");
        let listed = bench.ask("list", "ana", Request::TriggerList).await;
        assert!(listed.contains(", held back by maintenance"), "{listed}");
        if let Some(point) = point {
            bench.pass(4 * 60_000).await;
            bench.ends_soon(point).await;
        }
        bench.pass(8 * 60_000).await;
        let all = the_incidents(&bench).await;
        let [(incident, events)] = &all[..] else { panic!("{point:?}: {all:?}") };
        assert_eq!(incident.severity, "P1");
        let (notes, mut said, mut paged) = (notes(events), lines(&bench), pages(&bench));
        said.retain(|line| line.contains("has it"));
        said.dedup();
        paged.dedup();
        assert!(said.len() == 1 && said[0].starts_with("trigger rate fires still: failure rate"), "{said:?}");
        assert_eq!((paged.len(), locked(&bench.data).runs.len()), (1, 1), "{point:?}: {paged:?}");
        for wanted in ["trigger rate fires still", "has planned triage", "proposes rollback"] {
            assert_eq!(notes.iter().filter(|note| note.contains(wanted)).count(), 1, "{point:?}: {notes:?}");
        }
        assert!(!lines(&bench).iter().any(|line| line.contains("trigger over")), "{:?}", lines(&bench));
        assert_eq!(check(&bench), Vec::<String>::new());
    }
}

#[tokio::test(start_paused = true)]
async fn its_incident_is_opened_again_soon_and_another_one_later() {
    let mut bench = Bench::with(&[], with(vec![at_once()])).await;
    for (value, minutes) in [(0.34, 2), (0.01, 5), (0.34, 2)] {
        reads(&bench, "q", Ok(value));
        bench.pass(minutes * 60_000 + 1_000).await;
    }
    let all = the_incidents(&bench).await;
    let [(incident, events)] = &all[..] else { panic!("{all:?}") };
    assert!(incident.status.is_open());
    let reopened =
        |event: &IncidentEvent| matches!(event, IncidentEvent::Reopened { via, .. } if via == "trigger");
    assert!(events.iter().any(reopened), "{events:?}");
    assert_eq!(pages(&bench).len(), 2, "whoever had it is called again: {:?}", pages(&bench));
    let said = lines(&bench);
    assert!(said.len() == 3 && said[2].contains("INC-1 has it"), "{said:?}");
    reads(&bench, "q", Ok(0.01));
    bench.pass(35 * 60_000).await;
    reads(&bench, "q", Ok(0.34));
    bench.pass(2 * 60_000).await;
    assert_eq!(the_incidents(&bench).await.len(), 2, "that one is over");
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// What a person ended while it fires is over for as long as it would be opened again. What fires on then opens another, calls
/// whom it calls and plans what it plans, once, wherever the process ends.
#[tokio::test(start_paused = true)]
async fn what_fires_on_after_a_person_ended_its_incident_opens_another() {
    for point in [None, Some(1), Some(3), Some(5), Some(7), Some(9), Some(12), Some(15), Some(18), Some(22)] {
        let planned = Trigger { plan: Some("triage".to_owned()), window_s: 600, ..at_once() };
        let mut bench = Bench::with(&[], with(vec![planned])).await;
        reads(&bench, "q", Ok(0.34));
        bench.pass(10 * 60_000).await;
        bench.ask("over", "ana", Request::IncidentResolve { incident: Some("INC-1".to_owned()) }).await;
        bench.pass(28 * 60_000).await;
        assert_eq!((the_incidents(&bench).await.len(), pages(&bench).len()), (1, 1), "a person ended it");
        if let Some(point) = point {
            bench.ends_soon(point).await;
        }
        bench.pass(2 * 3_600_000).await;
        let mut all = the_incidents(&bench).await;
        all.sort_by_key(|(incident, _)| incident.number);
        let [(first, _), (second, events)] = &all[..] else { panic!("{point:?}: {all:?}") };
        assert_eq!((first.status, second.status.is_open()), (Status::Resolved, true));
        let mut paged = pages(&bench);
        paged.dedup();
        assert_eq!(paged.len(), 2, "{point:?}: {paged:?}");
        assert!(paged[1].contains("INC-2"), "{paged:?}");
        assert_eq!(locked(&bench.data).runs.len(), 2, "{point:?}");
        for wanted in ["trigger rate fires on: failure rate", "has planned triage"] {
            let notes = notes(events);
            assert_eq!(notes.iter().filter(|note| note.contains(wanted)).count(), 1, "{point:?}: {notes:?}");
        }
        let mut said = lines(&bench);
        said.retain(|line| line.contains("INC-2 has it"));
        said.dedup();
        assert_eq!(said.len(), 1, "{point:?}: {said:?}");
        reads(&bench, "q", Ok(0.01));
        bench.pass(2 * 60_000).await;
        assert!(the_incidents(&bench).await.iter().all(|(one, _)| one.status == Status::Resolved));
        assert_eq!(check(&bench), Vec::<String>::new());
    }
}

/// As no incident it is over for good.
#[tokio::test(start_paused = true)]
async fn what_is_no_incident_is_none_while_it_fires_on() {
    let mut bench = Bench::with(&[], with(vec![at_once()])).await;
    reads(&bench, "q", Ok(0.34));
    bench.pass(2 * 60_000).await;
    let none = Request::IncidentNone { incident: Some("INC-1".to_owned()), reason: "noise".to_owned() };
    bench.ask("none", "ana", none).await;
    bench.pass(2 * 3_600_000).await;
    assert_eq!((the_incidents(&bench).await.len(), pages(&bench).len()), (1, 1));
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// Alerts of a monitoring system and a trigger share an incident, which ends with the last of them; what a person has said of its
/// severity does not hold against a trigger that is worse.
#[tokio::test(start_paused = true)]
async fn it_shares_an_incident_with_other_alerts() {
    let mut bench = Bench::with(&[], with(vec![at_once()])).await;
    let down = |firing| {
        let labels = [("alertname", "Down"), ("service", "billing"), ("severity", "warning")];
        let alert = SentAlert {
            fingerprint: "a".to_owned(),
            firing,
            labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            ..SentAlert::default()
        };
        Translated::Signal(Signal::Alerts(AlertNotice {
            source: "alertmanager".to_owned(),
            firing,
            left_out: u64::from(firing),
            unread: None,
            alerts: vec![alert],
            ..AlertNotice::default()
        }))
    };
    bench.hand_in("alertmanager", "1", down(true)).await;
    bench.pass(20 * 60_000).await;
    bench.ask("less", "ana", Request::IncidentSeverity { incident: None, severity: "P4".to_owned() }).await;
    reads(&bench, "q", Ok(0.34));
    bench.pass(2 * 60_000).await;
    let all = the_incidents(&bench).await;
    let [(incident, _)] = &all[..] else { panic!("{all:?}") };
    let tally = &incident.alerts.as_ref().unwrap().tally;
    assert_eq!((incident.severity.as_str(), tally.firing, tally.total, tally.left_out), ("P1", 2, 2, 1));
    bench.hand_in("alertmanager", "2", down(false)).await;
    bench.pass(10_000).await;
    assert!(the_incidents(&bench).await[0].0.status.is_open(), "the trigger fires");
    let why = explained(&mut bench, "why", Some("INC-1")).await;
    assert!(why.contains("joined: INC-1 is of the same service, billing, and is open"), "{why}");
    assert!(why.contains("P1 instead of P4, by system:trigger: the trigger rate says so"), "{why}");
    reads(&bench, "q", Ok(0.01));
    bench.pass(2 * 60_000).await;
    assert_eq!(the_incidents(&bench).await[0].0.status, Status::Resolved);
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// Taken out of the configuration while it fires, it is asked no more: nobody says whether it is over, and people end its incident.
/// Named again it begins anew.
#[tokio::test(start_paused = true)]
async fn one_that_is_configured_no_more_leaves_its_incident_to_people() {
    for damped in [false, true] {
        let mut bench = Bench::with(&[], with(vec![at_once()])).await;
        for n in 0..if damped { 9 } else { 1 } {
            reads(&bench, "q", Ok(if n % 2 == 0 { 0.34 } else { 0.01 }));
            bench.pass(61_000).await;
        }
        let (incident, _) = the_incidents(&bench).await.remove(0);
        assert!(incident.status.is_open(), "{damped}");
        bench.settings.triggers.clear();
        bench.reboot().await;
        bench.pass(20 * 60_000).await;
        let (incident, events) = the_incidents(&bench).await.remove(0);
        assert!(incident.status.is_open(), "{damped}: {events:?}");
        assert_eq!(
            notes(&events).iter().filter(|note| note.contains("in blocks.toml no more")).count(),
            1,
            "{events:?}"
        );
        bench.ask("resolve", "ana", Request::IncidentResolve { incident: None }).await;
        bench.reboot().await;
        bench.settings.triggers = vec![at_once()];
        reads(&bench, "q", Ok(0.34));
        bench.reboot().await;
        bench.pass(40 * 60_000).await;
        let open = the_incidents(&bench).await.into_iter().filter(|(one, _)| one.status.is_open()).count();
        assert_eq!((open, check(&bench)), (1, Vec::new()), "{damped}: it fires again");
    }
}
