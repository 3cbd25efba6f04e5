//! What people type that is no command: their messages, and the events that tell the app about them.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::outgoing::over_http;
use super::socket;
use super::workspace::{APP_ID, Channel, Draft, Sent, TEAM_ID, Workspace};
use crate::server::App;
use crate::shared::{Reply, lock};
use crate::{clock, ids};

/// Slack's patience with an app.
const ACK_LIMIT: Duration = Duration::from_secs(3);

/// Posts a message as a person and tells the app. The text is what was typed; `@name` becomes a mention.
pub(crate) async fn say(
    app: &App,
    user: &str,
    channel: &str,
    thread: Option<&str>,
    typed: &str,
) -> Result<String, &'static str> {
    let (events, at, ts) = {
        let mut workspace = lock(&app.slack);
        let now = clock::now();
        let user = workspace.user(user).cloned().ok_or("user_not_found")?;
        let home = workspace.channel(channel).ok_or("channel_not_found")?;
        if home.is_archived {
            return Err("is_archived");
        }
        if home.is_private && !home.members.contains(&user.id) {
            return Err("channel_not_found");
        }
        if thread.is_some_and(|ts| home.message(ts).is_none()) {
            return Err("thread_not_found");
        }
        let bot = workspace.bot();
        let (channel_type, hears) = (kind_of(home), home.members.contains(&bot.id));
        let mut text = escape(typed);
        let people = workspace.people().into_iter().chain([bot.clone()]);
        for person in people {
            text = mention(&text, &person.name, &person.id);
        }
        let draft = Draft { text: text.clone(), thread_ts: thread.map(str::to_owned), ..Draft::default() };
        let ts = workspace.post_as(channel, &user.id, draft, now).ok_or("channel_not_found")?.ts;
        let event = |kind: &str| {
            let mut event = json!({
                "type": kind, "user": user.id, "text": text, "ts": ts, "event_ts": ts, "team": TEAM_ID,
                "channel": channel, "channel_type": channel_type,
                "client_msg_id": ids::uuid(),
            });
            if let Some(thread) = thread {
                event["thread_ts"] = json!(thread);
            }
            event
        };
        let mut events = Vec::new();
        if hears {
            events.push(event("message"));
        }
        if text.contains(&format!("<@{}>", bot.id)) {
            events.push(event("app_mention"));
        }
        (events, now, ts)
    };
    for event in events {
        tell(app, &event, at).await;
    }
    Ok(ts)
}

/// `POST /control/slack/say`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SayRequest {
    user: String,
    /// Id or name.
    channel: String,
    #[serde(default)]
    thread: Option<String>,
    text: String,
}

/// Says it, and answers with the message's id.
pub(crate) async fn say_as(app: &App, wanted: &SayRequest) -> Reply {
    let channel = lock(&app.slack).channel_id(&wanted.channel).unwrap_or_default();
    match say(app, &wanted.user, &channel, wanted.thread.as_deref(), &wanted.text).await {
        Ok(ts) => Reply::json(200, &json!({"ts": ts})),
        Err(error) => Reply::json(409, &json!({"error": error})),
    }
}

/// Sends one event, once: this app is told again by nobody who clicks through a page.
pub(super) async fn tell(app: &App, event: &Value, at: chrono::DateTime<chrono::Utc>) {
    if !may_hear(&lock(&app.slack), event) {
        return;
    }
    let payload = json!({
        "token": "unused", "team_id": TEAM_ID, "api_app_id": APP_ID, "event": event, "type": "event_callback",
        "event_id": format!("Ev{}", ids::upper(9)), "event_time": at.timestamp(), "is_ext_shared_channel": false,
        "authorizations": [{"enterprise_id": null, "team_id": TEAM_ID, "user_id": lock(&app.slack).bot().id,
            "is_bot": true, "is_enterprise_install": false}],
    });
    let is_in_socket_mode = lock(&app.sockets).is_on();
    let outcome = if is_in_socket_mode {
        socket::envelope(app, "events_api", &payload, ACK_LIMIT).await.map(|_| (200, String::new()))
    } else {
        over_http(app, "/slack/events", "application/json", payload.to_string(), at).await
    };
    let timed_out = matches!(&outcome, Err(error) if error.starts_with("no answer"));
    let (http_status, body) = outcome.unwrap_or_else(|error| (0, error));
    let what = event["type"].as_str().unwrap_or_default().to_owned();
    let user = event["user"].as_str().unwrap_or_default().to_owned();
    let sent =
        Sent { kind: "event", user, what, at: clock::iso(at), http_status, ack_ms: 0, timed_out, body };
    lock(&app.slack).sent.push(sent);
}

/// What kind of conversation it is, in an event.
pub(super) fn kind_of(channel: &Channel) -> &'static str {
    match (channel.is_im, channel.is_private) {
        (true, _) => "im",
        (false, true) => "group",
        (false, false) => "channel",
    }
}

/// Whether the app's scopes let it hear of this: Slack sends no event that they do not cover.
fn may_hear(workspace: &Workspace, event: &Value) -> bool {
    let scope = match (event["type"].as_str(), event["channel_type"].as_str()) {
        (Some("app_mention"), _) => "app_mentions:read",
        (Some("reaction_added" | "reaction_removed"), _) => "reactions:read",
        (Some("message"), Some("im")) => "im:history",
        (Some("message"), Some("group")) => "groups:history",
        (Some("message"), _) => "channels:history",
        _ => return true,
    };
    workspace.config.scopes.iter().any(|granted| granted == scope)
}

/// What Slack's own clients do with a typed text.
pub(super) fn escape(typed: &str) -> String {
    typed.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// `@name` as a whole word becomes `<@ID>`.
fn mention(text: &str, name: &str, id: &str) -> String {
    let sign = format!("@{name}");
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(&sign) {
        out.push_str(before);
        let is_word = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
        let whole = !after.starts_with(is_word) && !out.ends_with(is_word);
        out.push_str(&if whole { format!("<@{id}>") } else { sign.clone() });
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::World;

    #[test]
    fn names_become_mentions_as_whole_words() {
        for (typed, expected) in [
            ("@ana look", "<@U1> look"),
            ("ask @ana, @ana!", "ask <@U1>, <@U1>!"),
            ("@anabel and me@ana", "@anabel and me@ana"),
            ("nobody", "nobody"),
        ] {
            assert_eq!(mention(typed, "ana", "U1"), expected);
        }
        assert_eq!(escape("<!channel> & co"), "&lt;!channel&gt; &amp; co");
    }

    /// The app hears of a message once, and of a mention as a mention too, signed.
    #[tokio::test]
    async fn a_message_is_posted_and_told_with_its_author() {
        let world = World::new().await;
        let app = world.sandbox.app();
        say(&app, "U0ANA", "C0INCIDENTS", None, "@blocks <!channel> help").await.unwrap();
        assert_eq!(say(&app, "U0ANA", "C0NONE", None, "x").await, Err("channel_not_found"));
        let seen = world.seen();
        let kinds: Vec<Value> = seen
            .iter()
            .map(|s| serde_json::from_str::<Value>(&s.body).unwrap()["event"]["type"].clone())
            .collect();
        assert_eq!(kinds, ["message", "app_mention"]);
        assert!(
            seen.iter().all(|s| s.path == "/slack/events" && s.headers.contains_key("x-slack-signature"))
        );
        let state = world.state().await;
        let message = &state["slack"]["channels"][0]["messages"][0];
        assert_eq!(message["user"], "U0ANA");
        assert_eq!(message["text"], "<@U0BLOCKS> &lt;!channel&gt; help");
        let read = world.slack("conversations.history", json!({"channel": "C0INCIDENTS"})).await;
        assert_eq!(read["messages"][0]["bot_id"], Value::Null, "{read}");
    }
}
