//! Triggers end to end: asked by timers, told once through every restart, and a plan that nobody approves.

use runbook_core::incident::{Incident, IncidentEvent, Status};
use runbook_core::people::Actor;
use runbook_core::ports::PagerCall;
use runbook_core::request::Request;
use runbook_core::trigger::{Ask, Comparison, Counted, Trigger};

use crate::settings::Settings;
use crate::testkit::{Act, Bench, check, locked};

pub(super) fn trigger(name: &str, query: &str) -> Trigger {
    Trigger {
        name: name.to_owned(),
        says: "failure rate over 10 %".to_owned(),
        ask: Ask::Query { connection: None, query: query.to_owned() },
        when: Comparison::Above,
        limit: 0.1,
        for_s: 300,
        every_s: 60,
        severity: Some("P1".to_owned()),
        service: Some("flowengine".to_owned()),
        channel: Some("ops-alerts".to_owned()),
        page: Some("commander".to_owned()),
        plan: None,
        propose: None,
        window_s: 3_600,
    }
}

/// Somebody says so, of this service.
pub(super) fn it_is_slow(service: &str) -> Request {
    Request::IncidentDeclare {
        title: "it is slow".to_owned(),
        severity: Some("P3".to_owned()),
        service: Some(service.to_owned()),
        private: false,
        description: None,
    }
}

pub(super) fn with(triggers: Vec<Trigger>) -> impl FnOnce(&mut Settings) {
    move |settings: &mut Settings| settings.triggers = triggers
}

pub(super) fn reads(bench: &Bench, query: &str, value: Result<f64, &str>) {
    let value = value.map_err(str::to_owned);
    locked(&bench.world.meter).says.insert(query.to_owned(), value);
}

/// The lines in a channel that are about triggers.
pub(super) fn lines(bench: &Bench) -> Vec<String> {
    let asks = locked(&bench.world.chat).asks();
    asks.into_iter().map(|(_, text)| text).filter(|text| text.contains("trigger ")).collect()
}

pub(super) fn pages(bench: &Bench) -> Vec<String> {
    let calls = locked(&bench.world.pager).calls.clone();
    let page = |call: PagerCall| match call {
        PagerCall::Page { to, title, .. } => Some(format!("{}: {title}", to.unwrap_or_default())),
        _ => None,
    };
    calls.into_iter().filter_map(page).collect()
}

/// How loud the pages were.
fn urgencies(bench: &Bench) -> Vec<&'static str> {
    let calls = locked(&bench.world.pager).calls.clone();
    let urgency = |call: PagerCall| match call {
        PagerCall::Page { urgency, .. } => Some(urgency.word()),
        _ => None,
    };
    calls.into_iter().filter_map(urgency).collect()
}

/// What nobody asks for wakes nobody, where it is not severe; whom a person asks for is asked now.
#[tokio::test(start_paused = true)]
async fn what_is_less_severe_rings_less_loud() {
    let definition = "definition = \"some of it fails\"";
    let with_step = format!("{definition}\nescalation = [ {{ after_min = 5, who = [\"secondary\"] }} ]");
    for (severity, wanted) in [("P1", &["high", "high"][..]), ("P2", &["high"]), ("P3", &["low", "low"])] {
        let mut bench = Bench::with(&[], |settings| {
            super::climb::steps(settings);
            let text = super::climb::SEVERITIES.replace(definition, &with_step);
            settings.severities = runbook_core::severity::parse(&text).unwrap();
            let severity = Some(severity.to_owned());
            settings.triggers = vec![Trigger { for_s: 0, severity, ..trigger("rate", "q") }];
        })
        .await;
        reads(&bench, "q", Ok(0.34));
        bench.pass(400_000).await;
        assert_eq!(urgencies(&bench), wanted, "{severity}");
        let ask = Request::Escalate { incident: None, who: Some("bob".to_owned()), reason: None };
        bench.ask("escalate", "ben", ask).await;
        bench.pass(2_000).await;
        assert_eq!(urgencies(&bench).last(), Some(&"high"), "{severity}");
        assert_eq!(check(&bench), Vec::<String>::new());
    }
}

pub(super) async fn the_incidents(bench: &Bench) -> Vec<(Incident, Vec<IncidentEvent>)> {
    let ids: Vec<_> = locked(&bench.data).incidents.keys().copied().collect();
    let mut all = Vec::new();
    for id in ids {
        all.push(bench.incident_events(id).await);
    }
    all
}

pub(super) fn notes(events: &[IncidentEvent]) -> Vec<&str> {
    let mut notes = Vec::new();
    for event in events {
        if let IncidentEvent::NoteAdded { text, .. } = event {
            notes.push(text.as_str());
        }
    }
    notes
}

#[tokio::test(start_paused = true)]
async fn it_opens_one_incident_pages_one_person_and_says_when_it_is_over() {
    let mut bench = Bench::with(&[], with(vec![trigger("rate", "q")])).await;
    reads(&bench, "q", Ok(0.34));
    bench.pass(290_000).await;
    assert_eq!(the_incidents(&bench).await.len(), 0, "not for long enough");
    bench.reboot().await;
    bench.pass(70_000).await;
    let all = the_incidents(&bench).await;
    let [(incident, events)] = &all[..] else { panic!("{all:?}") };
    assert_eq!((incident.severity.as_str(), incident.title.as_str()), ("P1", "failure rate over 10 %"));
    assert_eq!(incident.opened_by, Actor::system("trigger"));
    assert!(
        notes(events)[0].starts_with("trigger rate fires: failure rate over 10 %: 0.3400 > 0.1000 since"),
        "{events:?}"
    );
    assert_eq!(pages(&bench), ["ana@example.com: INC-1 P1 flowengine: Blocks (trigger) asks for ana"]);
    bench.reboot().await;
    bench.pass(3_600_000).await;
    assert_eq!((the_incidents(&bench).await.len(), pages(&bench).len()), (1, 1), "it is told once");
    reads(&bench, "q", Ok(0.02));
    bench.pass(120_000).await;
    let said = lines(&bench);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].contains("INC-1 has it") && said[1].contains("trigger rate is quiet again"), "{said:?}");
    let (incident, events) = &the_incidents(&bench).await[0];
    assert_eq!(incident.status, Status::Resolved, "it was its only alert");
    assert_eq!(notes(events).iter().filter(|note| note.contains("quiet again")).count(), 1);
    assert_eq!(check(&bench), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_process_that_ends_anywhere_opens_no_second_incident() {
    for point in 1..40 {
        let mut bench = Bench::with(&[], with(vec![Trigger { for_s: 0, ..trigger("rate", "q") }])).await;
        reads(&bench, "q", Ok(0.34));
        bench.ends_soon(point).await;
        bench.pass(200_000).await;
        let all = the_incidents(&bench).await;
        assert_eq!(all.len(), 1, "{point}");
        // a call whose answer is lost is made again, under its key
        let mut paged = pages(&bench);
        paged.dedup();
        assert_eq!(paged.len(), 1, "{point}: {paged:?}");
        assert_eq!(notes(&all[0].1).iter().filter(|note| note.contains("fires")).count(), 1, "{point}");
        let mut said = lines(&bench);
        said.dedup();
        assert_eq!(said.len(), 1, "{point}: {said:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn it_joins_the_open_incident_of_its_service_and_raises_it() {
    let mut bench = Bench::with(&[], with(vec![Trigger { for_s: 0, ..trigger("rate", "q") }])).await;
    bench.ask("declare", "ben", it_is_slow("flowengine")).await;
    // a question about an hour is answered late
    bench.pass(3_600_000).await;
    reads(&bench, "q", Ok(0.34));
    bench.pass(120_000).await;
    let incident = bench.incident().await;
    assert_eq!((incident.title.as_str(), incident.severity.as_str()), ("it is slow", "P1"));
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// That somebody has the incident says nothing of what comes to it: whom the trigger names is paged each time that it fires.
#[tokio::test(start_paused = true)]
async fn it_pages_for_what_comes_to_an_incident_that_somebody_has() {
    let mut bench = Bench::with(&[], with(vec![Trigger { for_s: 0, ..trigger("rate", "q") }])).await;
    bench.ask("declare", "ben", it_is_slow("flowengine")).await;
    bench.ask("ack", "ben", Request::IncidentAck { incident: None }).await;
    for times in 1..=2 {
        reads(&bench, "q", Ok(0.34));
        bench.pass(1_200_000).await;
        assert_eq!(pages(&bench).len(), times, "{:?}", pages(&bench));
        bench.reboot().await;
        reads(&bench, "q", Ok(0.01));
        bench.pass(1_200_000).await;
        assert_eq!(pages(&bench).len(), times, "{:?}", pages(&bench));
    }
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// Its message arrives there, too; and whoever says that they are there ends the page that called them. A word of theirs says nothing
/// of that: it may be older.
#[tokio::test(start_paused = true)]
async fn whom_it_calls_into_an_incident_that_somebody_has_hears_it_and_ends_it_by_saying_so() {
    for acks in [true, false] {
        let mut bench = Bench::with(&[], with(vec![Trigger { for_s: 0, ..trigger("rate", "q") }])).await;
        bench.ask("declare", "ben", it_is_slow("flowengine")).await;
        bench.ask("ack", "ben", Request::IncidentAck { incident: None }).await;
        reads(&bench, "q", Ok(0.34));
        bench.pass(120_000).await;
        let mentions = |bench: &Bench| {
            let asks = locked(&bench.world.chat).asks();
            asks.into_iter().filter(|(who, _)| who.as_deref() == Some("U-ana")).count()
        };
        assert_eq!((pages(&bench).len(), mentions(&bench)), (1, 1), "{:?}", locked(&bench.world.chat).asks());
        let ended = |bench: &Bench| {
            let calls = locked(&bench.world.pager).calls.clone();
            calls.iter().filter(|call| matches!(call, PagerCall::EndPage { .. })).count()
        };
        bench.ask("note", "ben", Request::TimelineAdd { incident: None, text: "we look".to_owned() }).await;
        bench.pass(1_000).await;
        assert_eq!(ended(&bench), 0, "ben has it anyway");
        let come = match acks {
            true => Request::IncidentAck { incident: None },
            false => Request::TimelineAdd { incident: None, text: "I am here".to_owned() },
        };
        bench.ask("come", "ana", come).await;
        bench.pass(1_000).await;
        assert_eq!(ended(&bench), usize::from(acks), "ana has come");
        let (incident, events) = the_incidents(&bench).await.remove(0);
        assert_eq!(incident.commander.map(|one| one.who), Some(Actor::Person("ben".to_owned())));
        let answered = |event: &&IncidentEvent| matches!(event, IncidentEvent::CallAnswered { .. });
        assert_eq!(events.iter().filter(answered).count(), usize::from(acks), "{events:?}");
        assert_eq!(check(&bench), Vec::<String>::new());
    }
}

/// What rings for nobody uses up no step: whom the pager cannot ring for is mentioned, and the clock calls whoever is on call.
#[tokio::test(start_paused = true)]
async fn whom_the_pager_cannot_ring_for_leaves_the_first_step_to_the_clock() {
    let mut bench = Bench::with(&[], |settings| {
        super::climb::steps(settings);
        let mut people = settings.directory.people().to_vec();
        for person in &mut people {
            if person.stands_for("commander") {
                person.pagerduty_email = None;
            }
        }
        settings.directory = runbook_core::people::Directory::new(people).unwrap().into();
        settings.triggers = vec![Trigger { for_s: 0, ..trigger("rate", "q") }];
    })
    .await;
    reads(&bench, "q", Ok(0.34));
    bench.pass(70_000).await;
    assert!(pages(&bench)[0].starts_with("pri@example.com"), "{:?}", pages(&bench));
    let asks = locked(&bench.world.chat).asks();
    assert!(asks.iter().any(|(who, _)| who.as_deref() == Some("U-ana")), "{asks:?}");
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// Whom only the pager knows is found as a step of the clock finds them; and for a level of the pager's there is always somebody.
#[tokio::test(start_paused = true)]
async fn it_pages_whom_only_the_pager_has_on_call() {
    for (turns, wanted) in [(true, "zoe@example.com"), (false, "")] {
        let mut bench = Bench::with(&[], |settings| {
            let named = Trigger { for_s: 0, page: Some("primary".to_owned()), ..trigger("rate", "q") };
            settings.triggers = vec![named];
        })
        .await;
        if turns {
            let zoe = runbook_core::oncall::PagerTurn {
                level: 1,
                email: Some("zoe@example.com".to_owned()),
                name: None,
                schedule: None,
                until: None,
            };
            locked(&bench.world.pager).on_call.insert("PFLOW".to_owned(), vec![zoe]);
            bench.ask("who", "ben", Request::OnCall { service: None }).await;
        }
        reads(&bench, "q", Ok(0.34));
        bench.pass(70_000).await;
        assert!(pages(&bench)[0].starts_with(&format!("{wanted}: ")), "{:?}", pages(&bench));
        assert_eq!(check(&bench), Vec::<String>::new());
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_known_is_told_once_and_opens_nothing() {
    let mut bench = Bench::with(&[], with(vec![trigger("rate", "q")])).await;
    bench.pass(600_000).await; // no series at all
    reads(&bench, "q", Err("the server could not be reached"));
    bench.pass(600_000).await;
    reads(&bench, "q", Ok(0.01));
    bench.pass(120_000).await;
    reads(&bench, "q", Err("the server could not be reached"));
    bench.pass(600_000).await;
    let said = lines(&bench);
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(
        said[0].contains("nobody knows whether failure rate over 10 %: its query has had no number"),
        "{said:?}"
    );
    assert!(said[1].contains("there are numbers again: 0.0100"), "{said:?}");
    assert!(said[2].contains("no answer since") && said[2].contains("could not be reached"), "{said:?}");
    assert_eq!(the_incidents(&bench).await.len(), 0);
    let listed = bench.ask("list", "cora", Request::TriggerList).await;
    assert!(listed.contains("rate  no answer since") && listed.contains("could not be reached"), "{listed}");
}

/// What a private service is asked is for whoever sees every private incident; what is not known of it is told in its incident alone.
#[tokio::test(start_paused = true)]
async fn the_triggers_of_a_private_service_are_not_for_everybody() {
    let mut bench = Bench::with(&[], |settings| {
        let mine = settings.services.iter_mut().find(|service| service.name == "flowengine");
        mine.unwrap().private = true;
        let billing = Some("billing".to_owned());
        settings.triggers = vec![
            Trigger { for_s: 0, page: None, ..trigger("secret", "q") },
            Trigger { service: billing, ..trigger("open", "p") },
        ];
    })
    .await;
    reads(&bench, "q", Ok(0.34));
    reads(&bench, "p", Ok(0.01));
    bench.pass(120_000).await;
    reads(&bench, "q", Err("the server could not be reached"));
    bench.pass(300_000).await;
    let listed = bench.ask("all", "ana", Request::TriggerList).await;
    assert!(listed.contains("secret  no answer") && listed.contains("open  quiet"), "{listed}");
    for (id, user) in [("some", "cora"), ("few", "ben")] {
        let listed = bench.ask(id, user, Request::TriggerList).await;
        assert!(!listed.contains("secret") && listed.contains("open  quiet"), "{user}: {listed}");
    }
    let refused = bench.ask("test", "ben", Request::TriggerTest { name: "secret".to_owned() }).await;
    assert!(refused.contains("there is no trigger") && refused.contains("names: open"), "{refused}");
    let (incident, events) = &the_incidents(&bench).await[0];
    assert!(incident.private);
    assert_eq!(notes(events).iter().filter(|note| note.contains("no answer since")).count(), 1, "{events:?}");
}

#[tokio::test(start_paused = true)]
async fn a_plan_waits_for_a_person_is_announced_and_made_once_in_its_window() {
    let planned = Trigger { for_s: 0, plan: Some("rollback".to_owned()), page: None, ..trigger("rate", "q") };
    let mut bench = Bench::with(&[], with(vec![planned])).await;
    for (value, minutes) in [(0.34, 3), (0.01, 3), (0.34, 3)] {
        reads(&bench, "q", Ok(value));
        bench.pass(minutes * 60_000).await;
    }
    let runs = bench.asked_runs();
    assert_eq!(runs.len(), 1, "once in an hour");
    assert_eq!(bench.status(runs[0]), "waiting_for_approval");
    assert_eq!(bench.world.started("roll-back"), 0);
    let (_, events) = &the_incidents(&bench).await[0];
    let notes = notes(events);
    assert!(
        notes.iter().any(|note| note.contains("has planned rollback") && note.contains("runbook cancel")),
        "{notes:?}"
    );
    assert!(notes.iter().any(|note| note.contains("rollback is not planned again")), "{notes:?}");
    // a person's yes lets it run
    bench.ask("yes", "ana", bench.approval(runs[0])).await;
    bench.pass(30_000).await;
    assert_eq!(bench.world.started("roll-back"), 1);
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// Wherever the process ends, there is one plan, and it is announced.
#[tokio::test(start_paused = true)]
async fn a_plan_is_announced_whatever_ends_the_process() {
    for point in 1..60 {
        let planned =
            Trigger { for_s: 0, plan: Some("rollback".to_owned()), page: None, ..trigger("rate", "q") };
        let mut bench = Bench::with(&[], with(vec![planned])).await;
        reads(&bench, "q", Ok(0.34));
        bench.ends_soon(point).await;
        bench.pass(200_000).await;
        assert_eq!(bench.asked_runs().len(), 1, "{point}");
        let all = the_incidents(&bench).await;
        let is_announced = |text: &str| text.contains("has planned rollback");
        assert_eq!(notes(&all[0].1).into_iter().filter(|note| is_announced(note)).count(), 1, "{point}");
        // a call whose answer is lost is made again, under its key
        let mut said = locked(&bench.world.chat).notes();
        said.retain(|line| is_announced(line));
        said.dedup();
        assert_eq!(said.len(), 1, "{point}: {said:?}");
    }
}

/// What only reads runs at once, so that nothing tells afterwards that it waits: wherever the process ends, it runs once.
#[tokio::test(start_paused = true)]
async fn what_only_reads_is_planned_once_whatever_ends_the_process() {
    for point in 1..60 {
        let looks = Trigger {
            for_s: 0,
            plan: Some("triage".to_owned()),
            page: None,
            service: Some("billing".to_owned()),
            ..trigger("rate", "q")
        };
        let mut bench = Bench::with(&[], with(vec![looks])).await;
        reads(&bench, "q", Ok(0.34));
        bench.ends_soon(point).await;
        bench.pass(200_000).await;
        assert_eq!(locked(&bench.data).runs.len(), 1, "{point}");
        let all = the_incidents(&bench).await;
        let announced = notes(&all[0].1).into_iter().filter(|note| note.contains("has planned triage"));
        assert_eq!(announced.count(), 1, "{point}");
    }
}

/// A plan that could not be made takes nobody's turn.
#[tokio::test(start_paused = true)]
async fn what_was_not_planned_does_not_count() {
    let planned = Trigger { for_s: 0, plan: Some("absent".to_owned()), page: None, ..trigger("rate", "q") };
    let mut bench = Bench::with(&[], with(vec![planned])).await;
    for (value, minutes) in [(0.34, 3), (0.01, 3), (0.34, 3)] {
        reads(&bench, "q", Ok(value));
        bench.pass(minutes * 60_000).await;
    }
    let all = the_incidents(&bench).await;
    let notes = notes(&all[0].1);
    assert!(notes.iter().any(|note| note.contains("absent could not be planned")), "{notes:?}");
    assert!(!notes.iter().any(|note| note.contains("is not planned again")), "{notes:?}");
}

#[tokio::test(start_paused = true)]
async fn what_only_reads_runs_and_what_is_proposed_does_not() {
    let looks = Trigger {
        for_s: 0,
        plan: Some("triage".to_owned()),
        propose: Some("rollback".to_owned()),
        page: Some("nobody".to_owned()),
        ..trigger("rate", "q")
    };
    let mut bench = Bench::with(&[], with(vec![looks])).await;
    reads(&bench, "q", Ok(0.34));
    bench.pass(120_000).await;
    let (_, events) = &the_incidents(&bench).await[0];
    let notes = notes(events);
    assert!(
        notes.iter().any(|note| note.contains("`/blocks runbook rollback flowengine` plans it")),
        "{notes:?}"
    );
    assert!(notes.iter().any(|note| note.contains("nobody stands for nobody")), "{notes:?}");
    assert_eq!((bench.asked_runs().len(), bench.world.started("roll-back")), (0, 0));
    assert_eq!(bench.world.started("show-failure-rate"), 2, "the incident's own diagnostics, and the plan");
}

#[tokio::test(start_paused = true)]
async fn blocks_counts_failed_runs_and_public_incidents() {
    let counts = |name: &str, what, limit| Trigger {
        ask: Ask::Count { what, within_s: 3_600 },
        limit,
        for_s: 0,
        severity: None,
        service: None,
        page: None,
        ..trigger(name, "")
    };
    let triggers =
        vec![counts("runs", Counted::FailedRuns, 0.0), counts("incidents", Counted::Incidents, 1.0)];
    let mut bench = Bench::with(&[], with(triggers)).await;
    let declare = |private| Request::IncidentDeclare {
        title: "it is slow".to_owned(),
        severity: Some("P3".to_owned()),
        service: Some("billing".to_owned()),
        private,
        description: None,
    };
    bench.ask("one", "ana", declare(false)).await;
    bench.ask("two", "ana", declare(true)).await;
    bench.pass(120_000).await;
    assert_eq!(lines(&bench), Vec::<String>::new());
    bench.ask("three", "ana", declare(false)).await;
    bench.world.will("roll-back", &[Act::Ends(1_000, 1, "no\n")]);
    let run = Request::RunbookRollback {
        service: Some("flowengine".to_owned()),
        params: std::collections::BTreeMap::new(),
        // not that of the channel, which is private and is not counted
        incident: Some("INC-1".to_owned()),
    };
    bench.ask("run", "ana", run).await;
    let id = bench.asked_runs()[0];
    let answer = bench.ask("yes", "ben", bench.approval(id)).await;
    bench.pass(180_000).await;
    assert_eq!(bench.status(id), "failed", "{answer}");
    let said = lines(&bench);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(
        said.iter().any(|line| line.contains("trigger incidents fires") && line.contains("2 > 1")),
        "{said:?}"
    );
    assert!(said.iter().any(|line| line.contains("trigger runs fires")), "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn a_test_is_marked_measured_logged_and_cleaned_up() {
    let mut bench = Bench::with(&[], with(vec![trigger("rate", "q")])).await;
    reads(&bench, "q", Ok(0.02));
    std::fs::create_dir_all(&bench.engine.settings().data_dir).unwrap();
    let asker = |name: &str| crate::origin::Asker { actor: Actor::Person(name.to_owned()), channel: None };
    let test = Request::TriggerTest { name: "rate".to_owned() };
    let refused = bench.engine.request(&test, &asker("cora")).await.unwrap_err().to_string();
    assert!(refused.contains("may not test a trigger"), "{refused}");
    let reply = bench.engine.request(&test, &asker("ben")).await.unwrap();
    assert_eq!(reply.data["passed"], true, "{reply:?}");
    assert!(reply.text.contains("it reads 0.0200, and would fire > 0.1000"), "{}", reply.text);
    bench.pass(5_000).await;
    let calls = locked(&bench.world.pager).calls.clone();
    let [PagerCall::Page { title, key, to, .. }, PagerCall::EndPage { key: ended }] = &calls[..] else {
        panic!("{calls:?}")
    };
    assert!(title.starts_with("TEST, nothing is wrong") && key == ended, "{calls:?}");
    assert_eq!(to.as_deref(), Some("ana@example.com"));
    let said = lines(&bench);
    assert!(said.len() == 1 && said[0].starts_with("TEST, nothing is wrong"), "{said:?}");
    assert_eq!(the_incidents(&bench).await.len(), 0, "nothing that could be mistaken for one");
    let path = bench.engine.settings().data_dir.join("alert-validation.csv");
    let log = std::fs::read_to_string(&path).unwrap();
    assert!(log.starts_with("at,what,by,way,to,received_ms,target_ms,result\n"), "{log}");
    assert_eq!(log.matches(",trigger rate,ben,").count(), 2, "{log}");
    assert_eq!(log.matches(",received in time").count(), 2, "{log}");
    // with the pager away it is told, and written down
    locked(&bench.world.pager).is_away = true;
    let reply = bench.engine.request(&test, &asker("ben")).await.unwrap();
    assert_eq!(reply.data["passed"], false, "{reply:?}");
    assert!(reply.text.contains("page to ana: not received"), "{}", reply.text);
    let log = std::fs::read_to_string(&path).unwrap();
    assert_eq!(log.matches(",page,ana,,60000,not received").count(), 1, "{log}");
    // an hour later nobody is woken by it
    let called = locked(&bench.world.pager).calls.len();
    bench.pass(3_600_000).await;
    locked(&bench.world.pager).is_away = false;
    bench.pass(3_600_000).await;
    let calls = locked(&bench.world.pager).calls.split_off(called);
    assert!(!calls.iter().any(|call| matches!(call, PagerCall::Page { .. })), "{calls:?}");
    let unknown = Request::TriggerTest { name: "nope".to_owned() };
    let refused = bench.engine.request(&unknown, &asker("ben")).await.unwrap_err().to_string();
    assert!(refused.contains("there is no trigger 'nope'; hint: blocks.toml names: rate"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_is_waited_for_once_and_a_trigger_that_is_gone_is_not_asked() {
    let mut bench = Bench::with(&[], with(vec![trigger("rate", "q")])).await;
    bench.pass(600_000).await;
    let asked = locked(&bench.world.meter).asked;
    assert!((9..=12).contains(&asked), "{asked}");
    assert_eq!(check(&bench), Vec::<String>::new());
}
