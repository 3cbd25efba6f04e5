//! A terminal's own run: no engine is running, so this process becomes it for as long as the run takes.

use std::collections::BTreeMap;
use std::io::{BufRead as _, IsTerminal as _};
use std::time::Duration;

use blocks_engine::{Asker, Engine, EngineError, LibraryEntry, Reply};
use blocks_server::{EngineLock, LocalServer, SocketUser};
use runbook_core::ids::RunId;
use runbook_core::people::{Actor, Credential};
use runbook_core::request::Request;
use serde_json::Value;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::compose::check_programs;
use super::follow;
use super::live::{self, Patience};
use crate::config::Config;
use crate::exit::{Code, Stop};
use crate::printer::{self, Output};

/// How long a cancelled run's processes may take to end: asked first, killed after their grace.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// What takes no longer needs no word.
const UNSEEN: Duration = Duration::from_millis(500);

/// What to do as the engine.
pub(super) enum What<'a> {
    /// A request of the shared grammar.
    Request(&'a Request),
    /// A runbook from a file outside the library.
    File(&'a LibraryEntry, &'a BTreeMap<String, String>, Option<&'a str>),
}

/// Becomes the engine, does it, and follows the run until it rests. INT and TERM cancel the run and wait for its
/// processes; a second one ends at once.
pub(super) async fn run(
    config: &Config,
    what: What<'_>,
    output: Output,
    yes: bool,
    patience: Patience,
) -> Result<Code, Stop> {
    check_programs()?;
    let mut signals = Signals::new()?;
    let mut lock =
        EngineLock::acquire(&config.data_dir).map_err(|error| Stop::new(Code::Refused, error.to_string()))?;
    let engine = super::shared::own_engine(config)?;
    // Other terminals of this user look at the run, and decide about it, over the same socket as at a server.
    let socket = config.data_dir.join("engine.sock");
    let server = LocalServer::start(&engine, &socket)
        .inspect_err(|error| printer::note(&format!("other terminals cannot reach this run: {error}")))
        .ok();
    lock.publish(None, server.is_some().then_some(socket)).map_err(Stop::failed)?;
    engine.keep_time();
    // A run that was ended twice over may still have a command that changes its target, and nothing may begin beside that.
    tokio::select! {
        swept = end_leftovers(&engine) => swept?,
        () = signals.next() => return Err(at_once()),
    }
    if let What::Request(request) = what
        // they stop what would be carried on
        && !matches!(request, Request::RunbookPause { .. } | Request::RunbookTakeOver { .. })
        && !matches!(request, Request::RunbookRun { .. } | Request::RunbookRollback { .. })
        && request.is_run_verb()
        && let named = request.run()
    {
        // An earlier process may have left the run in the middle of a command. When no run can be told from this, the
        // request itself knows better which one is meant, or says what is wrong.
        match engine.recover_run(named).await {
            Ok(()) | Err(EngineError::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let user = SocketUser::from_uid(rustix::process::geteuid().as_raw()).name;
    let asker = Asker { actor: engine.directory().actor(&Credential::OsUser { name: user }), channel: None };
    let result = ask_and_follow(&engine, what, &asker, (output, yes, patience), &mut signals).await;
    if let Some(server) = server {
        server.stop().await;
    }
    tokio::select! {
        () = engine.drain(PATIENCE) => result,
        () = signals.next() => Err(at_once()),
    }
}

/// Ends what earlier runs left alive, and says so when that takes its time.
async fn end_leftovers(engine: &Engine) -> Result<(), Stop> {
    let swept = engine.end_leftovers();
    tokio::pin!(swept);
    if let Ok(swept) = tokio::time::timeout(UNSEEN, &mut swept).await {
        return Ok(swept?);
    }
    printer::note("commands of an earlier run are still alive: they are ended first");
    Ok(swept.await?)
}

async fn ask_and_follow(
    engine: &Engine,
    what: What<'_>,
    asker: &Asker,
    (output, yes, patience): (Output, bool, Patience),
    signals: &mut Signals,
) -> Result<Code, Stop> {
    let reply = match what {
        What::Request(request) => engine.request(request, asker).await?,
        What::File(entry, params, section) => engine.run_entry(entry, params, section, asker).await?,
    };
    let Some(run) = reply.data["id"].as_str().and_then(|id| id.parse::<RunId>().ok()) else {
        printer::reply(&reply, output);
        return Ok(Code::Success);
    };
    if let What::Request(request) = what
        && follow::run_of(request).is_none()
    {
        printer::reply(&reply, output);
        // what was under way is taken up, so that its end is on record
        if matches!(request, Request::RunbookPause { .. }) {
            engine.recover_run(Some(&run.to_string())).await?;
        }
        return Ok(Code::Success);
    }
    let to_its_end = async {
        let begins = !matches!(what, What::Request(request) if request.is_run_verb());
        if begins && reply.data["status"] == "waiting_for_approval" {
            confirm(engine, run, &reply, asker, yes, patience).await?;
        }
        follow(engine, run, Some(&reply.data), asker, patience).await
    };
    let last = tokio::select! {
        last = to_its_end => last,
        () = signals.next() => stop(engine, run, asker, signals).await,
    };
    let last = match last {
        // what is left waiting is told whole: whoever asked for JSON reads it there
        Err(stop) if stop.code == Code::Refused => {
            let status = Request::RunbookStatus { run: Some(run.to_string()) };
            printer::reply(&engine.request(&status, asker).await?, output);
            return Err(stop);
        }
        last => last?,
    };
    follow::show(&last, output);
    Ok(follow::code_of(&last.data))
}

/// Cancels the run because the person at the terminal, or the system, said so.
async fn stop(engine: &Engine, run: RunId, asker: &Asker, signals: &mut Signals) -> Result<Reply, Stop> {
    printer::note(
        "told to stop: the run is cancelled (an undo: it has failed then) and its command ended; once more ends at once",
    );
    let cancelled = async {
        let cancel = Request::RunbookCancel { run: Some(run.to_string()), reason: None };
        if let Err(refusal) = engine.request(&cancel, asker).await {
            printer::note(&format!("it is not cancelled: {refusal}"));
        }
        follow(engine, run, None, asker, Patience::None).await
    };
    tokio::select! {
        rests = tokio::time::timeout(PATIENCE, cancelled) => rests.unwrap_or_else(|_| {
            Err(Stop::new(
                Code::Doubt,
                format!(
                    "run {run} did not come to rest within {} s\nhint: `blocks runbook status {run}` says where it stands",
                    PATIENCE.as_secs()
                ),
            ))
        }),
        () = signals.next() => Err(at_once()),
    }
}

fn at_once() -> Stop {
    Stop::new(
        Code::Doubt,
        "ended at once, as told twice: what the last command did is not known\nhint: `blocks runbook status RUN` says what is on record",
    )
}

/// INT and TERM, from the start of the run on.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> Result<Signals, Stop> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt()).map_err(Stop::failed)?,
            terminate: signal(SignalKind::terminate()).map_err(Stop::failed)?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Where nobody else is needed, the person at the terminal confirms by typing the target's name.
async fn confirm(
    engine: &Engine,
    run: RunId,
    reply: &Reply,
    asker: &Asker,
    yes: bool,
    patience: Patience,
) -> Result<(), Stop> {
    printer::note(&reply.text);
    if reply.data["approvals_needed"] != 0 {
        // Another person can say yes over the socket, with a token of their own, while this process lives.
        if matches!(patience, Patience::Until(_)) {
            return Ok(());
        }
        return Err(Stop::new(
            Code::Refused,
            format!("run {run} waits for another person\nhint: {}", how_to_go_on(&reply.data)),
        ));
    }
    let target = reply.data["target"].as_str().unwrap_or_default();
    // `--yes` answers prompts; doing the same again on the same target is a question.
    let repeats = reply.data["repeats"].is_string();
    if !yes || repeats {
        if !std::io::stdin().is_terminal() {
            return Err(Stop::new(
                Code::Refused,
                format!("run {run} waits for a person to confirm it\nhint: {}", how_to_go_on(&reply.data)),
            ));
        }
        let plan = engine.request(&Request::RunbookStatus { run: Some(run.to_string()) }, asker).await?;
        printer::note(&plan.text);
        // who does the same again has to look at what it is
        let wanted = if repeats { reply.data["fingerprint"].as_str().unwrap_or_default() } else { target };
        printer::prompt(&format!("type {wanted} to run it: "));
        if typed().await.trim() != wanted {
            let cancel = Request::RunbookCancel { run: Some(run.to_string()), reason: None };
            engine.request(&cancel, asker).await?;
            return Err(Stop::new(Code::Refused, "not confirmed: nothing was run"));
        }
    }
    let why = match &asker.actor {
        _ if yes && std::io::stdin().is_terminal() => "confirmed with --yes at a terminal".to_owned(),
        _ if yes => "confirmed with --yes, without a terminal".to_owned(),
        // whom blocks.toml names acts for a team, and the review says why
        Actor::Person(_) => {
            printer::prompt("why? it goes into the review: ");
            typed().await.trim().to_owned()
        }
        _ => format!("confirmed at a terminal by typing {target}"),
    };
    // they have just seen the plan that they confirm
    let fingerprint = reply.data["code"].as_str().map(str::to_owned);
    let approve = Request::RunbookApprove { run: Some(run.to_string()), fingerprint, reason: Some(why) };
    engine.request(&approve, asker).await?;
    Ok(())
}

/// What carries this very run on: asking for it again would make a second one.
fn how_to_go_on(run: &Value) -> String {
    match (run["hint"].as_str(), run["next"][0]["command"].as_str()) {
        (Some(hint), _) => hint.to_owned(),
        (None, command) => {
            let who: Vec<_> =
                run["approvers"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let who = if who.is_empty() { String::new() } else { format!(", typed by {}", who.join(" or ")) };
            format!("look at the plan, then `{}`{who}", command.unwrap_or_default())
        }
    }
}

/// A line from the terminal. Its own thread, not the runtime's: nobody waits for it when a signal ends the run.
async fn typed() -> String {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let _ = std::io::stdin().lock().read_line(&mut line);
        let _ = sender.send(line);
    });
    receiver.await.unwrap_or_default()
}

/// Follows a run until it rests.
async fn follow(
    engine: &Engine,
    run: RunId,
    begun: Option<&Value>,
    asker: &Asker,
    patience: Patience,
) -> Result<Reply, Stop> {
    let ask = async |request: &Request| Ok(engine.request(request, asker).await?);
    live::follow(&run.to_string(), begun, patience, ask).await
}
