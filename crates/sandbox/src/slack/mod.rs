//! A Slack workspace with one app: the Web API, upload and response URLs, and the senders of commands and clicks.
//!
//! Source of all rules: Slack's published method, Block Kit, rate-limit and interactivity documents.

mod args;
mod blocks;
mod chat;
mod conversations;
mod files;
mod filled;
mod limits;
mod marks;
mod modals;
mod outgoing;
mod response_url;
mod say;
mod show;
pub(crate) mod socket;
mod touch;
mod users;
pub(crate) mod view;
mod workspace;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::clock::iso;
use crate::server::App;
use crate::shared::{Reply, Request};
use args::Args;
pub(crate) use modals::{ModalRequest, close as close_modal, submit as submit_modal};
pub(crate) use outgoing::{ClickRequest, CommandRequest, click, command};
pub(crate) use say::{say, say_as};
pub(crate) use touch::{Touch, TouchRequest, shortcut, touch};
use workspace::Call;
pub(crate) use workspace::Workspace;

/// `{"ok":false,"error":...}` and what comes with it.
#[derive(Debug, Clone, Default, PartialEq)]
struct ApiError {
    error: &'static str,
    messages: Vec<String>,
    extra: Vec<(&'static str, Value)>,
    /// For 429: seconds until it is worth trying again.
    retry_after: Option<u64>,
}

impl ApiError {
    fn new(error: &'static str) -> Self {
        Self { error, ..Self::default() }
    }

    fn message(mut self, text: String) -> Self {
        self.messages.push(text);
        self
    }

    fn with(mut self, key: &'static str, value: Value) -> Self {
        self.extra.push((key, value));
        self
    }
}

type Answer = Result<Value, ApiError>;
type Method = fn(&mut Workspace, &Args, DateTime<Utc>) -> Answer;

/// A method: its name, the scopes of which one is enough (none = no scope), its calls per minute, and what it does.
struct Entry {
    name: &'static str,
    scopes: &'static [&'static str],
    per_minute: Option<usize>,
    run: Method,
}

const fn entry(name: &'static str, scopes: &'static [&'static str], per_minute: usize, run: Method) -> Entry {
    Entry { name, scopes, per_minute: Some(per_minute), run }
}

const CHAT: &[&str] = &["chat:write"];
const MANAGE: &[&str] = &["channels:manage", "groups:write"];
const TOPIC: &[&str] = &["channels:manage", "channels:write.topic", "groups:write", "groups:write.topic"];
const INVITE: &[&str] =
    &["channels:manage", "channels:write.invites", "groups:write", "groups:write.invites"];
const READ: &[&str] = &["channels:read", "groups:read"];
const HISTORY: &[&str] = &["channels:history", "groups:history"];

/// `chat.postMessage` has its own limit, per channel. Tiers 2, 3, 4: 20, 50, 100 calls a minute.
const METHODS: &[Entry] = &[
    entry("auth.test", &[], 100, users::auth_test),
    Entry { name: "chat.postMessage", scopes: CHAT, per_minute: None, run: chat::post_message },
    entry("chat.update", CHAT, 50, chat::update),
    entry("chat.postEphemeral", CHAT, 100, chat::post_ephemeral),
    entry("chat.getPermalink", &[], 100, chat::get_permalink),
    entry("conversations.create", MANAGE, 20, conversations::create),
    entry("conversations.setTopic", TOPIC, 20, conversations::set_topic),
    entry("conversations.setPurpose", TOPIC, 20, conversations::set_purpose),
    entry("conversations.invite", INVITE, 50, conversations::invite),
    entry("conversations.info", READ, 50, conversations::info),
    entry("conversations.list", READ, 20, conversations::list),
    entry("conversations.members", READ, 100, conversations::members),
    entry("conversations.history", HISTORY, 50, conversations::history),
    entry("conversations.replies", HISTORY, 50, conversations::replies),
    entry("conversations.join", &["channels:join"], 50, conversations::join),
    entry("conversations.open", &["im:write", "channels:manage"], 50, conversations::open),
    entry("users.info", &["users:read"], 100, users::info),
    entry("users.list", &["users:read"], 20, users::list),
    entry("users.lookupByEmail", &["users:read.email"], 50, users::lookup_by_email),
    entry("usergroups.users.list", &["usergroups:read"], 20, users::group_members),
    entry("files.getUploadURLExternal", &["files:write"], 100, files::get_upload_url),
    entry("files.completeUploadExternal", &["files:write"], 100, files::complete_upload),
    entry("pins.add", &["pins:write"], 20, marks::pins_add),
    entry("bookmarks.add", &["bookmarks:write"], 20, marks::bookmarks_add),
    entry("bookmarks.list", &["bookmarks:read"], 50, marks::bookmarks_list),
    entry("reactions.add", &["reactions:write"], 50, marks::reactions_add),
    entry("views.open", &[], 100, marks::views_open),
    entry("views.update", &[], 100, marks::views_update),
];

/// Answers everything under `/slack/`. `rest` is the path below it.
pub(crate) fn route(
    workspace: &mut Workspace,
    rest: &[&str],
    request: &Request,
    now: DateTime<Utc>,
) -> Reply {
    match rest {
        ["api", method] => api(workspace, method, request, now),
        ["upload", token] => files::upload(workspace, token, request, now),
        ["response", token] => response_url::post(workspace, token, request, now),
        _ => Reply::text(404, "not found\n"),
    }
}

/// Answers a call while Slack is down: nothing works, and the call is noted.
pub(crate) fn down(workspace: &mut Workspace, rest: &[&str], request: &Request, now: DateTime<Utc>) -> Reply {
    record(workspace, &rest.join("/"), request, now, 503, Some("http_503"), None);
    Reply::text(503, "upstream connect error\n")
}

/// Answers with 429 whatever is asked.
pub(crate) fn throttled(
    workspace: &mut Workspace,
    rest: &[&str],
    request: &Request,
    seconds: u64,
    now: DateTime<Utc>,
) -> Reply {
    record(workspace, rest.last().copied().unwrap_or_default(), request, now, 429, Some("ratelimited"), None);
    Reply::json(429, &json!({"ok": false, "error": "ratelimited"})).with("retry-after", seconds.to_string())
}

fn api(workspace: &mut Workspace, method: &str, request: &Request, now: DateTime<Utc>) -> Reply {
    let args = Args::read(request);
    let channel = args.as_ref().ok().and_then(|a| a.text("channel"));
    let provided = workspace.config.scopes.join(",");
    let outcome = args.and_then(|args| {
        authorise(workspace, request, &args)?;
        let entry = METHODS
            .iter()
            .find(|e| e.name == method)
            .ok_or_else(|| ApiError::new("unknown_method").with("req_method", json!(method)))?;
        let scoped = |scope: &&str| workspace.config.scopes.iter().any(|s| s == scope);
        for needed in needed(entry, workspace, &args) {
            if !needed.is_empty() && !needed.iter().any(scoped) {
                return Err(ApiError::new("missing_scope")
                    .with("needed", json!(needed.join(",")))
                    .with("provided", json!(provided)));
            }
        }
        if let Some(most) = entry.per_minute.filter(|_| workspace.config.tier_limits) {
            limits::tier(workspace, method, most, now)?;
        }
        (entry.run)(workspace, &args, now)
    });
    answered(workspace, method, request, now, outcome, channel)
}

/// Of each list one scope is needed: that of the kind of channel which the call is about. Of private channels a scope of
/// public ones says nothing.
fn needed(entry: &Entry, workspace: &Workspace, args: &Args) -> Vec<Vec<&'static str>> {
    let of_kind = |is_private: bool| {
        let other = if is_private { "channels:" } else { "groups:" };
        entry.scopes.iter().copied().filter(|scope| !scope.starts_with(other)).collect::<Vec<_>>()
    };
    if entry.name == "conversations.list" {
        let types = args.list("types");
        let wants = |kind: &str| types.iter().any(|one| one == kind);
        let private = wants("private_channel").then(|| of_kind(true));
        let public = (types.is_empty() || wants("public_channel")).then(|| of_kind(false));
        return public.into_iter().chain(private).collect();
    }
    let id = args.text("channel").or_else(|| args.text("channel_id")).unwrap_or_default();
    let known = workspace.channel(&id).map(|channel| channel.is_private);
    let is_private = if entry.name == "conversations.create" { Some(args.flag("is_private")) } else { known };
    match is_private {
        Some(is_private) => vec![of_kind(is_private)],
        None => vec![entry.scopes.to_vec()],
    }
}

/// `apps.connections.open`: no method of the bot's, but of the app's.
pub(crate) fn open_connection(
    app: &App,
    workspace: &mut Workspace,
    request: &Request,
    now: DateTime<Utc>,
) -> Reply {
    let outcome = socket::open(app, request, &workspace.base_url, &workspace.config.app_token);
    answered(workspace, "apps.connections.open", request, now, outcome, None)
}

/// An outcome as Slack tells it, and noted.
fn answered(
    workspace: &mut Workspace,
    method: &str,
    request: &Request,
    now: DateTime<Utc>,
    outcome: Answer,
    channel: Option<String>,
) -> Reply {
    let (scopes, date) = (workspace.config.scopes.join(","), workspace.date(now));
    match outcome {
        Ok(mut body) => {
            body["ok"] = json!(true);
            record(workspace, method, request, now, 200, None, channel);
            if workspace.is_garbled() {
                return Reply::text(200, "<html>the page of a proxy</html>");
            }
            Reply::json(200, &body).with("x-oauth-scopes", scopes).with("date", date)
        }
        Err(error) => {
            let mut body = json!({"ok": false, "error": error.error});
            for (key, value) in &error.extra {
                body[*key] = value.clone();
            }
            if !error.messages.is_empty() {
                body["response_metadata"] = json!({"messages": error.messages});
                if error.error == "invalid_blocks" {
                    let plain: Vec<&str> =
                        error.messages.iter().map(|m| m.trim_start_matches("[ERROR] ")).collect();
                    body["errors"] = json!(plain);
                }
            }
            let status = if error.retry_after.is_some() { 429 } else { 200 };
            record(workspace, method, request, now, status, Some(error.error), channel);
            let reply = Reply::json(status, &body).with("x-oauth-scopes", scopes).with("date", date);
            match error.retry_after {
                Some(seconds) => reply.with("retry-after", seconds.to_string()),
                None => reply,
            }
        }
    }
}

/// The token comes as a bearer header or as the form argument `token`.
fn authorise(workspace: &Workspace, request: &Request, args: &Args) -> Result<(), ApiError> {
    let header =
        request.header("authorization").map(|h| h.strip_prefix("Bearer ").unwrap_or("").trim().to_owned());
    let json = request.header("content-type").is_some_and(|c| c.starts_with("application/json"));
    let in_form = (!json && request.param("token").is_none()).then(|| args.text("token")).flatten();
    match header.or(in_form) {
        None => Err(ApiError::new("not_authed")),
        Some(token) if token == workspace.config.bot_token => Ok(()),
        Some(_) => Err(ApiError::new("invalid_auth")),
    }
}

fn record(
    workspace: &mut Workspace,
    method: &str,
    request: &Request,
    now: DateTime<Utc>,
    http_status: u16,
    error: Option<&str>,
    channel: Option<String>,
) {
    let call = Call {
        method: method.to_owned(),
        at: iso(now),
        ok: error.is_none(),
        error: error.map(str::to_owned),
        http_status,
        channel,
        token_sent: request.headers.contains_key("authorization"),
    };
    workspace.calls.push(call);
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod typed_client;
