//! Command, runs and shifts passed on, and the page for whoever has to say yes.

use chrono::NaiveTime;
use runbook_core::incident::IncidentEvent;
use runbook_core::message::ChatMessage;
use runbook_core::people::{Actor, Directory, Phone};
use runbook_core::ports::PagerCall;
use runbook_core::request::Request;
use serde_json::json;

use crate::origin::Asker;
use crate::settings::{HandoverSettings, Settings};
use crate::testkit::{Act, Bench, check, locked};

pub(super) const MINUTE: u64 = 60_000;

fn shifts(settings: &mut Settings) {
    settings.handover = HandoverSettings {
        at: NaiveTime::from_hms_opt(18, 0, 0),
        channel: Some("C-shift".to_owned()),
        zone: chrono_tz::Europe::Madrid,
    };
    let mut people = settings.directory.people().to_vec();
    people[0].phone = Some(Phone::new("+34 600 000 001"));
    settings.directory = Directory::new(people).unwrap().into();
}

fn hand_over(who: &str) -> Request {
    Request::HandOver {
        incident: None,
        who: who.to_owned(),
        run: None,
        note: Some("the pool is <!channel> full".to_owned()),
    }
}

fn take() -> Request {
    Request::HandOverTake { incident: Some("INC-1".to_owned()), run: None }
}

fn shift(to: Option<&str>, post: bool) -> Request {
    Request::HandOverShift { to: to.map(str::to_owned), post }
}

pub(super) fn restart() -> Request {
    Request::RunbookRun { name: "restart".to_owned(), params: [].into(), section: None, incident: None }
}

fn offers(bench: &Bench) -> Vec<(Option<String>, String)> {
    let chat = locked(&bench.world.chat);
    let offer = |message: &ChatMessage| match message {
        ChatMessage::Offer { mention, text, .. } => Some((mention.clone(), text.clone())),
        _ => None,
    };
    chat.messages.iter().filter_map(|posted| offer(&posted.message)).collect()
}

/// What was posted where shifts are told.
fn told(bench: &Bench) -> Vec<(Option<String>, String)> {
    let chat = locked(&bench.world.chat);
    let ask = |message: &ChatMessage| match message {
        ChatMessage::Ask { channel, mention, text, .. } if channel == "C-shift" => {
            Some((mention.clone(), text.clone()))
        }
        _ => None,
    };
    chat.messages.iter().filter_map(|posted| ask(&posted.message)).collect()
}

fn pages(bench: &Bench) -> Vec<PagerCall> {
    let calls = locked(&bench.world.pager).calls.clone();
    calls.into_iter().filter(|call| matches!(call, PagerCall::Page { .. })).collect()
}

pub(super) async fn led(change: impl FnOnce(&mut Settings)) -> Bench {
    let mut bench = Bench::with(&[], change).await;
    bench.paged().await;
    bench.ask("ack", "ana", Request::IncidentAck { incident: None }).await;
    bench
}

#[tokio::test(start_paused = true)]
async fn command_passes_when_the_named_person_takes_it_and_not_before() {
    let mut bench = led(|_| {}).await;
    bench
        .ask("update", "ana", Request::IncidentUpdate { incident: None, text: "half works".to_owned() })
        .await;
    let said = bench.ask("odd", "ben", hand_over("ana")).await;
    assert!(said.contains("command of INC-1 is ana's to hand over"), "{said}");
    let said = bench.ask("cora", "ana", hand_over("cora")).await;
    assert!(said.contains("cora may not take it over"), "{said}");
    assert!(bench.ask("self", "ana", hand_over("me")).await.contains("to themselves"));
    let said = bench.ask("offer", "ana", hand_over("ben")).await;
    assert!(
        said.contains("INC-1: ben is asked to take command over") && said.contains("within 15 min"),
        "{said}"
    );
    bench.pass(2_000).await;
    let offered = offers(&bench);
    let [(mention, text)] = offered.as_slice() else { panic!("{offered:?}") };
    assert_eq!(mention.as_deref(), Some("U-ben"));
    for wanted in [
        "INC-1: ana hands command over to ben",
        "the pool is @channel full",
        "half works",
        "commander: ana",
        "risks: none on record",
        "next update: unknown",
        "s left until the target",
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    bench.reboot().await;
    assert_eq!(bench.incident().await.commander.unwrap().who, Actor::Person("ana".to_owned()));
    assert!(bench.ask("thief", "ana", take()).await.contains("who alone can take it"));
    assert_eq!(bench.ask("take", "ben", take()).await, "INC-1: You command.");
    assert_eq!(bench.ask("twice", "ben", take()).await, "INC-1: You command.");
    let incident = bench.incident().await;
    assert_eq!(incident.commander.as_ref().unwrap().who, Actor::Person("ben".to_owned()));
    let (_, events) = bench.incident_events(incident.id).await;
    assert_eq!(events.iter().filter(|event| matches!(event, IncidentEvent::HandoverTaken { .. })).count(), 1);
    assert_eq!(check(&bench), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn what_nobody_takes_stays_and_that_is_told_also_after_a_restart() {
    let mut bench = led(|_| {}).await;
    bench.ask("offer", "ana", hand_over("ben")).await;
    bench.reboot().await;
    bench.pass(16 * MINUTE).await;
    let notes = locked(&bench.world.chat).notes();
    let told: Vec<_> = notes.iter().filter(|note| note.contains("has not taken command over")).collect();
    assert_eq!(told.len(), 1, "{notes:?}");
    assert!(told[0].contains("ana still commands"), "{told:?}");
    assert!(bench.ask("late", "ben", take()).await.contains("not handed over"));
    assert_eq!(bench.incident().await.commander.unwrap().who, Actor::Person("ana".to_owned()));
    assert_eq!(check(&bench), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_passed_on_asks_whoever_took_it() {
    let mut bench = led(|settings| settings.page_approvals = false).await;
    bench.ask("run", "ana", restart()).await;
    let run = bench.asked_runs()[0];
    let pass = Request::HandOver {
        incident: None,
        who: "ben".to_owned(),
        run: Some(run.to_string().chars().take(8).collect()),
        note: None,
    };
    let said = bench.ask("pass", "ana", pass).await;
    assert!(said.contains(&format!("ben is asked to take run {run} over")), "{said}");
    let take = Request::HandOverTake { incident: None, run: None };
    let said = bench.ask("take", "ben", take).await;
    assert!(said.contains(&format!("You answer for run {run}")), "{said}");
    // whose yes counts has not changed by it
    bench.world.will("restart-it", &[Act::Ends(1_000, 1, "no\n")]);
    let code = bench.run(run).await.0.fingerprint.to_string();
    let yes = |reason: &str| Request::RunbookApprove {
        run: Some(run.to_string()),
        fingerprint: Some(code.clone()),
        reason: Some(reason.to_owned()),
    };
    let said = bench.ask("own", "ana", yes("mine")).await;
    assert!(said.contains("ana"), "{said}");
    assert_eq!(bench.world.started("restart-it"), 0, "the requester's own yes still does not count");
    bench.ask("yes", "ben", yes("it has to be")).await;
    bench.pass(5_000).await;
    assert_eq!(bench.world.started("restart-it"), 1);
    assert_eq!(check(&bench), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn of_several_things_on_offer_none_is_guessed() {
    let mut bench = led(|settings| settings.page_approvals = false).await;
    bench.ask("run", "ana", restart()).await;
    let run = bench.asked_runs()[0];
    let pass = |who: &str| Request::HandOver {
        incident: None,
        who: who.to_owned(),
        run: Some(run.to_string()),
        note: None,
    };
    let line = format!("handover take INC-1 --run {run}");
    let said = bench.ask("pass", "ana", pass("ben")).await;
    assert!(said.contains(&format!("`{line}`")), "{said}");
    bench.ask("offer", "ana", hand_over("ben")).await;
    bench.pass(2_000).await;
    let offered = offers(&bench);
    assert!(offered[0].1.contains(&format!("`/blocks {line}`")), "{offered:?}");
    assert!(offered[1].1.contains("`/blocks handover take INC-1`"), "{offered:?}");
    let said = bench.ask("which", "ben", take()).await;
    assert!(said.contains("nothing is taken") && said.contains(&line), "{said}");
    assert!(said.contains("`handover take INC-1 --run command`"), "{said}");
    let which =
        |run: &str| Request::HandOverTake { incident: Some("INC-1".to_owned()), run: Some(run.to_owned()) };
    let said = bench.ask("own", "ben", which(&run.to_string()[..8])).await;
    assert!(said.contains(&format!("You answer for run {run}")), "{said}");
    assert_eq!(bench.incident().await.commander.unwrap().who, Actor::Person("ana".to_owned()));
    assert_eq!(bench.ask("command", "ben", which("Command")).await, "INC-1: You command.");
    assert_eq!(bench.ask("twice", "ben", which("command")).await, "INC-1: You command.");
    assert_eq!(check(&bench), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_shift_is_told_to_who_asks_and_posted_without_numbers() {
    let mut bench = led(shifts).await;
    bench.ask("run", "ana", restart()).await;
    let declare = Request::IncidentDeclare {
        title: "keys on a page".to_owned(),
        severity: Some("P3".to_owned()),
        service: None,
        private: true,
        description: None,
    };
    bench.ask("declare", "ana", declare).await;
    let own = bench.ask("shift", "ana", shift(None, false)).await;
    for wanted in [
        "2 open incidents",
        "INC-1 P1 flowengine: failure rate over 10 %",
        "waits for people: Restart waits for approval",
        "keys on a page",
        "ana +34 600 000 001 (commands INC-1)",
    ] {
        assert!(own.contains(wanted), "{wanted}: {own}");
    }
    assert_eq!(told(&bench), [], "asking posts nothing");
    // who has no standing sees no numbers, and nothing that is private
    let cora = bench.ask("cora", "cora", shift(None, false)).await;
    assert!(!cora.contains("+34") && !cora.contains("keys") && cora.contains("1 more, private"), "{cora}");
    assert!(bench.ask("post", "cora", shift(None, true)).await.contains("may not hand a shift over"));
    let notes = |bench: &Bench| {
        let calls = locked(&bench.world.pager).calls.clone();
        calls.into_iter().filter(|call| matches!(call, PagerCall::Note { .. })).collect::<Vec<_>>()
    };
    let before = notes(&bench).len();
    let said = bench.ask("to ben", "ana", shift(Some("ben"), true)).await;
    assert!(
        said.contains("phone MISSING: ben (takes the shift)")
            && said.contains("It is posted where shifts are told"),
        "{said}"
    );
    bench.pass(2_000).await;
    let posted = told(&bench);
    assert_eq!(posted[0].0.as_deref(), Some("U-ben"), "{posted:?}");
    assert!(posted.iter().skip(1).all(|(mention, _)| mention.is_none()));
    let all: String = posted.iter().map(|(_, text)| text.as_str()).collect();
    assert!(!all.contains("+34") && !all.contains("keys"), "{all}");
    assert!(all.contains("phone on file: ana (commands INC-1)") && all.contains("1 more, private"), "{all}");
    let noted = notes(&bench);
    assert_eq!(noted.len() - before, 1, "one note, on the one that the pager knows");
    assert!(
        matches!(noted.last(), Some(PagerCall::Note { text, .. }) if text.starts_with("INC-1: the shift is handed over to ben, by ana."))
    );
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// 18:00 in Madrid is 17:00 UTC in winter; the bench begins at 09:00 UTC.
#[tokio::test(start_paused = true)]
async fn the_shift_is_told_at_its_time_once_whatever_ends_meanwhile() {
    let mut bench = led(shifts).await;
    let act = Request::ActionAdd {
        incident: None,
        text: "alert on it".to_owned(),
        owner: None,
        due: Some("today".to_owned()),
    };
    bench.ask("act", "ana", act).await;
    bench.pass((7 * 60 + 58) * MINUTE).await;
    assert_eq!(told(&bench), [], "not yet");
    bench.pass(3 * MINUTE).await;
    assert_eq!(told(&bench).len(), 1, "at its time");
    assert!(told(&bench)[0].1.starts_with("Hand-over of the shift, 2026-01-05 17:0"), "{:?}", told(&bench));
    bench.reboot().await;
    bench.pass(60 * MINUTE).await;
    assert_eq!(told(&bench).len(), 1, "not twice");
    bench.pass(23 * 60 * MINUTE).await;
    let all = told(&bench);
    assert_eq!(all.len(), 2, "and the next day again");
    assert!(!all[0].1.contains("overdue: 1."), "{all:?}");
    assert!(all[1].1.contains("overdue: 1. alert on it (nobody yet, due 2026-01-05)"), "{all:?}");
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// Wherever the process ends around that time, it is told once.
#[tokio::test(start_paused = true)]
async fn the_shift_is_told_once_at_every_crash() {
    for end in 1..24 {
        let mut bench = led(|settings| {
            shifts(settings);
            settings.handover.at = NaiveTime::from_hms_opt(10, 4, 0);
        })
        .await;
        bench.pass(3 * MINUTE).await;
        bench.ends_soon(end).await;
        bench.pass(3 * MINUTE).await;
        bench.reboot().await;
        bench.pass(3 * MINUTE).await;
        assert_eq!(told(&bench).len(), 1, "{end}");
        assert_eq!(check(&bench), Vec::<String>::new(), "{end}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_program_hears_the_same_as_data() {
    let bench = led(shifts).await;
    let asker = |actor| Asker { actor, channel: None };
    let ana = asker(Actor::Person("ana".to_owned()));
    let reply = bench.engine.request(&shift(None, false), &ana).await.unwrap();
    let told = &reply.data["incidents"][0];
    assert_eq!((&told["number"], &told["commander"]), (&json!("INC-1"), &json!("ana (acting)")));
    assert_eq!(reply.data["contacts"][0]["phone"], "+34 600 000 001");
    let program = asker(Actor::Service("api".to_owned()));
    let reply = bench.engine.request(&shift(None, false), &program).await.unwrap();
    assert_eq!(reply.data["contacts"][0]["phone"], json!(null), "{}", reply.data);
    assert_eq!(reply.data["contacts"][0]["has_phone"], true);
}

#[tokio::test(start_paused = true)]
async fn whoever_has_to_say_yes_is_paged_once_and_the_deadline_stands_on_the_card() {
    let mut bench = led(|_| {}).await;
    bench.ask("run", "ana", restart()).await;
    bench.pass(10 * MINUTE).await;
    let paged = pages(&bench);
    let [PagerCall::Page { to, title, key, .. }] = paged.as_slice() else { panic!("{paged:?}") };
    assert_eq!(to.as_deref(), Some("ben@example.com"), "never whoever asks");
    assert!(title.starts_with("INC-1 P1 flowengine: Restart waits for the yes of ben until 09:"), "{title}");
    assert!(key.starts_with("blocks/approval/"), "{key}");
    let card = locked(&bench.world.chat).card().unwrap();
    assert!(
        card.runs[0].contains("waits for approval") && card.runs[0].contains(", until 09:"),
        "{:?}",
        card.runs
    );
    assert_eq!(check(&bench), Vec::<String>::new());
    // switched off, nobody is
    let mut bench = led(|settings| settings.page_approvals = false).await;
    bench.ask("run", "ana", restart()).await;
    bench.pass(10_000).await;
    assert_eq!(pages(&bench), []);
}

/// A third person whose yes counts.
fn another(settings: &mut Settings) {
    let mut people = settings.directory.people().to_vec();
    let dora = runbook_core::people::Person {
        name: "dora".to_owned(),
        slack_id: Some("U-dora".to_owned()),
        pagerduty_email: Some("dora@example.com".to_owned()),
        ..people[1].clone()
    };
    people.push(dora);
    settings.directory = Directory::new(people).unwrap().into();
}

pub(super) fn paged_to(bench: &Bench) -> Vec<String> {
    let to = |call: PagerCall| match call {
        PagerCall::Page { to, .. } => to,
        _ => None,
    };
    pages(bench).into_iter().filter_map(to).collect()
}

#[tokio::test(start_paused = true)]
async fn where_the_pager_refuses_one_approver_the_next_is_paged() {
    let mut bench = led(another).await;
    locked(&bench.world.pager).unknown = vec!["ben@example.com".to_owned()];
    bench.ask("run", "ana", restart()).await;
    bench.pass(5_000).await;
    assert_eq!(paged_to(&bench), ["dora@example.com"]);
    let notes = locked(&bench.world.chat).notes();
    let told = "INC-1: ben was NOT paged for a yes to Restart";
    let told: Vec<_> = notes.iter().filter(|note| note.contains(told)).collect();
    assert_eq!(told.len(), 1, "{notes:?}");
    assert!(
        told[0].contains("which ana asked for") && told[0].ends_with("dora is paged instead."),
        "{told:?}"
    );
    assert_eq!(check(&bench), Vec::<String>::new());
    // and where nobody is left, that is told
    let mut bench = led(|_| {}).await;
    locked(&bench.world.pager).unknown = vec!["ben@example.com".to_owned()];
    bench.ask("run", "ana", restart()).await;
    bench.pass(5_000).await;
    let notes = locked(&bench.world.chat).notes();
    assert!(notes.iter().any(|note| note.contains("nobody else can be paged: ask somebody")), "{notes:?}");
}

#[tokio::test(start_paused = true)]
async fn a_page_that_never_left_stands_in_nobodys_way() {
    let mut bench = led(|_| {}).await;
    locked(&bench.world.pager).is_away = true;
    bench.ask("one", "ana", restart()).await;
    bench.ask("no", "ana", Request::RunbookRefuse { run: None, reason: None }).await;
    bench.ask("two", "ana", restart()).await;
    locked(&bench.world.pager).is_away = false;
    bench.pass(2 * MINUTE).await;
    assert_eq!(paged_to(&bench), ["ben@example.com"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_answered_before_the_page_left_is_not_paged() {
    let mut bench = led(|_| {}).await;
    bench.says("run", "ana", restart()).await;
    bench.says("no", "ana", Request::RunbookRefuse { run: None, reason: None }).await;
    let paged = {
        bench.pass(10_000).await;
        pages(&bench)
    };
    // both were taken up in one go, or the page had left before: never after the answer
    let run = bench.asked_runs()[0];
    assert_eq!(bench.run(run).await.0.status.word(), "cancelled");
    assert!(paged.len() <= 1, "{paged:?}");
    let row = runbook_core::ports::OutboxRow {
        key: "pager/page/approval/late".to_owned(),
        version: 1,
        lane: 0,
        group: "g".to_owned(),
        payload: json!(null),
        attempts: 0,
        tried: Vec::new(),
        created_at: bench.now(),
    };
    let incident = bench.incident().await.id;
    let until = bench.now() + chrono::Duration::minutes(5);
    let to = Actor::Person("ben".to_owned());
    let late = runbook_core::message::Outgoing::ApprovalPage { incident, run, until, to };
    bench.engine.deliver_approval_page(&row, &late).await.unwrap();
    assert_eq!(pages(&bench), paged, "what waits for nobody rings for nobody");
}
