//! What has its turn together: one command, the items of a loop, or the members of a parallel group.
//!
//! The stages of a run come one after the other. Within one, several commands may be alive; the next stage begins when
//! this one is through, and a person is asked only when nothing of it is alive any more.

use std::borrow::Cow;
use std::cmp::Reverse;

use chrono::{DateTime, Utc};

use super::event::{Unit, UnitRole};
use super::state::{CommandPhase, Run};
use crate::expectation::Outcome;
use crate::plan::{Plan, PlannedCommand};
use crate::runbook::{Effect, Foreach};

/// Members of a group that are alive at once.
pub(super) const GROUP_AT_ONCE: usize = 8;

/// Commands that have their turn together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stage {
    /// One command.
    One(Unit),
    /// A command for each item of a list; the unit is that of the loop as a whole.
    Loop(Unit),
    /// Neighbours of one group.
    Group(Vec<Unit>),
}

/// What a stage is to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Turn {
    /// These commands start.
    Start(Vec<Unit>),
    /// A loop begins: whether it has its turn, and over what, is to be decided.
    Begin(Unit),
    /// Something is alive, or its time has not come.
    Wait,
    /// Nothing is alive, and this command stands in the way.
    Raise(Unit),
    /// This first item is over and was not seen to be good: whether the others run is to be asked.
    Release(Unit),
    /// Every stage is through.
    Through,
}

/// How the items of a loop stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LoopCount {
    /// How many there are.
    pub items: usize,
    /// As expected, or settled by a person.
    pub done: usize,
    /// Ended otherwise, or not started.
    pub failed: usize,
    /// Under way.
    pub alive: usize,
}

impl Run {
    /// The loop that a command's items belong to: its own, or for an undo or a probe the one whose item it is about.
    fn loop_of(&self, unit: Unit) -> Option<(Unit, &Foreach)> {
        let foreach = self.command(unit)?.flow.foreach.as_ref()?;
        if unit.role == UnitRole::Main {
            return Some((Unit { item: None, ..unit }, foreach));
        }
        let step = self.plan.steps.get(unit.step)?;
        let same = |command: &PlannedCommand| {
            command.flow.foreach.as_ref().is_some_and(|other| other.name == foreach.name)
        };
        let main = |index| Unit { step: unit.step, role: UnitRole::Main, index, item: None };
        let loops = step.commands.iter().enumerate().filter(|(_, command)| same(command));
        let mut loops =
            loops.filter_map(|(index, command)| Some((main(index), command.flow.foreach.as_ref()?)));
        // one that was passed over may never have had its list
        let first = loops.clone().next();
        loops.find(|(of, foreach)| foreach.items.is_some() || self.lists.contains_key(of)).or(first)
    }

    /// The list that a loop goes through; `None` for what is no loop, and while its list is not known yet.
    #[must_use]
    pub fn items(&self, unit: Unit) -> Option<&[String]> {
        let (of, foreach) = self.loop_of(unit)?;
        foreach.items.as_deref().or_else(|| self.lists.get(&of).map(Vec::as_slice))
    }

    /// The variable and the value that a command gets as one of a loop's items.
    #[must_use]
    pub fn item(&self, unit: Unit) -> Option<(&str, &str)> {
        let (_, foreach) = self.loop_of(unit)?;
        let value = self.items(unit)?.get(unit.item? as usize)?;
        Some((foreach.name.as_str(), value.as_str()))
    }

    /// Whether several commands may be alive beside this one: it is an item of a loop or a member of a group.
    #[must_use]
    pub fn is_of_several(&self, unit: Unit) -> bool {
        unit.role == UnitRole::Main
            && (unit.item.is_some()
                || self.command(unit).is_some_and(|command| command.flow.parallel.is_some()))
    }

    /// The stages in the order of their turns.
    pub(super) fn stages(&self) -> Vec<Stage> {
        let mut stages = Vec::new();
        let mut group: Option<&str> = None;
        for (step, planned) in self.plan.steps.iter().enumerate() {
            for index in 0..planned.baselines.len() {
                group = None;
                stages.push(Stage::One(Unit { step, role: UnitRole::Baseline, index, item: None }));
            }
            for (index, command) in planned.commands.iter().enumerate() {
                let unit = Unit { step, role: UnitRole::Main, index, item: None };
                let of = command.flow.parallel.as_deref();
                match (stages.last_mut(), &command.flow.foreach) {
                    (_, Some(_)) => stages.push(Stage::Loop(unit)),
                    (Some(Stage::Group(members)), None) if of.is_some() && of == group => members.push(unit),
                    _ if of.is_some() => stages.push(Stage::Group(vec![unit])),
                    _ => stages.push(Stage::One(unit)),
                }
                group = of.filter(|_| command.flow.foreach.is_none());
            }
        }
        stages
    }

    /// The commands of a stage. A loop that was passed over, or whose list is not known yet, stands for itself.
    pub(super) fn members(&self, stage: &Stage) -> Vec<Unit> {
        match stage {
            Stage::One(unit) => vec![*unit],
            Stage::Group(members) => members.clone(),
            Stage::Loop(of) => match self.items(*of) {
                Some(items) if !items.is_empty() && !self.commands.contains_key(of) => {
                    (0..items.len()).map(|item| of.at_item(item)).collect()
                }
                _ => vec![*of],
            },
        }
    }

    /// The first stage that is not through.
    pub(super) fn stage(&self) -> Option<Stage> {
        self.stages().into_iter().find(|stage| !self.is_through(stage))
    }

    fn is_through(&self, stage: &Stage) -> bool {
        let members = self.members(stage);
        let tolerated = self.tolerates(stage, &members);
        members.iter().all(|unit| self.is_settled(*unit) || tolerated && self.has_failed(*unit))
    }

    /// Whether what has failed of a stage so far does not end it: a loop may have a budget, which its first item alone
    /// has no share in.
    fn tolerates(&self, stage: &Stage, members: &[Unit]) -> bool {
        self.tolerates_failures(stage, members, |unit| self.has_failed(unit))
    }

    fn tolerates_failures(&self, stage: &Stage, members: &[Unit], failed: impl Fn(Unit) -> bool) -> bool {
        let Stage::Loop(of) = stage else { return false };
        let Some(foreach) = self.command(*of).and_then(|command| command.flow.foreach.as_ref()) else {
            return false;
        };
        let canary = foreach.canary && members.first().is_some_and(|first| failed(*first));
        members.iter().filter(|unit| failed(**unit)).count() <= foreach.budget as usize && !canary
    }

    /// Whether a failure of this command would not end the run.
    pub(crate) fn would_tolerate(&self, unit: Unit) -> bool {
        let stage = Stage::Loop(Unit { item: None, ..unit });
        let failed = |other: Unit| other == unit || self.has_failed(other);
        unit.item.is_some() && self.tolerates_failures(&stage, &self.members(&stage), failed)
    }

    /// Whether a failure of this command does not end the run.
    #[must_use]
    pub fn is_tolerated(&self, unit: Unit) -> bool {
        if unit.item.is_none() || !self.has_failed(unit) {
            return false;
        }
        let stage = Stage::Loop(Unit { item: None, ..unit });
        self.tolerates(&stage, &self.members(&stage))
    }

    fn is_settled(&self, unit: Unit) -> bool {
        match self.commands.get(&unit) {
            None | Some(CommandPhase::Started { .. } | CommandPhase::InDoubt { .. }) => false,
            // Diagnostics go on whatever one of them shows.
            Some(_) if self.unasked => true,
            Some(phase) => phase.is_settled(),
        }
    }

    pub(super) fn has_failed(&self, unit: Unit) -> bool {
        match self.commands.get(&unit) {
            Some(CommandPhase::NotStarted { .. }) => true,
            Some(CommandPhase::Ended { verdicts, vouched: false, noted: false, .. }) => {
                verdicts.iter().any(|verdict| verdict.outcome == Outcome::Fail)
            }
            _ => false,
        }
    }

    /// Whether a command only looked and failed, and the run went on: it ended otherwise, or was not started.
    fn was_noted(&self, unit: Unit) -> bool {
        let phase = self.commands.get(&unit);
        matches!(phase, Some(CommandPhase::Ended { noted: true, .. } | CommandPhase::Skipped { .. }))
    }

    pub(super) fn changes_something(&self, unit: Unit) -> bool {
        self.command(unit).is_some_and(|command| command.effect != Effect::Read)
    }

    fn is_alive(&self, unit: Unit) -> bool {
        matches!(self.commands.get(&unit), Some(CommandPhase::Started { .. }))
    }

    /// In doubt, and nobody has ordered it again: it never starts by itself.
    fn is_in_open_doubt(&self, unit: Unit) -> bool {
        matches!(self.commands.get(&unit), Some(CommandPhase::InDoubt { .. }))
            && !self.ordered.contains(&unit)
    }

    /// What is to happen next.
    pub(super) fn turn(&self, now: DateTime<Utc>) -> Turn {
        let Some(stage) = self.stage() else { return Turn::Through };
        let members = self.members(&stage);
        let is_due = |unit: &Unit| self.waits.get(unit).is_none_or(|due| now >= *due);
        match &stage {
            Stage::One(unit) if self.is_alive(*unit) || !is_due(unit) => Turn::Wait,
            Stage::One(unit) => Turn::Start(vec![*unit]),
            Stage::Loop(of) if members == [*of] => Turn::Begin(*of),
            Stage::Loop(of) if members.iter().all(|unit| !self.has_begun(*unit)) => Turn::Begin(*of),
            Stage::Loop(of) => self.turn_of_loop(*of, &stage, &members, is_due),
            Stage::Group(_) => self.turn_of(&stage, &members, members.len(), GROUP_AT_ONCE, is_due),
        }
    }

    /// What comes first once a loop has its turn.
    pub(super) fn first_turn(&self, of: Unit, now: DateTime<Utc>) -> Turn {
        let stage = Stage::Loop(of);
        let members = self.members(&stage);
        let is_due = |unit: &Unit| self.waits.get(unit).is_none_or(|due| now >= *due);
        self.turn_of_loop(of, &stage, &members, is_due)
    }

    fn turn_of_loop(
        &self,
        of: Unit,
        stage: &Stage,
        members: &[Unit],
        is_due: impl Fn(&Unit) -> bool,
    ) -> Turn {
        if let Some(first) = self.unreleased(stage, members) {
            return Turn::Release(first);
        }
        let flow = self.command(of).and_then(|command| command.flow.foreach.as_ref());
        let (at_once, canary) = flow.map_or((1, true), |flow| (flow.concurrency, flow.canary));
        let first_is_good = members.first().is_some_and(|first| self.is_settled(*first));
        let shown = if canary && !first_is_good { 1 } else { members.len() };
        self.turn_of(stage, members, shown, usize::from(at_once), is_due)
    }

    /// What was passed over before its turn has not begun.
    pub(super) fn has_begun(&self, unit: Unit) -> bool {
        let phase = self.commands.get(&unit);
        let is_untouched = matches!(phase, None | Some(CommandPhase::PassedOver { happened: false, .. }));
        !is_untouched || self.since.contains_key(&unit)
    }

    /// The turn of several: as many as may be alive start, of the first `shown`; once one stands in the way, no more do.
    fn turn_of(
        &self,
        stage: &Stage,
        members: &[Unit],
        shown: usize,
        at_once: usize,
        is_due: impl Fn(&Unit) -> bool,
    ) -> Turn {
        let tolerated = self.tolerates(stage, members);
        let alive = members.iter().filter(|unit| self.is_alive(**unit)).count();
        let stands = |unit: &&Unit| {
            !self.unasked
                && (self.is_in_open_doubt(**unit)
                    || self.has_failed(**unit) && !tolerated
                    || matches!(self.commands.get(unit), Some(CommandPhase::Ended { .. }))
                        && !self.is_settled(**unit)
                        && !self.has_failed(**unit))
        };
        let in_the_way: Vec<Unit> = members.iter().filter(stands).copied().collect();
        if !in_the_way.is_empty() {
            // what has begun is awaited first
            return match self.foremost(&in_the_way) {
                Some(unit) if alive == 0 => Turn::Raise(unit),
                _ => Turn::Wait,
            };
        }
        // Whoever ends what a supervisor left ends all of the run: nothing new may be alive then.
        let is_doubted = |unit: &Unit| matches!(self.commands.get(unit), Some(CommandPhase::InDoubt { .. }));
        if alive > 0 && members.iter().any(is_doubted) {
            return Turn::Wait;
        }
        let may_start =
            |unit: &&Unit| (!self.commands.contains_key(unit) || is_doubted(unit)) && is_due(unit);
        // a command that waits for its next look keeps its place among those that are alive
        let waiting = members.iter().filter(|unit| !is_due(unit)).count();
        let room = at_once.saturating_sub(alive + waiting);
        let start: Vec<Unit> = members.iter().take(shown).filter(may_start).take(room).copied().collect();
        if start.is_empty() { Turn::Wait } else { Turn::Start(start) }
    }

    /// Which of several is told of and asked about: a doubt comes before everything else, and nobody is asked about a failed
    /// look, or about what never began, where a change that has begun ends the run anyway.
    pub(super) fn foremost(&self, units: &[Unit]) -> Option<Unit> {
        let rank = |unit: &Unit| match (self.has_failed(*unit), self.changes_something(*unit)) {
            _ if self.is_in_open_doubt(*unit) => 0,
            (true, true) if self.may_have_happened(*unit) => 1,
            (true, true) => 2,
            (true, false) => 3,
            (false, _) => 4,
        };
        // of failures that are alike, the last one ended it
        let at = |unit: &Unit| match self.commands.get(unit) {
            Some(CommandPhase::Ended { at, .. }) if self.has_failed(*unit) => Some(*at),
            _ => None,
        };
        units.iter().min_by_key(|unit| (rank(unit), Reverse(at(unit)))).copied()
    }

    /// How far a step's command is: for each item of a loop, or once.
    pub fn phases_of(
        &self,
        step: usize,
        role: UnitRole,
        index: usize,
    ) -> impl Iterator<Item = (Unit, &CommandPhase)> {
        let first = Unit { step, role, index, item: None };
        let all = self.commands.range(first..Unit { index: index + 1, ..first });
        all.map(|(unit, phase)| (*unit, phase))
    }

    /// The plan with the lists that appeared at run time in it.
    #[must_use]
    pub fn bound_plan(&self) -> Cow<'_, Plan> {
        let mut plan = Cow::Borrowed(&self.plan);
        for (of, items) in &self.lists {
            let command =
                plan.to_mut().steps.get_mut(of.step).and_then(|step| step.commands.get_mut(of.index));
            if let Some(foreach) = command.and_then(|command| command.flow.foreach.as_mut()) {
                foreach.items = Some(items.clone());
            }
        }
        plan
    }

    /// How the items of a loop stand; `None` for what is no loop or has no list yet.
    #[must_use]
    pub fn loop_count(&self, of: Unit) -> Option<LoopCount> {
        let items = self.items(of)?.len();
        let mut count = LoopCount { items, ..LoopCount::default() };
        for unit in (0..items).map(|item| of.at_item(item)) {
            let settled = self.commands.get(&unit).is_some_and(CommandPhase::is_settled);
            let failed = self.has_failed(unit) || self.was_noted(unit);
            count.failed += usize::from(failed);
            count.alive += usize::from(self.is_alive(unit));
            count.done += usize::from(settled && !failed);
        }
        Some(count)
    }
}
