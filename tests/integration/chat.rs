//! Mentions that are commands, and messages that are put on a timeline, with the real binary.

use blocks_tests::{AppConfig, TestApp, ephemerals, faulty_slack_calls, text, timeline_types, until};
use serde_json::{Value, json};

fn config(slack_mode: &'static str) -> AppConfig {
    AppConfig { triage: None, slack_mode, ..AppConfig::default() }
}

/// What somebody is told alone, once it holds that.
async fn told(app: &TestApp, user: &str, wanted: &str) -> String {
    let what = format!("{user} is told: {wanted}");
    app.state_when(&what, |state| ephemerals(state, user).into_iter().find(|said| said.contains(wanted)))
        .await
}

/// Declares an incident, and returns its channel once its card is there.
async fn declared(app: &TestApp, severity: &str) -> (String, String) {
    app.slash("ana", "incidents", &format!("declare it fails --severity {severity}")).await;
    let has_card = |shown: &Value| timeline_types(shown).contains(&"card_posted".to_owned());
    let shown = app.incident_when("INC-1", "its card is posted", has_card).await;
    let card = app
        .state_when("the card is there", |state| {
            let (_, card) = blocks_tests::messages_with_key(state, "card/").into_iter().next()?;
            Some(text(&card["ts"]))
        })
        .await;
    (text(&shown["channel"]), card)
}

/// The notes of an incident, as events.
fn notes(shown: &Value) -> Vec<Value> {
    let all = shown["timeline"].as_array().into_iter().flatten().map(|entry| entry["event"].clone());
    all.filter(|event| event["type"].as_str().is_some_and(|kind| kind.starts_with("note_"))).collect()
}

async fn with_notes(app: &TestApp, count: usize) -> Vec<Value> {
    let what = format!("there are {count} notes");
    notes(&app.incident_when("INC-1", &what, |shown| notes(shown).len() == count).await)
}

async fn inbox_is_done(app: &TestApp) {
    until("the inbox is done", async || {
        (app.sql("SELECT count(*) FROM inbox WHERE state = 'pending'") == 0).then_some(())
    })
    .await;
}

async fn mentions(app: &TestApp) {
    // in a thread of a channel that several incidents share, the card's own incident is meant
    let (channel, card) = declared(app, "P3").await;
    app.say("ana", &channel, Some(&card), "@blocks status").await;
    told(app, "U0ANA", "P3 INC-1 triggered").await;
    let place = app.state().await["slack"]["ephemerals"].clone();
    let in_thread =
        place.as_array().unwrap().iter().find(|one| one["source"] == "chat.postEphemeral").unwrap();
    assert_eq!(
        (&in_thread["channel"], &in_thread["thread_ts"]),
        (&json!(channel), &json!(card)),
        "{in_thread}"
    );
    app.say("ana", &channel, Some(&card), "@blocks ack").await;
    app.incident_when("INC-1", "ana has it", |shown| shown["status"] == "acknowledged").await;
    app.say("ben", &channel, None, "@blocks").await;
    told(app, "U0BEN", "INC-1").await;
    app.say("ben", &channel, None, "@blocks statsu").await;
    told(app, "U0BEN", "did you mean `status").await;
    app.say("ben", &channel, None, "@blocks declare").await;
    told(app, "U0BEN", "the title is missing").await;
    // who speaks of it asks nothing of it
    app.say("ben", &channel, None, "I asked @blocks declare nothing").await;
    app.say("ben", &channel, None, "declare nothing").await;
    app.say("ana", &channel, None, "@blocks, declare p95 > 2 s & rising <!channel>").await;
    told(app, "U0ANA", "INC-2 is open").await;
    app.outbox_is_empty().await;
    let listed = app.blocks_json(&["incident", "list", "--all"]).await;
    assert_eq!(listed["incidents"].as_array().map(Vec::len), Some(2), "{listed}");
    assert!(!app.state().await["slack"].to_string().contains("<!channel>"));
}

#[tokio::test]
async fn a_mention_is_a_command_over_http_and_over_a_socket() {
    for mode in ["http", "socket"] {
        let app = TestApp::start(&config(mode)).await;
        if mode == "socket" {
            app.state_when("a connection is open", |state| {
                state["slack"]["sockets"]["live"].as_u64().filter(|live| *live >= 2)
            })
            .await;
        }
        mentions(&app).await;
        assert_eq!(faulty_slack_calls(&app.state().await), [""; 0]);
        app.assert_journal_verifies().await;
    }
}

#[tokio::test]
async fn a_mention_counts_once_and_only_from_a_person_who_is_known() {
    let app = TestApp::start(&config("http")).await;
    let mention = |user: &str, words: &str| {
        json!({ "type": "app_mention", "user": user, "channel": "C0INCIDENTS", "ts": "1789000000.000100",
            "text": format!("<@U0BLOCKS> {words}") })
    };
    for _ in 0..3 {
        assert_eq!(app.raw_event("Ev1", &mention("U0ANA", "declare once")).await.status, 200);
    }
    let with = |field: &str, value: Value| {
        let mut event = mention("U0ANA", "declare by a machine");
        event[field] = value;
        event
    };
    for (number, event) in [
        with("bot_id", json!("B0OTHER")),
        with("subtype", json!("bot_message")),
        with("edited", json!({ "user": "U0ANA", "ts": "2.0" })),
        with("user", json!("U0BLOCKS")),
        with("user", Value::Null),
        mention("U0STRANGER", "declare by a stranger"),
        with("text", json!(["<@U0BLOCKS> declare"])),
        json!("odd"),
        Value::Null,
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(app.raw_event(&format!("Ev1{number}"), &event).await.status, 200, "{event}");
    }
    let body = json!({ "type": "event_callback", "event": mention("U0ANA", "declare unsigned") }).to_string();
    let forged = app.raw_slack("/slack/events", &body, blocks_tests::unix_now(), Some("v0=00")).await;
    assert_eq!(forged.status, 401);
    told(&app, "U0ANA", "INC-1 is open").await;
    inbox_is_done(&app).await;
    let listed = app.blocks_json(&["incident", "list", "--all"]).await;
    assert_eq!(listed["incidents"].as_array().map(Vec::len), Some(1), "{listed}");
    // what was of no use is not kept: only the mentions of people are
    assert_eq!(app.sql("SELECT count(*) FROM inbox WHERE kind = 'event'"), 2);
}

async fn captured(app: &TestApp) {
    let (channel, _) = declared(app, "P1").await;
    let ts = app.say("ben", &channel, None, "p95 is <!channel> *up* & <b>rising</b>").await;
    let place = (channel.as_str(), ts.as_str());
    let pushpin = Some(("name", "pushpin"));
    app.touch("ana", place, "react", Some(("name", "eyes"))).await;
    app.touch("ana", place, "react", pushpin).await;
    let said = told(app, "U0ANA", "it is on the timeline").await;
    assert!(said.starts_with("INC-1: it is on the timeline: ben: p95 is"), "{said}");
    app.touch("ben", place, "react", pushpin).await;
    told(app, "U0BEN", "it is on the timeline already").await;
    app.touch("ben", place, "menu", Some(("callback_id", "blocks:timeline"))).await;
    let noted = with_notes(app, 1).await;
    let source = &noted[0]["source"];
    assert_eq!(noted[0]["text"], "p95 is <!channel> *up* & <b>rising</b>".replace("<!channel>", "@channel"));
    assert_eq!((&source["via"], &source["author"]), (&json!("pushpin"), &json!("person:ben")), "{source}");
    assert!(text(&source["permalink"]).starts_with("https://sandbox.slack.com/archives/"), "{source}");
    // edits and the end of it are followed; the first version stays
    app.touch("ben", place, "edit", Some(("text", "p95 is 3 s <!here>"))).await;
    let noted = with_notes(app, 2).await;
    assert_eq!(noted[1]["change"]["text"], "p95 is 3 s @here", "{noted:?}");
    app.touch("ana", place, "unreact", pushpin).await;
    app.touch("ben", place, "unreact", pushpin).await;
    assert_eq!(with_notes(app, 3).await[2]["change"]["as"], "unmarked");
    app.touch("ana", place, "react", pushpin).await;
    with_notes(app, 4).await;
    app.touch("ben", place, "delete", None).await;
    assert_eq!(with_notes(app, 5).await[4]["change"]["as"], "deleted");
    // a message that nobody marked is nobody's business, and one of another channel belongs nowhere
    let other = app.say("ben", &channel, None, "lunch?").await;
    app.touch("ben", (&channel, &other), "edit", Some(("text", "lunch!"))).await;
    app.say("ben", &channel, None, "see you tomorrow").await;
    let elsewhere = app.say("ben", "C0INCIDENTS", None, "no incident here").await;
    app.touch("ben", ("C0INCIDENTS", &elsewhere), "menu", Some(("callback_id", "blocks:timeline"))).await;
    told(app, "U0BEN", "belongs to no incident").await;
    let caught = app.blocks(&["catch-up", "INC-1"]).await;
    assert!(caught.stdout.contains("noted from chat, by ben: p95 is"), "{caught:?}");
    let shown = app.blocks(&["incident", "show", "INC-1"]).await.stdout;
    for line in [
        "ana: noted from chat, by ben: p95 is @channel",
        "ben: a message of this timeline was changed to: p95 is 3 s",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    app.outbox_is_empty().await;
    with_notes(app, 5).await;
    assert!(!app.state().await["slack"]["ephemerals"].to_string().contains("<!"));
    // what people say to each other is not kept
    assert_eq!(app.sql("SELECT count(*) FROM inbox WHERE CAST(body AS TEXT) LIKE '%see you tomorrow%'"), 0);
}

#[tokio::test]
async fn a_marked_message_is_noted_and_followed_over_http_and_over_a_socket() {
    for mode in ["http", "socket"] {
        let app = TestApp::start(&config(mode)).await;
        if mode == "socket" {
            app.state_when("a connection is open", |state| {
                state["slack"]["sockets"]["live"].as_u64().filter(|live| *live >= 2)
            })
            .await;
        }
        captured(&app).await;
        assert_eq!(faulty_slack_calls(&app.state().await), [""; 0]);
        app.assert_journal_verifies().await;
    }
}

/// In a channel that several incidents share, a message belongs to the one in whose thread it stands.
#[tokio::test]
async fn in_a_shared_channel_the_thread_says_which_incident() {
    let app = TestApp::start(&config("http")).await;
    let (channel, card) = declared(&app, "P3").await;
    let inside = app.say("ana", &channel, Some(&card), "it is the queue").await;
    let outside = app.say("ana", &channel, None, "it is lunch").await;
    app.touch("ben", (&channel, &outside), "react", Some(("name", "pushpin"))).await;
    told(&app, "U0BEN", "belongs to no incident").await;
    app.touch("ben", (&channel, &inside), "react", Some(("name", "pushpin"))).await;
    let noted = with_notes(&app, 1).await;
    assert_eq!((&noted[0]["text"], &noted[0]["source"]["ts"]), (&json!("it is the queue"), &json!(inside)));
    told(&app, "U0BEN", "on the timeline:").await;
    let state = app.state().await;
    let answered = state["slack"]["ephemerals"].as_array().unwrap().iter();
    let answer = answered.rev().find(|one| text(&one["text"]).contains("on the timeline:"));
    assert_eq!(answer.map(|one| &one["thread_ts"]), Some(&json!(card)), "{answer:?}");
}

#[tokio::test]
async fn marks_of_strangers_of_gone_messages_and_told_twice_add_nothing() {
    let app = TestApp::start(&config("http")).await;
    let (channel, _) = declared(&app, "P1").await;
    let ts = app.say("ben", &channel, None, "look").await;
    let pin = |user: &str, ts: &str| {
        json!({ "type": "reaction_added", "user": user, "reaction": "pushpin", "event_ts": "1.0",
            "item": { "type": "message", "channel": channel, "ts": ts } })
    };
    assert_eq!(app.raw_event("EvStranger", &pin("U0STRANGER", &ts)).await.status, 200);
    assert_eq!(app.raw_event("EvGone", &pin("U0BEN", "1789000000.000001")).await.status, 200);
    told(&app, "U0BEN", "could not be read").await;
    inbox_is_done(&app).await;
    app.outbox_is_empty().await;
    assert_eq!(notes(&app.incident("INC-1").await).len(), 0);
    for _ in 0..3 {
        assert_eq!(app.raw_event("EvTwice", &pin("U0ANA", &ts)).await.status, 200);
    }
    with_notes(&app, 1).await;
    // while Slack is down nothing is lost: the message is looked at afterwards
    let next = app.say("ben", &channel, None, "look again").await;
    app.control("faults", json!({ "slack": "down" })).await;
    assert_eq!(app.raw_event("EvDown", &pin("U0ANA", &next)).await.status, 200);
    until("it was tried", async || {
        (app.sql("SELECT count(*) FROM outbox WHERE key = 'look/slack/EvDown' AND attempts > 0") == 1)
            .then_some(())
    })
    .await;
    app.control("faults", json!({ "slack": "ok" })).await;
    assert_eq!(with_notes(&app, 2).await[1]["text"], "look again");
    app.assert_journal_verifies().await;
}
