//! The report about pages and alerts, for people (Markdown) and for programs (JSON).

use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::figures::{Both, Burst, Commands, Round, Seen, Told};
use super::measure::{LAST, SINGLE};
use crate::args::BenchPagerDutyArgs;
use crate::bench::aims::{Aim, Limit, Outcome, Pair};
use crate::bench::load::Load;
use crate::bench::machine::Setting;
use crate::bench::times::Times;

/// Every aim, in the order of the report.
const AIMS: [Aim; 12] = [
    ratio("acknowledge_p50", "durable acknowledge at 100/s, p50: floor", "us", Limit::AtMost(1.3)),
    ratio("acknowledge_p99", "durable acknowledge at 100/s, p99: floor", "us", Limit::AtMost(1.5)),
    ratio("started_p50", "page to command started, p50: floor with process start", "ms", Limit::AtMost(1.25)),
    ratio("throughput", "acknowledged with 32 connections: floor", "1/s", Limit::AtLeast(0.5)),
    ratio("above_webhook", "acknowledged with 32 connections: `webhook`", "1/s", Limit::AtLeast(1.0)),
    ratio("commands", "commands with 32 connections: floor", "1/s", Limit::AtLeast(0.85)),
    ours("lost", "acknowledged and lost, in all rounds", "", 0.0),
    ratio("told", "alerts in, notifications out: Alertmanager", "1/s", Limit::AtLeast(1.0)),
    ours("memory", "most memory meanwhile (RSS)", "MiB", 80.0),
    ours("evidence", "page to first evidence, p95", "ms", 2_000.0),
    ours("evidence_storm", "the same in a storm of pages, p95", "ms", 2_000.0),
    ours("evidence_last", "the same of the storm's last pages, p95", "ms", 2_000.0),
];

const fn ratio(name: &'static str, title: &'static str, unit: &'static str, limit: Limit) -> Aim {
    Aim { name, title, unit, limit, relative: true }
}

const fn ours(name: &'static str, title: &'static str, unit: &'static str, most: f64) -> Aim {
    Aim { name, title, unit, limit: Limit::AtMost(most), relative: false }
}

/// Everything that was measured.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Report {
    pub(super) setting: Setting,
    pub(super) at: DateTime<Utc>,
    pub(super) args: BenchPagerDutyArgs,
    /// What there was nothing to compare with, and why.
    pub(super) absent: Vec<String>,
    pub(super) rounds: Vec<Round>,
}

impl Report {
    fn outcomes(&self) -> Vec<Outcome> {
        AIMS.into_iter().map(|aim| Outcome::of(aim, &self.pairs(aim), self.refused(aim))).collect()
    }

    fn pairs(&self, aim: Aim) -> Vec<Pair> {
        let each = |pick: &dyn Fn(&Round) -> Pair| self.rounds.iter().map(pick).collect();
        let p95 =
            |times: Option<&Times>| Pair { floor: None, ours: times.and_then(|times| times.percentile(95)) };
        match aim.name {
            "acknowledge_p50" => each(&|round| round.acknowledge.pair(|load| Some(load.p50))),
            "acknowledge_p99" => each(&|round| round.acknowledge.pair(|load| Some(load.p99))),
            "started_p50" => each(&|round| round.started.pair(|done| done.started.percentile(50))),
            "throughput" => each(&|round| round.burst.pair(|load| Some(load.per_second))),
            "above_webhook" => each(&|round| round.kept.pair(|burst| Some(burst.load.per_second))),
            "commands" => each(&|round| round.commands.pair(Commands::per_second)),
            "told" => each(&|round| round.alerts.pair(Told::per_second)),
            "memory" => each(&|round| round.alerts.pair(|told| told.peak)),
            "evidence" => each(&|round| p95(round.single.as_ref().map(|seen| &seen.evidence))),
            "evidence_storm" => each(&|round| p95(round.storm.as_ref().map(|seen| &seen.evidence))),
            "evidence_last" => each(&|round| p95(round.storm.as_ref().map(|seen| &seen.last))),
            // what is lost once is lost: a median would hide it
            _ => {
                let is_measured = self.rounds.iter().any(|round| round.commands.ours.is_some());
                vec![Pair { floor: None, ours: is_measured.then(|| self.lost()) }]
            }
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    fn lost(&self) -> f64 {
        self.rounds.iter().map(Round::lost).sum::<u64>() as f64
    }

    /// What of ours was not taken, or never came: a quick refusal is no acknowledgement, and what is lost is not soon.
    fn refused(&self, aim: Aim) -> u64 {
        let load = |load: &Option<Load>| load.map_or(0, |load| load.refused);
        let commands =
            |both: &Both<Commands>| both.ours.as_ref().map_or(0, |done| done.refused + done.lost());
        let seen = |seen: &Option<Seen>| seen.as_ref().map_or(0, Seen::lost);
        let of = |round: &Round| match aim.name {
            "acknowledge_p50" | "acknowledge_p99" => load(&round.acknowledge.ours),
            "throughput" | "above_webhook" => load(&round.burst.ours),
            "started_p50" => commands(&round.started),
            "commands" => commands(&round.commands),
            "told" | "memory" => round
                .alerts
                .ours
                .as_ref()
                .map_or(0, |told| (self.args.alerts as u64).saturating_sub(told.taken) + told.lost()),
            "evidence" => seen(&round.single),
            "evidence_storm" | "evidence_last" => {
                let sent = round.storm.as_ref().map_or(0, |seen| seen.pages);
                seen(&round.storm)
                    + round.storm.as_ref().map_or(0, |_| (self.args.storm as u64).saturating_sub(sent))
            }
            _ => 0,
        };
        self.rounds.iter().map(of).sum()
    }

    /// One object, every figure in it.
    pub(super) fn json(&self) -> Value {
        let args = &self.args;
        json!({
            "at": self.at.to_rfc3339_opts(SecondsFormat::Millis, true),
            "machine": self.setting.json(),
            "secs": args.secs, "pages": args.pages, "burst": args.burst, "alerts": args.alerts,
            "storm": args.storm, "storm_secs": args.storm_secs, "absent": self.absent,
            "aims": self.outcomes().iter().map(Outcome::json).collect::<Vec<_>>(),
            "rounds": self.rounds.iter().map(round_json).collect::<Vec<_>>(),
        })
    }

    /// The document.
    pub(super) fn markdown(&self) -> String {
        let mut text = String::from(
            "# Benchmarks of pages and alerts\n\nWritten by `blocks bench pagerduty`; do not edit. A missed aim stays here as missed.\n\n",
        );
        self.setting.write(&mut text, self.at, None);
        if self.setting.is_loaded() {
            text.push_str("\n**The machine had other things to do.** Times say little then.\n");
        }
        for why in &self.absent {
            let _ = write!(text, "\nNot measured: {why}.\n");
        }
        text.push_str(
            "\n## Aims\n\nMedians of the rounds. The ratio is the median of each round's own ratio, ours / the other, which is named behind\nthe colon. What is lost is the sum of all rounds.\n\n",
        );
        text.push_str("| what | unit | the other | ours | ratio | aim | |\n| --- | --- | ---: | ---: | ---: | --- | --- |\n");
        for outcome in self.outcomes() {
            let refused = match outcome.refused {
                0 => String::new(),
                count => format!(" ({count} not taken, or never there)"),
            };
            let ratio = outcome.ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}x"));
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} | {}{refused} |",
                outcome.aim.title,
                outcome.aim.unit,
                figure(outcome.median.floor),
                figure(outcome.median.ours),
                ratio,
                outcome.aim_text().trim_end(),
                outcome.verdict(),
            );
        }
        self.write_counts(&mut text);
        self.write_times(&mut text);
        text.push_str(&self.how());
        text
    }

    /// What was acknowledged, and what became of it.
    fn write_counts(&self, text: &mut String) {
        text.push_str(
            "\n## Acknowledged, and what became of it\n\n| round | what | taken | there | lost | 1/s |\n| ---: | --- | ---: | ---: | ---: | ---: |\n",
        );
        for (number, round) in (1..).zip(&self.rounds) {
            let mut row = |what: &str, taken: u64, there: u64, rate: Option<f64>| {
                let lost = taken.saturating_sub(there);
                let _ =
                    writeln!(text, "| {number} | {what} | {taken} | {there} | {lost} | {} |", figure(rate));
            };
            for (what, burst) in [
                ("Blocks: pages over 32 connections, in the inbox", &round.kept.ours),
                ("`webhook`: the same, commands run", &round.kept.other),
            ] {
                if let Some(Burst { load, acknowledged, kept }) = burst {
                    row(what, *acknowledged, *kept, Some(load.per_second));
                }
            }
            for (what, done) in [
                ("Blocks: pages a tenth of a second apart, commands begun", &round.started.ours),
                ("floor: the same", &round.started.other),
                ("Blocks: pages over 32 connections, commands begun", &round.commands.ours),
                ("floor: the same", &round.commands.other),
            ] {
                if let Some(done) = done {
                    row(what, done.acknowledged, done.ran, done.per_second());
                }
            }
            for (what, told) in [
                ("Blocks: alerts, told of in the chat", &round.alerts.ours),
                ("Alertmanager: the same, by its webhook", &round.alerts.other),
            ] {
                if let Some(told) = told {
                    row(what, told.taken, told.told, told.per_second());
                }
            }
            for (what, seen) in [
                ("Blocks: single pages, with evidence", &round.single),
                ("Blocks: a storm's, with evidence", &round.storm),
            ] {
                if let Some(seen) = seen {
                    row(what, seen.pages, seen.evidence.len() as u64, None);
                }
            }
        }
    }

    fn write_times(&self, text: &mut String) {
        text.push_str(
            "\n## Times\n\nMilliseconds.\n\n| round | what | count | p50 | p95 | p99 | most |\n| ---: | --- | ---: | ---: | ---: | ---: | ---: |\n",
        );
        for (number, round) in (1..).zip(&self.rounds) {
            for (what, times) in of_round(round) {
                let at = |percent| figure(times.percentile(percent));
                let _ = writeln!(
                    text,
                    "| {number} | {what} | {} | {} | {} | {} | {} |",
                    times.len(),
                    at(50),
                    at(95),
                    at(99),
                    at(100)
                );
            }
        }
        text.push('\n');
        for (number, round) in (1..).zip(&self.rounds) {
            let first = if round.floor_first { "the other" } else { "Blocks" };
            let runs = |seen: &Option<Seen>| seen.as_ref().map_or(0, |seen| seen.runs);
            let peak = |told: &Option<Told>| figure(told.as_ref().and_then(|told| told.peak));
            let _ = writeln!(
                text,
                "Round {number} ({first} first): {} runs of diagnostics for the single pages, {} for the storm. Most memory with the alerts: {} MiB, Alertmanager {} MiB.",
                runs(&round.single),
                runs(&round.storm),
                peak(&round.alerts.ours),
                peak(&round.alerts.other),
            );
        }
    }

    fn how(&self) -> String {
        let BenchPagerDutyArgs { rounds, secs, pages, burst, alerts, storm, storm_secs, .. } = &self.args;
        format!(
            "\n## How it is measured\n\n\
             Everything runs on this machine, on loopback, one at a time, each in a process of its own with a fresh folder and an empty\n\
             store. Which side goes first changes from round to round. What is counted as there is read from the store, from the stamps that\n\
             commands write, and from what the stand-ins were told; what is lost is the difference to what was answered with success.\n\n\
             **Acknowledged**: {secs} s of signed webhooks, 100/s over 8 connections or as fast as 32 connections go, after a second of warming\n\
             up. The floor is a bare server: axum, the HMAC check, one append to SQLite (WAL, `synchronous=FULL`, group commit). All pages name\n\
             one incident. Debian's `webhook` checks the same HMAC by its rules and runs bash for each; it keeps nothing on disk, and what it\n\
             has acknowledged is waited for until nothing has come for 20 s.\n\n\
             **Page to command**: {pages} pages, ten a second, each an incident of its own whose diagnostics are one line for bash: it\n\
             writes the time. The floor acknowledges as above and then starts bash on the same line; that is the floor with its process start,\n\
             and a bare start of that script is listed apart. Blocks opens the incident, plans the run, has its intent on disk, and starts a\n\
             supervisor and bash. **Commands with 32 connections**: {burst} such pages as fast as 32 connections go, until the last\n\
             command has begun. Nothing is shared between incidents here (`share_s = 0`), there is no chat, and PagerDuty's REST API is a\n\
             stand-in that answers at once.\n\n\
             **Alerts**: {alerts} alerts, in messages of 64 as Prometheus sends them, over 8 connections. Alertmanager groups each by itself\n\
             with `group_wait: 0s` and posts to a receiver; nothing of it is durable. In Blocks each is an incident of its own\n\
             (`storm_window = \"0 s\"`, which nobody would choose: by default a storm of a service is one incident and one card), and its\n\
             card is the notification. Slack takes one message a second in each channel, and Blocks keeps to that whoever answers; so the alerts\n\
             are of 2,000 services with a channel each, and Slack's stand-in answers at once. The rate is from the first alert sent to the\n\
             last one told of.\n\n\
             **Evidence**: 20 services with a channel and a target each. Their diagnostics are five commands that really run; limits and\n\
             sharing are the defaults, chat is a stand-in, and an incident is led in its service's channel. First {SINGLE} pages, each of another service, the next when the one before\n\
             is seen; then {storm} pages in {storm_secs} s, of the services in turn, whatever becomes of those before (the last {LAST} are\n\
             told apart). From sending the page to the event of its first evidence in the journal. When the card shows it is listed, too; in a\n\
             storm cards wait for Slack's pace.\n\n\
             To repeat it, on a machine that does nothing else:\n\n    \
             cargo build --release --bin blocks\n    \
             cargo xtask tools\n    \
             target/release/blocks bench pagerduty --floor PATH_TO_FLOOR --rounds {rounds} --write docs/benchmarks-pagerduty.md --write-json docs/benchmarks-pagerduty.json\n\n\
             `PATH_TO_FLOOR` is the program of [the other benchmarks](benchmarks.md#how-it-is-measured); beside that it has `serve --mode\n\
             sqlite+run --bin PROGRAM --mark FILE`, which starts `PROGRAM FILE ID` for each hook once it is on disk. Nothing leaves the machine.\n"
        )
    }
}

/// What a round's times are of.
fn of_round(round: &Round) -> Vec<(&'static str, &Times)> {
    let mut all = vec![("a bare start of bash", &round.process)];
    for (what, done) in [
        ("page to command: floor", &round.started.other),
        ("page to command: Blocks", &round.started.ours),
        ("page to command, 32 connections: floor", &round.commands.other),
        ("page to command, 32 connections: Blocks", &round.commands.ours),
    ] {
        all.extend(done.as_ref().map(|done| (what, &done.started)));
    }
    for (what, told) in [
        ("alert to notification: Alertmanager", &round.alerts.other),
        ("alert to notification: Blocks", &round.alerts.ours),
    ] {
        all.extend(told.as_ref().map(|told| (what, &told.times)));
    }
    if let Some(seen) = &round.single {
        all.extend([
            ("single page to evidence", &seen.evidence),
            ("single page to a card with it", &seen.shown),
        ]);
    }
    if let Some(seen) = &round.storm {
        all.extend([
            ("storm: page to evidence", &seen.evidence),
            ("storm: the last pages to evidence", &seen.last),
            ("storm: page to a card with it, of those that had one", &seen.shown),
        ]);
    }
    all
}

fn round_json(round: &Round) -> Value {
    let load = |load: &Load| json!({ "answers": load.answers, "per_second": load.per_second, "refused": load.refused, "p50_us": load.p50, "p99_us": load.p99 });
    let loads = |both: &Both<Load>| json!({ "floor": both.other.as_ref().map(load), "ours": both.ours.as_ref().map(load) });
    let burst = |burst: &Burst| json!({ "load": load(&burst.load), "acknowledged": burst.acknowledged, "there": burst.kept, "lost": burst.lost() });
    let commands = |done: &Commands| {
        json!({
            "acknowledged": done.acknowledged, "refused": done.refused, "begun": done.ran, "lost": done.lost(),
            "seconds": done.seconds, "per_second": done.per_second(), "started_ms": times(&done.started),
        })
    };
    let both = |both: &Both<Commands>| json!({ "floor": both.other.as_ref().map(commands), "ours": both.ours.as_ref().map(commands) });
    let told = |told: &Told| {
        json!({
            "taken": told.taken, "told": told.told, "lost": told.lost(), "seconds": told.seconds,
            "per_second": told.per_second(), "times_ms": times(&told.times), "peak_mib": told.peak,
        })
    };
    let seen = |seen: &Seen| {
        json!({
            "pages": seen.pages, "lost": seen.lost(), "runs": seen.runs, "evidence_ms": times(&seen.evidence),
            "last_ms": times(&seen.last), "shown_ms": times(&seen.shown),
        })
    };
    json!({
        "floor_first": round.floor_first,
        "acknowledge": loads(&round.acknowledge), "throughput": loads(&round.burst),
        "kept": { "webhook": round.kept.other.as_ref().map(burst), "ours": round.kept.ours.as_ref().map(burst) },
        "process_start_ms": times(&round.process),
        "started": both(&round.started), "commands": both(&round.commands),
        "alerts": { "alertmanager": round.alerts.other.as_ref().map(told), "ours": round.alerts.ours.as_ref().map(told) },
        "single": round.single.as_ref().map(seen), "storm": round.storm.as_ref().map(seen),
        "lost": round.lost(),
    })
}

fn times(times: &Times) -> Value {
    json!({
        "count": times.len(), "p50": times.percentile(50), "p95": times.percentile(95),
        "p99": times.percentile(99), "max": times.percentile(100),
    })
}

fn figure(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(value) if value >= 100.0 => format!("{value:.0}"),
        Some(value) if value >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(per_second: f64, p50: f64) -> Load {
        Load { answers: 400, per_second, refused: 0, p50, p99: p50 * 2.0 }
    }

    fn done(ran: u64, started: f64, seconds: f64) -> Commands {
        Commands { acknowledged: 100, refused: 0, ran, started: Times(vec![started; 5]), seconds }
    }

    fn told(told: u64, seconds: f64, peak: f64) -> Told {
        Told { taken: 100, told, seconds, times: Times(vec![1.0]), peak: Some(peak) }
    }

    fn seen(evidence: f64) -> Seen {
        let times = Times(vec![evidence; 10]);
        Seen { pages: 10, evidence: times.clone(), last: times, shown: Times::default(), runs: 3 }
    }

    /// A round in which everything is just met.
    fn good() -> Round {
        let burst = |per_second, kept| Burst { load: load(per_second, 1.0), acknowledged: 500, kept };
        Round {
            floor_first: true,
            acknowledge: Both { other: Some(load(100.0, 100.0)), ours: Some(load(100.0, 130.0)) },
            burst: Both { other: Some(load(1_000.0, 1.0)), ours: Some(load(500.0, 1.0)) },
            kept: Both { other: Some(burst(500.0, 170)), ours: Some(burst(500.0, 500)) },
            started: Both { other: Some(done(100, 4.0, 10.0)), ours: Some(done(100, 5.0, 10.0)) },
            process: Times(vec![1.0]),
            commands: Both { other: Some(done(100, 4.0, 0.85)), ours: Some(done(100, 4.0, 1.0)) },
            alerts: Both { other: Some(told(90, 0.9, 500.0)), ours: Some(told(100, 1.0, 80.0)) },
            single: Some(seen(2_000.0)),
            storm: Some(seen(2_000.0)),
        }
    }

    fn report(rounds: Vec<Round>) -> Report {
        let setting = Setting {
            commit: None,
            dirty: false,
            cores: 2,
            memory_mib: None,
            cpu: None,
            kernel: None,
            file_system: None,
            load_average: Some("0.10 0.20 0.30".to_owned()),
            release: true,
        };
        let args = BenchPagerDutyArgs {
            floor: None,
            webhook: None,
            alertmanager: None,
            rounds: 1,
            secs: 4,
            pages: 100,
            burst: 100,
            alerts: 100,
            storm: 10,
            storm_secs: 60,
            write: None,
            write_json: None,
        };
        Report { setting, at: DateTime::UNIX_EPOCH, args, absent: Vec::new(), rounds }
    }

    fn met(report: &Report, name: &str) -> Option<bool> {
        report.outcomes().iter().find(|outcome| outcome.aim.name == name).unwrap().met()
    }

    #[test]
    fn an_aim_that_is_just_met_is_met() {
        let report = report(vec![good()]);
        for aim in AIMS {
            assert_eq!(met(&report, aim.name), Some(true), "{}", aim.name);
        }
        let text = report.markdown();
        assert!(
            text.contains("| acknowledged and lost, in all rounds |  | - | 0.00 | - | <= 0 | met |"),
            "{text}"
        );
        assert!(text.contains("| 1 | `webhook`: the same, commands run | 500 | 170 | 330 | 500 |"), "{text}");
        assert!(!text.contains("other things to do") && !text.contains("NOT met"), "{text}");
    }

    #[test]
    fn each_aim_is_missed_by_its_own_figure_alone() {
        type Spoil = fn(&mut Round);
        let cases: [(&str, Spoil); 9] = [
            ("acknowledge_p50", |round| round.acknowledge.ours.as_mut().unwrap().p50 = 130.1),
            ("acknowledge_p99", |round| round.acknowledge.ours.as_mut().unwrap().p99 = 300.1),
            ("started_p50", |round| round.started.ours.as_mut().unwrap().started = Times(vec![5.1])),
            ("throughput", |round| round.burst.ours.as_mut().unwrap().per_second = 499.0),
            ("above_webhook", |round| round.kept.ours.as_mut().unwrap().load.per_second = 499.0),
            ("commands", |round| round.commands.ours.as_mut().unwrap().seconds = 1.01),
            ("told", |round| round.alerts.ours.as_mut().unwrap().seconds = 1.01),
            ("memory", |round| round.alerts.ours.as_mut().unwrap().peak = Some(80.1)),
            ("evidence_last", |round| round.storm.as_mut().unwrap().last = Times(vec![2_000.1])),
        ];
        for (name, spoil) in cases {
            let mut round = good();
            spoil(&mut round);
            let report = report(vec![round]);
            for aim in AIMS {
                assert_eq!(met(&report, aim.name), Some(aim.name != name), "{name} spoilt: {}", aim.name);
            }
        }
    }

    #[test]
    fn what_one_round_lost_is_not_hidden_by_the_others() {
        let mut bad = good();
        bad.commands.ours = Some(done(99, 4.0, 1.0));
        let report = report(vec![good(), good(), bad]);
        assert_eq!(met(&report, "lost"), Some(false));
        assert_eq!(met(&report, "commands"), Some(false), "a rate of those that came is none of all");
        assert_eq!(report.json()["rounds"][2]["lost"], 1);
    }

    #[test]
    fn pages_that_were_not_taken_are_no_pages_that_were_soon_seen() {
        let mut bad = good();
        bad.storm.as_mut().unwrap().pages = 9;
        bad.alerts.ours.as_mut().unwrap().taken = 99;
        let report = report(vec![bad]);
        assert_eq!(met(&report, "evidence_storm"), Some(false));
        assert_eq!(met(&report, "told"), Some(false));
    }

    #[test]
    fn what_was_not_measured_is_no_success() {
        let mut report = report(vec![Round::default()]);
        report.absent = vec!["webhook is neither on PATH nor in target/tools".to_owned()];
        for aim in AIMS {
            assert_eq!(met(&report, aim.name), None, "{}", aim.name);
        }
        assert!(
            report.markdown().contains("Not measured: webhook is neither on PATH"),
            "{}",
            report.markdown()
        );
    }
}
