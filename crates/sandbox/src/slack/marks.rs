//! Pins, bookmarks, reactions, and modals.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::args::Args;
use super::workspace::{APP_ID, BOT_ID, Channel, OpenView, Reaction, TEAM_ID, Workspace};
use super::{Answer, ApiError, blocks};
use crate::ids;

fn channel_of<'a>(workspace: &'a mut Workspace, id: &str) -> Result<&'a mut Channel, ApiError> {
    let bot = workspace.config.bot_user_id.clone();
    let channel = workspace.channel_mut(id).ok_or_else(|| ApiError::new("channel_not_found"))?;
    if channel.members.contains(&bot) { Ok(channel) } else { Err(ApiError::new("not_in_channel")) }
}

pub(super) fn pins_add(workspace: &mut Workspace, args: &Args, _now: DateTime<Utc>) -> Answer {
    let ts = args.text("timestamp").ok_or_else(|| ApiError::new("no_item_specified"))?;
    let channel = channel_of(workspace, &args.required("channel")?)?;
    if channel.message(&ts).is_none() {
        return Err(ApiError::new("message_not_found"));
    }
    if channel.pins.contains(&ts) {
        return Err(ApiError::new("already_pinned"));
    }
    if channel.pins.len() >= 100 {
        return Err(ApiError::new("too_many_pins"));
    }
    channel.pins.push(ts);
    Ok(json!({}))
}

pub(super) fn bookmarks_add(workspace: &mut Workspace, args: &Args, now: DateTime<Utc>) -> Answer {
    let (title, kind) = (args.required("title")?, args.required("type")?);
    let channel = channel_of(workspace, &args.required("channel_id")?)?;
    if kind != "link" {
        return Err(ApiError::new("invalid_bookmark_type"));
    }
    let link = args.text("link").unwrap_or_default();
    if !link.starts_with("https://") && !link.starts_with("http://") {
        return Err(ApiError::new("invalid_link"));
    }
    if channel.bookmarks.len() >= 100 {
        return Err(ApiError::new("too_many_bookmarks"));
    }
    let bookmark = json!({
        "id": format!("Bk{}", ids::upper(9)),
        "channel_id": channel.id,
        "title": title,
        "link": link,
        "type": kind,
        "date_created": now.timestamp(),
    });
    channel.bookmarks.push(bookmark.clone());
    Ok(json!({"bookmark": bookmark}))
}

pub(super) fn bookmarks_list(workspace: &mut Workspace, args: &Args, _now: DateTime<Utc>) -> Answer {
    let channel = channel_of(workspace, &args.required("channel_id")?)?;
    Ok(json!({"bookmarks": channel.bookmarks}))
}

pub(super) fn reactions_add(workspace: &mut Workspace, args: &Args, _now: DateTime<Utc>) -> Answer {
    let (name, bot) = (args.required("name")?, workspace.config.bot_user_id.clone());
    let ts = args.text("timestamp").ok_or_else(|| ApiError::new("no_item_specified"))?;
    if !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-+:'".contains(c)) {
        return Err(ApiError::new("invalid_name"));
    }
    let channel = channel_of(workspace, &args.required("channel")?)?;
    let message = channel.message_mut(&ts).ok_or_else(|| ApiError::new("message_not_found"))?;
    if message.reactions.iter().any(|one| one.name == name && one.user == bot) {
        return Err(ApiError::new("already_reacted"));
    }
    message.reactions.push(Reaction { name, user: bot });
    Ok(json!({}))
}

/// Changes a modal that is open, unless it has changed since.
pub(super) fn views_update(workspace: &mut Workspace, args: &Args, now: DateTime<Utc>) -> Answer {
    let id = args.required("view_id")?;
    let mut view = args.nested("view").ok().flatten().filter(Value::is_object).ok_or_else(|| {
        ApiError::new("invalid_arguments").message("[ERROR] missing required field: view".into())
    })?;
    let open = workspace.open_views.iter().find(|open| open.view["id"] == id.as_str());
    let before = open.ok_or_else(|| ApiError::new("not_found"))?.view.clone();
    if args.text("hash").is_some_and(|hash| before["hash"] != hash.as_str()) {
        return Err(ApiError::new("hash_conflict"));
    }
    check_view(&view)?;
    view["blocks"] = blocks::check_view(view["blocks"].take())?;
    for key in ["id", "team_id", "app_id", "bot_id", "root_view_id", "previous_view_id", "state"] {
        view[key] = before[key].clone();
    }
    view["hash"] = json!(format!("{}.{}", now.timestamp(), ids::lower(8)));
    workspace.views.push(view.clone());
    for open in workspace.open_views.iter_mut().filter(|open| open.view["id"] == id.as_str()) {
        open.view = view.clone();
        open.errors = Value::Null;
    }
    Ok(json!({"view": view}))
}

pub(super) fn views_open(workspace: &mut Workspace, args: &Args, now: DateTime<Utc>) -> Answer {
    let trigger = args.required("trigger_id")?;
    let mut view = args.nested("view").ok().flatten().filter(Value::is_object).ok_or_else(|| {
        ApiError::new("invalid_arguments").message("[ERROR] missing required field: view".into())
    })?;
    let known = workspace.triggers.get_mut(&trigger).ok_or_else(|| ApiError::new("invalid_trigger_id"))?;
    if known.used {
        return Err(ApiError::new("exchanged_trigger_id"));
    }
    if now - known.issued > chrono::TimeDelta::seconds(3) {
        return Err(ApiError::new("expired_trigger_id"));
    }
    known.used = true;
    let user = known.user.clone();
    check_view(&view)?;
    view["blocks"] = blocks::check_view(view["blocks"].take())?;
    let id = format!("V{}", ids::upper(10));
    for (key, value) in [
        ("id", json!(id)),
        ("team_id", json!(TEAM_ID)),
        ("app_id", json!(APP_ID)),
        ("bot_id", json!(BOT_ID)),
        ("hash", json!(format!("{}.{}", now.timestamp(), ids::lower(8)))),
        ("root_view_id", json!(id)),
        ("previous_view_id", Value::Null),
        ("state", json!({"values": {}})),
    ] {
        view[key] = value;
    }
    workspace.views.push(view.clone());
    workspace.open_views.push(OpenView { user, view: view.clone(), errors: Value::Null });
    Ok(json!({"view": view}))
}

pub(super) fn check_view(view: &Value) -> Result<(), ApiError> {
    let mut messages = Vec::new();
    if view["type"] != "modal" {
        messages.push("[ERROR] must be one of: modal [json-pointer:/view/type]".to_owned());
    }
    for (field, needed) in [("title", true), ("submit", false), ("close", false)] {
        match view[field]["text"].as_str() {
            Some(text) if text.chars().count() > 24 => {
                messages.push(format!(
                    "[ERROR] must be less than 25 characters [json-pointer:/view/{field}/text]"
                ));
            }
            None if needed => {
                messages.push(format!("[ERROR] missing required field: {field} [json-pointer:/view]"));
            }
            _ => {}
        }
    }
    if view["private_metadata"].as_str().is_some_and(|m| m.len() > 3000) {
        messages.push(
            "[ERROR] must be less than 3001 characters [json-pointer:/view/private_metadata]".to_owned(),
        );
    }
    let inputs = view["blocks"].as_array().is_some_and(|b| b.iter().any(|b| b["type"] == "input"));
    if inputs && view["submit"].is_null() {
        messages.push("[ERROR] missing required field: submit [json-pointer:/view]".to_owned());
    }
    if view.to_string().len() > 250_000 {
        return Err(ApiError::new("view_too_large"));
    }
    if messages.is_empty() {
        Ok(())
    } else {
        Err(ApiError { messages, ..ApiError::new("invalid_arguments") })
    }
}
