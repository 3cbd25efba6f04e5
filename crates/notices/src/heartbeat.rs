//! The heartbeat: a request to an address that calls somebody when none comes any more (Dead Man's Snitch, healthchecks, and
//! the like). What makes the address a secret comes from the environment, and is in no text.

use std::fmt;
use std::time::Duration;

use reqwest::Method;
use runbook_core::ports::{BoxFuture, Watcher};
use url::Url;

use crate::Secret;

/// What stands in the configured address for the secret part.
pub const PLACE: &str = "{secret}";
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where and how.
#[derive(Debug, Clone)]
pub struct HeartbeatConfig {
    /// The address, with [`PLACE`] where the secret belongs.
    pub url: String,
    /// What stands there.
    pub secret: Option<Secret>,
    /// POST instead of GET.
    pub post: bool,
}

/// The heartbeat cannot work with these settings.
#[derive(Debug, thiserror::Error)]
pub enum HeartbeatError {
    /// The address is none. It is shown as it was configured: without the secret.
    #[error("heartbeat.url '{0}' is not an http or https address")]
    Address(String),
    /// The address has a place for a secret, and there is none.
    #[error("heartbeat.url has a place for a secret, and there is none; hint: set HEARTBEAT_SECRET")]
    NoSecret,
    /// The HTTP client itself.
    #[error("the http client for the heartbeat cannot be built: {0}")]
    Http(String),
}

/// The heartbeat over HTTP.
pub struct HttpHeartbeat {
    http: reqwest::Client,
    url: Url,
    method: Method,
}

impl fmt::Debug for HttpHeartbeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpHeartbeat").field("host", &self.url.host_str()).finish_non_exhaustive()
    }
}

impl HttpHeartbeat {
    /// Builds the client; nothing is sent yet.
    ///
    /// # Errors
    /// When these settings cannot work.
    pub fn new(config: &HeartbeatConfig) -> Result<HttpHeartbeat, HeartbeatError> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let address = || HeartbeatError::Address(config.url.clone());
        let text = match (config.url.contains(PLACE), &config.secret) {
            (true, None) => return Err(HeartbeatError::NoSecret),
            (true, Some(secret)) => config.url.replace(PLACE, secret.expose()),
            (false, _) => config.url.clone(),
        };
        let url = Url::parse(&text).map_err(|_| address())?;
        // the secret never decides where it goes
        let host = |text: &str| Url::parse(text).ok().and_then(|url| url.host_str().map(str::to_owned));
        let is_same = host(&config.url.replace(PLACE, "x")) == host(&text);
        if !matches!(url.scheme(), "http" | "https") || !is_same {
            return Err(address());
        }
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("blocks/", env!("CARGO_PKG_VERSION")))
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none());
        if url.scheme() == "http" {
            builder = builder.tls_certs_only(std::iter::empty()).no_proxy();
        }
        let http = builder.build().map_err(|error| HeartbeatError::Http(error.without_url().to_string()))?;
        let method = if config.post { Method::POST } else { Method::GET };
        Ok(HttpHeartbeat { http, url, method })
    }
}

impl Watcher for HttpHeartbeat {
    fn beat(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            let host = self.url.host_str().unwrap_or_default();
            let answered = self.http.request(self.method.clone(), self.url.clone()).send().await;
            match answered {
                Ok(answer) if answer.status().is_success() => Ok(()),
                Ok(answer) => Err(format!("{host} answered the heartbeat with {}", answer.status())),
                Err(error) => Err(format!("{host} gave no answer to the heartbeat: {}", error.without_url())),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_asked_is_taken_and_the_secret_is_in_no_text() {
        let secret = "very-secret-word";
        for (url, has_secret, is_good) in [
            ("https://hc-ping.com/{secret}", true, true),
            ("https://hc-ping.com/{secret}", false, false),
            ("http://127.0.0.1:9/ping", false, true),
            ("https://x.example/?token={secret}&a=b", true, true),
            ("https://{secret}.example.com/", true, false),
            ("ftp://x.example/{secret}", true, false),
            ("hc-ping.com/{secret}", true, false),
            ("", false, false),
        ] {
            let config = HeartbeatConfig {
                url: url.to_owned(),
                secret: has_secret.then(|| Secret::new(secret)),
                post: false,
            };
            let made = HttpHeartbeat::new(&config);
            assert_eq!(made.is_ok(), is_good, "{url}");
            let said = match made {
                Ok(made) => format!("{made:?}"),
                Err(error) => error.to_string(),
            };
            assert!(!said.contains(secret), "{said}");
        }
    }
}
