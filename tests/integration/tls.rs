//! TLS of connections, with certificates made here: a real PostgreSQL, a small HTTPS server, and the sandbox's mail server behind
//! TLS.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use blocks_exec::{Connection, ConnectionKind, Connections, ExecConfig, KindExecutor};
use blocks_tests::servers::Postgres;
use blocks_tests::{AppConfig, TestApp, blocks, run_in};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use runbook_core::ports::{ExecError, Executor as _, Job};
use runbook_core::runbook::{CommandKind, Effect};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufStream};
use tokio::net::{TcpListener, TcpStream};

/// A certificate authority of this test alone.
fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate for one name or address, and its key, both as PEM.
fn certificate(authority: &CertifiedIssuer<'static, KeyPair>, name: &str) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    (params.signed_by(&key, authority).unwrap().pem(), key.serialize_pem())
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// What a command printed, or why it was not started.
async fn run(
    kind: ConnectionKind,
    url: &str,
    ca_file: Option<PathBuf>,
    text: &str,
) -> Result<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let name = kind.word().to_owned();
    let connection =
        Connection { name, kind, url: url.to_owned(), bearer: None, headers: Vec::new(), ca_file };
    let connections = Connections::new(vec![connection]).unwrap();
    let config = ExecConfig::new("/bin/bash".into(), folder.path().join("runs"));
    let job = Job {
        environment: Vec::new(),
        kind: if kind == ConnectionKind::Postgres { CommandKind::Sql } else { CommandKind::Http },
        connection: None,
        effect: Effect::Once,
        run: "01890000-0000-7000-8000-000000000001".parse().unwrap(),
        incident: String::new(),
        step: "step-1".to_owned(),
        attempt: 1,
        text: text.to_owned(),
        variables: Default::default(),
        secrets: Default::default(),
        directory: "/".into(),
        timeout_ms: 60_000,
        carry_from: None,
        must_be_set: BTreeSet::new(),
    };
    match KindExecutor::new(config, connections).unwrap().run(job).await {
        Ok(finished) => Ok(finished.stdout.text),
        Err(ExecError::NotStarted(reason)) => Err(reason),
        Err(error) => panic!("in doubt: {error}"),
    }
}

#[track_caller]
fn refused(told: Result<String, String>, said: &[&str]) {
    let reason = told.expect_err("it was refused");
    for words in said {
        assert!(reason.contains(words), "`{words}` is not in: {reason}");
    }
}

#[tokio::test]
async fn a_database_is_believed_by_its_certificate_alone() {
    let Some(server) = Postgres::start().await.or_not_run("TLS to PostgreSQL") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (ours, other) = (authority("ours"), authority("other"));
    let ca_file = write(folder.path(), "ca.pem", &ours.pem());
    let other_file = write(folder.path(), "other.pem", &other.pem());
    let empty_file = write(folder.path(), "empty.pem", "");
    let sql = |url: String, ca_file: Option<PathBuf>| async move {
        run(
            ConnectionKind::Postgres,
            &url,
            ca_file,
            "select ssl as tls from pg_stat_ssl where pid = pg_backend_pid();\n",
        )
        .await
    };
    let url = server.url();

    // a server without TLS is never used in plain by a connection that asks for it, on this machine neither
    let hint = "sslmode=disable";
    refused(sql(url.clone(), Some(ca_file.clone())).await, &["TLS", hint]);
    refused(sql(format!("{url}?sslrootcert={}", ca_file.display()), None).await, &["TLS", hint]);
    refused(sql(format!("{url}?sslmode=require"), None).await, &["TLS", hint]);

    let (certificate, key) = certificate(&ours, "127.0.0.1");
    server.offer_tls(&certificate, &key).await;
    let encrypted = |told: Result<String, String>| told.unwrap().contains("\n t\n");
    assert!(encrypted(sql(url.clone(), Some(ca_file.clone())).await));
    for mode in ["require", "verify-ca", "verify-full"] {
        let named = format!("{url}?sslmode={mode}&sslrootcert={}", ca_file.display());
        assert!(encrypted(sql(named, None).await), "{mode}");
        let url = format!("{url}?sslmode={mode}");
        assert!(encrypted(sql(url.clone(), Some(ca_file.clone())).await), "{mode}");
        // no mode is content with a certificate that nobody vouches for, or with another name
        refused(sql(url.clone(), Some(other_file.clone())).await, &["UnknownIssuer", "ca_file"]);
        let elsewhere = url.replace("127.0.0.1", "localhost");
        refused(sql(elsewhere, Some(ca_file.clone())).await, &["not valid for name", "localhost", "hint: "]);
        // the system's authorities do not know it
        assert!(sql(url, None).await.is_err(), "{mode}");
    }
    assert!(!encrypted(sql(format!("{url}?sslmode=disable"), None).await), "plain, as it says");
    refused(sql(url.clone(), Some(folder.path().join("gone.pem"))).await, &["gone.pem", "cannot be read"]);
    refused(sql(url, Some(empty_file)).await, &["empty.pem", "there are none"]);
}

/// A server's side of TLS, with this certificate.
fn acceptor(certificate: &str, key: &str) -> tokio_rustls::TlsAcceptor {
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    tokio_rustls::TlsAcceptor::from(Arc::new(config))
}

/// Answers every request that comes over TLS with `ok`.
async fn https(certificate: &str, key: &str) -> u16 {
    let acceptor = acceptor(certificate, key);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            // a client that does not believe the certificate goes away
            let Ok(mut client) = acceptor.accept(client).await else { continue };
            let _request = client.read(&mut [0; 4096]).await;
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: close\r\n\r\nok\n";
            let _sent = client.write_all(answer).await;
            let _ended = client.shutdown().await;
        }
    });
    port
}

#[tokio::test]
async fn a_web_server_is_believed_by_its_certificate_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, other) = (authority("ours"), authority("other"));
    let ca_file = write(folder.path(), "ca.pem", &ours.pem());
    let other_file = write(folder.path(), "other.pem", &other.pem());
    let empty_file = write(folder.path(), "empty.pem", "");
    let (certificate, key) = certificate(&ours, "127.0.0.1");
    let port = https(&certificate, &key).await;
    let get = |host: &str, ca_file: Option<PathBuf>| {
        let url = format!("https://{host}:{port}");
        async move { run(ConnectionKind::Http, &url, ca_file, "GET /\n").await }
    };
    let answered = get("127.0.0.1", Some(ca_file.clone())).await.unwrap();
    assert!(answered.starts_with("HTTP/1.1 200 OK\n") && answered.ends_with("ok\n"), "{answered}");
    refused(get("127.0.0.1", Some(other_file)).await, &["UnknownIssuer", "ca_file"]);
    refused(get("localhost", Some(ca_file)).await, &["not valid for name", "hint: "]);
    assert!(get("127.0.0.1", None).await.is_err());
    refused(get("127.0.0.1", Some(empty_file)).await, &["empty.pem", "there are none"]);
}

/// Stands before a mail server: with TLS from the first byte, or after `STARTTLS`. Counts who came through to it.
async fn mail_front(
    server: String,
    tls: tokio_rustls::TlsAcceptor,
    is_first: bool,
) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let through = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&through);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (server, tls, count) = (server.clone(), tls.clone(), Arc::clone(&count));
            tokio::spawn(async move {
                let mut client = BufStream::new(client);
                if !is_first {
                    for answer in ["220 front\r\n", "250-front\r\n250 STARTTLS\r\n", "220 go on\r\n"] {
                        client.write_all(answer.as_bytes()).await.ok()?;
                        client.flush().await.ok()?;
                        if !answer.ends_with("go on\r\n") {
                            client.read_line(&mut String::new()).await.ok()?;
                        }
                    }
                }
                // a client that does not believe the certificate goes away
                let mut client = tls.accept(client.into_inner()).await.ok()?;
                count.fetch_add(1, Ordering::SeqCst);
                let mut server = BufStream::new(TcpStream::connect(&server).await.ok()?);
                if !is_first {
                    // it has greeted the client before
                    server.read_line(&mut String::new()).await.ok()?;
                }
                tokio::io::copy_bidirectional(&mut client, &mut server).await.ok()
            });
        }
    });
    (port, through)
}

/// The mail server is believed by its certificate alone, and the password goes to nobody else.
#[tokio::test]
async fn a_mail_server_is_believed_by_its_certificate_alone() {
    let mail = "[smtp]\nhost = \"127.0.0.1\"\nport = SMTP_PORT\nfrom = \"Blocks <updates@example.com>\"\nuser = \"blocks\"\ntls = \"none\"\n";
    let config = AppConfig { triage: None, more: mail.to_owned(), ..AppConfig::default() };
    let app = TestApp::start(&config).await;
    let plain = std::fs::read_to_string(app.config_file()).unwrap();
    let port = port_of(&plain);
    let (ours, other) = (authority("ours"), authority("other"));
    let known = write(&app.dir, "ca.pem", &ours.pem());
    let unknown = write(&app.dir, "other.pem", &other.pem());
    let (certificate, key) = certificate(&ours, "127.0.0.1");
    let doctor = async |port: &str, mode: &str, trusted: &Path| {
        let text = plain.replace(&format!("port = {}", port_of(&plain)), &format!("port = {port}"));
        let file =
            write(&app.dir, "mail.toml", &text.replace("tls = \"none\"", &format!("tls = \"{mode}\"")));
        let mut environment = app.environment().clone();
        environment.insert("SSL_CERT_FILE".to_owned(), trusted.display().to_string());
        let file = file.display().to_string();
        let words = ["doctor", "-o", "json", "--config", &file];
        let shown = run_in(&blocks(), &words, &environment, &app.dir).await.json();
        let checks = shown["checks"].as_array().cloned().unwrap_or_default();
        let smtp = checks.into_iter().find(|check| check["name"] == "smtp");
        smtp.unwrap_or_else(|| panic!("smtp is not checked: {shown}"))
    };
    for (mode, is_first) in [("implicit", true), ("starttls", false)] {
        let server = format!("127.0.0.1:{port}");
        let (front, through) = mail_front(server, acceptor(&certificate, &key), is_first).await;
        let refused = doctor(&front.to_string(), mode, &unknown).await;
        assert_eq!(refused["ok"], false, "{mode}: {refused}");
        assert_eq!(through.load(Ordering::SeqCst), 0, "{mode}: nobody came through, and nothing was told");
        let good = doctor(&front.to_string(), mode, &known).await;
        assert_eq!(good["ok"], true, "{mode}: {good}");
        assert_eq!(through.load(Ordering::SeqCst), 1);
    }
    // a server that offers no TLS is not spoken to in plain by who asks for it
    let refused = doctor(&port, "starttls", &known).await;
    assert_eq!(refused["ok"], false, "{refused}");
}

fn port_of(config: &str) -> String {
    config.lines().find_map(|line| line.strip_prefix("port = ")).unwrap_or_default().to_owned()
}
