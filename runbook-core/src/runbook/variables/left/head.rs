//! How a shell text begins: with commands that start nothing and cannot fail, so that what they set is set.

use std::collections::BTreeSet;

use super::super::super::names::is_identifier;
use super::super::super::shell::lex;
use super::super::expansion::Form;
use super::super::scan::scan;
use super::functions::without_functions;
use super::simple::{Part, Simple, simples};

/// Builtins that only print or do nothing.
const HARMLESS: &[&str] = &[":", "true", "echo", "shopt"];
/// Folders that are there on every system.
const ALWAYS_THERE: &[&str] =
    &["/", "/etc", "/home", "/opt", "/srv", "/tmp", "/usr", "/var", "/var/log", "/var/tmp"];

/// What is taken for harmless.
pub(super) enum Trust<'k> {
    /// That it has happened, whatever came of the whole: any other variable than these may be anything.
    Known(&'k dyn Fn(&str) -> bool),
    /// That it comes before whatever else a text does: going to a folder by its whole name, and these calls of `source`.
    Beginning(&'k BTreeSet<String>),
}

/// The harmless beginning of a text.
#[derive(Debug, Default)]
pub(super) struct Head {
    /// Where it ends.
    pub(super) end: usize,
    /// What it exports a value of.
    pub(super) exports: BTreeSet<String>,
    /// The calls of `source` in it.
    pub(super) loads: BTreeSet<String>,
    /// It goes to a folder by its whole name.
    pub(super) goes: bool,
}

impl Head {
    pub(super) fn of(text: &str, trust: &Trust<'_>) -> Head {
        let text = without_functions(text);
        let lexed = lex(&text);
        let simple = simples(&text, &lexed.tokens);
        let mut head = Head { end: text.len(), ..Head::default() };
        // nobody knows how far bash comes with it
        if !lexed.complete() {
            return Head::default();
        }
        let mut set: BTreeSet<String> = BTreeSet::new();
        let mut at = 0;
        while let Some(one) = simple.get(at) {
            // `cd /srv || exit 1`
            let leaves = simple.get(at + 1).filter(|next| one.after == "||" && is_way_out(next));
            let taken = head.take(one, leaves.is_some(), trust, &mut set);
            if !taken {
                head.end = one.parts.first().map_or(0, |part| part.at);
                break;
            }
            at += 1 + usize::from(leaves.is_some());
        }
        head
    }

    /// Takes one more command; whether it is harmless.
    fn take(
        &mut self,
        one: &Simple<'_, '_>,
        leaves: bool,
        trust: &Trust<'_>,
        set: &mut BTreeSet<String>,
    ) -> bool {
        let Some((program, args)) = one.parts.split_first() else { return false };
        let between = |op: &str| matches!(op, "" | ";" | "&&");
        let is_free = one.depth == 0 && one.subshells == 0 && !one.redirects && between(one.before);
        if !is_free || !(between(one.after) || leaves) {
            return false;
        }
        let begins = matches!(trust, Trust::Beginning(_));
        let is_known = |part: &Part<'_, '_>, set: &BTreeSet<String>| match trust {
            Trust::Known(known) => is_plain(part, |name| set.contains(name) || known(name)),
            Trust::Beginning(_) => is_plain(part, |_| true),
        };
        let name = program.plain();
        if leaves && !(begins && matches!(name, "cd" | "pushd" | "." | "source")) {
            return false;
        }
        match name {
            _ if HARMLESS.contains(&name) => args.iter().all(|arg| is_known(arg, set)),
            "set" => args.iter().all(|arg| is_option(arg.plain(), begins)),
            "cd" | "pushd" => {
                let [folder] = args else { return false };
                let folder = folder.plain();
                let whole = folder.starts_with('/') || folder == "~" || folder.starts_with("~/");
                self.goes |= begins && whole;
                begins && whole || name == "cd" && (ALWAYS_THERE.contains(&folder) || folder == "~")
            }
            "." | "source" => {
                let Trust::Beginning(loads) = trust else { return false };
                let call: Vec<&str> = args.iter().map(|part| part.raw).collect();
                let call = call.join(" ");
                let same = loads.contains(&call) && args.iter().all(|arg| !arg.word.runs);
                same && {
                    self.loads.insert(call);
                    true
                }
            }
            "export" | "readonly" => {
                for arg in args {
                    match arg.assigned() {
                        Some(to) if is_known(arg, set) => {
                            set.insert(to.to_owned());
                            if name == "export" {
                                self.exports.insert(to.to_owned());
                            }
                        }
                        None if is_identifier(arg.plain()) && set.contains(arg.plain()) => {
                            if name == "export" {
                                self.exports.insert(arg.plain().to_owned());
                            }
                        }
                        _ => return false,
                    }
                }
                !args.is_empty()
            }
            _ => one.parts.iter().all(|part| match part.assigned() {
                Some(to) if is_known(part, set) => {
                    set.insert(to.to_owned());
                    true
                }
                _ => false,
            }),
        }
    }
}

fn is_way_out(one: &Simple<'_, '_>) -> bool {
    one.parts.first().is_some_and(|part| matches!(part.plain(), "exit" | "return"))
}

/// What may stand behind `set`; `-a` exports what is set behind it, and `--` sets arguments.
fn is_option(word: &str, begins: bool) -> bool {
    let letters = word.strip_prefix(['-', '+']).unwrap_or_default();
    let fits = |letter| "euxvo".contains(letter) || begins && letter == 'a';
    !letters.is_empty() && letters.chars().all(fits)
        || matches!(word, "errexit" | "nounset" | "pipefail" | "xtrace")
}

/// Whether a word is what it says: nothing is run or calculated in it, and it reads nothing but such variables.
fn is_plain(part: &Part<'_, '_>, known: impl Fn(&str) -> bool) -> bool {
    if part.word.runs {
        return false;
    }
    if !part.word.expands {
        return true;
    }
    let reads = scan(part.raw).reads;
    let fits = |form: Form| matches!(form, Form::Plain | Form::Dashed | Form::Guarded);
    // `${X:?}` may end the shell, `${X=}` sets it, `$?` is how something ended
    let is_odd = part.raw.contains(['?', '!', '@', '#', '[']) || reads.is_empty();
    !is_odd && reads.iter().all(|read| fits(read.form) && !read.text.contains('=') && known(read.name))
}
