//! The watcher is watched: Blocks is heard of while it works, and a silence is told of when it is over. Changes are told, too.

use std::sync::{Arc, Mutex};

use blocks_tests::{AppConfig, TestApp, text, until};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const SECRET: &str = "a-word-that-only-they-know";
const ROUTING_KEY: &str = "0123456789abcdef0123456789abcdef";

/// A dead man's switch: it keeps the first line of every request.
async fn switch() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let keeps = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0_u8; 4_096];
            let read = stream.read(&mut request).await.unwrap_or_default();
            let line =
                String::from_utf8_lossy(&request[..read]).lines().next().unwrap_or_default().to_owned();
            keeps.lock().unwrap().push(line);
            let _ =
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
        }
    });
    (address, heard)
}

fn config(address: &str) -> AppConfig {
    AppConfig {
        triage: None,
        environment: vec![
            ("HEARTBEAT_SECRET", SECRET.to_owned()),
            ("PAGERDUTY_ROUTING_KEY", ROUTING_KEY.to_owned()),
        ],
        more: format!("[heartbeat]\nurl = \"http://{address}/ping/{{secret}}\"\nevery_s = 1\ngap_s = 3\n"),
        ..AppConfig::default()
    }
}

fn silences(state: &Value) -> Vec<Value> {
    let all = state["pagerduty"]["incidents"].as_array().cloned().unwrap_or_default();
    all.into_iter().filter(|one| text(&one["title"]).starts_with("Blocks did not work from ")).collect()
}

#[tokio::test]
async fn it_is_heard_while_it_works_and_its_silence_is_told_when_that_is_over() {
    let (address, heard) = switch().await;
    let mut app = TestApp::start(&config(&address)).await;
    let count = || heard.lock().unwrap().len();
    until("it is heard several times", async || (count() >= 3).then_some(())).await;
    assert_eq!(heard.lock().unwrap()[0], format!("POST /ping/{SECRET} HTTP/1.1"));
    assert!(app.metric("blocks_heartbeat_timestamp_seconds").await > 1_700_000_000);
    // the process is there, and what it is for does not work
    app.limit_file_size(Some(1));
    until("it says so", async || {
        (app.page_of("/metrics").await.body.contains("blocks_heartbeat_missed_total")).then_some(())
    })
    .await;
    let missed = app.metric("blocks_heartbeat_missed_total").await;
    let before = count();
    until("more beats are due", async || {
        (app.metric("blocks_heartbeat_missed_total").await >= missed + 2).then_some(())
    })
    .await;
    assert_eq!(count(), before, "nothing was heard meanwhile");
    app.limit_file_size(None);
    until("it is heard again", async || (count() > before).then_some(())).await;
    // killed: a silence that nobody meant
    app.outbox_is_empty().await;
    let earlier = silences(&app.state().await).len();
    app.kill_9().await;
    let due = "SELECT count(*) FROM timers WHERE key = 'heartbeat' AND due < CAST(unixepoch('subsec') * 1000000 AS INTEGER)";
    until("it was silent for long enough", async || (app.sql(due) == 1).then_some(())).await;
    app.start_server().await;
    let told = app
        .state_when("its silence is told, and over", |state| {
            silences(state).into_iter().nth(earlier).filter(|one| one["status"] == "resolved")
        })
        .await;
    assert_eq!(told["urgency"], "low", "it wakes nobody: {told}");
    let log = app.log("server.log");
    assert!(!log.contains(SECRET) && !log.contains(ROUTING_KEY), "{log}");
    app.assert_journal_verifies().await;
}

const CHANGE: &str = "---\ntitle: Change it\nservice: flowengine\nlock: flowengine\n---\n# Change it\n\n## Step 1: Change\n\n```bash {name=change effect=once timeout=300s}\necho changed >> effects\nwhile [ ! -e gate ] && [ -d \"$PWD\" ]; do sleep 0.05; done\necho done\n# Expected: \"done\"\n```\n";

#[tokio::test]
async fn a_run_that_changes_something_is_a_change_at_pagerduty() {
    let environment = vec![("PAGERDUTY_ROUTING_KEY", ROUTING_KEY.to_owned())];
    let app = TestApp::start(&AppConfig { environment, ..AppConfig::with_rollback(CHANGE) }).await;
    let (ana, ben) = (app.token("ana").await, app.token("ben").await);
    let request = serde_json::json!({ "request": "runbook_rollback", "service": "flowengine", "params": {} });
    let run = text(&app.api(Some(&ana), request).await.json()["data"]["id"]);
    assert_eq!(app.approve(&ben, &run).await.status, 200);
    let told = |state: &Value| state["pagerduty"]["change_events"].as_array().cloned().unwrap_or_default();
    app.state_when("that it has begun is told", |state| (told(state).len() == 1).then_some(())).await;
    app.open_gate("gate");
    app.run_when(&run, "succeeded").await;
    app.state_when("how it ended is told", |state| (told(state).len() == 2).then_some(())).await;
    app.outbox_is_empty().await;
    let told = told(&app.state().await);
    let words: Vec<_> = told.iter().map(|one| text(&one["custom_details"]["status"])).collect();
    assert_eq!(words, ["begun", "succeeded"]);
    for one in &told {
        assert_eq!(text(&one["custom_details"]["run"]), run, "{one}");
        assert!(text(&one["summary"]).starts_with("Change it on flowengine: "), "{one}");
    }
    assert!(!app.log("server.log").contains(ROUTING_KEY));
}
