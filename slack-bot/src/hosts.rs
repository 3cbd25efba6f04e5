//! Where a request that carries a bearer address may be sent: an address from outside is not a licence to call anybody.

use url::Url;

/// The hosts that absolute URLs out of Slack's payloads may name: `*.slack.com` over https, and the very place where
/// the configured API is (a sandbox, a proxy, a test).
#[derive(Debug, Clone)]
pub struct AllowedHosts {
    api: Option<(String, String, u16)>,
}

impl AllowedHosts {
    /// Allows `*.slack.com` and the scheme, host and port of `api_url`.
    #[must_use]
    pub fn new(api_url: &str) -> AllowedHosts {
        let api = Url::parse(api_url).ok().and_then(|url| origin(&url));
        AllowedHosts { api }
    }

    /// The URL, when it may be called.
    #[must_use]
    pub fn check(&self, text: &str) -> Option<Url> {
        let url = Url::parse(text).ok()?;
        // `https://hooks.slack.com@elsewhere` is not elsewhere's business, nor is a password ours.
        if !url.username().is_empty() || url.password().is_some() {
            return None;
        }
        let found = origin(&url)?;
        let slack = found.0 == "https" && found.2 == 443 && found.1.ends_with(".slack.com");
        (slack || self.api.as_ref() == Some(&found)).then_some(url)
    }

    /// The address of a WebSocket, under the same rule: `wss` stands for `https`, and `ws` for `http`.
    #[must_use]
    pub(crate) fn check_socket(&self, text: &str) -> Option<Url> {
        let as_http = match text.strip_prefix("ws") {
            Some(rest) => format!("http{rest}"),
            None => return None,
        };
        self.check(&as_http)?;
        Url::parse(text).ok()
    }
}

fn origin(url: &Url) -> Option<(String, String, u16)> {
    let scheme = url.scheme();
    if !matches!(scheme, "http" | "https") {
        return None;
    }
    Some((scheme.to_owned(), url.host_str()?.to_owned(), url.port_or_known_default()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allowed_and_not() {
        let hosts = AllowedHosts::new("http://127.0.0.1:4010/api");
        let table = [
            ("https://hooks.slack.com/commands/T/1/x", true),
            ("https://files.slack.com/upload/v1/abc", true),
            ("https://HOOKS.SLACK.COM/x", true),
            ("http://127.0.0.1:4010/respond/1", true),
            ("http://hooks.slack.com/x", false),
            ("https://hooks.slack.com:8443/x", false),
            ("https://slack.com.example/x", false),
            ("https://evilslack.com/x", false),
            ("https://hooks.slack.com@evil.example/x", false),
            ("https://a:b@hooks.slack.com/x", false),
            ("https://evil.example/?hooks.slack.com", false),
            ("http://127.0.0.1:4011/x", false),
            ("https://127.0.0.1:4010/x", false),
            ("http://localhost:4010/x", false),
            ("http://169.254.169.254/latest", false),
            ("file:///etc/passwd", false),
            ("//hooks.slack.com/x", false),
            ("", false),
        ];
        for (url, allowed) in table {
            assert_eq!(hosts.check(url).is_some(), allowed, "{url}");
        }
    }

    #[test]
    fn sockets_allowed_and_not() {
        let hosts = AllowedHosts::new("http://127.0.0.1:4010/api");
        let table = [
            ("wss://wss-primary.slack.com/link/?ticket=1", true),
            ("ws://127.0.0.1:4010/link", true),
            ("ws://wss-primary.slack.com/link", false),
            ("wss://slack.com.example/link", false),
            ("wss://127.0.0.1:4010/link", false),
            ("https://hooks.slack.com/x", false),
            ("wsx://hooks.slack.com/x", false),
            ("", false),
        ];
        for (url, allowed) in table {
            assert_eq!(hosts.check_socket(url).is_some(), allowed, "{url}");
        }
    }
}
