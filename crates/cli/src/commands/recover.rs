//! `blocks runbook recover`: takes up what a Blocks that is gone has left, and says where each open run stands.
//!
//! A server does the same at its start. This is for a machine where none is to run now.

use blocks_engine::{Engine, EngineError, read};
use blocks_server::{EngineInfo, EngineLock};
use runbook_core::ids::RunId;
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

use super::client;
use super::compose::check_programs;
use super::follow;
use super::live::REST;
use super::local::PATIENCE;
use super::shared::{open_journal, own_engine};
use crate::config::Config;
use crate::exit::{Code, Stop};
use crate::printer::{self, Output};

/// Becomes the engine until every open run rests. Beside an engine that lives it only reads: that one has done it.
pub(super) async fn run(config: &Config, output: Output) -> Result<Code, Stop> {
    // Without a journal there is nothing to take up, and none is made.
    let journal = open_journal(config)?;
    if let Some(running) = EngineInfo::find(&config.data_dir) {
        let silence =
            client::silence_of(&running, "so it takes care of nothing: what follows is what is on record");
        let silence = silence.await;
        match &silence {
            None => {
                printer::note(&format!(
                    "an engine (pid {}) runs here and takes care of its runs",
                    running.pid
                ));
            }
            Some(stop) => printer::note(&stop.text),
        }
        let reply = read::recovered(&journal, &read::open_runs(&journal).await?).await?;
        printer::reply(&reply, output);
        return Ok(match (code_of(&reply.data), silence) {
            (Code::Success, Some(stop)) => stop.code,
            (code, _) => code,
        });
    }
    drop(journal);
    check_programs()?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Stop::failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Stop::failed)?;
    let mut lock =
        EngineLock::acquire(&config.data_dir).map_err(|error| Stop::new(Code::Refused, error.to_string()))?;
    let engine = own_engine(config)?;
    lock.publish(None, None).map_err(Stop::failed)?;
    engine.keep_time();
    let runs = engine.recover_runs().await?;
    tokio::select! {
        rest = to_rest(&engine, &runs) => rest?,
        _ = interrupt.recv() => printer::note("told to stop: what is under way goes on by itself"),
        _ = terminate.recv() => printer::note("told to stop: what is under way goes on by itself"),
    }
    engine.drain(PATIENCE).await;
    let reply = read::recovered(engine.store(), &runs).await?;
    printer::reply(&reply, output);
    Ok(code_of(&reply.data))
}

/// Returns when none of the runs goes on by itself.
async fn to_rest(engine: &Engine, runs: &[RunId]) -> Result<(), EngineError> {
    let mut changes = engine.changes();
    loop {
        changes.borrow_and_update();
        let looked = Instant::now();
        if !read::any_moves(engine.store(), runs).await? {
            return Ok(());
        }
        tokio::time::sleep(looked.elapsed() * REST).await;
        if changes.changed().await.is_err() {
            return Ok(());
        }
    }
}

/// The worst of them.
fn code_of(data: &Value) -> Code {
    let codes = data["runs"].as_array().into_iter().flatten().map(follow::code_of);
    codes.max_by_key(|code| *code as u8).unwrap_or(Code::Success)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_worst_run_decides_the_exit_code() {
        let runs = |words: &[&str]| {
            let runs: Vec<_> = words.iter().map(|status| json!({ "status": status, "steps": [] })).collect();
            code_of(&json!({ "runs": runs }))
        };
        assert_eq!(runs(&[]), Code::Success);
        assert_eq!(runs(&["succeeded", "waiting_for_approval"]), Code::Refused);
        assert_eq!(runs(&["in_doubt", "waiting_for_approval", "failed"]), Code::Doubt);
    }
}
