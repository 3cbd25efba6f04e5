//! The heartbeat: it beats while everything works, stops when something does not, and tells of a silence when that is over.

use std::sync::atomic::Ordering;
use std::time::Duration;

use runbook_core::ports::{EventAction, EventSeverity, PagerCall, PagerEventKind};

use crate::heartbeat::HeartbeatSettings;
use crate::settings::{PagerLook, PagerTells};
use crate::testkit::{Bench, locked, page};

const MINUTE: u64 = 60_000;

async fn bench() -> Bench {
    Bench::with(&[], |settings| {
        settings.sends_events = true;
        settings.heartbeat =
            Some(HeartbeatSettings { every: Duration::from_secs(60), gap: Duration::from_secs(300) });
    })
    .await
}

fn beats(bench: &Bench) -> u64 {
    locked(&bench.world.outside).beats
}

fn alerts(bench: &Bench) -> Vec<(String, EventAction)> {
    let calls = locked(&bench.world.pager).calls.clone();
    let told = calls.into_iter().filter_map(|call| match call {
        PagerCall::Event { key, action } => Some((key, action)),
        _ => None,
    });
    told.collect()
}

#[tokio::test(start_paused = true)]
async fn it_beats_while_it_works() {
    let mut bench = bench().await;
    let before = beats(&bench);
    bench.pass(10 * MINUTE).await;
    assert_eq!(beats(&bench) - before, 10);
    assert!(bench.engine.last_beat().is_some_and(|beat| bench.now() - beat <= chrono::TimeDelta::minutes(1)));
    assert_eq!(alerts(&bench), []);
}

/// A process whose loop hangs is there, and does not work.
#[tokio::test(start_paused = true)]
async fn a_loop_that_stands_still_stops_it() {
    let mut bench = bench().await;
    bench.pass(2 * MINUTE).await;
    // what the inbox has to do next waits for ever
    let gate = bench.engine.clone();
    let held = gate.inner.pager_gate.lock().await;
    bench.pager_says("page", PagerEventKind::Triggered, page("Q1"), None).await;
    bench.pass(2 * MINUTE).await;
    let stopped = beats(&bench);
    bench.pass(30 * MINUTE).await;
    assert_eq!(beats(&bench), stopped, "nothing beats any more");
    assert!(bench.engine.metrics().get("blocks_heartbeat_missed_total", "") >= 29);
    drop(held);
    bench.pass(2 * MINUTE).await;
    assert!(beats(&bench) > stopped);
    // and it is told that nothing worked
    assert_eq!(alerts(&bench).len(), 2, "{:?}", alerts(&bench));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_takes_no_write_stops_it() {
    let mut bench = bench().await;
    bench.pass(2 * MINUTE).await;
    let before = beats(&bench);
    bench.faults.down.store(true, Ordering::SeqCst);
    bench.pass(4 * MINUTE).await;
    assert_eq!(beats(&bench), before);
    bench.faults.down.store(false, Ordering::SeqCst);
    bench.pass(2 * MINUTE).await;
    assert!(beats(&bench) > before);
    assert_eq!(alerts(&bench), [], "shorter than what is told of");
}

#[tokio::test(start_paused = true)]
async fn a_silence_is_told_of_once_when_it_is_over_and_an_end_in_order_is_none() {
    let mut bench = bench().await;
    bench.pass(5 * MINUTE + 1_000).await;
    // killed, and back after a while
    bench.is_down_for(Duration::from_millis(20 * MINUTE)).await;
    bench.pass(2 * MINUTE).await;
    let told = alerts(&bench);
    assert_eq!(told.len(), 2, "{told:?}");
    let EventAction::Trigger { summary, severity, .. } = &told[0].1 else { panic!("{told:?}") };
    assert!(summary.starts_with("Blocks did not work from 2026-01-05T09:05:"), "{summary}");
    assert_eq!((*severity, &told[1].1, &told[0].0), (EventSeverity::Info, &EventAction::Resolve, &told[1].0));
    bench.pass(10 * MINUTE).await;
    // back soon enough
    bench.is_down_for(Duration::from_millis(2 * MINUTE)).await;
    bench.pass(2 * MINUTE).await;
    assert_eq!(alerts(&bench).len(), 2);
    // ended in order
    bench.engine.drain(Duration::from_secs(10)).await;
    bench.is_down_for(Duration::from_millis(60 * MINUTE)).await;
    bench.pass(2 * MINUTE).await;
    assert_eq!(alerts(&bench).len(), 2);
}

/// Where looking is the only way, a pager that is not heard is a page that nobody gets: nothing beats, and it is said once.
#[tokio::test(start_paused = true)]
async fn a_pager_that_is_not_heard_stops_it_where_looking_is_the_only_way() {
    for (tells, deaf) in
        [(PagerTells::Nothing, true), (PagerTells::Both, false), (PagerTells::Webhooks, false)]
    {
        let look = PagerLook { every: Duration::from_secs(5), notes_every: Duration::from_secs(30), tells };
        let mut bench = Bench::with(&[], |settings| {
            settings.heartbeat =
                Some(HeartbeatSettings { every: Duration::from_secs(60), gap: Duration::from_secs(300) });
            (settings.sends_events, settings.pager_look) = (true, Some(look));
        })
        .await;
        bench.pass(3 * MINUTE).await;
        let looked = bench.engine.last_pager_look().unwrap();
        assert!(bench.now() - looked <= chrono::TimeDelta::minutes(1));
        let said = |bench: &Bench| {
            locked(&bench.world.chat).asks().into_iter().map(|(_, text)| text).collect::<Vec<_>>()
        };
        for (refused, words) in [(true, "the token is not known"), (false, "nobody answers")] {
            let before = said(&bench).len();
            (locked(&bench.world.pager).refuses_looks, locked(&bench.world.pager).is_away) =
                (refused, !refused);
            // a hiccup is none
            bench.pass(4 * MINUTE).await;
            assert_eq!(bench.engine.pager_unheard_since(), None);
            assert_eq!(said(&bench).len(), before);
            bench.pass(6 * MINUTE).await;
            let stopped = beats(&bench);
            bench.pass(20 * MINUTE).await;
            assert_eq!(beats(&bench) == stopped, deaf, "{tells:?}");
            assert_eq!(bench.engine.pager_unheard_since().is_some(), deaf);
            let told: Vec<_> = said(&bench).split_off(before);
            assert_eq!(told.len(), usize::from(deaf), "{told:?}");
            assert!(
                told.iter().all(|text| text.contains(words) && text.contains("has not been heard since")),
                "{told:?}"
            );
            (locked(&bench.world.pager).refuses_looks, locked(&bench.world.pager).is_away) = (false, false);
            bench.pass(5 * MINUTE).await;
            assert!(beats(&bench) > stopped);
            let told: Vec<_> = said(&bench).split_off(before);
            assert_eq!(told.len(), 2 * usize::from(deaf), "{told:?}");
            assert!(told.last().is_none_or(|text| text.starts_with("PagerDuty is heard again")), "{told:?}");
        }
        // it did work all the time
        assert_eq!(alerts(&bench), []);
        bench.end();
    }
}
