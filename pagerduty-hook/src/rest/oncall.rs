//! Who is on call, read over REST: whom the escalation policy of a service pages now.

use std::collections::BTreeMap;

use runbook_core::oncall::PagerTurn;
use runbook_core::ports::PagerError;
use serde::Deserialize;
use serde_json::Value;

use super::{IDS, PagerDutyClient, checked};
use crate::translate::filled;
use crate::wire::{loose, moment, object};

/// Somebody's turn at one level of a policy.
#[derive(Debug, Default, Deserialize)]
struct Entry {
    #[serde(default, deserialize_with = "loose")]
    escalation_level: Option<u32>,
    #[serde(default, deserialize_with = "loose")]
    escalation_policy: Option<Named>,
    #[serde(default, deserialize_with = "loose")]
    schedule: Option<Named>,
    #[serde(default, deserialize_with = "loose")]
    user: Option<Named>,
    #[serde(default, deserialize_with = "moment")]
    end: Option<chrono::DateTime<chrono::Utc>>,
}

#[derive(Debug, Default, Deserialize)]
struct Named {
    #[serde(default, deserialize_with = "loose")]
    id: Option<String>,
    #[serde(default, deserialize_with = "loose")]
    summary: Option<String>,
    #[serde(default, deserialize_with = "loose")]
    name: Option<String>,
    #[serde(default, deserialize_with = "loose")]
    email: Option<String>,
}

impl PagerDutyClient {
    /// Whom the policies of these services page now.
    pub(super) async fn who_is_on_call(
        &self,
        services: &[String],
    ) -> Result<BTreeMap<String, Vec<PagerTurn>>, PagerError> {
        let mut policies: BTreeMap<String, String> = BTreeMap::new();
        for service in services {
            let Ok(service) = checked(service) else { continue };
            policies.extend(self.policy_of(service).await?.map(|policy| (service.to_owned(), policy)));
        }
        let mut turns: BTreeMap<&str, Vec<PagerTurn>> = BTreeMap::new();
        let mut ids: Vec<&str> = policies.values().map(String::as_str).collect();
        ids.sort_unstable();
        ids.dedup();
        // one request for many of them: PagerDuty takes few of this kind
        for ids in ids.chunks(IDS) {
            let mut query = vec![("earliest", "true"), ("include[]", "users")];
            query.extend(ids.iter().map(|id| ("escalation_policy_ids[]", *id)));
            for entry in self.pages(&["oncalls"], &query, "oncalls", "read who is on call").await? {
                let Some((policy, turn)) = turn(&entry) else { continue };
                let Some(policy) = policies.values().find(|known| **known == policy) else { continue };
                turns.entry(policy).or_default().push(turn);
            }
        }
        for all in turns.values_mut() {
            all.sort_by_key(|turn| turn.level);
        }
        let of = |(service, policy): (&String, &String)| {
            (service.clone(), turns.get(policy.as_str()).cloned().unwrap_or_default())
        };
        Ok(policies.iter().map(of).collect())
    }

    /// The id of a service's escalation policy; `None` where there is no such service, or it has none.
    async fn policy_of(&self, service: &str) -> Result<Option<String>, PagerError> {
        let doing = format!("read the service {service}");
        let url = self.url(&["services", service], &[])?;
        let answer = {
            let _turn = self.turn.lock().await;
            self.send(http::Method::GET, &url, None, None, &doing).await?
        };
        match answer {
            Ok(answer) => Ok(policy(&answer)),
            Err(problem) if problem.status == 404 => Ok(None),
            Err(problem) => Err(self.error(&problem, &doing)),
        }
    }
}

/// The id of the escalation policy that a service says it has.
pub(crate) fn policy(service: &Value) -> Option<String> {
    let id = service.pointer("/service/escalation_policy/id").and_then(Value::as_str);
    id.filter(|id| checked(id).is_ok()).map(str::to_owned)
}

/// The policy, and who has which level of it.
pub(crate) fn turn(entry: &Value) -> Option<(String, PagerTurn)> {
    let entry: Entry = object(entry)?;
    let policy = filled(entry.escalation_policy?.id)?;
    let user = entry.user.unwrap_or_default();
    let (email, name) = (filled(user.email), filled(user.name).or(filled(user.summary)));
    if email.is_none() && name.is_none() {
        return None;
    }
    let schedule = entry.schedule.and_then(|schedule| filled(schedule.summary));
    Some((policy, PagerTurn { level: entry.escalation_level?, email, name, schedule, until: entry.end }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_turn_is_an_object_that_names_somebody_at_a_level() {
        let good = json!({
            "escalation_level": 1, "escalation_policy": { "id": "PPOL" }, "user": { "name": "Ana" },
            "end": "+262142-12-31T23:59:59Z",
        });
        let (policy, read) = turn(&good).unwrap();
        assert_eq!((policy.as_str(), read.level, read.until), ("PPOL", 1, None));
        for odd in [
            json!([1, { "id": "PPOL" }, null, { "name": "Ana" }, null]),
            json!({ "escalation_level": 1, "escalation_policy": { "id": "PPOL" }, "user": ["PANA"] }),
            json!({ "escalation_level": "1", "escalation_policy": { "id": "PPOL" }, "user": { "name": "Ana" } }),
            json!({ "escalation_level": 1, "user": { "name": "Ana" } }),
        ] {
            assert!(turn(&odd).is_none(), "{odd}");
        }
    }
}
