//! Texts and their meaning.

use super::classify;
use crate::expectation::model::{Check, Comparison};

fn ratio(have: u64, want: u64, word: Option<&str>) -> Check {
    Check::Ratio { have, want, word: word.map(str::to_owned) }
}
fn count(min: u64, max: u64) -> Check {
    Check::Count { min, max }
}
fn number(op: Comparison, bound: f64, every: bool, unit: Option<&str>) -> Check {
    Check::Number { op, bound, every, unit: unit.map(str::to_owned) }
}
fn named(name: &str, op: Comparison, bound: f64, unit: Option<&str>) -> Check {
    Check::Named { name: name.to_owned(), op, bound, unit: unit.map(str::to_owned) }
}
fn range(min: f64, max: f64, every: bool, unit: Option<&str>) -> Check {
    Check::Range { min, max, every, unit: unit.map(str::to_owned) }
}
fn text(text: &str) -> Check {
    Check::Contains { text: text.to_owned() }
}
fn pairs(pairs: &[(&str, &str)]) -> Check {
    Check::Pairs { pairs: pairs.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect() }
}

#[test]
fn texts_get_their_meaning() {
    use Comparison::{AtLeast, AtMost, Equal, Greater, Less};
    let rows: Vec<(&str, Check)> = vec![
        ("3/3", ratio(3, 3, None)),
        ("3/3 ready", ratio(3, 3, None)),
        ("3/3 Ready.", ratio(3, 3, None)),
        ("3/3 pods Running", ratio(3, 3, Some("Running"))),
        ("3/3 replicas", ratio(3, 3, None)),
        ("All pods Running (3/3)", ratio(3, 3, Some("Running"))),
        ("Running (3/3)", Check::Person),
        ("Some pods (3/3)", Check::Person),
        ("3/3 available and serving", Check::Person),
        ("0 lines", count(0, 0)),
        ("0 lines (no failures)", count(0, 0)),
        ("2 lines (no failures)", Check::Person),
        ("no matches", count(0, 0)),
        ("nothing", count(0, 0)),
        ("9-50 rows", count(9, 50)),
        ("9 to 50 rows", count(9, 50)),
        ("between 9 and 50 rows", count(9, 50)),
        ("3+ results", count(3, u64::MAX)),
        ("at least 1 hit", count(1, u64::MAX)),
        ("< 5 lines", count(0, 4)),
        ("> 5 lines", count(6, u64::MAX)),
        ("< 0 lines", Check::Person),
        ("50-9 rows", Check::Person),
        ("7 days", number(Equal, 7.0, false, Some("d"))),
        ("7 pieces", Check::Person),
        ("0 errors", Check::Person),
        ("The stored repositories (9-50 repos)", count(9, 50)),
        ("< 50", number(Less, 50.0, false, None)),
        ("<50 (usual at night)", number(Less, 50.0, false, None)),
        ("below 10 %", number(Less, 10.0, false, Some("%"))),
        ("≥ 99.9%", number(AtLeast, 99.9, false, Some("%"))),
        ("at most 200 ms", number(AtMost, 200.0, false, Some("ms"))),
        ("> -3", number(Greater, -3.0, false, None)),
        ("7", number(Equal, 7.0, false, None)),
        ("All providers < 50% (fresh)", number(Less, 50.0, true, Some("%"))),
        ("every single model pool below 90 %", number(Less, 90.0, true, Some("%"))),
        ("All 5 providers < 50%", Check::Person),
        ("all providers are fine", Check::Person),
        ("All providers Running", Check::EveryRow { word: "Running".to_owned() }),
        ("error rate < 1 %", named("error rate", Less, 1.0, Some("%"))),
        ("lag < 10s", named("lag", Less, 10.0, Some("s"))),
        ("the queue_depth should be at most 100", named("queue_depth", AtMost, 100.0, None)),
        ("lag is below 5 min", named("lag", Less, 5.0, Some("min"))),
        ("5 lag < 10s", Check::Person),
        ("wait while lag > 10s", Check::Person),
        ("lag < 10s and errors < 5", Check::Person),
        ("no lag < 10s", Check::Person),
        ("exit code 1", Check::ExitStatus { status: 1 }),
        ("exits with status 3", Check::ExitStatus { status: 3 }),
        ("exit code 256", Check::Person),
        ("exit code 1 or 2", Check::Person),
        ("exit code 0", Check::ExitZero),
        ("All pods Running", Check::EveryRow { word: "Running".to_owned() }),
        ("all pods Running and ready", Check::Person),
        ("active (running)", text("active (running)")),
        ("5/5 ready and 0 errors", Check::Person),
        ("5/5 ready, 0 errors", Check::Person),
        ("5/5 ready (0 errors)", Check::Person),
        ("5/5 ready (no restarts)", Check::Person),
        ("5/5 ready (2 min at most)", ratio(5, 5, None)),
        ("5/5 ready (exit code 1)", Check::Person),
        ("t", text("t")),
        ("x", Check::Person),
        ("< 50 connections", Check::Person),
        ("< 5 and > 3", Check::Person),
        ("!= 5", Check::Person),
        ("about 5", Check::Person),
        ("5 ± 1", Check::Person),
        ("10-20", range(10.0, 20.0, false, None)),
        ("10 to 20", range(10.0, 20.0, false, None)),
        ("between 1 and 3", range(1.0, 3.0, false, None)),
        ("between 5% and 10%", range(5.0, 10.0, false, Some("%"))),
        ("5-10 % (usual)", range(5.0, 10.0, false, Some("%"))),
        ("-3-5", Check::Person),
        ("between -3 and 5", range(-3.0, 5.0, false, None)),
        ("20-10", Check::Person),
        ("between 1 s and 3 min", Check::Person),
        ("2024-01-02", text("2024-01-02")),
        ("All volumes between 10% and 60%", range(10.0, 60.0, true, Some("%"))),
        ("< 200ms", number(Less, 200.0, false, Some("ms"))),
        ("<2 GiB", number(Less, 2.0, false, Some("GiB"))),
        ("< 2G", number(Less, 2.0, false, Some("GB"))),
        ("> 30 days", number(Greater, 30.0, false, Some("d"))),
        ("4 of 4 ready", ratio(4, 4, None)),
        ("no series", count(0, 0)),
        ("0 series", count(0, 0)),
        ("exactly one row", count(1, 1)),
        ("a single line", count(1, 1)),
        ("at least two results", count(2, u64::MAX)),
        ("HTTP 200 + body {\"ok\": true}", Check::Person),
        ("HTTP 200 and status: ok", Check::Person),
        ("HTTP +20", Check::Person),
        ("{\"a\":1,\"a\":2}", Check::Person),
        ("a=1, a=2", Check::Person),
        ("HTTP 200", Check::HttpStatus { status: 200 }),
        ("HTTP/1.1 204 No Content", Check::HttpStatus { status: 204 }),
        ("200 OK", Check::HttpStatus { status: 200 }),
        ("HTTP status 503", Check::HttpStatus { status: 503 }),
        ("HTTP 200 + a body", Check::Person),
        ("HTTP 999", Check::Person),
        ("HTTP 200 (< 2 s)", Check::Person),
        ("\"deployment 'web' rolled out\"", text("deployment 'web' rolled out")),
        ("\"a\" or \"b\"", Check::Person),
        ("\"pod web-* deleted\"", Check::Person),
        ("\"pod <name> deleted\"", Check::Person),
        ("web:v1.1", text("web:v1.1")),
        ("web:v1.1 (the one before)", text("web:v1.1")),
        ("Running", text("Running")),
        ("https://example.com/x", text("https://example.com/x")),
        ("web-... Running", Check::Person),
        ("enabled: true", pairs(&[("enabled", "true")])),
        ("enabled: false (switched off)", pairs(&[("enabled", "false")])),
        ("value: \"true\"", pairs(&[("value", "true")])),
        ("A=1, B=two", pairs(&[("A", "1"), ("B", "two")])),
        ("a: 1 and b: 2", pairs(&[("a", "1"), ("b", "2")])),
        ("{\"status\":\"ready\",\"n\":1}", pairs(&[("n", "1"), ("status", "ready")])),
        ("{\"a\":[1]}", Check::Person),
        ("status: all is well", Check::Person),
        ("error: not found", Check::Person),
        ("count: <5", named("count", Less, 5.0, None)),
        ("exit code 0", Check::ExitZero),
        ("within 45s", Check::ExitZero),
        ("", Check::Person),
        ("(a note)", Check::Person),
        ("(0 rows)", count(0, 0)),
        ("\"status\": \"ok\"", pairs(&[("status", "ok")])),
        ("The flow succeeds", Check::Person),
    ];
    for (written, check) in rows {
        assert_eq!(classify(written).check, check, "{written}");
    }
}

#[test]
fn deadlines() {
    let rows = [
        ("\"rolled out\" within 45s", Some(45_000), text("rolled out")),
        ("\"rolled out\" within 45s (usually)", Some(45_000), text("rolled out")),
        ("3/3 ready (all zones) within 2 min", Some(120_000), ratio(3, 3, None)),
        ("A page arrives within 1 min", Some(60_000), Check::Person),
        ("ready within a minute", None, Check::Person),
        ("ready within 45 parsecs", None, Check::Person),
    ];
    for (written, within_ms, check) in rows {
        let expectation = classify(written);
        assert_eq!((expectation.within_ms, expectation.check), (within_ms, check), "{written}");
    }
}
