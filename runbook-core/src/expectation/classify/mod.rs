//! Gives the text of an expectation its typed meaning.

mod counts;
mod notes;
mod numbers;
#[cfg(test)]
mod tests;
mod words;

use super::model::{Check, Expectation};
use super::phrase::quoted;

/// Longest text that is read as a grammar; longer text is prose.
const LONGEST: usize = 4096;

/// Classifies an expectation's text (what follows `Expected:`). The line is left 0 for the caller to fill in.
///
/// A bracket at the end is a note, unless it holds the only part that can be checked: in `All pods Running (3/3)`
/// it does. Text that is not understood as a whole is [`Check::Person`]; classifying the same text again always
/// gives the same value.
#[must_use]
pub fn classify(text: &str) -> Expectation {
    let text = text.trim();
    if text.len() > LONGEST {
        return Expectation { line: 0, text: text.to_owned(), check: Check::Person, within_ms: None };
    }
    let (head, note, within_ms) = notes::take_apart(text);
    let check = check_of(head, note, within_ms.is_some());
    Expectation { line: 0, text: text.to_owned(), check, within_ms }
}

fn check_of(head: &str, note: Option<&str>, has_deadline: bool) -> Check {
    if head.is_empty() {
        // psql's `(0 rows)`
        if let Some(count @ Check::Count { .. }) = note.map(typed) {
            return count;
        }
        // `(a note)` alone says nothing; `within 45s` alone asks for an end in time
        return if note.is_none() && has_deadline { Check::ExitZero } else { Check::Person };
    }
    let check = typed(head);
    let Some(written) = note else { return check };
    if let Some(state) = words::unit_state(head, written) {
        return state;
    }
    // `0 lines (no failures)`: who sees nothing has seen none of those either
    let says_none = ["no ", "0 ", "zero "].iter().any(|none| written.to_ascii_lowercase().starts_with(none));
    if says_none && matches!(check, Check::Count { min: 0, max: 0 }) {
        return check;
    }
    if counts::claims(written) && check != Check::Person {
        return Check::Person;
    }
    match (check, typed(written)) {
        // `All pods Running (3/3)`
        (Check::EveryRow { word }, Check::Ratio { have, want, word: None }) => {
            Check::Ratio { have, want, word: Some(word) }
        }
        // `List of repositories (9-50 repos)`
        (Check::Person, inside @ Check::Count { .. }) => inside,
        (Check::Person, _) => Check::Person,
        // two things are asked for, and only one of them would be judged
        (
            _,
            Check::Ratio { .. }
            | Check::Count { .. }
            | Check::Number { .. }
            | Check::Named { .. }
            | Check::EveryRow { .. }
            | Check::ExitZero
            | Check::ExitStatus { .. }
            | Check::Range { .. }
            | Check::Pairs { .. }
            | Check::HttpStatus { .. },
        ) => Check::Person,
        (check, _) => check,
    }
}

/// The typed meaning of a text without note and deadline.
fn typed(text: &str) -> Check {
    let lower = text.to_ascii_lowercase();
    None.or_else(|| words::exit_status(&lower))
        .or_else(|| words::http_status(&lower))
        .or_else(|| counts::ratio_check(text))
        .or_else(|| counts::count(&lower))
        .or_else(|| numbers::number(text))
        .or_else(|| counts::every_row_word(text).map(|word| Check::EveryRow { word }))
        .or_else(|| numbers::named(text))
        .or_else(|| quoted(text).and_then(words::contains))
        .or_else(|| words::pairs(text))
        .or_else(|| words::token(text))
        .unwrap_or(Check::Person)
}
