//! A walk over the commands of a text, as far as which of them run for sure goes.
//!
//! What is not understood ends it: only what the commands before that have set counts then.

use std::ops::Range;

use super::super::super::shell::{Kind, Token, closing, lex};
use super::assigned::{Assigned, Effect, Flow, Names, Notes, Since, Ways, either, own, then};
use super::calls::Calls;
use super::effects;
use super::functions::without_functions;
use super::simple::Part;
use super::tests_of;

/// How deeply blocks, and substitutions, are looked into.
const DEEPEST: usize = 40;
/// A longer chain of `&&` and `||` is not understood.
const LONGEST: usize = 64;
/// Files that can be opened anywhere.
const ALWAYS_THERE: &[&str] = &["/dev/null", "/dev/stdin", "/dev/stdout", "/dev/stderr"];
/// Words that end a list of commands.
const CLOSING: &[&str] = &["then", "else", "elif", "fi", "do", "done", "esac", "}"];

/// It is not understood.
#[derive(Debug)]
pub(super) struct Lost;

/// Where the text sets variables for sure, and its tests of variables.
pub(super) fn assigned(text: &str, calls: &Calls<'_>) -> (Assigned, std::collections::BTreeSet<usize>) {
    let mut notes = Notes::default();
    let is_whole = walk(text, 0, 0, calls, &mut notes);
    notes.traps.end = is_whole.then_some(text.len());
    let tests = std::mem::take(&mut notes.tests);
    (notes.settled(), tests)
}

/// Walks through a text; whether all of it was understood. One at a depth is in a substitution.
fn walk(text: &str, base: usize, depth: usize, calls: &Calls<'_>, notes: &mut Notes) -> bool {
    let lexed = lex(text);
    let items = items(text, base, &lexed.tokens, notes);
    let end = base + text.len();
    let mut walk = Walk {
        items: &items,
        next: 0,
        end,
        depth,
        is_substituted: depth > 0,
        subshells: usize::from(depth > 0),
        loops: 0,
        breaks: 0,
        far: 0,
        calls,
        notes,
    };
    // where it ends too early, something was closed that was not open
    walk.list(true).is_ok()
}

/// A piece of a text.
pub(super) enum Item<'t, 'a> {
    Word(Part<'t, 'a>),
    /// Where a redirection goes, and whether that may fail.
    Target(Part<'t, 'a>, bool),
    Op(&'static str, usize),
    Newline(usize),
}

impl Item<'_, '_> {
    fn runs(&self) -> bool {
        matches!(self, Item::Word(part) | Item::Target(part, _) if part.word.runs)
    }
}

fn items<'t, 'a>(
    text: &'a str,
    base: usize,
    tokens: &'t [Token<'a>],
    notes: &mut Notes,
) -> Vec<Item<'t, 'a>> {
    let mut items = Vec::with_capacity(tokens.len());
    let mut redirection = None;
    let mut documents = std::collections::VecDeque::new();
    for token in tokens {
        let at = base + token.start;
        match &token.kind {
            Kind::Word(word) => {
                let raw = text.get(token.start..token.end).unwrap_or_default();
                let part = Part { word, raw, at, end: base + token.end };
                items.push(match redirection.take() {
                    Some(op) => Item::Target(part, may_fail(op, &part)),
                    None => Item::Word(part),
                });
            }
            Kind::Redirect(op) => {
                redirection = Some(*op);
                if (op.ends_with("<<") || op.ends_with("<<-")) && !op.ends_with("<<<") {
                    documents.push_back(at);
                }
            }
            Kind::HereDoc => {
                if let Some(read) = documents.pop_front() {
                    notes.documents.push((at..base + token.end, read));
                }
            }
            Kind::Op(op) => {
                redirection = None;
                items.push(Item::Op(op, at));
            }
            Kind::Newline => {
                redirection = None;
                items.push(Item::Newline(at));
            }
            Kind::Comment => {}
        }
    }
    items
}

/// Whether a redirection may fail, so that the command does not run: to or from a file that may not be there, or not be
/// opened. A file in the folder itself can be written.
fn may_fail(op: &str, target: &Part<'_, '_>) -> bool {
    let op = op.trim_start_matches(|c: char| c.is_ascii_digit());
    let raw = target.raw;
    let is_text = op.ends_with("<<") || op.ends_with("<<-") || op.ends_with("<<<");
    let descriptor = raw.trim_end_matches('-');
    if op.ends_with('&') && descriptor.chars().all(|c| c.is_ascii_digit()) {
        // others may not be open
        return !matches!(descriptor, "" | "0" | "1" | "2");
    }
    let is_process = raw.starts_with("<(") || raw.starts_with(">(");
    if is_text || is_process || ALWAYS_THERE.contains(&raw) {
        return false;
    }
    let is_near = !raw.strip_prefix("./").unwrap_or(raw).contains(['/', '~', '*', '?', '[', '{']);
    let writes = op.contains('>');
    !writes || !is_near || target.word.expands || target.word.runs
}

pub(super) struct Walk<'w, 't, 'a> {
    pub(super) items: &'w [Item<'t, 'a>],
    pub(super) next: usize,
    end: usize,
    depth: usize,
    /// It goes through what stands in a word.
    is_substituted: bool,
    subshells: usize,
    /// How many loops are open that `break` would leave.
    pub(super) loops: usize,
    /// How many `break` and `continue` there were.
    pub(super) breaks: usize,
    /// How many of them nobody follows.
    pub(super) far: usize,
    calls: &'w Calls<'w>,
    pub(super) notes: &'w mut Notes,
}

impl<'t, 'a> Walk<'_, 't, 'a> {
    /// Where what comes next begins.
    pub(super) fn here(&self) -> usize {
        match self.items.get(self.next) {
            Some(Item::Word(part) | Item::Target(part, _)) => part.at,
            Some(Item::Op(_, at) | Item::Newline(at)) => *at,
            None => self.end,
        }
    }

    pub(super) fn word(&self) -> Option<Part<'t, 'a>> {
        match self.items.get(self.next) {
            Some(Item::Word(part)) => Some(*part),
            _ => None,
        }
    }

    pub(super) fn is_word(&self, text: &str) -> bool {
        self.word().is_some_and(|part| part.plain() == text)
    }

    pub(super) fn op(&self) -> &'static str {
        match self.items.get(self.next) {
            Some(Item::Op(op, _)) => op,
            _ => "",
        }
    }

    pub(super) fn expect(&mut self, text: &str) -> Result<(), Lost> {
        let is_there = self.is_word(text) || self.op() == text;
        self.next += usize::from(is_there);
        is_there.then_some(()).ok_or(Lost)
    }

    pub(super) fn newlines(&mut self) {
        while matches!(self.items.get(self.next), Some(Item::Newline(_))) {
            self.next += 1;
        }
    }

    /// What is set there holds in what `inside` goes through.
    pub(super) fn with<T>(
        &mut self,
        names: &Flow,
        inside: impl FnOnce(&mut Self) -> Result<T, Lost>,
    ) -> Result<T, Lost> {
        let start = self.here();
        let found = inside(self)?;
        let place = start..self.here();
        self.notes.holds(names, &place);
        Ok(found)
    }

    /// Commands up to what closes them, or to the end.
    pub(super) fn list(&mut self, outermost: bool) -> Result<Effect, Lost> {
        let mut set: Flow = Some(Names::new());
        let mut last = Effect::nothing();
        let mut ways = Ways::default();
        let mut held: Vec<(Flow, usize)> = Vec::new();
        // how much is held, and noted, before the first command that has a substitution
        let mut first_run = None;
        let outcome = loop {
            while matches!(self.items.get(self.next), Some(Item::Newline(_) | Item::Op(";" | "&", _))) {
                self.next += 1;
            }
            let closes = self.word().is_some_and(|part| CLOSING.contains(&part.plain()));
            if self.next >= self.items.len() || closes || matches!(self.op(), ")" | ";;" | ";&" | ";;&") {
                break if outermost && self.next < self.items.len() { Err(Lost) } else { Ok(()) };
            }
            let (before, seen) = (self.next, self.seen());
            let (holds, mark) = (held.len(), self.notes.mark());
            let mut effect = match self.chain() {
                Ok(effect) if self.next > before => effect,
                _ => break Err(Lost),
            };
            if self.op() == "&" {
                self.is_apart(&effect, &seen);
                effect = Effect::nothing();
            }
            set = then(set, last.both());
            ways = ways.or(std::mem::take(&mut effect.ways).behind(&set));
            held.push((effect.clone().both(), self.here()));
            last = effect;
            let gone_through = self.items.get(before..self.next).unwrap_or_default();
            if outermost && gone_through.iter().any(Item::runs) {
                first_run.get_or_insert((holds, mark));
            }
            let apart = matches!(self.items.get(self.next), None | Some(Item::Newline(_)))
                || matches!(self.op(), ";" | "&" | ")" | ";;" | ";&" | ";;&");
            if !apart {
                break Err(Lost);
            }
        };
        // what is read at the end is read behind the last command
        let end = if outermost { self.end + 1 } else { self.here() };
        let closes = self.is_word("esac") || matches!(self.op(), ")" | ";;" | ";&" | ";;&");
        if outermost && outcome.is_err() && closes {
            // what closes nothing belongs to a substitution that was taken to end before it: what seemed to be set since may
            // have been set in there
            let (holds, mark) = first_run.unwrap_or_else(|| (0, self.notes.mark()));
            held.truncate(holds);
            self.notes.forget(mark);
        }
        if outcome.is_ok() || outermost {
            for (names, from) in held {
                if outermost && self.subshells == 0 {
                    self.notes.ends_with(&names);
                }
                self.notes.holds(&names, &(from..end.max(from + 1)));
            }
        }
        outcome?;
        Ok(Effect { yes: then(set.clone(), last.yes), no: then(set, last.no), ways })
    }

    /// `a && b || c`.
    fn chain(&mut self) -> Result<Effect, Lost> {
        let mut all = self.pipeline()?;
        let mut length = 0;
        loop {
            let op = self.op();
            if !matches!(op, "&&" | "||") {
                return Ok(all);
            }
            self.next += 1;
            self.newlines();
            length += 1;
            if length > LONGEST {
                return Err(Lost);
            }
            let goes_on = if op == "&&" { all.yes.clone() } else { all.no.clone() };
            let next = self.with(&goes_on, Self::pipeline)?;
            let ways = all.ways.or(next.ways.behind(&goes_on));
            all = match op {
                "&&" => {
                    let no = either(all.no, then(all.yes.clone(), next.no));
                    Effect { yes: then(all.yes, next.yes), no, ways }
                }
                _ => {
                    let yes = either(all.yes, then(all.no.clone(), next.yes));
                    Effect { yes, no: then(all.no, next.no), ways }
                }
            };
        }
    }

    fn pipeline(&mut self) -> Result<Effect, Lost> {
        let mut turned = false;
        while self.is_word("!") || self.is_word("time") {
            turned ^= self.is_word("!");
            self.next += 1;
        }
        // in a pipeline each command has a shell of its own, in which a way out leads only out of that
        let (out, seen) = (self.notes.ways_out.len(), self.seen());
        let first = self.command()?;
        if self.op() != "|" {
            return Ok(if turned { Effect { yes: first.no, no: first.yes, ..first } } else { first });
        }
        self.is_apart(&first, &seen);
        let loops = std::mem::take(&mut self.loops);
        while self.op() == "|" {
            self.next += 1;
            self.newlines();
            self.command()?;
        }
        self.loops = loops;
        self.notes.ways_out.truncate(out);
        Ok(Effect::nothing())
    }

    fn command(&mut self) -> Result<Effect, Lost> {
        if self.depth >= DEEPEST {
            return Err(Lost);
        }
        self.depth += 1;
        let start = self.here();
        let effect = self.compound();
        self.depth -= 1;
        let effect = effect?;
        let mut may_fail = false;
        while let Some(Item::Target(part, fails)) = self.items.get(self.next) {
            self.nested(part);
            may_fail |= fails;
            self.next += 1;
        }
        if may_fail && !self.is_substituted {
            self.notes.traps.stops_at(start);
        }
        Ok(if may_fail { effect.or_not_at_all(Names::new()) } else { effect })
    }

    fn compound(&mut self) -> Result<Effect, Lost> {
        if self.op() == "(" {
            self.next += 1;
            self.subshells += 1;
            let loops = std::mem::take(&mut self.loops);
            let inside = self.list(false);
            self.subshells -= 1;
            self.loops = loops;
            inside?;
            self.expect(")")?;
            return Ok(Effect::nothing());
        }
        let Some(first) = self.word() else { return self.simple() };
        match first.plain() {
            "{" => {
                self.next += 1;
                let inside = self.list(false)?;
                self.expect("}")?;
                Ok(inside)
            }
            "if" => {
                self.next += 1;
                let all = self.condition()?;
                Ok(all)
            }
            "while" | "until" => {
                self.next += 1;
                self.awaiting(first.plain() == "while")
            }
            "for" | "select" => {
                self.next += 1;
                self.each(first.plain() == "select")
            }
            "case" => {
                self.next += 1;
                self.case()
            }
            "[[" => self.test(),
            "coproc" => Err(Lost),
            word if CLOSING.contains(&word) => Err(Lost),
            _ => self.simple(),
        }
    }

    /// Behind `if` or `elif`.
    fn condition(&mut self) -> Result<Effect, Lost> {
        let head = self.list(false)?;
        self.expect("then")?;
        let inside = self.with(&head.yes, |walk| walk.list(false))?;
        let mut ways = head.ways.or(inside.ways.clone().behind(&head.yes));
        let taken = then(head.yes, inside.both());
        let otherwise = if self.is_word("elif") {
            self.next += 1;
            self.with(&head.no, Self::condition)?
        } else if self.is_word("else") {
            self.next += 1;
            let inside = self.with(&head.no, |walk| walk.list(false))?;
            self.expect("fi")?;
            inside
        } else {
            self.expect("fi")?;
            Effect::nothing()
        };
        ways = ways.or(otherwise.ways.clone().behind(&head.no));
        let all = either(taken, then(head.no, otherwise.both()));
        Ok(Effect { ways, ..Effect::ends(all) })
    }

    /// Behind `case`.
    fn case(&mut self) -> Result<Effect, Lost> {
        let subject = self.word().ok_or(Lost)?;
        self.nested(&subject);
        let before = effects::expanded(&subject);
        self.next += 1;
        self.newlines();
        self.expect("in")?;
        let (mut all, mut any, mut falls) = (None, false, false);
        let (mut all_before, mut ways) = (Some(before), Ways::default());
        let mut is_first = true;
        loop {
            self.newlines();
            if self.is_word("esac") {
                self.next += 1;
                break;
            }
            if self.op() == "(" {
                self.next += 1;
            }
            let mut is_empty = false;
            while self.op() != ")" {
                match self.word() {
                    Some(part) => {
                        any |= part.raw == "*";
                        is_empty |= matches!(part.raw, "\"\"" | "''");
                    }
                    None if self.op() == "|" => {}
                    None => return Err(Lost),
                }
                self.next += 1;
            }
            self.next += 1;
            let of = self.with(&all_before, |walk| walk.list(false))?;
            ways = ways.or(of.ways.clone().behind(&all_before));
            let of = of.both();
            // behind `"") exit 1;;` there is a value
            if let Some((name, at)) = tests_of::variable(&subject)
                && of.is_none()
                && std::mem::take(&mut is_first)
                && is_empty
            {
                let since = Since { at: self.here(), asked: true, read: false };
                all_before = then(all_before, Some(Names::from([(name.to_owned(), since)])));
                self.notes.tests.insert(at);
            }
            is_first = false;
            all = either(all, of);
            if matches!(self.op(), ";;" | ";&" | ";;&") {
                falls |= self.op() != ";;";
                self.next += 1;
            } else if !self.is_word("esac") {
                return Err(Lost);
            }
        }
        if any && !falls {
            all_before = then(all_before, all);
        }
        Ok(Effect { ways, ..Effect::ends(all_before) })
    }

    /// `[[ ... ]]`.
    fn test(&mut self) -> Result<Effect, Lost> {
        let (mut words, mut marks) = (Vec::new(), Vec::new());
        let mut is_clear = true;
        self.next += 1;
        while !self.is_word("]]") {
            match self.items.get(self.next) {
                Some(Item::Word(part)) => {
                    self.nested(part);
                    words.push(Some(*part));
                }
                Some(Item::Op(op @ ("&&" | "||"), _)) => {
                    words.push(None);
                    marks.push(*op);
                }
                Some(Item::Newline(_)) => {}
                Some(Item::Op(..) | Item::Target(..)) => is_clear = false,
                None => return Err(Lost),
            }
            self.next += 1;
        }
        let end = self.word().map_or(self.end, |part| part.end);
        self.next += 1;
        Ok(if is_clear { tests_of::of_brackets(&words, &marks, end, self.notes) } else { Effect::nothing() })
    }

    /// A command without a structure of its own.
    fn simple(&mut self) -> Result<Effect, Lost> {
        let mut parts: Vec<Part<'t, 'a>> = Vec::new();
        let start = self.next;
        let mut may_fail = false;
        let mut listed = Names::new();
        loop {
            match self.items.get(self.next) {
                Some(Item::Word(part)) => {
                    self.nested(part);
                    parts.push(*part);
                    self.next += 1;
                    if self.op() == "(" {
                        listed.extend(self.literal(&mut parts)?);
                    }
                }
                Some(Item::Target(part, fails)) => {
                    self.nested(part);
                    may_fail |= fails;
                    self.next += 1;
                }
                _ => break,
            }
        }
        if self.next == start {
            return Err(Lost);
        }
        let here = self.here();
        let effect = effects::of(&parts, here, self.calls.in_function, self.notes);
        if !self.is_substituted {
            self.notes.traps.take(&parts, &effect, self.loops + self.subshells > 0, may_fail);
        }
        let mut effect = self.called(&parts, effect);
        if !listed.is_empty() {
            let with = |flow: Flow| then(flow, Some(listed.clone()));
            effect = Effect { yes: with(effect.yes), no: with(effect.no), ..effect };
        }
        match effects::program(&parts) {
            "break" | "continue" if self.loops > 0 => effect = self.leaves_loop(&parts),
            // what nobody reads may leave a loop, too
            "eval" => self.far += usize::from(self.loops > 0),
            "unset" => {
                for name in effects::unset(&parts) {
                    self.notes.unsets(name, here, self.loops > 0);
                }
            }
            _ if effect.yes.is_none() && self.subshells == 0 => {
                let at = parts.first().map_or(here, |part| part.at);
                self.notes.ways_out.push((at, effects::fails(&parts)));
            }
            _ => {}
        }
        // what is only set is set all the same, and its words are expanded before
        let is_bare = effects::only_sets(&parts);
        let before = || parts.iter().flat_map(effects::expanded).collect();
        Ok(if may_fail && !is_bare { effect.or_not_at_all(before()) } else { effect })
    }

    /// What it does where it calls a function.
    fn called(&mut self, parts: &[Part<'t, 'a>], effect: Effect) -> Effect {
        let (Some(first), Some(last)) = (parts.first(), parts.last()) else { return effect };
        let since = Since { at: self.here(), asked: false, read: false };
        let sets = self.calls.set_by(first.plain(), first.at).cloned().unwrap_or_default();
        // whatever a command is given may be called by it
        for part in parts {
            for name in self.calls.unset_by(part.plain()).filter(|name| !sets.always.contains(*name)) {
                self.notes.unsets(name, last.end, self.loops > 0);
                // what is called takes away the caller's own variable
                self.notes.unsets(&own(name), last.end, self.loops > 0);
            }
        }
        let with = |flow: Flow, names: std::collections::BTreeSet<String>| match names.is_empty() {
            true => flow,
            false => then(flow, Some(names.into_iter().map(|name| (name, since)).collect())),
        };
        Effect { yes: with(effect.yes, sets.well), no: with(effect.no, sets.always), ..effect }
    }

    /// `(a b)` behind `NAME=`, and what its words bring.
    fn literal(&mut self, parts: &mut [Part<'t, 'a>]) -> Result<Names, Lost> {
        let last =
            parts.last_mut().filter(|part| part.raw.ends_with('=') && part.end == self.here()).ok_or(Lost)?;
        let (mut open, mut names) = (0_usize, Names::new());
        loop {
            match self.items.get(self.next) {
                Some(Item::Op("(", _)) => open += 1,
                Some(Item::Op(")", at)) => {
                    open -= 1;
                    if open == 0 {
                        last.end = at + 1;
                        self.next += 1;
                        return Ok(names);
                    }
                }
                Some(Item::Word(part)) => {
                    self.nested(part);
                    names.extend(effects::expanded(part));
                }
                Some(Item::Newline(_)) => {}
                _ => return Err(Lost),
            }
            self.next += 1;
        }
    }

    /// What stands in the substitutions of a word has a shell of its own.
    pub(super) fn nested(&mut self, part: &Part<'_, '_>) {
        if !part.word.runs || self.depth >= DEEPEST {
            return;
        }
        for place in substitutions(part.raw) {
            let Some(inside) = part.raw.get(place.clone()) else { continue };
            walk(&without_functions(inside), part.at + place.start, self.depth + 8, self.calls, self.notes);
        }
    }
}

/// Where the insides of `$(...)` and `<(...)` stand in a word.
pub(super) fn substitutions(raw: &str) -> Vec<Range<usize>> {
    let bytes = raw.as_bytes();
    let (mut found, mut at, mut quoted) = (Vec::new(), 0, false);
    while let Some(byte) = bytes.get(at) {
        match (byte, bytes.get(at + 1)) {
            (b'\\', _) => at += 1,
            (b'"', _) => quoted = !quoted,
            (b'\'', _) if !quoted => {
                at += 1;
                while bytes.get(at).is_some_and(|byte| *byte != b'\'') {
                    at += 1;
                }
            }
            (b'$', Some(b'(')) | (b'<' | b'>', Some(b'(')) if !(quoted && *byte != b'$') => {
                let end = closing(bytes, at + 2);
                if !(*byte == b'$' && bytes.get(at + 2) == Some(&b'(')) {
                    found.push(at + 2..end);
                }
                at = end;
            }
            _ => {}
        }
        at += 1;
    }
    found
}
