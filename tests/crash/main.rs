//! `cargo xtask crash`: kills the real binary again and again, and says what broke.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a chore speaks to the person who runs it")]

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use blocks_tests::crash::{Options, Report, run};

const USAGE: &str =
    "usage: cargo xtask crash [--runs N] [--seed S] [--seconds T] [--worlds W] [--no-sabotage] [-o json]
  --runs N       how many runs; each is killed once or a few times (40)
  --seed S       decides what is killed when (1)
  --seconds T    begin no new run after so many seconds (3600)
  --worlds W     how many at once, each with an engine of its own (4)
  --no-sabotage  do not look for the defects that are put in on purpose
  -o json        the report as JSON";
/// Within so many runs a defect must be caught.
const SABOTAGE_WITHIN: u64 = 12;

fn read(mut words: impl Iterator<Item = String>) -> Option<(Options, bool)> {
    let binary =
        std::env::var_os("BLOCKS_CRASH_BIN").map_or_else(blocks_tests::blocks_with_points, Into::into);
    let mut options =
        Options { binary, seed: 1, runs: 40, seconds: 3_600, worlds: 4, sabotage_within: SABOTAGE_WITHIN };
    let mut json = false;
    while let Some(word) = words.next() {
        let mut number = || words.next().and_then(|word| word.parse::<u64>().ok());
        match word.as_str() {
            "--runs" => options.runs = number()?,
            "--seed" => options.seed = number()?,
            "--seconds" => options.seconds = number()?,
            "--worlds" => options.worlds = number()?,
            "--no-sabotage" => options.sabotage_within = 0,
            "-o" => json = words.next()? == "json",
            _ => return None,
        }
    }
    Some((options, json))
}

#[tokio::main]
async fn main() -> ExitCode {
    let Some((options, json)) = read(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    if !options.binary.is_file() {
        eprintln!("{} is not there; hint: `cargo xtask crash` builds it", options.binary.display());
        return ExitCode::from(2);
    }
    let (told, is_terminal) = (AtomicU64::new(0), std::io::stderr().is_terminal());
    let every = if is_terminal { 1 } else { 50 };
    let tell = move |report: &Report| {
        if report.runs >= told.load(Ordering::Relaxed) + every {
            told.store(report.runs, Ordering::Relaxed);
            let end = if is_terminal { '\r' } else { '\n' };
            eprint!("{} runs, {} kills, {} wrong {end}", report.runs, report.kills, report.wrong.len());
        }
    };
    let report = run(&options, Arc::new(tell)).await;
    if json {
        println!("{}", serde_json::to_string_pretty(&report).unwrap_or_default());
    } else {
        say(&report);
    }
    if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn say(report: &Report) {
    println!(
        "{} runs, {} kills, {} of them while a once command lived",
        report.runs, report.kills, report.kills_while_once_lived
    );
    for (point, kills) in &report.kills_by_point {
        println!("  {point}: {kills}");
    }
    for (victim, kills) in &report.kills_by_victim {
        println!("  killed: {victim}: {kills}");
    }
    for (rest, runs) in &report.rest {
        println!("  came to rest: {rest}: {runs}");
    }
    println!(
        "lost {}, done twice {}, false success {}, begun without intent {}, stuck {}, ended by themselves {}, broken journals {}",
        report.lost,
        report.duplicated_once_effects,
        report.false_success,
        report.without_intent,
        report.stuck,
        report.ended_alone,
        report.broken_journals
    );
    println!("in doubt {}, settled without a person {}", report.in_doubt, report.in_doubt_resolved);
    let alone = report.engine_alone;
    println!("  of those, where the engine alone was killed: {}, settled {}", alone.in_doubt, alone.resolved);
    for (name, runs) in &report.sabotage {
        match runs {
            Some(runs) => println!("{name}: caught by run {runs}"),
            None => println!("{name}: NOT caught"),
        }
    }
    for text in report.unsettled.iter().chain(&report.wrong).chain(&report.unmet_aims()) {
        println!("{text}");
    }
}
