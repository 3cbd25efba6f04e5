//! The workspace as the app meets it, over real sockets; limits and expiry with a clock that is an argument.

use chrono::{TimeDelta, Utc};
use http::{HeaderMap, Method};

use super::*;
use crate::config::SandboxConfig;
use crate::sign;
use crate::testkit::World;

fn button(action_id: &str) -> Value {
    json!([{"type": "actions", "block_id": "b1", "elements": [
        {"type": "button", "action_id": action_id, "value": "run-1", "text": {"type": "plain_text", "text": "Approve"}},
    ]}])
}

/// Each refusal once: method, arguments, error.
#[tokio::test]
async fn refusals() {
    let world = World::with(|c| c.slack.tier_limits = false).await;
    let posted = world.slack("chat.postMessage", json!({"channel": "C0INCIDENTS", "text": "card"})).await;
    let ts = posted["ts"].as_str().unwrap().to_owned();
    world.slack("pins.add", json!({"channel": "C0INCIDENTS", "timestamp": ts})).await;
    world.slack("reactions.add", json!({"channel": "C0INCIDENTS", "timestamp": ts, "name": "eyes"})).await;
    let long = "x".repeat(251);
    let table = [
        ("chat.postMessage", json!({"text": "x"}), "invalid_arguments"),
        ("chat.postMessage", json!({"channel": "C0NOPE", "text": "x"}), "channel_not_found"),
        ("chat.postMessage", json!({"channel": "C0INCIDENTS"}), "no_text"),
        (
            "chat.postMessage",
            json!({"channel": "C0INCIDENTS", "blocks": [{"type": "odd"}]}),
            "invalid_blocks",
        ),
        ("chat.postMessage", json!({"channel": "C0INCIDENTS", "blocks": "{"}), "invalid_blocks_format"),
        (
            "chat.postMessage",
            json!({"channel": "C0INCIDENTS", "text": "x", "metadata": {"event_type": 1}}),
            "invalid_metadata_schema",
        ),
        (
            "chat.postMessage",
            json!({"channel": "C0INCIDENTS", "text": "x", "thread_ts": "1.2"}),
            "cannot_reply_to_message",
        ),
        (
            "chat.postMessage",
            json!({"channel": "C0INCIDENTS", "text": "x", "markdown_text": "y"}),
            "markdown_text_conflict",
        ),
        ("chat.update", json!({"channel": "C0INCIDENTS", "ts": "1.2", "text": "x"}), "message_not_found"),
        (
            "chat.postEphemeral",
            json!({"channel": "C0INCIDENTS", "user": "U0NOBODY", "text": "x"}),
            "user_not_in_channel",
        ),
        ("chat.getPermalink", json!({"channel": "C0INCIDENTS", "message_ts": "1.2"}), "message_not_found"),
        ("conversations.create", json!({}), "invalid_name_required"),
        ("conversations.create", json!({"name": "incidents"}), "name_taken"),
        ("conversations.create", json!({"name": "Inc-1"}), "invalid_name_specials"),
        ("conversations.create", json!({"name": "inc 1"}), "invalid_name_specials"),
        ("conversations.create", json!({"name": "---"}), "invalid_name_punctuation"),
        ("conversations.create", json!({"name": "x".repeat(81)}), "invalid_name_maxlength"),
        ("conversations.setTopic", json!({"channel": "C0INCIDENTS", "topic": long}), "too_long"),
        ("conversations.invite", json!({"channel": "C0INCIDENTS", "users": "U0ANA"}), "already_in_channel"),
        ("conversations.invite", json!({"channel": "C0INCIDENTS", "users": "U0NOBODY"}), "user_not_found"),
        ("conversations.invite", json!({"channel": "C0INCIDENTS", "users": "U0BLOCKS"}), "cant_invite_self"),
        ("conversations.info", json!({"channel": "C0NOPE"}), "channel_not_found"),
        ("conversations.replies", json!({"channel": "C0INCIDENTS", "ts": "1.2"}), "thread_not_found"),
        ("conversations.history", json!({"channel": "C0INCIDENTS", "cursor": "x"}), "invalid_cursor"),
        ("users.info", json!({"user": "U0NOBODY"}), "user_not_found"),
        ("users.lookupByEmail", json!({"email": "nobody@example.com"}), "users_not_found"),
        ("files.completeUploadExternal", json!({"files": [{"id": "F1"}]}), "file_not_found"),
        ("pins.add", json!({"channel": "C0INCIDENTS", "timestamp": ts}), "already_pinned"),
        (
            "reactions.add",
            json!({"channel": "C0INCIDENTS", "timestamp": ts, "name": "eyes"}),
            "already_reacted",
        ),
        (
            "bookmarks.add",
            json!({"channel_id": "C0INCIDENTS", "title": "x", "type": "link", "link": "x"}),
            "invalid_link",
        ),
        ("views.open", json!({"trigger_id": "1.2", "view": {"type": "modal"}}), "invalid_trigger_id"),
        ("chat.meMessage", json!({}), "unknown_method"),
    ];
    for (method, args, error) in table {
        let answer = world.slack(method, args.clone()).await;
        assert_eq!((&answer["ok"], &answer["error"]), (&json!(false), &json!(error)), "{method} {args}");
    }
    let detailed = world
        .slack("chat.postMessage", json!({"channel": "C0INCIDENTS", "blocks": [{"type": "section"}]}))
        .await;
    assert!(
        detailed["response_metadata"]["messages"][0].as_str().unwrap().contains("[json-pointer:/blocks/0]")
    );
}

#[tokio::test]
async fn tokens_and_scopes() {
    let world = World::with(|c| c.slack.scopes = vec!["channels:read".into()]).await;
    let url = format!("{}/slack/api/auth.test", world.sandbox.url());
    let none: Value = world.client.post(&url).send().await.unwrap().json().await.unwrap();
    assert_eq!(none["error"], "not_authed");
    let wrong: Value =
        world.client.post(&url).bearer_auth("xoxb-other").send().await.unwrap().json().await.unwrap();
    assert_eq!(wrong["error"], "invalid_auth");
    let form = [("token", world.config.slack.bot_token.as_str())];
    let good: Value = world.client.post(&url).form(&form).send().await.unwrap().json().await.unwrap();
    assert_eq!(good["user_id"], "U0BLOCKS");
    let scope = world.slack("chat.postMessage", json!({"channel": "C0INCIDENTS", "text": "x"})).await;
    assert_eq!(
        scope,
        json!({"ok": false, "error": "missing_scope", "needed": "chat:write", "provided": "channels:read"})
    );
}

#[tokio::test]
async fn a_card_is_posted_edited_found_by_its_metadata_and_clicked() {
    let world = World::new().await;
    let metadata = json!({"event_type": "card", "event_payload": {"incident": "INC-1"}});
    let args =
        json!({"channel": "#incidents", "text": "v1", "blocks": button("approve"), "metadata": metadata});
    let posted = world.slack("chat.postMessage", args).await;
    let ts = posted["ts"].as_str().unwrap().to_owned();
    world
        .slack("chat.postMessage", json!({"channel": "C0INCIDENTS", "text": "reply", "thread_ts": ts}))
        .await;
    let edited = world.slack("chat.update", json!({"channel": "C0INCIDENTS", "ts": ts, "text": "v2"})).await;
    assert_eq!(edited["message"]["blocks"][0]["block_id"], "b1", "blocks that are not named stay");

    let url = format!(
        "{}/slack/api/conversations.history?channel=C0INCIDENTS&include_all_metadata=true",
        world.sandbox.url()
    );
    let bearer = &world.config.slack.bot_token;
    let history: Value =
        world.client.get(url).bearer_auth(bearer).send().await.unwrap().json().await.unwrap();
    assert_eq!(history["messages"].as_array().unwrap().len(), 1, "replies are not in the history");
    assert_eq!(history["messages"][0]["metadata"], metadata);
    assert_eq!(history["messages"][0]["reply_count"], 1);
    let replies = world.slack("conversations.replies", json!({"channel": "C0INCIDENTS", "ts": ts})).await;
    assert_eq!(replies["messages"].as_array().unwrap().len(), 2);

    let (status, ack) = world
        .control(
            "slack/click",
            json!({"user": "ben", "channel": "incidents", "ts": ts, "action_id": "approve"}),
        )
        .await;
    assert_eq!((status, &ack["http_status"]), (200, &json!(200)));
    let seen = world.seen().pop().unwrap();
    assert_eq!(seen.path, "/slack/interactions");
    let stamp: i64 = seen.headers["x-slack-request-timestamp"].to_str().unwrap().parse().unwrap();
    let expected = sign::slack_v0(&world.config.slack.signing_secret, stamp, seen.body.as_bytes());
    assert_eq!(seen.headers["x-slack-signature"], expected);
    let (key, payload) = crate::shared::pairs(&seen.body).pop().unwrap();
    let payload: Value = serde_json::from_str(&payload).unwrap();
    assert_eq!(key, "payload");
    assert_eq!(payload["user"]["id"], "U0BEN");
    assert_eq!(payload["actions"][0]["value"], "run-1");
    assert_eq!(payload["message"]["text"], "v2");

    let state = world.state().await;
    let versions = state["slack"]["channels"][0]["messages"][0]["edits"].as_array().unwrap().clone();
    assert_eq!(versions.iter().map(|v| v["text"].as_str().unwrap()).collect::<Vec<_>>(), ["v1", "v2"]);

    // Once the card has lost its button, nobody can press it.
    world
        .slack(
            "chat.update",
            json!({"channel": "C0INCIDENTS", "ts": ts, "text": "v3", "blocks": [{"type": "divider"}]}),
        )
        .await;
    let (status, gone) = world
        .control(
            "slack/click",
            json!({"user": "ben", "channel": "incidents", "ts": ts, "action_id": "approve"}),
        )
        .await;
    assert_eq!((status, &gone["error"]), (404, &json!("button_not_found")));
}

#[tokio::test]
async fn a_command_is_signed_and_its_response_url_has_five_uses() {
    let world = World::new().await;
    *crate::shared::lock(&world.blocks.body) =
        json!({"response_type": "ephemeral", "text": "working on it"}).to_string();
    let wanted = json!({"user": "ana", "channel": "incidents", "text": "runbook rollback flowengine"});
    let (_, ack) = world.control("slack/command", wanted).await;
    assert_eq!(ack["http_status"], 200);
    let seen = world.seen().pop().unwrap();
    let stamp: i64 = seen.headers["x-slack-request-timestamp"].to_str().unwrap().parse().unwrap();
    let expected = sign::slack_v0(&world.config.slack.signing_secret, stamp, seen.body.as_bytes());
    assert_eq!(
        (seen.path.as_str(), seen.headers["x-slack-signature"].to_str().unwrap()),
        ("/slack/commands", expected.as_str())
    );
    assert!(seen.body.contains("&command=%2Fblocks&text=runbook+rollback+flowengine&"), "{}", seen.body);
    let url = crate::shared::pairs(&seen.body).into_iter().find(|(k, _)| k == "response_url").unwrap().1;
    for use_number in 1..=6 {
        let body = json!({"text": format!("answer {use_number}"), "blocks": button("go"), "replace_original": use_number > 1});
        let answer = world.client.post(&url).json(&body).send().await.unwrap();
        let (status, text) = (answer.status().as_u16(), answer.text().await.unwrap());
        let expected = if use_number <= 5 { (200, "ok") } else { (404, "used_url") };
        assert_eq!((status, text.as_str()), expected, "use {use_number}");
    }
    let state = world.state().await;
    let shown = state["slack"]["ephemerals"].as_array().unwrap();
    assert_eq!(shown[0]["source"], "command_ack");
    assert_eq!(shown[0]["text"], "answer 5", "replace_original replaces the acknowledgement");
    // Only the person who sees an ephemeral message can press its button.
    let click =
        |user: &str| json!({"user": user, "channel": "incidents", "ts": shown[0]["ts"], "action_id": "go"});
    assert_eq!(world.control("slack/click", click("ana")).await.0, 200);
    assert_eq!(world.control("slack/click", click("ben")).await.0, 404);
    let unknown = format!("{}/slack/response/never-issued", world.sandbox.url());
    assert_eq!(
        world.client.post(unknown).json(&json!({"text": "x"})).send().await.unwrap().text().await.unwrap(),
        "expired_url"
    );
}

#[tokio::test]
async fn a_file_takes_three_steps() {
    let world = World::new().await;
    let url =
        format!("{}/slack/api/files.getUploadURLExternal?filename=PIR.md&length=5", world.sandbox.url());
    let bearer = &world.config.slack.bot_token;
    let ticket: Value = world.client.get(url).bearer_auth(bearer).send().await.unwrap().json().await.unwrap();
    let files = json!([{"id": ticket["file_id"], "title": "PIR INC-1"}]);
    let early = world
        .slack("files.completeUploadExternal", json!({"files": files, "channel_id": "C0INCIDENTS"}))
        .await;
    assert_eq!(early["error"], "file_not_found");
    let upload = ticket["upload_url"].as_str().unwrap();
    assert_eq!(world.client.post(upload).body("four").send().await.unwrap().status(), 400);
    assert_eq!(world.client.post(upload).body("# PIR").send().await.unwrap().text().await.unwrap(), "OK - 5");
    let done = world
        .slack(
            "files.completeUploadExternal",
            json!({"files": files, "channel_id": "C0INCIDENTS", "initial_comment": "review"}),
        )
        .await;
    assert_eq!(done["files"][0]["title"], "PIR INC-1");
    let state = world.state().await;
    assert_eq!(state["slack"]["files"][0]["content"], "# PIR");
    assert_eq!(state["slack"]["channels"][0]["messages"][0]["files"][0], ticket["file_id"]);
}

#[tokio::test]
async fn channels_are_created_described_and_filled() {
    let world = World::new().await;
    let created = world.slack("conversations.create", json!({"name": "inc-1-flowengine"})).await;
    let id = created["channel"]["id"].as_str().unwrap().to_owned();
    assert!(created["channel"]["created"].as_i64().unwrap() > 0, "typed clients need it");
    assert_eq!(
        world.slack("conversations.setTopic", json!({"channel": id, "topic": "P1"})).await["topic"],
        "P1"
    );
    let invited =
        world.slack("conversations.invite", json!({"channel": id, "users": ["U0ANA", "U0BEN"]})).await;
    assert_eq!(invited["channel"]["num_members"], 3);
    let listed = world.slack("conversations.list", json!({"limit": 1})).await;
    assert!(!listed["response_metadata"]["next_cursor"].as_str().unwrap().is_empty());
}

#[tokio::test]
async fn faults_take_slack_down_throttle_it_and_spoil_signatures() {
    let world = World::new().await;
    world.control("faults", json!({"slack": "down"})).await;
    let url = format!("{}/slack/api/auth.test", world.sandbox.url());
    assert_eq!(world.client.post(&url).send().await.unwrap().status(), 503);
    world.control("faults", json!({"slack": "ok", "slack_429_s": 30})).await;
    let limited = world.client.post(&url).send().await.unwrap();
    assert_eq!(limited.status(), 429);
    assert!(limited.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() <= 30);
    world.control("faults", json!({"slack_429_s": 0, "bad_signature": true})).await;
    world.control("slack/command", json!({"user": "ana", "channel": "incidents", "text": "x"})).await;
    let seen = world.seen().pop().unwrap();
    let stamp: i64 = seen.headers["x-slack-request-timestamp"].to_str().unwrap().parse().unwrap();
    let right = sign::slack_v0(&world.config.slack.signing_secret, stamp, seen.body.as_bytes());
    assert_ne!(seen.headers["x-slack-signature"], right);
    assert_eq!(world.control("faults", json!({"slack": "sideways"})).await.0, 400);
}

fn workspace() -> Workspace {
    let config = SandboxConfig::demo("127.0.0.1:0".parse().unwrap());
    Workspace::new(config.slack, "http://127.0.0.1:1".into(), Utc::now_for_tests())
}

/// A fixed moment: these tests move time by hand.
trait Fixed {
    fn now_for_tests() -> DateTime<Utc>;
}

impl Fixed for Utc {
    fn now_for_tests() -> DateTime<Utc> {
        DateTime::from_timestamp(1_789_000_000, 0).unwrap()
    }
}

#[test]
fn a_channel_takes_five_posts_at_once_and_then_one_per_second() {
    let mut workspace = workspace();
    let now = Utc::now_for_tests();
    let mut post = |channel: &str, at: DateTime<Utc>| {
        chat::post_message(&mut workspace, &Args::of(json!({"channel": channel, "text": "x"})), at)
    };
    for _ in 0..5 {
        post("C0INCIDENTS", now).unwrap();
    }
    let limited = post("C0INCIDENTS", now).unwrap_err();
    assert_eq!((limited.error, limited.retry_after), ("ratelimited", Some(1)));
    post("U0ANA", now).unwrap();
    post("C0INCIDENTS", now + TimeDelta::seconds(1)).unwrap();
    assert!(post("C0INCIDENTS", now + TimeDelta::seconds(1)).is_err());
}

#[test]
fn message_ids_are_unique_and_rise_even_when_the_clock_does_not() {
    let mut workspace = workspace();
    let now = Utc::now_for_tests();
    let ids: Vec<String> = (0..3).map(|back| workspace.next_ts(now - TimeDelta::seconds(back))).collect();
    assert_eq!(ids, ["1789000000.000000", "1789000000.000001", "1789000000.000002"]);
}

#[test]
fn trigger_ids_and_response_urls_expire() {
    let mut workspace = workspace();
    let now = Utc::now_for_tests();
    let view = json!({"type": "modal", "title": {"type": "plain_text", "text": "Declare"}, "blocks": []});
    let trigger = workspace.trigger("U0ANA", now);
    let mut open = |id: &str, at| {
        marks::views_open(&mut workspace, &Args::of(json!({"trigger_id": id, "view": view})), at)
    };
    assert_eq!(open(&trigger, now + TimeDelta::seconds(4)).unwrap_err().error, "expired_trigger_id");
    let opened = open(&trigger, now + TimeDelta::seconds(2)).unwrap();
    assert!(opened["view"]["hash"].is_string() && opened["view"]["team_id"].is_string());
    assert_eq!(open(&trigger, now + TimeDelta::seconds(2)).unwrap_err().error, "exchanged_trigger_id");

    let token = workspace.response_url("C0INCIDENTS", "U0ANA", None, now);
    let mut headers = HeaderMap::new();
    headers.insert("content-type", "application/json".parse().unwrap());
    let uri = format!("/slack/response/{token}").parse().unwrap();
    let request = Request::new(Method::POST, &uri, headers, bytes::Bytes::from_static(br#"{"text":"x"}"#));
    let at = |minutes| now + TimeDelta::minutes(minutes);
    assert_eq!(response_url::post(&mut workspace, &token, &request, at(29)).status, 200);
    assert_eq!(response_url::post(&mut workspace, &token, &request, at(31)).body, "expired_url");
}
