//! The button that takes over what somebody passes on: how it is named, and what a press means.

use runbook_core::ids::RunId;
use runbook_core::request::Request;
use serde::{Deserialize, Serialize};

use crate::translate::ACTION_PREFIX;

const WORD: &str = "take_handover";
/// What is named where command is meant, and not a run.
const COMMAND: &str = "command";

/// What the button carries: only names of what the server then looks up for itself, whose it is among it.
#[derive(Serialize, Deserialize)]
struct OfferValue {
    incident: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    run: Option<String>,
}

/// Its action id.
pub(crate) fn action_id() -> String {
    format!("{ACTION_PREFIX}{WORD}")
}

/// Its value.
pub(crate) fn value(incident: &str, run: Option<RunId>) -> String {
    let value = OfferValue { incident: incident.to_owned(), run: run.map(|run| run.to_string()) };
    serde_json::to_string(&value).unwrap_or_default()
}

/// The request behind the button; `None` when `id` is another's.
pub(crate) fn pressed(id: &str, value: Option<&str>) -> Option<Result<Request, String>> {
    if id != WORD {
        return None;
    }
    let value = value.and_then(|value| serde_json::from_str::<OfferValue>(value).ok());
    Some(match value.filter(|value| !value.incident.is_empty()) {
        Some(OfferValue { incident, run }) => {
            // A press takes what stands beside the button, also where other things are on offer.
            let run = run.filter(|run| !run.is_empty()).unwrap_or_else(|| COMMAND.to_owned());
            Ok(Request::HandOverTake { incident: Some(incident), run: Some(run) })
        }
        None => Err("a button of ours without an incident".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_press_takes_what_the_button_names() {
        let run: RunId = "01980000-0000-7000-8000-000000000001".parse().unwrap();
        for run in [None, Some(run)] {
            let said = value("INC-7", run);
            let request = pressed(&action_id()["blocks:".len()..], Some(&said)).unwrap().unwrap();
            let run = run.map_or_else(|| Some("command".to_owned()), |run| Some(run.to_string()));
            assert_eq!(request, Request::HandOverTake { incident: Some("INC-7".to_owned()), run });
        }
        assert!(pressed("approve", None).is_none(), "another's");
        for bad in [None, Some(""), Some("{}"), Some(r#"{"incident":""}"#)] {
            assert!(pressed(WORD, bad).unwrap().is_err(), "{bad:?}");
        }
    }
}
