//! Atlassian's Statuspage, over its REST API.
//!
//! Requests are made one at a time and one a second, as Statuspage asks. Every update carries its key in the incident's metadata:
//! after an unknown outcome the page is looked at before anything is published again.

use std::fmt;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Method, StatusCode};
use runbook_core::ports::{BoxFuture, Published, SendError, StatusPage, StatusPost};
use runbook_core::update::{Arrival, one_line};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};
use url::Url;

use crate::Secret;

/// Statuspage takes one request a second.
const BETWEEN: Duration = Duration::from_millis(1_050);
/// What is still on its way there after a time-out is there, or is not, by then.
const UNSURE_MS: u64 = 60_000;
/// What it is given when it does not say how long.
const UNSAID_MS: u64 = 60_000;
/// Longest pause that is believed.
const LONGEST_MS: u64 = 600_000;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(15);
/// Incidents that are looked through, newest first.
const LOOK: &str = "100";

/// Which page, and who we are there.
#[derive(Debug, Clone)]
pub struct StatuspageConfig {
    /// `https://api.statuspage.io`, unless something stands in between.
    pub api_url: String,
    /// The page's id.
    pub page_id: String,
    /// The API key.
    pub key: Secret,
}

/// The page cannot be reached with these settings.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The address is none.
    #[error("statuspage.api_url '{0}' is not an http or https address; hint: https://api.statuspage.io")]
    Address(String),
    /// The page's id is none.
    #[error("statuspage.page_id '{0}' is no id; hint: Statuspage shows it under Manage account, API")]
    Page(String),
    /// The key cannot be sent.
    #[error(
        "the Statuspage key cannot be sent as a header; hint: check STATUSPAGE_API_KEY for spaces or line ends"
    )]
    Key,
    /// The HTTP client itself.
    #[error("the http client for Statuspage cannot be built: {0}")]
    Http(String),
}

/// One page of Statuspage.
pub struct AtlassianPage {
    http: reqwest::Client,
    page: Url,
    /// When the next request may be made; held for the whole of a call.
    turn: Mutex<Option<Instant>>,
}

impl fmt::Debug for AtlassianPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AtlassianPage").field("page", &self.page.as_str()).finish_non_exhaustive()
    }
}

impl AtlassianPage {
    /// Builds the client; nothing is sent yet.
    ///
    /// # Errors
    /// When these settings cannot work, whatever Statuspage says.
    pub fn new(config: &StatuspageConfig) -> Result<AtlassianPage, PageError> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let key = config.key.expose();
        let mut authorization = HeaderValue::from_str(&format!("OAuth {key}")).map_err(|_| PageError::Key)?;
        if key.is_empty() || key.trim() != key {
            return Err(PageError::Key);
        }
        authorization.set_sensitive(true);
        let is_id = !config.page_id.is_empty() && config.page_id.chars().all(|c| c.is_ascii_alphanumeric());
        if !is_id {
            return Err(PageError::Page(config.page_id.clone()));
        }
        let address = || PageError::Address(config.api_url.clone());
        let page = format!("{}/v1/pages/{}/", config.api_url.trim_end_matches('/'), config.page_id);
        let page = Url::parse(&page).map_err(|_| address())?;
        if !matches!(page.scheme(), "http" | "https") {
            return Err(address());
        }
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, authorization);
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("blocks/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            // A redirect would carry the key and a text to where nobody asked for it.
            .redirect(reqwest::redirect::Policy::none());
        if page.scheme() == "http" {
            builder = builder.tls_certs_only(std::iter::empty()).no_proxy();
        }
        let http = builder.build().map_err(|error| PageError::Http(error.without_url().to_string()))?;
        Ok(AtlassianPage { http, page, turn: Mutex::new(None) })
    }

    /// Asks for the page's newest incident: what `blocks doctor` shows.
    ///
    /// # Errors
    /// When the key or the page is not known there, or nobody answers.
    pub async fn check(&self) -> Result<String, SendError> {
        let mut turn = self.turn.lock().await;
        self.known(&mut turn, "incidents?limit=1").await?.ok_or_else(unknown)?;
        Ok("the page answers and the key is taken".to_owned())
    }

    async fn post(&self, key: &str, attempt: u32, post: &StatusPost) -> Result<Published, SendError> {
        let mut turn = self.turn.lock().await;
        let own = post.on_page.as_deref().filter(|id| id.chars().all(|c| c.is_ascii_alphanumeric()));
        if attempt > 1 {
            match self.published(&mut turn, key, own).await? {
                Looked::There(found) => return Ok(Published::There(found)),
                Looked::NotThere => {}
                Looked::Unknown => return self.gone(&mut turn, own).await,
            }
        }
        let body = body(key, post, own.is_none());
        let (method, path) = match own {
            Some(id) => (Method::PATCH, format!("incidents/{id}")),
            None => (Method::POST, "incidents".to_owned()),
        };
        let Some(answer) = self.ask(&mut turn, method, &path, Some(&body)).await? else {
            return self.gone(&mut turn, own).await;
        };
        arrival(&answer).map(Published::There).ok_or_else(|| SendError::Retry {
            after_ms: None,
            reason: "the answer of Statuspage names no incident".to_owned(),
        })
    }

    /// There is no such thing there: the incident is gone where the page is known, else the page is another one.
    async fn gone(&self, turn: &mut Option<Instant>, own: Option<&str>) -> Result<Published, SendError> {
        let page = self.known(turn, "incidents?limit=1").await?;
        match own.and(page) {
            Some(_) => Ok(Published::Gone),
            None => Err(unknown()),
        }
    }

    async fn known(&self, turn: &mut Option<Instant>, path: &str) -> Result<Option<Value>, SendError> {
        self.ask(turn, Method::GET, path, None).await
    }

    /// What an earlier try has published, by its key.
    async fn published(
        &self,
        turn: &mut Option<Instant>,
        key: &str,
        own: Option<&str>,
    ) -> Result<Looked, SendError> {
        let path = own.map_or_else(|| format!("incidents?limit={LOOK}"), |id| format!("incidents/{id}"));
        let Some(answer) = self.known(turn, &path).await? else { return Ok(Looked::Unknown) };
        let all = answer.as_array().cloned().unwrap_or_else(|| vec![answer]);
        let found = all.iter().find(|one| one.pointer("/metadata/blocks/update") == Some(&json!(key)));
        Ok(found.and_then(arrival).map_or(Looked::NotThere, Looked::There))
    }

    /// Asks in turn; `None` where there is no such thing.
    async fn ask(
        &self,
        turn: &mut Option<Instant>,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Option<Value>, SendError> {
        if let Some(next) = *turn {
            sleep_until(next).await;
        }
        let answer = self.call(method, path, body).await;
        *turn = Some(Instant::now() + BETWEEN);
        answer
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Option<Value>, SendError> {
        let no = |reason: String| SendError::Permanent { reason };
        let again = |after_ms, reason: String| SendError::Retry { after_ms, reason };
        let url = self.page.join(path).map_err(|error| no(format!("no address at Statuspage: {error}")))?;
        let mut request = self.http.request(method, url);
        if let Some(body) = body {
            request = request.json(body);
        }
        let silent = |error: reqwest::Error| {
            // Who was not reached has done nothing. Whatever else may still be done there, and a look now would not see it.
            let wait = (!error.is_connect()).then_some(UNSURE_MS);
            again(wait, format!("statuspage does not answer: {}", one_line(&error.without_url().to_string())))
        };
        let answer = request.send().await.map_err(silent)?;
        let status = answer.status();
        let wait =
            answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        let text = answer.text().await.map_err(silent)?;
        let said = || complaint(&text);
        match status {
            status if status.is_success() => serde_json::from_str(&text)
                .map(Some)
                .map_err(|_| again(None, "the answer of Statuspage is no JSON".to_owned())),
            // It has used 420 for the same.
            status if status == StatusCode::TOO_MANY_REQUESTS || status.as_u16() == 420 => {
                let wait = wait.map_or(UNSAID_MS, |s| s.saturating_mul(1_000)).min(LONGEST_MS);
                Err(again(Some(wait), "statuspage asks to wait: one request a second".to_owned()))
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(no("statuspage does not take the key; hint: check STATUSPAGE_API_KEY".to_owned()))
            }
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::GATEWAY_TIMEOUT => {
                Err(again(Some(UNSURE_MS), "statuspage answers 504: it is not known what it did".to_owned()))
            }
            status if status.is_client_error() => {
                Err(no(format!("statuspage refuses it ({}){}", status.as_u16(), said())))
            }
            status => Err(again(None, format!("statuspage answers {}", status.as_u16()))),
        }
    }
}

impl StatusPage for AtlassianPage {
    fn publish<'a>(
        &'a self,
        key: &'a str,
        attempt: u32,
        post: &'a StatusPost,
    ) -> BoxFuture<'a, Result<Published, SendError>> {
        Box::pin(self.post(key, attempt, post))
    }
}

/// What a look for an earlier try has found.
enum Looked {
    There(Arrival),
    NotThere,
    /// The page does not know the incident, or there is no such page.
    Unknown,
}

fn unknown() -> SendError {
    SendError::Permanent {
        reason: "statuspage knows no such page or incident; hint: check statuspage.page_id".to_owned(),
    }
}

/// What is asked of Statuspage. Resolving leaves components as they are, unless they are sent.
fn body(key: &str, post: &StatusPost, is_new: bool) -> Value {
    let mut incident = json!({
        "status": post.status.word(),
        "body": post.body,
        "deliver_notifications": true,
        "metadata": { "blocks": { "update": key } },
    });
    if is_new {
        incident["name"] = json!(one_line(&post.name));
    }
    if let Some(impact) = post.impact {
        incident["impact_override"] = json!(impact.word());
    }
    if let Some((id, status)) = &post.component {
        incident["components"] = json!({ id.as_str(): status.word() });
        incident["component_ids"] = json!([id]);
    }
    json!({ "incident": incident })
}

fn arrival(incident: &Value) -> Option<Arrival> {
    let text = |name: &str| incident.get(name).and_then(Value::as_str).map(str::to_owned);
    let link = text("shortlink").filter(|link| link.starts_with("https://") || link.starts_with("http://"));
    Some(Arrival { id: Some(text("id")?), link })
}

/// What Statuspage complains of, in one short line.
fn complaint(text: &str) -> String {
    let answer: Value = serde_json::from_str(text).unwrap_or_default();
    let said = match answer.get("error") {
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; "),
        Some(Value::String(one)) => one.clone(),
        _ => return String::new(),
    };
    format!(": {}", one_line(&said).chars().take(200).collect::<String>())
}

#[cfg(test)]
mod tests {
    use runbook_core::update::{ComponentStatus, Impact, PageState};

    use super::*;

    fn post() -> StatusPost {
        StatusPost {
            on_page: None,
            name: "Orders are late\nnow".to_owned(),
            body: "a\nb".to_owned(),
            status: PageState::Identified,
            impact: Some(Impact::Major),
            component: Some(("cmp1".to_owned(), ComponentStatus::PartialOutage)),
        }
    }

    #[test]
    fn what_is_asked_of_statuspage() {
        let asked = body("update/1/0", &post(), true);
        let wanted = json!({ "incident": {
            "name": "Orders are late now", "status": "identified", "body": "a\nb", "deliver_notifications": true,
            "impact_override": "major", "components": { "cmp1": "partial_outage" }, "component_ids": ["cmp1"],
            "metadata": { "blocks": { "update": "update/1/0" } },
        } });
        assert_eq!(asked, wanted);
        let plain = StatusPost { impact: None, component: None, ..post() };
        let asked = body("k", &plain, false);
        for absent in ["name", "impact_override", "components", "component_ids"] {
            assert_eq!(asked["incident"].get(absent), None, "{absent}");
        }
    }

    /// Answers one request after the other, each on a connection of its own; nothing at all where it says nothing. What was
    /// asked comes back.
    async fn answers(says: Vec<(u16, &'static str)>) -> (String, tokio::task::JoinHandle<Vec<String>>) {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = tokio::spawn(async move {
            let mut asked = Vec::new();
            for (status, body) in says {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut seen = vec![0; 8_192];
                let length = stream.read(&mut seen).await.unwrap();
                let line = String::from_utf8_lossy(&seen[..length]).lines().next().unwrap().to_owned();
                asked.push(line.trim_end_matches(" HTTP/1.1").to_owned());
                if status > 0 {
                    let length = body.len();
                    let answer = format!(
                        "HTTP/1.1 {status} x\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
                    );
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            }
            asked
        });
        (url, asked)
    }

    fn page(url: &str) -> AtlassianPage {
        let (api_url, page_id) = (url.to_owned(), "abc".to_owned());
        AtlassianPage::new(&StatuspageConfig { api_url, page_id, key: Secret::new("k") }).unwrap()
    }

    #[tokio::test]
    async fn after_an_answer_that_never_came_a_look_waits_until_it_is_known() {
        let (url, asked) = answers(vec![(0, ""), (504, "")]).await;
        for _ in 0..2 {
            let said = page(&url).publish("k", 1, &post()).await;
            assert!(matches!(said, Err(SendError::Retry { after_ms: Some(60_000), .. })), "{said:?}");
        }
        assert_eq!(asked.await.unwrap(), ["POST /v1/pages/abc/incidents"; 2]);
        // who was not reached has done nothing
        let said = page("http://127.0.0.1:1").publish("k", 1, &post()).await;
        assert!(matches!(said, Err(SendError::Retry { after_ms: None, .. })), "{said:?}");
    }

    #[tokio::test]
    async fn an_incident_that_was_deleted_there_is_gone_and_a_page_that_is_not_there_is_not() {
        let own = || StatusPost { on_page: Some("p1".to_owned()), ..post() };
        let (url, asked) = answers(vec![(404, "{}"), (200, "[]")]).await;
        assert_eq!(page(&url).publish("k", 1, &own()).await, Ok(Published::Gone));
        let wanted = ["PATCH /v1/pages/abc/incidents/p1", "GET /v1/pages/abc/incidents?limit=1"];
        assert_eq!(asked.await.unwrap(), wanted);
        // the same where an earlier try is looked for
        let (url, _asked) = answers(vec![(404, "{}"), (200, "[]")]).await;
        assert_eq!(page(&url).publish("k", 2, &own()).await, Ok(Published::Gone));
        let (url, _asked) = answers(vec![(404, "{}"), (404, "{}")]).await;
        let said = page(&url).publish("k", 1, &own()).await;
        assert!(
            matches!(&said, Err(SendError::Permanent { reason }) if reason.contains("page_id")),
            "{said:?}"
        );
    }

    #[test]
    fn settings_that_cannot_work_are_refused() {
        let config = |url: &str, page: &str, key: &str| StatuspageConfig {
            api_url: url.to_owned(),
            page_id: page.to_owned(),
            key: Secret::new(key),
        };
        for (config, wanted) in [
            (config("ftp://x", "abc", "k"), "statuspage.api_url"),
            (config("nonsense", "abc", "k"), "statuspage.api_url"),
            (config("http://127.0.0.1:1", "../x", "k"), "statuspage.page_id"),
            (config("http://127.0.0.1:1", "", "k"), "statuspage.page_id"),
            (config("http://127.0.0.1:1", "abc", ""), "STATUSPAGE_API_KEY"),
            (config("http://127.0.0.1:1", "abc", "a\nb"), "STATUSPAGE_API_KEY"),
        ] {
            let error = AtlassianPage::new(&config).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }
}
