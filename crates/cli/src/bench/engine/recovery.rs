//! Runs that were under way when engine and supervisors were killed: how long until each of them is settled.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use blocks_engine::LibraryEntry;
use runbook_core::ids::RunId;
use runbook_core::ports::{Begun, BoxFuture, ExecError, Executor, Finished, Job, Resumed};
use serde_json::Value;
use tokio::time::Instant;

use super::place::{LOOK, PATIENCE, Place, steps};
use crate::bench::process;
use crate::exit::Stop;

/// Leaves that many runs in the middle of a command that must not be repeated, then recovers them with the real
/// command. Milliseconds from its start to its end.
pub(super) async fn run(runs: usize) -> Result<f64, Stop> {
    let place = Place::new()?;
    let place = tokio::task::spawn_blocking(move || leave(place, runs)).await.map_err(Stop::failed)??;
    let words = ["runbook", "recover", "-o", "json", "--config"].map(str::to_owned).into_iter();
    let words: Vec<String> = words.chain([place.config().display().to_string()]).collect();
    let ours = std::env::current_exe().map_err(Stop::failed)?;
    let began = Instant::now();
    let said = process::said(&ours, &words, PATIENCE).await?;
    let took = began.elapsed();
    let said: Value = serde_json::from_str(&said).map_err(Stop::failed)?;
    let settled =
        said["runs"].as_array().into_iter().flatten().filter(|run| run["status"] == "in_doubt").count();
    if settled != runs {
        return Err(Stop::failed(format!("{settled} of {runs} runs were settled by the recovery")));
    }
    Ok(took.as_secs_f64() * 1_000.0)
}

/// An engine of its own runtime, which ends like a killed one: nothing is waited for.
fn leave(place: Place, runs: usize) -> Result<Place, Stop> {
    let runtime = tokio::runtime::Runtime::new().map_err(Stop::failed)?;
    let held = Arc::new(Holding { folder: place.runs(), begun: AtomicUsize::new(0) });
    runtime.block_on(async {
        let owned = place.engine_with(held.clone())?;
        for number in 0..runs {
            // Each its own target: they would have to wait for each other.
            let file = place.runbook("left", &steps(&format!("left-{number}"), 1, "once"))?;
            owned.begin(&LibraryEntry::from_file(&file).map_err(Stop::usage)?).await?;
        }
        let all = async {
            while held.begun.load(Ordering::Relaxed) < runs {
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::time::timeout(PATIENCE, all).await.map_err(|_| Stop::failed("not every run began"))
    })?;
    runtime.shutdown_timeout(Duration::ZERO);
    Ok(place)
}

/// Begins a command, as far as its run's folder shows it, and never ends it: what is left when the processes are gone.
struct Holding {
    folder: PathBuf,
    begun: AtomicUsize,
}

impl Holding {
    fn begin(&self, job: &Job) -> std::io::Result<()> {
        let folder = self.folder.join(job.run.to_string());
        std::fs::create_dir_all(&folder)?;
        std::fs::File::create(folder.join(format!("{}.begun", job.attempt)))?;
        self.begun.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

impl Executor for Holding {
    fn run(&self, job: Job) -> BoxFuture<'_, Result<Finished, ExecError>> {
        Box::pin(async move {
            match self.begin(&job) {
                Ok(()) => std::future::pending().await,
                Err(error) => Err(ExecError::NotStarted(error.to_string())),
            }
        })
    }

    fn cancel(&self, _run: RunId) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    fn resume(&self, _begun: Begun) -> BoxFuture<'_, Resumed<'_>> {
        Box::pin(async { Resumed::Ended(Err(ExecError::Lost("it is only held".to_owned()))) })
    }

    fn end_leftovers(&self, _but: BTreeSet<RunId>) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}
