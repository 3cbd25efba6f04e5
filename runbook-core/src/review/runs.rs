//! The runs of the incident: what ran, what each command showed, who said yes or no.

use std::collections::BTreeMap;

use super::cite::{Book, EventRef};
use super::escape::escape_markdown as md;
use super::moments::{Moments, place};
use super::view::{ApprovalRow, CheckRow, RunSection, StepRow};
use super::words;
use crate::expectation::Outcome;
use crate::going_on;
use crate::journal::Envelope;
use crate::run::{CommandPhase, Run, RunEvent, Status, Unit, UnitRole, refused_words};

/// A run with what the other parts of the review ask of it.
pub(super) struct Told<'a> {
    pub(super) run: &'a Run,
    pub(super) events: &'a [Envelope<RunEvent>],
    pub(super) planned: EventRef,
    /// The event after which nothing more happened; `None` while it goes on.
    pub(super) ended: Option<EventRef>,
    /// The last event that says something about a command.
    units: BTreeMap<Unit, EventRef>,
}

impl<'a> Told<'a> {
    /// Reads a run's events; `None` when they do not begin with its planning.
    pub(super) fn read(run: &'a Run, events: &'a [Envelope<RunEvent>]) -> Option<Told<'a>> {
        let first = events.first().filter(|first| matches!(first.event, RunEvent::Planned { .. }))?;
        let mut told = Told { run, events, planned: place(first), ended: None, units: BTreeMap::new() };
        // where it had ended, when it was ordered to go on
        let mut before = None;
        for envelope in events {
            if let Some(unit) = unit_of(&envelope.event) {
                told.units.insert(unit, place(envelope));
            }
            match &envelope.event {
                RunEvent::Succeeded
                | RunEvent::Failed { .. }
                | RunEvent::Cancelled { .. }
                | RunEvent::ApprovalExpired
                | RunEvent::Undone
                | RunEvent::UndoFailed { .. } => told.ended = Some(place(envelope)),
                RunEvent::RetryOrdered { .. } => before = told.ended.take().or(before),
                RunEvent::OrderDropped { .. } => told.ended = told.ended.take().or(before.take()),
                RunEvent::CommandStarted { .. } => before = None,
                RunEvent::UndoStarted => told.ended = None,
                _ => {}
            }
        }
        Some(told)
    }

    /// Its planning, and its end where it has one.
    pub(super) fn frame(&self) -> Vec<EventRef> {
        std::iter::once(self.planned).chain(self.ended).collect()
    }

    /// Commands that still are in doubt, with the event that says so.
    pub(super) fn in_doubt(&self) -> impl Iterator<Item = (Unit, EventRef)> + '_ {
        self.run.commands.iter().filter_map(|(unit, phase)| match phase {
            CommandPhase::InDoubt { .. } => Some((*unit, *self.units.get(unit)?)),
            _ => None,
        })
    }

    /// `true` once some command was started.
    pub(super) fn acted(&self) -> bool {
        self.events.iter().any(|envelope| matches!(envelope.event, RunEvent::CommandStarted { .. }))
    }

    /// Its part of the review.
    pub(super) fn section(&self, book: &mut Book, moments: &Moments) -> RunSection {
        let run = self.run;
        let title = md(&run.plan.title);
        let word = run.status.word().replace('_', " ");
        let status = match (&run.status, self.ended) {
            (Status::Failed { reason } | Status::UndoFailed { reason }, Some(_)) => {
                format!("ended {word}: {}", md(reason))
            }
            (Status::Succeeded, Some(_)) => match going_on::vouched_words(run) {
                Some(said) => format!("ended {word}, and {}", md(&said)),
                None => format!("ended {word}"),
            },
            (_, Some(_)) => format!("ended {word}"),
            (_, None) => format!("not ended ({word})"),
        };
        let mut risk = run.risk.risk.word().to_owned();
        if !run.risk.reasons.is_empty() {
            let reasons: Vec<_> = run.risk.reasons.iter().map(|reason| md(reason)).collect();
            risk = format!("{risk} ({})", reasons.join("; "));
        }
        let by = md(&run.requester.to_string());
        let frame = self.frame();
        let text = format!("{title}: risk {risk}, asked for by {by}, {status}");
        let refs = book.cite(&text, &frame);
        let undo = book.say(self.undo(), &frame);
        let own = self.events.iter().find_map(|envelope| match &envelope.event {
            RunEvent::Approved { by, reason: Some(reason), .. } if *by == run.requester => Some(reason),
            _ => None,
        });
        RunSection {
            title,
            run: run.id.to_string(),
            fingerprint: run.fingerprint.code(),
            risk,
            by,
            status,
            undo: format!("{} {}", undo.text, undo.refs),
            reason: own.map(|reason| md(reason)),
            refs,
            steps: (0..run.plan.steps.len()).map(|step| self.step(book, step)).collect(),
            // What the diagnostics showed has its own part of the review.
            checks: if run.unasked { Vec::new() } else { self.checks(book, moments) },
        }
    }

    fn undo(&self) -> String {
        match &self.run.status {
            Status::Undone => "undone".to_owned(),
            Status::Undoing => "under way".to_owned(),
            Status::UndoFailed { .. } => "failed; the target needs a person".to_owned(),
            _ if self.run.undo_units().is_empty() => "nothing to undo".to_owned(),
            _ => "not undone".to_owned(),
        }
    }

    fn step(&self, book: &mut Book, step: usize) -> StepRow {
        let title = words::step(self.run, Unit { step, role: UnitRole::Main, index: 0, item: None });
        let units: Vec<_> =
            self.run.units().filter(|unit| unit.step == step && self.run.command(*unit).is_some()).collect();
        let (mut passed, mut total) = (0, 0);
        let mut worst = (0, "pass");
        for unit in &units {
            let wanted = self.run.command(*unit).map_or(1, |command| command.expectations.len().max(1));
            let phase = self.run.commands.get(unit);
            let verdicts = match phase {
                Some(CommandPhase::Ended { verdicts, .. }) => verdicts.as_slice(),
                _ => &[],
            };
            passed += verdicts.iter().filter(|verdict| verdict.outcome == Outcome::Pass).count();
            total += wanted.max(verdicts.len());
            worst = worst.max(rank(phase));
        }
        let outcome = if units.is_empty() { "unknown: left to people" } else { worst.1 };
        let mut evidence: Vec<_> = units.iter().filter_map(|unit| self.units.get(unit).copied()).collect();
        if evidence.len() < units.len() || evidence.is_empty() {
            // That nothing happened is shown by the run as a whole.
            evidence.extend(self.frame());
        }
        let refs = book.cite(&format!("{title}: {outcome}, {passed} of {total}"), &evidence);
        StepRow { title, outcome: outcome.to_owned(), passed, total, refs }
    }

    fn checks(&self, book: &mut Book, moments: &Moments) -> Vec<CheckRow> {
        let mut rows = Vec::new();
        for envelope in self.events {
            let here = [place(envelope)];
            let Some(unit) = unit_of(&envelope.event) else { continue };
            let mut row = |expected: String, outcome: &str, reason: String| {
                let (step, command) = (words::step(self.run, unit), words::command(self.run, unit));
                let refs = book.cite(&format!("{command}: {expected}: {outcome}: {reason}"), &here);
                rows.push(CheckRow { step, command, expected, outcome: outcome.to_owned(), reason, refs });
            };
            match &envelope.event {
                RunEvent::CommandEnded { verdicts, .. } => {
                    for verdict in verdicts {
                        row(
                            words::expected(&verdict.text),
                            words::outcome(verdict.outcome),
                            md(&verdict.reason),
                        );
                    }
                }
                RunEvent::CommandInDoubt { reason, .. } => row(String::new(), "in doubt", md(reason)),
                RunEvent::CommandNotStarted { reason, .. } => row(String::new(), "not started", md(reason)),
                RunEvent::CommandSkipped { reason, .. } => row(String::new(), "skipped", md(reason)),
                RunEvent::PassedOver { reason, .. } => row(String::new(), "passed over", md(reason)),
                RunEvent::AnsweredYes { reason, .. } => {
                    let who = md(&envelope.actor.to_string());
                    let why = reason.as_deref().map_or_else(|| "no reason given".to_owned(), md);
                    row(String::new(), "answered yes", format!("{who}: {why}"));
                }
                RunEvent::AnsweredNo { reason, .. } => {
                    let who = md(&envelope.actor.to_string());
                    let why = reason.as_deref().map_or_else(|| "no reason given".to_owned(), md);
                    row(String::new(), "answered no", format!("{who}: {why}"));
                }
                RunEvent::RetryScheduled { due, .. } => {
                    row(String::new(), "tried again", format!("by itself, from {}", moments.clock(*due)));
                }
                RunEvent::DoubtSettled { reason, .. } => row(String::new(), "settled", md(reason)),
                RunEvent::RetryOrdered { .. } => {
                    let who = md(&envelope.actor.to_string());
                    row(String::new(), "ordered again", format!("{who} at {}", moments.clock(envelope.at)));
                }
                _ => {}
            }
        }
        rows
    }

    /// Every question about a plan and what was said to it, in order.
    pub(super) fn approvals(&self, book: &mut Book, moments: &Moments) -> Vec<ApprovalRow> {
        let mut rows = Vec::new();
        let mut waiting = false;
        let plan = words::plan(self.run, &self.run.fingerprint);
        for envelope in self.events {
            let actor = &envelope.actor;
            let (by, decision, reason) = match &envelope.event {
                RunEvent::ApprovalAsked { .. } => {
                    waiting = true;
                    let needed = self.run.yeses_due();
                    (actor, "asked", Some(format!("{needed} other people needed")))
                }
                RunEvent::Approved { by, reason, .. } => (by, "approved", reason.as_deref().map(md)),
                RunEvent::ApprovalRefused { by, reason, times } => {
                    (by, "refused", Some(md(&refused_words(reason, *times))))
                }
                RunEvent::ApprovalExpired => (actor, "expired", None),
                RunEvent::OrderDropped { reason } => (actor, "not given", Some(md(reason))),
                RunEvent::Cancelled { reason } if waiting => (actor, "cancelled", reason.as_deref().map(md)),
                RunEvent::Started => {
                    waiting = false;
                    continue;
                }
                _ => continue,
            };
            let by = md(&by.to_string());
            let refs = book.cite(&format!("{by}: {decision}: {plan}"), &[place(envelope)]);
            rows.push(ApprovalRow {
                at: moments.clock(envelope.at),
                by,
                decision: decision.to_owned(),
                plan: plan.clone(),
                reason,
                refs,
            });
        }
        rows
    }
}

/// The command that an event is about.
fn unit_of(event: &RunEvent) -> Option<Unit> {
    match event {
        RunEvent::CommandStarted { unit, .. }
        | RunEvent::CommandEnded { unit, .. }
        | RunEvent::ValueCaptured { unit, .. }
        | RunEvent::ItemsBound { unit, .. }
        | RunEvent::CommandNotStarted { unit, .. }
        | RunEvent::CommandInDoubt { unit, .. }
        | RunEvent::CommandSkipped { unit, .. }
        | RunEvent::AnsweredYes { unit, .. }
        | RunEvent::AnsweredNo { unit, .. }
        | RunEvent::FailureNoted { unit, .. }
        | RunEvent::RetryScheduled { unit, .. }
        | RunEvent::PassedOver { unit, .. }
        | RunEvent::DoubtSettled { unit, .. }
        | RunEvent::RetryOrdered { unit } => Some(*unit),
        _ => None,
    }
}

/// How bad a command's state is, and its word.
fn rank(phase: Option<&CommandPhase>) -> (u8, &'static str) {
    let of = |outcome: Outcome| match outcome {
        Outcome::Pass => (0, "pass"),
        Outcome::Ask => (6, "ask"),
        Outcome::Late => (7, "late"),
        Outcome::Fail => (8, "fail"),
    };
    match phase {
        Some(CommandPhase::Ended { vouched: true, verdicts, .. })
            if verdicts.iter().any(|verdict| verdict.outcome == Outcome::Fail) =>
        {
            (7, "fail, passed over by a person")
        }
        Some(CommandPhase::Ended { vouched: true, .. }) => (1, "pass, vouched for by a person"),
        Some(CommandPhase::Ended { noted: true, .. }) => (7, "fail, only noted"),
        Some(CommandPhase::Ended { verdicts, .. }) => {
            verdicts.iter().map(|verdict| of(verdict.outcome)).max().unwrap_or((0, "pass"))
        }
        Some(CommandPhase::MarkedDone) => (2, "marked done by a person"),
        Some(CommandPhase::Probed) => (2, "done, as its probe saw"),
        Some(CommandPhase::Skipped { .. }) => (3, "skipped"),
        Some(CommandPhase::PassedOver { .. }) => (6, "passed over by a person"),
        None => (4, "not reached"),
        Some(CommandPhase::NotStarted { .. }) => (5, "not started"),
        Some(CommandPhase::Started { .. }) => (9, "unknown: no outcome yet"),
        Some(CommandPhase::InDoubt { .. }) => (10, "in doubt"),
    }
}
