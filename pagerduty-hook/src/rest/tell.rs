//! What people do elsewhere, told to PagerDuty: how severe it is, and who is asked to come.

use http::Method;
use runbook_core::ports::PagerError;
use serde_json::{Value, json};

use super::{PAGE, PagerDutyClient, checked, list, permanent};

/// `name (of an account)` and `name - what it means` are that name for people.
fn is_named(priority: &Value, severity: &str) -> bool {
    let is_it = |name: &str| {
        let first = name.split([' ', ':', '-', '(']).next().unwrap_or_default();
        name.eq_ignore_ascii_case(severity) || first.eq_ignore_ascii_case(severity)
    };
    ["name", "summary"].iter().any(|field| priority.get(field).and_then(Value::as_str).is_some_and(is_it))
}

/// The id of the priority that is named like the severity.
pub(crate) fn priority_named<'a>(priorities: &'a Value, severity: &str) -> Option<&'a str> {
    let found = list(priorities, "priorities").find(|priority| is_named(priority, severity));
    found.and_then(|priority| priority.get("id")).and_then(Value::as_str)
}

/// Whether an incident says that this user was asked to come.
pub(crate) fn is_responder(incident: &Value, user: &str) -> bool {
    let responders = incident.pointer("/incident/incidents_responders").and_then(Value::as_array);
    let is_theirs = |one: &Value| one.pointer("/user/id").and_then(Value::as_str) == Some(user);
    responders.into_iter().flatten().any(is_theirs)
}

impl PagerDutyClient {
    /// Gives the incident the priority with this id, or the one that is named like the severity.
    pub(super) async fn set_priority(
        &self,
        incident: &str,
        from: Option<&str>,
        (severity, id): (&str, Option<&str>),
    ) -> Result<(), PagerError> {
        let incident = checked(incident)?;
        let doing = format!("show {incident} as {severity}");
        let id = match id {
            Some(id) => checked(id)?.to_owned(),
            None => self.priority_named(severity).await?,
        };
        let url = self.url(&["incidents", incident], &[])?;
        let body = json!({ "incident": {
            "type": "incident_reference",
            "priority": { "id": id, "type": "priority_reference" },
        } });
        match self.write(Method::PUT, &url, from, &body, &doing).await? {
            Ok(_) => Ok(()),
            Err(problem) => Err(self.error(&problem, &doing)),
        }
    }

    async fn priority_named(&self, severity: &str) -> Result<String, PagerError> {
        let limit = PAGE.to_string();
        let known = self.get(self.url(&["priorities"], &[("limit", &limit)])?, "list priorities").await?;
        let Some(id) = priority_named(&known, severity) else {
            return Err(permanent(format!(
                "pagerduty has no priority named {severity}; hint: name its id under [pagerduty.priorities]"
            )));
        };
        checked(id).map(str::to_owned)
    }

    /// Asks a user to come to the incident, unless they were asked before.
    pub(super) async fn ask_responder(
        &self,
        incident: &str,
        from: Option<&str>,
        (to, message): (&str, &str),
        look_first: bool,
    ) -> Result<(), PagerError> {
        let incident = checked(incident)?;
        let doing = format!("ask a responder to {incident}");
        let Some(user) = self.user_with(to).await? else {
            return Err(permanent(
                "pagerduty knows no user with the e-mail of whom it is for; hint: check their pagerduty_email"
                    .to_owned(),
            ));
        };
        if look_first && self.is_asked(incident, &user).await? {
            return Ok(());
        }
        let asks = match from {
            Some(from) => self.user_with(from).await?,
            None => None,
        };
        let asks = match (asks, self.config.from.as_deref()) {
            (None, Some(configured)) => self.user_with(configured).await?,
            (asks, _) => asks,
        };
        let Some(asks) = asks else {
            return Err(permanent(
                "pagerduty knows neither who asks nor pagerduty.from; hint: check both".to_owned(),
            ));
        };
        let body = json!({
            "requester_id": asks,
            "message": message,
            "responder_request_targets": [
                { "responder_request_target": { "id": user, "type": "user_reference" } },
            ],
        });
        let url = self.url(&["incidents", incident, "responder_requests"], &[])?;
        match self.write(Method::POST, &url, from, &body, &doing).await? {
            Ok(_) => Ok(()),
            Err(problem) => Err(self.error(&problem, &doing)),
        }
    }

    /// Whether this user is a responder of the incident, or is asked to be one.
    async fn is_asked(&self, incident: &str, user: &str) -> Result<bool, PagerError> {
        let read = self.get(self.url(&["incidents", incident], &[])?, "read the incident").await?;
        Ok(is_responder(&read, user))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_priority_is_named_like_a_severity() {
        for (name, severity, expected) in [
            ("P1", "P1", true),
            ("p1", "P1", true),
            ("P1 - Critical", "P1", true),
            ("P1: all of it", "P1", true),
            ("P10", "P1", false),
            ("Critical", "P1", false),
            ("", "P1", false),
        ] {
            assert_eq!(is_named(&json!({ "name": name }), severity), expected, "{name}");
        }
        assert!(is_named(&json!({ "summary": "P2" }), "P2"));
        assert!(!is_named(&json!({ "name": 1 }), "P1"));
    }
}
