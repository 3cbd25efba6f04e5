//! What diagnostics printed and the card has no room for: a file below the card.

use runbook_core::incident::IncidentEvent;
use runbook_core::message::ChatMessage;
use runbook_core::ports::{PagerEventKind, PagerIncident};
use runbook_core::request::Request;

use crate::testkit::{Act, Bench, ChatFault, check, locked, page};

const LONG: &str = "v1.2 rolled out 6 min ago\nby ana\nof 41 changes\nin 3 repositories\nthe last line\n";

/// A bench whose diagnostic prints more than the card shows.
async fn bench() -> Bench {
    let bench = Bench::new().await;
    bench.world.will("list-changes", &[Act::Ends(300, 0, LONG)]);
    bench
}

/// Channel, thread, name and text of each file.
fn files(bench: &Bench) -> Vec<(String, Option<String>, String, String)> {
    let chat = locked(&bench.world.chat);
    let files = chat.messages.iter().filter_map(|posted| match &posted.message {
        ChatMessage::Upload { channel, thread, filename, content, .. } => {
            Some((channel.clone(), thread.clone(), filename.clone(), content.clone()))
        }
        _ => None,
    });
    files.collect()
}

/// What the card says of where all of an output is.
fn said(bench: &Bench) -> Vec<String> {
    let card = locked(&bench.world.chat).card().unwrap();
    card.evidence.into_iter().filter_map(|line| line.whole).collect()
}

/// The id of the card, and the file that stands below it.
fn file_below(bench: &Bench, channel: &str) -> (String, Option<String>, String, String) {
    let chat = locked(&bench.world.chat);
    let card = chat.messages.iter().position(|posted| posted.key.starts_with("card/")).unwrap();
    (channel.to_owned(), Some(card.to_string()), "INC-1-what-changed.txt".to_owned(), LONG.to_owned())
}

#[tokio::test(start_paused = true)]
async fn what_the_card_has_no_room_for_is_one_file_below_it() {
    let mut bench = bench().await;
    bench.paged().await;
    assert_eq!(files(&bench), [file_below(&bench, "C1")]);
    assert_eq!(said(&bench), ["all of it: `INC-1-what-changed.txt`, a file in this thread"]);
    bench.reboot().await;
    bench.pass(60_000).await;
    assert_eq!(files(&bench).len(), 1, "and nothing more after a restart");
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// Slack takes the file and its answer is lost; or the process ends before it knows. Cards do not wait for that.
#[tokio::test(start_paused = true)]
async fn a_file_is_there_once_whatever_is_lost() {
    let faults = [
        vec![ChatFault::AnswerLost],
        vec![ChatFault::Retry(Some(90_000)), ChatFault::AnswerLost],
        vec![ChatFault::AnswerLate(20_000)],
    ];
    for (number, faults) in faults.into_iter().enumerate() {
        let mut bench = bench().await;
        locked(&bench.world.chat).faults = faults.into_iter().map(|fault| ("output/", fault)).collect();
        bench.paged().await;
        bench.reboot().await;
        bench.pager_says("ack", PagerEventKind::Acknowledged, page("Q1"), Some("P-ana")).await;
        bench.pass(2_000).await;
        assert_eq!(locked(&bench.world.chat).card().unwrap().status, "acknowledged", "{number}");
        bench.pass(3 * 60_000).await;
        assert_eq!(files(&bench), [file_below(&bench, "C1")], "{number}");
        assert_eq!(locked(&bench.data).backlog(), Vec::<String>::new(), "{number}");
        assert_eq!(check(&bench), Vec::<String>::new(), "{number}");
    }
}

/// It waits for the card, wherever that is: it is never somewhere else.
#[tokio::test(start_paused = true)]
async fn a_file_waits_for_its_card() {
    let mut bench = bench().await;
    locked(&bench.world.chat).faults = vec![("card/", ChatFault::Retry(Some(60_000)))];
    bench.paged().await;
    assert_eq!(files(&bench), []);
    bench.pass(90_000).await;
    assert_eq!(files(&bench), [file_below(&bench, "C1")]);

    let mut small = self::bench().await;
    let paged = PagerIncident { priority: Some("P3".to_owned()), high_urgency: Some(false), ..page("Q1") };
    small.pager_says("page", PagerEventKind::Triggered, paged, None).await;
    small.pass(10_000).await;
    assert_eq!(files(&small), [file_below(&small, "CINCIDENTS")]);
    let grave = Request::IncidentSeverity { incident: None, severity: "P1".to_owned() };
    small.ask("grave", "ana", grave).await;
    small.pass(10_000).await;
    assert_eq!(files(&small).len(), 1, "an incident that moves leaves it where it is");
    let place = "a file in this thread or in that of the shared channel";
    assert_eq!(said(&small), [format!("all of it: `INC-1-what-changed.txt`, {place}")]);
    assert_eq!(check(&small), Vec::<String>::new());
}

/// Without the scope for files the rest goes on, and it is told once, however many there are.
#[tokio::test(start_paused = true)]
async fn without_the_scope_for_files_it_is_said_once() {
    let mut bench = bench().await;
    bench.world.will("show-failure-rate", &[Act::Ends(400, 0, "34 %\n1\n2\n3\n4\n5\n")]);
    locked(&bench.world.chat).faults = vec![("output/", ChatFault::Permanent); 2];
    let id = bench.paged().await.id;
    bench.pass(60_000).await;
    assert_eq!((files(&bench), locked(&bench.world.chat).faults.len()), (Vec::new(), 0));
    let (_, events) = bench.incident_events(id).await;
    let failed = |event: &&IncidentEvent| matches!(event, IncidentEvent::DeliveryFailed { .. });
    assert_eq!(events.iter().filter(failed).count(), 1);
    assert!(said(&bench).iter().all(|words| words.contains("not every file of it could be shared")));
    assert_eq!(said(&bench).len(), 2);
    assert_eq!(locked(&bench.data).backlog(), Vec::<String>::new());
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// Of a private incident it goes where that is led, or nowhere.
#[tokio::test(start_paused = true)]
async fn what_is_private_stays_in_its_channel() {
    let mut bench = bench().await;
    locked(&bench.world.chat).faults = vec![("channel/", ChatFault::Permanent)];
    let declare = Request::IncidentDeclare {
        title: "a leak".to_owned(),
        service: Some("flowengine".to_owned()),
        severity: Some("P1".to_owned()),
        private: true,
        description: None,
    };
    bench.says("declare", "ana", declare).await;
    bench.pass(60_000).await;
    assert_eq!(files(&bench), [], "its channel did not open");
}
