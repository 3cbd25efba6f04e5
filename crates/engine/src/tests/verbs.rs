//! What people ask of incidents beside taking and resolving them.

use runbook_core::incident::{Commander, End, IncidentEvent, Status};
use runbook_core::people::{Actor, Directory, Person, Role};
use runbook_core::ports::{PagerCall, PagerEventKind};
use runbook_core::request::Request;

use crate::origin::Asker;
use crate::testkit::{Act, Bench, check, locked, page};

pub(super) fn declare(title: &str, private: bool) -> Request {
    let service = Some("flowengine".to_owned());
    Request::IncidentDeclare { title: title.to_owned(), severity: None, service, private, description: None }
}

fn reopen(reason: &str) -> Request {
    Request::IncidentReopen { incident: None, reason: reason.to_owned() }
}

fn none(reason: &str) -> Request {
    Request::IncidentNone { incident: None, reason: reason.to_owned() }
}

fn update(text: &str) -> Request {
    Request::IncidentUpdate { incident: None, text: text.to_owned() }
}

pub(super) fn role(role: Role, who: &str) -> Request {
    Request::IncidentRole { incident: None, role, who: who.to_owned() }
}

#[tokio::test(start_paused = true)]
async fn a_declared_incident_is_one_like_others_and_pages_nobody() {
    let mut bench = Bench::new().await;
    let said = bench.ask("declare", "cora", declare("checkout is slow <!channel>", false)).await;
    assert!(said.starts_with("INC-1 is open as P2 for flowengine: checkout is slow @channel\n"), "{said}");
    assert!(said.contains("Nobody is paged") && said.contains("`/blocks ack INC-1`"), "{said}");
    bench.pass(10_000).await;
    let incident = bench.incident().await;
    assert_eq!((incident.status, incident.severity.as_str()), (Status::Triggered, "P2"));
    assert_eq!((incident.pager, incident.channel.as_deref()), (None, Some("C1")));
    assert!(incident.triage.is_some(), "its diagnostics ran");
    assert_eq!(locked(&bench.world.pager).calls, []);
    // twice the same is seen by whoever does it
    let said = bench.ask("again", "ana", declare("the same", false)).await;
    assert!(said.contains("merge INC-2 into INC-1"), "{said}");
    for (request, wrong) in [
        (
            Request::IncidentDeclare {
                description: None,
                title: "x".into(),
                severity: Some("P9".into()),
                service: None,
                private: false,
            },
            "there is no severity 'P9'",
        ),
        (
            Request::IncidentDeclare {
                description: None,
                title: "x".into(),
                severity: None,
                service: Some("shop".into()),
                private: false,
            },
            "blocks.toml names: flowengine, billing",
        ),
        (
            Request::IncidentDeclare {
                description: None,
                title: "\u{200b}\n".into(),
                severity: None,
                service: None,
                private: false,
            },
            "says nothing",
        ),
        (
            Request::IncidentDeclare {
                description: None,
                title: "x".repeat(201),
                severity: None,
                service: None,
                private: false,
            },
            "longer than 200",
        ),
    ] {
        let said = bench.ask(wrong, "ana", request).await;
        assert!(said.contains(wrong), "{said}");
    }
    assert_eq!(locked(&bench.data).incidents.len(), 2);
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// A target that nobody has seen since wakes somebody, also for an incident that the pager does not know. Of a private one
/// only whoever commands it hears.
#[tokio::test(start_paused = true)]
async fn an_undo_that_failed_pages_for_a_declared_incident_too() {
    for (private, to) in [(false, None), (true, Some("ana@example.com"))] {
        let mut bench = Bench::new().await;
        bench.world.will("look-at-it", &[Act::Ends(100, 0, "broken\n")]);
        bench.world.will("roll-forward", &[Act::Ends(100, 1, "no\n")]);
        bench.ask("declare", "ana", declare("keys are public", private)).await;
        bench.ask("role", "ana", role(Role::Responder, "ben")).await;
        let rollback = Request::RunbookRollback { service: None, params: [].into(), incident: None };
        bench.ask("rollback", "ana", rollback).await;
        let run = bench.asked_runs()[0];
        let yes = bench.approval(run);
        bench.ask("approve", "ben", yes).await;
        bench.pass(10_000).await;
        assert_eq!(bench.status(run), "failed");
        bench
            .ask("undo", "ana", Request::RunbookUndo { run: None, reason: Some("it is worse".to_owned()) })
            .await;
        bench.pass(10_000).await;
        assert_eq!(bench.status(run), "undo_failed");
        let calls = locked(&bench.world.pager).calls.clone();
        let paged: Vec<_> = calls
            .iter()
            .filter_map(|call| match call {
                PagerCall::Page { key, service, to, title, .. } if key.contains("undo-failed") => {
                    Some((service.as_deref(), to.as_deref(), title.as_str()))
                }
                _ => None,
            })
            .collect();
        // of a private one the pager reads its number alone
        let title = if private { "INC-1: UNDO FAILED" } else { "INC-1: UNDO FAILED for rollback" };
        assert_eq!(paged, [(Some("PFLOW"), to, title)], "{private}: {calls:?}");
    }
}

/// Whoever does not see the incident learns that its run holds the target, and whom to ask; not which run, nor of what.
#[tokio::test(start_paused = true)]
async fn a_target_that_a_private_run_holds_is_asked_of_the_commanders() {
    let mut bench = Bench::with(&[], |settings| {
        let mut people = settings.directory.people().to_vec();
        people.extend(["dan", "eve"].map(|name| Person {
            name: name.to_owned(),
            slack_id: Some(format!("U-{name}")),
            pagerduty_email: None,
            ..people[1].clone()
        }));
        settings.directory = Directory::new(people).unwrap().into();
    })
    .await;
    bench.world.will("roll-back", &[Act::Hangs]);
    bench.ask("declare", "ana", declare("keys are public", true)).await;
    let rollback = Request::RunbookRollback { service: None, params: [].into(), incident: None };
    bench.ask("rollback", "ana", rollback).await;
    let holder = bench.asked_runs()[0];
    bench.ask("role", "ana", role(Role::Responder, "ben")).await;
    let yes = bench.approval(holder);
    bench.ask("approve", "ben", yes).await;
    bench.pass(1_000).await;
    assert_eq!(bench.status(holder), "running");
    let restart =
        Request::RunbookRun { name: "restart".to_owned(), params: [].into(), section: None, incident: None };
    let asker = |name: &str| Asker { actor: Actor::Person(name.to_owned()), channel: None };
    // not from the incident's channel: there everybody sees it
    bench.engine.request(&restart, &asker("dan")).await.unwrap();
    bench.pass(5_000).await;
    let waiting = bench.asked_runs()[1];
    let yes = bench.approval(waiting);
    let told = bench.engine.request(&yes, &asker("eve")).await.unwrap_err().to_string();
    assert!(told.contains("flowengine is locked by a run of a private incident since "), "{told}");
    assert!(told.contains("hint: ask ana, who can see it and take it over"), "{told}");
    assert!(!told.contains(&holder.to_string()) && !told.contains("rollback"), "{told}");
    // whoever has a part in it reads all of it
    let told = bench.engine.request(&yes, &asker("ben")).await.unwrap_err().to_string();
    assert!(told.contains(&format!("locked by run {holder} (rollback, running) of ana")), "{told}");
    let named = Request::IncidentStatus { incident: Some("INC-1".to_owned()) };
    let told = bench.engine.request(&named, &asker("eve")).await.unwrap_err().to_string();
    let wanted = "INC-1 is private; hint: ask ana to let you in with `role responder @eve INC-1`";
    assert!(told.contains(wanted), "{told}");
}

#[tokio::test(start_paused = true)]
async fn no_incident_has_no_review_and_reopened_it_is_one_again() {
    let mut bench = Bench::new().await;
    let id = bench.paged().await.id;
    let said = bench.ask("no", "ana", none("a load test")).await;
    assert!(said.starts_with("INC-1: It is closed as no incident"), "{said}");
    bench.pager_says("end", PagerEventKind::Resolved, page("Q1"), None).await;
    bench.pass(60 * 60_000).await;
    let incident = bench.incident().await;
    let end = End::NotAnIncident { reason: "a load test".to_owned() };
    assert_eq!((incident.status, &incident.end), (Status::Closed, &Some(end)));
    assert_eq!((bench.reviews().len(), incident.target_missed), (0, None));
    assert_eq!(
        locked(&bench.world.chat).card().unwrap().ended.as_deref(),
        Some("not an incident: a load test")
    );
    let calls = locked(&bench.world.pager).calls.clone();
    let note = "INC-1 is closed in Blocks as no incident, by ana: a load test";
    assert!(
        matches!(&calls[..], [PagerCall::Note { text, .. }, PagerCall::Resolve { .. }] if text == note),
        "{calls:?}"
    );
    // its own note comes back from the pager, and says nothing new
    let echo = PagerEventKind::Note { id: None, text: note.to_owned() };
    bench.pager_says("echo", echo, page("Q1"), None).await;
    bench.pass(1_000).await;

    let said = bench.ask("open", "ben", reopen("it was none")).await;
    assert!(said.contains("It is open again") && said.contains("nobody is paged"), "{said}");
    bench.pass(5_000).await;
    let (incident, events) = bench.incident_events(id).await;
    assert_eq!(incident.status, Status::Triggered);
    assert!(
        !events.iter().any(|event| matches!(event, IncidentEvent::PagerNoted { what, .. } if what == "note"))
    );
    let said = bench.ask("open 2", "ben", reopen("once more")).await;
    assert!(said.contains("INC-1 is triggered, it is not over"), "{said}");
    // the pager has it as over: a person's word is enough
    bench.ask("done", "ana", Request::IncidentResolve { incident: None }).await;
    bench.pass(5_000).await;
    assert_eq!(bench.incident().await.status, Status::Resolved);
    assert_eq!(bench.reviews().len(), 1);
    assert_eq!(check(&bench), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn roles_updates_notes_and_actions_are_on_the_record() {
    let mut bench = Bench::with(&[], |settings| {
        let text = "default = \"s\"\n[[scheme]]\nid = \"s\"\nname = \"s\"\n[[scheme.severity]]\nid = \"P1\"\nname = \"Critical\"\ndefinition = \"x\"\nmttr_target_min = 15\nupdate_interval_min = 30\n";
        settings.severities = runbook_core::severity::parse(text).unwrap();
    })
    .await;
    bench.paged().await;
    bench.ask("ack", "ana", Request::IncidentAck { incident: None }).await;
    assert_eq!(
        bench.ask("pass", "ana", role(Role::Commander, "<@U-ben|ben>")).await,
        "INC-1: ben commands from now on."
    );
    assert_eq!(
        bench.ask("scribe", "ana", role(Role::Scribe, "Cora")).await,
        "INC-1: cora is scribe from now on."
    );
    let said = bench.ask("cannot", "ana", role(Role::Commander, "cora")).await;
    assert!(said.contains("may not command"), "{said}");
    let said = bench.ask("who", "ana", role(Role::Scribe, "@zoe")).await;
    assert!(said.contains("'@zoe' is nobody in blocks.toml; hint: one of ana, ben, cora"), "{said}");
    // whoever is known may write; what they write is one line with names
    let said = bench.ask("update", "cora", update("half of it passes\n<@U-ana> looks")).await;
    assert!(said.starts_with("INC-1: The update is on the record. The next one is due by 09:3"), "{said}");
    let text = "the provider says it is them".to_owned();
    bench.ask("note", "cora", Request::TimelineAdd { incident: None, text }).await;
    let add = |due: &str| Request::ActionAdd {
        incident: None,
        text: "alert on p95".to_owned(),
        owner: Some("me".to_owned()),
        due: Some(due.to_owned()),
    };
    let said = bench.ask("action", "ben", add("5d")).await;
    assert!(said.contains("on the record"), "{said}");
    let said = bench.ask("no date", "ben", add("soon")).await;
    assert!(said.contains("'soon' is no date"), "{said}");
    bench.pass(5_000).await;

    let incident = bench.incident().await;
    let ben = Actor::Person("ben".to_owned());
    assert_eq!(incident.commander, Some(Commander { who: ben, acting: false }));
    let card = locked(&bench.world.chat).card().unwrap();
    assert_eq!(
        (card.commander.as_deref(), card.roles.as_slice()),
        (Some("ben"), ["scribe: cora".to_owned()].as_slice())
    );
    assert!(
        card.update.as_deref().is_some_and(|text| text.ends_with("by cora: half of it passes @ana looks"))
    );
    assert_eq!(card.update_due, incident.update.map(|update| update.at + chrono::Duration::minutes(30)));
    let notes = locked(&bench.world.chat).notes();
    assert_eq!(notes.len(), 2, "who commands, and the update: {notes:?}");

    let report = bench.ask("report", "cora", Request::Report { since: None, service: None }).await;
    for wanted in [": 1 incident\n", "P1: 1 incident; taken after ", "; 1 open", "actions: 1 to do, 0 done"] {
        assert!(report.contains(wanted), "{wanted}: {report}");
    }
    let of = |since: &str, service: &str| Request::Report {
        since: Some(since.to_owned()),
        service: Some(service.to_owned()),
    };
    let said = bench.ask("report 2", "cora", of("soon", "flowengine")).await;
    assert!(said.contains("'soon' is neither a length of time nor a day"), "{said}");
    let said = bench.ask("report 3", "cora", of("7d", "checkout")).await;
    assert!(said.contains("there is no service 'checkout'; hint: blocks.toml names: flowengine"), "{said}");
    let said = bench.ask("report 4", "cora", of("7d", "billing")).await;
    assert!(said.ends_with(": 0 incidents of billing"), "{said}");
    let list = bench.ask("list", "cora", Request::ActionList { incident: None, all: false }).await;
    assert_eq!(list, "INC-1    1. alert on p95 (ben, due 2026-01-10)");
    bench.ask("done", "cora", Request::ActionDone { incident: None, number: 1 }).await;
    let list = bench.ask("list 2", "cora", Request::ActionList { incident: None, all: true }).await;
    assert_eq!(list, "nothing is to be done");

    let caught = bench.ask("catch", "cora", Request::IncidentCatchUp { incident: None }).await;
    for wanted in [
        "INC-1 P1: failure rate over 10 %",
        "commander: ben",
        "known: How bad is it? (expected < 10 %",
        "changed lately: v1.2 rolled out",
        "waits: for nobody",
        "noted: 09:00 UTC cora: the provider says it is them",
    ] {
        assert!(caught.contains(wanted), "{wanted}: {caught}");
    }
    assert!((8..=14).contains(&caught.lines().count()), "{caught}");
    let status = bench.ask("status", "cora", Request::IncidentStatus { incident: None }).await;
    assert!(status.starts_with("P1 INC-1 acknowledged: failure rate over 10 %"), "{status}");
    assert!(status.contains("mitigate by 09:15 UTC") && status.contains("fail: How bad is it?"), "{status}");
    let menu = bench.ask("menu", "cora", Request::Menu { incident: None }).await;
    assert!(menu.contains("`/blocks runbook rollback`") && !menu.contains("`/blocks ack`"), "{menu}");
    let who = bench.ask("who on call", "cora", Request::OnCall { service: None }).await;
    assert!(
        who.contains("INC-1: ben commands") && who.contains("being on call gives nobody a right"),
        "{who}"
    );
    assert_eq!(check(&bench), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn one_incident_becomes_part_of_another_in_one_go() {
    let mut bench = Bench::new().await;
    bench.pager_says("one", PagerEventKind::Triggered, page("Q1"), None).await;
    bench.pass(10_000).await;
    bench.pager_says("two", PagerEventKind::Triggered, page("Q2"), None).await;
    bench.pass(10_000).await;
    let merge =
        |from: &str, into: &str| Request::IncidentMerge { incident: Some(from.into()), into: into.into() };
    let said = bench.ask("itself", "ana", merge("INC-2", "INC-2")).await;
    assert!(said.contains("cannot be merged into itself"), "{said}");
    let said = bench.ask("none", "ana", merge("INC-2", "INC-7")).await;
    assert!(said.contains("there is no incident 'INC-7'"), "{said}");
    let said = bench.ask("merge", "ana", merge("INC-2", "INC-1")).await;
    assert!(said.starts_with("INC-2 is merged into INC-1, which goes on"), "{said}");
    bench.pass(60_000).await;
    let ids: Vec<_> = locked(&bench.data).incidents.values().map(|row| (row.number.0, row.id)).collect();
    for (number, id) in ids {
        let (incident, events) = bench.incident_events(id).await;
        let merged = |event: &IncidentEvent| match event {
            IncidentEvent::MergedInto { other, .. } | IncidentEvent::MergedFrom { other, .. } => {
                Some(other.0)
            }
            _ => None,
        };
        assert_eq!(events.iter().filter_map(merged).collect::<Vec<_>>(), [3 - number], "both say so, once");
        assert_eq!(incident.status.is_open(), number == 1);
        assert!(incident.runs.iter().any(|run| run.triage), "its runs stay with it");
    }
    assert_eq!(bench.reviews(), Vec::<String>::new());
    let said = bench.ask("twice", "ana", merge("INC-2", "INC-1")).await;
    assert!(said.contains("INC-2 is already closed"), "{said}");
    let calls = locked(&bench.world.pager).calls.clone();
    assert!(
        calls.iter().any(|call| matches!(call, PagerCall::Resolve { incident, .. } if incident == "Q2")),
        "{calls:?}"
    );
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// Whoever is known here may look and write; who decides about an incident needs a role that decides.
#[tokio::test(start_paused = true)]
async fn who_may_do_what() {
    let mut bench = Bench::new().await;
    bench.paged().await;
    let merge = Request::IncidentMerge { incident: Some("INC-1".into()), into: "INC-1".into() };
    let decides = [reopen("x"), none("x"), merge, role(Role::Scribe, "me")];
    let text = "x".to_owned();
    let writes = [
        declare("x", false),
        update("x"),
        Request::TimelineAdd { incident: None, text: text.clone() },
        Request::ActionAdd { incident: None, text, owner: None, due: None },
    ];
    for (n, request) in decides.iter().chain(&writes).enumerate() {
        let said = bench.ask(&format!("zoe {n}"), "zoe", request.clone()).await;
        assert!(said.contains("is not known here"), "{n}: {said}");
        let service = Asker { actor: Actor::Service("api".to_owned()), channel: None };
        let came = bench.engine.request(request, &service).await;
        assert_eq!(came.is_ok(), matches!(request, Request::IncidentDeclare { .. }), "{n}: {came:?}");
    }
    for (n, request) in decides.iter().enumerate() {
        let said = bench.ask(&format!("cora {n}"), "cora", request.clone()).await;
        assert!(said.contains("may not"), "{n}: {said}");
    }
    assert_eq!(locked(&bench.data).incidents.len(), 2, "the page, and what the program declared");
}
