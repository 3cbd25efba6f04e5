//! What a run leaves behind, in words: effects that no undo takes back, and undos that were not carried out.

use crate::expectation::Outcome;
use crate::plan::Reversal;
use crate::run::{CommandPhase, Run, Status, Unit, UnitRole};
use crate::runbook::Effect;

/// As many are named in one line.
const NAMED: usize = 3;

/// How the undo of one command ended, where it did not simply succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Left {
    /// It never ran, or failed, and nobody has said more.
    NotUndone,
    /// It never ran, and a person says that it is put right.
    NotRun,
    /// It failed, and a person says that it is put right.
    PutRight,
    /// Nobody saw its end, and a person says that it has happened.
    Said,
    /// Its condition passed it over.
    PassedOver,
}

/// The steps that may have changed something which is not taken back, with why not.
#[must_use]
pub fn what_stays(run: &Run) -> Vec<String> {
    let owed = if run.undoing { run.undo_units() } else { Vec::new() };
    let mut lines = Vec::new();
    for (step, planned) in run.plan.steps.iter().enumerate() {
        if !may_have_changed(run, step) {
            continue;
        }
        let title = &planned.title;
        match run.plan.reversal(step) {
            Reversal::NoReturn => lines.push(format!("a point of no return is behind it: {title}")),
            Reversal::Stays => lines.push(format!("it has no undo, so what it did stays: {title}")),
            Reversal::None => {}
            Reversal::Undo | Reversal::GoesBack => {
                let mut left: Vec<(Left, Unit)> = owed
                    .iter()
                    .filter(|unit| unit.step == step)
                    .filter_map(|unit| Some((left(run, *unit)?, *unit)))
                    .collect();
                left.sort();
                lines.extend(left.chunk_by(|one, other| one.0 == other.0).map(|of| line(run, title, of)));
            }
        }
    }
    lines
}

/// `undone`, or what of it is not.
pub(crate) fn undone_words(run: &Run) -> String {
    let stays = what_stays(run);
    let shown = stays.iter().take(NAMED).cloned().collect::<Vec<_>>().join("; ");
    match stays.len().saturating_sub(NAMED) {
        _ if stays.is_empty() => "undone".to_owned(),
        0 => format!("undone, but not all of it: {shown}"),
        more => format!("undone, but not all of it: {shown}; and {more} more"),
    }
}

fn may_have_changed(run: &Run, step: usize) -> bool {
    let changes = |unit: Unit| run.command(unit).is_none_or(|command| command.effect != Effect::Read);
    run.units().any(|unit| unit.step == step && changes(unit) && run.may_have_happened(unit))
}

/// `None` while nothing is left of it, and while it may still be undone.
fn left(run: &Run, unit: Unit) -> Option<Left> {
    let is_over = run.status == Status::Undone;
    match run.commands.get(&unit) {
        Some(CommandPhase::Skipped { .. }) => Some(Left::PassedOver),
        Some(CommandPhase::MarkedDone) if !has_run(run, unit) => Some(Left::NotRun),
        Some(CommandPhase::MarkedDone) => Some(Left::Said),
        Some(phase) if is_put_right(phase) => Some(Left::PutRight),
        Some(phase) if phase.is_settled() => None,
        Some(_) if is_over => Some(Left::PutRight),
        // a journal of before: one word ended the whole undo, and named none of them
        None if is_over => Some(Left::NotUndone),
        _ => matches!(run.status, Status::UndoFailed { .. }).then_some(Left::NotUndone),
    }
}

/// Whether an attempt of it was begun.
fn has_run(run: &Run, unit: Unit) -> bool {
    run.since.contains_key(&unit) || run.repeated.contains(&unit)
}

/// A person's word stands in the place of the undo.
pub(crate) fn is_put_right(phase: &CommandPhase) -> bool {
    match phase {
        CommandPhase::MarkedDone => true,
        CommandPhase::Ended { vouched: true, verdicts, missed, .. } => {
            *missed || verdicts.iter().any(|verdict| verdict.outcome == Outcome::Fail)
        }
        _ => false,
    }
}

fn line(run: &Run, title: &str, of: &[(Left, Unit)]) -> String {
    let mut items: Vec<&str> = of.iter().filter_map(|(_, unit)| Some(run.item(*unit)?.1)).collect();
    items.dedup();
    let more = items.len().saturating_sub(NAMED);
    let mut named = items.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    if more > 0 {
        named.push_str(&format!(" and {more} more"));
    }
    let title = if named.is_empty() { title.to_owned() } else { format!("{title} [{named}]") };
    match of.first().map(|(left, _)| left) {
        Some(Left::PassedOver) => {
            format!("the condition of its undo did not hold, so what it did stays: {title}")
        }
        Some(Left::PutRight) => format!("its undo failed, and a person says that it is put right: {title}"),
        Some(Left::Said) => {
            format!("nobody saw the end of its undo, and a person says that it is done: {title}")
        }
        Some(Left::NotRun) => {
            format!("its undo was not run, and a person says that it is put right: {title}")
        }
        Some(Left::NotUndone) | None => format!("not undone: {title}"),
    }
}

/// How far the undo of a step is, in the card's words; `None` when it has not begun and need not.
pub(crate) fn undo_state(run: &Run, step: usize) -> Option<&'static str> {
    let phases: Vec<_> = run
        .commands
        .iter()
        .filter(|(unit, _)| unit.step == step && unit.role == UnitRole::Undo)
        .map(|(_, phase)| phase)
        .collect();
    let any = |is: fn(&CommandPhase) -> bool| phases.iter().any(|phase| is(phase));
    let owed = || run.undo_units().iter().filter(|unit| unit.step == step).count();
    let is_over = matches!(run.status, Status::Undone | Status::UndoFailed { .. });
    Some(if phases.is_empty() {
        return (is_over && owed() > 0).then_some("not undone");
    } else if run.status == Status::Undone && any(|phase| !phase.is_settled()) {
        "put right"
    } else if any(|phase| matches!(phase, CommandPhase::InDoubt { .. })) {
        "unknown: did it run?"
    } else if any(|phase| matches!(phase, CommandPhase::Started { .. })) {
        "undoing"
    } else if any(|phase| !phase.is_settled()) {
        "undo failed"
    } else if phases.len() < owed() {
        if is_over { "undone in part" } else { "undoing" }
    } else if any(is_put_right) {
        "put right"
    } else {
        "undone"
    })
}
