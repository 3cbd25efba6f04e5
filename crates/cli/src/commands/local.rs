//! A terminal's own run: no engine is running, so this process becomes it for as long as the run takes.

use std::collections::BTreeMap;
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::time::Duration;

use blocks_engine::{Asker, Engine, LibraryEntry, Reply, read};
use blocks_server::{EngineLock, SocketUser};
use runbook_core::ids::RunId;
use runbook_core::people::Credential;
use runbook_core::request::Request;

use super::compose::check_programs;
use crate::config::Config;
use crate::exit::{Code, Stop};
use crate::printer::{self, Output};

/// What to do as the engine.
pub(super) enum What<'a> {
    /// A request of the shared grammar.
    Request(&'a Request),
    /// A runbook from a file outside the library.
    File(&'a LibraryEntry, &'a BTreeMap<String, String>),
}

/// Becomes the engine, does it, and follows the run until it rests.
pub(super) async fn run(config: &Config, what: What<'_>, output: Output, yes: bool) -> Result<Code, Stop> {
    check_programs()?;
    let mut lock =
        EngineLock::acquire(&config.data_dir).map_err(|error| Stop::new(Code::Refused, error.to_string()))?;
    let engine = super::shared::own_engine(config)?;
    lock.publish(None, None).map_err(Stop::failed)?;
    engine.start().await?;
    let user = SocketUser::from_uid(rustix::process::geteuid().as_raw()).name;
    let asker = Asker { actor: engine.directory().actor(&Credential::OsUser { name: user }), channel: None };
    let result = ask_and_follow(&engine, what, &asker, output, yes).await;
    engine.drain(Duration::from_secs(1)).await;
    result
}

async fn ask_and_follow(
    engine: &Engine,
    what: What<'_>,
    asker: &Asker,
    output: Output,
    yes: bool,
) -> Result<Code, Stop> {
    let reply = match what {
        What::Request(request) => engine.request(request, asker).await?,
        What::File(entry, params) => engine.run_entry(entry, params, asker).await?,
    };
    let Some(run) = reply.data["id"].as_str().and_then(|id| id.parse::<RunId>().ok()) else {
        printer::reply(&reply, output);
        return Ok(Code::Success);
    };
    if reply.data["status"] == "waiting_for_approval" {
        confirm(engine, run, &reply, asker, yes).await?;
    }
    let last = follow(engine, run).await?;
    printer::reply(&last, output);
    Ok(code_of_status(&last.data["status"]))
}

/// Where nobody else is needed, the person at the terminal confirms by typing the target's name.
async fn confirm(engine: &Engine, run: RunId, reply: &Reply, asker: &Asker, yes: bool) -> Result<(), Stop> {
    printer::note(&reply.text);
    if reply.data["approvals_needed"] != 0 {
        return Err(Stop::new(
            Code::Refused,
            format!(
                "run {run} waits for another person\nhint: they approve it with `blocks runbook approve {run}` where Blocks serves"
            ),
        ));
    }
    let target = reply.data["target"].as_str().unwrap_or_default().to_owned();
    if !yes {
        if !std::io::stdin().is_terminal() {
            return Err(Stop::new(
                Code::Refused,
                format!("run {run} waits for a person to confirm\nhint: run it in a terminal, or give --yes"),
            ));
        }
        let wanted = target.clone();
        let typed = tokio::task::spawn_blocking(move || prompt(&wanted)).await.map_err(Stop::failed)?;
        if typed.trim() != target {
            let cancel = Request::RunbookCancel { run: Some(run.to_string()) };
            engine.request(&cancel, asker).await?;
            return Err(Stop::new(Code::Refused, "not confirmed: nothing was run"));
        }
    }
    let approve = Request::RunbookApprove { run: Some(run.to_string()), fingerprint: None, reason: None };
    engine.request(&approve, asker).await?;
    Ok(())
}

fn prompt(target: &str) -> String {
    let _ = write!(std::io::stderr(), "type {target} to run it: ");
    let _ = std::io::stderr().flush();
    let mut line = String::new();
    let _ = std::io::stdin().lock().read_line(&mut line);
    line
}

/// Follows a run until it rests, telling each change of a step.
async fn follow(engine: &Engine, run: RunId) -> Result<Reply, Stop> {
    let mut changes = engine.changes();
    let mut told: BTreeMap<String, String> = BTreeMap::new();
    loop {
        changes.borrow_and_update();
        let reply = read::run(engine.store(), run).await?;
        for step in reply.data["steps"].as_array().into_iter().flatten() {
            let (title, status) =
                (step["title"].as_str().unwrap_or(""), step["status"].as_str().unwrap_or(""));
            let id = step["id"].as_str().unwrap_or("");
            if told.get(id).is_none_or(|before| before != status) {
                if status != "waiting" {
                    printer::note(&format!("{status:<10} {title}"));
                }
                told.insert(id.to_owned(), status.to_owned());
            }
        }
        if !matches!(reply.data["status"].as_str(), Some("running" | "undoing" | "planned")) {
            return Ok(reply);
        }
        if changes.changed().await.is_err() {
            return Ok(reply);
        }
    }
}

/// The exit code that a run's status word stands for.
pub(super) fn code_of_status(status: &serde_json::Value) -> Code {
    match status.as_str() {
        Some("succeeded" | "running") => Code::Success,
        Some("waiting_for_approval" | "paused" | "planned") => Code::Refused,
        Some("in_doubt" | "undo_failed") => Code::Doubt,
        _ => Code::Failed,
    }
}
