//! Credentials of connections, when the server gives them back: in answers, headers, notices and errors.

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::{Connection, ConnectionKind, Connections, KindExecutor};

const BEARER: &str = "bearer-of-the-connection";
const HEADER: &str = "header/of+the connection";
const PASSWORD: &str = "p@ss word-of-the+connection";

fn connection(kind: ConnectionKind, url: String) -> Connection {
    Connection { name: "main".to_owned(), kind, url, bearer: None, headers: Vec::new(), ca_file: None }
}

fn job(kind: CommandKind, effect: Effect, text: &str) -> Job {
    Job {
        kind,
        connection: None,
        effect,
        run: new_run(),
        incident: String::new(),
        step: "step-1".to_owned(),
        attempt: 1,
        text: text.to_owned(),
        variables: BTreeMap::new(),
        environment: crate::DEFAULT_ENV_NAMES.map(str::to_owned).to_vec(),
        secrets: BTreeMap::new(),
        directory: "/".into(),
        timeout_ms: 60_000,
        carry_from: None,
        must_be_set: BTreeSet::new(),
    }
}

/// Everything that is told of one command over one connection, output and error alike.
async fn told(connection: Connection, job: Job) -> String {
    let folder = tempfile::tempdir().unwrap();
    let shown = format!("{connection:?}");
    let connections = Connections::new(vec![connection]).unwrap();
    let shown = format!("{shown} {connections:?}");
    let config = ExecConfig::new("/bin/bash".into(), folder.path().join("runs"));
    let result = KindExecutor::new(config, connections).unwrap().run(job).await;
    let displayed = result.as_ref().err().map(ToString::to_string).unwrap_or_default();
    format!("{shown} {result:?} {displayed}")
}

/// A server that answers with what it was sent, in every place that an answer has.
async fn web() -> String {
    async fn echo(request: Request) -> Response {
        let path = request.uri().path().to_owned();
        let sent = |name: &str| {
            let value = request.headers().get(name).map(|value| value.to_str().unwrap());
            value.unwrap_or_default().to_owned()
        };
        let (authorization, key) = (sent("authorization"), sent("x-key"));
        let json = serde_json::json!({ "saw": authorization, "key": key }).to_string();
        let percent: String = key.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let all = format!("{authorization}\n{key}\n{json}\n{percent}\n{}\n", hex::encode(&key));
        match path.as_str() {
            "/header" => ([("x-saw", authorization), ("x-key-saw", key)], "done\n").into_response(),
            "/location" => {
                let location = format!("http://127.0.0.1:1/?saw={}", authorization.replace(' ', "%20"));
                (StatusCode::FOUND, [("location", location)]).into_response()
            }
            "/api/v1/query" => {
                let error = serde_json::json!({ "status": "error", "errorType": "bad_data", "error": all });
                (StatusCode::BAD_REQUEST, error.to_string()).into_response()
            }
            "/warned/api/v1/query" => {
                let data = serde_json::json!({ "resultType": "vector", "result": [{ "metric": { "saw": authorization, "key": key }, "value": [1, "3"] }] });
                serde_json::json!({ "status": "success", "warnings": [all], "data": data })
                    .to_string()
                    .into_response()
            }
            "/page/api/v1/query" => format!("<html>{all}</html>").into_response(),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, all).into_response(),
        }
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(echo)).await });
    base
}

#[track_caller]
fn hides(told: &str, secrets: &[&str]) {
    assert!(told.contains("[redacted]"), "nothing was echoed: {told}");
    for secret in secrets {
        let json = serde_json::to_string(secret).unwrap();
        for form in [(*secret).to_owned(), json.trim_matches('"').to_owned(), hex::encode(secret)] {
            assert!(!told.contains(&form), "{form} is in {told}");
        }
    }
}

#[tokio::test]
async fn what_a_web_server_echoes_is_not_told() {
    let server = web().await;
    let user = "blocks:p%40ss%20word-of-the%2Bconnection";
    // the middle of what basic authentication sends: base64 of `blocks:` and the password
    let basic = "c3Mgd29yZC1vZi10aGUrY29ubmVjdGlv";
    let http = [("/body", Effect::Once), ("/header", Effect::Read), ("/location", Effect::Read)]
        .map(|(path, effect)| (CommandKind::Http, ConnectionKind::Http, "", effect, format!("GET {path}\n")));
    let promql = ["", "/warned", "/page"].map(|below| {
        (CommandKind::Promql, ConnectionKind::Prometheus, below, Effect::Read, "up\n".to_owned())
    });
    for (kind, leads_to, below, effect, text) in http.into_iter().chain(promql) {
        let with_bearer = Connection {
            bearer: Some(BEARER.to_owned()),
            headers: vec![("X-Key".to_owned(), HEADER.to_owned())],
            ..connection(leads_to, format!("http://{server}{below}"))
        };
        hides(&told(with_bearer, job(kind, effect, &text)).await, &[BEARER, HEADER]);
        let with_user = connection(leads_to, format!("http://{user}@{server}{below}"));
        hides(&told(with_user, job(kind, effect, &text)).await, &[PASSWORD, basic]);
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_without_credentials() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    for (kind, leads_to, url, text) in [
        (CommandKind::Http, ConnectionKind::Http, format!("http://u:hunter-2-secret@{address}"), "GET /x\n"),
        (
            CommandKind::Promql,
            ConnectionKind::Prometheus,
            format!("http://u:hunter-2-secret@{address}"),
            "up\n",
        ),
        (
            CommandKind::Sql,
            ConnectionKind::Postgres,
            format!("postgres://u:hunter-2-secret@{address}/d"),
            "select 1;\n",
        ),
    ] {
        let told = told(connection(leads_to, url), job(kind, Effect::Once, text)).await;
        assert!(told.contains("reached") && !told.contains("hunter-2-secret"), "{told}");
    }
}

/// One message of PostgreSQL's protocol: its kind, and what is in it.
async fn message(client: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let kind = client.read_u8().await.ok()?;
    let length = client.read_u32().await.ok()?;
    let mut body = vec![0; length as usize - 4];
    client.read_exact(&mut body).await.ok()?;
    Some((kind, body))
}

fn answer(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[kind], &length.to_be_bytes()[..], body].concat()
}

/// An error or a notice that says the password in each of its fields.
fn says(kind: u8, severity: &str, code: &str, password: &str) -> Vec<u8> {
    let fields = [('S', severity), ('V', severity), ('C', code)];
    let mut body: Vec<u8> =
        fields.iter().flat_map(|(field, text)| format!("{field}{text}\0").into_bytes()).collect();
    for field in ['M', 'D', 'H', 'W'] {
        body.extend(format!("{field}saw {password}\0").into_bytes());
    }
    body.push(0);
    answer(kind, &body)
}

/// A server that asks for the password in plain and says it again: at once, or when the transaction begins.
async fn database(at_once: bool) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let length = client.read_u32().await.unwrap();
        client.read_exact(&mut vec![0; length as usize - 4]).await.unwrap();
        client.write_all(&answer(b'R', &3_u32.to_be_bytes())).await.unwrap();
        let (_, password) = message(&mut client).await.unwrap();
        let password = String::from_utf8(password).unwrap().trim_end_matches('\0').to_owned();
        assert_eq!(password, PASSWORD);
        if at_once {
            client.write_all(&says(b'E', "FATAL", "28P01", &password)).await.unwrap();
            return;
        }
        let ready = [answer(b'R', &0_u32.to_be_bytes()), answer(b'Z', b"I")].concat();
        client.write_all(&ready).await.unwrap();
        while let Some((kind, _)) = message(&mut client).await {
            if kind == b'Q' {
                let refusal = [
                    says(b'N', "NOTICE", "00000", &password),
                    says(b'E', "ERROR", "42000", &password),
                    answer(b'Z', b"I"),
                ];
                // the client may have gone
                let _ = client.write_all(&refusal.concat()).await;
            }
        }
    });
    address
}

#[tokio::test]
async fn what_a_database_echoes_is_not_told() {
    for at_once in [true, false] {
        let address = database(at_once).await;
        let url = format!("postgres://blocks:p%40ss%20word-of-the%2Bconnection@{address}/d");
        let connection = connection(ConnectionKind::Postgres, url.clone());
        let told = told(connection, job(CommandKind::Sql, Effect::Once, "select 1;\n")).await;
        hides(&told, &[PASSWORD, &url]);
    }
}
