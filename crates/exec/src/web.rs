//! What the kinds that speak HTTP share: one client, errors told apart, and answers as text.

use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Client, Error, RequestBuilder, Response, redirect, retry};
use runbook_core::ports::ExecError;
use runbook_core::runbook::Effect;
use url::Url;

use crate::connections::{Base, is_this_machine};
use crate::executor::End;
use crate::redact::REDACTED;
use crate::transcript::Transcript;

/// How long reaching a server may take at most.
const CONNECT: Duration = Duration::from_secs(10);
/// curl's status for an answer that broke off.
pub(crate) const BROKE_OFF: i32 = 56;

/// Clients, made at their first use: that reads the system's certificate authorities.
#[derive(Default)]
pub(crate) struct Web {
    /// Takes the proxy of the environment.
    away: OnceLock<Result<Client, String>>,
    /// For servers on this machine, which no proxy reaches.
    here: OnceLock<Result<Client, String>>,
}

impl Web {
    /// A client that follows nothing, repeats nothing and keeps no connection. It believes the system's certificate
    /// authorities, or those in a file alone.
    pub(crate) fn client(&self, url: &Url, authorities: Option<&Path>) -> Result<Client, ExecError> {
        let here = url.host_str().is_some_and(is_this_machine);
        let client = if here { &self.here } else { &self.away };
        let made = match authorities {
            // read each time: the file may be replaced, and nothing of a connection is kept anyway
            Some(_) => make(here, authorities),
            None => client.get_or_init(|| make(here, None)).clone(),
        };
        made.map_err(ExecError::NotStarted)
    }
}

fn make(here: bool, authorities: Option<&Path>) -> Result<Client, String> {
    // whoever composes the program may have installed it already
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .user_agent("blocks")
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .pool_max_idle_per_host(0)
        .connect_timeout(CONNECT);
    if here {
        builder = builder.no_proxy();
    }
    if let Some(path) = authorities {
        let unreadable =
            |why: String| format!("the certificates in {} cannot be read: {why}", path.display());
        let bytes = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
        let certificates =
            Certificate::from_pem_bundle(&bytes).map_err(|error| unreadable(reason(&error)))?;
        if certificates.is_empty() {
            return Err(unreadable("there are none".to_owned()));
        }
        builder = builder.tls_certs_only(certificates);
    }
    builder.build().map_err(|error| reason(&error))
}

/// Puts a connection's credentials on a request that goes to it.
pub(crate) fn authorize(request: RequestBuilder, base: &Base) -> Result<RequestBuilder, ExecError> {
    let mut request = request;
    if let Some((user, password)) = &base.user {
        request = request.basic_auth(user, password.as_ref());
    }
    if let Some(bearer) = &base.bearer {
        let mut value = HeaderValue::from_str(&format!("Bearer {bearer}"))
            .map_err(|_| not_started("the connection's bearer token holds characters that no header can"))?;
        value.set_sensitive(true);
        request = request.header(reqwest::header::AUTHORIZATION, value);
    }
    request_headers(&base.headers).map(|headers| request.headers(headers))
}

/// Headers as the client wants them.
pub(crate) fn request_headers(headers: &[(String, String)]) -> Result<HeaderMap, ExecError> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let bad = || not_started(&format!("the header `{name}` cannot be sent as it is"));
        let mut value = HeaderValue::from_str(value).map_err(|_| bad())?;
        value.set_sensitive(true);
        map.append(HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?, value);
    }
    Ok(map)
}

/// What a request without an answer means: certainly nothing sent, or not known. What only reads has failed, no more.
pub(crate) fn broken(error: &Error, effect: Effect, io: &mut Transcript) -> Result<End, ExecError> {
    let reason = reason(error);
    if error.is_connect() || error.is_builder() {
        return Err(ExecError::NotStarted(format!("the server could not be reached: {reason}")));
    }
    if effect == Effect::Read {
        io.err(&format!("error: the connection broke: {reason}"));
        return Ok(End::Code(BROKE_OFF));
    }
    Err(ExecError::Lost(format!(
        "the request was sent, and the connection broke before the whole answer: {reason}"
    )))
}

/// An error with what is below it, and without the address.
pub(crate) fn reason(error: &Error) -> String {
    use std::error::Error as _;
    let mut said: Vec<String> = Vec::new();
    let mut next = error.source();
    while let Some(below) = next {
        said.push(below.to_string());
        next = below.source();
    }
    let said = if said.is_empty() { "the request cannot be made".to_owned() } else { said.join(": ") };
    format!("{said}{}", certificate_hint(&said))
}

/// What to do about a server's certificate that is not believed; empty when that is not what an error says.
pub(crate) fn certificate_hint(said: &str) -> &'static str {
    let lower = said.to_ascii_lowercase();
    if !lower.contains("certificate") {
        ""
    } else if lower.contains("unknownissuer")
        || lower.contains("unknown issuer")
        || lower.contains("selfsigned")
    {
        "; hint: name the file with the server's certificate authority in ca_file of the [[connection]]"
    } else if lower.contains("notvalidforname") || lower.contains("not valid for name") {
        "; hint: write the host as the certificate names it, or have a certificate made for this name"
    } else {
        ""
    }
}

/// The status line and the headers, as `curl -i` prints them. Cookies and credentials are left out.
pub(crate) fn head(response: &Response) -> String {
    let status = response.status();
    let mut text =
        format!("{:?} {} {}", response.version(), status.as_u16(), status.canonical_reason().unwrap_or(""));
    text.truncate(text.trim_end().len());
    text.push('\n');
    for (name, value) in response.headers() {
        let secret =
            matches!(name.as_str(), "set-cookie" | "cookie" | "authorization" | "proxy-authorization");
        let shown = if secret { REDACTED.into() } else { String::from_utf8_lossy(value.as_bytes()) };
        text.push_str(&format!("{name}: {shown}\n"));
    }
    text.push('\n');
    text
}

pub(crate) fn not_started(reason: &str) -> ExecError {
    ExecError::NotStarted(reason.to_owned())
}
