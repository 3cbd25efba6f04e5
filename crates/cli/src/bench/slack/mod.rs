//! `blocks bench slack`: how soon Slack's people are answered, against the sandbox on loopback.
//!
//! Each round plays everything once, each part with a fresh server and a fresh sandbox. There is no floor: what is aimed at
//! is what a person notices, in milliseconds. A machine that does other things meanwhile is named in the report.

mod figures;
mod load;
mod report;
mod world;

use blocks_engine::{Clock as _, SystemClock};

use self::figures::Round;
use self::report::Report;
use self::world::Way;
use super::machine::Setting;
use crate::args::BenchSlackArgs;
use crate::exit::{Code, Stop};
use crate::printer::{self, Output};

/// Measures, and writes the report. Missed aims are no failure: they are the result.
pub(super) async fn run(args: &BenchSlackArgs, output: Output) -> Result<Code, Stop> {
    let setting = Setting::look(args.write.as_deref()).await;
    if !setting.release {
        printer::note(
            "this is a debug build: its figures say little\nhint: cargo run --release --bin blocks -- bench slack",
        );
    }
    let mut report = Report { setting, at: SystemClock.now(), args: args.clone(), rounds: Vec::new() };
    for number in 0..args.rounds {
        printer::note(&format!("round {} of {}", number + 1, args.rounds));
        report.rounds.push(round(args).await?);
    }
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

async fn round(args: &BenchSlackArgs) -> Result<Round, Stop> {
    let mut round = Round::default();
    printer::note(&format!("  commands over HTTP beside {} runs", args.in_flight));
    round.http = load::typed(Way::Http, args).await?;
    printer::note(&format!("  commands over a socket beside {} runs", args.in_flight));
    round.socket = load::typed(Way::Socket, args).await?;
    printer::note(&format!("  {} pages, one at a time", args.pages));
    (round.cards, round.cards_lost) = load::pages(args).await?;
    printer::note(&format!("  {} pages in {} s", args.incidents, args.secs));
    round.flood = load::flood(args).await?;
    Ok(round)
}
