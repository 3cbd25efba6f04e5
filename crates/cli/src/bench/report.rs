//! The report, for people (Markdown) and for programs (JSON).

use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::aims::{AIMS, Aim, Outcome, Pair};
use super::load::Load;
use super::machine::Setting;
use super::servers::Side;

/// What one side came to in one round.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Figures {
    /// Milliseconds.
    pub(crate) start_up: Option<f64>,
    pub(crate) acknowledge: Option<Load>,
    pub(crate) throughput: Option<Load>,
}

/// Both sides, one right after the other.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Round {
    pub(crate) floor_first: bool,
    pub(crate) floor: Figures,
    pub(crate) ours: Figures,
}

impl Round {
    pub(crate) fn of(&mut self, side: Side) -> &mut Figures {
        match side {
            Side::Floor => &mut self.floor,
            Side::Ours => &mut self.ours,
        }
    }

    fn pair(&self, pick: impl Fn(&Figures) -> Option<f64>) -> Pair {
        Pair { floor: pick(&self.floor), ours: pick(&self.ours) }
    }
}

/// Everything that was measured.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Report {
    pub(crate) setting: Setting,
    pub(crate) at: DateTime<Utc>,
    /// Seconds of each load.
    pub(crate) secs: u32,
    /// Seconds of idleness before memory is looked at.
    pub(crate) idle_secs: u64,
    pub(crate) rounds: Vec<Round>,
    /// MiB.
    pub(crate) idle_memory: Option<f64>,
    /// MiB.
    pub(crate) binary: f64,
    /// Whether the binary has no symbol table.
    pub(crate) stripped: bool,
}

impl Report {
    /// Every aim and what it came to.
    pub(crate) fn outcomes(&self) -> Vec<Outcome> {
        AIMS.into_iter().map(|aim| Outcome::of(aim, &self.pairs(aim), self.refused(aim))).collect()
    }

    fn pairs(&self, aim: Aim) -> Vec<Pair> {
        let ours = |figure: Option<f64>| vec![Pair { floor: None, ours: figure }];
        let each = |pick: &dyn Fn(&Figures) -> Option<f64>| {
            self.rounds.iter().map(|round| round.pair(pick)).collect()
        };
        match aim.name {
            "acknowledge_p50" => each(&|figures| figures.acknowledge.map(|load| load.p50)),
            "acknowledge_p99" => each(&|figures| figures.acknowledge.map(|load| load.p99)),
            "throughput" => each(&|figures| figures.throughput.map(|load| load.per_second)),
            "start_up" => each(&|figures| figures.start_up),
            "idle_memory" => ours(self.idle_memory),
            "binary" => ours(Some(self.binary)),
            _ => Vec::new(),
        }
    }

    /// Answers of ours that were no acknowledgement.
    fn refused(&self, aim: Aim) -> u64 {
        let loads = self.rounds.iter().filter_map(|round| match aim.name {
            "acknowledge_p50" | "acknowledge_p99" => round.ours.acknowledge,
            "throughput" => round.ours.throughput,
            _ => None,
        });
        loads.map(|load| load.refused).sum()
    }

    /// One object, every figure in it.
    pub(crate) fn json(&self) -> Value {
        json!({
            "at": self.at.to_rfc3339_opts(SecondsFormat::Millis, true),
            "machine": self.setting.json(),
            "secs": self.secs, "idle_secs": self.idle_secs, "stripped": self.stripped,
            "aims": self.outcomes().iter().map(Outcome::json).collect::<Vec<_>>(),
            "rounds": self.rounds.iter().map(|round| json!({
                "first": if round.floor_first { "floor" } else { "ours" },
                "floor": figures_json(&round.floor), "ours": figures_json(&round.ours),
            })).collect::<Vec<_>>(),
        })
    }

    /// The document.
    pub(crate) fn markdown(&self) -> String {
        let mut text = String::from(
            "# Benchmarks\n\nWritten by `blocks bench`; do not edit. A missed aim stays here as missed.\n\n",
        );
        self.setting.write(&mut text, self.at, Some(self.stripped));
        self.write_aims(&mut text);
        self.write_rounds(&mut text);
        text.push_str(&self.how());
        text
    }

    fn write_aims(&self, text: &mut String) {
        text.push_str("\n## Aims\n\nMedians of the rounds. The ratio is the median of each round's own ratio, ours / floor.\n\n");
        text.push_str("| what | unit | floor | ours | ratio | aim | |\n| --- | --- | ---: | ---: | ---: | --- | --- |\n");
        for outcome in self.outcomes() {
            let Outcome { aim, median, ratio, refused, .. } = &outcome;
            let ratio = ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}x"));
            let note = if *refused > 0 { format!(" ({refused} not 2xx)") } else { String::new() };
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {ratio} | {} | {}{note} |",
                aim.title,
                aim.unit,
                figure(median.floor),
                figure(median.ours),
                outcome.aim_text(),
                outcome.verdict(),
            );
        }
    }

    fn write_rounds(&self, text: &mut String) {
        let sections: [(&str, &str, Pick); 2] = [
            ("Durable acknowledge at 100/s", "open load over 8 connections", |figures| figures.acknowledge),
            ("Throughput with 32 connections", "closed load", |figures| figures.throughput),
        ];
        for (title, what, pick) in sections {
            let _ = writeln!(text, "\n## {title}\n");
            if self.rounds.iter().all(|round| pick(&round.ours).is_none()) {
                text.push_str(
                    "Not measured: no `--floor` was given, and the load generator is part of it.\n",
                );
                continue;
            }
            let _ = writeln!(
                text,
                "{} s of {what} per side and round, after a second of warming up.\n",
                self.secs
            );
            text.push_str("| round | first | side | answers | 1/s | not 2xx | p50 us | p99 us |\n");
            text.push_str("| ---: | --- | --- | ---: | ---: | ---: | ---: | ---: |\n");
            for (number, round) in self.rounds.iter().enumerate() {
                for (side, load) in [("floor", pick(&round.floor)), ("ours", pick(&round.ours))] {
                    let Some(load) = load else { continue };
                    let Load { answers, per_second, refused, p50, p99 } = load;
                    let first = if round.floor_first { "floor" } else { "ours" };
                    let _ = writeln!(
                        text,
                        "| {} | {first} | {side} | {answers} | {per_second:.0} | {refused} | {p50:.1} | {p99:.1} |",
                        number + 1,
                    );
                }
            }
        }
        text.push_str(
            "\n## Start-up\n\nFrom the process's start to the first answer, in a fresh folder, in ms.\n\n",
        );
        text.push_str("| round | first | floor | ours |\n| ---: | --- | ---: | ---: |\n");
        for (number, round) in self.rounds.iter().enumerate() {
            let first = if round.floor_first { "floor" } else { "ours" };
            let (floor, ours) = (figure(round.floor.start_up), figure(round.ours.start_up));
            let _ = writeln!(text, "| {} | {first} | {floor} | {ours} |", number + 1);
        }
    }

    fn how(&self) -> String {
        format!(
            "\n## How it is measured\n\n\
             The floor is a bare server that does the same work with nothing around it: axum, the HMAC check, and one append of the\n\
             body to a SQLite table (WAL, `synchronous=FULL`, group commit). Ours is `blocks serve` as it is installed, in webhook mode,\n\
             without Slack and without a triage runbook: beside the acknowledgement it reads every message and acts on it. Both run on\n\
             this machine, on loopback, one at a time, each load on a fresh server with an empty store. Which side goes first changes\n\
             from round to round.\n\n\
             Every request is a new event: `/metrics` is read after each load, and a single duplicate ends the benchmark. All events\n\
             name one PagerDuty incident, so one incident is opened and the others are found to belong to it. PagerDuty's REST API is a\n\
             stand-in that answers at once. Memory is the resident set after {} s without a request, with two worker threads.\n\n\
             To repeat it:\n\n\
             \x20   cargo build --release --bin blocks\n\
             \x20   target/release/blocks bench --floor PATH_TO_FLOOR --rounds {} --secs {} --idle-secs {} --write docs/benchmarks.md\n\n\
             `PATH_TO_FLOOR` is a program with two commands. `serve --mode sqlite --port PORT --data DIR` is the floor, at `/hook`.\n\
             `load --addr ADDRESS --path PATH [--rate R] --conns N --secs S` sends PagerDuty-like bodies signed with `peersecret` and prints\n\
             `acks: N in S = R/s not2xx=B` and `ack: n=N p50=..us .. p99=..us`. Without it, only ours is measured.\n",
            self.idle_secs,
            self.rounds.len(),
            self.secs,
            self.idle_secs,
        )
    }
}

type Pick = fn(&Figures) -> Option<Load>;

fn figure(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(value) if value >= 1_000.0 => format!("{value:.0}"),
        Some(value) => format!("{value:.1}"),
    }
}

fn figures_json(figures: &Figures) -> Value {
    let load = |load: Option<Load>| {
        load.map(|load| {
            json!({
                "answers": load.answers, "per_second": load.per_second, "refused": load.refused,
                "p50_us": load.p50, "p99_us": load.p99,
            })
        })
    };
    json!({
        "start_up_ms": figures.start_up, "acknowledge": load(figures.acknowledge),
        "throughput": load(figures.throughput),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(p50: f64, per_second: f64) -> Option<Load> {
        Some(Load { answers: 500, per_second, refused: 0, p50, p99: 2.0 * p50 })
    }

    fn report(rounds: Vec<Round>) -> Report {
        let setting = Setting {
            commit: Some("c5745e8d1f2a".to_owned()),
            dirty: true,
            cores: 2,
            memory_mib: Some(4000),
            cpu: Some("Some CPU".to_owned()),
            kernel: None,
            file_system: Some("ext4".to_owned()),
            load_average: None,
            release: true,
        };
        let at = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        Report {
            setting,
            at,
            secs: 5,
            idle_secs: 60,
            rounds,
            idle_memory: Some(12.0),
            binary: 21.5,
            stripped: true,
        }
    }

    fn both(floor: (f64, f64), ours: (f64, f64)) -> Round {
        let figures = |(p50, rate)| Figures {
            start_up: Some(p50),
            acknowledge: load(p50, 100.0),
            throughput: load(9.0, rate),
        };
        Round { floor_first: true, floor: figures(floor), ours: figures(ours) }
    }

    #[test]
    fn what_is_met_and_what_is_missed_are_both_told() {
        let report = report(vec![both((10.0, 1_000.0), (12.0, 400.0))]);
        let text = report.markdown();
        for line in [
            "| commit | c5745e8d1f2a, with changes in no commit |",
            "| durable acknowledge at 100/s, p50 | us | 10.0 | 12.0 | 1.20x | <= 1.3x | met |",
            "| acknowledged with 32 connections | 1/s | 1000 | 400.0 | 0.40x | >= 0.5x | **NOT met** |",
            "| idle memory (RSS) | MiB | - | 12.0 | - | <= 20 MiB | met |",
            "| the binary's size | MiB | - | 21.5 | - | <= 20 MiB | **NOT met** |",
            "| 1 | floor | ours | 500 | 100 | 0 | 12.0 | 24.0 |",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        let met: Vec<Value> =
            report.json()["aims"].as_array().unwrap().iter().map(|aim| aim["met"].clone()).collect();
        assert_eq!(met, [true, true, false, true, true, false]);
    }

    #[test]
    fn without_a_floor_nothing_is_made_up() {
        let ours = Figures { start_up: Some(30.0), ..Figures::default() };
        let report = report(vec![Round { ours, ..Round::default() }]);
        let text = report.markdown();
        assert_eq!(text.matches("| not measured |").count(), 4, "{text}");
        assert_eq!(text.matches("Not measured: no `--floor`").count(), 2, "{text}");
        assert!(report.json()["aims"][0]["met"].is_null());
    }

    #[test]
    fn a_refusal_spoils_a_good_time() {
        let mut round = both((10.0, 1_000.0), (5.0, 900.0));
        round.ours.acknowledge = Some(Load { refused: 2, ..load(5.0, 100.0).unwrap() });
        let text = report(vec![round]).markdown();
        assert!(text.contains("| <= 1.3x | **NOT met** (2 not 2xx) |"), "{text}");
    }
}
