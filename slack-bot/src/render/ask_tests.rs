use serde_json::json;

use super::*;

fn shown(mention: Option<&str>, text: &str, snooze: Option<&str>) -> (String, serde_json::Value) {
    let rendered = ask(&CommandWord::default(), mention, text, snooze);
    (rendered.text.clone(), serde_json::to_value(&rendered.blocks).unwrap())
}

#[test]
fn one_person_is_mentioned_and_nothing_from_outside_is() {
    let (fallback, blocks) = shown(Some("U0ANA"), "INC-1: <!channel> & <@U0BEN>, `/blocks ack INC-1`", None);
    let text = "<@U0ANA> INC-1: &lt;!channel&gt; &amp; &lt;@U0BEN&gt;, `/blocks ack INC-1`";
    assert_eq!(blocks[0]["text"], json!({ "type": "mrkdwn", "text": text, "verbatim": true }));
    assert_eq!(blocks.as_array().map(Vec::len), Some(1));
    assert!(!fallback.contains('<'), "the text for notifications mentions nobody a second time: {fallback}");
}

#[test]
fn what_is_no_id_mentions_nobody() {
    for id in ["", "U1> <!channel", "!here", "U-1"] {
        let (_, blocks) = shown(Some(id), "x", None);
        assert_eq!(blocks[0]["text"]["text"], "x", "{id}");
    }
    assert_eq!(shown(None, "x", None).1[0]["text"]["text"], "x");
}

#[test]
fn a_reminder_can_be_had_later() {
    let (_, blocks) = shown(None, "x", Some("INC-7"));
    let buttons = blocks[1]["elements"].as_array().unwrap();
    let seen: Vec<_> = buttons
        .iter()
        .map(|one| (one["action_id"].as_str().unwrap(), one["text"]["text"].as_str().unwrap()))
        .collect();
    assert_eq!(
        seen,
        [
            ("blocks:snooze_30", "Later: 30 min"),
            ("blocks:snooze_60", "Later: 60 min"),
            ("blocks:snooze_90", "Later: 90 min"),
        ]
    );
    assert!(buttons.iter().all(|one| one["value"] == r#"{"incident":"INC-7"}"#));
}

#[test]
fn a_long_text_is_cut_and_stays_within_a_section() {
    let (_, blocks) = shown(Some("U0ANA"), &"<".repeat(5_000), None);
    assert!(blocks[0]["text"]["text"].as_str().unwrap().chars().count() <= 3_000);
}
