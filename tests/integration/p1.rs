//! A P1 from the page to the end with the real server: how often it calls somebody, and how little its commander has to do.

use blocks_tests::{
    AppConfig, TestApp, button, client, messages_with_key, pings, rollback_of, run_status, text,
    timeline_types,
};
use serde_json::{Value, json};

/// Messages that call somebody in the first 15 minutes. The same count over 15 minutes of virtual time is a test of the engine.
const MOST_PINGS: usize = 5;
/// Presses of buttons and sent forms of the commander from the page to the running rollback...
const MOST_TAPS: usize = 4;
/// ...or lines typed.
const MOST_LINES: usize = 1;

const COMMANDER: &str = "U0ANA";
const SECOND_PERSON: &str = "U0BEN";

const CARD_BUTTONS: [&str; 3] = ["blocks:card_ack", "blocks:card_rollback", "blocks:card_escalate"];

/// The commander's hands: everything that they do in Slack goes through here, and is counted.
struct Commander<'a> {
    app: &'a TestApp,
    taps: usize,
    lines: usize,
}

impl<'a> Commander<'a> {
    fn new(app: &'a TestApp) -> Commander<'a> {
        Commander { app, taps: 0, lines: 0 }
    }

    async fn types(&mut self, channel: &str, line: &str) {
        self.lines += 1;
        let answer = self.app.slash(COMMANDER, channel, line).await;
        assert_eq!(answer["http_status"], 200, "{line}: {answer}");
    }

    /// Presses a button of the card, once it is there.
    async fn presses(&mut self, action: &str) {
        let (channel, ts) = self
            .app
            .state_when(&format!("the card has {action}"), |state| {
                let cards = messages_with_key(state, "card/");
                let shown = cards.into_iter().find(|(_, card)| button(card, action).is_some());
                shown.map(|(channel, card)| (channel, text(&card["ts"])))
            })
            .await;
        self.taps += 1;
        let answer = self.app.click(COMMANDER, &channel, &ts, action).await;
        assert_eq!(answer["http_status"], 200, "{action}: {answer}");
    }
}

/// A bad version, the page, the diagnostics, the card: the incident's channel.
async fn paged(slack_mode: &'static str) -> (TestApp, String, String) {
    let app = TestApp::start_by(slack_mode, AppConfig::default()).await;
    app.deploy_what_fails().await;
    let page = app.page("Flow failures").await;
    app.acknowledged(&page).await;
    let shown = app
        .incident_when("INC-1", "its diagnostics ended and its card is posted", |shown| {
            !shown["triage"].is_null() && timeline_types(shown).contains(&"card_posted".to_owned())
        })
        .await;
    let channel = text(&shown["channel"]);
    (app, page, channel)
}

/// The other person says yes, and it runs.
async fn approved_and_running(app: &TestApp) {
    let (channel, plan) = app.plan().await;
    let click = app.click(SECOND_PERSON, &channel, &text(&plan["ts"]), "blocks:approve").await;
    assert_eq!(click["http_status"], 200, "{click}");
    let running = ["running", "succeeded"].map(str::to_owned);
    app.incident_when("INC-1", "the rollback runs", |shown| running.contains(&run_status(shown))).await;
}

/// To the end: mitigated, resolved, nothing left to send.
async fn ended(app: &TestApp, channel: &str) {
    app.incident_when("INC-1", "the rollback has helped", |shown| {
        run_status(shown) == "succeeded" && shown["status"] == "monitoring"
    })
    .await;
    assert_eq!(app.slash(COMMANDER, channel, "resolve").await["http_status"], 200);
    app.incident_when("INC-1", "it is resolved", |shown| shown["status"] == "resolved").await;
    app.outbox_is_empty().await;
}

async fn counted(app: &TestApp, commander: (usize, usize), way: &str) -> Vec<String> {
    let all = pings(&app.state().await);
    println!(
        "{way}: {} taps and {} typed lines of the commander from the page to the running rollback (at most {MOST_TAPS}, or {MOST_LINES}); {} pings to the end (at most {MOST_PINGS})",
        commander.0,
        commander.1,
        all.len()
    );
    for ping in &all {
        println!("  {ping}");
    }
    all
}

#[tokio::test]
async fn one_typed_line_is_enough_from_the_page_to_the_rollback() {
    let (app, page, channel) = paged("http").await;
    let mut commander = Commander::new(&app);
    commander.types(&channel, "runbook rollback").await;
    approved_and_running(&app).await;
    let (taps, lines) = (commander.taps, commander.lines);
    // where it rang, whenever there is a moment for it
    app.control(&format!("pagerduty/incidents/{page}/acknowledge"), json!({ "user": "ana@example.com" }))
        .await;
    ended(&app, &channel).await;
    let pings = counted(&app, (taps, lines), "typed").await;
    assert!(taps == 0 && lines <= MOST_LINES, "{taps} taps, {lines} lines");
    assert!(pings.len() <= MOST_PINGS, "{pings:#?}");
    let shown = app.incident("INC-1").await;
    assert_eq!((&shown["commander"], &rollback_of(&shown)["status"]), (&json!("ana"), &json!("succeeded")));
    app.assert_journal_verifies().await;
}

#[tokio::test]
async fn buttons_alone_are_enough_from_the_page_to_the_rollback() {
    by_buttons("http").await;
}

#[tokio::test]
async fn buttons_alone_are_enough_over_a_socket() {
    by_buttons("socket").await;
}

async fn by_buttons(slack_mode: &'static str) {
    let (app, _, channel) = paged(slack_mode).await;
    let mut commander = Commander::new(&app);
    commander.presses("blocks:card_ack").await;
    app.incident_when("INC-1", "ana has it", |shown| shown["commander"] == "ana").await;
    // what is done is offered no longer
    app.state_when("the card has one button less", |state| {
        let (_, card) = messages_with_key(state, "card/").pop()?;
        (button(&card, "blocks:card_ack").is_none() && button(&card, "blocks:card_rollback").is_some())
            .then_some(())
    })
    .await;
    commander.presses("blocks:card_rollback").await;
    approved_and_running(&app).await;
    let (taps, lines) = (commander.taps, commander.lines);
    ended(&app, &channel).await;
    let pings = counted(&app, (taps, lines), "buttons").await;
    assert!(taps <= MOST_TAPS && lines == 0, "{taps} taps, {lines} lines");
    assert!(pings.len() <= MOST_PINGS, "{pings:#?}");
    app.state_when("the card offers nothing any more", |state| {
        let (_, card) = messages_with_key(state, "card/").pop()?;
        let offered = CARD_BUTTONS.iter().any(|id| button(&card, id).is_some());
        (!offered).then_some(())
    })
    .await;
    app.assert_journal_verifies().await;
}

/// The count counts: a message of ours with a mention, posted on purpose, is seen; whoever has no right presses for nothing.
#[tokio::test]
async fn a_mention_too_many_is_counted_and_a_button_gives_no_right() {
    let (app, _, channel) = paged("http").await;
    let before = pings(&app.state().await).len();
    for text in ["<!channel> look", "<@U0ANA> look", "look"] {
        let message = json!({
            "channel": channel, "text": text,
            "metadata": { "event_type": "blocks", "event_payload": { "key": "sabotage" } },
        });
        let url = format!("{}slack/api/chat.postMessage", app.page_url());
        let posted = client().post(url).bearer_auth(&app.secrets["SLACK_BOT_TOKEN"]).json(&message);
        let answer: Value = posted.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["ok"], true, "{answer}");
    }
    assert_eq!(pings(&app.state().await).len(), before + 2);
    // a stranger's press, well signed
    let card = app
        .state_when("the card has each of its buttons", |state| {
            let (_, card) = messages_with_key(state, "card/").pop()?;
            CARD_BUTTONS.iter().all(|id| button(&card, id).is_some()).then_some(card)
        })
        .await;
    for action in CARD_BUTTONS {
        assert_eq!(app.raw_click("U0STRANGER", &channel, &card, action).await.status, 200);
    }
    app.sql_when("SELECT count(*) FROM inbox WHERE state = 'pending'", 0).await;
    let shown = app.incident("INC-1").await;
    assert_eq!((&shown["commander"], run_status(&shown)), (&Value::Null, String::new()), "{shown}");
    assert!(!timeline_types(&shown).contains(&"escalated".to_owned()), "{shown}");
}
