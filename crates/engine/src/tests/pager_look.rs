//! The pager is looked at: what it did not tell, or told while nobody listened, is made up for.

use std::time::Duration;

use runbook_core::incident::{IncidentEvent, Status};
use runbook_core::people::{Actor, Role};
use runbook_core::ports::{PagerEventKind, PagerUser, SeenIncident, SeenNote, SeenStatus};

use crate::clock::Clock;
use crate::pager_look::SeenPriorities;
use crate::settings::{PagerLook, Settings};
use crate::testkit::{Bench, check, locked, page};

fn poll() -> PagerLook {
    PagerLook {
        every: Duration::from_secs(5),
        notes_every: Duration::from_secs(30),
        patience: Duration::ZERO,
        leaves_receipts: false,
    }
}

fn polled(settings: &mut Settings) {
    settings.pager_look = Some(poll());
}

fn user(name: &str) -> Option<PagerUser> {
    Some(PagerUser { id: format!("P-{name}"), name: Some(format!("{name} at the pager")) })
}

/// What the pager has of the usual page, by now.
fn seen(bench: &Bench, status: SeenStatus, by: Option<PagerUser>) -> SeenIncident {
    let mut incident = page("Q1");
    incident.created_at = Some(bench.clock.morning);
    SeenIncident { incident, status, since: Some(bench.clock.now()), by, ..SeenIncident::default() }
}

fn has(bench: &Bench, all: Vec<SeenIncident>) {
    locked(&bench.world.pager).seen = all;
}

async fn events(bench: &Bench) -> Vec<IncidentEvent> {
    bench.incident_events(bench.incident().await.id).await.1
}

/// The whole life of an incident comes by looking alone, as it does by webhooks.
#[tokio::test(start_paused = true)]
async fn an_incident_lives_by_looking_alone() {
    let mut bench = Bench::with(&[], polled).await;
    let mail = |name: &str| (format!("P-{name}"), format!("{name}@example.com"));
    locked(&bench.world.pager).emails.extend([mail("ana"), mail("ben")]);
    let opened = seen(&bench, SeenStatus::Triggered, None);
    has(&bench, vec![opened.clone()]);
    bench.pass(15_000).await;
    let incident = bench.incident().await;
    assert_eq!((incident.status, incident.severity.as_str()), (Status::Triggered, "P1"));
    assert_eq!(incident.detected_at, bench.clock.morning);
    assert!(incident.triage.is_some(), "its diagnostics ran");

    has(&bench, vec![seen(&bench, SeenStatus::Acknowledged, user("ana"))]);
    bench.pass(6_000).await;
    let incident = bench.incident().await;
    let commander = incident.commander.map(|commander| commander.who);
    assert_eq!((incident.status, commander), (Status::Acknowledged, Some(Actor::Person("ana".to_owned()))));

    let mut noted = seen(&bench, SeenStatus::Acknowledged, user("ana"));
    noted.since = incident.acknowledged_at;
    noted.notes = Some(vec![SeenNote {
        id: "N1".to_owned(),
        at: Some(bench.clock.now()),
        by: user("ben"),
        text: "it is the queue".to_owned(),
    }]);
    noted.incident.priority = Some("P2".to_owned());
    noted.bridge = Some("https://meet.example.com/1".to_owned());
    has(&bench, vec![noted]);
    bench.pass(61_000).await;
    let incident = bench.incident().await;
    assert_eq!(
        (incident.severity.as_str(), incident.bridge.url.as_deref()),
        ("P2", Some("https://meet.example.com/1"))
    );
    let all = events(&bench).await;
    let notes = all
        .iter()
        .filter(|event| matches!(event, IncidentEvent::PagerNoted { id: Some(id), .. } if id == "N1"));
    assert_eq!(notes.count(), 1);

    has(&bench, vec![seen(&bench, SeenStatus::Resolved, user("ben"))]);
    bench.pass(6_000).await;
    assert_eq!(bench.incident().await.status, Status::Resolved);
    assert_eq!(bench.reviews().len(), 1);
    let quiet = bench.data_events();
    bench.pass(5 * 60_000).await;
    assert_eq!(bench.data_events(), quiet, "what is so on both sides is no news");

    has(&bench, vec![seen(&bench, SeenStatus::Triggered, None)]);
    bench.pass(6_000).await;
    assert!(bench.incident().await.status.is_open());
    let all = events(&bench).await;
    assert!(
        !all.iter().any(
            |event| matches!(event, IncidentEvent::PagerNoted { what, .. } if what == "seen by looking")
        ),
        "where it is the only way, it is not worth a word"
    );
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// Where webhooks are to tell it, what they did not tell is made up for with a receipt, also after days; what may still be on its
/// way is left to them.
#[tokio::test(start_paused = true)]
async fn lost_webhooks_are_made_up_for_with_a_receipt() {
    let mut bench = Bench::new().await;
    bench.paged().await;
    let look = PagerLook {
        patience: Duration::from_secs(30),
        leaves_receipts: true,
        every: Duration::from_secs(60),
        notes_every: Duration::from_secs(60),
    };
    let mut known = SeenPriorities::new();
    has(&bench, vec![seen(&bench, SeenStatus::Acknowledged, user("ana"))]);
    bench.pass(10_000).await;
    bench.engine.look_at_pager(&look, true, &mut known).await.unwrap();
    assert_eq!(bench.incident().await.status, Status::Triggered, "the webhook may still come");
    bench.pass(30_000).await;
    bench.engine.look_at_pager(&look, true, &mut known).await.unwrap();
    let incident = bench.incident().await;
    assert_eq!(incident.status, Status::Acknowledged);
    let receipts = |all: &[IncidentEvent]| {
        let text = |event: &IncidentEvent| match event {
            IncidentEvent::PagerNoted { what, text, .. } if what == "seen by looking" => text.clone(),
            _ => None,
        };
        all.iter().filter_map(text).collect::<Vec<_>>()
    };
    let told = receipts(&events(&bench).await);
    assert!(
        matches!(&told[..], [one] if one.starts_with("acknowledged at ") && one.ends_with("no webhook said so")),
        "{told:?}"
    );
    // the webhook comes after all: it says nothing new
    bench.pager_says("late", PagerEventKind::Acknowledged, page("Q1"), Some("P-ana")).await;
    bench.pass(10_000).await;
    assert_eq!(
        events(&bench)
            .await
            .iter()
            .filter(|event| matches!(event, IncidentEvent::Acknowledged { .. }))
            .count(),
        1
    );

    // the process was away for two days
    let mut over = seen(&bench, SeenStatus::Resolved, user("ana"));
    over.since = Some(bench.clock.now() + chrono::Duration::hours(1));
    has(&bench, vec![over]);
    bench.pass(48 * 3_600_000).await;
    bench.engine.look_at_pager(&look, true, &mut known).await.unwrap();
    bench.pass(10_000).await;
    assert_eq!(bench.incident().await.status, Status::Resolved);
    assert_eq!(receipts(&events(&bench).await).len(), 2);
    // a page of ours is no incident
    let mut ours = seen(&bench, SeenStatus::Triggered, None);
    ours.incident.id = "Q7".to_owned();
    ours.key = Some("blocks/escalate/x".to_owned());
    has(&bench, vec![ours]);
    bench.pass(60_000).await;
    bench.engine.look_at_pager(&look, true, &mut known).await.unwrap();
    assert_eq!(locked(&bench.data).incidents.len(), 1);
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// What a person has said of the severity here stays; what a rule made of it gives way. Another service is looked at anew.
#[tokio::test(start_paused = true)]
async fn a_priority_and_a_service_are_followed() {
    let mut bench = Bench::new().await;
    let guessed = runbook_core::ports::PagerIncident { priority: None, ..page("Q1") };
    bench.pager_says("page", PagerEventKind::Triggered, guessed, None).await;
    bench.pass(10_000).await;
    assert_eq!(bench.incident().await.severity, "P2");
    let mut known = SeenPriorities::new();
    let mut there = seen(&bench, SeenStatus::Triggered, None);
    (there.since, there.incident.priority) = (Some(bench.clock.morning), Some("P1".to_owned()));
    has(&bench, vec![there.clone()]);
    bench.engine.look_at_pager(&poll(), false, &mut known).await.unwrap();
    assert_eq!(bench.incident().await.severity, "P1");
    let severity =
        runbook_core::request::Request::IncidentSeverity { incident: None, severity: "P3".to_owned() };
    bench.ask("severity", "ana", severity).await;
    for priorities in [&mut known, &mut SeenPriorities::new()] {
        bench.engine.look_at_pager(&poll(), false, priorities).await.unwrap();
        assert_eq!(bench.incident().await.severity, "P3");
    }
    there.incident.priority = Some("P2".to_owned());
    there.incident.service_id = Some("PBILL".to_owned());
    has(&bench, vec![there]);
    bench.engine.look_at_pager(&poll(), false, &mut known).await.unwrap();
    let incident = bench.incident().await;
    assert_eq!((incident.severity.as_str(), incident.service.as_str()), ("P2", "billing"));
    assert_eq!(incident.roles, Vec::<(Role, Actor)>::new());
}

/// A pager that does not answer is asked more and more seldom, and everything is made up for when it does.
#[tokio::test(start_paused = true)]
async fn a_pager_that_was_away_for_an_hour_is_caught_up_with() {
    let mut bench = Bench::with(&[], polled).await;
    locked(&bench.world.pager).is_away = true;
    let opened = seen(&bench, SeenStatus::Triggered, None);
    has(&bench, vec![opened]);
    bench.pass(3_600_000).await;
    assert_eq!(locked(&bench.data).incidents.len(), 0);
    locked(&bench.world.pager).is_away = false;
    bench.pass(125_000).await;
    assert_eq!(bench.incident().await.status, Status::Triggered);
    assert_eq!(check(&bench), Vec::<String>::new());
}
