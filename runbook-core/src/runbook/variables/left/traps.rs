//! Where a trap's text is read: not where it is set, but where its signal comes.

use std::collections::BTreeSet;
use std::ops::Range;

use super::assigned::Effect;
use super::effects;
use super::facts::DECLARES;
use super::simple::Part;

/// Signals that come at the end, or while a command takes its time.
const ENDING: &[&str] = &["EXIT", "0", "ERR", "HUP", "INT", "QUIT", "TERM", "1", "2", "3", "15"];
/// Builtins that are done at once, and do not fail.
const AT_ONCE: &[&str] = &[":", "true", "echo", "printf", "set", "trap", "umask", "local"];
/// With more commands behind it, a trap is taken to come at once.
const MOST_STOPS: usize = 64;

/// A trap.
#[derive(Debug)]
pub(super) struct Trap {
    /// Where its text stands.
    place: Range<usize>,
    /// It is for the signals, too, with which something is ended from outside.
    is_for_all: bool,
}

/// A command in which the text may come to its end.
#[derive(Debug)]
struct Stop {
    at: usize,
    /// What it has set by then all the same.
    sets: BTreeSet<String>,
    /// Not where a signal ends the shell that nothing is trapped for: `X=$(...)` sets nothing then.
    is_late: bool,
}

/// The traps of a text, and where it may stop.
#[derive(Debug, Default)]
pub(super) struct Traps {
    set: Vec<Trap>,
    stops: Vec<Stop>,
    /// Where the text ends, when all of it is understood.
    pub(super) end: Option<usize>,
}

impl Traps {
    /// Takes one more command of the shell itself; `is_again` says that those before it may come behind it.
    /// Its redirections may fail.
    pub(super) fn take(&mut self, parts: &[Part<'_, '_>], effect: &Effect, is_again: bool, may_fail: bool) {
        let Some(first) = parts.first() else { return };
        let program = effects::program(parts);
        if program == "trap" {
            let is_for =
                |signal: &&str| parts.iter().any(|part| part.plain().trim_start_matches("SIG") == *signal);
            let is_for_all = ["TERM", "INT", "HUP"].iter().all(is_for);
            let handler = handler(parts).filter(|_| !is_again);
            self.set.extend(handler.map(|part| Trap { place: part.at..part.end, is_for_all }));
        }
        if self.set.is_empty() || self.stops.len() > MOST_STOPS {
            return;
        }
        // `((n++))` fails where it comes to nothing
        let counts = first.raw.starts_with("((");
        let sets = program.is_empty() || DECLARES.contains(&program) || program == "local" || counts;
        let is_option = program == "shopt" && parts.iter().any(|part| matches!(part.plain(), "-s" | "-u"));
        let runs = parts.iter().any(|part| part.word.runs);
        let is_slow = may_fail || counts || runs || parts.iter().any(effects::may_leave);
        if is_slow || !(sets || is_option || AT_ONCE.contains(&program)) {
            // `X=$(...)` sets it, however what runs in it ends
            let sets = sets && (!may_fail || effects::only_sets(parts));
            let names = effect.yes.iter().flatten().filter(|(_, since)| sets && !since.asked);
            let sets = names.map(|(name, _)| name.clone()).collect();
            let is_late = !counts && !parts.iter().all(is_quick);
            self.stops.push(Stop { at: first.at, sets, is_late });
        }
    }

    /// A block begins there whose redirections may fail.
    pub(super) fn stops_at(&mut self, at: usize) {
        if !self.set.is_empty() && self.stops.len() <= MOST_STOPS {
            self.stops.push(Stop { at, sets: BTreeSet::new(), is_late: false });
        }
    }

    /// The trap whose text stands there.
    pub(super) fn at(&self, at: usize) -> Option<&Trap> {
        self.end?;
        if self.stops.len() > MOST_STOPS {
            return None;
        }
        self.set.iter().find(|trap| trap.place.contains(&at))
    }

    /// Whether a variable is there wherever this trap may come.
    pub(super) fn always(&self, trap: &Trap, name: &str, is_there: impl Fn(usize) -> bool) -> bool {
        let mut stops = self.stops.iter().filter(|stop| stop.at >= trap.place.end);
        let is_set = |stop: &Stop| stop.sets.contains(name) && (trap.is_for_all || !stop.is_late);
        self.end.is_some_and(&is_there) && stops.all(|stop| is_set(stop) || is_there(stop.at))
    }
}

/// Whether a word is there in a moment: nothing is run in it but `mktemp`.
fn is_quick(part: &Part<'_, '_>) -> bool {
    let value = part.raw.split_once('=').map_or(part.raw, |(_, value)| value);
    let is_one = !value.contains([';', '|', '&', '\n', '`', '<']) && value.matches("$(").count() == 1;
    !part.word.runs || value.trim_start_matches('"').starts_with("$(mktemp") && is_one
}

/// The function or the quoted text that is called at the end, as it stands there.
fn handler<'p, 't, 'a>(parts: &'p [Part<'t, 'a>]) -> impl Iterator<Item = &'p Part<'t, 'a>> {
    let args = parts.iter().skip_while(|part| part.plain() != "trap").skip(1);
    let mut args = args.skip_while(|part| part.plain() == "--");
    let handler =
        args.next().filter(|part| !part.word.expands && !part.word.runs && !part.raw.starts_with('-'));
    let mut signals = args.peekable();
    let comes_late = signals.peek().is_some()
        && signals.all(|part| ENDING.contains(&part.plain().trim_start_matches("SIG")));
    handler.filter(|_| comes_late).into_iter()
}
