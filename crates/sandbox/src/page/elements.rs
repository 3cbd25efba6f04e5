//! The elements of blocks: buttons, menus and fields.

use serde_json::{Value, json};

use super::blocks::{Around, text};
use super::html::Html;
use super::mrkdwn;

/// An element that does something at once when it is used.
pub(super) fn pressed(block: &Value, element: &Value, id: &str, around: &Around, html: &mut Html) {
    let kind = element["type"].as_str().unwrap_or_default();
    let label = element["text"]["text"].as_str().unwrap_or_default();
    if kind == "button" && element["url"].is_string() {
        let address = element["url"].as_str().unwrap_or_default();
        html.raw("<span class=\"link-button\">");
        mrkdwn::link(address, Some(label), html);
        html.raw("</span>");
        return;
    }
    if !around.presses {
        html.raw("<button type=\"button\" disabled>").text(label).raw(" (not in this sandbox)</button>");
        return;
    }
    let chosen = match kind {
        "button" => None,
        _ if choices(element, around).is_some() => Some("Choose"),
        _ => {
            html.raw("<span class=\"b-unknown\">an element of the kind ").text(kind);
            html.raw(", which this page does not draw</span>");
            return;
        }
    };
    if chosen.is_some() {
        html.raw("<label class=\"unseen\"").attr("for", id).raw(">");
        html.text(element["placeholder"]["text"].as_str().unwrap_or("Choice")).raw("</label>");
        menu(element, id, false, around, html);
    }
    let value = match chosen {
        None => json!([block["block_id"], element["action_id"]]),
        Some(_) => json!([block["block_id"], element["action_id"], "choice"]),
    };
    let class = match element["style"].as_str() {
        Some("primary") => "primary",
        Some("danger") => "danger",
        _ => "plain",
    };
    let label = chosen.unwrap_or(label);
    if element["confirm"].is_object() {
        confirmed(&element["confirm"], (label, class, &value), id, around, html);
        return;
    }
    html.raw("<button type=\"submit\" name=\"press\"").attr("value", value).attr("class", class);
    if let Some(said) = element["accessibility_label"].as_str() {
        html.attr("aria-label", said);
    }
    html.raw(">").text(label).raw("</button>");
}

/// A button that asks first. A popover needs no script, closes with Escape, and the focus is on the safe answer.
fn confirmed(
    confirm: &Value,
    button: (&str, &'static str, &Value),
    id: &str,
    around: &Around,
    html: &mut Html,
) {
    let (label, class, value) = button;
    let words = |field: &str, otherwise: &'static str| {
        confirm[field]["text"].as_str().unwrap_or(otherwise).to_owned()
    };
    html.raw("<button type=\"button\"").attr("popovertarget", format!("{id}-confirm"));
    html.attr("class", class).raw(">").text(label).raw(" \u{2026}</button>");
    html.raw("<div popover class=\"confirm\" role=\"dialog\"").attr("id", format!("{id}-confirm"));
    html.attr("aria-labelledby", format!("{id}-title")).raw("><p class=\"b-header\"");
    html.attr("id", format!("{id}-title")).raw(">").text(words("title", "Are you sure?")).raw("</p>");
    html.raw("<div class=\"b-text\">").add(&text(&confirm["text"], around)).raw("</div>");
    html.raw("<div class=\"b-actions\"><button type=\"button\" autofocus popovertargetaction=\"hide\"");
    html.attr("popovertarget", format!("{id}-confirm")).raw(">").text(words("deny", "No")).raw("</button>");
    html.raw("<button type=\"submit\" name=\"press\"").attr("value", value);
    html.attr("class", if confirm["style"] == "danger" { "danger" } else { class });
    html.raw(">").text(words("confirm", "Yes")).raw("</button></div></div>");
}

/// A labelled field.
pub(super) fn input(block: &Value, id: &str, around: &Around, html: &mut Html) {
    let element = &block["element"];
    html.raw("<div class=\"b-input\"><label").attr("for", id).raw(">");
    html.text(block["label"]["text"].as_str().unwrap_or_default());
    if block["optional"] == true {
        html.raw(" <span class=\"quiet\">(optional)</span>");
    }
    html.raw("</label>");
    let is_needed = block["optional"] != true && !around.presses;
    let kind = element["type"].as_str().unwrap_or_default();
    let given = |name: &str| element[name].as_str().unwrap_or_default().to_owned();
    match kind {
        "plain_text_input" if element["multiline"] == true => {
            html.raw("<textarea rows=\"4\"");
            field_attributes(element, id, is_needed, html);
            html.raw(">\n").text(given("initial_value")).raw("</textarea>");
        }
        "plain_text_input" | "email_text_input" | "url_text_input" | "number_input" => {
            let kind = match kind {
                "email_text_input" => "email",
                "url_text_input" => "url",
                "number_input" => "number",
                _ => "text",
            };
            html.raw("<input").attr("type", kind);
            field_attributes(element, id, is_needed, html);
            html.attr("value", given("initial_value")).raw(" autocomplete=\"off\">");
        }
        "datepicker" | "timepicker" => {
            let (kind, initial) =
                if kind == "datepicker" { ("date", "initial_date") } else { ("time", "initial_time") };
            html.raw("<input").attr("type", kind);
            field_attributes(element, id, is_needed, html);
            html.attr("value", given(initial)).raw(">");
        }
        _ if choices(element, around).is_some() => menu(element, id, is_needed, around, html),
        other => {
            html.raw("<span class=\"b-unknown\">an element of the kind ").text(other);
            html.raw(", which this page does not draw</span>");
        }
    }
    if let Some(hint) = block["hint"]["text"].as_str() {
        html.element("<span class=\"quiet\">", hint, "</span>");
    }
    if let Some(error) = block["block_id"].as_str().and_then(|id| around.errors[id].as_str()) {
        html.element("<span class=\"error\" role=\"alert\">Error: ", error, "</span>");
    }
    html.raw("</div>");
}

fn field_attributes(element: &Value, id: &str, is_needed: bool, html: &mut Html) {
    html.attr("id", id).attr("name", format!("field:{}", element["action_id"].as_str().unwrap_or_default()));
    for (given, attribute) in [("max_length", "maxlength"), ("min_length", "minlength")] {
        if let Some(length) = element[given].as_u64() {
            html.attr(attribute, length);
        }
    }
    if let Some(text) = element["placeholder"]["text"].as_str() {
        html.attr("placeholder", text);
    }
    if is_needed {
        html.raw(" required");
    }
}

/// What a menu offers: value and text. `None` for what is no menu.
fn choices(element: &Value, around: &Around) -> Option<Vec<(String, String)>> {
    let kind = element["type"].as_str().unwrap_or_default();
    let named = |names: &std::collections::BTreeMap<String, String>, sign: char| {
        names.iter().map(|(id, name)| (id.clone(), format!("{sign}{name}"))).collect()
    };
    match kind {
        "users_select" | "multi_users_select" => Some(named(&around.names.users, '@')),
        "channels_select" | "conversations_select" => Some(named(&around.names.channels, '#')),
        "static_select" | "multi_static_select" | "overflow" | "radio_buttons" | "checkboxes" => {
            let groups = element["option_groups"].as_array().into_iter().flatten();
            let all = groups.map(|group| &group["options"]).chain([&element["options"]]);
            let options = all.filter_map(Value::as_array).flatten();
            let one = |option: &Value| {
                let value = option["value"].as_str().unwrap_or_default().to_owned();
                (value, option["text"]["text"].as_str().unwrap_or_default().to_owned())
            };
            Some(options.map(one).collect())
        }
        _ => None,
    }
}

fn menu(element: &Value, id: &str, is_needed: bool, around: &Around, html: &mut Html) {
    let kind = element["type"].as_str().unwrap_or_default();
    html.raw("<select");
    field_attributes(element, id, is_needed, html);
    if kind.starts_with("multi_") || kind == "checkboxes" {
        html.raw(" multiple");
    } else {
        html.raw("><option value=\"\">\u{2013} choose \u{2013}</option");
    }
    html.raw(">");
    let initial =
        [&element["initial_option"]["value"], &element["initial_user"], &element["initial_conversation"]];
    for (value, text) in choices(element, around).unwrap_or_default() {
        html.raw("<option").attr("value", &value);
        let among = element["initial_options"].as_array().into_iter().flatten();
        if initial.iter().any(|one| **one == value) || among.into_iter().any(|one| one["value"] == value) {
            html.raw(" selected");
        }
        html.raw(">").text(text).raw("</option>");
    }
    html.raw("</select>");
}
