//! `kill -9` of the server at the worst moments. Nothing acknowledged is lost, nothing is done twice by itself.

use std::collections::BTreeMap;

use blocks_tests::{
    AppConfig, TestApp, button, channels_of_incidents, holds_for_a_while, messages_with_key, run_status,
    text, timeline_types, until,
};
use serde_json::{Value, json};

/// One card per incident, one channel per incident, and nothing else.
#[track_caller]
fn assert_one_of_each(state: &Value, incidents: usize) {
    let mut cards = BTreeMap::<String, u32>::new();
    for (_, message) in messages_with_key(state, "card/") {
        *cards.entry(text(&message["metadata"]["event_payload"]["key"])).or_default() += 1;
    }
    assert_eq!(cards.len(), incidents, "one card for each incident: {cards:?}");
    assert!(cards.values().all(|count| *count == 1), "a card is there twice: {cards:?}");
    let channels = channels_of_incidents(state);
    assert_eq!(channels.len(), incidents, "one channel for each incident: {channels:?}");
}

/// Quick diagnostics, so that the crashes fall on messages.
fn quick_triage() -> AppConfig {
    let text = "---\ntitle: Look\nservice: flowengine\n---\n# Look\n\n## Look once\n\n```bash {effect=read}\necho fine\n# Expected: \"fine\"\n```\n";
    AppConfig { triage: Some("look"), runbooks: vec![("look", text.to_owned())], ..AppConfig::default() }
}

#[tokio::test]
async fn killed_between_acknowledge_and_card_the_card_appears_once() {
    let mut app = TestApp::start(&quick_triage()).await;
    app.control("faults", json!({ "slack": "down" })).await;
    let page = app.page("Flow failures").await;
    app.acknowledged(&page).await;
    app.kill_9().await;
    assert_one_of_each(&app.state().await, 0);
    app.control("faults", json!({ "slack": "ok" })).await;
    app.start_server().await;
    app.state_when("the card is there", |state| messages_with_key(state, "card/").pop()).await;
    app.incident_when("INC-1", "the diagnostics ended", |shown| !shown["triage"].is_null()).await;
    app.outbox_is_empty().await;
    assert_one_of_each(&app.state().await, 1);
    app.assert_journal_verifies().await;
}

/// The call arrived at Slack and its answer was lost with the process: the hardest place for "exactly one".
async fn killed_while_slack_has_done(method: &str, receipt: &str, is_done: impl Fn(&Value) -> bool) {
    let mut app = TestApp::start(&AppConfig { slack_proxy: true, ..quick_triage() }).await;
    let proxy = app.proxy.clone().unwrap();
    proxy.lose_answers_to(method);
    let page = app.page("Flow failures").await;
    app.acknowledged(&page).await;
    app.state_when(&format!("Slack has done {method}"), |state| is_done(state).then_some(())).await;
    app.kill_9().await;
    let recorded =
        app.sql(&format!("SELECT count(*) FROM events WHERE CAST(bytes AS TEXT) LIKE '%\"{receipt}\"%'"));
    assert_eq!(recorded, 0, "the receipt must not be known, or this shows nothing");
    proxy.mend();
    app.start_server().await;
    app.incident_when("INC-1", "the diagnostics ended", |shown| !shown["triage"].is_null()).await;
    app.outbox_is_empty().await;
    assert_one_of_each(&app.state().await, 1);
    let recorded = timeline_types(&app.incident("INC-1").await);
    assert_eq!(recorded.iter().filter(|kind| *kind == receipt).count(), 1, "{recorded:?}");
    app.assert_journal_verifies().await;
}

#[tokio::test]
async fn killed_after_slack_took_the_card_and_before_the_receipt_there_is_still_one() {
    killed_while_slack_has_done("chat.postMessage", "card_posted", |state| {
        !messages_with_key(state, "card/").is_empty()
    })
    .await;
}

#[tokio::test]
async fn killed_after_slack_made_the_channel_and_before_the_receipt_there_is_still_one() {
    killed_while_slack_has_done("conversations.create", "channel_opened", |state| {
        !channels_of_incidents(state).is_empty()
    })
    .await;
}

fn slack_calls(state: &Value) -> usize {
    state["slack"]["calls"].as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn killed_at_many_points_between_page_and_card_there_is_one_card_each() {
    let mut app = TestApp::start(&quick_triage()).await;
    for (round, calls) in (0..6).enumerate() {
        let before = slack_calls(&app.state().await);
        let page = app.page(&format!("Page {round}")).await;
        // The first is killed before the webhook came (PagerDuty sends it again), each next one a Slack call later, or
        // a few; nothing depends on which call it is.
        until("Slack was called that often", async || {
            (slack_calls(&app.state().await) >= before + calls).then_some(())
        })
        .await;
        app.kill_9().await;
        app.start_server().await;
        app.acknowledged(&page).await;
        let number = format!("INC-{}", round + 1);
        app.incident_when(&number, "the diagnostics ended", |shown| !shown["triage"].is_null()).await;
        app.outbox_is_empty().await;
        assert_one_of_each(&app.state().await, round + 1);
        app.assert_journal_verifies().await;
    }
}

/// A change that leaves a trace and then waits; every wait also ends when the test's folder goes.
const CHANGE: &str = r#"---
title: Change it
service: flowengine
lock: flowengine
---
# Change it

## Step 1: Change

```bash {name=change effect=once timeout=300s}
echo changed >> effects
while [ ! -e gate ] && [ -d "$PWD" ]; do sleep 0.05; done
echo "the change is made"
# Expected: "the change is made"
```

## Step 2: Look

```bash {name=look effect=read}
echo looked >> looks
echo good
# Expected: "good"
```
"#;

/// A run of [`CHANGE`] that was asked for by ana and approved by ben, killed in the middle of its change.
struct CutOff {
    app: TestApp,
    ana: String,
    ben: String,
    run: String,
}

/// In the middle of its change.
async fn under_way() -> CutOff {
    under_way_with(CHANGE).await
}

async fn under_way_with(runbook: &str) -> CutOff {
    let app = TestApp::start(&AppConfig::with_rollback(runbook)).await;
    let (ana, ben) = (app.token("ana").await, app.token("ben").await);
    let asked = app
        .api(Some(&ana), json!({ "request": "runbook_rollback", "service": "flowengine", "params": {} }))
        .await;
    assert_eq!(asked.status, 200, "{asked:?}");
    let run = text(&asked.json()["data"]["id"]);
    assert_eq!(asked.json()["data"]["status"], "waiting_for_approval", "{asked:?}");
    assert_eq!(app.effects("effects"), 0, "nothing runs before the approval");
    let yes = app.approve(&ben, &run).await;
    assert_eq!(yes.status, 200, "{yes:?}");
    until("the change has begun", async || (app.effects("effects") == 1).then_some(())).await;
    CutOff { app, ana, ben, run }
}

/// Killed together with its supervisor, as a container's end does it.
async fn cut_off() -> CutOff {
    let mut cut = under_way().await;
    cut.app.kill_9().await;
    cut.app.kill_supervisor_9(&cut.run);
    cut.app.assert_journal_verifies().await;
    cut.app.start_server().await;
    cut.app.run_when(&cut.run, "in_doubt").await;
    cut
}

impl CutOff {
    async fn ask(&self, token: &str, request: &str) -> blocks_tests::Answer {
        self.app.api(Some(token), json!({ "request": request, "run": self.run })).await
    }

    async fn status(&self) -> Value {
        self.app.blocks_json(&["runbook", "status", &self.run]).await["status"].clone()
    }
}

#[tokio::test]
async fn a_change_goes_on_without_the_server_and_its_end_is_heard() {
    // Before the server is there again, and after.
    for ends_alone in [true, false] {
        let mut cut = under_way().await;
        cut.app.kill_9().await;
        if ends_alone {
            cut.app.open_gate("gate");
            let outcome = cut.app.dir.join("data/runs").join(&cut.run).join("1.outcome");
            until("the change has ended", async || outcome.exists().then_some(())).await;
        }
        cut.app.start_server().await;
        if !ends_alone {
            let app = &cut.app;
            holds_for_a_while("the change goes on", async || {
                cut.status().await == "running" && app.effects("effects") == 1 && app.effects("looks") == 0
            })
            .await;
            // And through another crash.
            cut.app.kill_9().await;
            cut.app.start_server().await;
            cut.app.open_gate("gate");
        }
        let shown = cut.app.run_when(&cut.run, "succeeded").await;
        assert_eq!(shown["steps"][0]["status"], "passed", "{shown}");
        assert_eq!((cut.app.effects("effects"), cut.app.effects("looks")), (1, 1), "nothing is done twice");
        cut.app.assert_journal_verifies().await;
    }
}

#[tokio::test]
async fn a_change_whose_supervisor_alone_is_killed_is_in_doubt() {
    let cut = under_way().await;
    cut.app.kill_supervisor_9(&cut.run);
    cut.app.run_when(&cut.run, "in_doubt").await;
    cut.app.open_gate("gate");
    let app = &cut.app;
    holds_for_a_while("in doubt, one effect", async || {
        cut.status().await == "in_doubt" && app.effects("effects") == 1 && app.effects("looks") == 0
    })
    .await;
}

#[tokio::test]
async fn a_change_that_goes_on_can_be_cancelled_by_the_next_server() {
    let mut cut = under_way().await;
    cut.app.kill_9().await;
    cut.app.start_server().await;
    let cancelled = cut.ask(&cut.ana, "runbook_cancel").await;
    assert_eq!(cancelled.status, 200, "{cancelled:?}");
    cut.app.run_when(&cut.run, "cancelled").await;
    let outcome = cut.app.dir.join("data/runs").join(&cut.run).join("1.outcome");
    until("the change is ended", async || outcome.exists().then_some(())).await;
    assert!(cut.app.log(&format!("data/runs/{}/1.outcome", cut.run)).contains("cancelled"));
}

#[tokio::test]
async fn a_change_that_was_cut_off_is_in_doubt_asked_and_never_repeated() {
    let mut cut = cut_off().await;
    // It is asked in Slack, with the ways out as buttons.
    cut.app
        .state_when("the question is in Slack", |state| {
            let mut messages = messages_with_key(state, "plan/");
            messages.extend(messages_with_key(state, "progress/"));
            messages.iter().find(|(_, message)| button(message, "blocks:mark_done").is_some()).map(|_| ())
        })
        .await;
    let shown = cut.app.blocks_json(&["runbook", "status", &cut.run]).await;
    assert_eq!(shown["steps"][0]["status"], "in_doubt", "{shown}");
    // A yes to what asks for no yes changes nothing, neither does another crash, neither does its own late end.
    let answered = cut
        .app
        .api(Some(&cut.ana), json!({ "request": "runbook_answer", "run": cut.run, "yes": true }))
        .await;
    assert_eq!(answered.status, 409, "doubt is no question for yes or no: {answered:?}");
    cut.app.kill_9().await;
    cut.app.start_server().await;
    cut.app.open_gate("gate");
    let app = &cut.app;
    holds_for_a_while("in doubt, one effect", async || {
        cut.status().await == "in_doubt" && app.effects("effects") == 1 && app.effects("looks") == 0
    })
    .await;
    // A person who looked lets it go on; the change is not made again.
    let done = cut.ask(&cut.ana, "runbook_mark_done").await;
    assert_eq!(done.status, 200, "{done:?}");
    app.run_when(&cut.run, "succeeded").await;
    assert_eq!((app.effects("effects"), app.effects("looks")), (1, 1));
    app.assert_journal_verifies().await;
}

#[tokio::test]
async fn repeating_a_change_that_may_have_happened_wants_a_fresh_approval() {
    let cut = cut_off().await;
    let ordered = cut.ask(&cut.ana, "runbook_retry").await;
    assert_eq!(ordered.json()["data"]["status"], "waiting_for_approval", "{ordered:?}");
    let own = cut.app.approve(&cut.ana, &cut.run).await;
    assert_eq!(own.status, 409, "who orders it does not approve it: {own:?}");
    assert_eq!((cut.status().await, cut.app.effects("effects")), (json!("waiting_for_approval"), 1));
    let yes = cut.app.approve(&cut.ben, &cut.run).await;
    assert_eq!(yes.status, 200, "{yes:?}");
    until("the change is made again", async || (cut.app.effects("effects") == 2).then_some(())).await;
    cut.app.open_gate("gate");
    cut.app.run_when(&cut.run, "succeeded").await;
    assert_eq!(cut.app.effects("effects"), 2);
    cut.app.assert_journal_verifies().await;
}

#[tokio::test]
async fn a_read_command_that_was_cut_off_runs_again_by_itself() {
    let text = "---\ntitle: Look\nservice: flowengine\n---\n# Look\n\n## Look\n\n```bash {effect=read timeout=300s}\necho looked >> looks\nwhile [ ! -e gate ] && [ -d \"$PWD\" ]; do sleep 0.05; done\necho fine\n# Expected: \"fine\"\n```\n";
    let config = AppConfig {
        triage: None,
        approvals: 0,
        runbooks: vec![("look", text.to_owned())],
        ..AppConfig::default()
    };
    let mut app = TestApp::start(&config).await;
    let ana = app.token("ana").await;
    let asked = app.api(Some(&ana), json!({ "request": "runbook_run", "name": "look", "params": {} })).await;
    assert_eq!(asked.json()["data"]["status"], "running", "looking needs nobody's yes: {asked:?}");
    let run = blocks_tests::text(&asked.json()["data"]["id"]);
    until("it looks", async || (app.effects("looks") == 1).then_some(())).await;
    app.kill_9().await;
    app.kill_supervisor_9(&run);
    app.start_server().await;
    until("it looks again", async || (app.effects("looks") == 2).then_some(())).await;
    app.open_gate("gate");
    app.run_when(&run, "succeeded").await;
    app.assert_journal_verifies().await;
}

/// A change that takes no order to end, and an undo that tells whether the change still lives.
const STUBBORN: &str = r#"---
title: Change it
service: flowengine
lock: flowengine
---
# Change it

## Change

```bash {name=change effect=once timeout=300s}
trap '' TERM
echo $$ > alive
echo changed >> effects
while [ ! -e gate ] && [ -d "$PWD" ]; do sleep 0.05; done
```

```bash {undo effect=idempotent}
if kill -0 "$(cat alive)"; then echo beside >> undone; else echo alone >> undone; fi
```
"#;

/// The intent of the undo is on disk while what was cancelled is still being ended: the next server begins nothing beside it.
#[tokio::test]
async fn after_a_restart_nothing_begins_beside_what_is_still_being_ended() {
    let mut cut = under_way_with(STUBBORN).await;
    assert_eq!(cut.ask(&cut.ana, "runbook_cancel").await.status, 200);
    let undo = cut.ask(&cut.ana, "runbook_undo").await;
    assert_eq!(undo.status, 200, "{undo:?}");
    let intents = "SELECT count(*) FROM events WHERE CAST(bytes AS TEXT) LIKE '%\"command_started\"%'";
    until("the intent of the undo is on disk", async || (cut.app.sql(intents) == 2).then_some(())).await;
    assert_eq!(cut.app.effects("undone"), 0, "it waits, or this shows nothing");
    cut.app.kill_9().await;
    cut.app.start_server().await;
    cut.app.run_when(&cut.run, "undone").await;
    assert_eq!(cut.app.log("runbooks/undone"), "alone\n");
    cut.app.assert_journal_verifies().await;
}

#[tokio::test]
async fn told_to_end_the_server_finishes_what_is_under_way() {
    let mut app = TestApp::start(&AppConfig::with_rollback(CHANGE)).await;
    let (ana, ben) = (app.token("ana").await, app.token("ben").await);
    let asked = app
        .api(Some(&ana), json!({ "request": "runbook_rollback", "service": "flowengine", "params": {} }))
        .await;
    let run = text(&asked.json()["data"]["id"]);
    app.approve(&ben, &run).await;
    until("the change has begun", async || (app.effects("effects") == 1).then_some(())).await;
    let (gate, log) = (app.dir.join("runbooks/gate"), app.dir.join("server.log"));
    let opening = async {
        until("the server is told to stop", async || {
            std::fs::read_to_string(&log).is_ok_and(|log| log.contains("stopping: ")).then_some(())
        })
        .await;
        std::fs::write(&gate, "").unwrap();
    };
    let (code, ()) = tokio::join!(app.end_server(), opening);
    assert_eq!(code, 0);
    app.start_server().await;
    app.run_when(&run, "succeeded").await;
    assert_eq!((app.effects("effects"), app.effects("looks")), (1, 1), "what was finished is not in doubt");
}

#[tokio::test]
async fn while_a_change_is_in_doubt_its_incident_is_not_over_and_a_button_decides() {
    let mut app = TestApp::start(&AppConfig::with_rollback(CHANGE)).await;
    let page = app.page("Flow failures").await;
    app.acknowledged(&page).await;
    let shown = app.incident_when("INC-1", "its channel is open", |shown| shown["channel"].is_string()).await;
    let channel = text(&shown["channel"]);
    app.slash("U0ANA", &channel, "runbook rollback flowengine").await;
    let (_, plan) = app.plan().await;
    app.click("U0BEN", &channel, &text(&plan["ts"]), "blocks:approve").await;
    until("the change has begun", async || (app.effects("effects") == 1).then_some(())).await;
    app.kill_9().await;
    let run = text(&app.blocks_json(&["runbook", "status"]).await["id"]);
    app.kill_supervisor_9(&run);
    app.start_server().await;
    app.incident_when("INC-1", "the change is in doubt", |shown| run_status(shown) == "in_doubt").await;
    let question = app
        .state_when("the question is in Slack", |state| {
            let mut messages = messages_with_key(state, "plan/");
            messages.extend(messages_with_key(state, "progress/"));
            messages
                .into_iter()
                .map(|(_, message)| message)
                .find(|message| button(message, "blocks:mark_done").is_some())
        })
        .await;
    // PagerDuty says that it is over; the open question says that it is not.
    app.control(&format!("pagerduty/incidents/{page}/resolve"), json!({ "user": "ana@example.com" })).await;
    app.slash("U0ANA", &channel, "incident resolve").await;
    app.raw_click("U0STRANGER", &channel, &question, "blocks:mark_done").await;
    until("all are dealt with", async || {
        (app.sql("SELECT count(*) FROM inbox WHERE state = 'pending'") == 0).then_some(())
    })
    .await;
    holds_for_a_while("in doubt and not over", async || {
        let shown = app.incident("INC-1").await;
        run_status(&shown) == "in_doubt" && shown["resolved_at"].is_null() && shown["review_file"].is_null()
    })
    .await;
    app.click("U0ANA", &channel, &text(&question["ts"]), "blocks:mark_done").await;
    app.incident_when("INC-1", "the run went on", |shown| run_status(shown) == "succeeded").await;
    assert_eq!((app.effects("effects"), app.effects("looks")), (1, 1));
    app.open_gate("gate");
    app.assert_journal_verifies().await;
}

/// `blocks runbook recover` where no server runs.
#[tokio::test]
async fn a_terminal_takes_up_what_a_server_has_left() {
    let recover = ["runbook", "recover", "-o", "json"];
    // Its supervisor lives, and then not.
    for (lives, status, step, code) in [(true, "succeeded", "passed", 0), (false, "in_doubt", "in_doubt", 4)]
    {
        let mut cut = under_way().await;
        let beside = cut.app.blocks(&recover).await;
        assert_eq!(beside.json()["runs"][0]["status"], "running", "a server takes care of it: {beside:?}");
        cut.app.kill_9().await;
        if lives {
            cut.app.open_gate("gate");
        } else {
            cut.app.kill_supervisor_9(&cut.run);
        }
        let recovered = cut.app.blocks(&recover).await;
        assert_eq!(recovered.code, code, "{recovered:?}");
        let run = &recovered.json()["runs"][0];
        assert_eq!((&run["id"], &run["status"]), (&json!(cut.run), &json!(status)), "{run}");
        assert_eq!(run["steps"][0]["status"], step, "{run}");
        let reason = run["steps"][0]["reason"].as_str();
        assert_eq!(reason.is_some_and(|reason| reason.contains("its supervisor ended")), !lives, "{run}");
        assert_eq!(cut.app.effects("effects"), 1);
        let again = cut.app.blocks(&recover).await;
        assert_eq!(again.json()["runs"].as_array().map(Vec::len), Some(usize::from(!lives)), "{again:?}");
        cut.app.assert_journal_verifies().await;
    }
}

/// The step's probe is asked before people are: its yes settles the doubt, its no is what they hear.
#[tokio::test]
async fn a_probe_settles_what_it_can_see() {
    for (seen, status) in [("changed", "succeeded"), ("never", "in_doubt")] {
        let probe =
            format!("```bash {{probe effect=read}}\ncat effects\n# Expected: \"{seen}\"\n```\n\n## Step 2");
        let mut cut = under_way_with(&CHANGE.replacen("## Step 2", &probe, 1)).await;
        cut.app.kill_9().await;
        cut.app.kill_supervisor_9(&cut.run);
        cut.app.start_server().await;
        let shown = cut.app.run_when(&cut.run, status).await;
        assert_eq!(cut.app.effects("effects"), 1, "the change is not made again: {shown}");
        assert_eq!(cut.app.effects("looks"), usize::from(status == "succeeded"), "{shown}");
        let recovered = cut.app.blocks_json(&["runbook", "recover"]).await;
        let reason = recovered["runs"][0]["steps"][0]["reason"].as_str().unwrap_or_default().to_owned();
        assert_eq!(
            reason.contains("the probe says that it has not happened"),
            status == "in_doubt",
            "{recovered}"
        );
        cut.app.assert_journal_verifies().await;
    }
}
