use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::signature::tests::at;

fn item(kind: &str, body: &str) -> InboxItem {
    InboxItem {
        source: SOURCE.into(),
        id: "1".into(),
        kind: kind.into(),
        body: body.as_bytes().to_vec(),
        received_at: at(1_789_000_000),
    }
}

fn form(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

fn interaction(payload: &Value) -> Translated {
    translator().translate(&item(INTERACTION, &form(&[("payload", &payload.to_string())])))
}

fn translator() -> SlackTranslator {
    SlackTranslator::new("http://127.0.0.1:4010/api")
}

fn button(action_id: &str, value: &str) -> Value {
    json!({
        "type": "block_actions", "team": null, "enterprise": {"id": "E1"}, "user": {"id": "U0BEN"},
        "container": {"type": "message", "channel_id": "C1", "message_ts": "1.2"},
        "channel": {"id": "C1"}, "response_url": "https://hooks.slack.com/actions/T/1/x",
        "trigger_id": "1.2.abc", "actions": [{"type": "button", "action_id": action_id, "value": value}],
    })
}

#[test]
fn a_command_is_a_signal() {
    let body = form(&[
        ("user_id", "U0ANA"),
        ("channel_id", "C1"),
        ("text", "severity P2"),
        ("response_url", "https://hooks.slack.com/commands/T/1/x"),
    ]);
    let expected = ChatSignal {
        user_id: "U0ANA".into(),
        channel: "C1".into(),
        request: Request::IncidentSeverity { incident: None, severity: "P2".into() },
        reply_to: Some("https://hooks.slack.com/commands/T/1/x".to_owned().into()),
        trigger: None,
        asked: None,
    };
    assert_eq!(translator().translate(&item(COMMAND, &body)), Translated::Signal(Signal::Chat(expected)));
}

#[test]
fn an_answer_goes_to_slack_or_nowhere() {
    for (url, kept) in [
        ("https://hooks.slack.com/x", true),
        ("http://127.0.0.1:4010/x", true),
        ("http://127.0.0.1:4011/x", false),
        ("https://evil.example/x", false),
        ("", false),
    ] {
        let body = form(&[("user_id", "U1"), ("text", "ack"), ("response_url", url)]);
        let Translated::Signal(Signal::Chat(signal)) = translator().translate(&item(COMMAND, &body)) else {
            panic!("{url}")
        };
        assert_eq!(signal.reply_to.is_some(), kept, "{url}");
    }
}

#[test]
fn a_button_is_a_request_about_its_run() {
    let run = || Some("0192".to_owned());
    let table = [
        ("approve", Request::RunbookApprove { run: run(), fingerprint: Some("4f2a".into()), reason: None }),
        ("refuse", Request::RunbookRefuse { run: run(), reason: None }),
        ("yes", Request::RunbookAnswer { run: run(), yes: true, reason: None, step: Some("p1".into()) }),
        ("no", Request::RunbookAnswer { run: run(), yes: false, reason: None, step: Some("p1".into()) }),
        ("mark_done", Request::RunbookMarkDone { run: run(), reason: None, step: Some("p1".into()) }),
        ("retry", Request::RunbookRetry { run: run(), reason: None, step: Some("p1".into()) }),
        ("resume", Request::RunbookResume { run: run(), reason: None }),
        ("cancel", Request::RunbookCancel { run: run(), reason: None }),
        ("undo", Request::RunbookUndo { run: run(), reason: None }),
        ("wait_on", Request::RunbookRetry { run: run(), reason: None, step: Some("p1".into()) }),
        ("go_on", Request::RunbookAnswer { run: run(), yes: true, reason: None, step: Some("p1".into()) }),
        ("go_back", Request::RunbookUndo { run: run(), reason: None }),
        ("put_right", Request::RunbookMarkDone { run: run(), reason: None, step: Some("p1".into()) }),
    ];
    for (word, request) in table {
        let pressed = button(
            &format!("blocks:{word}"),
            r#"{"run":"0192","fingerprint":"4f2a","step":"p1","asked":"00ff"}"#,
        );
        let expected = ChatSignal {
            user_id: "U0BEN".into(),
            channel: "C1".into(),
            request,
            reply_to: Some("https://hooks.slack.com/actions/T/1/x".to_owned().into()),
            trigger: Some("1.2.abc".into()),
            asked: Some("00ff".into()),
        };
        assert_eq!(interaction(&pressed), Translated::Signal(Signal::Chat(expected)), "{word}");
    }
}

#[test]
fn what_stands_in_the_field_for_why_comes_with_the_yes() {
    for (value, reason) in [
        (r#""the error budget is gone ""#, Some("the error budget is gone")),
        ("null", None),
        (r#"" ""#, None),
    ] {
        let mut pressed = button("blocks:approve", r#"{"run":"0192","fingerprint":"4f2a"}"#);
        let value: Value = serde_json::from_str(value).unwrap();
        pressed["state"] = json!({ "values": { "b1": { "blocks:reason": { "value": value } } } });
        let Translated::Signal(Signal::Chat(signal)) = interaction(&pressed) else { panic!() };
        let Request::RunbookApprove { reason: given, .. } = signal.request else { panic!() };
        assert_eq!(given.as_deref(), reason);
    }
}

#[test]
fn a_button_that_cannot_be_right_is_kept_and_does_nothing() {
    for (id, value) in [
        ("blocks:approve", r#"{"run":"0192"}"#),
        ("blocks:approve", r#"{"run":"0192","fingerprint":""}"#),
        ("blocks:approve", r#"{"fingerprint":"4f2a"}"#),
        ("blocks:undo", r#"{"run":""}"#),
        ("blocks:undo", "0192"),
        ("blocks:undo", ""),
        ("blocks:explode", r#"{"run":"0192"}"#),
    ] {
        assert!(matches!(interaction(&button(id, value)), Translated::Unreadable { .. }), "{id} {value}");
    }
    let mut nobody = button("blocks:undo", r#"{"run":"0192"}"#);
    nobody["user"] = Value::Null;
    assert!(matches!(interaction(&nobody), Translated::Unreadable { .. }));
}

#[test]
fn what_is_not_ours_is_ignored_and_what_does_not_read_is_kept() {
    let ignored = |kind: &str| Translated::Ignored { kind: kind.to_owned() };
    assert_eq!(interaction(&button("theirs", "x")), ignored("block_actions"));
    assert_eq!(interaction(&json!({"type": "view_submission", "team": null})), ignored("view_submission"));
    assert_eq!(translator().translate(&item("webhook", "x")), ignored("webhook"));
    for body in ["", "payload=", "payload=%7B", "payload=[]", "payload={}", "\u{0}"] {
        let Translated::Unreadable { reason } = translator().translate(&item(INTERACTION, body)) else {
            panic!("{body:?}")
        };
        assert!(!reason.is_empty());
    }
}

/// Payloads collected from the official client libraries' own tests: none may panic, and none is ours to act on but
/// for the slash commands that happen to speak our language, mentions, and messages that were changed or deleted.
#[test]
fn collected_payloads() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus/payloads/slack");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("collected payloads: not run, no corpus beside this checkout");
        return;
    };
    let (mut signals, mut ignored, mut unreadable) = (0, 0, 0);
    let mut events = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        let value: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let form_body = value.get("body").and_then(Value::as_str).map(str::to_owned);
        let as_command = form_body.unwrap_or_else(|| {
            let fields = value.as_object().unwrap();
            let pairs: Vec<(&str, &str)> =
                fields.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?))).collect();
            form(&pairs)
        });
        let as_event = translator().translate(&item(EVENT, &value.to_string()));
        match &as_event {
            Translated::Signal(signal) => events.push(signal.clone()),
            Translated::Ignored { .. } => {}
            Translated::Unreadable { reason } => panic!("{}: {reason}", path.display()),
        }
        for translated in [translator().translate(&item(COMMAND, &as_command)), interaction(&value)] {
            match translated {
                Translated::Signal(_) => signals += 1,
                Translated::Ignored { .. } => ignored += 1,
                Translated::Unreadable { .. } => unreadable += 1,
            }
        }
    }
    println!("collected payloads: {signals} signals, {ignored} ignored, {unreadable} unreadable");
    assert_eq!(events.len(), 2, "mentions of the bot: {events:?}");
    assert!(signals + ignored + unreadable >= 100, "the corpus has fewer files than it should");
    assert_eq!(signals, 1, "a slash command without a word asks for the menu; nothing else is meant for us");
    assert!(ignored > 30, "interactions of every type must read");
}

fn event(event: &Value) -> Translated {
    let envelope = json!({
        "type": "event_callback", "event_id": "Ev1", "event": event, "authorizations": [{"user_id": "U0BOT"}],
    });
    translator().translate(&item(EVENT, &envelope.to_string()))
}

/// The same words after the bot's name mean the same as behind the command, and are answered where they stand.
#[test]
fn a_mention_means_what_the_command_means() {
    for words in
        ["severity P2", "", "Status inc-3", "statsu", "help", "runbook run x —param a=“b c”", "declare"]
    {
        let typed = form(&[("user_id", "U1"), ("channel_id", "C1"), ("text", words)]);
        let (text, thread) = (format!("<@U0BOT> {words}"), "1.0");
        let mentioned = event(&json!({
            "type": "app_mention", "user": "U1", "channel": "C1", "text": text, "thread_ts": thread, "ts": "2.0",
        }));
        let there =
            || ReplyTo::Person { user: "U1".into(), channel: "C1".into(), thread: Some(thread.into()) };
        match (translator().translate(&item(COMMAND, &typed)), mentioned) {
            (Translated::Signal(Signal::Chat(typed)), Translated::Signal(Signal::Chat(mentioned))) => {
                assert_eq!(mentioned, ChatSignal { reply_to: Some(there()), ..typed }, "{words}");
            }
            (Translated::Ignored { .. }, Translated::Signal(Signal::Answer(answer))) => {
                assert_eq!(answer.reply_to, there(), "{words}");
                assert!(answer.text.contains('`'), "{words}: {answer:?}");
            }
            (typed, mentioned) => panic!("{words}: {typed:?}, {mentioned:?}"),
        }
    }
}

#[test]
fn entries_of_menus_are_understood() {
    let declared = interaction(&json!({
        "type": "shortcut", "callback_id": "blocks:declare", "team": null, "user": {"id": "U1"}, "trigger_id": "1.2.a",
    }));
    let Translated::Signal(Signal::Chat(signal)) = declared else { panic!("{declared:?}") };
    assert!(matches!(signal.request, Request::IncidentDeclare { ref title, .. } if title.is_empty()));
    assert_eq!((signal.channel.as_str(), signal.trigger.as_deref()), ("", Some("1.2.a")));
    let noted = interaction(&json!({
        "type": "message_action", "callback_id": "blocks:timeline", "team": null, "user": {"id": "U1"},
        "channel": {"id": "C1"}, "message_ts": "1.0", "response_url": "https://hooks.slack.com/app/T/1/x",
        "message": {"type": "message", "user": "U2", "text": "p95 &gt; 2 s", "ts": "1.0"},
    }));
    let Translated::Signal(Signal::Mark(mark)) = noted else { panic!("{noted:?}") };
    let Marking::Mark { via: Via::Shortcut, given: Some(given) } = &mark.what else { panic!("{mark:?}") };
    assert_eq!((given.text.as_str(), given.author_id.as_deref()), ("p95 > 2 s", Some("U2")));
    assert_eq!((mark.channel.as_str(), mark.ts.as_str(), mark.user_id.as_str()), ("C1", "1.0", "U1"));
    for other in [
        json!({"type": "shortcut", "callback_id": "theirs", "user": {"id": "U1"}}),
        json!({"type": "message_action", "callback_id": "theirs", "user": {"id": "U1"}}),
        json!({"type": "view_closed", "user": {"id": "U1"}, "view": {"callback_id": "blocks:form"}}),
        json!({"type": "view_submission", "user": {"id": "U1"}, "view": {"callback_id": "theirs"}}),
    ] {
        assert!(matches!(interaction(&other), Translated::Ignored { .. }), "{other}");
    }
    for ours in [
        json!({"type": "shortcut", "callback_id": "blocks:declare"}),
        json!({"type": "message_action", "callback_id": "blocks:timeline", "user": {"id": "U1"}}),
        json!({"type": "view_submission", "user": {"id": "U1"}, "view": {"callback_id": "blocks:form"}}),
    ] {
        assert!(matches!(interaction(&ours), Translated::Unreadable { .. }), "{ours}");
    }
}
