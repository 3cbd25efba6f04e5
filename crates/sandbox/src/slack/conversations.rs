//! `conversations.*`.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::args::Args;
use super::workspace::{Channel, Message, Workspace, new_channel};
use super::{Answer, ApiError};
use crate::ids;

/// The rules for channel names; Slack tells them apart by error.
fn check_name(name: &str) -> Result<(), ApiError> {
    if name.is_empty() {
        return Err(ApiError::new("invalid_name_required"));
    }
    if name.chars().count() > 80 {
        return Err(ApiError::new("invalid_name_maxlength"));
    }
    if name.chars().all(|c| c.is_ascii_punctuation()) {
        return Err(ApiError::new("invalid_name_punctuation"));
    }
    // Lower case of any script is allowed; upper case, spaces and signs are not.
    if !name.chars().all(|c| (c.is_alphanumeric() && !c.is_uppercase()) || c == '-' || c == '_') {
        return Err(ApiError::new("invalid_name_specials"));
    }
    Ok(())
}

fn found<'a>(workspace: &'a Workspace, id: &str) -> Result<&'a Channel, ApiError> {
    let visible = |c: &&Channel| !c.is_private || c.members.contains(&workspace.config.bot_user_id);
    workspace.channel(id).filter(visible).ok_or_else(|| ApiError::new("channel_not_found"))
}

/// The channel, of which the bot must be a member.
fn joined(workspace: &Workspace, args: &Args) -> Result<String, ApiError> {
    let id = args.required("channel")?;
    let channel = found(workspace, &id)?;
    if !channel.members.contains(&workspace.config.bot_user_id) {
        return Err(ApiError::new("not_in_channel"));
    }
    Ok(id)
}

fn shown(workspace: &Workspace, id: &str) -> Answer {
    found(workspace, id).map(|c| json!({"channel": workspace.channel_json(c)}))
}

pub(super) fn create(workspace: &mut Workspace, args: &Args, now: DateTime<Utc>) -> Answer {
    let name = args.text("name").unwrap_or_default();
    check_name(&name)?;
    if workspace.channels.iter().any(|c| c.name == name) {
        return Err(ApiError::new("name_taken"));
    }
    let bot = workspace.config.bot_user_id.clone();
    let mut channel = new_channel(format!("C{}", ids::upper(10)), name, bot.clone(), now);
    channel.is_private = args.flag("is_private");
    channel.members.insert(bot);
    let id = channel.id.clone();
    workspace.channels.push(channel);
    shown(workspace, &id)
}

fn describe(workspace: &mut Workspace, args: &Args, field: &'static str) -> Answer {
    let id = joined(workspace, args)?;
    let text = args.text(field).unwrap_or_default();
    if text.chars().count() > 250 {
        return Err(ApiError::new("too_long"));
    }
    if let Some(channel) = workspace.channel_mut(&id) {
        let slot = if field == "topic" { &mut channel.topic } else { &mut channel.purpose };
        slot.clone_from(&text);
    }
    let mut answer = shown(workspace, &id)?;
    answer[field] = json!(text);
    Ok(answer)
}

pub(super) fn set_topic(workspace: &mut Workspace, args: &Args, _now: DateTime<Utc>) -> Answer {
    describe(workspace, args, "topic")
}

pub(super) fn set_purpose(workspace: &mut Workspace, args: &Args, _now: DateTime<Utc>) -> Answer {
    describe(workspace, args, "purpose")
}

pub(super) fn invite(workspace: &mut Workspace, args: &Args, _now: DateTime<Utc>) -> Answer {
    let id = joined(workspace, args)?;
    let users = args.list("users");
    if users.is_empty() {
        return Err(ApiError::new("no_user"));
    }
    if users.len() > 100 {
        return Err(ApiError::new("too_many_users"));
    }
    let members = &found(workspace, &id)?.members;
    let problem = |user: &String| {
        if *user == workspace.config.bot_user_id {
            Some("cant_invite_self")
        } else if !workspace.config.users.iter().any(|u| u.id == *user) {
            Some("user_not_found")
        } else if members.contains(user) {
            Some("already_in_channel")
        } else {
            None
        }
    };
    let (good, bad): (Vec<_>, Vec<_>) =
        users.iter().map(|u| (u.clone(), problem(u))).partition(|(_, p)| p.is_none());
    let errors: Vec<Value> = bad.iter().map(|(u, p)| json!({"user": u, "ok": false, "error": p})).collect();
    if let Some((_, Some(first))) = bad.first()
        && (good.is_empty() || !args.flag("force"))
    {
        return Err(ApiError::new(first).with("errors", Value::Array(errors)));
    }
    if let Some(channel) = workspace.channel_mut(&id) {
        channel.members.extend(good.into_iter().map(|(u, _)| u));
    }
    shown(workspace, &id)
}

pub(super) fn info(workspace: &mut Workspace, args: &Args, _now: DateTime<Utc>) -> Answer {
    shown(workspace, &args.required("channel")?)
}

pub(super) fn join(workspace: &mut Workspace, args: &Args, _now: DateTime<Utc>) -> Answer {
    let id = args.required("channel")?;
    let channel = found(workspace, &id)?;
    if channel.is_archived {
        return Err(ApiError::new("is_archived"));
    }
    if channel.is_private {
        return Err(ApiError::new("method_not_supported_for_channel_type"));
    }
    let bot = workspace.config.bot_user_id.clone();
    let fresh = workspace.channel_mut(&id).is_some_and(|c| c.members.insert(bot));
    let mut answer = shown(workspace, &id)?;
    if !fresh {
        answer["warning"] = json!("already_in_channel");
        answer["response_metadata"] = json!({"warnings": ["already_in_channel"]});
    }
    Ok(answer)
}

pub(super) fn open(workspace: &mut Workspace, args: &Args, now: DateTime<Utc>) -> Answer {
    let users = args.list("users");
    let [user] = users.as_slice() else { return Err(ApiError::new("users_list_not_supplied")) };
    if workspace.user(user).is_none_or(|u| u.id != *user) {
        return Err(ApiError::new("user_not_found"));
    }
    let id = workspace.im(user, now);
    shown(workspace, &id)
}

/// Cuts a page out of a list. Cursors are offsets, opaque to the caller.
fn page<T>(args: &Args, all: Vec<T>, default: u64, most: u64) -> Result<(Vec<T>, String), ApiError> {
    let from = match args.text("cursor") {
        None => 0,
        Some(cursor) => cursor
            .strip_prefix("b2Zmc2V0OjA")
            .and_then(|n| n.parse::<usize>().ok())
            .ok_or_else(|| ApiError::new("invalid_cursor"))?,
    };
    let limit = args.number("limit").filter(|l| *l > 0).unwrap_or(default);
    if limit > most {
        return Err(ApiError::new("invalid_limit"));
    }
    let until = from + limit as usize;
    let next = if until < all.len() { format!("b2Zmc2V0OjA{until}") } else { String::new() };
    Ok((all.into_iter().skip(from).take(limit as usize).collect(), next))
}

pub(super) fn list(workspace: &mut Workspace, args: &Args, _now: DateTime<Utc>) -> Answer {
    let mut types = args.list("types");
    if types.is_empty() {
        types.push("public_channel".into());
    }
    let bot = &workspace.config.bot_user_id;
    let wanted = |c: &&Channel| {
        let kind = if c.is_im {
            "im"
        } else if c.is_private {
            "private_channel"
        } else {
            "public_channel"
        };
        let visible = !c.is_private || c.members.contains(bot);
        visible && types.iter().any(|t| t == kind) && !(args.flag("exclude_archived") && c.is_archived)
    };
    let all: Vec<Value> =
        workspace.channels.iter().filter(wanted).map(|c| workspace.channel_json(c)).collect();
    let (channels, next) = page(args, all, 100, 1000)?;
    Ok(json!({"channels": channels, "response_metadata": {"next_cursor": next}}))
}

pub(super) fn members(workspace: &mut Workspace, args: &Args, _now: DateTime<Utc>) -> Answer {
    let all: Vec<String> = found(workspace, &args.required("channel")?)?.members.iter().cloned().collect();
    let (members, next) = page(args, all, 100, 1000)?;
    Ok(json!({"members": members, "response_metadata": {"next_cursor": next}}))
}

/// `ts` as microseconds.
fn micros(ts: &str) -> Option<i64> {
    let (seconds, rest) = ts.split_once('.').unwrap_or((ts, "0"));
    let fraction: String = rest.chars().chain("000000".chars()).take(6).collect();
    Some(seconds.parse::<i64>().ok()? * 1_000_000 + fraction.parse::<i64>().ok()?)
}

/// The filter of `oldest`, `latest` and `inclusive`.
fn between(args: &Args) -> Result<impl Fn(&&Message) -> bool, ApiError> {
    let bound = |name: &str, error: &'static str| match args.text(name) {
        None => Ok(None),
        Some(ts) => micros(&ts).map(Some).ok_or_else(|| ApiError::new(error)),
    };
    let oldest = bound("oldest", "invalid_ts_oldest")?;
    let latest = bound("latest", "invalid_ts_latest")?;
    let inclusive = args.flag("inclusive");
    Ok(move |m: &&Message| {
        let at = micros(&m.ts).unwrap_or(0);
        let after = oldest.is_none_or(|o| at > o || (inclusive && at == o));
        let before = latest.is_none_or(|l| at < l || (inclusive && at == l));
        after && before
    })
}

pub(super) fn history(workspace: &mut Workspace, args: &Args, _now: DateTime<Utc>) -> Answer {
    let id = joined(workspace, args)?;
    let channel = found(workspace, &id)?;
    let with_metadata = args.flag("include_all_metadata");
    let all: Vec<Value> = channel
        .messages
        .iter()
        .rev()
        .filter(|m| m.thread_ts.is_none() || m.broadcast)
        .filter(between(args)?)
        .map(|m| workspace.message_json(channel, m, with_metadata))
        .collect();
    let (messages, next) = page(args, all, 100, 999)?;
    Ok(json!({
        "messages": messages,
        "has_more": !next.is_empty(),
        "pin_count": channel.pins.len(),
        "response_metadata": {"next_cursor": next},
    }))
}

pub(super) fn replies(workspace: &mut Workspace, args: &Args, _now: DateTime<Utc>) -> Answer {
    let id = joined(workspace, args)?;
    let ts = args.required("ts")?;
    let channel = found(workspace, &id)?;
    let parent = channel.message(&ts).ok_or_else(|| ApiError::new("thread_not_found"))?;
    let root = parent.thread_ts.clone().unwrap_or(ts);
    let with_metadata = args.flag("include_all_metadata");
    let filter = between(args)?;
    let all: Vec<Value> = channel
        .messages
        .iter()
        .filter(|m| m.ts == root || (m.thread_ts.as_deref() == Some(&root) && filter(m)))
        .map(|m| workspace.message_json(channel, m, with_metadata))
        .collect();
    let (messages, next) = page(args, all, 1000, 1000)?;
    Ok(
        json!({"messages": messages, "has_more": !next.is_empty(), "response_metadata": {"next_cursor": next}}),
    )
}
