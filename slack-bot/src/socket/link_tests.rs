use runbook_core::ports::{Accepted, BoxFuture, InboxItem, StoreError};
use tokio::io::DuplexStream;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::*;

/// Takes nothing, and counts nothing.
struct Refusing;

impl Intake for Refusing {
    fn accept(&self, _: InboxItem) -> BoxFuture<'_, Result<Accepted, StoreError>> {
        Box::pin(async { Err(StoreError::Unavailable("never".to_owned())) })
    }

    fn refused(&self, _: &'static str, _: &'static str) {}

    fn now(&self) -> chrono::DateTime<chrono::Utc> {
        chrono::DateTime::UNIX_EPOCH
    }
}

/// A reader in virtual time, and Slack's end of its connection.
struct Line {
    slack: WebSocketStream<DuplexStream>,
    envelopes: mpsc::Receiver<Came>,
    said: mpsc::Sender<String>,
    left: oneshot::Receiver<()>,
    stop: watch::Sender<bool>,
    reader: tokio::task::JoinHandle<Ended>,
}

async fn line() -> Line {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let slack = WebSocketStream::from_raw_socket(theirs, Role::Server, None).await;
    let mut socket = WebSocketStream::from_raw_socket(ours, Role::Client, None).await;
    let (work, envelopes) = mpsc::channel(2);
    let (said, mut acknowledgements) = mpsc::channel(2);
    let (leaves, left) = oneshot::channel();
    let (stop, mut stopped) = watch::channel(false);
    let reader = tokio::spawn(async move {
        read_on(
            &mut socket,
            &work,
            (&Refusing, &CommandWord::default()),
            &mut acknowledgements,
            &mut stopped,
            leaves,
        )
        .await
    });
    Line { slack, envelopes, said, left, stop, reader }
}

impl Line {
    async fn say(&mut self, text: &str) {
        self.slack.send(Message::text(text)).await.unwrap();
    }

    async fn ended(self) -> (String, Option<Duration>) {
        match self.reader.await.unwrap() {
            Ended::Broken { why, after } => (why, after),
            other => (format!("{other:?}"), None),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_says_nothing_is_asked_and_given_up() {
    let line = line().await;
    let began = Instant::now();
    // Slack's end is there and is never read: as a network that swallows everything.
    let (why, _) = line.ended().await;
    assert_eq!((why.as_str(), began.elapsed()), ("nothing came any more", 2 * QUIET));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_answers_is_kept() {
    let mut line = line().await;
    let began = Instant::now();
    for _ in 0..10 {
        let Some(Ok(Message::Ping(_))) = line.slack.next().await else { panic!("it asks") };
        // Reading on sends the answer.
        line.slack.flush().await.unwrap();
    }
    assert!(began.elapsed() >= 10 * QUIET, "{:?}", began.elapsed());
    line.stop.send(true).unwrap();
    assert_eq!(line.ended().await.0, "Stopped");
}

#[tokio::test(start_paused = true)]
async fn before_slack_closes_it_a_successor_is_asked_for_and_reading_goes_on() {
    let mut line = line().await;
    line.say(r#"{"type":"disconnect","reason":"refresh_requested"}"#).await;
    line.say(r#"{"type":"disconnect","reason":"warning"}"#).await;
    (&mut line.left).await.unwrap();
    line.say(r#"{"type":"interactive","envelope_id":"E1"}"#).await;
    assert!(matches!(line.envelopes.recv().await, Some((id, Content::Interaction(_), _)) if id == "E1"));
    line.said.send("yes".to_owned()).await.unwrap();
    loop {
        match line.slack.next().await {
            Some(Ok(Message::Text(text))) => break assert_eq!(text.as_str(), "yes"),
            Some(Ok(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    let began = Instant::now();
    let mut slack = line.slack;
    // Slack answers pings and never closes it.
    let answering = tokio::spawn(async move { while let Some(Ok(_)) = slack.next().await {} });
    assert!(
        matches!(line.reader.await.unwrap(), Ended::Broken { why, .. } if why == "slack did not close it")
    );
    assert!(began.elapsed() <= LEAVING_LIMIT, "{:?}", began.elapsed());
    answering.abort();
}

#[tokio::test(start_paused = true)]
async fn what_only_a_person_can_mend_is_not_tried_at_once() {
    let mut switched_off = line().await;
    switched_off.say(r#"{"type":"disconnect","reason":"link_disabled"}"#).await;
    assert!(switched_off.ended().await.0.contains("switched off"));
    let mut crowded = line().await;
    crowded.say(r#"{"type":"disconnect","reason":"too_many_websockets"}"#).await;
    assert_eq!(crowded.ended().await.1, Some(CROWDED_PAUSE));
}

#[tokio::test(start_paused = true)]
async fn a_slow_store_does_not_stop_the_reader() {
    let mut line = line().await;
    for number in 0..5 {
        line.say(&format!(r#"{{"type":"interactive","envelope_id":"E{number}"}}"#)).await;
    }
    line.say("not even JSON").await;
    line.slack.send(Message::Ping(Bytes::from_static(b"there?"))).await.unwrap();
    loop {
        match line.slack.next().await {
            Some(Ok(Message::Pong(said))) => break assert_eq!(said.as_ref(), b"there?"),
            Some(Ok(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    // Two wait; more than that could never be acknowledged in time.
    assert_eq!(line.envelopes.recv().await.map(|(id, ..)| id).as_deref(), Some("E0"));
    assert_eq!(line.envelopes.recv().await.map(|(id, ..)| id).as_deref(), Some("E1"));
    assert!(line.envelopes.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_nothing_is_given_up() {
    let mut line = line().await;
    let began = Instant::now();
    // More acknowledgements than the connection holds, and nobody reads them.
    let said = line.said.clone();
    tokio::spawn(async move { while said.send("x".repeat(50_000)).await.is_ok() {} });
    line.say(r#"{"type":"interactive","envelope_id":"E1"}"#).await;
    let (why, _) = line.ended().await;
    assert_eq!((why.as_str(), began.elapsed()), ("nothing can be sent", SEND_LIMIT));
}

#[tokio::test(start_paused = true)]
async fn help_does_not_wait_for_the_store() {
    let mut line = line().await;
    for number in 0..4 {
        let text = if number < 3 { "runbook list" } else { "hlep" };
        line.say(&format!(
            r#"{{"type":"slash_commands","envelope_id":"E{number}","payload":{{"user_id":"U1","text":"{text}"}}}}"#
        ))
        .await;
    }
    loop {
        match line.slack.next().await {
            Some(Ok(Message::Text(text))) => {
                break assert!(text.contains("E3") && text.contains("ephemeral"), "{text}");
            }
            Some(Ok(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}
