//! The servers that other tests need: they really answer, several at a time, and are gone afterwards.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use blocks_tests::servers::{DATABASE, Postgres, Prometheus, PrometheusConfig, ROLE};
use blocks_tests::{Finished, until};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// A process and what it has started.
fn family(pid: u32) -> Vec<PathBuf> {
    let process = Path::new("/proc").join(pid.to_string());
    let list = process.join("task").join(pid.to_string()).join("children");
    let children = std::fs::read_to_string(list).unwrap_or_default();
    let children = children.split_whitespace().map(|child| Path::new("/proc").join(child));
    std::iter::once(process.clone()).chain(children).collect()
}

async fn are_gone(processes: &[PathBuf]) {
    until("the server's processes are gone", async || {
        processes.iter().all(|process| !process.exists()).then_some(())
    })
    .await;
}

/// Its one line of output.
#[track_caller]
fn line(finished: &Finished) -> &str {
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    finished.stdout.trim_end()
}

#[tokio::test]
async fn two_postgresql_servers_answer_and_are_gone_afterwards() {
    let Some(one) = Postgres::start().await.or_not_run("PostgreSQL answers") else { return };
    let Some(two) = Postgres::start().await.or_not_run("two PostgreSQL servers") else { return };
    assert_ne!((one.pid(), one.port()), (two.pid(), two.port()));
    let version = one.psql("select version();").await;
    assert!(line(&version).starts_with("PostgreSQL "), "{version:?}");

    // The role owns its database, and nothing beyond it.
    let whom = "select current_user, current_database(), usesuper from pg_user where usename = current_user;";
    assert_eq!(line(&one.psql(whom).await), format!("{ROLE}|{DATABASE}|f"));
    let admin = one.psql_as_admin("select usesuper from pg_user where usename = current_user;").await;
    assert_eq!(line(&admin), "t");
    assert_eq!(one.psql("create role other superuser;").await.code, 3);

    // They share nothing.
    assert_eq!(line(&one.psql("create table t (n int); insert into t values (7);").await), "");
    assert_eq!(line(&one.psql("select n from t;").await), "7");
    let elsewhere = two.psql("select n from t;").await;
    assert!(elsewhere.code == 3 && elsewhere.stderr.contains("\"t\" does not exist"), "{elsewhere:?}");
    assert!(one.socket_folder().join(format!(".s.PGSQL.{}", one.port())).exists());

    // A password counts: this server's role, with the other server's.
    std::fs::copy(two.password_file(), one.password_file()).unwrap();
    let stranger = one.psql("select 1;").await;
    assert!(stranger.stderr.contains("password authentication failed"), "{stranger:?}");
    assert!(one.url().contains(one.password()) && !format!("{one:?}").contains(one.password()));

    let (of_one, of_two) = (family(one.pid()), family(two.pid()));
    // its workers come and go
    assert!(of_one.iter().filter(|process| process.exists()).count() > 2, "{of_one:?}");
    let folder = one.socket_folder().to_path_buf();
    drop(one);
    are_gone(&of_one).await;
    assert!(!folder.exists() && of_two[0].exists(), "only the first is gone");
    assert_eq!(line(&two.psql("select 1;").await), "1");
    drop(two);
    are_gone(&of_two).await;
}

/// Answers every request with one metric.
async fn metrics(value: u32) -> SocketAddr {
    served(format!("# TYPE shop_orders gauge\nshop_orders{{state=\"late\"}} {value}\n")).await
}

/// A server that answers with the same page whenever it is read.
pub(super) async fn served(page: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") && client.read_buf(&mut request).await.is_ok_and(|n| n > 0)
            {
            }
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close";
            let answer = format!("{head}\r\nContent-Length: {}\r\n\r\n{page}", page.len());
            let _ = client.write_all(answer.as_bytes()).await;
        }
    });
    address
}

#[tokio::test]
async fn prometheus_reads_a_target_and_is_gone_afterwards() {
    let target = metrics(41).await;
    let config = PrometheusConfig { targets: vec![target], ..PrometheusConfig::default() };
    let Some(prometheus) = Prometheus::start(&config).await.or_not_run("Prometheus reads a target") else {
        return;
    };
    let found = prometheus.wait_for("shop_orders + 1").await;
    assert_eq!((found.len(), &found[0]["value"][1]), (1, &"42".into()), "{found:?}");
    assert_eq!(found[0]["metric"]["instance"], target.to_string());
    assert_eq!(found[0]["metric"]["state"], "late");
    assert!(prometheus.query("shop_orders > 41").await.is_empty());

    let processes = family(prometheus.pid());
    assert!(processes.iter().all(|process| process.exists()));
    drop(prometheus);
    are_gone(&processes).await;
}
