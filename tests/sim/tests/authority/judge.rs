//! What must hold, told from the record alone and from who is known to have asked.

use std::collections::{BTreeMap, BTreeSet};

use runbook_core::ids::RunId;
use runbook_core::journal::Envelope;
use runbook_core::run::{Run, RunEvent, UnitRole};
use runbook_core::runbook::Effect;

use crate::stage::{BOOKS, Stage, locked};

/// Which human asked for what. The engine never sees this.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    pub(crate) asked: BTreeMap<RunId, String>,
    /// Who ordered that a command be repeated, by run and by which question it was.
    pub(crate) ordered: BTreeMap<(RunId, usize), String>,
}

impl Truth {
    /// Notes what `human` has just caused.
    pub(crate) fn note(&mut self, human: &str, runs: &[(Run, Vec<Envelope<RunEvent>>)]) {
        for (run, events) in runs.iter().filter(|(run, _)| !run.unasked) {
            self.asked.entry(run.id).or_insert_with(|| human.to_owned());
            let questions =
                events.iter().filter(|event| matches!(event.event, RunEvent::ApprovalAsked { .. }));
            for number in 2..=questions.count() {
                self.ordered.entry((run.id, number)).or_insert_with(|| human.to_owned());
            }
        }
    }
}

/// How many other people must say yes to this runbook, by the test's own table.
pub(crate) fn due(name: &str, irreversible: u8) -> Option<(u8, bool)> {
    let book = BOOKS.iter().find(|book| book.name == name)?;
    let policy = if book.changes { irreversible } else { 0 };
    Some((policy.max(book.raised), book.changes))
}

/// What is wrong with this world.
pub(crate) async fn judge(stage: &Stage, truth: &Truth, irreversible: u8) -> Result<(), String> {
    // first what was started: what starts while the record is read has its intent in a later one
    let starts = locked(&stage.notes.starts).clone();
    let runs = stage.runs().await;
    let mut intents = BTreeMap::new();
    for (run, events) in &runs {
        one(run, events, truth, irreversible, &mut intents).map_err(|wrong| {
            let told: Vec<_> =
                events.iter().map(|event| format!("{} {:?}", event.actor, event.event)).collect();
            let told: Vec<_> = told.iter().map(|line| line.chars().take(160).collect::<String>()).collect();
            format!("{} ({}): {wrong}\n{}", run.id, run.plan.runbook, told.join("\n"))
        })?;
    }
    let mut seen = BTreeSet::new();
    for start in &starts {
        if !seen.insert((start.run, start.attempt)) {
            return Err(format!("{} attempt {} was started twice", start.run, start.attempt));
        }
        match intents.get(&(start.run, start.attempt)) {
            Some(text) if *text == start.text => {}
            other => return Err(format!("{:?} was started, and the record says {other:?}", start.text)),
        }
    }
    Ok(())
}

fn one(
    run: &Run,
    events: &[Envelope<RunEvent>],
    truth: &Truth,
    irreversible: u8,
    intents: &mut BTreeMap<(RunId, u32), String>,
) -> Result<(), String> {
    let (due, changes) = due(&run.plan.runbook, irreversible).unwrap_or((0, true));
    // the same again on the same target needs somebody else
    let due = due.max(u8::from(run.repeats.is_some()));
    let asker = truth.asked.get(&run.id);
    let (mut questions, mut expires, mut allowed, mut ever) = (0, None, !changes && due == 0, false);
    let mut yes: BTreeSet<String> = BTreeSet::new();
    let mut code = None;
    let mut before = (allowed, code);
    for event in events {
        match &event.event {
            RunEvent::Planned { fingerprint, .. } => code = Some(fingerprint),
            RunEvent::ItemsBound { fingerprint: Some(fingerprint), .. } => code = Some(fingerprint),
            RunEvent::ApprovalAsked { expires_at, fingerprint, .. } => {
                before = (allowed, code);
                code = fingerprint.as_ref().or(code);
                questions += 1;
                expires = Some(*expires_at);
                allowed = false;
                yes.clear();
            }
            RunEvent::Approved { by, reason, fingerprint } => {
                if reason.is_none() && due == 0 && changes {
                    return Err("somebody acted alone, and nobody knows why".to_owned());
                }
                let by = by.to_string();
                let reason = reason.as_deref().unwrap_or(&by);
                let human = reason.split(' ').next().unwrap_or_default();
                if reason.contains("wrong") || (due > 0 && reason.contains("nothing")) {
                    return Err(format!("a yes to something else counts: {reason}"));
                }
                if Some(fingerprint) != code {
                    return Err("a yes to another fingerprint is on record".to_owned());
                }
                if expires.is_none_or(|end| event.at >= end) {
                    return Err("a yes counts after its time".to_owned());
                }
                if !yes.insert(human.to_owned()) {
                    return Err(format!("{human} is counted twice"));
                }
            }
            // what was ordered is not done, and what others agreed to before still holds
            RunEvent::OrderDropped { .. } => (allowed, code) = before,
            RunEvent::Started if run.unasked => allowed = true,
            RunEvent::Started => {
                let orderer = truth.ordered.get(&(run.id, questions));
                let others = yes.iter().filter(|human| Some(*human) != asker && Some(*human) != orderer);
                if others.count() < usize::from(due) {
                    return Err(format!(
                        "{due} others are due, {yes:?} said yes, {asker:?} asked, {orderer:?} ordered"
                    ));
                }
                (allowed, ever) = (true, true);
            }
            RunEvent::CommandStarted { unit, attempt, .. } => {
                let command = run.command(*unit).ok_or("no such command")?;
                intents.insert((run.id, *attempt), command.text.clone());
                if command.effect == Effect::Read && (allowed || ever) {
                    continue;
                }
                if run.unasked && command.effect != Effect::Read {
                    return Err("what changes something runs unasked".to_owned());
                }
                let may = if unit.role == UnitRole::Undo { ever } else { allowed };
                if !may {
                    return Err(format!("{unit:?} begins without a yes"));
                }
            }
            _ => {}
        }
    }
    Ok(())
}
