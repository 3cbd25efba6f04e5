//! Values in expectations: `$REPLICAS/$REPLICAS ready`, `image: $TAG`.
//!
//! A value is data and never a part of what is said about it. The text is given its meaning with a word in each value's
//! place that means nothing, and the values are put where those words are found again. Where the grammar wants a number, a
//! value that is one may stand there. Everything else is for a person.

use std::collections::BTreeMap;

use super::classify::classify;
use super::model::{Check, Expectation};

/// What stands for a name in an expectation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Any text.
    Text(String),
    /// A whole number or a length of time, as its parameter's type says.
    Number(String),
    /// Not known before the run.
    Later,
}

impl Value {
    fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) | Value::Number(text) => Some(text),
            Value::Later => None,
        }
    }
}

/// The names that a text refers to as `$NAME` or `${NAME}`, in order.
pub fn references(text: &str) -> impl Iterator<Item = &str> {
    places(text).map(|place| place.name)
}

/// The expectation with the values of the names that it refers to. Other names stay as they are written.
///
/// `inside` says that it stands within a loop or condition, where only a person judges.
#[must_use]
pub fn with_values(expectation: &Expectation, values: &BTreeMap<String, Value>, inside: bool) -> Expectation {
    let used: Vec<(Place<'_>, &Value)> =
        places(&expectation.text).filter_map(|place| Some((place, values.get(place.name)?))).collect();
    if used.is_empty() {
        return expectation.clone();
    }
    let text = put(&expectation.text, &used, |_, value, written| {
        value.text().map_or_else(|| written.to_owned(), visible)
    });
    if let Check::Output { .. } = expectation.check {
        let known = !inside && used.iter().all(|(_, value)| is_usable(value));
        // with a value in it, the block is compared and not read
        let check = if known { Check::Output { text: text.clone(), sample: true } } else { Check::Person };
        return Expectation { line: expectation.line, text, check, within_ms: None };
    }
    // several lines are for a person whatever stands in them
    let inside = inside || expectation.check == Check::Person && expectation.text.contains('\n');
    let meant = match how(expectation).filter(|_| !inside && used.iter().all(|(_, value)| is_usable(value))) {
        Some(how) => read(expectation, how, &used),
        None => None,
    };
    let (check, within_ms) =
        meant.map_or((Check::Person, expectation.within_ms), |meant| (meant.check, meant.within_ms));
    Expectation { line: expectation.line, text, check, within_ms }
}

/// How the text was read: as it stands, or all of it as text to look for (a fence of sample output).
fn how(expectation: &Expectation) -> Option<fn(&str) -> Expectation> {
    let as_sample = |text: &str| classify(&format!("\"{text}\""));
    [classify as fn(&str) -> Expectation, as_sample]
        .into_iter()
        .find(|how| how(&expectation.text).check == expectation.check)
}

/// The meaning with values in it; `None` when only a person can tell.
fn read(
    expectation: &Expectation,
    how: fn(&str) -> Expectation,
    used: &[(Place<'_>, &Value)],
) -> Option<Expectation> {
    let text = &expectation.text;
    let words: Vec<String> = used.iter().enumerate().map(|(n, _)| word(text, n)).collect();
    let as_words = how(&put(text, used, |n, value, _| match value {
        Value::Number(number) => number.clone(),
        _ => words.get(n).cloned().unwrap_or_default(),
    }));
    let is_number =
        |value: &Value| matches!(value, Value::Number(_)) || value.text().is_some_and(is_plain_number);
    let numbers = used.iter().all(|(_, value)| is_number(value));
    let as_numbers =
        numbers.then(|| how(&put(text, used, |_, value, _| value.text().unwrap_or_default().to_owned())));
    let meant = match as_numbers {
        // the digits decide what is meant: nobody has said that they are a number
        Some(as_numbers)
            if as_words.check != Check::Person && as_numbers.check.kind() != as_words.check.kind() =>
        {
            return None;
        }
        Some(as_numbers) if matches!(as_words.check, Check::Person | Check::EveryRow { .. }) => as_numbers,
        _ => as_words,
    };
    let filled = fill(meant.check, &words, used)?;
    Some(Expectation { check: filled, ..meant })
}

/// The check with the values in the place of the words that stand for them.
fn fill(check: Check, words: &[String], used: &[(Place<'_>, &Value)]) -> Option<Check> {
    let filled = |text: &str| {
        let mut text = text.to_owned();
        // what was put in is not looked through again: no value holds one of the words
        for (word, (_, value)) in words.iter().zip(used) {
            text = text.replace(word, value.text().unwrap_or_default());
        }
        text
    };
    Some(match check {
        Check::Contains { text } => {
            let text = filled(&text);
            text.chars().any(char::is_alphanumeric).then_some(Check::Contains { text })?
        }
        Check::Pairs { pairs } => {
            let pairs: Vec<(String, String)> =
                pairs.iter().map(|(name, value)| (filled(name), filled(value))).collect();
            let mut names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
            names.sort_unstable();
            let twice = names.windows(2).any(|pair| matches!(pair, [a, b] if a == b));
            (!twice).then_some(Check::Pairs { pairs })?
        }
        Check::Named { name, op, bound, unit } => Check::Named { name: filled(&name), op, bound, unit },
        // the value stands in a note, which would not be judged
        Check::EveryRow { .. } => return None,
        // a note may say which lines are counted
        Check::Count { .. }
            if used.iter().any(|(_, value)| value.text().is_some_and(|text| !is_plain_number(text))) =>
        {
            return None;
        }
        other => other,
    })
}

/// A word that means nothing, and that neither the text nor any value holds: its letters are not in use anywhere else.
fn word(text: &str, n: usize) -> String {
    let mut word = format!("zq{n}qz");
    while text.contains(&word) {
        word.push_str("qz");
    }
    word
}

/// What can be compared with output: one line with something in it.
fn is_usable(value: &Value) -> bool {
    let text = value.text().unwrap_or_default();
    !text.trim().is_empty() && !text.chars().any(char::is_control) && !text.contains("zq")
}

/// Digits with at most one dot: whatever stands around it, it says nothing but a number.
fn is_plain_number(text: &str) -> bool {
    let digits =
        |text: &str| !text.is_empty() && text.len() <= 18 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('.').map_or_else(|| digits(text), |(whole, part)| digits(whole) && digits(part))
}

/// A value as it is shown: on one line.
fn visible(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A name in a text.
#[derive(Debug, Clone, Copy)]
struct Place<'a> {
    name: &'a str,
    start: usize,
    end: usize,
}

fn places(text: &str) -> impl Iterator<Item = Place<'_>> {
    text.match_indices('$').filter_map(|(start, _)| {
        let rest = text.get(start + 1..)?;
        let inside = rest.strip_prefix('{').unwrap_or(rest);
        let braced = inside.len() < rest.len();
        let length = inside.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
        let name = inside
            .get(..length)
            .filter(|name| !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()))?;
        let closed = !braced || inside.get(length..)?.starts_with('}');
        let end = start + 1 + length + if braced { 2 } else { 0 };
        (closed && !text.get(..start)?.ends_with(['\\', '$'])).then_some(Place { name, start, end })
    })
}

/// The text with something else in each place.
fn put(text: &str, used: &[(Place<'_>, &Value)], what: impl Fn(usize, &Value, &str) -> String) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (n, (place, value)) in used.iter().enumerate() {
        out.push_str(text.get(at..place.start).unwrap_or_default());
        out.push_str(&what(n, value, text.get(place.start..place.end).unwrap_or_default()));
        at = place.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    fn number(text: &str) -> Value {
        Value::Number(text.to_owned())
    }

    /// The check and the shown text, with these values of X and Y.
    fn read_as(written: &str, x: Value, y: Value) -> (Check, String) {
        let values = BTreeMap::from([("X".to_owned(), x), ("Y".to_owned(), y)]);
        let filled = with_values(&classify(written), &values, false);
        (filled.check, filled.text)
    }

    #[test]
    fn a_value_means_what_it_would_mean_if_it_were_written_there() {
        for (written, x, y, same_as) in [
            ("$X/$Y ready", text("5"), text("5"), "5/5 ready"),
            ("${X}/${X} ready", number("5"), text(""), "5/5 ready"),
            ("$X of $Y ready", number("3"), text("5"), "3 of 5 ready"),
            ("All pods Running ($X/$X)", text("3"), text(""), "All pods Running (3/3)"),
            ("$X lines", text("4"), text(""), "4 lines"),
            ("$X-$Y rows", number("9"), number("50"), "9-50 rows"),
            ("< $X", text("0.5"), text(""), "< 0.5"),
            ("at least $X%", number("99"), text(""), "at least 99%"),
            ("$X", number("7"), text(""), "7"),
            ("HTTP $X", text("204"), text(""), "HTTP 204"),
            ("\"done\" within $X", number("45s"), text(""), "\"done\" within 45s"),
            ("image: $X", text("web:v1.2"), text(""), "image: web:v1.2"),
            ("image: $X", text("5"), text(""), "image: 5"),
            ("image: $X, replicas: $Y", text("a"), number("5"), "image: a, replicas: 5"),
            ("\"deployed $X\"", text("v1"), text(""), "\"deployed v1\""),
            ("web:$X", text("v1.1"), text(""), "web:v1.1"),
            ("{\"status\": \"$X\"}", text("ready"), text(""), "{\"status\": \"ready\"}"),
            ("5/5 ready ($X)", text("in shop"), text(""), "5/5 ready (in shop)"),
        ] {
            let (check, shown) = read_as(written, x, y);
            let wanted = classify(same_as);
            assert_ne!(wanted.check, Check::Person, "{same_as}");
            assert_eq!((check, shown.as_str()), (wanted.check, same_as), "{written}");
        }
    }

    #[test]
    fn a_value_is_never_grammar() {
        for (written, value, wanted) in [
            ("$X", "exit 0", Some("exit 0")),
            ("$X", "0 lines", Some("0 lines")),
            ("$X", "5/5", Some("5/5")),
            ("$X", "HTTP 200", Some("HTTP 200")),
            ("$X", "< 5", Some("< 5")),
            ("$X", "a: b, c: d", Some("a: b, c: d")),
            ("$X", "Running (0 lines)", Some("Running (0 lines)")),
            ("$X", "ready within 45s", Some("ready within 45s")),
            ("\"is $X\"", "a\" or \"b", Some("is a\" or \"b")),
            ("\"is $X\"", "*", Some("is *")),
            // a number where text is meant, and nothing to compare with
            ("$X", "5", None),
            ("$X-3", "1", None),
            ("$X", "", None),
            ("\"is $X\"", " ", None),
            ("\"is $X\"", "a\nb", None),
            ("$X", "...", None),
            ("< $X", "5 or more", None),
            ("$X/$X ready", "all", None),
            ("HTTP $X", "200 OK", None),
            ("0 rows ($X)", "no output", None),
            ("exit code $X", "0 or 1", None),
            ("the pods of $X look fine", "shop", None),
        ] {
            let (check, _) = read_as(written, text(value), text(""));
            let wanted = wanted.map_or(Check::Person, |text| Check::Contains { text: text.to_owned() });
            assert_eq!(check, wanted, "{written} {value:?}");
        }
        let pair = |value: &str| read_as("image: $X", text(value), text("")).0;
        assert_eq!(
            pair("a, state: bad"),
            Check::Pairs { pairs: vec![("image".into(), "a, state: bad".into())] }
        );
        assert_eq!(read_as("$X: 1, $Y: 2", text("a"), text("a")).0, Check::Person, "one name, two values");
    }

    #[test]
    fn what_is_not_known_is_left_and_asked() {
        assert_eq!(read_as("\"at $X\"", Value::Later, text("")), (Check::Person, "\"at $X\"".to_owned()));
        assert_eq!(
            read_as("\"$X at $Y\"", Value::Later, text("v1")),
            (Check::Person, "\"$X at v1\"".to_owned())
        );
        for written in ["costs $5", "$Z", "\"$HOME is set\"", "\\$X", "$$X", "${X", "a$", "5/5 ready"] {
            let classified = classify(written);
            let values = BTreeMap::from([("X".to_owned(), text("v"))]);
            assert_eq!(with_values(&classified, &values, false), classified, "{written}");
        }
        assert_eq!(references("$A ${B} $5 ${C $$D").collect::<Vec<_>>(), ["A", "B"]);
    }

    #[test]
    fn what_a_person_judges_for_another_reason_stays_so() {
        let values = BTreeMap::from([("X".to_owned(), number("5"))]);
        let inside = Expectation { check: Check::Person, ..classify("$X/$X ready") };
        assert_eq!(with_values(&inside, &values, true).check, Check::Person);
        // sample output in a fence of its own is text to look for
        let sample = Expectation { text: "image: $X".into(), ..classify("\"image: $X\"") };
        let wanted = Check::Contains { text: "image: 5".into() };
        assert_eq!(with_values(&sample, &values, false).check, wanted);
        let lines =
            Expectation { text: "a: $X\nb: 1".into(), check: Check::Person, within_ms: None, line: 1 };
        assert_eq!(with_values(&lines, &values, false).check, Check::Person);
    }

    proptest! {
        /// Whatever the value, the kind of check is that of a harmless one, or a person is asked.
        #[test]
        fn no_value_changes_the_kind(
            written in prop::sample::select(vec![
                "$X", "\"$X\"", "image: $X", "$X/$X ready", "< $X", "$X lines", "HTTP $X", "\"up\" within $X", "5/5 ready ($X)",
                "All pods $X", "$X-9", "{\"a\": \"$X\"}", "a$X", "$X, a: b",
            ]),
            value in "(exit 0|0 lines|[0-9]{1,3}|[ -~é]{0,12}|5/5|within 1s|\\(|\\)|\"|,|: |=|zq0qz){0,3}",
        ) {
            let harmless = read_as(written, text("wordlike"), text("")).0;
            let numeric = read_as(written, text("204"), text("")).0;
            let check = read_as(written, text(&value), text("")).0;
            let allowed = check == Check::Person || check.kind() == harmless.kind() || is_plain_number(&value) && check.kind() == numeric.kind();
            prop_assert!(allowed, "{written} {value:?}: {check:?}");
            if let (Check::Contains { text }, false) = (&check, written == "a$X") {
                prop_assert!(text.contains(&value), "{text:?}");
            }
        }
    }
}
