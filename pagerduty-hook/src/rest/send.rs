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

impl Inner {
    /// Milliseconds for which the other side is left alone by calls of that purpose.
    fn ill_for(&self, purpose: Purpose, now: u64) -> Option<u64> {
        match purpose {
            Purpose::Look => self.breaker.closed_to_looks_for(now),
            Purpose::Change => self.breaker.closed_for(now),
        }
    }
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
        inner.ill_for(purpose, now).max(inner.pace.wait(purpose, now))
    }

    /// # Errors
    /// [`PagerError::Retry`], at once, while no call of that purpose is made.
    pub(crate) fn may(&self, purpose: Purpose) -> Result<(), PagerError> {
        let (mut inner, now) = self.inner();
        let (ill, busy) = (inner.ill_for(purpose, now), inner.pace.wait(purpose, now));
        let Some(wait) = ill.max(busy) else { return Ok(()) };
        inner.spared += 1;
        let why = match ill {
            Some(_) => "pagerduty gave no answer several times in a row, and is left alone for a while",
            None => "pagerduty's limit of calls is reached",
        };
        Err(PagerError::Retry { after_ms: Some(wait), reason: why.to_owned() })
    }

    /// A call begins; it ends with what it says of the other side, or as a failure when it is dropped.
    #[must_use]
    pub(crate) fn begins(&self) -> UnderWay<'_> {
        let (mut inner, now) = self.inner();
        inner.breaker.begins(now);
        drop(inner);
        UnderWay { health: self, is_over: false }
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

/// A call that has begun. Whoever gives it up drops it: that is a failure like no answer, and another call may look.
#[derive(Debug)]
pub(crate) struct UnderWay<'a> {
    health: &'a Health,
    is_over: bool,
}

impl UnderWay<'_> {
    /// There was no answer.
    pub(crate) fn failed(self) {
        self.ended(Sign::Ill, Heard::default());
    }

    /// There was one; how long it asks to wait, in milliseconds.
    pub(crate) fn answered(self, status: u16, headers: &HeaderMap, body: &[u8]) -> Option<u64> {
        let mut reply = Reply::new(status, headers);
        reply.body = body.to_vec();
        let heard = reply.heard();
        self.ended(reply.sign(), heard);
        heard.reset_ms
    }

    fn ended(mut self, sign: Sign, heard: Heard) {
        self.is_over = true;
        self.health.ended(sign, heard);
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.health.ended(Sign::Ill, Heard::default());
        }
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
        let call = self.health.begins();
        let answered = self.exchange(method, url, from, body, doing).await;
        let (sign, heard) = match &answered {
            Ok(reply) => (reply.sign(), reply.heard()),
            Err(_) => (Sign::Ill, Heard::default()),
        };
        call.ended(sign, heard);
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

#[cfg(test)]
mod tests {
    use super::super::breaker::{FAILURES, PAUSE_MS};
    use super::*;

    #[test]
    fn a_call_that_is_given_up_counts_as_a_failure_and_lets_another_look() {
        let health = Health::default();
        for _ in 0..FAILURES {
            assert_eq!(health.standing().circuit, Circuit::Closed);
            drop(health.begins());
        }
        assert_eq!(health.standing().circuit, Circuit::Open);
        health.pass(PAUSE_MS);
        assert!(health.may(Purpose::Change).is_ok(), "its pause is over");
        let look = health.begins();
        assert!(health.may(Purpose::Change).is_err(), "one looks");
        drop(look);
        assert_eq!(health.standing().circuit, Circuit::Open, "as after a failure");
        health.pass(2 * PAUSE_MS);
        assert!(health.may(Purpose::Change).is_ok());
        health.begins().ended(Sign::Lives, Heard::default());
        assert_eq!(health.standing().circuit, Circuit::Closed, "what has ended is not a failure too");
    }
}
