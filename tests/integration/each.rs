//! Each command of chat and each button, end to end: typed and pressed in the sandbox's Slack, over real HTTP and over a real
//! WebSocket, and answered by the real server.

use std::collections::BTreeSet;

use blocks_grammar::{COMMANDS, Surface};
use blocks_tests::{
    AppConfig, ROLES_OF_BOTH, TestApp, button, ephemerals, messages_with_key, text, timeline_types,
};
use serde_json::{Value, json};

const ANA: &str = "U0ANA";

/// A service of whose runbooks one person alone decides, and these runbooks.
fn config() -> AppConfig {
    let runbooks = RUNBOOKS.map(|(name, body)| (name, document(name, body))).to_vec();
    AppConfig {
        // of the severity's steps, ben is the next one
        people: vec![ROLES_OF_BOTH[0], ("ben", "\"responder\"]\nduties = [\"secondary\"")],
        triage: None,
        rollback: "back",
        approvals: 0,
        runbooks,
        more: "[approvals]\nreversible = 0\nirreversible = 0\n".to_owned(),
        ..AppConfig::default()
    }
}

fn document(name: &str, body: &str) -> String {
    let kind = if name == "back" { "kind: rollback\n" } else { "" };
    format!("---\ntitle: The {name} one\nservice: flowengine\n{kind}---\n# The {name} one\n{body}")
}

/// Each ends in one question, and is asked for once: what was decided about may still have its buttons for a moment.
const RUNBOOKS: [(&str, &str); 12] = [
    ("small", "\n## Look\n\n```bash {effect=read}\necho fine\n# Expected: \"fine\"\n```\n"),
    ("check", "\n## Look\n\n```bash {effect=read}\necho fine\n# Expected: the page looks right\n```\n"),
    ("unfit", "\n## Look\n\n```bash {effect=read}\necho fine\n# Expected: the page looks right\n```\n"),
    ("refused", "\n## Act\n\n```bash {effect=once}\nfalse\n```\n"),
    ("late", "\n## Wait\n\n```bash {effect=read until=1s every=1s timeout=60s}\ntest -e late.open\n```\n"),
    (
        "guard",
        "\n## Act\n\n```bash {effect=read}\ncat no-such-file\n# Expected: \"yes\"\n```\n\n```bash {effect=idempotent}\ntouch acted\n```\n",
    ),
    (
        "held",
        "\n## First\n\n```bash {effect=idempotent}\ntouch held.begun\nuntil [ -e held.open ]; do sleep 0.05; done\n```\n\n## Then\n\n```bash {effect=idempotent}\necho then\n```\n",
    ),
    (
        "doubt",
        "\n## Act\n\n```bash {effect=once}\ntouch doubt.begun\nuntil [ -e doubt.open ]; do sleep 0.05; done\n```\n",
    ),
    ("again", "\n## Act\n\n```bash {effect=idempotent}\ntest -e again.open\n```\n"),
    ("fails", "\n## Act\n\n```bash {effect=once}\necho no; false\n```\n"),
    (
        "undone",
        "\n## Act\n\n```bash {effect=once}\ntouch undone.done\n```\n\n```bash {undo effect=once}\nrm undone.done\n```\n\n## Then\n\n```bash {effect=once}\nfalse\n```\n",
    ),
    (
        "back",
        "\n## Act\n\n```bash {effect=once}\ntouch back.done\n```\n\n```bash {undo effect=once}\ntest -e back.open\n```\n\n## Then\n\n```bash {effect=once}\nfalse\n```\n",
    ),
];

/// Waits for an incident's channel.
async fn channel(app: &TestApp, number: &str) -> String {
    let shown = app
        .incident_when(number, "its card is posted", |shown| {
            timeline_types(shown).contains(&"card_posted".to_owned())
        })
        .await;
    text(&shown["channel"])
}

/// Types a line, and waits for what only this person is told.
async fn told(app: &TestApp, channel: &str, line: &str, wanted: &str) {
    let before = ephemerals(&app.state().await, ANA).len();
    let answer = app.slash(ANA, channel, line).await;
    assert_eq!(answer["http_status"], 200, "{line}: {answer}");
    app.state_when(&format!("`{line}` is answered with {wanted}"), |state| {
        ephemerals(state, ANA)
            .into_iter()
            .skip(before)
            .find(|said| said.contains(wanted) && !said.starts_with("Working on"))
    })
    .await;
}

/// The message of this kind about a runbook that has this button.
async fn with_button(app: &TestApp, kind: &str, name: &str, action: &str) -> (String, String, Value) {
    app.state_when(&format!("{kind} of {name} has {action}"), |state| {
        messages_with_key(state, kind).into_iter().find_map(|(channel, message)| {
            let is_about = message["text"].to_string().contains(&format!("The {name} one"));
            let (_, element) = button(&message, action).filter(|_| is_about)?;
            Some((channel, text(&message["ts"]), element))
        })
    })
    .await
}

/// Presses it, with a reason where there is a field for one; the run that it is about.
async fn press(app: &TestApp, kind: &str, name: &str, action: &str) -> String {
    let (channel, ts, element) = with_button(app, kind, name, action).await;
    let body = json!({
        "user": ANA, "channel": channel, "ts": ts, "action_id": action, "fields": { "blocks:reason": "it has to be" },
    });
    let answer = app.control("slack/click", body).await;
    assert_eq!(answer["http_status"], 200, "{name} {action}: {answer}");
    let value: Value = serde_json::from_str(&text(&element["value"])).expect("a button's value is JSON");
    text(&value["run"])
}

async fn asked_for(app: &TestApp, name: &str) {
    assert_eq!(app.slash(ANA, "incidents", &format!("runbook run {name}")).await["http_status"], 200);
}

async fn begun(app: &TestApp, name: &str) -> String {
    asked_for(app, name).await;
    press(app, "plan/", name, "blocks:approve").await
}

async fn file_is_there(app: &TestApp, name: &str) {
    let file = app.dir.join("runbooks").join(name);
    blocks_tests::until(name, async || file.exists().then_some(())).await;
}

async fn each_button(mode: &'static str) {
    let app = TestApp::start_by(mode, config()).await;
    // questions of commands that only look: nobody is asked before
    for (name, action, status) in [("check", "blocks:yes", "succeeded"), ("unfit", "blocks:no", "failed")] {
        asked_for(&app, name).await;
        let run = press(&app, "progress/", name, action).await;
        app.run_when(&run, status).await;
    }
    asked_for(&app, "late").await;
    with_button(&app, "progress/", "late", "blocks:wait_on").await;
    app.open_gate("late.open");
    let run = press(&app, "progress/", "late", "blocks:wait_on").await;
    app.run_when(&run, "succeeded").await;
    // a plan
    asked_for(&app, "refused").await;
    let run = press(&app, "plan/", "refused", "blocks:refuse").await;
    app.run_when(&run, "cancelled").await;
    // what changes something
    begun(&app, "guard").await;
    let run = press(&app, "progress/", "guard", "blocks:go_on").await;
    app.run_when(&run, "succeeded").await;
    let run = begun(&app, "held").await;
    file_is_there(&app, "held.begun").await;
    told(&app, "incidents", &format!("runbook pause {run}"), "The held one").await;
    app.open_gate("held.open");
    assert_eq!(press(&app, "progress/", "held", "blocks:resume").await, run);
    app.run_when(&run, "succeeded").await;
    let run = begun(&app, "doubt").await;
    file_is_there(&app, "doubt.begun").await;
    app.kill_supervisor_9(&run);
    assert_eq!(press(&app, "progress/", "doubt", "blocks:cancel").await, run);
    app.run_when(&run, "cancelled").await;
    let run = begun(&app, "again").await;
    with_button(&app, "progress/", "again", "blocks:retry").await;
    app.open_gate("again.open");
    press(&app, "progress/", "again", "blocks:retry").await;
    app.run_when(&run, "succeeded").await;
    let run = begun(&app, "fails").await;
    press(&app, "progress/", "fails", "blocks:mark_done").await;
    app.run_when(&run, "succeeded").await;
    app.outbox_is_empty().await;
    app.assert_journal_verifies().await;
    // another workspace: in one minute Slack takes no more edits than there were by now
    let app = TestApp::start_by(mode, config()).await;
    let run = begun(&app, "undone").await;
    assert_eq!(press(&app, "progress/", "undone", "blocks:undo").await, run);
    app.run_when(&run, "undone").await;
    // a rollback whose undo fails
    let run = begun(&app, "back").await;
    assert_eq!(press(&app, "progress/", "back", "blocks:go_back").await, run);
    app.run_when(&run, "undo_failed").await;
    press(&app, "progress/", "back", "blocks:put_right").await;
    app.run_when(&run, "undone").await;
    // the card's own beside those of p1.rs
    told(&app, "incidents", "declare the shop is slow --severity P1", "INC-1 is open as P1").await;
    let (channel, card) = app
        .state_when("the card has a button for one more", |state| {
            let mut cards = messages_with_key(state, "card/").into_iter();
            cards.find(|(_, card)| button(card, "blocks:card_escalate").is_some())
        })
        .await;
    let (_, element) = button(&card, "blocks:card_escalate").expect("it was found by that");
    assert_eq!(
        element["confirm"]["confirm"]["text"], "Page them",
        "it asks before it wakes anybody: {element}"
    );
    let answer = app.click(ANA, &channel, &text(&card["ts"]), "blocks:card_escalate").await;
    assert_eq!(answer["http_status"], 200, "{answer}");
    app.incident_when("INC-1", "somebody is asked to come", |shown| {
        timeline_types(shown).contains(&"escalated".to_owned())
    })
    .await;
    app.outbox_is_empty().await;
    app.assert_journal_verifies().await;
}

#[tokio::test]
async fn each_button_over_http() {
    each_button("http").await;
}

#[tokio::test]
async fn each_button_over_a_socket() {
    each_button("socket").await;
}

/// What is typed in the incident's channel, in this order, and what the answer holds. `RUN` is the run that was begun last.
const LINES: &[(&str, &str)] = &[
    ("menu", "takes it: nobody commands yet"),
    ("status", "P1 INC-1 triggered"),
    ("ack", "You have it."),
    ("severity P2", "is P2 now."),
    ("role scribe @ben", "ben is scribe from now on."),
    ("update half of it passes", "The update is on the record."),
    ("update draft rollback_begun --param version=v1.1", "INC-1: draft "),
    ("update drafts", "not sent"),
    // no such draft: refused, and answered; drafts are sent, changed and thrown away in updates.rs
    ("update edit 00000 the text", "INC-1 has no draft 00000"),
    ("update send 00000", "INC-1 has no draft 00000"),
    ("update discard 00000", "INC-1 has no draft 00000"),
    ("timeline add we look", "It is on the timeline."),
    ("catch-up", "noted: "),
    ("snooze 30", "Reminders are held until"),
    ("reminders off", "No reminder mentions you any more."),
    ("rollback request orders are lost", "It is on the record: ana is asked"),
    ("oncall", "INC-1: ana commands"),
    ("report --since 1d", "; taken after "),
    ("handover to @ben the pool is full", "ben is asked to take command over"),
    ("handover shift", "Hand-over of the shift"),
    ("escalate to @ben he knows the pool", "ben is asked to come"),
    ("action add alert on it --owner ana", "The action is on the record"),
    ("action list", "1. alert on it (ana"),
    ("action done 1", "Action 1 is done."),
    ("runbook list", "The small one"),
    ("runbook show small", "1 command: 1 runnable"),
    ("runbook plan small", "code "),
    ("runbook run small", "The small one (code"),
    ("runbook runs --all", "small on flowengine"),
    ("incident list", "INC-2    P3"),
    ("incident show", "severity_changed"),
    ("incident explain", "P2 instead of P1, by "),
    ("journal verify", ": verified"),
    ("pir draft", "drafted "),
    ("runbook rollback", "waits for ana to confirm"),
    ("runbook refuse", "The back one: cancelled"),
];

/// The verbs about a run: what is begun for it, the line, and what the answer holds.
const RUN_LINES: &[(&str, &str, &str)] = &[
    ("held", "runbook status", "The held one"),
    ("held", "runbook attach", "The held one"),
    ("held", "runbook pause --reason \"we look\"", "The held one"),
    ("held", "runbook resume", "The held one"),
    ("held", "runbook cancel", "The held one"),
    ("check", "runbook answer yes", "The check one"),
    ("again", "runbook retry", "The again one"),
    ("again", "runbook skip --reason \"not needed\"", "The again one"),
    ("fails", "runbook mark-done --reason \"it is there\"", "The fails one"),
    // a run that is over holds nothing: refused, and answered
    ("fails", "runbook take-over --reason \"it waits\"", "is succeeded"),
    ("back", "runbook undo", "The back one"),
];

/// What ends the incident, in this order.
const ENDS: &[(&str, &str)] = &[
    ("resolve", "It is resolved: you vouch for the fix."),
    ("reopen it fails again", "It is open again."),
    ("merge INC-2 into INC-1", "INC-2 is merged into INC-1"),
    ("not-an-incident it was a drill", "It is closed as no incident"),
];

/// The line as the longer spelling has it, for those that have one.
fn spelled(line: &str, is_long: bool) -> String {
    let word = line.split(' ').next().unwrap_or_default();
    let has_long = COMMANDS.iter().any(|command| command.path == format!("incident {word}"));
    if is_long && has_long { format!("incident {line}") } else { line.to_owned() }
}

async fn each_command(mode: &'static str, is_long: bool) {
    let app = TestApp::start_by(mode, config()).await;
    let declare = spelled("declare the shop is slow --severity P1", is_long);
    told(&app, "incidents", &declare, "INC-1 is open as P1").await;
    told(&app, "incidents", &spelled("declare the same --severity P3", is_long), "INC-2 is open").await;
    let here = channel(&app, "INC-1").await;
    app.open_gate("back.open");
    for (line, wanted) in LINES {
        told(&app, &here, &spelled(line, is_long), wanted).await;
    }
    let mut last: Option<(&str, String)> = None;
    for (name, line, wanted) in RUN_LINES {
        let run = match &last {
            Some((known, run)) if known == name => run.clone(),
            _ => at_rest(&app, name).await,
        };
        let (verb, rest) = line.split_at(line.match_indices(' ').nth(1).map_or(line.len(), |(at, _)| at));
        told(&app, &here, &format!("{verb} {run}{rest}"), wanted).await;
        last = Some((name, run));
    }
    let (_, undone) = last.expect("the last one is undone");
    app.run_when(&undone, "undone").await;
    for (line, wanted) in ENDS {
        told(&app, &here, &spelled(line, is_long), wanted).await;
    }
    app.assert_journal_verifies().await;
}

/// As [`begun`], with a typed yes that names the code.
async fn begun_by_a_line(app: &TestApp, name: &str) -> String {
    asked_for(app, name).await;
    let (channel, _, element) = with_button(app, "plan/", name, "blocks:approve").await;
    let value: Value = serde_json::from_str(&text(&element["value"])).expect("a button's value is JSON");
    let (run, fingerprint) = (text(&value["run"]), text(&value["fingerprint"]));
    let line = format!("runbook approve {run} --fingerprint {fingerprint} --reason \"it has to be\"");
    told(app, &channel, &line, &format!("The {name} one")).await;
    run
}

/// Begins a run and waits until it asks what it is there to ask.
async fn at_rest(app: &TestApp, name: &str) -> String {
    let action = match name {
        "check" => "blocks:yes",
        "again" => "blocks:retry",
        "fails" => "blocks:mark_done",
        "back" => "blocks:go_back",
        _ => {
            let run = begun_by_a_line(app, name).await;
            file_is_there(app, &format!("{name}.begun")).await;
            return run;
        }
    };
    if name == "check" {
        asked_for(app, name).await;
    } else {
        begun(app, name).await;
    }
    let (_, _, element) = with_button(app, "progress/", name, action).await;
    let value: Value = serde_json::from_str(&text(&element["value"])).expect("a button's value is JSON");
    text(&value["run"])
}

#[tokio::test]
async fn each_command_over_http() {
    each_command("http", false).await;
}

#[tokio::test]
async fn each_command_over_a_socket_in_its_longer_spelling() {
    each_command("socket", true).await;
}

/// A command that chat offers and that nobody types here is missing above.
#[test]
fn no_command_of_chat_is_left_out() {
    let begins = ["declare", "incident declare", "runbook approve"];
    let mut typed: BTreeSet<String> = begins.map(str::to_owned).into();
    let lines = LINES.iter().chain(ENDS).map(|(line, _)| *line);
    for line in lines.chain(RUN_LINES.iter().map(|(_, line, _)| *line)) {
        for line in [spelled(line, false), spelled(line, true)] {
            typed.extend(
                COMMANDS
                    .iter()
                    .map(|command| command.path)
                    .filter(|path| line.starts_with(path))
                    .map(str::to_owned),
            );
        }
    }
    let missing: Vec<_> = COMMANDS
        .iter()
        .filter(|command| command.is_on(Surface::Chat))
        .map(|command| command.path)
        .filter(|path| !typed.contains(*path))
        .collect();
    assert_eq!(missing, Vec::<&str>::new());
}
