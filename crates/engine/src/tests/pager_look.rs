//! The pager is looked at: what it did not tell, or told while nobody listened, is made up for.

use std::time::Duration;

use runbook_core::incident::{IncidentEvent, Status};
use runbook_core::people::Actor;
use runbook_core::ports::{PagerEventKind, PagerIncident, PagerUser, SeenIncident, SeenNote, SeenStatus};
use runbook_core::request::Request;
use runbook_core::trigger::Trigger;

use super::climb::{SEVERITIES, steps};
use super::triggers::{reads, trigger};
use crate::clock::Clock;
use crate::pager_look::Seen;
use crate::settings::{PagerLook, PagerTells, Settings};
use crate::testkit::{Bench, check, locked, page};

fn by(tells: PagerTells) -> PagerLook {
    PagerLook { every: Duration::from_secs(5), notes_every: Duration::from_secs(30), tells }
}

fn polled(settings: &mut Settings) {
    settings.pager_look = Some(by(PagerTells::Nothing));
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

fn written(bench: &Bench, notes: &[(&str, &str)]) {
    let note = |(id, text): &(&str, &str)| SeenNote {
        id: (*id).to_owned(),
        at: Some(bench.clock.now()),
        by: user("ben"),
        text: (*text).to_owned(),
    };
    locked(&bench.world.pager).notes.insert("Q1".to_owned(), notes.iter().map(note).collect());
}

async fn events(bench: &Bench) -> Vec<IncidentEvent> {
    bench.incident_events(bench.incident().await.id).await.1
}

fn receipts(all: &[IncidentEvent]) -> Vec<String> {
    let text = |event: &IncidentEvent| match event {
        IncidentEvent::PagerNoted { what, text, .. } if what == "seen by looking" => text.clone(),
        _ => None,
    };
    all.iter().filter_map(text).collect()
}

async fn look(bench: &mut Bench, tells: PagerTells, known: &mut Seen) {
    bench.pass(30_000).await;
    bench.engine.look_at_pager(&by(tells), true, known).await.unwrap();
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
    written(&bench, &[("N1", "it is the queue")]);
    noted.incident.priority = Some("P2".to_owned());
    noted.bridge = Some("https://meet.example.com/1".to_owned());
    has(&bench, vec![noted]);
    bench.pass(61_000).await;
    let incident = bench.incident().await;
    assert_eq!(
        (incident.severity.as_str(), incident.bridge.url.as_deref()),
        ("P2", Some("https://meet.example.com/1"))
    );
    let is_note = |event: &&IncidentEvent| matches!(event, IncidentEvent::PagerNoted { id: Some(id), .. } if id == "N1");
    assert_eq!(events(&bench).await.iter().filter(is_note).count(), 1);

    written(&bench, &[("N1", "it is the queue"), ("N2", "Resolution Note: more workers")]);
    has(&bench, vec![seen(&bench, SeenStatus::Resolved, user("ben"))]);
    bench.pass(6_000).await;
    let incident = bench.incident().await;
    assert_eq!(incident.status, Status::Resolved);
    assert!(incident.noted_at_pager.contains("N2"), "what was written at its end");
    assert_eq!(bench.reviews().len(), 1);
    let quiet = bench.data_events();
    bench.pass(5 * 60_000).await;
    assert_eq!(bench.data_events(), quiet, "what is so on both sides is no news");

    has(&bench, vec![seen(&bench, SeenStatus::Triggered, None)]);
    bench.pass(6_000).await;
    assert!(bench.incident().await.status.is_open());
    assert_eq!(receipts(&events(&bench).await), [""; 0], "where it is the only way, it is not worth a word");
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// Where webhooks are to tell it, what they did not tell is made up for with a receipt, also after days; what may still be on its
/// way is left to them.
#[tokio::test(start_paused = true)]
async fn lost_webhooks_are_made_up_for_with_a_receipt() {
    let mut bench = Bench::new().await;
    bench.paged().await;
    let mut known = Seen::default();
    has(&bench, vec![seen(&bench, SeenStatus::Acknowledged, user("ana"))]);
    look(&mut bench, PagerTells::Webhooks, &mut known).await;
    assert_eq!(bench.incident().await.status, Status::Triggered, "the webhook may still come");
    look(&mut bench, PagerTells::Webhooks, &mut known).await;
    assert_eq!(bench.incident().await.status, Status::Acknowledged);
    assert_eq!(receipts(&events(&bench).await), ["acknowledged, and no webhook said so"]);
    // the webhook comes after all: it says nothing new
    bench.pager_says("late", PagerEventKind::Acknowledged, page("Q1"), Some("P-ana")).await;
    bench.pass(10_000).await;
    let all = events(&bench).await;
    assert_eq!(all.iter().filter(|event| matches!(event, IncidentEvent::Acknowledged { .. })).count(), 1);

    // the process was away for two days
    let mut over = seen(&bench, SeenStatus::Resolved, user("ana"));
    over.since = Some(bench.clock.now() + chrono::Duration::hours(1));
    has(&bench, vec![over]);
    bench.pass(48 * 3_600_000).await;
    for _ in 0..3 {
        look(&mut bench, PagerTells::Webhooks, &mut known).await;
    }
    assert_eq!(bench.incident().await.status, Status::Resolved);
    assert_eq!(receipts(&events(&bench).await).len(), 2);
    // a page of ours is no incident
    let mut ours = seen(&bench, SeenStatus::Triggered, None);
    ours.incident.id = "Q7".to_owned();
    ours.key = Some("blocks/escalate/x".to_owned());
    has(&bench, vec![ours]);
    for _ in 0..2 {
        look(&mut bench, PagerTells::Webhooks, &mut known).await;
    }
    assert_eq!(locked(&bench.data).incidents.len(), 1);
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// In both ways at once a look acts in the place of a webhook that never comes, and that is said; of one that comes late it is not.
#[tokio::test(start_paused = true)]
async fn beside_looks_a_webhook_that_never_comes_has_a_receipt() {
    for is_told in [true, false] {
        let mut bench = Bench::with(&[], |settings| settings.pager_look = Some(by(PagerTells::Both))).await;
        has(&bench, vec![seen(&bench, SeenStatus::Triggered, None)]);
        bench.pass(10_000).await;
        assert_eq!(bench.incident().await.status, Status::Triggered, "at once");
        if is_told {
            bench.pager_says("page", PagerEventKind::Triggered, page("Q1"), None).await;
        }
        bench.pass(10_000).await;
        assert_eq!(receipts(&events(&bench).await), Vec::<String>::new(), "the webhook may still come");
        has(&bench, vec![seen(&bench, SeenStatus::Acknowledged, user("ana"))]);
        bench.pass(10_000).await;
        assert_eq!(bench.incident().await.status, Status::Acknowledged, "at once");
        if is_told {
            bench.pager_says("ack", PagerEventKind::Acknowledged, page("Q1"), Some("P-ana")).await;
        }
        bench.pass(120_000).await;
        let wanted: &[&str] = match is_told {
            true => &[],
            false => &["triggered, and no webhook said so", "acknowledged, and no webhook said so"],
        };
        assert_eq!(receipts(&events(&bench).await), wanted);
        for what in ["triggered", "acknowledged"] {
            let count = bench.engine.metrics().get("blocks_pager_drift_total", &format!("what=\"{what}\""));
            assert_eq!(count, u64::from(!is_told), "{what}");
        }
        // told first, and seen then: nothing is made up for
        bench.pager_says("end", PagerEventKind::Resolved, page("Q1"), Some("P-ana")).await;
        has(&bench, vec![seen(&bench, SeenStatus::Resolved, user("ana"))]);
        bench.pass(120_000).await;
        assert_eq!(receipts(&events(&bench).await), wanted);
        assert_eq!(check(&bench), Vec::<String>::new());
    }
}

/// What a person has said of the severity here stays; what a rule made of it gives way. Another service is looked at anew.
#[tokio::test(start_paused = true)]
async fn a_priority_and_a_service_are_followed() {
    let mut bench = Bench::new().await;
    let guessed = PagerIncident { priority: None, ..page("Q1") };
    bench.pager_says("page", PagerEventKind::Triggered, guessed, None).await;
    bench.pass(10_000).await;
    assert_eq!(bench.incident().await.severity, "P2");
    let mut known = Seen::default();
    let mut there = seen(&bench, SeenStatus::Triggered, None);
    there.incident.priority = Some("P1".to_owned());
    has(&bench, vec![there.clone()]);
    look(&mut bench, PagerTells::Nothing, &mut known).await;
    assert_eq!(bench.incident().await.severity, "P1");
    // the next look has it as it was
    look(&mut bench, PagerTells::Nothing, &mut known).await;
    let severity = Request::IncidentSeverity { incident: None, severity: "P3".to_owned() };
    bench.ask("severity", "ana", severity).await;
    look(&mut bench, PagerTells::Nothing, &mut known).await;
    look(&mut bench, PagerTells::Nothing, &mut Seen::default()).await;
    assert_eq!(bench.incident().await.severity, "P3");
    there.incident.priority = Some("P2".to_owned());
    there.incident.service_id = Some("PBILL".to_owned());
    has(&bench, vec![there.clone()]);
    look(&mut bench, PagerTells::Nothing, &mut known).await;
    let incident = bench.incident().await;
    assert_eq!((incident.severity.as_str(), incident.service.as_str()), ("P2", "billing"));
    // what was said there later is the later word, also where webhooks did not tell it
    there.incident.priority = Some("P4".to_owned());
    has(&bench, vec![there.clone()]);
    look(&mut bench, PagerTells::Both, &mut known).await;
    assert_eq!(bench.incident().await.severity, "P4");
    // without a last look it is not known which came later: what was said here stays
    let severity = Request::IncidentSeverity { incident: None, severity: "P3".to_owned() };
    bench.ask("severity again", "ana", severity).await;
    has(&bench, vec![there]);
    look(&mut bench, PagerTells::Both, &mut Seen::default()).await;
    assert_eq!(bench.incident().await.severity, "P3");
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// High urgency is never below P2, at the first look either; and a page that is told and seen in the same moment is one incident.
#[tokio::test(start_paused = true)]
async fn what_is_told_and_seen_is_one_incident_with_one_severity() {
    let mut bench = Bench::new().await;
    let low = PagerIncident { priority: Some("P3".to_owned()), ..page("Q1") };
    let mut there = seen(&bench, SeenStatus::Triggered, None);
    there.incident.priority = Some("P3".to_owned());
    has(&bench, vec![there]);
    let engine = bench.engine.clone();
    let looks = tokio::spawn(async move {
        engine.look_at_pager(&by(PagerTells::Both), true, &mut Seen::default()).await.is_ok()
    });
    bench.pager_says("page", PagerEventKind::Triggered, low, None).await;
    assert!(looks.await.unwrap());
    bench.pass(10_000).await;
    for _ in 0..3 {
        assert_eq!(bench.incident().await.severity, "P2");
        look(&mut bench, PagerTells::Nothing, &mut Seen::default()).await;
    }
}

/// What somebody has done here and the pager does not know yet is not taken back by a look.
#[tokio::test(start_paused = true)]
async fn a_look_takes_nothing_back_that_was_done_here() {
    let mut bench = Bench::with(&[], polled).await;
    bench.paged().await;
    locked(&bench.world.pager).is_away = true;
    let waits = |bench: &Bench| has(bench, vec![seen(bench, SeenStatus::Triggered, None)]);
    waits(&bench);
    bench.ask("mine", "ana", Request::IncidentAck { incident: None }).await;
    for _ in 0..5 {
        // it changes there all the time: escalated, given to others
        bench.pass(20_000).await;
        waits(&bench);
        bench.engine.look_at_pager(&by(PagerTells::Nothing), false, &mut Seen::default()).await.unwrap_err();
        locked(&bench.world.pager).is_away = false;
        bench.engine.look_at_pager(&by(PagerTells::Nothing), false, &mut Seen::default()).await.unwrap();
        locked(&bench.world.pager).is_away = true;
        assert_eq!(bench.incident().await.status, Status::Acknowledged);
    }
}

/// Where it was acknowledged at the last look says nothing of who has taken it here since then.
#[tokio::test(start_paused = true)]
async fn what_the_last_look_saw_takes_back_no_later_acknowledgement() {
    let mut bench = Bench::new().await;
    bench.paged().await;
    let mut known = Seen::default();
    has(&bench, vec![seen(&bench, SeenStatus::Acknowledged, user("ana"))]);
    look(&mut bench, PagerTells::Both, &mut known).await;
    look(&mut bench, PagerTells::Both, &mut known).await;
    assert_eq!(bench.incident().await.status, Status::Acknowledged);
    bench.pager_says("ran out", PagerEventKind::Unacknowledged, page("Q1"), None).await;
    bench.pass(1_000).await;
    locked(&bench.world.pager).is_away = true;
    bench.ask("mine", "ana", Request::IncidentAck { incident: None }).await;
    locked(&bench.world.pager).is_away = false;
    has(&bench, vec![seen(&bench, SeenStatus::Triggered, None)]);
    look(&mut bench, PagerTells::Both, &mut known).await;
    assert_eq!(bench.incident().await.status, Status::Acknowledged);
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

/// What the pager was told before the severity that it refused is not somebody's word there.
#[tokio::test(start_paused = true)]
async fn a_severity_that_the_pager_refused_stays_here() {
    let mut bench = Bench::with(&[], polled).await;
    has(&bench, vec![seen(&bench, SeenStatus::Triggered, None)]);
    bench.pass(15_000).await;
    let says = |to: &str| Request::IncidentSeverity { incident: None, severity: to.to_owned() };
    bench.ask("one", "ana", says("P3")).await;
    bench.pass(240_000).await;
    locked(&bench.world.pager).refuses = 1;
    bench.ask("two", "ana", says("P2")).await;
    bench.pass(1_200_000).await;
    assert_eq!(locked(&bench.world.pager).seen[0].incident.priority.as_deref(), Some("P3"));
    assert_eq!(bench.incident().await.severity, "P2");
    // what somebody says there after that is
    locked(&bench.world.pager).seen[0].incident.priority = Some("P4".to_owned());
    bench.pass(10_000).await;
    assert_eq!(bench.incident().await.severity, "P4");
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// What is over here is not looked at any more: where the pager has ended it as it was asked and somebody opens it there again, that is
/// seen all the same.
#[tokio::test(start_paused = true)]
async fn what_was_ended_there_and_is_opened_again_comes_back() {
    let mut bench = Bench::with(&[], polled).await;
    has(&bench, vec![seen(&bench, SeenStatus::Triggered, None)]);
    bench.pass(15_000).await;
    let none = Request::IncidentNone { incident: None, reason: "noise".to_owned() };
    bench.ask("none", "ana", none).await;
    bench.pass(60_000).await;
    let incident = bench.incident().await;
    assert!(!incident.status.is_open() && locked(&bench.world.pager).was_asked_to_resolve());
    locked(&bench.world.pager).seen[0].status = SeenStatus::Triggered;
    locked(&bench.world.pager).seen[0].since = Some(bench.clock.now());
    bench.pass(60_000).await;
    let (incident, events) = bench.incident_events(incident.id).await;
    assert!(incident.status.is_open(), "{events:?}");
    // closed once more, that it is open there still says nothing until it has been asked to end for that
    locked(&bench.world.pager).takes_nothing = true;
    let none = Request::IncidentNone { incident: None, reason: "noise".to_owned() };
    bench.ask("none again", "ana", none).await;
    bench.pass(60_000).await;
    assert!(!bench.incident_events(incident.id).await.0.status.is_open());
    locked(&bench.world.pager).takes_nothing = false;
    bench.pass(300_000).await;
    assert!(!bench.incident_events(incident.id).await.0.status.is_open());
    assert_eq!(locked(&bench.world.pager).seen[0].status, SeenStatus::Resolved);
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// Nothing is told to a page that is over, so what stands there is nobody's word against what was said here since.
#[tokio::test(start_paused = true)]
async fn the_old_priority_of_a_page_that_is_over_is_no_word() {
    let mut bench = Bench::with(&[], polled).await;
    has(&bench, vec![seen(&bench, SeenStatus::Triggered, None)]);
    bench.pass(15_000).await;
    let says = |to: &str| Request::IncidentSeverity { incident: None, severity: to.to_owned() };
    bench.ask("one", "ana", says("P3")).await;
    bench.pass(15_000).await;
    let service = Some("flowengine".to_owned());
    bench.ask("roll", "ana", Request::RunbookRollback { service, params: [].into(), incident: None }).await;
    locked(&bench.world.pager).seen[0].status = SeenStatus::Resolved;
    locked(&bench.world.pager).seen[0].since = Some(bench.clock.now());
    bench.pass(15_000).await;
    let incident = bench.incident().await;
    assert!(incident.pager_over && incident.status.is_open(), "{}", incident.status.word());
    bench.ask("two", "ana", says("P1")).await;
    bench.pass(60_000).await;
    assert_eq!(bench.incident().await.severity, "P1");
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// What was written at the end is not lost because it could not be read at once; an end waits for it a few looks long, and no longer.
#[tokio::test(start_paused = true)]
async fn an_end_waits_for_its_notes_and_not_for_ever() {
    for (tells, fails, is_noted) in [
        (PagerTells::Nothing, 0, true),
        (PagerTells::Nothing, 3, true),
        (PagerTells::Webhooks, 3, true),
        (PagerTells::Nothing, 1_000, false),
        (PagerTells::Webhooks, 1_000, false),
    ] {
        let mut bench = Bench::new().await;
        bench.paged().await;
        let mut known = Seen::default();
        has(&bench, vec![seen(&bench, SeenStatus::Triggered, None)]);
        look(&mut bench, tells, &mut known).await;
        written(&bench, &[("N1", "Resolution Note: more workers")]);
        has(&bench, vec![seen(&bench, SeenStatus::Resolved, user("ben"))]);
        locked(&bench.world.pager).notes_fail = fails;
        // the first look leaves it to the webhook
        let looks = usize::from(tells == PagerTells::Webhooks) + fails.min(4);
        for _ in 0..looks {
            bench.pass(30_000).await;
            bench.engine.look_at_pager(&by(tells), false, &mut known).await.unwrap();
            assert!(bench.incident().await.status.is_open(), "{tells:?} {fails}");
        }
        bench.pass(30_000).await;
        bench.engine.look_at_pager(&by(tells), false, &mut known).await.unwrap();
        let incident = bench.incident().await;
        assert_eq!(incident.status, Status::Resolved, "{tells:?} {fails}");
        assert_eq!(incident.noted_at_pager.contains("N1"), is_noted, "{tells:?} {fails}");
        assert_eq!(check(&bench), Vec::<String>::new());
        bench.end();
    }
}

/// What was left open before Blocks was there is opened, and nobody is called for it: one line says how many there are. What is found
/// later is called for however old it is.
#[tokio::test(start_paused = true)]
async fn nobody_is_called_for_what_was_left_open_before_the_first_look() {
    let told =
        SEVERITIES.replacen("\n[[scheme.severity]]", "\nchannels = [\"incidents\"]\n[[scheme.severity]]", 2);
    let told = told.replacen("channels = [\"incidents\"]\n", "", 1);
    for tells in [PagerTells::Nothing, PagerTells::Webhooks] {
        let mut bench = Bench::with(&[], |settings| {
            steps(settings);
            settings.severities = runbook_core::severity::parse(&told).unwrap();
        })
        .await;
        let old = |bench: &Bench, id: &str, days: i64| {
            let mut one = seen(bench, SeenStatus::Triggered, None);
            one.incident.id = id.to_owned();
            one.incident.created_at = Some(bench.clock.morning - chrono::Duration::days(days));
            one
        };
        let mut all = vec![old(&bench, "Q1", 30), old(&bench, "Q2", 2), old(&bench, "Q3", 0)];
        has(&bench, all.clone());
        let mut known = Seen::default();
        for _ in 0..2 {
            look(&mut bench, tells, &mut known).await;
        }
        bench.pass(3_600_000).await;
        all.push(old(&bench, "Q4", 9));
        has(&bench, all);
        // another process
        let mut known = Seen::default();
        for _ in 0..2 {
            look(&mut bench, tells, &mut known).await;
        }
        bench.pass(3_600_000).await;
        let mut called = Vec::new();
        let ids: Vec<_> = locked(&bench.data).incidents.keys().copied().collect();
        for id in ids {
            let (incident, events) = bench.incident_events(id).await;
            assert_eq!(incident.status, Status::Triggered);
            let steps = events.iter().filter(|event| matches!(event, IncidentEvent::StepDue { .. })).count();
            called.push((incident.pager.unwrap().id, steps > 0));
        }
        called.sort();
        let wanted = [("Q1", false), ("Q2", false), ("Q3", true), ("Q4", true)];
        assert_eq!(called, wanted.map(|(id, is_called)| (id.to_owned(), is_called)), "{tells:?}");
        let said: Vec<_> = locked(&bench.world.chat).asks().into_iter().map(|(_, text)| text).collect();
        let said = said.iter().filter(|text| text.contains("open at PagerDuty for more than a day"));
        assert_eq!(said.map(|text| &text[..2]).collect::<Vec<_>>(), ["2 "], "{tells:?}");
        bench.end();
    }
}

/// What comes to it later is of today, and somebody is called for that.
#[tokio::test(start_paused = true)]
async fn what_fires_in_an_incident_that_was_left_open_calls_people() {
    let mut bench = Bench::with(&[], |settings| {
        steps(settings);
        settings.triggers = vec![Trigger { for_s: 0, page: None, ..trigger("rate", "q") }];
    })
    .await;
    reads(&bench, "q", Ok(0.01));
    let mut old = seen(&bench, SeenStatus::Triggered, None);
    old.incident.created_at = Some(bench.clock.morning - chrono::Duration::days(30));
    has(&bench, vec![old]);
    let mut known = Seen::default();
    for _ in 0..2 {
        look(&mut bench, PagerTells::Nothing, &mut known).await;
    }
    bench.pass(600_000).await;
    assert!(bench.incident().await.is_left_open() && !bench.incident().await.waits_for_somebody());
    reads(&bench, "q", Ok(0.34));
    bench.pass(600_000).await;
    let all = events(&bench).await;
    assert!(all.iter().any(|event| matches!(event, IncidentEvent::StepDue { .. })), "{all:?}");
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// Beside webhooks a look may see how it was before what they have just told: what takes that back has to be seen twice.
#[tokio::test(start_paused = true)]
async fn a_look_that_lags_behind_a_webhook_takes_nothing_back() {
    let mut bench = Bench::new().await;
    bench.paged().await;
    let mut known = Seen::default();
    for (name, kind, before, after) in [
        ("ack", PagerEventKind::Acknowledged, SeenStatus::Triggered, SeenStatus::Acknowledged),
        ("end", PagerEventKind::Resolved, SeenStatus::Acknowledged, SeenStatus::Resolved),
    ] {
        has(&bench, vec![seen(&bench, before.clone(), None)]);
        look(&mut bench, PagerTells::Both, &mut known).await;
        bench.pager_says(name, kind, page("Q1"), Some("P-ana")).await;
        bench.pass(2_000).await;
        let told = bench.data_events();
        bench.engine.look_at_pager(&by(PagerTells::Both), false, &mut known).await.unwrap();
        assert_eq!(bench.data_events(), told, "{name}");
        has(&bench, vec![seen(&bench, after, user("ana"))]);
        look(&mut bench, PagerTells::Both, &mut known).await;
        look(&mut bench, PagerTells::Both, &mut known).await;
    }
    assert_eq!(bench.incident().await.status, Status::Resolved);
    // what it sees twice is so
    has(&bench, vec![seen(&bench, SeenStatus::Triggered, None)]);
    for is_open in [false, true] {
        look(&mut bench, PagerTells::Both, &mut known).await;
        assert_eq!(bench.incident().await.status.is_open(), is_open);
    }
    assert_eq!(check(&bench), Vec::<String>::new());
}
