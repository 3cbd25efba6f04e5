//! The functions that shell texts define: what is in them counts where they are called.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::super::super::shell::{Kind, Token, lex};
use super::super::scan::function_bodies;
use super::calls::Unsetting;
use super::facts::Facts;

/// How deeply functions in functions are looked into.
const DEEPEST: usize = 8;

/// Every function of the texts that share a shell. One that is defined twice counts twice.
#[derive(Debug, Default)]
pub(super) struct Functions {
    named: BTreeMap<String, Vec<usize>>,
    all: Vec<Facts>,
    /// What they unset.
    unsets: Unsetting,
}

/// A function as it is written: its name, all of it, and what stands between its brackets.
struct Written<'a> {
    name: &'a str,
    whole: Range<usize>,
    inside: Range<usize>,
    /// It is defined in any case, and what it does happens in the shell that calls it.
    is_there: bool,
}

/// One of the outermost functions of a text.
pub(super) struct Defined<'a> {
    pub(super) name: &'a str,
    /// What stands between its brackets.
    pub(super) inside: &'a str,
    /// Where it is defined.
    pub(super) end: usize,
    /// It is defined in any case, and what it does happens in the shell that calls it.
    pub(super) is_there: bool,
}

/// The outermost functions of a text, in order.
pub(super) fn defined(text: &str) -> impl Iterator<Item = Defined<'_>> {
    written(text, &lex(text).tokens).into_iter().map(|Written { name, whole, inside, is_there }| Defined {
        name,
        inside: text.get(inside).unwrap_or_default(),
        end: whole.end,
        is_there,
    })
}

impl Functions {
    /// Those of these texts.
    pub(super) fn of(texts: &[&str]) -> Functions {
        let mut all = Functions::default();
        all.learn(texts);
        if all.all.iter().any(|facts| !facts.unsets.is_empty()) {
            // what they do is seen anew by who knows what those that they call unset
            all = Functions { unsets: all.unset_through(), ..Functions::default() };
            all.learn(texts);
        }
        all
    }

    pub(super) fn unsets(&self) -> &Unsetting {
        &self.unsets
    }

    fn learn(&mut self, texts: &[&str]) {
        for text in texts {
            self.learn_inside(text, DEEPEST);
        }
    }

    /// What each of them unsets, by itself or through others that it calls.
    fn unset_through(&self) -> Unsetting {
        let mut callers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let mut open: Vec<(&str, &str)> = Vec::new();
        for (name, indices) in &self.named {
            for facts in indices.iter().filter_map(|index| self.all.get(*index)) {
                for (called, _) in facts.calls.iter().filter(|(word, _)| self.named.contains_key(word)) {
                    callers.entry(called).or_default().push(name);
                }
                open.extend(facts.unsets.iter().map(|unset| (name.as_str(), unset.as_str())));
            }
        }
        let mut found = Unsetting::new();
        while let Some((name, unset)) = open.pop() {
            if found.entry(name.to_owned()).or_default().insert(unset.to_owned()) {
                open.extend(callers.get(name).into_iter().flatten().map(|caller| (*caller, unset)));
            }
        }
        found
    }

    fn learn_inside(&mut self, text: &str, deeper: usize) {
        for Written { name, inside, .. } in written(text, &lex(text).tokens) {
            let inside = text.get(inside).unwrap_or_default();
            self.named.entry(name.to_owned()).or_default().push(self.all.len());
            self.all.push(Facts::of_function(inside, &self.unsets));
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
        if let Some((name, start, first)) = name_of(text, head) {
            let end = body.end.min(text.len());
            let closed = body.end <= text.len();
            let inside = body.start + 1..if closed { end.saturating_sub(1) } else { end };
            let is_list = text.as_bytes().get(body.start) == Some(&b'{');
            let is_there = closed && is_list && stands_alone(tokens, from + first, end);
            found.push(Written { name, whole: start..end, inside, is_there });
        }
        from += open;
    }
    found
}

/// Whether a definition whose first token this is, and which ends there, is a command that runs in any case.
fn stands_alone(tokens: &[Token<'_>], first: usize, end: usize) -> bool {
    let ends = |token: Option<&Token<'_>>| {
        token.is_none_or(|token| matches!(token.kind, Kind::Newline | Kind::Comment | Kind::Op(";")))
    };
    let behind = tokens.partition_point(|token| token.start < end);
    let before = first.checked_sub(1).and_then(|before| tokens.get(before));
    let is_outermost = tokens.get(first).is_some_and(|token| token.depth == 0);
    is_outermost && ends(before) && ends(tokens.get(behind)) && !goes_on(tokens, first)
}

/// Whether the line before goes on there: `... &&`.
fn goes_on(tokens: &[Token<'_>], first: usize) -> bool {
    let before = tokens.get(..first).unwrap_or_default().iter().rev();
    let mut before = before.skip_while(|token| matches!(token.kind, Kind::Newline | Kind::Comment));
    before.next().is_some_and(|token| matches!(token.kind, Kind::Op("&&" | "||" | "|")))
}

/// The name before a function's body, where its definition begins, and with which token of these.
fn name_of<'a>(text: &'a str, head: &[Token<'a>]) -> Option<(&'a str, usize, usize)> {
    let is_between =
        |token: &&Token<'_>| matches!(token.kind, Kind::Newline | Kind::Comment | Kind::Op("(" | ")"));
    let last = head.iter().rposition(|token| !is_between(&token))?;
    let name = head.get(last)?;
    let raw = text.get(name.start..name.end)?;
    let is_keyword = |before: &usize| {
        head.get(*before).is_some_and(|token| text.get(token.start..token.end) == Some("function"))
    };
    let first = last.checked_sub(1).filter(is_keyword).unwrap_or(last);
    Some((raw, head.get(first)?.start, first))
}
