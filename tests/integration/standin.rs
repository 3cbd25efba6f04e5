//! The second, independent stand-in for Slack and PagerDuty: a Python script that knows nothing of ours.

use std::path::Path;

use blocks_exec::find_program;
use blocks_tests::{Finished, base_environment, blocks, repository, run_in};

async fn stand_in(arguments: &[&str], folder: &Path) -> Finished {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let Some(python) = find_program("python3", &path) else { panic!("not run: python3 is missing") };
    let script = repository().join("tests/standin/standin.py").display().to_string();
    let mut all = vec![script.as_str()];
    all.extend(arguments);
    run_in(&python, &all, &base_environment(None, folder), folder).await
}

/// Its closing line, `N passed, M failed`, must agree with its exit code, or it did not get that far.
#[track_caller]
fn assert_all_passed(finished: &Finished, at_least: u32) {
    let last = finished.stdout.trim_end().lines().last().unwrap_or_default();
    let mut words = last.split([' ', ',']).filter(|word| !word.is_empty());
    let (passed, word, failed, end) = (words.next(), words.next(), words.next(), words.next());
    assert_eq!((word, end), (Some("passed"), Some("failed")), "no closing line: {finished:?}");
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<u32>().ok()).unwrap_or(u32::MAX);
    let not_ok: Vec<_> = finished.stdout.lines().filter(|line| !line.starts_with("ok ")).collect();
    assert_eq!((finished.code, number(failed)), (0, 0), "{}\n{}", not_ok.join("\n"), finished.stderr);
    let passed = number(passed);
    assert!((at_least..u32::MAX).contains(&passed), "only {passed} checks were made: {last}");
}

#[tokio::test]
async fn its_checks_can_fail() {
    let folder = tempfile::tempdir().unwrap();
    assert_all_passed(&stand_in(&["--selftest"], folder.path()).await, 20);
}

#[tokio::test]
async fn it_drives_blocks_from_page_to_resolve() {
    let folder = tempfile::tempdir().unwrap();
    let workdir = folder.path().join("walk").display().to_string();
    let program = blocks().display().to_string();
    let finished = stand_in(&["--blocks", &program, "--workdir", &workdir], folder.path()).await;
    assert_all_passed(&finished, 55);
}
