//! Pages by which Blocks calls people: their acknowledgement at the pager is the incident's, and none of them outlives what it is about.

use std::time::Duration;

use runbook_core::incident::{IncidentEvent, Status};
use runbook_core::ports::{CallPage, PagerCall, PagerEventKind, PagerIncident, PagerUser, SeenStatus};
use runbook_core::request::Request;

use super::climb::steps;
use crate::settings::{PagerLook, PagerTells, Settings};
use crate::testkit::{Bench, check, locked, page};

fn looks(settings: &mut Settings) {
    steps(settings);
    settings.pager_look = Some(PagerLook {
        every: Duration::from_secs(20),
        notes_every: Duration::from_secs(3_600),
        tells: PagerTells::Nothing,
    });
}

fn declare(private: bool) -> Request {
    Request::IncidentDeclare {
        title: "keys on a page".to_owned(),
        severity: Some("P1".to_owned()),
        service: Some("flowengine".to_owned()),
        private,
        description: None,
    }
}

/// The pages that ring or are acknowledged at the pager: whose key, and what it knows them by.
fn at_pager(bench: &Bench) -> Vec<(CallPage, String)> {
    let seen = locked(&bench.world.pager).seen.clone();
    let open = seen.into_iter().filter(|one| one.status != SeenStatus::Resolved);
    open.filter_map(|one| Some((CallPage::of_key(one.key.as_deref()?)?, one.incident.id))).collect()
}

fn paged(bench: &Bench) -> Vec<String> {
    let calls = locked(&bench.world.pager).calls.clone();
    let page = |call: PagerCall| match call {
        PagerCall::Page { to, .. } => to,
        _ => None,
    };
    calls.into_iter().filter_map(page).collect()
}

async fn acknowledges(bench: &mut Bench, id: &str, agent: &str) {
    let (call, known_as) = at_pager(bench).last().cloned().unwrap();
    let told = PagerIncident { id: known_as, ..PagerIncident::default() };
    bench.pager_says(id, PagerEventKind::CallAnswered(call), told, Some(agent)).await;
    bench.pass(2_000).await;
}

#[tokio::test(start_paused = true)]
async fn whoever_acknowledges_the_page_on_the_phone_has_a_declared_incident() {
    let mut bench = Bench::with(&[], steps).await;
    bench.ask("declare", "ben", declare(false)).await;
    bench.pass(60_000).await;
    assert_eq!((paged(&bench), at_pager(&bench).len()), (vec!["pri@example.com".to_owned()], 1));
    acknowledges(&mut bench, "ack", "P-ana").await;
    let incident = bench.incident().await;
    let commander = incident.commander.clone().unwrap();
    assert_eq!((incident.status, commander.who.to_string()), (Status::Acknowledged, "ana".to_owned()));
    assert!(at_pager(&bench).is_empty(), "it rings for nobody any more");
    bench.pass(3_600_000).await;
    assert_eq!(paged(&bench).len(), 1, "nobody else is called");
    let (_, events) = bench.incident_events(incident.id).await;
    assert_eq!(events.iter().filter(|one| matches!(one, IncidentEvent::CallAnswered { .. })).count(), 1);
    assert_eq!(check(&bench), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn of_the_pagers_own_incident_the_original_is_acknowledged_too_and_stays_so() {
    let mut bench = Bench::with(&[], steps).await;
    let incident = bench.paged().await;
    bench.pass(600_000).await;
    assert_eq!(at_pager(&bench).len(), 2, "secondary and the commander");
    acknowledges(&mut bench, "ack", "P-ana").await;
    let told = locked(&bench.world.pager).calls.clone();
    let from = told.into_iter().find_map(|call| match call {
        PagerCall::Acknowledge { incident, from } if incident == "Q1" => Some(from),
        _ => None,
    });
    assert_eq!(from, Some(Some("ana@example.com".to_owned())));
    // whoever made that call there is not whose it is
    bench.pager_says("echo", PagerEventKind::Acknowledged, page("Q1"), Some("P-ben")).await;
    bench.pass(1_000).await;
    assert_eq!(bench.incident().await.commander.unwrap().who.to_string(), "ana");
    let (_, events) = bench.incident_events(incident.id).await;
    assert_eq!(events.iter().filter(|one| matches!(one, IncidentEvent::Acknowledged { .. })).count(), 1);
    assert_eq!(check(&bench), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn without_a_webhook_the_acknowledgement_is_seen() {
    let mut bench = Bench::with(&[], looks).await;
    bench.ask("declare", "ben", declare(false)).await;
    bench.pass(60_000).await;
    {
        let now = bench.now();
        let mut pager = locked(&bench.world.pager);
        let one = pager.seen.iter_mut().find(|one| one.key.is_some()).unwrap();
        (one.status, one.since) = (SeenStatus::Acknowledged, Some(now));
        one.by = Some(PagerUser { id: "P-ana".to_owned(), name: None });
    }
    bench.pass(3_600_000).await;
    let incident = bench.incident().await;
    assert_eq!(incident.status, Status::Acknowledged);
    assert_eq!(incident.commander.unwrap().who.to_string(), "ana");
    assert_eq!((paged(&bench).len(), at_pager(&bench)), (1, Vec::new()));
    assert_eq!(check(&bench), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn who_may_not_see_a_private_one_does_not_have_it_by_acknowledging_its_page() {
    let mut bench = Bench::with(&[], steps).await;
    bench.ask("declare", "ben", declare(true)).await;
    bench.pass(700_000).await;
    assert_eq!(paged(&bench), ["ana@example.com"]);
    acknowledges(&mut bench, "cora", "P-cora").await;
    let incident = bench.incident().await;
    assert!(incident.waits_for_somebody() && incident.commander.is_none());
    assert_eq!(at_pager(&bench).len(), 1);
    acknowledges(&mut bench, "ana", "P-ana").await;
    assert_eq!(bench.incident().await.commander.unwrap().who.to_string(), "ana");
    assert!(at_pager(&bench).is_empty());
    assert_eq!(check(&bench), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn what_is_over_rings_for_nobody() {
    let mut bench = Bench::with(&[], steps).await;
    let incident = bench.paged().await;
    bench.pass(1_000_000).await;
    assert_eq!(at_pager(&bench).len(), 4, "secondary, the commander and the war room");
    bench.pager_says("over", PagerEventKind::Resolved, page("Q1"), Some("P-ben")).await;
    bench.pass(10_000).await;
    assert!(at_pager(&bench).is_empty());
    let ended = locked(&bench.world.pager).calls.clone();
    let ended = ended.iter().filter(|call| matches!(call, PagerCall::EndPage { .. })).count();
    assert_eq!((ended, bench.incident().await.id), (4, incident.id));
    assert_eq!(check(&bench), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_page_that_is_on_its_way_when_it_ends_is_ended_behind_it() {
    let mut bench = Bench::with(&[], steps).await;
    locked(&bench.world.pager).loses_answers = 1;
    bench.ask("declare", "ben", declare(false)).await;
    bench.until("its answer is lost", |bench| paged(bench).len() == 1).await;
    bench.ask("ack", "ben", Request::IncidentAck { incident: None }).await;
    bench.pass(120_000).await;
    assert!(at_pager(&bench).is_empty());
    assert_eq!(check(&bench), Vec::<String>::new());
}
