//! The page over HTTP, with a stand-in for Blocks behind it.

use serde_json::{Value, json};

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
        page.contains("#1 it is &lt;b&gt;bad&lt;/b&gt;") && page.contains("on their way to Blocks: 1"),
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
    world.form("say", &[&ANA[..], &[("text", "hello")]].concat()).await;
    world.page("").await;
    let elsewhere = format!("a=U0BEN&ac={id}");
    assert!(
        world.page(&elsewhere).await.contains("#incidents <span class=\"new\">1 new</span>"),
        "a hidden pane"
    );
    world.page("b=U0BEN").await;
    assert!(!world.page(&elsewhere).await.contains("#incidents <span class=\"new\">"));
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
