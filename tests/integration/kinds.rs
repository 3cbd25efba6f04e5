//! sql and promql commands against a real PostgreSQL and a real Prometheus.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};

use blocks_exec::{Connection, ConnectionKind, Connections, ExecConfig, KindExecutor};
use blocks_tests::servers::{Postgres, Prometheus, PrometheusConfig};
use blocks_tests::until;
use runbook_core::expectation::{Observed, Outcome, classify, judge_command};
use runbook_core::ids::RunId;
use runbook_core::ports::{ExecError, Executor as _, Exit, Finished, Job, SecretValue, StateOutcome};
use runbook_core::runbook::{CommandKind, Effect};
use tempfile::TempDir;

/// Values that would be syntax if they could.
const HOSTILE: [&str; 14] = [
    "",
    "plain",
    "it's",
    "'; drop table t; --",
    "\\'; drop table t; --",
    "\\",
    "a\nb\r\tc",
    "$$ $x$ $( ) `x` {{V}} :'V'",
    "E'\\x41' U&'\\0041'",
    "\"} or vector(1) #",
    ".*|[a-z]{2}^$",
    "é ü \u{1f600} \u{2028}",
    "--\n/* */ ;",
    "\u{7f}\u{1}",
];

struct Bench {
    _folder: TempDir,
    executor: KindExecutor,
}

fn bench(connections: Vec<Connection>) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let config = ExecConfig::new("/bin/bash".into(), folder.path().join("runs"));
    let executor = KindExecutor::new(config, Connections::new(connections).unwrap()).unwrap();
    Bench { _folder: folder, executor }
}

fn connection(kind: ConnectionKind, url: String) -> Connection {
    Connection { name: kind.word().to_owned(), kind, url, bearer: None, headers: Vec::new(), ca_file: None }
}

fn job(kind: CommandKind, effect: Effect, text: &str) -> Job {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let run: RunId = format!("{:08x}-0000-7000-8000-{number:012x}", std::process::id()).parse().unwrap();
    Job {
        environment: Vec::new(),
        kind,
        connection: None,
        effect,
        run,
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

fn sql(effect: Effect, text: &str) -> Job {
    job(CommandKind::Sql, effect, text)
}

impl Bench {
    async fn run(&self, job: Job) -> Finished {
        let finished = self.executor.run(job).await.unwrap();
        assert_eq!(finished.state, StateOutcome::Kept);
        finished
    }

    #[track_caller]
    fn refused(result: Result<Finished, ExecError>) -> String {
        match result {
            Err(ExecError::NotStarted(reason)) => reason,
            other => panic!("was started: {other:?}"),
        }
    }
}

#[track_caller]
fn code(finished: &Finished) -> i32 {
    match finished.exit {
        Exit::Code { code } => code,
        other => panic!("{other:?}: {finished:?}"),
    }
}

#[track_caller]
fn judged(expected: &str, finished: &Finished) -> Outcome {
    let observed = Observed {
        exit_code: Some(code(finished)),
        stdout: &finished.stdout.text,
        stderr: &finished.stderr.text,
        truncated: finished.stdout.dropped_bytes > 0,
        elapsed_ms: finished.elapsed_ms,
        timed_out: false,
    };
    judge_command(&[classify(expected)], &observed)[0].outcome
}

async fn postgres(what: &str) -> Option<(Postgres, Bench)> {
    let server = Postgres::start().await.or_not_run(what)?;
    let bench = bench(vec![connection(ConnectionKind::Postgres, server.url())]);
    Some((server, bench))
}

#[tokio::test]
async fn a_secret_reaches_the_statement_and_no_output() {
    const VALUE: &str = "it's \\ a s3cret-value";
    let Some((server, bench)) = postgres("secrets in sql commands").await else { return };
    let with = |effect, text: &str| {
        let secret = SecretValue::new(VALUE.to_owned());
        Job { secrets: BTreeMap::from([("TOKEN".to_owned(), secret)]), ..sql(effect, text) }
    };
    let made = bench
        .run(with(Effect::Once, "create table held (t text);\ninsert into held values (:'TOKEN');"))
        .await;
    assert_eq!(made.stdout.text, "CREATE TABLE\nINSERT 0 1\n", "{made:?}");
    let length = server.psql("select length(t) from held;").await.stdout;
    assert_eq!(length.trim(), VALUE.len().to_string(), "the server has it");
    for text in [
        "select t from held",
        "select :'TOKEN'::int",
        "do $$ begin raise notice '%', (select t from held); end $$",
    ] {
        let effect = if text.starts_with("do") { Effect::Once } else { Effect::Read };
        let finished = bench.run(with(effect, text)).await;
        let shown = format!("{finished:?}");
        assert!(!shown.contains("s3cret") && shown.contains("[redacted]"), "{text}: {shown}");
    }
    let mut withheld = with(Effect::Read, "select :'TOKEN'");
    withheld.secrets = withheld.secrets.into_iter().map(|(name, value)| (name, value.withheld())).collect();
    let reason = Bench::refused(bench.executor.run(withheld).await);
    assert!(reason.contains("TOKEN") && !reason.contains("s3cret"), "{reason}");
}

#[tokio::test]
async fn statements_are_printed_as_psql_does_and_judged() {
    let Some((server, bench)) = postgres("sql commands on PostgreSQL").await else { return };
    let made = bench
        .run(sql(
            Effect::Once,
            "create table repos (name text, n int);\ninsert into repos values ('web', 5), (null, 12);\nupdate repos set n = n + 1 where name = 'web';",
        ))
        .await;
    assert_eq!(made.stdout.text, "CREATE TABLE\nINSERT 0 2\nUPDATE 1\n", "{made:?}");
    let read = bench.run(sql(Effect::Read, "select name, n from repos order by n;")).await;
    assert_eq!(read.stdout.text, " name | n  \n------+----\n web  |  6\n      | 12\n(2 rows)\n\n");
    for (text, expected, outcome) in [
        ("select name, n from repos", "2 rows", Outcome::Pass),
        ("select name, n from repos", "0 rows", Outcome::Fail),
        ("select name from repos where false", "0 rows", Outcome::Pass),
        ("select count(*) from repos", "2", Outcome::Pass),
        ("select count(*) from repos", "< 2", Outcome::Fail),
        ("select '(0 rows)' as x", "0 rows", Outcome::Fail),
        ("select E'a\\nb\\n(0 rows)' as x", "0 rows", Outcome::Fail),
        ("show application_name", "application_name: blocks", Outcome::Pass),
        ("explain select 1", "exit code 0", Outcome::Pass),
        ("select x from generate_series(1, 100000) as x", "100000 rows", Outcome::Ask),
    ] {
        let finished = bench.run(sql(Effect::Read, text)).await;
        assert_eq!(judged(expected, &finished), outcome, "{text}, {expected}: {finished:?}");
    }
    // what goes wrong is rolled back, whole
    let failed = bench.run(sql(Effect::Once, "delete from repos;\nselect 1 / 0;\ndelete from repos;")).await;
    assert_eq!(code(&failed), 1);
    assert!(failed.stderr.text.starts_with("ERROR:  22012: division by zero\n"), "{failed:?}");
    assert_eq!(server.psql("select count(*) from repos;").await.stdout, "2\n");
    // notices are told, and secrets are not
    let text = format!("do $$ begin raise notice 'half way'; end $$; select '{}' as x", server.password());
    let told = bench.run(sql(Effect::Once, &text)).await;
    assert_eq!(told.stderr.text, "NOTICE:  half way\n", "{told:?}");
    assert!(told.stdout.text.contains("[redacted]") && !told.stdout.text.contains(server.password()));
}

#[tokio::test]
async fn values_stay_values_for_postgresql() {
    let Some((server, bench)) = postgres("hostile values in sql").await else { return };
    assert_eq!(server.psql("create table t (v text);").await.code, 0);
    for value in HOSTILE {
        let hex: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
        let text = format!(
            "insert into t values (:'V');\nselect count(*) from t where v = :'V' and v = convert_from('\\x{hex}', 'UTF8');\n"
        );
        let variables = BTreeMap::from([("V".to_owned(), value.to_owned())]);
        let finished = bench.run(Job { variables, ..sql(Effect::Once, &text) }).await;
        assert_eq!(code(&finished), 0, "{value:?}: {finished:?}");
        assert!(finished.stdout.text.ends_with("     1\n(1 row)\n\n"), "{value:?}: {finished:?}");
    }
    assert_eq!(server.psql("select count(*) from t;").await.stdout, format!("{}\n", HOSTILE.len()));
    let refused = bench.executor.run(sql(Effect::Read, "select :'NOBODY'")).await;
    assert!(Bench::refused(refused).contains("`NOBODY`"));
}

#[tokio::test]
async fn what_says_that_it_reads_cannot_write() {
    let Some((server, bench)) = postgres("read-only transactions").await else { return };
    let setup = "create table t (v text);
        create function writes() returns int language sql as $$ insert into t values ('x'); select 1 $$;
        create function frees() returns text language sql as
            $$ select set_config('transaction_read_only', 'off', true) $$;
        create function frees_and_writes() returns int language plpgsql as
            $$ begin set transaction read write; insert into t values ('x'); return 1; end $$;";
    assert_eq!(server.psql(setup).await.code, 0);
    for text in [
        "select writes()",
        "select frees(); select writes()",
        "select frees_and_writes()",
        "select writes() from t",
    ] {
        let finished = bench.run(sql(Effect::Read, text)).await;
        // the last one has no rows to call it for, and says so by running well
        let expected = i32::from(!text.contains("from t"));
        assert_eq!(code(&finished), expected, "{text}: {finished:?}");
        assert_eq!(server.psql("select count(*) from t;").await.stdout, "0\n", "{text}");
    }
    for text in [
        "insert into t values ('x')",
        "select nextval('s')",
        "select pg_terminate_backend(1)",
        "select set_config('transaction_read_only', 'off', true)",
        "commit; insert into t values ('x')",
        "set transaction read write; insert into t values ('x')",
    ] {
        let reason = Bench::refused(bench.executor.run(sql(Effect::Read, text)).await);
        assert!(!reason.is_empty(), "{text}");
    }
    let finished = bench.run(sql(Effect::Idempotent, "select writes()")).await;
    assert_eq!(code(&finished), 0, "{finished:?}");
    assert_eq!(server.psql("select count(*) from t;").await.stdout, "1\n");
}

/// Until nothing of ours is being carried out by the server any more.
async fn is_quiet(server: &Postgres) {
    until("the server has ended the statement", async || {
        let busy =
            "select count(*) from pg_stat_activity where application_name = 'blocks' and state <> 'idle';";
        (server.psql_as_admin(busy).await.stdout == "0\n").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_statement_whose_time_is_up_is_ended_on_the_server() {
    let Some((server, bench)) = postgres("time limits of sql").await else { return };
    assert_eq!(server.psql("create table t (v text);").await.code, 0);
    for (effect, text) in [
        (Effect::Read, "select pg_sleep(1000)"),
        (Effect::Once, "insert into t values ('x'); select pg_sleep(1000)"),
    ] {
        // a busy machine may need longer to connect; then nothing was started
        let mut timeout_ms = 500;
        let finished = loop {
            match bench.executor.run(Job { timeout_ms, ..sql(effect, text) }).await {
                Err(ExecError::NotStarted(_)) if timeout_ms < 60_000 => timeout_ms *= 4,
                finished => break finished.unwrap(),
            }
        };
        assert_eq!(finished.exit, Exit::TimedOut, "{finished:?}");
        is_quiet(&server).await;
    }
    let endless = sql(Effect::Once, "insert into t values ('x'); select pg_sleep(1000)");
    let run = endless.run;
    let cancel = async {
        until("it runs", async || {
            let sleeping = "select count(*) from pg_stat_activity where query like 'select pg_sleep%';";
            (server.psql_as_admin(sleeping).await.stdout == "1\n").then_some(())
        })
        .await;
        bench.executor.cancel(run).await;
    };
    let (finished, ()) = tokio::join!(bench.executor.run(endless), cancel);
    assert_eq!(finished.unwrap().exit, Exit::Cancelled);
    is_quiet(&server).await;
    assert_eq!(server.psql("select count(*) from t;").await.stdout, "0\n");
}

#[tokio::test]
async fn a_connection_that_breaks_leaves_a_doubt_only_where_something_may_have_changed() {
    let Some((server, bench)) = postgres("lost connections to PostgreSQL").await else { return };
    let setup = "create table t (v text);
        create function ends() returns bool language sql as $$ select pg_terminate_backend(pg_backend_pid()) $$;";
    assert_eq!(server.psql(setup).await.code, 0);
    for effect in [Effect::Once, Effect::Idempotent] {
        let lost = bench.executor.run(sql(effect, "insert into t values ('x'); select ends()")).await;
        assert!(matches!(&lost, Err(ExecError::Lost(reason)) if reason.contains("57P01")), "{lost:?}");
    }
    let failed = bench.run(sql(Effect::Read, "select ends()")).await;
    assert_eq!(code(&failed), 2, "{failed:?}");

    // what cannot be reached was not started, and says no password
    let port = server.port();
    for (url, why) in [
        (format!("postgres://blocks:wrong-password-1@127.0.0.1:{port}/blocks"), "28P01"),
        (format!("{}?sslmode=require", server.url()), "TLS"),
        ("postgres://blocks:wrong-password-1@127.0.0.1:1/blocks".to_owned(), "reached"),
    ] {
        let bench = self::bench(vec![connection(ConnectionKind::Postgres, url)]);
        let reason = Bench::refused(bench.executor.run(sql(Effect::Once, "select 1")).await);
        assert!(reason.contains(why), "{why}: {reason}");
        assert!(!reason.contains("wrong-password-1") && !reason.contains(server.password()), "{reason}");
    }
}

#[tokio::test]
async fn queries_are_asked_of_a_real_prometheus() {
    let config = PrometheusConfig { targets: Vec::new(), ..PrometheusConfig::default() };
    let Some(server) = Prometheus::start(&config).await.or_not_run("promql commands on Prometheus") else {
        return;
    };
    let bench = bench(vec![connection(ConnectionKind::Prometheus, server.base().to_owned())]);
    let promql = |text: &str, variables: &[(&str, &str)]| Job {
        variables: variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        ..job(CommandKind::Promql, Effect::Read, text)
    };
    for (text, expected, outcome) in [
        ("vector(3)", "3", Outcome::Pass),
        ("vector(3)", "< 3", Outcome::Fail),
        ("scalar(vector(7))", "> 5", Outcome::Pass),
        ("absent(nothing_has_this_name)", "1", Outcome::Pass),
        ("nothing_has_this_name", "< 3", Outcome::Fail),
    ] {
        let finished = bench.run(promql(text, &[])).await;
        assert_eq!(judged(expected, &finished), outcome, "{text}, {expected}: {finished:?}");
    }
    let wrong = bench.run(promql("no_such_function(up)", &[])).await;
    assert_eq!(code(&wrong), 1, "{wrong:?}");
    assert!(wrong.stderr.text.starts_with("error: bad_data: "), "{wrong:?}");

    // a label that is made of a value is found by that value again, exactly and as a pattern
    for value in HOSTILE {
        let variables = [("V", value), ("N", "-2"), ("W", "5m")];
        let text = "absent(x{a=\"$V\", b='$V', c!~\"y$V\", d=~'z${V}$'}) * $N";
        let finished = bench.run(promql(text, &variables)).await;
        assert_eq!(code(&finished), 0, "{value:?}: {finished:?}");
        let answer: serde_json::Value = serde_json::from_str(&finished.stdout.text).unwrap();
        let series = &answer["data"]["result"];
        assert_eq!(series.as_array().map(Vec::len), Some(1), "{value:?}: {answer}");
        assert_eq!(series[0]["value"][1], "-2", "{value:?}: {answer}");
        // absent() gives back the labels that were asked for
        let label = series[0]["metric"].get("a").and_then(serde_json::Value::as_str).unwrap_or_default();
        assert_eq!(label, value, "{answer}");
    }
    let range = bench.run(promql("count_over_time(vector(1)[$W:1m]) > bool 0", &[("W", "5m")])).await;
    assert_eq!(code(&range), 0, "{range:?}");
    let refused = bench.executor.run(promql("up > $N", &[("N", "1 or up")])).await;
    assert!(Bench::refused(refused).contains("number"));
}
