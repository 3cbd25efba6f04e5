//! What holds for every text and every output.

use proptest::prelude::*;

use super::{Check, Expectation, Observed, Outcome, classify, judge};
use crate::cases::cases;

fn ended(stdout: &str) -> Observed<'_> {
    Observed { exit_code: Some(0), stdout, stderr: "", truncated: false, elapsed_ms: 100, timed_out: false }
}

/// Texts that mean something, with numbers that are often near each other.
fn meant() -> impl Strategy<Value = String> {
    let n = || 0..8_u32;
    prop_oneof![
        (n(), n()).prop_map(|(a, b)| format!("{a}/{b} ready")),
        (n(), n()).prop_map(|(a, b)| format!("All pods Running ({a}/{b})")),
        n().prop_map(|a| format!("< {a}")),
        n().prop_map(|a| format!("at least {a}%")),
        n().prop_map(|a| format!("All providers < {a}%")),
        n().prop_map(|a| format!("< {a} ms")),
        (n(), n()).prop_map(|(a, b)| format!("{a}-{}", a + b)),
        n().prop_map(|a| format!("{a} rows")),
        (n(), n()).prop_map(|(a, b)| format!("{a}-{} lines", a + b)),
        Just("0 lines".to_owned()),
        Just("enabled: true".to_owned()),
        Just("Mode=COMPLIANCE, Years=7".to_owned()),
        Just("\"rolled out\" within 45s".to_owned()),
        Just("web:v1.1".to_owned()),
        Just("HTTP 200".to_owned()),
    ]
}

/// Output in the shapes of real tools, with numbers that are often near those of the texts.
fn output() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        (0..8_u32, 0..8_u32).prop_map(|(a, b)| format!("web-{a} {a}/{b} Running 0 3h")),
        (0..8_u32).prop_map(|a| format!("web {a}/{a} Running 0 3h")),
        (0..9_u32).prop_map(|a| format!("north {a}%")),
        (0..9_u32).prop_map(|a| format!("took {a} ms")),
        (0..9_u32).prop_map(|a| a.to_string()),
        (0..9_u32).prop_map(|a| format!("{{\"n\": {a}}}")),
        Just("NAME READY STATUS RESTARTS AGE".to_owned()),
        Just(" count ".to_owned()),
        Just("-------".to_owned()),
        (0..3_u32).prop_map(|a| format!("({a} rows)")),
        Just("enabled: true".to_owned()),
        Just("{\"Mode\":\"COMPLIANCE\",\"Years\":7}".to_owned()),
        Just("deployment rolled out".to_owned()),
        Just("web:v1.1".to_owned()),
        Just("HTTP/1.1 200 OK".to_owned()),
        Just(String::new()),
        "\\PC{0,12}",
    ];
    proptest::collection::vec(line, 0..6).prop_map(|lines| lines.join("\n"))
}

/// Lines that say nothing about the expectation and hold no digits.
fn noise() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just("Warning: the old interface goes away"),
        Just("WARN settings are read twice"),
        Just("info: using the default profile"),
        Just("\u{1b}[33mNote: colours are on\u{1b}[0m"),
        Just("Hint: ask for more with a flag"),
        Just("DEPRECATED flag"),
        Just(""),
        Just("   "),
    ]
}

proptest! {
    #![proptest_config(cases(600))]

    #[test]
    fn classifying_never_panics_and_is_idempotent(text in prop_oneof![meant(), "\\PC{0,80}", "[0-9%<>=/:.,()\"' a-z±–-]{0,30}"]) {
        let once = classify(&text);
        prop_assert_eq!(&classify(&once.text), &once);
        prop_assert!(!once.check.kind().is_empty());
        let stored = serde_json::to_string(&once).expect("JSON");
        let read: Expectation = serde_json::from_str(&stored).expect("the same");
        prop_assert_eq!(read.check.kind(), once.check.kind());
    }

    #[test]
    fn output_that_was_cut_never_passes(text in meant(), stdout in output(), stderr in "\\PC{0,20}", code in 0..3_i32) {
        let cut = Observed { truncated: true, stderr: &stderr, exit_code: Some(code), ..ended(&stdout) };
        prop_assert_ne!(judge(&classify(&text), &cut).outcome, Outcome::Pass);
    }

    #[test]
    fn a_run_out_of_time_never_passes(text in meant(), stdout in output()) {
        let late = Observed { timed_out: true, exit_code: None, ..ended(&stdout) };
        prop_assert_ne!(judge(&classify(&text), &late).outcome, Outcome::Pass);
    }

    #[test]
    fn noise_never_turns_a_failure_into_a_pass(
        text in meant(),
        stdout in output(),
        before in proptest::collection::vec(noise(), 0..3),
        after in proptest::collection::vec(noise(), 0..3),
        stderr in noise(),
        windows in any::<bool>(),
    ) {
        let expectation = classify(&text);
        let counted = matches!(expectation.check, Check::Number { .. } | Check::Range { .. } | Check::Ratio { .. } | Check::Count { .. });
        let bare = judge(&expectation, &ended(&stdout));
        if counted && bare.outcome == Outcome::Fail {
            let mut noisy = format!("{}\n{stdout}\n{}", before.join("\n"), after.join("\n"));
            if windows {
                noisy = noisy.replace('\n', "\r\n");
            }
            let found = judge(&expectation, &Observed { stderr, ..ended(&noisy) });
            prop_assert_ne!(found.outcome, Outcome::Pass, "{:?} {:?}, without noise: {}", found, noisy, bare.reason);
        }
    }

    #[test]
    fn colours_and_line_ends_change_nothing(text in meant(), stdout in output()) {
        let expectation = classify(&text);
        let plain = judge(&expectation, &ended(&stdout)).outcome;
        let coloured: String = stdout.split('\n').map(|line| format!("\u{1b}[32m{line}\u{1b}[0m\r\n")).collect();
        prop_assert_eq!(judge(&expectation, &ended(&coloured)).outcome, plain);
    }
}

/// One line of a megabyte in every shape that is searched for: a reader that goes back over it does not end.
#[test]
fn hostile_sizes_are_read_once() {
    const LARGE: usize = 1 << 20;
    const SMALL: usize = 1 << 13;
    let pieces = [
        "a",
        " ",
        "1 ",
        "1/1 ",
        "7%",
        "7 ms ",
        "web:v1.1,",
        "rolled out,",
        "not rolled out ",
        "enabled: true ",
        "enabled=true,",
        "{\"a\":",
        "[",
        "\"",
        "'",
        "|",
        "-+",
        "(",
        "+",
        "\u{1b}[",
        "\r",
        "\u{e9}",
        "error ",
        "1,",
        ".",
        "=",
        ":",
        "a=b=",
    ];
    let texts = [
        "5/5 ready",
        "All pods Running (5/5)",
        "0 lines",
        "< 50",
        "< 50 ms",
        "All providers < 50%",
        "10-20",
        "HTTP 200",
        "\"rolled out\"",
        "web:v1.1",
        "enabled: true",
        "a.b.c: true",
        "Running",
    ];
    let look = |text: &str, line: &str| {
        let stderr = if line.len() > SMALL { "" } else { line };
        let found = judge(&classify(text), &Observed { stderr, ..ended(line) });
        assert!(found.reason.len() < 1000, "{text}: {}", found.reason.len());
    };
    for (at, piece) in pieces.iter().enumerate() {
        let line = piece.repeat(SMALL / piece.len());
        for text in texts {
            look(text, &line);
        }
        let line = piece.repeat(LARGE / piece.len());
        look(texts.get(at % texts.len()).expect("a text"), &line);
        assert_eq!(classify(&line).check, Check::Person, "{piece}");
    }
    // what each check searches for, again and again
    let nasty = [
        ("web:v1.1", "web:v1.1,"),
        ("\"rolled out\"", "not rolled out,"),
        ("enabled: true", "enabled=true "),
        ("< 50", "1,"),
        ("< 50 ms", "7ms/"),
        ("5/5 ready", "5/5 "),
        ("0 lines", "{\"a\":"),
    ];
    for (text, piece) in nasty {
        look(text, &piece.repeat(LARGE / piece.len()));
    }
}
