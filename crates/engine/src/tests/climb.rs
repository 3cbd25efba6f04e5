//! Escalation by the clock: timers that outlive the process, who is on call at the hour, and a pager that is away.

use std::time::Duration;

use runbook_core::incident::IncidentEvent;
use runbook_core::oncall::{PagerTurn, Rotation, ShiftLength};
use runbook_core::people::{Directory, Person, Phone, Role};
use runbook_core::ports::{PagerCall, PagerEventKind};
use runbook_core::request::Request;

use crate::settings::{PagerLook, PagerTells, RotationSettings, Settings};
use crate::testkit::{Bench, check, locked, page};

const SEVERITIES: &str = r#"
default = "p1-p4"
[[scheme]]
id = "p1-p4"
name = "P1 to P4"
[[scheme.severity]]
id = "P1"
name = "Critical"
definition = "most of it fails"
commander_rotation = "commander"
escalation = [
  { after_min = 0, who = ["primary"] },
  { after_min = 5, who = ["secondary"] },
  { after_min = 10, who = ["commander"] },
  { after_min = 15, who = ["product", "business"] },
]
[[scheme.severity]]
id = "P2"
name = "High"
definition = "much of it fails"
[[scheme.severity]]
id = "P3"
name = "Medium"
definition = "some of it fails"
"#;

pub(super) fn steps(settings: &mut Settings) {
    settings.severities = runbook_core::severity::parse(SEVERITIES).unwrap();
    let mut people = settings.directory.people().to_vec();
    let like = people[1].clone();
    let with = |name: &str, duty: &str| Person {
        name: name.to_owned(),
        slack_id: Some(format!("U-{name}")),
        pagerduty_email: Some(format!("{name}@example.com")),
        roles: Vec::new(),
        duties: vec![duty.to_owned()],
        phone: Some(Phone::new(&format!("+1 555 {name}"))),
        ..like.clone()
    };
    people.extend([
        with("pri", "primary"),
        with("sam", "secondary"),
        with("pia", "product"),
        with("bob", "business"),
    ]);
    settings.directory = Directory::new(people).unwrap().into();
}

/// Its commander comes from a rotation: cat this week, dan the next.
fn rota(settings: &mut Settings) {
    steps(settings);
    let mut people = settings.directory.people().to_vec();
    let like = people[0].clone();
    for name in ["cat", "dan"] {
        people.push(Person {
            name: name.to_owned(),
            slack_id: Some(format!("U-{name}")),
            pagerduty_email: Some(format!("{name}@example.com")),
            roles: vec![Role::Responder],
            ..like.clone()
        });
    }
    settings.directory = Directory::new(people).unwrap().into();
    settings.rotations = vec![RotationSettings {
        rotation: Rotation {
            name: "commander".to_owned(),
            services: Vec::new(),
            people: vec!["cat".to_owned(), "dan".to_owned()],
            start: "2026-01-05".parse().unwrap(),
            at: "09:00:00".parse().unwrap(),
            length: ShiftLength::Days(7),
        },
        zone: chrono_tz::UTC,
    }];
}

pub(super) fn pages(bench: &Bench) -> Vec<String> {
    let calls = locked(&bench.world.pager).calls.clone();
    let page = |call: PagerCall| match call {
        PagerCall::Page { to, .. } => to,
        _ => None,
    };
    calls.into_iter().filter_map(page).collect()
}

fn mentioned(bench: &Bench) -> Vec<String> {
    locked(&bench.world.chat).asks().into_iter().filter_map(|(who, _)| who).collect()
}

fn steps_on_record(events: &[IncidentEvent]) -> Vec<u32> {
    let after = |event: &IncidentEvent| match event {
        IncidentEvent::StepDue { after_s, .. } => Some(*after_s),
        _ => None,
    };
    events.iter().filter_map(after).collect()
}

#[tokio::test(start_paused = true)]
async fn the_steps_come_by_the_clock_through_restarts() {
    let mut bench = Bench::with(&[], steps).await;
    let incident = bench.paged().await;
    bench.pass(285_000).await; // 295 s since the page, with the ten of `paged`
    assert_eq!(mentioned(&bench), Vec::<String>::new());
    // the process ends just before the step is due, and the next one begins after it
    bench.reboot().await;
    bench.pass(3_000).await;
    assert_eq!(mentioned(&bench), ["U-sam"]);
    assert_eq!(pages(&bench), Vec::<String>::new(), "the pager's own policy pages primary and secondary");
    bench.reboot().await;
    bench.pass(300_000).await;
    assert_eq!(pages(&bench), ["ana@example.com"], "ana has the role commander");
    bench.pass(300_000).await;
    assert_eq!(pages(&bench), ["ana@example.com", "pia@example.com", "bob@example.com"]);
    bench.reboot().await;
    bench.pass(3_600_000).await;
    assert_eq!(pages(&bench).len(), 3, "each step once");
    let (_, events) = bench.incident_events(incident.id).await;
    assert_eq!(steps_on_record(&events), [300, 600, 900]);
    assert_eq!(check(&bench), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn what_was_due_while_nothing_ran_is_made_up_for_one_a_minute() {
    let mut bench = Bench::with(&[], |settings| {
        steps(settings);
        settings.pager_look = Some(PagerLook {
            every: Duration::from_secs(3_600),
            notes_every: Duration::from_secs(3_600),
            tells: PagerTells::Webhooks,
        });
    })
    .await;
    let incident = bench.paged().await;
    bench.is_down_for(Duration::from_secs(3_600)).await;
    bench.pass(50_000).await;
    assert_eq!(mentioned(&bench), Vec::<String>::new(), "first it is looked at what happened at the pager");
    let mut told = Vec::new();
    for _ in 0..5 {
        bench.pass(60_000).await;
        let (_, events) = bench.incident_events(incident.id).await;
        told.push(steps_on_record(&events).len());
    }
    assert_eq!(told, [1, 2, 3, 3, 3]);
    assert_eq!(check(&bench), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn somebody_who_takes_it_stops_the_clock_and_what_is_on_its_way() {
    for there in [true, false] {
        let mut bench = Bench::with(&[], steps).await;
        let incident = bench.paged().await;
        bench.pass(500_000).await;
        locked(&bench.world.pager).is_away = true;
        bench.pass(120_000).await; // the commander's page is on its way
        match there {
            true => bench.pager_says("ack", PagerEventKind::Acknowledged, page("Q1"), Some("P-ben")).await,
            false => {
                bench.ask("ack", "ben", Request::IncidentAck { incident: None }).await;
            }
        }
        bench.pass(1_000).await;
        locked(&bench.world.pager).is_away = false;
        bench.pass(3_600_000).await;
        assert_eq!(pages(&bench), Vec::<String>::new());
        let (_, events) = bench.incident_events(incident.id).await;
        assert_eq!(steps_on_record(&events), [300, 600]);
        assert_eq!(check(&bench), Vec::<String>::new());
    }
}

#[tokio::test(start_paused = true)]
async fn a_declared_one_pages_primary_at_once_and_a_private_one_only_who_may_see_it() {
    for private in [false, true] {
        let mut bench = Bench::with(&[], steps).await;
        let declare = Request::IncidentDeclare {
            title: "keys on a page".to_owned(),
            severity: Some("P1".to_owned()),
            service: Some("flowengine".to_owned()),
            private,
            description: None,
        };
        bench.ask("declare", "ben", declare).await;
        bench.pass(2_000).await;
        let first = pages(&bench);
        bench.pass(1_000_000).await;
        let all = pages(&bench);
        match private {
            false => {
                assert_eq!(first, ["pri@example.com"]);
                assert_eq!(all.len(), 5);
            }
            // of those who are named only ana, a commander, may see it
            true => assert_eq!((first.len(), all), (0, vec!["ana@example.com".to_owned()])),
        }
        let private_words =
            locked(&bench.world.pager).calls.iter().any(|call| format!("{call:?}").contains("keys"));
        assert_eq!(private_words, !private);
        assert_eq!(check(&bench), Vec::<String>::new());
    }
}

#[tokio::test(start_paused = true)]
async fn whom_the_pager_has_on_call_is_asked_and_not_paged_twice() {
    let mut bench = Bench::with(&[], |settings| {
        rota(settings);
        settings.pager_look = Some(PagerLook {
            every: Duration::from_secs(3_600),
            notes_every: Duration::from_secs(3_600),
            tells: PagerTells::Webhooks,
        });
    })
    .await;
    let turn = |level, who: &str| PagerTurn {
        level,
        email: Some(format!("{who}@example.com")),
        name: None,
        schedule: None,
        until: None,
    };
    // dan is secondary by the pager's policy, which has nobody else at that level
    let turns = vec![turn(1, "ben"), turn(2, "dan")];
    locked(&bench.world.pager).on_call.insert("PFLOW".to_owned(), turns);
    bench.pass(700_000).await;
    bench.paged().await;
    bench.pass(300_000).await;
    assert_eq!(mentioned(&bench), ["U-dan"]);
    bench.pass(300_000).await;
    assert_eq!(pages(&bench), ["cat@example.com"], "who has the rotation is the commander to be");
    let said = bench.ask("who", "ben", Request::OnCall { service: Some("flowengine".to_owned()) }).await;
    for wanted in [
        "level 1: ben",
        "level 2: dan",
        "commander: cat",
        "until 2026-01-12 09:00 UTC, by the rotation",
        " ago)",
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    // ben acts until cat comes
    bench.ask("ben", "ben", Request::IncidentAck { incident: None }).await;
    let commander = |incident: &runbook_core::incident::Incident| {
        let commander = incident.commander.clone().unwrap();
        (commander.who.to_string(), commander.acting)
    };
    assert_eq!(commander(&bench.incident().await), ("ben".to_owned(), true));
    bench.pager_says("cat", PagerEventKind::Acknowledged, page("Q1"), Some("P-zoe")).await;
    bench.pass(1_000).await;
    assert_eq!(commander(&bench.incident().await).0, "ben", "zoe has no rotation");
    bench.ask("cat", "cat", Request::IncidentAck { incident: None }).await;
    assert_eq!(commander(&bench.incident().await), ("cat".to_owned(), false));
    assert_eq!(check(&bench), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn with_the_pager_away_whom_to_call_is_shown_once_with_its_age() {
    let mut bench = Bench::with(&[], |settings| {
        rota(settings);
        settings.pager_look = Some(PagerLook {
            every: Duration::from_secs(3_600),
            notes_every: Duration::from_secs(3_600),
            tells: PagerTells::Webhooks,
        });
    })
    .await;
    let turn = PagerTurn {
        level: 1,
        email: Some("pri@example.com".to_owned()),
        name: None,
        schedule: None,
        until: None,
    };
    locked(&bench.world.pager).on_call.insert("PFLOW".to_owned(), vec![turn]);
    bench.pass(600_000).await; // it is asked again, and says so
    bench.paged().await;
    locked(&bench.world.pager).is_away = true;
    bench.reboot().await; // what it said is kept
    bench.pass(1_000_000).await;
    let notes = locked(&bench.world.chat).notes();
    let shown: Vec<&String> =
        notes.iter().filter(|note| note.contains("PagerDuty cannot be reached")).collect();
    assert_eq!(shown.len(), 1, "{notes:?}");
    for wanted in ["level 1: pri +1 555 pri", "commander: cat", "PagerDuty was asked at 2026-01-05", " ago)"]
    {
        assert!(shown[0].contains(wanted), "{wanted}: {shown:?}");
    }
    // no number is in the journal
    let journal: Vec<u8> = locked(&bench.data)
        .streams
        .iter()
        .flat_map(|(_, events)| events.iter().flat_map(|event| event.bytes.clone()))
        .collect();
    assert!(!String::from_utf8_lossy(&journal).contains("+1 555"));
    assert_eq!(check(&bench), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn numbers_are_for_people_who_respond() {
    let mut bench = Bench::with(&[], rota).await;
    let ask = || Request::OnCall { service: None };
    bench.paged().await;
    let told = bench.ask("ben", "ben", ask()).await;
    assert!(told.contains("flowengine") && told.contains("billing"), "{told}");
    // cat and dan have none on file
    assert!(told.contains("cat (no phone on file)"), "{told}");
    let told = bench.ask("cora", "cora", ask()).await;
    assert!(told.contains("commander: cat until") && !told.contains("phone"), "{told}");
    let unknown = bench.ask("what", "ben", Request::OnCall { service: Some("nope".to_owned()) }).await;
    assert!(unknown.contains("there is no service 'nope'; hint:"), "{unknown}");
}
