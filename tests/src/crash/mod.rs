//! The crash harness: the real binary in real processes, killed at random moments and at named points, again and again.
//!
//! The commands of its runbook write down themselves what they do (`ledger.rs`), and people answer what they are asked
//! (`play.rs`). Afterwards the journal and the ledger must tell the same story (`judge.rs`). What is killed when comes
//! from a seed (`plan.rs`); how fast the machine is does not, so a seed repeats the plan and not the moment.

mod facts;
mod judge;
mod ledger;
mod plan;
mod play;
mod report;
mod world;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::Instant;

use self::judge::judge;
pub(crate) use self::plan::Random;
use self::plan::RunPlan;
use self::play::{Playing, RunLog};
pub use self::report::{Doubts, Report};
use self::world::World;

/// Defects that this harness must find. The others are the simulator's.
pub const SABOTAGES: [&str; 4] = ["skip-intent", "skip-fsync", "rerun-once", "forget-outcome"];
/// How long a run may take: many times what it needs.
const LIMIT: Duration = Duration::from_secs(90);
/// The same where it is expected to stand still.
const SABOTAGE_LIMIT: Duration = Duration::from_secs(15);

/// What to do.
#[derive(Debug, Clone)]
pub struct Options {
    /// The program, built with the feature `crash-points`.
    pub binary: PathBuf,
    /// Decides what is killed when.
    pub seed: u64,
    /// How many runs.
    pub runs: u64,
    /// No new run begins after so many seconds.
    pub seconds: u64,
    /// How many worlds at once.
    pub worlds: u64,
    /// Each defect must be caught within so many runs; 0 leaves them out.
    pub sabotage_within: u64,
}

/// Hears how far it is.
pub type Tell = Arc<dyn Fn(&Report) + Send + Sync>;

/// Plays it all.
///
/// # Panics
/// When a folder cannot be written, or an engine neither listens nor ends.
pub async fn run(options: &Options, tell: Tell) -> Report {
    let shared = Arc::new(Shared {
        options: options.clone(),
        next: AtomicU64::new(0),
        until: Instant::now() + Duration::from_secs(options.seconds),
        total: Mutex::default(),
        tell,
    });
    let mut worlds = JoinSet::new();
    for _ in 0..options.worlds.max(1) {
        worlds.spawn(Arc::clone(&shared).live());
    }
    worlds.join_all().await;
    let mut report = shared.total.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if options.sabotage_within > 0 {
        for name in SABOTAGES {
            report.sabotage.insert(name.to_owned(), caught(options, name).await);
        }
    }
    report
}

struct Shared {
    options: Options,
    next: AtomicU64,
    until: Instant,
    total: Mutex<Report>,
    tell: Tell,
}

impl Shared {
    /// One world after the other would be slow: each takes the next run as long as there is one.
    async fn live(self: Arc<Self>) {
        let mut world = World::new(&self.options.binary, None).await;
        let mut logs = Vec::new();
        while Instant::now() < self.until {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.options.runs {
                break;
            }
            let plan = RunPlan::of(self.options.seed, number);
            let log = Playing::new(&mut world, &plan).play(LIMIT).await;
            self.add(|total| {
                let events = log.id.as_ref().map(|run| world.events(run)).unwrap_or_default();
                total.add(&log, &judge(&log, &events, &entries(&world, &log)), &events);
            });
            logs.push(log);
        }
        world.end().await;
        self.add(|total| after_all(&world, &logs, total));
        let verified = world.blocks(&["journal", "verify", "-o", "json"]).await;
        if verified["verified"] != true {
            self.add(|total| total.add_broken_journal(&verified));
        }
    }

    fn add(&self, change: impl FnOnce(&mut Report)) {
        let mut total = self.total.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut total);
        (self.tell)(&total);
    }
}

fn entries(world: &World, log: &RunLog) -> Vec<ledger::Entry> {
    log.id.as_ref().map(|run| ledger::of_run(&world.books(), run)).unwrap_or_default()
}

/// Once more when nothing runs any more: what was done later than the run's end would show only now.
fn after_all(world: &World, logs: &[RunLog], total: &mut Report) {
    for log in logs {
        let events = log.id.as_ref().map(|run| world.events(run)).unwrap_or_default();
        let judged = judge(log, &events, &entries(world, log));
        for text in [judged.lost, judged.duplicated, judged.false_success, judged.without_intent].concat() {
            if !total.wrong.iter().any(|known| known.ends_with(&text)) {
                total.duplicated_once_effects += u64::from(text.contains(" times"));
                total.lost += u64::from(!text.contains(" times"));
                total.wrong.push(format!("run {}: at the end of all: {text}", log.number));
            }
        }
    }
}

/// After how many runs a defect was caught; `None` when it was not.
async fn caught(options: &Options, name: &str) -> Option<u64> {
    let mut world = World::new(&options.binary, Some(name)).await;
    for number in 0..options.sabotage_within {
        let plan = RunPlan::for_sabotage(name, options.seed, number);
        let log = Playing::new(&mut world, &plan).play(SABOTAGE_LIMIT).await;
        let events: Vec<Value> = log.id.as_ref().map(|run| world.events(run)).unwrap_or_default();
        let mut report = Report::default();
        report.add(&log, &judge(&log, &events, &entries(&world, &log)), &events);
        if !report.holds() {
            world.kill_engine().await;
            return Some(number + 1);
        }
    }
    None
}
