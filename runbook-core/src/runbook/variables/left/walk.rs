//! A walk over the commands of a text, as far as which of them run for sure goes.
//!
//! What is not understood ends it: only what the commands before that have set counts then.

use std::ops::Range;

use super::super::super::names::is_identifier;
use super::super::super::shell::{Kind, Token, closing, lex};
use super::assigned::{Assigned, Effect, Flow, Names, Notes, Since, either, then};
use super::effects;
use super::functions::without_functions;
use super::simple::Part;
use super::tests_of;

/// How deeply blocks, and substitutions, are looked into.
const DEEPEST: usize = 40;
/// A longer chain of `&&` and `||` is not understood.
const LONGEST: usize = 64;
/// Words that end a list of commands.
const CLOSING: &[&str] = &["then", "else", "elif", "fi", "do", "done", "esac", "}"];

/// It is not understood.
#[derive(Debug)]
struct Lost;

/// Where the text sets variables for sure, and its tests of variables.
pub(super) fn assigned(text: &str) -> (Assigned, std::collections::BTreeSet<usize>) {
    let mut notes = Notes::default();
    walk(text, 0, 0, true, &mut notes);
    let tests = std::mem::take(&mut notes.tests);
    (notes.settled(), tests)
}

fn walk(text: &str, base: usize, depth: usize, in_shell: bool, notes: &mut Notes) {
    let lexed = lex(text);
    let items = items(text, base, &lexed.tokens, notes);
    let end = base + text.len();
    let mut walk = Walk {
        items: &items,
        next: 0,
        end,
        depth,
        subshells: usize::from(!in_shell),
        loops: 0,
        breaks: 0,
        notes,
    };
    // where it ends too early, something was closed that was not open
    let _ = walk.list(true);
}

/// A piece of a text.
enum Item<'t, 'a> {
    Word(Part<'t, 'a>),
    /// Where a redirection goes.
    Target(Part<'t, 'a>),
    Op(&'static str, usize),
    Newline(usize),
}

fn items<'t, 'a>(
    text: &'a str,
    base: usize,
    tokens: &'t [Token<'a>],
    notes: &mut Notes,
) -> Vec<Item<'t, 'a>> {
    let mut items = Vec::with_capacity(tokens.len());
    let mut is_target = false;
    let mut documents = std::collections::VecDeque::new();
    for token in tokens {
        let at = base + token.start;
        match &token.kind {
            Kind::Word(word) => {
                let raw = text.get(token.start..token.end).unwrap_or_default();
                let part = Part { word, raw, at, end: base + token.end };
                let target = std::mem::take(&mut is_target);
                items.push(if target { Item::Target(part) } else { Item::Word(part) });
            }
            Kind::Redirect(op) => {
                is_target = true;
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
                is_target = false;
                items.push(Item::Op(op, at));
            }
            Kind::Newline => {
                is_target = false;
                items.push(Item::Newline(at));
            }
            Kind::Comment => {}
        }
    }
    items
}

struct Walk<'w, 't, 'a> {
    items: &'w [Item<'t, 'a>],
    next: usize,
    end: usize,
    depth: usize,
    subshells: usize,
    loops: usize,
    breaks: usize,
    notes: &'w mut Notes,
}

impl<'t, 'a> Walk<'_, 't, 'a> {
    /// Where what comes next begins.
    fn here(&self) -> usize {
        match self.items.get(self.next) {
            Some(Item::Word(part) | Item::Target(part)) => part.at,
            Some(Item::Op(_, at) | Item::Newline(at)) => *at,
            None => self.end,
        }
    }

    fn word(&self) -> Option<Part<'t, 'a>> {
        match self.items.get(self.next) {
            Some(Item::Word(part)) => Some(*part),
            _ => None,
        }
    }

    fn is_word(&self, text: &str) -> bool {
        self.word().is_some_and(|part| part.plain() == text)
    }

    fn op(&self) -> &'static str {
        match self.items.get(self.next) {
            Some(Item::Op(op, _)) => op,
            _ => "",
        }
    }

    fn expect(&mut self, text: &str) -> Result<(), Lost> {
        let is_there = self.is_word(text) || self.op() == text;
        self.next += usize::from(is_there);
        is_there.then_some(()).ok_or(Lost)
    }

    fn newlines(&mut self) {
        while matches!(self.items.get(self.next), Some(Item::Newline(_))) {
            self.next += 1;
        }
    }

    /// What is set there holds in what `inside` goes through.
    fn with<T>(
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
    fn list(&mut self, outermost: bool) -> Result<Effect, Lost> {
        let mut set: Flow = Some(Names::new());
        let mut last = Effect::nothing();
        let mut held: Vec<(Flow, usize)> = Vec::new();
        let outcome = loop {
            while matches!(self.items.get(self.next), Some(Item::Newline(_) | Item::Op(";" | "&", _))) {
                self.next += 1;
            }
            let closes = self.word().is_some_and(|part| CLOSING.contains(&part.plain()));
            if self.next >= self.items.len() || closes || matches!(self.op(), ")" | ";;" | ";&" | ";;&") {
                break if outermost && self.next < self.items.len() { Err(Lost) } else { Ok(()) };
            }
            let before = self.next;
            let mut effect = match self.chain() {
                Ok(effect) if self.next > before => effect,
                _ => break Err(Lost),
            };
            if self.op() == "&" {
                effect = Effect::nothing();
            }
            set = then(set, last.both());
            held.push((effect.clone().both(), self.here()));
            last = effect;
            let apart = matches!(self.items.get(self.next), None | Some(Item::Newline(_)))
                || matches!(self.op(), ";" | "&" | ")" | ";;" | ";&" | ";;&");
            if !apart {
                break Err(Lost);
            }
        };
        let end = if outermost { self.end } else { self.here() };
        if outcome.is_ok() || outermost {
            for (names, from) in held {
                if outermost && self.subshells == 0 {
                    self.notes.ends_with(&names);
                }
                self.notes.holds(&names, &(from..end.max(from + 1)));
            }
        }
        outcome?;
        Ok(Effect { yes: then(set.clone(), last.yes), no: then(set, last.no) })
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
            all = match op {
                "&&" => {
                    let no = either(all.no, then(all.yes.clone(), next.no));
                    Effect { yes: then(all.yes, next.yes), no }
                }
                _ => {
                    let yes = either(all.yes, then(all.no.clone(), next.yes));
                    Effect { yes, no: then(all.no, next.no) }
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
        let (out, breaks) = (self.notes.ways_out.len(), self.breaks);
        let first = self.command()?;
        let mut several = false;
        while self.op() == "|" {
            several = true;
            self.next += 1;
            self.newlines();
            self.command()?;
        }
        if several {
            self.notes.ways_out.truncate(out);
            self.breaks = breaks;
            return Ok(Effect::nothing());
        }
        Ok(if turned { Effect { yes: first.no, no: first.yes } } else { first })
    }

    fn command(&mut self) -> Result<Effect, Lost> {
        if self.depth >= DEEPEST {
            return Err(Lost);
        }
        self.depth += 1;
        let effect = self.compound();
        self.depth -= 1;
        let effect = effect?;
        while let Some(Item::Target(part)) = self.items.get(self.next) {
            self.nested(part);
            self.next += 1;
        }
        Ok(effect)
    }

    fn compound(&mut self) -> Result<Effect, Lost> {
        if self.op() == "(" {
            self.next += 1;
            self.subshells += 1;
            let breaks = self.breaks;
            let inside = self.list(false);
            self.subshells -= 1;
            self.breaks = breaks;
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
                self.each()
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
        let taken = then(head.yes, inside.both());
        let otherwise = if self.is_word("elif") {
            self.next += 1;
            self.with(&head.no, Self::condition)?.both()
        } else if self.is_word("else") {
            self.next += 1;
            let inside = self.with(&head.no, |walk| walk.list(false))?;
            self.expect("fi")?;
            inside.both()
        } else {
            self.expect("fi")?;
            Some(Names::new())
        };
        let all = either(taken, then(head.no, otherwise));
        Ok(Effect { yes: all.clone(), no: all })
    }

    /// Behind `while` or `until`.
    fn awaiting(&mut self, well: bool) -> Result<Effect, Lost> {
        self.loops += 1;
        let breaks = self.breaks;
        let head = self.list(false)?;
        let is_left = self.breaks > breaks;
        self.expect("do")?;
        let goes_in = if well { &head.yes } else { &head.no };
        self.with(goes_in, |walk| walk.list(false))?;
        self.expect("done")?;
        self.loops -= 1;
        self.breaks = breaks;
        if is_left {
            return Ok(Effect::nothing());
        }
        // what was read is empty when there was nothing more
        let mut all = head.both();
        if let Some(names) = &mut all {
            names.retain(|_, since| !since.read);
        }
        Ok(Effect { yes: all.clone(), no: all })
    }

    /// Behind `for` or `select`.
    fn each(&mut self) -> Result<Effect, Lost> {
        let head = self.word().ok_or(Lost)?;
        self.next += 1;
        let mut before = Names::new();
        let mut inside = Names::new();
        if let Some(counted) = head.raw.strip_prefix("((") {
            let init = counted.split(';').next().unwrap_or_default();
            let at = head.at + 2 + init.len();
            let names = init.split(',').filter_map(effects::calculated);
            before.extend(names.map(|name| (name.to_owned(), Since { at, asked: false, read: false })));
            self.notes.holds(&Some(before.clone()), &(at..head.end));
            inside.clone_from(&before);
        } else if is_identifier(head.raw) {
            while let Some(part) = self.word().filter(|part| part.plain() != "do") {
                self.nested(&part);
                before.extend(effects::expanded(&part));
                self.next += 1;
            }
            inside.clone_from(&before);
            inside.insert(head.raw.to_owned(), Since { at: self.here(), asked: false, read: false });
        } else {
            return Err(Lost);
        }
        if self.op() == ";" {
            self.next += 1;
        }
        self.newlines();
        self.expect("do")?;
        self.loops += 1;
        let breaks = self.breaks;
        self.with(&Some(inside), |walk| walk.list(false))?;
        self.breaks = breaks;
        self.loops -= 1;
        self.expect("done")?;
        Ok(Effect::of(before))
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
        let mut all_before = Some(before);
        loop {
            self.newlines();
            if self.is_word("esac") {
                self.next += 1;
                break;
            }
            if self.op() == "(" {
                self.next += 1;
            }
            while self.op() != ")" {
                match self.word() {
                    Some(part) => any |= part.raw == "*",
                    None if self.op() == "|" => {}
                    None => return Err(Lost),
                }
                self.next += 1;
            }
            self.next += 1;
            let of = self.with(&all_before, |walk| walk.list(false))?;
            all = either(all, of.both());
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
        Ok(Effect { yes: all_before.clone(), no: all_before })
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
                Some(Item::Op(..) | Item::Target(_)) => is_clear = false,
                None => return Err(Lost),
            }
            self.next += 1;
        }
        let end = self.word().map_or(self.end, |part| part.end);
        self.next += 1;
        Ok(if is_clear { tests_of::effect(&words, &marks, end, self.notes) } else { Effect::nothing() })
    }

    /// A command without a structure of its own.
    fn simple(&mut self) -> Result<Effect, Lost> {
        let mut parts: Vec<Part<'t, 'a>> = Vec::new();
        let start = self.next;
        loop {
            match self.items.get(self.next) {
                Some(Item::Word(part)) => {
                    self.nested(part);
                    parts.push(*part);
                    self.next += 1;
                    if self.op() == "(" {
                        self.literal(&mut parts)?;
                    }
                }
                Some(Item::Target(part)) => {
                    self.nested(part);
                    self.next += 1;
                }
                _ => break,
            }
        }
        if self.next == start {
            return Err(Lost);
        }
        let here = self.here();
        let effect = effects::of(&parts, here, self.notes);
        match effects::program(&parts) {
            "break" | "continue" => self.breaks += 1,
            "unset" => {
                for name in effects::unset(&parts) {
                    self.notes.unsets(name, here, self.loops > 0);
                }
            }
            _ if effect.yes.is_none() && self.subshells == 0 => {
                let at = parts.first().map_or(here, |part| part.at);
                self.notes.ways_out.push(at);
            }
            _ => {}
        }
        Ok(effect)
    }

    /// `(a b)` behind `NAME=`.
    fn literal(&mut self, parts: &mut [Part<'t, 'a>]) -> Result<(), Lost> {
        let last =
            parts.last_mut().filter(|part| part.raw.ends_with('=') && part.end == self.here()).ok_or(Lost)?;
        let mut open = 0_usize;
        loop {
            match self.items.get(self.next) {
                Some(Item::Op("(", _)) => open += 1,
                Some(Item::Op(")", at)) => {
                    open -= 1;
                    if open == 0 {
                        last.end = at + 1;
                        self.next += 1;
                        return Ok(());
                    }
                }
                Some(Item::Word(part)) => self.nested(part),
                Some(Item::Newline(_)) => {}
                _ => return Err(Lost),
            }
            self.next += 1;
        }
    }

    /// What stands in the substitutions of a word has a shell of its own.
    fn nested(&mut self, part: &Part<'_, '_>) {
        if !part.word.runs || self.depth >= DEEPEST {
            return;
        }
        for place in substitutions(part.raw) {
            let Some(inside) = part.raw.get(place.clone()) else { continue };
            walk(&without_functions(inside), part.at + place.start, self.depth + 8, false, self.notes);
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
