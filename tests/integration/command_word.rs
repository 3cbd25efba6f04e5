//! The slash command under another word: every text that Slack gets names it as it is typed there.

use blocks_tests::{AppConfig, Finished, TestApp, ephemerals, faulty_slack_calls, messages_with_key, text};
use serde_json::{Value, json};

/// What a person writes, with the word in it where it is not the command.
const TITLE: &str = "see https://x.example/blocks/y, /blocks is full";

async fn told(app: &TestApp, wanted: &str) -> String {
    let what = format!("ana is told: {wanted}");
    app.state_when(&what, |state| ephemerals(state, "U0ANA").into_iter().find(|said| said.contains(wanted)))
        .await
}

async fn typed(app: &TestApp, channel: &str, line: &str) -> Value {
    let body = json!({ "user": "ana", "channel": channel, "text": line, "command": "/incident" });
    app.control("slack/command", body).await
}

async fn all_name_it(app: &TestApp) {
    typed(app, "incidents", "help ack").await;
    told(app, "example: `/incident ack").await;
    typed(app, "incidents", "rnubook rollback").await;
    told(app, "example: `/incident runbook rollback").await;
    typed(app, "incidents", &format!("declare {TITLE} --severity P3")).await;
    told(app, "`/incident ack INC-1` takes it").await;
    typed(app, "incidents", "").await;
    told(app, "`/incident ack INC-1`").await;
    let card = app
        .state_when("the card is there", |state| messages_with_key(state, "card/").into_iter().next())
        .await
        .1
        .to_string();
    assert!(card.contains("`/incident incident ack`") && card.contains(TITLE), "{card}");
    typed(app, "incidents", "update draft outage --param what=late --incident INC-1").await;
    told(app, "`/incident update send ").await;
    // a form whose moment has passed
    let answer = typed(app, "incidents", "oncall").await;
    let address = format!("{}slack/response/{}", app.page_url(), text(&answer["response_url_token"]));
    let body = blocks_tests::form(&[
        ("command", "/incident"),
        ("user_id", "U0ANA"),
        ("channel_id", "C0INCIDENTS"),
        ("text", "declare"),
        ("trigger_id", "1.2.late"),
        ("response_url", &address),
    ]);
    assert_eq!(app.raw_slack("/slack/commands", &body, blocks_tests::unix_now(), None).await.status, 200);
    told(app, "Type it instead: `/incident declare TITLE").await;
    app.outbox_is_empty().await;
    let slack = app.state().await["slack"].clone();
    for place in ["channels", "ephemerals", "views"] {
        let shown = slack[place].to_string().replace(TITLE, "");
        assert!(!shown.contains("/blocks"), "{place}: {shown}");
    }
    assert_eq!(faulty_slack_calls(&app.state().await).len(), 1, "the trigger that was late");
}

#[tokio::test]
async fn every_text_names_the_command_as_it_is_configured() {
    for mode in ["http", "both"] {
        let config = AppConfig {
            triage: None,
            slack_command: Some("/incident"),
            slack_mode: mode,
            ..AppConfig::default()
        };
        let app = TestApp::start(&config).await;
        all_name_it(&app).await;
        app.assert_journal_verifies().await;
    }
}

#[tokio::test]
async fn the_manifest_takes_the_command_from_the_configuration() {
    let config = AppConfig { slack_command: Some("/incident"), ..AppConfig::default() };
    let app = TestApp::start(&config).await;
    let named = |said: &Finished| {
        let manifest: Value = serde_json::from_str(&said.stdout).unwrap();
        text(&manifest["features"]["slash_commands"][0]["command"])
    };
    assert_eq!(named(&app.blocks(&["slack", "manifest"]).await), "/incident");
    assert_eq!(named(&app.blocks(&["slack", "manifest", "--command", "/ops"]).await), "/ops");
    let wrong = app.blocks(&["slack", "manifest", "--command", "ops"]).await;
    assert!(wrong.code == 2 && wrong.stderr.contains("'ops' is no slash command"), "{wrong:?}");
    let checks = app.blocks(&["doctor"]).await;
    assert!(checks.stdout.contains("/incident, as the app has to call it too"), "{checks:?}");
}
