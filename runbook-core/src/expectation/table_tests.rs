//! Expectations against real-looking output: one row each.

use proptest::prelude::*;

use super::{Check, Expectation, Judgement, Observed, Outcome, classify, judge, judge_command};

const DEPLOY_5_5: &str =
    "NAME   READY   UP-TO-DATE   AVAILABLE   AGE\nweb    5/5     5            5           41d\n";
const DEPLOY_3_5: &str =
    "NAME   READY   UP-TO-DATE   AVAILABLE   AGE\nweb    3/5     5            3           41d\n";
const PODS: &str = "web-6d5f8-2xk4v   1/1   Running   0   3h\nweb-6d5f8-9qz7m   1/1   Running   0   3h\nweb-6d5f8-kk2l9   1/1   Running   2 (4m ago)   3h\n";
const PODS_CRASH: &str = "web-6d5f8-2xk4v   1/1   Running   0   3h\nweb-6d5f8-9qz7m   0/1   CrashLoopBackOff   9 (1m ago)   3h\nweb-6d5f8-kk2l9   1/1   Running   0   3h\n";
const PODS_UNREADY: &str = "web-6d5f8-2xk4v   1/1   Running   0   3h\nweb-6d5f8-9qz7m   0/1   Running   0   9s\nweb-6d5f8-kk2l9   1/1   Running   0   3h\n";
const PODS_HEADER: &str = "NAME              READY   STATUS    RESTARTS   AGE\nweb-6d5f8-2xk4v   1/1     Running   0          3h\nweb-6d5f8-9qz7m   1/1     Running   0          3h\nweb-6d5f8-kk2l9   1/1     Running   0          3h\n";
const NODES: &str = "NAME   STATUS     ROLES    AGE   VERSION\nn1     Ready      <none>   9d    v1.31.2\nn2     Ready      <none>   9d    v1.31.2\n";
const NODES_DOWN: &str = "NAME   STATUS     ROLES    AGE   VERSION\nn1     Ready      <none>   9d    v1.31.2\nn2     NotReady   <none>   9d    v1.31.2\n";
const UNIT: &str = "● web.service - Shop web\n     Loaded: loaded (/lib/systemd/system/web.service; enabled)\n     Active: active (running) since Mon 2025-03-03 09:00:12 UTC; 2h ago\n   Main PID: 812 (web)\n";
const UNIT_DEAD: &str = "○ web.service - active (running) shop\n     Active: inactive (dead) since Mon 2025-03-03 09:00:12 UTC; 2h ago\n";
const CELL_23: &str = " count \n-------\n    23\n(1 row)\n\n";
const CELL_73: &str = " count \n-------\n    73\n(1 row)\n\n";
const REPOS: &str = " repo_name |        onboarded_at        \n-----------+----------------------------\n a         | 2025-03-02 10:00:00\n b         | 2025-03-01 09:00:00\n c         | 2025-02-27 08:30:00\n(3 rows)\n\n";
const REPOS_NONE: &str = " repo_name | onboarded_at \n-----------+--------------\n(0 rows)\n\n";
const REPOS_CUT: &str = " repo_name \n-----------\n a\n b\n(3 rows)\n";
const QUOTA: &str = "PROVIDER   USED\nnorth      12%\nsouth      49%\n";
const QUOTA_HIGH: &str = "PROVIDER   USED\nnorth      12%\nsouth      51%\n";
const QUOTA_GAP: &str = "PROVIDER   USED\nnorth      12%\nsouth      unknown\n";
const LOCK: &str = "{\"ObjectLockConfiguration\":{\"ObjectLockEnabled\":\"Enabled\",\"Rule\":{\"DefaultRetention\":{\"Mode\":\"COMPLIANCE\",\"Years\":7}}}}";
const LOCK_WEAK: &str =
    "{\"ObjectLockConfiguration\":{\"Rule\":{\"DefaultRetention\":{\"Mode\":\"GOVERNANCE\",\"Years\":7}}}}";
const LOCK_SHORT: &str = "{\n  \"Rule\": {\"DefaultRetention\": {\"Mode\": \"COMPLIANCE\", \"Years\": 1}}\n}";
const ENV: &str = "        - name: PRUNING_ENABLED\n          value: \"true\"\n";
const ENV_OFF: &str = "        - name: PRUNING_ENABLED\n          value: \"false\"\n";
const ENV_BOTH: &str =
    "        - name: A\n          value: \"true\"\n        - name: B\n          value: \"false\"\n";
const ROLLED: &str = "Waiting for deployment \"web\" rollout to finish: 1 old replicas are pending termination...\ndeployment \"web\" successfully rolled out\n";
const HEAD_200: &str = "HTTP/2 200 \r\ncontent-type: text/html\r\n\r\n";
const HEAD_REDIRECT: &str = "HTTP/1.1 301 Moved Permanently\r\nlocation: /x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n";
const VERBOSE_503: &str = "> GET / HTTP/1.1\n< HTTP/1.1 503 Service Unavailable\n";
const VECTOR: &str = "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{\"metric\":{},\"value\":[1735689600.1,\"0.02\"]}]}}";
const VECTOR_NAN: &str = "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{\"metric\":{},\"value\":[1735689600.1,\"NaN\"]}]}}";
const VECTOR_NONE: &str = "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[]}}";

/// (expectation, standard output of a command that ended with status 0, outcome)
fn quiet_rows() -> Vec<(&'static str, &'static str, Outcome)> {
    use Outcome::{Ask, Fail, Pass};
    vec![
        // ratios
        ("5/5 ready", DEPLOY_5_5, Pass),
        ("5/5 ready", DEPLOY_3_5, Fail),
        ("5/5 ready", "", Fail),
        ("5/5 ready", "web is fine\n", Fail),
        ("5/5 ready", "NAME READY UP-TO-DATE AVAILABLE AGE\n", Fail),
        ("5/5 ready", "web 15/5 5 5 1d\n", Fail),
        ("5/5 ready", "a 5/5 5 5 1d\nb 5/5 5 5 1d\n", Ask),
        ("5/5 ready", "a 5/5 5 5 1d\nb 4/5 5 4 1d\n", Fail),
        ("5/5", "ready: (5/5)\n", Pass),
        ("5/5", "5/5 checks failed\n", Ask),
        ("5/5 ready", "web 5/5 Unknown 5 1d\n", Ask),
        ("3/3 ready", PODS_HEADER, Pass),
        ("3/3 ready", PODS_UNREADY, Fail),
        ("2/2 Ready", NODES, Pass),
        ("2/2 Ready", NODES_DOWN, Fail),
        ("All pods Running (3/3)", PODS, Pass),
        ("All pods Running (3/3)", PODS_HEADER, Pass),
        ("All pods Running (3/3)", PODS_CRASH, Fail),
        ("All pods Running (3/3)", PODS_UNREADY, Fail),
        ("All pods Running (5/5)", PODS, Fail),
        ("All pods Running (2/2)", PODS, Fail),
        ("All pods Running (3/3)", "", Fail),
        (
            "All pods Running (3/3)",
            "running-a 1/1 Pending 0 1s\nrunning-b 1/1 Pending 0 1s\nrunning-c 1/1 Pending 0 1s\n",
            Fail,
        ),
        ("All pods Running (5/5)", "web 5/5 Running\n", Pass),
        ("All pods Running (5/5)", "web 4/5 Running\n", Fail),
        ("All pods Running (5/5)", "web 5/5 Degraded\n", Fail),
        // counts
        ("0 lines", "", Pass),
        ("0 lines", "\n", Pass),
        ("0 lines", "a failure\n", Fail),
        ("0 lines", "0\n", Ask),
        ("0 rows", REPOS_NONE, Pass),
        ("0 rows", REPOS, Fail),
        ("2-5 rows", REPOS, Pass),
        ("9-50 rows", REPOS, Fail),
        ("9-50 rows", CELL_23, Ask),
        ("9-50 rows", "[]", Ask),
        ("9-50 rows", "", Fail),
        ("2-5 rows", REPOS_CUT, Ask),
        ("Names of stored repos (2-5 repos)", REPOS, Pass),
        ("Names of stored repos (9-50 repos)", REPOS, Fail),
        ("3 pods", PODS, Pass),
        ("3 pods", PODS_HEADER, Pass),
        ("3 lines", PODS_HEADER, Ask),
        ("3 pods", PODS_CRASH, Pass),
        ("at least 1 line", "x\n", Pass),
        ("at least 1 line", "", Fail),
        ("at least 1 line", "Error from server (Forbidden): pods is forbidden\n", Ask),
        // numbers
        ("< 50", CELL_23, Pass),
        ("< 50", CELL_73, Fail),
        ("< 50", " count \n-------\n(0 rows)\n", Fail),
        ("< 50", "23\n", Pass),
        ("< 50", "50\n", Fail),
        ("<= 50", "50\n", Pass),
        ("< 50", "23 connections\n", Pass),
        ("< 50", "23 of 100\n", Ask),
        ("< 50", "1,023\n", Ask),
        ("< 50", "23%\n", Ask),
        ("< 50", "23ms\n", Ask),
        ("< 50", "version v1.2\n", Fail),
        ("< 50", "NaN\n", Fail),
        ("< 50", "at 10:30 there were none\n", Ask),
        ("< 50", "{\"count\": 23}", Pass),
        ("< 50", "{\"count\": 23, \"limit\": 200}", Ask),
        ("> 0.01", VECTOR, Pass),
        ("< 0.01", VECTOR, Fail),
        ("< 0.01", VECTOR_NAN, Fail),
        ("< 0.01", VECTOR_NONE, Fail),
        ("below 10 %", "error rate: 2.5 %\n", Pass),
        ("below 10 %", "error rate: 12.5 %\n", Fail),
        ("below 10 %", "error rate: 0.02\n", Ask),
        ("below 10 %", "errors 2%, retries 3%\n", Ask),
        ("below 10 %", "none\n", Fail),
        ("200", "200\n", Pass),
        ("200", "404\n", Fail),
        ("All providers < 50%", QUOTA, Pass),
        ("All providers < 50%", QUOTA_HIGH, Fail),
        ("All providers < 50%", QUOTA_GAP, Ask),
        ("All providers < 50%", "", Fail),
        ("All providers < 50%", "PROVIDER USED LIMIT\n", Fail),
        ("All providers < 50%", "north: 12%\nsouth: 50%\n", Fail),
        ("All providers < 50%", "north: 12%\nsouth: 5%\n", Pass),
        ("All providers < 50%", "quota service did not answer\n", Ask),
        // HTTP
        ("HTTP 200", "200", Pass),
        ("HTTP 200", "200\n", Pass),
        ("HTTP 200", "503\n", Fail),
        ("HTTP 200", "000\n", Fail),
        ("HTTP 200", HEAD_200, Pass),
        ("HTTP 200", HEAD_REDIRECT, Pass),
        ("HTTP 200", "HTTP/1.1 500 Internal Server Error\r\n\r\nHTTP/1.1 200 OK is what you wanted\n", Fail),
        ("HTTP 200", "HTTP/1.1 200 Connection established\r\n\r\nHTTP/1.1 502 Bad Gateway\r\n\r\n", Fail),
        ("HTTP 200", "<html>all 200 fine</html>\n", Ask),
        ("HTTP 200", "{\"status\":200}\n", Ask),
        ("HTTP 200", "", Ask),
        // text
        ("\"deployment 'web' successfully rolled out\"", ROLLED, Pass),
        ("\"deployment 'shop' successfully rolled out\"", ROLLED, Fail),
        ("\"deployment 'web' successfully rolled out\"", "", Fail),
        (
            "\"deployment 'web' successfully rolled out\"",
            "deployment \"web\" not successfully rolled out\n",
            Fail,
        ),
        ("\"successfully rolled out\"", "deployment \"web\" was not successfully rolled out\n", Ask),
        ("\"successfully rolled out\"", "deployment \"web\" unsuccessfully rolled out\n", Fail),
        ("web:v1.1", "web:v1.1", Pass),
        ("web:v1.1", "web:v1.10", Fail),
        ("web:v1.1", "web:v1.1.3", Ask),
        ("web:v1.1", "web:v1.1-debug", Ask),
        ("web:v1.1", "web:v1.2", Fail),
        ("web:v1.1", "myweb:v1.1", Fail),
        ("web:v1.1", "registry.example.com/web:v1.1", Ask),
        ("web:v1.1", "web:v1.1 web:v1.2", Ask),
        ("web:v1.1", "web:v1.1 proxy:2.0", Pass),
        ("web:v1.1 (the one before)", "image: web:v1.1\n", Pass),
        ("Running", "Running", Pass),
        ("Running", "'Running'\n", Pass),
        ("Running", "NotRunning\n", Fail),
        ("Running", "Not Running\n", Ask),
        ("Running", "Running\nPending\n", Ask),
        ("Running", "running\n", Ask),
        ("Running", "Pending\n", Fail),
        ("active", "inactive\n", Fail),
        ("\"Paused\"", "Paused\n", Pass),
        ("`ready to serve`", "\u{1b}[32mready  to serve\u{1b}[0m\n", Pass),
        // pairs
        ("Mode=COMPLIANCE, Years=7", LOCK, Pass),
        ("Mode=COMPLIANCE, Years=7", LOCK_WEAK, Fail),
        ("Mode=COMPLIANCE, Years=7", LOCK_SHORT, Fail),
        ("Mode=COMPLIANCE, Years=7", "{}", Fail),
        ("Mode=COMPLIANCE, Years=7", "None\n", Fail),
        ("Mode=COMPLIANCE, Years=7", "|  Mode   |  COMPLIANCE  |\n|  Years  |  7  |\n", Pass),
        ("Mode=COMPLIANCE, Years=7", "Mode=COMPLIANCE Years=7\n", Pass),
        ("Mode=COMPLIANCE, Years=7", "Mode=COMPLIANCE Years=70\n", Fail),
        ("value: \"true\"", ENV, Pass),
        ("value: \"true\"", ENV_OFF, Fail),
        ("value: \"true\"", ENV_BOTH, Ask),
        ("value: \"true\"", "", Fail),
        ("enabled: true", "repo: a\nenabled: true\n", Pass),
        ("enabled: true", "enabled: false\n", Fail),
        ("enabled: true", "enabled: true (cached)\n", Ask),
        ("enabled: true", "# enabled: true\n", Fail),
        ("enabled: true", "not-enabled: true\n", Fail),
        ("enabled: true", "it is not enabled: true\n", Ask),
        ("enabled: true", "{\"enabled\": true}", Pass),
        ("enabled: true", "[{\"enabled\": true}, {\"enabled\": false}]", Ask),
        ("enabled: true", "[{\"enabled\": false}]", Fail),
        ("enabled: true", "{\"Enabled\": true}", Ask),
        ("enabled: true", "{\"enabled\": {\"x\": true}}", Ask),
        ("enabled: true", "{\"enabled\": true", Ask),
        ("enabled: true", "NAME   ENABLED   AGE\na      true      1d\n", Pass),
        ("enabled: true", "NAME   ENABLED   AGE\na      true      1d\nb      false     1d\n", Ask),
        ("enabled: true", " repo | enabled \n------+---------\n a    | true\n(1 row)\n", Pass),
        // numbers with a name
        ("lag < 10s", "lag: 3m\n", Fail),
        ("lag < 10s", "lag: 3s\n", Pass),
        ("lag < 10s", "lag: 3\n", Ask),
        ("lag < 10s", "replay_lag: 3s\n", Ask),
        ("lag < 10s", "lag: 3s (estimated)\n", Ask),
        ("lag < 10s", "lag: unknown\n", Ask),
        ("lag < 10s", "3s\n", Ask),
        ("lag < 10s", "", Fail),
        ("lag < 10s", "a lag=1s\nb lag=90s\n", Ask),
        ("lag < 10s", "{\"lag\": \"3m\"}", Fail),
        ("lag < 10s", "{\"lag\": {\"p\": \"3s\"}}", Ask),
        ("error rate < 1 %", "error rate: 0.4 %\n", Pass),
        ("error rate < 1 %", "error rate: 4 %\n", Fail),
        ("restarts < 3", "NAME   RESTARTS   AGE\na      0          1d\nb      2          1d\n", Pass),
        ("restarts < 3", "NAME   RESTARTS   AGE\na      0          1d\nb      7          1d\n", Fail),
        // every row
        ("All pods Running", PODS_HEADER, Pass),
        ("All pods Running", PODS, Pass),
        ("All pods Running", PODS_CRASH, Fail),
        ("All pods Running", PODS_UNREADY, Fail),
        ("All pods Running", "NAME READY STATUS RESTARTS AGE\nrunning-1 0/1 CrashLoopBackOff 9 1h\n", Fail),
        (
            "All pods Running",
            "NAME READY STATUS RESTARTS AGE\na 1/1 Running 0 1h\nb 0/1 Completed 0 1h\n",
            Ask,
        ),
        ("All pods Running", "everything is Running\n", Ask),
        ("All pods Running", "", Fail),
        ("All nodes Ready", NODES, Pass),
        ("All nodes Ready", NODES_DOWN, Fail),
        // two things in one line
        ("5/5 ready and 0 errors", DEPLOY_5_5, Ask),
        ("5/5 ready (0 errors)", DEPLOY_5_5, Ask),
        ("5/5 ready", "10.5/5 ready\n", Fail),
        // psql
        ("1 row", "(1 row)\n", Pass),
        ("2 rows", "(2 rows)\n", Pass),
        ("1 row", "(2 rows)\n", Fail),
        ("(1 row)", CELL_23, Pass),
        ("1 row", CELL_23, Ask),
        ("1 row", " id \n----\n 23\n(1 row)\n\n", Pass),
        ("1 row", " pid \n-----\n(0 rows)\n\n", Fail),
        ("true", " pg_is_in_recovery \n-------------------\n t\n(1 row)\n\n", Pass),
        ("false", " pg_is_in_recovery \n-------------------\n t\n(1 row)\n\n", Fail),
        ("f", " pg_is_in_recovery \n-------------------\n f\n(1 row)\n\n", Pass),
        ("true", " on \n----\n t\n f\n(2 rows)\n\n", Ask),
        ("true", "t\n", Pass),
        ("false", "t\n", Fail),
        ("t", "true\n", Ask),
        ("true", "test t\n", Fail),
        ("enabled: true", " repo | enabled \n------+---------\n a    | t\n(1 row)\n", Pass),
        ("enabled: true", " repo | enabled \n------+---------\n a    | f\n(1 row)\n", Fail),
        ("enabled: true", "enabled: t\n", Ask),
        // systemd
        ("active (running)", UNIT, Pass),
        ("active (exited)", UNIT, Fail),
        ("active (running)", UNIT_DEAD, Fail),
        ("active (running)", "active\n", Ask),
        ("active (running)", "inactive\n", Fail),
        // the rest
        ("exit code 1", "whatever\n", Fail),
        ("exit code 1", "exit: 1\n", Ask),
        ("exit code 0", "whatever\n", Pass),
        ("The flow succeeds with v1.1", "succeeded\n", Ask),
        ("Notice seen in #alerts within 30s", "sent\n", Ask),
        ("≥30 trained, ≥80% passed", "31 trained, 90% passed\n", Ask),
    ]
}

fn ended(stdout: &str) -> Observed<'_> {
    Observed { exit_code: Some(0), stdout, stderr: "", truncated: false, elapsed_ms: 100, timed_out: false }
}

fn explained(written: &str, observed: &Observed<'_>) -> Judgement {
    judge(&classify(written), observed)
}

#[test]
fn output_of_commands_that_ended_well() {
    let rows = quiet_rows();
    assert!(rows.len() >= 80, "{} rows", rows.len());
    let mut wrong = Vec::new();
    for (written, stdout, outcome) in rows {
        let found = explained(written, &ended(stdout));
        assert!(!found.reason.is_empty());
        if found.outcome != outcome {
            wrong.push(format!("{written} on {stdout:?}: {found:?}, wanted {outcome:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn output_that_was_cut_never_passes() {
    for (written, stdout, _) in quiet_rows() {
        let cut = Observed { truncated: true, ..ended(stdout) };
        let expectation = classify(written);
        if expectation.check != Check::ExitZero {
            assert_ne!(judge(&expectation, &cut).outcome, Outcome::Pass, "{written} on {stdout:?}");
        }
    }
}

#[test]
fn a_failed_command_fails_what_is_expected_of_it() {
    use Outcome::{Fail, Late, Pass};
    // expectation, exit status, stdout, stderr, outcome
    let rows = [
        ("5/5 ready", 1, DEPLOY_5_5, "", Fail),
        ("< 50", 2, CELL_23, "", Fail),
        ("enabled: true", 1, "enabled: true\n", "", Fail),
        ("\"rolled out\"", 1, "rolled out\n", "", Fail),
        ("The flow succeeds", 1, "", "", Fail),
        ("exit code 0", 3, "", "", Fail),
        ("exit code 1", 1, "", "", Pass),
        ("exit code 1", 2, "", "", Fail),
        ("exit code 1", 127, "", "", Fail),
        ("exit code 124 within 5s", 124, "", "", Pass),
        ("0 lines", 1, "", "", Pass),
        ("0-3 lines", 1, "", "", Pass),
        ("0 lines", 1, "", "Error from server (NotFound): pods \"x\" not found", Fail),
        ("0 lines", 1, "a line\n", "", Fail),
        ("0 lines", 2, "", "grep: x: No such file or directory", Fail),
        ("0 lines", 127, "", "", Fail),
        ("1 line", 1, "", "", Fail),
        ("HTTP 200", 22, "", "curl: (22) The requested URL returned error: 503", Fail),
        ("HTTP 503", 22, "", "curl: (22) The requested URL returned error: 503", Pass),
        ("HTTP 503", 22, "", "", Fail),
        ("HTTP 200", 7, "", "curl: (7) Failed to connect", Fail),
        ("HTTP 200", 28, "200", "", Fail),
        ("\"rolled out\" within 45s", 1, "", "error: timed out waiting for the condition", Late),
        ("\"rolled out\" within 45s", 124, "", "", Late),
        ("\"rolled out\" within 45s", 1, "", "error: deployment exceeded its progress deadline", Fail),
        ("\"rolled out\"", 1, "", "error: timed out waiting for the condition", Fail),
    ];
    for (written, exit_code, stdout, stderr, outcome) in rows {
        let observed = Observed { exit_code: Some(exit_code), stderr, ..ended(stdout) };
        let found = explained(written, &observed);
        assert_eq!(found.outcome, outcome, "{written}, {exit_code}: {found:?}");
        if outcome == Fail {
            assert!(found.reason.contains(&format!("exit status {exit_code}")), "{found:?}");
        }
    }
}

#[test]
fn deadlines_are_late_and_time_limits_fail() {
    let slow = Observed { elapsed_ms: 46_000, ..ended("rolled out\n") };
    assert_eq!(explained("\"rolled out\" within 45s", &slow).outcome, Outcome::Late);
    assert_eq!(explained("\"rolled out\" within 1 min", &slow).outcome, Outcome::Pass);
    for (stdout, part) in
        [("Waiting\n", "not ended within 45 s"), ("rolled out\n", "found `rolled out`, but")]
    {
        let stopped = Observed { exit_code: None, timed_out: true, elapsed_ms: 45_000, ..ended(stdout) };
        let found = explained("\"rolled out\" within 45s", &stopped);
        assert_eq!(found.outcome, Outcome::Late);
        assert!(found.reason.contains(part), "{found:?}");
    }
    let wrong = Observed { elapsed_ms: 46_000, ..ended("failed\n") };
    assert_eq!(explained("\"rolled out\" within 45s", &wrong).outcome, Outcome::Fail);
    let stopped = Observed { exit_code: None, timed_out: true, elapsed_ms: 45_000, ..ended("Waiting...\n") };
    assert_eq!(explained("\"rolled out\" within 45s", &stopped).outcome, Outcome::Late);
    assert_eq!(explained("\"rolled out\"", &stopped).outcome, Outcome::Fail);
    let killed = Observed { exit_code: None, ..ended("rolled out\n") };
    assert_eq!(explained("\"rolled out\"", &killed).outcome, Outcome::Fail);
}

#[test]
fn standard_error_is_not_ignored() {
    let noisy = |stdout, stderr| Observed { stderr, ..ended(stdout) };
    let rows = [
        ("0 rows", "", "No resources found in prod namespace.", Outcome::Pass),
        ("0 rows", "", "Warning: something", Outcome::Ask),
        ("5/5 ready", DEPLOY_5_5, "Warning: v1 is deprecated", Outcome::Pass),
        ("5/5 ready", DEPLOY_5_5, "error: the first command failed", Outcome::Ask),
        ("\"rolled out\"", "", "rolled out", Outcome::Ask),
        ("HTTP 503", "", VERBOSE_503, Outcome::Pass),
        ("HTTP 200", "", VERBOSE_503, Outcome::Fail),
        ("exit 0", "", "error: whatever", Outcome::Pass),
    ];
    for (written, stdout, stderr, outcome) in rows {
        assert_eq!(explained(written, &noisy(stdout, stderr)).outcome, outcome, "{written}: {stderr}");
    }
}

#[test]
fn without_expectations_the_exit_status_counts() {
    assert_eq!(judge_command(&[], &ended(""))[0].outcome, Outcome::Pass);
    let failed = Observed { exit_code: Some(1), ..ended("") };
    let found = judge_command(&[], &failed);
    assert_eq!((found.len(), found[0].outcome), (1, Outcome::Fail));
    let two = [classify("5/5"), classify("exit 0")];
    let outcomes: Vec<Outcome> = judge_command(&two, &ended("4/5")).into_iter().map(|j| j.outcome).collect();
    assert_eq!(outcomes, [Outcome::Fail, Outcome::Pass]);
    // a status that is expected does not speak against the output
    let person = judge_command(
        &[classify("exit code 1"), classify("The job is gone")],
        &Observed { exit_code: Some(1), ..ended("") },
    );
    assert!(person[1].outcome == Outcome::Ask && !person[1].reason.contains("status 0"), "{person:?}");
    let expected = [classify("exit code 1"), classify("\"no such job\"")];
    for (stdout, second) in [("no such job\n", Outcome::Pass), ("ready\n", Outcome::Fail)] {
        let observed = Observed { exit_code: Some(1), ..ended(stdout) };
        let outcomes: Vec<Outcome> =
            judge_command(&expected, &observed).into_iter().map(|j| j.outcome).collect();
        assert_eq!(outcomes, [Outcome::Pass, second], "{stdout}");
    }
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,60}",
        "(all |every |[0-9]{1,3}|/| |<|>|%|ready|Running|rows|lines|HTTP |\"|'|\\(|\\)|: |=|within |s|true|web:v1|,|-|\\.|\n){0,14}",
    ]
}

proptest! {
    #[test]
    fn classifying_is_idempotent(text in any_text()) {
        let once = classify(&text);
        let twice = classify(&once.text);
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn judging_never_panics_and_gives_reasons(
        text in any_text(),
        stdout in any_text(),
        stderr in any_text(),
        exit_code in proptest::option::of(-1..130_i32),
        truncated in any::<bool>(),
        timed_out in any::<bool>(),
        elapsed_ms in any::<u64>(),
    ) {
        let observed = Observed { exit_code, stdout: &stdout, stderr: &stderr, truncated, elapsed_ms, timed_out };
        for judgement in judge_command(&[classify(&text)], &observed) {
            prop_assert!(!judgement.reason.is_empty());
            let ended_well = exit_code == Some(0) && !timed_out;
            let exempt = matches!(classify(&text).check, Check::Count { min: 0, .. } | Check::HttpStatus { .. } | Check::ExitStatus { .. });
            prop_assert!(judgement.outcome != Outcome::Pass || ended_well || exempt);
        }
    }

    #[test]
    fn nothing_typed_passes_without_output(text in any_text()) {
        let expectation: Expectation = classify(&text);
        let silent = judge(&expectation, &ended(""));
        let may_pass = matches!(expectation.check, Check::ExitZero | Check::Count { min: 0, .. });
        prop_assert!(silent.outcome != Outcome::Pass || may_pass, "{:?}", expectation);
    }
}
