//! Payloads that others collected, through the real routes: each is taken or politely refused, none is lost, none is a 500.

use std::path::{Path, PathBuf};

use blocks_tests::{AppConfig, TestApp, form, unix_now};
use serde_json::Value;

/// Files that the collection has.
const FILES: usize = 55;

/// `BLOCKS_SHARED`, or the folder `shared` beside the checkout.
fn folder() -> PathBuf {
    std::env::var_os("BLOCKS_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from)
        .join("corpus/payloads/slack")
}

/// The same payload as each of the three ways in would bring it.
fn ways(value: &Value) -> [(&'static str, String); 3] {
    let written = value.get("body").and_then(Value::as_str).map(str::to_owned);
    let command = written.unwrap_or_else(|| {
        let fields = value.as_object().into_iter().flatten();
        let pairs: Vec<(&str, &str)> =
            fields.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?))).collect();
        form(&pairs)
    });
    [
        ("/slack/commands", command),
        ("/slack/interactions", form(&[("payload", &value.to_string())])),
        ("/slack/events", value.to_string()),
    ]
}

#[tokio::test]
async fn collected_payloads_are_taken_by_every_way_and_none_is_lost() {
    let Ok(entries) = std::fs::read_dir(folder()) else {
        println!("not run: no collection of Slack's payloads beside the checkout ({})", folder().display());
        return;
    };
    let app = TestApp::start(&AppConfig { triage: None, ..AppConfig::default() }).await;
    let (mut read, mut taken) = (0, 0);
    for entry in entries {
        let path = entry.unwrap().path();
        let value: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        read += 1;
        for (way, body) in ways(&value) {
            let answer = app.raw_slack(way, &body, unix_now(), None).await;
            assert_eq!(answer.status, 200, "{way} {}: {}", path.display(), answer.body);
            taken += 1;
        }
    }
    println!("read {read} files, {taken} requests");
    assert_eq!(read, FILES);
    // what is kept is dealt with, or kept as it came
    app.sql_when("SELECT count(*) FROM inbox WHERE state = 'pending'", 0).await;
    let kept = app.sql("SELECT count(*) FROM inbox WHERE source = 'slack'");
    assert!(kept >= 60, "{kept} of {taken} are on record: challenges, checks, help and repetitions are not");
    assert_eq!(app.page_of("/health").await.status, 200);
    app.assert_journal_verifies().await;
}
