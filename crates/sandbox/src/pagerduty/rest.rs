//! The REST API. Source: PagerDuty's OpenAPI document and its error reference.

use chrono::{DateTime, Utc};
use http::Method;
use serde_json::{Value, json};

use super::account::{Account, Agent, Incident, Opening, Status};
use super::{body, subscriptions};
use crate::shared::{Reply, Request};

/// Calls per minute and key.
const PER_MINUTE: usize = 960;
const NOTES_MAX: usize = 2_000;

/// `{"error":{"message","code","errors"}}`.
#[derive(Debug, PartialEq)]
pub(super) struct RestError {
    pub(super) status: u16,
    pub(super) code: u64,
    message: &'static str,
    errors: Vec<String>,
}

impl RestError {
    fn new(status: u16, code: u64, message: &'static str) -> Self {
        Self { status, code, message, errors: Vec::new() }
    }

    pub(super) fn invalid(reason: impl Into<String>) -> Self {
        Self { errors: vec![reason.into()], ..Self::new(400, 2001, "Invalid Input Provided") }
    }

    pub(super) fn reply(&self) -> Reply {
        Reply::json(
            self.status,
            &json!({"error": {"message": self.message, "code": self.code, "errors": self.errors}}),
        )
    }
}

pub(super) fn not_found() -> RestError {
    RestError::new(404, 2100, "Not Found")
}

pub(super) type Answer = Result<(u16, Value), RestError>;

/// Answers one REST call; `rest` is the path below the base URL.
pub(super) fn route(account: &mut Account, rest: &[&str], request: &Request, now: DateTime<Utc>) -> Reply {
    let left = match rate(account, now) {
        Ok(left) => left,
        Err(seconds) => {
            return Reply::json(429, &json!({"error": {"message": "Rate Limit Exceeded", "code": 2020}}))
                .with("ratelimit-reset", seconds.to_string());
        }
    };
    let outcome = authorise(account, request).and_then(|()| dispatch(account, rest, request, now));
    let reply = match outcome {
        Ok((204, _)) => Reply::text(204, ""),
        Ok((status, body)) => Reply::json(status, &body),
        Err(error) => error.reply(),
    };
    reply
        .with("ratelimit-limit", PER_MINUTE.to_string())
        .with("ratelimit-remaining", left.to_string())
        .with("ratelimit-reset", "60")
}

fn rate(account: &mut Account, now: DateTime<Utc>) -> Result<usize, i64> {
    let now_ms = now.timestamp_millis();
    let calls = &mut account.recent_calls;
    while calls.front().is_some_and(|at| now_ms - at >= 60_000) {
        calls.pop_front();
    }
    if calls.len() >= PER_MINUTE {
        return Err(calls.front().map_or(1, |at| (60_000 - (now_ms - at)) / 1000 + 1));
    }
    calls.push_back(now_ms);
    Ok(PER_MINUTE - calls.len())
}

fn authorise(account: &Account, request: &Request) -> Result<(), RestError> {
    let given = request.header("authorization").and_then(|h| h.strip_prefix("Token token="));
    match given {
        Some(token) if token.trim_matches('"') == account.config.api_token => Ok(()),
        Some(_) => Err(RestError::new(401, 2006, "Invalid Credentials")),
        None => Err(RestError::new(401, 2010, "Authentication Token Missing")),
    }
}

/// The user named by the `From` header, which changes of incidents need.
fn requester(account: &Account, request: &Request) -> Result<String, RestError> {
    let Some(from) = request.header("from") else {
        return Err(RestError {
            errors: vec!["The From header is required and must be the email address of a valid user".into()],
            ..RestError::new(400, 1008, "Requester User Not Found")
        });
    };
    account
        .config
        .users
        .iter()
        .find(|u| u.email.eq_ignore_ascii_case(from))
        .map(|u| u.id.clone())
        .ok_or_else(|| RestError::new(400, 1008, "Requester User Not Found"))
}

pub(super) fn json_body(request: &Request) -> Result<Value, RestError> {
    if !request.header("content-type").is_some_and(|c| c.starts_with("application/json")) {
        return Err(RestError::invalid("Content-Type must be application/json"));
    }
    serde_json::from_slice(&request.body).map_err(|_| RestError::invalid("Body is not valid JSON"))
}

fn dispatch(account: &mut Account, rest: &[&str], request: &Request, now: DateTime<Utc>) -> Answer {
    let method = &request.method;
    let get = method == Method::GET;
    match rest {
        ["users"] if get => {
            let query = request.param("query").unwrap_or_default().to_lowercase();
            let mut found = body::users(account);
            found.retain(|u| {
                query.is_empty()
                    || ["name", "email"].iter().any(|f| u[*f].as_str().unwrap_or_default().contains(&query))
            });
            page(request, "users", found)
        }
        ["users", id] if get => one(body::users(account), "user", id),
        ["services"] if get => page(request, "services", body::services(account)),
        ["services", id] if get => one(body::services(account), "service", id),
        ["priorities"] if get => page(request, "priorities", body::priorities(account)),
        ["oncalls"] if get => {
            let policies = request.params("escalation_policy_ids[]");
            let mut all = body::oncalls(account, request.params("include[]").contains(&"users"));
            all.retain(|one| {
                let id = one["escalation_policy"]["id"].as_str().unwrap_or_default();
                policies.is_empty() || policies.contains(&id)
            });
            page(request, "oncalls", all)
        }
        ["change_events"] if get => changes(account, request, None),
        ["services", id, "change_events"] if get => {
            if !account.config.services.iter().any(|service| service.id == **id) {
                return Err(not_found());
            }
            changes(account, request, Some(id))
        }
        ["incidents"] if get => incidents(account, request),
        ["incidents"] if method == Method::POST => create(account, request, now),
        ["incidents"] if method == Method::PUT => update_many(account, request, now),
        ["webhook_subscriptions", tail @ ..] => subscriptions::route(account, tail, request, now),
        ["incidents", id, tail @ ..] => {
            let at = account.position(id).ok_or_else(not_found)?;
            incident(account, at, tail, request, now)
        }
        _ => Err(not_found()),
    }
}

fn incident(
    account: &mut Account,
    at: usize,
    tail: &[&str],
    request: &Request,
    now: DateTime<Utc>,
) -> Answer {
    let this = &account.incidents[at];
    match (request.method.as_str(), tail) {
        ("GET", []) => Ok((200, json!({"incident": body::incident(account, this)}))),
        ("PUT", []) => {
            let user = requester(account, request)?;
            let sent = json_body(request)?;
            let wanted =
                sent.get("incident").ok_or_else(|| RestError::invalid("Incident cannot be empty"))?;
            change(account, at, wanted, &user, now)?;
            Ok((200, json!({"incident": body::incident(account, &account.incidents[at])})))
        }
        ("GET", ["notes"]) => {
            let notes: Vec<Value> = this.notes.iter().map(|n| body::note(account, n)).collect();
            Ok((200, json!({"notes": notes})))
        }
        ("POST", ["notes"]) => {
            let user = requester(account, request)?;
            let sent = json_body(request)?;
            let content = sent["note"]["content"].as_str().filter(|c| !c.is_empty());
            let content = content.ok_or_else(|| RestError::invalid("Content cannot be empty"))?.to_owned();
            if content.chars().count() > 25_000 {
                return Err(RestError::invalid("Content is too long (maximum is 25000 characters)"));
            }
            if this.notes.len() >= NOTES_MAX {
                return Err(RestError::invalid("Maximum number of notes reached"));
            }
            let index = account.annotate(at, &user, &content, now);
            Ok((200, json!({"note": body::note(account, &account.incidents[at].notes[index])})))
        }
        ("POST", ["responder_requests"]) => {
            requester(account, request)?;
            ask(account, at, &json_body(request)?, now)
        }
        ("GET", ["log_entries"]) => {
            let overview = request.param("is_overview") == Some("true");
            let kept = ["trigger", "acknowledge", "resolve", "annotate", "assign"];
            let list = this
                .log
                .iter()
                .rev()
                .filter(|l| !overview || kept.contains(&l.kind))
                .map(|l| body::log_entry(account, this, l))
                .collect();
            page(request, "log_entries", list)
        }
        ("GET", ["alerts"]) => page(request, "alerts", this.alerts.clone()),
        _ => Err(not_found()),
    }
}

/// Everything is checked before anybody is asked.
fn ask(account: &mut Account, at: usize, sent: &Value, now: DateTime<Utc>) -> Answer {
    let is_user = |id: &&str| account.config.users.iter().any(|known| known.id == **id);
    let by = sent["requester_id"].as_str().filter(is_user);
    let by = by.ok_or_else(|| RestError::invalid("Requester is not a user"))?.to_owned();
    let message = sent["message"].as_str().ok_or_else(|| RestError::invalid("Message cannot be empty"))?;
    let mut users = Vec::new();
    for target in sent["responder_request_targets"].as_array().into_iter().flatten() {
        let target = &target["responder_request_target"];
        let id = target["id"].as_str().filter(is_user).filter(|_| target["type"] == "user_reference");
        users.push(id.ok_or_else(|| RestError::invalid("Target not found"))?.to_owned());
    }
    if users.is_empty() {
        return Err(RestError::invalid("Responder request targets cannot be empty"));
    }
    if account.incidents[at].status == Status::Resolved {
        return Err(RestError::new(400, 1001, "Incident Already Resolved"));
    }
    for user in &users {
        account.ask(at, user, (&by, message), now);
    }
    Ok((
        200,
        json!({"responder_request": {
            "incident": body::incident_ref(&account.incidents[at]),
            "requester": body::user_ref(account, &by),
            "message": message,
            "responder_request_targets": sent["responder_request_targets"],
        }}),
    ))
}

/// `limit`, `offset`, `more`, and `total` only when asked for.
pub(super) fn page(request: &Request, name: &str, all: Vec<Value>) -> Answer {
    let number = |name: &str, default: usize| match request.param(name) {
        None => Ok(default),
        Some(text) => {
            text.parse::<usize>().map_err(|_| RestError::invalid(format!("{name} must be a number")))
        }
    };
    let limit = number("limit", 25)?.min(100);
    let offset = number("offset", 0)?;
    if limit + offset > 10_000 {
        return Err(RestError::invalid("Offset plus limit must not exceed 10000"));
    }
    let total = if request.param("total") == Some("true") { json!(all.len()) } else { Value::Null };
    let more = all.len() > offset + limit;
    let part: Vec<Value> = all.into_iter().skip(offset).take(limit).collect();
    let mut body = json!({"limit": limit, "offset": offset, "more": more, "total": total});
    body[name] = Value::Array(part);
    Ok((200, body))
}

fn one(all: Vec<Value>, name: &str, id: &str) -> Answer {
    let found = all.into_iter().find(|v| v["id"] == id).ok_or_else(not_found)?;
    Ok((200, json!({name: found})))
}

fn time(request: &Request, name: &str) -> Result<Option<DateTime<Utc>>, RestError> {
    let Some(text) = request.param(name) else { return Ok(None) };
    text.parse().map(Some).map_err(|_| RestError::invalid(format!("{name} is not a date")))
}

/// Change events of a service, or of all, from `since` on and before `until`.
fn changes(account: &Account, request: &Request, service: Option<&str>) -> Answer {
    let (since, until) = (time(request, "since")?, time(request, "until")?);
    let wanted = |change: &&Value| {
        // it was checked when it came
        let at = change["timestamp"].as_str().and_then(|at| at.parse::<DateTime<Utc>>().ok());
        service.is_none_or(|id| change["services"][0]["id"] == id)
            && since.is_none_or(|since| at.is_some_and(|at| at >= since))
            && until.is_none_or(|until| at.is_some_and(|at| at < until))
    };
    page(request, "change_events", account.change_events.iter().filter(wanted).cloned().collect())
}

fn incidents(account: &Account, request: &Request) -> Answer {
    let statuses = request.params("statuses[]");
    if let Some(odd) = statuses.iter().find(|s| !["triggered", "acknowledged", "resolved"].contains(s)) {
        return Err(RestError::invalid(format!("Statuses \"{odd}\" is invalid")));
    }
    let (urgencies, services) = (request.params("urgencies[]"), request.params("service_ids[]"));
    let (since, until) = (time(request, "since")?, time(request, "until")?);
    let any = |list: &[&str], value: &str| list.is_empty() || list.contains(&value);
    let wanted = |i: &&Incident| {
        any(&statuses, i.status.word())
            && any(&urgencies, &i.urgency)
            && any(&services, &i.service)
            && request.param("incident_key").is_none_or(|k| k == i.key)
            && since.is_none_or(|s| i.created >= s)
            && until.is_none_or(|u| i.created < u)
    };
    let mut all: Vec<Value> =
        account.incidents.iter().filter(wanted).map(|i| body::incident(account, i)).collect();
    if request.param("sort_by").is_some_and(|s| s.ends_with(":desc")) {
        all.reverse();
    }
    page(request, "incidents", all)
}

fn urgency(wanted: &Value) -> Result<Option<String>, RestError> {
    match wanted.get("urgency") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(word)) if word == "high" || word == "low" => Ok(Some(word.clone())),
        Some(_) => Err(RestError::invalid("Urgency must be high or low")),
    }
}

/// `None`: not named. `Some(None)`: named as null, which removes it.
fn priority(account: &Account, wanted: &Value) -> Result<Option<Option<String>>, RestError> {
    match wanted.get("priority") {
        None => Ok(None),
        Some(Value::Null) => Ok(Some(None)),
        Some(given) => {
            let known =
                given["id"].as_str().filter(|id| account.config.priorities.iter().any(|p| p.id == *id));
            let id = known.ok_or_else(|| RestError::new(400, 1020, "Invalid Priority Provided"))?;
            Ok(Some(Some(id.to_owned())))
        }
    }
}

fn create(account: &mut Account, request: &Request, now: DateTime<Utc>) -> Answer {
    let user = requester(account, request)?;
    let sent = json_body(request)?;
    let wanted = sent.get("incident").ok_or_else(|| RestError::invalid("Incident cannot be empty"))?;
    let text = |value: &Value| value.as_str().filter(|t| !t.is_empty()).map(str::to_owned);
    if text(&wanted["type"]).is_none() {
        return Err(RestError::invalid("Type cannot be empty"));
    }
    let title = text(&wanted["title"]).ok_or_else(|| RestError::invalid("Title cannot be empty"))?;
    let service =
        text(&wanted["service"]["id"]).ok_or_else(|| RestError::invalid("Service cannot be empty"))?;
    if account.service(&service).is_none() {
        return Err(RestError::invalid("Service not found"));
    }
    let key = text(&wanted["incident_key"]);
    let open =
        |i: &Incident| i.status != Status::Resolved && Some(&i.key) == key.as_ref() && i.service == service;
    if account.incidents.iter().any(open) {
        return Err(RestError::invalid(
            "Open incident with matching dedup key already exists on this service",
        ));
    }
    let details = match &wanted["body"]["details"] {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        _ => return Err(RestError::invalid("Body details must be a string")),
    };
    let opening = Opening {
        title,
        details,
        service,
        urgency: urgency(wanted)?.unwrap_or_else(|| "high".into()),
        priority: priority(account, wanted)?.flatten(),
        key,
        alert: None,
    };
    let mut assignees = Vec::new();
    for one in wanted["assignments"].as_array().into_iter().flatten() {
        let id = one["assignee"]["id"].as_str().unwrap_or_default();
        if !account.config.users.iter().any(|known| known.id == id) {
            return Err(RestError::invalid("Assignee not found"));
        }
        assignees.push(id.to_owned());
    }
    let at = account.open(opening, &Agent::User(user), now);
    if !assignees.is_empty() {
        account.incidents[at].assignees = assignees;
    }
    Ok((201, json!({"incident": body::incident(account, &account.incidents[at])})))
}

fn update_many(account: &mut Account, request: &Request, now: DateTime<Utc>) -> Answer {
    let user = requester(account, request)?;
    let sent = json_body(request)?;
    let list = sent["incidents"].as_array().filter(|l| !l.is_empty());
    let list = list.ok_or_else(|| RestError::invalid("Incidents cannot be empty"))?.clone();
    if list.len() > 250 {
        return Err(RestError::new(413, 2001, "Request Entity Too Large"));
    }
    let mut found = Vec::new();
    for wanted in &list {
        let id = wanted["id"].as_str().ok_or_else(|| RestError::invalid("Incident id cannot be empty"))?;
        if wanted["type"].as_str().is_none() {
            return Err(RestError::invalid("Incident type cannot be empty"));
        }
        found.push(account.position(id).ok_or_else(not_found)?);
    }
    for (at, wanted) in found.iter().zip(&list) {
        change(account, *at, wanted, &user, now)?;
    }
    let shown: Vec<Value> = found.iter().map(|at| body::incident(account, &account.incidents[*at])).collect();
    Ok((200, json!({"incidents": shown})))
}

/// Applies one incident's changes. Everything is checked before anything changes.
fn change(
    account: &mut Account,
    at: usize,
    wanted: &Value,
    user: &str,
    now: DateTime<Utc>,
) -> Result<(), RestError> {
    let agent = Agent::User(user.to_owned());
    let (urgency, priority) = (urgency(wanted)?, priority(account, wanted)?);
    let incident = &account.incidents[at];
    let acked_before = incident.acknowledgers.iter().any(|(u, _)| u == user);
    let status = match wanted.get("status").and_then(Value::as_str) {
        None => None,
        Some(_) if incident.status == Status::Resolved => {
            return Err(RestError::new(400, 1001, "Incident Already Resolved"));
        }
        Some("acknowledged") if incident.status == Status::Acknowledged && acked_before => {
            return Err(RestError::new(400, 1002, "Incident Already Acknowledged"));
        }
        Some("acknowledged") => Some(Status::Acknowledged),
        Some("resolved") => Some(Status::Resolved),
        Some("triggered") => Some(Status::Triggered),
        Some(_) => return Err(RestError::invalid("Status is invalid")),
    };
    let mut assignees = None;
    if let Some(list) = wanted.get("assignments").and_then(Value::as_array) {
        let users: Vec<String> =
            list.iter().filter_map(|a| a["assignee"]["id"].as_str()).map(str::to_owned).collect();
        if users.is_empty() || users.iter().any(|u| !account.config.users.iter().any(|k| k.id == *u)) {
            return Err(RestError::invalid("Assignee not found"));
        }
        assignees = Some(users);
    }
    if let Some(title) = wanted.get("title").and_then(Value::as_str).filter(|t| !t.is_empty()) {
        title.clone_into(&mut account.incidents[at].title);
    }
    if let Some(urgency) = urgency {
        account.set_urgency(at, &urgency, &agent, now);
    }
    if let Some(priority) = priority {
        account.set_priority(at, priority, &agent, now);
    }
    if let Some(users) = assignees {
        account.reassign(at, users, &agent, now);
    }
    match status {
        Some(Status::Acknowledged) => account.acknowledge(at, &agent, now),
        Some(Status::Resolved) => account.resolve(at, &agent, wanted["resolution"].as_str(), now),
        Some(Status::Triggered) if account.incidents[at].status == Status::Acknowledged => {
            account.unacknowledge(at, &agent, now);
        }
        _ => {}
    }
    Ok(())
}
