//! What a run's status says: when it rests, the exit code, and how a person goes on.

use blocks_engine::Reply;
use runbook_core::request::Request;
use serde_json::Value;

use crate::exit::Code;
use crate::printer::{self, Output};

/// For requests that are followed to where the run rests: the run as named, when it is.
pub(super) fn run_of(request: &Request) -> Option<Option<&str>> {
    match request {
        Request::RunbookRun { .. } | Request::RunbookRollback { .. } => Some(None),
        // A pause is an order that is taken, not a run to wait for.
        Request::RunbookPause { .. } | Request::RunbookTakeOver { .. } => None,
        request if request.is_run_verb() => Some(request.run()),
        _ => None,
    }
}

/// Whether the run goes on by itself: a paused one does while its last command is under way.
pub(super) fn is_moving(run: &Value) -> bool {
    match run["status"].as_str() {
        Some("running" | "undoing" | "planned") => true,
        Some("paused") => run["live"] == true,
        _ => false,
    }
}

/// The exit code of a run as it stands. A cancelled run that left a command in doubt is in doubt itself.
pub(super) fn code_of(run: &Value) -> Code {
    match run["status"].as_str() {
        // nobody carries it on: a person has to
        _ if run["engine"].is_string() && is_moving(run) => Code::Refused,
        Some("succeeded" | "running" | "undoing") => Code::Success,
        Some("waiting_for_approval" | "paused" | "planned") => Code::Refused,
        Some("in_doubt" | "undo_failed") => Code::Doubt,
        Some("cancelled") if holds_doubt(run) => Code::Doubt,
        _ => Code::Failed,
    }
}

fn holds_doubt(run: &Value) -> bool {
    run["steps"].as_array().into_iter().flatten().any(|step| step["status"] == "in_doubt")
}

/// How a person goes on with a run that rests without being done; `None` when there is nothing to decide. What can be
/// typed is the run's own list, the safest first.
pub(super) fn next(run: &Value) -> Option<String> {
    let lines = lines(run);
    if lines.is_empty() {
        return None;
    }
    let id = run["id"].as_str()?;
    let question = &run["question"];
    let mut text = match question["text"].as_str() {
        Some(text) => format!("{text} (run {id})"),
        None => "to go on:".to_owned(),
    };
    for known in question["evidence"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        text.push_str(&format!("\n    {known}"));
    }
    for line in lines {
        text.push_str(&format!("\n{line}"));
    }
    Some(text)
}

/// Prints where a run rests; what can be typed once, wherever it stands.
pub(super) fn show(reply: &Reply, output: Output) {
    printer::reply(reply, output);
    let is_told = output == Output::Text && reply.text.contains("\nto go on:\n");
    if let Some(next) = next(&reply.data).filter(|_| !is_told) {
        printer::note(&next);
    }
}

/// What can be typed, a line each, with what it does.
pub(super) fn lines(run: &Value) -> Vec<String> {
    let next = run["next"].as_array().into_iter().flatten();
    let next: Vec<_> =
        next.filter_map(|next| Some((next["command"].as_str()?, next["means"].as_str()?))).collect();
    let width = next.iter().map(|(command, _)| command.len()).max().unwrap_or_default();
    next.into_iter()
        .map(|(command, means)| format!("  {command:<width$}  {means}"))
        .chain(run["hint"].as_str().map(|hint| format!("  {hint}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_exit_code_is_that_of_the_contract() {
        for (status, step, code) in [
            ("succeeded", "done", Code::Success),
            ("failed", "failed", Code::Failed),
            ("cancelled", "waiting", Code::Failed),
            ("cancelled", "in_doubt", Code::Doubt),
            ("undone", "undone", Code::Failed),
            ("paused", "done", Code::Refused),
            ("waiting_for_approval", "waiting", Code::Refused),
            ("in_doubt", "in_doubt", Code::Doubt),
            ("undo_failed", "failed", Code::Doubt),
        ] {
            let run = json!({ "id": "x", "status": status, "steps": [{ "status": step }] });
            assert_eq!(code_of(&run), code, "{status} with a step {step}");
            assert!(!is_moving(&run), "{status}");
        }
    }

    #[test]
    fn a_run_that_nobody_carries_on_is_no_success() {
        for (engine, code) in
            [(json!("none"), Code::Refused), (json!("silent"), Code::Refused), (json!(null), Code::Success)]
        {
            assert_eq!(code_of(&json!({ "status": "running", "engine": engine })), code, "{engine}");
        }
    }

    #[test]
    fn a_run_that_rests_undone_says_how_to_go_on() {
        let run = json!({ "id": "0199", "status": "failed", "question": {
            "text": "It stopped. What now?",
            "evidence": ["no answer"],
        }, "next": [
            { "command": "blocks runbook retry 0199", "means": "run it again" },
            { "command": "blocks runbook undo 0199", "means": "undo: goes back to the bad version" },
        ] });
        let next = next(&run).unwrap();
        let lines: Vec<_> = next.lines().map(str::trim).collect();
        assert_eq!(lines[..2], ["It stopped. What now? (run 0199)", "no answer"]);
        assert!(lines[2].starts_with("blocks runbook retry 0199 ") && lines[2].ends_with("run it again"));
        assert!(lines[3].starts_with("blocks runbook undo 0199 ") && lines[3].ends_with("the bad version"));
        for status in ["succeeded", "undone", "cancelled"] {
            assert_eq!(super::next(&json!({ "id": "0199", "status": status, "question": null })), None);
        }
    }
}
