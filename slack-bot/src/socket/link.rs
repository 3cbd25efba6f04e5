//! One WebSocket, from its opening to its end.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use runbook_core::ports::{Intake, SendError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Bytes, Error as WsError, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use super::envelope::{Content, Frame, acknowledgement, read};
use super::{Shared, stopped};
use crate::command_word::CommandWord;
use crate::inbound::BODY_LIMIT;
use crate::take;
use crate::translate::SOURCE;

/// How long opening may take: the library sets no limit of its own.
const OPEN_LIMIT: Duration = Duration::from_secs(10);
/// After so long without a frame Slack is asked whether it is there; after twice that the connection is given up.
const QUIET: Duration = Duration::from_secs(15);
/// How long a connection that Slack is about to close is still read.
const LEAVING_LIMIT: Duration = Duration::from_secs(60);
/// How long the end waits for acknowledgements of what was taken.
const END_LIMIT: Duration = Duration::from_secs(3);
/// How long one frame may take to leave: a peer that reads nothing more is none.
const SEND_LIMIT: Duration = Duration::from_secs(5);
/// Envelopes that wait for the store. Slack gives up on an envelope after three seconds, so more never helps.
const WAITING_MAX: usize = 100;
/// Largest frame, in bytes: what HTTP takes, written as JSON.
const FRAME_MAX: usize = 2 * BODY_LIMIT;
/// What Slack asks of an app with too many connections.
const CROWDED_PAUSE: Duration = Duration::from_secs(60);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// An envelope with its id, and when it came.
type Came = (String, Content, Instant);

/// How a connection ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// We were told to stop.
    Stopped,
    /// Slack announced the end; the connection is read on beside its successor.
    Replaced,
    /// It broke, or could not be opened.
    Broken {
        /// Why, without any address: a connection's address is a secret.
        why: String,
        /// What Slack asks to wait at least.
        after: Option<Duration>,
    },
    /// Trying again does not help before a person has done something.
    Refused {
        /// Why, and what to do.
        why: String,
    },
}

/// Opens a connection and takes what comes over it. `leaves` is told when Slack is about to close it.
pub(super) async fn run(
    shared: Arc<Shared>,
    number: usize,
    mut stop: watch::Receiver<bool>,
    leaves: oneshot::Sender<()>,
) -> Ended {
    let opened = tokio::select! {
        opened = open(&shared) => opened,
        () = stopped(&mut stop) => return Ended::Stopped,
    };
    let mut socket = match opened {
        Ok(socket) => socket,
        Err(ended) => return ended,
    };
    tracing::info!(number, "slack connection open");
    let (work, envelopes) = mpsc::channel(WAITING_MAX);
    let (said, mut acknowledgements) = mpsc::channel(WAITING_MAX);
    // One after the other, so that what a person did first is stored first; apart from the reader, so that a slow store
    // does not keep Slack's pings waiting.
    tokio::spawn(take_all(shared.clone(), envelopes, said));
    let took = (&*shared.intake, &shared.word);
    let ended = read_on(&mut socket, &work, took, &mut acknowledgements, &mut stop, leaves).await;
    drop(work);
    let rest = async {
        while let Some(text) = acknowledgements.recv().await {
            if !send(&mut socket, Message::text(text)).await {
                return;
            }
        }
        let _ = socket.close(None).await;
    };
    let _ = timeout(END_LIMIT, rest).await;
    ended
}

async fn open(shared: &Shared) -> Result<Socket, Ended> {
    let broken = |why: &str| Ended::Broken { why: why.to_owned(), after: None };
    let url = shared.api.open_connection().await.map_err(|error| match error {
        SendError::Retry { after_ms, reason } => {
            Ended::Broken { why: reason, after: after_ms.map(Duration::from_millis) }
        }
        SendError::Permanent { reason } => Ended::Refused { why: reason },
    })?;
    let url = shared
        .hosts
        .check_socket(&url)
        .ok_or_else(|| Ended::Refused { why: "the connection's address is not one of Slack's".to_owned() })?;
    let config = WebSocketConfig::default().max_message_size(Some(FRAME_MAX)).max_frame_size(Some(FRAME_MAX));
    let connecting = connect_async_with_config(url.as_str(), Some(config), false);
    let (mut socket, _) =
        timeout(OPEN_LIMIT, connecting).await.map_err(|_| broken("no answer in time"))?.map_err(|error| {
            Ended::Broken { why: format!("the connection cannot be made: {}", what(&error)), after: None }
        })?;
    let first = async {
        while let Some(Ok(message)) = socket.next().await {
            if let Message::Text(text) = message {
                return Some(read(text.as_str()));
            }
        }
        None
    };
    match timeout(OPEN_LIMIT, first).await {
        Ok(Some(Frame::Hello)) => Ok(socket),
        Ok(Some(Frame::Disconnect { reason })) => {
            Err(goodbye(&reason).unwrap_or_else(|| broken("slack closed it before it was open")))
        }
        _ => Err(broken("slack did not say hello")),
    }
}

/// What went wrong, without the address, which is a secret.
fn what(error: &WsError) -> String {
    match error {
        WsError::Io(error) => error.kind().to_string(),
        WsError::Tls(_) => "TLS".to_owned(),
        WsError::Http(response) => format!("HTTP status {}", response.status().as_u16()),
        WsError::Url(_) => "the address".to_owned(),
        WsError::Capacity(_) => "a frame was too large".to_owned(),
        _ => "the protocol".to_owned(),
    }
}

/// What a reason to disconnect means where it ends the connection at once; `None` where the connection is only renewed.
fn goodbye(reason: &str) -> Option<Ended> {
    match reason {
        "link_disabled" => Some(Ended::Refused {
            why: "Socket Mode is switched off; hint: switch it on in the app's settings, or write mode = \"http\" under [slack]".to_owned(),
        }),
        "too_many_websockets" => Some(Ended::Broken {
            why: "the app has too many connections".to_owned(),
            after: Some(CROWDED_PAUSE),
        }),
        _ => None,
    }
}

/// Sends one frame, unless the peer reads nothing any more.
async fn send<S: AsyncRead + AsyncWrite + Unpin>(socket: &mut WebSocketStream<S>, message: Message) -> bool {
    matches!(timeout(SEND_LIMIT, socket.send(message)).await, Ok(Ok(())))
}

/// Reads until the connection ends or we stop.
async fn read_on<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut WebSocketStream<S>,
    work: &mpsc::Sender<Came>,
    (intake, word): (&dyn Intake, &CommandWord),
    acknowledgements: &mut mpsc::Receiver<String>,
    stop: &mut watch::Receiver<bool>,
    leaves: oneshot::Sender<()>,
) -> Ended {
    let mut leaves = Some(leaves);
    let mut heard = Instant::now();
    let mut is_asked = false;
    let mut last_moment = None;
    let broken = |why: &str, after| Ended::Broken { why: why.to_owned(), after };
    loop {
        let silent_at = heard + if is_asked { 2 * QUIET } else { QUIET };
        let wake = last_moment.map_or(silent_at, |moment: Instant| moment.min(silent_at));
        tokio::select! {
            message = socket.next() => {
                (heard, is_asked) = (Instant::now(), false);
                let text = match message {
                    Some(Ok(Message::Text(text))) => text,
                    // The library answers pings by itself.
                    Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Binary(_) | Message::Frame(_))) => continue,
                    Some(Ok(Message::Close(_))) | None => return broken("slack closed it", None),
                    Some(Err(error)) => return broken(&format!("it broke: {}", what(&error)), None),
                };
                match read(text.as_str()) {
                    Frame::Envelope { id, content } => {
                        // What needs no store does not wait behind what does.
                        let answer = match &content {
                            Content::Command(body) => {
                                take::usage(word, body).map(|usage| acknowledgement(&id, Some(&usage)))
                            }
                            Content::Event(body) if !take::is_of_use(body) => Some(acknowledgement(&id, None)),
                            _ => None,
                        };
                        if let Some(answer) = answer {
                            if !send(socket, Message::text(answer)).await {
                                return broken("nothing can be sent", None);
                            }
                        } else if work.try_send((id, content, heard)).is_err() {
                            intake.refused(SOURCE, "too_many");
                        }
                    }
                    Frame::Disconnect { reason } => match goodbye(&reason) {
                        Some(ended) => return ended,
                        None => {
                            last_moment = Some(Instant::now() + LEAVING_LIMIT);
                            if let Some(leaves) = leaves.take() {
                                let _ = leaves.send(());
                            }
                        }
                    },
                    Frame::Hello => {}
                    Frame::Other => intake.refused(SOURCE, "not_understood"),
                }
            }
            Some(text) = acknowledgements.recv() => {
                if !send(socket, Message::text(text)).await {
                    return broken("nothing can be sent", None);
                }
            }
            () = sleep_until(wake) => {
                if last_moment.is_some_and(|moment| moment <= Instant::now()) {
                    return broken("slack did not close it", None);
                }
                if is_asked {
                    return broken("nothing came any more", None);
                }
                is_asked = true;
                if !send(socket, Message::Ping(Bytes::new())).await {
                    return broken("nothing can be sent", None);
                }
            }
            () = stopped(stop) => return Ended::Stopped,
        }
    }
}

/// Takes envelopes in their order, and says what the connection shall acknowledge.
///
/// One that cannot be stored is not acknowledged: the person then sees that the press did not work.
async fn take_all(shared: Arc<Shared>, mut envelopes: mpsc::Receiver<Came>, said: mpsc::Sender<String>) {
    while let Some((id, content, received)) = envelopes.recv().await {
        let shared = shared.clone();
        // In a task of its own: whatever one message does to it, the next ones are taken.
        let taken = tokio::spawn(async move {
            let (intake, word) = (&*shared.intake, &shared.word);
            match content {
                Content::Command(body) => {
                    let message = take::command(intake, word, body, received).await;
                    Some(acknowledgement(&id, Some(&message)))
                }
                Content::Interaction(body) => {
                    let stored = take::interaction(intake, word, body, received).await;
                    stored.ok().map(|shown| acknowledgement(&id, shown.as_ref()))
                }
                // Without an answer Slack sends it again.
                Content::Event(body) => {
                    let stored = take::event(intake, body, received).await;
                    stored.is_ok().then(|| acknowledgement(&id, None))
                }
                Content::Unknown(kind, body) => {
                    let stored = take::unknown(intake, &kind, body, received).await;
                    stored.is_ok().then(|| acknowledgement(&id, None))
                }
            }
        });
        match taken.await {
            Ok(Some(text)) => {
                if said.send(text).await.is_err() {
                    tracing::warn!(
                        "a slack message is stored, and the connection ended before it was acknowledged"
                    );
                }
            }
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "taking a slack message failed"),
        }
    }
}

#[cfg(test)]
#[path = "link_tests.rs"]
mod tests;
