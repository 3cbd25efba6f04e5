//! What people do to messages that are there: a reaction, a change, an end, an entry of a menu. The app is told as Slack
//! tells it.

use serde::Deserialize;
use serde_json::{Value, json};

use super::outgoing::send;
use super::say::{escape, kind_of, tell};
use super::workspace::{APP_ID, Message, Reaction, TEAM_DOMAIN, TEAM_ID, Workspace};
use crate::clock;
use crate::server::App;
use crate::shared::lock;

/// What is done to a message.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Touch {
    /// Puts a reaction on it.
    React {
        /// The emoji, without colons.
        name: String,
    },
    /// Takes one off.
    Unreact {
        /// The emoji, without colons.
        name: String,
    },
    /// Changes what one has written.
    Edit {
        /// The new text, as typed.
        text: String,
    },
    /// Deletes what one has written.
    Delete,
    /// Chooses an entry of its menu.
    Menu {
        /// The entry.
        callback_id: String,
    },
}

/// `POST /control/slack/touch`.
#[derive(Debug, Deserialize)]
pub(crate) struct TouchRequest {
    pub(crate) user: String,
    pub(crate) channel: String,
    pub(crate) ts: String,
    #[serde(flatten)]
    pub(crate) what: Touch,
}

/// `POST /control/slack/shortcut`: an entry of the workspace's menu.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShortcutRequest {
    user: String,
    callback_id: String,
}

/// What the app is told of it.
enum Told {
    Event(Value),
    Interaction(Value),
    Nothing,
}

/// Does it, and tells the app.
pub(crate) async fn touch(app: &App, wanted: &TouchRequest) -> Result<(), String> {
    let (told, user) = {
        let mut workspace = lock(&app.slack);
        let user = workspace.user(&wanted.user).map(|user| user.id.clone()).ok_or("user_not_found")?;
        let channel = workspace.channel_id(&wanted.channel).ok_or("channel_not_found")?;
        let home = workspace.channel(&channel).ok_or("channel_not_found")?;
        if home.is_private && !home.members.contains(&user) {
            return Err("channel_not_found".to_owned());
        }
        if home.message(&wanted.ts).is_none() {
            return Err("message_not_found".to_owned());
        }
        let hears = home.members.contains(&workspace.bot().id);
        let told = change(&mut workspace, &user, &channel, wanted)?;
        // Of what happens in channels that it is not in, an app learns nothing; menus are everywhere.
        (if hears || matches!(told, Told::Interaction(_)) { told } else { Told::Nothing }, user)
    };
    match told {
        Told::Event(event) => tell(app, &event, clock::now()).await,
        Told::Interaction(payload) => return interact(app, &user, &payload).await,
        Told::Nothing => {}
    }
    Ok(())
}

fn change(
    workspace: &mut Workspace,
    user: &str,
    channel: &str,
    wanted: &TouchRequest,
) -> Result<Told, String> {
    let now = clock::now();
    let event_ts = workspace.next_ts(now);
    let before = workspace.message_of(channel, &wanted.ts);
    let channel_type = workspace.channel(channel).map_or("channel", kind_of);
    let message = workspace.channel_mut(channel).and_then(|home| home.message_mut(&wanted.ts));
    let message = message.ok_or("message_not_found")?;
    let author = message.user.clone();
    let reaction = |kind: &str, name: &str| {
        Told::Event(json!({
            "type": kind, "user": user, "reaction": name, "item_user": author, "event_ts": event_ts,
            "item": {"type": "message", "channel": channel, "ts": wanted.ts},
        }))
    };
    let changed = |subtype: &str| {
        json!({
            "type": "message", "subtype": subtype, "hidden": true, "channel": channel, "channel_type": channel_type,
            "ts": event_ts, "event_ts": event_ts, "previous_message": before,
        })
    };
    Ok(match &wanted.what {
        Touch::React { name } => {
            if message.reactions.iter().any(|one| one.name == *name && one.user == user) {
                return Err("already_reacted".to_owned());
            }
            message.reactions.push(Reaction { name: name.clone(), user: user.to_owned() });
            reaction("reaction_added", name)
        }
        Touch::Unreact { name } => {
            let count = message.reactions.len();
            message.reactions.retain(|one| one.name != *name || one.user != user);
            if message.reactions.len() == count {
                return Err("no_reaction".to_owned());
            }
            reaction("reaction_removed", name)
        }
        Touch::Edit { text } => {
            own(message, user)?;
            let (blocks, metadata) = (message.blocks.clone(), message.metadata.clone());
            message.edit(escape(text), blocks, metadata, event_ts.clone(), now);
            let mut event = changed("message_changed");
            event["message"] = workspace.message_of(channel, &wanted.ts);
            Told::Event(event)
        }
        Touch::Delete => {
            own(message, user)?;
            let ts = &wanted.ts;
            if let Some(home) = workspace.channel_mut(channel) {
                home.messages.retain(|one| one.ts != *ts);
            }
            let mut event = changed("message_deleted");
            event["deleted_ts"] = json!(ts);
            Told::Event(event)
        }
        Touch::Menu { callback_id } => {
            let mut payload = menu(workspace, user, "message_action", callback_id)?;
            let token = workspace.response_url(channel, user, None, now);
            payload["message"] = before;
            payload["message_ts"] = json!(wanted.ts);
            payload["channel"] =
                json!({"id": channel, "name": workspace.channel(channel).map(|one| one.name.clone())});
            payload["response_url"] = json!(format!("{}/slack/response/{token}", workspace.base_url));
            Told::Interaction(payload)
        }
    })
}

impl Workspace {
    fn message_of(&self, channel: &str, ts: &str) -> Value {
        let home = self.channel(channel);
        let found = home.and_then(|home| Some(self.message_json(home, home.message(ts)?, true)));
        let mut message = found.unwrap_or(Value::Null);
        if let Some(fields) = message.as_object_mut() {
            // Neither events nor menus tell of them.
            fields.remove("reactions");
        }
        message
    }
}

/// People change what they have written themselves, and nothing else.
fn own(message: &Message, user: &str) -> Result<(), String> {
    if message.user == user { Ok(()) } else { Err("cant_update_message".to_owned()) }
}

/// An entry of the workspace's menu.
pub(crate) async fn shortcut(app: &App, wanted: &ShortcutRequest) -> Result<(), String> {
    let (payload, user) = {
        let mut workspace = lock(&app.slack);
        let user = workspace.user(&wanted.user).map(|user| user.id.clone()).ok_or("user_not_found")?;
        (menu(&mut workspace, &user, "shortcut", &wanted.callback_id)?, user)
    };
    interact(app, &user, &payload).await
}

fn menu(workspace: &mut Workspace, user: &str, kind: &str, callback_id: &str) -> Result<Value, String> {
    let now = clock::now();
    let person = workspace.user(user).cloned().ok_or("user_not_found")?;
    Ok(json!({
        "type": kind,
        "callback_id": callback_id,
        "token": "unused",
        "action_ts": workspace.next_ts(now),
        "team": {"id": TEAM_ID, "domain": TEAM_DOMAIN},
        "user": {"id": person.id, "username": person.name, "name": person.name, "team_id": TEAM_ID},
        "api_app_id": APP_ID,
        "enterprise": null,
        "is_enterprise_install": false,
        "trigger_id": workspace.trigger(user, now),
    }))
}

async fn interact(app: &App, user: &str, payload: &Value) -> Result<(), String> {
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("payload", &payload.to_string())
        .finish();
    let what = payload["callback_id"].as_str().unwrap_or_default();
    let sent = send(app, "menu", "/slack/interactions", form, user, what).await;
    match sent.http_status {
        200 => Ok(()),
        0 => Err(format!("the app did not take it: {}", sent.body)),
        status => Err(format!("the app did not take it: HTTP {status}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::World;

    /// Each thing once, and what the app hears of it.
    #[tokio::test]
    async fn the_app_hears_of_what_is_done_to_messages() {
        let world = World::new().await;
        let (status, said) =
            world.control("slack/say", json!({"user": "ana", "channel": "incidents", "text": "a & b"})).await;
        assert_eq!(status, 200, "{said}");
        let ts = said["ts"].as_str().unwrap().to_owned();
        let touched = async |what: Value| {
            let mut body = json!({"user": "ana", "channel": "incidents", "ts": ts});
            for (name, value) in what.as_object().unwrap() {
                body[name] = value.clone();
            }
            world.control("slack/touch", body).await
        };
        for (what, status, kind) in [
            (json!({"do": "react", "name": "pushpin"}), 200, "reaction_added"),
            (json!({"do": "react", "name": "pushpin"}), 409, "reaction_added"),
            (json!({"do": "react", "name": "eyes", "user": "ben"}), 200, "reaction_added"),
            (json!({"do": "unreact", "name": "pushpin"}), 200, "reaction_removed"),
            (json!({"do": "unreact", "name": "pushpin"}), 409, "reaction_removed"),
            (json!({"do": "edit", "text": "<c>", "user": "ben"}), 409, "reaction_removed"),
            (json!({"do": "edit", "text": "<c>"}), 200, "message"),
            (json!({"do": "menu", "callback_id": "x"}), 200, "message_action"),
        ] {
            assert_eq!(touched(what.clone()).await.0, status, "{what}");
            let last = world.seen().pop().unwrap();
            assert!(last.body.contains(kind), "{what}: {}", last.body);
        }
        let read = world.slack("conversations.replies", json!({"channel": "C0INCIDENTS", "ts": ts})).await;
        assert_eq!(read["messages"][0]["text"], "&lt;c&gt;", "{read}");
        assert_eq!(
            read["messages"][0]["reactions"],
            json!([{"name": "eyes", "users": ["U0BEN"], "count": 1}])
        );
        assert!(read["messages"][0]["edited"]["ts"].is_string());
        assert_eq!(touched(json!({"do": "delete"})).await.0, 200);
        let event: Value = serde_json::from_str(&world.seen().pop().unwrap().body).unwrap();
        assert_eq!(
            (&event["event"]["subtype"], &event["event"]["deleted_ts"]),
            (&json!("message_deleted"), &json!(ts))
        );
        assert_eq!(touched(json!({"do": "delete"})).await.0, 409);
        let (status, _) = world.control("slack/shortcut", json!({"user": "ana", "callback_id": "y"})).await;
        assert_eq!(status, 200);
        assert!(world.seen().pop().unwrap().body.contains("shortcut"));
    }
}
