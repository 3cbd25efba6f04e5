//! The first quarter of an hour of a P1, and how often it calls somebody.

use runbook_core::ids::RunId;
use runbook_core::incident::Status;
use runbook_core::message::ChatMessage;
use runbook_core::ports::{Attempt, Chat as _, PagerEventKind};
use runbook_core::request::Request;

use crate::testkit::{Bench, FakeChat, Life, check, locked, page, pings};

/// Messages that call somebody in the first 15 minutes.
const MOST_PINGS: usize = 5;
const MINUTE: u64 = 60_000;
const QUARTER: i64 = 15 * 60;

/// Lets the rest of the quarter of an hour pass, and counts.
async fn counted(bench: &mut Bench, story: &str) -> Vec<String> {
    let detected = bench.incident().await.detected_at;
    let left = QUARTER - (bench.now() - detected).num_seconds();
    bench.pass(u64::try_from(left).expect("the story ends within it") * 1_000).await;
    let all = pings(&bench.world);
    println!("pings in the first 15 minutes, {story}: {} (at most {MOST_PINGS})", all.len());
    for ping in &all {
        println!("  {ping}");
    }
    all
}

async fn rolled_back(bench: &mut Bench) -> RunId {
    bench
        .ask("rollback", "ana", Request::RunbookRollback { service: None, params: [].into(), incident: None })
        .await;
    bench.pass(2 * MINUTE).await;
    let run = bench.asked_runs()[0];
    let yes = bench.approval(run);
    bench.ask("yes", "ben", yes).await;
    bench.until("it has helped", |bench| bench.status(run) == "succeeded").await;
    run
}

#[tokio::test(start_paused = true)]
async fn a_p1_that_goes_well_calls_few() {
    let mut bench = Bench::new().await;
    bench.paged().await;
    bench.pass(MINUTE).await;
    bench.ask("ack", "ana", Request::IncidentAck { incident: None }).await;
    bench.pass(2 * MINUTE).await;
    rolled_back(&mut bench).await;
    assert_eq!(bench.incident().await.status, Status::Monitoring);
    bench.pass(3 * MINUTE).await;
    bench.ask("resolve", "ana", Request::IncidentResolve { incident: None }).await;
    bench.pager_says("resolved", PagerEventKind::Resolved, page("Q1"), None).await;
    let all = counted(&mut bench, "of an incident that goes well").await;
    assert!(all.len() <= MOST_PINGS, "{all:#?}");
    assert_eq!(bench.incident().await.status, Status::Resolved);
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// The noisiest one: nobody takes it, nobody approves, nobody mends.
#[tokio::test(start_paused = true)]
async fn a_p1_that_nobody_minds_calls_few() {
    let mut bench = Bench::new().await;
    bench.paged().await;
    bench.pass(4 * MINUTE).await;
    bench
        .ask("rollback", "ana", Request::RunbookRollback { service: None, params: [].into(), incident: None })
        .await;
    let all = counted(&mut bench, "of an incident that nobody minds").await;
    assert!(all.len() <= MOST_PINGS, "{all:#?}");
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// The count counts: each way to call somebody is seen, and what calls nobody is not.
#[tokio::test(start_paused = true)]
async fn the_count_sees_each_way_to_call_somebody() {
    let mut bench = Bench::new().await;
    bench.paged().await;
    let quiet = pings(&bench.world);
    let chat = FakeChat { world: bench.world.clone(), life: Life::new(None) };
    let note = |channel: &str, text: &str| ChatMessage::Note {
        channel: channel.to_owned(),
        thread: None,
        text: text.to_owned(),
    };
    let loud = [
        note("C1", "<@U-ana> it is late"),
        note("C1", "<!here> it is late"),
        note("C1", "<!channel> it is late"),
        note("C1", "<!subteam^S1> it is late"),
        note("D1", "it is late"),
        note("U-ana", "it is late"),
    ];
    let calls_nobody = [
        note("C1", "it is late"),
        ChatMessage::Reply {
            to: "ana".to_owned().into(),
            text: "<@U-ana> you have it".to_owned(),
            offers: Vec::new(),
        },
    ];
    for (number, message) in loud.iter().chain(&calls_nobody).enumerate() {
        chat.send(&format!("sabotage/{number}"), Attempt::number(1), message).await.unwrap();
    }
    // an edit of a message that is there: it notifies nobody
    let card = locked(&bench.world.chat).card().unwrap();
    let view = runbook_core::message::CardView { title: "<!channel>".to_owned(), ..card };
    let edit = ChatMessage::Card { channel: "C1".to_owned(), ts: Some("0".to_owned()), view };
    chat.send("card/edit", Attempt::number(1), &edit).await.unwrap();
    assert_eq!(pings(&bench.world).len(), quiet.len() + loud.len(), "{:#?}", pings(&bench.world));
    let all = counted(&mut bench, "with six that are put in on purpose").await;
    assert!(all.len() > MOST_PINGS, "six more than that are too many");
}
