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

/// How a person goes on with a run that rests without being done; `None` when there is nothing to decide.
pub(super) fn next(run: &Value) -> Option<String> {
    let id = run["id"].as_str()?;
    let can_be_undone = run["risk"] == "reversible";
    let words = match run["status"].as_str()? {
        "waiting_for_approval" => format!("`blocks runbook approve {id}`, or `blocks runbook refuse {id}`"),
        "paused" if run["paused_by"].is_object() => {
            format!("`blocks runbook resume {id}`, or `blocks runbook cancel {id}`")
        }
        "paused" => format!(
            "`blocks runbook status {id}` shows what is asked; then `blocks runbook answer {id} yes` (or no), `blocks runbook retry {id}`, `blocks runbook skip {id} --reason TEXT` or `blocks runbook cancel {id}`"
        ),
        "in_doubt" => format!(
            "look whether it happened, then `blocks runbook mark-done {id}` or `blocks runbook retry {id}`"
        ),
        "failed" if can_be_undone => {
            format!(
                "`blocks runbook retry {id}`, `blocks runbook skip {id} --reason TEXT`, or `blocks runbook undo {id}`"
            )
        }
        "failed" => format!("`blocks runbook retry {id}`, or `blocks runbook skip {id} --reason TEXT`"),
        "undo_failed" => format!("look by hand, then `blocks runbook mark-done {id}`"),
        "cancelled" if holds_doubt(run) && can_be_undone => {
            format!(
                "look what the cut-off command did, then `blocks runbook undo {id}` if it is to be undone"
            )
        }
        "cancelled" if holds_doubt(run) && run["risk"] != "read-only" => {
            "look by hand what the cut-off command did".to_owned()
        }
        _ => return None,
    };
    Some(format!("to go on: {words}"))
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
        for (status, verb) in [("paused", "answer"), ("in_doubt", "mark-done"), ("failed", "retry")] {
            let next = next(&json!({ "id": "0199", "status": status })).unwrap();
            assert!(next.contains(&format!("blocks runbook {verb} 0199")), "{next}");
        }
        let failed = |risk: &str| next(&json!({ "id": "0199", "status": "failed", "risk": risk })).unwrap();
        assert!(failed("reversible").contains("undo") && !failed("read-only").contains("undo"));
        for status in ["succeeded", "cancelled", "undone"] {
            assert_eq!(next(&json!({ "id": "0199", "status": status })), None, "{status}");
        }
    }
}
