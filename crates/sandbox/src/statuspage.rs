//! A Statuspage: one page with components and incidents, as strict as the real API about key, pace and words.

use chrono::{DateTime, Utc};
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::clock;
use crate::config::StatuspageConfig;
use crate::shared::{Reply, Request};

/// Requests may come so often, in milliseconds: one a second, with a little patience for the wire.
const BETWEEN_MS: i64 = 900;
const STATUSES: [&str; 4] = ["investigating", "identified", "monitoring", "resolved"];
const IMPACTS: [&str; 5] = ["none", "minor", "major", "critical", "maintenance"];
const COMPONENT: [&str; 5] =
    ["operational", "degraded_performance", "partial_outage", "major_outage", "under_maintenance"];

/// The page as it is.
#[derive(Debug)]
pub(crate) struct Page {
    config: StatuspageConfig,
    base: String,
    incidents: Vec<Incident>,
    /// How many there have ever been.
    made: u32,
    components: Map<String, Value>,
    last: Option<DateTime<Utc>>,
    calls: Vec<Value>,
    /// The next so many changes are made, and the answer gets lost.
    lose_answers: u32,
    /// The next so many requests are answered with this status.
    fail: Option<(u16, u32)>,
}

#[derive(Debug, Clone, Serialize)]
struct Incident {
    id: String,
    name: String,
    status: String,
    impact: String,
    shortlink: String,
    metadata: Value,
    /// Newest first, as the real one has them.
    incident_updates: Vec<Value>,
    created_at: String,
}

/// `POST /control/statuspage`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StatuspageRequest {
    /// Make the next so many changes, and lose the answer.
    #[serde(default)]
    lose_answers: Option<u32>,
    /// Delete every incident that is there.
    #[serde(default)]
    delete: bool,
    /// Answer the next requests with this status.
    #[serde(default)]
    fail: Option<u16>,
    /// How many.
    #[serde(default = "one")]
    count: u32,
}

fn one() -> u32 {
    1
}

fn error(status: u16, said: &[String]) -> Reply {
    Reply::json(status, &json!({ "error": said }))
}

impl Page {
    pub(crate) fn new(config: StatuspageConfig, base: String) -> Page {
        let components = config.components.iter().map(|id| (id.clone(), json!("operational"))).collect();
        Page {
            config,
            base,
            incidents: Vec::new(),
            made: 0,
            components,
            last: None,
            calls: Vec::new(),
            lose_answers: 0,
            fail: None,
        }
    }

    pub(crate) fn state(&self) -> Value {
        json!({ "incidents": self.incidents, "components": self.components, "calls": self.calls })
    }

    /// Sets what goes wrong next.
    pub(crate) fn set(&mut self, wanted: &StatuspageRequest) -> Reply {
        if let Some(count) = wanted.lose_answers {
            self.lose_answers = count;
        }
        if wanted.delete {
            self.incidents.clear();
        }
        if let Some(status) = wanted.fail {
            self.fail = Some((status, wanted.count));
        }
        Reply::json(200, &json!({ "ok": true }))
    }

    /// Answers everything under `/statuspage/v1/`.
    pub(crate) fn route(&mut self, rest: &[&str], request: &Request, now: DateTime<Utc>) -> Reply {
        let reply = self.answer(rest, request, now);
        self.calls.push(json!({
            "method": request.method.as_str(), "path": request.path, "status": reply.status, "at": clock::iso(now),
        }));
        reply
    }

    fn answer(&mut self, rest: &[&str], request: &Request, now: DateTime<Utc>) -> Reply {
        if request.header("authorization") != Some(format!("OAuth {}", self.config.api_key).as_str()) {
            return error(401, &["Could not authenticate".to_owned()]);
        }
        let too_soon = self.last.is_some_and(|last| (now - last).num_milliseconds() < BETWEEN_MS);
        self.last = Some(now);
        if too_soon {
            return error(429, &["Too many requests".to_owned()]).with("retry-after", "1");
        }
        if let Some((status, left)) = self.fail.filter(|(_, left)| *left > 0) {
            self.fail = Some((status, left - 1));
            return error(status, &["as asked".to_owned()]).with("retry-after", "1");
        }
        let ["pages", page, "incidents", rest @ ..] = rest else {
            return error(404, &["Not found".to_owned()]);
        };
        if *page != self.config.page_id {
            return error(404, &["Page not found".to_owned()]);
        }
        match (request.method.clone(), rest) {
            (Method::GET, []) => {
                let newest_first: Vec<&Incident> = self.incidents.iter().rev().collect();
                Reply::json(200, &json!(newest_first))
            }
            (Method::POST, []) => self.change(None, request, now),
            (Method::GET, [id]) => match self.incidents.iter().find(|one| one.id == *id) {
                Some(found) => Reply::json(200, &json!(found)),
                None => error(404, &["Incident not found".to_owned()]),
            },
            (Method::PATCH | Method::PUT, [id]) => {
                match self.incidents.iter().position(|one| one.id == *id) {
                    Some(index) => self.change(Some(index), request, now),
                    None => error(404, &["Incident not found".to_owned()]),
                }
            }
            _ => error(404, &["Not found".to_owned()]),
        }
    }

    fn change(&mut self, index: Option<usize>, request: &Request, now: DateTime<Utc>) -> Reply {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let asked = &body["incident"];
        let faults = self.faults(asked, index.is_none());
        if !faults.is_empty() {
            return error(422, &faults);
        }
        for (id, status) in asked["components"].as_object().into_iter().flatten() {
            self.components.insert(id.clone(), status.clone());
        }
        let text = |name: &str| asked[name].as_str().map(str::to_owned);
        let index = index.unwrap_or_else(|| {
            self.made += 1;
            let id = format!("inc{}", self.made);
            self.incidents.push(Incident {
                shortlink: format!("{}/statuspage/{id}", self.base),
                id,
                name: text("name").unwrap_or_default(),
                status: "investigating".to_owned(),
                impact: "minor".to_owned(),
                metadata: json!({}),
                incident_updates: Vec::new(),
                created_at: clock::iso(now),
            });
            self.incidents.len() - 1
        });
        let Some(incident) = self.incidents.get_mut(index) else { return error(404, &[]) };
        if let Some(status) = text("status") {
            incident.status = status;
        }
        if let Some(impact) = text("impact_override") {
            incident.impact = impact;
        }
        if asked["metadata"].is_object() {
            incident.metadata = asked["metadata"].clone();
        }
        let update = json!({ "status": incident.status, "body": text("body").unwrap_or_default(), "created_at": clock::iso(now) });
        incident.incident_updates.insert(0, update);
        if self.lose_answers > 0 {
            self.lose_answers -= 1;
            return Reply::text(502, "bad gateway\n");
        }
        Reply::json(if request.method == Method::POST { 201 } else { 200 }, &json!(incident))
    }

    fn faults(&self, asked: &Value, is_new: bool) -> Vec<String> {
        let mut faults = Vec::new();
        let is_word = |name: &str, words: &[&str]| match &asked[name] {
            Value::Null => true,
            value => value.as_str().is_some_and(|word| words.contains(&word)),
        };
        if is_new && asked["name"].as_str().is_none_or(str::is_empty) {
            faults.push("Name can't be blank".to_owned());
        }
        if !is_word("status", &STATUSES) {
            faults.push("Status is not included in the list".to_owned());
        }
        if !is_word("impact_override", &IMPACTS) {
            faults.push("Impact override is not included in the list".to_owned());
        }
        let metadata = asked["metadata"].as_object();
        if metadata.is_some_and(|metadata| metadata.values().any(|value| !value.is_object())) {
            faults.push("Metadata top level values must be objects".to_owned());
        }
        for (id, status) in asked["components"].as_object().into_iter().flatten() {
            if !self.components.contains_key(id) {
                faults.push(format!("Component {id} does not exist"));
            }
            if !status.as_str().is_some_and(|word| COMPONENT.contains(&word)) {
                faults.push("Component status is not included in the list".to_owned());
            }
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    fn page() -> Page {
        let config = StatuspageConfig {
            api_key: "k".to_owned(),
            page_id: "pg1".to_owned(),
            components: vec!["cmp1".to_owned()],
        };
        Page::new(config, "http://x".to_owned())
    }

    #[test]
    fn key_pace_and_words_are_checked() {
        let mut page = page();
        let start = clock::now();
        let mut second = 0;
        let mut ask = |page: &mut Page, method: Method, path: &str, key: &str, body: Value, pause: i64| {
            second += pause;
            let mut headers = HeaderMap::new();
            headers.insert("authorization", format!("OAuth {key}").parse().unwrap());
            let uri = format!("/statuspage/v1/{path}").parse().unwrap();
            let request = Request::new(method, &uri, headers, body.to_string().into());
            let segments = request.segments();
            page.route(&segments[2..], &request, start + chrono::TimeDelta::seconds(second)).status
        };
        let good = json!({"incident": {"name": "a", "status": "identified", "body": "b", "components": {"cmp1": "major_outage"}}});
        let path = "pages/pg1/incidents";
        assert_eq!(ask(&mut page, Method::POST, path, "wrong", good.clone(), 2), 401);
        assert_eq!(ask(&mut page, Method::POST, path, "k", good.clone(), 2), 201);
        assert_eq!(ask(&mut page, Method::POST, path, "k", good.clone(), 0), 429);
        assert_eq!(ask(&mut page, Method::POST, "pages/other/incidents", "k", good, 2), 404);
        for bad in [
            json!({"incident": {"status": "identified"}}),
            json!({"incident": {"name": "a", "status": "broken"}}),
            json!({"incident": {"name": "a", "impact_override": "huge"}}),
            json!({"incident": {"name": "a", "components": {"cmp2": "operational"}}}),
            json!({"incident": {"name": "a", "components": {"cmp1": "fine"}}}),
            json!({"incident": {"name": "a", "metadata": {"blocks": "x"}}}),
        ] {
            assert_eq!(ask(&mut page, Method::POST, path, "k", bad.clone(), 2), 422, "{bad}");
        }
        let update = json!({"incident": {"status": "resolved", "body": "c"}});
        assert_eq!(ask(&mut page, Method::PATCH, "pages/pg1/incidents/inc1", "k", update, 2), 200);
        let state = page.state();
        assert_eq!(state["incidents"][0]["incident_updates"].as_array().unwrap().len(), 2);
        assert_eq!(state["components"]["cmp1"], "major_outage", "resolving leaves it");
    }
}
