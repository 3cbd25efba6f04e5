//! Who is on call, escalation's first step, and the tests of triggers and escalations: the real binary and the sandbox.

use blocks_tests::{AppConfig, TestApp, text, until};
use serde_json::{Value, json};

const ROTATION: &str = "[[rotation]]\nname = \"commander\"\npeople = [\"ben\", \"ana\"]\nstart = \"2026-01-05\"\nlength = \"1 day\"\n";

fn config(more: &str) -> AppConfig {
    AppConfig {
        people: vec![
            ("ana", "\"commander\", \"responder\"]\nphone = \"+1 555 0100\"\nduties = [\"product\""),
            ("ben", "\"responder\"]\nduties = [\"primary\", \"business\""),
        ],
        triage: None,
        more: format!("{ROTATION}{more}"),
        ..AppConfig::default()
    }
}

/// Incidents of the sandbox's PagerDuty with these words in their title.
fn at_pager(state: &Value, words: &str) -> Vec<Value> {
    let all = state["pagerduty"]["incidents"].as_array().cloned().unwrap_or_default();
    all.into_iter().filter(|one| one["title"].as_str().is_some_and(|title| title.contains(words))).collect()
}

/// What cannot be meant is an error of usage, with what to write.
async fn assert_not_understood(app: &TestApp, words: &[&str]) {
    let finished = app.blocks(words).await;
    assert!(finished.code == 2 && finished.stderr.contains("hint:"), "{words:?}: {finished:?}");
}

/// What is bad of a request is bad whatever stands, and no refusal.
#[tokio::test]
async fn bad_arguments_are_errors_of_usage() {
    let second = "[[service]]\nname = \"bank\"\n";
    let app = TestApp::start(&config(second)).await;
    assert_eq!(app.blocks(&["declare", "checkout is slow", "--severity", "P3"]).await.code, 0);
    for words in [
        ["oncall", "test"].as_slice(),
        &["oncall", "test", "nope"],
        &["trigger", "test", "nope"],
        &["declare"],
        &["report", "--since", "whenever"],
        &["report", "--service", "nope"],
        &["update", "draft", "nope"],
        &["update", "draft", "outage", "--impact", "huge"],
        &["action", "add", "look at the pool", "--due", "whenever"],
        &["timeline", "add", " "],
        &["snooze", "7"],
        &["role", "king", "ana"],
        &["role", "scribe", "nobody"],
        &["severity", "P9"],
        &["runbook", "plan", "nope"],
        &["inbox", "retry", "nope"],
    ] {
        let finished = app.blocks(words).await;
        assert_eq!(finished.code, 2, "{words:?}: {finished:?}");
    }
}

#[tokio::test]
async fn who_is_on_call_is_asked_of_the_pager_and_known_without_it() {
    let mut app = TestApp::start(&config("")).await;
    let shown = until("PagerDuty has said who is on call", async || {
        let shown = app.blocks_json(&["oncall", "flowengine"]).await;
        (!shown["services"][0]["pager"].is_null()).then_some(shown)
    })
    .await;
    let service = &shown["services"][0];
    assert_eq!(service["pager"][0]["person"], "ana", "{shown}");
    assert_eq!((&service["pager"][0]["level"], &service["pager"][1]["person"]), (&json!(1), &json!("ben")));
    assert_eq!(service["pager"][0]["phone"], "+1 555 0100", "who reads the machine's files");
    assert_eq!(service["rotations"][0]["rotation"], "commander");
    assert!(shown["asked_at"].is_string(), "{shown}");
    let unknown = app.blocks(&["oncall", "nope"]).await;
    assert!(unknown.code == 2 && unknown.stderr.contains("there is no service 'nope'"), "{unknown:?}");

    let exported = app.blocks(&["oncall", "export", "--from", "2026-12-01", "--until", "2026-12-08"]).await;
    assert_eq!(exported.code, 0, "{exported:?}");
    assert_eq!(exported.stdout.matches("BEGIN:VEVENT").count(), 8, "{}", exported.stdout);
    let data = app.blocks_json(&["oncall", "export", "--from", "2026-12-01", "--until", "2026-12-08"]).await;
    let shifts = data["shifts"].as_array().unwrap();
    assert!(shifts.windows(2).all(|two| two[0]["until"] == two[1]["from"]), "{data}");
    for days in [["2026-12-08", "2026-12-01"], ["2026-01-01", "2028-01-01"], ["soon", "2026-12-01"]] {
        assert_not_understood(&app, &["oncall", "export", "--from", days[0], "--until", days[1]]).await;
    }
    assert_not_understood(&app, &["report", "--since", "whenever"]).await;
    assert_not_understood(&app, &["declare", "it is slow", "--severity", "P9"]).await;

    // without an engine, and without PagerDuty, it is what was said last
    app.end_server().await;
    app.kill_sandbox_9().await;
    assert_not_understood(&app, &["oncall", "export", "--from", "soon"]).await;
    assert_not_understood(&app, &["oncall", "nope"]).await;
    assert_not_understood(&app, &["report", "--since", "whenever"]).await;
    let later = app.blocks_json(&["oncall", "flowengine"]).await;
    assert_eq!((&later["services"], &later["asked_at"]), (&shown["services"], &shown["asked_at"]));
}

#[tokio::test]
async fn a_declared_incident_pages_whoever_is_on_call_first() {
    let app = TestApp::start(&config("")).await;
    until("PagerDuty has said who is on call", async || {
        let shown = app.blocks_json(&["oncall"]).await;
        (!shown["services"][0]["pager"].is_null()).then_some(())
    })
    .await;
    assert_eq!(app.blocks(&["declare", "checkout is slow", "--severity", "P1"]).await.code, 0);
    let page = app
        .state_when("the page is there", |state| {
            at_pager(state, "INC-1 P1 flowengine: nobody has acknowledged").into_iter().next()
        })
        .await;
    assert!(page["assignees"].to_string().contains("PANA001"), "{page}");
    let shown = app
        .incident_when("INC-1", "the step is on record", |shown| shown.to_string().contains("step_due"))
        .await;
    assert!(shown.to_string().contains("escalated"), "{shown}");
    app.assert_journal_verifies().await;
}

/// Whoever is called has to be able to say that they have it.
#[tokio::test]
async fn doctor_names_who_is_called_and_may_not_take_it() {
    for (ben, warns) in [("]\nduties = [\"primary\"", true), ("\"responder\"]\nduties = [\"primary\"", false)]
    {
        let people = vec![("ana", "\"commander\", \"responder\""), ("ben", ben)];
        let app = TestApp::start(&AppConfig { people, triage: None, ..AppConfig::default() }).await;
        let shown: Value = app.blocks(&["doctor", "-o", "json"]).await.json();
        let checks = shown["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["name"] == "on call").unwrap();
        // names that nobody stands for are a warning of their own
        assert_eq!((check["warning"] == true || !warns, &check["ok"]), (true, &json!(true)), "{check}");
        assert_eq!(text(&check["detail"]).contains("ben (primary)"), warns, "{check}");
    }
}

/// The page is all that rings for a declared incident: to acknowledge it on the phone is to take the incident.
#[tokio::test]
async fn whoever_acknowledges_the_page_that_blocks_sent_has_the_incident() {
    for mode in ["webhook", "poll"] {
        let app = TestApp::start(&AppConfig { pagerduty_mode: mode, ..config("") }).await;
        until("PagerDuty has said who is on call", async || {
            let shown = app.blocks_json(&["oncall"]).await;
            (!shown["services"][0]["pager"].is_null()).then_some(())
        })
        .await;
        assert_eq!(app.blocks(&["declare", "checkout is slow", "--severity", "P1"]).await.code, 0);
        let called = "INC-1 P1 flowengine: nobody has acknowledged";
        let page =
            app.state_when("the page is there", |state| at_pager(state, called).into_iter().next()).await;
        let act = format!("pagerduty/incidents/{}/acknowledge", text(&page["id"]));
        app.control(&act, json!({ "user": "ana@example.com" })).await;
        let shown = app
            .incident_when("INC-1", "it is hers", |shown| {
                shown["status"] == "acknowledged" && shown["commander"] == "ana"
            })
            .await;
        let entries = shown["timeline"].as_array().unwrap();
        let answered = entries.iter().find(|entry| entry["event"]["type"] == "call_answered").unwrap();
        assert_eq!(answered["actor"], "person:ana", "{mode}: {shown}");
        // it rings for nobody any more, and nobody else is called
        app.state_when("the page is over", |state| {
            at_pager(state, called).iter().all(|one| one["status"] == "resolved").then_some(())
        })
        .await;
        app.outbox_is_empty().await;
        assert_eq!(at_pager(&app.state().await, called).len(), 1, "{mode}");
        app.assert_journal_verifies().await;
    }
}

/// And what is over at PagerDuty leaves none of them behind.
#[tokio::test]
async fn the_pages_of_what_is_over_are_over() {
    let app = TestApp::start(&config("")).await;
    assert_eq!(app.blocks(&["declare", "checkout is slow", "--severity", "P1"]).await.code, 0);
    let called = "INC-1 P1 flowengine: nobody has acknowledged";
    app.state_when("the page is there", |state| at_pager(state, called).into_iter().next()).await;
    assert_eq!(app.blocks(&["not-an-incident", "INC-1", "a drill"]).await.code, 0);
    app.state_when("the page is over", |state| {
        at_pager(state, called).iter().all(|one| one["status"] == "resolved").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_trigger_and_an_escalation_are_tested_end_to_end() {
    let trigger = "[[trigger]]\nname = \"storm\"\nsays = \"many incidents\"\ncount = \"incidents\"\nwhen = \">\"\nlimit = 100\n\
                   severity = \"P1\"\nservice = \"flowengine\"\nchannel = \"C0INCIDENTS\"\npage = \"primary\"\n";
    let app = TestApp::start(&config(trigger)).await;
    let tested = app.blocks_json(&["trigger", "test", "storm"]).await;
    assert_eq!(tested["passed"], true, "{tested}");
    let ways: Vec<String> = tested["ways"].as_array().unwrap().iter().map(|way| text(&way["way"])).collect();
    assert_eq!(ways, ["chat", "page"]);
    app.state_when("the page is there, marked, and over", |state| {
        let all = at_pager(state, "TEST, nothing is wrong");
        all.iter().any(|one| one["status"] == "resolved").then_some(())
    })
    .await;
    let tested = app.blocks_json(&["oncall", "test", "flowengine"]).await;
    assert_eq!(tested["what"], "escalation of flowengine (P1)", "{tested}");
    // nobody here is the engineering TL: it is told, and no test has passed
    assert_eq!(tested["passed"], false, "{tested}");
    let nobody = tested["ways"].as_array().unwrap().iter().any(|way| way["to"] == "engineering-tl");
    assert!(nobody, "{tested}");
    let log = app.log("data/alert-validation.csv");
    assert!(log.starts_with("at,what,by,way,to,"), "{log}");
    assert!(
        log.contains(",trigger storm,") && log.contains("not possible: nobody stands for engineering-tl"),
        "{log}"
    );
    assert_eq!(app.incident("INC-1").await, Value::Null, "no incident was opened");
    let listed = app.blocks_json(&["trigger", "list"]).await;
    assert_eq!(listed["triggers"][0]["name"], "storm");
    app.assert_journal_verifies().await;
}

/// With neither Slack nor PagerDuty there to take it, a test does not wait for ever: what nobody received is written down as missed.
#[tokio::test]
async fn a_test_that_nobody_receives_is_recorded_as_missed() {
    let trigger = "[[trigger]]\nname = \"storm\"\nsays = \"many incidents\"\ncount = \"incidents\"\nwhen = \">\"\nlimit = 100\n\
                   severity = \"P1\"\nservice = \"flowengine\"\nchannel = \"C0INCIDENTS\"\npage = \"primary\"\n";
    let mut app = TestApp::start(&config(trigger)).await;
    app.kill_sandbox_9().await;
    let (of_trigger, of_path) = tokio::join!(
        app.blocks_json(&["trigger", "test", "storm"]),
        app.blocks_json(&["oncall", "test", "flowengine"])
    );
    for (tested, ways) in [(&of_trigger, &["chat", "page"][..]), (&of_path, &["page", "page"])] {
        assert_eq!(tested["passed"], false, "{tested}");
        let missed = tested["ways"].as_array().unwrap().iter();
        let missed: Vec<&Value> = missed.filter(|way| way["result"] == "not received").collect();
        assert!(ways.iter().all(|way| missed.iter().any(|one| one["way"] == *way)), "{tested}");
        assert!(missed.iter().all(|way| way["received_ms"].is_null() && way["passed"] == false), "{tested}");
    }
    let log = app.log("data/alert-validation.csv");
    for wanted in [
        ",chat,C0INCIDENTS,,30000,not received",
        ",page,ben,,60000,not received",
        ",page,ana,,60000,not received",
    ] {
        assert!(log.contains(wanted), "{wanted}: {log}");
    }
    assert_eq!(app.sql("select count(*) from incidents"), 0);
}
