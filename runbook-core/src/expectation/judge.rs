//! Judges what a command did.

use super::model::{Check, Expectation, Judgement, Observed, Outcome};
use super::phrase::whole;
use super::want::{Verdict, Want};
use super::{block, contains, count, http, json, number, output, pairs, ratio, scan};

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
    // where this status is what was expected, the rest is about the output alone
    let meant = expectations.iter().any(|expectation| match expectation.check {
        Check::ExitStatus { status } => observed.exit_code == Some(status) && !observed.timed_out,
        _ => false,
    });
    let as_well = Observed { exit_code: Some(0), ..observed.clone() };
    expectations
        .iter()
        .map(|expectation| match expectation.check {
            Check::ExitZero | Check::ExitStatus { .. } | Check::HttpStatus { .. } => {
                judge(expectation, observed)
            }
            Check::Person if meant => Judgement::ask(
                "the exit status is the expected one; whether the output shows it is for a person",
            ),
            _ => judge(expectation, if meant { &as_well } else { observed }),
        })
        .collect()
}

/// Judges one expectation.
///
/// A deadline that was missed is [`Outcome::Late`] only when nothing that the command showed is wrong: it may
/// still come. Output that was cut, or that can be read in two ways, is [`Outcome::Ask`].
#[must_use]
pub fn judge(expectation: &Expectation, observed: &Observed<'_>) -> Judgement {
    if observed.timed_out {
        let error = output::error_line(observed.stdout).or_else(|| output::error_line(observed.stderr));
        return match (expectation.within_ms, error) {
            (Some(_), Some(line)) if !says_time_was_up(observed) => {
                Judgement::fail(format!("its time was up, and it shows `{}`", shorten(line)))
            }
            (Some(ms), _) => {
                let shown = ended_well(expectation, &Observed { exit_code: Some(0), ..observed.clone() });
                let came = shown.outcome == Outcome::Pass && expectation.check != Check::ExitZero;
                let reason = match came {
                    true => format!("{}, but the command had not ended within {}", shown.reason, span(ms)),
                    false => format!("not ended within {}", span(ms)),
                };
                Judgement::new(Outcome::Late, reason)
            }
            (None, _) => {
                Judgement::fail(format!("ended after {}: its time was up", span(observed.elapsed_ms)))
            }
        };
    }
    let Some(exit_code) = observed.exit_code else { return Judgement::fail("ended by a signal") };
    let judgement = if let Check::ExitStatus { status } = expectation.check {
        exit_status(status, exit_code, observed)
    } else if exit_code == 0 {
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

/// `exit code 1`.
fn exit_status(wanted: i32, found: i32, observed: &Observed<'_>) -> Judgement {
    if found == wanted {
        return Judgement::pass(format!("exit status {found}"));
    }
    let reason = format!("exit status {found}, wanted {wanted}");
    // `command; echo "exit: $?"`
    match printed_status(observed.stdout).filter(|_| found == 0) {
        Some(printed) if i64::try_from(printed) == Ok(i64::from(wanted)) => {
            Judgement::ask(format!("{reason}, but the output says {printed}"))
        }
        _ => Judgement::fail(reason),
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
    let silent = observed.stdout.trim().is_empty()
        && (observed.stderr.trim().is_empty() || count::nothing_found(observed.stderr));
    match &expectation.check {
        // grep finds nothing: status 1 and silence
        Check::Count { min: 0, .. } if exit_code == 1 && silent && !observed.truncated => {
            Judgement::pass("no output, and exit status 1 says that nothing was found")
        }
        Check::HttpStatus { status } => http::judge_failed(*status, observed, exit_code),
        Check::Person if says_status(&expectation.text, observed.stdout, exit_code) => {
            Judgement::ask(format!("exit status {exit_code}; whether that is meant is for a person"))
        }
        check if means_it(check, observed, exit_code) => Judgement::ask(format!(
            "the output is `{}`, with exit status {exit_code}",
            shorten(observed.stdout)
        )),
        _ => Judgement::fail(format!("exit status {exit_code}")),
    }
}

/// Some programs say what they found with their exit status too: `grep -c` prints 0 and ends with 1, `systemctl
/// is-active` prints `inactive` and ends with 3.
fn means_it(check: &Check, observed: &Observed<'_>, exit_code: i32) -> bool {
    const STATES: &[&str] =
        &["inactive", "failed", "activating", "deactivating", "disabled", "masked", "static"];
    let stdout = observed.stdout.trim();
    if !observed.stderr.trim().is_empty() || observed.truncated {
        return false;
    }
    match check {
        Check::Count { min: 0, .. } => exit_code == 1 && stdout == "0",
        Check::Number { .. } | Check::Range { .. } => {
            let holds = Want::of(check).is_some_and(|want| {
                let scan = scan::line(stdout);
                want.unit.is_none()
                    && matches!(scan.amounts.as_slice(), [one] if want.judge(one) == Verdict::Yes)
            });
            exit_code == 1 && stdout == "0" && holds
        }
        Check::Contains { text } => matches!(exit_code, 1 | 3) && stdout == text && STATES.contains(&stdout),
        Check::Output { text, .. } => {
            let own = exit_code == 1 && stdout == "0" || exit_code == 3 && STATES.contains(&stdout);
            own && stdout == text.trim()
        }
        _ => false,
    }
}

/// `exit code 3`, and `0 errors` of `grep -c`, which prints 0 and ends with 1.
fn says_status(text: &str, stdout: &str, exit_code: i32) -> bool {
    let lower = text.to_lowercase();
    let named = lower.split(|c: char| !c.is_alphanumeric()).any(|word| word == exit_code.to_string());
    (lower.starts_with("exit") && named)
        || (exit_code == 1 && stdout.trim() == "0" && lower.starts_with("0 "))
}

/// The last line of `command; echo "exit: $?"`.
fn printed_status(stdout: &str) -> Option<u64> {
    let last = stdout.trim().lines().next_back()?.to_lowercase();
    let rest = ["exit code", "exit status", "exit", "rc"].iter().find_map(|lead| last.strip_prefix(lead))?;
    whole(rest.trim_start_matches([' ', ':', '=']))
}

/// A program's last words.
fn crash<'a>(observed: &Observed<'a>) -> Option<&'a str> {
    const STARTS: &[&str] =
        &["Traceback (", "panic: ", "Exception in thread ", "Unhandled exception", "Segmentation fault"];
    observed
        .stdout
        .lines()
        .chain(observed.stderr.lines())
        .map(str::trim)
        .find(|line| STARTS.iter().any(|start| line.starts_with(start)) || line.contains("' panicked at "))
}

fn says_time_was_up(observed: &Observed<'_>) -> bool {
    let phrases = ["timed out waiting for the condition", "context deadline exceeded"];
    phrases.iter().any(|phrase| observed.stderr.contains(phrase) || observed.stdout.contains(phrase))
}

fn ended_well(expectation: &Expectation, observed: &Observed<'_>) -> Judgement {
    match expectation.check {
        Check::ExitZero => {
            return match printed_status(observed.stdout).filter(|_| !expectation.text.is_empty()) {
                Some(status) if status != 0 => {
                    Judgement::ask(format!("exit status 0, but the output says {status}"))
                }
                _ => match crash(observed).filter(|_| !expectation.text.is_empty()) {
                    Some(line) => Judgement::ask(format!("exit status 0, but it shows `{}`", shorten(line))),
                    None => Judgement::pass("exit status 0"),
                },
            };
        }
        // judged by the status alone, before this
        Check::ExitStatus { .. } => return Judgement::fail("exit status 0"),
        Check::Person => return Judgement::ask("exit status 0; whether the output shows it is for a person"),
        _ => {}
    }
    if observed.truncated {
        return Judgement::ask("part of the output was dropped");
    }
    let shown = output::read(observed.stdout);
    let stderr = output::visible(observed.stderr).0;
    let judgement = match &expectation.check {
        Check::Ratio { have, want, word } => ratio::judge(*have, *want, word.as_deref(), &shown),
        Check::EveryRow { word } => ratio::every_row(word, &shown),
        Check::Named { name, .. } => match Want::of(&expectation.check) {
            Some(want) => pairs::judge_number(name, &want, &shown.all),
            None => Judgement::ask("the unit is not known"),
        },
        Check::Count { min, max } => count::judge(*min, *max, &expectation.text, &shown, &stderr),
        check @ (Check::Number { .. } | Check::Range { .. }) => match Want::of(check) {
            Some(want) => number::judge(&want, &shown),
            None => Judgement::ask("the unit is not known"),
        },
        Check::HttpStatus { status } => http::judge(*status, &output::visible(observed.stdout).0, &stderr),
        Check::Contains { text } => contains::judge(text, &shown.all, &stderr),
        Check::Output { text, sample } => output_block(text, *sample, observed),
        // of a request for the head alone, the headers are what there is
        Check::Pairs { pairs } if shown.all.trim().is_empty() => pairs::judge(pairs, &shown.head),
        Check::Pairs { pairs } => pairs::judge(pairs, &shown.all),
        Check::ExitZero | Check::ExitStatus { .. } | Check::Person => Judgement::ask("for a person"),
    };
    if judgement.outcome != Outcome::Pass {
        // nothing is left of the output: what was taken out is the reason
        let status = matches!(expectation.check, Check::HttpStatus { .. });
        let nothing = !status && judgement.outcome == Outcome::Fail && shown.all.trim().is_empty();
        return match shown.doubt.filter(|_| nothing) {
            Some(doubt) => Judgement::ask(format!("{}, but {doubt}", judgement.reason)),
            None => judgement,
        };
    }
    // what a server answers with a bad status is not what this check is about
    let doubt = shown.doubt.filter(|_| !matches!(expectation.check, Check::HttpStatus { .. }));
    if let Some(doubt) = doubt {
        return Judgement::ask(format!("{}, but {doubt}", judgement.reason));
    }
    if matches!(expectation.check, Check::HttpStatus { .. }) {
        return judgement;
    }
    // an earlier line of the command may have failed although the last one did not
    if let Some(line) = output::error_line(&shown.all).or_else(|| output::error_line(&stderr)) {
        return Judgement::ask(format!("{}, but there is an error too: {}", judgement.reason, shorten(line)));
    }
    if let Some(error) = said_otherwise(expectation, &shown.all, &stderr) {
        return Judgement::ask(format!("{}, but {error}", judgement.reason));
    }
    if let Some(line) = stderr.lines().find(|line| output::warning(line) && output::takes_back(line)) {
        return Judgement::ask(format!("{}, but there is a warning: {}", judgement.reason, shorten(line)));
    }
    judgement
}

/// All that is written against a block of the document.
fn output_block(text: &str, sample: bool, observed: &Observed<'_>) -> Judgement {
    let stdout = output::visible(observed.stdout).0;
    if let Some(judged) = block::judge(text, &stdout) {
        return judged;
    }
    if let Some(typed) = block::typed(text).filter(|_| !sample) {
        return block::by_type(&typed.check, ended_well(&typed, observed), &stdout);
    }
    if stdout.trim().is_empty() && observed.stderr.trim().is_empty() && !sample {
        return Judgement::fail("no output, wanted the expected one");
    }
    block::differs(&stdout)
}

/// An error that the command shows and does not end with: in its log, in a server's answer, in curl's `-v`.
fn said_otherwise(expectation: &Expectation, stdout: &str, stderr: &str) -> Option<String> {
    let is_count = matches!(expectation.check, Check::Count { .. });
    if let Some((level, line)) = output::logged_error(stdout)
        && !is_count
        && !expectation.text.contains(level)
    {
        return Some(format!("there is an error too: {}", shorten(line)));
    }
    let asked = |name: &str| match &expectation.check {
        Check::Named { name: key, .. } => key == name,
        Check::Pairs { pairs } => pairs.iter().any(|(key, _)| key == name),
        _ => false,
    };
    if let Some((name, said)) = json::own_error(stdout).filter(|(name, _)| !asked(name)) {
        return Some(format!("`{name}` is `{}`", shorten(&said)));
    }
    let status = http::statuses(stderr).into_iter().find(|status| !(200..300).contains(status))?;
    Some(format!("the answer's status is {status}"))
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
