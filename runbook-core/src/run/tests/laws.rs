//! What may never happen in a run, checked on its events alone.

use std::collections::{BTreeMap, BTreeSet};

use super::kit::Bench;
use crate::expectation::Outcome;
use crate::people::Actor;
use crate::plan::Fingerprint;
use crate::run::{Question, RunEvent, Unit, UnitRole};
use crate::runbook::Effect;

#[derive(Clone, Default)]
struct Seen {
    /// Yeses since the last question that do count.
    yes: BTreeSet<Actor>,
    started: bool,
    /// What runs, and whether this is the first time that its effect may exist.
    live: BTreeMap<Unit, bool>,
    /// What a yes is bound to.
    bound_to: Option<Fingerprint>,
    doubt: BTreeSet<Unit>,
    /// Mutating commands whose effect may exist.
    happened: BTreeSet<Unit>,
    asked_since: BTreeSet<Unit>,
    undo_starts: BTreeMap<Unit, bool>,
    /// An undo command that a person has ordered again, and that needs a yes of its own.
    undo_ordered: Option<Unit>,
    last_undo_step: Option<usize>,
    settled: BTreeSet<Unit>,
    /// First items of loops that were seen to be good, and those that people let the others follow all the same.
    good: BTreeSet<Unit>,
    released: BTreeSet<Unit>,
    /// People were asked for a yes before.
    is_asked: bool,
    /// What was last asked and not answered yet.
    question: Option<Question>,
    held: bool,
}

/// Panics when the events of this run break a law.
pub(crate) fn check(bench: &Bench) {
    let run = &bench.run;
    let needed = usize::from(run.approvals_needed);
    let mut seen = Seen::default();
    // what was seen before each order, by the number of the event before it
    let mut stood: Vec<(u64, Seen)> = Vec::new();
    for envelope in &bench.events {
        match &envelope.event {
            RunEvent::RetryOrdered { .. } | RunEvent::AnsweredYes { .. } | RunEvent::PassedOver { .. } => {
                stood.push((envelope.seq - 1, seen.clone()));
            }
            RunEvent::ApprovalAsked { back_to, .. } => {
                stood.retain(|(seq, _)| back_to.is_some_and(|back_to| *seq >= back_to));
                stood.truncate(1);
            }
            RunEvent::OrderDropped { .. } => {
                let (_, before) = stood.pop().expect("an order was dropped that nobody gave");
                assert_eq!(seen.live, BTreeMap::new(), "an order was dropped while something is alive");
                seen = before;
            }
            _ => {}
        }
        first_items(&mut seen, &envelope.event);
        match &envelope.event {
            RunEvent::ApprovalAsked { fingerprint, .. } => {
                let is_later = std::mem::replace(&mut seen.is_asked, true);
                assert!(!is_later || fingerprint.is_some(), "what is asked later has a code of its own");
                assert!(fingerprint.is_none() || *fingerprint != seen.bound_to, "and none of before");
                if fingerprint.is_some() {
                    seen.bound_to = fingerprint.clone();
                }
                seen.yes.clear();
                seen.started = false;
                seen.asked_since.extend(seen.happened.iter().copied());
            }
            RunEvent::Approved { by, fingerprint, .. } => {
                let bound_to = seen.bound_to.clone().unwrap_or_else(|| run.plan.fingerprint().unwrap());
                assert_eq!(*fingerprint, bound_to);
                if needed > 0 {
                    assert_ne!(*by, run.requester, "the requester's yes was counted");
                    assert!(matches!(by, Actor::Person(_)), "{by} is no known person");
                }
                assert!(seen.yes.insert(by.clone()), "{by} was counted twice");
            }
            RunEvent::ItemsBound { unit, items, fingerprint } => {
                let reads = run.command(*unit).unwrap().effect == Effect::Read;
                assert!(
                    reads || fingerprint.is_some() || items.is_empty(),
                    "a list that nobody is asked about"
                );
                if let Some(fingerprint) = fingerprint {
                    seen.bound_to = Some(fingerprint.clone());
                }
            }
            RunEvent::Started => {
                assert!(run.unasked || !run.plan.is_mutating() || seen.yes.len() >= needed.max(1));
                seen.started = true;
                if let Some(unit) = seen.undo_ordered.take() {
                    seen.undo_starts.insert(unit, true);
                }
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
                assert_eq!(seen.live, BTreeMap::new(), "taken over while a command is under way");
                seen.held = false;
            }
            RunEvent::UndoFailed { .. } | RunEvent::Cancelled { .. } => seen.held = false,
            RunEvent::CommandStarted { unit, .. } => started(bench, &mut seen, *unit),
            RunEvent::CommandEnded { unit, .. } => {
                assert!(seen.live.remove(unit).is_some(), "{unit:?} ended and was not alive");
                seen.settled.insert(*unit);
            }
            RunEvent::CommandNotStarted { unit, .. } => {
                let first = seen.live.remove(unit).unwrap();
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
                seen.live.remove(unit);
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
                if unit.role == UnitRole::Undo && run.command(*unit).unwrap().effect == Effect::Once {
                    seen.undo_ordered = Some(*unit);
                } else if let Some(repeatable) = seen.undo_starts.get_mut(unit) {
                    *repeatable = true;
                }
            }
            RunEvent::FailureNoted { unit, .. } => {
                let command = run.command(*unit).unwrap();
                assert_eq!((command.effect, unit.role), (Effect::Read, UnitRole::Main));
                assert!(command.expectations.is_empty() && command.capture.is_none());
                seen.settled.insert(*unit);
            }
            RunEvent::Asked { .. } | RunEvent::Failed { .. } => {
                seen.held &= matches!(envelope.event, RunEvent::Asked { .. });
                assert_eq!(seen.live, BTreeMap::new(), "people are asked while something is alive");
            }
            RunEvent::Succeeded => {
                assert!(!seen.held, "a paused run ends by itself");
                assert_eq!(seen.doubt, BTreeSet::new(), "success with a command in doubt");
                assert_eq!(seen.live, BTreeMap::new(), "success with a command under way");
                for unit in run.units() {
                    let is_over = seen.settled.contains(&unit) || run.is_tolerated(unit);
                    assert!(run.unasked || is_over, "success without {unit:?}");
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

/// Which first items were seen to be good, and past which of them people said to go.
fn first_items(seen: &mut Seen, event: &RunEvent) {
    match event {
        RunEvent::CommandEnded { unit, verdicts, .. } => {
            seen.good.remove(unit);
            if verdicts.iter().all(|verdict| verdict.outcome == Outcome::Pass) {
                seen.good.insert(*unit);
            }
        }
        RunEvent::DoubtSettled { unit, .. } => {
            seen.good.insert(*unit);
        }
        RunEvent::AnsweredYes { unit, .. } => match &seen.question {
            Some(Question::Check { .. } | Question::Late { .. }) => {
                seen.good.insert(*unit);
            }
            Some(Question::Canary { .. }) => {
                seen.released.insert(*unit);
            }
            _ => {}
        },
        RunEvent::PassedOver { unit, .. } if matches!(seen.question, Some(Question::Guard { .. })) => {
            seen.released.insert(*unit);
        }
        // what people said yes to says that the others run
        RunEvent::Started => seen.released.extend(seen.settled.iter().copied()),
        _ => {}
    }
    match event {
        RunEvent::Asked { question } => seen.question = Some(question.clone()),
        RunEvent::AnsweredYes { .. }
        | RunEvent::RetryOrdered { .. }
        | RunEvent::Failed { .. }
        | RunEvent::CommandStarted { .. } => seen.question = None,
        _ => {}
    }
}

fn started(bench: &Bench, seen: &mut Seen, unit: Unit) {
    let run = &bench.run;
    let effect = run.command(unit).unwrap().effect;
    for other in seen.live.keys() {
        let both = run.is_of_several(unit) && run.is_of_several(*other);
        let same_loop = unit.item.is_some() && Unit { item: None, ..unit } == Unit { item: None, ..*other };
        let group = |unit: Unit| run.command(unit).unwrap().flow.parallel.clone();
        let together = both && (same_loop || group(unit).is_some() && group(unit) == group(*other));
        assert!(together && *other != unit, "{unit:?} and {other:?} at once");
    }
    if let Some(foreach) =
        run.command(unit).unwrap().flow.foreach.as_ref().filter(|_| unit.role == UnitRole::Main)
    {
        assert!(seen.live.len() < usize::from(foreach.concurrency), "more items at once than may be");
        let first = unit.at_item(0);
        let alone = foreach.canary && unit != first && !run.unasked;
        assert!(!alone || seen.settled.contains(&first), "the others before the first is seen");
        let may_follow = seen.good.contains(&first) || seen.released.contains(&first);
        assert!(!alone || may_follow, "the others, and nothing showed that the first is good");
    }
    assert!(!seen.doubt.contains(&unit) || effect != Effect::Once, "{unit:?} is in doubt and starts");
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
    seen.live.insert(unit, first);
}
