//! What a number must be, and whether one is.

use super::model::{Check, Comparison};
use super::units::{Unit, unit};

/// An interval of numbers with a unit.
#[derive(Debug, Clone)]
pub(crate) struct Want {
    least: f64,
    most: f64,
    /// Whether the ends belong to it.
    least_in: bool,
    most_in: bool,
    /// The unit that the text names.
    pub(crate) unit: Option<&'static Unit>,
    /// Every row must satisfy it.
    pub(crate) every: bool,
    said: String,
}

/// Whether something holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// In every reading.
    Yes,
    /// In no reading.
    No,
    /// In some readings, or it is not certain what the number is about.
    Unclear,
}

impl Verdict {
    /// What both say; unclear where they differ.
    pub(crate) fn and(self, other: Verdict) -> Verdict {
        if self == other { self } else { Verdict::Unclear }
    }
}

/// A number of the output.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Amount {
    /// The number.
    pub(crate) value: f64,
    /// What it is where a comma or point is a thousands separator.
    pub(crate) or: Option<f64>,
    /// The unit that follows it.
    pub(crate) unit: Option<&'static Unit>,
    /// It is a limit, or only an estimate: `of 80%`, `< 5ms`, `~3`.
    pub(crate) guarded: bool,
}

impl Want {
    /// The interval of a check; `None` for checks without numbers, or with a unit that is not known.
    pub(crate) fn of(check: &Check) -> Option<Want> {
        let (least, most, ends, every, name, said) = match check {
            Check::Number { op, bound, unit, .. } | Check::Named { op, bound, unit, .. } => {
                let every = matches!(check, Check::Number { every: true, .. });
                let (sign, least, most, ends) = match op {
                    Comparison::Less => ("<", f64::NEG_INFINITY, *bound, (true, false)),
                    Comparison::AtMost => ("<=", f64::NEG_INFINITY, *bound, (true, true)),
                    Comparison::Greater => (">", *bound, f64::INFINITY, (false, true)),
                    Comparison::AtLeast => (">=", *bound, f64::INFINITY, (true, true)),
                    Comparison::Equal => ("=", *bound, *bound, (true, true)),
                };
                (least, most, ends, every, unit, format!("{sign} {bound}"))
            }
            Check::Range { min, max, every, unit } => {
                (*min, *max, (true, true), *every, unit, format!("{min} to {max}"))
            }
            _ => return None,
        };
        let known = match name {
            Some(name) => Some(unit(name)?),
            None => None,
        };
        let said = known.map_or(said.clone(), |unit| format!("{said} {}", unit.name));
        Some(Want { least, most, least_in: ends.0, most_in: ends.1, unit: known, every, said })
    }

    /// For reasons: `< 50 %`.
    pub(crate) fn said(&self) -> &str {
        &self.said
    }

    /// Whether a unit of the output can be compared with the one that the text names.
    pub(crate) fn comparable(&self, found: Option<&'static Unit>) -> bool {
        match (self.unit, found) {
            (None, None) => true,
            (Some(want), Some(found)) => want.family == found.family,
            _ => false,
        }
    }

    /// `< 80%`: it matters whether the share is of what is used or of what is left.
    pub(crate) fn is_share_at_most(&self) -> bool {
        self.least == f64::NEG_INFINITY
            && self.unit.is_some_and(|unit| unit.family == super::units::Family::Percent)
    }

    /// `at least 99 %`, `100%`: it matters whether the share is of what succeeds or of what is lost.
    pub(crate) fn is_share_at_least(&self) -> bool {
        self.least > 0.0 && self.unit.is_some_and(|unit| unit.family == super::units::Family::Percent)
    }

    /// A plain number that must be more than nothing.
    pub(crate) fn is_something(&self) -> bool {
        self.unit.is_none() && self.least > 0.0
    }

    /// Judges a number whose unit is comparable.
    pub(crate) fn judge(&self, amount: &Amount) -> Verdict {
        if amount.guarded {
            return Verdict::Unclear;
        }
        let first = self.one(amount.value, amount.unit);
        let verdict = amount.or.map_or(first, |other| first.and(self.one(other, amount.unit)));
        // programs say "none" and "unknown" with -1
        if verdict == Verdict::Yes && amount.value < 0.0 && self.least == f64::NEG_INFINITY && self.most > 0.0
        {
            return Verdict::Unclear;
        }
        verdict
    }

    fn one(&self, value: f64, found: Option<&'static Unit>) -> Verdict {
        match (self.unit, found) {
            (Some(want), Some(found)) if want.name != found.name => {
                let (a, b) = (value * found.least / want.most, value * found.most / want.least);
                self.between(a.min(b), a.max(b), true)
            }
            _ => self.between(value, value, false),
        }
    }

    /// Judges a number without a unit where the text names one: by what measuring systems use as base, and as is.
    pub(crate) fn judge_bare(&self, value: f64) -> Verdict {
        let Some(want) = self.unit else { return self.between(value, value, false) };
        let as_is = self.between(value, value, false);
        let base = match want.family {
            super::units::Family::Percent => value * 100.0,
            super::units::Family::Time => value * 1e3 / want.least,
            super::units::Family::Size => value / want.most,
            super::units::Family::Rate => value,
        };
        let also = match want.family {
            // milliseconds, beside seconds
            super::units::Family::Time => value / want.least,
            super::units::Family::Size => value / want.least,
            _ => value,
        };
        as_is.and(self.between(base, base, true)).and(self.between(also, also, true))
    }

    /// Whether everything from `low` to `high` is inside. Converted numbers carry rounding errors.
    fn between(&self, low: f64, high: f64, converted: bool) -> Verdict {
        if low.is_nan() || high.is_nan() {
            return Verdict::No;
        }
        let near = |a: f64, b: f64| {
            a == b
                || converted && a.is_finite() && b.is_finite() && (a - b).abs() <= 1e-9 * a.abs().max(b.abs())
        };
        let inside = |value: f64| {
            let above = if near(value, self.least) { self.least_in } else { value > self.least };
            let below = if near(value, self.most) { self.most_in } else { value < self.most };
            above && below
        };
        if inside(low) && inside(high) {
            return Verdict::Yes;
        }
        let outside_one_side = (high < self.least || near(high, self.least) && !self.least_in)
            || (low > self.most || near(low, self.most) && !self.most_in);
        if outside_one_side { Verdict::No } else { Verdict::Unclear }
    }
}
