//! The deliveries: the real server told of thousands of incidents as PagerDuty tells, with duplicates, cut connections, lost answers,
//! retries and kills, in and out of order. In the end every message is on record once, every incident has the timeline that it must
//! have, and everything that was done at the pager was done once (docs/deliveries.md).
//!
//! A seed decides what happens at the pager (`life.rs`) and how it is sent (`play.rs`, `send.rs`); how fast the machine is, it does not. What the
//! timelines must be is worked out apart from Blocks (`ideal.rs`), in the order in which it took the messages, and held against its store (`judge.rs`).

mod ideal;
mod judge;
mod life;
mod pager;
mod play;
mod report;
mod send;
mod wire;
mod world;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use self::judge::{judge, open, waiting};
use self::pager::Pager;
use self::play::{Plan, Played, play};
pub use self::report::Report;
use self::world::World;

/// What shows a defect.
type Shows = fn(&Report) -> bool;
/// Defects that this harness must find, and what shows each.
pub const SABOTAGES: [(&str, Shows); 5] = [
    ("accept-twice", |report| report.doubled > 0 && report.other_timelines > 0),
    ("skip-fsync", |report| report.lost > 0),
    ("forget-inbox", |report| report.lost + report.other_timelines > 0),
    ("tell-blindly", |report| report.doubled > 0),
    ("believe-late", |report| report.other_timelines > 0),
];
/// An effect may take so long: what was taken before it comes first, and of a million deliveries that is many minutes. Less where it
/// is expected never to come.
const PATIENCE: Duration = Duration::from_secs(3_600);
const SABOTAGE_PATIENCE: Duration = Duration::from_secs(8);
/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// What to do.
#[derive(Debug, Clone)]
pub struct Options {
    /// The program; with the feature `crash-points`, unless `points` says otherwise.
    pub binary: PathBuf,
    /// Whether the named points are alive in it.
    pub points: bool,
    /// Decides what happens and how it is sent.
    pub seed: u64,
    /// How many deliveries, duplicates included.
    pub deliveries: u64,
    /// How many are under way at once.
    pub connections: u64,
    /// How often the server is killed; each kill may be followed by one of the next server.
    pub kills: u64,
    /// Each defect must be caught within so many deliveries, of three seeds at most; 0 leaves them out.
    pub sabotage_within: u64,
}

/// So many seeds are tried for a defect.
const SABOTAGE_SEEDS: u64 = 3;

/// Hears how many deliveries were made.
pub type Tell = Arc<dyn Fn(u64) + Send + Sync>;

/// Delivers it all, and judges.
///
/// # Panics
/// When a folder cannot be written, or a server neither listens nor ends.
pub async fn run(options: &Options, tell: Tell) -> Report {
    let plan = Plan {
        seed: options.seed,
        deliveries: options.deliveries,
        connections: options.connections,
        kills: options.kills,
        has_points: options.points,
        patience: PATIENCE,
    };
    let mut report = match options.deliveries {
        0 => Report::default(),
        _ => one(options, plan, None, Arc::clone(&tell)).await,
    };
    if options.sabotage_within > 0 {
        let deliveries = options.sabotage_within;
        let small = Plan { deliveries, connections: 16, kills: 6, patience: SABOTAGE_PATIENCE, ..plan };
        for (name, shows) in SABOTAGES {
            let mut wrong = None;
            // when a kill comes depends on the machine, too: one that hits nothing is no proof
            for seed in small.seed..small.seed + SABOTAGE_SEEDS {
                let seen = one(options, Plan { seed, ..small }, Some(name), Arc::new(|_| {})).await;
                wrong = seen.wrong.first().cloned().filter(|_| shows(&seen));
                if wrong.is_some() {
                    break;
                }
            }
            report.sabotage.insert(name.to_owned(), wrong);
        }
    }
    report
}

async fn one(options: &Options, plan: Plan, sabotage: Option<&str>, tell: Tell) -> Report {
    let (pager, address) = Pager::start().await;
    let mut world = World::new(&options.binary, &address, sabotage);
    let token = world.token("ana").await;
    let mut report = Report { seed: plan.seed, ..Report::default() };
    if !world.start().await {
        report.complain(format!("the server does not start: {}", world.log()));
        return report;
    }
    let store = match open(&world.database()) {
        Ok(store) => store,
        Err(error) => {
            report.complain(format!("the store does not open: {error}"));
            return report;
        }
    };
    let began = Instant::now();
    let played = play(plan, &mut world, &pager, (token, store), tell).await;
    report.seconds = began.elapsed().as_secs_f64();
    let played = keep(played, &mut report);
    let settled = Instant::now();
    if let Err(why) = settle(&mut world, plan.patience).await {
        report.complain(why);
    }
    report.settled_after_s = settled.elapsed().as_secs_f64();
    world.end().await;
    report.used(world.used);
    report.store_mib = world.store_bytes() / (1 << 20);
    let judged = open(&world.database())
        .and_then(|store| judge(&store, plan.seed, &played, &pager.ledger(), &mut report));
    if let Err(error) = judged {
        report.complain(format!("the store does not read: {error}"));
    }
    let verified = world.blocks(&["journal", "verify"]).await;
    report.verified = verified["verified"] == true;
    if !report.verified {
        report.complain(format!("the journal does not verify: {verified}"));
    }
    report
}

fn keep(mut played: Played, report: &mut Report) -> Played {
    report.deliveries = played.deliveries;
    report.duplicates = played.duplicates;
    report.kills = std::mem::take(&mut played.kills);
    report.ended_alone = played.ended_alone;
    report.dropped = played.dropped.len() as u64;
    report.tally(std::mem::take(&mut played.tally));
    let texts = [std::mem::take(&mut played.dropped), std::mem::take(&mut played.wrong)].concat();
    texts.into_iter().for_each(|text| report.complain(text));
    played
}

/// Waits until nothing waits any more, as long as it gets less.
async fn settle(world: &mut World, patience: Duration) -> Result<(), String> {
    let (mut least, mut since) = (i64::MAX, Instant::now());
    loop {
        let found = open(&world.database()).and_then(|store| waiting(&store));
        let (messages, effects) = found.map_err(|error| format!("the store does not read: {error}"))?;
        if messages + effects == 0 {
            return Ok(());
        }
        if messages + effects < least {
            (least, since) = (messages + effects, Instant::now());
        }
        if since.elapsed() > patience || !world.is_up() {
            return Err(format!(
                "{messages} messages and {effects} effects wait, and nothing happens: {}",
                world.log()
            ));
        }
        sleep(LOOK).await;
    }
}
