//! Who is asked for what: in time, once, across restarts, and quietly.

use runbook_core::incident::IncidentEvent;
use runbook_core::message::ChatMessage;
use runbook_core::people::Role;
use runbook_core::ports::{PagerEventKind, PagerIncident};
use runbook_core::request::Request;

use crate::settings::Settings;
use crate::testkit::{Bench, ChatFault, check, locked, page};

const MINUTE: u64 = 60_000;

const SEVERITIES: &str = r#"
default = "p1-p4"
[[scheme]]
id = "p1-p4"
name = "P1 to P4"
[[scheme.severity]]
id = "P1"
name = "Critical"
definition = "most of it fails"
mttr_target_min = 15
page = ["commander"]
update_interval_min = 30
may_ask_rollback = ["product"]
remind_commander_after_min = 2
remind_severity_after_min = 5
phases = [
  { name = "Detection", from_min = 0, to_min = 5 },
  { name = "Triage", from_min = 5, to_min = 10 },
]
[[scheme.severity]]
id = "P2"
name = "High"
definition = "much of it fails"
[[scheme.severity]]
id = "P4"
name = "Low"
definition = "it is a nuisance"
"#;

fn reminding(settings: &mut Settings) {
    settings.severities = runbook_core::severity::parse(SEVERITIES).unwrap();
}

async fn bench() -> Bench {
    Bench::with(&[], reminding).await
}

fn asks(bench: &Bench) -> Vec<(Option<String>, String)> {
    locked(&bench.world.chat).asks()
}

fn texts(bench: &Bench) -> Vec<String> {
    asks(bench).into_iter().map(|(_, text)| text).collect()
}

fn ack() -> Request {
    Request::IncidentAck { incident: None }
}

#[tokio::test(start_paused = true)]
async fn nobody_commands_after_two_minutes_and_one_person_is_asked_once() {
    let mut bench = bench().await;
    bench.paged().await;
    bench.pass(105_000).await;
    assert_eq!(asks(&bench), [], "not yet");
    bench.pass(15_000).await;
    let wanted = "INC-1: nobody commands yet, 2 min after detection. `/blocks ack INC-1` takes it.";
    assert_eq!(asks(&bench), [(Some("U-ana".to_owned()), wanted.to_owned())]);
    bench.reboot().await;
    bench.pass(10 * MINUTE).await;
    assert_eq!(asks(&bench).len(), 1, "once, also after a restart");
    let incident = bench.incident().await;
    let (_, events) = bench.incident_events(incident.id).await;
    assert_eq!(events.iter().filter(|event| matches!(event, IncidentEvent::Asked { .. })).count(), 1);
    assert_eq!(check(&bench), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn what_somebody_did_meanwhile_is_not_asked_for() {
    let mut bench = bench().await;
    bench.paged().await;
    bench.ask("ack", "ben", ack()).await;
    bench.pass(14 * MINUTE).await;
    assert_eq!(asks(&bench), []);
}

/// Whenever the process ends, the reminder comes, and comes once.
#[tokio::test(start_paused = true)]
async fn a_reminder_survives_a_restart_at_any_moment() {
    for end in (0..90).step_by(3) {
        let mut bench = Bench::with(&[end], reminding).await;
        bench.pager_says("page", PagerEventKind::Triggered, page("Q1"), None).await;
        bench.pass(MINUTE).await;
        bench.reboot().await;
        bench.pass(2 * MINUTE).await;
        let said = texts(&bench);
        assert!(matches!(said.as_slice(), [one] if one.contains("nobody commands")), "{end}: {said:?}");
        bench.reboot().await;
        bench.pass(2 * MINUTE).await;
        assert_eq!(texts(&bench).len(), 1, "{end}");
        assert_eq!(check(&bench), Vec::<String>::new(), "{end}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_snooze_holds_reminders_and_nothing_else() {
    let mut bench = bench().await;
    bench.paged().await;
    bench.pass(3 * MINUTE).await;
    assert_eq!(asks(&bench).len(), 1);
    let snooze = |minutes| Request::IncidentSnooze { incident: Some("INC-1".to_owned()), minutes };
    assert!(bench.ask("odd", "ben", snooze(45)).await.contains("30, 60 or 90"));
    let said = bench.ask("snooze", "ben", snooze(30)).await;
    assert!(said.starts_with("INC-1: Reminders are held until 09:33 UTC."), "{said}");
    bench.reboot().await;
    bench.pass(29 * MINUTE).await;
    let said = asks(&bench);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(
        said[1].1.contains("15 min to mitigate a P1") && said[1].0.is_none(),
        "said, to nobody: {said:?}"
    );
    bench.pass(70_000).await;
    let said = texts(&bench);
    assert!(said[2].contains("nobody commands"), "asked again when it ends: {said:?}");
    let said =
        bench.ask("off", "ana", Request::IncidentReminders { incident: None, on: false, all: false }).await;
    assert!(said.contains("No reminder mentions you"), "{said}");
    bench.pass(2 * MINUTE).await;
    let said = asks(&bench);
    let update = said.iter().find(|(_, text)| text.contains("nobody outside has been told"));
    assert!(matches!(update, Some((None, text)) if text.starts_with("ana: INC-1:")), "{said:?}");
    // a stranger holds nothing
    let said = bench.ask("zoe", "zoe", snooze(30)).await;
    assert!(said.contains("not known here"), "{said}");
    assert_eq!(check(&bench), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn an_update_is_asked_for_each_time_that_it_is_due() {
    let mut bench = bench().await;
    bench.paged().await;
    bench.ask("ack", "ben", ack()).await;
    bench.pass(31 * MINUTE).await;
    let update = |bench: &Bench| {
        asks(bench).into_iter().filter(|(_, text)| text.contains("`/blocks update TEXT`")).collect::<Vec<_>>()
    };
    assert_eq!(update(&bench).len(), 1);
    assert_eq!(update(&bench)[0].0.as_deref(), Some("U-ben"), "whoever commands");
    bench.pass(10 * MINUTE).await;
    bench
        .ask("told", "ben", Request::IncidentUpdate { incident: None, text: "half of it works".to_owned() })
        .await;
    bench.pass(29 * MINUTE).await;
    assert_eq!(update(&bench).len(), 1, "told 29 min ago");
    bench.reboot().await;
    bench.pass(2 * MINUTE).await;
    assert_eq!(update(&bench).len(), 2);
    bench.pass(30 * MINUTE).await;
    assert_eq!(update(&bench).len(), 3, "and again");
}

#[tokio::test(start_paused = true)]
async fn who_has_to_say_yes_is_asked_first_and_mentions_are_a_minute_apart() {
    let mut bench = bench().await;
    bench.paged().await;
    bench.pass(111_000).await;
    assert_eq!(asks(&bench).len(), 1, "nobody commands");
    let rollback = Request::RunbookRun {
        name: "restart".to_owned(),
        params: std::collections::BTreeMap::new(),
        section: None,
        incident: None,
    };
    bench.ask("run", "ben", rollback).await;
    bench.pass(40_000).await;
    assert_eq!(asks(&bench).len(), 1, "it waits for the minute to pass");
    bench.pass(30_000).await;
    let said = asks(&bench);
    assert_eq!(said.len(), 2);
    assert_eq!(said[1].0.as_deref(), Some("U-ana"), "{said:?}");
    assert!(said[1].1.contains("Restart (code ") && said[1].1.contains(", until 09:1"), "{said:?}");
    assert!(said[1].1.contains("waits for your yes"), "{said:?}");
    bench.pass(5 * MINUTE).await;
    assert_eq!(asks(&bench).len(), 2, "once");
}

#[tokio::test(start_paused = true)]
async fn what_leaves_late_mentions_nobody_beside_what_came_after_it() {
    let mut bench = bench().await;
    bench.paged().await;
    locked(&bench.world.chat).faults = vec![("ask/", ChatFault::Retry(Some(14 * MINUTE)))];
    bench.pass(16 * MINUTE).await;
    let said = asks(&bench);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].0.is_none() && said[0].1.starts_with("ana: INC-1: nobody commands"), "{said:?}");
    assert_eq!(said[1].0.as_deref(), Some("U-ana"));
    // and what nobody needs any more does not leave
    let mut bench = self::bench().await;
    bench.paged().await;
    locked(&bench.world.chat).faults = vec![("ask/", ChatFault::Retry(Some(2 * MINUTE)))];
    bench.pass(3 * MINUTE).await;
    bench.ask("ack", "ben", ack()).await;
    bench.pass(5 * MINUTE).await;
    assert_eq!(asks(&bench), []);
    assert_eq!(locked(&bench.data).backlog(), Vec::<String>::new());
}

/// What waits for the turn of its mention has it, although somebody else was called in the same incident meanwhile.
#[tokio::test(start_paused = true)]
async fn whoever_is_waited_for_is_mentioned_although_others_are_called_meanwhile() {
    let mut bench = bench().await;
    bench.paged().await;
    bench.pager_says("other", PagerEventKind::Triggered, page("Q2"), None).await;
    bench.pass(5_000).await;
    for number in ["INC-1", "INC-2"] {
        bench.ask(number, "ben", Request::IncidentAck { incident: Some(number.to_owned()) }).await;
    }
    let run = |number: &str| Request::RunbookRun {
        name: "restart".to_owned(),
        params: std::collections::BTreeMap::new(),
        section: None,
        incident: Some(number.to_owned()),
    };
    bench.ask("first", "ben", run("INC-1")).await;
    bench.ask("second", "ben", run("INC-2")).await;
    bench.pass(5_000).await;
    let of_ana = |bench: &Bench| {
        let said = asks(bench);
        said.into_iter()
            .filter(|(who, text)| who.as_deref() == Some("U-ana") && text.contains("your yes"))
            .count()
    };
    assert_eq!(of_ana(&bench), 1, "one mention a minute");
    let call =
        Request::Escalate { incident: Some("INC-2".to_owned()), who: Some("ben".to_owned()), reason: None };
    bench.ask("call", "ana", call).await;
    bench.pass(MINUTE).await;
    assert_eq!(of_ana(&bench), 2, "{:?}", asks(&bench));
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// What the card shows of the time is true although nothing happens.
#[tokio::test(start_paused = true)]
async fn the_card_follows_the_phases_and_the_target() {
    let mut bench = bench().await;
    bench.paged().await;
    bench.ask("ack", "ben", ack()).await;
    let card = |bench: &Bench| {
        let card = locked(&bench.world.chat).card().unwrap();
        (card.phase.unwrap_or_default(), card.target_quarters)
    };
    assert_eq!(card(&bench), ("Detection (0-5 min)".to_owned(), Some(0)));
    bench.pass(5 * MINUTE).await;
    assert_eq!(card(&bench), ("Triage (5-10 min)".to_owned(), Some(1)));
    bench.pass(5 * MINUTE).await;
    assert_eq!(card(&bench), ("past Triage, which was to end after 10 min".to_owned(), Some(2)));
    let edits = |bench: &Bench| locked(&bench.world.chat).of("card/")[0].edits;
    let before = edits(&bench);
    bench.pass(5 * MINUTE).await;
    assert_eq!(card(&bench).1, Some(4));
    let marks = edits(&bench) - before;
    assert!((2..=4).contains(&marks), "at quarters and at the target, not by the minute: {marks}");
    // one for the update that is asked for
    bench.pass(60 * MINUTE).await;
    assert!(edits(&bench) - before - marks <= 3, "{}", edits(&bench));
}

#[tokio::test(start_paused = true)]
async fn whom_the_severity_names_may_ask_for_a_rollback_and_starts_nothing() {
    let mut bench = Bench::with(&[], |settings| {
        reminding(settings);
        let mut people = settings.directory.people().to_vec();
        let mut pia = people[2].clone();
        pia.name = "pia".to_owned();
        pia.slack_id = Some("U-pia".to_owned());
        pia.pagerduty_email = None;
        pia.roles = Vec::new();
        pia.duties = vec!["product".to_owned()];
        people.push(pia);
        settings.directory = runbook_core::people::Directory::new(people).unwrap().into();
    })
    .await;
    bench.paged().await;
    bench.ask("ack", "ben", ack()).await;
    let request =
        Request::RollbackRequest { incident: None, reason: "orders are lost <!channel>".to_owned() };
    let said = bench.ask("cora", "cora", request.clone()).await;
    assert!(said.contains("cora may not ask for a rollback") && said.contains("product"), "{said}");
    let said = bench.ask("pia", "pia", request).await;
    assert_eq!(said, "INC-1: It is on the record: ben is asked. Nothing is started by this.");
    let said = asks(&bench);
    assert_eq!(said.len(), 1, "{said:?}");
    assert_eq!(said[0].0.as_deref(), Some("U-ben"));
    assert!(said[0].1.contains("a rollback is asked for by pia: orders are lost @channel. Roll back? `/blocks runbook rollback flowengine`"), "{said:?}");
    assert_eq!(bench.asked_runs(), []);
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// A severity that only a rule has chosen is asked about until somebody says it.
#[tokio::test(start_paused = true)]
async fn the_severity_is_confirmed_by_naming_it() {
    let mut bench = Bench::with(&[], |settings| {
        reminding(settings);
        settings.services[0].severity = Some("P1".to_owned());
    })
    .await;
    let unnamed = PagerIncident { priority: None, ..page("Q1") };
    bench.pager_says("page", PagerEventKind::Triggered, unnamed, None).await;
    bench.pass(10_000).await;
    bench.ask("ack", "ben", ack()).await;
    bench
        .ask(
            "role",
            "ben",
            Request::IncidentRole { incident: None, role: Role::Scribe, who: "cora".to_owned() },
        )
        .await;
    bench.pass(5 * MINUTE).await;
    let said = texts(&bench);
    assert!(matches!(said.as_slice(), [one] if one.contains("is it P1?")), "{said:?}");
    bench.ask("p1", "ben", Request::IncidentSeverity { incident: None, severity: "p1".to_owned() }).await;
    assert!(!bench.incident().await.reminders.is_severity_guessed);
}

/// However many incidents ask somebody at the same moment, they are mentioned once a minute: what would have its turn later than
/// that is said without. None of it is lost.
#[tokio::test(start_paused = true)]
async fn several_incidents_mention_one_person_once_a_minute() {
    let mut bench = bench().await;
    for id in ["Q1", "Q2", "Q3", "Q4"] {
        let grave = PagerIncident { priority: Some("P1".to_owned()), ..page(id) };
        bench.pager_says(&format!("page {id}"), PagerEventKind::Triggered, grave, None).await;
    }
    bench.pass(25 * MINUTE).await;
    let chat = locked(&bench.world.chat);
    let first_try = |key: &str| chat.tries.iter().find(|(_, tried, _)| tried == key).map(|(at, ..)| *at);
    let mut said = std::collections::BTreeMap::<&str, (usize, Vec<_>)>::new();
    for posted in &chat.messages {
        let ChatMessage::Ask { mention, text, .. } = &posted.message else { continue };
        let what = ["nobody commands", "to mitigate"].into_iter().find(|what| text.contains(what));
        let (count, mentioned) = said.entry(what.unwrap_or("other")).or_default();
        *count += 1;
        match mention {
            Some(_) => mentioned.extend(first_try(&posted.key)),
            None => assert!(text.starts_with("ana: "), "{text}"),
        }
    }
    let (count, mentioned) = &said["nobody commands"];
    assert_eq!((*count, mentioned.len()), (4, 2), "{said:?}");
    let (count, mentioned) = &said["to mitigate"];
    assert_eq!((*count, mentioned.len()), (4, 2), "{said:?}");
    let mut all: Vec<_> = said.values().flat_map(|(_, mentioned)| mentioned).copied().collect();
    all.sort();
    let closest = all.windows(2).map(|two| two[1] - two[0]).min().unwrap();
    assert!(closest.as_millis() >= 60_000, "{closest:?}");
}
