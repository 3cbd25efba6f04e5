//! What a person does on the page: each form is one of the sandbox's own hands, and leads back to the page.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::place::{Place, Seat, Side};
use crate::control::{self, FaultsRequest};
use crate::pagerduty::{ActRequest, TriggerRequest};
use crate::server::App;
use crate::shared::{Reply, Request, is_loopback, lock, pairs};
use crate::{clock, pagerduty, slack};

/// A form that was sent.
struct Form {
    values: Vec<(String, String)>,
}

impl Form {
    fn get(&self, name: &str) -> &str {
        self.values.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    }

    /// What was filled in, by `action_id`. Several choices of one menu are lines.
    fn fields(&self) -> BTreeMap<String, String> {
        let mut fields: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in &self.values {
            let Some(action) = name.strip_prefix("field:") else { continue };
            fields
                .entry(action.to_owned())
                .and_modify(|all| {
                    all.push('\n');
                    all.push_str(value);
                })
                .or_insert_with(|| value.clone());
        }
        fields
    }
}

/// Does it, and leads back to where the person was.
pub(super) async fn act(app: &Arc<App>, what: &str, request: &Request) -> Reply {
    let text = String::from_utf8_lossy(&request.body);
    let form = Form { values: pairs(&text) };
    let outcome = match what {
        "say" => say(app, &form).await,
        "press" => press(app, &form).await,
        "modal" => modal(app, &form).await,
        "touch" => touch(app, &form).await,
        "trigger" => trigger(app, &form),
        "pager" => pager(app, &form),
        "deploy" => answered(
            &control::target(app, "/_control/deploy", &json!({"version": form.get("version")})).await,
        ),
        "faults" => faults(app, &form).await,
        "connect" => connect(app, &form),
        _ => return Reply::text(404, "nothing to do here\n"),
    };
    // What was done outside Slack is nobody's own.
    let known =
        lock(&app.slack).people().into_iter().map(|person| person.id).find(|id| id == form.get("user"));
    let user = known.unwrap_or_default();
    let mut memory = lock(&app.page);
    match outcome {
        Ok(()) => memory.notices.remove(&user),
        Err(why) => memory.notices.insert(user, why),
    };
    drop(memory);
    Reply::text(303, "see the page\n").with("location", back(request, &form))
}

/// The page that the form was on, as its browser tells; else where the form's own pane is. Only ever our own page.
fn back(request: &Request, form: &Form) -> String {
    let referer = request.header("referer").and_then(|address| url::Url::parse(address).ok());
    match referer.filter(|address| address.path() == "/") {
        Some(address) => Place::read(&pairs(address.query().unwrap_or_default())).address(),
        None if form.get("user").is_empty() => "/".to_owned(),
        None => {
            let thread = Some(form.get("thread").to_owned()).filter(|ts| !ts.is_empty());
            let seat =
                Seat { user: form.get("user").to_owned(), channel: form.get("channel").to_owned(), thread };
            Place::default().with(Side::read(form.get("side")), seat).address()
        }
    }
}

/// What one of the sandbox's own hands answered.
fn answered(reply: &Reply) -> Result<(), String> {
    if (200..300).contains(&reply.status) {
        return Ok(());
    }
    let body: Value = serde_json::from_str(&reply.body).unwrap_or(Value::Null);
    Err(body["error"].as_str().unwrap_or("it did not work").to_owned())
}

/// The same, for what was sent to Blocks: its person sees when it was not taken.
fn taken(reply: &Reply, what: &str) -> Result<(), String> {
    answered(reply)?;
    let body: Value = serde_json::from_str(&reply.body).unwrap_or(Value::Null);
    match body["http_status"].as_u64() {
        Some(200) => Ok(()),
        Some(0) if body["timed_out"] == true => {
            Err(format!("{what} failed: Blocks did not answer within 3 s"))
        }
        Some(0) => {
            Err(format!("{what} failed: {}", body["body"].as_str().unwrap_or("Blocks does not answer")))
        }
        Some(status) => Err(format!("{what} failed: Blocks answered HTTP {status}")),
        None => Ok(()),
    }
}

fn slack_is_up(app: &App) -> Result<(), String> {
    if app.faults().slack_is_down() { Err("Slack is down: this was not sent".to_owned()) } else { Ok(()) }
}

async fn say(app: &App, form: &Form) -> Result<(), String> {
    slack_is_up(app)?;
    let (user, channel) = (form.get("user"), form.get("channel"));
    let thread = Some(form.get("thread")).filter(|ts| !ts.is_empty());
    let text = form.get("text").trim();
    match text.strip_prefix("/blocks") {
        _ if text.is_empty() => Ok(()),
        Some(rest) if rest.is_empty() || rest.starts_with(char::is_whitespace) => {
            // As in Slack itself.
            if thread.is_some() {
                return Err("/blocks does not work in threads: type it in the channel".to_owned());
            }
            let wanted = slack::CommandRequest::on_page(user, channel, rest.trim());
            taken(&slack::command(app, wanted).await, "/blocks")
        }
        _ if text.starts_with('/') => {
            let word = text.split_whitespace().next().unwrap_or(text);
            Err(format!("{word} is not a command of this workspace; /blocks is"))
        }
        _ => slack::say(app, user, channel, thread, text).await.map(|_| ()).map_err(str::to_owned),
    }
}

async fn press(app: &App, form: &Form) -> Result<(), String> {
    slack_is_up(app)?;
    let pressed: Value = serde_json::from_str(form.get("press")).unwrap_or(Value::Null);
    let (Some(block), Some(action)) = (pressed[0].as_str(), pressed[1].as_str()) else {
        return Err("no button was pressed".to_owned());
    };
    let fields = form.fields();
    let choice = match pressed[2].as_str() {
        None => None,
        Some(_) => match fields.get(action).filter(|value| !value.is_empty()) {
            None => return Err("nothing was chosen".to_owned()),
            chosen => chosen.cloned(),
        },
    };
    let place = (form.get("user"), form.get("channel"), form.get("ts"));
    let wanted = slack::ClickRequest::on_page(place, (block, action), fields, choice);
    let reply = slack::click(app, wanted).await;
    if reply.status == 404 {
        return Err("that button is not there any more: the message has changed".to_owned());
    }
    taken(&reply, "the press")
}

async fn modal(app: &App, form: &Form) -> Result<(), String> {
    slack_is_up(app)?;
    let (user, view) = (form.get("user"), form.get("view"));
    if form.get("do") == "close" {
        return slack::close_modal(app, user, view).await;
    }
    slack::submit_modal(app, user, view, &form.fields()).await
}

/// The entry of a message's menu that the app's manifest names.
const TIMELINE: &str = "blocks:timeline";

async fn touch(app: &App, form: &Form) -> Result<(), String> {
    slack_is_up(app)?;
    let name = "pushpin".to_owned();
    let what = match form.get("do") {
        "pin" => slack::Touch::React { name },
        "unpin" => slack::Touch::Unreact { name },
        "timeline" => slack::Touch::Menu { callback_id: TIMELINE.to_owned() },
        _ => return Err("nothing was chosen".to_owned()),
    };
    let [user, channel, ts] = ["user", "channel", "ts"].map(|name| form.get(name).to_owned());
    slack::touch(app, &slack::TouchRequest { user, channel, ts, what }).await
}

fn trigger(app: &Arc<App>, form: &Form) -> Result<(), String> {
    let priority = Some(form.get("priority").to_owned()).filter(|id| !id.is_empty());
    let wanted =
        TriggerRequest::on_page(form.get("service").to_owned(), form.get("title").to_owned(), priority);
    answered(&pagerduty::trigger(app, wanted, clock::now()))
}

fn pager(app: &Arc<App>, form: &Form) -> Result<(), String> {
    let action = form.get("do");
    if action != "acknowledge" && action != "resolve" {
        return Err("neither acknowledge nor resolve".to_owned());
    }
    if app.faults().pagerduty_is_down() {
        return Err("PagerDuty is down: nothing was done there".to_owned());
    }
    // The same person in both accounts has the same name.
    let user = lock(&app.slack).people().first().map(|person| person.name.clone()).unwrap_or_default();
    answered(&pagerduty::act(app, form.get("id"), action, &ActRequest { user }, clock::now()))
}

async fn faults(app: &App, form: &Form) -> Result<(), String> {
    let given = |name: &str| Some(form.get(name).to_owned()).filter(|value| !value.is_empty());
    let seconds = match given("limit_s") {
        None => None,
        Some(text) => match text.parse::<u32>() {
            Ok(seconds) if seconds <= 600 => Some(seconds),
            _ => return Err("the limit is a whole number of seconds, at most 600".to_owned()),
        },
    };
    let wanted = FaultsRequest {
        slack: given("slack"),
        pagerduty: given("pagerduty"),
        slack_429_s: seconds,
        target_stays_bad: given("stays_bad").map(|value| value == "yes"),
        ..FaultsRequest::default()
    };
    answered(&control::faults(app, wanted).await)
}

fn connect(app: &App, form: &Form) -> Result<(), String> {
    match url::Url::parse(form.get("url")) {
        Ok(address) if is_loopback(&address) => {
            app.set_blocks_url(address);
            Ok(())
        }
        _ => Err("that is not an http:// address of this machine, such as http://127.0.0.1:7070".to_owned()),
    }
}
