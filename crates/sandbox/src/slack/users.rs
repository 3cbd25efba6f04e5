//! `auth.test` and `users.*`.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::args::Args;
use super::workspace::{BOT_ID, TEAM_DOMAIN, TEAM_ID, Workspace};
use super::{Answer, ApiError};
use crate::config::SlackUser;

pub(super) fn auth_test(workspace: &mut Workspace, _args: &Args, _now: DateTime<Utc>) -> Answer {
    Ok(json!({
        "url": format!("https://{TEAM_DOMAIN}.slack.com/"),
        "team": "Sandbox",
        "user": "runbook-blocks",
        "team_id": TEAM_ID,
        "user_id": workspace.config.bot_user_id,
        "bot_id": BOT_ID,
        "is_enterprise_install": false,
    }))
}

fn shown(workspace: &Workspace, user: &SlackUser) -> Value {
    let mut profile = json!({"real_name": user.name, "display_name": user.name});
    // The address is shown only to those who may see it.
    if workspace.config.scopes.iter().any(|s| s == "users:read.email") {
        profile["email"] = json!(user.email);
    }
    json!({
        "id": user.id,
        "team_id": TEAM_ID,
        "name": user.name,
        "real_name": user.name,
        "deleted": false,
        "is_bot": false,
        "is_admin": false,
        "is_restricted": false,
        "is_ultra_restricted": false,
        "tz": "Etc/UTC",
        "tz_offset": 0,
        "profile": profile,
    })
}

pub(super) fn info(workspace: &mut Workspace, args: &Args, _now: DateTime<Utc>) -> Answer {
    let id = args.required("user")?;
    if id == workspace.config.bot_user_id {
        return Ok(json!({"user": {
            "id": id, "team_id": TEAM_ID, "name": "runbook-blocks", "is_bot": true, "deleted": false,
            "profile": {"real_name": "Runbook Blocks"},
        }}));
    }
    let user =
        workspace.config.users.iter().find(|u| u.id == id).ok_or_else(|| ApiError::new("user_not_found"))?;
    Ok(json!({"user": shown(workspace, user)}))
}

pub(super) fn list(workspace: &mut Workspace, _args: &Args, _now: DateTime<Utc>) -> Answer {
    let members: Vec<Value> = workspace.config.users.iter().map(|u| shown(workspace, u)).collect();
    Ok(json!({"members": members, "response_metadata": {"next_cursor": ""}}))
}

pub(super) fn lookup_by_email(workspace: &mut Workspace, args: &Args, _now: DateTime<Utc>) -> Answer {
    let email = args.required("email")?;
    let user = workspace
        .config
        .users
        .iter()
        .find(|u| u.email.eq_ignore_ascii_case(&email))
        .ok_or_else(|| ApiError::new("users_not_found"))?;
    Ok(json!({"user": shown(workspace, user)}))
}

pub(super) fn group_members(workspace: &mut Workspace, args: &Args, _now: DateTime<Utc>) -> Answer {
    let group = args.required("usergroup")?;
    let members = workspace.config.groups.get(&group).ok_or_else(|| ApiError::new("no_such_subteam"))?;
    Ok(json!({"users": members}))
}
