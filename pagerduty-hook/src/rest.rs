//! The way out: PagerDuty's REST API.
//!
//! Requests are made one at a time, since PagerDuty counts them per token. Nothing is retried here but the one
//! thing that a repetition cannot mend, an unknown `From`: when to try again is the outbox's to decide.

mod changes;
mod details;
mod reply;
mod see;

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderValue, Method, header};
use runbook_core::ports::{
    BoxFuture, LookAt, PageDetails, Pager, PagerCall, PagerError, SeenChange, SeenIncident, SeenNote,
};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

use self::reply::{Problem, Reply};
use crate::Secret;

/// The API version that every request asks for.
const ACCEPT: &str = "application/vnd.pagerduty+json;version=2";

/// Time for one connection to stand.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Items per page, the most that PagerDuty gives.
const PAGE: usize = 100;

/// `offset + limit` beyond this is an error at PagerDuty.
const MAX_OFFSET: usize = 10_000;

/// The largest answer read, in bytes: a page of long notes fits.
const MAX_REPLY: usize = 8 * 1024 * 1024;

/// How long an e-mail is taken from memory.
const EMAIL_AGE: Duration = Duration::from_secs(600);

/// How many e-mails are kept in memory.
const MAX_EMAILS: usize = 1000;

/// Where PagerDuty is and who we are there.
#[derive(Debug, Clone)]
pub struct PagerDutyConfig {
    /// `pagerduty.api_url`. May have a path, when a proxy stands there.
    pub api_url: Url,
    /// `PAGERDUTY_API_TOKEN`.
    pub token: Secret,
    /// `pagerduty.from`: e-mail of the PagerDuty user in whose name changes are made when no person is given,
    /// or PagerDuty does not know the person. An account's token needs one; a user's own token does not.
    pub from: Option<String>,
    /// Time for one request, from connecting to the last byte of the answer.
    pub timeout: Duration,
}

/// The client could not be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The token is empty or holds characters that no header can carry.
    #[error(
        "the pagerduty token cannot be sent as a header; check PAGERDUTY_API_TOKEN for spaces or line ends"
    )]
    Token,
    /// The address cannot have a path.
    #[error("pagerduty.api_url '{0}' is not an http or https address")]
    Address(String),
    /// `from` holds characters that no header can carry.
    #[error("pagerduty.from '{0}' is not an e-mail address")]
    From(String),
    /// The HTTP client itself, such as certificates that do not load.
    #[error("the http client for pagerduty cannot be built: {0}")]
    Http(String),
}

/// PagerDuty's REST API as the engine's [`Pager`].
#[derive(Debug)]
pub struct PagerDutyClient {
    http: reqwest::Client,
    config: PagerDutyConfig,
    /// Held for the whole of a call, looking before writing included.
    turn: Mutex<()>,
    emails: Mutex<HashMap<String, (Instant, String)>>,
}

impl PagerDutyClient {
    /// Builds the client; nothing is sent yet. A TLS provider must have been installed before (rustls, ring).
    ///
    /// # Errors
    /// [`ClientError`] when token, address or `from` cannot work, whatever PagerDuty says.
    pub fn new(config: PagerDutyConfig) -> Result<PagerDutyClient, ClientError> {
        let token = config.token.expose();
        let mut authorization =
            HeaderValue::from_str(&format!("Token token={token}")).map_err(|_| ClientError::Token)?;
        if token.trim().is_empty() || token.trim() != token {
            return Err(ClientError::Token);
        }
        authorization.set_sensitive(true);
        if !matches!(config.api_url.scheme(), "http" | "https") {
            return Err(ClientError::Address(config.api_url.to_string()));
        }
        if let Some(from) = config.from.as_deref().filter(|from| as_sender(from).is_none()) {
            return Err(ClientError::From(from.to_owned()));
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, authorization);
        headers.insert(header::ACCEPT, HeaderValue::from_static(ACCEPT));
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("blocks/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(config.timeout)
            // A redirect would carry a change to where nobody asked for it.
            .redirect(reqwest::redirect::Policy::none());
        if config.api_url.scheme() == "http" {
            // Nothing is encrypted there, so reading the machine's certificates would only make the start slower.
            builder = builder.tls_certs_only(std::iter::empty());
        }
        if is_loopback(&config.api_url) {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|error| ClientError::Http(chain(&error)))?;
        Ok(PagerDutyClient { http, config, turn: Mutex::new(()), emails: Mutex::new(HashMap::new()) })
    }

    /// Asks PagerDuty whether address, token and `from` work, and says what does.
    ///
    /// # Errors
    /// [`PagerError`] with what does not work and what to do.
    pub async fn check(&self) -> Result<String, PagerError> {
        let _turn = self.turn.lock().await;
        let address = &self.config.api_url;
        let Some(from) = self.config.from.as_deref() else {
            let url = self.url(&["users"], &[("limit", "1")])?;
            self.get(url, "list users").await?;
            return Ok(format!("{address} answers and the token is accepted; pagerduty.from is not set"));
        };
        let limit = PAGE.to_string();
        let url = self.url(&["users"], &[("query", from), ("limit", &limit)])?;
        let found = self.get(url, "list users").await?;
        let known = list(&found, "users")
            .filter_map(|user| user.get("email").and_then(Value::as_str))
            .any(|email| email.eq_ignore_ascii_case(from));
        if known {
            return Ok(format!("{address} answers, the token is accepted, and {from} is a user there"));
        }
        Err(permanent(format!("pagerduty knows no user with the e-mail {from}; hint: check pagerduty.from")))
    }

    /// Sets an incident's status; being there already is success.
    async fn set_status(&self, incident: &str, from: Option<&str>, wanted: Status) -> Result<(), PagerError> {
        let incident = checked(incident)?;
        let doing = format!("{} {incident}", wanted.verb());
        let url = self.url(&["incidents", incident], &[])?;
        let body = json!({ "incident": { "type": "incident_reference", "status": wanted.word() } });
        let problem = match self.write(Method::PUT, &url, from, &body, &doing).await? {
            Ok(answer) => {
                return match status(&answer) {
                    Some(now) if !wanted.is_reached(now) => Err(PagerError::Retry {
                        after_ms: None,
                        reason: format!("pagerduty took the request to {doing}, but it still says '{now}'"),
                    }),
                    _ => Ok(()),
                };
            }
            Err(problem) => problem,
        };
        if problem.says_already(wanted == Status::Acknowledged) {
            return Ok(());
        }
        // The state itself is the better witness than the wording of a refusal.
        if problem.is_about_the_input()
            && let Ok(answer) = self.get(url, "read the incident").await
            && status(&answer).is_some_and(|now| wanted.is_reached(now))
        {
            return Ok(());
        }
        Err(self.error(&problem, &doing))
    }

    async fn add_note(
        &self,
        incident: &str,
        from: Option<&str>,
        text: &str,
        look_first: bool,
    ) -> Result<(), PagerError> {
        let incident = checked(incident)?;
        if look_first && self.has_note(incident, text).await? {
            return Ok(());
        }
        let doing = format!("write a note on {incident}");
        let url = self.url(&["incidents", incident, "notes"], &[])?;
        let body = json!({ "note": { "content": text } });
        match self.write(Method::POST, &url, from, &body, &doing).await? {
            Ok(_) => Ok(()),
            Err(problem) => Err(self.error(&problem, &doing)),
        }
    }

    /// Opens an incident of its own at the same service, which rings for one person, or for whoever is on call there. One
    /// with the same key that is still open rings already.
    async fn page(
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
    async fn end_page(&self, key: &str) -> Result<(), PagerError> {
        for incident in self.open_with(key).await? {
            self.set_status(&incident, None, Status::Resolved).await?;
        }
        Ok(())
    }

    /// The id of the user with this e-mail.
    async fn user_with(&self, email: &str) -> Result<Option<String>, PagerError> {
        let limit = PAGE.to_string();
        let found =
            self.get(self.url(&["users"], &[("query", email), ("limit", &limit)])?, "list users").await?;
        let is_theirs = |user: &&Value| {
            user.get("email").and_then(Value::as_str).is_some_and(|known| known.eq_ignore_ascii_case(email))
        };
        let id =
            list(&found, "users").find(is_theirs).and_then(|user| user.get("id")).and_then(Value::as_str);
        id.map(|id| checked(id).map(str::to_owned)).transpose()
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

    /// `true` when the incident has a note with this text.
    async fn has_note(&self, incident: &str, text: &str) -> Result<bool, PagerError> {
        let wanted = normal(text);
        let mut offset = 0;
        loop {
            let (limit, from) = (PAGE.to_string(), offset.to_string());
            let url = self.url(&["incidents", incident, "notes"], &[("limit", &limit), ("offset", &from)])?;
            let page = self.get(url, "read the incident's notes").await?;
            let mut count = 0;
            for note in list(&page, "notes") {
                count += 1;
                if note
                    .get("content")
                    .and_then(Value::as_str)
                    .is_some_and(|content| normal(content) == wanted)
                {
                    return Ok(true);
                }
            }
            offset += count;
            let more = page.get("more").and_then(Value::as_bool).unwrap_or(false);
            if !more || count == 0 || offset + PAGE > MAX_OFFSET {
                return Ok(false);
            }
        }
    }

    async fn email(&self, user_id: &str) -> Result<Option<String>, PagerError> {
        let Ok(user_id) = checked(user_id) else { return Ok(None) };
        if let Some((read_at, email)) = self.emails.lock().await.get(user_id)
            && read_at.elapsed() < EMAIL_AGE
        {
            return Ok(Some(email.clone()));
        }
        let _turn = self.turn.lock().await;
        let doing = format!("read the user {user_id}");
        let url = self.url(&["users", user_id], &[])?;
        let answer = match self.send(Method::GET, &url, None, None, &doing).await? {
            Ok(answer) => answer,
            Err(problem) if problem.status == 404 => return Ok(None),
            Err(problem) => return Err(self.error(&problem, &doing)),
        };
        let Some(email) = answer.pointer("/user/email").and_then(Value::as_str) else { return Ok(None) };
        let mut emails = self.emails.lock().await;
        if emails.len() >= MAX_EMAILS {
            emails.clear();
        }
        emails.insert(user_id.to_owned(), (Instant::now(), email.to_owned()));
        Ok(Some(email.to_owned()))
    }

    /// A change in a person's name; once more in the configured one when PagerDuty does not know the person.
    async fn write(
        &self,
        method: Method,
        url: &Url,
        person: Option<&str>,
        body: &Value,
        doing: &str,
    ) -> Result<Result<Value, Problem>, PagerError> {
        let configured = self.config.from.as_deref();
        let person = person.filter(|person| as_sender(person).is_some());
        let first = self.send(method.clone(), url, person.or(configured), Some(body), doing).await?;
        match first {
            Err(problem)
                if problem.is_about_the_sender()
                    && person.is_some()
                    && configured.is_some()
                    && person != configured =>
            {
                tracing::info!("pagerduty does not know the person: using pagerduty.from to {doing}");
                self.send(method, url, configured, Some(body), doing).await
            }
            other => Ok(other),
        }
    }

    async fn get(&self, url: Url, doing: &str) -> Result<Value, PagerError> {
        self.send(Method::GET, &url, None, None, doing).await?.map_err(|problem| self.error(&problem, doing))
    }

    /// One request. The outer error means that there was no answer to speak of.
    async fn send(
        &self,
        method: Method,
        url: &Url,
        from: Option<&str>,
        body: Option<&Value>,
        doing: &str,
    ) -> Result<Result<Value, Problem>, PagerError> {
        let mut request = self.http.request(method, url.clone());
        if let Some(from) = from.and_then(as_sender) {
            request = request.header(header::FROM, from);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let unanswered = |error: reqwest::Error| PagerError::Retry {
            after_ms: None,
            reason: self.without_token(&format!(
                "pagerduty gave no answer to the request to {doing}: {}",
                chain(&error.without_url())
            )),
        };
        let mut response = request.send().await.map_err(unanswered)?;
        let mut reply = Reply::new(response.status().as_u16(), response.headers());
        while let Some(chunk) = response.chunk().await.map_err(unanswered)? {
            if reply.body.len() + chunk.len() > MAX_REPLY {
                return Err(permanent(format!(
                    "pagerduty's answer to the request to {doing} is over {MAX_REPLY} bytes; hint: check pagerduty.api_url"
                )));
            }
            reply.body.extend_from_slice(&chunk);
        }
        Ok(reply.into_result())
    }

    fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Url, PagerError> {
        let mut url = self.config.api_url.clone();
        url.path_segments_mut()
            .map_err(|()| permanent("pagerduty.api_url cannot have a path; hint: check it".to_owned()))?
            .pop_if_empty()
            .extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    fn error(&self, problem: &Problem, doing: &str) -> PagerError {
        match problem.to_error(doing) {
            PagerError::Retry { after_ms, reason } => {
                PagerError::Retry { after_ms, reason: self.without_token(&reason) }
            }
            PagerError::Permanent { reason } => permanent(self.without_token(&reason)),
        }
    }

    /// Whatever the other side repeats, the token does not get into a text.
    fn without_token(&self, text: &str) -> String {
        text.replace(self.config.token.expose(), "[token]")
    }
}

impl Pager for PagerDutyClient {
    fn call<'a>(
        &'a self,
        key: &'a str,
        attempt: u32,
        call: &'a PagerCall,
    ) -> BoxFuture<'a, Result<(), PagerError>> {
        Box::pin(async move {
            let _turn = self.turn.lock().await;
            tracing::debug!(key, attempt, "calling pagerduty");
            match call {
                PagerCall::Acknowledge { incident, from } => {
                    self.set_status(incident, from.as_deref(), Status::Acknowledged).await
                }
                PagerCall::Resolve { incident, from } => {
                    self.set_status(incident, from.as_deref(), Status::Resolved).await
                }
                PagerCall::Note { incident, from, text } => {
                    self.add_note(incident, from.as_deref(), text, attempt > 1).await
                }
                PagerCall::Page { incident, key, title, text, to, service } => {
                    let about = About { incident, service: service.as_deref(), to: to.as_deref() };
                    self.page(key, (title, text), &about).await
                }
                PagerCall::EndPage { key } => self.end_page(key).await,
            }
        })
    }

    fn user_email<'a>(&'a self, user_id: &'a str) -> BoxFuture<'a, Result<Option<String>, PagerError>> {
        Box::pin(self.email(user_id))
    }

    fn look<'a>(&'a self, at: &'a LookAt) -> BoxFuture<'a, Result<Vec<SeenIncident>, PagerError>> {
        Box::pin(self.see(at))
    }

    fn details<'a>(&'a self, incident: &'a str) -> BoxFuture<'a, Result<PageDetails, PagerError>> {
        Box::pin(self.details_of(incident))
    }

    fn changes<'a>(
        &'a self,
        service: &'a str,
        since: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<Vec<SeenChange>, PagerError>> {
        Box::pin(self.changes_of(service, since))
    }

    fn notes<'a>(&'a self, incident: &'a str) -> BoxFuture<'a, Result<Vec<SeenNote>, PagerError>> {
        Box::pin(self.notes_of(incident))
    }
}

/// What a page is about, and for whom.
struct About<'a> {
    incident: &'a str,
    service: Option<&'a str>,
    to: Option<&'a str>,
}

/// What an incident's status shall be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Acknowledged,
    Resolved,
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Status::Acknowledged => "acknowledged",
            Status::Resolved => "resolved",
        }
    }

    fn verb(self) -> &'static str {
        match self {
            Status::Acknowledged => "acknowledge",
            Status::Resolved => "resolve",
        }
    }

    /// A resolved incident needs no acknowledgement any more.
    fn is_reached(self, now: &str) -> bool {
        now == "resolved" || now == self.word()
    }
}

fn status(answer: &Value) -> Option<&str> {
    answer.pointer("/incident/status").and_then(Value::as_str)
}

fn list<'a>(answer: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    answer.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// PagerDuty's ids are short words. Anything else would ask for another resource.
fn checked(id: &str) -> Result<&str, PagerError> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !id.is_empty() && id.len() <= 64 && id.bytes().all(is_word) {
        Ok(id)
    } else {
        Err(permanent(format!("{id:?} is not an id of pagerduty")))
    }
}

/// The value of `From`, when the text can be one.
fn as_sender(email: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(email).ok().filter(|_| email.contains('@'))
}

/// A note's text as it compares: line ends and outer space may come back otherwise than they went.
fn normal(text: &str) -> String {
    text.replace("\r\n", "\n").trim().to_owned()
}

fn permanent(reason: String) -> PagerError {
    PagerError::Permanent { reason }
}

/// A loopback address is never reached through a proxy.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// An error with its causes: reqwest's own text names none.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests;
