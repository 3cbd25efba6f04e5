//! What a run's status says: when it rests, the exit code, and how a person goes on.

use runbook_core::request::Request;
use serde_json::Value;

use crate::exit::Code;

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
/// said is the run's own list, the safest first.
pub(super) fn next(run: &Value) -> Option<String> {
    let id = run["id"].as_str()?;
    let status = run["status"].as_str()?;
    if status == "waiting_for_approval" {
        return Some(format!("to go on: `blocks runbook approve {id}`, or `blocks runbook refuse {id}`"));
    }
    if run["paused_by"].is_object() {
        return Some(format!("to go on: `blocks runbook resume {id}`, or `blocks runbook cancel {id}`"));
    }
    let question = run.get("question").filter(|question| question.is_object())?;
    let choices: Vec<String> =
        question["choices"].as_array().into_iter().flatten().filter_map(choice).collect();
    let mut text = format!("{} (run {id})", question["text"].as_str().unwrap_or_default());
    for known in question["evidence"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        text.push_str(&format!("\n    {known}"));
    }
    for choice in choices {
        text.push_str(&format!("\n  {choice}"));
    }
    Some(text)
}

/// What to type for an answer, and what it means.
fn choice(choice: &Value) -> Option<String> {
    let means = match choice["answer"].as_str()? {
        "yes" => "it is as expected: go on",
        "no" => "it is not as expected: stop here",
        "wait_on" => "wait on: look again",
        "retry" => "run it again",
        "mark_done" => "it has happened: go on",
        "go_on" => "go on although it failed",
        "put_right" => "somebody has looked and put it right",
        "resume" => "let it go on",
        "cancel" => "stop here",
        "undo" => "undo what was done",
        "go_back" => "undo: goes back to the bad version",
        _ => "",
    };
    Some(format!("{:<70} {means}", choice["command"].as_str()?))
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
    fn a_run_that_rests_undone_says_how_to_go_on() {
        let run = json!({ "id": "0199", "status": "failed", "question": {
            "text": "It stopped. What now?",
            "evidence": ["no answer"],
            "choices": [
                { "answer": "retry", "command": "blocks runbook retry 0199" },
                { "answer": "go_back", "command": "blocks runbook undo 0199" },
            ],
        } });
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
