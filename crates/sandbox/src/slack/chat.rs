//! `chat.*`.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::args::Args;
use super::workspace::{Draft, TEAM_DOMAIN, Workspace};
use super::{Answer, ApiError, blocks, limits};

/// Longer texts are cut, with a warning.
const TEXT_MAX: usize = 40_000;
/// Size of a message's metadata, bytes of its JSON.
const METADATA_MAX: usize = 8_000;

/// The shown part of a message, checked.
pub(super) struct Content {
    pub(super) text: Option<String>,
    pub(super) blocks: Option<Value>,
    attachments: Option<Value>,
    metadata: Option<Value>,
    truncated: bool,
}

/// Reads and checks `text`, `blocks`, `attachments`, `metadata`.
pub(super) fn content(args: &Args) -> Result<Content, ApiError> {
    let blocks = match args.nested("blocks") {
        Ok(None) => None,
        Ok(Some(given)) => Some(blocks::check_message(given)?),
        Err(()) => return Err(ApiError::new("invalid_blocks_format")),
    };
    let attachments = args.nested("attachments").map_err(|()| ApiError::new("invalid_attachments"))?;
    let metadata = args.nested("metadata").map_err(|()| ApiError::new("invalid_metadata_format"))?;
    if let Some(given) = &metadata {
        let Some(object) = given.as_object() else { return Err(ApiError::new("invalid_metadata_format")) };
        let whole = given["event_type"].is_string() && given["event_payload"].is_object();
        if !whole && !object.is_empty() {
            return Err(ApiError::new("invalid_metadata_schema"));
        }
        if given.to_string().len() > METADATA_MAX {
            return Err(ApiError::new("metadata_too_large"));
        }
    }
    let mut text = args.text("text");
    if let Some(markdown) = args.text("markdown_text") {
        if text.is_some() || blocks.is_some() {
            return Err(ApiError::new("markdown_text_conflict"));
        }
        text = Some(markdown);
    }
    let mut truncated = false;
    if let Some(long) = text.as_mut().filter(|t| t.chars().count() > TEXT_MAX) {
        *long = long.chars().take(TEXT_MAX).collect();
        truncated = true;
    }
    let empty = |value: &Option<Value>| value.as_ref().and_then(Value::as_array).is_none_or(Vec::is_empty);
    if text.is_none() && empty(&blocks) && empty(&attachments) {
        return Err(ApiError::new("no_text"));
    }
    Ok(Content { text, blocks, attachments, metadata, truncated })
}

/// The channel that may be written to: it exists, is not archived, and the bot is in it (or may post without joining).
fn writable(workspace: &Workspace, id: &str, may_stand_outside: bool) -> Result<(), ApiError> {
    let bot = &workspace.config.bot_user_id;
    let channel = workspace.channel(id).ok_or_else(|| ApiError::new("channel_not_found"))?;
    if channel.is_archived {
        return Err(ApiError::new("is_archived"));
    }
    if channel.members.contains(bot) {
        return Ok(());
    }
    if channel.is_private {
        return Err(ApiError::new("channel_not_found"));
    }
    let public = workspace.config.scopes.iter().any(|s| s == "chat:write.public");
    if may_stand_outside && public { Ok(()) } else { Err(ApiError::new("not_in_channel")) }
}

pub(super) fn post_message(workspace: &mut Workspace, args: &Args, now: DateTime<Utc>) -> Answer {
    let given = args.required("channel")?;
    let channel = match workspace.channel_id(&given) {
        Some(id) => id,
        None if given.starts_with('U') && workspace.user(&given).is_some() => workspace.im(&given, now),
        None => return Err(ApiError::new("channel_not_found")),
    };
    writable(workspace, &channel, true)?;
    let content = content(args)?;
    let thread_ts = args.text("thread_ts");
    if let Some(ts) = &thread_ts
        && workspace.channel(&channel).and_then(|c| c.message(ts)).is_none()
    {
        return Err(ApiError::new("cannot_reply_to_message"));
    }
    limits::post(workspace, &channel, now)?;
    // A reply to a reply lands in the reply's thread.
    let parent = thread_ts.map(|ts| {
        workspace
            .channel(&channel)
            .and_then(|c| c.message(&ts))
            .and_then(|m| m.thread_ts.clone())
            .unwrap_or(ts)
    });
    let draft = Draft {
        text: content.text.unwrap_or_default(),
        blocks: content.blocks.unwrap_or(Value::Null),
        attachments: content.attachments.unwrap_or(Value::Null),
        metadata: content.metadata.unwrap_or(Value::Null),
        thread_ts: parent,
        broadcast: args.flag("reply_broadcast"),
        files: Vec::new(),
    };
    let message = workspace.post(&channel, draft, now).ok_or_else(|| ApiError::new("channel_not_found"))?;
    let home = workspace.channel(&channel).ok_or_else(|| ApiError::new("channel_not_found"))?;
    let mut answer = json!({
        "channel": channel,
        "ts": message.ts,
        "message": workspace.message_json(home, &message, true),
    });
    if content.truncated {
        answer["warning"] = json!("message_truncated");
        answer["response_metadata"] = json!({"warnings": ["message_truncated"]});
    }
    Ok(answer)
}

pub(super) fn update(workspace: &mut Workspace, args: &Args, now: DateTime<Utc>) -> Answer {
    let channel = args.required("channel")?;
    let ts = args.required("ts")?;
    writable(workspace, &channel, true)?;
    let bot = workspace.config.bot_user_id.clone();
    let current = workspace
        .channel(&channel)
        .and_then(|c| c.message(&ts))
        .ok_or_else(|| ApiError::new("message_not_found"))?
        .clone();
    if current.user != bot {
        return Err(ApiError::new("cant_update_message"));
    }
    let content = content(args)?;
    // Blocks and metadata that are not named stay; an empty list or object removes them.
    let blocks = match content.blocks {
        None => current.blocks,
        Some(Value::Array(list)) if list.is_empty() => Value::Null,
        Some(blocks) => blocks,
    };
    let metadata = match content.metadata {
        None => current.metadata,
        Some(Value::Object(map)) if map.is_empty() => Value::Null,
        Some(metadata) => metadata,
    };
    let text = content.text.unwrap_or_default();
    let edit_ts = workspace.next_ts(now);
    if let Some(message) = workspace.channel_mut(&channel).and_then(|c| c.message_mut(&ts)) {
        message.edit(text.clone(), blocks, metadata, edit_ts, now);
    }
    let home = workspace.channel(&channel).ok_or_else(|| ApiError::new("channel_not_found"))?;
    let shown = home.message(&ts).map_or(Value::Null, |m| workspace.message_json(home, m, true));
    Ok(json!({"channel": channel, "ts": ts, "text": text, "message": shown}))
}

pub(super) fn post_ephemeral(workspace: &mut Workspace, args: &Args, now: DateTime<Utc>) -> Answer {
    let channel = args.required("channel")?;
    let user = args.required("user")?;
    let id = workspace.channel_id(&channel).ok_or_else(|| ApiError::new("channel_not_found"))?;
    writable(workspace, &id, true)?;
    if !workspace.channel(&id).is_some_and(|c| c.members.contains(&user)) {
        return Err(ApiError::new("user_not_in_channel"));
    }
    let content = content(args)?;
    let shown = (content.text.unwrap_or_default(), content.blocks.unwrap_or(Value::Null));
    let ts =
        workspace.whisper((&id, &user), shown, args.text("thread_ts"), ("chat.postEphemeral", None), now);
    Ok(json!({"message_ts": ts}))
}

pub(super) fn get_permalink(workspace: &mut Workspace, args: &Args, _now: DateTime<Utc>) -> Answer {
    let channel = args.required("channel")?;
    let ts = args.required("message_ts")?;
    let home = workspace.channel(&channel).ok_or_else(|| ApiError::new("channel_not_found"))?;
    let message = home.message(&ts).ok_or_else(|| ApiError::new("message_not_found"))?;
    let thread =
        message.thread_ts.as_ref().map(|t| format!("?thread_ts={t}&cid={channel}")).unwrap_or_default();
    let link = format!("https://{TEAM_DOMAIN}.slack.com/archives/{channel}/p{}{thread}", ts.replace('.', ""));
    Ok(json!({"channel": channel, "permalink": link}))
}
