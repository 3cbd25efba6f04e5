//! http and promql commands against servers on this machine.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use runbook_core::expectation::{Observed, Outcome, classify, judge_command};
use runbook_core::ports::SecretValue;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::*;
use crate::{Connection, ConnectionKind, Connections, KindExecutor};

/// What a server saw: method, path with query, headers, body.
type Seen = (String, String, HeaderMap, String);

#[derive(Clone, Default)]
struct Server {
    seen: Arc<Mutex<Vec<Seen>>>,
    asked: Arc<Notify>,
}

impl Server {
    async fn start(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(handle).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        base
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn handle(State(server): State<Server>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let body = String::from_utf8_lossy(&body).into_owned();
    let uri: Uri = parts.uri.clone();
    let target = uri.path_and_query().unwrap().to_string();
    server.seen.lock().unwrap().push((parts.method.to_string(), target, parts.headers, body.clone()));
    server.asked.notify_one();
    let path = uri.path().to_owned();
    match path.as_str() {
        "/hang" => std::future::pending().await,
        "/here" => (StatusCode::FOUND, [("location", "/text")]).into_response(),
        "/away" => {
            (StatusCode::FOUND, [("location", "http://127.0.0.1:1/")], "HTTP/1.1 200 OK\n").into_response()
        }
        "/round" => (StatusCode::FOUND, [("location", "/round")]).into_response(),
        "/text" => ([("set-cookie", "session=abcdef")], "one\ntwo\n").into_response(),
        "/big" => "x".repeat(300_000).into_response(),
        "/broken" => {
            let parts = futures_util::stream::iter([Ok("begun"), Err(std::io::Error::other("no more"))]);
            Body::from_stream(parts).into_response()
        }
        "/echo" => body.into_response(),
        "/secret" => format!("{:?}", server.seen().last().unwrap().2).into_response(),
        "/api/v1/query" => {
            let (status, answer) = match body {
                body if body.contains("bad") => (
                    StatusCode::BAD_REQUEST,
                    r#"{"status":"error","errorType":"bad_data","error":"unexpected end"}"#,
                ),
                body if body.contains("html") => (StatusCode::OK, "<html>log in</html>"),
                body if body.contains("part") => (
                    StatusCode::OK,
                    r#"{"status":"success","warnings":["one store did not answer"],"data":{"resultType":"vector","result":[{"metric":{},"value":[1,"3"]}]}}"#,
                ),
                _ => (
                    StatusCode::OK,
                    r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"3"]}]}}"#,
                ),
            };
            (status, answer).into_response()
        }
        _ => (StatusCode::NOT_FOUND, "nothing here\n").into_response(),
    }
}

fn executor(folder: &TempDir, connections: Vec<Connection>) -> KindExecutor {
    let mut config = ExecConfig::new("/bin/bash".into(), folder.path().join("runs"));
    config.supervisor = this_program();
    KindExecutor::new(config, Connections::new(connections).unwrap()).unwrap()
}

fn job(kind: CommandKind, effect: Effect, text: &str) -> Job {
    Job {
        environment: Vec::new(),
        kind,
        connection: None,
        effect,
        run: new_run(),
        incident: String::new(),
        step: "step-1".to_owned(),
        attempt: 1,
        text: text.to_owned(),
        variables: BTreeMap::new(),
        secrets: BTreeMap::new(),
        directory: "/".into(),
        timeout_ms: 60_000,
        carry_from: None,
        must_be_set: BTreeSet::new(),
    }
}

fn web(name: &str, kind: ConnectionKind, url: &str) -> Connection {
    Connection {
        name: name.to_owned(),
        kind,
        url: url.to_owned(),
        bearer: None,
        headers: Vec::new(),
        ca_file: None,
    }
}

fn judged(expected: &str, finished: &Finished) -> Outcome {
    let Exit::Code { code } = finished.exit else { panic!("{finished:?}") };
    let observed = Observed {
        exit_code: Some(code),
        stdout: &finished.stdout.text,
        stderr: &finished.stderr.text,
        truncated: finished.stdout.dropped_bytes > 0,
        elapsed_ms: finished.elapsed_ms,
        timed_out: false,
    };
    let expectations: Vec<_> = (!expected.is_empty()).then(|| classify(expected)).into_iter().collect();
    judge_command(&expectations, &observed)[0].outcome
}

#[tokio::test]
async fn answers_are_printed_and_judged() {
    let server = Server::default();
    let base = server.start().await;
    let folder = tempfile::tempdir().unwrap();
    let executor = executor(&folder, vec![]);
    use Outcome::{Ask, Fail, Pass};
    for (path, status, expected, outcome) in [
        ("/text", 0, "HTTP 200", Pass),
        ("/text", 0, "", Pass),
        ("/text", 0, "2 lines", Pass),
        ("/text", 0, "HTTP 201", Fail),
        ("/nowhere", 22, "HTTP 404", Pass),
        ("/nowhere", 22, "HTTP 200", Fail),
        ("/nowhere", 22, "", Fail),
        ("/nowhere", 22, "nothing here", Fail),
        ("/here", 0, "HTTP 200", Pass),
        ("/away", 0, "HTTP 302", Pass),
        ("/away", 0, "HTTP 200", Fail),
        ("/round", 47, "HTTP 302", Fail),
        ("/big", 0, "1 line", Ask),
        ("/broken", 56, "HTTP 200", Fail),
    ] {
        let text = format!("GET {base}{path}\n");
        let finished = executor.run(job(CommandKind::Http, Effect::Read, &text)).await.unwrap();
        assert_eq!(code(&finished), status, "{path}: {finished:?}");
        assert_eq!(finished.state, StateOutcome::Kept);
        assert_eq!(judged(expected, &finished), outcome, "{path} {expected}: {finished:?}");
    }
    let text = format!("GET {base}/text\n");
    let finished = executor.run(job(CommandKind::Http, Effect::Read, &text)).await.unwrap();
    assert!(finished.stdout.text.starts_with("HTTP/1.1 200 OK\n"), "{finished:?}");
    assert!(finished.stdout.text.ends_with("\n\none\ntwo\n"), "{finished:?}");
    assert!(finished.stdout.text.contains("set-cookie: [redacted]\n"), "{finished:?}");
}

#[tokio::test]
async fn values_arrive_as_they_are() {
    let server = Server::default();
    let base = server.start().await;
    let folder = tempfile::tempdir().unwrap();
    let executor = executor(&folder, vec![]);
    let text = format!(
        "POST {base}/echo/{{{{V}}}}/x?q={{{{V}}}}&r=1\nContent-Type: application/json\n\n{{\"v\": \"{{{{V}}}}\"}}\n"
    );
    for value in
        ["a/../b", "'; drop table x; --", "\"}, {\"", "$(rm) `x` {{V}}", "é\n\\u0022", "%2e%2e", "a&r=2#"]
    {
        let variables = BTreeMap::from([("V".to_owned(), value.to_owned())]);
        let finished =
            executor.run(Job { variables, ..job(CommandKind::Http, Effect::Once, &text) }).await.unwrap();
        assert_eq!(code(&finished), 22, "{finished:?}");
        let (method, target, _, body) = server.seen().pop().unwrap();
        assert_eq!(method, "POST");
        let url = url::Url::parse(&format!("http://a.test{target}")).unwrap();
        let pairs: Vec<_> = url.query_pairs().map(|(k, v)| (k.into_owned(), v.into_owned())).collect();
        assert_eq!(pairs, [("q".to_owned(), value.to_owned()), ("r".to_owned(), "1".to_owned())]);
        assert_eq!(url.path_segments().unwrap().count(), 3, "{target}");
        let sent: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(sent, serde_json::json!({ "v": value }));
    }
    let before = server.seen().len();
    for (value, why) in [("..", "path"), ("", "path")] {
        let variables = BTreeMap::from([("V".to_owned(), value.to_owned())]);
        let refused = executor.run(Job { variables, ..job(CommandKind::Http, Effect::Once, &text) }).await;
        assert!(
            matches!(&refused, Err(ExecError::NotStarted(reason)) if reason.contains(why)),
            "{refused:?}"
        );
    }
    let refused = executor.run(job(CommandKind::Http, Effect::Once, &text)).await;
    assert!(matches!(&refused, Err(ExecError::NotStarted(reason)) if reason.contains("`V`")), "{refused:?}");
    assert_eq!(server.seen().len(), before, "nothing was sent");
}

#[tokio::test]
async fn credentials_go_to_their_connection_and_nowhere_else() {
    let (own, other) = (Server::default(), Server::default());
    let (own_base, other_base) = (own.start().await, other.start().await);
    let folder = tempfile::tempdir().unwrap();
    let api = Connection {
        bearer: Some("token-of-the-api".to_owned()),
        headers: vec![("X-Key".to_owned(), "key-of-the-api".to_owned())],
        ..web("api", ConnectionKind::Http, &format!("{own_base}/"))
    };
    let executor = executor(&folder, vec![api]);
    let named = |text: String| Job {
        connection: Some("api".to_owned()),
        ..job(CommandKind::Http, Effect::Read, &text)
    };
    for text in
        ["GET /secret".to_owned(), "GET {{BASE_URL}}/secret".to_owned(), format!("GET {own_base}/secret")]
    {
        let finished = executor.run(named(text)).await.unwrap();
        let (_, target, headers, _) = own.seen().pop().unwrap();
        assert_eq!(target, "/secret");
        assert_eq!(headers["authorization"], "Bearer token-of-the-api");
        assert_eq!(headers["x-key"], "key-of-the-api");
        assert!(!finished.stdout.text.contains("of-the-api"), "{finished:?}");
    }
    // without connection= a whole address is nobody's
    let text = format!("GET {own_base}/text");
    executor.run(job(CommandKind::Http, Effect::Read, &text)).await.unwrap();
    assert!(!own.seen().pop().unwrap().2.contains_key("authorization"));
    // a path alone is the only connection's
    executor.run(job(CommandKind::Http, Effect::Read, "GET /text")).await.unwrap();
    assert!(own.seen().pop().unwrap().2.contains_key("authorization"));

    let before = own.seen().len();
    for (text, why) in [
        (format!("GET {other_base}/x"), "nowhere else"),
        ("GET /x\nAuthorization: Basic eA==".to_owned(), "connection's"),
        ("GET /x\nX-KEY: mine".to_owned(), "connection's"),
    ] {
        let refused = executor.run(named(text)).await;
        assert!(
            matches!(&refused, Err(ExecError::NotStarted(reason)) if reason.contains(why)),
            "{refused:?}"
        );
    }
    let unknown =
        Job { connection: Some("apii".to_owned()), ..job(CommandKind::Http, Effect::Read, "GET /x") };
    let refused = executor.run(unknown).await;
    assert!(
        matches!(&refused, Err(ExecError::NotStarted(reason)) if reason.contains("there is: api")),
        "{refused:?}"
    );
    // a value that is one of Blocks' own secrets goes nowhere
    let variables = BTreeMap::from([("V".to_owned(), "x token-of-the-api".to_owned())]);
    let leaking =
        Job { variables, ..job(CommandKind::Http, Effect::Read, &format!("GET {other_base}/{{{{V}}}}")) };
    let refused = executor.run(leaking).await;
    assert!(
        matches!(&refused, Err(ExecError::NotStarted(reason)) if reason.contains("secrets")),
        "{refused:?}"
    );
    assert_eq!((own.seen().len(), other.seen().len()), (before, 0), "nothing was sent");
}

#[tokio::test]
async fn a_secret_reaches_the_request_and_nothing_that_is_kept() {
    const VALUE: &str = "tok/en+ 12\"345";
    let server = Server::default();
    let base = server.start().await;
    let folder = tempfile::tempdir().unwrap();
    let executor = executor(&folder, vec![web("metrics", ConnectionKind::Prometheus, &base)]);
    let with = |kind, text: String| {
        let secret = SecretValue::new(VALUE.to_owned());
        Job { secrets: BTreeMap::from([("TOKEN".to_owned(), secret)]), ..job(kind, Effect::Read, &text) }
    };
    let shown = |finished: &Finished| {
        let text = format!("{finished:?}");
        assert!(!text.contains("12345") && !text.contains("tok/en") && !text.contains("tok%2Fen"), "{text}");
        text
    };
    // in a header, in the address, in a body that the answer repeats
    let text = format!("GET {base}/secret\nX-Token: {{{{TOKEN}}}}");
    assert!(shown(&executor.run(with(CommandKind::Http, text)).await.unwrap()).contains("[redacted]"));
    assert_eq!(server.seen().pop().unwrap().2["x-token"], VALUE);
    let text = format!("GET {base}/text?t={{{{TOKEN}}}}");
    shown(&executor.run(with(CommandKind::Http, text)).await.unwrap());
    assert!(server.seen().pop().unwrap().1.starts_with("/text?t=tok%2Fen%2B"));
    let text = format!("POST {base}/echo\nContent-Type: application/json\n\n{{\"t\": \"{{{{TOKEN}}}}\"}}");
    assert!(shown(&executor.run(with(CommandKind::Http, text)).await.unwrap()).contains("[redacted]"));
    assert_eq!(server.seen().pop().unwrap().3, format!("{{\"t\": {VALUE:?}}}"));
    // in a query, whose answer may say it too
    let finished = executor.run(with(CommandKind::Promql, "up{a=\"$TOKEN\"}".to_owned())).await.unwrap();
    shown(&finished);
    let form = server.seen().pop().unwrap().3;
    let form: BTreeMap<_, _> = url::form_urlencoded::parse(form.as_bytes()).into_owned().collect();
    assert_eq!(form["query"], format!("up{{a={VALUE:?}}}"));
    // what could not be sent says why without it, and a command that does not get it has no such name
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let refused = executor.run(with(CommandKind::Http, format!("GET http://{address}/{{{{TOKEN}}}}"))).await;
    let said = format!("{refused:?}");
    assert!(!said.contains("12345") && !said.contains("tok%2Fen"), "{said}");
    let before = server.seen().len();
    for (kind, text) in [
        (CommandKind::Http, format!("GET {base}/{{{{TOKEN}}}}")),
        (CommandKind::Promql, "up{a=\"$TOKEN\"}".to_owned()),
    ] {
        let mut job = with(kind, text);
        job.secrets = job.secrets.into_iter().map(|(name, value)| (name, value.withheld())).collect();
        let refused = executor.run(job).await;
        assert!(
            matches!(&refused, Err(ExecError::NotStarted(reason)) if reason.contains("TOKEN")),
            "{refused:?}"
        );
    }
    assert_eq!(server.seen().len(), before);
}

#[tokio::test]
async fn what_is_not_known_to_have_failed_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let executor = executor(&folder, vec![]);
    let http = |effect, text: &str| executor.run(job(CommandKind::Http, effect, text));

    // nobody listens: nothing was sent
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let refused = http(Effect::Once, &format!("POST http://{address}/")).await;
    assert!(matches!(&refused, Err(ExecError::NotStarted(_))), "{refused:?}");

    // the connection ends behind the request
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let hangs_up = tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let _request = client.read(&mut [0; 1024]).await;
        }
    });
    let lost = http(Effect::Once, &format!("POST http://{address}/")).await;
    assert!(matches!(&lost, Err(ExecError::Lost(_))), "{lost:?}");
    let lost = http(Effect::Idempotent, &format!("PUT http://{address}/")).await;
    assert!(matches!(&lost, Err(ExecError::Lost(_))), "{lost:?}");
    let failed = http(Effect::Read, &format!("GET http://{address}/")).await.unwrap();
    assert_eq!(code(&failed), 56, "{failed:?}");
    hangs_up.abort();

    let server = Server::default();
    let base = server.start().await;
    let lost = http(Effect::Once, &format!("POST {base}/broken")).await;
    assert!(matches!(&lost, Err(ExecError::Lost(_))), "{lost:?}");
    let slow = Job { timeout_ms: 100, ..job(CommandKind::Http, Effect::Once, &format!("POST {base}/hang")) };
    assert_eq!(executor.run(slow).await.unwrap().exit, Exit::TimedOut);
}

#[tokio::test]
async fn cancel_ends_the_run_and_no_other() {
    let server = Server::default();
    let base = server.start().await;
    let folder = tempfile::tempdir().unwrap();
    let executor = executor(&folder, vec![]);
    let one = job(CommandKind::Http, Effect::Once, &format!("POST {base}/hang"));
    let run = one.run;
    let cancel = async {
        server.asked.notified().await;
        executor.cancel(new_run()).await;
        executor.cancel(run).await;
    };
    let (finished, ()) = tokio::join!(executor.run(one), cancel);
    assert_eq!(finished.unwrap().exit, Exit::Cancelled);
    // a shell command still goes through
    let shell = executor
        .run(Job { directory: folder.path().into(), ..job(CommandKind::Shell, Effect::Read, "echo hi") });
    assert_eq!(shell.await.unwrap().stdout.text, "hi\n");
    let include = executor.run(job(CommandKind::Include, Effect::Read, "x")).await;
    assert!(matches!(include, Err(ExecError::NotStarted(_))), "{include:?}");
}

#[tokio::test]
async fn a_query_is_asked_and_its_answer_judged() {
    let server = Server::default();
    let base = server.start().await;
    let folder = tempfile::tempdir().unwrap();
    let metrics = Connection {
        bearer: Some("token-of-the-metrics".to_owned()),
        ..web("metrics", ConnectionKind::Prometheus, &base)
    };
    let executor = executor(&folder, vec![metrics]);
    use Outcome::{Ask, Fail, Pass};
    for (query, status, expected, outcome) in [
        ("up", 0, "< 5", Pass),
        ("up", 0, "> 5", Fail),
        ("part", 0, "< 5", Ask),
        ("bad", 1, "< 5", Fail),
        ("html", 1, "", Fail),
    ] {
        let finished = executor.run(job(CommandKind::Promql, Effect::Read, query)).await.unwrap();
        assert_eq!(code(&finished), status, "{query}: {finished:?}");
        assert_eq!(judged(expected, &finished), outcome, "{query} {expected}: {finished:?}");
    }
    let variables = BTreeMap::from([("V".to_owned(), "a\" or vector(1) #&x=1".to_owned())]);
    executor
        .run(Job { variables, ..job(CommandKind::Promql, Effect::Read, "up{a=\"$V\"}\n") })
        .await
        .unwrap();
    let (method, target, headers, body) = server.seen().pop().unwrap();
    assert_eq!((method.as_str(), target.as_str()), ("POST", "/api/v1/query"));
    assert_eq!(headers["authorization"], "Bearer token-of-the-metrics");
    let form: BTreeMap<_, _> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    assert_eq!(form["query"], "up{a=\"a\\\" or vector(1) #&x=1\"}");
    assert_eq!(form.len(), 2, "{form:?}");
}
