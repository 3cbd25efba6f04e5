//! Judging: never a false pass.

use runbook_core::expectation::{Check, Expectation, Observed, Outcome, classify, judge, judge_command};

use super::decoded;

/// The first byte says how the command ended, the first line is the expectation, then stdout; behind a line of `%%`,
/// stderr.
pub fn judging(data: &[u8]) {
    let (flags, rest) = data.split_first().map_or((0, data), |(first, rest)| (*first, rest));
    let text = decoded(rest);
    let (expected, output) = text.split_once('\n').unwrap_or((&text, ""));
    let (stdout, stderr) = output.split_once("%%\n").unwrap_or((output, ""));
    let expectation = classify(expected);
    let observed = Observed {
        exit_code: match flags & 7 {
            0..=3 => Some(0),
            4 => Some(1),
            5 => Some(22),
            6 => Some(i32::from(flags)),
            _ => None,
        },
        stdout,
        stderr,
        truncated: flags & 8 != 0,
        elapsed_ms: if flags & 16 == 0 { 10 } else { 90_000 },
        timed_out: flags & 32 != 0,
    };
    let judgement = judge(&expectation, &observed);
    assert_eq!(judgement, judge(&expectation, &observed), "judged twice, judged in two ways");
    assert!(!judgement.reason.is_empty(), "{expectation:?}: no reason");
    let all = judge_command(std::slice::from_ref(&expectation), &observed);
    assert_eq!(all, std::slice::from_ref(&judgement));
    if judgement.outcome == Outcome::Pass {
        may_pass(&expectation, &observed);
    }
    let implicit = judge_command(&[], &observed);
    let ended_well = observed.exit_code == Some(0) && !observed.timed_out;
    assert_eq!(implicit.iter().all(|one| one.outcome == Outcome::Pass), ended_well, "{observed:?}");
}

/// What stands in the way of a pass, whatever the words are.
fn may_pass(expectation: &Expectation, observed: &Observed<'_>) {
    let Expectation { check, within_ms, .. } = expectation;
    assert!(
        !observed.timed_out && observed.exit_code.is_some(),
        "passed without an end: {check:?} {observed:?}"
    );
    assert!(*check != Check::Person, "passed for a person: {observed:?}");
    assert!(
        !observed.truncated || matches!(check, Check::ExitZero | Check::ExitStatus { .. }),
        "passed although output was dropped: {check:?} {observed:?}"
    );
    assert!(within_ms.is_none_or(|ms| observed.elapsed_ms <= ms), "passed too late: {check:?} {observed:?}");
    let silent = observed.stdout.trim().is_empty();
    let needs_output = match check {
        // curl may say the status on stderr, and a text may stand there too
        Check::Contains { .. } | Check::HttpStatus { .. } => observed.stderr.trim().is_empty(),
        Check::Ratio { .. } | Check::EveryRow { .. } | Check::Pairs { .. } => true,
        Check::Number { .. } | Check::Named { .. } | Check::Range { .. } => true,
        Check::Count { min, .. } => *min > 0,
        // a block such as `(0 rows)` may be judged as a count
        Check::ExitZero | Check::ExitStatus { .. } | Check::Output { .. } | Check::Person => false,
    };
    assert!(!(silent && needs_output), "passed without output: {check:?} {observed:?}");
    match observed.exit_code {
        Some(0) => {}
        Some(code) if *check == (Check::ExitStatus { status: code }) => {}
        // grep finds nothing
        Some(1) => assert!(
            matches!(check, Check::Count { min: 0, .. }) && silent && observed.stderr.trim().is_empty(),
            "passed with exit status 1: {check:?} {observed:?}"
        ),
        // curl -f and a request step name the status
        Some(22) => assert!(
            matches!(check, Check::HttpStatus { .. }) && observed.stderr.contains(": (22)"),
            "passed with exit status 22: {check:?} {observed:?}"
        ),
        code => panic!("passed with exit status {code:?}: {check:?} {observed:?}"),
    }
}
