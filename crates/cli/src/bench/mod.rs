//! `blocks bench`: how fast `blocks serve` is, against a bare server measured in the same run; `blocks bench engine`
//! the same for runs, `blocks bench slack` how soon people in Slack are answered, `blocks bench pagerduty` what becomes of
//! pages and alerts.
//!
//! Absolute times say more about the machine than about Blocks. So both sides take turns, and what is aimed at is a
//! ratio of each round. A missed aim is written down as missed.

mod aims;
mod engine;
mod load;
mod machine;
mod pagerduty;
mod process;
mod report;
mod servers;
mod slack;
mod times;

use std::path::{Path, PathBuf};
use std::time::Duration;

use blocks_engine::{Clock as _, SystemClock};

use self::load::{Load, Shape};
use self::machine::Setting;
use self::report::{Report, Round};
use self::servers::{Programs, Running, Side};
use crate::args::{BenchArgs, BenchWhat};
use crate::exit::{Code, Stop};
use crate::printer::{self, Output};

/// Requests per second of the acknowledge load.
const RATE: u32 = 100;
/// Connections of the throughput load.
const CONNECTIONS: u32 = 32;
/// A first load that is not counted: both sides have then made what they make once.
const WARM_UP_SECS: u32 = 1;
/// Bytes of a MiB.
const MIB: f64 = 1024.0 * 1024.0;

/// Measures, and writes the report. Missed aims are no failure: they are the result.
pub(crate) async fn run(args: &BenchArgs, output: Output) -> Result<Code, Stop> {
    match &args.what {
        Some(BenchWhat::Engine(args)) => return engine::run(args, output).await,
        Some(BenchWhat::Slack(args)) => return slack::run(args, output).await,
        Some(BenchWhat::PagerDuty(args)) => return pagerduty::run(args, output).await,
        None => {}
    }
    let programs = Programs {
        floor: args.floor.as_deref().map(absolute).transpose()?,
        ours: std::env::current_exe().map_err(Stop::failed)?,
        pager_url: servers::pager_stand_in().await?,
    };
    let setting = Setting::look(args.write.as_deref()).await;
    if !setting.release {
        printer::note(
            "this is a debug build: its figures say little\nhint: cargo run --release --bin blocks -- bench",
        );
    }
    let binary = std::fs::read(&programs.ours).map_err(Stop::failed)?;
    let mut report = Report {
        setting,
        at: SystemClock.now(),
        secs: args.secs,
        idle_secs: args.idle_secs,
        rounds: Vec::new(),
        idle_memory: None,
        binary: mib(binary.len() as u64),
        stripped: machine::is_stripped(&binary),
    };
    drop(binary);
    for number in 0..args.rounds {
        let floor_first = number % 2 == 0;
        printer::note(&format!("round {} of {}", number + 1, args.rounds));
        report.rounds.push(round(&programs, args.secs, floor_first).await?);
    }
    printer::note(&format!("idle for {} s", args.idle_secs));
    report.idle_memory = Some(idle_memory(&programs, args.idle_secs).await?);
    if let Some(file) = &args.write {
        std::fs::write(file, report.markdown())
            .map_err(|error| Stop::failed(format!("{} cannot be written: {error}", file.display())))?;
    }
    match output {
        Output::Json => printer::json(&report.json()),
        Output::Text => printer::data(report.markdown().trim_end()),
    }
    Ok(Code::Success)
}

fn absolute(path: &Path) -> Result<PathBuf, Stop> {
    std::fs::canonicalize(path).map_err(|error| {
        Stop::usage(format!(
            "the floor {} is not there: {error}\nhint: --floor names its binary",
            path.display()
        ))
    })
}

#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52 bytes")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / MIB
}

/// Everything once on each side, one right after the other.
async fn round(programs: &Programs, secs: u32, floor_first: bool) -> Result<Round, Stop> {
    let mut round = Round { floor_first, ..Round::default() };
    let order = if floor_first { [Side::Floor, Side::Ours] } else { [Side::Ours, Side::Floor] };
    for side in order {
        if side == Side::Floor && programs.floor.is_none() {
            continue;
        }
        let server = Running::start(side, programs).await?;
        let start_up = server.start_up.as_secs_f64() * 1_000.0;
        server.process.end().await?;
        round.of(side).start_up = Some(start_up);
    }
    // Without the floor there is no load generator either.
    let Some(generator) = &programs.floor else { return Ok(round) };
    for (shape, throughput) in [(Shape::Open(RATE), false), (Shape::Closed(CONNECTIONS), true)] {
        for side in order {
            let load = loaded(side, programs, generator, shape, secs).await?;
            let figures = round.of(side);
            if throughput {
                figures.throughput = Some(load);
            } else {
                figures.acknowledge = Some(load);
            }
        }
    }
    Ok(round)
}

/// One load on a fresh server.
async fn loaded(
    side: Side,
    programs: &Programs,
    generator: &Path,
    shape: Shape,
    secs: u32,
) -> Result<Load, Stop> {
    let server = Running::start(side, programs).await?;
    load::run(generator, server.address, server.path, Shape::Open(RATE), WARM_UP_SECS).await?;
    let load = load::run(generator, server.address, server.path, shape, secs).await?;
    if side == Side::Ours {
        let duplicates = server.duplicates().await?;
        if duplicates > 0 {
            return Err(Stop::failed(format!(
                "{duplicates} requests repeated an event that was known: they cost less, so this is no measurement"
            )));
        }
    }
    server.process.end().await?;
    Ok(load)
}

/// What a server holds that has had nothing to do for a while, in MiB.
async fn idle_memory(programs: &Programs, secs: u64) -> Result<f64, Stop> {
    let server = Running::start(Side::Ours, programs).await?;
    tokio::time::sleep(Duration::from_secs(secs)).await;
    let resident =
        server.process.resident().ok_or_else(|| Stop::failed("/proc does not say how much memory it has"))?;
    server.process.end().await?;
    Ok(mib(resident))
}
