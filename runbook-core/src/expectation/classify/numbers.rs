//! Numbers compared, and ranges of numbers.

use crate::expectation::model::{Check, Comparison};
use crate::expectation::phrase::decimal;
use crate::expectation::units::{Unit, unit};

/// Comparisons in words and signs, longest first.
const COMPARISONS: &[(&str, Comparison)] = &[
    ("no more than ", Comparison::AtMost),
    ("not more than ", Comparison::AtMost),
    ("no less than ", Comparison::AtLeast),
    ("not less than ", Comparison::AtLeast),
    ("fewer than ", Comparison::Less),
    ("less than ", Comparison::Less),
    ("more than ", Comparison::Greater),
    ("greater than ", Comparison::Greater),
    ("at most ", Comparison::AtMost),
    ("up to ", Comparison::AtMost),
    ("at least ", Comparison::AtLeast),
    ("exactly ", Comparison::Equal),
    ("below ", Comparison::Less),
    ("under ", Comparison::Less),
    ("above ", Comparison::Greater),
    ("over ", Comparison::Greater),
    ("<=", Comparison::AtMost),
    (">=", Comparison::AtLeast),
    ("==", Comparison::Equal),
    ("≤", Comparison::AtMost),
    ("≥", Comparison::AtLeast),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
    ("=", Comparison::Equal),
];

/// A comparison at the beginning of a text, and the rest.
pub(super) fn comparison(text: &str) -> Option<(Comparison, &str)> {
    COMPARISONS.iter().find_map(|(word, op)| {
        let (head, rest) = text.split_at_checked(word.len())?;
        head.eq_ignore_ascii_case(word).then(|| (*op, rest.trim()))
    })
}

/// `< 50`, `below 10 %`, `All providers < 50%`, `7`, `10-20`, `between 1 and 3 GiB`.
pub(super) fn number(text: &str) -> Option<Check> {
    let (every, rest) = match every_prefix(text) {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    if let Some((min, max, unit)) = range(rest) {
        return Some(Check::Range { min, max, every, unit });
    }
    let (op, amount) = match comparison(rest) {
        Some(found) => found,
        None if !every => (Comparison::Equal, rest),
        None => return None,
    };
    let (bound, unit) = quantity(amount)?;
    Some(Check::Number { op, bound, every, unit: unit.map(|unit| unit.name.to_owned()) })
}

/// `lag < 10s`, `queue_depth should be below 100`: a name of up to three words, and what is said about its number.
pub(super) fn named(text: &str) -> Option<Check> {
    // words that are no part of a name: what they say about it is not understood
    const OTHER: &[&str] = &[
        "all", "any", "each", "every", "no", "not", "never", "and", "or", "if", "when", "while", "until",
        "unless", "with", "without", "then", "than", "should", "must", "will", "may", "is", "be", "are",
        "was", "wait", "of",
    ];
    const LINKS: &[&str] =
        &[" should be", " must be", " should stay", " must stay", " is", " stays", " remains", ":"];
    let (at, op, amount) = text.match_indices(' ').take(6).find_map(|(at, _)| {
        let (op, rest) = comparison(text.get(at + 1..)?)?;
        Some((at, op, rest))
    })?;
    let subject = text.get(..at)?.trim_end();
    let subject = LINKS.iter().find_map(|link| subject.strip_suffix(link)).unwrap_or(subject);
    let name = subject.strip_prefix("the ").or_else(|| subject.strip_prefix("The ")).unwrap_or(subject);
    let plain = name.starts_with(char::is_alphabetic)
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' '))
        && (1..=3).contains(&name.split(' ').count())
        && name.split(' ').all(|word| !word.is_empty() && !OTHER.contains(&word.to_lowercase().as_str()));
    if !plain || op == Comparison::Equal {
        return None;
    }
    let (bound, unit) = quantity(amount)?;
    Some(Check::Named { name: name.to_owned(), op, bound, unit: unit.map(|unit| unit.name.to_owned()) })
}

/// `10-20`, `1 to 3`, `between 5% and 10%`: both ends and the unit's name.
fn range(text: &str) -> Option<(f64, f64, Option<String>)> {
    let between = text
        .split_at_checked("between ".len())
        .filter(|(word, _)| word.eq_ignore_ascii_case("between "))
        .map(|(_, rest)| rest);
    let (low, high) = match between {
        Some(rest) => rest.split_once(" and ")?,
        // a minus sign at the beginning belongs to the number
        None => [" to ", "–", "-"].iter().find_map(|separator| {
            let (low, high) = text.split_once(separator)?;
            (!low.trim().is_empty()).then_some((low, high))
        })?,
    };
    let (min, low_unit) = quantity(low.trim())?;
    let (max, high_unit) = quantity(high.trim())?;
    // `5-10%` names the unit once, `1 s-3 min` is not understood
    if low_unit.is_some() && low_unit.map(|unit| unit.name) != high_unit.map(|unit| unit.name) {
        return None;
    }
    (min <= max).then(|| (min, max, high_unit.map(|unit| unit.name.to_owned())))
}

/// A number and its unit, with nothing behind.
fn quantity(text: &str) -> Option<(f64, Option<&'static Unit>)> {
    let digits = text
        .char_indices()
        .find(|&(at, c)| !(c.is_ascii_digit() || c == '.' || at == 0 && c == '-'))
        .map_or(text.len(), |(at, _)| at);
    let (amount, word) = text.split_at_checked(digits)?;
    let word = word.trim();
    let unit = if word.is_empty() { None } else { Some(unit(word)?) };
    Some((decimal(amount)?, unit))
}

/// `All providers < 50%` -> `< 50%`.
fn every_prefix(text: &str) -> Option<&str> {
    let (lead, mut rest) = text.split_once(' ')?;
    if !["all", "every", "each"].iter().any(|word| lead.eq_ignore_ascii_case(word)) {
        return None;
    }
    // the subject is up to three plain words
    for _ in 0..4 {
        let begins = comparison(rest).is_some() || range(rest).is_some();
        if begins {
            return Some(rest);
        }
        let (word, after) = rest.split_once(' ')?;
        if !word.chars().all(|c| c.is_alphabetic() || matches!(c, '-' | '_')) {
            return None;
        }
        rest = after;
    }
    None
}
