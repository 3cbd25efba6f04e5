//! Which run a request is about, and the runs at a glance: nobody is left with a number and no name.

use std::collections::HashMap;
use std::fmt::Write as _;

use chrono::{DateTime, Duration, Utc};
use runbook_core::ids::{IncidentId, RunId};
use runbook_core::next;
use runbook_core::ports::{RunRow, Store};
use runbook_core::request::Request;
use serde_json::json;

use crate::absent::Absent;
use crate::error::EngineError;
use crate::origin::Reply;
use crate::read;
use crate::runs::load_run;
use crate::sees::Hidden;

const LOOK: usize = 10_000;
/// As many are named to choose from.
const NAMED: usize = 10;
/// As many are named of those that have ended, where none is open.
const NEWEST: usize = 3;
/// So long a failed run is shown among those that are open.
const FRESH: Duration = Duration::days(1);
/// So many of the newest runs that have ended are looked into for something to undo.
const LOOKED_INTO: usize = 50;

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

    /// The same on a line of its own, in chat as code.
    fn shown(self, command: String) -> String {
        self.code(&self.line(command))
    }

    fn code(self, line: &str) -> String {
        match self {
            Typed::Shell => line.to_owned(),
            Typed::Chat => format!("`{line}`"),
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
    (here, hidden): (Option<IncidentId>, &Hidden),
    typed: Typed,
    fits: impl Fn(&RunRow) -> bool,
) -> Result<RunRow, EngineError> {
    if let Some(row) = run_of_whole_id(store, request.run()).await?.filter(|row| !hidden.hides(row.incident))
    {
        return Ok(row);
    }
    let mut rows = store.runs(None, false, LOOK).await?;
    rows.retain(|row| !hidden.hides(row.incident));
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
            if matches!(request, Request::RunbookUndo { .. }) {
                fitting = with_an_undo(store, fitting).await?;
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
            Err(EngineError::NotFound(several(&what, &found, request, typed, &fits)))
        }
    }
}

/// Those that have something to undo. The oldest of very many are not looked into, and stay: then none is taken for the
/// only one.
async fn with_an_undo(store: &dyn Store, rows: Vec<RunRow>) -> Result<Vec<RunRow>, EngineError> {
    let mut found = Vec::new();
    for (index, row) in rows.into_iter().enumerate() {
        let has_one = index >= LOOKED_INTO
            || load_run(store, row.id).await?.is_some_and(|run| run.state.next_undo().is_some());
        if has_one {
            found.push(row);
        }
    }
    Ok(found)
}

/// None is open for this: the newest are named, since one of them may be meant.
fn none_fits(rows: &[RunRow], typed: Typed) -> String {
    let all = typed.line("blocks runbook runs --all".to_owned());
    let mut text = format!("there is no run for that now; hint: `{all}` names all of them");
    for row in rows.iter().filter(|row| row.mutating).take(NEWEST) {
        let _ = write!(text, "\n  {}\n      {}", line(row), typed.shown(next::look(row.id, &row.status)));
    }
    text
}

/// The same request, once for each run that it may be about; of one that it does not fit, how to look at it.
fn several(
    what: &str,
    found: &[RunRow],
    request: &Request,
    typed: Typed,
    fits: impl Fn(&RunRow) -> bool,
) -> String {
    let mut text = format!("{what}; hint: name one by its id");
    for row in found.iter().take(NAMED) {
        let command = if fits(row) { command(row, request) } else { next::look(row.id, &row.status) };
        let _ = write!(text, "\n  {}\n      {}", line(row), typed.shown(command));
    }
    if let more @ 1.. = found.len().saturating_sub(NAMED) {
        let all = typed.line("blocks runbook runs --all".to_owned());
        let _ = write!(text, "\n  and {more} more: `{all}`");
    }
    text
}

fn command(row: &RunRow, request: &Request) -> String {
    // a yes is to a plan that somebody has looked at: its code stands beside the plan, and nowhere else; so does a step
    if matches!(request, Request::RunbookApprove { .. }) || request.step().is_some() {
        return next::look(row.id, &row.status);
    }
    let mut request = request.clone();
    request.set_run(&row.id.to_string());
    next::typed(&request).unwrap_or_else(|| next::look(row.id, &row.status))
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
    Ok(the_run(store, request, (None, &Hidden::default()), Typed::Shell, |row| row.open).await?.id)
}

/// The runs at a glance, newest first: those that are open or left something that a person has to look at, or all.
/// Where no engine is at work it is said of those that would go on by themselves.
///
/// # Errors
/// When the store does not read, or there is no such incident.
pub async fn runs(
    store: &dyn Store,
    (all, incident): (bool, Option<&str>),
    absent: Option<&Absent>,
    now: DateTime<Utc>,
) -> Result<Reply, EngineError> {
    shown_runs(store, (all, incident), (absent, &Hidden::default()), Typed::Shell, now).await
}

/// A failed run asks what now. Nobody answers for ever, so those of the last day are shown.
fn asks_what_now(row: &RunRow, now: DateTime<Utc>) -> bool {
    row.mutating && row.status == "failed" && now - row.created_at < FRESH
}

pub(crate) async fn shown_runs(
    store: &dyn Store,
    (all, incident): (bool, Option<&str>),
    (absent, hidden): (Option<&Absent>, &Hidden),
    typed: Typed,
    now: DateTime<Utc>,
) -> Result<Reply, EngineError> {
    let of = match incident {
        Some(_) => Some(read::find_incident(store, incident, false, hidden).await?.id),
        None => None,
    };
    let numbers: HashMap<IncidentId, String> =
        store.incidents(false, LOOK).await?.into_iter().map(|row| (row.id, row.number.to_string())).collect();
    let mut rows = store.runs(of, false, LOOK).await?;
    rows.retain(|row| !hidden.hides(row.incident));
    let shown =
        rows.iter().filter(|row| all || row.open || row.status == "undo_failed" || asks_what_now(row, now));
    let (mut text, mut data) = (String::new(), Vec::new());
    for row in shown {
        let number = row.incident.as_ref().and_then(|id| numbers.get(id));
        let of = number.map_or_else(String::new, |number| format!("  {number}"));
        let mut shown = json!(row);
        let (next, why) = match absent.and_then(|absent| Some((absent.tell_row(&mut shown)?, absent.words())))
        {
            Some((line, why)) => (line.to_owned(), Some(why)),
            None => (typed.line(next::look(row.id, &row.status)), None),
        };
        let asks = asks_what_now(row, now);
        let why = why.or(asks.then_some("it stopped, and asks what now"));
        let why = why.map_or_else(String::new, |why| format!("    ! {why}\n"));
        let _ = writeln!(text, "{}{of}\n{why}    {}", line(row), typed.code(&next));
        if asks {
            shown["asks"] = json!(true);
        }
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
