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

/// The traps of a text, and where it may stop.
#[derive(Debug, Default)]
pub(super) struct Traps {
    /// Where their texts stand.
    set: Vec<Range<usize>>,
    /// Commands in which the text may come to its end, and what each has set by then all the same.
    stops: Vec<(usize, BTreeSet<String>)>,
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
            self.set.extend(handler(parts).filter(|_| !is_again).map(|part| part.at..part.end));
        }
        if self.set.is_empty() || self.stops.len() > MOST_STOPS {
            return;
        }
        // `((n++))` fails where it comes to nothing
        let counts = first.raw.starts_with("((");
        let sets = program.is_empty() || DECLARES.contains(&program) || program == "local" || counts;
        let is_option = program == "shopt" && parts.iter().any(|part| matches!(part.plain(), "-s" | "-u"));
        let is_slow = may_fail || counts || parts.iter().any(|part| part.word.runs);
        if is_slow || !(sets || is_option || AT_ONCE.contains(&program)) {
            // `X=$(...)` sets it, however it ends
            let sets = sets && (!may_fail || effects::only_sets(parts));
            let names = effect.yes.iter().flatten().filter(|(_, since)| sets && !since.asked);
            self.stops.push((first.at, names.map(|(name, _)| name.clone()).collect()));
        }
    }

    /// A block begins there whose redirections may fail.
    pub(super) fn stops_at(&mut self, at: usize) {
        if !self.set.is_empty() && self.stops.len() <= MOST_STOPS {
            self.stops.push((at, BTreeSet::new()));
        }
    }

    /// The trap whose text stands there.
    pub(super) fn at(&self, at: usize) -> Option<&Range<usize>> {
        self.end?;
        if self.stops.len() > MOST_STOPS {
            return None;
        }
        self.set.iter().find(|place| place.contains(&at))
    }

    /// Whether a variable is there wherever this trap may come.
    pub(super) fn always(&self, trap: &Range<usize>, name: &str, is_there: impl Fn(usize) -> bool) -> bool {
        let mut stops = self.stops.iter().filter(|(at, _)| *at >= trap.end);
        self.end.is_some_and(&is_there) && stops.all(|(at, sets)| sets.contains(name) || is_there(*at))
    }
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
