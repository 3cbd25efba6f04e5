//! The buttons of an update's draft: what they carry, and what a press of one asks for.

use runbook_core::request::Request;
use serde::{Deserialize, Serialize};

use crate::translate::ACTION_PREFIX;

/// Longest name that a button carries, in bytes.
const NAME_MAX: usize = 100;

/// What is pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DraftButton {
    /// Send it, as it is shown.
    Send,
    /// Open a form with its text.
    Edit,
    /// Throw it away.
    Discard,
}

impl DraftButton {
    pub(crate) const ALL: [DraftButton; 3] = [DraftButton::Send, DraftButton::Edit, DraftButton::Discard];

    fn word(self) -> &'static str {
        match self {
            DraftButton::Send => "draft_send",
            DraftButton::Edit => "draft_edit",
            DraftButton::Discard => "draft_discard",
        }
    }

    /// What stands on it.
    pub(crate) fn label(self, is_public: bool) -> &'static str {
        match self {
            DraftButton::Send if is_public => "Send to the public",
            DraftButton::Send => "Send",
            DraftButton::Edit => "Edit",
            DraftButton::Discard => "Discard",
        }
    }

    /// Its action id.
    pub(crate) fn action_id(self) -> String {
        format!("{ACTION_PREFIX}{}", self.word())
    }
}

/// What the buttons carry. Untrusted when it comes back: it only names what the server then reads for itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DraftValue {
    /// `INC-12`.
    pub(crate) incident: String,
    /// The whole code of the text that the buttons stand below: a text that has changed since is another one.
    pub(crate) draft: String,
}

/// The request behind a press; `None` when the button is none of a draft's.
pub(crate) fn pressed(id: &str, value: Option<&str>) -> Option<Result<Request, String>> {
    let button = DraftButton::ALL.into_iter().find(|button| button.word() == id)?;
    let value: Option<DraftValue> = value.and_then(|value| serde_json::from_str(value).ok());
    let is_whole = |value: &DraftValue| {
        let is_code = value.draft.len() == 64 && value.draft.chars().all(|c| c.is_ascii_hexdigit());
        is_code && !value.incident.is_empty() && value.incident.len() <= NAME_MAX
    };
    let Some(DraftValue { incident, draft }) = value.filter(is_whole) else {
        return Some(Err("a button of a draft without its code".to_owned()));
    };
    let incident = Some(incident);
    Some(Ok(match button {
        DraftButton::Send => Request::UpdateSend { incident, draft },
        DraftButton::Edit => Request::UpdateEdit { incident, draft, text: String::new() },
        DraftButton::Discard => Request::UpdateDiscard { incident, draft },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_press_carries_the_whole_code() {
        let code = "4f".repeat(32);
        let value = serde_json::json!({"incident": "INC-1", "draft": code}).to_string();
        let incident = Some("INC-1".to_owned());
        assert_eq!(
            pressed("draft_send", Some(&value)),
            Some(Ok(Request::UpdateSend { incident: incident.clone(), draft: code.clone() }))
        );
        assert_eq!(
            pressed("draft_discard", Some(&value)),
            Some(Ok(Request::UpdateDiscard { incident: incident.clone(), draft: code.clone() }))
        );
        assert_eq!(
            pressed("draft_edit", Some(&value)),
            Some(Ok(Request::UpdateEdit { incident, draft: code, text: String::new() }))
        );
        assert_eq!(pressed("draft_shout", Some(&value)), None);
        for bad in [None, Some("{}"), Some(r#"{"incident":"INC-1","draft":"4F2A"}"#)] {
            assert!(pressed("draft_send", bad).is_some_and(|request| request.is_err()), "{bad:?}");
        }
    }
}
