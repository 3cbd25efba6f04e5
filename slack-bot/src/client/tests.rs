use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use runbook_core::form::{Form, FormFor};
use runbook_core::message::{Bookmark, CardView};
use runbook_core::ports::Quote;
use tokio::net::TcpListener;

use super::*;
use crate::render::tests::{card_view, plan_view};

const TOKEN: &str = "xoxb-test-token";

/// One call as it came.
#[derive(Debug, Clone)]
struct Seen {
    path: String,
    query: String,
    token: Option<String>,
    body: Bytes,
}

impl Seen {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// What is answered: a path, and the answer to the next call of it.
struct Line(&'static str, Reply);

enum Reply {
    Json(Value),
    Text(&'static str),
    Status(u16, &'static str),
    Limited(u64),
    Silence,
}

/// A stand-in that answers exactly the calls of its script, in their order; any other call is a failure of the test.
struct Peer {
    base: String,
    script: Arc<Mutex<VecDeque<Line>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

type Shared = (Arc<Mutex<VecDeque<Line>>>, Arc<Mutex<Vec<Seen>>>);

async fn answer(State((script, seen)): State<Shared>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let path = uri.path().to_owned();
    let token = headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
    let query = uri.query().unwrap_or_default().to_owned();
    seen.lock().unwrap().push(Seen { path: path.clone(), query, token, body });
    let next = script.lock().unwrap().pop_front();
    match next {
        Some(Line(expected, reply)) if path == expected => match reply {
            Reply::Json(value) => axum::Json(value).into_response(),
            Reply::Text(text) => text.into_response(),
            Reply::Status(status, text) => (StatusCode::from_u16(status).unwrap(), text).into_response(),
            Reply::Limited(seconds) => {
                let body = axum::Json(json!({"ok": false, "error": "ratelimited"}));
                (StatusCode::TOO_MANY_REQUESTS, [("retry-after", seconds.to_string())], body).into_response()
            }
            Reply::Silence => std::future::pending().await,
        },
        _ => {
            axum::Json(json!({"ok": false, "error": format!("unscripted_call_of.{path}").replace('/', ".")}))
                .into_response()
        }
    }
}

impl Peer {
    async fn start(script: impl IntoIterator<Item = (&'static str, Reply)>) -> Peer {
        let script: VecDeque<Line> = script.into_iter().map(|(path, reply)| Line(path, reply)).collect();
        let script = Arc::new(Mutex::new(script));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(answer).with_state((script.clone(), seen.clone()));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Peer { base, script, seen }
    }

    fn chat(&self) -> SlackChat {
        SlackChat::new(&format!("{}/api", self.base), &Secret::new(TOKEN)).unwrap()
    }

    /// The calls made, after checking that the script was played to its end.
    fn done(&self) -> Vec<Seen> {
        assert_eq!(self.script.lock().unwrap().len(), 0, "calls that were not made");
        self.seen.lock().unwrap().clone()
    }
}

fn ok() -> Reply {
    Reply::Json(json!({"ok": true}))
}

fn no(word: &str) -> Reply {
    Reply::Json(json!({"ok": false, "error": word}))
}

fn posted() -> Reply {
    Reply::Json(json!({"ok": true, "channel": "C1", "ts": "1.5", "message": {}}))
}

fn card(ts: Option<&str>) -> ChatMessage {
    ChatMessage::Card { channel: "C1".into(), ts: ts.map(str::to_owned), view: card_view() }
}

fn note(text: &str) -> ChatMessage {
    ChatMessage::Note { channel: "C1".into(), thread: Some("1.1".into()), text: text.into() }
}

fn receipt_of(channel: &str, ts: &str) -> Result<ChatReceipt, SendError> {
    Ok(receipt(channel, Some(ts)))
}

fn permanent(outcome: Result<ChatReceipt, SendError>) -> String {
    match outcome {
        Err(SendError::Permanent { reason }) => reason,
        other => panic!("{other:?}"),
    }
}

fn retry(outcome: Result<ChatReceipt, SendError>) -> (Option<u64>, String) {
    match outcome {
        Err(SendError::Retry { after_ms, reason }) => (after_ms, reason),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_card_is_posted_with_its_key_and_edited_by_its_ts() {
    let peer = Peer::start([("/api/chat.postMessage", posted()), ("/api/chat.update", ok())]).await;
    let chat = peer.chat();
    assert_eq!(chat.send("card/1", Attempt::number(1), &card(None)).await, receipt_of("C1", "1.5"));
    assert_eq!(chat.send("card/1", Attempt::number(1), &card(Some("1.5"))).await, receipt_of("C1", "1.5"));
    let seen = peer.done();
    let body = seen[0].json();
    assert_eq!(seen[0].token.as_deref(), Some("Bearer xoxb-test-token"));
    assert_eq!(body["metadata"], json!({"event_type": "blocks", "event_payload": {"key": "card/1"}}));
    assert_eq!(
        (&body["channel"], &body["unfurl_links"], &body["link_names"]),
        (&json!("C1"), &json!(false), &json!(false))
    );
    assert_eq!(body["text"], "P1 INC-1 flow failures above 10 %: mitigating");
    assert_eq!(body["blocks"][0]["type"], "header");
    assert_eq!(seen[1].json()["ts"], "1.5");
    assert!(seen[1].json().get("unfurl_links").is_none());
}

#[tokio::test]
async fn a_plan_carries_the_fingerprint_in_its_buttons() {
    let peer = Peer::start([("/api/chat.postMessage", posted())]).await;
    let plan = ChatMessage::Plan { channel: "C1".into(), ts: None, view: plan_view() };
    peer.chat().send("plan/1", Attempt::number(1), &plan).await.unwrap();
    let body = peer.done()[0].json();
    let blocks = body["blocks"].as_array().unwrap();
    let actions = blocks.iter().find(|block| block["type"] == "actions").unwrap();
    let value: Value = serde_json::from_str(actions["elements"][0]["value"].as_str().unwrap()).unwrap();
    let (run, fingerprint) = (plan_view().run.to_string(), plan_view().fingerprint);
    let expected = json!({"run": run, "fingerprint": fingerprint, "asked": plan_view().asked});
    assert_eq!((&actions["elements"][0]["action_id"], value), (&json!("blocks:approve"), expected));
}

#[tokio::test]
async fn after_an_unknown_outcome_the_message_is_looked_for() {
    let others = json!([
        {"ts": "1.9", "metadata": {"event_type": "deploy", "event_payload": {"key": "note/1", "count": 3}}},
        {"ts": "1.8", "metadata": {"event_type": "blocks", "event_payload": {"key": "note/10"}}},
        {"subtype": "channel_join"},
    ]);
    let page = |messages: Value, next: &str| {
        Reply::Json(json!({"ok": true, "messages": messages, "response_metadata": {"next_cursor": next}}))
    };
    let ours =
        json!([{"ts": "1.7", "metadata": {"event_type": "blocks", "event_payload": {"key": "note/1"}}}]);
    let peer = Peer::start([
        ("/api/conversations.replies", page(others.clone(), "next")),
        ("/api/conversations.replies", page(ours, "")),
        ("/api/conversations.replies", page(others, "")),
        ("/api/chat.postMessage", posted()),
        ("/api/conversations.history", no("missing_scope")),
        ("/api/chat.postMessage", posted()),
        ("/api/conversations.history", Reply::Limited(1)),
    ])
    .await;
    let chat = peer.chat();
    assert_eq!(chat.send("note/1", Attempt::number(2), &note("x")).await, receipt_of("C1", "1.7"));
    assert_eq!(chat.send("note/1", Attempt::number(2), &note("x")).await, receipt_of("C1", "1.5"));
    assert_eq!(chat.send("card/1", Attempt::number(2), &card(None)).await, receipt_of("C1", "1.5"));
    retry(chat.send("card/1", Attempt::number(2), &card(None)).await);
    let seen = peer.done();
    assert!(
        seen[0].query.contains("ts=1.1") && seen[0].query.contains("include_all_metadata=true"),
        "{}",
        seen[0].query
    );
    assert!(seen[1].query.contains("cursor=next"), "{}", seen[1].query);
    assert_eq!(seen[3].json()["thread_ts"], "1.1");
}

#[tokio::test]
async fn what_slack_certainly_did_not_take_is_not_looked_for() {
    let none = || Reply::Json(json!({"ok": true, "messages": []}));
    let peer = Peer::start([
        ("/api/chat.postMessage", Reply::Limited(1)),
        ("/api/chat.postMessage", no("ratelimited")),
        ("/api/chat.postMessage", posted()),
        // an attempt of which nobody knows, and one that was refused after it
        ("/api/chat.postMessage", Reply::Status(503, "")),
        ("/api/conversations.history", none()),
        ("/api/chat.postMessage", Reply::Limited(1)),
        ("/api/conversations.history", none()),
        ("/api/chat.postMessage", posted()),
    ])
    .await;
    let chat = peer.chat();
    for attempt in [1, 2] {
        retry(chat.send("card/1", Attempt::number(attempt), &card(None)).await);
    }
    assert_eq!(chat.send("card/1", Attempt::number(3), &card(None)).await, receipt_of("C1", "1.5"));
    for attempt in [1, 2] {
        retry(chat.send("card/2", Attempt::number(attempt), &card(None)).await);
    }
    assert_eq!(chat.send("card/2", Attempt::number(3), &card(None)).await, receipt_of("C1", "1.5"));
    peer.done();
}

#[tokio::test]
async fn a_deleted_message_is_posted_anew() {
    let peer =
        Peer::start([("/api/chat.update", no("message_not_found")), ("/api/chat.postMessage", posted())])
            .await;
    assert_eq!(
        peer.chat().send("card/1", Attempt::number(1), &card(Some("1.0"))).await,
        receipt_of("C1", "1.5")
    );
    peer.done();
}

/// A card whose answer was lost before the incident moved is looked for where the incident is, and where it was: there it is
/// told, and not posted.
#[tokio::test]
async fn a_card_may_stand_where_the_incident_was_before() {
    let metadata = json!({"event_type": "blocks", "event_payload": {"key": "card/1"}});
    let there = Reply::Json(json!({"ok": true, "messages": [{"ts": "1.4", "metadata": metadata}]}));
    let none = || Reply::Json(json!({"ok": true, "messages": []}));
    let channels = |next: &str, name: &str, id: &str| {
        let next = json!({"next_cursor": next});
        Reply::Json(json!({"ok": true, "channels": [{"id": id, "name": name}], "response_metadata": next}))
    };
    let peer = Peer::start([
        ("/api/conversations.history", none()),
        // the shared channel is configured by its name, and Slack's history takes ids
        ("/api/conversations.list", channels("more", "general", "C8")),
        ("/api/conversations.list", channels("", "ops-alerts", "C0")),
        ("/api/conversations.history", there),
        // what an earlier attempt showed may have changed since
        ("/api/chat.update", ok()),
        ("/api/conversations.history", none()),
        ("/api/conversations.history", none()),
        ("/api/chat.postMessage", posted()),
        ("/api/chat.postMessage", posted()),
    ])
    .await;
    let chat = peer.chat();
    let tried = [Spot { channel: "#ops-alerts".to_owned(), thread: None }];
    let again = Attempt { number: 2, tried: &tried };
    assert_eq!(chat.send("card/1", again, &card(None)).await, receipt_of("C0", "1.4"));
    assert_eq!(chat.send("card/1", again, &card(None)).await, receipt_of("C1", "1.5"));
    // nothing was tried: there is nothing to look for
    assert_eq!(peer.chat().send("card/1", Attempt::number(1), &card(None)).await, receipt_of("C1", "1.5"));
    let seen = peer.done();
    assert!(seen[1].query.contains("exclude_archived=true") && seen[2].query.contains("cursor=more"));
    assert!(seen[0].query.contains("channel=C1") && seen[3].query.contains("channel=C0"));
    assert_eq!((&seen[4].json()["channel"], &seen[4].json()["ts"]), (&json!("C0"), &json!("1.4")));
    assert!(seen[6].query.contains("channel=C0"), "its id is known: {}", seen[6].query);
}

/// An edit needs the id, too: also where whoever asks for it knows the name alone.
#[tokio::test]
async fn what_stands_in_a_named_channel_is_edited_by_its_id() {
    let peer = Peer::start([("/api/chat.postMessage", posted()), ("/api/chat.update", ok())]).await;
    let chat = peer.chat();
    for ts in [None, Some("1.5".to_owned())] {
        let named = ChatMessage::Card { channel: "#ops-alerts".into(), ts, view: card_view() };
        assert_eq!(chat.send("card/1", Attempt::number(1), &named).await, receipt_of("C1", "1.5"));
    }
    assert_eq!(peer.done()[1].json()["channel"], "C1");
}

/// Where a channel is configured by its name, the answer to a post tells its id; a file needs it, too.
#[tokio::test]
async fn the_id_of_a_named_channel_is_learnt() {
    let none = || Reply::Json(json!({"ok": true, "channels": [], "messages": []}));
    let named = ChatMessage::Card { channel: "ops-alerts".into(), ts: None, view: card_view() };
    let file = ChatMessage::Upload {
        channel: "nowhere".into(),
        thread: None,
        filename: "pir.md".into(),
        title: "Review".into(),
        comment: "drafted".into(),
        content: "x".into(),
    };
    let peer = Peer::start([
        ("/api/chat.postMessage", posted()),
        ("/api/conversations.history", none()),
        ("/api/chat.postMessage", posted()),
        ("/api/conversations.list", none()),
        ("/api/conversations.list", no("missing_scope")),
        ("/api/chat.postMessage", posted()),
    ])
    .await;
    let chat = peer.chat();
    for attempt in [1, 2] {
        assert_eq!(chat.send("card/1", Attempt::number(attempt), &named).await, receipt_of("C1", "1.5"));
    }
    // the list is read once: the script has it once
    for _ in 0..2 {
        let reason = permanent(chat.send("review/1", Attempt::number(1), &file).await);
        assert!(reason.contains("`nowhere`") && reason.contains("channels:read"), "{reason}");
    }
    // one that may not look posts: a message twice is better than none
    assert_eq!(peer.chat().send("card/1", Attempt::number(2), &named).await, receipt_of("C1", "1.5"));
    assert!(peer.done()[1].query.contains("channel=C1"));
}

/// A copy that an earlier attempt posted is the one that counts; the one that cannot be edited is not found again.
#[tokio::test]
async fn a_message_that_cannot_be_edited_any_more_has_one_copy() {
    let metadata = json!({"event_type": "blocks", "event_payload": {"key": "card/1"}});
    let there = |stamps: &[&str]| {
        let messages: Vec<_> = stamps.iter().map(|ts| json!({"ts": ts, "metadata": metadata})).collect();
        Reply::Json(json!({"ok": true, "messages": messages}))
    };
    let peer = Peer::start([
        ("/api/chat.update", no("edit_window_closed")),
        ("/api/conversations.history", there(&["1.4", "1.0"])),
        ("/api/chat.update", ok()),
        ("/api/chat.update", no("edit_window_closed")),
        ("/api/conversations.history", there(&["1.0"])),
        ("/api/chat.postMessage", posted()),
    ])
    .await;
    let chat = peer.chat();
    assert_eq!(chat.send("card/1", Attempt::number(2), &card(Some("1.0"))).await, receipt_of("C1", "1.4"));
    assert_eq!(chat.send("card/1", Attempt::number(2), &card(Some("1.0"))).await, receipt_of("C1", "1.5"));
    peer.done();
}

#[tokio::test]
async fn which_failures_may_pass() {
    let scope =
        json!({"ok": false, "error": "missing_scope", "needed": "chat:write", "provided": "commands"});
    let blocks = json!({"ok": false, "error": "invalid_blocks", "response_metadata": {"messages": ["must be less than 3001 characters"]}});
    let path = "/api/chat.postMessage";
    let peer = Peer::start([
        (path, Reply::Limited(7)),
        (path, no("rate_limited")),
        (path, no("internal_error")),
        (path, Reply::Status(503, "busy")),
        (path, Reply::Status(500, "secret words of a proxy")),
        (path, Reply::Text("<html>a captive portal</html>")),
        (path, Reply::Json(json!({"ok": false}))),
        (path, Reply::Json(json!({"ok": true}))),
        (path, Reply::Json(scope)),
        (path, Reply::Status(403, "no")),
        (path, no("token_revoked")),
        (path, no("channel_not_found")),
        (path, Reply::Json(blocks)),
    ])
    .await;
    let chat = peer.chat();
    assert_eq!(retry(chat.send("k", Attempt::number(1), &note("x")).await).0, Some(7_000));
    for expected in [
        "rate_limited",
        "internal_error",
        "HTTP 503",
        "HTTP 500",
        "not understood",
        "not understood",
        "not understood",
    ] {
        let (after, reason) = retry(chat.send("k", Attempt::number(1), &note("x")).await);
        assert!(after.is_none() && reason.contains(expected) && !reason.contains("secret"), "{reason}");
    }
    // what is about the token is mended by whoever set it: the message waits for that
    for expected in [
        "missing_scope (needed=chat:write)\nhint: ",
        "HTTP 403",
        "token_revoked\nhint: check SLACK_BOT_TOKEN",
    ] {
        let (after, reason) = retry(chat.send("k", Attempt::number(1), &note("x")).await);
        assert!(after == Some(60_000) && reason.contains(expected), "{after:?} {reason}");
    }
    for expected in ["invite the bot", "must be less than 3001 characters"] {
        let reason = permanent(chat.send("k", Attempt::number(1), &note("x")).await);
        assert!(reason.contains(expected), "{reason}");
    }
    peer.done();
}

#[tokio::test]
async fn nobody_there_and_nobody_answering_may_pass() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = format!("http://{}/api", listener.local_addr().unwrap());
    drop(listener);
    let chat = SlackChat::new(&gone, &Secret::new(TOKEN)).unwrap();
    assert!(retry(chat.send("k", Attempt::number(1), &note("x")).await).1.contains("does not answer"));

    let peer = Peer::start([("/api/chat.postMessage", Reply::Silence)]).await;
    let chat = SlackChat { limit: Duration::from_millis(50), ..peer.chat() };
    assert!(retry(chat.send("k", Attempt::number(1), &note("x")).await).1.contains("no answer in time"));
}

#[tokio::test]
async fn an_answer_goes_to_its_address_without_the_token() {
    let peer = Peer::start([
        ("/respond/1", Reply::Text("ok")),
        ("/respond/1", ok()),
        ("/respond/1", Reply::Status(404, "used_url")),
        ("/respond/1", Reply::Limited(2)),
    ])
    .await;
    let chat = peer.chat();
    let to = format!("{}/respond/1", peer.base);
    let reply =
        ChatMessage::Reply { to: to.clone().into(), text: "done: <!channel> `ack`".into(), offers: vec![] };
    for _ in 0..2 {
        assert_eq!(chat.send("r", Attempt::number(1), &reply).await, Ok(ChatReceipt::default()));
    }
    let reason = permanent(chat.send("r", Attempt::number(1), &reply).await);
    assert!(reason.contains("HTTP 404") && !reason.contains("respond"), "{reason}");
    assert_eq!(retry(chat.send("r", Attempt::number(1), &reply).await).0, Some(2_000));
    for seen in peer.done() {
        assert_eq!(seen.token, None);
        let expected = json!({"response_type": "ephemeral", "replace_original": false, "text": "done: &lt;!channel&gt; `ack`"});
        assert_eq!(seen.json(), expected);
    }
    let elsewhere = Peer::start([]).await;
    let reply =
        ChatMessage::Reply { to: format!("{}/x", elsewhere.base).into(), text: "x".into(), offers: vec![] };
    assert!(permanent(chat.send("r", Attempt::number(1), &reply).await).contains("not one of Slack's"));
    assert!(elsewhere.done().is_empty());
}

/// Where the bot may not speak to them, the person is answered directly.
#[tokio::test]
async fn an_answer_where_somebody_asked_is_for_them_alone() {
    let peer = Peer::start([
        ("/api/chat.postEphemeral", ok()),
        ("/api/chat.postEphemeral", no("not_in_channel")),
        ("/api/chat.postMessage", posted()),
        ("/api/chat.postMessage", posted()),
        ("/api/chat.postEphemeral", no("missing_scope")),
        ("/api/chat.postEphemeral", Reply::Limited(7)),
    ])
    .await;
    let chat = peer.chat();
    let reply = |channel: &str, thread: Option<&str>| ChatMessage::Reply {
        to: ReplyTo::Person {
            user: "U1".to_owned(),
            channel: channel.to_owned(),
            thread: thread.map(str::to_owned),
        },
        text: "done: <!channel>".to_owned(),
        offers: vec![],
    };
    assert_eq!(
        chat.send("r", Attempt::number(1), &reply("C1", Some("1.0"))).await,
        Ok(ChatReceipt::default())
    );
    assert!(chat.send("r", Attempt::number(1), &reply("C1", None)).await.is_ok());
    assert!(chat.send("r", Attempt::number(1), &reply("", None)).await.is_ok());
    assert!(retry(chat.send("r", Attempt::number(1), &reply("C1", None)).await).1.contains("missing_scope"));
    assert_eq!(retry(chat.send("r", Attempt::number(1), &reply("C1", None)).await).0, Some(7_000));
    assert!(chat.not_before(&reply("C1", None)).is_some(), "that method rests");
    let seen = peer.done();
    let first = seen[0].json();
    assert_eq!(
        (&first["channel"], &first["user"], &first["thread_ts"], &first["text"]),
        (&json!("C1"), &json!("U1"), &json!("1.0"), &json!("done: &lt;!channel&gt;"))
    );
    assert_eq!((&seen[2].json()["channel"], &seen[3].json()["channel"]), (&json!("U1"), &json!("U1")));
}

#[tokio::test]
async fn a_form_is_opened_once() {
    let form = || ChatMessage::Form {
        trigger: "1.2.a".to_owned(),
        form: Box::new(Form {
            about: FormFor::Declare,
            channel: "C1".to_owned(),
            title: "Declare".to_owned(),
            lead: String::new(),
            submit: "Declare".to_owned(),
            fields: Vec::new(),
        }),
    };
    let peer = Peer::start([
        ("/api/views.open", ok()),
        ("/api/views.open", no("expired_trigger_id")),
        ("/api/views.open", no("exchanged_trigger_id")),
        ("/api/views.open", no("exchanged_trigger_id")),
        ("/api/views.open", Reply::Limited(30)),
    ])
    .await;
    let chat = peer.chat();
    assert!(chat.send("f", Attempt::number(1), &form()).await.is_ok());
    assert!(permanent(chat.send("f", Attempt::number(1), &form()).await).contains("expired_trigger_id"));
    assert!(permanent(chat.send("f", Attempt::number(1), &form()).await).contains("exchanged_trigger_id"));
    assert!(chat.send("f", Attempt::number(2), &form()).await.is_ok(), "the first attempt has opened it");
    assert_eq!(
        (chat.not_before(&form()), retry(chat.send("f", Attempt::number(1), &form()).await).0),
        (None, Some(30_000))
    );
    assert!(chat.not_before(&form()).is_some(), "that method rests as long as Slack says");
    let first = peer.done()[0].json();
    assert_eq!((&first["trigger_id"], &first["view"]["type"]), (&json!("1.2.a"), &json!("modal")));
}

/// One message out of a thread, with its link; gone, or not to be read, what came along of it has to do.
#[tokio::test]
async fn a_message_is_looked_at_wherever_it_stands() {
    let message =
        |ts: &str| json!({"type": "message", "user": "U1", "text": "a &lt; b", "ts": ts, "thread_ts": "1.0"});
    let found = || Reply::Json(json!({"ok": true, "messages": [message("1.0"), message("2.0")]}));
    let link = || Reply::Json(json!({"ok": true, "permalink": "https://x.slack.com/archives/C1/p2"}));
    let odd = || Reply::Json(json!({"ok": true, "permalink": "javascript:alert(1)"}));
    let peer = Peer::start([
        ("/api/conversations.replies", found()),
        ("/api/chat.getPermalink", link()),
        ("/api/conversations.replies", no("thread_not_found")),
        ("/api/conversations.replies", no("missing_scope")),
        ("/api/chat.getPermalink", no("message_not_found")),
        ("/api/conversations.replies", no("not_in_channel")),
        ("/api/conversations.replies", found()),
        ("/api/chat.getPermalink", odd()),
        ("/api/conversations.replies", Reply::Limited(3)),
    ])
    .await;
    let chat = peer.chat();
    let look = |given: Option<&str>| ChatMessage::Look {
        channel: "C1".to_owned(),
        ts: "2.0".to_owned(),
        given: given.map(|text| Box::new(Quote { text: text.to_owned(), ..Quote::default() })),
    };
    let seen = chat.send("l", Attempt::number(1), &look(None)).await.unwrap().seen.unwrap();
    assert_eq!((seen.text.as_str(), seen.thread.as_deref()), ("a < b", Some("1.0")));
    assert_eq!(seen.permalink.as_deref(), Some("https://x.slack.com/archives/C1/p2"));
    assert!(permanent(chat.send("l", Attempt::number(1), &look(None)).await).contains("not there any more"));
    let seen = chat.send("l", Attempt::number(1), &look(Some("came along"))).await.unwrap().seen.unwrap();
    assert_eq!((seen.text.as_str(), seen.permalink), ("came along", None));
    assert!(permanent(chat.send("l", Attempt::number(1), &look(None)).await).contains("invite the bot"));
    let seen = chat.send("l", Attempt::number(2), &look(None)).await.unwrap().seen.unwrap();
    assert_eq!(seen.permalink, None, "an address that nobody may follow");
    assert_eq!(retry(chat.send("l", Attempt::number(1), &look(None)).await).0, Some(3_000));
    assert!(peer.done()[0].query.contains("oldest=2.0"), "one message, and no other");
}

#[tokio::test]
async fn a_channel_is_opened_marked_and_filled() {
    let peer = Peer::start([
        (
            "/api/conversations.create",
            Reply::Json(json!({"ok": true, "channel": {"id": "C9", "name": "inc-1"}})),
        ),
        ("/api/conversations.setPurpose", ok()),
        ("/api/conversations.setTopic", no("missing_scope")),
        ("/api/conversations.invite", no("user_not_found")),
        ("/api/conversations.invite", ok()),
        ("/api/conversations.invite", no("user_not_found")),
        ("/api/bookmarks.add", no("missing_scope")),
        ("/api/bookmarks.add", ok()),
    ])
    .await;
    let bookmark = |title: &str, url: &str| Bookmark { title: title.into(), url: url.into() };
    let bookmarks = vec![
        bookmark("Join the <bridge>", "https://meet.example.com/a?b=1&c=2"),
        bookmark("PagerDuty", "https://acme.pagerduty.com/incidents/Q1"),
    ];
    let open = ChatMessage::OpenChannel {
        name: "inc-1".into(),
        topic: "<!here> failures".into(),
        invite: vec!["U1".into(), "U2".into()],
        private: false,
        bookmarks,
    };
    let expected = Ok(ChatReceipt { channel: Some("C9".into()), ..ChatReceipt::default() });
    assert_eq!(peer.chat().send("channel/1", Attempt::number(1), &open).await, expected);
    let seen = peer.done();
    assert_eq!(seen[0].json(), json!({"name": "inc-1"}));
    assert_eq!(seen[1].json()["purpose"], "Opened by Blocks (channel/1)");
    assert_eq!(seen[2].json()["topic"], "&lt;!here&gt; failures");
    assert_eq!(seen[3].json()["users"], "U1,U2");
    assert_eq!(seen[5].json()["users"], "U2");
    let wanted = json!({
        "channel_id": "C9", "title": "Join the &lt;bridge&gt;", "type": "link", "link": "https://meet.example.com/a?b=1&c=2",
    });
    assert_eq!(seen[6].json(), wanted);
}

/// What Slack has refused for its limits alone opened nothing: nothing is looked for. While a method rests it is not called.
#[tokio::test]
async fn an_opening_calls_nothing_that_slack_would_refuse_or_that_says_nothing() {
    let ours = json!({"id": "C9", "name": "inc-1", "creator": "UBOT"});
    let peer = Peer::start([
        ("/api/conversations.create", Reply::Limited(0)),
        ("/api/conversations.create", Reply::Json(json!({"ok": true, "channel": {"id": "C9"}}))),
        ("/api/conversations.setPurpose", Reply::Limited(30)),
        // it may have been opened: it is looked for
        ("/api/auth.test", Reply::Json(json!({"ok": true, "user_id": "UBOT"}))),
        ("/api/conversations.list", Reply::Json(json!({"ok": true, "channels": [ours]}))),
    ])
    .await;
    let chat = peer.chat();
    let open = ChatMessage::OpenChannel {
        name: "inc-1".into(),
        topic: "t".into(),
        invite: vec![],
        private: false,
        bookmarks: vec![],
    };
    for attempt in [1, 2, 3] {
        let (after_ms, _) = retry(chat.send("channel/1", Attempt::number(attempt), &open).await);
        assert_eq!(after_ms.is_some_and(|after| after > 20_000), attempt > 1, "{after_ms:?}");
    }
    peer.done();
}

/// What an earlier attempt put at the top of the channel is not put there again; without a look nothing is.
#[tokio::test]
async fn a_bookmark_stands_there_once() {
    let marked = json!({"id": "C2", "name": "inc-1", "purpose": {"value": "Opened by Blocks (channel/1)"}});
    let found = || {
        [
            ("/api/auth.test", Reply::Json(json!({"ok": true, "user_id": "UBOT"}))),
            ("/api/conversations.list", Reply::Json(json!({"ok": true, "channels": [marked.clone()]}))),
            ("/api/conversations.setPurpose", ok()),
            ("/api/conversations.setTopic", ok()),
        ]
    };
    let there = json!({"ok": true, "bookmarks": [{"id": "Bk1", "link": "https://a.example"}, {"id": "Bk2"}]});
    let mut script: Vec<_> = found().into();
    script.extend([("/api/bookmarks.list", Reply::Json(there)), ("/api/bookmarks.add", ok())]);
    script.extend(found());
    script.push(("/api/bookmarks.list", no("missing_scope")));
    let peer = Peer::start(script).await;
    let bookmark = |url: &str| Bookmark { title: "x".into(), url: url.into() };
    let open = ChatMessage::OpenChannel {
        name: "inc-1".into(),
        topic: "t".into(),
        invite: vec![],
        private: false,
        bookmarks: vec![bookmark("https://a.example"), bookmark("https://b.example")],
    };
    for _ in 0..2 {
        peer.chat().send("channel/1", Attempt::number(2), &open).await.unwrap();
    }
    let added: Vec<_> = peer.done().into_iter().filter(|seen| seen.path == "/api/bookmarks.add").collect();
    assert_eq!(added.len(), 1);
    assert_eq!(added[0].json()["link"], "https://b.example");
}

#[tokio::test]
async fn somebody_is_let_in_and_whoever_is_there_stays() {
    let peer = Peer::start([
        ("/api/conversations.invite", ok()),
        ("/api/conversations.invite", no("already_in_channel")),
        ("/api/conversations.invite", no("user_not_found")),
        ("/api/conversations.invite", no("is_archived")),
    ])
    .await;
    let invite = ChatMessage::Invite { channel: "C9".into(), who: "U1".into() };
    for is_done in [true, true, false, false] {
        let sent = peer.chat().send("invite/1", Attempt::number(1), &invite).await;
        assert!(
            matches!((&sent, is_done), (Ok(_), true) | (Err(SendError::Permanent { .. }), false)),
            "{sent:?}"
        );
    }
    assert_eq!(peer.done()[0].json(), json!({"channel": "C9", "users": "U1"}));
}

#[tokio::test]
async fn a_channel_is_opened_once() {
    let channel = |id: &str, name: &str, creator: &str, purpose: &str| json!({"id": id, "name": name, "creator": creator, "purpose": {"value": purpose}, "topic": {"value": ""}});
    let list = |channels: Vec<Value>| Reply::Json(json!({"ok": true, "channels": channels}));
    let me = || Reply::Json(json!({"ok": true, "user_id": "UBOT"}));
    let older = || channel("C1", "inc-1", "UBOT", "Opened by Blocks (channel/10)");
    let marked = channel("C2", "renamed", "UBOT", "Opened by Blocks (channel/1)");
    let unmarked = channel("C3", "inc-1-2", "UBOT", "");
    let theirs = channel("C4", "inc-1-2", "U7", "");
    let mut script = Vec::new();
    // A retry finds the marked one; one that was never marked is taken over; somebody else's is not.
    for (channels, found) in
        [(vec![older(), marked], true), (vec![older(), unmarked], true), (vec![older(), theirs], false)]
    {
        script.extend([("/api/auth.test", me()), ("/api/conversations.list", list(channels.clone()))]);
        if !found {
            script.extend([
                ("/api/conversations.create", no("name_taken")),
                ("/api/auth.test", me()),
                ("/api/conversations.list", list(channels)),
                ("/api/conversations.create", no("name_taken")),
                ("/api/conversations.create", Reply::Json(json!({"ok": true, "channel": {"id": "C5"}}))),
            ]);
        }
        script.extend([("/api/conversations.setPurpose", ok()), ("/api/conversations.setTopic", ok())]);
    }
    let peer = Peer::start(script).await;
    let open = ChatMessage::OpenChannel {
        name: "inc-1".into(),
        topic: "t".into(),
        invite: vec![],
        private: false,
        bookmarks: vec![],
    };
    for expected in ["C2", "C3", "C5"] {
        let receipt = peer.chat().send("channel/1", Attempt::number(2), &open).await.unwrap();
        assert_eq!(receipt.channel.as_deref(), Some(expected));
    }
    let created: Vec<Value> = peer
        .done()
        .iter()
        .filter(|seen| seen.path == "/api/conversations.create")
        .map(|seen| seen.json()["name"].clone())
        .collect();
    assert_eq!(created, ["inc-1", "inc-1-2", "inc-1-3"]);
}

#[tokio::test]
async fn a_file_goes_where_slack_says_if_that_is_slack() {
    let file = ChatMessage::Upload {
        channel: "C1".into(),
        thread: Some("1.1".into()),
        filename: "PIR_INC-1.md".into(),
        title: "Review of INC-1".into(),
        comment: "The review of <INC-1>".into(),
        content: "# Review é".into(),
    };
    let peer = Peer::start([]).await;
    let target = |url: String| Reply::Json(json!({"ok": true, "upload_url": url, "file_id": "F1"}));
    peer.script.lock().unwrap().extend([
        Line("/api/files.getUploadURLExternal", target(format!("{}/up/1", peer.base))),
        Line("/up/1", Reply::Text("OK - 11")),
        Line("/api/files.completeUploadExternal", Reply::Json(json!({"ok": true, "files": [{"id": "F1"}]}))),
        Line("/api/files.getUploadURLExternal", target("http://127.0.0.1:9/up".into())),
        Line(
            "/api/conversations.replies",
            Reply::Json(json!({"ok": true, "messages": [
                {"ts": "1.2", "files": [{"name": "PIR_INC-1.md", "title": "Review of INC-1", "size": 11}]}]})),
        ),
    ]);
    let chat = peer.chat();
    assert_eq!(chat.send("review/1", Attempt::number(1), &file).await, Ok(receipt("C1", None)));
    assert!(permanent(chat.send("review/1", Attempt::number(1), &file).await).contains("not its own"));
    assert_eq!(chat.send("review/1", Attempt::number(2), &file).await, Ok(receipt("C1", None)));
    let seen = peer.done();
    assert!(seen[0].query.contains("length=11"), "{}", seen[0].query);
    assert_eq!((seen[1].body.as_ref(), &seen[1].token), ("# Review é".as_bytes(), &None));
    let expected = json!({
        "files": [{"id": "F1", "title": "Review of INC-1"}], "channel_id": "C1", "thread_ts": "1.1",
        "initial_comment": "The review of &lt;INC-1&gt;",
    });
    assert_eq!(seen[2].json(), expected);
}

#[test]
fn bad_settings_and_no_secret_shown() {
    assert!(matches!(SlackChat::new("not a url", &Secret::new(TOKEN)), Err(SetupError::Url(_))));
    assert!(matches!(SlackChat::new("http://127.0.0.1:1/api", &Secret::new(" ")), Err(SetupError::NoToken)));
    let chat = SlackChat::new("http://127.0.0.1:1/api", &Secret::new(TOKEN)).unwrap();
    assert!(!format!("{chat:?}").contains("xoxb"));
}

#[test]
fn messages_can_be_sent_from_any_task() {
    fn is_send<T: Send + Sync>() {}
    is_send::<SlackChat>();
    let _: fn() -> CardView = card_view;
}
