//! What is done to each side, and what became of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::figures::{Burst, Commands, Seen, Told};
use super::ledger::{lines, stamps};
use super::sender::{Request, Sent, Shape, now_us, page, page_id, page_title, send};
use super::standin::{StandIn, alert_title};
use super::world::{ALERTS_TOKEN, PAGES, Server, Setup, service_id, service_name, stamping_script};
use crate::args::BenchPagerDutyArgs;
use crate::bench::load::{self, Shape as Acknowledge};
use crate::bench::process;
use crate::bench::servers::{Programs, Running, Side};
use crate::bench::times::Times;
use crate::bench::{CONNECTIONS, RATE, WARM_UP_SECS, mib};
use crate::exit::Stop;

/// Between two pages whose command is timed.
const BETWEEN_PAGES: Duration = Duration::from_millis(100);
/// Between two looks at how far it is.
const LOOK: Duration = Duration::from_millis(250);
/// So long nothing comes: then nothing more will.
const SILENCE: Duration = Duration::from_secs(20);
/// The longest that is waited for what was taken.
const PATIENCE: Duration = Duration::from_secs(240);
/// Behind the last page of a storm nobody looks for so long.
const SETTLE: Duration = Duration::from_millis(2_500);
/// Bare starts of bash.
const STARTS: usize = 40;
/// Services, and targets, of pages.
const SERVICES: usize = 20;
/// Commands of their diagnostics behind the first.
const COMMANDS: usize = 4;
/// Pages whose evidence is waited for one by one: each of a service of its own, so that nothing is shared.
pub(super) const SINGLE: usize = SERVICES;
/// The last pages of a storm, which are looked at apart.
pub(super) const LAST: usize = 50;
/// Services of alerts, each with a channel: Slack takes one message a second for each.
const ALERT_SERVICES: usize = 2_000;
/// Alerts of one message: so many does Prometheus send at once.
const BATCH: usize = 64;
/// Senders of alerts.
const SENDERS: usize = 8;

/// Waits until so many have come, or no more come.
async fn until(wanted: u64, count: impl Fn() -> Result<u64, Stop>) -> Result<(), Stop> {
    let (began, mut last, mut moved) = (Instant::now(), 0, Instant::now());
    loop {
        let now = count()?;
        if now != last {
            (last, moved) = (now, Instant::now());
        }
        if now >= wanted || moved.elapsed() > SILENCE || began.elapsed() > PATIENCE {
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
}

#[expect(clippy::cast_precision_loss, reason = "no benchmark takes 2^52 microseconds")]
fn ms(from_us: i64, to_us: i64) -> f64 {
    to_us.saturating_sub(from_us).max(0) as f64 / 1_000.0
}

/// The times of what was sent until what came of it, by its name; what never came has none.
fn times(
    sent: &BTreeMap<usize, i64>,
    name: impl Fn(usize) -> String,
    came: &BTreeMap<String, i64>,
) -> (Times, f64) {
    let pairs: Vec<(i64, i64)> =
        sent.iter().filter_map(|(number, at)| Some((*at, *came.get(&name(*number))?))).collect();
    let last = pairs.iter().map(|(_, came)| *came).max();
    let first = sent.values().min().copied();
    let seconds = first.zip(last).map_or(0.0, |(first, last)| ms(first, last) / 1_000.0);
    (Times(pairs.into_iter().map(|(at, came)| ms(at, came)).collect()), seconds)
}

/// Pages by their number: of the services in turn.
fn pages(path: &'static str, services: usize) -> impl Fn(usize) -> Request + Send + Sync + 'static {
    move |number| page(path, number, &service_id(number % services.max(1)))
}

/// 32 connections on Blocks: how many were acknowledged a second, and how many of them are in the inbox.
pub(super) async fn kept(programs: &Programs, generator: &Path, secs: u32) -> Result<Burst, Stop> {
    let server = Running::start(Side::Ours, programs).await?;
    let (warm, load) = burst(&server, generator, secs).await?;
    let duplicates = server.duplicates().await?;
    if duplicates > 0 {
        return Err(Stop::failed(format!(
            "{duplicates} requests repeated a known event: this is no measurement"
        )));
    }
    let kept = super::ledger::Ledger::of(server.store()).webhooks()?;
    server.process.end().await?;
    Ok(Burst { load, acknowledged: taken(warm) + taken(load), kept })
}

async fn burst(server: &Running, generator: &Path, secs: u32) -> Result<(load::Load, load::Load), Stop> {
    let (address, path) = (server.address, server.path);
    let warm = load::run(generator, address, path, Acknowledge::Open(RATE), WARM_UP_SECS).await?;
    Ok((warm, load::run(generator, address, path, Acknowledge::Closed(CONNECTIONS), secs).await?))
}

fn taken(load: load::Load) -> u64 {
    load.answers.saturating_sub(load.refused)
}

/// The same on Debian's `webhook`, and how many of the commands have run.
pub(super) async fn webhook(program: &Path, generator: &Path, secs: u32) -> Result<Burst, Stop> {
    let server = Server::webhook(program).await?;
    let (address, path) = (server.address, "/hooks/hook");
    let warm = load::run(generator, address, path, Acknowledge::Open(RATE), WARM_UP_SECS).await?;
    let load = load::run(generator, address, path, Acknowledge::Closed(CONNECTIONS), secs).await?;
    let acknowledged = taken(warm) + taken(load);
    let file = server.stamps();
    until(acknowledged, || Ok(lines(&file))).await?;
    let kept = lines(&file).min(acknowledged);
    // with commands that never end it does not end by itself
    let _ = server.process.end().await;
    Ok(Burst { load, acknowledged, kept })
}

/// Pages, each with a command, on the floor.
pub(super) async fn floor_commands(floor: &Path, shape: Shape, count: usize) -> Result<Commands, Stop> {
    let server = Server::floor(floor).await?;
    let file = server.stamps();
    let sent = send(server.address, shape, count, pages("/hook", 1)).await?;
    until(sent.taken.len() as u64, || Ok(lines(&file))).await?;
    let done = commands(&sent, &stamps(&file), |number| format!("E{}", page_id(number)));
    server.process.end().await?;
    Ok(done)
}

/// The same on Blocks: each page opens an incident, whose diagnostics are one command.
pub(super) async fn our_commands(pager: &str, shape: Shape, count: usize) -> Result<Commands, Stop> {
    let setup = Setup { services: SERVICES, pager: Some(pager), ..Setup::default() };
    let server = Server::blocks(&setup).await?;
    let file = server.stamps();
    let sent = send(server.address, shape, count, pages(PAGES, SERVICES)).await?;
    until(sent.taken.len() as u64, || Ok(lines(&file))).await?;
    let (stamped, incidents) = (stamps(&file), server.ledger().incidents()?);
    let name = |number| incidents.get(&page_id(number)).cloned().unwrap_or_default();
    let done = commands(&sent, &stamped, name);
    server.process.end().await?;
    Ok(done)
}

fn commands(sent: &Sent, stamped: &BTreeMap<String, i64>, name: impl Fn(usize) -> String) -> Commands {
    let (started, seconds) = times(&sent.taken, name, stamped);
    let (acknowledged, ran) = (sent.taken.len() as u64, started.len() as u64);
    Commands { acknowledged, refused: sent.refused, ran, started, seconds }
}

/// One page at a time is this shape.
pub(super) fn in_turn() -> Shape {
    Shape::Each(BETWEEN_PAGES)
}

/// As many at once as the acknowledgements have connections.
pub(super) fn at_once() -> Shape {
    Shape::AtOnce(usize::try_from(CONNECTIONS).unwrap_or(usize::MAX))
}

/// Bare starts of the script that the floor runs, until its stamp.
pub(super) async fn process_start() -> Result<Times, Stop> {
    let folder = tempfile::Builder::new().prefix("blocks-bench-").tempdir().map_err(Stop::failed)?;
    let script = stamping_script(folder.path())?;
    let file = folder.path().join("stamps");
    let mut sent = BTreeMap::new();
    for number in 0..STARTS {
        sent.insert(number, now_us());
        let words = [file.display().to_string(), page_id(number)];
        process::output(&script, &words, SILENCE).await?;
    }
    Ok(times(&sent, page_id, &stamps(&file)).0)
}

/// Alerts into Blocks, whose cards go to a stand-in for Slack.
pub(super) async fn our_alerts(count: usize) -> Result<Told, Stop> {
    let standin = StandIn::start().await?;
    let services = count.min(ALERT_SERVICES);
    let setup = Setup { services, slack: Some(&standin.url), alerts: true, ..Setup::default() };
    let server = Server::blocks(&setup).await?;
    let make = move |batch: usize| {
        let alerts: Vec<_> = numbers(batch, count)
            .map(|number| {
                json!({
                    "id": format!("a{number:06}"), "status": "firing", "title": alert_title(number),
                    "service": service_name(number % services.max(1)), "severity": "P3",
                })
            })
            .collect();
        let headers = vec![("Authorization", format!("Bearer {ALERTS_TOKEN}"))];
        Request {
            path: "/hooks/json/bench".to_owned(),
            headers,
            body: json!({ "alerts": alerts }).to_string(),
        }
    };
    told(server, &standin, count, make).await
}

/// The same alerts into Alertmanager, whose webhooks go to the same stand-in.
pub(super) async fn alertmanager(program: &Path, count: usize) -> Result<Told, Stop> {
    let standin = StandIn::start().await?;
    let server = Server::alertmanager(program, &format!("{}/receiver", standin.url)).await?;
    let make = move |batch: usize| {
        let alerts: Vec<_> = numbers(batch, count)
            .map(|number| {
                json!({
                    "labels": {
                        "alertname": "Bench", "id": format!("a{number:06}"), "severity": "P3",
                        "service": service_name(number % ALERT_SERVICES),
                    },
                    "annotations": { "summary": alert_title(number) },
                })
            })
            .collect();
        Request { path: "/api/v2/alerts".to_owned(), headers: Vec::new(), body: json!(alerts).to_string() }
    };
    told(server, &standin, count, make).await
}

/// The numbers of a batch.
fn numbers(batch: usize, count: usize) -> std::ops::Range<usize> {
    batch * BATCH..((batch + 1) * BATCH).min(count)
}

async fn told(
    server: Server,
    standin: &StandIn,
    count: usize,
    make: impl Fn(usize) -> Request + Send + Sync + 'static,
) -> Result<Told, Stop> {
    let sent = send(server.address, Shape::AtOnce(SENDERS), count.div_ceil(BATCH), make).await?;
    let taken: BTreeMap<usize, i64> = sent
        .taken
        .iter()
        .flat_map(|(batch, at)| numbers(*batch, count).map(|number| (number, *at)))
        .collect();
    until(taken.len() as u64, || Ok(standin.count() as u64)).await?;
    let (times, seconds) = times(&taken, alert_title, &standin.posted());
    let peak = server.process.peak().map(mib);
    let told = Told { taken: taken.len() as u64, told: times.len() as u64, seconds, times, peak };
    let _ = server.process.end().await;
    Ok(told)
}

/// Pages with diagnostics that really run, one at a time, each of a service of its own.
pub(super) async fn single(pager: &str) -> Result<Seen, Stop> {
    let standin = StandIn::start().await?;
    let server = Server::blocks(&storm_setup(pager, &standin)).await?;
    let mut sent = BTreeMap::new();
    for number in 0..SINGLE {
        let one = send(server.address, Shape::AtOnce(1), 1, move |_| pages(PAGES, SERVICES)(number)).await?;
        sent.extend(one.taken.into_values().map(|at| (number, at)));
        let ledger = server.ledger();
        // evidence, all of it, and the card that shows it: the next page finds nothing under way
        let title = page_title(number);
        until(1, || {
            let is_seen = ledger.runs()?.1 == 0 && ledger.evidence()?.len() > number;
            Ok(u64::from(is_seen && standin.shown().contains_key(&title)))
        })
        .await?;
    }
    seen(server, &standin, &sent).await
}

/// Many pages in a short time, of several services.
pub(super) async fn storm(pager: &str, args: &BenchPagerDutyArgs) -> Result<Seen, Stop> {
    let standin = StandIn::start().await?;
    let server = Server::blocks(&storm_setup(pager, &standin)).await?;
    let pause = Duration::from_secs(args.storm_secs) / u32::try_from(args.storm).unwrap_or(u32::MAX);
    let sent = send(server.address, Shape::Each(pause), args.storm, pages(PAGES, SERVICES)).await?;
    // looking costs time, too: what is not there by then has missed its aim
    tokio::time::sleep(SETTLE).await;
    let ledger = server.ledger();
    until(sent.taken.len() as u64, || Ok(ledger.evidence()?.len() as u64)).await?;
    seen(server, &standin, &sent.taken).await
}

fn storm_setup<'a>(pager: &'a str, standin: &'a StandIn) -> Setup<'a> {
    Setup {
        services: SERVICES,
        slack: Some(&standin.url),
        pager: Some(pager),
        commands: COMMANDS,
        alerts: false,
    }
}

async fn seen(server: Server, standin: &StandIn, sent: &BTreeMap<usize, i64>) -> Result<Seen, Stop> {
    let (evidence, shown) = (server.ledger().evidence()?, standin.shown());
    let last: BTreeMap<usize, i64> =
        sent.iter().rev().take(LAST).map(|(number, at)| (*number, *at)).collect();
    let seen = Seen {
        pages: sent.len() as u64,
        evidence: times(sent, page_id, &evidence).0,
        last: times(&last, page_id, &evidence).0,
        shown: times(sent, page_title, &shown).0,
        runs: server.ledger().runs()?.0,
    };
    server.process.end().await?;
    Ok(seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_came_has_no_time_and_the_rate_is_until_the_last() {
        let sent = [(0, 1_000), (1, 2_000), (2, 3_000)].into();
        let came = [(page_id(0), 5_000), (page_id(2), 2_001_000), (page_id(9), 9_000_000)].into();
        let (times, seconds) = times(&sent, page_id, &came);
        assert_eq!(times, Times(vec![4.0, 1_998.0]));
        assert!((seconds - 2.0).abs() < 1e-9, "{seconds}");
        let sent = Sent { taken: sent, refused: 1 };
        let done = commands(&sent, &came, page_id);
        assert_eq!((done.acknowledged, done.ran, done.lost(), done.refused), (3, 2, 1, 1));
    }

    #[test]
    fn batches_hold_every_alert_once() {
        for count in [1_usize, 64, 65, 1_000] {
            let all: Vec<usize> =
                (0..count.div_ceil(BATCH)).flat_map(|batch| numbers(batch, count)).collect();
            assert_eq!(all, (0..count).collect::<Vec<_>>(), "{count}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_ends_when_all_is_there_or_nothing_comes() {
        let began = Instant::now();
        until(1, || Ok(1)).await.unwrap();
        assert_eq!(began.elapsed(), Duration::ZERO);
        until(2, || Ok(1)).await.unwrap();
        assert!(began.elapsed() > SILENCE && began.elapsed() < PATIENCE);
        let began = Instant::now();
        until(u64::MAX, || Ok(u64::try_from(began.elapsed().as_millis()).unwrap())).await.unwrap();
        assert!(began.elapsed() > PATIENCE, "what comes for ever is not waited for");
    }
}
