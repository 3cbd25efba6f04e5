//! Block Kit as HTML. What is not drawn says so, with its kind, rather than vanish.

use serde_json::Value;

use super::elements;
use super::html::Html;
use super::mrkdwn::{self, Names};

/// What blocks stand in.
#[derive(Debug)]
pub(super) struct Around<'a> {
    pub(super) names: &'a Names,
    /// Begins every `id` in them, so that no two on the page are alike.
    pub(super) scope: &'a str,
    /// Buttons press; in a modal the sandbox has nobody to send it to.
    pub(super) presses: bool,
    /// What is wrong with a field, by its block's id.
    pub(super) errors: &'a Value,
}

/// Renders the blocks of a message or of a modal.
pub(super) fn render(blocks: &Value, around: &Around) -> Html {
    let mut html = Html::new();
    for (at, block) in blocks.as_array().into_iter().flatten().enumerate() {
        one(block, &format!("{}-{at}", around.scope), around, &mut html);
    }
    html
}

/// Whether there is anything to press or to fill in.
pub(super) fn is_interactive(blocks: &Value) -> bool {
    blocks.as_array().into_iter().flatten().any(|block| {
        block["type"] == "actions" || block["type"] == "input" || block["accessory"]["action_id"].is_string()
    })
}

fn one(block: &Value, id: &str, around: &Around, html: &mut Html) {
    match block["type"].as_str().unwrap_or_default() {
        "header" => {
            html.raw("<p class=\"b-header\" role=\"heading\" aria-level=\"3\">");
            html.add(&text(&block["text"], around)).raw("</p>");
        }
        "section" => section(block, id, around, html),
        "context" => {
            html.raw("<div class=\"b-context\">");
            for element in block["elements"].as_array().into_iter().flatten() {
                if element["type"] == "image" {
                    image(element, html);
                } else {
                    html.raw("<span>").add(&text(element, around)).raw("</span>");
                }
            }
            html.raw("</div>");
        }
        "divider" => {
            html.raw("<hr>");
        }
        "actions" | "context_actions" => {
            html.raw("<div class=\"b-actions\">");
            for (at, element) in block["elements"].as_array().into_iter().flatten().enumerate() {
                elements::pressed(block, element, &format!("{id}-{at}"), around, html);
            }
            html.raw("</div>");
        }
        "input" => elements::input(block, id, around, html),
        "image" => image(block, html),
        "markdown" => {
            html.raw("<div class=\"b-text\">");
            html.text(block["text"].as_str().unwrap_or_default()).raw("</div>");
        }
        "rich_text" => {
            html.raw("<div class=\"b-text\">");
            rich_text(&block["elements"], around, html);
            html.raw("</div>");
        }
        other => {
            html.raw("<p class=\"b-unknown\">A block of the kind ").text(other);
            html.raw(", which this page does not draw.</p>");
        }
    }
}

/// A text object, by its type.
pub(super) fn text(object: &Value, around: &Around) -> Html {
    let given = object["text"].as_str().unwrap_or_default();
    if object["type"] == "mrkdwn" { mrkdwn::render(given, around.names) } else { mrkdwn::plain(given) }
}

fn section(block: &Value, id: &str, around: &Around, html: &mut Html) {
    html.raw("<div class=\"b-section\"><div class=\"b-body\">");
    if block["text"].is_object() {
        html.raw("<div class=\"b-text\">").add(&text(&block["text"], around)).raw("</div>");
    }
    if let Some(fields) = block["fields"].as_array() {
        html.raw("<div class=\"b-fields\">");
        for field in fields {
            html.raw("<div class=\"b-text\">").add(&text(field, around)).raw("</div>");
        }
        html.raw("</div>");
    }
    html.raw("</div>");
    let accessory = &block["accessory"];
    if accessory["type"] == "image" {
        image(accessory, html);
    } else if accessory.is_object() {
        html.raw("<div class=\"b-actions\">");
        elements::pressed(block, accessory, &format!("{id}-accessory"), around, html);
        html.raw("</div>");
    }
    html.raw("</div>");
}

/// Pictures are never fetched: nothing on this page comes from anywhere else.
fn image(image: &Value, html: &mut Html) {
    html.raw("<span class=\"b-image\">image: ");
    html.text(image["alt_text"].as_str().filter(|alt| !alt.is_empty()).unwrap_or("no description"));
    html.raw("</span>");
}

/// The texts of rich text, with the styles that matter.
fn rich_text(elements: &Value, around: &Around, html: &mut Html) {
    for element in elements.as_array().into_iter().flatten() {
        match element["type"].as_str().unwrap_or_default() {
            "text" => {
                let is_code = element["style"]["code"] == true;
                let is_bold = element["style"]["bold"] == true;
                html.raw(if is_code { "<code>" } else { "" }).raw(if is_bold { "<strong>" } else { "" });
                html.text(element["text"].as_str().unwrap_or_default());
                html.raw(if is_bold { "</strong>" } else { "" }).raw(if is_code { "</code>" } else { "" });
            }
            "link" => {
                let url = element["url"].as_str().unwrap_or_default();
                mrkdwn::link(url, element["text"].as_str(), html);
            }
            "user" => {
                let id = element["user_id"].as_str().unwrap_or_default();
                let name = around.names.users.get(id).map_or(id, String::as_str);
                html.raw("<span class=\"mention\">@").text(name).raw("</span>");
            }
            "emoji" => {
                html.text(format!(":{}:", element["name"].as_str().unwrap_or_default()));
            }
            "rich_text_preformatted" => {
                html.raw("<pre><code>");
                plain_rich_text(&element["elements"], html);
                html.raw("</code></pre>");
            }
            "rich_text_list" => {
                html.raw("<ul>");
                for item in element["elements"].as_array().into_iter().flatten() {
                    html.raw("<li>");
                    plain_or_rich(item, around, html);
                    html.raw("</li>");
                }
                html.raw("</ul>");
            }
            "rich_text_quote" => {
                html.raw("<blockquote>");
                flat(&element["elements"], around, html);
                html.raw("</blockquote>");
            }
            "rich_text_section" => flat(&element["elements"], around, html),
            _ => {}
        }
    }
}

fn plain_or_rich(item: &Value, around: &Around, html: &mut Html) {
    flat(&item["elements"], around, html);
}

/// A section's own elements; deeper nesting than Slack has is not followed.
fn flat(elements: &Value, around: &Around, html: &mut Html) {
    let leaves: Vec<Value> = elements
        .as_array()
        .into_iter()
        .flatten()
        .filter(|leaf| leaf["elements"].is_null())
        .cloned()
        .collect();
    rich_text(&Value::Array(leaves), around, html);
}

fn plain_rich_text(elements: &Value, html: &mut Html) {
    for element in elements.as_array().into_iter().flatten() {
        html.text(element["text"].as_str().or(element["url"].as_str()).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(blocks: &Value) -> String {
        let around = Around { names: &Names::default(), scope: "s", presses: true, errors: &Value::Null };
        render(blocks, &around).into_string()
    }

    #[test]
    fn each_block_shows_what_it_holds() {
        let button =
            json!({"type": "button", "action_id": "go", "text": {"type": "plain_text", "text": "Go"}});
        let cases = [
            (
                json!({"type": "header", "text": {"type": "plain_text", "text": "*T*"}}),
                "aria-level=\"3\">*T*</p>",
            ),
            (json!({"type": "section", "text": {"type": "mrkdwn", "text": "*b*"}}), "<strong>b</strong>"),
            (json!({"type": "section", "text": {"type": "plain_text", "text": "*b*"}}), ">*b*<"),
            (
                json!({"type": "section", "fields": [{"type": "mrkdwn", "text": "*f*"}]}),
                "b-fields\"><div class=\"b-text\"><strong>f</strong>",
            ),
            (json!({"type": "context", "elements": [{"type": "mrkdwn", "text": "_c_"}]}), "<em>c</em>"),
            (json!({"type": "divider"}), "<hr>"),
            (
                json!({"type": "actions", "block_id": "b", "elements": [button]}),
                "value=\"[&quot;b&quot;,&quot;go&quot;]\"",
            ),
            (json!({"type": "section", "block_id": "b", "accessory": button}), ">Go</button>"),
            (
                json!({"type": "image", "image_url": "https://e.example/i.png", "alt_text": "a graph"}),
                "image: a graph",
            ),
            (json!({"type": "markdown", "text": "# T"}), "# T"),
            (
                json!({"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "r", "style": {"bold": true}}]}]}),
                "<strong>r</strong>",
            ),
            (json!({"type": "video"}), "of the kind video, which"),
        ];
        for (block, expected) in cases {
            let html = shown(&json!([block]));
            assert!(html.contains(expected), "{expected} is not in {html}");
            assert!(!html.contains("e.example"), "nothing is fetched: {html}");
        }
    }

    #[test]
    fn styles_confirmations_and_fields_are_those_of_the_block() {
        let confirm = json!({
            "title": {"type": "plain_text", "text": "Sure?"}, "text": {"type": "mrkdwn", "text": "*Really*"},
            "confirm": {"type": "plain_text", "text": "Do it"}, "deny": {"type": "plain_text", "text": "No"},
        });
        let html = shown(&json!([
            {"type": "actions", "block_id": "b", "elements": [
                {"type": "button", "action_id": "p", "style": "primary", "text": {"type": "plain_text", "text": "P"}},
                {"type": "button", "action_id": "d", "style": "danger", "confirm": confirm, "text": {"type": "plain_text", "text": "D"}},
                {"type": "button", "action_id": "u", "url": "https://e.example/", "text": {"type": "plain_text", "text": "U"}},
                {"type": "static_select", "action_id": "s", "options": [{"value": "1", "text": {"type": "plain_text", "text": "one"}}]},
            ]},
            {"type": "input", "block_id": "i", "label": {"type": "plain_text", "text": "Why?"}, "optional": true,
             "element": {"type": "plain_text_input", "action_id": "reason", "max_length": 500}},
        ]));
        for expected in [
            "class=\"primary\"",
            "class=\"danger\"",
            "popovertarget=\"s-0-1-confirm\"",
            "id=\"s-0-1-confirm\"",
            "Sure?",
            "<strong>Really</strong>",
            ">Do it</button>",
            "href=\"https://e.example/\"",
            "<option value=\"1\">one</option>",
            "name=\"field:reason\"",
            "maxlength=\"500\"",
            "<label for=\"s-1\">Why?",
        ] {
            assert!(html.contains(expected), "{expected} is not in {html}");
        }
    }
}
