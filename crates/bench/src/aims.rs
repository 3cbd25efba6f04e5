//! What is aimed at, and whether a figure meets it.

use serde_json::{Value, json};

/// One reading of all three sides, in the unit of what was measured; `None` where a side refused or was left out.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Round {
    pub(crate) floor: Option<f64>,
    pub(crate) mask: Option<f64>,
    pub(crate) ours: Option<f64>,
}

impl Round {
    fn ratio(&self) -> Option<f64> {
        let floor = self.floor.filter(|floor| *floor > 0.0)?;
        Some(self.ours? / floor)
    }
}

/// Medians of the rounds, and the median of each round's own ratio ours / floor: both saw the same machine then.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Medians {
    pub(crate) floor: Option<f64>,
    pub(crate) mask: Option<f64>,
    pub(crate) ours: Option<f64>,
    pub(crate) ratio: Option<f64>,
}

impl Medians {
    /// Folds rounds.
    pub(crate) fn of(rounds: &[Round]) -> Medians {
        let side = |pick: fn(&Round) -> Option<f64>| median(rounds.iter().filter_map(pick).collect());
        Medians {
            floor: side(|round| round.floor),
            mask: side(|round| round.mask),
            ours: side(|round| round.ours),
            ratio: side(Round::ratio),
        }
    }

    pub(crate) fn json(&self) -> Value {
        json!({ "floor": self.floor, "mask": self.mask, "ours": self.ours, "ratio": self.ratio })
    }
}

/// One aim and what it came to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outcome {
    /// The key in JSON.
    pub(crate) name: &'static str,
    /// For people.
    pub(crate) title: &'static str,
    /// Of the medians.
    pub(crate) unit: &'static str,
    pub(crate) medians: Medians,
    /// What the limit is on.
    pub(crate) value: Option<f64>,
    /// The most that it may be.
    pub(crate) limit: f64,
    /// What the limit counts: `x` or a word.
    pub(crate) of: &'static str,
    /// It was tried, and there is no figure because the document was refused.
    pub(crate) refused: bool,
}

impl Outcome {
    /// Whether it is met; `None` when it was not measured. A refusal meets nothing.
    pub(crate) fn met(&self) -> Option<bool> {
        if self.refused {
            return Some(false);
        }
        self.value.map(|value| value <= self.limit)
    }

    /// The words of the report.
    pub(crate) fn verdict(&self) -> &'static str {
        match self.met() {
            _ if self.refused => "**NOT met** (refused: too large)",
            Some(true) => "met",
            Some(false) => "**NOT met**",
            None => "not measured",
        }
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "name": self.name, "unit": self.unit, "medians": self.medians.json(), "value": self.value,
            "at_most": self.limit, "of": self.of, "refused": self.refused, "met": self.met(),
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

    fn round(floor: f64, ours: f64) -> Round {
        Round { floor: Some(floor), mask: None, ours: Some(ours) }
    }

    #[test]
    fn the_ratio_is_of_each_round_and_not_of_the_medians() {
        // the machine was slow in the second round, for both
        let medians = Medians::of(&[round(10.0, 12.0), round(100.0, 110.0), round(10.0, 13.0)]);
        assert_eq!((medians.floor, medians.ours, medians.ratio), (Some(10.0), Some(13.0), Some(1.2)));
        assert_eq!(medians.mask, None);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    #[test]
    fn a_missed_aim_is_said_to_be_missed() {
        let outcome = |value, refused| Outcome {
            name: "a",
            title: "a",
            unit: "us",
            medians: Medians::default(),
            value,
            limit: 2.0,
            of: "x",
            refused,
        };
        for (value, refused, met) in [
            (Some(2.0), false, Some(true)),
            (Some(2.1), false, Some(false)),
            (Some(1.0), true, Some(false)), // refusals are quick
            (None, true, Some(false)),
            (None, false, None),
        ] {
            assert_eq!(outcome(value, refused).met(), met, "{value:?} {refused}");
        }
    }
}
