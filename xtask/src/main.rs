//! Project chores. `cargo xtask test` is what the README names and what CI runs.
//!
//! It checks the form (rustfmt, clippy, rustdoc), builds the binary under test, and runs every test. What a machine
//! cannot do is said as "not run" with the reason; in CI that is a failure.

use std::ffi::OsStr;
use std::process::{Command, ExitCode};

/// Programs that the tests start. All of them come with a plain Linux, or from its package manager.
const NEEDED: &[&str] = &["bash", "curl", "python3"];

fn main() -> ExitCode {
    let task = std::env::args().nth(1).unwrap_or_default();
    let done = match task.as_str() {
        "test" => test(),
        "check" => check(),
        _ => {
            say(
                "usage: cargo xtask test | check\n  test   form, build and every test (what CI runs)\n  check  form only: rustfmt, clippy, rustdoc",
            );
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say(&format!("xtask: {failure}"));
            ExitCode::FAILURE
        }
    }
}

/// Why a chore stopped.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("`{0}` failed")]
    Step(String),
    #[error("`{step}` could not be started: {source}")]
    Start { step: String, source: std::io::Error },
    #[error("not run: {0} is missing; hint: install it with the system's package manager")]
    Missing(&'static str),
}

fn check() -> Result<(), Failure> {
    cargo(&["fmt", "--all", "--check"], &[])?;
    cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"], &[])?;
    cargo(
        &["doc", "--workspace", "--no-deps", "--locked", "--document-private-items"],
        &[("RUSTDOCFLAGS", "-D warnings")],
    )
}

fn test() -> Result<(), Failure> {
    for program in NEEDED {
        if !runs(program) {
            return Err(Failure::Missing(program));
        }
    }
    // The licence test reads every platform's packages without asking the network again.
    cargo(&["fetch", "--locked"], &[])?;
    check()?;
    cargo(&["build", "--locked", "--bin", "blocks"], &[])?;
    // six fuzz functions, so long each
    cargo(&["test", "--workspace", "--locked", "--no-fail-fast"], &[("BLOCKS_FUZZ_SECS", "30")])
}

#[expect(clippy::disallowed_methods, reason = "chores start cargo and ask whether programs are there")]
fn runs(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

#[expect(clippy::disallowed_methods, reason = "chores start cargo and ask whether programs are there")]
fn cargo(arguments: &[&str], environment: &[(&str, &str)]) -> Result<(), Failure> {
    let step = format!("cargo {}", arguments.join(" "));
    say(&format!("== {step}"));
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsStr::new("cargo").to_owned());
    let status = Command::new(cargo)
        .args(arguments)
        .envs(environment.iter().copied())
        .status()
        .map_err(|source| Failure::Start { step: step.clone(), source })?;
    if status.success() { Ok(()) } else { Err(Failure::Step(step)) }
}

#[expect(clippy::print_stderr, reason = "a chore speaks to the person who runs it")]
fn say(text: &str) {
    eprintln!("{text}");
}
