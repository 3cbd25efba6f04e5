//! What is aimed at, and whether a figure meets it.

use serde_json::{Value, json};

/// A limit on a figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Limit {
    /// Good when it is not more.
    AtMost(f64),
    /// Good when it is not less.
    AtLeast(f64),
}

impl Limit {
    fn holds(self, value: f64) -> bool {
        match self {
            Limit::AtMost(limit) => value <= limit,
            Limit::AtLeast(limit) => value >= limit,
        }
    }

    fn sign(self) -> (&'static str, f64) {
        match self {
            Limit::AtMost(limit) => ("<=", limit),
            Limit::AtLeast(limit) => (">=", limit),
        }
    }
}

/// One aim: of what, in which unit, how much.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Aim {
    /// The key in JSON.
    pub(crate) name: &'static str,
    /// For people.
    pub(crate) title: &'static str,
    /// Of the figures on both sides.
    pub(crate) unit: &'static str,
    /// On the ratio ours / floor when `relative`, else on our own figure.
    pub(crate) limit: Limit,
    /// Whether the floor is the yardstick.
    pub(crate) relative: bool,
}

/// Every aim, in the order of the report.
pub(crate) const AIMS: [Aim; 6] = [
    relative("acknowledge_p50", "durable acknowledge at 100/s, p50", "us", Limit::AtMost(1.3)),
    relative("acknowledge_p99", "durable acknowledge at 100/s, p99", "us", Limit::AtMost(1.5)),
    relative("throughput", "acknowledged with 32 connections", "1/s", Limit::AtLeast(0.5)),
    relative("start_up", "start to the first answer", "ms", Limit::AtMost(3.0)),
    absolute("idle_memory", "idle memory (RSS)", Limit::AtMost(20.0)),
    absolute("binary", "the binary's size", Limit::AtMost(20.0)),
];

const fn relative(name: &'static str, title: &'static str, unit: &'static str, limit: Limit) -> Aim {
    Aim { name, title, unit, limit, relative: true }
}

const fn absolute(name: &'static str, title: &'static str, limit: Limit) -> Aim {
    Aim { name, title, unit: "MiB", limit, relative: false }
}

/// One figure of a round, from both sides where both were measured.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Pair {
    pub(crate) floor: Option<f64>,
    pub(crate) ours: Option<f64>,
}

impl Pair {
    fn ratio(self) -> Option<f64> {
        let floor = self.floor.filter(|floor| *floor > 0.0)?;
        Some(self.ours? / floor)
    }
}

/// What an aim came to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) aim: Aim,
    /// The median of the rounds, each side by itself.
    pub(crate) median: Pair,
    /// The median of each round's own ratio: both sides saw the same machine then.
    pub(crate) ratio: Option<f64>,
    /// Requests that were not answered with 2xx: a quick refusal is no acknowledgement.
    pub(crate) refused: u64,
}

impl Outcome {
    /// Folds the rounds of one aim.
    pub(crate) fn of(aim: Aim, rounds: &[Pair], refused: u64) -> Outcome {
        let side = |pick: fn(&Pair) -> Option<f64>| median(rounds.iter().filter_map(pick).collect());
        Outcome {
            aim,
            median: Pair { floor: side(|pair| pair.floor), ours: side(|pair| pair.ours) },
            ratio: median(rounds.iter().filter_map(|pair| pair.ratio()).collect()),
            refused,
        }
    }

    /// Whether the aim is met; `None` when it was not measured.
    pub(crate) fn met(&self) -> Option<bool> {
        let value = if self.aim.relative { self.ratio } else { self.median.ours };
        value.map(|value| self.refused == 0 && self.aim.limit.holds(value))
    }

    /// The words of the report.
    pub(crate) fn verdict(&self) -> &'static str {
        match self.met() {
            Some(true) => "met",
            Some(false) => "**NOT met**",
            None => "not measured",
        }
    }

    /// The aim in words: `<= 1.3x`, `<= 20 MiB`.
    pub(crate) fn aim_text(&self) -> String {
        let (sign, limit) = self.aim.limit.sign();
        if self.aim.relative {
            format!("{sign} {limit}x")
        } else {
            format!("{sign} {limit} {}", self.aim.unit)
        }
    }

    pub(crate) fn json(&self) -> Value {
        let (sign, limit) = self.aim.limit.sign();
        json!({
            "name": self.aim.name, "unit": self.aim.unit, "floor": self.median.floor, "ours": self.median.ours,
            "ratio": self.ratio, "aim": { "of": if self.aim.relative { "ratio" } else { "ours" }, "is": sign, "limit": limit },
            "refused": self.refused, "met": self.met(),
        })
    }
}

/// The middle figure; of an even number the mean of the two in the middle.
pub(crate) fn median(mut figures: Vec<f64>) -> Option<f64> {
    figures.sort_by(f64::total_cmp);
    let upper = *figures.get(figures.len() / 2)?;
    if figures.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *figures.get(figures.len() / 2 - 1)?;
    Some(f64::midpoint(lower, upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(floor: f64, ours: f64) -> Pair {
        Pair { floor: Some(floor), ours: Some(ours) }
    }

    #[test]
    fn the_middle_is_the_middle() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    #[test]
    fn the_ratio_is_of_each_round_and_not_of_the_medians() {
        // The machine was slow in the second round, for both.
        let rounds = [pair(10.0, 12.0), pair(100.0, 110.0), pair(10.0, 13.0)];
        let outcome = Outcome::of(AIMS[0], &rounds, 0);
        assert_eq!(outcome.median, pair(10.0, 13.0));
        assert_eq!(outcome.ratio, Some(1.2));
        assert_eq!(outcome.met(), Some(true));
    }

    #[test]
    fn a_missed_aim_is_said_to_be_missed() {
        for (aim, rounds, refused, met) in [
            (AIMS[0], vec![pair(10.0, 13.1)], 0, Some(false)),
            (AIMS[0], vec![pair(10.0, 13.0)], 1, Some(false)), // refusals are quick
            (AIMS[2], vec![pair(10.0, 4.9)], 0, Some(false)),
            (AIMS[2], vec![pair(10.0, 5.0)], 0, Some(true)),
            (AIMS[3], vec![Pair { floor: None, ours: Some(1.0) }], 0, None),
            (AIMS[4], vec![Pair { floor: None, ours: Some(20.1) }], 0, Some(false)),
            (AIMS[4], vec![], 0, None),
        ] {
            assert_eq!(Outcome::of(aim, &rounds, refused).met(), met, "{} {rounds:?}", aim.name);
        }
    }
}
