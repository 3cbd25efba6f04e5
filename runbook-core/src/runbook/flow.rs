//! `when`, `foreach`, `parallel` and `until`: the small forms that say when and how often a command runs.
//!
//! They are read strictly. A condition that is misread would run what was meant to be left out.

use super::info::{checked_name, parse_duration_ms};
use super::model::Foreach;
use super::names::check_variable;

/// Longest `when=` or `foreach=` in bytes.
const LONGEST: usize = 512;
/// Nothing is looked at more often.
const SECOND_MS: u64 = 1_000;
/// Longest `until=`: a day.
const LONGEST_WAIT_MS: u64 = 24 * 60 * 60 * 1_000;
/// Longest `every=`.
const LONGEST_INTERVAL_MS: u64 = 60 * 60 * 1_000;

/// `when="NAME == value"` or `when="NAME != value"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The parameter or captured value that is looked at.
    pub name: String,
    /// `true` for `==`, `false` for `!=`.
    pub equal: bool,
    /// What it is compared with, byte by byte.
    pub value: String,
}

impl Condition {
    /// Whether it holds for this value of its name.
    #[must_use]
    pub fn holds(&self, value: &str) -> bool {
        (self.value == value) == self.equal
    }
}

/// Reads a condition. The value stands bare or in single or double quotes; empty only in quotes.
///
/// # Errors
/// What is wrong, in lowercase.
pub fn condition(text: &str) -> Result<Condition, String> {
    let form = "a condition is NAME == value or NAME != value";
    bounded(text)?;
    // the operator that comes first decides: the value may hold the other one
    let (at, equal) = match (text.find("=="), text.find("!=")) {
        (Some(at), other) if other.is_none_or(|other| at < other) => (at, true),
        (_, Some(at)) => (at, false),
        _ => return Err(form.to_owned()),
    };
    let name = text.get(..at).unwrap_or_default().trim();
    let value = text.get(at + 2..).unwrap_or_default().trim();
    check_variable(name)?;
    if value.is_empty() {
        return Err(format!("{form}; an empty value is written ''"));
    }
    let value = unquoted(value).ok_or_else(|| "the quotes around the value do not match".to_owned())?;
    Ok(Condition { name: name.to_owned(), equal, value: value.to_owned() })
}

/// The text without its quotes, or `None` when one of them is missing.
fn unquoted(text: &str) -> Option<&str> {
    for quote in ['"', '\''] {
        if let Some(rest) = text.strip_prefix(quote) {
            let inside = rest.strip_suffix(quote)?;
            return (!inside.contains(quote)).then_some(inside);
        }
    }
    (!text.ends_with(['"', '\''])).then_some(text)
}

/// Reads `NAME in SOURCE`.
///
/// # Errors
/// What is wrong, in lowercase.
pub(crate) fn foreach(text: &str) -> Result<Foreach, String> {
    bounded(text)?;
    let words: Vec<&str> = text.split_whitespace().collect();
    let [name, "in", source] = words.as_slice() else {
        return Err("a loop is NAME in SOURCE, where SOURCE is a parameter or captured value".to_owned());
    };
    check_variable(name)?;
    check_variable(source)?;
    if name == source {
        return Err(format!("`{name}` cannot hold one line of itself"));
    }
    Ok(Foreach { name: (*name).to_owned(), source: (*source).to_owned() })
}

/// How long something is waited for, in milliseconds: from a second to a day.
///
/// # Errors
/// What is wrong, in lowercase.
pub(crate) fn wait(text: &str) -> Result<u64, String> {
    parse_duration_ms(text)
        .filter(|ms| (SECOND_MS..=LONGEST_WAIT_MS).contains(ms))
        .ok_or_else(|| "a wait is a whole number with s, m or h, from 1s to 24h".to_owned())
}

/// How long it is between two looks, in milliseconds: from a second to an hour.
///
/// # Errors
/// What is wrong, in lowercase.
pub(crate) fn interval(text: &str) -> Result<u64, String> {
    parse_duration_ms(text)
        .filter(|ms| (SECOND_MS..=LONGEST_INTERVAL_MS).contains(ms))
        .ok_or_else(|| "between two looks there is a whole number with s, m or h, from 1s to 1h".to_owned())
}

/// Reads the name of a parallel group.
///
/// # Errors
/// What is wrong, in lowercase.
pub(crate) fn group(text: &str) -> Result<String, String> {
    checked_name(text).ok_or_else(|| {
        "a group's name has 1 to 64 letters, digits, `.`, `_` and `-`, and begins with a letter or digit"
            .to_owned()
    })
}

fn bounded(text: &str) -> Result<(), String> {
    if text.len() > LONGEST {
        return Err(format!("it is longer than {LONGEST} bytes"));
    }
    if text.contains(|c: char| c.is_control()) {
        return Err("it holds a control character".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn conditions() {
        for (text, name, equal, value) in [
            ("REGION == eu", "REGION", true, "eu"),
            ("REGION==eu", "REGION", true, "eu"),
            ("  A != two words ", "A", false, "two words"),
            ("A == ''", "A", true, ""),
            ("A == 'x y'", "A", true, "x y"),
            ("A != \"it's\"", "A", false, "it's"),
            ("A == b != c", "A", true, "b != c"),
            ("A != b == c", "A", false, "b == c"),
        ] {
            let read = condition(text).unwrap();
            assert_eq!((read.name.as_str(), read.equal, read.value.as_str()), (name, equal, value), "{text}");
        }
        for bad in [
            "",
            "A",
            "A = b",
            "A == ",
            "== b",
            "PATH == x",
            "A B == c",
            "A == 'x",
            "A == x'",
            "A == 'a'b'",
            "$A == b",
        ] {
            assert!(condition(bad).is_err(), "{bad}");
        }
        let eu = condition("R == eu").unwrap();
        assert!(eu.holds("eu") && !eu.holds("eu ") && !eu.holds("EU"));
        let other = condition("R != eu").unwrap();
        assert!(!other.holds("eu") && other.holds(""));
    }

    #[test]
    fn loops_and_groups() {
        assert_eq!(
            foreach(" host in HOSTS "),
            Ok(Foreach { name: "host".to_owned(), source: "HOSTS".to_owned() })
        );
        for bad in [
            "",
            "host",
            "host in",
            "in HOSTS",
            "host of HOSTS",
            "host in A B",
            "a in a",
            "PATH in A",
            "h in $A",
        ] {
            assert!(foreach(bad).is_err(), "{bad}");
        }
        assert_eq!(group("checks"), Ok("checks".to_owned()));
        for bad in ["", "a b", "-a", "a/b"] {
            assert!(group(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "\\PC{0,40}", value in "[a-z =!'\"]{0,12}") {
            let _ = (condition(&text), foreach(&text), group(&text));
            let _ = condition(&format!("A == {value}"));
        }

        #[test]
        fn a_value_in_quotes_is_taken_as_it_is(value in "[a-z =!]{0,12}") {
            prop_assert_eq!(condition(&format!("A == '{value}'")).unwrap().value, value);
        }
    }
}
