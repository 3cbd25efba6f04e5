//! `cargo xtask deliveries`: delivers webhooks by the hundred thousand to the real server, kills it meanwhile, and says what broke.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a chore speaks to the person who runs it")]

use std::process::ExitCode;
use std::sync::Arc;

use blocks_tests::deliveries::{Options, Report, run};

const USAGE: &str =
    "usage: cargo xtask deliveries [--deliveries N] [--seed S] [--kills K] [--connections C] [--no-sabotage] [-o json]
  --deliveries N   how many, duplicates included (10000)
  --seed S         decides what happens at the pager, how it is sent, and when the server is killed (1)
  --kills K        how often the server is killed (one for 2500 deliveries)
  --connections C  how many deliveries are under way at once (48)
  --no-sabotage    do not look for the defects that are put in on purpose
  -o json          the report as JSON";
/// Within so many deliveries a defect must be caught.
const SABOTAGE_WITHIN: u64 = 1_500;

fn read(mut words: impl Iterator<Item = String>) -> Option<(Options, bool)> {
    let binary =
        std::env::var_os("BLOCKS_CRASH_BIN").map_or_else(blocks_tests::blocks_with_points, Into::into);
    let mut options = Options {
        binary,
        points: true,
        seed: 1,
        deliveries: 10_000,
        connections: 48,
        kills: 0,
        sabotage_within: SABOTAGE_WITHIN,
    };
    let (mut json, mut kills) = (false, None);
    while let Some(word) = words.next() {
        let mut number = || words.next().and_then(|word| word.parse::<u64>().ok());
        match word.as_str() {
            "--deliveries" => options.deliveries = number()?,
            "--seed" => options.seed = number()?,
            "--kills" => kills = Some(number()?),
            "--connections" => options.connections = number()?,
            "--no-sabotage" => options.sabotage_within = 0,
            "-o" => json = words.next()? == "json",
            _ => return None,
        }
    }
    options.kills = kills.unwrap_or(options.deliveries / 2_500);
    Some((options, json))
}

#[tokio::main]
async fn main() -> ExitCode {
    let Some((options, json)) = read(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    if !options.binary.is_file() {
        eprintln!("{} is not there; hint: `cargo xtask deliveries` builds it", options.binary.display());
        return ExitCode::from(2);
    }
    let every = (options.deliveries / 20).max(1);
    let tell = move |sent: u64| {
        if sent.is_multiple_of(every) {
            eprintln!("{sent} deliveries");
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

/// As a table of Markdown, for docs/deliveries.md.
fn say(report: &Report) {
    let list = |all: &mut dyn Iterator<Item = (&&str, &u64)>| {
        all.map(|(what, count)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")
    };
    let file = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let memory = file("/proc/meminfo").lines().next().unwrap_or_default().replace("MemTotal:", "");
    let cpus = file("/proc/cpuinfo").lines().filter(|line| line.starts_with("processor")).count();
    println!("| seed {} | |", report.seed);
    println!("| --- | --- |");
    println!("| commit | {} |", std::env::var("BLOCKS_COMMIT").unwrap_or_else(|_| "not told".to_owned()));
    println!(
        "| cores, memory, load average after | {cpus}, {}, {} |",
        memory.trim(),
        file("/proc/loadavg").trim()
    );
    println!("| deliveries, of them duplicates | {}, {} |", report.deliveries, report.duplicates);
    println!("| attempts | {} |", report.attempts);
    println!("| why again | {} |", list(&mut report.retries.iter()));
    println!("| messages by how their incident was told | {} |", list(&mut report.messages.iter()));
    println!("| types of events, messages overtaken | {}, {} |", report.types, report.overtaken);
    println!("| kills | {} |", list(&mut report.kills.iter()));
    println!(
        "| keys, incidents, over before they were known | {}, {}, {} |",
        report.keys, report.incidents, report.over_before_known
    );
    println!(
        "| events on timelines, effects at the pager, dead letters | {}, {}, {} |",
        report.timeline_events, report.effects, report.dead_letters
    );
    println!(
        "| lost, doubled, dropped, other timelines, other ends, other fates, ended alone | {}, {}, {}, {}, {}, {}, {} |",
        report.lost,
        report.doubled,
        report.dropped,
        report.other_timelines,
        report.other_ends,
        report.other_fates,
        report.ended_alone
    );
    println!("| journal verified | {} |", report.verified);
    println!("| seconds, deliveries in a second | {:.0}, {:.0} |", report.seconds, report.per_second);
    println!("| until nothing waits, after that | {:.1} s |", report.settled_after_s);
    let [half, most, all] = report.answer_ms;
    println!("| answers: p50, p99, longest | {half:.1} ms, {most:.1} ms, {all:.0} ms |");
    println!(
        "| server: most memory, processor time; store | {} MiB, {:.0} s; {} MiB |",
        report.peak_mib, report.cpu_s, report.store_mib
    );
    for (name, seen) in &report.sabotage {
        match seen {
            Some(seen) => println!("{name}: caught: {seen}"),
            None => println!("{name}: NOT caught"),
        }
    }
    for text in &report.wrong {
        println!("wrong: {text}");
    }
    if report.wrong_in_all > 0 {
        println!("{} wrong in all", report.wrong_in_all);
    }
}
