//! `blocks bench pagerduty`: what becomes of pages and alerts, against the floor and what a user would pick instead.
//!
//! Each round measures everything once, each part with fresh servers and empty stores, and which side goes first changes from
//! round to round. What is lost is counted from what is on disk and from what the other side was told, never assumed.

mod figures;
mod ledger;
mod measure;
mod peers;
mod report;
mod sender;
mod standin;
mod world;

use std::path::PathBuf;

use blocks_engine::{Clock as _, SystemClock};

use self::figures::{Both, Round};
use self::report::Report;
use super::load::Shape;
use super::machine::Setting;
use super::servers::{self, Programs, Side};
use super::{CONNECTIONS, RATE, absolute, loaded};
use crate::args::BenchPagerDutyArgs;
use crate::exit::{Code, Stop};
use crate::printer::{self, Output};

/// The programs of others.
struct Peers {
    webhook: Result<PathBuf, String>,
    alertmanager: Result<PathBuf, String>,
}

/// Measures, and writes the report. Missed aims are no failure: they are the result.
pub(super) async fn run(args: &BenchPagerDutyArgs, output: Output) -> Result<Code, Stop> {
    let programs = Programs {
        floor: args.floor.as_deref().map(absolute).transpose()?,
        ours: std::env::current_exe().map_err(Stop::failed)?,
        pager_url: servers::pager_stand_in().await?,
    };
    let peers = Peers {
        webhook: peers::find(args.webhook.as_deref(), "webhook", "webhook"),
        alertmanager: peers::find(args.alertmanager.as_deref(), "alertmanager", "prometheus-alertmanager"),
    };
    let setting = Setting::look(args.write.as_deref()).await;
    if !setting.release {
        printer::note(
            "this is a debug build: its figures say little\nhint: cargo run --release --bin blocks -- bench pagerduty",
        );
    }
    let mut report = Report {
        setting,
        at: SystemClock.now(),
        args: args.clone(),
        absent: absent(&programs, &peers),
        rounds: Vec::new(),
    };
    for why in &report.absent {
        printer::note(&format!("not measured: {why}"));
    }
    for number in 0..args.rounds {
        printer::note(&format!("round {} of {}", number + 1, args.rounds));
        report.rounds.push(round(&programs, &peers, args, number % 2 == 0).await?);
    }
    for (file, text) in
        [(&args.write, report.markdown()), (&args.write_json, format!("{:#}\n", report.json()))]
    {
        let Some(file) = file else { continue };
        std::fs::write(file, text)
            .map_err(|error| Stop::failed(format!("{} cannot be written: {error}", file.display())))?;
    }
    match output {
        Output::Json => printer::json(&report.json()),
        Output::Text => printer::data(report.markdown().trim_end()),
    }
    Ok(Code::Success)
}

/// What there is nothing to compare with, and why.
fn absent(programs: &Programs, peers: &Peers) -> Vec<String> {
    let mut absent = Vec::new();
    if programs.floor.is_none() {
        absent.push("the floor, and whatever is loaded by it: no --floor was given".to_owned());
    }
    for why in [&peers.webhook, &peers.alertmanager].into_iter().filter_map(|peer| peer.as_ref().err()) {
        absent.push(why.clone());
    }
    absent
}

async fn round(
    programs: &Programs,
    peers: &Peers,
    args: &BenchPagerDutyArgs,
    floor_first: bool,
) -> Result<Round, Stop> {
    let mut round = Round { floor_first, ..Round::default() };
    let order = if floor_first { [Side::Floor, Side::Ours] } else { [Side::Ours, Side::Floor] };
    acknowledged(&mut round, programs, peers, args, order).await?;
    printer::note("  commands, a page at a time and many at once");
    round.process = measure::process_start().await?;
    for (shape, count, is_burst) in
        [(measure::in_turn(), args.pages, false), (measure::at_once(), args.burst, true)]
    {
        let mut both = Both::default();
        for side in order {
            match (side, &programs.floor) {
                (Side::Ours, _) => {
                    both.ours = Some(measure::our_commands(&programs.pager_url, shape, count).await?);
                }
                (Side::Floor, Some(floor)) => {
                    both.other = Some(measure::floor_commands(floor, shape, count).await?);
                }
                (Side::Floor, None) => {}
            }
        }
        if is_burst {
            round.commands = both;
        } else {
            round.started = both;
        }
    }
    printer::note(&format!("  {} alerts", args.alerts));
    for side in order {
        match (side, &peers.alertmanager) {
            (Side::Ours, _) => round.alerts.ours = Some(measure::our_alerts(args.alerts).await?),
            (Side::Floor, Ok(program)) => {
                round.alerts.other = Some(measure::alertmanager(program, args.alerts).await?);
            }
            (Side::Floor, Err(_)) => {}
        }
    }
    printer::note(&format!("  evidence: {} pages one at a time", measure::SINGLE));
    round.single = Some(measure::single(&programs.pager_url).await?);
    printer::note(&format!("  evidence: {} pages in {} s", args.storm, args.storm_secs));
    round.storm = Some(measure::storm(&programs.pager_url, args).await?);
    Ok(round)
}

/// Acknowledgements, which the floor's own generator asks for.
async fn acknowledged(
    round: &mut Round,
    programs: &Programs,
    peers: &Peers,
    args: &BenchPagerDutyArgs,
    order: [Side; 2],
) -> Result<(), Stop> {
    let Some(generator) = &programs.floor else { return Ok(()) };
    printer::note("  acknowledgements");
    for side in order {
        let load = loaded(side, programs, generator, Shape::Open(RATE), args.secs).await?;
        match side {
            Side::Ours => round.acknowledge.ours = Some(load),
            Side::Floor => round.acknowledge.other = Some(load),
        }
    }
    for side in order {
        match side {
            Side::Ours => {
                let kept = measure::kept(programs, generator, args.secs).await?;
                round.burst.ours = Some(kept.load);
                round.kept.ours = Some(kept);
            }
            Side::Floor => {
                let shape = Shape::Closed(CONNECTIONS);
                round.burst.other = Some(loaded(side, programs, generator, shape, args.secs).await?);
            }
        }
    }
    if let Ok(program) = &peers.webhook {
        round.kept.other = Some(measure::webhook(program, generator, args.secs).await?);
    }
    Ok(())
}
