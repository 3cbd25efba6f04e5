//! A search for a way to put markup into the page: hostile pieces in every field of everything that is shown.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::mrkdwn::Names;
use super::place::{Place, Seat, Side};
use super::{layout, shown};
use crate::slack::view::{Attached, Line, Lines, Person, Room};

/// A tag as a browser would read it: its name and attributes.
fn tags(html: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut found = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let is_tag = rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '!');
        if !is_tag {
            continue;
        }
        let name_end = rest.find(|c: char| c.is_whitespace() || c == '>').unwrap();
        let name = rest[..name_end].to_owned();
        rest = &rest[name_end..];
        let mut attributes = Vec::new();
        loop {
            rest = rest.trim_start();
            if let Some(after) = rest.strip_prefix('>') {
                rest = after;
                break;
            }
            let end = rest.find(|c: char| c.is_whitespace() || c == '>' || c == '=').unwrap();
            let key = rest[..end].to_owned();
            rest = &rest[end..];
            let mut value = String::new();
            if let Some(quoted) = rest.strip_prefix("=\"") {
                let end = quoted.find('"').unwrap();
                value = quoted[..end].to_owned();
                rest = &quoted[end + 1..];
            } else {
                assert!(!rest.starts_with('='), "every value is quoted: {}", &rest[..40.min(rest.len())]);
            }
            attributes.push((key, value));
        }
        found.push((name, attributes));
    }
    found
}

/// Every tag and attribute that this page's code writes; whatever else shows up was put in by somebody.
fn assert_is_ours(html: &str) {
    let names: BTreeSet<&str> = [
        "!doctype",
        "html",
        "head",
        "meta",
        "title",
        "link",
        "script",
        "body",
        "a",
        "header",
        "h1",
        "h2",
        "h3",
        "p",
        "main",
        "div",
        "section",
        "nav",
        "span",
        "ul",
        "ol",
        "li",
        "form",
        "input",
        "button",
        "label",
        "select",
        "option",
        "textarea",
        "aside",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "article",
        "time",
        "details",
        "summary",
        "pre",
        "code",
        "strong",
        "em",
        "noscript",
        "s",
        "hr",
        "blockquote",
    ]
    .into();
    for (name, attributes) in tags(html) {
        assert!(names.contains(name.trim_start_matches('/')), "<{name}> is not ours");
        for (key, value) in attributes {
            assert!(!key.starts_with("on") && key != "style" && !key.contains("evil"), "{key} in <{name}>");
            assert!(key.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{key} in <{name}>");
            if ["href", "action", "src"].contains(&key.as_str()) {
                let is_safe = ["/", "#", "http://", "https://", "mailto:"]
                    .iter()
                    .any(|s| value.to_ascii_lowercase().starts_with(s));
                assert!(is_safe && !value.starts_with("//"), "{key}={value}");
            }
            if name == "script" && key == "src" {
                assert_eq!(value, "/page/script.js");
            }
        }
    }
    assert_eq!(html.matches("<script").count(), 1);
}

/// Pieces of which attacks on HTML, on attributes and on Slack's markup are made.
fn hostile() -> impl Strategy<Value = String> {
    let pieces = [
        "<script>alert(1)</script>",
        "<evil onx=1>",
        "\" onclick=\"x",
        "' onx='",
        "\"><evil>",
        "</form>",
        "</pre>",
        "-->",
        "<!--",
        "<javascript:alert(1)|x>",
        "<https://e.example/\" onx=\"1|\"><evil>>",
        "<JaVaScRiPt:x>",
        "<data:text/html,<evil>|y>",
        "```",
        "`",
        "*",
        "_",
        "~",
        "&lt;evil&gt;",
        "&amp;lt;evil&amp;gt;",
        "<@U\"><evil>",
        "<#C|<evil>>",
        "<!date^1^{date}\"<evil>|f>",
        "<//e.example|z>",
        "\n",
        "> ",
        "\u{0}",
        "\u{202e}",
        "&#60;evil&#62;",
        "x",
        " ",
        "<",
        ">",
        "|",
        "]]>",
        "<img src=x onerror=1>",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 1..8).prop_map(|parts| parts.concat())
}

/// Every string in a value becomes the hostile one, but for the kinds that say what is drawn.
fn poison(value: &mut Value, with: &str) {
    match value {
        Value::String(text) => with.clone_into(text),
        Value::Array(all) => all.iter_mut().for_each(|one| poison(one, with)),
        Value::Object(map) => {
            for (key, one) in map {
                if key != "type" {
                    poison(one, with);
                }
            }
        }
        _ => {}
    }
}

fn every_block() -> Value {
    let text = json!({"type": "mrkdwn", "text": "t"});
    let confirm = json!({"title": text, "text": text, "confirm": text, "deny": text, "style": "s"});
    let options = json!([{"text": text, "value": "v"}]);
    let button = json!({"type": "button", "action_id": "a", "text": text, "value": "v", "style": "s", "accessibility_label": "l", "confirm": confirm});
    let mut blocks = vec![
        json!({"type": "header", "text": text}),
        json!({"type": "section", "block_id": "b", "text": text, "fields": [text], "accessory": button}),
        json!({"type": "section", "text": text, "accessory": {"type": "image", "image_url": "u", "alt_text": "a"}}),
        json!({"type": "context", "elements": [text, {"type": "image", "alt_text": "a", "image_url": "u"}]}),
        json!({"type": "divider"}),
        json!({"type": "actions", "block_id": "b", "elements": [button, {"type": "button", "text": text, "url": "u"}]}),
        json!({"type": "image", "image_url": "u", "alt_text": "a", "title": text}),
        json!({"type": "markdown", "text": "t"}),
        json!({"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [
            {"type": "text", "text": "t"}, {"type": "link", "url": "u", "text": "t"}, {"type": "user", "user_id": "u"}, {"type": "emoji", "name": "n"}]}]}),
        json!({"type": "<evil>"}),
    ];
    for kind in [
        "static_select",
        "overflow",
        "radio_buttons",
        "checkboxes",
        "users_select",
        "conversations_select",
        "<evil>",
    ] {
        let element = json!({"type": kind, "action_id": "a", "options": options, "placeholder": text, "confirm": confirm, "initial_option": options[0]});
        blocks.push(json!({"type": "actions", "block_id": "b", "elements": [element]}));
        blocks
            .push(json!({"type": "input", "block_id": "b", "label": text, "hint": text, "element": element}));
    }
    for kind in ["plain_text_input", "email_text_input", "datepicker"] {
        for multiline in [false, true] {
            let element = json!({"type": kind, "action_id": "a", "multiline": multiline, "initial_value": "i", "initial_date": "d", "placeholder": text});
            blocks.push(json!({"type": "input", "block_id": "b", "label": text, "hint": text, "optional": multiline, "element": element}));
        }
    }
    Value::Array(blocks)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// Whatever stands in whatever field of whatever is shown, no tag, attribute or scheme comes of it.
    #[test]
    fn nothing_that_is_shown_becomes_markup(text in hostile(), other in hostile()) {
        let page = poisoned(&text, &other);
        assert_is_ours(&page);
    }
}

fn poisoned(text: &str, other: &str) -> String {
    let mut blocks = every_block();
    poison(&mut blocks, text);
    let line = |blocks: Value, only_you: bool| Line {
        ts: text.to_owned(),
        author: text.to_owned(),
        is_app: true,
        text: text.to_owned(),
        blocks,
        is_edited: true,
        files: vec![Attached {
            id: text.into(),
            title: other.into(),
            name: text.into(),
            content: other.into(),
        }],
        reactions: vec![(text.to_owned(), 1)],
        is_marked: false,
        is_pinned: true,
        only_you,
        replies: 2,
        new_replies: 1,
    };
    let room = Room {
        id: text.into(),
        name: other.into(),
        topic: text.into(),
        is_private: true,
        is_archived: true,
        unread: 3,
        bookmarks: vec![(text.into(), other.into()), (other.into(), "https://e.example/".into())],
    };
    let person = Person { id: text.into(), name: other.into() };
    let names = Names {
        users: [(text.to_owned(), other.to_owned())].into(),
        channels: [(other.to_owned(), text.to_owned())].into(),
    };
    let mut view = json!({"id": "v", "title": {"text": "t"}, "submit": {"text": "s"}, "close": {"text": "c"}, "blocks": every_block()});
    poison(&mut view, other);
    let mut incident = json!({"id": "i", "number": 1, "title": "t", "status": "triggered", "urgency": "high", "priority": "P1", "notes": [{"user": "u", "content": "c"}]});
    poison(&mut incident, text);
    let mut target = json!({"stats": {"failure_rate_percent": 3.0, "ready": 1}, "deployments": [{"name": "n", "version": "v", "pods": [{"version": "v"}], "ready": 1, "replicas": 2, "revision": 1}]});
    poison(&mut target, text);
    let mut mail = json!({"to": ["t"], "message_id": "m", "subject": "s", "text": "x"});
    poison(&mut mail, text);
    let mut told = json!({"name": "n", "status": "investigating", "incident_updates": [{"body": "b"}]});
    poison(&mut told, other);
    let seat = |user: &str| Seat { user: user.into(), channel: text.into(), thread: Some(other.into()) };
    let pane = |side, thread: Option<&str>| shown::PaneView {
        side,
        user: person.clone(),
        names: names.clone(),
        rooms: vec![room.clone()],
        room: Some(room.clone()),
        thread: thread.map(str::to_owned),
        lines: Lines {
            shown: vec![line(blocks.clone(), false), line(Value::Null, true)],
            older: 4,
            newest: None,
        },
        modal: Some((view.clone(), json!({ other: text }))),
        notice: Some(text.to_owned()),
    };
    let shown = shown::Shown {
        place: Place { a: seat(text), b: seat(other) },
        people: vec![person.clone()],
        panes: vec![pane(Side::A, None), pane(Side::B, Some(text))],
        outside: shown::Outside { mails: vec![mail], incidents: vec![told] },
        pager: shown::Pager {
            incidents: vec![incident],
            total: 9,
            waiting: 1,
            services: vec![(text.into(), other.into())],
            priorities: vec![(other.into(), text.into())],
        },
        notice: Some(other.to_owned()),
        target: Some(target),
        target_stays_bad: true,
        blocks_url: Some(text.to_owned()),
        socket_mode: true,
        slack_down: true,
        pagerduty_down: true,
        throttled_until: Some(text.to_owned()),
    };
    layout::page(&shown).into_string()
}
