//! The buttons that hold reminders: how they are named, and what a press means.

use runbook_core::request::Request;
use serde::{Deserialize, Serialize};

use crate::translate::ACTION_PREFIX;

/// For how long reminders can be held.
pub(crate) const MINUTES: [u32; 3] = [30, 60, 90];
const WORD: &str = "snooze_";

/// What such a button carries: only the name of what the server then looks up for itself.
#[derive(Serialize, Deserialize)]
struct SnoozeValue {
    incident: String,
}

/// The action id of the button for so many minutes.
pub(crate) fn action_id(minutes: u32) -> String {
    format!("{ACTION_PREFIX}{WORD}{minutes}")
}

/// The value of a button about this incident.
pub(crate) fn value(incident: &str) -> String {
    serde_json::to_string(&SnoozeValue { incident: incident.to_owned() }).unwrap_or_default()
}

/// The request behind such a button; `None` when `id` is not one of them.
pub(crate) fn pressed(id: &str, value: Option<&str>) -> Option<Result<Request, String>> {
    let minutes = id.strip_prefix(WORD)?;
    let Some(minutes) = MINUTES.into_iter().find(|known| known.to_string() == minutes) else {
        return Some(Err("a button of ours that this version does not know".to_owned()));
    };
    let value = value.and_then(|value| serde_json::from_str::<SnoozeValue>(value).ok());
    let value = value.filter(|value| !value.incident.is_empty());
    Some(match value {
        Some(value) => Ok(Request::IncidentSnooze { incident: Some(value.incident), minutes }),
        None => Err("a button of ours without an incident".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_press_names_the_incident_and_the_minutes() {
        let said = value("INC-7");
        for minutes in MINUTES {
            let id = action_id(minutes);
            let request = pressed(&id["blocks:".len()..], Some(&said)).unwrap().unwrap();
            assert_eq!(request, Request::IncidentSnooze { incident: Some("INC-7".to_owned()), minutes });
        }
        assert!(pressed("approve", Some(&said)).is_none(), "no button of these");
        for (id, value) in [
            ("snooze_31", Some(said.as_str())),
            ("snooze_", Some(&said)),
            ("snooze_30", None),
            ("snooze_30", Some("{}")),
            ("snooze_30", Some("{\"incident\":\"\"}")),
        ] {
            assert!(pressed(id, value).unwrap().is_err(), "{id} {value:?}");
        }
    }
}
