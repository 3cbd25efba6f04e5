//! What can be read without an engine: from the store and the library alone, live or offline.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use runbook_core::alert::Tally;
use runbook_core::approvers::{Approvers, approvers};
use runbook_core::expectation::Outcome;
use runbook_core::ids::{IncidentNumber, RunId};
use runbook_core::incident::{IncidentEvent, note_words};
use runbook_core::journal::Envelope;
use runbook_core::people::{Directory, Person, Role};
use runbook_core::ports::{IncidentRow, Store};
use runbook_core::run::{CommandPhase, Run, Status};
use runbook_core::{choices, incident_text, next, stays, view};
use serde::Serialize;
use serde_json::json;

use crate::describe;
use crate::error::EngineError;
use crate::incidents::load_incident;
use crate::origin::Reply;
use crate::runs::load_run;
use crate::sees::Hidden;
use crate::show::{IncidentShow, RecoveredRun, RunShow, TimelineEntry};

const LOOK: usize = 10_000;
/// Lines of output shown of a command whose expectations were not met.
const OUTPUT_LINES: usize = 20;

/// The incident of that name (`INC-12`, `12` or its id), or the only (open) one.
///
/// # Errors
/// When there is none, or several, or whoever asks does not see it.
pub async fn find_incident(
    store: &dyn Store,
    named: Option<&str>,
    open_only: bool,
    hidden: &Hidden,
) -> Result<IncidentRow, EngineError> {
    if let Some(named) = named {
        let rows = store.incidents(false, LOOK).await?;
        let number = named.parse::<IncidentNumber>().ok();
        let row = rows
            .into_iter()
            .find(|row| Some(row.number) == number || row.id.to_string() == named)
            .ok_or_else(|| {
                EngineError::NotFound(format!(
                    "there is no incident '{named}'; hint: `blocks incident list --all`"
                ))
            })?;
        hidden.refuse(&row)?;
        return Ok(row);
    }
    let seen = |mut rows: Vec<IncidentRow>| {
        rows.retain(|row| !hidden.hides(Some(row.id)));
        rows
    };
    let mut rows = seen(store.incidents(true, LOOK).await?);
    if rows.is_empty() && !open_only {
        rows = seen(store.incidents(false, LOOK).await?);
    }
    match (rows.len(), rows.pop()) {
        (1, Some(row)) => Ok(row),
        (0, _) => Err(EngineError::NotFound(
            "there is no open incident; hint: `blocks incident list --all`".to_owned(),
        )),
        (many, _) => {
            Err(EngineError::NotFound(format!("{many} incidents fit; hint: name one, such as INC-1")))
        }
    }
}

/// Runs that may be going on, those that are open, and failed undos, which a person has to look at.
///
/// # Errors
/// When the store does not read.
pub async fn open_runs(store: &dyn Store) -> Result<Vec<RunId>, EngineError> {
    let open = store.runs(None, true, LOOK).await?;
    let loud = store.runs(None, false, LOOK).await?.into_iter().filter(|row| row.status == "undo_failed");
    Ok(open.into_iter().chain(loud).map(|row| row.id).collect())
}

/// Whether any of these runs goes on by itself, or has a command under way.
///
/// # Errors
/// When the store does not read.
pub async fn any_moves(store: &dyn Store, ids: &[RunId]) -> Result<bool, EngineError> {
    let ids: BTreeSet<&RunId> = ids.iter().collect();
    let mut held = Vec::new();
    for row in store.runs(None, true, LOOK).await?.into_iter().filter(|row| ids.contains(&row.id)) {
        match row.status.as_str() {
            "planned" | "running" | "undoing" => return Ok(true),
            "paused" => held.push(row.id),
            _ => {}
        }
    }
    for id in held {
        if load_run(store, id).await?.is_some_and(|loaded| loaded.state.live_unit().is_some()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Where each of these runs stands, step by step, and why.
///
/// # Errors
/// When the journal does not read.
pub async fn recovered(store: &dyn Store, ids: &[RunId]) -> Result<Reply, EngineError> {
    let mut text = String::new();
    let mut runs = Vec::new();
    for id in ids {
        let Some(loaded) = load_run(store, *id).await? else { continue };
        let run = RecoveredRun::new(&loaded.state);
        let _ = writeln!(text, "{} {}: {}", run.id, run.runbook, run.status);
        for step in &run.steps {
            let reason = step.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
            let _ = writeln!(text, "  {:<10} {}{reason}", step.status, step.id);
        }
        runs.push(run);
    }
    if runs.is_empty() {
        text.push_str("no run is open\n");
    }
    Ok(Reply { text, data: json!({ "runs": runs }) })
}

/// Incidents at a glance, but for those that whoever asks does not see.
///
/// # Errors
/// When the store does not read.
pub async fn incidents(store: &dyn Store, all: bool, hidden: &Hidden) -> Result<Reply, EngineError> {
    let mut rows = store.incidents(!all, 1_000).await?;
    rows.retain(|row| !hidden.hides(Some(row.id)));
    let mut text = String::new();
    for row in &rows {
        let _ = writeln!(
            text,
            "{:<8} {:<4} {:<13} {:<16} {}",
            row.number.to_string(),
            row.severity,
            row.status,
            row.service,
            row.title
        );
    }
    if rows.is_empty() {
        text.push_str(if all { "no incidents\n" } else { "no open incidents\n" });
    }
    Ok(Reply { text, data: json!({ "incidents": rows }) })
}

/// One incident with its runs and timeline.
///
/// # Errors
/// When the journal does not read.
pub async fn incident(store: &dyn Store, row: &IncidentRow) -> Result<Reply, EngineError> {
    let Some(loaded) = load_incident(store, row.id).await? else {
        return Err(EngineError::NotFound(format!("there is no incident {}", row.number)));
    };
    let mut timeline: Vec<_> = loaded.events.iter().map(entry).collect();
    let mut runs = Vec::new();
    for link in &loaded.state.runs {
        if let Some(run) = load_run(store, link.run).await? {
            timeline.extend(run.events.iter().map(entry));
            runs.push(run.state);
        }
    }
    // Time orders what people see; within one stream the sequence does.
    timeline.sort_by_key(|entry| (entry.at, entry.stream, entry.seq));
    let show = IncidentShow::new(&loaded.state, &runs, timeline);
    let mut text = format!(
        "{} {} {} ({})\n{}\ncommander: {}\n",
        show.number,
        show.severity,
        show.status,
        show.service,
        show.title,
        show.commander.as_deref().unwrap_or("nobody yet")
    );
    for line in show.ended.iter().map(|ended| format!("ended: {ended}")).chain(show.roles.iter().cloned()) {
        let _ = writeln!(text, "{line}");
    }
    for item in &loaded.state.actions {
        let _ = writeln!(text, "action {}", incident_text::action_line(item));
    }
    if let Some(triage) = show.triage {
        let _ = writeln!(
            text,
            "triage: {} commands, {} passed, {} failed, {} to check",
            triage.commands, triage.passed, triage.failed, triage.ask
        );
    }
    for run in runs.iter().filter(|run| !run.unasked) {
        let _ = writeln!(
            text,
            "run {} {} (code {}): {}",
            run.id,
            run.plan.title,
            run.fingerprint.code(),
            view::state_words(run)
        );
    }
    for entry in &show.timeline {
        let word = |name: &str| entry.event.get(name).and_then(serde_json::Value::as_str);
        let kind = word("type").unwrap_or("event");
        let verb = word("verb").map_or_else(String::new, |verb| format!(" for {verb}"));
        let said =
            captured(&entry.event).or_else(|| word("reason").or_else(|| word("text")).map(str::to_owned));
        let said = match (concerns(&entry.event), said) {
            (Some(whom), Some(said)) => Some(format!("{whom}: {said}")),
            (whom, said) => whom.or(said),
        };
        let why = said
            .or_else(|| what_became(&entry.event))
            .map_or_else(String::new, |said| format!("{verb}: {said}"));
        let _ = writeln!(text, "{}  {:<20} {}{why}", entry.at.format("%H:%M:%S%.3f"), kind, entry.actor);
    }
    let data = serde_json::to_value(&show).map_err(|error| EngineError::Journal(error.to_string()))?;
    Ok(Reply { text, data })
}

/// What somebody wrote in chat, with who wrote it: whoever put it on the timeline is another one.
fn captured(event: &serde_json::Value) -> Option<String> {
    let is_from_chat = event["type"] == "note_followed" || !event["source"].is_null();
    let event = is_from_chat.then(|| serde_json::from_value::<IncidentEvent>(event.clone()).ok())??;
    note_words(&event)
}

/// Whom or what an event concerns that may have a text of a person beside it.
fn concerns(event: &serde_json::Value) -> Option<String> {
    let word = |name: &str| event.get(name).and_then(serde_json::Value::as_str);
    let to = || word("to").map(|who| who.strip_prefix("person:").unwrap_or(who));
    let what = || word("run").map_or_else(|| "command".to_owned(), |run| format!("run {run}"));
    match word("type")? {
        "escalated" => {
            let page = if event["paged"] == true { ", with a page" } else { "" };
            Some(format!("{} is asked to come{page}", to()?))
        }
        "handover_offered" => {
            let note = word("note").map_or_else(String::new, |note| format!(": {note}"));
            Some(format!("{} is asked to take {} over{note}", to()?, what()))
        }
        "delivery_failed" => word("what").map(str::to_owned),
        _ => None,
    }
}

/// Who got what, and what became of what: the one thing that an event without a text of a person says.
fn what_became(event: &serde_json::Value) -> Option<String> {
    let word = |name: &str| event.get(name).and_then(serde_json::Value::as_str);
    let person = |name: &str| word(name).map(|who| who.strip_prefix("person:").unwrap_or(who));
    let other = || event.get("other").and_then(serde_json::Value::as_u64).map(IncidentNumber);
    match word("type")? {
        "opened" => word("title").map(str::to_owned),
        "commander_taken" => person("commander").map(|who| format!("{who} commands")),
        "role_given" => Some(format!("{} is {}", person("to")?, word("role")?.replace('_', " "))),
        "severity_changed" | "service_changed" => Some(format!("from {} to {}", word("from")?, word("to")?)),
        "bridge_changed" => {
            let numbers = event["numbers"].as_array().into_iter().flatten().filter_map(|one| one.as_str());
            let parts: Vec<&str> = word("url").into_iter().chain(numbers).collect();
            Some(if parts.is_empty() { "none any more".to_owned() } else { parts.join(", ") })
        }
        "alerts_changed" => {
            let tally = serde_json::from_value::<Tally>(event["tally"].clone()).ok()?;
            Some(tally.words())
        }
        "alerts_damped" => {
            let names = event["alerts"].as_array().into_iter().flatten().filter_map(|one| one.as_str());
            Some(format!("{} comes and goes", names.collect::<Vec<_>>().join(", ")))
        }
        "alerts_steady" => {
            let names = event["alerts"].as_array().into_iter().flatten().filter_map(|one| one.as_str());
            Some(names.collect::<Vec<_>>().join(", "))
        }
        "merged_into" => other().map(|number| format!("into {number}")),
        "merged_from" => Some(format!("{}, {}", other()?, word("title")?)),
        "action_done" => event.get("number").map(|number| format!("action {number}")),
        _ => None,
    }
}

fn entry<E: Serialize>(envelope: &Envelope<E>) -> TimelineEntry {
    TimelineEntry {
        stream: envelope.stream,
        seq: envelope.seq,
        at: envelope.at,
        actor: envelope.actor.clone(),
        event: serde_json::to_value(&envelope.event).unwrap_or_default(),
    }
}

/// One run.
///
/// # Errors
/// When the journal does not read, or there is no such run.
pub async fn run(store: &dyn Store, id: RunId) -> Result<Reply, EngineError> {
    let Some(loaded) = load_run(store, id).await? else {
        return Err(EngineError::NotFound(format!("there is no run {id}")));
    };
    show_run(store, &loaded.state).await
}

/// One run, with who may approve it, as the configuration names people.
///
/// # Errors
/// When the journal does not read, or there is no such run.
pub async fn run_for(store: &dyn Store, id: RunId, people: &Directory) -> Result<Reply, EngineError> {
    let Some(loaded) = load_run(store, id).await? else {
        return Err(EngineError::NotFound(format!("there is no run {id}")));
    };
    let mut reply = show_run(store, &loaded.state).await?;
    if let Some(approvers) = approvers_of(people, &loaded.state) {
        reply.text.push_str(&format!("{}\n", approvers.words));
        tell_approvers(&mut reply.data, &approvers);
    }
    Ok(reply)
}

/// Who of these people may still approve a run that waits for others, or that nobody can.
pub(crate) fn approvers_of(people: &Directory, run: &Run) -> Option<Approvers> {
    let decides =
        |person: &&Person| person.roles.iter().any(|role| matches!(role, Role::Commander | Role::Responder));
    let standing: Vec<&str> =
        people.people().iter().filter(decides).map(|person| person.name.as_str()).collect();
    approvers(run, &standing)
}

/// The same in JSON.
pub(crate) fn tell_approvers(data: &mut serde_json::Value, approvers: &Approvers) {
    data["approvers"] = json!(approvers.names);
    if !approvers.are_enough {
        data["hint"] = json!(approvers.words);
    }
}

/// A run as it was read.
pub(crate) async fn show_run(store: &dyn Store, run: &Run) -> Result<Reply, EngineError> {
    let progress = view::progress(run);
    // a question has them among what is known
    let stays = match run.status {
        Status::Undone => stays::what_stays(run),
        _ => Vec::new(),
    };
    let mut text = format!("{} ({}): {}\n", progress.title, run.id, progress.state);
    for step in &progress.steps {
        let _ = writeln!(text, "  {:<12} {}", step.state, step.title);
        for verdict in &step.verdicts {
            let _ = writeln!(
                text,
                "      {:<9} {}: {}",
                view::outcome_word(verdict.outcome),
                verdict.title,
                verdict.detail
            );
        }
    }
    if let Some(question) = &progress.question {
        let _ = writeln!(text, "  ? {}", question.text);
        for line in &question.evidence {
            let _ = writeln!(text, "      {line}");
        }
    }
    for line in &stays {
        let _ = writeln!(text, "  stays: {line}");
    }
    if matches!(run.status, Status::WaitingForApproval { .. }) {
        repetition_text(&mut text, run);
        let _ = writeln!(text, "\nThe plan, as it would run:\n");
        text.push_str(&describe::plan_text(
            &run.bound_plan(),
            Some(&run.fingerprint.code()),
            &run.risk,
            run.yeses_due(),
            &[],
        ));
        let _ = writeln!(text, "Its whole fingerprint: {}", run.fingerprint);
    }
    text.push_str(&unmet_output(store, run).await?);
    let next = next::next(run);
    if !next.is_empty() {
        text.push_str("\nto go on:\n");
    }
    let width = next.iter().map(|line| line.command.len()).max().unwrap_or_default();
    for line in &next {
        let _ = writeln!(text, "  {:<width$}  {}", line.command, line.means);
    }
    Ok(Reply { text, data: run_data(run) })
}

/// What a yes lets run again: the commands themselves, each with its item.
fn repetition_text(text: &mut String, run: &Run) {
    let again = run.to_repeat();
    if again.is_empty() {
        return;
    }
    text.push_str("\nA yes lets this run again, and then what is left of the plan:\n");
    for (unit, title) in again.into_iter().zip(choices::repetition(run)) {
        let _ = writeln!(text, "\n  {title}");
        for line in run.command(unit).into_iter().flat_map(|command| command.text.trim_end().lines()) {
            let _ = writeln!(text, "      {line}");
        }
    }
}

/// The end of what commands printed whose expectations were not met: what a person looks at first.
async fn unmet_output(store: &dyn Store, run: &Run) -> Result<String, EngineError> {
    let mut text = String::new();
    for (unit, phase) in &run.commands {
        let CommandPhase::Ended { verdicts, stdout_sha256, stderr_sha256, .. } = phase else { continue };
        if verdicts.iter().all(|verdict| verdict.outcome == Outcome::Pass) {
            continue;
        }
        let title = run.command(*unit).map_or("", |command| command.title.as_deref().unwrap_or(&command.id));
        let item = run.item(*unit).map_or_else(String::new, |(_, item)| format!(" [{item}]"));
        for (stream, sha256) in [("stdout", stdout_sha256), ("stderr", stderr_sha256)] {
            let Some(sha256) = sha256 else { continue };
            let Some(bytes) = store.blob(sha256.clone()).await? else { continue };
            let output = String::from_utf8_lossy(&bytes);
            let lines: Vec<_> = output.lines().collect();
            let _ = writeln!(text, "\n{stream} of {title}{item}:");
            for line in lines.iter().skip(lines.len().saturating_sub(OUTPUT_LINES)) {
                let _ = writeln!(text, "  | {line}");
            }
        }
    }
    Ok(text)
}

/// A run as JSON.
#[must_use]
pub fn run_data(run: &Run) -> serde_json::Value {
    serde_json::to_value(RunShow::new(run)).unwrap_or_default()
}

/// Walks every chain. With `expect`, a head that an earlier walk printed, it also tells whether everything that was
/// there then still is.
///
/// # Errors
/// When the store does not read.
pub async fn verify(store: &dyn Store, expect: Option<&str>) -> Result<Reply, EngineError> {
    let mut report = store.verify().await?;
    if let Some(kept) = expect.map(|kept| kept.trim().to_ascii_lowercase())
        && !store.has_link(kept.clone()).await?
    {
        report.problems.push(format!(
            "the head {kept} that was kept is no link of the store-wide chain: events were cut off or rewritten since, or it is another journal's"
        ));
    }
    let mut text = format!(
        "{} events in {} streams, {} checkpoints: ",
        report.events, report.streams, report.checkpoints
    );
    if report.problems.is_empty() {
        let _ = writeln!(text, "verified (head {})", report.head);
        if report.uncovered > 0 {
            let _ = writeln!(
                text,
                "the head does not cover the newest {} events: the next checkpoint will (hourly, at start, at an orderly end, or when a running engine verifies)",
                report.uncovered
            );
        }
    } else {
        text.push_str("NOT verified\n");
        for problem in &report.problems {
            let _ = writeln!(text, "  {problem}");
        }
    }
    let verified = report.problems.is_empty();
    Ok(Reply {
        text,
        data: json!({
            "events": report.events,
            "streams": report.streams,
            "checkpoints": report.checkpoints,
            "verified": verified,
            "problems": report.problems,
            "head": report.head,
            "uncovered": report.uncovered,
        }),
    })
}
