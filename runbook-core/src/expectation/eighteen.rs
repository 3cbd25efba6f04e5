//! The shapes of the first runbook's eighteen lines, in other words: how each is understood, and who judges it.

use super::{JudgedBy, classify};

#[test]
fn the_eighteen_shapes() {
    use JudgedBy::{Machine, Person};
    // text, kind, who judges, deadline in seconds, and what the meaning holds
    let rows: [(&str, &str, JudgedBy, Option<u64>, &str); 18] = [
        ("4/4 ready", "ratio", Machine, None, r#""have":4,"want":4"#),
        ("<40 (usual level)", "number", Machine, None, r#""op":"less","bound":40.0"#),
        ("Mode=GOVERNANCE, Days=30", "pairs", Machine, None, r#"["Mode","GOVERNANCE"],["Days","30"]"#),
        ("setting: \"on\"", "pairs", Machine, None, r#"["setting","on"]"#),
        ("≥20 trained, ≥75% passed", "person", Person, None, ""),
        ("Notice seen in #alerts within 20s", "person", Person, Some(20), ""),
        ("Second on-call gets a page within 2 min", "person", Person, Some(120), ""),
        ("0 lines (nothing went wrong)", "count", Machine, None, r#""min":0,"max":0"#),
        ("All pods Running (4/4)", "ratio", Machine, None, r#""have":4,"want":4,"word":"Running""#),
        ("All vendors <60% (new day)", "number", Machine, None, r#""bound":60.0,"every":true,"unit":"%""#),
        ("HTTP 200", "http_status", Machine, None, r#""status":200"#),
        ("Notice seen in #status within 20s", "person", Person, Some(20), ""),
        ("Names of later repos (5-30 repos)", "count", Machine, None, r#""min":5,"max":30"#),
        ("active: true", "pairs", Machine, None, r#"["active","true"]"#),
        ("active: false (it was turned off)", "pairs", Machine, None, r#"["active","false"]"#),
        (
            "\"deployment 'shop' successfully rolled out\" within 30s",
            "text",
            Machine,
            Some(30),
            "deployment 'shop' successfully rolled out",
        ),
        ("shop:v2.0 (the stable one)", "text", Machine, None, r#""text":"shop:v2.0""#),
        ("Order goes through with v2.0", "person", Person, None, ""),
    ];
    for (text, kind, judge, seconds, meaning) in rows {
        let found = classify(text);
        assert_eq!((found.check.kind(), found.check.judged_by()), (kind, judge), "{text}");
        assert_eq!(found.within_ms, seconds.map(|seconds| seconds * 1000), "{text}");
        let written = serde_json::to_string(&found.check).expect("a check is JSON");
        assert!(written.contains(meaning), "{text}: {written}");
    }
    assert_eq!(serde_json::to_string(&Machine).expect("a word"), "\"machine\"");
    assert_eq!(serde_json::to_string(&Person).expect("a word"), "\"person\"");
}

#[test]
fn the_meanings_that_were_stored_before_are_still_read() {
    let rows = [
        r#"{"kind":"exit_zero"}"#,
        r#"{"kind":"ratio","have":5,"want":5,"word":null}"#,
        r#"{"kind":"count","min":0,"max":0}"#,
        r#"{"kind":"number","op":"less","bound":50.0,"every":false,"unit":null}"#,
        r#"{"kind":"http_status","status":200}"#,
        r#"{"kind":"contains","text":"x"}"#,
        r#"{"kind":"pairs","pairs":[["a","b"]]}"#,
        r#"{"kind":"person"}"#,
    ];
    for row in rows {
        let check: super::Check = serde_json::from_str(row).expect(row);
        assert_eq!(serde_json::to_string(&check).expect("JSON"), row);
    }
}
