//! The report about runs, for people (Markdown) and for programs (JSON).

use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::{Peak, Peer, Round};
use crate::args::BenchEngineArgs;
use crate::bench::aims::{Aim, Limit, Outcome, Pair, median};
use crate::bench::machine::Setting;

/// Every aim, in the order of the report.
const AIMS: [Aim; 4] = [
    Aim {
        name: "warm_command",
        title: "a command of a run, supervisor warm",
        unit: "ms",
        limit: Limit::AtMost(1.25),
        relative: true,
    },
    Aim {
        name: "many_runs",
        title: "commands of many runs at once",
        unit: "1/s",
        limit: Limit::AtLeast(0.85),
        relative: true,
    },
    Aim {
        name: "recovery",
        title: "runs in flight settled after a start",
        unit: "ms",
        limit: Limit::AtMost(2_000.0),
        relative: false,
    },
    Aim {
        name: "output_memory",
        title: "most memory for much output, engine and supervisor",
        unit: "MiB",
        limit: Limit::AtMost(64.0),
        relative: false,
    },
];

/// Everything that was measured.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Report {
    pub(super) setting: Setting,
    pub(super) at: DateTime<Utc>,
    pub(super) args: BenchEngineArgs,
    pub(super) rounds: Vec<Round>,
    /// Which peers were not measured, and why.
    pub(super) missing: Vec<(Peer, String)>,
    pub(super) peak: Option<Peak>,
}

impl Report {
    fn outcomes(&self) -> Vec<Outcome> {
        AIMS.into_iter().map(|aim| Outcome::of(aim, &self.pairs(aim), 0)).collect()
    }

    fn pairs(&self, aim: Aim) -> Vec<Pair> {
        let each = |pick: fn(&Round) -> Pair| self.rounds.iter().map(pick).collect();
        match aim.name {
            "warm_command" => {
                each(|round| Pair { floor: Some(round.same.warm), ours: Some(round.ours.warm) })
            }
            "many_runs" => each(|round| Pair { floor: Some(round.bare_rate), ours: Some(round.rate) }),
            "recovery" => each(|round| Pair { floor: None, ours: Some(round.recovery) }),
            _ => vec![Pair { floor: None, ours: self.peak.map(|peak| peak.engine + peak.supervisor) }],
        }
    }

    /// Milliseconds a command: who, the first, each after it, what is done.
    fn sides(&self) -> Vec<(&'static str, Option<f64>, Option<f64>, &'static str)> {
        let middle =
            |pick: &dyn Fn(&Round) -> Option<f64>| median(self.rounds.iter().filter_map(pick).collect());
        let mut sides = vec![
            (
                "Blocks",
                middle(&|round| Some(round.ours.cold)),
                middle(&|round| Some(round.ours.warm)),
                "intent, exit status and outcome durable; output judged and kept; shell state carried",
            ),
            (
                "the floor",
                middle(&|round| Some(round.same.cold)),
                middle(&|round| Some(round.same.warm)),
                "the same script for bash, three durable writes, nothing else",
            ),
            (
                "a plainer floor",
                middle(&|round| Some(round.plain.cold)),
                middle(&|round| Some(round.plain.warm)),
                "bash on the command's text alone, three durable writes",
            ),
            (
                "a bare start",
                middle(&|round| Some(round.nothing.cold)),
                middle(&|round| Some(round.nothing.warm)),
                "bash on the command's text alone, nothing durable",
            ),
        ];
        for (index, peer) in Peer::ALL.into_iter().enumerate() {
            sides.push((peer.name(), None, middle(&|round| *round.peers.get(index)?), peer.does()));
        }
        sides
    }

    /// One object, every figure in it.
    pub(super) fn json(&self) -> Value {
        let args = &self.args;
        json!({
            "at": self.at.to_rfc3339_opts(SecondsFormat::Millis, true),
            "machine": self.setting.json(),
            "commands": args.commands, "runs": args.runs, "commands_of_each": args.commands_of_each,
            "in_flight": args.in_flight, "output_mib": args.output_mib,
            "aims": self.outcomes().iter().map(Outcome::json).collect::<Vec<_>>(),
            "per_command_ms": self.sides().iter().map(|(name, first, each, does)| json!({
                "side": name, "first": first, "each": each, "does": does,
            })).collect::<Vec<_>>(),
            "not_measured": self.missing.iter().map(|(peer, reason)| json!({
                "side": peer.name(), "reason": reason,
            })).collect::<Vec<_>>(),
            "output": self.peak.map(|peak| json!({
                "engine_mib": peak.engine, "supervisor_mib": peak.supervisor, "seconds": peak.seconds,
            })),
            "rounds": self.rounds.iter().map(|round| json!({
                "first": if round.floor_first { "floor" } else { "ours" },
                "ours": { "cold": round.ours.cold, "warm": round.ours.warm },
                "floor": { "cold": round.same.cold, "warm": round.same.warm },
                "plain": round.plain.warm, "bare": round.nothing.warm,
                "commands_per_second": round.rate, "bare_per_second": round.bare_rate,
                "recovery_ms": round.recovery, "peers": round.peers,
            })).collect::<Vec<_>>(),
        })
    }

    /// The document.
    pub(super) fn markdown(&self) -> String {
        let mut text = String::from(
            "# Benchmarks of runs\n\nWritten by `blocks bench engine`; do not edit. A missed aim stays here as missed.\n\n",
        );
        self.setting.write(&mut text, self.at, None);
        if self.setting.is_loaded() {
            text.push_str(
                "\n**The machine had other things to do.** Times say little then, and ratios of sides that wait for the disk differently not much more.\n",
            );
        }
        self.write_aims(&mut text);
        self.write_sides(&mut text);
        self.write_rounds(&mut text);
        text.push_str(&self.how());
        text
    }

    fn write_aims(&self, text: &mut String) {
        text.push_str("\n## Aims\n\nMedians of the rounds. The ratio is the median of each round's own ratio, ours / floor.\n\n");
        text.push_str("| what | unit | floor | ours | ratio | aim | |\n| --- | --- | ---: | ---: | ---: | --- | --- |\n");
        for outcome in self.outcomes() {
            let Outcome { aim, median, ratio, .. } = &outcome;
            let ratio = ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}x"));
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {ratio} | {} | {} |",
                aim.title,
                aim.unit,
                figure(median.floor),
                figure(median.ours),
                outcome.aim_text(),
                outcome.verdict(),
            );
        }
    }

    fn write_sides(&self, text: &mut String) {
        text.push_str("\n## One command after another\n\nMilliseconds for a command. The first of a run starts what the others find there.\n\n");
        text.push_str(
            "| side | the first | each after it | what is done for it |\n| --- | ---: | ---: | --- |\n",
        );
        for (name, first, each, does) in self.sides() {
            let each = match self.missing.iter().find(|(peer, _)| peer.name() == name) {
                Some((_, reason)) => format!("not measured: {reason}"),
                None => figure(each),
            };
            let _ = writeln!(text, "| {name} | {} | {each} | {does} |", figure(first));
        }
        if let Some(peak) = &self.peak {
            let _ = writeln!(
                text,
                "\n## Much output\n\nOne command that writes {} MiB, read, redacted and bounded in {:.1} s: at most {:.1} MiB in the engine and {:.1} MiB in the\nsupervisor, each at its own worst moment.",
                self.args.output_mib, peak.seconds, peak.engine, peak.supervisor
            );
        }
    }

    fn write_rounds(&self, text: &mut String) {
        text.push_str("\n## Rounds\n\nms a command, commands a second of many runs, ms until the runs in flight were settled.\n\n");
        text.push_str("| round | first | floor | ours | ratio | ours, cold | bare 1/s | ours 1/s | ratio | recovery |\n");
        text.push_str("| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
        for (number, round) in self.rounds.iter().enumerate() {
            let _ = writeln!(
                text,
                "| {} | {} | {:.2} | {:.2} | {:.2} | {:.1} | {:.0} | {:.0} | {:.2} | {:.0} |",
                number + 1,
                if round.floor_first { "floor" } else { "ours" },
                round.same.warm,
                round.ours.warm,
                round.ours.warm / round.same.warm,
                round.ours.cold,
                round.bare_rate,
                round.rate,
                round.rate / round.bare_rate,
                round.recovery,
            );
        }
    }

    fn how(&self) -> String {
        let args = &self.args;
        format!(
            "\n## How it is measured\n\n\
             **One command after another**: a run of {commands} commands, each `echo \"command N\"` with a text of its own, none of which may be\n\
             repeated, through the real engine, SQLite store and supervisor. Its times are the journal's: from one intent to the next. The\n\
             floor runs the very scripts that the engine gave to bash (they carry variables, functions and folder from command to\n\
             command), commits an intent to SQLite before and an outcome after (WAL, `synchronous=FULL`), and writes, syncs and renames the\n\
             exit status in between. Peers are measured in the same rounds, by the difference between a long and a short document.\n\n\
             **Many runs at once**: {runs} runs of {each} commands, from the first request to the last end. The bare rate is the same number of\n\
             threads that start bash on the same scripts and write nothing.\n\n\
             **Runs in flight**: {in_flight} runs, each in the middle of a command that must not be repeated, whose engine and supervisors are gone.\n\
             `blocks runbook recover` is timed from its start to its end; each run must be in doubt then. The runs are begun by the real\n\
             engine over an executor that marks a command as begun and never ends it, so what is on disk is what two killed processes leave.\n\n\
             **Much output**: `blocks runbook run` in a process of its own; the largest resident set of it and of its supervisor.\n\n\
             To repeat it, on a machine that does nothing else:\n\n    \
             cargo build --release --bin blocks\n    \
             target/release/blocks bench engine --rounds {rounds} --write docs/benchmarks-engine.md --write-json docs/benchmarks-engine.json\n\n\
             Peers are taken from PATH (for DBOS, a `python3` that has it). Nothing is installed, and nothing leaves the machine.\n",
            commands = args.commands,
            runs = args.runs,
            each = args.commands_of_each,
            in_flight = args.in_flight,
            rounds = args.rounds,
        )
    }
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
    use super::super::Course;
    use super::*;

    fn report(load: &str, warm: f64, rate: f64) -> Report {
        let course = |warm| Course { cold: 20.0, warm };
        let round = Round {
            floor_first: true,
            ours: course(warm),
            same: course(2.0),
            bare_rate: 1_000.0,
            rate,
            recovery: 1_500.0,
            peers: vec![Some(1.5), None, None, None, None],
            ..Round::default()
        };
        Report {
            setting: Setting {
                commit: None,
                dirty: false,
                cores: 2,
                memory_mib: None,
                cpu: None,
                kernel: None,
                file_system: None,
                load_average: Some(load.to_owned()),
                release: true,
            },
            at: DateTime::UNIX_EPOCH,
            args: BenchEngineArgs {
                rounds: 1,
                commands: 10,
                runs: 2,
                commands_of_each: 5,
                in_flight: 3,
                output_mib: 4,
                write: None,
                write_json: None,
            },
            rounds: vec![round],
            missing: vec![(Peer::Mask, "mask is not on PATH".to_owned())],
            peak: Some(Peak { engine: 40.0, supervisor: 30.0, seconds: 1.0 }),
        }
    }

    #[test]
    fn what_is_missed_and_what_is_not_there_is_said() {
        let report = report("0.10 0.20 0.30", 2.4, 900.0);
        let met: Vec<_> = report.outcomes().iter().map(Outcome::met).collect();
        assert_eq!(met, [Some(true), Some(true), Some(true), Some(false)]);
        let text = report.markdown();
        assert!(text.contains("| MiB | - | 70.0 | - | <= 64 MiB | **NOT met** |"), "{text}");
        assert!(text.contains("| mask | - | not measured: mask is not on PATH |"), "{text}");
        assert!(text.contains("| a bash script | - | 1.50 |"), "{text}");
        assert!(!text.contains("other things to do"));
        assert_eq!(report.json()["not_measured"][0]["side"], "mask");
    }

    #[test]
    fn a_loaded_machine_is_named() {
        let report = report("1.10 0.20 0.30", 2.6, 800.0);
        assert!(report.markdown().contains("The machine had other things to do"));
        assert_eq!(report.outcomes()[0].met(), Some(false));
        assert_eq!(report.outcomes()[1].met(), Some(false));
    }
}
