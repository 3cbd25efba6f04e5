//! A modal before the pane's person.

use serde_json::Value;

use super::blocks::{self, Around};
use super::html::Html;
use super::message::where_from;
use super::shown::PaneView;

/// Renders the topmost modal, if one is open.
pub(super) fn modal(pane: &PaneView, html: &mut Html) {
    let Some((view, errors)) = &pane.modal else { return };
    let scope = format!("v-{}", pane.side.word());
    let words =
        |field: &str, otherwise: &'static str| view[field]["text"].as_str().unwrap_or(otherwise).to_owned();
    let around = Around { names: &pane.names, scope: &scope, presses: false, errors };
    html.raw("<div class=\"modal\" role=\"dialog\" tabindex=\"-1\" data-focus").attr("id", &scope);
    html.attr("aria-labelledby", format!("{scope}-title")).raw("><h3").attr("id", format!("{scope}-title"));
    html.raw(">").text(words("title", "Form")).raw("</h3>");
    html.raw("<form method=\"post\" action=\"/page/modal\">");
    where_from(pane, html);
    html.hidden("view", view["id"].as_str().unwrap_or_default());
    html.add(&blocks::render(&view["blocks"], &around)).raw("<div class=\"b-actions\">");
    if view["submit"] != Value::Null {
        html.raw("<button type=\"submit\" name=\"do\" value=\"submit\" class=\"primary\">");
        html.text(words("submit", "Submit")).raw("</button>");
    }
    html.raw("<button type=\"submit\" name=\"do\" value=\"close\" formnovalidate>");
    html.text(words("close", "Cancel")).raw("</button></div></form></div>");
}
