//! The `response_url` of a command or click: a bearer secret in a URL, five uses, thirty minutes.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::args::Args;
use super::workspace::{Draft, Workspace};
use super::{ApiError, chat, record};
use crate::shared::{Reply, Request};

const USES: u32 = 5;
const MINUTES: i64 = 30;

pub(super) fn post(workspace: &mut Workspace, token: &str, request: &Request, now: DateTime<Utc>) -> Reply {
    let outcome = accept(workspace, token, request, now);
    let (status, error) = match &outcome {
        Ok(()) => (200, None),
        Err((status, error)) => (*status, Some(*error)),
    };
    record(workspace, "response_url", request, now, status, error, None);
    Reply::text(status, error.unwrap_or("ok"))
}

fn accept(
    workspace: &mut Workspace,
    token: &str,
    request: &Request,
    now: DateTime<Utc>,
) -> Result<(), (u16, &'static str)> {
    if request.method != http::Method::POST {
        return Err((405, "method_not_allowed"));
    }
    let url = workspace.response_urls.get_mut(token).ok_or((404, "expired_url"))?;
    if now - url.issued > TimeDelta::minutes(MINUTES) {
        return Err((404, "expired_url"));
    }
    if url.uses >= USES {
        return Err((404, "used_url"));
    }
    let args = Args::read(request).map_err(|e| (400, e.error))?;
    let url = url.clone();
    let delete = args.flag("delete_original");
    let content =
        if delete { None } else { Some(chat::content(&args).map_err(|e: ApiError| (400, e.error))?) };
    if let Some(url) = workspace.response_urls.get_mut(token) {
        url.uses += 1;
    }
    let original = url.original.clone().filter(|_| delete || args.flag("replace_original"));
    let Some(content) = content else {
        delete_original(workspace, &url.channel, original.as_deref());
        return Ok(());
    };
    let (text, blocks) = (content.text.unwrap_or_default(), content.blocks.unwrap_or(Value::Null));
    if let Some(ts) = original
        && replace(workspace, &url.channel, &ts, &text, &blocks, now)
    {
        return Ok(());
    }
    show(
        workspace,
        token,
        Shown {
            text,
            blocks,
            in_channel: args.text("response_type").as_deref() == Some("in_channel"),
            thread_ts: args.text("thread_ts"),
            source: "response_url",
        },
        now,
    );
    Ok(())
}

/// What a reply to a command or click shows.
pub(super) struct Shown {
    pub(super) text: String,
    pub(super) blocks: Value,
    pub(super) in_channel: bool,
    pub(super) thread_ts: Option<String>,
    pub(super) source: &'static str,
}

/// Shows a reply, to one person or in the channel. It becomes the original of later replacements.
pub(super) fn show(workspace: &mut Workspace, token: &str, shown: Shown, now: DateTime<Utc>) {
    let Some(url) = workspace.response_urls.get(token).cloned() else { return };
    let ts = if shown.in_channel {
        let draft =
            Draft { text: shown.text, blocks: shown.blocks, thread_ts: shown.thread_ts, ..Draft::default() };
        workspace.post(&url.channel, draft, now).map(|m| m.ts)
    } else {
        let source = (shown.source, Some(token.to_owned()));
        let ts = workspace.whisper(
            (&url.channel, &url.user),
            (shown.text, shown.blocks),
            shown.thread_ts,
            source,
            now,
        );
        Some(ts)
    };
    if let Some(url) = workspace.response_urls.get_mut(token)
        && url.original.is_none()
    {
        url.original = ts;
    }
}

fn replace(
    workspace: &mut Workspace,
    channel: &str,
    ts: &str,
    text: &str,
    blocks: &Value,
    now: DateTime<Utc>,
) -> bool {
    if let Some(ephemeral) = workspace.ephemerals.iter_mut().find(|e| e.ts == ts && !e.deleted) {
        ephemeral.show(text.to_owned(), blocks.clone(), now);
        return true;
    }
    let edit_ts = workspace.next_ts(now);
    let Some(message) = workspace.channel_mut(channel).and_then(|c| c.message_mut(ts)) else { return false };
    let metadata = message.metadata.clone();
    message.edit(text.to_owned(), blocks.clone(), metadata, edit_ts, now);
    true
}

fn delete_original(workspace: &mut Workspace, channel: &str, ts: Option<&str>) {
    let Some(ts) = ts else { return };
    if let Some(ephemeral) = workspace.ephemerals.iter_mut().find(|e| e.ts == ts) {
        ephemeral.deleted = true;
    } else if let Some(channel) = workspace.channel_mut(channel) {
        channel.messages.retain(|m| m.ts != ts);
    }
}
