//! A block of output that the document shows, against all that the command writes.
//!
//! That the block's text occurs somewhere says little: `0` is a line of `0\n17` too. So only the same output passes, and
//! what else is there is for a person, but for the few blocks whose one line says what it means.

use super::classify::classify;
use super::json;
use super::judge::shorten;
use super::model::{Check, Expectation, Judgement};
use super::phrase::{ROW_WORDS, quoted};

/// Words that are the whole answer of a command, and never a name or a time.
const STATES: &[&str] = &["ok", "true", "false", "yes", "no", "enabled", "disabled", "pong", "green"];

/// Judges by the text alone; `None` where it says neither that it is the same nor that it is among others.
pub(crate) fn judge(text: &str, stdout: &str) -> Option<Judgement> {
    let (wanted, found) = (lines(text), lines(stdout));
    if wanted.is_empty() {
        return Some(Judgement::ask("the block of expected output is empty"));
    }
    if wanted == found {
        return Some(Judgement::pass("the output is the expected one"));
    }
    let same_value = || Some(json::documents(text)? == json::documents(stdout)?);
    if same_value() == Some(true) {
        return Some(Judgement::pass("the output is the expected JSON"));
    }
    let mut rest = found.iter();
    if wanted.iter().all(|line| rest.any(|other| other == line)) {
        return Some(Judgement::ask("the expected output is there, among other lines"));
    }
    None
}

/// What a block of one line means where that cannot differ from run to run, as names and times do.
pub(crate) fn typed(text: &str) -> Option<Expectation> {
    let [line] = lines(text)[..] else { return None };
    let line = line.trim();
    let read = classify(line);
    let strict = match &read.check {
        Check::Ratio { .. } | Check::HttpStatus { .. } | Check::Count { .. } => true,
        // any other bare number may be a time or the name of a process
        Check::Number { .. } | Check::Range { .. } => {
            line == "0" || !line.starts_with(|c: char| c.is_ascii_digit())
        }
        Check::Pairs { pairs } => {
            pairs.iter().all(|(_, value)| value.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_'))
        }
        Check::Contains { .. } => quoted(line).is_none() && is_state(line),
        _ => false,
    };
    strict.then_some(Expectation { within_ms: None, ..read })
}

/// The judgement of the block's type, as far as a block may go by it.
pub(crate) fn by_type(check: &Check, judged: Judgement, stdout: &str) -> Judgement {
    use super::model::Outcome::{Fail, Pass};
    let one_word = || matches!(lines(stdout)[..], [line] if line.trim().chars().all(char::is_alphabetic));
    match (check, judged.outcome) {
        (Check::Pairs { .. } | Check::Contains { .. }, Pass) => {
            Judgement::ask(format!("{}, and the output is not all the same", judged.reason))
        }
        (Check::Contains { .. }, Fail) if !one_word() => differs(stdout),
        _ => judged,
    }
}

/// Output that is another one than the block.
pub(crate) fn differs(stdout: &str) -> Judgement {
    let first = lines(stdout).first().map(|line| shorten(line)).unwrap_or_default();
    Judgement::ask(format!("the output is not the expected one, it begins `{first}`"))
}

fn is_state(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    ROW_WORDS.contains(&lower.as_str()) || STATES.contains(&lower.as_str())
}

/// The lines without blanks at their ends, and without empty lines around them.
fn lines(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().map(str::trim_end).skip_while(|line| line.is_empty()).collect();
    while lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    // the block was cut out of the text around it, first blanks included
    if let Some(first) = lines.first_mut() {
        *first = first.trim_start();
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::model::{Outcome, Outcome::*};
    use super::super::{Observed, judge};
    use super::*;

    fn outcome(text: &str, sample: bool, stdout: &str, stderr: &str, exit_code: i32) -> Outcome {
        let check = Check::Output { text: text.to_owned(), sample };
        let expectation = Expectation { line: 1, text: text.to_owned(), check, within_ms: None };
        let exit_code = Some(exit_code);
        let (truncated, timed_out, elapsed_ms) = (false, false, 5);
        judge(&expectation, &Observed { exit_code, stdout, stderr, truncated, elapsed_ms, timed_out }).outcome
    }

    #[test]
    fn only_the_same_output_passes() {
        for (text, stdout, wanted) in [
            ("0", "0\n", Pass),
            ("0", "0\n17\n", Ask),
            ("0", "17\n", Fail),
            ("5", "5\n0\n", Ask),
            ("5", "15\n", Ask),
            ("1700000000", "1700000001\n", Ask),
            ("5/5 ready", "5/5 ready\n", Pass),
            ("5/5 ready", "5/5 ready\n0/5 up\n", Ask),
            ("5/5 ready", "4/5 ready\n", Fail),
            ("Status: healthy", "Status: healthy  \r\n\n", Pass),
            ("Status: healthy", "Status: healthy\nStatus: unhealthy\n", Ask),
            ("Status: healthy", "Status: unhealthy\n", Fail),
            ("Time: 12:30", "Time: 12:31\n", Ask),
            ("replicas: 3", "replicas: 5\n", Ask),
            ("(0 rows)", "(0 rows)\n", Pass),
            ("(0 rows)", "(0 rows)\n(5 rows)\n", Ask),
            ("(0 rows)", "(5 rows)\n", Fail),
            ("web Running", "web Running\napi Failed\n", Ask),
            ("web Running", "web Failed\n", Ask),
            ("active", "active\n", Pass),
            ("active", "inactive\n", Fail),
            ("active", "active (exited)\n", Ask),
            ("active", "inactive\nactive\n", Ask),
            ("Running", "Running\nFailed\n", Ask),
            ("ok", "not ok\n", Ask),
            ("web", "api\n", Ask),
            ("PONG", "PONG\nLOADING\n", Ask),
            ("HTTP/2 200", "HTTP/2 200\n\nHTTP/2 503\n", Ask),
            ("200", "200\n503\n", Ask),
            ("a\nb", "a\nb\n", Pass),
            ("  a\n  b", "  a\n  b\n", Pass),
            ("a\nb", "a\nx\nb\n", Ask),
            ("a\nb", "b\na\n", Ask),
            ("a\nb", "", Fail),
            ("", "x\n", Ask),
            ("{\"status\": \"ok\"}", "{\"status\":\"ok\"}\n", Pass),
            ("{\"status\":\"ok\"}", "{\"status\":\"ok\"}\n{\"status\":\"down\"}\n", Ask),
            ("{\"status\":\"ok\"}", "{\"status\":\"down\"}\n", Fail),
            ("Sat Nov  1 10:00:00 UTC 2025", "Sun Nov  2 10:00:00 UTC 2025\n", Ask),
            ("a\n...", "a\nb\n", Ask),
            ("done", "done\nERROR: x\n", Ask),
        ] {
            assert_eq!(outcome(text, false, stdout, "", 0), wanted, "{text:?} and {stdout:?}");
            if stdout.trim() != text.trim() {
                assert_ne!(outcome(text, true, stdout, "", 0), Fail, "a sample: {text:?} and {stdout:?}");
            }
            assert_eq!(outcome(text, false, stdout, "", 2), Fail, "status 2: {text:?} and {stdout:?}");
        }
    }

    #[test]
    fn a_sample_is_for_a_person_and_what_is_on_standard_error_too() {
        assert_eq!(outcome("5/5 ready", true, "4/5 ready\n", "", 0), Ask);
        assert_eq!(outcome("5/5 ready", true, "5/5 ready\n", "", 0), Pass);
        assert_eq!(outcome("5/5 ready", true, "", "", 0), Ask);
        assert_eq!(outcome("syntax is ok", false, "", "syntax is ok\n", 0), Ask);
        assert_eq!(outcome("0", false, "0\n", "", 1), Ask);
        assert_eq!(outcome("inactive", false, "inactive\n", "", 3), Ask);
    }
}
