//! What going on without something comes to, in words: what is passed over, what runs then, and what had nothing to do.

use crate::run::{CommandPhase, Run, Unit, UnitRole, Word};

/// So many items are named.
const NAMED_ITEMS: usize = 12;

/// What `skip` and `skip --rest` would pass over now, and what would run then, where the command stands in a loop or a
/// group.
#[must_use]
pub fn skip_lines(run: &Run) -> Vec<String> {
    let one = run.would_pass_over(false);
    if !one.first().is_some_and(|unit| run.is_of_several(*unit)) {
        return Vec::new();
    }
    let line = |verb: &str, past: &[Unit]| {
        format!("`{verb}` goes on without {}; {}", named(run, past), then(run, past))
    };
    let mut lines = vec![line("skip", &one)];
    let rest = run.would_pass_over(true);
    if !rest.is_empty() && rest != one {
        lines.push(line("skip --rest", &rest));
    }
    lines
}

/// The items that run then, after a first one that was not seen to be good; `None` where none waits for that.
#[must_use]
pub fn untried_words(run: &Run) -> Option<String> {
    let (first, others) = run.untried()?;
    let (_, item) = run.item(first)?;
    Some(format!("run {}, although [{item}] was not seen to be good", named(run, &others)))
}

/// Who says of what that it is done, where nobody saw it or it was seen to fail; `None` where nothing rests on that.
#[must_use]
pub fn vouched_words(run: &Run) -> Option<String> {
    vouched(run, |_| true)
}

/// The same about some commands.
pub(crate) fn vouched(run: &Run, is_meant: impl Fn(Unit) -> bool) -> Option<String> {
    let all: Vec<(Unit, &Word, bool)> = run
        .vouched_for()
        .filter(|(unit, _)| is_meant(*unit))
        .map(|(unit, word)| (unit, word, run.was_seen_to_fail(unit)))
        .collect();
    let at_once = all.chunk_by(|(one, word, failed), (other, also, also_failed)| {
        (one.step, one.index, word, failed) == (other.step, other.index, also, also_failed)
    });
    let said: Vec<String> = at_once
        .filter_map(|of| {
            let (first, word, failed) = of.first()?;
            let units: Vec<Unit> = of.iter().map(|(unit, ..)| *unit).collect();
            let (by, because) = (&word.by, word.because());
            let seen = if *failed { "which nobody saw: it failed" } else { "which nobody saw" };
            Some(format!("{by} says that \"{}\" is done{because}, {seen}", titled(run, *first, &units)))
        })
        .collect();
    (!said.is_empty()).then(|| said.join("; "))
}

/// Commands by name; one without a title of its own is called by its step's.
fn titled(run: &Run, first: Unit, units: &[Unit]) -> String {
    let has_title = run.command(first).is_some_and(|command| command.title.is_some());
    match run.plan.steps.get(first.step) {
        Some(step) if !has_title && units.len() == 1 && first.item.is_none() => {
            if step.commands.len() > 1 {
                format!("{}: {}", step.title, named(run, units))
            } else {
                step.title.clone()
            }
        }
        _ => named(run, units),
    }
}

/// The loops that had nothing to go through, by the list that a command gave; empty when there are none.
#[must_use]
pub fn empty_lists(run: &Run) -> String {
    let empty = run.lists.iter().filter(|(of, items)| {
        items.is_empty() && matches!(run.commands.get(of), Some(CommandPhase::Skipped { .. }))
    });
    empty.map(|(of, _)| format!("; {} had nothing to do: its list is empty", named(run, &[*of]))).collect()
}

/// Commands by their titles, the items of one loop together: `Restart [b, c, d]`.
#[must_use]
pub fn named(run: &Run, units: &[Unit]) -> String {
    let one_loop = |a: &Unit, b: &Unit| Unit { item: None, ..*a } == Unit { item: None, ..*b };
    let names = units.chunk_by(one_loop).filter_map(|units| {
        let first = *units.first()?;
        let command = run.command(first)?;
        let title = command.title.as_deref().unwrap_or(&command.id);
        let items: Vec<&str> = units.iter().filter_map(|unit| Some(run.item(*unit)?.1)).collect();
        if items.is_empty() {
            return Some(title.to_owned());
        }
        let more = match items.len().saturating_sub(NAMED_ITEMS) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let shown: Vec<&str> = items.into_iter().take(NAMED_ITEMS).collect();
        Some(format!("{title} [{}{more}]", shown.join(", ")))
    });
    names.collect::<Vec<_>>().join(", ")
}

/// What runs once these are passed over: the others of their loop or group, and what comes after it.
fn then(run: &Run, past: &[Unit]) -> String {
    let is_left = |unit: &Unit| {
        unit.role == UnitRole::Main
            && !past.contains(unit)
            && !run.commands.get(unit).is_some_and(CommandPhase::is_settled)
            && !run.is_tolerated(*unit)
    };
    let together = |unit: &Unit| {
        past.iter().any(|other| {
            let group = |unit: Unit| run.command(unit).and_then(|command| command.flow.parallel.as_ref());
            Unit { item: None, ..*unit } == Unit { item: None, ..*other }
                || group(*unit).is_some() && group(*unit) == group(*other)
        })
    };
    let (beside, after): (Vec<Unit>, Vec<Unit>) = run.units().filter(is_left).partition(together);
    match (beside.as_slice(), after.first()) {
        ([], None) => "nothing is left to run then".to_owned(),
        ([], Some(next)) => format!("then comes {}", named(run, &[*next])),
        (beside, None) => format!("then {} runs", named(run, beside)),
        (beside, Some(next)) => {
            format!("then {} runs, and after that {}", named(run, beside), named(run, &[*next]))
        }
    }
}
