//! The shared grammar in a shell: through the running engine, else from the files, else by becoming the engine.

use std::path::Path;
use std::time::Duration;

use blocks_engine::{
    Absent, Asked, Clock as _, EngineError, Hidden, LibraryEntry, Reply, SystemClock, describe, letters,
    on_call, read, suggesting, triggers, which,
};
use blocks_grammar::{Command, JournalCommand, RunbookCommand};
use blocks_server::EngineInfo;
use blocks_store::SqliteStore;
use runbook_core::request::Request;

use super::compose::{Adapters, engine, not_opened, open_store};
use super::live::Patience;
use super::{client, export, follow, incidents, lint, local, recover};
use crate::config::{Config, Secrets};
use crate::exit::{Code, Stop};
use crate::printer::{self, Output};
use crate::secret_key;

/// A repository that was asked so lately is not asked again.
const RECENT: Duration = Duration::from_secs(5);

/// Does what a command of the shared grammar says.
pub(crate) async fn run(
    command: &Command,
    config: Option<&Path>,
    output: Output,
    (yes, wait): (bool, Option<Duration>),
) -> Result<Code, Stop> {
    let patience = Patience::of(wait);
    match command {
        Command::Runbook(RunbookCommand::Lint { paths, deny }) => {
            let paths: Vec<_> = paths.iter().map(std::path::PathBuf::from).collect();
            // a broken configuration is no reason not to lint; what is included may come from its folders
            let config = Config::load(config).ok();
            return lint::run(&paths, config.as_ref(), *deny, output).await;
        }
        Command::Runbook(RunbookCommand::Schema) => {
            printer::json(&runbook_core::runbook::front_matter_schema());
            return Ok(Code::Success);
        }
        Command::Runbook(RunbookCommand::Recover) => {
            return recover::run(&Config::load(config)?, output).await;
        }
        Command::Journal(JournalCommand::Export { stream }) => {
            return export::run(&open_journal(&Config::load(config)?)?, stream.as_deref()).await;
        }
        _ => {}
    }
    let config = Config::load(config)?;
    let request = command.to_request().map_err(Stop::usage)?;
    if let Command::Runbook(runbook) = command
        && let Some(name) = runbook.name()
        && (name.contains('/') || blocks_engine::is_markdown(Path::new(name)))
    {
        return file(Path::new(name), &request, &config, output, (yes, patience)).await;
    }
    // Another terminal's run that takes no requests keeps nobody from reading.
    let running = EngineInfo::find(&config.data_dir);
    let mut absent = running.is_none().then_some(Absent::None);
    if let Some(running) = running.filter(|engine| engine.socket.is_some() || !request.is_read()) {
        match client::ask(&running, &request).await {
            // a reader needs no engine: the journal stands beside it
            Err(silent) if silent.is(client::SILENT) && request.is_read() => {
                printer::note(&silent.text);
                absent = Some(Absent::Silent { line: client::what_to_type(&running) });
            }
            reply => {
                let mut reply = reply?;
                if follow::run_of(&request).is_some() {
                    reply = follow_to_rest(&config, &running, reply, patience).await?;
                }
                show(&request, &reply, output);
                return Ok(code_of(&request, &reply));
            }
        }
    }
    if let Request::RunbookList | Request::RunbookShow { .. } | Request::RunbookPlan { .. } = &request {
        refresh(&config);
    }
    match &request {
        Request::RunbookList => printer::list(&describe::runbooks(&config.library), output),
        Request::RunbookShow { name } => {
            let entry = config.library.find(name).map_err(EngineError::from)?;
            printer::reply(&describe::runbook(&entry, &config.settings.exec_env)?, output);
        }
        Request::RunbookPlan { name, params, section } => {
            let entry = config.library.find(name).map_err(EngineError::from)?;
            let asked = Asked { params, section: section.as_deref(), service: None };
            return plan(&config, &entry, &asked, output);
        }
        Request::IncidentList { .. }
        | Request::RunbookSuggest { .. }
        | Request::IncidentShow { .. }
        | Request::IncidentStatus { .. }
        | Request::IncidentCatchUp { .. }
        | Request::IncidentExplain { .. }
        | Request::ActionList { .. }
        | Request::UpdateDrafts { .. }
        | Request::HandOverShift { to: None, post: false }
        | Request::Report { .. }
        | Request::OnCall { .. }
        | Request::OnCallExport { .. }
        | Request::TriggerList
        | Request::Menu { .. }
        | Request::RunbookRuns { .. }
        | Request::RunbookStatus { .. }
        | Request::RunbookAttach { .. }
        | Request::InboxList { .. }
        | Request::JournalVerify { .. } => {
            let reply = offline(&config, &request, absent.as_ref()).await?;
            show(&request, &reply, output);
            return Ok(code_of(&request, &reply));
        }
        Request::InboxRetry { source, .. } => {
            // what cannot be meant is that with an engine or without
            if let Ok(store) = open_journal(&config) {
                let shown = letters::Shown { source: source.clone(), all: true, body: false };
                letters::letters(&store, &shown).await?;
            }
            let text = "no engine is running, so nobody would take it up\nhint: start `blocks serve`, then ask again";
            return Err(Stop::new(Code::Refused, text));
        }
        request if request.is_about_incidents() => {
            let text = "no engine is running, so nobody would tell PagerDuty and Slack\nhint: start `blocks serve`, then ask again";
            return Err(Stop::new(Code::Refused, text));
        }
        _ => return local::run(&config, local::What::Request(&request), output, yes, patience).await,
    }
    Ok(Code::Success)
}

/// Asks the repository of the runbooks for what is new. When it cannot be reached, what is here is used, and that is told.
fn refresh(config: &Config) {
    let Some((source, _)) = config.library.git() else { return };
    if let Err(reason) = config.library.refresh(Some(RECENT)) {
        let here = config.library.git().and_then(|(_, fetched)| fetched.ok());
        let used = here.map_or_else(
            || "nothing of it is here".to_owned(),
            |fetched| format!("the last good commit is used, {}", fetched.commit),
        );
        printer::note(&format!("the runbooks of {} cannot be fetched: {reason}; {used}", source.shown()));
    }
}

async fn file(
    path: &Path,
    request: &Request,
    config: &Config,
    output: Output,
    (yes, patience): (bool, Patience),
) -> Result<Code, Stop> {
    let entry = config.library.complete(LibraryEntry::from_file(path).map_err(Stop::usage)?);
    match request {
        Request::RunbookShow { .. } => {
            printer::reply(&describe::runbook(&entry, &config.settings.exec_env)?, output);
        }
        Request::RunbookPlan { params, section, .. } => {
            let asked = Asked { params, section: section.as_deref(), service: None };
            return plan(config, &entry, &asked, output);
        }
        Request::RunbookRun { params, section, .. } => {
            if let Some(running) = EngineInfo::find(&config.data_dir) {
                return Err(Stop::new(
                    Code::Refused,
                    format!(
                        "an engine (pid {}) runs here, and it takes runbooks by name\nhint: put the file into a folder of [runbooks] paths and run it by its name",
                        running.pid
                    ),
                ));
            }
            let what = local::What::File(&entry, params, section.as_deref());
            return local::run(config, what, output, yes, patience).await;
        }
        _ => return Err(Stop::usage("only show, plan and run take a file")),
    }
    Ok(Code::Success)
}

/// Shows the plan, whatever stands in its way; only one that could be run is a success.
fn plan(config: &Config, entry: &LibraryEntry, asked: &Asked<'_>, output: Output) -> Result<Code, Stop> {
    let mut settings = config.settings.clone();
    settings.secret_key = secret_key::existing(&config.data_dir);
    let reply = blocks_engine::draft_reply(&settings, entry, asked)?;
    printer::reply(&reply, output);
    Ok(plan_code(&reply))
}

fn plan_code(reply: &Reply) -> Code {
    if reply.data["runnable"] == false { Code::Failed } else { Code::Success }
}

/// The journal to read from, whether an engine is running or not.
pub(crate) fn open_journal(config: &Config) -> Result<SqliteStore, Stop> {
    let shown = config.database.display();
    match config.database.try_exists() {
        Ok(true) => {}
        Ok(false) => {
            return Err(Stop::failed(format!(
                "there is no journal at {shown}\nhint: name the configuration with --config, or begin with `blocks demo`"
            )));
        }
        Err(error) => {
            return Err(Stop::failed(format!(
                "the journal {shown} cannot be looked at: {error}\nhint: ask as the user that Blocks runs as"
            )));
        }
    }
    SqliteStore::open_read_only(&config.database).map_err(|error| not_opened(&error))
}

async fn offline(config: &Config, request: &Request, absent: Option<&Absent>) -> Result<Reply, Stop> {
    match request {
        Request::OnCallExport { from, until } => {
            let now = SystemClock.now();
            return Ok(on_call::export(&config.settings, (from.as_deref(), until.as_deref()), now)?);
        }
        // The configuration names people before there is anything on record.
        Request::OnCall { service } if config.database.try_exists().is_ok_and(|there| !there) => {
            if let Some(name) = service {
                incidents::named_service(config, name)?;
            }
            let now = SystemClock.now();
            return Ok(on_call::on_call(&config.settings, None, (service.as_deref(), None), true, now));
        }
        Request::TriggerList if config.database.try_exists().is_ok_and(|there| !there) => {
            return Ok(triggers::list(None, &config.settings.triggers).await?);
        }
        _ => {}
    }
    let store = open_journal(config)?;
    let people = &config.settings.directory;
    Ok(match request {
        Request::RunbookSuggest { incident, page } => {
            let hidden = Hidden::default();
            let sources = suggesting::Sources {
                store: &store,
                settings: &config.settings,
                library: &config.library,
                hidden: &hidden,
            };
            let row = match page.is_empty() {
                false => None,
                true => Some(read::find_incident(&store, incident.as_deref(), false, &hidden).await?),
            };
            suggesting::reply(&sources, row.as_ref(), page).await?
        }
        Request::IncidentList { all } => read::incidents(&store, *all, &Hidden::default()).await?,
        Request::IncidentShow { incident } => {
            let row = read::find_incident(&store, incident.as_deref(), false, &Hidden::default()).await?;
            read::incident(&store, &row).await?
        }
        Request::IncidentStatus { .. }
        | Request::IncidentCatchUp { .. }
        | Request::IncidentExplain { .. }
        | Request::ActionList { .. }
        | Request::UpdateDrafts { .. }
        | Request::HandOverShift { to: None, post: false }
        | Request::Report { .. }
        | Request::OnCall { .. }
        | Request::Menu { .. } => incidents::offline(config, &store, request).await?,
        Request::RunbookRuns { all, incident } => {
            which::runs(&store, (*all, incident.as_deref()), absent, SystemClock.now()).await?
        }
        Request::RunbookAttach { .. } | Request::RunbookStatus { .. } => {
            if matches!((request, absent), (Request::RunbookAttach { .. }, Some(Absent::None))) {
                printer::note("no engine is at work: this is what is on record");
            }
            let mut reply = read::run_for(&store, which::find(&store, request).await?, people).await?;
            if let Some(absent) = absent {
                absent.tell(&mut reply);
            }
            reply
        }
        Request::TriggerList => triggers::list(Some(&store), &config.settings.triggers).await?,
        Request::InboxList { source, all, body } => {
            let shown = letters::Shown { source: source.clone(), all: *all, body: *body };
            letters::letters(&store, &shown).await?
        }
        Request::JournalVerify { expect } => read::verify(&store, expect.as_deref()).await?,
        _ => return Err(Stop::usage("this needs an engine")),
    })
}

/// Follows a run at an engine. One that was another terminal's ends with its run: then the journal says how that was.
async fn follow_to_rest(
    config: &Config,
    running: &EngineInfo,
    begun: Reply,
    patience: Patience,
) -> Result<Reply, Stop> {
    let run = begun.data["id"].as_str().map(str::to_owned);
    match client::follow(running, begun, patience).await {
        Err(stop) if stop.code == Code::Failed && running.address.is_none() => {
            let absent = EngineInfo::find(&config.data_dir).is_none().then_some(Absent::None);
            let last = offline(config, &Request::RunbookStatus { run }, absent.as_ref()).await?;
            match (follow::is_moving(&last.data), absent) {
                (false, _) => Ok(last),
                (true, None) => Err(stop),
                (true, Some(absent)) => Err(Stop::new(
                    Code::Refused,
                    format!(
                        "{}: it was the engine, and has ended; hint: `{}`",
                        absent.words(),
                        absent.line()
                    ),
                )),
            }
        }
        other => other,
    }
}

/// Prints the answer; where a decided run waits for somebody, also how to go on.
fn show(request: &Request, reply: &Reply, output: Output) {
    match request {
        Request::IncidentList { .. }
        | Request::ActionList { .. }
        | Request::RunbookList
        | Request::InboxList { .. }
        | Request::InboxRetry { .. }
        | Request::RunbookRuns { .. } => {
            printer::list(reply, output);
        }
        _ if follow::run_of(request).is_some() => follow::show(reply, output),
        _ => printer::reply(reply, output),
    }
}

/// A journal that does not verify, and a run that failed, are failures of the command too.
fn code_of(request: &Request, reply: &Reply) -> Code {
    match request {
        Request::JournalVerify { .. } if reply.data["verified"] != true => Code::Failed,
        Request::RunbookPlan { .. } => plan_code(reply),
        // one that reached nobody in time has failed, whoever or whatever runs it
        Request::OnCallTest { .. } | Request::TriggerTest { .. } if reply.data["passed"] != true => {
            Code::Failed
        }
        Request::InboxRetry { .. } => {
            let letters = reply.data["letters"].as_array().into_iter().flatten();
            let mut words = letters.filter_map(|letter| letter["outcome"].as_str());
            if words.all(|word| word == "acted_on") { Code::Success } else { Code::Failed }
        }
        _ if follow::run_of(request).is_some() => follow::code_of(&reply.data),
        _ => Code::Success,
    }
}

/// Builds an engine for a terminal's own run.
pub(super) fn own_engine(config: &Config) -> Result<blocks_engine::Engine, Stop> {
    let secrets = Secrets::read()?;
    engine(config, &secrets, open_store(config)?, Adapters::None)
}
