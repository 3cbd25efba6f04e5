//! What is for named people only: nothing of it stands elsewhere, and who has no part in it learns nothing.

use runbook_core::incident::IncidentEvent;
use runbook_core::people::{Actor, Role};
use runbook_core::ports::{PagerEventKind, PagerIncident};
use runbook_core::request::Request;

use super::verbs::{declare, role};
use crate::origin::Asker;
use crate::testkit::{Bench, ChatFault, check, locked, page};

/// Nothing of a private incident stands where others read along, also when its own channel does not open.
#[tokio::test(start_paused = true)]
async fn a_private_incident_is_nowhere_else() {
    for refused in [false, true] {
        let mut bench = Bench::new().await;
        if refused {
            locked(&bench.world.chat).faults.push(("channel/", ChatFault::Permanent));
        }
        let said = bench.ask("declare", "ben", declare("keys are public", true)).await;
        assert!(said.contains("flowengine, private: keys are public"), "{said}");
        bench
            .ask(
                "update",
                "ben",
                Request::IncidentUpdate { incident: Some("INC-1".into()), text: "x".into() },
            )
            .await;
        bench.pass(60_000).await;
        let incident = bench.incident().await;
        assert!(incident.private);
        {
            let chat = locked(&bench.world.chat);
            assert_eq!((chat.channels.len(), chat.messages.is_empty()), (usize::from(!refused), refused));
            assert!(
                chat.messages.iter().all(|posted| !format!("{:?}", posted.message).contains("\"incidents\""))
            );
        }
        // a program is not shown it
        let asker = Asker { actor: Actor::Service("api".to_owned()), channel: None };
        let list = bench.engine.request(&Request::IncidentList { all: true }, &asker).await.unwrap();
        assert_eq!(list.data["incidents"], serde_json::json!([]));
        for request in [
            Request::IncidentStatus { incident: Some("INC-1".into()) },
            Request::IncidentShow { incident: Some("INC-1".into()) },
            Request::IncidentCatchUp { incident: Some("INC-1".into()) },
            Request::IncidentExplain { incident: Some("INC-1".into()) },
        ] {
            assert!(bench.engine.request(&request, &asker).await.is_err(), "{request:?}");
        }
    }
}

/// Whoever has no part in a private incident learns nothing of it, and changes nothing: also of its runs, and where nobody
/// names one. In its channel, and with a part in it, they do.
#[tokio::test(start_paused = true)]
async fn a_private_incident_is_for_whoever_has_a_part_in_it() {
    let mut bench = Bench::new().await;
    bench.ask("declare", "ana", declare("keys are public", true)).await;
    let rollback = Request::RunbookRollback { service: None, params: [].into(), incident: None };
    bench.ask("rollback", "ana", rollback).await;
    let run = bench.asked_runs()[0].to_string();
    let named = || Some("INC-1".to_owned());
    let out = |incident: Option<String>| {
        vec![
            Request::IncidentShow { incident: incident.clone() },
            Request::IncidentStatus { incident: incident.clone() },
            Request::IncidentCatchUp { incident: incident.clone() },
            Request::IncidentExplain { incident: incident.clone() },
            Request::ActionList { incident: incident.clone(), all: false },
            Request::UpdateDrafts { incident: incident.clone() },
            Request::IncidentAck { incident: incident.clone() },
            Request::IncidentRole { incident: incident.clone(), role: Role::Responder, who: "me".to_owned() },
            Request::TimelineAdd { incident, text: "let me in".to_owned() },
        ]
    };
    let runs = Request::RunbookRuns { all: true, incident: None };
    let of_run = [
        Request::RunbookStatus { run: Some(run.clone()) },
        Request::RunbookStatus { run: None },
        Request::RunbookCancel { run: Some(run.clone()), reason: None },
        Request::RunbookRuns { all: true, incident: named() },
    ];
    for actor in [Actor::Person("ben".to_owned()), Actor::Service("api".to_owned())] {
        let asker = Asker { actor, channel: None };
        for request in out(named()).iter().chain(&out(None)).chain(&of_run) {
            match bench.engine.request(request, &asker).await {
                Err(error) => assert!(!error.to_string().contains("keys"), "{request:?}: {error}"),
                // the templates are nobody's secret, nor are alerts that are in no incident
                Ok(reply)
                    if matches!(
                        request,
                        Request::UpdateDrafts { incident: None }
                            | Request::IncidentExplain { incident: None }
                    ) =>
                {
                    assert!(!format!("{reply:?}").contains("INC-1"), "{reply:?}");
                }
                Ok(reply) => panic!("{request:?}: {reply:?}"),
            }
        }
        for request in [&Request::IncidentList { all: true }, &runs, &Request::Menu { incident: None }] {
            let reply = bench.engine.request(request, &asker).await.unwrap();
            let told = format!("{reply:?}");
            assert!(!told.contains("keys") && !told.contains("INC-1") && !told.contains(&run), "{told}");
        }
        let report = Request::Report { since: None, service: None };
        let told = bench.engine.request(&report, &asker).await.unwrap();
        assert!(told.text.contains(": 0 incidents") && told.text.contains("1 more, private"), "{told:?}");
    }
    let (incident, events) = bench.incident_events(bench.incident().await.id).await;
    let mine = |event: &IncidentEvent| {
        matches!(event, IncidentEvent::RoleGiven { .. } | IncidentEvent::NoteAdded { .. })
    };
    assert!(!events.iter().any(mine) && incident.commander.is_none(), "{events:?}");
    // whoever reads the files of the machine, whoever asks in its channel, and whoever is given a part
    let at_home = Asker { actor: Actor::Local("root".to_owned()), channel: None };
    let told = bench.engine.request(&Request::IncidentList { all: false }, &at_home).await.unwrap();
    assert!(told.text.contains("keys are public"), "{told:?}");
    assert!(
        bench
            .ask("here", "ben", Request::IncidentStatus { incident: None })
            .await
            .contains("keys are public")
    );
    bench.ask("role", "ana", role(Role::Responder, "ben")).await;
    let ben = Asker { actor: Actor::Person("ben".to_owned()), channel: None };
    for request in [Request::IncidentStatus { incident: None }, Request::RunbookStatus { run: None }, runs] {
        bench.engine.request(&request, &ben).await.unwrap_or_else(|error| panic!("{request:?}: {error}"));
    }
}

/// Whoever is given a role is let in; before that, nobody outside hears of a private incident, and is not asked for a yes.
#[tokio::test(start_paused = true)]
async fn a_role_lets_somebody_into_a_private_incident() {
    let mut bench = Bench::new().await;
    bench.ask("declare", "ana", declare("keys are public", true)).await;
    let rollback = Request::RunbookRollback { service: None, params: [].into(), incident: None };
    let planned = bench.ask("rollback", "ana", rollback).await;
    assert!(planned.contains("nobody who sees this private incident may approve it"), "{planned}");
    assert!(planned.contains("let one of these in: ben"), "{planned}");
    bench.pass(70_000).await;
    let asks = locked(&bench.world.chat).asks();
    let about_it = asks.iter().find(|(_, text)| text.contains("waits for a yes")).expect("it is asked for");
    assert_eq!(about_it.0.as_deref(), Some("U-ana"), "{asks:?}");
    assert!(about_it.1.contains("nobody who sees this private incident may give it"), "{asks:?}");
    assert!(asks.iter().all(|(who, _)| who.as_deref() != Some("U-ben")), "{asks:?}");
    for n in 0..2 {
        let role = Request::IncidentRole { incident: None, role: Role::Responder, who: "ben".to_owned() };
        bench.ask(&format!("role {n}"), "ana", role).await;
    }
    bench.pass(1_000).await;
    assert_eq!(locked(&bench.world.chat).let_in, [("C1".to_owned(), "U-ben".to_owned())]);
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// What is typed in the channel of a private incident is about that incident, whatever it names; and nobody is named who does
/// not see it.
#[tokio::test(start_paused = true)]
async fn a_rollback_of_something_else_stays_in_the_private_channel() {
    let mut bench = Bench::with(&[], |settings| {
        settings.services[1].rollback = Some("rollback".to_owned());
        settings.services[1].channel = Some("incidents".to_owned());
    })
    .await;
    bench.ask("declare", "ana", declare("keys are public", true)).await;
    bench.pass(5_000).await;
    let rollback =
        Request::RunbookRollback { service: Some("billing".to_owned()), params: [].into(), incident: None };
    let said = bench.ask("rollback", "ana", rollback).await;
    assert!(said.contains("nobody"), "ben does not see it: {said}");
    bench.pass(60_000).await;
    let run = bench.asked_runs()[0];
    assert_eq!(bench.run(run).await.0.incident, Some(bench.incident().await.id));
    let chat = locked(&bench.world.chat);
    let elsewhere: Vec<_> =
        chat.messages.iter().filter(|posted| posted.message.channel() != Some("C1")).collect();
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
    assert!(chat.plan(run).unwrap().approvers.unwrap().starts_with("nobody who sees this"));
}

/// A service whose diagnostics are a security runbook has private incidents, also when they are paged; whoever acknowledges one
/// at the pager is let in. Elsewhere such a runbook does not run.
#[tokio::test(start_paused = true)]
async fn a_security_runbook_is_carried_out_in_private() {
    let mut bench = Bench::new().await;
    let look = "---\nkind: security\n---\n# Look for leaked keys\n\n```bash\ndate\n```\n";
    bench.rewrite("triage", look);
    bench.pager_says("page", PagerEventKind::Triggered, page("Q1"), None).await;
    bench.pass(10_000).await;
    let incident = bench.incident().await;
    assert!(incident.private && incident.runs.iter().any(|run| run.triage), "{incident:?}");
    assert!(locked(&bench.world.chat).let_in.is_empty());
    bench.pager_says("ack", PagerEventKind::Acknowledged, page("Q1"), Some("P-cora")).await;
    bench.pass(10_000).await;
    let to = Actor::Person("cora".to_owned());
    assert_eq!(bench.incident().await.commander.map(|commander| commander.who), Some(to));
    assert_eq!(locked(&bench.world.chat).let_in, [("C1".to_owned(), "U-cora".to_owned())]);
    {
        let chat = locked(&bench.world.chat);
        let elsewhere: Vec<_> =
            chat.messages.iter().filter(|posted| posted.message.channel() != Some("C1")).collect();
        assert!(elsewhere.is_empty(), "{elsewhere:?}");
    }
    assert!(bench.ask("mine", "ana", declare("keys are public", false)).await.contains("private"));

    bench.rewrite("restart", &look.replace("triage", "restart"));
    bench.ask("over", "ana", Request::IncidentResolve { incident: Some("INC-2".to_owned()) }).await;
    let run = |incident: Option<&str>| Request::RunbookRun {
        name: "restart".to_owned(),
        section: None,
        params: [].into(),
        incident: incident.map(str::to_owned),
    };
    let billing = Request::IncidentDeclare {
        title: "invoices are late".to_owned(),
        severity: None,
        service: Some("billing".to_owned()),
        private: false,
        description: None,
    };
    bench.ask("open", "ana", billing).await;
    let said = bench.ask("no", "ana", run(Some("INC-3"))).await;
    assert!(said.contains("`restart` is a security runbook") && said.contains("declare --private"), "{said}");
    let said = bench.ask("yes", "ana", run(Some("INC-1"))).await;
    assert!(!said.contains("security runbook"), "{said}");
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// A rollback that is asked for elsewhere serves the private incident of its service, however many others are open; where a
/// service's incidents are private, it is run in one.
#[tokio::test(start_paused = true)]
async fn a_rollback_serves_the_private_incident_of_its_service() {
    let rollback = |incident: Option<&str>| Request::RunbookRollback {
        service: Some("flowengine".to_owned()),
        params: [].into(),
        incident: incident.map(str::to_owned),
    };
    let direct = |name: &str| Asker { actor: Actor::Person(name.to_owned()), channel: Some("D1".to_owned()) };
    let mut bench = Bench::new().await;
    bench.ask("declare", "ana", declare("keys are public", true)).await;
    let other = PagerIncident { service_id: Some("PBILL".to_owned()), ..page("Q2") };
    bench.pager_says("other", PagerEventKind::Triggered, other, None).await;
    bench.pass(10_000).await;
    bench.engine.request(&rollback(None), &direct("ana")).await.unwrap();
    let run = bench.run(bench.asked_runs()[0]).await.0;
    let private = locked(&bench.data).incidents.values().find(|row| row.private).map(|row| row.id);
    assert_eq!(run.incident, private);
    // who does not see it is told nothing of it
    let mut bench = Bench::with(&[], |settings| settings.services[0].private = true).await;
    bench.ask("declare", "ana", declare("keys are public", true)).await;
    bench.pass(10_000).await;
    let said = bench.engine.request(&rollback(None), &direct("ben")).await.unwrap_err().to_string();
    assert!(said.starts_with("incidents of flowengine are private, and the plan"), "{said}");
    assert!(!said.contains("keys"), "{said}");
    bench.engine.request(&rollback(Some("INC-1")), &direct("ana")).await.unwrap();
    bench.pass(10_000).await;
    let chat = locked(&bench.world.chat);
    assert!(chat.messages.iter().all(|posted| posted.at.channel != "CINCIDENTS"));
}
