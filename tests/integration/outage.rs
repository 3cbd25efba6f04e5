//! Slack, or Slack and PagerDuty, are away for some seconds of a P1, with the real server: the incident is led from a shell, and
//! afterwards both show all of it, in order, once. Ten minutes and an hour of it, in virtual time, are tests of the engine.

use std::collections::BTreeMap;
use std::path::Path;

use blocks_tests::{AppConfig, TestApp, messages_with_key, run, run_status, text, timeline_types, until};
use serde_json::{Value, json};

const ROLLBACK: &str = "---\ntitle: Back\nservice: flowengine\n---\n# Back\n\n## Step 1: Return (5 min)\n\n```bash {effect=once}\necho back >> back.txt\necho \"rolled back\"\n# Expected: \"rolled back\"\n```\n";

/// `ana` is the person before this terminal.
async fn config() -> AppConfig {
    let user = run(Path::new("/usr/bin/env"), &["id", "-un"], &BTreeMap::from([path()])).await;
    AppConfig {
        people: vec![("ben", "\"responder\""), ("ana", "\"commander\", \"responder\"")],
        more: format!("os_user = \"{}\"\n", user.stdout.trim()),
        ..AppConfig::with_rollback(ROLLBACK)
    }
}

fn path() -> (String, String) {
    ("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned())
}

/// A verb in a shell, which must do what it says; its JSON.
async fn shell(app: &TestApp, words: &[&str]) -> Value {
    let mut words = words.to_vec();
    words.extend(["-o", "json"]);
    let finished = app.blocks(&words).await;
    assert_eq!(finished.code, 0, "{words:?}: {finished:?}");
    finished.json()
}

fn keyed(state: &Value, kind: &str) -> Vec<Value> {
    messages_with_key(state, kind).into_iter().map(|(_, message)| message).collect()
}

/// Everything that was to leave is there, once, and says how it is now.
#[track_caller]
fn assert_converged(app: &TestApp, state: &Value) {
    let mut seen = BTreeMap::<String, u32>::new();
    for message in keyed(state, "") {
        *seen.entry(text(&message["metadata"]["event_payload"]["key"])).or_default() += 1;
    }
    assert!(seen.values().all(|count| *count == 1), "something is there twice: {seen:?}");
    for kind in ["card", "plan", "progress", "note"] {
        let there = seen.keys().filter(|key| key.starts_with(&format!("{kind}/"))).count();
        let asked = app.sql(&format!("SELECT count(*) FROM outbox WHERE key LIKE '{kind}/%'"));
        assert_eq!(i64::try_from(there).unwrap(), asked, "{kind}: {seen:?}");
    }
    assert_eq!(app.sql("SELECT count(*) FROM outbox WHERE state <> 'sent'"), 0, "nothing was given up");
    let one = |kind: &str| keyed(state, kind).pop().unwrap_or_else(|| panic!("no {kind}"));
    let (card, plan, progress) = (one("card/"), one("plan/"), one("progress/"));
    assert!(card["blocks"].to_string().contains("*Status:* resolved"), "{card}");
    assert!(!plan["blocks"].to_string().contains("blocks:approve"), "{plan}");
    assert!(progress["blocks"].to_string().contains("*State:* succeeded"), "{progress}");
    assert_eq!(progress["thread_ts"], plan["ts"], "the progress is below its plan");
    let mut notes = keyed(state, "note/");
    notes.sort_by_key(|note| text(&note["ts"]));
    assert!(notes.iter().all(|note| note["thread_ts"] == card["ts"]), "notes are below the card: {notes:?}");
    let said: Vec<_> = notes.iter().map(|note| text(&note["text"])).collect();
    let place = |what: &str| said.iter().position(|line| line.contains(what));
    assert!(
        place("half of it fails").is_some() && place("half of it fails") < place("we roll back"),
        "{said:?}"
    );
}

async fn led_from_a_shell(app: &TestApp, ben: &str) {
    led_until_it_helped(app, ben).await;
    shell(app, &["resolve", "INC-1"]).await;
    is_over(app).await;
}

async fn is_over(app: &TestApp) {
    app.incident_when("INC-1", "it is resolved and reviewed", |shown| {
        shown["status"] == "resolved" && shown["review_file"].is_string()
    })
    .await;
}

async fn led_until_it_helped(app: &TestApp, ben: &str) {
    let acked = shell(app, &["ack", "INC-1"]).await;
    assert_eq!((&acked["number"], &acked["status"]), (&json!(1), &json!("acknowledged")), "{acked}");
    shell(app, &["update", "half of it fails"]).await;
    shell(app, &["update", "we roll back"]).await;
    // somebody else asks for it, so that the one in the shell can say yes
    let asked = json!({ "request": "runbook_rollback", "service": "flowengine", "params": {} });
    assert_eq!(app.api(Some(ben), asked).await.status, 200);
    let shown = app
        .incident_when("INC-1", "a rollback waits for a yes", |shown| {
            run_status(shown) == "waiting_for_approval"
        })
        .await;
    let id = text(&blocks_tests::rollback_of(&shown)["id"]);
    let status = shell_status(app, &id).await;
    let code = text(&status["code"]);
    let approve = ["runbook", "approve", &id, "--fingerprint", &code, "--reason", "it has to be"];
    let finished = app.blocks(&[&approve[..], &["-o", "json", "--wait", "30s"]].concat()).await;
    assert!(finished.code == 0, "{finished:?}");
    app.run_when(&id, "succeeded").await;
    assert_eq!(app.effects("back.txt"), 1);
}

/// A run that waits for a person has another exit code than one that is done.
async fn shell_status(app: &TestApp, id: &str) -> Value {
    app.blocks(&["runbook", "status", id, "-o", "json"]).await.json()
}

#[tokio::test]
async fn led_from_a_shell_while_slack_is_away_and_all_is_there_when_it_is_back() {
    let app = TestApp::start(&config().await).await;
    let ben = app.token("ben").await;
    app.page("Flow failures").await;
    app.incident_when("INC-1", "its card is posted", |shown| {
        timeline_types(shown).contains(&"card_posted".to_owned())
    })
    .await;
    app.outbox_is_empty().await;
    app.control("faults", json!({ "slack": "down" })).await;
    led_from_a_shell(&app, &ben).await;
    assert!(keyed(&app.state().await, "plan/").is_empty(), "nothing of it is in Slack");
    app.control("faults", json!({ "slack": "ok" })).await;
    app.outbox_is_empty().await;
    assert_converged(&app, &app.state().await);
    assert_eq!(app.effects("back.txt"), 1);
    app.assert_journal_verifies().await;
}

/// Slack is away before the page comes, and the server is killed meanwhile.
#[tokio::test]
async fn an_incident_that_slack_has_not_seen_at_all_is_all_there_in_the_end() {
    let mut app = TestApp::start(&config().await).await;
    let ben = app.token("ben").await;
    app.control("faults", json!({ "slack": "down" })).await;
    let page = app.page("Flow failures").await;
    app.acknowledged(&page).await;
    app.incident_when("INC-1", "it is open", |shown| !shown.is_null()).await;
    led_from_a_shell(&app, &ben).await;
    app.kill_9().await;
    app.start_server().await;
    assert!(keyed(&app.state().await, "").is_empty(), "nothing of it is in Slack");
    app.control("faults", json!({ "slack": "ok" })).await;
    app.outbox_is_empty().await;
    assert_converged(&app, &app.state().await);
    app.assert_journal_verifies().await;
}

fn page<'a>(state: &'a Value, id: &str) -> &'a Value {
    let all = state["pagerduty"]["incidents"].as_array().into_iter().flatten();
    all.into_iter().find(|one| one["id"] == id).unwrap_or(&Value::Null)
}

/// How often PagerDuty was told something of this kind about this page, and took it.
fn told(state: &Value, id: &str, method: &str, path: &str) -> usize {
    let all = state["pagerduty"]["rest_calls"].as_array().into_iter().flatten();
    all.filter(|call| {
        call["method"] == method
            && text(&call["path"]).ends_with(&format!("/incidents/{id}{path}"))
            && call["status"].as_u64().is_some_and(|status| status < 300)
    })
    .count()
}

/// PagerDuty and Slack are away from the first minute to the end, and the server is killed meanwhile.
async fn without_pager_and_chat(mode: &'static str) {
    let config = AppConfig { pagerduty_mode: mode, ..config().await };
    let mut app = TestApp::start(&config).await;
    let ben = app.token("ben").await;
    let first = app.page("Flow failures").await;
    app.incident_when("INC-1", "it is open", |shown| shown["status"] == "triggered").await;
    app.outbox_is_empty().await;
    app.control("faults", json!({ "slack": "down", "pagerduty": "down" })).await;
    shell(&app, &["severity", "P2", "INC-1"]).await;
    shell(&app, &["timeline", "add", "the queue is full", "--incident", "INC-1"]).await;
    shell(&app, &["role", "responder", "ben", "INC-1"]).await;
    led_until_it_helped(&app, &ben).await;
    app.kill_9().await;
    app.start_server().await;
    let asked = shell(&app, &["resolve", "INC-1"]).await;
    assert_eq!(asked["status"], "monitoring", "the page rings still, as far as anybody knows: {asked}");
    // PagerDuty has another meanwhile, and can tell nobody
    let second = app.page("Orders fail").await;
    let state = app.state().await;
    assert_eq!(
        (&page(&state, &first)["status"], &page(&state, &first)["priority"]),
        (&json!("triggered"), &json!("P1")),
        "PagerDuty has heard nothing of it"
    );
    assert!(keyed(&state, "plan/").is_empty(), "nor has Slack");

    app.control("faults", json!({ "slack": "ok", "pagerduty": "ok" })).await;
    is_over(&app).await;
    app.incident_when("INC-2", "what came meanwhile is open", |shown| shown["status"] == "triggered").await;
    app.outbox_is_empty().await;
    let state = app.state().await;
    let there = page(&state, &first);
    assert_eq!((&there["status"], &there["priority"]), (&json!("resolved"), &json!("P2")), "{there}");
    assert_eq!(page(&state, &second)["status"], "triggered");
    // its priority, that somebody has it, and its end
    for (method, path, times) in [("PUT", "", 3), ("POST", "/notes", 1), ("POST", "/responder_requests", 1)] {
        assert_eq!(told(&state, &first, method, path), times, "{method} {path}: {state}");
    }
    let pages = blocks_tests::pings(&state).into_iter().filter(|ping| ping.starts_with("a page")).count();
    assert_eq!(pages, 0, "whoever was asked for a yes has said it: nobody is paged for it afterwards");
    assert_eq!(app.effects("back.txt"), 1);
    app.assert_journal_verifies().await;
}

#[tokio::test]
async fn led_from_a_shell_while_pagerduty_and_slack_are_away_and_webhooks_tell_it() {
    without_pager_and_chat("webhook").await;
}

#[tokio::test]
async fn led_from_a_shell_while_pagerduty_and_slack_are_away_and_it_is_looked_at() {
    without_pager_and_chat("poll").await;
}

/// Whether an acknowledgement has reached PagerDuty is a question that is asked at night, and that has an answer, whoever is there to give
/// it: the engine, or the files.
#[tokio::test]
async fn what_has_not_left_is_said_by_status_and_doctor() {
    let mut app = TestApp::start(&config().await).await;
    app.page("the pool is full").await;
    app.incident_when("INC-1", "it is open", |shown| shown["status"] == "triggered").await;
    app.outbox_is_empty().await;
    let quiet = app.blocks(&["status"]).await;
    assert!(quiet.code == 0 && !quiet.stdout.contains("not sent"), "{quiet:?}");
    assert_eq!(app.blocks_json(&["status"]).await["outbox"], json!([]));
    let doctor = async || {
        let shown: Value = app.blocks(&["doctor", "-o", "json"]).await.json();
        shown["checks"].as_array().unwrap().iter().find(|check| check["name"] == "outbox").cloned().unwrap()
    };
    let check = doctor().await;
    assert_eq!((&check["warning"], &check["detail"]), (&json!(false), &json!("nothing waits to leave")));

    app.control("faults", json!({ "pagerduty": "down" })).await;
    shell(&app, &["ack", "INC-1"]).await;
    let of_pager = async || {
        let shown = app.blocks_json(&["status"]).await;
        let ways = shown["outbox"].as_array().cloned().unwrap_or_default();
        ways.into_iter().find(|way| way["to"] == "pagerduty" && !way["error"].is_null())
    };
    let way = until("PagerDuty was tried in vain", of_pager).await;
    assert!(way["waiting"].as_u64().is_some_and(|count| count > 0), "{way}");
    assert!(way["oldest_at"].is_string() && way["oldest_ms"].is_u64(), "{way}");
    assert!(text(&way["error"]).contains("503"), "{way}");
    let shown = app.blocks(&["status"]).await;
    let line = shown.stdout.lines().find(|line| line.starts_with("not sent: ")).unwrap_or_default();
    assert!(line.contains("for PagerDuty") && line.contains("503"), "{shown:?}");
    let check = doctor().await;
    assert_eq!((&check["ok"], &check["warning"]), (&json!(true), &json!(true)), "{check}");
    assert!(
        text(&check["detail"]).contains("for PagerDuty") && check["outbox"][0]["to"] == "pagerduty",
        "{check}"
    );

    // no engine, and one that was given up: the files say so
    app.end_server().await;
    let store = rusqlite::Connection::open(app.dir.join("data/blocks.db")).unwrap();
    let give_up = "INSERT INTO outbox (key, place, version, lane, grp, payload, due, created_at, state, error)
         SELECT 'note/x', max(place) + 1, 1, 3, 'notes/x', '\"a secret word\"', strftime('%s', 'now') * 1000000,
         strftime('%s', 'now') * 1000000, 'dead', 'channel_not_found' FROM outbox";
    assert_eq!(store.execute(give_up, []).unwrap(), 1);
    let shown = app.blocks(&["status"]).await;
    let (mut waits, mut gone) = (false, false);
    for line in shown.stdout.lines() {
        waits |= line.starts_with("not sent: ") && line.contains("for PagerDuty");
        gone |= line.starts_with("not sent: 1 message for Slack was given up")
            && line.contains("channel_not_found");
    }
    assert!(shown.code == 0 && waits && gone, "{shown:?}");
    let doctor = app.blocks(&["doctor"]).await;
    let said =
        doctor.stdout.lines().find(|line| line.starts_with("warn outbox")).unwrap_or_default().to_owned();
    assert!(said.contains("for PagerDuty") && said.contains("channel_not_found"), "{doctor:?}");
    assert!(!doctor.stdout.contains("secret word") && !shown.stdout.contains("secret word"));

    // and it leaves when it is taken
    store.execute("DELETE FROM outbox WHERE key = 'note/x'", []).unwrap();
    app.control("faults", json!({ "pagerduty": "ok" })).await;
    app.start_server().await;
    app.outbox_is_empty().await;
    assert_eq!(app.blocks_json(&["status"]).await["outbox"], json!([]));
}
