//! Pages of our own: incidents that ring for somebody.

use http::Method;
use runbook_core::ports::PagerError;
use serde_json::{Value, json};

use super::change::Status;
use super::{PagerDutyClient, checked, list, permanent};

/// What a page is about, and for whom.
pub(super) struct About<'a> {
    pub(super) incident: &'a str,
    pub(super) service: Option<&'a str>,
    pub(super) to: Option<&'a str>,
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
            "urgency": "high",
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
        for incident in self.open_with(key).await? {
            self.set_status(&incident, None, Status::Resolved, false).await?;
        }
        Ok(())
    }

    /// `true` when an incident with this key is not resolved.
    async fn is_open(&self, key: &str) -> Result<bool, PagerError> {
        Ok(!self.open_with(key).await?.is_empty())
    }

    /// The ids of incidents with this key that are not resolved.
    async fn open_with(&self, key: &str) -> Result<Vec<String>, PagerError> {
        let query = [("incident_key", key), ("statuses[]", "triggered"), ("statuses[]", "acknowledged")];
        let found = self.get(self.url(&["incidents"], &query)?, "look for the page").await?;
        let ours = list(&found, "incidents")
            .filter(|one| one.get("incident_key").and_then(Value::as_str) == Some(key));
        Ok(ours.map(|one| one.get("id").and_then(Value::as_str).unwrap_or_default().to_owned()).collect())
    }
}
