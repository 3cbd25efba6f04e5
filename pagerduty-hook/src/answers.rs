//! What PagerDuty's answers mean, each as a function of the answer alone: what the client reads with, for whoever tries it on
//! anything that could come.

use http::HeaderMap;
use runbook_core::oncall::PagerTurn;
use runbook_core::ports::{PageDetails, PagerError, SeenChange, SeenIncident, SeenNote};
use serde_json::Value;

use crate::rest::reply::Reply;
use crate::rest::{
    change, changes, details, list, oncall, page, see, seen_changes, services, subscriptions, tell, users,
};
use crate::setup::Subscription;

/// The JSON object of a success.
///
/// # Errors
/// A refusal, or what is not PagerDuty's.
pub fn answer(status: u16, body: &[u8]) -> Result<Value, PagerError> {
    let mut reply = Reply::new(status, &HeaderMap::new());
    reply.body = body.to_vec();
    reply.into_result().map_err(|problem| problem.to_error("read an answer"))
}

/// The incidents of a list.
#[must_use]
pub fn incidents(answer: &Value) -> Vec<SeenIncident> {
    list(answer, "incidents").filter_map(see::seen).collect()
}

/// One incident that was asked for.
#[must_use]
pub fn incident(answer: &Value) -> Option<SeenIncident> {
    answer.get("incident").and_then(see::seen)
}

/// The status of one incident, in PagerDuty's word.
#[must_use]
pub fn status(answer: &Value) -> Option<&str> {
    change::status(answer)
}

/// The notes of an incident.
#[must_use]
pub fn notes(answer: &Value) -> Vec<SeenNote> {
    list(answer, "notes").filter_map(see::seen_note).collect()
}

/// Whether one of the notes has this text.
#[must_use]
pub fn has_note(answer: &Value, text: &str) -> bool {
    list(answer, "notes").any(|note| change::says(note, text))
}

/// Labels and details of an incident's alerts.
#[must_use]
pub fn alerts(answer: &Value) -> PageDetails {
    details::details(answer)
}

/// Who has which level of which policy.
#[must_use]
pub fn turns(answer: &Value) -> Vec<(String, PagerTurn)> {
    list(answer, "oncalls").filter_map(oncall::turn).collect()
}

/// The escalation policy of a service.
#[must_use]
pub fn policy(answer: &Value) -> Option<String> {
    oncall::policy(answer)
}

/// What a service is called.
#[must_use]
pub fn service_name(answer: &Value) -> Option<String> {
    services::name_of(answer)
}

/// The changes of a service.
#[must_use]
pub fn seen_changes(answer: &Value) -> Vec<SeenChange> {
    list(answer, "change_events").filter_map(seen_changes::change).collect()
}

/// Whether the change events have the one of ours with this key.
#[must_use]
pub fn has_change(answer: &Value, key: &str) -> bool {
    changes::has_key(answer, key)
}

/// The incidents with this key.
#[must_use]
pub fn pages(answer: &Value, key: &str) -> Vec<String> {
    page::ids_with(answer, key)
}

/// The webhook subscriptions.
#[must_use]
pub fn subscriptions(answer: &Value) -> Vec<Subscription> {
    list(answer, "webhook_subscriptions").filter_map(Subscription::read).collect()
}

/// The secret of a new subscription.
#[must_use]
pub fn secret(answer: &Value) -> Option<&str> {
    subscriptions::secret_of(answer)
}

/// The id of the user with this e-mail.
#[must_use]
pub fn user<'a>(answer: &'a Value, email: &str) -> Option<&'a str> {
    users::id_of(answer, email)
}

/// The e-mail of a user.
#[must_use]
pub fn email(answer: &Value) -> Option<&str> {
    users::email_of(answer)
}

/// The id of the priority that is named like the severity.
#[must_use]
pub fn priority<'a>(answer: &'a Value, severity: &str) -> Option<&'a str> {
    tell::priority_named(answer, severity)
}

/// Whether the incident says that this user was asked to come.
#[must_use]
pub fn is_responder(answer: &Value, user: &str) -> bool {
    tell::is_responder(answer, user)
}

/// What the Events API says of a refusal, as it is repeated.
#[must_use]
pub fn event_refusal(body: &[u8]) -> String {
    crate::events::said(body)
}
