//! The page over HTTP, with a stand-in for Blocks behind it; and a search for a way to put markup into it.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::place::Place;
use super::{layout, shown};
use crate::testkit::World;

impl World {
    /// The page's HTML.
    async fn page(&self, query: &str) -> String {
        let answer = self.client.get(format!("{}/?{query}", self.sandbox.url())).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.text().await.unwrap()
    }

    /// Sends one of the page's forms as a browser does, and reads where it leads.
    async fn form(&self, what: &str, fields: &[(&str, &str)]) -> String {
        let url = self.sandbox.url();
        let request = self.client.post(format!("{url}/page/{what}"));
        let answer = request.header("origin", &url).form(fields).send().await.unwrap();
        assert_eq!(answer.status(), 303, "{what}");
        let to = answer.headers()["location"].to_str().unwrap().to_owned();
        assert!(to.starts_with("/?") || to == "/", "{to}");
        self.client.get(format!("{url}{to}")).send().await.unwrap().text().await.unwrap()
    }
}

const ANA: [(&str, &str); 2] = [("user", "U0ANA"), ("channel", "C0INCIDENTS")];

#[tokio::test]
async fn everything_has_its_headers_and_other_hosts_and_sites_are_refused() {
    let world = World::new().await;
    let url = world.sandbox.url();
    for path in ["/", "/page/live", "/page/style.css", "/page/script.js", "/page/icon.svg", "/page/none"] {
        let answer = world.client.get(format!("{url}{path}")).send().await.unwrap();
        let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff", "{path}");
        let foreign =
            world.client.get(format!("{url}{path}")).header("host", "evil.example").send().await.unwrap();
        assert_eq!(foreign.status(), 421, "{path}");
    }
    let state = world.client.get(format!("{url}/control/state")).header("host", "evil.example");
    assert_eq!(state.send().await.unwrap().status(), 421);
    let form = |origin: &str| {
        let fields = [("slack", "down")];
        world.client.post(format!("{url}/page/faults")).header("origin", origin).form(&fields)
    };
    assert_eq!(form("http://evil.example").send().await.unwrap().status(), 403);
    assert_eq!(form(&url).header("sec-fetch-site", "cross-site").send().await.unwrap().status(), 403);
    assert_eq!(world.state().await["faults"]["slack_down"], false);
    assert_eq!(form(&url).send().await.unwrap().status(), 303);
    assert_eq!(world.state().await["faults"]["slack_down"], true);
    let page = world.page("").await;
    for outside in ["<script>", "style=", "javascript:", "https://", "onclick"] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[tokio::test]
async fn a_page_that_has_not_changed_is_not_sent_again() {
    let world = World::new().await;
    let url = format!("{}/page/live?a=U0BEN", world.sandbox.url());
    world.client.get(&url).send().await.unwrap();
    let first = world.client.get(&url).send().await.unwrap();
    let tag = first.headers()["etag"].clone();
    let again = world.client.get(&url).header("if-none-match", &tag).send().await.unwrap();
    assert_eq!(again.status(), 304);
    world.form("say", &[&ANA[..], &[("text", "hello")]].concat()).await;
    let changed = world.client.get(&url).header("if-none-match", &tag).send().await.unwrap();
    assert_eq!(changed.status(), 200);
    assert!(changed.text().await.unwrap().contains("hello"));
}

#[tokio::test]
async fn commands_go_to_blocks_and_what_fails_is_said_to_its_person() {
    let world = World::new().await;
    *world.blocks.body.lock().unwrap() =
        json!({"response_type": "ephemeral", "text": "*five* runbooks"}).to_string();
    let typed = [&ANA[..], &[("side", "a"), ("text", "/blocks runbook list")]].concat();
    let page = world.form("say", &typed).await;
    assert!(
        page.contains("<strong>five</strong> runbooks") && page.contains("Only visible to you"),
        "{page}"
    );
    assert!(!world.page("a=U0BEN&b=U0BEN").await.contains("runbooks</div>"), "ben does not see it");
    let sent = crate::shared::pairs(&world.seen()[0].body);
    assert!(sent.contains(&("text".into(), "runbook list".into())), "{sent:?}");

    world.script(&[500]);
    assert!(world.form("say", &typed).await.contains("Blocks answered HTTP 500"));
    assert!(
        world
            .form("say", &[&ANA[..], &[("text", "/giphy cat")]].concat())
            .await
            .contains("/giphy is not a command")
    );
    let in_thread = [&ANA[..], &[("thread", "1.2"), ("text", "/blocks help")]].concat();
    assert!(world.form("say", &in_thread).await.contains("does not work in threads"));
    world.form("faults", &[("slack", "down")]).await;
    let before = world.seen().len();
    let page = world.form("say", &typed).await;
    assert!(page.contains("Slack is down: this was not sent"));
    assert_eq!(world.seen().len(), before);
}

#[tokio::test]
async fn a_press_carries_the_fields_and_only_buttons_that_are_there_press() {
    let world = World::new().await;
    let text = |text: &str| json!({"type": "plain_text", "text": text});
    let blocks = json!([
        {"type": "input", "block_id": "why", "label": text("Why?"), "element": {"type": "plain_text_input", "action_id": "reason"}},
        {"type": "actions", "block_id": "do", "elements": [
            {"type": "button", "action_id": "approve", "value": "v", "text": text("Approve"), "style": "primary"},
            {"type": "static_select", "action_id": "pick", "options": [{"text": text("One"), "value": "1"}]},
        ]},
    ]);
    let posted = world
        .slack("chat.postMessage", json!({"channel": "C0INCIDENTS", "text": "t", "blocks": blocks}))
        .await;
    let ts = posted["ts"].as_str().unwrap().to_owned();
    let press = |value: &'static str| {
        [&ANA[..], &[("ts", &ts), ("field:reason", "because"), ("field:pick", "1"), ("press", value)]]
            .concat()
    };
    let page = world.form("press", &press("[\"do\",\"approve\"]")).await;
    assert!(page.contains(">Approve</button>") && page.contains("<button type=\"submit\" disabled hidden>"));
    let payload = |at: usize| -> Value {
        serde_json::from_str(&crate::shared::pairs(&world.seen()[at].body)[0].1).unwrap()
    };
    assert_eq!(payload(0)["actions"][0]["value"], "v");
    assert_eq!(payload(0)["state"]["values"]["why"]["reason"]["value"], "because");
    world.form("press", &press("[\"do\",\"pick\",\"choice\"]")).await;
    assert_eq!(payload(1)["actions"][0]["selected_option"]["value"], "1");
    for gone in ["[\"do\",\"refuse\"]", "[\"other\",\"approve\"]"] {
        assert!(world.form("press", &press(gone)).await.contains("not there any more"));
    }
    assert!(world.form("press", &press("nonsense")).await.contains("no button was pressed"));
    assert_eq!(world.seen().len(), 2);
}

#[tokio::test]
async fn pages_outages_and_limits_do_what_they_say() {
    let world = World::new().await;
    world.form("faults", &[("pagerduty", "down")]).await;
    let page = world
        .form("trigger", &[("service", "PFLOW01"), ("priority", "PPRIO01"), ("title", "it is <b>bad</b>")])
        .await;
    assert!(
        page.contains("#1 it is &lt;b&gt;bad&lt;/b&gt;") && page.contains("1 webhooks have not arrived"),
        "{page}"
    );
    let refused = world.pagerduty("GET", "incidents", Value::Null);
    let url = format!("{}/pagerduty/incidents", world.sandbox.url());
    assert_eq!(world.client.get(url).send().await.unwrap().status(), 503);
    drop(refused);
    assert!(world.seen().is_empty());
    world.form("faults", &[("pagerduty", "ok")]).await;
    world.until("the webhook arrives", |s| s["pagerduty"]["webhooks_queued"] == 0).await;
    assert_eq!(world.seen().len(), 1);
    let id = world.state().await["pagerduty"]["incidents"][0]["id"].as_str().unwrap().to_owned();
    assert!(
        world.form("pager", &[("id", &id), ("do", "acknowledge")]).await.contains(">acknowledged</span>")
    );

    let page = world.form("faults", &[("limit_s", "600")]).await;
    assert!(page.contains("limited until"));
    assert_eq!(world.slack("auth.test", json!({})).await["error"], "ratelimited");
    assert!(world.form("faults", &[("limit_s", "0")]).await.contains("not limited"));
    assert!(world.form("faults", &[("limit_s", "9999")]).await.contains("at most 600"));
    assert!(world.form("deploy", &[("version", "v1.2")]).await.contains("target_url is not set"));
    assert!(
        world
            .form("connect", &[("url", "http://192.0.2.1/")])
            .await
            .contains("not an http:// address of this machine")
    );
}

#[tokio::test]
async fn what_one_has_not_read_is_marked_until_one_has() {
    let world = World::new().await;
    let made = world.slack("conversations.create", json!({"name": "inc-1"})).await;
    let id = made["channel"]["id"].as_str().unwrap().to_owned();
    let posted = world.slack("chat.postMessage", json!({"channel": id, "text": "one"})).await;
    let ts = posted["ts"].as_str().unwrap();
    world.slack("chat.postMessage", json!({"channel": id, "text": "two", "thread_ts": ts})).await;
    assert!(world.page("").await.contains("#inc-1 <span class=\"new\">1 new</span>"));
    let here = world.page(&format!("a=U0ANA&ac={id}")).await;
    assert!(here.contains("1 reply <span class=\"new\">1 new</span>"), "{here}");
    assert!(world.page(&format!("a=U0ANA&ac={id}&at={ts}")).await.contains(">two</div>"));
    let read = world.page(&format!("a=U0ANA&ac={id}")).await;
    assert!(read.contains("1 reply</a>"));
    let private = world.slack("conversations.create", json!({"name": "secret", "is_private": true})).await;
    let id = private["channel"]["id"].as_str().unwrap();
    world.slack("chat.postMessage", json!({"channel": id, "text": "hush"})).await;
    let page = world.page(&format!("a=U0ANA&ac={id}")).await;
    assert!(!page.contains("hush") && !page.contains("#secret"), "nobody is in it but the app");
}

/// The app opens it for the one who typed; they fill it in, are told what is wrong, and send it in again.
#[tokio::test]
async fn a_modal_is_filled_in_on_the_page() {
    let world = World::new().await;
    let command = [&ANA[..], &[("text", "/blocks declare")]].concat();
    world.form("say", &command).await;
    let typed = crate::shared::pairs(&world.seen()[0].body);
    let trigger = &typed.iter().find(|(name, _)| name == "trigger_id").unwrap().1;
    let text = |text: &str| json!({"type": "plain_text", "text": text});
    let view = json!({"type": "modal", "title": text("Declare <b>"), "submit": text("Send"), "blocks": [
        {"type": "input", "block_id": "what", "label": text("What?"),
         "element": {"type": "plain_text_input", "action_id": "text"}},
    ]});
    let opened = world.slack("views.open", json!({"trigger_id": trigger, "view": view})).await;
    let id = opened["view"]["id"].as_str().unwrap().to_owned();
    let page = world.page("a=U0ANA&b=U0BEN").await;
    assert_eq!(page.matches("role=\"dialog\"").count(), 1, "only ana has it: {page}");
    assert!(
        page.contains("Declare &lt;b&gt;</h3>") && page.contains("name=\"field:text\" required value=\"\"")
    );

    let fill =
        |what: &'static str| [&ANA[..], &[("view", &id), ("do", what), ("field:text", "all down")]].concat();
    *world.blocks.body.lock().unwrap() =
        json!({"response_action": "errors", "errors": {"what": "say more"}}).to_string();
    assert!(world.form("modal", &fill("submit")).await.contains("role=\"alert\">Error: say more<"));
    world.blocks.body.lock().unwrap().clear();
    let page = world.form("modal", &fill("submit")).await;
    assert!(!page.contains("role=\"dialog\""), "{page}");
    assert!(world.form("modal", &fill("close")).await.contains("view_not_found"));
}

#[tokio::test]
async fn a_file_is_text_for_those_who_may_see_it() {
    let world = World::new().await;
    let wanted = json!({"filename": "x.html", "length": 25});
    let url = world.slack("files.getUploadURLExternal", wanted).await;
    let body = "<script>alert(1)</script>";
    world.client.post(url["upload_url"].as_str().unwrap()).body(body).send().await.unwrap();
    let files = json!([{"id": url["file_id"], "title": "Output"}]);
    world.slack("files.completeUploadExternal", json!({"files": files, "channel_id": "C0INCIDENTS"})).await;
    assert!(world.page("").await.contains("&lt;script&gt;alert(1)"));
    let address = format!("{}/page/file/{}", world.sandbox.url(), url["file_id"].as_str().unwrap());
    let answer = world.client.get(format!("{address}?as=U0ANA")).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/plain; charset=utf-8");
    assert_eq!(answer.text().await.unwrap(), body);
}

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
    use crate::slack::view::{Attached, Line, Lines, Person, Room};
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
        reactions: vec![text.to_owned()],
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
    let names = super::mrkdwn::Names {
        users: [(text.to_owned(), other.to_owned())].into(),
        channels: [(other.to_owned(), text.to_owned())].into(),
    };
    let mut view = json!({"id": "v", "title": {"text": "t"}, "submit": {"text": "s"}, "close": {"text": "c"}, "blocks": every_block()});
    poison(&mut view, other);
    let mut incident = json!({"id": "i", "number": 1, "title": "t", "status": "triggered", "urgency": "high", "priority": "P1", "notes": [{"user": "u", "content": "c"}]});
    poison(&mut incident, text);
    let mut target = json!({"stats": {"failure_rate_percent": 3.0, "ready": 1}, "deployments": [{"name": "n", "version": "v", "pods": [{"version": "v"}], "ready": 1, "replicas": 2, "revision": 1}]});
    poison(&mut target, text);
    let seat = |user: &str| super::place::Seat {
        user: user.into(),
        channel: text.into(),
        thread: Some(other.into()),
    };
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
        panes: vec![pane(super::place::Side::A, None), pane(super::place::Side::B, Some(text))],
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
