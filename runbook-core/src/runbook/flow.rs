//! `when`, `foreach`, `parallel` and `until`: the small forms that say when and how often a command runs.
//!
//! They are read strictly. A condition that is misread would run what was meant to be left out.

use std::collections::BTreeSet;

use super::info::{checked_name, parse_duration_ms};
use super::model::Foreach;
use super::names::check_variable;
use super::placeholders::{Guard, Place};

/// Longest `when=` or `foreach=` in bytes.
const LONGEST: usize = 512;
/// Most items of a loop: each is a command with a record of its own.
pub(crate) const MOST_ITEMS: usize = 256;
/// Largest `concurrency=`.
pub(crate) const MOST_AT_ONCE: u16 = 32;
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

/// The items of a parameter's value: what stands between line ends and commas.
pub(crate) fn items_of(value: &str) -> Vec<String> {
    pieces(value.split(['\n', ',']))
}

/// The items of a captured value: its lines.
pub(crate) fn lines_of(value: &str) -> Vec<String> {
    pieces(value.lines())
}

fn pieces<'a>(pieces: impl Iterator<Item = &'a str>) -> Vec<String> {
    pieces.map(str::trim).filter(|piece| !piece.is_empty()).map(str::to_owned).collect()
}

/// Whether a list can be gone through: not too long, each item once, and none that would become a part of a program.
///
/// # Errors
/// Why not, in lowercase.
pub(crate) fn check_items(items: &[String], places: &BTreeSet<Place>) -> Result<(), String> {
    if items.len() > MOST_ITEMS {
        return Err(format!("there are {}, and {MOST_ITEMS} may be", items.len()));
    }
    let mut seen = BTreeSet::new();
    for (number, item) in items.iter().enumerate() {
        let number = number + 1;
        if item.len() > LONGEST {
            return Err(format!("item {number} is longer than {LONGEST} bytes"));
        }
        if item.contains(|c: char| c.is_control()) {
            return Err(format!("item {number} holds a control character"));
        }
        if !seen.insert(item) {
            return Err(format!("item {number} is there before: nothing is done twice"));
        }
        // as with a captured value: what a number is, is known; a wide pattern is no promise
        let integer = |place: &Place| place.guard >= Guard::Address && item.parse::<i64>().is_ok();
        places.iter().try_for_each(|place| place.check(item, integer(place))).map_err(|why| {
            format!("item {number} would stand where it could become a part of a program: {why}")
        })?;
    }
    Ok(())
}

/// A whole number in its one spelling, within bounds.
///
/// # Errors
/// What is wrong, in lowercase.
pub(crate) fn bound(text: &str, least: u16, most: u16) -> Result<u16, String> {
    text.parse()
        .ok()
        .filter(|number: &u16| number.to_string() == text && (least..=most).contains(number))
        .ok_or_else(|| format!("it is a whole number from {least} to {most}"))
}

/// Reads `NAME in SOURCE`, where the source may be a list: `NAME in [a, b]`.
///
/// # Errors
/// What is wrong, in lowercase.
pub(crate) fn foreach(text: &str) -> Result<Foreach, String> {
    bounded(text)?;
    let form = "a loop is NAME in SOURCE, where SOURCE is a parameter, a captured value or [a, b]";
    let (name, source) = text.trim().split_once(char::is_whitespace).ok_or(form)?;
    let source = source.trim_start().strip_prefix("in").ok_or(form)?;
    let source = match source.strip_prefix(char::is_whitespace) {
        Some(source) => source.trim(),
        None if source.starts_with('[') => source,
        None => return Err(form.to_owned()),
    };
    check_variable(name)?;
    let mut items = None;
    if let Some(list) = source.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let list = items_of(list);
        if list.is_empty() {
            return Err("the list is empty".to_owned());
        }
        check_items(&list, &BTreeSet::new())?;
        items = Some(list);
    } else {
        check_variable(source)?;
        if name == source {
            return Err(format!("`{name}` cannot hold one line of itself"));
        }
    }
    Ok(Foreach {
        name: name.to_owned(),
        source: source.to_owned(),
        items,
        concurrency: 1,
        canary: false,
        budget: 0,
        places: BTreeSet::new(),
    })
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
        for (text, source, items) in [
            (" host in HOSTS ", "HOSTS", None),
            ("host  in  HOSTS", "HOSTS", None),
            ("host in [web-1, web-2]", "[web-1, web-2]", Some(vec!["web-1", "web-2"])),
            ("host in[a]", "[a]", Some(vec!["a"])),
            ("host in [two words,,b, ]", "[two words,,b, ]", Some(vec!["two words", "b"])),
        ] {
            let read = foreach(text).unwrap();
            let list: Option<Vec<&str>> =
                read.items.as_ref().map(|items| items.iter().map(String::as_str).collect());
            assert_eq!((read.name.as_str(), read.source.as_str(), list), ("host", source, items), "{text}");
            assert_eq!((read.concurrency, read.canary, read.budget), (1, false, 0));
        }
        let many: Vec<String> = (0..=MOST_ITEMS).map(|n| n.to_string()).collect();
        assert!(foreach(&format!("h in [{}]", many[..100].join(","))).is_ok());
        assert!(check_items(&many, &BTreeSet::new()).is_err());
        assert!(check_items(&many[1..], &BTreeSet::new()).is_ok());
        for bad in [
            "",
            "host",
            "host in",
            "in HOSTS",
            "host of HOSTS",
            "host in A B",
            "host in []",
            "host in [a, a]",
            "host in [a",
            "hostin A",
            "host inA",
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

    #[test]
    fn lists() {
        assert_eq!(items_of("a, b\n\n c,"), ["a", "b", "c"]);
        assert_eq!(lines_of("a, b\r\n\n c\n"), ["a, b", "c"]);
        let strict: BTreeSet<Place> = [Place::of(Guard::Plain)].into();
        for (item, fits) in [("web-1", true), ("-x", false), ("$(id)", false), ("a;b", false)] {
            assert_eq!(check_items(&[item.to_owned()], &strict).is_ok(), fits, "{item}");
        }
        assert!(check_items(&["a\tb".to_owned()], &BTreeSet::new()).is_err());
        for (text, number) in [("3", Some(3)), ("0", None), ("03", None), ("+3", None), ("33", None)] {
            assert_eq!(bound(text, 1, MOST_AT_ONCE).ok(), number, "{text}");
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
