//! The page for whoever has to say yes: what it has opened at the pager ends with its request.

use runbook_core::people::{Directory, Person, Role};
use runbook_core::ports::PagerCall;
use runbook_core::request::Request;

use super::handover::{MINUTE, led, paged_to, restart};
use crate::testkit::{Bench, check, locked};

fn refuse() -> Request {
    Request::RunbookRefuse { run: None, reason: None }
}

/// The keys of pages that were made, and of those that were ended, in order.
fn keys(bench: &Bench) -> (Vec<String>, Vec<String>) {
    let (mut made, mut ended) = (Vec::new(), Vec::new());
    for call in locked(&bench.world.pager).calls.clone() {
        match call {
            PagerCall::Page { key, .. } => made.push(key),
            PagerCall::EndPage { key } => ended.push(key),
            _ => {}
        }
    }
    (made, ended)
}

async fn yes(bench: &mut Bench) {
    let run = bench.asked_runs()[0];
    let fingerprint = bench.run(run).await.0.fingerprint.code().to_string();
    let yes = Request::RunbookApprove { run: None, fingerprint: Some(fingerprint), reason: None };
    let said = bench.ask("yes", "ben", yes).await;
    assert_ne!(bench.run(run).await.0.status.word(), "waiting_for_approval", "{said}");
}

#[tokio::test(start_paused = true)]
async fn a_page_for_a_yes_ends_with_its_request() {
    for end in ["yes", "no", "time", "cancel"] {
        let mut bench = led(|_| {}).await;
        bench.ask("run", "ana", restart()).await;
        bench.pass(5_000).await;
        let (made, ended) = keys(&bench);
        assert_eq!((made.len(), ended.len()), (1, 0), "{end}: it stands while the plan waits");
        match end {
            "yes" => yes(&mut bench).await,
            "time" => bench.pass(31 * MINUTE).await,
            _ => {
                let (who, request) = match end {
                    "no" => ("ben", refuse()),
                    _ => ("ana", Request::RunbookCancel { run: None, reason: None }),
                };
                bench.ask(end, who, request).await;
            }
        }
        // the process ends before the call
        bench.reboot().await;
        bench.pass(5_000).await;
        assert_eq!(keys(&bench), (made.clone(), made), "{end}");
        assert_eq!(check(&bench), Vec::<String>::new(), "{end}");
    }
}

#[tokio::test(start_paused = true)]
async fn for_a_declared_incident_too_and_a_lost_answer_leaves_no_page_open() {
    let mut bench = Bench::with(&[], |_| {}).await;
    let declare = Request::IncidentDeclare {
        title: "orders are late".to_owned(),
        severity: Some("P2".to_owned()),
        service: Some("flowengine".to_owned()),
        private: false,
        description: None,
    };
    bench.ask("declare", "ana", declare).await;
    bench.ask("ack", "ana", Request::IncidentAck { incident: None }).await;
    // each is done at the first attempt, and the answer is lost
    locked(&bench.world.pager).loses_answers = 1;
    bench.ask("run", "ana", restart()).await;
    bench.pass(5_000).await;
    locked(&bench.world.pager).loses_answers = 1;
    bench.ask("no", "ana", refuse()).await;
    bench.pass(MINUTE).await;
    let (mut made, mut ended) = keys(&bench);
    assert_eq!((made.len(), ended.len()), (2, 2), "{made:?} {ended:?}");
    made.dedup();
    ended.dedup();
    assert_eq!((made.len(), &ended), (1, &made), "it is looked for under the same key");
    // the request is over before the page is tried again: it may be there
    locked(&bench.world.pager).calls.clear();
    locked(&bench.world.pager).loses_answers = 1;
    bench.says("again", "ana", restart()).await;
    bench.pass(700).await;
    bench.says("not again", "ana", refuse()).await;
    bench.pass(MINUTE).await;
    let (mut made, ended) = keys(&bench);
    made.dedup();
    assert_eq!((made.len(), &ended), (1, &made), "{made:?} {ended:?}");
    assert_eq!(check(&bench), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn where_no_page_has_left_nothing_is_ended() {
    let mut bench = led(|settings| settings.page_approvals = false).await;
    bench.ask("run", "ana", restart()).await;
    bench.pass(5_000).await;
    bench.ask("no", "ana", refuse()).await;
    bench.pass(5_000).await;
    assert_eq!(keys(&bench), (Vec::new(), Vec::new()));
    // whom the pager does not know was not paged
    let mut bench = led(|_| {}).await;
    locked(&bench.world.pager).unknown = vec!["ben@example.com".to_owned()];
    bench.ask("run", "ana", restart()).await;
    bench.pass(5_000).await;
    bench.ask("no", "ana", refuse()).await;
    bench.pass(5_000).await;
    assert_eq!(keys(&bench), (Vec::new(), Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn who_has_answered_is_not_paged_for_the_same_at_once_and_who_has_not_is() {
    // ben has said no, so ben is awake: within ten minutes nobody is woken
    let mut bench = led(|_| {}).await;
    for (id, pages) in [("one", 1), ("two", 1), ("three", 2)] {
        bench.ask(id, "ana", restart()).await;
        bench.pass(10_000).await;
        assert_eq!(paged_to(&bench).len(), pages, "{id}");
        bench.ask(&format!("no {id}"), "ben", refuse()).await;
        bench.pass(5 * MINUTE).await;
    }
    assert_eq!(check(&bench), Vec::<String>::new());
    // the same at once: the page for the first may just be ending
    let mut bench = led(|_| {}).await;
    bench.ask("one", "ana", restart()).await;
    bench.pass(10_000).await;
    bench.says("no one", "ana", refuse()).await;
    bench.says("two", "ana", restart()).await;
    bench.pass(MINUTE).await;
    let (made, ended) = keys(&bench);
    assert_eq!((made.len(), ended.len()), (2, 1), "{made:?} {ended:?}");
    assert_eq!(ended[0], made[0]);
    assert_eq!(check(&bench), Vec::<String>::new());
    // ana has taken it back and asks again: what rang for ben has ended with the first request
    let mut bench = led(|_| {}).await;
    for (id, pages) in [("one", 1), ("two", 2)] {
        bench.ask(id, "ana", restart()).await;
        bench.pass(10_000).await;
        assert_eq!(paged_to(&bench).len(), pages, "{id}");
        bench.ask(&format!("no {id}"), "ana", refuse()).await;
        bench.pass(MINUTE).await;
    }
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// Two people have asked for the same: whom one page rings for, no second one wakes. When the first request is over without a
/// word of theirs, they are paged for the other.
#[tokio::test(start_paused = true)]
async fn a_page_that_ends_leaves_no_other_request_without_one() {
    let mut bench = led(|settings| {
        let mut people = settings.directory.people().to_vec();
        people.push(Person {
            name: "dan".to_owned(),
            slack_id: Some("U-dan".to_owned()),
            ..people[1].clone()
        });
        people[3].pagerduty_email = None;
        settings.directory = Directory::new(people).unwrap().into();
    })
    .await;
    let role = Request::IncidentRole { incident: None, role: Role::Commander, who: "ben".to_owned() };
    bench.ask("role", "ana", role).await;
    bench.ask("one", "ana", restart()).await;
    bench.pass(10_000).await;
    bench.ask("two", "dan", restart()).await;
    bench.pass(MINUTE).await;
    assert_eq!(paged_to(&bench), ["ben@example.com"]);
    let first = bench.asked_runs()[0].to_string();
    bench.ask("no", "ana", Request::RunbookRefuse { run: Some(first), reason: None }).await;
    bench.pass(MINUTE).await;
    assert_eq!(paged_to(&bench), ["ben@example.com"; 2]);
    let (made, ended) = keys(&bench);
    assert_eq!(ended, made[..1], "the other one rings on");
    assert_eq!(check(&bench), Vec::<String>::new());
}
