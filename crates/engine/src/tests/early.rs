//! What the pager tells in another order than it happened: nothing of it is lost, and the last word counts.

use runbook_core::incident::{Incident, IncidentEvent, Status};
use runbook_core::ports::{InboxStand, PagerEvent, PagerEventKind, PagerIncident, Signal, Translated};

use crate::testkit::{Bench, check, locked, page};

/// Every order of these.
fn orders(count: usize) -> Vec<Vec<usize>> {
    let Some(last) = count.checked_sub(1) else { return vec![Vec::new()] };
    let shorter = orders(last);
    let put = |order: &Vec<usize>, at: usize| [&order[..at], &[last], &order[at..]].concat();
    shorter.iter().flat_map(|order| (0..=order.len()).map(move |at| put(order, at))).collect()
}

fn named(priority: &str) -> PagerIncident {
    PagerIncident { priority: Some(priority.to_owned()), high_urgency: Some(false), ..page("Q1") }
}

fn of_service(id: &str, name: &str) -> PagerIncident {
    PagerIncident { service_id: Some(id.to_owned()), service_name: Some(name.to_owned()), ..named("P3") }
}

fn note(text: &str) -> PagerEventKind {
    PagerEventKind::Note { id: Some(text.to_owned()), text: text.to_owned() }
}

fn bridge(url: &str) -> PagerEventKind {
    PagerEventKind::BridgeChanged { url: Some(url.to_owned()), numbers: Vec::new() }
}

/// Tells a life in this order, ten seconds between what happened.
async fn told(
    life: &[(PagerEventKind, PagerIncident)],
    order: &[usize],
) -> (Bench, Incident, Vec<IncidentEvent>) {
    let mut bench = Bench::new().await;
    for place in order {
        let (kind, incident) = life[*place].clone();
        let occurred_at =
            bench.clock.morning + chrono::Duration::seconds(10 * i64::try_from(*place).unwrap());
        let event = PagerEvent { kind, incident, agent_id: None, agent_name: None, occurred_at };
        let id = format!("message {place}");
        bench.hand_in("pagerduty", &id, Translated::Signal(Signal::Pager(event))).await;
        bench.pass(1_000).await;
    }
    bench.pass(10_000).await;
    for place in order {
        let stand =
            bench.engine.store().inbox_stand("pagerduty".to_owned(), format!("message {place}")).await;
        assert_eq!(stand.unwrap(), Some(InboxStand::Done), "{order:?}: message {place}");
    }
    let rows = locked(&bench.data).incidents.len();
    assert_eq!(rows, 1, "{order:?}: one incident");
    let incident = bench.incident().await;
    let (_, events) = bench.incident_events(incident.id).await;
    assert_eq!(check(&bench), Vec::<String>::new(), "{order:?}");
    (bench, incident, events)
}

fn notes(events: &[IncidentEvent]) -> usize {
    events.iter().filter(|event| matches!(event, IncidentEvent::PagerNoted { id: Some(_), .. })).count()
}

#[tokio::test(start_paused = true)]
async fn in_whatever_order_it_is_told_the_last_word_counts() {
    let life = [
        (PagerEventKind::Triggered, named("P3")),
        (note("before anybody came"), page("Q1")),
        (PagerEventKind::PriorityChanged, named("P1")),
        (PagerEventKind::PriorityChanged, named("P3")),
    ];
    for order in orders(life.len()) {
        let (_bench, incident, events) = told(&life, &order).await;
        assert_eq!((incident.severity.as_str(), notes(&events)), ("P3", 1), "{order:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn people_meet_where_it_was_said_last() {
    let life = [
        (PagerEventKind::Triggered, named("P3")),
        (bridge("https://meet.example.com/1"), page("Q1")),
        (bridge("https://meet.example.com/2"), page("Q1")),
    ];
    for order in orders(life.len()) {
        let (_bench, incident, _) = told(&life, &order).await;
        assert_eq!(incident.bridge.url.as_deref(), Some("https://meet.example.com/2"), "{order:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_that_has_run_out_by_then_takes_nothing() {
    let life = [
        (PagerEventKind::Triggered, named("P3")),
        (PagerEventKind::Acknowledged, named("P3")),
        (PagerEventKind::Unacknowledged, named("P3")),
        (note("nobody is there"), page("Q1")),
    ];
    for order in orders(life.len()) {
        let (_bench, incident, events) = told(&life, &order).await;
        let taken = events.iter().filter(|event| matches!(event, IncidentEvent::Acknowledged { .. })).count();
        let is = (incident.status, incident.acknowledged_at.is_some(), taken, notes(&events));
        assert_eq!(is, (Status::Triggered, true, 1, 1), "{order:?}: {events:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn it_stays_with_the_service_that_was_named_last() {
    let life = [
        (PagerEventKind::Triggered, named("P3")),
        (PagerEventKind::ServiceChanged, of_service("P-OTHER", "other")),
        (PagerEventKind::ServiceChanged, named("P3")),
    ];
    for order in orders(life.len()) {
        let (_bench, incident, _) = told(&life, &order).await;
        let first = told(&life[..1], &[0]).await.1;
        assert_eq!(incident.service, first.service, "{order:?}");
    }
}

/// An acknowledgement that is told after it ran out is on the timeline once, wherever the process ends while it is acted on.
#[tokio::test(start_paused = true)]
async fn what_is_told_late_and_cut_off_takes_once() {
    for end in 0..120 {
        let mut bench = Bench::with(&[end], |_| {}).await;
        for (place, kind) in [
            (3, PagerEventKind::Unacknowledged),
            (0, PagerEventKind::Triggered),
            (1, PagerEventKind::Acknowledged),
        ] {
            let occurred_at = bench.clock.morning + chrono::Duration::seconds(10 * place);
            let event =
                PagerEvent { kind, incident: page("Q1"), agent_id: None, agent_name: None, occurred_at };
            let id = format!("message {place}");
            bench.hand_in("pagerduty", &id, Translated::Signal(Signal::Pager(event))).await;
            bench.pass(2_000).await;
        }
        bench.pass(60_000).await;
        let incident = bench.incident().await;
        let (_, events) = bench.incident_events(incident.id).await;
        let taken = events.iter().filter(|event| matches!(event, IncidentEvent::Acknowledged { .. })).count();
        assert_eq!(taken, 1, "ended at {end}: {events:?}");
        assert_eq!(check(&bench), Vec::<String>::new(), "ended at {end}");
    }
}
