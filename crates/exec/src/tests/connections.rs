//! Which addresses a connection takes, and which connection a command gets.

use crate::{Connection, ConnectionKind, Connections};
use runbook_core::runbook::CommandKind;

fn connection(name: &str, kind: ConnectionKind, url: &str) -> Connection {
    Connection {
        name: name.to_owned(),
        kind,
        url: url.to_owned(),
        bearer: None,
        headers: Vec::new(),
        ca_file: None,
    }
}

#[test]
fn addresses_that_cannot_work_are_refused_without_showing_them() {
    use ConnectionKind::{Http, Postgres, Prometheus};
    for (kind, url, word) in [
        (Http, "nonsense-hunter2", "URL"),
        (Http, "ftp://u:hunter2@a.test/", "https://"),
        (Http, "https://a.test/x?key=hunter2", "path"),
        (Prometheus, "postgres://u:hunter2@a.test/", "https://"),
        (Postgres, "https://u:hunter2@a.test/", "postgres://"),
        (Postgres, "postgres://u:hunter2@a.test/?sslmode=prefer", "sslmode"),
        (Postgres, "postgres://u:hunter2@a.test/?frobnicate=1", "understood"),
        (Postgres, "postgres:///db?password=hunter2", "host"),
        (Postgres, "postgres://u:hunter2@a.test/?sslmode=disable&sslrootcert=ca.pem", "sslmode=disable"),
    ] {
        let error = Connections::new(vec![connection("main", kind, url)]).unwrap_err().to_string();
        assert!(error.contains("`main`") && error.contains(word), "{url}: {error}");
        assert!(!error.contains("hunter2"), "{url}: {error}");
    }
    let twice =
        vec![connection("a", Http, "http://a.test"), connection("a", Postgres, "postgres://localhost/x")];
    assert!(Connections::new(twice).unwrap_err().to_string().contains("same name"));
    for (kind, url, word) in [
        (Postgres, "postgres://u:hunter2@a.test/?sslmode=disable", "sslmode=disable"),
        (Postgres, "postgres://u:hunter2@a.test/?sslrootcert=other.pem", "twice"),
        (Http, "http://u:hunter2@a.test/", "https://"),
    ] {
        let ca_file = Some("ca.pem".into());
        let named = Connection { ca_file, ..connection("main", kind, url) };
        let error = Connections::new(vec![named]).unwrap_err().to_string();
        assert!(error.contains(word) && !error.contains("hunter2"), "{url}: {error}");
    }
    let bearer =
        Connection { bearer: Some("t".into()), ..connection("a", Postgres, "postgres://localhost/x") };
    assert!(Connections::new(vec![bearer]).is_err());
}

#[test]
fn secrets_are_known_and_not_shown() {
    let web = Connection {
        bearer: Some("bearer-token-1".to_owned()),
        headers: vec![("X-Key".to_owned(), "header-value-2".to_owned())],
        ..connection("web", ConnectionKind::Http, "https://a.test/api/")
    };
    let url = "postgres://blocks:p%40ss+word3@db.test/app?sslmode=verify-full";
    let all = vec![web.clone(), connection("main", ConnectionKind::Postgres, url)];
    let connections = Connections::new(all).unwrap();
    let secrets: Vec<&str> = connections.secrets().collect();
    for secret in ["bearer-token-1", "header-value-2", "p@ss+word3", url] {
        assert!(secrets.contains(&secret), "{secret} is not among {secrets:?}");
        assert!(!format!("{connections:?} {web:?}").contains(secret));
    }
}

#[test]
fn a_command_gets_the_connection_that_it_names_or_the_only_one() {
    use CommandKind::{Http, Include, Promql, Shell, Sql};
    let connections = Connections::new(vec![
        connection("main", ConnectionKind::Postgres, "postgres://localhost/a"),
        connection("replica", ConnectionKind::Postgres, "postgres://localhost/b"),
        connection("metrics", ConnectionKind::Prometheus, "http://localhost:9090"),
    ])
    .unwrap();
    for (kind, name) in [
        (Shell, None),
        (Include, None),
        (Http, None),
        (Promql, None),
        (Promql, Some("metrics")),
        (Sql, Some("main")),
    ] {
        assert_eq!(connections.check(kind, name), Ok(()), "{kind:?} {name:?}");
    }
    for (kind, name, said) in [
        (Sql, None, "main, replica"),
        (Sql, Some("mian"), "main, replica"),
        (Sql, Some("metrics"), "main, replica"),
        (Promql, Some("main"), "metrics"),
        (Http, Some("api"), "no connection of kind http"),
        (Shell, Some("main"), "uses no connection"),
    ] {
        let refused = connections.check(kind, name).unwrap_err();
        assert!(refused.contains(said), "{kind:?} {name:?}: {refused}");
    }
}
