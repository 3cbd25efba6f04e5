//! Updates on their ways: what a silent server holds up, what is refused, what a merge takes along, who is a stranger.

use runbook_core::ids::IncidentId;
use runbook_core::incident::{Incident, IncidentEvent};
use runbook_core::message::ChatMessage;
use runbook_core::request::Request;
use runbook_core::update::{Audience, PageState, Template};

use crate::settings::Settings;
use crate::testkit::{Bench, check, locked};

const HOUR: u64 = 3_600_000;

fn template(name: &str, text: &str) -> Template {
    Template::parse(name, text).unwrap()
}

fn updates(settings: &mut Settings) {
    let updates = &mut settings.updates;
    updates.templates = vec![
        template("outage", include_str!("../../../../runbooks/templates/updates/outage.md.hbs")),
        template("resolved", include_str!("../../../../runbooks/templates/updates/resolved.md.hbs")),
        template("weekly", include_str!("../../../../runbooks/templates/updates/weekly.md.hbs")),
    ];
    updates.send_public = vec!["commander".to_owned()];
    updates.to = vec!["team@example.com".to_owned()];
    updates.public_to = vec!["one@customer.example".to_owned(), "two@customer.example".to_owned()];
    updates.domains = vec!["House.example".to_owned()];
    updates.has_mail = true;
    updates.has_status_page = true;
}

fn draft_of(incident: &str, template: &str, to: &[String], eta: Option<&str>) -> Request {
    Request::UpdateDraft {
        incident: Some(incident.to_owned()),
        template: template.to_owned(),
        params: [].into(),
        eta: eta.map(str::to_owned),
        to: to.to_vec(),
        impact: None,
        component: None,
    }
}

fn draft(template: &str, to: &[&str]) -> Request {
    draft_of("INC-1", template, &to.iter().map(|to| (*to).to_owned()).collect::<Vec<_>>(), None)
}

fn send(incident: &str, code: &str) -> Request {
    Request::UpdateSend { incident: Some(incident.to_owned()), draft: code.to_owned() }
}

async fn declare(bench: &mut Bench, title: &str) {
    let declare = Request::IncidentDeclare {
        title: title.to_owned(),
        severity: Some("P3".to_owned()),
        service: Some("billing".to_owned()),
        private: false,
        description: None,
    };
    bench.ask(title, "ana", declare).await;
    bench.pass(3_000).await;
}

async fn led() -> Bench {
    let mut bench = Bench::with(&[], updates).await;
    declare(&mut bench, "orders are late").await;
    bench
}

/// An incident by its number, with its events.
async fn numbered(bench: &Bench, number: u32) -> (Incident, Vec<IncidentEvent>) {
    let ids: Vec<IncidentId> = locked(&bench.data).incidents.keys().copied().collect();
    for id in ids {
        let found = bench.incident_events(id).await;
        if found.0.number.0 == u64::from(number) {
            return found;
        }
    }
    panic!("there is no INC-{number}");
}

/// The code of the newest draft.
async fn code(bench: &Bench, number: u32) -> String {
    let (incident, _) = numbered(bench, number).await;
    incident.drafts.iter().next_back().unwrap().draft.code.clone()
}

/// Drafts and sends.
async fn told(bench: &mut Bench, incident: &str, number: u32, template: &str) -> String {
    let id = format!("{incident} {template} {}", bench.now());
    bench.ask(&format!("draft {id}"), "ana", draft_of(incident, template, &[], None)).await;
    let code = code(bench, number).await;
    bench.ask(&format!("send {id}"), "ana", send(incident, &code)).await
}

fn failures(events: &[IncidentEvent]) -> Vec<String> {
    let failed = events.iter().filter_map(|event| match event {
        IncidentEvent::UpdateFailed { reason, .. } => Some(reason.clone()),
        _ => None,
    });
    failed.collect()
}

#[tokio::test(start_paused = true)]
async fn a_mail_server_that_says_nothing_holds_up_no_card() {
    let mut bench = led().await;
    locked(&bench.world.outside).says_nothing = true;
    let many: Vec<String> = (0..45).map(|n| format!("a{n}@house.example")).collect();
    bench.ask("draft", "ana", draft_of("INC-1", "weekly", &many, None)).await;
    let code = code(&bench, 1).await;
    bench.ask("send", "ana", send("INC-1", &code)).await;
    bench.pass(10_000).await;
    // what is told and shown afterwards is there as ever
    let note = Request::IncidentUpdate { incident: Some("INC-1".to_owned()), text: "half works".to_owned() };
    bench.ask("note", "ana", note).await;
    bench.ask("ack", "ben", Request::IncidentAck { incident: Some("INC-1".to_owned()) }).await;
    bench.pass(5_000).await;
    let chat = locked(&bench.world.chat);
    assert!(chat.notes().iter().any(|note| note.contains("half works")), "{:?}", chat.notes());
    assert!(chat.card().unwrap().commander.is_some_and(|who| who.contains("ben")));
}

#[tokio::test(start_paused = true)]
async fn what_does_not_leave_within_a_day_fails_and_is_told() {
    let mut bench = led().await;
    locked(&bench.world.outside).is_busy = true;
    told(&mut bench, "INC-1", 1, "weekly").await;
    bench.pass(23 * HOUR).await;
    assert_eq!(failures(&numbered(&bench, 1).await.1), Vec::<String>::new());
    bench.pass(2 * HOUR).await;
    locked(&bench.world.outside).is_busy = false;
    let failed = failures(&numbered(&bench, 1).await.1);
    assert!(matches!(failed.as_slice(), [only] if only.contains("did not leave within 24 h")), "{failed:?}");
    bench.pass(HOUR).await;
    assert_eq!(locked(&bench.world.outside).mails.len(), 0, "nor later");
    let notes = locked(&bench.world.chat).notes();
    assert!(notes.iter().any(|note| note.contains("e-mail: team@example.com")), "{notes:?}");
    let drafts = bench.ask("list", "ben", Request::UpdateDrafts { incident: Some("INC-1".to_owned()) }).await;
    assert!(drafts.contains("NOT SENT to e-mail: team@example.com"), "{drafts}");
}

#[tokio::test(start_paused = true)]
async fn an_old_draft_does_not_undo_what_everybody_was_told() {
    let mut bench = led().await;
    told(&mut bench, "INC-1", 1, "outage").await;
    bench.ask("old", "ana", draft("outage", &[])).await;
    let old = code(&bench, 1).await;
    let said = bench.ask("soon", "ana", draft("resolved", &[])).await;
    assert!(said.contains("`incident resolve INC-1` first"), "{said}");
    bench.ask("resolve", "ana", Request::IncidentResolve { incident: Some("INC-1".to_owned()) }).await;
    let said = told(&mut bench, "INC-1", 1, "resolved").await;
    assert!(said.contains("is sent: "), "{said}");
    bench.pass(5_000).await;
    let said = bench.ask("late", "ana", send("INC-1", &old)).await;
    assert!(said.contains("nothing was sent") && said.contains("`update discard"), "{said}");
    bench.pass(5_000).await;
    let posts = locked(&bench.world.outside).posts.clone();
    let posts: Vec<_> = posts.iter().map(|(id, post)| (id.as_str(), post.status)).collect();
    assert_eq!(posts, [("p1", PageState::Identified), ("p1", PageState::Resolved)]);
    assert_eq!(check(&bench), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn what_stands_at_the_status_page_goes_along_with_a_merge() {
    let mut bench = led().await;
    declare(&mut bench, "payments fail").await;
    told(&mut bench, "INC-1", 1, "outage").await;
    told(&mut bench, "INC-2", 2, "outage").await;
    bench.pass(5_000).await;
    bench.ask("old", "ana", draft("outage", &[])).await;
    let old = code(&bench, 1).await;
    let merge = Request::IncidentMerge { incident: Some("INC-1".to_owned()), into: "INC-2".to_owned() };
    bench.ask("merge", "ana", merge).await;
    let said = bench.ask("late", "ana", send("INC-1", &old)).await;
    assert!(said.contains("INC-1 is part of INC-2"), "{said}");
    bench.ask("resolve", "ana", Request::IncidentResolve { incident: Some("INC-2".to_owned()) }).await;
    told(&mut bench, "INC-2", 2, "resolved").await;
    bench.pass(5_000).await;
    let mut over: Vec<String> = {
        let outside = locked(&bench.world.outside);
        let over = outside.posts.iter().filter(|(_, post)| post.status == PageState::Resolved);
        over.map(|(id, _)| id.clone()).collect()
    };
    over.sort();
    assert_eq!(over, ["p1", "p2"], "both are over");
    let (into, _) = numbered(&bench, 2).await;
    assert_eq!(into.drafts.open_on_page().count(), 0);
    assert_eq!(check(&bench), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn what_was_deleted_at_the_status_page_is_begun_anew() {
    let mut bench = led().await;
    told(&mut bench, "INC-1", 1, "outage").await;
    bench.pass(5_000).await;
    locked(&bench.world.outside).deleted.push("p1".to_owned());
    told(&mut bench, "INC-1", 1, "outage").await;
    bench.pass(5_000).await;
    let failed = failures(&numbered(&bench, 1).await.1);
    assert!(matches!(failed.as_slice(), [only] if only.contains("does not know p1 any more")), "{failed:?}");
    told(&mut bench, "INC-1", 1, "outage").await;
    bench.pass(5_000).await;
    let posts = locked(&bench.world.outside).posts.clone();
    let ids: Vec<_> = posts.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, ["p1", "p2"]);
}

#[tokio::test(start_paused = true)]
async fn an_address_that_nobody_has_configured_makes_it_public() {
    let mut bench = led().await;
    for (id, to, wanted) in [
        ("press", vec!["press@paper.example"], Audience::Public),
        ("both", vec!["team@example.com", "press@paper.example"], Audience::Public),
        ("like", vec!["a@nothouse.example"], Audience::Public),
        ("team", vec!["Team@example.com"], Audience::Internal),
        // who gets the public ones is outside, also where the list is kept in the house
        ("customer", vec!["one@customer.example"], Audience::Public),
        ("house", vec!["anybody@house.example"], Audience::Internal),
    ] {
        let said = bench.ask(id, "ben", draft("weekly", &to)).await;
        assert_eq!(said.contains("It counts as public"), wanted == Audience::Public, "{said}");
        let (incident, _) = numbered(&bench, 1).await;
        assert_eq!(incident.drafts.iter().next_back().unwrap().draft.audience, wanted, "{id}");
        let code = code(&bench, 1).await;
        let said = bench.ask(&format!("send {id}"), "ben", send("INC-1", &code)).await;
        assert_eq!(said.contains("ben may not send what is public"), wanted == Audience::Public, "{said}");
    }
    bench.pass(5_000).await;
    let mails = locked(&bench.world.outside).mails.clone();
    let outside = ["press@paper.example", "one@customer.example"];
    assert!(mails.iter().all(|mail| !outside.contains(&mail.to.as_str())), "{mails:?}");
    assert_eq!(mails.len(), 2);
    // nor does somebody at a shell who is nobody in the configuration
    let asker =
        crate::origin::Asker { actor: runbook_core::people::Actor::Local("root".to_owned()), channel: None };
    bench.ask("again", "ben", draft("weekly", &["press@paper.example"])).await;
    let code = code(&bench, 1).await;
    let said = bench.engine.request(&send("INC-1", &code), &asker).await.unwrap_err().to_string();
    assert!(said.contains("may not send what is public"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn a_text_that_was_not_kept_is_given_back() {
    let mut bench = led().await;
    bench.ask("draft", "ana", draft("weekly", &[])).await;
    let first = code(&bench, 1).await;
    let edit = |text: &str| Request::UpdateEdit {
        incident: Some("INC-1".to_owned()),
        draft: first.clone(),
        text: text.to_owned(),
    };
    bench.ask("one", "ana", edit("We know the cause.")).await;
    let said = bench.ask("two", "ben", edit("It is the pool.\nWe mend it.")).await;
    assert!(said.contains("has no draft"), "{said}");
    assert!(said.ends_with("which was not kept:\nIt is the pool.\nWe mend it."), "{said}");
    let (incident, _) = numbered(&bench, 1).await;
    assert_eq!(incident.drafts.iter().next_back().unwrap().draft.text, "We know the cause.");
}

#[tokio::test(start_paused = true)]
async fn a_time_of_day_is_that_of_the_team() {
    let mut bench = Bench::with(&[], |settings| {
        updates(settings);
        settings.handover.zone = chrono_tz::Europe::Madrid;
    })
    .await;
    declare(&mut bench, "orders are late").await;
    let said = bench.ask("time", "ana", draft_of("INC-1", "outage", &[], Some("14:30"))).await;
    assert!(said.contains("about 2026-01-05 13:30 UTC"), "{said}");
    let said = bench.ask("bare", "ana", draft_of("INC-1", "outage", &[], Some("30"))).await;
    assert!(said.contains("--eta '30' is no length of time") && said.contains("`30 min`"), "{said}");
}

/// What each draft's one message says of why it cannot be sent, in the order of posting; `None`: it can, or is settled.
fn voids(bench: &Bench) -> Vec<Option<String>> {
    let chat = locked(&bench.world.chat);
    let drafts = chat.of("draft/");
    let void = |posted: &&crate::testkit::Posted| match &posted.message {
        ChatMessage::Draft { view, .. } => view.void.clone(),
        other => panic!("{other:?}"),
    };
    drafts.iter().map(void).collect()
}

#[tokio::test(start_paused = true)]
async fn a_draft_that_holds_no_more_says_so_where_it_stands() {
    let said = |text: &str| Some(text.to_owned());
    let mut bench = led().await;
    for (id, template) in [("one", "outage"), ("two", "outage"), ("in", "weekly")] {
        bench.ask(id, "ana", draft(template, &[])).await;
        bench.pass(3_000).await;
    }
    assert_eq!(voids(&bench), [None, None, None]);
    // another one is sent
    let code = {
        let (incident, _) = numbered(&bench, 1).await;
        incident.drafts.iter().nth(1).unwrap().draft.code.clone()
    };
    bench.ask("send", "ana", send("INC-1", &code)).await;
    bench.pass(3_000).await;
    let short = code.chars().take(4).collect::<String>().to_uppercase();
    let overtaken = said(&format!("it was written before update {short} was sent"));
    assert_eq!(voids(&bench), [overtaken, None, None], "what stays inside may still be sent");
    // it is over, also where the process ends before the message is edited
    bench.ask("three", "ana", draft("outage", &[])).await;
    bench.pass(3_000).await;
    bench.ask("resolve", "ana", Request::IncidentResolve { incident: Some("INC-1".to_owned()) }).await;
    bench.reboot().await;
    bench.pass(3_000).await;
    let over = said("it was written before INC-1 was over");
    assert_eq!(voids(&bench)[2..], [None, over.clone()]);
    let listed = bench.ask("list", "ana", Request::UpdateDrafts { incident: Some("INC-1".to_owned()) }).await;
    assert!(!listed.contains("update send"), "{listed}");
    // and open again
    bench.ask("four", "ana", draft("resolved", &[])).await;
    bench
        .ask(
            "reopen",
            "ana",
            Request::IncidentReopen {
                incident: Some("INC-1".to_owned()),
                reason: "it fails again".to_owned(),
            },
        )
        .await;
    bench.pass(3_000).await;
    let again = voids(&bench);
    assert!(
        again[4].as_ref().is_some_and(|why| why.contains("tells everybody that it is over")),
        "{again:?}"
    );
    // each stands there once
    assert_eq!(locked(&bench.world.chat).of("draft/").len(), 5);
    assert_eq!(check(&bench), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_draft_of_what_was_merged_or_no_incident_says_so_where_it_stands() {
    let mut bench = led().await;
    declare(&mut bench, "payments fail").await;
    bench.ask("one", "ana", draft("outage", &[])).await;
    bench.ask("two", "ana", draft_of("INC-2", "outage", &[], None)).await;
    bench.pass(3_000).await;
    assert_eq!(voids(&bench), [None, None]);
    let merge = Request::IncidentMerge { incident: Some("INC-1".to_owned()), into: "INC-2".to_owned() };
    bench.ask("merge", "ana", merge).await;
    bench.pass(3_000).await;
    let merged = Some("INC-1 is part of INC-2, which tells everybody how it goes on".to_owned());
    assert_eq!(voids(&bench), [merged.clone(), None]);
    let none = Request::IncidentNone { incident: Some("INC-2".to_owned()), reason: "a test".to_owned() };
    bench.ask("none", "ana", none).await;
    bench.pass(3_000).await;
    assert_eq!(voids(&bench), [merged, Some("it was written before INC-2 was over".to_owned())]);
}
