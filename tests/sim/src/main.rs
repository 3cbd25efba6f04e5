//! `cargo xtask sim`: plays worlds, and says what broke and how to see it again.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a chore speaks to the person who runs it")]

use std::num::NonZero;
use std::process::ExitCode;

use blocks_sim::{Options, World, run};

const USAGE: &str =
    "usage: cargo xtask sim [--seeds N] [--seed S] [--jobs J] [--only 1,5,9] [--plain] [--trace] [--no-sabotage] [-o json]
  --seeds N      how many worlds (100)
  --seed S       the first one (1)
  --jobs J       so many at the same time (one for each core)
  --only LIST    these actions of the first seed alone
  --plain        without their sides: webhooks, people and faults alone
  --trace        print every action, event, process and message of the first seed
  --no-sabotage  do not look for the defects that are put in on purpose
  -o json        the report as JSON";

struct Arguments {
    options: Options,
    trace: bool,
    json: bool,
}

fn read(mut words: impl Iterator<Item = String>) -> Option<Arguments> {
    let folder = std::env::temp_dir().join(format!("blocks-sim-{}", std::process::id()));
    let jobs = std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
    let options =
        Options { seed: 1, seeds: 100, only: None, folder, sabotage_within: 500, plain: false, jobs };
    let mut read = Arguments { options, trace: false, json: false };
    while let Some(word) = words.next() {
        match word.as_str() {
            "--seeds" => read.options.seeds = words.next()?.parse().ok()?,
            "--seed" => read.options.seed = words.next()?.parse().ok()?,
            "--jobs" => read.options.jobs = words.next()?.parse().ok()?,
            "--only" => {
                let list = words.next()?;
                let numbers = list.split(',').filter(|word| !word.is_empty()).map(|word| word.parse().ok());
                read.options.only = Some(numbers.collect::<Option<_>>()?);
            }
            "--plain" => read.options.plain = true,
            "--trace" => read.trace = true,
            "--no-sabotage" => read.options.sabotage_within = 0,
            "-o" => read.json = words.next()? == "json",
            _ => return None,
        }
    }
    Some(read)
}

fn main() -> ExitCode {
    let Some(Arguments { options, trace, json }) = read(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let good = if trace { show(&options) } else { play(&options, json) };
    let _ = std::fs::remove_dir_all(&options.folder);
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints everything that happens in one world.
fn show(options: &Options) -> bool {
    let world = if options.plain { World::plain(options.seed) } else { World::of(options.seed) };
    let world = options.only.as_ref().map_or_else(|| world.clone(), |keep| world.only(keep));
    let outcome = world.play(&options.folder, true);
    print!("{}", outcome.trace);
    outcome.failure().is_none()
}

fn play(options: &Options, json: bool) -> bool {
    let report = run(options, &|failure| {
        eprintln!("seed {}: {}: {}\n  {}", failure.seed, failure.rule, failure.text, failure.replay);
    });
    if json {
        println!("{}", serde_json::to_string_pretty(&report).unwrap_or_default());
    } else {
        println!(
            "{} worlds, {} failed; {} actions, {} crashes",
            report.seeds, report.failed, report.actions, report.crashes
        );
        for (name, seed) in &report.sabotage {
            match seed {
                Some(seed) => println!("{name}: caught by world {seed}"),
                None => println!("{name}: NOT caught"),
            }
        }
    }
    report.is_good()
}
