//! What PagerDuty has, read over REST: the open incidents, and those that are asked for.

use runbook_core::ports::{LookAt, PagerError, PagerIncident, PagerUser, SeenIncident, SeenNote, SeenStatus};
use serde::Deserialize;
use serde_json::Value;

use super::pace::Purpose;
use super::{IDS, MAX_OFFSET, PAGE, PagerDutyClient, checked, list};
use crate::translate::{filled, is_user};
use crate::wire::{Data, Reference, loose, loose_list, moment, object};

/// Only then the bridge comes along.
const BRIDGE: (&str, &str) = ("include[]", "conference_bridge");

/// After so many incidents that are not told now, the rest waits for the next look.
const MOST_UNANSWERED: u32 = 4;

/// An incident beyond what an event tells of it.
#[derive(Debug, Default, Deserialize)]
struct More {
    #[serde(default, deserialize_with = "moment")]
    last_status_change_at: Option<chrono::DateTime<chrono::Utc>>,
    #[serde(default, deserialize_with = "loose")]
    last_status_change_by: Option<Reference>,
    #[serde(default, deserialize_with = "loose")]
    conference_bridge: Option<Bridge>,
    #[serde(default, deserialize_with = "loose_list")]
    assignments: Vec<Assignment>,
}

#[derive(Debug, Default, Deserialize)]
struct Assignment {
    #[serde(default, deserialize_with = "loose")]
    assignee: Option<Reference>,
}

#[derive(Debug, Default, Deserialize)]
struct Bridge {
    #[serde(default, deserialize_with = "loose")]
    conference_url: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Note {
    #[serde(default, deserialize_with = "loose")]
    id: Option<String>,
    #[serde(default, deserialize_with = "loose")]
    content: Option<String>,
    #[serde(default, deserialize_with = "moment")]
    created_at: Option<chrono::DateTime<chrono::Utc>>,
    #[serde(default, deserialize_with = "loose")]
    user: Option<Reference>,
}

impl PagerDutyClient {
    /// The open incidents of these services, and these incidents whatever became of them.
    pub(super) async fn see(&self, at: &LookAt) -> Result<Vec<SeenIncident>, PagerError> {
        // without a service it would be those of the whole account
        let mut listed = Vec::new();
        for services in at.services.chunks(IDS) {
            let mut open = vec![
                ("statuses[]", "triggered"),
                ("statuses[]", "acknowledged"),
                ("date_range", "all"),
                BRIDGE,
            ];
            open.extend(services.iter().map(|service| ("service_ids[]", service.as_str())));
            listed.extend(self.pages(&["incidents"], &open, "incidents", "list the open incidents").await?);
        }
        let mut all: Vec<SeenIncident> = Vec::new();
        for one in listed {
            // one may stand on two pages when another has ended meanwhile
            let new = seen(&one).filter(|one| !all.iter().any(|known| known.incident.id == one.incident.id));
            all.extend(new);
        }
        let mut unanswered = 0;
        for id in &at.incidents {
            if all.iter().any(|seen| seen.incident.id == *id) {
                continue;
            }
            // what is not open any more, or is not there
            let Ok(id) = checked(id) else { continue };
            match self.one_incident(id).await {
                Ok(one) => all.extend(one),
                // the others are worth more than this one
                Err(PagerError::Permanent { reason }) => {
                    tracing::debug!(id, reason, "an incident cannot be seen");
                }
                Err(PagerError::Retry { reason, .. }) => {
                    tracing::debug!(id, reason, "not every incident is seen this time");
                    unanswered += 1;
                    // one that is never told must not hide those behind it
                    if unanswered >= MOST_UNANSWERED || self.health.wait(Purpose::Look).is_some() {
                        break;
                    }
                }
            }
        }
        Ok(all)
    }

    async fn one_incident(&self, id: &str) -> Result<Option<SeenIncident>, PagerError> {
        let doing = format!("read the incident {id}");
        let url = self.url(&["incidents", id], &[BRIDGE])?;
        let answer = {
            let _turn = self.turn.lock().await;
            self.health.may(Purpose::Look)?;
            self.send(http::Method::GET, &url, None, None, &doing).await?
        };
        match answer {
            Ok(answer) => Ok(answer.get("incident").and_then(seen)),
            Err(problem) if problem.status == 404 => Ok(None),
            Err(problem) => Err(self.error(&problem, &doing)),
        }
    }

    /// All pages of a list; each takes its turn, so that a change does not wait for all of them.
    pub(super) async fn pages(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        name: &str,
        doing: &str,
    ) -> Result<Vec<Value>, PagerError> {
        let (mut all, mut offset) = (Vec::new(), 0);
        loop {
            let (limit, from) = (PAGE.to_string(), offset.to_string());
            let query = [query, &[("limit", limit.as_str()), ("offset", from.as_str())]].concat();
            let url = self.url(path, &query)?;
            let page = {
                let _turn = self.turn.lock().await;
                self.health.may(Purpose::Look)?;
                self.get(url, doing).await?
            };
            let count = list(&page, name).count();
            all.extend(list(&page, name).cloned());
            offset += count;
            let more = page.get("more").and_then(Value::as_bool).unwrap_or(false);
            if !more || count == 0 || offset + PAGE > MAX_OFFSET {
                return Ok(all);
            }
        }
    }

    pub(super) async fn notes_of(&self, id: &str) -> Result<Vec<SeenNote>, PagerError> {
        let id = checked(id)?;
        let notes =
            self.pages(&["incidents", id, "notes"], &[], "notes", "read the incident's notes").await?;
        let mut notes: Vec<_> = notes.iter().filter_map(seen_note).collect();
        notes.sort_by_key(|note| note.at);
        Ok(notes)
    }
}

/// One note; without an id or words it tells nothing.
pub(crate) fn seen_note(note: &Value) -> Option<SeenNote> {
    let note: Note = object(note)?;
    let by = note.user.as_ref().and_then(user);
    Some(SeenNote { id: filled(note.id)?, at: note.created_at, by, text: filled(note.content)? })
}

fn user(reference: &Reference) -> Option<PagerUser> {
    let is_one = is_user(reference);
    let id = filled(reference.id.clone()).filter(|_| is_one)?;
    Some(PagerUser { id, name: filled(reference.summary.clone()) })
}

/// An incident as REST has it: what an event carries, and more.
pub(crate) fn seen(incident: &Value) -> Option<SeenIncident> {
    let mut data: Data = object(incident)?;
    let more: More = object(incident)?;
    let merged_into = data.merged_into();
    let status = match (data.status.as_deref()?, merged_into) {
        ("triggered", _) => SeenStatus::Triggered,
        ("acknowledged", _) => SeenStatus::Acknowledged,
        ("resolved", Some(other)) => SeenStatus::MergedInto { other },
        ("resolved", None) => SeenStatus::Resolved,
        _ => return None,
    };
    let key = filled(data.incident_key.clone());
    let incident = PagerIncident::try_from(data).ok()?;
    checked(&incident.id).ok()?;
    Some(SeenIncident {
        incident,
        key,
        status,
        since: more.last_status_change_at,
        by: more.last_status_change_by.as_ref().and_then(user),
        bridge: more.conference_bridge.and_then(|bridge| filled(bridge.conference_url)),
        assignees: more.assignments.iter().filter_map(|one| user(one.assignee.as_ref()?)).collect(),
    })
}

#[cfg(test)]
mod tests;
