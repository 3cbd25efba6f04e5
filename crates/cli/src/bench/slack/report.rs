//! The report about Slack, for people (Markdown) and for programs (JSON).

use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::figures::Round;
use crate::args::BenchSlackArgs;
use crate::bench::aims::{Aim, Limit, Outcome, Pair};
use crate::bench::machine::Setting;
use crate::bench::times::Times;

/// Every aim, in the order of the report.
const AIMS: [Aim; 6] = [
    aim("acknowledge_http", "acknowledged over HTTP beside runs in flight, p99", "ms", 50.0),
    aim("acknowledge_socket", "acknowledged over a socket beside runs in flight, p99", "ms", 50.0),
    aim("answer", "command to visible answer beside runs in flight, p95", "ms", 500.0),
    aim("card", "page to card, p95", "ms", 1_000.0),
    aim("approval", "asked for to plan with its button, cards saturated, p95", "ms", 2_000.0),
    aim("lost", "lost, doubled or given up, in all rounds", "", 0.0),
];

const fn aim(name: &'static str, title: &'static str, unit: &'static str, most: f64) -> Aim {
    Aim { name, title, unit, limit: Limit::AtMost(most), relative: false }
}

/// Everything that was measured.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Report {
    pub(super) setting: Setting,
    pub(super) at: DateTime<Utc>,
    pub(super) args: BenchSlackArgs,
    pub(super) rounds: Vec<Round>,
}

impl Report {
    fn outcomes(&self) -> Vec<Outcome> {
        AIMS.into_iter().map(|aim| Outcome::of(aim, &self.pairs(aim), self.refused(aim))).collect()
    }

    fn pairs(&self, aim: Aim) -> Vec<Pair> {
        let each = |pick: &dyn Fn(&Round) -> Option<f64>| {
            self.rounds.iter().map(|round| Pair { floor: None, ours: pick(round) }).collect()
        };
        match aim.name {
            "acknowledge_http" => each(&|round| round.http.acknowledged.percentile(99)),
            "acknowledge_socket" => each(&|round| round.socket.acknowledged.percentile(99)),
            "answer" => each(&|round| both(round).percentile(95)),
            "card" => each(&|round| round.cards.percentile(95)),
            "approval" => each(&|round| round.flood.approvals.percentile(95)),
            // What is lost once is lost: a median would hide it.
            _ => vec![Pair { floor: None, ours: Some(self.lost()) }],
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    fn lost(&self) -> f64 {
        self.rounds.iter().map(Round::lost).sum::<u64>() as f64
    }

    /// Commands that were not acknowledged: a quick refusal is no acknowledgement. Fewer runs in flight than were asked for
    /// make a figure better than it is, so they count, too.
    fn refused(&self, aim: Aim) -> u64 {
        let short = |in_flight: usize| self.args.in_flight.saturating_sub(in_flight) as u64;
        let of = |round: &Round| match aim.name {
            "acknowledge_http" => round.http.refused + short(round.http.in_flight),
            "acknowledge_socket" => round.socket.refused + short(round.socket.in_flight),
            "answer" => round.http.refused + round.socket.refused,
            _ => 0,
        };
        self.rounds.iter().map(of).sum()
    }

    /// One object, every figure in it.
    pub(super) fn json(&self) -> Value {
        let args = &self.args;
        let times = |times: &Times| {
            json!({
                "count": times.len(), "p50": times.percentile(50), "p95": times.percentile(95),
                "p99": times.percentile(99), "max": times.percentile(100),
            })
        };
        json!({
            "at": self.at.to_rfc3339_opts(SecondsFormat::Millis, true),
            "machine": self.setting.json(),
            "in_flight": args.in_flight, "commands": args.commands, "pages": args.pages,
            "incidents": args.incidents, "secs": args.secs,
            "aims": self.outcomes().iter().map(Outcome::json).collect::<Vec<_>>(),
            "rounds": self.rounds.iter().map(|round| {
                let typed = |typed: &super::figures::Typed| json!({
                    "acknowledged_ms": times(&typed.acknowledged), "answered_ms": times(&typed.answered),
                    "refused": typed.refused, "lost": typed.lost, "in_flight": typed.in_flight,
                });
                json!({
                    "http": typed(&round.http), "socket": typed(&round.socket),
                    "card_ms": times(&round.cards), "cards_lost": round.cards_lost,
                    "flood": {
                        "card_ms": times(&round.flood.cards), "approval_ms": times(&round.flood.approvals),
                        "backlog": round.flood.backlog, "lost": round.flood.lost, "doubled": round.flood.doubled,
                        "given_up": round.flood.given_up,
                    },
                })
            }).collect::<Vec<_>>(),
        })
    }

    /// The document.
    pub(super) fn markdown(&self) -> String {
        let mut text = String::from(
            "# Benchmarks of Slack\n\nWritten by `blocks bench slack`; do not edit. A missed aim stays here as missed.\n\n",
        );
        self.setting.write(&mut text, self.at, None);
        if self.setting.is_loaded() {
            text.push_str("\n**The machine had other things to do.** Times say little then.\n");
        }
        text.push_str("\n## Aims\n\nMedians of the rounds; what is lost is the sum of all.\n\n");
        text.push_str("| what | unit | ours | aim | |\n| --- | --- | ---: | --- | --- |\n");
        for outcome in self.outcomes() {
            let refused = match outcome.refused {
                0 => String::new(),
                count => format!(" ({count} not taken, or runs too few)"),
            };
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {}{refused} |",
                outcome.aim.title,
                outcome.aim.unit,
                figure(outcome.median.ours),
                outcome.aim_text().trim_end(),
                outcome.verdict(),
            );
        }
        self.write_rounds(&mut text);
        text.push_str(&self.how());
        text
    }

    fn write_rounds(&self, text: &mut String) {
        text.push_str("\n## Rounds\n\nMilliseconds. The flood's cards wait for each other: one channel takes one message a second.\n\n");
        text.push_str("| round | what | count | p50 | p95 | p99 | most |\n| ---: | --- | ---: | ---: | ---: | ---: | ---: |\n");
        for (number, round) in (1..).zip(&self.rounds) {
            for (what, times) in [
                ("acknowledged over HTTP", &round.http.acknowledged),
                ("answered over HTTP", &round.http.answered),
                ("acknowledged over a socket", &round.socket.acknowledged),
                ("answered over a socket", &round.socket.answered),
                ("page to card", &round.cards),
                ("flood: page to card", &round.flood.cards),
                ("flood: asked for to plan", &round.flood.approvals),
            ] {
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
            let _ = writeln!(
                text,
                "Round {number}: {} messages waited when the last of {} pages was sent; {} lost, doubled or given up.",
                round.flood.backlog,
                round.flood.pages,
                round.lost()
            );
        }
    }

    fn how(&self) -> String {
        let BenchSlackArgs { rounds, in_flight, commands, pages, incidents, secs, .. } = &self.args;
        format!(
            "\n## How it is measured\n\n\
             `blocks serve` is a process of its own; Slack and PagerDuty are the sandbox in the process that measures, on loopback, with\n\
             Slack's limits switched on. Each part has a fresh server and a fresh sandbox.\n\n\
             **Acknowledged, answered**: {in_flight} runs are in flight, each a command every two seconds, whose progress is shown in one\n\
             channel. Meanwhile {commands} commands are typed, over HTTP and then over a socket. Times are taken around the sandbox, from\n\
             handing the line in to the acknowledgement, and to the moment in which the answer shows.\n\n\
             **Page to card**: {pages} pages of P1, one after the other, each with a channel of its own.\n\n\
             **The flood**: {incidents} pages in {secs} s. The cards go to one channel, which takes one message a second. Every twentieth is a P1\n\
             with a channel of its own, in which the rollback is asked for; its plan must show beside the cards that wait. In the end every\n\
             page must have one card, every rollback one plan, and nothing may be given up.\n\n\
             To repeat it, on a machine that does nothing else:\n\n    \
             cargo build --release --bin blocks\n    \
             target/release/blocks bench slack --rounds {rounds} --write docs/benchmarks-slack.md --write-json docs/benchmarks-slack.json\n\n\
             Nothing leaves the machine.\n"
        )
    }
}

/// The answers of both ways in.
fn both(round: &Round) -> Times {
    Times(round.http.answered.0.iter().chain(&round.socket.answered.0).copied().collect())
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
    use super::super::figures::{Flood, Typed};
    use super::*;

    fn round(ack: f64, approval: f64, lost: u64) -> Round {
        let typed = Typed {
            acknowledged: Times(vec![ack; 10]),
            answered: Times(vec![400.0; 10]),
            in_flight: 3,
            ..Typed::default()
        };
        Round {
            http: typed.clone(),
            socket: typed,
            cards: Times(vec![900.0]),
            cards_lost: 0,
            flood: Flood {
                approvals: Times(vec![approval]),
                lost,
                pages: 20,
                backlog: 12,
                ..Flood::default()
            },
        }
    }

    fn report(load: &str, rounds: Vec<Round>) -> Report {
        let setting = Setting {
            commit: None,
            dirty: false,
            cores: 2,
            memory_mib: None,
            cpu: None,
            kernel: None,
            file_system: None,
            load_average: Some(load.to_owned()),
            release: true,
        };
        let args = BenchSlackArgs {
            rounds: 2,
            in_flight: 3,
            commands: 10,
            pages: 1,
            incidents: 20,
            secs: 6,
            write: None,
            write_json: None,
        };
        Report { setting, at: DateTime::UNIX_EPOCH, args, rounds }
    }

    fn met(report: &Report) -> Vec<Option<bool>> {
        report.outcomes().iter().map(Outcome::met).collect()
    }

    #[test]
    fn what_is_met_and_what_is_missed_is_said() {
        let good = report("0.10 0.20 0.30", vec![round(5.0, 1_900.0, 0); 2]);
        assert_eq!(met(&good), [Some(true); 6]);
        let text = good.markdown();
        assert!(
            text.contains("| lost, doubled or given up, in all rounds |  | 0.00 | <= 0 | met |"),
            "{text}"
        );
        assert!(text.contains("Round 1: 12 messages waited when the last of 20 pages was sent"), "{text}");
        assert!(!text.contains("other things to do"));
        let bad = report("1.10 0.20 0.30", vec![round(50.1, 2_000.1, 0); 2]);
        assert_eq!(met(&bad), [Some(false), Some(false), Some(true), Some(true), Some(false), Some(true)]);
        let text = bad.markdown();
        assert!(
            text.contains("**NOT met**") && text.contains("The machine had other things to do"),
            "{text}"
        );
        assert_eq!(bad.json()["aims"][0]["met"], false);
    }

    #[test]
    fn what_one_round_lost_is_not_hidden_by_the_others() {
        let lost = report("0.1", vec![round(5.0, 1.0, 0), round(5.0, 1.0, 0), round(5.0, 1.0, 1)]);
        assert_eq!(met(&lost)[5], Some(false));
        assert_eq!(lost.json()["aims"][5]["ours"], 1.0);
    }

    #[test]
    fn a_refusal_is_no_acknowledgement_and_fewer_runs_are_no_load() {
        let mut refused = round(5.0, 1.0, 0);
        refused.http.refused = 1;
        assert_eq!(met(&report("0.1", vec![refused]))[..3], [Some(false), Some(true), Some(false)]);
        let mut idle = round(5.0, 1.0, 0);
        idle.socket.in_flight = 2;
        assert_eq!(met(&report("0.1", vec![idle]))[..3], [Some(true), Some(false), Some(true)]);
    }

    #[test]
    fn what_was_not_measured_is_no_success() {
        assert_eq!(met(&report("0.1", vec![Round::default()]))[..5], [None; 5]);
    }
}
