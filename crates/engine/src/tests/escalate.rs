//! One person more: the next of the steps, or whom somebody names; paged once, mentioned once, let in.

use runbook_core::incident::IncidentEvent;
use runbook_core::people::{Directory, Person, Role};
use runbook_core::ports::PagerCall;
use runbook_core::request::Request;

use crate::settings::Settings;
use crate::testkit::{Bench, ChatFault, check, locked};

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
escalation = [
  { after_min = 0, who = ["primary"] },
  { after_min = 5, who = ["secondary"] },
  { after_min = 10, who = ["product", "business"] },
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

fn steps(settings: &mut Settings) {
    settings.severities = runbook_core::severity::parse(SEVERITIES).unwrap();
    let mut people = settings.directory.people().to_vec();
    let like = people[1].clone();
    let with = |name: &str, duty: &str| Person {
        name: name.to_owned(),
        slack_id: Some(format!("U-{name}")),
        pagerduty_email: (name != "pia").then(|| format!("{name}@example.com")),
        roles: Vec::new(),
        duties: vec![duty.to_owned()],
        ..like.clone()
    };
    people.extend([with("pri", "primary"), with("sam", "secondary"), with("pia", "product")]);
    settings.directory = Directory::new(people).unwrap().into();
}

fn escalate(who: Option<&str>, reason: Option<&str>) -> Request {
    let own = |text: Option<&str>| text.map(str::to_owned);
    Request::Escalate { incident: Some("INC-1".to_owned()), who: own(who), reason: own(reason) }
}

fn pages(bench: &Bench) -> Vec<(Option<String>, String)> {
    let calls = locked(&bench.world.pager).calls.clone();
    let page = |call: PagerCall| match call {
        PagerCall::Page { to, title, .. } => Some((to, title)),
        _ => None,
    };
    calls.into_iter().filter_map(page).collect()
}

#[tokio::test(start_paused = true)]
async fn each_time_the_next_of_the_steps_is_paged_and_who_is_next_is_told() {
    let mut bench = Bench::with(&[], steps).await;
    bench.paged().await;
    let said = bench.ask("one", "ben", escalate(None, Some("nobody <!here> answers"))).await;
    assert_eq!(
        said,
        "INC-1: sam (secondary) is asked to come, and a page is on its way; `escalate` reaches pia (product) next."
    );
    let said = bench.ask("two", "ben", escalate(None, None)).await;
    assert!(
        said.starts_with(
            "INC-1: pia (product) is asked to come, and a page is on its way to whoever is on call for the service"
        ),
        "{said}"
    );
    assert!(said.ends_with("nobody is left of the steps of P1."), "{said}");
    let said = bench.ask("three", "ben", escalate(None, None)).await;
    assert!(said.contains("nobody is left to ask by the steps of P1"), "{said}");
    bench.pass(2_000).await;
    let title = |who: &str| format!("INC-1 P1 flowengine: ben asks for {who}");
    let wanted = [(Some("sam@example.com".to_owned()), title("sam")), (None, title("pia"))];
    assert_eq!(pages(&bench), wanted);
    let asks = locked(&bench.world.chat).asks();
    let sam = asks.iter().find(|(mention, _)| mention.as_deref() == Some("U-sam")).expect("sam is mentioned");
    assert!(sam.1.contains("INC-1: ben asks for you: nobody @here answers."), "{sam:?}");
    let incident = bench.incident().await;
    let (_, events) = bench.incident_events(incident.id).await;
    assert_eq!(events.iter().filter(|event| matches!(event, IncidentEvent::Escalated { .. })).count(), 2);
    assert_eq!(check(&bench), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn the_same_person_within_a_minute_is_one_page() {
    let mut bench = Bench::with(&[], steps).await;
    bench.paged().await;
    bench.ask("one", "ben", escalate(Some("@sam"), None)).await;
    let said = bench.ask("two", "ana", escalate(Some("secondary"), None)).await;
    assert!(said.contains("sam (secondary) was asked less than a minute ago"), "{said}");
    assert_eq!(pages(&bench).len(), 1);
    bench.pass(60_000).await;
    bench.ask("three", "ana", escalate(Some("sam"), None)).await;
    bench.pass(1_000).await;
    assert_eq!(pages(&bench).len(), 2, "a minute later it is another");
    for (id, who, reason, wanted) in [
        ("me", Some("me"), None, "is you"),
        ("nobody", Some("nobody"), None, "is nobody in blocks.toml"),
        ("unclear", None, Some("sam is asleep"), "nobody is paged"),
        ("comma", None, Some("Sam, wake up"), "nobody is paged"),
        ("whose", None, Some("(sam's phone is off)"), "nobody is paged"),
        ("duty", None, Some("secondary!"), "nobody is paged"),
    ] {
        let said = bench.ask(id, "ben", escalate(who, reason)).await;
        assert!(said.contains(wanted), "{id}: {said}");
    }
    assert!(bench.ask("zoe", "zoe", escalate(None, None)).await.contains("not known here"));
    assert_eq!(pages(&bench).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_page_that_is_refused_for_good_is_told_with_whom_and_who_asked() {
    let mut bench = Bench::with(&[], steps).await;
    bench.paged().await;
    locked(&bench.world.pager).unknown = vec!["sam@example.com".to_owned(), String::new()];
    bench.ask("one", "ben", escalate(None, None)).await;
    bench.ask("two", "ana", escalate(Some("pia"), None)).await;
    bench.pass(3_000).await;
    assert_eq!(pages(&bench), []);
    let notes = locked(&bench.world.chat).notes();
    for wanted in [
        "INC-1: sam was NOT paged, though ben asked for sam: pagerduty knows no user",
        "INC-1: whoever is on call for the service was NOT paged, though ana asked for pia: pagerduty knows",
    ] {
        assert_eq!(notes.iter().filter(|note| note.contains(wanted)).count(), 1, "{wanted}: {notes:?}");
    }
    let show = Request::IncidentShow { incident: Some("INC-1".to_owned()) };
    let said = bench.ask("show", "ben", show).await;
    for wanted in ["ben: sam is asked to come, with a page", "a page to sam: pagerduty knows no user"] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    assert_eq!(check(&bench), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn nobody_is_paged_for_an_incident_that_is_over() {
    let mut bench = Bench::with(&[], steps).await;
    bench.paged().await;
    locked(&bench.world.pager).is_away = true;
    bench.ask("one", "ben", escalate(None, None)).await;
    bench.pass(60_000).await;
    bench
        .pager_says("end", runbook_core::ports::PagerEventKind::Resolved, crate::testkit::page("Q1"), None)
        .await;
    bench.pass(5_000).await;
    assert!(!bench.incident().await.status.is_open());
    locked(&bench.world.pager).is_away = false;
    bench.pass(600_000).await;
    assert_eq!(pages(&bench), []);
    assert_eq!(check(&bench), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_private_incident_is_shown_to_whom_somebody_names_who_may() {
    let mut bench = Bench::with(&[], |settings| {
        steps(settings);
        settings.severities = runbook_core::severity::parse(SEVERITIES).unwrap();
        let mut people = settings.directory.people().to_vec();
        people[1].roles = vec![Role::Responder];
        settings.directory = Directory::new(people).unwrap().into();
    })
    .await;
    let declare = Request::IncidentDeclare {
        title: "keys on a page".to_owned(),
        severity: Some("P1".to_owned()),
        service: Some("flowengine".to_owned()),
        private: true,
        description: None,
    };
    bench.ask("declare", "ana", declare).await;
    bench.pass(5_000).await;
    let said = bench.ask("ben", "ben", escalate(Some("sam"), None)).await;
    assert!(said.contains("INC-1 is private"), "{said}");
    // by the steps nobody is asked who may not see it
    let said = bench.ask("next", "ana", escalate(None, None)).await;
    assert!(said.contains("nobody is left to ask"), "{said}");
    let said = bench.ask("sam", "ana", escalate(Some("sam"), Some("she knows the keys"))).await;
    assert!(said.contains("sam is asked to come, and a page is on its way"), "{said}");
    bench.pass(2_000).await;
    assert_eq!(locked(&bench.world.chat).let_in, [("C1".to_owned(), "U-sam".to_owned())]);
    assert_eq!(pages(&bench), [(Some("sam@example.com".to_owned()), "INC-1: ana asks for sam".to_owned())]);
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// A call that leaves late says so, and whoever has come meanwhile is neither mentioned nor paged.
#[tokio::test(start_paused = true)]
async fn whoever_has_come_meanwhile_is_not_called() {
    for comes in [true, false] {
        let mut bench = Bench::with(&[], steps).await;
        bench.paged().await;
        locked(&bench.world.pager).is_away = true;
        locked(&bench.world.chat).faults.push(("call/", ChatFault::Retry(Some(180_000))));
        bench.ask("call", "ana", escalate(Some("sam"), Some("he knows the pool"))).await;
        if comes {
            let here =
                Request::TimelineAdd { incident: Some("INC-1".to_owned()), text: "I am here".to_owned() };
            bench.ask("here", "sam", here).await;
        }
        bench.pass(100_000).await;
        locked(&bench.world.pager).is_away = false;
        bench.pass(200_000).await;
        let mentions: Vec<String> = locked(&bench.world.chat)
            .asks()
            .into_iter()
            .filter(|(who, _)| who.as_deref() == Some("U-sam"))
            .map(|(_, text)| text)
            .collect();
        let late =
            |text: &String| text.contains("Delayed by Slack: this is from") && text.contains("ana asks for");
        match comes {
            true => assert_eq!((mentions, pages(&bench)), (Vec::new(), Vec::new())),
            false => {
                assert!(
                    mentions.len() == 1 && late(&mentions[0]) && pages(&bench).len() == 1,
                    "{mentions:?}"
                );
            }
        }
    }
}
