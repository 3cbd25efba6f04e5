//! The report, for people (Markdown) and for programs (JSON).

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::aims::{Medians, Outcome, Round};
use crate::machine::Setting;
use crate::measure::{Rounds, SHAPE_BYTES, ShapeTimes, WORST_GROWTH};

/// Everything that was measured.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Report {
    pub(crate) setting: Setting,
    /// RFC 3339.
    pub(crate) at: String,
    /// us for one document of 10 KB.
    pub(crate) small: Rounds,
    /// ms for 10 MB as 1,000 documents.
    pub(crate) many: Rounds,
    /// ms for 10 MB as one document.
    pub(crate) large: Rounds,
    /// MB, and ms per MB.
    pub(crate) growth: Vec<(usize, Rounds)>,
    /// Multiples of the document, for 10 MB.
    pub(crate) memory: Rounds,
    pub(crate) shapes: Vec<ShapeTimes>,
    /// ms of `blocks runbook lint` over 1,000 files.
    pub(crate) command_line: Option<f64>,
}

impl Report {
    /// Every aim and what it came to.
    pub(crate) fn outcomes(&self) -> Vec<Outcome> {
        let ratio = |name, title, unit, rounds: &Rounds, limit| {
            let medians = rounds.medians();
            let value = medians.ratio;
            Outcome {
                name,
                title,
                unit,
                medians,
                value,
                limit,
                of: "x pulldown-cmark",
                refused: rounds.refused,
            }
        };
        let memory = self.memory.medians();
        let (first, last) = (self.growth.first(), self.growth.last());
        let per_mb = |side: fn(&Medians) -> Option<f64>| {
            let of = |found: Option<&(usize, Rounds)>| side(&found?.1.medians());
            Some(of(last)? / of(first)?)
        };
        let grown = Medians {
            floor: per_mb(|medians| medians.floor),
            mask: per_mb(|medians| medians.mask),
            ours: per_mb(|medians| medians.ours),
            ratio: None,
        };
        let steep = self.shapes.iter().filter(|shape| shape.steep).count();
        let steep = u32::try_from(steep).ok().map(f64::from).filter(|_| !self.shapes.is_empty());
        vec![
            ratio("understand_10kb", "a runbook of 10 KB understood", "us", &self.small, 2.0),
            ratio("lint_10mb_documents", "10 MB linted, as 1,000 documents", "ms", &self.many, 4.0),
            ratio("lint_10mb_one", "10 MB linted, as one document", "ms", &self.large, 4.0),
            Outcome {
                name: "memory_10mb",
                title: "memory for a document of 10 MB, itself included",
                unit: "x document",
                medians: memory,
                value: memory.ours,
                limit: 3.0,
                of: "x the document",
                refused: self.memory.refused,
            },
            Outcome {
                name: "growth",
                title: "time per MB at the largest size against 1 MB",
                unit: "x",
                medians: grown,
                value: grown.ours,
                limit: 1.5,
                of: "x",
                refused: self.growth.iter().any(|(_, rounds)| rounds.refused),
            },
            Outcome {
                name: "steep_shapes",
                title: "shapes that grow worse than linearly",
                unit: "",
                medians: Medians { ours: steep, ..Medians::default() },
                value: steep,
                limit: 0.0,
                of: "",
                refused: false,
            },
        ]
    }

    /// One object, every figure in it.
    pub(crate) fn json(&self) -> Value {
        let rounds = |rounds: &Rounds| -> Vec<Value> {
            rounds
                .rounds
                .iter()
                .map(|round| json!({ "floor": round.floor, "mask": round.mask, "ours": round.ours }))
                .collect()
        };
        json!({
            "at": self.at, "machine": self.setting.json(),
            "aims": self.outcomes().iter().map(Outcome::json).collect::<Vec<_>>(),
            "rounds": {
                "understand_10kb_us": rounds(&self.small),
                "lint_10mb_documents_ms": rounds(&self.many),
                "lint_10mb_one_ms": rounds(&self.large),
                "memory_10mb_x": rounds(&self.memory),
            },
            "growth_ms_per_mb": self.growth.iter().map(|(megabytes, of)| json!({
                "megabytes": megabytes, "refused": of.refused, "rounds": rounds(of),
            })).collect::<Vec<_>>(),
            "shapes": self.shapes.iter().map(|shape| json!({
                "name": shape.name, "floor_ms": shape.floor, "ours_ms": shape.ours, "steep": shape.steep,
            })).collect::<Vec<_>>(),
            "command_line_ms": self.command_line,
        })
    }

    /// The document.
    pub(crate) fn markdown(&self) -> String {
        let mut text = String::from(
            "# How fast runbooks are understood\n\nWritten by the benchmark `language`; do not edit. A missed aim stays here as missed.\n\n| | |\n| --- | --- |\n",
        );
        for (name, value) in self.setting.rows() {
            let _ = writeln!(text, "| {name} | {value} |");
        }
        let _ = writeln!(text, "| taken at | {} |", self.at);
        self.write_aims(&mut text);
        self.write_growth(&mut text);
        for (title, unit, rounds) in [
            ("One document of 10 KB", "us", &self.small),
            ("10 MB as 1,000 documents", "ms", &self.many),
            ("10 MB as one document", "ms", &self.large),
            ("Memory for one document of 10 MB", "multiples of the document", &self.memory),
        ] {
            write_rounds(&mut text, title, unit, rounds);
        }
        self.write_shapes(&mut text);
        text.push_str(HOW);
        text
    }

    fn write_aims(&self, text: &mut String) {
        text.push_str("\n## Aims\n\nMedians of the rounds. The figure is what the aim is about; a ratio is the median of each round's own.\n\n");
        text.push_str("| what | unit | pulldown-cmark | mask | ours | figure | aim | |\n| --- | --- | ---: | ---: | ---: | ---: | --- | --- |\n");
        for outcome in self.outcomes() {
            let Medians { floor, mask, ours, .. } = outcome.medians;
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} | <= {}{} | {} |",
                outcome.title,
                outcome.unit,
                figure(floor),
                figure(mask),
                figure(ours),
                outcome.value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}")),
                outcome.limit,
                outcome.of,
                outcome.verdict(),
            );
        }
        if let Some(milliseconds) = self.command_line {
            let _ = writeln!(
                text,
                "\nFor information: the whole command `blocks runbook lint -o json` over 1,000 files of 10 KB takes {milliseconds:.0} ms."
            );
        }
    }

    fn write_growth(&self, text: &mut String) {
        text.push_str("\n## Growth\n\nOne document of so many MB; ms per MB, medians of the rounds.\n\n| MB | pulldown-cmark | mask | ours | ours / pulldown-cmark |\n| ---: | ---: | ---: | ---: | ---: |\n");
        for (megabytes, rounds) in &self.growth {
            let Medians { floor, mask, ours, ratio } = rounds.medians();
            let ours = if rounds.refused { "refused".to_owned() } else { figure(ours) };
            let _ = writeln!(
                text,
                "| {megabytes} | {} | {} | {ours} | {} |",
                figure(floor),
                figure(mask),
                ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}")),
            );
        }
    }

    fn write_shapes(&self, text: &mut String) {
        if self.shapes.is_empty() {
            return;
        }
        let [small, large] = SHAPE_BYTES.map(|bytes| bytes / 1000);
        let commit = self.setting.rows().into_iter().find(|(name, _)| *name == "commit");
        let _ = writeln!(
            text,
            "{SHAPES}Each grows with one thing only. ms of the processor at {small} KB and {large} KB, the quickest of several readings. Linear is\n16 and quadratic 256. More than {WORST_GROWTH} counts as steep, when it takes more than 5 ms at all and the parser beneath does not\ngrow so, too. A figure that is missing took longer than it was given. Taken at {} of commit\n{}.\n\n| shape | pulldown-cmark | | ours | | growth | |\n| --- | ---: | ---: | ---: | ---: | ---: | --- |",
            self.at,
            commit.map_or_else(|| "unknown".to_owned(), |(_, commit)| commit),
        );
        let figure = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1}"));
        for shape in &self.shapes {
            let ShapeTimes { name, floor, ours, steep } = shape;
            let name = name.replace('\\', "\\\\").replace('|', "\\|");
            let name = if name.contains('`') { format!("`` {name} ``") } else { format!("`{name}`") };
            let _ = writeln!(
                text,
                "| {name} | {} | {} | {} | {} | {} | {} |",
                figure(floor[0]),
                figure(floor[1]),
                figure(ours[0]),
                figure(ours[1]),
                figure(shape.growth()),
                if *steep { "**steep**" } else { "" },
            );
        }
    }

    /// A report that is there, with the shapes of this one.
    pub(crate) fn shapes_into(&self, report: &str) -> String {
        let (mut aims, mut shapes) = (String::new(), String::new());
        self.write_aims(&mut aims);
        self.write_shapes(&mut shapes);
        let aim = aims.lines().find(|line| line.starts_with(STEEP)).unwrap_or_default();
        let lines: Vec<&str> =
            report.lines().map(|line| if line.starts_with(STEEP) { aim } else { line }).collect();
        let mut text = lines.join("\n") + "\n";
        let at = text.find(SHAPES).or_else(|| text.find(HOW_HEAD)).unwrap_or(text.len());
        text.truncate(at);
        text + &shapes + HOW
    }
}

/// How the row of the aim about shapes begins.
const STEEP: &str = "| shapes that grow worse than linearly |";
const SHAPES: &str = "\n## Shapes that break parsers\n\n";
const HOW_HEAD: &str = "\n## How it is measured\n";

const HOW: &str = "
## How it is measured

Everybody reads the same bytes on one thread, one after the other, and who goes first changes from round to round. Times are the
processor's own: what else the machine does counts little.

- *pulldown-cmark* is the version and the options that Blocks reads with: all events with their offsets, which are added up.
  Letting go of its tree is part of its time.
- *mask* is `mask_parser::parse` of mask-parser, with pulldown-cmark 0.5 inside. It gets the documents without their front
  matter, which it does not know.
- *ours* is `runbook_core::runbook::parse`, and every finding looked at: what `blocks runbook lint` does for a file that is in
  memory. Hashing the document is no part of it: only a document that is shown or planned is hashed. What it made is let go outside the measured time, for mask too.

The documents are the shipped runbooks' own sections and made-up ones (lists, tables, prose, nested fences, sessions), shuffled by a
fixed seed. One document of 10 KB is read 200 times per round. Memory is how far a fresh process's peak (`VmHWM`) rises while it reads the file
and understands it; the document itself is part of it. A document that is refused as too large has no figure, and meets no aim.

To repeat it, the shapes by themselves with `--shapes`:

    cargo run --release -p blocks-bench --bin language -- --write docs/benchmarks-language.md
";

fn write_rounds(text: &mut String, title: &str, unit: &str, rounds: &Rounds) {
    let _ = writeln!(
        text,
        "\n## {title}\n\nIn {unit}, each round.\n\n| round | pulldown-cmark | mask | ours |\n| ---: | ---: | ---: | ---: |"
    );
    for (number, Round { floor, mask, ours }) in rounds.rounds.iter().enumerate() {
        let _ =
            writeln!(text, "| {} | {} | {} | {} |", number + 1, figure(*floor), figure(*mask), figure(*ours));
    }
}

/// Three figures that count.
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

    fn rounds(floor: f64, ours: Option<f64>) -> Rounds {
        let round = Round { floor: Some(floor), mask: Some(floor), ours };
        Rounds { rounds: vec![round; 3], refused: ours.is_none() }
    }

    #[test]
    fn every_aim_says_whether_it_is_met() {
        let shape = |steep| ShapeTimes {
            name: "a|b",
            floor: [Some(1.0), Some(4.0)],
            ours: [Some(2.0), Some(32.0)],
            steep,
        };
        let report = Report {
            small: rounds(50.0, Some(90.0)),
            many: rounds(50.0, Some(201.0)),
            large: rounds(50.0, None),
            memory: rounds(2.0, Some(3.5)),
            growth: vec![(1, rounds(5.0, Some(10.0))), (100, rounds(5.0, Some(12.0)))],
            shapes: vec![shape(true), shape(false)],
            ..Report::default()
        };
        let text = report.markdown();
        for line in [
            "| a runbook of 10 KB understood | us | 50.0 | 50.0 | 90.0 | 1.80 | <= 2x pulldown-cmark | met |",
            "| 10 MB linted, as 1,000 documents | ms | 50.0 | 50.0 | 201 | 4.02 | <= 4x pulldown-cmark | **NOT met** |",
            "| 10 MB linted, as one document | ms | 50.0 | 50.0 | - | - | <= 4x pulldown-cmark | **NOT met** (refused: too large) |",
            "| memory for a document of 10 MB, itself included | x document | 2.00 | 2.00 | 3.50 | 3.50 | <= 3x the document | **NOT met** |",
            "| time per MB at the largest size against 1 MB | x | 1.00 | 1.00 | 1.20 | 1.20 | <= 1.5x | met |",
            "| shapes that grow worse than linearly |  | - | - | 1.00 | 1.00 | <= 0 | **NOT met** |",
            "| `a\\|b` | 1.0 | 4.0 | 2.0 | 32.0 | 16.0 | **steep** |",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        let met: Vec<Value> =
            report.json()["aims"].as_array().unwrap().iter().map(|aim| aim["met"].clone()).collect();
        assert_eq!(met, [true, false, false, false, true, false]);
    }

    #[test]
    fn shapes_take_their_place_in_a_report() {
        let shapes = |name| {
            let times = [Some(1.0), None];
            vec![ShapeTimes { name, floor: times, ours: times, steep: true }]
        };
        let without = Report { small: rounds(50.0, Some(90.0)), ..Report::default() };
        let first = Report { shapes: shapes("a"), ..Report::default() }.shapes_into(&without.markdown());
        let second = Report { shapes: shapes("b"), ..Report::default() }.shapes_into(&first);
        assert_eq!(second, Report { shapes: shapes("b"), ..without }.markdown());
        assert!(second.contains("| `b` | 1.0 | - | 1.0 | - | - | **steep** |"), "{second}");
    }

    #[test]
    fn what_was_not_measured_is_not_made_up() {
        let text = Report::default().markdown();
        assert_eq!(text.matches("| not measured |").count(), 6, "{text}");
    }
}
