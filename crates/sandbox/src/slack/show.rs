//! How the workspace's things look: to the Web API's caller, and whole to the control API.

use serde_json::{Value, json};

use super::workspace::{APP_ID, BOT_ID, Channel, Message, TEAM_DOMAIN, TEAM_ID, Workspace};
use crate::clock::iso;

impl Workspace {
    /// A message as the Web API shows it.
    pub(super) fn message_json(&self, channel: &Channel, message: &Message, with_metadata: bool) -> Value {
        let mut json = json!({
            "type": "message",
            "ts": message.ts,
            "user": message.user,
            "team": TEAM_ID,
            "text": message.text,
        });
        // What a person typed bears no mark of an app.
        if message.user == self.config.bot_user_id {
            json["bot_id"] = json!(BOT_ID);
            json["app_id"] = json!(APP_ID);
            json["bot_profile"] = json!({"id": BOT_ID, "app_id": APP_ID, "name": "runbook-blocks", "updated": 0, "deleted": false, "team_id": TEAM_ID});
        }
        if message.blocks.is_array() {
            json["blocks"] = message.blocks.clone();
        }
        if message.attachments.is_array() {
            json["attachments"] = message.attachments.clone();
        }
        if let Some(thread) = &message.thread_ts {
            json["thread_ts"] = json!(thread);
        }
        if with_metadata && message.metadata.is_object() {
            json["metadata"] = message.metadata.clone();
        }
        if let Some(ts) = &message.edited_ts {
            json["edited"] = json!({"user": message.user, "ts": ts});
        }
        if !message.files.is_empty() {
            let files: Vec<Value> = message.files.iter().filter_map(|id| self.file_json(id)).collect();
            json["files"] = Value::Array(files);
        }
        if !message.reactions.is_empty() {
            let one = |(name, users): (&str, Vec<&str>)| json!({"name": name, "users": users, "count": users.len()});
            json["reactions"] = message.marks().into_iter().map(one).collect();
        }
        let replies: Vec<&Message> = channel
            .messages
            .iter()
            .filter(|m| m.thread_ts.as_deref() == Some(&message.ts) && m.ts != message.ts)
            .collect();
        if let Some(last) = replies.last() {
            json["thread_ts"] = json!(message.ts);
            json["reply_count"] = json!(replies.len());
            json["reply_users_count"] = json!(1);
            json["reply_users"] = json!([last.user]);
            json["latest_reply"] = json!(last.ts);
        }
        json
    }

    /// A file as the Web API shows it.
    pub(super) fn file_json(&self, id: &str) -> Option<Value> {
        let file = self.files.iter().find(|f| f.id == id)?;
        let path = format!("https://{TEAM_DOMAIN}.slack.com/files/{}/{}", self.config.bot_user_id, file.id);
        Some(json!({
            "id": file.id,
            "name": file.name,
            "title": file.title,
            "mimetype": "text/plain",
            "filetype": "text",
            "pretty_type": "Plain Text",
            "user": self.config.bot_user_id,
            "size": file.content.as_ref().map_or(0, String::len),
            "is_external": false,
            "is_public": file.channel.is_some(),
            "url_private": path,
            "permalink": path,
        }))
    }

    /// A channel as the Web API shows it.
    pub(super) fn channel_json(&self, channel: &Channel) -> Value {
        let created = channel.created.timestamp();
        let text = |value: &str| json!({"value": value, "creator": channel.creator, "last_set": created});
        let mut json = json!({
            "id": channel.id,
            "name": channel.name,
            "name_normalized": channel.name,
            "created": created,
            "creator": channel.creator,
            "is_channel": !channel.is_im && !channel.is_private,
            "is_group": channel.is_private && !channel.is_im,
            "is_im": channel.is_im,
            "is_mpim": false,
            "is_private": channel.is_private,
            "is_archived": channel.is_archived,
            "is_general": false,
            "is_shared": false,
            "is_org_shared": false,
            "is_member": channel.members.contains(&self.config.bot_user_id),
            "context_team_id": TEAM_ID,
            "previous_names": [],
            "topic": text(&channel.topic),
            "purpose": text(&channel.purpose),
            "num_members": channel.members.len(),
        });
        if channel.is_im {
            json["user"] = json!(channel.members.iter().find(|m| **m != self.config.bot_user_id));
        }
        json
    }

    /// The whole state for `GET /control/state`.
    pub(crate) fn state(&self) -> Value {
        let channels: Vec<Value> = self
            .channels
            .iter()
            .map(|c| {
                let messages: Vec<Value> = c
                    .messages
                    .iter()
                    .map(|m| {
                        json!({
                            "ts": m.ts,
                            "thread_ts": m.thread_ts,
                            "user": m.user,
                            "text": m.text,
                            "blocks": m.blocks,
                            "metadata": m.metadata,
                            "files": m.files,
                            "reactions": m.reactions,
                            "edits": m.versions,
                            "posted_at": iso(m.posted_at),
                        })
                    })
                    .collect();
                json!({
                    "id": c.id,
                    "name": c.name,
                    "topic": c.topic,
                    "purpose": c.purpose,
                    "is_private": c.is_private,
                    "is_im": c.is_im,
                    "creator": c.creator,
                    "created_at": iso(c.created),
                    "members": c.members,
                    "messages": messages,
                    "pins": c.pins,
                    "bookmarks": c.bookmarks,
                })
            })
            .collect();
        let urls: Vec<Value> = self
            .response_urls
            .iter()
            .map(|(token, u)| json!({"token": token, "channel": u.channel, "user": u.user, "uses": u.uses, "issued_at": iso(u.issued)}))
            .collect();
        json!({
            "channels": channels,
            "ephemerals": self.ephemerals,
            "files": self.files,
            "views": self.views,
            "calls": self.calls,
            "sent": self.sent,
            "response_urls": urls,
        })
    }
}
