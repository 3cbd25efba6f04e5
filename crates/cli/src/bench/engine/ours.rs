//! One run of many commands through the engine: the first, with a supervisor that is not there yet, and the others.

use blocks_engine::LibraryEntry;
use chrono::{DateTime, Utc};
use runbook_core::ids::RunId;
use runbook_core::journal::{StreamId, open};
use runbook_core::run::RunEvent;

use super::place::{Owned, Place, steps};
use super::{Course, Shell};
use crate::exit::Stop;

/// Runs it in a fresh folder. Gives what bash was given too, for the floor.
pub(super) async fn run(commands: usize) -> Result<(Course, Shell), Stop> {
    let place = Place::new()?;
    let file = place.runbook("measured", &steps("measured", commands, "once"))?;
    let entry = LibraryEntry::from_file(&file).map_err(Stop::usage)?;
    let owned = place.engine()?;
    let id = owned.begin(&entry).await?;
    if owned.rest().await? != 1 {
        return Err(Stop::failed("the measured run did not succeed"));
    }
    let course = course(&owned, id).await?;
    let shell = Shell::read(&place.runs().join(id.to_string()), commands)?;
    owned.engine.drain(super::place::PATIENCE).await;
    Ok((course, shell))
}

/// How long its commands took, as the journal has it: from one intent to the next.
async fn course(owned: &Owned, id: RunId) -> Result<Course, Stop> {
    let events = owned.engine.store().load(StreamId::Run(id)).await.map_err(Stop::failed)?;
    let mut intents: Vec<DateTime<Utc>> = Vec::new();
    let mut ended = None;
    for stored in &events {
        let envelope = open::<RunEvent>(stored).map_err(Stop::failed)?;
        match envelope.event {
            RunEvent::CommandStarted { .. } => intents.push(envelope.at),
            RunEvent::CommandEnded { .. } => ended = Some(envelope.at),
            _ => {}
        }
    }
    let (Some(first), Some(second), Some(last)) = (intents.first(), intents.get(1), ended) else {
        return Err(Stop::failed("the measured run has fewer than two commands"));
    };
    let ms = |from: &DateTime<Utc>, to: &DateTime<Utc>| (*to - *from).as_seconds_f64() * 1_000.0;
    Ok(Course { cold: ms(first, second), warm: super::per(ms(second, &last), intents.len() - 1) })
}
