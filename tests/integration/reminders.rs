//! Who is asked for what, with the real binary and the sandbox's Slack: one message to one person, held and kept across a
//! restart.
//!
//! The server has the machine's clock, so a page is one of some minutes ago: what is due by now is asked at once. How long
//! things take, and that nothing comes too early, is tested on a clock that tests steer (the engine's own tests).

use blocks_tests::{
    AppConfig, ROLES_OF_BOTH, TestApp, button, ephemerals, holds_for_a_while, messages_with_key, text,
    timeline_types, unix_now, until,
};
use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};

/// A severity of a test's own, in a file beside `blocks.toml`; and that file.
fn config(severity: &str) -> (AppConfig, String) {
    let file = format!(
        "default = \"s\"\n[[scheme]]\nid = \"s\"\nname = \"of a test\"\n[[scheme.severity]]\nid = \"P1\"\nname = \"Critical\"\ndefinition = \"it fails\"\npage = [\"commander\"]\n{severity}\n[[scheme.severity]]\nid = \"P2\"\nname = \"High\"\ndefinition = \"it limps\"\nmttr_target_min = 30\n"
    );
    let people = vec![ROLES_OF_BOTH[0], ROLES_OF_BOTH[1], ("cat", "\"scribe\"]\nduties = [\"product\"")];
    (AppConfig { people, triage: None, severities: Some(file.clone()), ..AppConfig::default() }, file)
}

/// The webhook of a page that was triggered so many minutes ago.
fn paged(id: &str, minutes_ago: i64, title: &str) -> String {
    let at = DateTime::from_timestamp(unix_now() - 60 * minutes_ago, 0).unwrap();
    let at = at.to_rfc3339_opts(SecondsFormat::Millis, true);
    json!({ "event": {
        "id": format!("E-{id}"), "event_type": "incident.triggered", "resource_type": "incident",
        "occurred_at": at, "agent": null, "client": null,
        "data": {
            "id": id, "type": "incident", "number": 7, "status": "triggered", "title": title,
            "html_url": "https://example.pagerduty.com/incidents/Q1", "created_at": at, "urgency": "high",
            "priority": { "id": "PP1", "type": "priority_reference", "summary": "P1" },
            "service": { "id": "PFLOW01", "summary": "flowengine", "type": "service_reference" },
        },
    }})
    .to_string()
}

/// What was asked in Slack: the channel, the message and its text.
fn asks(state: &Value) -> Vec<(String, Value, String)> {
    let found = messages_with_key(state, "ask/").into_iter();
    found
        .map(|(channel, message)| {
            let said = text(&message["blocks"][0]["text"]["text"]);
            (channel, message, said)
        })
        .collect()
}

async fn asked(app: &TestApp, wanted: &str) -> (String, Value, String) {
    app.state_when(&format!("somebody is asked: {wanted}"), |state| {
        asks(state).into_iter().find(|(_, _, said)| said.contains(wanted))
    })
    .await
}

/// When the next look at the incident is due, in seconds from now.
fn next_look_in(app: &TestApp) -> i64 {
    app.sql("SELECT COALESCE(MIN(due), 0) / 1000000 FROM timers WHERE key LIKE 'look/%'") - unix_now()
}

#[tokio::test]
async fn nobody_commands_and_one_person_is_asked_across_restarts() {
    let (config, _) = config("remind_commander_after_min = 2");
    let mut app = TestApp::start(&config).await;
    assert_eq!(app.hook(&paged("Q1", 3, "Flow failures")).await.status, 202);
    let (channel, message, said) = asked(&app, "nobody commands yet").await;
    assert_eq!(
        said,
        "<@U0ANA> INC-1: nobody commands yet, 3 min after detection. `/blocks ack INC-1` takes it."
    );
    let shown = app.incident("INC-1").await;
    assert_eq!(shown["channel"], channel.as_str(), "in the incident's own channel, where it is seen");
    assert!(message["thread_ts"].is_null(), "{message}");
    app.outbox_is_empty().await;
    app.kill_9().await;
    app.start_server().await;
    app.outbox_is_empty().await;
    holds_for_a_while("it is asked once", async || asks(&app.state().await).len() == 1).await;
    let asked =
        timeline_types(&app.incident("INC-1").await).into_iter().filter(|word| word == "asked").count();
    assert_eq!(asked, 1);
    app.assert_journal_verifies().await;
}

#[tokio::test]
async fn a_reminder_that_was_due_while_blocks_was_down_is_asked_when_it_is_back() {
    let (config, _) = config("remind_commander_after_min = 2");
    let mut app = TestApp::start(&config).await;
    assert_eq!(app.hook(&paged("Q1", 0, "Flow failures")).await.status, 202);
    app.incident_when("INC-1", "its card is posted", |shown| {
        timeline_types(shown).contains(&"card_posted".to_owned())
    })
    .await;
    until("the look is set for later", async || (next_look_in(&app) > 60).then_some(())).await;
    app.kill_9().await;
    // it comes back when the time has passed: the test moves the figure, not the machine's clock
    let (_, soon) = self::config("remind_commander_after_min = 0");
    std::fs::write(app.dir.join("severities.toml"), soon).unwrap();
    app.start_server().await;
    let (_, _, said) = asked(&app, "nobody commands yet").await;
    assert!(said.starts_with("<@U0ANA> INC-1:"), "{said}");
    assert_eq!(asks(&app.state().await).len(), 1);
}

#[tokio::test]
async fn a_button_holds_the_reminders_and_a_restart_keeps_that() {
    held_by_a_button("http").await;
}

#[tokio::test]
async fn a_button_holds_the_reminders_over_a_socket() {
    held_by_a_button("socket").await;
}

async fn held_by_a_button(mode: &'static str) {
    let (config, _) =
        config("remind_commander_after_min = 2\nupdate_interval_min = 30\nmay_ask_rollback = [\"product\"]");
    let mut app = TestApp::start_by(mode, config).await;
    assert_eq!(app.hook(&paged("Q1", 40, "Flow failures")).await.status, 202);
    let (channel, message, _) = asked(&app, "nobody commands yet").await;
    assert!(next_look_in(&app) <= 61, "an update is due, and waits for the minute to pass");
    for minutes in [30, 60, 90] {
        assert!(button(&message, &format!("blocks:snooze_{minutes}")).is_some(), "{message}");
    }
    app.click("U0BEN", &channel, &text(&message["ts"]), "blocks:snooze_30").await;
    app.state_when("ben is told", |state| {
        ephemerals(state, "U0BEN").into_iter().find(|said| said.contains("INC-1: Reminders are held until"))
    })
    .await;
    let held = next_look_in(&app);
    assert!((29 * 60..=30 * 60).contains(&held), "nothing is asked for half an hour: {held} s");
    app.kill_9().await;
    app.start_server().await;
    app.outbox_is_empty().await;
    let held = next_look_in(&app);
    assert!((28 * 60..=30 * 60).contains(&held), "{held} s");
    assert_eq!(asks(&app.state().await).len(), 1);
    if mode == "socket" {
        return; // whoever is no person of the sandbox reaches Blocks by a request of the test's own
    }
    // a decision is not held: it only waits for the minute to pass
    let cat = app.raw_slash("U0CAT", &channel, "rollback request orders are lost", unix_now()).await;
    assert_eq!(cat.status, 200, "{cat:?}");
    until("the look is soon", async || (next_look_in(&app) <= 61).then_some(())).await;
    let shown = app.incident("INC-1").await;
    for word in ["reminders_snoozed", "rollback_requested"] {
        assert!(timeline_types(&shown).contains(&word.to_owned()), "{word}: {shown}");
    }
    assert!(shown["runs"].as_array().is_none_or(Vec::is_empty), "nothing is started: {shown}");
    app.assert_journal_verifies().await;
}

#[tokio::test]
async fn an_update_is_asked_for_and_the_card_shows_phase_and_target() {
    let (config, _) = config(
        "mttr_target_min = 600\nupdate_interval_min = 60\nphases = [{ name = \"Detection\", from_min = 0, to_min = 5 }, { name = \"Triage\", from_min = 5, to_min = 700 }]",
    );
    let app = TestApp::start(&config).await;
    assert_eq!(app.hook(&paged("Q1", 310, "Flow failures")).await.status, 202);
    let (channel, message, said) = asked(&app, "`/blocks update TEXT`").await;
    assert!(said.starts_with("<@U0ANA> INC-1: nobody outside has been told anything, 5 h 10 min"), "{said}");
    assert!(button(&message, "blocks:snooze_60").is_some());
    app.state_when("the card shows where it should be", |state| {
        let (_, card) = messages_with_key(state, "card/").into_iter().next()?;
        let shown = card["blocks"].to_string();
        (shown.contains("*Phase:* Triage (5-700 min)") && shown.contains("████░░░░ half of it is used"))
            .then_some(())
    })
    .await;
    app.slash("U0ANA", &channel, "update half of the flows pass").await;
    until("the next one is an hour away", async || {
        (3_500..=3_600).contains(&next_look_in(&app)).then_some(())
    })
    .await;
    assert_eq!(asks(&app.state().await).len(), 1);
}

#[tokio::test]
async fn whoever_wants_no_reminders_is_named_and_not_mentioned() {
    let (config, _) = config("remind_commander_after_min = 2");
    let mut config = config;
    config.people[0].1 = "\"commander\", \"responder\"]\nreminders = false\nduties = [\"primary\"";
    let app = TestApp::start(&config).await;
    assert_eq!(app.hook(&paged("Q1", 3, "Flow failures")).await.status, 202);
    let (_, _, said) = asked(&app, "nobody commands yet").await;
    assert!(said.starts_with("ana: INC-1: nobody commands"), "{said}");
}

#[tokio::test]
async fn without_a_runbook_and_with_data_at_stake_people_are_asked_to_decide() {
    let (mut config, _) = config("ask_without_runbook = [\"product\"]\nrollback_at_once = [\"data loss\"]");
    config.rollback = "";
    let app = TestApp::start(&config).await;
    assert_eq!(app.hook(&paged("Q1", 6, "Flow failures")).await.status, 202);
    let (_, _, said) = asked(&app, "no runbook is there to act with").await;
    assert!(said.starts_with("<@U0CAT> INC-1:") && said.contains("(product: cat)"), "{said}");
    assert_eq!(app.hook(&paged("Q2", 0, "Data loss in orders")).await.status, 202);
    let (_, _, said) = asked(&app, "data or security may be at stake").await;
    assert!(said.starts_with("<@U0ANA> INC-2:") && said.contains("Roll back?"), "{said}");
}
