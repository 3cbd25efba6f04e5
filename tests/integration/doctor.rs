//! `blocks doctor` before a Slack that is not as it should be: each fault is named, with what to do.

use blocks_tests::{AppConfig, TestApp, text, until};
use serde_json::{Value, json};

/// The check of that name, as people read it: its word and what is said.
async fn said(app: &TestApp, name: &str) -> (String, String) {
    let finished = app.blocks(&["doctor", "-o", "json"]).await;
    let shown: Value = finished.json();
    let checks = shown["checks"].as_array().unwrap_or_else(|| panic!("no checks: {finished:?}"));
    let found = checks.iter().find(|check| check["name"] == name);
    let found = found.unwrap_or_else(|| panic!("{name} is not checked: {checks:#?}"));
    let word = match (&found["ok"], &found["warning"]) {
        (Value::Bool(false), _) => "fails",
        (_, Value::Bool(true)) => "warns",
        _ => "ok",
    };
    // one failure makes the whole fail
    assert_eq!(finished.code == 0, shown["ok"] == true, "{shown}");
    assert!(word != "fails" || finished.code == 1, "{shown}");
    (word.to_owned(), text(&found["detail"]))
}

async fn set_up(app: &TestApp, wanted: Value) {
    assert_eq!(app.control("slack/setup", wanted).await["ok"], true);
}

#[tokio::test]
async fn doctor_says_what_is_wrong_with_slack_and_how_to_mend_it() {
    let app = TestApp::start(&AppConfig { slack_mode: "both", triage: None, ..AppConfig::default() }).await;
    for name in ["slack", "slack scopes", "slack clock", "slack channels", "slack socket mode"] {
        assert_eq!(said(&app, name).await.0, "ok", "{name}");
    }
    // what only a severity names may be missing
    let (word, detail) = said(&app, "slack channel ops-alerts").await;
    assert_eq!(word, "warns");
    assert!(detail.contains("there is no #ops-alerts") && detail.contains("hint: make it"), "{detail}");

    let read = ["commands", "chat:write", "chat:write.public", "app_mentions:read"];
    set_up(&app, json!({ "scopes": read })).await;
    let (word, detail) = said(&app, "slack scopes").await;
    assert_eq!(word, "warns", "{detail}");
    let wanted = "usergroups:read missing: no channels for incidents";
    assert!(detail.contains(wanted) && detail.contains("`blocks slack manifest --tier respond`"), "{detail}");
    let (word, detail) = said(&app, "slack channels").await;
    assert!(word == "warns" && detail.contains("missing_scope"), "{detail}");
    set_up(&app, json!({ "scopes": ["commands"] })).await;
    let (word, detail) = said(&app, "slack scopes").await;
    assert!(word == "fails" && detail.contains("chat:write") && detail.contains("--tier read"), "{detail}");

    for (ahead, wanted) in [(600, "600 s behind Slack's"), (-600, "600 s ahead of Slack's")] {
        set_up(&app, json!({ "clock_ahead_s": ahead })).await;
        let (word, detail) = said(&app, "slack clock").await;
        let minutes = detail.replace("599", "600").replace("601", "600");
        assert!(word == "fails" && minutes.contains(wanted) && detail.contains("set-ntp"), "{detail}");
    }
    set_up(&app, json!({ "clock_ahead_s": 90, "scopes": ["channels:read", "groups:read"] })).await;
    assert_eq!(said(&app, "slack clock").await.0, "warns");

    set_up(&app, json!({ "archive": ["incidents"] })).await;
    let (word, detail) = said(&app, "slack channel incidents").await;
    assert!(word == "fails" && detail.contains("#incidents is archived; hint: unarchive it"), "{detail}");

    app.control("faults", json!({ "slack": "down" })).await;
    let (word, detail) = said(&app, "slack").await;
    assert!(word == "fails" && detail.contains("slack answered auth.test with HTTP 503"), "{detail}");
}

#[tokio::test]
async fn doctor_says_which_token_slack_does_not_take() {
    for (name, value, check, wanted) in [
        ("SLACK_BOT_TOKEN", "xoxb-other", "slack", "invalid_auth"),
        ("SLACK_APP_TOKEN", "xapp-other", "slack socket mode", "hint: "),
    ] {
        let config = AppConfig { slack_mode: "both", triage: None, ..AppConfig::default() };
        let app = TestApp::start(&config).await;
        let mut environment = app.environment().clone();
        environment.insert(name.to_owned(), value.to_owned());
        let words = ["doctor", "-o", "json", "--config", &app.config_file()];
        let finished = blocks_tests::run_in(&blocks_tests::blocks(), &words, &environment, &app.dir).await;
        let shown = finished.json();
        let checks = shown["checks"].as_array().cloned().unwrap_or_default();
        let found = checks.iter().find(|one| one["name"] == check).cloned().unwrap_or_default();
        assert_eq!((finished.code, &found["ok"]), (1, &json!(false)), "{name}: {shown}");
        assert!(text(&found["detail"]).contains(wanted), "{found}");
        assert!(!shown.to_string().contains(value), "a token is never shown: {shown}");
    }
}

/// An id that PagerDuty does not have looks like one that it has: nothing of that service would ever be seen.
#[tokio::test]
async fn doctor_says_what_pagerduty_calls_each_service() {
    let more = "[[service]]\nname = \"billing\"\npagerduty_id = \"PGONE01\"\n".to_owned();
    let config = AppConfig { pagerduty_mode: "both", more, triage: None, ..AppConfig::default() };
    let app = TestApp::start(&config).await;
    let (word, detail) = said(&app, "pagerduty id of flowengine").await;
    assert_eq!((word.as_str(), detail.as_str()), ("ok", "PFLOW01 is \"flowengine\""));
    let (word, detail) = said(&app, "pagerduty id of billing").await;
    assert!(
        word == "fails" && detail.contains("no service PGONE01") && detail.contains("hint: "),
        "{detail}"
    );

    // where none is named, only webhooks tell of a page
    let whole = std::fs::read_to_string(app.config_file()).unwrap();
    let kept: Vec<&str> = whole.lines().filter(|line| !line.starts_with("pagerduty_id")).collect();
    let without = kept.join("\n");
    let file = app.dir.join("without.toml").display().to_string();
    std::fs::write(&file, &without).unwrap();
    let words = ["doctor", "-o", "json", "--config", &file];
    let shown =
        blocks_tests::run_in(&blocks_tests::blocks(), &words, app.environment(), &app.dir).await.json();
    let checks = shown["checks"].as_array().cloned().unwrap_or_default();
    let found =
        checks.iter().find(|check| check["name"] == "pagerduty services").cloned().unwrap_or_default();
    assert_eq!(found["warning"], true, "{shown}");
    assert!(text(&found["detail"]).contains("no [[service]] has a `pagerduty_id`"), "{found}");

    std::fs::write(&file, without.replace("mode = \"both\"", "mode = \"poll\"")).unwrap();
    let refused = blocks_tests::run_in(&blocks_tests::blocks(), &words, app.environment(), &app.dir).await;
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.stderr.contains("RB0003") && refused.stderr.contains("hint: "), "{refused:?}");
}

/// A Slack user group gives its members their role, and whoever is in no group has what blocks.toml says.
#[tokio::test]
async fn a_user_group_of_slack_gives_people_their_role() {
    let more = "[[group]]\nslack_id = \"S0OPS\"\nroles = [\"responder\"]\n".to_owned();
    let people = vec![("ana", "\"commander\", \"responder\""), ("ben", "\"scribe\"")];
    let mut app = TestApp::start(&AppConfig { people, more, triage: None, ..AppConfig::default() }).await;
    let (word, detail) = said(&app, "slack group S0OPS").await;
    assert!(word == "fails" && detail.contains("no_such_subteam"), "{detail}");
    let ben = app.token("ben").await;
    let rollback = || json!({ "request": "runbook_rollback", "service": "flowengine", "params": {} });
    assert_eq!(app.api(Some(&ben), rollback()).await.status, 403);

    set_up(&app, json!({ "groups": { "S0OPS": ["U0BEN", "U0NOBODY"] } })).await;
    app.end_server().await;
    app.start_server().await;
    let detail = said(&app, "slack group S0OPS").await;
    assert_eq!(detail, ("ok".to_owned(), "2 members, 1 of them with a [[person]]".to_owned()));
    let shown = until("ben has the role of the group", async || {
        let shown = app.blocks_json(&["oncall"]).await;
        shown["roles"]["responder"].as_array()?.contains(&json!("ben")).then_some(shown)
    })
    .await;
    assert_eq!(shown["roles"]["scribe"], json!(["ben"]));
    assert_eq!(app.api(Some(&ben), rollback()).await.status, 200);
}
