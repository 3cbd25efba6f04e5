//! Escalation by the clock: timers that outlive the process, who is on call at the hour, and a pager that is away.

use std::time::Duration;

use runbook_core::incident::IncidentEvent;
use runbook_core::oncall::{PagerTurn, Rotation, SeenOnCall, ShiftLength};
use runbook_core::people::{Directory, Person, Phone, Role};
use runbook_core::ports::{CallPage, PagerCall, PagerEventKind, PagerIncident, PagerUser, SeenIncident};
use runbook_core::request::Request;

use crate::clock::Clock as _;
use crate::on_call::called_for_nobody;
use crate::settings::{PagerLook, PagerTells, RotationSettings, Settings};
use crate::testkit::{Act, Bench, check, locked, page};

pub(super) const SEVERITIES: &str = r#"
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
    assert_eq!(pages(&bench), ["sam@example.com"], "that the pager rings for them it does not say");
    bench.reboot().await;
    bench.pass(300_000).await;
    assert_eq!(pages(&bench)[1..], ["ana@example.com"], "ana has the role commander");
    bench.pass(300_000).await;
    assert_eq!(pages(&bench)[2..], ["pia@example.com", "bob@example.com"]);
    bench.reboot().await;
    bench.pass(3_600_000).await;
    assert_eq!(pages(&bench).len(), 4, "each step once");
    let (_, events) = bench.incident_events(incident.id).await;
    assert_eq!(steps_on_record(&events), [300, 600, 900]);
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// A page of a service that is called so there.
fn page_of(service_id: &str, service_name: &str) -> PagerIncident {
    PagerIncident {
        service_id: Some(service_id.to_owned()),
        service_name: Some(service_name.to_owned()),
        ..page("Q1")
    }
}

/// A subscription for the whole account tells of other teams' pages, too: they are opened, and our people are left alone.
#[tokio::test(start_paused = true)]
async fn for_a_page_of_a_service_that_is_not_named_nobody_is_called() {
    let all = ["sam@example.com", "ana@example.com", "pia@example.com", "bob@example.com"];
    for (its, names_ids, wanted) in [
        (page_of("PODD", "payroll"), true, &all[..0]),
        (page_of("PFLOW", "FlowEngine"), true, &all[..]),
        // it is ours by its name, or may be, where it does not say whose it is
        (page_of("PODD", "FLOWENGINE"), true, &all[..]),
        (PagerIncident { service_id: None, service_name: None, ..page("Q1") }, true, &all[..]),
        // where no service of the pager's is named, each of them is ours
        (page_of("PODD", "payroll"), false, &all[..]),
    ] {
        let mut bench = Bench::with(&[], |settings| {
            steps(settings);
            for service in settings.services.iter_mut().filter(|_| !names_ids) {
                service.pagerduty_id = None;
            }
        })
        .await;
        let (service, case) = (its.service_name.clone(), format!("{its:?}, {names_ids}"));
        bench.pager_says("page", PagerEventKind::Triggered, its, None).await;
        bench.pass(700_000).await;
        bench.reboot().await;
        bench.pass(600_000).await;
        assert_eq!(pages(&bench), wanted, "{case}");
        let incident = bench.incident().await;
        assert!(incident.waits_for_somebody(), "it is open, as any other: {case}");
        assert_eq!(mentioned(&bench).len(), wanted.len(), "{case}: {:?}", mentioned(&bench));
        let said =
            bench.ask("why", "ben", Request::IncidentExplain { incident: Some("INC-1".to_owned()) }).await;
        let is_said = said.contains("nobody is called by the clock")
            && said.contains("its service is not in blocks.toml");
        assert_eq!(is_said, wanted.is_empty(), "{service:?}: {said}");
        // whoever asks for somebody has them paged
        if wanted.is_empty() {
            let ask = Request::Escalate { incident: None, who: Some("sam".to_owned()), reason: None };
            bench.ask("escalate", "ben", ask).await;
            bench.pass(2_000).await;
            assert_eq!(pages(&bench), ["sam@example.com"], "{case}");
        }
        assert_eq!(check(&bench), Vec::<String>::new());
    }
}

/// What belongs to a named service from now on calls people from now on, and the other way round.
#[tokio::test(start_paused = true)]
async fn a_page_that_moves_to_a_named_service_calls_people_from_then_on() {
    let mut bench = Bench::with(&[], steps).await;
    bench.pager_says("page", PagerEventKind::Triggered, page_of("PODD", "payroll"), None).await;
    bench.pass(900_000).await;
    bench.pager_says("moved", PagerEventKind::ServiceChanged, page("Q1"), None).await;
    bench.pass(290_000).await;
    assert_eq!(pages(&bench), Vec::<String>::new(), "the minutes before it was ours count for nobody here");
    bench.pass(30_000).await;
    assert_eq!(pages(&bench), ["sam@example.com"]);
    bench.pager_says("back", PagerEventKind::ServiceChanged, page_of("PODD", "payroll"), None).await;
    bench.pass(1_200_000).await;
    assert_eq!(pages(&bench), ["sam@example.com"]);
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
async fn a_process_that_starts_again_and_again_escalates_all_the_same() {
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
    bench.is_down_for(Duration::from_secs(600)).await;
    for _ in 0..8 {
        bench.pass(25_000).await;
        bench.reboot().await;
    }
    let (_, events) = bench.incident_events(incident.id).await;
    let told = steps_on_record(&events);
    assert!(told.starts_with(&[300, 600]), "{told:?}");
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
        assert_eq!(pages(&bench), ["sam@example.com"], "the one before");
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

/// The pager has the incident as this person's.
fn is_theirs(bench: &Bench, who: &str, high_urgency: bool) {
    let mut pager = locked(&bench.world.pager);
    pager.emails.insert(format!("P-{who}"), format!("{who}@example.com"));
    let incident = PagerIncident { high_urgency: Some(high_urgency), ..page("Q1") };
    let assignees = vec![PagerUser { id: format!("P-{who}"), name: None }];
    pager.seen = vec![SeenIncident { incident, assignees, ..SeenIncident::default() }];
}

/// Whatever the pager's policy says, it is asked for whom it rings now: that it names somebody wakes nobody.
#[tokio::test(start_paused = true)]
async fn whom_the_pager_does_not_wake_is_paged() {
    for (what, theirs, high_urgency, wanted) in [
        ("it is theirs, and rings", "sam", true, None),
        ("its policy is still at the first", "pri", true, Some("sam@example.com")),
        ("it is theirs, and not urgent", "sam", false, Some("sam@example.com")),
    ] {
        let mut bench = Bench::with(&[], steps).await;
        let turn = |level, who: &str| PagerTurn {
            level,
            email: Some(format!("{who}@example.com")),
            name: None,
            schedule: None,
            until: None,
        };
        locked(&bench.world.pager).on_call.insert("PFLOW".to_owned(), vec![turn(1, "pri"), turn(2, "sam")]);
        bench.ask("who", "ben", Request::OnCall { service: None }).await;
        is_theirs(&bench, theirs, high_urgency);
        bench.paged().await;
        bench.pass(320_000).await;
        let wanted: Vec<String> = wanted.into_iter().map(str::to_owned).collect();
        assert_eq!((mentioned(&bench), pages(&bench)), (vec!["U-sam".to_owned()], wanted), "{what}");
        assert_eq!(check(&bench), Vec::<String>::new());
    }
}

/// Nobody here stands for primary or secondary: whom the pager has, or whoever is on call there, is paged.
#[tokio::test(start_paused = true)]
async fn whom_only_the_pager_knows_is_paged_there() {
    let turn = |level, who: &str, until: Option<&str>| PagerTurn {
        level,
        email: Some(format!("{who}@example.com")),
        name: Some(who.to_owned()),
        schedule: None,
        until: until.map(|until| until.parse().unwrap()),
    };
    for (what, turns, private, wanted) in [
        (
            "strangers",
            vec![turn(1, "pat", None), turn(2, "lou", None)],
            false,
            vec!["pat@example.com", "lou@example.com"],
        ),
        ("whoever is on call, once", vec![], false, vec!["-"]),
        ("nobody learns of a private one", vec![turn(1, "pat", None)], true, vec![]),
    ] {
        let mut bench = Bench::with(&[], |settings| {
            steps(settings);
            let people: Vec<Person> = settings.directory.people().to_vec();
            let nobodies = ["pri", "sam"];
            let people = people.into_iter().filter(|one| !nobodies.contains(&one.name.as_str())).collect();
            settings.directory = Directory::new(people).unwrap().into();
        })
        .await;
        if !turns.is_empty() {
            locked(&bench.world.pager).on_call.insert("PFLOW".to_owned(), turns);
        }
        let declare = Request::IncidentDeclare {
            title: "keys on a page".to_owned(),
            severity: Some("P1".to_owned()),
            service: Some("flowengine".to_owned()),
            private,
            description: None,
        };
        bench.ask("declare", "ben", declare).await;
        bench.pass(400_000).await;
        let calls = locked(&bench.world.pager).calls.clone();
        let to: Vec<String> = calls
            .into_iter()
            .filter_map(|call| match call {
                PagerCall::Page { to, .. } => Some(to.unwrap_or_else(|| "-".to_owned())),
                _ => None,
            })
            .collect();
        assert_eq!(to, wanted, "{what}");
        let told = locked(&bench.world.chat).notes().join("\n");
        assert_eq!(told.contains("nobody is called for secondary"), what != "strangers", "{what}: {told}");
        assert_eq!(check(&bench), Vec::<String>::new());
    }
}

#[tokio::test(start_paused = true)]
async fn whose_turn_has_ended_is_asked_for_before_the_step() {
    let mut bench = Bench::with(&[], steps).await;
    let turn = |who: &str, until: Option<&str>| PagerTurn {
        level: 2,
        email: Some(format!("{who}@example.com")),
        name: None,
        schedule: None,
        until: until.map(|until| until.parse().unwrap()),
    };
    let of = |turns| std::collections::BTreeMap::from([("PFLOW".to_owned(), turns)]);
    locked(&bench.world.pager).on_call = of(vec![turn("ana", Some("2026-01-05T09:02:00Z"))]);
    bench.ask("who", "ben", Request::OnCall { service: None }).await;
    locked(&bench.world.pager).on_call = of(vec![turn("ben", None)]);
    bench.paged().await;
    bench.pass(330_000).await;
    assert_eq!(pages(&bench), ["ben@example.com"]);
}

#[tokio::test(start_paused = true)]
async fn of_an_incident_that_is_not_urgent_there_primary_is_paged_when_it_becomes_a_p1() {
    let mut bench = Bench::with(&[], steps).await;
    is_theirs(&bench, "pri", false);
    let incident = PagerIncident { priority: Some("P3".to_owned()), high_urgency: Some(false), ..page("Q1") };
    bench.pager_says("page", PagerEventKind::Triggered, incident, None).await;
    bench.pass(120_000).await;
    assert_eq!(pages(&bench), Vec::<String>::new());
    let raise = Request::IncidentSeverity { incident: None, severity: "P1".to_owned() };
    bench.ask("raise", "ben", raise).await;
    bench.pass(10_000).await;
    assert_eq!(pages(&bench), ["pri@example.com"]);
    assert_eq!(check(&bench), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn for_whom_the_pager_rings_is_asked_and_not_paged_twice() {
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
    is_theirs(&bench, "dan", true);
    bench.paged().await;
    bench.pass(300_000).await;
    assert_eq!((mentioned(&bench), pages(&bench)), (vec!["U-dan".to_owned()], Vec::new()));
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
    // ben acts until cat comes, whom the clock has called already
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

/// Somebody acknowledges before the commander's step: who commands by the rotation is mentioned, once, and nothing rings for them.
#[tokio::test(start_paused = true)]
async fn who_commands_by_the_rotation_hears_that_somebody_acts_for_them() {
    let mut bench = Bench::with(&[], rota).await;
    bench.paged().await;
    bench.ask("ben", "ben", Request::IncidentAck { incident: None }).await;
    bench.pass(70_000).await;
    bench.pager_says("zoe", PagerEventKind::Acknowledged, page("Q1"), Some("P-zoe")).await;
    bench.pass(70_000).await;
    let told: Vec<(Option<String>, String)> = locked(&bench.world.chat).asks();
    let told: Vec<&String> = told
        .iter()
        .filter(|(who, text)| who.as_deref() == Some("U-cat") && text.contains("by the rotation"))
        .map(|(_, text)| text)
        .collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("ben acts as commander, and by the rotation you command"), "{told:?}");
    assert_eq!(pages(&bench), Vec::<String>::new());
    bench.ask("cat", "cat", Request::IncidentAck { incident: None }).await;
    let commander = bench.incident().await.commander.unwrap();
    assert_eq!((commander.who.to_string(), commander.acting), ("cat".to_owned(), false));
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// Whom the steps have paged; a page for a yes to a plan is another thing.
fn called(bench: &Bench) -> Vec<String> {
    let calls = locked(&bench.world.pager).calls.clone();
    let call = |call: PagerCall| match call {
        PagerCall::Page { to, key, .. } if CallPage::of_key(&key).is_some() => to,
        _ => None,
    };
    calls.into_iter().filter_map(call).collect()
}

fn rollback() -> Request {
    Request::RunbookRollback { service: None, params: [].into(), incident: None }
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_is_called_off_is_nobody_who_acts() {
    let mut bench = Bench::with(&[], steps).await;
    bench.paged().await;
    bench.ask("plan", "ben", rollback()).await;
    bench.pass(190_000).await;
    bench.ask("cancel", "ben", Request::RunbookCancel { run: None, reason: None }).await;
    bench.pass(250_000).await;
    assert_eq!(called(&bench), Vec::<String>::new(), "five minutes from then");
    bench.pass(70_000).await;
    assert_eq!(called(&bench), ["sam@example.com"]);
    assert_eq!(check(&bench), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_that_runs_out_behind_a_failed_rollback_calls_anew() {
    let mut bench = Bench::with(&[], steps).await;
    bench.world.will("roll-back", &[Act::Ends(1_000, 1, "no\n")]);
    bench.paged().await;
    bench.pager_says("ack", PagerEventKind::Acknowledged, page("Q1"), Some("P-ana")).await;
    bench.ask("plan", "ana", rollback()).await;
    let run = bench.asked_runs()[0];
    bench.ask("yes", "ben", bench.approval(run)).await;
    bench.pass(180_000).await;
    assert_eq!(bench.status(run), "failed");
    bench.pager_says("out", PagerEventKind::Unacknowledged, page("Q1"), None).await;
    bench.pass(290_000).await;
    assert_eq!(called(&bench), Vec::<String>::new());
    bench.pass(30_000).await;
    assert_eq!(called(&bench), ["sam@example.com"]);
    bench.ask("ack", "ana", Request::IncidentAck { incident: None }).await;
    bench.pass(3_600_000).await;
    assert_eq!(called(&bench).len(), 1, "she has it again");
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
        notes.iter().filter(|note| note.contains("PagerDuty takes no page now")).collect();
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

/// What a step would find when it is due is known before.
#[tokio::test(start_paused = true)]
async fn names_that_nobody_stands_for_are_told_before() {
    let mut bench = Bench::with(&[], rota).await;
    bench.settings.services.retain(|service| service.name == "flowengine");
    let now = bench.clock.now();
    let of = |bench: &Bench, seen: Option<&SeenOnCall>| called_for_nobody(&bench.settings, seen, now);
    assert_eq!(of(&bench, None), [], "PagerDuty may know somebody, and was never asked");
    bench.settings.services[0].pagerduty_id = None;
    assert_eq!(of(&bench, None), [], "somebody stands for each");
    let people = bench.settings.directory.people().iter().filter(|one| one.name != "sam").cloned();
    bench.settings.directory = Directory::new(people.collect()).unwrap().into();
    assert_eq!(of(&bench, None), [("flowengine".to_owned(), vec!["secondary".to_owned()])]);
}

/// So it is for a page that nobody tries, because others are tried before it.
#[tokio::test(start_paused = true)]
async fn a_page_that_waits_behind_others_counts_as_not_through() {
    let mut bench = Bench::with(&[], rota).await;
    bench.paged().await;
    for _ in 0..100 {
        let until = bench.clock.now() + chrono::Duration::seconds(15);
        locked(&bench.world.pager).spared_until = Some(until);
        bench.pass(10_000).await;
    }
    assert_eq!(locked(&bench.world.pager).begun, 0, "none was tried");
    let notes = locked(&bench.world.chat).notes();
    let shown = notes.iter().filter(|note| note.contains("PagerDuty takes no page now")).count();
    assert_eq!(shown, 1, "{notes:?}");
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
