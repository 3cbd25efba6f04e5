//! Ratios, and how many lines, rows or series there are.

use crate::expectation::model::{Check, Comparison};
use crate::expectation::phrase::{ROW_WORDS, ratio, whole};
use crate::expectation::units::unit;

use super::numbers::comparison;

/// Nouns that mean "lines or rows of the output" when a count stands before them.
const ROW_NOUNS: &[&str] = &[
    "line",
    "lines",
    "row",
    "rows",
    "result",
    "results",
    "hit",
    "hits",
    "match",
    "matches",
    "entry",
    "entries",
    "record",
    "records",
    "item",
    "items",
    "repo",
    "repos",
    "repository",
    "repositories",
    "pod",
    "pods",
    "node",
    "nodes",
    "file",
    "files",
    "job",
    "jobs",
    "series",
];
/// Nouns that may stand between a ratio and its word.
const RATIO_NOUNS: &[&str] =
    &["pods", "replicas", "nodes", "instances", "containers", "services", "deployments"];
/// Counts in words.
const WORDS: &[(&str, u64)] = &[
    ("no", 0),
    ("zero", 0),
    ("one", 1),
    ("a single", 1),
    ("two", 2),
    ("three", 3),
    ("four", 4),
    ("five", 5),
    ("six", 6),
    ("seven", 7),
    ("eight", 8),
    ("nine", 9),
    ("ten", 10),
];

/// `5/5`, `5/5 ready`, `5/5 pods Running`, `5 of 5 ready`.
pub(super) fn ratio_check(text: &str) -> Option<Check> {
    let mut rest: Vec<&str> = text.split_whitespace().take(8).collect();
    let (have, want) = match rest.as_slice() {
        [have, of, want, ..] if of.eq_ignore_ascii_case("of") => {
            let parts = (whole(have)?, whole(want)?);
            rest.drain(..3);
            parts
        }
        [first, ..] => {
            let parts = ratio(first)?;
            rest.remove(0);
            parts
        }
        [] => return None,
    };
    if rest.first().is_some_and(|noun| RATIO_NOUNS.contains(&noun.to_ascii_lowercase().as_str())) {
        rest.remove(0);
    }
    let word = match rest.as_slice() {
        [] => None,
        // kubectl writes READY in the header and the ratio in the row
        [word] if word.eq_ignore_ascii_case("ready") => None,
        [word] if ROW_WORDS.contains(&word.to_ascii_lowercase().as_str()) => Some((*word).to_owned()),
        _ => return None,
    };
    Some(Check::Ratio { have, want, word })
}

/// `All pods Running`: the word that each row must carry.
pub(super) fn every_row_word(head: &str) -> Option<String> {
    let words: Vec<&str> = head.split_whitespace().take(6).collect();
    let lead = words.first()?.to_ascii_lowercase();
    let word = words.last()?;
    let every = matches!(lead.as_str(), "all" | "every" | "each") && (2..=4).contains(&words.len());
    let known = ROW_WORDS.contains(&word.to_ascii_lowercase().as_str());
    let plain = words.iter().all(|word| word.chars().all(|c| c.is_alphabetic() || c == '-'));
    (every && known && plain).then(|| (*word).to_owned())
}

/// Whether a note says how many there are of something (`0 errors`), which nobody would judge.
pub(super) fn claims(note: &str) -> bool {
    let Some((first, rest)) = note.split_once(' ') else { return false };
    let counted = whole(first).is_some() || in_words(&first.to_ascii_lowercase()).is_some();
    let noun = rest.split(' ').next().unwrap_or_default();
    counted && noun.starts_with(char::is_alphabetic) && unit(noun).is_none()
}

/// `0 lines`, `9-50 rows`, `at least 3 results`, `between 9 and 50 rows`, `no output`.
pub(super) fn count(lower: &str) -> Option<Check> {
    if matches!(lower, "no output" | "nothing" | "none" | "empty" | "empty output" | "no output at all") {
        return Some(Check::Count { min: 0, max: 0 });
    }
    let (amount, noun) = lower.rsplit_once(' ')?;
    if !ROW_NOUNS.contains(&noun) {
        return None;
    }
    let amount = amount.strip_suffix(" time").filter(|_| noun == "series").unwrap_or(amount);
    let (min, max) = count_range(amount.trim())?;
    (min <= max).then_some(Check::Count { min, max })
}

fn count_range(amount: &str) -> Option<(u64, u64)> {
    if let Some(n) = whole(amount).or_else(|| in_words(amount)) {
        return Some((n, n));
    }
    if let Some(n) = amount.strip_suffix('+').and_then(|n| whole(n.trim())) {
        return Some((n, u64::MAX));
    }
    if let Some((low, high)) = amount.strip_prefix("between ").and_then(|rest| rest.split_once(" and ")) {
        return Some((whole(low.trim())?, whole(high.trim())?));
    }
    for separator in ["-", "–", " to "] {
        if let Some((low, high)) = amount.split_once(separator) {
            return Some((whole(low.trim())?, whole(high.trim())?));
        }
    }
    let (op, rest) = comparison(amount)?;
    let n = whole(rest).or_else(|| in_words(rest))?;
    match op {
        Comparison::Less => Some((0, n.checked_sub(1)?)),
        Comparison::AtMost => Some((0, n)),
        Comparison::Greater => Some((n.checked_add(1)?, u64::MAX)),
        Comparison::AtLeast => Some((n, u64::MAX)),
        Comparison::Equal => Some((n, n)),
    }
}

fn in_words(amount: &str) -> Option<u64> {
    WORDS.iter().find(|(word, _)| *word == amount).map(|(_, n)| *n)
}
