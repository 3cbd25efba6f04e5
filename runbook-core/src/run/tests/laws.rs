//! What may never happen in a run, checked on its events alone.

use std::collections::{BTreeMap, BTreeSet};

use super::kit::Bench;
use crate::people::Actor;
use crate::run::{RunEvent, Unit, UnitRole};
use crate::runbook::Effect;

#[derive(Default)]
struct Seen {
    /// Yeses since the last question that do count.
    yes: BTreeSet<Actor>,
    started: bool,
    /// What runs, and whether this is the first time that its effect may exist.
    live: Option<(Unit, bool)>,
    doubt: BTreeSet<Unit>,
    /// Mutating commands whose effect may exist.
    happened: BTreeSet<Unit>,
    asked_since: BTreeSet<Unit>,
    undo_starts: BTreeMap<Unit, bool>,
    last_undo_step: Option<usize>,
    settled: BTreeSet<Unit>,
    held: bool,
}

/// Panics when the events of this run break a law.
pub(crate) fn check(bench: &Bench) {
    let run = &bench.run;
    let needed = usize::from(run.approvals_needed);
    let mut seen = Seen::default();
    for envelope in &bench.events {
        match &envelope.event {
            RunEvent::ApprovalAsked { .. } => {
                seen.yes.clear();
                seen.started = false;
                seen.asked_since.extend(seen.happened.iter().copied());
            }
            RunEvent::Approved { by, fingerprint, .. } => {
                assert_eq!(*fingerprint, run.fingerprint);
                if needed > 0 {
                    assert_ne!(*by, run.requester, "the requester's yes was counted");
                    assert!(matches!(by, Actor::Person(_)), "{by} is no known person");
                }
                assert!(seen.yes.insert(by.clone()), "{by} was counted twice");
            }
            RunEvent::Started => {
                assert!(run.unasked || !run.plan.is_mutating() || seen.yes.len() >= needed.max(1));
                seen.started = true;
            }
            RunEvent::UndoStarted => {
                seen.started = true;
                seen.held = false;
            }
            RunEvent::PauseOrdered { .. } => seen.held = true,
            RunEvent::ResumeOrdered { .. } => seen.held = false,
            RunEvent::PassedOver { unit, .. } => {
                assert!(!seen.doubt.contains(unit), "a doubt was passed over");
                seen.settled.insert(*unit);
            }
            RunEvent::TakenOver { .. } => {
                assert_eq!(seen.live, None, "taken over while a command is under way");
                seen.held = false;
            }
            RunEvent::Failed { .. } | RunEvent::UndoFailed { .. } | RunEvent::Cancelled { .. } => {
                seen.held = false;
            }
            RunEvent::CommandStarted { unit, .. } => started(bench, &mut seen, *unit),
            RunEvent::CommandEnded { unit, .. } => {
                assert_eq!(seen.live.take().map(|(live, _)| live), Some(*unit));
                seen.settled.insert(*unit);
            }
            RunEvent::CommandNotStarted { unit, .. } => {
                let (live, first) = seen.live.take().unwrap();
                assert_eq!(live, *unit);
                // Nothing happened: what was allowed is still allowed.
                if first {
                    seen.happened.remove(unit);
                } else if unit.role == UnitRole::Main {
                    seen.asked_since.insert(*unit);
                }
                if let Some(repeatable) = seen.undo_starts.get_mut(unit) {
                    *repeatable = true;
                }
            }
            RunEvent::CommandInDoubt { unit, .. } => {
                seen.live = None;
                seen.settled.remove(unit);
                seen.doubt.insert(*unit);
                if let Some(repeatable) = seen.undo_starts.get_mut(unit) {
                    *repeatable = bench.run.command(*unit).unwrap().effect != Effect::Once;
                }
            }
            RunEvent::CommandSkipped { unit, .. } => {
                seen.settled.insert(*unit);
            }
            RunEvent::AnsweredYes { unit, .. } | RunEvent::DoubtSettled { unit, .. } => {
                seen.doubt.remove(unit);
                seen.settled.insert(*unit);
            }
            RunEvent::RetryOrdered { unit } => {
                seen.doubt.remove(unit);
                seen.settled.remove(unit);
            }
            RunEvent::Succeeded => {
                assert!(!seen.held, "a paused run ends by itself");
                assert_eq!(seen.doubt, BTreeSet::new(), "success with a command in doubt");
                assert_eq!(seen.live, None, "success with a command under way");
                for unit in run.units() {
                    assert!(run.unasked || seen.settled.contains(&unit), "success without {unit:?}");
                }
            }
            _ => {}
        }
    }
    let owed: BTreeSet<usize> = run.undo_units().iter().map(|unit| unit.step).collect();
    for unit in &seen.happened {
        let undoable = !run.plan.steps[unit.step].undo.is_empty();
        assert_eq!(owed.contains(&unit.step), undoable, "the undo of {unit:?} is forgotten");
    }
    assert_eq!(bench.replayed(), bench.run, "replayed state is not live state");
}

fn started(bench: &Bench, seen: &mut Seen, unit: Unit) {
    let run = &bench.run;
    let effect = run.command(unit).unwrap().effect;
    assert_eq!(seen.live, None, "two commands at once");
    assert!(!seen.held, "a command starts in a paused run");
    assert!(seen.started, "a command before the run started");
    assert!(!run.unasked || effect == Effect::Read, "an unasked run changes something");
    let mut first = false;
    match unit.role {
        UnitRole::Main if effect != Effect::Read => {
            let needed = usize::from(run.approvals_needed).max(1);
            assert!(seen.yes.len() >= needed, "{unit:?} without the approvals it needs");
            first = seen.happened.insert(unit);
            if effect == Effect::Once && !first {
                assert!(seen.asked_since.remove(&unit), "{unit:?} repeated without a yes of its own");
            }
        }
        UnitRole::Undo => {
            assert!(seen.last_undo_step.is_none_or(|last| unit.step <= last), "undo out of order");
            seen.last_undo_step = Some(unit.step);
            let repeatable = seen.undo_starts.insert(unit, false);
            assert!(repeatable != Some(false), "{unit:?} was undone twice");
        }
        UnitRole::Probe => {
            assert_eq!(effect, Effect::Read, "a probe changes something");
            let doubts = seen.doubt.iter().any(|other| other.step == unit.step);
            assert!(doubts, "{unit:?} is asked about what is in no doubt");
        }
        UnitRole::Main | UnitRole::Baseline => {}
    }
    seen.live = Some((unit, first));
}
