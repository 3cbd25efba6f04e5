//! Text that a person was meant to fill in: `<pod>`, `{repo}`, `[NAME]`, `YOUR_TOKEN`.
//!
//! A shell would take `<pod>` as a redirection and the others literally, so a command that holds one does not run as it
//! stands. [`find`] tells where they are and how they are quoted there; [`resolve()`] puts the expansion of an environment
//! variable in their place, so that a value never becomes part of the text.

mod assigned;
mod guard;
mod programs;
mod quoting;
mod redirect;
mod resolve;
pub(crate) mod roles;
mod samples;
mod spot;
mod stand_in;
#[cfg(test)]
mod tests;
mod whole;

use std::borrow::Cow;
use std::collections::BTreeSet;

pub(crate) use assigned::assigned;
pub use guard::{Cut, Guard, Place, Split};
pub use quoting::Quoting;
pub use resolve::{Resolved, Unresolved, resolve};

use super::names::is_reserved;

/// No command needs more of them to be explained.
pub(super) const MOST: usize = 32;

/// A placeholder in a command text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placeholder {
    /// As written: `<pod>`.
    pub text: String,
    /// The parameter's name: `pod`. Empty for dots, which stand for more than a value.
    pub name: String,
    /// First byte in the command text.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
    /// How it is quoted there.
    pub quoting: Quoting,
    /// Which values may stand there.
    pub guard: Guard,
}

/// The placeholders of a shell command's text, in order.
#[must_use]
pub fn find(text: &str) -> Vec<Placeholder> {
    let spots = spot::spots(text);
    if spots.is_empty() {
        return Vec::new();
    }
    let masked = mask(text, &spots);
    quoting::places(&masked, &spots)
        .into_iter()
        .zip(&spots)
        .filter_map(|((quoting, guard), &(start, end))| {
            let text = text.get(start..end)?.to_owned();
            let name = parameter_name(&text);
            Some(Placeholder { text, name, start, end, quoting, guard })
        })
        .collect()
}

/// A placeholder as written, its parameter's name, and its first byte in a command text.
pub(crate) struct Named<'a> {
    pub(crate) text: &'a str,
    pub(crate) name: String,
    pub(crate) start: usize,
}

/// As [`find`], for those who only ask what the placeholders are called.
pub(crate) fn named(text: &str) -> Vec<Named<'_>> {
    let spots = spot::spots(text).into_iter();
    let named = spots.filter_map(|(start, end)| {
        let text = text.get(start..end)?;
        Some(Named { text, name: parameter_name(text), start })
    });
    named.collect()
}

/// Each spelling once, in order, at most 32; and the text with a plain word in the place of each placeholder: what it is
/// to a reader who knows the values are words.
pub(crate) fn spellings(text: &str) -> (Vec<String>, Cow<'_, str>) {
    let spots = spot::spots(text);
    if spots.is_empty() {
        return (Vec::new(), Cow::Borrowed(text));
    }
    let mut seen = BTreeSet::new();
    let spellings = spots
        .iter()
        .filter_map(|&(start, end)| text.get(start..end))
        .filter(|what| seen.insert(*what))
        .take(MOST)
        .map(str::to_owned)
        .collect();
    (spellings, Cow::Owned(mask(text, &spots)))
}

/// The text with letters in the place of each placeholder, so that the rest of it can be read as shell.
pub(crate) fn mask(text: &str, spots: &[(usize, usize)]) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut at = 0;
    for &(start, end) in spots {
        masked.push_str(text.get(at..start).unwrap_or_default());
        masked.extend(std::iter::repeat_n('P', end - start));
        at = end;
    }
    masked.push_str(text.get(at..).unwrap_or_default());
    masked
}

/// The parameter's name for a placeholder as written: its words in lowercase, joined by `_`.
pub(crate) fn parameter_name(text: &str) -> String {
    let mut name = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            name.push(c.to_ascii_lowercase());
        } else if !name.ends_with('_') {
            name.push('_');
        }
    }
    let mut name = name.trim_matches('_');
    if name.is_empty() {
        return String::new();
    }
    for lead in ["your_", "replace_with_", "insert_", "put_"] {
        name = name.strip_prefix(lead).filter(|rest| !rest.is_empty()).unwrap_or(name);
    }
    name = name.strip_suffix("_here").filter(|rest| !rest.is_empty()).unwrap_or(name);
    let mut name: String = name.chars().take(48).collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        name.insert_str(0, "p_");
    }
    if is_reserved(&name) {
        name.push_str("_value");
    }
    name
}
