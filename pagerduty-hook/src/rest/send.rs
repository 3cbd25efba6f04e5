//! One request: made where PagerDuty is asked at all, in a person's name where it changes something, and what its answer says of
//! the next one.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::{HeaderMap, Method, header};
use runbook_core::ports::{Circuit, PagerError, PagerStanding};
use serde_json::Value;
use tokio::time::Instant;
use url::Url;

use super::breaker::{Breaker, Sign};
use super::pace::{Heard, Pace, Purpose};
use super::reply::{Problem, Reply};
use super::{PagerDutyClient, as_sender, chain, permanent};

/// The largest answer read, in bytes: a page of long notes fits.
const MAX_REPLY: usize = 8 * 1024 * 1024;

/// How it goes with the other side.
#[derive(Debug)]
pub(crate) struct Health {
    started: Instant,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    breaker: Breaker,
    pace: Pace,
    spared: u64,
    limited: u64,
    /// Milliseconds by which a test has moved the clock on.
    ahead: u64,
}

impl Default for Health {
    fn default() -> Self {
        Health { started: Instant::now(), inner: Mutex::default() }
    }
}

impl Health {
    fn inner(&self) -> (MutexGuard<'_, Inner>, u64) {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let since = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let now = since.saturating_add(inner.ahead);
        (inner, now)
    }

    /// Milliseconds until a call of that purpose may be made; `None` at once.
    pub(crate) fn wait(&self, purpose: Purpose) -> Option<u64> {
        let (inner, now) = self.inner();
        inner.breaker.closed_for(now).max(inner.pace.wait(purpose, now))
    }

    /// # Errors
    /// [`PagerError::Retry`], at once, while no call of that purpose is made.
    pub(crate) fn may(&self, purpose: Purpose) -> Result<(), PagerError> {
        let (mut inner, now) = self.inner();
        let (ill, busy) = (inner.breaker.closed_for(now), inner.pace.wait(purpose, now));
        let Some(wait) = ill.max(busy) else { return Ok(()) };
        inner.spared += 1;
        let why = match ill {
            Some(_) => "pagerduty gave no answer several times in a row, and is left alone for a while",
            None => "pagerduty's limit of calls is reached",
        };
        Err(PagerError::Retry { after_ms: Some(wait), reason: why.to_owned() })
    }

    pub(crate) fn begins(&self) {
        let (mut inner, now) = self.inner();
        inner.breaker.begins(now);
    }

    fn ended(&self, sign: Sign, heard: Heard) {
        // no secret hangs on it: it only draws the pauses of several processes apart
        let spread = RandomState::new().build_hasher().finish();
        let (mut inner, now) = self.inner();
        let before = inner.breaker.circuit(now);
        inner.breaker.ended(sign, now, spread);
        inner.pace.heard(heard, now, spread);
        inner.limited += u64::from(heard.limited);
        match (before, inner.breaker.circuit(now)) {
            (Circuit::Closed, Circuit::Open) => {
                tracing::warn!(
                    "pagerduty gives no answer: it is asked again after a while, and nothing waits for it"
                );
            }
            (Circuit::Open | Circuit::HalfOpen, Circuit::Closed) => tracing::info!("pagerduty answers again"),
            _ => {}
        }
    }

    /// There was no answer.
    pub(crate) fn failed(&self) {
        self.ended(Sign::Ill, Heard::default());
    }

    /// There was one; how long it asks to wait, in milliseconds.
    pub(crate) fn answered(&self, status: u16, headers: &HeaderMap, body: &[u8]) -> Option<u64> {
        let mut reply = Reply::new(status, headers);
        reply.body = body.to_vec();
        self.ended(reply.sign(), reply.heard());
        reply.heard().reset_ms
    }

    /// For whoever looks after Blocks.
    pub(super) fn standing(&self) -> PagerStanding {
        let (inner, now) = self.inner();
        PagerStanding {
            circuit: inner.breaker.circuit(now),
            opened: inner.breaker.opened,
            spared: inner.spared,
            limited: inner.limited,
        }
    }

    /// Moves the clock on.
    #[cfg(test)]
    pub(super) fn pass(&self, ms: u64) {
        self.inner().0.ahead += ms;
    }
}

impl PagerDutyClient {
    /// A change in a person's name; once more in the configured one when PagerDuty does not know the person.
    pub(super) async fn write(
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

    pub(super) async fn get(&self, url: Url, doing: &str) -> Result<Value, PagerError> {
        self.send(Method::GET, &url, None, None, doing).await?.map_err(|problem| self.error(&problem, doing))
    }

    /// One request. The outer error means that there was no answer to speak of.
    pub(super) async fn send(
        &self,
        method: Method,
        url: &Url,
        from: Option<&str>,
        body: Option<&Value>,
        doing: &str,
    ) -> Result<Result<Value, Problem>, PagerError> {
        self.health.may(Purpose::Change)?;
        self.health.begins();
        let answered = self.exchange(method, url, from, body, doing).await;
        let (sign, heard) = match &answered {
            Ok(reply) => (reply.sign(), reply.heard()),
            Err(_) => (Sign::Ill, Heard::default()),
        };
        self.health.ended(sign, heard);
        let reply = answered?;
        if reply.body.len() > MAX_REPLY {
            return Err(permanent(format!(
                "pagerduty's answer to the request to {doing} is over {MAX_REPLY} bytes; hint: check pagerduty.api_url"
            )));
        }
        Ok(reply.into_result())
    }

    /// The request and its answer, which may be cut off behind [`MAX_REPLY`].
    async fn exchange(
        &self,
        method: Method,
        url: &Url,
        from: Option<&str>,
        body: Option<&Value>,
        doing: &str,
    ) -> Result<Reply, PagerError> {
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
            reply.body.extend_from_slice(&chunk);
            if reply.body.len() > MAX_REPLY {
                break;
            }
        }
        Ok(reply)
    }

    pub(super) fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Url, PagerError> {
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

    pub(super) fn error(&self, problem: &Problem, doing: &str) -> PagerError {
        match problem.to_error(doing) {
            PagerError::Retry { after_ms, reason } => {
                PagerError::Retry { after_ms, reason: self.without_token(&reason) }
            }
            PagerError::Permanent { reason } => permanent(self.without_token(&reason)),
        }
    }

    /// Whatever the other side repeats, the token does not get into a text.
    pub(super) fn without_token(&self, text: &str) -> String {
        text.replace(self.config.token.expose(), "[token]")
    }
}
