//! The functions that shell texts define: what is in them counts where they are called.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::super::super::shell::{Kind, Token, lex};
use super::super::scan::function_bodies;
use super::facts::Facts;

/// How deeply functions in functions are looked into.
const DEEPEST: usize = 8;

/// Every function of the texts that share a shell. One that is defined twice counts twice.
#[derive(Debug, Default)]
pub(super) struct Functions {
    named: BTreeMap<String, Vec<usize>>,
    all: Vec<Facts>,
}

/// A function as it is written: its name, all of it, and what stands between its brackets.
struct Written<'a> {
    name: &'a str,
    whole: Range<usize>,
    inside: Range<usize>,
}

impl Functions {
    /// Takes those of one more text.
    pub(super) fn learn(&mut self, text: &str) {
        self.learn_inside(text, DEEPEST);
    }

    fn learn_inside(&mut self, text: &str, deeper: usize) {
        for Written { name, inside, .. } in written(text, &lex(text).tokens) {
            let inside = text.get(inside).unwrap_or_default();
            self.named.entry(name.to_owned()).or_default().push(self.all.len());
            self.all.push(Facts::of_function(inside));
            if deeper > 0 {
                self.learn_inside(inside, deeper - 1);
            }
        }
    }

    /// What is called by one of these words, directly or through others, and was not come across before.
    pub(super) fn reached<'f>(
        &'f self,
        words: impl Iterator<Item = &'f str>,
        before: &mut BTreeSet<usize>,
    ) -> Vec<&'f Facts> {
        let mut found = Vec::new();
        let mut open: Vec<&str> = words.collect();
        while let Some(word) = open.pop() {
            for index in self.named.get(word).into_iter().flatten() {
                let Some(facts) = self.all.get(*index).filter(|_| before.insert(*index)) else { continue };
                open.extend(facts.calls.iter().map(|(word, _)| word.as_str()));
                found.push(facts);
            }
        }
        found
    }
}

/// A text with nothing in the place of each function that it defines, everything else where it was.
pub(super) fn without_functions(text: &str) -> Cow<'_, str> {
    let written = written(text, &lex(text).tokens);
    let mut places: Vec<Range<usize>> = written.into_iter().map(|function| function.whole).collect();
    places.sort_by_key(|place| place.start);
    blanked(text, &places)
}

/// A text with an empty command in these places, which follow each other.
pub(super) fn blanked<'a>(text: &'a str, places: &[Range<usize>]) -> Cow<'a, str> {
    if places.is_empty() {
        return Cow::Borrowed(text);
    }
    let (mut blank, mut at) = (String::with_capacity(text.len()), 0);
    for place in places.iter().filter(|place| !place.is_empty()) {
        if place.start < at {
            continue;
        }
        blank.push_str(text.get(at..place.start).unwrap_or_default());
        blank.push(':');
        blank.extend(std::iter::repeat_n(' ', place.len() - 1));
        at = place.end;
    }
    blank.push_str(text.get(at..).unwrap_or_default());
    Cow::Owned(blank)
}

/// The outermost functions of a text.
fn written<'a>(text: &'a str, tokens: &[Token<'a>]) -> Vec<Written<'a>> {
    let bodies = function_bodies(tokens);
    let mut found = Vec::new();
    let mut from = 0;
    for body in bodies {
        let Some(open) = tokens.get(from..).and_then(|rest| rest.iter().position(|t| t.start >= body.start))
        else {
            break;
        };
        let head = tokens.get(from..from + open).unwrap_or_default();
        if let Some((name, start)) = name_of(text, head) {
            let end = body.end.min(text.len());
            let closed = body.end <= text.len();
            let inside = body.start + 1..if closed { end.saturating_sub(1) } else { end };
            found.push(Written { name, whole: start..end, inside });
        }
        from += open;
    }
    found
}

/// The name before a function's body, and where its definition begins.
fn name_of<'a>(text: &'a str, head: &[Token<'a>]) -> Option<(&'a str, usize)> {
    let is_between =
        |token: &&Token<'_>| matches!(token.kind, Kind::Newline | Kind::Comment | Kind::Op("(" | ")"));
    let last = head.iter().rposition(|token| !is_between(&token))?;
    let name = head.get(last)?;
    let raw = text.get(name.start..name.end)?;
    let keyword = last.checked_sub(1).and_then(|before| head.get(before));
    let keyword = keyword.filter(|token| text.get(token.start..token.end) == Some("function"));
    Some((raw, keyword.map_or(name.start, |token| token.start)))
}
