//! A form as Slack's modal.

use runbook_core::form::{FieldKind, Form, FormField, YES};
use serde_json::{Value, json};

use super::text::{clip, line};
use crate::command_word::CommandWord;
use crate::submission::{Carried, FIELD, FORM};

/// Slack's limits, in characters.
const TITLE_MAX: usize = 24;
const LABEL_MAX: usize = 150;
const HELP_MAX: usize = 500;
const LEAD_MAX: usize = 2_500;
const OPTION_MAX: usize = 75;
const INPUT_MAX: u32 = 3_000;

/// The view that `views.open` takes.
pub(crate) fn form(word: &CommandWord, form: &Form) -> Value {
    let carried = Carried { about: form.about.clone(), channel: form.channel.clone() };
    let mut blocks = Vec::new();
    if !form.lead.is_empty() {
        let text = line(&word.said(&form.lead), LEAD_MAX);
        blocks.push(json!({"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": true}}));
    }
    blocks.extend(form.fields.iter().map(|one| field(word, one)));
    json!({
        "type": "modal",
        "callback_id": FORM,
        "title": plain(&form.title, TITLE_MAX),
        "submit": plain(&form.submit, TITLE_MAX),
        "close": plain("Cancel", TITLE_MAX),
        "private_metadata": serde_json::to_string(&carried).unwrap_or_default(),
        "blocks": blocks,
    })
}

fn field(word: &CommandWord, field: &FormField) -> Value {
    let id = format!("{FIELD}{}", field.name);
    let mut element = match &field.kind {
        FieldKind::Line { max } => text_input(*max, false),
        FieldKind::Text { max } => text_input(*max, true),
        FieldKind::Choice { options } => {
            let options: Vec<Value> = options.iter().map(|(value, text)| option(value, text)).collect();
            let chosen = options.iter().find(|one| one["value"].as_str() == field.value.as_deref()).cloned();
            let mut element = json!({"type": "static_select", "options": options});
            if let Some(chosen) = chosen {
                element["initial_option"] = chosen;
            }
            element
        }
        FieldKind::Tick { text } => {
            let only = option(YES, text);
            let mut element = json!({"type": "checkboxes", "options": [only]});
            if field.value.as_deref() == Some(YES) {
                element["initial_options"] = json!([only]);
            }
            element
        }
    };
    element["action_id"] = json!(id);
    if let (FieldKind::Line { .. } | FieldKind::Text { .. }, Some(value)) = (&field.kind, &field.value) {
        element["initial_value"] = json!(value);
    }
    let mut block = json!({
        "type": "input",
        "block_id": id,
        "label": plain(&field.label, LABEL_MAX),
        "optional": !field.is_required,
        "element": element,
    });
    if let Some(help) = field.help.as_ref().filter(|help| !help.trim().is_empty()) {
        block["hint"] = plain(&word.said(help), HELP_MAX);
    }
    block
}

fn text_input(max: u32, multiline: bool) -> Value {
    json!({"type": "plain_text_input", "multiline": multiline, "max_length": max.clamp(1, INPUT_MAX)})
}

fn option(value: &str, text: &str) -> Value {
    json!({"value": value, "text": plain(text, OPTION_MAX)})
}

/// Slack shows such a text as it is, and refuses an empty one.
fn plain(text: &str, max: usize) -> Value {
    let folded = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = if folded.is_empty() { "-".to_owned() } else { clip(&folded, max) };
    json!({"type": "plain_text", "text": text, "emoji": false})
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use runbook_core::form::FormFor;
    use runbook_core::request::Request;

    use super::*;
    use crate::submission::Submission;

    fn one(name: &str, kind: FieldKind, value: Option<&str>) -> FormField {
        FormField {
            name: name.to_owned(),
            label: format!("{name} <!channel>"),
            help: Some("see <!here>".to_owned()),
            kind,
            value: value.map(str::to_owned),
            is_required: name == "title",
        }
    }

    fn sample() -> Form {
        let options = vec![("P1".to_owned(), "P1 down".to_owned()), ("P2".to_owned(), "P2".to_owned())];
        Form {
            about: FormFor::Declare,
            channel: "C1".to_owned(),
            title: "Declare an incident of some length".to_owned(),
            lead: "nobody is paged <!channel>".to_owned(),
            submit: "Declare".to_owned(),
            fields: vec![
                one("title", FieldKind::Line { max: 200 }, Some("x")),
                one("severity", FieldKind::Choice { options }, Some("P2")),
                one("private", FieldKind::Tick { text: "named people only".to_owned() }, None),
                one("description", FieldKind::Text { max: 9_999 }, None),
            ],
        }
    }

    #[test]
    fn a_form_is_a_modal_within_slacks_limits_and_pings_nobody() {
        let view = form(&CommandWord::default(), &sample());
        assert_eq!(view["title"]["text"], "Declare an incident of …");
        assert_eq!(view["blocks"][0]["text"]["text"], "nobody is paged &lt;!channel&gt;");
        assert_eq!(view["blocks"][1]["element"]["initial_value"], "x");
        assert_eq!(view["blocks"][2]["element"]["initial_option"]["value"], "P2");
        assert_eq!(view["blocks"][3]["element"].get("initial_options"), None);
        assert_eq!(view["blocks"][4]["element"]["max_length"], 3_000);
        // everything that Slack would read as a mark stands where it reads none
        for block in view["blocks"].as_array().unwrap().iter().skip(1) {
            assert_eq!(
                (&block["label"]["type"], &block["hint"]["type"]),
                (&json!("plain_text"), &json!("plain_text"))
            );
        }
    }

    #[test]
    fn what_is_filled_in_comes_back_as_a_request() {
        let mut view = form(&CommandWord::default(), &sample());
        view["id"] = json!("V1");
        view["hash"] = json!("1.a");
        let id = |name: &str| format!("{FIELD}{name}");
        let state = json!({"values": {
            (id("title")): {(id("title")): {"type": "plain_text_input", "value": "it <b> fails"}},
            (id("severity")): {(id("severity")): {"type": "static_select", "selected_option": {"value": "P1"}}},
            (id("private")): {(id("private")): {"type": "checkboxes", "selected_options": [{"value": "yes"}]}},
            (id("description")): {(id("description")): {"type": "plain_text_input", "value": null}},
            "other": {"x": {"value": "y"}},
        }});
        view["state"] = state;
        let payload = |view: &Value| json!({"type": "view_submission", "team": null, "user": {"id": "U1"}, "view": view});
        let sent = Submission::read(&payload(&view)).unwrap().unwrap();
        assert_eq!(
            (sent.user.as_str(), sent.channel.as_str(), sent.id.as_str()),
            ("U1", "C1", "view/V1/1.a")
        );
        let expected = Request::IncidentDeclare {
            title: "it <b> fails".to_owned(),
            severity: Some("P1".to_owned()),
            service: None,
            private: true,
            description: None,
        };
        assert_eq!(sent.request, expected);
        let faults = |name: &str| BTreeMap::from([(name.to_owned(), "too long\u{1b}".to_owned())]);
        let shown = sent.faults(&CommandWord::default(), &faults("severity")).unwrap();
        assert_eq!(
            shown,
            json!({"response_action": "errors", "errors": {"blocks:field:severity": "too long"}})
        );
        assert_eq!(
            sent.faults(&CommandWord::default(), &faults("nowhere")).unwrap()["errors"]["blocks:field:title"],
            "too long"
        );
        assert_eq!(sent.faults(&CommandWord::default(), &BTreeMap::new()), None);
        // what it is about comes back from outside
        view["private_metadata"] = json!(r#"{"about":{"form":"approve"},"channel":"C1"}"#);
        assert!(Submission::read(&payload(&view)).unwrap().is_err());
        view["callback_id"] = json!("another");
        assert!(Submission::read(&payload(&view)).is_none());
    }
}
