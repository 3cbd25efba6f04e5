//! From a page to the card: opening, severities, duplicates, who took it.

use runbook_core::incident::{IncidentEvent, Status};
use runbook_core::message::ChatMessage;
use runbook_core::people::Actor;
use runbook_core::ports::{Letters, PagerCall, PagerEventKind, PagerIncident, Translated};
use runbook_core::request::Request;

use crate::testkit::{Bench, ChatFault, Posted, check, locked, page};

#[tokio::test(start_paused = true)]
async fn a_page_becomes_a_channel_a_card_and_evidence() {
    let mut bench = Bench::new().await;
    let incident = bench.paged().await;
    assert_eq!((incident.number.to_string().as_str(), incident.status), ("INC-1", Status::Triggered));
    assert_eq!((incident.severity.as_str(), incident.service.as_str()), ("P1", "flowengine"));
    assert_eq!(incident.channel.as_deref(), Some("C1"));
    let triage = incident.triage.expect("triage ended");
    assert_eq!((triage.commands, triage.passed, triage.failed, triage.ask), (2, 1, 1, 0));
    assert_eq!(bench.world.started("show-failure-rate"), 1);

    let chat = locked(&bench.world.chat);
    assert_eq!(chat.channels.len(), 1);
    assert_eq!(chat.channels[0].1, "inc-1-flowengine");
    assert_eq!(chat.of("card/").len(), 1);
    let card = chat.card().expect("a card");
    assert!(card.evidence.iter().any(|line| line.detail.contains("< 10 %")), "{:?}", card.evidence);
    assert_eq!(card.changes, ["v1.2 rolled out 6 min ago"]);
    assert!(card.suggestions.iter().any(|line| line.contains("runbook rollback flowengine")));
    assert!(card.commander.is_none());
    drop(chat);
    assert_eq!(check(&bench), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_severity_comes_from_the_page_then_the_service_and_high_urgency_has_a_floor() {
    let table = [
        (Some("P1"), "PFLOW", Some(false), "P1", "PagerDuty's priority"),
        (Some("p3"), "PFLOW", Some(false), "P3", "PagerDuty's priority"),
        (
            Some("P3"),
            "PFLOW",
            Some(true),
            "P2",
            "high urgency is never below P2 (PagerDuty's priority says P3)",
        ),
        (Some("P1"), "PBILL", Some(true), "P1", "PagerDuty's priority"),
        (None, "PFLOW", Some(false), "P2", "the service's default"),
        (Some("Sev-9"), "PFLOW", None, "P2", "the service's default"),
        (None, "PBILL", Some(false), "P4", "nothing names a severity"),
        (None, "PBILL", None, "P4", "nothing names a severity"),
        (
            None,
            "PBILL",
            Some(true),
            "P2",
            "high urgency is never below P2 (nothing names a severity says P4)",
        ),
        (None, "PNOBODY", Some(false), "P4", "nothing names a severity"),
    ];
    for (priority, service, high_urgency, wanted, why) in table {
        let mut bench = Bench::new().await;
        let incident = PagerIncident {
            priority: priority.map(str::to_owned),
            service_id: Some(service.to_owned()),
            high_urgency,
            ..page("Q1")
        };
        bench.pager_says("page", PagerEventKind::Triggered, incident, None).await;
        bench.pass(2_000).await;
        let case = format!("{priority:?} {service} {high_urgency:?}");
        let incident = bench.incident().await;
        assert_eq!(incident.severity, wanted, "{case}");
        let (_, events) = bench.incident_events(incident.id).await;
        let IncidentEvent::Opened { severity_reason, target_s, .. } = &events[0] else { panic!("{case}") };
        assert_eq!(severity_reason, why, "{case}");
        let target = [("P1", Some(900)), ("P2", Some(1_800)), ("P3", Some(14_400)), ("P4", None)];
        assert_eq!(Some(*target_s), target.iter().find(|(id, _)| *id == wanted).map(|(_, s)| *s), "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_twice_changes_nothing() {
    let mut bench = Bench::new().await;
    bench.paged().await;
    bench.pager_says("ack", PagerEventKind::Acknowledged, page("Q1"), Some("P-ana")).await;
    bench.pass(5_000).await;
    let before = bench.incident().await;
    let events = bench.data_events();
    let messages = locked(&bench.world.chat).tries.len();
    // The same deliveries again, and the same facts under fresh ids.
    for (id, kind) in [
        ("page", PagerEventKind::Triggered),
        ("page-2", PagerEventKind::Triggered),
        ("ack", PagerEventKind::Acknowledged),
        ("ack-2", PagerEventKind::Acknowledged),
    ] {
        bench.pager_says(id, kind, page("Q1"), Some("P-ben")).await;
    }
    bench.pass(5_000).await;
    assert_eq!(bench.incident().await, before);
    assert_eq!(bench.data_events(), events);
    assert_eq!(locked(&bench.world.chat).tries.len(), messages, "nobody is told again");
    assert_eq!(locked(&bench.data).pending(), 0, "they are dealt with all the same");
    assert_eq!(check(&bench), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_that_overtakes_its_page_opens_the_incident_once() {
    let mut bench = Bench::new().await;
    bench.pager_says("ack", PagerEventKind::Acknowledged, page("Q1"), Some("P-ben")).await;
    bench.pager_says("page", PagerEventKind::Triggered, page("Q1"), None).await;
    bench.pass(5_000).await;
    let incident = bench.incident().await;
    assert_eq!(incident.status, Status::Acknowledged);
    assert_eq!(incident.commander.unwrap().who, Actor::Person("ben".to_owned()));
    assert_eq!(check(&bench), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn who_acknowledges_first_commands_until_somebody_takes_over() {
    let mut bench = Bench::new().await;
    bench.paged().await;
    bench.pager_says("ack", PagerEventKind::Acknowledged, page("Q1"), Some("P-ana")).await;
    bench.pass(5_000).await;
    let commander = bench.incident().await.commander.expect("a commander");
    assert_eq!((commander.who, commander.acting), (Actor::Person("ana".to_owned()), true));
    assert_eq!(locked(&bench.world.chat).card().unwrap().commander.as_deref(), Some("ana (acting)"));
    // The pager knows already; ben in chat comes too late to command.
    let answer = bench.ask("take it", "ben", Request::IncidentAck { incident: None }).await;
    assert_eq!(answer, "ana has INC-1; `role commander me INC-1` makes you its commander.");
    assert_eq!(bench.incident().await.commander.unwrap().who, Actor::Person("ana".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_in_chat_silences_the_pager() {
    let mut bench = Bench::new().await;
    bench.paged().await;
    bench.ask("take it", "ben", Request::IncidentAck { incident: None }).await;
    bench.pass(2_000).await;
    assert_eq!(bench.incident().await.status, Status::Acknowledged);
    let calls = locked(&bench.world.pager).calls.clone();
    assert!(matches!(&calls[..], [PagerCall::Acknowledge { incident, .. }] if incident == "Q1"), "{calls:?}");
}

/// Somebody whom only the pager knows is on the record, and gets nothing from it.
#[tokio::test(start_paused = true)]
async fn an_unknown_pager_user_gets_no_authority() {
    for (agent, secret) in [("P-zoe", false), ("P-nobody", false), ("P-ana", true)] {
        let mut bench = Bench::new().await;
        locked(&bench.world.pager).keeps_users_secret = secret;
        bench.paged().await;
        bench.pager_says("ack", PagerEventKind::Acknowledged, page("Q1"), Some(agent)).await;
        bench.pass(5_000).await;
        let incident = bench.incident().await;
        assert_eq!(incident.status, Status::Acknowledged, "{agent}");
        let who = Actor::Outside(format!("pagerduty:Name of {agent}"));
        assert_eq!(incident.commander.map(|commander| commander.who), Some(who.clone()), "{agent}");
        assert!(!bench.engine.has_standing(&who), "{agent}");
    }
}

/// In chat a stranger, and a person without a role that decides, are told so.
#[tokio::test(start_paused = true)]
async fn people_without_standing_are_refused_and_told() {
    let mut bench = Bench::new().await;
    bench.paged().await;
    for (user, wanted) in [("zoe", "is not known here"), ("cora", "may not")] {
        let requests = [
            Request::IncidentAck { incident: None },
            Request::IncidentResolve { incident: None },
            Request::IncidentSeverity { incident: None, severity: "P3".to_owned() },
            Request::RunbookRollback { service: None, params: [].into(), incident: None },
        ];
        for (n, request) in requests.into_iter().enumerate() {
            let answer = bench.ask(&format!("{user} {n}"), user, request).await;
            assert!(answer.contains(wanted), "{user} {n}: {answer}");
        }
    }
    let incident = bench.incident().await;
    assert_eq!((incident.status, incident.severity.as_str()), (Status::Triggered, "P1"));
    assert_eq!(bench.asked_runs(), []);
    assert_eq!(locked(&bench.data).pending(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_understands_is_kept_with_the_reason() {
    let mut bench = Bench::new().await;
    bench.hand_in("pagerduty", "garbage", Translated::Unreadable { reason: "not json".to_owned() }).await;
    bench.hand_in("pagerduty", "ping", Translated::Ignored { kind: "pagey.ping".to_owned() }).await;
    bench.hand_in("carrier-pigeon", "coo", Translated::Ignored { kind: "coo".to_owned() }).await;
    bench.pager_says("late", PagerEventKind::Resolved, page("Q-before-our-time"), None).await;
    bench.pass(2_000).await;
    assert_eq!(locked(&bench.data).pending(), 1, "what another configuration may understand stays for it");
    let kept = bench.engine.store().letters(Letters::default(), 10).await.unwrap();
    let kept: Vec<_> = kept.iter().rev().map(|letter| letter.reason.as_str()).collect();
    assert_eq!(
        kept,
        ["dead letter: not json", "not acted on: pagey.ping", "about an incident that is not known here",]
    );
}

/// The commander's time to mitigate runs out once, and is said once.
#[tokio::test(start_paused = true)]
async fn a_missed_target_is_noted_once() {
    let mut bench = Bench::new().await;
    let id = bench.paged().await.id;
    bench.pass(14 * 60_000).await;
    assert_eq!(locked(&bench.world.chat).asks(), [], "not yet");
    bench.pass(60 * 60_000).await;
    let asks = locked(&bench.world.chat).asks();
    assert_eq!(asks.len(), 1, "{asks:?}");
    assert!(asks[0].1.contains("15 min to mitigate a P1"), "{asks:?}");
    assert_eq!(asks[0].0.as_deref(), Some("U-ana"), "one person is mentioned");
    let (_, events) = bench.incident_events(id).await;
    assert_eq!(events.iter().filter(|e| matches!(e, IncidentEvent::TargetMissed { .. })).count(), 1);
    // Neither a restart nor the same severity again say it a second time.
    bench.reboot().await;
    bench.ask("same", "ana", Request::IncidentSeverity { incident: None, severity: "P1".to_owned() }).await;
    bench.pass(60 * 60_000).await;
    assert_eq!(locked(&bench.world.chat).asks().len(), 1);
    assert!(locked(&bench.data).timers.is_empty(), "no timer fires for ever");
}

/// A service without a channel of its own incidents: the card goes where the service says.
#[tokio::test(start_paused = true)]
async fn a_small_incident_lives_in_the_services_channel() {
    let mut bench = Bench::new().await;
    let incident = PagerIncident { priority: Some("P3".to_owned()), high_urgency: Some(false), ..page("Q1") };
    bench.pager_says("page", PagerEventKind::Triggered, incident, None).await;
    bench.pass(10_000).await;
    let chat = locked(&bench.world.chat);
    assert_eq!(chat.channels, []);
    let cards = chat.of("card/");
    assert!(matches!(&cards[..], [card] if card.at.channel == "CINCIDENTS"));
}

/// What cannot be edited any more is posted once more, and from then on that is what is edited.
#[tokio::test(start_paused = true)]
async fn a_message_that_was_deleted_has_one_successor() {
    let mut bench = Bench::new().await;
    let id = bench.paged().await.id;
    bench
        .ask("rollback", "ana", Request::RunbookRollback { service: None, params: [].into(), incident: None })
        .await;
    bench.pass(5_000).await;
    let run = bench.asked_runs()[0];
    let kinds = ["card/", "brief/", "plan/"];
    {
        let mut chat = locked(&bench.world.chat);
        let gone: Vec<usize> = chat
            .messages
            .iter()
            .enumerate()
            .filter(|(_, posted)| kinds.iter().any(|kind| posted.key.starts_with(kind)))
            .map(|(index, _)| index)
            .collect();
        assert_eq!(gone.len(), kinds.len());
        chat.frozen.extend(gone);
    }
    bench.ask("ack", "ana", Request::IncidentAck { incident: None }).await;
    let yes = bench.approval(run);
    bench.ask("approve", "ben", yes).await;
    bench.pass(20_000).await;
    for n in 0..4 {
        let text = format!("look {n}");
        bench.ask(&text, "ana", Request::TimelineAdd { incident: None, text: text.clone() }).await;
        bench.pass(5_000).await;
    }
    {
        let chat = locked(&bench.world.chat);
        for kind in kinds {
            assert_eq!(chat.of(kind).len(), 2, "{kind}: {:?}", chat.of(kind));
        }
        assert!(chat.of("card/")[1].edits >= 1, "the successor is edited");
    }
    let (incident, _) = bench.incident_events(id).await;
    let (state, _) = bench.run(run).await;
    assert!(incident.card_ts.is_some() && state.plan_message.is_some());
}

/// An incident that turns out to be grave gets its channel, where the card is posted anew; what stood where others read along
/// says where it is led. One that turns out to be small stays where people talk about it.
#[tokio::test(start_paused = true)]
async fn a_severity_that_asks_for_a_channel_of_its_own_moves_the_incident_there() {
    let mut bench = Bench::new().await;
    let small = PagerIncident { priority: Some("P3".to_owned()), high_urgency: Some(false), ..page("Q1") };
    bench.pager_says("page", PagerEventKind::Triggered, small, None).await;
    bench.pass(10_000).await;
    let severity = |to: &str| Request::IncidentSeverity { incident: None, severity: to.to_owned() };
    bench.ask("grave", "ana", severity("P1")).await;
    bench.pass(10_000).await;
    {
        let chat = locked(&bench.world.chat);
        assert_eq!(chat.channels.len(), 1);
        let cards = chat.of("card/");
        let [Posted { message: ChatMessage::Card { channel, view, .. }, .. }] = &cards[..] else {
            panic!("{cards:?}")
        };
        assert_eq!((channel.as_str(), view.severity.as_str()), ("C1", "P1"));
        let briefs = chat.of("brief/");
        let [Posted { message: ChatMessage::Brief { channel, ts, view, .. }, .. }] = &briefs[..] else {
            panic!("{briefs:?}")
        };
        assert_eq!((channel.as_str(), ts.as_deref(), view.home.as_str()), ("CINCIDENTS", Some("0"), "C1"));
    }
    // whom it asks is asked in its own channel, below nothing
    let call = Request::Escalate { incident: None, who: Some("ben".to_owned()), reason: None };
    bench.ask("call", "ana", call).await;
    bench.pass(10_000).await;
    let asked = locked(&bench.world.chat).messages.iter().rev().find_map(|posted| match &posted.message {
        ChatMessage::Ask { channel, thread, .. } => Some((channel.clone(), thread.clone())),
        _ => None,
    });
    assert_eq!(asked, Some(("C1".to_owned(), None)));
    // and back: it is led where it was
    bench.ask("small", "ana", severity("P3")).await;
    bench.ask("resolve", "ana", Request::IncidentResolve { incident: None }).await;
    bench.pager_says("end", PagerEventKind::Resolved, page("Q1"), None).await;
    bench.pass(10_000).await;
    let chat = locked(&bench.world.chat);
    let briefs = chat.of("brief/");
    let [Posted { message: ChatMessage::Brief { view, .. }, .. }] = &briefs[..] else { panic!("{briefs:?}") };
    assert_eq!((view.severity.as_str(), view.status.as_str()), ("P3", "resolved"));
    assert_eq!((chat.of("card/").len(), chat.channels.len()), (1, 1));
    drop(chat);
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// A card that was on its way to the shared channel when the incident got its own says from then on where it is led, whether
/// Slack's answer came late or was lost; also where the new severity is told elsewhere than the old one, and where that card
/// stands for one that somebody deleted.
#[tokio::test(start_paused = true)]
async fn a_card_that_is_overtaken_by_the_incidents_own_channel_is_no_second_card() {
    let faults = [ChatFault::AnswerLate(8_000), ChatFault::AnswerLost];
    let services = [("PFLOW", "incidents"), ("PBILL", "ops-alerts")];
    let cases = faults.iter().flat_map(|fault| services.map(|service| (*fault, service)));
    for ((fault, (service, shared)), deleted) in cases.flat_map(|case| [(case, false), (case, true)]) {
        let mut bench = Bench::new().await;
        let small = PagerIncident {
            priority: Some("P3".to_owned()),
            high_urgency: Some(false),
            service_id: Some(service.to_owned()),
            ..page("Q1")
        };
        let mut lose = Some(fault);
        if !deleted {
            locked(&bench.world.chat).faults.extend(lose.take().map(|fault| ("card/", fault)));
        }
        bench.pager_says("page", PagerEventKind::Triggered, small, None).await;
        bench.pass(if deleted { 60_000 } else { 10 }).await;
        if let Some(fault) = lose {
            {
                let mut chat = locked(&bench.world.chat);
                let first = chat.messages.iter().position(|posted| posted.key.starts_with("card/"));
                chat.frozen.extend(first);
                chat.faults.push(("card/", fault));
            }
            bench.ask("mine", "ana", Request::IncidentAck { incident: None }).await;
            bench.pass(10).await;
        }
        let grave = Request::IncidentSeverity { incident: None, severity: "P1".to_owned() };
        bench.ask("grave", "ana", grave).await;
        bench.pass(60_000).await;
        let chat = locked(&bench.world.chat);
        let shown = |kind: &str| {
            let all = chat.editable().map(|(_, posted)| posted).filter(|posted| posted.key.starts_with(kind));
            all.map(|posted| posted.at.channel.clone()).collect::<Vec<_>>()
        };
        assert_eq!(
            (shown("card/"), shown("brief/")),
            (vec!["C1".to_owned()], vec![format!("C{}", shared.to_ascii_uppercase())]),
            "{fault:?} {service} deleted: {deleted}"
        );
        drop(chat);
        assert_eq!(check(&bench), Vec::<String>::new());
    }
}

/// Where the chat's limits hold its own channel back, an incident is shown in the shared one, and moves when it can.
#[tokio::test(start_paused = true)]
async fn an_incident_whose_channel_is_held_back_is_shown_in_the_shared_one() {
    let mut bench = Bench::new().await;
    {
        let mut chat = locked(&bench.world.chat);
        chat.channel_delay = Some(std::time::Duration::from_secs(30));
        chat.faults.push(("channel/", ChatFault::Retry(Some(30_000))));
    }
    bench.pager_says("page", PagerEventKind::Triggered, page("Q1"), None).await;
    bench.pass(2_000).await;
    let shown = |bench: &Bench, kind: &str| {
        let chat = locked(&bench.world.chat);
        let all = chat.of(kind).into_iter().map(|posted| posted.at.channel.clone());
        all.collect::<Vec<_>>()
    };
    assert_eq!(shown(&bench, "card/"), ["CINCIDENTS"]);
    locked(&bench.world.chat).channel_delay = None;
    bench.pass(60_000).await;
    assert_eq!(
        (shown(&bench, "card/"), shown(&bench, "brief/")),
        (vec!["C1".into()], vec!["CINCIDENTS".into()])
    );

    let mut bench = Bench::new().await;
    locked(&bench.world.chat).channel_delay = Some(std::time::Duration::from_secs(30));
    locked(&bench.world.chat).faults.push(("channel/", ChatFault::Retry(Some(30_000))));
    let keys = Request::IncidentDeclare {
        title: "keys are public".to_owned(),
        severity: None,
        service: Some("flowengine".to_owned()),
        private: true,
        description: None,
    };
    bench.ask("declare", "ana", keys).await;
    assert_eq!(shown(&bench, "card/"), Vec::<String>::new(), "a private one waits");
    bench.pass(60_000).await;
    assert_eq!(shown(&bench, "card/"), ["C1"]);
}

/// The shared channel shows an incident that has one of its own, in one message that follows where it stands.
#[tokio::test(start_paused = true)]
async fn the_shared_channel_shows_where_an_incident_is_led() {
    let mut bench = Bench::new().await;
    let shown = |bench: &Bench| {
        let chat = locked(&bench.world.chat);
        let briefs: Vec<_> = chat.of("brief/").into_iter().cloned().collect();
        briefs
    };
    let id = bench.paged().await.id;
    let [posted] = &shown(&bench)[..] else { panic!("one message") };
    let ChatMessage::Brief { channel, view, .. } = &posted.message else { panic!("{posted:?}") };
    assert_eq!(
        (channel.as_str(), view.home.as_str(), view.status.as_str()),
        ("incidents", "C1", "triggered")
    );
    bench.ask("ack", "ana", Request::IncidentAck { incident: None }).await;
    for n in 0..3 {
        let text = format!("look {n}");
        bench.ask(&text, "ana", Request::TimelineAdd { incident: None, text: text.clone() }).await;
    }
    bench.pass(5_000).await;
    let before = shown(&bench)[0].edits;
    bench.reboot().await;
    bench.ask("resolve", "ana", Request::IncidentResolve { incident: None }).await;
    bench.pager_says("end", PagerEventKind::Resolved, page("Q1"), None).await;
    bench.pass(5_000).await;
    let [posted] = &shown(&bench)[..] else { panic!("still one message") };
    let ChatMessage::Brief { view, .. } = &posted.message else { panic!("{posted:?}") };
    assert_eq!((view.commander.as_deref(), view.status.as_str()), (Some("ana (acting)"), "resolved"));
    assert!((1..=2).contains(&before) && posted.edits <= before + 2, "notes edit nothing: {}", posted.edits);
    let (_, events) = bench.incident_events(id).await;
    assert_eq!(events.iter().filter(|e| matches!(e, IncidentEvent::BriefPosted { .. })).count(), 1);
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// What only another configuration understands stays for it, and does not hold up the rest.
#[tokio::test(start_paused = true)]
async fn messages_for_another_configuration_do_not_hold_up_the_others() {
    let mut bench = Bench::new().await;
    for n in 0..100 {
        let coo = Translated::Ignored { kind: "coo".to_owned() };
        bench.hand_in("carrier-pigeon", &format!("coo {n}"), coo).await;
    }
    bench.paged().await;
    assert_eq!(locked(&bench.data).pending(), 100);
}

/// The end of an incident is told before its beginning: nobody opens what is over. What was reopened since is open.
#[tokio::test(start_paused = true)]
async fn an_incident_that_was_over_before_it_was_told_is_not_opened() {
    let mut bench = Bench::new().await;
    bench.pass(60_000).await;
    let (end, start) =
        (bench.event(PagerEventKind::Resolved, 20), bench.event(PagerEventKind::Triggered, 10));
    bench.hand_in("pagerduty", "end", end).await;
    // whatever else comes in meanwhile, and whoever is there when its beginning does
    for n in 0..300 {
        for source in ["slack", "pagerduty"] {
            let other = Translated::Ignored { kind: "ping".to_owned() };
            bench.hand_in(source, &format!("noise {n}"), other).await;
        }
    }
    bench.pass(5_000).await;
    for (id, reboots) in [("start", false), ("start again", true)] {
        if reboots {
            bench.reboot().await;
        }
        bench.hand_in("pagerduty", id, start.clone()).await;
        bench.pass(5_000).await;
        assert_eq!(locked(&bench.data).incidents.len(), 0);
    }
    let again = bench.event(PagerEventKind::Reopened, 30);
    bench.hand_in("pagerduty", "again", again).await;
    bench.pass(5_000).await;
    assert_eq!(bench.incident().await.status, Status::Triggered);
    assert_eq!(check(&bench), Vec::<String>::new());
}
