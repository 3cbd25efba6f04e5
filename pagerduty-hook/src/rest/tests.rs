use std::collections::VecDeque;
use std::sync::{Arc, Mutex as StdMutex};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use runbook_core::ports::{Circuit, EventAction, EventSeverity, PageUrgency};
use serde_json::json;

use super::*;

const TOKEN: &str = "tok-very-secret";
const FROM: &str = "oncall@example.com";

/// One request that the peer waits for, and its answer.
pub(super) struct Turn {
    request: &'static str,
    from: Option<&'static str>,
    body: Option<Value>,
    status: u16,
    headers: Vec<(&'static str, &'static str)>,
    answer: String,
    has_token: bool,
}

pub(super) fn turn(request: &'static str, status: u16, answer: impl Into<Value>) -> Turn {
    // A plain text stands as it is, anything else as JSON.
    let answer = match answer.into() {
        Value::String(text) => text,
        json => json.to_string(),
    };
    Turn { request, from: None, body: None, status, headers: Vec::new(), answer, has_token: true }
}

impl Turn {
    fn from(mut self, from: &'static str) -> Turn {
        self.from = Some(from);
        self
    }

    fn body(mut self, body: Value) -> Turn {
        self.body = Some(body);
        self
    }

    fn without_token(mut self) -> Turn {
        self.has_token = false;
        self
    }

    pub(super) fn header(mut self, name: &'static str, value: &'static str) -> Turn {
        self.headers.push((name, value));
        self
    }
}

/// What is left of the script, and what did not go by it.
#[derive(Default)]
struct Script {
    turns: VecDeque<Turn>,
    complaints: Vec<String>,
    busy: bool,
}

#[derive(Clone)]
pub(super) struct Peer {
    script: Arc<StdMutex<Script>>,
    url: Url,
}

impl Peer {
    pub(super) async fn start(turns: Vec<Turn>) -> Peer {
        let script = Arc::new(StdMutex::new(Script { turns: turns.into(), ..Script::default() }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}/pd/", listener.local_addr().unwrap())).unwrap();
        let app = Router::new().fallback(play).with_state(script.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Peer { script, url }
    }

    pub(super) fn client(&self) -> PagerDutyClient {
        client(self.url.clone(), Some(FROM))
    }

    /// Nothing was asked that the script does not have, and all of it was played.
    pub(super) fn is_content(&self) {
        let script = self.script.lock().unwrap();
        let none: [String; 0] = [];
        assert_eq!(script.complaints, none);
        let left: Vec<&str> = script.turns.iter().map(|turn| turn.request).collect();
        assert!(left.is_empty(), "not asked for: {left:?}");
    }
}

async fn play(State(script): State<Arc<StdMutex<Script>>>, request: Request) -> Response {
    let overlapped = std::mem::replace(&mut script.lock().unwrap().busy, true);
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 100_000).await.unwrap();
    tokio::task::yield_now().await;
    let mut script = script.lock().unwrap();
    script.busy = false;
    let asked = format!("{} {}", parts.method, parts.uri);
    let Some(turn) = script.turns.pop_front() else {
        script.complaints.push(format!("not expected: {asked}"));
        return StatusCode::IM_A_TEAPOT.into_response();
    };
    let header = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let sent = |name: &str| header(name).unwrap_or_default();
    let json: Option<Value> = (!body.is_empty()).then(|| serde_json::from_slice(&body).unwrap());
    let wanted = if turn.has_token { format!("Token token={TOKEN}") } else { String::new() };
    let complaints = [
        (overlapped, "two requests at once".to_owned()),
        (asked != turn.request, format!("{asked} instead of {}", turn.request)),
        (sent("authorization") != wanted, "wrong authorization".to_owned()),
        (turn.has_token && sent("accept") != ACCEPT, format!("wrong accept {:?}", header("accept"))),
        (header("from").as_deref() != turn.from, format!("wrong from {:?}", header("from"))),
        (json != turn.body, format!("wrong body {json:?}")),
        (
            turn.body.is_some() && sent("content-type") != "application/json",
            format!("wrong content type {:?}", header("content-type")),
        ),
    ];
    script.complaints.extend(complaints.into_iter().filter(|(is_wrong, _)| *is_wrong).map(|(_, text)| text));
    let mut answer = (StatusCode::from_u16(turn.status).unwrap(), turn.answer).into_response();
    for (name, value) in turn.headers {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}

fn config(api_url: Url, from: Option<&str>) -> PagerDutyConfig {
    let _ = rustls::crypto::ring::default_provider().install_default();
    PagerDutyConfig {
        api_url,
        token: Secret::new(TOKEN),
        from: from.map(str::to_owned),
        timeout: Duration::from_secs(30),
    }
}

fn client(api_url: Url, from: Option<&str>) -> PagerDutyClient {
    PagerDutyClient::new(config(api_url, from)).unwrap()
}

fn acknowledge(from: Option<&str>) -> PagerCall {
    PagerCall::Acknowledge { incident: "PINC1".to_owned(), from: from.map(str::to_owned) }
}

fn resolve(from: Option<&str>) -> PagerCall {
    PagerCall::Resolve { incident: "PINC1".to_owned(), from: from.map(str::to_owned) }
}

fn note(text: &str) -> PagerCall {
    PagerCall::Note { incident: "PINC1".to_owned(), from: None, text: text.to_owned() }
}

fn status_body(status: &str) -> Value {
    json!({ "incident": { "type": "incident_reference", "status": status } })
}

fn incident_is(status: &str) -> Value {
    json!({ "incident": { "id": "PINC1", "type": "incident", "status": status } })
}

pub(super) fn refusal(code: i64, message: &str) -> Value {
    json!({ "error": { "message": message, "code": code, "errors": [] } })
}

const PUT: &str = "PUT /pd/incidents/PINC1";
const GET: &str = "GET /pd/incidents/PINC1";
const POST_NOTE: &str = "POST /pd/incidents/PINC1/notes";
const FIRST_NOTES: &str = "GET /pd/incidents/PINC1/notes?limit=100&offset=0";

/// Plays one call against a script.
async fn played(turns: Vec<Turn>, attempt: u32, call: PagerCall) -> Result<(), PagerError> {
    let peer = Peer::start(turns).await;
    let result = peer.client().call("key", attempt, &call).await;
    peer.is_content();
    result
}

#[tokio::test]
async fn a_status_is_put_in_the_persons_name() {
    for (call, word, from) in [
        (acknowledge(None), "acknowledged", FROM),
        (acknowledge(Some("ana@example.com")), "acknowledged", "ana@example.com"),
        (resolve(None), "resolved", FROM),
        (resolve(Some("ana@example.com")), "resolved", "ana@example.com"),
        (resolve(Some("no address")), "resolved", FROM),
        (resolve(Some("ana@example.com\r\nx: y")), "resolved", FROM),
    ] {
        let put = turn(PUT, 200, incident_is(word)).from(from).body(status_body(word));
        assert_eq!(played(vec![put], 1, call).await, Ok(()));
    }
}

#[tokio::test]
async fn a_page_rings_at_the_incidents_service_and_once() {
    let call = || PagerCall::Page {
        incident: "Q1".to_owned(),
        key: "blocks/undo-failed/r".to_owned(),
        title: "INC-1: UNDO FAILED".to_owned(),
        text: "look".to_owned(),
        to: None,
        service: None,
        urgency: PageUrgency::High,
    };
    const LOOK: &str = "GET /pd/incidents?incident_key=blocks%2Fundo-failed%2Fr&statuses%5B%5D=triggered&statuses%5B%5D=acknowledged";
    let about =
        || turn("GET /pd/incidents/Q1", 200, json!({ "incident": { "service": { "id": "PFLOW01" } } }));
    let none = || turn(LOOK, 200, json!({ "incidents": [] }));
    let open = || turn(LOOK, 200, json!({ "incidents": [{ "incident_key": "blocks/undo-failed/r" }] }));
    let body = json!({ "incident": {
        "type": "incident", "title": "INC-1: UNDO FAILED", "urgency": "high",
        "service": { "id": "PFLOW01", "type": "service_reference" },
        "incident_key": "blocks/undo-failed/r",
        "body": { "type": "incident_body", "details": "look" },
    } });
    let post = |status| turn("POST /pd/incidents", status, json!({})).from(FROM).body(body.clone());
    assert_eq!(played(vec![about(), none(), post(201)], 1, call()).await, Ok(()));
    assert_eq!(played(vec![about(), open()], 2, call()).await, Ok(()));
    // the answer was lost, or somebody was faster
    let taken = turn("POST /pd/incidents", 400, refusal(2001, "Invalid Input Provided"))
        .from(FROM)
        .body(body.clone());
    assert_eq!(played(vec![about(), none(), taken, open()], 1, call()).await, Ok(()));
}

#[tokio::test]
async fn a_page_is_for_one_person_also_where_no_incident_is_known() {
    let call = |urgency| PagerCall::Page {
        incident: String::new(),
        key: "blocks/escalate/i/7".to_owned(),
        title: "INC-1: ana asks for ben".to_owned(),
        text: "come".to_owned(),
        to: Some("Ben@example.com".to_owned()),
        service: Some("PFLOW01".to_owned()),
        urgency,
    };
    const LOOK: &str = "GET /pd/incidents?incident_key=blocks%2Fescalate%2Fi%2F7&statuses%5B%5D=triggered&statuses%5B%5D=acknowledged";
    const USERS: &str = "GET /pd/users?query=Ben%40example.com&limit=100";
    let none = || turn(LOOK, 200, json!({ "incidents": [] }));
    let users = |email: &str| turn(USERS, 200, json!({ "users": [{ "id": "PBEN", "email": email }] }));
    let body = |urgency: &str| {
        json!({ "incident": {
        "type": "incident", "title": "INC-1: ana asks for ben", "urgency": urgency,
        "service": { "id": "PFLOW01", "type": "service_reference" },
        "incident_key": "blocks/escalate/i/7",
        "body": { "type": "incident_body", "details": "come" },
        "assignments": [{ "assignee": { "id": "PBEN", "type": "user_reference" } }],
    } })
    };
    for (urgency, word) in [(PageUrgency::High, "high"), (PageUrgency::Low, "low")] {
        let post = turn("POST /pd/incidents", 201, json!({})).from(FROM).body(body(word));
        assert_eq!(played(vec![none(), users("ben@example.com"), post], 1, call(urgency)).await, Ok(()));
    }
    // an address that only begins alike is somebody else's, and nobody is woken in their place
    let call = call(PageUrgency::High);
    let error = played(vec![none(), users("ben@example.com.org")], 1, call).await.unwrap_err();
    assert!(
        matches!(&error, PagerError::Permanent { reason } if reason.contains("knows no user")),
        "{error}"
    );
    assert!(!error.to_string().contains("example.com"), "{error}");
}

#[tokio::test]
async fn a_page_is_ended_where_it_is_open_and_nothing_else_is() {
    const KEY: &str = "blocks/approval/r/1/ben";
    const LOOK: &str = "GET /pd/incidents?incident_key=blocks%2Fapproval%2Fr%2F1%2Fben&statuses%5B%5D=triggered&statuses%5B%5D=acknowledged";
    let call = || PagerCall::EndPage { key: KEY.to_owned() };
    let found = |incidents: Value| turn(LOOK, 200, json!({ "incidents": incidents }));
    let open = || found(json!([{ "id": "PINC1", "incident_key": KEY }]));
    let put = |status, answer: Value| turn(PUT, status, answer).from(FROM).body(status_body("resolved"));
    assert_eq!(played(vec![open(), put(200, incident_is("resolved"))], 1, call()).await, Ok(()));
    // none is open: it never was, somebody has resolved it, or the answer to the first attempt was lost
    assert_eq!(played(vec![found(json!([]))], 2, call()).await, Ok(()));
    // somebody is faster
    let already = put(400, refusal(1001, "Incident Already Resolved"));
    assert_eq!(played(vec![open(), already], 1, call()).await, Ok(()));
    // one with another key is another's, whatever PagerDuty answers
    let other = found(json!([{ "id": "Q2", "incident_key": "blocks/approval/r/1/benno" }]));
    assert_eq!(played(vec![other], 1, call()).await, Ok(()));
    let error = played(vec![turn(LOOK, 500, "")], 1, call()).await.unwrap_err();
    assert!(matches!(&error, PagerError::Retry { .. }), "{error}");
}

#[tokio::test]
async fn a_severity_is_shown_as_the_priority_of_its_name_or_the_configured_one() {
    let call = |priority: Option<&str>| PagerCall::Severity {
        incident: "PINC1".to_owned(),
        from: Some("ben@example.com".to_owned()),
        severity: "P2".to_owned(),
        priority: priority.map(str::to_owned),
    };
    let list = |names: &[&str]| {
        let all: Vec<_> =
            names.iter().map(|name| json!({ "id": format!("ID{name}"), "name": name })).collect();
        turn("GET /pd/priorities?limit=100", 200, json!({ "priorities": all }))
    };
    let put = |id: &str| {
        let body = json!({ "incident": {
            "type": "incident_reference", "priority": { "id": id, "type": "priority_reference" },
        } });
        turn(PUT, 200, incident_is("triggered")).from("ben@example.com").body(body)
    };
    assert_eq!(played(vec![list(&["P1", "P2"]), put("IDP2")], 1, call(None)).await, Ok(()));
    assert_eq!(played(vec![put("PSEV2")], 1, call(Some("PSEV2"))).await, Ok(()));
    let error = played(vec![list(&["Bad", "Worse"])], 1, call(None)).await.unwrap_err();
    assert!(
        matches!(&error, PagerError::Permanent { reason } if reason.contains("[pagerduty.priorities]")),
        "{error}"
    );
    // an account whose plan has none
    let none =
        turn("GET /pd/priorities?limit=100", 402, refusal(2014, "Account does not have the abilities"));
    assert!(matches!(played(vec![none], 1, call(None)).await, Err(PagerError::Permanent { .. })));
}

#[tokio::test]
async fn a_responder_is_asked_in_the_name_of_whoever_asks_and_once() {
    let call = || PagerCall::AskResponder {
        incident: "PINC1".to_owned(),
        from: Some("ana@example.com".to_owned()),
        to: "ben@example.com".to_owned(),
        message: "come".to_owned(),
    };
    let user = |query: &'static str, id: &str, email: &str| {
        turn(query, 200, json!({ "users": [{ "id": id, "email": email }] }))
    };
    const BEN: &str = "GET /pd/users?query=ben%40example.com&limit=100";
    const ANA: &str = "GET /pd/users?query=ana%40example.com&limit=100";
    const OURS: &str = "GET /pd/users?query=oncall%40example.com&limit=100";
    let ben = || user(BEN, "PBEN", "ben@example.com");
    let post = |by: &str| {
        let body = json!({ "requester_id": by, "message": "come", "responder_request_targets": [
            { "responder_request_target": { "id": "PBEN", "type": "user_reference" } },
        ] });
        turn("POST /pd/incidents/PINC1/responder_requests", 200, json!({})).from("ana@example.com").body(body)
    };
    let ana = || user(ANA, "PANA", "ana@example.com");
    assert_eq!(played(vec![ben(), ana(), post("PANA")], 1, call()).await, Ok(()));
    // whoever asks is not known there
    let nobody = turn(ANA, 200, json!({ "users": [] }));
    let ours = user(OURS, "POURS", FROM);
    assert_eq!(played(vec![ben(), nobody, ours, post("POURS")], 1, call()).await, Ok(()));
    // after an unknown outcome it is looked whether they were asked
    let asked = |user: &str| {
        turn(GET, 200, json!({ "incident": { "incidents_responders": [{ "user": { "id": user } }] } }))
    };
    assert_eq!(played(vec![ben(), asked("PBEN")], 2, call()).await, Ok(()));
    assert_eq!(played(vec![ben(), asked("PCAT"), ana(), post("PANA")], 2, call()).await, Ok(()));
    let error = played(vec![turn(BEN, 200, json!({ "users": [] }))], 1, call()).await.unwrap_err();
    assert!(
        matches!(&error, PagerError::Permanent { reason } if reason.contains("knows no user")),
        "{error}"
    );
}

#[tokio::test]
async fn what_is_so_already_is_success() {
    let put = |code| {
        turn(PUT, 400, refusal(code, "Incident Already Such")).from(FROM).body(status_body("acknowledged"))
    };
    assert_eq!(played(vec![put(1001)], 1, acknowledge(None)).await, Ok(()));
    assert_eq!(played(vec![put(1002)], 1, acknowledge(None)).await, Ok(()));
    let put = |code| {
        turn(PUT, 400, refusal(code, "Incident Already Such")).from(FROM).body(status_body("resolved"))
    };
    assert_eq!(played(vec![put(1001)], 1, resolve(None)).await, Ok(()));
    let look = turn(GET, 200, incident_is("resolved"));
    assert_eq!(played(vec![put(2001), look], 1, resolve(None)).await, Ok(()));
    // Acknowledged is not resolved, whatever was refused.
    let look = turn(GET, 200, incident_is("acknowledged"));
    let error = played(vec![put(1002), look], 1, resolve(None)).await.unwrap_err();
    assert!(matches!(&error, PagerError::Permanent { reason } if reason.contains("code 1002")), "{error}");
    // A look that fails leaves the first refusal standing.
    let look = turn(GET, 500, "");
    let error = played(vec![put(2001), look], 1, resolve(None)).await.unwrap_err();
    assert!(matches!(&error, PagerError::Permanent { reason } if reason.contains("code 2001")), "{error}");
}

#[tokio::test]
async fn an_answer_that_shows_another_state_is_no_success() {
    let put = turn(PUT, 200, incident_is("triggered")).from(FROM).body(status_body("acknowledged"));
    let error = played(vec![put], 1, acknowledge(None)).await.unwrap_err();
    assert!(matches!(&error, PagerError::Retry { reason, .. } if reason.contains("triggered")), "{error}");
}

#[tokio::test]
async fn a_person_whom_pagerduty_does_not_know_is_replaced_once() {
    let unknown = || refusal(1008, "Requester User Not Found");
    let first = turn(PUT, 400, unknown()).from("ana@example.com").body(status_body("resolved"));
    let second = turn(PUT, 200, incident_is("resolved")).from(FROM).body(status_body("resolved"));
    assert_eq!(played(vec![first, second], 1, resolve(Some("ana@example.com"))).await, Ok(()));

    let first = turn(PUT, 400, unknown()).from("ana@example.com").body(status_body("resolved"));
    let second = turn(PUT, 400, unknown()).from(FROM).body(status_body("resolved"));
    let error = played(vec![first, second], 1, resolve(Some("ana@example.com"))).await.unwrap_err();
    assert!(
        matches!(&error, PagerError::Permanent { reason } if reason.contains("pagerduty.from")),
        "{error}"
    );

    for person in [None, Some(FROM)] {
        let only = turn(PUT, 400, unknown()).from(FROM).body(status_body("resolved"));
        let error = played(vec![only], 1, resolve(person)).await.unwrap_err();
        assert!(matches!(&error, PagerError::Permanent { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_first_note_is_written_without_looking() {
    let post = turn(POST_NOTE, 201, json!({ "note": { "id": "N" } }))
        .from(FROM)
        .body(json!({ "note": { "content": "the link\nand more" } }));
    assert_eq!(played(vec![post], 1, note("the link\nand more")).await, Ok(()));
}

fn notes(contents: &[&str], more: bool) -> Value {
    let notes: Vec<Value> = contents.iter().map(|content| json!({ "id": "N", "content": content })).collect();
    json!({ "notes": notes, "more": more })
}

#[tokio::test]
async fn a_repeated_note_is_looked_for_first() {
    // There already, with the line ends that it came back with.
    let look = turn(FIRST_NOTES, 200, notes(&["other", "the link\r\nand more"], false));
    assert_eq!(played(vec![look], 2, note("the link\nand more\n")).await, Ok(()));
    // On a later page.
    let pages = vec![
        turn(FIRST_NOTES, 200, notes(&["a", "b", "c"], true)),
        turn("GET /pd/incidents/PINC1/notes?limit=100&offset=3", 200, notes(&["the link"], true)),
    ];
    assert_eq!(played(pages, 5, note("the link")).await, Ok(()));
    // Nowhere: written.
    let turns = vec![
        turn(FIRST_NOTES, 200, notes(&["the link, longer"], true)),
        turn("GET /pd/incidents/PINC1/notes?limit=100&offset=1", 200, notes(&[], true)),
        turn(POST_NOTE, 201, json!({ "note": {} }))
            .from(FROM)
            .body(json!({ "note": { "content": "the link" } })),
    ];
    assert_eq!(played(turns, 2, note("the link")).await, Ok(()));
    // Not to be seen: not written, since it may be there.
    let look = turn(FIRST_NOTES, 503, "");
    let error = played(vec![look], 2, note("the link")).await.unwrap_err();
    assert!(matches!(error, PagerError::Retry { .. }), "{error}");
}

#[tokio::test]
async fn limits_and_troubles_are_for_later() {
    let limited = || turn(POST_NOTE, 429, refusal(2020, "Rate Limit Exceeded")).from(FROM);
    let body = || json!({ "note": { "content": "x" } });
    for (turn, expected) in [
        (limited().header("ratelimit-reset", "12"), Some(12_000)),
        (limited().header("retry-after", "3"), Some(3_000)),
        (limited(), None),
        (turn(POST_NOTE, 502, "<html>").from(FROM), None),
    ] {
        match played(vec![turn.body(body())], 1, note("x")).await {
            Err(PagerError::Retry { after_ms, .. }) => assert_eq!(after_ms, expected),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_peer_that_is_not_there_or_says_nothing_is_for_later() {
    // Hangs up at once, every time.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            drop(connection);
        }
    });
    let error = client(url, Some(FROM)).call("key", 1, &resolve(None)).await.unwrap_err();
    assert!(matches!(error, PagerError::Retry { after_ms: None, .. }), "{error}");

    // Takes the connection and never answers.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let config = PagerDutyConfig { timeout: Duration::from_millis(50), ..config(url, Some(FROM)) };
    let silent = PagerDutyClient::new(config).unwrap();
    let error = silent.call("key", 1, &resolve(None)).await.unwrap_err();
    assert!(matches!(error, PagerError::Retry { after_ms: None, .. }), "{error}");
    drop(listener);
}

#[tokio::test]
async fn no_text_holds_the_token() {
    let echo = refusal(2001, &format!("no such key: {TOKEN}"));
    let turns = vec![
        turn(PUT, 401, echo).from(FROM).body(status_body("resolved")),
        turn("GET /pd/users/PUSER1", 500, refusal(1, TOKEN)),
    ];
    let peer = Peer::start(turns).await;
    let client = peer.client();
    let first = client.call("key", 1, &resolve(None)).await.unwrap_err();
    assert!(first.to_string().contains("PAGERDUTY_API_TOKEN"), "{first}");
    let second = client.user_email("PUSER1").await.unwrap_err();
    for text in [format!("{first} {first:?}"), format!("{second} {second:?}"), format!("{client:?}")] {
        assert!(!text.contains(TOKEN), "{text}");
    }
    peer.is_content();
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let put = turn(PUT, 307, "")
        .from(FROM)
        .body(status_body("resolved"))
        .header("location", "http://127.0.0.1:9/elsewhere");
    let error = played(vec![put], 1, resolve(None)).await.unwrap_err();
    assert!(matches!(&error, PagerError::Permanent { reason } if reason.contains("api_url")), "{error}");
}

#[tokio::test]
async fn an_id_cannot_name_another_resource() {
    let peer = Peer::start(Vec::new()).await;
    let client = peer.client();
    for id in ["", "..", "a/b", "a?b", "P 1", "é", &"x".repeat(65)] {
        let call = PagerCall::Resolve { incident: id.to_owned(), from: None };
        let error = client.call("key", 1, &call).await.unwrap_err();
        assert!(matches!(error, PagerError::Permanent { .. }), "{error}");
        assert_eq!(client.user_email(id).await, Ok(None));
    }
    peer.is_content();
}

#[tokio::test]
async fn an_email_is_asked_for_once() {
    let user = json!({ "user": { "id": "PUSER1", "email": "ana@example.com" } });
    let peer = Peer::start(vec![
        turn("GET /pd/users/PUSER1", 200, user),
        turn("GET /pd/users/PUSER2", 404, refusal(2100, "Not Found")),
        turn("GET /pd/users/PUSER2", 404, refusal(2100, "Not Found")),
    ])
    .await;
    let client = peer.client();
    for _ in 0..3 {
        assert_eq!(client.user_email("PUSER1").await, Ok(Some("ana@example.com".to_owned())));
    }
    // Nobody is asked for again: they may be there by then.
    for _ in 0..2 {
        assert_eq!(client.user_email("PUSER2").await, Ok(None));
    }
    peer.is_content();
}

#[tokio::test]
async fn calls_go_one_at_a_time() {
    let put = || turn(PUT, 200, incident_is("resolved")).from(FROM).body(status_body("resolved"));
    let peer = Peer::start((0..8).map(|_| put()).collect()).await;
    let client = Arc::new(peer.client());
    let calls: Vec<_> = (0..8)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.call("key", 1, &resolve(None)).await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), Ok(()));
    }
    peer.is_content();
}

#[tokio::test]
async fn the_check_says_what_works() {
    const USERS: &str = "GET /pd/users?query=oncall%40example.com&limit=100";
    let users = |email: &str| json!({ "users": [{ "email": "ben@example.com" }, { "email": email }] });
    let peer = Peer::start(vec![
        turn(USERS, 200, users("OnCall@example.com")),
        turn(USERS, 200, users("cem@example.com")),
        turn(USERS, 401, refusal(2006, "Unauthorized")),
    ])
    .await;
    let said = peer.client().check().await.unwrap();
    assert!(said.contains("token is accepted") && said.contains(FROM), "{said}");
    let error = peer.client().check().await.unwrap_err();
    assert!(error.to_string().contains("check pagerduty.from"), "{error}");
    let error = peer.client().check().await.unwrap_err();
    assert!(error.to_string().contains("check PAGERDUTY_API_TOKEN"), "{error}");
    peer.is_content();

    let peer = Peer::start(vec![turn("GET /pd/users?limit=1", 200, users(FROM))]).await;
    let said = client(peer.url.clone(), None).check().await.unwrap();
    assert!(said.contains("pagerduty.from is not set"), "{said}");
    peer.is_content();
}

#[test]
fn what_cannot_work_is_refused_when_built() {
    let url = || Url::parse("https://api.example.com").unwrap();
    for token in ["", " ", "tok ", "to\nk"] {
        let refused =
            PagerDutyClient::new(PagerDutyConfig { token: Secret::new(token), ..config(url(), None) });
        assert_eq!(refused.err(), Some(ClientError::Token), "{token:?}");
    }
    let refused = PagerDutyClient::new(config(Url::parse("file:///etc").unwrap(), None)).err();
    assert!(matches!(refused, Some(ClientError::Address(_))), "{refused:?}");
    let refused = PagerDutyClient::new(config(url(), Some("oncall"))).err();
    assert_eq!(refused, Some(ClientError::From("oncall".to_owned())));
}

#[tokio::test]
async fn who_is_on_call_is_asked_for_all_services_at_once() {
    let service = |policy: &str| json!({ "service": { "id": "PS", "escalation_policy": { "id": policy } } });
    let entry = |policy: &str, level: Value, user: Value| {
        json!({ "escalation_policy": { "id": policy }, "escalation_level": level, "user": user,
                "schedule": { "id": "PSCHED", "summary": "Nights" }, "start": null, "end": "2026-11-30T18:00:00Z" })
    };
    let user = |name: &str| json!({ "id": "PU", "type": "user", "name": name, "email": format!("{name}@example.com") });
    let peer = Peer::start(vec![
        turn("GET /pd/services/PONE", 200, service("PE1")),
        turn("GET /pd/services/PGONE", 404, refusal(2100, "Not Found")),
        turn("GET /pd/services/PTWO", 200, service("PE2")),
        turn(
            "GET /pd/oncalls?earliest=true&include%5B%5D=users&escalation_policy_ids%5B%5D=PE1&escalation_policy_ids%5B%5D=PE2&limit=100&offset=0",
            200,
            json!({ "more": false, "oncalls": [
                entry("PE1", json!(2), user("ben")),
                entry("PE1", json!(1), user("ana")),
                // shapes that no document promises: they are left out, and the others count
                entry("PE1", json!("three"), user("cat")),
                entry("PE1", json!(3), Value::Null),
                entry("PELSE", json!(1), user("dan")),
                json!("nonsense"),
            ] }),
        ),
    ])
    .await;
    let services = ["PONE", "PGONE", "PTWO", "no/id"].map(str::to_owned);
    let said = peer.client().on_call(&services).await.unwrap();
    let names: Vec<(u32, Option<&str>)> =
        said["PONE"].iter().map(|turn| (turn.level, turn.email.as_deref())).collect();
    assert_eq!(names, [(1, Some("ana@example.com")), (2, Some("ben@example.com"))]);
    assert_eq!(said["PONE"][0].schedule.as_deref(), Some("Nights"));
    assert_eq!(said["PONE"][0].until.unwrap().to_rfc3339(), "2026-11-30T18:00:00+00:00");
    assert_eq!((said["PTWO"].len(), said.len()), (0, 2), "nobody is on call there, and one is not there");
    peer.is_content();
}

/// What is ill is left alone, whoever asks is told at once for how long, and one call looks whether it is well again.
#[tokio::test]
async fn after_failures_in_a_row_nothing_is_asked_until_one_call_is_answered() {
    let put = |status, answer: Value| turn(PUT, status, answer).from(FROM).body(status_body("resolved"));
    let fails = |status| put(status, json!("<html>no</html>"));
    let turns = vec![
        fails(503),
        fails(500),
        // a refusal is an answer
        put(403, refusal(2010, "Access Denied")),
        fails(503),
        fails(502),
        fails(500),
        fails(504),
        fails(200),
        // it looks once, in vain, and then again
        fails(503),
        put(200, incident_is("resolved")),
        put(200, incident_is("resolved")),
    ];
    let peer = Peer::start(turns).await;
    let client = peer.client();
    let resolved = async || client.call("key", 1, &resolve(None)).await;
    for _ in 0..8 {
        assert_eq!(client.standing().circuit, Circuit::Closed);
        resolved().await.unwrap_err();
    }
    let waits = async || match resolved().await {
        Err(PagerError::Retry { after_ms: Some(wait), reason }) => {
            assert!(reason.contains("left alone"), "{reason}");
            wait
        }
        other => panic!("{other:?}"),
    };
    let first = waits().await;
    assert!((1..=breaker::PAUSE_MS).contains(&first), "{first}");
    assert!(client.not_before(&resolve(None)).is_some(), "the outbox holds it and counts no attempt");
    let look = LookAt { services: vec!["PFLOW01".to_owned()], incidents: vec![] };
    assert!(client.look(&look).await.is_err() && client.user_email("PANA").await.is_err());
    assert_eq!((client.standing().circuit, client.standing().opened), (Circuit::Open, 1));
    client.health.pass(first);
    assert_eq!(client.standing().circuit, Circuit::HalfOpen);
    assert!(resolved().await.unwrap_err().to_string().contains("503"));
    client.health.pass(waits().await);
    assert_eq!(resolved().await, Ok(()));
    assert_eq!((client.standing().circuit, client.not_before(&resolve(None))), (Circuit::Closed, None));
    assert_eq!(resolved().await, Ok(()));
    assert!(client.standing().spared >= 4);
    peer.is_content();
}

#[tokio::test]
async fn what_gives_no_answer_at_all_opens_the_circuit_too() {
    // a port on which nobody listens
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let client = client(Url::parse(&format!("http://{gone}/")).unwrap(), Some(FROM));
    for _ in 0..breaker::FAILURES {
        assert_eq!(client.standing().circuit, Circuit::Closed);
        client.call("key", 1, &resolve(None)).await.unwrap_err();
    }
    assert_eq!(client.standing().circuit, Circuit::Open);
}

/// The limit is kept: what only looks stops before what changes something does, and a 429 stops everything, said or not.
#[tokio::test]
async fn the_limit_that_answers_tell_of_is_kept() {
    let put = |status, answer: Value| turn(PUT, status, answer).from(FROM).body(status_body("resolved"));
    let turns = vec![
        put(200, incident_is("resolved")).header("ratelimit-remaining", "7").header("ratelimit-reset", "30"),
        turn("GET /pd/users/PANA", 200, json!({ "user": { "id": "PANA", "email": "ana@example.com" } })),
        put(429, refusal(2020, "Rate Limit Exceeded")).header("ratelimit-reset", "12"),
        put(200, incident_is("resolved")),
        put(429, json!("")),
        put(200, incident_is("resolved")),
    ];
    let peer = Peer::start(turns).await;
    let client = peer.client();
    let call = resolve(None);
    let resolved = async || client.call("key", 1, &call).await;
    assert_eq!(resolved().await, Ok(()));
    // who acted is no mere look: somebody's acknowledgement hangs on it
    assert_eq!(client.user_email("PANA").await, Ok(Some("ana@example.com".to_owned())));
    let since = "2026-01-05T09:00:00Z".parse().unwrap();
    let details = client.details("PINC1").await.unwrap_err();
    assert!(matches!(details, PagerError::Retry { after_ms: Some(1..=30_000), .. }), "{details:?}");
    assert!(client.changes("PFLOW01", since).await.is_err());
    assert_eq!(client.not_before(&call), None, "what is left is for changes");
    assert!(matches!(resolved().await, Err(PagerError::Retry { after_ms: Some(12_000), .. })));
    let held = resolved().await.unwrap_err();
    assert!(matches!(held, PagerError::Retry { after_ms: Some(1..=12_000), .. }), "not asked: {held:?}");
    client.health.pass(12_000);
    assert_eq!(resolved().await, Ok(()));
    assert!(resolved().await.is_err());
    let wait = client.not_before(&call).expect("a limit without a time is kept too");
    assert!(wait <= Duration::from_secs(1), "{wait:?}");
    client.health.pass(1_000);
    assert_eq!(resolved().await, Ok(()));
    let standing = client.standing();
    assert_eq!((standing.limited, standing.circuit, standing.opened), (2, Circuit::Closed, 0));
    peer.is_content();
}

/// After an unknown outcome the status is looked at: what has come about is not changed a second time.
#[tokio::test]
async fn a_status_is_looked_at_before_it_is_set_again() {
    for (now, call, word, again) in [
        ("acknowledged", acknowledge(None), "acknowledged", false),
        ("resolved", acknowledge(None), "acknowledged", false),
        ("resolved", resolve(None), "resolved", false),
        ("triggered", acknowledge(None), "acknowledged", true),
        ("acknowledged", resolve(None), "resolved", true),
    ] {
        let mut turns = vec![turn(GET, 200, incident_is(now))];
        turns.extend(again.then(|| turn(PUT, 200, incident_is(word)).from(FROM).body(status_body(word))));
        assert_eq!(played(turns, 2, call).await, Ok(()), "{now} {word}");
    }
    // what cannot be looked at is asked for all the same, and says why it cannot be
    let turns = vec![
        turn(GET, 404, refusal(2100, "Not Found")),
        turn(PUT, 404, refusal(2100, "Not Found")).from(FROM).body(status_body("resolved")),
    ];
    assert!(matches!(played(turns, 2, resolve(None)).await, Err(PagerError::Permanent { .. })));
}

const ROUTING_KEY: &str = "0123456789abcdef0123456789abcdef";

fn with_events(peer: &Peer) -> PagerDutyClient {
    let events = EventsConfig {
        events_url: peer.url.clone(),
        routing_key: Secret::new(ROUTING_KEY),
        timeout: Duration::from_secs(30),
    };
    peer.client().with_events(events).unwrap()
}

/// An event has its own host and key: the token of the REST API does not go there.
fn event(path: &'static str, status: u16, body: Value, answer: impl Into<Value>) -> Turn {
    turn(path, status, answer).body(body).without_token()
}

const ENQUEUE: &str = "POST /pd/v2/enqueue";
const CHANGE: &str = "POST /pd/v2/change/enqueue";

#[tokio::test]
async fn an_alert_is_sent_by_its_key() {
    let taken = || json!({ "status": "success", "message": "Event processed", "dedup_key": "blocks/x" });
    let trigger = EventAction::Trigger {
        summary: "s".repeat(2_000),
        source: "blocks".to_owned(),
        severity: EventSeverity::Info,
    };
    let long = format!("{}…", "s".repeat(1_023));
    let triggered = json!({
        "routing_key": ROUTING_KEY, "event_action": "trigger", "dedup_key": "blocks/x", "client": "Blocks",
        "payload": { "summary": long, "source": "blocks", "severity": "info" },
    });
    let plain =
        |word: &str| json!({ "routing_key": ROUTING_KEY, "event_action": word, "dedup_key": "blocks/x" });
    let invalid = json!({ "status": "invalid event", "message": "Event object is invalid", "errors": ["'x' is missing"] });
    let peer = Peer::start(vec![
        event(ENQUEUE, 202, triggered, taken()),
        event(ENQUEUE, 202, plain("acknowledge"), taken()),
        event(ENQUEUE, 202, plain("resolve"), taken()),
        event(ENQUEUE, 400, plain("resolve"), invalid),
        event(ENQUEUE, 500, plain("resolve"), ""),
        event(ENQUEUE, 429, plain("resolve"), "Requests throttled"),
    ])
    .await;
    let client = with_events(&peer);
    let call = async |action: EventAction| {
        client.call("key", 1, &PagerCall::Event { key: "blocks/x".to_owned(), action }).await
    };
    assert_eq!(call(trigger).await, Ok(()));
    assert_eq!(call(EventAction::Acknowledge).await, Ok(()));
    assert_eq!(call(EventAction::Resolve).await, Ok(()));
    let refused = call(EventAction::Resolve).await.unwrap_err();
    assert!(matches!(&refused, PagerError::Permanent { .. }), "{refused}");
    assert!(refused.to_string().contains("'x' is missing") && !refused.to_string().contains(ROUTING_KEY));
    assert!(matches!(call(EventAction::Resolve).await, Err(PagerError::Retry { .. })));
    assert!(matches!(call(EventAction::Resolve).await, Err(PagerError::Retry { .. })));
    let event = PagerCall::Event { key: "blocks/x".to_owned(), action: EventAction::Resolve };
    assert!(client.not_before(&event).is_some(), "its own limit");
    assert_eq!(client.not_before(&resolve(None)), None, "is not that of the other API");
    peer.is_content();
    for key in ["".to_owned(), "k".repeat(256)] {
        let call = PagerCall::Event { key, action: EventAction::Resolve };
        assert!(matches!(client.call("key", 1, &call).await, Err(PagerError::Permanent { .. })));
    }
    let none = peer.client().call("key", 1, &event).await.unwrap_err();
    assert!(none.to_string().contains("PAGERDUTY_ROUTING_KEY"), "{none}");
}

/// A change event has no key at PagerDuty: after an unknown outcome it is looked for.
#[tokio::test]
async fn a_change_is_told_once() {
    const LOOK: &str = "GET /pd/change_events?since=2026-01-05T08%3A00%3A00Z&limit=100&offset=0";
    let call = PagerCall::Change {
        key: "change/run/1".to_owned(),
        summary: "Roll back on shop: begun".to_owned(),
        source: "shop".to_owned(),
        at: "2026-01-05T09:00:00Z".parse().unwrap(),
        details: [("code".to_owned(), "4F2A".to_owned())].into(),
        links: vec![("https://example.pagerduty.com/incidents/Q1".to_owned(), "INC-1".to_owned())],
    };
    let body = json!({
        "routing_key": ROUTING_KEY,
        "payload": {
            "summary": "Roll back on shop: begun", "source": "shop", "timestamp": "2026-01-05T09:00:00.000Z",
            "custom_details": { "code": "4F2A", "blocks_key": "change/run/1" },
        },
        "links": [{ "href": "https://example.pagerduty.com/incidents/Q1", "text": "INC-1" }],
    });
    let sent = || event(CHANGE, 202, body.clone(), json!({ "status": "success" }));
    let found = |key: &str| {
        turn(LOOK, 200, json!({ "change_events": [{ "custom_details": { "blocks_key": key } }, {}] }))
    };
    for (attempt, turns) in [
        (1, vec![sent()]),
        (2, vec![found("change/run/1")]),
        (2, vec![found("change/run/2"), sent()]),
        (2, vec![turn(LOOK, 200, json!({ "change_events": null })), sent()]),
    ] {
        let peer = Peer::start(turns).await;
        assert_eq!(with_events(&peer).call("key", attempt, &call).await, Ok(()));
        peer.is_content();
    }
    // where it cannot be looked, it is not told a second time
    let peer = Peer::start(vec![turn(LOOK, 503, "")]).await;
    assert!(matches!(with_events(&peer).call("key", 2, &call).await, Err(PagerError::Retry { .. })));
    peer.is_content();
}
