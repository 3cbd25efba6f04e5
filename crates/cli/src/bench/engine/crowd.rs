//! Many runs side by side: how many commands a second, against how many bash can be started for at all.

use blocks_engine::LibraryEntry;
use tokio::time::Instant;

use super::place::{Place, steps};
use crate::exit::Stop;

/// Starts the runs and waits for all. Commands a second, from the first request to the last end.
pub(super) async fn rate(runs: usize, commands: usize) -> Result<f64, Stop> {
    let place = Place::new()?;
    // They only read, so that nobody waits for another's target.
    let file = place.runbook("crowd", &steps("crowd", commands, "read"))?;
    let entry = LibraryEntry::from_file(&file).map_err(Stop::usage)?;
    let owned = place.engine()?;
    let began = Instant::now();
    for _ in 0..runs {
        owned.begin(&entry).await?;
    }
    let well = owned.rest().await?;
    let rate = super::rate(runs * commands, began.elapsed());
    owned.engine.drain(super::place::PATIENCE).await;
    if well != runs {
        return Err(Stop::failed(format!("{well} of {runs} runs side by side succeeded")));
    }
    Ok(rate)
}
