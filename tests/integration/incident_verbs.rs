//! The verbs of incidents with the real binary: in Slack, a shell, the API and the unix socket.

use blocks_tests::{
    AppConfig, ROLES_OF_BOTH, TestApp, ephemerals, messages_with_key, text, timeline_types, until,
};
use serde_json::{Value, json};

fn config() -> AppConfig {
    let people = vec![ROLES_OF_BOTH[0], ROLES_OF_BOTH[1], ("cat", "\"scribe\"")];
    AppConfig { people, triage: None, ..AppConfig::default() }
}

/// Types in Slack, and waits for the answer that only this person sees.
async fn told(app: &TestApp, user: &str, channel: &str, line: &str, wanted: &str) -> String {
    let before = ephemerals(&app.state().await, user).len();
    let answer = app.slash(user, channel, line).await;
    assert_eq!(answer["http_status"], 200, "{line}: {answer}");
    app.state_when(&format!("{user} is told of `{line}`: {wanted}"), |state| {
        ephemerals(state, user).into_iter().skip(before).find(|said| said.contains(wanted))
    })
    .await
}

fn channel_named<'a>(state: &'a Value, id: &str) -> Option<&'a Value> {
    state["slack"]["channels"].as_array()?.iter().find(|channel| channel["id"] == id)
}

#[tokio::test]
async fn an_incident_is_declared_and_led_in_slack_alone() {
    let app = TestApp::start(&config()).await;
    let said =
        told(&app, "U0ANA", "C0INCIDENTS", "declare checkout’s slow –severity P1", "INC-1 is open as P1")
            .await;
    assert!(said.contains("the steps of P1 call people"), "{said}");
    let shown = app
        .incident_when("INC-1", "its card is posted", |shown| {
            timeline_types(shown).contains(&"card_posted".to_owned())
        })
        .await;
    assert_eq!(shown["title"], "checkout’s slow");
    let here = text(&shown["channel"]);
    told(&app, "U0ANA", &here, "", "takes it: nobody commands yet").await;
    told(&app, "U0ANA", &here, "ack", "You have it").await;
    told(&app, "U0ANA", &here, "role commander <@U0BEN|ben>", "INC-1: ben commands from now on.").await;
    told(&app, "U0ANA", &here, "role scribe @ana", "ana is scribe").await;
    let update = "update “half of the orders pass” &amp; we watch it <!channel>";
    told(&app, "U0BEN", &here, update, "The next one is due by").await;
    told(&app, "U0BEN", &here, "timeline add it’s the provider", "It is on the timeline.").await;
    told(&app, "U0BEN", &here, "action add alert on p95 –owner <@U0ANA|ana> –due 5d", "on the record").await;
    told(&app, "U0BEN", &here, "action list", "1. alert on p95 (ana, due 20").await;
    told(&app, "U0BEN", &here, "statsu", "did you mean `status").await;
    let status = told(&app, "U0BEN", &here, "status", "P1 INC-1 acknowledged").await;
    assert!(status.contains("commander: ben") && status.contains("last update:"), "{status}");
    let caught = told(&app, "U0ANA", &here, "catch-up", "commander: ben").await;
    assert!(caught.lines().count() <= 14 && caught.contains("noted:"), "{caught}");
    told(&app, "U0ANA", &here, "oncall", "INC-1: ben commands").await;
    // the card says it, and nothing that was typed pings anybody
    app.state_when("the card shows the update", |state| {
        let (_, card) = messages_with_key(state, "card/").into_iter().next()?;
        let shown = card["blocks"].to_string();
        let is_there = shown.contains("*Last update:*") && shown.contains("*Next update:*");
        (is_there && shown.contains("*Commander:* ben") && shown.contains("@channel")).then_some(())
    })
    .await;
    assert!(!app.state().await["slack"]["channels"].to_string().contains("<!channel>"));
    // strangers learn nothing and change nothing
    for line in ["declare x", "status", "update x", "reopen x", "catch-up", ""] {
        assert_eq!(app.raw_slash("U0STRANGER", &here, line, blocks_tests::unix_now()).await.status, 200);
    }
    told(&app, "U0BEN", &here, "resolve", "you vouch").await;
    let shown = app
        .incident_when("INC-1", "it is resolved and reviewed", |shown| {
            shown["status"] == "resolved" && shown["review_file"].is_string()
        })
        .await;
    let review = app.log(&format!("incidents/{}", text(&shown["review_file"])));
    for wanted in [
        "alert on p95",
        "update for people outside: half of the orders pass & we watch it @channel"
            .replace('&', "\\&")
            .as_str(),
    ] {
        assert!(review.contains(wanted), "{wanted}: {review}");
    }
    told(&app, "U0ANA", &here, "reopen it fails again", "INC-1: It is open again.").await;
    told(&app, "U0ANA", &here, "not-an-incident it was a drill", "closed as no incident").await;
    let shown = app.incident("INC-1").await;
    assert_eq!(
        (&shown["status"], &shown["ended"]),
        (&json!("closed"), &json!("not an incident: it was a drill"))
    );
    assert_eq!(shown["end"]["as"], "not_an_incident");
    until("the strangers are dealt with", async || {
        (app.sql("SELECT count(*) FROM inbox WHERE state = 'pending'") == 0).then_some(())
    })
    .await;
    let all = app.blocks_json(&["incident", "list", "--all"]).await;
    assert_eq!(all["incidents"].as_array().map(Vec::len), Some(1), "{all}");
    app.assert_journal_verifies().await;
}

#[tokio::test]
async fn a_shell_the_socket_and_the_api_say_the_same() {
    let app = TestApp::start(&config()).await;
    let (ana, cat) = (app.token("ana").await, app.token("cat").await);
    let service = app.secrets["BLOCKS_API_TOKEN"].clone();
    // the user of this machine, over the socket
    let declared = app.blocks(&["declare", "checkout", "is", "slow", "--severity", "p3"]).await;
    assert_eq!(declared.code, 0, "{declared:?}");
    assert!(
        declared.stdout.contains("INC-1 is open as P3") && declared.stdout.contains("`blocks ack INC-1`"),
        "{declared:?}"
    );
    // a program declares, and decides nothing
    let asked = app.api(Some(&service), json!({ "request": "incident_declare", "title": "the same" })).await;
    assert_eq!((asked.status, &asked.json()["data"]["number"]), (200, &json!(2)), "{asked:?}");
    for request in [
        json!({ "request": "incident_update", "incident": "INC-1", "text": "x" }),
        json!({ "request": "timeline_add", "incident": "INC-1", "text": "x" }),
        json!({ "request": "incident_none", "incident": "INC-1", "reason": "x" }),
        json!({ "request": "incident_merge", "incident": "INC-2", "into": "INC-1" }),
        json!({ "request": "action_add", "incident": "INC-1", "text": "x" }),
    ] {
        assert_eq!(app.api(Some(&service), request.clone()).await.status, 403, "{request}");
    }
    let status = json!({ "request": "incident_status", "incident": "INC-1" });
    assert_eq!(app.api(Some(&service), status).await.json()["data"]["severity"], "P3");
    // a scribe writes, and decides nothing
    let note = json!({ "request": "timeline_add", "incident": "INC-1", "text": "two\nlines" });
    assert_eq!(app.api(Some(&cat), note).await.status, 200);
    let merge = json!({ "request": "incident_merge", "incident": "INC-2", "into": "INC-1" });
    assert_eq!(app.api(Some(&cat), merge.clone()).await.status, 403);
    assert_eq!(app.api(Some(&ana), merge.clone()).await.status, 200);
    assert_eq!(app.api(Some(&ana), merge).await.status, 409, "it is over");
    for (number, word) in [("INC-1", "merged_from"), ("INC-2", "merged_into")] {
        let shown = app.incident(number).await;
        assert!(timeline_types(&shown).contains(&word.to_owned()), "{shown}");
    }
    for (words, code, wanted) in [
        (vec!["merge", "INC-2"], 2, "merge INC-2 into INC-1"),
        (vec!["role", "boss", "ana"], 2, "`boss` is no role"),
        (vec!["role", "scribe", "me", "INC-1"], 2, "nobody in blocks.toml"),
        (vec!["reopen", "INC-1", "x"], 3, "it is not over"),
        (vec!["status", "flows"], 2, "there is no incident 'flows'"),
        (vec!["action", "done", "7", "INC-1"], 3, "has no action 7"),
        (vec!["action", "add", "x", "--due", "yesterday"], 2, "is no date"),
    ] {
        let finished = app.blocks(&words).await;
        assert!(finished.stderr.contains(wanted), "{words:?}: {finished:?}");
        assert_eq!(finished.code, code, "{words:?}: {finished:?}");
    }
    let added = app.blocks(&["action", "add", "alert on p95", "--owner", "ana", "--due", "2w"]).await;
    assert_eq!(added.code, 0, "{added:?}");
    let list = app.blocks_json(&["action", "list"]).await;
    assert_eq!((&list["actions"][0]["owner"], &list["actions"][0]["done_at"]), (&json!("ana"), &Value::Null));
    assert_eq!(app.blocks(&["action", "done", "1"]).await.code, 0);
    assert_eq!(app.blocks_json(&["action", "list", "--all"]).await["actions"], json!([]));
    assert_eq!(app.blocks(&["role", "scribe", "cat"]).await.code, 0);
    let shown = app.blocks(&["incident", "show", "INC-1"]).await;
    for wanted in ["cat is scribe", "INC-2, the same", "action 1", "two lines"] {
        assert!(shown.stdout.contains(wanted), "{wanted}: {shown:?}");
    }
    let menu = app.blocks(&["menu"]).await;
    assert!(menu.stdout.contains("`blocks ack`") && !menu.stdout.contains("/blocks"), "{menu:?}");
    app.assert_journal_verifies().await;
}

/// With no engine what is on record can be read, and nothing is changed behind Slack's and PagerDuty's back.
#[tokio::test]
async fn without_an_engine_it_is_read_and_not_changed() {
    let mut app = TestApp::start(&config()).await;
    assert_eq!(app.blocks(&["declare", "checkout is slow"]).await.code, 0);
    assert_eq!(app.blocks(&["update", "we look at it"]).await.code, 0);
    app.end_server().await;
    // the configuration names people before anything is on record
    let alone = app.blocks_json(&["oncall"]).await;
    assert_eq!(alone["roles"]["scribe"], json!(["cat"]), "{alone}");
    for (words, wanted) in [
        (vec!["status"], "P2 INC-1 triggered: checkout is slow"),
        (vec!["catch-up", "INC-1"], "people outside were told:"),
        (vec!["oncall"], "commander: ana"),
        (vec!["menu"], "`blocks ack`"),
        (vec!["action", "list"], "nothing is to be done"),
    ] {
        let finished = app.blocks(&words).await;
        assert_eq!(finished.code, 0, "{words:?}: {finished:?}");
        assert!(finished.stdout.contains(wanted), "{words:?}: {finished:?}");
    }
    for words in [
        vec!["declare", "x"],
        vec!["update", "x"],
        vec!["reopen", "x"],
        vec!["not-an-incident", "x"],
        vec!["merge", "INC-2", "into", "INC-1"],
        vec!["role", "scribe", "ana"],
        vec!["timeline", "add", "x"],
        vec!["action", "done", "1"],
    ] {
        let finished = app.blocks(&words).await;
        assert!(finished.code == 3 && finished.stderr.contains("blocks serve"), "{words:?}: {finished:?}");
    }
}

#[tokio::test]
async fn a_private_incident_has_a_private_channel_and_stands_nowhere_else() {
    let app = TestApp::start(&config()).await;
    told(&app, "U0BEN", "C0INCIDENTS", "declare keys are on a public page –private", "private: keys are")
        .await;
    let shown = app
        .incident_when("INC-1", "its card is posted", |shown| {
            timeline_types(shown).contains(&"card_posted".to_owned())
        })
        .await;
    let here = text(&shown["channel"]);
    let state = app.state().await;
    let channel = channel_named(&state, &here).cloned().unwrap_or_default();
    assert_eq!(channel["is_private"], true, "{channel}");
    let others =
        state["slack"]["channels"].as_array().unwrap().iter().filter(|other| other["id"] != here.as_str());
    for other in others {
        assert!(!other["messages"].to_string().contains("keys are on a public page"), "{other}");
    }
    let members = channel["members"].to_string();
    assert!(
        members.contains("U0BEN") && members.contains("U0ANA"),
        "who declared it, and the commanders: {members}"
    );
    assert!(!members.contains("U0CAT"), "{members}");
}

/// PagerDuty is told of what happens here, and what it tells of that changes nothing.
#[tokio::test]
async fn pagerduty_is_told_and_does_not_echo() {
    let app = TestApp::start(&config()).await;
    let ana = app.token("ana").await;
    let page = app.page("Flow failures").await;
    app.acknowledged(&page).await;
    app.incident_when("INC-1", "it is open", |shown| shown["channel"].is_string()).await;
    let at_pager = |state: &Value| {
        let all = state["pagerduty"]["incidents"].as_array().cloned().unwrap_or_default();
        all.into_iter().find(|incident| incident["id"] == page.as_str()).unwrap_or_default()
    };
    let none = json!({ "request": "incident_none", "incident": "INC-1", "reason": "a load test" });
    assert_eq!(app.api(Some(&ana), none).await.status, 200);
    app.state_when("PagerDuty has it as resolved, with a note", |state| {
        let incident = at_pager(state);
        let noted =
            incident["notes"].to_string().contains("closed in Blocks as no incident, by ana: a load test");
        (incident["status"] == "resolved" && noted).then_some(())
    })
    .await;
    let reopen = json!({ "request": "incident_reopen", "incident": "INC-1", "reason": "it was none" });
    assert_eq!(app.api(Some(&ana), reopen).await.status, 200);
    app.state_when("PagerDuty is told of that", |state| {
        at_pager(state)["notes"]
            .to_string()
            .contains("open again in Blocks, by ana: it was none")
            .then_some(())
    })
    .await;
    // every webhook about it has come back
    app.state_when("nothing is on its way", |state| {
        (state["pagerduty"]["webhooks_queued"] == 0).then_some(())
    })
    .await;
    until("all are dealt with", async || {
        (app.sql("SELECT count(*) FROM inbox WHERE state = 'pending'") == 0).then_some(())
    })
    .await;
    let shown = app.incident("INC-1").await;
    assert_eq!(shown["status"], "triggered", "{shown}");
    let echoes =
        shown["timeline"].as_array().unwrap().iter().filter(|entry| entry["event"]["what"] == "note");
    assert_eq!(echoes.count(), 0, "{shown}");
    let resolve = json!({ "request": "incident_resolve", "incident": "INC-1" });
    assert_eq!(app.api(Some(&ana), resolve).await.status, 200);
    app.incident_when("INC-1", "a person's word ends it", |shown| shown["status"] == "resolved").await;
    app.assert_journal_verifies().await;
}
