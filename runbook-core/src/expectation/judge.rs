//! Judges what a command did.

use super::model::{Check, Expectation, Judgement, Observed, Outcome};
use super::phrase::without_colour;
use super::{contains, count, http, number, pairs, ratio, rows};

impl Judgement {
    pub(crate) fn new(outcome: Outcome, reason: impl Into<String>) -> Self {
        Self { outcome, reason: reason.into() }
    }
    pub(crate) fn pass(reason: impl Into<String>) -> Self {
        Self::new(Outcome::Pass, reason)
    }
    pub(crate) fn fail(reason: impl Into<String>) -> Self {
        Self::new(Outcome::Fail, reason)
    }
    pub(crate) fn ask(reason: impl Into<String>) -> Self {
        Self::new(Outcome::Ask, reason)
    }
}

/// Judges all expectations of a command, in order. Without any, exit status 0 is what is expected.
#[must_use]
pub fn judge_command(expectations: &[Expectation], observed: &Observed<'_>) -> Vec<Judgement> {
    if expectations.is_empty() {
        let implicit = Expectation { line: 0, text: String::new(), check: Check::ExitZero, within_ms: None };
        return vec![judge(&implicit, observed)];
    }
    expectations.iter().map(|expectation| judge(expectation, observed)).collect()
}

/// Judges one expectation.
///
/// A deadline that was missed is [`Outcome::Late`] only when nothing that the command showed is wrong: it may
/// still come. Output that was cut, or that can be read in two ways, is [`Outcome::Ask`].
#[must_use]
pub fn judge(expectation: &Expectation, observed: &Observed<'_>) -> Judgement {
    if observed.timed_out {
        return match expectation.within_ms {
            Some(ms) => Judgement::new(Outcome::Late, format!("not ended within {}", span(ms))),
            None => Judgement::fail(format!("ended after {}: its time was up", span(observed.elapsed_ms))),
        };
    }
    let Some(exit_code) = observed.exit_code else { return Judgement::fail("ended by a signal") };
    let judgement = if exit_code == 0 {
        ended_well(expectation, observed)
    } else {
        ended_badly(expectation, observed, exit_code)
    };
    match (judgement.outcome, expectation.within_ms) {
        (Outcome::Pass, Some(ms)) if observed.elapsed_ms > ms => Judgement::new(
            Outcome::Late,
            format!("{}, but after {} instead of {}", judgement.reason, span(observed.elapsed_ms), span(ms)),
        ),
        _ => judgement,
    }
}

fn ended_badly(expectation: &Expectation, observed: &Observed<'_>, exit_code: i32) -> Judgement {
    // programs that watch the clock themselves say so and fail
    if expectation.within_ms.is_some() && (exit_code == 124 || says_time_was_up(observed)) {
        return Judgement::new(
            Outcome::Late,
            format!("the command gave up waiting: exit status {exit_code}"),
        );
    }
    let silent = observed.stdout.trim().is_empty() && observed.stderr.trim().is_empty();
    match &expectation.check {
        // grep finds nothing: status 1 and silence
        Check::Count { min: 0, .. } if exit_code == 1 && silent && !observed.truncated => {
            Judgement::pass("no output, and exit status 1 says that nothing was found")
        }
        Check::HttpStatus { status } => http::judge_failed(*status, observed, exit_code),
        _ => Judgement::fail(format!("exit status {exit_code}")),
    }
}

fn says_time_was_up(observed: &Observed<'_>) -> bool {
    let phrases = ["timed out waiting for the condition", "context deadline exceeded"];
    phrases.iter().any(|phrase| observed.stderr.contains(phrase) || observed.stdout.contains(phrase))
}

fn ended_well(expectation: &Expectation, observed: &Observed<'_>) -> Judgement {
    match expectation.check {
        Check::ExitZero => return Judgement::pass("exit status 0"),
        Check::Person => return Judgement::ask("exit status 0; whether the output shows it is for a person"),
        _ => {}
    }
    if observed.truncated {
        return Judgement::ask("part of the output was dropped");
    }
    let stdout = without_colour(observed.stdout);
    let judgement = match &expectation.check {
        Check::Ratio { have, want, word } => ratio::judge(*have, *want, word.as_deref(), &stdout),
        Check::Count { min, max } => count::judge(*min, *max, &stdout, observed.stderr),
        Check::Number { op, bound, every, unit } => {
            number::judge(*op, *bound, *every, unit.as_deref(), &stdout)
        }
        Check::HttpStatus { status } => http::judge(*status, &stdout, observed.stderr),
        Check::Contains { text } => contains::judge(text, &stdout, observed.stderr),
        Check::Pairs { pairs } => pairs::judge(pairs, &stdout),
        Check::ExitZero | Check::Person => Judgement::ask("for a person"),
    };
    // an earlier line of the command may have failed although the last one did not
    let error = rows::error_line(&stdout).or_else(|| rows::error_line(observed.stderr));
    match error {
        Some(line) if judgement.outcome == Outcome::Pass => {
            Judgement::ask(format!("{}, but there is an error too: {}", judgement.reason, shorten(line)))
        }
        _ => judgement,
    }
}

/// At most 80 characters of output for a reason.
pub(crate) fn shorten(text: &str) -> String {
    let text = text.trim();
    if text.chars().count() <= 80 { text.to_owned() } else { text.chars().take(79).chain(['…']).collect() }
}

/// Milliseconds for people.
fn span(ms: u64) -> String {
    if ms.is_multiple_of(1000) || ms >= 10_000 { format!("{} s", ms / 1000) } else { format!("{ms} ms") }
}
