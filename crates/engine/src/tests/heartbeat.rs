//! The heartbeat: it beats while everything works, stops when something does not, and tells of a silence when that is over.

use std::sync::atomic::Ordering;
use std::time::Duration;

use runbook_core::ports::{EventAction, EventSeverity, PagerCall, PagerEventKind};

use crate::heartbeat::HeartbeatSettings;
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
