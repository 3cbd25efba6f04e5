//! What must be true whatever happened: checked over the journal, the read models and the world.

use std::collections::BTreeMap;

use runbook_core::ids::RunId;
use runbook_core::incident::{IncidentEvent, evolve as evolve_incident};
use runbook_core::journal::{Envelope, StoredEvent, StreamId, open, verify_stream};
use runbook_core::message::ChatMessage;
use runbook_core::people::Actor;
use runbook_core::run::{CommandPhase, Run, RunEvent, Unit, evolve as evolve_run};
use runbook_core::runbook::Effect;
use serde::de::DeserializeOwned;

use super::{Bench, Data, Sabotage, World, locked};

/// What is wrong, in words; empty when nothing is.
pub(crate) fn check(bench: &Bench) -> Vec<String> {
    let mut wrong = Vec::new();
    let data = locked(&bench.data);
    check_messages(&bench.world, &data, &mut wrong);
    for (stream, events) in &data.streams {
        if let Err(error) = verify_stream(stream, events) {
            wrong.push(error.to_string());
        }
        match stream {
            StreamId::Incident(id) => {
                let mut state = None;
                let mut reviews = 0;
                for envelope in envelopes::<IncidentEvent>(events) {
                    reviews += usize::from(matches!(envelope.event, IncidentEvent::ReviewDrafted { .. }));
                    state = Some(evolve_incident(state, &envelope).unwrap());
                }
                if reviews > 1 {
                    wrong.push(format!("{stream}: its review was drafted {reviews} times"));
                }
                if state.map(|state| state.row()).as_ref() != data.incidents.get(id) {
                    wrong.push(format!("{stream}: its row is not what its events say"));
                }
            }
            StreamId::Run(id) => check_run(*id, events, &bench.world, &data, &mut wrong),
        }
    }
    wrong
}

fn envelopes<E: DeserializeOwned>(events: &[StoredEvent]) -> Vec<Envelope<E>> {
    events.iter().map(|event| open(event).unwrap()).collect()
}

/// One channel, one card, one review's file for an incident; one plan and one progress message for a run.
fn check_messages(world: &World, data: &Data, wrong: &mut Vec<String>) {
    let chat = locked(&world.chat);
    let mut seen = BTreeMap::new();
    for (key, _) in &chat.channels {
        *seen.entry(key.clone()).or_insert(0) += 1;
    }
    let mut cards = 0;
    for (_, posted) in chat.editable() {
        *seen.entry(posted.key.clone()).or_insert(0) += 1;
        cards += usize::from(matches!(posted.message, ChatMessage::Card { .. }));
    }
    for (key, count) in seen.into_iter().filter(|(_, count)| *count > 1) {
        wrong.push(format!("{key} is there {count} times"));
    }
    if cards > data.incidents.len() || chat.channels.len() > data.incidents.len() {
        wrong.push(format!("{cards} cards and {} channels", chat.channels.len()));
    }
}

fn check_run(id: RunId, events: &[StoredEvent], world: &World, data: &Data, wrong: &mut Vec<String>) {
    let mut envelopes = envelopes::<RunEvent>(events);
    if world.is_sabotaged(Sabotage::ForgetIntents)
        && let Some(last) = envelopes.iter().rposition(|e| matches!(e.event, RunEvent::CommandStarted { .. }))
    {
        envelopes.truncate(last);
    }
    let mut state: Option<Run> = None;
    let mut intents: Vec<(u32, Unit)> = Vec::new();
    let mut orders: BTreeMap<Unit, Actor> = BTreeMap::new();
    for envelope in envelopes {
        if let Some(run) = &state {
            match &envelope.event {
                RunEvent::CommandStarted { unit, attempt, .. } => {
                    if let Some(why) = unfounded(run, *unit, &intents, &orders, &envelope) {
                        wrong.push(format!("run {id}, attempt {attempt}: {why}"));
                    }
                    intents.push((*attempt, *unit));
                }
                RunEvent::RetryOrdered { unit } => {
                    orders.insert(*unit, envelope.actor.clone());
                }
                RunEvent::Succeeded if in_doubt(run) => {
                    wrong.push(format!("run {id} succeeded with a command in doubt"));
                }
                _ => {}
            }
        }
        state = Some(evolve_run(state, &envelope).unwrap());
    }
    let Some(run) = state else { return };
    if Some(&run.row()) != data.runs.get(&id) {
        wrong.push(format!("run {id}: its row is not what its events say"));
    }
    let starts = locked(&world.starts);
    let mut seen = BTreeMap::new();
    for start in starts.iter().filter(|start| start.run == id) {
        *seen.entry(start.attempt).or_insert(0) += 1;
        if !intents.iter().any(|(attempt, _)| *attempt == start.attempt) {
            wrong.push(format!("run {id}, attempt {}: started without an intent", start.attempt));
        }
    }
    for (attempt, count) in seen.into_iter().filter(|(_, count)| *count > 1) {
        wrong.push(format!("run {id}, attempt {attempt}: started {count} times"));
    }
}

fn in_doubt(run: &Run) -> bool {
    run.commands
        .values()
        .any(|phase| matches!(phase, CommandPhase::InDoubt { .. } | CommandPhase::Started { .. }))
}

/// Why this command may not start now, seen from what was before.
fn unfounded(
    run: &Run,
    unit: Unit,
    intents: &[(u32, Unit)],
    orders: &BTreeMap<Unit, Actor>,
    envelope: &Envelope<RunEvent>,
) -> Option<String> {
    let command = run.command(unit)?;
    let changes = command.effect != Effect::Read;
    if run.unasked && changes {
        return Some("it may change something, and nobody asked for it".to_owned());
    }
    let others =
        run.approvals.iter().filter(|yes| matches!(&yes.by, Actor::Person(_)) && yes.by != run.requester);
    if changes && others.count() < usize::from(run.approvals_needed) {
        return Some(format!("only {} approvals count", run.approvals.len()));
    }
    let again = intents.iter().filter(|(_, known)| *known == unit).count();
    let ordered = run.repeated.contains(&unit);
    let nothing_happened =
        matches!(run.commands.get(&unit), Some(CommandPhase::NotStarted { .. }) | None) && !ordered;
    if again > 0 && command.effect == Effect::Once && !nothing_happened {
        // The yes must be younger than the order to repeat it: ordering it asks afresh, which clears what was.
        let fresh = run.approvals.iter().any(|yes| Some(&yes.by) != orders.get(&unit));
        if !ordered || !fresh {
            return Some(format!(
                "a command that must not be repeated, for time {}, at {}",
                again + 1,
                envelope.at
            ));
        }
    }
    None
}
