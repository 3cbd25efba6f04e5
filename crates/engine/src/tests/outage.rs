//! Slack is away for ten minutes of a P1: the incident is led over the API, and afterwards the channel shows all of it.

use runbook_core::incident::{IncidentEvent, Status};
use runbook_core::message::ChatMessage;
use runbook_core::people::Actor;
use runbook_core::ports::{PagerCall, PagerEventKind, SeenIncident, SeenStatus};
use runbook_core::request::Request;

use crate::origin::{Asker, Pace, Reply};
use crate::settings::{PagerLook, PagerTells};
use crate::testkit::{Bench, ChatFault, check, locked, page};

const MINUTE: u64 = 60_000;

/// From now on nothing is taken. `lost` arrives once all the same, and nobody hears so.
fn slack_goes(bench: &Bench, lost: &[&'static str]) {
    let mut faults: Vec<_> = lost.iter().map(|kind| (*kind, ChatFault::AnswerLost)).collect();
    faults.extend(vec![("", ChatFault::Retry(None)); 10_000]);
    locked(&bench.world.chat).faults = faults;
}

fn slack_returns(bench: &Bench) {
    locked(&bench.world.chat).faults.clear();
}

/// Asks over the API, as a shell does.
async fn shell(bench: &Bench, who: &str, request: Request) -> Reply {
    let asker = Asker { actor: Actor::Person(who.to_owned()), channel: None };
    bench.engine.request(&request, &asker).await.unwrap()
}

/// Nine minutes and a half from the acknowledgement to the end, without a chat.
async fn led_from_a_shell(bench: &mut Bench) {
    shell(bench, "ana", Request::IncidentAck { incident: None }).await;
    bench.pass(MINUTE).await;
    for (minute, text) in [(1, "half of it fails"), (2, "we roll back")] {
        shell(bench, "ana", Request::IncidentUpdate { incident: None, text: text.to_owned() }).await;
        bench.pass(minute * MINUTE).await;
    }
    shell(bench, "ana", Request::RunbookRollback { service: None, params: [].into(), incident: None }).await;
    bench.pass(MINUTE).await;
    let run = bench.asked_runs()[0];
    let fingerprint = Some(bench.run(run).await.0.fingerprint.to_string());
    let yes = Request::RunbookApprove { run: None, fingerprint, reason: Some("it is bad".to_owned()) };
    shell(bench, "ben", yes).await;
    bench.until("it has helped", |bench| bench.status(run) == "succeeded").await;
    bench.pass(2 * MINUTE).await;
    shell(bench, "ana", Request::IncidentResolve { incident: None }).await;
    bench.pass(MINUTE).await;
    bench.pager_says("resolved", PagerEventKind::Resolved, page("Q1"), None).await;
    bench.pass(MINUTE).await;
    assert_eq!(bench.incident().await.status, Status::Resolved);
}

/// What the channel holds in the end: everything, in order, once.
async fn assert_converged(bench: &Bench) {
    assert_eq!(locked(&bench.data).backlog(), Vec::<String>::new(), "nothing waits");
    assert_eq!(check(bench), Vec::<String>::new());
    let chat = locked(&bench.world.chat);
    let kinds: Vec<&str> =
        chat.messages.iter().map(|posted| posted.key.split('/').next().unwrap_or_default()).collect();
    let place = |kind: &str| {
        kinds.iter().position(|known| *known == kind).unwrap_or_else(|| panic!("no {kind}: {kinds:?}"))
    };
    assert!(place("plan") < place("progress"), "{kinds:?}");
    assert!(place("card") < place("note") && place("card") < place("review"), "{kinds:?}");
    assert_eq!(chat.card().unwrap().status, "resolved");
    for posted in &chat.messages {
        match &posted.message {
            ChatMessage::Plan { view, .. } => assert!(!view.waiting, "{}", view.state),
            ChatMessage::Progress { thread, view, .. } => {
                assert_eq!(thread.as_deref(), Some(place("plan").to_string().as_str()), "below its plan");
                assert!(view.state.contains("succeeded"), "{}", view.state);
            }
            ChatMessage::Note { thread, .. } => {
                assert_eq!(thread.as_deref(), Some(place("card").to_string().as_str()), "below the card");
            }
            _ => {}
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_happened_while_slack_was_away_is_shown_when_it_is_back() {
    let mut bench = Bench::new().await;
    bench.paged().await;
    slack_goes(&bench, &["plan/"]);
    // typed in the moment in which it goes: it is taken, and the answer does not get out
    bench.says("typed", "ana", Request::IncidentStatus { incident: None }).await;
    led_from_a_shell(&mut bench).await;
    let so_far = locked(&bench.world.chat).messages.len();
    assert_eq!(
        so_far, 3,
        "the card, its two lines in the shared channel, and a plan of which nobody heard that it came"
    );
    slack_returns(&bench);
    bench.pass(3 * MINUTE).await;
    assert_converged(&bench).await;
    let chat = locked(&bench.world.chat);
    let notes = chat.notes();
    let order: Vec<_> = ["half of it fails", "we roll back"]
        .iter()
        .map(|text| notes.iter().position(|note| note.contains(text)))
        .collect();
    assert!(order[0].is_some() && order[0] < order[1], "{notes:#?}");
    for note in &notes {
        assert!(note.starts_with("Delayed by Slack: this is from 09:0"), "{note}");
    }
    let answer = chat.answer("typed").unwrap();
    assert!(answer.starts_with("Delayed by Slack: this is from 09:00 UTC, "), "{answer}");
}

/// The page comes while Slack is away already: its channel, its card and what belongs to them come one after the other.
#[tokio::test(start_paused = true)]
async fn an_incident_that_slack_has_not_seen_at_all_is_all_there_in_the_end() {
    let mut bench = Bench::new().await;
    slack_goes(&bench, &["channel/"]);
    bench.paged().await;
    led_from_a_shell(&mut bench).await;
    assert_eq!(locked(&bench.world.chat).messages.len(), 0);
    slack_returns(&bench);
    bench.pass(5 * MINUTE).await;
    assert_converged(&bench).await;
}

/// What leaves in time says nothing about it.
#[tokio::test(start_paused = true)]
async fn what_is_in_time_is_not_marked() {
    let mut bench = Bench::new().await;
    bench.paged().await;
    shell(&bench, "ana", Request::IncidentUpdate { incident: None, text: "we look".to_owned() }).await;
    bench.pass(MINUTE).await;
    let notes = locked(&bench.world.chat).notes();
    assert!(
        matches!(&notes[..], [note] if note.contains("we look") && !note.contains("elayed")),
        "{notes:?}"
    );
}

/// PagerDuty and Slack are away for an hour, and so is the page that nobody told: the incident has its whole life by a shell, and when
/// they are back both sides have the same. Nobody was paged twice.
#[tokio::test(start_paused = true)]
async fn an_hour_without_pager_and_chat_is_led_from_a_shell_and_both_sides_have_the_same_in_the_end() {
    let look = PagerLook {
        every: std::time::Duration::from_secs(60),
        notes_every: std::time::Duration::from_secs(60),
        tells: PagerTells::Webhooks,
    };
    let mut bench = Bench::with(&[], |settings| settings.pager_look = Some(look)).await;
    let seen = SeenIncident { incident: page("Q1"), since: Some(bench.now()), ..SeenIncident::default() };
    locked(&bench.world.pager).seen = vec![seen];
    locked(&bench.world.pager).notes.insert("Q1".to_owned(), Vec::new());
    bench.paged().await;
    slack_goes(&bench, &[]);
    locked(&bench.world.pager).is_away = true;
    let ask = async |who: &str, request: Request| shell(&bench, who, request).await;
    ask("ana", Request::IncidentAck { incident: None }).await;
    ask("ana", Request::IncidentSeverity { incident: None, severity: "P2".to_owned() }).await;
    ask("ben", Request::TimelineAdd { incident: None, text: "the queue is full".to_owned() }).await;
    let role = Request::IncidentRole {
        incident: None,
        role: runbook_core::people::Role::Responder,
        who: "ben".to_owned(),
    };
    ask("ana", role).await;
    bench.pass(20 * MINUTE).await;
    let rollback = Request::RunbookRollback { service: None, params: [].into(), incident: None };
    shell(&bench, "ana", rollback).await;
    bench.pass(MINUTE).await;
    let run = bench.asked_runs()[0];
    let fingerprint = Some(bench.run(run).await.0.fingerprint.to_string());
    let yes = Request::RunbookApprove { run: None, fingerprint, reason: Some("it is bad".to_owned()) };
    shell(&bench, "ben", yes).await;
    bench.until("it has helped", |bench| bench.status(run) == "succeeded").await;
    bench.pass(20 * MINUTE).await;
    shell(&bench, "ana", Request::IncidentResolve { incident: None }).await;
    bench.pass(15 * MINUTE).await;
    assert!(bench.incident().await.resolve_requested && bench.incident().await.status.is_open());
    // another page came meanwhile, and nobody heard it
    let unheard = SeenIncident {
        incident: runbook_core::ports::PagerIncident { service_id: Some("PBILL".to_owned()), ..page("Q2") },
        since: Some(bench.now()),
        ..SeenIncident::default()
    };
    locked(&bench.world.pager).seen.push(unheard);

    slack_returns(&bench);
    locked(&bench.world.pager).is_away = false;
    bench.pass(10 * MINUTE).await;
    let mut rows: Vec<_> = locked(&bench.data).incidents.values().cloned().collect();
    rows.sort_by_key(|row| row.number);
    let shown: Vec<_> = rows.iter().map(|row| (row.status.as_str(), row.severity.as_str())).collect();
    assert_eq!(shown, [("resolved", "P2"), ("triggered", "P1")]);
    let (first, _) = bench.incident_events(rows[0].id).await;
    assert!(first.review_file.is_some(), "the review is drafted once it is over on both sides");
    let pager = locked(&bench.world.pager);
    let one = &pager.seen[0];
    assert_eq!((&one.status, one.incident.priority.as_deref()), (&SeenStatus::Resolved, Some("P2")));
    let notes: Vec<_> = pager.notes["Q1"].iter().map(|note| note.text.as_str()).collect();
    assert_eq!(notes, ["ben, in INC-1: the queue is full"]);
    let times = |fits: &dyn Fn(&PagerCall) -> bool| pager.calls.iter().filter(|call| fits(call)).count();
    assert_eq!(times(&|call| matches!(call, PagerCall::Acknowledge { .. })), 1);
    assert_eq!(times(&|call| matches!(call, PagerCall::Resolve { .. })), 1);
    assert_eq!(times(&|call| matches!(call, PagerCall::AskResponder { .. })), 1);
    let mut pages: Vec<_> = pager
        .calls
        .iter()
        .filter_map(|call| match call {
            PagerCall::Page { key, to, .. } => Some((key.clone(), to.clone())),
            _ => None,
        })
        .collect();
    let all = pages.len();
    pages.sort();
    pages.dedup();
    assert_eq!(pages.len(), all, "nobody is paged twice");
    drop(pager);
    let still: Vec<String> = locked(&bench.data).backlog();
    assert_eq!(still, Vec::<String>::new(), "nothing waits");
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// Nobody takes it, and in the hour without both every step falls due, a second page comes, and the process ends and begins anew: when
/// they are back, whoever is to be called is called once for each.
#[tokio::test(start_paused = true)]
async fn whoever_is_called_in_an_hour_without_pager_and_chat_is_called_once_in_the_end() {
    for tells in [PagerTells::Webhooks, PagerTells::Nothing] {
        let look = PagerLook {
            every: std::time::Duration::from_secs(60),
            notes_every: std::time::Duration::from_secs(60),
            tells,
        };
        let mut bench = Bench::with(&[], |settings| {
            super::climb::steps(settings);
            settings.pager_look = Some(look);
        })
        .await;
        let seen = |id: &str, since| SeenIncident {
            incident: page(id),
            since: Some(since),
            ..SeenIncident::default()
        };
        locked(&bench.world.pager).seen = vec![seen("Q1", bench.now())];
        bench.paged().await;
        slack_goes(&bench, &[]);
        locked(&bench.world.pager).is_away = true;
        bench.pass(20 * MINUTE).await;
        bench.reboot().await;
        let second = seen("Q2", bench.now());
        locked(&bench.world.pager).seen.push(second);
        bench.pass(40 * MINUTE).await;
        assert_eq!(super::climb::pages(&bench), Vec::<String>::new(), "none has been told");
        slack_returns(&bench);
        locked(&bench.world.pager).is_away = false;
        bench.pass(3 * 60 * MINUTE).await;
        let mut pages: Vec<_> = locked(&bench.world.pager)
            .calls
            .iter()
            .filter_map(|call| match call {
                PagerCall::Page { incident, to, .. } => Some((incident.clone(), to.clone())),
                _ => None,
            })
            .collect();
        let all = pages.len();
        pages.sort();
        pages.dedup();
        assert_eq!(pages.len(), all, "nobody is called twice for one incident");
        for id in ["Q1", "Q2"] {
            let called = pages.iter().filter(|(incident, _)| incident == id);
            let called: Vec<_> = called.filter_map(|(_, to)| to.as_deref()).collect();
            assert_eq!(
                called,
                ["ana@example.com", "bob@example.com", "pia@example.com", "sam@example.com"],
                "{id}"
            );
        }
        assert_eq!(check(&bench), Vec::<String>::new());
    }
}

/// A PagerDuty that says nothing holds up its own messages alone, and one of them at a time: the others are not counted as tried.
#[tokio::test(start_paused = true)]
async fn a_pager_that_hangs_keeps_no_answer_waiting_and_is_tried_by_one() {
    let mut bench = Bench::new().await;
    bench.paged().await;
    locked(&bench.world.pager).hangs = Some(std::time::Duration::from_secs(10));
    let id = bench.incident().await.id;
    let mut commit = runbook_core::ports::Commit::default();
    for other in 0..60 {
        let (incident, text) = (format!("Q{other}"), "seen".to_owned());
        let call = PagerCall::Note { incident, from: None, text };
        let message = runbook_core::message::Outgoing::Pager { incident: id, call };
        bench.engine.enqueue(&mut commit, &message, &format!("test/{other}"), Pace::AtOnce, bench.now());
    }
    let begun = locked(&bench.world.pager).begun;
    bench.engine.store().commit(commit).await.unwrap();
    bench.engine.touch();
    bench.pass(1_000).await;
    assert_eq!(locked(&bench.world.pager).begun - begun, 1, "it is called one call at a time");
    // an answer leaves within the second that it has
    bench.ask("status", "ana", Request::IncidentStatus { incident: None }).await;
    // the first gets no answer; from then on one looks whenever the pause is over
    bench.pass(2 * MINUTE).await;
    let tried = locked(&bench.world.pager).begun - begun;
    assert!((2..=5).contains(&tried), "{tried}");
    let due = bench.engine.store().outbox_due(bench.now() + chrono::Duration::days(1), 100).await.unwrap();
    let attempts: u32 = due.iter().map(|row| row.attempts).sum();
    assert_eq!(
        (due.len(), usize::try_from(attempts).unwrap()),
        (60, tried),
        "what was not tried is not counted"
    );
    locked(&bench.world.pager).hangs = None;
    bench.pass(2 * MINUTE).await;
    let left = locked(&bench.data).backlog();
    assert!(left.iter().all(|key| !key.starts_with("pager/")), "{left:?}");
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// Somebody vouches for the fix while PagerDuty is away, and the impact comes back: what was to end it there ends nothing an hour later.
#[tokio::test(start_paused = true)]
async fn an_end_that_waited_ends_nothing_once_the_impact_is_back() {
    for by_hand in [false, true] {
        let mut bench = Bench::new().await;
        bench.paged().await;
        shell(&bench, "ana", Request::IncidentAck { incident: None }).await;
        bench.pass(MINUTE).await;
        locked(&bench.world.pager).is_away = true;
        if by_hand {
            let reason = "a test".to_owned();
            shell(&bench, "ana", Request::IncidentNone { incident: None, reason }).await;
            bench.pass(MINUTE).await;
            let reason = "it was none".to_owned();
            shell(&bench, "ana", Request::IncidentReopen { incident: Some("INC-1".to_owned()), reason })
                .await;
        } else {
            shell(&bench, "ana", Request::IncidentResolve { incident: None }).await;
            bench.pass(MINUTE).await;
            let rollback = Request::RunbookRollback { service: None, params: [].into(), incident: None };
            shell(&bench, "ana", rollback).await;
            bench.pass(MINUTE).await;
            let run = bench.asked_runs()[0];
            let fingerprint = Some(bench.run(run).await.0.fingerprint.to_string());
            let yes =
                Request::RunbookApprove { run: None, fingerprint, reason: Some("it is bad".to_owned()) };
            shell(&bench, "ben", yes).await;
            bench.until("it has helped", |bench| bench.status(run) == "succeeded").await;
        }
        bench.pass(60 * MINUTE).await;
        locked(&bench.world.pager).is_away = false;
        bench.pass(5 * MINUTE).await;
        assert!(!locked(&bench.world.pager).was_asked_to_resolve(), "{by_hand}");
        let incident = bench.incident().await;
        assert!(incident.status.is_open() && !incident.resolve_requested && !incident.pager_refused);
        let (_, events) = bench.incident_events(incident.id).await;
        let is_said = |event: &&IncidentEvent| matches!(event, IncidentEvent::DeliveryFailed { what, .. } if what.contains("taken back"));
        assert_eq!(events.iter().filter(is_said).count(), 1, "the timeline says so");
        // the next one leaves, and ends it
        shell(&bench, "ana", Request::IncidentResolve { incident: None }).await;
        bench.pass(MINUTE).await;
        assert!(locked(&bench.world.pager).was_asked_to_resolve());
        bench.pager_says("resolved", PagerEventKind::Resolved, page("Q1"), None).await;
        bench.pass(MINUTE).await;
        assert_eq!(bench.incident().await.status, Status::Resolved);
        bench.end();
    }
}
