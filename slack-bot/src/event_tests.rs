use serde_json::json;

use super::*;

fn told(event: &Value) -> Event {
    let envelope = json!({
        "type": "event_callback", "event_id": "Ev1", "api_app_id": "A1", "event": event,
        "authorizations": [{"user_id": "U0BOT", "is_bot": true}],
    });
    read(envelope.to_string().as_bytes())
}

fn mention_of(extra: &Value) -> Event {
    let mut event =
        json!({"type": "app_mention", "user": "U1", "channel": "C1", "ts": "1.0", "text": "<@U0BOT> status"});
    for (name, value) in extra.as_object().unwrap() {
        event[name] = value.clone();
    }
    told(&event)
}

#[test]
fn a_line_that_begins_with_the_bots_name_is_a_command() {
    let words = |extra: &Value| match mention_of(extra) {
        Event::Mention(mention) => Some(mention.words),
        Event::Mark(_) => panic!("no mark"),
        Event::Other(_) => None,
    };
    for (text, expected) in [
        ("<@U0BOT> status INC-1", Some("status INC-1")),
        ("  <@U0BOT|blocks>: declare p95 &gt; 2", Some("declare p95 &gt; 2")),
        ("<@U0BOT>", Some("")),
        ("<@U0BOT>\n ack ", Some("ack")),
        ("ask <@U0BOT> for help", None),
        ("<@U2> <@U0BOT> look", None),
        ("<@U0BOT", None),
        ("", None),
    ] {
        assert_eq!(words(&json!({ "text": text })).as_deref(), expected, "{text:?}");
    }
    for extra in [
        json!({"bot_id": "B1"}),
        json!({"subtype": "bot_message"}),
        json!({"edited": {"user": "U1", "ts": "2.0"}}),
        json!({"user": "U0BOT"}),
        json!({"user": null}),
    ] {
        assert_eq!(mention_of(&extra), Event::Other("app_mention".to_owned()), "{extra}");
    }
    let Event::Mention(mention) = mention_of(&json!({"thread_ts": "0.5"})) else { panic!("a mention") };
    assert_eq!((mention.user.as_str(), mention.channel.as_str()), ("U1", "C1"));
    assert_eq!(mention.thread.as_deref(), Some("0.5"));
}

#[test]
fn pushpins_and_what_becomes_of_messages_are_told_and_nothing_else() {
    let mark = |event: &Value| match told(event) {
        Event::Mark(mark) => Some((mark.user_id, mark.ts, mark.what)),
        Event::Mention(_) => panic!("no mention"),
        Event::Other(_) => None,
    };
    let reaction = |kind: &str, name: &str, user: &str, item: &str| {
        mark(
            &json!({"type": kind, "reaction": name, "user": user, "item": {"type": item, "channel": "C1", "ts": "1.0"}}),
        )
    };
    let done = |what| Some(("U1".to_owned(), "1.0".to_owned(), what));
    assert_eq!(
        reaction("reaction_added", "pushpin", "U1", "message"),
        done(Marking::Mark { via: Via::Pushpin, given: None })
    );
    assert_eq!(reaction("reaction_removed", "pushpin", "U1", "message"), done(Marking::Unmark));
    for (kind, name, user, item) in [
        ("reaction_added", "eyes", "U1", "message"),
        ("reaction_added", "pushpin", "U1", "file"),
        ("reaction_added", "pushpin", "U0BOT", "message"),
        ("reaction_added", "pushpin", "", "message"),
    ] {
        assert_eq!(reaction(kind, name, user, item), None, "{kind} {name} {user} {item}");
    }
    let changed = |message: Value, before: Value| {
        mark(&json!({"type": "message", "subtype": "message_changed", "channel": "C1",
            "message": message, "previous_message": before}))
    };
    let before = json!({"ts": "1.0", "user": "U2", "text": "a"});
    let edit =
        |text: &str| json!({"ts": "1.0", "user": "U2", "text": text, "edited": {"user": "U1", "ts": "2.0"}});
    let edited = Marking::Edited { text: "b".to_owned(), files: Vec::new(), version: "2.0".to_owned() };
    assert_eq!(changed(edit("b"), before.clone()), done(edited));
    assert_eq!(changed(edit("a"), before.clone()), None, "a link was unfolded");
    assert_eq!(
        changed(json!({"ts": "1.0", "text": "b", "app_id": "A1", "edited": {"ts": "2"}}), before),
        None
    );
    let files = |names: &[&str]| names.iter().map(|name| json!({"name": name})).collect::<Value>();
    let taken =
        mark(&json!({"type": "message", "subtype": "message_changed", "channel": "C1", "event_ts": "3.0",
        "message": {"ts": "1.0", "text": "a", "files": files(&["a.png"])},
        "previous_message": {"ts": "1.0", "text": "a", "files": files(&["a.png", "b.png"])}}));
    let Some((_, _, Marking::Edited { files: left, version, .. })) = taken else { panic!("{taken:?}") };
    assert_eq!((left.len(), version.as_str()), (1, "3.0"), "a file was taken away");
    let stone = json!({"ts": "1.0", "subtype": "tombstone", "text": "This message was deleted."});
    let gone = Some((String::new(), "1.0".to_owned(), Marking::Deleted));
    assert_eq!(changed(stone, json!({"ts": "1.0", "text": "a"})), gone);
    let deleted = json!({"type": "message", "subtype": "message_deleted", "channel": "C1", "deleted_ts": "1.0",
        "previous_message": {"ts": "1.0", "text": "a"}});
    assert_eq!(mark(&deleted), gone);
    for other in [
        json!({"type": "message", "channel": "C1", "user": "U1", "text": "<@U0BOT> status", "ts": "1.0"}),
        json!({"type": "message", "subtype": "channel_join", "channel": "C1"}),
        json!({"type": "app_home_opened", "user": "U1"}),
        json!({"type": ["message"]}),
        Value::Null,
    ] {
        assert_eq!(mark(&other), None, "{other}");
    }
    assert_eq!(read(b"{"), Event::Other("no JSON".to_owned()));
}
