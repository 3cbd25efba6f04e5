//! Dead letters: looked at, and taken up again the way they first came.

use runbook_core::alert::{AlertNotice, SentAlert};
use runbook_core::people::Actor;
use runbook_core::ports::{
    ChatSignal, InboxItem, Intake as _, PagerEvent, PagerEventKind, Signal, Translated,
};
use runbook_core::request::Request;
use serde_json::{Value, json};

use crate::error::EngineError;
use crate::origin::{Asker, Reply};
use crate::testkit::{Bench, check, locked, page};

fn unreadable() -> Translated {
    Translated::Unreadable { reason: "not json".to_owned() }
}

fn triggered(pager_id: &str) -> Translated {
    Translated::Signal(Signal::Pager(PagerEvent {
        kind: PagerEventKind::Triggered,
        incident: page(pager_id),
        agent_id: None,
        agent_name: None,
        occurred_at: "2026-01-05T09:00:00Z".parse().unwrap(),
    }))
}

async fn asked(bench: &Bench, actor: Actor, request: Request) -> Result<Reply, EngineError> {
    bench.engine.request(&request, &Asker { actor, channel: None }).await
}

fn ana() -> Actor {
    Actor::Person("ana".to_owned())
}

fn list(all: bool, body: bool) -> Request {
    Request::InboxList { source: None, all, body }
}

fn one(id: &str) -> Request {
    Request::InboxRetry { id: Some(id.to_owned()), source: None }
}

const ALL: Request = Request::InboxRetry { id: None, source: None };

fn outcomes(reply: &Reply) -> Vec<(String, String)> {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let letters = reply.data["letters"].as_array().unwrap().iter();
    letters.map(|letter| (word(&letter["id"]), word(&letter["outcome"]))).collect()
}

fn ids(reply: &Reply) -> Vec<String> {
    let letters = reply.data["letters"].as_array().unwrap().iter();
    letters.map(|letter| letter["id"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_is_listed_and_taken_up_again_once_it_can_be_read() {
    let mut bench = Bench::new().await;
    bench.hand_in("pagerduty", "garbage", unreadable()).await;
    bench.hand_in("pagerduty", "ping", Translated::Ignored { kind: "pagey.ping".to_owned() }).await;
    bench.pass(2_000).await;
    let listed = asked(&bench, ana(), list(false, false)).await.unwrap();
    assert_eq!(ids(&listed), ["garbage"]);
    assert!(listed.text.contains("garbage  pagerduty ") && listed.text.contains("dead letter: not json"));
    assert_eq!(listed.data["letters"][0]["dead"], true);
    assert_eq!(listed.data["letters"][0].get("body"), None);
    assert_eq!(ids(&asked(&bench, ana(), list(true, false)).await.unwrap()), ["ping", "garbage"]);

    // as unreadable as before: it is kept again
    let again = asked(&bench, ana(), one("garbage")).await.unwrap();
    assert_eq!(outcomes(&again), [("garbage".to_owned(), "kept".to_owned())]);
    assert!(again.text.contains("kept again: dead letter: not json"), "{}", again.text);

    // a later release reads it
    bench.means("garbage", triggered("Q1"));
    let again = asked(&bench, ana(), ALL).await.unwrap();
    assert_eq!(outcomes(&again), [("garbage".to_owned(), "acted_on".to_owned())]);
    assert_eq!(locked(&bench.data).incidents.len(), 1);
    assert_eq!(ids(&asked(&bench, ana(), list(false, false)).await.unwrap()), Vec::<String>::new());
    let nothing = asked(&bench, ana(), ALL).await.unwrap();
    assert_eq!((outcomes(&nothing), nothing.text.contains("no dead letter")), (vec![], true));
    let refused = asked(&bench, ana(), one("garbage")).await.unwrap_err();
    assert!(refused.to_string().contains("acted on already"), "{refused}");
    let unknown = asked(&bench, ana(), one("never came")).await.unwrap_err();
    assert!(matches!(unknown, EngineError::NotFound(_)), "{unknown}");
    assert_eq!(locked(&bench.data).incidents.len(), 1);
    assert_eq!(check(&bench), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn who_may_look_and_who_may_have_it_taken_up() {
    let mut bench = Bench::new().await;
    bench.hand_in("pagerduty", "garbage", unreadable()).await;
    bench.pass(2_000).await;
    let local = Actor::Local("root".to_owned());
    let program = Actor::Service("api".to_owned());
    let roleless = Actor::Person("zoe".to_owned());
    let stranger = Actor::Person("nobody-of-that-name".to_owned());
    for (who, lists, reads, retries) in [
        (&ana(), true, true, true),
        (&local, true, true, true),
        (&program, true, false, false),
        (&roleless, true, false, false),
        (&stranger, true, false, false),
    ] {
        let may = async |request| match asked(&bench, who.clone(), request).await {
            Ok(_) => true,
            Err(EngineError::Forbidden(_)) => false,
            Err(error) => panic!("{who}: {error}"),
        };
        let found = (may(list(false, false)).await, may(list(false, true)).await, may(one("garbage")).await);
        assert_eq!(found, (lists, reads, retries), "{who}");
    }
}

/// What somebody asked for in chat is not done in their name when they have long forgotten it.
#[tokio::test(start_paused = true)]
async fn a_line_of_chat_is_not_taken_up_much_later() {
    let mut bench = Bench::new().await;
    let declare = Signal::Chat(ChatSignal {
        user_id: "U-ana".to_owned(),
        channel: "incidents".to_owned(),
        request: Request::IncidentDeclare {
            title: "it is slow".to_owned(),
            severity: None,
            service: None,
            private: false,
            description: None,
        },
        reply_to: None,
        trigger: None,
        asked: None,
    });
    for id in ["soon", "late"] {
        bench.hand_in("slack", id, unreadable()).await;
    }
    bench.pass(14 * 60_000).await;
    bench.means("soon", Translated::Signal(declare.clone()));
    let soon = asked(&bench, ana(), one("soon")).await.unwrap();
    assert_eq!(outcomes(&soon), [("soon".to_owned(), "acted_on".to_owned())]);
    assert_eq!(locked(&bench.data).incidents.len(), 1);
    bench.means("late", Translated::Signal(declare));
    bench.pass(2 * 60_000).await;
    let late = asked(&bench, ana(), ALL).await.unwrap();
    assert_eq!(outcomes(&late), [("late".to_owned(), "refused".to_owned())]);
    assert!(late.text.contains("they ask again"), "{}", late.text);
    assert_eq!(locked(&bench.data).incidents.len(), 1);
}

/// A body about a private service is neither shown to nor moved by who sees nothing of it.
#[tokio::test(start_paused = true)]
async fn what_is_about_something_private_stays_so() {
    let private = "PFLOW";
    let mut bench = Bench::with(&[], |settings| {
        settings.services.iter_mut().for_each(|service| service.private = true);
    })
    .await;
    let body = json!({ "event": { "data": { "service": { "id": private } } } }).to_string();
    bench.hand_in_body("pagerduty", "secret", body.as_bytes(), unreadable()).await;
    bench.hand_in_body("pagerduty", "plain", b"{}", unreadable()).await;
    bench.pass(2_000).await;
    let ben = Actor::Person("ben".to_owned());
    let seen = asked(&bench, ben.clone(), list(false, true)).await.unwrap();
    assert_eq!(ids(&seen), ["plain", "secret"]);
    let letters = &seen.data["letters"];
    // no body says for certain that it is about nothing private
    assert_eq!((letters[0].get("body"), letters[1].get("body")), (None, None), "{letters}");
    assert_eq!((&letters[0]["bytes"], &letters[0]["kind"]), (&json!(2), &json!("webhook")), "{letters}");
    assert!(letters[0]["reason"].as_str().unwrap().starts_with("not shown"), "{letters}");
    assert_eq!(letters[1]["reason"], "about something private");
    assert!(!seen.text.contains("not json") && !seen.text.contains("{}"), "{}", seen.text);
    let retried = asked(&bench, ben, ALL).await.unwrap();
    assert!(!retried.text.contains("not json"), "{}", retried.text);
    let wanted = [("secret", "refused"), ("plain", "kept")];
    let found = outcomes(&retried);
    assert_eq!(found.iter().map(|(id, word)| (id.as_str(), word.as_str())).collect::<Vec<_>>(), wanted);
    // a commander sees it
    let seen = asked(&bench, ana(), list(false, true)).await.unwrap();
    assert!(seen.data["letters"].to_string().contains(private), "{}", seen.data);
    assert!(seen.data["letters"].to_string().contains(r#""body":"{}""#), "{}", seen.data);
}

/// A private incident of a service that is not private veils them as well; where nothing is private, whoever may decide reads them.
#[tokio::test(start_paused = true)]
async fn one_private_incident_veils_every_body() {
    let mut bench = Bench::new().await;
    bench.hand_in_body("pagerduty", "odd", b"{\"note\":\"some words\"}", unreadable()).await;
    bench.pass(2_000).await;
    let shown = async |bench: &Bench, who: &str| {
        let seen = asked(bench, Actor::Person(who.to_owned()), list(false, true)).await.unwrap();
        seen.data["letters"].to_string().contains("some words")
    };
    assert!(shown(&bench, "ben").await);
    let declare = Request::IncidentDeclare {
        title: "it leaks".to_owned(),
        severity: None,
        service: None,
        private: true,
        description: None,
    };
    asked(&bench, ana(), declare).await.unwrap();
    bench.pass(2_000).await;
    assert_eq!((shown(&bench, "ben").await, shown(&bench, "ana").await), (false, true));
}

/// An alert that waited among the dead letters is as old as it is: what was told since counts, and nobody is woken for it.
#[tokio::test(start_paused = true)]
async fn an_alert_that_is_taken_up_again_does_not_play_over_newer_words() {
    let told = |name: &str, firing| {
        let alert = SentAlert {
            fingerprint: name.to_owned(),
            firing,
            title: Some(format!("{name} is down")),
            ..SentAlert::default()
        };
        let source = "alertmanager".to_owned();
        let notice = AlertNotice { source, firing, alerts: vec![alert], ..AlertNotice::default() };
        Translated::Signal(Signal::Alerts(notice))
    };
    let mut bench = Bench::with(&[], |_| ()).await;
    for id in ["shop", "cart"] {
        bench.hand_in("alertmanager", id, unreadable()).await;
    }
    bench.pass(3_600_000).await;
    bench.hand_in("alertmanager", "up", told("shop", false)).await;
    bench.pass(300_000).await;
    for id in ["shop", "cart"] {
        bench.means(id, told(id, true));
    }
    asked(&bench, ana(), ALL).await.unwrap();
    bench.pass(6_000).await;
    let titles: Vec<_> = locked(&bench.data).incidents.values().map(|row| row.title.clone()).collect();
    assert_eq!(titles, ["cart is down"]);
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// What of a message could be read is acted on, and the message is kept: once all of it can be read, the rest is acted on.
#[tokio::test(start_paused = true)]
async fn what_was_read_in_part_is_acted_on_and_kept() {
    let told = |names: &[&str], unread: Option<&str>| {
        let alert = |name: &&str| SentAlert {
            fingerprint: (*name).to_owned(),
            firing: true,
            title: Some(format!("{name} is down")),
            service: Some((*name).to_owned()),
            ..SentAlert::default()
        };
        let alerts: Vec<SentAlert> = names.iter().map(alert).collect();
        Translated::Signal(Signal::Alerts(AlertNotice {
            source: "alertmanager".to_owned(),
            firing: true,
            left_out: u64::from(unread.is_some()),
            unread: unread.map(str::to_owned),
            alerts,
            ..AlertNotice::default()
        }))
    };
    let titles = |bench: &Bench| -> Vec<String> {
        let mut titles: Vec<_> =
            locked(&bench.data).incidents.values().map(|row| row.title.clone()).collect();
        titles.sort();
        titles
    };
    let mut bench = Bench::with(&[], |_| ()).await;
    bench.hand_in("alertmanager", "two", told(&["shop"], Some("1 of its 2 alerts could not be read"))).await;
    bench.pass(6_000).await;
    assert_eq!(titles(&bench), ["shop is down"]);
    let listed = asked(&bench, ana(), list(false, false)).await.unwrap();
    assert!(listed.text.contains("dead letter: 1 of its 2 alerts could not be read"), "{}", listed.text);
    bench.means("two", told(&["cart", "shop"], None));
    let again = asked(&bench, ana(), ALL).await.unwrap();
    assert_eq!(outcomes(&again), [("two".to_owned(), "acted_on".to_owned())]);
    bench.pass(6_000).await;
    assert_eq!(titles(&bench), ["cart is down", "shop is down"]);
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// What is of no consequence can be looked at for a week; what could not be understood stays until somebody looks at it.
#[tokio::test(start_paused = true)]
async fn what_is_of_no_consequence_is_let_go_after_a_week() {
    let mut bench = Bench::new().await;
    let ping = || Translated::Ignored { kind: "pagey.ping".to_owned() };
    for (id, days, meaning) in [("old", 8, ping()), ("new", 6, ping()), ("garbage", 8, unreadable())] {
        bench.means(id, meaning);
        let item = InboxItem {
            source: "pagerduty".to_owned(),
            id: id.to_owned(),
            kind: "webhook".to_owned(),
            body: b"{}".to_vec(),
            received_at: bench.now() - chrono::TimeDelta::days(days),
        };
        bench.engine.accept(item).await.unwrap();
    }
    bench.pass(2_000).await;
    let left = async |bench: &Bench| {
        let mut left = ids(&asked(bench, ana(), list(true, false)).await.unwrap());
        left.sort();
        left
    };
    assert_eq!(left(&bench).await, ["garbage", "new", "old"]);
    bench.pass(3_600_000).await;
    assert_eq!(left(&bench).await, ["garbage", "new"]);
}
