//! Changes that somebody tells of: kept once, noted at every incident that they may explain, whatever ends the process.

use chrono::Duration;
use runbook_core::change::ToldChange;
use runbook_core::incident::{ChangeNoted, Incident, IncidentEvent};
use runbook_core::ports::{PagerEventKind, PagerIncident, SeenChange, Signal, Translated};

use crate::git::GitDeployments;
use crate::testkit::{Bench, check, locked, page};

/// A change of a service so many minutes ago.
fn change(bench: &Bench, key: &str, service: &str, minutes: i64) -> ToldChange {
    ToldChange {
        key: key.to_owned(),
        service: vec![service.to_owned()],
        at: Some(bench.now() - Duration::minutes(minutes)),
        summary: format!("{key} rolled out"),
        author: Some("ana".to_owned()),
        source: "ci".to_owned(),
        ..ToldChange::default()
    }
}

async fn tell(bench: &mut Bench, change: ToldChange) {
    let id = change.key.clone();
    bench.hand_in("change", &id, Translated::Signal(Signal::Change(Box::new(change)))).await;
    bench.pass(2_000).await;
}

/// What is told at an incident, without the time before it.
fn told(incident: &Incident) -> Vec<String> {
    incident.changes.iter().map(|change| change.text.clone()).collect()
}

async fn of(bench: &Bench, service: &str) -> Incident {
    let id = locked(&bench.data).incidents.values().find(|row| row.service == service).map(|row| row.id);
    bench.incident_events(id.unwrap()).await.0
}

const LOOKED: &str = "v1.2 rolled out 6 min ago";

#[tokio::test(start_paused = true)]
async fn what_was_told_before_and_what_is_told_meanwhile_stands_at_the_incident() {
    let mut bench = Bench::with(&[], |settings| {
        settings.services[0].aliases = vec!["daemonset/flow".to_owned()];
    })
    .await;
    for (key, service, minutes) in [
        ("a", "flowengine", 50),
        ("b", "PFLOW", 9),
        ("c", "billing", 5),
        ("d", "flowengine", 25 * 60),
        ("e", "nobody's", 3),
    ] {
        let change = change(&bench, key, service, minutes);
        tell(&mut bench, change).await;
    }
    let mut other = change(&bench, "f", "service/flow", 20);
    other.service.push("daemonset/flow".to_owned());
    tell(&mut bench, other).await;
    assert_eq!(locked(&bench.data).incidents.len(), 0, "a change opens nothing");
    bench.paged().await;
    let rolled = |key: &str| format!("{key} rolled out by ana");
    let incident = bench.incident().await;
    assert_eq!(told(&incident), [LOOKED.to_owned(), rolled("b"), rolled("f"), rolled("a")]);
    let words = incident.changes[1].words();
    assert!(words.ends_with("b rolled out by ana (ci)"), "{words}");
    // while it is open: of its service alone, and told again nothing happens
    for (key, service) in [("g", "flowengine"), ("h", "billing"), ("g", "flowengine")] {
        let change = change(&bench, key, service, 0);
        tell(&mut bench, change).await;
    }
    let incident = bench.incident().await;
    assert_eq!(told(&incident), [LOOKED.to_owned(), rolled("g"), rolled("b"), rolled("f"), rolled("a")]);
    assert_eq!(locked(&bench.world.chat).card().unwrap().changes.len(), 5);
    let (_, events) = bench.incident_events(incident.id).await;
    let noted = events.iter().filter(|event| matches!(event, IncidentEvent::ChangesFound { .. })).count();
    assert_eq!(noted, 3, "the diagnostics, what had been told, and what was told meanwhile");
    assert_eq!(locked(&bench.data).changes.len(), 8);
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// The other service's incidents know nothing of it, also where both are open; a private one hears of its own.
#[tokio::test(start_paused = true)]
async fn a_change_is_noted_at_every_open_incident_of_its_service() {
    let mut bench = Bench::with(&[], |settings| settings.services[1].private = true).await;
    let billing = PagerIncident { service_id: Some("PBILL".to_owned()), ..page("B1") };
    bench.pager_says("one", PagerEventKind::Triggered, page("Q1"), None).await;
    bench.pager_says("two", PagerEventKind::Triggered, billing, None).await;
    bench.pass(10_000).await;
    let change = change(&bench, "x", "billing", 1);
    tell(&mut bench, change).await;
    assert_eq!(told(&of(&bench, "billing").await), ["x rolled out by ana"]);
    assert_eq!(told(&of(&bench, "flowengine").await), [LOOKED]);
    assert_eq!(check(&bench), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn what_is_too_old_is_kept_with_the_reason_and_what_is_to_come_was_now() {
    let mut bench = Bench::new().await;
    let old = change(&bench, "old", "flowengine", 31 * 24 * 60);
    tell(&mut bench, old).await;
    assert_eq!(locked(&bench.data).changes.len(), 0);
    let kept = bench.engine.store().letters(runbook_core::ports::Letters::default(), 9).await.unwrap();
    assert_eq!(kept[0].reason, "not acted on: a change of more than 30 days ago");
    let now = bench.now();
    let soon = change(&bench, "soon", "flowengine", -600);
    tell(&mut bench, soon).await;
    assert_eq!(locked(&bench.data).changes.values().next().unwrap().at, now);
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// A deployment that PagerDuty and the hook tell of stands once, with the other's address.
#[tokio::test(start_paused = true)]
async fn what_several_tell_of_stands_once() {
    let mut bench = Bench::new().await;
    let at = bench.now() - Duration::minutes(9);
    let url = Some("https://ci.example.com/7".to_owned());
    let seen = SeenChange { at: Some(at), text: "Deploy v1.2 to production".to_owned(), url: url.clone() };
    locked(&bench.world.pager).changes.insert("PFLOW".to_owned(), vec![seen]);
    let mut change = change(&bench, "7", "flowengine", 10);
    (change.summary, change.version) = ("rolled out".to_owned(), Some("v1.2".to_owned()));
    tell(&mut bench, change).await;
    bench.paged().await;
    let incident = bench.incident().await;
    // what the diagnostics see of it is said in the same line
    assert_eq!(told(&incident), [format!("rolled out (v1.2) by ana; {LOOKED}")]);
    assert_eq!(incident.changes[0].url, url);
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// The process ends at each of its first points after a change has come: it is kept, noted and dealt with once.
#[tokio::test(start_paused = true)]
async fn whatever_ends_the_process_a_change_is_noted_once() {
    for point in 0..12 {
        let mut bench = Bench::new().await;
        bench.paged().await;
        let change = change(&bench, "x", "flowengine", 1);
        bench.ends_soon(point).await;
        tell(&mut bench, change).await;
        bench.pass(90_000).await;
        let incident = bench.incident().await;
        assert_eq!(told(&incident), [LOOKED, "x rolled out by ana"], "{point}");
        let (_, events) = bench.incident_events(incident.id).await;
        let noted = |event: &&IncidentEvent| matches!(event, IncidentEvent::ChangesFound { changes } if changes.len() == 2);
        assert_eq!(events.iter().filter(noted).count(), 1, "{point}");
        assert_eq!(bench.engine.store().inbox_pending(9).await.unwrap(), [], "{point}");
        assert_eq!(check(&bench), Vec::<String>::new(), "{point}");
    }
}

/// A repository that cannot be read keeps nobody from anything, and is asked again.
#[tokio::test(start_paused = true)]
async fn a_repository_that_does_not_read_keeps_nobody_from_looking() {
    let gone = std::path::PathBuf::from("/nowhere/at/all");
    let mut bench = Bench::with(&[], |settings| {
        settings.services[0].deployments = GitDeployments::new(gone, Some("v*"), None, None).ok();
    })
    .await;
    bench.paged().await;
    bench.pass(150_000).await;
    let incident = bench.incident().await;
    let words: Vec<String> = incident.changes.iter().map(ChangeNoted::words).collect();
    assert_eq!(words, [LOOKED]);
    assert!(!incident.evidence.is_empty());
    assert_eq!(check(&bench), Vec::<String>::new());
}
