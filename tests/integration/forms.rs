//! Forms in Slack, with the real binary: opened, filled in, refused, sent in, and what happens when they cannot be.

use blocks_tests::{AppConfig, TestApp, ephemerals, faulty_slack_calls, text, until};
use serde_json::{Value, json};

const SCALE: &str = "---\ntitle: Scale it <!channel>\nservice: flowengine\nparams:\n  replicas: {type: integer, description: how many <!here>}\n  mode: {type: enum, values: [fast, slow], default: slow}\n---\n# Scale it\n\n## Look (1 min)\n\n```bash {effect=read}\necho \"replicas=$replicas mode=$mode\"\n```\n";

fn config(slack_mode: &'static str) -> AppConfig {
    AppConfig {
        triage: None,
        slack_mode,
        runbooks: vec![("scale_it", SCALE.to_owned())],
        ..AppConfig::default()
    }
}

async fn told(app: &TestApp, user: &str, wanted: &str) -> String {
    let what = format!("{user} is told: {wanted}");
    app.state_when(&what, |state| ephemerals(state, user).into_iter().find(|said| said.contains(wanted)))
        .await
}

async fn incidents(app: &TestApp) -> usize {
    app.blocks_json(&["incident", "list", "--all"]).await["incidents"].as_array().map_or(0, Vec::len)
}

async fn forms(app: &TestApp) {
    app.slash("ana", "incidents", "declare --private").await;
    let view = app.modal(1).await;
    assert_eq!(view["callback_id"], "blocks:form", "{view}");
    let wrong = app.submit("ana", &[("title", " "), ("severity", "P1")]).await;
    assert_eq!(wrong["is_open"], true, "{wrong}");
    assert!(text(&wrong["errors"]["blocks:field:title"]).contains("says nothing"), "{wrong}");
    let sent = app
        .submit(
            "ana",
            &[
                ("title", "keys are <!channel> public"),
                ("severity", "P1"),
                ("description", "since <!here> ten"),
            ],
        )
        .await;
    assert_eq!(sent["is_open"], false, "{sent}");
    told(app, "U0ANA", "INC-1 is open as P1 for flowengine, private: keys are @channel public").await;
    let shown = app.incident("INC-1").await;
    let noted = shown["timeline"][1]["event"].clone();
    assert_eq!(
        (&noted["type"], &noted["text"]),
        (&json!("note_added"), &json!("since @here ten")),
        "{shown}"
    );
    // a runbook's parameters: what is wrong is said at the field, and what is right is a plan
    app.slash("ana", "incidents", "runbook run scale_it").await;
    let view = app.modal(2).await;
    assert!(view["blocks"][0]["text"]["text"].as_str().unwrap().contains("&lt;!channel&gt;"), "{view}");
    let wrong = app.submit("ana", &[("replicas", "many")]).await;
    assert!(text(&wrong["errors"]["blocks:field:replicas"]).contains("whole number"), "{wrong}");
    let sent = app.submit("ana", &[("replicas", "3")]).await;
    assert_eq!(sent["is_open"], false, "{sent}");
    told(app, "U0ANA", "Scale it &lt;!channel&gt; (code ").await;
    until("the run is there", async || {
        let runs = app.blocks_json(&["runbook", "runs", "--all"]).await;
        (runs["runs"].as_array().map(Vec::len) == Some(1)).then_some(())
    })
    .await;
    // from the menu of the workspace there is no channel: the answer comes directly
    app.control("slack/shortcut", json!({ "user": "ben", "callback_id": "blocks:declare" })).await;
    app.modal(3).await;
    app.submit("ben", &[("title", "from the menu")]).await;
    app.state_when("ben is answered directly", |state| {
        let channels = state["slack"]["channels"].as_array()?;
        let direct = channels.iter().find(|one| one["is_im"] == true && one["id"] == "D0BEN")?;
        direct["messages"].to_string().contains("INC-2 is open").then_some(())
    })
    .await;
    app.outbox_is_empty().await;
}

#[tokio::test]
async fn forms_ask_for_what_a_line_leaves_out_over_http_and_over_a_socket() {
    for mode in ["http", "socket"] {
        let app = TestApp::start(&config(mode)).await;
        if mode == "socket" {
            app.state_when("a connection is open", |state| {
                state["slack"]["sockets"]["live"].as_u64().filter(|live| *live >= 2)
            })
            .await;
        }
        forms(&app).await;
        assert_eq!(faulty_slack_calls(&app.state().await), [""; 0]);
        app.assert_journal_verifies().await;
    }
}

/// A form sent in by hand, as Slack sends it.
fn submission(user: &str, view: &Value, fields: &[(&str, &str)]) -> String {
    let mut view = view.clone();
    for (name, value) in fields {
        let id = format!("blocks:field:{name}");
        view["state"]["values"][&id][&id] = json!({ "type": "plain_text_input", "value": value });
    }
    let payload = json!({ "type": "view_submission", "team": null, "user": { "id": user }, "view": view });
    blocks_tests::form(&[("payload", &payload.to_string())])
}

#[tokio::test]
async fn a_form_counts_once_from_who_may_and_for_what_it_names() {
    let app = TestApp::start(&config("http")).await;
    app.slash("ana", "incidents", "declare").await;
    let view = app.modal(1).await;
    let send = async |body: String| {
        app.raw_slack("/slack/interactions", &body, blocks_tests::unix_now(), None).await
    };
    // a stranger, who may see somebody's form
    assert_eq!(send(submission("U0STRANGER", &view, &[("title", "by a stranger")])).await.status, 200);
    let mut again = view.clone();
    again["hash"] = json!("2.other");
    for _ in 0..3 {
        let answer = send(submission("U0ANA", &again, &[("title", "once")])).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    }
    // what it is about comes back from outside: nothing else than a form can be meant by it
    for metadata in ["", "{}", r#"{"about":{"form":"approve","run":"x"},"channel":"C0INCIDENTS"}"#, "\u{0}"] {
        let mut odd = view.clone();
        odd["private_metadata"] = json!(metadata);
        odd["hash"] = json!(format!("3.{}", metadata.len()));
        assert_eq!(send(submission("U0ANA", &odd, &[("title", "odd")])).await.status, 200, "{metadata}");
    }
    let mut lost = view.clone();
    lost["private_metadata"] =
        json!(r#"{"about":{"form":"run","name":"../../etc/passwd"},"channel":"C0INCIDENTS"}"#);
    lost["hash"] = json!("4.x");
    assert_eq!(send(submission("U0ANA", &lost, &[("x", "1")])).await.status, 200);
    told(&app, "U0ANA", "INC-1 is open").await;
    until("the inbox is done", async || {
        (app.sql("SELECT count(*) FROM inbox WHERE state = 'pending'") == 0).then_some(())
    })
    .await;
    assert_eq!(incidents(&app).await, 1);
    app.assert_journal_verifies().await;
}

#[tokio::test]
async fn a_form_that_comes_too_late_is_told_with_what_to_type() {
    let mut app = TestApp::start(&config("http")).await;
    // an address for the answer that works, and a trigger that does not
    let answer = app.slash("ana", "incidents", "oncall").await;
    let address = format!("{}slack/response/{}", app.page_url(), text(&answer["response_url_token"]));
    let typed = |line: &str, trigger: &str| {
        blocks_tests::form(&[
            ("command", "/blocks"),
            ("user_id", "U0ANA"),
            ("channel_id", "C0INCIDENTS"),
            ("text", line),
            ("trigger_id", trigger),
            ("response_url", &address),
        ])
    };
    for (line, trigger, wanted) in [
        ("declare", "1.2.late", "Type it instead: `/blocks declare TITLE"),
        ("runbook run scale_it", "1.2.later", "`/blocks runbook run scale_it --param replicas=VALUE`"),
    ] {
        let body = typed(line, trigger);
        assert_eq!(app.raw_slack("/slack/commands", &body, blocks_tests::unix_now(), None).await.status, 200);
        told(&app, "U0ANA", wanted).await;
    }
    // the process dies behind the acknowledgement: the form is opened or told of by the next one
    let before = app.state().await["slack"]["views"].as_array().map_or(0, Vec::len);
    assert_eq!(before, 0);
    let acknowledged = app.slash("ben", "incidents", "declare").await;
    assert_eq!(acknowledged["http_status"], 200, "{acknowledged}");
    app.kill_9().await;
    app.start_server().await;
    app.state_when("ben has a form, or knows what to type", |state| {
        let is_open = state["slack"]["views"].as_array().is_some_and(|views| !views.is_empty());
        (is_open || ephemerals(state, "U0BEN").iter().any(|said| said.contains("Type it instead")))
            .then_some(())
    })
    .await;
    assert_eq!(incidents(&app).await, 0);
    app.assert_journal_verifies().await;
}
