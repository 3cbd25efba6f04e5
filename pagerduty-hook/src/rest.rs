//! The way out: PagerDuty's REST API.
//!
//! Requests are made one at a time, since PagerDuty counts them per token. Nothing is retried here but the one
//! thing that a repetition cannot mend, an unknown `From`: when to try again is the outbox's to decide. Where PagerDuty does
//! not answer, or has had enough of us, nothing is asked for a while, and who asks is told for how long ([`send`]).

mod breaker;
pub(crate) mod change;
pub(crate) mod changes;
pub(crate) mod details;
pub(crate) mod oncall;
mod pace;
pub(crate) mod page;
pub(crate) mod reply;
pub(crate) mod see;
pub(crate) mod seen_changes;
mod send;
pub(crate) mod services;
pub(crate) mod subscriptions;
pub(crate) mod tell;
mod tried;
pub(crate) mod users;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderValue, header};
use runbook_core::oncall::PagerTurn;
use runbook_core::ports::{
    BoxFuture, LookAt, PageDetails, Pager, PagerCall, PagerError, PagerStanding, SeenChange, SeenIncident,
    SeenNote,
};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

use self::change::Status;
pub(crate) use self::pace::Purpose;
use self::page::About;
pub(crate) use self::send::Health;
pub use self::tried::Tried;
use crate::Secret;
use crate::events::{Change, EventsClient, EventsConfig};

/// The API version that every request asks for.
const ACCEPT: &str = "application/vnd.pagerduty+json;version=2";

/// Time for one connection to stand.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Items per page, the most that PagerDuty gives.
const PAGE: usize = 100;

/// So many ids are named in one address: proxies take some 8,000 bytes of it.
const IDS: usize = 100;

/// `offset + limit` beyond this is an error at PagerDuty.
const MAX_OFFSET: usize = 10_000;

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
    /// The address of the events cannot have a path.
    #[error("pagerduty.events_url '{0}' is not an http or https address")]
    EventsAddress(String),
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
    health: Health,
    /// Where there is a routing key.
    events: Option<EventsClient>,
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
        let http = http_client(&config.api_url, config.timeout, headers)?;
        Ok(PagerDutyClient {
            http,
            config,
            turn: Mutex::new(()),
            emails: Mutex::new(HashMap::new()),
            health: Health::default(),
            events: None,
        })
    }

    /// The same, which also sends events.
    ///
    /// # Errors
    /// [`ClientError::EventsAddress`] where the address cannot work.
    pub fn with_events(mut self, events: EventsConfig) -> Result<PagerDutyClient, ClientError> {
        if !matches!(events.events_url.scheme(), "http" | "https") {
            return Err(ClientError::EventsAddress(events.events_url.to_string()));
        }
        // without the token: another host, which has its own key
        let http = http_client(&events.events_url, events.timeout, HeaderMap::new())?;
        self.events = Some(EventsClient::new(http, events));
        Ok(self)
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
                    self.set_status(incident, from.as_deref(), Status::Acknowledged, attempt > 1).await
                }
                PagerCall::Resolve { incident, from } => {
                    self.set_status(incident, from.as_deref(), Status::Resolved, attempt > 1).await
                }
                PagerCall::Note { incident, from, text } => {
                    self.add_note(incident, from.as_deref(), text, attempt > 1).await
                }
                PagerCall::Page { incident, key, title, text, to, service, urgency } => {
                    let (service, to, urgency) = (service.as_deref(), to.as_deref(), *urgency);
                    let about = About { incident, service, to, urgency };
                    self.page(key, (title, text), &about).await
                }
                PagerCall::EndPage { key } => self.end_page(key).await,
                PagerCall::Event { key, action } => self.alert(key, action).await,
                PagerCall::Change { key, summary, source, at, details, links } => {
                    let change = Change { key, summary, source, at: *at, details, links };
                    self.tell_change(&change, attempt > 1).await
                }
                PagerCall::Severity { incident, from, severity, priority } => {
                    self.set_priority(incident, from.as_deref(), (severity, priority.as_deref())).await
                }
                PagerCall::AskResponder { incident, from, to, message } => {
                    self.ask_responder(incident, from.as_deref(), (to, message), attempt > 1).await
                }
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

    fn on_call<'a>(
        &'a self,
        services: &'a [String],
    ) -> BoxFuture<'a, Result<BTreeMap<String, Vec<PagerTurn>>, PagerError>> {
        Box::pin(self.who_is_on_call(services))
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

    fn not_before(&self, call: &PagerCall) -> Option<Duration> {
        let health = match (call, &self.events) {
            (PagerCall::Event { .. } | PagerCall::Change { .. }, Some(events)) => &events.health,
            _ => &self.health,
        };
        health.wait(Purpose::Change).map(Duration::from_millis)
    }

    fn free(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move { drop(self.turn.lock().await) })
    }

    fn standing(&self) -> PagerStanding {
        self.health.standing()
    }
}

pub(crate) fn list<'a>(answer: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
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

pub(crate) fn permanent(reason: String) -> PagerError {
    PagerError::Permanent { reason }
}

fn http_client(address: &Url, timeout: Duration, headers: HeaderMap) -> Result<reqwest::Client, ClientError> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("blocks/", env!("CARGO_PKG_VERSION")))
        .default_headers(headers)
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(timeout)
        // A redirect would carry a change to where nobody asked for it.
        .redirect(reqwest::redirect::Policy::none());
    if address.scheme() == "http" {
        // Nothing is encrypted there, so reading the machine's certificates would only make the start slower.
        builder = builder.tls_certs_only(std::iter::empty());
    }
    if is_loopback(address) {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| ClientError::Http(chain(&error)))
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
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
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
