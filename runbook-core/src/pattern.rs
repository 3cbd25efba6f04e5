//! Patterns for parameter and captured values: a small subset of regular expressions that is always linear.
//!
//! Understood: literals; `.`; the escapes `\d`, `\w`, `\s` and a backslash before punctuation; classes such as
//! `[0-9a-z._-]` and `[^/]`; the quantifiers `?`, `*`, `+`, `{m}`, `{m,}`, `{m,n}`; `^` in front and `$` at the
//! end (a pattern always matches the whole value, so they change nothing); whole alternatives, `true|false`. Groups
//! and look-around are refused rather than half understood.
//!
//! Nothing ever matches a line break: a value of several lines is outside every pattern.

use thiserror::Error;

/// The most places a pattern may have after its counted quantifiers are written out.
const MAX_PLACES: usize = 2048;

/// Why a pattern is refused. Columns count characters from 1.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PatternError {
    /// A part of regular expressions that is outside the subset.
    #[error(
        "`{what}` at column {column} is not supported in a pattern; use classes such as [a-z0-9-] and quantifiers"
    )]
    Unsupported {
        /// The text that was met.
        what: String,
        /// Where.
        column: usize,
    },
    /// A class, escape or quantifier that never ends, or is otherwise malformed.
    #[error("{what} at column {column} is not complete or not valid; write a literal one with a backslash")]
    Malformed {
        /// What was being read.
        what: &'static str,
        /// Where.
        column: usize,
    },
    /// Written out, the pattern would be too long.
    #[error(
        "the pattern allows for more than {MAX_PLACES} characters one by one; use `*` or `+` for long values"
    )]
    TooLong,
}

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    source: String,
    /// One of them must fit.
    alternatives: Vec<Vec<Place>>,
    /// The sets of characters that the places name.
    sets: Vec<Set>,
}

/// One place of the pattern: which characters fit, and whether it may be skipped or stayed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    /// Position among [`Pattern::sets`]: a counted quantifier makes many places of one set.
    set: usize,
    optional: bool,
    repeats: bool,
}

/// A set of characters as inclusive ranges.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Set {
    ranges: Vec<(char, char)>,
    negated: bool,
}

impl Set {
    fn one(c: char) -> Self {
        Self { ranges: vec![(c, c)], negated: false }
    }

    fn holds(&self, c: char) -> bool {
        c != '\n' && c != '\r' && self.ranges.iter().any(|&(low, high)| low <= c && c <= high) != self.negated
    }
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// [`PatternError`] when the text is malformed, too long, or uses what the subset leaves out.
    pub fn new(source: &str) -> Result<Self, PatternError> {
        let chars: Vec<char> = source.chars().collect();
        let mut reader = Reader { chars: &chars, at: 0, sets: Vec::new() };
        let mut alternatives = Vec::new();
        let mut written = 0;
        loop {
            alternatives.push(reader.alternative(&mut written)?);
            if reader.peek() != Some('|') {
                break;
            }
            reader.at += 1;
        }
        Ok(Self { source: source.to_owned(), alternatives, sets: reader.sets })
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Whether the *whole* value fits. Time is at most (places × characters of the value).
    #[must_use]
    pub fn is_match(&self, value: &str) -> bool {
        self.alternatives.iter().any(|places| self.fits(places, value))
    }

    /// Whether a value that fits may hold one of these characters.
    #[must_use]
    pub fn may_hold(&self, chars: &[char]) -> bool {
        let mut places = self.alternatives.iter().flatten();
        places.any(|place| chars.iter().any(|c| self.sets[place.set].holds(*c)))
    }

    fn fits(&self, places: &[Place], value: &str) -> bool {
        let mut now = vec![false; places.len() + 1];
        let mut next = now.clone();
        now[0] = true;
        skip_optional(places, &mut now);
        let mut held = Vec::with_capacity(self.sets.len());
        for c in value.chars() {
            next.fill(false);
            held.clear();
            held.extend(self.sets.iter().map(|set| set.holds(c)));
            for (i, place) in places.iter().enumerate() {
                if now[i] && held[place.set] {
                    next[if place.repeats { i } else { i + 1 }] = true;
                }
            }
            skip_optional(places, &mut next);
            if !next.contains(&true) {
                return false;
            }
            std::mem::swap(&mut now, &mut next);
        }
        now[places.len()]
    }
}

/// From a place that may be skipped the following one is reached without a character.
fn skip_optional(places: &[Place], states: &mut [bool]) {
    for (i, place) in places.iter().enumerate() {
        if states[i] && place.optional {
            states[i + 1] = true;
        }
    }
}

/// Reads a pattern from left to right.
struct Reader<'a> {
    chars: &'a [char],
    at: usize,
    sets: Vec<Set>,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn unsupported(&self, what: impl Into<String>) -> PatternError {
        PatternError::Unsupported { what: what.into(), column: self.at + 1 }
    }

    /// The places up to `|` or the pattern's end. `written` counts places over the whole pattern.
    fn alternative(&mut self, written: &mut usize) -> Result<Vec<Place>, PatternError> {
        let mut places = Vec::new();
        if self.peek() == Some('^') {
            self.at += 1;
        }
        while let Some(set) = self.set()? {
            let (min, max) = self.quantifier()?;
            *written += max.unwrap_or(min + 1);
            if *written > MAX_PLACES {
                return Err(PatternError::TooLong);
            }
            let of_set = Place { set: self.sets.len(), optional: true, repeats: true };
            self.sets.push(set);
            for n in 0..max.unwrap_or(min) {
                places.push(Place { optional: n >= min, repeats: false, ..of_set });
            }
            if max.is_none() {
                places.push(of_set);
            }
        }
        Ok(places)
    }

    /// The next set of characters; `None` at the end of an alternative.
    fn set(&mut self) -> Result<Option<Set>, PatternError> {
        let Some(c) = self.peek() else { return Ok(None) };
        let set = match c {
            '|' => return Ok(None),
            '$' if matches!(self.chars.get(self.at + 1), None | Some('|')) => {
                self.at += 1;
                return Ok(None);
            }
            '(' | ')' | '^' | '$' => return Err(self.unsupported(c)),
            '?' | '*' | '+' | '{' => {
                return Err(PatternError::Malformed {
                    what: "a quantifier with nothing before it",
                    column: self.at + 1,
                });
            }
            '.' => Set { ranges: Vec::new(), negated: true },
            '\\' => {
                let ranges = self.escape()?;
                return Ok(Some(Set { ranges, negated: false }));
            }
            '[' => return self.class().map(Some),
            other => Set::one(other),
        };
        self.at += 1;
        Ok(Some(set))
    }

    /// Reads a backslash and what follows it.
    fn escape(&mut self) -> Result<Vec<(char, char)>, PatternError> {
        let column = self.at + 1;
        let Some(&c) = self.chars.get(self.at + 1) else {
            return Err(PatternError::Malformed { what: "an escape", column });
        };
        let ranges = match c {
            'd' => vec![('0', '9')],
            'w' => vec![('0', '9'), ('A', 'Z'), ('a', 'z'), ('_', '_')],
            's' => vec![(' ', ' '), ('\t', '\t')],
            c if c.is_ascii_punctuation() || c == ' ' => vec![(c, c)],
            c => return Err(self.unsupported(format!("\\{c}"))),
        };
        self.at += 2;
        Ok(ranges)
    }

    /// Reads `[...]`.
    fn class(&mut self) -> Result<Set, PatternError> {
        let open = PatternError::Malformed { what: "a class", column: self.at + 1 };
        self.at += 1;
        let negated = self.peek() == Some('^');
        if negated {
            self.at += 1;
        }
        let mut ranges = Vec::new();
        loop {
            let c = self.peek().ok_or_else(|| open.clone())?;
            if c == ']' && !ranges.is_empty() {
                self.at += 1;
                return Ok(Set { ranges, negated });
            }
            if c == '[' {
                return Err(self.unsupported("["));
            }
            let low = if c == '\\' {
                let escaped = self.escape()?;
                match escaped.as_slice() {
                    [(low, high)] if low == high => *low,
                    _ => {
                        ranges.extend(escaped);
                        continue;
                    }
                }
            } else {
                self.at += 1;
                c
            };
            let is_range = self.peek() == Some('-') && self.chars.get(self.at + 1).is_some_and(|&c| c != ']');
            if !is_range {
                ranges.push((low, low));
                continue;
            }
            self.at += 1;
            let high = match self.peek() {
                Some('\\') => match self.escape()?.as_slice() {
                    [(low, high)] if low == high => *low,
                    _ => return Err(open),
                },
                Some(high) => {
                    self.at += 1;
                    high
                }
                None => return Err(open),
            };
            if high < low {
                return Err(open);
            }
            ranges.push((low, high));
        }
    }

    /// Reads an optional quantifier: fewest and most repetitions.
    fn quantifier(&mut self) -> Result<(usize, Option<usize>), PatternError> {
        let bounds = match self.peek() {
            Some('?') => (0, Some(1)),
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('{') => return self.counted(),
            _ => return Ok((1, Some(1))),
        };
        self.at += 1;
        self.no_second_quantifier()?;
        Ok(bounds)
    }

    /// Reads `{m}`, `{m,}` or `{m,n}`.
    fn counted(&mut self) -> Result<(usize, Option<usize>), PatternError> {
        let bad = PatternError::Malformed { what: "a counted quantifier", column: self.at + 1 };
        let rest = &self.chars[self.at + 1..];
        let length = rest.iter().take(16).position(|&c| c == '}').ok_or_else(|| bad.clone())?;
        let inside: String = rest[..length].iter().collect();
        let number = |text: &str| {
            if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
                return Err(bad.clone());
            }
            text.parse::<usize>().ok().filter(|&n| n <= MAX_PLACES).ok_or(PatternError::TooLong)
        };
        let bounds = match inside.split_once(',') {
            None => {
                let exactly = number(&inside)?;
                (exactly, Some(exactly))
            }
            Some((min, "")) => (number(min)?, None),
            Some((min, max)) => (number(min)?, Some(number(max)?)),
        };
        if bounds.1.is_some_and(|max| max < bounds.0) {
            return Err(bad);
        }
        self.at += length + 2;
        self.no_second_quantifier()?;
        Ok(bounds)
    }

    /// `a+?` and `a++` mean other things elsewhere, so they are refused.
    fn no_second_quantifier(&self) -> Result<(), PatternError> {
        match self.peek() {
            Some(c @ ('?' | '*' | '+' | '{')) => Err(self.unsupported(c)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn whole_values_match_or_do_not() {
        let rows: &[(&str, &[&str], &[&str])] = &[
            ("", &[""], &["a"]),
            ("abc", &["abc"], &["ab", "abcd", "xabc"]),
            ("^abc$", &["abc"], &["^abc$", "ab"]),
            (r"v\d+\.\d+", &["v1.2", "v10.44"], &["v1", "v1x2", "v1.", " v1.2"]),
            ("[0-9]{1,4}", &["0", "2025"], &["", "12345", "12a"]),
            ("[a-z0-9][a-z0-9-]*", &["a", "flow-engine-2"], &["-a", "A", "a_b", ""]),
            ("[a-z._-]+", &["a.b_c-d"], &["a b", "A"]),
            ("a{3}", &["aaa"], &["aa", "aaaa"]),
            ("a{2,}", &["aa", "aaaaaa"], &["a", ""]),
            ("a{0}b", &["b"], &["ab"]),
            ("x?y", &["y", "xy"], &["xxy", "x"]),
            (".+", &["anything at all"], &["", "two\nlines", "cr\r"]),
            ("[^/]+", &["ab c"], &["a/b", "a\nb", ""]),
            (r"[\d.]+", &["1.2"], &["v1"]),
            (r"[\]a]+", &["]a"], &["["]),
            ("[]a]+", &["]a"], &["b"]),
            ("[a-]+", &["a-a"], &["b"]),
            (r"\w+\s\w+", &["a b"], &["a\nb", "ab"]),
            ("a*a*a*b", &["aab", "b"], &["aac"]),
            (r"\$\{x\}", &["${x}"], &["x"]),
            ("true|false", &["true", "false"], &["", "truefalse", "tru", "true|false"]),
            ("^a$|^b+$", &["a", "bb"], &["ab", "^b"]),
            (r"a\|b|[|]", &["a|b", "|"], &["a", "b"]),
            ("a|", &["a", ""], &["b"]),
            ("héllo.", &["héllo!"], &["hello!"]),
        ];
        for (pattern, fits, misfits) in rows {
            let compiled = Pattern::new(pattern).unwrap();
            for value in *fits {
                assert!(compiled.is_match(value), "{pattern} must match {value:?}");
            }
            for value in *misfits {
                assert!(!compiled.is_match(value), "{pattern} must not match {value:?}");
            }
        }
    }

    #[test]
    fn what_is_outside_the_subset_is_refused() {
        for pattern in [
            "(a)",
            "(a|b)",
            "[a",
            "[]",
            "a{",
            "a{x}",
            "a{2,1}",
            "*a",
            "+",
            "{2}",
            r"\",
            r"\b",
            r"\p",
            "a+?",
            "a**",
            "a{2}{3}",
            "a$b",
            "a^b",
            "[z-a]",
            "[[:alpha:]]",
            "a{99999}",
            "[a-z]{1,2048}b",
            "a{,3}",
            r"[a-\d]",
            "a{+1}",
        ] {
            assert!(Pattern::new(pattern).is_err(), "{pattern} must be refused");
        }
    }

    #[test]
    fn a_hostile_value_stays_cheap() {
        let pattern = Pattern::new("a*a*a*a*a*a*a*a*a*a*b").unwrap();
        assert!(!pattern.is_match(&"a".repeat(20_000)));
    }

    proptest! {
        #[test]
        fn compiling_and_matching_never_panic(pattern in "\\PC{0,40}", value in "\\PC{0,40}") {
            if let Ok(compiled) = Pattern::new(&pattern) {
                let _ = compiled.is_match(&value);
            }
        }

        #[test]
        fn an_escaped_text_matches_itself_alone(text in "[a-z.*+?(){}|^$-]{1,20}") {
            let escaped: String = text
                .chars()
                .flat_map(|c| if c.is_ascii_punctuation() { vec!['\\', c] } else { vec![c] })
                .collect();
            let compiled = Pattern::new(&escaped).unwrap();
            prop_assert!(compiled.is_match(&text));
            let longer = format!("{text}x");
            prop_assert!(!compiled.is_match(&longer));
        }
    }
}
