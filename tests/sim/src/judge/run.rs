//! What must hold of a run, event by event.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use runbook_core::expectation::Outcome;
use runbook_core::ids::RunId;
use runbook_core::journal::Envelope;
use runbook_core::people::Actor;
use runbook_core::plan::Fingerprint;
use runbook_core::ports::Job;
use runbook_core::run::{CommandPhase, Run, RunEvent, Status, Unit, UnitRole, evolve};
use runbook_core::runbook::Effect;

use super::{Judge, Violation};
use crate::organisation::{has_standing, is_human};

/// What is known about a command's effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Settled {
    /// A machine saw what was expected.
    Passed,
    /// A person says so.
    Vouched,
    /// It only looked, and its failure is on the record.
    Noted,
}

/// A run as its events say, and what was seen beside them.
pub(super) struct RunWatch {
    pub(super) run: Run,
    seen: Notes,
    /// The run, and what was seen, before each thing that people ordered since it last did something.
    stood: Vec<(Run, Notes)>,
}

/// What the judge has seen of a run.
#[derive(Clone, Default)]
struct Notes {
    /// Yeses to the present question.
    yeses: BTreeSet<Actor>,
    /// What yeses were asked for, each under its own code.
    codes: BTreeSet<Fingerprint>,
    expires_at: Option<DateTime<Utc>>,
    /// It was approved at some time, and since the last question.
    was_granted: bool,
    is_granted: bool,
    /// Attempts by number, in order.
    attempts: BTreeMap<u32, Unit>,
    /// Attempts of which nothing was started.
    harmless: BTreeSet<u32>,
    /// Commands that a person has ordered again since their last attempt.
    ordered: BTreeSet<Unit>,
    /// Attempts that somebody's order led to.
    by_order: BTreeSet<u32>,
    /// Whose doing the present question is: one of their own yeses would answer it.
    asked_by: Option<Actor>,
    settled: BTreeMap<Unit, Settled>,
    /// Commands whose last attempt failed or never began.
    failed: BTreeSet<Unit>,
    /// Who went past which command by their word, where nobody else has agreed to that since.
    past: BTreeSet<(Unit, Actor)>,
    /// The present question is about these people's words.
    words_of: BTreeSet<Actor>,
    last_undo: Option<Unit>,
    /// It has taken its target, and not ended since.
    has_taken: bool,
}

impl RunWatch {
    /// It keeps others from its target: it has begun and may still change it, or left it in a state nobody knows.
    pub(super) fn holds_target(&self) -> bool {
        let mutating = self.run.plan.is_mutating() && !self.run.unasked;
        let is_free = match self.run.status {
            // what it has begun it keeps until it ends; with half an undo behind it, it has left the target in a state
            // nobody knows
            Status::WaitingForApproval { .. } => !self.seen.has_taken && !self.run.undoing,
            Status::Planned
            | Status::Succeeded
            | Status::Failed { .. }
            | Status::Cancelled
            | Status::Undone => true,
            _ => false,
        };
        mutating && !is_free
    }

    fn accusation(&self, rule: &'static str, what: &str) -> Violation {
        Violation { rule, text: format!("run {} ({}): {what}", self.run.id, self.run.plan.runbook) }
    }

    /// A process begins: its intent must be on disk, and nothing about it settled.
    pub(super) fn started(&mut self, attempt: u32, job: &Job) -> Result<(), Violation> {
        let unit = self.seen.attempts.get(&attempt).copied();
        let is_live = self.run.live_units().any(|(live, of)| Some(live) == unit && of.number == attempt);
        let is_it =
            unit.and_then(|unit| self.run.command(unit)).is_some_and(|command| command.text == job.text);
        if unit.is_none() || !is_it {
            let what = format!("attempt {attempt} begins, and its intent is not on disk");
            return Err(self.accusation("intent-first", &what));
        }
        if !is_live {
            let what = format!("attempt {attempt} begins although the run has gone past it");
            return Err(self.accusation("outcome-first", &what));
        }
        Ok(())
    }

    /// What people order may come to nothing: then the run stands where it stood, and so does what was seen of it.
    fn before_order(&mut self, envelope: &Envelope<RunEvent>, found: &mut Vec<Violation>) {
        match &envelope.event {
            RunEvent::RetryOrdered { .. } | RunEvent::AnsweredYes { .. } | RunEvent::PassedOver { .. } => {
                self.stood.push((self.run.clone(), self.seen.clone()));
            }
            RunEvent::ApprovalAsked { back_to, .. } => {
                self.stood.retain(|(run, _)| back_to.is_some_and(|seq| run.seq >= seq));
                self.stood.truncate(1);
            }
            RunEvent::OrderDropped { .. } => match self.stood.last() {
                Some((_, seen)) => {
                    let codes = std::mem::take(&mut self.seen.codes);
                    self.seen = Notes { codes, ..seen.clone() };
                }
                None => found.push(self.accusation("approval", "it drops an order that nobody gave")),
            },
            RunEvent::Started | RunEvent::CommandStarted { .. } => self.stood.clear(),
            _ => {}
        }
    }

    /// An order to run it again was used up by an attempt that began nothing: it stands, as does the yes to it.
    fn give_back(&mut self, unit: Unit, attempt: u32) {
        if self.seen.by_order.contains(&attempt) {
            self.seen.ordered.insert(unit);
        }
    }

    pub(super) fn not_started(&mut self, attempt: u32) {
        self.seen.harmless.insert(attempt);
    }

    /// Why this command may not start now.
    fn unfounded(&self, unit: Unit, attempt: u32) -> Option<Violation> {
        let command = self.run.command(unit)?;
        let changes = command.effect != Effect::Read;
        if self.run.unasked && changes {
            return Some(self.accusation("approval", "a command that changes something runs unasked"));
        }
        if changes && !self.seen.was_granted {
            return Some(self.accusation("approval", &format!("attempt {attempt} starts without a yes")));
        }
        let apart = |other: &Unit| !self.are_together(unit, *other);
        if let Some(other) = self.run.live_units().map(|(other, _)| other).find(apart) {
            let what = format!("attempt {attempt} starts before the outcome of {other:?} is recorded");
            return Some(self.accusation("outcome-first", &what));
        }
        if !matches!(self.run.status, Status::Running | Status::Undoing) {
            let what = format!("attempt {attempt} starts while the run is {}", self.run.status.word());
            return Some(self.accusation("open-state", &what));
        }
        if self.run.hold.is_some() {
            let what = format!("attempt {attempt} starts although a person paused the run");
            return Some(self.accusation("open-state", &what));
        }
        let again = self
            .seen
            .attempts
            .iter()
            .any(|(number, known)| *known == unit && !self.seen.harmless.contains(number));
        if again
            && command.effect == Effect::Once
            && !(self.seen.ordered.contains(&unit) && self.seen.is_granted)
        {
            let what = format!("attempt {attempt} repeats {} although nobody ordered it", command.id);
            return Some(self.accusation("once-twice", &what));
        }
        match unit.role {
            UnitRole::Undo => self.undo_misfit(unit, attempt),
            UnitRole::Baseline | UnitRole::Main => self.forward_misfit(unit, attempt),
            UnitRole::Probe => self.probe_misfit(unit, attempt),
        }
    }

    /// Whether two commands may be alive at the same time: items of one loop, or members of one group.
    fn are_together(&self, one: Unit, other: Unit) -> bool {
        let group = |unit: Unit| self.run.command(unit).and_then(|command| command.flow.parallel.as_ref());
        let same_loop = one.item.is_some() && other.item.is_some() && of_loop(one) == of_loop(other);
        let main = one.role == UnitRole::Main && other.role == UnitRole::Main;
        main && one != other && (same_loop || group(one).is_some() && group(one) == group(other))
    }

    /// The same for two attempts.
    pub(super) fn may_live_together(&self, one: u32, other: u32) -> bool {
        match (self.seen.attempts.get(&one), self.seen.attempts.get(&other)) {
            (Some(one), Some(other)) => self.are_together(*one, *other),
            _ => false,
        }
    }

    /// Whether the budget of its loop covers that this item failed.
    fn is_covered(&self, unit: Unit) -> bool {
        let foreach = self.run.command(unit).and_then(|command| command.flow.foreach.as_ref());
        let Some(foreach) = foreach.filter(|_| unit.item.is_some()) else { return false };
        let failed = self.seen.failed.iter().filter(|other| of_loop(**other) == of_loop(unit)).count();
        let canary = foreach.canary && self.seen.failed.contains(&unit.at_item(0));
        self.seen.failed.contains(&unit) && failed <= usize::from(foreach.budget) && !canary
    }

    /// Why an item may not start beside or after the others of its loop.
    fn loop_misfit(&self, unit: Unit) -> Option<Violation> {
        let foreach = self.run.command(unit).and_then(|command| command.flow.foreach.as_ref());
        let foreach = foreach.filter(|_| unit.item.is_some() && unit.role == UnitRole::Main)?;
        let alive = self.run.live_units().filter(|(other, _)| of_loop(*other) == of_loop(unit)).count();
        if alive >= usize::from(foreach.concurrency) {
            return Some(self.accusation("loop-bound", &format!("{unit:?} starts beside {alive} others")));
        }
        let changes = self.run.command(unit).is_some_and(|command| command.effect != Effect::Read);
        if changes && self.run.lists.contains_key(&of_loop(unit)) && !self.seen.is_granted {
            // a yes from before is none to the list
            return Some(
                self.accusation("approval", &format!("{unit:?} starts, and nobody said yes to its list")),
            );
        }
        let first = unit.at_item(0);
        if foreach.canary && unit != first && !self.run.unasked && !self.seen.settled.contains_key(&first) {
            return Some(self.accusation("loop-bound", &format!("{unit:?} starts before the first is seen")));
        }
        let failed = self.seen.failed.iter().filter(|other| of_loop(**other) == of_loop(unit)).count();
        let over = failed > usize::from(foreach.budget) && !self.run.unasked;
        over.then(|| self.accusation("loop-bound", &format!("{unit:?} starts after {failed} failures")))
    }

    fn undo_misfit(&self, unit: Unit, attempt: u32) -> Option<Violation> {
        if self.seen.settled.get(&unit) == Some(&Settled::Passed) {
            return Some(
                self.accusation("undo-order", &format!("attempt {attempt} undoes {unit:?} a second time")),
            );
        }
        let last = self.seen.last_undo?;
        // item by item, the last one first
        let within = match (unit.item, last.item) {
            (Some(item), Some(before)) if item != before => item < before,
            _ => unit.index > last.index,
        };
        let follows = unit.step < last.step || (unit.step == last.step && within);
        // again: in place of an attempt that never began, or where repeating it hurts nobody
        if follows || unit == last {
            return None;
        }
        Some(self.accusation("undo-order", &format!("attempt {attempt} undoes {unit:?} after {last:?}")))
    }

    /// A probe is asked about a command of its step that is in doubt, and only reads.
    fn probe_misfit(&self, unit: Unit, attempt: u32) -> Option<Violation> {
        let reads = self.run.command(unit).is_some_and(|command| command.effect == Effect::Read);
        let doubts = self.run.commands.iter().any(|(other, phase)| {
            other.step == unit.step
                && matches!(other.role, UnitRole::Main | UnitRole::Undo)
                && matches!(phase, CommandPhase::InDoubt { .. })
        });
        if reads && doubts {
            return None;
        }
        Some(self.accusation("outcome-first", &format!("attempt {attempt} probes what is in no doubt")))
    }

    /// Why a doubt may not be settled: nobody saw the probe pass, or it cannot have meant this command alone.
    fn unsettled(&self, unit: Unit) -> Option<Violation> {
        let probe = Unit { step: unit.step, role: UnitRole::Probe, index: 0, item: None };
        let of_item = self.run.command(probe).is_some_and(|command| command.flow.foreach.is_some());
        let probe = Unit { item: unit.item.filter(|_| of_item), ..probe };
        if unit.item.is_some() && !of_item {
            let what = format!("a probe that knows no item settles the doubt about {unit:?}");
            return Some(self.accusation("false-success", &what));
        }
        let is_in_doubt = matches!(self.run.commands.get(&unit), Some(CommandPhase::InDoubt { .. }));
        let step = self.run.plan.steps.get(unit.step)?;
        let changes = step.commands.iter().filter(|command| command.effect != Effect::Read).count();
        let passed = self.seen.settled.get(&probe) == Some(&Settled::Passed);
        // what an undo takes away is not there any more, and nothing else was expected of it
        let is_whole =
            step.undo.len() == 1 && step.undo.iter().all(|command| command.expectations.is_empty());
        let is_undone = unit.role == UnitRole::Undo && !passed && is_whole;
        if is_in_doubt && (is_undone || unit.role == UnitRole::Main && passed && changes == 1) {
            return None;
        }
        Some(self.accusation("false-success", &format!("the doubt about {unit:?} is settled by nothing")))
    }

    /// What comes before it has passed, or a person said so.
    fn forward_misfit(&self, unit: Unit, attempt: u32) -> Option<Violation> {
        if self.run.unasked {
            return None; // diagnostics go on whatever one of them shows
        }
        if let Some(misfit) = self.loop_misfit(unit) {
            return Some(misfit);
        }
        let before = self.run.units().take_while(|other| *other != unit);
        let open = before.into_iter().find(|other| {
            !self.seen.settled.contains_key(other)
                && !self.is_covered(*other)
                && !self.are_together(unit, *other)
        })?;
        Some(self.accusation(
            "outcome-first",
            &format!("attempt {attempt} starts {unit:?} before {open:?} is seen"),
        ))
    }

    /// Why it may not call itself successful.
    fn false_success(&self) -> Option<Violation> {
        if self.run.unasked {
            return None; // it only says that the diagnostics are through
        }
        let is_open = |unit: &Unit| !self.seen.settled.contains_key(unit) && !self.is_covered(*unit);
        let open = self.run.units().find(is_open)?;
        Some(self.accusation("false-success", &format!("it succeeded, and {open:?} was not seen to pass")))
    }

    /// Why it may not call itself undone.
    fn false_undone(&self) -> Option<Violation> {
        for (step, planned) in self.run.plan.steps.iter().enumerate() {
            let happened = self.seen.attempts.iter().filter(|(number, unit)| {
                let changes = self.run.command(**unit).is_some_and(|command| command.effect != Effect::Read);
                unit.step == step
                    && unit.role == UnitRole::Main
                    && changes
                    && !self.seen.harmless.contains(number)
            });
            let happened: BTreeSet<Unit> = happened.map(|(_, unit)| *unit).collect();
            for (index, command) in planned.undo.iter().enumerate() {
                for main in &happened {
                    let same = |name: &str| {
                        let own = self.run.command(*main).and_then(|main| main.flow.foreach.as_ref());
                        own.is_some_and(|own| own.name == name)
                    };
                    let item = match &command.flow.foreach {
                        Some(foreach) if !same(&foreach.name) => continue,
                        Some(_) => main.item,
                        None => None,
                    };
                    let unit = Unit { step, role: UnitRole::Undo, index, item };
                    if !self.seen.settled.contains_key(&unit) {
                        let what = format!("it is undone, and {unit:?} was not seen");
                        return Some(self.accusation("false-success", &what));
                    }
                }
            }
        }
        None
    }
}

impl Judge {
    pub(super) fn run_event(&mut self, id: RunId, envelope: &Envelope<RunEvent>) {
        let mut found = Vec::new();
        let (state, (seen, stood)) = match self.runs.remove(&id) {
            None => (None, (Notes::default(), Vec::new())),
            Some(mut watch) => {
                watch.before_order(envelope, &mut found);
                self.before_event(&mut watch, envelope, &mut found);
                (Some(watch.run), (watch.seen, watch.stood))
            }
        };
        let is_new = state.is_none();
        match evolve(state, envelope) {
            Ok(run) => {
                let mut seen = seen;
                // one that ended has let go, if only for a moment
                seen.has_taken &= !matches!(
                    envelope.event,
                    RunEvent::Succeeded
                        | RunEvent::Failed { .. }
                        | RunEvent::Cancelled { .. }
                        | RunEvent::TakenOver { .. }
                        | RunEvent::ApprovalExpired
                        | RunEvent::Undone
                );
                let least = self.others.max(run.plan.approvals.unwrap_or(0));
                if let (RunEvent::OrderDropped { .. }, Some((before, _))) = (&envelope.event, stood.last())
                    && (run.status != before.status || run.commands != before.commands)
                {
                    let text = format!("run {id}: without the yes it does not stand where it stood");
                    found.push(Violation { rule: "approval", text });
                }
                let watch = RunWatch { run, seen, stood };
                let asks = watch.run.plan.is_mutating() && !watch.run.unasked;
                if is_new && asks && watch.run.approvals_needed < least {
                    found.push(watch.accusation("approval", "it asks too few people"));
                }
                self.runs.insert(id, watch);
            }
            Err(error) => found.push(Violation { rule: "replay", text: error.to_string() }),
        }
        self.violations.extend(found);
    }

    /// Judges an event from the state before it.
    fn before_event(&self, watch: &mut RunWatch, envelope: &Envelope<RunEvent>, found: &mut Vec<Violation>) {
        let id = watch.run.id;
        match &envelope.event {
            RunEvent::ApprovalAsked { expires_at, fingerprint, .. } => {
                let asked = fingerprint.as_ref().unwrap_or(&watch.run.fingerprint).clone();
                // a yes to the plan, or to an earlier question, is none to this one
                if !watch.seen.codes.insert(asked) {
                    found.push(watch.accusation("approval", "two questions have one fingerprint"));
                }
                watch.seen.yeses.clear();
                watch.seen.is_granted = false;
                watch.seen.expires_at = Some(*expires_at);
                watch.seen.asked_by = Some(envelope.actor.clone());
                // what the run asks by itself is about nobody's word
                let words = watch.seen.past.iter().filter(|_| is_human(&envelope.actor));
                watch.seen.words_of = words.map(|(_, by)| by.clone()).collect();
            }
            RunEvent::Approved { by, reason, .. } => {
                found.extend(self.worthless(watch, by, reason.as_deref(), envelope));
                watch.seen.yeses.insert(by.clone());
            }
            RunEvent::Started => {
                let needed = usize::from(watch.run.approvals_needed.max(1));
                let asks = watch.seen.expires_at.is_some();
                if asks && watch.seen.yeses.len() < needed {
                    let what = format!("it starts with {} of {needed} yeses", watch.seen.yeses.len());
                    found.push(watch.accusation("approval", &what));
                }
                watch.seen.past.clear();
                watch.seen.is_granted = asks;
                watch.seen.was_granted |= asks;
            }
            RunEvent::CommandStarted { unit, attempt, lock_epoch, effect, fingerprint, .. } => {
                let target = &watch.run.plan.target;
                let others = self.runs.values().filter(|other| other.run.plan.target == *target);
                let newest = others.filter_map(|other| other.run.epoch).max().unwrap_or(0);
                let changes = watch.run.command(*unit).is_some_and(|command| command.effect != Effect::Read);
                if changes && lock_epoch.is_none_or(|epoch| epoch < newest) {
                    let what =
                        format!("attempt {attempt} starts under {lock_epoch:?}, and {newest} is taken");
                    found.push(watch.accusation("target", &what));
                }
                let is_told = *effect == watch.run.command(*unit).map(|command| command.effect);
                if !is_told || fingerprint.as_ref() != Some(&watch.run.fingerprint) {
                    let what = format!("the intent of attempt {attempt} does not say what it is part of");
                    found.push(watch.accusation("intent-first", &what));
                }
                found.extend(watch.unfounded(*unit, *attempt));
                if watch.seen.attempts.insert(*attempt, *unit).is_some() {
                    found.push(watch.accusation("once-twice", &format!("attempt {attempt} is there twice")));
                }
                if watch.seen.ordered.remove(unit) {
                    watch.seen.by_order.insert(*attempt);
                }
                watch.seen.settled.remove(unit);
                watch.seen.failed.remove(unit);
                watch.seen.past.retain(|(of, _)| of != unit);
                if unit.role == UnitRole::Undo {
                    watch.seen.last_undo = Some(*unit);
                }
            }
            RunEvent::CommandEnded { unit, attempt, exit, verdicts, .. } => {
                let all_pass = verdicts.iter().all(|verdict| verdict.outcome == Outcome::Pass);
                if verdicts.iter().any(|verdict| verdict.outcome == Outcome::Fail) {
                    watch.seen.failed.insert(*unit);
                }
                match self.truths.get(&(id, *attempt)).copied().flatten() {
                    Some(truth) if truth.exit != *exit => {
                        let what = format!("attempt {attempt} ended with {:?}, not {exit:?}", truth.exit);
                        found.push(watch.accusation("false-success", &what));
                    }
                    Some(truth) if all_pass && !truth.passes => {
                        let what = format!("attempt {attempt} passed, and was not as expected");
                        found.push(watch.accusation("false-success", &what));
                    }
                    Some(truth) => {
                        if all_pass && truth.passes {
                            watch.seen.settled.insert(*unit, Settled::Passed);
                        }
                    }
                    None => {
                        let what = format!("attempt {attempt} has an outcome that nobody reported");
                        found.push(watch.accusation("false-success", &what));
                    }
                }
            }
            RunEvent::CommandNotStarted { unit, attempt, .. } if watch.seen.harmless.contains(attempt) => {
                watch.seen.failed.insert(*unit);
                watch.give_back(*unit, *attempt);
            }
            RunEvent::CommandNotStarted { unit, attempt, .. } => {
                watch.seen.failed.insert(*unit);
                watch.give_back(*unit, *attempt);
                // Only the executor knows that; or the engine, where it never asked it.
                if self.truths.contains_key(&(id, *attempt)) {
                    let what = format!("attempt {attempt} was started, and is said not to have been");
                    found.push(watch.accusation("false-success", &what));
                }
                watch.seen.harmless.insert(*attempt);
            }
            RunEvent::AnsweredYes { unit, .. } => {
                watch.seen.failed.remove(unit);
                if unit.role != UnitRole::Undo && !was_seen_to_end_well(watch.run.commands.get(unit)) {
                    watch.seen.past.insert((*unit, envelope.actor.clone()));
                }
                if is_human(&envelope.actor) {
                    watch.seen.settled.insert(*unit, Settled::Vouched);
                } else {
                    let what = format!("{} vouches for {unit:?}", envelope.actor);
                    found.push(watch.accusation("false-success", &what));
                }
            }
            RunEvent::AnsweredNo { unit, .. } => {
                // whoever says that the others of a loop are not to run may say so of a first item that nobody looked at
                if matches!(watch.run.commands.get(unit), Some(CommandPhase::Ended { .. })) {
                    watch.seen.failed.insert(*unit);
                    watch.seen.settled.remove(unit);
                }
                if !is_human(&envelope.actor) {
                    let what = format!("{} says no to {unit:?}", envelope.actor);
                    found.push(watch.accusation("false-success", &what));
                }
            }
            RunEvent::FailureNoted { unit, .. } => {
                let looks = watch.run.command(*unit).is_some_and(|command| {
                    command.effect == Effect::Read
                        && command.capture.is_none()
                        && command.expectations.is_empty()
                });
                if !looks || unit.role != UnitRole::Main {
                    found.push(watch.accusation("false-success", &format!("{unit:?} does more than look")));
                }
                watch.seen.settled.insert(*unit, Settled::Noted);
                watch.seen.failed.remove(unit);
            }
            // a doubt is no failure
            RunEvent::CommandInDoubt { unit, .. } => {
                watch.seen.failed.remove(unit);
            }
            RunEvent::OverrunAccepted { .. } if !is_human(&envelope.actor) => {
                let what = format!("{} says to go on after its time", envelope.actor);
                found.push(watch.accusation("approval", &what));
            }
            RunEvent::TakenOver { by, .. } => {
                // half an undo is nobody's to leave, and what has not begun has nothing to take
                let waits = waits_for_person(&watch.run)
                    || matches!(watch.run.status, Status::WaitingForApproval { .. });
                let waits = waits && watch.holds_target() && !in_flight(&watch.run) && !watch.run.undoing;
                if *by != envelope.actor || !is_human(by) || !waits {
                    let what = format!("{by} takes over what goes on by itself");
                    found.push(watch.accusation("target", &what));
                }
            }
            RunEvent::LockTaken { epoch } => {
                if std::mem::replace(&mut watch.seen.has_taken, true) {
                    found.push(watch.accusation("target", "it takes a target that it has"));
                }
                let others =
                    self.runs.values().filter(|other| other.run.plan.target == watch.run.plan.target);
                let newest = others.filter_map(|other| other.run.epoch).max().unwrap_or(0);
                if *epoch <= newest.max(watch.run.epoch.unwrap_or(0)) {
                    let what =
                        format!("it takes its target as number {epoch}, and {newest} was there before");
                    found.push(watch.accusation("target", &what));
                }
            }
            RunEvent::PassedOver { unit, reason } => {
                let phase = watch.run.commands.get(unit);
                if !is_human(&envelope.actor) || reason.is_empty() {
                    let what = format!("{} passes over {unit:?} without a word", envelope.actor);
                    found.push(watch.accusation("false-success", &what));
                } else if matches!(phase, Some(CommandPhase::InDoubt { .. } | CommandPhase::Started { .. })) {
                    let what = format!("{unit:?} is passed over, and nobody knows what it did");
                    found.push(watch.accusation("false-success", &what));
                }
                watch.seen.settled.insert(*unit, Settled::Vouched);
                // of a loop, it counts among the failures no more
                watch.seen.failed.remove(unit);
                // whoever says so is not the other person who agrees
                watch.seen.past.insert((*unit, envelope.actor.clone()));
            }
            RunEvent::DoubtSettled { unit, .. } => {
                found.extend(watch.unsettled(*unit));
                watch.seen.settled.insert(*unit, Settled::Passed);
            }
            RunEvent::RetryOrdered { unit } => {
                watch.seen.settled.remove(unit);
                watch.seen.failed.remove(unit);
                if is_human(&envelope.actor) {
                    watch.seen.past.retain(|(of, _)| of != unit);
                    watch.seen.ordered.insert(*unit);
                }
            }
            RunEvent::RetryScheduled { unit, .. } => {
                watch.seen.failed.remove(unit);
            }
            RunEvent::ItemsBound { unit, items, fingerprint } => {
                let reads = watch.run.command(*unit).is_some_and(|command| command.effect == Effect::Read);
                if !reads && fingerprint.is_none() && !items.is_empty() {
                    found.push(watch.accusation("approval", "a list that appeared is gone through unasked"));
                }
            }
            RunEvent::UndoStarted => watch.seen.past.clear(),
            RunEvent::Succeeded => found.extend(watch.false_success()),
            // also by a person's word: it stands for the one undo that it was about
            RunEvent::Undone => found.extend(watch.false_undone()),
            _ => {}
        }
    }

    /// Why this yes should not have counted.
    fn worthless(
        &self,
        watch: &RunWatch,
        by: &Actor,
        reason: Option<&str>,
        envelope: &Envelope<RunEvent>,
    ) -> Option<Violation> {
        let run = &watch.run;
        let others = run.approvals_needed > 0;
        let why = |what: String| Some(watch.accusation("approval", &what));
        let Some(click) = reason.and_then(|tag| self.clicks.get(tag)) else {
            return why(format!("a yes of {by} that nobody gave"));
        };
        if click.by != *by || envelope.actor != *by {
            return why(format!("the yes of {} counts as that of {by}", click.by));
        }
        let confirms_own = !others && *by == run.requester && matches!(by, Actor::Local(_));
        if !has_standing(by) && !confirms_own {
            return why(format!("{by} has no say, and their yes counts"));
        }
        if others && *by == run.requester {
            return Some(watch.accusation("own", &format!("{by} asked for it, and their own yes counts")));
        }
        // who ordered what needs no yes, and was not asked about, may say yes to what another one ordered
        if others && watch.seen.asked_by.as_ref() == Some(by) {
            return Some(
                watch.accusation("own", &format!("{by} ordered it again, and their own yes counts")),
            );
        }
        if others && watch.seen.words_of.contains(by) {
            return Some(
                watch.accusation("own", &format!("{by} passed a command over, and their own yes counts")),
            );
        }
        if watch.seen.yeses.contains(by) {
            return why(format!("{by} is counted twice"));
        }
        match &click.code {
            None if others => return why(format!("the yes of {by} names no plan")),
            Some(code) if !run.fingerprint.as_str().starts_with(&code.to_ascii_lowercase()) => {
                return Some(
                    watch.accusation("stale", &format!("the yes of {by} to {code} counts for another plan")),
                );
            }
            _ => {}
        }
        let late = watch.seen.expires_at.is_some_and(|expires_at| envelope.at >= expires_at);
        if late && !envelope.clamped {
            return Some(watch.accusation("stale", &format!("the yes of {by} counts after its time")));
        }
        None
    }
}

/// What a person must be able to see of a run that waits.
pub(super) fn waits_for_person(run: &Run) -> bool {
    matches!(run.status, Status::Paused { .. }) || (run.word() == "paused" && !in_flight(run))
}

/// A command without an outcome.
pub(super) fn in_flight(run: &Run) -> bool {
    run.commands.values().any(|phase| matches!(phase, CommandPhase::Started { .. }))
}

/// A machine saw its end, and nothing of it failed: a person's yes says no more than what they see.
fn was_seen_to_end_well(phase: Option<&CommandPhase>) -> bool {
    matches!(phase, Some(CommandPhase::Ended { verdicts, missed: false, .. })
        if verdicts.iter().all(|verdict| verdict.outcome != Outcome::Fail))
}

/// The loop that an item is one of.
fn of_loop(unit: Unit) -> Unit {
    Unit { item: None, ..unit }
}
