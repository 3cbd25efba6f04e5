//! Loops: what is set behind them, whatever way they are left.

use super::super::super::names::is_identifier;
use super::assigned::{Effect, Flow, Names, Since, either, then};
use super::effects;
use super::simple::Part;
use super::walk::{Item, Lost, Walk};

/// With more `break` and `continue`, those behind them are not followed.
const MOST_BREAKS: usize = 64;

/// What the walk has come across, for seeing what is new.
pub(super) struct Seen {
    far: usize,
    mark: usize,
}

impl Walk<'_, '_, '_> {
    pub(super) fn seen(&self) -> Seen {
        Seen { far: self.far, mark: self.notes.mark() }
    }

    /// What was walked through since has a shell of its own, in which bash goes on behind a `break`.
    pub(super) fn is_apart(&mut self, effect: &Effect, since: &Seen) {
        if !effect.ways.is_empty() || self.far > since.far {
            self.notes.forget(since.mark);
        }
    }

    /// `break` or `continue`, in a loop.
    pub(super) fn leaves_loop(&mut self, parts: &[Part<'_, '_>]) -> Effect {
        self.breaks += 1;
        let mut effect = Effect::leaves();
        let is_near = parts.last().is_some_and(|last| matches!(last.plain(), "break" | "continue" | "1"));
        if !is_near || self.breaks > MOST_BREAKS {
            self.far += 1;
        } else if effects::program(parts) == "break" {
            effect.ways.broken = Some(Names::new());
        } else {
            effect.ways.again = Some(Names::new());
        }
        effect
    }

    /// Behind `while` or `until`.
    pub(super) fn awaiting(&mut self, well: bool) -> Result<Effect, Lost> {
        self.loops += 1;
        let (far, start) = (self.far, self.next);
        let head = self.list(false)?;
        let is_endless = self.is_one(start, if well { &["true", ":", "((1))"] } else { &["false"] });
        self.expect("do")?;
        let (goes_in, ends) = if well { (head.yes, head.no) } else { (head.no, head.yes) };
        let inside = self.with(&goes_in, |walk| walk.list(false))?;
        self.expect("done")?;
        self.loops -= 1;
        let broken = match self.far > far {
            true => Some(Names::new()),
            false => head.ways.or(inside.ways.behind(&goes_in)).broken,
        };
        let mut behind = either(broken, ends.filter(|_| !is_endless));
        // what was read is empty when there was nothing more
        if let Some(names) = &mut behind {
            names.retain(|_, since| !since.read);
        }
        // one that nothing ends: something that is not seen here may
        Ok(Effect::of(behind.unwrap_or_default()))
    }

    /// Whether there is nothing but one of these words since then.
    fn is_one(&self, start: usize, words: &[&str]) -> bool {
        let items = self.items.get(start..self.next).unwrap_or_default();
        let mut items = items.iter().filter(|item| !matches!(item, Item::Newline(_) | Item::Op(";", _)));
        let is_such = |item: &Item<'_, '_>| matches!(item, Item::Word(part) if words.contains(&part.plain()));
        items.next().is_some_and(is_such) && items.next().is_none()
    }

    /// Behind `for` or `select`.
    pub(super) fn each(&mut self, may_be_none: bool) -> Result<Effect, Lost> {
        let head = self.word().ok_or(Lost)?;
        self.next += 1;
        let (mut before, mut inside) = (Names::new(), Names::new());
        let mut runs = false;
        if let Some(counted) = head.raw.strip_prefix("((") {
            let init = counted.split(';').next().unwrap_or_default();
            let at = head.at + 2 + init.len();
            let names = init.split(',').filter_map(effects::calculated);
            before.extend(names.map(|name| (name.to_owned(), Since { at, asked: false, read: false })));
            self.notes.holds(&Some(before.clone()), &(at..head.end));
            inside.clone_from(&before);
        } else if is_identifier(head.raw) {
            let first = self.here();
            while let Some(part) = self.word().filter(|part| part.plain() != "do") {
                self.nested(&part);
                before.extend(effects::expanded(&part));
                runs |= !may_be_none && part.at > first && is_there(&part);
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
        let far = self.far;
        let of = self.with(&Some(inside), |walk| walk.list(false))?;
        self.loops -= 1;
        self.expect("done")?;
        let before = Some(before);
        // each way through the body, or out of it, may be the last one
        let last = either(either(of.ways.broken.clone(), of.ways.again.clone()), of.both());
        let is_known = runs && self.far == far;
        let behind: Flow = if is_known { then(before, last) } else { before };
        Ok(Effect::ends(behind))
    }
}

/// Whether a word of a loop's list is one for sure.
fn is_there(part: &Part<'_, '_>) -> bool {
    !part.word.expands && !part.word.runs && !has_glob(part.raw)
}

/// Whether a character of a pattern stands outside of quotes: with `nullglob`, nothing may be left of such a word.
fn has_glob(raw: &str) -> bool {
    let (mut single, mut double) = (false, false);
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if !single => drop(chars.next()),
            '\'' if !double => single = !single,
            '"' if !single => double = !double,
            '*' | '?' | '[' if !single && !double => return true,
            // `@(a|b)`, `+(a)`
            '(' if !single && !double => return true,
            _ => {}
        }
    }
    false
}
