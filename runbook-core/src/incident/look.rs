//! The looks at an incident: which runbooks look, what came of each, and what is taken over from another incident's.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::changes::merged;
use super::command::{IncidentCommand, LookEnd, Taken};
use super::decide::{Decision, Effect, severity_changed};
use super::event::{IncidentEvent, RunOutcome, SharedFrom};
use super::state::{Evidence, Incident, Triage};
use super::triage_note::{failed_note, told, triage_note};
use crate::expectation::Outcome;
use crate::ids::{IncidentNumber, RunId};
use crate::journal::Envelope;
use crate::message::Outgoing;
use crate::sabotage::{Sabotage, is_on};

/// What the looks at an incident have come to, at the service that it belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Looks {
    /// Those of other incidents that count here.
    pub shared: Vec<SharedLook>,
    /// Runbooks that could not start.
    pub failed: Vec<String>,
    /// Why some were not all, a line each.
    pub cut: Vec<String>,
    /// A person or the pager has named a severity since it was opened.
    pub severity_said: bool,
    /// What its sender tells beside the page is known.
    pub details_known: bool,
    /// Runs that have ended.
    ended: Vec<RunId>,
    /// Commands of these.
    commands: u32,
}

/// A look of another incident that counts here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedLook {
    /// The other's run.
    pub run: RunId,
    /// The runbook's name.
    pub runbook: String,
    /// The other.
    pub from: IncidentNumber,
    /// All of it is here.
    pub ended: bool,
}

/// Decides about what a look comes to.
pub(super) fn decide(state: &Incident, command: &IncidentCommand, now: DateTime<Utc>) -> Decision {
    match command {
        IncidentCommand::FailTriage { runbook, reason } => fail(state, runbook, reason),
        IncidentCommand::EndTriage { run, commands } => {
            end(state.clone(), *run, LookEnd { commands: *commands, cut: None })
        }
        IncidentCommand::HearDetails { .. } if state.looks.details_known || !state.status.is_open() => {
            Decision::default()
        }
        IncidentCommand::HearDetails { facts, choice, target_s } => {
            let chosen = Box::new(choice.chosen.clone());
            let mut decision = Decision {
                events: vec![IncidentEvent::RulesAsked { facts: *facts, chosen }],
                effects: Vec::new(),
            };
            if !state.looks.severity_said && choice.severity != state.severity {
                let reason = Some(choice.severity_reason.clone());
                let changed = severity_changed(state, &choice.severity, *target_s, (reason, false), now);
                decision.events.extend(changed.events);
                decision.effects.extend(changed.effects);
            } else {
                decision.effects.push(card(state));
            }
            if choice.chosen.triage.iter().any(|runbook| !state.has_begun(runbook)) {
                decision.effects.push(Effect::StartTriage { incident: state.id });
            }
            decision
        }
        // it was moved while that was asked for
        IncidentCommand::NoteChanges { service, .. } if *service != state.service => Decision::default(),
        IncidentCommand::NoteChanges { changes, .. } => {
            let all = state.changes.iter().chain(changes).cloned().collect();
            let changes = merged(all, state.detected_at);
            if changes == state.changes {
                return Decision::default();
            }
            let events = vec![IncidentEvent::ChangesFound { changes }];
            Decision { events, effects: vec![card(state)] }
        }
        IncidentCommand::Suggest { all } if all.is_empty() || *all == state.suggested => Decision::default(),
        IncidentCommand::Suggest { all } => Decision {
            events: vec![IncidentEvent::RunbooksSuggested { all: all.clone() }],
            effects: vec![card(state)],
        },
        IncidentCommand::ShareTriage { runbook, .. } if state.has_begun(runbook) => Decision::default(),
        IncidentCommand::ShareTriage { run, runbook, from, looked_at } => {
            let (run, runbook, from, looked_at) = (*run, runbook.clone(), *from, *looked_at);
            Decision {
                events: vec![IncidentEvent::TriageShared { run, runbook, from, looked_at }],
                effects: vec![card(state)],
            }
        }
        IncidentCommand::TakeEvidence { run, evidence, changes, end: ended } => {
            let is_it = |look: &&SharedLook| look.run == *run && !look.ended;
            let Some(look) = state.looks.shared.iter().find(is_it) else { return Decision::default() };
            let mut next = state.clone();
            let mut events = Vec::new();
            for found in evidence.iter().filter(|found| !state.has_taken(*run, found)) {
                let shared = Some(SharedFrom { from: look.from, at: found.at });
                next.evidence.push(evidence_of(*run, found, shared));
                events.push(event_of(*run, found, shared));
            }
            let changes = merged(state.changes.iter().chain(changes).cloned().collect(), state.detected_at);
            if changes != state.changes {
                next.changes.clone_from(&changes);
                events.push(IncidentEvent::ChangesFound { changes });
            }
            let end = ended.clone().map_or_else(Decision::default, |ended| end(next, *run, ended));
            let mut effects = end.effects;
            if effects.is_empty() && !events.is_empty() {
                effects.push(card(state));
            }
            events.extend(end.events);
            Decision { events, effects }
        }
        _ => Decision::default(),
    }
}

/// A run that only looks was stopped, or could not go on: what it has found counts, and the record says that it is not all.
pub(super) fn cut_off(state: &Incident, run: RunId, outcome: RunOutcome, reason: Option<&str>) -> Decision {
    let link = state.runs.iter().find(|link| link.run == run && link.triage);
    let Some(link) = link.filter(|_| outcome != RunOutcome::Succeeded) else { return Decision::default() };
    let found = state.evidence.iter().filter(|found| found.run == run);
    let commands = found.map(|found| found.command.as_str()).collect::<BTreeSet<_>>().len();
    let cut = format!("{} was cut off: {}", link.runbook, reason.unwrap_or("nobody knows why"));
    let commands = u32::try_from(commands).unwrap_or(u32::MAX);
    let mut decision = end(state.clone(), run, LookEnd { commands, cut: Some(cut) });
    // the end of the run shows the card
    decision.effects.retain(|effect| !matches!(effect, Effect::Send(Outgoing::Card { .. })));
    decision
}

/// One of the looks has ended: the diagnostics are through where it was the last. `state` has everything that was found.
fn end(mut state: Incident, run: RunId, ended: LookEnd) -> Decision {
    let is_ours = state.all_looks().any(|look| look == run);
    // diagnostics of a service that it does not belong to any more say nothing of this one
    if state.looks.ended.contains(&run)
        || !state.is_about_its_service(run)
        || (state.triage.is_some() && !is_ours)
    {
        return Decision::default();
    }
    let LookEnd { commands, cut } = ended;
    let is_last = state.looks_left().is_empty()
        && state.all_looks().all(|look| look == run || state.looks.ended.contains(&look));
    let shown = card(&state);
    if !is_last {
        return Decision {
            events: vec![IncidentEvent::LookEnded { run, commands, cut }],
            effects: vec![shown],
        };
    }
    state.looks.cut.extend(cut.clone());
    let triage = state.counted(state.looks.commands.saturating_add(commands));
    let Triage { commands, passed, failed, ask } = triage;
    let note = told(&state, triage_note(&state, triage));
    Decision {
        events: vec![IncidentEvent::TriageEnded { run, commands, passed, failed, ask, cut }],
        effects: std::iter::once(shown).chain(note).collect(),
    }
}

/// A runbook could not start. Where it is the last of several, the others' results are all there will be.
fn fail(state: &Incident, runbook: &str, reason: &str) -> Decision {
    if state.triage_impossible || state.looks.failed.iter().any(|known| known == runbook) {
        return Decision::default();
    }
    let note = told(state, failed_note(state, runbook, reason));
    let mut decision = Decision {
        events: vec![IncidentEvent::TriageFailed { runbook: runbook.to_owned(), reason: reason.to_owned() }],
        effects: std::iter::once(card(state)).chain(note).collect(),
    };
    let is_left = state.looks_left().iter().any(|left| left != runbook)
        || state.all_looks().any(|look| !state.looks.ended.contains(&look));
    if let Some(run) = state.looks.ended.last().copied().filter(|_| !is_left && state.triage.is_none()) {
        let triage = state.counted(state.looks.commands);
        let Triage { commands, passed, failed, ask } = triage;
        decision.effects.extend(told(state, triage_note(state, triage)));
        decision.events.push(IncidentEvent::TriageEnded { run, commands, passed, failed, ask, cut: None });
    }
    decision
}

fn card(state: &Incident) -> Effect {
    Effect::Send(Outgoing::Card { incident: state.id })
}

fn event_of(run: RunId, found: &Taken, shared: Option<SharedFrom>) -> IncidentEvent {
    IncidentEvent::EvidenceFound {
        run,
        command: found.command.clone(),
        title: found.title.clone(),
        expected: found.expected.clone(),
        outcome: found.outcome,
        reason: found.reason.clone(),
        output_sha256: found.output_sha256.clone(),
        shared,
    }
}

fn evidence_of(run: RunId, found: &Taken, shared: Option<SharedFrom>) -> Evidence {
    Evidence {
        run,
        command: found.command.clone(),
        title: found.title.clone(),
        expected: found.expected.clone(),
        outcome: found.outcome,
        reason: found.reason.clone(),
        output_sha256: found.output_sha256.clone(),
        shared,
    }
}

impl Incident {
    /// Whether diagnostics of the service that it belongs to are under way or through, or cannot be.
    #[must_use]
    pub fn is_looked_at(&self) -> bool {
        self.triage_impossible || self.all_looks().next().is_some()
    }

    /// The chosen runbooks that have not begun to look.
    #[must_use]
    pub fn looks_left(&self) -> Vec<String> {
        let chosen = self.chosen.iter().flat_map(|chosen| chosen.triage.iter());
        chosen.filter(|name| !self.has_begun(name)).cloned().collect()
    }

    /// Whether this runbook has begun to look, looks for another incident, or could not start.
    #[must_use]
    pub fn has_begun(&self, runbook: &str) -> bool {
        self.own_looks().any(|link| link.runbook == runbook)
            || self.looks.shared.iter().any(|look| look.runbook == runbook)
            || self.looks.failed.iter().any(|name| name == runbook)
    }

    fn own_looks(&self) -> impl Iterator<Item = &super::RunLink> {
        self.runs.iter().skip(self.runs_before).filter(|link| link.triage)
    }

    /// The runs that look, its own and others'.
    fn all_looks(&self) -> impl Iterator<Item = RunId> {
        self.own_looks().map(|link| link.run).chain(self.looks.shared.iter().map(|look| look.run))
    }

    fn has_taken(&self, run: RunId, found: &Taken) -> bool {
        if is_on(Sabotage::CountLookTwice) {
            return false;
        }
        self.evidence.iter().any(|known| {
            known.run == run
                && known.command == found.command
                && known.title == found.title
                && known.expected == found.expected
        })
    }

    fn counted(&self, commands: u32) -> Triage {
        let count = |wanted: &[Outcome]| {
            let matching = self.evidence.iter().filter(|line| wanted.contains(&line.outcome)).count();
            u32::try_from(matching).unwrap_or(u32::MAX)
        };
        Triage {
            commands,
            passed: count(&[Outcome::Pass]),
            failed: count(&[Outcome::Fail, Outcome::Late]),
            ask: count(&[Outcome::Ask]),
        }
    }

    /// Keeps what the looks come to.
    pub(super) fn hear_of_looks(&mut self, envelope: &Envelope<IncidentEvent>) {
        match &envelope.event {
            IncidentEvent::SeverityChanged { reason: None, .. } | IncidentEvent::SeverityConfirmed { .. } => {
                self.looks.severity_said = true;
            }
            IncidentEvent::RulesAsked { .. } => self.looks.details_known = true,
            IncidentEvent::ServiceChanged { .. } => {
                let severity_said = self.looks.severity_said;
                self.looks = Looks { severity_said, ..Looks::default() };
                self.suggested.clear();
            }
            IncidentEvent::TriageShared { run, runbook, from, .. } => self.looks.shared.push(SharedLook {
                run: *run,
                runbook: runbook.clone(),
                from: *from,
                ended: false,
            }),
            IncidentEvent::LookEnded { run, commands, cut } => {
                self.looks.commands = self.looks.commands.saturating_add(*commands);
                self.has_ended(*run, cut.as_ref());
            }
            IncidentEvent::TriageEnded { run, commands, cut, .. } => {
                self.looks.commands = *commands;
                self.has_ended(*run, cut.as_ref());
            }
            IncidentEvent::TriageFailed { runbook, .. } => {
                self.looks.failed.push(runbook.clone());
                self.triage_impossible = self.looks_left().is_empty() && self.all_looks().next().is_none();
            }
            _ => {}
        }
    }

    fn has_ended(&mut self, run: RunId, cut: Option<&String>) {
        if !self.looks.ended.contains(&run) {
            self.looks.ended.push(run);
        }
        self.looks.cut.extend(cut.cloned());
        for look in self.looks.shared.iter_mut().filter(|look| look.run == run) {
            look.ended = true;
        }
    }
}
