//! The `http` kind: one request, its answer printed as `curl -i` prints it.

use std::sync::Arc;

use reqwest::{Method, Response, StatusCode};
use runbook_core::ports::{BoxFuture, ExecError, Job};
use runbook_core::runbook::CommandKind;
use runbook_core::runbook::kinds::http::{Request, fill};
use tokio::sync::watch;
use url::Url;

use crate::connections::{Base, Connections};
use crate::executor::{End, Kind};
use crate::transcript::Transcript;
use crate::web::{Web, authorize, broken, head, not_started, request_headers};

/// Answers that send a reader elsewhere on the same server are followed this often.
const FOLLOWED: usize = 5;
/// curl's status for an answer of 400 or more.
const REFUSED: i32 = 22;

pub(crate) struct Http {
    connections: Arc<Connections>,
    web: Web,
}

impl Http {
    pub(crate) fn new(connections: Arc<Connections>) -> Self {
        Self { connections, web: Web::default() }
    }

    /// Where a request goes, and with whose credentials: only ever those of the connection that is there.
    fn destination(&self, job: &Job, request: &Request) -> Result<(Url, Option<&Base>), String> {
        let name = job.connection.as_deref();
        let relative = request.target.starts_with('/');
        if !relative && name.is_none() {
            let url = Url::parse(&request.target).map_err(|error| format!("the address is none: {error}"))?;
            return Ok((url, None));
        }
        let base = self.connections.web(CommandKind::Http, name)?;
        if relative {
            return Ok((base.join(&request.target)?, Some(base)));
        }
        let url = Url::parse(&request.target).map_err(|error| format!("the address is none: {error}"))?;
        if url.origin() != base.url.origin() {
            return Err("the address is not the connection's; its credentials go nowhere else".to_owned());
        }
        Ok((url, Some(base)))
    }

    async fn carry_out(&self, job: &Job, io: &mut Transcript) -> Result<End, ExecError> {
        let request = fill(&job.text, &job.values()).map_err(|error| not_started(&error.to_string()))?;
        let (mut url, base) = self.destination(job, &request).map_err(|reason| not_started(&reason))?;
        let method =
            Method::from_bytes(request.method.as_bytes()).map_err(|_| not_started("no such method"))?;
        let follows = matches!(method, Method::GET | Method::HEAD);
        let headers = request_headers(&request.headers)?;
        let own = |name: &str| headers.contains_key(name);
        if let Some(base) = base {
            let signs = base.bearer.is_some() || base.user.is_some();
            let twice = base.headers.iter().find(|(name, _)| own(name)).map(|(name, _)| name.as_str());
            if let Some(name) = twice.or((signs && own("authorization")).then_some("Authorization")) {
                return Err(not_started(&format!("the header `{name}` is the connection's; leave it out")));
            }
        }
        let client = self.web.client(&url, base.and_then(|base| base.authorities.as_deref()))?;
        for _ in 0..=FOLLOWED {
            let mut builder = client.request(method.clone(), url.clone()).headers(headers.clone());
            if let Some(base) = base {
                builder = authorize(builder, base)?;
            }
            if !request.body.is_empty() {
                builder = builder.body(request.body.clone());
            }
            let response = match builder.send().await {
                Ok(response) => response,
                Err(error) => return broken(&error, job.effect, io),
            };
            io.out(head(&response));
            match elsewhere(&response, &url).filter(|_| follows) {
                Some(next) => url = next,
                None => return answer(response, job, io).await,
            }
        }
        io.err("error: the server sends the request from one address to the next");
        Ok(End::Code(47))
    }
}

/// Where an answer sends a reader, when it is the same server.
fn elsewhere(response: &Response, url: &Url) -> Option<Url> {
    let follows = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    let location = response.headers().get(reqwest::header::LOCATION)?.to_str().ok()?;
    let next = url.join(location).ok()?;
    (follows && next.origin() == url.origin() && next.username().is_empty() && next.password().is_none())
        .then_some(next)
}

async fn answer(mut response: Response, job: &Job, io: &mut Transcript) -> Result<End, ExecError> {
    let status = response.status();
    let mut first = true;
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                if std::mem::take(&mut first) && chunk.starts_with(b"HTTP/") {
                    // else it would look like one more answer
                    io.out("\n");
                }
                io.out(&chunk);
            }
            Ok(None) => break,
            Err(error) => return broken(&error, job.effect, io),
        }
    }
    if status < StatusCode::BAD_REQUEST {
        return Ok(End::Code(0));
    }
    io.err(&format!("http: (22) the server answered {}", status.as_u16()));
    Ok(End::Code(REFUSED))
}

impl Kind for Http {
    fn kind(&self) -> CommandKind {
        CommandKind::Http
    }

    fn run<'a>(
        &'a self,
        job: &'a Job,
        io: &'a mut Transcript,
        _stop: watch::Receiver<bool>,
    ) -> BoxFuture<'a, Result<End, ExecError>> {
        Box::pin(self.carry_out(job, io))
    }
}
