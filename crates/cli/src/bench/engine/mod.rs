//! `blocks bench engine`: how fast runs are, against floors and other programs measured in the same rounds.
//!
//! Each round measures every side once, in turn, and a ratio is of one round. The machine may do other things meanwhile:
//! then absolute times say little, and ratios still something.

mod crowd;
mod floor;
mod memory;
mod ours;
mod peers;
mod place;
mod recovery;
mod report;
mod shell;

use std::time::Duration;

use blocks_engine::{Clock as _, SystemClock};

use self::floor::Around;
use self::memory::Peak;
use self::peers::Peer;
use self::report::Report;
use self::shell::Shell;
use super::machine::Setting;
use crate::args::BenchEngineArgs;
use crate::exit::{Code, Stop};
use crate::printer::{self, Output};

/// Milliseconds of the first command of a run, and of each after it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Course {
    pub(super) cold: f64,
    pub(super) warm: f64,
}

/// Everything once.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Round {
    pub(super) floor_first: bool,
    pub(super) ours: Course,
    /// The same shell and the same writes.
    pub(super) same: Course,
    /// The same writes and a bare shell.
    pub(super) plain: Course,
    /// A bare shell.
    pub(super) nothing: Course,
    /// Commands a second, many runs side by side: bare, and ours.
    pub(super) bare_rate: f64,
    pub(super) rate: f64,
    /// Milliseconds until all runs were settled.
    pub(super) recovery: f64,
    /// Milliseconds a command, in the order of [`Peer::ALL`]; `None` when it is not measured.
    pub(super) peers: Vec<Option<f64>>,
}

/// Measures, and writes the report. Missed aims are no failure: they are the result.
pub(super) async fn run(args: &BenchEngineArgs, output: Output) -> Result<Code, Stop> {
    let setting = Setting::look(args.write.as_deref()).await;
    if !setting.release {
        printer::note(
            "this is a debug build: its figures say little\nhint: cargo run --release --bin blocks -- bench engine",
        );
    }
    let mut found = Vec::new();
    for peer in Peer::ALL {
        let works = match peer.find().await {
            // One that does not work here is no reason to measure nothing.
            Ok(program) => match peers::run(peer, &program, 5).await {
                Ok(_) => Ok(program),
                Err(error) => Err(error.text.lines().next().unwrap_or_default().to_owned()),
            },
            Err(reason) => Err(reason),
        };
        found.push(works);
    }
    let mut report = Report {
        setting,
        at: SystemClock.now(),
        args: args.clone(),
        rounds: Vec::new(),
        missing: Peer::ALL
            .iter()
            .zip(&found)
            .filter_map(|(peer, found)| Some((*peer, found.as_ref().err()?.clone())))
            .collect(),
        peak: None,
    };
    // A first one that is not counted: it tells what bash is given, and both sides have made then what they make once.
    let (_, shell) = ours::run(args.commands).await?;
    on_a_thread({
        let shell = shell.clone();
        move || floor::run(Around::Same, &shell)
    })
    .await?;
    for number in 0..args.rounds {
        printer::note(&format!("round {} of {}", number + 1, args.rounds));
        report.rounds.push(round(args, &shell, number % 2 == 0, &found).await?);
    }
    printer::note(&format!("{} MiB of output", args.output_mib));
    report.peak = Some(memory::run(args.output_mib).await?);
    if let Some(file) = &args.write {
        std::fs::write(file, report.markdown())
            .map_err(|error| Stop::failed(format!("{} cannot be written: {error}", file.display())))?;
    }
    if let Some(file) = &args.write_json {
        std::fs::write(file, format!("{:#}\n", report.json()))
            .map_err(|error| Stop::failed(format!("{} cannot be written: {error}", file.display())))?;
    }
    match output {
        Output::Json => printer::json(&report.json()),
        Output::Text => printer::data(report.markdown().trim_end()),
    }
    Ok(Code::Success)
}

async fn round(
    args: &BenchEngineArgs,
    shell: &Shell,
    floor_first: bool,
    peers: &[Result<std::path::PathBuf, String>],
) -> Result<Round, Stop> {
    let mut round = Round { floor_first, ..Round::default() };
    let around = |around: Around| {
        let shell = shell.clone();
        on_a_thread(move || floor::run(around, &shell))
    };
    for ours in [!floor_first, floor_first] {
        if ours {
            round.ours = ours::run(args.commands).await?.0;
        } else {
            round.same = around(Around::Same).await?;
        }
    }
    round.plain = around(Around::Plain).await?;
    round.nothing = around(Around::Nothing).await?;
    for ours in [!floor_first, floor_first] {
        if ours {
            round.rate = crowd::rate(args.runs, args.commands_of_each).await?;
        } else {
            let (shell, runs) = (shell.first(args.commands_of_each), args.runs);
            round.bare_rate = on_a_thread(move || floor::rate(&shell, runs)).await?;
        }
    }
    round.recovery = recovery::run(args.in_flight).await?;
    for (peer, found) in Peer::ALL.into_iter().zip(peers) {
        round.peers.push(match found {
            Ok(program) => Some(peers::run(peer, program, args.commands).await?),
            Err(_) => None,
        });
    }
    Ok(round)
}

/// The floor waits for processes and the disk, which is not the runtime's to do.
async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Stop> + Send + 'static,
) -> Result<T, Stop> {
    tokio::task::spawn_blocking(work).await.map_err(Stop::failed)?
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn per(total: f64, count: usize) -> f64 {
    total / count.max(1) as f64
}

/// So many in that time, a second.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn rate(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64().max(f64::MIN_POSITIVE)
}
