//! What leaves: retries, pauses, failures for good, and few edits.

use runbook_core::incident::IncidentEvent;
use runbook_core::ports::{PagerEventKind, PagerIncident};
use runbook_core::request::Request;
use tokio::time::Instant;

use crate::testkit::{Act, Bench, ChatFault, check, locked, page};

/// Milliseconds between the tries of messages whose key begins so.
fn gaps(bench: &Bench, prefix: &str) -> Vec<u128> {
    let chat = locked(&bench.world.chat);
    let at: Vec<_> =
        chat.tries.iter().filter(|(_, key, _)| key.starts_with(prefix)).map(|(at, ..)| *at).collect();
    at.windows(2).map(|pair| (pair[1] - pair[0]).as_millis()).collect()
}

#[tokio::test(start_paused = true)]
async fn what_did_not_leave_is_tried_again_with_growing_pauses() {
    let mut bench = Bench::new().await;
    locked(&bench.world.chat).faults = vec![("channel/", ChatFault::Retry(None)); 9];
    bench.pager_says("page", PagerEventKind::Triggered, page("Q1"), None).await;
    bench.pass(10 * 60_000).await;
    let gaps = gaps(&bench, "channel/");
    assert_eq!(gaps.len(), 9);
    // Doubling from a second to a minute, each spread over its upper half; a loop looks every half second.
    for (gap, wanted) in gaps.iter().zip([1, 2, 4, 8, 16, 32, 60, 60, 60]) {
        assert!((wanted * 500..wanted * 1_000 + 600).contains(gap), "{gap} for {wanted} s");
    }
    let attempts: Vec<_> = locked(&bench.world.chat)
        .tries
        .iter()
        .filter(|(_, key, _)| key.starts_with("channel/"))
        .map(|(_, _, n)| *n)
        .collect();
    assert_eq!(attempts, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], "each try knows of the ones before it");
    assert_eq!(locked(&bench.world.chat).of("card/").len(), 1, "what waited for the channel follows it");
    assert_eq!(locked(&bench.data).backlog(), Vec::<String>::new());
    assert_eq!(check(&bench), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_the_chat_asks_for_is_kept_and_delays_nobody_else() {
    let mut bench = Bench::new().await;
    bench.paged().await;
    locked(&bench.world.chat).faults = vec![("card/", ChatFault::Retry(Some(90_000)))];
    bench.pager_says("ack", PagerEventKind::Acknowledged, page("Q1"), Some("P-ana")).await;
    bench.pass(1_000).await;
    let before = gaps(&bench, "card/").len();
    // More changes to the card, and other messages, while it pauses.
    let answer = bench
        .ask("severity", "ana", Request::IncidentSeverity { incident: None, severity: "P2".to_owned() })
        .await;
    assert_eq!(answer, "INC-1 is P2 now.", "an answer is not held up");
    let other = PagerIncident { service_id: Some("PBILL".to_owned()), ..page("Q2") };
    bench.pager_says("other", PagerEventKind::Triggered, other, None).await;
    bench.pass(80_000).await;
    let cards = locked(&bench.world.chat).of("card/").len();
    assert_eq!(cards, 2, "another channel's card is not held up");
    let first = locked(&bench.world.chat).of("card/")[0].key.clone();
    assert_eq!(gaps(&bench, &first).len(), before, "no try during the pause");
    bench.pass(20_000).await;
    let gap = gaps(&bench, &first)[before];
    assert!((90_000..90_600).contains(&gap), "{gap}");
    let chat = locked(&bench.world.chat);
    let shown = format!("{:?}", chat.of("card/")[0].message);
    assert!(shown.contains("ana (acting)") && shown.contains("\"P2\""), "{shown}");
}

/// Whoever waits for an answer does not wait behind cards that the chat system is slow with.
#[tokio::test(start_paused = true)]
async fn slow_cards_keep_no_answer_waiting() {
    let mut bench = Bench::new().await;
    bench.paged().await;
    bench.pass(5_000).await;
    locked(&bench.world.chat).faults = vec![("card/", ChatFault::Slow(60_000)); 60];
    for number in 2..42 {
        let another = page(&format!("Q{number}"));
        bench.pager_says(&format!("page {number}"), PagerEventKind::Triggered, another, None).await;
    }
    bench.pass(2_000).await;
    let under_way = 60 - locked(&bench.world.chat).faults.len();
    assert!((10..40).contains(&under_way), "many at once, and not all: {under_way}");
    let asked = Instant::now();
    let list = Request::IncidentList { all: false };
    let answer = bench.ask("list", "ana", list).await;
    assert!(answer.contains("INC-1"), "{answer}");
    assert!(asked.elapsed().as_millis() < 2_000, "{:?}", asked.elapsed());
    bench.pass(20 * 60_000).await;
    assert_eq!(locked(&bench.world.chat).of("card/").len(), 41, "the cards come all the same");
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// A message that can never leave is on the record, and does not hold up what comes after it.
#[tokio::test(start_paused = true)]
async fn a_failure_for_good_is_recorded_and_the_next_messages_leave() {
    let mut bench = Bench::new().await;
    let id = bench.paged().await.id;
    locked(&bench.world.chat).faults = vec![("ask/", ChatFault::Permanent)];
    bench.pass(16 * 60_000).await;
    let failed = |events: Vec<IncidentEvent>| -> Vec<(String, String)> {
        let failed = events.into_iter().filter_map(|event| match event {
            IncidentEvent::DeliveryFailed { what, reason } => Some((what, reason)),
            _ => None,
        });
        failed.collect()
    };
    let (_, events) = bench.incident_events(id).await;
    assert_eq!(failed(events), [("ask".to_owned(), "channel_not_found".to_owned())]);
    assert_eq!(locked(&bench.world.chat).asks(), []);
    // The next one, in the same group: another target, missed as well.
    bench
        .ask("severity", "ana", Request::IncidentSeverity { incident: None, severity: "P2".to_owned() })
        .await;
    bench.pass(20 * 60_000).await;
    let asks = locked(&bench.world.chat).asks();
    assert!(matches!(&asks[..], [(_, text)] if text.contains("30 min")), "{asks:?}");
    assert_eq!(locked(&bench.data).backlog(), Vec::<String>::new());
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// What is shown whenever something may have changed, and has no place, is on the record once, and not once for each time.
#[tokio::test(start_paused = true)]
async fn a_card_that_has_no_place_fails_once() {
    let mut bench = Bench::new().await;
    locked(&bench.world.chat).faults = vec![("channel/", ChatFault::Permanent)];
    let declare = Request::IncidentDeclare {
        title: "keys on a page".to_owned(),
        severity: Some("P1".to_owned()),
        service: Some("flowengine".to_owned()),
        private: true,
        description: None,
    };
    bench.ask("declare", "ben", declare).await;
    bench
        .ask("rollback", "ana", Request::RunbookRollback { service: None, params: [].into(), incident: None })
        .await;
    bench.pass(60 * 60_000).await;
    let id = *locked(&bench.data).incidents.keys().next().unwrap();
    let (_, events) = bench.incident_events(id).await;
    let of = |kind: &str| {
        let failed = |event: &&IncidentEvent| matches!(event, IncidentEvent::DeliveryFailed { what, .. } if what == kind);
        events.iter().filter(failed).count()
    };
    assert_eq!((of("channel"), of("card")), (1, 1), "{events:?}");
    assert!(events.len() < 60, "{}: {events:?}", events.len());
    assert_eq!(check(&bench), Vec::<String>::new());
}

/// It arrived, and nobody heard so: the next try finds it instead of posting it twice.
#[tokio::test(start_paused = true)]
async fn a_lost_answer_doubles_nothing() {
    let mut bench = Bench::new().await;
    let kinds = ["channel/", "card/", "plan/", "progress/", "note/", "review/"];
    locked(&bench.world.chat).faults = kinds.map(|kind| (kind, ChatFault::AnswerLost)).to_vec();
    bench.paged().await;
    bench
        .ask("rollback", "ana", Request::RunbookRollback { service: None, params: [].into(), incident: None })
        .await;
    bench.pass(5_000).await;
    let yes = bench.approval(bench.asked_runs()[0]);
    bench.ask("yes", "ben", yes).await;
    bench.pass(20 * 60_000).await;
    bench.ask("resolve", "ana", Request::IncidentResolve { incident: None }).await;
    bench.pager_says("resolved", PagerEventKind::Resolved, page("Q1"), None).await;
    bench.pass(60_000).await;
    let left: Vec<_> = locked(&bench.world.chat).faults.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(left, ["note/"], "all but a note were met with the fault");
    assert_eq!(check(&bench), Vec::<String>::new());
    assert_eq!(locked(&bench.data).backlog(), Vec::<String>::new());
    assert_eq!(locked(&bench.world.chat).of("review/").len(), 1);
}

/// Many changes are few edits, and the last edit shows the last state.
#[tokio::test(start_paused = true)]
async fn many_changes_are_few_edits_and_the_last_one_shows_the_last_state() {
    let mut bench = Bench::new().await;
    let mut triage = "---\ntitle: Many\nservice: flowengine\n---\n# Many\n\n## Look (1 min)\n".to_owned();
    for n in 0..50 {
        triage.push_str(&format!("\n```bash {{name=look-{n} effect=read}}\nlook-at-it {n}\n```\n"));
    }
    bench.rewrite("triage", &triage);
    bench.world.will("look-at-it", &[Act::Ends(100, 0, "healthy\n")]);
    bench.pager_says("page", PagerEventKind::Triggered, page("Q1"), None).await;
    bench.pass(5_000).await;
    let edits = |bench: &Bench| locked(&bench.world.chat).of("card/")[0].edits;
    let during = edits(&bench);
    assert!((1..=4).contains(&during), "{during} edits for fifty findings in five seconds");
    bench.pass(5_000).await;
    assert!(edits(&bench) <= 5, "{} edits", edits(&bench));
    let incident = bench.incident().await;
    let card = locked(&bench.world.chat).card().unwrap();
    assert_eq!((incident.evidence.len(), card.evidence.len()), (50, 50));
    assert!(card.triage.unwrap().contains("50 commands ran: 50 passed"));
    assert_eq!(locked(&bench.data).backlog(), Vec::<String>::new());
}

/// What somebody waits for is shown at once, however lately the card was edited.
#[tokio::test(start_paused = true)]
async fn a_new_status_is_shown_at_once() {
    let mut bench = Bench::new().await;
    bench.paged().await;
    bench.pager_says("ack", PagerEventKind::Acknowledged, page("Q1"), Some("P-ana")).await;
    bench.pass(100).await;
    assert_eq!(locked(&bench.world.chat).card().unwrap().status, "acknowledged");
}
