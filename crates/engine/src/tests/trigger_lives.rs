//! Triggers over whole stories of figures: whatever ends the process, and how often, the same comes of them as in one long life.

use runbook_core::incident::IncidentEvent;
use runbook_core::ports::InboxItem;
use runbook_core::trigger::{Trigger, TriggerNotice, Turn};

use super::triggers::{lines, notes, pages, reads, the_incidents, trigger, with};
use crate::testkit::{Bench, check, locked};

/// Parts of a story. Each lasts for so many questions that a restart more or less changes nothing, and no limit is near a multiple of it.
const PARTS: usize = 10;
const PART_MS: u64 = 245_000;

/// Numbers that are the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

/// What came of a story, without the times that a restart moves.
#[derive(Debug, PartialEq)]
struct Outcome {
    incidents: Vec<(bool, String, Vec<String>, Vec<&'static str>)>,
    pages: usize,
    runs: usize,
    said: Vec<String>,
}

fn without_times(text: &str) -> String {
    text.split(" since ")
        .next()
        .unwrap_or_default()
        .split(" has planned ")
        .next()
        .unwrap_or_default()
        .to_owned()
}

async fn told(story: &[u64], trigger: Trigger, ends: &[u64]) -> Outcome {
    let mut bench = Bench::with(ends, with(vec![trigger])).await;
    for part in story {
        match part {
            0..=2 => reads(&bench, "q", Ok(0.34)),
            3..=5 => reads(&bench, "q", Ok(0.01)),
            6 => reads(&bench, "q", Ok(f64::NAN)),
            _ => reads(&bench, "q", Err("the server could not be reached")),
        }
        bench.pass(PART_MS).await;
    }
    // what comes and goes gets steady
    bench.pass(12 * 60_000).await;
    assert_eq!(check(&bench), Vec::<String>::new(), "{story:?} {ends:?}");
    let mut incidents = Vec::new();
    for (incident, events) in the_incidents(&bench).await {
        let turns = events.iter().filter_map(|event| match event {
            IncidentEvent::Reopened { .. } => Some("reopened"),
            IncidentEvent::Resolved { .. } => Some("resolved"),
            IncidentEvent::AlertsDamped { .. } => Some("damped"),
            IncidentEvent::AlertsSteady { .. } => Some("steady"),
            _ => None,
        });
        let notes = notes(&events).into_iter().map(without_times).collect();
        incidents.push((incident.status.is_open(), incident.severity.clone(), notes, turns.collect()));
    }
    // a call whose answer is lost is made again, under its key
    let (mut pages, mut said) = (pages(&bench), lines(&bench));
    pages.sort();
    pages.dedup();
    said.dedup();
    let runs = locked(&bench.data).runs.len();
    Outcome {
        incidents,
        pages: pages.len(),
        runs,
        said: said.iter().map(|line| without_times(line)).collect(),
    }
}

#[tokio::test(start_paused = true)]
async fn many_lives_come_to_the_same_as_one() {
    let mut opened = 0;
    for seed in 0..6 {
        let mut dice = Dice(seed);
        let story: Vec<u64> = (0..PARTS).map(|_| dice.below(8)).collect();
        let of_it = Trigger {
            for_s: [0, 0, 120][usize::try_from(dice.below(3)).unwrap()],
            severity: (dice.below(4) > 0).then(|| "P1".to_owned()),
            service: Some("billing".to_owned()),
            ..trigger("rate", "q")
        };
        let has_incident = of_it.severity.is_some();
        let of_it = Trigger {
            page: of_it.page.filter(|_| has_incident),
            plan: has_incident.then(|| "triage".to_owned()),
            window_s: 1_100,
            ..of_it
        };
        let ends: Vec<u64> = (0..6).map(|_| 3 + dice.below(200)).collect();
        let ideal = told(&story, of_it.clone(), &[]).await;
        let lived = told(&story, of_it, &ends).await;
        assert_eq!(lived, ideal, "seed {seed}: {story:?}, ended at {ends:?}");
        opened += ideal.incidents.len();
    }
    assert!(opened > 2, "the stories are too quiet: {opened}");
}

/// Bad for an hour is bad at each question of an hour: one before Blocks was down and one after it are not.
#[tokio::test(start_paused = true)]
async fn what_is_pending_begins_anew_after_a_time_without_questions() {
    let hour = Trigger { for_s: 3_600, service: Some("billing".to_owned()), ..trigger("rate", "q") };
    let mut bench = Bench::with(&[], with(vec![hour])).await;
    reads(&bench, "q", Ok(0.34));
    bench.pass(90_000).await;
    bench.is_down_for(std::time::Duration::from_secs(2 * 3_600)).await;
    bench.pass(50 * 60_000).await;
    assert_eq!(the_incidents(&bench).await.len(), 0, "nobody knows how it was");
    bench.reboot().await;
    bench.pass(15 * 60_000).await;
    assert_eq!((the_incidents(&bench).await.len(), check(&bench)), (1, Vec::new()));
}

/// Hands in a turn of the trigger under a name of its own, as if it had come then.
async fn hand_in(bench: &mut Bench, turn: Turn, received_at: chrono::DateTime<chrono::Utc>) {
    let notice = TriggerNotice { trigger: "rate".to_owned(), turn };
    let item = InboxItem {
        source: "trigger".to_owned(),
        id: "rate/by-hand".to_owned(),
        kind: "trigger".to_owned(),
        body: serde_json::to_vec(&notice).unwrap(),
        received_at,
    };
    bench.engine.store().accept(item).await.unwrap();
    bench.reboot().await;
}

/// A turn that is taken up again from the dead letters says how the trigger was: what it has told since stands.
#[tokio::test(start_paused = true)]
async fn a_turn_that_was_overtaken_opens_and_ends_nothing() {
    let at_once = Trigger { for_s: 0, service: Some("billing".to_owned()), ..trigger("rate", "q") };
    for fires in [true, false] {
        let mut bench = Bench::with(&[], with(vec![at_once.clone()])).await;
        let before = bench.now();
        for value in if fires { [0.34, 0.01] } else { [0.01, 0.34] } {
            reads(&bench, "q", Ok(value));
            bench.pass(3_600_000).await;
        }
        let open = async |bench: &Bench| {
            the_incidents(bench).await.iter().filter(|one| one.0.status.is_open()).count()
        };
        let (all, were_open) = (the_incidents(&bench).await.len(), open(&bench).await);
        assert_eq!((all, were_open), (1, usize::from(!fires)));
        let turn = match fires {
            true => Turn::Fires { since: before, value: 0.34, over: Vec::new() },
            false => Turn::Resolves { since: before, value: 0.01 },
        };
        hand_in(&mut bench, turn, before).await;
        bench.pass(30_000).await;
        assert_eq!((the_incidents(&bench).await.len(), open(&bench).await), (all, were_open), "{fires}");
        assert_eq!(check(&bench), Vec::<String>::new());
    }
}

/// That it is quiet was told, and the process ended before that was kept: as it fires on, that is told again.
#[tokio::test(start_paused = true)]
async fn an_end_that_was_told_and_not_kept_keeps_it_from_nothing() {
    let at_once = Trigger { for_s: 0, service: Some("billing".to_owned()), ..trigger("rate", "q") };
    let mut bench = Bench::with(&[], with(vec![at_once])).await;
    reads(&bench, "q", Ok(0.34));
    bench.pass(3_600_000).await;
    let now = bench.now();
    hand_in(&mut bench, Turn::Resolves { since: now, value: 0.01 }, now).await;
    bench.pass(10_000).await;
    assert!(!the_incidents(&bench).await[0].0.status.is_open());
    bench.pass(4 * 60_000).await;
    assert!(the_incidents(&bench).await[0].0.status.is_open(), "it fires on");
    assert_eq!(check(&bench), Vec::<String>::new());
}
