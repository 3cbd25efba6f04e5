//! What the pager tells beside its end: merges, responders, another service, the bridge, updates.

use runbook_core::ids::IncidentId;
use runbook_core::incident::{End, Incident, IncidentEvent, Status};
use runbook_core::people::{Actor, Role};
use runbook_core::ports::{Answer, PagerCall, PagerEvent, PagerEventKind, PagerIncident};
use runbook_core::request::Request;

use super::verbs::declare;
use crate::testkit::{Bench, check, locked, page};

async fn two_pages() -> (Bench, IncidentId, IncidentId) {
    let mut bench = Bench::new().await;
    for (id, pager_id) in [("one", "Q1"), ("two", "Q2")] {
        bench.pager_says(id, PagerEventKind::Triggered, page(pager_id), None).await;
        bench.pass(10_000).await;
    }
    let mut rows: Vec<_> = locked(&bench.data).incidents.values().map(|row| (row.number, row.id)).collect();
    rows.sort();
    (bench, rows[0].1, rows[1].1)
}

fn merged_into(other: &str) -> PagerEventKind {
    PagerEventKind::MergedInto { other: other.to_owned() }
}

/// A merge at the pager is one here: the source goes into the other, nobody asks the pager for what it has done itself, and
/// the other goes on.
#[tokio::test(start_paused = true)]
async fn a_merge_at_the_pager_is_one_here() {
    let (mut bench, into, from) = two_pages().await;
    for id in ["merge", "merge, told again"] {
        bench.pager_says(id, merged_into("Q1"), page("Q2"), Some("P-stranger")).await;
        bench.pass(10_000).await;
    }
    let (source, _) = bench.incident_events(from).await;
    let (target, events) = bench.incident_events(into).await;
    assert_eq!((source.status, source.end), (Status::Closed, Some(End::Merged { into: target.number })));
    assert!(target.status.is_open());
    assert_eq!(target.merged, [source.number]);
    assert_eq!(events.iter().filter(|event| matches!(event, IncidentEvent::MergedFrom { .. })).count(), 1);
    let calls = locked(&bench.world.pager).calls.clone();
    assert!(!calls.iter().any(|call| matches!(call, PagerCall::Resolve { .. })), "{calls:?}");
    assert_eq!(bench.reviews(), Vec::<String>::new(), "it was no incident by itself");
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// What cannot be merged by itself here has ended all the same, by the pager's account; of one that is not known it is noted.
#[tokio::test(start_paused = true)]
async fn a_merge_that_cannot_be_one_here_is_an_end_or_a_note() {
    let (mut bench, _, from) = two_pages().await;
    bench.pager_says("stray", merged_into("Q9"), page("Q2"), None).await;
    bench.pass(10_000).await;
    let (source, events) = bench.incident_events(from).await;
    assert_eq!((source.status, source.end), (Status::Resolved, None));
    let stray = "into PagerDuty incident Q9, which is not known here";
    assert!(
        events.iter().any(
            |event| matches!(event, IncidentEvent::PagerNoted { text: Some(text), .. } if text == stray)
        )
    );

    // a run is left: it stays, and asks
    let (mut bench, _, from) = two_pages().await;
    let rollback =
        Request::RunbookRollback { service: None, params: [].into(), incident: Some("INC-2".to_owned()) };
    bench.ask("rollback", "ana", rollback).await;
    bench.pager_says("merge", merged_into("Q1"), page("Q2"), None).await;
    bench.pass(10_000).await;
    let (source, _) = bench.incident_events(from).await;
    assert_eq!((source.status, source.pager_resolved, source.end), (Status::Monitoring, true, None));

    // the other is over
    let (mut bench, into, from) = two_pages().await;
    bench.pager_says("over", PagerEventKind::Resolved, page("Q1"), None).await;
    bench.pass(10_000).await;
    bench.pager_says("merge", merged_into("Q1"), page("Q2"), None).await;
    bench.pass(60_000).await;
    for id in [into, from] {
        let (incident, _) = bench.incident_events(id).await;
        assert_eq!((incident.status, incident.end, incident.merged.len()), (Status::Resolved, None, 0));
    }
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// Whoever says at the pager that they come has a part in the incident, and is let in; whoever is only asked, or does not
/// come, is on record.
#[tokio::test(start_paused = true)]
async fn a_responder_of_the_pager_has_a_part_in_it() {
    let mut bench = Bench::new().await;
    bench.paged().await;
    let ben = ("P-ben".to_owned(), "ben@example.com".to_owned());
    locked(&bench.world.pager).emails.extend([ben]);
    let says = |answer, id: Option<&str>| PagerEventKind::Responder {
        id: id.map(str::to_owned),
        name: Some("Ben from the pager".to_owned()),
        answer,
        message: Some("looking at the <!channel>".to_owned()),
    };
    let before = locked(&bench.world.chat).let_in.len();
    for (id, answer, user) in [
        ("asked", Answer::Asked, Some("P-ben")),
        ("declined", Answer::Declines, Some("P-ben")),
        ("stranger", Answer::Comes, Some("P-stranger")),
        ("whoever", Answer::Asked, None),
    ] {
        bench.pager_says(id, says(answer, user), page("Q1"), Some("P-ana")).await;
        bench.pass(5_000).await;
    }
    assert_eq!(bench.incident().await.roles, []);
    for id in ["comes", "comes again"] {
        bench.pager_says(id, says(Answer::Comes, Some("P-ben")), page("Q1"), Some("P-ben")).await;
        bench.pass(5_000).await;
    }
    let incident = bench.incident().await;
    assert_eq!(incident.roles, [(Role::Responder, Actor::Person("ben".to_owned()))]);
    assert_eq!(locked(&bench.world.chat).let_in[before..], [("C1".to_owned(), "U-ben".to_owned())]);
    let (_, events) = bench.incident_events(incident.id).await;
    let noted: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            IncidentEvent::PagerNoted { what, text: Some(text), .. } if what.contains("responder") => {
                Some(format!("{what}: {text}"))
            }
            _ => None,
        })
        .collect();
    assert_eq!(noted.len(), 6, "{noted:?}");
    assert_eq!(noted[0], "a responder was asked: ben: looking at the <!channel>");
    assert_eq!(noted[1], "a responder does not come: ben: looking at the <!channel>");
    assert!(noted[2].contains("pagerduty:Ben from the pager"), "{noted:?}");
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// An incident that the pager gives to another service is that one's: nobody has looked at it yet, and what was found of the
/// other says nothing of it.
#[tokio::test(start_paused = true)]
async fn another_service_is_looked_at_anew() {
    let mut bench = Bench::new().await;
    let first = bench.paged().await;
    assert!(!first.evidence.is_empty() && first.triage.is_some());
    let billing = PagerIncident {
        service_id: Some("PBILL".to_owned()),
        service_name: Some("Billing".to_owned()),
        ..page("Q1")
    };
    for id in ["moved", "moved, told again"] {
        bench.pager_says(id, PagerEventKind::ServiceChanged, billing.clone(), None).await;
        bench.pass(10_000).await;
    }
    let moved = bench.incident().await;
    assert_eq!((moved.service.as_str(), moved.triage, moved.evidence.len()), ("billing", None, 0));
    assert_eq!(moved.row().service, "billing");
    assert_eq!(locked(&bench.world.chat).card().unwrap().service, "billing");
    bench.pager_says("back", PagerEventKind::ServiceChanged, page("Q1"), None).await;
    bench.pass(10_000).await;
    let back = bench.incident().await;
    assert_eq!(back.service, "flowengine");
    assert_eq!(back.runs.iter().filter(|run| run.triage).count(), 2, "it is looked at once more");
    let found = |incident: &Incident| {
        incident.evidence.iter().map(|one| (one.title.clone(), one.outcome)).collect::<Vec<_>>()
    };
    assert_eq!((back.triage, found(&back)), (first.triage, found(&first)));
    let (_, events) = bench.incident_events(back.id).await;
    assert_eq!(
        events.iter().filter(|event| matches!(event, IncidentEvent::ServiceChanged { .. })).count(),
        2
    );
    assert_eq!(check(&bench), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn the_bridge_and_updates_of_the_pager_are_shown() {
    let mut bench = Bench::new().await;
    bench.paged().await;
    let bridge = PagerEventKind::BridgeChanged {
        url: Some("https://meet.example.com/1".to_owned()),
        numbers: vec!["US: +1 5".to_owned()],
    };
    bench.pager_says("bridge", bridge, page("Q1"), None).await;
    let told = PagerEventKind::UpdateGiven { text: "half of the flows fail".to_owned() };
    bench.pager_says("update", told, page("Q1"), None).await;
    bench
        .pager_says("no words", PagerEventKind::UpdateGiven { text: " ".to_owned() }, page("Q1"), None)
        .await;
    let what = PagerEventKind::Told { what: "escalated".to_owned(), text: Some("to Ana".to_owned()) };
    bench.pager_says("told", what, page("Q1"), None).await;
    bench.pass(10_000).await;
    let card = locked(&bench.world.chat).card().unwrap();
    assert_eq!(card.bridge.as_deref(), Some("https://meet.example.com/1"));
    assert_eq!(card.dial, ["US: +1 5"]);
    assert!(card.update.is_some_and(|update| update.contains("half of the flows fail")));
    let off = PagerEventKind::BridgeChanged { url: None, numbers: Vec::new() };
    bench.pager_says("off", off, page("Q1"), None).await;
    bench.pass(10_000).await;
    let card = locked(&bench.world.chat).card().unwrap();
    assert_eq!((card.bridge, card.dial.len()), (None, 0));
    let (_, events) = bench.incident_events(bench.incident().await.id).await;
    let told =
        IncidentEvent::PagerNoted { what: "escalated".to_owned(), text: Some("to Ana".to_owned()), id: None };
    assert!(events.contains(&told));
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// Who is let into a private incident is said here, by somebody who sees it.
#[tokio::test(start_paused = true)]
async fn a_responder_of_the_pager_sees_no_private_incident_by_that() {
    let mut bench = Bench::new().await;
    bench.ask("declare", "ana", declare("keys are public", true)).await;
    bench.pass(10_000).await;
    let incident = bench.incident().await;
    let command = runbook_core::incident::IncidentCommand::HearResponder {
        text: Some("cora".to_owned()),
        who: Actor::Person("cora".to_owned()),
        answer: Answer::Comes,
    };
    let origin = crate::origin::Origin::system("pagerduty", runbook_core::journal::Cause::Engine);
    bench.engine.change_incident(incident.id, &command, &origin, None).await.unwrap();
    bench.pass(10_000).await;
    assert_eq!(bench.incident().await.roles, []);
    assert!(!locked(&bench.world.chat).let_in.iter().any(|(_, who)| who == "U-cora"));
}

/// More people read at the pager than a private incident is for.
#[tokio::test(start_paused = true)]
async fn of_a_private_incident_the_pager_is_told_nothing() {
    for private in [false, true] {
        let mut bench = Bench::with(&[], |settings| {
            settings.tells_pager = true;
            settings.services[0].private = private;
        })
        .await;
        let incident = bench.paged().await;
        assert_eq!((incident.private, incident.triage.is_some()), (private, true));
        let calls = locked(&bench.world.pager).calls.clone();
        let noted = calls.iter().filter(|call| matches!(call, PagerCall::Note { .. })).count();
        assert_eq!(noted, usize::from(!private), "{calls:?}");
    }
}

/// Who acted is known from before while the pager has no time to say it, and what it does not say is not waited for again and again.
#[tokio::test(start_paused = true)]
async fn who_acted_is_known_while_the_pager_does_not_say_it() {
    let (mut bench, first, second) = two_pages().await;
    let asked = |bench: &Bench| locked(&bench.world.pager).emails_asked;
    let commander = async |bench: &Bench, id| bench.incident_events(id).await.0.commander.map(|one| one.who);
    let ana = Some(Actor::Person("ana".to_owned()));
    bench.pager_says("ack", PagerEventKind::Acknowledged, page("Q1"), Some("P-ana")).await;
    bench.pass(5_000).await;
    assert_eq!((commander(&bench, first).await, asked(&bench)), (ana.clone(), 1));
    // another process, an hour later and after two days
    bench.is_down_for(std::time::Duration::from_secs(3_600)).await;
    bench.pager_says("ack 2", PagerEventKind::Acknowledged, page("Q2"), Some("P-ana")).await;
    bench.pass(5_000).await;
    assert_eq!((commander(&bench, second).await, asked(&bench)), (ana.clone(), 1));
    locked(&bench.world.pager).keeps_users_secret = true;
    bench.is_down_for(std::time::Duration::from_secs(48 * 3_600)).await;
    let is_ana = bench.engine.pager_user(Some("P-ana"), None).await;
    assert_eq!((Some(is_ana), asked(&bench)), (ana, 2));
    // it hangs: one message waits for it, and the others do not
    locked(&bench.world.pager).emails_take = std::time::Duration::from_secs(60);
    for n in 0..20 {
        let (id, agent) = (format!("note {n}"), format!("P-{n}"));
        let note = PagerEventKind::Note { id: Some(format!("N-{n}")), text: format!("note {n}") };
        bench.pager_says(&id, note, page("Q1"), Some(&agent)).await;
    }
    bench.pass(4_000).await;
    let noted = bench.incident_events(first).await.0.noted_at_pager;
    assert_eq!((noted.len(), asked(&bench)), (20, 3));
    (locked(&bench.world.pager).emails_take, locked(&bench.world.pager).keeps_users_secret) =
        (std::time::Duration::ZERO, false);
    bench.pass(30_000).await;
    let is_ben = bench.engine.pager_user(Some("P-ben"), None).await;
    assert_eq!((is_ben, asked(&bench)), (Actor::Person("ben".to_owned()), 4));
}

/// One acknowledgement of whoever the call was made as is our own; everybody else at the pager is somebody who takes it.
#[tokio::test(start_paused = true)]
async fn only_our_own_acknowledgement_is_taken_for_an_echo() {
    const MINUTE: u64 = 60_000;
    let event = |agent: Option<&str>| PagerEvent {
        kind: PagerEventKind::Acknowledged,
        incident: page("Q1"),
        agent_id: agent.map(str::to_owned),
        agent_name: None,
        occurred_at: chrono::DateTime::UNIX_EPOCH,
    };
    type Row<'a> = (&'a str, u64, u64, bool, &'a [(Option<&'a str>, bool)]);
    let rows: &[Row<'_>] = &[
        ("the configured one, once", 0, 0, false, &[(Some("P-bot"), true), (Some("P-bot"), false)]),
        ("the person's own", 0, 0, false, &[(Some("P-ana"), true), (Some("P-bot"), false)]),
        ("somebody else", 0, 0, false, &[(Some("P-ben"), false), (Some("P-bot"), true)]),
        ("nobody is named", 0, 0, false, &[(None, true), (None, false)]),
        ("whom it does not name", 0, 0, false, &[(Some("P-nobody"), true)]),
        ("much later", 0, 11, false, &[(Some("P-bot"), false)]),
        ("it was away for half an hour", 30, 5, false, &[(Some("P-ben"), false), (Some("P-bot"), true)]),
        (
            "another process",
            0,
            0,
            true,
            &[(Some("P-ben"), false), (Some("P-bot"), true), (Some("P-bot"), false)],
        ),
    ];
    for (what, away, later, restarts, heard) in rows {
        let mut bench = Bench::new().await;
        bench.paged().await;
        locked(&bench.world.pager).emails.insert("P-bot".to_owned(), "Blocks@example.com".to_owned());
        locked(&bench.world.pager).is_away = *away > 0;
        bench.ask("mine", "ana", Request::IncidentAck { incident: None }).await;
        bench.pass(away * MINUTE).await;
        locked(&bench.world.pager).is_away = false;
        bench.pass(2 * MINUTE).await;
        if *restarts {
            bench.reboot().await;
        }
        bench.pass(later * MINUTE).await;
        let incident = bench.incident().await;
        for (agent, is_echo) in *heard {
            let found = bench.engine.is_echo_of_taking(&incident, &event(*agent)).await;
            assert_eq!(found, *is_echo, "{what}: {agent:?}");
        }
        bench.end();
    }
}

/// The same where nobody had told of it before it ran out: nobody commands for good by that, and the steps go on.
#[tokio::test(start_paused = true)]
async fn an_acknowledgement_that_had_run_out_when_it_was_told_gives_nobody_the_incident() {
    let mut bench = Bench::new().await;
    bench.paged().await;
    bench.pass(60_000).await;
    let (ran_out, late) =
        (bench.event(PagerEventKind::Unacknowledged, 40), bench.event(PagerEventKind::Acknowledged, 20));
    bench.hand_in("pagerduty", "ran out", ran_out).await;
    bench.hand_in("pagerduty", "late", late).await;
    bench.pass(2_000).await;
    let incident = bench.incident().await;
    assert_eq!(incident.status, Status::Triggered);
    assert!(incident.waits_for_somebody(), "{:?}", incident.commander);
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// A webhook that comes hours late says that somebody took it before that ran out: it waits for somebody still.
#[tokio::test(start_paused = true)]
async fn an_acknowledgement_that_is_told_after_it_ran_out_stops_nobody_from_being_called() {
    let mut bench = Bench::new().await;
    bench.paged().await;
    bench.pass(60_000).await;
    let (late, ran_out, taken) = (
        bench.event(PagerEventKind::Acknowledged, 20),
        bench.event(PagerEventKind::Unacknowledged, 40),
        bench.event(PagerEventKind::Acknowledged, 50),
    );
    let first = bench.event(PagerEventKind::Acknowledged, 15);
    bench.hand_in("pagerduty", "first", first).await;
    bench.hand_in("pagerduty", "ran out", ran_out).await;
    bench.hand_in("pagerduty", "late", late).await;
    bench.pass(2_000).await;
    assert_eq!(bench.incident().await.status, Status::Triggered);
    bench.hand_in("pagerduty", "taken", taken).await;
    bench.pass(2_000).await;
    assert_eq!(bench.incident().await.status, Status::Acknowledged);
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// An acknowledgement that could not be told in time is not told when nobody has the incident any more: the pager would call nobody.
#[tokio::test(start_paused = true)]
async fn an_acknowledgement_that_waited_is_not_told_when_nobody_has_it() {
    let mut bench = Bench::new().await;
    bench.paged().await;
    locked(&bench.world.pager).is_away = true;
    bench.ask("ack", "ana", Request::IncidentAck { incident: None }).await;
    bench.pass(60_000).await;
    bench.pager_says("out", PagerEventKind::Unacknowledged, page("Q1"), None).await;
    bench.pass(60_000).await;
    assert!(bench.incident().await.waits_for_somebody());
    locked(&bench.world.pager).is_away = false;
    bench.pass(600_000).await;
    let told = locked(&bench.world.pager).calls.clone();
    assert!(!told.iter().any(|call| matches!(call, PagerCall::Acknowledge { .. })), "{told:?}");
    let incident = bench.incident().await;
    assert!(incident.waits_for_somebody(), "{}", incident.status.word());
    let (_, events) = bench.incident_events(incident.id).await;
    let says = |event: &IncidentEvent| match event {
        IncidentEvent::DeliveryFailed { what, .. } => what.starts_with("pager ack, taken back"),
        _ => false,
    };
    assert_eq!(events.iter().filter(|event| says(event)).count(), 1, "{events:?}");
    assert_eq!(check(&bench), Vec::<String>::new());
}
