//! The card's buttons: what they are called, what they carry, and what a press of one asks for.

use runbook_core::message::CardButton;
use runbook_core::request::Request;
use serde::{Deserialize, Serialize};

/// Longest name that a button carries, in bytes: Slack takes 2,000 characters for the value, and JSON may make six of one.
const NAME_MAX: usize = 150;

/// What the buttons carry. Untrusted when it comes back: it only names what the server then reads for itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CardValue {
    /// `INC-12`.
    pub(crate) incident: String,
    /// The service's name.
    pub(crate) service: String,
}

impl CardValue {
    /// `None` when it is too long for a button; what the card says to type stands beside it anyway.
    pub(crate) fn new(incident: &str, service: &str) -> Option<CardValue> {
        let fits = !incident.is_empty() && incident.len() <= NAME_MAX && service.len() <= NAME_MAX;
        fits.then(|| CardValue { incident: incident.to_owned(), service: service.to_owned() })
    }
}

/// A button's word in an action id.
pub(crate) fn word(button: CardButton) -> &'static str {
    match button {
        CardButton::Ack => "card_ack",
        CardButton::Rollback => "card_rollback",
        CardButton::Escalate => "card_escalate",
    }
}

/// What stands on it.
pub(crate) fn label(button: CardButton) -> &'static str {
    match button {
        CardButton::Ack => "Take it",
        CardButton::Rollback => "Plan the rollback",
        CardButton::Escalate => "Page one more",
    }
}

/// What is asked before it counts, where a slip of the finger would wake somebody: the question, what happens, yes and no.
pub(crate) fn confirm(button: CardButton) -> Option<[&'static str; 4]> {
    match button {
        CardButton::Ack | CardButton::Rollback => None,
        CardButton::Escalate => Some([
            "Page one person more?",
            "The next of this severity's steps is asked to come, and the pager rings for them.",
            "Page them",
            "Not yet",
        ]),
    }
}

/// The button with this word.
pub(crate) fn named(id: &str) -> Option<CardButton> {
    [CardButton::Ack, CardButton::Rollback, CardButton::Escalate]
        .into_iter()
        .find(|button| word(*button) == id)
}

/// The request behind a press.
pub(crate) fn pressed(button: CardButton, value: Option<&str>) -> Result<Request, String> {
    let value: CardValue = value
        .and_then(|value| serde_json::from_str(value).ok())
        .filter(|value: &CardValue| !value.incident.is_empty())
        .ok_or("a button of a card without its incident")?;
    Ok(match button {
        CardButton::Ack => Request::IncidentAck { incident: Some(value.incident) },
        CardButton::Rollback => Request::RunbookRollback {
            service: Some(value.service).filter(|service| !service.is_empty()),
            params: std::collections::BTreeMap::default(),
            incident: Some(value.incident),
        },
        CardButton::Escalate => Request::Escalate { incident: Some(value.incident), who: None, reason: None },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_press_asks_for_what_the_button_says() {
        let value = serde_json::to_string(&CardValue::new("INC-1", "flowengine").unwrap()).unwrap();
        let ack = Request::IncidentAck { incident: Some("INC-1".into()) };
        let rollback = Request::RunbookRollback {
            service: Some("flowengine".into()),
            params: [].into(),
            incident: Some("INC-1".into()),
        };
        let escalate = Request::Escalate { incident: Some("INC-1".into()), who: None, reason: None };
        for (id, wanted) in [("card_ack", ack), ("card_rollback", rollback), ("card_escalate", escalate)] {
            assert_eq!(pressed(named(id).unwrap(), Some(&value)), Ok(wanted));
        }
        assert_eq!(named("approve"), None);
        for bad in [None, Some(""), Some("{}"), Some(r#"{"incident":"","service":"x"}"#)] {
            assert!(pressed(CardButton::Ack, bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_no_button() {
        assert_eq!(CardValue::new("INC-1", &"x".repeat(151)), None);
        assert_eq!(CardValue::new("", "x"), None);
        let longest = CardValue::new(&"\u{1}".repeat(150), &"\u{1}".repeat(150)).unwrap();
        assert!(serde_json::to_string(&longest).unwrap().len() <= 2_000);
    }
}
