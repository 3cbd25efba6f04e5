//! Updates for stakeholders with the real binary: drafted and sent in Slack, by a typed line and by a button, to a mail server
//! that speaks SMTP and to a Statuspage that answers HTTP.

use blocks_tests::{
    AppConfig, ROLES_OF_BOTH, TestApp, button, ephemerals, messages_with_key, text, timeline_types,
};
use serde_json::{Value, json};

const SEND: &str = "blocks:draft_send";

/// `ana` may send what is public, `ben` may not.
fn config() -> AppConfig {
    AppConfig {
        people: ROLES_OF_BOTH.to_vec(),
        triage: None,
        more: r#"[smtp]
host = "127.0.0.1"
port = SMTP_PORT
from = "Blocks <updates@example.com>"
user = "blocks"
tls = "none"
[statuspage]
page_id = "pg0sandbox"
api_url = "SANDBOX_URL/statuspage"
components = { flowengine = "cmp0flowengine" }
[updates]
to = ["team@example.com"]
public_to = ["one@customer.example", "two@customer.example"]
"#
        .to_owned(),
        ..AppConfig::default()
    }
}

/// Types in Slack, and waits for the answer that only this person sees.
async fn told(app: &TestApp, user: &str, channel: &str, line: &str, wanted: &str) -> String {
    let before = ephemerals(&app.state().await, user).len();
    let answer = app.slash(user, channel, line).await;
    assert_eq!(answer["http_status"], 200, "{line}: {answer}");
    // the acknowledgement repeats the line, and is no answer to it
    let is_answer = |said: &String| said.contains(wanted) && !said.starts_with("Working on");
    app.state_when(&format!("{user} is told of `{line}`: {wanted}"), |state| {
        ephemerals(state, user).into_iter().skip(before).find(is_answer)
    })
    .await
}

/// An incident with its channel.
async fn declared(app: &TestApp) -> String {
    told(app, "U0ANA", "incidents", "declare flows fail <!channel> --severity P1", "INC-1 is open as P1")
        .await;
    let shown = app
        .incident_when("INC-1", "its card is posted", |shown| {
            timeline_types(shown).contains(&"card_posted".to_owned())
        })
        .await;
    text(&shown["channel"])
}

/// The newest draft's message that can be sent: channel, message, and the code that its button carries.
async fn draft(app: &TestApp, count: usize) -> (String, Value, String) {
    app.state_when("a draft with a Send button is in Slack", |state| {
        let drafts = messages_with_key(state, "draft/");
        let (channel, message) = drafts.get(count.checked_sub(1)?)?;
        let (_, element) = button(message, SEND)?;
        let value: Value = serde_json::from_str(&text(&element["value"])).ok()?;
        Some((channel.clone(), message.clone(), text(&value["draft"])))
    })
    .await
}

fn mails(state: &Value) -> Vec<Value> {
    state["mail"]["mails"].as_array().cloned().unwrap_or_default()
}

fn on_page(state: &Value) -> Vec<Value> {
    state["statuspage"]["incidents"].as_array().cloned().unwrap_or_default()
}

/// Waits until so many ways have arrived, by the journal.
async fn arrived(app: &TestApp, count: usize) -> Value {
    app.incident_when("INC-1", &format!("{count} ways have arrived"), |shown| {
        timeline_types(shown).iter().filter(|one| *one == "update_arrived").count() == count
    })
    .await
}

const OUTAGE: &str = "update draft outage \u{2013}param what=\u{201c}orders are late &lt;b&gt;\u{201d} --param workaround=\"call us\" --eta \"30 min\" --impact major --component partial_outage";

#[tokio::test]
async fn an_update_is_drafted_in_slack_and_sent_once_by_whoever_may() {
    drafted_and_sent("http").await;
}

#[tokio::test]
async fn an_update_is_drafted_and_sent_over_a_socket() {
    drafted_and_sent("socket").await;
}

async fn drafted_and_sent(mode: &'static str) {
    let app = TestApp::start_by(mode, config()).await;
    let here = declared(&app).await;
    told(&app, "U0BEN", &here, OUTAGE, "a person who is commander or communications-lead may").await;
    let (channel, message, code) = draft(&app, 1).await;
    let shown = message["blocks"].to_string();
    for wanted in [
        "one@customer.example",
        "status page: identified, impact major",
        "component flowengine partial_outage",
    ] {
        assert!(shown.contains(wanted), "{wanted}: {shown}");
    }
    // the public reads neither what an alert says nor who works on it, and nothing has left
    assert!(!shown.contains("flows fail") && !shown.contains("<!channel>"), "{shown}");
    // neither a button nor a typed line of somebody who may not; nor a stranger's
    let ts = text(&message["ts"]);
    app.click("U0BEN", &channel, &ts, SEND).await;
    app.state_when("ben is refused", |state| {
        ephemerals(state, "U0BEN").into_iter().find(|said| said.contains("ben may not send what is public"))
    })
    .await;
    let line = format!("update send {}", &code[..4]);
    told(&app, "U0BEN", &here, &line, "ben may not send what is public").await;
    if mode == "http" {
        assert_eq!(app.raw_click("U0STRANGER", &channel, &message, SEND).await.status, 200);
        assert_eq!(app.raw_slash("U0STRANGER", &here, &line, blocks_tests::unix_now()).await.status, 200);
    }
    let api = app.secrets["BLOCKS_API_TOKEN"].clone();
    let request = json!({ "request": "update_send", "incident": "INC-1", "draft": code });
    assert_eq!(app.api(Some(&api), request.clone()).await.status, 403);
    app.outbox_is_empty().await;
    let state = app.state().await;
    assert_eq!((mails(&state).len(), on_page(&state).len()), (0, 0), "nothing public leaves without a send");
    assert!(!timeline_types(&app.incident("INC-1").await).contains(&"update_sent".to_owned()));
    // whoever may presses twice, and types it as well
    app.click("U0ANA", &channel, &ts, SEND).await;
    app.click("U0ANA", &channel, &ts, SEND).await;
    told(&app, "U0ANA", &here, &line, "is sent by ana").await;
    let incident = arrived(&app, 4).await;
    assert_eq!(timeline_types(&incident).iter().filter(|one| *one == "update_sent").count(), 1);
    app.outbox_is_empty().await;
    let state = app.state().await;
    let mut to: Vec<String> = mails(&state).iter().map(|mail| text(&mail["to"][0])).collect();
    to.sort();
    assert_eq!(to, ["one@customer.example", "two@customer.example"], "each alone");
    for mail in mails(&state) {
        let (data, said) = (text(&mail["data"]), text(&mail["text"]));
        assert!(said.contains("orders are late \u{2039}b\u{203a}.") && said.contains("call us"), "{said}");
        assert!(data.contains("text/plain") && !data.contains("Bcc:"), "{data}");
        assert_eq!(mail["from"], "updates@example.com");
    }
    let shown = app.page_html("").await;
    for wanted in ["Told outside", "e-mail to one@customer.example: ", "status page: "] {
        assert!(shown.contains(wanted), "{wanted}: {shown}");
    }
    let pages = on_page(&state);
    let [page] = pages.as_slice() else { panic!("one incident on the page: {pages:?}") };
    assert_eq!((&page["status"], &page["impact"]), (&json!("identified"), &json!("major")));
    assert_eq!(page["incident_updates"].as_array().map(Vec::len), Some(1));
    assert!(page["incident_updates"][0]["body"].as_str().is_some_and(|body| !body.contains('<')), "{page}");
    assert_eq!(state["statuspage"]["components"]["cmp0flowengine"], "partial_outage");
    // the message says so, and has no buttons any more; the card tells it
    app.state_when("the draft's message is done", |state| {
        let (_, message) = messages_with_key(state, "draft/").into_iter().next()?;
        (button(&message, SEND).is_none() && message["blocks"].to_string().contains("(arrived)"))
            .then_some(())
    })
    .await;
    assert!(!app.state().await["slack"]["channels"].to_string().contains("<!channel>"));
    // what follows is an update of the same incident on the page; that it is over is told when it is
    let resolved = "update draft resolved --param what=\"orders were late\" --param cause=\"a bad release\"";
    told(&app, "U0ANA", &here, resolved, "`incident resolve INC-1` first").await;
    app.slash("U0ANA", &here, "incident resolve").await;
    app.incident_when("INC-1", "it is over", |shown| shown["status"] == "resolved").await;
    told(&app, "U0ANA", &here, resolved, "draft ").await;
    let (_, _, code) = draft(&app, 2).await;
    told(&app, "U0ANA", &here, &format!("update send {code}"), "is sent: ").await;
    arrived(&app, 8).await;
    let state = app.state().await;
    assert_eq!(on_page(&state).len(), 1);
    assert_eq!(on_page(&state)[0]["status"], "resolved");
    assert_eq!(state["statuspage"]["components"]["cmp0flowengine"], "operational");
    app.assert_journal_verifies().await;
}

#[tokio::test]
async fn what_arrived_though_the_answer_was_lost_is_there_once() {
    let app = TestApp::start(&config()).await;
    let here = declared(&app).await;
    app.control("mail", json!({ "lose_answers": 1 })).await;
    app.control("statuspage", json!({ "lose_answers": 1 })).await;
    told(&app, "U0ANA", &here, OUTAGE, "draft ").await;
    let (channel, message, _) = draft(&app, 1).await;
    app.click("U0ANA", &channel, &text(&message["ts"]), SEND).await;
    arrived(&app, 4).await;
    let state = app.state().await;
    // the page was looked at before anything was published again
    assert_eq!(on_page(&state).len(), 1, "{:?}", state["statuspage"]);
    assert_eq!(on_page(&state)[0]["incident_updates"].as_array().map(Vec::len), Some(1));
    // a mailbox cannot be looked at: it is sent again as the same mail
    let mut ids: Vec<String> = mails(&state).iter().map(|mail| text(&mail["message_id"])).collect();
    assert_eq!(ids.len(), 3, "{ids:?}");
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 2, "two mails, one of them twice with the same id: {ids:?}");
    assert!(ids.iter().all(|id| id.ends_with("@example.com>")), "{ids:?}");
}

#[tokio::test]
async fn what_somebody_deleted_at_the_status_page_is_told_and_begun_anew() {
    let app = TestApp::start(&config()).await;
    let here = declared(&app).await;
    for (count, all) in [(1, 4), (2, 7), (3, 11)] {
        told(&app, "U0ANA", &here, OUTAGE, "draft ").await;
        let (_, _, code) = draft(&app, count).await;
        told(&app, "U0ANA", &here, &format!("update send {code}"), "is sent: ").await;
        arrived(&app, all).await;
        app.incident_when("INC-1", "that it is gone is told", |shown| {
            count == 1 || shown.to_string().contains("begins a new one")
        })
        .await;
        app.control("statuspage", json!({ "delete": count == 1 })).await;
    }
    let state = app.state().await;
    assert_eq!(on_page(&state).len(), 1);
    assert_eq!(on_page(&state)[0]["id"], "inc2");
}

#[tokio::test]
async fn what_is_refused_is_told_and_what_is_put_off_is_tried_again() {
    let app = TestApp::start(&config()).await;
    let here = declared(&app).await;
    // 4xx: later; a user that is not there: never; a limit: when it is over
    app.control("mail", json!({ "refuse": 451 })).await;
    app.control("statuspage", json!({ "fail": 429 })).await;
    let line = format!("{OUTAGE} --to one@customer.example --to nobody@customer.example");
    told(&app, "U0ANA", &here, &line, "draft ").await;
    let (channel, message, _) = draft(&app, 1).await;
    app.click("U0ANA", &channel, &text(&message["ts"]), SEND).await;
    let shown = app
        .incident_when("INC-1", "the rest has arrived", |shown| {
            let types = timeline_types(shown);
            let count = |wanted: &str| types.iter().filter(|one| *one == wanted).count();
            count("update_arrived") == 3 && count("update_failed") == 1
        })
        .await;
    assert!(shown.to_string().contains("550"), "{shown}");
    app.state_when("people are told what did not leave", |state| {
        let notes = messages_with_key(state, "note/");
        notes.into_iter().find(|(_, note)| {
            let said = text(&note["text"]);
            said.contains("did not leave") && said.contains("nobody@customer.example")
        })
    })
    .await;
    let state = app.state().await;
    assert_eq!(mails(&state).len(), 1);
    assert_eq!(on_page(&state).len(), 1);
    let shown = app.blocks(&["update", "drafts", "INC-1"]).await;
    assert!(shown.stdout.contains("NOT SENT to e-mail: nobody@customer.example"), "{shown:?}");
}

#[tokio::test]
async fn a_text_is_changed_in_a_form_or_a_line_and_the_old_code_sends_nothing() {
    changed_and_discarded("http").await;
}

#[tokio::test]
async fn a_text_is_changed_and_discarded_over_a_socket() {
    changed_and_discarded("socket").await;
}

async fn changed_and_discarded(mode: &'static str) {
    let app = TestApp::start_by(mode, config()).await;
    let here = declared(&app).await;
    told(&app, "U0BEN", &here, "update draft rollback_begun --param version=v1.1", "draft ").await;
    let (channel, message, first) = draft(&app, 1).await;
    app.click("U0BEN", &channel, &text(&message["ts"]), "blocks:draft_edit").await;
    let modal = app.modal(1).await;
    assert!(modal.to_string().contains("Back to: v1.1"), "{modal}");
    app.submit("U0BEN", &[("text", "We go back.\n\nIt takes 10 minutes.")]).await;
    app.state_when("the draft has another code", |state| {
        let (_, message) = messages_with_key(state, "draft/").into_iter().next()?;
        let shown = message["blocks"].to_string();
        (shown.contains("It takes 10 minutes.") && !shown.contains(&first)).then_some(())
    })
    .await;
    let number = "has no draft";
    told(&app, "U0BEN", &here, &format!("update send {first}"), number).await;
    app.raw_click("U0BEN", &channel, &message, SEND).await;
    let (_, _, second) = draft(&app, 1).await;
    assert_ne!(first, second);
    told(&app, "U0BEN", &here, &format!("update edit {} We go back now.", &second[..8]), "We go back now.")
        .await;
    let shown = app.blocks_json(&["update", "drafts", "INC-1"]).await;
    let third = text(&shown["drafts"][0]["code"]);
    // internal: anybody known sends it, from a shell as well
    let sent = app.blocks(&["update", "send", &third, "INC-1"]).await;
    assert_eq!(sent.code, 0, "{sent:?}");
    arrived(&app, 2).await;
    let state = app.state().await;
    let all = mails(&state);
    let [mail] = all.as_slice() else { panic!("one mail: {all:?}") };
    assert_eq!((&mail["to"], text(&mail["text"]).trim()), (&json!(["team@example.com"]), "We go back now."));
    assert_eq!(on_page(&state).len(), 0);
    // a draft that is thrown away is not sent
    told(&app, "U0BEN", &here, "update draft weekly", "draft ").await;
    let (channel, message, code) = draft(&app, 2).await;
    app.click("U0BEN", &channel, &text(&message["ts"]), "blocks:draft_discard").await;
    told(&app, "U0ANA", &here, &format!("update send {}", &code[..4]), "is discarded by ben").await;
    app.outbox_is_empty().await;
    assert_eq!(mails(&app.state().await).len(), 1);
}

#[tokio::test]
async fn a_private_incident_and_no_incident_tell_nobody_outside() {
    let app = TestApp::start(&config()).await;
    told(&app, "U0ANA", "incidents", "update draft weekly", "an update is kept on an incident's timeline")
        .await;
    told(&app, "U0ANA", "incidents", "declare keys leaked --severity P1 --private", "private").await;
    let shown = app.incident_when("INC-1", "its channel is open", |shown| shown["channel"].is_string()).await;
    let here = text(&shown["channel"]);
    told(&app, "U0ANA", &here, OUTAGE, "INC-1 is private: nothing of it leaves its channel").await;
    told(&app, "U0ANA", &here, "update draft rollback_begun", "Slack: the incident's channel").await;
    let (channel, message, _) = draft(&app, 1).await;
    assert_eq!(channel, here);
    app.click("U0ANA", &channel, &text(&message["ts"]), SEND).await;
    arrived(&app, 1).await;
    app.outbox_is_empty().await;
    let state = app.state().await;
    assert_eq!((mails(&state).len(), on_page(&state).len()), (0, 0));
}
