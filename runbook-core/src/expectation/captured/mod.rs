//! A second table for the judge, of what real programs printed, written down without a look at the judge.
//!
//! The outputs were captured from bash, grep, git, procps, openssl, jq, curl, psql, redis-cli, promtool, kubectl, docker,
//! aws, nginx and their like, each run the way a command of a runbook is. Behind them stood a PostgreSQL, a Redis and
//! a Prometheus; a small HTTP server answered curl, and small stand-ins for their APIs answered kubectl, docker and aws, so
//! that tables and messages are laid out by the real clients. Addresses, ports, paths, dates and process ids were replaced
//! by neutral ones of the same shape; a `truncated` output is a captured one of which only the beginning was kept, and
//! `elapsed` was set by hand. Nothing else was changed.
//!
//! Each truth was decided from the output and the expectation alone. The format is that of the other table.

use super::judge;
use super::judge_table::{Row, Score, read};

const FILES: [(&str, &str); 10] = [
    ("curl", include_str!("curl.txt")),
    ("psql", include_str!("psql.txt")),
    ("prometheus", include_str!("prometheus.txt")),
    ("redis", include_str!("redis.txt")),
    ("tools", include_str!("tools.txt")),
    ("locale", include_str!("locale.txt")),
    ("kubectl", include_str!("kubectl.txt")),
    ("cloud", include_str!("cloud.txt")),
    ("text", include_str!("text.txt")),
    ("shell", include_str!("shell.txt")),
];

#[test]
fn captured_output_is_judged_as_a_person_would() {
    let rows: Vec<Row> = FILES.iter().flat_map(|(tool, text)| read(tool, text)).collect();
    assert!(rows.len() >= 1500, "{} rows", rows.len());
    let score = Score::of(&rows, judge);
    println!("{}", score.report());
    println!("asked where that is as good: {}", score.asked.len());
    let Score { false_passes, false_fails, mislabelled, unsure, .. } = &score;
    assert!(false_passes.is_empty(), "false passes:\n{}", false_passes.join("\n"));
    assert!(mislabelled.is_empty(), "mislabelled:\n{}", mislabelled.join("\n"));
    assert!(score.percent(false_fails) <= 0.5, "false fails:\n{}", false_fails.join("\n"));
    assert!(score.percent(unsure) <= 7.0, "needless questions:\n{}", unsure.join("\n"));
}
