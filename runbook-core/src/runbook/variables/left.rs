//! What a shell text leaves in its shell, and whether a later one uses it: for refusing to go on where it was not left.
//!
//! A use too many costs a question, a use too few an empty value, another folder or another cluster.

mod assigned;
mod calls;
mod counted;
mod effects;
mod facts;
mod functions;
mod handed;
mod head;
mod loops;
mod simple;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_bash;
#[cfg(test)]
mod tests_given;
#[cfg(test)]
mod tests_odd;
mod tests_of;
mod traps;
mod walk;

use std::collections::BTreeSet;

use super::super::lints::defined_functions;
use super::super::names::is_identifier_byte;
use super::scan::scan;
use facts::Facts;
use functions::Functions;
use head::{Head, Trust};

/// How the shell's own arguments are read.
const ARGUMENTS: &[&str] = &["$1", "$@", "$*", "$#", "${1", "${@", "${*", "${#}"];
/// What programs, or the shell itself, see without a word of it, whoever set it first.
const SEEN: &[&str] =
    &["PATH", "HOME", "USER", "LANG", "TZ", "TMPDIR", "KUBECONFIG", "SSH_AUTH_SOCK", "IFS", "CDPATH"];
/// What only programs read that somebody sits before.
const INTERACTIVE: &[&str] = &[
    "AWS_PAGER",
    "EDITOR",
    "GIT_PAGER",
    "HISTCONTROL",
    "HISTFILE",
    "HISTSIZE",
    "LESS",
    "MANPAGER",
    "PAGER",
    "PS1",
    "PS2",
    "SYSTEMD_PAGER",
    "VISUAL",
];
/// Programs that let an editor do it, which may be a program like any other.
const EDITING: &[&str] = &["edit", "crontab", "visudo", "commit", "rebase", "sudoedit"];

/// A shell text that comes later, as far as it begins from the shell of those before it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Later<'a> {
    /// The text.
    pub(crate) text: &'a str,
    /// It runs in any case, so what it sets is set from there on.
    pub(crate) always: bool,
}

/// A shell that several texts share.
#[derive(Debug, Default)]
pub(crate) struct Shell {
    functions: Functions,
    exported: BTreeSet<String>,
    /// Functions that were called before, whose exports are known.
    called: BTreeSet<usize>,
}

impl Shell {
    /// One that these texts may define functions in, and that begins with these variables exported.
    pub(crate) fn new<'a>(texts: impl Iterator<Item = &'a str>, exported: &[String]) -> Shell {
        let seen = SEEN.iter().map(|name| (*name).to_owned());
        let texts: Vec<&str> = texts.collect();
        Shell {
            functions: Functions::of(&texts),
            exported: seen.chain(exported.iter().cloned()).collect(),
            ..Shell::default()
        }
    }

    /// After this text, as far as what it exports goes.
    pub(crate) fn after(&mut self, text: &str) {
        let mut called = std::mem::take(&mut self.called);
        let exports = self.effect(text, &mut called).exports;
        self.called = called;
        self.exported.extend(exports);
    }

    /// What texts set, the functions that they call included; `None` when nobody can say.
    pub(crate) fn sets<'a>(&self, texts: impl Iterator<Item = &'a str>) -> Option<BTreeSet<String>> {
        let (mut sets, mut before) = (BTreeSet::new(), BTreeSet::new());
        for text in texts {
            let facts = self.effect(text, &mut before);
            if facts.sets_any() {
                return None;
            }
            sets.extend(facts.sets);
        }
        Some(sets)
    }

    /// Whether some of these texts, or a function that they call, reads a variable.
    pub(crate) fn is_read<'a>(&self, mut texts: impl Iterator<Item = &'a str>, name: &str) -> bool {
        let reads = |facts: &Facts| facts.reads_any || facts.reads.iter().any(|(read, _)| read == name);
        let mut before = BTreeSet::new();
        texts.any(|text| {
            let facts = Facts::of(text, self.functions.unsets());
            let words = facts.calls.iter().map(|(word, _)| word.as_str());
            reads(&facts) || self.functions.reached(words, &mut before).into_iter().any(reads)
        })
    }

    /// What a text does to the shell, with the functions that it calls, those left out that were called before.
    fn effect(&self, text: &str, before: &mut BTreeSet<usize>) -> Facts {
        let mut facts = Facts::of(text, self.functions.unsets());
        let calls = std::mem::take(&mut facts.calls);
        for called in self.functions.reached(calls.iter().map(|(word, _)| word.as_str()), before) {
            facts.take_in(called);
        }
        facts
    }

    /// What of a text a later one uses; `None` when none of them misses anything.
    pub(crate) fn used_later(&self, text: &str, later: &[Later<'_>]) -> Option<String> {
        if later.is_empty() || text.trim().is_empty() {
            return None;
        }
        let given = self.effect(text, &mut BTreeSet::new());
        if given.unknown || !loads_again(&given.loads, later) {
            return Some("later commands may use what it loads (`source`, `eval`)".to_owned());
        }
        if let Some(name) = self.first_read(&given.sets, later) {
            return Some(format!("later commands read ${name}, which it sets"));
        }
        let seen = given.sets.intersection(&self.exported).chain(&given.exports);
        if let Some(name) = first_seen(seen.map(String::as_str).collect(), later) {
            let how = if given.exports.contains(name) { "exports" } else { "sets" };
            return Some(format!("later commands begin with {name}, which it {how}"));
        }
        let elsewhere = || later.first().is_some_and(|next| next.always && begins(next, &given.loads).goes);
        if given.moves && !elsewhere() {
            return Some("later commands begin in the folder that it goes to".to_owned());
        }
        if scan(text).defines {
            let words: BTreeSet<&str> =
                later.iter().flat_map(|later| words(later.text)).map(|(word, _)| word).collect();
            if let Some(name) = defined_functions(text).iter().find(|name| words.contains(name.as_str())) {
                return Some(format!("later commands call {name}, which it defines"));
            }
        }
        let arguments = |later: &Later<'_>| ARGUMENTS.iter().any(|read| later.text.contains(read));
        (given.arguments && later.iter().any(arguments))
            .then(|| "later commands read the shell's arguments, which it sets".to_owned())
    }

    /// Whether a text, or a function that it calls, reads some of these variables where it has not set it for sure, nor
    /// asked whether it has a value.
    pub(crate) fn missed<'n>(&self, text: &str, names: impl Iterator<Item = &'n str>) -> BTreeSet<&'n str> {
        let facts = Facts::of(text, self.functions.unsets());
        let is_missed = |name: &&str| {
            let is_early = |at: usize| !facts.sure.is_given(name, at);
            let reads = |facts: &Facts| facts.bare.iter().any(|(read, _)| read == name);
            // functions that do not read it need no second look
            let mut clean = BTreeSet::new();
            let early = facts.calls.iter().filter(|(_, at)| is_early(*at)).map(|(word, _)| word.as_str());
            facts.bare.iter().any(|(read, at)| read == name && is_early(*at))
                || self.functions.reached(early, &mut clean).into_iter().any(reads)
        };
        names.filter(is_missed).collect()
    }

    /// The first of these variables that some of them reads before it is set anew for sure.
    fn first_read(&self, names: &BTreeSet<String>, later: &[Later<'_>]) -> Option<String> {
        let mut open: BTreeSet<&str> = names.iter().map(String::as_str).collect();
        // functions that read none of those that are open, which only become fewer
        let mut clean = BTreeSet::new();
        for Later { text, always } in later {
            let first = open.first().copied()?;
            let facts = Facts::of(text, self.functions.unsets());
            let too_early = |name: &str, at: usize| open.contains(name) && !facts.sure.is_set(name, at);
            if let Some((name, _)) = facts.reads.iter().find(|(name, at)| too_early(name, *at)) {
                return Some(name.clone());
            }
            if facts.sets_any() || facts.reads_any {
                return Some(first.to_owned());
            }
            for (word, at) in &facts.calls {
                for called in self.functions.reached(std::iter::once(word.as_str()), &mut clean) {
                    let reads = |name: &str| match always {
                        true => too_early(name, *at),
                        false => open.contains(name),
                    };
                    if let Some((name, _)) = called.reads.iter().find(|(name, _)| reads(name)) {
                        return Some(name.clone());
                    }
                    if called.sets_any() || called.reads_any {
                        return Some(first.to_owned());
                    }
                }
            }
            if *always {
                for name in facts.sure.at_end() {
                    open.remove(name);
                }
            }
        }
        None
    }
}

/// Where the part of a text begins that may not have happened when it failed: behind what starts nothing and cannot fail.
/// `known` are the variables whose values are what they should be.
pub(crate) fn unsure_part<'a>(text: &'a str, known: &dyn Fn(&str) -> bool) -> &'a str {
    text.get(Head::of(text, &Trust::Known(known)).end..).unwrap_or_default()
}

/// Whether a text reads a value that it is given as a variable, as far as its words show.
pub(crate) fn reads(text: &str, name: &str) -> bool {
    let asks = || ["environ", "getenv", "printenv", "ENV"].iter().any(|word| text.contains(word));
    scan(text).reads.iter().any(|read| read.name == name) || asks() && has_word(text, name)
}

fn begins(later: &Later<'_>, loads: &BTreeSet<String>) -> Head {
    Head::of(later.text, &Trust::Beginning(loads))
}

/// Whether the later texts load the same themselves before they do anything else.
fn loads_again(loads: &BTreeSet<String>, later: &[Later<'_>]) -> bool {
    if loads.is_empty() {
        return true;
    }
    for one in later {
        if !begins(one, loads).loads.is_superset(loads) {
            return false;
        }
        if one.always {
            return true;
        }
    }
    true
}

/// The first of these variables that some later text starts something with as it was exported, without exporting it itself
/// before.
fn first_seen<'n>(mut names: BTreeSet<&'n str>, later: &[Later<'_>]) -> Option<&'n str> {
    let edits = |one: &Later<'_>| EDITING.iter().any(|word| has_word(one.text, word));
    if INTERACTIVE.iter().any(|name| names.contains(name)) && !later.iter().any(edits) {
        names.retain(|name| !INTERACTIVE.contains(name));
    }
    for one in later.iter().take_while(|_| !names.is_empty()) {
        let exports = begins(one, &BTreeSet::new()).exports;
        if let Some(name) = names.iter().find(|name| !exports.contains(**name)) {
            return Some(name);
        }
        if one.always {
            return None;
        }
    }
    None
}

/// What could be a call of a function in a text.
pub(crate) fn possible_calls(text: &str) -> impl Iterator<Item = &str> {
    words(text).map(|(word, _)| word)
}

/// What could be a function's name in a text, wherever it stands, and where.
fn words(text: &str) -> impl Iterator<Item = (&str, usize)> {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':');
    let mut at = 0;
    text.split(move |c: char| !is_part(c)).filter_map(move |word| {
        let start = at;
        // every mark between two words is one character
        at += word.len();
        at += text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        (!word.is_empty()).then_some((word, start))
    })
}

/// Whether a name stands in a text as a word of its own.
fn has_word(text: &str, name: &str) -> bool {
    let is_part = |byte: Option<&u8>| byte.is_some_and(|byte| is_identifier_byte(*byte) || *byte == b'-');
    let bytes = text.as_bytes();
    text.match_indices(name).any(|(at, _)| {
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        !is_part(before) && !is_part(bytes.get(at + name.len()))
    })
}
