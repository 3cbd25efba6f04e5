//! The listener for the world, where anybody may knock: so many connections at a time, and each has so long to say what it wants.
//!
//! Most who come here have proved nothing yet. Without these bounds, somebody who opens connections and says nothing on them takes
//! every file that this process may open, and with them the store and the runs.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::Request;
use axum::serve::Listener;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use rustix::process::{Resource, getrlimit};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Sleep, sleep};
use tower::ServiceExt as _;

/// Bounds of the listener.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Connections that are open at a time; more wait to be accepted.
    pub(crate) connections: usize,
    /// Until a request's head is there, from when its connection is open or the answer before it was given.
    pub(crate) head: Duration,
    /// Until its body is there, from when its head was.
    pub(crate) body: Duration,
}

impl Bounds {
    /// What fits this process.
    pub(crate) fn of_this_process() -> Self {
        // The other half is for the store, the runs and what leaves.
        let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX) / 2;
        Self {
            connections: usize::try_from(files).unwrap_or(usize::MAX).clamp(64, 4096),
            // Longer than proxies keep a connection for later (60 s is usual), so that none is closed as its next request is sent.
            head: Duration::from_secs(75),
            // PagerDuty and Slack wait 5 and 3 s in all.
            body: Duration::from_secs(20),
        }
    }
}

/// Serves until told to stop; then those who are being answered get their answers.
pub(crate) async fn serve(
    mut listener: TcpListener,
    router: Router,
    bounds: Bounds,
    mut stopped: watch::Receiver<bool>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(bounds.head);
    let places = Arc::new(Semaphore::new(bounds.connections));
    let open = GracefulShutdown::new();
    let accepted = async {
        loop {
            // Nobody closes it.
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            // waits a moment by itself where the system has nothing left to give
            let (stream, _from) = Listener::accept(&mut listener).await;
            let router = router.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                router.clone().oneshot(request.map(|body| in_time(Body::new(body), bounds.body)))
            });
            let connection = open.watch(http.serve_connection(TokioIo::new(stream), service));
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::trace!(%error, "a connection ended early");
                }
                drop(place);
            });
        }
    };
    tokio::select! {
        () = accepted => {}
        _ = stopped.wait_for(|stop| *stop) => {}
    }
    drop(listener);
    open.shutdown().await;
}

fn in_time(body: Body, within: Duration) -> Body {
    if body.is_end_stream() { body } else { Body::new(InTime { body, until: Box::pin(sleep(within)) }) }
}

/// A body that has to be there by a time. How often a piece of it comes does not matter: a byte now and then is no body either.
struct InTime {
    body: Body,
    until: Pin<Box<Sleep>>,
}

impl HttpBody for InTime {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.until.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err("the body was not there in time".into())));
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use axum::routing::{get, post};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;

    const FOR_EVER: Duration = Duration::from_secs(3600);
    const AT_ONCE: Duration = Duration::from_millis(20);

    /// A server with two routes, and what stops it.
    async fn server(
        bounds: Bounds,
    ) -> (std::net::SocketAddr, watch::Sender<bool>, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/here", get(|| async { "here" })).route(
            "/told",
            post(|body: Result<Bytes, axum::extract::rejection::BytesRejection>| async move {
                body.map_or((StatusCode::SERVICE_UNAVAILABLE, "not told".to_owned()), |body| {
                    (StatusCode::OK, format!("told {}", body.len()))
                })
            }),
        );
        let stop = watch::Sender::new(false);
        let serving = tokio::spawn(serve(listener, router, bounds, stop.subscribe()));
        (address, stop, serving)
    }

    /// All that is said to this, until the connection is closed.
    async fn said(stream: &mut TcpStream, words: &str) -> String {
        stream.write_all(words.as_bytes()).await.unwrap();
        let mut heard = Vec::new();
        // a reset is an end, too
        let _ = stream.read_to_end(&mut heard).await;
        String::from_utf8(heard).unwrap()
    }

    const ASKED: &str = "GET /here HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

    #[tokio::test]
    async fn whoever_says_nothing_or_half_a_head_is_let_go() {
        let (address, _stop, _serving) =
            server(Bounds { connections: 8, head: AT_ONCE, body: FOR_EVER }).await;
        for begun in ["", "GET /here HTTP/1.1\r\nhost: x\r\n"] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            assert_eq!(said(&mut stream, begun).await, "", "{begun:?}");
        }
        let mut stream = TcpStream::connect(address).await.unwrap();
        assert!(said(&mut stream, ASKED).await.ends_with("here"));
    }

    #[tokio::test]
    async fn a_body_that_never_comes_is_not_waited_for() {
        let (address, _stop, _serving) =
            server(Bounds { connections: 8, head: FOR_EVER, body: AT_ONCE }).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        let heard =
            said(&mut stream, "POST /told HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc").await;
        assert!(heard.starts_with("HTTP/1.1 503") && heard.ends_with("not told"), "{heard}");
        let mut stream = TcpStream::connect(address).await.unwrap();
        let whole = "POST /told HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 3\r\n\r\nabc";
        assert!(said(&mut stream, whole).await.ends_with("told 3"));
    }

    #[tokio::test]
    async fn one_too_many_waits_for_a_place() {
        let (address, _stop, _serving) =
            server(Bounds { connections: 1, head: FOR_EVER, body: FOR_EVER }).await;
        let mut first = TcpStream::connect(address).await.unwrap();
        let mut second = TcpStream::connect(address).await.unwrap();
        second.write_all(ASKED.as_bytes()).await.unwrap();
        // the first has its place however long it takes
        assert!(said(&mut first, ASKED).await.ends_with("here"));
        assert!(said(&mut second, "").await.ends_with("here"));
    }

    #[tokio::test]
    async fn at_the_end_nobody_is_waited_for_who_asked_nothing() {
        let (address, stop, serving) =
            server(Bounds { connections: 8, head: FOR_EVER, body: FOR_EVER }).await;
        let mut idle = TcpStream::connect(address).await.unwrap();
        idle.write_all(b"GET /here HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut heard = [0; 12];
        idle.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"HTTP/1.1 200");
        stop.send_replace(true);
        serving.await.unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }
}
