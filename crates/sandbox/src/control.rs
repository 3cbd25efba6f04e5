//! The control API under `/control/`: the whole state to read, and the hands that move the sandbox.
//!
//! POST bodies must be `application/json`, so that no web page can send one without asking first; and only a loopback host
//! name is answered to (`page/guard.rs`), so that none can become one origin with it.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use http::Method;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use crate::server::App;
use crate::shared::{Reply, Request, is_loopback, lock};
use crate::{clock, pagerduty, slack};

/// What is broken on purpose. `POST /control/faults` sets the fields that it names and leaves the others.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Faults {
    slack_down: bool,
    pagerduty_down: bool,
    slack_429_until: Option<DateTime<Utc>>,
    /// Commands, clicks and webhooks are signed with a wrong secret.
    pub(crate) bad_signature: bool,
    /// Event types of webhooks that get lost on the way.
    pub(crate) drop_webhooks: Vec<String>,
    target_stays_bad: bool,
}

impl Faults {
    pub(crate) fn slack_is_down(&self) -> bool {
        self.slack_down
    }

    pub(crate) fn pagerduty_is_down(&self) -> bool {
        self.pagerduty_down
    }

    pub(crate) fn target_stays_bad(&self) -> bool {
        self.target_stays_bad
    }

    /// Seconds for which Slack still answers 429.
    pub(crate) fn slack_throttled_for(&self, now: DateTime<Utc>) -> Option<u64> {
        let left = (self.slack_429_until? - now).num_milliseconds();
        u64::try_from(left).ok().filter(|ms| *ms > 0).map(|ms| ms.div_ceil(1000))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FaultsRequest {
    pub(crate) slack: Option<String>,
    pub(crate) pagerduty: Option<String>,
    pub(crate) slack_429_s: Option<u32>,
    pub(crate) bad_signature: Option<bool>,
    pub(crate) drop_webhooks: Option<Vec<String>>,
    pub(crate) target_stays_bad: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct UrlRequest {
    url: Url,
}

fn bad(status: u16, error: impl Into<String>) -> Reply {
    Reply::json(status, &json!({"error": error.into()}))
}

/// Reads a JSON body, or says what is wrong with it.
fn read<T: DeserializeOwned>(request: &Request) -> Result<T, Reply> {
    if !request.header("content-type").is_some_and(|c| c.starts_with("application/json")) {
        return Err(bad(415, "send application/json"));
    }
    serde_json::from_slice(&request.body).map_err(|e| bad(400, format!("body not understood: {e}")))
}

/// Answers everything under `/control/`.
pub(crate) async fn route(app: &Arc<App>, rest: &[&str], request: &Request) -> Reply {
    let outcome = match (request.method.clone(), rest) {
        (Method::GET, ["state"]) => Ok(state(app)),
        (Method::POST, ["blocks-url"]) => read(request).map(|wanted| blocks_url(app, wanted)),
        (Method::POST, ["target-url"]) => read(request).map(|wanted| target_url(app, wanted)),
        (Method::POST, ["faults"]) => match read(request) {
            Ok(wanted) => Ok(faults(app, wanted).await),
            Err(reply) => Err(reply),
        },
        (Method::POST, ["target", "deploy"]) => match read::<Value>(request) {
            Ok(body) => Ok(target(app, "/_control/deploy", &body).await),
            Err(reply) => Err(reply),
        },
        (Method::POST, ["slack", "command"]) => match read(request) {
            Ok(wanted) => Ok(slack::command(app, wanted).await),
            Err(reply) => Err(reply),
        },
        (Method::POST, ["slack", "click"]) => match read(request) {
            Ok(wanted) => Ok(slack::click(app, wanted).await),
            Err(reply) => Err(reply),
        },
        (Method::POST, ["slack", "say"]) => match read(request) {
            Ok(wanted) => Ok(slack::say_as(app, &wanted).await),
            Err(reply) => Err(reply),
        },
        (Method::POST, ["slack", "touch"]) => match read(request) {
            Ok(wanted) => Ok(done(slack::touch(app, &wanted).await)),
            Err(reply) => Err(reply),
        },
        (Method::POST, ["slack", "shortcut"]) => match read(request) {
            Ok(wanted) => Ok(done(slack::shortcut(app, &wanted).await)),
            Err(reply) => Err(reply),
        },
        (Method::POST, ["slack", "modal"]) => match read(request) {
            Ok(wanted) => Ok(modal(app, &wanted).await),
            Err(reply) => Err(reply),
        },
        (Method::POST, ["slack", "socket"]) => {
            read(request).map(|wanted| slack::socket::control(app, wanted))
        }
        (Method::POST, ["slack", "setup"]) => read(request).map(|wanted| {
            lock(&app.slack).set_up(&wanted, clock::now());
            Reply::json(200, &json!({"ok": true}))
        }),
        (Method::POST, ["mail"]) => read(request).map(|wanted| lock(&app.mail).set(&wanted)),
        (Method::POST, ["statuspage"]) => read(request).map(|wanted| lock(&app.statuspage).set(&wanted)),
        (Method::POST, ["pagerduty", "disable"]) => Ok(pagerduty::disable(app)),
        (Method::POST, ["pagerduty", "trigger"]) => {
            read(request).map(|wanted| pagerduty::trigger(app, wanted, clock::now()))
        }
        (Method::POST, ["pagerduty", "incidents", id, "do"]) => {
            read(request).map(|wanted| pagerduty::act_as(app, id, &wanted, clock::now()))
        }
        (Method::POST, ["pagerduty", "incidents", id, action @ ("acknowledge" | "resolve")]) => {
            read(request).map(|wanted| pagerduty::act(app, id, action, &wanted, clock::now()))
        }
        _ => Err(bad(404, format!("nothing at {} {}", request.method, request.path))),
    };
    outcome.unwrap_or_else(|reply| reply)
}

fn done(outcome: Result<(), String>) -> Reply {
    match outcome {
        Ok(()) => Reply::json(200, &json!({"ok": true})),
        Err(error) => bad(409, error),
    }
}

/// Sends the topmost modal of a person in, or closes it; answers with what the app found wrong with it.
async fn modal(app: &App, wanted: &slack::ModalRequest) -> Reply {
    let user =
        lock(&app.slack).people().into_iter().find(|one| one.id == wanted.user || one.name == wanted.user);
    let Some(user) = user.map(|user| user.id) else { return bad(404, "user_not_found") };
    let Some((view, _)) = lock(&app.slack).modal_of(&user) else { return bad(404, "no modal is open") };
    let (id, fields) = wanted.filled(&view);
    let outcome = if wanted.close {
        slack::close_modal(app, &user, &id).await
    } else {
        slack::submit_modal(app, &user, &id, &fields).await
    };
    match outcome {
        Ok(()) => {
            let open = lock(&app.slack).modal_of(&user).filter(|(view, _)| view["id"] == id.as_str());
            Reply::json(200, &json!({"is_open": open.is_some(), "errors": open.map(|(_, errors)| errors)}))
        }
        Err(error) => bad(409, error),
    }
}

fn state(app: &App) -> Reply {
    let mut slack = lock(&app.slack).state();
    slack["sockets"] = json!(lock(&app.sockets).shown());
    let pagerduty = lock(&app.pagerduty).state();
    let (mail, statuspage) = (lock(&app.mail).state(), lock(&app.statuspage).state());
    Reply::json(
        200,
        &json!({"slack": slack, "pagerduty": pagerduty, "mail": mail, "statuspage": statuspage, "faults": app.faults(), "at": clock::iso(clock::now())}),
    )
}

fn blocks_url(app: &App, wanted: UrlRequest) -> Reply {
    if !is_loopback(&wanted.url) {
        return bad(400, "url must be http:// on loopback");
    }
    app.set_blocks_url(wanted.url);
    Reply::json(200, &json!({"ok": true}))
}

fn target_url(app: &App, wanted: UrlRequest) -> Reply {
    if !is_loopback(&wanted.url) {
        return bad(400, "url must be http:// on loopback");
    }
    *lock(&app.target_url) = Some(wanted.url);
    Reply::json(200, &json!({"ok": true}))
}

/// Breaks things, or mends them.
pub(crate) async fn faults(app: &App, wanted: FaultsRequest) -> Reply {
    let mut faults = app.faults();
    match wanted.slack.as_deref() {
        None => {}
        Some("down") => {
            faults.slack_down = true;
            lock(&app.sockets).cut();
        }
        Some("ok") => faults.slack_down = false,
        Some(other) => return bad(400, format!("slack must be \"down\" or \"ok\", not \"{other}\"")),
    }
    match wanted.pagerduty.as_deref() {
        None => {}
        Some("down") => faults.pagerduty_down = true,
        Some("ok") => faults.pagerduty_down = false,
        Some(other) => return bad(400, format!("pagerduty must be \"down\" or \"ok\", not \"{other}\"")),
    }
    if let Some(seconds) = wanted.slack_429_s {
        let until = clock::now() + TimeDelta::seconds(i64::from(seconds));
        faults.slack_429_until = (seconds > 0).then_some(until);
    }
    if let Some(value) = wanted.bad_signature {
        faults.bad_signature = value;
    }
    if let Some(value) = wanted.drop_webhooks {
        faults.drop_webhooks = value;
    }
    if let Some(value) = wanted.target_stays_bad {
        let reply = target(app, "/_control/faults", &json!({"stays_bad": value})).await;
        if reply.status != 200 {
            return reply;
        }
        faults.target_stays_bad = value;
    }
    app.set_faults(faults.clone());
    Reply::json(200, &json!({"faults": faults}))
}

/// Hands a request on to the target's process.
pub(crate) async fn target(app: &App, path: &str, body: &Value) -> Reply {
    let Some(base) = lock(&app.target_url).clone() else { return bad(409, "target_url is not set") };
    let url = format!("{}{path}", base.as_str().trim_end_matches('/'));
    let answered = async {
        let answer = app.client.post(url).json(body).send().await?;
        Ok::<_, reqwest::Error>((answer.status().as_u16(), answer.text().await?))
    };
    match answered.await {
        Ok((status, text)) => {
            Reply { content_type: "application/json; charset=utf-8", ..Reply::text(status, text) }
        }
        Err(error) => bad(502, format!("target did not answer: {}", error.without_url())),
    }
}
