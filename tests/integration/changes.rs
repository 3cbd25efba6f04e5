//! Changes that are told to `/hooks/change`, and deployments that a repository shows: through the real binary, on the card and in the
//! review.

use std::collections::BTreeMap;
use std::path::Path;

use blocks_tests::{
    Answer, AppConfig, TestApp, base_environment, client, messages_with_key, run_in, text, until,
    until_or_show,
};
use serde_json::{Value, json};

const TOKEN: &str = "change-token-of-a-test";
const LOOK: &str = "---\ntitle: Look\nservice: shop\n---\n# Look\n\n## It is up (1 min)\n\n```bash {name=what-changed effect=read timeout=15s}\necho 'revision 8: image shop:1.4.2'\n```\n";

fn config(more: &str) -> AppConfig {
    AppConfig {
        triage: None,
        runbooks: vec![("look", LOOK.to_owned())],
        environment: vec![("BLOCKS_CHANGE_TOKEN", format!("old-token, {TOKEN}"))],
        more: format!(
            "[[service]]\nname = \"shop\"\nchannel = \"incidents\"\ntriage = \"look\"\naliases = [\"daemonset/shop\"]\n{more}"
        ),
        ..AppConfig::default()
    }
}

async fn send(app: &TestApp, headers: &[(&str, &str)], body: String) -> Answer {
    let mut request = client().post(format!("{}/hooks/change", app.base())).body(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    // what is too large is refused before all of it has come, and whoever sends on may see the connection break first
    let asked = until("an answer", async || request.try_clone()?.send().await.ok()).await;
    let status = asked.status().as_u16();
    Answer { status, body: asked.text().await.unwrap() }
}

async fn tell(app: &TestApp, body: &Value) {
    let bearer = format!("Bearer {TOKEN}");
    let answer = send(app, &[("authorization", &bearer)], body.to_string()).await;
    assert_eq!(answer.status, 202, "{answer:?}");
}

/// The changes that the incident shows, when they fit.
async fn shown(app: &TestApp, what: &str, fits: impl Fn(&[String]) -> bool) -> Vec<String> {
    until_or_show(what, async || {
        let status = app.blocks(&["status", "INC-1", "-o", "json"]).await;
        let status = if status.code == 0 { status.json() } else { Value::Null };
        let lines = status["changes"].as_array().into_iter().flatten().map(text).collect::<Vec<_>>();
        if fits(&lines) { Ok(lines) } else { Err(format!("{status}")) }
    })
    .await
}

#[tokio::test]
async fn what_is_told_stands_on_the_card_and_in_the_review_and_nothing_of_it_is_syntax() {
    let app = TestApp::start(&config("")).await;
    let odd = "flag <!channel> & *bold* [click](https://evil.example.com) `x` | is on";
    tell(&app, &json!({ "service": "shop", "summary": odd, "by": "<@U0ANA>", "source": "flags" })).await;
    // the same deployment as the diagnostics see it
    tell(
        &app,
        &json!({
            "service": "shop", "summary": "rolled out", "version": "v1.4.2", "by": "ben", "source": "ci",
            "link": "https://ci.example.com/7", "id": 7,
        }),
    )
    .await;
    let event = json!({
        "specversion": "1.0", "id": "A-1", "source": "/tekton", "type": "dev.cdevents.service.deployed.0.2.0",
        "subject": "daemonset/shop",
        "data": { "subject": { "id": "daemonset/shop", "content": { "environment": { "id": "production" } } } },
    });
    let bearer = format!("Bearer {TOKEN}");
    let structured =
        [("authorization", bearer.as_str()), ("content-type", "application/cloudevents+json; charset=utf-8")];
    assert_eq!(send(&app, &structured, event.to_string()).await.status, 202);
    let declared = app.blocks(&["incident", "declare", "the shop is slow", "--service", "shop"]).await;
    assert_eq!(declared.code, 0, "{declared:?}");
    let looked = |lines: &[String]| lines.len() == 3 && lines.iter().any(|line| line.contains("revision 8"));
    let lines = shown(&app, "three changes are shown", looked).await;
    for wanted in ["deployed in production (/tekton)", "<!channel>", "revision 8: image shop:1.4.2"] {
        assert!(lines.iter().any(|line| line.contains(wanted)), "{wanted}: {lines:#?}");
    }
    let deployed: Vec<_> = lines.iter().filter(|line| line.contains("1.4.2")).collect();
    assert!(deployed.len() == 1 && deployed[0].contains("rolled out (v1.4.2) by ben"), "{lines:#?}");

    // meanwhile, in binary mode
    let binary = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
        ("ce-specversion", "1.0"),
        ("ce-id", "B-1"),
        ("ce-source", "/flags"),
        ("ce-type", "com.example.flag"),
        ("ce-subject", "shop"),
    ];
    let body = json!({ "summary": "flag y is off" }).to_string();
    assert_eq!(send(&app, &binary, body.clone()).await.status, 202);
    let again = send(&app, &binary, body).await;
    assert_eq!((again.status, &again.json()["duplicate"]), (202, &json!(true)));
    let lines = shown(&app, "the newest is first", |lines| lines.len() == 4).await;
    assert!(lines[0].contains("flag y is off (com.example.flag) (/flags)"), "{lines:#?}");

    let card = app
        .state_when("the card shows it", |state| {
            let found = messages_with_key(state, "card/").into_iter().map(|(_, card)| card.to_string());
            found.into_iter().find(|card| card.contains("flag y is off"))
        })
        .await;
    assert!(card.contains("What changed") && card.contains("&lt;!channel&gt; &amp;"), "{card}");
    assert!(!card.contains("<!channel>") && !card.contains("<@U0ANA>"), "{card}");

    let drafted = app.blocks(&["pir", "draft", "INC-1"]).await;
    assert_eq!(drafted.code, 0, "{drafted:?}");
    let mut reviews = std::fs::read_dir(app.dir.join("incidents")).unwrap();
    let review = std::fs::read_to_string(reviews.next().unwrap().unwrap().path()).unwrap();
    let told: Vec<_> = review.lines().filter(|line| line.starts_with("- what changed: ")).collect();
    assert_eq!(told.len(), 4, "{review}");
    assert!(told.iter().any(|line| line.contains("rolled out")), "{told:#?}");
    for syntax in ["[click](", "*bold*", "<!channel>", "<@U0ANA>"] {
        let found = told.iter().find(|line| line.contains(syntax) && !line.contains(&format!("\\{syntax}")));
        assert!(found.is_none(), "{syntax}: {told:#?}");
    }
    app.assert_journal_verifies().await;
}

#[tokio::test]
async fn whatever_comes_is_refused_or_kept_and_what_follows_is_taken() {
    let app = TestApp::start(&config("")).await;
    let bearer = format!("Bearer {TOKEN}");
    let good = json!({ "service": "shop", "summary": "rolled out", "id": "77" });
    for (token, status) in
        [("", 401), ("Bearer ", 401), ("Bearer old", 401), ("Bearer old-token", 202), (&bearer, 202)]
    {
        let headers = [("authorization", token)];
        let answer = send(&app, &headers[usize::from(token.is_empty())..], good.to_string()).await;
        assert_eq!(answer.status, status, "{token}: {answer:?}");
    }
    let cut = &good.to_string()[..20];
    let deep = format!("{{\"service\":{}", "[".repeat(100_000));
    let large = format!("{good}{}", " ".repeat(10_000_000));
    for (body, status, said) in [
        ("", 400, "the body is not json"),
        (cut, 400, "the body is not json"),
        ("\u{0}", 400, "the body is not json"),
        (deep.as_str(), 400, "the body is not json"),
        ("[]", 400, "the body is not a json object"),
        ("{\"service\":null,\"summary\":\"x\"}", 400, "there is no service"),
        ("{\"service\":\"shop\",\"summary\":null}", 400, "there is no summary"),
        ("{\"service\":\"shop\",\"summary\":\"x\",\"at\":\"soon\"}", 400, "the time does not read"),
        (large.as_str(), 413, "too_large"),
        // odd, and taken
        ("{\"service\":\"shop\",\"summary\":7,\"at\":\"0001-01-01T00:00:00Z\",\"by\":null}", 202, "true"),
        ("{\"service\":\"shop\",\"summary\":\"to come\",\"at\":\"2999-01-01T00:00:00Z\"}", 202, "true"),
        ("{\"service\":\"shop\",\"summary\":\"long ago\",\"at\":\"1999-01-01T00:00:00Z\"}", 202, "true"),
        ("{\"service\":\"no one's\",\"summary\":\"x\"}", 202, "true"),
    ] {
        let answer = send(&app, &[("authorization", &bearer)], body.to_owned()).await;
        let shown = &body[..body.len().min(60)];
        assert_eq!(answer.status, status, "{shown}: {answer:?}");
        assert!(answer.body.contains(said), "{shown}: {answer:?}");
    }
    app.sql_when("SELECT count(*) FROM inbox WHERE state = 'pending'", 0).await;
    // the same bytes twice are one; what is too old is no change of interest
    assert_eq!(app.sql("SELECT count(*) FROM changes WHERE service = 'shop'"), 3);
    assert_eq!(app.sql("SELECT count(*) FROM inbox WHERE reason LIKE 'not acted on: a change of more%'"), 1);
    let now = "CAST(strftime('%s', 'now') AS INTEGER) * 1000000 + 5000000";
    assert_eq!(app.sql(&format!("SELECT count(*) FROM changes WHERE at > {now}")), 0, "nothing is to come");
    assert!(app.metric("blocks_inbox_refused_total{source=\"change\",reason=\"unreadable\"}").await >= 8);
    let doctor = app.blocks(&["doctor", "-o", "json"]).await.json();
    let checks = doctor["checks"].as_array().unwrap();
    let said = checks.iter().find(|check| check["name"] == "changes").unwrap();
    assert!(said["warning"] == true && text(&said["detail"]).contains("'no one\\'s' (1)"), "{said}");
    assert!(!app.log("server.log").contains(TOKEN));
    app.assert_journal_verifies().await;
}

#[tokio::test]
async fn without_the_secret_there_is_no_such_way_in() {
    let app = TestApp::start(&AppConfig { environment: Vec::new(), ..config("") }).await;
    let answer = send(&app, &[("authorization", "Bearer ")], "{}".to_owned()).await;
    assert_eq!(answer.status, 404, "{answer:?}");
}

/// What came in before the process was killed is noted after it, once.
#[tokio::test]
async fn what_is_acknowledged_survives_a_kill() {
    let mut app = TestApp::start(&config("")).await;
    let declared = app.blocks(&["incident", "declare", "the shop is slow", "--service", "shop"]).await;
    assert_eq!(declared.code, 0, "{declared:?}");
    for id in 0..5 {
        tell(&app, &json!({ "service": "shop", "summary": format!("step {id}"), "id": id })).await;
    }
    app.kill_9().await;
    app.start_server().await;
    tell(&app, &json!({ "service": "shop", "summary": "step 0", "id": 0 })).await;
    let lines = shown(&app, "all are noted", |lines| lines.len() >= 6).await;
    let told = |id: usize| lines.iter().filter(|line| line.contains(&format!("step {id}"))).count();
    assert_eq!((0..5).map(told).collect::<Vec<_>>(), [1; 5], "{lines:#?}");
    app.assert_journal_verifies().await;
}

#[tokio::test]
async fn commits_of_a_repository_are_deployments_where_the_configuration_says_so() {
    let home = tempfile::tempdir().unwrap();
    let mut environment: BTreeMap<String, String> = base_environment(None, home.path());
    for name in ["AUTHOR", "COMMITTER"] {
        environment.insert(format!("GIT_{name}_NAME"), "ana".to_owned());
        environment.insert(format!("GIT_{name}_EMAIL"), "ana@example.com".to_owned());
    }
    let script =
        "git init -q -b main shop && cd shop && echo 1 > a && git add a && git commit -q -m 'faster <!here>'";
    let made = run_in(Path::new("bash"), &["-e", "-c", script], &environment, home.path()).await;
    assert_eq!(made.code, 0, "{made:?}");
    let path = home.path().join("shop").display().to_string();
    let app =
        TestApp::start(&config(&format!("deployments = {{ git = \"{path}\", branch = \"main\" }}\n"))).await;
    let doctor = app.blocks(&["doctor"]).await;
    assert!(doctor.stdout.contains("deployments of shop"), "{doctor:?}");
    assert!(doctor.stdout.contains("the newest is ") && doctor.stdout.contains("by ana (Git)"), "{doctor:?}");
    let declared = app.blocks(&["incident", "declare", "the shop is slow", "--service", "shop"]).await;
    assert_eq!(declared.code, 0, "{declared:?}");
    let lines =
        shown(&app, "the commit is shown", |lines| lines.iter().any(|line| line.contains("(Git)"))).await;
    assert!(lines.iter().any(|line| line.contains(": faster <!here> by ana (Git)")), "{lines:#?}");
}
