//! Pages of our own: incidents that ring for somebody.

use http::Method;
use runbook_core::ports::{PageUrgency, PagerError};
use serde_json::{Value, json};

use super::change::Status;
use super::{PagerDutyClient, checked, list, permanent};

/// What a page is about, for whom, and how loud.
pub(super) struct About<'a> {
    pub(super) incident: &'a str,
    pub(super) service: Option<&'a str>,
    pub(super) to: Option<&'a str>,
    pub(super) urgency: PageUrgency,
}

impl PagerDutyClient {
    /// Opens an incident of its own at the same service, which rings for one person, or for whoever is on call there. One
    /// with the same key that is still open rings already.
    pub(super) async fn page(
        &self,
        key: &str,
        (title, text): (&str, &str),
        about: &About<'_>,
    ) -> Result<(), PagerError> {
        let service = match about.service {
            Some(service) => checked(service)?.to_owned(),
            None => {
                let incident = checked(about.incident)?;
                let read = self.get(self.url(&["incidents", incident], &[])?, "read the incident").await?;
                let service = read.pointer("/incident/service/id").and_then(Value::as_str);
                checked(service.unwrap_or_default())?.to_owned()
            }
        };
        let doing =
            format!("page about {}", if about.incident.is_empty() { &service } else { about.incident });
        if self.is_open(key).await? {
            return Ok(());
        }
        let mut body = json!({ "incident": {
            "type": "incident",
            "title": title,
            "service": { "id": service, "type": "service_reference" },
            "urgency": about.urgency.word(),
            "incident_key": key,
            "body": { "type": "incident_body", "details": text },
        } });
        if let Some(email) = about.to {
            // Nobody else is woken in the place of somebody whom the pager does not know.
            let Some(user) = self.user_with(email).await? else {
                return Err(permanent(
                    "pagerduty knows no user with the e-mail of whom it is for; hint: check their pagerduty_email".to_owned(),
                ));
            };
            body["incident"]["assignments"] =
                json!([{ "assignee": { "id": user, "type": "user_reference" } }]);
        }
        let url = self.url(&["incidents"], &[])?;
        match self.write(Method::POST, &url, None, &body, &doing).await? {
            Ok(_) => Ok(()),
            // somebody was faster with the same key
            Err(problem) if problem.is_about_the_input() && self.is_open(key).await? => Ok(()),
            Err(problem) => Err(self.error(&problem, &doing)),
        }
    }

    /// Resolves what is still open under this key.
    pub(super) async fn end_page(&self, key: &str) -> Result<(), PagerError> {
        for incident in ids_with(&self.open_ones(key).await?, key) {
            self.set_status(&incident, None, Status::Resolved, false).await?;
        }
        Ok(())
    }

    /// `true` when an incident with this key is not resolved, whatever it is called.
    async fn is_open(&self, key: &str) -> Result<bool, PagerError> {
        Ok(with_key(&self.open_ones(key).await?, key).next().is_some())
    }

    /// What it says of unresolved incidents with this key.
    async fn open_ones(&self, key: &str) -> Result<Value, PagerError> {
        let query = [("incident_key", key), ("statuses[]", "triggered"), ("statuses[]", "acknowledged")];
        self.get(self.url(&["incidents"], &query)?, "look for the page").await
    }
}

fn with_key<'a>(incidents: &'a Value, key: &'a str) -> impl Iterator<Item = &'a Value> {
    list(incidents, "incidents")
        .filter(move |one| one.get("incident_key").and_then(Value::as_str) == Some(key))
}

/// The ids of the incidents of a list that have this key; one that could not be asked for is left out.
pub(crate) fn ids_with(incidents: &Value, key: &str) -> Vec<String> {
    let ids = with_key(incidents, key).filter_map(|one| one.get("id").and_then(Value::as_str));
    ids.filter(|id| checked(id).is_ok()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_ours_has_its_key_and_an_id_that_can_be_asked_for() {
        let found = json!({ "incidents": [
            { "id": "PONE", "incident_key": "blocks/1" },
            { "id": "PTWO", "incident_key": "blocks/2" },
            { "incident_key": "blocks/1" },
            { "id": "../users", "incident_key": "blocks/1" },
            ["PTHREE", "blocks/1"],
        ] });
        assert_eq!(ids_with(&found, "blocks/1"), ["PONE"]);
    }
}
