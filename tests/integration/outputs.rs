//! What diagnostics printed and the card has no room for, with the real binary and the sandbox's Slack.

use blocks_tests::{AppConfig, TestApp, messages_with_key, text, timeline_types};
use serde_json::{Value, json};

const TRIAGE: &str = r#"---
title: First look
service: flowengine
---
# First look

## How full is the pool? (1 min)

```bash {name=pool-usage effect=read timeout=15s}
echo '<!channel> "```"'
seq 1 40
# Expected: < 10 %
```

```bash {name=clients effect=read timeout=15s}
seq 50 90
```

```bash {name=short effect=read timeout=15s}
seq 1 3
```
"#;

async fn app() -> TestApp {
    let runbooks = vec![("first_look", TRIAGE.to_owned())];
    TestApp::start(&AppConfig { triage: Some("first_look"), runbooks, ..AppConfig::default() }).await
}

fn names(state: &Value) -> Vec<String> {
    let files = state["slack"]["files"].as_array().cloned().unwrap_or_default();
    files.iter().filter(|file| file["completed"] == true).map(|file| text(&file["name"])).collect()
}

/// The blocks of the card, once they say this.
async fn card(app: &TestApp, words: &str) -> (String, Value) {
    app.state_when(&format!("the card says {words}"), |state| {
        let (channel, card) = messages_with_key(state, "card/").into_iter().next()?;
        card["blocks"].to_string().contains(words).then_some((channel, card))
    })
    .await
}

#[tokio::test]
async fn what_the_card_has_no_room_for_is_a_file_below_it() {
    let mut app = app().await;
    app.page("the pool is full").await;
    let (channel, card) = card(&app, "`INC-1-clients.txt`, a file in this thread").await;
    assert!(card["blocks"].to_string().contains("`INC-1-pool-usage.txt`, a file in this thread"));
    let state =
        app.state_when("both are there", |state| (names(state).len() == 2).then(|| state.clone())).await;
    assert_eq!(names(&state), ["INC-1-pool-usage.txt", "INC-1-clients.txt"]);
    let file = &state["slack"]["files"][0];
    let printed: String = (1..=40).map(|line| format!("{line}\n")).collect();
    assert_eq!(text(&file["content"]), format!("<!channel> \"```\"\n{printed}"));
    assert_eq!((text(&file["channel"]), &file["thread_ts"]), (channel.clone(), &card["ts"]));
    let thread = format!("a=U0ANA&ac={channel}&at={}", text(&card["ts"]));
    let page = app.page_html(&thread).await;
    assert!(page.contains("INC-1-pool-usage.txt") && page.contains("&lt;!channel&gt;"), "{page}");
    app.kill_9().await;
    app.start_server().await;
    app.outbox_is_empty().await;
    assert_eq!(names(&app.state().await).len(), 2, "once");
    assert_eq!(blocks_tests::faulty_slack_calls(&app.state().await), Vec::<String>::new());
}

/// The tiers `read` and `respond` have no scope for files: it is said once, and the card names no file.
#[tokio::test]
async fn without_the_scope_for_files_the_card_says_so() {
    let app = app().await;
    let scopes = json!({ "scopes": [
        "commands", "chat:write", "chat:write.public", "channels:manage", "channels:read", "channels:history",
        "groups:write", "groups:read", "groups:history", "bookmarks:read", "bookmarks:write", "reactions:read",
    ]});
    assert_eq!(app.control("slack/setup", scopes).await["ok"], true);
    app.page("the pool is full").await;
    let (_, shown) = card(&app, "not every file of it could be shared").await;
    assert!(!shown["blocks"].to_string().contains("a file in this thread"));
    app.outbox_is_empty().await;
    let shown = app.incident("INC-1").await;
    let failed = timeline_types(&shown).iter().filter(|kind| *kind == "delivery_failed").count();
    assert_eq!(failed, 1, "{shown}");
    assert_eq!(names(&app.state().await), Vec::<String>::new());
}
