//! Which run a request is about, and the runs at a glance: nobody is left with a number and no name.

use std::collections::HashMap;
use std::fmt::Write as _;

use runbook_core::ids::{IncidentId, RunId};
use runbook_core::message::Answer;
use runbook_core::next;
use runbook_core::ports::{RunRow, Store};
use runbook_core::request::Request;
use serde_json::json;

use crate::error::EngineError;
use crate::origin::Reply;
use crate::read;
use crate::runs::load_run;

const LOOK: usize = 10_000;
/// As many are named to choose from.
const NAMED: usize = 10;
/// As many are named of those that have ended, where none is open.
const NEWEST: usize = 3;

/// How a program on this surface is called in what it is told to type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Typed {
    /// In a shell.
    Shell,
    /// In chat.
    Chat,
}

impl Typed {
    fn line(self, command: String) -> String {
        match self {
            Typed::Shell => command,
            Typed::Chat => format!("/{command}"),
        }
    }
}

/// The run whose whole id this is, however many came after it.
async fn run_of_whole_id(store: &dyn Store, named: Option<&str>) -> Result<Option<RunRow>, EngineError> {
    let Some(id) = named.and_then(|named| named.parse().ok()) else { return Ok(None) };
    Ok(load_run(store, RunId(id)).await?.map(|loaded| loaded.state.row()))
}

/// The run that a request names, or the only one that fits.
///
/// # Errors
/// When there is none, or several: then the text names them, each with what to type.
pub(crate) async fn the_run(
    store: &dyn Store,
    request: &Request,
    here: Option<IncidentId>,
    typed: Typed,
    fits: impl Fn(&RunRow) -> bool,
) -> Result<RunRow, EngineError> {
    if let Some(row) = run_of_whole_id(store, request.run()).await? {
        return Ok(row);
    }
    let rows = store.runs(None, false, LOOK).await?;
    let mut found: Vec<RunRow> = match request.run() {
        Some(named) => {
            let wanted = named.to_ascii_lowercase();
            rows.iter().filter(|row| row.id.to_string().starts_with(&wanted)).cloned().collect()
        }
        None => {
            let mut fitting: Vec<_> = rows.iter().filter(|row| fits(row)).cloned().collect();
            if fitting.iter().any(|row| row.mutating) {
                // Diagnostics that happen to run beside it are never what is meant.
                fitting.retain(|row| row.mutating);
            }
            if let Some(incident) = here {
                fitting.retain(|row| row.incident == Some(incident));
            }
            fitting
        }
    };
    match (found.len(), request.run()) {
        (1, _) => Ok(found.swap_remove(0)),
        (0, Some(named)) => Err(EngineError::NotFound(format!(
            "there is no run '{named}'; hint: `{}` names them",
            typed.line("blocks runbook runs --all".to_owned())
        ))),
        (0, None) => Err(EngineError::NotFound(none_fits(&rows, typed))),
        (_, named) => {
            let what = named.map_or_else(
                || format!("{} runs fit", found.len()),
                |named| format!("several runs begin with '{named}'"),
            );
            Err(EngineError::NotFound(several(store, &what, &found, request, typed).await?))
        }
    }
}

/// None is open for this: the newest are named, since one of them may be meant.
fn none_fits(rows: &[RunRow], typed: Typed) -> String {
    let all = typed.line("blocks runbook runs --all".to_owned());
    let mut text = format!("there is no run for that now; hint: `{all}` names all of them");
    for row in rows.iter().filter(|row| row.mutating).take(NEWEST) {
        let _ = write!(text, "\n  {}\n      {}", line(row), typed.line(next::look(row.id, &row.status)));
    }
    text
}

/// The same request, once for each run that it may be about.
async fn several(
    store: &dyn Store,
    what: &str,
    found: &[RunRow],
    request: &Request,
    typed: Typed,
) -> Result<String, EngineError> {
    let mut text = format!("{what}; hint: name one by its id");
    for row in found.iter().take(NAMED) {
        let command = command(store, row, request).await?;
        let _ = write!(text, "\n  {}\n      {}", line(row), typed.line(command));
    }
    if let more @ 1.. = found.len().saturating_sub(NAMED) {
        let all = typed.line("blocks runbook runs --all".to_owned());
        let _ = write!(text, "\n  and {more} more: `{all}`");
    }
    Ok(text)
}

async fn command(store: &dyn Store, row: &RunRow, request: &Request) -> Result<String, EngineError> {
    // what a yes has to name is each run's own
    if matches!(request, Request::RunbookApprove { .. })
        && let Some(run) = load_run(store, row.id).await?
    {
        return Ok(next::command_of(Answer::Approve, &run.state));
    }
    let mut request = request.clone();
    request.set_run(&row.id.to_string());
    Ok(next::typed(&request).unwrap_or_else(|| next::look(row.id, &row.status)))
}

fn line(row: &RunRow) -> String {
    let note = row.note.as_ref().map_or_else(String::new, |note| format!("  ({note})"));
    format!(
        "{}  {:<20} {} on {}  {}{note}",
        row.id,
        row.status,
        row.runbook,
        row.target,
        row.created_at.format("%Y-%m-%d %H:%M UTC")
    )
}

/// The run that a request names, or the only open one, from the store alone.
///
/// # Errors
/// When there is none, or several: then the text names them, each with what to type.
pub async fn find(store: &dyn Store, request: &Request) -> Result<RunId, EngineError> {
    Ok(the_run(store, request, None, Typed::Shell, |row| row.open).await?.id)
}

/// The runs at a glance, newest first: those that are open or left something that a person has to look at, or all.
///
/// # Errors
/// When the store does not read, or there is no such incident.
pub async fn runs(store: &dyn Store, all: bool, incident: Option<&str>) -> Result<Reply, EngineError> {
    shown_runs(store, all, incident, Typed::Shell).await
}

pub(crate) async fn shown_runs(
    store: &dyn Store,
    all: bool,
    incident: Option<&str>,
    typed: Typed,
) -> Result<Reply, EngineError> {
    let of = match incident {
        Some(_) => Some(read::find_incident(store, incident, false).await?.id),
        None => None,
    };
    let numbers: HashMap<IncidentId, String> =
        store.incidents(false, LOOK).await?.into_iter().map(|row| (row.id, row.number.to_string())).collect();
    let rows = store.runs(of, false, LOOK).await?;
    let shown = rows.iter().filter(|row| all || row.open || row.status == "undo_failed");
    let (mut text, mut data) = (String::new(), Vec::new());
    for row in shown {
        let number = row.incident.as_ref().and_then(|id| numbers.get(id));
        let next = typed.line(next::look(row.id, &row.status));
        let of = number.map_or_else(String::new, |number| format!("  {number}"));
        let _ = writeln!(text, "{}{of}\n    {next}", line(row));
        let mut shown = json!(row);
        shown["incident"] = json!(number);
        shown["next"] = json!(next);
        data.push(shown);
    }
    if data.is_empty() {
        let all_of = typed.line("blocks runbook runs --all".to_owned());
        text = match (all, rows.len()) {
            (true, _) | (_, 0) => "there are no runs\n".to_owned(),
            (false, ended) => format!("no run is open; `{all_of}` names those that have ended ({ended})\n"),
        };
    }
    Ok(Reply { text, data: json!({ "runs": data }) })
}
