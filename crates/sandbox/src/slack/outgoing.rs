//! What Slack sends to the app: signed slash commands and signed button clicks, with three seconds to acknowledge.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::blocks;
use super::response_url::{Shown, show};
use super::socket;
use super::workspace::{APP_ID, Sent, TEAM_DOMAIN, TEAM_ID, Workspace};
use crate::clock;
use crate::server::App;
use crate::shared::{Reply, lock, pairs};
use crate::sign;

/// Slack's patience with an app.
const ACK_LIMIT: Duration = Duration::from_secs(3);

/// `POST /control/slack/command`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommandRequest {
    /// Id or name.
    user: String,
    /// Id or name.
    channel: String,
    /// What follows the command.
    #[serde(default)]
    text: String,
    /// How the app's command is called in this workspace.
    #[serde(default = "blocks")]
    command: String,
}

fn blocks() -> String {
    "/blocks".to_owned()
}

/// `POST /control/slack/click`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClickRequest {
    user: String,
    channel: String,
    ts: String,
    action_id: String,
    #[serde(default)]
    block_id: Option<String>,
    /// What the user has filled in on the message before, by the field's `action_id`.
    #[serde(default)]
    fields: BTreeMap<String, String>,
    /// What was chosen, when it is a menu and no button.
    #[serde(default)]
    choice: Option<String>,
}

impl ClickRequest {
    /// A press on the page.
    pub(crate) fn on_page(
        place: (&str, &str, &str),
        element: (&str, &str),
        fields: BTreeMap<String, String>,
        choice: Option<String>,
    ) -> Self {
        let [user, channel, ts] = [place.0, place.1, place.2].map(str::to_owned);
        let (block_id, action_id) = (Some(element.0.to_owned()), element.1.to_owned());
        Self { user, channel, ts, action_id, block_id, fields, choice }
    }
}

impl CommandRequest {
    /// A line typed on the page.
    pub(crate) fn on_page(user: &str, channel: &str, text: &str) -> Self {
        let [user, channel, text] = [user, channel, text].map(str::to_owned);
        Self { user, channel, text, command: blocks() }
    }
}

fn refuse(status: u16, error: &str) -> Reply {
    Reply::json(status, &json!({"error": error}))
}

/// Sends `/blocks TEXT`, or another command, as a user and shows the acknowledgement as Slack would.
pub(crate) async fn command(app: &App, wanted: CommandRequest) -> Reply {
    let now = clock::now();
    let text = wanted.text.trim_start_matches(&wanted.command).trim_start().to_owned();
    let (form, token) = {
        let mut workspace = lock(&app.slack);
        let Some(user) = workspace.user(&wanted.user).cloned() else { return refuse(404, "user_not_found") };
        let Some(channel) = workspace.channel_id(&wanted.channel) else {
            return refuse(404, "channel_not_found");
        };
        let name = workspace
            .channel(&channel)
            .map(|c| if c.is_im { "directmessage".into() } else { c.name.clone() });
        let token = workspace.response_url(&channel, &user.id, None, now);
        let trigger = workspace.trigger(&user.id, now);
        let url = format!("{}/slack/response/{token}", workspace.base_url);
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("token", "unused")
            .append_pair("team_id", TEAM_ID)
            .append_pair("team_domain", TEAM_DOMAIN)
            .append_pair("channel_id", &channel)
            .append_pair("channel_name", &name.unwrap_or_default())
            .append_pair("user_id", &user.id)
            .append_pair("user_name", &user.name)
            .append_pair("command", &wanted.command)
            .append_pair("text", &text)
            .append_pair("api_app_id", APP_ID)
            .append_pair("is_enterprise_install", "false")
            .append_pair("response_url", &url)
            .append_pair("trigger_id", &trigger)
            .finish();
        (form, token)
    };
    let typed = format!("{} {text}", wanted.command);
    let sent = send(app, "command", "/slack/commands", form, &wanted.user, &typed).await;
    if sent.http_status == 200 && !sent.body.is_empty() {
        show_ack(&mut lock(&app.slack), &token, &sent.body);
    }
    Reply::json(
        200,
        &json!({
            "http_status": sent.http_status,
            "ack_ms": sent.ack_ms,
            "timed_out": sent.timed_out,
            "body": sent.body,
            "response_url_token": token,
        }),
    )
}

/// A body in the acknowledgement is a message: JSON with text or blocks, or plain text.
fn show_ack(workspace: &mut Workspace, token: &str, body: &str) {
    let shown = match serde_json::from_str::<Value>(body) {
        Ok(Value::Object(message)) => {
            let text = message.get("text").and_then(Value::as_str).unwrap_or_default().to_owned();
            let given = message.get("blocks").cloned().unwrap_or(Value::Null);
            let blocks = if given.is_null() { Ok(given) } else { blocks::check_message(given) };
            let in_channel = message.get("response_type").and_then(Value::as_str) == Some("in_channel");
            // A message with bad blocks is not shown: the user sees that the command failed.
            let Ok(blocks) = blocks else { return };
            if text.is_empty() && blocks.is_null() {
                return;
            }
            Shown { text, blocks, in_channel, thread_ts: None, source: "command_ack" }
        }
        _ => Shown {
            text: body.to_owned(),
            blocks: Value::Null,
            in_channel: false,
            thread_ts: None,
            source: "command_ack",
        },
    };
    show(workspace, token, shown, clock::now());
}

/// Presses a button that really is in the current message, ephemeral or not; otherwise 404.
pub(crate) async fn click(app: &App, wanted: ClickRequest) -> Reply {
    let payload = match payload(&mut lock(&app.slack), &wanted) {
        Ok(payload) => payload,
        Err(error) => return refuse(404, error),
    };
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("payload", &payload.to_string())
        .finish();
    let sent = send(app, "click", "/slack/interactions", form, &wanted.user, &wanted.action_id).await;
    Reply::json(
        200,
        &json!({
            "http_status": sent.http_status,
            "ack_ms": sent.ack_ms,
            "timed_out": sent.timed_out,
            "body": sent.body,
        }),
    )
}

fn payload(workspace: &mut Workspace, wanted: &ClickRequest) -> Result<Value, &'static str> {
    let now = clock::now();
    let user = workspace.user(&wanted.user).cloned().ok_or("user_not_found")?;
    let id = workspace.channel_id(&wanted.channel).ok_or("channel_not_found")?;
    let channel = workspace.channel(&id).ok_or("channel_not_found")?;
    if channel.is_private && !channel.members.contains(&user.id) {
        return Err("channel_not_found");
    }
    let ephemeral = workspace
        .ephemerals
        .iter()
        .find(|e| e.ts == wanted.ts && e.channel == id && e.user == user.id && !e.deleted);
    let (blocks, thread_ts, message) = match (channel.message(&wanted.ts), ephemeral) {
        (Some(message), _) => (
            message.blocks.clone(),
            message.thread_ts.clone(),
            Some(workspace.message_json(channel, message, true)),
        ),
        (None, Some(ephemeral)) => (ephemeral.blocks.clone(), ephemeral.thread_ts.clone(), None),
        (None, None) => return Err("message_not_found"),
    };
    let is_ephemeral = message.is_none();
    let found =
        blocks::find(&blocks, &wanted.action_id, wanted.block_id.as_deref()).ok_or("button_not_found")?;
    let mut action = json!({
        "type": found.element["type"],
        "action_id": wanted.action_id,
        "block_id": found.block_id,
        "action_ts": workspace_ts(now),
    });
    for field in ["text", "value", "style"] {
        if !found.element[field].is_null() {
            action[field] = found.element[field].clone();
        }
    }
    if let Some(choice) = &wanted.choice {
        blocks::choose(&mut action, &found.element, choice).ok_or("no_such_choice")?;
    }
    let mut container = json!({
        "type": "message",
        "message_ts": wanted.ts,
        "channel_id": id,
        "is_ephemeral": is_ephemeral,
    });
    if let Some(thread) = thread_ts {
        container["thread_ts"] = json!(thread);
    }
    let name = channel.name.clone();
    let token = workspace.response_url(&id, &user.id, Some(wanted.ts.clone()), now);
    let mut payload = json!({
        "type": "block_actions",
        "user": {"id": user.id, "username": user.name, "name": user.name, "team_id": TEAM_ID},
        "api_app_id": APP_ID,
        "token": "unused",
        "container": container,
        "trigger_id": workspace.trigger(&user.id, now),
        "team": {"id": TEAM_ID, "domain": TEAM_DOMAIN},
        "enterprise": null,
        "is_enterprise_install": false,
        "channel": {"id": id, "name": name},
        "state": {"values": blocks::fields(&blocks, &wanted.fields)},
        "response_url": format!("{}/slack/response/{token}", workspace.base_url),
        "actions": [action],
    });
    // Slack sends no copy of a message that it does not keep.
    if let Some(message) = message {
        payload["message"] = message;
    }
    Ok(payload)
}

fn workspace_ts(now: chrono::DateTime<chrono::Utc>) -> String {
    format!("{}.{:06}", now.timestamp(), now.timestamp_subsec_micros())
}

/// Sends over a connection when the app is in Socket Mode, else signed over HTTP, and records. Status 0 means that nothing
/// was answered in time, or at all.
pub(super) async fn send(
    app: &App,
    kind: &'static str,
    path: &str,
    form: String,
    user: &str,
    what: &str,
) -> Sent {
    let at = clock::now();
    let started = Instant::now();
    let is_in_socket_mode = lock(&app.sockets).is_on();
    let outcome = if is_in_socket_mode {
        over_socket(app, kind, &form).await
    } else {
        over_http(app, path, "application/x-www-form-urlencoded", form, at).await
    };
    let elapsed = started.elapsed();
    let timed_out = outcome.is_err() && elapsed >= ACK_LIMIT;
    let (http_status, body) = outcome.unwrap_or_else(|error| (0, error));
    let sent = Sent {
        kind,
        user: user.to_owned(),
        what: what.to_owned(),
        at: clock::iso(at),
        http_status,
        ack_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        timed_out,
        body,
    };
    lock(&app.slack).sent.push(sent.clone());
    sent
}

/// One signed request, answered in time or not at all.
pub(super) async fn over_http(
    app: &App,
    path: &str,
    content_type: &str,
    form: String,
    at: chrono::DateTime<chrono::Utc>,
) -> Result<(u16, String), String> {
    let secret = lock(&app.slack).config.signing_secret.clone();
    let secret = if app.faults().bad_signature { format!("not-{secret}") } else { secret };
    let url = app.blocks_url(path).ok_or("blocks_url is not set")?;
    let request = app
        .client
        .post(url)
        .header("content-type", content_type)
        .header("user-agent", "Slackbot 1.0 (+https://api.slack.com/robots)")
        .header("x-slack-request-timestamp", at.timestamp().to_string())
        .header("x-slack-signature", sign::slack_v0(&secret, at.timestamp(), form.as_bytes()))
        .timeout(ACK_LIMIT)
        .body(form)
        .send();
    let answer = async {
        let answer = request.await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    };
    match tokio::time::timeout(ACK_LIMIT, answer).await {
        Ok(answered) => answered.map_err(|error: reqwest::Error| error.without_url().to_string()),
        Err(_) => Err("no answer within 3 s".to_owned()),
    }
}

/// The same content as an envelope. An acknowledgement counts as status 200, with its payload as the body.
async fn over_socket(app: &App, kind: &str, form: &str) -> Result<(u16, String), String> {
    let fields: BTreeMap<String, String> = pairs(form).into_iter().collect();
    let (kind, payload) = match fields.get("payload").filter(|_| kind != "command") {
        Some(payload) => ("interactive", serde_json::from_str(payload).unwrap_or(Value::Null)),
        None => ("slash_commands", json!(fields)),
    };
    let answer = socket::envelope(app, kind, &payload, ACK_LIMIT).await?;
    Ok((200, if answer.is_null() { String::new() } else { answer.to_string() }))
}
