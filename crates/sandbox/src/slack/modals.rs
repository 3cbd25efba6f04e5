//! Modals that are open before somebody: sending them in, and closing them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::outgoing::send;
use super::workspace::{APP_ID, OpenView, TEAM_DOMAIN, TEAM_ID, Workspace};
use super::{blocks, marks};
use crate::clock;
use crate::server::App;
use crate::shared::lock;

impl Workspace {
    /// The topmost modal before a user: the view, and what the app found wrong with it.
    pub(crate) fn modal_of(&self, user: &str) -> Option<(Value, Value)> {
        let open = self.open_views.iter().rfind(|open| open.user == user)?;
        Some((open.view.clone(), open.errors.clone()))
    }

    fn open_view(&mut self, user: &str, id: &str) -> Option<&mut OpenView> {
        self.open_views.iter_mut().find(|open| open.user == user && open.view["id"] == id)
    }
}

/// `POST /control/slack/modal`: sends the topmost modal of a person in, or closes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModalRequest {
    pub(crate) user: String,
    /// What is filled in, by the field's `action_id`; what is not named keeps what stood in it at first.
    #[serde(default)]
    pub(crate) fields: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) close: bool,
}

impl ModalRequest {
    /// The modal, and every field of it.
    pub(crate) fn filled(&self, view: &Value) -> (String, BTreeMap<String, String>) {
        let mut fields = blocks::initial(&view["blocks"]);
        fields.extend(self.fields.clone());
        (view["id"].as_str().unwrap_or_default().to_owned(), fields)
    }
}

/// Sends a modal in. It closes, shows errors or becomes another, as the app answers.
pub(crate) async fn submit(
    app: &App,
    user: &str,
    id: &str,
    fields: &BTreeMap<String, String>,
) -> Result<(), String> {
    let payload = {
        let mut workspace = lock(&app.slack);
        let person = workspace.user(user).cloned().ok_or("user_not_found")?;
        let trigger = workspace.trigger(&person.id, clock::now());
        let open = workspace.open_view(&person.id, id).ok_or("view_not_found")?;
        open.view["state"] = json!({"values": blocks::fields(&open.view["blocks"], fields)});
        open.errors = Value::Null;
        event("view_submission", &open.view, (&person.id, &person.name), Some(&trigger))
    };
    let sent = send(app, "modal", "/slack/interactions", form(&payload), user, "view_submission").await;
    if sent.http_status != 200 {
        return Err(format!("the app did not take it: {}", said(sent.http_status, &sent.body)));
    }
    let answer: Value = serde_json::from_str(&sent.body).unwrap_or(Value::Null);
    take(&mut lock(&app.slack), user, id, &answer)
}

fn take(workspace: &mut Workspace, user: &str, id: &str, answer: &Value) -> Result<(), String> {
    let user = workspace.user(user).map(|u| u.id.clone()).ok_or("user_not_found")?;
    match answer["response_action"].as_str() {
        Some("errors") => {
            let open = workspace.open_view(&user, id).ok_or("view_not_found")?;
            let inputs =
                open.view["blocks"].as_array().into_iter().flatten().filter(|block| block["type"] == "input");
            let known: Vec<&str> = inputs.filter_map(|block| block["block_id"].as_str()).collect();
            let errors = answer["errors"].as_object().filter(|errors| !errors.is_empty());
            if errors.is_none_or(|errors| {
                errors.iter().any(|(id, text)| !known.contains(&id.as_str()) || !text.is_string())
            }) {
                return Err("invalid_response_action".to_owned());
            }
            open.errors = answer["errors"].clone();
        }
        Some(action @ ("update" | "push")) => {
            let mut view = answer["view"].clone();
            marks::check_view(&view).map_err(|error| error.error)?;
            view["blocks"] = blocks::check_view(view["blocks"].take()).map_err(|error| error.error)?;
            let fresh = action == "push";
            view["id"] = if fresh { json!(format!("V{}", crate::ids::upper(10))) } else { json!(id) };
            workspace.views.push(view.clone());
            let opened = OpenView { user: user.clone(), view, errors: Value::Null };
            if fresh {
                workspace.open_views.push(opened);
            } else if let Some(open) = workspace.open_view(&user, id) {
                *open = opened;
            }
        }
        Some("clear") => workspace.open_views.retain(|open| open.user != user),
        _ => workspace.open_views.retain(|open| open.user != user || open.view["id"] != id),
    }
    Ok(())
}

/// Closes a modal, and says so to an app that asked to be told.
pub(crate) async fn close(app: &App, user: &str, id: &str) -> Result<(), String> {
    let payload = {
        let mut workspace = lock(&app.slack);
        let person = workspace.user(user).cloned().ok_or("user_not_found")?;
        let open = workspace.open_view(&person.id, id).ok_or("view_not_found")?.clone();
        workspace.open_views.retain(|open| open.user != person.id || open.view["id"] != id);
        if open.view["notify_on_close"] != true {
            return Ok(());
        }
        let mut payload = event("view_closed", &open.view, (&person.id, &person.name), None);
        payload["is_cleared"] = json!(false);
        payload
    };
    send(app, "modal", "/slack/interactions", form(&payload), user, "view_closed").await;
    Ok(())
}

fn event(kind: &str, view: &Value, user: (&str, &str), trigger: Option<&str>) -> Value {
    let mut payload = json!({
        "type": kind,
        "team": {"id": TEAM_ID, "domain": TEAM_DOMAIN},
        "user": {"id": user.0, "username": user.1, "name": user.1, "team_id": TEAM_ID},
        "api_app_id": APP_ID,
        "token": "unused",
        "view": view,
        "enterprise": null,
        "is_enterprise_install": false,
        "response_urls": [],
    });
    if let Some(trigger) = trigger {
        payload["trigger_id"] = json!(trigger);
    }
    payload
}

fn form(payload: &Value) -> String {
    url::form_urlencoded::Serializer::new(String::new()).append_pair("payload", &payload.to_string()).finish()
}

fn said(status: u16, body: &str) -> String {
    if status == 0 { body.to_owned() } else { format!("HTTP {status}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::World;

    fn modal(title: &str) -> Value {
        let text = |text: &str| json!({"type": "plain_text", "text": text});
        json!({"type": "modal", "callback_id": "declare", "title": text(title), "submit": text("Send"), "blocks": [
            {"type": "input", "block_id": "what", "label": text("What?"),
             "element": {"type": "plain_text_input", "action_id": "text"}},
        ]})
    }

    /// Opened by a command's trigger; sent in with errors first, then another view, then nothing more to say.
    #[tokio::test]
    async fn a_modal_is_opened_for_one_person_and_sent_in() {
        let world = World::new().await;
        let app = world.sandbox.app();
        world
            .control("slack/command", json!({"user": "ana", "channel": "incidents", "text": "declare"}))
            .await;
        let typed = world.seen().pop().unwrap();
        let trigger =
            crate::shared::pairs(&typed.body).into_iter().find(|(k, _)| k == "trigger_id").unwrap().1;
        let opened =
            world.slack("views.open", json!({"trigger_id": trigger, "view": modal("Declare")})).await;
        let id = opened["view"]["id"].as_str().unwrap().to_owned();
        assert!(lock(&app.slack).modal_of("U0BEN").is_none(), "it is before the one who asked");
        let filled = BTreeMap::from([("text".to_owned(), "all down".to_owned())]);

        *lock(&world.blocks.body) =
            json!({"response_action": "errors", "errors": {"what": "too short"}}).to_string();
        submit(&app, "U0ANA", &id, &filled).await.unwrap();
        let (view, errors) = lock(&app.slack).modal_of("U0ANA").unwrap();
        assert_eq!((&errors["what"], &view["id"]), (&json!("too short"), &json!(id)));
        let sent = world.seen().pop().unwrap();
        let payload: Value = serde_json::from_str(&crate::shared::pairs(&sent.body)[0].1).unwrap();
        assert_eq!(payload["type"], "view_submission");
        assert_eq!(payload["view"]["state"]["values"]["what"]["text"]["value"], "all down");

        *lock(&world.blocks.body) = json!({"response_action": "update", "view": modal("Again")}).to_string();
        submit(&app, "U0ANA", &id, &filled).await.unwrap();
        assert_eq!(lock(&app.slack).modal_of("U0ANA").unwrap().0["title"]["text"], "Again");

        world.blocks.body.lock().unwrap().clear();
        submit(&app, "U0ANA", &id, &filled).await.unwrap();
        assert!(lock(&app.slack).modal_of("U0ANA").is_none());
        assert!(submit(&app, "U0ANA", &id, &filled).await.is_err());
    }
}
